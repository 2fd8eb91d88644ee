// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset of one function, even while our own remove() holds its device lock
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/pci.h>

#include "compat_pci.h"
#include "stub.h"
#include "stub_trace.h"

/* longest wait for the device lock: sysfs, error recovery and PM hold it briefly */
#define RESET_LOCK_MS	10000
#define RESET_RETRY_MS	5

/* the same in remove(), after a reset that has waited already; a neighbour's FLR takes 100 ms */
#define CLEAN_LOCK_MS	2000

/**
 * riod_stub_state_lock() - take the device lock to save or restore config space
 * @fn: function; the caller holds @fn->lock
 *
 * pci_save_state() and pci_restore_state() use one copy in the pci_dev.  Resets from
 * elsewhere and error recovery use it, too, under this lock.  The wait is bounded, see
 * riod_stub_func_reset().
 * Return: 1: taken; 0: our own remove() holds it, and waits for this thread; -EAGAIN:
 * the lock stayed taken.
 */
int riod_stub_state_lock(struct riod_stub_func *fn)
{
	unsigned long end = jiffies + msecs_to_jiffies(RESET_LOCK_MS);

	lockdep_assert_held(&fn->lock);
	do {
		/* pairs with riod_stub_remove(), which sets it after taking the device lock */
		if (smp_load_acquire(&fn->sdev->leaving))
			return 0;
		if (device_trylock(&fn->pdev->dev))
			return 1;
		msleep(RESET_RETRY_MS);
	} while (time_before(jiffies, end));
	return -EAGAIN;
}

/* @locked: return value of riod_stub_state_lock() */
void riod_stub_state_unlock(struct riod_stub_func *fn, int locked)
{
	if (locked > 0)
		device_unlock(&fn->pdev->dev);
}

/*
 * Like pci_reset_function(), but never waits for a lock.  Takes the bridge's
 * device lock, because a bus reset must exclude the bridge's other users, then
 * the function's, unless our own remove() holds it for us.
 *
 * The PCI core waits a minute for a device that does not come back, and then tries its
 * next method, so a device that is absent before is not reset at all.  It is asked with
 * the locks held: while another thread resets it, a device may not respond either.
 */
static int reset_try(struct riod_stub_dev *sdev)
{
	struct pci_dev *pdev = sdev->pdev;
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	/* pairs with riod_stub_remove(), which sets it after taking the device lock */
	bool held = smp_load_acquire(&sdev->leaving);
	int ret = -EAGAIN;

	if (bridge && !pci_dev_trylock(bridge))
		return -EAGAIN;
	if (held ? !pci_cfg_access_trylock(pdev) : !pci_dev_trylock(pdev))
		goto out_bridge;

	if (pci_device_is_present(pdev)) {
		/* under the device lock; riod_stub_reset_prepare() reads it within this call */
		sdev->own_reset = true;
		ret = pci_reset_function_locked(pdev);
		sdev->own_reset = false;
	} else {
		ret = -ENODEV;
	}

	if (held)
		pci_cfg_access_unlock(pdev);
	else
		pci_dev_unlock(pdev);
out_bridge:
	if (bridge)
		pci_dev_unlock(bridge);
	return ret;
}

/* reset_try() until it gets its locks, for at most @ms */
static int reset_retry(struct riod_stub_dev *sdev, unsigned int ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);
	int ret;

	while ((ret = reset_try(sdev)) == -EAGAIN && time_before(jiffies, end))
		msleep(RESET_RETRY_MS);
	return ret;
}

/**
 * riod_stub_func_reset() - reset a function by the best method it has
 * @fn: function, powered; the caller holds @fn->lock; interrupts are off
 *
 * Config space is preserved, except that bus master is clear afterwards: it is
 * cleared before the state is saved, so the restore cannot set it after a fence.
 * Meanwhile a fence leaves the command register alone (@resetting): a write
 * during a reset has no defined effect (PCIe 6.6.2), and bus master is clear.
 *
 * A remove() that begins meanwhile holds the device lock while it waits for the
 * export to end, and so for this function.  It sets @leaving first, so the next
 * attempt here proceeds under its lock.
 *
 * Return: 0; -ENOTTY if there is no reset method; -EAGAIN if a device lock stayed
 * taken; -ENODEV if the device does not respond; the error of the reset method.
 */
int riod_stub_func_reset(struct riod_stub_func *fn)
{
	int ret;

	lockdep_assert_held(&fn->lock);
	riod_stub_fence_hold(fn, true);
	ret = reset_retry(fn->sdev, RESET_LOCK_MS);
	riod_stub_fence_hold(fn, false);
	trace_riod_stub_reset(pci_name(fn->pdev), ret);
	return ret;
}

/* FLR needs nothing of the bridge, so it does without the bridge's lock */
static int clean_flr(struct pci_dev *pdev)
{
	int ret;

	if (!pci_cfg_access_trylock(pdev))
		return -EAGAIN;
	ret = -ENODEV;
	if (pci_device_is_present(pdev)) {
		pci_clear_master(pdev);
		pci_save_state(pdev);
		ret = pcie_reset_flr(pdev, PCI_RESET_DO_RESET);
		pci_restore_state(pdev);
	}
	pci_cfg_access_unlock(pdev);
	return ret;
}

/**
 * riod_stub_dev_clean() - reset a function in remove() that could not be reset after use
 * @sdev: function, not exported; its device lock is held, @leaving is set
 *
 * A reset from elsewhere (sysfs) that waits for the device lock holds the bridge's, and so
 * outlasts every retry: then only FLR is possible, if the administrator has not taken it
 * out of the device's reset methods.  If this fails, too, the next driver finds the
 * device's queues as the last guest left them.  A device that does not respond has no
 * next driver.
 */
void riod_stub_dev_clean(struct riod_stub_dev *sdev)
{
	struct pci_dev *pdev = sdev->pdev;
	int ret;

	device_lock_assert(&pdev->dev);
	/* before the retries, because nobody resets it: they hold the device lock, or wait */
	if (!pci_device_is_present(pdev))
		return;
	ret = reset_retry(sdev, CLEAN_LOCK_MS);
	if (ret == -EAGAIN && riod_compat_flr_chosen(pdev) &&
	    !pcie_reset_flr(pdev, PCI_RESET_PROBE))
		ret = clean_flr(pdev);
	if (ret == -ENODEV)
		return;
	if (ret)
		pci_err(pdev, "leaves riod_stub without a reset (%d): it may hold what its last user left, and use it; power-cycle the device before a driver gets it\n",
			ret);
	else
		pci_info(pdev, "could not be reset after use, and was now\n");
}

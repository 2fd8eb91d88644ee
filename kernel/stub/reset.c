// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset of one function, even while our own remove() holds its device lock
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/pci.h>

#include "stub.h"
#include "stub_trace.h"

/* longest wait for the device lock: sysfs, error recovery and PM hold it briefly */
#define RESET_LOCK_MS	10000
#define RESET_RETRY_MS	5

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
 */
static int reset_try(struct riod_stub_func *fn)
{
	struct pci_dev *pdev = fn->pdev;
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	/* pairs with riod_stub_remove(), which sets it after taking the device lock */
	bool held = smp_load_acquire(&fn->sdev->leaving);
	int ret = -EAGAIN;

	if (bridge && !pci_dev_trylock(bridge))
		return -EAGAIN;
	if (held ? !pci_cfg_access_trylock(pdev) : !pci_dev_trylock(pdev))
		goto out_bridge;

	/* under the device lock; riod_stub_reset_prepare() reads it within this call */
	fn->sdev->own_reset = true;
	ret = pci_reset_function_locked(pdev);
	fn->sdev->own_reset = false;

	if (held)
		pci_cfg_access_unlock(pdev);
	else
		pci_dev_unlock(pdev);
out_bridge:
	if (bridge)
		pci_dev_unlock(bridge);
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
 * taken; the error of the reset method.
 */
int riod_stub_func_reset(struct riod_stub_func *fn)
{
	unsigned long end = jiffies + msecs_to_jiffies(RESET_LOCK_MS);
	int ret;

	lockdep_assert_held(&fn->lock);
	riod_stub_fence_hold(fn, true);
	while ((ret = reset_try(fn)) == -EAGAIN && time_before(jiffies, end))
		msleep(RESET_RETRY_MS);
	riod_stub_fence_hold(fn, false);
	trace_riod_stub_reset(pci_name(fn->pdev), ret);
	return ret;
}

/**
 * riod_stub_dev_clean() - reset a function in remove() that could not be reset after use
 * @sdev: function, not exported; its device lock is held
 *
 * If this fails, too, the next driver finds the device's queues as the last guest left
 * them.
 */
void riod_stub_dev_clean(struct riod_stub_dev *sdev)
{
	struct pci_dev *bridge = pci_upstream_bridge(sdev->pdev);
	int ret = -EAGAIN;

	if (!bridge || pci_dev_trylock(bridge)) {
		ret = pci_reset_function_locked(sdev->pdev);
		if (bridge)
			pci_dev_unlock(bridge);
	}
	if (ret)
		pci_err(sdev->pdev, "leaves riod_stub without a reset (%d): it may hold what its last user left, and use it; power-cycle the device before a driver gets it\n",
			ret);
	else
		pci_info(sdev->pdev, "could not be reset after use, and was now\n");
}

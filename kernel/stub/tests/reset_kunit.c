// SPDX-License-Identifier: GPL-2.0-only
/*
 * reset_kunit.c - resets of a function, with a bridge whose lock may be taken
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/pci.h>

/* bench.c has a replacement of the same name */
#define riod_stub_func_reset	reset_func_reset

#include "../stub.h"
#include "../stub_trace.h"

#define FOREVER	(~0u)

/**
 * struct slot - a function below a bridge
 * @sdev: the function, as the stub's driver has it
 * @fn: the function, as an export has it
 * @pdev: its PCI device
 * @bridge: the bridge
 * @now: replaces jiffies; advances while the code sleeps
 * @busy_ms: for how long somebody holds the bridge's lock
 * @cfg_busy: somebody holds the config access lock
 * @gone: the device was removed
 * @goes_ms: the device is removed then; 0: it stays
 * @has_flr: the device has FLR
 * @bridge_locked: the stub holds the bridge's lock
 * @locked: the stub took the device lock itself
 * @cfg_locked: the stub holds the config access lock
 * @own: riod_stub_dev.own_reset was set during the last reset
 * @nresets: resets by the best method
 * @nflr: FLRs without the bridge's lock
 * @unsaved: FLRs outside pci_save_state() and pci_restore_state()
 * @open: resets during which others could access config space
 * @saved: config space was saved and not yet restored
 * @held: the fence is held off
 * @nfailed: messages that the device leaves without a reset
 */
struct slot {
	struct riod_stub_dev sdev;
	struct riod_stub_func fn;
	struct pci_dev pdev, bridge;
	unsigned long now;
	unsigned int busy_ms;
	bool cfg_busy;
	bool gone;
	unsigned int goes_ms;
	bool has_flr;
	bool bridge_locked;
	bool locked;
	bool cfg_locked;
	bool own;
	unsigned int nresets;
	unsigned int nflr;
	unsigned int unsaved;
	unsigned int open;
	bool saved;
	bool held;
	unsigned int nfailed;
};

/* global, because the fakes get no pointer to it; tests run one at a time */
static struct slot *slot;

static unsigned int slept_ms(void)
{
	return jiffies_to_msecs(slot->now);
}

static struct pci_dev *fake_upstream_bridge(struct pci_dev *pdev)
{
	return &slot->bridge;
}

static bool fake_cfg_trylock(struct pci_dev *pdev)
{
	if (slot->cfg_busy)
		return false;
	slot->cfg_locked = true;
	return true;
}

static void fake_cfg_unlock(struct pci_dev *pdev)
{
	slot->cfg_locked = false;
}

static int fake_dev_trylock(struct pci_dev *pdev)
{
	if (pdev == &slot->bridge) {
		slot->bridge_locked = slot->busy_ms != FOREVER && slept_ms() >= slot->busy_ms;
		return slot->bridge_locked;
	}
	/* as remove() holds it, a try fails */
	slot->locked = !slot->sdev.leaving && fake_cfg_trylock(pdev);
	return slot->locked;
}

static void fake_dev_unlock(struct pci_dev *pdev)
{
	if (pdev == &slot->bridge) {
		slot->bridge_locked = false;
		return;
	}
	slot->locked = false;
	fake_cfg_unlock(pdev);
}

static int fake_reset(struct pci_dev *pdev)
{
	slot->nresets++;
	slot->open += !slot->cfg_locked || !slot->bridge_locked;
	slot->own = slot->sdev.own_reset;
	return 0;
}

static int fake_flr(struct pci_dev *pdev, bool probe)
{
	if (!slot->has_flr)
		return -ENOTTY;
	if (probe)
		return 0;
	slot->nflr++;
	slot->open += !slot->cfg_locked;
	slot->unsaved += !slot->saved;
	return 0;
}

static int fake_save(struct pci_dev *pdev)
{
	slot->saved = true;
	return 0;
}

static void fake_restore(struct pci_dev *pdev)
{
	slot->saved = false;
}

static void fake_clear_master(struct pci_dev *pdev)
{
}

static bool fake_is_present(struct pci_dev *pdev)
{
	/* while another thread resets it, it does not respond */
	slot->open += !slot->cfg_locked && !slot->sdev.leaving;
	return !slot->gone && (!slot->goes_ms || slept_ms() < slot->goes_ms);
}

static bool fake_device_trylock(struct device *dev)
{
	return !slot->sdev.leaving;
}

static void fake_device_unlock(struct device *dev)
{
}

static void fake_sleep(unsigned int ms)
{
	slot->now += msecs_to_jiffies(ms);
}

/* as in fence.c */
void riod_stub_fence_hold(struct riod_stub_func *fn, bool held)
{
	slot->held = held;
}

#undef pci_err
#undef pci_info
#undef jiffies
#undef device_lock_assert
#define pci_err(pdev, ...)			(slot->nfailed += !!(pdev))
#define pci_info(pdev, ...)			((void)(pdev))
#define jiffies					(slot->now)
#define device_lock_assert(dev)			((void)(dev))
#define msleep(ms)				fake_sleep(ms)
#define device_trylock(dev)			fake_device_trylock(dev)
#define device_unlock(dev)			fake_device_unlock(dev)
#define pci_name(pdev)				((void)(pdev), "test")
#define trace_riod_stub_reset(name, ret)	((void)(name), (void)(ret))
#define pci_upstream_bridge			fake_upstream_bridge
#define pci_dev_trylock				fake_dev_trylock
#define pci_dev_unlock				fake_dev_unlock
#define pci_cfg_access_trylock			fake_cfg_trylock
#define pci_cfg_access_unlock			fake_cfg_unlock
#define pci_reset_function_locked		fake_reset
#define pcie_reset_flr				fake_flr
#define pci_save_state				fake_save
#define pci_restore_state			fake_restore
#define pci_clear_master			fake_clear_master
#define pci_device_is_present			fake_is_present

#include "../reset.c"

static int slot_init(struct kunit *test)
{
	slot = kunit_kzalloc(test, sizeof(*slot), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, slot);
	slot->sdev.pdev = &slot->pdev;
	slot->fn.sdev = &slot->sdev;
	slot->fn.pdev = &slot->pdev;
	mutex_init(&slot->fn.lock);
	/* flr and bus, as for sysfs */
	slot->pdev.reset_methods[0] = 3;
	slot->pdev.reset_methods[1] = 6;
	return 0;
}

static void slot_exit(struct kunit *test)
{
	if (!slot)
		return;
	KUNIT_EXPECT_FALSE(test, slot->bridge_locked);
	KUNIT_EXPECT_FALSE(test, slot->locked);
	KUNIT_EXPECT_FALSE(test, slot->cfg_locked);
	KUNIT_EXPECT_FALSE(test, slot->held);
	KUNIT_EXPECT_FALSE(test, slot->saved);
	KUNIT_EXPECT_FALSE(test, slot->sdev.own_reset);
	KUNIT_EXPECT_EQ(test, slot->open, 0);
	KUNIT_EXPECT_EQ(test, slot->unsaved, 0);
}

static int func_reset(void)
{
	int ret;

	mutex_lock(&slot->fn.lock);
	ret = riod_stub_func_reset(&slot->fn);
	mutex_unlock(&slot->fn.lock);
	return ret;
}

static void clean(void)
{
	slot->sdev.leaving = true;
	riod_stub_dev_clean(&slot->sdev);
}

/* ------------------------------------------------------------ tests */

static void func_waits_for_bridge(struct kunit *test)
{
	slot->busy_ms = 5000;
	KUNIT_EXPECT_EQ(test, func_reset(), 0);
	KUNIT_EXPECT_EQ(test, slot->nresets, 1);
	KUNIT_EXPECT_TRUE(test, slot->own);
}

/* remove() holds the device lock and waits for this thread */
static void func_while_leaving(struct kunit *test)
{
	slot->sdev.leaving = true;
	KUNIT_EXPECT_EQ(test, func_reset(), 0);
	KUNIT_EXPECT_EQ(test, slot->nresets, 1);
	KUNIT_EXPECT_EQ(test, slept_ms(), 0);
}

static void func_gives_up(struct kunit *test)
{
	slot->busy_ms = FOREVER;
	KUNIT_EXPECT_EQ(test, func_reset(), -EAGAIN);
	KUNIT_EXPECT_EQ(test, slot->nresets, 0);
	KUNIT_EXPECT_GE(test, slept_ms(), RESET_LOCK_MS);
}

/* each method would wait a minute for it */
static void func_gone(struct kunit *test)
{
	slot->gone = true;
	KUNIT_EXPECT_EQ(test, func_reset(), -ENODEV);
	KUNIT_EXPECT_EQ(test, slot->nresets, 0);
	KUNIT_EXPECT_EQ(test, slept_ms(), 0);
}

/* removed while somebody held the bridge's lock */
static void func_goes(struct kunit *test)
{
	slot->busy_ms = 5000;
	slot->goes_ms = 3000;
	KUNIT_EXPECT_EQ(test, func_reset(), -ENODEV);
	KUNIT_EXPECT_EQ(test, slot->nresets, 0);
}

/* another function below the bridge is being reset */
static void clean_beside_neighbour(struct kunit *test)
{
	slot->has_flr = true;
	slot->busy_ms = 100;
	clean();
	KUNIT_EXPECT_EQ(test, slot->nresets, 1);
	KUNIT_EXPECT_EQ(test, slot->nflr, 0);
	KUNIT_EXPECT_TRUE(test, slot->own);
	KUNIT_EXPECT_EQ(test, slot->nfailed, 0);
}

/* somebody holds the bridge's lock and waits for the device lock */
static void clean_by_flr(struct kunit *test)
{
	slot->has_flr = true;
	slot->busy_ms = FOREVER;
	clean();
	KUNIT_EXPECT_EQ(test, slot->nresets, 0);
	KUNIT_EXPECT_EQ(test, slot->nflr, 1);
	KUNIT_EXPECT_EQ(test, slot->nfailed, 0);
	KUNIT_EXPECT_LE(test, slept_ms(), CLEAN_LOCK_MS + 100);
}

/* the same, but the administrator has chosen "bus" only */
static void clean_flr_not_chosen(struct kunit *test)
{
	slot->has_flr = true;
	slot->busy_ms = FOREVER;
	slot->pdev.reset_methods[0] = 6;
	slot->pdev.reset_methods[1] = 0;
	clean();
	KUNIT_EXPECT_EQ(test, slot->nresets + slot->nflr, 0);
	KUNIT_EXPECT_EQ(test, slot->nfailed, 1);
}

/* removed during the retries: nobody is asked to power-cycle it */
static void clean_goes(struct kunit *test)
{
	slot->has_flr = true;
	slot->busy_ms = FOREVER;
	slot->goes_ms = 1000;
	clean();
	KUNIT_EXPECT_EQ(test, slot->nresets + slot->nflr, 0);
	KUNIT_EXPECT_EQ(test, slot->nfailed, 0);
}

static void clean_without_flr(struct kunit *test)
{
	slot->busy_ms = FOREVER;
	clean();
	KUNIT_EXPECT_EQ(test, slot->nresets + slot->nflr, 0);
	KUNIT_EXPECT_EQ(test, slot->nfailed, 1);
	KUNIT_EXPECT_LE(test, slept_ms(), CLEAN_LOCK_MS + 100);
}

static void clean_config_busy(struct kunit *test)
{
	slot->has_flr = true;
	slot->cfg_busy = true;
	clean();
	KUNIT_EXPECT_EQ(test, slot->nresets + slot->nflr, 0);
	KUNIT_EXPECT_EQ(test, slot->nfailed, 1);
}

static void clean_gone(struct kunit *test)
{
	slot->has_flr = true;
	slot->gone = true;
	clean();
	KUNIT_EXPECT_EQ(test, slot->nresets + slot->nflr, 0);
	KUNIT_EXPECT_EQ(test, slot->nfailed, 0);
	KUNIT_EXPECT_EQ(test, slept_ms(), 0);
}

static struct kunit_case reset_cases[] = {
	KUNIT_CASE(func_waits_for_bridge),
	KUNIT_CASE(func_while_leaving),
	KUNIT_CASE(func_gives_up),
	KUNIT_CASE(func_gone),
	KUNIT_CASE(func_goes),
	KUNIT_CASE(clean_beside_neighbour),
	KUNIT_CASE(clean_by_flr),
	KUNIT_CASE(clean_flr_not_chosen),
	KUNIT_CASE(clean_goes),
	KUNIT_CASE(clean_without_flr),
	KUNIT_CASE(clean_config_busy),
	KUNIT_CASE(clean_gone),
	{}
};

static struct kunit_suite reset_suite = {
	.name = "riod_stub_reset",
	.init = slot_init,
	.exit = slot_exit,
	.test_cases = reset_cases,
};

kunit_test_suite(reset_suite);

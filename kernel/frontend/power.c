// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shutdown and sleep of the VMM host
 *
 * All sessions end first, while the network still works: the server hosts get a BYE,
 * and fence and reset their devices at once instead of after lost_ms.
 * kernel/stub/power.c describes which notifier is called when.
 *
 * When the host resumes, guests that were left running find that their function
 * was removed.
 *
 * The PM core takes the device lock of every device.  The removal of a function holds
 * it while VFIO waits for a process to close the function, so the host does not go to
 * sleep before pending removals are complete.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "frontend.h"

static int power_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	riod_fe_att_end_all(RIOD_REASON_SHUTDOWN);
	return NOTIFY_DONE;
}

/* longest time for which sleep is delayed by removals, all of them together */
#define POWER_REMOVE_WAIT	(5 * HZ)

/* attachments that are being removed, with a reference for each */
struct power_removals {
	struct riod_fe_att *atts[RIOD_FE_SLOTS];
	unsigned int n;
};

static int power_take_removal(struct riod_fe_att *att, void *arg)
{
	struct power_removals *r = arg;

	if (!riod_fe_att_is_leaving(att) || WARN_ON_ONCE(r->n == ARRAY_SIZE(r->atts)))
		return 0;
	riod_fe_att_get(att);
	r->atts[r->n++] = att;
	return 0;
}

/* log the VFIO device that keeps a function from being unbound */
static void power_warn(const struct riod_fe_att *att)
{
	const char *name = "vfio*";
	unsigned int i;

	for (i = 0; i < att->nfuncs; i++) {
		if (att->funcs[i] && att->funcs[i]->vfio_name[0]) {
			name = att->funcs[i]->vfio_name;
			break;
		}
	}
	pr_warn("attachment %u: the host does not go to sleep: a process has /dev/vfio/devices/%s open, which keeps the function from being removed (lsof | grep %s)\n",
		att->id, name, name);
}

/* 0; -EBUSY or -EINTR: the removal is still in progress and holds a device lock */
static int power_wait_removed(struct riod_fe_att *att, unsigned long end)
{
	long left = max((long)(end - jiffies), 0L);

	left = wait_for_completion_killable_timeout(&att->removed, left);
	if (left > 0)
		return 0;
	if (left < 0)
		return -EINTR;
	power_warn(att);
	return -EBUSY;
}

/*
 * All sessions are over, so a further removal begins only when the last function of an
 * attachment is closed.  It begins in a freezable work item (riod_fe_att_init()).
 */
static int power_wait_removals(void)
{
	unsigned long end = jiffies + POWER_REMOVE_WAIT;
	struct power_removals r = {};
	int ret = 0;

	riod_fe_att_for_each(0, power_take_removal, &r);
	while (r.n) {
		if (!ret)
			ret = power_wait_removed(r.atts[r.n - 1], end);
		riod_fe_att_put(r.atts[--r.n]);
	}
	return ret;
}

static int power_sleep(struct notifier_block *nb, unsigned long action, void *data)
{
	int ret;

	switch (action) {
	case PM_HIBERNATION_PREPARE:
	case PM_SUSPEND_PREPARE:
	case PM_RESTORE_PREPARE:
		riod_fe_att_end_all(RIOD_REASON_SHUTDOWN);
		ret = power_wait_removals();
		/* a notifier that returns an error does not get the PM_POST_ event */
		if (ret)
			riod_fe_att_resume();
		return notifier_from_errno(ret);
	case PM_POST_HIBERNATION:
	case PM_POST_SUSPEND:
	case PM_POST_RESTORE:
		riod_fe_att_resume();
		return NOTIFY_DONE;
	default:
		return NOTIFY_DONE;
	}
}

/* ahead of the notifiers that shut down network devices */
static struct notifier_block power_reboot_nb = {
	.notifier_call	= power_reboot,
	.priority	= INT_MAX,
};

static struct notifier_block power_sleep_nb = {
	.notifier_call	= power_sleep,
	.priority	= INT_MAX,
};

int riod_fe_power_init(void)
{
	int ret;

	ret = register_reboot_notifier(&power_reboot_nb);
	if (ret)
		return ret;
	ret = register_pm_notifier(&power_sleep_nb);
	if (ret)
		unregister_reboot_notifier(&power_reboot_nb);
	return ret;
}

void riod_fe_power_exit(void)
{
	unregister_pm_notifier(&power_sleep_nb);
	unregister_reboot_notifier(&power_reboot_nb);
}

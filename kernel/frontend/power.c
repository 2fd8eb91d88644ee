// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMM host goes down, or to sleep
 *
 * Each way out ends all sessions first, while the network still works: the server
 * hosts get a BYE, and fence and reset their devices at once instead of after lost_ms.
 * kernel/stub/power.c has which notifier is called when.
 *
 * When the host wakes again, guests that were left running find that their function
 * was removed.
 */
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "frontend.h"

static int power_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	riod_fe_att_end_all(RIOD_REASON_SHUTDOWN);
	return NOTIFY_DONE;
}

static int power_sleep(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == PM_HIBERNATION_PREPARE || action == PM_SUSPEND_PREPARE ||
	    action == PM_RESTORE_PREPARE)
		riod_fe_att_end_all(RIOD_REASON_SHUTDOWN);
	return NOTIFY_DONE;
}

/* ahead of whatever takes down a network */
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

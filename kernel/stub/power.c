// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shutdown, suspend and hibernation of the host
 *
 * Notifiers end all sessions first: the devices are fenced, and the peers get a BYE
 * while the network still works.
 *
 * Reboot, halt and power-off: kernel_restart_prepare() and kernel_shutdown_prepare()
 * call the reboot notifiers, then device_shutdown(), which walks the devices in
 * reverse order and may reach the network card first.  kernel_kexec() calls
 * kernel_restart_prepare(), too, so the next kernel finds the devices at rest.
 * With KEXEC_JUMP, and in a crash, no notifier is called, and the next kernel's IOMMU
 * must deal with the devices.
 *
 * Suspend and hibernation: the PM notifiers are called while user space still runs.
 * The system does not sleep before the devices are at rest.  After resume, peers may
 * attach again; each attachment begins with a reset.
 */
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "stub.h"

static int power_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	riod_stub_exports_close();
	return NOTIFY_DONE;
}

static int power_sleep(struct notifier_block *nb, unsigned long action, void *data)
{
	switch (action) {
	case PM_HIBERNATION_PREPARE:
	case PM_SUSPEND_PREPARE:
	case PM_RESTORE_PREPARE:
		if (riod_stub_exports_close())
			return NOTIFY_DONE;
		riod_stub_exports_reopen();
		pr_warn("the host does not go to sleep: a device is not at rest\n");
		return notifier_from_errno(-EBUSY);
	case PM_POST_HIBERNATION:
	case PM_POST_SUSPEND:
	case PM_POST_RESTORE:
		riod_stub_exports_reopen();
		return NOTIFY_DONE;
	default:
		return NOTIFY_DONE;
	}
}

/* highest priority: before any notifier that stops the network */
static struct notifier_block power_reboot_nb = {
	.notifier_call	= power_reboot,
	.priority	= INT_MAX,
};

static struct notifier_block power_sleep_nb = {
	.notifier_call	= power_sleep,
	.priority	= INT_MAX,
};

int riod_stub_power_init(void)
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

void riod_stub_power_exit(void)
{
	unregister_pm_notifier(&power_sleep_nb);
	unregister_reboot_notifier(&power_reboot_nb);
}

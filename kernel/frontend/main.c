// SPDX-License-Identifier: GPL-2.0-only
/*
 * riod_frontend - virtual functions for devices in other machines
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>

#include "compat_export.h"
#include "frontend.h"

#define CREATE_TRACE_POINTS
#include "frontend_trace.h"

static int __init riod_fe_init(void)
{
	int ret;

	ret = riod_fe_range_init();
	if (ret)
		return ret;
	ret = riod_fe_att_init();
	if (ret)
		goto err_range;
	ret = riod_fe_bridge_init();
	if (ret)
		goto err_att;
	ret = pci_register_driver(&riod_fe_pci_driver);
	if (ret)
		goto err_bridge;
	ret = riod_fe_power_init();
	if (ret)
		goto err_driver;
	/* last: from here on netlink commands run */
	ret = riod_nl_register_frontend(&riod_fe_nl_ops);
	if (ret)
		goto err_power;
	return 0;

err_power:
	riod_fe_power_exit();
err_driver:
	pci_unregister_driver(&riod_fe_pci_driver);
err_bridge:
	riod_fe_bridge_exit();
err_att:
	riod_fe_att_exit();
err_range:
	riod_fe_range_exit();
	return ret;
}

/*
 * Attachments, IOMMU domains and VFIO devices hold references on the module, so none
 * exists.  But the task that dropped the last reference may still execute the module's
 * text: a work item, for which riod_fe_att_exit() waits, or a task that freed a domain
 * or a VFIO device.  That task does not sleep before it has left the text, so it has
 * left once every task has slept (synchronize_rcu_tasks()).
 */
static void __exit riod_fe_exit(void)
{
	riod_nl_unregister_frontend(&riod_fe_nl_ops);
	riod_fe_power_exit();
	riod_fe_att_exit();
	pci_unregister_driver(&riod_fe_pci_driver);
	riod_fe_bridge_exit();
	riod_fe_range_exit();
	synchronize_rcu_tasks();
}

module_init(riod_fe_init);
module_exit(riod_fe_exit);

MODULE_DESCRIPTION("Virtual PCI functions for devices in other machines");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);

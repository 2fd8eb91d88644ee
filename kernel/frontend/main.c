// SPDX-License-Identifier: GPL-2.0-only
/*
 * riod_frontend - virtual functions for devices that are in other machines
 */
#include <linux/module.h>
#include <linux/pci.h>

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
	/* last: from here on commands run */
	ret = riod_nl_register_frontend(&riod_fe_nl_ops);
	if (ret)
		goto err_driver;
	return 0;

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
 * Every attachment pins the module, so there is none; what may still run is the
 * end of a work item that tore the last one down, and riod_fe_att_exit() waits
 * for that.
 */
static void __exit riod_fe_exit(void)
{
	riod_nl_unregister_frontend(&riod_fe_nl_ops);
	riod_fe_att_exit();
	pci_unregister_driver(&riod_fe_pci_driver);
	riod_fe_bridge_exit();
	riod_fe_range_exit();
}

module_init(riod_fe_init);
module_exit(riod_fe_exit);

MODULE_DESCRIPTION("Virtual PCI functions for devices in other machines");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * riod_stub.ko owns PCI functions on the server host and exports them
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/module.h>

#include "compat_export.h"
#include "stub.h"

#define CREATE_TRACE_POINTS
#include "stub_trace.h"

struct riod_stub_objects riod_stub_objects;
struct workqueue_struct *riod_stub_wq;
static struct dentry *riod_stub_debugfs;

static const struct riod_nl_stub_ops riod_stub_nl_ops = {
	.owner		= THIS_MODULE,
	.export_new	= riod_stub_export_new,
	.export_del	= riod_stub_export_del,
	.export_set	= riod_stub_export_set,
	.export_dump	= riod_stub_export_dump,
};

static void __init riod_stub_debugfs_init(void)
{
	struct riod_stub_objects *o = &riod_stub_objects;
	struct dentry *dir = debugfs_create_dir(KBUILD_MODNAME, NULL);

	debugfs_create_atomic_t("devices", 0444, dir, &o->devices);
	debugfs_create_atomic_t("exports", 0444, dir, &o->exports);
	debugfs_create_atomic_t("connections", 0444, dir, &o->connections);
	debugfs_create_atomic_t("attachments", 0444, dir, &o->attachments);
	debugfs_create_atomic_t("shadow_pages", 0444, dir, &o->shadow_pages);
	debugfs_create_atomic_t("mappings", 0444, dir, &o->mappings);
	debugfs_create_atomic_t("leaked_pages", 0444, dir, &o->leaked_pages);
	riod_stub_debugfs = dir;
}

static int __init riod_stub_init(void)
{
	int ret;

	/* handshakes wait for peers: unbound, so that they do not delay other work items */
	riod_stub_wq = alloc_workqueue("riod_stub", WQ_UNBOUND, 0);
	if (!riod_stub_wq)
		return -ENOMEM;

	ret = riod_stub_exports_init();
	if (ret)
		goto err_exports;
	ret = riod_stub_power_init();
	if (ret)
		goto err_power;
	ret = riod_stub_driver_register();
	if (ret)
		goto err_driver;

	riod_stub_debugfs_init();

	/* last: commands may arrive at once and pin the module, so init must not fail after it */
	ret = riod_nl_register_stub(&riod_stub_nl_ops);
	if (ret)
		goto err_netlink;
	return 0;

err_netlink:
	debugfs_remove(riod_stub_debugfs);
	riod_stub_driver_unregister();
err_driver:
	riod_stub_power_exit();
err_power:
	riod_stub_exports_exit();
err_exports:
	destroy_workqueue(riod_stub_wq);
	return ret;
}

static void __exit riod_stub_exit(void)
{
	/* no new exports after this; remove() of the driver removes the existing ones */
	riod_nl_unregister_stub(&riod_stub_nl_ops);
	debugfs_remove(riod_stub_debugfs);
	riod_stub_driver_unregister();
	riod_stub_power_exit();
	/* these wait for the last lines of work items, which hold no module reference */
	riod_stub_exports_exit();
	destroy_workqueue(riod_stub_wq);
}

module_init(riod_stub_init);
module_exit(riod_stub_exit);

MODULE_DESCRIPTION("riod: owns PCI functions and exports them to other hosts");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);

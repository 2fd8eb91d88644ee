// SPDX-License-Identifier: GPL-2.0-only
/*
 * main_kunit.c - the parts of the stub that protect the host from a peer
 *
 * Each suite includes the unchanged sources that it tests, so that they can be
 * built without PCI and without an IOMMU; calls into those are replaced.
 */
#include <linux/module.h>

#include "compat_export.h"
#include "stub.h"

struct riod_stub_objects riod_stub_objects;
struct workqueue_struct *riod_stub_wq;
/* listeners, as in bound.c */
DEFINE_MUTEX(riod_stub_admin);
/* list of exports and handshakes, as in export.c */
DEFINE_MUTEX(riod_stub_lock);
LIST_HEAD(riod_stub_exports);

#ifndef CONFIG_INTERVAL_TREE
#include <linux/interval_tree_generic.h>

#define START(node)	((node)->start)
#define LAST(node)	((node)->last)

/* as in lib/interval_tree.c, which this kernel was built without */
INTERVAL_TREE_DEFINE(struct interval_tree_node, rb, unsigned long, __subtree_last,
		     START, LAST, /* not static */, interval_tree)
#endif

MODULE_DESCRIPTION("KUnit tests of riod's stub");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * main_kunit.c - parts that the suites of the frontend share
 *
 * Each suite includes the sources that it tests, unchanged, and replaces their calls
 * into PCI, VFIO and the IOMMU core, so that it needs none of them.
 */
#include <linux/module.h>

#include "compat_export.h"
#include "frontend.h"

#define CREATE_TRACE_POINTS
#include "frontend_trace.h"

struct workqueue_struct *riod_fe_wq;

#ifndef CONFIG_INTERVAL_TREE
#include <linux/interval_tree_generic.h>

#define START(node)	((node)->start)
#define LAST(node)	((node)->last)

/* as in lib/interval_tree.c, which is not part of this kernel */
INTERVAL_TREE_DEFINE(struct interval_tree_node, rb, unsigned long, __subtree_last,
		     START, LAST, /* not static */, interval_tree)
#endif

MODULE_DESCRIPTION("KUnit tests of riod's frontend");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables of an attachment's IOMMU domain, counted
 *
 * An IOMMU driver keeps a table once it has allocated it: Intel's frees one only
 * where a single unmap covers all of its span, AMD's when the domain goes.  So a
 * peer that maps and unmaps a page here and there leaves tables behind, which the
 * limit on shadow pages does not see.  Count an upper bound of them: every span
 * that was ever mapped in this domain has its tables.
 *
 * The receive thread counts, and the teardown once that thread has ended: no lock.
 */
#include <linux/bitmap.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "stub.h"

/* what the lowest table and the one above it translate */
#define LEAF_SHIFT	21
#define SPAN_SHIFT	30
#define SPAN_LEAVES	(1 << (SPAN_SHIFT - LEAF_SHIFT))

/*
 * A span of 1 GiB has a table of its own and, where it is the first of its
 * neighbourhood, one at each level up to the root: 64 bits have three such levels.
 */
#define SPAN_TABLES	4

/* at most what @spans takes for one: a bitmap of 64 bytes, and six nodes of the XArray */
#define SPAN_RECORD	PAGE_SIZE

static int tables_add(struct riod_stub_tables *t, unsigned int n, u64 record)
{
	u64 weight = n * PAGE_SIZE + record;
	int ret = riod_budget_charge(t->budget, weight);

	if (ret)
		return ret;
	t->charged += weight;
	t->ntables += n;
	return 0;
}

/* the leaves of a span that were ever mapped */
static unsigned long *span_get(struct riod_stub_tables *t, u64 span)
{
	unsigned long *leaves = xa_load(&t->spans, span);
	int ret;

	if (leaves)
		return leaves;
	ret = tables_add(t, SPAN_TABLES, SPAN_RECORD);
	if (ret)
		return ERR_PTR(ret);
	leaves = bitmap_zalloc(SPAN_LEAVES, GFP_KERNEL_ACCOUNT);
	if (!leaves)
		return ERR_PTR(-ENOMEM);
	ret = xa_err(xa_store(&t->spans, span, leaves, GFP_KERNEL_ACCOUNT));
	if (ret) {
		bitmap_free(leaves);
		return ERR_PTR(ret);
	}
	return leaves;
}

/**
 * riod_stub_tables_charge() - count the tables that a map may need
 * @t: tables of the domain
 * @start: first IOVA
 * @last: last IOVA, not below @start
 *
 * Return: 0; -E2BIG: more than @t->max, do not map; -EDQUOT: more than the session may
 * hold; -ENOMEM.  What was counted stays counted in any case.
 */
int riod_stub_tables_charge(struct riod_stub_tables *t, u64 start, u64 last)
{
	u64 leaf, end = last >> LEAF_SHIFT;
	unsigned long *leaves;
	int ret;

	for (leaf = start >> LEAF_SHIFT; leaf <= end; leaf++) {
		if (t->ntables > t->max)
			return -E2BIG;
		leaves = span_get(t, leaf / SPAN_LEAVES);
		if (IS_ERR(leaves))
			return PTR_ERR(leaves);
		if (test_bit(leaf % SPAN_LEAVES, leaves))
			continue;
		ret = tables_add(t, 1, 0);
		if (ret)
			return ret;
		__set_bit(leaf % SPAN_LEAVES, leaves);
	}
	return t->ntables > t->max ? -E2BIG : 0;
}

void riod_stub_tables_init(struct riod_stub_tables *t, u64 max, struct riod_budget *budget)
{
	xa_init_flags(&t->spans, XA_FLAGS_ACCOUNT);
	t->ntables = 0;
	t->max = max;
	t->budget = budget;
	t->charged = 0;
}

/* the domain has gone, and its tables with it */
void riod_stub_tables_reset(struct riod_stub_tables *t)
{
	unsigned long *leaves, span;

	xa_for_each(&t->spans, span, leaves)
		bitmap_free(leaves);
	xa_destroy(&t->spans);
	riod_budget_uncharge(t->budget, t->charged);
	t->charged = 0;
	t->ntables = 0;
}

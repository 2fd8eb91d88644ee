// SPDX-License-Identifier: GPL-2.0-only
/*
 * Upper bound of the page tables of an attachment's IOMMU domain
 *
 * IOMMU drivers keep the page tables that they allocated: Intel's frees a table
 * only if a single unmap covers its whole span, AMD's when the domain is freed.
 * So a peer that maps and unmaps scattered pages leaves tables behind, and the
 * limit on shadow pages does not cover them.  Count an upper bound: assume that
 * every span that was ever mapped in this domain still has its tables.
 *
 * No lock: only the receive thread and, after it has ended, the teardown run here.
 */
#include <linux/bitmap.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "stub.h"

/* address bits covered by a last-level table and by the table above it */
#define LEAF_SHIFT	21
#define SPAN_SHIFT	30
#define SPAN_LEAVES	(1 << (SPAN_SHIFT - LEAF_SHIFT))

/*
 * A span of 1 GiB needs a table of its own and, at most, a new table at each level
 * between it and the root: three levels for 64-bit addresses.
 */
#define SPAN_TABLES	4

/* upper bound of memory per entry of @spans: a 64-byte bitmap and six XArray nodes */
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

/* get the bitmap of the leaves of a span that were ever mapped */
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
 * riod_stub_tables_charge() - charge the page tables that a map may need
 * @t: tables of the domain
 * @start: first IOVA
 * @last: last IOVA, not below @start
 *
 * Return: 0; -E2BIG: exceeds @t->max, do not map; -EDQUOT: exceeds the memory budget;
 * -ENOMEM.  Tables that were charged stay charged, on error, too.
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

/* call after the domain, and so its page tables, were freed */
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

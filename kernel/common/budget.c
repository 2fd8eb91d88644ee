// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a peer makes this host hold
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/limits.h>

#include "budget.h"

void riod_budget_init(struct riod_budget *b, u64 limit, struct riod_budget *parent)
{
	atomic64_set(&b->held, 0);
	b->limit = limit ?: U64_MAX;
	b->parent = parent;
}
EXPORT_SYMBOL_GPL(riod_budget_init);

/* from @b up to @end, exclusive */
static void uncharge_up_to(struct riod_budget *b, const struct riod_budget *end, u64 bytes)
{
	for (; b != end; b = b->parent)
		atomic64_sub(bytes, &b->held);
}

int riod_budget_charge(struct riod_budget *b, u64 bytes)
{
	struct riod_budget *at;

	for (at = b; at; at = at->parent) {
		if ((u64)atomic64_add_return(bytes, &at->held) > READ_ONCE(at->limit)) {
			uncharge_up_to(b, at->parent, bytes);
			return -EDQUOT;
		}
	}
	return 0;
}
EXPORT_SYMBOL_GPL(riod_budget_charge);

void riod_budget_uncharge(struct riod_budget *b, u64 bytes)
{
	uncharge_up_to(b, NULL, bytes);
}
EXPORT_SYMBOL_GPL(riod_budget_uncharge);

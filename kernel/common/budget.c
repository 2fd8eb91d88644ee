// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a peer makes this host hold
 */
#include <kunit/visibility.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/limits.h>

#include "budget.h"

void riod_budget_init(struct riod_budget *b, u64 limit, struct riod_budget *parent)
{
	atomic64_set(&b->held, 0);
	b->limit = limit ?: U64_MAX;
	b->parent = parent;
	b->full = NULL;
}
EXPORT_SYMBOL_IF_KUNIT(riod_budget_init);

void riod_budget_set_limit(struct riod_budget *b, u64 limit)
{
	WRITE_ONCE(b->limit, limit);
}
EXPORT_SYMBOL_GPL(riod_budget_set_limit);

/* from @b up to @end, exclusive */
static void uncharge_up_to(struct riod_budget *b, const struct riod_budget *end, u64 bytes)
{
	for (; b != end; b = b->parent)
		atomic64_sub(bytes, &b->held);
}

static bool charge_one(struct riod_budget *b, u64 bytes, bool own)
{
	u64 limit = READ_ONCE(b->limit);
	s64 held = atomic64_read(&b->held);

	if (own)
		limit -= limit / RIOD_BUDGET_RESERVE;
	do {
		if (bytes > limit || (u64)held > limit - bytes)
			return false;
	} while (!atomic64_try_cmpxchg(&b->held, &held, held + bytes));
	return true;
}

static int charge(struct riod_budget *b, u64 bytes, bool own)
{
	struct riod_budget *at;

	for (at = b; at; at = at->parent) {
		if (charge_one(at, bytes, own))
			continue;
		uncharge_up_to(b, at, bytes);
		WRITE_ONCE(b->full, at);
		return -EDQUOT;
	}
	return 0;
}

int riod_budget_charge(struct riod_budget *b, u64 bytes)
{
	return charge(b, bytes, false);
}
EXPORT_SYMBOL_GPL(riod_budget_charge);

int riod_budget_charge_own(struct riod_budget *b, u64 bytes)
{
	return charge(b, bytes, true);
}
EXPORT_SYMBOL_IF_KUNIT(riod_budget_charge_own);

void riod_budget_uncharge(struct riod_budget *b, u64 bytes)
{
	uncharge_up_to(b, NULL, bytes);
}
EXPORT_SYMBOL_GPL(riod_budget_uncharge);

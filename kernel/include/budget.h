/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits on memory that a peer makes this host hold
 *
 * A budget counts bytes against a limit of its own and against its parent's,
 * such as one budget per engine below one per host.  It covers memory whose
 * amount the peer can influence.  Such memory is charged before it is allocated
 * and uncharged when it is freed.
 */
#ifndef _RIOD_BUDGET_H
#define _RIOD_BUDGET_H

#include <linux/atomic.h>
#include <linux/types.h>

/**
 * struct riod_budget - bytes held, and their limit
 * @held: bytes charged
 * @limit: most bytes that @held may reach; U64_MAX: no limit
 * @parent: charged as well; outlives this budget.  NULL: none
 */
struct riod_budget {
	atomic64_t held;
	u64 limit;
	struct riod_budget *parent;
};

/* @limit 0: no limit */
void riod_budget_init(struct riod_budget *b, u64 limit, struct riod_budget *parent);

/* 0, or -EDQUOT with nothing charged; any context */
int riod_budget_charge(struct riod_budget *b, u64 bytes);
void riod_budget_uncharge(struct riod_budget *b, u64 bytes);

static inline u64 riod_budget_held(const struct riod_budget *b)
{
	return atomic64_read(&b->held);
}

#endif /* _RIOD_BUDGET_H */

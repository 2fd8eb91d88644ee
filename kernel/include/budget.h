/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that a peer makes this host hold
 *
 * A budget counts bytes against a limit, and against its parent's: one per engine below
 * one per host, say.  What is charged is memory whose amount the peer has a say in.
 * Whoever allocates such memory charges it first and uncharges it when it is freed.
 */
#ifndef _RIOD_BUDGET_H
#define _RIOD_BUDGET_H

#include <linux/atomic.h>
#include <linux/types.h>

/**
 * struct riod_budget - bytes held, and how many may be
 * @held: bytes charged
 * @limit: most that @held may become; U64_MAX: any number
 * @parent: everything is charged there as well; NULL: none.  Outlives this one.
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

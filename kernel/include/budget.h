/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits on memory that a peer makes this host hold
 *
 * A budget counts bytes against a limit of its own and against its parent's,
 * one budget per session below the host's (riod_budget_host()).  It covers what the
 * peer can make grow with the pages that are mapped and the bytes that change: the
 * engine's memory and, at the stub, shadow pages, MAP records and the IOMMU's page tables.
 * Memory with a bound of its own is not charged: frames in a session, events, replies
 * (rule 18 in Documentation/coherence.rst).  Memory is charged before it is allocated
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
 * @full: the budget, this one or a parent, that refused a charge last; for the log.
 *	NULL: none was refused
 */
struct riod_budget {
	atomic64_t held;
	u64 limit;
	struct riod_budget *parent;
	const struct riod_budget *full;
};

/* @limit 0: no limit */
void riod_budget_init(struct riod_budget *b, u64 limit, struct riod_budget *parent);

/* may be called at any time; memory already held beyond @limit stays charged */
void riod_budget_set_limit(struct riod_budget *b, u64 limit);

/**
 * riod_budget_charge() - charge memory before its allocation
 * @b: budget; any context, lockless
 * @bytes: size of the allocation
 *
 * A charge that @b refuses changes nothing, so a large one never makes a small one fail.
 * One that a parent refuses is held in @b for a moment.
 * Return: 0; -EDQUOT: nothing is charged.
 */
int riod_budget_charge(struct riod_budget *b, u64 bytes);

/*
 * riod_budget_charge() for work of this end that can wait: the caller gives the memory back
 * when a charge is refused, and tries again later.  Refused in the last eighth of each limit,
 * which is for what peers make this host hold: there a refusal ends the peer's session.
 */
int riod_budget_charge_own(struct riod_budget *b, u64 bytes);
#define RIOD_BUDGET_RESERVE	8

void riod_budget_uncharge(struct riod_budget *b, u64 bytes);

/* budget_host.c: the parent of all sessions' budgets (memory_max_mib) */
struct riod_budget *riod_budget_host(void);

static inline u64 riod_budget_held(const struct riod_budget *b)
{
	return atomic64_read(&b->held);
}

#endif /* _RIOD_BUDGET_H */

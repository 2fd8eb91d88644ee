/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by link.c, link_pump.c and link_request.c. */
#ifndef _RIOD_LINK_PRIV_H
#define _RIOD_LINK_PRIV_H

#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "link.h"

/* bits of riod_link.flags */
#define RIOD_LINK_KICKED	0	/* the owner has work for the pump */
#define RIOD_LINK_RETIME	1	/* the pump must recompute what it waits for */
#define RIOD_LINK_UNTIMED	2	/* the pump waits without a timeout */

/**
 * struct riod_link - one link
 * @session: owned
 * @sync: the engine, which has its own locks
 * @role: which end this is
 * @ops: callbacks of the owner
 * @priv: their first argument
 * @name: for the pump's name and log messages
 * @pump: the thread, NULL before the start and after the end; a reference is
 *	held
 * @flags: RIOD_LINK_KICKED, ...; atomic bits
 * @wake: wait queue of the pump
 * @out: pump: frames ahead of the cut that are not queued in the session yet
 * @out_bytes: pump: their size
 * @joining: pump: a cut is being taken, so frames sent now are kept until it is
 *	sent
 * @waiting: pump, stub: events taken while a cut was in flight that must follow
 *	the next cut
 * @looked: pump, stub: the cut in flight was not settled, so all events must
 *	follow the next cut
 * @cut_at: pump: when the last cut was taken
 * @cut_took: pump: the time that it took
 * @refused: pump: when a budget first refused the current work; 0: not refused
 * @applied_at: when the first of the peer's cuts since @cut_at was applied; 0:
 *	none was.  Set by the receive thread, cleared by the pump
 * @lock: protects everything below, except what @requests has inside; innermost
 *	except for the lock of @requests
 * @lost: the link is lost
 * @events: frames that must follow the next cut
 * @nevents: frames on @events
 * @nreplies: replies among them, and among those that the pump has taken but not
 *	begun to send
 * @flight: stub: number of the cut in flight, 0 for none
 * @flight_seq: number of the commit frame of that cut
 * @nrequests: tags in use
 * @nslow: requests among them that may take the device long
 * @slow_until: jiffies by which the outstanding slow requests must be done; in
 *	the past: there are none
 * @stats: counters
 * @room: waiters for room on @events
 * @tags: waiters for a tag
 * @requests: tag to &struct riod_request
 */
struct riod_link {
	struct riod_session *session;
	struct riod_sync sync;
	enum riod_sync_role role;
	const struct riod_link_ops *ops;
	void *priv;
	char name[TASK_COMM_LEN];
	struct task_struct *pump;
	unsigned long flags;
	wait_queue_head_t wake;

	struct list_head out;
	u32 out_bytes;
	bool joining;
	struct list_head waiting;
	bool looked;
	ktime_t cut_at;
	ktime_t cut_took;
	ktime_t refused;
	ktime_t applied_at;

	spinlock_t lock;		/* all below; see above */
	bool lost;
	struct list_head events;
	unsigned int nevents;
	unsigned int nreplies;
	u64 flight;
	u64 flight_seq;
	unsigned int nrequests;
	unsigned int nslow;
	unsigned long slow_until;
	struct riod_link_stats stats;

	wait_queue_head_t room;
	wait_queue_head_t tags;
	struct xarray requests;
};

/*
 * Wait this many times the duration of the last cut before the next background cut, and
 * longer where nothing moves.  Capped, so that one slow cut does not starve pollers.
 */
#define RIOD_LINK_REST		4
#define RIOD_LINK_REST_IDLE	31
#define RIOD_LINK_REST_MAX_MS	200

/* @us: current interval of the engine; @idle: it is at its longest */
static inline ktime_t riod_link_rest(ktime_t took, u32 us, bool idle)
{
	ktime_t rest = took * (idle ? RIOD_LINK_REST_IDLE : RIOD_LINK_REST);

	rest = min_t(ktime_t, rest, ms_to_ktime(RIOD_LINK_REST_MAX_MS));
	return max_t(ktime_t, rest, ns_to_ktime((u64)us * NSEC_PER_USEC));
}

/*
 * When the next background cut is due.  An apply shortens the interval, which
 * then counts from that apply: a pass at once would delay the doorbell behind
 * the cut.  Only the first apply counts, so that a steady stream does not put
 * the cut off.
 */
static inline ktime_t riod_link_due_at(ktime_t cut_at, ktime_t took, ktime_t applied_at, u32 us,
				       bool idle)
{
	ktime_t due = ktime_add(cut_at, riod_link_rest(took, us, idle));

	return applied_at ? max(due, ktime_add_us(applied_at, us)) : due;
}

/* link.c */
void riod_link_complain(struct riod_link *l, int err);

/* link_pump.c */
int riod_link_pump(void *data);
int riod_link_join(void *priv);
void riod_link_hold(void *priv, bool on);
void riod_link_completed(void *priv);
void riod_link_retime(struct riod_link *l);
void riod_link_acked(void *priv);

/* link_request.c */
int riod_link_reply(struct riod_link *l, const struct riod_frame *f);
void riod_link_end_requests(struct riod_link *l);

#endif /* _RIOD_LINK_PRIV_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What link.c, link_pump.c and link_request.c share
 */
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
#define RIOD_LINK_KICKED	0	/* the owner has something for the pump */
#define RIOD_LINK_RETIME	1	/* what the pump waits for may have changed */
#define RIOD_LINK_UNTIMED	2	/* the pump sleeps without a time */

/**
 * struct riod_link - one link
 * @session: owned
 * @sync: the engine, with locks of its own
 * @role: which end
 * @ops: the owner's
 * @priv: the owner's
 * @name: of the pump's thread
 * @pump: the thread, NULL before the start and once it is gone; a reference is
 *	held
 * @flags: RIOD_LINK_KICKED, ...; atomic
 * @wake: the pump
 * @out: pump: frames that go ahead of the cut and were not queued yet
 * @out_bytes: pump: what they weigh
 * @joining: pump: a cut is being taken, so what is sent now waits for it
 * @waiting: pump, stub: events that were taken while a cut was in flight and that join the
 *	next one
 * @looked: pump, stub: they do, whatever else is posted until then
 * @cut_at: pump: when the last cut was taken
 * @cut_took: pump: how long that took
 * @applied_at: when a cut of the peer's was applied, the first since @cut_at; 0: none was.
 *	Set by the receive thread, cleared by the pump
 * @lock: protects everything below but @requests' insides; innermost but for
 *	the lock of @requests
 * @lost: the session is over
 * @events: frames that wait for the next cut
 * @nevents: how many
 * @nreplies: how many of them are replies
 * @flight: stub: number of the cut in flight, 0 for none
 * @flight_seq: number of its commit frame
 * @nrequests: tags in use
 * @nslow: requests among them that may take the device long
 * @slow_until: jiffies until which those that are out may take; in the past: none is out
 * @stats: counters
 * @room: who waits for room among the events
 * @tags: who waits for a tag
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

/* @us: the engine's interval; @idle: it is as long as it gets */
static inline ktime_t riod_link_rest(ktime_t took, u32 us, bool idle)
{
	ktime_t rest = took * (idle ? RIOD_LINK_REST_IDLE : RIOD_LINK_REST);

	rest = min_t(ktime_t, rest, ms_to_ktime(RIOD_LINK_REST_MAX_MS));
	return max_t(ktime_t, rest, ns_to_ktime((u64)us * NSEC_PER_USEC));
}

/*
 * When the next background cut is due.  What was applied makes the pace quick again, and
 * that counts from the apply: a pass at once would hold up the doorbell behind the cut.  From
 * the first, so that a steady stream puts nothing off.
 */
static inline ktime_t riod_link_due_at(ktime_t cut_at, ktime_t took, ktime_t applied_at, u32 us,
				       bool idle)
{
	ktime_t due = ktime_add(cut_at, riod_link_rest(took, us, idle));

	return applied_at ? max(due, ktime_add_us(applied_at, us)) : due;
}

/* link_pump.c */
int riod_link_pump(void *data);
int riod_link_join(void *priv);
void riod_link_hold(void *priv, bool on);
void riod_link_retime(struct riod_link *l);
void riod_link_acked(void *priv);

/* link_request.c */
int riod_link_reply(struct riod_link *l, const struct riod_frame *f);
void riod_link_end_requests(struct riod_link *l);

#endif /* _RIOD_LINK_PRIV_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pump: the only thread that sends
 *
 * Each round takes the waiting events, then takes a cut, then sends the cut and
 * the events behind it (rules 1 and 2: an event follows a cut that began after
 * the event was posted).  The frontend's rounds follow each other; the stub
 * waits until its last cut is acknowledged.  An event that is posted meanwhile
 * leaves at once if the cuts taken so far have everything that the device
 * wrote: often a background cut already has the completion that an interrupt
 * announces.  Otherwise the event follows the next cut.
 *
 * Frames and events that the pump has taken are never dropped on -ENOMEM: the
 * pump pauses and tries again, until it succeeds or the link is lost.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>

#include "link_priv.h"
#include "riod_trace.h"

#define RIOD_LINK_BACKOFF_MS	10
/* time for other sessions, or the peer's staged cut, to free memory */
#define RIOD_LINK_QUOTA_MS	1000

/* make the pump recompute what it waits for; any context that may take a mutex */
void riod_link_retime(struct riod_link *l)
{
	/* order the caller's change before the bit; pairs with riod_link_wait() */
	smp_mb__before_atomic();
	set_bit(RIOD_LINK_RETIME, &l->flags);
	wake_up(&l->wake);
}

static bool riod_link_is_ending(struct riod_link *l)
{
	return riod_link_is_lost(l) || kthread_should_stop();
}

/* ------------------------------------------------------------ waiting */

static bool riod_link_has_work(struct riod_link *l)
{
	return test_bit(RIOD_LINK_KICKED, &l->flags) || READ_ONCE(l->nevents);
}

static bool riod_link_roused(struct riod_link *l)
{
	return test_bit(RIOD_LINK_RETIME, &l->flags) || riod_link_is_ending(l);
}

/*
 * Time until the next background cut; 0: due.  KTIME_MAX: none is due;
 * riod_link_check_time() wakes the pump when that changes.
 */
static ktime_t riod_link_background_in(struct riod_link *l)
{
	u32 idle_us = l->sync.params.idle_max_us;
	ktime_t due;
	u32 us;

	set_bit(RIOD_LINK_UNTIMED, &l->flags);
	/* pairs with riod_link_check_time() */
	smp_mb__after_atomic();
	us = riod_sync_interval_us(&l->sync);
	if (us == U32_MAX)
		return KTIME_MAX;
	clear_bit(RIOD_LINK_UNTIMED, &l->flags);
	/* rule 12 (pollers): if passes are slow, they must not starve everything else */
	due = riod_link_due_at(l->cut_at, l->cut_took, READ_ONCE(l->applied_at), us,
			       us >= idle_us);
	return max_t(ktime_t, ktime_sub(due, ktime_get()), 0);
}

/* why a round is due */
enum riod_link_due {
	RIOD_LINK_ENDS,		/* none: the link ends */
	RIOD_LINK_WORK,		/* events, or the owner kicked the pump */
	RIOD_LINK_TIME,		/* only a background cut */
	RIOD_LINK_FOLLOW,	/* events, while a cut is in flight */
};

/* one pass for each cut in flight: if it is not settled, events wait for the next cut */
static bool riod_link_may_follow(struct riod_link *l)
{
	return !l->looked && riod_link_has_work(l);
}

static enum riod_link_due riod_link_wait(struct riod_link *l)
{
	ktime_t left;

	while (!riod_link_is_ending(l)) {
		/* clear the bit before looking, so that later changes set it again */
		clear_bit(RIOD_LINK_RETIME, &l->flags);
		/* pairs with set_bit() and wake_up() in riod_link_retime() */
		smp_mb__after_atomic();
		if (riod_session_is_broken(l->session)) {
			/* rule 19: one fresh cut once there is a connection again */
			wait_event_idle(l->wake, riod_link_roused(l));
			continue;
		}
		if (riod_sync_in_flight(&l->sync)) {
			wait_event_idle(l->wake, riod_link_roused(l) ||
					riod_link_may_follow(l));
			if (!riod_link_roused(l))
				return RIOD_LINK_FOLLOW;
			continue;
		}
		if (riod_link_has_work(l))
			return RIOD_LINK_WORK;
		left = riod_link_background_in(l);
		if (!left)
			return RIOD_LINK_TIME;
		if (left == KTIME_MAX)
			wait_event_idle(l->wake, riod_link_roused(l) ||
					riod_link_has_work(l));
		else
			/* kernel threads get no signals; the loop checks the time */
			wait_event_interruptible_hrtimeout(l->wake,
							   riod_link_roused(l) ||
							   riod_link_has_work(l),
							   left);
	}
	return RIOD_LINK_ENDS;
}

/*
 * -EDQUOT is final when it has lasted for RIOD_LINK_QUOTA_MS.  The cut meanwhile grows up to
 * the limit of riod_budget_charge_own() and gives all back, so other sessions have the rest.
 * Without a connection it is not final: half a cut of the peer may hold the memory.
 */
static bool riod_link_may_rest(struct riod_link *l, int err)
{
	ktime_t now = ktime_get();

	if (err == -ENOMEM)
		return true;
	if (err != -EDQUOT)
		return false;
	if (!l->refused || riod_session_is_broken(l->session))
		l->refused = now;
	return ktime_ms_delta(now, l->refused) < RIOD_LINK_QUOTA_MS;
}

/* true: paused, try again; false: @err is final */
static bool riod_link_retry(struct riod_link *l, int err)
{
	if (!err)
		l->refused = 0;
	if (riod_link_is_ending(l) || !riod_link_may_rest(l, err))
		return false;
	if (err == -ENOMEM)
		pr_warn_ratelimited("%s: no memory, the link waits\n", l->name);
	wait_event_idle_timeout(l->wake, riod_link_is_ending(l),
				msecs_to_jiffies(RIOD_LINK_BACKOFF_MS));
	return !riod_link_is_ending(l);
}

/* ------------------------------------------------------------ the cut in flight */

/*
 * Stub: end the flight of a cut that is acknowledged.  Called by the receive
 * thread or a handshake when riod_session_acked() advanced, and by the pump when
 * it knows the number of the commit.
 */
void riod_link_acked(void *priv)
{
	struct riod_link *l = priv;
	u64 acked = riod_session_acked(l->session);
	u64 cut = 0;

	spin_lock(&l->lock);
	if (l->flight && l->flight_seq <= acked) {
		cut = l->flight;
		l->flight = 0;
	}
	spin_unlock(&l->lock);
	if (!cut)
		return;
	/* no race: the pump takes no other cut before riod_sync_acked() */
	riod_sync_acked(&l->sync, cut);
	riod_link_retime(l);
}

/*
 * The commit is queued as frame @seq.  If its acknowledgment arrived before
 * this, nobody found a flight to end, so check again here.
 */
static void riod_link_note_cut(struct riod_link *l, u64 seq, u64 cut)
{
	spin_lock(&l->lock);
	l->flight_seq = seq;
	l->flight = cut;
	spin_unlock(&l->lock);
	riod_link_acked(l);
}

/* ------------------------------------------------------------ a round */

/* queue @out in the session; *@last: number of the last frame, if any; may be NULL */
static int riod_link_flush(struct riod_link *l, u64 *last)
{
	l->out_bytes = 0;
	/* do not wake the transmit thread if there is nothing to send */
	if (list_empty(&l->out))
		return 0;
	return riod_session_send_list(l->session, &l->out, last);
}

/*
 * Only in ops->prepare, so in the pump.  Frames are kept to leave together with
 * the cut; at RIOD_FRAME_MAX bytes they are sent, so that the window bounds
 * them.  While a cut is taken (rule 1) nothing may wait for the window, so all
 * frames are kept: they are few, as they map what was mapped in that short
 * time, and the engine keeps about as much memory for these pages.
 */
int riod_link_send(struct riod_link *l, struct riod_frame *f)
{
	list_add_tail(&f->list, &l->out);
	l->out_bytes += riod_frame_size(f);
	return l->joining || l->out_bytes < RIOD_FRAME_MAX ? 0 : riod_link_flush(l, NULL);
}
EXPORT_SYMBOL_GPL(riod_link_send);

static void riod_link_take_events(struct riod_link *l, struct list_head *events)
{
	bool full;

	spin_lock(&l->lock);
	l->stats.rounds++;
	full = l->nevents >= RIOD_LINK_EVENTS_MAX;
	list_splice_tail_init(&l->events, events);
	WRITE_ONCE(l->nevents, 0);
	spin_unlock(&l->lock);
	if (full)
		wake_up_all(&l->room);
}

static int riod_link_gather(struct riod_link *l, struct list_head *events)
{
	int err = 0;

	if (!l->ops->gather)
		return 0;
	do {
		err = l->ops->gather(l->priv, events);
	} while (riod_link_retry(l, err));
	return err;
}

static int riod_link_prepare(struct riod_link *l)
{
	int err = 0;

	if (!l->ops->prepare)
		return 0;
	do {
		err = l->ops->prepare(l->priv);
	} while (riod_link_retry(l, err));
	return err;
}

/* rule 1: send the maps that were queued while the cut is taken ahead of it */
int riod_link_join(void *priv)
{
	struct riod_link *l = priv;
	int err;

	l->joining = true;
	err = l->ops->prepare(l->priv);
	l->joining = false;
	return err;
}

void riod_link_hold(void *priv, bool on)
{
	struct riod_link *l = priv;

	l->ops->hold(l->priv, on);
}

void riod_link_completed(void *priv)
{
	struct riod_link *l = priv;

	l->ops->completed(l->priv);
}

static void riod_link_count_background(struct riod_link *l)
{
	mutex_lock(&l->sync.lock);
	l->sync.stats.background++;
	mutex_unlock(&l->sync.lock);
}

/* append @cut to @out.  Return: its number; 0: no cut */
static u64 riod_link_add_cut(struct riod_link *l, struct list_head *cut)
{
	const struct riod_wire_cut_commit *c;

	if (list_empty(cut))
		return 0;
	c = (const void *)list_last_entry(cut, struct riod_frame, list)->body;
	list_splice_tail_init(cut, &l->out);
	return le64_to_cpu(c->cut);
}

/* take the cut, behind the frames of prepare; *@nr: its number, 0: no cut */
static int riod_link_collect(struct riod_link *l, bool background, u64 *nr)
{
	u32 max_frame = riod_session_params(l->session)->tx_max_frame;
	ktime_t begun = ktime_get();
	LIST_HEAD(cut);
	s64 bytes;

	/* cuts applied from here on count for the next cut */
	WRITE_ONCE(l->applied_at, 0);
	do {
		bytes = riod_sync_collect(&l->sync, &cut, max_frame);
	} while (riod_link_retry(l, min(bytes, 0LL)));
	if (bytes < 0)
		return bytes;
	l->cut_at = ktime_get();
	l->cut_took = ktime_sub(l->cut_at, begun);
	if (bytes && background)
		riod_link_count_background(l);
	*nr = riod_link_add_cut(l, &cut);
	trace_riod_cut_collected(riod_session_nr(l->session), *nr, bytes);
	if (l->ops->collected)
		l->ops->collected(l->priv);
	return 0;
}

/*
 * Take the waiting events, before the scan begins.
 *
 * On PCI the completion of a read does not pass an interrupt that the device sent before
 * it, and drivers rely on that.  So the pump takes the replies, then gathers interrupts, and
 * sends the interrupts first: one that fired before a reply was posted is among them or in
 * an earlier round.  One that fired later passes the reply, which PCI allows.  Replies in
 * @waiting already have their interrupts ahead of them.
 */
static int riod_link_begin(struct riod_link *l, struct list_head *events)
{
	LIST_HEAD(posted);
	int err;

	/* a kick from here on causes another round */
	clear_bit(RIOD_LINK_KICKED, &l->flags);
	/* pairs with test_and_set_bit() in riod_link_kick() */
	smp_mb__after_atomic();
	riod_link_take_events(l, &posted);
	list_splice_tail_init(&l->waiting, events);
	err = riod_link_gather(l, events);
	list_splice_tail_init(&posted, events);
	return err;
}

static unsigned int riod_link_count_replies(const struct list_head *events)
{
	const struct riod_frame *f;
	unsigned int n = 0;

	list_for_each_entry(f, events, list)
		n += f->hdr.type == RIOD_FRAME_REPLY;
	return n;
}

/* send @out, whose last frame is the commit of @cut (0: none), then @events */
static int riod_link_finish(struct riod_link *l, u64 cut, struct list_head *events)
{
	unsigned int nreplies = riod_link_count_replies(events);
	size_t nevents = list_count_nodes(events);
	u64 last = 0;
	int err;

	spin_lock(&l->lock);
	l->stats.events += nevents;
	/* before sending: the peer may send another request as soon as it has a reply */
	l->nreplies -= nreplies;
	spin_unlock(&l->lock);
	list_splice_tail_init(events, &l->out);
	err = riod_link_flush(l, &last);
	/* from here on the session's window bounds the frames */
	riod_sync_handed_over(&l->sync);
	/* only the pump sends, so the events have the numbers behind the commit */
	if (!err && cut && l->role == RIOD_SYNC_STUB)
		riod_link_note_cut(l, last - nevents, cut);
	return err;
}

static int riod_link_round(struct riod_link *l, bool background)
{
	LIST_HEAD(events);
	u64 cut;
	int err;

	l->looked = false;
	err = riod_link_begin(l, &events);
	if (!err)
		err = riod_link_prepare(l);
	if (!err)
		err = riod_link_collect(l, background, &cut);
	if (!err)
		err = riod_link_finish(l, cut, &events);
	riod_frames_free(&events);
	return err;
}

/*
 * Stub, with a cut in flight: send the events behind it if they need no cut of
 * their own.  There is no prepare: the stub sends no maps.
 */
static int riod_link_follow(struct riod_link *l)
{
	bool settled = false;
	LIST_HEAD(events);
	int err;

	err = riod_link_begin(l, &events);
	if (!err)
		settled = riod_sync_is_settled(&l->sync);
	if (settled) {
		spin_lock(&l->lock);
		l->stats.followed += !list_empty(&events);
		spin_unlock(&l->lock);
		err = riod_link_finish(l, 0, &events);
	}
	if (!settled) {
		/* the events need another cut, once this one is acknowledged */
		l->looked = true;
		set_bit(RIOD_LINK_KICKED, &l->flags);
	}
	list_splice_tail_init(&events, &l->waiting);
	return err;
}

/* The pump's thread; memalloc_noio as in riod_session_tx(). */
int riod_link_pump(void *data)
{
	unsigned int noio = memalloc_noio_save();
	struct riod_link *l = data;
	enum riod_link_due due;
	int err = 0;

	while (!err) {
		due = riod_link_wait(l);
		if (riod_link_is_ending(l))
			break;
		if (due == RIOD_LINK_FOLLOW)
			err = riod_link_follow(l);
		else
			err = riod_link_round(l, due == RIOD_LINK_TIME);
	}
	if (err)
		riod_link_fail(l, err);
	riod_frames_free(&l->out);
	riod_frames_free(&l->waiting);
	memalloc_noio_restore(noio);
	return 0;
}

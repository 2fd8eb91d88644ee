// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sending half of a session
 *
 * Senders queue frames; only the transmit thread calls the transport.  A frame
 * is on @queue, then on the thread's batch, then on @retained, and is freed
 * when it is acknowledged.  The transport reads the frames of the batch, so if
 * one is acknowledged meanwhile, only @acked advances, and the thread frees the
 * frame itself after the send.
 *
 * Acknowledgments need neither window nor memory, and the receive thread sends no frame
 * of the session, so two full windows cannot wait for each other.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "riod_trace.h"
#include "session_priv.h"

/* frames of a batch are freed after it is sent: a longer one keeps the window shut */
#define RIOD_SESSION_BATCH	SZ_256K

bool riod_session_ack_due(struct riod_session *s)
{
	lockdep_assert_held(&s->lock);
	if (s->ack_now)
		return true;
	if (s->ack_target > s->ack_sent && s->rx_seq >= s->ack_target)
		return true;
	/* the peer's window is as large as ours: acknowledge well before it is full */
	return s->rx_unacked >= s->params.tx_window / 4;
}

/* assign a number to @f and queue it */
void riod_session_queue(struct riod_session *s, struct riod_frame *f)
{
	lockdep_assert_held(&s->lock);
	f->hdr.seq = cpu_to_le64(++s->tx_seq);
	list_add_tail(&f->list, &s->queue);
	if (!s->unacked)
		s->progress = jiffies;
	s->unacked += riod_frame_size(f);
}

/* 1: queued, with number *@seq; 0: the window is full; -ENOTCONN */
static int riod_session_try(struct riod_session *s, struct riod_frame *f, u64 *seq)
{
	int ret = 0;

	spin_lock(&s->lock);
	if (s->over) {
		ret = -ENOTCONN;
	} else if (!s->unacked ||
		   s->unacked + riod_frame_size(f) <= s->params.tx_window) {
		riod_session_queue(s, f);
		*seq = s->tx_seq;
		ret = 1;
	}
	spin_unlock(&s->lock);
	return ret;
}

static int riod_session_wait_window(struct riod_session *s, struct riod_frame *f, u64 *seq)
{
	int ret = 0, err;

	spin_lock(&s->lock);
	s->stats.window_waits++;
	spin_unlock(&s->lock);
	/* send what is queued so far, or nothing is ever acknowledged */
	wake_up(&s->tx_wait);
	err = wait_event_killable(s->window_wait, (ret = riod_session_try(s, f, seq)));
	return err ? -EINTR : ret;
}

/* consumes @f, also on error; the caller wakes the transmit thread */
static int riod_session_send_one(struct riod_session *s, struct riod_frame *f, u64 *seq)
{
	int ret = -EMSGSIZE;

	if (riod_frame_size(f) <= s->params.tx_max_frame)
		ret = riod_session_try(s, f, seq);
	if (!ret)
		ret = riod_session_wait_window(s, f, seq);
	if (ret > 0)
		return 0;
	riod_frame_free(f);
	return ret;
}

int riod_session_send_list(struct riod_session *s, struct list_head *frames, u64 *last)
{
	struct riod_frame *f, *next;
	u64 seq = 0;
	int err = 0;

	list_for_each_entry_safe(f, next, frames, list) {
		list_del_init(&f->list);
		err = riod_session_send_one(s, f, &seq);
		if (err)
			break;
	}
	if (last && seq)
		*last = seq;
	wake_up(&s->tx_wait);
	riod_frames_free(frames);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_send_list);

void riod_session_ack_soon(struct riod_session *s)
{
	u64 target;

	spin_lock(&s->lock);
	target = s->rx_seq + s->rx_busy;
	s->ack_target = max(s->ack_target, target);
	/* otherwise the receive thread wakes it once the frame is processed */
	if (riod_session_ack_due(s))
		wake_up(&s->tx_wait);
	spin_unlock(&s->lock);
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_ack_soon);

static bool riod_session_tx_ready(struct riod_session *s)
{
	bool ready;

	spin_lock(&s->lock);
	ready = s->over || s->broken || !list_empty(&s->queue) || riod_session_ack_due(s);
	spin_unlock(&s->lock);
	return ready;
}

/* false: nothing left to send */
static bool riod_session_tx_more(struct riod_session *s)
{
	bool more;

	spin_lock(&s->lock);
	more = !s->over || (s->bye_queued && !list_empty(&s->queue));
	spin_unlock(&s->lock);
	return more;
}

/*
 * Jiffies until the peer counts as stalled; <= 0: it does; MAX_SCHEDULE_TIMEOUT: nothing
 * is unacknowledged.  Keepalives prove that the peer is alive, not that it works: without
 * this limit a peer that acknowledges nothing would keep all senders waiting for the
 * window.
 */
long riod_session_stall_left(struct riod_session *s)
{
	long left = MAX_SCHEDULE_TIMEOUT;

	spin_lock(&s->lock);
	if (s->unacked && !s->over)
		left = (long)(s->progress + riod_session_limit(&s->params, s->params.stall_ms) -
			      jiffies);
	spin_unlock(&s->lock);
	return left;
}

/* wait for something to send, or until a keepalive is due */
static bool riod_session_tx_wait(struct riod_session *s)
{
	unsigned long due = s->tx_last + msecs_to_jiffies(s->params.keepalive_ms);
	long left = min((long)(due - jiffies), riod_session_stall_left(s));

	wait_event_idle_timeout(s->tx_wait, riod_session_tx_ready(s), max(left, 0L));
	if (riod_session_stall_left(s) <= 0) {
		pr_notice("%pISpc has processed nothing for %u ms\n", &s->peer,
			  jiffies_to_msecs(riod_session_limit(&s->params,
							      s->params.stall_ms)));
		riod_session_over(s, RIOD_REASON_TIMEOUT, true);
	}
	return riod_session_tx_more(s);
}

/*
 * The ACK frame: an acknowledgment that no other frame carries, or a keepalive.
 * A keepalive requests an acknowledgment if frames are unacknowledged, so that
 * they are not retained while both sides are idle.
 */
static void riod_session_tx_ack(struct riod_session *s, struct list_head *batch)
{
	bool keepalive = !riod_session_ack_due(s);

	s->ack->hdr.flags = keepalive && s->unacked ? RIOD_FRAME_F_ACK_NOW : 0;
	s->ack->hdr.ack = cpu_to_le64(s->rx_seq);
	list_add_tail(&s->ack->list, batch);
	s->stats.tx_acks++;
	s->stats.tx_frames++;
	s->stats.tx_bytes += riod_frame_size(s->ack);
}

static void riod_session_tx_one(struct riod_session *s, struct riod_frame *f,
				struct list_head *batch)
{
	f->hdr.ack = cpu_to_le64(s->rx_seq);
	list_move_tail(&f->list, batch);
	s->tx_sent = max(s->tx_sent, le64_to_cpu(f->hdr.seq));
	s->stats.tx_frames++;
	s->stats.tx_bytes += riod_frame_size(f);
}

/* take the next batch; every frame carries the latest acknowledgment */
static void riod_session_tx_take(struct riod_session *s, struct list_head *batch)
{
	struct riod_frame *f;
	u32 bytes = 0;

	spin_lock(&s->lock);
	while ((f = list_first_entry_or_null(&s->queue, struct riod_frame, list))) {
		if (bytes && bytes + riod_frame_size(f) > RIOD_SESSION_BATCH)
			break;
		bytes += riod_frame_size(f);
		riod_session_tx_one(s, f, batch);
	}
	if (list_empty(batch))
		riod_session_tx_ack(s, batch);
	s->ack_sent = s->rx_seq;
	s->rx_unacked = 0;
	s->ack_now = false;
	spin_unlock(&s->lock);
}

/* the transport is done with @batch: retain what is not acknowledged */
static void riod_session_tx_retain(struct riod_session *s, struct list_head *batch)
{
	struct riod_frame *f, *next;

	if (list_first_entry(batch, struct riod_frame, list) == s->ack) {
		list_del_init(&s->ack->list);
		return;
	}
	spin_lock(&s->lock);
	list_for_each_entry_safe(f, next, batch, list) {
		if (le64_to_cpu(f->hdr.seq) > s->acked)
			list_move_tail(&f->list, &s->retained);
		else
			s->unacked -= riod_frame_size(f);
	}
	if (!list_empty(batch))
		wake_up_all(&s->window_wait);
	spin_unlock(&s->lock);
	riod_frames_free(batch);
}

static int riod_session_tx_send(struct riod_session *s)
{
	struct riod_frame *f;
	LIST_HEAD(batch);
	int err;

	riod_session_tx_take(s, &batch);
	if (trace_riod_frame_tx_enabled()) {
		list_for_each_entry(f, &batch, list)
			trace_riod_frame_tx(s->nr, &f->hdr);
	}
	s->tx_last = jiffies;
	err = s->conn->ops->send(s->conn, &batch);
	riod_session_tx_retain(s, &batch);
	return err;
}

/*
 * The transmit thread.  memalloc_noio: reclaim on this host may depend on the
 * guest's device, and so on this session, so allocations must not start I/O.
 */
int riod_session_tx(void *data)
{
	unsigned int noio = memalloc_noio_save();
	struct riod_session *s = data;
	int err = 0;

	while (!err && riod_session_tx_wait(s)) {
		err = riod_session_is_broken(s) ? -ECONNRESET : riod_session_tx_send(s);
		if (err && riod_session_park(s, false, err))
			err = 0;
	}
	if (err) {
		riod_session_over(s, riod_session_reason(err), false);
		/* the receive thread must not wait for a peer that cannot be reached */
		s->conn->ops->shutdown(s->conn);
	}
	complete(&s->tx_done);
	memalloc_noio_restore(noio);
	return 0;
}

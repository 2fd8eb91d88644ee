// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiving half of a session
 *
 * The receive thread checks frames, processes their acknowledgments and hands
 * them to the owner.  It sends no frame of the session, and waits for the peer only in
 * the transport's recv, so the peer's acknowledgments always get through; and while the
 * connection is lost, when the frontend's thread makes the next one (session_resume.c).
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "riod_trace.h"
#include "session_priv.h"

/* take the frames that @acked covers from @from, which is @retained or @queue */
void riod_session_reap(struct riod_session *s, struct list_head *from, struct list_head *done)
{
	struct riod_frame *f, *next;

	lockdep_assert_held(&s->lock);
	list_for_each_entry_safe(f, next, from, list) {
		if (le64_to_cpu(f->hdr.seq) > s->acked)
			break;
		s->unacked -= riod_frame_size(f);
		list_move_tail(&f->list, done);
	}
	if (!list_empty(done))
		wake_up_all(&s->window_wait);
}

/* false: @ack is lower than before, or of a frame that was not sent */
bool riod_session_rx_ack(struct riod_session *s, u64 ack)
{
	bool moved, legal;
	LIST_HEAD(done);

	spin_lock(&s->lock);
	legal = ack >= s->acked && ack <= s->tx_sent;
	moved = legal && ack > s->acked;
	if (moved) {
		s->acked = ack;
		s->progress = jiffies;
		riod_session_reap(s, &s->retained, &done);
	}
	spin_unlock(&s->lock);
	riod_frames_free(&done);
	if (moved && s->ack_notify)
		s->ack_notify(s->priv);
	return legal;
}

static void riod_session_rx_count(struct riod_session *s, const struct riod_frame *f)
{
	spin_lock(&s->lock);
	s->stats.rx_frames++;
	s->stats.rx_bytes += riod_frame_size(f);
	if (f->hdr.type == RIOD_FRAME_ACK)
		s->stats.rx_acks++;
	if (f->hdr.flags & RIOD_FRAME_F_ACK_NOW) {
		/* a numbered frame is acknowledged when it has been processed */
		if (f->hdr.seq)
			s->ack_target = s->rx_seq + 1;
		else
			s->ack_now = true;
		wake_up(&s->tx_wait);
	}
	spin_unlock(&s->lock);
}

/*
 * Check the body and the numbers of a new frame before they are used.
 * Return: the violated rule, or NULL.
 */
static const char *riod_session_rx_fault(struct riod_session *s,
					 const struct riod_frame *f)
{
	const char *fault = riod_wire_fault(f, s->frontend);
	u64 seq = le64_to_cpu(f->hdr.seq);

	if (fault)
		return fault;
	if (f->hdr.func && f->hdr.func >= s->params.nfuncs)
		return "header: function that the export does not have";
	/* only this thread changes rx_seq */
	if (f->hdr.type == RIOD_FRAME_ACK ? seq != 0 : seq != s->rx_seq + 1)
		return "header: number out of order";
	if (!riod_session_rx_ack(s, le64_to_cpu(f->hdr.ack)))
		return "header: acknowledges what was not sent, or takes back";
	return NULL;
}

/* logged once per session, which ends with it */
static void riod_session_rx_complain(struct riod_session *s,
				     const struct riod_frame *f, const char *fault)
{
	pr_info_ratelimited("%pISpc broke the protocol: frame of type %u: %s\n", &s->peer,
			    f->hdr.type, fault);
}

static int riod_session_call(struct riod_session *s, struct riod_frame *f)
{
	int ret = -ENOTCONN;

	mutex_lock(&s->deliver);
	/* ops->lost() is called under @deliver after @over was set */
	if (!riod_session_is_over(s))
		ret = s->ops->frame(s->priv, f);
	mutex_unlock(&s->deliver);
	return ret;
}

/* hand @f to the owner; it counts as processed when the owner has returned */
static int riod_session_deliver(struct riod_session *s, struct riod_frame *f)
{
	u32 size = riod_frame_size(f);
	int ret;

	spin_lock(&s->lock);
	s->rx_busy = true;
	spin_unlock(&s->lock);

	ret = riod_session_call(s, f);
	if (ret == -EPROTO)
		riod_session_rx_complain(s, f, "valid frame, not expected now");
	if (ret != 1)
		riod_frame_free(f);

	spin_lock(&s->lock);
	s->rx_busy = false;
	if (ret >= 0) {
		s->rx_seq++;
		s->rx_unacked += size;
		if (riod_session_ack_due(s))
			wake_up(&s->tx_wait);
	}
	spin_unlock(&s->lock);
	return min(ret, 0);
}

/* 0, or the errno that ends the session; a BYE sets *@bye to the peer's reason */
static int riod_session_rx_one(struct riod_session *s, struct riod_frame *f,
			       enum riod_reason *bye)
{
	const char *fault = riod_session_rx_fault(s, f);
	int err = 0;

	if (fault) {
		riod_session_rx_complain(s, f, fault);
		riod_frame_free(f);
		return -EPROTO;
	}
	trace_riod_frame_rx(s->nr, &f->hdr);
	riod_session_rx_count(s, f);
	switch (f->hdr.type) {
	case RIOD_FRAME_BYE:
		*bye = le32_to_cpu(((struct riod_wire_bye *)f->body)->reason);
		err = -ECONNRESET;
		fallthrough;
	case RIOD_FRAME_ACK:
		riod_frame_free(f);
		return err;
	default:
		return riod_session_deliver(s, f);
	}
}

/*
 * Receive until the session is over; a receive error ends it, unless it can be resumed.
 * Return: whether the connection can still be read: no error and no BYE.
 */
static bool riod_session_rx_run(struct riod_session *s)
{
	enum riod_reason bye = RIOD_REASON_NONE;
	bool readable = true;
	struct riod_frame *f;
	int err = 0;

	while (!err && !riod_session_is_over(s)) {
		f = s->conn->ops->recv(s->conn, s->params.rx_max_frame);
		readable = !IS_ERR(f);
		if (readable) {
			WRITE_ONCE(s->heard, jiffies);
			err = riod_session_rx_one(s, f, &bye);
		} else {
			err = PTR_ERR(f);
			readable = riod_session_park(s, true, err);
			if (readable)
				err = 0;
		}
	}
	if (!readable && err == -EPROTO)
		pr_info_ratelimited("%pISpc broke the protocol: invalid frame length\n",
				    &s->peer);
	if (bye)
		riod_session_over(s, bye, false);
	else if (err)
		/* only after these errors may the peer still receive a BYE */
		riod_session_over(s, riod_session_reason(err),
				  err == -EPROTO || err == -ENOMEM ||
				  err == -ENOSPC || err == -EDQUOT ||
				  err == -EHWPOISON);
	return readable && !bye;
}

/*
 * Our BYE is being sent.  Read and discard until the peer closes or sends BYE:
 * a socket that is closed with unread data, or that receives more, discards
 * what it has not sent.
 */
static void riod_session_rx_drain(struct riod_session *s)
{
	unsigned long until = jiffies + msecs_to_jiffies(RIOD_SESSION_BYE_MS);
	bool bye = false;
	struct riod_frame *f;

	do {
		f = s->conn->ops->recv(s->conn, s->params.rx_max_frame);
		if (IS_ERR(f))
			return;
		bye = f->hdr.type == RIOD_FRAME_BYE;
		riod_frame_free(f);
	} while (!bye && time_before(jiffies, until));
}

int riod_session_rx(void *data)
{
	unsigned int noio = memalloc_noio_save();
	struct riod_session *s = data;
	bool readable;

	/* only the end of the session sends it, while this thread connects */
	if (s->ops->connect)
		allow_kernel_signal(SIGKILL);
	readable = riod_session_rx_run(s);
	/* first: at the stub this fences the device */
	riod_session_report_lost(s);
	if (s->bye_queued) {
		if (readable)
			riod_session_rx_drain(s);
		wait_for_completion_timeout(&s->tx_done,
					    msecs_to_jiffies(RIOD_SESSION_BYE_MS));
	}
	s->conn->ops->shutdown(s->conn);
	complete(&s->rx_done);
	memalloc_noio_restore(noio);
	return 0;
}

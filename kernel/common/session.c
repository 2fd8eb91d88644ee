// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life and end of a session
 *
 * A session is running, then over, then halted, then freed; it never goes back.
 *
 *   running -> over	riod_session_over(), once, by the first of: the owner
 *			(riod_session_end()), the receive thread (the peer is
 *			silent, gone, faulty, or sent BYE), the transmit thread
 *			(sending failed, or the peer makes no progress).
 *   over -> halted	riod_session_halt(), by the owner.
 *   halted -> freed	riod_session_free(), by the owner.
 *
 * Why the teardown is safe:
 *
 * @over is set under @lock.  From then on no frame is queued except the BYE,
 * which is queued in the same critical section; no ops->frame() begins, as
 * @over is checked under @deliver right before the call; and every sender
 * returns.
 *
 * ops->over() is called in the same critical section, before @over is set and
 * the work is queued.  A caller of ops->lost() has seen @over set, runs in the
 * work, or has taken @lock after that section, so ops->lost() follows
 * ops->over().  ops->over() is called once, and not after the session is
 * halted, because @over is set then.
 *
 * Both threads end by themselves.  The transmit thread ends when the BYE is
 * sent, when there is none to send, or when the transport fails.  The receive
 * thread ends when the transport fails, or when the session is over and no BYE
 * is being sent.  Halting waits for that until RIOD_SESSION_BYE_MS after the
 * session got over, however late it is called, so an owner that ends several
 * sessions and then halts them one by one waits for all peers at once.  Then it
 * shuts the transport down, which makes send and receive fail; kthread_stop()
 * only reaps the threads.  Neither thread waits for the peer except in the
 * transport, and in a handshake that resumes the session; its end interrupts that.
 *
 * ops->lost() is called under @deliver by the first of: the receive thread, the
 * work, riod_session_halt().  The work is queued under @lock together with
 * setting @over.  riod_session_halt() takes @lock (in riod_session_over()) and
 * finds @over set or sets it itself, so the work is not queued after its
 * cancel_work_sync().  After that, threads and work are gone, ops->lost() was
 * called, and the session does not call its owner again: the connection can be
 * closed.
 *
 * In between, a running session may lose its connection and get another one, see
 * session_resume.c.
 *
 * Only calls by the owner remain.  They find @over set and access nothing but
 * memory, which stays until riod_session_free().
 */
#include <kunit/visibility.h>
#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "riod_trace.h"
#include "session_priv.h"

static atomic_t riod_session_count = ATOMIC_INIT(0);

void riod_frames_free(struct list_head *frames)
{
	struct riod_frame *f, *next;

	list_for_each_entry_safe(f, next, frames, list)
		riod_frame_free(f);
	INIT_LIST_HEAD(frames);
}

enum riod_reason riod_session_reason(int err)
{
	switch (err) {
	case -EPROTO:
		return RIOD_REASON_PROTOCOL;
	case -ENOMEM:
		return RIOD_REASON_NO_MEMORY;
	case -EDQUOT:
		return RIOD_REASON_MEMORY_MAX;
	case -ENOSPC:
		return RIOD_REASON_SHADOW_MAX;
	case -EHWPOISON:
		return RIOD_REASON_POISON;
	case -ETIMEDOUT:
		return RIOD_REASON_TIMEOUT;
	default:
		return RIOD_REASON_CLOSED;
	}
}

/**
 * riod_session_over() - end a running session; the only place that does
 * @s: session
 * @reason: for ops->over(), ops->lost() and the BYE
 * @bye: the connection may still carry a BYE
 *
 * Calls ops->over() and wakes all waiters of the session.  The work calls
 * ops->lost(), unless the caller does so first.
 *
 * Return: false if the session was over before; ops->over() has returned all
 * the same.
 */
bool riod_session_over(struct riod_session *s, enum riod_reason reason, bool bye)
{
	struct riod_wire_bye *body = (void *)s->bye->body;
	bool first;

	spin_lock(&s->lock);
	first = !s->over;
	if (first) {
		/* before anything else: at the stub this stops the device */
		if (s->ops->over)
			s->ops->over(s->priv, reason);
		s->reason = reason;
		s->over_at = jiffies;
		if (bye) {
			body->reason = cpu_to_le32(reason);
			riod_session_queue(s, s->bye);
			s->bye_queued = true;
		}
		/* last: riod_session_is_over() reads it without the lock */
		smp_store_release(&s->over, true);
		/* under the lock: see the top of this file */
		schedule_work(&s->lost_work);
		wake_up_all(&s->window_wait);
		wake_up(&s->tx_wait);
		riod_session_dial_kill(s);
	}
	spin_unlock(&s->lock);
	return first;
}

/* the session is over; later callers wait until ops->lost() has returned */
void riod_session_report_lost(struct riod_session *s)
{
	mutex_lock(&s->deliver);
	if (!s->lost_reported) {
		s->lost_reported = true;
		trace_riod_session_lost(s->nr, s->reason);
		s->ops->lost(s->priv, s->reason);
	}
	mutex_unlock(&s->deliver);
}

static void riod_session_lost_work(struct work_struct *work)
{
	riod_session_report_lost(container_of(work, struct riod_session, lost_work));
}

void riod_session_end(struct riod_session *s, enum riod_reason reason)
{
	riod_session_over(s, reason, true);
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_end);

static void riod_session_init(struct riod_session *s)
{
	init_completion(&s->rx_done);
	init_completion(&s->tx_done);
	INIT_WORK(&s->lost_work, riod_session_lost_work);
	mutex_init(&s->resume_lock);
	mutex_init(&s->deliver);
	spin_lock_init(&s->lock);
	INIT_LIST_HEAD(&s->queue);
	INIT_LIST_HEAD(&s->retained);
	init_waitqueue_head(&s->tx_wait);
	init_waitqueue_head(&s->window_wait);
	init_waitqueue_head(&s->resume_wait);
	s->nr = atomic_inc_return(&riod_session_count);
}

static struct riod_session *riod_session_alloc(void)
{
	struct riod_session *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return ERR_PTR(-ENOMEM);
	riod_session_init(s);
	s->ack = riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL);
	s->bye = riod_frame_alloc(RIOD_FRAME_BYE, 0, sizeof(struct riod_wire_bye),
				  GFP_KERNEL);
	if (s->ack && s->bye)
		return s;
	riod_frame_free(s->ack);
	riod_frame_free(s->bye);
	kfree(s);
	return ERR_PTR(-ENOMEM);
}

static bool riod_session_params_legal(const struct riod_session_params *p)
{
	/* all waits in the session are bounded by these two */
	return p->keepalive_ms && p->lost_ms &&
	       p->nfuncs && p->nfuncs <= RIOD_FUNCS_MAX;
}

struct riod_session *riod_session_create(struct riod_conn *conn,
					 const struct riod_session_params *params,
					 bool frontend,
					 const struct riod_session_ops *ops,
					 void *priv)
{
	struct riod_session *s = ERR_PTR(-EINVAL);

	if (riod_session_params_legal(params))
		s = riod_session_alloc();
	if (IS_ERR(s)) {
		riod_conn_close(conn);
		return s;
	}
	/* @conn holds a reference, so this cannot fail */
	s->transport = riod_transport_hold(conn->ops);
	s->conn = conn;
	s->params = *params;
	if (!s->params.stall_ms)
		s->params.stall_ms = RIOD_STALL_MS;
	if (!s->params.request_ms)
		s->params.request_ms = RIOD_REQUEST_MS;
	s->frontend = frontend;
	s->ops = ops;
	s->priv = priv;
	conn->ops->peer(conn, &s->peer);
	return s;
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_create);

int riod_session_start(struct riod_session *s)
{
	struct task_struct *tx, *rx;

	tx = kthread_create(riod_session_tx, s, "riod_tx/%u", s->nr);
	if (IS_ERR(tx))
		return PTR_ERR(tx);
	rx = kthread_create(riod_session_rx, s, "riod_rx/%u", s->nr);
	if (IS_ERR(rx)) {
		kthread_stop(tx);
		return PTR_ERR(rx);
	}
	s->tx = get_task_struct(tx);
	s->rx = get_task_struct(rx);
	s->tx_last = jiffies;
	s->heard = jiffies;
	/* from its first frame on the stub knows that the client has a session, too */
	s->ack_now = s->frontend && s->params.features & RIOD_FEATURE_RESUME;
	s->conn->ops->timeouts(s->conn, riod_session_break_ms(&s->params),
			       riod_session_break_ms(&s->params));
	wake_up_process(tx);
	wake_up_process(rx);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_start);

/**
 * riod_session_bye_left() - time left for the BYE
 * @s: session that is over
 * @now: jiffies
 *
 * Return: jiffies from @now until RIOD_SESSION_BYE_MS after the session got over;
 * 0 if that is past.
 */
unsigned long riod_session_bye_left(const struct riod_session *s, unsigned long now)
{
	unsigned long all = msecs_to_jiffies(RIOD_SESSION_BYE_MS);
	unsigned long gone = now - s->over_at;

	return gone < all ? all - gone : 0;
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_bye_left);

/*
 * The receive thread ends last: it waits for the transmit thread and, after we
 * sent a BYE, for the peer to close.
 */
static void riod_session_join(struct riod_session *s)
{
	wait_for_completion_timeout(&s->rx_done, riod_session_bye_left(s, jiffies));
	/* the session is over, so the connection is not replaced behind this */
	mutex_lock(&s->resume_lock);
	s->conn->ops->shutdown(s->conn);
	mutex_unlock(&s->resume_lock);
	kthread_stop_put(s->tx);
	kthread_stop_put(s->rx);
}

void riod_session_halt(struct riod_session *s)
{
	if (!s->conn)
		return;
	riod_session_over(s, RIOD_REASON_CLOSED, true);
	if (s->tx)
		riod_session_join(s);
	cancel_work_sync(&s->lost_work);
	riod_session_report_lost(s);
	/* a handshake that came too late may still hold it */
	mutex_lock(&s->resume_lock);
	riod_conn_close(s->conn);
	s->conn = NULL;
	mutex_unlock(&s->resume_lock);
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_halt);

void riod_session_free(struct riod_session *s)
{
	riod_frames_free(&s->queue);
	riod_frames_free(&s->retained);
	if (!s->bye_queued)
		riod_frame_free(s->bye);
	riod_frame_free(s->ack);
	mutex_destroy(&s->deliver);
	mutex_destroy(&s->resume_lock);
	riod_transport_put(s->transport);
	kfree(s);
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_free);

void riod_session_set_ack_notify(struct riod_session *s, void (*fn)(void *priv))
{
	s->ack_notify = fn;
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_set_ack_notify);

u64 riod_session_acked(struct riod_session *s)
{
	u64 acked;

	spin_lock(&s->lock);
	acked = s->acked;
	spin_unlock(&s->lock);
	return acked;
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_acked);

u64 riod_session_last_seq(struct riod_session *s)
{
	u64 seq;

	spin_lock(&s->lock);
	seq = s->tx_seq;
	spin_unlock(&s->lock);
	return seq;
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_last_seq);

u32 riod_session_nr(const struct riod_session *s)
{
	return s->nr;
}

bool riod_session_in_rx(const struct riod_session *s)
{
	return current == s->rx;
}

const struct riod_session_params *riod_session_params(struct riod_session *s)
{
	return &s->params;
}
EXPORT_SYMBOL_GPL(riod_session_params);

void riod_session_get_stats(struct riod_session *s, struct riod_session_stats *st)
{
	spin_lock(&s->lock);
	*st = s->stats;
	st->tx_retained = s->unacked;
	spin_unlock(&s->lock);
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_get_stats);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session outlives its connection
 *
 * When the transport fails, both threads of the session come here and park.  They
 * shut the connection down first, so the other one comes, too.  While both are
 * parked, nothing sends, receives, or processes a frame: @rx_seq, @retained and
 * @queue stand still, and @conn may be replaced.  The new connection has been
 * negotiated by then:
 *
 *   frontend	the receive thread connects, until it succeeds, is refused for good,
 *		or the peer is lost.
 *   stub	the threads wait.  A handshake with the id of the session calls
 *		riod_session_resume_begin() and _end().  It may come before this side
 *		has noticed anything, and then breaks the old connection itself.
 *
 * Why no frame is lost or processed twice: a frame that was sent is on @retained until
 * the peer has acknowledged it, which includes the peer's rx_seq in the handshake, and
 * that is constant from the handshake until the peer sends on the new connection.  What
 * remains on @retained goes to the head of @queue, in order and with its number.  The
 * receive thread may process what had arrived before it parks (a BYE may be among it), at
 * most a window; the rest is discarded with the old connection.
 *
 * A HELLO may be late, if the network held it up while a later one has resumed the session.
 * It names a number below @acked, or was followed by nothing, so at worst it costs a break:
 * @tx_sent is the highest number ever sent, so that the next HELLO is not an impossible one.
 *
 * Why this ends: each wait here ends when the session is over or after a time, at most
 * lost_ms after the last frame that was received, or after the break if a frame was being
 * processed then.  At the stub each parked thread watches the time, because the other one may
 * be processing a frame for longer.  A server that is BUSY counts as heard, but only while it
 * may still be processing a frame.  Resuming is no progress: a peer that resumes again and
 * again without an acknowledgment stalls, as on one connection, and so do requests that it
 * does not answer.  The end of the session needs no parked thread, and interrupts the
 * frontend's connect by SIGKILL.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/sched/signal.h>

#include "riod_trace.h"
#include "session_priv.h"

/* pauses between attempts to connect, before chance changes them */
#define RIOD_RESUME_PAUSE_MIN_MS	100
#define RIOD_RESUME_PAUSE_MAX_MS	1000
/* longest attempt; a SYN that was lost is repeated after a second */
#define RIOD_RESUME_CONNECT_MS		3000
/* longest wait for the answer: the stub refuses with BUSY after RIOD_RESUME_BUSY_MS */
#define RIOD_RESUME_ANSWER_MS		(RIOD_RESUME_BUSY_MS + 2000)

/* silence after which the connection counts as broken, if the session can be resumed */
unsigned int riod_session_break_ms(const struct riod_session_params *p)
{
	if (!(p->features & RIOD_FEATURE_RESUME))
		return p->lost_ms;
	return min(max(p->lost_ms / 2, 2 * p->keepalive_ms), p->lost_ms);
}

bool riod_session_is_broken(struct riod_session *s)
{
	/* pairs with riod_session_break() and riod_session_install() */
	return smp_load_acquire(&s->broken);
}
EXPORT_SYMBOL_GPL(riod_session_is_broken);

/* longest wait of a handshake for the threads; the answer must reach a peer that waits */
static unsigned int riod_session_busy_ms(const struct riod_session *s)
{
	return min(RIOD_RESUME_BUSY_MS, s->params.lost_ms / 4);
}

/* jiffies until the peer is lost; <= 0: it is */
static long riod_session_lost_left(struct riod_session *s)
{
	return (long)(READ_ONCE(s->heard) + msecs_to_jiffies(s->params.lost_ms) - jiffies);
}

/*
 * -EPROTO: the peer is at fault, and would be again.  The client sends an acknowledgment at
 * once, so a stub without any frame had a client that gave up its attempt to attach.
 */
static bool riod_session_may_resume(const struct riod_session *s, int err)
{
	lockdep_assert_held(&s->lock);
	return !s->over && err != -EPROTO && s->params.features & RIOD_FEATURE_RESUME &&
	       (s->frontend || s->stats.rx_frames);
}

/**
 * riod_session_break() - stop using the connection
 * @s: session; @conn stays until the caller parks, or while it holds @resume_lock
 * @err: error of the transport
 *
 * Return: false if the session ends with its connection, or is over.
 */
static bool riod_session_break(struct riod_session *s, int err)
{
	bool first, ret;

	spin_lock(&s->lock);
	ret = riod_session_may_resume(s, err);
	first = ret && !s->broken;
	if (first) {
		WRITE_ONCE(s->break_err, err);
		/* nothing was read meanwhile */
		if (s->rx_busy)
			WRITE_ONCE(s->heard, jiffies);
		s->stats.breaks++;
		/* pairs with riod_session_is_broken() */
		smp_store_release(&s->broken, true);
		wake_up(&s->tx_wait);
	}
	spin_unlock(&s->lock);
	if (!ret)
		return false;
	s->conn->ops->shutdown(s->conn);
	if (first) {
		trace_riod_session_broken(s->nr, err);
		pr_notice_ratelimited("%pISpc: connection lost (error %d), waiting for the peer\n",
				      &s->peer, err);
		if (s->ops->connection)
			s->ops->connection(s->priv);
	}
	return true;
}

/* the peer did not come back in time */
static void riod_session_give_up(struct riod_session *s)
{
	bool silent = READ_ONCE(s->break_err) == -ETIMEDOUT || riod_session_stall_left(s) <= 0;

	riod_session_over(s, silent ? RIOD_REASON_TIMEOUT : RIOD_REASON_CLOSED, false);
}

static bool riod_session_parked(struct riod_session *s)
{
	bool parked;

	spin_lock(&s->lock);
	parked = s->over || (s->rx_parked && s->tx_parked);
	spin_unlock(&s->lock);
	return parked;
}

/*
 * Both threads are parked.  -ESTALE: the peer has acknowledged more than @peer_rx_seq since;
 * -EPROTO: it never received that much
 */
static int riod_session_check_seq(struct riod_session *s, u64 peer_rx_seq)
{
	int err = 0;

	spin_lock(&s->lock);
	if (s->over)
		err = -ENOTCONN;
	else if (peer_rx_seq < s->acked)
		err = -ESTALE;
	else if (peer_rx_seq > s->tx_sent)
		err = -EPROTO;
	spin_unlock(&s->lock);
	return err;
}

static void riod_session_impossible(struct riod_session *s)
{
	pr_info_ratelimited("%pISpc broke the protocol: resumes at an impossible number\n",
			    &s->peer);
	riod_session_over(s, RIOD_REASON_PROTOCOL, false);
}

/*
 * Replace the connection.  Both threads are parked, @resume_lock is held, and
 * @peer_rx_seq was checked.  false: the session is over, and @conn the caller's.
 */
static bool riod_session_install(struct riod_session *s, struct riod_conn *conn,
				 u64 peer_rx_seq)
{
	unsigned int break_ms = riod_session_break_ms(&s->params);
	struct riod_conn *old = s->conn;
	LIST_HEAD(done);
	bool over;

	lockdep_assert_held(&s->resume_lock);
	conn->ops->timeouts(conn, break_ms, break_ms);
	riod_session_rx_ack(s, peer_rx_seq);
	spin_lock(&s->lock);
	over = s->over;
	if (!over) {
		list_splice_init(&s->retained, &s->queue);
		/* those that an earlier connection was to send again */
		riod_session_reap(s, &s->queue, &done);
		/* the handshake has acknowledged all that was processed */
		s->ack_sent = s->rx_seq;
		s->rx_unacked = 0;
		s->ack_now = false;
		s->tx_last = jiffies;
		WRITE_ONCE(s->heard, jiffies);
		s->conn = conn;
		s->since = jiffies;
		s->epoch++;
		s->rx_parked = false;
		s->tx_parked = false;
		/* last: pairs with riod_session_is_broken() */
		smp_store_release(&s->broken, false);
		wake_up_all(&s->resume_wait);
	}
	spin_unlock(&s->lock);
	if (over)
		return false;
	riod_frames_free(&done);
	riod_conn_close(old);
	trace_riod_session_resumed(s->nr, peer_rx_seq);
	pr_notice_ratelimited("%pISpc: session resumed\n", &s->peer);
	if (s->ops->connection)
		s->ops->connection(s->priv);
	return true;
}

/* ------------------------------------------------------------ frontend: connect again */

/* the end of the session interrupts the attempt between these two */
static bool riod_session_dial_begin(struct riod_session *s)
{
	spin_lock(&s->lock);
	s->dialing = !s->over;
	spin_unlock(&s->lock);
	return s->dialing;
}

static void riod_session_dial_end(struct riod_session *s)
{
	spin_lock(&s->lock);
	s->dialing = false;
	spin_unlock(&s->lock);
	flush_signals(current);
}

/* with the lock of the session, by the thread that ends it */
void riod_session_dial_kill(struct riod_session *s)
{
	lockdep_assert_held(&s->lock);
	wake_up_all(&s->resume_wait);
	if (s->dialing)
		send_sig(SIGKILL, s->rx, 1);
}

/* the tx thread parks as soon as its send returns, which the shutdown sees to */
static int riod_session_adopt(struct riod_session *s, struct riod_conn *conn, u64 peer_rx_seq)
{
	int err;

	wait_event_idle(s->resume_wait, riod_session_parked(s));
	mutex_lock(&s->resume_lock);
	err = riod_session_check_seq(s, peer_rx_seq);
	if (!err && !riod_session_install(s, conn, peer_rx_seq))
		err = -ENOTCONN;
	mutex_unlock(&s->resume_lock);
	/* it is the answer to our HELLO, so it is not late */
	if (err == -EPROTO || err == -ESTALE)
		riod_session_impossible(s);
	return err;
}

/* the server is BUSY with a frame of ours, and not for too long */
static bool riod_session_may_be_busy(struct riod_session *s)
{
	long left = riod_session_stall_left(s);

	return left > 0 && left != MAX_SCHEDULE_TIMEOUT;
}

/* Return: 0 or -errno; *@reason is set if the server refuses for good */
static int riod_session_dial_once(struct riod_session *s, long left, enum riod_reason *reason)
{
	unsigned int ms = min(jiffies_to_msecs(left), RIOD_RESUME_CONNECT_MS);
	struct riod_refusal refusal = {};
	struct riod_conn *conn;
	u64 peer_rx_seq;
	int err;

	conn = s->ops->connect(s->priv, ms);
	if (IS_ERR(conn)) {
		/* RDMA: rejected ahead of the HELLO, which TCP's listener would refuse */
		if (PTR_ERR(conn) == -EKEYREJECTED)
			*reason = RIOD_REASON_NOT_ALLOWED;
		return PTR_ERR(conn);
	}
	left = max(riod_session_lost_left(s), 1L);
	ms = min(jiffies_to_msecs(left), RIOD_RESUME_ANSWER_MS);
	err = riod_negotiate_resume(conn, &s->params, s->rx_seq, ms, &peer_rx_seq, &refusal);
	if (!err)
		err = riod_session_adopt(s, conn, peer_rx_seq);
	if (err)
		riod_conn_close(conn);
	switch (refusal.reason) {
	case RIOD_REASON_BUSY:
		if (riod_session_may_be_busy(s))
			WRITE_ONCE(s->heard, jiffies);
		break;
	case RIOD_REASON_NONE:
	case RIOD_REASON_LIMIT:
	case RIOD_REASON_NO_MEMORY:
		break;
	default:
		*reason = refusal.reason;
		pr_notice_ratelimited("%pISpc does not resume the session: %s\n", &s->peer,
				      refusal.text);
	}
	return err;
}

/* half to one and a half times @ms */
static unsigned long riod_session_jitter(unsigned int ms)
{
	return msecs_to_jiffies(ms / 2 + get_random_u32_below(ms + 1)) ?: 1;
}

static void riod_session_pause(struct riod_session *s)
{
	unsigned long pause = riod_session_jitter(s->dial_pause);
	long left = riod_session_lost_left(s);

	wait_event_idle_timeout(s->resume_wait, riod_session_is_over(s),
				clamp_t(long, pause, 1, max(left, 1L)));
}

/* several attempts fit into lost_ms */
static void riod_session_pause_more(struct riod_session *s)
{
	unsigned int max = clamp(s->params.lost_ms / 8, RIOD_RESUME_PAUSE_MIN_MS,
				 RIOD_RESUME_PAUSE_MAX_MS);

	s->dial_pause = clamp(2 * s->dial_pause, RIOD_RESUME_PAUSE_MIN_MS, max);
}

/*
 * Connections that end at once must not follow each other without a pause, which becomes
 * longer while they bring nothing.
 */
static void riod_session_pace(struct riod_session *s)
{
	if (!s->epoch || time_after(jiffies, s->since + HZ)) {
		s->dial_pause = 0;
		return;
	}
	if (s->dial_frames == s->stats.rx_frames)
		riod_session_pause_more(s);
	else
		s->dial_pause = RIOD_RESUME_PAUSE_MIN_MS;
	riod_session_pause(s);
}

static bool riod_session_dial(struct riod_session *s)
{
	enum riod_reason reason = RIOD_REASON_NONE;
	long left;
	int err;

	riod_session_pace(s);
	while ((left = riod_session_lost_left(s)) > 0) {
		if (!riod_session_dial_begin(s))
			return false;
		err = riod_session_dial_once(s, left, &reason);
		riod_session_dial_end(s);
		if (!err) {
			s->dial_frames = s->stats.rx_frames;
			return true;
		}
		if (reason) {
			riod_session_over(s, reason, false);
			return false;
		}
		riod_session_pause_more(s);
		riod_session_pause(s);
	}
	riod_session_give_up(s);
	return false;
}

/* ------------------------------------------------------------ park */

static bool riod_session_replaced(struct riod_session *s, u32 epoch)
{
	bool replaced;

	spin_lock(&s->lock);
	replaced = s->epoch != epoch;
	spin_unlock(&s->lock);
	return replaced;
}

/* the session may be over on its next connection: then its BYE is still to be sent */
static bool riod_session_awaited(struct riod_session *s, u32 epoch)
{
	return riod_session_is_over(s) || riod_session_replaced(s, epoch);
}

/* wait for the next connection; the frontend's receive thread, which connects, watches the time */
static bool riod_session_await(struct riod_session *s, u32 epoch)
{
	long left = MAX_SCHEDULE_TIMEOUT;

	while (!riod_session_awaited(s, epoch)) {
		if (!s->ops->connect)
			left = min(riod_session_lost_left(s), riod_session_stall_left(s));
		if (left <= 0)
			riod_session_give_up(s);
		else
			wait_event_idle_timeout(s->resume_wait, riod_session_awaited(s, epoch),
						left);
	}
	return riod_session_replaced(s, epoch);
}

/**
 * riod_session_park() - a thread's call of the transport failed
 * @s: session
 * @rx: the caller is the receive thread, otherwise the transmit thread
 * @err: from the transport
 *
 * Return: true: there is a new connection, go on; false: there will be none.
 */
bool riod_session_park(struct riod_session *s, bool rx, int err)
{
	u32 epoch;

	if (!riod_session_break(s, err))
		return false;
	spin_lock(&s->lock);
	epoch = s->epoch;
	if (rx)
		s->rx_parked = true;
	else
		s->tx_parked = true;
	wake_up_all(&s->resume_wait);
	spin_unlock(&s->lock);
	if (rx && s->ops->connect)
		return riod_session_dial(s);
	return riod_session_await(s, epoch);
}

/* ------------------------------------------------------------ stub: a handshake resumes */

int riod_session_resume_begin(struct riod_session *s, u64 peer_rx_seq, u64 *rx_seq)
{
	int err = 0;

	if (!(s->params.features & RIOD_FEATURE_RESUME))
		return -ENOTCONN;
	/* a HELLO that comes late: the connection that works stays */
	if (peer_rx_seq < riod_session_acked(s))
		return -ESTALE;
	/* another handshake is here, or the session is being halted */
	if (!mutex_trylock(&s->resume_lock))
		return -EBUSY;
	/* before the receive thread parks: a frame may take it longer than lost_ms */
	WRITE_ONCE(s->heard, jiffies);
	if (!riod_session_break(s, -ECONNRESET))
		err = -ENOTCONN;
	else if (!wait_event_idle_timeout(s->resume_wait, riod_session_parked(s),
					  msecs_to_jiffies(riod_session_busy_ms(s))))
		err = -EBUSY;
	if (!err)
		err = riod_session_check_seq(s, peer_rx_seq);
	if (err)
		mutex_unlock(&s->resume_lock);
	else
		*rx_seq = s->rx_seq;
	if (err == -EPROTO)
		riod_session_impossible(s);
	return err;
}
EXPORT_SYMBOL_GPL(riod_session_resume_begin);

int riod_session_resume_end(struct riod_session *s, struct riod_conn *conn, u64 peer_rx_seq)
{
	int err = 0;

	if (conn && !riod_session_install(s, conn, peer_rx_seq))
		err = -ENOTCONN;
	mutex_unlock(&s->resume_lock);
	return err;
}
EXPORT_SYMBOL_GPL(riod_session_resume_end);

#if IS_ENABLED(CONFIG_KUNIT)
/* end the connection, as the network may at any time; false if it is being replaced */
bool riod_session_cut(struct riod_session *s)
{
	/* ops->frame() may be the caller, and a handshake wait for it with the lock held */
	if (!mutex_trylock(&s->resume_lock))
		return false;
	s->conn->ops->shutdown(s->conn);
	mutex_unlock(&s->resume_lock);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(riod_session_cut);
#endif

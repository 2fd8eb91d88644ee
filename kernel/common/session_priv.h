/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by session.c, session_tx.c, session_rx.c and session_resume.c. */
#ifndef _RIOD_SESSION_PRIV_H
#define _RIOD_SESSION_PRIV_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "session.h"

/* longest that a session waits for its BYE to be sent; halting: from the end on */
#define RIOD_SESSION_BYE_MS	1000

/**
 * struct riod_session - one session
 * @conn: owned; NULL once the session is halted.  Changes under @resume_lock, while
 *	both threads are parked or gone; everyone else who uses it holds @resume_lock
 * @transport: pinned until the session is freed, because frames that the owner
 *	keeps may be memory of the transport (&riod_frame.free)
 * @params: from the handshake
 * @frontend: this end is the frontend
 * @ops: callbacks of the owner
 * @priv: their first argument
 * @ack_notify: callback of the owner, or NULL; set before the threads start
 * @peer: address of the first connection, for use after it is closed
 * @nr: number of the session in traces and thread names
 * @rx: receive thread, NULL before the start; a reference is held
 * @tx: transmit thread, likewise
 * @rx_done: @rx has ended
 * @tx_done: @tx has ended
 * @lost_work: calls ops->lost() when another thread than @rx ends the session
 * @deliver: serialises ops->frame() and ops->lost(); outer to all locks that
 *	they take, and to @lock
 * @lost_reported: under @deliver: ops->lost() was called
 * @resume_lock: see @conn; outer to all locks here
 * @tx_last: transmit thread, and while it is parked: jiffies of the last send
 * @ack: transmit thread: the ACK frame, which is reused
 * @lock: protects everything below.  Wait queues, the work queue and the locks
 *	that ops->over() takes nest inside.
 * @over: no frame is queued or delivered any more; never cleared; set after
 *	ops->over() has returned
 * @reason: of the end, set with @over
 * @over_at: jiffies of the end, set with @over
 * @bye: the BYE frame until it is queued; allocated early, so that the end
 *	cannot fail
 * @bye_queued: the BYE is queued: the transmit thread goes on until @queue is
 *	empty
 * @queue: frames not sent yet
 * @retained: frames sent but not acknowledged
 * @unacked: bytes of all frames that are queued, being sent or retained
 * @progress: while @unacked is not 0: jiffies when it became so, or when @acked
 *	last advanced
 * @tx_seq: number of the last frame queued
 * @tx_sent: highest number given to the transport, of any connection
 * @acked: highest number that the peer has acknowledged
 * @rx_seq: number of the last frame processed
 * @rx_busy: the frame behind @rx_seq is being processed
 * @rx_unacked: bytes processed since the last acknowledgment was sent
 * @ack_sent: highest number that we have acknowledged
 * @ack_target: send an acknowledgment as soon as @rx_seq reaches this
 * @ack_now: send an acknowledgment even if @rx_seq is unchanged
 * @broken: there is no connection that works: nothing is sent or received; also read
 *	without the lock
 * @break_err: error that broke the connection
 * @epoch: number of connections that replaced another
 * @rx_parked: the receive thread uses @conn no more, until @epoch changes
 * @tx_parked: the transmit thread, likewise
 * @dialing: the receive thread connects; the end of the session sends it SIGKILL
 * @dial_frames: receive thread: frames received when the last connection began
 * @dial_pause: receive thread: last pause between two attempts to connect, in milliseconds
 * @since: jiffies when the present connection replaced another
 * @heard: jiffies when the last frame was received, of the session or a handshake that
 *	resumes it; without the lock
 * @stats: counters
 * @resume_wait: wait queue of parked threads, and of those who wait for them
 * @tx_wait: wait queue of the transmit thread
 * @window_wait: wait queue of senders while the window is full
 */
struct riod_session {
	struct riod_conn *conn;
	const struct riod_transport_ops *transport;
	struct riod_session_params params;
	bool frontend;
	const struct riod_session_ops *ops;
	void *priv;
	void (*ack_notify)(void *priv);
	struct sockaddr_storage peer;
	u32 nr;

	struct task_struct *rx;
	struct task_struct *tx;
	struct completion rx_done;
	struct completion tx_done;
	struct work_struct lost_work;

	struct mutex resume_lock;	/* @conn; see above */
	struct mutex deliver;		/* ops->frame() and ops->lost() */
	bool lost_reported;

	unsigned long tx_last;
	struct riod_frame *ack;

	spinlock_t lock;		/* all below; see above */
	bool over;
	enum riod_reason reason;
	unsigned long over_at;
	struct riod_frame *bye;
	bool bye_queued;
	struct list_head queue;
	struct list_head retained;
	u64 unacked;
	unsigned long progress;
	u64 tx_seq;
	u64 tx_sent;
	u64 acked;
	u64 rx_seq;
	bool rx_busy;
	u32 rx_unacked;
	u64 ack_sent;
	u64 ack_target;
	bool ack_now;
	bool broken;
	int break_err;
	u32 epoch;
	bool rx_parked;
	bool tx_parked;
	bool dialing;
	unsigned long heard;
	u64 dial_frames;
	unsigned int dial_pause;
	unsigned long since;
	struct riod_session_stats stats;

	wait_queue_head_t resume_wait;
	wait_queue_head_t tx_wait;
	wait_queue_head_t window_wait;
};

/* if true, @reason, @over_at and @bye_queued can be read without the lock */
static inline bool riod_session_is_over(const struct riod_session *s)
{
	/* pairs with riod_session_over() */
	return smp_load_acquire(&s->over);
}

/* session.c */
bool riod_session_over(struct riod_session *s, enum riod_reason reason, bool bye);
void riod_session_report_lost(struct riod_session *s);
unsigned long riod_session_bye_left(const struct riod_session *s, unsigned long now);

/* session_tx.c */
int riod_session_tx(void *data);
long riod_session_stall_left(struct riod_session *s);
void riod_session_queue(struct riod_session *s, struct riod_frame *f);
bool riod_session_ack_due(struct riod_session *s);

/* session_rx.c */
int riod_session_rx(void *data);
bool riod_session_rx_ack(struct riod_session *s, u64 ack);
void riod_session_reap(struct riod_session *s, struct list_head *from, struct list_head *done);

/* session_resume.c */
unsigned int riod_session_break_ms(const struct riod_session_params *p);
bool riod_session_park(struct riod_session *s, bool rx, int err);
void riod_session_dial_kill(struct riod_session *s);

#endif /* _RIOD_SESSION_PRIV_H */

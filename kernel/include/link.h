/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A link: session and engine of one attachment, at either end
 *
 * One thread, the *pump*, is the only sender.  Each round it takes the waiting
 * events before it scans (rule 1, everything is a release), lets the owner send
 * maps and unmaps, takes a cut, sends it, and then sends the events.  So every
 * frame follows the bytes that were written before it.  The receive thread
 * stages and applies cuts, and hands all other frames to the owner, in order.
 */
#ifndef _RIOD_LINK_H
#define _RIOD_LINK_H

#include "session.h"
#include "sync.h"

struct riod_link;

/**
 * struct riod_link_ops - owner's callbacks; process context, except @over
 * @over: as &riod_session_ops.over: must not sleep, runs before @lost.  Stop a
 *	device here.  May be NULL.
 * @frame: a frame that does not belong to a cut arrived; as
 *	&riod_session_ops.frame
 * @gather: pump: append frames to @events for events that the owner keeps as
 *	bits (interrupts).  Called before the scan begins, after the posted
 *	events were taken; its frames go ahead of those.  May be NULL.
 *	-ENOMEM: the owner keeps the bits and is called again after a pause; any
 *	other error ends the link.
 * @prepare: pump: send what must precede the cut (MAP, UNMAP) with
 *	riod_link_send().  Called after @gather, before the scan, and again
 *	during the scan, under &riod_sync.gate (rule 1).  Errors as for @gather.
 *	May be NULL.
 * @hold: pump: as &riod_sync.hold, under &riod_sync.gate.  May be NULL.
 * @completed: receive thread: as &riod_sync.completed, under &riod_sync.gate.  May be NULL.
 * @collected: pump: a cut was taken, which may have been empty.  May be NULL.
 * @applied: receive thread: a cut of the peer was applied; no frame behind it
 *	has been handed over yet.  May be NULL.
 * @lost: as &riod_session_ops.lost.  Waiters in riod_link_post() and
 *	riod_link_request() have been woken before.
 * @connect: as &riod_session_ops.connect
 * @connection: as &riod_session_ops.connection.  While the connection is broken the pump
 *	sleeps; afterwards it takes a cut before everything else (rule 19).
 */
struct riod_link_ops {
	void (*over)(void *priv, enum riod_reason reason);
	int (*frame)(void *priv, struct riod_frame *f);
	int (*gather)(void *priv, struct list_head *events);
	int (*prepare)(void *priv);
	void (*hold)(void *priv, bool on);
	void (*completed)(void *priv);
	void (*collected)(void *priv);
	void (*applied)(void *priv);
	void (*lost)(void *priv, enum riod_reason reason);
	struct riod_conn *(*connect)(void *priv, unsigned int timeout_ms);
	void (*connection)(void *priv);
};

/** struct riod_link_stats - counters of the pump */
struct riod_link_stats {
	u64 rounds;		/* rounds of the pump */
	u64 events;		/* frames sent as events */
	u64 throttled;		/* times that riod_link_post() had to wait */
	u64 followed;		/* rounds whose events followed a cut in flight */
};

/**
 * riod_link_create() - create a link over a connection after the handshake
 * @conn: consumed, also on error
 * @params: from the handshake
 * @role: which end this is
 * @sync: tunables of the engine, or NULL.  Without a parent its budget is charged to
 *	riod_budget_host(); without a limit it gets riod_link_memory_max(0).
 * @name: for the pump's name and log messages
 * @ops: callbacks
 * @priv: their first argument
 *
 * Nothing runs before riod_link_start().
 */
struct riod_link *riod_link_create(struct riod_conn *conn,
				   const struct riod_session_params *params,
				   enum riod_sync_role role,
				   const struct riod_sync_params *sync,
				   const char *name,
				   const struct riod_link_ops *ops, void *priv);
int riod_link_start(struct riod_link *l);

/**
 * riod_link_memory_max() - most memory that may be held on behalf of a peer
 * @mapped: most bytes of memory that may be mapped at once, each page counted once
 *
 * Eight times @mapped plus 64 MiB.  Rule 18 in Documentation/coherence.rst derives the
 * factor.
 * Return: a limit for &riod_sync.budget, at most U64_MAX.
 */
static inline u64 riod_link_memory_max(u64 mapped)
{
	const u64 slack = 64u << 20;

	return mapped > (U64_MAX - slack) / 8 ? U64_MAX : 8 * mapped + slack;
}

/**
 * riod_link_post() - queue an event behind the next cut
 * @l: link
 * @f: consumed, also on error
 *
 * The event follows the next cut that begins after this call.
 *
 * Waits if RIOD_LINK_EVENTS_MAX events are queued: sleeps, killable, until
 * there is room or the link is lost.  Never sleeps in the link's own callbacks:
 * there the limit is twice as high, and exceeding it ends the link
 * (RIOD_REASON_EVENTS).
 *
 * Return: 0, -ENOTCONN, -EINTR.
 */
int riod_link_post(struct riod_link *l, struct riod_frame *f);
#define RIOD_LINK_EVENTS_MAX	4096

/*
 * riod_link_post() with the behaviour of a callback: never waits, and ends the
 * link if too many events are queued.  For callers that others wait for
 * uninterruptibly.
 */
int riod_link_post_nowait(struct riod_link *l, struct riod_frame *f);

/*
 * riod_link_post() for replies, which never waits: requests bound their number.
 * -EPROTO: more replies are queued than there can be requests, so the peer is
 * at fault; return it from ops->frame().
 */
int riod_link_post_reply(struct riod_link *l, struct riod_frame *f);

/*
 * Wake the pump: @gather or @prepare has something to do, or a page was mapped
 * outside of @frame.  Any context, hard irq included.
 */
void riod_link_kick(struct riod_link *l);

/* only in @prepare: queue a frame ahead of the cut; may wait for the window */
int riod_link_send(struct riod_link *l, struct riod_frame *f);

/**
 * riod_link_request() - post a request and wait for its REPLY
 * @l: link; frontend only
 * @f: REG, CTL, IRQ_SETUP or BAR_MAP frame whose body begins with the tag,
 *	which is set here; consumed, also on error
 * @value: set to the value of the reply; may be NULL
 *
 * Killable, and bounded: if the reply has not arrived RIOD_REQUEST_MS after the
 * request was posted, the link ends (RIOD_REASON_TIMEOUT).  Requests that may
 * take the device long (RESET and POWER) get RIOD_STALL_MS more, and so do
 * requests posted while one of those is outstanding, because the peer processes
 * one frame after the other.
 *
 * Return: 0, -ENOTCONN: the session ended, -EINTR, -EACCES (DENIED), -EINVAL
 * (INVALID), -EIO (FAILED).
 */
int riod_link_request(struct riod_link *l, struct riod_frame *f, u64 *value);
/* for RIOD_CTL_ROM_READ: on success RIOD_ROM_PIECE bytes are copied to @piece */
int riod_link_request_piece(struct riod_link *l, struct riod_frame *f, u64 *value,
			    void *piece);

struct riod_sync *riod_link_sync(struct riod_link *l);
struct riod_session *riod_link_session(struct riod_link *l);
void riod_link_get_stats(struct riod_link *l, struct riod_link_stats *st);
bool riod_link_is_lost(struct riod_link *l);

/* ends the link; as riod_session_end(): does not wait, allowed in callbacks */
void riod_link_end(struct riod_link *l, enum riod_reason reason);
/* riod_link_end() with the reason for @err; logs the limit if @err is -EDQUOT */
void riod_link_fail(struct riod_link *l, int err);
/*
 * Waits for all threads and callbacks; lost() has been called when it returns.
 * Afterwards statistics, also those of riod_link_session(), can be read and
 * pages can be unmapped from the engine; functions that send return -ENOTCONN.
 * May be called again, but not concurrently.
 */
void riod_link_stop(struct riod_link *l);
/* after _stop() and after all pages were unmapped; no other call may be running */
void riod_link_free(struct riod_link *l);

#endif /* _RIOD_LINK_H */

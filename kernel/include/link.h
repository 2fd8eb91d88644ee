/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Session and engine of one attachment, tied together
 *
 * The same at both ends.  One thread, the *pump*, is the only sender: it takes
 * the events that wait (rule 1: before it scans), lets the owner send its maps
 * and unmaps, takes a cut, sends it, and then sends the events.  So everything
 * that crosses is behind what was written before it.  The receive thread stages
 * and applies cuts and hands all other frames to the owner, in order.
 */
#ifndef _RIOD_LINK_H
#define _RIOD_LINK_H

#include "session.h"
#include "sync.h"

struct riod_link;

/**
 * struct riod_link_ops - the owner's side; all but @over from process context
 * @over: as &riod_session_ops.over: at once, must not sleep, runs before @lost.
 *	Stop a device here.  May be NULL.
 * @frame: a frame that is not about cuts arrived; as &riod_session_ops.frame
 * @gather: pump: add frames for events that are kept as bits, not as frames
 *	(interrupts), to @events.  Called before the scan begins.  May be NULL.
 *	-ENOMEM: keep the bits, it is called again after a rest; any other error
 *	ends the link.
 * @prepare: pump: send what must be ahead of the cut (MAP, UNMAP) with
 *	riod_link_send().  Called after @gather, before the scan, and again while the
 *	scan goes on, under &riod_sync.gate (rule 1).  Errors as @gather's.  May be NULL.
 * @hold: pump: as &riod_sync.hold, under &riod_sync.gate.  May be NULL.
 * @collected: pump: a cut was taken (it may have been empty).  May be NULL.
 * @applied: receive thread: a cut of the peer's was applied; no frame behind it
 *	has been handed over yet.  May be NULL.
 * @lost: as &riod_session_ops.lost.  Waiters in riod_link_post() and
 *	riod_link_request() were told to leave before.
 */
struct riod_link_ops {
	void (*over)(void *priv, enum riod_reason reason);
	int (*frame)(void *priv, struct riod_frame *f);
	int (*gather)(void *priv, struct list_head *events);
	int (*prepare)(void *priv);
	void (*hold)(void *priv, bool on);
	void (*collected)(void *priv);
	void (*applied)(void *priv);
	void (*lost)(void *priv, enum riod_reason reason);
};

/** struct riod_link_stats - counters of the pump */
struct riod_link_stats {
	u64 rounds;		/* times round the pump */
	u64 events;		/* frames sent as events */
	u64 throttled;		/* riod_link_post() had to wait */
	u64 followed;		/* rounds that sent events right behind a cut in flight */
};

/**
 * riod_link_create() - tie a connection that shook hands to an engine
 * @conn: taken over, also on failure
 * @params: from the handshake
 * @role: which end
 * @sync: tunables of the engine
 * @name: for the thread's name
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
 * riod_link_post() - an event: goes out with the next cut begun after this call
 * @l: link
 * @f: taken over, also on error
 *
 * Does not wait for the peer, unless RIOD_LINK_EVENTS_MAX events are waiting:
 * then it sleeps, killable, until there is room or the link is lost.  From the
 * link's own callbacks it never sleeps; as many again may wait from there, and
 * more than that end the link (RIOD_REASON_LIMIT).
 * Return: 0, -ENOTCONN, -EINTR.
 */
int riod_link_post(struct riod_link *l, struct riod_frame *f);
#define RIOD_LINK_EVENTS_MAX	4096

/*
 * As riod_link_post() from a callback, whoever calls: never waits, and ends the link
 * where too much waits.  For what others wait for uninterruptibly.
 */
int riod_link_post_nowait(struct riod_link *l, struct riod_frame *f);

/*
 * As riod_link_post(), never waits, for replies: their number is bounded by the
 * requests'.  -EPROTO where more wait than there can be requests: the peer is at
 * fault, return it from ops->frame().
 */
int riod_link_post_reply(struct riod_link *l, struct riod_frame *f);

/*
 * Wake the pump: @gather or @prepare has something, or a page was mapped
 * elsewhere than in @frame; any context, hard irq too.
 */
void riod_link_kick(struct riod_link *l);

/* @prepare only: send now, may wait for the window */
int riod_link_send(struct riod_link *l, struct riod_frame *f);

/**
 * riod_link_request() - post an event and wait for the REPLY to it
 * @l: link; frontend only
 * @f: REG, CTL, IRQ_SETUP or BAR_MAP frame whose body begins with the tag, which is set
 *	here; taken over, also on error
 * @value: reply's value; may be NULL
 *
 * Killable, and bounded: a reply that has not come RIOD_REQUEST_MS after the request
 * was posted ends the link (RIOD_REASON_TIMEOUT).  Requests that may take the device
 * long (RESET and POWER) have RIOD_STALL_MS more, and so has whatever is posted
 * while one of them waits, because the peer processes one frame after the other.
 * Return: 0, -ENOTCONN when the session ended meanwhile, -EINTR, -EACCES (DENIED),
 * -EINVAL (INVALID), -EIO (FAILED).
 */
int riod_link_request(struct riod_link *l, struct riod_frame *f, u64 *value);
/* the same for RIOD_CTL_ROM_READ: @piece gets RIOD_ROM_PIECE bytes where it succeeds */
int riod_link_request_piece(struct riod_link *l, struct riod_frame *f, u64 *value,
			    void *piece);

struct riod_sync *riod_link_sync(struct riod_link *l);
struct riod_session *riod_link_session(struct riod_link *l);
void riod_link_get_stats(struct riod_link *l, struct riod_link_stats *st);
bool riod_link_is_lost(struct riod_link *l);

/* end from this side; does not wait; also from callbacks; see riod_session_end() */
void riod_link_end(struct riod_link *l, enum riod_reason reason);
/*
 * Waits for all threads and callbacks; lost() has been called when it returns.
 * Statistics stay readable, also those of riod_link_session(), and the engine
 * can be unmapped; whatever sends gets -ENOTCONN.  May be called again, not by
 * two at once.
 */
void riod_link_stop(struct riod_link *l);
/* after _stop(), after every page was unmapped, and with no call under way */
void riod_link_free(struct riod_link *l);

#endif /* _RIOD_LINK_H */

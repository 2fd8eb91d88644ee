/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ordered stream of frames each way between two peers
 *
 * Numbers frames, retains them until they are acknowledged, bounds them by the
 * window, keeps the connection alive, and says once when the peer is lost.
 */
#ifndef _RIOD_SESSION_H
#define _RIOD_SESSION_H

#include "transport.h"

struct riod_session;

/** struct riod_session_params - what the handshake agreed on */
struct riod_session_params {
	u16 version;
	u8 nfuncs;
	u32 tx_window;		/* bytes each side may leave unacknowledged */
	u32 tx_max_frame;	/* largest frame the peer takes */
	u32 rx_max_frame;	/* largest frame we take */
	u64 features;
	u32 keepalive_ms;
	u32 lost_ms;
	u8 id[RIOD_SESSION_ID_LEN];
	/* ours, never sent; 0 takes the default */
	u32 stall_ms;		/* longest that the peer may process nothing of ours */
	u32 request_ms;		/* longest that a reply may take, see link.h */
};

/*
 * The slowest thing that a frame asks for is a reset: the PCI core waits up to a
 * minute for a device to come back from one method, and may try another behind it.
 */
#define RIOD_STALL_MS	150000
/*
 * Anything else takes an honest peer milliseconds, but a cut each way may be ahead of
 * it and of its reply: this is 128 MiB over a link that carries 10 Mbit/s.
 */
#define RIOD_REQUEST_MS	120000

/**
 * struct riod_session_ops - what the owner of a session is told
 * @over: the session is over: called exactly once, at once, from wherever it is
 *	ended, before anything else is done about it and before @lost.  Waits
 *	for no other callback: @frame may be running, or be what ended the
 *	session.  Any context, with a spinlock of the session held: must not
 *	sleep and must not call the session.  For what cannot wait, such as
 *	stopping a device.  May be NULL.
 * @frame: a frame arrived, in order, type and exact length already validated
 *	by riod_wire_fault() for this role.  Called from the session's
 *	receive thread; may sleep, but never waits for the peer or for window
 *	space.  The session frees @f afterwards unless @frame returns 1: then
 *	the owner does.  A negative errno ends the session (RIOD_REASON_PROTOCOL
 *	for -EPROTO, _NO_MEMORY for -ENOMEM, _SHADOW_MAX for -ENOSPC).  The frame counts as
 *	processed, and is acknowledged, when this returns.
 * @lost: the session is over: called exactly once, from process context,
 *	possibly before riod_session_halt() is called, never after it returned.
 *	Waits for a @frame call that is under way; none starts after this one.
 *	Must not call riod_session_halt().
 */
struct riod_session_ops {
	void (*over)(void *priv, enum riod_reason reason);
	int (*frame)(void *priv, struct riod_frame *f);
	void (*lost)(void *priv, enum riod_reason reason);
};

/** struct riod_session_stats - counters since the session began */
struct riod_session_stats {
	u64 tx_frames, tx_bytes, rx_frames, rx_bytes;
	u64 tx_acks, rx_acks;		/* ACK frames among them */
	u64 window_waits;		/* a sender had to wait */
	u64 tx_retained;		/* bytes not acknowledged, now */
};

/**
 * riod_session_create() - a session over a connection that shook hands
 * @conn: the session owns it from now on, also when this fails
 * @params: what was agreed on
 * @frontend: this end is the frontend (it decides what frames are legal)
 * @ops: callbacks
 * @priv: their first argument
 *
 * Nothing is received before riod_session_start().
 *
 * Return: the session; ERR_PTR(-EINVAL) where @params bound no silence
 * (@keepalive_ms or @lost_ms is 0) or name no possible number of functions;
 * ERR_PTR(-ENOMEM).
 */
struct riod_session *riod_session_create(struct riod_conn *conn,
					 const struct riod_session_params *params,
					 bool frontend,
					 const struct riod_session_ops *ops,
					 void *priv);
/* starts the threads; on error the session is still to be stopped */
int riod_session_start(struct riod_session *s);

/**
 * riod_session_send_list() - queue frames; takes them over, also on error
 * @s: session
 * @frames: empty afterwards
 * @last: set to the number of the last frame queued, if one was; may be NULL.  While
 *	one thread alone sends, the frames of a list have consecutive numbers.
 *
 * Sleeps while the window is full, until the session ends or a fatal signal
 * comes.  A frame larger than the free window may go when nothing is
 * unacknowledged.  Calls from one thread stay in order.  The transmit thread is
 * woken once, so that the frames leave together.  After an error none of the rest
 * is queued.
 *
 * Return: 0, -ENOTCONN once the session is over, -EINTR, -EMSGSIZE for a frame
 * that the peer does not take.
 */
int riod_session_send_list(struct riod_session *s, struct list_head *frames, u64 *last);

/* highest number the peer has processed; and the number the last sent frame got */
u64 riod_session_acked(struct riod_session *s);
u64 riod_session_last_seq(struct riod_session *s);

/**
 * riod_session_set_ack_notify() - be told when the peer acknowledges
 * @s: session
 * @fn: called from the receive thread whenever riod_session_acked() moved,
 *	before the frame that brought it is handed over; may sleep, but never
 *	waits for the peer.  To be set before riod_session_start().
 */
void riod_session_set_ack_notify(struct riod_session *s,
				 void (*fn)(void *priv));

/*
 * Ask that what has been processed is acknowledged soon, even if idle.  From
 * ops->frame() this includes the frame that is being processed.
 */
void riod_session_ack_soon(struct riod_session *s);

/**
 * riod_session_end() - end the session from this side, with a BYE where possible
 * @s: session
 * @reason: told to the peer, to ops->over(), which has run when this returns,
 *	and to ops->lost().  Does not wait; any context that may sleep, also
 *	ops->frame().  Not with a lock held that ops->over() takes.
 */
void riod_session_end(struct riod_session *s, enum riod_reason reason);

/**
 * riod_session_halt() - end a session and wait for its threads
 * @s: session
 *
 * Ends the session where nobody has (RIOD_REASON_CLOSED), gives the BYE a
 * second to reach the peer, waits until threads and callbacks are done and
 * closes the connection.  ops->lost() has been called when it returns.  Only
 * riod_session_free() and what merely reads (acked, params, stats) may
 * follow; a sender gets -ENOTCONN.  May be called again, not by two at once.
 */
void riod_session_halt(struct riod_session *s);

/*
 * After riod_session_halt(): the caller is the last user of the session and has freed the received
 * frames that it kept
 */
void riod_session_free(struct riod_session *s);

const struct riod_session_params *riod_session_params(struct riod_session *s);
/* names the session in traces and thread names */
u32 riod_session_nr(const struct riod_session *s);
/* is the caller the receive thread, that is, a callback of the session? */
bool riod_session_in_rx(const struct riod_session *s);
/* the reason for the owner and the peer when errno @err ends a session */
enum riod_reason riod_session_reason(int err);

/* frees all frames of a list; it is empty afterwards */
void riod_frames_free(struct list_head *frames);

void riod_session_get_stats(struct riod_session *s, struct riod_session_stats *st);

/* ------------------------------------------------------------ negotiate.c */

/**
 * struct riod_refusal - why a handshake failed
 * @reason: the peer's, or NONE: the peer did not refuse
 * @peer_version: newest version the peer speaks, or 0
 * @text: what the peer said, checked to be printable; with NONE what went
 *	wrong, to be read behind the peer's address ("does not speak riod")
 */
struct riod_refusal {
	enum riod_reason reason;
	u16 peer_version;
	char text[RIOD_TEXT_LEN];
};

/**
 * riod_negotiate_attach() - client: ask for an export
 * @conn: a fresh connection; stays the caller's
 * @export: name, may be empty
 * @params: filled in
 * @refusal: filled in where it fails
 *
 * Waits at most 10 s for the peer's answer; ended by signals.  Where this
 * succeeds the transport's timeouts are off again.
 * Return: 0; -EPROTONOSUPPORT when the peer has no version in common with us;
 * -ECONNREFUSED when it refused for another reason (see @refusal); -EPROTO when it
 * does not speak riod; -ETIMEDOUT; -ECONNRESET.
 */
int riod_negotiate_attach(struct riod_conn *conn, const char *export,
			  struct riod_session_params *params,
			  struct riod_refusal *refusal);

/**
 * riod_negotiate_list() - client: the exports that the peer lets us see
 * @conn: a fresh connection; stays the caller's
 * @exports: set to an array that the caller frees with kvfree(); NULL on error
 * @total: exports there are, at least as many as the array has; may be NULL
 * @refusal: filled in where it fails
 *
 * Return: entries in @exports, at most RIOD_EXPORTS_MAX, or as
 * riod_negotiate_attach().
 */
int riod_negotiate_list(struct riod_conn *conn, struct riod_wire_export **exports,
			u32 *total, struct riod_refusal *refusal);

/**
 * riod_negotiate_hello() - server: receive and check the HELLO of a fresh connection
 * @conn: stays the caller's
 * @hello: filled in
 *
 * Waits at most 10 s.  What is wrong with the HELLO itself is answered here: a
 * peer with no version in common, or with a HELLO that is malformed behind its
 * magic, gets a REFUSE; one that does not speak riod gets nothing.  So where
 * this succeeds, @hello asks for LIST or ATTACH in a version of ours, its name
 * is terminated and printable, and riod_negotiate_version() is not 0.
 *
 * Return: 0, -EPROTO, -EPROTONOSUPPORT (no common version), -ETIMEDOUT,
 * -ECONNRESET.  After an error the caller just closes.
 */
int riod_negotiate_hello(struct riod_conn *conn, struct riod_wire_hello *hello);

/* server: newest common version, or 0 */
u16 riod_negotiate_version(const struct riod_wire_hello *hello);

/*
 * server: accept; fills in @params from @hello and the limits of this side.
 * @keepalive_ms and @lost_ms are brought into the limits of wire.h.
 */
int riod_negotiate_welcome(struct riod_conn *conn,
			   const struct riod_wire_hello *hello, u8 nfuncs,
			   u32 keepalive_ms, u32 lost_ms,
			   struct riod_session_params *params);
/*
 * server: @text may be NULL: then it is riod_reason_str().  May come before the
 * HELLO was read.  Waits as long as the connection's timeouts say.
 */
int riod_negotiate_refuse(struct riod_conn *conn, enum riod_reason reason,
			  const char *text);
/* server: @count above RIOD_EXPORTS_MAX is cut off */
int riod_negotiate_exports(struct riod_conn *conn,
			   const struct riod_wire_export *exports, u32 count,
			   u32 total);

/* for people: "the export is attached already", ...; never NULL */
const char *riod_reason_str(enum riod_reason reason);

/* ------------------------------------------------------------ wire.c */

/**
 * riod_wire_fault() - is this frame legal here?
 * @f: frame with its body
 * @to_frontend: direction it travels
 *
 * Checks type, direction, exact length against every count inside, reserved
 * fields, ranges of every enum and cap.  Pure; the only function that may look
 * at a body before it returned NULL.  Left to others, who know what it takes: that
 * @hdr.seq is the next number (session), that @hdr.func is below the export's
 * number of functions, and that offsets lie inside this device's regions (owner).
 * Return: NULL, or which rule the frame breaks, for the log.
 */
const char *riod_wire_fault(const struct riod_frame *f, bool to_frontend);

#endif /* _RIOD_SESSION_H */

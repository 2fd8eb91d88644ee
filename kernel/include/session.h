/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session: one ordered stream of frames in each direction
 *
 * Numbers frames, retains them until they are acknowledged, limits them to the
 * window, keeps the connection alive, and notifies its owner once when it is
 * over.
 */
#ifndef _RIOD_SESSION_H
#define _RIOD_SESSION_H

#include <linux/jiffies.h>

#include "transport.h"

struct riod_session;

/** struct riod_session_params - what the handshake negotiated */
struct riod_session_params {
	u16 version;
	u8 nfuncs;
	u32 tx_window;		/* bytes that either side may send unacknowledged */
	u32 tx_max_frame;	/* largest frame that the peer accepts */
	u32 rx_max_frame;	/* largest frame that we accept */
	u64 features;
	u32 keepalive_ms;
	u32 lost_ms;
	u8 id[RIOD_SESSION_ID_LEN];
	/* local, never sent; 0 selects the default */
	u32 stall_ms;		/* longest that the peer may process none of our frames */
	u32 request_ms;		/* longest that a reply may take; see link.h */
};

/* jiffies; a break takes at most lost_ms of the peer's time, however many there are */
static inline unsigned long riod_session_limit(const struct riod_session_params *p, u32 ms)
{
	unsigned long limit = msecs_to_jiffies(ms);

	return p->features & RIOD_FEATURE_RESUME ? limit + msecs_to_jiffies(p->lost_ms) : limit;
}

/*
 * The slowest operation that a frame requests is a reset: the PCI core waits up
 * to a minute for the device after one method, and may then try another.
 */
#define RIOD_STALL_MS	150000
/*
 * Other requests take a correct peer milliseconds, but a cut in each direction
 * may be ahead of the request and of its reply: this is 128 MiB at 10 Mbit/s.
 */
#define RIOD_REQUEST_MS	120000

/**
 * struct riod_session_ops - callbacks of a session's owner
 * @over: the session is over.  Called exactly once, by the thread that ends the
 *	session, before anything else is done about it and before @lost.  Does
 *	not wait for other callbacks: @frame may be running, or may have ended
 *	the session.  Any context, with a spinlock of the session held: must not
 *	sleep and must not call the session.  For what cannot wait, such as
 *	stopping a device.  May be NULL.
 * @frame: a frame arrived, in order; riod_wire_fault() has validated its type
 *	and exact length for this role.  Called from the receive thread; may
 *	sleep, but must not wait for the peer or for window space.  The session
 *	frees @f afterwards unless @frame returns 1: then the owner does.  A
 *	negative errno ends the session (RIOD_REASON_PROTOCOL for -EPROTO,
 *	_NO_MEMORY for -ENOMEM, _MEMORY_MAX for -EDQUOT, _SHADOW_MAX for -ENOSPC,
 *	_POISON for -EHWPOISON).  The frame counts as processed, and is
 *	acknowledged, when this returns.
 * @lost: the session is over.  Called exactly once, from process context,
 *	possibly before riod_session_halt() is called, never after it returned.
 *	Waits for a running @frame call; no @frame call starts after it.  Must
 *	not call riod_session_halt().
 * @connect: frontend: connect to the peer again, within @timeout_ms; the receive thread
 *	calls it, and SIGKILL interrupts it.  As &riod_transport_ops.connect.  NULL: the
 *	session waits for riod_session_resume_begin().
 * @connection: riod_session_is_broken() changed.  Process context, with a mutex of the
 *	session held when it is false again; must not wait for the peer, nor call
 *	riod_session_halt().  May be NULL.
 */
struct riod_session_ops {
	void (*over)(void *priv, enum riod_reason reason);
	int (*frame)(void *priv, struct riod_frame *f);
	void (*lost)(void *priv, enum riod_reason reason);
	struct riod_conn *(*connect)(void *priv, unsigned int timeout_ms);
	void (*connection)(void *priv);
};

/** struct riod_session_stats - counters since the session began */
struct riod_session_stats {
	u64 tx_frames, tx_bytes, rx_frames, rx_bytes;
	u64 tx_acks, rx_acks;		/* ACK frames among them */
	u64 window_waits;		/* times that a sender had to wait */
	u64 tx_retained;		/* bytes not acknowledged at present */
	u64 breaks;			/* connections that broke while the session went on */
};

/**
 * riod_session_create() - create a session over a negotiated connection
 * @conn: consumed, also on error
 * @params: from the handshake
 * @frontend: this end is the frontend; decides which frames are valid
 * @ops: callbacks
 * @priv: their first argument
 *
 * Nothing is received before riod_session_start().
 *
 * Return: the session; ERR_PTR(-EINVAL): @keepalive_ms or @lost_ms is 0, or the
 * number of functions is out of range; ERR_PTR(-ENOMEM).
 */
struct riod_session *riod_session_create(struct riod_conn *conn,
					 const struct riod_session_params *params,
					 bool frontend,
					 const struct riod_session_ops *ops,
					 void *priv);
/* starts the threads; after an error the caller must still halt the session */
int riod_session_start(struct riod_session *s);

/**
 * riod_session_send_list() - queue frames; consumes them, also on error
 * @s: session
 * @frames: empty afterwards
 * @last: set to the number of the last frame queued, if any; may be NULL.  As
 *	long as only one thread sends, the frames of a list have consecutive
 *	numbers.
 *
 * Sleeps while the window is full, until the session ends or a fatal signal
 * arrives.  A frame larger than the window is queued when nothing is
 * unacknowledged.  Calls from one thread stay in order.  Wakes the transmit
 * thread once, so that the frames leave together.  After an error none of the
 * remaining frames is queued.
 *
 * Return: 0, -ENOTCONN: the session is over, -EINTR, -EMSGSIZE: a frame is
 * larger than the peer accepts.
 */
int riod_session_send_list(struct riod_session *s, struct list_head *frames, u64 *last);

/* highest number that the peer has acknowledged; number of the last frame queued */
u64 riod_session_acked(struct riod_session *s);
u64 riod_session_last_seq(struct riod_session *s);

/**
 * riod_session_set_ack_notify() - set a callback for acknowledgments
 * @s: session
 * @fn: called whenever riod_session_acked() advanced: from the receive thread, before
 *	the frame with the acknowledgment is handed over, or from the thread that
 *	resumes the session, with &riod_session.resume_lock held.  May sleep, but must not wait
 *	for the peer.  Must be set before riod_session_start().
 */
void riod_session_set_ack_notify(struct riod_session *s,
				 void (*fn)(void *priv));

/*
 * Send an acknowledgment of all processed frames soon, even if nothing else is
 * sent.  From ops->frame() this includes the frame being processed.
 */
void riod_session_ack_soon(struct riod_session *s);

/**
 * riod_session_end() - end the session from this side, with a BYE if possible
 * @s: session
 * @reason: for the peer, ops->over() and ops->lost()
 *
 * ops->over() has run when this returns.  Does not wait.  Any context that may
 * sleep, also ops->frame().  The caller must not hold a lock that ops->over()
 * takes.
 */
void riod_session_end(struct riod_session *s, enum riod_reason reason);

#if IS_ENABLED(CONFIG_KUNIT)
/* end the connection, not the session; false if it is being replaced */
bool riod_session_cut(struct riod_session *s);
#endif
/* between two connections of the session; nothing is sent until the next one */
bool riod_session_is_broken(struct riod_session *s);

/**
 * riod_session_resume_begin() - stub: a handshake wants to continue the session
 * @s: session, which the caller keeps from being freed
 * @peer_rx_seq: highest number that the peer has processed
 * @rx_seq: set to the highest number that this side has processed
 *
 * Breaks the connection that the session has, and waits at most RIOD_RESUME_BUSY_MS for the
 * frame that is being processed.  On success the session stands still until
 * riod_session_resume_end(), which the caller must call soon.
 *
 * Return: 0; -EBUSY: try again; -ENOTCONN: the session is over, or cannot be resumed;
 * -EPROTO: @peer_rx_seq is impossible, and the session is over.
 */
int riod_session_resume_begin(struct riod_session *s, u64 peer_rx_seq, u64 *rx_seq);
#define RIOD_RESUME_BUSY_MS	5000
/*
 * Goes on over @conn, which the session owns afterwards; NULL: waits for another one.
 * -ENOTCONN: the session is over, and @conn still the caller's.
 */
int riod_session_resume_end(struct riod_session *s, struct riod_conn *conn, u64 peer_rx_seq);

/**
 * riod_session_halt() - end a session and wait for its threads
 * @s: session
 *
 * Ends the session if it is still running (RIOD_REASON_CLOSED), gives the BYE a
 * second from the end on to reach the peer, waits for threads and callbacks, and
 * closes the connection.  ops->lost() has been called when it returns.  Afterwards only
 * riod_session_free() and the functions that read (acked, params, stats) may be
 * called; senders get -ENOTCONN.  May be called again, but not concurrently.
 */
void riod_session_halt(struct riod_session *s);

/*
 * After riod_session_halt(), by the last user of the session, which has freed
 * the received frames that it kept.
 */
void riod_session_free(struct riod_session *s);

const struct riod_session_params *riod_session_params(struct riod_session *s);
/* number of the session in traces and thread names */
u32 riod_session_nr(const struct riod_session *s);
/* is the caller the receive thread, that is, a callback of the session? */
bool riod_session_in_rx(const struct riod_session *s);
/* the reason reported when errno @err ends a session */
enum riod_reason riod_session_reason(int err);

/* frees all frames of a list and empties it */
void riod_frames_free(struct list_head *frames);

void riod_session_get_stats(struct riod_session *s, struct riod_session_stats *st);

/* ------------------------------------------------------------ negotiate.c */

/**
 * struct riod_refusal - why a handshake failed
 * @reason: from the peer; NONE: the peer did not refuse
 * @peer_version: newest version that the peer speaks, or 0
 * @text: text of the peer, checked to be printable; with NONE a description of
 *	the failure that follows the peer's address ("does not speak riod")
 */
struct riod_refusal {
	enum riod_reason reason;
	u16 peer_version;
	char text[RIOD_TEXT_LEN];
};

/**
 * struct riod_session_wish - what a client asks for
 * @features: RIOD_FEATURE_*
 * @lost_ms: the session's lost_ms; 0: whatever the server has
 */
struct riod_session_wish {
	u64 features;
	u32 lost_ms;
};

/**
 * riod_negotiate_attach() - client: request an export
 * @conn: a fresh connection; remains the caller's
 * @export: name, may be empty
 * @wish: may be NULL: no features, the server's lost_ms
 * @params: set on success
 * @refusal: set on failure
 *
 * Waits at most 10 s for the peer's answer; interruptible by signals.  On
 * success the transport's timeouts are off again.
 *
 * Return: 0; -EPROTONOSUPPORT: no common version; -ECONNREFUSED: refused for
 * another reason (see @refusal); -EPROTO: the peer does not speak riod;
 * -ETIMEDOUT; -ECONNRESET.
 */
int riod_negotiate_attach(struct riod_conn *conn, const char *export,
			  const struct riod_session_wish *wish,
			  struct riod_session_params *params,
			  struct riod_refusal *refusal);

/**
 * riod_negotiate_resume() - client: ask to continue a session on a new connection
 * @conn: a fresh connection; remains the caller's
 * @params: of the session
 * @rx_seq: highest number that this side has processed
 * @timeout_ms: longest wait for each frame, at most 10 s
 * @peer_rx_seq: set to the highest number that the peer has processed
 * @refusal: set on failure
 *
 * The connection's timeouts remain those of the handshake.
 *
 * Return: as riod_negotiate_attach().
 */
int riod_negotiate_resume(struct riod_conn *conn, const struct riod_session_params *params,
			  u64 rx_seq, unsigned int timeout_ms, u64 *peer_rx_seq,
			  struct riod_refusal *refusal);

/**
 * riod_negotiate_list() - client: list the exports visible to us
 * @conn: a fresh connection; remains the caller's
 * @exports: set to an array that the caller frees with kvfree(); NULL on error
 * @total: set to the number of exports that exist, which may exceed the array;
 *	may be NULL
 * @refusal: set on failure
 *
 * Return: entries in @exports, at most RIOD_EXPORTS_MAX, or an error as
 * riod_negotiate_attach().
 */
int riod_negotiate_list(struct riod_conn *conn, struct riod_wire_export **exports,
			u32 *total, struct riod_refusal *refusal);

/**
 * riod_negotiate_hello() - server: receive and check a HELLO
 * @conn: a fresh connection; remains the caller's
 * @hello: set on success
 *
 * Waits at most 10 s.  Sends a REFUSE itself if there is no common version or
 * the HELLO is malformed behind its magic, and nothing if the peer does not
 * speak riod.  On success @hello requests LIST, ATTACH or RESUME, its name is
 * terminated and printable, and riod_negotiate_version() is not 0.
 *
 * Return: 0, -EPROTO, -EPROTONOSUPPORT (no common version), -ETIMEDOUT,
 * -ECONNRESET.  After an error the caller only closes the connection.
 */
int riod_negotiate_hello(struct riod_conn *conn, struct riod_wire_hello *hello);

/* server: newest common version, or 0 */
u16 riod_negotiate_version(const struct riod_wire_hello *hello);

/*
 * server: send WELCOME; sets @params from @hello and the limits of this side.
 * @keepalive_ms and @lost_ms are clamped to the limits of wire.h.
 */
int riod_negotiate_welcome(struct riod_conn *conn,
			   const struct riod_wire_hello *hello, u8 nfuncs,
			   u32 keepalive_ms, u32 lost_ms,
			   struct riod_session_params *params);
/* server: send the WELCOME that continues a session; @rx_seq: processed by this side */
int riod_negotiate_resumed(struct riod_conn *conn, const struct riod_session_params *params,
			   u64 rx_seq);
/*
 * server: send REFUSE.  @text NULL: riod_reason_str().  May be called before
 * the HELLO was read.  Waits as long as the connection's timeouts allow.
 */
int riod_negotiate_refuse(struct riod_conn *conn, enum riod_reason reason,
			  const char *text);
/* server: send EXPORTS; entries beyond RIOD_EXPORTS_MAX are left out */
int riod_negotiate_exports(struct riod_conn *conn,
			   const struct riod_wire_export *exports, u32 count,
			   u32 total);

/* for messages: "the export is attached already", ...; never NULL */
const char *riod_reason_str(enum riod_reason reason);

/* ------------------------------------------------------------ wire.c */

/**
 * riod_wire_fault() - validate a frame
 * @f: frame with its body
 * @to_frontend: direction of the frame
 *
 * Checks type, direction, exact length against every count inside, reserved
 * fields, and the range of every enum and cap.  Has no side effects.  No other
 * function may access a body before this returned NULL.  Not checked here: that
 * @hdr.seq is the next number (session), that @hdr.func is below the export's
 * number of functions (session), and that offsets lie inside the device's
 * regions (owner).
 *
 * Return: NULL, or the rule that the frame violates, for the log.
 */
const char *riod_wire_fault(const struct riod_frame *f, bool to_frontend);

#endif /* _RIOD_SESSION_H */

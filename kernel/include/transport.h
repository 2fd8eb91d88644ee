/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What carries frames between two hosts
 *
 * A transport moves whole frames, in order, and knows nothing of what is in
 * them but the length in the header.  Nothing above this table knows a socket.
 */
#ifndef _RIOD_TRANSPORT_H
#define _RIOD_TRANSPORT_H

#include <linux/list.h>
#include <linux/module.h>
#include <linux/socket.h>

#include "wire.h"

struct net;

/**
 * struct riod_frame - one frame in memory
 * @list: owner's queue
 * @free: NULL: the frame has its memory from riod_frame_alloc() or
 *	riod_frame_recv_alloc().  Else a transport's: gives the memory of a received
 *	frame back to the transport.  riod_frame_free() calls it, once, in any context
 *	that may sleep, possibly after @close of the connection.
 * @hdr: header as it goes out; @hdr.ack is set by the sender at each
 *	transmission, everything else is fixed once the frame is queued
 * @len: bytes of @body
 * @body: immutable once the frame is queued
 */
struct riod_frame {
	struct list_head list;
	void (*free)(struct riod_frame *f);
	struct riod_frame_hdr hdr;
	u32 len;
	u8 body[] __aligned(8);
};

/**
 * riod_frame_alloc() - a frame with @len zeroed bytes of body
 * @type: &enum riod_frame_type
 * @func: function of the export
 * @len: at most RIOD_FRAME_MAX less the header
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where the caller cannot sleep
 */
struct riod_frame *riod_frame_alloc(u8 type, u8 func, u32 len, gfp_t gfp);

/**
 * riod_frame_recv_alloc() - for transports: the frame that a header announces
 * @hdr: as it came from the network
 * @max_frame: largest frame that is taken, header included
 *
 * The body is not cleared: the caller fills all of it.
 * Return: the frame, or an ERR_PTR(): -EPROTO for an impossible length, -ENOMEM.
 */
struct riod_frame *riod_frame_recv_alloc(const struct riod_frame_hdr *hdr,
					 u32 max_frame);

/* NULL is fine; not under a spinlock (a large frame may be vmalloc()ed) */
void riod_frame_free(struct riod_frame *f);

/* bytes on the wire */
static inline u32 riod_frame_size(const struct riod_frame *f)
{
	return sizeof(f->hdr) + f->len;
}

struct riod_conn;
struct riod_listener;

/**
 * struct riod_connect_params - where to connect, and how
 * @net: network namespace
 * @addr: the peer
 * @local: address to connect from; AF_UNSPEC (0): the transport chooses
 * @timeout_ms: give up after this
 *
 * Callers zero the rest: a key or an identity becomes a field here, and 0 means
 * none.  A transport that does not support a field that is set fails with
 * -EOPNOTSUPP, so that no connection is less protected than the caller asked for.
 */
struct riod_connect_params {
	struct net *net;
	struct sockaddr_storage addr;
	struct sockaddr_storage local;
	unsigned int timeout_ms;
};

/**
 * struct riod_listen_params - where to listen; grows as &struct riod_connect_params
 * @net: network namespace
 * @addr: local address and port
 * @accept: called with each new connection, in process context, from one thread
 *	per listener; owns the connection
 * @priv: second argument of @accept
 */
struct riod_listen_params {
	struct net *net;
	struct sockaddr_storage addr;
	void (*accept)(struct riod_conn *conn, void *priv);
	void *priv;
};

#define RIOD_TRANSPORT_DEFAULT	"tcp"
/* with the NUL; letters, digits, '-' and '_' */
#define RIOD_TRANSPORT_NAME_LEN	16

/**
 * struct riod_transport_ops - one way of carrying frames
 * @name: as users write it ("tcp")
 * @owner: module that implements it; pinned by riod_transport_get() for
 *	whoever uses the table, by each connection, and by each session
 * @connect: connect to &riod_connect_params.addr; sleeps, ended by signals.
 *	Returns the connection or an ERR_PTR() (-ECONNREFUSED, -ETIMEDOUT, -EINTR,
 *	...).
 * @listen: call &riod_listen_params.accept with each new connection.  Returns the
 *	listener or an ERR_PTR() (-EADDRINUSE, ...).
 * @unlisten: no new @accept calls start, and when it returns none is running.
 *	Sleeps.
 * @send: send all frames of @frames, in order; sleeps until the transport reads
 *	none of them any more.  One caller at a time.  0 or a negative errno; after
 *	an error the connection is good for nothing but @shutdown and @close.
 * @recv: the next frame, whose header length is checked against @max_frame and
 *	nothing else is.  Sleeps.  One caller at a time.  The caller frees the
 *	frame.  ERR_PTR(-ECONNRESET) at the end of the stream, -EPROTO for an
 *	impossible length, -ETIMEDOUT after @recv_timeout_ms given with
 *	@timeouts, -EINTR; after an error the stream is out of step and the
 *	connection is good for nothing but @shutdown and @close.
 * @timeouts: longest that one @recv may take, from its call to the whole frame
 *	(a peer that sends a byte now and then gains nothing), and that one
 *	@send may wait while no byte leaves, in milliseconds; 0 is for ever.
 *	Not while @recv or @send is running.
 * @shutdown: ends the connection at both ends and wakes a sleeping @send and @recv
 *	for good; any context that may sleep, any number of times
 * @close: ends the connection and frees it; no @send or @recv is running.  Called by
 *	riod_conn_close() only.
 * @peer: the peer's address, as it came from the network; an IPv4 peer is
 *	AF_INET also where an IPv6 socket took the connection
 *
 * Who owns the memory of a frame, and until when:
 *
 * Sent frames belong to the caller.  While @send runs, the transport may read them,
 * and map them for DMA.  When @send returns, also with an error, the caller may change
 * and free them.  TCP copies them into the socket.  A transport that does not copy
 * (RDMA) posts them and returns when the last one has completed; after an error, when
 * none of them can be read any more.  That costs no throughput: while the transmit
 * thread, the only sender, sleeps in @send, frames queue up and leave with the next
 * batch, and a batch is larger than what such a link carries in the time of a
 * completion.  A transport may still copy small frames into buffers of its own and
 * return at once.
 *
 * Received frames belong to the caller of @recv until it calls riod_frame_free().  They
 * come from riod_frame_recv_alloc(), or lie in buffers of the transport: then
 * &riod_frame.free gives the buffer back.  The buffers must outlive the connection,
 * because the engine keeps the frames of a cut until its commit, and frees them after
 * @close; the session pins @owner for as long.  The caller may keep as many bytes as
 * the window has, or more, and may need the next frame to free the ones it keeps: @recv
 * must not wait for a buffer to come back.  When the buffers run low, it copies the
 * frame into memory from riod_frame_recv_alloc().
 */
struct riod_transport_ops {
	const char *name;
	struct module *owner;
	struct riod_conn *(*connect)(const struct riod_connect_params *p);
	struct riod_listener *(*listen)(const struct riod_listen_params *p);
	void (*unlisten)(struct riod_listener *listener);
	int (*send)(struct riod_conn *conn, struct list_head *frames);
	struct riod_frame *(*recv)(struct riod_conn *conn, u32 max_frame);
	void (*timeouts)(struct riod_conn *conn, unsigned int recv_timeout_ms,
			 unsigned int send_timeout_ms);
	void (*shutdown)(struct riod_conn *conn);
	void (*close)(struct riod_conn *conn);
	void (*peer)(struct riod_conn *conn, struct sockaddr_storage *addr);
};

/**
 * struct riod_conn - what every transport's connection begins with
 * @ops: its transport, whose owner is pinned
 */
struct riod_conn {
	const struct riod_transport_ops *ops;
};

/* For transports: the connection works.  Pins @ops->owner until riod_conn_close(). */
void riod_conn_init(struct riod_conn *conn, const struct riod_transport_ops *ops);
/* Ends and frees a connection; no send or recv is running. */
void riod_conn_close(struct riod_conn *conn);

/* transport.c: the list of transports */
int riod_transport_register(const struct riod_transport_ops *ops);
void riod_transport_unregister(const struct riod_transport_ops *ops);

/**
 * riod_transport_get() - the transport of a name
 * @name: RIOD_TRANSPORT_DEFAULT, ...
 *
 * Loads the module "riod-NAME" if no transport of that name is registered.  So it
 * sleeps, killable, and must not be called with a lock held that loading a module
 * takes.  Such a module must not register a generic netlink family: commands call
 * this, and genetlink keeps its lock meanwhile.
 *
 * Return: NULL or the ops with a reference on their module.
 */
const struct riod_transport_ops *riod_transport_get(const char *name);
/* another reference; the caller holds one */
const struct riod_transport_ops *riod_transport_hold(const struct riod_transport_ops *ops);
void riod_transport_put(const struct riod_transport_ops *ops);

/* the only transport that is part of riod_core */
extern const struct riod_transport_ops riod_tcp_ops;

#endif /* _RIOD_TRANSPORT_H */

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
 * @hdr: header as it goes out; @hdr.ack is set by the sender at each
 *	transmission, everything else is fixed once the frame is queued
 * @len: bytes of @body
 * @body: immutable once the frame is queued
 */
struct riod_frame {
	struct list_head list;
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
 * struct riod_transport_ops - one way of carrying frames
 * @name: as users write it ("tcp")
 * @owner: module that implements it; pinned by riod_transport_get() for
 *	whoever uses the table, and by each session for its connection
 * @connect: connect to @addr; sleeps, ended by signals, gives up after
 *	@timeout_ms.  Returns the connection or an ERR_PTR() (-ECONNREFUSED,
 *	-ETIMEDOUT, -EINTR, ...).
 * @listen: call @accept with each new connection, in process context, from one
 *	thread per listener; @accept owns the connection.  Returns the listener
 *	or an ERR_PTR() (-EADDRINUSE, ...).
 * @unlisten: no new @accept calls start, and when it returns none is running.
 *	Sleeps.
 * @send: send all frames of @frames, in order; sleeps until the transport has
 *	copied them, so that the caller may change or free them when it
 *	returns.  One caller at a time.  0 or a negative errno; after an error
 *	the connection is good for nothing but @shutdown and @close.
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
 * @shutdown: wakes a sleeping @send and @recv for good; any context that may
 *	sleep, any number of times
 * @close: frees; no @send or @recv is running
 * @peer: the peer's address, as it came from the network; an IPv4 peer is
 *	AF_INET also where an IPv6 socket took the connection
 */
struct riod_transport_ops {
	const char *name;
	struct module *owner;
	struct riod_conn *(*connect)(struct net *net,
				     const struct sockaddr_storage *addr,
				     unsigned int timeout_ms);
	struct riod_listener *(*listen)(struct net *net,
					const struct sockaddr_storage *addr,
					void (*accept)(struct riod_conn *conn,
						       void *priv),
					void *priv);
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
 * @ops: its transport
 */
struct riod_conn {
	const struct riod_transport_ops *ops;
};

/* transport.c: the transports there are */
int riod_transport_register(const struct riod_transport_ops *ops);
void riod_transport_unregister(const struct riod_transport_ops *ops);
/* NULL or the ops with a reference on their module */
const struct riod_transport_ops *riod_transport_get(const char *name);
void riod_transport_put(const struct riod_transport_ops *ops);

/* tcp.c */
extern const struct riod_transport_ops riod_tcp_ops;

/* loop.c: two ends in one kernel's memory, for tests */
extern const struct riod_transport_ops riod_loop_ops;

#endif /* _RIOD_TRANSPORT_H */

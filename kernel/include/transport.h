/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transports: how frames move between two hosts
 *
 * A transport moves whole frames, in order, and interprets only the length in
 * their header.  The code above does not know sockets.
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
 * @list: for the current owner of the frame
 * @free: NULL: the memory is from riod_frame_alloc() or
 *	riod_frame_recv_alloc().  Otherwise returns the memory of a received
 *	frame to its transport.  riod_frame_free() calls it once, in any context
 *	that may sleep, possibly after @close of the connection.
 * @hdr: header as sent; @hdr.ack is set at each transmission, everything else
 *	is fixed once the frame is queued
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
 * riod_frame_alloc() - allocate a frame with @len zeroed bytes of body
 * @type: &enum riod_frame_type
 * @func: function of the export
 * @len: at most RIOD_FRAME_MAX less the header
 * @gfp: GFP_KERNEL, or GFP_ATOMIC if the caller cannot sleep
 */
struct riod_frame *riod_frame_alloc(u8 type, u8 func, u32 len, gfp_t gfp);

/**
 * riod_frame_recv_alloc() - for transports: allocate a received frame
 * @hdr: header from the network
 * @max_frame: largest frame that is accepted, header included
 *
 * The body is not cleared; the caller must fill all of it.
 *
 * Return: the frame, or an ERR_PTR(): -EPROTO (invalid length), -ENOMEM.
 */
struct riod_frame *riod_frame_recv_alloc(const struct riod_frame_hdr *hdr,
					 u32 max_frame);

/* @f may be NULL; not under a spinlock (a large frame may be vmalloc()ed) */
void riod_frame_free(struct riod_frame *f);

/* bytes on the wire */
static inline u32 riod_frame_size(const struct riod_frame *f)
{
	return sizeof(f->hdr) + f->len;
}

struct riod_conn;
struct riod_listener;

/**
 * struct riod_connect_params - where and how to connect
 * @net: network namespace
 * @addr: the peer
 * @local: address to connect from; AF_UNSPEC (0): the transport chooses
 * @timeout_ms: time limit
 *
 * Callers zero the rest: a key or an identity will be another field here, and 0
 * means none.  A transport that does not support a field that is set fails with
 * -EOPNOTSUPP, so that no connection is less protected than the caller
 * requested.
 */
struct riod_connect_params {
	struct net *net;
	struct sockaddr_storage addr;
	struct sockaddr_storage local;
	unsigned int timeout_ms;
};

/**
 * struct riod_listen_params - where to listen; zeroed as riod_connect_params
 * @net: network namespace
 * @addr: local address and port
 * @admit: NULL, or whether a peer, given as @peer of the ops reports it, may connect at
 *	all.  A transport whose connections cost memory before they are accepted calls it
 *	first and rejects the peer if it returns false; TCP, where the kernel has accepted
 *	by then, does not.  So @accept has to check, too.  Process context, possibly from
 *	several threads and while @accept runs.  The transport holds locks that delay
 *	further requests and @unlisten: do not wait for a peer or for @unlisten.
 * @accept: called with each new connection, in process context, from one thread
 *	per listener; receives ownership of the connection
 * @priv: second argument of @admit and @accept
 */
struct riod_listen_params {
	struct net *net;
	struct sockaddr_storage addr;
	bool (*admit)(const struct sockaddr_storage *peer, void *priv);
	void (*accept)(struct riod_conn *conn, void *priv);
	void *priv;
};

#define RIOD_TRANSPORT_DEFAULT	"tcp"
/* including the NUL; letters, digits, '-' and '_' */
#define RIOD_TRANSPORT_NAME_LEN	16

/**
 * struct riod_transport_ops - a transport
 * @name: as users write it ("tcp")
 * @owner: module that implements it; pinned by riod_transport_get() for the
 *	user of the table, by each connection, and by each session
 * @connect: connect to &riod_connect_params.addr; sleeps, interruptible by
 *	signals.  Returns the connection or an ERR_PTR() (-ECONNREFUSED,
 *	-ETIMEDOUT, -EINTR, -EKEYREJECTED: not admitted, ...).
 * @listen: call &riod_listen_params.accept with each new connection.  Returns
 *	the listener or an ERR_PTR() (-EADDRINUSE, ...).
 * @unlisten: stop: when it returns, no @admit or @accept call is running or will
 *	start.
 *	Sleeps.
 * @send: send the frames of @frames, in order; sleeps until the transport no
 *	longer reads any of them.  One caller at a time.  0 or a negative errno;
 *	after an error only @shutdown and @close may be called.
 * @recv: receive the next frame; checks its header length against @max_frame
 *	and nothing else.  Sleeps.  One caller at a time.  The caller frees the
 *	frame.  ERR_PTR(-ECONNRESET): end of the stream, -EPROTO: invalid
 *	length, -ETIMEDOUT: @recv_timeout_ms of @timeouts, -EINTR.  After an
 *	error the position in the stream is lost, and only @shutdown and @close
 *	may be called.
 * @timeouts: set, in milliseconds, how long one @recv may take from its call to
 *	the whole frame (so that sending single bytes does not prolong it), and
 *	how long one @send may wait while no byte leaves; 0: no limit.  Not
 *	while @recv or @send is running.
 * @shutdown: end the connection at both ends and wake a sleeping @send and
 *	@recv for good; @recv first returns the frames that had arrived, and then
 *	-ECONNRESET.  Any context that may sleep, any number of times.
 * @close: end the connection and free it; no @send or @recv is running.  Only
 *	riod_conn_close() calls it.
 * @peer: get the peer's address.  An IPv4 peer is AF_INET even if an IPv6
 *	socket accepted the connection.
 * @local: get this end's address with port 0, as &riod_connect_params.local takes it;
 *	AF_UNSPEC: the transport has none, or the connection is gone.
 *
 * Ownership of a frame's memory:
 *
 * Sent frames belong to the caller.  While @send runs, the transport may read
 * them and map them for DMA.  When @send returns, also with an error, the
 * caller may change and free them.  TCP copies them into the socket, RDMA into
 * buffers that are mapped for DMA.  A transport that does not copy posts them
 * and returns when the last one has completed; after an error, when none of
 * them can be read any more.  This costs no throughput: while the transmit
 * thread, the only sender, sleeps in @send, frames queue up and leave with the
 * next batch, and a batch is larger than what such a link carries in the time of
 * a completion.  A transport may still copy small frames into its own buffers and
 * return at once.
 *
 * Received frames belong to the caller of @recv until it calls
 * riod_frame_free().  Their memory is from riod_frame_recv_alloc(), or is a
 * buffer of the transport, which &riod_frame.free returns.  Such buffers must
 * outlive the connection: the engine keeps the frames of a cut until its commit
 * and may free them after @close; the session pins @owner until then.  The
 * caller may keep as many bytes as the window has, or more, and may need the
 * next frame before it can free them.  So @recv must not wait for a buffer to
 * be returned: when buffers run low, it copies the frame into memory from
 * riod_frame_recv_alloc().
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
	void (*local)(struct riod_conn *conn, struct sockaddr_storage *addr);
};

/* of an IPv4 or IPv6 address; for transports */
void riod_addr_set_port(struct sockaddr_storage *addr, u16 port);

/**
 * struct riod_conn - common part of every transport's connection
 * @ops: its transport, whose owner is pinned
 */
struct riod_conn {
	const struct riod_transport_ops *ops;
};

/* For transports: the connection works.  Pins @ops->owner until riod_conn_close(). */
void riod_conn_init(struct riod_conn *conn, const struct riod_transport_ops *ops);
/* Ends and frees a connection; no send or recv may be running. */
void riod_conn_close(struct riod_conn *conn);

/* transport.c: the list of transports */
int riod_transport_register(const struct riod_transport_ops *ops);
void riod_transport_unregister(const struct riod_transport_ops *ops);

/**
 * riod_transport_get() - find a transport by name
 * @name: RIOD_TRANSPORT_DEFAULT, ...
 *
 * Loads the module "riod-NAME" if no transport of that name is registered.  So
 * it sleeps, killable, and the caller must not hold a lock that loading a
 * module takes.  Netlink commands hold one: see riod_transport_lookup().
 *
 * Return: the ops with a reference on their module, or NULL.
 */
const struct riod_transport_ops *riod_transport_get(const char *name);
/* the same, but loads no module */
const struct riod_transport_ops *riod_transport_lookup(const char *name);
/* take another reference; the caller holds one */
const struct riod_transport_ops *riod_transport_hold(const struct riod_transport_ops *ops);
void riod_transport_put(const struct riod_transport_ops *ops);

/* the only transport that is part of riod_core */
extern const struct riod_transport_ops riod_tcp_ops;

#endif /* _RIOD_TRANSPORT_H */

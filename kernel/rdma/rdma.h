/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames over RDMA: reliable connections, SEND only
 *
 * Each direction is a stream of frames, cut into messages.  A message is one
 * SEND into one receive buffer of the peer, and the sender needs a credit for
 * it.  The bytes are copied into and out of buffers that are mapped once per
 * connection, as TCP copies them into and out of sockets, so no memory is
 * registered, and neither side ever holds a key to memory of the other.
 *
 * Lifetimes:
 *
 *   riod_rdma_conn      one reference of its owner (the caller of connect, the
 *                       listener until it passes the connection on, then the
 *                       session) and one of @end_work
 *   riod_rdma_listener  freed by unlisten, after its cm_id, work and thread
 *
 * The end of a connection is always the same work item, @end_work.  Only it
 * disconnects, and it releases everything that belongs to the adapter: queue
 * pair, completion queue, mappings, protection domain, cm_id.  So an adapter can
 * be removed while the owner still has the connection, which then only holds
 * memory: what was received can still be read.  The work runs once:
 *
 *   - no event queues it before @armed or after @ending is set, both under @lock;
 *   - it sets @ending before anything else, and cancels what queued it again until then,
 *     in one section under @lock; under @lock nobody posts a work request after that;
 *   - once the queue pair, the completion queue and the cm_id are destroyed, in this
 *     order, no completion and no event can run, and @event_work was cancelled before
 *     the cm_id, so its reference can be dropped.
 *
 * The work may be queued or running after close; module exit waits for the last
 * connection and then for the workqueue.
 */
#ifndef _RIOD_RDMA_H
#define _RIOD_RDMA_H

#include <linux/build_bug.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#include "transport.h"

#define RIOD_RDMA_MAGIC		0x444f4952	/* "RIOD" */
#define RIOD_RDMA_VERSION	1

/* for each direction: bytes in a buffer, which holds one message; number of buffers */
#define RIOD_RDMA_BUF		SZ_16K
#define RIOD_RDMA_RX		32
#define RIOD_RDMA_TX		32
/* one message of data in so many is signalled; divides RIOD_RDMA_TX */
#define RIOD_RDMA_SIGNAL	8

/* what a peer must offer */
#define RIOD_RDMA_BUF_MIN	SZ_1K
#define RIOD_RDMA_RX_MIN	4

/* accepted connections that are half open or were closed, in total and of one host */
#define RIOD_RDMA_LOOSE_MAX	64
#define RIOD_RDMA_LOOSE_PER_HOST	16

/**
 * struct riod_rdma_greeting - private data of the CM's REQ, REP and REJ
 * @magic: RIOD_RDMA_MAGIC
 * @version: RIOD_RDMA_VERSION
 * @reason: REJ: &enum riod_rdma_reason; else 0
 * @recv_size: bytes in each receive buffer, headers of messages included
 * @recv_count: number of receive buffers, which are all posted
 * @rsvd: 0
 */
struct riod_rdma_greeting {
	__le32 magic;
	__le16 version;
	__le16 reason;
	__le32 recv_size;
	__le16 recv_count;
	__le16 rsvd;
};

static_assert(sizeof(struct riod_rdma_greeting) == 16);

enum riod_rdma_reason {
	RIOD_RDMA_REASON_NONE		= 0,
	RIOD_RDMA_REASON_VERSION	= 1,
	RIOD_RDMA_REASON_GREETING	= 2,
	RIOD_RDMA_REASON_LIMIT		= 3,
	RIOD_RDMA_REASON_NO_MEMORY	= 4,
	RIOD_RDMA_REASON_NOT_ALLOWED	= 5,
};

#define RIOD_RDMA_MSG_END	1

/**
 * struct riod_rdma_msg - header of each message
 * @credits: receive buffers that the sender of the message has posted again
 * @flags: RIOD_RDMA_MSG_END: the stream ends here
 * @len: bytes of the stream that follow
 */
struct riod_rdma_msg {
	__le16 credits;
	__le16 flags;
	__le32 len;
};

static_assert(sizeof(struct riod_rdma_msg) == 8);

/**
 * struct riod_rdma_buf - a buffer of one message
 * @list: receive: on riod_rdma_conn.rx_ready
 * @cqe: completion
 * @data: the memory, which may hold guest memory
 * @dma: its DMA address, while @mapped
 * @size: bytes of @data
 * @len: receive: bytes of the stream in it, behind the header
 * @seq: send: number of the message
 * @mapped: @dma is valid
 */
struct riod_rdma_buf {
	struct list_head list;
	struct ib_cqe cqe;
	void *data;
	u64 dma;
	u32 size;
	u32 len;
	u64 seq;
	bool mapped;
};

struct riod_rdma_listener;

/**
 * struct riod_rdma_conn - a connection
 * @conn: the transport's common part
 * @ref: see the top of this file
 * @peer: the peer's address; IPv4 is AF_INET
 * @local: this end's, with port 0; constant once the connection works
 * @passive: a listener accepted it
 * @loose: passive: on riod_rdma_loose, under riod_rdma_loose_lock
 * @id: cm_id; its QP is @id->qp.  Valid until @end_work destroys it.
 * @pd: protection domain, of this connection only
 * @cq: completion queue of both directions, of this connection only
 * @end_work: ends the connection
 * @event_work: what events of the queue pair, and the first message, leave to process
 *	context
 * @qp_failed: one of them was an error
 *
 * @pending: on the list of @listener, under riod_rdma_pending_lock
 * @listener: listener that will pass it on; NULL: none.  Under the same lock.
 * @ready: ESTABLISHED has come; under the same lock
 *
 * @step: a step of connect has completed
 * @step_err: its result, and that of all further ones
 *
 * @lock: protects all that follows, unless noted.  Also orders the work requests:
 *	no credit is announced before its buffer is posted, and nothing is posted
 *	behind END.  Taken by completions, in softirqs.  Innermost.
 * @armed: events may queue @end_work
 * @end_now: @end_work is queued without delay
 * @ending: @end_work runs or has run; no more work requests
 * @established: messages may be sent
 * @shut: shutdown was called: no more send and recv
 * @broken: nothing can be sent
 * @end_sent: END was posted
 * @peer_ended: END was received: the peer reads nothing any more
 *
 * @tx_wait: send waits here for a buffer or a credit
 * @tx_timeo: longest wait in jiffies; only send and timeouts access it
 * @tx_size: largest message
 * @tx_credits: receive buffers of the peer that are free
 * @tx_credits_max: number of receive buffers of the peer
 * @tx_head: number of the next message of data; only send changes it
 * @tx_done: buffers of lower numbers are free
 * @tx_discarded: send has met @peer_ended; only send accesses it
 * @tx_fill: bytes of the stream in the buffer of @tx_head; only send accesses it
 * @tx: buffers of messages of data, used in turn
 * @credit: buffer of messages that only return credits
 * @credit_busy: it is posted
 * @end: buffer of END
 *
 * @rx_wait: recv waits here
 * @rx_timeo: longest recv in jiffies, 0: no limit; only recv and timeouts access it
 * @rx_ready: received buffers, in order
 * @rx_cur: buffer that recv is reading; only recv accesses it and @rx_pos
 * @rx_pos: first unread byte behind the header of @rx_cur
 * @rx_over: nothing will be added to @rx_ready
 * @rx_err: what recv returns at the end of @rx_ready if @rx_over
 * @rx_owed: credits to be returned
 * @rx: receive buffers
 */
struct riod_rdma_conn {
	struct riod_conn conn;
	struct kref ref;
	struct sockaddr_storage peer;
	struct sockaddr_storage local;
	bool passive;
	struct list_head loose;
	struct rdma_cm_id *id;
	struct ib_pd *pd;
	struct ib_cq *cq;
	struct delayed_work end_work;
	struct work_struct event_work;
	bool qp_failed;

	struct list_head pending;
	struct riod_rdma_listener *listener;
	bool ready;

	struct completion step;
	int step_err;

	spinlock_t lock;		/* see above */
	bool armed;
	bool end_now;
	bool ending;
	bool established;
	bool shut;
	bool broken;
	bool end_sent;
	bool peer_ended;

	wait_queue_head_t tx_wait;
	long tx_timeo;
	u32 tx_size;
	u32 tx_credits;
	u32 tx_credits_max;
	u64 tx_head;
	u64 tx_done;
	bool tx_discarded;
	u32 tx_fill;
	struct riod_rdma_buf tx[RIOD_RDMA_TX];
	struct riod_rdma_buf credit;
	bool credit_busy;
	struct riod_rdma_buf end;

	wait_queue_head_t rx_wait;
	unsigned long rx_timeo;
	struct list_head rx_ready;
	struct riod_rdma_buf *rx_cur;
	u32 rx_pos;
	bool rx_over;
	int rx_err;
	u32 rx_owed;
	struct riod_rdma_buf rx[RIOD_RDMA_RX];
};

static inline struct riod_rdma_conn *to_rdma(struct riod_conn *conn)
{
	return container_of(conn, struct riod_rdma_conn, conn);
}

/* ------------------------------------------------------------ main.c */

/* counters of the module, in debugfs; the names are those of the files */
enum riod_rdma_stat {
	RIOD_RDMA_TX_MESSAGES,
	RIOD_RDMA_TX_CREDITS,
	RIOD_RDMA_TX_SIGNALLED,
	RIOD_RDMA_TX_BYTES,
	RIOD_RDMA_RX_MESSAGES,
	RIOD_RDMA_RX_CREDITS,
	RIOD_RDMA_RX_BYTES,
	RIOD_RDMA_RX_POSTED,
	RIOD_RDMA_COMPLETIONS,
	RIOD_RDMA_MAPPINGS,
	RIOD_RDMA_NSTATS
};

void riod_rdma_count(enum riod_rdma_stat stat, u64 n);

extern const struct riod_transport_ops riod_rdma_ops;
extern struct workqueue_struct *riod_rdma_wq;

/* ------------------------------------------------------------ conn.c */

/* connections that were not freed */
extern atomic_t riod_rdma_conns;

struct riod_rdma_conn *riod_rdma_conn_alloc(const struct sockaddr_storage *peer, bool passive);
void riod_rdma_conn_put(struct riod_rdma_conn *rc);
void riod_rdma_conn_arm(struct riod_rdma_conn *rc, unsigned int delay_ms);
void riod_rdma_conn_end(struct riod_rdma_conn *rc, unsigned int delay_ms);
void riod_rdma_conn_set_ending(struct riod_rdma_conn *rc);
void riod_rdma_conn_break(struct riod_rdma_conn *rc);
void riod_rdma_conn_break_locked(struct riod_rdma_conn *rc);
void riod_rdma_conn_abort(struct riod_rdma_conn *rc);
bool riod_rdma_conn_pass(struct riod_rdma_conn *rc);
void riod_rdma_shutdown(struct riod_conn *conn);
void riod_rdma_close(struct riod_conn *conn);
void riod_rdma_plain_addr(const struct sockaddr_storage *from, struct sockaddr_storage *to);
void riod_rdma_set_local(struct riod_rdma_conn *rc);
/* time limit of a connection that was closed; only tests change it */
extern unsigned int riod_rdma_linger_ms;
void riod_rdma_peer(struct riod_conn *conn, struct sockaddr_storage *addr);
void riod_rdma_local(struct riod_conn *conn, struct sockaddr_storage *addr);
void riod_rdma_timeouts(struct riod_conn *conn, unsigned int recv_timeout_ms,
			unsigned int send_timeout_ms);

/* ------------------------------------------------------------ cm.c */

struct riod_conn *riod_rdma_connect(const struct riod_connect_params *p);
/* time limit of an accepted connection that is not established; only tests change it */
extern unsigned int riod_rdma_half_open_ms;

int riod_rdma_accept(struct riod_rdma_listener *l, struct rdma_cm_id *id,
		     const struct rdma_cm_event *ev);

/* ------------------------------------------------------------ listener.c */

struct riod_listener *riod_rdma_listen(const struct riod_listen_params *p);
void riod_rdma_unlisten(struct riod_listener *listener);
bool riod_rdma_listener_admits(struct riod_rdma_listener *l,
			       const struct sockaddr_storage *peer);
void riod_rdma_pending_add(struct riod_rdma_listener *l, struct riod_rdma_conn *rc);
bool riod_rdma_pending_del(struct riod_rdma_conn *rc);
void riod_rdma_pending_ready(struct riod_rdma_conn *rc);

/* ------------------------------------------------------------ adapter.c */

void riod_rdma_adapter_init(struct riod_rdma_conn *rc);
int riod_rdma_adapter_open(struct riod_rdma_conn *rc);
void riod_rdma_adapter_close(struct riod_rdma_conn *rc);
void riod_rdma_bufs_free(struct riod_rdma_conn *rc);

/* ------------------------------------------------------------ tx.c */

int riod_rdma_send(struct riod_conn *conn, struct list_head *frames);
void riod_rdma_tx_init(struct riod_rdma_conn *rc);
void riod_rdma_return_credits(struct riod_rdma_conn *rc);
void riod_rdma_send_end(struct riod_rdma_conn *rc);

/* ------------------------------------------------------------ rx.c */

struct riod_frame *riod_rdma_recv(struct riod_conn *conn, u32 max_frame);
void riod_rdma_rx_init(struct riod_rdma_conn *rc);
int riod_rdma_rx_post(struct riod_rdma_conn *rc, struct riod_rdma_buf *buf);
void riod_rdma_rx_end(struct riod_rdma_conn *rc, int err);

#endif /* _RIOD_RDMA_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transport "rdma" against a peer that does as it likes: a queue pair of the
 * test's own
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <rdma/ib_cm.h>

#include "compat_export.h"
#define PAIR_ONE_TRANSPORT
#include "pair.h"
#include "rdma.h"

#define NAKED_BUFS	8
#define NAKED_WAIT_MS	10000
#define NAKED_RETRIES	6	/* rdma_rxe takes 7 for: without end */

/**
 * struct naked - the client's end, without the transport
 * @p: pair whose listener accepts the other end
 * @id: cm_id
 * @pd: protection domain
 * @cq: completion queue
 * @qp: queue pair: that of @id, or our own, which the CM does not know: then it sends no RTU
 * @step: the CM has answered, or a send has completed
 * @err: what it said; a reason of the CM is positive
 * @theirs: private data of the answer
 * @out: a message to be sent, and its completion
 * @in: receive buffers, all posted when the connection begins
 * @received: messages in @in, in this order
 */
struct naked {
	struct pair *p;
	struct rdma_cm_id *id;
	struct ib_pd *pd;
	struct ib_cq *cq;
	struct ib_qp *qp;
	struct completion step;
	int err;
	struct riod_rdma_greeting theirs;
	struct riod_rdma_buf out;
	struct riod_rdma_buf in[NAKED_BUFS];
	atomic_t received;
};

static const char *rdma_name = "rdma";

static const struct riod_rdma_greeting good = {
	.magic = cpu_to_le32(RIOD_RDMA_MAGIC),
	.version = cpu_to_le16(RIOD_RDMA_VERSION),
	.recv_size = cpu_to_le32(RIOD_RDMA_BUF),
	.recv_count = cpu_to_le16(NAKED_BUFS),
};

static void naked_step(struct naked *n, int err)
{
	n->err = err;
	complete(&n->step);
}

static int naked_event(struct rdma_cm_id *id, struct rdma_cm_event *ev)
{
	struct naked *n = id->context;
	const void *data;
	u8 len = 0;

	switch (ev->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		naked_step(n, 0);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
	case RDMA_CM_EVENT_CONNECT_RESPONSE:
		memcpy(&n->theirs, ev->param.conn.private_data, sizeof(n->theirs));
		naked_step(n, 0);
		break;
	case RDMA_CM_EVENT_REJECTED:
		data = rdma_consumer_reject_data(id, ev, &len);
		if (data && len >= sizeof(n->theirs))
			memcpy(&n->theirs, data, sizeof(n->theirs));
		naked_step(n, ev->status);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		break;
	default:
		naked_step(n, ev->status ?: -EIO);
		break;
	}
	return 0;
}

static void naked_sent(struct ib_cq *cq, struct ib_wc *wc)
{
	naked_step(cq->cq_context, wc->status == IB_WC_SUCCESS ? 0 : -EIO);
}

static void naked_got(struct ib_cq *cq, struct ib_wc *wc)
{
	struct naked *n = cq->cq_context;

	if (wc->status == IB_WC_SUCCESS)
		atomic_inc(&n->received);
}

static void naked_wait(struct kunit *test, struct naked *n)
{
	pair_expect_done(test, &n->step);
}

static void naked_buf(struct kunit *test, struct naked *n, struct riod_rdma_buf *buf, u32 size,
		      enum dma_data_direction dir)
{
	buf->data = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf->data);
	buf->size = size;
	buf->dma = ib_dma_map_single(n->id->device, buf->data, size, dir);
	KUNIT_ASSERT_FALSE(test, ib_dma_mapping_error(n->id->device, buf->dma));
	buf->mapped = true;
}

static void naked_exit(void *data)
{
	struct naked *n = data;
	unsigned int i;

	if (n->id->qp) {
		rdma_disconnect(n->id);
		rdma_destroy_qp(n->id);
	} else if (n->qp) {
		ib_destroy_qp(n->qp);
	}
	if (n->cq)
		ib_free_cq(n->cq);
	if (n->out.mapped)
		ib_dma_unmap_single(n->id->device, n->out.dma, n->out.size, DMA_TO_DEVICE);
	for (i = 0; i < ARRAY_SIZE(n->in); i++) {
		if (n->in[i].mapped)
			ib_dma_unmap_single(n->id->device, n->in[i].dma, n->in[i].size,
					    DMA_FROM_DEVICE);
	}
	if (n->pd)
		ib_dealloc_pd(n->pd);
	rdma_destroy_id(n->id);
}

/* what the CM does with a queue pair that it knows */
static void naked_modify(struct kunit *test, struct naked *n, enum ib_qp_state state)
{
	struct ib_qp_attr attr = { .qp_state = state };
	int mask;

	KUNIT_ASSERT_EQ(test, rdma_init_qp_attr(n->id, &attr, &mask), 0);
	KUNIT_ASSERT_EQ(test, ib_modify_qp(n->qp, &attr, mask), 0);
}

static void naked_queues(struct kunit *test, struct naked *n, bool rtu)
{
	struct ib_qp_init_attr attr = {
		.cap = {
			.max_send_wr = 4,
			.max_recv_wr = NAKED_BUFS,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
		.sq_sig_type = IB_SIGNAL_ALL_WR,
		.qp_type = IB_QPT_RC,
	};
	struct ib_pd *pd = ib_alloc_pd(n->id->device, 0);
	struct ib_cq *cq;
	struct ib_qp *qp;

	KUNIT_ASSERT_FALSE(test, IS_ERR(pd));
	n->pd = pd;
	cq = ib_alloc_cq_any(n->id->device, n, 4 + NAKED_BUFS, IB_POLL_WORKQUEUE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(cq));
	n->cq = cq;
	attr.send_cq = cq;
	attr.recv_cq = cq;
	if (rtu) {
		KUNIT_ASSERT_EQ(test, rdma_create_qp(n->id, pd, &attr), 0);
		n->qp = n->id->qp;
		return;
	}
	qp = ib_create_qp(pd, &attr);
	KUNIT_ASSERT_FALSE(test, IS_ERR(qp));
	n->qp = qp;
	naked_modify(test, n, IB_QPS_INIT);
}

static void naked_post(struct kunit *test, struct naked *n, struct riod_rdma_buf *buf)
{
	struct ib_sge sge = {
		.addr = buf->dma, .length = buf->size, .lkey = n->pd->local_dma_lkey,
	};
	struct ib_recv_wr wr = {
		.wr_cqe = &buf->cqe, .sg_list = &sge, .num_sge = 1,
	};

	KUNIT_ASSERT_EQ(test, ib_post_recv(n->qp, &wr, NULL), 0);
}

static void naked_post_in(struct kunit *test, struct naked *n)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(n->in); i++) {
		naked_buf(test, n, &n->in[i], RIOD_RDMA_BUF, DMA_FROM_DEVICE);
		n->in[i].cqe.done = naked_got;
		naked_post(test, n, &n->in[i]);
	}
}

/* a new pair, whose listener nobody has connected to */
static struct pair *naked_pair(struct kunit *test)
{
	const void *param_value = test->param_value;
	struct pair *p;

	test->param_value = &rdma_name;
	p = pair_listen(test);
	/* KUnit finds the next parameter by it */
	test->param_value = param_value;
	return p;
}

/* a cm_id that knows the way to the listener of @p */
static struct naked *naked_resolve(struct kunit *test, struct pair *p)
{
	struct naked *n = kunit_kzalloc(test, sizeof(*n), GFP_KERNEL);
	struct rdma_cm_id *id;

	KUNIT_ASSERT_NOT_NULL(test, n);
	init_completion(&n->step);
	n->p = p;
	id = rdma_create_id(&init_net, naked_event, n, RDMA_PS_TCP, IB_QPT_RC);
	KUNIT_ASSERT_FALSE(test, IS_ERR(id));
	n->id = id;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, naked_exit, n), 0);
	KUNIT_ASSERT_EQ(test, rdma_resolve_addr(id, NULL, (struct sockaddr *)&n->p->addr,
						NAKED_WAIT_MS), 0);
	naked_wait(test, n);
	KUNIT_ASSERT_EQ(test, n->err, 0);
	KUNIT_ASSERT_EQ(test, rdma_resolve_route(id, NAKED_WAIT_MS), 0);
	naked_wait(test, n);
	KUNIT_ASSERT_EQ(test, n->err, 0);
	return n;
}

static struct naked *naked_ask(struct kunit *test, struct pair *p,
			       const struct riod_rdma_greeting *g, u8 len, bool rtu)
{
	struct rdma_conn_param param = {
		.private_data = g, .private_data_len = len, .retry_count = NAKED_RETRIES,
	};
	struct naked *n = naked_resolve(test, p);

	naked_queues(test, n, rtu);
	param.qp_num = n->qp->qp_num;
	naked_post_in(test, n);
	naked_buf(test, n, &n->out, 2 * RIOD_RDMA_BUF, DMA_TO_DEVICE);
	n->out.cqe.done = naked_sent;
	KUNIT_ASSERT_EQ(test, rdma_connect(n->id, &param), 0);
	naked_wait(test, n);
	return n;
}

/* ask the listener of @p for a connection; @err has the answer */
static struct naked *naked_dial_to(struct kunit *test, struct pair *p,
				   const struct riod_rdma_greeting *g, u8 len)
{
	return naked_ask(test, p, g, len, true);
}

/* the same with the listener of a new pair */
static struct naked *naked_dial(struct kunit *test, const struct riod_rdma_greeting *g, u8 len)
{
	return naked_dial_to(test, naked_pair(test), g, len);
}

static struct naked *naked_connect(struct kunit *test)
{
	struct naked *n = naked_dial(test, &good, sizeof(good));

	KUNIT_ASSERT_EQ(test, n->err, 0);
	pair_expect_done(test, &n->p->got);
	n->p->ops->timeouts(n->p->far, 20000, 20000);
	return n;
}

/* a connection for which the listener gets no RTU */
static struct naked *naked_no_rtu(struct kunit *test)
{
	struct naked *n = naked_ask(test, naked_pair(test), &good, sizeof(good), false);

	KUNIT_ASSERT_EQ(test, n->err, 0);
	naked_modify(test, n, IB_QPS_RTR);
	naked_modify(test, n, IB_QPS_RTS);
	return n;
}

/* post @bytes bytes of @out, which the test has filled */
static void naked_post_send(struct kunit *test, struct naked *n, u32 bytes)
{
	struct ib_sge sge = {
		.addr = n->out.dma, .length = bytes, .lkey = n->pd->local_dma_lkey,
	};
	struct ib_send_wr wr = {
		.wr_cqe = &n->out.cqe, .sg_list = &sge, .num_sge = 1, .opcode = IB_WR_SEND,
	};

	ib_dma_sync_single_for_device(n->id->device, n->out.dma, bytes, DMA_TO_DEVICE);
	KUNIT_ASSERT_EQ(test, ib_post_send(n->qp, &wr, NULL), 0);
}

/* and wait until it is sent; @err has the result */
static void naked_send(struct kunit *test, struct naked *n, u32 bytes)
{
	naked_post_send(test, n, bytes);
	naked_wait(test, n);
}

static void naked_fill(struct naked *n, u16 credits, u16 flags, u32 len)
{
	struct riod_rdma_msg *msg = n->out.data;

	msg->credits = cpu_to_le16(credits);
	msg->flags = cpu_to_le16(flags);
	msg->len = cpu_to_le32(len);
}

/* ------------------------------------------------------------ greetings */

struct greeting_case {
	const char *name;
	u32 magic;
	u16 version;
	u16 reason;
	u32 size;
	u16 count;
	u16 rsvd;
	u8 len;
	u16 answer;
};

#define G	RIOD_RDMA_REASON_GREETING
#define V	RIOD_RDMA_REASON_VERSION
#define M	RIOD_RDMA_MAGIC

static const struct greeting_case greetings[] = {
	{ "smallest", M, 1, 0, 1024, 4, 0, 16, 0 },
	{ "largest", M, 1, 0, U32_MAX, U16_MAX, 0, 16, 0 },
	{ "longer", M, 1, 0, 1024, 4, 0, 32, 0 },
	{ "magic", M + 1, 1, 0, 1024, 4, 0, 16, G },
	{ "older", M, 0, 0, 1024, 4, 0, 16, V },
	{ "newer", M, 2, 0, 1024, 4, 0, 16, V },
	{ "reason", M, 1, 1, 1024, 4, 0, 16, G },
	{ "size", M, 1, 0, 1023, 4, 0, 16, G },
	{ "count", M, 1, 0, 1024, 3, 0, 16, G },
	{ "no credit", M, 1, 0, 1024, 0, 0, 16, G },
	{ "rsvd", M, 1, 0, 1024, 4, 1, 16, G },
	{ "short", M, 1, 0, 1024, 4, 0, 12, G },
	{ "empty", M, 1, 0, 1024, 4, 0, 0, G },
};

KUNIT_ARRAY_PARAM_DESC(greeting, greetings, name);

static void greeting_is_checked(struct kunit *test)
{
	const struct greeting_case *c = test->param_value;
	struct riod_rdma_greeting g[2] = { {
		.magic = cpu_to_le32(c->magic),
		.version = cpu_to_le16(c->version),
		.reason = cpu_to_le16(c->reason),
		.recv_size = cpu_to_le32(c->size),
		.recv_count = cpu_to_le16(c->count),
		.rsvd = cpu_to_le16(c->rsvd),
	} };
	struct naked *n = naked_dial(test, g, c->len);

	KUNIT_EXPECT_EQ(test, le32_to_cpu(n->theirs.magic), RIOD_RDMA_MAGIC);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(n->theirs.version), RIOD_RDMA_VERSION);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(n->theirs.reason), c->answer);
	if (c->answer) {
		KUNIT_EXPECT_EQ(test, n->err, IB_CM_REJ_CONSUMER_DEFINED);
		return;
	}
	KUNIT_EXPECT_EQ(test, n->err, 0);
	KUNIT_EXPECT_GE(test, le32_to_cpu(n->theirs.recv_size), RIOD_RDMA_BUF_MIN);
	KUNIT_EXPECT_GE(test, le16_to_cpu(n->theirs.recv_count), RIOD_RDMA_RX_MIN);
	pair_expect_done(test, &n->p->got);
}

/* ------------------------------------------------------------ messages */

struct message_case {
	const char *name;
	u16 credits;
	u16 flags;
	u32 len;
	u32 bytes;
	int err;
};

/* what recv returns after one message; 24 bytes are a frame without a body */
static const struct message_case messages[] = {
	{ "a frame", 0, 0, 24, 32, 0 },
	{ "with END", 0, 1, 24, 32, 0 },
	{ "END", 0, 1, 0, 8, -ECONNRESET },
	{ "within a frame", 0, 1, 23, 31, -ECONNRESET },
	{ "longer than it says", 0, 0, 24, 33, -EPROTO },
	{ "shorter than it says", 0, 0, 25, 32, -EPROTO },
	{ "huge", 0, 0, U32_MAX - 7, 8, -EPROTO },
	{ "half a header", 0, 0, 0, 7, -EPROTO },
	{ "empty", 0, 0, 0, 8, -EPROTO },
	{ "unknown flag", 0, 2, 24, 32, -EPROTO },
	{ "credit that nobody used", 1, 0, 24, 32, -EPROTO },
	{ "many credits", U16_MAX, 0, 0, 8, -EPROTO },
	{ "larger than a buffer", 0, 0, RIOD_RDMA_BUF, RIOD_RDMA_BUF + 8, -ECONNRESET },
};

KUNIT_ARRAY_PARAM_DESC(message, messages, name);

static void message_is_checked(struct kunit *test)
{
	const struct message_case *c = test->param_value;
	struct naked *n = naked_connect(test);
	struct riod_frame_hdr hdr = {
		.len = cpu_to_le32(sizeof(hdr)), .type = RIOD_FRAME_ACK,
	};
	struct riod_frame *f;

	memcpy(n->out.data + sizeof(struct riod_rdma_msg), &hdr, sizeof(hdr));
	naked_fill(n, c->credits, c->flags, c->len);
	/* the answer to an error may come too late to complete it: rdma_rxe retries forever */
	naked_post_send(test, n, c->bytes);
	f = n->p->ops->recv(n->p->far, RIOD_FRAME_MAX);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(f), c->err);
	if (IS_ERR(f))
		return;
	riod_frame_free(f);
	if (!c->flags)
		return;
	f = n->p->ops->recv(n->p->far, RIOD_FRAME_MAX);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(f), -ECONNRESET);
}

/* ------------------------------------------------------------ credits */

static int naked_frame(struct naked *n)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL);

	return f ? pair_send(n->p->far, f) : -ENOMEM;
}

/* the transport sends no more than the peer has room for, and keeps one credit */
static void credits_limit(struct kunit *test)
{
	struct naked *n = naked_connect(test);
	unsigned int i;

	n->p->ops->timeouts(n->p->far, 100, 100);
	for (i = 0; i < NAKED_BUFS - 1; i++)
		KUNIT_ASSERT_EQ(test, naked_frame(n), 0);
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&n->received) == NAKED_BUFS - 1));
	KUNIT_EXPECT_EQ(test, naked_frame(n), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, atomic_read(&n->received), NAKED_BUFS - 1);
}

static int naked_frame_late(void *priv)
{
	return naked_frame(priv);
}

/* a message that only returns credits wakes a sender that waits for one */
static void credits_wake(struct kunit *test)
{
	struct naked *n = naked_connect(test);
	struct runner *r;
	unsigned int i;

	for (i = 0; i < NAKED_BUFS - 1; i++)
		KUNIT_ASSERT_EQ(test, naked_frame(n), 0);
	r = runner_start(test, naked_frame_late, n);
	KUNIT_EXPECT_FALSE(test, completion_done(&r->done));
	naked_fill(n, 1, 0, 0);
	naked_send(test, n, sizeof(struct riod_rdma_msg));
	KUNIT_EXPECT_EQ(test, runner_join(test, r), 0);
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&n->received) == NAKED_BUFS));
}

/* use up all credits of the transport: those for data, and the last one to return ours */
static void naked_exhaust(struct kunit *test, struct naked *n)
{
	u32 theirs = le16_to_cpu(n->theirs.recv_count), i;
	struct riod_frame_hdr hdr = {
		.len = cpu_to_le32(sizeof(hdr)), .type = RIOD_FRAME_ACK,
	};
	const struct riod_rdma_msg *msg;
	struct riod_frame *f;

	for (i = 0; i < NAKED_BUFS - 1; i++)
		KUNIT_ASSERT_EQ(test, naked_frame(n), 0);
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&n->received) == NAKED_BUFS - 1));
	memcpy(n->out.data + sizeof(*msg), &hdr, sizeof(hdr));
	for (i = 0; i < theirs / 2; i++) {
		naked_fill(n, 0, 0, sizeof(hdr));
		naked_send(test, n, sizeof(*msg) + sizeof(hdr));
		KUNIT_EXPECT_EQ(test, n->err, 0);
		f = n->p->ops->recv(n->p->far, RIOD_FRAME_MAX);
		KUNIT_ASSERT_FALSE(test, IS_ERR(f));
		riod_frame_free(f);
	}
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&n->received) == NAKED_BUFS));
}

/*
 * A peer that only sends gets its credits back in messages of their own, with the
 * last credit of a transport whose own sender has used up all others.
 */
static void credits_come_back(struct kunit *test)
{
	struct naked *n = naked_connect(test);
	const struct riod_rdma_msg *msg;

	naked_exhaust(test, n);
	msg = n->in[NAKED_BUFS - 1].data;
	KUNIT_EXPECT_EQ(test, le16_to_cpu(msg->credits), le16_to_cpu(n->theirs.recv_count) / 2);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(msg->len), 0);
}

/* ------------------------------------------------------------ who may connect */

struct doorman {
	struct pair *p;
	bool open;
	struct sockaddr_storage asked;
};

static bool doorman_admit(const struct sockaddr_storage *peer, void *priv)
{
	struct doorman *d = priv;

	d->asked = *peer;
	return READ_ONCE(d->open);
}

static void doorman_accept(struct riod_conn *conn, void *priv)
{
	pair_accept(conn, ((struct doorman *)priv)->p);
}

/* the owner of a listener is asked, with the peer's address, before memory is spent */
static void strangers_are_refused(struct kunit *test)
{
	struct doorman *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	struct riod_listen_params params = {
		.net = &init_net, .admit = doorman_admit, .accept = doorman_accept, .priv = d,
	};
	const struct sockaddr_in *asked = (const struct sockaddr_in *)&d->asked;
	struct riod_listener *listener;
	struct naked *n;

	KUNIT_ASSERT_NOT_NULL(test, d);
	d->p = naked_pair(test);
	d->p->ops->unlisten(d->p->listener);
	d->p->listener = NULL;
	params.addr = d->p->addr;
	KUNIT_ASSERT_TRUE(test, pair_eventually(!atomic_read(&riod_rdma_conns)));
	listener = d->p->ops->listen(&params);
	KUNIT_ASSERT_FALSE(test, IS_ERR(listener));
	d->p->listener = listener;

	n = naked_dial_to(test, d->p, &good, sizeof(good));
	KUNIT_EXPECT_EQ(test, n->err, IB_CM_REJ_CONSUMER_DEFINED);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(n->theirs.reason), RIOD_RDMA_REASON_NOT_ALLOWED);
	/* no connection, not even for a moment */
	KUNIT_EXPECT_EQ(test, atomic_read(&riod_rdma_conns), 0);
	KUNIT_EXPECT_EQ(test, asked->sin_family, AF_INET);
	KUNIT_EXPECT_EQ(test, asked->sin_addr.s_addr,
			((struct sockaddr_in *)&d->p->addr)->sin_addr.s_addr);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(d->p, NAKED_WAIT_MS)), -EKEYREJECTED);

	WRITE_ONCE(d->open, true);
	n = naked_dial_to(test, d->p, &good, sizeof(good));
	KUNIT_EXPECT_EQ(test, n->err, 0);
	pair_expect_done(test, &d->p->got);
}

/* connections that a listener has accepted and that were not passed on, without any network */
struct crowd {
	struct riod_rdma_conn *rc[RIOD_RDMA_LOOSE_MAX + 1];
	unsigned int n;
};

static void crowd_drop(struct crowd *c)
{
	c->n--;
	/* they were never armed: both references are ours */
	riod_rdma_conn_put(c->rc[c->n]);
	riod_rdma_conn_put(c->rc[c->n]);
}

static void crowd_exit(void *data)
{
	struct crowd *c = data;

	while (c->n)
		crowd_drop(c);
}

static struct crowd *crowd_new(struct kunit *test)
{
	struct crowd *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, crowd_exit, c), 0);
	/* those of the last test may still linger */
	KUNIT_ASSERT_TRUE(test, pair_eventually(!atomic_read(&riod_rdma_conns)));
	return c;
}

static int crowd_add(struct crowd *c, const struct sockaddr_storage *peer)
{
	struct riod_rdma_conn *rc = riod_rdma_conn_alloc(peer, true);

	if (IS_ERR(rc))
		return PTR_ERR(rc);
	c->rc[c->n++] = rc;
	return 0;
}

/* one more of 192.0.2.@host */
static int crowd_add_host(struct crowd *c, u8 host)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(c->n),
		.sin6_addr.s6_addr32 = { 0, 0, htonl(0xffff), htonl(0xc0000200 + host) },
	};
	struct sockaddr_storage peer = {};

	memcpy(&peer, &in6, sizeof(in6));
	/* the same host, written in two ways */
	if (c->n % 2)
		riod_rdma_plain_addr(&peer, &peer);
	return crowd_add(c, &peer);
}

/* one host can use up its share only, and all hosts together what there is */
static void loose_are_limited(struct kunit *test)
{
	struct crowd *c = crowd_new(test);
	struct naked *n;
	unsigned int i;
	u8 host;

	for (host = 1; host <= RIOD_RDMA_LOOSE_MAX / RIOD_RDMA_LOOSE_PER_HOST; host++) {
		for (i = 0; i < RIOD_RDMA_LOOSE_PER_HOST; i++)
			KUNIT_ASSERT_EQ(test, crowd_add_host(c, host), 0);
		KUNIT_EXPECT_EQ(test, crowd_add_host(c, host), -EBUSY);
	}
	KUNIT_EXPECT_EQ(test, c->n, RIOD_RDMA_LOOSE_MAX);
	KUNIT_EXPECT_EQ(test, crowd_add_host(c, host), -EBUSY);

	n = naked_dial(test, &good, sizeof(good));
	KUNIT_EXPECT_EQ(test, n->err, IB_CM_REJ_CONSUMER_DEFINED);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(n->theirs.reason), RIOD_RDMA_REASON_LIMIT);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(n->p, NAKED_WAIT_MS)), -EBUSY);

	crowd_exit(c);
	n = naked_connect(test);
	KUNIT_EXPECT_EQ(test, n->err, 0);
}

/* without the RTU, a message shows that the client has the answer */
static void rtu_is_lost(struct kunit *test)
{
	struct naked *n = naked_no_rtu(test);
	struct riod_frame_hdr hdr = {
		.len = cpu_to_le32(sizeof(hdr)), .type = RIOD_FRAME_ACK,
	};
	struct riod_frame *f;

	memcpy(n->out.data + sizeof(struct riod_rdma_msg), &hdr, sizeof(hdr));
	naked_fill(n, 0, 0, sizeof(hdr));
	naked_send(test, n, sizeof(struct riod_rdma_msg) + sizeof(hdr));
	pair_expect_done(test, &n->p->got);
	n->p->ops->timeouts(n->p->far, 20000, 20000);
	f = n->p->ops->recv(n->p->far, RIOD_FRAME_MAX);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f));
	riod_frame_free(f);
	KUNIT_EXPECT_EQ(test, naked_frame(n), 0);
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&n->received) == 1));
}

static void half_open_exit(void *was)
{
	WRITE_ONCE(riod_rdma_half_open_ms, (uintptr_t)was);
}

static void linger_exit(void *was)
{
	WRITE_ONCE(riod_rdma_linger_ms, (uintptr_t)was);
}

static void linger(struct kunit *test, unsigned int ms)
{
	void *was = (void *)(uintptr_t)riod_rdma_linger_ms;

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, linger_exit, was), 0);
	WRITE_ONCE(riod_rdma_linger_ms, ms);
}

/* with neither, the listener gives the connection up after a time */
static void half_open_ends(struct kunit *test)
{
	void *was = (void *)(uintptr_t)riod_rdma_half_open_ms;
	struct naked *n;

	KUNIT_ASSERT_TRUE(test, pair_eventually(!atomic_read(&riod_rdma_conns)));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, half_open_exit, was), 0);
	/* not over before it was counted, however slow the machine */
	WRITE_ONCE(riod_rdma_half_open_ms, 3000);
	n = naked_no_rtu(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&riod_rdma_conns), 1);
	/* the CM tells the client */
	naked_wait(test, n);
	KUNIT_EXPECT_NE(test, n->err, 0);
	KUNIT_EXPECT_TRUE(test, pair_eventually(!atomic_read(&riod_rdma_conns)));
	KUNIT_EXPECT_FALSE(test, completion_done(&n->p->got));
}

/* a connection that was passed on does not count, but does again while it lingers */
static void lingering_are_limited(struct kunit *test)
{
	struct crowd *c = crowd_new(test);
	struct naked *n = naked_connect(test);
	struct sockaddr_storage peer;
	unsigned int i;

	linger(test, 5000);
	naked_exhaust(test, n);
	n->p->ops->peer(n->p->far, &peer);
	for (i = 0; i < RIOD_RDMA_LOOSE_PER_HOST; i++)
		KUNIT_ASSERT_EQ(test, crowd_add(c, &peer), 0);
	KUNIT_EXPECT_EQ(test, crowd_add(c, &peer), -EBUSY);
	crowd_drop(c);
	/* END has no credit, so it waits */
	riod_conn_close(n->p->far);
	n->p->far = NULL;
	KUNIT_EXPECT_EQ(test, crowd_add(c, &peer), -EBUSY);
	/* but not for ever */
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&riod_rdma_conns) == c->n));
	KUNIT_EXPECT_EQ(test, crowd_add(c, &peer), 0);
}

/* ------------------------------------------------------------ the end */

/* END is the last message, behind all that was sent */
static void end_is_sent(struct kunit *test)
{
	struct naked *n = naked_connect(test);
	const struct riod_rdma_msg *msg;

	KUNIT_ASSERT_EQ(test, naked_frame(n), 0);
	riod_conn_close(n->p->far);
	n->p->far = NULL;
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&n->received) == 2));
	msg = n->in[0].data;
	KUNIT_EXPECT_EQ(test, le16_to_cpu(msg->flags), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(msg->len), sizeof(struct riod_frame_hdr));
	msg = n->in[1].data;
	KUNIT_EXPECT_EQ(test, le16_to_cpu(msg->flags), RIOD_RDMA_MSG_END);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(msg->len), 0);
}

/* END waits for a credit, and the connection for END */
static void end_waits(struct kunit *test)
{
	struct naked *n = naked_connect(test);
	const struct riod_rdma_msg *msg = n->in[0].data;

	linger(test, NAKED_WAIT_MS);
	naked_exhaust(test, n);
	riod_conn_close(n->p->far);
	n->p->far = NULL;
	naked_post(test, n, &n->in[0]);
	naked_fill(n, 1, 0, 0);
	/* END may be sent, and the queue pair gone, ahead of the acknowledgment of this */
	naked_post_send(test, n, sizeof(*msg));
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&n->received) == NAKED_BUFS + 1));
	KUNIT_EXPECT_EQ(test, le16_to_cpu(msg->flags), RIOD_RDMA_MSG_END);
}

/* a peer that sends one frame and goes is heard, even by an end that speaks first */
static void end_is_heard(struct kunit *test)
{
	struct naked *n = naked_connect(test);
	struct riod_frame_hdr hdr = {
		.len = cpu_to_le32(sizeof(hdr)), .type = RIOD_FRAME_REFUSE,
	};
	struct riod_frame *f;

	memcpy(n->out.data + sizeof(struct riod_rdma_msg), &hdr, sizeof(hdr));
	naked_fill(n, 0, RIOD_RDMA_MSG_END, sizeof(hdr));
	naked_send(test, n, sizeof(struct riod_rdma_msg) + sizeof(hdr));
	KUNIT_EXPECT_EQ(test, n->err, 0);
	rdma_disconnect(n->id);
	KUNIT_EXPECT_TRUE(test, pair_eventually(READ_ONCE(to_rdma(n->p->far)->ending)));
	KUNIT_EXPECT_EQ(test, naked_frame(n), 0);
	KUNIT_EXPECT_EQ(test, naked_frame(n), -ECONNRESET);
	f = n->p->ops->recv(n->p->far, RIOD_FRAME_MAX);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f));
	KUNIT_EXPECT_EQ(test, f->hdr.type, RIOD_FRAME_REFUSE);
	riod_frame_free(f);
	f = n->p->ops->recv(n->p->far, RIOD_FRAME_MAX);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(f), -ECONNRESET);
}

/* without END it is a break, and sending says so */
static void break_is_reported(struct kunit *test)
{
	struct naked *n = naked_connect(test);

	rdma_disconnect(n->id);
	KUNIT_EXPECT_TRUE(test, pair_eventually(READ_ONCE(to_rdma(n->p->far)->ending)));
	KUNIT_EXPECT_EQ(test, naked_frame(n), -ECONNRESET);
}

/* an error of the queue pair is a break, even if no completion reports it */
static void qp_error_breaks(struct kunit *test)
{
	static const enum ib_event_type errors[] = {
		IB_EVENT_QP_FATAL, IB_EVENT_QP_REQ_ERR, IB_EVENT_QP_ACCESS_ERR,
	};
	struct ib_event ev;
	struct naked *n;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		n = naked_connect(test);
		ev.element.qp = to_rdma(n->p->far)->id->qp;
		ev.device = ev.element.qp->device;
		ev.event = errors[i];
		/* as the adapter does */
		ev.element.qp->event_handler(&ev, ev.element.qp->qp_context);
		KUNIT_EXPECT_TRUE(test, pair_eventually(READ_ONCE(to_rdma(n->p->far)->ending)));
		KUNIT_EXPECT_EQ(test, naked_frame(n), -ECONNRESET);
	}
}

/*
 * A connection that ends before it was passed on, and unlisten, which gives up the same
 * one.  The delays let the two meet at several points.
 */
static void unlisten_races_end(struct kunit *test)
{
	struct rdma_conn_param param = {
		.private_data = &good, .private_data_len = sizeof(good), .retry_count = 7,
		.qp_num = 77,
	};
	struct naked *n;
	unsigned int i;

	for (i = 0; i < 150; i++) {
		n = naked_resolve(test, naked_pair(test));
		/* without a queue pair of its own the cm_id leaves the answer to us */
		KUNIT_ASSERT_EQ(test, rdma_connect(n->id, &param), 0);
		naked_wait(test, n);
		KUNIT_ASSERT_EQ(test, n->err, 0);
		KUNIT_EXPECT_EQ(test, rdma_reject(n->id, NULL, 0, IB_CM_REJ_CONSUMER_DEFINED), 0);
		fsleep((i % 10) * 20);
		n->p->ops->unlisten(n->p->listener);
		n->p->listener = NULL;
		kunit_release_action(test, naked_exit, n);
	}
	KUNIT_EXPECT_TRUE(test, pair_eventually(!atomic_read(&riod_rdma_conns)));
}

/*
 * The work that ends a connection frees it, so it must not be queued again while it runs:
 * neither by what came between its start and @ending, nor by anything later.
 */
static void ends_once(struct kunit *test)
{
	struct naked *n = naked_connect(test);
	struct riod_rdma_conn *rc = to_rdma(n->p->far);

	/* as if the work had just started, and its timer had been set once more */
	spin_lock_bh(&rc->lock);
	rc->end_now = true;
	mod_delayed_work(system_wq, &rc->end_work, msecs_to_jiffies(NAKED_WAIT_MS));
	spin_unlock_bh(&rc->lock);
	riod_rdma_conn_set_ending(rc);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&rc->end_work));
	riod_rdma_conn_end(rc, NAKED_WAIT_MS);
	riod_rdma_conn_end(rc, 0);
	riod_rdma_conn_break(rc);
	/* as unlisten does */
	riod_rdma_conn_arm(rc, 0);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&rc->end_work));
	if (cancel_delayed_work_sync(&rc->end_work))
		kunit_err(test, "the work was queued again\n");
	/* it did not run */
	spin_lock_bh(&rc->lock);
	rc->end_now = false;
	rc->ending = false;
	spin_unlock_bh(&rc->lock);
}

/* ------------------------------------------------------------ listen */

static int listen_any(struct pair *p, int family)
{
	struct riod_listen_params params = {
		.net = &init_net, .accept = pair_accept, .priv = p,
	};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&params.addr;
	struct riod_listener *l;

	/* the port is in the same place in both */
	in6->sin6_family = family;
	in6->sin6_port = ((struct sockaddr_in *)&p->addr)->sin_port;
	l = p->ops->listen(&params);
	if (IS_ERR(l))
		return PTR_ERR(l);
	p->ops->unlisten(l);
	return 0;
}

/* a port that another listener has is in use, whatever the addresses of the two are */
static void port_is_in_use(struct kunit *test)
{
	struct pair *p = naked_pair(test);

	KUNIT_EXPECT_EQ(test, listen_any(p, AF_INET), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, listen_any(p, AF_INET6), -EADDRINUSE);
	p->ops->unlisten(p->listener);
	p->listener = NULL;
	KUNIT_EXPECT_EQ(test, listen_any(p, AF_INET), 0);
	KUNIT_EXPECT_EQ(test, listen_any(p, AF_INET6), 0);
}

/* "::" takes clients of both families; kunit-init gives the device these addresses */
static void any_is_both_families(struct kunit *test)
{
	struct pair *p = naked_pair(test);
	struct sockaddr_storage v4 = p->addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&p->addr;
	struct sockaddr_storage peer;
	struct riod_listener *listener;
	struct riod_conn *conn;

	p->ops->unlisten(p->listener);
	p->listener = NULL;
	memset(&p->addr, 0, sizeof(p->addr));
	in6->sin6_family = AF_INET6;
	in6->sin6_port = ((struct sockaddr_in *)&v4)->sin_port;
	listener = pair_listen_at(p, pair_accept, p);
	KUNIT_ASSERT_FALSE(test, IS_ERR(listener));
	p->listener = listener;

	in6->sin6_addr.s6_addr32[0] = htonl(0xfd770000);
	in6->sin6_addr.s6_addr32[3] = htonl(1);
	conn = pair_dial(p, NAKED_WAIT_MS);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(conn), 0);
	p->near = conn;
	pair_expect_done(test, &p->got);
	p->ops->peer(p->far, &peer);
	KUNIT_EXPECT_EQ(test, peer.ss_family, AF_INET6);
	riod_conn_close(p->far);
	riod_conn_close(p->near);
	p->far = NULL;
	p->near = NULL;

	reinit_completion(&p->got);
	p->addr = v4;
	conn = pair_dial(p, NAKED_WAIT_MS);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(conn), 0);
	p->near = conn;
	pair_expect_done(test, &p->got);
	p->ops->peer(p->far, &peer);
	KUNIT_EXPECT_EQ(test, peer.ss_family, AF_INET);
}

/* ------------------------------------------------------------ connect */

static int connect_forever(void *priv)
{
	struct riod_conn *conn = pair_dial(priv, 10 * 60 * 1000);

	if (IS_ERR(conn))
		return PTR_ERR(conn);
	riod_conn_close(conn);
	return 0;
}

/**
 * struct bouncer - a listener of the test's own, which rejects every request
 * @p: pair whose address it has
 * @id: cm_id
 * @stale: requests that it rejects as stale first
 * @requests: how many have come
 * @answer: private data of the rejection of all others
 */
struct bouncer {
	struct pair *p;
	struct rdma_cm_id *id;
	unsigned int stale;
	atomic_t requests;
	struct riod_rdma_greeting answer;
};

static int bouncer_event(struct rdma_cm_id *id, struct rdma_cm_event *ev)
{
	struct bouncer *b = id->context;

	if (ev->event != RDMA_CM_EVENT_CONNECT_REQUEST)
		return 0;
	if (atomic_inc_return(&b->requests) <= b->stale)
		rdma_reject(id, NULL, 0, IB_CM_REJ_STALE_CONN);
	else
		rdma_reject(id, &b->answer, sizeof(b->answer), IB_CM_REJ_CONSUMER_DEFINED);
	/* the CM destroys @id */
	return -ECONNREFUSED;
}

static void bouncer_exit(void *data)
{
	rdma_destroy_id(data);
}

static struct bouncer *bouncer_new(struct kunit *test)
{
	struct bouncer *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	struct rdma_cm_id *id;

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->p = naked_pair(test);
	b->p->ops->unlisten(b->p->listener);
	b->p->listener = NULL;
	id = rdma_create_id(&init_net, bouncer_event, b, RDMA_PS_TCP, IB_QPT_RC);
	KUNIT_ASSERT_FALSE(test, IS_ERR(id));
	b->id = id;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, bouncer_exit, id), 0);
	KUNIT_ASSERT_EQ(test, rdma_bind_addr(id, (struct sockaddr *)&b->p->addr), 0);
	KUNIT_ASSERT_EQ(test, rdma_listen(id, 4), 0);
	return b;
}

/* each reason of a server has an errno of its own, and so its text */
static void rejection_has_a_reason(struct kunit *test)
{
	static const struct {
		u32 magic;
		u16 reason;
		int err;
	} cases[] = {
		{ RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_VERSION, -EPROTONOSUPPORT },
		{ RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_GREETING, -EPROTO },
		{ RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_LIMIT, -EBUSY },
		{ RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_NO_MEMORY, -ENOBUFS },
		{ RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_NOT_ALLOWED, -EKEYREJECTED },
		{ RIOD_RDMA_MAGIC, U16_MAX, -EPROTO },
		/* somebody else's listener */
		{ RIOD_RDMA_MAGIC, 0, -ECONNREFUSED },
		{ ~RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_LIMIT, -ECONNREFUSED },
	};
	struct bouncer *b = bouncer_new(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		b->answer.magic = cpu_to_le32(cases[i].magic);
		b->answer.reason = cpu_to_le16(cases[i].reason);
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(b->p, NAKED_WAIT_MS)),
				cases[i].err);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&b->requests), ARRAY_SIZE(cases));
}

/* a server that has a connection of ours left over forgets it, and takes the next */
static void stale_is_retried(struct kunit *test)
{
	struct bouncer *b = bouncer_new(test);

	b->answer = (struct riod_rdma_greeting) {
		.magic = cpu_to_le32(RIOD_RDMA_MAGIC),
		.reason = cpu_to_le16(RIOD_RDMA_REASON_LIMIT),
	};
	b->stale = 2;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(b->p, NAKED_WAIT_MS)), -EBUSY);
	KUNIT_EXPECT_EQ(test, atomic_read(&b->requests), 3);
	/* not for ever, and not as fast as it can */
	atomic_set(&b->requests, 0);
	b->stale = UINT_MAX;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(b->p, 5000)), -ETIMEDOUT);
	KUNIT_EXPECT_GE(test, atomic_read(&b->requests), 2);
	/* RIOD_RDMA_PAUSE_MS between them */
	KUNIT_EXPECT_LE(test, atomic_read(&b->requests), 51);
}

/* nobody has the address: connect ends in time, and by a signal */
static void connect_gives_up(struct kunit *test)
{
	struct sockaddr_in *in;
	struct runner *r;
	struct pair *p;

	test->param_value = &rdma_name;
	p = pair_listen(test);
	in = (struct sockaddr_in *)&p->addr;
	in->sin_addr.s_addr = htonl(ntohl(in->sin_addr.s_addr) ^ 0x7f);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(p, 100)), -ETIMEDOUT);
	r = runner_start(test, connect_forever, p);
	runner_kill(r);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -EINTR);
}

static struct kunit_case rdma_cases[] = {
	KUNIT_CASE_PARAM(greeting_is_checked, greeting_gen_params),
	KUNIT_CASE_PARAM(message_is_checked, message_gen_params),
	KUNIT_CASE(credits_limit),
	KUNIT_CASE(credits_wake),
	KUNIT_CASE(credits_come_back),
	KUNIT_CASE(strangers_are_refused),
	KUNIT_CASE(loose_are_limited),
	KUNIT_CASE(rtu_is_lost),
	KUNIT_CASE(half_open_ends),
	KUNIT_CASE(lingering_are_limited),
	KUNIT_CASE(end_is_sent),
	KUNIT_CASE(end_waits),
	KUNIT_CASE(end_is_heard),
	KUNIT_CASE(break_is_reported),
	KUNIT_CASE(qp_error_breaks),
	KUNIT_CASE(ends_once),
	KUNIT_CASE(unlisten_races_end),
	KUNIT_CASE(port_is_in_use),
	KUNIT_CASE(any_is_both_families),
	KUNIT_CASE(rejection_has_a_reason),
	KUNIT_CASE(stale_is_retried),
	KUNIT_CASE(connect_gives_up),
	{}
};

static struct kunit_suite rdma_suite = {
	.name = "riod_rdma",
	.suite_init = pair_suite_init,
	.test_cases = rdma_cases,
};

kunit_test_suite(rdma_suite);

MODULE_DESCRIPTION("KUnit tests of riod's RDMA transport, with a peer of their own");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
RIOD_COMPAT_IMPORT_NS(RIOD);

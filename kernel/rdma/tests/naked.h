/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * naked.h - a peer of the transport "rdma" that does as it likes: a queue pair of the test's own
 */
#ifndef _RIOD_TESTS_NAKED_H
#define _RIOD_TESTS_NAKED_H

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <rdma/ib_cm.h>

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

static inline void naked_step(struct naked *n, int err)
{
	n->err = err;
	complete(&n->step);
}

static inline int naked_event(struct rdma_cm_id *id, struct rdma_cm_event *ev)
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

static inline void naked_sent(struct ib_cq *cq, struct ib_wc *wc)
{
	naked_step(cq->cq_context, wc->status == IB_WC_SUCCESS ? 0 : -EIO);
}

static inline void naked_got(struct ib_cq *cq, struct ib_wc *wc)
{
	struct naked *n = cq->cq_context;

	if (wc->status == IB_WC_SUCCESS)
		atomic_inc(&n->received);
}

static inline void naked_wait(struct kunit *test, struct naked *n)
{
	pair_expect_done(test, &n->step);
}

static inline void naked_buf(struct kunit *test, struct naked *n, struct riod_rdma_buf *buf,
			     u32 size, enum dma_data_direction dir)
{
	buf->data = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf->data);
	buf->size = size;
	buf->dma = ib_dma_map_single(n->id->device, buf->data, size, dir);
	KUNIT_ASSERT_FALSE(test, ib_dma_mapping_error(n->id->device, buf->dma));
	buf->mapped = true;
}

static inline void naked_exit(void *data)
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
static inline void naked_modify(struct kunit *test, struct naked *n, enum ib_qp_state state)
{
	struct ib_qp_attr attr = { .qp_state = state };
	int mask;

	KUNIT_ASSERT_EQ(test, rdma_init_qp_attr(n->id, &attr, &mask), 0);
	KUNIT_ASSERT_EQ(test, ib_modify_qp(n->qp, &attr, mask), 0);
}

static inline void naked_queues(struct kunit *test, struct naked *n, bool rtu)
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

static inline void naked_post(struct kunit *test, struct naked *n, struct riod_rdma_buf *buf)
{
	struct ib_sge sge = {
		.addr = buf->dma, .length = buf->size, .lkey = n->pd->local_dma_lkey,
	};
	struct ib_recv_wr wr = {
		.wr_cqe = &buf->cqe, .sg_list = &sge, .num_sge = 1,
	};

	KUNIT_ASSERT_EQ(test, ib_post_recv(n->qp, &wr, NULL), 0);
}

static inline void naked_post_in(struct kunit *test, struct naked *n)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(n->in); i++) {
		naked_buf(test, n, &n->in[i], RIOD_RDMA_BUF, DMA_FROM_DEVICE);
		n->in[i].cqe.done = naked_got;
		naked_post(test, n, &n->in[i]);
	}
}

/* a new pair, whose listener nobody has connected to */
static inline struct pair *naked_pair(struct kunit *test)
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
static inline struct naked *naked_resolve(struct kunit *test, struct pair *p)
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

static inline struct naked *naked_ask(struct kunit *test, struct pair *p,
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
static inline struct naked *naked_dial_to(struct kunit *test, struct pair *p,
					  const struct riod_rdma_greeting *g, u8 len)
{
	return naked_ask(test, p, g, len, true);
}

/* the same with the listener of a new pair */
static inline struct naked *
naked_dial(struct kunit *test, const struct riod_rdma_greeting *g, u8 len)
{
	return naked_dial_to(test, naked_pair(test), g, len);
}

static inline struct naked *naked_connect(struct kunit *test)
{
	struct naked *n = naked_dial(test, &good, sizeof(good));

	KUNIT_ASSERT_EQ(test, n->err, 0);
	pair_expect_done(test, &n->p->got);
	n->p->ops->timeouts(n->p->far, 20000, 20000);
	return n;
}

/* a connection for which the listener gets no RTU */
static inline struct naked *naked_no_rtu(struct kunit *test)
{
	struct naked *n = naked_ask(test, naked_pair(test), &good, sizeof(good), false);

	KUNIT_ASSERT_EQ(test, n->err, 0);
	naked_modify(test, n, IB_QPS_RTR);
	naked_modify(test, n, IB_QPS_RTS);
	return n;
}

/* post @bytes bytes of @out, which the test has filled */
static inline void naked_post_send(struct kunit *test, struct naked *n, u32 bytes)
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
static inline void naked_send(struct kunit *test, struct naked *n, u32 bytes)
{
	naked_post_send(test, n, bytes);
	naked_wait(test, n);
}

static inline void naked_fill(struct naked *n, u16 credits, u16 flags, u32 len)
{
	struct riod_rdma_msg *msg = n->out.data;

	msg->credits = cpu_to_le16(credits);
	msg->flags = cpu_to_le16(flags);
	msg->len = cpu_to_le32(len);
}

static inline int naked_frame(struct naked *n)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL);

	return f ? pair_send(n->p->far, f) : -ENOMEM;
}

/* use up all credits of the transport: those for data, and the last one to return ours */
static inline void naked_exhaust(struct kunit *test, struct naked *n)
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

static inline void linger_exit(void *was)
{
	WRITE_ONCE(riod_rdma_linger_ms, (uintptr_t)was);
}

static inline void linger(struct kunit *test, unsigned int ms)
{
	void *was = (void *)(uintptr_t)riod_rdma_linger_ms;

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, linger_exit, was), 0);
	WRITE_ONCE(riod_rdma_linger_ms, ms);
}

#endif /* _RIOD_TESTS_NAKED_H */

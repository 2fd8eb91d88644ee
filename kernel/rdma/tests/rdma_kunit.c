// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection of the transport "rdma" and a peer that does as it likes: greetings, messages,
 * credits, the end
 */
#include "compat_export.h"
#include "naked.h"

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

static struct kunit_case rdma_cases[] = {
	KUNIT_CASE_PARAM(greeting_is_checked, greeting_gen_params),
	KUNIT_CASE_PARAM(message_is_checked, message_gen_params),
	KUNIT_CASE(credits_limit),
	KUNIT_CASE(credits_wake),
	KUNIT_CASE(credits_come_back),
	KUNIT_CASE(end_is_sent),
	KUNIT_CASE(end_waits),
	KUNIT_CASE(end_is_heard),
	KUNIT_CASE(break_is_reported),
	KUNIT_CASE(qp_error_breaks),
	KUNIT_CASE(ends_once),
	KUNIT_CASE(unlisten_races_end),
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions: two of them against each other, and one against a raw connection
 * that the test speaks itself
 */
#include <linux/sizes.h>

#include "pair.h"
#include "session.h"

#define KEEPALIVE_NEVER	(10 * 60 * 1000)
#define LOST_NEVER	(10 * 60 * 1000)

static const struct riod_session_params quiet = {
	.version = RIOD_VERSION_1,
	.nfuncs = 1,
	.tx_window = RIOD_WINDOW_MIN,
	.tx_max_frame = RIOD_FRAME_MAX,
	.rx_max_frame = RIOD_FRAME_MAX,
	.keepalive_ms = KEEPALIVE_NEVER,
	.lost_ms = LOST_NEVER,
};

/**
 * struct end - a session and what its owner was told
 * @s: session; NULL once it is stopped
 * @count: numbered frames that were handed over
 * @next: tag that the next REG frame must carry
 * @disorder: frames that came out of order, or after ops->lost()
 * @target: @count at which @reached completes
 * @reached: see @target
 * @nlost: ops->lost() calls
 * @reason: the last one's
 * @lost: there was one
 * @notified: calls of the acknowledgment callback
 * @answer: what ops->frame() returns
 * @ack_soon: ops->frame() asks for an acknowledgment
 * @end_with: ops->frame() ends the session with this
 * @entered: ops->frame() was called
 * @gated: ops->frame() waits for @gate
 * @gate: see @gated; the end opens it
 */
struct end {
	struct riod_session *s;
	u32 count;
	u32 next;
	u32 disorder;
	u32 target;
	struct completion reached;
	u32 nlost;
	enum riod_reason reason;
	struct completion lost;
	atomic_t notified;
	int answer;
	bool ack_soon;
	enum riod_reason end_with;
	struct completion entered;
	bool gated;
	struct completion gate;
};

static u32 frame_tag(const struct riod_frame *f)
{
	if (f->hdr.type == RIOD_FRAME_IRQ)
		return le32_to_cpu(((struct riod_wire_irq *)f->body)->epoch);
	return le32_to_cpu(((struct riod_wire_reg *)f->body)->tag);
}

static int end_frame(void *priv, struct riod_frame *f)
{
	struct end *e = priv;

	complete(&e->entered);
	if (e->gated)
		wait_for_completion(&e->gate);
	if (e->nlost || frame_tag(f) != e->next)
		e->disorder++;
	e->next++;
	if (e->ack_soon)
		riod_session_ack_soon(e->s);
	if (e->end_with)
		riod_session_end(e->s, e->end_with);
	if (e->answer == 1)
		riod_frame_free(f);
	WRITE_ONCE(e->count, e->count + 1);
	if (e->count == e->target)
		complete(&e->reached);
	return e->answer;
}

static void end_lost(void *priv, enum riod_reason reason)
{
	struct end *e = priv;

	e->nlost++;
	e->reason = reason;
	complete_all(&e->lost);
}

static const struct riod_session_ops end_ops = {
	.frame = end_frame,
	.lost = end_lost,
};

static void end_acked(void *priv)
{
	struct end *e = priv;

	atomic_inc(&e->notified);
}

static void end_stop(struct end *e)
{
	complete_all(&e->gate);
	if (e->s)
		riod_session_stop(e->s);
	e->s = NULL;
}

static void end_exit(void *data)
{
	end_stop(data);
}

/* takes *@conn over */
static struct end *end_create(struct kunit *test, struct riod_conn **conn, bool frontend,
			      const struct riod_session_params *params)
{
	struct end *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);
	struct riod_session *s;

	KUNIT_ASSERT_NOT_NULL(test, e);
	/* a posted write and an interrupt carry numbers from 0 here */
	init_completion(&e->reached);
	init_completion(&e->lost);
	init_completion(&e->entered);
	init_completion(&e->gate);
	s = riod_session_create(*conn, params, frontend, &end_ops, e);
	*conn = NULL;
	KUNIT_ASSERT_FALSE(test, IS_ERR(s));
	riod_session_set_ack_notify(s, end_acked);
	e->s = s;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_exit, e), 0);
	return e;
}

static struct end *end_start(struct kunit *test, struct riod_conn **conn, bool frontend,
			     const struct riod_session_params *params)
{
	struct end *e = end_create(test, conn, frontend, params);

	KUNIT_ASSERT_EQ(test, riod_session_start(e->s), 0);
	return e;
}

/* a register write to the stub; @n in its tag */
static struct riod_frame *reg_make(u32 n)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_REG, 0,
						sizeof(struct riod_wire_reg), GFP_KERNEL);
	struct riod_wire_reg *r;

	if (!f)
		return NULL;
	r = (struct riod_wire_reg *)f->body;
	r->tag = cpu_to_le32(n);
	r->width = 4;
	r->op = RIOD_REG_WRITE;
	return f;
}

/* an interrupt to the frontend; @n in its epoch */
static struct riod_frame *irq_make(u32 n)
{
	struct riod_wire_irq *q;
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_IRQ, 0,
						struct_size(q, vectors, 1), GFP_KERNEL);

	if (!f)
		return NULL;
	q = (struct riod_wire_irq *)f->body;
	q->epoch = cpu_to_le32(n);
	q->count = cpu_to_le16(1);
	return f;
}

#define REG_SIZE	(sizeof(struct riod_frame_hdr) + sizeof(struct riod_wire_reg))

/* a frame that the test sends itself */
static void raw_send(struct kunit *test, struct riod_conn *conn, struct riod_frame *f,
		     u64 seq, u64 ack)
{
	KUNIT_ASSERT_NOT_NULL(test, f);
	f->hdr.seq = cpu_to_le64(seq);
	f->hdr.ack = cpu_to_le64(ack);
	KUNIT_EXPECT_EQ(test, pair_send(conn, f), 0);
}

static void raw_ack(struct kunit *test, struct riod_conn *conn, u64 ack)
{
	raw_send(test, conn, riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL), 0, ack);
}

/* the next frame that the test gets itself; only its header counts */
static struct riod_frame_hdr raw_recv(struct kunit *test, struct riod_conn *conn)
{
	struct riod_frame *f = conn->ops->recv(conn, RIOD_FRAME_MAX);
	struct riod_frame_hdr hdr;

	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(f), 0);
	hdr = f->hdr;
	riod_frame_free(f);
	return hdr;
}

static void raw_expect(struct kunit *test, struct riod_conn *conn, u8 type, u64 seq, u64 ack)
{
	struct riod_frame_hdr hdr = raw_recv(test, conn);

	KUNIT_EXPECT_EQ(test, hdr.type, type);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(hdr.seq), seq);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(hdr.ack), ack);
}

static void expect_lost(struct kunit *test, struct end *e, enum riod_reason reason)
{
	pair_expect_done(test, &e->lost);
	KUNIT_EXPECT_EQ(test, e->reason, reason);
	end_stop(e);
	KUNIT_EXPECT_EQ(test, e->nlost, 1);
	KUNIT_EXPECT_EQ(test, e->disorder, 0);
}

static u64 retained(struct end *e)
{
	struct riod_session_stats st;

	riod_session_get_stats(e->s, &st);
	return st.tx_retained;
}

static u64 window_waits(struct end *e)
{
	struct riod_session_stats st;

	riod_session_get_stats(e->s, &st);
	return st.window_waits;
}

struct burst {
	struct end *e;
	struct riod_frame *(*make)(u32 n);
	u32 count;
	u32 list;		/* frames in one call, 0: one by one */
};

static int burst_send(void *priv)
{
	struct burst *b = priv;
	LIST_HEAD(frames);
	u32 n, queued = 0;
	int err = 0;

	for (n = 0; !err && n < b->count; n++) {
		struct riod_frame *f = b->make(n);

		if (!f)
			return -ENOMEM;
		if (!b->list) {
			err = riod_session_send(b->e->s, f);
			continue;
		}
		list_add_tail(&f->list, &frames);
		if (++queued % b->list && n + 1 < b->count)
			continue;
		err = riod_session_send_list(b->e->s, &frames);
	}
	return err;
}

static struct runner *burst_start(struct kunit *test, struct end *e,
				  struct riod_frame *(*make)(u32 n), u32 count, u32 list)
{
	struct burst b = { e, make, count, list };

	return runner_start(test, burst_send, keep(test, b));
}

/* ------------------------------------------------------------ the stream */

/* both ways at a window that is full all the time: in order, and no deadlock */
static void load_both_ways(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct end *fe, *stub;
	struct runner *r[2];

	params.tx_window = 1024;
	fe = end_create(test, &p->near, true, &params);
	stub = end_create(test, &p->far, false, &params);
	fe->target = 3000;
	stub->target = 3000;
	KUNIT_ASSERT_EQ(test, riod_session_start(fe->s), 0);
	KUNIT_ASSERT_EQ(test, riod_session_start(stub->s), 0);
	r[0] = burst_start(test, fe, reg_make, 3000, 0);
	r[1] = burst_start(test, stub, irq_make, 3000, 70);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[0]), 0);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[1]), 0);
	pair_expect_done(test, &fe->reached);
	pair_expect_done(test, &stub->reached);
	KUNIT_EXPECT_GT(test, window_waits(fe), 0);
	KUNIT_EXPECT_GT(test, window_waits(stub), 0);
	/* one of them ends it, both are told why */
	riod_session_end(fe->s, RIOD_REASON_DETACH);
	expect_lost(test, fe, RIOD_REASON_DETACH);
	expect_lost(test, stub, RIOD_REASON_DETACH);
	KUNIT_EXPECT_EQ(test, fe->count, 3000);
	KUNIT_EXPECT_EQ(test, stub->count, 3000);
}

/* the receiver's owner stands still: the sender stops at the window, then goes on */
static void window_full(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct end *fe, *stub;
	struct runner *r;

	params.tx_window = 10 * REG_SIZE;
	fe = end_start(test, &p->near, true, &params);
	stub = end_create(test, &p->far, false, &params);
	stub->gated = true;
	stub->target = 100;
	KUNIT_ASSERT_EQ(test, riod_session_start(stub->s), 0);
	r = burst_start(test, fe, reg_make, 100, 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(window_waits(fe) == 1));
	pair_expect_done(test, &stub->entered);
	KUNIT_EXPECT_FALSE(test, completion_done(&r->done));
	KUNIT_EXPECT_EQ(test, riod_session_last_seq(fe->s), 10);
	KUNIT_EXPECT_EQ(test, retained(fe), 10 * REG_SIZE);
	KUNIT_EXPECT_EQ(test, riod_session_acked(fe->s), 0);
	complete_all(&stub->gate);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), 0);
	pair_expect_done(test, &stub->reached);
	KUNIT_EXPECT_EQ(test, riod_session_last_seq(fe->s), 100);
}

/* what is larger than the window goes when nothing else is on its way */
static void larger_than_window(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct end *fe, *stub;

	params.tx_window = REG_SIZE / 2;
	fe = end_start(test, &p->near, true, &params);
	stub = end_create(test, &p->far, false, &params);
	stub->target = 20;
	KUNIT_ASSERT_EQ(test, riod_session_start(stub->s), 0);
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ fe, reg_make, 20 }), 0);
	pair_expect_done(test, &stub->reached);
}

static void larger_than_frame(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct end *fe;

	params.tx_max_frame = REG_SIZE - 1;
	fe = end_start(test, &p->near, true, &params);
	KUNIT_EXPECT_EQ(test, riod_session_send(fe->s, reg_make(0)), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, riod_session_last_seq(fe->s), 0);
}

/* numbers count up, frames are retained until acknowledged, one ack frees many */
static void retains(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_start(test, &p->near, true, &quiet);
	u32 n;

	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ fe, reg_make, 4 }), 0);
	for (n = 1; n <= 4; n++)
		raw_expect(test, p->far, RIOD_FRAME_REG, n, 0);
	KUNIT_EXPECT_EQ(test, retained(fe), 4 * REG_SIZE);
	raw_ack(test, p->far, 3);
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&fe->notified) == 1));
	KUNIT_EXPECT_EQ(test, riod_session_acked(fe->s), 3);
	KUNIT_ASSERT_TRUE(test, pair_eventually(retained(fe) == REG_SIZE));
	/* the same again is no news */
	raw_ack(test, p->far, 3);
	raw_ack(test, p->far, 4);
	KUNIT_ASSERT_TRUE(test, pair_eventually(riod_session_acked(fe->s) == 4));
	KUNIT_ASSERT_TRUE(test, pair_eventually(retained(fe) == 0));
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&fe->notified) == 2));
}

/* frames that go the other way carry the acknowledgment */
static void acks_ride_along(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_start(test, &p->near, true, &quiet);

	raw_send(test, p->far, irq_make(0), 1, 0);
	raw_send(test, p->far, irq_make(1), 2, 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(fe->count) == 2));
	/* processed is when the callback has returned; it may be returning now */
	KUNIT_ASSERT_TRUE(test, pair_eventually(({
		riod_session_send(fe->s, reg_make(0));
		raw_recv(test, p->far).ack == cpu_to_le64(2); })));
}

/* asked for while the frame is processed: it is included, and nothing is sent before */
static void ack_soon(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_create(test, &p->near, true, &quiet);

	fe->ack_soon = true;
	KUNIT_ASSERT_EQ(test, riod_session_start(fe->s), 0);
	raw_send(test, p->far, irq_make(0), 1, 0);
	raw_expect(test, p->far, RIOD_FRAME_ACK, 0, 1);
	raw_send(test, p->far, irq_make(1), 2, 0);
	raw_expect(test, p->far, RIOD_FRAME_ACK, 0, 2);
}

/* nobody asks: after a quarter of the window it is acknowledged all the same */
static void ack_by_bytes(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	u32 n;

	params.tx_window = 8 * REG_SIZE;
	end_start(test, &p->near, false, &params);
	for (n = 0; n < 8; n++) {
		raw_send(test, p->far, reg_make(n), n + 1, 0);
		if (n % 2)
			raw_expect(test, p->far, RIOD_FRAME_ACK, 0, n + 1);
	}
}

/* ------------------------------------------------------------ time */

static void keepalive(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct riod_frame_hdr hdr;
	struct end *fe;

	params.keepalive_ms = 20;
	fe = end_start(test, &p->near, true, &params);
	hdr = raw_recv(test, p->far);
	KUNIT_EXPECT_EQ(test, hdr.type, RIOD_FRAME_ACK);
	KUNIT_EXPECT_EQ(test, hdr.flags, 0);
	/* with something not acknowledged it asks for an answer */
	KUNIT_EXPECT_EQ(test, riod_session_send(fe->s, reg_make(0)), 0);
	do {
		hdr = raw_recv(test, p->far);
	} while (hdr.type == RIOD_FRAME_ACK && !hdr.flags);
	KUNIT_EXPECT_EQ(test, hdr.type, RIOD_FRAME_REG);
	hdr = raw_recv(test, p->far);
	KUNIT_EXPECT_EQ(test, hdr.type, RIOD_FRAME_ACK);
	KUNIT_EXPECT_EQ(test, hdr.flags, RIOD_FRAME_F_ACK_NOW);
}

/* who is asked answers, with or without news */
static void ack_now(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct riod_frame *f;

	end_start(test, &p->near, false, &quiet);
	f = riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	f->hdr.flags = RIOD_FRAME_F_ACK_NOW;
	raw_send(test, p->far, f, 0, 0);
	raw_expect(test, p->far, RIOD_FRAME_ACK, 0, 0);
	f = reg_make(0);
	KUNIT_ASSERT_NOT_NULL(test, f);
	f->hdr.flags = RIOD_FRAME_F_ACK_NOW;
	raw_send(test, p->far, f, 1, 0);
	raw_expect(test, p->far, RIOD_FRAME_ACK, 0, 1);
}

static void silence(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct end *fe;

	params.lost_ms = 50;
	fe = end_start(test, &p->near, true, &params);
	expect_lost(test, fe, RIOD_REASON_TIMEOUT);
}

/* two idle sessions send each other nothing but keepalives */
static void idle(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct riod_session_stats st;
	struct end *fe, *stub;

	params.keepalive_ms = 20;
	fe = end_start(test, &p->near, true, &params);
	stub = end_start(test, &p->far, false, &params);
	KUNIT_ASSERT_TRUE(test, pair_eventually(({
		riod_session_get_stats(fe->s, &st); st.rx_acks >= 10; })));
	KUNIT_EXPECT_EQ(test, st.tx_frames, st.tx_acks);
	KUNIT_EXPECT_EQ(test, st.rx_frames, st.rx_acks);
	KUNIT_EXPECT_EQ(test, fe->nlost + stub->nlost, 0);
}

/* ------------------------------------------------------------ the peer is wrong */

static struct riod_frame *make_hello(u32 n)
{
	return riod_frame_alloc(RIOD_FRAME_HELLO, 0, sizeof(struct riod_wire_hello),
				GFP_KERNEL);
}

static struct riod_frame *make_ack(u32 n)
{
	return riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL);
}

static struct riod_frame *make_short(u32 n)
{
	return riod_frame_alloc(RIOD_FRAME_REG, 0, sizeof(struct riod_wire_reg) - 1,
				GFP_KERNEL);
}

static struct riod_frame *make_func(u32 n)
{
	struct riod_frame *f = reg_make(n);

	if (f)
		f->hdr.func = quiet.nfuncs;
	return f;
}

struct wrong_case {
	const char *name;
	struct riod_frame *(*make)(u32 n);
	u64 seq;
	u64 ack;
};

/* what the stub gets after frame 1, having sent 2 of which 1 is acknowledged */
static const struct wrong_case wrongs[] = {
	{ "a number is left out", reg_make, 3, 1 },
	{ "a number comes again", reg_make, 1, 1 },
	{ "no number", reg_make, 0, 1 },
	{ "a numbered ACK", make_ack, 2, 1 },
	{ "acknowledges what was not sent", make_ack, 0, 3 },
	{ "acknowledges the end of time", make_ack, 0, U64_MAX },
	{ "acknowledges backwards", make_ack, 0, 0 },
	{ "a handshake frame", make_hello, 0, 1 },
	{ "the other direction", irq_make, 2, 1 },
	{ "a wrong length", make_short, 2, 1 },
	{ "a function that was not described", make_func, 2, 1 },
};

static void peer_is_wrong(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrongs); i++) {
		const struct wrong_case *w = &wrongs[i];
		struct pair *p = pair_connect(test);
		struct end *stub = end_start(test, &p->near, false, &quiet);

		kunit_info(test, "%s", w->name);
		raw_send(test, p->far, reg_make(0), 1, 0);
		KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(stub->count) == 1));
		KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ stub, irq_make, 2 }), 0);
		KUNIT_EXPECT_EQ(test, raw_recv(test, p->far).type, RIOD_FRAME_IRQ);
		KUNIT_EXPECT_EQ(test, raw_recv(test, p->far).type, RIOD_FRAME_IRQ);
		raw_ack(test, p->far, 1);
		raw_send(test, p->far, w->make(1), w->seq, w->ack);
		/* the peer is told, and closes */
		raw_expect(test, p->far, RIOD_FRAME_BYE, 3, 1);
		p->ops->shutdown(p->far);
		expect_lost(test, stub, RIOD_REASON_PROTOCOL);
		KUNIT_EXPECT_EQ(test, stub->count, 1);
	}
}

/* a length that cannot be: the stream cannot be read on, the peer is told all the same */
static void peer_out_of_step(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *stub = end_start(test, &p->near, false, &quiet);
	struct riod_frame *f = reg_make(0);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->hdr.len = cpu_to_le32(U32_MAX);
	raw_send(test, p->far, f, 1, 0);
	raw_expect(test, p->far, RIOD_FRAME_BYE, 1, 0);
	expect_lost(test, stub, RIOD_REASON_PROTOCOL);
}

/* ------------------------------------------------------------ the end */

static void peer_says_bye(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_start(test, &p->near, true, &quiet);
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_BYE, 0, sizeof(struct riod_wire_bye), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	((struct riod_wire_bye *)f->body)->reason = cpu_to_le32(RIOD_REASON_UNBIND);
	raw_send(test, p->far, f, 1, 0);
	pair_expect_done(test, &fe->lost);
	/* and closes at once, for the peer waits for it */
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(p->ops->recv(p->far, RIOD_FRAME_MAX)),
			-ECONNRESET);
	KUNIT_EXPECT_EQ(test, riod_session_send(fe->s, reg_make(0)), -ENOTCONN);
	expect_lost(test, fe, RIOD_REASON_UNBIND);
}

static void peer_closes(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_start(test, &p->near, true, &quiet);

	p->ops->close(p->far);
	p->far = NULL;
	expect_lost(test, fe, RIOD_REASON_CLOSED);
}

/* the peer neither reads nor answers: the end does not wait for it for long */
static void peer_is_deaf(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct runner *r;
	struct end *fe;

	params.tx_window = SZ_1M;
	fe = end_start(test, &p->near, true, &params);
	r = burst_start(test, fe, reg_make, 1000000, 100);
	KUNIT_ASSERT_TRUE(test, pair_eventually(window_waits(fe) > 0));
	riod_session_end(fe->s, RIOD_REASON_DETACH);
	/* lost() and the sender do not wait for the BYE */
	pair_expect_done(test, &fe->lost);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -ENOTCONN);
	expect_lost(test, fe, RIOD_REASON_DETACH);
}

static void kill_ends_send(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct runner *r;
	struct end *fe;

	params.tx_window = 4 * REG_SIZE;
	fe = end_start(test, &p->near, true, &params);
	r = burst_start(test, fe, reg_make, 1000, 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(window_waits(fe) > 0));
	runner_kill(r);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -EINTR);
	/* the session is none the worse */
	KUNIT_EXPECT_EQ(test, fe->nlost, 0);
	KUNIT_EXPECT_EQ(test, riod_session_last_seq(fe->s), 4);
}

struct answer_case {
	int answer;
	enum riod_reason end_with;
	enum riod_reason reason;
};

static const struct answer_case answers[] = {
	{ -EPROTO, 0, RIOD_REASON_PROTOCOL },
	{ -ENOMEM, 0, RIOD_REASON_NO_MEMORY },
	{ 0, RIOD_REASON_DEVICE, RIOD_REASON_DEVICE },
	{ 1, RIOD_REASON_DEVICE, RIOD_REASON_DEVICE },
	{ -EPROTO, RIOD_REASON_DEVICE, RIOD_REASON_DEVICE },
};

/* the owner ends it from its callback, in each way; nothing is handed over after */
static void frame_ends(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		struct pair *p = pair_connect(test);
		struct end *fe = end_start(test, &p->near, true, &quiet);
		struct end *stub = end_create(test, &p->far, false, &quiet);
		LIST_HEAD(frames);

		stub->answer = answers[i].answer;
		stub->end_with = answers[i].end_with;
		list_add_tail(&reg_make(0)->list, &frames);
		list_add_tail(&reg_make(1)->list, &frames);
		KUNIT_EXPECT_EQ(test, riod_session_send_list(fe->s, &frames), 0);
		KUNIT_ASSERT_EQ(test, riod_session_start(stub->s), 0);
		pair_expect_done(test, &stub->lost);
		expect_lost(test, fe, answers[i].reason);
		expect_lost(test, stub, answers[i].reason);
		KUNIT_EXPECT_EQ(test, stub->count, 1);
	}
}

/* the owner keeps frames: nobody else frees them (KASAN says so) */
static void frame_keeps(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_start(test, &p->near, true, &quiet);
	struct end *stub = end_create(test, &p->far, false, &quiet);

	stub->answer = 1;
	stub->target = 10;
	KUNIT_ASSERT_EQ(test, riod_session_start(stub->s), 0);
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ fe, reg_make, 10 }), 0);
	pair_expect_done(test, &stub->reached);
}

/* created and never started, ended or not: lost() is called once all the same */
static void never_started(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_create(test, &p->near, true, &quiet);
	struct end *stub = end_create(test, &p->far, false, &quiet);

	riod_session_end(fe->s, RIOD_REASON_DETACH);
	riod_session_end(fe->s, RIOD_REASON_UNBIND);
	KUNIT_EXPECT_EQ(test, riod_session_send(fe->s, reg_make(0)), -ENOTCONN);
	expect_lost(test, fe, RIOD_REASON_DETACH);
	end_stop(stub);
	KUNIT_EXPECT_EQ(test, stub->nlost, 1);
	KUNIT_EXPECT_EQ(test, stub->reason, RIOD_REASON_CLOSED);
}

static int end_it(void *priv)
{
	struct end *e = priv;

	riod_session_end(e->s, RIOD_REASON_DETACH);
	return 0;
}

/* everybody ends it at once: one reason wins, each side hears one */
static void all_end(struct kunit *test)
{
	unsigned int i, n;

	for (i = 0; i < 50; i++) {
		struct pair *p = pair_connect(test);
		struct end *fe = end_start(test, &p->near, true, &quiet);
		struct end *stub = end_start(test, &p->far, false, &quiet);
		struct runner *r[] = {
			runner_start(test, end_it, fe),
			runner_start(test, end_it, fe),
			runner_start(test, end_it, stub),
		};

		for (n = 0; n < ARRAY_SIZE(r); n++)
			KUNIT_EXPECT_EQ(test, runner_join(test, r[n]), 0);
		expect_lost(test, fe, RIOD_REASON_DETACH);
		expect_lost(test, stub, RIOD_REASON_DETACH);
	}
}

/* halted: readable, refuses to send, and may be halted again */
static void halted(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_start(test, &p->near, true, &quiet);
	struct sockaddr_storage peer;

	KUNIT_EXPECT_EQ(test, riod_session_send(fe->s, reg_make(0)), 0);
	KUNIT_EXPECT_EQ(test, raw_recv(test, p->far).type, RIOD_FRAME_REG);
	p->ops->shutdown(p->far);
	riod_session_halt(fe->s);
	riod_session_halt(fe->s);
	KUNIT_EXPECT_EQ(test, fe->nlost, 1);
	KUNIT_EXPECT_EQ(test, riod_session_send(fe->s, reg_make(1)), -ENOTCONN);
	riod_session_ack_soon(fe->s);
	riod_session_peer(fe->s, &peer);
	KUNIT_EXPECT_EQ(test, peer.ss_family, AF_INET);
	KUNIT_EXPECT_EQ(test, riod_session_params(fe->s)->lost_ms, LOST_NEVER);
	/* what was retained is retained until the session is freed */
	KUNIT_EXPECT_GE(test, retained(fe), REG_SIZE);
}

static void no_limits(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct riod_session *s;

	params.lost_ms = 0;
	s = riod_session_create(p->near, &params, true, &end_ops, NULL);
	p->near = NULL;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(s), -EINVAL);
}

#define SESSION_CASE(name) KUNIT_CASE_PARAM(name, pair_transport_gen_params)

static struct kunit_case session_cases[] = {
	SESSION_CASE(load_both_ways),
	SESSION_CASE(window_full),
	SESSION_CASE(larger_than_window),
	SESSION_CASE(larger_than_frame),
	SESSION_CASE(retains),
	SESSION_CASE(acks_ride_along),
	SESSION_CASE(ack_soon),
	SESSION_CASE(ack_by_bytes),
	SESSION_CASE(keepalive),
	SESSION_CASE(ack_now),
	SESSION_CASE(silence),
	SESSION_CASE(idle),
	SESSION_CASE(peer_is_wrong),
	SESSION_CASE(peer_out_of_step),
	SESSION_CASE(peer_says_bye),
	SESSION_CASE(peer_closes),
	SESSION_CASE(peer_is_deaf),
	SESSION_CASE(kill_ends_send),
	SESSION_CASE(frame_ends),
	SESSION_CASE(frame_keeps),
	SESSION_CASE(never_started),
	SESSION_CASE(all_end),
	SESSION_CASE(halted),
	SESSION_CASE(no_limits),
	{}
};

static struct kunit_suite session_suite = {
	.name = "riod_session",
	.suite_init = pair_suite_init,
	.test_cases = session_cases,
};

kunit_test_suite(session_suite);

MODULE_DESCRIPTION("KUnit tests of riod's sessions");
MODULE_LICENSE("GPL");

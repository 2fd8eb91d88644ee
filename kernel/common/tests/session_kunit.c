// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running sessions: two of them against each other, and one against a raw
 * connection that the test serves by itself
 */
#include "compat_export.h"
#include "session_pair.h"

/* ------------------------------------------------------------ the stream */

/* both directions with full windows: frames stay in order, and no deadlock */
static void load_both_ways(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct end *fe, *stub;
	struct runner *r[2];

	params.tx_window = 1024;
	fe = end_create(test, &p->near, true, &params);
	stub = end_create(test, &p->far, false, &params);
	fe->target = RIOD_LOAD(3000);
	stub->target = RIOD_LOAD(3000);
	KUNIT_ASSERT_EQ(test, riod_session_start(fe->s), 0);
	KUNIT_ASSERT_EQ(test, riod_session_start(stub->s), 0);
	r[0] = burst_start(test, fe, reg_make, RIOD_LOAD(3000), 0);
	r[1] = burst_start(test, stub, irq_of, RIOD_LOAD(3000), 70);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[0]), 0);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[1]), 0);
	pair_expect_done(test, &fe->reached);
	pair_expect_done(test, &stub->reached);
	KUNIT_EXPECT_GT(test, window_waits(fe), 0);
	KUNIT_EXPECT_GT(test, window_waits(stub), 0);
	/* one side ends it; both owners get the reason */
	riod_session_end(fe->s, RIOD_REASON_DETACH);
	expect_lost(test, fe, RIOD_REASON_DETACH);
	expect_lost(test, stub, RIOD_REASON_DETACH);
	KUNIT_EXPECT_EQ(test, fe->count, RIOD_LOAD(3000));
	KUNIT_EXPECT_EQ(test, stub->count, RIOD_LOAD(3000));
}

/* while the receiver's owner blocks, the sender stops at the window */
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

/* each call returns the sequence number of its last frame */
static void numbers(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_start(test, &p->near, true, &quiet);
	LIST_HEAD(frames);
	u64 last = 99;
	u32 n;

	KUNIT_EXPECT_EQ(test, riod_session_send_list(fe->s, &frames, &last), 0);
	KUNIT_EXPECT_EQ(test, last, 99);
	for (n = 0; n < 9; n++) {
		struct riod_frame *f = reg_make(n);

		KUNIT_ASSERT_NOT_NULL(test, f);
		list_add_tail(&f->list, &frames);
		if (n % 3 != 2)
			continue;
		KUNIT_EXPECT_EQ(test, riod_session_send_list(fe->s, &frames, &last), 0);
		KUNIT_EXPECT_EQ(test, last, n + 1);
	}
}

/* a frame larger than the window is sent when nothing else is in flight */
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
	KUNIT_EXPECT_EQ(test, send_one(fe->s, reg_make(0)), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, riod_session_last_seq(fe->s), 0);
}

/* numbers increase; frames are retained until acknowledged; one ack frees many */
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
	/* a repeated ack does not notify the owner */
	raw_ack(test, p->far, 3);
	raw_ack(test, p->far, 4);
	KUNIT_ASSERT_TRUE(test, pair_eventually(riod_session_acked(fe->s) == 4));
	KUNIT_ASSERT_TRUE(test, pair_eventually(retained(fe) == 0));
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&fe->notified) == 2));
}

/* frames of the other direction carry the acknowledgment */
static void acks_ride_along(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_start(test, &p->near, true, &quiet);

	raw_send(test, p->far, irq_of(0), 1, 0);
	raw_send(test, p->far, irq_of(1), 2, 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(fe->count) == 2));
	/* a frame is acknowledged only after the callback has returned, so poll */
	KUNIT_ASSERT_TRUE(test, pair_eventually(({
		send_one(fe->s, reg_make(0));
		raw_recv(test, p->far).ack == cpu_to_le64(2); })));
}

/* an ack requested in ops->frame() is sent afterwards, and includes that frame */
static void ack_soon(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_create(test, &p->near, true, &quiet);

	fe->ack_soon = true;
	KUNIT_ASSERT_EQ(test, riod_session_start(fe->s), 0);
	raw_send(test, p->far, irq_of(0), 1, 0);
	raw_expect(test, p->far, RIOD_FRAME_ACK, 0, 1);
	raw_send(test, p->far, irq_of(1), 2, 0);
	raw_expect(test, p->far, RIOD_FRAME_ACK, 0, 2);
}

/* without a request an ack is sent after a quarter of the window */
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

/* ------------------------------------------------------------ timers */

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
	/* with unacknowledged frames a keepalive requests an answer */
	KUNIT_EXPECT_EQ(test, send_one(fe->s, reg_make(0)), 0);
	do {
		hdr = raw_recv(test, p->far);
	} while (hdr.type == RIOD_FRAME_ACK && !hdr.flags);
	KUNIT_EXPECT_EQ(test, hdr.type, RIOD_FRAME_REG);
	hdr = raw_recv(test, p->far);
	KUNIT_EXPECT_EQ(test, hdr.type, RIOD_FRAME_ACK);
	KUNIT_EXPECT_EQ(test, hdr.flags, RIOD_FRAME_F_ACK_NOW);
}

/* ACK_NOW is always answered */
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

/* two idle sessions exchange only keepalives */
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

/* ------------------------------------------------------------ the owner */

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
	/* the session continues */
	KUNIT_EXPECT_EQ(test, fe->nlost, 0);
	KUNIT_EXPECT_EQ(test, riod_session_last_seq(fe->s), 4);
}

/* the owner keeps frames, and the session does not free them (KASAN would report it) */
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

/* invalid parameters are refused, and the connection is closed */
static void expect_wrong(struct kunit *test, const struct riod_session_params *params)
{
	struct pair *p = pair_connect(test);
	struct riod_session *s;

	s = riod_session_create(p->near, params, true, &end_ops, NULL);
	p->near = NULL;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(s), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(p->ops->recv(p->far, RIOD_FRAME_MAX)),
			-ECONNRESET);
}

static void wrong_params(struct kunit *test)
{
	struct riod_session_params params = quiet;

	params.lost_ms = 0;
	expect_wrong(test, &params);
	params = quiet;
	params.keepalive_ms = 0;
	expect_wrong(test, &params);
	params = quiet;
	params.nfuncs = 0;
	expect_wrong(test, &params);
	params.nfuncs = RIOD_FUNCS_MAX + 1;
	expect_wrong(test, &params);
}

static struct kunit_case session_cases[] = {
	SESSION_CASE(load_both_ways),
	SESSION_CASE(window_full),
	SESSION_CASE(numbers),
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
	SESSION_CASE(kill_ends_send),
	SESSION_CASE(frame_keeps),
	SESSION_CASE(wrong_params),
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
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * How sessions end: by errors of the peer, by either side's request, and in which
 * order their owners are called
 */
#include <linux/sizes.h>

#include "compat_export.h"
#include "session_pair.h"
#include "session_priv.h"

/* ------------------------------------------------------------ errors of the peer */

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

/* frames to the stub after frame 1; it has sent 2 frames, of which 1 is acknowledged */
static const struct wrong_case wrongs[] = {
	{ "a number is left out", reg_make, 3, 1 },
	{ "a number comes again", reg_make, 1, 1 },
	{ "no number", reg_make, 0, 1 },
	{ "a numbered ACK", make_ack, 2, 1 },
	{ "acknowledges what was not sent", make_ack, 0, 3 },
	{ "acknowledges the end of time", make_ack, 0, U64_MAX },
	{ "acknowledges backwards", make_ack, 0, 0 },
	{ "a handshake frame", make_hello, 0, 1 },
	{ "the other direction", irq_of, 2, 1 },
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
		KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ stub, irq_of, 2 }), 0);
		KUNIT_EXPECT_EQ(test, raw_recv(test, p->far).type, RIOD_FRAME_IRQ);
		KUNIT_EXPECT_EQ(test, raw_recv(test, p->far).type, RIOD_FRAME_IRQ);
		raw_ack(test, p->far, 1);
		raw_send(test, p->far, w->make(1), w->seq, w->ack);
		/* the peer receives BYE and closes */
		raw_expect(test, p->far, RIOD_FRAME_BYE, 3, 1);
		p->ops->shutdown(p->far);
		expect_lost(test, stub, RIOD_REASON_PROTOCOL);
		KUNIT_EXPECT_EQ(test, stub->count, 1);
	}
}

/* an invalid length: the stream cannot be read further, but the peer receives BYE */
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

/* ------------------------------------------------------------ end of a session */

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
	/* the session closes at once, because the peer waits for that */
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(p->ops->recv(p->far, RIOD_FRAME_MAX)),
			-ECONNRESET);
	KUNIT_EXPECT_EQ(test, send_one(fe->s, reg_make(0)), -ENOTCONN);
	expect_lost(test, fe, RIOD_REASON_UNBIND);
}

static void peer_closes(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_start(test, &p->near, true, &quiet);

	riod_conn_close(p->far);
	p->far = NULL;
	expect_lost(test, fe, RIOD_REASON_CLOSED);
}

/* the peer sends keepalives but acknowledges nothing: the session times out */
static void peer_processes_nothing(struct kunit *test)
{
	struct riod_session_params params = quiet;
	struct pair *p = pair_connect(test);
	struct end *fe;

	params.keepalive_ms = 10;
	params.stall_ms = 100;
	fe = end_start(test, &p->near, true, &params);
	/* no timeout while nothing is unacknowledged */
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&fe->lost, msecs_to_jiffies(200)), 0);
	KUNIT_EXPECT_EQ(test, send_one(fe->s, reg_make(0)), 0);
	while (!try_wait_for_completion(&fe->lost)) {
		struct riod_frame *f = p->ops->recv(p->far, RIOD_FRAME_MAX);

		if (IS_ERR(f))
			break;
		riod_frame_free(f);
		raw_ack(test, p->far, 0);
	}
	expect_lost(test, fe, RIOD_REASON_TIMEOUT);
}

/* the peer neither reads nor answers: the end of the session does not wait for it */
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

struct answer_case {
	int answer;
	enum riod_reason end_with;
	enum riod_reason reason;
};

static const struct answer_case answers[] = {
	{ -EPROTO, 0, RIOD_REASON_PROTOCOL },
	{ -ENOMEM, 0, RIOD_REASON_NO_MEMORY },
	{ -EHWPOISON, 0, RIOD_REASON_POISON },
	{ 0, RIOD_REASON_DEVICE, RIOD_REASON_DEVICE },
	{ 1, RIOD_REASON_DEVICE, RIOD_REASON_DEVICE },
	{ -EPROTO, RIOD_REASON_DEVICE, RIOD_REASON_DEVICE },
};

/* the owner ends the session from ops->frame(), in each way; no frame follows */
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
		KUNIT_EXPECT_EQ(test, riod_session_send_list(fe->s, &frames, NULL), 0);
		KUNIT_ASSERT_EQ(test, riod_session_start(stub->s), 0);
		pair_expect_done(test, &stub->lost);
		expect_lost(test, fe, answers[i].reason);
		expect_lost(test, stub, answers[i].reason);
		KUNIT_EXPECT_EQ(test, stub->count, 1);
	}
}

/* never started, ended or only stopped: the owner is still called once */
static void never_started(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_create(test, &p->near, true, &quiet);
	struct end *stub = end_create(test, &p->far, false, &quiet);

	riod_session_end(fe->s, RIOD_REASON_DETACH);
	riod_session_end(fe->s, RIOD_REASON_UNBIND);
	KUNIT_EXPECT_EQ(test, send_one(fe->s, reg_make(0)), -ENOTCONN);
	expect_lost(test, fe, RIOD_REASON_DETACH);
	end_stop(stub);
	KUNIT_EXPECT_EQ(test, atomic_read(&stub->nover), 1);
	KUNIT_EXPECT_EQ(test, stub->nlost, 1);
	KUNIT_EXPECT_EQ(test, stub->reason, RIOD_REASON_CLOSED);
}

static int end_it(void *priv)
{
	struct end *e = priv;

	riod_session_end(e->s, RIOD_REASON_SHUTDOWN);
	return 0;
}

/* concurrent riod_session_end() at both sides: each owner is called once */
static void all_end(struct kunit *test)
{
	unsigned int i, n;

	for (i = 0; i < RIOD_LOAD(50); i++) {
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
		expect_lost(test, fe, RIOD_REASON_SHUTDOWN);
		expect_lost(test, stub, RIOD_REASON_SHUTDOWN);
	}
}

/* a halted session can be read and halted again, but refuses to send */
static void halted(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *fe = end_start(test, &p->near, true, &quiet);

	KUNIT_EXPECT_EQ(test, send_one(fe->s, reg_make(0)), 0);
	KUNIT_EXPECT_EQ(test, raw_recv(test, p->far).type, RIOD_FRAME_REG);
	p->ops->shutdown(p->far);
	riod_session_halt(fe->s);
	riod_session_halt(fe->s);
	KUNIT_EXPECT_EQ(test, fe->nlost, 1);
	KUNIT_EXPECT_EQ(test, send_one(fe->s, reg_make(1)), -ENOTCONN);
	riod_session_ack_soon(fe->s);
	KUNIT_EXPECT_EQ(test, riod_session_params(fe->s)->lost_ms, LOST_NEVER);
	/* unacknowledged frames stay retained until the session is freed */
	KUNIT_EXPECT_GE(test, retained(fe), REG_SIZE);
}

/*
 * Two sessions end together and are halted one after the other: the second wait for a
 * silent peer has the time that the first one took behind it.
 */
static void byes_overlap(struct kunit *test)
{
	const unsigned long all = msecs_to_jiffies(RIOD_SESSION_BYE_MS);
	struct pair *p[] = { pair_connect(test), pair_connect(test) };
	struct end *fe[] = {
		end_start(test, &p[0]->near, true, &quiet),
		end_start(test, &p[1]->near, true, &quiet),
	};
	unsigned long before, after, slack;
	unsigned int i;

	before = jiffies;
	for (i = 0; i < ARRAY_SIZE(fe); i++)
		riod_session_end(fe[i]->s, RIOD_REASON_SHUTDOWN);
	after = jiffies;
	slack = after - before;
	/* a second call does not begin the time again */
	schedule_timeout_idle(2);
	riod_session_end(fe[1]->s, RIOD_REASON_SHUTDOWN);
	for (i = 0; i < ARRAY_SIZE(fe); i++) {
		const struct riod_session *s = fe[i]->s;

		KUNIT_EXPECT_LE(test, s->over_at - before, slack);
		KUNIT_EXPECT_EQ(test, riod_session_bye_left(s, s->over_at), all);
		KUNIT_EXPECT_EQ(test, riod_session_bye_left(s, s->over_at + all / 4),
				all - all / 4);
		/* as after the wait for another session that ended at that time */
		KUNIT_EXPECT_LE(test, riod_session_bye_left(s, before + all), slack);
		KUNIT_EXPECT_EQ(test, riod_session_bye_left(s, after + all), 0);
		KUNIT_EXPECT_EQ(test, riod_session_bye_left(s, after + 100 * all), 0);
	}
	for (i = 0; i < ARRAY_SIZE(fe); i++) {
		raw_expect(test, p[i]->far, RIOD_FRAME_BYE, 1, 0);
		p[i]->ops->shutdown(p[i]->far);
		expect_lost(test, fe[i], RIOD_REASON_SHUTDOWN);
	}
}

/* ------------------------------------------------------------ order of the callbacks */

/* a stub that stays in ops->frame(), and has a keepalive to send */
static struct end *busy_start(struct kunit *test, struct pair *p)
{
	struct riod_session_params params = quiet;
	struct end *stub;

	params.keepalive_ms = 20;
	stub = end_create(test, &p->far, false, &params);
	stub->gated = true;
	KUNIT_ASSERT_EQ(test, riod_session_start(stub->s), 0);
	raw_send(test, p->near, reg_make(0), 1, 0);
	pair_expect_done(test, &stub->entered);
	KUNIT_EXPECT_EQ(test, atomic_read(&stub->nover), 0);
	return stub;
}

/* ops->over() has run; ops->lost() waits for ops->frame() */
static void busy_expect_over(struct kunit *test, struct end *stub, enum riod_reason reason)
{
	KUNIT_EXPECT_EQ(test, atomic_read(&stub->nover), 1);
	KUNIT_EXPECT_EQ(test, stub->over_reason, reason);
	schedule_timeout_idle(HZ / 20);
	KUNIT_EXPECT_EQ(test, READ_ONCE(stub->nlost), 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(stub->count), 0);
	complete_all(&stub->gate);
	expect_lost(test, stub, reason);
	KUNIT_EXPECT_EQ(test, stub->count, 1);
}

/* riod_session_end() does not wait for the frame: it calls ops->over() */
static void over_while_busy(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *stub = busy_start(test, p);

	riod_session_end(stub->s, RIOD_REASON_DEVICE);
	KUNIT_EXPECT_EQ(test, atomic_read(&stub->nover), 1);
	/* a second call has no effect */
	riod_session_end(stub->s, RIOD_REASON_DETACH);
	busy_expect_over(test, stub, RIOD_REASON_DEVICE);
}

/* the same if the connection breaks, which the transmit thread notices */
static void break_while_busy(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *stub = busy_start(test, p);

	riod_conn_close(p->near);
	p->near = NULL;
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&stub->nover)));
	busy_expect_over(test, stub, RIOD_REASON_CLOSED);
}

static struct kunit_case session_end_cases[] = {
	SESSION_CASE(peer_is_wrong),
	SESSION_CASE(peer_out_of_step),
	SESSION_CASE(peer_says_bye),
	SESSION_CASE(peer_closes),
	SESSION_CASE(peer_processes_nothing),
	SESSION_CASE(peer_is_deaf),
	SESSION_CASE(frame_ends),
	SESSION_CASE(never_started),
	SESSION_CASE(all_end),
	SESSION_CASE(halted),
	SESSION_CASE(byes_overlap),
	SESSION_CASE(over_while_busy),
	SESSION_CASE(break_while_busy),
	{}
};

static struct kunit_suite session_end_suite = {
	.name = "riod_session_end",
	.suite_init = pair_suite_init,
	.test_cases = session_end_cases,
};

kunit_test_suite(session_end_suite);

MODULE_DESCRIPTION("KUnit tests of how riod's sessions end");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

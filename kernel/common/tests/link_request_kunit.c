// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests between two links, and a stub that answers them late, wrongly or never
 */
#include "compat_export.h"
#include "link_pair.h"

/* many requests at once; each gets its own answer */
static void requests(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);
	struct runner *r[8];
	u32 n;

	for (n = 0; n < ARRAY_SIZE(r); n++)
		r[n] = reader_start(test, x.fe, 4096 * n, RIOD_LOAD(200));
	for (n = 0; n < ARRAY_SIZE(r); n++)
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n]), 0);
}

static void statuses(struct kunit *test)
{
	static const int errors[] = { 0, -EACCES, -EINVAL, -EIO };
	struct ends x = ends_start(test);
	u32 n;

	for (n = 0; n < ARRAY_SIZE(errors); n++)
		KUNIT_EXPECT_EQ(test, riod_link_request(x.fe->l, reg_make(RIOD_REG_READ, n << 16),
							NULL), errors[n]);
}

static void answer_held(struct kunit *test, struct end *e, u32 from, u32 to)
{
	u32 n;

	for (n = from; n < to; n++)
		KUNIT_EXPECT_EQ(test, riod_link_post_reply(e->l, reply_make(e->held[n], 0, 0)), 0);
}

/* at most RIOD_REQUESTS_MAX requests are in flight; later ones wait for a tag */
static void all_tags(struct kunit *test)
{
	u32 n, more = RIOD_REQUESTS_MAX + 4;
	struct ends x = ends_start(test);
	struct runner **r;

	r = kunit_kcalloc(test, more, sizeof(struct runner *), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	x.stub->answers = false;
	for (n = 0; n < more; n++)
		r[n] = reader_start(test, x.fe, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(nheld(x.stub) == RIOD_REQUESTS_MAX));
	schedule_timeout_idle(2);
	KUNIT_EXPECT_EQ(test, x.stub->nheld, RIOD_REQUESTS_MAX);
	/* the stub answers new requests at once */
	WRITE_ONCE(x.stub->answers, true);
	answer_held(test, x.stub, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(x.stub->frames) == more));
	answer_held(test, x.stub, 1, RIOD_REQUESTS_MAX);
	for (n = 0; n < more; n++)
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n]), 0);
	KUNIT_EXPECT_EQ(test, x.fe->nlost, 0);
}

/* a killed waiter returns at once; its late answer is ignored, not an error */
static void killed_waiter(struct kunit *test)
{
	struct ends x = ends_start(test);
	struct runner *r;

	x.stub->answers = false;
	r = reader_start(test, x.fe, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(nheld(x.stub) == 1));
	runner_kill(r);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -EINTR);
	/* the next request does not get its tag */
	r = reader_start(test, x.fe, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(nheld(x.stub) == 2));
	KUNIT_EXPECT_NE(test, x.stub->held[0], x.stub->held[1]);
	answer_held(test, x.stub, 0, 2);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), 0);
	KUNIT_EXPECT_EQ(test, x.fe->nlost, 0);
}

/* the link ends: waiters and new requests fail; the request of a killed waiter is dropped */
static void ended_waiters(struct kunit *test)
{
	struct ends x = ends_start(test);
	struct reader reader = { x.fe, 0, 1 };
	struct runner *r[3];
	u32 n;

	x.stub->answers = false;
	for (n = 0; n < ARRAY_SIZE(r); n++)
		r[n] = reader_start(test, x.fe, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(nheld(x.stub) == 3));
	runner_kill(r[0]);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[0]), -EINTR);
	riod_link_end(x.stub->l, RIOD_REASON_UNBIND);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[1]), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[2]), -ENOTCONN);
	expect_lost(test, x.fe, RIOD_REASON_UNBIND);
	expect_lost(test, x.stub, RIOD_REASON_UNBIND);
	KUNIT_EXPECT_EQ(test, reader_run(&reader), -ENOTCONN);
}

/* a frontend that waits @request_ms for replies, against a raw connection as its stub */
static struct end *impatient(struct kunit *test, u32 request_ms, u32 stall_ms,
			     struct pair **pp)
{
	struct riod_session_params p = params;
	struct pair *pair = pair_connect(test);
	struct end *fe;

	p.request_ms = request_ms;
	p.stall_ms = stall_ms;
	fe = end_create_with(test, &pair->near, RIOD_SYNC_FRONTEND, &by_events, &p);
	KUNIT_ASSERT_EQ(test, riod_link_start(fe->l), 0);
	*pp = pair;
	return fe;
}

static struct riod_frame *ack_make(u64 ack)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL);

	if (f)
		f->hdr.ack = cpu_to_le64(ack);
	return f;
}

/* a peer that acknowledges a request and never answers it loses the session */
static void never_answered(struct kunit *test)
{
	struct pair *p;
	struct end *fe = impatient(test, 50, NEVER_MS, &p);
	struct runner *r = reader_start(test, fe, 0, 1);
	struct riod_frame *f = p->ops->recv(p->far, RIOD_FRAME_MAX);

	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(f), 0);
	KUNIT_EXPECT_EQ(test, f->hdr.type, RIOD_FRAME_REG);
	riod_frame_free(f);
	KUNIT_EXPECT_EQ(test, pair_send(p->far, ack_make(1)), 0);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -ENOTCONN);
	expect_lost(test, fe, RIOD_REASON_TIMEOUT);
}

static struct riod_frame *reset_make(void)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_CTL, 0,
						sizeof(struct riod_wire_ctl), GFP_KERNEL);

	if (f)
		((struct riod_wire_ctl *)f->body)->op = cpu_to_le16(RIOD_CTL_RESET);
	return f;
}

static int resetter_run(void *priv)
{
	struct end *e = priv;

	return riod_link_request(e->l, reset_make(), NULL);
}

/* neither a slow reset nor a read that waits behind it times out */
static void slow_reset(struct kunit *test)
{
	struct pair *p;
	struct end *fe = impatient(test, 20, NEVER_MS, &p);
	struct runner *r[2];
	struct riod_frame *f;
	u32 tag[2], n;

	for (n = 0; n < ARRAY_SIZE(r); n++) {
		r[n] = n ? reader_start(test, fe, 0, 1) :
			   runner_start(test, resetter_run, fe);
		f = p->ops->recv(p->far, RIOD_FRAME_MAX);
		KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(f), 0);
		tag[n] = le32_to_cpu(*(__le32 *)f->body);
		riod_frame_free(f);
	}
	/* ten times @request_ms: no timeout */
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&fe->lost, msecs_to_jiffies(200)), 0);
	for (n = 0; n < ARRAY_SIZE(r); n++) {
		f = reply_make(tag[n], 0, 0);
		KUNIT_ASSERT_NOT_NULL(test, f);
		f->hdr.seq = cpu_to_le64(n + 1);
		f->hdr.ack = cpu_to_le64(n + 1);
		KUNIT_EXPECT_EQ(test, pair_send(p->far, f), 0);
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n]), 0);
	}
	KUNIT_EXPECT_EQ(test, fe->nlost, 0);
}

/* with resets that overlap for ever the deadline stays bounded */
static void slow_overlap(struct kunit *test)
{
	struct pair *p;
	struct end *fe = impatient(test, 20, NEVER_MS, &p);
	struct runner *r[5];
	unsigned long most;
	struct riod_frame *f;
	u32 tag[ARRAY_SIZE(r)], n;

	for (n = 0; n < ARRAY_SIZE(r); n++) {
		r[n] = runner_start(test, resetter_run, fe);
		f = p->ops->recv(p->far, RIOD_FRAME_MAX);
		KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(f), 0);
		tag[n] = le32_to_cpu(*(__le32 *)f->body);
		riod_frame_free(f);
		most = jiffies + 2 * msecs_to_jiffies(NEVER_MS);
		KUNIT_EXPECT_TRUE(test, time_before_eq(READ_ONCE(fe->l->slow_until), most));
		if (!n)
			continue;
		/* answer the previous reset, so one is always in flight */
		f = reply_make(tag[n - 1], 0, 0);
		KUNIT_ASSERT_NOT_NULL(test, f);
		f->hdr.seq = cpu_to_le64(n);
		f->hdr.ack = cpu_to_le64(n + 1);
		KUNIT_EXPECT_EQ(test, pair_send(p->far, f), 0);
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n - 1]), 0);
	}
	riod_link_end(fe->l, RIOD_REASON_DETACH);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[n - 1]), -ENOTCONN);
}

/* killed waiters hold all tags: the next request does not wait for ever */
static void tags_never_back(struct kunit *test)
{
	struct pair *p;
	struct end *fe = impatient(test, NEVER_MS, NEVER_MS, &p);
	struct reader reader = { fe, 0, 1 };
	struct riod_session_params *limits;
	struct runner **r;
	u32 n;

	r = kunit_kcalloc(test, RIOD_REQUESTS_MAX, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	for (n = 0; n < RIOD_REQUESTS_MAX; n++)
		r[n] = reader_start(test, fe, 0, 1);
	for (n = 0; n < RIOD_REQUESTS_MAX; n++) {
		struct riod_frame *f = p->ops->recv(p->far, RIOD_FRAME_MAX);

		KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(f), 0);
		riod_frame_free(f);
	}
	for (n = 0; n < RIOD_REQUESTS_MAX; n++) {
		runner_kill(r[n]);
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n]), -EINTR);
	}
	/* set only now: the other requests must not time out */
	limits = (struct riod_session_params *)riod_session_params(riod_link_session(fe->l));
	limits->request_ms = 20;
	limits->stall_ms = 20;
	KUNIT_EXPECT_EQ(test, pair_send(p->far, ack_make(RIOD_REQUESTS_MAX)), 0);
	KUNIT_EXPECT_EQ(test, reader_run(&reader), -ENOTCONN);
	expect_lost(test, fe, RIOD_REASON_TIMEOUT);
}

static void reply_to_nobody(struct kunit *test)
{
	struct ends x = ends_start(test);

	KUNIT_EXPECT_EQ(test, riod_link_post_reply(x.stub->l, reply_make(77, 0, 0)), 0);
	expect_lost(test, x.fe, RIOD_REASON_PROTOCOL);
	expect_lost(test, x.stub, RIOD_REASON_PROTOCOL);
}

static int read_piece(struct end *e, u32 offset, u8 *piece, u64 *value)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_CTL, 0,
						sizeof(struct riod_wire_ctl), GFP_KERNEL);
	struct riod_wire_ctl *c;

	if (!f)
		return -ENOMEM;
	c = (struct riod_wire_ctl *)f->body;
	c->op = cpu_to_le16(RIOD_CTL_ROM_READ);
	c->arg = cpu_to_le32(offset);
	return riod_link_request_piece(e->l, f, value, piece);
}

static void pieces(struct kunit *test)
{
	u8 *piece = kunit_kzalloc(test, RIOD_ROM_PIECE, GFP_KERNEL);
	struct ends x = ends_start(test);
	u64 value = 0;
	u32 n;

	KUNIT_ASSERT_NOT_NULL(test, piece);
	for (n = 0; n < 4; n++) {
		KUNIT_EXPECT_EQ(test, read_piece(x.fe, n * RIOD_ROM_PIECE, piece, &value), 0);
		KUNIT_EXPECT_EQ(test, value, SZ_64K);
		KUNIT_EXPECT_NULL(test, memchr_inv(piece, n, RIOD_ROM_PIECE));
	}
	/* the next request has no piece */
	KUNIT_EXPECT_EQ(test, riod_link_request(x.fe->l, reg_make(RIOD_REG_READ, 8), &value), 0);
	KUNIT_EXPECT_EQ(test, value, 16);
}

/* data for a request without a buffer for it; no data for a request that has one */
static void piece_to_a_read(struct kunit *test)
{
	struct ends x = ends_start(test);
	struct runner *r;

	x.stub->answers = false;
	r = reader_start(test, x.fe, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(nheld(x.stub) == 1));
	KUNIT_EXPECT_EQ(test, riod_link_post_reply(x.stub->l, piece_make(x.stub->held[0], 0)), 0);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -ENOTCONN);
	expect_lost(test, x.fe, RIOD_REASON_PROTOCOL);
}

static void piece_without_data(struct kunit *test)
{
	u8 *piece = kunit_kzalloc(test, RIOD_ROM_PIECE, GFP_KERNEL);
	struct ends x = ends_start(test);
	u64 value;

	KUNIT_ASSERT_NOT_NULL(test, piece);
	x.stub->answers = false;
	KUNIT_EXPECT_EQ(test, read_piece(x.fe, 0, piece, &value), -ENOTCONN);
	expect_lost(test, x.fe, RIOD_REASON_PROTOCOL);
}

static struct kunit_case request_cases[] = {
	LINK_CASE(requests),
	LINK_CASE(statuses),
	LINK_CASE(all_tags),
	LINK_CASE(killed_waiter),
	LINK_CASE(ended_waiters),
	LINK_CASE(never_answered),
	LINK_CASE(slow_reset),
	LINK_CASE(slow_overlap),
	LINK_CASE(tags_never_back),
	LINK_CASE(reply_to_nobody),
	LINK_CASE(pieces),
	LINK_CASE(piece_to_a_read),
	LINK_CASE(piece_without_data),
	{}
};

static struct kunit_suite request_suite = {
	.name = "riod_link_request",
	.suite_init = pair_suite_init,
	.test_cases = request_cases,
};

kunit_test_suite(request_suite);

MODULE_DESCRIPTION("KUnit tests of the requests of riod's link");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

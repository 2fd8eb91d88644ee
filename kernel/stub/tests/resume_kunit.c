// SPDX-License-Identifier: GPL-2.0-only
/*
 * resume_kunit.c - which session a RESUME continues
 */
#include <kunit/test.h>
#include <linux/in.h>
#include <linux/inet.h>

#include "../stub.h"

static struct riod_session_params fake_params;
/* reason of the REFUSE that was sent; NONE: the session was found */
static enum riod_reason refused;

static struct riod_session *fake_link_session(struct riod_link *l)
{
	return NULL;
}

static const struct riod_session_params *fake_session_params(struct riod_session *s)
{
	return &fake_params;
}

static int fake_resume_begin(struct riod_session *s, u64 peer_rx_seq, u64 *rx_seq)
{
	return 0;
}

static int fake_resume_end(struct riod_session *s, struct riod_conn *conn, u64 peer_rx_seq)
{
	return 0;
}

static int fake_resumed(struct riod_conn *conn, const struct riod_session_params *params,
			u64 rx_seq)
{
	return 0;
}

static void fake_refuse(struct riod_conn *conn, enum riod_reason reason, const char *text)
{
	refused = reason;
}

static void fake_handshake_done(struct riod_stub_att *att)
{
}

static void fake_export_put(struct riod_stub_export *exp)
{
	/* the test's own reference is left */
	WARN_ON(refcount_dec_and_test(&exp->ref.refcount));
}

#define riod_link_session		fake_link_session
/* not the struct */
#define riod_session_params(s)		fake_session_params(s)
#define riod_session_resume_begin	fake_resume_begin
#define riod_session_resume_end		fake_resume_end
#define riod_negotiate_resumed		fake_resumed
#define riod_negotiate_refuse		fake_refuse
#define riod_stub_handshake_done	fake_handshake_done
#define riod_stub_export_put		fake_export_put

#include "../resume.c"

/* ------------------------------------------------------------ a session */

#define PORT	7463

static const struct riod_transport_ops tcp = { .name = "tcp" };
static const struct riod_transport_ops rdma = { .name = "rdma" };

/**
 * struct broken - a session that waits for its peer, and a connection that comes
 * @exp: export, open to 192.0.2.0/24
 * @att: its attachment, over "tcp" from 192.0.2.1
 * @comer: connection with a RESUME; at first of the same peer
 * @conn: of @comer
 */
struct broken {
	struct riod_stub_export exp;
	struct riod_stub_att att;
	struct riod_stub_att comer;
	struct riod_conn conn;
};

static void comes_from(struct riod_stub_att *att, const char *addr)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&att->peer;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = in_aton(addr);
}

static int broken_init(struct kunit *test)
{
	struct broken *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	memset(fake_params.id, 0x5a, sizeof(fake_params.id));
	kref_init(&b->exp.ref);
	init_waitqueue_head(&b->exp.wait);
	b->exp.net = &init_net;
	b->exp.port = PORT;
	b->exp.transports[0] = &tcp;
	b->exp.transports[1] = &rdma;
	b->exp.ntransports = 2;
	b->exp.nallow = 1;
	b->exp.allow[0].family = AF_INET;
	b->exp.allow[0].prefix_len = 24;
	b->exp.allow[0].v4.s_addr = in_aton("192.0.2.0");
	b->exp.att = &b->att;
	b->att.exp = &b->exp;
	b->att.transport = &tcp;
	comes_from(&b->att, "192.0.2.1");

	b->comer.conn = &b->conn;
	b->comer.net = &init_net;
	b->comer.transport = &tcp;
	b->comer.port = PORT;
	comes_from(&b->comer, "192.0.2.1");
	memcpy(b->comer.hello.session, fake_params.id, sizeof(fake_params.id));
	list_add(&b->exp.list, &riod_stub_exports);
	test->priv = b;
	return 0;
}

static void broken_exit(struct kunit *test)
{
	struct broken *b = test->priv;

	if (!b)
		return;
	KUNIT_EXPECT_EQ(test, b->att.nresuming, 0);
	list_del(&b->exp.list);
}

static enum riod_reason resume(struct kunit *test)
{
	struct broken *b = test->priv;

	refused = RIOD_REASON_NONE;
	riod_stub_resume(&b->comer);
	/* the session has the connection, or nobody */
	KUNIT_EXPECT_EQ(test, !b->comer.conn, !refused);
	return refused;
}

/* ------------------------------------------------------------ tests */

static void by_its_peer(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, resume(test), RIOD_REASON_NONE);
}

static void by_another_id(struct kunit *test)
{
	struct broken *b = test->priv;

	b->comer.hello.session[sizeof(b->comer.hello.session) - 1] ^= 1;
	KUNIT_EXPECT_EQ(test, resume(test), RIOD_REASON_NO_SESSION);
}

/* another host, even if it may attach */
static void by_another_host(struct kunit *test)
{
	struct broken *b = test->priv;

	comes_from(&b->comer, "192.0.2.2");
	KUNIT_EXPECT_EQ(test, resume(test), RIOD_REASON_NO_SESSION);
}

/* the allow list is for those who attach: "riodctl allow --force" ends a session */
static void not_allowed_any_more(struct kunit *test)
{
	struct broken *b = test->priv;

	b->exp.allow[0].v4.s_addr = in_aton("203.0.113.0");
	KUNIT_EXPECT_EQ(test, resume(test), RIOD_REASON_NONE);
}

static void of_an_export_that_goes(struct kunit *test)
{
	struct broken *b = test->priv;

	b->exp.going = RIOD_REASON_UNBIND;
	KUNIT_EXPECT_EQ(test, resume(test), RIOD_REASON_NO_SESSION);
}

/* although the export may be attached by it, too */
static void by_another_transport(struct kunit *test)
{
	struct broken *b = test->priv;

	b->comer.transport = &rdma;
	KUNIT_EXPECT_EQ(test, resume(test), RIOD_REASON_NO_SESSION);
}

static void without_a_session(struct kunit *test)
{
	struct broken *b = test->priv;

	b->exp.att = NULL;
	KUNIT_EXPECT_EQ(test, resume(test), RIOD_REASON_NO_SESSION);
}

static struct kunit_case resume_cases[] = {
	KUNIT_CASE(by_its_peer),
	KUNIT_CASE(by_another_id),
	KUNIT_CASE(by_another_host),
	KUNIT_CASE(not_allowed_any_more),
	KUNIT_CASE(of_an_export_that_goes),
	KUNIT_CASE(by_another_transport),
	KUNIT_CASE(without_a_session),
	{}
};

static struct kunit_suite resume_suite = {
	.name = "riod_stub_resume",
	.init = broken_init,
	.exit = broken_exit,
	.test_cases = resume_cases,
};

kunit_test_suite(resume_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * negotiate_kunit.c - handshake: both sides over the loop transport, and both
 * sides against random bytes
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/in.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "compat_export.h"
#include "load.h"
#include "loop.h"
#include "paper.h"

/* ---------------------------------------------------------- both sides, over the loop transport */

#define LOOP_PORT	47

/**
 * struct server - server side of handshakes on the loop transport
 * @listener: its listener
 * @reason: reason to refuse with; NONE: accept
 * @text: text of the refusal
 * @count: number of exports to list
 * @total: total number of exports
 * @err: result of the answer
 * @hello: the client's HELLO
 * @params: negotiated parameters
 * @done: the connection was answered and closed
 */
struct server {
	struct riod_listener *listener;
	enum riod_reason reason;
	const char *text;
	u32 count;
	u32 total;
	int err;
	struct riod_wire_hello hello;
	struct riod_session_params params;
	struct completion done;
};

static int server_list(struct server *s, struct riod_conn *conn)
{
	struct riod_wire_export *exports;
	u32 i;
	int err;

	exports = kvcalloc(max(s->count, 1u), sizeof(*exports), GFP_KERNEL);
	if (!exports)
		return -ENOMEM;
	for (i = 0; i < s->count; i++)
		fill_export(&exports[i], i);
	err = riod_negotiate_exports(conn, exports, s->count, s->total);
	kvfree(exports);
	return err;
}

static int server_answer(struct server *s, struct riod_conn *conn)
{
	int err = riod_negotiate_hello(conn, &s->hello);

	if (err)
		return err;
	if (s->reason)
		return riod_negotiate_refuse(conn, s->reason, s->text);
	if (s->hello.intent == RIOD_INTENT_LIST)
		return server_list(s, conn);
	return riod_negotiate_welcome(conn, &s->hello, 3, 1000, 5000, &s->params);
}

static void server_accept(struct riod_conn *conn, void *priv)
{
	struct server *s = priv;

	s->err = server_answer(s, conn);
	riod_conn_close(conn);
	complete(&s->done);
}

static struct sockaddr_storage loop_addr(void)
{
	struct sockaddr_storage addr = {};
	struct sockaddr_in *in = (void *)&addr;

	in->sin_family = AF_INET;
	in->sin_port = htons(LOOP_PORT);
	return addr;
}

static void server_stop(void *data)
{
	struct server *s = data;

	riod_loop_ops.unlisten(s->listener);
}

static struct server *server_start(struct kunit *test)
{
	struct server *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct riod_listen_params params = {
		.addr = loop_addr(), .accept = server_accept, .priv = s,
	};

	KUNIT_ASSERT_NOT_NULL(test, s);
	init_completion(&s->done);
	s->listener = riod_loop_ops.listen(&params);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, s->listener);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, server_stop, s), 0);
	return s;
}

static struct riod_conn *dial(struct kunit *test)
{
	struct riod_connect_params params = { .addr = loop_addr(), .timeout_ms = TIMEOUT_MS };
	struct riod_conn *conn = riod_loop_ops.connect(&params);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, conn);
	return conn;
}

static void expect_agreed(struct kunit *test, const struct riod_session_params *a,
			  const struct riod_session_params *b)
{
	KUNIT_EXPECT_EQ(test, a->version, b->version);
	KUNIT_EXPECT_EQ(test, a->nfuncs, b->nfuncs);
	KUNIT_EXPECT_EQ(test, a->tx_window, b->tx_window);
	KUNIT_EXPECT_EQ(test, a->tx_max_frame, b->rx_max_frame);
	KUNIT_EXPECT_EQ(test, a->rx_max_frame, b->tx_max_frame);
	KUNIT_EXPECT_EQ(test, a->features, b->features);
	KUNIT_EXPECT_EQ(test, a->keepalive_ms, b->keepalive_ms);
	KUNIT_EXPECT_EQ(test, a->lost_ms, b->lost_ms);
	KUNIT_EXPECT_MEMEQ(test, a->id, b->id, sizeof(a->id));
}

static void loop_attach(struct kunit *test)
{
	struct server *s = server_start(test);
	struct riod_session_params params = {};
	struct riod_refusal refusal;
	struct riod_conn *conn = dial(test);

	KUNIT_EXPECT_EQ(test, riod_negotiate_attach(conn, "disk", NULL, &params, &refusal), 0);
	wait_for_completion(&s->done);
	riod_conn_close(conn);
	KUNIT_EXPECT_EQ(test, s->err, 0);
	KUNIT_EXPECT_STREQ(test, s->hello.export, "disk");
	KUNIT_EXPECT_EQ(test, s->hello.intent, RIOD_INTENT_ATTACH);
	KUNIT_EXPECT_EQ(test, params.version, RIOD_VERSION_1);
	KUNIT_EXPECT_EQ(test, params.nfuncs, 3);
	KUNIT_EXPECT_EQ(test, params.tx_window, RIOD_WINDOW_DEFAULT);
	KUNIT_EXPECT_EQ(test, params.tx_max_frame, RIOD_FRAME_MAX);
	KUNIT_EXPECT_EQ(test, params.keepalive_ms, 1000);
	KUNIT_EXPECT_EQ(test, params.lost_ms, 5000);
	expect_agreed(test, &params, &s->params);
	KUNIT_EXPECT_NOT_NULL(test, memchr_inv(params.id, 0, sizeof(params.id)));
}

static void loop_ids_differ(struct kunit *test)
{
	struct server *s = server_start(test);
	struct riod_session_params params[2] = {};
	struct riod_refusal refusal;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct riod_conn *conn = dial(test);

		KUNIT_EXPECT_EQ(test, riod_negotiate_attach(conn, "", NULL, &params[i],
							    &refusal), 0);
		wait_for_completion(&s->done);
		riod_conn_close(conn);
	}
	KUNIT_EXPECT_MEMNEQ(test, params[0].id, params[1].id, sizeof(params[0].id));
}

static void loop_refused(struct kunit *test)
{
	struct server *s = server_start(test);
	struct riod_session_params params;
	struct riod_refusal refusal;
	enum riod_reason reason;
	char text[2 * RIOD_TEXT_LEN] = {};

	memset(text, 't', sizeof(text) - 1);
	for (reason = RIOD_REASON_VERSION; reason <= RIOD_REASON_LAST; reason++) {
		struct riod_conn *conn = dial(test);

		s->reason = reason;
		s->text = reason & 1 ? text : NULL;
		KUNIT_EXPECT_EQ(test, riod_negotiate_attach(conn, "", NULL, &params, &refusal),
				reason == RIOD_REASON_VERSION ? -EPROTONOSUPPORT : -ECONNREFUSED);
		wait_for_completion(&s->done);
		riod_conn_close(conn);
		KUNIT_EXPECT_EQ(test, s->err, 0);
		KUNIT_EXPECT_EQ(test, refusal.reason, reason);
		KUNIT_EXPECT_EQ(test, refusal.peer_version, RIOD_VERSION_1);
		if (s->text)
			KUNIT_EXPECT_EQ(test, strlen(refusal.text), RIOD_TEXT_LEN - 1);
		else
			KUNIT_EXPECT_STREQ(test, refusal.text, riod_reason_str(reason));
	}
}

static void loop_list(struct kunit *test)
{
	static const u32 counts[][3] = {
		/* count, total, number received */
		{ 0, 0, 0 }, { 1, 1, 1 }, { 3, 5, 3 }, { 5, 3, 5 },
		{ RIOD_EXPORTS_MAX, RIOD_EXPORTS_MAX, RIOD_EXPORTS_MAX },
		{ 300, 300, RIOD_EXPORTS_MAX },
	};
	struct server *s = server_start(test);
	struct riod_wire_export *exports, last;
	struct riod_refusal refusal;
	unsigned int i;
	u32 total;
	int n;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct riod_conn *conn = dial(test);

		s->count = counts[i][0];
		s->total = counts[i][1];
		n = riod_negotiate_list(conn, &exports, &total, &refusal);
		wait_for_completion(&s->done);
		riod_conn_close(conn);
		KUNIT_ASSERT_EQ(test, n, counts[i][2]);
		KUNIT_EXPECT_EQ(test, total, max(counts[i][2], s->total));
		if (n) {
			fill_export(&last, n - 1);
			KUNIT_EXPECT_MEMEQ(test, &exports[n - 1], &last, sizeof(last));
		}
		kvfree(exports);
	}
}

/* a peer that connects and closes: the server gets an error at once */
static void loop_silent_peer(struct kunit *test)
{
	struct server *s = server_start(test);
	struct riod_conn *conn = dial(test);

	riod_conn_close(conn);
	wait_for_completion(&s->done);
	KUNIT_EXPECT_EQ(test, s->err, -ECONNRESET);
}

/* ------------------------------------------------------------ random bytes */

typedef struct riod_frame *(*base_fn)(struct kunit *test);

/* change one byte of a legal frame; a fixed seed makes failures reproducible */
static void mutate(struct kunit *test, base_fn base, struct rnd_state *rnd,
		   void (*feed)(struct kunit *test, struct paper *p))
{
	struct paper *p = new_paper(test);
	unsigned int round;

	for (round = 0; round < RIOD_LOAD(2000); round++) {
		struct riod_frame *f = base(test);
		u32 at = prandom_u32_state(rnd) % riod_frame_size(f);

		/* the transport checks the length */
		if (at < sizeof(f->hdr.len))
			at += sizeof(f->hdr.len);
		*frame_byte(f, at) = prandom_u32_state(rnd);
		p->say = f;
		feed(test, p);
	}
}

static void feed_server(struct kunit *test, struct paper *p)
{
	struct riod_session_params params;
	struct riod_wire_hello hello;

	if (riod_negotiate_hello(&p->conn, &hello))
		return;
	KUNIT_EXPECT_LT(test, strnlen(hello.export, RIOD_NAME_LEN), RIOD_NAME_LEN);
	KUNIT_EXPECT_EQ(test, riod_negotiate_welcome(&p->conn, &hello, 1, 10, 20, &params), 0);
	KUNIT_EXPECT_GE(test, params.tx_max_frame, RIOD_FRAME_MIN);
}

static void feed_attach(struct kunit *test, struct paper *p)
{
	struct riod_session_params params;
	struct riod_refusal refusal;
	int err = riod_negotiate_attach(&p->conn, "", NULL, &params, &refusal);

	KUNIT_EXPECT_LT(test, strnlen(refusal.text, RIOD_TEXT_LEN), RIOD_TEXT_LEN);
	KUNIT_EXPECT_EQ(test, !err, !refusal.text[0]);
	if (!err)
		KUNIT_EXPECT_GE(test, params.lost_ms, 2 * params.keepalive_ms);
}

static void feed_list(struct kunit *test, struct paper *p)
{
	struct riod_wire_export *exports;
	struct riod_refusal refusal;
	int n = riod_negotiate_list(&p->conn, &exports, NULL, &refusal);

	KUNIT_EXPECT_LE(test, n, RIOD_EXPORTS_MAX);
	KUNIT_EXPECT_EQ(test, n < 0, !!refusal.text[0]);
	kvfree(exports);
}

static void mutations(struct kunit *test)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 0x52494f44);
	mutate(test, good_hello, &rnd, feed_server);
	mutate(test, good_welcome, &rnd, feed_attach);
	mutate(test, good_refuse, &rnd, feed_attach);
	mutate(test, good_exports, &rnd, feed_list);
}

static void reason_texts(struct kunit *test)
{
	unsigned int r;

	for (r = 0; r <= RIOD_REASON_LAST; r++) {
		KUNIT_EXPECT_NOT_NULL(test, riod_reason_str(r));
		KUNIT_EXPECT_LT(test, strlen(riod_reason_str(r)), RIOD_TEXT_LEN);
	}
	KUNIT_EXPECT_STREQ(test, riod_reason_str(RIOD_REASON_LAST + 1), "unknown reason");
	KUNIT_EXPECT_STREQ(test, riod_reason_str(-1), "unknown reason");
}

static struct kunit_case negotiate_cases[] = {
	KUNIT_CASE(loop_attach),
	KUNIT_CASE(loop_ids_differ),
	KUNIT_CASE(loop_refused),
	KUNIT_CASE(loop_list),
	KUNIT_CASE(loop_silent_peer),
	KUNIT_CASE(mutations),
	KUNIT_CASE(reason_texts),
	{}
};

static struct kunit_suite negotiate_suite = {
	.name = "riod_negotiate",
	.test_cases = negotiate_cases,
};

kunit_test_suite(negotiate_suite);

MODULE_DESCRIPTION("KUnit tests of riod's handshake");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

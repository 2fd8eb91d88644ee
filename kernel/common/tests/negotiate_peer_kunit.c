// SPDX-License-Identifier: GPL-2.0-only
/*
 * negotiate_peer_kunit.c - handshake: each side against a peer that sends
 * invalid frames
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat_export.h"
#include "paper.h"

/* a copy of @f with another length, in an allocation of exactly its size */
static struct riod_frame *resize(struct kunit *test, struct riod_frame *f, u32 len)
{
	struct riod_frame *g = new_frame(test, f->hdr.type, len);

	memcpy(g->body, f->body, min(f->len, len));
	kfree(f);
	return g;
}

/* ------------------------------------------------------------ server side */

#define DOES_NOT_SPEAK	"does not speak riod"
#define MALFORMED	RIOD_REASON_PROTOCOL

/**
 * struct hello_case - a HELLO and its result
 * @name: name of the case
 * @err: what riod_negotiate_hello() returns
 * @reason: reason of the REFUSE; NONE: no answer
 * @text: text of the REFUSE
 * @patch: changes to good_hello()
 * @resize: the body has @len bytes
 * @len: see @resize
 */
struct hello_case {
	const char *name;
	int err;
	enum riod_reason reason;
	const char *text;
	struct patch patch[4];
	bool resize;
	u32 len;
};

#define LEN(n)	.resize = true, .len = (n)

static const struct hello_case hello_cases[] = {
	{ "good", 0 },
	{ "list", 0, .patch = { BODY(hello, intent, RIOD_INTENT_LIST),
		AT(48, 8, 0), AT(56, 8, 0) } },
	{ "largest offers", 0, .patch = { BODY(hello, window, ~0u), BODY(hello, max_frame, ~0u) } },
	{ "no name", 0, .patch = { AT(48, 8, 0), AT(56, 8, 0) } },
	{ "wrong magic", -EPROTO, .patch = { BODY(hello, magic, 0x444f4953) } },
	{ "big-endian magic", -EPROTO, .patch = { BODY(hello, magic, 0x52494f44) } },
	{ "nothing", -EPROTO, LEN(0) },
	{ "three bytes", -EPROTO, LEN(3) },
	{ "magic alone", -EPROTO, MALFORMED, "the first frame is no HELLO", LEN(4) },
	{ "a byte short", -EPROTO, MALFORMED, "the first frame is no HELLO", LEN(127) },
	{ "a byte long", -EPROTO, LEN(129) },
	{ "as long as can be", -EPROTO, LEN(BODY_MAX) },
	{ "other type", -EPROTO, MALFORMED, "the first frame is no HELLO",
		{ HDR(type, RIOD_FRAME_WELCOME) } },
	{ "function", -EPROTO, MALFORMED, "the first frame is no HELLO", { HDR(func, 1) } },
	{ "flags", -EPROTO, MALFORMED, "the first frame is no HELLO", { HDR(flags, 1) } },
	{ "header reserved", -EPROTO, MALFORMED, "the first frame is no HELLO", { HDR(rsvd, 1) } },
	{ "numbered", -EPROTO, MALFORMED, "the first frame is no HELLO", { HDR(seq, 1) } },
	{ "acknowledges", -EPROTO, MALFORMED, "the first frame is no HELLO", { HDR(ack, 1) } },
	{ "no versions", -EPROTO, MALFORMED, "HELLO with an impossible number of versions",
		{ BODY(hello, nversions, 0) } },
	{ "nine versions", -EPROTO, MALFORMED, "HELLO with an impossible number of versions",
		{ BODY(hello, nversions, 9) } },
	{ "version 0", -EPROTO, MALFORMED, "HELLO with a malformed list of versions",
		{ BODY(hello, versions[2], 0) } },
	{ "oldest first", -EPROTO, MALFORMED, "HELLO with a malformed list of versions",
		{ BODY(hello, versions[0], 1) } },
	{ "a version twice", -EPROTO, MALFORMED, "HELLO with a malformed list of versions",
		{ BODY(hello, versions[1], 9) } },
	{ "version behind the last", -EPROTO, MALFORMED,
		"HELLO with a malformed list of versions", { BODY(hello, nversions, 2) } },
	{ "no common version", -EPROTONOSUPPORT, RIOD_REASON_VERSION,
		"this host speaks version 1, the peer 9 3 2", { BODY(hello, versions[1], 3),
		BODY(hello, versions[2], 2) } },
	{ "no common version, all else strange", -EPROTONOSUPPORT, RIOD_REASON_VERSION,
		"this host speaks version 1, the peer 9 3 2", { BODY(hello, versions[1], 3),
		BODY(hello, versions[2], 2), BODY(hello, intent, 9), BODY(hello, rsvd, 1) } },
	{ "resume without a session", -EPROTO, MALFORMED,
		"HELLO that resumes without a session id",
		{ BODY(hello, intent, RIOD_INTENT_RESUME) } },
	{ "resume with a name", -EPROTO, MALFORMED, "HELLO with a name that its intent has not",
		{ BODY(hello, intent, RIOD_INTENT_RESUME), BODY(hello, session[0], 1) } },
	{ "resume", 0, RIOD_REASON_NONE, "",
		{ BODY(hello, intent, RIOD_INTENT_RESUME), BODY(hello, session[0], 1),
		  AT(48, 8, 0), AT(56, 8, 0) } },
	{ "asks for a lost_ms", 0, RIOD_REASON_NONE, "",
		{ BODY(hello, lost_ms, RIOD_LOST_MAX_MS) } },
	{ "intent 0", -EPROTO, MALFORMED, "HELLO with an unknown intent",
		{ BODY(hello, intent, 0) } },
	{ "intent 4", -EPROTO, MALFORMED, "HELLO with an unknown intent",
		{ BODY(hello, intent, 4) } },
	{ "reserved", -EPROTO, MALFORMED, "HELLO with reserved fields set",
		{ BODY(hello, rsvd, 1) } },
	{ "lost too late", -EPROTO, MALFORMED, "HELLO that asks for an impossible lost_ms",
		{ BODY(hello, lost_ms, RIOD_LOST_MAX_MS + 1ull) } },
	{ "receive number of a list", -EPROTO, MALFORMED, "HELLO with reserved fields set",
		{ BODY(hello, intent, RIOD_INTENT_LIST), BODY(hello, rx_seq, 1) } },
	{ "session id", -EPROTO, MALFORMED, "HELLO with reserved fields set",
		{ BODY(hello, session[15], 1) } },
	{ "window", -EPROTO, MALFORMED, "HELLO with a window below the minimum",
		{ BODY(hello, window, RIOD_WINDOW_MIN - 1) } },
	{ "frame size", -EPROTO, MALFORMED, "HELLO with a frame size below the minimum",
		{ BODY(hello, max_frame, RIOD_FRAME_MIN - 1) } },
	{ "space in name", -EPROTO, MALFORMED, "HELLO with a malformed name",
		{ BODY(hello, export[1], ' ') } },
	{ "control character in name", -EPROTO, MALFORMED, "HELLO with a malformed name",
		{ BODY(hello, export[1], 0x1b) } },
	{ "delete in name", -EPROTO, MALFORMED, "HELLO with a malformed name",
		{ BODY(hello, export[1], 0x7f) } },
	{ "8 bits in name", -EPROTO, MALFORMED, "HELLO with a malformed name",
		{ BODY(hello, export[1], 0xe4) } },
	{ "bytes behind the name", -EPROTO, MALFORMED, "HELLO with a malformed name",
		{ BODY(hello, export[63], 'x') } },
	{ "list with a name", -EPROTO, MALFORMED, "HELLO with a name that its intent has not",
		{ BODY(hello, intent, RIOD_INTENT_LIST) } },
};

static void hello_desc(const struct hello_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(hello, hello_cases, hello_desc);

/* expect a REFUSE that the client side accepts */
static void expect_refused(struct kunit *test, struct paper *p, enum riod_reason reason,
			   const char *text)
{
	const struct riod_wire_refuse *r;

	KUNIT_ASSERT_EQ(test, p->nheard, 1);
	KUNIT_ASSERT_NOT_NULL(test, p->heard);
	KUNIT_ASSERT_EQ(test, p->heard->hdr.type, RIOD_FRAME_REFUSE);
	KUNIT_ASSERT_EQ(test, p->heard->len, sizeof(*r));
	r = (const void *)p->heard->body;
	KUNIT_EXPECT_EQ(test, le32_to_cpu(r->magic), RIOD_WIRE_MAGIC);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(r->version), RIOD_VERSION_1);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(r->reason), reason);
	KUNIT_EXPECT_STREQ(test, r->text, text);
}

static void server_hello(struct kunit *test)
{
	const struct hello_case *c = test->param_value;
	struct paper *p = new_paper(test);
	struct riod_wire_hello hello;
	unsigned int i;

	p->say = good_hello(test);
	if (c->resize)
		p->say = resize(test, p->say, c->len);
	for (i = 0; i < ARRAY_SIZE(c->patch); i++)
		apply_patch(p->say, &c->patch[i]);
	KUNIT_EXPECT_EQ(test, riod_negotiate_hello(&p->conn, &hello), c->err);
	KUNIT_EXPECT_EQ(test, p->max_frame, HDR_LEN + sizeof(hello));
	KUNIT_EXPECT_EQ(test, p->recv_ms_in_recv, TIMEOUT_MS);
	KUNIT_EXPECT_EQ(test, p->send_ms, TIMEOUT_MS);
	if (!c->err)
		KUNIT_EXPECT_EQ(test, riod_negotiate_version(&hello), RIOD_VERSION_1);
	if (c->reason)
		expect_refused(test, p, c->reason, c->text);
	else
		KUNIT_EXPECT_EQ(test, p->nheard, 0);
}

/* names with the first and the last legal character, and the longest name */
static void server_names(struct kunit *test)
{
	struct paper *p = new_paper(test);
	struct riod_wire_hello hello, *h;

	p->say = good_hello(test);
	h = (void *)p->say->body;
	memset(h->export, '~', sizeof(h->export) - 1);
	h->export[0] = '!';
	KUNIT_EXPECT_EQ(test, riod_negotiate_hello(&p->conn, &hello), 0);
	KUNIT_EXPECT_EQ(test, strlen(hello.export), RIOD_NAME_LEN - 1);

	p->say = good_hello(test);
	h = (void *)p->say->body;
	memset(h->export, 'n', sizeof(h->export));
	KUNIT_EXPECT_EQ(test, riod_negotiate_hello(&p->conn, &hello), -EPROTO);
	expect_refused(test, p, RIOD_REASON_PROTOCOL, "HELLO with a malformed name");
}

static void server_longest_version_list(struct kunit *test)
{
	struct paper *p = new_paper(test);
	struct riod_wire_hello hello, *h;
	unsigned int i;

	p->say = good_hello(test);
	h = (void *)p->say->body;
	h->nversions = cpu_to_le16(RIOD_VERSIONS_MAX);
	for (i = 0; i < RIOD_VERSIONS_MAX; i++)
		h->versions[i] = cpu_to_le16(65535 - i);
	KUNIT_EXPECT_EQ(test, riod_negotiate_hello(&p->conn, &hello), -EPROTONOSUPPORT);
	expect_refused(test, p, RIOD_REASON_VERSION,
		       "this host speaks version 1, the peer 65535 65534 65533 65532 65531 65530 65529 65528");
}

static const int transport_errors[] = {
	-ETIMEDOUT, -ECONNRESET, -EINTR, -ENOMEM, -EPIPE, -EPROTO,
};

static void server_transport_errors(struct kunit *test)
{
	struct riod_wire_export none;
	struct riod_wire_hello hello;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(transport_errors); i++) {
		struct paper *p = new_paper(test);

		p->recv_err = transport_errors[i];
		KUNIT_EXPECT_EQ(test, riod_negotiate_hello(&p->conn, &hello), p->recv_err);
		KUNIT_EXPECT_EQ(test, p->nheard, 0);
		p->send_err = transport_errors[i];
		KUNIT_EXPECT_EQ(test, riod_negotiate_refuse(&p->conn, RIOD_REASON_BUSY, NULL),
				p->send_err);
		KUNIT_EXPECT_EQ(test, riod_negotiate_exports(&p->conn, &none, 0, 0), p->send_err);
	}
}

static void server_welcome_is_legal(struct kunit *test)
{
	static const u32 times[][4] = {
		/* requested, result */
		{ 1000, 5000, 1000, 5000 },
		{ 0, 0, RIOD_KEEPALIVE_MIN_MS, 2 * RIOD_KEEPALIVE_MIN_MS },
		{ ~0u, ~0u, RIOD_KEEPALIVE_MAX_MS, RIOD_LOST_MAX_MS },
		{ 5000, 1000, 5000, 10000 },
	};
	static const struct riod_session_wish all = {
		.features = RIOD_FEATURE_RESUME | RIOD_FEATURE_EXACT,
	};
	struct riod_session_params server, client;
	struct riod_refusal refusal;
	struct riod_wire_hello hello;
	struct paper *p, *q;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(times); i++) {
		p = new_paper(test);
		p->say = good_hello(test);
		KUNIT_ASSERT_EQ(test, riod_negotiate_hello(&p->conn, &hello), 0);
		KUNIT_ASSERT_EQ(test, riod_negotiate_welcome(&p->conn, &hello, RIOD_FUNCS_MAX,
							     times[i][0], times[i][1],
							     &server), 0);
		KUNIT_EXPECT_EQ(test, p->recv_ms, 0);
		KUNIT_EXPECT_EQ(test, server.keepalive_ms, times[i][2]);
		KUNIT_EXPECT_EQ(test, server.lost_ms, times[i][3]);
		KUNIT_EXPECT_EQ(test, server.tx_window, RIOD_WINDOW_MIN);
		KUNIT_EXPECT_EQ(test, server.tx_max_frame, RIOD_FRAME_MIN);
		KUNIT_EXPECT_EQ(test, server.rx_max_frame, RIOD_FRAME_MAX);
		KUNIT_EXPECT_EQ(test, server.features, all.features);
		/* a client accepts the WELCOME */
		q = new_paper(test);
		q->say = p->heard;
		p->heard = NULL;
		KUNIT_EXPECT_EQ(test, riod_negotiate_attach(&q->conn, "", &all, &client,
							    &refusal), 0);
		KUNIT_EXPECT_MEMEQ(test, client.id, server.id, sizeof(client.id));
	}
}

static void server_welcome_errors(struct kunit *test)
{
	struct riod_session_params params;
	struct riod_wire_hello hello;
	struct paper *p = new_paper(test);

	p->say = good_hello(test);
	KUNIT_ASSERT_EQ(test, riod_negotiate_hello(&p->conn, &hello), 0);
	KUNIT_EXPECT_EQ(test, riod_negotiate_welcome(&p->conn, &hello, 0, 1000, 5000, &params),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, riod_negotiate_welcome(&p->conn, &hello, RIOD_FUNCS_MAX + 1, 1000,
						     5000, &params), -EINVAL);
	hello.nversions = cpu_to_le16(2);
	KUNIT_EXPECT_EQ(test, riod_negotiate_welcome(&p->conn, &hello, 1, 1000, 5000, &params),
			-EPROTONOSUPPORT);
	KUNIT_EXPECT_EQ(test, p->nheard, 0);
	hello.nversions = cpu_to_le16(3);
	p->send_err = -EPIPE;
	KUNIT_EXPECT_EQ(test, riod_negotiate_welcome(&p->conn, &hello, 1, 1000, 5000, &params),
			-EPIPE);
}

/* ------------------------------------------------------------ client side */

/**
 * struct answer_case - an answer and its result
 * @name: name of the case
 * @err: error of the client, or number of exports in the list
 * @base: the legal frame; with good_exports() the client requested the list
 * @text: text of the refusal
 * @patch: changes to @base
 * @resize: the body has @len bytes
 * @len: see @resize
 * @reason: reason of the refusal
 * @list: the client requested the list
 */
struct answer_case {
	const char *name;
	struct riod_frame *(*base)(struct kunit *test);
	int err;
	const char *text;
	struct patch patch[2];
	bool resize;
	u32 len;
	enum riod_reason reason;
	bool list;
};

static const char in_use[] = "in use by 198.51.100.9:40000";
static const char wrong_frame[] = "answered with the wrong frame";
static const char reserved[] = "answered with reserved fields set";
static const char functions[] = "offers an impossible number of functions";
static const char minimum[] = "offers a window or a frame size below the minimum";
static const char keepalive[] = "asks for an impossible keepalive";
static const char export[] = "answered with a malformed export";
static const char list_length[] = "answered with a list of the wrong length";
static const char bad_refuse[] = "refused with a malformed answer";

static const struct answer_case answer_cases[] = {
	{ "welcome", good_welcome, 0, "" },
	{ "welcome, smallest", good_welcome, 0, "",
		{ BODY(welcome, window, RIOD_WINDOW_MIN),
		  BODY(welcome, max_frame, RIOD_FRAME_MIN) } },
	{ "welcome, slowest", good_welcome, 0, "",
		{ BODY(welcome, keepalive_ms, RIOD_KEEPALIVE_MAX_MS),
		  BODY(welcome, lost_ms, RIOD_LOST_MAX_MS) } },
	{ "wrong magic", good_welcome, -EPROTO, DOES_NOT_SPEAK, { BODY(welcome, magic, 0) } },
	{ "no body", good_welcome, -EPROTO, DOES_NOT_SPEAK, LEN(0) },
	{ "three bytes", good_welcome, -EPROTO, DOES_NOT_SPEAK, LEN(3) },
	{ "too long to take", good_welcome, -EPROTO, DOES_NOT_SPEAK, LEN(129) },
	{ "header", good_welcome, -EPROTO, "answered with a malformed header",
		{ HDR(seq, 1) } },
	{ "hello back", good_hello, -EPROTO, wrong_frame },
	{ "exports to an attach", good_welcome, -EPROTO, wrong_frame,
		{ HDR(type, RIOD_FRAME_EXPORTS) } },
	{ "welcome, a byte short",
		good_welcome, -EPROTO, "answered with a WELCOME of the wrong length", LEN(55) },
	{ "welcome, a byte long",
		good_welcome, -EPROTO, "answered with a WELCOME of the wrong length", LEN(57) },
	{ "welcome, version 2",
		good_welcome, -EPROTO, "chose a version that was not offered",
		{ BODY(welcome, version, 2) } },
	{ "welcome, no functions", good_welcome, -EPROTO, functions,
		{ BODY(welcome, nfuncs, 0) } },
	{ "welcome, 9 functions", good_welcome, -EPROTO, functions,
		{ BODY(welcome, nfuncs, 9) } },
	{ "welcome, reserved", good_welcome, -EPROTO, reserved, { BODY(welcome, rsvd, 1) } },
	{ "welcome, receive number", good_welcome, -EPROTO, reserved,
		{ BODY(welcome, rx_seq, 1) } },
	{ "welcome, feature that was not asked for", good_welcome, -EPROTO, reserved,
		{ BODY(welcome, features, RIOD_FEATURE_RESUME) } },
	{ "welcome, feature", good_welcome, -EPROTO, reserved,
		{ BODY(welcome, features, 1ull << 63) } },
	{ "welcome, window", good_welcome, -EPROTO, minimum,
		{ BODY(welcome, window, RIOD_WINDOW_MIN - 1) } },
	{ "welcome, frame size", good_welcome, -EPROTO, minimum,
		{ BODY(welcome, max_frame, RIOD_FRAME_MIN - 1) } },
	{ "welcome, no session", good_welcome, -EPROTO, "gave no session id",
		{ BODY(welcome, session[15], 0) } },
	{ "welcome, no keepalive", good_welcome, -EPROTO, keepalive,
		{ BODY(welcome, keepalive_ms, 0) } },
	{ "welcome, rare keepalive", good_welcome, -EPROTO, keepalive,
		{ BODY(welcome, keepalive_ms, 60001), BODY(welcome, lost_ms, RIOD_LOST_MAX_MS) } },
	{ "welcome, lost too soon", good_welcome, -EPROTO, keepalive,
		{ BODY(welcome, lost_ms, 1999) } },
	{ "welcome, lost too late", good_welcome, -EPROTO, keepalive,
		{ BODY(welcome, lost_ms, RIOD_LOST_MAX_MS + 1) } },
	{ "welcome to a list", good_welcome, -EPROTO, wrong_frame, .list = true },

	{ "refused", good_refuse, -ECONNREFUSED, in_use, .reason = RIOD_REASON_BUSY },
	{ "refused, a reason from the future",
		good_refuse, -ECONNREFUSED, in_use,
		{ BODY(refuse, reason, 999) }, .reason = RIOD_REASON_PROTOCOL },
	{ "refused, the next reason", good_refuse, -ECONNREFUSED, in_use,
		{ BODY(refuse, reason, RIOD_REASON_LAST + 1) }, .reason = RIOD_REASON_PROTOCOL },
	{ "refused, no reason", good_refuse, -ECONNREFUSED, in_use,
		{ BODY(refuse, reason, 0) }, .reason = RIOD_REASON_PROTOCOL },
	{ "refused, a byte short", good_refuse, -EPROTO, bad_refuse, LEN(127) },
	{ "refused, escape in text", good_refuse, -EPROTO, bad_refuse,
		{ BODY(refuse, text[3], 0x1b) } },
	{ "refused, newline in text", good_refuse, -EPROTO, bad_refuse,
		{ BODY(refuse, text[3], '\n') } },
	{ "refused, bytes behind the text", good_refuse, -EPROTO, bad_refuse,
		{ BODY(refuse, text[119], '!') } },

	{ "list", good_exports, 2, "" },
	{ "list, empty", good_exports, 0, "", { BODY(exports, count, 0) }, LEN(16) },
	{ "list, cut short", good_exports, -EPROTO, "answered with a list that is cut short",
		LEN(15) },
	{ "list, one missing", good_exports, -EPROTO, list_length, LEN(96) },
	{ "list, a byte missing", good_exports, -EPROTO, list_length, LEN(175) },
	{ "list, a byte too many", good_exports, -EPROTO, list_length, LEN(177) },
	{ "list, count wraps", good_exports, -EPROTO, list_length,
		{ BODY(exports, count, 0x80000002) } },
	{ "list, more than the cap", good_exports, -EPROTO, list_length,
		{ BODY(exports, count, 201), BODY(exports, total, 201) }, LEN(16 + 201 * 80) },
	{ "list, reserved", good_exports, -EPROTO, list_length, { BODY(exports, rsvd, 1) } },
	{ "list, total below count", good_exports, -EPROTO, list_length,
		{ BODY(exports, total, 1) } },
	{ "list, no name", good_exports, -EPROTO, export, { AT(16, 8, 0), AT(24, 1, 0) } },
	{ "list, name with a space", good_exports, -EPROTO, export, { AT(16 + 80, 1, ' ') } },
	{ "list, name without an end", good_exports, -EPROTO, export, { AT(16 + 63, 1, 'x') } },
	{ "list, class", good_exports, -EPROTO, export, { AT(16 + 72, 4, 1 << 24) } },
	{ "list, no functions", good_exports, -EPROTO, export, { AT(16 + 76, 1, 0) } },
	{ "list, 9 functions", good_exports, -EPROTO, export, { AT(16 + 76, 1, 9) } },
	{ "list, flags", good_exports, -EPROTO, export, { AT(16 + 77, 1, 2) } },
	{ "list, export reserved", good_exports, -EPROTO, export, { AT(16 + 78, 1, 1) } },
	{ "list, export reserved 2", good_exports, -EPROTO, export, { AT(16 + 79, 1, 1) } },
	{ "list, refused", good_refuse, -ECONNREFUSED, in_use,
		.reason = RIOD_REASON_BUSY, .list = true },
};

static void answer_desc(const struct answer_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(answer, answer_cases, answer_desc);

/* returns count or errno; frees the list */
static int ask(struct paper *p, bool list, struct riod_session_params *params,
	       struct riod_refusal *refusal)
{
	struct riod_wire_export *exports;
	int ret;

	if (!list)
		return riod_negotiate_attach(&p->conn, "name", NULL, params, refusal);
	ret = riod_negotiate_list(&p->conn, &exports, NULL, refusal);
	kvfree(exports);
	return ret;
}

static void client_answer(struct kunit *test)
{
	const struct answer_case *c = test->param_value;
	struct riod_session_params params = {};
	struct paper *p = new_paper(test);
	struct riod_refusal refusal;
	unsigned int i;
	bool list;

	p->say = c->base(test);
	if (c->resize)
		p->say = resize(test, p->say, c->len);
	for (i = 0; i < ARRAY_SIZE(c->patch); i++)
		apply_patch(p->say, &c->patch[i]);
	list = c->list || c->base == good_exports;
	KUNIT_EXPECT_EQ(test, ask(p, list, &params, &refusal), c->err);
	KUNIT_EXPECT_EQ(test, refusal.reason, c->reason);
	KUNIT_EXPECT_STREQ(test, refusal.text, c->text);
	KUNIT_EXPECT_EQ(test, refusal.peer_version, c->reason ? 7 : 0);
	KUNIT_EXPECT_EQ(test, p->recv_ms_in_recv, TIMEOUT_MS);
	KUNIT_EXPECT_EQ(test, p->nheard, 1);
	if (!list && !c->err) {
		KUNIT_EXPECT_GE(test, params.tx_window, RIOD_WINDOW_MIN);
		KUNIT_EXPECT_LE(test, params.tx_window, RIOD_WINDOW_DEFAULT);
		KUNIT_EXPECT_GE(test, params.tx_max_frame, RIOD_FRAME_MIN);
		KUNIT_EXPECT_LE(test, params.tx_max_frame, RIOD_FRAME_MAX);
		KUNIT_EXPECT_EQ(test, p->recv_ms, 0);
	}
}

static const char *error_text(int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return "does not answer";
	case -ECONNRESET:
	case -EPIPE:
		return "closed the connection without an answer";
	case -EPROTO:
		return DOES_NOT_SPEAK;
	case -ENOMEM:
		return "could not be asked: out of memory";
	default:
		return "could not be asked";
	}
}

static void client_transport_errors(struct kunit *test)
{
	struct riod_session_params params;
	struct riod_refusal refusal;
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(transport_errors); i++) {
		int err = transport_errors[i / 2];
		struct paper *p = new_paper(test);

		p->recv_err = err;
		KUNIT_EXPECT_EQ(test, ask(p, i & 1, &params, &refusal), err);
		KUNIT_EXPECT_STREQ(test, refusal.text, error_text(err));
		KUNIT_EXPECT_EQ(test, refusal.reason, RIOD_REASON_NONE);
		/* no answer is awaited if sending failed */
		p->send_err = err;
		p->recv_err = -EIO;
		KUNIT_EXPECT_EQ(test, ask(p, i & 1, &params, &refusal), err);
		KUNIT_EXPECT_STREQ(test, refusal.text, error_text(err));
	}
}

static void client_names(struct kunit *test)
{
	struct riod_session_params params;
	struct riod_refusal refusal;
	struct paper *p = new_paper(test);
	char name[RIOD_NAME_LEN + 1] = {};

	memset(name, 'n', RIOD_NAME_LEN);
	KUNIT_EXPECT_EQ(test, riod_negotiate_attach(&p->conn, name, NULL, &params, &refusal),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, p->nheard, 0);
	name[RIOD_NAME_LEN - 1] = 0;
	KUNIT_EXPECT_EQ(test, riod_negotiate_attach(&p->conn, name, NULL, &params, &refusal),
			-ECONNRESET);
	KUNIT_ASSERT_EQ(test, p->nheard, 1);
	KUNIT_EXPECT_STREQ(test, ((struct riod_wire_hello *)p->heard->body)->export, name);
}

/* as printed in Documentation/protocol.rst */
static const u8 example_hello[] = {
	0x98, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x52, 0x49, 0x4f, 0x44, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00, 0x40, 0x00,
	0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x30, 0x30, 0x30, 0x30, 0x3a, 0x30, 0x33, 0x3a, 0x30, 0x30, 0x2e, 0x30,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

/* texts and names of the peer that fill their field, with and without a terminator */
static void client_unterminated(struct kunit *test)
{
	struct riod_session_params params;
	struct riod_refusal refusal;
	struct paper *p = new_paper(test);
	struct riod_wire_exports *x;
	struct riod_wire_refuse *r;

	p->say = good_refuse(test);
	r = (void *)p->say->body;
	memset(r->text, ' ', sizeof(r->text) - 1);
	KUNIT_EXPECT_EQ(test, ask(p, false, &params, &refusal), -ECONNREFUSED);
	KUNIT_EXPECT_EQ(test, strlen(refusal.text), RIOD_TEXT_LEN - 1);

	p->say = good_refuse(test);
	r = (void *)p->say->body;
	memset(r->text, 't', sizeof(r->text));
	KUNIT_EXPECT_EQ(test, ask(p, false, &params, &refusal), -EPROTO);
	KUNIT_EXPECT_STREQ(test, refusal.text, bad_refuse);

	p->say = good_exports(test);
	x = (void *)p->say->body;
	memset(x->exports[1].name, 'n', sizeof(x->exports[1].name));
	KUNIT_EXPECT_EQ(test, ask(p, true, &params, &refusal), -EPROTO);
	KUNIT_EXPECT_STREQ(test, refusal.text, export);
}

static void client_hello_bytes(struct kunit *test)
{
	struct riod_session_params params;
	struct riod_refusal refusal;
	struct paper *p = new_paper(test);

	riod_negotiate_attach(&p->conn, "0000:03:00.0", NULL, &params, &refusal);
	KUNIT_ASSERT_EQ(test, p->nheard, 1);
	KUNIT_ASSERT_EQ(test, riod_frame_size(p->heard), sizeof(example_hello));
	KUNIT_EXPECT_MEMEQ(test, &p->heard->hdr, example_hello, HDR_LEN);
	KUNIT_EXPECT_MEMEQ(test, p->heard->body, example_hello + HDR_LEN, p->heard->len);
}

static struct kunit_case peer_cases[] = {
	KUNIT_CASE_PARAM(server_hello, hello_gen_params),
	KUNIT_CASE(server_names),
	KUNIT_CASE(server_longest_version_list),
	KUNIT_CASE(server_transport_errors),
	KUNIT_CASE(server_welcome_is_legal),
	KUNIT_CASE(server_welcome_errors),
	KUNIT_CASE_PARAM(client_answer, answer_gen_params),
	KUNIT_CASE(client_transport_errors),
	KUNIT_CASE(client_names),
	KUNIT_CASE(client_unterminated),
	KUNIT_CASE(client_hello_bytes),
	{}
};

static struct kunit_suite peer_suite = {
	.name = "riod_negotiate_peer",
	.test_cases = peer_cases,
};

kunit_test_suite(peer_suite);

MODULE_DESCRIPTION("KUnit tests of riod's handshake, each side alone");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

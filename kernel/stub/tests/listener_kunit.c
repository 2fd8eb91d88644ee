// SPDX-License-Identifier: GPL-2.0-only
/*
 * listener_kunit.c - connections that become handshakes, and those that are refused
 */
#include <kunit/test.h>
#include <linux/inet.h>

#include "../stub.h"

/**
 * struct fake_conn - a connection that records its end
 * @conn: the listener's view of it
 * @peer: address of the peer
 * @reason: reason of the REFUSE that was sent, or 0
 * @closed: it was closed
 * @att: its handshake
 */
struct fake_conn {
	struct riod_conn conn;
	struct sockaddr_storage peer;
	u16 reason;
	bool closed;
	struct riod_stub_att *att;
};

#define to_fake(c)	container_of(c, struct fake_conn, conn)

static unsigned int ncreated, nqueued;

static int fake_send(struct riod_conn *conn, struct list_head *frames)
{
	struct riod_frame *f = list_first_entry(frames, struct riod_frame, list);

	if (f->hdr.type == RIOD_FRAME_REFUSE)
		to_fake(conn)->reason = le16_to_cpu(((struct riod_wire_refuse *)f->body)->reason);
	return 0;
}

static void fake_timeouts(struct riod_conn *conn, unsigned int recv_ms, unsigned int send_ms)
{
}

static void fake_shutdown(struct riod_conn *conn)
{
}

static void fake_close(struct riod_conn *conn)
{
	to_fake(conn)->closed = true;
}

static void fake_peer(struct riod_conn *conn, struct sockaddr_storage *addr)
{
	*addr = to_fake(conn)->peer;
}

static const struct riod_transport_ops fake_ops = {
	.name		= "fake",
	.send		= fake_send,
	.timeouts	= fake_timeouts,
	.shutdown	= fake_shutdown,
	.close		= fake_close,
	.peer		= fake_peer,
};

struct riod_stub_att *riod_stub_att_create(struct riod_conn *conn,
					   const struct sockaddr_storage *peer)
{
	struct riod_stub_att *att = kzalloc(sizeof(*att), GFP_KERNEL);

	if (!att)
		return NULL;
	ncreated++;
	att->conn = conn;
	att->peer = *peer;
	to_fake(conn)->att = att;
	return att;
}

void riod_stub_att_free(struct riod_stub_att *att)
{
	ncreated--;
	kfree(att);
}

static bool fake_queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	nqueued++;
	return true;
}

#define queue_work	fake_queue_work

#include "../listener.c"

/* ------------------------------------------------------------ a listener */

#define PORT	7463
#define CONNS	64

/**
 * struct hall - a listener with two exports, and its connections
 * @lst: listener of the exports' second transport
 * @exp: exports, open to 192.0.2.0/24 and to 198.51.100.7
 * @conns: connections, in order of arrival
 * @nconns: number of @conns
 */
struct hall {
	struct riod_stub_listener lst;
	struct riod_stub_export exp[2];
	struct fake_conn conns[CONNS];
	unsigned int nconns;
};

static int hall_init(struct kunit *test)
{
	static const struct { const char *addr; u8 prefix; } allow[] = {
		{ "192.0.2.0", 24 },
		{ "198.51.100.7", 32 },
	};
	struct hall *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, h);
	h->lst.net = &init_net;
	h->lst.port = PORT;
	h->lst.ops = &fake_ops;
	for (i = 0; i < ARRAY_SIZE(allow); i++) {
		struct riod_stub_export *exp = &h->exp[i];

		exp->net = &init_net;
		exp->port = PORT;
		exp->transports[1] = &fake_ops;
		exp->ntransports = 2;
		exp->nallow = 1;
		exp->allow[0].family = AF_INET;
		exp->allow[0].prefix_len = allow[i].prefix;
		exp->allow[0].v4.s_addr = in_aton(allow[i].addr);
		list_add_tail(&exp->list, &riod_stub_exports);
	}
	ncreated = 0;
	nqueued = 0;
	test->priv = h;
	return 0;
}

static void hall_exit(struct kunit *test)
{
	struct hall *h = test->priv;
	unsigned int i;

	if (!h)
		return;
	for (i = 0; i < h->nconns; i++) {
		if (h->conns[i].closed)
			continue;
		riod_stub_handshake_done(h->conns[i].att);
		riod_stub_att_free(h->conns[i].att);
	}
	KUNIT_EXPECT_EQ(test, ncreated, 0);
	KUNIT_EXPECT_EQ(test, nhandshakes, 0);
	KUNIT_EXPECT_EQ(test, h->lst.nhandshakes, 0);
	for (i = 0; i < ARRAY_SIZE(h->exp); i++)
		list_del(&h->exp[i].list);
}

/* connect; returns 0 if a handshake begins, else the reason of the refusal */
static u16 come(struct kunit *test, const char *addr)
{
	struct hall *h = test->priv;
	struct sockaddr_in *in;
	struct fake_conn *c;

	KUNIT_ASSERT_LT(test, h->nconns, CONNS);
	c = &h->conns[h->nconns++];
	c->conn.ops = &fake_ops;
	in = (struct sockaddr_in *)&c->peer;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = in_aton(addr);
	in->sin_port = htons(1024 + h->nconns);
	listener_accept(&c->conn, &h->lst);
	KUNIT_EXPECT_EQ(test, c->closed, !!c->reason);
	return c->reason;
}

/* ------------------------------------------------------------ tests */

static void open_to_any_export(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, come(test, "192.0.2.1"), 0);
	KUNIT_EXPECT_EQ(test, come(test, "198.51.100.7"), 0);
	KUNIT_EXPECT_EQ(test, nqueued, 2);
}

/* peers that are not allowed use no slot and no memory, so allowed ones can connect */
static void strangers(struct kunit *test)
{
	char addr[16];
	int i;

	for (i = 0; i < HANDSHAKES_MAX + 8; i++) {
		snprintf(addr, sizeof(addr), "203.0.113.%d", i);
		KUNIT_EXPECT_EQ(test, come(test, addr), RIOD_REASON_NOT_ALLOWED);
	}
	KUNIT_EXPECT_EQ(test, come(test, "127.0.0.1"), RIOD_REASON_NOT_ALLOWED);
	KUNIT_EXPECT_EQ(test, ncreated, 0);
	KUNIT_EXPECT_EQ(test, come(test, "192.0.2.1"), 0);
}

static void no_exports(struct kunit *test)
{
	struct hall *h = test->priv;

	list_del_init(&h->exp[0].list);
	list_del_init(&h->exp[1].list);
	KUNIT_EXPECT_EQ(test, come(test, "192.0.2.1"), RIOD_REASON_NOT_ALLOWED);
	KUNIT_EXPECT_EQ(test, come(test, "127.0.0.1"), RIOD_REASON_NOT_ALLOWED);
}

/* an export at another port gives no access here */
static void other_port(struct kunit *test)
{
	struct hall *h = test->priv;

	h->exp[1].port = PORT + 1;
	KUNIT_EXPECT_EQ(test, come(test, "198.51.100.7"), RIOD_REASON_NOT_ALLOWED);
	KUNIT_EXPECT_EQ(test, come(test, "192.0.2.1"), 0);
}

/* nor does one on other transports */
static void other_transport(struct kunit *test)
{
	struct hall *h = test->priv;

	h->exp[1].ntransports = 1;
	KUNIT_EXPECT_EQ(test, come(test, "198.51.100.7"), RIOD_REASON_NOT_ALLOWED);
	KUNIT_EXPECT_EQ(test, come(test, "192.0.2.1"), 0);
}

static void per_host(struct kunit *test)
{
	int i;

	for (i = 0; i < HANDSHAKES_PER_HOST; i++)
		KUNIT_EXPECT_EQ(test, come(test, "192.0.2.1"), 0);
	KUNIT_EXPECT_EQ(test, come(test, "192.0.2.1"), RIOD_REASON_LIMIT);
	KUNIT_EXPECT_EQ(test, come(test, "192.0.2.2"), 0);
}

static void in_all(struct kunit *test)
{
	char addr[16];
	int i;

	for (i = 0; i < HANDSHAKES_MAX; i++) {
		snprintf(addr, sizeof(addr), "192.0.2.%d", 1 + i / HANDSHAKES_PER_HOST);
		KUNIT_EXPECT_EQ(test, come(test, addr), 0);
	}
	KUNIT_EXPECT_EQ(test, come(test, "192.0.2.99"), RIOD_REASON_LIMIT);
}

static struct kunit_case listener_cases[] = {
	KUNIT_CASE(open_to_any_export),
	KUNIT_CASE(strangers),
	KUNIT_CASE(no_exports),
	KUNIT_CASE(other_port),
	KUNIT_CASE(other_transport),
	KUNIT_CASE(per_host),
	KUNIT_CASE(in_all),
	{}
};

static struct kunit_suite listener_suite = {
	.name = "riod_stub_listener",
	.init = hall_init,
	.exit = hall_exit,
	.test_cases = listener_cases,
};

kunit_test_suite(listener_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections of the transport "rdma" on their way: who may connect, and how many; listen;
 * connect
 */
#include "naked.h"

/* ------------------------------------------------------------ who may connect */

struct doorman {
	struct pair *p;
	bool open;
	struct sockaddr_storage asked;
};

static bool doorman_admit(const struct sockaddr_storage *peer, void *priv)
{
	struct doorman *d = priv;

	d->asked = *peer;
	return READ_ONCE(d->open);
}

static void doorman_accept(struct riod_conn *conn, void *priv)
{
	pair_accept(conn, ((struct doorman *)priv)->p);
}

/* the owner of a listener is asked, with the peer's address, before memory is spent */
static void strangers_are_refused(struct kunit *test)
{
	struct doorman *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	struct riod_listen_params params = {
		.net = &init_net, .admit = doorman_admit, .accept = doorman_accept, .priv = d,
	};
	const struct sockaddr_in *asked = (const struct sockaddr_in *)&d->asked;
	struct riod_listener *listener;
	struct naked *n;

	KUNIT_ASSERT_NOT_NULL(test, d);
	d->p = naked_pair(test);
	d->p->ops->unlisten(d->p->listener);
	d->p->listener = NULL;
	params.addr = d->p->addr;
	KUNIT_ASSERT_TRUE(test, pair_eventually(!atomic_read(&riod_rdma_conns)));
	listener = d->p->ops->listen(&params);
	KUNIT_ASSERT_FALSE(test, IS_ERR(listener));
	d->p->listener = listener;

	n = naked_dial_to(test, d->p, &good, sizeof(good));
	KUNIT_EXPECT_EQ(test, n->err, IB_CM_REJ_CONSUMER_DEFINED);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(n->theirs.reason), RIOD_RDMA_REASON_NOT_ALLOWED);
	/* no connection, not even for a moment */
	KUNIT_EXPECT_EQ(test, atomic_read(&riod_rdma_conns), 0);
	KUNIT_EXPECT_EQ(test, asked->sin_family, AF_INET);
	KUNIT_EXPECT_EQ(test, asked->sin_addr.s_addr,
			((struct sockaddr_in *)&d->p->addr)->sin_addr.s_addr);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(d->p, NAKED_WAIT_MS)), -EKEYREJECTED);

	WRITE_ONCE(d->open, true);
	n = naked_dial_to(test, d->p, &good, sizeof(good));
	KUNIT_EXPECT_EQ(test, n->err, 0);
	pair_expect_done(test, &d->p->got);
}

/* connections that a listener has accepted and that were not passed on, without any network */
struct crowd {
	struct riod_rdma_conn *rc[RIOD_RDMA_LOOSE_MAX + 1];
	unsigned int n;
};

static void crowd_drop(struct crowd *c)
{
	c->n--;
	/* they were never armed: both references are ours */
	riod_rdma_conn_put(c->rc[c->n]);
	riod_rdma_conn_put(c->rc[c->n]);
}

static void crowd_exit(void *data)
{
	struct crowd *c = data;

	while (c->n)
		crowd_drop(c);
}

static struct crowd *crowd_new(struct kunit *test)
{
	struct crowd *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, crowd_exit, c), 0);
	/* those of the last test may still linger */
	KUNIT_ASSERT_TRUE(test, pair_eventually(!atomic_read(&riod_rdma_conns)));
	return c;
}

static int crowd_add(struct crowd *c, const struct sockaddr_storage *peer)
{
	struct riod_rdma_conn *rc = riod_rdma_conn_alloc(peer, true);

	if (IS_ERR(rc))
		return PTR_ERR(rc);
	c->rc[c->n++] = rc;
	return 0;
}

/* one more of 192.0.2.@host */
static int crowd_add_host(struct crowd *c, u8 host)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(c->n),
		.sin6_addr.s6_addr32 = { 0, 0, htonl(0xffff), htonl(0xc0000200 + host) },
	};
	struct sockaddr_storage peer = {};

	memcpy(&peer, &in6, sizeof(in6));
	/* the same host, written in two ways */
	if (c->n % 2)
		riod_rdma_plain_addr(&peer, &peer);
	return crowd_add(c, &peer);
}

/* one host can use up its share only, and all hosts together what there is */
static void loose_are_limited(struct kunit *test)
{
	struct crowd *c = crowd_new(test);
	struct naked *n;
	unsigned int i;
	u8 host;

	for (host = 1; host <= RIOD_RDMA_LOOSE_MAX / RIOD_RDMA_LOOSE_PER_HOST; host++) {
		for (i = 0; i < RIOD_RDMA_LOOSE_PER_HOST; i++)
			KUNIT_ASSERT_EQ(test, crowd_add_host(c, host), 0);
		KUNIT_EXPECT_EQ(test, crowd_add_host(c, host), -EBUSY);
	}
	KUNIT_EXPECT_EQ(test, c->n, RIOD_RDMA_LOOSE_MAX);
	KUNIT_EXPECT_EQ(test, crowd_add_host(c, host), -EBUSY);

	n = naked_dial(test, &good, sizeof(good));
	KUNIT_EXPECT_EQ(test, n->err, IB_CM_REJ_CONSUMER_DEFINED);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(n->theirs.reason), RIOD_RDMA_REASON_LIMIT);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(n->p, NAKED_WAIT_MS)), -EBUSY);

	crowd_exit(c);
	n = naked_connect(test);
	KUNIT_EXPECT_EQ(test, n->err, 0);
}

/* without the RTU, a message shows that the client has the answer */
static void rtu_is_lost(struct kunit *test)
{
	struct naked *n = naked_no_rtu(test);
	struct riod_frame_hdr hdr = {
		.len = cpu_to_le32(sizeof(hdr)), .type = RIOD_FRAME_ACK,
	};
	struct riod_frame *f;

	memcpy(n->out.data + sizeof(struct riod_rdma_msg), &hdr, sizeof(hdr));
	naked_fill(n, 0, 0, sizeof(hdr));
	naked_send(test, n, sizeof(struct riod_rdma_msg) + sizeof(hdr));
	pair_expect_done(test, &n->p->got);
	n->p->ops->timeouts(n->p->far, 20000, 20000);
	f = n->p->ops->recv(n->p->far, RIOD_FRAME_MAX);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f));
	riod_frame_free(f);
	KUNIT_EXPECT_EQ(test, naked_frame(n), 0);
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&n->received) == 1));
}

static void half_open_exit(void *was)
{
	WRITE_ONCE(riod_rdma_half_open_ms, (uintptr_t)was);
}

/* with neither, the listener gives the connection up after a time */
static void half_open_ends(struct kunit *test)
{
	void *was = (void *)(uintptr_t)riod_rdma_half_open_ms;
	struct naked *n;

	KUNIT_ASSERT_TRUE(test, pair_eventually(!atomic_read(&riod_rdma_conns)));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, half_open_exit, was), 0);
	/* not over before it was counted, however slow the machine */
	WRITE_ONCE(riod_rdma_half_open_ms, 3000);
	n = naked_no_rtu(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&riod_rdma_conns), 1);
	/* the CM tells the client */
	naked_wait(test, n);
	KUNIT_EXPECT_NE(test, n->err, 0);
	KUNIT_EXPECT_TRUE(test, pair_eventually(!atomic_read(&riod_rdma_conns)));
	KUNIT_EXPECT_FALSE(test, completion_done(&n->p->got));
}

/* a connection that was passed on does not count, but does again while it lingers */
static void lingering_are_limited(struct kunit *test)
{
	struct crowd *c = crowd_new(test);
	struct naked *n = naked_connect(test);
	struct sockaddr_storage peer;
	unsigned int i;

	linger(test, 5000);
	naked_exhaust(test, n);
	n->p->ops->peer(n->p->far, &peer);
	for (i = 0; i < RIOD_RDMA_LOOSE_PER_HOST; i++)
		KUNIT_ASSERT_EQ(test, crowd_add(c, &peer), 0);
	KUNIT_EXPECT_EQ(test, crowd_add(c, &peer), -EBUSY);
	crowd_drop(c);
	/* END has no credit, so it waits */
	riod_conn_close(n->p->far);
	n->p->far = NULL;
	KUNIT_EXPECT_EQ(test, crowd_add(c, &peer), -EBUSY);
	/* but not for ever */
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&riod_rdma_conns) == c->n));
	KUNIT_EXPECT_EQ(test, crowd_add(c, &peer), 0);
}

/* ------------------------------------------------------------ listen */

static int listen_any(struct pair *p, int family)
{
	struct riod_listen_params params = {
		.net = &init_net, .accept = pair_accept, .priv = p,
	};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&params.addr;
	struct riod_listener *l;

	/* the port is in the same place in both */
	in6->sin6_family = family;
	in6->sin6_port = ((struct sockaddr_in *)&p->addr)->sin_port;
	l = p->ops->listen(&params);
	if (IS_ERR(l))
		return PTR_ERR(l);
	p->ops->unlisten(l);
	return 0;
}

/* a port that another listener has is in use, whatever the addresses of the two are */
static void port_is_in_use(struct kunit *test)
{
	struct pair *p = naked_pair(test);

	KUNIT_EXPECT_EQ(test, listen_any(p, AF_INET), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, listen_any(p, AF_INET6), -EADDRINUSE);
	p->ops->unlisten(p->listener);
	p->listener = NULL;
	KUNIT_EXPECT_EQ(test, listen_any(p, AF_INET), 0);
	KUNIT_EXPECT_EQ(test, listen_any(p, AF_INET6), 0);
}

/* "::" takes clients of both families; kunit-init gives the device these addresses */
static void any_is_both_families(struct kunit *test)
{
	struct pair *p = naked_pair(test);
	struct sockaddr_storage v4 = p->addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&p->addr;
	struct sockaddr_storage peer;
	struct riod_listener *listener;
	struct riod_conn *conn;

	p->ops->unlisten(p->listener);
	p->listener = NULL;
	memset(&p->addr, 0, sizeof(p->addr));
	in6->sin6_family = AF_INET6;
	in6->sin6_port = ((struct sockaddr_in *)&v4)->sin_port;
	listener = pair_listen_at(p, pair_accept, p);
	KUNIT_ASSERT_FALSE(test, IS_ERR(listener));
	p->listener = listener;

	in6->sin6_addr.s6_addr32[0] = htonl(0xfd770000);
	in6->sin6_addr.s6_addr32[3] = htonl(1);
	conn = pair_dial(p, NAKED_WAIT_MS);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(conn), 0);
	p->near = conn;
	pair_expect_done(test, &p->got);
	p->ops->peer(p->far, &peer);
	KUNIT_EXPECT_EQ(test, peer.ss_family, AF_INET6);
	riod_conn_close(p->far);
	riod_conn_close(p->near);
	p->far = NULL;
	p->near = NULL;

	reinit_completion(&p->got);
	p->addr = v4;
	conn = pair_dial(p, NAKED_WAIT_MS);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(conn), 0);
	p->near = conn;
	pair_expect_done(test, &p->got);
	p->ops->peer(p->far, &peer);
	KUNIT_EXPECT_EQ(test, peer.ss_family, AF_INET);
}

/* ------------------------------------------------------------ connect */

static int connect_forever(void *priv)
{
	struct riod_conn *conn = pair_dial(priv, 10 * 60 * 1000);

	if (IS_ERR(conn))
		return PTR_ERR(conn);
	riod_conn_close(conn);
	return 0;
}

/**
 * struct bouncer - a listener of the test's own, which rejects every request
 * @p: pair whose address it has
 * @id: cm_id
 * @stale: requests that it rejects as stale first
 * @requests: how many have come
 * @answer: private data of the rejection of all others
 */
struct bouncer {
	struct pair *p;
	struct rdma_cm_id *id;
	unsigned int stale;
	atomic_t requests;
	struct riod_rdma_greeting answer;
};

static int bouncer_event(struct rdma_cm_id *id, struct rdma_cm_event *ev)
{
	struct bouncer *b = id->context;

	if (ev->event != RDMA_CM_EVENT_CONNECT_REQUEST)
		return 0;
	if (atomic_inc_return(&b->requests) <= b->stale)
		rdma_reject(id, NULL, 0, IB_CM_REJ_STALE_CONN);
	else
		rdma_reject(id, &b->answer, sizeof(b->answer), IB_CM_REJ_CONSUMER_DEFINED);
	/* the CM destroys @id */
	return -ECONNREFUSED;
}

static void bouncer_exit(void *data)
{
	rdma_destroy_id(data);
}

static struct bouncer *bouncer_new(struct kunit *test)
{
	struct bouncer *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	struct rdma_cm_id *id;

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->p = naked_pair(test);
	b->p->ops->unlisten(b->p->listener);
	b->p->listener = NULL;
	id = rdma_create_id(&init_net, bouncer_event, b, RDMA_PS_TCP, IB_QPT_RC);
	KUNIT_ASSERT_FALSE(test, IS_ERR(id));
	b->id = id;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, bouncer_exit, id), 0);
	KUNIT_ASSERT_EQ(test, rdma_bind_addr(id, (struct sockaddr *)&b->p->addr), 0);
	KUNIT_ASSERT_EQ(test, rdma_listen(id, 4), 0);
	return b;
}

/* each reason of a server has an errno of its own, and so its text */
static void rejection_has_a_reason(struct kunit *test)
{
	static const struct {
		u32 magic;
		u16 reason;
		int err;
	} cases[] = {
		{ RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_VERSION, -EPROTONOSUPPORT },
		{ RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_GREETING, -EPROTO },
		{ RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_LIMIT, -EBUSY },
		{ RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_NO_MEMORY, -ENOBUFS },
		{ RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_NOT_ALLOWED, -EKEYREJECTED },
		{ RIOD_RDMA_MAGIC, U16_MAX, -EPROTO },
		/* somebody else's listener */
		{ RIOD_RDMA_MAGIC, 0, -ECONNREFUSED },
		{ ~RIOD_RDMA_MAGIC, RIOD_RDMA_REASON_LIMIT, -ECONNREFUSED },
	};
	struct bouncer *b = bouncer_new(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		b->answer.magic = cpu_to_le32(cases[i].magic);
		b->answer.reason = cpu_to_le16(cases[i].reason);
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(b->p, NAKED_WAIT_MS)),
				cases[i].err);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&b->requests), ARRAY_SIZE(cases));
}

/* a server that has a connection of ours left over forgets it, and takes the next */
static void stale_is_retried(struct kunit *test)
{
	struct bouncer *b = bouncer_new(test);

	b->answer = (struct riod_rdma_greeting) {
		.magic = cpu_to_le32(RIOD_RDMA_MAGIC),
		.reason = cpu_to_le16(RIOD_RDMA_REASON_LIMIT),
	};
	b->stale = 2;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(b->p, NAKED_WAIT_MS)), -EBUSY);
	KUNIT_EXPECT_EQ(test, atomic_read(&b->requests), 3);
	/* not for ever, and not as fast as it can */
	atomic_set(&b->requests, 0);
	b->stale = UINT_MAX;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(b->p, 5000)), -ETIMEDOUT);
	KUNIT_EXPECT_GE(test, atomic_read(&b->requests), 2);
	/* RIOD_RDMA_PAUSE_MS between them */
	KUNIT_EXPECT_LE(test, atomic_read(&b->requests), 51);
}

/* nobody has the address: connect ends in time, and by a signal */
static void connect_gives_up(struct kunit *test)
{
	struct sockaddr_in *in;
	struct runner *r;
	struct pair *p;

	test->param_value = &rdma_name;
	p = pair_listen(test);
	in = (struct sockaddr_in *)&p->addr;
	in->sin_addr.s_addr = htonl(ntohl(in->sin_addr.s_addr) ^ 0x7f);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pair_dial(p, 100)), -ETIMEDOUT);
	r = runner_start(test, connect_forever, p);
	runner_kill(r);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -EINTR);
}

static struct kunit_case rdma_connect_cases[] = {
	KUNIT_CASE(strangers_are_refused),
	KUNIT_CASE(loose_are_limited),
	KUNIT_CASE(rtu_is_lost),
	KUNIT_CASE(half_open_ends),
	KUNIT_CASE(lingering_are_limited),
	KUNIT_CASE(port_is_in_use),
	KUNIT_CASE(any_is_both_families),
	KUNIT_CASE(rejection_has_a_reason),
	KUNIT_CASE(stale_is_retried),
	KUNIT_CASE(connect_gives_up),
	{}
};

static struct kunit_suite rdma_connect_suite = {
	.name = "riod_rdma_connect",
	.suite_init = pair_suite_init,
	.test_cases = rdma_connect_cases,
};

kunit_test_suite(rdma_connect_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transports: guarantees that are common to all, and TCP's own behaviour
 */
#include <linux/file.h>
#include <linux/in6.h>
#include <linux/net.h>
#include <linux/sizes.h>
#include <linux/tcp.h>
#include <net/sock.h>
#include <net/tls_prot.h>
#include <uapi/linux/tls.h>

#include "compat_export.h"
#include "freed.h"
#include "pair.h"
#include "tcp.h"

#define BODY_MAX	(RIOD_FRAME_MAX - sizeof(struct riod_frame_hdr))

/* body sizes: small, odd, larger than the buffers of the transports, and the largest */
static u32 body_len(u32 n)
{
	static const u32 sizes[] = {
		0, 1, 23, 24, 100, 4096, SZ_32K - 24, SZ_32K, SZ_32K + 1, BODY_MAX
	};

	return sizes[n % ARRAY_SIZE(sizes)];
}

static u8 body_byte(u32 n, u32 i)
{
	return n * 31 + i * 7 + (i >> 8);
}

static struct riod_frame *frame_make(u32 n)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_REG, 0, body_len(n), GFP_KERNEL);
	u32 i;

	if (!f)
		return NULL;
	f->hdr.seq = cpu_to_le64(n);
	for (i = 0; i < f->len; i++)
		f->body[i] = body_byte(n, i);
	return f;
}

static bool frame_is(const struct riod_frame *f, u32 n)
{
	u32 i;

	if (le64_to_cpu(f->hdr.seq) != n || f->len != body_len(n) ||
	    f->hdr.type != RIOD_FRAME_REG)
		return false;
	for (i = 0; i < f->len; i++) {
		if (f->body[i] != body_byte(n, i))
			return false;
	}
	return true;
}

struct flow {
	struct riod_conn *conn;
	u32 count;
	u32 batch;
};

static int flow_send(void *priv)
{
	struct flow *w = priv;
	struct riod_frame *f, *next;
	u32 n = 0;
	int err = 0;

	while (!err && n < w->count) {
		LIST_HEAD(frames);
		u32 end = min(n + w->batch, w->count);

		for (; n < end; n++) {
			f = frame_make(n);
			if (f)
				list_add_tail(&f->list, &frames);
		}
		err = w->conn->ops->send(w->conn, &frames);
		list_for_each_entry_safe(f, next, &frames, list)
			riod_frame_free(f);
	}
	return err;
}

static int flow_recv(void *priv)
{
	struct flow *w = priv;
	struct riod_frame *f;
	bool good;
	u32 n;

	for (n = 0; n < w->count; n++) {
		f = w->conn->ops->recv(w->conn, RIOD_FRAME_MAX);
		if (IS_ERR(f))
			return PTR_ERR(f);
		good = frame_is(f, n);
		riod_frame_free(f);
		if (!good)
			return -EBADMSG;
	}
	return 0;
}

/* frames of many sizes, single and in batches, in both directions at once */
static void both_ways(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct flow there = { p->near, 300, 1 }, back = { p->far, 300, 70 };
	struct flow in_far = { p->far, 300 }, in_near = { p->near, 300 };
	struct runner *r[] = {
		runner_start(test, flow_send, keep(test, there)),
		runner_start(test, flow_send, keep(test, back)),
		runner_start(test, flow_recv, keep(test, in_far)),
		runner_start(test, flow_recv, keep(test, in_near)),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(r); i++)
		KUNIT_EXPECT_EQ(test, runner_join(test, r[i]), 0);
}

static void recv_fails(struct kunit *test, struct riod_conn *conn, u32 max_frame, int err)
{
	struct riod_frame *f = conn->ops->recv(conn, max_frame);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(f), err);
	if (!IS_ERR(f))
		riod_frame_free(f);
}

struct length_case {
	u32 len;
	u32 max_frame;
	int err;
};

/* a header with length @len and no body */
static const struct length_case lengths[] = {
	{ 24, 24, 0 },
	{ 0, 1024, -EPROTO },
	{ 23, 1024, -EPROTO },
	{ 1025, 1024, -EPROTO },
	{ RIOD_FRAME_MAX + 1, U32_MAX, -EPROTO },
	{ U32_MAX, RIOD_FRAME_MAX, -EPROTO },
};

static void impossible_length(struct kunit *test)
{
	struct riod_frame *f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct pair *p = pair_connect(test);

		f = riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, f);
		f->hdr.len = cpu_to_le32(lengths[i].len);
		KUNIT_ASSERT_EQ(test, pair_send(p->near, f), 0);
		recv_fails(test, p->far, lengths[i].max_frame, lengths[i].err);
	}
}

/* frames sent before the close are received, then the end of the stream */
static void end_of_stream(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct flow out = { p->near, 4, 4 }, in = { p->far, 4 };

	KUNIT_EXPECT_EQ(test, flow_send(&out), 0);
	riod_conn_close(p->near);
	p->near = NULL;
	KUNIT_EXPECT_EQ(test, flow_recv(&in), 0);
	recv_fails(test, p->far, RIOD_FRAME_MAX, -ECONNRESET);
	recv_fails(test, p->far, RIOD_FRAME_MAX, -ECONNRESET);
}

static int recv_error(void *priv)
{
	struct riod_conn *conn = priv;

	return PTR_ERR_OR_ZERO(conn->ops->recv(conn, RIOD_FRAME_MAX));
}

static int send_error(void *priv)
{
	struct flow w = { priv, 1000000, 1 };

	return flow_send(&w);
}

static void shutdown_wakes_recv(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct runner *r;

	p->ops->timeouts(p->near, 0, 0);
	r = runner_start(test, recv_error, p->near);
	p->ops->shutdown(p->near);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -ECONNRESET);
	/* shutdown is permanent, and may be repeated */
	p->ops->shutdown(p->near);
	recv_fails(test, p->near, RIOD_FRAME_MAX, -ECONNRESET);
	recv_fails(test, p->far, RIOD_FRAME_MAX, -ECONNRESET);
}

static void shutdown_wakes_send(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct runner *r;

	p->ops->timeouts(p->near, 0, 0);
	/* the peer does not read, so sending blocks at some point */
	r = runner_start(test, send_error, p->near);
	p->ops->shutdown(p->near);
	KUNIT_EXPECT_LT(test, runner_join(test, r), 0);
	KUNIT_EXPECT_LT(test, pair_send(p->near, frame_make(1)), 0);
}

static void timeouts(struct kunit *test)
{
	struct pair *p = pair_connect(test);

	p->ops->timeouts(p->near, 20, 20);
	recv_fails(test, p->near, RIOD_FRAME_MAX, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, send_error(p->near), -ETIMEDOUT);
}

static void kill_ends_recv(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct runner *r;

	p->ops->timeouts(p->near, 0, 0);
	r = runner_start(test, recv_error, p->near);
	runner_kill(r);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -EINTR);
}

static void addresses(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct sockaddr_storage peer;
	struct sockaddr_in *in = (struct sockaddr_in *)&peer;

	p->ops->peer(p->far, &peer);
	KUNIT_EXPECT_EQ(test, in->sin_family, AF_INET);
	KUNIT_EXPECT_EQ(test, ntohl(in->sin_addr.s_addr), ntohl(pair_host(p->ops->name)));
	p->ops->peer(p->near, &peer);
	KUNIT_EXPECT_TRUE(test, in->sin_port == ((struct sockaddr_in *)&p->addr)->sin_port);
}

static void listeners(struct kunit *test)
{
	struct pair *p = pair_connect(test), *q = pair_listen(test);
	struct riod_listener *again;
	struct riod_conn *conn;

	/* the second listener has another port */
	KUNIT_EXPECT_NE(test, memcmp(&p->addr, &q->addr, sizeof(p->addr)), 0);
	q->ops->unlisten(q->listener);
	q->listener = NULL;
	conn = pair_dial(q, 10000);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(conn), -ECONNREFUSED);
	/* the port is free again */
	again = pair_listen_at(q, pair_accept, q);
	KUNIT_ASSERT_FALSE(test, IS_ERR(again));
	q->listener = again;
	q->near = pair_dial(q, 10000);
	KUNIT_EXPECT_FALSE(test, IS_ERR(q->near));
	pair_expect_done(test, &q->got);
}

struct slow {
	struct completion entered;
	struct completion leave;
	bool left;
};

static void slow_accept(struct riod_conn *conn, void *priv)
{
	struct slow *s = priv;

	complete(&s->entered);
	wait_for_completion(&s->leave);
	riod_conn_close(conn);
	WRITE_ONCE(s->left, true);
}

static int unlisten(void *priv)
{
	struct pair *p = priv;

	p->ops->unlisten(p->listener);
	return 0;
}

/* unlisten() waits for an accept callback in progress */
static void unlisten_waits(struct kunit *test)
{
	struct pair *p = pair_listen(test);
	struct slow s = {};
	struct runner *r;

	p->ops->unlisten(p->listener);
	init_completion(&s.entered);
	init_completion(&s.leave);
	p->listener = pair_listen_at(p, slow_accept, &s);
	KUNIT_ASSERT_FALSE(test, IS_ERR(p->listener));
	p->near = pair_dial(p, 10000);
	KUNIT_ASSERT_FALSE(test, IS_ERR(p->near));
	pair_expect_done(test, &s.entered);
	r = runner_start(test, unlisten, p);
	KUNIT_EXPECT_FALSE(test, completion_done(&r->done));
	complete(&s.leave);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), 0);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(s.left));
	p->listener = NULL;
}

/* a connection pins its transport */
static void connections_pin(struct kunit *test)
{
	int before = module_refcount(riod_loop_ops.owner);
	struct pair *p = pair_connect(test);
	bool loop = p->ops == &riod_loop_ops;

	/* one reference of the pair, one of each end */
	KUNIT_EXPECT_EQ(test, module_refcount(riod_loop_ops.owner), before + 3 * loop);
	riod_conn_close(p->near);
	riod_conn_close(p->far);
	p->near = NULL;
	p->far = NULL;
	KUNIT_EXPECT_EQ(test, module_refcount(riod_loop_ops.owner), before + loop);
}

/* a frame in the transport's own memory may outlive the connection */
static void frames_outlive(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	bool loop = p->ops == &riod_loop_ops;
	struct riod_frame *f;

	KUNIT_ASSERT_EQ(test, pair_send(p->near, frame_make(4)), 0);
	f = p->ops->recv(p->far, RIOD_FRAME_MAX);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f));
	KUNIT_EXPECT_EQ(test, !!f->free, loop);
	riod_conn_close(p->near);
	riod_conn_close(p->far);
	p->near = NULL;
	p->far = NULL;
	KUNIT_EXPECT_TRUE(test, frame_is(f, 4));
	KUNIT_EXPECT_EQ(test, riod_loop_frames_out(), loop);
	riod_frame_free(f);
	KUNIT_EXPECT_EQ(test, riod_loop_frames_out(), 0);
}

/* a local address is used or refused, never ignored */
static void local_address(struct kunit *test)
{
	struct pair *p = pair_listen(test);
	struct riod_connect_params params = {
		.net = &init_net, .addr = p->addr, .timeout_ms = 10000,
	};
	struct sockaddr_in *local = (struct sockaddr_in *)&params.local;
	struct sockaddr_storage peer;
	struct sockaddr_in *in = (struct sockaddr_in *)&peer;
	struct riod_conn *conn;

	local->sin_family = AF_INET;
	/* an RDMA device has one address here */
	local->sin_addr.s_addr = !strcmp(p->ops->name, "tcp") ? htonl(INADDR_LOOPBACK + 1) :
				 pair_host(p->ops->name);
	conn = p->ops->connect(&params);
	if (p->ops == &riod_loop_ops) {
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(conn), -EOPNOTSUPP);
		return;
	}
	KUNIT_ASSERT_FALSE(test, IS_ERR(conn));
	p->near = conn;
	pair_expect_done(test, &p->got);
	p->ops->peer(p->far, &peer);
	KUNIT_EXPECT_EQ(test, ntohl(in->sin_addr.s_addr), ntohl(local->sin_addr.s_addr));
	p->ops->local(conn, &peer);
	KUNIT_EXPECT_MEMEQ(test, &peer, &params.local, sizeof(peer));
	local->sin_family = AF_INET6;
	conn = p->ops->connect(&params);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(conn), -EAFNOSUPPORT);
}

/* ------------------------------------------------------------ TCP only */

static const char *tcp_name = "tcp";

/* the server side of a pair, with a plain socket as its client */
static struct socket *naked(struct kunit *test, struct pair **pair)
{
	struct socket *sock;
	struct pair *p;
	int err;

	test->param_value = &tcp_name;
	p = pair_listen(test);
	err = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &sock);
	KUNIT_ASSERT_EQ(test, err, 0);
	tcp_sock_set_nodelay(sock->sk);
	err = kernel_connect(sock, (void *)&p->addr, sizeof(struct sockaddr_in), 0);
	KUNIT_EXPECT_EQ(test, err, 0);
	pair_expect_done(test, &p->got);
	p->ops->timeouts(p->far, 20000, 20000);
	*pair = p;
	return sock;
}

static int naked_send(struct socket *sock, const void *data, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = (void *)data, .iov_len = len };

	return kernel_sendmsg(sock, &msg, &vec, 1, len);
}

/* frames arrive for any segmentation of the stream */
static void tcp_splits(struct kunit *test)
{
	u32 count = 3, used = 0, at;
	struct flow in = { NULL, 3 };
	struct riod_frame *f;
	struct socket *sock;
	struct runner *r;
	struct pair *p;
	u8 *stream;
	u32 n;

	sock = naked(test, &p);
	stream = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, stream);
	for (n = 0; n < count; n++) {
		f = frame_make(n);
		KUNIT_ASSERT_NOT_NULL(test, f);
		memcpy(stream + used, &f->hdr, sizeof(f->hdr));
		memcpy(stream + used + sizeof(f->hdr), f->body, f->len);
		used += riod_frame_size(f);
		riod_frame_free(f);
	}
	in.conn = p->far;
	for (at = 1; at < used; at++) {
		r = runner_start(test, flow_recv, keep(test, in));
		naked_send(sock, stream, at);
		/* usually long enough for the first part to be read separately */
		schedule_timeout_idle(1);
		naked_send(sock, stream + at, used - at);
		KUNIT_EXPECT_EQ(test, runner_join(test, r), 0);
	}
	sock_release(sock);
}

/* a frame that never completes times out, even if bytes keep coming */
static void tcp_drip(struct kunit *test)
{
	struct riod_frame_hdr hdr = { .len = cpu_to_le32(1024) };
	struct socket *sock;
	struct runner *r;
	struct pair *p;
	u32 n;

	sock = naked(test, &p);
	p->ops->timeouts(p->far, 100, 0);
	KUNIT_EXPECT_EQ(test, naked_send(sock, &hdr, sizeof(hdr)), sizeof(hdr));
	r = runner_start(test, recv_error, p->far);
	for (n = 0; n < 900 && !completion_done(&r->done); n++) {
		naked_send(sock, &hdr, 1);
		schedule_timeout_idle(1 + HZ / 100);
	}
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -ETIMEDOUT);
	/* the timeout did not wait for the end of the frame */
	KUNIT_EXPECT_LT(test, n, 900);
	sock_release(sock);
}

/* the stream ends within a frame */
static void tcp_cut_short(struct kunit *test)
{
	struct riod_frame_hdr hdr = { .len = cpu_to_le32(1024) };
	struct socket *sock;
	struct pair *p;

	sock = naked(test, &p);
	KUNIT_EXPECT_EQ(test, naked_send(sock, &hdr, sizeof(hdr)), sizeof(hdr));
	sock_release(sock);
	recv_fails(test, p->far, RIOD_FRAME_MAX, -ECONNRESET);
}

/* "::" accepts IPv4 peers, and reports their IPv4 address */
static void tcp_dual_stack(struct kunit *test)
{
	struct sockaddr_storage peer;
	struct riod_listen_params any = { .net = &init_net, .accept = pair_accept };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&any.addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&peer;
	struct pair *p;

	test->param_value = &tcp_name;
	p = pair_listen(test);
	p->ops->unlisten(p->listener);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = ((struct sockaddr_in *)&p->addr)->sin_port;
	any.priv = p;
	p->listener = p->ops->listen(&any);
	KUNIT_ASSERT_FALSE(test, IS_ERR(p->listener));
	p->near = pair_dial(p, 10000);
	KUNIT_ASSERT_FALSE(test, IS_ERR(p->near));
	pair_expect_done(test, &p->got);
	p->ops->peer(p->far, &peer);
	KUNIT_EXPECT_EQ(test, in->sin_family, AF_INET);
	KUNIT_EXPECT_EQ(test, ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);
}

/* closing ends the connection even while a file (of a TLS daemon) refers to the socket */
static void tcp_file(struct kunit *test)
{
	struct socket *sock;
	struct file *file;
	struct pair *p;

	test->param_value = &tcp_name;
	p = pair_connect(test);
	KUNIT_ASSERT_NOT_NULL(test, riod_tcp_sock(p->far)->file);
	sock = riod_tcp_sock(p->near);
	KUNIT_ASSERT_NOT_NULL(test, sock->file);
	KUNIT_EXPECT_PTR_EQ(test, sock_from_file(sock->file), sock);
	file = get_file(sock->file);
	riod_conn_close(p->near);
	p->near = NULL;
	recv_fails(test, p->far, RIOD_FRAME_MAX, -ECONNRESET);
	fput(file);
}

/* like TLS, adds the record type to each recvmsg() */
static const struct proto_ops *plain_ops;
static u8 record_type;

static int record_recvmsg(struct socket *sock, struct msghdr *msg, size_t size, int flags)
{
	int ret = plain_ops->recvmsg(sock, msg, size, flags);

	if (ret > 0)
		put_cmsg(msg, SOL_TLS, TLS_GET_RECORD_TYPE, sizeof(record_type), &record_type);
	return ret;
}

/* only for recv; the test restores the socket's own ops afterwards */
static const struct proto_ops record_ops = {
	.family = PF_INET,
	.owner = THIS_MODULE,
	.recvmsg = record_recvmsg,
};

struct record_case {
	u8 type;
	int err;
};

static void tcp_records(struct kunit *test)
{
	static const struct record_case records[] = {
		{ TLS_RECORD_TYPE_DATA, 0 },
		{ TLS_RECORD_TYPE_ALERT, -ECONNRESET },
		{ TLS_RECORD_TYPE_HANDSHAKE, -ECONNRESET },
	};
	unsigned int i;

	test->param_value = &tcp_name;
	for (i = 0; i < ARRAY_SIZE(records); i++) {
		struct pair *p = pair_connect(test);
		struct socket *sock = riod_tcp_sock(p->far);

		plain_ops = sock->ops;
		sock->ops = &record_ops;
		record_type = records[i].type;
		KUNIT_EXPECT_EQ(test, pair_send(p->near, frame_make(0)), 0);
		recv_fails(test, p->far, RIOD_FRAME_MAX, records[i].err);
		sock->ops = plain_ops;
	}
}

/* a listener that accepts nothing: SYNs are dropped when its queue is full */
static struct socket *deaf(struct kunit *test, struct pair **pair)
{
	struct socket *sock;
	struct pair *p;
	int err;

	test->param_value = &tcp_name;
	p = pair_listen(test);
	p->ops->unlisten(p->listener);
	p->listener = NULL;
	err = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &sock);
	KUNIT_ASSERT_EQ(test, err, 0);
	sock_set_reuseaddr(sock->sk);
	err = kernel_bind(sock, (void *)&p->addr, sizeof(struct sockaddr_in));
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, kernel_listen(sock, 0), 0);
	*pair = p;
	return sock;
}

static int connect_forever(void *priv)
{
	struct pair *p = priv;
	struct riod_conn *conn = pair_dial(p, 10 * 60 * 1000);

	if (IS_ERR(conn))
		return PTR_ERR(conn);
	riod_conn_close(conn);
	return 0;
}

static void tcp_connect_gives_up(struct kunit *test)
{
	struct riod_conn *conn[8];
	struct socket *sock;
	struct runner *r;
	struct pair *p;
	u32 n, filled;

	sock = deaf(test, &p);
	for (n = 0; n < ARRAY_SIZE(conn); n++) {
		conn[n] = pair_dial(p, 100);
		if (IS_ERR(conn[n]))
			break;
	}
	filled = n;
	KUNIT_ASSERT_LT(test, filled, ARRAY_SIZE(conn));
	KUNIT_EXPECT_EQ(test, PTR_ERR(conn[filled]), -ETIMEDOUT);
	/* like Ctrl-C in riodctl */
	r = runner_start(test, connect_forever, p);
	runner_kill(r);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -EINTR);
	for (n = 0; n < filled; n++)
		riod_conn_close(conn[n]);
	sock_release(sock);
}

/* ------------------------------------------------------------ the table */

static void by_name(struct kunit *test)
{
	const struct riod_transport_ops *ops = riod_transport_get("loop");

	KUNIT_EXPECT_PTR_EQ(test, ops, &riod_loop_ops);
	KUNIT_EXPECT_EQ(test, riod_transport_register(&riod_loop_ops), -EEXIST);
	riod_transport_put(ops);
	KUNIT_EXPECT_NULL(test, riod_transport_get("pigeon"));
	KUNIT_EXPECT_NULL(test, riod_transport_get(""));
	KUNIT_EXPECT_NULL(test, riod_transport_get("a-name-far-too-long-for-one"));
	riod_transport_put(NULL);
}

static void frames(struct kunit *test)
{
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_MAP, 3, BODY_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(f->hdr.len), RIOD_FRAME_MAX);
	KUNIT_EXPECT_EQ(test, f->hdr.func, 3);
	KUNIT_EXPECT_NULL(test, memchr_inv(f->body, 0, f->len));
	riod_frame_free(f);
	KUNIT_EXPECT_NULL(test, riod_frame_alloc(RIOD_FRAME_MAP, 0, BODY_MAX + 1,
						 GFP_KERNEL));
	riod_frame_free(NULL);
}

/* frames may contain guest memory, so they are zeroed */
static void frames_zeroed(struct kunit *test)
{
	struct riod_frame_hdr hdr = { .len = cpu_to_le32(2048) };
	struct riod_frame *f[2];
	const u8 *body;
	size_t i;

	f[0] = riod_frame_alloc(RIOD_FRAME_CUT_DATA, 0, 2048, GFP_KERNEL);
	f[1] = riod_frame_recv_alloc(&hdr, RIOD_FRAME_MAX);
	KUNIT_ASSERT_NOT_NULL(test, f[0]);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f[1]));
	for (i = 0; i < ARRAY_SIZE(f); i++) {
		body = memset(f[i]->body, 0x5a, f[i]->len);
		riod_frame_free(f[i]);
		KUNIT_EXPECT_EQ(test, 0, words_left(body, 2000, 0x5a));
	}
}

static struct kunit_case transport_cases[] = {
	KUNIT_CASE(by_name),
	KUNIT_CASE(frames),
	KUNIT_CASE(frames_zeroed),
	KUNIT_CASE_PARAM(both_ways, pair_transport_gen_params),
	KUNIT_CASE_PARAM(impossible_length, pair_transport_gen_params),
	KUNIT_CASE_PARAM(end_of_stream, pair_transport_gen_params),
	KUNIT_CASE_PARAM(shutdown_wakes_recv, pair_transport_gen_params),
	KUNIT_CASE_PARAM(shutdown_wakes_send, pair_transport_gen_params),
	KUNIT_CASE_PARAM(timeouts, pair_transport_gen_params),
	KUNIT_CASE_PARAM(kill_ends_recv, pair_transport_gen_params),
	KUNIT_CASE_PARAM(addresses, pair_transport_gen_params),
	KUNIT_CASE_PARAM(listeners, pair_transport_gen_params),
	KUNIT_CASE_PARAM(unlisten_waits, pair_transport_gen_params),
	KUNIT_CASE_PARAM(connections_pin, pair_transport_gen_params),
	KUNIT_CASE_PARAM(frames_outlive, pair_transport_gen_params),
	KUNIT_CASE_PARAM(local_address, pair_transport_gen_params),
	KUNIT_CASE(tcp_splits),
	KUNIT_CASE(tcp_drip),
	KUNIT_CASE(tcp_cut_short),
	KUNIT_CASE(tcp_dual_stack),
	KUNIT_CASE(tcp_file),
	KUNIT_CASE(tcp_records),
	KUNIT_CASE(tcp_connect_gives_up),
	{}
};

static struct kunit_suite transport_suite = {
	.name = "riod_transport",
	.suite_init = pair_suite_init,
	.test_cases = transport_cases,
};

kunit_test_suite(transport_suite);

MODULE_DESCRIPTION("KUnit tests of riod's transports");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
RIOD_COMPAT_IMPORT_NS(RIOD);

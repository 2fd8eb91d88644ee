// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames over TCP
 *
 * Kernel sockets, with blocking calls from threads of the callers: the
 * session's, the listener's, or a task that waits for a handshake.
 * kernel_sock_shutdown(), a timeout or, in a user task, a signal ends a
 * sleeping call.
 *
 * Each socket holds a reference on its network namespace, like a user's socket:
 * the timers of a closed connection outlive the socket, so a BYE that was lost
 * is retransmitted after the close.
 *
 * The socket of a connection has a struct file, because the TLS handshake
 * upcall hands it to a daemon as a file descriptor.  From then on the file owns
 * the socket: closing drops the file, and its last user releases the socket.
 * That may be the daemon or, as fput() defers, a work item.  So closing shuts
 * the socket down first, which ends the connection at once and does not depend
 * on other users of the file.  The listening socket needs no file and is
 * released synchronously.
 */
#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/tls_prot.h>
#include <uapi/linux/tls.h>

#include "tcp.h"

/* Reads collect many small frames; large bodies are read to their destination. */
#define RIOD_TCP_BUF	SZ_32K
#define RIOD_TCP_VECS	64	/* kvecs per sendmsg, two per frame */
#define RIOD_TCP_BACKLOG 16

/**
 * struct riod_tcp_conn - a connection
 * @conn: the transport's common part
 * @sock: owned by @sock->file, on which a reference is held
 * @recv_timeo: longest that one recv may take in jiffies, 0: no limit
 * @buf: RIOD_TCP_BUF bytes of read-ahead; only used by the caller of recv
 * @head: first unread byte in @buf
 * @tail: first byte behind the data in @buf
 */
struct riod_tcp_conn {
	struct riod_conn conn;
	struct socket *sock;
	unsigned long recv_timeo;
	u8 *buf;
	u32 head;
	u32 tail;
};

/**
 * struct riod_tcp_listener - a listening socket and its thread
 * @sock: owned; unlisten shuts it down, which ends the thread's accept
 * @task: calls @accept for one connection after the other; a reference is held
 * @accept: callback of the owner
 * @priv: its second argument
 */
struct riod_tcp_listener {
	struct socket *sock;
	struct task_struct *task;
	void (*accept)(struct riod_conn *conn, void *priv);
	void *priv;
};

static struct riod_tcp_conn *to_tcp(struct riod_conn *conn)
{
	return container_of(conn, struct riod_tcp_conn, conn);
}

/* errors of the socket layer as the ops document them */
static int riod_tcp_error(int err)
{
	switch (err) {
	case -ERESTARTSYS:
		return -EINTR;
	case -EAGAIN:
	case -EINPROGRESS:
		return -ETIMEDOUT;
	default:
		return err;
	}
}

static int riod_tcp_socket(struct net *net, int family, struct socket **sock)
{
	int err = sock_create_kern(net, family, SOCK_STREAM, IPPROTO_TCP, sock);

	if (err)
		return err;
	/* the caller holds a reference on @net, so its count is not 0 */
	sk_net_refcnt_upgrade((*sock)->sk);
	tcp_sock_set_nodelay((*sock)->sk);
	return 0;
}

static struct riod_tcp_conn *riod_tcp_alloc(void)
{
	struct riod_tcp_conn *tc = kzalloc(sizeof(*tc), GFP_KERNEL);

	if (!tc)
		return NULL;
	tc->buf = kvmalloc(RIOD_TCP_BUF, GFP_KERNEL);
	if (tc->buf)
		return tc;
	kfree(tc);
	return NULL;
}

/* consumes @sock, also on error */
static struct riod_conn *riod_tcp_wrap(struct socket *sock)
{
	struct riod_tcp_conn *tc = riod_tcp_alloc();
	struct file *file;

	if (!tc) {
		sock_release(sock);
		return ERR_PTR(-ENOMEM);
	}
	/* releases the socket on error */
	file = sock_alloc_file(sock, O_CLOEXEC, NULL);
	if (IS_ERR(file)) {
		kvfree(tc->buf);
		kfree(tc);
		return ERR_CAST(file);
	}
	tc->sock = sock;
	riod_conn_init(&tc->conn, &riod_tcp_ops);
	return &tc->conn;
}

static int riod_tcp_addr_len(const struct sockaddr_storage *addr)
{
	switch (addr->ss_family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	default:
		return -EAFNOSUPPORT;
	}
}

/* bind the local end, if requested */
static int riod_tcp_bind_local(struct socket *sock, const struct riod_connect_params *p)
{
	struct sockaddr_storage from = p->local;

	if (from.ss_family == AF_UNSPEC)
		return 0;
	if (from.ss_family != p->addr.ss_family)
		return -EAFNOSUPPORT;
	return kernel_bind(sock, (void *)&from, riod_tcp_addr_len(&from));
}

static int riod_tcp_dial(struct socket *sock, const struct riod_connect_params *p)
{
	struct sockaddr_storage to = p->addr;
	int err;

	err = riod_tcp_bind_local(sock, p);
	if (err)
		return err;
	sock->sk->sk_sndtimeo = msecs_to_jiffies(p->timeout_ms) ?: 1;
	err = kernel_connect(sock, (void *)&to, riod_tcp_addr_len(&to), 0);
	sock->sk->sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
	return riod_tcp_error(err);
}

static struct riod_conn *riod_tcp_connect(const struct riod_connect_params *p)
{
	struct socket *sock;
	int err;

	err = riod_tcp_addr_len(&p->addr);
	if (err < 0)
		return ERR_PTR(err);
	err = riod_tcp_socket(p->net, p->addr.ss_family, &sock);
	if (err)
		return ERR_PTR(err);
	err = riod_tcp_dial(sock, p);
	if (!err)
		return riod_tcp_wrap(sock);
	sock_release(sock);
	return ERR_PTR(err);
}

static int riod_tcp_bind(struct socket *sock, const struct sockaddr_storage *addr)
{
	struct sockaddr_storage at = *addr;
	int err;

	sock_set_reuseaddr(sock->sk);
	if (addr->ss_family == AF_INET6) {
		/* accept both families, whatever the sysctl says */
		lock_sock(sock->sk);
		sock->sk->sk_ipv6only = false;
		release_sock(sock->sk);
	}
	err = kernel_bind(sock, (void *)&at, riod_tcp_addr_len(addr));
	return err ?: kernel_listen(sock, RIOD_TCP_BACKLOG);
}

static struct socket *riod_tcp_listen_on(struct net *net,
					 const struct sockaddr_storage *addr)
{
	struct socket *sock;
	int err;

	err = riod_tcp_addr_len(addr);
	if (err < 0)
		return ERR_PTR(err);
	err = riod_tcp_socket(net, addr->ss_family, &sock);
	if (err)
		return ERR_PTR(err);
	err = riod_tcp_bind(sock, addr);
	if (err) {
		sock_release(sock);
		return ERR_PTR(err);
	}
	return sock;
}

/* "::" falls back to the IPv4 wildcard on a host without IPv6 */
static bool riod_tcp_fallback(const struct sockaddr_storage *addr, int err,
			      struct sockaddr_storage *v4)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	struct sockaddr_in *in = (struct sockaddr_in *)v4;

	if (err != -EAFNOSUPPORT || addr->ss_family != AF_INET6 ||
	    !ipv6_addr_any(&in6->sin6_addr))
		return false;
	memset(v4, 0, sizeof(*v4));
	in->sin_family = AF_INET;
	in->sin_port = in6->sin6_port;
	in->sin_addr.s_addr = htonl(INADDR_ANY);
	return true;
}

static void riod_tcp_accepted(struct riod_tcp_listener *l, struct socket *sock)
{
	struct riod_conn *conn;

	tcp_sock_set_nodelay(sock->sk);
	conn = riod_tcp_wrap(sock);
	if (!IS_ERR(conn))
		l->accept(conn, l->priv);
}

/* accept() fails once the socket is shut down */
static int riod_tcp_listener_thread(void *data)
{
	struct riod_tcp_listener *l = data;
	struct socket *sock;
	int err;

	while (!kthread_should_stop()) {
		err = kernel_accept(l->sock, &sock, 0);
		if (!err)
			riod_tcp_accepted(l, sock);
		else if (!kthread_should_stop())
			/* probably out of memory: wait before the next attempt */
			schedule_timeout_idle(msecs_to_jiffies(10));
	}
	return 0;
}

static struct riod_listener *riod_tcp_listen(const struct riod_listen_params *p)
{
	struct riod_tcp_listener *l;
	struct sockaddr_storage v4;
	struct task_struct *task;
	struct socket *sock;

	sock = riod_tcp_listen_on(p->net, &p->addr);
	if (IS_ERR(sock) && riod_tcp_fallback(&p->addr, PTR_ERR(sock), &v4))
		sock = riod_tcp_listen_on(p->net, &v4);
	if (IS_ERR(sock))
		return ERR_CAST(sock);
	l = kzalloc(sizeof(*l), GFP_KERNEL);
	if (!l) {
		sock_release(sock);
		return ERR_PTR(-ENOMEM);
	}
	l->sock = sock;
	l->accept = p->accept;
	l->priv = p->priv;
	task = kthread_create(riod_tcp_listener_thread, l, "riod_listen");
	if (IS_ERR(task)) {
		sock_release(sock);
		kfree(l);
		return ERR_CAST(task);
	}
	l->task = get_task_struct(task);
	wake_up_process(task);
	return (struct riod_listener *)l;
}

/*
 * shutdown() makes accept() fail permanently; kthread_stop() waits for a
 * running callback.  In between the thread does not spin: it sleeps 10 ms after
 * each error.
 */
static void riod_tcp_unlisten(struct riod_listener *listener)
{
	struct riod_tcp_listener *l = (struct riod_tcp_listener *)listener;

	kernel_sock_shutdown(l->sock, SHUT_RDWR);
	kthread_stop_put(l->task);
	sock_release(l->sock);
	kfree(l);
}

/* send all of @vec; in a user task a signal may end it in the middle */
static int riod_tcp_send_vec(struct riod_tcp_conn *tc, struct kvec *vec,
			     unsigned int n, size_t size, bool more)
{
	struct msghdr msg = {
		.msg_flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0),
	};
	int ret;

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, vec, n, size);
	while (msg_data_left(&msg)) {
		ret = sock_sendmsg(tc->sock, &msg);
		if (ret < 0)
			return riod_tcp_error(ret);
	}
	return 0;
}

static int riod_tcp_send(struct riod_conn *conn, struct list_head *frames)
{
	struct kvec vec[RIOD_TCP_VECS];
	struct riod_frame *f;
	unsigned int n = 0;
	size_t size = 0;
	int err;

	list_for_each_entry(f, frames, list) {
		vec[n].iov_base = &f->hdr;
		vec[n++].iov_len = sizeof(f->hdr);
		if (f->len) {
			vec[n].iov_base = f->body;
			vec[n++].iov_len = f->len;
		}
		size += riod_frame_size(f);
		if (n + 2 <= ARRAY_SIZE(vec) || list_is_last(&f->list, frames))
			continue;
		err = riod_tcp_send_vec(to_tcp(conn), vec, n, size, true);
		if (err)
			return err;
		n = 0;
		size = 0;
	}
	return riod_tcp_send_vec(to_tcp(conn), vec, n, size, false);
}

/*
 * With TLS, a control message holds the type of the record that the bytes came
 * from: data, an alert, or a handshake message.  Only data is part of the
 * stream of frames, and nothing here continues a handshake.
 */
static bool riod_tcp_is_data(const struct msghdr *msg, struct cmsghdr *cmsg)
{
	if (msg->msg_flags & MSG_CTRUNC)
		return false;
	return cmsg->cmsg_level != SOL_TLS || cmsg->cmsg_type != TLS_GET_RECORD_TYPE ||
	       *(u8 *)CMSG_DATA(cmsg) == TLS_RECORD_TYPE_DATA;
}

/* returns at least one byte, at most all of @vec; or an error */
static int riod_tcp_read(struct riod_tcp_conn *tc, struct kvec *vec,
			 unsigned int n, size_t size, unsigned long deadline)
{
	union {
		struct cmsghdr hdr;
		u8 buf[CMSG_SPACE(sizeof(u8))];
	} control = {};
	struct msghdr msg = {
		.msg_flags = MSG_NOSIGNAL,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	long left = MAX_SCHEDULE_TIMEOUT;
	int ret;

	if (tc->recv_timeo) {
		left = (long)(deadline - jiffies);
		if (left <= 0)
			return -ETIMEDOUT;
	}
	WRITE_ONCE(tc->sock->sk->sk_rcvtimeo, left);
	ret = kernel_recvmsg(tc->sock, &msg, vec, n, size, 0);
	if (!ret || (ret > 0 && !riod_tcp_is_data(&msg, &control.hdr)))
		return -ECONNRESET;
	return riod_tcp_error(ret);
}

/* read until a complete header is in the buffer */
static int riod_tcp_recv_hdr(struct riod_tcp_conn *tc, struct riod_frame_hdr *hdr,
			     unsigned long deadline)
{
	struct kvec vec;
	int ret;

	while (tc->tail - tc->head < sizeof(*hdr)) {
		/* cheap: less than a header is left */
		memmove(tc->buf, tc->buf + tc->head, tc->tail - tc->head);
		tc->tail -= tc->head;
		tc->head = 0;
		vec.iov_base = tc->buf + tc->tail;
		vec.iov_len = RIOD_TCP_BUF - tc->tail;
		ret = riod_tcp_read(tc, &vec, 1, vec.iov_len, deadline);
		if (ret < 0)
			return ret;
		tc->tail += ret;
	}
	memcpy(hdr, tc->buf + tc->head, sizeof(*hdr));
	tc->head += sizeof(*hdr);
	return 0;
}

/* read the rest of the body to its destination, and what follows it to the buffer */
static int riod_tcp_recv_body(struct riod_tcp_conn *tc, u8 *body, u32 len,
			      unsigned long deadline)
{
	u32 have = min(len, tc->tail - tc->head);
	struct kvec vec[2];
	int ret;

	memcpy(body, tc->buf + tc->head, have);
	tc->head += have;
	while (have < len) {
		/* the body has consumed the buffer */
		tc->head = 0;
		tc->tail = 0;
		vec[0].iov_base = body + have;
		vec[0].iov_len = len - have;
		vec[1].iov_base = tc->buf;
		vec[1].iov_len = RIOD_TCP_BUF;
		ret = riod_tcp_read(tc, vec, 2, len - have + RIOD_TCP_BUF, deadline);
		if (ret < 0)
			return ret;
		if (ret > len - have)
			tc->tail = ret - (len - have);
		have += min_t(u32, ret, len - have);
	}
	return 0;
}

static struct riod_frame *riod_tcp_recv(struct riod_conn *conn, u32 max_frame)
{
	struct riod_tcp_conn *tc = to_tcp(conn);
	unsigned long deadline = jiffies + tc->recv_timeo;
	struct riod_frame_hdr hdr;
	struct riod_frame *f;
	int err;

	err = riod_tcp_recv_hdr(tc, &hdr, deadline);
	if (err)
		return ERR_PTR(err);
	f = riod_frame_recv_alloc(&hdr, max_frame);
	if (IS_ERR(f))
		return f;
	err = riod_tcp_recv_body(tc, f->body, f->len, deadline);
	if (err) {
		riod_frame_free(f);
		return ERR_PTR(err);
	}
	return f;
}

static void riod_tcp_timeouts(struct riod_conn *conn, unsigned int recv_timeout_ms,
			      unsigned int send_timeout_ms)
{
	struct riod_tcp_conn *tc = to_tcp(conn);
	struct sock *sk = tc->sock->sk;

	tc->recv_timeo = msecs_to_jiffies(recv_timeout_ms);
	lock_sock(sk);
	sk->sk_sndtimeo = msecs_to_jiffies(send_timeout_ms) ?: MAX_SCHEDULE_TIMEOUT;
	release_sock(sk);
	/* unacknowledged data must not keep a closed connection alive for minutes */
	tcp_sock_set_user_timeout(sk, min_t(unsigned int, send_timeout_ms, INT_MAX));
}

static void riod_tcp_shutdown(struct riod_conn *conn)
{
	kernel_sock_shutdown(to_tcp(conn)->sock, SHUT_RDWR);
}

static void riod_tcp_close(struct riod_conn *conn)
{
	struct riod_tcp_conn *tc = to_tcp(conn);

	riod_tcp_shutdown(conn);
	fput(tc->sock->file);
	kvfree_sensitive(tc->buf, RIOD_TCP_BUF);
	kfree(tc);
}

static void riod_tcp_peer(struct riod_conn *conn, struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in in = { .sin_family = AF_INET };

	memset(addr, 0, sizeof(*addr));
	if (kernel_getpeername(to_tcp(conn)->sock, (void *)addr) < 0) {
		/* disconnected: no address, so no allow list matches */
		memset(addr, 0, sizeof(*addr));
		return;
	}
	if (addr->ss_family != AF_INET6 || !ipv6_addr_v4mapped(&in6->sin6_addr))
		return;
	in.sin_port = in6->sin6_port;
	in.sin_addr.s_addr = in6->sin6_addr.s6_addr32[3];
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, &in, sizeof(in));
}

static void riod_tcp_local(struct riod_conn *conn, struct sockaddr_storage *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (kernel_getsockname(to_tcp(conn)->sock, (void *)addr) < 0)
		memset(addr, 0, sizeof(*addr));
	riod_addr_set_port(addr, 0);
}

#if IS_ENABLED(CONFIG_KUNIT)
struct socket *riod_tcp_sock(struct riod_conn *conn)
{
	return to_tcp(conn)->sock;
}
EXPORT_SYMBOL_IF_KUNIT(riod_tcp_sock);
#endif

const struct riod_transport_ops riod_tcp_ops = {
	.name		= "tcp",
	.owner		= THIS_MODULE,
	.connect	= riod_tcp_connect,
	.listen		= riod_tcp_listen,
	.unlisten	= riod_tcp_unlisten,
	.send		= riod_tcp_send,
	.recv		= riod_tcp_recv,
	.timeouts	= riod_tcp_timeouts,
	.shutdown	= riod_tcp_shutdown,
	.close		= riod_tcp_close,
	.peer		= riod_tcp_peer,
	.local		= riod_tcp_local,
};

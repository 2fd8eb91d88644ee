// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two ends in one kernel's memory, for tests
 *
 * Behaves like a socket in the aspects that matter: a sender blocks while the
 * reader is behind, data sent before a shutdown can be read after it, and a
 * listener is found by its port (in any network namespace).
 *
 * Unlike TCP, it delivers frames with their own free function, like a transport
 * that receives into its own buffers.
 */
#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inet.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "compat_export.h"
#include "loop.h"

#define RIOD_LOOP_QUEUE		SZ_64K	/* bytes in flight, in each direction */
#define RIOD_LOOP_BACKLOG	16

/**
 * struct riod_loop_pipe - one direction
 * @lock: protects all members; innermost
 * @wait: reader and writer wait here
 * @frames: copies of frames in flight
 * @bytes: total length of @frames
 * @shut: either end was shut down
 */
struct riod_loop_pipe {
	spinlock_t lock;		/* all members */
	wait_queue_head_t wait;
	struct list_head frames;
	u32 bytes;
	bool shut;
};

/**
 * struct riod_loop_pair - a connection; lives until both ends are closed
 * @ref: one reference per end
 * @port: port of the listener
 * @pipe: end n writes to pipe n
 */
struct riod_loop_pair {
	struct kref ref;
	__be16 port;
	struct riod_loop_pipe pipe[2];
};

struct riod_loop_conn {
	struct riod_conn conn;
	struct list_head backlog;	/* until accepted: under riod_loop_lock */
	struct riod_loop_pair *pair;
	unsigned int side;
	long recv_timeo;
	long send_timeo;
};

struct riod_loop_listener {
	struct list_head list;		/* this and the next three: under riod_loop_lock */
	struct list_head backlog;
	unsigned int nbacklog;
	__be16 port;
	wait_queue_head_t wait;
	struct task_struct *task;
	void (*accept)(struct riod_conn *conn, void *priv);
	void *priv;
};

/* Protects riod_loop_listeners and the backlogs; no lock is taken inside. */
static DEFINE_SPINLOCK(riod_loop_lock);
static LIST_HEAD(riod_loop_listeners);

/* frames of all connections that were not freed yet */
static atomic_t riod_loop_frames = ATOMIC_INIT(0);

static struct riod_loop_conn *to_loop(struct riod_conn *conn)
{
	return container_of(conn, struct riod_loop_conn, conn);
}

static __be16 riod_loop_port(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET6)
		return ((const struct sockaddr_in6 *)addr)->sin6_port;
	return ((const struct sockaddr_in *)addr)->sin_port;
}

static void riod_loop_pipe_init(struct riod_loop_pipe *p)
{
	spin_lock_init(&p->lock);
	init_waitqueue_head(&p->wait);
	INIT_LIST_HEAD(&p->frames);
}

static void riod_loop_pair_release(struct kref *ref)
{
	struct riod_loop_pair *pair = container_of(ref, struct riod_loop_pair, ref);
	struct riod_frame *f, *next;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(pair->pipe); n++) {
		list_for_each_entry_safe(f, next, &pair->pipe[n].frames, list)
			riod_frame_free(f);
	}
	kfree(pair);
}

/* takes a reference on @pair */
static struct riod_loop_conn *riod_loop_end(struct riod_loop_pair *pair,
					    unsigned int side)
{
	struct riod_loop_conn *lc = kzalloc(sizeof(*lc), GFP_KERNEL);

	if (!lc)
		return NULL;
	kref_get(&pair->ref);
	riod_conn_init(&lc->conn, &riod_loop_ops);
	INIT_LIST_HEAD(&lc->backlog);
	lc->pair = pair;
	lc->side = side;
	lc->recv_timeo = MAX_SCHEDULE_TIMEOUT;
	lc->send_timeo = MAX_SCHEDULE_TIMEOUT;
	return lc;
}

static void riod_loop_shutdown(struct riod_conn *conn)
{
	struct riod_loop_conn *lc = to_loop(conn);
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(lc->pair->pipe); n++) {
		struct riod_loop_pipe *p = &lc->pair->pipe[n];

		spin_lock(&p->lock);
		p->shut = true;
		wake_up_all(&p->wait);
		spin_unlock(&p->lock);
	}
}

static void riod_loop_close(struct riod_conn *conn)
{
	struct riod_loop_conn *lc = to_loop(conn);

	riod_loop_shutdown(conn);
	kref_put(&lc->pair->ref, riod_loop_pair_release);
	kfree(lc);
}

static int riod_loop_knock(struct riod_loop_conn *lc, __be16 port)
{
	struct riod_loop_listener *l;
	int err = -ECONNREFUSED;

	spin_lock(&riod_loop_lock);
	list_for_each_entry(l, &riod_loop_listeners, list) {
		if (l->port != port || l->nbacklog == RIOD_LOOP_BACKLOG)
			continue;
		list_add_tail(&lc->backlog, &l->backlog);
		l->nbacklog++;
		wake_up(&l->wait);
		err = 0;
		break;
	}
	spin_unlock(&riod_loop_lock);
	return err;
}

static struct riod_conn *riod_loop_connect(const struct riod_connect_params *p)
{
	struct riod_loop_conn *near, *far;
	struct riod_loop_pair *pair;
	int err = -ENOMEM;

	if (p->local.ss_family != AF_UNSPEC)
		return ERR_PTR(-EOPNOTSUPP);
	pair = kzalloc(sizeof(*pair), GFP_KERNEL);
	if (!pair)
		return ERR_PTR(-ENOMEM);
	kref_init(&pair->ref);
	pair->port = riod_loop_port(&p->addr);
	riod_loop_pipe_init(&pair->pipe[0]);
	riod_loop_pipe_init(&pair->pipe[1]);
	near = riod_loop_end(pair, 0);
	far = riod_loop_end(pair, 1);
	kref_put(&pair->ref, riod_loop_pair_release);
	if (near && far)
		err = riod_loop_knock(far, pair->port);
	if (!err)
		return &near->conn;
	if (far)
		riod_conn_close(&far->conn);
	if (near)
		riod_conn_close(&near->conn);
	return ERR_PTR(err);
}

static struct riod_loop_conn *riod_loop_next(struct riod_loop_listener *l)
{
	struct riod_loop_conn *lc;

	spin_lock(&riod_loop_lock);
	lc = list_first_entry_or_null(&l->backlog, struct riod_loop_conn, backlog);
	if (lc) {
		list_del_init(&lc->backlog);
		l->nbacklog--;
	}
	spin_unlock(&riod_loop_lock);
	return lc;
}

static int riod_loop_listener_thread(void *data)
{
	struct riod_loop_listener *l = data;
	struct riod_loop_conn *lc;

	for (;;) {
		lc = NULL;
		wait_event_idle(l->wait, kthread_should_stop() ||
				(lc = riod_loop_next(l)));
		if (!lc)
			return 0;
		l->accept(&lc->conn, l->priv);
	}
}

static int riod_loop_publish(struct riod_loop_listener *l)
{
	struct riod_loop_listener *other;
	int err = 0;

	spin_lock(&riod_loop_lock);
	list_for_each_entry(other, &riod_loop_listeners, list) {
		if (other->port == l->port)
			err = -EADDRINUSE;
	}
	if (!err)
		list_add_tail(&l->list, &riod_loop_listeners);
	spin_unlock(&riod_loop_lock);
	return err;
}

static void riod_loop_unlisten(struct riod_listener *listener)
{
	struct riod_loop_listener *l = (struct riod_loop_listener *)listener;
	struct riod_loop_conn *lc;

	spin_lock(&riod_loop_lock);
	list_del(&l->list);
	spin_unlock(&riod_loop_lock);
	kthread_stop_put(l->task);
	while ((lc = riod_loop_next(l)))
		riod_conn_close(&lc->conn);
	kfree(l);
}

static struct riod_listener *riod_loop_listen(const struct riod_listen_params *p)
{
	struct riod_loop_listener *l = kzalloc(sizeof(*l), GFP_KERNEL);
	struct task_struct *task;
	int err;

	if (!l)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&l->backlog);
	init_waitqueue_head(&l->wait);
	l->port = riod_loop_port(&p->addr);
	l->accept = p->accept;
	l->priv = p->priv;
	task = kthread_create(riod_loop_listener_thread, l, "riod_loop");
	if (IS_ERR(task)) {
		kfree(l);
		return ERR_CAST(task);
	}
	l->task = get_task_struct(task);
	err = riod_loop_publish(l);
	if (err) {
		kthread_stop_put(l->task);
		kfree(l);
		return ERR_PTR(err);
	}
	wake_up_process(task);
	return (struct riod_listener *)l;
}

static void riod_loop_frame_free(struct riod_frame *f)
{
	atomic_dec(&riod_loop_frames);
	f->free = NULL;
	riod_frame_free(f);
}

int riod_loop_frames_out(void)
{
	return atomic_read(&riod_loop_frames);
}
EXPORT_SYMBOL_GPL(riod_loop_frames_out);

static struct riod_frame *riod_loop_copy(const struct riod_frame *f)
{
	struct riod_frame *copy = riod_frame_alloc(f->hdr.type, f->hdr.func, f->len,
						   GFP_KERNEL);

	if (copy) {
		copy->hdr = f->hdr;
		memcpy(copy->body, f->body, f->len);
		copy->free = riod_loop_frame_free;
		atomic_inc(&riod_loop_frames);
	}
	return copy;
}

/* 1: queued, @f is consumed; 0: no room yet; -EPIPE */
static int riod_loop_push(struct riod_loop_pipe *p, struct riod_frame *f)
{
	u32 size = riod_frame_size(f);
	int ret = 0;

	spin_lock(&p->lock);
	if (p->shut) {
		ret = -EPIPE;
	} else if (!p->bytes || p->bytes + size <= RIOD_LOOP_QUEUE) {
		list_add_tail(&f->list, &p->frames);
		p->bytes += size;
		wake_up_all(&p->wait);
		ret = 1;
	}
	spin_unlock(&p->lock);
	return ret;
}

static int riod_loop_send_one(struct riod_loop_conn *lc, const struct riod_frame *f)
{
	struct riod_loop_pipe *p = &lc->pair->pipe[lc->side];
	struct riod_frame *copy = riod_loop_copy(f);
	int ret = 0;
	long left;

	if (!copy)
		return -ENOMEM;
	left = wait_event_interruptible_timeout(p->wait,
						(ret = riod_loop_push(p, copy)),
						lc->send_timeo);
	if (ret > 0)
		return 0;
	riod_frame_free(copy);
	if (ret)
		return ret;
	return left ? -EINTR : -ETIMEDOUT;
}

static int riod_loop_send(struct riod_conn *conn, struct list_head *frames)
{
	struct riod_frame *f;
	int err;

	list_for_each_entry(f, frames, list) {
		err = riod_loop_send_one(to_loop(conn), f);
		if (err)
			return err;
	}
	return 0;
}

/* returns the next frame, an ERR_PTR() at the end of the stream, NULL: none yet */
static struct riod_frame *riod_loop_pop(struct riod_loop_pipe *p)
{
	struct riod_frame *f;

	spin_lock(&p->lock);
	f = list_first_entry_or_null(&p->frames, struct riod_frame, list);
	if (f) {
		list_del_init(&f->list);
		p->bytes -= riod_frame_size(f);
		wake_up_all(&p->wait);
	} else if (p->shut) {
		f = ERR_PTR(-ECONNRESET);
	}
	spin_unlock(&p->lock);
	return f;
}

static struct riod_frame *riod_loop_recv(struct riod_conn *conn, u32 max_frame)
{
	struct riod_loop_conn *lc = to_loop(conn);
	struct riod_loop_pipe *p = &lc->pair->pipe[!lc->side];
	struct riod_frame *f = NULL;
	long left;

	left = wait_event_interruptible_timeout(p->wait, (f = riod_loop_pop(p)),
						lc->recv_timeo);
	if (!f)
		return ERR_PTR(left ? -EINTR : -ETIMEDOUT);
	if (IS_ERR(f))
		return f;
	/* the length in the header must match; a stream would lose synchronization here */
	if (le32_to_cpu(f->hdr.len) > max_frame ||
	    le32_to_cpu(f->hdr.len) != riod_frame_size(f)) {
		riod_frame_free(f);
		return ERR_PTR(-EPROTO);
	}
	return f;
}

static void riod_loop_timeouts(struct riod_conn *conn, unsigned int recv_timeout_ms,
			       unsigned int send_timeout_ms)
{
	struct riod_loop_conn *lc = to_loop(conn);

	lc->recv_timeo = msecs_to_jiffies(recv_timeout_ms) ?: MAX_SCHEDULE_TIMEOUT;
	lc->send_timeo = msecs_to_jiffies(send_timeout_ms) ?: MAX_SCHEDULE_TIMEOUT;
}

static void riod_loop_peer(struct riod_conn *conn, struct sockaddr_storage *addr)
{
	struct riod_loop_conn *lc = to_loop(conn);
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = lc->pair->port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	memset(addr, 0, sizeof(*addr));
	memcpy(addr, &in, sizeof(in));
}

static void riod_loop_local(struct riod_conn *conn, struct sockaddr_storage *addr)
{
	memset(addr, 0, sizeof(*addr));
}

const struct riod_transport_ops riod_loop_ops = {
	.name		= "loop",
	.owner		= THIS_MODULE,
	.connect	= riod_loop_connect,
	.listen		= riod_loop_listen,
	.unlisten	= riod_loop_unlisten,
	.send		= riod_loop_send,
	.recv		= riod_loop_recv,
	.timeouts	= riod_loop_timeouts,
	.shutdown	= riod_loop_shutdown,
	.close		= riod_loop_close,
	.peer		= riod_loop_peer,
	.local		= riod_loop_local,
};
EXPORT_SYMBOL_GPL(riod_loop_ops);

static char *riod_loop_rdma;
module_param_named(rdma, riod_loop_rdma, charp, 0444);
MODULE_PARM_DESC(rdma, "IPv4 address of an RDMA device: tests use the transport rdma, too");

__be32 riod_loop_rdma_addr(void)
{
	return riod_loop_rdma ? in_aton(riod_loop_rdma) : 0;
}
EXPORT_SYMBOL_GPL(riod_loop_rdma_addr);

static int __init riod_loop_init(void)
{
	return riod_transport_register(&riod_loop_ops);
}

static void __exit riod_loop_exit(void)
{
	riod_transport_unregister(&riod_loop_ops);
	WARN_ON(riod_loop_frames_out());
}

module_init(riod_loop_init);
module_exit(riod_loop_exit);

MODULE_DESCRIPTION("riod's loop transport, for KUnit");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);

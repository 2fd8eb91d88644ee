/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Both ends of a connection in one kernel, and threads, for the tests of the
 * layers above a transport.  The same test bodies run on every transport.
 */
#ifndef _RIOD_TESTS_PAIR_H
#define _RIOD_TESTS_PAIR_H

#include <kunit/resource.h>
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/in.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <net/net_namespace.h>

#include "load.h"
#include "loop.h"

#define PAIR_PORT	27463
#define PAIR_PORTS	64
/* time limit of a wait that must succeed; reached only if the test fails */
#define PAIR_WAIT	(120 * HZ)

/* an interrupt to the frontend, with its epoch */
static inline struct riod_frame *irq_of(u32 epoch)
{
	struct riod_wire_irq *q;
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_IRQ, 0,
						struct_size(q, vectors, 1), GFP_KERNEL);

	if (!f)
		return NULL;
	q = (struct riod_wire_irq *)f->body;
	q->count = cpu_to_le16(1);
	q->epoch = cpu_to_le32(epoch);
	return f;
}

/*
 * Parameters of the cases.  The loop transport is not part of riod_core; rdma is
 * skipped unless riod_loop was given the address of an RDMA device.
 */
static const char * const pair_transports[] __maybe_unused = { "loop", "tcp", "rdma" };

/* the host's address for a transport; 0: there is none */
static inline __be32 pair_host(const char *transport)
{
	return strcmp(transport, "rdma") ? htonl(INADDR_LOOPBACK) : riod_loop_rdma_addr();
}

static inline void pair_desc(const char * const *name, char *desc)
{
	strscpy(desc, *name, KUNIT_PARAM_DESC_SIZE);
}

/* for suites with cases of several transports */
#ifndef PAIR_ONE_TRANSPORT
KUNIT_ARRAY_PARAM(pair_transport, pair_transports, pair_desc);
#endif

/* polls for a state that has no event */
#define pair_eventually(cond) ({				\
	unsigned long __until = jiffies + PAIR_WAIT;		\
	bool __ok;						\
								\
	while (!(__ok = (cond)) && time_before(jiffies, __until))	\
		schedule_timeout_idle(1);			\
	__ok;							\
})

/* a timeout ends the test, because later waits would time out, too */
#define pair_expect_done(test, done)				\
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(done, PAIR_WAIT), 0)

/* suite init: user space may not have brought up the loopback device */
static inline int pair_suite_init(struct kunit_suite *suite)
{
	int err;

	rtnl_lock();
	err = dev_open(init_net.loopback_dev, NULL);
	rtnl_unlock();
	return err;
}

/**
 * struct pair - two ends of a connection
 * @ops: transport, with a reference
 * @addr: address of the listener
 * @listener: accepts @far
 * @got: @far was accepted
 * @accept: if set, takes the connections that are accepted from now on
 * @accept_priv: its second argument
 * @near: connected end; the test sets it to NULL if it closes it by itself
 * @far: accepted end; likewise
 */
struct pair {
	const struct riod_transport_ops *ops;
	struct sockaddr_storage addr;
	struct riod_listener *listener;
	struct completion got;
	void (*accept)(struct riod_conn *conn, void *priv);
	void *accept_priv;
	struct riod_conn *near;
	struct riod_conn *far;
};

static inline void pair_accept(struct riod_conn *conn, void *priv)
{
	struct pair *p = priv;

	if (p->accept) {
		p->accept(conn, p->accept_priv);
		return;
	}
	p->far = conn;
	complete(&p->got);
}

static inline void pair_set_addr(struct pair *p, __be32 host, u16 port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&p->addr;

	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	in->sin_addr.s_addr = host;
}

static inline void pair_exit(void *data)
{
	struct pair *p = data;

	if (p->near)
		riod_conn_close(p->near);
	if (p->far)
		riod_conn_close(p->far);
	if (!IS_ERR_OR_NULL(p->listener))
		p->ops->unlisten(p->listener);
	riod_transport_put(p->ops);
	/* every test frees the frames that it received */
	WARN_ON_ONCE(riod_loop_frames_out());
}

/* a listener at the address of @p */
static inline struct riod_listener *
pair_listen_at(struct pair *p, void (*accept)(struct riod_conn *conn, void *priv), void *priv)
{
	struct riod_listen_params params = {
		.net = &init_net, .addr = p->addr, .accept = accept, .priv = priv,
	};

	return p->ops->listen(&params);
}

/* connects to the address of @p */
static inline struct riod_conn *pair_dial(struct pair *p, unsigned int timeout_ms)
{
	struct riod_connect_params params = {
		.net = &init_net, .addr = p->addr, .timeout_ms = timeout_ms,
	};

	return p->ops->connect(&params);
}

/* a listener at the first free port */
static inline struct pair *pair_listen(struct kunit *test)
{
	struct pair *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	const char * const *name = test->param_value;
	__be32 host = pair_host(*name);
	unsigned int n;

	if (!host)
		kunit_skip(test, "no RDMA device (riod_loop.rdma=ADDRESS)");
	KUNIT_ASSERT_NOT_NULL(test, p);
	init_completion(&p->got);
	p->ops = riod_transport_get(*name);
	KUNIT_ASSERT_NOT_NULL(test, p->ops);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pair_exit, p), 0);
	for (n = 0; n < PAIR_PORTS; n++) {
		pair_set_addr(p, host, PAIR_PORT + n);
		p->listener = pair_listen_at(p, pair_accept, p);
		if (PTR_ERR_OR_ZERO(p->listener) != -EADDRINUSE)
			break;
	}
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, p->listener);
	return p;
}

static inline struct pair *pair_connect(struct kunit *test)
{
	struct pair *p = pair_listen(test);
	struct riod_conn *conn;

	conn = pair_dial(p, 10000);
	KUNIT_ASSERT_FALSE(test, IS_ERR(conn));
	p->near = conn;
	pair_expect_done(test, &p->got);
	KUNIT_ASSERT_NOT_NULL(test, p->far);
	/* a failing test must not hang */
	p->ops->timeouts(p->near, 20000, 20000);
	p->ops->timeouts(p->far, 20000, 20000);
	return p;
}

/* a copy that outlives the test's stack, which is gone first when the test fails */
static inline void *pair_keep(struct kunit *test, const void *value, size_t size)
{
	void *copy = kunit_kmalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	return memcpy(copy, value, size);
}

#define keep(test, value) ((typeof(value) *)pair_keep(test, &(value), sizeof(value)))

static inline int pair_send(struct riod_conn *conn, struct riod_frame *f)
{
	LIST_HEAD(frames);
	int err;

	list_add_tail(&f->list, &frames);
	err = conn->ops->send(conn, &frames);
	riod_frame_free(f);
	return err;
}

/**
 * struct runner - a thread of a test
 * @fn: body of the thread
 * @priv: argument of @fn
 * @ret: return value of @fn
 * @task: the thread; a reference is held
 * @started: @fn is about to be called
 * @done: @ret is valid
 */
struct runner {
	int (*fn)(void *priv);
	void *priv;
	int ret;
	struct task_struct *task;
	struct completion started;
	struct completion done;
};

static inline int runner_thread(void *data)
{
	struct runner *r = data;

	/* makes runner_kill() work as on a user space task */
	allow_signal(SIGKILL);
	complete(&r->started);
	r->ret = r->fn(r->priv);
	complete(&r->done);
	return 0;
}

static inline void runner_kill(struct runner *r)
{
	send_sig(SIGKILL, r->task, 1);
}

static inline void runner_exit(void *data)
{
	struct runner *r = data;

	/* if the test failed; all waits of the thread are killable */
	runner_kill(r);
	kthread_stop_put(r->task);
}

/* the thread is joined at the end of the test, if not before */
static inline struct runner *runner_start(struct kunit *test, int (*fn)(void *priv),
					  void *priv)
{
	struct runner *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct task_struct *task;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->fn = fn;
	r->priv = priv;
	init_completion(&r->started);
	init_completion(&r->done);
	task = kthread_create(runner_thread, r, "riod_test");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	r->task = get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&r->started);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, runner_exit, r), 0);
	return r;
}

static inline int runner_join(struct kunit *test, struct runner *r)
{
	pair_expect_done(test, &r->done);
	return r->ret;
}

#endif /* _RIOD_TESTS_PAIR_H */

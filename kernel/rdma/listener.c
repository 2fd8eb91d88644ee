// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listeners, and accepted connections until their owner gets them
 *
 * A listener on a wildcard address listens on all adapters that there are and
 * that there will be: the CM does this.  A listener on one address loses its
 * adapter for good.
 */
#include <linux/err.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "rdma.h"

#define RIOD_RDMA_BACKLOG	16

/**
 * struct riod_rdma_listener - listening cm_ids and their thread
 * @id: the cm_ids: one, or for "::" one of each family, because some iWARP adapters
 *	accept no IPv4 client on "::"; whoever takes one by xchg() destroys it
 * @removed_work: destroys them after their adapter was removed
 * @wait: the thread waits here for a connection
 * @pending: connections from their request until the thread passes them on, under
 *	riod_rdma_pending_lock; the listener has their owner's reference
 * @task: calls @accept for one connection after the other; a reference is held
 * @admit: callback of the owner, or NULL
 * @accept: likewise, not NULL
 * @priv: the second argument of both
 */
struct riod_rdma_listener {
	struct rdma_cm_id *id[2];
	struct work_struct removed_work;
	wait_queue_head_t wait;
	struct list_head pending;
	struct task_struct *task;
	bool (*admit)(const struct sockaddr_storage *peer, void *priv);
	void (*accept)(struct riod_conn *conn, void *priv);
	void *priv;
};

/*
 * Protects the lists of pending connections, and @listener and @ready of those.
 * Process context only.  No lock is taken inside, except by waking the thread.
 */
static DEFINE_SPINLOCK(riod_rdma_pending_lock);

void riod_rdma_pending_add(struct riod_rdma_listener *l, struct riod_rdma_conn *rc)
{
	spin_lock(&riod_rdma_pending_lock);
	rc->listener = l;
	list_add_tail(&rc->pending, &l->pending);
	spin_unlock(&riod_rdma_pending_lock);
}

static void riod_rdma_pending_unlink(struct riod_rdma_conn *rc)
{
	lockdep_assert_held(&riod_rdma_pending_lock);
	list_del(&rc->pending);
	rc->listener = NULL;
}

/* true: the listener's reference is now the caller's */
bool riod_rdma_pending_del(struct riod_rdma_conn *rc)
{
	bool was;

	spin_lock(&riod_rdma_pending_lock);
	was = rc->listener;
	if (was)
		riod_rdma_pending_unlink(rc);
	spin_unlock(&riod_rdma_pending_lock);
	return was;
}

/* @rc is established: the listener's thread may pass it on */
void riod_rdma_pending_ready(struct riod_rdma_conn *rc)
{
	spin_lock(&riod_rdma_pending_lock);
	rc->ready = true;
	if (rc->listener)
		wake_up(&rc->listener->wait);
	spin_unlock(&riod_rdma_pending_lock);
}

/* take the first connection that is ready, or if @all any; NULL: none */
static struct riod_rdma_conn *riod_rdma_pending_take(struct riod_rdma_listener *l, bool all)
{
	struct riod_rdma_conn *rc, *found = NULL;

	spin_lock(&riod_rdma_pending_lock);
	list_for_each_entry(rc, &l->pending, pending) {
		if (!all && !rc->ready)
			continue;
		riod_rdma_pending_unlink(rc);
		found = rc;
		break;
	}
	spin_unlock(&riod_rdma_pending_lock);
	return found;
}

static int riod_rdma_listener_thread(void *data)
{
	struct riod_rdma_listener *l = data;
	struct riod_rdma_conn *rc;

	for (;;) {
		rc = NULL;
		wait_event_idle(l->wait, kthread_should_stop() ||
				(rc = riod_rdma_pending_take(l, false)));
		if (!rc)
			return 0;
		if (riod_rdma_conn_pass(rc)) {
			riod_conn_init(&rc->conn, &riod_rdma_ops);
			l->accept(&rc->conn, l->priv);
		} else {
			riod_rdma_conn_put(rc);
		}
	}
}

/* with the mutex of the listening cm_id held, so not after unlisten has destroyed it */
bool riod_rdma_listener_admits(struct riod_rdma_listener *l,
			       const struct sockaddr_storage *peer)
{
	return !l->admit || l->admit(peer, l->priv);
}

/* not in the event handler, which holds the mutex that rdma_destroy_id() takes */
static void riod_rdma_listener_destroy_id(struct riod_rdma_listener *l)
{
	struct rdma_cm_id *id;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(l->id); i++) {
		id = xchg(&l->id[i], NULL);
		if (id)
			rdma_destroy_id(id);
	}
}

static void riod_rdma_listener_removed(struct work_struct *work)
{
	riod_rdma_listener_destroy_id(container_of(work, struct riod_rdma_listener,
						   removed_work));
}

/* handler of the listener's cm_id, and first handler of the cm_id of a request */
static int riod_rdma_listener_event(struct rdma_cm_id *id, struct rdma_cm_event *ev)
{
	struct riod_rdma_listener *l = id->context;

	switch (ev->event) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		return riod_rdma_accept(l, id, ev);
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		/* the removal waits for the cm_id to be destroyed */
		queue_work(riod_rdma_wq, &l->removed_work);
		return 0;
	default:
		return 0;
	}
}

static bool riod_rdma_any(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET)
		return ((const struct sockaddr_in *)addr)->sin_addr.s_addr == htonl(INADDR_ANY);
	return ipv6_addr_any(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

static int riod_rdma_listener_bind(struct rdma_cm_id *id, const struct sockaddr_storage *to)
{
	struct sockaddr_storage addr = *to;
	int err;

	err = rdma_set_afonly(id, 1) ?: rdma_bind_addr(id, (struct sockaddr *)&addr);
	/* there always is a wildcard address, so it is the port, which another one has */
	if (err == -EADDRNOTAVAIL && riod_rdma_any(&addr))
		err = -EADDRINUSE;
	return err ?: rdma_listen(id, RIOD_RDMA_BACKLOG);
}

static int riod_rdma_listener_add(struct riod_rdma_listener *l, unsigned int n, struct net *net,
				  const struct sockaddr_storage *addr)
{
	struct rdma_cm_id *id;

	id = rdma_create_id(net, riod_rdma_listener_event, l, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(id))
		return PTR_ERR(id);
	/* requests may come, and the adapter may go, as soon as it listens */
	l->id[n] = id;
	return riod_rdma_listener_bind(id, addr);
}

static int riod_rdma_listener_open(struct riod_rdma_listener *l,
				   const struct riod_listen_params *p)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&p->addr;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = in6->sin6_port };
	struct sockaddr_storage v4 = {};
	int err;

	err = riod_rdma_listener_add(l, 0, p->net, &p->addr);
	if (err || p->addr.ss_family != AF_INET6 || !riod_rdma_any(&p->addr))
		return err;
	/* "::" accepts both families */
	memcpy(&v4, &in, sizeof(in));
	return riod_rdma_listener_add(l, 1, p->net, &v4);
}

static struct riod_rdma_listener *riod_rdma_listener_alloc(const struct riod_listen_params *p)
{
	struct riod_rdma_listener *l = kzalloc(sizeof(*l), GFP_KERNEL);
	struct task_struct *task;

	if (!l)
		return ERR_PTR(-ENOMEM);
	INIT_WORK(&l->removed_work, riod_rdma_listener_removed);
	init_waitqueue_head(&l->wait);
	INIT_LIST_HEAD(&l->pending);
	l->admit = p->admit;
	l->accept = p->accept;
	l->priv = p->priv;
	task = kthread_create(riod_rdma_listener_thread, l, "riod_listen");
	if (IS_ERR(task)) {
		kfree(l);
		return ERR_CAST(task);
	}
	l->task = get_task_struct(task);
	return l;
}

struct riod_listener *riod_rdma_listen(const struct riod_listen_params *p)
{
	struct riod_rdma_listener *l;
	int err;

	if (p->addr.ss_family != AF_INET && p->addr.ss_family != AF_INET6)
		return ERR_PTR(-EAFNOSUPPORT);
	l = riod_rdma_listener_alloc(p);
	if (IS_ERR(l))
		return ERR_CAST(l);
	err = riod_rdma_listener_open(l, p);
	if (err) {
		riod_rdma_unlisten((struct riod_listener *)l);
		return ERR_PTR(err);
	}
	wake_up_process(l->task);
	return (struct riod_listener *)l;
}

/*
 * In this order: no new request and no admit call after the cm_ids were destroyed (that
 * takes the mutex with which the CM calls the handler), no accept call after
 * the thread has stopped.  Connections that are left have no owner.
 */
void riod_rdma_unlisten(struct riod_listener *listener)
{
	struct riod_rdma_listener *l = (struct riod_rdma_listener *)listener;
	struct riod_rdma_conn *rc;

	riod_rdma_listener_destroy_id(l);
	/* or it is destroying them: wait */
	cancel_work_sync(&l->removed_work);
	kthread_stop_put(l->task);
	while ((rc = riod_rdma_pending_take(l, true)))
		riod_rdma_conn_abort(rc);
	kfree(l);
}

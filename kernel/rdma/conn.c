// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections: their lifetime and their end (see the top of rdma.h)
 */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait_bit.h>
#include <net/ipv6.h>

#include "rdma.h"

unsigned int riod_rdma_linger_ms = 1000;
EXPORT_SYMBOL_IF_KUNIT(riod_rdma_linger_ms);

atomic_t riod_rdma_conns = ATOMIC_INIT(0);
EXPORT_SYMBOL_IF_KUNIT(riod_rdma_conns);

/*
 * Accepted connections without an owner above the transport.  A peer makes them
 * for a few packets and they hold memory for seconds, so they are limited.  Process
 * context only; no lock is taken inside.
 */
static DEFINE_SPINLOCK(riod_rdma_loose_lock);
static LIST_HEAD(riod_rdma_loose);

static bool riod_rdma_same_host(const struct sockaddr_storage *a,
				const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return ipv6_addr_equal(&((const struct sockaddr_in6 *)a)->sin6_addr,
			       &((const struct sockaddr_in6 *)b)->sin6_addr);
}

/* false: there are too many, in total or of this host */
static bool riod_rdma_loose_try_add(struct riod_rdma_conn *rc)
{
	unsigned int total = 0, same = 0;
	struct riod_rdma_conn *other;
	bool ok;

	spin_lock(&riod_rdma_loose_lock);
	list_for_each_entry(other, &riod_rdma_loose, loose) {
		total++;
		same += riod_rdma_same_host(&other->peer, &rc->peer);
	}
	ok = total < RIOD_RDMA_LOOSE_MAX && same < RIOD_RDMA_LOOSE_PER_HOST;
	if (ok)
		list_add_tail(&rc->loose, &riod_rdma_loose);
	spin_unlock(&riod_rdma_loose_lock);
	return ok;
}

/* a connection that is closed is not refused, but counts */
static void riod_rdma_loose_add(struct riod_rdma_conn *rc)
{
	spin_lock(&riod_rdma_loose_lock);
	list_add_tail(&rc->loose, &riod_rdma_loose);
	spin_unlock(&riod_rdma_loose_lock);
}

/* no effect if it is not on the list */
static void riod_rdma_loose_del(struct riod_rdma_conn *rc)
{
	spin_lock(&riod_rdma_loose_lock);
	list_del_init(&rc->loose);
	spin_unlock(&riod_rdma_loose_lock);
}

/* @end_work has run, or never will, and the owner is gone */
static void riod_rdma_conn_release(struct kref *ref)
{
	struct riod_rdma_conn *rc = container_of(ref, struct riod_rdma_conn, ref);

	riod_rdma_loose_del(rc);
	riod_rdma_bufs_free(rc);
	kfree(rc);
	if (atomic_dec_and_test(&riod_rdma_conns))
		wake_up_var(&riod_rdma_conns);
}

void riod_rdma_conn_put(struct riod_rdma_conn *rc)
{
	kref_put(&rc->ref, riod_rdma_conn_release);
}
EXPORT_SYMBOL_IF_KUNIT(riod_rdma_conn_put);

static void riod_rdma_wake(struct riod_rdma_conn *rc)
{
	wake_up_all(&rc->tx_wait);
	wake_up_all(&rc->rx_wait);
}

/*
 * Disconnecting moves the queue pair to the error state, and draining waits until
 * all that was received before has been queued for recv.
 */
static void riod_rdma_conn_drain(struct riod_rdma_conn *rc)
{
	if (!rc->id->qp)
		return;
	rdma_disconnect(rc->id);
	ib_drain_qp(rc->id->qp);
}

/*
 * From the time the work starts until it gets here, it can be queued once more: its timer
 * has run out, say, and then an event ends the connection at once.  A second run would
 * use what the first one frees.  Whoever queues it holds the lock, and does so only if
 * @ending is not set, so after this it is neither queued nor will be.
 */
void riod_rdma_conn_set_ending(struct riod_rdma_conn *rc)
{
	spin_lock_bh(&rc->lock);
	rc->ending = true;
	rc->broken = true;
	cancel_delayed_work(&rc->end_work);
	spin_unlock_bh(&rc->lock);
	wake_up_all(&rc->tx_wait);
}
EXPORT_SYMBOL_IF_KUNIT(riod_rdma_conn_set_ending);

static void riod_rdma_end_work(struct work_struct *work)
{
	struct riod_rdma_conn *rc = container_of(to_delayed_work(work),
						 struct riod_rdma_conn, end_work);

	riod_rdma_conn_set_ending(rc);
	riod_rdma_conn_drain(rc);
	riod_rdma_rx_end(rc, -ECONNRESET);
	riod_rdma_adapter_close(rc);
	rdma_destroy_id(rc->id);
	/* a listener's connection that was not passed on: the listener's reference */
	if (riod_rdma_pending_del(rc))
		riod_rdma_conn_put(rc);
	riod_rdma_conn_put(rc);
}

/*
 * With two references: the caller's, and that of @end_work, which the caller must arm.
 * -EBUSY: there are too many loose ones.
 */
struct riod_rdma_conn *riod_rdma_conn_alloc(const struct sockaddr_storage *peer, bool passive)
{
	struct riod_rdma_conn *rc;

	rc = kzalloc(sizeof(*rc), GFP_KERNEL);
	if (!rc)
		return ERR_PTR(-ENOMEM);
	riod_rdma_plain_addr(peer, &rc->peer);
	INIT_LIST_HEAD(&rc->loose);
	if (passive && !riod_rdma_loose_try_add(rc)) {
		kfree(rc);
		return ERR_PTR(-EBUSY);
	}
	atomic_inc(&riod_rdma_conns);
	kref_init(&rc->ref);
	kref_get(&rc->ref);
	rc->passive = passive;
	spin_lock_init(&rc->lock);
	init_completion(&rc->step);
	INIT_LIST_HEAD(&rc->pending);
	INIT_DELAYED_WORK(&rc->end_work, riod_rdma_end_work);
	riod_rdma_tx_init(rc);
	riod_rdma_rx_init(rc);
	riod_rdma_adapter_init(rc);
	return rc;
}
EXPORT_SYMBOL_IF_KUNIT(riod_rdma_conn_alloc);

/* end @rc after @delay_ms at the latest; without effect if it is ending */
static void riod_rdma_conn_end_locked(struct riod_rdma_conn *rc, unsigned int delay_ms)
{
	lockdep_assert_held(&rc->lock);
	if (!delay_ms && !rc->ending && !rc->end_now) {
		rc->end_now = true;
		if (rc->armed)
			mod_delayed_work(riod_rdma_wq, &rc->end_work, 0);
	} else if (delay_ms && rc->armed && !rc->ending && !rc->end_now) {
		mod_delayed_work(riod_rdma_wq, &rc->end_work, msecs_to_jiffies(delay_ms));
	}
}

void riod_rdma_conn_end(struct riod_rdma_conn *rc, unsigned int delay_ms)
{
	spin_lock_bh(&rc->lock);
	riod_rdma_conn_end_locked(rc, delay_ms);
	spin_unlock_bh(&rc->lock);
}
EXPORT_SYMBOL_IF_KUNIT(riod_rdma_conn_end);

/*
 * From here on events may end @rc.  Until then the caller may take it apart by
 * itself, without a race against @end_work.  Without effect if @rc was armed before:
 * whoever set @end_now then has queued the work, which may be running.
 *
 * @delay_ms: time after which it ends by itself; 0: none
 */
void riod_rdma_conn_arm(struct riod_rdma_conn *rc, unsigned int delay_ms)
{
	spin_lock_bh(&rc->lock);
	if (!rc->armed) {
		rc->armed = true;
		if (rc->end_now)
			mod_delayed_work(riod_rdma_wq, &rc->end_work, 0);
		else if (delay_ms)
			riod_rdma_conn_end_locked(rc, delay_ms);
	}
	spin_unlock_bh(&rc->lock);
}
EXPORT_SYMBOL_IF_KUNIT(riod_rdma_conn_arm);

/* nothing can be sent any more; what was received can still be read */
void riod_rdma_conn_break_locked(struct riod_rdma_conn *rc)
{
	rc->broken = true;
	riod_rdma_conn_end_locked(rc, 0);
	wake_up_all(&rc->tx_wait);
}

void riod_rdma_conn_break(struct riod_rdma_conn *rc)
{
	spin_lock_bh(&rc->lock);
	riod_rdma_conn_break_locked(rc);
	spin_unlock_bh(&rc->lock);
}
EXPORT_SYMBOL_IF_KUNIT(riod_rdma_conn_break);

/* the caller gives up a connection that has no owner above: drops its reference */
void riod_rdma_conn_abort(struct riod_rdma_conn *rc)
{
	riod_rdma_conn_break(rc);
	riod_rdma_conn_arm(rc, 0);
	riod_rdma_conn_put(rc);
}

/* the listener passes @rc on; false: it has ended meanwhile */
bool riod_rdma_conn_pass(struct riod_rdma_conn *rc)
{
	bool alive;

	spin_lock_bh(&rc->lock);
	alive = !rc->ending && !rc->end_now;
	/* no time limit any more; if the work has just started, @rc ends all the same */
	if (alive)
		cancel_delayed_work(&rc->end_work);
	spin_unlock_bh(&rc->lock);
	if (alive)
		riod_rdma_loose_del(rc);
	return alive;
}

/*
 * What was sent before still reaches the peer, unless that takes longer than
 * riod_rdma_linger_ms: END follows it, and the completion of END ends the
 * connection.
 */
void riod_rdma_shutdown(struct riod_conn *conn)
{
	struct riod_rdma_conn *rc = to_rdma(conn);

	spin_lock_bh(&rc->lock);
	if (!rc->shut) {
		rc->shut = true;
		if (rc->established && !rc->broken) {
			riod_rdma_conn_end_locked(rc, READ_ONCE(riod_rdma_linger_ms));
			riod_rdma_send_end(rc);
		} else {
			riod_rdma_conn_end_locked(rc, 0);
		}
	}
	spin_unlock_bh(&rc->lock);
	riod_rdma_wake(rc);
}

void riod_rdma_close(struct riod_conn *conn)
{
	struct riod_rdma_conn *rc = to_rdma(conn);

	if (rc->passive)
		riod_rdma_loose_add(rc);
	riod_rdma_shutdown(conn);
	riod_rdma_conn_put(rc);
}

/* an IPv4 address becomes AF_INET */
void riod_rdma_plain_addr(const struct sockaddr_storage *from, struct sockaddr_storage *to)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
	struct sockaddr_in in = { .sin_family = AF_INET };

	*to = *from;
	if (from->ss_family != AF_INET6 || !ipv6_addr_v4mapped(&in6->sin6_addr))
		return;
	in.sin_port = in6->sin6_port;
	in.sin_addr.s_addr = in6->sin6_addr.s6_addr32[3];
	memset(to, 0, sizeof(*to));
	memcpy(to, &in, sizeof(in));
}
EXPORT_SYMBOL_IF_KUNIT(riod_rdma_plain_addr);

/* once @id has its addresses */
void riod_rdma_set_local(struct riod_rdma_conn *rc)
{
	riod_rdma_plain_addr(&rc->id->route.addr.src_addr, &rc->local);
	riod_addr_set_port(&rc->local, 0);
}

void riod_rdma_peer(struct riod_conn *conn, struct sockaddr_storage *addr)
{
	*addr = to_rdma(conn)->peer;
}

void riod_rdma_local(struct riod_conn *conn, struct sockaddr_storage *addr)
{
	*addr = to_rdma(conn)->local;
}

void riod_rdma_timeouts(struct riod_conn *conn, unsigned int recv_timeout_ms,
			unsigned int send_timeout_ms)
{
	struct riod_rdma_conn *rc = to_rdma(conn);

	rc->rx_timeo = msecs_to_jiffies(recv_timeout_ms);
	rc->tx_timeo = msecs_to_jiffies(send_timeout_ms) ?: MAX_SCHEDULE_TIMEOUT;
}

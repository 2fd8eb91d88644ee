// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connection manager's side: connect, accept a request, events
 *
 * The CM calls the event handler of a cm_id with the cm_id's mutex held, in
 * process context.  The handler never returns an error, so only this module
 * destroys cm_ids (except that of a request that it does not accept).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <rdma/ib_addr.h>
#include <rdma/ib_cm.h>

#include "rdma.h"

#define RIOD_RDMA_RETRIES	7	/* the most that the field holds */
#define RIOD_RDMA_RESOLVE_MS	250
#define RIOD_RDMA_ATTEMPT_MS	2000
#define RIOD_RDMA_PAUSE_MS	100

unsigned int riod_rdma_half_open_ms = 10000;
EXPORT_SYMBOL_IF_KUNIT(riod_rdma_half_open_ms);

static void riod_rdma_greeting_fill(struct riod_rdma_greeting *g, u16 reason)
{
	memset(g, 0, sizeof(*g));
	g->magic = cpu_to_le32(RIOD_RDMA_MAGIC);
	g->version = cpu_to_le16(RIOD_RDMA_VERSION);
	g->reason = cpu_to_le16(reason);
	if (reason)
		return;
	g->recv_size = cpu_to_le32(RIOD_RDMA_BUF);
	g->recv_count = cpu_to_le16(RIOD_RDMA_RX);
}

/*
 * The CM pads private data with zeroes, so what follows the greeting is ignored.  A
 * longer greeting would have another version.
 *
 * Return: 0, or the reason to refuse the peer.
 */
static int riod_rdma_greeting_check(const struct riod_rdma_greeting *g, u8 len)
{
	if (!g || len < sizeof(*g) || le32_to_cpu(g->magic) != RIOD_RDMA_MAGIC)
		return RIOD_RDMA_REASON_GREETING;
	if (le16_to_cpu(g->version) != RIOD_RDMA_VERSION)
		return RIOD_RDMA_REASON_VERSION;
	if (g->reason || g->rsvd || le32_to_cpu(g->recv_size) < RIOD_RDMA_BUF_MIN ||
	    le16_to_cpu(g->recv_count) < RIOD_RDMA_RX_MIN)
		return RIOD_RDMA_REASON_GREETING;
	return 0;
}

/* the peer's limits; @g was checked */
static void riod_rdma_greeting_use(struct riod_rdma_conn *rc,
				   const struct riod_rdma_greeting *g)
{
	spin_lock_bh(&rc->lock);
	rc->tx_size = min_t(u32, le32_to_cpu(g->recv_size), RIOD_RDMA_BUF);
	rc->tx_credits_max = le16_to_cpu(g->recv_count);
	rc->tx_credits = rc->tx_credits_max;
	spin_unlock_bh(&rc->lock);
}

static struct rdma_conn_param riod_rdma_param(const struct riod_rdma_greeting *g)
{
	/*
	 * No RDMA READ.  No retries for want of a receive buffer, either: with
	 * credits there always is one.
	 */
	return (struct rdma_conn_param) {
		.private_data = g,
		.private_data_len = sizeof(*g),
		.retry_count = RIOD_RDMA_RETRIES,
		.rnr_retry_count = 0,
	};
}

/* ------------------------------------------------------------ events */

static void riod_rdma_established(struct riod_rdma_conn *rc)
{
	spin_lock_bh(&rc->lock);
	WRITE_ONCE(rc->established, true);
	spin_unlock_bh(&rc->lock);
}

/* a step of connect has completed; the first error stays */
static void riod_rdma_step(struct riod_rdma_conn *rc, int err)
{
	if (!rc->step_err)
		WRITE_ONCE(rc->step_err, err);
	complete(&rc->step);
}

/* a REP has come, and the CM has moved the queue pair to RTS */
static void riod_rdma_replied(struct riod_rdma_conn *rc, const struct rdma_cm_event *ev)
{
	const struct riod_rdma_greeting *g = ev->param.conn.private_data;

	if (riod_rdma_greeting_check(g, ev->param.conn.private_data_len)) {
		riod_rdma_step(rc, -EPROTO);
		return;
	}
	riod_rdma_greeting_use(rc, g);
	riod_rdma_established(rc);
	riod_rdma_step(rc, 0);
}

static int riod_rdma_reason_errno(u16 reason)
{
	switch (reason) {
	case RIOD_RDMA_REASON_VERSION:
		return -EPROTONOSUPPORT;
	case RIOD_RDMA_REASON_NOT_ALLOWED:
		/* -EACCES is what a route here may say */
		return -EKEYREJECTED;
	case RIOD_RDMA_REASON_LIMIT:
		return -EBUSY;
	case RIOD_RDMA_REASON_NO_MEMORY:
		/* -ENOMEM is our own lack of it */
		return -ENOBUFS;
	default:
		return -EPROTO;
	}
}

static int riod_rdma_rejected(struct rdma_cm_id *id, struct rdma_cm_event *ev)
{
	const struct riod_rdma_greeting *g;
	u8 len = 0;

	pr_info_ratelimited("%pISpc rejected the connection: %s\n", &id->route.addr.dst_addr,
			    rdma_reject_msg(id, ev->status));
	g = rdma_consumer_reject_data(id, ev, &len);
	if (g && len >= sizeof(*g) && le32_to_cpu(g->magic) == RIOD_RDMA_MAGIC && g->reason)
		return riod_rdma_reason_errno(le16_to_cpu(g->reason));
	switch (ev->status) {
	case -ECONNREFUSED:			/* iWARP */
	case IB_CM_REJ_INVALID_SERVICE_ID:	/* nobody listens */
	case IB_CM_REJ_CONSUMER_DEFINED:	/* the listener has gone meanwhile */
		return -ECONNREFUSED;
	case IB_CM_REJ_TIMEOUT:
	case IB_CM_REJ_STALE_CONN:		/* the peer's CM had an older one left */
		return -ETIMEDOUT;
	default:
		return -ECONNABORTED;
	}
}

static int riod_rdma_event_errno(struct rdma_cm_id *id, struct rdma_cm_event *ev)
{
	switch (ev->event) {
	case RDMA_CM_EVENT_REJECTED:
		return riod_rdma_rejected(id, ev);
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
		return ev->status < 0 ? ev->status : -EHOSTUNREACH;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		return -ENODEV;
	default:
		return -ECONNRESET;
	}
}

/* handler of a connection's cm_id */
static int riod_rdma_conn_event(struct rdma_cm_id *id, struct rdma_cm_event *ev)
{
	struct riod_rdma_conn *rc = id->context;

	switch (ev->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		riod_rdma_step(rc, 0);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		if (!rc->passive) {
			riod_rdma_replied(rc, ev);
			break;
		}
		riod_rdma_established(rc);
		riod_rdma_pending_ready(rc);
		break;
	case RDMA_CM_EVENT_ADDR_ERROR:
		/* not the end: connect tries again */
		riod_rdma_step(rc, riod_rdma_event_errno(id, ev));
		break;
	default:
		/*
		 * DISCONNECTED, DEVICE_REMOVAL, ADDR_CHANGE, or a step failed.
		 * None leads back to a connection that works.
		 */
		riod_rdma_step(rc, riod_rdma_event_errno(id, ev));
		riod_rdma_conn_break(rc);
		break;
	}
	return 0;
}

/* ------------------------------------------------------------ connect */

static int riod_rdma_step_wait(struct riod_rdma_conn *rc, unsigned long deadline)
{
	long left = (long)(deadline - jiffies);

	left = wait_for_completion_interruptible_timeout(&rc->step, max(left, 0L));
	if (left < 0)
		return -EINTR;
	return left ? rc->step_err : -ETIMEDOUT;
}

static int riod_rdma_resolve_once(struct riod_rdma_conn *rc,
				  const struct riod_connect_params *p, unsigned long deadline)
{
	struct sockaddr_storage to = p->addr, from = p->local;
	struct sockaddr *src = from.ss_family == AF_UNSPEC ? NULL : (struct sockaddr *)&from;

	/* there is no adapter yet whose events could be the reason */
	rc->step_err = 0;
	return rdma_resolve_addr(rc->id, src, (struct sockaddr *)&to, RIOD_RDMA_RESOLVE_MS) ?:
	       riod_rdma_step_wait(rc, deadline);
}

/*
 * ib_core misses the answer of a neighbour that is faster than its own bookkeeping,
 * and then waits for the whole timeout.  So use a short one, and try again.
 */
static int riod_rdma_resolve(struct riod_rdma_conn *rc, const struct riod_connect_params *p,
			     unsigned long deadline)
{
	int err;

	if (p->local.ss_family != AF_UNSPEC && p->local.ss_family != p->addr.ss_family)
		return -EAFNOSUPPORT;
	do {
		err = riod_rdma_resolve_once(rc, p, deadline);
	} while (err == -ETIMEDOUT && time_before(jiffies, deadline));
	err = err ?: rdma_resolve_route(rc->id, p->timeout_ms);
	return err ?: riod_rdma_step_wait(rc, deadline);
}

static int riod_rdma_request(struct riod_rdma_conn *rc, unsigned long deadline)
{
	struct riod_rdma_greeting g;
	struct rdma_conn_param param;

	riod_rdma_greeting_fill(&g, 0);
	param = riod_rdma_param(&g);
	return rdma_connect(rc->id, &param) ?: riod_rdma_step_wait(rc, deadline);
}

static int riod_rdma_dial(struct riod_rdma_conn *rc, const struct riod_connect_params *p,
			  unsigned long deadline)
{
	int err;

	err = riod_rdma_resolve(rc, p, deadline) ?: riod_rdma_adapter_open(rc) ?:
	      riod_rdma_request(rc, deadline);
	/* an event says why a step failed: the adapter is gone, not "invalid argument" */
	return err ? READ_ONCE(rc->step_err) ?: err : 0;
}

static struct riod_conn *riod_rdma_attempt(const struct riod_connect_params *p,
					   unsigned long deadline)
{
	struct riod_rdma_conn *rc;
	struct rdma_cm_id *id;
	int err;

	rc = riod_rdma_conn_alloc(&p->addr, false);
	if (IS_ERR(rc))
		return ERR_CAST(rc);
	id = rdma_create_id(p->net, riod_rdma_conn_event, rc, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(id)) {
		riod_rdma_conn_put(rc);
		riod_rdma_conn_put(rc);
		return ERR_CAST(id);
	}
	rc->id = id;
	err = riod_rdma_dial(rc, p, deadline);
	if (err) {
		riod_rdma_conn_abort(rc);
		return ERR_PTR(err);
	}
	riod_rdma_set_local(rc);
	riod_conn_init(&rc->conn, &riod_rdma_ops);
	riod_rdma_conn_arm(rc, 0);
	return &rc->conn;
}

/* true: there is time for another attempt, which notices signals */
static bool riod_rdma_pause(unsigned long deadline)
{
	long left = (long)(deadline - jiffies);

	if (left > 0)
		schedule_timeout_interruptible(min_t(long, left,
						     msecs_to_jiffies(RIOD_RDMA_PAUSE_MS)));
	return time_before(jiffies, deadline);
}

/*
 * The CM repeats a request that was lost only after five seconds, and does not let
 * its users change this.  So make new attempts, each twice as long as the one before.
 */
struct riod_conn *riod_rdma_connect(const struct riod_connect_params *p)
{
	unsigned long deadline = jiffies + (msecs_to_jiffies(p->timeout_ms) ?: 1);
	unsigned long limit = msecs_to_jiffies(RIOD_RDMA_ATTEMPT_MS), until;
	struct riod_conn *conn;

	if (p->addr.ss_family != AF_INET && p->addr.ss_family != AF_INET6)
		return ERR_PTR(-EAFNOSUPPORT);
	do {
		until = jiffies + limit;
		if (time_after(until, deadline))
			until = deadline;
		limit *= 2;
		conn = riod_rdma_attempt(p, until);
	} while (conn == ERR_PTR(-ETIMEDOUT) && riod_rdma_pause(deadline));
	return conn;
}

/* ------------------------------------------------------------ accept */

/*
 * The peer's address is in the private data of its request, so it is only a
 * claim.  With RoCE the GID that answers go to is derived from the IP address:
 * compare, so that answers go to the owner of the address as far as the network
 * delivers by IP address.
 *
 * This is no proof.  The GID is in the request, too, and the Ethernet address that
 * adapters send to is that of the packet's source, so a host in the same segment gets
 * the answers whatever it claims.  The CM keeps the packet's source address to itself.
 */
static bool riod_rdma_peer_true(struct rdma_cm_id *id)
{
	union ib_gid gid;

	if (!rdma_protocol_roce(id->device, id->port_num))
		return true;
	rdma_ip2gid((struct sockaddr *)&id->route.addr.dst_addr, &gid);
	return id->route.path_rec && !memcmp(&gid, &id->route.path_rec->dgid, sizeof(gid));
}

/* 0, or the reason to refuse the peer; no memory was spent on it yet */
static int riod_rdma_request_check(struct riod_rdma_listener *l, struct rdma_cm_id *id,
				   const struct rdma_cm_event *ev)
{
	struct sockaddr_storage peer;

	if (!riod_rdma_peer_true(id)) {
		pr_notice_ratelimited("%pISpc is not the address that the request came from\n",
				      &id->route.addr.dst_addr);
		return RIOD_RDMA_REASON_GREETING;
	}
	riod_rdma_plain_addr(&id->route.addr.dst_addr, &peer);
	if (!riod_rdma_listener_admits(l, &peer))
		return RIOD_RDMA_REASON_NOT_ALLOWED;
	return riod_rdma_greeting_check(ev->param.conn.private_data,
					ev->param.conn.private_data_len);
}

static int riod_rdma_reply(struct riod_rdma_conn *rc, const struct riod_rdma_greeting *theirs)
{
	struct riod_rdma_greeting ours;
	struct rdma_conn_param param;
	int err;

	riod_rdma_greeting_use(rc, theirs);
	err = riod_rdma_adapter_open(rc);
	if (err)
		return err;
	riod_rdma_greeting_fill(&ours, 0);
	param = riod_rdma_param(&ours);
	return rdma_accept(rc->id, &param);
}

/* 0: a connection was made, which owns @id; or the reason to refuse */
static int riod_rdma_take(struct riod_rdma_listener *l, struct rdma_cm_id *id,
			  const struct rdma_cm_event *ev)
{
	struct riod_rdma_conn *rc = riod_rdma_conn_alloc(&id->route.addr.dst_addr, true);

	if (IS_ERR(rc))
		return PTR_ERR(rc) == -EBUSY ? RIOD_RDMA_REASON_LIMIT : RIOD_RDMA_REASON_NO_MEMORY;
	rc->id = id;
	riod_rdma_set_local(rc);
	id->context = rc;
	id->event_handler = riod_rdma_conn_event;
	if (riod_rdma_reply(rc, ev->param.conn.private_data)) {
		/* not armed, so nothing else takes it apart */
		riod_rdma_adapter_close(rc);
		riod_rdma_conn_put(rc);
		riod_rdma_conn_put(rc);
		return RIOD_RDMA_REASON_NO_MEMORY;
	}
	/* no event before the caller returns, because the CM holds the cm_id's mutex */
	riod_rdma_pending_add(l, rc);
	riod_rdma_conn_arm(rc, READ_ONCE(riod_rdma_half_open_ms));
	return 0;
}

/*
 * Handles a request to @l, in an event of the listener's cm_id.
 * Return: 0, or an errno, after which the CM destroys @id.
 */
int riod_rdma_accept(struct riod_rdma_listener *l, struct rdma_cm_id *id,
		     const struct rdma_cm_event *ev)
{
	struct riod_rdma_greeting g;
	int reason;

	reason = riod_rdma_request_check(l, id, ev) ?: riod_rdma_take(l, id, ev);
	if (!reason)
		return 0;
	riod_rdma_greeting_fill(&g, reason);
	rdma_reject(id, &g, sizeof(g), IB_CM_REJ_CONSUMER_DEFINED);
	return riod_rdma_reason_errno(reason);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * discover.c - ask another host for the exports that it offers
 *
 * The command returns at once, because generic netlink holds a lock of the whole host
 * while a command runs.  A work item asks the server host, for 30 s at most, and sends the
 * answer to the requesting socket.
 */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "netlink.h"

/* most queries at a time */
#define QUERIES_MAX	16

static struct workqueue_struct *discover_wq;

/* Protects the list of queries, their number, and &query.dead.  No lock is taken inside. */
static DEFINE_MUTEX(queries_lock);
static LIST_HEAD(queries);
static unsigned int nqueries;

/**
 * struct query - a host to ask
 * @list: on the list of queries
 * @work: asks the host and frees the query
 * @net: namespace of the requesting socket; a reference
 * @peer: host to ask
 * @portid: port ID of the requesting socket
 * @seq: sequence number of its request
 * @dead: the socket was closed; another one may have its @portid now
 */
struct query {
	struct list_head list;
	struct work_struct work;
	struct net *net;
	struct riod_peer peer;
	u32 portid;
	u32 seq;
	bool dead;
};

static int put_offer(struct sk_buff *skb, const struct riod_wire_export *e)
{
	struct nlattr *nest = nla_nest_start(skb, RIOD_A_REMOTE_OFFER);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_string(skb, RIOD_A_OFFER_NAME, e->name) ||
	    nla_put_u16(skb, RIOD_A_OFFER_VENDOR, le16_to_cpu(e->vendor)) ||
	    nla_put_u16(skb, RIOD_A_OFFER_DEVICE_ID, le16_to_cpu(e->device)) ||
	    nla_put_u16(skb, RIOD_A_OFFER_SUBVENDOR, le16_to_cpu(e->subvendor)) ||
	    nla_put_u16(skb, RIOD_A_OFFER_SUBDEVICE, le16_to_cpu(e->subdevice)) ||
	    nla_put_u32(skb, RIOD_A_OFFER_CLASS, le32_to_cpu(e->class)) ||
	    nla_put_u8(skb, RIOD_A_OFFER_FUNCTIONS, e->nfuncs))
		return -EMSGSIZE;
	if (e->flags & RIOD_EXPORT_F_BUSY && nla_put_flag(skb, RIOD_A_OFFER_BUSY))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* upper bound for put_offer() */
static size_t offer_size(void)
{
	return nla_total_size(0) + nla_total_size(RIOD_NAME_LEN) +
	       6 * nla_total_size(sizeof(u32)) + nla_total_size(0);
}

/* an answer of @payload bytes; *@hdr is for genlmsg_end() */
static struct sk_buff *new_answer(const struct query *q, size_t payload, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(payload, GFP_KERNEL);

	if (!skb)
		return NULL;
	*hdr = genlmsg_put(skb, q->portid, q->seq, &riod_nl_family, 0, RIOD_CMD_DISCOVER_NTF);
	if (*hdr)
		return skb;
	nlmsg_free(skb);
	return NULL;
}

/* The answer is dropped if the socket has no room for it. */
static void send_answer(const struct query *q, struct sk_buff *skb, void *hdr)
{
	genlmsg_end(skb, hdr);
	mutex_lock(&queries_lock);
	if (q->dead)
		nlmsg_free(skb);
	else
		genlmsg_unicast(q->net, skb, q->portid);
	mutex_unlock(&queries_lock);
}

static void answer_error(const struct query *q, int err, const char *text)
{
	struct sk_buff *skb;
	void *hdr;

	skb = new_answer(q, nla_total_size(sizeof(u32)) + nla_total_size(strlen(text) + 1), &hdr);
	if (!skb)
		return;
	nla_put_u32(skb, RIOD_A_REMOTE_ERROR, -err);
	nla_put_string(skb, RIOD_A_REMOTE_REASON, text);
	send_answer(q, skb, hdr);
}

static int answer_offers(const struct query *q, const struct riod_wire_export *exports,
			 u32 count, u32 total)
{
	struct sk_buff *skb;
	void *hdr;
	u32 i;

	skb = new_answer(q, nla_total_size(sizeof(u32)) + count * offer_size(), &hdr);
	if (!skb)
		return -ENOMEM;
	if (nla_put_u32(skb, RIOD_A_REMOTE_TOTAL, total))
		goto full;
	for (i = 0; i < count; i++) {
		if (put_offer(skb, &exports[i]))
			goto full;
	}
	send_answer(q, skb, hdr);
	return 0;
full:
	nlmsg_free(skb);
	return -EMSGSIZE;
}

/* returns the number of exports, or an error with @extack set */
static int ask_peer(struct net *net, const struct riod_peer *peer,
		    struct riod_wire_export **exports, u32 *total,
		    struct netlink_ext_ack *extack)
{
	struct riod_refusal refusal;
	struct riod_conn *conn;
	int ret;

	conn = riod_peer_open(net, peer, extack);
	if (IS_ERR(conn))
		return PTR_ERR(conn);
	ret = riod_negotiate_list(conn, exports, total, &refusal);
	riod_conn_close(conn);
	if (ret < 0)
		riod_nl_peer_error(extack, &peer->addr, ret, &refusal);
	return ret;
}

static void query_work(struct work_struct *work)
{
	struct query *q = container_of(work, struct query, work);
	struct riod_wire_export *exports;
	struct netlink_ext_ack extack = {};
	u32 total;
	int ret;

	ret = ask_peer(q->net, &q->peer, &exports, &total, &extack);
	if (ret >= 0) {
		ret = answer_offers(q, exports, ret, total);
		kvfree(exports);
	}
	if (ret < 0)
		answer_error(q, ret, extack._msg ?: "out of memory");
	mutex_lock(&queries_lock);
	list_del(&q->list);
	nqueries--;
	mutex_unlock(&queries_lock);
	put_net(q->net);
	kfree(q);
	/* this code stays until the work item has returned: module exit waits for it */
	module_put(THIS_MODULE);
}

void riod_nl_discover_released(const struct net *net, u32 portid)
{
	struct query *q;

	mutex_lock(&queries_lock);
	list_for_each_entry(q, &queries, list) {
		if (net_eq(q->net, net) && q->portid == portid)
			q->dead = true;
	}
	mutex_unlock(&queries_lock);
}

static int query_begin(struct query *q)
{
	int err = 0;

	mutex_lock(&queries_lock);
	if (nqueries == QUERIES_MAX) {
		err = -EBUSY;
	} else {
		list_add(&q->list, &queries);
		nqueries++;
	}
	mutex_unlock(&queries_lock);
	return err;
}

int riod_nl_discover_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct query *q;
	int err;

	q = kzalloc(sizeof(*q), GFP_KERNEL);
	if (!q)
		return -ENOMEM;
	err = riod_nl_parse_peer(info, RIOD_A_REMOTE_HOST, RIOD_A_REMOTE_PORT,
				 RIOD_A_REMOTE_TRANSPORT, &q->peer);
	if (err)
		goto out_free;
	q->net = get_net(genl_info_net(info));
	q->portid = info->snd_portid;
	q->seq = info->snd_seq;
	INIT_WORK(&q->work, query_work);
	err = query_begin(q);
	if (err) {
		NL_SET_ERR_MSG(info->extack,
			       "16 hosts are being asked already: try again in a moment");
		goto out_net;
	}
	/* rmmod fails instead of waiting for the host; if it has begun, exit drains the queue */
	__module_get(THIS_MODULE);
	queue_work(discover_wq, &q->work);
	return 0;

out_net:
	put_net(q->net);
out_free:
	kfree(q);
	return err;
}

int __init riod_nl_discover_init(void)
{
	discover_wq = alloc_workqueue("riod-discover", WQ_UNBOUND, QUERIES_MAX);
	return discover_wq ? 0 : -ENOMEM;
}

/* no command runs; waits for queries that began during rmmod */
void riod_nl_discover_exit(void)
{
	destroy_workqueue(discover_wq);
}

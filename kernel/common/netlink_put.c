// SPDX-License-Identifier: GPL-2.0-only
/* netlink_put.c - parts of messages to user space */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/in.h>
#include <linux/printk.h>
#include <net/ipv6.h>

#include "netlink.h"

#define CONNECT_TIMEOUT_MS	10000

void riod_addr_str(const struct sockaddr_storage *addr, char *buf, size_t len)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;

	if (addr->ss_family == AF_INET)
		snprintf(buf, len, "%pI4:%u", &v4->sin_addr, ntohs(v4->sin_port));
	else if (addr->ss_family != AF_INET6)
		snprintf(buf, len, "unknown");
	else if (ipv6_addr_v4mapped(&v6->sin6_addr))
		snprintf(buf, len, "%pI4:%u", &v6->sin6_addr.s6_addr32[3],
			 ntohs(v6->sin6_port));
	else if (v6->sin6_scope_id)
		snprintf(buf, len, "[%pI6c%%%u]:%u", &v6->sin6_addr,
			 v6->sin6_scope_id, ntohs(v6->sin6_port));
	else
		snprintf(buf, len, "[%pI6c]:%u", &v6->sin6_addr, ntohs(v6->sin6_port));
}
EXPORT_SYMBOL_GPL(riod_addr_str);

/* why connect() failed; follows the peer's address */
static const char *connect_text(int err)
{
	switch (err) {
	case -ECONNREFUSED:
		return "refused the connection: no riod export is listening there";
	case -ETIMEDOUT:
		return "does not answer; is it up, and does its firewall let us in?";
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		return "cannot be reached: there is no route to it";
	case -EPERM:
	case -EACCES:
		return "cannot be reached: this host forbids it (a firewall?)";
	case -EADDRNOTAVAIL:
		return "is no address that can be connected to";
	case -ENODEV:
		return "cannot be reached: no RDMA device here leads to it";
	case -EPROTONOSUPPORT:
		return "speaks another version of riod's RDMA transport";
	case -EKEYREJECTED:
		return "refused: not open to this host: riodctl allow ... --add there";
	case -EBUSY:
		return "has too many connections that are not established";
	case -ENOBUFS:
		return "has no memory, or its RDMA device no resources, for a connection";
	case -EINTR:
		return "was not asked: interrupted by a signal";
	case -ENOMEM:
		return "was not asked: out of memory";
	default:
		return "cannot be reached";
	}
}

void riod_nl_peer_error(struct netlink_ext_ack *extack,
			const struct sockaddr_storage *addr, int err,
			const struct riod_refusal *refusal)
{
	const char *text = refusal ? refusal->text : connect_text(err);
	const char *refused = refusal && refusal->reason ? "refused: " : "";
	char host[64];

	riod_addr_str(addr, host, sizeof(host));
	/* the log gets the full text; extack has little room */
	pr_info("%s %s%s (error %d)\n", host, refused, text, err);
	if (strlen(host) + strlen(refused) + strlen(text) + 1 < NETLINK_MAX_FMTMSG_LEN)
		NL_SET_ERR_MSG_FMT(extack, "%s %s%s", host, refused, text);
	else
		NL_SET_ERR_MSG_FMT(extack, "the host %s%.60s", refused, text);
}
EXPORT_SYMBOL_GPL(riod_nl_peer_error);

const struct riod_transport_ops *riod_nl_get_transport(const char *name,
						       struct netlink_ext_ack *extack)
{
	const struct riod_transport_ops *ops = riod_transport_get(name);

	if (ops)
		return ops;
	NL_SET_ERR_MSG_FMT(extack, "there is no transport '%s': is its module installed?", name);
	return ERR_PTR(-EPROTONOSUPPORT);
}
EXPORT_SYMBOL_GPL(riod_nl_get_transport);

const struct riod_transport_ops *riod_nl_find_transport(const char *name,
							struct netlink_ext_ack *extack)
{
	const struct riod_transport_ops *ops = riod_transport_lookup(name);

	if (ops)
		return ops;
	NL_SET_ERR_MSG_FMT(extack, "there is no transport '%s': modprobe riod-%s loads one", name,
			   name);
	return ERR_PTR(-EPROTONOSUPPORT);
}
EXPORT_SYMBOL_GPL(riod_nl_find_transport);

struct riod_conn *riod_peer_open(struct net *net, const struct riod_peer *peer,
				 struct netlink_ext_ack *extack)
{
	struct riod_connect_params params = {
		.net = net,
		.addr = peer->addr,
		.timeout_ms = CONNECT_TIMEOUT_MS,
	};
	const struct riod_transport_ops *ops = riod_nl_get_transport(peer->transport, extack);
	struct riod_conn *conn;

	if (IS_ERR(ops))
		return ERR_CAST(ops);
	conn = ops->connect(&params);
	riod_transport_put(ops);
	if (IS_ERR(conn))
		riod_nl_peer_error(extack, &peer->addr, PTR_ERR(conn), NULL);
	return conn;
}
EXPORT_SYMBOL_GPL(riod_peer_open);

void *riod_nl_put_header(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &riod_nl_family, NLM_F_MULTI, cmd);
}
EXPORT_SYMBOL_GPL(riod_nl_put_header);

struct stat_attr {
	int attr;
	u64 value;
};

static int put_attrs(struct sk_buff *skb, const struct stat_attr *s, size_t n)
{
	for (; n; n--, s++) {
		if (nla_put_uint(skb, s->attr, s->value))
			return -EMSGSIZE;
	}
	return 0;
}

static int put_link_stats(struct sk_buff *skb, struct riod_link *l)
{
	struct riod_session_stats st;
	struct riod_link_stats ls;

	riod_session_get_stats(riod_link_session(l), &st);
	riod_link_get_stats(l, &ls);
	const struct stat_attr attrs[] = {
		{ RIOD_A_STATS_TX_FRAMES, st.tx_frames },
		{ RIOD_A_STATS_TX_BYTES, st.tx_bytes },
		{ RIOD_A_STATS_RX_FRAMES, st.rx_frames },
		{ RIOD_A_STATS_RX_BYTES, st.rx_bytes },
		{ RIOD_A_STATS_TX_ACKS, st.tx_acks },
		{ RIOD_A_STATS_RX_ACKS, st.rx_acks },
		{ RIOD_A_STATS_WINDOW_WAITS, st.window_waits },
		{ RIOD_A_STATS_TX_RETAINED, st.tx_retained },
		{ RIOD_A_STATS_ROUNDS, ls.rounds },
		{ RIOD_A_STATS_EVENTS, ls.events },
		{ RIOD_A_STATS_THROTTLED, ls.throttled },
		{ RIOD_A_STATS_FOLLOWED, ls.followed },
		{ RIOD_A_STATS_BREAKS, st.breaks },
	};
	return put_attrs(skb, attrs, ARRAY_SIZE(attrs));
}

static int put_sync_stats(struct sk_buff *skb, struct riod_sync *y)
{
	struct riod_sync_stats st;

	riod_sync_get_stats(y, &st);
	const struct stat_attr attrs[] = {
		{ RIOD_A_STATS_CUTS_SENT, st.cuts_sent },
		{ RIOD_A_STATS_CUTS_APPLIED, st.cuts_applied },
		{ RIOD_A_STATS_PASSES, st.passes },
		{ RIOD_A_STATS_SCANNED, st.scanned },
		{ RIOD_A_STATS_SEEDED, st.seeded },
		{ RIOD_A_STATS_REBASED, st.rebased },
		{ RIOD_A_STATS_SENT, st.sent },
		{ RIOD_A_STATS_APPLIED, st.applied },
		{ RIOD_A_STATS_DROPPED, st.dropped },
		{ RIOD_A_STATS_LATE, st.late },
		{ RIOD_A_STATS_HOLDBACKS, st.holdbacks },
		{ RIOD_A_STATS_FREE_RUNNING, st.free_running },
		{ RIOD_A_STATS_FORCED, st.forced },
		{ RIOD_A_STATS_BACKGROUND, st.background },
	};
	return put_attrs(skb, attrs, ARRAY_SIZE(attrs));
}

/* current values, not counters */
static int put_memory(struct sk_buff *skb, const struct riod_budget *own)
{
	const struct riod_budget *host = riod_budget_host();
	const struct stat_attr attrs[] = {
		{ RIOD_A_STATS_MEMORY_HELD, riod_budget_held(own) },
		{ RIOD_A_STATS_MEMORY_MAX, READ_ONCE(own->limit) },
		{ RIOD_A_STATS_MEMORY_HOST_HELD, riod_budget_held(host) },
		{ RIOD_A_STATS_MEMORY_HOST_MAX, READ_ONCE(host->limit) },
	};

	return put_attrs(skb, attrs, ARRAY_SIZE(attrs));
}

static int put_func_stats(struct sk_buff *skb, const struct riod_func_stats *fs)
{
	const struct stat_attr attrs[] = {
		{ RIOD_A_STATS_REG_READS, atomic64_read(&fs->reg_reads) },
		{ RIOD_A_STATS_REG_WRITES, atomic64_read(&fs->reg_writes) },
		{ RIOD_A_STATS_CFG_READS, atomic64_read(&fs->cfg_reads) },
		{ RIOD_A_STATS_CFG_WRITES, atomic64_read(&fs->cfg_writes) },
		{ RIOD_A_STATS_IRQS, atomic64_read(&fs->irqs) },
		{ RIOD_A_STATS_DENIED, atomic64_read(&fs->denied) },
		{ RIOD_A_STATS_MAPS, atomic64_read(&fs->maps) },
		{ RIOD_A_STATS_UNMAPS, atomic64_read(&fs->unmaps) },
		{ RIOD_A_STATS_KICKS, atomic64_read(&fs->kicks) },
		{ RIOD_A_STATS_RAISED, atomic64_read(&fs->raised) },
	};

	return put_attrs(skb, attrs, ARRAY_SIZE(attrs));
}

int riod_nl_put_stats(struct sk_buff *skb, int attr, struct riod_link *l,
		      const struct riod_func_stats *fs)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest)
		return -EMSGSIZE;
	if (l && (put_link_stats(skb, l) || put_sync_stats(skb, riod_link_sync(l)) ||
		  put_memory(skb, &riod_link_sync(l)->budget)))
		goto full;
	if (put_func_stats(skb, fs))
		goto full;
	nla_nest_end(skb, nest);
	return 0;
full:
	nla_nest_cancel(skb, nest);
	return -EMSGSIZE;
}
EXPORT_SYMBOL_GPL(riod_nl_put_stats);

void riod_nl_event(struct net *net, u8 cmd,
		   int (*fill)(struct sk_buff *skb, void *priv), void *priv)
{
	struct sk_buff *skb;
	void *hdr;

	if (!genl_has_listeners(&riod_nl_family, net, RIOD_NLGRP_EVENTS))
		return;
	skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &riod_nl_family, 0, cmd);
	if (!hdr || fill(skb, priv)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&riod_nl_family, net, skb, 0, RIOD_NLGRP_EVENTS, GFP_KERNEL);
}
EXPORT_SYMBOL_GPL(riod_nl_event);

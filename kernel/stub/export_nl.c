// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink dumps and events of exports
 */
#include <linux/pci.h>
#include <net/genetlink.h>
#include <net/netlink.h>

#include "stub.h"

static enum riod_state export_nl_state(const struct riod_stub_export *exp)
{
	if (exp->going && exp->state != RIOD_STUB_FENCING)
		return RIOD_STATE_DETACHED;
	switch (exp->state) {
	case RIOD_STUB_ATTACHED:
		return riod_session_is_broken(riod_link_session(exp->att->link)) ?
			       RIOD_STATE_RESUMING : RIOD_STATE_CONNECTED;
	case RIOD_STUB_FENCING:
		return READ_ONCE(exp->lost) ? RIOD_STATE_LOST : RIOD_STATE_DETACHED;
	default:
		return RIOD_STATE_IDLE;
	}
}

/* this family does not pad 64-bit attributes: they are aligned to 4 bytes */
static int export_put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put(skb, attr, sizeof(value), &value);
}

/* ------------------------------------------------------------ events */

void riod_stub_news_take(struct riod_stub_news *news,
			 const struct riod_stub_export *exp)
{
	lockdep_assert_held(&riod_stub_lock);
	memset(news, 0, sizeof(*news));
	strscpy(news->name, exp->name);
	for (; news->ntransports < exp->ntransports; news->ntransports++)
		strscpy(news->transports[news->ntransports],
			exp->transports[news->ntransports]->name);
	news->state = export_nl_state(exp);
	if (news->state != RIOD_STATE_IDLE) {
		riod_addr_str(&exp->peer, news->peer, sizeof(news->peer));
		if (exp->peer_transport)
			strscpy(news->peer_transport, exp->peer_transport->name);
	}
	news->fence_ns = READ_ONCE(exp->fence_ns);
}

static int put_names(struct sk_buff *skb, const struct riod_stub_news *news)
{
	unsigned int i;

	if (nla_put_string(skb, RIOD_A_EXPORT_NAME, news->name))
		return -EMSGSIZE;
	for (i = 0; i < news->ntransports; i++) {
		if (nla_put_string(skb, RIOD_A_EXPORT_TRANSPORT, news->transports[i]))
			return -EMSGSIZE;
	}
	return 0;
}

static int put_news(struct sk_buff *skb, const struct riod_stub_news *news)
{
	/* no state: the export was removed */
	if (news->state >= 0 && nla_put_u32(skb, RIOD_A_EXPORT_STATE, news->state))
		return -EMSGSIZE;
	if (news->peer[0] && nla_put_string(skb, RIOD_A_EXPORT_PEER, news->peer))
		return -EMSGSIZE;
	if (news->peer_transport[0] &&
	    nla_put_string(skb, RIOD_A_EXPORT_PEER_TRANSPORT, news->peer_transport))
		return -EMSGSIZE;
	if (news->fence_ns && export_put_u64(skb, RIOD_A_EXPORT_FENCE_NS, news->fence_ns))
		return -EMSGSIZE;
	return 0;
}

static int news_fill(struct sk_buff *skb, void *priv)
{
	const struct riod_stub_news *news = priv;

	return put_names(skb, news) ?: put_news(skb, news);
}

/* the caller holds a reference on the export */
void riod_stub_news_send(const struct riod_stub_export *exp,
			 struct riod_stub_news *news)
{
	riod_nl_event(exp->net, RIOD_CMD_EXPORT_NTF, news_fill, news);
}

/* ------------------------------------------------------------ dump */

static int put_allow(struct sk_buff *skb, const struct riod_allow *a)
{
	size_t len = a->family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
	struct nlattr *nest = nla_nest_start(skb, RIOD_A_EXPORT_ALLOW);

	if (!nest ||
	    nla_put_u16(skb, RIOD_A_ALLOW_FAMILY, a->family) ||
	    nla_put(skb, RIOD_A_ALLOW_ADDRESS, len, &a->v6) ||
	    nla_put_u8(skb, RIOD_A_ALLOW_PREFIX_LEN, a->prefix_len))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_offer(struct sk_buff *skb, const struct riod_stub_export *exp)
{
	unsigned int i;

	if (nla_put_u16(skb, RIOD_A_EXPORT_PORT, exp->port))
		return -EMSGSIZE;
	for (i = 0; i < exp->nfuncs; i++) {
		if (nla_put_string(skb, RIOD_A_EXPORT_DEVICE,
				   pci_name(exp->funcs[i]->pdev)))
			return -EMSGSIZE;
	}
	for (i = 0; i < exp->nallow; i++) {
		if (put_allow(skb, &exp->allow[i]))
			return -EMSGSIZE;
	}
	return 0;
}

static int put_identity(struct sk_buff *skb, const struct riod_stub_export *exp)
{
	const struct pci_dev *pdev = exp->funcs[0]->pdev;
	bool resettable = true;
	unsigned int i;

	for (i = 0; i < exp->nfuncs; i++)
		resettable &= exp->funcs[i]->resettable;
	if (nla_put_u16(skb, RIOD_A_EXPORT_VENDOR, pdev->vendor) ||
	    nla_put_u16(skb, RIOD_A_EXPORT_DEVICE_ID, pdev->device) ||
	    nla_put_u32(skb, RIOD_A_EXPORT_CLASS, pdev->class) ||
	    (resettable && nla_put_flag(skb, RIOD_A_EXPORT_RESET)))
		return -EMSGSIZE;
	return 0;
}

static enum riod_bus_master export_bus_master(const struct riod_stub_export *exp)
{
	unsigned int i;

	if (exp->state == RIOD_STUB_FENCING)
		return RIOD_BUS_MASTER_HELD_LOST;
	for (i = 0; i < exp->nfuncs; i++) {
		if (READ_ONCE(exp->funcs[i]->command) & PCI_COMMAND_MASTER)
			return RIOD_BUS_MASTER_ON;
	}
	return RIOD_BUS_MASTER_OFF;
}

static int put_use(struct sk_buff *skb, struct riod_stub_export *exp)
{
	if (nla_put_u32(skb, RIOD_A_EXPORT_BUS_MASTER, export_bus_master(exp)))
		return -EMSGSIZE;
	/* the caller holds riod_stub_lock: the link is not freed while @att is set */
	return riod_nl_put_stats(skb, RIOD_A_EXPORT_STATS,
				 exp->att ? exp->att->link : NULL, &exp->stats);
}

static int put_export(struct sk_buff *skb, struct netlink_callback *cb,
		      struct riod_stub_export *exp)
{
	void *header = riod_nl_put_header(skb, cb, RIOD_CMD_EXPORT_GET);
	struct riod_stub_news news;

	if (!header)
		return -EMSGSIZE;
	riod_stub_news_take(&news, exp);
	if (put_names(skb, &news) || put_offer(skb, exp) || put_identity(skb, exp) ||
	    put_news(skb, &news) || put_use(skb, exp)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/* continue at the ID in cb->args[0]: exports may change between two calls */
int riod_stub_export_dump(struct net *net, struct sk_buff *skb,
			  struct netlink_callback *cb)
{
	struct riod_stub_export *exp;
	int ret = 0;

	mutex_lock(&riod_stub_lock);
	list_for_each_entry(exp, &riod_stub_exports, list) {
		if (exp->net != net || exp->id < cb->args[0])
			continue;
		ret = put_export(skb, cb, exp);
		if (ret)
			break;
		cb->args[0] = exp->id + 1;
	}
	mutex_unlock(&riod_stub_lock);
	/* if nothing fitted, return the error, or the dump would never end */
	return skb->len ? skb->len : ret;
}

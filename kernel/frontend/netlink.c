// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attachments in netlink replies and events
 */
#include "frontend.h"

/* snapshot of an attachment's state, read under state_lock */
struct att_view {
	enum riod_fe_state state;
	enum riod_reason reason;
	int error;
	char text[RIOD_FE_TEXT_LEN];
	bool was_up;
	bool over;
	bool broken;
	bool open;
	bool detached;
};

static void att_view(struct riod_fe_att *att, struct att_view *v)
{
	spin_lock(&att->state_lock);
	v->state = att->state;
	v->over = att->over;
	v->reason = att->reason;
	v->error = att->error;
	strscpy(v->text, att->text);
	v->was_up = att->was_up;
	v->open = att->nopen;
	v->detached = att->detached;
	spin_unlock(&att->state_lock);
	/* on the list, under att_lock, it has its link; an event may come after that was freed */
	v->broken = v->was_up && att->link && riod_session_is_broken(riod_link_session(att->link));
}

static int put_devices(struct riod_fe_att *att, struct sk_buff *skb)
{
	char name[RIOD_FE_NAME_LEN];
	unsigned int i;

	/* without a device number no function is on the bus */
	for (i = 0; i < att->nfuncs && att->slot >= 0; i++) {
		riod_fe_bridge_name(att->funcs[i], name);
		if (nla_put_string(skb, RIOD_A_ATTACHMENT_DEVICE, name))
			return -EMSGSIZE;
	}
	return 0;
}

static int put_who(struct riod_fe_att *att, struct sk_buff *skb, const struct att_view *v)
{
	if (nla_put_u32(skb, RIOD_A_ATTACHMENT_ID, att->id) ||
	    nla_put_string(skb, RIOD_A_ATTACHMENT_HOST, att->host) ||
	    nla_put_u16(skb, RIOD_A_ATTACHMENT_PORT, att->port) ||
	    nla_put_string(skb, RIOD_A_ATTACHMENT_TRANSPORT, att->transport) ||
	    nla_put_string(skb, RIOD_A_ATTACHMENT_EXPORT, att->export))
		return -EMSGSIZE;
	/* until it was up, the thread that attaches may be changing the functions */
	return v->was_up ? put_devices(att, skb) : 0;
}

static enum riod_state view_state(const struct att_view *v)
{
	if (v->detached)
		return RIOD_STATE_DETACHED;
	if (v->error)
		return RIOD_STATE_FAILED;
	if (!v->was_up)
		return RIOD_STATE_ATTACHING;
	if (v->over || v->state == RIOD_FE_REMOVING)
		return RIOD_STATE_LOST;
	return v->broken ? RIOD_STATE_RESUMING : RIOD_STATE_CONNECTED;
}

static int put_state(struct riod_fe_att *att, struct sk_buff *skb,
		     const struct att_view *v)
{
	enum riod_state state = view_state(v);

	if (nla_put_u32(skb, RIOD_A_ATTACHMENT_STATE, state) ||
	    nla_put_u32(skb, RIOD_A_ATTACHMENT_BUS_MASTER, READ_ONCE(att->dma.state)))
		return -EMSGSIZE;
	if (state == RIOD_STATE_FAILED)
		return nla_put_u32(skb, RIOD_A_ATTACHMENT_ERROR, v->error) ?:
		       nla_put_string(skb, RIOD_A_ATTACHMENT_REASON, v->text);
	if (v->over &&
	    nla_put_string(skb, RIOD_A_ATTACHMENT_REASON, riod_reason_str(v->reason)))
		return -EMSGSIZE;
	return 0;
}

static int put_dma(struct riod_fe_att *att, struct sk_buff *skb)
{
	struct riod_fe_dma *dma = &att->dma;
	u64 ro = 0, rw = 0;

	mutex_lock(&dma->lock);
	if (dma->domain) {
		ro = dma->domain->bytes_ro;
		rw = dma->domain->bytes_rw;
	}
	mutex_unlock(&dma->lock);
	if (nla_put_u64_64bit(skb, RIOD_A_ATTACHMENT_MAPPED_RO, ro, 0) ||
	    nla_put_u64_64bit(skb, RIOD_A_ATTACHMENT_MAPPED_RW, rw, 0) ||
	    nla_put_u64_64bit(skb, RIOD_A_ATTACHMENT_LIMIT, dma->limit, 0) ||
	    nla_put_u64_64bit(skb, RIOD_A_ATTACHMENT_PEER_LIMIT, dma->peer_limit, 0) ||
	    nla_put_u64_64bit(skb, RIOD_A_ATTACHMENT_IOVA_LAST, att->aperture.last, 0))
		return -EMSGSIZE;
	return 0;
}

static int put_identity(struct riod_fe_att *att, struct sk_buff *skb)
{
	struct riod_fe_func *fn = att->funcs[0];

	if (nla_put_u16(skb, RIOD_A_ATTACHMENT_VENDOR, fn->vendor) ||
	    nla_put_u16(skb, RIOD_A_ATTACHMENT_DEVICE_ID, fn->device) ||
	    nla_put_u32(skb, RIOD_A_ATTACHMENT_CLASS, fn->class) ||
	    nla_put_string(skb, RIOD_A_ATTACHMENT_PROFILE,
			   fn->profile ? fn->profile->name : "") ||
	    nla_put_u32(skb, RIOD_A_ATTACHMENT_ON_LOSS, att->on_loss) ||
	    nla_put_u32(skb, RIOD_A_ATTACHMENT_LOST_MS,
			riod_session_params(riod_link_session(att->link))->lost_ms))
		return -EMSGSIZE;
	return 0;
}

static int put_shadow(struct riod_fe_att *att, struct sk_buff *skb)
{
	u64 bytes = 0;
	u32 bars = 0;
	unsigned int i;

	for (i = 0; i < att->nfuncs; i++) {
		bars |= att->funcs[i]->shadow.bars;
		bytes += (u64)READ_ONCE(att->funcs[i]->shadow.npages) << PAGE_SHIFT;
	}
	if (bars && (nla_put_u32(skb, RIOD_A_ATTACHMENT_SHADOW_BARS, bars) ||
		     nla_put_u64_64bit(skb, RIOD_A_ATTACHMENT_SHADOWED, bytes, 0)))
		return -EMSGSIZE;
	if (att->sync_writes && nla_put_flag(skb, RIOD_A_ATTACHMENT_SYNC_WRITES))
		return -EMSGSIZE;
	return 0;
}

static int put_functions(struct riod_fe_att *att, struct sk_buff *skb,
			 const struct att_view *v)
{
	if (put_dma(att, skb) || put_identity(att, skb) || put_shadow(att, skb) ||
	    (v->open && nla_put_flag(skb, RIOD_A_ATTACHMENT_IN_USE)))
		return -EMSGSIZE;
	return riod_nl_put_stats(skb, RIOD_A_ATTACHMENT_STATS, att->link, &att->stats);
}

/* ------------------------------------------------------------ dump */

struct dump {
	struct net *net;
	struct sk_buff *skb;
	struct netlink_callback *cb;
};

static int dump_one(struct riod_fe_att *att, void *arg)
{
	struct dump *dump = arg;
	struct sk_buff *skb = dump->skb;
	struct att_view v;
	void *hdr;

	if (!net_eq(att->net, dump->net))
		return 0;
	hdr = riod_nl_put_header(skb, dump->cb, RIOD_CMD_ATTACHMENT_GET);
	if (!hdr)
		return -EMSGSIZE;
	att_view(att, &v);
	if (put_who(att, skb, &v) || put_state(att, skb, &v) ||
	    (v.was_up && put_functions(att, skb, &v))) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	dump->cb->args[0] = att->id + 1;
	return 0;
}

static int nl_dump(struct net *net, struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump dump = { .net = net, .skb = skb, .cb = cb };
	int ret;

	/* go on by number: attachments may come and go between two calls */
	ret = riod_fe_att_for_each(cb->args[0], dump_one, &dump);
	/* if the buffer is full, netlink sends it and calls again */
	return ret && !skb->len ? ret : skb->len;
}

const struct riod_nl_frontend_ops riod_fe_nl_ops = {
	.owner = THIS_MODULE,
	.attach = riod_fe_attach,
	.detach = riod_fe_att_detach,
	.released = riod_fe_att_released,
	.attachment_dump = nl_dump,
};

/* ------------------------------------------------------------ events */

static int event_fill(struct sk_buff *skb, void *priv)
{
	struct riod_fe_att *att = priv;
	struct att_view v;

	att_view(att, &v);
	return put_who(att, skb, &v) ?: put_state(att, skb, &v);
}

static int gone_fill(struct sk_buff *skb, void *priv)
{
	struct riod_fe_att *att = priv;
	struct att_view v;

	att_view(att, &v);
	return put_who(att, skb, &v);
}

/*
 * Send an event: the attachment has changed.  The caller keeps the attachment from being
 * freed.  Takes event_lock, and only state_lock inside.
 */
void riod_fe_nl_event(struct riod_fe_att *att)
{
	mutex_lock(&att->event_lock);
	if (!att->gone_sent)
		riod_nl_event(att->net, RIOD_CMD_ATTACHMENT_NTF, event_fill, att);
	mutex_unlock(&att->event_lock);
}

void riod_fe_nl_gone(struct riod_fe_att *att)
{
	mutex_lock(&att->event_lock);
	att->gone_sent = true;
	riod_nl_event(att->net, RIOD_CMD_ATTACHMENT_NTF, gone_fill, att);
	mutex_unlock(&att->event_lock);
}

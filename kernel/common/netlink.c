// SPDX-License-Identifier: GPL-2.0-only
/*
 * netlink.c - the commands of Documentation/netlink/specs/riod.yaml
 *
 * Parses and range checks requests of user space, and passes them to the module
 * that executes them.  The family itself (genl.c) is generated.
 */
#include <linux/cleanup.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "netlink.h"

/* ------------------------------------------------------------ registered ops */

/*
 * Protects the two pointers below.  Commands pin the module under it, and
 * unregistering takes it, so a module cannot go away in between.  Nothing is
 * taken inside.
 */
static DEFINE_MUTEX(ops_lock);
static const struct riod_nl_stub_ops *stub_ops;
static const struct riod_nl_frontend_ops *frontend_ops;

int riod_nl_register_stub(const struct riod_nl_stub_ops *ops)
{
	guard(mutex)(&ops_lock);
	if (stub_ops)
		return -EBUSY;
	stub_ops = ops;
	return 0;
}
EXPORT_SYMBOL_GPL(riod_nl_register_stub);

void riod_nl_unregister_stub(const struct riod_nl_stub_ops *ops)
{
	guard(mutex)(&ops_lock);
	if (stub_ops == ops)
		stub_ops = NULL;
}
EXPORT_SYMBOL_GPL(riod_nl_unregister_stub);

int riod_nl_register_frontend(const struct riod_nl_frontend_ops *ops)
{
	guard(mutex)(&ops_lock);
	if (frontend_ops)
		return -EBUSY;
	frontend_ops = ops;
	return 0;
}
EXPORT_SYMBOL_GPL(riod_nl_register_frontend);

void riod_nl_unregister_frontend(const struct riod_nl_frontend_ops *ops)
{
	guard(mutex)(&ops_lock);
	if (frontend_ops == ops)
		frontend_ops = NULL;
}
EXPORT_SYMBOL_GPL(riod_nl_unregister_frontend);

/* pins the module, to be released with module_put(); NULL: @extack is set */
static const struct riod_nl_stub_ops *get_stub(struct netlink_ext_ack *extack)
{
	guard(mutex)(&ops_lock);
	if (stub_ops && try_module_get(stub_ops->owner))
		return stub_ops;
	NL_SET_ERR_MSG(extack, "riod_stub is not loaded; run modprobe riod_stub");
	return NULL;
}

static const struct riod_nl_frontend_ops *get_frontend(struct netlink_ext_ack *extack)
{
	guard(mutex)(&ops_lock);
	if (frontend_ops && try_module_get(frontend_ops->owner))
		return frontend_ops;
	NL_SET_ERR_MSG(extack, "riod_frontend is not loaded; run modprobe riod_frontend");
	return NULL;
}

/* ------------------------------------------------------------ permissions */

/*
 * GENL_ADMIN_PERM requires CAP_NET_ADMIN in the initial user namespace, which a
 * container often has for its own network namespace.  Commands give access to
 * whole devices, so they require CAP_SYS_ADMIN there, too.
 */
static int may_command(const struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	if (netlink_capable(skb, CAP_SYS_ADMIN))
		return 0;
	NL_SET_ERR_MSG(extack, "riod needs CAP_SYS_ADMIN in the initial user namespace");
	return -EPERM;
}

int riod_nl_pre_doit(const struct genl_split_ops *ops, struct sk_buff *skb,
		     struct genl_info *info)
{
	return may_command(skb, info->extack);
}

int riod_nl_start(struct netlink_callback *cb)
{
	return may_command(cb->skb, cb->extack);
}

/* the generator of genl.c does not support flags of groups */
static const struct genl_multicast_group groups[] = {
	[RIOD_NLGRP_EVENTS] = { .name = "events", .flags = GENL_MCAST_CAP_SYS_ADMIN },
};

/* ------------------------------------------------------------ closed sockets */

/* A closed socket gets no answers, and its attempts to attach end. */
static int socket_event(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct netlink_notify *n = data;
	const struct riod_nl_frontend_ops *ops;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	riod_nl_discover_released(n->net, n->portid);
	ops = get_frontend(NULL);
	if (ops) {
		ops->released(n->net, n->portid);
		module_put(ops->owner);
	}
	return NOTIFY_DONE;
}

static struct notifier_block socket_nb = {
	.notifier_call = socket_event,
};

int __init riod_nl_init(void)
{
	int err;

	err = netlink_register_notifier(&socket_nb);
	if (err)
		return err;
	riod_nl_family.mcgrps = groups;
	riod_nl_family.n_mcgrps = ARRAY_SIZE(groups);
	err = genl_register_family(&riod_nl_family);
	if (err)
		netlink_unregister_notifier(&socket_nb);
	return err;
}

void riod_nl_exit(void)
{
	genl_unregister_family(&riod_nl_family);
	netlink_unregister_notifier(&socket_nb);
}

/* ------------------------------------------------------------ replies */

/* begin a reply; *@hdr is for genlmsg_end() */
static struct sk_buff *new_reply(struct genl_info *info, size_t payload, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(payload, GFP_KERNEL);

	if (!skb)
		return NULL;
	*hdr = genlmsg_put_reply(skb, info, &riod_nl_family, 0, info->genlhdr->cmd);
	if (*hdr)
		return skb;
	nlmsg_free(skb);
	return NULL;
}

/* ------------------------------------------------------------ exports */

/* allocate the reply first, so that a success can always be reported */
static int export_new(struct genl_info *info, struct riod_export_request *req)
{
	const struct riod_nl_stub_ops *ops;
	struct sk_buff *reply;
	void *hdr;
	int err;

	reply = new_reply(info, NLMSG_GOODSIZE, &hdr);
	if (!reply)
		return -ENOMEM;
	err = -EOPNOTSUPP;
	ops = get_stub(info->extack);
	if (!ops)
		goto out_free;
	err = ops->export_new(genl_info_net(info), req, info->extack);
	module_put(ops->owner);
	if (err)
		goto out_free;
	/* has room: NLMSG_GOODSIZE is much larger than a name */
	nla_put_string(reply, RIOD_A_EXPORT_NAME, req->name);
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
out_free:
	nlmsg_free(reply);
	return err;
}

int riod_nl_export_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct riod_export_request *req;
	int err;

	req = kzalloc(sizeof(*req), GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	err = riod_nl_parse_export(info, req);
	if (!err)
		err = export_new(info, req);
	kfree(req);
	return err;
}

int riod_nl_export_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *attr = info->attrs[RIOD_A_EXPORT_NAME];
	const struct riod_nl_stub_ops *ops;
	char name[RIOD_NAME_LEN];
	int err;

	if (!attr) {
		NL_SET_ERR_MSG(info->extack, "no export is named");
		return -EINVAL;
	}
	err = riod_nl_parse_name(attr, name, sizeof(name), info->extack);
	if (err)
		return err;
	ops = get_stub(info->extack);
	if (!ops)
		return -EOPNOTSUPP;
	err = ops->export_del(genl_info_net(info), name,
			      nla_get_flag(info->attrs[RIOD_A_EXPORT_FORCE]),
			      info->extack);
	module_put(ops->owner);
	return err;
}

static int export_set(struct genl_info *info, struct riod_export_change *change)
{
	const struct riod_nl_stub_ops *ops;
	struct sk_buff *reply;
	void *hdr;
	int err;

	reply = new_reply(info, NLMSG_GOODSIZE, &hdr);
	if (!reply)
		return -ENOMEM;
	err = -EOPNOTSUPP;
	ops = get_stub(info->extack);
	if (!ops)
		goto out_free;
	err = ops->export_set(genl_info_net(info), change, info->extack);
	module_put(ops->owner);
	if (err)
		goto out_free;
	/* the reply has room, as in export_new() */
	nla_put_string(reply, RIOD_A_EXPORT_NAME, change->name);
	if (change->peer[0])
		nla_put_string(reply, RIOD_A_EXPORT_PEER, change->peer);
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
out_free:
	nlmsg_free(reply);
	return err;
}

int riod_nl_export_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct riod_export_change *change;
	int err;

	change = kzalloc(sizeof(*change), GFP_KERNEL);
	if (!change)
		return -ENOMEM;
	err = riod_nl_parse_change(info, change);
	if (!err)
		err = export_set(info, change);
	kfree(change);
	return err;
}

int riod_nl_export_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct riod_nl_stub_ops *ops = get_stub(cb->extack);
	int ret;

	if (!ops)
		return -EOPNOTSUPP;
	ret = ops->export_dump(sock_net(cb->skb->sk), skb, cb);
	module_put(ops->owner);
	return ret;
}

/* ------------------------------------------------------------ attachments */

static int reply_attach(u32 id, void *priv)
{
	struct genl_info *info = priv;
	struct sk_buff *reply;
	void *hdr;

	reply = new_reply(info, nla_total_size(sizeof(u32)), &hdr);
	if (!reply)
		return -ENOMEM;
	nla_put_u32(reply, RIOD_A_ATTACHMENT_ID, id);
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

int riod_nl_attach_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct riod_nl_frontend_ops *ops;
	struct riod_attach_request req = {};
	int err;

	err = riod_nl_parse_attach(info, &req);
	if (err)
		return err;
	req.portid = info->snd_portid;
	ops = get_frontend(info->extack);
	if (!ops)
		return -EOPNOTSUPP;
	err = ops->attach(genl_info_net(info), &req, reply_attach, info, info->extack);
	module_put(ops->owner);
	return err;
}

static int reply_detach(struct genl_info *info, u32 id, bool open)
{
	struct sk_buff *reply;
	void *hdr;

	reply = new_reply(info, 2 * nla_total_size(sizeof(u32)) + nla_total_size(0), &hdr);
	if (!reply)
		return -ENOMEM;
	nla_put_u32(reply, RIOD_A_ATTACHMENT_ID, id);
	nla_put_u32(reply, RIOD_A_ATTACHMENT_STATE, RIOD_STATE_DETACHED);
	if (open)
		nla_put_flag(reply, RIOD_A_ATTACHMENT_IN_USE);
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

int riod_nl_detach_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *id = info->attrs[RIOD_A_ATTACHMENT_ID];
	const struct riod_nl_frontend_ops *ops;
	bool open;
	int err;

	if (!id) {
		NL_SET_ERR_MSG(info->extack, "no attachment is named");
		return -EINVAL;
	}
	ops = get_frontend(info->extack);
	if (!ops)
		return -EOPNOTSUPP;
	err = ops->detach(genl_info_net(info), nla_get_u32(id),
			  nla_get_flag(info->attrs[RIOD_A_ATTACHMENT_FORCE]),
			  nla_get_flag(info->attrs[RIOD_A_ATTACHMENT_OWN]) ?
				info->snd_portid : 0,
			  &open, info->extack);
	module_put(ops->owner);
	/* if the reply fails, so does the command; the detach goes on, and events report it */
	return err ?: reply_detach(info, nla_get_u32(id), open);
}

int riod_nl_attachment_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct riod_nl_frontend_ops *ops = get_frontend(cb->extack);
	int ret;

	if (!ops)
		return -EOPNOTSUPP;
	ret = ops->attachment_dump(sock_net(cb->skb->sk), skb, cb);
	module_put(ops->owner);
	return ret;
}

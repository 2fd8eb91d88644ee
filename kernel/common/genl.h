/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/riod.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_RIOD_GEN_H
#define _LINUX_RIOD_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/riod.h>

/* Common nested types */
extern const struct nla_policy riod_allow_nl_policy[RIOD_A_ALLOW_PREFIX_LEN + 1];

int riod_nl_pre_doit(const struct genl_split_ops *ops, struct sk_buff *skb,
		     struct genl_info *info);
int riod_nl_start(struct netlink_callback *cb);

int riod_nl_export_new_doit(struct sk_buff *skb, struct genl_info *info);
int riod_nl_export_del_doit(struct sk_buff *skb, struct genl_info *info);
int riod_nl_export_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int riod_nl_attach_doit(struct sk_buff *skb, struct genl_info *info);
int riod_nl_detach_doit(struct sk_buff *skb, struct genl_info *info);
int riod_nl_attachment_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);
int riod_nl_discover_doit(struct sk_buff *skb, struct genl_info *info);
int riod_nl_export_set_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	RIOD_NLGRP_EVENTS,
};

extern struct genl_family riod_nl_family;

#endif /* _LINUX_RIOD_GEN_H */

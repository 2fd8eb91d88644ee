/* SPDX-License-Identifier: GPL-2.0-only */
/* netlink.h - shared by the files of the netlink family */
#ifndef _RIOD_NETLINK_H
#define _RIOD_NETLINK_H

#include "core.h"
#include "genl.h"

/* netlink.c */
int riod_nl_init(void);
void riod_nl_exit(void);

/* discover.c; called before the first command and after the last one */
int riod_nl_discover_init(void);
void riod_nl_discover_exit(void);
/* a socket was closed: its queries get no answer */
void riod_nl_discover_released(const struct net *net, u32 portid);

/*
 * netlink_parse.c: check and parse the attributes of a request.  0, or an error
 * with a text in info->extack.  Exported for KUnit.
 */

/* sets @name, @size bytes, NUL-terminated */
int riod_nl_parse_name(const struct nlattr *attr, char *name, size_t size,
		       struct netlink_ext_ack *extack);
/* @host_attr, @port_attr, @transport_attr: in info->attrs */
int riod_nl_parse_peer(struct genl_info *info, int host_attr, int port_attr,
		       int transport_attr, struct riod_peer *peer);
/* @req must be zeroed */
int riod_nl_parse_export(struct genl_info *info, struct riod_export_request *req);
/* @change: zeroed */
int riod_nl_parse_change(struct genl_info *info, struct riod_export_change *change);
int riod_nl_parse_attach(struct genl_info *info, struct riod_attach_request *req);

#endif /* _RIOD_NETLINK_H */

// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/riod.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "genl.h"

#include <uapi/linux/riod.h>

/* Integer value ranges */
static const struct netlink_range_validation riod_a_attachment_lost_ms_range = {
	.min	= 100ULL,
	.max	= 600000ULL,
};

/* Common nested types */
const struct nla_policy riod_allow_nl_policy[RIOD_A_ALLOW_PREFIX_LEN + 1] = {
	[RIOD_A_ALLOW_FAMILY] = { .type = NLA_U16, },
	[RIOD_A_ALLOW_ADDRESS] = { .type = NLA_BINARY, },
	[RIOD_A_ALLOW_PREFIX_LEN] = { .type = NLA_U8, },
};

/* RIOD_CMD_EXPORT_NEW - do */
static const struct nla_policy riod_export_new_nl_policy[RIOD_A_EXPORT_TRANSPORT + 1] = {
	[RIOD_A_EXPORT_NAME] = { .type = NLA_NUL_STRING, .len = 63, },
	[RIOD_A_EXPORT_DEVICE] = { .type = NLA_STRING, .len = 15, },
	[RIOD_A_EXPORT_ALLOW] = NLA_POLICY_NESTED(riod_allow_nl_policy),
	[RIOD_A_EXPORT_NO_RESET] = { .type = NLA_FLAG, },
	[RIOD_A_EXPORT_PORT] = { .type = NLA_U16, },
	[RIOD_A_EXPORT_TRANSPORT] = { .type = NLA_STRING, .len = 15, },
};

/* RIOD_CMD_EXPORT_DEL - do */
static const struct nla_policy riod_export_del_nl_policy[RIOD_A_EXPORT_FORCE + 1] = {
	[RIOD_A_EXPORT_NAME] = { .type = NLA_NUL_STRING, .len = 63, },
	[RIOD_A_EXPORT_FORCE] = { .type = NLA_FLAG, },
};

/* RIOD_CMD_ATTACH - do */
static const struct nla_policy riod_attach_nl_policy[RIOD_A_ATTACHMENT_LOST_MS + 1] = {
	[RIOD_A_ATTACHMENT_HOST] = { .type = NLA_NUL_STRING, .len = 63, },
	[RIOD_A_ATTACHMENT_PORT] = { .type = NLA_U16, },
	[RIOD_A_ATTACHMENT_EXPORT] = { .type = NLA_NUL_STRING, .len = 63, },
	[RIOD_A_ATTACHMENT_LIMIT] = { .type = NLA_UINT, },
	[RIOD_A_ATTACHMENT_PROFILE] = { .type = NLA_NUL_STRING, .len = 31, },
	[RIOD_A_ATTACHMENT_SHADOW_BARS] = NLA_POLICY_MAX(NLA_U32, 63),
	[RIOD_A_ATTACHMENT_SYNC_WRITES] = { .type = NLA_FLAG, },
	[RIOD_A_ATTACHMENT_TRANSPORT] = { .type = NLA_NUL_STRING, .len = 15, },
	[RIOD_A_ATTACHMENT_ON_LOSS] = NLA_POLICY_MAX(NLA_U32, 2),
	[RIOD_A_ATTACHMENT_LOST_MS] = NLA_POLICY_FULL_RANGE(NLA_U32, &riod_a_attachment_lost_ms_range),
};

/* RIOD_CMD_DETACH - do */
static const struct nla_policy riod_detach_nl_policy[RIOD_A_ATTACHMENT_OWN + 1] = {
	[RIOD_A_ATTACHMENT_ID] = { .type = NLA_U32, },
	[RIOD_A_ATTACHMENT_FORCE] = { .type = NLA_FLAG, },
	[RIOD_A_ATTACHMENT_OWN] = { .type = NLA_FLAG, },
};

/* RIOD_CMD_DISCOVER - do */
static const struct nla_policy riod_discover_nl_policy[RIOD_A_REMOTE_TRANSPORT + 1] = {
	[RIOD_A_REMOTE_HOST] = { .type = NLA_NUL_STRING, .len = 63, },
	[RIOD_A_REMOTE_PORT] = { .type = NLA_U16, },
	[RIOD_A_REMOTE_TRANSPORT] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* RIOD_CMD_EXPORT_SET - do */
static const struct nla_policy riod_export_set_nl_policy[RIOD_A_EXPORT_ALLOW_OP + 1] = {
	[RIOD_A_EXPORT_NAME] = { .type = NLA_NUL_STRING, .len = 63, },
	[RIOD_A_EXPORT_ALLOW_OP] = NLA_POLICY_MAX(NLA_U32, 2),
	[RIOD_A_EXPORT_ALLOW] = NLA_POLICY_NESTED(riod_allow_nl_policy),
	[RIOD_A_EXPORT_FORCE] = { .type = NLA_FLAG, },
};

/* Ops table for riod */
static const struct genl_split_ops riod_nl_ops[] = {
	{
		.cmd		= RIOD_CMD_EXPORT_NEW,
		.pre_doit	= riod_nl_pre_doit,
		.doit		= riod_nl_export_new_doit,
		.policy		= riod_export_new_nl_policy,
		.maxattr	= RIOD_A_EXPORT_TRANSPORT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= RIOD_CMD_EXPORT_DEL,
		.pre_doit	= riod_nl_pre_doit,
		.doit		= riod_nl_export_del_doit,
		.policy		= riod_export_del_nl_policy,
		.maxattr	= RIOD_A_EXPORT_FORCE,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= RIOD_CMD_EXPORT_GET,
		.start	= riod_nl_start,
		.dumpit	= riod_nl_export_get_dumpit,
		.flags	= GENL_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= RIOD_CMD_ATTACH,
		.pre_doit	= riod_nl_pre_doit,
		.doit		= riod_nl_attach_doit,
		.policy		= riod_attach_nl_policy,
		.maxattr	= RIOD_A_ATTACHMENT_LOST_MS,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= RIOD_CMD_DETACH,
		.pre_doit	= riod_nl_pre_doit,
		.doit		= riod_nl_detach_doit,
		.policy		= riod_detach_nl_policy,
		.maxattr	= RIOD_A_ATTACHMENT_OWN,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= RIOD_CMD_ATTACHMENT_GET,
		.start	= riod_nl_start,
		.dumpit	= riod_nl_attachment_get_dumpit,
		.flags	= GENL_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= RIOD_CMD_DISCOVER,
		.pre_doit	= riod_nl_pre_doit,
		.doit		= riod_nl_discover_doit,
		.policy		= riod_discover_nl_policy,
		.maxattr	= RIOD_A_REMOTE_TRANSPORT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= RIOD_CMD_EXPORT_SET,
		.pre_doit	= riod_nl_pre_doit,
		.doit		= riod_nl_export_set_doit,
		.policy		= riod_export_set_nl_policy,
		.maxattr	= RIOD_A_EXPORT_ALLOW_OP,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group riod_nl_mcgrps[] = {
	[RIOD_NLGRP_EVENTS] = { "events", },
};

struct genl_family riod_nl_family __ro_after_init = {
	.name		= RIOD_FAMILY_NAME,
	.version	= RIOD_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= riod_nl_ops,
	.n_split_ops	= ARRAY_SIZE(riod_nl_ops),
	.mcgrps		= riod_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(riod_nl_mcgrps),
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * netlink_kunit.c - requests of user space, and the messages sent to it
 */
#include <kunit/test.h>
#include <linux/in6.h>
#include <linux/module.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>

#include "compat_export.h"
#include "netlink.h"

/* ------------------------------------------------------------ a request */

/**
 * struct nl_request - a message as genetlink passes it to a command
 * @skb: the message
 * @nlh: header of the message
 * @info: the parsed message
 * @attrs: info->attrs
 * @extack: error text of the command
 */
struct nl_request {
	struct sk_buff *skb;
	struct nlmsghdr *nlh;
	struct genl_info info;
	struct nlattr *attrs[32];
	struct netlink_ext_ack extack;
};

static void free_skb(void *skb)
{
	nlmsg_free(skb);
}

static struct nl_request *new_request(struct kunit *test)
{
	struct nl_request *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->skb = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->skb);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_skb, r->skb), 0);
	r->nlh = nlmsg_put(r->skb, 0, 0, 0, GENL_HDRLEN, 0);
	r->info.nlhdr = r->nlh;
	r->info.attrs = r->attrs;
	r->info.extack = &r->extack;
	genl_info_net_set(&r->info, &init_net);
	return r;
}

/* like genetlink, keeps the last attribute of each type in @attrs */
static struct genl_info *end_request(struct kunit *test, struct nl_request *r)
{
	nlmsg_end(r->skb, r->nlh);
	KUNIT_ASSERT_EQ(test, nlmsg_parse_deprecated(r->info.nlhdr, GENL_HDRLEN, r->attrs,
						     ARRAY_SIZE(r->attrs) - 1, NULL, NULL), 0);
	return &r->info;
}

static void name_device(struct kunit *test, struct nl_request *r, const char *s)
{
	KUNIT_ASSERT_EQ(test, nla_put_string(r->skb, RIOD_A_EXPORT_DEVICE, s), 0);
}

static const char *text_of(const struct nl_request *r)
{
	return r->extack._msg ?: "";
}

static int parse_export(struct kunit *test, struct nl_request *r,
			struct riod_export_request **req)
{
	*req = kunit_kzalloc(test, sizeof(**req), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, *req);
	return riod_nl_parse_export(end_request(test, r), *req);
}

/* ------------------------------------------------------------ devices */

struct device_case {
	const char *s;
	u32 domain;
	u8 bus;
	u8 devfn;
	bool bad;
};

static const struct device_case device_cases[] = {
	{ "0000:03:00.0", 0, 3, 0 },
	{ "ffff:ff:1f.7", 0xffff, 0xff, 0xff },
	{ "FFFF:AB:0c.1", 0xffff, 0xab, 0x61 },
	{ "10000:e1:00.0", 0x10000, 0xe1, 0 },
	{ "1234567:00:1f.0", 0x1234567, 0, 0xf8 },
	{ "", .bad = true },
	{ "03:00.0", .bad = true },
	{ "000:03:00.0", .bad = true },
	{ "12345678:03:00.0", .bad = true },
	{ "0000:3:00.0", .bad = true },
	{ "0000:003:00.0", .bad = true },
	{ "0000:03:20.0", .bad = true },
	{ "0000:03:00.8", .bad = true },
	{ "0000:03:00.0 ", .bad = true },
	{ " 0000:03:00.0", .bad = true },
	{ "0000:03:00.00", .bad = true },
	{ "0000:03:00", .bad = true },
	{ "0000:03:00:0", .bad = true },
	{ "0000.03:00.0", .bad = true },
	{ "0x00:03:00.0", .bad = true },
	{ "-000:03:00.0", .bad = true },
	{ "0000:g3:00.0", .bad = true },
	{ "nvme0", .bad = true },
};

static void device_desc(const struct device_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "'%s'", c->s);
}

KUNIT_ARRAY_PARAM(device, device_cases, device_desc);

static void device_names(struct kunit *test)
{
	const struct device_case *c = test->param_value;
	struct riod_export_request *req;
	struct nl_request *r = new_request(test);

	name_device(test, r, c->s);
	if (c->bad) {
		KUNIT_EXPECT_EQ(test, parse_export(test, r, &req), -EINVAL);
		KUNIT_EXPECT_STREQ(test, text_of(r),
				   "a PCI address looks like 0000:03:00.0; lspci -D shows them");
		return;
	}
	KUNIT_ASSERT_EQ(test, parse_export(test, r, &req), 0);
	KUNIT_EXPECT_EQ(test, req->ndevices, 1);
	KUNIT_EXPECT_EQ(test, req->devices[0].domain, c->domain);
	KUNIT_EXPECT_EQ(test, req->devices[0].bus, c->bus);
	KUNIT_EXPECT_EQ(test, req->devices[0].devfn, c->devfn);
	KUNIT_EXPECT_EQ(test, req->port, RIOD_PORT);
	KUNIT_EXPECT_EQ(test, req->name[0], 0);
	KUNIT_EXPECT_FALSE(test, req->no_reset);
}

static void device_lists(struct kunit *test)
{
	struct riod_export_request *req;
	struct nl_request *r = new_request(test);
	unsigned int i;
	char s[16];

	KUNIT_EXPECT_EQ(test, parse_export(test, r, &req), -EINVAL);
	KUNIT_EXPECT_STREQ(test, text_of(r), "no device is named");

	for (r = new_request(test), i = 0; i < RIOD_FUNCS_MAX; i++) {
		snprintf(s, sizeof(s), "0000:03:00.%u", i);
		name_device(test, r, s);
	}
	KUNIT_EXPECT_EQ(test, parse_export(test, r, &req), 0);
	KUNIT_EXPECT_EQ(test, req->ndevices, RIOD_FUNCS_MAX);
	KUNIT_EXPECT_EQ(test, req->devices[7].devfn, 7);

	for (r = new_request(test), i = 0; i <= RIOD_FUNCS_MAX; i++) {
		snprintf(s, sizeof(s), "0000:%02x:00.0", i);
		name_device(test, r, s);
	}
	KUNIT_EXPECT_EQ(test, parse_export(test, r, &req), -E2BIG);
	KUNIT_EXPECT_STREQ(test, text_of(r), "an export has at most 8 functions");

	r = new_request(test);
	name_device(test, r, "0000:03:00.0");
	name_device(test, r, "0000:03:00.1");
	name_device(test, r, "0000:03:00.0");
	KUNIT_EXPECT_EQ(test, parse_export(test, r, &req), -EINVAL);
	KUNIT_EXPECT_STREQ(test, text_of(r), "0000:03:00.0 is named twice");
}

/* ------------------------------------------------------------ names and ports */

static void export_options(struct kunit *test)
{
	struct riod_export_request *req;
	struct nl_request *r = new_request(test);

	name_device(test, r, "0000:03:00.0");
	nla_put_string(r->skb, RIOD_A_EXPORT_NAME, "disk-1");
	nla_put_u16(r->skb, RIOD_A_EXPORT_PORT, 4711);
	nla_put_flag(r->skb, RIOD_A_EXPORT_NO_RESET);
	KUNIT_EXPECT_EQ(test, parse_export(test, r, &req), 0);
	KUNIT_EXPECT_STREQ(test, req->name, "disk-1");
	KUNIT_EXPECT_EQ(test, req->port, 4711);
	KUNIT_EXPECT_TRUE(test, req->no_reset);

	r = new_request(test);
	name_device(test, r, "0000:03:00.0");
	nla_put_u16(r->skb, RIOD_A_EXPORT_PORT, 0);
	KUNIT_EXPECT_EQ(test, parse_export(test, r, &req), -EINVAL);
	KUNIT_EXPECT_STREQ(test, text_of(r), "port 0 cannot be used");
}

/* name transports, or none; the request has a device */
static int parse_transports(struct kunit *test, const char * const *names, unsigned int n,
			    struct riod_export_request **req, const char **text)
{
	struct nl_request *r = new_request(test);
	unsigned int i;
	int ret;

	name_device(test, r, "0000:03:00.0");
	for (i = 0; i < n; i++)
		nla_put_string(r->skb, RIOD_A_EXPORT_TRANSPORT, names[i]);
	ret = parse_export(test, r, req);
	*text = text_of(r);
	return ret;
}

static void export_transports(struct kunit *test)
{
	static const char * const names[] = { "tcp", "rdma", "loop", "a-name-of-15-ch", "tin" };
	static const char * const twice[] = { "rdma", "tcp", "rdma" };
	static const char * const bad[] = { "tcp", "two words" };
	static const char * const empty[] = { "tcp", "" };
	struct riod_export_request *req;
	const char *text;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, parse_transports(test, NULL, 0, &req, &text), 0);
	KUNIT_EXPECT_EQ(test, req->ntransports, 1);
	KUNIT_EXPECT_STREQ(test, req->transports[0], "tcp");

	/* one that is named is not joined by the default */
	KUNIT_EXPECT_EQ(test, parse_transports(test, &names[1], 1, &req, &text), 0);
	KUNIT_EXPECT_EQ(test, req->ntransports, 1);
	KUNIT_EXPECT_STREQ(test, req->transports[0], "rdma");

	KUNIT_EXPECT_EQ(test, parse_transports(test, names, RIOD_EXPORT_TRANSPORTS_MAX, &req,
					       &text), 0);
	KUNIT_ASSERT_EQ(test, req->ntransports, RIOD_EXPORT_TRANSPORTS_MAX);
	for (i = 0; i < RIOD_EXPORT_TRANSPORTS_MAX; i++)
		KUNIT_EXPECT_STREQ(test, req->transports[i], names[i]);

	KUNIT_EXPECT_EQ(test, parse_transports(test, names, ARRAY_SIZE(names), &req, &text),
			-E2BIG);
	KUNIT_EXPECT_STREQ(test, text, "an export has at most 4 transports");
	KUNIT_EXPECT_EQ(test, parse_transports(test, twice, 3, &req, &text), -EINVAL);
	KUNIT_EXPECT_STREQ(test, text, "the transport rdma is named twice");
	KUNIT_EXPECT_EQ(test, parse_transports(test, bad, 2, &req, &text), -EINVAL);
	KUNIT_EXPECT_EQ(test, parse_transports(test, empty, 2, &req, &text), -EINVAL);
}

static void export_names(struct kunit *test)
{
	static const char * const bad[] = {
		"", "two words", "tab\there", "\x1b[2J", "\x7f", "\xe4",
	};
	struct riod_export_request *req;
	char name[RIOD_NAME_LEN + 1] = {};
	struct nl_request *r;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		r = new_request(test);
		name_device(test, r, "0000:03:00.0");
		nla_put_string(r->skb, RIOD_A_EXPORT_NAME, bad[i]);
		KUNIT_EXPECT_EQ(test, parse_export(test, r, &req), -EINVAL);
		KUNIT_EXPECT_STREQ(test, text_of(r),
				   "a name has 1 to 63 characters of ASCII and no spaces");
	}
	memset(name, '~', RIOD_NAME_LEN);
	for (i = RIOD_NAME_LEN; i >= RIOD_NAME_LEN - 1; i--) {
		name[i] = 0;
		r = new_request(test);
		name_device(test, r, "0000:03:00.0");
		nla_put_string(r->skb, RIOD_A_EXPORT_NAME, name);
		KUNIT_EXPECT_EQ(test, parse_export(test, r, &req),
				i == RIOD_NAME_LEN ? -EINVAL : 0);
	}
}

/* ------------------------------------------------------------ allow lists */

struct allow_case {
	const char *name;
	u16 family;
	u8 len;
	u8 addr[16];
	u8 prefix;
	int err;
	u8 masked[16];
};

static const struct allow_case allow_cases[] = {
	{ "192.0.2.77/24", AF_INET, 4, { 192, 0, 2, 77 }, 24, 0, { 192, 0, 2, 0 } },
	{ "192.0.2.77/32", AF_INET, 4, { 192, 0, 2, 77 }, 32, 0, { 192, 0, 2, 77 } },
	{ "255.255.255.255/1", AF_INET, 4, { 255, 255, 255, 255 }, 1, 0, { 128 } },
	{ "192.0.2.77/0", AF_INET, 4, { 192, 0, 2, 77 }, 0, 0, { 0 } },
	{ "192.0.2.77/33", AF_INET, 4, { 192, 0, 2, 77 }, 33, -EINVAL },
	{ "2001:db8::ff/121", AF_INET6, 16, { 0x20, 1, 0xd, 0xb8, [15] = 0xff }, 121, 0,
		{ 0x20, 1, 0xd, 0xb8, [15] = 0x80 } },
	{ "2001:db8::ff/128", AF_INET6, 16, { 0x20, 1, 0xd, 0xb8, [15] = 0xff }, 128, 0,
		{ 0x20, 1, 0xd, 0xb8, [15] = 0xff } },
	{ "2001:db8::ff/0", AF_INET6, 16, { 0x20, 1, 0xd, 0xb8, [15] = 0xff }, 0, 0, { 0 } },
	{ "2001:db8::ff/129", AF_INET6, 16, { 0x20, 1, 0xd, 0xb8 }, 129, -EINVAL },
	{ "16 bytes of IPv4", AF_INET, 16, { 192, 0, 2, 77 }, 24, -EINVAL },
	{ "4 bytes of IPv6", AF_INET6, 4, { 0x20, 1, 0xd, 0xb8 }, 24, -EINVAL },
	{ "no bytes", AF_INET, 0, { 0 }, 0, -EINVAL },
	{ "other family", AF_UNIX, 4, { 192, 0, 2, 77 }, 24, -EINVAL },
};

static void allow_desc(const struct allow_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(allow, allow_cases, allow_desc);

static void put_allow(struct kunit *test, struct nl_request *r, const struct allow_case *c)
{
	struct nlattr *nest = nla_nest_start(r->skb, RIOD_A_EXPORT_ALLOW);

	KUNIT_ASSERT_NOT_NULL(test, nest);
	nla_put_u16(r->skb, RIOD_A_ALLOW_FAMILY, c->family);
	nla_put(r->skb, RIOD_A_ALLOW_ADDRESS, c->len, c->addr);
	nla_put_u8(r->skb, RIOD_A_ALLOW_PREFIX_LEN, c->prefix);
	nla_nest_end(r->skb, nest);
}

static void allow_entries(struct kunit *test)
{
	const struct allow_case *c = test->param_value;
	struct riod_export_request *req;
	struct nl_request *r = new_request(test);

	name_device(test, r, "0000:03:00.0");
	put_allow(test, r, c);
	KUNIT_EXPECT_EQ(test, parse_export(test, r, &req), c->err);
	if (c->err) {
		KUNIT_EXPECT_STREQ(test, text_of(r),
				   "an allowed network looks like 192.0.2.0/24 or 2001:db8::/32");
		return;
	}
	KUNIT_ASSERT_EQ(test, req->nallow, 1);
	KUNIT_EXPECT_EQ(test, req->allow[0].family, c->family);
	KUNIT_EXPECT_EQ(test, req->allow[0].prefix_len, c->prefix);
	KUNIT_EXPECT_MEMEQ(test, &req->allow[0].v6, c->masked, c->len);
}

static void allow_lists(struct kunit *test)
{
	struct riod_export_request *req;
	unsigned int count, i;
	struct nl_request *r;

	for (count = RIOD_ALLOW_MAX; count <= RIOD_ALLOW_MAX + 1; count++) {
		r = new_request(test);
		name_device(test, r, "0000:03:00.0");
		for (i = 0; i < count; i++)
			put_allow(test, r, &allow_cases[0]);
		KUNIT_EXPECT_EQ(test, parse_export(test, r, &req),
				count == RIOD_ALLOW_MAX ? 0 : -E2BIG);
		KUNIT_EXPECT_EQ(test, req->nallow, RIOD_ALLOW_MAX);
	}
	KUNIT_EXPECT_STREQ(test, text_of(r), "an allow list has at most 64 networks");
}

/* ------------------------------------------------------------ changes of an export */

static int parse_change(struct kunit *test, struct nl_request *r,
			struct riod_export_change **change)
{
	*change = kunit_kzalloc(test, sizeof(**change), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, *change);
	return riod_nl_parse_change(end_request(test, r), *change);
}

static struct nl_request *new_change(struct kunit *test, u32 op)
{
	struct nl_request *r = new_request(test);

	nla_put_string(r->skb, RIOD_A_EXPORT_NAME, "disk-1");
	nla_put_u32(r->skb, RIOD_A_EXPORT_ALLOW_OP, op);
	return r;
}

static void export_changes(struct kunit *test)
{
	struct riod_export_change *c;
	struct nl_request *r;
	unsigned int i;

	r = new_change(test, RIOD_ALLOW_OP_REMOVE);
	put_allow(test, r, &allow_cases[0]);
	put_allow(test, r, &allow_cases[1]);
	nla_put_flag(r->skb, RIOD_A_EXPORT_FORCE);
	KUNIT_ASSERT_EQ(test, parse_change(test, r, &c), 0);
	KUNIT_EXPECT_STREQ(test, c->name, "disk-1");
	KUNIT_EXPECT_EQ(test, c->op, RIOD_ALLOW_OP_REMOVE);
	KUNIT_EXPECT_TRUE(test, c->force);
	KUNIT_ASSERT_EQ(test, c->nallow, 2);
	KUNIT_EXPECT_EQ(test, c->allow[1].prefix_len, 32);

	/* REPLACE may empty the list; a request without an operation may not */
	KUNIT_ASSERT_EQ(test, parse_change(test, new_change(test, RIOD_ALLOW_OP_REPLACE), &c), 0);
	KUNIT_EXPECT_EQ(test, c->nallow, 0);
	KUNIT_EXPECT_FALSE(test, c->force);
	r = new_request(test);
	nla_put_string(r->skb, RIOD_A_EXPORT_NAME, "disk-1");
	KUNIT_EXPECT_EQ(test, parse_change(test, r, &c), -EINVAL);
	KUNIT_EXPECT_STREQ(test, text_of(r), "no change of the export is named");
	r = new_change(test, RIOD_ALLOW_OP_ADD);
	KUNIT_EXPECT_EQ(test, parse_change(test, r, &c), -EINVAL);
	KUNIT_EXPECT_STREQ(test, text_of(r), "no network is named");

	r = new_request(test);
	KUNIT_EXPECT_EQ(test, parse_change(test, r, &c), -EINVAL);
	KUNIT_EXPECT_STREQ(test, text_of(r), "no export is named");
	r = new_change(test, RIOD_ALLOW_OP_ADD);
	for (i = 0; i <= RIOD_ALLOW_MAX; i++)
		put_allow(test, r, &allow_cases[0]);
	KUNIT_EXPECT_EQ(test, parse_change(test, r, &c), -E2BIG);
	KUNIT_EXPECT_EQ(test, c->nallow, RIOD_ALLOW_MAX);
}

/* ------------------------------------------------------------ peers */

struct host_case {
	const char *host;
	const char *shown;	/* NULL: refused */
};

static const struct host_case host_cases[] = {
	{ "192.0.2.1", "192.0.2.1:7463" },
	{ "2001:db8::1", "[2001:db8::1]:7463" },
	{ "::", "[::]:7463" },
	{ "::ffff:192.0.2.1", "192.0.2.1:7463" },
	{ "fe80::1%1", "[fe80::1%1]:7463" },
	{ "fe80::1%lo", "[fe80::1%1]:7463" },
	{ "fe80::1", "[fe80::1]:7463" },
	{ "" },
	{ "192.0.2" },
	{ "192.0.2.256" },
	{ "192.0.2.1:80" },
	{ "192.0.2.1 " },
	{ "192.0.2.1%1" },
	{ "3221225985" },
	{ "2001:db8::1%1" },
	{ "fe80::1%" },
	{ "fe80::1%nonesuch" },
	{ "[2001:db8::1]" },
	{ "2001:db8::12345" },
	{ "server" },
	{ "server.example.com" },
};

static void host_desc(const struct host_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "'%s'", c->host);
}

KUNIT_ARRAY_PARAM(host, host_cases, host_desc);

static void hosts(struct kunit *test)
{
	const struct host_case *c = test->param_value;
	struct riod_attach_request req = {};
	struct nl_request *r = new_request(test);
	char shown[64];
	int err;

	nla_put_string(r->skb, RIOD_A_ATTACHMENT_HOST, c->host);
	err = riod_nl_parse_attach(end_request(test, r), &req);
	KUNIT_EXPECT_EQ(test, err, c->shown ? 0 : -EINVAL);
	if (err) {
		KUNIT_EXPECT_STREQ(test, text_of(r),
				   "the host must be a numeric IPv4 or IPv6 address");
		return;
	}
	riod_addr_str(&req.peer.addr, shown, sizeof(shown));
	KUNIT_EXPECT_STREQ(test, shown, c->shown ?: "");
	KUNIT_EXPECT_STREQ(test, req.peer.host, c->host);
	KUNIT_EXPECT_EQ(test, req.peer.port, RIOD_PORT);
}

static void attach_options(struct kunit *test)
{
	const u64 limit = 1ull << 40;
	struct riod_attach_request req = {};
	struct nl_request *r = new_request(test);

	KUNIT_EXPECT_EQ(test, riod_nl_parse_attach(end_request(test, r), &req), -EINVAL);
	KUNIT_EXPECT_STREQ(test, text_of(r), "no host is named");

	r = new_request(test);
	nla_put_string(r->skb, RIOD_A_ATTACHMENT_HOST, "192.0.2.1");
	nla_put_u16(r->skb, RIOD_A_ATTACHMENT_PORT, 65535);
	nla_put_string(r->skb, RIOD_A_ATTACHMENT_EXPORT, "0000:03:00.0");
	nla_put_string(r->skb, RIOD_A_ATTACHMENT_PROFILE, "none");
	nla_put(r->skb, RIOD_A_ATTACHMENT_LIMIT, sizeof(limit), &limit);
	nla_put_flag(r->skb, RIOD_A_ATTACHMENT_SYNC_WRITES);
	KUNIT_EXPECT_EQ(test, riod_nl_parse_attach(end_request(test, r), &req), 0);
	KUNIT_EXPECT_EQ(test, req.peer.port, 65535);
	KUNIT_EXPECT_STREQ(test, req.peer.transport, "tcp");
	KUNIT_EXPECT_EQ(test, ntohs(((struct sockaddr_in *)&req.peer.addr)->sin_port), 65535);
	KUNIT_EXPECT_STREQ(test, req.export, "0000:03:00.0");
	KUNIT_EXPECT_STREQ(test, req.profile, "none");
	KUNIT_EXPECT_EQ(test, req.limit, limit);
	KUNIT_EXPECT_TRUE(test, req.sync_writes);
}

static void transports(struct kunit *test)
{
	struct riod_attach_request req = {};
	struct nl_request *r = new_request(test);
	struct netlink_ext_ack extack = {};
	struct riod_conn *conn;

	nla_put_string(r->skb, RIOD_A_ATTACHMENT_HOST, "192.0.2.1");
	nla_put_string(r->skb, RIOD_A_ATTACHMENT_TRANSPORT, "pigeon");
	KUNIT_EXPECT_EQ(test, riod_nl_parse_attach(end_request(test, r), &req), 0);
	KUNIT_EXPECT_STREQ(test, req.peer.transport, "pigeon");
	conn = riod_peer_open(&init_net, &req.peer, &extack);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(conn), -EPROTONOSUPPORT);
	KUNIT_EXPECT_STREQ(test, extack._msg,
			   "there is no transport 'pigeon': is its module installed?");
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(riod_nl_find_transport("pigeon", &extack)),
			-EPROTONOSUPPORT);
	KUNIT_EXPECT_STREQ(test, extack._msg,
			   "there is no transport 'pigeon': modprobe riod-pigeon loads one");

	r = new_request(test);
	nla_put_string(r->skb, RIOD_A_ATTACHMENT_HOST, "192.0.2.1");
	nla_put_string(r->skb, RIOD_A_ATTACHMENT_TRANSPORT, "two words");
	KUNIT_EXPECT_EQ(test, riod_nl_parse_attach(end_request(test, r), &req), -EINVAL);
}

/* ------------------------------------------------------------ messages to user space */

static void peer_errors(struct kunit *test)
{
	struct riod_refusal refusal = { .reason = RIOD_REASON_BUSY, .text = "in use" };
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(65535),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	struct sockaddr_storage addr = {};
	struct netlink_ext_ack extack = {};
	struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_port = htons(7463),
		.sin_addr.s_addr = htonl(0xc6336407),
	};

	memcpy(&addr, &v4, sizeof(v4));
	riod_nl_peer_error(&extack, &addr, -ECONNREFUSED, NULL);
	KUNIT_EXPECT_STREQ(test, extack._msg,
			   "198.51.100.7:7463 refused the connection: no riod export is listening there");
	riod_nl_peer_error(&extack, &addr, -EPERM, NULL);
	KUNIT_EXPECT_STREQ(test, extack._msg,
			   "198.51.100.7:7463 cannot be reached: this host forbids it (a firewall?)");
	riod_nl_peer_error(&extack, &addr, -ECONNREFUSED, &refusal);
	KUNIT_EXPECT_STREQ(test, extack._msg, "198.51.100.7:7463 refused: in use");
	refusal.reason = RIOD_REASON_NONE;
	strscpy(refusal.text, "does not speak riod");
	riod_nl_peer_error(&extack, &addr, -EPROTO, &refusal);
	KUNIT_EXPECT_STREQ(test, extack._msg, "198.51.100.7:7463 does not speak riod");

	/* too long with the address, so the address is left out */
	memset(&v6.sin6_addr, 0x22, sizeof(v6.sin6_addr));
	memcpy(&addr, &v6, sizeof(v6));
	riod_nl_peer_error(&extack, &addr, -ECONNREFUSED, NULL);
	KUNIT_EXPECT_STREQ(test, extack._msg,
			   "the host refused the connection: no riod export is listening there");
	refusal.reason = RIOD_REASON_BUSY;
	memset(refusal.text, 't', sizeof(refusal.text) - 1);
	riod_nl_peer_error(&extack, &addr, -ECONNREFUSED, &refusal);
	KUNIT_EXPECT_LT(test, strlen(extack._msg), NETLINK_MAX_FMTMSG_LEN);
	riod_nl_peer_error(NULL, &addr, -ECONNREFUSED, &refusal);
}

static void no_address(struct kunit *test)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNIX };
	char shown[64];

	riod_addr_str(&addr, shown, sizeof(shown));
	KUNIT_EXPECT_STREQ(test, shown, "unknown");
}

/* all function counters are present; without a link no other counters are */
static void function_stats(struct kunit *test)
{
	struct nl_request *r = new_request(test);
	struct nlattr *tb[RIOD_A_STATS_MAX + 1];
	struct riod_func_stats fs = {};
	struct nlattr *nest;

	atomic64_set(&fs.reg_reads, 7);
	atomic64_set(&fs.kicks, 1ll << 40);
	atomic64_set(&fs.raised, 9);
	KUNIT_ASSERT_EQ(test, riod_nl_put_stats(r->skb, RIOD_A_EXPORT_STATS, NULL, &fs), 0);
	nest = end_request(test, r)->attrs[RIOD_A_EXPORT_STATS];
	KUNIT_ASSERT_NOT_NULL(test, nest);

	KUNIT_ASSERT_EQ(test, nla_parse_nested(tb, RIOD_A_STATS_MAX, nest, NULL, NULL), 0);
	KUNIT_EXPECT_NULL(test, tb[RIOD_A_STATS_TX_FRAMES]);
	KUNIT_ASSERT_NOT_NULL(test, tb[RIOD_A_STATS_REG_READS]);
	KUNIT_EXPECT_EQ(test, nla_get_uint(tb[RIOD_A_STATS_REG_READS]), 7);
	KUNIT_EXPECT_EQ(test, nla_len(tb[RIOD_A_STATS_REG_READS]), sizeof(u32));
	KUNIT_ASSERT_NOT_NULL(test, tb[RIOD_A_STATS_KICKS]);
	KUNIT_EXPECT_EQ(test, nla_get_uint(tb[RIOD_A_STATS_KICKS]), 1ull << 40);
	KUNIT_ASSERT_NOT_NULL(test, tb[RIOD_A_STATS_RAISED]);
	KUNIT_EXPECT_EQ(test, nla_get_uint(tb[RIOD_A_STATS_RAISED]), 9);
}

static void stats_without_room(struct kunit *test)
{
	struct riod_func_stats fs = {};
	struct sk_buff *skb = nlmsg_new(40, GFP_KERNEL);
	unsigned int len;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put(skb, skb_tailroom(skb) - 40);
	len = skb->len;
	KUNIT_EXPECT_EQ(test, riod_nl_put_stats(skb, RIOD_A_EXPORT_STATS, NULL, &fs), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, skb->len, len);
	nlmsg_free(skb);
}

static const struct riod_nl_stub_ops stub_ops = { .owner = THIS_MODULE };
static const struct riod_nl_frontend_ops frontend_ops = { .owner = THIS_MODULE };

/* one of each may register; unregistering another one has no effect */
static void registration(struct kunit *test)
{
	static const struct riod_nl_stub_ops other_stub = { .owner = THIS_MODULE };
	static const struct riod_nl_frontend_ops other_frontend = { .owner = THIS_MODULE };

	if (riod_nl_register_stub(&stub_ops))
		kunit_skip(test, "riod_stub is loaded");
	KUNIT_EXPECT_EQ(test, riod_nl_register_stub(&other_stub), -EBUSY);
	riod_nl_unregister_stub(&other_stub);
	KUNIT_EXPECT_EQ(test, riod_nl_register_stub(&other_stub), -EBUSY);
	riod_nl_unregister_stub(&stub_ops);

	if (riod_nl_register_frontend(&frontend_ops))
		kunit_skip(test, "riod_frontend is loaded");
	KUNIT_EXPECT_EQ(test, riod_nl_register_frontend(&other_frontend), -EBUSY);
	riod_nl_unregister_frontend(&other_frontend);
	KUNIT_EXPECT_EQ(test, riod_nl_register_frontend(&other_frontend), -EBUSY);
	riod_nl_unregister_frontend(&frontend_ops);
}

static struct kunit_case netlink_cases[] = {
	KUNIT_CASE_PARAM(device_names, device_gen_params),
	KUNIT_CASE(device_lists),
	KUNIT_CASE(export_options),
	KUNIT_CASE(export_transports),
	KUNIT_CASE(export_names),
	KUNIT_CASE_PARAM(allow_entries, allow_gen_params),
	KUNIT_CASE(allow_lists),
	KUNIT_CASE(export_changes),
	KUNIT_CASE_PARAM(hosts, host_gen_params),
	KUNIT_CASE(attach_options),
	KUNIT_CASE(transports),
	KUNIT_CASE(peer_errors),
	KUNIT_CASE(no_address),
	KUNIT_CASE(function_stats),
	KUNIT_CASE(stats_without_room),
	KUNIT_CASE(registration),
	{}
};

static struct kunit_suite netlink_suite = {
	.name = "riod_netlink",
	.test_cases = netlink_cases,
};

kunit_test_suite(netlink_suite);

MODULE_DESCRIPTION("KUnit tests of riod's netlink family");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

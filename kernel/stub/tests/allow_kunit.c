// SPDX-License-Identifier: GPL-2.0-only
/*
 * allow_kunit.c - peers that may see an export
 */
#include <kunit/test.h>
#include <linux/inet.h>

#include "../allow.c"

/* ------------------------------------------------------------ addresses */

static void parse(struct kunit *test, const char *s, struct riod_allow *a)
{
	const char *end;
	int ok;

	memset(a, 0, sizeof(*a));
	a->family = strchr(s, ':') ? AF_INET6 : AF_INET;
	if (a->family == AF_INET)
		ok = in4_pton(s, -1, (u8 *)&a->v4, '/', &end);
	else
		ok = in6_pton(s, -1, (u8 *)&a->v6, '/', &end);
	KUNIT_ASSERT_EQ(test, ok, 1);
	a->prefix_len = a->family == AF_INET ? 32 : 128;
	if (*end)
		KUNIT_ASSERT_EQ(test, kstrtou8(end + 1, 10, &a->prefix_len), 0);
}

static struct sockaddr_storage address(struct kunit *test, const char *s, u16 port)
{
	struct sockaddr_storage addr = { };
	struct riod_allow a;

	parse(test, s, &a);
	addr.ss_family = a.family;
	if (a.family == AF_INET) {
		((struct sockaddr_in *)&addr)->sin_addr = a.v4;
		((struct sockaddr_in *)&addr)->sin_port = htons(port);
	} else {
		((struct sockaddr_in6 *)&addr)->sin6_addr = a.v6;
		((struct sockaddr_in6 *)&addr)->sin6_port = htons(port);
	}
	return addr;
}

#define PORT	7463

static const struct riod_transport_ops tcp = { .name = "tcp" };
static const struct riod_transport_ops rdma = { .name = "rdma" };
static const struct riod_transport_ops loop = { .name = "loop" };

/**
 * struct lists - a request and its result
 * @req: requested allow list
 * @exp: the export with its copy
 * @extack: error text for the user
 */
struct lists {
	struct riod_export_request req;
	struct riod_stub_export exp;
	struct netlink_ext_ack extack;
};

static struct lists *lists(struct kunit *test)
{
	struct lists *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, l);
	l->exp.net = &init_net;
	l->exp.port = PORT;
	l->exp.transports[0] = &tcp;
	l->exp.ntransports = 1;
	return l;
}

static void add(struct kunit *test, struct lists *l, const char *s)
{
	KUNIT_ASSERT_LT(test, l->req.nallow, RIOD_ALLOW_MAX);
	parse(test, s, &l->req.allow[l->req.nallow++]);
}

static int copy(struct lists *l)
{
	return riod_stub_allow_init(&l->exp, &l->req, &l->extack);
}

static bool sees(struct kunit *test, struct lists *l, const char *peer)
{
	struct sockaddr_storage addr = address(test, peer, 40000);

	return riod_stub_visible(&l->exp, &init_net, &tcp, PORT, &addr);
}

/* ------------------------------------------------------------ one entry */

struct entry_case {
	const char *entry;
	const char *peer;
	bool allowed;
};

static const struct entry_case entry_cases[] = {
	{ "192.0.2.0/24", "192.0.2.0", true },
	{ "192.0.2.0/24", "192.0.2.255", true },
	{ "192.0.2.0/24", "192.0.3.0", false },
	{ "192.0.2.0/24", "192.0.1.255", false },
	{ "192.0.2.77/24", "192.0.2.1", true },
	{ "192.0.2.128/25", "192.0.2.127", false },
	{ "192.0.2.128/25", "192.0.2.128", true },
	{ "128.0.0.0/1", "255.255.255.255", true },
	{ "128.0.0.0/1", "127.255.255.255", false },
	{ "192.0.2.2/31", "192.0.2.3", true },
	{ "192.0.2.2/31", "192.0.2.4", false },
	{ "192.0.2.20", "192.0.2.20", true },
	{ "192.0.2.20/32", "192.0.2.21", false },
	{ "192.0.2.20/32", "127.0.0.1", false },
	{ "0.0.0.0/0", "203.0.113.9", true },
	{ "0.0.0.0/0", "0.0.0.0", true },
	/* entries match only their own family */
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "0.0.0.0/0", "::192.0.2.1", false },
	{ "::/0", "192.0.2.1", false },
	{ "::/0", "::ffff:192.0.2.1", false },
	{ "192.0.2.1/32", "c000:201::", false },
	{ "::/0", "2001:db8::1", true },
	{ "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "2001:db8::/32", "2001:db8::1", true },
	{ "2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "2001:db8::/32", "2001:db9::", false },
	{ "2001:db8::/33", "2001:db8:8000::", false },
	{ "2001:db8::/33", "2001:db8:7fff::", true },
	{ "2001:db8::5/64", "2001:db8::6", true },
	{ "2001:db8::4/127", "2001:db8::5", true },
	{ "2001:db8::4/127", "2001:db8::6", false },
	{ "2001:db8::1", "2001:db8::1", true },
	{ "2001:db8::1/128", "2001:db8::2", false },
	{ "2001:db8::1/128", "::1", false },
	/* IPv4 and IPv4-mapped addresses are equivalent, in peers and entries */
	{ "192.0.2.0/24", "::ffff:192.0.2.1", true },
	{ "192.0.2.0/24", "::ffff:192.0.3.1", false },
	{ "0.0.0.0/0", "::ffff:192.0.2.1", true },
	{ "::ffff:192.0.2.0/120", "192.0.2.1", true },
	{ "::ffff:192.0.2.0/120", "192.0.3.1", false },
	{ "::ffff:192.0.2.0/120", "::ffff:192.0.2.1", true },
	{ "::ffff:192.0.2.1/128", "192.0.2.1", true },
	{ "::ffff:192.0.2.1/128", "192.0.2.2", false },
	{ "::ffff:0.0.0.0/96", "203.0.113.9", true },
	{ "::ffff:0.0.0.0/96", "2001:db8::1", false },
	/* covers more than the mapped addresses, so it is an IPv6 entry */
	{ "::ffff:0.0.0.0/95", "203.0.113.9", false },
	{ "::ffff:0.0.0.0/95", "::fffe:203.0.113.9", true },
};

static void entry_desc(const struct entry_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, peer %s", c->entry, c->peer);
}

KUNIT_ARRAY_PARAM(entry, entry_cases, entry_desc);

static void entries(struct kunit *test)
{
	const struct entry_case *c = test->param_value;
	struct lists *l = lists(test);

	add(test, l, c->entry);
	KUNIT_ASSERT_EQ(test, copy(l), 0);
	KUNIT_EXPECT_EQ(test, sees(test, l, c->peer), c->allowed);
}

/* ------------------------------------------------------------ lists */

static void no_list(struct kunit *test)
{
	static const struct { const char *peer; bool allowed; } cases[] = {
		{ "127.0.0.1", true },
		{ "127.255.255.254", true },
		{ "::1", true },
		{ "::ffff:127.0.0.1", true },
		{ "128.0.0.1", false },
		{ "126.255.255.255", false },
		{ "192.0.2.1", false },
		{ "0.0.0.0", false },
		{ "::", false },
		{ "::2", false },
		{ "::127.0.0.1", false },
		{ "::ffff:192.0.2.1", false },
		{ "::ffff:0.0.0.1", false },
		{ "fe80::1", false },
		{ "2001:db8::1", false },
		{ "7f00:1::", false },
	};
	struct lists *l = lists(test);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, copy(l), 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, sees(test, l, cases[i].peer), cases[i].allowed,
				    "%s", cases[i].peer);
}

/* with a list, loopback is not implicitly allowed */
static void several(struct kunit *test)
{
	struct lists *l = lists(test);

	add(test, l, "192.0.2.0/28");
	add(test, l, "2001:db8::/64");
	add(test, l, "198.51.100.7");
	KUNIT_ASSERT_EQ(test, copy(l), 0);
	KUNIT_EXPECT_TRUE(test, sees(test, l, "192.0.2.15"));
	KUNIT_EXPECT_TRUE(test, sees(test, l, "2001:db8::15"));
	KUNIT_EXPECT_TRUE(test, sees(test, l, "198.51.100.7"));
	KUNIT_EXPECT_FALSE(test, sees(test, l, "198.51.100.8"));
	KUNIT_EXPECT_FALSE(test, sees(test, l, "127.0.0.1"));
	KUNIT_EXPECT_FALSE(test, sees(test, l, "::1"));
}

static void longest(struct kunit *test)
{
	struct lists *l = lists(test);
	char s[16];
	int i;

	for (i = 0; i < RIOD_ALLOW_MAX; i++) {
		snprintf(s, sizeof(s), "192.0.2.%d", i);
		add(test, l, s);
	}
	KUNIT_ASSERT_EQ(test, copy(l), 0);
	KUNIT_EXPECT_EQ(test, l->exp.nallow, RIOD_ALLOW_MAX);
	KUNIT_EXPECT_TRUE(test, sees(test, l, "192.0.2.0"));
	KUNIT_EXPECT_TRUE(test, sees(test, l, "192.0.2.63"));
	KUNIT_EXPECT_FALSE(test, sees(test, l, "192.0.2.64"));

	l->exp.nallow = 0;
	l->req.nallow++;
	KUNIT_EXPECT_EQ(test, copy(l), -E2BIG);
	KUNIT_EXPECT_EQ(test, l->exp.nallow, 0);
	KUNIT_EXPECT_NOT_NULL(test, l->extack._msg);
}

static void malformed(struct kunit *test)
{
	static const struct { u16 family; u8 prefix_len; int ret; } cases[] = {
		{ AF_INET, 32, 0 },
		{ AF_INET, 33, -EINVAL },
		{ AF_INET, 128, -EINVAL },
		{ AF_INET, 255, -EINVAL },
		{ AF_INET6, 33, 0 },
		{ AF_INET6, 128, 0 },
		{ AF_INET6, 129, -EINVAL },
		{ AF_INET6, 255, -EINVAL },
		{ AF_UNSPEC, 0, -EINVAL },
		{ AF_UNIX, 32, -EINVAL },
		{ AF_INET6 | 0x100, 128, -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lists *l = lists(test);

		/* a valid entry before the invalid one */
		add(test, l, "192.0.2.1");
		add(test, l, "192.0.2.2");
		l->req.allow[1].family = cases[i].family;
		l->req.allow[1].prefix_len = cases[i].prefix_len;
		KUNIT_EXPECT_EQ_MSG(test, copy(l), cases[i].ret, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, l->exp.nallow, 2 * !cases[i].ret, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, !l->extack._msg, !cases[i].ret, "case %u", i);
	}
}

/* ------------------------------------------------------------ changes */

/* change a list by @n networks from @nets on */
static int change(struct kunit *test, struct lists *l, enum riod_allow_op op,
		  const char * const *nets, unsigned int n)
{
	struct riod_export_change *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->op = op;
	for (c->nallow = 0; c->nallow < n; c->nallow++)
		parse(test, nets[c->nallow], &c->allow[c->nallow]);
	l->extack._msg = NULL;
	mutex_lock(&riod_stub_lock);
	ret = riod_stub_allow_change(&l->exp, c, &l->extack);
	mutex_unlock(&riod_stub_lock);
	return ret;
}

/* "192.0.2.0/24 2001:db8::/64" */
static const char *list_text(struct kunit *test, const struct lists *l)
{
	char *text = kunit_kzalloc(test, 64 * RIOD_ALLOW_MAX, GFP_KERNEL);
	unsigned int i;
	int len = 0;

	KUNIT_ASSERT_NOT_NULL(test, text);
	for (i = 0; i < l->exp.nallow; i++) {
		const struct riod_allow *a = &l->exp.allow[i];

		if (a->family == AF_INET)
			len += sprintf(text + len, "%s%pI4/%u", i ? " " : "", &a->v4,
				       a->prefix_len);
		else
			len += sprintf(text + len, "%s%pI6c/%u", i ? " " : "", &a->v6,
				       a->prefix_len);
	}
	return text;
}

static const char * const first_nets[] = { "192.0.2.0/24", "2001:db8::/64", "198.51.100.7" };

static struct lists *lists_of_three(struct kunit *test)
{
	struct lists *l = lists(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(first_nets); i++)
		add(test, l, first_nets[i]);
	KUNIT_ASSERT_EQ(test, copy(l), 0);
	return l;
}

struct change_case {
	const char *name;
	enum riod_allow_op op;
	const char *nets[3];
	int ret;
	const char *list;
};

#define ALL_THREE	"192.0.2.0/24 2001:db8::/64 198.51.100.7/32"

static const struct change_case change_cases[] = {
	{ "replace by another", RIOD_ALLOW_OP_REPLACE, { "203.0.113.0/24" }, 0,
	  "203.0.113.0/24" },
	{ "replace by none", RIOD_ALLOW_OP_REPLACE, { }, 0, "" },
	{ "add", RIOD_ALLOW_OP_ADD, { "203.0.113.0/24", "2001:db8::/48" }, 0,
	  ALL_THREE " 203.0.113.0/24 2001:db8::/48" },
	{ "add what is there", RIOD_ALLOW_OP_ADD, { "2001:db8::/64", "203.0.113.9" }, 0,
	  ALL_THREE " 203.0.113.9/32" },
	{ "add what is there as IPv6", RIOD_ALLOW_OP_ADD, { "::ffff:198.51.100.7" }, 0,
	  ALL_THREE },
	{ "remove the first", RIOD_ALLOW_OP_REMOVE, { "192.0.2.0/24" }, 0,
	  "2001:db8::/64 198.51.100.7/32" },
	{ "remove the last, by its IPv6 form", RIOD_ALLOW_OP_REMOVE,
	  { "::ffff:198.51.100.7" }, 0, "192.0.2.0/24 2001:db8::/64" },
	{ "remove one twice", RIOD_ALLOW_OP_REMOVE, { "2001:db8::/64", "2001:db8::/64" }, 0,
	  "192.0.2.0/24 198.51.100.7/32" },
	{ "remove all", RIOD_ALLOW_OP_REMOVE,
	  { "198.51.100.7", "192.0.2.0/24", "2001:db8::/64" }, 0, "" },
	{ "remove an address of a network", RIOD_ALLOW_OP_REMOVE,
	  { "2001:db8::/64", "192.0.2.7" }, -ENOENT, ALL_THREE },
	{ "remove a network around it", RIOD_ALLOW_OP_REMOVE, { "192.0.0.0/16" }, -ENOENT,
	  ALL_THREE },
};

static void change_desc(const struct change_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(change, change_cases, change_desc);

static void changes(struct kunit *test)
{
	const struct change_case *c = test->param_value;
	struct lists *l = lists_of_three(test);
	unsigned int n = 0;

	while (n < ARRAY_SIZE(c->nets) && c->nets[n])
		n++;
	KUNIT_EXPECT_EQ(test, change(test, l, c->op, c->nets, n), c->ret);
	KUNIT_EXPECT_STREQ(test, list_text(test, l), c->list);
	KUNIT_EXPECT_EQ(test, !l->extack._msg, !c->ret);
}

static void change_is_in_force(struct kunit *test)
{
	static const char * const one[] = { "203.0.113.9" };
	static const char * const missing[] = { "192.0.2.7" };
	struct lists *l = lists_of_three(test);

	KUNIT_EXPECT_FALSE(test, sees(test, l, "203.0.113.9"));
	KUNIT_EXPECT_EQ(test, change(test, l, RIOD_ALLOW_OP_ADD, one, 1), 0);
	KUNIT_EXPECT_TRUE(test, sees(test, l, "203.0.113.9"));
	KUNIT_EXPECT_TRUE(test, sees(test, l, "192.0.2.7"));
	KUNIT_EXPECT_EQ(test, change(test, l, RIOD_ALLOW_OP_REMOVE, first_nets, 1), 0);
	KUNIT_EXPECT_FALSE(test, sees(test, l, "192.0.2.7"));
	KUNIT_EXPECT_EQ(test, change(test, l, RIOD_ALLOW_OP_REMOVE, missing, 1), -ENOENT);
	KUNIT_EXPECT_STREQ(test, l->extack._msg, "192.0.2.7/32 is not in the allow list");
	KUNIT_EXPECT_EQ(test, change(test, l, RIOD_ALLOW_OP_REPLACE, NULL, 0), 0);
	KUNIT_EXPECT_FALSE(test, sees(test, l, "203.0.113.9"));
	KUNIT_EXPECT_TRUE(test, sees(test, l, "127.0.0.1"));
}

/* a full list accepts entries that it has; a request with one too many adds none */
static void full(struct kunit *test)
{
	static const char * const more[] = { "192.0.2.62", "192.0.2.63", "192.0.2.64" };
	struct lists *l = lists(test);
	char s[16];
	int i;

	for (i = 0; i < RIOD_ALLOW_MAX - 1; i++) {
		snprintf(s, sizeof(s), "192.0.2.%d", i);
		add(test, l, s);
	}
	KUNIT_ASSERT_EQ(test, copy(l), 0);
	KUNIT_EXPECT_EQ(test, change(test, l, RIOD_ALLOW_OP_ADD, more, 3), -E2BIG);
	KUNIT_EXPECT_EQ(test, l->exp.nallow, RIOD_ALLOW_MAX - 1);
	KUNIT_EXPECT_FALSE(test, sees(test, l, "192.0.2.63"));
	KUNIT_EXPECT_EQ(test, change(test, l, RIOD_ALLOW_OP_ADD, more, 2), 0);
	KUNIT_EXPECT_EQ(test, l->exp.nallow, RIOD_ALLOW_MAX);
	KUNIT_EXPECT_EQ(test, change(test, l, RIOD_ALLOW_OP_ADD, more, 2), 0);
	KUNIT_EXPECT_TRUE(test, sees(test, l, "192.0.2.63"));
}

/* ------------------------------------------------------------ peers */

static void no_ip(struct kunit *test)
{
	static const u16 families[] = { AF_UNSPEC, AF_UNIX, AF_VSOCK, AF_MAX, 0xffff };
	struct lists *empty = lists(test), *all = lists(test);
	struct sockaddr_storage peer = address(test, "127.0.0.1", 1);
	unsigned int i;

	add(test, all, "0.0.0.0/0");
	add(test, all, "::/0");
	KUNIT_ASSERT_EQ(test, copy(all), 0);
	for (i = 0; i < ARRAY_SIZE(families); i++) {
		peer.ss_family = families[i];
		KUNIT_EXPECT_FALSE(test, riod_stub_visible(&empty->exp, &init_net, &tcp, PORT,
							   &peer));
		KUNIT_EXPECT_FALSE(test, riod_stub_visible(&all->exp, &init_net, &tcp, PORT,
							   &peer));
		KUNIT_EXPECT_FALSE(test, riod_stub_same_host(&peer, &peer));
	}
}

/*
 * an allowed address at another port, by another transport or in another namespace sees
 * nothing; nor does anybody see an export that is being removed
 */
static void elsewhere(struct kunit *test)
{
	struct sockaddr_storage peer = address(test, "192.0.2.1", 1);
	struct lists *l = lists(test);

	add(test, l, "192.0.2.1");
	KUNIT_ASSERT_EQ(test, copy(l), 0);
	KUNIT_EXPECT_TRUE(test, riod_stub_visible(&l->exp, &init_net, &tcp, PORT, &peer));
	KUNIT_EXPECT_FALSE(test, riod_stub_visible(&l->exp, &init_net, &tcp, PORT + 1, &peer));
	KUNIT_EXPECT_FALSE(test, riod_stub_visible(&l->exp, &init_net, &rdma, PORT, &peer));
	l->exp.going = RIOD_REASON_UNBIND;
	KUNIT_EXPECT_FALSE(test, riod_stub_visible(&l->exp, &init_net, &tcp, PORT, &peer));
	l->exp.going = RIOD_REASON_NONE;
	l->exp.net = (struct net *)l;
	KUNIT_EXPECT_FALSE(test, riod_stub_visible(&l->exp, &init_net, &tcp, PORT, &peer));
}

static bool serves(struct lists *l, u16 port, const struct sockaddr_storage *peer)
{
	bool ret;

	mutex_lock(&riod_stub_lock);
	ret = riod_stub_serves(&l->exp, &init_net, &tcp, port, peer);
	mutex_unlock(&riod_stub_lock);
	return ret;
}

/* a peer that has the export may connect to resume its session, and only it */
static void removed_from_the_list(struct kunit *test)
{
	struct sockaddr_storage peer = address(test, "192.0.2.1", 1);
	struct sockaddr_storage other = address(test, "192.0.2.2", 1);
	struct riod_stub_att *att = kunit_kzalloc(test, sizeof(*att), GFP_KERNEL);
	struct lists *l = lists(test);

	KUNIT_ASSERT_NOT_NULL(test, att);
	add(test, l, "203.0.113.1");
	KUNIT_ASSERT_EQ(test, copy(l), 0);
	KUNIT_EXPECT_FALSE(test, serves(l, PORT, &peer));
	att->peer = peer;
	l->exp.att = att;
	KUNIT_EXPECT_TRUE(test, serves(l, PORT, &peer));
	KUNIT_EXPECT_FALSE(test, serves(l, PORT + 1, &peer));
	KUNIT_EXPECT_FALSE(test, serves(l, PORT, &other));
	KUNIT_EXPECT_FALSE(test, riod_stub_visible(&l->exp, &init_net, &tcp, PORT, &peer));
	l->exp.going = RIOD_REASON_UNBIND;
	KUNIT_EXPECT_FALSE(test, serves(l, PORT, &peer));
}

/* one allow list and one port for all transports of an export */
static void by_any_transport(struct kunit *test)
{
	struct sockaddr_storage peer = address(test, "192.0.2.1", 1);
	struct sockaddr_storage stranger = address(test, "192.0.2.2", 1);
	struct lists *l = lists(test);

	add(test, l, "192.0.2.1");
	KUNIT_ASSERT_EQ(test, copy(l), 0);
	l->exp.transports[1] = &rdma;
	l->exp.ntransports = 2;
	KUNIT_EXPECT_TRUE(test, riod_stub_visible(&l->exp, &init_net, &tcp, PORT, &peer));
	KUNIT_EXPECT_TRUE(test, riod_stub_visible(&l->exp, &init_net, &rdma, PORT, &peer));
	KUNIT_EXPECT_FALSE(test, riod_stub_visible(&l->exp, &init_net, &loop, PORT, &peer));
	KUNIT_EXPECT_FALSE(test, riod_stub_visible(&l->exp, &init_net, &rdma, PORT + 1, &peer));
	KUNIT_EXPECT_FALSE(test, riod_stub_visible(&l->exp, &init_net, &rdma, PORT, &stranger));
}

static void hosts(struct kunit *test)
{
	static const struct { const char *a, *b; bool same; } cases[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.3", false },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1", true },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
		{ "192.0.2.1", "::192.0.2.1", false },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1", "2001:db8::2", false },
		{ "0.0.0.0", "::", false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sockaddr_storage a = address(test, cases[i].a, 1);
		struct sockaddr_storage b = address(test, cases[i].b, 2);

		KUNIT_EXPECT_EQ_MSG(test, riod_stub_same_host(&a, &b), cases[i].same, "%s, %s",
				    cases[i].a, cases[i].b);
		KUNIT_EXPECT_EQ_MSG(test, riod_stub_same_host(&b, &a), cases[i].same, "%s, %s",
				    cases[i].b, cases[i].a);
	}
}

static struct kunit_case allow_cases[] = {
	KUNIT_CASE_PARAM(entries, entry_gen_params),
	KUNIT_CASE(no_list),
	KUNIT_CASE(several),
	KUNIT_CASE(longest),
	KUNIT_CASE(malformed),
	KUNIT_CASE_PARAM(changes, change_gen_params),
	KUNIT_CASE(change_is_in_force),
	KUNIT_CASE(full),
	KUNIT_CASE(no_ip),
	KUNIT_CASE(elsewhere),
	KUNIT_CASE(removed_from_the_list),
	KUNIT_CASE(by_any_transport),
	KUNIT_CASE(hosts),
	{}
};

static struct kunit_suite allow_suite = {
	.name = "riod_stub_allow",
	.test_cases = allow_cases,
};

kunit_test_suite(allow_suite);

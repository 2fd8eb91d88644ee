// SPDX-License-Identifier: GPL-2.0-only
/*
 * netlink_parse.c - netlink attributes to the requests of core.h
 *
 * The generated policies check types and lengths; this file checks the rest.
 */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/hex.h>
#include <linux/inet.h>
#include <linux/inetdevice.h>
#include <linux/pci.h>
#include <net/ipv6.h>

#include "netlink.h"

/* names must be easy to type on a command line and to print in a log */
int riod_nl_parse_name(const struct nlattr *attr, char *name, size_t size,
		       struct netlink_ext_ack *extack)
{
	const char *c;

	if (nla_strscpy(name, attr, size) < 0)
		goto bad;
	for (c = name; *c; c++) {
		if (*c < '!' || *c > '~')
			goto bad;
	}
	if (c != name)
		return 0;
bad:
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "a name has 1 to 63 characters of ASCII and no spaces");
	return -EINVAL;
}

/* parse exactly @digits hex digits, and advance *@s */
static bool parse_hex(const char **s, unsigned int digits, u32 *value)
{
	*value = 0;
	while (digits--) {
		int digit = hex_to_bin(*(*s)++);

		if (digit < 0)
			return false;
		*value = *value << 4 | digit;
	}
	return true;
}

/* "dddd:bb:dd.f" with 4 to 7 digits of domain, and nothing else */
static bool parse_device(const char *s, u32 *domain, u8 *bus, u8 *devfn)
{
	size_t digits = strcspn(s, ":");
	u32 b, d, f;

	if (digits < 4 || digits > 7 || strlen(s) != digits + strlen(":bb:dd.f"))
		return false;
	if (!parse_hex(&s, digits, domain) || *s++ != ':' ||
	    !parse_hex(&s, 2, &b) || *s++ != ':' ||
	    !parse_hex(&s, 2, &d) || *s++ != '.' ||
	    !parse_hex(&s, 1, &f))
		return false;
	if (d > 31 || f > 7)
		return false;
	*bus = b;
	*devfn = PCI_DEVFN(d, f);
	return true;
}

static int parse_devices(struct genl_info *info, struct riod_export_request *req)
{
	const struct nlattr *attr;
	char s[16];
	int rem;

	nlmsg_for_each_attr_type(attr, RIOD_A_EXPORT_DEVICE, info->nlhdr,
				 GENL_HDRLEN, rem) {
		typeof(req->devices[0]) *dev = &req->devices[req->ndevices];
		unsigned int i;

		if (req->ndevices == RIOD_FUNCS_MAX) {
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr,
						"an export has at most %u functions",
						RIOD_FUNCS_MAX);
			return -E2BIG;
		}
		if (nla_strscpy(s, attr, sizeof(s)) < 0 ||
		    !parse_device(s, &dev->domain, &dev->bus, &dev->devfn)) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "a PCI address looks like 0000:03:00.0; lspci -D shows them");
			return -EINVAL;
		}
		for (i = 0; i < req->ndevices; i++) {
			if (memcmp(&req->devices[i], dev, sizeof(*dev)))
				continue;
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr, "%s is named twice", s);
			return -EINVAL;
		}
		req->ndevices++;
	}
	if (req->ndevices)
		return 0;
	NL_SET_ERR_MSG(info->extack, "no device is named");
	return -EINVAL;
}

/* set the address of an entry, without the bits beyond its prefix */
static bool parse_prefix(const struct nlattr *addr, struct riod_allow *a)
{
	struct in6_addr v6;

	if (a->family == AF_INET && nla_len(addr) == sizeof(a->v4)) {
		a->v4.s_addr = nla_get_in_addr(addr) & inet_make_mask(a->prefix_len);
		return true;
	}
	if (a->family == AF_INET6 && nla_len(addr) == sizeof(a->v6)) {
		v6 = nla_get_in6_addr(addr);
		ipv6_addr_prefix(&a->v6, &v6, a->prefix_len);
		return true;
	}
	return false;
}

static int parse_allow(const struct nlattr *attr, struct riod_allow *a,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[RIOD_A_ALLOW_MAX + 1];
	unsigned int bits;
	int err;

	err = nla_parse_nested(tb, RIOD_A_ALLOW_MAX, attr, riod_allow_nl_policy, extack);
	if (err)
		return err;
	if (!tb[RIOD_A_ALLOW_FAMILY] || !tb[RIOD_A_ALLOW_ADDRESS])
		goto bad;
	a->family = nla_get_u16(tb[RIOD_A_ALLOW_FAMILY]);
	bits = a->family == AF_INET ? 32 : 128;
	a->prefix_len = bits;
	if (tb[RIOD_A_ALLOW_PREFIX_LEN])
		a->prefix_len = nla_get_u8(tb[RIOD_A_ALLOW_PREFIX_LEN]);
	if (a->prefix_len <= bits && parse_prefix(tb[RIOD_A_ALLOW_ADDRESS], a))
		return 0;
bad:
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "an allowed network looks like 192.0.2.0/24 or 2001:db8::/32");
	return -EINVAL;
}

/* @allow: RIOD_ALLOW_MAX entries */
static int parse_allows(struct genl_info *info, struct riod_allow *allow, unsigned int *nallow)
{
	const struct nlattr *attr;
	int err, rem;

	nlmsg_for_each_attr_type(attr, RIOD_A_EXPORT_ALLOW, info->nlhdr,
				 GENL_HDRLEN, rem) {
		if (*nallow == RIOD_ALLOW_MAX) {
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr,
						"an allow list has at most %u networks",
						RIOD_ALLOW_MAX);
			return -E2BIG;
		}
		err = parse_allow(attr, &allow[*nallow], info->extack);
		if (err)
			return err;
		(*nallow)++;
	}
	return 0;
}

static int parse_port(const struct nlattr *attr, u16 *port,
		      struct netlink_ext_ack *extack)
{
	*port = attr ? nla_get_u16(attr) : RIOD_PORT;
	if (*port)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "port 0 cannot be used");
	return -EINVAL;
}

/*
 * The kernel's parsers ignore what follows an address ("192.0.2.1:80"), so
 * check the characters first.
 */
static bool numeric_host(struct net *net, const char *host,
			 struct sockaddr_storage *addr)
{
	bool v6 = strchr(host, ':');
	size_t len = strspn(host, v6 ? "0123456789abcdefABCDEF:." : "0123456789.");

	if (host[len]) {
		/* a scope: only valid for link-local addresses, and not empty */
		if (!v6 || host[len] != '%' || !host[len + 1])
			return false;
	}
	if (inet_pton_with_scope(net, v6 ? AF_INET6 : AF_INET, host, NULL, addr))
		return false;
	return !host[len] || ((struct sockaddr_in6 *)addr)->sin6_scope_id;
}

/* the policy limits the length; whether the transport exists is checked later */
static int parse_transport(const struct nlattr *attr, char *name,
			   struct netlink_ext_ack *extack)
{
	if (attr)
		return riod_nl_parse_name(attr, name, RIOD_TRANSPORT_NAME_LEN, extack);
	strscpy(name, RIOD_TRANSPORT_DEFAULT, RIOD_TRANSPORT_NAME_LEN);
	return 0;
}

static int parse_transports(struct genl_info *info, struct riod_export_request *req)
{
	const struct nlattr *attr;
	unsigned int i;
	int err, rem;

	nlmsg_for_each_attr_type(attr, RIOD_A_EXPORT_TRANSPORT, info->nlhdr,
				 GENL_HDRLEN, rem) {
		if (req->ntransports == RIOD_EXPORT_TRANSPORTS_MAX) {
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr,
						"an export has at most %u transports",
						RIOD_EXPORT_TRANSPORTS_MAX);
			return -E2BIG;
		}
		err = parse_transport(attr, req->transports[req->ntransports], info->extack);
		if (err)
			return err;
		for (i = 0; i < req->ntransports; i++) {
			if (strcmp(req->transports[i], req->transports[req->ntransports]))
				continue;
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr,
						"the transport %s is named twice",
						req->transports[i]);
			return -EINVAL;
		}
		req->ntransports++;
	}
	if (req->ntransports)
		return 0;
	req->ntransports = 1;
	return parse_transport(NULL, req->transports[0], info->extack);
}

int riod_nl_parse_peer(struct genl_info *info, int host_attr, int port_attr,
		       int transport_attr, struct riod_peer *peer)
{
	const struct nlattr *attr = info->attrs[host_attr];
	int err;

	if (!attr) {
		NL_SET_ERR_MSG(info->extack, "no host is named");
		return -EINVAL;
	}
	err = parse_port(info->attrs[port_attr], &peer->port, info->extack);
	if (err)
		return err;
	err = parse_transport(info->attrs[transport_attr], peer->transport, info->extack);
	if (err)
		return err;
	memset(&peer->addr, 0, sizeof(peer->addr));
	if (nla_strscpy(peer->host, attr, sizeof(peer->host)) < 0 ||
	    !numeric_host(genl_info_net(info), peer->host, &peer->addr)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "the host must be a numeric IPv4 or IPv6 address");
		return -EINVAL;
	}
	riod_addr_set_port(&peer->addr, peer->port);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(riod_nl_parse_peer);

int riod_nl_parse_export(struct genl_info *info, struct riod_export_request *req)
{
	const struct nlattr *name = info->attrs[RIOD_A_EXPORT_NAME];
	int err;

	if (name) {
		err = riod_nl_parse_name(name, req->name, sizeof(req->name), info->extack);
		if (err)
			return err;
	}
	err = parse_devices(info, req);
	if (err)
		return err;
	err = parse_allows(info, req->allow, &req->nallow);
	if (err)
		return err;
	err = parse_transports(info, req);
	if (err)
		return err;
	req->no_reset = nla_get_flag(info->attrs[RIOD_A_EXPORT_NO_RESET]);
	return parse_port(info->attrs[RIOD_A_EXPORT_PORT], &req->port, info->extack);
}
EXPORT_SYMBOL_IF_KUNIT(riod_nl_parse_export);

int riod_nl_parse_change(struct genl_info *info, struct riod_export_change *change)
{
	const struct nlattr *name = info->attrs[RIOD_A_EXPORT_NAME];
	const struct nlattr *op = info->attrs[RIOD_A_EXPORT_ALLOW_OP];
	int err;

	if (!name) {
		NL_SET_ERR_MSG(info->extack, "no export is named");
		return -EINVAL;
	}
	err = riod_nl_parse_name(name, change->name, sizeof(change->name), info->extack);
	if (err)
		return err;
	/* no default: an empty request must not empty the list */
	if (!op) {
		NL_SET_ERR_MSG(info->extack, "no change of the export is named");
		return -EINVAL;
	}
	change->op = nla_get_u32(op);
	change->force = nla_get_flag(info->attrs[RIOD_A_EXPORT_FORCE]);
	err = parse_allows(info, change->allow, &change->nallow);
	if (err)
		return err;
	if (change->nallow || change->op == RIOD_ALLOW_OP_REPLACE)
		return 0;
	NL_SET_ERR_MSG(info->extack, "no network is named");
	return -EINVAL;
}
EXPORT_SYMBOL_IF_KUNIT(riod_nl_parse_change);

int riod_nl_parse_attach(struct genl_info *info, struct riod_attach_request *req)
{
	const struct nlattr *name = info->attrs[RIOD_A_ATTACHMENT_EXPORT];
	const struct nlattr *profile = info->attrs[RIOD_A_ATTACHMENT_PROFILE];
	int err;

	err = riod_nl_parse_peer(info, RIOD_A_ATTACHMENT_HOST, RIOD_A_ATTACHMENT_PORT,
				 RIOD_A_ATTACHMENT_TRANSPORT, &req->peer);
	if (err)
		return err;
	if (name) {
		err = riod_nl_parse_name(name, req->export, sizeof(req->export), info->extack);
		if (err)
			return err;
	}
	if (info->attrs[RIOD_A_ATTACHMENT_LIMIT])
		req->limit = nla_get_uint(info->attrs[RIOD_A_ATTACHMENT_LIMIT]);
	if (info->attrs[RIOD_A_ATTACHMENT_SHADOW_BARS])
		req->shadow_bars = nla_get_u32(info->attrs[RIOD_A_ATTACHMENT_SHADOW_BARS]);
	if (info->attrs[RIOD_A_ATTACHMENT_ON_LOSS])
		req->on_loss = nla_get_u32(info->attrs[RIOD_A_ATTACHMENT_ON_LOSS]);
	if (info->attrs[RIOD_A_ATTACHMENT_LOST_MS])
		req->lost_ms = nla_get_u32(info->attrs[RIOD_A_ATTACHMENT_LOST_MS]);
	req->sync_writes = nla_get_flag(info->attrs[RIOD_A_ATTACHMENT_SYNC_WRITES]);
	if (!profile)
		return 0;
	return riod_nl_parse_name(profile, req->profile, sizeof(req->profile), info->extack);
}
EXPORT_SYMBOL_IF_KUNIT(riod_nl_parse_attach);

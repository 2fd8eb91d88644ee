// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which peers an export is open to
 *
 * An IPv4 peer may come as IPv4 or as an IPv4-mapped IPv6 address, and an entry
 * may be written either way: both are brought to IPv4 before they are compared.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inetdevice.h>
#include <net/ipv6.h>

#include "stub.h"

/* ::ffff:0:0/96, RFC 4291 2.5.5.2 */
#define MAPPED_PREFIX	96

static void allow_normalise(struct riod_allow *a)
{
	__be32 v4;

	if (a->family != AF_INET6 || a->prefix_len < MAPPED_PREFIX ||
	    !ipv6_addr_v4mapped(&a->v6))
		return;
	v4 = a->v6.s6_addr32[3];
	a->family = AF_INET;
	a->prefix_len -= MAPPED_PREFIX;
	a->v4.s_addr = v4;
}

/* the allow list of a new export; bounds were checked by the netlink policy, too */
int riod_stub_allow_copy(struct riod_stub_export *exp,
			 const struct riod_export_request *req,
			 struct netlink_ext_ack *extack)
{
	unsigned int i;

	if (req->nallow > RIOD_ALLOW_MAX) {
		NL_SET_ERR_MSG(extack, "the allow list is too long, 64 entries at most");
		return -E2BIG;
	}
	for (i = 0; i < req->nallow; i++) {
		const struct riod_allow *a = &req->allow[i];

		if ((a->family != AF_INET && a->family != AF_INET6) ||
		    a->prefix_len > (a->family == AF_INET ? 32 : 128)) {
			NL_SET_ERR_MSG(extack, "an entry of the allow list is no address prefix");
			return -EINVAL;
		}
		exp->allow[i] = *a;
		allow_normalise(&exp->allow[i]);
	}
	exp->nallow = req->nallow;
	return 0;
}

/* an address in the form entries have; false for one that is not IP */
static bool peer_address(const struct sockaddr_storage *peer, struct riod_allow *a)
{
	memset(a, 0, sizeof(*a));
	a->family = peer->ss_family;
	if (peer->ss_family == AF_INET) {
		a->prefix_len = 32;
		a->v4 = ((const struct sockaddr_in *)peer)->sin_addr;
		return true;
	}
	if (peer->ss_family != AF_INET6)
		return false;
	a->prefix_len = 128;
	a->v6 = ((const struct sockaddr_in6 *)peer)->sin6_addr;
	allow_normalise(a);
	return true;
}

static bool address_matches(const struct riod_allow *a, const struct riod_allow *entry)
{
	if (a->family != entry->family)
		return false;
	if (a->family == AF_INET)
		return !((a->v4.s_addr ^ entry->v4.s_addr) &
			 inet_make_mask(entry->prefix_len));
	return ipv6_prefix_equal(&a->v6, &entry->v6, entry->prefix_len);
}

static bool address_is_loopback(const struct riod_allow *a)
{
	return a->family == AF_INET ? ipv4_is_loopback(a->v4.s_addr) :
				      ipv6_addr_loopback(&a->v6);
}

/*
 * Without an allow list only loopback peers may: what is exported by default
 * is exported to nobody else.
 */
static bool allowed(const struct riod_stub_export *exp,
		    const struct sockaddr_storage *peer)
{
	struct riod_allow a;
	unsigned int i;

	if (!peer_address(peer, &a))
		return false;
	if (!exp->nallow)
		return address_is_loopback(&a);
	for (i = 0; i < exp->nallow; i++) {
		if (address_matches(&a, &exp->allow[i]))
			return true;
	}
	return false;
}

/**
 * riod_stub_visible() - may a peer know of and attach an export?
 * @exp: export
 * @net: network namespace that the connection came in by
 * @transport: transport that it came in by
 * @port: port that it came in by
 * @peer: address that its packets come from
 *
 * The only place that decides this: accept, LIST and ATTACH all ask here.
 */
bool riod_stub_visible(const struct riod_stub_export *exp, const struct net *net,
		       const struct riod_transport_ops *transport,
		       u16 port, const struct sockaddr_storage *peer)
{
	return exp->net == net && exp->transport == transport && exp->port == port &&
	       allowed(exp, peer);
}

/* do two connections come from one host?  Ports do not count. */
bool riod_stub_same_host(const struct sockaddr_storage *a,
			 const struct sockaddr_storage *b)
{
	struct riod_allow x, y;

	return peer_address(a, &x) && peer_address(b, &y) && address_matches(&x, &y);
}

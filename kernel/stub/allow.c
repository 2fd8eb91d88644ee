// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allow lists: which peers may see and attach an export
 *
 * The address of an IPv4 peer may be an IPv4 or an IPv4-mapped IPv6 address, and so may
 * an entry.  Both are converted to IPv4 before they are compared.
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

/* check entries and normalise them */
static int allow_check(struct riod_allow *allow, unsigned int n, struct netlink_ext_ack *extack)
{
	unsigned int i;

	/* the netlink policy enforces this, too */
	if (n > RIOD_ALLOW_MAX) {
		NL_SET_ERR_MSG(extack, "the allow list is too long, 64 entries at most");
		return -E2BIG;
	}
	for (i = 0; i < n; i++) {
		struct riod_allow *a = &allow[i];

		if ((a->family != AF_INET && a->family != AF_INET6) ||
		    a->prefix_len > (a->family == AF_INET ? 32 : 128)) {
			NL_SET_ERR_MSG(extack, "an entry of the allow list is no address prefix");
			return -EINVAL;
		}
		allow_normalise(a);
	}
	return 0;
}

/* convert a peer's address to a normalised entry; false if it is not an IP address */
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

/* ------------------------------------------------------------ the list */

/* true if both are the same network; address bits beyond the prefix are ignored */
static bool allow_equal(const struct riod_allow *a, const struct riod_allow *b)
{
	return a->prefix_len == b->prefix_len && address_matches(a, b);
}

/* index in the list, or the list's length if not found */
static unsigned int allow_find(const struct riod_stub_export *exp, const struct riod_allow *a)
{
	unsigned int i;

	for (i = 0; i < exp->nallow; i++) {
		if (allow_equal(a, &exp->allow[i]))
			break;
	}
	return i;
}

static void allow_replace(struct riod_stub_export *exp, const struct riod_allow *allow,
			  unsigned int n)
{
	memcpy(exp->allow, allow, n * sizeof(*allow));
	exp->nallow = n;
}

/* add entries that are not in the list; on error add none */
static int allow_add(struct riod_stub_export *exp, const struct riod_allow *allow,
		     unsigned int n, struct netlink_ext_ack *extack)
{
	unsigned int i, before = exp->nallow;

	for (i = 0; i < n; i++) {
		if (allow_find(exp, &allow[i]) < exp->nallow)
			continue;
		if (exp->nallow == RIOD_ALLOW_MAX) {
			exp->nallow = before;
			NL_SET_ERR_MSG(extack, "the allow list would have more than 64 entries");
			return -E2BIG;
		}
		exp->allow[exp->nallow++] = allow[i];
	}
	return 0;
}

/* remove entries; if one is not in the list, remove none */
static int allow_remove(struct riod_stub_export *exp, const struct riod_allow *allow,
			unsigned int n, struct netlink_ext_ack *extack)
{
	unsigned int i, at;

	for (i = 0; i < n; i++) {
		const struct riod_allow *a = &allow[i];

		if (allow_find(exp, a) < exp->nallow)
			continue;
		if (a->family == AF_INET)
			NL_SET_ERR_MSG_FMT(extack, "%pI4/%u is not in the allow list",
					   &a->v4, a->prefix_len);
		else
			NL_SET_ERR_MSG_FMT(extack, "%pI6c/%u is not in the allow list",
					   &a->v6, a->prefix_len);
		return -ENOENT;
	}
	for (i = 0; i < n; i++) {
		at = allow_find(exp, &allow[i]);
		/* the request has it twice */
		if (at == exp->nallow)
			continue;
		exp->nallow--;
		memmove(&exp->allow[at], &exp->allow[at + 1],
			(exp->nallow - at) * sizeof(exp->allow[0]));
	}
	return 0;
}

/* set the allow list of a new export */
int riod_stub_allow_init(struct riod_stub_export *exp, struct riod_export_request *req,
			 struct netlink_ext_ack *extack)
{
	int ret = allow_check(req->allow, req->nallow, extack);

	if (!ret)
		allow_replace(exp, req->allow, req->nallow);
	return ret;
}

/* change the list; on error leave it unchanged */
int riod_stub_allow_change(struct riod_stub_export *exp, struct riod_export_change *change,
			   struct netlink_ext_ack *extack)
{
	struct riod_allow *allow = change->allow;
	int ret;

	lockdep_assert_held(&riod_stub_lock);
	ret = allow_check(allow, change->nallow, extack);
	if (ret)
		return ret;
	switch (change->op) {
	case RIOD_ALLOW_OP_REPLACE:
		allow_replace(exp, allow, change->nallow);
		return 0;
	case RIOD_ALLOW_OP_ADD:
		return allow_add(exp, allow, change->nallow, extack);
	case RIOD_ALLOW_OP_REMOVE:
		return allow_remove(exp, allow, change->nallow, extack);
	}
	return -EINVAL;
}

/* ------------------------------------------------------------ access checks */

/* may the peer use the export?  With an empty list only loopback peers may. */
bool riod_stub_allows(const struct riod_stub_export *exp,
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

/* is it behind this port?  One that is being removed is behind none. */
bool riod_stub_listens(const struct riod_stub_export *exp, const struct net *net,
		       const struct riod_transport_ops *transport, u16 port)
{
	unsigned int i;

	if (exp->going || exp->net != net || exp->port != port)
		return false;
	for (i = 0; i < exp->ntransports; i++) {
		if (exp->transports[i] == transport)
			return true;
	}
	return false;
}

/**
 * riod_stub_visible() - may a peer see and attach an export?
 * @exp: export
 * @net: network namespace of the listener that accepted the connection
 * @transport: its transport
 * @port: its port
 * @peer: source address of the connection
 *
 * LIST and ATTACH decide by this function.  Nobody sees an export that is being removed.
 */
bool riod_stub_visible(const struct riod_stub_export *exp, const struct net *net,
		       const struct riod_transport_ops *transport,
		       u16 port, const struct sockaddr_storage *peer)
{
	return riod_stub_listens(exp, net, transport, port) && riod_stub_allows(exp, peer);
}

/**
 * riod_stub_serves() - may a peer connect for an export's sake?
 * @exp: export
 * @net: as for riod_stub_visible(), and likewise the others
 * @transport: transport
 * @port: port
 * @peer: address
 *
 * If it sees the export, or has it: the allow list may have changed since it attached, and
 * "riodctl allow" without --force lets it keep what it has, which includes to resume it.
 * Called with riod_stub_lock held.
 */
bool riod_stub_serves(const struct riod_stub_export *exp, const struct net *net,
		      const struct riod_transport_ops *transport,
		      u16 port, const struct sockaddr_storage *peer)
{
	lockdep_assert_held(&riod_stub_lock);
	return riod_stub_visible(exp, net, transport, port, peer) ||
	       (riod_stub_listens(exp, net, transport, port) && exp->att &&
		riod_stub_same_host(&exp->att->peer, peer));
}

/* true if both addresses are equal, whatever their ports */
bool riod_stub_same_host(const struct sockaddr_storage *a,
			 const struct sockaddr_storage *b)
{
	struct riod_allow x, y;

	return peer_address(a, &x) && peer_address(b, &y) && address_matches(&x, &y);
}

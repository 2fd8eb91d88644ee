// SPDX-License-Identifier: GPL-2.0-only
#include "genl_attr.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <sys/socket.h>

namespace riodctl {

namespace {

void check_room(int rc)
{
	if (rc < 0)
		throw std::length_error("too much for one netlink message");
}

void put_string(nl_msg *msg, int attr, const std::string &value)
{
	check_room(nla_put_string(msg, attr, value.c_str()));
}

// Leaves out the default, so that the kernel chooses.
void put_transport(nl_msg *msg, int attr, const std::string &transport)
{
	if (transport != default_transport)
		put_string(msg, attr, transport);
}

void put_flag(nl_msg *msg, int attr, bool value)
{
	if (value)
		check_room(nla_put_flag(msg, attr));
}

void put_allow(nl_msg *msg, const Cidr &cidr)
{
	nlattr *nest = nla_nest_start(msg, RIOD_A_EXPORT_ALLOW);

	check_room(nest ? 0 : -1);
	check_room(nla_put_u16(msg, RIOD_A_ALLOW_FAMILY, cidr.family));
	check_room(nla_put(msg, RIOD_A_ALLOW_ADDRESS, cidr.family == AF_INET ? 4 : 16,
			   cidr.address.data()));
	check_room(nla_put_u8(msg, RIOD_A_ALLOW_PREFIX_LEN, cidr.prefix_len));
	nla_nest_end(msg, nest);
}

Cidr decode_allow(const Attrs &attrs)
{
	Cidr cidr;

	attrs.each([&](const nlattr *a) {
		switch (nla_type(a)) {
		case RIOD_A_ALLOW_FAMILY:
			cidr.family = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_ALLOW_ADDRESS:
			std::memcpy(cidr.address.data(), nla_data(a),
				    std::min<std::size_t>(nla_len(a), cidr.address.size()));
			break;
		case RIOD_A_ALLOW_PREFIX_LEN:
			cidr.prefix_len = static_cast<std::uint8_t>(attr_integer(a));
			break;
		default:
			break;
		}
	});
	return cidr;
}

// Ignores counters that this riodctl does not know.
Stats decode_stats(const Attrs &attrs)
{
	Stats stats;

	attrs.each([&](const nlattr *a) {
		const auto type = static_cast<std::size_t>(nla_type(a));
		if (type < stats.values.size())
			stats.values.at(type) = attr_integer(a);
	});
	return stats;
}

Offer decode_offer(const Attrs &attrs)
{
	Offer offer;

	attrs.each([&](const nlattr *a) {
		switch (nla_type(a)) {
		case RIOD_A_OFFER_NAME:
			offer.name = attr_string(a);
			break;
		case RIOD_A_OFFER_VENDOR:
			offer.identity.vendor = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_OFFER_DEVICE_ID:
			offer.identity.device = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_OFFER_SUBVENDOR:
			offer.subvendor = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_OFFER_SUBDEVICE:
			offer.subdevice = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_OFFER_CLASS:
			offer.identity.class_code = static_cast<std::uint32_t>(attr_integer(a));
			break;
		case RIOD_A_OFFER_FUNCTIONS:
			offer.functions = static_cast<unsigned int>(attr_integer(a));
			break;
		case RIOD_A_OFFER_BUSY:
			offer.busy = true;
			break;
		default:
			break;
		}
	});
	return offer;
}

// Attributes that change during the life of an attachment.
void decode_condition(const nlattr *a, Attachment &t)
{
	switch (nla_type(a)) {
	case RIOD_A_ATTACHMENT_STATE:
		t.state = static_cast<std::uint32_t>(attr_integer(a));
		break;
	case RIOD_A_ATTACHMENT_REASON:
		t.reason = attr_string(a);
		break;
	case RIOD_A_ATTACHMENT_IN_USE:
		t.in_use = true;
		break;
	case RIOD_A_ATTACHMENT_BUS_MASTER:
		t.bus_master = static_cast<std::uint32_t>(attr_integer(a));
		break;
	case RIOD_A_ATTACHMENT_MAPPED_RO:
		t.mapped_ro = attr_integer(a);
		break;
	case RIOD_A_ATTACHMENT_MAPPED_RW:
		t.mapped_rw = attr_integer(a);
		break;
	case RIOD_A_ATTACHMENT_LIMIT:
		t.limit = attr_integer(a);
		break;
	case RIOD_A_ATTACHMENT_PEER_LIMIT:
		t.peer_limit = attr_integer(a);
		break;
	case RIOD_A_ATTACHMENT_PROFILE:
		t.profile = attr_string(a);
		break;
	case RIOD_A_ATTACHMENT_SHADOW_BARS:
		t.shadow_bars = static_cast<std::uint32_t>(attr_integer(a));
		break;
	case RIOD_A_ATTACHMENT_SHADOWED:
		t.shadowed = attr_integer(a);
		break;
	case RIOD_A_ATTACHMENT_IOVA_LAST:
		t.iova_last = attr_integer(a);
		break;
	case RIOD_A_ATTACHMENT_SYNC_WRITES:
		t.sync_writes = true;
		break;
	case RIOD_A_ATTACHMENT_ON_LOSS:
		t.on_loss = static_cast<std::uint32_t>(attr_integer(a));
		break;
	case RIOD_A_ATTACHMENT_LOST_MS:
		t.lost_ms = static_cast<std::uint32_t>(attr_integer(a));
		break;
	case RIOD_A_ATTACHMENT_STATS:
		t.stats = decode_stats(Attrs::of(a));
		break;
	default:
		break;
	}
}

} // namespace

Attrs Attrs::of(const nlattr *nest)
{
	return Attrs({static_cast<const std::byte *>(nla_data(nest)),
		      static_cast<std::size_t>(nla_len(nest))});
}

std::uint64_t attr_integer(const nlattr *attr)
{
	switch (nla_len(attr)) {
	case 1:
		return nla_get_u8(attr);
	case 2:
		return nla_get_u16(attr);
	case 4:
		return nla_get_u32(attr);
	case 8:
		return nla_get_u64(attr);
	default:
		return 0;
	}
}

std::string attr_string(const nlattr *attr)
{
	const auto *text = static_cast<const char *>(nla_data(attr));

	return {text, strnlen(text, nla_len(attr))};
}

Export decode_export(const Attrs &attrs)
{
	std::vector<std::string> transports;
	Export e;

	attrs.each([&](const nlattr *a) {
		switch (nla_type(a)) {
		case RIOD_A_EXPORT_NAME:
			e.name = attr_string(a);
			break;
		case RIOD_A_EXPORT_DEVICE:
			e.devices.push_back(attr_string(a));
			break;
		case RIOD_A_EXPORT_ALLOW:
			e.allow.push_back(decode_allow(Attrs::of(a)));
			break;
		case RIOD_A_EXPORT_PORT:
			e.port = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_EXPORT_TRANSPORT:
			transports.push_back(attr_string(a));
			break;
		case RIOD_A_EXPORT_PEER_TRANSPORT:
			e.peer_transport = attr_string(a);
			break;
		case RIOD_A_EXPORT_STATE:
			e.state = static_cast<std::uint32_t>(attr_integer(a));
			break;
		case RIOD_A_EXPORT_PEER:
			e.peer = attr_string(a);
			break;
		case RIOD_A_EXPORT_VENDOR:
			e.identity.vendor = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_EXPORT_DEVICE_ID:
			e.identity.device = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_EXPORT_CLASS:
			e.identity.class_code = static_cast<std::uint32_t>(attr_integer(a));
			break;
		case RIOD_A_EXPORT_RESET:
			e.resettable = true;
			break;
		case RIOD_A_EXPORT_STATS:
			e.stats = decode_stats(Attrs::of(a));
			break;
		case RIOD_A_EXPORT_FENCE_NS:
			e.fence_ns = attr_integer(a);
			break;
		case RIOD_A_EXPORT_BUS_MASTER:
			e.bus_master = static_cast<std::uint32_t>(attr_integer(a));
			break;
		default:
			break;
		}
	});
	if (!transports.empty())
		e.transports = std::move(transports);
	return e;
}

Attachment decode_attachment(const Attrs &attrs)
{
	Attachment t;

	attrs.each([&](const nlattr *a) {
		switch (nla_type(a)) {
		case RIOD_A_ATTACHMENT_ID:
			t.id = static_cast<std::uint32_t>(attr_integer(a));
			break;
		case RIOD_A_ATTACHMENT_HOST:
			t.host = attr_string(a);
			break;
		case RIOD_A_ATTACHMENT_PORT:
			t.port = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_ATTACHMENT_TRANSPORT:
			t.transport = attr_string(a);
			break;
		case RIOD_A_ATTACHMENT_EXPORT:
			t.export_name = attr_string(a);
			break;
		case RIOD_A_ATTACHMENT_ERROR:
			t.error = static_cast<std::uint32_t>(attr_integer(a));
			break;
		case RIOD_A_ATTACHMENT_DEVICE:
			t.devices.push_back(attr_string(a));
			break;
		case RIOD_A_ATTACHMENT_VENDOR:
			t.identity.vendor = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_ATTACHMENT_DEVICE_ID:
			t.identity.device = static_cast<std::uint16_t>(attr_integer(a));
			break;
		case RIOD_A_ATTACHMENT_CLASS:
			t.identity.class_code = static_cast<std::uint32_t>(attr_integer(a));
			break;
		default:
			decode_condition(a, t);
			break;
		}
	});
	return t;
}

Remote decode_remote(const Attrs &attrs)
{
	Remote remote;

	attrs.each([&](const nlattr *a) {
		switch (nla_type(a)) {
		case RIOD_A_REMOTE_OFFER:
			remote.offers.push_back(decode_offer(Attrs::of(a)));
			break;
		case RIOD_A_REMOTE_TOTAL:
			remote.total = static_cast<std::uint32_t>(attr_integer(a));
			break;
		case RIOD_A_REMOTE_ERROR:
			remote.error = static_cast<std::uint32_t>(attr_integer(a));
			break;
		case RIOD_A_REMOTE_REASON:
			remote.reason = attr_string(a);
			break;
		default:
			break;
		}
	});
	remote.total = std::max<std::uint32_t>(remote.total, remote.offers.size());
	return remote;
}

void encode(nl_msg *msg, const ExportRequest &request)
{
	if (!request.name.empty())
		put_string(msg, RIOD_A_EXPORT_NAME, request.name);
	for (const auto &device : request.devices)
		put_string(msg, RIOD_A_EXPORT_DEVICE, device);
	for (const auto &cidr : request.allow)
		put_allow(msg, cidr);
	put_flag(msg, RIOD_A_EXPORT_NO_RESET, request.no_reset);
	check_room(nla_put_u16(msg, RIOD_A_EXPORT_PORT, request.port));
	if (request.transports != ExportRequest().transports) {
		for (const auto &transport : request.transports)
			put_string(msg, RIOD_A_EXPORT_TRANSPORT, transport);
	}
}

void encode(nl_msg *msg, const ExportChange &change)
{
	put_string(msg, RIOD_A_EXPORT_NAME, change.name);
	check_room(nla_put_u32(msg, RIOD_A_EXPORT_ALLOW_OP, change.op));
	for (const auto &cidr : change.allow)
		put_allow(msg, cidr);
	put_flag(msg, RIOD_A_EXPORT_FORCE, change.force);
}

void encode(nl_msg *msg, const AttachRequest &request)
{
	put_string(msg, RIOD_A_ATTACHMENT_HOST, request.host);
	check_room(nla_put_u16(msg, RIOD_A_ATTACHMENT_PORT, request.port));
	put_transport(msg, RIOD_A_ATTACHMENT_TRANSPORT, request.transport);
	if (!request.export_name.empty())
		put_string(msg, RIOD_A_ATTACHMENT_EXPORT, request.export_name);
	if (request.limit)
		check_room(nla_put_u64(msg, RIOD_A_ATTACHMENT_LIMIT, *request.limit));
	if (request.profile)
		put_string(msg, RIOD_A_ATTACHMENT_PROFILE, *request.profile);
	if (request.shadow_bars != 0)
		check_room(nla_put_u32(msg, RIOD_A_ATTACHMENT_SHADOW_BARS, request.shadow_bars));
	put_flag(msg, RIOD_A_ATTACHMENT_SYNC_WRITES, request.sync_writes);
	if (request.on_loss)
		check_room(nla_put_u32(msg, RIOD_A_ATTACHMENT_ON_LOSS, *request.on_loss));
	if (request.lost_ms)
		check_room(nla_put_u32(msg, RIOD_A_ATTACHMENT_LOST_MS, *request.lost_ms));
}

void encode_export_del(nl_msg *msg, const std::string &name, bool force)
{
	put_string(msg, RIOD_A_EXPORT_NAME, name);
	put_flag(msg, RIOD_A_EXPORT_FORCE, force);
}

void encode_detach(nl_msg *msg, std::uint32_t id, bool force, bool own)
{
	check_room(nla_put_u32(msg, RIOD_A_ATTACHMENT_ID, id));
	put_flag(msg, RIOD_A_ATTACHMENT_FORCE, force);
	put_flag(msg, RIOD_A_ATTACHMENT_OWN, own);
}

void encode_discover(nl_msg *msg, const std::string &host, std::uint16_t port,
		     const std::string &transport)
{
	put_string(msg, RIOD_A_REMOTE_HOST, host);
	check_room(nla_put_u16(msg, RIOD_A_REMOTE_PORT, port));
	put_transport(msg, RIOD_A_REMOTE_TRANSPORT, transport);
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// Converts attributes of the family to values and back; separate from the sockets so
// that tests can feed it messages without a kernel.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "model.hpp"

namespace riodctl {

// The attributes of a message or a nest.
class Attrs {
public:
	explicit Attrs(std::span<const std::byte> bytes) : bytes_(bytes) {}
	static Attrs of(const nlattr *nest);

	template <typename Fn>
	void each(Fn &&fn) const
	{
		int left = static_cast<int>(bytes_.size());
		for (auto *a = reinterpret_cast<const nlattr *>(bytes_.data()); nla_ok(a, left);
		     a = nla_next(a, &left))
			fn(a);
	}

private:
	std::span<const std::byte> bytes_;
};

// Reads 1, 2, 4 or 8 bytes, by payload length ("uint" of the spec has 4 or 8); else returns 0.
std::uint64_t attr_integer(const nlattr *attr);
// Accepts strings with and without a terminator.
std::string attr_string(const nlattr *attr);

Export decode_export(const Attrs &attrs);
Attachment decode_attachment(const Attrs &attrs);
Remote decode_remote(const Attrs &attrs);

// Throw std::length_error if the message has no room.
void encode(nl_msg *msg, const ExportRequest &request);
void encode(nl_msg *msg, const ExportChange &change);
void encode(nl_msg *msg, const AttachRequest &request);
void encode_export_del(nl_msg *msg, const std::string &name, bool force);
// @own: only if the sending socket requested the attachment
void encode_detach(nl_msg *msg, std::uint32_t id, bool force, bool own);
void encode_discover(nl_msg *msg, const std::string &host, std::uint16_t port,
		     const std::string &transport);

} // namespace riodctl

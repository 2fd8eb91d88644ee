// SPDX-License-Identifier: GPL-2.0-only
#include "genl_message.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "error.hpp"

namespace riodctl {

namespace {

// The text of an extended ack; @skip bytes of payload come before its attributes.
std::string extack_text(const nlmsghdr *header, std::size_t skip)
{
	std::string text;

	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    static_cast<std::size_t>(nlmsg_datalen(header)) < NLMSG_ALIGN(skip))
		return text;
	const auto *start = static_cast<const std::byte *>(nlmsg_data(header)) + NLMSG_ALIGN(skip);
	Attrs({start, nlmsg_datalen(header) - NLMSG_ALIGN(skip)}).each([&](const nlattr *a) {
		if (nla_type(a) == NLMSGERR_ATTR_MSG)
			text = attr_string(a);
	});
	return text;
}

} // namespace

void check_error(const nlmsghdr *header)
{
	if (nlmsg_datalen(header) < static_cast<int>(sizeof(nlmsgerr)))
		throw KernelError(EPROTO, "truncated netlink error");
	const auto *error = static_cast<const nlmsgerr *>(nlmsg_data(header));
	if (error->error == 0)
		return;
	std::size_t skip = sizeof(nlmsgerr);
	if (!(header->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - NLMSG_HDRLEN;
	throw KernelError(-error->error, extack_text(header, skip));
}

void check_done(const nlmsghdr *header)
{
	int error = 0;

	if (nlmsg_datalen(header) < static_cast<int>(sizeof(error)))
		return;
	std::memcpy(&error, nlmsg_data(header), sizeof(error));
	if (error < 0)
		throw KernelError(-error, extack_text(header, sizeof(error)));
}

Attrs attrs_of(const nlmsghdr *header)
{
	const auto *start = static_cast<const std::byte *>(nlmsg_data(header));
	const auto size = static_cast<std::size_t>(nlmsg_datalen(header));

	if (size < GENL_HDRLEN)
		return Attrs({});
	return Attrs({start + GENL_HDRLEN, size - GENL_HDRLEN});
}

int command_of(const nlmsghdr *header)
{
	if (nlmsg_datalen(header) < static_cast<int>(sizeof(genlmsghdr)))
		return 0;
	return static_cast<const genlmsghdr *>(nlmsg_data(header))->cmd;
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
#include "genl_following.hpp"

#include <cerrno>
#include <utility>

#include <linux/netlink.h>

#include "error.hpp"
#include "genl_attr.hpp"
#include "genl_message.hpp"

namespace riodctl {

Following::Following(Socket socket, int family, std::uint32_t id)
	: socket_(std::move(socket)), family_(family), id_(id)
{
	nl_socket_set_nonblocking(socket_.get());
}

Attachment Following::ask(nl_msg *msg, const std::function<void(const Attachment &)> &fn)
{
	answer_.reset();
	seq_ = send_message(socket_.get(), msg);
	read(fn);
	if (!answer_) {
		throw KernelError(EPROTO, "the modules are of another release than riodctl");
	}
	return *answer_;
}

bool Following::read(const std::function<void(const Attachment &)> &fn)
{
	return drain(socket_.get(), [&](const nlmsghdr *header) {
		if (header->nlmsg_type == NLMSG_ERROR && header->nlmsg_seq == seq_) {
			check_error(header);
		} else if (header->nlmsg_type == family_ && header->nlmsg_seq == seq_) {
			answer_ = decode_attachment(attrs_of(header));
			id_ = answer_->id;
		} else if (header->nlmsg_type == family_ &&
			   command_of(header) == RIOD_CMD_ATTACHMENT_NTF) {
			const Attachment event = decode_attachment(attrs_of(header));
			if (event.id == id_)
				fn(event);
		}
	});
}

Wake Following::wait(const InterruptGuard *guard, std::chrono::steady_clock::time_point until)
{
	return wait_message(socket_.get(), guard, until);
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// Commands that the kernel answers with one reply or a list, and discovery.
#include "genl.hpp"

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include "error.hpp"
#include "genl_attr.hpp"
#include "genl_kernel.hpp"
#include "genl_message.hpp"
#include "genl_socket.hpp"
#include "interrupt.hpp"

namespace riodctl {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t request_size = 16384;
constexpr int dump_tries = 8;

// Longest time of the kernel to query a server host.
constexpr auto answer_time = std::chrono::seconds(45);

} // namespace

nl_sock *GenlKernel::socket()
{
	if (!socket_)
		socket_ = open_socket();
	return socket_.get();
}

// Ahead of each command: the family gets another number when riod_core is loaded again.  On a
// socket of its own: libnl checks sequence numbers, which our reads do not count.
int GenlKernel::resolve()
{
	const Socket once = open_socket();

	family_ = genl_ctrl_resolve(once.get(), RIOD_FAMILY_NAME);
	return family_;
}

int GenlKernel::family()
{
	return family_ < 0 ? resolve() : family_;
}

bool GenlKernel::present()
{
	return resolve() >= 0;
}

Message GenlKernel::request(int command, int flags)
{
	if (resolve() < 0)
		throw KernelError(ENODEV, "riod_core is not loaded");
	Message msg(nlmsg_alloc_size(request_size));
	if (!msg ||
	    !genlmsg_put(msg.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family(), 0, NLM_F_REQUEST | flags,
			 static_cast<std::uint8_t>(command), RIOD_FAMILY_VERSION))
		throw KernelError(ENOMEM);
	return msg;
}

void GenlKernel::execute(nl_msg *msg)
{
	receive_reply(socket(), send_message(socket(), msg), [](const nlmsghdr *) {});
}

// Restarts a dump that changed while it was read, but not for ever: the last one is returned
// as it is.
template <typename Decode>
auto GenlKernel::dump(int command, Decode decode) -> std::vector<decltype(decode(Attrs({})))>
{
	std::vector<decltype(decode(Attrs({})))> found;
	bool changed = true;

	for (int i = 0; changed && i < dump_tries; i++) {
		const Message msg = request(command, NLM_F_DUMP);

		found.clear();
		changed = false;
		receive_reply(socket(), send_message(socket(), msg.get()),
			      [&](const nlmsghdr *header) {
				      changed |= (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
				      found.push_back(decode(attrs_of(header)));
			      });
	}
	return found;
}

std::string GenlKernel::export_new(const ExportRequest &req)
{
	const Message msg = request(RIOD_CMD_EXPORT_NEW, NLM_F_ACK);
	std::string name = req.name;

	encode(msg.get(), req);
	receive_reply(socket(), send_message(socket(), msg.get()),
		      [&](const nlmsghdr *header) { name = decode_export(attrs_of(header)).name; });
	return name;
}

std::string GenlKernel::export_set(const ExportChange &change)
{
	const Message msg = request(RIOD_CMD_EXPORT_SET, NLM_F_ACK);
	std::string peer;

	encode(msg.get(), change);
	receive_reply(socket(), send_message(socket(), msg.get()),
		      [&](const nlmsghdr *header) { peer = decode_export(attrs_of(header)).peer; });
	return peer;
}

std::vector<Export> GenlKernel::exports()
{
	return dump(RIOD_CMD_EXPORT_GET, decode_export);
}

Socket GenlKernel::subscribe(int more_group)
{
	Socket events = open_socket();

	if (resolve() < 0)
		throw KernelError(ENODEV, "riod_core is not loaded");
	// before other commands, for the sequence numbers
	const int group = genl_ctrl_resolve_grp(events.get(), RIOD_FAMILY_NAME, RIOD_MCGRP_EVENTS);
	check_nl(group, "multicast group");
	check_nl(nl_socket_add_memberships(events.get(), group, more_group, 0), "subscribing");
	return events;
}

std::vector<Attachment> GenlKernel::attachments()
{
	return dump(RIOD_CMD_ATTACHMENT_GET, decode_attachment);
}

Remote GenlKernel::discover(const std::string &host, std::uint16_t port,
			    const std::string &transport)
{
	const InterruptGuard guard;
	const Socket answers = open_socket();
	const Message msg = request(RIOD_CMD_DISCOVER, 0);
	const auto until = Clock::now() + answer_time;
	std::optional<Remote> remote;

	encode_discover(msg.get(), host, port, transport);
	nl_socket_set_nonblocking(answers.get());
	const unsigned int seq = send_message(answers.get(), msg.get());
	while (!remote) {
		const Wake wake = wait_message(answers.get(), &guard, until);
		if (wake == Wake::interrupt)
			throw KernelError(EINTR, "interrupted");
		if (wake == Wake::time)
			throw KernelError(EIO, "the kernel does not answer; see dmesg");
		drain(answers.get(), [&](const nlmsghdr *header) {
			if (header->nlmsg_seq != seq)
				return;
			if (header->nlmsg_type == NLMSG_ERROR) {
				check_error(header);
			} else if (command_of(header) == RIOD_CMD_DISCOVER_NTF) {
				remote = decode_remote(attrs_of(header));
			}
		});
	}
	if (remote->error != 0)
		throw KernelError(static_cast<int>(remote->error), remote->reason);
	remote->host = host;
	remote->port = port;
	remote->transport = transport;
	return *remote;
}

std::unique_ptr<Kernel> make_genl_kernel()
{
	return std::make_unique<GenlKernel>();
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// Removal of an export: the kernel does it after the command, and sends an event at its end.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <string>

#include "error.hpp"
#include "genl_attr.hpp"
#include "genl_kernel.hpp"
#include "genl_message.hpp"
#include "genl_socket.hpp"
#include "interrupt.hpp"

namespace riodctl {

namespace {

using Clock = std::chrono::steady_clock;

// A longer wait is reported to the user.
constexpr auto note_after = std::chrono::seconds(2);

} // namespace

bool GenlKernel::is_exported(const std::string &name)
{
	return std::ranges::any_of(exports(), [&](const Export &e) { return e.name == name; });
}

void GenlKernel::export_del(const std::string &name, bool force,
			    const std::function<void()> &waiting)
{
	const InterruptGuard guard;
	const Socket events = subscribe(0);
	const Message msg = request(RIOD_CMD_EXPORT_DEL, NLM_F_ACK);
	bool reported = false;
	bool gone = false;

	nl_socket_set_nonblocking(events.get());
	encode_export_del(msg.get(), name, force);
	execute(msg.get());
	while (!gone) {
		const Wake wake = wait_message(events.get(), &guard, Clock::now() + note_after);
		if (wake == Wake::interrupt)
			throw KernelError(EINTR);
		if (wake == Wake::time && !reported)
			waiting();
		reported = reported || wake == Wake::time;
		const bool lost = drain(events.get(), [&](const nlmsghdr *header) {
			if (header->nlmsg_type != family() ||
			    command_of(header) != RIOD_CMD_EXPORT_NTF)
				return;
			const Export event = decode_export(attrs_of(header));
			gone = gone || (event.name == name && !event.state);
		});
		// the kernel reports lost events, except for those that it had no memory for
		if (!gone && (lost || wake == Wake::time))
			gone = !is_exported(name);
	}
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// The events of all exports and attachments.
#include <cerrno>
#include <optional>
#include <string>

#include <linux/genetlink.h>
#include <poll.h>

#include "error.hpp"
#include "genl_attr.hpp"
#include "genl_kernel.hpp"
#include "genl_message.hpp"
#include "interrupt.hpp"

namespace riodctl {

namespace {

// True if the controller reports that the family riod was unregistered.
bool family_left(const nlmsghdr *header)
{
	std::string name;

	if (header->nlmsg_type != GENL_ID_CTRL || command_of(header) != CTRL_CMD_DELFAMILY)
		return false;
	attrs_of(header).each([&](const nlattr *a) {
		if (nla_type(a) == CTRL_ATTR_FAMILY_NAME)
			name = attr_string(a);
	});
	return name == RIOD_FAMILY_NAME;
}

std::optional<Event> decode_event(const nlmsghdr *header, int family)
{
	Event event;

	if (header->nlmsg_type != family)
		return std::nullopt;
	switch (command_of(header)) {
	case RIOD_CMD_EXPORT_NTF:
		event.exported = decode_export(attrs_of(header));
		return event;
	case RIOD_CMD_ATTACHMENT_NTF:
		event.attachment = decode_attachment(attrs_of(header));
		return event;
	default:
		return std::nullopt;
	}
}

// Returns false if @fn did.
bool receive_events(nl_sock *socket, int family, const std::function<bool(const Event &)> &fn)
{
	const auto one = [&](const nlmsghdr *header) {
		if (family_left(header))
			throw KernelError(ENODEV, "riod_core was unloaded");
		const std::optional<Event> event = decode_event(header, family);
		return !event || fn(*event);
	};

	try {
		return !receive(socket, one);
	} catch (const KernelError &error) {
		if (error.err() != ENOBUFS)
			throw;
		Event lost;
		lost.lost = true;
		return fn(lost);
	}
}

} // namespace

void GenlKernel::monitor(const std::function<bool()> &ready,
			 const std::function<bool(const Event &)> &event)
{
	const InterruptGuard guard;
	const Socket events = subscribe(GENL_ID_CTRL);

	if (!ready())
		return;

	pollfd fd = {.fd = nl_socket_get_fd(events.get()), .events = POLLIN, .revents = 0};
	while (!interrupted()) {
		if (ppoll(&fd, 1, nullptr, &guard.wait_mask()) < 0)
			continue;
		if (!receive_events(events.get(), family(), event))
			break;
	}
}

} // namespace riodctl

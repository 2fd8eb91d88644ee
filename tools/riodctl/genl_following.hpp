// SPDX-License-Identifier: GPL-2.0-only
// Commands for one attachment, and its events.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "genl_socket.hpp"
#include "model.hpp"

namespace riodctl {

// Commands for one attachment, and its events, on one socket, so that answers and events arrive
// in order.
class Following {
public:
	// @id: the attachment; 0: the first answer has its number
	Following(Socket socket, int family, std::uint32_t id = 0);

	// Sends a command; the kernel has executed it when the send returns, so its answer is
	// there.  Calls @fn with each event that precedes the answer.
	Attachment ask(nl_msg *msg, const std::function<void(const Attachment &)> &fn);

	// Calls @fn with each event that has arrived.  Returns whether some were lost.
	bool read(const std::function<void(const Attachment &)> &fn);

	Wake wait(const InterruptGuard *guard, std::chrono::steady_clock::time_point until);

private:
	Socket socket_;
	int family_;
	std::uint32_t id_;
	unsigned int seq_ = 0;
	std::optional<Attachment> answer_;
};

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// Netlink sockets: opening, sending, waiting, receiving.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "interrupt.hpp"

namespace riodctl {

struct SocketFree {
	void operator()(nl_sock *socket) const { nl_socket_free(socket); }
};
struct MessageFree {
	void operator()(nl_msg *msg) const { nlmsg_free(msg); }
};
using Socket = std::unique_ptr<nl_sock, SocketFree>;
using Message = std::unique_ptr<nl_msg, MessageFree>;

// Throws the error that @rc of libnl stands for, if it is one.
void check_nl(int rc, const char *what);

Socket open_socket();

// Returns the sequence number.
unsigned int send_message(nl_sock *socket, nl_msg *msg);

// Calls @fn for each message of one datagram until it returns false.
// Returns whether that happened.
bool receive(nl_sock *socket, const std::function<bool(const nlmsghdr *)> &fn);

// Reads up to the acknowledgement of @seq or its error; @reply gets the messages before it.
void receive_reply(nl_sock *socket, unsigned int seq,
		   const std::function<void(const nlmsghdr *)> &reply);

// Calls @fn with each message that has arrived.  Returns whether the kernel dropped some: it
// reports that once, and drops more until the socket is empty.
bool drain(nl_sock *socket, const std::function<void(const nlmsghdr *)> &fn);

enum class Wake : std::uint8_t { message, interrupt, time };

// Waits for a message, until @until, or for Ctrl-C if there is a @guard.
Wake wait_message(nl_sock *socket, const InterruptGuard *guard,
		  std::chrono::steady_clock::time_point until);

} // namespace riodctl

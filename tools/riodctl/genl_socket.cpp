// SPDX-License-Identifier: GPL-2.0-only
#include "genl_socket.hpp"

#include <cerrno>
#include <cstdlib>
#include <string>

#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/genl.h>
#include <poll.h>
#include <sys/socket.h>

#include "error.hpp"
#include "genl_message.hpp"

namespace riodctl {

namespace {

struct BufferFree {
	// nl_recv() hands out malloc()ed memory.
	void operator()(unsigned char *buffer) const
	{
		std::free(buffer); // NOLINT(*-no-malloc,*-owning-memory)
	}
};

// Maps an error of libnl to the most likely errno.
int errno_of(int nl_error)
{
	switch (nl_error < 0 ? -nl_error : nl_error) {
	case NLE_PERM:
	case NLE_NOACCESS:
		return EPERM;
	case NLE_OBJ_NOTFOUND:
	case NLE_NODEV:
		return ENOENT;
	case NLE_NOMEM:
		return ENOBUFS;
	case NLE_INTR:
		return EINTR;
	case NLE_AGAIN:
		return EAGAIN;
	default:
		return EIO;
	}
}

} // namespace

void check_nl(int rc, const char *what)
{
	if (rc < 0)
		throw KernelError(errno_of(rc), std::string(what) + ": " + nl_geterror(rc));
}

Socket open_socket()
{
	Socket socket(nl_socket_alloc());
	const int on = 1;

	if (!socket)
		throw KernelError(ENOMEM);
	check_nl(genl_connect(socket.get()), "netlink socket");
	check_nl(nl_socket_set_msg_buf_size(socket.get(), 65536), "netlink socket");
	nl_socket_enable_msg_peek(socket.get());
	// Requests error texts; not fatal if the kernel is too old for them.
	setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return socket;
}

unsigned int send_message(nl_sock *socket, nl_msg *msg)
{
	check_nl(nl_send_auto(socket, msg), "sending to the kernel");
	return nlmsg_hdr(msg)->nlmsg_seq;
}

bool receive(nl_sock *socket, const std::function<bool(const nlmsghdr *)> &fn)
{
	sockaddr_nl from{};
	unsigned char *raw = nullptr;

	const int size = nl_recv(socket, &from, &raw, nullptr);
	const std::unique_ptr<unsigned char, BufferFree> buffer(raw);
	check_nl(size, "receiving from the kernel");
	if (size == 0)
		throw KernelError(EIO, "no answer from the kernel");
	if (from.nl_pid != 0)
		return false; // ignore messages that are not from the kernel
	int left = size;
	for (auto *h = reinterpret_cast<nlmsghdr *>(buffer.get()); nlmsg_ok(h, left);
	     h = nlmsg_next(h, &left)) {
		if (!fn(h))
			return true;
	}
	return false;
}

void receive_reply(nl_sock *socket, unsigned int seq,
		   const std::function<void(const nlmsghdr *)> &reply)
{
	const auto one = [&](const nlmsghdr *header) {
		if (header->nlmsg_seq != seq)
			return true;
		if (header->nlmsg_type == NLMSG_ERROR) {
			check_error(header);
			return false;
		}
		if (header->nlmsg_type == NLMSG_DONE) {
			check_done(header);
			return false;
		}
		if (header->nlmsg_type >= NLMSG_MIN_TYPE)
			reply(header);
		return true;
	};

	while (!receive(socket, one))
		;
}

bool drain(nl_sock *socket, const std::function<void(const nlmsghdr *)> &fn)
{
	constexpr int overruns_max = 100;
	int overruns = 0;

	for (;;) {
		try {
			receive(socket, [&](const nlmsghdr *header) {
				fn(header);
				return true;
			});
		} catch (const KernelError &error) {
			if (error.err() == EAGAIN)
				return overruns != 0;
			if (error.err() != ENOBUFS || ++overruns > overruns_max)
				throw;
		}
	}
}

Wake wait_message(nl_sock *socket, const InterruptGuard *guard,
		  std::chrono::steady_clock::time_point until)
{
	pollfd fd = {.fd = nl_socket_get_fd(socket), .events = POLLIN, .revents = 0};

	while (!guard || !interrupted()) {
		const auto left = std::chrono::ceil<std::chrono::milliseconds>(
			until - std::chrono::steady_clock::now());
		if (left.count() <= 0)
			return Wake::time;
		const timespec time = {.tv_sec = left.count() / 1000,
				       .tv_nsec = left.count() % 1000 * 1000000};
		if (ppoll(&fd, 1, &time, guard ? &guard->wait_mask() : nullptr) > 0)
			return Wake::message;
	}
	return Wake::interrupt;
}

} // namespace riodctl

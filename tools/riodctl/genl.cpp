// SPDX-License-Identifier: GPL-2.0-only
#include "genl.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.hpp"
#include "genl_attr.hpp"
#include "interrupt.hpp"

namespace riodctl {

namespace {

constexpr std::size_t request_size = 16384;
constexpr int dump_tries = 8;

struct SocketFree {
	void operator()(nl_sock *socket) const { nl_socket_free(socket); }
};
struct MessageFree {
	void operator()(nl_msg *msg) const { nlmsg_free(msg); }
};
struct BufferFree {
	// nl_recv() hands out malloc()ed memory.
	void operator()(unsigned char *buffer) const
	{
		std::free(buffer); // NOLINT(*-no-malloc,*-owning-memory)
	}
};
using Socket = std::unique_ptr<nl_sock, SocketFree>;
using Message = std::unique_ptr<nl_msg, MessageFree>;

// libnl's errors back to the errno that is most likely behind them.
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

void check(int rc, const char *what)
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
	check(genl_connect(socket.get()), "netlink socket");
	check(nl_socket_set_msg_buf_size(socket.get(), 65536), "netlink socket");
	nl_socket_enable_msg_peek(socket.get());
	// Texts of the kernel instead of numbers; not fatal where it is too old for one.
	setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return socket;
}

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

// Throws what an NLMSG_ERROR reports, unless it is an acknowledgement.
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

// The end of a dump may carry an error, too.
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

// Calls @fn for each message of one datagram until it returns false.
// Returns whether that happened.
template <typename Fn>
bool receive(nl_sock *socket, Fn &&fn)
{
	sockaddr_nl from{};
	unsigned char *raw = nullptr;

	const int size = nl_recv(socket, &from, &raw, nullptr);
	const std::unique_ptr<unsigned char, BufferFree> buffer(raw);
	check(size, "receiving from the kernel");
	if (size == 0)
		throw KernelError(EIO, "no answer from the kernel");
	if (from.nl_pid != 0)
		return false; // only the kernel is believed
	int left = size;
	for (auto *h = reinterpret_cast<nlmsghdr *>(buffer.get()); nlmsg_ok(h, left);
	     h = nlmsg_next(h, &left)) {
		if (!fn(h))
			return true;
	}
	return false;
}

// Until the acknowledgement of (or the error to) @seq; @reply gets what is before it.
template <typename Fn>
void receive_reply(nl_sock *socket, unsigned int seq, Fn &&reply)
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

// A child that does nothing but send one message.  Commands are carried out inside
// sendmsg(), and the kernel's waits there end by a deadly signal only: it is the child
// that dies of it, and the answer comes to the socket it shares with us.
class Sender {
public:
	Sender(nl_sock *socket, nl_msg *msg, const InterruptGuard &guard) : pid_(fork())
	{
		if (pid_ == 0)
			_exit(nl_send(socket, msg) < 0 ? 1 : 0);
		if (pid_ < 0)
			throw KernelError(errno);
		wait(guard);
	}

	bool killed() const { return killed_; }

private:
	void wait(const InterruptGuard &guard)
	{
		// By number: glibc 2.36 declares pidfd_open() for C alone.
		pollfd fd = {.fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)),
			     .events = POLLIN,
			     .revents = 0};

		while (fd.fd >= 0 && ppoll(&fd, 1, nullptr, &guard.wait_mask()) < 0 &&
		       errno == EINTR && !killed_) {
			if (interrupted()) {
				kill(pid_, SIGKILL);
				killed_ = true;
			}
		}
		waitpid(pid_, nullptr, 0);
		if (fd.fd >= 0)
			close(fd.fd);
	}

	pid_t pid_;
	bool killed_ = false;
};

class GenlKernel final : public Kernel {
public:
	bool present() override;
	std::string export_new(const ExportRequest &request) override;
	void export_del(const std::string &name, bool force) override;
	std::vector<Export> exports() override;
	AttachResult attach(const AttachRequest &request) override;
	void detach(std::uint32_t id, bool force) override;
	std::vector<Attachment> attachments() override;
	Remote discover(const std::string &host, std::uint16_t port) override;
	void monitor(const std::function<void()> &ready,
		     const std::function<bool(const Event &)> &event) override;

private:
	nl_sock *socket();
	int family();
	Message request(int command, int flags);
	unsigned int send(nl_msg *msg);
	void execute(nl_msg *msg);
	template <typename Decode>
	auto dump(int command, Decode decode) -> std::vector<decltype(decode(Attrs({})))>;

	Socket socket_;
	int family_ = -1;
};

nl_sock *GenlKernel::socket()
{
	if (!socket_)
		socket_ = open_socket();
	return socket_.get();
}

int GenlKernel::family()
{
	if (family_ < 0)
		family_ = genl_ctrl_resolve(socket(), RIOD_FAMILY_NAME);
	return family_;
}

bool GenlKernel::present()
{
	return family() >= 0;
}

Message GenlKernel::request(int command, int flags)
{
	if (family() < 0)
		throw KernelError(ENODEV, "riod_core is not loaded");
	Message msg(nlmsg_alloc_size(request_size));
	if (!msg ||
	    !genlmsg_put(msg.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family(), 0, NLM_F_REQUEST | flags,
			 static_cast<std::uint8_t>(command), RIOD_FAMILY_VERSION))
		throw KernelError(ENOMEM);
	return msg;
}

unsigned int GenlKernel::send(nl_msg *msg)
{
	check(nl_send_auto(socket(), msg), "sending to the kernel");
	return nlmsg_hdr(msg)->nlmsg_seq;
}

void GenlKernel::execute(nl_msg *msg)
{
	receive_reply(socket(), send(msg), [](const nlmsghdr *) {});
}

// A dump that changed under the reader is begun anew, a bounded number of times:
// the last one then stands as it is.
template <typename Decode>
auto GenlKernel::dump(int command, Decode decode) -> std::vector<decltype(decode(Attrs({})))>
{
	std::vector<decltype(decode(Attrs({})))> found;
	bool changed = true;

	for (int i = 0; changed && i < dump_tries; i++) {
		const Message msg = request(command, NLM_F_DUMP);

		found.clear();
		changed = false;
		receive_reply(socket(), send(msg.get()), [&](const nlmsghdr *header) {
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
	receive_reply(socket(), send(msg.get()),
		      [&](const nlmsghdr *header) { name = decode_export(attrs_of(header)).name; });
	return name;
}

void GenlKernel::export_del(const std::string &name, bool force)
{
	const Message msg = request(RIOD_CMD_EXPORT_DEL, NLM_F_ACK);

	encode_export_del(msg.get(), name, force);
	execute(msg.get());
}

std::vector<Export> GenlKernel::exports()
{
	return dump(RIOD_CMD_EXPORT_GET, decode_export);
}

// The answer lies in the socket when the sender has ended, whichever way it ended.
AttachResult GenlKernel::attach(const AttachRequest &req)
{
	const InterruptGuard guard;
	const Message msg = request(RIOD_CMD_ATTACH, NLM_F_ACK);
	AttachResult result;

	encode(msg.get(), req);
	nl_complete_msg(socket(), msg.get());
	const Sender sender(socket(), msg.get(), guard);
	nl_socket_set_nonblocking(socket());
	try {
		receive_reply(socket(), nlmsg_hdr(msg.get())->nlmsg_seq, [&](const nlmsghdr *h) {
			result = decode_attach_result(attrs_of(h));
		});
	} catch (const KernelError &) {
		socket_.reset(); // blocking again, and nothing of this exchange left in it
		// netlink_rcv_skb() acknowledges no -EINTR: silence is the answer then.
		if (sender.killed())
			throw KernelError(EINTR);
		throw;
	}
	socket_.reset();
	if (sender.killed()) { // too late to stop it: undo it
		detach(result.id, false);
		throw KernelError(EINTR);
	}
	return result;
}

void GenlKernel::detach(std::uint32_t id, bool force)
{
	const Message msg = request(RIOD_CMD_DETACH, NLM_F_ACK);

	encode_detach(msg.get(), id, force);
	execute(msg.get());
}

std::vector<Attachment> GenlKernel::attachments()
{
	return dump(RIOD_CMD_ATTACHMENT_GET, decode_attachment);
}

Remote GenlKernel::discover(const std::string &host, std::uint16_t port)
{
	const Message msg = request(RIOD_CMD_DISCOVER, NLM_F_ACK);
	Remote remote;

	encode_discover(msg.get(), host, port);
	receive_reply(socket(), send(msg.get()),
		      [&](const nlmsghdr *h) { remote = decode_remote(attrs_of(h)); });
	remote.host = host;
	remote.port = port;
	return remote;
}

// Does the controller say that the family riod left?
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

// Returns false when the reader has seen enough.
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

void GenlKernel::monitor(const std::function<void()> &ready,
			 const std::function<bool(const Event &)> &event)
{
	const InterruptGuard guard;
	const Socket events = open_socket();

	if (family() < 0)
		throw KernelError(ENODEV, "riod_core is not loaded");
	const int group = genl_ctrl_resolve_grp(socket(), RIOD_FAMILY_NAME, RIOD_MCGRP_EVENTS);
	check(group, "multicast group");
	check(nl_socket_add_memberships(events.get(), group, GENL_ID_CTRL, 0), "subscribing");
	ready();

	pollfd fd = {.fd = nl_socket_get_fd(events.get()), .events = POLLIN, .revents = 0};
	while (!interrupted()) {
		if (ppoll(&fd, 1, nullptr, &guard.wait_mask()) < 0)
			continue;
		if (!receive_events(events.get(), family(), event))
			break;
	}
}

} // namespace

std::unique_ptr<Kernel> make_genl_kernel()
{
	return std::make_unique<GenlKernel>();
}

} // namespace riodctl

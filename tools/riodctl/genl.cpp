// SPDX-License-Identifier: GPL-2.0-only
#include "genl.hpp"

#include <array>
#include <cerrno>
#include <chrono>
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
	// Requests error texts; not fatal if the kernel is too old for them.
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
		return false; // ignore messages that are not from the kernel
	int left = size;
	for (auto *h = reinterpret_cast<nlmsghdr *>(buffer.get()); nlmsg_ok(h, left);
	     h = nlmsg_next(h, &left)) {
		if (!fn(h))
			return true;
	}
	return false;
}

// Reads up to the acknowledgement of @seq or its error; @reply gets the messages before it.
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

using Clock = std::chrono::steady_clock;

// Longest times of the kernel to query a server host, and to take functions from the bus.
constexpr auto answer_time = std::chrono::seconds(45);
constexpr auto removal_time = std::chrono::seconds(10);
// A longer wait is reported to the user.
constexpr auto patience = std::chrono::seconds(2);

enum class Wake : std::uint8_t { message, interrupt, time };

// Waits for a message, until @until, or for Ctrl-C if there is a @guard.
Wake wait_message(nl_sock *socket, const InterruptGuard *guard, Clock::time_point until)
{
	pollfd fd = {.fd = nl_socket_get_fd(socket), .events = POLLIN, .revents = 0};

	while (!guard || !interrupted()) {
		const auto left =
			std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
		if (left.count() <= 0)
			return Wake::time;
		const timespec time = {.tv_sec = left.count() / 1000,
				       .tv_nsec = left.count() % 1000 * 1000000};
		if (ppoll(&fd, 1, &time, guard ? &guard->wait_mask() : nullptr) > 0)
			return Wake::message;
	}
	return Wake::interrupt;
}

// Calls @fn with each message that has arrived.  Returns whether the kernel dropped some: it
// reports that once, and drops more until the socket is empty.
template <typename Fn>
bool drain(nl_sock *socket, Fn &&fn)
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

// Commands for one attachment, and its events, on one socket, so that answers and events arrive
// in order.
class Following {
public:
	// @id: the attachment; 0: the first answer has its number
	Following(Socket socket, int family, std::uint32_t id = 0)
		: socket_(std::move(socket)), family_(family), id_(id)
	{
		nl_socket_set_nonblocking(socket_.get());
	}

	// Sends a command; the kernel has executed it when the send returns, so its answer is
	// there.  Calls @fn with each event that precedes the answer.
	template <typename Fn>
	Attachment ask(nl_msg *msg, Fn &&fn)
	{
		answer_.reset();
		check(nl_send_auto(socket_.get(), msg), "sending to the kernel");
		seq_ = nlmsg_hdr(msg)->nlmsg_seq;
		read(fn);
		if (!answer_) {
			throw KernelError(EPROTO,
					  "the modules are of another release than riodctl");
		}
		return *answer_;
	}

	// Calls @fn with each event that has arrived.  Returns whether some were lost.
	template <typename Fn>
	bool read(Fn &&fn)
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

	Wake wait(const InterruptGuard *guard, Clock::time_point until)
	{
		return wait_message(socket_.get(), guard, until);
	}

private:
	Socket socket_;
	int family_;
	std::uint32_t id_;
	unsigned int seq_ = 0;
	std::optional<Attachment> answer_;
};

// State of an attempt to attach, updated by its events.
class Attempt {
public:
	void take(const Attachment &event)
	{
		over_ = over_ || !event.state;
		if (over_)
			return;
		switch (*event.state) {
		case RIOD_STATE_CONNECTED:
			result_ = {.id = event.id,
				   .devices = event.devices,
				   .export_name = event.export_name};
			over_ = true;
			break;
		case RIOD_STATE_FAILED: // "gone" follows
			error_ = KernelError(static_cast<int>(event.error), event.reason);
			break;
		case RIOD_STATE_LOST:
			error_ = KernelError(ECONNRESET, event.reason);
			over_ = true;
			break;
		default:
			break;
		}
	}

	bool over() const { return over_; }

	AttachResult result() const
	{
		if (!result_)
			throw KernelError(error_);
		return *result_;
	}

private:
	bool over_ = false;
	std::optional<AttachResult> result_;
	KernelError error_{EINTR, "the attempt was ended by a detach"};
};

class GenlKernel final : public Kernel {
public:
	bool present() override;
	std::string export_new(const ExportRequest &request) override;
	std::string export_set(const ExportChange &change) override;
	void export_del(const std::string &name, bool force) override;
	std::vector<Export> exports() override;
	AttachResult attach(const AttachRequest &request,
			    const std::function<void()> &waiting) override;
	Removal detach(std::uint32_t id, bool force) override;
	std::vector<Attachment> attachments() override;
	Remote discover(const std::string &host, std::uint16_t port,
			const std::string &transport) override;
	void monitor(const std::function<void()> &ready,
		     const std::function<bool(const Event &)> &event) override;

private:
	nl_sock *socket();
	int family();
	Message request(int command, int flags);
	unsigned int send(nl_msg *msg);
	void execute(nl_msg *msg);
	Socket subscribe(int more_group);
	std::optional<Attachment> find_attachment(std::uint32_t id);
	void cancel(Following &following, std::uint32_t id);
	Removal wait_gone(Following &following, std::uint32_t id, bool gone,
			  const InterruptGuard *guard);
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

std::string GenlKernel::export_set(const ExportChange &change)
{
	const Message msg = request(RIOD_CMD_EXPORT_SET, NLM_F_ACK);
	std::string peer;

	encode(msg.get(), change);
	receive_reply(socket(), send(msg.get()),
		      [&](const nlmsghdr *header) { peer = decode_export(attrs_of(header)).peer; });
	return peer;
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

Socket GenlKernel::subscribe(int more_group)
{
	Socket events = open_socket();

	if (family() < 0)
		throw KernelError(ENODEV, "riod_core is not loaded");
	// Before other commands: libnl checks sequence numbers, which our reads do not count.
	const int group = genl_ctrl_resolve_grp(events.get(), RIOD_FAMILY_NAME, RIOD_MCGRP_EVENTS);
	check(group, "multicast group");
	check(nl_socket_add_memberships(events.get(), group, more_group, 0), "subscribing");
	return events;
}

std::optional<Attachment> GenlKernel::find_attachment(std::uint32_t id)
{
	for (auto &attachment : attachments()) {
		if (attachment.id == id)
			return attachment;
	}
	return std::nullopt;
}

Removal GenlKernel::wait_gone(Following &following, std::uint32_t id, bool gone,
			      const InterruptGuard *guard)
{
	const auto until = Clock::now() + removal_time;

	while (!gone) {
		const Wake wake = following.wait(guard, until);
		if (wake == Wake::interrupt)
			throw KernelError(EINTR, "interrupted; the removal goes on");
		if (wake == Wake::time)
			return Removal::held;
		const bool lost = following.read(
			[&](const Attachment &event) { gone = gone || !event.state; });
		if (lost && !gone)
			gone = !find_attachment(id);
	}
	return Removal::gone;
}

// Ends an attempt, or detaches if it has succeeded meanwhile.  Its number may have been reused,
// so the command applies only to an attachment that this socket requested.
void GenlKernel::cancel(Following &following, std::uint32_t id)
{
	const Message msg = request(RIOD_CMD_DETACH, 0);
	bool gone = false;

	encode_detach(msg.get(), id, false, true);
	try {
		following.ask(msg.get(),
			      [&](const Attachment &event) { gone = gone || !event.state; });
	} catch (const KernelError &error) {
		if (error.err() == ENOENT)
			return; // the attempt has failed by itself
		if (error.err() == EBUSY) {
			throw KernelError(EINTR, "interrupted, but a process has the function open "
						 "already: it stays attached");
		}
		if (error.err() != EALREADY) {
			throw KernelError(error.err(),
					  std::string("interrupted, but the attempt goes on: ") +
						  error.what());
		}
	}
	if (wait_gone(following, id, gone, nullptr) != Removal::gone) {
		throw KernelError(EINTR, "interrupted; the session is over, but a process has the "
					 "VFIO device open: the functions leave when it closes it");
	}
}

AttachResult GenlKernel::attach(const AttachRequest &req, const std::function<void()> &waiting)
{
	const InterruptGuard guard;
	Following following(subscribe(0), family());
	const Message msg = request(RIOD_CMD_ATTACH, 0);
	auto until = Clock::now() + patience;
	Attempt attempt;
	const auto take = [&](const Attachment &event) { attempt.take(event); };

	encode(msg.get(), req);
	const std::uint32_t id = following.ask(msg.get(), take).id;
	while (!attempt.over()) {
		const Wake wake = following.wait(&guard, until);
		if (wake == Wake::interrupt) {
			cancel(following, id);
			throw KernelError(EINTR);
		}
		if (wake == Wake::time) {
			waiting();
			until = Clock::time_point::max();
		} else if (following.read(take) && !attempt.over()) {
			// events were lost: get the current state from the list
			const auto now = find_attachment(id);
			if (!now) {
				throw KernelError(
					EIO,
					"it failed, and the reason was lost; dmesg may have it");
			}
			attempt.take(*now);
		}
	}
	return attempt.result();
}

Removal GenlKernel::detach(std::uint32_t id, bool force)
{
	const InterruptGuard guard;
	Following following(subscribe(0), family(), id);
	const Message msg = request(RIOD_CMD_DETACH, 0);
	bool gone = false;

	encode_detach(msg.get(), id, force, false);
	// the removal may complete before the command returns
	const Attachment answer = following.ask(
		msg.get(), [&](const Attachment &event) { gone = gone || !event.state; });
	if (answer.state == RIOD_STATE_LOST)
		return Removal::open;
	return wait_gone(following, id, gone, &guard);
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
	check(nl_send_auto(answers.get(), msg.get()), "sending to the kernel");
	const unsigned int seq = nlmsg_hdr(msg.get())->nlmsg_seq;
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

void GenlKernel::monitor(const std::function<void()> &ready,
			 const std::function<bool(const Event &)> &event)
{
	const InterruptGuard guard;
	const Socket events = subscribe(GENL_ID_CTRL);

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

// SPDX-License-Identifier: GPL-2.0-only
// Attach and detach: commands that end with an event.
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "error.hpp"
#include "genl_attr.hpp"
#include "genl_following.hpp"
#include "genl_kernel.hpp"
#include "interrupt.hpp"

namespace riodctl {

namespace {

using Clock = std::chrono::steady_clock;

// Longest time of the kernel to take functions from the bus.
constexpr auto removal_time = std::chrono::seconds(10);
// A longer wait is reported to the user.
constexpr auto patience = std::chrono::seconds(2);

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
	KernelError error_{ECANCELED, "the attempt was ended by a detach"};
};

} // namespace

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
	Socket events = subscribe(0);
	Following following(std::move(events), family());
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
	Socket events = subscribe(0);
	Following following(std::move(events), family(), id);
	const Message msg = request(RIOD_CMD_DETACH, 0);
	bool gone = false;

	encode_detach(msg.get(), id, force, false);
	// the removal may complete before the command returns
	const Attachment answer = following.ask(
		msg.get(), [&](const Attachment &event) { gone = gone || !event.state; });
	if (answer.in_use)
		return Removal::open;
	return wait_gone(following, id, gone, &guard);
}

} // namespace riodctl

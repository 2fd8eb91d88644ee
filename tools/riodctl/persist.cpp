// SPDX-License-Identifier: GPL-2.0-only
// attach --persist: keeps an export attached, whatever happens to the network and to the server
// host.
//
// Each attachment is a session of its own: when one is over, its functions leave the VMM host,
// and those of the next one are new to the guest.
#include <algorithm>
#include <cerrno>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "attach.hpp"
#include "interrupt.hpp"
#include "objects.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

// Bounds of the pauses, in seconds.  A session that lived for the longest one was no failure.
constexpr double shortest_pause = 1;
constexpr double longest_pause = 30;

// RIOD_REASON_DETACH of the modules: a forced detach while a function is open.
constexpr std::string_view detach_reason = "the VMM host detached";

// Pauses that double, each up to twice as long by chance: hosts that lost the same server host do
// not come back at the same time.
class Backoff {
public:
	double next()
	{
		std::uniform_real_distribution<double> between(base_, 2 * base_);

		base_ = std::min(2 * base_, longest_pause / 2);
		return between(random_);
	}
	void reset() { base_ = shortest_pause; }

private:
	double base_ = shortest_pause;
	std::mt19937 random_{std::random_device{}()};
};

enum class End : std::uint8_t { interrupted, lost, detached };

// Not one that is attaching, or that somebody detached.
bool may_be_adopted(const Attachment &a)
{
	return !a.devices.empty() && a.reason != detach_reason &&
	       (a.state == RIOD_STATE_CONNECTED || a.state == RIOD_STATE_RESUMING ||
		a.state == RIOD_STATE_LOST);
}

class Persist {
public:
	Persist(const Context &context, Endpoint endpoint, AttachRequest request)
		: context_(context), endpoint_(std::move(endpoint)), request_(std::move(request))
	{
	}

	// Returns when it is interrupted, or somebody else detaches.
	End keep();
	// Detaches after an interrupt, unless a process has a function open.
	void leave();

private:
	void show(std::string_view event, const std::string &text, json object = json::object());
	void adopt();
	bool attempt();
	bool try_once();
	bool failed(const Error &error);
	void see(const Attachment &attachment);
	bool look();
	End follow();
	std::string peer() const { return endpoint_str(request_.host, request_.port); }

	const Context &context_;
	const Endpoint endpoint_;
	AttachRequest request_;
	Backoff backoff_;
	bool was_up_ = false;
	std::string failure_; // what was printed last
	double since_ = 0;    // when the attachment came up

	// The attachment; none: there is none.
	std::optional<std::uint32_t> id_;
	std::uint32_t shown_ = RIOD_STATE_CONNECTED; // state that was printed
	std::optional<End> end_;                     // why there is nothing more to follow
};

void Persist::show(std::string_view event, const std::string &text, json object)
{
	object["event"] = event;
	if (id_)
		object["id"] = *id_;
	context_.out.event(text, object);
}

// An attachment that an earlier run left, because a guest had it open.
void Persist::adopt()
{
	std::vector<std::string> addresses;

	try {
		addresses = context_.probes.resolve(endpoint_.host);
	} catch (const Error &) {
		return; // the attempt reports it
	}
	for (const auto &a : all_objects(context_).attachments) {
		if (!may_be_adopted(a) || a.transport != request_.transport ||
		    a.port != request_.port ||
		    std::ranges::find(addresses, a.host) == addresses.end() ||
		    (!request_.export_name.empty() && a.export_name != request_.export_name))
			continue;
		request_.host = a.host;
		request_.export_name = a.export_name;
		was_up_ = true;
		since_ = context_.probes.clock();
		id_ = a.id;
		show("adopted",
		     fmt::format("'{}' of {} is attached already, as attachment {} ({})",
				 a.export_name, peer(), a.id, fmt::join(a.devices, ", ")),
		     {{"export", a.export_name}, {"functions", a.devices}});
		return;
	}
}

// Returns false if interrupted.
bool Persist::failed(const Error &error)
{
	const double pause = backoff_.next();
	std::string text = fmt::format("{}; next attempt in {:.1f} s", error.what(), pause);

	if (failure_ != error.what() && !error.remedy().empty())
		text += "\n  try: " + error.remedy();
	failure_ = error.what();
	show("failed", text,
	     {{"message", error.what()},
	      {"remedy", error.remedy()},
	      {"exit", static_cast<int>(error.exit())},
	      {"retry_s", pause}});
	return context_.probes.pause(pause);
}

bool Persist::try_once()
{
	const auto addresses = context_.probes.resolve(endpoint_.host);
	const bool again = was_up_ || !failure_.empty();
	const AttachResult result = attach_once(context_, request_, addresses, again);

	// the same one the next time, although the server host may have more by then
	request_.export_name = result.export_name;
	was_up_ = true;
	failure_.clear();
	since_ = context_.probes.clock();
	id_ = result.id;
	shown_ = RIOD_STATE_CONNECTED;
	show("attached",
	     fmt::format("attached '{}' of {} as attachment {} ({})", result.export_name, peer(),
			 result.id, fmt::join(result.devices, ", ")),
	     attached_json(context_, request_, result));
	return true;
}

// Returns false if interrupted.
bool Persist::attempt()
{
	for (;;) {
		try {
			return try_once();
		} catch (const AttachError &error) {
			if (error.lasting())
				throw;
			if (!failed(error))
				return false;
		} catch (const Error &error) {
			// of resolve(): a name that was found once is right
			if (error.exit() == Exit::interrupted ||
			    (error.exit() != Exit::unreachable && !was_up_))
				throw;
			if (!failed(error))
				return false;
		}
	}
}

void Persist::see(const Attachment &a)
{
	if (!a.state) {
		end_ = End::lost;
		show("gone", "its functions have left");
		return;
	}
	if (*a.state == shown_)
		return;
	shown_ = *a.state;
	if (shown_ == RIOD_STATE_RESUMING) {
		show("resuming",
		     fmt::format("the connection to {} broke; accesses wait for it", peer()));
	} else if (shown_ == RIOD_STATE_CONNECTED) {
		show("resumed", "the session goes on");
	} else if (shown_ == RIOD_STATE_DETACHED || a.reason == detach_reason) {
		end_ = End::detached;
		show("detached", "somebody detached it, so it stays detached");
	} else if (shown_ == RIOD_STATE_LOST) {
		show("lost",
		     fmt::format("the session is over: {}; waiting until its functions have left "
				 "(a guest that has one open is asked to release it)",
				 a.reason),
		     {{"reason", a.reason}});
	}
}

// The state now, for changes that no event has reported.
bool Persist::look()
{
	const Attachment gone;

	for (const auto &a : context_.kernel.attachments()) {
		if (a.id == *id_) {
			see(a);
			return !end_;
		}
	}
	see(gone);
	return false;
}

End Persist::follow()
{
	end_.reset();
	context_.kernel.monitor([this] { return look(); },
				[this](const Event &event) {
					if (event.lost)
						return look();
					if (event.attachment && event.attachment->id == *id_)
						see(*event.attachment);
					return !end_;
				});
	return end_.value_or(End::interrupted);
}

End Persist::keep()
{
	const InterruptGuard guard;

	adopt();
	for (;;) {
		if (!id_ && !attempt())
			return End::interrupted;
		const End end = follow();
		if (end != End::lost)
			return end;
		id_.reset();
		if (context_.probes.clock() - since_ >= longest_pause)
			backoff_.reset();
		if (!context_.probes.pause(backoff_.next()))
			return End::interrupted;
	}
}

void Persist::leave()
{
	if (!id_)
		return;
	try {
		if (context_.kernel.detach(*id_, false) == Removal::gone) {
			show("detached", fmt::format("detached '{}'", request_.export_name));
		} else {
			show("kept", "detached, but a process has the VFIO device open: the "
				     "functions leave when it closes it");
		}
	} catch (const KernelError &error) {
		if (error.err() == ENOENT || error.err() == EALREADY)
			return; // it is leaving by itself
		show("kept",
		     fmt::format("attachment {0} stays: {1}; later: riodctl detach {0}", *id_,
				 error.err() == EBUSY ? "a process has it open (a VM?)"
						      : error.what()));
	}
}

} // namespace

void persist(const Context &context, const Endpoint &endpoint, const AttachRequest &request)
{
	Persist one(context, endpoint, request);

	context.out.stream();
	context.modules.require("riod_frontend");
	context.modules.transport(request.transport, false);
	try {
		if (one.keep() == End::detached)
			return;
	} catch (const KernelError &error) {
		throw explain("follow the attachment", error);
	}
	// the guard is gone, so that another Ctrl-C ends the wait for the functions
	one.leave();
	throw Error(Exit::interrupted, {});
}

} // namespace riodctl

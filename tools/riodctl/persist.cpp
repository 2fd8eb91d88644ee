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
	return !a.devices.empty() && (a.state == RIOD_STATE_CONNECTED ||
				      a.state == RIOD_STATE_RESUMING || a.state == RIOD_STATE_LOST);
}

// Nothing is attached any more: modules with an attachment cannot be unloaded.
bool modules_left(const KernelError &error)
{
	return error.err() == ENODEV || error.err() == EOPNOTSUPP || error.err() == ENOENT;
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
	bool adopt(const std::vector<std::string> &addresses);
	std::optional<AttachResult> try_once();
	void up(std::uint32_t id, const std::string &export_name);
	bool passes(const Error &error) const;
	std::optional<End> attempt();
	bool failed(const Error &error);
	void see(const Attachment &attachment);
	bool look();
	End follow();
	End follow_on();
	std::string peer() const { return endpoint_str(request_.host, request_.port); }

	const Context &context_;
	const Endpoint endpoint_;
	AttachRequest request_;
	Backoff backoff_;
	bool found_ = false;  // there were the modules, and the server host's name
	bool again_ = false;  // something was tried before
	std::string failure_; // what was printed last
	double since_ = 0;    // when the attachment came up

	// The attachment; none: there is none.
	std::optional<std::uint32_t> id_;
	bool adopted_ = false;                       // this process did not make it
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

void Persist::up(std::uint32_t id, const std::string &export_name)
{
	id_ = id;
	// the same one the next time, although the server host may have more by then
	request_.export_name = export_name;
	failure_.clear();
	again_ = true;
	since_ = context_.probes.clock();
	shown_ = RIOD_STATE_CONNECTED;
}

// An attachment that an earlier run left, because a guest had it open, or that somebody made
// meanwhile.  While there is one, the server host refuses another.
bool Persist::adopt(const std::vector<std::string> &addresses)
{
	for (const auto &a : all_objects(context_).attachments) {
		if (!may_be_adopted(a) || a.transport != request_.transport ||
		    a.port != request_.port ||
		    std::ranges::find(addresses, a.host) == addresses.end() ||
		    (!request_.export_name.empty() && a.export_name != request_.export_name))
			continue;
		request_.host = a.host;
		up(a.id, a.export_name);
		adopted_ = true;
		show("adopted",
		     fmt::format("'{}' of {} is attached already, as attachment {} ({})",
				 a.export_name, peer(), a.id, fmt::join(a.devices, ", ")),
		     {{"export", a.export_name}, {"functions", a.devices}});
		return true;
	}
	return false;
}

// Returns false if interrupted.
bool Persist::failed(const Error &error)
{
	const double pause = backoff_.next();
	std::string text = fmt::format("{}; next attempt in {:.1f} s", error.what(), pause);

	if (failure_ != error.what() && !error.remedy().empty())
		text += "\n  try: " + error.remedy();
	failure_ = error.what();
	again_ = true;
	show("failed", text,
	     {{"message", error.what()},
	      {"remedy", error.remedy()},
	      {"exit", static_cast<int>(error.exit())},
	      {"retry_s", pause}});
	return context_.probes.pause(pause);
}

// Returns the new attachment, or nothing: one was adopted.  The modules may have been unloaded
// since the last attempt, and the name may have another address.
std::optional<AttachResult> Persist::try_once()
{
	context_.modules.require("riod_frontend");
	context_.modules.transport(request_.transport, false);
	const auto addresses = context_.probes.resolve(endpoint_.host);

	found_ = true;
	if (adopt(addresses))
		return std::nullopt;
	AttachResult result = attach_once(context_, request_, addresses, again_);
	up(result.id, result.export_name);
	adopted_ = false;
	return result;
}

// May the attempt that failed with @error be repeated?  Not if the host refuses the user, or
// if the modules or the name were never there.
bool Persist::passes(const Error &error) const
{
	if (error.exit() == Exit::interrupted)
		return !interrupted();
	if (error.exit() == Exit::permission)
		return false;
	return found_ || error.exit() == Exit::unreachable;
}

// Returns why there is no attachment, if there is none.
std::optional<End> Persist::attempt()
{
	std::optional<AttachResult> result;

	while (!id_) {
		try {
			result = try_once();
		} catch (const AttachError &error) {
			if (error.outlook() == Outlook::lasting)
				throw;
			if (error.outlook() == Outlook::detached) {
				show("detached", error.what());
				return End::detached;
			}
			if (!failed(error))
				return End::interrupted;
		} catch (const Error &error) {
			if (!passes(error))
				throw;
			if (!failed(error))
				return End::interrupted;
		}
	}
	if (result) {
		show("attached",
		     fmt::format("attached '{}' of {} as attachment {} ({})", result->export_name,
				 peer(), result->id, fmt::join(result->devices, ", ")),
		     attached_json(context_, request_, *result));
	}
	return std::nullopt;
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
	} else if (shown_ == RIOD_STATE_DETACHED) {
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

// As follow(), whatever fails: another attempt would not help, the attachment is there.
End Persist::follow_on()
{
	for (;;) {
		try {
			return follow();
		} catch (const KernelError &error) {
			if (modules_left(error)) {
				see(Attachment{});
				return End::lost;
			}
			if (!failed(explain("follow the attachment", error)))
				return End::interrupted;
		}
	}
}

End Persist::keep()
{
	const InterruptGuard guard;

	for (;;) {
		if (const auto end = attempt())
			return *end;
		const End end = follow_on();
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
	if (adopted_) {
		show("kept", fmt::format("attachment {0} stays: this process did not make it; "
					 "riodctl detach {0}",
					 *id_));
		return;
	}
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
		if (error.err() == EINTR) {
			show("leaving",
			     "interrupted; the functions leave, but nobody waits for it");
			return;
		}
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
	if (one.keep() == End::detached)
		return;
	// the guard is gone, so that another Ctrl-C ends the wait for the functions
	one.leave();
	throw Error(Exit::interrupted, {});
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// monitor: prints events as they arrive, each as a line or a JSON object.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "interrupt.hpp"
#include "net.hpp"
#include "units.hpp"
#include "verbs.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

std::string export_text(const Export &e)
{
	std::string text = fmt::format("export {} {}", e.name, state_name(e.state));

	if (!e.peer.empty())
		text += " peer " + e.peer;
	if (!e.peer_transport.empty())
		text += " by " + e.peer_transport;
	if (e.fence_ns)
		text += " fenced in " + duration_str(*e.fence_ns);
	if (e.state == RIOD_STATE_RESUMING)
		text += " (the connection broke; the device waits for it)";
	return text;
}

std::string attachment_text(const Attachment &a)
{
	std::string text = fmt::format("attachment {} {}", a.id, state_name(a.state));

	if (!a.export_name.empty())
		text += " " + a.export_name;
	text += " of " + url_str(a.transport, a.host, a.port);
	if (!a.devices.empty())
		text += fmt::format(" as {}", fmt::join(a.devices, ","));
	text += " bus-master " + bus_master_name(a.bus_master);
	if (!a.reason.empty())
		text += fmt::format(" ({})", a.reason);
	if (a.state == RIOD_STATE_RESUMING)
		text += " (the connection broke; accesses wait for it)";
	return text;
}

// Only the fields that the event has; see the spec.
json export_json(const Export &e)
{
	return {{"event", "export"},
		{"name", e.name},
		{"state", state_name(e.state)},
		{"transports", e.transports},
		{"peer", e.peer.empty() ? json() : json(e.peer)},
		{"peer_transport", e.peer_transport.empty() ? json() : json(e.peer_transport)},
		{"fence_ns", e.fence_ns ? json(*e.fence_ns) : json()}};
}

json attachment_json(const Attachment &a)
{
	return {{"event", "attachment"},
		{"id", a.id},
		{"host", a.host},
		{"port", a.port},
		{"transport", a.transport},
		{"export", a.export_name},
		{"functions", a.devices},
		{"state", state_name(a.state)},
		{"reason", a.reason.empty() ? json() : json(a.reason)},
		{"bus_master", bus_master_name(a.bus_master)}};
}

void print(const Context &context, const Event &event)
{
	const std::string text = event.lost         ? "events were lost: too many at once"
				 : event.exported   ? export_text(*event.exported)
				 : event.attachment ? attachment_text(*event.attachment)
						    : "";
	const json object = event.lost         ? json{{"event", "lost"}}
			    : event.exported   ? export_json(*event.exported)
			    : event.attachment ? attachment_json(*event.attachment)
					       : json::object();

	context.out.event(text, object);
}

} // namespace

void monitor(const Context &context, const MonitorOptions &options)
{
	const InterruptGuard guard;
	unsigned int seen = 0;

	context.modules.require("riod_core");
	try {
		context.kernel.monitor(
			[&] {
				if (!context.out.wants_json())
					context.out.note("waiting for events, Ctrl-C to stop");
				return true;
			},
			[&](const Event &event) {
				print(context, event);
				return options.count == 0 || ++seen < options.count;
			});
	} catch (const KernelError &error) {
		throw explain("watch for events", error);
	}
	if (options.count == 0 || seen < options.count)
		throw Error(Exit::interrupted, {});
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// status: prints exports and attachments in detail, with remedies for those that do not run.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "allow.hpp"
#include "net.hpp"
#include "objects.hpp"
#include "qemu.hpp"
#include "units.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

void field(const Context &context, std::string_view name, std::string_view value)
{
	context.out.line(fmt::format("  {:<12}{}", name, value));
}

void remedy(const Context &context, std::string_view text)
{
	context.out.line(fmt::format("  {:<12}-> {}", "", text));
}

std::string class_and_ids(const Identity &identity)
{
	return fmt::format("{}, {}", class_name(identity.class_code), ids(identity));
}

std::string allow_text(const Export &exported)
{
	if (!exported.allow.empty())
		return networks_str(exported.allow, ", ");
	return fmt::format("peers on this host only ('riodctl allow {} CIDR' lets others in)",
			   exported.name);
}

// Memory that this host holds for the peer, and its limits; prints nothing without a session.
void show_memory(const Context &context, const Stats &stats)
{
	if (stats[RIOD_A_STATS_MEMORY_MAX] == 0)
		return;
	field(context, "memory",
	      fmt::format("{} held for the peer, at most {}; all sessions of this host {}, at most "
			  "{} (memory_max_mib)",
			  size_str(stats[RIOD_A_STATS_MEMORY_HELD]),
			  size_str(stats[RIOD_A_STATS_MEMORY_MAX]),
			  size_str(stats[RIOD_A_STATS_MEMORY_HOST_HELD]),
			  size_str(stats[RIOD_A_STATS_MEMORY_HOST_MAX])));
}

template <typename Object>
json to_json_with_memory(const Object &o)
{
	json object = to_json(o);

	object["memory"] = json();
	if (o.stats[RIOD_A_STATS_MEMORY_MAX] != 0) {
		object["memory"] = {{"held", o.stats[RIOD_A_STATS_MEMORY_HELD]},
				    {"max", o.stats[RIOD_A_STATS_MEMORY_MAX]},
				    {"host_held", o.stats[RIOD_A_STATS_MEMORY_HOST_HELD]},
				    {"host_max", o.stats[RIOD_A_STATS_MEMORY_HOST_MAX]}};
	}
	return object;
}

void show_breaks(const Context &context, const Stats &stats)
{
	if (const auto breaks = stats[RIOD_A_STATS_BREAKS]; breaks != 0) {
		field(context, "breaks",
		      fmt::format("{} of the connection since the session began", breaks));
	}
}

std::string export_state(const Export &e)
{
	if (e.state == RIOD_STATE_RESUMING) {
		return fmt::format("resuming: the connection to {} broke; the device waits for it",
				   e.peer.empty() ? "the peer" : e.peer);
	}
	std::string text = state_name(e.state);
	if (!e.peer.empty())
		text += ", peer " + e.peer;
	if (!e.peer_transport.empty())
		text += " by " + e.peer_transport;
	return text;
}

void show_export(const Context &context, const Export &e)
{
	context.out.line(fmt::format("export {}", e.name));
	field(context, "state", export_state(e));
	field(context, "functions", fmt::format("{}", fmt::join(e.devices, ", ")));
	field(context, "device", class_and_ids(e.identity));
	field(context, "port",
	      fmt::format("{}, transport {}", e.port, fmt::join(e.transports, " and ")));
	field(context, "allow", allow_text(e));
	field(context, "bus master", bus_master_name(e.bus_master));
	field(context, "reset",
	      e.resettable
		      ? "yes"
		      : "no (--no-reset): the next guest finds the state left by the last one");
	if (e.fence_ns) {
		field(context, "fenced",
		      fmt::format("{} after the last peer was declared lost",
				  duration_str(*e.fence_ns)));
	}
	show_breaks(context, e.stats);
	show_memory(context, e.stats);
}

void show_held(const Context &context, const Attachment &a)
{
	const std::string why =
		a.mapped_rw > a.limit
			? fmt::format("held: the guest has mapped {} writable, the limit is {}",
				      size_str(a.mapped_rw), size_str(a.limit))
			: fmt::format("held: the guest has mapped {}, the server host shadows at "
				      "most {} (its shadow_max_mib)",
				      size_str(a.mapped_rw + a.mapped_ro), size_str(a.peer_limit));
	field(context, "bus master", why);
}

void show_bus_master(const Context &context, const Attachment &a)
{
	switch (a.bus_master) {
	case RIOD_BUS_MASTER_OFF:
		field(context, "bus master", "off: the guest's driver has not enabled it");
		break;
	case RIOD_BUS_MASTER_ON:
		field(context, "bus master", "on");
		break;
	case RIOD_BUS_MASTER_HELD_LIMIT:
		show_held(context, a);
		remedy(context,
		       fmt::format("the guest has no vIOMMU or does not use it: start it with the "
				   "output of 'riodctl qemu-args {}' (Linux guests of other "
				   "distributions may need intel_iommu=on)",
				   a.id));
		remedy(context,
		       a.mapped_rw > a.limit
			       ? "or detach, and attach with a higher --limit"
			       : "or set a higher shadow_max_mib of riod_stub on the server "
				 "host, and attach again");
		remedy(context,
		       "a guest that hangs in its firmware waits for DMA, as firmware uses no "
		       "vIOMMU: add the function to the running guest (device_add), "
		       "or attach with a --limit above the guest's memory");
		break;
	case RIOD_BUS_MASTER_HELD_LOST:
		field(context, "bus master", "held: the session is over");
		break;
	default:
		field(context, "bus master", bus_master_name(a.bus_master));
	}
}

std::string lost_time(const Attachment &a)
{
	return a.lost_ms ? duration_str(std::uint64_t{*a.lost_ms} * 1000000) : "a while";
}

std::string attachment_state(const Attachment &a)
{
	if (a.state == RIOD_STATE_RESUMING) {
		return fmt::format(
			"resuming: the connection to {} broke; accesses wait, the device "
			"is lost after {} without it",
			endpoint_str(a.host, a.port), lost_time(a));
	}
	return a.reason.empty() ? state_name(a.state)
				: fmt::format("{}: {}", state_name(a.state), a.reason);
}

void show_on_loss(const Context &context, const Attachment &a)
{
	if (!a.on_loss)
		return;
	const std::string name = on_loss_name(*a.on_loss);
	switch (*a.on_loss) {
	case RIOD_ON_LOSS_STALL:
		field(context, "on loss",
		      fmt::format("{}: accesses wait up to {} for the connection", name,
				  lost_time(a)));
		break;
	case RIOD_ON_LOSS_REMOVE:
		field(context, "on loss",
		      fmt::format("{}: the device is lost at once, after {} of silence", name,
				  lost_time(a)));
		break;
	case RIOD_ON_LOSS_ERROR:
		field(context, "on loss",
		      fmt::format("{}: the device is lost at once, after {} of silence, and QEMU "
				  "stops the VM",
				  name, lost_time(a)));
		break;
	default:
		field(context, "on loss", name);
	}
}

void show_attachment(const Context &context, const Attachment &a)
{
	context.out.line(fmt::format("attachment {}", a.id));
	field(context, "state", attachment_state(a));
	if (a.state == RIOD_STATE_RESUMING) {
		remedy(context, fmt::format("check the network and the server host, or give up: "
					    "riodctl detach {}{}",
					    a.id, a.in_use ? " --force" : ""));
	}
	if (a.state == RIOD_STATE_LOST) {
		remedy(context, fmt::format("riodctl detach {0}{1}, then attach again", a.id,
					    a.in_use ? " --force" : ""));
	}
	field(context, "export",
	      fmt::format("{} of {}", a.export_name, url_str(a.transport, a.host, a.port)));
	if (a.devices.empty())
		return; // it is attaching or leaving
	field(context, "functions", fmt::format("{}", fmt::join(a.devices, ", ")));
	field(context, "device", class_and_ids(a.identity));
	field(context, "in use", a.in_use ? "yes, through VFIO" : "no");
	show_bus_master(context, a);
	field(context, "mapped",
	      fmt::format("{} writable, {} read-only; limit {}", size_str(a.mapped_rw),
			  size_str(a.mapped_ro), size_str(a.limit)));
	if (const auto bits = iova_bits(a)) {
		field(context, "IOMMU",
		      fmt::format("{} bits of address at the server host", *bits));
	}
	show_on_loss(context, a);
	show_breaks(context, a.stats);
	show_memory(context, a.stats);
	field(context, "profile", a.profile.empty() ? "none" : a.profile);
	if (a.shadow_bars != 0) {
		field(context, "shadowed",
		      fmt::format("{} of BAR {}", size_str(a.shadowed),
				  fmt::join(bar_numbers(a.shadow_bars), ", ")));
	}
	if (a.sync_writes)
		field(context, "writes", "wait for the device (--sync-writes)");
	if (a.stats[RIOD_A_STATS_FORCED] != 0) {
		field(context, "warning",
		      fmt::format("{} forced cuts: data may be corrupt (rule 9)",
				  a.stats[RIOD_A_STATS_FORCED]));
	}
}

} // namespace

void status(const Context &context, const std::string &target)
{
	require_core(context);
	const Objects found = select_objects(context, target);
	json exports = json::array();
	json attachments = json::array();
	bool first = true;
	const auto gap = [&] {
		if (!first)
			context.out.line("");
		first = false;
	};

	for (const auto &e : found.exports) {
		gap();
		show_export(context, e);
		exports.push_back(to_json_with_memory(e));
	}
	for (const auto &a : found.attachments) {
		gap();
		show_attachment(context, a);
		attachments.push_back(to_json_with_memory(a));
	}
	if (first)
		context.out.line("nothing is exported or attached");
	context.out.document({{"exports", exports}, {"attachments", attachments}});
}

} // namespace riodctl

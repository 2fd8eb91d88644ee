// SPDX-License-Identifier: GPL-2.0-only
// list: exports and attachments of this host, devices that it could export, or exports
// of another host.
#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "allow.hpp"
#include "bind_checks.hpp"
#include "net.hpp"
#include "objects.hpp"
#include "remote.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

std::string joined(const std::vector<std::string> &words)
{
	return fmt::format("{}", fmt::join(words, ","));
}

std::string device_text(const Identity &identity)
{
	return fmt::format("{} {}", class_name(identity.class_code), ids(identity));
}

Remote discover(const Context &context, const Endpoint &endpoint)
{
	const auto addresses = context.probes.resolve(endpoint.host);

	for (std::size_t i = 0; i < addresses.size(); i++) {
		try {
			return context.kernel.discover(addresses[i], endpoint.port,
						       endpoint.transport);
		} catch (const KernelError &error) {
			const Error explained =
				explain_peer("list the exports",
					     endpoint_str(addresses[i], endpoint.port), error);
			if (i + 1 == addresses.size() || explained.exit() != Exit::unreachable)
				throw Error(explained);
			context.out.note(explained.what());
		}
	}
	throw Error(Exit::not_found, fmt::format("'{}' has no address", endpoint.host));
}

void list_remote(const Context &context, const std::string &host)
{
	const Endpoint endpoint = Endpoint::parse(host);

	context.modules.require("riod_core");
	context.modules.transport(endpoint.transport, false);
	const Remote remote = discover(context, endpoint);
	json offers = json::array();
	for (const auto &offer : remote.offers)
		offers.push_back(to_json(offer));
	if (remote.offers.empty()) {
		context.out.line(fmt::format("{} has no exports for this host",
					     endpoint_str(remote.host, remote.port)));
	} else {
		context.out.line(offers_table(remote));
	}
	if (remote.total > remote.offers.size()) {
		context.out.note(
			fmt::format("{} more are not shown", remote.total - remote.offers.size()));
	}
	context.out.document({{"host", remote.host},
			      {"port", remote.port},
			      {"transport", remote.transport},
			      {"offers", offers},
			      {"total", remote.total}});
}

void list_exports(const Context &context, const std::vector<Export> &exports)
{
	std::vector<std::vector<std::string>> rows = {
		{"EXPORT", "FUNCTIONS", "DEVICE", "PORT", "STATE", "PEER", "ALLOWED"}};

	for (const auto &e : exports) {
		rows.push_back({e.name, joined(e.devices), device_text(e.identity),
				fmt::format("{}/{}", e.port, joined(e.transports)),
				state_name(e.state), e.peer.empty() ? "-" : e.peer,
				e.allow.empty() ? "this host" : networks_str(e.allow, ",")});
	}
	if (!exports.empty())
		context.out.line(table(rows));
}

void list_attachments(const Context &context, const std::vector<Attachment> &attachments)
{
	std::vector<std::vector<std::string>> rows = {
		{"ID", "FUNCTIONS", "DEVICE", "STATE", "IN USE", "EXPORT", "HOST"}};

	for (const auto &a : attachments) {
		// no functions while it is attaching or leaving
		rows.push_back({std::to_string(a.id), a.devices.empty() ? "-" : joined(a.devices),
				a.devices.empty() ? "-" : device_text(a.identity),
				state_name(a.state), a.in_use ? "yes" : "no",
				a.export_name.empty() ? "-" : a.export_name,
				url_str(a.transport, a.host, a.port)});
	}
	if (!attachments.empty())
		context.out.line(table(rows));
	for (const auto &a : attachments) {
		if (a.state == RIOD_STATE_RESUMING) {
			context.out.note(fmt::format("attachment {0} has no connection to {1}, and "
						     "accesses wait for it; "
						     "see 'riodctl status {0}'",
						     a.id, endpoint_str(a.host, a.port)));
		}
	}
}

void list_local(const Context &context)
{
	require_core(context);
	const Objects all = all_objects(context);
	json exports = json::array();
	json attachments = json::array();

	list_exports(context, all.exports);
	if (!all.exports.empty() && !all.attachments.empty())
		context.out.line("");
	list_attachments(context, all.attachments);
	if (all.exports.empty() && all.attachments.empty())
		context.out.line("nothing is exported or attached");
	for (const auto &e : all.exports)
		exports.push_back(to_json(e));
	for (const auto &a : all.attachments)
		attachments.push_back(to_json(a));
	context.out.document({{"exports", exports}, {"attachments", attachments}});
}

// The first reason why @device cannot be bound; empty if it can.
std::string obstacle(const Context &context, const PciDevice &device)
{
	if (device.driver() == "riod_stub")
		return "bound";
	if (device.driver() == "riod_frontend")
		return "attached from another host";
	const auto refusals =
		find_refusals(context.sysfs, context.probes, {device.address()}, false);
	return refusals.empty() ? "" : refusals.front().why;
}

std::size_t width_of(const Context &context)
{
	const std::size_t columns = context.probes.columns();

	return columns == 0 ? 0 : std::max<std::size_t>(columns, 80);
}

// "NVMe: Samsung Electronics Co Ltd NVMe SSD Controller", or the IDs if pci.ids does not
// list the device.
std::string long_name(const Context &context, const Identity &identity)
{
	std::string name = context.probes.device_name(identity);
	const std::string kind = class_name(identity.class_code);
	if (!name.empty() && kind.starts_with("class "))
		return name; // the class has no name here
	return fmt::format("{}: {}", kind, name.empty() ? ids(identity) : name);
}

json device_json(const Context &context, const PciDevice &device, const std::string &why)
{
	const auto driver = device.driver();
	const auto group = device.iommu_group();
	const std::string name = context.probes.device_name(device.identity());
	json one = to_json(device.identity());

	one["address"] = device.name();
	one["name"] = name.empty() ? json() : json(name);
	one["driver"] = driver ? json(*driver) : json();
	one["iommu_group"] = group ? json(*group) : json();
	one["reset"] = device.can_reset();
	one["obstacle"] = why.empty() ? json() : json(why);
	return one;
}

// A narrow terminal cuts off the name of the device.  The reason why a function cannot be bound
// is wrapped below it.
void list_devices(const Context &context)
{
	const std::size_t width = width_of(context);
	std::vector<std::vector<std::string>> rows = {
		{"FUNCTION", "DRIVER", "GROUP", "RESET", "BINDABLE", "DEVICE"}};
	std::vector<std::string> reasons = {""};
	json devices = json::array();

	for (const auto &address : pci_functions(context.sysfs)) {
		const PciDevice device(context.sysfs, address);
		if (device.is_bridge() || device.identity().class_code >> 16 == 0x06)
			continue;
		const std::string why = obstacle(context, device);
		rows.push_back({device.name(), device.driver().value_or("-"),
				device.iommu_group().value_or("-"),
				device.can_reset() ? "yes" : "no", why.empty() ? "yes" : "no",
				long_name(context, device.identity())});
		reasons.push_back(why);
		devices.push_back(device_json(context, device, why));
	}
	std::istringstream lines(table(rows));
	std::string line;
	for (const auto &reason : reasons) {
		std::getline(lines, line);
		context.out.line(cut(line, width));
		if (!reason.empty())
			context.out.line(wrapped(reason, width, 4));
	}
	context.out.document({{"devices", devices}});
}

// For shell completion: arguments of other verbs, one per line.
void list_names(const Context &context)
{
	const Objects all = all_objects(context);

	for (const auto &e : all.exports)
		context.out.line("export " + e.name);
	for (const auto &a : all.attachments)
		context.out.line(fmt::format("attachment {}", a.id));
}

} // namespace

std::string offers_table(const Remote &remote)
{
	std::vector<std::vector<std::string>> rows = {{"EXPORT", "DEVICE", "FUNCTIONS", "STATE"}};

	for (const auto &offer : remote.offers) {
		rows.push_back({offer.name, device_text(offer.identity),
				std::to_string(offer.functions), offer.busy ? "busy" : "free"});
	}
	return table(rows);
}

void list(const Context &context, const ListOptions &options)
{
	if (options.names) {
		list_names(context);
	} else if (options.devices) {
		list_devices(context);
	} else if (!options.host.empty()) {
		list_remote(context, options.host);
	} else {
		list_local(context);
	}
}

} // namespace riodctl

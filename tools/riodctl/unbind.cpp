// SPDX-License-Identifier: GPL-2.0-only
// unbind: removes an export and gives its functions back to this host's drivers.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "binder.hpp"
#include "objects.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

struct Work {
	std::vector<Export> exports;
	std::vector<std::string> devices; // without duplicates
};

void add_device(Work &work, const std::string &device)
{
	if (!holds(work.devices, device))
		work.devices.push_back(device);
}

const Export *find_export(const std::vector<Export> &exports, const std::string &target)
{
	const std::string address = canonical_address(target);
	const auto found = std::ranges::find_if(exports, [&](const Export &e) {
		return e.name == target || holds(e.devices, address);
	});

	return found == exports.end() ? nullptr : &*found;
}

// An export is removed as a whole, as its functions share an IOMMU group.
void add_export(Work &work, const Export &exported)
{
	const bool known = std::ranges::any_of(
		work.exports, [&](const Export &e) { return e.name == exported.name; });

	if (known)
		return;
	work.exports.push_back(exported);
	for (const auto &device : exported.devices)
		add_device(work, device);
}

void add_target(const Context &context, const std::vector<Export> &exports,
		const std::string &target, Work &work)
{
	if (const Export *exported = find_export(exports, target)) {
		add_export(work, *exported);
		return;
	}
	const auto address = PciAddress::parse(target);
	if (!address) {
		throw Error(Exit::not_found, fmt::format("there is no export '{}'", target),
			    "see 'riodctl list'");
	}
	const PciDevice device(context.sysfs, *address);
	if (!device.exists()) {
		throw Error(Exit::not_found,
			    fmt::format("there is no PCI device {}", address->str()),
			    "see 'riodctl list'");
	}
	if (!is_ours(device)) {
		context.out.note(fmt::format("{} is not bound to riod_stub; its driver is {}",
					     device.name(), device.driver().value_or("none")));
		return;
	}
	add_device(work, device.name());
}

void take_back(const Context &context, const Export &exported, bool force)
{
	try {
		context.kernel.export_del(exported.name, force, [&] {
			context.out.note(fmt::format("waiting until '{}' is reset", exported.name));
		});
	} catch (const KernelError &error) {
		std::string remedy;
		if (error.err() == EINTR) {
			throw Error(
				Exit::interrupted,
				fmt::format("interrupted; '{}' is being taken back all the same",
					    exported.name),
				fmt::format("'riodctl unbind {}' later gives the device back to "
					    "its driver",
					    fmt::join(exported.devices, " ")));
		}
		if (error.err() == ENOENT)
			return; // removed meanwhile
		if (error.err() == EBUSY) {
			remedy = fmt::format(
				"detach it on {} first ('riodctl detach' there), or use "
				"--force: the guest there sees the device vanish",
				exported.peer.empty()
					? "the VMM host"
					: exported.peer.substr(0, exported.peer.rfind(':')));
		}
		throw explain(fmt::format("remove the export '{}'", exported.name), error, remedy);
	}
	context.out.line(fmt::format("'{}' is no longer exported", exported.name));
}

json give_back(const Context &context, const std::string &name, const std::string &wanted)
{
	const PciAddress address = PciAddress::parse(name).value_or(PciAddress{});
	const PciDevice device(context.sysfs, address);
	const std::string before = device.driver().value_or("no driver");
	std::string driver;

	if (is_ours(device))
		driver = give_back_to_host(context.sysfs, context.modules, address, wanted);
	if (driver.empty()) {
		context.out.note(fmt::format("no driver of this host took {}", name));
	} else {
		context.out.line(fmt::format("{}: {} -> {}", name, before, driver));
	}
	if (!wanted.empty() && driver != wanted) {
		throw Error(Exit::failed,
			    fmt::format("{} was released, but the driver '{}' did not bind it",
					name, wanted),
			    fmt::format("modprobe {}, then write the address to "
					"/sys/bus/pci/drivers_probe",
					wanted));
	}
	return {{"address", name}, {"driver", driver.empty() ? json() : json(driver)}};
}

} // namespace

void unbind(const Context &context, const UnbindOptions &options)
{
	const auto exports = all_objects(context).exports;
	json functions = json::array();
	json names = json::array();
	Work work;

	// Look up all targets before changing one, so that a typing error changes nothing.
	for (const auto &target : options.targets)
		add_target(context, exports, target, work);
	for (const auto &exported : work.exports) {
		take_back(context, exported, options.force);
		names.push_back(exported.name);
	}
	for (const auto &device : work.devices)
		functions.push_back(give_back(context, device, options.driver));
	context.out.document({{"exports", names}, {"functions", functions}});
}

} // namespace riodctl

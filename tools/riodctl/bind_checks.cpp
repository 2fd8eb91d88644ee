// SPDX-License-Identifier: GPL-2.0-only
#include "bind_checks.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "binder.hpp"

namespace riodctl {

namespace {

std::vector<std::string> names(const std::vector<PciAddress> &functions)
{
	std::vector<std::string> text;

	text.reserve(functions.size());
	for (const auto &function : functions)
		text.push_back(function.str());
	return text;
}

bool contains(const std::vector<PciAddress> &functions, const PciAddress &address)
{
	return std::ranges::find(functions, address) != functions.end();
}

void refuse_uses(const Sysfs &sysfs, const Probes &probes, const PciDevice &device,
		 std::vector<Refusal> &refusals)
{
	for (const auto &use : find_uses(sysfs, probes, device)) {
		refusals.push_back({Exit::busy, device.describe(), "is in use: " + use.what,
				    use.remedy, false});
	}
}

void refuse_group(const Sysfs &sysfs, const PciDevice &device,
		  const std::vector<PciAddress> &functions, std::vector<Refusal> &refusals)
{
	std::vector<PciAddress> whole = functions;
	std::vector<std::string> others;

	for (const auto &member : device.group_members()) {
		if (contains(functions, member) || PciDevice(sysfs, member).is_bridge())
			continue;
		others.push_back(PciDevice(sysfs, member).describe());
		whole.push_back(member);
	}
	if (!others.empty()) {
		refusals.push_back(
			{Exit::failed, device.describe(),
			 fmt::format("shares IOMMU group {} with {}: they could reach "
				     "each other's memory",
				     device.iommu_group().value_or("?"), fmt::join(others, ", ")),
			 fmt::format("take the group together: riodctl bind {}",
				     fmt::join(names(whole), " ")),
			 true});
	}
}

void refuse_no_iommu(const PciDevice &device, std::vector<Refusal> &refusals)
{
	if (!device.iommu_group()) {
		refusals.push_back(
			{Exit::failed, device.describe(),
			 "is behind no IOMMU, so nothing would confine its DMA to the memory of "
			 "the "
			 "guest",
			 "enable VT-d or AMD-Vi in the firmware setup, boot with intel_iommu=on "
			 "(Intel), and see that 'ls /sys/kernel/iommu_groups' lists groups",
			 true});
	}
}

// The functions of a slot may share a reset that none of them has alone.  The kernel decides
// about that when they are exported.
void refuse_no_reset(const PciDevice &device, const std::vector<PciAddress> &functions,
		     std::vector<Refusal> &refusals)
{
	const auto in_slot =
		std::count_if(functions.begin(), functions.end(), [&](const PciAddress &other) {
			return other.same_slot(device.address());
		});

	if (!device.can_reset() && in_slot == 1) {
		refusals.push_back({Exit::failed, device.describe(),
				    "has no way of being reset: what one guest leaves in it, the "
				    "next one finds",
				    "accept that with --no-reset", true});
	}
}

} // namespace

void check_possible(const Sysfs &sysfs, const std::vector<PciAddress> &functions)
{
	for (const auto &address : functions) {
		const PciDevice device(sysfs, address);

		if (!device.exists()) {
			throw Error(Exit::not_found,
				    fmt::format("there is no PCI device {}", address.str()),
				    "see 'lspci -D' or 'riodctl list --devices'");
		}
		if (device.is_bridge()) {
			throw Error(Exit::failed,
				    fmt::format("{} is a bridge, which no guest can drive",
						device.describe()),
				    "bind the devices behind it");
		}
		if (device.driver() == "riod_frontend") {
			throw Error(Exit::failed,
				    fmt::format("{} is an attachment: another host has the device",
						device.describe()),
				    "bind it on the host that it is plugged into");
		}
	}
}

std::vector<Refusal> find_refusals(const Sysfs &sysfs, const Probes &probes,
				   const std::vector<PciAddress> &functions, bool no_reset)
{
	std::vector<Refusal> refusals;

	for (const auto &address : functions) {
		const PciDevice device(sysfs, address);
		if (device.driver() == stub_driver)
			continue;
		refuse_uses(sysfs, probes, device, refusals);
		refuse_no_iommu(device, refusals);
		refuse_group(sysfs, device, functions, refusals);
		if (!no_reset)
			refuse_no_reset(device, functions, refusals);
	}
	return refusals;
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// Network interfaces below a PCI function.
#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "uses.hpp"

namespace riodctl {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t iff_up = 0x1;
constexpr std::uint32_t class_ethernet = 0x0200;

// Drivers that create no interface.
bool for_userspace(const std::string &driver)
{
	static constexpr std::array<std::string_view, 5> drivers = {
		"vfio-pci", "pci-stub", "uio_pci_generic", "igb_uio", "riod_stub"};

	return std::ranges::find(drivers, driver) != drivers.end();
}

// sysfs shows the interfaces of one network namespace only.
bool hidden_interface(const PciDevice &device)
{
	const auto driver = device.driver();

	return device.identity().class_code >> 8 == class_ethernet && driver &&
	       !for_userspace(*driver);
}

std::vector<Use> interface_uses(const Sysfs &sysfs, const Probes &probes, const fs::path &dir)
{
	const std::string name = dir.filename();
	std::vector<Use> uses;

	if (const auto master = sysfs.link(dir / "master")) {
		uses.push_back({fmt::format("interface {} belongs to {}", name, *master),
				fmt::format("ip link set {} nomaster", name)});
	}
	for (const auto &entry : sysfs.list(dir)) {
		if (entry.starts_with("upper_") && sysfs.link(dir / "master") != entry.substr(6)) {
			uses.push_back(
				{fmt::format("interface {} carries {}", name, entry.substr(6)),
				 fmt::format("ip link del {}", entry.substr(6))});
		}
	}
	if (!(sysfs.number(dir / "flags").value_or(0) & iff_up))
		return uses;
	const auto addresses = probes.addresses(name);
	if (!addresses.empty()) {
		uses.push_back({fmt::format("interface {} is up with {}", name,
					    fmt::join(addresses, ", ")),
				fmt::format("ip link set {} down", name)});
	}
	return uses;
}

} // namespace

std::vector<Use> net_uses(const Sysfs &sysfs, const Probes &probes, const PciDevice &device)
{
	const auto interfaces = class_devices_below(sysfs, "sys/class/net", device);
	std::vector<Use> uses;

	if (interfaces.empty() && hidden_interface(device)) {
		uses.push_back({fmt::format("its driver {} runs it, but no interface is to be seen "
					    "here: a container or another network namespace may "
					    "have it",
					    device.driver().value_or("")),
				"stop that container, or move the interface back"});
	}
	for (const auto &dir : interfaces) {
		auto more = interface_uses(sysfs, probes, dir);
		std::ranges::move(more, std::back_inserter(uses));
	}
	return uses;
}

} // namespace riodctl

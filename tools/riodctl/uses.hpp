// SPDX-License-Identifier: GPL-2.0-only
// Uses on this host that would break if a PCI function were taken from its driver.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sysfs.hpp"

namespace riodctl {

struct Use {
	std::string what;   // "nvme0n1p2 is mounted on /"
	std::string remedy; // "umount /"
};

// Information that sysfs does not have.
struct Probes {
	// True if the block device node (below /dev) is held exclusively.
	std::function<bool(const std::filesystem::path &node)> claimed;
	// Addresses that were assigned to a network interface (not link-local ones).
	std::function<std::vector<std::string>(const std::string &interface)> addresses;
	// True if it is possible to listen on the TCP port.
	std::function<bool(std::uint16_t port)> port_free;
	// Columns of the terminal; 0 if standard output is none.
	std::function<std::size_t()> columns;
	// "Vendor Device" from pci.ids; empty if it is not listed.
	std::function<std::string(const Identity &identity)> device_name;
	// Numeric addresses of a host; throws Error.
	std::function<std::vector<std::string>(const std::string &host)> resolve;
	// Waits; returns false if interrupted.
	std::function<bool(double seconds)> pause;
	// Seconds of a clock that only goes forward.
	std::function<double()> clock;
};

Probes system_probes();

// Empty if the function is not in use.
std::vector<Use> find_uses(const Sysfs &sysfs, const Probes &probes, const PciDevice &device);

// Entries of a class directory ("sys/block", "sys/class/net") whose device is the
// function or below it: their real directories.
std::vector<std::filesystem::path> class_devices_below(const Sysfs &sysfs,
						       const std::filesystem::path &class_dir,
						       const PciDevice &device);

// The kinds of use.
std::vector<Use> block_uses(const Sysfs &sysfs, const Probes &probes, const PciDevice &device);
std::vector<Use> net_uses(const Sysfs &sysfs, const Probes &probes, const PciDevice &device);

// Processes that have the function open through VFIO.
std::vector<std::string> vfio_users(const Sysfs &sysfs, const PciDevice &device);

// "qemu-system-x86 (pid 4242)" for each process that has one of @nodes ("/dev/vfio/3")
// open.
std::vector<std::string> processes_using(const Sysfs &sysfs, const std::vector<std::string> &nodes);

} // namespace riodctl

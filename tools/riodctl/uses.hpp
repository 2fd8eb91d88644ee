// SPDX-License-Identifier: GPL-2.0-only
// What on this host would break if a PCI function were taken from its driver.
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

// What sysfs does not tell.
struct Probes {
	// Does somebody hold the block device node (below /dev) exclusively?
	std::function<bool(const std::filesystem::path &node)> claimed;
	// Addresses of a network interface that somebody gave it (not link-local ones).
	std::function<std::vector<std::string>(const std::string &interface)> addresses;
	// Can the TCP port be listened on?
	std::function<bool(std::uint16_t port)> port_free;
	// Columns of the terminal; 0 where standard output is none.
	std::function<std::size_t()> columns;
	// "Vendor Device" of pci.ids, empty where it is not listed.
	std::function<std::string(const Identity &identity)> device_name;
	// Numeric addresses of a host; throws Error.
	std::function<std::vector<std::string>(const std::string &host)> resolve;
};

Probes system_probes();

// Empty where the function is free to take.
std::vector<Use> find_uses(const Sysfs &sysfs, const Probes &probes, const PciDevice &device);

// Entries of a class directory ("sys/block", "sys/class/net") whose device is the
// function or below it: their real directories.
std::vector<std::filesystem::path> class_devices_below(const Sysfs &sysfs,
						       const std::filesystem::path &class_dir,
						       const PciDevice &device);

// The kinds of use, each in a file or a section of its own.
std::vector<Use> block_uses(const Sysfs &sysfs, const Probes &probes, const PciDevice &device);
std::vector<Use> net_uses(const Sysfs &sysfs, const Probes &probes, const PciDevice &device);

// Processes that have the function open through VFIO.
std::vector<std::string> vfio_users(const Sysfs &sysfs, const PciDevice &device);

// "qemu-system-x86 (pid 4242)" for each process that has one of @nodes ("/dev/vfio/3")
// open.
std::vector<std::string> processes_using(const Sysfs &sysfs, const std::vector<std::string> &nodes);

} // namespace riodctl

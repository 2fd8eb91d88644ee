// SPDX-License-Identifier: GPL-2.0-only
// Files of /sys, /proc and /dev below a configurable root, and PCI functions in them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "model.hpp"
#include "pci.hpp"

namespace riodctl {

class Sysfs {
public:
	explicit Sysfs(std::filesystem::path root = "/") : root_(std::move(root)) {}
	Sysfs(const Sysfs &) = delete;
	Sysfs &operator=(const Sysfs &) = delete;
	virtual ~Sysfs() = default;

	// Paths are relative to the root ("sys/block"), and these do not throw:
	// devices may come and go meanwhile.
	std::filesystem::path path(const std::filesystem::path &relative) const;
	std::optional<std::string> read(const std::filesystem::path &relative) const;
	std::vector<std::string> list(const std::filesystem::path &relative) const;
	bool exists(const std::filesystem::path &relative) const;
	// True if this process may write to it.
	bool writable(const std::filesystem::path &relative) const;
	// Last component of a symbolic link's target.
	std::optional<std::string> link(const std::filesystem::path &relative) const;
	std::optional<std::uint64_t> number(const std::filesystem::path &relative) const;
	// Directory after resolving links, relative to the root.
	std::optional<std::filesystem::path> real(const std::filesystem::path &relative) const;

	// Throws std::system_error with the error of the kernel's store function.
	virtual void write(const std::filesystem::path &relative, const std::string &value);

private:
	std::filesystem::path root_;
};

// One PCI function of this host.
class PciDevice {
public:
	PciDevice(const Sysfs &sysfs, const PciAddress &address);

	const PciAddress &address() const { return address_; }
	std::string name() const { return address_.str(); }
	const std::filesystem::path &dir() const { return dir_; }
	bool exists() const;
	std::optional<std::string> driver() const;
	// Empty if there is none ("(null)" in the file).
	std::string driver_override() const;
	std::optional<std::string> iommu_group() const;
	// Functions of the same group, including this one.
	std::vector<PciAddress> group_members() const;
	bool is_bridge() const;
	bool can_reset() const;
	Identity identity() const;
	std::string modalias() const;
	// "0000:03:00.0 (NVMe, 1b36:0010)"
	std::string describe() const;

private:
	const Sysfs &sysfs_;
	PciAddress address_;
	std::filesystem::path dir_;
};

std::vector<PciAddress> pci_functions(const Sysfs &sysfs);

} // namespace riodctl

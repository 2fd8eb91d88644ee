// SPDX-License-Identifier: GPL-2.0-only
// Taking functions from their drivers and giving them back.
#pragma once

#include <string>
#include <vector>

#include "modules.hpp"
#include "sysfs.hpp"

namespace riodctl {

constexpr const char *stub_driver = "riod_stub";

// Binds functions to riod_stub, all or none: what was not commit()ted is rolled back.
class Rebind {
public:
	explicit Rebind(Sysfs &sysfs) : sysfs_(sysfs) {}
	Rebind(const Rebind &) = delete;
	Rebind &operator=(const Rebind &) = delete;
	~Rebind();

	// Throws Error after which the destructor (or roll_back()) puts all back.
	void take(const std::vector<PciAddress> &functions);
	void commit() { taken_.clear(); }
	// Returns a sentence for each function: where it went.  Never throws.
	std::vector<std::string> roll_back();

private:
	struct Taken {
		PciAddress address;
		std::string driver; // empty: it had none
		std::string override;
	};

	void release(const PciDevice &device);
	std::string give_back(const Taken &taken);

	Sysfs &sysfs_;
	std::vector<Taken> taken_;
};

// Is the function bound to riod_stub, or without a driver since riod_stub was unloaded?
bool is_ours(const PciDevice &device);

// Takes a function from riod_stub, if that has it, and gives it to @driver; without one to
// the driver that it was taken from, or else to the one that the kernel chooses.
// Returns the driver that has it now, empty where none took it.  Throws Error.
std::string give_back_to_host(Sysfs &sysfs, const Modules &modules, const PciAddress &address,
			      const std::string &driver);

} // namespace riodctl

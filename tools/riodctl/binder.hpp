// SPDX-License-Identifier: GPL-2.0-only
// Takes functions from their drivers and gives them back.
#pragma once

#include <string>
#include <vector>

#include "modules.hpp"
#include "sysfs.hpp"

namespace riodctl {

constexpr const char *stub_driver = "riod_stub";

// Binds functions to riod_stub, all or none: rolls back unless commit() was called.
class Rebind {
public:
	explicit Rebind(Sysfs &sysfs) : sysfs_(sysfs) {}
	Rebind(const Rebind &) = delete;
	Rebind &operator=(const Rebind &) = delete;
	~Rebind();

	// Throws Error; the destructor (or roll_back()) then restores all functions.
	void take(const std::vector<PciAddress> &functions);
	void commit() { taken_.clear(); }
	// Returns a sentence for each function about its driver.  Never throws.
	std::vector<std::string> roll_back();

private:
	struct Taken {
		PciAddress address;
		std::string driver; // empty: no driver
		std::string override;
	};

	void release(const PciDevice &device);
	std::string give_back(const Taken &taken);

	Sysfs &sysfs_;
	std::vector<Taken> taken_;
};

// True if the function is bound to riod_stub, or has no driver since riod_stub was unloaded.
bool is_ours(const PciDevice &device);

// Takes a function from riod_stub, if bound to it, and gives it to @driver; if that is empty, to
// its former driver, or else to the one that the kernel chooses.
// Returns the driver that has it now; empty if there is none.  Throws Error.
std::string give_back_to_host(Sysfs &sysfs, const Modules &modules, const PciAddress &address,
			      const std::string &driver);

} // namespace riodctl

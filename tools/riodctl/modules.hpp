// SPDX-License-Identifier: GPL-2.0-only
// Loading what is missing.
#pragma once

#include <functional>
#include <string>

#include "sysfs.hpp"

namespace riodctl {

// Loads the module of a name, or those that match a modalias, as modprobe does, with
// what they depend on.  Returns 0 or the errno of the first that failed; ENOENT where
// this kernel's modules have none of that name.  @dry_run: loads nothing, finds out only
// what can be found out so.
using Loader = std::function<int(const std::string &name, bool dry_run)>;
int load_module(const std::string &name, bool dry_run);

class Modules {
public:
	explicit Modules(const Sysfs &sysfs, Loader load = load_module)
		: sysfs_(sysfs), load_(std::move(load))
	{
	}

	// Also where it is built into the kernel.
	bool loaded(const std::string &module) const;
	// Loads it if it is missing; throws an Error with the reason and the remedy.
	void require(const std::string &module) const;
	// Throws what require() would throw, and loads nothing.
	void check(const std::string &module) const;
	// Loads the module of a transport, or finds out whether it could be (@dry_run); throws
	// an Error where there is none.
	void transport(const std::string &name, bool dry_run) const;
	// Best effort: the modules that udev would load for a device.
	void load_for(const std::string &modalias) const;

private:
	const Sysfs &sysfs_;
	Loader load_;
};

} // namespace riodctl

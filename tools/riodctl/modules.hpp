// SPDX-License-Identifier: GPL-2.0-only
// Loads missing kernel modules.
#pragma once

#include <functional>
#include <string>

#include "sysfs.hpp"

namespace riodctl {

// Loads the module of a name, or those that match a modalias, with their dependencies, as
// modprobe does.  Returns 0 or the errno of the first that failed; ENOENT if this
// kernel has no such module.  @dry_run: loads nothing, detects only the errors
// that are detectable without loading.
using Loader = std::function<int(const std::string &name, bool dry_run)>;
int load_module(const std::string &name, bool dry_run);

class Modules {
public:
	explicit Modules(const Sysfs &sysfs, Loader load = load_module)
		: sysfs_(sysfs), load_(std::move(load))
	{
	}

	// True also if it is built into the kernel.
	bool loaded(const std::string &module) const;
	// Loads it if it is missing; throws an Error with the reason and the remedy.
	void require(const std::string &module) const;
	// Like require(), but loads nothing.
	void check(const std::string &module) const;
	// Loads the module of a transport, or only checks that it can be loaded (@dry_run).
	// Throws an Error if there is none.
	void transport(const std::string &name, bool dry_run) const;
	// Loads the modules that udev would load for a device.  Best effort.
	void load_for(const std::string &modalias) const;

private:
	const Sysfs &sysfs_;
	Loader load_;
};

} // namespace riodctl

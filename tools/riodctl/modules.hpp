// SPDX-License-Identifier: GPL-2.0-only
// Loading what is missing.
#pragma once

#include <functional>
#include <string>

#include "sysfs.hpp"

namespace riodctl {

// Runs a program and returns its exit status, or 127 where it cannot be run.
using Runner = std::function<int(const std::vector<std::string> &argv)>;
int run_program(const std::vector<std::string> &argv);

class Modules {
public:
	explicit Modules(const Sysfs &sysfs, Runner run = run_program)
		: sysfs_(sysfs), run_(std::move(run))
	{
	}

	// Also where it is built into the kernel.
	bool loaded(const std::string &module) const;
	// Loads it if it is missing; throws an Error that says how to do it by hand.
	void require(const std::string &module) const;
	// Best effort: the modules that udev would load for a device.
	void load_for(const std::string &modalias) const;

private:
	int modprobe(const std::string &what) const;

	const Sysfs &sysfs_;
	Runner run_;
};

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// Parses the command line and runs its verb.
#pragma once

#include <iosfwd>

#include "verbs.hpp"

namespace riodctl {

// Returns the exit status; prints errors.  Called by main() and by tests.
int run(int argc, const char *const *argv, Sysfs &sysfs, Kernel &kernel, const Modules &modules,
	const Probes &probes, std::ostream &out, std::ostream &err);

} // namespace riodctl

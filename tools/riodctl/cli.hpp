// SPDX-License-Identifier: GPL-2.0-only
// The command line: parses it and runs the verb that it names.
#pragma once

#include <iosfwd>

#include "verbs.hpp"

namespace riodctl {

// Returns the exit status; prints errors.  For main() and for tests of usage.
int run(int argc, const char *const *argv, Sysfs &sysfs, Kernel &kernel, const Modules &modules,
	const Probes &probes, std::ostream &out, std::ostream &err);

} // namespace riodctl

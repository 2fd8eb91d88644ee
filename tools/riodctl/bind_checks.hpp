// SPDX-License-Identifier: GPL-2.0-only
// Reasons why functions must not be taken from this host.
#pragma once

#include <string>
#include <vector>

#include "error.hpp"
#include "uses.hpp"

namespace riodctl {

struct Refusal {
	Exit exit;
	std::string device; // "0000:03:00.0 (NVMe, 1b36:0010)"
	std::string why;    // "is in use: ..."
	std::string remedy;
	// The modules refuse to export such a function, even with --force.
	bool isolation = false;

	std::string message() const { return device + " " + why; }
};

// Throws Error for what --force does not override: no such function, a bridge, a function
// of an attachment.
void check_possible(const Sysfs &sysfs, const std::vector<PciAddress> &functions);

// What --force overrides: uses, and an IOMMU group that is missing or has other functions.
// What --no-reset overrides: no reset method.  Functions that riod_stub already has are not
// in use.
std::vector<Refusal> find_refusals(const Sysfs &sysfs, const Probes &probes,
				   const std::vector<PciAddress> &functions, bool no_reset);

} // namespace riodctl

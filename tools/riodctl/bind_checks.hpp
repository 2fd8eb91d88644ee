// SPDX-License-Identifier: GPL-2.0-only
// Why functions may not be taken from this host.
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
	// The modules do not export such a function, whatever --force says.
	bool isolation = false;

	std::string message() const { return device + " " + why; }
};

// Throws Error for what no --force overrides: no such function, a bridge, a function
// that is an attachment itself.
void check_possible(const Sysfs &sysfs, const std::vector<PciAddress> &functions);

// What --force overrides: uses, an IOMMU group that is missing or holds others.
// And what --no-reset overrides: no way of being reset.  Functions that riod_stub has
// already are not in use.
std::vector<Refusal> find_refusals(const Sysfs &sysfs, const Probes &probes,
				   const std::vector<PciAddress> &functions, bool no_reset);

} // namespace riodctl

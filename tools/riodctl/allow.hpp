// SPDX-License-Identifier: GPL-2.0-only
// Parses and prints allow lists; allow.cpp.
#pragma once

#include <string>
#include <vector>

#include "model.hpp"
#include "verbs.hpp"

namespace riodctl {

// Drops duplicates, and prints a note where host bits were set.  Throws a usage Error.
std::vector<Cidr> parse_networks(const Context &context, const std::vector<std::string> &texts);

// Joined by @separator; empty if there is none.
std::string networks_str(const std::vector<Cidr> &networks, std::string_view separator);

} // namespace riodctl

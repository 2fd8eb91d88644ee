// SPDX-License-Identifier: GPL-2.0-only
// Allow lists: from the words of a command, and to print; allow.cpp.
#pragma once

#include <string>
#include <vector>

#include "model.hpp"
#include "verbs.hpp"

namespace riodctl {

// Each network once; a note says where host bits were set.  Throws a usage Error.
std::vector<Cidr> parse_networks(const Context &context, const std::vector<std::string> &texts);

// Each with @separator between; empty where there is none.
std::string networks_str(const std::vector<Cidr> &networks, std::string_view separator);

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// Parses and prints sizes and times.
#pragma once

#include <cstdint>
#include <string>

namespace riodctl {

// "64M", "64MiB", "1g", "4096"; powers of 1024.  Throws a usage Error.
std::uint64_t parse_size(const std::string &text);
// "64 MiB", "1.5 GiB", "12 B"
std::string size_str(std::uint64_t bytes);
// "500ms", "30s", "2m": the unit is required.  In milliseconds.  Throws a usage Error.
std::uint64_t parse_duration(const std::string &text);
// "812 ns", "1.3 ms"
std::string duration_str(std::uint64_t ns);

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
#include "units.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "error.hpp"

namespace riodctl {

namespace {

constexpr std::string_view prefixes = "KMGTPE";

// Prints @value, with one decimal if it is small and not an integer.
std::string scaled(double value, std::string_view unit)
{
	if (value < 10 && value != static_cast<double>(static_cast<std::uint64_t>(value)))
		return fmt::format("{:.1f} {}", value, unit);
	return fmt::format("{:.0f} {}", value, unit);
}

} // namespace

std::uint64_t parse_size(const std::string &text)
{
	std::uint64_t value = 0;
	const char *const last = text.data() + text.size();
	const auto [end, error] = std::from_chars(text.data(), last, value);
	std::string unit(end, last);
	unsigned int shift = 0;

	std::ranges::transform(unit, unit.begin(), [](unsigned char c) { return std::toupper(c); });
	if (!unit.empty() && prefixes.find(unit.front()) != std::string_view::npos) {
		shift = 10 * (static_cast<unsigned int>(prefixes.find(unit.front())) + 1);
		unit.erase(0, 1);
	}
	const bool known = unit.empty() || unit == "B" || (shift != 0 && unit == "IB");
	if (error != std::errc{} || !known || (value << shift) >> shift != value) {
		throw usage_error(fmt::format("'{}' is not a size", text),
				  "write it as 64M, 2G or a number of bytes");
	}
	return value << shift;
}

std::string size_str(std::uint64_t bytes)
{
	auto value = static_cast<double>(bytes);
	std::string unit = "B";

	for (const char prefix : prefixes) {
		if (value < 1024)
			break;
		value /= 1024;
		unit = fmt::format("{}iB", prefix);
	}
	return scaled(value, unit);
}

std::uint64_t parse_duration(const std::string &text)
{
	std::uint64_t value = 0;
	const char *const last = text.data() + text.size();
	const auto [end, error] = std::from_chars(text.data(), last, value);
	const std::string_view unit(end, last);
	const std::uint64_t scale = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60000 : 0;

	if (error != std::errc{} || scale == 0 || value * scale / scale != value) {
		throw usage_error(fmt::format("'{}' is not a time", text),
				  "write it as 500ms, 30s or 2m");
	}
	return value * scale;
}

std::string duration_str(std::uint64_t ns)
{
	static constexpr std::array<std::string_view, 3> units = {"ns", "us", "ms"};
	auto value = static_cast<double>(ns);

	for (const auto unit : units) {
		if (value < 1000)
			return scaled(value, unit);
		value /= 1000;
	}
	return scaled(value, "s");
}

} // namespace riodctl

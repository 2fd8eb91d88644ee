// SPDX-License-Identifier: GPL-2.0-only
// PCI addresses and names.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model.hpp"

namespace riodctl {

struct PciAddress {
	std::uint32_t domain = 0;
	std::uint8_t bus = 0;
	std::uint8_t slot = 0;
	std::uint8_t function = 0;

	auto operator<=>(const PciAddress &) const = default;

	// "0000:03:00.0" or "03:00.0"
	static std::optional<PciAddress> parse(std::string_view text);
	std::string str() const;
	bool same_slot(const PciAddress &other) const;
};

// "nvme" for 0x010802 and the like; "class 0x0108" for classes without a name.
std::string class_name(std::uint32_t class_code);
// "8086:10c9"
std::string ids(const Identity &identity);

} // namespace riodctl

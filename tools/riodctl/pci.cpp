// SPDX-License-Identifier: GPL-2.0-only
#include "pci.hpp"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace riodctl {

namespace {

// Parses all of @text as a hexadecimal number with at most @digits digits, up to @max.
std::optional<std::uint32_t> hex(std::string_view text, std::size_t digits, std::uint32_t max)
{
	std::uint32_t value = 0;

	if (text.empty() || text.size() > digits)
		return std::nullopt;
	const auto [end, error] =
		std::from_chars(text.data(), text.data() + text.size(), value, 16);
	if (error != std::errc{} || end != text.data() + text.size() || value > max)
		return std::nullopt;
	return value;
}

} // namespace

std::optional<PciAddress> PciAddress::parse(std::string_view text)
{
	const auto dot = text.rfind('.');
	if (dot == std::string_view::npos)
		return std::nullopt;
	const auto function = hex(text.substr(dot + 1), 1, 7);
	text = text.substr(0, dot);

	const auto colon = text.rfind(':');
	if (colon == std::string_view::npos)
		return std::nullopt;
	const auto slot = hex(text.substr(colon + 1), 2, 0x1f);
	text = text.substr(0, colon);

	std::optional<std::uint32_t> domain = 0;
	const auto first = text.find(':');
	if (first != std::string_view::npos) {
		domain = hex(text.substr(0, first), 8, 0xffffffff);
		text = text.substr(first + 1);
	}
	const auto bus = hex(text, 2, 0xff);
	if (!domain || !bus || !slot || !function)
		return std::nullopt;
	return PciAddress{.domain = *domain,
			  .bus = static_cast<std::uint8_t>(*bus),
			  .slot = static_cast<std::uint8_t>(*slot),
			  .function = static_cast<std::uint8_t>(*function)};
}

std::string PciAddress::str() const
{
	return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", domain, bus, slot, function);
}

bool PciAddress::same_slot(const PciAddress &other) const
{
	return domain == other.domain && bus == other.bus && slot == other.slot;
}

std::string class_name(std::uint32_t class_code)
{
	static constexpr std::array<std::pair<std::uint32_t, std::string_view>, 22> names = {{
		{0x0100, "SCSI"},        {0x0101, "IDE"},         {0x0104, "RAID"},
		{0x0106, "AHCI"},        {0x0107, "SAS"},         {0x0108, "NVMe"},
		{0x0180, "storage"},     {0x0200, "Ethernet"},    {0x0207, "InfiniBand"},
		{0x0280, "network"},     {0x0300, "VGA"},         {0x0302, "3D"},
		{0x0380, "display"},     {0x0401, "audio"},       {0x0403, "HD audio"},
		{0x0500, "memory"},      {0x0600, "host bridge"}, {0x0604, "PCI bridge"},
		{0x0700, "serial"},      {0x0c03, "USB"},         {0x0b40, "coprocessor"},
		{0x1200, "accelerator"},
	}};

	for (const auto &[code, name] : names) {
		if (code == class_code >> 8)
			return std::string(name);
	}
	return fmt::format("class {:#06x}", class_code >> 8);
}

std::string ids(const Identity &identity)
{
	return fmt::format("{:04x}:{:04x}", identity.vendor, identity.device);
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
#include "sysfs.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace riodctl {

namespace fs = std::filesystem;

fs::path Sysfs::path(const fs::path &relative) const
{
	return root_ / relative.relative_path();
}

std::optional<std::string> Sysfs::read(const fs::path &relative) const
{
	const std::ifstream file(path(relative));
	std::ostringstream text;

	if (!file || !(text << file.rdbuf()))
		return file && !file.bad() ? std::optional<std::string>("") : std::nullopt;
	std::string value = text.str();
	while (!value.empty() && (value.back() == '\n' || value.back() == '\0'))
		value.pop_back();
	return value;
}

std::vector<std::string> Sysfs::list(const fs::path &relative) const
{
	std::vector<std::string> names;
	std::error_code ec;

	for (fs::directory_iterator it(path(relative), ec), end; !ec && it != end; it.increment(ec))
		names.push_back(it->path().filename().string());
	std::ranges::sort(names);
	return names;
}

bool Sysfs::exists(const fs::path &relative) const
{
	std::error_code ec;

	return fs::exists(path(relative), ec);
}

bool Sysfs::writable(const fs::path &relative) const
{
	return access(path(relative).c_str(), W_OK) == 0;
}

std::optional<std::string> Sysfs::link(const fs::path &relative) const
{
	std::error_code ec;
	const fs::path target = fs::read_symlink(path(relative), ec);

	if (ec)
		return std::nullopt;
	return target.filename().string();
}

std::optional<std::uint64_t> Sysfs::number(const fs::path &relative) const
{
	const auto text = read(relative);
	std::uint64_t value = 0;

	if (!text)
		return std::nullopt;
	const bool hex = text->starts_with("0x");
	const char *first = text->data() + (hex ? 2 : 0);
	const auto [end, error] =
		std::from_chars(first, text->data() + text->size(), value, hex ? 16 : 10);
	if (error != std::errc{})
		return std::nullopt;
	return value;
}

std::optional<fs::path> Sysfs::real(const fs::path &relative) const
{
	std::error_code ec;
	const fs::path target = fs::canonical(path(relative), ec);

	if (ec)
		return std::nullopt;
	const fs::path root = fs::canonical(root_, ec);
	return target.lexically_relative(root);
}

void Sysfs::write(const fs::path &relative, const std::string &value)
{
	const int fd = open(path(relative).c_str(), O_WRONLY | O_CLOEXEC);
	int error = errno;

	if (fd >= 0) {
		// A single write, because the kernel accepts or refuses a value as a whole.
		error = ::write(fd, value.data(), value.size()) < 0 ? errno : 0;
		close(fd);
	}
	if (error != 0)
		throw std::system_error(error, std::generic_category(), "/" + relative.string());
}

PciDevice::PciDevice(const Sysfs &sysfs, const PciAddress &address)
	: sysfs_(sysfs), address_(address), dir_("sys/bus/pci/devices/" + address.str())
{
}

bool PciDevice::exists() const
{
	return sysfs_.exists(dir_);
}

std::optional<std::string> PciDevice::driver() const
{
	return sysfs_.link(dir_ / "driver");
}

std::string PciDevice::driver_override() const
{
	const auto value = sysfs_.read(dir_ / "driver_override");

	return value && *value != "(null)" ? *value : "";
}

std::optional<std::string> PciDevice::iommu_group() const
{
	return sysfs_.link(dir_ / "iommu_group");
}

std::vector<PciAddress> PciDevice::group_members() const
{
	std::vector<PciAddress> members;

	for (const auto &name : sysfs_.list(dir_ / "iommu_group" / "devices")) {
		if (const auto address = PciAddress::parse(name))
			members.push_back(*address);
	}
	return members;
}

bool PciDevice::is_bridge() const
{
	const auto config = sysfs_.read(dir_ / "config");

	// Header type, PCI 3.0 section 6.1; bit 7: multi-function.
	if (config && config->size() > 0x0e)
		return (static_cast<unsigned char>(config->at(0x0e)) & 0x7f) != 0;
	return identity().class_code >> 8 == 0x0604;
}

bool PciDevice::can_reset() const
{
	const auto methods = sysfs_.read(dir_ / "reset_method");

	return methods && !methods->empty();
}

Identity PciDevice::identity() const
{
	return {.vendor = static_cast<std::uint16_t>(sysfs_.number(dir_ / "vendor").value_or(0)),
		.device = static_cast<std::uint16_t>(sysfs_.number(dir_ / "device").value_or(0)),
		.class_code =
			static_cast<std::uint32_t>(sysfs_.number(dir_ / "class").value_or(0))};
}

std::string PciDevice::modalias() const
{
	return sysfs_.read(dir_ / "modalias").value_or("");
}

std::string PciDevice::describe() const
{
	const Identity id = identity();

	return fmt::format("{} ({}, {})", name(), class_name(id.class_code), ids(id));
}

std::vector<PciAddress> pci_functions(const Sysfs &sysfs)
{
	std::vector<PciAddress> found;

	for (const auto &name : sysfs.list("sys/bus/pci/devices")) {
		if (const auto address = PciAddress::parse(name))
			found.push_back(*address);
	}
	return found;
}

} // namespace riodctl

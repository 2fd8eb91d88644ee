// SPDX-License-Identifier: GPL-2.0-only
#include "binder.hpp"

#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "error.hpp"
#include "interrupt.hpp"

namespace riodctl {

namespace fs = std::filesystem;

namespace {

fs::path driver_dir(const std::string &driver)
{
	return fs::path("sys/bus/pci/drivers") / driver;
}

// A single line feed clears it.
void set_override(Sysfs &sysfs, const PciDevice &device, const std::string &driver)
{
	sysfs.write(device.dir() / "driver_override", driver + "\n");
}

void bind_to(Sysfs &sysfs, const PciDevice &device, const std::string &driver)
{
	sysfs.write(driver_dir(driver) / "bind", device.name());
}

void unbind_from(Sysfs &sysfs, const PciDevice &device, const std::string &driver)
{
	sysfs.write(driver_dir(driver) / "unbind", device.name());
}

// Below /run, so that a reboot clears the record together with the bindings.
fs::path record_of(const PciDevice &device)
{
	return fs::path("run/riodctl") / device.name();
}

Error write_error(const PciDevice &device, const char *what, const std::system_error &error)
{
	const int err = error.code().value();
	std::string remedy = "see 'dmesg' for the driver's messages";

	if (exit_of_errno(err) == Exit::permission)
		remedy = "run riodctl as root";
	return {exit_of_errno(err) == Exit::not_found ? Exit::failed : exit_of_errno(err),
		fmt::format("cannot {} {}: {}", what, device.name(), error.code().message()),
		remedy};
}

// The driver and the override of a function before it was bound to riod_stub.
struct Former {
	std::string driver; // empty: no driver
	std::string override;
};

std::optional<Former> recall(const Sysfs &sysfs, const PciDevice &device)
{
	const auto text = sysfs.read(record_of(device));

	if (!text)
		return std::nullopt;
	const auto end = text->find('\n');
	if (end == std::string::npos)
		return Former{.driver = *text, .override = {}};
	return Former{.driver = text->substr(0, end), .override = text->substr(end + 1)};
}

// Records the former driver, so that unbind, another process, can restore it, even if
// riod_stub is unloaded meanwhile.
void remember(const Sysfs &sysfs, const PciDevice &device, const Former &former)
{
	const fs::path file = sysfs.path(record_of(device));
	std::error_code ec;

	fs::create_directories(file.parent_path(), ec);
	// if this fails the kernel chooses the driver
	std::ofstream(file) << former.driver << '\n' << former.override << '\n';
}

void forget(const Sysfs &sysfs, const PciDevice &device)
{
	std::error_code ec;

	fs::remove(sysfs.path(record_of(device)), ec);
}

bool left_by_stub(const PciDevice &device)
{
	return !device.driver() && device.driver_override() == stub_driver;
}

// Loads the driver that matches the function.
void load_driver(Sysfs &sysfs, const Modules &modules, const PciDevice &device,
		 const std::string &driver)
{
	if (driver.empty()) {
		modules.load_for(device.modalias());
	} else if (!sysfs.exists(driver_dir(driver))) {
		modules.load_for(driver);
	}
}

// A driver that got the function by new_id may no longer match it.
bool bind_to_former(Sysfs &sysfs, const PciDevice &device, const std::string &driver)
{
	try {
		bind_to(sysfs, device, driver);
		return true;
	} catch (const std::system_error &) {
		return false;
	}
}

} // namespace

bool is_ours(const PciDevice &device)
{
	return device.driver() == stub_driver || left_by_stub(device);
}

Rebind::~Rebind()
{
	roll_back();
}

void Rebind::release(const PciDevice &device)
{
	const auto driver = device.driver();

	taken_.push_back({device.address(), driver.value_or(""), device.driver_override()});
	// functions that riod_stub left at its unload already have a record
	if (!left_by_stub(device)) {
		remember(sysfs_, device,
			 {.driver = taken_.back().driver, .override = taken_.back().override});
	}
	try {
		// The override first, so that no other driver binds the function in between.
		set_override(sysfs_, device, stub_driver);
		if (driver)
			unbind_from(sysfs_, device, *driver);
	} catch (const std::system_error &error) {
		throw write_error(device, "take", error);
	}
}

// All are released before the first is bound, because a group has one owner at a time.
void Rebind::take(const std::vector<PciAddress> &functions)
{
	for (const auto &address : functions) {
		if (interrupted())
			throw Error(Exit::interrupted, "interrupted");
		release(PciDevice(sysfs_, address));
	}
	for (const auto &address : functions) {
		const PciDevice device(sysfs_, address);
		try {
			// Unlike drivers_probe, this returns the driver's error.
			bind_to(sysfs_, device, stub_driver);
		} catch (const std::system_error &error) {
			throw write_error(device, "bind riod_stub to", error);
		}
		if (device.driver() != stub_driver) {
			throw Error(Exit::failed,
				    fmt::format("riod_stub did not take {}", device.name()),
				    "see 'dmesg' for the driver's messages");
		}
	}
}

std::string Rebind::give_back(const Taken &taken)
{
	const PciDevice device(sysfs_, taken.address);

	try {
		if (device.driver() == stub_driver)
			unbind_from(sysfs_, device, stub_driver);
		set_override(sysfs_, device, taken.override);
		if (!taken.driver.empty() && !device.driver())
			bind_to(sysfs_, device, taken.driver);
	} catch (const std::system_error &error) {
		return fmt::format("{} could not be given back to {}: {}", device.name(),
				   taken.driver.empty() ? "no driver" : taken.driver, error.what());
	}
	if (taken.override != stub_driver)
		forget(sysfs_, device);
	if (taken.driver.empty())
		return fmt::format("{} has no driver, as before", device.name());
	return fmt::format("{} is back with {}", device.name(), taken.driver);
}

std::vector<std::string> Rebind::roll_back()
{
	std::vector<std::string> said;

	for (; !taken_.empty(); taken_.pop_back())
		said.push_back(give_back(taken_.back()));
	return said;
}

std::string give_back_to_host(Sysfs &sysfs, const Modules &modules, const PciAddress &address,
			      const std::string &driver)
{
	const PciDevice device(sysfs, address);
	Former to = {.driver = driver, .override = driver};

	if (driver.empty())
		to = recall(sysfs, device).value_or(Former{});
	try {
		set_override(sysfs, device, to.override);
		if (device.driver() == stub_driver)
			unbind_from(sysfs, device, stub_driver);
		load_driver(sysfs, modules, device, to.driver);
		// loading a driver may have bound it
		if (driver.empty() && !to.driver.empty() && !device.driver() &&
		    !bind_to_former(sysfs, device, to.driver))
			load_driver(sysfs, modules, device, "");
		if (!device.driver())
			sysfs.write("sys/bus/pci/drivers_probe", device.name());
	} catch (const std::system_error &error) {
		throw write_error(device, "give back", error);
	}
	forget(sysfs, device);
	return device.driver().value_or("");
}

} // namespace riodctl

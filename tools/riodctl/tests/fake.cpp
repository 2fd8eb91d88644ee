// SPDX-License-Identifier: GPL-2.0-only
#include "fake.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "cli.hpp"

namespace riodctl::test {

namespace fs = std::filesystem;

TempDir::TempDir()
{
	std::string name = fs::temp_directory_path() / "riodctl-test-XXXXXX";

	if (!mkdtemp(name.data()))
		throw std::system_error(errno, std::generic_category(), "mkdtemp");
	path_ = name;
}

TempDir::~TempDir()
{
	std::error_code ec;

	fs::remove_all(path_, ec);
}

void FakeSysfs::attach(const std::string &address, const std::string &driver)
{
	if (const auto error = probe_error.find(driver); error != probe_error.end())
		throw std::system_error(error->second, std::generic_category(), driver);
	fs::create_symlink("../../bus/pci/drivers/" + driver,
			   path("sys/bus/pci/devices/" + address + "/driver"));
}

void FakeSysfs::write(const fs::path &relative, const std::string &value)
{
	const fs::path device = path("sys/bus/pci/devices/" + value);
	const std::string driver = relative.parent_path().filename();

	writes.push_back(relative.string() + "=" + value);
	if (relative.filename() == "unbind") {
		if (!fs::remove(device / "driver"))
			throw std::system_error(ENODEV, std::generic_category(), value);
	} else if (relative.filename() == "bind") {
		if (!fs::exists(path(relative)))
			throw std::system_error(ENOENT, std::generic_category(), relative);
		attach(value, driver);
	} else if (relative.filename() == "drivers_probe") {
		const auto wanted =
			read(fs::path("sys/bus/pci/devices") / value / "driver_override");
		if (wanted && !wanted->empty() && *wanted != "(null)") {
			attach(value, *wanted);
		} else if (native.contains(value)) {
			attach(value, native.at(value));
		}
	} else if (relative.filename() == "driver_override") {
		std::ofstream(path(relative)) << (value == "\n" ? "(null)\n" : value);
	} else {
		throw std::system_error(EACCES, std::generic_category(), relative);
	}
}

void FakeKernel::maybe_refuse(const std::string &command) const
{
	if (const auto found = refuse.find(command); found != refuse.end())
		throw KernelError(found->second);
}

std::string FakeKernel::export_new(const ExportRequest &request)
{
	new_requests.push_back(request);
	maybe_refuse("export_new");
	Export e;
	e.name = request.name.empty() ? request.devices.front() : request.name;
	e.devices = request.devices;
	e.allow = request.allow;
	e.port = request.port;
	e.transports = request.transports;
	e.state = RIOD_STATE_IDLE;
	export_list.push_back(e);
	return e.name;
}

std::string FakeKernel::export_set(const ExportChange &change)
{
	changes.push_back(change);
	maybe_refuse("export_set");
	for (auto &e : export_list) {
		if (e.name != change.name)
			continue;
		if (change.op == RIOD_ALLOW_OP_REPLACE)
			e.allow = change.allow;
		if (change.op == RIOD_ALLOW_OP_ADD)
			e.allow.insert(e.allow.end(), change.allow.begin(), change.allow.end());
		if (change.op == RIOD_ALLOW_OP_REMOVE) {
			std::erase_if(e.allow, [&](const Cidr &cidr) {
				return std::ranges::find(change.allow, cidr) != change.allow.end();
			});
		}
	}
	return not_allowed;
}

void FakeKernel::export_del(const std::string &name, bool force,
			    const std::function<void()> &waiting)
{
	log.push_back("export_del " + name + (force ? " force" : ""));
	if (!force)
		maybe_refuse("export_del");
	if (slow)
		waiting();
	std::erase_if(export_list, [&](const Export &e) { return e.name == name; });
}

std::vector<Export> FakeKernel::exports()
{
	maybe_refuse("exports");
	if (on_dump)
		on_dump();
	return export_list;
}

std::vector<Attachment> FakeKernel::attachments()
{
	maybe_refuse("attachments");
	if (on_attachments)
		on_attachments();
	return attachment_list;
}

AttachResult FakeKernel::attach(const AttachRequest &request, const std::function<void()> &waiting)
{
	attach_requests.push_back(request);
	if (slow)
		waiting();
	if (!attach_errors.empty()) {
		const KernelError error = attach_errors.front();
		attach_errors.pop_front();
		throw KernelError(error);
	}
	maybe_refuse("attach");
	maybe_refuse("attach " + request.host);
	if (lists) {
		attachment_list.push_back(make_attachment(++last_id_, "0001:00:00.0"));
		attachment_list.back().host = request.host;
	}
	return {.id = lists ? last_id_ : 1,
		.devices = {"0001:00:00.0"},
		.export_name = request.export_name.empty() ? "nvme0" : request.export_name};
}

Removal FakeKernel::detach(std::uint32_t id, bool force)
{
	log.push_back(fmt::format("detach {}{}", id, force ? " force" : ""));
	if (!force)
		maybe_refuse("detach");
	return removal;
}

Remote FakeKernel::discover(const std::string &host, std::uint16_t port,
			    const std::string &transport)
{
	log.push_back("discover " + (transport == default_transport ? "" : transport + "://") +
		      host);
	maybe_refuse("discover");
	return {.host = host,
		.port = port,
		.transport = transport,
		.offers = offers,
		.total = static_cast<std::uint32_t>(offers.size()),
		.error = 0,
		.reason = {}};
}

void FakeKernel::monitor(const std::function<bool()> &ready,
			 const std::function<bool(const Event &)> &event)
{
	maybe_refuse("monitor");
	if (!ready())
		return;
	std::vector<Event> now = events;
	if (!streams.empty()) {
		now = streams.front();
		streams.pop_front();
	}
	for (const auto &one : now) {
		if (one.attachment && !one.attachment->state) {
			std::erase_if(attachment_list, [&](const Attachment &a) {
				return a.id == one.attachment->id;
			});
		}
		if (!event(one))
			return;
	}
}

Host::Host()
	: modules(sysfs, [this](const std::string &name, bool dry_run) {
		  if (!dry_run)
			  loads.push_back(name);
		  if (missing.contains(name))
			  return ENOENT;
		  if (load_error == 0 && !dry_run)
			  mkdir("sys/module/" + name);
		  return load_error;
	  })
{
	mkdir("sys/bus/pci/devices");
	mkdir("sys/block");
	mkdir("sys/class/net");
	for (const char *driver : {"riod_stub", "nvme", "igb", "vfio-pci"}) {
		mkdir(fmt::format("sys/bus/pci/drivers/{}", driver));
		file(fmt::format("sys/bus/pci/drivers/{}/bind", driver), "");
	}
	for (const char *module : {"riod_core", "riod_stub", "riod_frontend"})
		add_module(module);
	probes.claimed = [this](const fs::path &node) {
		return std::ranges::find(claimed_nodes, node.filename().string()) !=
		       claimed_nodes.end();
	};
	probes.addresses = [this](const std::string &interface) { return addresses[interface]; };
	probes.port_free = [this](std::uint16_t port) { return !taken_ports.contains(port); };
	probes.columns = [this] { return columns; };
	probes.device_name = [this](const Identity &identity) {
		return identity.vendor == 0x1b36 ? device_name : "";
	};
	probes.pause = [this](double seconds) {
		pauses.push_back(seconds);
		now += seconds;
		if (on_pause)
			on_pause();
		return pauses.size() <= max_pauses;
	};
	probes.clock = [this] { return now; };
	probes.resolve = [this](const std::string &host) {
		return hosts.contains(host) ? hosts.at(host) : std::vector<std::string>{host};
	};
}

void Host::mkdir(const fs::path &relative) const
{
	fs::create_directories(dir.path() / relative);
}

void Host::file(const fs::path &relative, const std::string &text) const
{
	mkdir(relative.parent_path());
	std::ofstream(dir.path() / relative) << text;
}

void Host::link(const fs::path &relative, const fs::path &to) const
{
	mkdir(relative.parent_path());
	fs::create_symlink(fs::relative(dir.path() / to, dir.path() / relative.parent_path()),
			   dir.path() / relative);
}

PciDevice Host::add_pci(const PciSpec &spec)
{
	const fs::path real = "sys/devices/pci0000:00/" + spec.address;
	std::string config(64, '\0');

	mkdir(real);
	config.at(0x0e) = static_cast<char>(spec.header_type);
	config.at(0x3c) = 1; // the file must not end in zeroes
	file(real / "config", config);
	file(real / "vendor", "0x1b36\n");
	file(real / "device", "0x0010\n");
	file(real / "class", fmt::format("{:#08x}\n", spec.class_code));
	file(real / "driver_override", "(null)\n");
	file(real / "modalias", "pci:v00001B36d00000010\n");
	if (spec.reset)
		file(real / "reset_method", "flr bus\n");
	link("sys/bus/pci/devices/" + spec.address, real);
	if (!spec.group.empty()) {
		const fs::path group = "sys/kernel/iommu_groups/" + spec.group;
		mkdir(group / "devices");
		link(group / "devices" / spec.address, real);
		link(real / "iommu_group", group);
	}
	if (!spec.driver.empty()) {
		mkdir("sys/bus/pci/drivers/" + spec.driver);
		link(real / "driver", "sys/bus/pci/drivers/" + spec.driver);
		if (spec.driver != "riod_stub")
			sysfs.native[spec.address] = spec.driver;
	}
	return {sysfs, PciAddress::parse(spec.address).value()};
}

namespace {

fs::path disk_dir(const std::string &below, const std::string &name)
{
	if (below.empty())
		return "sys/devices/virtual/block/" + name;
	return fmt::format("sys/devices/pci0000:00/{}/nvme/nvme0/{}", below, name);
}

} // namespace

void Host::add_disk(const std::string &below, const std::string &name,
		    const std::string &number) const
{
	const fs::path real = disk_dir(below, name);

	mkdir(real / "holders");
	file(real / "dev", number + "\n");
	file(real / "uevent", "DEVNAME=" + name + "\nDEVTYPE=disk\n");
	link("sys/block/" + name, real);
}

void Host::add_partition(const std::string &below, const std::string &disk, const std::string &name,
			 const std::string &number) const
{
	const fs::path real = disk_dir(below, disk) / name;

	mkdir(real / "holders");
	file(real / "dev", number + "\n");
	file(real / "partition", "1\n");
	file(real / "uevent", "DEVNAME=" + name + "\n");
}

void Host::add_holder(const std::string &node_dir, const std::string &holder) const
{
	link(fs::path(node_dir) / "holders" / holder, "sys/devices/virtual/block/" + holder);
}

void Host::add_net(const std::string &below, const std::string &name, unsigned int flags) const
{
	const fs::path real = fmt::format("sys/devices/pci0000:00/{}/net/{}", below, name);

	file(real / "flags", fmt::format("{:#x}\n", flags));
	link("sys/class/net/" + name, real);
}

void Host::add_process(int pid, const std::string &comm, const std::string &open_file) const
{
	const fs::path proc = fmt::format("proc/{}", pid);

	file(proc / "comm", comm + "\n");
	mkdir(proc / "fd");
	fs::create_symlink(open_file, dir.path() / proc / "fd" / "5");
}

std::string Host::driver(const std::string &address)
{
	return sysfs.link("sys/bus/pci/devices/" + address + "/driver").value_or("");
}

std::string Host::read(const std::string &relative)
{
	return sysfs.read(relative).value_or("");
}

int Host::run(const std::vector<std::string> &words)
{
	std::vector<const char *> argv = {"riodctl"};

	for (const auto &word : words)
		argv.push_back(word.c_str());
	out.str("");
	err.str("");
	return riodctl::run(static_cast<int>(argv.size()), argv.data(), sysfs, kernel, modules,
			    probes, out, err);
}

Export make_export(const std::string &name, const std::vector<std::string> &devices)
{
	Export e;

	e.name = name;
	e.devices = devices;
	e.identity = {.vendor = 0x1b36, .device = 0x0010, .class_code = 0x010802};
	e.resettable = true;
	e.state = RIOD_STATE_IDLE;
	return e;
}

Attachment make_attachment(std::uint32_t id, const std::string &device)
{
	Attachment a;

	a.id = id;
	a.host = "192.0.2.1";
	a.export_name = "nvme0";
	a.devices = {device};
	a.state = RIOD_STATE_CONNECTED;
	a.identity = {.vendor = 0x1b36, .device = 0x0010, .class_code = 0x010802};
	a.limit = 64 << 20;
	return a;
}

} // namespace riodctl::test

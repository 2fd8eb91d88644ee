// SPDX-License-Identifier: GPL-2.0-only
#include "uses.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "interrupt.hpp"
#include "net.hpp"
#include "pci_names.hpp"

namespace riodctl {

namespace fs = std::filesystem;

namespace {

bool node_claimed(const fs::path &node)
{
	// O_EXCL without O_CREAT fails if a filesystem, a swap area, another block
	// device or a program holds the device exclusively, in any namespace.
	const int fd = open(node.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == EBUSY;
	close(fd);
	return false;
}

bool link_local(const sockaddr *address)
{
	if (address->sa_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr);
}

std::vector<std::string> interface_addresses(const std::string &interface)
{
	std::vector<std::string> found;
	ifaddrs *list = nullptr;

	if (getifaddrs(&list) != 0)
		return found;
	const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
	for (const ifaddrs *i = list; i; i = i->ifa_next) {
		const std::string label(i->ifa_name); // may be "eth0:1"
		const bool ip = i->ifa_addr && (i->ifa_addr->sa_family == AF_INET ||
						i->ifa_addr->sa_family == AF_INET6);
		if (!ip || link_local(i->ifa_addr) || label.substr(0, label.find(':')) != interface)
			continue;
		const socklen_t size = i->ifa_addr->sa_family == AF_INET ? sizeof(sockaddr_in)
									 : sizeof(sockaddr_in6);
		std::array<char, NI_MAXHOST> text{};
		if (getnameinfo(i->ifa_addr, size, text.data(), text.size(), nullptr, 0,
				NI_NUMERICHOST) == 0)
			found.emplace_back(text.data());
	}
	return found;
}

// Binds like the stub: to all addresses, including IPv4.
bool port_free(std::uint16_t port)
{
	const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sockaddr_in6 any{};
	const int on = 1;

	if (fd < 0)
		return true; // the kernel decides
	any.sin6_family = AF_INET6;
	any.sin6_port = htons(port);
	// recently closed connections must not block the port
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	const bool taken = ::bind(fd, reinterpret_cast<const sockaddr *>(&any), sizeof(any)) != 0 &&
			   errno == EADDRINUSE;
	close(fd);
	return !taken;
}

std::size_t terminal_columns()
{
	winsize size{};

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// VFIO's nodes for the function: the group's and, with cdevs, its own.
std::vector<std::string> vfio_nodes(const Sysfs &sysfs, const PciDevice &device)
{
	std::vector<std::string> nodes;

	if (const auto group = device.iommu_group()) {
		nodes.push_back("/dev/vfio/" + *group);
		nodes.push_back("/dev/vfio/noiommu-" + *group);
	}
	for (const auto &name : sysfs.list(device.dir() / "vfio-dev"))
		nodes.push_back("/dev/vfio/devices/" + name);
	return nodes;
}

std::vector<Use> vfio_uses(const Sysfs &sysfs, const PciDevice &device)
{
	const auto users = vfio_users(sysfs, device);

	if (users.empty())
		return {};
	return {{.what = fmt::format("a guest or program uses it through VFIO: {}",
				     fmt::join(users, ", ")),
		 .remedy = "first shut the guest down or unplug the device (device_del)"}};
}

std::vector<Use> other_uses(const Sysfs &sysfs, const PciDevice &device)
{
	std::vector<Use> uses;
	const auto vfs = sysfs.number(device.dir() / "sriov_numvfs").value_or(0);

	if (vfs != 0) {
		uses.push_back({fmt::format("{} virtual functions of it are enabled", vfs),
				fmt::format("echo 0 > /{}/sriov_numvfs", device.dir().string())});
	}
	if (sysfs.number(device.dir() / "boot_vga").value_or(0) == 1 && device.driver()) {
		uses.push_back({"it is the display this machine booted with",
				"use another display for the console"});
	}
	return uses;
}

void append(std::vector<Use> &to, std::vector<Use> from)
{
	std::ranges::move(from, std::back_inserter(to));
}

double steady_seconds()
{
	return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
		.count();
}

} // namespace

Probes system_probes()
{
	return {.claimed = node_claimed,
		.addresses = interface_addresses,
		.port_free = port_free,
		.columns = terminal_columns,
		.device_name = pci_device_name,
		.resolve = resolve,
		.pause = pause,
		.clock = steady_seconds};
}

std::vector<fs::path> class_devices_below(const Sysfs &sysfs, const fs::path &class_dir,
					  const PciDevice &device)
{
	const auto top = sysfs.real(device.dir());
	std::vector<fs::path> found;

	for (const auto &name : sysfs.list(class_dir)) {
		const auto real = sysfs.real(class_dir / name);
		if (top && real && real->string().starts_with(top->string() + "/"))
			found.push_back(*real);
	}
	return found;
}

std::vector<std::string> vfio_users(const Sysfs &sysfs, const PciDevice &device)
{
	return processes_using(sysfs, vfio_nodes(sysfs, device));
}

std::vector<std::string> processes_using(const Sysfs &sysfs, const std::vector<std::string> &nodes)
{
	std::vector<std::string> users;

	for (const auto &pid : sysfs.list("proc")) {
		if (nodes.empty() ||
		    !std::ranges::all_of(pid, [](unsigned char c) { return std::isdigit(c); }))
			continue;
		const fs::path dir = fs::path("proc") / pid;
		const auto fds = sysfs.list(dir / "fd");
		const bool uses = std::ranges::any_of(fds, [&](const std::string &fd) {
			std::error_code ec;
			const fs::path target = fs::read_symlink(sysfs.path(dir / "fd" / fd), ec);
			return !ec && std::ranges::find(nodes, target.string()) != nodes.end();
		});
		const std::string comm = sysfs.read(dir / "comm").value_or("?");
		// udev's workers open a device only for a moment.
		if (uses && comm.find("udev") == std::string::npos)
			users.push_back(fmt::format("{} (pid {})", comm, pid));
	}
	return users;
}

std::vector<Use> find_uses(const Sysfs &sysfs, const Probes &probes, const PciDevice &device)
{
	std::vector<Use> uses = block_uses(sysfs, probes, device);

	append(uses, net_uses(sysfs, probes, device));
	append(uses, vfio_uses(sysfs, device));
	append(uses, other_uses(sysfs, device));
	return uses;
}

} // namespace riodctl

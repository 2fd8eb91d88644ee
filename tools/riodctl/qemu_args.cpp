// SPDX-License-Identifier: GPL-2.0-only
// qemu-args: prints QEMU options or libvirt XML for an attachment.
#include <algorithm>
#include <bit>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "objects.hpp"
#include "qemu.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

// Root ports of a chassis must have different slots. This chassis number is rarely used by
// others, and the slot is the attachment's number.
constexpr unsigned int port_chassis = 74;
constexpr unsigned int port_slot_mask = 0x1fff; // PCIe 7.5.3.9: physical slot number
// The bus behind the bridge for several functions in libvirt's domain; libvirt uses the
// lower numbers for root ports.
constexpr unsigned int libvirt_bus = 8;
// Address widths of QEMU's intel-iommu
constexpr unsigned int narrow_bits = 39;
constexpr unsigned int wide_bits = 48;

// True if two of them share an IOMMU group; QEMU then requires one address space for them.
bool share_group(const Sysfs &sysfs, const std::vector<std::string> &devices)
{
	std::set<std::string> groups;

	for (const auto &device : devices) {
		const auto address = PciAddress::parse(device);
		const auto group =
			address ? PciDevice(sysfs, *address).iommu_group() : std::nullopt;
		if (group && !groups.insert(*group).second)
			return true;
	}
	return false;
}

struct Placed {
	std::string device;
	PciAddress address;
	unsigned int function; // in the guest
};

// Functions keep their numbers.  But a guest probes other functions of a slot only if function
// 0 exists, so without one the lowest takes its place.
std::vector<Placed> placed(const std::vector<std::string> &devices)
{
	std::vector<Placed> found;

	for (const auto &device : devices) {
		if (const auto address = PciAddress::parse(device))
			found.push_back({device, *address, address->function});
	}
	std::ranges::sort(found, {}, &Placed::address);
	if (!found.empty())
		found.front().function = 0;
	return found;
}

// True if the guest's firmware, or an option ROM, may drive such a device.
bool firmware_drives(const Identity &identity)
{
	const auto base = identity.class_code >> 16;

	return base == 0x01 || base == 0x02 || identity.class_code >> 8 == 0x0c03;
}

std::string hostdev_xml(const Placed &fn, bool bridged, bool multifunction)
{
	std::string xml = fmt::format("<hostdev mode='subsystem' type='pci' managed='no'>\n"
				      "  <source>\n"
				      "    <address domain='{:#06x}' bus='{:#04x}' slot='{:#04x}' "
				      "function='{:#x}'/>\n"
				      "  </source>\n",
				      fn.address.domain, fn.address.bus, fn.address.slot,
				      fn.address.function);

	if (bridged) {
		xml += fmt::format(
			"  <address type='pci' domain='0x0000' bus='{:#04x}' slot='0x01' "
			"function='{:#x}'{}/>\n",
			libvirt_bus, fn.function, multifunction ? " multifunction='on'" : "");
	}
	return xml + "</hostdev>\n";
}

// True if the remote IOMMU does not support the wider of QEMU's widths.
bool needs_narrow(const Attachment &attachment)
{
	const auto bits = iova_bits(attachment);

	return bits && *bits < wide_bits;
}

std::string without_last_newline(std::string text)
{
	if (text.ends_with('\n'))
		text.pop_back();
	return text;
}

} // namespace

std::optional<unsigned int> iova_bits(const Attachment &attachment)
{
	if (!attachment.iova_last)
		return std::nullopt;
	return static_cast<unsigned int>(std::bit_width(*attachment.iova_last));
}

// A function on pcie.0 cannot be unplugged, so it gets its own root port.
std::vector<std::pair<std::string, std::string>>
qemu_args(const Sysfs &sysfs, const Attachment &attachment, bool virtio_iommu)
{
	std::vector<std::pair<std::string, std::string>> args;
	const auto functions = placed(attachment.devices);
	const bool shared = share_group(sysfs, attachment.devices);
	const std::string port = fmt::format("riod{}", attachment.id);
	const std::string bus = shared ? port + "-pci" : port;

	if (virtio_iommu) {
		args.emplace_back("-machine", "q35,accel=kvm");
		args.emplace_back("-device", "virtio-iommu-pci");
	} else {
		// Interrupt remapping in the guest needs the split irqchip; caching mode makes
		// the guest announce new mappings.
		args.emplace_back("-machine", "q35,accel=kvm,kernel-irqchip=split");
		args.emplace_back("-device",
				  fmt::format("intel-iommu,intremap=on,caching-mode=on{}",
					      needs_narrow(attachment)
						      ? fmt::format(",aw-bits={}", narrow_bits)
						      : ""));
	}
	args.emplace_back("-device",
			  fmt::format("pcie-root-port,id={},bus=pcie.0,chassis={},slot={}", port,
				      port_chassis, attachment.id & port_slot_mask));
	// Behind a conventional bridge all functions share the bridge's address space.
	if (shared) {
		args.emplace_back("-device",
				  fmt::format("pcie-pci-bridge,id={},bus={}", bus, port));
	}
	for (const auto &fn : functions) {
		std::string value = fmt::format("vfio-pci,host={},id={}-fn{},bus={}", fn.device,
						port, fn.function, bus);
		if (functions.size() > 1) {
			value += fmt::format(",addr={}.{}{}", shared ? 1 : 0, fn.function,
					     fn.function == 0 ? ",multifunction=on" : "");
		}
		args.emplace_back("-device", value);
	}
	return args;
}

std::string libvirt_hostdevs(const Sysfs &sysfs, const Attachment &attachment)
{
	const auto functions = placed(attachment.devices);
	const bool shared = share_group(sysfs, attachment.devices);
	std::string xml;

	for (const auto &fn : functions)
		xml += hostdev_xml(fn, shared, functions.size() > 1 && fn.function == 0);
	return without_last_newline(xml);
}

std::string libvirt_domain(const Sysfs &sysfs, const Attachment &attachment, bool virtio_iommu)
{
	std::string xml;

	if (!virtio_iommu)
		xml = "<features>\n  <ioapic driver='qemu'/>\n</features>\n";
	xml += "<devices>\n";
	if (share_group(sysfs, attachment.devices)) {
		xml += fmt::format(
			"  <controller type='pci' index='{}' model='pcie-to-pci-bridge'/>\n",
			libvirt_bus);
	} else {
		xml += "  <controller type='pci' model='pcie-root-port'/>\n";
	}
	if (virtio_iommu) {
		xml += "  <iommu model='virtio'/>\n";
	} else {
		xml += fmt::format(
			"  <iommu model='intel'>\n"
			"    <driver intremap='on' caching_mode='on'{}/>\n"
			"  </iommu>\n",
			needs_narrow(attachment) ? fmt::format(" aw_bits='{}'", narrow_bits) : "");
	}
	return xml + "</devices>";
}

std::vector<std::string> guest_notes(const Attachment &attachment, bool virtio_iommu)
{
	std::vector<std::string> notes;
	const auto bits = iova_bits(attachment);

	if (attachment.state == RIOD_STATE_LOST) {
		notes.push_back(fmt::format("attachment {} is lost ({}); detach it and attach anew",
					    attachment.id, attachment.reason));
	}
	if (attachment.state == RIOD_STATE_DETACHED) {
		notes.push_back(
			fmt::format("attachment {} is detached; attach anew", attachment.id));
	}
	if (bits && *bits < narrow_bits && !virtio_iommu) {
		notes.push_back(fmt::format("the server host's IOMMU translates {} bits, and "
					    "intel-iommu has {} at least: "
					    "use --virtio-iommu",
					    *bits, narrow_bits));
	}
	if (firmware_drives(attachment.identity)) {
		notes.emplace_back(
			"firmware does not use the vIOMMU, so bus mastering is held while it runs, "
			"and firmware that drives the device (to boot from it, or an option ROM) "
			"waits for it for ever; where a guest hangs there, add the function with "
			"device_add when the guest runs, or attach with a --limit above the "
			"guest's memory");
	}
	return notes;
}

void qemu(const Context &context, const QemuOptions &options)
{
	const Attachment attachment = select_attachment(context, options.target);
	if (attachment.devices.empty()) {
		throw Error(Exit::not_found,
			    fmt::format("attachment {} has no functions: it is {}", attachment.id,
					state_name(attachment.state)),
			    attachment.state == RIOD_STATE_ATTACHING
				    ? "wait until it is connected ('riodctl monitor' shows it), or "
				      "detach it"
				    : "attach anew");
	}
	const std::string hostdevs = libvirt_hostdevs(context.sysfs, attachment);
	const std::string domain = libvirt_domain(context.sysfs, attachment, options.virtio_iommu);
	json list = json::array();

	for (const auto &[option, value] :
	     qemu_args(context.sysfs, attachment, options.virtio_iommu)) {
		list.push_back(option);
		list.push_back(value);
		if (!options.libvirt && !options.libvirt_domain)
			context.out.line(fmt::format("{} {}", option, value));
	}
	if (options.libvirt)
		context.out.line(hostdevs);
	if (options.libvirt_domain)
		context.out.line(domain);
	if (options.libvirt && attachment.devices.size() > 1) {
		context.out.note(
			"'virsh attach-device' takes one element: several functions go into "
			"the domain with 'virsh edit'");
	}
	for (const auto &note : guest_notes(attachment, options.virtio_iommu))
		context.out.note(note);
	context.out.document({{"id", attachment.id},
			      {"functions", attachment.devices},
			      {"arguments", list},
			      {"libvirt", hostdevs},
			      {"libvirt_domain", domain}});
}

} // namespace riodctl

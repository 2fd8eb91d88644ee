// SPDX-License-Identifier: GPL-2.0-only
// qemu-args: what to give QEMU or libvirt for an attachment.
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "objects.hpp"
#include "qemu.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

// Does an IOMMU group hold two of them?  QEMU then wants them in one address space.
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

std::string hostdev_xml(const PciAddress &address)
{
	return fmt::format("    <hostdev mode='subsystem' type='pci' managed='no'>\n"
			   "      <source>\n"
			   "        <address domain='{:#06x}' bus='{:#04x}' slot='{:#04x}' "
			   "function='{:#x}'/>\n"
			   "      </source>\n"
			   "    </hostdev>\n",
			   address.domain, address.bus, address.slot, address.function);
}

} // namespace

std::vector<std::pair<std::string, std::string>>
qemu_args(const Sysfs &sysfs, const std::vector<std::string> &devices, bool virtio_iommu)
{
	std::vector<std::pair<std::string, std::string>> args;
	const bool shared = share_group(sysfs, devices);
	unsigned int function = 0;

	if (virtio_iommu) {
		args.emplace_back("-machine", "q35,accel=kvm");
		args.emplace_back("-device", "virtio-iommu-pci");
	} else {
		// Interrupt remapping in the guest needs the split irqchip; caching mode makes
		// it tell of new mappings.
		args.emplace_back("-machine", "q35,accel=kvm,kernel-irqchip=split");
		args.emplace_back("-device", "intel-iommu,intremap=on,caching-mode=on");
	}
	// Behind a conventional bridge all functions have the bridge's address space.
	if (shared)
		args.emplace_back("-device", "pcie-pci-bridge,id=riod");
	for (const auto &device : devices) {
		std::string value = "vfio-pci,host=" + device;
		if (shared) {
			value += fmt::format(",bus=riod,addr=1.{}{}", function,
					     function == 0 ? ",multifunction=on" : "");
		}
		args.emplace_back("-device", value);
		function++;
	}
	return args;
}

std::string libvirt_xml(const std::vector<std::string> &devices, bool virtio_iommu)
{
	std::string hostdevs;

	for (const auto &device : devices) {
		if (const auto address = PciAddress::parse(device))
			hostdevs += hostdev_xml(*address);
	}
	if (virtio_iommu) {
		return fmt::format("  <devices>\n"
				   "    <iommu model='virtio'/>\n"
				   "{}"
				   "  </devices>",
				   hostdevs);
	}
	return fmt::format("  <features>\n"
			   "    <ioapic driver='qemu'/>\n"
			   "  </features>\n"
			   "  <devices>\n"
			   "    <iommu model='intel'>\n"
			   "      <driver intremap='on' caching_mode='on'/>\n"
			   "    </iommu>\n"
			   "{}"
			   "  </devices>",
			   hostdevs);
}

void qemu(const Context &context, const QemuOptions &options)
{
	const Attachment attachment = select_attachment(context, options.target);
	const std::string xml = libvirt_xml(attachment.devices, options.virtio_iommu);
	json list = json::array();

	for (const auto &[option, value] :
	     qemu_args(context.sysfs, attachment.devices, options.virtio_iommu)) {
		list.push_back(option);
		list.push_back(value);
		if (!options.libvirt)
			context.out.line(fmt::format("{} {}", option, value));
	}
	if (options.libvirt)
		context.out.line(xml);
	if (attachment.state == RIOD_STATE_LOST) {
		context.out.note(
			fmt::format("attachment {} is lost ({}); detach it and attach anew",
				    attachment.id, attachment.reason));
	}
	context.out.document({{"id", attachment.id},
			      {"functions", attachment.devices},
			      {"arguments", list},
			      {"libvirt", xml}});
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// detach: remove the virtual functions of an attachment.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "objects.hpp"

namespace riodctl {

namespace {

// "; it is open in qemu-system-x86 (pid 4242)", or nothing where no process is found
std::string holders(const Context &context, const Attachment &attachment)
{
	std::vector<std::string> found;

	for (const auto &device : attachment.devices) {
		const auto address = PciAddress::parse(device);
		if (!address)
			continue;
		for (auto &user : vfio_users(context.sysfs, PciDevice(context.sysfs, *address))) {
			// functions of one group have one node
			if (std::ranges::find(found, user) == found.end())
				found.push_back(std::move(user));
		}
	}
	return found.empty() ? "" : fmt::format("; it is open in {}", fmt::join(found, ", "));
}

} // namespace

void detach(const Context &context, const DetachOptions &options)
{
	const Attachment attachment = select_attachment(context, options.target);

	try {
		context.kernel.detach(attachment.id, options.force);
	} catch (const KernelError &error) {
		std::string remedy;
		if (error.err() == EBUSY) {
			remedy = "shut the guest down or unplug the device there (device_del), or "
				 "use --force: the guest sees the device vanish";
		}
		const Error plain = explain(fmt::format("detach attachment {} ({})", attachment.id,
							fmt::join(attachment.devices, ", ")),
					    error, remedy);
		if (error.err() != EBUSY)
			throw Error(plain);
		throw Error(plain.exit(), plain.what() + holders(context, attachment),
			    plain.remedy());
	}
	context.out.line(fmt::format("detached '{}' ({})", attachment.export_name,
				     fmt::join(attachment.devices, ", ")));
	context.out.document({{"id", attachment.id},
			      {"export", attachment.export_name},
			      {"functions", attachment.devices}});
}

} // namespace riodctl

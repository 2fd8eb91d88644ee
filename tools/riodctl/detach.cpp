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

// The processes that have a function open, as text; empty if none is found.
std::string holders(const Context &context, const Attachment &attachment)
{
	std::vector<std::string> found;

	for (const auto &device : attachment.devices) {
		const auto address = PciAddress::parse(device);
		if (!address)
			continue;
		for (auto &user : vfio_users(context.sysfs, PciDevice(context.sysfs, *address))) {
			// functions of a group share its node
			if (std::ranges::find(found, user) == found.end())
				found.push_back(std::move(user));
		}
	}
	return fmt::format("{}", fmt::join(found, ", "));
}

Removal remove(const Context &context, const Attachment &attachment, bool force,
	       const std::string &what)
{
	try {
		return context.kernel.detach(attachment.id, force);
	} catch (const KernelError &error) {
		const std::string who = holders(context, attachment);
		if (error.err() != EBUSY)
			throw explain(fmt::format("detach {}", what), error);
		const Error plain =
			explain(fmt::format("detach {}", what), error,
				"shut the guest down or unplug the device there (device_del), or "
				"use --force: the guest sees the device vanish");
		throw Error(plain.exit(),
			    who.empty() ? plain.what()
					: fmt::format("{}; it is open in {}", plain.what(), who),
			    plain.remedy());
	}
}

} // namespace

void detach(const Context &context, const DetachOptions &options)
{
	const Attachment attachment = select_attachment(context, options.target);
	const std::string what = fmt::format("attachment {} ({})", attachment.id,
					     fmt::join(attachment.devices, ", "));
	const Removal removal = remove(context, attachment, options.force, what);
	std::string who = removal == Removal::gone ? "" : holders(context, attachment);

	if (who.empty())
		who = "a process";
	if (removal == Removal::held) {
		throw Error(
			Exit::busy,
			fmt::format("the session of {} is over, but {} has the VFIO device open",
				    what, who),
			"end that process: the functions leave the bus when it closes the device");
	}
	if (removal == Removal::open) {
		context.out.line(fmt::format("cut off {}: the functions leave when {} closes them",
					     what, who));
	} else {
		context.out.line(fmt::format("detached '{}' ({})", attachment.export_name,
					     fmt::join(attachment.devices, ", ")));
	}
	context.out.document({{"id", attachment.id},
			      {"export", attachment.export_name},
			      {"functions", attachment.devices},
			      {"removed", removal == Removal::gone}});
}

} // namespace riodctl

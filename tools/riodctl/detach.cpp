// SPDX-License-Identifier: GPL-2.0-only
// detach: remove the virtual functions of an attachment.
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "objects.hpp"

namespace riodctl {

void detach(const Context &context, const DetachOptions &options)
{
	const Attachment attachment = select_attachment(context, options.target);

	try {
		context.kernel.detach(attachment.id, options.force);
	} catch (const KernelError &error) {
		std::string remedy;
		if (error.err() == EBUSY) {
			remedy = "shut the guest down or unplug the device there (device_del), or "
				 "use "
				 "--force: the guest sees the device vanish";
		}
		throw explain(fmt::format("detach attachment {} ({})", attachment.id,
					  fmt::join(attachment.devices, ", ")),
			      error, remedy);
	}
	context.out.line(fmt::format("detached '{}' ({})", attachment.export_name,
				     fmt::join(attachment.devices, ", ")));
	context.out.document({{"id", attachment.id},
			      {"export", attachment.export_name},
			      {"functions", attachment.devices}});
}

} // namespace riodctl

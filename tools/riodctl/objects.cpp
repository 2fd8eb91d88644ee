// SPDX-License-Identifier: GPL-2.0-only
#include "objects.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "error.hpp"
#include "pci.hpp"

namespace riodctl {

namespace {

// Returns nothing if the module is not loaded.
template <typename Fn>
auto dumped(Fn &&fn, const char *what) -> decltype(fn())
{
	try {
		return fn();
	} catch (const KernelError &error) {
		if (error.err() == EOPNOTSUPP || error.err() == ENODEV)
			return {};
		throw explain(fmt::format("list the {}", what), error);
	}
}

std::vector<Attachment> matching(const std::vector<Attachment> &all, const std::string &target)
{
	const std::string address = canonical_address(target);
	std::vector<Attachment> found;

	std::ranges::copy_if(all, std::back_inserter(found), [&](const Attachment &a) {
		return target.empty() || std::to_string(a.id) == target ||
		       holds(a.devices, address) || a.export_name == target ||
		       a.export_name == address;
	});
	return found;
}

std::vector<Export> matching(const std::vector<Export> &all, const std::string &target)
{
	const std::string address = canonical_address(target);
	std::vector<Export> found;

	std::ranges::copy_if(all, std::back_inserter(found), [&](const Export &e) {
		return target.empty() || e.name == target || e.name == address ||
		       holds(e.devices, address);
	});
	return found;
}

} // namespace

std::string canonical_address(const std::string &text)
{
	const auto address = PciAddress::parse(text);

	return address ? address->str() : text;
}

bool holds(const std::vector<std::string> &devices, const std::string &address)
{
	return std::ranges::find(devices, address) != devices.end();
}

Objects all_objects(const Context &context)
{
	if (!context.kernel.present())
		return {};
	return {.exports = dumped([&] { return context.kernel.exports(); }, "exports"),
		.attachments = dumped([&] { return context.kernel.attachments(); }, "attachments")};
}

void require_core(const Context &context)
{
	if (!context.kernel.present())
		context.modules.require("riod_core");
}

Objects select_objects(const Context &context, const std::string &target)
{
	const Objects all = all_objects(context);
	Objects found = {.exports = matching(all.exports, target),
			 .attachments = matching(all.attachments, target)};

	if (!target.empty() && found.exports.empty() && found.attachments.empty()) {
		throw Error(
			Exit::not_found,
			fmt::format("there is no export or attachment '{}' on this host", target),
			"see 'riodctl list'");
	}
	return found;
}

Export select_export(const Context &context, const std::string &target)
{
	const auto found = matching(all_objects(context).exports, target);

	if (found.empty()) {
		throw Error(Exit::not_found,
			    fmt::format("there is no export '{}' on this host", target),
			    "'riodctl list' shows those there are");
	}
	// an export's name takes precedence over the address of a function of another one
	const auto named =
		std::ranges::find_if(found, [&](const Export &e) { return e.name == target; });
	return named == found.end() ? found.front() : *named;
}

Attachment select_attachment(const Context &context, const std::string &target)
{
	const auto found = matching(all_objects(context).attachments, target);
	std::vector<std::uint32_t> ids;

	if (found.empty()) {
		throw Error(Exit::not_found,
			    fmt::format("there is no attachment '{}' on this host", target),
			    "see 'riodctl list'");
	}
	for (const auto &attachment : found) {
		// A number selects that attachment, even if an export has that name.
		if (std::to_string(attachment.id) == target)
			return attachment;
		ids.push_back(attachment.id);
	}
	if (found.size() > 1) {
		throw Error(Exit::usage,
			    fmt::format("'{}' is the name of several attachments", target),
			    fmt::format("name one by its number: {}", fmt::join(ids, ", ")));
	}
	return found.front();
}

} // namespace riodctl

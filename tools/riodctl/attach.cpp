// SPDX-License-Identifier: GPL-2.0-only
// attach: attaches the functions of an export of another host.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "attach.hpp"
#include "objects.hpp"
#include "qemu.hpp"
#include "remote.hpp"
#include "units.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

// Limits of lost-ms in the netlink spec.
constexpr std::uint64_t lost_min_ms = 100;
constexpr std::uint64_t lost_max_ms = 600000;

std::uint32_t parse_loss_timeout(const std::string &text)
{
	const std::uint64_t ms = parse_duration(text);

	if (ms < lost_min_ms || ms > lost_max_ms) {
		throw usage_error(fmt::format("--loss-timeout {} is out of range", text),
				  "give a time from 100ms to 10m");
	}
	return static_cast<std::uint32_t>(ms);
}

std::uint32_t parse_on_loss(const std::string &name)
{
	for (const std::uint32_t policy :
	     {RIOD_ON_LOSS_STALL, RIOD_ON_LOSS_REMOVE, RIOD_ON_LOSS_ERROR}) {
		if (on_loss_name(policy) == name)
			return policy;
	}
	throw usage_error(fmt::format("'{}' is no policy", name), "stall, remove or error");
}

constexpr const char *interrupted_text = "interrupted; nothing is attached";

// Exports of a peer that refused; they may show the reason.
std::optional<Remote> offers_of(const Context &context, const AttachRequest &request)
{
	try {
		return context.kernel.discover(request.host, request.port, request.transport);
	} catch (const KernelError &error) {
		if (error.err() == EINTR)
			throw Error(Exit::interrupted, interrupted_text);
		return std::nullopt;
	}
}

// Errors after which another request would only fail after the same time.
bool silent(const KernelError &error)
{
	return error.err() == ETIMEDOUT || error.err() == EHOSTUNREACH ||
	       error.err() == ENETUNREACH || error.err() == EPERM || error.err() == ENOMEM;
}

// For options that this host refuses after the peer has agreed.  The state of the export is not
// the reason: it is "busy" for a moment because of this attempt.
std::optional<Error> refused_here(const AttachRequest &request, std::string_view action,
				  const KernelError &error)
{
	const std::string_view text = error.what();

	if (request.profile && text.find("profile has that name") != std::string_view::npos) {
		return explain(action, error, "leave out --profile, or take one of these");
	}
	if (request.shadow_bars != 0 && text.starts_with("BAR ")) {
		return explain(
			action, error,
			"give --shadow-bar only BARs of memory that 'lspci -v' shows for the "
			"device on the server host");
	}
	return std::nullopt;
}

// True if the peer refused according to the text, or if there is no text.
bool by_peer(const KernelError &error)
{
	const std::string_view text = error.what();

	return text.empty() || text.find("refused: ") != std::string_view::npos;
}

// The peer as an argument of a command.
std::string reached(const AttachRequest &request)
{
	if (request.transport != default_transport)
		return url_str(request.transport, request.host, request.port);
	return endpoint_str(request.host, request.port);
}

std::string action(const AttachRequest &request)
{
	if (request.export_name.empty())
		return "attach";
	return fmt::format("attach '{}'", request.export_name);
}

// The names of exports, for one line.
std::string names_of(const std::vector<Offer> &offers)
{
	constexpr std::size_t most = 8;
	std::vector<std::string> names;

	for (const auto &offer : offers) {
		if (names.size() == most) {
			names.emplace_back("...");
			break;
		}
		names.push_back(offer.name);
	}
	return fmt::format("{}", fmt::join(names, ", "));
}

// The errno is the same for all refusals of a peer; its exports show more.
Error refused(const Context &context, const AttachRequest &request, const KernelError &error)
{
	const std::string peer = endpoint_str(request.host, request.port);
	const std::string what = action(request);
	Error plain = explain_peer(what, peer, error);
	if (const auto here = refused_here(request, what, error))
		return *here;
	const auto remote =
		silent(error) || !by_peer(error) ? std::nullopt : offers_of(context, request);

	if (!remote || remote->offers.empty())
		return plain;
	const auto &offers = remote->offers;
	const auto found = std::ranges::find_if(offers, [&](const Offer &offer) {
		return offer.name == request.export_name ||
		       (request.export_name.empty() && offers.size() == 1);
	});
	if (found != offers.end()) {
		return {found->busy ? Exit::busy : plain.exit(), plain.what(),
			found->busy ? "detach it on the host that has it, or have the server host "
				      "take it back: riodctl unbind --force"
				    : plain.remedy()};
	}
	context.out.line(offers_table(*remote));
	const std::string remedy =
		fmt::format("riodctl attach {} {}", reached(request), offers.front().name);
	if (request.export_name.empty()) {
		return {Exit::usage,
			fmt::format("{} has {} exports, and none was named: {}", peer,
				    remote->total, names_of(offers)),
			remedy};
	}
	return {Exit::not_found, fmt::format("{} has no export '{}'", peer, request.export_name),
		remedy};
}

// Refusals of a peer may pass, even "not allowed" and "no such export": a server host that was
// restarted has one export after the other.  So may the state of this host's network: a firewall
// that is loaded forbids connections (EPERM), an RDMA device comes late (ENODEV).
bool is_lasting(const AttachRequest &request, const KernelError &error, const Error &explained)
{
	const std::string_view text = error.what();

	if (explained.exit() == Exit::usage || refused_here(request, {}, error))
		return true;
	if (error.err() == EPROTONOSUPPORT) // the version, or the transport
		return true;
	if (text.find(" refused: ") != std::string_view::npos)
		return false;
	// no text: the command itself was not permitted
	if (error.err() == EPERM)
		return text.empty();
	return error.err() == EINVAL || error.err() == ERANGE;
}

// The attachment as the kernel reports it, or else from @result.  Throws nothing: it is attached,
// whatever goes wrong now.
Attachment attachment_of(const Context &context, const AttachResult &result)
{
	try {
		for (const auto &attachment : all_objects(context).attachments) {
			if (attachment.id == result.id)
				return attachment;
		}
	} catch (const Error &) { // NOLINT(bugprone-empty-catch)
	}
	Attachment attachment;
	attachment.id = result.id;
	attachment.devices = result.devices;
	return attachment;
}

void show_attached(const Context &context, const AttachRequest &request, const AttachResult &result)
{
	context.out.line(fmt::format("attached '{}' of {} as attachment {}:", result.export_name,
				     endpoint_str(request.host, request.port), result.id));
	for (const auto &device : result.devices) {
		const auto address = PciAddress::parse(device);
		context.out.line(
			"  " + (address ? PciDevice(context.sysfs, *address).describe() : device));
	}
	context.out.line("QEMU arguments (the guest must use its vIOMMU; more: riodctl qemu-args "
			 "--help):");
	for (const auto &[option, value] :
	     qemu_args(context.sysfs, attachment_of(context, result), false))
		context.out.line(fmt::format("  {} {}", option, value));
	context.out.document(attached_json(context, request, result));
}

} // namespace

AttachRequest attach_request(const Endpoint &endpoint, const AttachOptions &options)
{
	AttachRequest request;

	request.port = endpoint.port;
	request.transport = endpoint.transport;
	request.export_name = canonical_address(options.export_name);
	if (!options.limit.empty())
		request.limit = parse_size(options.limit);
	if (!options.profile.empty())
		request.profile = options.profile;
	for (const unsigned bar : options.shadow_bars)
		request.shadow_bars |= 1U << bar;
	request.sync_writes = options.sync_writes;
	if (!options.on_loss.empty())
		request.on_loss = parse_on_loss(options.on_loss);
	if (!options.loss_timeout.empty())
		request.lost_ms = parse_loss_timeout(options.loss_timeout);
	if (request.export_name.size() > 63)
		throw usage_error("the name of an export has at most 63 bytes");
	if (options.profile.size() > 31)
		throw usage_error("the name of a profile has at most 31 bytes");
	return request;
}

AttachResult attach_once(const Context &context, AttachRequest &request,
			 const std::vector<std::string> &addresses, bool again)
{
	for (std::size_t i = 0; i < addresses.size(); i++) {
		request.host = addresses[i];
		const std::string peer = endpoint_str(request.host, request.port);
		try {
			return context.kernel.attach(request, [&] {
				if (!again) {
					context.out.note(fmt::format(
						"waiting for {}; Ctrl-C gives up", peer));
				}
			});
		} catch (const KernelError &error) {
			if (error.err() == EINTR) {
				throw Error(Exit::interrupted,
					    *error.what() ? error.what() : interrupted_text);
			}
			if (error.err() == ECANCELED) {
				throw AttachError({Exit::interrupted, error.what()},
						  Outlook::detached);
			}
			const Error plain = explain_peer(action(request), peer, error);
			if (i + 1 == addresses.size() || plain.exit() != Exit::unreachable) {
				const Error whole = again && !request.export_name.empty()
							    ? plain
							    : refused(context, request, error);
				throw AttachError(whole, is_lasting(request, error, whole)
								 ? Outlook::lasting
								 : Outlook::passing);
			}
			if (!again)
				context.out.note(plain.what());
		}
	}
	throw AttachError({Exit::not_found, "the name has no address"}, Outlook::passing);
}

json attached_json(const Context &context, const AttachRequest &request, const AttachResult &result)
{
	json list = json::array();

	for (const auto &[option, value] :
	     qemu_args(context.sysfs, attachment_of(context, result), false)) {
		list.push_back(option);
		list.push_back(value);
	}
	return {{"id", result.id},
		{"export", result.export_name},
		{"functions", result.devices},
		{"host", request.host},
		{"port", request.port},
		{"transport", request.transport},
		{"qemu_args", list}};
}

void attach(const Context &context, const AttachOptions &options)
{
	const Endpoint endpoint = Endpoint::parse(options.host);
	AttachRequest request = attach_request(endpoint, options);

	if (options.persist) {
		persist(context, endpoint, request);
		return;
	}
	const auto addresses = context.probes.resolve(endpoint.host);
	context.modules.require("riod_frontend");
	context.modules.transport(request.transport, false);
	const AttachResult result = attach_once(context, request, addresses, false);
	show_attached(context, request, result);
}

} // namespace riodctl

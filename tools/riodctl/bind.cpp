// SPDX-License-Identifier: GPL-2.0-only
// bind: takes functions from this host's drivers and, with --export, offers them to peers.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "allow.hpp"
#include "bind_checks.hpp"
#include "binder.hpp"
#include "interrupt.hpp"
#include "net.hpp"
#include "objects.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

// RIOD_FUNCS_MAX of the modules
constexpr std::size_t functions_max = 8;
// RIOD_EXPORT_TRANSPORTS_MAX
constexpr std::size_t transports_max = 4;

// The parsed command; nothing was looked up yet.
struct Plan {
	std::vector<PciAddress> functions;
	ExportRequest request;
};

std::vector<PciAddress> parse_addresses(const std::vector<std::string> &texts)
{
	std::vector<PciAddress> functions;

	for (const auto &text : texts) {
		const auto address = PciAddress::parse(text);
		if (!address) {
			throw usage_error(fmt::format("'{}' is not a PCI address", text),
					  "write it as 'lspci -D' does: 0000:03:00.0");
		}
		if (std::ranges::find(functions, *address) == functions.end())
			functions.push_back(*address);
	}
	return functions;
}

// Without names, the default.
std::vector<std::string> parse_transports(const std::vector<std::string> &names)
{
	std::vector<std::string> transports;

	for (const auto &name : names) {
		check_transport_name(name);
		if (!holds(transports, name))
			transports.push_back(name);
	}
	if (transports.size() > transports_max) {
		throw usage_error(
			fmt::format("an export has at most {} transports", transports_max));
	}
	return transports.empty() ? ExportRequest().transports : transports;
}

Plan parse(const Context &context, const BindOptions &options)
{
	Plan plan;

	plan.functions = parse_addresses(options.addresses);
	plan.request.name = options.name;
	plan.request.allow = parse_networks(context, options.allow);
	plan.request.no_reset = options.no_reset;
	plan.request.port = options.port;
	plan.request.transports = parse_transports(options.transports);
	for (const auto &address : plan.functions)
		plan.request.devices.push_back(address.str());
	if (options.name.size() > 63)
		throw usage_error("an export name has at most 63 bytes");
	if (!std::ranges::all_of(options.name, [](unsigned char c) { return c > ' ' && c < 0x7f; }))
		throw usage_error("an export name must be ASCII without blanks");
	if (plan.functions.size() > functions_max && options.exported)
		throw usage_error(fmt::format("an export has at most {} functions", functions_max));
	return plan;
}

// A single refusal is printed as it is; several are a list, each with its remedy.
[[noreturn]] void throw_refusals(const std::vector<Refusal> &refusals, bool final)
{
	const bool busy = std::ranges::any_of(
		refusals, [](const Refusal &r) { return r.exit == Exit::busy; });
	std::string message = refusals.front().message();
	std::string remedy = refusals.front().remedy;

	for (std::size_t i = 1; i < refusals.size(); i++) {
		message += "; " + refusals[i].message();
		if (remedy.find(refusals[i].remedy) == std::string::npos)
			remedy += "; " + refusals[i].remedy;
	}
	if (busy && !final)
		remedy += "; or override with --force, which breaks that use";
	throw Error(busy ? Exit::busy : refusals.front().exit, message, remedy);
}

std::vector<Cidr> sorted(std::vector<Cidr> allow)
{
	std::ranges::sort(allow);
	return allow;
}

std::vector<std::string> sorted(std::vector<std::string> names)
{
	std::ranges::sort(names);
	return names;
}

constexpr std::string_view allow_list = "allow list";

// Describes how an existing export differs from @wanted; empty if it does not.
std::string difference(const Export &have, const ExportRequest &wanted)
{
	std::vector<std::string> differs;

	if (sorted(have.devices) != sorted(wanted.devices))
		differs.emplace_back("functions");
	if (!wanted.name.empty() && have.name != wanted.name)
		differs.emplace_back("name");
	if (sorted(have.allow) != sorted(wanted.allow))
		differs.emplace_back(allow_list);
	if (have.port != wanted.port)
		differs.emplace_back("port");
	if (sorted(have.transports) != sorted(wanted.transports))
		differs.emplace_back("transport");
	return fmt::format("{}", fmt::join(differs, ", "));
}

// The command that changes an existing export to @wanted.
std::string way_to(const Export &have, const ExportRequest &wanted, const std::string &differs)
{
	if (differs != allow_list)
		return fmt::format("riodctl unbind {}, then bind again", have.name);
	return fmt::format("riodctl allow {} {}", have.name,
			   wanted.allow.empty() ? "--clear" : networks_str(wanted.allow, " "));
}

// The export that already has one of the functions, if it is as wanted.
std::optional<Export> existing_export(const std::vector<Export> &exports,
				      const ExportRequest &wanted)
{
	for (const auto &have : exports) {
		const bool shares =
			std::ranges::any_of(wanted.devices, [&](const std::string &device) {
				return holds(have.devices, device);
			});
		if (!shares)
			continue;
		const std::string differs = difference(have, wanted);
		if (differs.empty())
			return have;
		throw Error(Exit::busy,
			    fmt::format("{} is exported already as '{}', with another {}",
					fmt::join(wanted.devices, ", "), have.name, differs),
			    way_to(have, wanted, differs));
	}
	return std::nullopt;
}

void check_name(const std::vector<Export> &exports, const ExportRequest &wanted)
{
	const std::string name = wanted.name.empty() ? wanted.devices.front() : wanted.name;
	const auto found = std::ranges::find_if(
		exports, [&](const Export &have) { return have.name == name; });

	if (found != exports.end()) {
		throw Error(Exit::failed,
			    fmt::format("an export '{}' already exists: {}", name,
					fmt::join(found->devices, ", ")),
			    "choose another name with --name");
	}
}

// The port may be in use by riod for another export, but not by another program.
void check_port(const Context &context, const std::vector<Export> &exports,
		const ExportRequest &wanted)
{
	const bool ours = std::ranges::any_of(exports, [&](const Export &have) {
		return have.port == wanted.port && holds(have.transports, default_transport);
	});

	// port_free() checks TCP ports only
	if (!ours && holds(wanted.transports, default_transport) &&
	    !context.probes.port_free(wanted.port)) {
		throw Error(Exit::busy,
			    fmt::format("TCP port {} is used by another program", wanted.port),
			    "choose another one with --port, here and at 'riodctl attach'");
	}
}

// Returns the export if it already exists; throws if it is known that it cannot be made.
std::optional<Export> check_export(const Context &context, const ExportRequest &request)
{
	const auto exports = all_objects(context).exports;
	auto have = existing_export(exports, request);

	if (!have) {
		check_name(exports, request);
		check_port(context, exports, request);
	}
	return have;
}

void check_permission(const Context &context, const Plan &plan)
{
	for (const auto &address : plan.functions) {
		const PciDevice device(context.sysfs, address);
		if (device.driver() != stub_driver &&
		    !context.sysfs.writable(device.dir() / "driver_override")) {
			throw Error(Exit::permission,
				    fmt::format("no permission to take {} from its driver",
						device.name()),
				    "run riodctl as root");
		}
	}
}

// All checks that are possible before the first function is taken from its driver; --dry-run
// ends after them.  Returns the wanted export if it already exists.
std::optional<Export> check(const Context &context, const Plan &plan, const BindOptions &options)
{
	check_possible(context.sysfs, plan.functions);
	const auto refusals =
		find_refusals(context.sysfs, context.probes, plan.functions, options.no_reset);
	// --force does not help here: the modules refuse to export it
	const bool final = options.exported && std::ranges::any_of(refusals, [](const Refusal &r) {
				   return r.isolation;
			   });
	if (!refusals.empty() && (final || !options.force))
		throw_refusals(refusals, final);
	for (const auto &refusal : refusals)
		context.out.note("forced: " + refusal.message());
	check_permission(context, plan);
	if (options.dry_run) {
		context.modules.check(stub_driver);
	} else {
		context.modules.require(stub_driver);
	}
	if (!options.exported)
		return std::nullopt;
	for (const auto &transport : plan.request.transports)
		context.modules.transport(transport, options.dry_run);
	return check_export(context, plan.request);
}

Error export_refused(const ExportRequest &request, const KernelError &error)
{
	std::string remedy;

	if (error.err() == EOPNOTSUPP && std::string(error.what()).empty())
		remedy = "riod_stub is not loaded: modprobe riod_stub";
	return explain(fmt::format("export {}", fmt::join(request.devices, ", ")), error, remedy);
}

// Returns the export's name.
std::string make_export(const Context &context, const ExportRequest &request,
			const std::optional<Export> &have)
{
	if (have) {
		context.out.note(fmt::format("it is exported already, as '{}'", have->name));
		return have->name;
	}
	try {
		return context.kernel.export_new(request);
	} catch (const KernelError &error) {
		throw export_refused(request, error);
	}
}

// The functions that riod_stub does not have yet.
std::vector<PciAddress> to_take(const Context &context, const std::vector<PciAddress> &functions)
{
	std::vector<PciAddress> found;

	for (const auto &address : functions) {
		if (PciDevice(context.sysfs, address).driver() == stub_driver) {
			context.out.note(
				fmt::format("{} is bound to riod_stub already", address.str()));
		} else {
			found.push_back(address);
		}
	}
	return found;
}

json describe_functions(const Context &context, const Plan &plan)
{
	json functions = json::array();

	for (const auto &address : plan.functions) {
		const PciDevice device(context.sysfs, address);
		json one = to_json(device.identity());
		const auto driver = device.driver();
		one["address"] = device.name();
		one["driver_before"] = driver ? json(*driver) : json();
		functions.push_back(one);
		if (driver != stub_driver) {
			context.out.line(fmt::format("{}: {} -> {}", device.describe(),
						     driver.value_or("no driver"), stub_driver));
		}
	}
	return functions;
}

void show_exported(const Context &context, const ExportRequest &request, const std::string &name)
{
	context.out.line(fmt::format("exported as '{}' on {} port {}", name,
				     fmt::join(request.transports, " and "), request.port));
	// the kernel listens on adapters that come later, too
	if (holds(request.transports, "rdma") && context.sysfs.list("sys/class/infiniband").empty())
		context.out.note(fmt::format("this host has no RDMA device yet; {}", rdma_remedy));
	if (request.allow.empty()) {
		context.out.note(fmt::format("only peers on this host (loopback) may attach; let "
					     "others in with 'riodctl allow {} CIDR', for example "
					     "192.0.2.0/24",
					     name));
	} else {
		context.out.line(fmt::format("peers that may attach: {}",
					     networks_str(request.allow, ", ")));
	}
}

std::string carry_out(const Context &context, const Plan &plan, bool exported,
		      const std::optional<Export> &have)
{
	const InterruptGuard guard;
	Rebind rebind(context.sysfs);
	std::string name;

	try {
		rebind.take(to_take(context, plan.functions));
		if (exported)
			name = make_export(context, plan.request, have);
	} catch (const Error &) {
		for (const auto &said : rebind.roll_back())
			context.out.note(said);
		throw;
	}
	rebind.commit();
	return name;
}

} // namespace

void bind(const Context &context, const BindOptions &options)
{
	const Plan plan = parse(context, options);
	json document = {{"export", json()}, {"dry_run", options.dry_run}};

	const auto have = check(context, plan, options);
	document["functions"] = describe_functions(context, plan);
	if (!options.dry_run) {
		const std::string name = carry_out(context, plan, options.exported, have);
		if (options.exported) {
			show_exported(context, plan.request, name);
			document["export"] = name;
		}
	} else {
		context.out.note("nothing was changed (--dry-run)");
	}
	context.out.document(document);
}

} // namespace riodctl

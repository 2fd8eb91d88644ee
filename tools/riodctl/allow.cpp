// SPDX-License-Identifier: GPL-2.0-only
// allow: show or change which peers may attach an export.
#include "allow.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "net.hpp"
#include "objects.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

// RIOD_ALLOW_MAX of the modules
constexpr std::size_t allow_max = 64;

void check_usage(const AllowOptions &options)
{
	const std::string_view remedy = "riodctl allow --help";

	if (options.clear && !options.networks.empty()) {
		throw usage_error("--clear leaves no network in the list, and some were named",
				  std::string(remedy));
	}
	if ((options.add || options.remove) && options.networks.empty()) {
		throw usage_error(
			fmt::format("--{} needs a network", options.add ? "add" : "remove"),
			std::string(remedy));
	}
	if (options.force && options.networks.empty() && !options.clear)
		throw usage_error("--force needs a change of the list", std::string(remedy));
}

bool changes(const AllowOptions &options)
{
	return options.clear || !options.networks.empty();
}

riod_allow_op op_of(const AllowOptions &options)
{
	if (options.add)
		return RIOD_ALLOW_OP_ADD;
	return options.remove ? RIOD_ALLOW_OP_REMOVE : RIOD_ALLOW_OP_REPLACE;
}

Error refused(const std::string &name, const KernelError &error)
{
	std::string remedy;

	// the export was found a moment ago, so ENOENT is about the network
	if (error.err() == ENOENT) {
		remedy = fmt::format("--remove takes networks as they are in the list: riodctl "
				     "allow {}",
				     name);
	}
	return explain(fmt::format("change the allow list of '{}'", name), error, remedy);
}

// The command that ends the session of a peer that is not in the current list.
std::string eviction(const Export &exported)
{
	return fmt::format("riodctl allow {} {} --force", exported.name,
			   exported.allow.empty() ? "--clear" : networks_str(exported.allow, " "));
}

void show_allowed(const Context &context, const Export &exported, const std::string &peer)
{
	json allow = json::array();

	for (const auto &cidr : exported.allow)
		allow.push_back(cidr_str(cidr));
	context.out.line(fmt::format("peers that may attach '{}': {}", exported.name,
				     exported.allow.empty() ? "those on this host (loopback)"
							    : networks_str(exported.allow, ", ")));
	if (!peer.empty()) {
		context.out.note(fmt::format(
			"{} is attached, and stays although the list no longer has it; this ends "
			"its session: {}",
			peer, eviction(exported)));
	}
	context.out.document({{"export", exported.name},
			      {"allow", allow},
			      {"peer_not_allowed", peer.empty() ? json() : json(peer)}});
}

} // namespace

std::vector<Cidr> parse_networks(const Context &context, const std::vector<std::string> &texts)
{
	std::vector<Cidr> networks;

	for (const auto &text : texts) {
		bool masked = false;
		const Cidr cidr = parse_cidr(text, &masked);
		if (masked)
			context.out.note(fmt::format("{} is taken as {}", text, cidr_str(cidr)));
		if (std::ranges::find(networks, cidr) == networks.end())
			networks.push_back(cidr);
	}
	if (networks.size() > allow_max)
		throw usage_error(fmt::format("an allow list has at most {} networks", allow_max));
	return networks;
}

std::string networks_str(const std::vector<Cidr> &networks, std::string_view separator)
{
	std::vector<std::string> texts;

	texts.reserve(networks.size());
	for (const auto &cidr : networks)
		texts.push_back(cidr_str(cidr));
	return fmt::format("{}", fmt::join(texts, separator));
}

void allow(const Context &context, const AllowOptions &options)
{
	check_usage(options);
	const auto networks = parse_networks(context, options.networks);
	Export exported = select_export(context, options.target);
	std::string peer;

	if (changes(options)) {
		try {
			peer = context.kernel.export_set({.name = exported.name,
							  .op = op_of(options),
							  .allow = networks,
							  .force = options.force});
		} catch (const KernelError &error) {
			throw refused(exported.name, error);
		}
		exported = select_export(context, exported.name);
	}
	show_allowed(context, exported, peer);
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
#include "output.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iomanip>
#include <ostream>
#include <sstream>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "net.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

// Text from a peer or a driver may contain any bytes, but JSON must be valid UTF-8.
std::string dump(const json &object, int indent)
{
	return object.dump(indent, ' ', false, json::error_handler_t::replace);
}

// Removes control characters, so that such text cannot control the terminal.
std::string printable(std::string_view text)
{
	std::string safe(text);

	std::ranges::replace_if(
		safe,
		[](unsigned char c) { return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f; },
		'?');
	return safe;
}

} // namespace

void Output::line(std::string_view text)
{
	if (!json_)
		out_ << printable(text) << '\n';
}

void Output::note(const std::string &text)
{
	if (json_ && !streaming_) {
		notes_.push_back(text);
	} else {
		err_ << "note: " << printable(text) << '\n';
	}
}

void Output::document(const json &object)
{
	if (!json_)
		return;
	json whole = object;
	if (!streaming_)
		whole["notes"] = notes_;
	notes_.clear();
	out_ << dump(whole, streaming_ ? -1 : 2) << '\n' << std::flush;
}

void Output::record(std::string_view text, const json &object)
{
	streaming_ = true;
	if (json_) {
		out_ << dump(object, -1) << '\n' << std::flush;
	} else {
		out_ << printable(text) << '\n' << std::flush;
	}
}

void Output::event(std::string_view text, json object)
{
	const auto now = std::chrono::system_clock::now();
	const auto ms =
		std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch())
			.count();
	const std::time_t seconds = ms / 1000;

	object["time"] = fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(seconds), ms % 1000);
	record(fmt::format("{:%T}.{:03} {}", fmt::localtime(seconds), ms % 1000, text), object);
}

void Output::error(const Error &error)
{
	if (*error.what() == '\0')
		return;
	// Also with --json: a program reads standard output, people read standard error.
	err_ << "riodctl: " << printable(error.what()) << '\n';
	if (!error.remedy().empty())
		err_ << "  try: " << printable(error.remedy()) << '\n';
	document({{"error",
		   {{"message", error.what()},
		    {"remedy", error.remedy()},
		    {"exit", static_cast<int>(error.exit())}}}});
}

std::string table(const std::vector<std::vector<std::string>> &rows)
{
	std::vector<std::size_t> widths;
	std::string text;

	for (const auto &row : rows) {
		widths.resize(std::max(widths.size(), row.size()));
		for (std::size_t i = 0; i < row.size(); i++)
			widths[i] = std::max(widths[i], row[i].size());
	}
	for (const auto &row : rows) {
		std::string line;
		for (std::size_t i = 0; i < row.size(); i++)
			line += fmt::format("{:<{}}  ", row[i], widths[i]);
		line.erase(line.find_last_not_of(' ') + 1);
		text += (text.empty() ? "" : "\n") + line;
	}
	return text;
}

std::string cut(const std::string &line, std::size_t width)
{
	if (width == 0 || line.size() <= width)
		return line;
	return line.substr(0, width - 3) + "...";
}

std::string wrapped(const std::string &text, std::size_t width, std::size_t indent)
{
	const std::string margin(indent, ' ');
	std::istringstream words(text);
	std::string whole;
	std::string line = margin;
	std::string word;

	while (words >> word) {
		if (width != 0 && line.size() > indent && line.size() + 1 + word.size() > width) {
			whole += line + '\n';
			line = margin;
		}
		line += (line.size() > indent ? " " : "") + word;
	}
	return whole + line;
}

json to_json(const Identity &identity)
{
	return {{"vendor", fmt::format("{:#06x}", identity.vendor)},
		{"device_id", fmt::format("{:#06x}", identity.device)},
		{"class", fmt::format("{:#08x}", identity.class_code)}};
}

json to_json(const Stats &stats)
{
	json object = json::object();

	for (const auto &field : stat_fields())
		object[std::string(field.key)] = stats[field.attr];
	return object;
}

json to_json(const Export &exported)
{
	json object = to_json(exported.identity);
	json allow = json::array();

	for (const auto &cidr : exported.allow)
		allow.push_back(cidr_str(cidr));
	object["name"] = exported.name;
	object["functions"] = exported.devices;
	object["allow"] = allow;
	object["port"] = exported.port;
	object["transports"] = exported.transports;
	object["state"] = state_name(exported.state);
	object["peer"] = exported.peer.empty() ? json() : json(exported.peer);
	object["peer_transport"] =
		exported.peer_transport.empty() ? json() : json(exported.peer_transport);
	object["reset"] = exported.resettable;
	object["bus_master"] = bus_master_name(exported.bus_master);
	object["fence_ns"] = exported.fence_ns ? json(*exported.fence_ns) : json();
	object["breaks"] = exported.stats[RIOD_A_STATS_BREAKS];
	return object;
}

json to_json(const Attachment &attachment)
{
	json object = to_json(attachment.identity);

	object["id"] = attachment.id;
	object["host"] = attachment.host;
	object["port"] = attachment.port;
	object["transport"] = attachment.transport;
	object["export"] = attachment.export_name;
	object["functions"] = attachment.devices;
	object["state"] = state_name(attachment.state);
	object["reason"] = attachment.reason.empty() ? json() : json(attachment.reason);
	object["in_use"] = attachment.in_use;
	object["bus_master"] = bus_master_name(attachment.bus_master);
	object["mapped_ro"] = attachment.mapped_ro;
	object["mapped_rw"] = attachment.mapped_rw;
	object["limit"] = attachment.limit;
	object["peer_limit"] = attachment.peer_limit;
	object["profile"] = attachment.profile.empty() ? json() : json(attachment.profile);
	object["shadow_bars"] = bar_numbers(attachment.shadow_bars);
	object["shadowed"] = attachment.shadowed;
	object["iova_last"] = attachment.iova_last ? json(*attachment.iova_last) : json();
	object["sync_writes"] = attachment.sync_writes;
	object["on_loss"] = attachment.on_loss ? json(on_loss_name(*attachment.on_loss)) : json();
	object["lost_ms"] = attachment.lost_ms ? json(*attachment.lost_ms) : json();
	object["breaks"] = attachment.stats[RIOD_A_STATS_BREAKS];
	return object;
}

json to_json(const Offer &offer)
{
	json object = to_json(offer.identity);

	object["name"] = offer.name;
	object["subvendor"] = fmt::format("{:#06x}", offer.subvendor);
	object["subdevice"] = fmt::format("{:#06x}", offer.subdevice);
	object["functions"] = offer.functions;
	object["busy"] = offer.busy;
	return object;
}

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// stats: prints the counters of exports and attachments.
#include <array>
#include <chrono>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "interrupt.hpp"
#include "objects.hpp"
#include "units.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

struct Counted {
	std::string title; // "export nvme0 (tcp, rdma)"
	json key;          // {"export": "nvme0", "transports": ["tcp", "rdma"]}
	Stats stats;
};

std::vector<Counted> counted(const Objects &objects)
{
	std::vector<Counted> all;

	all.reserve(objects.exports.size() + objects.attachments.size());
	for (const auto &e : objects.exports) {
		all.push_back({fmt::format("export {} ({})", e.name, fmt::join(e.transports, ", ")),
			       {{"export", e.name}, {"transports", e.transports}},
			       e.stats});
	}
	for (const auto &a : objects.attachments) {
		all.push_back(
			{fmt::format("attachment {} ({}, {})", a.id, a.export_name, a.transport),
			 {{"attachment", a.id}, {"transport", a.transport}},
			 a.stats});
	}
	return all;
}

json to_json(const Counted &counted)
{
	json object = counted.key;

	object["stats"] = to_json(counted.stats);
	return object;
}

std::string counters_text(const Counted &counted)
{
	std::string text = counted.title;

	// fields are in the order of attributes, where new ones are appended; so collect each group
	for (const std::string_view group : {"link", "memory", "device", "limits"}) {
		text += fmt::format("\n  {}:", group);
		for (const auto &f : stat_fields()) {
			if (f.group != group)
				continue;
			text += fmt::format("\n    {:<14}{:>16}  {}", f.key, counted.stats[f.attr],
					    f.doc);
		}
	}
	return text;
}

// Only counters that changed: counter, value, rate.
std::string all_moved_text(const Counted &now, const Stats &before, double seconds)
{
	std::string text = now.title + ":";

	for (const auto &f : stat_fields()) {
		const std::uint64_t value = now.stats[f.attr];
		// A new session starts at 0.
		const std::uint64_t old = before[f.attr] > value ? 0 : before[f.attr];
		if (value != old) {
			text += fmt::format(" {} +{} ({:.0f}/s)", f.key, value - old,
					    static_cast<double>(value - old) / seconds);
		}
	}
	return text.back() == ':' ? text + " idle" : text;
}

// A line of the summary.
struct Line {
	std::string_view name;
	int attr;
	bool bytes;
};

// NOLINTBEGIN(modernize-use-designated-initializers): a table, every row alike
constexpr std::array<Line, 11> summary = {{
	{"network sent", RIOD_A_STATS_TX_BYTES, true},
	{"network received", RIOD_A_STATS_RX_BYTES, true},
	{"memory sent", RIOD_A_STATS_SENT, true},
	{"memory received", RIOD_A_STATS_APPLIED, true},
	{"memory compared", RIOD_A_STATS_SCANNED, true},
	{"register reads", RIOD_A_STATS_REG_READS, false},
	{"register writes", RIOD_A_STATS_REG_WRITES, false},
	{"config accesses", RIOD_A_STATS_CFG_READS, false},
	{"interrupts", RIOD_A_STATS_IRQS, false},
	{"pages mapped", RIOD_A_STATS_MAPS, false},
	{"cuts sent", RIOD_A_STATS_CUTS_SENT, false},
}};

// Printed only if not 0.
constexpr std::array<std::pair<int, std::string_view>, 5> warnings = {{
	{RIOD_A_STATS_FORCED, "forced cuts: data may be corrupt (rule 9)"},
	{RIOD_A_STATS_FREE_RUNNING, "restless granules, left out of comparisons (rule 9)"},
	{RIOD_A_STATS_DENIED, "accesses dropped by the stub's filter"},
	{RIOD_A_STATS_BREAKS, "breaks of the connection, after which the session went on"},
	{RIOD_A_STATS_THROTTLED, "events that had to wait: the network is too slow for them"},
}};
// NOLINTEND(modernize-use-designated-initializers)

// Increase since @before; a new session starts at 0.
std::uint64_t moved(const Stats &now, const Stats &before, int attr)
{
	return before[attr] > now[attr] ? now[attr] : now[attr] - before[attr];
}

std::string total_text(std::uint64_t value, bool bytes)
{
	return bytes ? size_str(value) : std::to_string(value);
}

std::string rate_text(std::uint64_t value, double seconds, bool bytes)
{
	const double rate = static_cast<double>(value) / seconds;

	if (bytes)
		return size_str(static_cast<std::uint64_t>(rate)) + "/s";
	return fmt::format("{:.{}f}/s", rate, rate > 0 && rate < 10 ? 1 : 0);
}

std::string summary_text(const Counted &now, const Stats &before, double seconds)
{
	std::string text = fmt::format("{:<30}{:>14}{:>14}", now.title, "total", "now");

	for (const auto &line : summary) {
		text += fmt::format(
			"\n  {:<28}{:>14}{:>14}", line.name,
			total_text(now.stats[line.attr], line.bytes),
			rate_text(moved(now.stats, before, line.attr), seconds, line.bytes));
	}
	for (const auto &[attr, meaning] : warnings) {
		if (now.stats[attr] != 0)
			text += fmt::format("\n  warning: {} {}", now.stats[attr], meaning);
	}
	return text;
}

// One line with all rates that are not 0.
std::string rates_text(const Counted &now, const Stats &before, double seconds)
{
	std::string text = now.title + ":";

	for (const auto &line : summary) {
		const std::uint64_t value = moved(now.stats, before, line.attr);
		if (value != 0) {
			text += fmt::format("{} {} {}", text.back() == ':' ? "" : ",", line.name,
					    rate_text(value, seconds, line.bytes));
		}
	}
	if (text.back() == ':')
		text += " idle";
	if (const auto forced = moved(now.stats, before, RIOD_A_STATS_FORCED); forced != 0)
		text += fmt::format("; {} {}", forced, warnings.front().second);
	if (const auto breaks = moved(now.stats, before, RIOD_A_STATS_BREAKS); breaks != 0)
		text += fmt::format("; {} breaks of the connection", breaks);
	return text;
}

using Clock = std::chrono::steady_clock;

// Counters and the time of the reading.
struct Sample {
	std::vector<Counted> all;
	Clock::time_point time;
};

Sample sample(const Context &context, const std::string &target)
{
	return {.all = counted(select_objects(context, target)), .time = Clock::now()};
}

double seconds_between(const Sample &a, const Sample &b)
{
	return std::chrono::duration<double>(b.time - a.time).count();
}

std::map<std::string, Stats> by_title(const Sample &sample)
{
	std::map<std::string, Stats> stats;

	for (const auto &one : sample.all)
		stats[one.title] = one.stats;
	return stats;
}

// Rates need two readings, with this interval.
constexpr double look_seconds = 0.5;

void print_once(const Context &context, const StatsOptions &options)
{
	const InterruptGuard guard;
	Sample now = sample(context, options.target);
	std::map<std::string, Stats> before;
	double seconds = look_seconds;
	json list = json::array();

	if (!options.all && !context.out.wants_json() && !now.all.empty()) {
		const Sample first = std::exchange(now, {});
		if (!pause(look_seconds))
			throw Error(Exit::interrupted, {});
		now = sample(context, options.target);
		before = by_title(first);
		seconds = seconds_between(first, now);
	}
	for (const auto &one : now.all) {
		// new objects have no rate yet
		const Stats &old = before.try_emplace(one.title, one.stats).first->second;
		context.out.line(options.all ? counters_text(one)
					     : summary_text(one, old, seconds));
		list.push_back(to_json(one));
	}
	if (now.all.empty())
		context.out.line("nothing is exported or attached");
	context.out.document({{"stats", list}});
}

void watch(const Context &context, const StatsOptions &options)
{
	const InterruptGuard guard;
	Sample last = sample(context, options.target);

	while (pause(options.watch)) {
		const auto before = by_title(last);
		const Sample now = sample(context, options.target);
		const double seconds = seconds_between(last, now);
		for (const auto &one : now.all) {
			const auto found = before.find(one.title);
			const Stats &old = found == before.end() ? one.stats : found->second;
			json object = to_json(one);
			object["seconds"] = seconds;
			context.out.record(options.all ? all_moved_text(one, old, seconds)
						       : rates_text(one, old, seconds),
					   object);
		}
		last = now;
	}
	throw Error(Exit::interrupted, {});
}

} // namespace

void stats(const Context &context, const StatsOptions &options)
{
	require_core(context);
	if (options.watch > 0) {
		watch(context, options);
	} else {
		print_once(context, options);
	}
}

} // namespace riodctl

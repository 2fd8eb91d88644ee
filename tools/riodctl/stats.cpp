// SPDX-License-Identifier: GPL-2.0-only
// stats: the counters of exports and attachments.
#include <chrono>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>

#include "interrupt.hpp"
#include "objects.hpp"

namespace riodctl {

using nlohmann::json;

namespace {

struct Counted {
	std::string title; // "export nvme0"
	json key;          // {"export": "nvme0"}
	Stats stats;
};

std::vector<Counted> counted(const Objects &objects)
{
	std::vector<Counted> all;

	all.reserve(objects.exports.size() + objects.attachments.size());
	for (const auto &e : objects.exports)
		all.push_back({"export " + e.name, {{"export", e.name}}, e.stats});
	for (const auto &a : objects.attachments) {
		all.push_back({fmt::format("attachment {} ({})", a.id, a.export_name),
			       {{"attachment", a.id}},
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
	std::string_view group;

	for (const auto &f : stat_fields()) {
		if (f.group != group)
			text += fmt::format("\n  {}:", f.group);
		group = f.group;
		text += fmt::format("\n    {:<14}{:>16}  {}", f.key, counted.stats[f.attr], f.doc);
	}
	return text;
}

// Only what moved: counter, value, rate.
std::string moved_text(const Counted &now, const Stats &before, double seconds)
{
	std::string text = now.title + ":";

	for (const auto &f : stat_fields()) {
		const std::uint64_t value = now.stats[f.attr];
		// A new session counts from nothing.
		const std::uint64_t old = before[f.attr] > value ? 0 : before[f.attr];
		if (value != old) {
			text += fmt::format(" {} +{} ({:.0f}/s)", f.key, value - old,
					    static_cast<double>(value - old) / seconds);
		}
	}
	return text.back() == ':' ? text + " idle" : text;
}

void print_once(const Context &context, const std::vector<Counted> &all)
{
	json list = json::array();

	for (const auto &one : all) {
		context.out.line(counters_text(one));
		list.push_back(to_json(one));
	}
	if (all.empty())
		context.out.line("nothing is exported or attached");
	context.out.document({{"stats", list}});
}

// Returns false when interrupted.
bool pause(const InterruptGuard &guard, double seconds)
{
	const auto whole = static_cast<std::time_t>(seconds);
	const timespec time = {
		.tv_sec = whole,
		.tv_nsec = static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};

	return !interrupted() && ppoll(nullptr, 0, &time, &guard.wait_mask()) == 0;
}

void watch(const Context &context, const StatsOptions &options)
{
	using Clock = std::chrono::steady_clock;
	const InterruptGuard guard;
	std::map<std::string, Stats> before;
	auto last = Clock::now();

	for (const auto &one : counted(select_objects(context, options.target)))
		before[one.title] = one.stats;
	while (pause(guard, options.watch)) {
		const auto all = counted(select_objects(context, options.target));
		const auto now = Clock::now();
		const double seconds = std::chrono::duration<double>(now - last).count();
		last = now;
		for (const auto &one : all) {
			json object = to_json(one);
			object["seconds"] = seconds;
			context.out.record(moved_text(one, before[one.title], seconds), object);
			before[one.title] = one.stats;
		}
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
		print_once(context, counted(select_objects(context, options.target)));
	}
}

} // namespace riodctl

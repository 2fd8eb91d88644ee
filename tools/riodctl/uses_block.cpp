// SPDX-License-Identifier: GPL-2.0-only
// Block devices below a PCI function: mounts, swap, and devices built on them.
#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "uses.hpp"

namespace riodctl {

namespace fs = std::filesystem;

namespace {

// Mount points by block device: by "major:minor" and, for filesystems that have
// their own numbers (btrfs), by the name of the source.
struct Mounts {
	std::map<std::string, std::vector<std::string>> by_number;
	std::map<std::string, std::vector<std::string>> by_name;
};

// mountinfo escapes blanks in paths as \040 and the like.
std::string unescape(const std::string &text)
{
	std::string plain;

	for (std::size_t i = 0; i < text.size(); i++) {
		const std::string digits = text.substr(i + 1, 3);
		if (text[i] == '\\' && digits.size() == 3 &&
		    digits.find_first_not_of("01234567") == std::string::npos) {
			plain += static_cast<char>(std::stoi(digits, nullptr, 8));
			i += 3;
		} else {
			plain += text[i];
		}
	}
	return plain;
}

// "dm-0" for "/dev/mapper/vg-root", which is a link to it.
std::string node_name(const Sysfs &sysfs, const std::string &source)
{
	const auto real = sysfs.real(source.substr(1));

	return real ? real->filename().string() : fs::path(source).filename().string();
}

Mounts read_mounts(const Sysfs &sysfs)
{
	std::istringstream table(sysfs.read("proc/self/mountinfo").value_or(""));
	Mounts mounts;

	for (std::string line; std::getline(table, line);) {
		std::istringstream fields(line);
		std::string id, parent, number, root, point, word, type, source;
		fields >> id >> parent >> number >> root >> point;
		while (fields >> word && word != "-")
			;
		fields >> type >> source;
		point = unescape(point);
		mounts.by_number[number].push_back(point);
		if (number.starts_with("0:") && source.starts_with("/dev/"))
			mounts.by_name[node_name(sysfs, unescape(source))].push_back(point);
	}
	return mounts;
}

std::set<std::string> read_swaps(const Sysfs &sysfs)
{
	std::istringstream table(sysfs.read("proc/swaps").value_or(""));
	std::set<std::string> swaps;
	std::string line;

	std::getline(table, line); // heading
	while (std::getline(table, line)) {
		const std::string file = line.substr(0, line.find_first_of(" \t"));
		if (file.starts_with("/dev/"))
			swaps.insert(node_name(sysfs, unescape(file)));
	}
	return swaps;
}

bool boots_from(const std::vector<std::string> &points)
{
	static constexpr std::array<std::string_view, 5> boot = {"/", "/boot", "/boot/efi", "/efi",
								 "/usr"};

	return std::ranges::any_of(points, [](const std::string &point) {
		return std::ranges::find(boot, point) != boot.end();
	});
}

// Searches a disk, its partitions, and their holders, recursively.
class Search {
public:
	Search(const Sysfs &sysfs, const Probes &probes)
		: sysfs_(sysfs), probes_(probes), mounts_(read_mounts(sysfs)),
		  swaps_(read_swaps(sysfs))
	{
	}

	void disk(const fs::path &dir, const std::string &through)
	{
		node(dir, through);
		for (const auto &child : sysfs_.list(dir)) {
			if (sysfs_.exists(dir / child / "partition"))
				node(dir / child, through);
		}
	}

	std::vector<Use> take() { return std::move(uses_); }

private:
	void node(const fs::path &dir, const std::string &through);
	bool mounted(const std::string &name, const std::string &number, const std::string &label);
	bool opened(const fs::path &dir, const std::string &name, const std::string &label);
	void holders(const fs::path &dir, const std::string &label);

	const Sysfs &sysfs_;
	const Probes &probes_;
	Mounts mounts_;
	std::set<std::string> swaps_;
	std::set<std::string> seen_; // report a holder of two partitions once
	std::vector<Use> uses_;
};

void Search::node(const fs::path &dir, const std::string &through)
{
	const std::string name = dir.filename();
	const std::string label = through.empty() ? name : fmt::format("{} on {}", name, through);
	const auto holder_names = sysfs_.list(dir / "holders");

	if (!seen_.insert(name).second)
		return;
	const bool is_mounted = mounted(name, sysfs_.read(dir / "dev").value_or(""), label);
	if (!holder_names.empty()) {
		holders(dir, label);
	} else if (!is_mounted) {
		opened(dir, name, label);
	}
}

bool Search::mounted(const std::string &name, const std::string &number, const std::string &label)
{
	std::vector<std::string> points = mounts_.by_number[number];
	const auto &named = mounts_.by_name[name];

	points.insert(points.end(), named.begin(), named.end());
	if (!points.empty()) {
		const bool boot = boots_from(points);
		uses_.push_back(
			{fmt::format("{} is mounted on {}{}", label, fmt::join(points, ", "),
				     boot ? ": this system runs from it" : ""),
			 boot ? "move the system to another disk first"
			      : fmt::format("umount {}", fmt::join(points, " "))});
	}
	if (swaps_.contains(name)) {
		uses_.push_back({fmt::format("{} is swap space", label),
				 fmt::format("swapoff /dev/{}", name)});
	}
	return !points.empty() || swaps_.contains(name);
}

bool Search::opened(const fs::path &dir, const std::string &name, const std::string &label)
{
	std::string node = "/dev/" + name;
	std::istringstream uevent(sysfs_.read(dir / "uevent").value_or(""));

	for (std::string line; std::getline(uevent, line);) {
		if (line.starts_with("DEVNAME="))
			node = "/dev/" + line.substr(8);
	}
	const auto users = processes_using(sysfs_, {node});
	if (!users.empty()) {
		uses_.push_back({fmt::format("{} is open in {}", label, fmt::join(users, ", ")),
				 "end that program first"});
	} else if (probes_.claimed(sysfs_.path(node))) {
		uses_.push_back(
			{fmt::format(
				 "{} is in use, by a mount in another namespace, a storage pool "
				 "or a block target",
				 label),
			 "find it with 'lsblk', 'zpool status' or 'targetcli ls' and stop it"});
	} else {
		return false;
	}
	return true;
}

void Search::holders(const fs::path &dir, const std::string &label)
{
	for (const auto &holder : sysfs_.list(dir / "holders")) {
		const fs::path block = fs::path("sys/block") / holder;
		const std::size_t before = uses_.size();
		const auto mapped = sysfs_.read(block / "dm" / "name");
		const bool raid = sysfs_.exists(block / "md");

		if (seen_.contains(holder))
			continue;
		disk(block, label);
		if (uses_.size() != before)
			continue; // the holder's own use is more specific
		uses_.push_back({fmt::format("{} is part of {}{}", label, holder,
					     mapped ? " (" + *mapped + ")" : ""),
				 raid     ? fmt::format("mdadm --stop /dev/{}", holder)
				 : mapped ? fmt::format("deactivate it: 'dmsetup remove {0}', or "
							"'vgchange -an' for LVM",
							*mapped)
					  : fmt::format("stop {}", holder)});
	}
}

// NVMe multipath: the function has a hidden path nvme0c1n1, users have nvme0n1.
std::optional<fs::path> multipath_head(const Sysfs &sysfs, const std::string &name)
{
	static const std::regex path_name("nvme([0-9]+)c[0-9]+(n[0-9]+)");
	std::smatch match;

	if (!std::regex_match(name, match, path_name))
		return std::nullopt;
	const fs::path head = "sys/block/nvme" + match[1].str() + match[2].str();
	return sysfs.exists(head) ? std::optional<fs::path>(head) : std::nullopt;
}

} // namespace

std::vector<Use> block_uses(const Sysfs &sysfs, const Probes &probes, const PciDevice &device)
{
	Search search(sysfs, probes);

	for (const auto &dir : class_devices_below(sysfs, "sys/block", device)) {
		const auto head = multipath_head(sysfs, dir.filename());
		search.disk(head ? *head : dir, {});
	}
	return search.take();
}

} // namespace riodctl

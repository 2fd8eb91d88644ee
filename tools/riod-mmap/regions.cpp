// SPDX-License-Identifier: GPL-2.0-only
#include "regions.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace riod_mmap {

namespace {

constexpr std::uint64_t page_size = 4096;

// Size by descriptor and offset.  A descriptor may have been closed and reused by now.  That is
// harmless: a program that opens another device queries its regions, which updates this, and
// other files have no data at VFIO's offsets.
struct Regions {
	std::mutex lock;
	std::map<std::pair<int, std::uint64_t>, std::uint64_t> sizes;
};

// Never destroyed, because the program's own destructors may still map.
Regions &regions()
{
	static auto &all = *new Regions; // NOLINT(cppcoreguidelines-owning-memory)

	return all;
}

bool is_trapped(const vfio_region_info &info)
{
	constexpr std::uint32_t both = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

	return info.index <= VFIO_PCI_BAR5_REGION_INDEX && info.size && !(info.size % page_size) &&
	       (info.flags & both) == both && !(info.flags & VFIO_REGION_INFO_FLAG_MMAP);
}

} // namespace

void region_described(int file, vfio_region_info &info)
{
	Regions &all = regions();
	const std::lock_guard guard(all.lock);

	if (is_trapped(info)) {
		all.sizes[{file, info.offset}] = info.size;
		info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
	} else {
		all.sizes.erase({file, info.offset});
	}
}

bool region_covers(int file, off_t offset, std::size_t length)
{
	Regions &all = regions();
	const std::lock_guard guard(all.lock);
	const auto at = static_cast<std::uint64_t>(offset);
	auto region = all.sizes.upper_bound({file, at});

	if (offset < 0 || region == all.sizes.begin())
		return false;
	--region;
	return region->first.first == file && at - region->first.second < region->second &&
	       length <= region->second - (at - region->first.second);
}

} // namespace riod_mmap

// SPDX-License-Identifier: GPL-2.0-only
// Regions: BARs that VFIO describes to the program and that cannot be mapped.
#pragma once

#include <cstddef>

#include <linux/vfio.h>
#include <sys/types.h>

namespace riod_mmap {

// VFIO described a region of @file.  A BAR of whole pages that cannot be mapped is kept in
// mind, and @info says that it can.
void region_described(int file, vfio_region_info &info);

// Does [@offset, @offset + @length) of @file lie in such a BAR?
bool region_covers(int file, off_t offset, std::size_t length);

} // namespace riod_mmap

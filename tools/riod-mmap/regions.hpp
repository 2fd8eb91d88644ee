// SPDX-License-Identifier: GPL-2.0-only
// Regions: BARs that VFIO has described to the program and that cannot be mapped.
#pragma once

#include <cstddef>

#include <linux/vfio.h>
#include <sys/types.h>

namespace riod_mmap {

// Called when VFIO has described a region of @file.  Records a BAR of whole pages that cannot be
// mapped, and changes @info so that it looks mappable.
void region_described(int file, vfio_region_info &info);

// True if [@offset, @offset + @length) of @file is inside such a BAR.
bool region_covers(int file, off_t offset, std::size_t length);

} // namespace riod_mmap

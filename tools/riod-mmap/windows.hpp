// SPDX-License-Identifier: GPL-2.0-only
// Windows: address space that a program uses as a mapping of a BAR.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/types.h>

namespace riod_mmap {

// @file is a duplicate of the program's descriptor, because a mapping outlives that.
struct Window {
	std::uintptr_t start = 0; // 0: free
	std::size_t length = 0;
	int file = -1;
	off_t offset = 0; // in @file, of @start
};

// Makes [@start, @start + @length) a window; false if there are too many windows or no
// descriptor is left (errno).
bool window_add(std::uintptr_t start, std::size_t length, int file, off_t offset);

// [@start, @start + @length) is no longer part of a window: removes windows inside it, and
// shrinks or splits those that extend beyond it.
void window_remove(std::uintptr_t start, std::size_t length);

// Finds the window that contains @address.  Safe in signal handlers.  If another thread removes
// the window meanwhile, the program uses a mapping after munmap().
bool window_at(std::uintptr_t address, Window &window);

} // namespace riod_mmap

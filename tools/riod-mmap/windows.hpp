// SPDX-License-Identifier: GPL-2.0-only
// Windows: address space that a program took for a mapping of a BAR, and what it stands for.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/types.h>

namespace riod_mmap {

// @file is a duplicate of the program's descriptor, as a mapping outlives that.
struct Window {
	std::uintptr_t start = 0; // 0: free
	std::size_t length = 0;
	int file = -1;
	off_t offset = 0; // in @file, of @start
};

// Make a window of [@start, @start + @length); false if there are too many of them or no
// descriptor is left (errno).
bool window_add(std::uintptr_t start, std::size_t length, int file, off_t offset);

// [@start, @start + @length) is something else from now on: windows there go, or keep
// what lies outside.
void window_remove(std::uintptr_t start, std::size_t length);

// The window that @address lies in.  For signal handlers; a window that another thread
// removes meanwhile is a mapping used after munmap().
bool window_at(std::uintptr_t address, Window &window);

} // namespace riod_mmap

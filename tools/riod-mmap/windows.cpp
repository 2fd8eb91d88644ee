// SPDX-License-Identifier: GPL-2.0-only
#include "windows.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

#include <fcntl.h>
#include <unistd.h>

namespace riod_mmap {

namespace {

// Enough for six BARs of many functions; DPDK maps a BAR with an MSI-X table in two parts.
constexpr std::size_t windows_max = 256;

// Written under the lock.  Signal handlers read it without a lock, so @start is set last and
// cleared first.
struct Slot {
	std::atomic<std::uintptr_t> start{0};
	std::size_t length = 0;
	int file = -1;
	off_t offset = 0;

	Window window() const
	{
		return {.start = start.load(), .length = length, .file = file, .offset = offset};
	}
};

constinit std::array<Slot, windows_max> slots;
constinit std::mutex slots_lock;

// mmap() and munmap() round up
std::size_t whole_pages(std::size_t length)
{
	constexpr std::size_t page = 4096;

	return (length + page - 1) / page * page;
}

bool slot_fill(std::uintptr_t start, std::size_t length, int file, off_t offset)
{
	auto *const slot =
		std::ranges::find_if(slots, [](const Slot &s) { return !s.start.load(); });

	if (slot == slots.end()) {
		errno = ENOMEM;
		return false;
	}
	const int copy = fcntl(file, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return false;
	slot->length = length;
	slot->file = copy;
	slot->offset = offset;
	slot->start.store(start, std::memory_order_release);
	return true;
}

} // namespace

bool window_add(std::uintptr_t start, std::size_t length, int file, off_t offset)
{
	const std::lock_guard lock(slots_lock);

	return slot_fill(start, whole_pages(length), file, offset);
}

void window_remove(std::uintptr_t start, std::size_t length)
{
	const std::lock_guard lock(slots_lock);
	const std::uintptr_t end = start + whole_pages(length);

	for (Slot &slot : slots) {
		const Window was = slot.window();
		const std::uintptr_t was_end = was.start + was.length;

		if (!was.start || was.start >= end || was_end <= start)
			continue;
		slot.start.store(0, std::memory_order_release);
		// If no slot or descriptor is left for the rest, later accesses to it fault.
		if (was.start < start)
			slot_fill(was.start, start - was.start, was.file, was.offset);
		if (was_end > end) {
			slot_fill(end, was_end - end, was.file,
				  was.offset + static_cast<off_t>(end - was.start));
		}
		close(was.file);
	}
}

bool window_at(std::uintptr_t address, Window &window)
{
	for (const Slot &slot : slots) {
		const std::uintptr_t start = slot.start.load(std::memory_order_acquire);

		if (start && address >= start && address - start < slot.length) {
			window = slot.window();
			return true;
		}
	}
	return false;
}

} // namespace riod_mmap

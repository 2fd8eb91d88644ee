// SPDX-License-Identifier: GPL-2.0-only
// Emulates an instruction that reads or writes a register of a device, by pread() and
// pwrite().  Safe in signal handlers.
#pragma once

#include <cstdint>

#include <ucontext.h>

#include "windows.hpp"

namespace riod_mmap {

// The instruction of @context faulted at @address in @window.  If it is a plain move of 1, 2, 4
// or 8 bytes to or from there, entirely in the window, emulates it, advances the instruction
// pointer and returns true.  If the device does not answer, reads give all-ones and writes are
// lost, as on a bus (PCI Express Base Specification, 2.3.2).
bool access_carry_out(ucontext_t &context, std::uintptr_t address, const Window &window);

} // namespace riod_mmap

// SPDX-License-Identifier: GPL-2.0-only
// Carry out an instruction that reads or writes a register of a device, by pread() and
// pwrite().  For signal handlers.
#pragma once

#include <cstdint>

#include <ucontext.h>

#include "windows.hpp"

namespace riod_mmap {

// The instruction of @context faulted at @address, which lies in @window.  If it is a plain
// move of 1, 2, 4 or 8 bytes there or from there, in the window as a whole, do what it does,
// step behind it and say true.  A device that does not answer reads as all ones, and what is
// written to it is lost, as on a bus (PCI Express Base Specification, 2.3.2).
bool access_carry_out(ucontext_t &context, std::uintptr_t address, const Window &window);

} // namespace riod_mmap

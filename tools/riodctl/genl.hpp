// SPDX-License-Identifier: GPL-2.0-only
// The generic netlink family "riod"; genl.cpp is the only file that knows netlink.
#pragma once

#include <memory>

#include "kernel.hpp"

namespace riodctl {

// Opens no socket before the first use.
std::unique_ptr<Kernel> make_genl_kernel();

} // namespace riodctl

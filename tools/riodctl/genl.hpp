// SPDX-License-Identifier: GPL-2.0-only
// The generic netlink family "riod"; only the files genl*.cpp use netlink.
#pragma once

#include <memory>

#include "kernel.hpp"

namespace riodctl {

// Opens its socket on first use.
std::unique_ptr<Kernel> make_genl_kernel();

} // namespace riodctl

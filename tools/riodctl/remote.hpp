// SPDX-License-Identifier: GPL-2.0-only
// What other hosts offer, in print; list.cpp.
#pragma once

#include <string>

#include "model.hpp"

namespace riodctl {

std::string offers_table(const Remote &remote);

} // namespace riodctl

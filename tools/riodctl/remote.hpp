// SPDX-License-Identifier: GPL-2.0-only
// Prints the exports of other hosts; used by list.cpp.
#pragma once

#include <string>

#include "model.hpp"

namespace riodctl {

std::string offers_table(const Remote &remote);

} // namespace riodctl

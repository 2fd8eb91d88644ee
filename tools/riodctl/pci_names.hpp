// SPDX-License-Identifier: GPL-2.0-only
// Names from pci.ids.
#pragma once

#include <string>

#include "model.hpp"

namespace riodctl {

// "Intel Corporation 82576 Gigabit Network Connection"; empty if pci.ids is not
// installed or does not list the device.
std::string pci_device_name(const Identity &identity);

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// How a guest gets the functions of an attachment.
#pragma once

#include <string>
#include <vector>

#include "sysfs.hpp"

namespace riodctl {

// Pairs of option and value, in the order QEMU wants them: a vIOMMU comes before what
// it translates for.
std::vector<std::pair<std::string, std::string>>
qemu_args(const Sysfs &sysfs, const std::vector<std::string> &devices, bool virtio_iommu);

std::string libvirt_xml(const std::vector<std::string> &devices, bool virtio_iommu);

} // namespace riodctl

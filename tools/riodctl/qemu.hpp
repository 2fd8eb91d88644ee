// SPDX-License-Identifier: GPL-2.0-only
// How a guest gets the functions of an attachment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sysfs.hpp"

namespace riodctl {

// Pairs of option and value, in the order QEMU wants them: a vIOMMU comes before the
// functions that it translates for.
std::vector<std::pair<std::string, std::string>>
qemu_args(const Sysfs &sysfs, const Attachment &attachment, bool virtio_iommu);

// The elements <hostdev>, one for each function.
std::string libvirt_hostdevs(const Sysfs &sysfs, const Attachment &attachment);
// What the domain needs besides: a vIOMMU and a place for the functions.
std::string libvirt_domain(const Sysfs &sysfs, const Attachment &attachment, bool virtio_iommu);

// Bits of the addresses that the remote IOMMU translates; nothing where it is not known.
std::optional<unsigned int> iova_bits(const Attachment &attachment);

// What a person should know before the guest starts; empty where there is nothing.
std::vector<std::string> guest_notes(const Attachment &attachment, bool virtio_iommu);

} // namespace riodctl

// SPDX-License-Identifier: GPL-2.0-only
// Configuration of a guest for the functions of an attachment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sysfs.hpp"

namespace riodctl {

// Pairs of option and value, in the order that QEMU requires: the vIOMMU before the
// functions that it translates for.
std::vector<std::pair<std::string, std::string>>
qemu_args(const Sysfs &sysfs, const Attachment &attachment, bool virtio_iommu);

// <hostdev> elements, one per function.
std::string libvirt_hostdevs(const Sysfs &sysfs, const Attachment &attachment);
// Other elements of the domain: a vIOMMU, and a bus for the functions.
std::string libvirt_domain(const Sysfs &sysfs, const Attachment &attachment, bool virtio_iommu);

// Address width of the remote IOMMU; none if it is not known.
std::optional<unsigned int> iova_bits(const Attachment &attachment);

// Notes for the user before the guest starts; may be empty.
std::vector<std::string> guest_notes(const Attachment &attachment, bool virtio_iommu);

} // namespace riodctl

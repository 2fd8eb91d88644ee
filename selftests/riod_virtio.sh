#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_virtio.sh - virtio-blk and virtio-net functions, with split and with packed rings
#
# devices: virtio-blk-pci,iommu_platform=on virtio-blk-pci,iommu_platform=on,packed=on
# devices: virtio-blk-pci,iommu_platform=on,vectors=0
# devices: virtio-net-pci,iommu_platform=on virtio-net-pci,iommu_platform=on,packed=on
# memory: 2048
# profile: kernel/common/profile_virtio.c
# timeout: 900

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

MIB=${ZOO_MIB:-4}
[[ $RIOD_KERNEL == stock ]] || MIB=${ZOO_MIB:-1}

setup()
{
	zoo_begin
	# behind three disks
	zoo_far 6
	zoo_far 8
}

each_cleanup() { zoo_end; }

# features that the guest's driver negotiated: bit 33 is ACCESS_PLATFORM, 34 RING_PACKED
features() { guest "cut -c 34,35 $ZOO_FUNC.0/virtio*/features"; }

disk()
{
	zoo_guest "virtio-blk-pci,$1"
	t_eq features "$(features)" "1$1"
	zoo_fio "$MIB"
	# 18 to 22 measured
	zoo_account "$STREAMED" 200 virtio
	guest_poweroff 60
}

net()
{
	zoo_guest "virtio-net-pci,$1"
	t_eq features "$(features)" "1$1"
	zoo_link $((6 + 2 * $1))
	zoo_streams $((6 + 2 * $1))
	# 1108 to 1744 measured
	zoo_account "$STREAMED" 15000 virtio
	guest_poweroff 60
}

test_disk_split() { disk 0; }
test_disk_packed() { disk 1; }

# Without MSI-X: the interrupt's status is in a register, and an interrupt raised while the
# line is masked arrives when it is unmasked.
test_disk_intx()
{
	zoo_guest virtio-blk-pci,2
	t_match "interrupt" "$(guest cat /proc/interrupts)" 'IO-APIC.*virtio'
	zoo_fio "$MIB"
	t_cmp "raised" "$(att_stat raised)" -ge 1
	zoo_account "$STREAMED" 400 virtio
	guest_poweroff 60
}

test_net_split() { net 0; }
test_net_packed() { net 1; }

ktap_run "$@"

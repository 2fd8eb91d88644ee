#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_igb.sh - an igb function, and then only a virtual function of it: checksummed traffic,
# both ways at once, for 30 s
#
# devices: igb
# memory: 2048
# timeout: 600
# profile: kernel/common/profile_e1000.c

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

setup()
{
	zoo_begin
	zoo_far 0
}

each_cleanup()
{
	zoo_end
	on server "echo 0 > /sys/bus/pci/devices/$(device igb)/sriov_numvfs" || true
}

# traffic GUEST-IOMMU [ADDRESS] - run it on the card, or on the function at ADDRESS
traffic()
{
	zoo_guest "${2:-igb}" --iommu "$1"
	# QEMU's igb drops frames from a buffer whose pages are not contiguous in QEMU's memory
	# (net_tx_pkt_add_raw_fragment_pci()). Shadow pages are not contiguous, so no buffer
	# may cross a page boundary. A real card has no such limit.
	zoo_link 0 1500 tso off sg off
	zoo_streams 0
	# 2749 to 5915 measured, the VF 5235
	zoo_account "$STREAMED" 20000 e1000
	guest_poweroff 60
}

test_igb_intel_iommu() { traffic intel; }
test_igb_virtio_iommu() { traffic virtio; }

# the physical function stays with its driver on the server host
vf_begin()
{
	local pf=$1
	on server "modprobe igb && ip link set dev \$(ls /sys/bus/pci/devices/$pf/net) up &&
		echo 0 > /sys/bus/pci/devices/$pf/sriov_drivers_autoprobe &&
		echo 1 > /sys/bus/pci/devices/$pf/sriov_numvfs"
}

test_igb_vf()
{
	local pf vf
	pf=$(device igb)
	vf_begin "$pf"
	vf=$(on server "basename \$(readlink /sys/bus/pci/devices/$pf/virtfn0)")
	t_match "what the whole card says" "$(t_fails server_ctl bind "$pf" --export 2>&1)" 'sriov_numvfs'
	traffic intel "$vf"
	t_eq "driver of the physical function" "$(on server "basename \$(readlink /sys/bus/pci/devices/$pf/driver)")" igb
}

ktap_run "$@"

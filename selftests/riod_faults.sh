#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_faults.sh - QEMU killed, guest reset, connection cut, removal by force, no vIOMMU
#
# devices: nvme,size=512M
# memory: 2048
# timeout: 1200

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

setup()
{
	on server modprobe riod_stub
	modprobe riod_frontend
	riod_export nvme
	remember EXPORT
}

each_setup()
{
	recall
	riod_attach
}

each_cleanup()
{
	recall
	guest_kill
	[[ $RIOD_TOPOLOGY == loopback ]] || link_restore
	riod_detach_all
}

cleanup()
{
	each_cleanup
	riod_unexport
}

not_in_use() { [[ $(att .in_use) != true ]]; }
bus_master_held() { [[ $(att .bus_master) == held-limit ]]; }
device_lost() { [[ $(att .state) == lost ]]; }

boot()
{
	guest_start "$@" -device "vfio-pci,host=$ATT_DEV"
	guest modprobe nvme
	wait_for 30 guest test -b /dev/nvme0n1
}

io_in_background()
{
	guest 'nohup fio --name=bg --filename=/dev/nvme0n1 --rw=randrw --bs=16k --iodepth=16 --direct=1 \
		--ioengine=libaio --time_based --runtime=600 > /tmp/fio.log 2>&1 < /dev/null &'
	wait_for 20 guest "awk '{ exit \$1 <= 50 }' /sys/block/nvme0n1/stat"
}

works_again()
{
	boot
	guest dd if=/dev/nvme0n1 of=/dev/null bs=64k count=16 iflag=direct
}

test_qemu_killed()
{
	boot
	io_in_background
	guest_kill
	wait_for 20 not_in_use
	t_eq "mapped" "$(att '.mapped_rw + .mapped_ro')" 0
	works_again
}

test_guest_reset()
{
	boot --reboot
	io_in_background
	guest_monitor system_reset
	guest_wait_boot
	guest modprobe nvme
	wait_for 30 guest test -b /dev/nvme0n1
	guest dd if=/dev/nvme0n1 of=/dev/null bs=64k count=16 iflag=direct
}

test_connection_cut()
{
	boot
	io_in_background
	# the server's side of the session goes, with a reset to the peer
	if [[ $RIOD_TOPOLOGY == pair ]]; then link_cut; else server_ctl unbind "$EXPORT" --force; fi
	wait_for 40 device_lost
	guest_monitor -t 5 info status
	[[ $RIOD_TOPOLOGY == loopback ]] || link_restore
	[[ $RIOD_TOPOLOGY == pair ]] || riod_export nvme
	guest_kill
	riod_detach --force || true
	wait_for 20 no_attachments
	wait_for 40 export_idle
	riod_attach
	works_again
}

test_fence_is_told()
{
	local ns
	boot
	io_in_background
	riod_detach --force
	wait_for 20 export_idle
	ns=$(server_ctl --json list | jq -r '.exports[0].fence_ns')
	t_diag "fenced $ns ns after the peer was declared lost"
	t_cmp "fence" "$ns" -gt 0
}

test_detach_refused_then_forced()
{
	boot
	t_fails riod_detach
	riod_detach --force
	guest_monitor -t 5 info status
	guest_kill
	wait_for 20 no_attachments
}

test_no_viommu()
{
	guest_start --iommu none -device "vfio-pci,host=$ATT_DEV"
	guest modprobe nvme || true
	wait_for 30 bus_master_held
	t_match "status" "$("$RIODCTL" status)" 'iommu'
	guest true
}

ktap_run "$@"

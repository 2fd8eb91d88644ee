#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2317 # ktap_run calls the tests
#
# selfcheck.sh - test of the harness: a nested guest under KVM drives a local NVMe drive
#
# topology: loopback
# devices: nvme,size=64M edu pci-testdev igb
# timeout: 300

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../../lib.sh"

test_devices_have_groups_of_their_own()
{
	local kind addr group
	for kind in nvme edu pci-testdev igb; do
		addr=$(device "$kind")
		group=$(on server readlink -f "/sys/bus/pci/devices/$addr/iommu_group")
		t_eq "$kind: devices in its IOMMU group" "$(on server ls "$group/devices")" "$addr"
		echo "$kind $addr: reset $(on server cat "/sys/bus/pci/devices/$addr/reset_method")"
	done
	t_eq "NVMe address" "$(device nvme)" 0000:03:00.0
}

test_on_carries_status_and_data()
{
	local status=0
	on server 'exit 7' || status=$?
	t_eq "exit status" "$status" 7
	t_eq "arguments" "$(on server printf '%s,' 'a b' c)" "a b,c,"
	t_eq "input" "$(seq 1 5000 | on server md5sum)" "$(seq 1 5000 | md5sum)"
	t_eq "a function" "$(on server scaled 3)" "$(scaled 3)"
	status=0
	ON_TIMEOUT=1 on server 'sleep 100' || status=$?
	t_eq "deadline" "$status" 124
}

# a second link to the old file shows whether job wrote to it or replaced it
test_a_job_s_files_are_there_whole()
{
	local file
	for file in /run/job.pid /run/job.status; do
		: > "$file"
		ln "$file" "$file.old"
	done
	job /run/job.pid /run/job.status bash -c 'exit 7'
	wait $!
	t_eq "status" "$(< /run/job.status)" 7
	t_match "process" "$(< /run/job.pid)" '^[0-9]+$'
	t_eq "written in place" "$(cat /run/job.*.old)" ""
}

test_monitor_answers()
{
	t_match "host's monitor" "$(vm_monitor self info status)" running
	t_match "what is refused" "$(vm_monitor self drive_add 0 file=/etc/passwd)" refused
}

# the tests below use this guest
test_guest_boots_under_kvm()
{
	bind_driver "$(device nvme)" vfio-pci
	guest_start -device "vfio-pci,host=$(device nvme)"
	t_match "guest's hypervisor" "$(guest dmesg)" "Hypervisor detected: KVM"
	t_match "accelerator" "$(guest_monitor info kvm)" enabled
}

test_guest_has_the_drive_behind_a_viommu()
{
	guest modprobe nvme
	wait_for 60 guest test -b /dev/nvme0n1
	guest test -e /sys/class/nvme/nvme0/device/iommu_group
	t_match "guest's IOMMU" "$(guest 'ls /sys/class/iommu')" dmar
}

test_guest_reads_and_writes()
{
	guest fio --name=v --filename=/dev/nvme0n1 --rw=randrw --bs=4k --size=4m --direct=1 \
		--ioengine=libaio --iodepth=8 --verify=crc32c --do_verify=1
	guest 'mkfs.ext4 -q /dev/nvme0n1 && mount /dev/nvme0n1 /mnt && seq 1 100000 > /mnt/f &&
		md5sum < /mnt/f' > /run/sum
}

test_guest_powers_off()
{
	guest_poweroff 60
	release_driver "$(device nvme)"
	wait_for 30 test -b /dev/nvme0n1
	mount -t ext4 /dev/nvme0n1 /mnt
	t_eq "checksum" "$(md5sum < /mnt/f)" "$(< /run/sum)"
	umount /mnt
}

ktap_run "$@"

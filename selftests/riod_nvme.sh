#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_nvme.sh - a guest under KVM drives a remote NVMe drive with its own driver
#
# devices: nvme,size=1G
# memory: 2048
# profile: kernel/common/profile_nvme.c
# timeout: 1500

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

# NVME_IOMMU=none: the guest has no vIOMMU, so all of its memory is mapped; only what the
# profile names is shared (by_name).
#
# SIZE: MiB written and verified (--env NVME_MIB=N); SMALL: sectors of the test of small
# buffers. One CPU for both hosts and the guest is slow, a debug kernel is slower still.
case $RIOD_KERNEL.$RIOD_TOPOLOGY in
stock.pair) SIZE=${NVME_MIB:-256} SMALL=1000 ;;
stock.*) SIZE=${NVME_MIB:-32} SMALL=500 ;;
*) SIZE=${NVME_MIB:-64} SMALL=100 ;;
esac

setup()
{
	on server modprobe riod_stub
	modprobe riod_frontend ${NVME_IOMMU:+by_name=1}
	# no udev loads the driver; the driver probes in the background
	on server modprobe nvme
	wait_for 20 on server "test -e /sys/bus/pci/devices/$(device nvme)/nvme/nvme*/serial"
	SERIAL=$(on server "cat /sys/bus/pci/devices/$(device nvme)/nvme/*/serial")
	riod_export nvme
	riod_attach
	remember SERIAL EXPORT ATT_ID ATT_DEV
	guest_start --smp 2 --iommu "${NVME_IOMMU:-intel}" -device "vfio-pci,host=$ATT_DEV"
}

each_setup() { recall; }

cleanup()
{
	each_setup
	guest_kill
	riod_detach_all
	riod_unexport
}

guest_fio()
{
	GUEST_TIMEOUT=900 guest fio --name=t --filename=/dev/nvme0n1 --direct=1 --ioengine=libaio \
		--verify=crc32c --verify_fatal=1 --verify_state_save=0 --output-format=json "$@" > /run/fio.json
	# skip fio's warning about two jobs on one file; here each has its own area
	sed -n '/^{/,$p' /run/fio.json | jq -e '.jobs | length > 0 and all(.error == 0)'
}

test_guest_runs_under_kvm() { t_match virt "$(guest systemd-detect-virt 2> /dev/null || guest cat /sys/hypervisor/type /proc/cpuinfo)" 'kvm|hypervisor'; }

test_driver_is_the_distributions()
{
	guest modprobe nvme
	wait_for 30 guest test -b /dev/nvme0n1
	t_match "module" "$(guest modinfo -n nvme)" 'kernel/drivers/nvme'
	t_eq "driver" "$(basename "$(guest readlink /sys/class/nvme/nvme0/device/driver)")" nvme
}

test_serial_is_the_servers() { t_eq serial "$(guest cat /sys/class/nvme/nvme0/serial)" "$SERIAL"; }

# counts the admin queue, too
test_queues() { t_cmp queues "$(guest cat /sys/class/nvme/nvme0/queue_count)" -ge 3; }

test_randrw_qd1()
{
	guest_fio --rw=randrw --bsrange=4k-128k --iodepth=1 --size=$((SIZE / 8))m
}

test_randrw_qd32_two_queues()
{
	guest_fio --rw=randrw --bsrange=4k-128k --iodepth=32 --size=$((SIZE / 4))m --numjobs=2 \
		--offset_increment=$((SIZE / 4))m
}

# sectors in a page whose other bytes are rewritten all the time
test_small_buffers_beside_live_memory()
{
	GUEST_TIMEOUT=300 guest /riod-build/guest/neighbour /dev/nvme0n1 "$SMALL"
}

scanned() { echo $(( $(att_stat scanned) + $(exp_stat scanned) )); }

# write everything, then read everything back and compare
test_write_and_read_back()
{
	local before ratio limit=400
	# without a vIOMMU memory is shared by name, and most of it is not compared
	[[ ${NVME_IOMMU:-} != none ]] || limit=2
	before=$(scanned)
	guest_fio --rw=write --bs=128k --iodepth=8 --size="${SIZE}m"
	ratio=$(( ($(scanned) - before) / (2 * SIZE << 20) ))
	t_diag "$ratio bytes scanned for each byte"
	# 28 to 37 measured; without a vIOMMU 0.2
	t_cmp "bytes scanned for a byte" "$ratio" -le "$limit"
}

# check the check: fio's verification finds a single wrong byte
test_one_wrong_byte_is_found()
{
	local job
	job=(--rw=write --bs=16k --size=1m --verify=crc32c --verify_dump=0)
	guest_fio "${job[@]}" --do_verify=1
	# flip one bit inside a block, behind fio's header
	# shellcheck disable=SC2016 # expanded there
	guest 'at=$((5 * 16384 + 9000))
		was=$(dd if=/dev/nvme0n1 bs=1 skip=$at count=1 status=none | od -An -tu1)
		printf "\\x$(printf %02x $((was ^ 1)))" |
			dd of=/dev/nvme0n1 bs=1 seek=$at count=1 conv=notrunc,fsync status=none'
	t_match "fio's words" "$(t_fails guest_fio "${job[@]}" --verify_only 2>&1)" 'verify(:| failed)'
}

# no disk of the VMM host has the data that the guest wrote
test_vmm_host_has_no_such_disk()
{
	local disk
	[[ $RIOD_TOPOLOGY == pair ]] || t_skip "one host is both"
	guest 'head -c 4096 /dev/urandom > /tmp/mark; dd if=/tmp/mark of=/dev/nvme0n1 bs=4k oflag=direct status=none'
	guest base64 /tmp/mark | base64 -d > /run/mark
	guest 'dd if=/dev/nvme0n1 bs=4k count=1 iflag=direct status=none | cmp - /tmp/mark'
	t_cmp "size of the mark" "$(stat -c %s /run/mark)" -eq 4096
	t_cmp "disks looked at" "$(find /sys/block -name 'vd*' | wc -l)" -ge 1
	for disk in /sys/block/*; do
		! cmp -s -n 4096 "/dev/${disk##*/}" /run/mark || t_fail "$disk is the drive"
	done
	t_fails ls /dev/nvme0
}

test_counters_match()
{
	local ios irqs
	guest 'echo 3 > /proc/sys/vm/drop_caches'
	irqs=$(exp_stat irqs)
	ios=$(guest "awk '{ print \$1 + \$5 }' /sys/block/nvme0n1/stat")
	guest dd if=/dev/nvme0n1 of=/dev/null bs=4k count=200 iflag=direct
	ios=$(( $(guest "awk '{ print \$1 + \$5 }' /sys/block/nvme0n1/stat") - ios ))
	irqs=$(( $(exp_stat irqs) - irqs ))
	t_diag "$ios I/Os of the guest, $irqs interrupts at the stub"
	t_cmp "I/Os" "$ios" -ge 200
	# one I/O at a time, so each has its own interrupt
	t_cmp "interrupts" "$irqs" -ge "$ios"
}

# no interrupts: the guest's kernel polls the completion queue in memory
test_polled_queue()
{
	local ios irqs
	guest "modprobe -r nvme && modprobe nvme poll_queues=1"
	wait_for 30 guest test -b /dev/nvme0n1
	t_eq "polling" "$(guest cat /sys/block/nvme0n1/queue/io_poll)" 1
	irqs=$(exp_stat irqs)
	guest_fio --ioengine=io_uring --hipri --rw=randrw --bsrange=4k-128k --iodepth=4 --size=2m
	irqs=$(( $(exp_stat irqs) - irqs ))
	ios=$(sed -n '/^{/,$p' /run/fio.json |
		jq '[.jobs[] | .read.total_ios + .write.total_ios] | add')
	t_diag "$ios I/Os, $irqs interrupts at the stub"
	t_cmp "I/Os" "$ios" -ge 16
	t_cmp "interrupts" "$irqs" -lt $((ios / 2))
}

test_no_forced_cuts()
{
	t_eq "frontend" "$(att_stat forced)" 0
	t_eq "stub" "$(exp_stat forced)" 0
	t_diag "frontend $(att_stats)"
	t_diag "stub $(exp_stats)"
	[[ $RIOD_TRANSPORT != rdma ]] || t_diag "transport of the frontend's host $(rdma_counters)"
}

test_power_off()
{
	guest_poweroff 60
	t_eq "bus master" "$(att bus_master)" off
}

test_nothing_stays_mapped() { t_eq "mapped" "$(att_mapped)" 0; }

ktap_run "$@"

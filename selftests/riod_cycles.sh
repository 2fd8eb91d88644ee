#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_cycles.sh - attach and detach (--env CYCLES=N, 60): idle, detached by force under I/O, with
# QEMU killed: no object leaks, memory does not grow
#
# devices: nvme edu
# memory: 1536
# timeout: 900
# console-allow: DMAR: (DRHD: handling fault status|\[DMA (Read|Write) NO_PASID\] Request device \[[0-9a-f:]*\.0\])

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

CYCLES=${CYCLES:-60}
# cycles until caches and slabs have settled
WARM=$((CYCLES < 48 ? CYCLES / 2 : 24))

setup()
{
	on server modprobe riod_stub
	modprobe riod_frontend
	modprobe vfio_iommu_type1
	riod_export edu --no-reset
	EDU=$EXPORT
	riod_export nvme
	NVME=$EXPORT
	remember EDU NVME
}

each_setup() { recall; }

cleanup()
{
	recall
	guest_kill
	riod_detach_all
	server_ctl unbind "$EDU"
	server_ctl unbind "$NVME"
}

frames_above() { (( $(att_stat tx_frames) > $1 )); }
not_in_use() { [[ $(att in_use) != true ]]; }

# the device reads and writes memory of the program
cycle_io()
{
	EXPORT=$EDU riod_attach
	( while /riod-build/vfio/edu "$ATT_DEV"; do :; done ) > /run/io.out 2>&1 &
	wait_for 20 frames_above 50
	riod_detach --force
	# it reads all-ones for ever, or has failed
	pkill -KILL -x edu || true
	wait
}

cycle_qemu()
{
	EXPORT=$NVME riod_attach
	guest_start --no-wait -device "vfio-pci,host=$ATT_DEV"
	wait_for 60 frames_above 50
	guest_kill
	wait_for 20 not_in_use
	riod_detach
}

cycle_idle()
{
	EXPORT=$NVME riod_attach
	riod_detach
}

# what the transport has: "connections", queue pairs, memory regions of both hosts
rdma_objects()
{
	[[ $RIOD_TRANSPORT == rdma ]] || return 0
	# shellcheck disable=SC2016 # expanded there
	on_hosts 'rdma resource show; cat /sys/kernel/debug/riod_rdma/connections' | xargs
}
pins_are() { (( $(pins) == $1 )); }
rdma_objects_are() { [[ $(rdma_objects) == "$1" ]]; }

test_cycles()
{
	local i host file kind objects pinned
	local -A n=()
	rm -f /run/{vmm,server}.kib
	pinned=$(pins)
	for ((i = 1; i <= CYCLES; i++)); do
		kind=idle
		(( i % 3 )) || kind=io
		(( i % 6 != 1 )) || kind=qemu
		"cycle_$kind"
		n[$kind]=$((${n[$kind]:-0} + 1))
		wait_for 20 no_attachments
		wait_for 20 export_idle
		(( i != WARM )) || objects=$(rdma_objects)
		if (( i > WARM )); then
			kernel_kib >> /run/vmm.kib
			on server kernel_kib >> /run/server.kib
		fi
		(( i % 50 )) || t_diag "$i cycles"
	done
	t_diag "idle ${n[idle]}, detached under I/O ${n[io]}, QEMU killed ${n[qemu]}"
	t_eq "objects of the stub" "$(riod_stub_left)" ""
	# a program that was killed may still be leaving
	wait_for 10 pins_are "$pinned"
	wait_for 10 rdma_objects_are "$objects"
	[[ -z $objects ]] || t_diag "$objects"
	# elsewhere the checkers keep what was freed
	[[ $RIOD_KERNEL == stock ]] || return 0
	for host in vmm server; do
		file=/run/$host.kib
		t_diag "$host: $(head -n 1 "$file") to $(tail -n 1 "$file") KiB, $(slope < "$file") KiB per cycle"
		# noise is a page or two now and then; a leaked page per cycle is 4 KiB
		t_cmp "slope of $host, tenths of a KiB per cycle" "$(slope < "$file" | tr -d .)" -lt 40
	done
}

ktap_run "$@"

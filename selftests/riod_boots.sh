#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_boots.sh - one attachment, twenty guests one after the other: no object leaks, memory
# does not grow
#
# devices: nvme
# memory: 2048
# timeout: 1800

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

BOOTS=${RIOD_BOOTS:-20}	# make check does fewer
WARM=3		# guests until caches and slabs have settled

setup()
{
	on server modprobe riod_stub
	modprobe riod_frontend
	riod_export nvme
	riod_attach
	remember EXPORT ATT_ID ATT_DEV
}

each_setup() { recall; }

cleanup()
{
	recall
	guest_kill
	riod_detach_all
	riod_unexport
}

nothing_pinned() { [[ $(pins) == 0 ]]; }
nothing_mapped() { [[ $(att_mapped) == 0 ]]; }

# run one guest; every other one is killed instead of powered off
one_guest()
{
	guest_start --memory 256 -device "vfio-pci,host=$ATT_DEV"
	guest "modprobe nvme; for i in \$(seq 300); do [ ! -b /dev/nvme0n1 ] || break; sleep 0.1; done
		dd if=/dev/nvme0n1 of=/dev/null bs=64k count=4 iflag=direct status=none"
	t_cmp "pages pinned while the guest runs" "$(pins)" -gt 0
	if (( $1 % 2 )); then guest_poweroff 60; else guest_kill; fi
	wait_for 20 nothing_mapped
	wait_for 20 nothing_pinned
}

# Memory varies by 40 KiB from guest to guest: a few task_structs and slabs. A guest maps
# hundreds of pages, so a leak of some pages per guest shows in the slope over many guests.
# With few guests, limit the total growth instead.
judge()
{
	if (( BOOTS - WARM >= 10 )); then
		t_cmp "slope of $1, tenths of a KiB per guest" "$(slope < "$2" | tr -d .)" -lt 200
	else
		t_cmp "growth of $1, KiB" "$(( $(tail -n 1 "$2") - $(head -n 1 "$2") ))" -lt 200
	fi
}

test_guests()
{
	local i host file
	rm -f /run/{vmm,server}.kib
	t_eq "pages pinned at first" "$(pins)" 0
	for ((i = 1; i <= BOOTS; i++)); do
		one_guest "$i"
		t_diag "guest $i of $BOOTS: server $(on server kernel_kib) KiB, VMM host $(kernel_kib) KiB"
		if (( i > WARM )); then
			kernel_kib >> /run/vmm.kib
			on server kernel_kib >> /run/server.kib
		fi
	done
	t_eq "forced cuts" "$(att_stat forced)" 0
	for host in vmm server; do
		file=/run/$host.kib
		t_diag "$host: $(head -n 1 "$file") to $(tail -n 1 "$file") KiB, $(slope < "$file") KiB per guest"
		judge "$host" "$file"
	done
}

test_nothing_is_left()
{
	riod_detach
	wait_for 20 no_attachments
	wait_for 20 export_idle
	t_eq "objects of the stub" "$(riod_stub_left)" ""
	t_eq "pages pinned" "$(pins)" 0
}

ktap_run "$@"

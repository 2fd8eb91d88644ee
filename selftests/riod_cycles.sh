#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_cycles.sh - attach and detach fifty times: no object leaks, memory does not grow
#
# devices: nvme
# timeout: 600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

CYCLES=50
WARM=10		# cycles until caches and slabs have settled

setup()
{
	on server modprobe riod_stub
	modprobe riod_frontend
	riod_export nvme
	remember EXPORT
}

each_setup() { recall; }

cleanup()
{
	recall
	riod_detach_all
	riod_unexport
}

test_fifty_cycles()
{
	local i host file
	rm -f /run/{vmm,server}.kib
	for ((i = 1; i <= CYCLES; i++)); do
		riod_attach
		riod_detach
		wait_for 20 no_attachments
		wait_for 20 export_idle
		if (( i > WARM )); then
			kernel_kib >> /run/vmm.kib
			on server kernel_kib >> /run/server.kib
		fi
	done
	t_eq "objects of the stub" "$(riod_stub_left)" ""
	for host in vmm server; do
		file=/run/$host.kib
		t_diag "$host: $(head -n 1 "$file") to $(tail -n 1 "$file") KiB, $(slope < "$file") KiB per cycle"
		# noise is a page or two now and then; a leaked page per cycle is 4 KiB
		t_cmp "slope of $host, tenths of a KiB per cycle" "$(slope < "$file" | tr -d .)" -lt 40
	done
}

ktap_run "$@"

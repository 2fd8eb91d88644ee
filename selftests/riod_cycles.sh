#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_cycles.sh - attach and detach many times: nothing is left
#
# devices: nvme
# timeout: 600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

setup()
{
	on server modprobe riod_stub
	modprobe riod_frontend
}

test_fifty_cycles()
{
	local i before slab
	riod_export nvme
	riod_attach
	riod_detach
	before=$(pins)
	for ((i = 0; i < 50; i++)); do
		riod_attach
		riod_detach
		if ((i == 9)); then slab=$(awk '/^Slab:/ { print $2 }' /proc/meminfo); fi
	done
	t_eq "pins held" "$(pins)" "$before"
	t_cmp "slab growth over 40 cycles, KiB" \
		$(( $(awk '/^Slab:/ { print $2 }' /proc/meminfo) - slab )) -lt 4096
}

ktap_run

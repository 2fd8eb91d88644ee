#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_nointremap.sh - bind is refused without interrupt remapping, because the device could
# raise any vector of the server host
#
# devices: nvme
# cmdline: intremap=off
# timeout: 90

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

test_bind_is_refused()
{
	local out
	modprobe riod_stub
	t_cmp "IOMMU groups" "$(find /sys/kernel/iommu_groups -mindepth 1 -maxdepth 1 | wc -l)" -ge 1
	out=$(t_fails "$RIODCTL" bind "$(device nvme)" --export 2>&1)
	t_match error "$out" 'interrupt remapping'
	out=$(exports)
	t_eq exports "$out" ""
}

ktap_run "$@"

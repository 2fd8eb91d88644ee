#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_noiommu.sh - bind is refused on a server host without an IOMMU
#
# devices: nvme
# cmdline: intel_iommu=off
# timeout: 90

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

test_bind_is_refused()
{
	local out
	modprobe riod_stub
	t_eq "IOMMU groups" "$(ls /sys/kernel/iommu_groups)" ""
	out=$(t_fails "$RIODCTL" bind "$(device nvme)" --export 2>&1)
	t_match error "$out" 'behind no IOMMU'
	t_match remedy "$out" 'intel_iommu=on'
	out=$(exports)
	t_eq exports "$out" ""
}

ktap_run "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Reports of VMs must arrive complete, even if they coincide with a tick (vm_reports):
# losing a test's result costs a timeout and fails a test without a fault of its own.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=selftests/vm/vm.sh
source "$top/selftests/vm/vm.sh"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# 2000 reports a few milliseconds apart, with ticks at the same rate
reports=2000
vm_reports 0.003
for ((i = 0; i < reports; i++)); do
	echo "host hmp $i self info status"
	sleep "0.00$((RANDOM % 4))"
done > ctl 8>&- &

got=0 ticks=0 odd=0
while ((got + odd < reports)) && vm_report; do
	case "$VM $WHAT $REST" in
	"run tick ") ticks=$((ticks + 1)) ;;
	"host hmp $got self info status") got=$((got + 1)) ;;
	*)
		echo "odd: $VM $WHAT $REST"
		odd=$((odd + 1))
		;;
	esac
done
vm_end_all
echo "$got reports, $ticks ticks, $odd odd"
((got == reports && ticks > reports / 10))

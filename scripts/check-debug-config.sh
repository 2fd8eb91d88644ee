#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs inside a VM: check that the kernel is the debug kernel, has all symbols of
# scripts/debug-symbols, and that its checkers work. Prints KTAP.
#
# memory: 768
# timeout: 60
# shellcheck disable=SC2317 # functions are called through check()
set -uo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

mapfile -t symbols < <(sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$here/debug-symbols")
declare -A config=()
while IFS= read -r line; do
	config[$line]=1
done < <(zcat /proc/config.gz | grep '^CONFIG')

n=0
bad=0
lockdep_on() { grep -qE '^ *debug_locks: *1$' /proc/lockdep_stats; }
has() { [[ -n ${config[$1]:-} ]]; }
kmemleak_on() { echo scan=off >/sys/kernel/debug/kmemleak; }

# check NAME COMMAND...: print one result
check() {
	local name=$1

	shift
	n=$((n + 1))
	if "$@" >/dev/null 2>&1; then
		echo "ok $n $name"
	else
		echo "not ok $n $name"
		bad=1
	fi
}

echo "KTAP version 1"
echo "1..$((${#symbols[@]} + 4))"
for symbol in "${symbols[@]}"; do
	case $symbol in
	*=*) check "$symbol" has "$symbol" ;;
	*) check "$symbol" has "$symbol=y" ;;
	esac
done
check "lockdep is on" lockdep_on
# kmemleak disables itself permanently if it runs out of memory early.
check "kmemleak is on" kmemleak_on
check "fail-nth is there" test -e /proc/self/fail-nth
check "/dev/iommu is there" test -c /dev/iommu
exit "$bad"

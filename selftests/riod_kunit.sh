#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_kunit.sh - run the KUnit suites as modules, on a kernel with all checkers
#
# memory: 1024
# timeout: 360

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
RIOD_TRANSPORT=rdma
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

results=/sys/kernel/debug/kunit

setup()
{
	modprobe -q kunit enable=1 || [[ -d $results ]] || t_skip "this kernel has no KUnit"
	[[ -n $(suites) ]] || t_skip "the modules were built without CONFIG_RIOD_KUNIT_TEST"
}

# the suites' modules
suites() { find "/lib/modules/$(uname -r)/" -name 'riod_*_kunit.ko' -printf '%f\n' | sed 's/\.ko$//' | sort; }

# loading a module runs its suites
test_all_suites()
{
	local modules files text
	mapfile -t modules < <(suites)
	if modinfo rdma_rxe > /dev/null 2>&1; then
		rdma_device
		ip addr add fd77::1/64 dev rdma0 nodad
		modprobe riod_loop "rdma=$rdma_addr"
	fi
	modprobe -a "${modules[@]}"
	# each file ends with its suite's totals
	files=("$results"/riod_*/results)
	text=$(cat "${files[@]}")
	modprobe -r "${modules[@]}"
	echo "$text"
	t_eq "failures" "$(grep -c 'not ok ' <<< "$text" || true)" 0
	t_cmp "suites" "${#files[@]}" -ge "${#modules[@]}"
	t_eq "suites that came to their end" "$(grep -c '^# Totals: ' <<< "$text" || true)" "${#files[@]}"
	t_diag "$(grep -cE '^ {4,}ok ' <<< "$text") cases passed"
	t_cmp "cases" "$(grep -cE '^ {4,}ok ' <<< "$text")" -gt 100
}

ktap_run "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_kunit.sh - the KUnit suites as modules, on a kernel with all checkers
#
# memory: 1024
# timeout: 240

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

results=/sys/kernel/debug/kunit

setup()
{
	modprobe -q kunit enable=1 || [[ -d $results ]] || t_skip "this kernel has no KUnit"
	[[ -n $(suites) ]] || t_skip "the modules were built without CONFIG_RIOD_KUNIT_TEST"
}

# the modules of the suites
suites() { find "/lib/modules/$(uname -r)/" -name 'riod_*_kunit.ko' -printf '%f\n' | sed 's/\.ko$//' | sort; }

# a module that is loaded has run its suites
suite_passes()
{
	local name file passed=0
	for name in $1; do
		modprobe "$name"
		for file in "$results"/*/results; do
			cat "$file"
			t_eq "failures of $name" "$(grep -c 'not ok ' "$file" || true)" 0
			t_match "results of $name" "$(grep -c '^ *# Totals: ' "$file" || true)" '^[1-9]'
			passed=$(( passed + $(grep -cE '^ {4,}ok ' "$file") ))
		done
		modprobe -r "$name"
	done
	t_diag "$passed cases passed"
	t_cmp "cases" "$passed" -gt "$2"
}

test_all_suites() { suite_passes "$(suites)" 100; }

ktap_run "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# verdict.sh - check that run fails on a planted WARNING, on failed results, on a panic
#
# Runs on the build machine (it starts VMs itself); prints KTAP.

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
run=$here/../run
number=0 failed=0

# verdict NAME WANTED-STATUS REGEX RUN-ARG... - check run's status and a line of its output
verdict()
{
	local name=$1 want=$2 regex=$3 out status=0; shift 3
	number=$((number + 1))
	out=$("$run" "$@" 2>&1) || status=$?
	if [[ $status == "$want" ]] && grep -qE "$regex" <<< "$out"; then
		echo "ok $number $name"
	else
		echo "# status $status, wanted $want and a line like: $regex"
		echo "# ${out//$'\n'/$'\n'# }"
		echo "not ok $number $name"
		failed=1
	fi
}

empty=$(mktemp -d)
trap 'rmdir "$empty"' EXIT

echo "KTAP version 1"
echo "1..8"
verdict planted_warning 1 '^#   console-host.log:.*WARNING: planted' "$here/planted-warning.sh"
verdict planted_failure 1 '^# Totals: pass:1 fail:3 skip:1' "$here/planted-failure.sh"
verdict planted_panic 1 'ended by itself' "$here/planted-panic.sh"
RIOD_TIMEOUT_SCALE=1 verdict timeout 125 'no result within 20 s' --timeout 20 --cmd 'sleep 1000'
verdict command_status 7 'out' --cmd 'echo out; exit 7'
verdict bad_option 2 'unknown option' --no-such-option
verdict no_such_test 2 'no test' "$here/no-such-test.sh"
verdict not_built 2 'run "make" first' --build "$empty" "$here/../../riod_attach.sh"
exit $failed

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the gates, scripts/gates/*.sh, in parallel, and print KTAP. A gate fails by
# its exit status; then its output is shown.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} [--list] [GATE]...

	Runs the named gates, or all of them.
	TXT
}

# Long gates first, so that short ones fill the gaps.
order=(build clang-tidy checkpatch sparse shellcheck kernel-doc ynl)

all_gates() {
	local gate file

	for gate in "${order[@]}"; do
		[[ ! -e $top/scripts/gates/$gate.sh ]] || printf '%s\n' "$gate"
	done
	for file in "$top"/scripts/gates/*.sh; do
		gate=$(basename "$file" .sh)
		[[ " ${order[*]} " == *" $gate "* ]] || printf '%s\n' "$gate"
	done
}

case ${1:-} in
--list) all_gates; exit 0 ;;
-h | --help) usage; exit 0 ;;
-*) usage >&2; exit 2 ;;
esac
gates=("$@")
(($#)) || mapfile -t gates < <(all_gates)
for gate in "${gates[@]}"; do
	[[ -x $top/scripts/gates/$gate.sh ]] || die "no gate \"$gate\""
done

# under "make -s" kbuild would be silent, but gates read its output
unset MAKEFLAGS MAKELEVEL

deps build gates
"$top/scripts/kernel-source.sh" >/dev/null
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# run GATE: write GATE.log, and GATE.end with status and seconds
run() {
	local start rc=0

	start=$(uptime_s)
	riod_nice "$top/scripts/gates/$1.sh" >"$tmp/$1.log" 2>&1 </dev/null || rc=$?
	printf '%d %d\n' "$rc" "$(($(uptime_s) - start))" >"$tmp/$1.part"
	mv "$tmp/$1.part" "$tmp/$1.end"
}

n=0
failed=0
report() {
	local gate=$1 rc seconds

	read -r rc seconds <"$tmp/$gate.end"
	n=$((n + 1))
	if ((rc)); then
		failed=$((failed + 1))
		sed 's/^/# /' "$tmp/$gate.log"
		printf 'not ok %d gate %s # %d s\n' "$n" "$gate" "$seconds"
	else
		printf 'ok %d gate %s # %d s\n' "$n" "$gate" "$seconds"
	fi
}

printf 'KTAP version 1\n1..%d\n' "${#gates[@]}"
declare -A running=()
next=0
while ((next < ${#gates[@]} || ${#running[@]})); do
	while ((next < ${#gates[@]} && ${#running[@]} < $(riod_jobs))); do
		run "${gates[next]}" &
		running[${gates[next]}]=$!
		next=$((next + 1))
	done
	wait -n "${running[@]}" || true
	for gate in "${!running[@]}"; do
		if [[ -e $tmp/$gate.end ]]; then
			report "$gate"
			unset "running[$gate]"
		elif ! kill -0 "${running[$gate]}" 2>/dev/null && [[ ! -e $tmp/$gate.end ]]; then
			echo 'the gate was killed' >>"$tmp/$gate.log"
			echo '1 0' >"$tmp/$gate.end"
			report "$gate"
			unset "running[$gate]"
		fi
	done
done
((failed == 0))

# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# verdict.sh - evaluate a finished run (sourced by run)

# kernel messages that fail a run, whatever the test reports
console_bad='BUG:|WARNING:|Oops|Kernel panic|KASAN|UBSAN|KFENCE|DEADLOCK|possible circular locking|possible recursive locking|inconsistent lock state|suspicious RCU usage|INFO: task .* blocked|INFO: rcu.*stall|rcu: INFO|soft lockup|hard LOCKUP|kmemleak: [1-9]|refcount_t|general protection|list_(add|del) corruption|Voluntary context switch within RCU|sleeping function called|scheduling while atomic|DMAR: .*fault|Object remaining|unreferenced object|stack guard page'

# console_lines ALLOW LOG... - print the offending lines, with the name of their log
console_lines()
{
	local allow=$1 log; shift
	for log in "$@"; do
		[[ -r $log ]] || continue
		grep -aE "$console_bad" "$log" | tr -d '\r' |
			{ if [[ -n $allow ]]; then grep -vE "$allow"; else cat; fi; } |
			sed "s,^,${log##*/}: ,"
	done
}

# ktap_count LOG - print "PASS FAIL SKIP PLANNED SHORT"; SHORT: incomplete plans
#
# Counts the innermost result lines: one that follows more deeply indented results
# closes a subtest and is not counted again.
ktap_count()
{
	awk '
	{ sub(/\r$/, "") }
	/^ *1\.\.[0-9]+/ {
		match($0, /^ */); depth = RLENGTH
		split(substr($0, RLENGTH + 4), n, " ")
		if (depth in plan) short++
		plan[depth] = n[1]; seen[depth] = 0; planned = 1
		if (n[1] == 0 && /SKIP/) skip++
		next
	}
	/^ *(not )?ok [0-9]+/ {
		match($0, /^ */); depth = RLENGTH
		seen[depth]++
		closes = 0
		for (d in plan)
			if (d + 0 > depth) {
				closes = 1
				if (seen[d] != plan[d]) short++
				delete plan[d]; delete seen[d]
			}
		if (closes) next
		if (/# *SKIP/) skip++
		else if (/^ *ok/) pass++
		else fail++
	}
	END {
		for (d in plan) if (seen[d] != plan[d]) short++
		print pass + 0, fail + 0, skip + 0, planned + 0, short + 0
	}' "$1"
}

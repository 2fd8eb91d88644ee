# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Shared by all scripts here: messages, the cache outside the tree, locks.
# To be sourced, with $top set to the top of the tree.

: "${top:?}"
# shellcheck disable=SC2034 # for those who source this
RIOD_KERNEL_SERIES=6.12
RIOD_CACHE=${RIOD_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/riod}

# Messages go to stderr, because a script's stdout is a path or a KTAP document.
note() { printf '[riod] %s\n' "$*" >&2; }
die() { printf '[riod] %s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Install package groups, if the tree has the installer.
deps() {
	local group

	[[ -x $top/scripts/deps.sh ]] || return 0
	for group; do
		"$top/scripts/deps.sh" "$group" >&2
	done
}

# Number of make jobs; riod_nice runs builds at low priority, as machines are shared.
riod_jobs() { printf '%s\n' "${RIOD_JOBS:-$(nproc)}"; }
riod_nice() { nice -n "${RIOD_NICE:-5}" "$@"; }

# build_dir NAME: directory of this checkout's build NAME, outside the tree.
build_dir() {
	printf '%s/build/%s/%s\n' "$RIOD_CACHE" "$(printf '%s' "$top" | sha256sum | cut -c 1-8)" "$1"
}

# riod_files GLOB...: print the project's files that match (git's globs), tracked
# or new, NUL-separated, relative to the top.
riod_files() {
	(
		cd "$top" || exit
		git ls-files -z --cached --others --exclude-standard -- "$@" |
			while IFS= read -r -d '' file; do
				[[ ! -f $file || -L $file ]] || printf '%s\0' "$file"
			done | sort -zu
	)
}

# Whole seconds since boot, which unlike the clock never jump.
uptime_s() {
	local up _

	read -r up _ </proc/uptime
	printf '%s\n' "${up%%.*}"
}

# lock FILE ... unlock: exclusive section. A child that outlives this shell keeps
# the lock unless it is started with {RIOD_LOCK_FD}>&-.
lock() {
	mkdir -p "$(dirname "$1")"
	exec {RIOD_LOCK_FD}>"$1"
	flock -n "$RIOD_LOCK_FD" && return
	note "waiting for another run that holds $1"
	flock "$RIOD_LOCK_FD"
}

unlock() { exec {RIOD_LOCK_FD}>&-; }

# progress LABEL TOTAL LOG CMD...: run CMD with its output in LOG, and print a
# line with the number of log lines at intervals. TOTAL 0: unknown.
progress() {
	local label=$1 total=$2 log=$3 start pid n rc=0 last=0 now every=15

	shift 3
	[[ -t 2 ]] && every=1
	start=$(uptime_s)
	"$@" >"$log" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		now=$(uptime_s)
		((now - last >= every)) || continue
		last=$now
		n=$(wc -l <"$log")
		if ((total)); then
			((n > total)) && n=$total
			n="$((100 * n / total))%"
		else
			n="$n lines"
		fi
		if [[ -t 2 ]]; then
			printf '\r[riod] %s: %s, %d s ' "$label" "$n" "$((now - start))" >&2
		else
			note "$label: $n, $((now - start)) s"
		fi
	done
	wait "$pid" || rc=$?
	[[ -t 2 ]] && printf '\r\033[K' >&2
	if ((rc)); then
		note "$label: failed after $(($(uptime_s) - start)) s; the end of $log:"
		tail -n 30 "$log" >&2
		return "$rc"
	fi
	note "$label: done in $(($(uptime_s) - start)) s"
}

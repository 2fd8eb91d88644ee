#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: clang-tidy reports nothing for the C++ code.
#
# clang-tidy spends nearly all its time on the included headers, which are the same
# for all sources. So all sources of a directory are concatenated: this takes a few
# minutes instead of a few dozen. A file of #include lines does not work, because the
# analyzer and some checks examine only the main file. It requires that names in
# unnamed namespaces are unique in a directory. A directory that was clean, in any
# checkout, is not checked again until a source, a header of ours, the flags or the
# checks change: a run takes some minutes, mostly in clang's
# analyzer.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

tidy=clang-tidy-19
build=$(build_dir gate-tidy)
cd "$top"
clean=$RIOD_CACHE/tidy
mkdir -p "$build" "$clean"
lock "$build/.lock"

# begin PROJECT: set the files, command and key of the project
begin() {
	local project=$1 flags=$build/${1##*/}

	mapfile -d '' -t files < <(riod_files "$project/*.[ch]pp" .clang-tidy)
	# The project's Makefile writes the compiler and its flags to a file.
	make -s -C "$project" "BUILD=$flags" "$flags/flags" || die "$project/Makefile has no flags to give"
	command=$(<"$flags/flags")
	key=$({
		"$tidy" --version
		printf '%s\n' "${command//"$top"/.}" "${files[@]}"
		cat "${files[@]}" include/uapi/linux/*.h "${BASH_SOURCE[0]}"
	} | sha256sum | cut -c 1-32)
}

# back UNIT SOURCE...: map the lines in clang-tidy's messages from the unit to the sources
back() {
	local unit=$1

	shift
	awk -v unit="$unit" '
		FILENAME != "-" {
			if (FNR == 1)
				first[++n] = NR
			source[n] = FILENAME
			next
		}
		index($0, unit ":") == 1 {
			rest = substr($0, length(unit) + 2)
			line = rest + 0
			for (i = n; first[i] > line; i--)
				;
			sub(/^[0-9]+/, line - first[i] + 1, rest)
			print source[i] ":" rest
			next
		}
		{ print }' "$@" -
}

# look DIR: check all sources of the directory as one file
look() {
	local dir=$1 unit seen sources

	unit=$build/unit-${dir//\//-}.cpp
	seen=$clean/${dir//\//-}.$key
	if [[ -e $seen ]]; then
		touch "$seen"
		return
	fi
	mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep -E "^$dir/[^/]*\.cpp$")
	((${#sources[@]})) || die "no sources in $dir"
	cat "${sources[@]}" >"$unit"
	eval "$tidy --quiet --config-file=.clang-tidy --checks=-readability-duplicate-include \
		--warnings-as-errors='*' '$unit' -- ${command#* } -I'$dir'" 2>&1 |
		back "$unit" "${sources[@]}" || return
	: >"$seen"
}

# duplicates: check for repeated #include lines in a source; the units have many of them
duplicates() {
	awk '/^#include/ && seen[FILENAME, $0]++ { print FILENAME ":" FNR ": twice: " $0; bad = 1 }
		END { exit bad }' "${files[@]}"
}

rc=0
for project in tools/riodctl tools/riod-mmap; do
	begin "$project"
	duplicates || rc=1
	look "$project/tests" >"$build/tests.log" &
	# keep it, because the process substitutions of the second look change $!
	tests=$!
	look "$project" || rc=1
	wait "$tests" || rc=1
	cat "$build/tests.log"
done
find "$clean" -mtime +30 -delete
exit "$rc"

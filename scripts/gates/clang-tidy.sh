#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: clang-tidy has nothing to say about the C++ code. A file that was clean
# is not looked at again until it, a header of ours it includes, its flags or the
# checks change.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

tidy=clang-tidy-19
project=$top/tools/riodctl
build=$(build_dir gate-tidy)
mapfile -d '' -t files < <(riod_files 'tools/*.cpp')
((${#files[@]})) || { echo "no C++ files"; exit 0; }
mkdir -p "$build/clean"
lock "$build/.lock"

# The project's Makefile leaves the compiler and its flags in a file.
make -s -C "$project" "BUILD=$build" "$build/flags" || die "$project/Makefile has no flags to give"
command=$(<"$build/flags")
export build command tidy

# one FILE: look at it, unless it was clean with all that goes into the result
one() {
	local key

	key=$({
		"$tidy" --version
		printf '%s\n' "$command"
		find . -maxdepth 3 -name .clang-tidy -exec cat {} +
		eval "$command -MM '$1'" | sed 's/^[^:]*://; s/\\$//' | xargs cat
	} | sha256sum | cut -c 1-32)
	[[ ! -e $build/clean/$key ]] || return 0
	eval "$tidy --quiet --warnings-as-errors='*' '$1' -- ${command#* }" && : >"$build/clean/$key"
}
export -f one

cd "$top"
# shellcheck disable=SC2016 # expanded by the shell that xargs starts
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(riod_jobs)" bash -c 'one "$0"'

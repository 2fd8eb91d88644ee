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
[[ -e $project/CMakeLists.txt ]] || { echo "no C++ project"; exit 0; }
mkdir -p "$build/clean"
lock "$build/.lock"
cmake -S "$project" -B "$build/cmake" -G Ninja -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >"$build/cmake.log" 2>&1 ||
	{ cat "$build/cmake.log"; exit 1; }

# "file<TAB>command" for each file of ours, from compile_commands.json
/usr/bin/python3 - "$build/cmake/compile_commands.json" "$top/" >"$build/files" <<'PY'
import json, sys

with open(sys.argv[1]) as f:
    for entry in json.load(f):
        if entry["file"].startswith(sys.argv[2]):
            print(entry["file"], entry["command"], sep="\t")
PY
[[ -s $build/files ]] || die "cmake names no source files"

# key FILE COMMAND: of everything of ours that goes into the result
key() {
	local deps

	deps=$(cd "$build/cmake" && eval "${2% -o *} -MM '$1'" | sed 's/^[^:]*://; s/\\$//' | tr -s ' ' '\n' | sed '/^$/d')
	{
		"$tidy" --version
		printf '%s\n' "$2"
		find "$top/tools" "$top" -maxdepth 2 -name .clang-tidy -exec cat {} +
		while read -r dep; do
			(cd "$build/cmake" && cat "$dep")
		done <<<"$deps"
	} | sha256sum | cut -c 1-32
}

todo=()
while IFS=$'\t' read -r file command; do
	k=$(key "$file" "$command")
	[[ -e $build/clean/$k ]] || todo+=("$k" "$file")
done <"$build/files"
((${#todo[@]})) || exit 0

export build tidy
# shellcheck disable=SC2016 # expanded by the shell that xargs starts
printf '%s\0' "${todo[@]}" | xargs -0 -n 2 -P "$(riod_jobs)" bash -c '
	"$tidy" -p "$build/cmake" --quiet --warnings-as-errors="*" "$1" && : >"$build/clean/$0"'

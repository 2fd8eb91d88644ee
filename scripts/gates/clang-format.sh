#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: clang-format does not change the C++ code.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

cd "$top"
mapfile -d '' -t files < <(riod_files 'tools/*.cpp' 'tools/*.hpp' 'tools/*.h')
((${#files[@]})) || { echo "no C++ files"; exit 0; }
[[ -e tools/.clang-format || -e .clang-format || -e tools/riodctl/.clang-format ]] ||
	die "no .clang-format"
clang-format-19 --style=file --fallback-style=none --dry-run -Werror "${files[@]}"

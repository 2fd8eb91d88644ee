#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: shellcheck on every shell script, known by its name or its first line.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

cd "$top"
# SC2317 takes every function whose name is in a variable, as in our test
# runners, for unreachable code.
riod_files '*' | while IFS= read -r -d '' file; do
	case ${file##*/} in
	*.sh | *.bash) printf '%s\0' "$file" ;;
	*.*) ;;
	*)
		IFS= read -r line <"$file" || true
		[[ ! $line =~ ^'#!'.*[/\ ](ba|da|busybox\ )?sh($|\ ) ]] || printf '%s\0' "$file"
		;;
	esac
done 2>/dev/null | xargs -0 -r -n 8 -P "$(riod_jobs)" shellcheck -x -e SC2317

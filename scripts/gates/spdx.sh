#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: every file has the SPDX line that its location requires.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

cd "$top"
rc=0

# Files that user space includes are dual-licensed.
wanted() {
	case $1 in
	include/uapi/* | Documentation/netlink/specs/* | kernel/common/genl.[ch])
		printf '((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)' ;;
	*)
		printf 'GPL-2.0-only' ;;
	esac
}

while IFS= read -r -d '' file; do
	case $file in
	COPYING | LICENSES/* | *.json | *.png | */.gitkeep) continue ;;
	esac
	want=$(wanted "$file")
	have=$(head -n 5 "$file" | sed -n 's/.*SPDX-License-Identifier: \([^*]*[^* ]\).*/\1/p' | head -n 1)
	have=${have% -->}
	if [[ -z $have ]]; then
		echo "$file: no SPDX-License-Identifier in the first lines"
		rc=1
	elif [[ $have != "$want" && "($have)" != "$want" ]]; then
		echo "$file: licensed $have, expected $want"
		rc=1
	fi
done < <(riod_files '*')
exit "$rc"

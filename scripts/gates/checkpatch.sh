#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: checkpatch --strict on all C files.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

source_dir=$("$top/scripts/kernel-source.sh")

# Only inapplicable types are ignored: user space has no kernel types, no
# strscpy(), no READ_ONCE(), no __printf(), and C11 keywords are CamelCase; trace
# headers have a special layout; kernel/compat/ exists for version tests.
# Generated files depend on the generator, and the simulator's replacements
# of kernel headers repeat the kernel's macros.
#
# checkpatch searches --root for the kernel's CamelCase names. It caches them in a
# file in the current directory, which must not be in the tree.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

checkpatch() {
	local ignore=$1

	shift
	riod_files "$@" | sed -z "s,^,$top/," |
		xargs -0 -r -n 4 -P "$(riod_jobs)" "$source_dir/scripts/checkpatch.pl" --no-tree \
			--root="$source_dir" --strict --terse --show-types --no-summary --color=never \
			${ignore:+--ignore "$ignore"} -f |
		sed "s,^$top/,,"
}

rc=0
checkpatch '' 'kernel/*.[ch]' 'include/*.h' 'selftests/planted/*.[ch]' ':!kernel/compat/*' \
	':!kernel/*trace.h' ':!kernel/common/genl.[ch]' ':!include/uapi/linux/riod.h' || rc=1
checkpatch OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT 'kernel/*trace.h' || rc=1
checkpatch LINUX_VERSION_CODE 'kernel/compat/*.[ch]' || rc=1
checkpatch PREFER_KERNEL_TYPES,STRCPY,STRNCPY,STRLCPY,VOLATILE,PREFER_DEFINED_ATTRIBUTE_MACRO,CAMELCASE \
	'*.[ch]' ':!kernel/*' ':!include/*' ':!selftests/planted/*' ':!selftests/sim/include/*' || rc=1
exit "$rc"

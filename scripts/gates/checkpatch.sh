#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: checkpatch --strict on all C files.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

source_dir=$("$top/scripts/kernel-source.sh")
cd "$top"

# Only what cannot apply is ignored: in user space there are no kernel types, no
# strscpy() and no READ_ONCE(); version tests are what kernel/compat/ is for.
# Generated files are the generator's business.
checkpatch() {
	local ignore=$1

	shift
	riod_files "$@" |
		xargs -0 -r -n 4 -P "$(riod_jobs)" "$source_dir/scripts/checkpatch.pl" --no-tree \
			--strict --terse --show-types --no-summary --color=never \
			${ignore:+--ignore "$ignore"} -f
}

rc=0
checkpatch '' 'kernel/*.[ch]' 'include/*.h' 'selftests/planted/*.[ch]' ':!kernel/compat/*' \
	':!kernel/common/genl.[ch]' ':!include/uapi/linux/riod.h' || rc=1
checkpatch LINUX_VERSION_CODE 'kernel/compat/*.[ch]' || rc=1
checkpatch PREFER_KERNEL_TYPES,STRCPY,STRNCPY,STRLCPY,VOLATILE '*.[ch]' \
	':!kernel/*' ':!include/*' ':!selftests/planted/*' || rc=1
exit "$rc"

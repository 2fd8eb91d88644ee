#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: kernel-doc comments are well formed and complete.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

source_dir=$("$top/scripts/kernel-source.sh")
cd "$top"
riod_files 'kernel/*.c' 'kernel/*.h' 'include/*.h' |
	xargs -0 -r "$source_dir/scripts/kernel-doc" -Werror -none

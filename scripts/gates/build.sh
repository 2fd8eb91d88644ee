#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: the modules build without a W=1 warning, against the stock headers and those of
# the newest kernel in Debian.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT

rc=0
"$top/scripts/newest-kernel.sh" --install "$(build_dir newest)" W=1 >"$log" 2>&1 || rc=$?
out=$(build_dir gate)
"$top/scripts/kbuild.sh" stock "$out" W=1 KCFLAGS=-Werror >>"$log" 2>&1 || rc=$?
# modpost and make only print warnings, and do not repeat them in an
# incremental build, so delete the objects concerned.
if grep -iE 'warning:|error:' "$log" | grep -vE 'the compiler differs from the one|Skipping BTF generation'; then
	rc=1
fi
if ((rc)); then
	cat "$log"
	rm -rf "$out"
	exit 1
fi

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: sparse reports nothing for the modules.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

out=$(build_dir gate)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The same build as the gate "build", so that objects are shared; C=2 checks
# every file, also those that are not rebuilt.
rc=0
"$top/scripts/kbuild.sh" stock "$out" W=1 KCFLAGS=-Werror C=2 >"$log" 2>&1 || rc=$?
grep -q '^  CHECK ' "$log" || { echo "sparse was not run"; rc=1; }
# Ignore reports about the kernel's own headers.
if grep -E "(warning|error):" "$log" | grep -F "$out/"; then
	rc=1
elif ((rc)); then
	cat "$log"
fi
exit "$rc"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: the modules build without a W=1 warning, against the stock headers and those of
# the newest kernel in Debian, and riod_core exports nothing that no module needs.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

# unused_exports OUT: check that the stub, the frontend or transport modules use all
# that riod_core exports; for transport modules that is what transport.h declares
unused_exports() {
	local symbol rc=0

	while read -r symbol; do
		grep -qw "$symbol" "$top/kernel/include/transport.h" && continue
		printf 'exported, but used only in riod_core: %s\n' "$symbol"
		rc=1
	done < <(comm -23 \
		<(awk -F '\t' '$3 ~ "/riod_core$" && $4 == "EXPORT_SYMBOL_GPL" { print $2 }' \
			"$1/kernel/Module.symvers" | sort) \
		<(nm -u "$1"/kernel/{stub/riod_stub,frontend/riod_frontend}.ko |
			awk '$1 == "U" { print $2 }' | sort -u))
	return "$rc"
}

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
unused_exports "$out"

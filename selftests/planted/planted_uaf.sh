#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# planted_uaf.sh - KASAN reports a use after free in a module, and that ends the VM
#
# cmdline: panic_on_warn=1
# console-expect: Kernel panic - not syncing: KASAN: panic_on_warn set
# memory: 768
# timeout: 60

# shellcheck source=selftests/planted/body.sh
. "$(dirname "${BASH_SOURCE[0]}")/body.sh"

# The VM dies while the module loads: there is no result line but the harness's.
[[ -e /sys/kernel/debug/kmemleak ]] || planted_begin uaf /sys/kernel/debug/kmemleak
planted_load uaf
echo "KTAP version 1"
echo "1..1"
echo "not ok 1 planted uaf ends the VM"
exit 1

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# planted_leak.sh - kmemleak's scan reports memory that a module lost
#
# cmdline: panic_on_warn=1
# console-expect: kmemleak: [1-9][0-9]* new suspected memory leaks
# memory: 768
# timeout: 60

# shellcheck source=selftests/planted/body.sh
. "$(dirname "${BASH_SOURCE[0]}")/body.sh"

kmemleak=/sys/kernel/debug/kmemleak

planted_begin leak "$kmemleak"
echo clear >"$kmemleak"
planted_load leak
# An object is suspect at an age of 5 s (of the VM's clock), and if two scans
# in a row find no pointer to it and its content unchanged.
deadline=$((SECONDS + 40))
until grep -q riod_planted_lose "$kmemleak" || ((SECONDS > deadline)); do
	sleep 3
	echo scan >"$kmemleak"
done
sed 's/^/# /' "$kmemleak"
if ! grep -q riod_planted_lose "$kmemleak"; then
	echo "not ok 1 planted leak is reported"
	exit 1
fi
planted_end leak 'kmemleak: [1-9][0-9]* new suspected memory leaks'

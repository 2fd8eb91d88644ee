#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# planted.sh - the debug kernel must report a planted leak, lock inversion and use after free
#
# All in one VM, in this order: the leak does not affect the other checkers, lockdep disables
# itself after its report, and KASAN's report ends the VM, because debug runs set
# panic_on_warn. So the third has no result line here. The "console-expect" lines require
# all three reports on the console, where the harness looks for the reports of real bugs.
#
# console-expect: kmemleak: [1-9][0-9]* new suspected memory leaks
# console-expect: WARNING: possible circular locking dependency detected
# console-expect: Kernel panic - not syncing: KASAN: panic_on_warn set
# memory: 768
# timeout: 90
set -uo pipefail

kmemleak=/sys/kernel/debug/kmemleak

# plant BUG - load the module, whose init causes the bug
plant()
{
	dmesg --clear
	modprobe riod_planted "bug=$1"
}

# reported NUMBER BUG REGEX - the kernel log since plant must match
reported()
{
	dmesg | sed 's/^/# /'
	if dmesg | grep -qE "$3"; then
		echo "ok $1 planted $2 is reported"
	else
		echo "not ok $1 planted $2 is reported"
		exit 1
	fi
}

# found - true if kmemleak names the leaking function. kmemleak reports an object that is older
# than 5 s (of the VM's clock), if two scans in a row find no pointer to it and no change.
found()
{
	echo scan > $kmemleak
	grep -q riod_planted_lose $kmemleak
}

echo "KTAP version 1"
if [[ ! -e $kmemleak || ! -e /proc/lockdep_stats ]]; then
	echo "1..0 # SKIP not a debug kernel"
	exit 4
fi
echo "1..2"

echo clear > $kmemleak
plant leak
deadline=$((SECONDS + 40))
until found || ((SECONDS > deadline)); do
	sleep 3
done
sed 's/^/# /' $kmemleak
reported 1 leak 'kmemleak: [1-9][0-9]* new suspected memory leaks'
modprobe -r riod_planted

plant inversion
reported 2 inversion 'riod_planted_[ab].*at: riod_planted_inversion'
modprobe -r riod_planted

plant uaf
echo "# a use after free did not end the VM"
exit 1

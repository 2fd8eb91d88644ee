#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# planted.sh - a leak, a lock inversion and a use after free, planted, are each reported by
# the debug kernel
#
# In this order, in one VM: the leak leaves all checkers as they are, lockdep switches
# itself off after its report, and with panic_on_warn, as all debug runs have it, KASAN's
# ends the VM. So the third has no result line here. That all three reports reached the
# console, where the harness looks for those of real bugs, is what "console-expect"
# demands.
#
# console-expect: kmemleak: [1-9][0-9]* new suspected memory leaks
# console-expect: WARNING: possible circular locking dependency detected
# console-expect: Kernel panic - not syncing: KASAN: panic_on_warn set
# memory: 768
# timeout: 90
set -uo pipefail

kmemleak=/sys/kernel/debug/kmemleak

# plant BUG - the module's init does it
plant()
{
	dmesg --clear
	modprobe riod_planted "bug=$1"
}

# reported NUMBER BUG REGEX - what the kernel said since must match
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

# found - does kmemleak name who lost it? An object is suspect at an age of 5 s (of the
# VM's clock), and if two scans in a row find no pointer to it and its content unchanged.
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

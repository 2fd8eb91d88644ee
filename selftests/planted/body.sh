# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# body.sh - plant a bug and see it reported; sourced by planted_*.sh, in a VM
#
# Each bug has a boot of its own: KASAN reports only its first finding, lockdep
# switches itself off after one, and with panic_on_warn, as all debug runs have
# it, KASAN's report ends the VM. That the report reached the console, where the
# harness looks for those of real bugs, is what "console-expect" in the test's
# head demands.

# planted_begin BUG SYMBOL-FILE - the header, or a skip where nothing would report
planted_begin()
{
	echo "KTAP version 1"
	if [[ ! -e $2 ]]; then
		echo "1..0 # SKIP not a debug kernel ($2 is missing)"
		exit 4
	fi
	echo "1..1"
	dmesg --clear
}

# planted_load BUG - the module's init does it
planted_load()
{
	modprobe riod_planted "bug=$1"
}

# planted_end BUG REGEX - what the kernel said must match
planted_end()
{
	dmesg | sed 's/^/# /'
	if dmesg | grep -qE "$2"; then
		echo "ok 1 planted $1 is reported"
		exit 0
	fi
	echo "not ok 1 planted $1 is reported"
	exit 1
}

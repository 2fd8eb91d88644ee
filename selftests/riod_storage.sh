#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_storage.sh - disks behind AHCI and behind USB, with no profile; keys from a USB keyboard
#
# devices: ahci,size=64M usb,size=64M
# memory: 2048
# timeout: 900

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

MIB=${ZOO_MIB:-4}

setup() { zoo_begin; }

each_cleanup() { zoo_end; }

test_ahci()
{
	# QEMU's has none
	local -a ZOO_BIND=(--no-reset)
	zoo_guest ahci
	guest modprobe -a sd_mod
	zoo_fio "$MIB"
	zoo_account "$STREAMED" 20000
	guest_poweroff 60
}

test_usb_storage()
{
	zoo_guest usb
	guest modprobe -a usb-storage sd_mod
	zoo_fio "$MIB"
	zoo_account "$STREAMED" 20000
	guest_poweroff 60
}

ktap_run "$@"

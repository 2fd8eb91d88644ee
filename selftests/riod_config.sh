#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_config.sh - what a guest reads of the function besides its registers: expansion ROM,
# extended configuration space
#
# devices: e1000e,rom=16384 igb
# memory: 2048
# timeout: 600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

setup() { zoo_begin; }

each_cleanup() { zoo_end; }

# rom FUNCTION - what its ROM holds, as a sum
rom() { cd "/sys/bus/pci/devices/$1" && echo 1 > rom && sha256sum < rom && echo 0 > rom; }

# extended FUNCTION - names and places of its extended capabilities, as pciutils finds them
extended() { lspci -s "$1" -vv | sed -nE 's/^\s*Capabilities: \[([0-9a-f]{3}) (v[0-9]+)\] (.*[^ ]).*$/\1 \2 \3/p'; }

test_rom()
{
	local sum
	sum=$(on server rom "$(device e1000e)")
	t_cmp "its size" "$(on server "stat -c %s /sys/bus/pci/devices/$(device e1000e)/rom")" -ge 16384
	ZOO_NO_DRIVER=1 zoo_guest e1000e
	t_eq "ROM" "$(guest rom "0000:00:$ZOO_SLOT.0")" "$sum"
	t_fails test "$sum" = "$(sha256sum < /dev/null)"
	guest_poweroff 60
}

# of these the guest sees, as they are: serial numbers, and what only the driver understands
allowed() { grep -E 'Device Serial Number|Vendor Specific' || true; }

# see KIND REGEX - the function has what REGEX says, and the guest has of it what it may
see()
{
	local all
	all=$(on server extended "$(device "$1")")
	t_match "the card's" "$all" "$2"
	ZOO_NO_DRIVER=1 zoo_guest "$1"
	# an empty list means nothing where there is no answer
	t_match "lspci's words" "$(guest lspci -s "0000:00:$ZOO_SLOT.0" -vv)" 'MSI-X: '
	# in place of a first one that is hidden there is one that says nothing (PCIe 7.9.28)
	t_eq "extended capabilities" "$(guest extended "0000:00:$ZOO_SLOT.0" | grep -v Null || true)" \
		"$(allowed <<< "$all")"
	guest_poweroff 60
}

test_serial_number() { see e1000e 'Advanced Error Reporting.*Device Serial Number 52-54-00'; }
test_virtual_functions_are_hidden() { see igb 'SR-IOV'; }

ktap_run "$@"

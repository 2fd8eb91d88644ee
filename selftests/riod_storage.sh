#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_storage.sh - disks behind AHCI and USB, without a profile; keys from a USB keyboard
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
[[ $RIOD_KERNEL == stock ]] || MIB=${ZOO_MIB:-1}

setup() { zoo_begin; }

each_cleanup() { zoo_end; }

test_ahci()
{
	# QEMU's device has no reset method
	local -a ZOO_BIND=(--no-reset)
	zoo_guest ahci
	guest modprobe -a sd_mod
	zoo_fio "$MIB"
	# 303 measured
	zoo_account "$STREAMED" 3000
	guest_poweroff 60
}

# INTx, on a line shared with the guest's own controllers
test_ahci_shared_intx()
{
	local -a ZOO_BIND=(--no-reset)
	local line
	zoo_guest ahci --append pci=nomsi
	guest modprobe -a sd_mod
	zoo_fio 1
	line=$(guest "grep -F 'ahci[0000:00:$ZOO_SLOT.0]' /proc/interrupts")
	t_match "shared line" "$line" 'IO-APIC .*, '
	t_diag "guest: $line"
	# one interrupt may complete all that is in flight
	t_diag "$ZOO_IOS I/Os, $(exp_stat irqs) interrupts"
	t_cmp "interrupts" "$(exp_stat irqs)" -ge $((ZOO_IOS / ZOO_DEPTH))
	t_eq "disk errors" "$(guest 'dmesg | grep -cE "ata[0-9.]+: (exception|disabled|failed command)" || true')" 0
	guest_poweroff 60
}

# keys that the guest saw pressed: codes of EV_KEY events with value 1
# shellcheck disable=SC2016 # expanded there
keys() { guest 'od -An -v -w24 -tu2 /tmp/keys | awk "\$9 == 1 && \$11 == 1 { printf \"%s \", \$10 }"'; }
keys_are() { [[ $(keys) == "$1" ]]; }

event_node() { guest "find $ZOO_FUNC.0/ -path '*/input/*' -name 'event[0-9]*' -printf '%f\n' | grep -m 1 ."; }

# the exported controller's keyboard, not the server host's own
keyboard()
{
	local event key
	guest modprobe -a usbhid hid-generic evdev
	wait_for 30 event_node
	event=$(event_node)
	guest "setsid cat /dev/input/$event > /tmp/keys < /dev/null 2> /dev/null &"
	# usbhid drops keys until the event device is open
	wait_for 10 guest "ls -l /proc/[0-9]*/fd 2> /dev/null | grep -q input/$event"
	for key in r i o d; do
		vm_monitor server "sendkey $key"
	done
	wait_for 30 keys_are "19 23 24 32 "
}

test_usb_storage_and_keyboard()
{
	zoo_guest usb
	dmesg | grep 'attachment .*: 1b36:000d needs a profile, and there is none'
	guest modprobe -a usb-storage sd_mod
	keyboard
	zoo_fio "$MIB"
	# 144 measured
	zoo_account "$STREAMED" 1500
	guest_poweroff 60
}

ktap_run "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_peer.sh - what a server host that means harm, or has gone mad, can do to a VMM host
#
# topology: loopback
# timeout: 180

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

PEER_PORT=17463

setup()
{
	modprobe riod_frontend
	modprobe vfio_iommu_type1
}

each_cleanup()
{
	riod_detach_here
	kill "$(cat /run/riod/peer 2> /dev/null)" 2> /dev/null || true
	rm -f /run/riod/peer
}

# peer [OPTION...] - the server host of selftests/host/peer.c, and its function attached
peer()
{
	/riod-build/host/peer --port "$PEER_PORT" "$@" > /run/riod/peer.out &
	echo $! > /run/riod/peer
	wait_for 5 grep -q listening /run/riod/peer.out
	RIOD_SERVER_ADDR=127.0.0.1:$PEER_PORT EXPORT=peer riod_attach --limit 1M
}

# A quirk for this bridge, which is in no slot of ours, switches MSI off for the whole host.
test_ids_run_no_quirk()
{
	peer --ids 1166:0017 --class 060000
	t_eq ids "$(lspci -n -s "$ATT_DEV" | cut -d ' ' -f 2,3)" "0600: 1166:0017"
	t_fails grep -q "MSI quirk detected" <(dmesg)
	t_match "what the PCI core saw" "$(dmesg)" "pci $ATT_DEV: \[7463:0001\] type 00 class 0xff0000"
	# nor when somebody has it found anew
	echo 1 > "/sys/bus/pci/devices/$ATT_DEV/remove"
	echo 1 > /sys/bus/pci/rescan
	t_eq "ids again" "$(lspci -n -s "$ATT_DEV" | cut -d ' ' -f 2,3)" "0600: 1166:0017"
	t_fails grep -q "MSI quirk detected" <(dmesg)
}

uevents() { /riod-build/host/uevents "$@"; }

# udev loads what matches the modalias of an event
test_ids_load_no_module()
{
	local events alias=v00008086d000010D3
	events=$(uevents "$(command -v bash)" -c "$(declare -f; declare -p PEER_PORT RIODCTL lib_nap); peer --ids 8086:10d3 --class 020000")
	t_match "an event" "$events" "add@/devices/.*pci:v00007463d00000001"
	t_fails grep -q "$alias" <<< "$events"
	att_find
	t_eq "ids" "$(lspci -n -s "$ATT_DEV" | cut -d ' ' -f 3)" 8086:10d3
	# as "udevadm trigger" does
	events=$(uevents bash -c "echo add > /sys/bus/pci/devices/$ATT_DEV/uevent")
	t_fails grep -q "$alias" <<< "$events"
	events=$(uevents "$RIODCTL" detach "$ATT_ID")
	t_match "the last event" "$events" "remove@/devices/.*pci:v00007463d00000001"
	t_fails grep -q "$alias" <<< "$events"
}

# att_find - the only attachment
att_find()
{
	ATT_ID=$("$RIODCTL" --json status | vmtool json | sed -n 's/^attachments\.0\.id=//p')
	ATT_DEV=$(att functions.0)
}

said() { grep -qx "$1" /run/riod/stuck.out; }
blocked() { grep -q riod_ "/proc/$1/stack"; }
gone() { ! kill -0 "$1" 2> /dev/null; }

# A server host that acknowledges everything and answers nothing. The program is in a
# register read, and a work item of the frontend waits for the same server.
test_mute_server()
{
	local stuck
	peer
	rm -f /run/riod/stuck.in
	mkfifo /run/riod/stuck.in
	/riod-build/vfio/stuck "$ATT_DEV" < /run/riod/stuck.in > /run/riod/stuck.out &
	stuck=$!
	exec 8> /run/riod/stuck.in
	wait_for 20 said running
	kill -USR1 "$(< /run/riod/peer)"
	echo >&8
	wait_for 10 said mapped
	echo >&8
	wait_for 10 blocked "$stuck"
	kill -KILL "$stuck"
	wait_for 10 gone "$stuck"
	t_fails said answered
	t_eq state "$(att state)" connected
	riod_detach --force
	exec 8>&-
}

ktap_run "$@"

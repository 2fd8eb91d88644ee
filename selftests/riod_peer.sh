#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_peer.sh - a malicious or broken server host must not harm the VMM host
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
	kill "$(cat /run/riod/peer 2> /dev/null)" "$(cat /run/riod/silent 2> /dev/null)" 2> /dev/null || true
	rm -f /run/riod/peer /run/riod/silent
}

# peer [OPTION...] - start the server host of selftests/host/peer.c, attach its function
peer()
{
	/riod-build/host/peer --port "$PEER_PORT" "$@" > /run/riod/peer.out &
	echo $! > /run/riod/peer
	wait_for 5 grep -q listening /run/riod/peer.out
	RIOD_SERVER=127.0.0.1:$PEER_PORT EXPORT=peer riod_attach --limit 1M
}

# The PCI core has a quirk for this bridge that disables MSI on the whole host.
test_ids_run_no_quirk()
{
	peer --ids 1166:0017 --class 060000
	t_eq ids "$(lspci -n -s "$ATT_DEV" | cut -d ' ' -f 2,3)" "0600: 1166:0017"
	t_fails grep -q "MSI quirk detected" <(dmesg)
	t_match "what the PCI core saw" "$(dmesg)" "pci $ATT_DEV: \[7463:0001\] type 00 class 0xff0000"
	# nor after a rescan
	echo 1 > "/sys/bus/pci/devices/$ATT_DEV/remove"
	echo 1 > /sys/bus/pci/rescan
	t_eq "ids again" "$(lspci -n -s "$ATT_DEV" | cut -d ' ' -f 2,3)" "0600: 1166:0017"
	t_fails grep -q "MSI quirk detected" <(dmesg)
}

uevents() { /riod-build/host/uevents "$@"; }

# udev loads modules that match the modalias of a uevent
test_ids_load_no_module()
{
	local events alias=v00008086d000010D3
	events=$(uevents "$(command -v bash)" -c "$(declare -f; declare -p PEER_PORT RIODCTL lib_nap); peer --ids 8086:10d3 --class 020000")
	t_match "an event" "$events" "add@/devices/.*pci:v00007463d00000001"
	t_fails grep -q "$alias" <<< "$events"
	att_find
	t_eq "ids" "$(lspci -n -s "$ATT_DEV" | cut -d ' ' -f 3)" 8086:10d3
	# what "udevadm trigger" does
	events=$(uevents bash -c "echo add > /sys/bus/pci/devices/$ATT_DEV/uevent")
	t_fails grep -q "$alias" <<< "$events"
	events=$(uevents "$RIODCTL" detach "$ATT_ID")
	t_match "the last event" "$events" "remove@/devices/.*pci:v00007463d00000001"
	t_fails grep -q "$alias" <<< "$events"
}

# att_find - set ATT_ID and ATT_DEV to the only attachment
att_find()
{
	ATT_ID=$("$RIODCTL" --json status | vmtool json | sed -n 's/^attachments\.0\.id=//p')
	ATT_DEV=$(att functions.0)
}

said() { grep -qx "$1" /run/riod/stuck.out; }
blocked() { grep -q riod_ "/proc/$1/stack"; }
gone() { ! kill -0 "$1" 2> /dev/null; }

# A server host that acknowledges all frames but answers no request. The program waits in a
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

# silent - a server host that takes connections and says nothing
silent()
{
	/riod-build/host/peer --port $((PEER_PORT + 1)) --silent > /run/riod/silent.out &
	echo $! > /run/riod/silent
	wait_for 5 grep -q listening /run/riod/silent.out
	SILENT=127.0.0.1:$((PEER_PORT + 1))
}

attaching() { "$RIODCTL" list | grep -q attaching; }
attaching_id() { listed attachments "$RIODCTL" | sed -n 's/^0\.id=//p'; }

# While a server host lets an attach wait, no other command waits, and the attempt can be
# ended: by Ctrl-C, and by a detach of its number.
test_attach_holds_up_nobody()
{
	local pid id out=/run/riod/attach.out
	silent
	"$RIODCTL" attach "$SILENT" disk > "$out" 2>&1 & pid=$!
	wait_for 10 attaching
	id=$(attaching_id)
	t_match status "$("$RIODCTL" status "$id")" 'state *attaching'
	load_family
	peer
	t_eq "number of the second" "$ATT_ID" $((id + 1))
	riod_detach
	attaching
	kill -INT "$pid"
	wait_for 5 gone "$pid"
	t_fails wait "$pid"
	t_match said "$(< "$out")" 'nothing is attached'
	t_eq attachments "$(attachments)" ""

	"$RIODCTL" attach "$SILENT" disk > "$out" 2>&1 & pid=$!
	wait_for 10 attaching
	id=$(attaching_id)
	"$RIODCTL" detach "$id"
	wait_for 5 gone "$pid"
	t_match said "$(< "$out")" 'ended by a detach'
	t_eq attachments "$(attachments)" ""
	# nobody is left to report it to
	"$RIODCTL" attach "$SILENT" disk > "$out" 2>&1 & pid=$!
	wait_for 10 attaching
	kill -KILL "$pid"
	wait_for 5 no_attachments
	# an attempt gives its number back
	EXPORT=peer RIOD_SERVER=127.0.0.1:$PEER_PORT riod_attach
	t_eq "next number" "$ATT_ID" "$id"
	t_fails "$RIODCTL" attach 127.0.0.1:1 disk
	riod_detach
}

test_discover_holds_up_nobody()
{
	local pid
	silent
	"$RIODCTL" list "$SILENT" > /run/riod/list.out 2>&1 & pid=$!
	wait_for 10 grep -q connection /run/riod/silent.out
	load_family
	t_fails gone "$pid"
	kill -INT "$pid"
	wait_for 5 gone "$pid"
	t_match said "$(< /run/riod/list.out)" 'interrupted'
}

ktap_run "$@"

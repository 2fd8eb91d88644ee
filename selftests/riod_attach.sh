#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_attach.sh - export, attach, look at the function, detach, and what goes wrong
#
# devices: nvme nvme edu
# timeout: 180

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

setup()
{
	on server modprobe -a riod_stub nvme
	modprobe riod_frontend
}

each_cleanup()
{
	local id
	for id in $("$RIODCTL" --json list | jq -r '.attachments[].id'); do
		"$RIODCTL" detach "$id" --force
	done
	for id in $(server_ctl --json list | jq -r '.exports[].functions[]'); do
		server_ctl unbind "$id" --force
	done
	wait_for 10 no_attachments
}

refused() { local out; out=$("$@" 2>&1) && t_fail "was not refused: $*"; echo "$out"; }

test_virtual_function_has_the_ids()
{
	local want
	want=$(on server lspci -n -s "$(device nvme)" | cut -d ' ' -f 3)
	riod_export nvme
	riod_attach
	t_eq "vendor:device" "$(lspci -n -s "$ATT_DEV" | cut -d ' ' -f 3)" "$want"
	t_eq class "$(cat "/sys/bus/pci/devices/$ATT_DEV/class")" 0x010802
	t_eq driver "$(basename "$(readlink "/sys/bus/pci/devices/$ATT_DEV/driver")")" riod_frontend
	t_eq state "$(att .state)" connected
	riod_detach
	t_fails test -e "/sys/bus/pci/devices/$ATT_DEV"
}

test_unbind_gives_the_device_back()
{
	riod_export nvme
	riod_unexport
	t_eq driver "$(on server "basename \$(readlink /sys/bus/pci/devices/$EXPORT/driver)")" nvme
}

test_attach_closed_port()
{
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER_ADDR:7999")" 'refused|listening'
}

test_attach_wrong_name()
{
	riod_export nvme
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER_ADDR" nosuch)" 'no export'
}

test_attach_taken()
{
	riod_export nvme
	riod_attach
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER_ADDR" "$EXPORT")" 'busy|use|attached'
}

test_attach_not_riod()
{
	socat TCP-LISTEN:7998,reuseaddr,fork SYSTEM:'printf "HTTP/1.1 400 Bad Request\r\n\r\n%200s" x' &
	wait_for 5 bash -c 'ss -Hltn "sport = :7998" | grep -q .'
	t_match error "$(refused "$RIODCTL" attach 127.0.0.1:7998)" 'riod'
	kill %1
}

test_not_in_allow_list()
{
	server_ctl bind "$(device nvme)" --export --allow 203.0.113.0/24
	EXPORT=$(device nvme)
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER_ADDR" "$EXPORT")" 'allow'
}

test_ambiguous_name()
{
	local second
	riod_export nvme
	second=$(device nvme 1)
	if [[ $RIOD_TOPOLOGY == loopback ]]; then
		server_ctl bind "$second" --export
	else
		server_ctl bind "$second" --export --allow "$RIOD_VMM_ADDR/32"
	fi
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER_ADDR")" "$second"
}

test_bind_missing_device()
{
	t_match error "$(refused server_ctl bind 0000:7f:00.0 --export)" 'not exist|no such|no PCI'
}

test_bind_twice_is_idempotent()
{
	riod_export nvme
	riod_export nvme
}

test_bind_without_reset()
{
	t_match error "$(refused server_ctl bind "$(device edu)" --export)" 'reset'
	t_match error "$(refused server_ctl bind "$(device edu)" --export)" 'no-reset'
	server_ctl bind "$(device edu)" --export --no-reset
}

test_bind_mounted()
{
	local part
	wait_for 10 on server "ls -d /sys/bus/pci/devices/$(device nvme)/nvme/nvme*/nvme*n1"
	on server "d=\$(ls /sys/bus/pci/devices/$(device nvme)/nvme/*/ -d | head -1); n=\$(basename \$d)n1;
		mkfs.ext4 -q /dev/\$n && mkdir -p /run/mnt && mount /dev/\$n /run/mnt"
	part=$(refused server_ctl bind "$(device nvme)" --export)
	on server umount /run/mnt
	t_match error "$part" 'mounted'
}


ktap_run

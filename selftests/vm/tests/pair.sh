#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2317 # ktap_run calls the tests
#
# pair.sh - test of the harness: two hosts, their links, cutting a link
#
# topology: pair
# devices: nvme,size=64M
# memory: 768
# timeout: 120

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../../lib.sh"

pings() { ping -c 1 -W 1 "$RIOD_SERVER_ADDR"; }
pings_not() { ! pings; }

test_hosts_reach_each_other()
{
	pings
	on server ping -c 1 -W 2 "$RIOD_VMM_ADDR"
	t_eq "server's name" "$(on server hostname)" riod-server
	t_eq "VMM host's name" "$(on vmm hostname)" riod-vmm
}

test_only_the_server_has_the_disk()
{
	[[ $RIOD_TOPOLOGY == pair ]] || t_skip "one host"
	on server test -e "/sys/bus/pci/devices/$(device nvme)"
	t_fails test -e "/sys/bus/pci/devices/$(device nvme)"
	t_fails grep -rqs "$(on server cat "/sys/bus/pci/devices/$(device nvme)/nvme/nvme0/serial")" /sys/block
}

test_a_cut_link_stays_cut_until_restored()
{
	link_cut
	wait_for 10 pings_not
	on server true
	t_match "server's link" "$(vm_monitor server info network)" 'data'
	link_restore
	wait_for 10 pings
}

test_a_stopped_host_does_not_answer()
{
	local status=0
	vm_monitor server stop
	ON_TIMEOUT=2 on server true || status=$?
	t_eq "deadline of a stopped host" "$status" 124
	vm_monitor server cont
	on server true
}

ktap_run "$@"

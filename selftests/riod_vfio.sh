#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_vfio.sh - INTx, MSI, DMA, I/O ports, every access width, power states, resets,
# mappings: programs that drive a function through VFIO on the VMM host
#
# devices: edu pci-testdev nvme edu,functions=2
# timeout: 240
# console-allow: DMAR: (DRHD: handling fault status|\[DMA Write NO_PASID\] Request device \[(0000:)?00:18.0\])

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

setup()
{
	on server modprobe riod_stub
	modprobe riod_frontend
	modprobe vfio_iommu_type1
}

# the program's results go to the log; its exit status decides the test
vfio_program()
{
	local program=$1
	shift
	riod_export "$@"
	riod_attach
	"/riod-build/vfio/$program" "$ATT_DEV"
	t_eq "mapped" "$(att_mapped)" 0
	t_eq "forced cuts" "$(att_stat forced)" 0
	riod_detach
	# the export is idle only after the server has reset the device
	wait_for 20 export_idle
	riod_unexport
}

each_cleanup()
{
	[[ -z ${ATT_ID:-} ]] || riod_detach --force
}

test_edu() { vfio_program edu edu --no-reset; }
test_maps() { vfio_program maps edu --no-reset; }
test_pci_testdev() { vfio_program testdev pci-testdev --no-reset; }
test_function() { vfio_program function nvme; }

# stuck [ARG...] - run selftests/vfio/stuck.c on ATT_DEV in the background; STUCK: its PID
stuck()
{
	rm -f /run/riod/stuck.in
	mkfifo /run/riod/stuck.in
	/riod-build/vfio/stuck "$ATT_DEV" "$@" < /run/riod/stuck.in > /run/riod/stuck.out &
	STUCK=$!
	exec 8> /run/riod/stuck.in
	wait_for 20 said running
}

said() { grep -qx "$1" /run/riod/stuck.out; }
go_on() { echo >&8; wait_for 20 said "$1"; }

# A program maps more than the server host shadows. Before DMA is on it is held off; with DMA
# on, the session ends. riodctl status gives the reason in both cases.
test_more_than_the_server_shadows()
{
	local param=/sys/module/riod_stub/parameters/shadow_max_mib
	on server "echo 1 > $param"
	riod_export edu --no-reset
	riod_attach --limit 1G
	t_eq "limit of the server host" "$(att peer_limit)" $((1 << 20))
	stuck
	go_on mapped
	go_on answered
	t_eq "bus master" "$(att bus_master)" held-limit
	t_match status "$("$RIODCTL" status "$ATT_ID")" "server host shadows at most 1 MiB .*shadow_max_mib"
	t_eq state "$(att state)" connected
	go_on closed
	wait "$STUCK"
	stuck keep
	go_on mapped
	go_on answered
	wait_for 10 att_is lost
	t_match reason "$(att reason)" "more than shadow_max_mib"
	go_on closed
	wait "$STUCK"
	exec 8>&-
	on server "echo 1024 > $param"
	riod_unexport
}

# the device leaves its host while a program drives it: the program goes on, without an answer,
# and a person is told why
test_device_removed()
{
	riod_export edu --no-reset
	riod_attach
	stuck
	on server "echo 1 > /sys/bus/pci/devices/$EXPORT/remove"
	wait_for 10 att_is lost
	t_match reason "$(att reason)" "device was removed or unbound"
	t_eq exports "$(exports)" ""
	go_on mapped
	go_on answered
	go_on closed
	wait "$STUCK"
	exec 8>&-
	wait_for 10 no_attachments
	on server "echo 1 > /sys/bus/pci/rescan"
}

# what a host holds for a peer is shown; a guest that makes it hold more than memory_max_mib
# loses its session, and both ends say why
test_more_memory_than_the_host_allows()
{
	local param=/sys/module/riod_core/parameters/memory_max_mib default
	default=$(on server "cat $param")
	riod_export edu --no-reset
	riod_attach --limit 1G
	stuck keep
	t_match attachment "$("$RIODCTL" status "$ATT_ID")" \
		"memory .* held for the peer, at most 8\\.1 GiB; all sessions of this host .*memory_max_mib"
	t_match export "$(server_ctl status "$EXPORT")" "memory .* held for the peer, at most 8\\.1 GiB"
	# a shadow page, its base, and what the engine keeps of it
	t_cmp "held at the server" "$(exp_stat memory_held)" -ge 8192
	t_eq "limit at the server" "$(exp_stat memory_max)" $(((8 << 30) + (64 << 20)))
	t_eq "limit of the host" "$(exp_stat memory_host_max)" $((default << 20))
	on server "echo 2 > $param"
	go_on mapped
	go_on answered
	wait_for 10 att_is lost
	t_match reason "$(att reason)" "a memory limit of a host was reached"
	t_match log "$(on server "dmesg | grep memory_max_mib")" "memory held for all sessions reached memory_max_mib of riod_core \\(2 MiB\\)"
	go_on closed
	wait "$STUCK"
	exec 8>&-
	on server "echo 0 > $param"
	t_eq "the default again" "$(on server "cat $param")" "$default"
	riod_unexport
}

# a page that the device may reach has a hardware error: that ends the session, and nothing else
test_memory_error()
{
	grep -q HardwareCorrupted /proc/meminfo || t_skip "the kernel has no CONFIG_MEMORY_FAILURE"
	riod_export edu --no-reset
	riod_attach
	stuck poison
	go_on mapped
	wait_for 10 att_is lost
	t_match reason "$(att reason)" "memory has a hardware error"
	go_on answered
	go_on closed
	wait "$STUCK"
	exec 8>&-
	wait_for 10 no_attachments
	riod_unexport
}

att_is() { [[ $(att state) == "$1" ]]; }

# card - the edu card with two functions; this run may have other edu devices
card()
{
	local n addr
	for n in 0 1 2 3 4 5; do
		addr=$(device edu "$n") || return
		if on server test -e "/sys/bus/pci/devices/${addr%.0}.1"; then
			echo "$addr"
			return
		fi
	done
}

# two functions of one card share an IOVA space, but can be removed separately
test_sibling_removed()
{
	local other
	EXPORT=$(card)
	server_ctl bind "$EXPORT" "${EXPORT%.0}.1" --export --no-reset
	riod_attach
	other=${ATT_DEV%.0}.1
	/riod-build/vfio/sibling "$ATT_DEV" "$other"
	t_fails test -e "/sys/bus/pci/devices/$other"
	riod_detach
	wait_for 20 export_idle
	riod_unexport
}

# the kmemleak scan at the end of the file covers the unloaded modules, too
test_modules_go()
{
	modprobe -r riod_frontend
	# it is in use until the last attachment has been torn down
	wait_for 10 on server modprobe -r riod_stub
}

ktap_run "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_config.sh - expansion ROM, configuration space and power states of the virtual function
#
# devices: e1000e,rom=262144 igb
# memory: 2048
# timeout: 600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

setup()
{
	zoo_begin
	modprobe vfio_iommu_type1
}

each_cleanup()
{
	zoo_end
	riod_detach_all
	# restore the default methods
	on server "echo default > /sys/bus/pci/devices/$(device igb)/reset_method"
}

# program FUNCTION WHAT... - use the function through VFIO, without a guest
program() { "/riod-build/vfio/config" "$@"; }

# rom FUNCTION - checksum of its ROM
rom() { cd "/sys/bus/pci/devices/$1" && echo 1 > rom && sha256sum < rom && echo 0 > rom; }

# extended FUNCTION - offsets and names of its extended capabilities, from lspci
extended() { lspci -s "$1" -vv | sed -nE 's/^\s*Capabilities: \[([0-9a-f]{3}) (v[0-9]+)\] (.*[^ ]).*$/\1 \2 \3/p'; }

test_rom()
{
	local sum
	sum=$(on server rom "$(device e1000e)")
	t_cmp "its size" "$(on server "stat -c %s /sys/bus/pci/devices/$(device e1000e)/rom")" -ge 262144
	ZOO_NO_DRIVER=1 zoo_guest e1000e
	t_eq "ROM" "$(guest rom "0000:00:$ZOO_SLOT.0")" "$sum"
	t_fails test "$sum" = "$(sha256sum < /dev/null)"
	guest_poweroff 60
}

# the first read of 256 KiB takes 32 requests, a second one none
test_rom_once()
{
	local sum
	sum=$(on server rom "$(device e1000e)")
	riod_export e1000e
	riod_attach
	t_eq "ROM" "$(program "$ATT_DEV" rom | sha256sum)" "$sum"
	t_cmp "requests" "$(att_stat reg_reads)" -le 40
	t_eq "ROM, again" "$(program "$ATT_DEV" rom | sha256sum)" "$sum"
	t_cmp "requests, twice" "$(att_stat reg_reads)" -le 40
	riod_detach
	wait_for 20 export_idle
	riod_unexport
}

# a function without a reset, left in D3hot by a program that died
test_sleeper()
{
	on server "echo > /sys/bus/pci/devices/$(device igb)/reset_method"
	riod_export igb --no-reset
	riod_attach
	t_fails program "$ATT_DEV" sleep
	program "$ATT_DEV" wake
	t_fails program "$ATT_DEV" sleep
	riod_detach
	wait_for 20 export_idle
	riod_attach
	program "$ATT_DEV" wake
	riod_detach
	wait_for 20 export_idle
	riod_unexport
}

# host tools see PCI Express registers, but cannot change them
test_host_view()
{
	riod_export igb
	riod_attach
	t_match "lspci's words" "$(lspci -s "$ATT_DEV" -vv)" 'Express .*Endpoint'
	setpci -s "$ATT_DEV" CAP_EXP+8.w=ffff
	t_eq "Device Control" "$(setpci -s "$ATT_DEV" CAP_EXP+8.w)" 0000
	riod_detach
	wait_for 20 export_idle
	riod_unexport
}

# the capabilities that config-space.rst lists as shown to the guest
allowed()
{
	grep -E 'Device Serial Number|Vendor[- ]Specific|Power Budgeting|Latency Tolerance' || true
}

# see KIND REGEX - the function's capabilities match REGEX; the guest sees the allowed ones
see()
{
	local all
	all=$(on server extended "$(device "$1")")
	t_match "the card's" "$all" "$2"
	ZOO_NO_DRIVER=1 zoo_guest "$1"
	# make sure that lspci works: an error would give an empty list, too
	t_match "lspci's words" "$(guest lspci -s "0000:00:$ZOO_SLOT.0" -vv)" 'MSI-X: '
	# if the first capability is hidden, a Null capability replaces it (PCIe 7.9.28)
	t_eq "extended capabilities" "$(guest extended "0000:00:$ZOO_SLOT.0" | grep -v Null || true)" \
		"$(allowed <<< "$all")"
	guest_poweroff 60
}

test_serial_number() { see e1000e 'Advanced Error Reporting.*Device Serial Number 52-54-00'; }
test_virtual_functions_are_hidden() { see igb 'SR-IOV'; }

ktap_run "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_modules.sh - load and unload the modules in any legal order; nothing stays behind
#
# devices: nvme
# timeout: 150

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

module() { modinfo -n "$1"; }
loaded() { [[ -d /sys/module/$1 ]]; }
listening() { ss -Hltn 'sport = :7463' | grep -q .; }

unload_all()
{
	local m
	for m in riod_frontend riod_stub riod_core; do
		! loaded "$m" || rmmod "$m"
	done
}

each_cleanup() { unload_all; }

test_modprobe()
{
	modprobe riod_stub
	modprobe riod_frontend
	loaded riod_core
	unload_all
	t_fails loaded riod_core
}

# the order documented in quick-start.rst
test_insmod_order()
{
	modprobe -a vfio vfio_iommu_type1
	insmod "$(module riod_core)"
	insmod "$(module riod_stub)"
	insmod "$(module riod_frontend)"
}

test_frontend_leaves_nothing()
{
	local before
	modprobe riod_core
	before=$(ls /sys/bus/pci/devices /sys/kernel/iommu_groups /sys/class/iommu /sys/bus/platform/devices)
	modprobe riod_frontend
	rmmod riod_frontend
	t_eq "devices, groups, IOMMUs" \
		"$(ls /sys/bus/pci/devices /sys/kernel/iommu_groups /sys/class/iommu /sys/bus/platform/devices)" "$before"
}

test_nothing_listens_without_export()
{
	modprobe riod_stub
	t_fails listening
	riod_export nvme
	listening
	riod_unexport
	t_fails listening
}

test_many_times()
{
	local i
	for ((i = 0; i < 20; i++)); do
		modprobe riod_frontend
		modprobe riod_stub
		unload_all
	done
}

ktap_run "$@"

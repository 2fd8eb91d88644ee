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

# the program's own results stay in the log; its status is the test's
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
	# the server resets the device before it lets go of it
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

# two functions of one card share an IOVA space, and each goes its own way
test_sibling_removed()
{
	local other
	EXPORT=$(device edu 1)
	server_ctl bind "$EXPORT" "${EXPORT%.0}.1" --export --no-reset
	riod_attach
	other=${ATT_DEV%.0}.1
	/riod-build/vfio/sibling "$ATT_DEV" "$other"
	t_fails test -e "/sys/bus/pci/devices/$other"
	riod_detach
	wait_for 20 export_idle
	riod_unexport
}

# the scan of kmemleak's behind this finds what they left, too
test_modules_go()
{
	modprobe -r riod_frontend
	on server modprobe -r riod_stub
}

ktap_run "$@"

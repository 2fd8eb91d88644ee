#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_programs.sh - third-party programs drive a function through VFIO on the VMM host:
# the kernel's VFIO selftests ("make vfio-selftests" builds them), and DPDK's testpmd
#
# devices: igb nvme,size=64M
# memory: 2048
# timeout: 900
# console-allow: DMAR: (DRHD: handling fault status|\[DMA (Read|Write) NO_PASID\] Request device \[(0000:)?03:00.0\])

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

LIBRARY=/riod-build/mmap/riod-mmap.so
TESTS=/riod-build/vfio-selftests

# stock kernels have VFIO's containers, the debug kernel has iommufd (and its containers)
TYPE=type1
VARIANTS=(vfio_type1_iommu vfio_type1v2_iommu)
if [[ -e /dev/iommu ]]; then
	TYPE=iommufd
	VARIANTS=(iommufd_compat_type1 iommufd_compat_type1v2 iommufd)
fi

setup()
{
	zoo_begin
	[[ -e /dev/iommu ]] || modprobe vfio_iommu_type1
	# DPDK requires this module, whatever driver the function has
	modprobe vfio-pci
	zoo_far 0
}

each_cleanup()
{
	! pkill -KILL testpmd || wait_for 20 not_in_use
	zoo_end
}

not_in_use() { [[ $("$RIODCTL" --json status | vmtool json | grep -c '\.in_use=true') == 0 ]]; }

# selftest PROGRAM [ARG...] - run one of the kernel's on the function; it prints TAP
selftest()
{
	"$RIODCTL" exec --library "$LIBRARY" "$TESTS/$TYPE/$1" "${@:2}" "$ATT_DEV" | tee /run/tap
	t_fails grep '^not ok' /run/tap
	t_cmp "tests that passed" "$(grep -c '^ok' /run/tap)" -ge 1
	t_eq "tests that passed, and those planned" "$(grep -c '^ok' /run/tap)" "$(sed -n 's/^1\.\.//p' /run/tap)"
	t_eq "mapped" "$(att_mapped)" 0
	t_eq "forced cuts" "$(att_stat forced) $(exp_stat forced)" "0 0"
}

test_kernels_device_test_igb()
{
	zoo_attach igb
	selftest vfio_pci_device_test
}

test_kernels_device_test_nvme()
{
	zoo_attach nvme
	selftest vfio_pci_device_test
}

# without riodctl exec, like QEMU: BARs cannot be mapped
test_kernels_device_test_unmapped()
{
	zoo_attach nvme
	"$TESTS/$TYPE/vfio_pci_device_test" "$ATT_DEV" | tee /run/tap
	t_match "BARs" "$(grep -c 'does not support mmap' /run/tap)" '^[1-6]$'
	t_fails grep '^not ok' /run/tap
}

# Frames go from memory to memory through the card's loopback. Some tests use addresses that
# are not mapped, which the server host's IOMMU refuses and logs.
test_kernels_driver_test()
{
	local variant options=()
	zoo_attach igb
	for variant in "${VARIANTS[@]}"; do
		options+=(-v "$variant")
	done
	selftest vfio_pci_driver_test "${options[@]}"
	t_diag "frontend $(att_stats)"
}

# testpmd has started, or has exited
pmd_settled() { [[ $(< /run/testpmd.log) == *'Press enter to exit'* ]] || ! kill -0 "$1"; }

# DPDK's driver instead of the kernel's: it polls, and answers the far end's pings. All of its
# memory is mapped for the device, and scanned for each of some 5000 register accesses, so it
# gets the least memory that it starts with. Both of its threads run on the VM's only CPU:
# with two CPUs QEMU's TCG may use a memory map that the other CPU's write to a command
# register has just replaced, and abort (iotlb_to_section).
test_testpmd()
{
	local ZOO_ATTACH=(--limit 256M) out pid
	zoo_attach igb
	coproc PMD { exec stdbuf -oL "$RIODCTL" exec --library "$LIBRARY" dpdk-testpmd --no-huge -m 10 \
		--lcores 0@0,1@0 \
		-a "$ATT_DEV" -- --total-num-mbufs=1100 --mbuf-size=1152 --rxd=64 --txd=64 --disable-link-check \
		--forward-mode=icmpecho --auto-start > /run/testpmd.log 2>&1; }
	pid=$PMD_PID
	wait_for 400 pmd_settled "$pid"
	grep 'Press enter to exit' /run/testpmd.log || { cat /run/testpmd.log; t_fail "testpmd does not start"; }
	on server "ip -n far addr replace 10.55.0.1/24 dev far0 && ip -n far link set far0 up"
	wait_for 60 far 'ping -c 1 -W 2 10.55.0.2'
	out=$(far 'ping -c 50 -i 0.2 -W 5 -s 900 -p 5aa5f00f 10.55.0.2')
	t_match "ping's words" "$out" '50 packets transmitted, 50 received'
	t_fails grep -i 'wrong data' <<< "$out"
	t_diag "$(tail -n 1 <<< "$out")"
	zoo_account $((50 * 2 * 942)) 4000000 e1000
	echo >&"${PMD[1]}"
	wait "$pid"
	cat /run/testpmd.log
	t_match "testpmd's count" "$(xargs < /run/testpmd.log)" 'RX-packets: (5[0-9]|[6-9][0-9]) '
	t_eq "mapped" "$(att_mapped)" 0
}

ktap_run "$@"

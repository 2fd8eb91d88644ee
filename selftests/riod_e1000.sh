#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_e1000.sh - network cards of the e1000 family: MSI-X and packet split, INTx without the
# profile, and a card without DMA
#
# devices: e1000e e1000 ne2k_pci e1000e,functions=2
# memory: 2048
# timeout: 900
# profile: kernel/common/profile_e1000.c

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

setup()
{
	zoo_begin
	zoo_far 0 9000
	zoo_far 2
	zoo_far 4
	zoo_far 6
	zoo_far 7
}

each_cleanup() { zoo_end; }

# Like QEMU's igb, its e1000e drops frames sent from buffers of several pages (riod_igb.sh)
ONE_PAGE=(tso off sg off)

test_e1000e()
{
	zoo_guest e1000e
	zoo_link 0 1500 "${ONE_PAGE[@]}"
	zoo_streams 0
	# 2030 measured
	zoo_account "$STREAMED" 20000 e1000
	guest_poweroff 60
}

# Received frames take several pages, so the driver uses packet split. The guest sends small
# frames only (see above).
test_e1000e_packet_split()
{
	zoo_guest e1000e
	zoo_link 0 9000 "${ONE_PAGE[@]}"
	guest "ip route replace 10.55.0.0/24 dev $(zoo_net) mtu lock 1500 advmss 8960"
	zoo_streams 0
	t_cmp "headers split" "$(guest "ethtool -S $(zoo_net) | sed -n 's/.*rx_header_split: //p'")" -ge 10
	# 5156 measured, 10824 on a loaded machine
	zoo_account "$STREAMED" 50000 e1000
	guest_poweroff 60
}

test_e1000_intx()
{
	local -a ZOO_BIND=(--no-reset) ZOO_ATTACH=(--profile none)
	zoo_guest e1000
	zoo_link 2
	zoo_streams 2
	# 1605 measured
	zoo_account "$STREAMED" 20000
	guest_poweroff 60
}

# All data goes through I/O ports, two bytes per round trip: with more than a few packets a
# nested guest's kernel reports a stuck CPU. ping compares the data that comes back. QEMU's
# card does not pad short frames from the far end, and its driver drops them, also without
# riod. So neighbours are static: ARP frames are short.
test_ne2k_without_dma()
{
	local -a ZOO_BIND=(--no-reset)
	local out
	zoo_guest ne2k_pci
	NO_ARP=1 zoo_link 4
	out=$(guest ping -c 10 -W 10 -s 700 -p 5aa5f00f 10.55.4.1 2>&1)
	t_match "ping's words" "$out" '10 packets transmitted, 10 received'
	t_fails grep -i 'wrong data' <<< "$out"
	t_eq "forced cuts" "$(att_stat forced)" 0
	t_eq "bytes of pages sent" "$(exp_stat sent)" 0
	guest_poweroff 60
}

# A card whose two functions share an IOMMU group: exported and attached together, and placed
# behind a bridge in the guest, as "riodctl qemu-args" prints.
test_e1000e_two_functions()
{
	# bus 1 is behind the root port, bus 2 behind the bridge
	local card first ZOO_FUNC=/sys/bus/pci/devices/0000:02:01
	card=$(device e1000e 1)
	EXPORT=$card
	remember EXPORT
	zoo_bind "$card" "${card%.0}.1"
	riod_attach
	remember EXPORT ATT_ID ATT_DEV
	riod_qemu_args
	guest_start --iommu none "${QEMU_ARGS[@]}"
	guest modprobe e1000e
	zoo_link 6 1500 "${ONE_PAGE[@]}"
	FUNCTION=1 zoo_link 7 1500 "${ONE_PAGE[@]}"
	zoo_streams 6 &
	first=$!
	zoo_streams 7
	wait "$first"
	STREAMED=$(zoo_streamed)
	# 4449 measured
	zoo_account "$STREAMED" 60000 e1000
	guest_poweroff 60
}

ktap_run "$@"

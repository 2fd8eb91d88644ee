#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_e100.sh - a driver that appends command blocks after its doorbell, and --sync-writes
#
# QEMU's i82559er reads two buffer descriptors of a block although the driver has written one.
# If the block was a configuration before, the second one is bytes 16 to 19 of that, an address
# that the IOMMU refuses. Stale blocks have other addresses.
#
# devices: i82559er
# memory: 2048
# timeout: 600
# console-allow: DMAR: (DRHD: handling fault|\[DMA Read NO_PASID\].* fault addr 0x86fa4000 )

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

MIB=${ZOO_MIB:-2}
[[ $RIOD_KERNEL == stock ]] || MIB=${ZOO_MIB:-1}

setup()
{
	zoo_begin
	zoo_far 0
}

each_cleanup() { zoo_end; }

# send MIB - send from the guest; the far end computes the checksum
send()
{
	local bytes=$(($1 * 1024 * 1024))
	far "rm -f /tmp/e100.sum; timeout $(scaled 200) socat -u TCP-LISTEN:5500,reuseaddr - | sha256sum > /tmp/e100.sum" &
	wait_for 20 far "ss -Hltn 'sport = :5500' | grep -q ."
	GUEST_TIMEOUT=180 guest "head -c $bytes /dev/urandom | tee >(sha256sum > /tmp/sum) | timeout $(scaled 150) socat -u - TCP:10.55.0.1:5500"
	wait $!
	t_eq "sum" "$(far 'cat /tmp/e100.sum')" "$(guest 'cat /tmp/sum')"
}

test_e100_sync_writes()
{
	local -a ZOO_BIND=(--no-reset) ZOO_ATTACH=(--sync-writes)
	# the driver reads the EEPROM bit by bit, and each access is a round trip
	zoo_guest i82559er --append watchdog_thresh=60
	t_eq "sync writes" "$(att sync_writes)" true
	zoo_link 0
	send "$MIB"
	# 16461 measured, on a loaded machine
	zoo_account $((MIB * 1024 * 1024)) 100000
	t_eq "transmit timeouts" "$(guest 'dmesg | grep -c "transmit queue.*timed out" || true')" 0
	guest_poweroff 60
}

ktap_run "$@"

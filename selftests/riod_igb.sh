#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_igb.sh - an igb function, with no profile: checksummed traffic, both ways at once, for
# 30 s
#
# devices: igb
# memory: 2048
# timeout: 600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

ZOO_SECS=30
[[ $RIOD_KERNEL == stock ]] || ZOO_SECS=10

setup()
{
	zoo_begin
	zoo_far 0
}

each_cleanup() { zoo_end; }

traffic()
{
	zoo_guest igb --iommu "$1"
	# QEMU's igb drops what it sends from a buffer whose pages are not side by side in
	# QEMU's own memory (net_tx_pkt_add_raw_fragment_pci()); shadow pages are where they
	# are, so no buffer may cross the end of a page. A real card does not care.
	zoo_link 0 1500 tso off sg off
	zoo_streams 0
	# 2440 measured
	zoo_account "$STREAMED" 20000
	guest_poweroff 60
}

test_igb_intel_iommu() { traffic intel; }
test_igb_virtio_iommu() { traffic virtio; }

ktap_run "$@"

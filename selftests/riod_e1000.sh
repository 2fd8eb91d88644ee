#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_e1000.sh - network cards of the e1000 family, with no profile: MSI-X and packet split, INTx,
# and a card without DMA
#
# devices: e1000e e1000 ne2k_pci
# memory: 2048
# timeout: 900

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
	zoo_far 1
	zoo_far 2
}

each_cleanup() { zoo_end; }

# As QEMU's igb, its e1000e drops what it sends from buffers in several pages (riod_igb.sh)
ONE_PAGE="tso off sg off"

test_e1000e()
{
	zoo_guest e1000e
	zoo_link 0 1500 $ONE_PAGE
	zoo_streams 0
	zoo_account "$STREAMED" 20000
	guest_poweroff 60
}

# frames that take several buffers: the driver changes to packet split
test_e1000e_jumbo()
{
	zoo_guest e1000e
	zoo_link 0 9000
	zoo_streams 0
	zoo_account "$STREAMED" 20000
	guest_poweroff 60
}

test_e1000_intx()
{
	zoo_guest e1000
	zoo_link 1
	zoo_streams 1
	zoo_account "$STREAMED" 20000
	guest_poweroff 60
}

# all of it through I/O ports
test_ne2k_without_dma()
{
	zoo_guest ne2k_pci
	zoo_link 2
	zoo_streams 2
	t_eq "forced cuts" "$(att_stat forced)" 0
	t_eq "bytes of pages sent" "$(exp_stat sent)" 0
	guest_poweroff 60
}

ktap_run "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_halt.sh - orderly shutdown of the server host: the VMM host notices it at once
#
# topology: pair
# devices: nvme,size=64M
# memory: 768
# timeout: 180

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

setup()
{
	on server modprobe -a riod_stub nvme
	modprobe riod_frontend
}

# reboot(LINUX_REBOOT_CMD_HALT): runs the reboot notifiers and shuts devices down, as
# power-off and restart do, and then stops the machine
HALT='syscall(169, 0xfee1dead, 672274793, 0xcdef0123, 0)'

# the server host is halted by the time of the leak check
lib_leaks() { on vmm leaks_show; }

# no guest has the function open, so the attachment ends with its session
has_gone() { [[ -z $(att state) ]]; }

test_server_halts()
{
	local begun
	riod_export nvme
	riod_attach
	on server "setsid perl -e 'sleep 1; $HALT' < /dev/null > /dev/null 2>&1 &"
	begun=$SECONDS
	wait_for 8 has_gone
	t_diag "over $(( SECONDS - begun )) s after the command"
	t_match reason "$(dmesg | grep 'the session is over')" 'shuts down'
}

ktap_run "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_resume.sh - sessions that outlive their connection: cut between frames and inside them,
# silence, a server host that is away for a while, or comes back without the session
#
# devices: pci-testdev nvme,size=256M
# memory: 2048
# topology: loopback
# timeout: 600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"
# shellcheck source=selftests/cuts.sh
. "$(dirname "$0")/cuts.sh"

CUTS=${CUTS:-30}
MIB=$((4 * (CUTS + 29) / 30))
# commands take seconds on a debug kernel, and the peer must not be lost meanwhile
LOST_MS=10000
[[ $RIOD_KERNEL == stock ]] || LOST_MS=40000
SOON=10
[[ $RIOD_KERNEL == stock ]] || SOON=30
LONG=$((LOST_MS / 1000 + 20))
# a test that does something else meanwhile: its result must not be that of a loss
PATIENT_MS=60000
PARAMS=/sys/module/riod_stub/parameters

setup()
{
	on server modprobe riod_stub "lost_ms=$LOST_MS"
	modprobe riod_frontend lost_max_ms=60000
	modprobe vfio_iommu_type1
}

# each step, also if the one before it failed or ended its shell
each_cleanup()
{
	local step failed=0
	for step in zoo_end cuts_end params_end; do
		("$step") || failed=1
	done
	(( !failed ))
}

params_end() { on server "echo $LOST_MS > $PARAMS/lost_ms"; }
patient() { on server "echo $PATIENT_MS > $PARAMS/lost_ms"; }

# attach QEMU's pci-testdev
testdev()
{
	local -a ZOO_BIND=(--no-reset)
	zoo_attach pci-testdev
}

# check_cuts INSIDE - the cuts were made, at least so many of them inside a frame.
# A connection that is cut before the session has it is a failed attempt, and no break.
check_cuts()
{
	local breaks made
	made() { sed -n "s/.*$1=\([0-9]*\).*/\1/p" <<< "$made"; }
	breaks=$(att_stat breaks)
	made=$(cuts_made)
	t_diag "$made, $breaks and $(exp_stat breaks) breaks"
	t_eq "cuts to come" "$(made left)" 0
	t_cmp "cuts inside a frame" "$(made inside)" -ge "$1"
	t_cmp "cuts between frames" "$(made between)" -ge $((CUTS / 2))
	t_cmp "breaks at the frontend" "$breaks" -ge $((CUTS * 2 / 3))
	t_cmp "breaks at the stub" "$(exp_stat breaks)" -ge $((CUTS * 2 / 3))
}

state_is() { [[ $(att state) == "$1" ]]; }
export_state() { server_ctl --json status | fields exports name "$EXPORT" | field state; }
export_is() { [[ $(export_state) == "$1" ]]; }

# The device counts the writes that reach it. The frames of writes fill no message of RDMA.
test_no_write_is_lost_or_repeated()
{
	[[ $RIOD_TRANSPORT == tcp ]] || CUTS_FRAMES=between
	cuts_begin "$CUTS" 4000 25
	testdev
	/riod-build/vfio/writes "$ATT_DEV" $((CUTS * 100))
	t_eq state "$(att state)" connected
	if [[ $RIOD_TRANSPORT == tcp ]]; then check_cuts $((CUTS / 2)); else check_cuts 0; fi
}

# the guest's driver sees a slow device and no error
test_verified_io()
{
	cuts_begin "$CUTS" 250000 40
	zoo_guest nvme
	ZOO_FIO_S=$((600 + CUTS * 5)) zoo_fio "$MIB"
	t_eq "errors in the guest" "$(guest 'dmesg | grep -cE "nvme.*(timeout|abort|reset|I/O error)|blocked for more than" || true')" 0
	check_cuts $((CUTS / 2))
	t_eq "forced cuts" "$(att_stat forced) $(exp_stat forced)" "0 0"
	guest_poweroff 60
}

# both ends say what they wait for, and go on
test_away_for_a_while()
{
	cuts_begin
	testdev
	cuts_tell refuse
	wait_for "$SOON" state_is resuming
	wait_for "$SOON" export_is resuming
	cuts_tell up
	wait_for "$SOON" state_is connected
	wait_for "$SOON" export_is connected
	/riod-build/vfio/writes "$ATT_DEV" 64
	# silence: no end of the connection is reported
	cuts_tell drop
	wait_for "$LONG" state_is resuming
	cuts_tell up
	wait_for "$SOON" state_is connected
	/riod-build/vfio/writes "$ATT_DEV" 64
	t_cmp breaks "$(att_stat breaks)" -ge 2
}

# nobody comes back: both ends give up after lost_ms, the device is fenced
test_lost_in_the_end()
{
	cuts_begin
	testdev
	cuts_tell refuse
	wait_for "$SOON" state_is resuming
	wait_for "$LONG" no_attachments
	wait_for "$LONG" export_is idle
	t_match "log" "$(dmesg)" "the session is over: the connection broke"
}

# a server host that was restarted has no session: the client knows at once
test_server_forgot()
{
	cuts_begin
	patient
	testdev
	cuts_tell refuse
	wait_for "$SOON" state_is resuming
	server_ctl unbind "$EXPORT" --force
	zoo_bind "$EXPORT" --no-reset
	cuts_tell up
	wait_for "$SOON" no_attachments
	t_match "log" "$(dmesg)" "no longer has the session"
}

# detached while the connection is broken: nothing waits for the server host
test_detach_meanwhile()
{
	local started
	cuts_begin
	patient
	testdev
	cuts_tell refuse
	wait_for "$SOON" state_is resuming
	# riodctl waits for 10 s at most: the functions left because of it, not because of a loss
	started=$SECONDS
	riod_detach
	no_attachments
	t_cmp "seconds to detach" $((SECONDS - started)) -lt $((PATIENT_MS / 1000 / 2))
	t_fails export_is idle
	# the server host cannot know
	server_ctl unbind "$EXPORT" --force
	zoo_bind "$EXPORT" --no-reset
}

ktap_run "$@"

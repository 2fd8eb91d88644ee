#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_policy.sh - what a broken connection does: attach --on-loss, --loss-timeout and --persist
#
# devices: nvme,size=16M virtio-rng-pci,aer=on
# topology: loopback
# timeout: 300
# console-allow: AER: |PCIe Bus Error|1af4:1044\] error status|\[14\] CmpltTO

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"
# shellcheck source=selftests/cuts.sh
. "$(dirname "$0")/cuts.sh"
# shellcheck source=selftests/user.sh
. "$(dirname "$0")/user.sh"

PARAMS=/sys/module/riod_stub/parameters
# for what happens at once: nothing measures it, and the machine may be busy
SOON=20
[[ $RIOD_KERNEL == stock ]] || SOON=60

setup()
{
	on server modprobe riod_stub
	modprobe riod_frontend
	modprobe vfio_iommu_type1
}

# each step, also if one before it failed or ended its shell: the next test needs all of them
each_cleanup()
{
	local step failed=0
	for step in persist_end user_end zoo_end cuts_end params_end; do
		("$step") || failed=1
	done
	(( !failed ))
}

params_end()
{
	on server "echo 2000 > $PARAMS/keepalive_ms; echo 60000 > $PARAMS/lost_max_ms"
}

# attach_with OPTION... - attach the NVMe controller
attach_with()
{
	# shellcheck disable=SC2034 # read by zoo_attach
	local -a ZOO_ATTACH=("$@")
	cuts_begin
	zoo_attach nvme
}

# persist [OPTION...] - start "riodctl attach --persist"
persist()
{
	# shellcheck disable=SC2016 # expanded by the inner shell
	bash -c 'riodctl --json attach --persist "$@"; echo $? > /run/riod/persist.status' - \
		"$RIOD_SERVER" "$EXPORT" "$@" > /run/riod/persist.out 2> /run/riod/persist.err 7>&- 8>&- &
	echo $! > /run/riod/persist
}

# persist_said EVENT [N] - it has printed EVENT N times (1)
persist_said() { (( $(grep -c "\"event\":\"$1\"" /run/riod/persist.out || true) >= ${2:-1} )); }

# persist_field EVENT NAME - a member of the last such event
persist_field()
{
	grep "\"event\":\"$1\"" /run/riod/persist.out | tail -n 1 | vmtool json | field "$2"
}

# as systemd stops it; prints its status
persist_stop()
{
	pkill -TERM -P "$(< /run/riod/persist)"
	wait_for 20 test -s /run/riod/persist.status || return
	cat /run/riod/persist.status
}

persist_end()
{
	[[ ! -e /run/riod/persist || -s /run/riod/persist.status ]] || persist_stop
	rm -f /run/riod/persist /run/riod/persist.status
}

# each line of its output is an object with the time
persist_is_json()
{
	local line n=0
	while read -r line; do
		vmtool json <<< "$line" | grep -q ^time= || return
		n=$((n + 1))
	done < /run/riod/persist.out
	(( n ))
}

# the attachment that it made, for user()
persist_device()
{
	ATT_ID=$(persist_field "${1:-attached}" id)
	ATT_DEV=$(persist_field "${1:-attached}" functions.0)
	[[ -n $ATT_ID && -e /sys/bus/pci/devices/$ATT_DEV ]]
}

# lost_at_once POLICY - the connection is cut, and would be resumed at once
lost_at_once()
{
	local value ms
	attach_with --on-loss "$1"
	t_eq policy "$(att on_loss)" "$1"
	user
	read -r value ms < <(user_read)
	t_diag "a read: $value in $ms ms"
	[[ $value != 0xffffffff ]] || t_fail "the device does not answer"
	cuts_tell cut
	wait_for "$SOON" state_is lost
	t_eq reason "$(att reason)" "the connection broke"
	wait_for "$SOON" user_says request
	t_eq breaks "$(att breaks)" 0
	read -r value ms < <(user_read)
	t_eq "a register of the lost device" "$value" 0xffffffff
	t_cmp "ms to read it" "$ms" -lt 1000
}

test_remove()
{
	lost_at_once remove
	t_eq "error interrupts" "$(grep -c ^error /run/riod/user.out || true)" 0
	user_close
	wait_for "$SOON" no_attachments
}

test_error()
{
	lost_at_once error
	wait_for "$SOON" user_says error
	user_close
	wait_for "$SOON" no_attachments
}

# ERR is for losses that nobody wanted here
test_no_error_for_a_detach()
{
	attach_with --on-loss error
	user
	riod_detach --force
	t_eq state "$(att state)" detached
	wait_for "$SOON" user_says request
	t_eq "error interrupts" "$(grep -c ^error /run/riod/user.out || true)" 0
	user_close
	wait_for "$SOON" no_attachments
}

# A user that does not release the function is asked again, as by VFIO's core.
test_request_is_repeated()
{
	attach_with --on-loss remove
	user
	cuts_tell cut
	wait_for "$SOON" user_says request
	# one more every 10 s
	wait_for 60 user_was_asked 2
	user_close
	wait_for "$SOON" no_attachments
}
user_was_asked() { (( $(grep -c ^request /run/riod/user.out) >= $1 )); }

# qemu_id KIND - QEMU's id of function 0 of the run's first KIND: dev<N>0, see vm/devices.sh
qemu_id()
{
	local entry n=0
	for entry in $RIOD_DEVICES; do
		[[ $entry != "$1="* ]] || break
		n=$((n + 1))
	done
	echo "dev${n}0"
}

# An uncorrectable error of the device is reported as by vfio-pci, whatever the policy. The
# device is one that QEMU lets report errors.
test_device_error()
{
	local before value
	zoo_attach virtio-rng-pci
	# its registers are in BAR 4
	user 4
	read -r before _ < <(user_read)
	t_diag "a register before the error: $before"
	[[ $before != 0xffffffff ]] || t_fail "the device does not answer"
	vm_monitor server "pcie_aer_inject_error $(qemu_id virtio-rng-pci) COMP_TIME"
	wait_for "$SOON" state_is lost
	t_eq reason "$(att reason)" "the device reported an uncorrectable PCI Express error"
	wait_for "$SOON" user_says error
	wait_for "$SOON" user_says request
	user_close
	wait_for "$SOON" no_attachments
	wait_for 20 export_idle
	# it has recovered: the next peer gets a device that works
	user_end
	riod_attach
	user 4
	read -r value _ < <(user_read)
	user_close
	t_eq "a register after the error" "$value" "$before"
	t_eq "errors" "$(grep -c ^error /run/riod/user.out || true)" 0
	riod_detach
}

# lost_after MS - an access waits that long, and no more than twice. It begins some time after
# the break, in which commands run.
lost_after()
{
	local value ms
	t_eq "time agreed on" "$(att lost_ms)" "$1"
	t_eq policy "$(att on_loss)" stall
	user
	cuts_tell refuse
	wait_for "$SOON" state_is resuming
	t_eq requests "$(grep -c ^request /run/riod/user.out || true)" 0
	read -r value ms < <(user_read)
	t_diag "lost_ms $1: the access waited for $ms ms"
	t_eq "a register of the lost device" "$value" 0xffffffff
	t_cmp "ms that it waited" "$ms" -ge $(($1 / 2))
	t_cmp "ms that it waited" "$ms" -le $(($1 * 2))
	wait_for "$SOON" state_is lost
	wait_for "$SOON" user_says request
	user_close
	wait_for "$SOON" no_attachments
}

test_loss_timeout()
{
	on server "echo 500 > $PARAMS/keepalive_ms"
	attach_with --loss-timeout 8s
	lost_after 8000
}

# a VMM host cannot make the device wait for longer than its host allows
test_server_caps_the_timeout()
{
	on server "echo 500 > $PARAMS/keepalive_ms; echo 6000 > $PARAMS/lost_max_ms"
	attach_with --loss-timeout 30s
	lost_after 6000
}

test_timeout_below_two_keepalives()
{
	local message
	cuts_begin
	EXPORT=$(device nvme)
	remember EXPORT
	zoo_bind "$EXPORT"
	message=$(t_fails riodctl attach "$RIOD_SERVER" --loss-timeout 3s 2>&1)
	t_match message "$message" "--loss-timeout .3000 ms. is below twice the server's keepalive_ms .2000."
	no_attachments
}

# The server host forgets the session while the function is open; then has no export for a
# while; then has it again.
test_persist_comes_back()
{
	local first
	cuts_begin
	EXPORT=$(device nvme)
	remember EXPORT
	zoo_bind "$EXPORT"
	# the server host may be away for longer than any step takes
	persist --loss-timeout 60s
	wait_for "$SOON" persist_said attached
	persist_device
	first=$ATT_ID
	user
	# a break of milliseconds may be over before its event is sent
	cuts_tell refuse
	wait_for "$SOON" persist_said resuming
	cuts_tell up
	wait_for "$SOON" persist_said resumed
	cuts_tell refuse
	wait_for "$SOON" persist_said resuming 2
	server_ctl unbind "$EXPORT" --force
	zoo_bind "$EXPORT"
	cuts_tell up
	wait_for "$SOON" persist_said lost
	t_eq reason "$(persist_field lost reason)" "the server host no longer has the session"
	wait_for "$SOON" user_says request
	t_eq "attachments while it is open" "$(attachments | grep -c '\.id=')" 1
	t_fails persist_said gone
	server_ctl unbind "$EXPORT"
	user_close
	wait_for "$SOON" persist_said gone
	wait_for "$SOON" persist_said failed
	t_cmp "seconds to the next attempt" "$(persist_field failed retry_s | cut -d . -f 1)" -le 30
	zoo_bind "$EXPORT"
	wait_for $((SOON + 40)) persist_said attached 2
	persist_device
	t_eq "number of the next attachment" "$ATT_ID" $((first + 1))
	wait_for "$SOON" state_is connected
	persist_is_json
	t_eq "exit status" "$(persist_stop)" 130
	persist_said detached
	no_attachments
	wait_for 20 export_idle
}

# A process that has the function open keeps it; the next run goes on with it, and does not
# take it away: it does not know who made it.
test_persist_leaves_what_is_in_use()
{
	local id
	cuts_begin
	EXPORT=$(device nvme)
	remember EXPORT
	zoo_bind "$EXPORT"
	persist
	wait_for "$SOON" persist_said attached
	persist_device
	id=$ATT_ID
	user
	t_eq "exit status" "$(persist_stop)" 130
	persist_said kept
	wait_for "$SOON" state_is connected
	persist_end
	persist
	wait_for "$SOON" persist_said adopted
	persist_device adopted
	t_eq attachment "$ATT_ID" "$id"
	user_close
	t_eq "exit status" "$(persist_stop)" 130
	persist_said kept
	t_eq state "$(att state)" connected
	persist_end
	persist
	wait_for "$SOON" persist_said adopted
	# somebody detaches it: it stays detached
	riod_detach
	wait_for "$SOON" test -s /run/riod/persist.status
	t_eq "exit status" "$(< /run/riod/persist.status)" 0
	persist_said detached
	no_attachments
}

# A guest does not release a lost function, and somebody gives it up.
test_persist_and_a_detach_of_a_lost_one()
{
	cuts_begin
	EXPORT=$(device nvme)
	remember EXPORT
	zoo_bind "$EXPORT"
	persist --on-loss remove
	wait_for "$SOON" persist_said attached
	persist_device
	user
	cuts_tell cut
	wait_for "$SOON" persist_said lost
	t_fails riod_detach
	riod_detach --force
	t_eq state "$(att state)" detached
	wait_for "$SOON" test -s /run/riod/persist.status
	t_eq "exit status" "$(< /run/riod/persist.status)" 0
	persist_said detached
	user_close
	wait_for "$SOON" no_attachments
}

# an attempt is in the list, and can be detached
test_persist_and_a_detach_of_the_attempt()
{
	cuts_begin
	EXPORT=$(device nvme)
	remember EXPORT
	zoo_bind "$EXPORT"
	# the connection is made, and the server host says nothing
	cuts_tell drop
	persist
	wait_for "$SOON" an_attempt
	ATT_ID=$(attachments | sed -n 's/^[0-9]*\.id=//p')
	riod_detach
	wait_for "$SOON" test -s /run/riod/persist.status
	t_eq "exit status" "$(< /run/riod/persist.status)" 0
	persist_said detached
	no_attachments
}
an_attempt() { attachments | grep -q 'state=attaching'; }

# This host suspends during an attempt: nobody detached it. pm_test "freezer" runs the PM
# notifiers and freezes tasks for 5 s.
test_persist_and_a_suspend()
{
	[[ -e /sys/power/pm_test ]] || t_skip "the kernel has no CONFIG_PM_DEBUG"
	cuts_begin
	EXPORT=$(device nvme)
	remember EXPORT
	zoo_bind "$EXPORT"
	cuts_tell drop
	persist
	wait_for "$SOON" an_attempt
	echo freezer > /sys/power/pm_test
	echo freeze > /sys/power/state
	echo none > /sys/power/pm_test
	wait_for "$SOON" grep -q 'this host shuts down or suspends' /run/riod/persist.out
	cuts_tell up
	wait_for $((SOON + 40)) persist_said attached
	t_eq "exit status" "$(persist_stop)" 130
	persist_said detached
	no_attachments
}

# The modules are loaded again while it waits: numbers of netlink families change.
test_persist_loads_modules()
{
	[[ $RIOD_TOPOLOGY == loopback ]] || t_skip "unloads the server host's modules, too"
	EXPORT=$(device nvme)
	remember EXPORT
	persist
	wait_for "$SOON" persist_said failed
	modprobe -r riod_frontend riod_stub
	[[ ! -e /sys/module/riod_rdma ]] || modprobe -r riod_rdma
	[[ ! -e /sys/module/riod_core ]] || modprobe -r riod_core
	modprobe riod_stub
	zoo_bind "$EXPORT"
	wait_for $((SOON + 40)) persist_said attached
	persist_device
	t_eq "exit status" "$(persist_stop)" 130
	persist_said detached
	no_attachments
}

test_persist_ends_with_what_cannot_pass()
{
	cuts_begin
	EXPORT=$(device nvme)
	remember EXPORT
	zoo_bind "$EXPORT"
	persist --profile nmve
	wait_for "$SOON" test -s /run/riod/persist.status
	t_eq "exit status" "$(< /run/riod/persist.status)" 3
	t_match message "$(< /run/riod/persist.out)" "no profile has that name"
	t_eq lines "$(wc -l < /run/riod/persist.out)" 1
	no_attachments
}

ktap_run "$@"

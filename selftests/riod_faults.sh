#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_faults.sh - QEMU killed, guest reset, connection cut, removal by force, no vIOMMU
#
# devices: nvme,size=512M
# memory: 2048
# timeout: 1200

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

# Tests share a guest for as long as it survives. The function is hot-plugged into it, and out
# when it is lost.

setup()
{
	on server modprobe riod_stub
	modprobe riod_frontend
	riod_export nvme
	remember EXPORT
	: > /run/settled
}

# start over if the previous test did not complete
each_setup()
{
	recall
	[[ -e /run/settled ]] || start_over
	rm /run/settled
}

settled() { : > /run/settled; }

ON_LOSS=()
[[ $RIOD_TOPOLOGY != loopback ]] || ON_LOSS=(--on-loss remove)

start_over()
{
	guest_kill
	[[ $RIOD_TOPOLOGY == loopback ]] || link_restore
	riod_detach_all
	riod_export nvme
}

cleanup()
{
	recall
	start_over
	riod_unexport
}

not_in_use() { [[ $(att in_use) != true ]]; }
bus_master_held() { [[ $(att bus_master) == held-limit ]]; }
# lost, or already gone: QEMU may have released it by now
device_lost() { [[ $(att state) == lost ]] || no_attachments; }

# ready - have a running guest whose driver is bound to the function
ready()
{
	guest_running || guest_start --reboot -device pcie-root-port,id=hp,chassis=9
	guest 'pkill -KILL fio || true'
	wait_for 60 guest '! pgrep fio'
	! driven || return 0
	if no_attachments; then
		# ss can cut a connection, not keep the hosts apart: without this it is resumed
		riod_attach "${ON_LOSS[@]}"
		remember EXPORT ATT_ID ATT_DEV
	fi
	guest_monitor "device_add vfio-pci,host=$ATT_DEV,bus=hp,id=fn" | tee /run/said
	t_eq "the monitor's complaint" "$(tr -d '\r\n' < /run/said)" ""
	load_driver
}

driven() { [[ -n ${ATT_ID:-} && $(att state) == connected ]] && guest test -b /dev/nvme0n1; }

# gone - QEMU releases a lost function at VFIO's request, and the guest keeps running
gone()
{
	riod_detach --force || true
	wait_for 60 no_attachments
	wait_for 40 export_idle
	guest true
}

# QEMU's drive claims to support several paths: with multipath the guest would queue I/O for
# another path after the loss, instead of failing it
load_driver()
{
	guest modprobe nvme_core multipath=N
	guest modprobe nvme
	wait_for 30 guest test -b /dev/nvme0n1
}

guest_ios() { guest "awk '{ print \$1 }' /sys/block/nvme0n1/stat"; }
guest_ios_above() { (( $(guest_ios) > $1 )); }

io_in_background()
{
	local before
	before=$(guest_ios)
	guest 'nohup fio --name=bg --filename=/dev/nvme0n1 --rw=randrw --bs=16k --iodepth=16 --direct=1 \
		--ioengine=libaio --time_based --runtime=600 > /tmp/fio.log 2>&1 < /dev/null &'
	if ! wait_for 60 guest_ios_above $((before + 50)); then
		guest 'cat /sys/block/nvme0n1/stat /tmp/fio.log; dmesg | tail -n 20; pgrep -a fio'
		att_stats
		t_fail "the guest does no I/O"
	fi
}

reads() { guest dd if=/dev/nvme0n1 of=/dev/null bs=64k count=16 iflag=direct; }

test_qemu_killed()
{
	ready
	io_in_background
	guest_kill
	wait_for 20 not_in_use
	t_eq "mapped" "$(att_mapped)" 0
	ready
	reads
	settled
}

test_guest_reset()
{
	ready
	io_in_background
	guest_monitor system_reset
	guest_wait_boot
	load_driver
	reads
	settled
}

# trace the server from a loss to the fence, with task switches
trace_start()
{
	# shellcheck disable=SC2016 # expanded there
	on server 'cd /sys/kernel/tracing && echo 0 > tracing_on && : > trace &&
		for e in riod/riod_session_lost riod_stub sched/sched_switch; do echo 1 > events/$e/enable; done &&
		echo 1 > tracing_on'
}

# events from the first riod_stub_lost to the end, one per line
trace_since_lost()
{
	# shellcheck disable=SC2016 # expanded there
	on server 'cd /sys/kernel/tracing && echo 0 > tracing_on
		for e in riod/riod_session_lost riod_stub sched/sched_switch; do echo 0 > events/$e/enable; done
		sed -nE "s/^.* [0-9.]+: ([a-z_]+): (.*)/\1 \2/p" trace | sed -n "/^riod_stub_lost/,\$p"'
}

# break the session's connection: on two hosts the link goes dead, on one TCP is reset
break_connection()
{
	if [[ $RIOD_TOPOLOGY == pair ]]; then
		link_cut
	else
		ss -K 'dport = :7463' | grep -q 7463
	fi
}

server_lost() { on server "grep -q riod_stub_fence_done /sys/kernel/tracing/trace"; }

test_connection_cut()
{
	ready
	reads
	io_in_background
	trace_start
	break_connection
	wait_for 60 device_lost
	guest_monitor -t 5 info status
	wait_for 60 server_lost
	trace_since_lost > /run/trace
	grep -n '^riod' /run/trace
	# no other task runs between the loss and the fence
	t_eq "order" "$(head -n 3 /run/trace | cut -d ' ' -f 1 | xargs)" \
		"riod_stub_lost riod_stub_fence_begin riod_stub_master"
	t_match "then" "$(sed 1,3d /run/trace | grep '^riod' | cut -d ' ' -f 1 | xargs)" \
		'^riod_session_lost .*riod_stub_fence_done .*riod_stub_reset riod_stub_freed'
	t_match "bus master" "$(sed -n 3p /run/trace)" 'off|on=0'
	t_diag "$(sed -nE '/^riod_stub_fence_done/s/^/server: /p' /run/trace)"
	# the guest's I/O must fail, not hang
	wait_for 60 guest '! pgrep fio && ! dd if=/dev/nvme0n1 of=/dev/null bs=4k count=1 iflag=direct'
	guest grep -q 'err=.*Input/output error\|err=.*No such device' /tmp/fio.log
	[[ $RIOD_TOPOLOGY == loopback ]] || link_restore
	gone
	ready
	reads
	settled
}

# unbind the export while a guest drives the device
test_unbind_while_in_use()
{
	ready
	io_in_background
	t_match "error" "$(t_fails server_ctl unbind "$EXPORT" 2>&1)" 'force'
	server_ctl unbind "$EXPORT" --force
	wait_for 40 device_lost
	guest_monitor -t 5 info status
	riod_detach --force || true
	wait_for 60 no_attachments
	riod_export nvme
	settled
}

test_detach_refused_then_forced()
{
	local ns
	ready
	io_in_background
	t_match "error" "$(t_fails riod_detach 2>&1)" 'force'
	riod_detach --force
	guest_monitor -t 5 info status
	wait_for 20 export_idle
	ns=$(exports | sed -n 's/^0\.fence_ns=//p')
	t_diag "fenced $ns ns after the peer was declared lost"
	t_cmp "fence" "$ns" -gt 0
	gone
	settled
}

test_no_viommu()
{
	# needs a guest without a vIOMMU
	start_over
	riod_attach
	guest_start --iommu none -device "vfio-pci,host=$ATT_DEV"
	# in the background: it returns only after the driver gave up, which clears bus master
	guest 'modprobe nvme > /dev/null 2>&1 < /dev/null &'
	wait_for 30 bus_master_held
	t_match "status" "$("$RIODCTL" status)" 'iommu'
	guest true
}

ktap_run "$@"

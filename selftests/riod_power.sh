#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_power.sh - either host suspends or starts another kernel (kexec), the server host halts:
# the other host is told at once, and the device is at rest by then
#
# topology: pair
# devices: nvme,size=64M
# memory: 768
# s3: yes
# timeout: 300

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"
# shellcheck source=selftests/user.sh
. "$(dirname "$0")/user.sh"

REASON="one of the hosts shuts down or suspends"
# without a BYE the session would be over after LOST_MS
LOST_MS=20000
AT_ONCE_MS=5000

# reboot(2): runs the reboot notifiers and shuts devices down, as power-off and restart do,
# and then stops the machine, or starts the kernel that was loaded. "kexec -e" would first
# take the network down.
REBOOT='syscall(169, 0xfee1dead, 672274793, hex shift, 0); die "reboot: $!"'
HALT=cdef0123
KEXEC=45584543

# all modules that the server host needs: after S3 it does not have the harness's shares
setup()
{
	on server modprobe -a riod_stub nvme
	modprobe riod_frontend
	modprobe vfio_iommu_type1
}

# the server host is halted by the end
lib_leaks() { on vmm leaks_show; }

each_cleanup()
{
	# after a failure
	! server_sleeps || vm_monitor server system_wakeup
	user_end
	if [[ -e /run/riod/halted ]]; then
		riod_detach_here
	else
		zoo_end
	fi
}

# begin - a program has the NVMe controller open
begin()
{
	ZOO_ATTACH=(--on-loss stall --loss-timeout "${LOST_MS}ms")
	zoo_attach nvme
	user
	works
}

# the program reads a register, and the device answers
works()
{
	local value _
	read -r value _ < <(user_read)
	[[ $value != 0xffffffff ]] || t_fail "the device does not answer"
}

# lost - the session is over, and the program is told
lost()
{
	local value ms
	wait_for 5 state_is lost
	t_eq reason "$(att reason)" "$REASON"
	wait_for 2 user_says request
	read -r value ms < <(user_read)
	t_eq "a register of the lost device" "$value" 0xffffffff
	t_cmp "ms to read it" "$ms" -lt 1000
}

# works_again - the program closes the function, and a new attachment works
works_again()
{
	user_close
	wait_for 5 no_attachments
	wait_for 5 export_idle
	user_end
	riod_attach
	remember EXPORT ATT_ID ATT_DEV
	user
	works
	user_close
	riod_detach
}

# server_begins COMMAND... - run it on the server host, in the background
server_begins()
{
	local cmd
	cmd=$(command_line "$@")
	on server "setsid bash -c $(printf %q "$cmd") < /dev/null > /run/riod/begun 2>&1 &"
}

# server_reboots COMMAND - reboot(2) there, once the command's status is reported to this host
server_reboots() { server_begins "sleep 1; perl -e $(printf %q "$REBOOT") $1"; }

server_sleeps() { [[ $(vm_monitor server info status) == *suspended* ]]; }

server_id() { ON_TIMEOUT=5 on server cat /proc/sys/kernel/random/boot_id; }

# server_restarted ID - it answers, with another kernel than that of ID
server_restarted()
{
	local id
	id=$(server_id 2> /dev/null) && [[ $id != "$1" ]]
}

# on the host to restart: load its kernel, with what the harness added to the initramfs
kexec_load()
{
	{ cat /run/riod/job && echo RIOD_RESTARTED=1; } > /tmp/job
	{
		cat /run/riod/kernel/initrd
		cpio_file job /tmp/job
		cpio_file riodctl /run/riod/riodctl
	} > /tmp/initrd
	kexec -l /run/riod/kernel/bzImage --initrd=/tmp/initrd --reuse-cmdline
}

# ---- what the server host notices of the VMM host ----

# on the server host, until the export is idle again; then, with "wake", press a key of the
# VMM host until it is awake
watch_export()
{
	until riodctl --json list | grep -q '"state": *"idle"'; do sleep 0.1; done
	echo "riod-test: idle" > /dev/kmsg
	[[ ${1:-} == wake ]] || return 0
	until [[ -e /run/riod/awake ]]; do
		echo "hmp wake vmm sendkey ret" > /run/riod/ctl
		sleep 1
	done
}

# server_watches [wake] - begin that
server_watches()
{
	on server "rm -f /run/riod/awake; echo 'riod-test: watch' > /dev/kmsg"
	server_begins watch_export "$@"
}

# server_log_ms TEXT - ms in the server host's log from the last server_watches to TEXT
server_log_ms()
{
	on server dmesg | awk -F '[][]' -v text="$1" '
		/riod-test: watch$/ { from = $2; ms = "" }
		from && !ms && index($0, text) { ms = int(($2 - from) * 1000) + 1 }
		END { print ms; exit !ms }'
}

# server_noticed - it was told at once, and had the export idle at once
server_noticed()
{
	local told idle
	wait_for 30 server_log_ms "riod-test: idle" > /dev/null
	on server "dmesg | grep 'detached from'"
	told=$(server_log_ms "$REASON") || t_fail "the server host was not told"
	idle=$(server_log_ms "riod-test: idle")
	t_diag "the server host was told within $told ms, the export was idle within $idle ms"
	t_cmp "ms until it was told" "$told" -lt "$AT_ONCE_MS"
	t_cmp "ms until the export was idle" "$idle" -lt "$AT_ONCE_MS"
}

# ---- tests ----

# The first test of a run of its own, because the other kernel of the VMM host begins the run
# again, without the heads of the KTAP documents.
test_vmm_host_starts_another_kernel()
{
	if ! on server test -e /run/riod/restarts_vmm; then
		begin
		on server touch /run/riod/restarts_vmm
		kexec_load
		server_watches
		t_diag "this host starts another kernel, which begins this file again"
		perl -e "$REBOOT" "$KEXEC"
	fi
	no_attachments || t_fail "this is the kernel that attached"
	EXPORT=$(device nvme)
	server_noticed
	riod_network
	riod_attach
	remember EXPORT ATT_ID ATT_DEV
	user
	works
	user_close
}

# to idle, because in S3 it would lose the share that has this file
test_vmm_host_suspends()
{
	local before
	before=$(< /sys/power/suspend_stats/success)
	echo enabled > /sys/devices/platform/i8042/serio0/power/wakeup
	begin
	server_watches wake
	echo freeze > /sys/power/state
	on server touch /run/riod/awake
	t_eq "times that this host slept" $(($(< /sys/power/suspend_stats/success) - before)) 1
	server_noticed
	lost
	works_again
}

server_slept() { [[ -n $(on server cat /run/riod/begun) ]]; }

server_traces()
{
	on server 'cd /sys/kernel/tracing && echo > trace &&
		echo 1 > events/riod_stub/enable && echo 1 > events/power/suspend_resume/enable'
}

# server_events - what it traced, from the first fence on: one word for each step
server_events()
{
	on server cat /sys/kernel/tracing/trace | awk '
		/riod_stub_master: .* on=0/ { word = "master-off" }
		/riod_stub_reset: .* error=0/ { word = "reset" }
		/riod_stub_freed:/ { word = "freed" }
		/suspend_resume: freeze_processes.* begin/ { word = "freeze" }
		/suspend_resume: dpm_suspend\[.* begin/ { word = "suspend" }
		/suspend_resume: machine_suspend\[.* begin/ { word = "sleep" }
		word && word != last { print last = word }'
}

test_server_host_suspends()
{
	begin
	server_traces
	server_begins 'sleep 1; echo mem > /sys/power/state; echo "woke: $?"'
	lost
	wait_for 20 server_sleeps
	vm_monitor server system_wakeup
	wait_for 20 server_slept
	t_eq "suspend" "$(on server cat /run/riod/begun)" "woke: 0"
	on server cat /sys/kernel/tracing/trace
	t_eq events "$(server_events | xargs)" "master-off reset freed freeze suspend sleep"
	works_again
}

test_server_host_starts_another_kernel()
{
	local id
	begin
	id=$(server_id)
	on server kexec_load
	server_reboots "$KEXEC"
	lost
	wait_for 60 server_restarted "$id"
	user_close
	wait_for 5 no_attachments
	user_end
	# the other kernel finds a device at rest
	on server modprobe -a riod_stub nvme
	begin
}

# the last test
test_server_host_halts()
{
	begin
	touch /run/riod/halted
	server_reboots "$HALT"
	lost
	user_close
	wait_for 5 no_attachments
}

ktap_run "$@"

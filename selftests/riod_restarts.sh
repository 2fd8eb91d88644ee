#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_restarts.sh - a guest that resets the function, reboots, starts another kernel or
# crashes in the middle of I/O, or gets the function while it runs and loses it again
#
# devices: nvme,size=128M e1000e
# memory: 2560
# timeout: 1200
# console-allow: sysrq: Trigger a crash|Kernel panic - not syncing: sysrq triggered crash

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

MIB=8

setup()
{
	zoo_begin
	zoo_far 2
}

each_cleanup() { zoo_end; }

load_nvme() { guest "modprobe nvme_core multipath=N && modprobe nvme"; }

begin()
{
	ZOO_NO_DRIVER=1 zoo_guest nvme --reboot "$@"
	load_nvme
}

ios() { guest "awk '{ print \$1 + \$5 }' /sys/block/nvme0n1/stat"; }
ios_above() { (( $(ios) > $1 )); }

# busy - start reads and writes in the guest
busy()
{
	wait_for 60 zoo_disk > /dev/null
	guest 'nohup fio --name=bg --filename=/dev/nvme0n1 --rw=randrw --bs=16k --iodepth=16 --direct=1 \
		--ioengine=libaio --time_based --runtime=600 > /tmp/fio.log 2>&1 < /dev/null &'
	wait_for 60 ios_above 50
}

# last_words COMMAND - run a command that ends the guest's kernel and so does not answer
last_words() { GUEST_TIMEOUT=3 guest "$1" || true; }

# came_back - another kernel has booted, and its driver works with the function
came_back()
{
	guest_wait_boot
	load_nvme
	zoo_fio "$MIB"
	t_eq "forced cuts" "$(att_stat forced) $(exp_stat forced)" "0 0"
}

# the reset reaches the device, and I/O continues afterwards
test_reset()
{
	local before round
	begin
	busy
	for round in first second third; do
		before=$(ios)
		guest "echo 1 > $ZOO_FUNC.0/reset"
		t_ok "$round reset, after $before I/Os"
		wait_for 60 ios_above "$before"
	done
	t_eq "driver's messages" "$(guest 'dmesg | grep -ic "nvme.*failed to reset"' || true)" 0
	guest 'pkill -INT fio; while pgrep fio > /dev/null; do sleep 0.1; done'
	# fio prints err=%2d, so a single digit has a space before it
	t_match "fio's end" "$(guest 'grep -o "err=.*" /tmp/fio.log')" '^err= 0:'
	zoo_fio "$MIB"
	guest_poweroff 60
}

# nothing stops the device: it does DMA until the reset
test_reboot()
{
	begin
	busy
	last_words 'echo b > /proc/sysrq-trigger'
	came_back
	guest_poweroff 60
}

# in the guest: load the running kernel for kexec
kexec_load()
{
	{ cat /run/riod/kernel/initrd && cpio_file job /run/riod/job; } > /tmp/initrd
	kexec "$1" /run/riod/kernel/bzImage --initrd=/tmp/initrd --command-line="$(< /proc/cmdline) $2"
}

# the driver stops the device; the next kernel finds the IOMMU already enabled
test_kexec()
{
	begin --memory 768
	busy
	guest kexec_load -l ''
	last_words 'kexec -e'
	came_back
	guest_poweroff 60
}

# nothing is stopped: DMA goes on, into memory of the crashed kernel
test_crash_kernel()
{
	begin --memory 1024 --append crashkernel=384M
	busy
	guest kexec_load -p 'reset_devices irqpoll'
	last_words 'echo c > /proc/sysrq-trigger'
	came_back
	t_match "the kernel that runs" "$(guest ls /proc/vmcore)" vmcore
	guest_poweroff 60
}

# ---- plugged in and out ----

function_gone() { ! guest "test -e $ZOO_FUNC.0"; }

# A guest started with "riodctl qemu-args" has its network card from the beginning. The card
# is unplugged from the running guest, plugged in again, and unplugged.
test_hotplug()
{
	# behind a port, on bus 1
	local ZOO_FUNC=/sys/bus/pci/devices/0000:01:00 round said port
	zoo_attach e1000e
	port=riod$ATT_ID
	riod_qemu_args
	guest_start --iommu none "${QEMU_ARGS[@]}"
	for round in first second; do
		if [[ $round == second ]]; then
			said=$(guest_monitor "device_add vfio-pci,host=$ATT_DEV,bus=$port,id=$port-fn0" |
				tr -d '\r\n')
			t_eq "the monitor's complaint" "$said" ""
		fi
		wait_for 60 guest "test -e $ZOO_FUNC.0"
		guest modprobe e1000e
		# QEMU's card drops frames from buffers of several pages (riod_e1000.sh)
		zoo_link 2 1500 tso off sg off
		ZOO_SECS=5 zoo_streams 2
		t_eq "forced cuts" "$(att_stat forced) $(exp_stat forced)" "0 0"
		guest_monitor "device_del $port-fn0"
		wait_for 60 function_gone
		wait_for 20 not_in_use
		t_eq "mapped" "$(att_mapped)" 0
		on server 'ip -n far link set far2 down'
	done
	guest_poweroff 60
}

not_in_use() { [[ $(att in_use) != true ]]; }

ktap_run "$@"

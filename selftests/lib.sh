# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# lib.sh - shared library of riod's selftests (sourced by them, inside a host VM)
#
#   . "$(dirname "$0")/lib.sh"      ktap.sh documents how tests report results
#
# Hosts. The test's body runs on the VMM host. RIOD_TOPOLOGY is loopback (one VM is both
# hosts) or pair. Tests that use "on" run unchanged in both.
#   on server|vmm CMD [ARG...]   run CMD there: one word is a bash command line, several are
#                                a command and its arguments; functions of this shell work.
#                                Forwards input, output and status; kills CMD after
#                                ON_TIMEOUT seconds (300), status 124
#   $RIOD_SERVER_ADDR, $RIOD_VMM_ADDR   the hosts' addresses on the data link
#   device KIND [N]              PCI address, on the server, of the N-th (0) emulated KIND
#   vmm_device KIND [N]          the same on the VMM host (pair only; "# vmm-devices:")
#   link_cut, link_restore       cut, restore the data link from outside the VMs (pair only)
#   vm_monitor server|vmm|host|self CMD   QEMU's monitor of a host VM (set_link, device_del,
#                                sendkey, pcie_aer_inject_error, info, stop, cont, quit,
#                                system_reset, system_wakeup, nmi only), or cpu_time:
#                                nanoseconds that the VM's CPUs have run
#   bind_driver ADDR DRIVER      bind a PCI device of this host to a driver (vfio-pci, ...)
#   release_driver ADDR          bind it to its default driver again
#
# Guests run under KVM in the VMM host. For several guests, set GUEST=name before any of
# these (default "guest").
#   guest_start [OPTION...] [QEMU-ARG...]   boot, wait until it accepts commands
#       --iommu intel|virtio|none   (intel)     --memory MIB    (512)
#       --smp N                     (1)         --append ARGS   kernel command line
#       --accel kvm|tcg             (kvm)       --reboot        let it reboot (else QEMU exits)
#       --no-wait                               --kernel DIR    default: the stock kernel
#   guest CMD [ARG...]           run CMD there (like "on"; GUEST_TIMEOUT seconds, 120)
#   guest_wait_boot [SECONDS]    after --no-wait or a reboot: wait until it accepts commands
#   guest_monitor [-t SECONDS] CMD...   QEMU's monitor; fails with 124 if it does not answer
#   guest_poweroff [SECONDS]     unmount, power off, wait; returns QEMU's status
#   guest_wait [SECONDS]         wait until QEMU has exited; returns its status (124: timeout)
#   guest_kill                   SIGKILL QEMU
#   guest_running                true while QEMU runs
#   Console: /results/guest-<name>-console.log; QEMU's messages: guest-<name>-qemu.log
#
# Time. Tests do not sleep for a fixed time but wait for a condition with a deadline. All
# deadlines are multiplied by RIOD_TIMEOUT_SCALE (self-built debug kernels are slow).
#   wait_for SECONDS CMD [ARG...]   poll until CMD succeeds; fails at the deadline

LIB_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=selftests/ktap.sh
. "$LIB_DIR/ktap.sh"

AGENT_PORT=7400
GUEST_DIR=/run/riod/guests

scaled() { echo $(( $1 * ${RIOD_TIMEOUT_SCALE:-1} )); }

# nap - wait 100 ms between two polls, without starting a process
exec {lib_nap}<> <(:)
nap() { read -r -t 0.1 -u "$lib_nap" || true; }

wait_for()
{
	local end
	end=$(( SECONDS + $(scaled "$1") ))
	shift
	until "$@"; do
		if (( SECONDS >= end )); then
			echo "wait_for: never came true: $*" >&2
			return 1
		fi
		nap
	done
}

# ---- hosts ----

# command_line WORD... - print as one bash command line, with the functions it may need
command_line()
{
	local first=${1%% *}
	[[ $(type -t "$first") != function ]] || declare -f
	if (( $# == 1 )); then
		printf '%s\n' "$1"
	else
		printf '%q ' "$@"
	fi
}

on()
{
	local host=$1 cmd limit; shift
	cmd=$(command_line "$@")
	limit=$(scaled "${ON_TIMEOUT:-300}")
	case $RIOD_TOPOLOGY.$host in
	pair.server) vmtool call "10.99.0.1:$AGENT_PORT" "$limit" "$cmd" ;;
	pair.vmm | loopback.server | loopback.vmm) timeout -k 5 "$limit" bash -c "$cmd" ;;
	*) t_fail "on: no host '$host'" ;;
	esac
}

device()
{
	local entry n=${2:-0}
	for entry in $RIOD_DEVICES; do
		if [[ ${entry%%=*} == "$1" ]] && (( n-- == 0 )); then
			echo "${entry#*=}"
			return
		fi
	done
	echo "device: this run has no '$1' number ${2:-0} (it has: $RIOD_DEVICES)" >&2
	return 1
}

vmm_device() { RIOD_DEVICES=$RIOD_VMM_DEVICES device "$@"; }

vm_monitor()
{
	local id=$BASHPID.$RANDOM vm=$1; shift
	[[ $RIOD_TOPOLOGY == pair || $vm == self ]] || vm=host
	echo "hmp $id $vm $*" > /run/riod/ctl
	wait_for 20 test -e "/run/riod/answer.$id" || return 124
	cat "/run/riod/answer.$id"
	rm "/run/riod/answer.$id"
}

link_set()
{
	[[ $RIOD_TOPOLOGY == pair ]] || t_skip "one host has no link to cut"
	vm_monitor vmm "set_link data $1" && vm_monitor server "set_link data $1"
}

link_cut() { link_set off; }
link_restore() { link_set on; }

bind_driver()
{
	local dev=/sys/bus/pci/devices/$1
	modprobe "$2" || return
	echo "$2" > "$dev/driver_override"
	[[ ! -e $dev/driver ]] || echo "$1" > "$dev/driver/unbind"
	echo "$1" > /sys/bus/pci/drivers_probe
	[[ $(basename "$(readlink "$dev/driver")") == "$2" ]]
}

release_driver()
{
	local dev=/sys/bus/pci/devices/$1
	echo > "$dev/driver_override"
	[[ ! -e $dev/driver ]] || echo "$1" > "$dev/driver/unbind"
	modprobe -q "$(< "$dev/modalias")" || true	# the VM has no udev
	[[ -e $dev/driver ]] || echo "$1" > /sys/bus/pci/drivers_probe
}

# ---- guests ----

# job PID-FILE STATUS-FILE CMD... - run in the background, in its own session. Both files are
# created by rename, so a reader never sees one that is incomplete.
job()
{
	# shellcheck disable=SC2016 # expanded by the inner shell
	setsid bash -c 'put() { echo "$2" > "$1.new" && mv "$1.new" "$1"; }
		pid=$1 status=$2; shift 2
		"$@" & put "$pid" $!; wait $!; put "$status" $?' job "$@" &
}

guest_dir() { echo "$GUEST_DIR/${GUEST:-guest}"; }
guest_log() { echo "/results/guest-${GUEST:-guest}-$1.log"; }

guest_pid() { cat "$(guest_dir)/pid" 2> /dev/null; }
guest_running() { [[ -e $(guest_dir)/pid && ! -e $(guest_dir)/status ]]; }

# guest_initrd KERNEL-DIR - append the guest's /job to the kernel's initrd
guest_initrd()
{
	local dir
	dir=$(guest_dir)
	printf 'RIOD_VM=guest\nRIOD_GUEST=%q\nRIOD_TOPOLOGY=guest\n' "${GUEST:-guest}" > "$dir/job"
	# a cpio archive of the one file "job"
	{
		cat "$1/initrd"
		cpio_file job "$dir/job"
	} > "$dir/initrd"
}

cpio_pad() { head -c $(( (4 - $1 % 4) % 4 )) /dev/zero; }

# cpio_file NAME FILE - print a newc archive with one file (the root has no cpio)
cpio_file()
{
	local size
	size=$(stat -c %s "$2")
	cpio_entry "$1" 0100644 "$size"
	cat "$2"
	cpio_pad "$size"
	cpio_entry "TRAILER!!!" 0 0
}

# cpio_entry NAME MODE SIZE - print a newc header
cpio_entry()
{
	printf '070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\0' \
		1 $(( $2 )) 0 0 1 0 "$3" 0 0 0 0 $(( ${#1} + 1 )) 0 "$1"
	cpio_pad $(( 110 + ${#1} + 1 ))
}

# guest_disk NAME SERIAL - give the guest a read-only disk of this host
guest_disk()
{
	local disk
	for disk in /sys/block/vd*; do
		[[ $(< "$disk/serial") == "$2" ]] || continue
		GUEST_ARGS+=(-drive "file=/dev/${disk##*/},if=none,id=$1,format=raw,readonly=on,file.locking=off"
			-device "virtio-blk-pci,drive=$1,serial=riod-$1")
		return
	done
	return 1
}

guest_share()
{
	GUEST_ARGS+=(-fsdev "local,id=$1,path=$2,security_model=none,multidevs=remap,readonly=on"
		-device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

# guest_kvm - load KVM if it is not loaded
guest_kvm()
{
	[[ -e /dev/kvm ]] || modprobe kvm-amd || modprobe kvm-intel
	wait_for 5 test -e /dev/kvm
}

guest_start()
{
	local iommu=intel memory=512 smp=1 append='' accel=kvm reboot=0 wait=1
	local kernel=/run/riod/gkernel dir port cpu=host
	local -a GUEST_ARGS=() iommu_args=()
	while (( $# )); do
		case $1 in
		--iommu) iommu=$2; shift ;;
		--memory) memory=$2; shift ;;
		--smp) smp=$2; shift ;;
		--append) append=$2; shift ;;
		--accel) accel=$2; shift ;;
		--kernel) kernel=$2; shift ;;
		--reboot) reboot=1 ;;
		--no-wait) wait=0 ;;
		*) break ;;
		esac
		shift
	done
	case $iommu in
	intel) iommu_args=(-device "intel-iommu,intremap=on,caching-mode=on") ;;
	virtio) iommu_args=(-device virtio-iommu-pci) ;;
	none) ;;
	*) t_fail "guest_start: no IOMMU '$iommu'" ;;
	esac
	guest_running && t_fail "guest ${GUEST:-guest} is already running"
	dir=$(guest_dir)
	rm -rf "$dir"
	mkdir -p "$dir"
	if [[ $accel == kvm ]]; then guest_kvm; else accel=tcg,thread=multi cpu=max; fi
	port=$(( 7500 + $(cksum <<< "${GUEST:-guest}" | cut -d ' ' -f 1) % 400 ))
	echo $port > "$dir/port"
	guest_initrd "$kernel"
	guest_disk root riod-root
	guest_disk kernel riod-gkernel || guest_disk kernel riod-kernel
	guest_share riod /riod
	guest_share build /riod-build
	(( reboot )) || GUEST_ARGS+=(-no-reboot)
	# on a debug kernel a register access stalls a guest CPU for a long time
	[[ $RIOD_KERNEL == stock ]] || append+=" watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=300"

	: > "$(guest_log console)"
	job "$dir/pid" "$dir/status" \
		qemu-system-x86_64 -name "${GUEST:-guest}" -M q35,kernel-irqchip=split -accel "$accel" \
		-cpu $cpu -smp "$smp" -m "$memory" -nodefaults -display none \
		"${iommu_args[@]}" \
		-kernel "$kernel/vmlinuz" -initrd "$dir/initrd" \
		-append "console=hvc0 loglevel=7 panic=-1 oops=panic mitigations=off audit=0 no_timer_check pci=lastbus=0 $append" \
		-device virtio-serial-pci -chardev "file,id=console,path=$(guest_log console)" \
		-device virtconsole,chardev=console -serial "file:$(guest_log serial)" \
		-qmp "unix:$dir/qmp,server=on,wait=off" \
		-netdev "user,id=ctl,restrict=on,net=10.99.0.0/24,hostfwd=tcp:127.0.0.1:$port-10.99.0.15:$AGENT_PORT" \
		-device virtio-net-pci,netdev=ctl,romfile=,mac=52:54:00:99:00:0f \
		"${GUEST_ARGS[@]}" "$@" \
		< /dev/null > "$(guest_log qemu)" 2>&1
	wait_for 10 test -e "$dir/pid" || return
	(( ! wait )) || guest_wait_boot
}

# A guest is ready when it answers; its boot ID tells boots apart. The console cannot, as its
# last lines may be late. The first call waits in the network until the guest has one.
guest_boot_id() { GUEST_TIMEOUT=5 guest cat /proc/sys/kernel/random/boot_id 2> /dev/null; }

# after a KVM internal error the guest stops, but QEMU keeps running
guest_can_come() { guest_running && ! grep -q '^KVM internal error' "$(guest_log qemu)"; }

guest_is_up()
{
	local id
	guest_can_come || return 0		# the caller checks again
	id=$(guest_boot_id) && [[ $id != "$1" ]] && echo "$id" > "$(guest_dir)/boot"
}

# shellcheck disable=SC2120 # the arguments are for some callers only
guest_wait_boot()
{
	local before
	before=$(cat "$(guest_dir)/boot" 2> /dev/null || true)
	if wait_for "${1:-240}" guest_is_up "$before" && guest_can_come; then
		return
	fi
	echo "guest ${GUEST:-guest} did not come up; QEMU says:"
	cat "$(guest_log qemu)"
	echo "the end of its console:"
	tail -n 20 "$(guest_log console)"
	return 1
}

guest()
{
	vmtool call "127.0.0.1:$(< "$(guest_dir)/port")" "$(scaled "${GUEST_TIMEOUT:-120}")" \
		"$(command_line "$@")"
}

guest_monitor()
{
	local secs=10
	if [[ $1 == -t ]]; then secs=$2; shift 2; fi
	vmtool hmp "$(guest_dir)/qmp" "$(scaled "$secs")" "$*"
}

guest_wait()
{
	wait_for "${1:-60}" test -e "$(guest_dir)/status" || return 124
	return "$(< "$(guest_dir)/status")"
}

guest_poweroff()
{
	# shell built-ins only: the root may be gone before the power is off
	GUEST_TIMEOUT=30 guest 'sync; umount -a -t ext4,vfat,xfs; echo o > /proc/sysrq-trigger; read -r -t 20 < /dev/ttyS3' \
		2> /dev/null || true
	guest_wait "${1:-60}"
}

guest_kill()
{
	kill -KILL "$(guest_pid)" 2> /dev/null || true
	guest_wait 10 || true
}

# ---- leaks ----

# on_hosts CMD... - run on each host in turn
on_hosts()
{
	on vmm "$@" && { [[ $RIOD_TOPOLOGY == loopback ]] || on server "$@"; }
}

# discard what kmemleak has found so far: it is from before the test
leaks_forget()
{
	local file=/sys/kernel/debug/kmemleak
	[[ ! -e $file ]] || echo clear > $file
}

# kmemleak reports an object that no pointer refers to and that did not change between two
# scans, but none younger than five seconds.
leaks_show()
{
	local file=/sys/kernel/debug/kmemleak
	[[ -e $file ]] && ! grep -qw kmemleak=off /proc/cmdline || return 0
	echo scan > $file
	sleep 5
	echo scan > $file
	cat $file
	! grep -q . $file
}

# lib_begin, lib_leaks - called by ktap.sh before the first test and after cleanup
lib_begin() { on_hosts leaks_forget; }
lib_leaks() { on_hosts leaks_show; }

# lib_cleanup - called by ktap.sh at the end of the file: kill all guests
lib_cleanup()
{
	local dir
	for dir in "$GUEST_DIR"/*; do
		[[ ! -e $dir/pid ]] || GUEST=${dir##*/} guest_kill
	done
}

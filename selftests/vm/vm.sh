# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vm.sh - boot, watch and end host VMs (sourced by run)
#
# Every VM of a run lives in the run's directory, which is the current one:
#
#   console-VM.log   kernel console         VM.ctl.in/.out  fifos: the init's reports
#   qemu-VM.log      QEMU's own messages    VM.qmp          QEMU's monitor
#   ktap.log         the test's output      VM.shell        socket of the shell on hvc0
#   ctl              fifo: what the inits report, all VMs' (behind VM.ctl.out), and ticks
#   results/         what the VMs put into /results
#
# A VM sees, read-only: the images of the root file system, of its kernel and of the
# kernel for nested guests as virtio disks; the checkout, the build directory and the
# project's modules over virtio-9p. Writable: results/. Nothing else of the build machine:
# the disk images of emulated devices are in the run's directory, so that only the VM
# that has the device reaches them.

declare -A VM_PID=()

# vm_initrd VM JOB-FILE - the kernel's initrd with /job appended, and with riodctl, without
# the debugging information that costs a debug kernel a minute to read from a share
vm_initrd()
{
	local d=job-$1.d
	mkdir "$d"
	cp "$2" "$d/job"
	[[ -z $TOOL ]] || strip -o "$d/riodctl" "$TOOL" || die "cannot strip $TOOL"
	{
		cat "$KERNEL_DIR/initrd"
		(cd "$d" && printf '%s\n' * | cpio --quiet -o -H newc -R 0:0)
	} > "initrd-$1"
	rm -r "$d"
}

# vm_share TAG DIR [OPTION] - a virtio-9p share, into SHARES
vm_share()
{
	SHARES+=(-fsdev "local,id=$1,path=$2,security_model=none,multidevs=remap${3:-,readonly=on}"
		-device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

# vm_disk NAME IMAGE - a read-only disk, known to the VM by its serial; into SHARES
vm_disk()
{
	SHARES+=(-drive "file=$2,if=none,id=$1,format=raw,readonly=on,file.locking=off"
		-device "virtio-blk-pci,drive=$1,serial=riod-$1")
}

# vm_link NAME MAC-BYTE SERVER|CLIENT - one end of a link between two VMs, into LINKS
vm_link()
{
	local end=server=on host=1
	if [[ $3 == client ]]; then
		end=server=off,reconnect-ms=200
		host=2
	fi
	LINKS+=(-netdev "stream,id=$1,$end,addr.type=unix,addr.path=$1.link"
		-device "virtio-net-pci,netdev=$1,romfile=,mac=52:54:00:$2:00:0$host")
}

# vm_boot VM SMP MEMORY-MiB [QEMU-ARG...]
vm_boot()
{
	local vm=$1 smp=$2 mem=$3; shift 3
	local -a SHARES=() LINKS=()
	vm_disk root "$ROOTFS"
	vm_disk kernel "$KERNEL_DIR/image"
	[[ $GUEST_KERNEL == "$KERNEL_DIR" ]] || vm_disk gkernel "$GUEST_KERNEL/image"
	[[ -z $MODULES_DIR ]] || vm_share modules "$MODULES_DIR"
	vm_share riod "$REPO"
	[[ -z $BUILD_DIR ]] || vm_share build "$BUILD_DIR"
	vm_share results "$RUN_DIR/results" ,writeout=immediate
	case $vm in
	server) vm_link data 77 server; vm_link ctl 99 server ;;
	vmm) vm_link data 77 client; vm_link ctl 99 client ;;
	esac
	vm_initrd "$vm" "job-$vm"
	mkfifo "$vm.ctl.in"
	ln -s "$PWD/ctl" "$vm.ctl.out"

	# a VM dies with this shell, however that ends
	setpriv --pdeathsig KILL qemu-system-x86_64 \
		-name "riod-$vm" -M q35,kernel-irqchip=split -accel tcg,thread=multi \
		-cpu "$VM_CPU" -smp "$smp" -m "$mem" -nodefaults -display none -no-reboot \
		-device intel-iommu,intremap=on,caching-mode=on,snoop-control=on "$@" \
		-kernel "$KERNEL_DIR/vmlinuz" -initrd "initrd-$vm" -append "$CMDLINE" \
		-serial "file:console-$vm.log" \
		-qmp "unix:$vm.qmp,server=on,wait=off" \
		-device virtio-serial-pci,id=serial \
		-chardev "socket,id=shell,path=$vm.shell,server=on,wait=off" \
		-device virtconsole,chardev=shell \
		-chardev "pipe,id=ctl,path=$vm.ctl" \
		-device virtserialport,chardev=ctl,name=riod.ctl \
		-chardev "file,id=ktap,path=ktap-$vm.log" \
		-device virtserialport,chardev=ktap,name=riod.ktap \
		"${SHARES[@]}" "${LINKS[@]}" \
		< /dev/null > "qemu-$vm.log" 2>&1 200>&- &
	VM_PID[$vm]=$!
}

# vm_reports SECONDS - makes ctl, open as descriptor 8, with a "run tick" in it every so
# often, so that who reads it has a look at the VMs, too. `read -t` is no way to do that:
# it loses the bytes of a line that it was reading when its time was up.
vm_reports()
{
	mkfifo ctl
	exec 8<> ctl
	# shellcheck disable=SC2016 # the inner shell's
	setpriv --pdeathsig KILL bash -c 'while sleep "$0"; do echo run tick; done' "$1" \
		< /dev/null > ctl 2> /dev/null 8>&- 200>&- &
	TICKER=$!
}

# shellcheck disable=SC2034 # VM, WHAT and REST are the callers'
# vm_report - waits for the next one: VM, WHAT and REST of "<vm> <what> <rest>"
vm_report() { read -r -u 8 VM WHAT REST; }

vm_alive() { [[ -n ${VM_PID[$1]:-} ]] && kill -0 "${VM_PID[$1]}" 2> /dev/null; }

# vm_say VM LINE - to its init; opened for both, as who only writes waits for a reader, and a
# VM may have ended
vm_say() { printf '%s\n' "$2" 1<> "$1.ctl.in"; }

# vm_nudge VM - an interrupt, if the VM waits for nothing else: an empty line for its init
#
# QEMU's TCG sometimes loses the local APIC's timer interrupt of a CPU that runs guests. If
# that was the only thing to wake it, the VM stands still: 20 minutes were seen, until
# somebody pressed a key on its console.
vm_nudge() { vm_say "$1" ''; }

# vm_monitor VM COMMAND... - QEMU's human monitor
vm_monitor()
{
	local vm=$1; shift
	"$VMTOOL" hmp "$vm.qmp" 10 "$*"
}

# vm_end_all - every VM of this run, now
vm_end_all()
{
	local vm
	[[ -z ${TICKER:-} ]] || kill -KILL "$TICKER" 2> /dev/null
	for vm in "${!VM_PID[@]}"; do
		kill -KILL "${VM_PID[$vm]}" 2> /dev/null
	done
	for vm in "${!VM_PID[@]}"; do
		wait "${VM_PID[$vm]}" 2> /dev/null
	done
	[[ -z ${TICKER:-} ]] || wait "$TICKER" 2> /dev/null || true
	VM_PID=() TICKER=
}

# vm_request VM LINE - "hmp ID TARGET COMMAND..." from a test (see vm_monitor in lib.sh)
#
# Only what a test may do to its hosts: nothing that opens files of this machine.
vm_request()
{
	local vm=$1 id target cmd out
	read -r id target cmd <<< "$2"
	[[ $target == self ]] && target=$vm
	case $cmd in
	set_link\ * | device_del\ * | info\ * | sendkey\ * | quit | stop | cont | system_reset | nmi) ;;
	*) out="refused: $cmd" ;;
	esac
	if [[ -z ${out:-} ]]; then
		if vm_alive "$target"; then
			out=$(vm_monitor "$target" "$cmd" 2>&1)
		else
			out="no VM '$target'"
		fi
	fi
	# one line, base64: the test waits for its id
	vm_say "$vm" "answer $id $(base64 -w0 <<< "$out")"
}

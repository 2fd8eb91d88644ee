# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vm.sh - boot, watch and end host VMs (sourced by run)
#
# The files of a run's VMs are in the run's directory, which is the current directory:
#
#   console-VM.log   kernel console         VM.ctl.in/.out  the init's control port
#   qemu-VM.log      QEMU's own messages    VM.qmp          QEMU's monitor
#   ktap-VM.log      the test's output      VM.shell        socket of the shell on hvc0
#   ctl              fifo: reports of all inits (VM.ctl.out links to it), and ticks
#   results/         the VMs' /results
#
# A VM has read-only access to the images of the root file system, of its kernel and of
# the kernel for nested guests, as virtio disks, and to the checkout, the build directory
# and the project's modules, over virtio-9p. It may write to results/. It has access to
# nothing else of the build machine. Disk images of emulated devices are in the run's
# directory, so that only the VM that has the device reaches them.

declare -A VM_PID=()

# vm_initrd VM JOB-FILE - append /job and a stripped riodctl to the kernel's initrd; a debug
# kernel needs a minute to read its debugging information from a share
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

# vm_share TAG DIR [OPTION] - add a virtio-9p share to SHARES
#
# The shares are functions of one device behind a PCIe port, whose bus comes after those of
# devices.sh. Linux cannot save the state of a 9p device over a suspend, but leaves alone a
# device with No_Soft_Reset, which QEMU offers behind a port only. So the shares work after
# a suspend to idle. Not after S3, in which QEMU resets all devices.
vm_share()
{
	(( NR_SHARES )) ||
		SHARES+=(-device "pcie-root-port,id=shares,bus=pcie.0,chassis=30,addr=0x1e.0")
	SHARES+=(-fsdev "local,id=$1,path=$2,security_model=none,multidevs=remap${3:-,readonly=on}"
		-device "virtio-9p-pci,fsdev=$1,mount_tag=$1,bus=shares,addr=0x0.$NR_SHARES,multifunction=on,x-pcie-pm-no-soft-reset=on")
	NR_SHARES=$((NR_SHARES + 1))
}

# vm_disk NAME IMAGE - add a read-only disk to SHARES; the VM identifies it by its serial
vm_disk()
{
	SHARES+=(-drive "file=$2,if=none,id=$1,format=raw,readonly=on,file.locking=off"
		-device "virtio-blk-pci,drive=$1,serial=riod-$1")
}

# vm_link NAME MAC-BYTE server|client - add one end of a link between two VMs to LINKS
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

# vm_boot VM SMP MEMORY-MiB [QEMU-ARG...] - start the VM; sets VM_PID[VM]
vm_boot()
{
	local vm=$1 smp=$2 mem=$3 NR_SHARES=0; shift 3
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

	# kill the VM when this shell ends, even by SIGKILL
	setpriv --pdeathsig KILL qemu-system-x86_64 \
		-name "riod-$vm,debug-threads=on" -M q35,kernel-irqchip=split -accel tcg,thread=multi \
		-cpu "$VM_CPU" -smp "$smp" -m "$mem" -nodefaults -display none -no-reboot \
		-device intel-iommu,intremap=on,caching-mode=on,snoop-control=on "$@" \
		-kernel "$KERNEL_DIR/$IMAGE" -initrd "initrd-$vm" -append "$CMDLINE" \
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

# vm_reports SECONDS - make ctl, open it as descriptor 8, and write "run tick" to it every
# SECONDS, so that the reader also checks the VMs. `read -t` cannot do this: at its timeout
# it loses the part of a line that it has read.
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
# vm_report - wait for the next report; sets VM, WHAT and REST from "<vm> <what> <rest>"
vm_report() { read -r -u 8 VM WHAT REST; }

vm_alive() { [[ -n ${VM_PID[$1]:-} ]] && kill -0 "${VM_PID[$1]}" 2> /dev/null; }

# vm_say VM LINE - send a line to the VM's init. The fifo is opened for reading and writing,
# because opening it for writing only would block if the VM has ended.
vm_say() { printf '%s\n' "$2" 1<> "$1.ctl.in"; }

# vm_nudge VM - send the VM's init an empty line, for the interrupt that it causes
#
# QEMU's TCG sometimes loses the local APIC's timer interrupt of a CPU that runs guests. If
# nothing else wakes the CPU, the VM hangs (seen: for 20 minutes, until a key was pressed on
# its console).
vm_nudge() { vm_say "$1" ''; }

# vm_monitor VM COMMAND... - run a command of QEMU's human monitor
vm_monitor()
{
	local vm=$1; shift
	"$VMTOOL" hmp "$vm.qmp" 10 "$*"
}

# vm_end_all - kill every VM of this run
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

# vm_cpu_time VM - nanoseconds that this machine's CPUs have spent on the VM's CPUs, whose threads
# are named "CPU N/TCG"
vm_cpu_time()
{
	local task name ns sum=0
	for task in /proc/"${VM_PID[$1]}"/task/*; do
		read -r name < "$task/comm"
		[[ $name == "CPU "* ]] || continue
		read -r ns _ < "$task/schedstat"
		sum=$(( sum + ns ))
	done
	echo $sum
}

# vm_request VM LINE - run a test's "ID TARGET COMMAND..." (see vm_monitor in lib.sh)
#
# Refuses commands that could open files of this machine.
vm_request()
{
	local vm=$1 id target cmd out
	read -r id target cmd <<< "$2"
	[[ $target == self ]] && target=$vm
	case $cmd in
	set_link\ * | device_del\ * | info\ * | sendkey\ * | pcie_aer_inject_error\ * | quit | stop | cont | system_reset | system_wakeup | nmi) ;;
	cpu_time) ;;
	*) out="refused: $cmd" ;;
	esac
	if [[ -z ${out:-} ]]; then
		if vm_alive "$target" && [[ $cmd == cpu_time ]]; then
			out=$(vm_cpu_time "$target")
		elif vm_alive "$target"; then
			out=$(vm_monitor "$target" "$cmd" 2>&1)
		else
			out="no VM '$target'"
		fi
	fi
	# base64, because the answer must be one line
	vm_say "$vm" "answer $id $(base64 -w0 <<< "$out")"
}

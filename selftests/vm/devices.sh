# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# devices.sh - QEMU arguments for the emulated PCI devices that a test asks for
#
# SPEC is KIND[,OPTION=VALUE...]; KIND is one of the kinds below or any QEMU device
# model. Options are passed to QEMU's device, except for the harness's own:
#
#   size=SIZE      size of the disk image (nvme, ahci, usb, virtio-blk-pci; 512M)
#   rom=BYTES      an expansion ROM of that size, with random contents
#   functions=N    a card of N functions, x.0 to x.N-1 (default 1)
#   functions=F+F...  a card of these functions; not for NICs
#   at=port|root|bridge   behind a PCIe root port of its own (reset methods, IOMMU group
#                  of its own), on the root bus, or behind the one PCIe-to-PCI bridge
#                  (one group for all there); default: port for PCIe devices, root for
#                  conventional ones
#
#   nvme, e1000e, igb, virtio-blk-pci, virtio-net-pci, ...   as in QEMU
#   ahci           ich9-ahci with a disk
#   usb            qemu-xhci with usb-storage and usb-kbd
#   ivshmem        ivshmem-plain with 64 MiB; all of a run share the same memory
#   hda            intel-hda with a duplex codec
#
# A sound device's output is recorded in the run's results/KIND<N><F>.wav, N and F from 0.
#
# Addresses: the N-th device behind a port (from 0) is 0000:<03+N>:00.0, buses 01 and
# 02 being empty hot-plug ports (rp0, rp1); the N-th on the root bus is
# 0000:00:<0x18+N>.0, up to 1d (vm.sh has the shares behind 1e); the N-th behind the bridge
# is <bus>:<01+N>.0, on the bus after those of all ports. Disk images are sparse files of this run; serials are random.
# The far end of every emulated NIC is a virtio NIC of the same VM, peer<N>.
#
# DEVICE_IMAGES         how names of disk images begin (disk)
# devices_args SPEC...  sets DEVICE_ARGS (array) and DEVICE_ADDRS (KIND=ADDRESS ...)

DEVICE_ARGS=()
DEVICE_ADDRS=""

device_is_conventional()
{
	case $1 in
	edu | pci-testdev | e1000 | e1000-82* | rtl8139 | ne2k_pci | ES1370 | AC97 | intel-hda | \
		ich9-intel-hda | ich9-ahci | ivshmem-plain | pcnet | i82* | lsi53c895a | i6300esb)
		return 0 ;;
	esac
	return 1
}

device_serial() { od -An -N6 -tx1 /dev/urandom | tr -d ' \n'; }

# device_disk N SIZE - add drive<N> with a new sparse image
device_disk()
{
	truncate -s "$2" "${DEVICE_IMAGES:-disk}$1.img"
	DEVICE_ARGS+=(-drive "file=${DEVICE_IMAGES:-disk}$1.img,if=none,id=drive$1,format=raw,cache=unsafe,file.locking=off,discard=unmap")
}

# device_nic N F - add netdev nic<N>f<F>; its far end is the virtio NIC peer<N*2+F>
device_nic()
{
	local id=$(( $1 * 2 + $2 ))
	DEVICE_ARGS+=(-netdev "hubport,hubid=$((100 + id)),id=nic$1f$2"
		-netdev "hubport,hubid=$((100 + id)),id=far$1f$2"
		-device "virtio-net-pci,netdev=far$1f$2,romfile=,mac=$(printf '52:54:00:55:00:%02x' $id)")
}

# device_recorder KIND N - add audiodev audio<N>, which records to results/KIND<N>.wav. The
# rate is the lowest that suits the card, so that its buffer lasts as long as possible.
device_recorder()
{
	local rate=44100
	case $1 in
	ES1370) rate=5512 ;;
	hda) rate=16000 ;;
	esac
	DEVICE_ARGS+=(-audiodev "wav,id=audio$2,path=results/$1$2.wav,out.frequency=$rate,out.channels=2,out.format=s16")
}

# device_rom FILE SIZE - make a ROM image with an unknown code type (PCI Firmware Specification
# 3.0, 5.1), so that no firmware runs it: header, PCI data structure at 0x1c, random bytes
device_rom()
{
	local blocks=$(( $2 / 512 ))
	{
		printf '\x55\xaa%b' "$(printf '\\x%02x' $((blocks & 0xff)))"
		head -c 21 /dev/zero
		printf '\x1c\0\0\0PCIR\xff\xff\xff\xff\0\0\x18\0\0\0\0\0%b\0\0\xff\x80\0\0' \
			"$(printf '\\x%02x\\x%02x' $((blocks & 0xff)) $((blocks >> 8)))"
		head -c "$2" /dev/urandom
	} | head -c "$2" > "$1"
}

# device_one N SPEC - add one device
device_one()
{
	local n=$1 kind=${2%%,*} model size=512M functions=1 at='' rom='' opts='' opt f place own extra
	local -a options numbers
	IFS=, read -r -a options <<< "$2"
	for opt in "${options[@]:1}"; do
		case $opt in
		size=*) size=${opt#*=} ;;
		functions=*) functions=${opt#*=} ;;
		at=*) at=${opt#*=} ;;
		rom=*) rom=${opt#*=} ;;
		*) opts+=,$opt ;;
		esac
	done
	case $kind in
	ahci) model=ich9-ahci ;;
	usb) model=qemu-xhci ;;
	ivshmem) model=ivshmem-plain ;;
	hda) model=intel-hda ;;
	*) model=$kind ;;
	esac
	if [[ -z $at ]]; then
		at=port
		device_is_conventional "$model" && at=root
	fi

	if [[ $at == port ]]; then
		place=bus=port$DEVICE_PORTS
		DEVICE_ARGS+=(-device "pcie-root-port,id=port$DEVICE_PORTS,bus=pcie.0,chassis=$((DEVICE_PORTS + 1)),addr=$(printf '0x%x' $((0x0f + DEVICE_PORTS))).0")
		DEVICE_ADDRS+=" $kind=$(printf '0000:%02x:00.0' $((DEVICE_PORTS + 1)))"
		DEVICE_PORTS=$((DEVICE_PORTS + 1))
		own=0x0
	elif [[ $at == bridge ]]; then
		(( DEVICE_BRIDGED )) || DEVICE_ARGS+=(-device "pcie-pci-bridge,id=bridge,bus=pcie.0,addr=0x17.0")
		DEVICE_BRIDGED=$((DEVICE_BRIDGED + 1))
		place=bus=bridge
		own=$(printf '0x%x' $DEVICE_BRIDGED)
		# devices_args replaces "bridge" by the bus number, once it is known
		DEVICE_ADDRS+=" $kind=$(printf '0000:bridge:%02x.0' $DEVICE_BRIDGED)"
	else
		place=bus=pcie.0
		own=$(printf '0x%x' $((0x18 + DEVICE_ROOTS)))
		DEVICE_ADDRS+=" $kind=$(printf '0000:00:%02x.0' "$own")"
		DEVICE_ROOTS=$((DEVICE_ROOTS + 1))
	fi

	if [[ $functions == *+* ]]; then
		read -ra numbers <<< "${functions//+/ }"
	else
		read -ra numbers <<< "$(seq -s ' ' 0 $((functions - 1)))"
	fi
	for f in "${numbers[@]}"; do
		extra=
		case $model in
		nvme) device_disk "$n$f" "$size"; extra=,drive=drive$n$f,serial=$(device_serial) ;;
		virtio-blk-pci) device_disk "$n$f" "$size"; extra=,drive=drive$n$f,serial=$(device_serial) ;;
		e1000* | igb | rtl8139 | ne2k_pci | pcnet | virtio-net-pci | vmxnet3 | i82*)
			device_nic "$n" "$f"
			extra=,netdev=nic${n}f$f,romfile=,mac=$(printf '52:54:00:44:%02x:%02x' "$n" "$f") ;;
		ivshmem-plain)
			DEVICE_ARGS+=(-object "memory-backend-file,id=ivshmem$n$f,mem-path=disk-ivshmem.img,size=64M,share=on")
			extra=,memdev=ivshmem$n$f ;;
		ES1370 | AC97)
			device_recorder "$kind" "$n$f"
			extra=,audiodev=audio$n$f ;;
		esac
		(( ${#numbers[@]} > 1 )) && extra+=,multifunction=on
		if [[ -n $rom ]]; then
			device_rom "${DEVICE_IMAGES:-disk}-rom$n$f.img" "$rom"
			extra=${extra/,romfile=/},romfile=${DEVICE_IMAGES:-disk}-rom$n$f.img
		fi
		DEVICE_ARGS+=(-device "$model,id=dev$n$f,$place,addr=$own.$f$extra$opts")
		case $kind in
		ahci)
			device_disk "$n$f" "$size"
			DEVICE_ARGS+=(-device "ide-hd,bus=dev$n$f.0,drive=drive$n$f,serial=$(device_serial)") ;;
		usb)
			device_disk "$n$f" "$size"
			DEVICE_ARGS+=(-device "usb-storage,bus=dev$n$f.0,drive=drive$n$f,serial=$(device_serial)"
				-device "usb-kbd,bus=dev$n$f.0") ;;
		hda)
			device_recorder "$kind" "$n$f"
			# no mixer, which would change the samples; no timer, with which QEMU
			# drops buffered samples when it runs late
			DEVICE_ARGS+=(-device "hda-duplex,bus=dev$n$f.0,audiodev=audio$n$f,mixer=off,use-timer=off") ;;
		esac
	done
}

devices_args()
{
	local spec n=0
	DEVICE_ARGS=()
	DEVICE_ADDRS=""
	DEVICE_ROOTS=0
	DEVICE_BRIDGED=0
	for DEVICE_PORTS in 0 1; do
		DEVICE_ARGS+=(-device "pcie-root-port,id=rp$DEVICE_PORTS,bus=pcie.0,chassis=$((DEVICE_PORTS + 1)),addr=$(printf '0x%x' $((0x0f + DEVICE_PORTS))).0")
	done
	DEVICE_PORTS=2
	for spec in "$@"; do
		device_one $((n++)) "$spec"
	done
	DEVICE_ADDRS=${DEVICE_ADDRS//bridge/$(printf '%02x' $((DEVICE_PORTS + 1)))}
	DEVICE_ADDRS=${DEVICE_ADDRS# }
}

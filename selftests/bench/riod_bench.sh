#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_bench.sh - measure riod and its peers in the same run (make bench, make bench-quick)
#
# Every function writes raw records to /results/bench; figures.py makes figures of them. The
# functions check that each measurement was made, and no figure.
#
# BENCH_ROUNDS=N       rounds over all peers
# BENCH_SECS=N         of each run of fio
# BENCH_QUICK=1        fewer operations, peers and delays
# BENCH_IOMMU=intel|virtio|none   of the guest
#
# topology: pair
# devices: nvme,size=64M nvme,size=64M nvme,size=64M igb igb igb usb,size=64M usb,size=64M
# vmm-devices: nvme,size=64M
# memory: 5120
# timeout: 7200

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/../riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/../zoo.sh"
# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

ROUNDS=${BENCH_ROUNDS:-6}
SECS=${BENCH_SECS:-2}
QUICK=${BENCH_QUICK:-}
IDLE=20
[[ -z $QUICK ]] || IDLE=5
IOMMU=${BENCH_IOMMU:-intel}
NQN=bench
LINK_PORT=9911

# ---- the machines ----

# fill DEVICE MIB - with random data: zeros would not be changed bytes
fill() { head -c "$2M" /dev/urandom | dd "of=$1" bs=1M iflag=fullblock oflag=direct status=none; }

# node ADDR - the block device of the NVMe drive at a PCI address of this host
node()
{
	local path
	for path in /sys/bus/pci/devices/"$1"/nvme/nvme*/nvme*n1; do
		[[ -b /dev/${path##*/} ]] && echo "/dev/${path##*/}" && return
	done
	return 1
}

# nvmet_export DEVICE ADDRESS
nvmet_export()
{
	modprobe -a nvmet nvmet-tcp &&
		{ mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config; } &&
		cd /sys/kernel/config/nvmet && mkdir subsystems/bench subsystems/bench/namespaces/1 ports/1 &&
		echo 1 > subsystems/bench/attr_allow_any_host &&
		echo "$1" > subsystems/bench/namespaces/1/device_path &&
		echo 1 > subsystems/bench/namespaces/1/enable &&
		echo tcp > ports/1/addr_trtype && echo ipv4 > ports/1/addr_adrfam &&
		echo "$2" > ports/1/addr_traddr && echo 4420 > ports/1/addr_trsvcid &&
		ln -s /sys/kernel/config/nvmet/subsystems/bench ports/1/subsystems/bench
}

# the disk of NVMe over Fabrics on this host
fabrics_disk()
{
	local name
	name=$(grep -lx tcp /sys/class/nvme/nvme*/transport | cut -d / -f 5)
	[[ -b /dev/${name}n1 ]] && echo "/dev/${name}n1"
}

# fill_drive HOST ADDR - with random data; print the drive's serial number
fill_drive()
{
	local host=$1 addr=$2
	wait_for 30 on "$host" "$(declare -f node); node $addr > /dev/null"
	ON_TIMEOUT=120 on "$host" "$(declare -f node fill); fill \$(node $addr) ${BENCH_AREA_MIB:-32} &&
		tr -d ' ' < \$(echo /sys/bus/pci/devices/$addr/nvme/nvme*/serial)"
}

setup()
{
	local peer GUEST_RIOD=''
	mkdir -p "$BENCH"
	on_hosts "modprobe nvme_core multipath=N; modprobe nvme; modprobe sch_netem
		sysctl -qw net.ipv4.tcp_slow_start_after_idle=0 net.core.rmem_max=16777216 net.core.wmem_max=16777216 \
			'net.ipv4.tcp_rmem=4096 4194304 16777216' 'net.ipv4.tcp_wmem=4096 4194304 16777216'
		tc qdisc add dev data0 root $NETEM"
	SERIAL_RIOD=$(fill_drive server "$(device nvme 0)")
	fill_drive server "$(device nvme 1)"
	SERIAL_LOCAL=$(fill_drive vmm "$(vmm_device nvme)")
	NATIVE=$(on server "$(declare -f node); node $(device nvme 1)")
	on server "$(declare -f nvmet_export); nvmet_export $NATIVE $RIOD_SERVER_ADDR"
	modprobe nvme-tcp
	nvme connect -t tcp -a "$RIOD_SERVER_ADDR" -s 4420 -n "$NQN"
	wait_for 20 fabrics_disk
	FABRICS=$(fabrics_disk)
	bind_driver "$(vmm_device nvme)" vfio-pci
	on server "setsid /riod-build/host/link serve $LINK_PORT > /run/link.out 2>&1 < /dev/null &"
	wait_for 10 on server grep -q ready /run/link.out

	on server modprobe riod_stub shadow_max_mib=1280
	modprobe riod_frontend
	riod_export nvme
	riod_attach
	remember EXPORT ATT_ID ATT_DEV NATIVE FABRICS
	guest_start --iommu "$IOMMU" --memory 640 \
		-drive "file=$FABRICS,if=none,id=fabrics,format=raw,cache=none,aio=native,file.locking=off" \
		-device virtio-blk-pci,drive=fabrics,serial=bench,addr=1c \
		-device "vfio-pci,host=$(vmm_device nvme),addr=1d" \
		-device pcie-root-port,id=hp,chassis=9 -device "vfio-pci,host=$ATT_DEV,bus=hp,id=riod"
	guest "modprobe nvme_core multipath=N; modprobe nvme"
	wait_for 60 guest_node "$SERIAL_LOCAL" > /dev/null
	GUEST_LOCAL=$(guest_node "$SERIAL_LOCAL")
	PRESENT="riod nvmet local"
	[[ -n $QUICK ]] || PRESENT+=" nvmet-host native"
	if wait_for 60 guest_node "$SERIAL_RIOD" > /dev/null; then
		GUEST_RIOD=$(guest_node "$SERIAL_RIOD")
	else
		[[ $IOMMU == none && $(att bus_master) == off ]]
		absent riod "the guest has no vIOMMU, and riod keeps bus mastering off"
		PRESENT=${PRESENT#riod }
	fi
	# shellcheck disable=SC2016 # expanded there
	GUEST_FABRICS=$(guest 'for d in /sys/block/vd*; do [[ $(< $d/serial) != bench ]] || echo /dev/${d##*/}; done')
	remember_too GUEST_RIOD GUEST_LOCAL GUEST_FABRICS PRESENT
	threads_find
	echo "riod $GUEST_RIOD, local $GUEST_LOCAL, nvmet $GUEST_FABRICS, on the hosts $FABRICS $NATIVE"
	[[ -n $GUEST_LOCAL && -n $GUEST_FABRICS ]]
	# the first run of fio reads it from the disk
	for peer in $PRESENT; do
		disk "$peer" --name=t --rw=randrw --bs=128k --number_ios=32 > /dev/null
	done
	note section=run "transport=$RIOD_TRANSPORT" "iommu=$IOMMU" "rounds=$ROUNDS" "secs=$SECS" \
		"quick=${QUICK:-0}" "kernel=$(uname -r)" "started=$(date -u +%FT%TZ)"
}

# guest_node SERIAL - the drive's block device in the guest
guest_node()
{
	local name
	name=$(guest "grep -lx '$1 *' /sys/class/nvme/nvme*/serial" | cut -d / -f 5)
	guest test -b "/dev/${name}n1" && echo "/dev/${name}n1"
}

each_setup() { recall; }
each_cleanup() { delay 0; }

cleanup()
{
	lib_cleanup
	riod_detach_here
	for EXPORT in $(exports | sed -n 's/^[0-9]*\.name=//p'); do
		server_ctl unbind "$EXPORT" --force
	done
}

# ---- storage ----

# disk PEER FIO-OPTION... - fio on the peer's disk
disk()
{
	local peer=$1
	shift
	case $peer in
	riod) fio_guest "--filename=$GUEST_RIOD" "$@" ;;
	local) fio_guest "--filename=$GUEST_LOCAL" "$@" ;;
	nvmet) fio_guest "--filename=$GUEST_FABRICS" "$@" ;;
	nvmet-host) fio_here "--filename=$FABRICS" "$@" ;;
	native) fio_server "--filename=$NATIVE" "$@" ;;
	*) t_fail "no peer $peer" ;;
	esac
}

# storage ROUND PEER RW BS DEPTH - a timed run; RW is "start" for a run of one I/O, whose cost
# is that of starting fio
storage()
{
	local round=$1 peer=$2 rw=$3 bs=$4 depth=$5
	local key=("section=${SECTION:-storage}" "round=$round" "peer=$peer" "rw=$rw" "bs=$bs" "depth=$depth")
	if [[ $rw == start ]]; then
		record "${key[@]}" -- disk "$peer" --name=t --rw=randread --bs="$bs" --number_ios=1
	else
		record "${key[@]}" -- disk "$peer" --name=t --rw="$rw" --bs="$bs" --iodepth="$depth" \
			--time_based --runtime="$SECS"
	fi
}

# present PEER... - those that this run has
present()
{
	local peer
	for peer; do
		[[ " $PRESENT " != *" $peer "* ]] || echo "$peer"
	done
}

# over PEER... - the rounds of storage CELLS over these peers; those in SPARSE have every other
# round
over()
{
	local round cell peer
	local -a peers
	mapfile -t peers < <(present "$@")
	for ((round = 0; round < ROUNDS; round++)); do
		for cell in "${CELLS[@]}"; do
			for peer in $(pace "$round" "${peers[@]}"); do
				(( round % 2 == 0 )) || [[ " ${SPARSE:-} " != *" $peer "* ]] || continue
				# shellcheck disable=SC2086 # words
				storage "$round" "$peer" ${cell//-/ }
			done
		done
	done
}

test_storage()
{
	local -a CELLS=(start-4k-1 randread-4k-1 randwrite-4k-1 randread-4k-32 randwrite-4k-32 randread-128k-1
		randwrite-128k-1 read-128k-8 write-128k-8 randread-128k-32 randwrite-128k-32)
	if [[ -n $QUICK ]]; then
		CELLS=(start-4k-1 randread-4k-1 randread-4k-32 write-128k-8)
		SPARSE=local over riod nvmet local
	else
		SPARSE="nvmet-host native" over riod nvmet local nvmet-host native
	fi
}

# CPU time: by a program that costs little to start, and with seconds=0 once for each request
test_cpu()
{
	local round cell peer rw bytes depth seconds CPU_TIME=1
	local -a peers cells=(read-4096-1 write-4096-1 read-4096-32 write-131072-8)
	mapfile -t peers < <(present riod nvmet local)
	if [[ -n $QUICK ]]; then
		cells=(read-4096-1)
		mapfile -t peers < <(present riod nvmet)
	fi
	# the first run reads the program from the disk
	for peer in "${peers[@]}"; do
		load "$peer" read 4096 1 0 1
	done
	for ((round = 0; round < ROUNDS; round++)); do
		for cell in "${cells[@]}"; do
			IFS=- read -r rw bytes depth <<< "$cell"
			for peer in $(pace "$round" "${peers[@]}"); do
				for seconds in 0 $((3 * SECS)); do
					record section=cpu "round=$round" "peer=$peer" "rw=$rw" "bytes=$bytes" \
						"depth=$depth" "seconds=$seconds" -- \
						load "$peer" "$rw" "$bytes" "$depth" "$seconds" "${BENCH_AREA_MIB:-32}"
				done
			done
		done
	done
}

# load PEER WORD... - load.c on the peer's disk
load()
{
	local disk
	case $1 in
	riod) disk=$GUEST_RIOD ;;
	local) disk=$GUEST_LOCAL ;;
	nvmet) disk=$GUEST_FABRICS ;;
	esac
	guest /riod-build/guest/load "$disk" "${@:2}"
}

# requests in flight
test_depths()
{
	local -a CELLS=(randread-4k-{1,4,16,64,256})
	local ROUNDS=$(((ROUNDS + 1) / 2)) SECTION=depths
	[[ -z $QUICK ]] || t_skip "not part of bench-quick"
	over riod nvmet
}

# ---- crossings ----

few()
{
	local name rw bs
	for name in read4k write4k read128k write128k; do
		rw=${name%%[0-9]*} bs=${name#"${name%%[0-9]*}"}
		printf -- '--name=%s\n--stonewall\n--rw=rand%s\n--bs=%s\n--number_ios=%s\n' "$name" "$rw" "$bs" "$1"
	done
}

# TCP's window grows during the first of them
TIMES=12

test_crossings()
{
	local round peer one delays=(0 10 40 100) rounds=$(((ROUNDS + 1) / 2)) options
	[[ -z $QUICK ]] || delays=(10 60) rounds=1
	local -a peers
	mapfile -t options < <(few "$TIMES")
	mapfile -t peers < <(present riod nvmet)
	registers_attach
	for ((round = 0; round < rounds; round++)); do
		for one in "${delays[@]}"; do
			delay "$one"
			record section=crossings "round=$round" peer=tcp "delay=$one" -- \
				/riod-build/host/link pingpong "$RIOD_SERVER_ADDR" "$LINK_PORT" 1 "$TIMES"
			record section=crossings "round=$round" peer=registers "delay=$one" -- \
				/riod-build/vfio/cost "$REG_DEV" 0 8 0x1000 64 "$TIMES" read write map
			for peer in $(pace "$round" "${peers[@]}"); do
				record section=crossings "round=$round" "peer=$peer" "delay=$one" -- \
					disk "$peer" "${options[@]}"
			done
		done
	done
	delay 0
	registers_detach
}

# of 100 reads and 100 writes, how many take a second round trip of 200 ms
test_second_round_trips()
{
	local peer
	[[ -z $QUICK ]] || t_skip "not part of bench-quick"
	delay 100
	for peer in $(present riod nvmet); do
		record section=second "peer=$peer" delay=100 -- disk "$peer" --name=read --stonewall --rw=randread --bs=4k \
			--number_ios=100 --name=write --stonewall --rw=randwrite --bs=4k --number_ios=100
	done
}

# ---- registers, without a guest ----

# registers_attach - the third drive, for programs on the VMM host: REG_EXPORT, REG_ID, REG_DEV
registers_attach()
{
	local EXPORT ATT_ID ATT_DEV
	EXPORT=$(device nvme 2)
	server_ctl bind "$EXPORT" --export "${RIOD_ALLOW[@]}" "${RIOD_BIND[@]}"
	riod_attach --limit 2G
	REG_EXPORT=$EXPORT REG_ID=$ATT_ID REG_DEV=$ATT_DEV
	remember_too REG_EXPORT REG_ID REG_DEV
	threads_find
}

registers_detach()
{
	"$RIODCTL" detach "$REG_ID"
	wait_for 30 registers_idle
	server_ctl unbind "$REG_EXPORT"
	threads_find
}
registers_idle() { [[ $(server_ctl --json status | fields exports name "$REG_EXPORT" | field state) == idle ]]; }

test_mapped_memory()
{
	local round kib count sizes=(0 64 1024 16384 65536 262144 1048576)
	[[ -z $QUICK ]] || t_skip "not part of bench-quick"
	registers_attach
	for ((round = 0; round < (ROUNDS + 1) / 2; round++)); do
		for kib in "${sizes[@]}"; do
			# a read with 1 GiB took 12 s
			count=9
			(( kib < 262144 )) || count=3
			record section=mapped "round=$round" peer=riod "kib=$kib" -- \
				/riod-build/vfio/cost "$REG_DEV" 0 8 0x1000 "$kib" "$count" read
		done
	done
	registers_detach
}

# ---- the link ----

test_link()
{
	local round rounds=$ROUNDS
	[[ -z $QUICK ]] || rounds=1
	for ((round = 0; round < rounds; round++)); do
		record section=link "round=$round" peer=tcp -- \
			/riod-build/host/link pingpong "$RIOD_SERVER_ADDR" "$LINK_PORT" 1 300
		record section=link "round=$round" peer=tcp -- \
			/riod-build/host/link send "$RIOD_SERVER_ADDR" "$LINK_PORT" 1
		record section=link "round=$round" peer=tcp -- \
			/riod-build/host/link receive "$RIOD_SERVER_ADDR" "$LINK_PORT" 1
	done
}

# ---- idle ----

# window SECONDS - nothing happens in it
window() { read -r -t "$1" -u "$lib_nap" || true; }

# idle PEER - nothing runs; without the cost of a record, which the empty window has
idle()
{
	local round rounds=$(((ROUNDS + 1) / 2)) CPU_TIME=1
	[[ -z $QUICK ]] || rounds=1
	for ((round = 0; round < rounds; round++)); do
		record section=idle "round=$round" "peer=$1" window=0 -- true
		record section=idle "round=$round" "peer=$1" "window=$IDLE" -- window "$IDLE"
	done
}

test_idle() { idle riod; }

not_in_use() { [[ $(att in_use) != true ]]; }

# the last test of the drive: the guest goes on without it
test_idle_without_riod()
{
	guest_monitor device_del riod
	wait_for 60 guest "[[ ! -e ${GUEST_RIOD:-/nothing} ]]"
	# QEMU closes the function later than the guest lets go of it
	wait_for 30 not_in_use
	riod_detach
	threads_find
	idle none
}

# ---- many attachments ----

# functions CARD - 7 virtual functions, each in an IOMMU group of its own
functions()
{
	local pf=/sys/bus/pci/devices/$1
	modprobe igb && ip link set dev "$(ls "$pf/net")" up && echo 0 > "$pf/sriov_drivers_autoprobe" &&
		echo 7 > "$pf/sriov_numvfs" && readlink "$pf"/virtfn* | cut -d / -f 2
}

# reads N - each of the first N programs reads registers of its function
reads()
{
	local n=0 dev pids=()
	for dev in $MANY; do
		(( n++ < $1 )) || break
		/riod-build/vfio/cost "$dev" 0 8 8 64 20 read > "/run/riod/cost.$n" &
		pids+=($!)
	done
	for n in "${!pids[@]}"; do
		wait "${pids[n]}"
		cat "/run/riod/cost.$((n + 1))"
	done
}

test_attachments()
{
	local round n have=0 EXPORT ATT_ID ATT_DEV MANY='' card
	local -a all=() some
	guest_kill
	for card in 0 1 2; do
		mapfile -t some < <(on server "$(declare -f functions); functions $(device igb "$card")")
		all+=("${some[@]}")
	done
	t_cmp "functions" ${#all[@]} -ge 16
	for n in 1 2 4 8 16; do
		for EXPORT in "${all[@]:have:n - have}"; do
			server_ctl bind "$EXPORT" --export "${RIOD_ALLOW[@]}" "${RIOD_BIND[@]}"
			riod_attach
			MANY+=" $ATT_DEV"
			have=$((have + 1))
		done
		t_eq "attachments" "$have" "$n"
		for ((round = 0; round < (ROUNDS + 1) / 2; round++)); do
			record section=attachments "round=$round" peer=riod "n=$n" -- reads "$n"
		done
	done
	riod_detach_all
	for EXPORT in "${all[@]:0:have}"; do
		server_ctl unbind "$EXPORT"
	done
	for card in 0 1 2; do
		on server "echo 0 > /sys/bus/pci/devices/$(device igb "$card")/sriov_numvfs"
	done
}

# ---- a guest with a network card and a USB controller ----

# the peer<N> of the first igb: twice its number in the run
FAR=6

# USB/IP needs a connected socket and no more; its own tools, which Debian packages apart, only
# agree on the device before. usb_serve BUSID PORT: the stick of this host
usb_serve()
{
	# a newline would be part of the name
	modprobe usbip-host && printf 'add %s' "$1" > /sys/bus/usb/drivers/usbip-host/match_busid &&
		echo "$1" > /sys/bus/usb/drivers/usb/unbind && echo "$1" > /sys/bus/usb/drivers/usbip-host/bind || return
	setsid python3 -c 'import socket, sys
s = socket.create_server(("", int(sys.argv[2])))
c = s.accept()[0]
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
with open("/sys/bus/usb/devices/%s/usbip_sockfd" % sys.argv[1], "w") as f:
    f.write("%d\n" % c.fileno())' "$1" "$2" > /run/usbip.out 2>&1 < /dev/null &
}

# usb_stick ADDR - "BUSID DEVID SPEED" of the stick behind a controller of this host
usb_stick()
{
	local dev
	modprobe -a xhci_pci usb_storage sd_mod
	for dev in /sys/bus/pci/devices/"$1"/usb*/*-*; do
		[[ $(cat "$dev/${dev##*/}:1.0/bInterfaceClass" 2> /dev/null) == 08 ]] || continue
		echo "${dev##*/} $(( $(< "$dev/busnum") << 16 | $(< "$dev/devnum") )) $(< "$dev/speed")"
		return
	done
	return 1
}

# usb_call ADDRESS PORT DEVID SPEED - plug the other host's stick in here
usb_call()
{
	modprobe -a vhci-hcd usb_storage sd_mod
	python3 -c 'import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
fast = int(sys.argv[4]) >= 5000
with open("/sys/devices/platform/vhci_hcd.0/attach", "w") as f:
    f.write("%d %d %s %d\n" % (8 if fast else 0, c.fileno(), sys.argv[3], 5 if fast else 3))' "$@"
}

usbip_disk() { local path; for path in /sys/block/sd*; do [[ $(readlink -f "$path") != */vhci_hcd* ]] || echo "/dev/${path##*/}"; done | grep .; }

test_second_guest()
{
	local EXPORT ATT_ID ATT_DEV stick disk
	riod_detach_here
	on server modprobe -a xhci_pci usb_storage sd_mod
	wait_for 60 on server "$(declare -f usb_stick); usb_stick $(device usb 1)"
	stick=$(on server "$(declare -f usb_stick); usb_stick $(device usb 1)")
	on server "$(declare -f usb_serve); usb_serve ${stick%% *} 3240"
	wait_for 20 on server "ss -Hltn 'sport = :3240' | grep -q ."
	# shellcheck disable=SC2086 # words
	usb_call "$RIOD_SERVER_ADDR" 3240 ${stick#* }
	wait_for 60 usbip_disk
	disk=$(usbip_disk)

	EXPORT=$(device usb 0)
	server_ctl bind "$EXPORT" --export --no-reset "${RIOD_ALLOW[@]}" "${RIOD_BIND[@]}"
	riod_attach
	USB_ID=$ATT_ID USB_DEV=$ATT_DEV USB_EXPORT=$EXPORT
	zoo_far "$FAR"
	riod_export igb
	riod_attach
	NET_ID=$ATT_ID NET_DEV=$ATT_DEV NET_EXPORT=$EXPORT
	remember_too USB_ID USB_EXPORT NET_ID NET_EXPORT

	modprobe tun
	ip tuntap add tap0 mode tap
	ip addr add 10.66.0.1/24 dev tap0
	ip link set tap0 up
	sysctl -qw net.ipv4.ip_forward=1
	on server ip route add 10.66.0.0/24 via "$RIOD_VMM_ADDR"
	GUEST=second guest_start --iommu "$IOMMU" --memory 640 \
		-netdev tap,id=virt,ifname=tap0,script=no,downscript=no,vhost=off \
		-device virtio-net-pci,netdev=virt,romfile=,mac=52:54:00:66:00:02 \
		-drive "file=$disk,if=none,id=usbip,format=raw,cache=none,aio=native,file.locking=off" \
		-device virtio-blk-pci,drive=usbip,serial=usbip \
		-device "vfio-pci,host=$USB_DEV,addr=1d" -device "vfio-pci,host=$NET_DEV,addr=$ZOO_SLOT"
	threads_find
}

test_net()
{
	local GUEST=second round way peer to CPU_TIME=1
	guest modprobe igb
	# QEMU's igb drops frames from buffers of several pages (riod_igb.sh)
	zoo_link "$FAR" 1500 tso off sg off
	# shellcheck disable=SC2016 # expanded there
	guest 'dev=$(grep -lx 52:54:00:66:00:02 /sys/class/net/*/address | cut -d / -f 5)
		ip addr add 10.66.0.2/24 dev $dev && ip link set $dev up &&
		ip route add 10.77.0.0/24 via 10.66.0.1'
	on server "ip netns exec far setsid /riod-build/host/link serve $LINK_PORT > /run/far.out 2>&1 < /dev/null &"
	wait_for 10 on server grep -q ready /run/far.out
	for ((round = 0; round < ROUNDS; round++)); do
		for way in send receive; do
			for peer in $(pace "$round" igb virtio-net); do
				to=$RIOD_SERVER_ADDR
				[[ $peer != igb ]] || to=10.55.$FAR.1
				record section=net "round=$round" "peer=$peer" "way=$way" "attachment=$NET_ID" \
					"export=$NET_EXPORT" -- guest /riod-build/host/link "$way" "$to" "$LINK_PORT" 3
			done
		done
	done
}

test_usb()
{
	local GUEST=second round peer cell
	local -A stick
	guest modprobe -a xhci_pci usb_storage sd_mod
	wait_for 60 guest "ls -d /sys/block/sd*"
	stick[usb]=$(guest "ls -d /sys/block/sd* | head -n 1 | sed 's,/sys/block,/dev,'")
	# shellcheck disable=SC2016 # expanded there
	stick[usbip]=$(guest 'for d in /sys/block/vd*; do [[ $(< $d/serial) != usbip ]] || echo /dev/${d##*/}; done')
	for peer in usb usbip; do
		# no zeros are read
		fio_guest "--filename=${stick[$peer]}" --size=1m --name=t --rw=write --bs=64k
	done
	for ((round = 0; round < ROUNDS; round++)); do
		for cell in randread-4k write-64k; do
			for peer in $(pace "$round" usb usbip); do
				record section=usb "round=$round" "peer=$peer" "rw=${cell%-*}" "bs=${cell#*-}" \
					"attachment=$USB_ID" "export=$USB_EXPORT" -- fio_guest "--filename=${stick[$peer]}" \
					--size=1m --name=t "--rw=${cell%-*}" "--bs=${cell#*-}" --time_based "--runtime=$SECS"
			done
		done
	done
}

ktap_run "$@"

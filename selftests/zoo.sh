# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# zoo.sh - one emulated device, driven by the guest's own driver (sourced after riod.sh)
#
#   zoo_begin                            load the modules on both hosts
#   zoo_guest KIND[,N]|ADDRESS [GUEST-OPTION...]   export the run's N-th KIND, or the function
#                                        at ADDRESS, attach it, boot a guest with it, and load
#                                        its driver unless ZOO_NO_DRIVER is set; sets
#                                        EXPORT, ATT_ID, ATT_DEV
#   zoo_attach KIND[,N]|ADDRESS          the same without the guest
#   zoo_end                              end guest, attachment and export
#   zoo_account BYTES CEILING [PROFILE]  check that no cut was forced, that the engines scanned
#                                        at most CEILING times the BYTES of payload, and that
#                                        PROFILE is in use ("null": none)
#   zoo_disk                             print the function's disk in the guest: "sda"
#   zoo_fio MIB                          verified random reads and writes on that disk;
#                                        sets STREAMED to their bytes, ZOO_IOS to their number
#   zoo_net                              print the function's network interface in the guest
#   far CMD                              run in the network namespace of the NIC's far end
#   zoo_far N [MTU]                      move the server's peer<N> there, as 10.55.N.1. N is
#                                        twice the device's number in the run, plus the
#                                        function's number
#   zoo_link N [MTU [ETHTOOL-FEATURE...]]   set the link up; the guest's end is 10.55.N.2
#   zoo_streams N                        ZOO_SECS of checksummed traffic both ways at once;
#                                        sets STREAMED to the bytes that arrived
#   FUNCTION=1 before a network function selects function 1 of a card.

# the function's slot in the guest
ZOO_SLOT=1e
ZOO_FUNC=/sys/bus/pci/devices/0000:00:$ZOO_SLOT
# I/Os that zoo_fio keeps in flight
ZOO_DEPTH=8

if [[ $RIOD_KERNEL == stock ]]; then ZOO_SECS=${ZOO_SECS:-30}; else ZOO_SECS=${ZOO_SECS:-5}; fi
# QEMU uses /dev/iommu if it exists (kernels with VFIO cdevs), otherwise a container
ZOO_IOMMUFD=()
[[ ! -e /dev/iommu ]] || ZOO_IOMMUFD=(-object 'iommufd,id=iommufd')
# more options of bind, and of attach
ZOO_BIND=()
ZOO_ATTACH=()

zoo_begin()
{
	on server modprobe riod_stub
	modprobe riod_frontend
}

zoo_attach()
{
	local kind=${1%%,*} n=0
	[[ $1 != *,* ]] || n=${1##*,}
	EXPORT=$kind
	[[ $kind == *:* ]] || EXPORT=$(device "$kind" "$n")
	remember EXPORT
	zoo_bind "$EXPORT"
	riod_attach "${ZOO_ATTACH[@]}"
	remember EXPORT ATT_ID ATT_DEV
}

zoo_guest()
{
	zoo_attach "$1"
	shift
	guest_start "$@" "${ZOO_IOMMUFD[@]}" -device "vfio-pci,host=$ATT_DEV,addr=$ZOO_SLOT${ZOO_IOMMUFD[0]:+,iommufd=iommufd}"
	[[ -z ${ZOO_NO_DRIVER:-} ]] || return 0
	# no udev loads the driver; the guest may already use the driver for its own devices
	guest "[[ -e $ZOO_FUNC.0/driver ]] || modprobe \$(< $ZOO_FUNC.0/modalias)"
}

# zoo_bind ADDR... - also accepts bind's options
zoo_bind()
{
	riod_network
	server_ctl bind "$@" --export "${RIOD_ALLOW[@]}" "${RIOD_BIND[@]}" "${ZOO_BIND[@]}"
}

zoo_end()
{
	[[ -e /run/riod/remembered ]] || return 0
	recall
	# the receivers are gone: frames sent now would stay queued in QEMU
	# shellcheck disable=SC2016 # expanded there
	on server 'for n in {0..9}; do ip -n far link set far$n down; done 2> /dev/null; true'
	! guest_running || guest_kill
	riod_detach_all
	riod_unexport
	rm -f /run/riod/remembered /run/streamed.*
}

zoo_account()
{
	local bytes=$1 ceiling=$2 profile=${3:-null} scanned
	t_eq "profile" "$(att profile)" "$profile"
	t_eq "forced cuts, frontend" "$(att_stat forced)" 0
	t_eq "forced cuts, stub" "$(exp_stat forced)" 0
	scanned=$(( $(att_stat scanned) + $(exp_stat scanned) ))
	t_diag "frontend $(att_stats)"
	t_diag "stub $(exp_stats)"
	t_diag "$bytes bytes of payload, $((scanned / bytes)) times as much was scanned"
	# scans go on all the time, while a slow kernel moves fewer bytes
	[[ $RIOD_KERNEL == stock ]] || ceiling=$((ceiling * 4))
	t_cmp "bytes scanned for a byte" $((scanned / bytes)) -le "$ceiling"
}

# ---- disks ----

# NVMe's multipath shows a path, nvme0c0n1, which has no node: the disk is nvme0n1
zoo_disk()
{
	guest "disk=\$(ls -d /sys/block/* | xargs -n 1 readlink -f | grep -m 1 /0000:00:$ZOO_SLOT.0/ |
		sed 's,.*/,,; s/^\(nvme[0-9]*\)c[0-9]*/\1/') && test -b /dev/\$disk && echo \$disk"
}

zoo_fio()
{
	local disk said=/run/fio.${GUEST:-guest}.json
	wait_for 60 zoo_disk > /dev/null
	disk=$(zoo_disk)
	GUEST_TIMEOUT=${ZOO_FIO_S:-600} guest fio --name=t --filename="/dev/$disk" --direct=1 --ioengine=libaio \
		--rw=randrw --bsrange=4k-128k --iodepth=$ZOO_DEPTH --size="${1}m" --verify=crc32c \
		--verify_fatal=1 --verify_state_save=0 --output-format=json > "$said"
	sed -n '/^{/,$p' "$said" | jq -e '.jobs | length > 0 and all(.error == 0)'
	# both kinds of I/O were done, and written data was read back
	STREAMED=$(sed -n '/^{/,$p' "$said" |
		jq '[.jobs[] | .read.io_bytes + .write.io_bytes] | add')
	t_cmp "bytes read and written" "$STREAMED" -ge $(($1 * 1024 * 1024))
	# shellcheck disable=SC2034 # read by the tests
	# shellcheck disable=SC2034 # used by tests
	ZOO_IOS=$(sed -n '/^{/,$p' "$said" |
		jq '[.jobs[] | .read.total_ios + .write.total_ios] | add')
}

# ---- networks ----

zoo_net()
{
	local func=$ZOO_FUNC.${FUNCTION:-0}
	guest "basename \$(ls -d $func/net/* $func/*/net/* 2> /dev/null | grep -m 1 .)"
}

far() { ON_TIMEOUT=$((ZOO_SECS * 10)) on server "ip netns exec far bash -c $(printf '%q' "$1")"; }
in_guest() { GUEST_TIMEOUT=$((ZOO_SECS * 10)) guest "$1"; }

# the far end of each NIC is a virtio NIC of the server host
zoo_far()
{
	local peer mac
	mac=$(printf '52:54:00:55:00:%02x' "$1")
	peer=$(on server "grep -lx $mac /sys/class/net/*/address | cut -d / -f 5")
	[[ -n $peer ]]
	on server "ip netns add far 2> /dev/null; ip link set $peer name far$1 netns far &&
		ip -n far link set far$1 mtu ${2:-1500} && ip -n far link set lo up"
}

# static neighbours at both ends, so that no ARP is sent
zoo_neighbours()
{
	guest "ip neigh replace 10.55.$1.1 dev $2 nud permanent \
		lladdr $(printf '52:54:00:55:00:%02x' "$1")"
	on server "ip -n far neigh replace 10.55.$1.2 dev far$1 nud permanent \
		lladdr $(guest "cat /sys/class/net/$2/address")"
}

zoo_link()
{
	local n=$1 mtu=${2:-1500} net
	wait_for 60 zoo_net > /dev/null
	net=$(zoo_net)
	shift $(( $# < 2 ? $# : 2 ))
	(( ! $# )) || guest ethtool -K "$net" "$@"
	guest "ip addr add 10.55.$n.2/24 dev $net; ip link set $net mtu $mtu up"
	on server "ip -n far addr replace 10.55.$n.1/24 dev far$n && ip -n far link set far$n up"
	[[ -z ${NO_ARP:-} ]] || zoo_neighbours "$n" "$net"
	wait_for 60 guest ping -c 1 -W 1 "10.55.$n.1"
}

# stream NAME FROM TO ADDRESS PORT - send for ZOO_SECS seconds; both ends count the bytes and
# compute their checksum
stream()
{
	local what=$1 from=$2 to=$3 addr=$4 port=$5 limit sums listener bytes
	# shorter than the timeouts of far and in_guest
	limit=$(scaled $((ZOO_SECS * 8)))
	"$to" "rm -f /tmp/{bytes,got}.$port
		timeout $limit socat -u TCP-LISTEN:$port,reuseaddr - | tee >(wc -c > /tmp/bytes.$port) | sha256sum > /tmp/got.$port" &
	listener=$!
	wait_for 20 "$to" "ss -Hltn 'sport = :$port' | grep -q ."
	# small socket buffers, so that the rest crosses quickly at the end
	"$from" "rm -f /tmp/{sent,sent_bytes}.$port
		timeout $ZOO_SECS cat /dev/urandom |
		tee >(sha256sum > /tmp/sent.$port) >(wc -c > /tmp/sent_bytes.$port) |
		socat -b 16384 -u - TCP:$addr:$port,sndbuf=32768" || true
	wait "$listener"
	# the process substitutions may end after the pipeline
	wait_for 5 "$to" "test -s /tmp/bytes.$port"
	wait_for 5 "$from" "test -s /tmp/sent.$port && test -s /tmp/sent_bytes.$port"
	bytes=$("$to" "cat /tmp/bytes.$port")
	t_eq "bytes, $what" "$bytes" "$("$from" "cat /tmp/sent_bytes.$port")"
	sums=$("$from" "cut -d ' ' -f 1 /tmp/sent.$port")
	t_match "sum" "$sums" '^[0-9a-f]{64}$'
	t_eq "sum, $what" "$("$to" "cut -d ' ' -f 1 /tmp/got.$port")" "$sums"
	t_diag "$what: $bytes bytes in $ZOO_SECS s"
	# checksums of empty streams would be equal, too
	t_cmp "bytes, $what" "$bytes" -ge 65536
	echo "$bytes" > "/run/streamed.$port"
}

zoo_streamed() { cat /run/streamed.* | awk '{ n += $1 } END { print n }'; }

zoo_streams()
{
	local out
	# both ways at once
	stream "guest to far end $1" in_guest far "10.55.$1.1" "55$1""1" &
	out=$!
	stream "far end $1 to guest" far in_guest "10.55.$1.2" "55$1""2"
	wait "$out"
	STREAMED=$(zoo_streamed)
}

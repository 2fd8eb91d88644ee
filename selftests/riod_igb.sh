#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_igb.sh - an igb function, with no profile: checksummed traffic, both ways at once, for
# 30 s
#
# devices: igb
# memory: 2048
# timeout: 600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

SECS=30
[[ $RIOD_KERNEL == stock ]] || SECS=10

# the NIC's far end is a virtio NIC of the server host's VM
peer_netdev() { on server 'grep -lx 52:54:00:55:00:00 /sys/class/net/*/address | cut -d / -f 5'; }

setup()
{
	local peer
	on server modprobe riod_stub
	modprobe riod_frontend
	riod_export igb
	peer=$(peer_netdev)
	[[ -n $peer ]]
	on server "ip netns add far && ip link set $peer netns far && ip -n far addr add 10.55.0.1/24 dev $peer &&
		ip -n far link set $peer up && ip -n far link set lo up"
	remember EXPORT
}

each_setup()
{
	recall
	riod_attach
}

each_cleanup()
{
	recall
	guest_kill
	riod_detach_all
}

cleanup()
{
	each_cleanup
	riod_unexport
}

guest_net() { guest "basename \$(ls -d /sys/bus/pci/drivers/igb/0*/net/*)"; }

# stream NAME FROM TO ADDRESS PORT - for SECS seconds; both ends compute its sum
stream()
{
	local what=$1 from=$2 to=$3 addr=$4 port=$5 sums listener bytes
	"$to" "timeout $((SECS * 8)) socat -u TCP-LISTEN:$port,reuseaddr - | tee >(wc -c > /tmp/bytes.$port) | sha256sum > /tmp/got.$port" &
	listener=$!
	wait_for 20 "$to" "ss -Hltn 'sport = :$port' | grep -q ."
	# no more in the sockets' buffers at the end than crosses in a moment
	"$from" "timeout $SECS cat /dev/urandom | tee >(sha256sum > /tmp/sent.$port) | socat -b 16384 -u - TCP:$addr:$port,sndbuf=32768" || true
	wait "$listener"
	sums=$("$from" "cut -d ' ' -f 1 /tmp/sent.$port")
	t_match "sum" "$sums" '^[0-9a-f]{64}$'
	t_eq "$what" "$("$to" "cut -d ' ' -f 1 /tmp/got.$port")" "$sums"
	# it counts beside the sum, and may come behind it
	wait_for 5 "$to" "test -s /tmp/bytes.$port"
	bytes=$("$to" "cat /tmp/bytes.$port")
	t_diag "$what: $bytes bytes in $SECS s"
	# the sums of nothing are equal, too
	t_cmp "bytes, $what" "$bytes" -ge 65536
}

far() { on server "ip netns exec far bash -c $(printf '%q' "$1")"; }
in_guest() { GUEST_TIMEOUT=$((SECS * 10)) guest "$1"; }

traffic()
{
	local net out
	guest_start --iommu "$1" -device "vfio-pci,host=$ATT_DEV"
	guest modprobe igb
	wait_for 30 guest_net
	net=$(guest_net)
	# QEMU's igb drops what it sends from a buffer whose pages are not side by side in
	# QEMU's own memory (net_tx_pkt_add_raw_fragment_pci()); shadow pages are where they
	# are, so no buffer may cross the end of a page. A real card does not care.
	guest "ethtool -K $net tso off sg off; ip addr add 10.55.0.2/24 dev $net; ip link set $net up"
	wait_for 60 guest ping -c 1 -W 1 10.55.0.1
	# both ways at once
	stream "guest to far end" in_guest far 10.55.0.1 5555 &
	out=$!
	stream "far end to guest" far in_guest 10.55.0.2 5556
	wait "$out"
	t_eq "profile" "$(att profile)" null
	t_eq "forced cuts, frontend" "$(att_stat forced)" 0
	t_eq "forced cuts, stub" "$(exp_stat forced)" 0
	t_diag "$1 $(att_stats)"
	guest_poweroff 60
}

test_igb_intel_iommu() { traffic intel; }
test_igb_virtio_iommu() { traffic virtio; }

ktap_run "$@"

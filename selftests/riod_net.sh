#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_net.sh - bad networks: partitions around every limit, in each direction alone, with each
# policy; a server host that stands still; delay, loss, reordering, duplicates, corruption
#
# topology: pair
# devices: pci-testdev edu nvme,size=64M
# timeout: 900
# console-allow: DMAR: (DRHD: handling fault status|\[DMA Write NO_PASID\] Request device \[[0-9a-f:]*\.0\])

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

# An idle session is broken after half of it. The machine may stall the VMs for seconds.
LOST_S=16
LIMIT=$((LOST_S * 2))
# of the VMM host
OTHER_ADDR=10.77.0.3

setup()
{
	on server modprobe riod_stub lost_ms=$((LOST_S * 1000)) keepalive_ms=1000
	modprobe riod_frontend lost_max_ms=60000
	modprobe vfio_iommu_type1
	on_hosts "modprobe sch_netem && tc qdisc add dev data0 root $NETEM"
	# the answer to an ARP request would be lost, too, and then the other direction with it
	on vmm "$(declare -f neighbour_stays); neighbour_stays $RIOD_SERVER_ADDR"
	on server "$(declare -f neighbour_stays); neighbour_stays $RIOD_VMM_ADDR"
}

neighbour_stays()
{
	ping -qc 1 -W 5 "$1" &&
		ip neigh replace "$1" dev data0 nud permanent \
			lladdr "$(ip neigh show "$1" | sed 's/.*lladdr \([^ ]*\).*/\1/')"
}

each_cleanup()
{
	# and the route with it
	ip addr del "$OTHER_ADDR/24" dev data0 2> /dev/null || true
	net_up vmm server
	vm_monitor server cont
	user_end
	zoo_end
}

# The queue is changed, never replaced: a packet that meets the replacement is an error of its
# sender, and rdma_rxe then leaves the queue pair of the connection manager in the error state
# for good. So does a queue that is full.
NETEM="netem limit 1000000"

# net HOST... -- NETEM-OPTION... - what happens to all that these hosts send to each other
net()
{
	local host hosts=()
	while [[ $1 != -- ]]; do hosts+=("$1"); shift; done
	shift
	for host in "${hosts[@]}"; do
		on "$host" "tc qdisc change dev data0 root $NETEM $*"
	done
}

net_up() { net "$@" -- delay 0ms corrupt 0%; }

# what HOST... sends is lost
net_away() { net "$@" -- loss 100%; }

testdev()
{
	local -a ZOO_BIND=(--no-reset) ZOO_ATTACH=("$@")
	zoo_attach pci-testdev
}

# user - a program that writes registers which count, until it has made NUMBER writes
user()
{
	/riod-build/vfio/writes "$ATT_DEV" "$1" > /run/riod/user.out 2>&1 &
	echo $! > /run/riod/user
	wait_for 20 frames_above 100
}

frames_above() { (( $(att_stat tx_frames) > $1 )); }
user_done() { grep -q '^ok 3' /run/riod/user.out; }
user_end()
{
	kill -KILL "$(cat /run/riod/user 2> /dev/null)" 2> /dev/null || true
	rm -f /run/riod/user
}

state_is() { [[ $(att state) == "$1" ]]; }
over() { [[ $(att state) == lost ]] || no_attachments; }
export_is() { [[ $(server_ctl --json status | fields exports name "$EXPORT" | field state) == "$1" ]]; }
# answers - the device does: frames of the program arrive at the server host
answers() { local n; n=$(att_stat rx_frames); wait_for 10 frames_received "$n"; }
frames_received() { (( $(att_stat rx_frames) > $1 + 20 )); }

# partition HOST... - what they send is lost: for a moment, until the session is broken, for good
partition()
{
	local away
	testdev
	# it ends by itself only if something is wrong
	user 1000000
	net_away "$@"
	away=$SECONDS
	sleep 2
	net_up "$@"
	answers
	if (( SECONDS - away < LOST_S / 2 - 1 )); then
		t_eq "breaks of a moment" "$(att_stat breaks)" 0
	fi
	net_away "$@"
	wait_for "$LIMIT" state_is resuming
	wait_for "$LIMIT" export_is resuming
	net_up "$@"
	wait_for "$LIMIT" state_is connected
	answers
	t_cmp "breaks" "$(att_stat breaks)" -ge 1
	t_eq "wrong counts" "$(grep -c 'writes were counted' /run/riod/user.out || true)" 0
	net_away "$@"
	# each side by itself
	wait_for "$LIMIT" over
	wait_for "$LIMIT" export_is idle
	user_end
	net_up "$@"
	wait_for 20 no_attachments
	riod_attach
	/riod-build/vfio/writes "$ATT_DEV" 64
}

test_partition() { partition vmm server; }
test_partition_to_the_server() { partition vmm; }
test_partition_from_the_server() { partition server; }

# the server resumes a session only for the address that attached
test_routes_prefer_another_address()
{
	testdev
	user 1000000
	ip addr add "$OTHER_ADDR/24" dev data0
	ip route add "$RIOD_SERVER_ADDR" dev data0 src "$OTHER_ADDR"
	t_match route "$(ip route get "$RIOD_SERVER_ADDR")" "src $OTHER_ADDR "
	net_away vmm server
	wait_for "$LIMIT" state_is resuming
	net_up vmm server
	wait_for "$LIMIT" state_is connected
	answers
}

# without resuming, lost_ms is the only limit
policy()
{
	testdev --on-loss "$1" --loss-timeout 8s
	t_eq "time agreed on" "$(att lost_ms)" 8000
	user 1000000
	net_away vmm server
	sleep 1
	net_up vmm server
	answers
	net_away vmm server
	wait_for "$LIMIT" over
	t_match log "$(dmesg | tail -n 20)" "the session is over: the peer fell silent"
	wait_for "$LIMIT" export_is idle
}

test_partition_remove() { policy remove; }
test_partition_error() { policy error; }

# stopped SECONDS - the server host does nothing for so long, and its clock stands still
stopped()
{
	vm_monitor server stop
	sleep "$1"
	vm_monitor server cont
}

test_server_stops_for_3s()
{
	testdev
	user 3000
	stopped 3
	wait_for 60 user_done
	t_eq state "$(att state)" connected
}

# Longer than lost_ms: the client gives up. The server, whose clock stood still, notices when it
# goes on.
test_server_stops_for_40s()
{
	testdev
	user 1000000
	vm_monitor server stop
	wait_for "$LIMIT" over
	user_end
	wait_for 20 no_attachments
	sleep $((40 - LOST_S))
	vm_monitor server cont
	wait_for "$LIMIT" export_is idle
	riod_attach
	/riod-build/vfio/writes "$ATT_DEV" 64
}

# shorter than lost_ms, longer than a break
test_server_stops_for_40s_and_is_waited_for()
{
	testdev --loss-timeout 60s
	user 3000
	stopped 40
	wait_for 120 user_done
	t_eq state "$(att state)" connected
	t_cmp breaks "$(att_stat breaks)" -ge 1
}

BAD="delay 100ms 20ms loss 5% reorder 25% duplicate 5% corrupt 0.1%"

# registers, interrupts and DMA both ways, on a network that does everything wrong
test_bad_network()
{
	testdev --loss-timeout 60s
	net vmm server -- "$BAD"
	/riod-build/vfio/writes "$ATT_DEV" 320
	t_eq state "$(att state)" connected
	t_diag "$(on vmm tc -s qdisc show dev data0 | xargs)"
	net_up vmm server
	zoo_end
	local -a ZOO_BIND=(--no-reset) ZOO_ATTACH=(--loss-timeout 60s)
	zoo_attach edu
	net vmm server -- "$BAD"
	/riod-build/vfio/edu "$ATT_DEV"
	t_eq state "$(att state)" connected
	t_diag "breaks: $(att_stat breaks)"
}

# the same under a guest's fio verify; make soak-net
#
# An RDMA connection that meets a late packet sends all behind it again, so with packets in any
# order it gets a few of them across in each round trip. The registers of the tests above work so;
# the megabytes of a guest do not, within the time that a register read may take.
test_bad_network_under_a_guest()
{
	local -a ZOO_ATTACH=(--loss-timeout 60s)
	local ZOO_DEPTH=2 bad=$BAD
	[[ -n ${NET_GUEST:-} ]] || t_skip "takes long: make soak-net"
	[[ $RIOD_TRANSPORT != rdma ]] || bad="delay 100ms loss 0.1%"
	zoo_guest nvme
	net vmm server -- "$bad"
	ZOO_FIO_S=3000 zoo_fio "${NET_MIB:-2}"
	t_eq "errors in the guest" "$(guest 'dmesg | grep -cE "nvme.*(abort|reset|I/O error)|blocked for more than" || true')" 0
	t_eq state "$(att state)" connected
	t_diag "breaks: $(att_stat breaks)"
}

ktap_run "$@"

# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# lib.sh - measurements of the bench, as raw records (sourced after the selftests' riod.sh)
#
#   record KEY=VALUE... -- COMMAND...   run COMMAND on the VMM host; write its output, and the
#                                   state of both hosts before and after it, to a file of
#                                   /results/bench
#   note KEY=VALUE...               a record without a command
#   absent PEER REASON...           a record of a peer that these machines cannot have
#   delay MS                        each host delays what it sends by MS (half a round trip)
#   fio_here, fio_server, fio_guest   fio with the bench's options, which prints JSON
#   pace ROUND PEER...              the peers in the order of a round: there, and back in the next
#
# /results/bench/NNNN has sections, each headed by "== NAME": key (the words of the record),
# server.before, vmm.before, cpu.before, out, cpu.after, vmm.after, server.after. records.py reads
# them.

BENCH=/results/bench

# snap PEER [PID...] - the state of a host, in raw words. PIDs are riod's threads.
snap()
{
	local line name pid peer=$1
	shift
	read -r line < /proc/uptime
	echo "uptime $line"
	while read -r line; do
		case $line in
		"cpu "* | "ctxt "*) echo "$line" ;;
		esac
	done < /proc/stat
	for name in tx_bytes rx_bytes tx_packets rx_packets; do
		read -r line < /sys/class/net/data0/statistics/$name
		echo "link $name $line"
	done
	for pid; do
		read -r line < "/proc/$pid/schedstat" && echo "thread $pid $line"
		while read -r name line; do
			[[ $name != voluntary_ctxt_switches: ]] || echo "switches $pid $line"
		done < "/proc/$pid/status"
	done
	case $peer in
	riod | igb | usb) riodctl --json stats ;;
	nvmet*) ss -tinHO 'sport = :4420 or dport = :4420' | sed 's/^/tcp /' ;;
	esac
}

# riod_threads - PIDs of this host's threads that belong to sessions
riod_threads() { grep -lE '^riod_' /proc/[0-9]*/comm 2> /dev/null | cut -d / -f 3 | xargs; }

threads_find()
{
	THREADS_VMM=$(riod_threads)
	THREADS_SERVER=$(on server riod_threads)
	remember_too THREADS_VMM THREADS_SERVER
}

# remember_too VAR... - as remember, beside what is remembered
remember_too()
{
	local name
	for name; do
		printf '%s=%q\n' "$name" "${!name}"
	done >> /run/riod/remembered
}

# cpu_times WHEN - what the hosts' CPUs have run, as the machine around them counts it; a host
# itself takes for its own the time that this machine gives to others. If CPU_TIME is set: it takes
# a moment.
cpu_times()
{
	local host ns
	[[ -n ${CPU_TIME:-} ]] || return 0
	echo "== cpu.$1"
	for host in server vmm; do
		ns=$(vm_monitor $host cpu_time)
		(( ns > 0 ))
		echo "$host $ns"
	done
}

next_record()
{
	local n
	n=$(cat /run/riod/records 2> /dev/null || echo 0)
	echo $((n + 1)) > /run/riod/records
	printf '%s/%04d' $BENCH "$n"
}

record()
{
	local file peer='' words=()
	while [[ $1 != -- ]]; do
		[[ $1 != peer=* ]] || peer=${1#peer=}
		words+=("$1")
		shift
	done
	shift
	file=$(next_record)
	# shellcheck disable=SC2086 # PIDs are words
	{
		echo "== key"
		printf '%s\n' "${words[@]}"
		echo "== server.before"
		on server snap "$peer" ${THREADS_SERVER:-}
		echo "== vmm.before"
		snap "$peer" ${THREADS_VMM:-}
		cpu_times before
		echo "== out"
		"$@"
		cpu_times after
		echo "== vmm.after"
		snap "$peer" ${THREADS_VMM:-}
		echo "== server.after"
		on server snap "$peer" ${THREADS_SERVER:-}
	} > /run/riod/record
	cp /run/riod/record "$file"
}

note()
{
	local file
	file=$(next_record)
	{ echo "== key"; printf '%s\n' "$@"; } > "$file"
}

absent()
{
	local peer=$1
	shift
	note section=absent "peer=$peer" "reason=$*"
	t_diag "no $peer: $*"
}

# The queue is changed, never replaced: rdma_rxe does not survive a packet that meets the
# replacement (riod_net.sh)
NETEM="netem limit 1000000"

delay() { on_hosts "tc qdisc change dev data0 root $NETEM delay ${1}ms"; }

# without a --name: callers name their jobs
FIO=(fio --direct=1 --ioengine=libaio --thread --clocksource=clock_gettime --randrepeat=0
	--refill_buffers=1 --norandommap=1 --lat_percentiles=1 --clat_percentiles=0 --output-format=json+ "--size=${BENCH_AREA_MIB:-32}m")

fio_here() { timeout "$(scaled 600)" "${FIO[@]}" "$@"; }
fio_server() { ON_TIMEOUT=600 on server "${FIO[@]}" "$@"; }
fio_guest() { GUEST_TIMEOUT=600 guest "${FIO[@]}" "$@"; }

pace()
{
	local n
	if (( $1 % 2 == 0 )); then
		printf '%s\n' "${@:2}"
		return
	fi
	for ((n = $#; n > 1; n--)); do
		echo "${!n}"
	done
}

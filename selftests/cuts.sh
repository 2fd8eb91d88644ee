# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cuts.sh - cut the connection between the hosts (sourced after riod.sh)
#
# Over TCP a proxy does it, selftests/host/cutproxy.c, on the VMM host; over RDMA a module on
# both hosts, selftests/rdmacut.
#
#   cuts_begin [N BYTES MESSAGES]  from now on riod_attach makes connections that can be cut; the
#                              first N are cut by themselves, each after at most so many bytes
#                              (TCP) or messages (RDMA), half of them inside a frame
#   CUTS_FRAMES=between        ... none of them inside a frame (RDMA)
#   cuts_tell COMMAND          "cut", "refuse", "drop" or "up" (see cutproxy.c); waits until it is
#                              done
#   cuts_made                  print "left=N inside=N between=N"
#   cuts_end                   stop; for each_cleanup

CUTS_PORT=17464
CUTS_PARAMS=/sys/module/riod_rdmacut/parameters

# shellcheck disable=SC2120 # the arguments are for some callers only
cuts_begin()
{
	"cuts_begin_$RIOD_TRANSPORT" "$@"
}

cuts_tell() { "cuts_tell_$RIOD_TRANSPORT" "$1"; }
cuts_made() { "cuts_made_$RIOD_TRANSPORT"; }
cuts_end() { "cuts_end_$RIOD_TRANSPORT"; }

# ---- TCP ----

cuts_begin_tcp()
{
	mkfifo /run/riod/proxy.in
	/riod-build/host/cutproxy --listen "$CUTS_PORT" --to "$RIOD_SERVER_ADDR:7463" \
		--cuts "${1:-0}" --bytes "${2:-1}" < /run/riod/proxy.in > /run/riod/proxy.out 7>&- &
	echo $! > /run/riod/proxy
	exec 7> /run/riod/proxy.in
	wait_for 5 grep -q listening /run/riod/proxy.out
	# shellcheck disable=SC2034 # read by riod_attach
	RIOD_SERVER=127.0.0.1:$CUTS_PORT
}

proxy_lines() { grep -c "^$1" /run/riod/proxy.out || true; }
proxy_has_said() { (( $(proxy_lines "$1") > $2 )); }

cuts_tell_tcp()
{
	local before
	before=$(proxy_lines "done $1")
	echo "$1" >&7
	wait_for 10 proxy_has_said "done $1" "$before"
}

cuts_made_tcp()
{
	local before
	before=$(proxy_lines total)
	kill -USR1 "$(cat /run/riod/proxy)"
	wait_for 10 proxy_has_said total "$before" || return
	sed -n 's/^total *//p' /run/riod/proxy.out | tail -n 1
}

cuts_end_tcp()
{
	exec 7>&- || true
	kill "$(cat /run/riod/proxy 2> /dev/null)" 2> /dev/null || true
	rm -f /run/riod/proxy /run/riod/proxy.in
}

# ---- RDMA ----

cuts_begin_rdma()
{
	local each=${1:-0} pairs=$((${1:-0} / 4 + 1))
	riod_network
	[[ $RIOD_TOPOLOGY == loopback ]] || each=$((each ? pairs * 2 : 0))
	on_hosts "modprobe riod_rdmacut messages=${3:-1} frames=${CUTS_FRAMES:-any} cuts=$each"
}

cuts_tell_rdma()
{
	case $1 in
	cut) on_hosts "echo 1 > $CUTS_PARAMS/now" ;;
	*) on_hosts "echo $1 > $CUTS_PARAMS/mode" ;;
	esac
}

cuts_made_rdma()
{
	on_hosts "cd $CUTS_PARAMS; echo \$(< cuts) \$(< inside) \$(< between)" |
		awk '{ l += $1; i += $2; b += $3 } END { print "left=" l, "inside=" i, "between=" b }'
}

cuts_end_rdma() { on_hosts "modprobe -qr riod_rdmacut" || true; }

# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# proxy.sh - a proxy between the hosts that cuts connections (sourced after riod.sh)
#
#   proxy_begin [OPTION...]   start selftests/host/cutproxy.c; riod_attach goes through it
#   proxy_tell COMMAND        "cut", "refuse", "drop" or "up", and wait until it is done
#   proxy_end                 stop it; for each_cleanup

PROXY_PORT=17464

# shellcheck disable=SC2120 # the arguments are for some callers only
proxy_begin()
{
	mkfifo /run/riod/proxy.in
	/riod-build/host/cutproxy --listen "$PROXY_PORT" --to 127.0.0.1:7463 "$@" \
		< /run/riod/proxy.in > /run/riod/proxy.out 7>&- &
	echo $! > /run/riod/proxy
	exec 7> /run/riod/proxy.in
	wait_for 5 grep -q listening /run/riod/proxy.out
	# shellcheck disable=SC2034 # read by riod_attach
	RIOD_SERVER=127.0.0.1:$PROXY_PORT
}

proxy_did() { (( $(grep -c "^done $1" /run/riod/proxy.out) > $2 )); }

proxy_tell()
{
	local before
	before=$(grep -c "^done $1" /run/riod/proxy.out || true)
	echo "$1" >&7
	wait_for 10 proxy_did "$1" "$before"
}

proxy_end()
{
	exec 7>&- || true
	kill "$(cat /run/riod/proxy 2> /dev/null)" 2> /dev/null || true
	rm -f /run/riod/proxy /run/riod/proxy.in
}

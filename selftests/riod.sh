# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod.sh - exporting, attaching and counting, for selftests (sourced after lib.sh)
#
#   riod_export KIND [BIND-OPTION...]   bind and export the run's first KIND on the server,
#                                       for this topology's VMM host; sets EXPORT
#   riod_unexport                       unbind it again
#   riod_attach [ATTACH-OPTION...]      attach it; sets ATT_ID and ATT_DEV (PCI address)
#   riod_detach [OPTION...]             detach ATT_ID
#   riod_detach_all                     detach whatever is attached, by force, and wait until
#                                       nothing of it is left
#   att FILTER                          jq FILTER over the status of ATT_ID
#   att_stat NAME, exp_stat NAME        a counter of the attachment, of the export
#   riod_stub_left                      objects of the stub that should be gone when nothing is
#                                       attached, and are not ("mappings=3 ...")
#   remember VAR...; recall             variables that setup found out, for tests and cleanup

RIODCTL=${RIOD_TOOL:-riodctl}

remember()
{
	local name
	for name; do
		printf '%s=%q\n' "$name" "${!name}"
	done > /run/riod/remembered
}

recall()
{
	# shellcheck source=/dev/null
	. /run/riod/remembered
}

server_ctl() { on server "$RIODCTL" "$@"; }

riod_export()
{
	local kind=$1 allow=()
	shift
	EXPORT=$(device "$kind")
	[[ $RIOD_TOPOLOGY == loopback ]] || allow=(--allow "$RIOD_VMM_ADDR/32")
	server_ctl bind "$EXPORT" --export "${allow[@]}" "$@"
}

# shellcheck disable=SC2120 # the arguments are for some callers only
riod_unexport() { server_ctl unbind "$EXPORT" "$@"; }

# shellcheck disable=SC2120 # the arguments are for some callers only
riod_attach()
{
	local answer
	answer=$("$RIODCTL" --json attach "$RIOD_SERVER_ADDR" "$EXPORT" "$@") || return
	ATT_ID=$(jq -r .id <<< "$answer")
	ATT_DEV=$(jq -r '.functions[0]' <<< "$answer")
	[[ -n $ATT_ID && -e /sys/bus/pci/devices/$ATT_DEV ]]
}

# shellcheck disable=SC2120 # the arguments are for some callers only
riod_detach() { "$RIODCTL" detach "$ATT_ID" "$@"; }

att() { "$RIODCTL" --json status | jq -r ".attachments[] | select(.id == $ATT_ID) | $1"; }

att_stat()
{
	"$RIODCTL" --json stats | jq -r ".stats[] | select(.attachment == $ATT_ID) | .stats.$1"
}

exp_stat()
{
	server_ctl --json stats | jq -r ".stats[] | select(.export == \"$EXPORT\") | .stats.$1"
}

# pins VFIO holds, from the kernel's own counters
pins()
{
	awk '$1 == "nr_foll_pin_acquired" { a = $2 } $1 == "nr_foll_pin_released" { r = $2 }
		END { print a - r }' /proc/vmstat
}

export_idle() { [[ $(server_ctl --json list | jq -r '.exports[0].state // "idle"') == idle ]]; }

riod_detach_all()
{
	local id
	for id in $("$RIODCTL" --json list | jq -r '.attachments[].id'); do
		"$RIODCTL" detach "$id" --force
	done
	wait_for 20 no_attachments
	wait_for 20 export_idle
}

riod_stub_left()
{
	# shellcheck disable=SC2016 # expanded there
	on server 'cd /sys/kernel/debug/riod_stub
		for o in connections attachments shadow_pages mappings leaked_pages; do
			(( $(< $o) == 0 )) || echo "$o=$(< $o)"
		done'
}

no_attachments() { [[ $("$RIODCTL" --json list | jq '.attachments | length') == 0 ]]; }

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
#   att FILTER                          jq FILTER over the status of ATT_ID
#   att_stat NAME, exp_stat NAME        a counter of the attachment, of the export
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

riod_unexport() { server_ctl unbind "$EXPORT" "$@"; }

riod_attach()
{
	local answer
	answer=$("$RIODCTL" --json attach "$RIOD_SERVER_ADDR" "$EXPORT" "$@") || return
	ATT_ID=$(jq -r .id <<< "$answer")
	ATT_DEV=$(jq -r '.functions[0]' <<< "$answer")
	[[ -n $ATT_ID && -e /sys/bus/pci/devices/$ATT_DEV ]]
}

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

no_attachments() { [[ $("$RIODCTL" --json list | jq '.attachments | length') == 0 ]]; }

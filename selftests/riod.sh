# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod.sh - export, attach and count, for selftests (sourced after lib.sh)
#
# RIOD_TRANSPORT=rdma (vm/run --env) has the hosts use that transport, on a software RDMA
# device, instead of the default:
#   $RIOD_SERVER                        the server as riodctl's argument, "rdma://10.77.0.1"
#   "${RIOD_BIND[@]}"                   bind's option for it; riod_export adds it itself
#   "${RIOD_ALLOW[@]}"                  bind's option that admits this topology's VMM host
#   riod_tcp_only                       skip a test that speaks TCP by itself
#
#   riod_export KIND [BIND-OPTION...]   bind and export the run's first KIND on the server,
#                                       for this topology's VMM host; sets EXPORT
#   riod_unexport                       unbind EXPORT
#   riod_attach [ATTACH-OPTION...]      attach it; sets ATT_ID and ATT_DEV (PCI address)
#   riod_qemu_args                      sets QEMU_ARGS to the devices that "riodctl qemu-args"
#                                       prints for ATT_ID, the vIOMMU among them
#   riod_detach [OPTION...]             detach ATT_ID
#   riod_detach_all                     detach all attachments by force; wait until they are
#                                       gone and the exports are idle
#   riod_detach_here                    the same, but do not check the server host
#   att NAME                            a field of the status of ATT_ID
#   att_mapped                          bytes that its guest has mapped
#   att_stat NAME, exp_stat NAME        a counter of the attachment, of the export
#   att_stats, exp_stats                all counters, in one line
#   riod_stub_left                      leaked objects of the stub ("mappings=3 ..."), to be
#                                       called when nothing is attached
#   kernel_kib, slope                   KiB that a host's kernel uses; their growth per line
#   load_family                         load a module with a netlink family; fails if a command
#                                       keeps it from that
#   remember VAR...; recall             keep variables of setup for tests and cleanup

RIODCTL=riodctl

# software RDMA needs an Ethernet device, and the loopback device is none
rdma_addr=10.77.0.1
RIOD_BIND=()
if [[ ${RIOD_TRANSPORT:=tcp} != tcp ]]; then
	RIOD_BIND=(--transport "$RIOD_TRANSPORT")
	if [[ $RIOD_TOPOLOGY == loopback ]]; then
		RIOD_SERVER_ADDR=$rdma_addr RIOD_VMM_ADDR=$rdma_addr
	fi
fi
# by default only this host's loopback addresses may attach
RIOD_ALLOW=()
[[ $RIOD_VMM_ADDR == 127.0.0.1 ]] || RIOD_ALLOW=(--allow "$RIOD_VMM_ADDR/32")
RIOD_SERVER=$RIOD_SERVER_ADDR
[[ $RIOD_TRANSPORT == tcp ]] || RIOD_SERVER=$RIOD_TRANSPORT://$RIOD_SERVER_ADDR

# rdma_device - make this host's software RDMA device, if it is not there
rdma_device()
{
	local dev=data0
	[[ ! -e /sys/class/infiniband/rxe0 ]] || return 0
	if [[ $RIOD_TOPOLOGY == loopback ]]; then
		dev=rdma0
		if [[ ! -e /sys/class/net/$dev ]]; then
			ip link add $dev type dummy
			ip addr add "$rdma_addr/24" dev $dev
			ip link set $dev up
		fi
	fi
	modprobe rdma_rxe
	rdma link add rxe0 type rxe netdev $dev
}

# riod_network - make what RIOD_TRANSPORT needs
riod_network()
{
	[[ $RIOD_TRANSPORT == rdma ]] || return 0
	rdma_device
	[[ $RIOD_TOPOLOGY == loopback ]] || on server "RIOD_TOPOLOGY=pair; $(declare -f rdma_device); rdma_device"
}

# rdma_counters - the transport's counters on this host, in one line
rdma_counters() { (cd /sys/kernel/debug/riod_rdma && grep . -- * | tr : = | xargs); }

riod_tcp_only() { [[ $RIOD_TRANSPORT == tcp ]] || t_skip "this test speaks TCP"; }

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
	local kind=$1 options=("${RIOD_ALLOW[@]}")
	shift
	EXPORT=$(device "$kind")
	[[ " $* " == *" --transport "* ]] || options+=("${RIOD_BIND[@]}")
	riod_network
	server_ctl bind "$EXPORT" --export "${options[@]}" "$@"
}

# shellcheck disable=SC2120 # the arguments are for some callers only
riod_unexport() { server_ctl unbind "$EXPORT" "$@"; }

# shellcheck disable=SC2120 # the arguments are for some callers only
riod_attach()
{
	local answer
	answer=$("$RIODCTL" --json attach "$RIOD_SERVER" "$EXPORT" "$@") || return
	answer=$(vmtool json <<< "$answer")
	ATT_ID=$(sed -n 's/^id=//p' <<< "$answer")
	ATT_DEV=$(sed -n 's/^functions.0=//p' <<< "$answer")
	[[ -n $ATT_ID && -e /sys/bus/pci/devices/$ATT_DEV ]]
}

# leaves out -machine, which guest_start sets
riod_qemu_args()
{
	local option value
	QEMU_ARGS=()
	while read -r option value; do
		[[ $option == -machine ]] || QEMU_ARGS+=("$option" "$value")
	done < <("$RIODCTL" qemu-args "$ATT_ID")
	(( ${#QEMU_ARGS[@]} ))
}

# shellcheck disable=SC2120 # the arguments are for some callers only
riod_detach() { "$RIODCTL" detach "$ATT_ID" "$@"; }

# fields LIST KEY VALUE - read JSON from standard input; print the fields of the object of
# LIST whose KEY is VALUE, one "NAME=..." per line
fields()
{
	vmtool json | awk -v list="$1." -v want="$2=$3" '
		index($0, list) != 1 { next }
		{
			rest = substr($0, length(list) + 1)
			object = rest + 0
			line = substr(rest, index(rest, ".") + 1)
			text[object] = text[object] line "\n"
			if (line == want)
				found = object
		}
		END { printf "%s", text[found] }'
}

# field NAME - the value of one field, from the output of fields
field() { sed -n "s/^$1=//p"; }

att_fields() { "$RIODCTL" --json status | fields attachments id "$ATT_ID"; }
att() { att_fields | field "$1"; }
att_mapped() { att_fields | awk -F = '/^mapped_r[wo]=/ { n += $2; k++ } END { if (k == 2) print n }'; }

att_counters() { "$RIODCTL" --json stats | fields stats attachment "$ATT_ID"; }
exp_counters() { server_ctl --json stats | fields stats export "$EXPORT"; }
att_stat() { att_counters | field "stats.$1"; }
exp_stat() { exp_counters | field "stats.$1"; }
att_stats() { att_counters | sed -n 's/^stats\.//p' | xargs; }
exp_stats() { exp_counters | sed -n 's/^stats\.//p' | xargs; }

# pages that VFIO has pinned, from the kernel's counters
pins()
{
	awk '$1 == "nr_foll_pin_acquired" { a = $2 } $1 == "nr_foll_pin_released" { r = $2 }
		END { print a - r }' /proc/vmstat
}

# KiB of unreclaimable kernel memory of this host. vmalloc frees lazily (10 KiB per guest, with
# or without a function); loading a module makes it purge.
kernel_kib()
{
	modprobe sch_netem && modprobe -r sch_netem || return
	awk '/^(SUnreclaim|PageTables|KernelStack|Percpu):/ { n += $2 } END { print n }' /proc/meminfo
}

# slope - growth per line of the values read, by least squares
slope()
{
	awk '{ n++; x += n; y += $1; xx += n * n; xy += n * $1 }
		END { printf "%.1f\n", (n * xy - x * y) / (n * xx - x * x) }'
}

# listed LIST COMMAND... - fields of riodctl's list, "0.state=idle"; fails if riodctl fails,
# so that an error is not taken for an empty list
listed()
{
	local list=$1 text
	shift
	text=$("$@" --json list) && text=$(vmtool json <<< "$text") || return
	sed -n "s/^$list\.//p" <<< "$text"
}

exports() { listed exports server_ctl; }
attachments() { listed attachments "$RIODCTL"; }

export_idle()
{
	local all
	all=$(exports) && ! grep -E '^0\.state=' <<< "$all" | grep -v =idle
}

no_attachments()
{
	local all
	all=$(attachments) && [[ -z $all ]]
}

riod_detach_here()
{
	local id
	for id in $(attachments | sed -n 's/^[0-9]*\.id=//p'); do
		"$RIODCTL" detach "$id" --force
	done
	wait_for 20 no_attachments
}

riod_detach_all()
{
	riod_detach_here
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

# A module that registers a generic netlink family takes a lock that every command holds
# while it runs.
family_module()
{
	local m
	for m in team wireguard macsec drop_monitor openvswitch vdpa; do
		modprobe -n "$m" 2> /dev/null && [[ ! -e /sys/module/$m ]] && echo "$m" && return
	done
	return 1
}

load_family()
{
	local module
	module=$(family_module) || { t_diag "no module with a netlink family: not tried"; return 0; }
	timeout 5 modprobe "$module"
	timeout 5 modprobe -r "$module"
}

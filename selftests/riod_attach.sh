#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_attach.sh - export, attach, check the function, detach, and the errors of each
#
# devices: nvme nvme edu edu,at=bridge edu,at=bridge e1000e edu,functions=0+7 virtio-rng-pci,functions=4
# timeout: 240

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

setup()
{
	on server modprobe -a riod_stub nvme
	modprobe riod_frontend
}

each_cleanup()
{
	local id
	for id in $(attachments | sed -n 's/^[0-9]*\.id=//p'); do
		"$RIODCTL" detach "$id" --force
	done
	for id in $(exported); do
		server_ctl unbind "$id" --force
	done
	wait_for 10 no_attachments
	[[ ! -e /run/riod/slot ]] || slot_back "$(< /run/riod/slot)"
}

exported() { exports | sed -n 's/^[0-9]*\.functions\.[0-9]*=//p' | sort | xargs; }

refused() { local out; out=$("$@" 2>&1) && t_fail "was not refused: $*"; echo "$out"; }

test_virtual_function_has_the_ids()
{
	local want
	want=$(on server lspci -n -s "$(device nvme)" | cut -d ' ' -f 3)
	riod_export nvme
	riod_attach
	t_eq "vendor:device" "$(lspci -n -s "$ATT_DEV" | cut -d ' ' -f 3)" "$want"
	t_eq class "$(cat "/sys/bus/pci/devices/$ATT_DEV/class")" 0x010802
	t_eq driver "$(basename "$(readlink "/sys/bus/pci/devices/$ATT_DEV/driver")")" riod_frontend
	t_eq state "$(att state)" connected
	riod_detach
	t_fails test -e "/sys/bus/pci/devices/$ATT_DEV"
}

test_unbind_gives_the_device_back()
{
	riod_export nvme
	riod_unexport
	t_eq driver "$(on server "basename \$(readlink /sys/bus/pci/devices/$EXPORT/driver)")" nvme
}

# driver_of ADDR - the driver on the server; empty if it has none
driver_of() { on server "basename \"\$(readlink /sys/bus/pci/devices/$1/driver)\""; }

# the driver that it had before, not the one that matches; also after the stub was unloaded
test_unbind_gives_back_to_vfio_pci()
{
	local addr dir
	addr=$(device nvme)
	dir=/sys/bus/pci/devices/$addr
	on server "modprobe vfio-pci && echo vfio-pci > $dir/driver_override &&
		echo $addr > $dir/driver/unbind && echo $addr > /sys/bus/pci/drivers_probe"
	t_eq "before" "$(driver_of "$addr")" vfio-pci
	riod_export nvme
	riod_unexport
	t_eq "after unbind" "$(driver_of "$addr")" vfio-pci
	server_ctl bind "$addr"
	on server modprobe -r riod_stub
	t_eq "without the stub" "$(driver_of "$addr")" ""
	server_ctl unbind "$addr"
	t_eq "after unbind, without the stub" "$(driver_of "$addr")" vfio-pci
	on server "echo > $dir/driver_override && echo $addr > $dir/driver/unbind &&
		echo $addr > /sys/bus/pci/drivers_probe && modprobe riod_stub"
	t_eq "at the end" "$(driver_of "$addr")" nvme
}

# must work both while the device is still being reset and afterwards
test_unbind_right_behind_a_detach()
{
	riod_export nvme
	riod_attach
	t_match "while it is attached" "$(refused server_ctl unbind "$EXPORT")" 'detach it'
	riod_detach
	wait_for 10 peer_has_gone
	riod_unexport
	t_eq driver "$(on server "basename \$(readlink /sys/bus/pci/devices/$EXPORT/driver)")" nvme
}

peer_has_gone() { ! exports | grep -qE '^0\.state=attach'; }

test_attach_closed_port()
{
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER:7999")" 'refused|listening'
}

# --transport and TRANSPORT:// are checked before a driver is unbound, or a peer asked
test_unknown_transport()
{
	t_match attach "$(refused "$RIODCTL" attach "pigeon://$RIOD_SERVER_ADDR")" "no transport 'pigeon'"
	t_match list "$(refused "$RIODCTL" list "pigeon://$RIOD_SERVER_ADDR")" "no transport 'pigeon'"
	EXPORT=$(device nvme)
	t_match bind "$(refused server_ctl bind "$EXPORT" --export --transport pigeon)" "no transport 'pigeon'"
	t_eq driver "$(on server "basename \$(readlink /sys/bus/pci/devices/$EXPORT/driver)")" nvme
	# the other one may be there: it is not exported by that alone
	t_match several "$(refused server_ctl bind "$EXPORT" --export --transport tcp --transport pigeon)" \
		"no transport 'pigeon'"
	t_eq driver "$(on server "basename \$(readlink /sys/bus/pci/devices/$EXPORT/driver)")" nvme
	riod_export nvme --transport tcp
	t_eq export "$(exports | sed -n 's/^0\.transports\.0=//p')" tcp
	"$RIODCTL" attach "tcp://$RIOD_SERVER_ADDR"
	t_eq attachment "$(attachments | sed -n 's/^0\.transport=//p')" tcp
}

# the transport of the KUnit tests, in memory: its module is loaded by its name
test_another_transport()
{
	local way other
	[[ $RIOD_TOPOLOGY == loopback ]] || t_skip "riod_loop ends on this host"
	modinfo riod_loop > /dev/null 2>&1 || t_skip "the modules were built without CONFIG_RIOD_KUNIT_TEST"
	EXPORT=$(device nvme)
	riodctl bind "$EXPORT" --export --transport loop
	t_eq export "$(exports | sed -n 's/^0\.transports\.0=//p')" loop
	t_match "TCP" "$(refused "$RIODCTL" attach 127.0.0.1)" 'refused the connection'
	t_match "offers" "$("$RIODCTL" list loop://127.0.0.1)" "$EXPORT"
	RIOD_SERVER=loop://127.0.0.1 riod_attach
	t_eq state "$(att state)" connected
	t_eq attachment "$(att transport)" loop
	riod_detach
	riod_unexport --force
	wait_for 5 modprobe -r riod_loop

	# both: one export for one peer, and unbind closes both
	riodctl bind "$EXPORT" --export --transport loop --transport tcp
	for way in loop tcp; do
		RIOD_SERVER=$way://127.0.0.1 riod_attach
		t_eq state "$(att state)" connected
		t_eq "transport of the peer" "$(exports | sed -n 's/^0\.peer_transport=//p')" "$way"
		for other in loop tcp; do
			t_match "taken, by $other" "$("$RIODCTL" list "$other://127.0.0.1")" "$EXPORT.*busy"
		done
		riod_detach
		wait_for 20 export_idle
	done
	riod_unexport
	t_match "TCP" "$(refused "$RIODCTL" attach tcp://127.0.0.1)" 'refused the connection'
	wait_for 5 modprobe -r riod_loop
}

test_attach_wrong_name()
{
	riod_export nvme
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER" nosuch)" 'no export'
}

test_attach_taken()
{
	riod_export nvme
	riod_attach
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER" "$EXPORT")" \
		"in use by $RIOD_VMM_ADDR(\$|[^:0-9])"
}

test_attach_not_riod()
{
	socat TCP-LISTEN:7998,reuseaddr,fork SYSTEM:'printf "HTTP/1.1 400 Bad Request\r\n\r\n%200s" x' &
	wait_for 5 bash -c 'ss -Hltn "sport = :7998" | grep -q .'
	t_match error "$(refused "$RIODCTL" attach 127.0.0.1:7998)" 'riod'
	kill %1
}

# le VALUE BYTES - a little-endian number of a frame
le()
{
	local i
	for ((i = 0; i < $2; i++)); do
		# shellcheck disable=SC2059 # the byte is the format
		printf "\\x$(printf %02x $(( $1 >> 8 * i & 255 )))"
	done
}

zeroes() { head -c "$1" /dev/zero; }
header() { le "$1" 4; le "$2" 1; zeroes 19; le 0x444f4952 4; }

# a peer with a later version refuses; protocol.rst fixes the REFUSE frame for all versions
test_attach_other_version()
{
	{
		header 152 3
		le 7 2; le 1 2
		printf 'this host speaks version 7 6, the peer 1'
		zeroes 80
	} > /run/refuse
	t_cmp "frame" "$(stat -c %s /run/refuse)" -eq 152
	socat TCP-LISTEN:7997,reuseaddr,fork SYSTEM:'head -c 152 > /run/hello; cat /run/refuse' &
	wait_for 5 bash -c 'ss -Hltn "sport = :7997" | grep -q .'
	refused "$RIODCTL" attach 127.0.0.1:7997 > /run/said
	t_match error "$(< /run/said)" 'speaks version 7 6, the peer 1'
	t_match remedy "$(< /run/said)" 'same release of riod'
	kill %1
	t_eq "HELLO" "$(head -c 28 /run/hello | tail -c 4)" RIOD
}

# a client with a later version gets the reason of the refusal
test_server_refuses_other_version()
{
	riod_tcp_only
	riod_export nvme
	{
		header 152 1
		le 1 2; le 2 1; zeroes 1
		le $((1 << 20)) 4; le 65536 4
		zeroes $((8 + 8 + 16 + 64))
		le 99 2; zeroes 14
	} > /run/hello
	t_cmp "frame" "$(stat -c %s /run/hello)" -eq 152
	socat -t 10 - "TCP:$RIOD_SERVER_ADDR:7463" < /run/hello > /run/answer
	t_eq "length, type, reason" "$(od -An -tu1 -N5 /run/answer | xargs) $(od -An -tu2 -j30 -N2 /run/answer | xargs)" \
		"152 0 0 0 3 1"
	t_match "text" "$(tail -c 120 /run/answer | tr -d '\000')" 'version'
}

test_not_in_allow_list()
{
	riod_network
	server_ctl bind "$(device nvme)" --export "${RIOD_BIND[@]}" --allow 203.0.113.0/24
	EXPORT=$(device nvme)
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER" "$EXPORT")" 'allow'
}

# The list of an export is changed while it is exported. A peer that is attached stays, unless
# the change is forced; one that comes meanwhile is refused.
test_allow_list_changes_live()
{
	local said
	EXPORT=$(device nvme)
	riod_network
	server_ctl bind "$EXPORT" --export "${RIOD_BIND[@]}" --allow 203.0.113.0/24
	t_match "before" "$(refused "$RIODCTL" attach "$RIOD_SERVER" "$EXPORT")" 'not open to'
	server_ctl allow "$EXPORT" --add "$RIOD_VMM_ADDR" 2001:db8::/64
	t_eq "list" "$(exports | sed -n 's/^0\.allow\.[0-9]*=//p' | xargs)" \
		"203.0.113.0/24 $RIOD_VMM_ADDR/32 2001:db8::/64"
	riod_attach

	t_match "of a network" "$(refused server_ctl allow "$EXPORT" --remove 203.0.113.7)" \
		'203.0.113.7/32 is not in the allow list'
	said=$(server_ctl allow "$EXPORT" --remove "$RIOD_VMM_ADDR" 2>&1)
	t_match "said" "$said" "$RIOD_VMM_ADDR:[0-9]* is attached, and stays"
	t_eq state "$(att state)" connected
	t_match "meanwhile" "$(refused "$RIODCTL" attach "$RIOD_SERVER" "$EXPORT")" 'not open to'
	"$RIODCTL" monitor --json > /run/events & local monitor=$!
	wait_for 5 monitors 1
	server_ctl allow "$EXPORT" 203.0.113.0/24 --force
	wait_for 5 has_gone
	wait_for 5 grep -q "not in the allow list" /run/events
	kill "$monitor"
	wait_for 10 peer_has_gone

	server_ctl allow "$EXPORT" "$RIOD_VMM_ADDR"
	riod_attach
	riod_detach
	wait_for 10 peer_has_gone
	server_ctl allow "$EXPORT" --clear
	t_eq "list" "$(exports | sed -n 's/^0\.allow\.[0-9]*=//p')" ""
	riod_unexport
	t_match "no export" "$(refused server_ctl allow "$EXPORT" 192.0.2.7)" 'there is no export'
}

has_gone() { [[ -z $(att state) ]]; }

# rmmod fails while a peer is attached and succeeds afterwards
test_no_unload_with_a_peer()
{
	riod_export nvme
	riod_attach
	t_match rmmod "$(refused on server rmmod riod_stub)" 'in use'
	t_eq state "$(att state)" connected
	riod_detach
	riod_unexport
	[[ $RIOD_TOPOLOGY == loopback ]] || return 0
	wait_for 5 rmmod riod_stub
	modprobe riod_stub
}

# a reset through sysfs ends the session; the device can be attached again
test_reset_by_sysfs()
{
	riod_export nvme
	riod_attach
	on server "echo 1 > /sys/bus/pci/devices/$EXPORT/reset"
	wait_for 5 has_gone
	wait_for 10 peer_has_gone
	riod_attach
	riod_detach
}

# server_log - since the last "dmesg -C" there
server_log() { on server dmesg; }

# the device cannot be reset when its user has gone: it does not leave the stub without a
# word, nor without another try
test_reset_fails_after_use()
{
	local methods
	riod_export nvme
	methods=/sys/bus/pci/devices/$EXPORT/reset_method
	on server dmesg -C
	riod_attach
	on server "echo > $methods"
	riod_detach
	wait_for 20 export_idle
	t_match "after use" "$(server_log)" "$EXPORT: could not be reset after use"
	riod_unexport
	t_match "at the end" "$(server_log)" "$EXPORT: leaves riod_stub without a reset"

	on server "echo default > $methods; dmesg -C"
	riod_export nvme
	riod_attach
	on server "echo > $methods"
	riod_detach
	wait_for 20 export_idle
	on server "echo default > $methods"
	riod_unexport
	t_match "the last try" "$(server_log)" "$EXPORT: could not be reset after use, and was now"

	# and nothing is said of one that was
	on server dmesg -C
	riod_export nvme
	riod_attach
	riod_detach
	wait_for 20 export_idle
	riod_unexport
	t_fails grep -E "could not be reset|without a reset" <(server_log)
}

# ---- a device that does not respond ----

port_of() { basename "$(dirname "$(readlink -f "/sys/bus/pci/devices/$1")")"; }

# slot_power off|on ADDR - switch the power of its slot, without the kernel's knowledge: the
# registers of its functions read as all ones while it is off
slot_power()
{
	local port pciehp=/sys/bus/pci_express/drivers/pciehp
	port=$(port_of "$2")
	echo "$2" > /run/riod/slot
	[[ ! -e $pciehp/$port:pcie004 ]] || echo "$port:pcie004" > "$pciehp/unbind"
	if [[ $1 == off ]]; then
		setpci -s "$port" CAP_EXP+18.w=0400:0400
		t_eq "vendor ID" "$(setpci -s "$2" 0.w)" ffff
	else
		setpci -s "$port" CAP_EXP+18.w=0000:0400
		t_fails test "$(setpci -s "$2" 0.w)" = ffff
	fi
}

# slot_back ADDR - as before the first slot_power
slot_back()
{
	local port fn
	port=$(port_of "$1")
	slot_power on "$1"
	rm /run/riod/slot
	for fn in "/sys/bus/pci/devices/${1%.*}".*; do
		echo 1 > "$fn/remove"
	done
	echo 1 > /sys/bus/pci/rescan
	echo "$port:pcie004" > /sys/bus/pci_express/drivers/pciehp/bind
	wait_for 20 test -e "/sys/bus/pci/devices/$1/driver"
}

# each of its reset methods would wait a minute for it to come back
test_unbind_of_a_device_that_is_gone()
{
	local start=$SECONDS
	[[ $RIOD_TOPOLOGY == loopback ]] || t_skip "the slot is on another host"
	riod_export nvme
	riod_attach
	slot_power off "$EXPORT"
	riod_unexport --force
	t_cmp "seconds" $((SECONDS - start)) -lt "$(scaled 30)"
	t_eq exports "$(exported)" ""
}

ended() { ! kill -0 "$1" 2> /dev/null; }

in_flr() { grep -q pcie_flr "/proc/$1/stack"; }

# While the resets of a card take long, no command waits but the unbind that needs them, and
# this can be interrupted.  A reset through sysfs holds the locks of the port and of function
# 0 while it waits for the card, for a minute.  The stub tries for 10 s in each function.
test_unbind_holds_up_nobody()
{
	local card first second other said=/run/riod/unbind.out said2=/run/riod/unbind2.out
	[[ $RIOD_TOPOLOGY == loopback ]] || t_skip "the slot is on another host"
	card=$(device virtio-rng-pci)
	bind_all "${card%.0}".{0..3}
	riod_attach
	slot_power off "$card"
	echo 1 > "/sys/bus/pci/devices/$card/reset" & first=$!
	wait_for 10 in_flr "$first"
	"$RIODCTL" unbind "$card" --force > "$said" 2>&1 & first=$!
	wait_for 30 grep -q "waiting until" "$said"
	load_family
	"$RIODCTL" unbind "$card" > "$said2" 2>&1 & second=$!
	wait_for 30 grep -q "waiting until" "$said2"
	kill -INT "$second"
	wait_for 5 ended "$second"
	t_match interrupted "$(< "$said2")" 'being taken back all the same'
	# others can be exported meanwhile
	other=$(device nvme 1)
	"$RIODCTL" bind "$other" --export
	"$RIODCTL" unbind "$other"
	t_fails ended "$first"

	slot_power on "$card"
	wait_for 60 ended "$first"
	wait "$first"
	t_match said "$(< "$said")" 'is no longer exported'
	t_eq driver "$(driver_of "$card")" virtio-pci
}

# stat_refresh folds the per-CPU counters
iommu_pages()
{
	on server "echo 1 > /proc/sys/vm/stat_refresh; awk '\$1 == \"nr_iommu_pages\" { print \$2 }' /proc/vmstat"
}

iommu_pages_are() { [[ $(iommu_pages) == "$1" ]]; }

# the IOMMU's page tables exist only while a peer is attached
test_page_tables()
{
	local before
	riod_export nvme
	before=$(iommu_pages)
	riod_attach
	t_cmp "pages of the IOMMU with a peer" "$(iommu_pages)" -gt "$before"
	riod_detach
	wait_for 10 peer_has_gone
	wait_for 5 iommu_pages_are "$before"
}

# pm_test "freezer": runs PM notifiers and freezes tasks for 5 s; does not suspend devices
test_suspend()
{
	on server test -e /sys/power/pm_test || t_skip "the kernel has no CONFIG_PM_DEBUG"
	riod_export nvme
	riod_attach
	on server "echo freezer > /sys/power/pm_test; setsid sh -c 'sleep 1; echo freeze > /sys/power/state' < /dev/null > /dev/null 2>&1 &"
	wait_for 8 has_gone
	wait_for 20 riod_attach
	on server 'echo none > /sys/power/pm_test'
	riod_detach
}

# connect from more addresses than there are handshake slots, and send nothing
strangers()
{
	local i
	for ((i = 0; i < 40; i++)); do
		ip netns exec far socat -u -t 60 "EXEC:sleep 60" \
			"TCP:192.168.98.1:7463,bind=192.168.98.$((10 + i % 8))" &
	done
}

# number of the strangers' connections in these states
strangers_in() { ip netns exec far ss -Htan "$@" 'dport = :7463' | wc -l; }
all_strangers_came() { (( $(strangers_in) >= 40 )); }
no_stranger_waits() { (( $(strangers_in state established) == 0 )); }

test_strangers_take_no_slots()
{
	[[ $RIOD_TOPOLOGY == loopback ]] || t_skip "the strangers are in a namespace of the server host"
	ip netns add far
	ip link add near98 type veth peer name far98 netns far
	ip addr add 192.168.98.1/24 dev near98
	ip link set near98 up
	local i
	for ((i = 0; i < 8; i++)); do
		ip -n far addr add "192.168.98.$((10 + i))/24" dev far98
	done
	ip -n far link set far98 up
	riod_export nvme
	strangers
	# all are refused at once, long before the 10 s timeout of a handshake
	wait_for 5 all_strangers_came
	wait_for 5 no_stranger_waits
	t_eq "handshakes" "$(cat /sys/kernel/debug/riod_stub/connections)" 0
	riod_attach
	riod_detach
	# shellcheck disable=SC2046 # one word for each job
	kill $(jobs -p)
	ip netns del far
}

# root without CAP_SYS_ADMIN, as in many containers, and root of a user namespace
test_containers_may_not()
{
	riod_export nvme
	riod_attach
	local container
	for container in "setpriv --bounding-set -sys_admin --inh-caps -sys_admin" "unshare -Urn"; do
		# shellcheck disable=SC2086 # a command and its arguments
		t_match "$container list" "$(refused $container "$RIODCTL" list)" 'CAP_SYS_ADMIN'
		# shellcheck disable=SC2086
		t_match "$container detach" "$(refused $container "$RIODCTL" detach "$ATT_ID")" 'CAP_SYS_ADMIN'
	done
	t_eq state "$(att state)" connected
	riod_detach
}

# exports and attachments are visible, changeable and reported in their own namespace only
test_network_namespaces()
{
	[[ $RIOD_TOPOLOGY == loopback ]] || t_skip "both ends are in namespaces of one host"
	riod_export nvme
	riod_attach
	ip netns add other
	ip -n other link set lo up
	local there=(ip netns exec other "$RIODCTL") second id
	t_eq "exports there" "$(listed exports "${there[@]}")" ""
	t_eq "attachments there" "$(listed attachments "${there[@]}")" ""
	t_match detach "$(refused "${there[@]}" detach "$ATT_ID")" 'no attachment'
	t_match attach "$(refused "${there[@]}" attach 127.0.0.1)" 'refused the connection'

	"${there[@]}" monitor --json > /run/events.other & local there_pid=$!
	"$RIODCTL" monitor --json > /run/events.here & local here_pid=$!
	wait_for 5 monitors 2
	second=$(device nvme 1)
	"${there[@]}" bind "$second" --export
	id=$("${there[@]}" --json attach 127.0.0.1 | vmtool json | sed -n 's/^id=//p')
	t_fails grep -q "$second" <<< "$("$RIODCTL" --json list)"
	t_match detach "$(refused "$RIODCTL" detach "$id")" 'no attachment'
	"${there[@]}" detach "$id"
	"${there[@]}" unbind "$second" --force
	wait_for 5 grep -q "$second" /run/events.other
	riod_detach
	wait_for 5 grep -q "$EXPORT" /run/events.here
	wait_for 5 grep -q '"idle"' /run/events.here
	kill "$there_pid" "$here_pid"
	t_fails grep -q '"lost"' /run/events.here /run/events.other
	t_fails grep -q "$second" /run/events.here
	t_fails grep -q "$EXPORT" /run/events.other
	ip netns del other
}

# monitors N - at least N sockets listen to generic netlink's groups
listeners() { awk '$2 == 16 && $4 != "00000000"' /proc/net/netlink; }
monitors() { (( $({ listeners; [[ ! -e /run/netns/other ]] || ip netns exec other bash -c "$(declare -f listeners); listeners"; } | wc -l) >= $1 )); }

test_ambiguous_name()
{
	local second
	riod_export nvme
	second=$(device nvme 1)
	server_ctl bind "$second" --export "${RIOD_ALLOW[@]}" "${RIOD_BIND[@]}"
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER")" "$second"
}

test_bind_missing_device()
{
	t_match error "$(refused server_ctl bind 0000:7f:00.0 --export)" 'not exist|no such|no PCI'
}

test_bind_twice_is_idempotent()
{
	riod_export nvme
	riod_export nvme
}

test_bind_without_reset()
{
	t_match error "$(refused server_ctl bind "$(device edu)" --export)" 'reset'
	t_match error "$(refused server_ctl bind "$(device edu)" --export)" 'no-reset'
	server_ctl bind "$(device edu)" --export --no-reset
}

test_bind_mounted()
{
	local part
	wait_for 10 on server "ls -d /sys/bus/pci/devices/$(device nvme)/nvme/nvme*/nvme*n1"
	on server "d=\$(ls /sys/bus/pci/devices/$(device nvme)/nvme/*/ -d | head -1); n=\$(basename \$d)n1;
		mkfs.ext4 -q /dev/\$n && mkdir -p /run/mnt && mount /dev/\$n /run/mnt"
	part=$(refused server_ctl bind "$(device nvme)" --export)
	on server umount /run/mnt
	t_match error "$part" 'mounted'
}

# pci_of CLASS-DIRECTORY - the PCI function of a device of the server
pci_of() { on server "readlink -f $1/device" | grep -oE '[0-9a-f]{4}:[0-9a-f:.]{7}' | tail -n 1; }

test_bind_root_disk()
{
	local root
	# shellcheck disable=SC2016 # expanded there
	root=$(on server 'for d in /sys/block/vd*; do [[ $(< $d/serial) != riod-root ]] || echo $d; done')
	t_match error "$(refused server_ctl bind "$(pci_of "$root")" --export --no-reset)" 'vd. is in use'
}

test_bind_configured_network()
{
	local nic
	on server modprobe e1000e
	nic=$(on server "ls /sys/bus/pci/devices/$(device e1000e)/net")
	on server "ip address add 203.0.113.7/24 dev $nic; ip link set $nic up"
	t_match error "$(refused server_ctl bind "$(device e1000e)" --export)" "in use.*$nic.*203.0.113.7"
	on server "ip link set $nic down; ip address flush dev $nic"
	server_ctl bind "$(device e1000e)" --export
}

test_bind_part_of_a_group()
{
	local a b out
	a=$(device edu 1) b=$(device edu 2)
	out=$(refused server_ctl bind "$a" --export --no-reset)
	t_match error "$out" "shares IOMMU group.*$b"
	t_match remedy "$out" "riodctl bind .*$a.*$b|riodctl bind .*$b.*$a"
	server_ctl bind "$a" "$b" --export --no-reset
	t_eq "functions" "$(exported)" "$a $b"
}

# bind_all FUNCTION... - and export them to this topology's VMM host
bind_all()
{
	EXPORT=$1
	riod_network
	server_ctl bind "$@" --export --no-reset "${RIOD_ALLOW[@]}" "${RIOD_BIND[@]}"
}

att_functions() { att_fields | sed -n 's/^functions\.[0-9]*=//p' | xargs; }

# a function has the number in its slot that it has on the server host, whatever its place
# in the export; functions of several slots, which may have the same one, are counted
test_function_numbers()
{
	local card
	card=$(device edu 3)
	bind_all "${card%.0}.7" "$card"
	riod_attach
	t_eq "functions" "$(att_functions)" "${ATT_DEV%.*}.7 ${ATT_DEV%.*}.0"
	t_match "the guest's" "$("$RIODCTL" qemu-args "$ATT_ID")" \
		"host=${ATT_DEV%.*}.7,id=riod$ATT_ID-fn7,bus=riod$ATT_ID-pci,addr=1.7"
	t_eq "VFIO" "$(basename -a /sys/bus/pci/drivers/riod_frontend/*:* | xargs)" \
		"${ATT_DEV%.*}.0 ${ATT_DEV%.*}.7"
	riod_detach
	t_eq "left" "$(basename -a /sys/bus/pci/drivers/riod_frontend/*:*)" '*:*'
	riod_unexport --force

	bind_all "$(device edu 1)" "$(device edu 2)"
	riod_attach
	t_eq "functions" "$(att_functions)" "${ATT_DEV%.*}.0 ${ATT_DEV%.*}.1"
	riod_detach
}

# A VFIO device that is open, and bound to no iommufd, is in no use that the frontend can see.
# Detaching says so, and nothing else on the host's PCI buses waits meanwhile.
test_detach_while_a_cdev_is_open()
{
	local cdev first
	riod_export nvme
	riod_attach
	[[ -d /dev/vfio/devices ]] || t_skip "this kernel has no VFIO device nodes"
	first=$ATT_ID
	cdev=/dev/vfio/devices/$(basename "/sys/bus/pci/devices/$ATT_DEV/vfio-dev"/*)
	exec 9<> "$cdev"
	t_match error "$(refused "$RIODCTL" detach "$ATT_ID")" 'has the VFIO device open'
	t_eq state "$(att state)" detached
	t_eq "still there" "$(attachments | sed -n 's/^[0-9]*\.id=//p')" "$first"
	wait_for 20 export_idle
	riod_attach
	riod_detach
	exec 9>&-
	wait_for 10 no_attachments
}

ktap_run "$@"

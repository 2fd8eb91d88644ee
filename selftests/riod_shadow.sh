#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_shadow.sh - a BAR that is memory (ivshmem's 64 MiB), mapped by a VFIO program and by a
# guest, stays coherent with a peer on the server host
#
# devices: ivshmem ivshmem
# memory: 2048
# timeout: 600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

SIZE=$((64 * 1024 * 1024))
# QEMU's device has no reset method
ZOO_BIND=(--no-reset)
ZOO_ATTACH=(--shadow-bar 2)

setup() { zoo_begin; }

each_cleanup()
{
	[[ -z ${MEMORY_PID:-} ]] || kill "$MEMORY_PID" 2> /dev/null || true
	zoo_end
}

# program on the server host that uses the other function, which has the same memory
peer() { ON_TIMEOUT=120 on server /riod-build/vfio/shadow sysfs "$(device ivshmem 1)" "$@"; }

begin()
{
	zoo_attach ivshmem
	coproc MEMORY { exec /riod-build/vfio/shadow vfio "$ATT_DEV"; }
}

# ask COMMAND... - send the program a command, print its answer
ask()
{
	local answer
	echo "$@" >&"${MEMORY[1]}"
	read -r -t "$(scaled 120)" answer <&"${MEMORY[0]}"
	echo "$answer"
}

test_refused()
{
	zoo_bind "$(device ivshmem)"
	EXPORT=$(device ivshmem)
	remember EXPORT
	t_match "no such BAR" "$(t_fails riod_attach --shadow-bar 4 2>&1)" 'BAR 4 is not memory'
	t_match "too small" "$(t_fails riod_attach --shadow-bar 0 2>&1)" 'BAR 0 is smaller than a page'
}

test_both_ways()
{
	local writes scanned before trapped
	begin
	t_eq "mappable" "$(ask regions)" "mmap 2:$(printf '%#x' "$SIZE")"
	t_eq "by other devices" "$(ask dma)" ok
	trapped=$(ask trapped)
	# no page is shadowed before the first access; one access fetches its neighbours, too
	t_eq "shadowed" "$(att shadowed)" 0
	t_eq "peer" "$(peer poke 0x1003 0x5a)" ok
	t_eq "its byte" "$(ask peek 0x1003)" "peek 0x5a"
	t_eq "shadowed" "$(att shadowed)" $((64 * 4096))
	t_eq "peer" "$(peer fill 1)" ok
	t_eq "what the peer wrote" "$(ask check 1)" ok
	t_eq "shadowed" "$(att shadowed)" "$SIZE"
	writes=$(att_stat reg_writes)
	before=$(( $(att_stat scanned) + $(exp_stat scanned) ))
	t_eq "fill" "$(ask fill 2)" ok
	t_eq "what the peer finds" "$(peer check 2)" ok
	t_eq "register writes" "$(att_stat reg_writes)" "$writes"
	# the other side changes pages that are already shadowed
	t_eq "peer" "$(peer fill 3)" ok
	t_eq "what the peer wrote" "$(ask check 3)" ok
	scanned=$(( $(att_stat scanned) + $(exp_stat scanned) - before ))
	t_diag "$((scanned / (2 * SIZE))) bytes scanned for each byte"
	t_cmp "bytes scanned for a byte" $((scanned / (2 * SIZE))) -le 400
	t_diag "read: $trapped bytes/s trapped, $(ask mapped) bytes/s mapped"
	t_eq "forced cuts" "$(att_stat forced) $(exp_stat forced)" "0 0"
	t_match "status" "$("$RIODCTL" status)" 'shadowed +64 MiB of BAR 2'
}

# both sides write different bytes of the same words, and neither undoes the other's
test_neighbours()
{
	local i
	begin
	for ((i = 0; i < 8; i += 2)); do
		t_eq "ours" "$(ask poke $((0x2000 + i)) $((0x10 + i)))" ok
		t_eq "the peer's" "$(peer poke $((0x2001 + i)) $((0x21 + i)))" ok
	done
	for ((i = 0; i < 8; i++)); do
		t_eq "here $i" "$(ask peek $((0x2000 + i)))" "peek $(printf '%#x' $(((i % 2 ? 0x20 : 0x10) + i)))"
		t_eq "there $i" "$(peer peek $((0x2000 + i)))" "$(ask peek $((0x2000 + i)))"
	done
}

ended() { [[ ! -e /proc/$1 ]]; }
nothing_left() { [[ -z $(riod_stub_left) ]]; }

# pages stay mapped after the end of the session, and read as all-ones
test_lost()
{
	local pid
	begin
	pid=$MEMORY_PID
	t_eq "peer" "$(peer poke 0 0x11)" ok
	t_eq "before" "$(ask peek 0)" "peek 0x11"
	riod_detach --force
	t_eq "after" "$(ask peek 0)" "peek 0xff"
	t_eq "a page that was not there" "$(ask peek 0x2000000)" "peek 0xff"
	t_eq "the peer's" "$(peer peek 0)" "peek 0x11"
	kill -KILL "$pid"
	wait_for 20 ended "$pid"
	wait_for 20 no_attachments
	wait_for 20 export_idle
	nothing_left
}

guest_shadow() { GUEST_TIMEOUT=120 guest /riod-build/vfio/shadow sysfs "0000:00:$ZOO_SLOT.0" "$@"; }
nothing_shadowed() { [[ $(att shadowed) == 0 ]]; }

test_guest()
{
	ZOO_NO_DRIVER=1 zoo_guest ivshmem
	t_eq "peer" "$(peer fill 7)" ok
	t_eq "what the guest finds" "$(guest_shadow check 7)" ok
	t_eq "guest" "$(guest_shadow fill 8)" ok
	t_eq "what the peer finds" "$(peer check 8)" ok
	t_eq "forced cuts" "$(att_stat forced) $(exp_stat forced)" "0 0"
	guest_poweroff 60
	# the last close releases all pages
	wait_for 20 nothing_shadowed
}

ktap_run "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_many.sh - several functions, guests and VMM hosts at once
#
# devices: nvme,size=128M nvme,size=128M e1000e
# memory: 3072
# timeout: 1500

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

# Like QEMU's igb, its e1000e drops frames sent from buffers of several pages (riod_igb.sh)
ONE_PAGE=(tso off sg off)

# a test's attachments by name: "EXPORT ID FUNCTION"
declare -A MANY

setup()
{
	zoo_begin
	zoo_far 4
}

each_cleanup()
{
	lib_cleanup
	if [[ $RIOD_TOPOLOGY == pair ]]; then
		link_restore
		on_second 'lib_cleanup; riod_detach_here'
	fi
	riod_detach_all
	unexport_all
}

unexport_all()
{
	local addr
	for addr in $(exports | sed -n 's/^[0-9]*\.name=//p'); do
		server_ctl unbind "$addr"
	done
}

# many NAME KIND,N - export and attach it
many()
{
	zoo_attach "$2"
	MANY[$1]="$EXPORT $ATT_ID $ATT_DEV"
}

# use NAME - make it the attachment of att, exp_stat and the others
use() { read -r EXPORT ATT_ID ATT_DEV <<< "${MANY[$1]}"; }

# driven NAME - print its virtual function
driven() { use "$1" && echo "$ATT_DEV"; }

# account NAME BYTES CEILING PROFILE - zoo_account for one attachment
account()
{
	use "$1"
	shift
	zoo_account "$@"
}

# both FIRST SECOND - run two jobs at once; fails if either fails
both()
{
	local first second status=0
	"$1" &
	first=$!
	"$2" &
	second=$!
	wait "$first" || status=$?
	wait "$second" || status=$?
	return "$status"
}

load_nvme() { guest "modprobe nvme_core multipath=N && modprobe nvme"; }

# ---- two functions in a guest ----

disk_job() { ZOO_SLOT=1d zoo_fio 8 && echo "$STREAMED" > /run/disk_bytes; }
net_job() { ZOO_SECS=10 zoo_streams 4; }

test_two_functions()
{
	many disk nvme
	many net e1000e
	guest_start --smp 2 --memory 768 -device "vfio-pci,host=$(driven disk),addr=1d" \
		-device "vfio-pci,host=$(driven net),addr=$ZOO_SLOT"
	load_nvme
	guest modprobe e1000e
	zoo_link 4 1500 "${ONE_PAGE[@]}"
	both disk_job net_job
	# each engine scans its own function's pages; the disk waits for the network
	account disk "$(< /run/disk_bytes)" 20000 nvme
	account net "$(zoo_streamed)" 40000 e1000
	guest_poweroff 60
}

# ---- two guests ----

begin_guest() { GUEST=$1 guest_start -device "vfio-pci,host=$(driven "$1"),addr=$ZOO_SLOT" && GUEST=$1 load_nvme; }
first_job() { GUEST=first zoo_fio 8 && echo "$STREAMED" > /run/disk_bytes; }
second_job() { GUEST=second zoo_fio 8; }

guest_ios() { guest "awk '{ print \$1 + \$5 }' /sys/block/nvme0n1/stat"; }
guest_ios_above() { (( $(guest_ios) > $1 )); }

# endless GUEST - read and write until the guest ends
endless()
{
	GUEST=$1 guest 'nohup fio --name=bg --filename=/dev/nvme0n1 --rw=randrw --bs=16k --iodepth=16 --direct=1 \
		--ioengine=libaio --time_based --runtime=600 > /tmp/fio.log 2>&1 < /dev/null &'
	GUEST=$1 wait_for 60 guest_ios_above 50
}

# both do I/O; one is killed meanwhile, and the other's I/O goes on
test_two_guests()
{
	many first nvme
	many second nvme,1
	begin_guest first
	begin_guest second
	both first_job second_job
	account first "$(< /run/disk_bytes)" 20000 nvme
	endless second
	# shellcheck disable=SC2317 # called by name
	kill_job()
	{
		local GUEST=first
		wait_for 60 guest_ios_above $(($(guest_ios) + 10))
		GUEST=second guest_kill
	}
	both first_job kill_job
	account first "$(< /run/disk_bytes)" 40000 nvme
	use second
	wait_for 20 not_in_use
	t_eq "mapped, of the one that was killed" "$(att_mapped)" 0
	GUEST=first guest_poweroff 60
}

not_in_use() { [[ $(att in_use) != true ]]; }

# ---- two VMM hosts ----

# on_second COMMAND - run it on the server host as a second VMM host
on_second()
{
	ON_TIMEOUT=600 on server "set -e
		export RIOD_TOPOLOGY=loopback RIOD_SERVER_ADDR=$RIOD_SERVER_ADDR \
			RIOD_TRANSPORT=$RIOD_TRANSPORT GUEST=second
		cd /riod/selftests
		. ./lib.sh; . ./riod.sh; . ./zoo.sh
		$1"
}

device_lost() { [[ $(att state) == lost ]]; }

# Both do I/O; one is cut off meanwhile, and the other's I/O goes on.
test_two_vmm_hosts()
{
	[[ $RIOD_TOPOLOGY == pair ]] || t_skip "one host is one VMM host"
	many first nvme
	local second
	second=$(device nvme 1)
	server_ctl bind "$second" --export "${RIOD_BIND[@]}" --allow "$RIOD_VMM_ADDR/32" --allow "$RIOD_SERVER_ADDR/32"
	on server modprobe riod_frontend
	# shellcheck disable=SC2016 # expanded there
	on_second "EXPORT=$second; riod_attach"'
		guest_start -device "vfio-pci,host=$ATT_DEV,addr=$ZOO_SLOT"
		guest "modprobe nvme_core multipath=N && modprobe nvme"'
	begin_guest first
	second_host_job() { on_second 'zoo_fio 8'; }
	both first_job second_host_job
	account first "$(< /run/disk_bytes)" 20000 nvme
	endless first
	cut_job()
	{
		link_cut
		use first
		wait_for 60 device_lost
	}
	both second_host_job cut_job
	link_restore
	on_second 'guest_poweroff 60; riod_detach_here'
	on server modprobe -r riod_frontend
}

ktap_run "$@"

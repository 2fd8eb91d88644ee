#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_rdma.sh - what only the transport "rdma" has: adapters that come and go, its errors,
# and its counters
#
# topology: pair
# devices: nvme edu
# timeout: 240
# console-allow: DMAR: (DRHD: handling fault status|\[DMA Write NO_PASID\] Request device \[[0-9a-f:]*\.0\])

RIOD_TRANSPORT=rdma
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"

setup()
{
	on server modprobe -a riod_stub nvme
	modprobe -a riod_frontend vfio_iommu_type1
}

each_cleanup()
{
	local id
	for id in $(attachments | sed -n 's/^[0-9]*\.id=//p'); do
		"$RIODCTL" detach "$id" --force
	done
	for id in $(exports | sed -n 's/^[0-9]*\.name=//p'); do
		server_ctl unbind "$id" --force
	done
	wait_for 10 no_attachments
}

refused() { local out; out=$("$@" 2>&1) && t_fail "was not refused: $*"; echo "$out"; }

# device_del HOST - remove the host's adapter; returns when the RDMA core has done so
device_del() { on "$1" rdma link del rxe0; }
device_lost() { [[ $(att state) == lost ]] || no_attachments; }

counter() { cat "/sys/kernel/debug/riod_rdma/$1"; }
counters="tx_messages tx_credit_messages tx_signalled rx_messages rx_posted completions mappings"
resources() { rdma resource show | sed -n "s/.*rxe0:.* $1 \([0-9]*\).*/\1/p"; }
no_qp() { [[ $(resources qp) == 1 ]]; }		# the CM's own is left

# riod_core does not load the InfiniBand core; must be the first test
test_loaded_when_asked_for()
{
	on_hosts "! grep -E '^(ib_core|rdma_cm|riod_rdma) ' /proc/modules"
	riod_export nvme
	on server "grep -q '^riod_rdma ' /proc/modules"
}

test_without_an_adapter()
{
	local said
	riod_export nvme
	on_hosts "rdma link del rxe0"
	said=$(refused "$RIODCTL" attach "$RIOD_SERVER")
	t_match error "$said" 'no RDMA device here leads to it'
	t_match remedy "$said" 'rdma link add rxe0 type rxe netdev'
	riod_unexport
	said=$(server_ctl bind "$EXPORT" --export "${RIOD_BIND[@]}" "${RIOD_ALLOW[@]}" 2>&1)
	t_match note "$said" 'this host has no RDMA device yet'
	# the listener takes adapters that come later
	riod_network
	riod_attach
	t_eq state "$(att state)" connected
}

test_closed_port()
{
	riod_network
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER:7999")" 'refused the connection'
}

# a peer that no allow list has is rejected before the server maps buffers for it
test_stranger()
{
	local before mappings=/sys/kernel/debug/riod_rdma/mappings
	EXPORT=$(device nvme)
	riod_network
	server_ctl bind "$EXPORT" --export "${RIOD_BIND[@]}" --allow 203.0.113.0/24
	before=$(on server cat "$mappings")
	t_match error "$(refused "$RIODCTL" attach "$RIOD_SERVER" "$EXPORT")" \
		'refused: not open to this host'
	if [[ $RIOD_TOPOLOGY == pair ]]; then
		t_eq "mappings of the server" "$(on server cat "$mappings")" "$before"
	fi
	server_ctl allow "$EXPORT" --add "$RIOD_VMM_ADDR"
	riod_attach
	t_eq state "$(att state)" connected
}

# one export on both transports: peers choose, and it is still for one at a time
test_beside_tcp()
{
	local way other
	riod_export edu --no-reset --transport tcp --transport rdma
	t_eq transports "$(exports | sed -n 's/^0\.transports\.[0-9]*=//p' | xargs)" "tcp rdma"
	for way in tcp rdma; do
		t_match "offer, by $way" "$("$RIODCTL" list "$way://$RIOD_SERVER_ADDR")" "$EXPORT.*free"
	done
	for way in tcp rdma; do
		RIOD_SERVER=$way://$RIOD_SERVER_ADDR riod_attach
		t_eq transport "$(att transport)" "$way"
		t_eq "transport of the peer" "$(exports | sed -n 's/^0\.peer_transport=//p')" "$way"
		/riod-build/vfio/edu "$ATT_DEV" > /dev/null
		for other in tcp rdma; do
			t_match "taken, by $other" \
				"$(refused "$RIODCTL" attach "$other://$RIOD_SERVER_ADDR" "$EXPORT")" \
				"in use by $RIOD_VMM_ADDR"
		done
		t_eq state "$(att state)" connected
		riod_detach
		wait_for 20 export_idle
	done
	riod_unexport
	for way in tcp rdma; do
		t_match "closed, $way" "$(refused "$RIODCTL" attach "$way://$RIOD_SERVER_ADDR")" \
			'refused the connection'
	done
	wait_for 10 on server modprobe -r riod_rdma
}

# nothing is mapped or registered once the connection exists, and completions are few
test_counters()
{
	local name
	local -A n=()
	riod_export edu --no-reset
	riod_attach
	for name in $counters; do n[$name]=$(counter "$name"); done
	/riod-build/vfio/edu "$ATT_DEV" > /dev/null
	for name in $counters; do n[$name]=$(( $(counter "$name") - n[$name] )); done
	t_diag "$(for name in $counters; do echo "$name=${n[$name]}"; done | xargs)"
	t_cmp "messages" "${n[tx_messages]}" -ge 50
	t_eq "mappings" "${n[mappings]}" 0
	t_eq "memory regions" "$(resources mr)" 0
	# one message in eight, and those that return credits
	t_cmp "signalled" "${n[tx_signalled]}" -le $(( n[tx_messages] / 8 + n[tx_credit_messages] + 1 ))
	# sends that were signalled, and all receives
	t_cmp "completions" "${n[completions]}" -le $(( n[tx_signalled] + n[rx_messages] + 1 ))
	riod_detach
	wait_for 10 no_qp
	t_eq "connections" "$(counter connections)" 0
	wait_for 10 on server "$(declare -f resources no_qp); no_qp"
}

# the session ends, and neither the removal nor the session waits for the other
adapter_goes()
{
	riod_export nvme
	riod_attach
	device_del "$1"
	wait_for 60 device_lost
	riod_detach --force || true
	wait_for 20 no_attachments
	wait_for 60 export_idle
	riod_network
	riod_attach
	t_eq state "$(att state)" connected
}

test_client_loses_its_adapter() { adapter_goes vmm; }
test_server_loses_its_adapter()
{
	[[ $RIOD_TOPOLOGY == pair ]] || t_skip "one host has one adapter"
	adapter_goes server
}

# while a connection lingers, or is there, the module stays; then it goes
test_unload()
{
	riod_export nvme
	riod_attach
	t_fails modprobe -r riod_rdma
	riod_detach
	riod_unexport
	wait_for 10 modprobe -r riod_rdma
	wait_for 10 on server modprobe -r riod_rdma
	riod_export nvme
	riod_attach
	t_eq state "$(att state)" connected
}

ktap_run "$@"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Disable one rule of the engine at a time and check that the simulator fails within 10000
# schedules (SCHEDULES), by one of the invariants that cover the rule. Prints KTAP. The rules of
# a break (rule 19) are kept by the session, so their mutants change the simulator's session.
set -euo pipefail

usage() { echo "usage: ${0##*/} OUTDIR [MUTANT...]"; }

(($# >= 1)) || { usage >&2; exit 2; }
out=$1
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
common=$here/../../kernel/common
# schedules within which each mutant must be caught
most=${SCHEDULES:-10000}

# For mutants of a break: their receiver does not check the numbers of frames, so that it is
# the engine or the guest that notices.
unnumbered='s/m->seq != s->rx_seq + 1/0/'
# changed frames are sent
unsummed='s/if (sum_of(m->frame) != m->sum)/if (0)/'
# include mutant_break.h
wrong='s/^static void notice/#include "mutant_break.h"\n&/'

# name ~ file, of the engine or the simulator ~ what is changed, as a sed script ~ invariants, one of which must fail ~
# protocol, where few of the others would notice: all by turns have few schedules each
mutants='
one-pass (rule 9)~sync_collect.c~s/while (!quiet && !forced)/while (0)/~flag-after-data acquire release
running granules read whenever (rule 9)~sync_collect.c~s/quiet = settle(cut);/quiet = true;/~flag-after-data acquire release
running granules need not rest (rule 9)~sync_collect.c~s/if (read_all_running(cut, false))/if (read_all_running(cut, false) \&\& 0)/~flag-after-data
restless too soon (rule 9)~sync_collect.c~s/define MOVES_RESTLESS.*/define MOVES_RESTLESS 4/~flag-after-data
guest wins over unsent bytes (rule 7)~sync_apply.c~s/guard = (const union riod_granule \*)(page->base + t->off);/guard = NULL;/~device-wins
no conflict with what is in flight (rule 7)~sync_apply.c~s/^\t\t\.sent = find_sent(page),//~converge
no conflict with cuts behind the joined ones (rule 7)~sync_apply.c~s/t->page->recent\[BIT_WORD(t->off)\]/0/~converge~shared
conflicts are forgotten with earlier ones (rule 7)~sync_apply.c~s/^\t\tif (later)$/\t\tif (0)/~converge
conflicts outlive their cut (rule 7)~sync_apply.c~s/^\tbitmap_zero(page->recent, RIOD_PAGE_SIZE);/\t;/~converge~shared
conflicts forgotten when acknowledged (rule 7)~sync_apply.c~s/if (s->cut > applied)/if (s->cut > y->acked_cut)/~converge~shared
a dropped byte is not the base (rule 7)~sync_apply.c~s/^\t\tpatch_base(t);/\t\tif (!riod_sync_is_stub(t->y) || riod_granule_weight(\&taken)) patch_base(t);/~converge device-wins
deliveries are sent back (rule 6)~sync_apply.c~s/^\t\tpatch_base(t);/\t\tif (riod_sync_is_stub(t->y)) patch_base(t);/~byte-exact acquire flag-after-data recycled converge device-wins untorn
late data of an unmapped page (rule 4)~sync_apply.c~s/return !page->nwrite .*/return false;/~late-data
late data of an earlier mapping (rule 4)~sync_apply.c~s/ || applied < page->since//~late-data
late data leaves no trace (rule 4)~sync_apply.c~s/^\t\tpatch_base(t);/\t\tif (!t->keep) patch_base(t);/~converge
unsent bytes outlive the mapping (rule 4)~sync.c~s/^\t\triod_sync_discard_unsent(page);/\t\t;/~converge late-data
no seed (rule 5)~sync_collect.c~s/if (!riod_sync_compares(y, page))/if (!page->base \&\& !page->nwrite)/~release converge flag-after-data
whole granules (rule 5)~sync_apply.c~s/memset(t->p.mask.b + in, 0xff, n);/memset(t->p.mask.b, 0xff, 16);/~byte-exact flag-after-data
byte by byte (rule 8)~sync_apply.c~s/n = min(len, RIOD_GRANULE - in);/n = 1;/;s/if (off - in != t->off) {/{/~untorn flag-after-data
doorbells in memory are not rung (rule 11)~profile_nvme.c~s/if (n->shadow)/if (0)/~wake-up progress
completion queues are not named (rule 10)~profile_nvme_queue.c~s/err = n->env.order(n->env.priv, n->spans, spans);/err = 0;/~flag-after-data
what the guest publishes is sent as it comes (rule 10)~sync_order.c~s/^\t\tfor (i = find_area(o, cap->page->id); i < o->n; i++) {/\t\tfor (i = o->n; i < o->n; i++) {/~flag-after-data
what the device publishes is applied as it comes (rule 10)~sync_order.c~s/^\tu32 i, g, n = 0;/\tu32 i, g, n = 0; return 0;/~flag-after-data
no entry is ahead of another (rule 10)~sync_order.c~s/^\tconst struct riod_sync_area \*area = e->area;/\tconst struct riod_sync_area *area = e->area; return false;/~flag-after-data~xhci
steps are not counted (rule 10)~sync_order.c~s/a->step = max(s->step .*/a->step = 1;/~flag-after-data
virtqueues are not named (rule 10)~profile_virtio.c~s/err = v->env.order(v->env.priv, v->spans, n);/err = 0;/~flag-after-data~virtio_split
devices are not notified again (rule 11)~profile_virtio.c~s/if (q->avail != q->notified \&\&/if (0 \&\&/~wake-up
guests are not interrupted again (rule 11)~profile_virtio.c~s/v->env.raise(v->env.priv, q->vector);/;/~wake-up
rings of descriptors are not named (rule 10)~profile_e1000.c~s/err = e->env.order(e->env.priv, e->spans, n);/err = 0;/~flag-after-data
descriptors of packet split are like others (rule 10)~profile_e1000.c~s/e->split = split;/e->split = false;/~flag-after-data
what was mapped meanwhile does not join the cut (rule 1)~sync_collect.c~s/^\t\tif (y->join)/\t\tif (0)/~iommu flag-after-data
whole words into device memory (rule 16)~sync_granule.h~s/riod_word_store(live + 8 \* i, new, taken->w\[i\])/riod_word_store(live + 8 * i, new, -1)/~byte-exact
interrupts leave unlooked while a cut is in flight (rule 2)~sync_collect.c~s/^\treturn hold == HOLD_DONE;/\treturn true;/~acquire~small_buffer
maps do not wait (rule 9)~sync_collect.c~s/^\tif (!y->hold ||/\tif (1 ||/~progress unforced
frames that were on their way are lost (rule 19)~world_break.c~'"$unnumbered"';s/^\t\ttransmit(e->tx, m);/\t\t;/~accepted once wake-up
processed frames are sent again (rule 19)~world_break.c~'"$unnumbered"';s/^\tacknowledge(e->tx, peer_rx_seq);/\t;/~accepted once
what was sent counts as processed (rule 19)~world_break.c~'"$unnumbered"';s/hello = a->up.rx_seq;/hello = a->up.tx_seq;/~accepted once wake-up
a frame is sent again that is being processed (rule 19)~world_break.c~'"$unnumbered"';s/return !((struct end \*)end)->busy;/return true;/~accepted once
retained frames are sent in another order (rule 19)~world_break.c~'"$unnumbered"';/^static void install/,/^}/s/list_for_each_entry(/list_for_each_entry_reverse(/~accepted once
processed frames are sent again, to a session that counts (rule 19)~world_break.c~s/^\tacknowledge(e->tx, peer_rx_seq);/\t;/~once
the staged part of a cut is dropped (rule 19)~world_break.c~'"$wrong"';s/^\te->broken = true;/&\n\tmutant_drop_staged(e);/~accepted
the staged part of a cut is applied (rule 19)~world_break.c~'"$wrong"';s/^\te->broken = true;/&\n\tmutant_apply_staged(e);/~accepted flag-after-data
frames are filled again from memory (rule 19)~world_break.c~'"$wrong;$unsummed"';s/^\t\ttransmit(e->tx, m);/\t\t{ mutant_rebuild(e, m->frame); transmit(e->tx, m); }/~flag-after-data~virtio_split
retained frames change (rule 19)~world_break.c~'"$wrong"';s/^\t\ttransmit(e->tx, m);/\t\t{ mutant_rebuild(e, m->frame); transmit(e->tx, m); }/~immutable
interrupts go ahead of the fresh cut (rule 19)~world_net.c~s/s->a->lost || s->e->broken ||/s->a->lost ||/;s/^\tcollect(e, &frames);/\tif (e == \&a->fe || !e->broken) collect(e, \&frames);/~acquire~small_buffer
register writes go ahead of the fresh cut (rule 19)~world_net.c~s/s->a->lost || s->e->broken ||/s->a->lost ||/;s/^\tcollect(e, &frames);/\tif (e == \&a->st || !e->broken) collect(e, \&frames);/~release~read_buffer
interrupts of a break are lost (rule 19)~world_device.c~s/^\ta->irqs_raised\[vector\] = 1;/\tif (!a->st.broken) a->irqs_raised[vector] = 1;/~wake-up
register writes of a break are lost (rule 19)~world_guest.c~s/^\tif (a->lost)$/\tif (a->lost || a->fe.broken)/~wake-up progress
unmaps of a break are not told of (rule 19)~world_guest.c~s/^\t\tsim_put(&a->records, m);/\t\tif (!a->fe.broken) sim_put(\&a->records, m);/~accepted converge
the cut in flight is acknowledged by later frames only (rule 19)~world_break.c~/^static void install/,/^}/s/^\t\tend_flight(a);/\t\t;/~wake-up progress
memory of commands is not named (rule 20)~profile_nvme_queue.c~s/^\terr = name_extents(n, n->scratch + 1, data.n, data.use);/\terr = data.n = 0;/~iommu~nvme_named
queues are not named (rule 20)~profile_nvme_queue.c~s/err = name(n, q->base, queue_bytes(q, cq), .*/err = 0;/~iommu~nvme_named
lists are not named (rule 20)~profile_nvme_data.c~s/err = add_list(d, list, entries \* sizeof(entry));/err = 0;/~iommu~nvme_named
segments are not named (rule 20)~profile_nvme_data.c~s/err = add_list(d, addr, len);/err = 0;/~iommu~nvme_named
what is named may be refused (rule 20)~profile_nvme_queue.c~s/n->nrequests++;/n->nrequests++, unname_extents(n, r->extents, r->n), r->n = 0;/~iommu~nvme_named
names of two commands are one (rule 20)~world_guest.c~s/!--a->names\[i\].count/!(a->names[i].count = 0)/~iommu flag-after-data~nvme_named
doorbells go ahead of what they name (rule 20)~world_guest.c~s/^\tif (!taken)$/\tif (0)/;s/^\tmutex_lock(&a->dma_lock);\n\ttaken/&/;s/^\tbool taken;/\tbool taken; sim_write_reg(0, sim_w.proto->reg_of(offset), value); sim_relax();/~iommu progress~nvme_named
what the device reads is not carried (rule 21)~sync_exact.c~s/^\t\tbitmap_set(page->carry, offset, len);/\t\tif (len == 64) bitmap_set(page->carry, offset, len);/~release~nvme_named
completions bring no data (rule 21)~sync_exact.c~s/x->valid \&\& i < x->n/0 \&\& i < x->n/~flag-after-data~nvme_named
requests that fail bring data (rule 21)~sync_exact.c~s/x->valid = x->always ||/x->valid = true ||/~byte-exact~nvme_named
completions come first (rule 21)~sync_apply.c~s/^\tapply_frames(y, applied, bases, TURN_FIRST);/\tif (completions) apply_frames(y, applied, bases, TURN_LAST);\n&/~flag-after-data~nvme_named
completions are known later than seen (rule 21)~sync_apply.c~s/t.keep = turn == TURN_COMPLETIONS/t.keep = turn == TURN_LAST/;s/t.plain = turn == TURN_LAST/t.plain = turn == TURN_COMPLETIONS/~iommu flag-after-data wake-up progress~nvme_named
completions cross in part (rule 21)~sync_exact.c~s/^\t\tbitmap_set(cap->carry, off, RIOD_GRANULE);/\t\tfor (u32 b = off; b < off + 16; b++) if (cap->snap[b] != base[b]) bitmap_set(cap->carry, b, 1);/~flag-after-data~nvme_named
completions are read where the guest has them (rule 21)~profile_nvme_queue.c~s/^\t\treturn n->env.completion(.*/\t\treturn ({ const void *l = n->env.mem(n->env.priv, at, 16, false); if (l) memcpy(cqe, l, 16); !!l; });/~progress wake-up flag-after-data~nvme_named
length is known of every command (rule 21)~profile_nvme_data.c~s/if (len < 0 || d->doubt/if (d->doubt/~flag-after-data~nvme_named
what the device leaves is not kept (rule 21)~profile_nvme_data.c~s/how |= RIOD_EXTENT_OUT/how |= 0/~flag-after-data~nvme_named
pages have two classes (rule 21)~world_guest.c~s/^\treturn !name->count || name->use == use ||/\treturn true ||/~flag-after-data~nvme_named
ascending (rule 10)~sync_collect.c~s/list_move_tail(&cap->list, cut->at);/list_move(\&cap->list, cut->at);/~flag-after-data
'

build() {
	local dir=$1 file

	# a mutant in the simulator replaces its file
	for file in shim tasks world world_guest world_device world_net world_break rings; do
		[[ -e $dir/$file.c ]] || cp "$here/$file.c" "$dir/$file.c"
	done
	for file in budget.c sync.c sync_collect.c sync_encode.c sync_order.c sync_apply.c sync_exact.c sync_cut.h sync_granule.h \
		profile_nvme.c profile_nvme_queue.c profile_nvme_data.c profile_virtio.c profile_e1000.c; do
		[[ -e $dir/$file ]] || cp "$common/$file" "$dir/$file"
	done
	gcc -std=gnu11 -w -mcx16 -pthread -O2 -g -I"$here/include" -I"$here" \
		-I"$here/../../kernel/include" -I"$common" -o "$dir/sim-rings" \
		"$dir"/*.c "$here"/proto_*.c
}

# succeeds if the mutant fails by one of the invariants that cover the rule
try() {
	local file=$1 change=$2 wanted=$3 protocol=$4 dir=$5 log=$5/log inv from=$common

	rm -rf "$dir"
	mkdir -p "$dir"
	[[ ! -e $here/$file ]] || from=$here
	sed -e "$change" "$from/$file" >"$dir/$file"
	if cmp -s "$from/$file" "$dir/$file"; then
		echo "# the change does not apply to $file any more"
		return 1
	fi
	build "$dir"
	timeout 240 "$dir/sim-rings" --hunt "$most" ${protocol:+--protocol "$protocol"} \
		>"$log" 2>&1 || {
		tail -n 1 "$log"
		return 1
	}
	for inv in $wanted; do
		if grep -q "^# invariant $inv:" "$log"; then
			grep -m 1 "^# invariant $inv:" "$log"
			return 0
		fi
	done
	echo "# failed, but not by: $wanted"
	grep -m 3 -E '^(# invariant|Bail)' "$log" || true
	return 1
}

n=0 bad=0
echo "KTAP version 1"
while IFS='~' read -r name file change wanted protocol; do
	[[ -n $name ]] || continue
	n=$((n + 1))
	(($# == 0)) || [[ " $* " == *" $n "* ]] || continue
	if try "$file" "$change" "$wanted" "$protocol" "$out/$n"; then
		echo "ok $n $name"
	else
		echo "not ok $n $name"
		bad=$((bad + 1))
	fi
done <<<"$mutants"
echo "1..$n"
exit $((bad != 0))

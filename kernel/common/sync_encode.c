// SPDX-License-Identifier: GPL-2.0-only
/* The coherence engine: encoding a cut into frames. */
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "sync.h"
#include "sync_cut.h"
#include "transport.h"

/* first byte from @pos on that differs or, without @differ, is equal */
static u32 find_byte(const u8 *now, const u8 *base, u32 pos, bool differ)
{
	u64 x;

	while (pos < RIOD_PAGE_SIZE) {
		if (IS_ALIGNED(pos, 8)) {
			x = *(const u64 *)(now + pos) ^ *(const u64 *)(base + pos);
			if (differ ? !x : !riod_zero_bytes(x)) {
				pos += 8;
				continue;
			}
		}
		x = now[pos] ^ base[pos];
		if (differ == !!x)
			break;
		pos++;
	}
	return pos;
}

/*
 * Find the next run of changed bytes of this turn from @pos on.  Return: its
 * end, or the page's end if there is none.  Only captures with @nlast have two
 * turns.
 */
static u32 find_run(const struct riod_sync_capture *cap, bool last, u32 *pos)
{
	const u8 *base = riod_sync_base(cap->page);
	u32 end, g;

	if (cap->carry) {
		*pos = find_next_bit(cap->carry, RIOD_PAGE_SIZE, *pos);
		return find_next_zero_bit(cap->carry, RIOD_PAGE_SIZE, *pos);
	}
	*pos = find_byte(cap->snap, base, *pos, true);
	while (cap->nlast && *pos < RIOD_PAGE_SIZE &&
	       test_bit(*pos / RIOD_GRANULE, cap->last) != last)
		*pos = find_byte(cap->snap, base,
				 round_down(*pos, RIOD_GRANULE) + RIOD_GRANULE, true);
	end = find_byte(cap->snap, base, *pos, false);
	for (g = *pos / RIOD_GRANULE + 1; cap->nlast && g * RIOD_GRANULE < end; g++) {
		if (test_bit(g, cap->last) != last)
			return g * RIOD_GRANULE;
	}
	return end;
}

/* size of the page's delta in this turn; 0: it has none */
static u32 measure(struct riod_sync_cut *cut, struct riod_sync_capture *cap, bool last)
{
	u32 pos, end;

	cap->nruns = 0;
	cap->nbytes = 0;
	if (!cap->page || (last && !cap->nlast))
		return 0;
	if (!last && !cap->carry) {
		riod_sync_last_to_device(cut->y, cap);
		cut->last += !!cap->nlast;
	}
	for (pos = 0; pos < RIOD_PAGE_SIZE; pos = end) {
		end = find_run(cap, last, &pos);
		cap->nruns += pos < end;
		cap->nbytes += end - pos;
	}
	return cap->nruns ? riod_sync_delta_size(cap->nruns, cap->nbytes) : 0;
}

/* write a measured delta; its padding is zero already.  Return: its size */
static u32 put_delta(u8 *p, struct riod_sync_capture *cap, bool last)
{
	struct riod_wire_delta *d = (struct riod_wire_delta *)p;
	struct riod_wire_run *run = (struct riod_wire_run *)(d + 1);
	u8 *data = (u8 *)(run + cap->nruns);
	u32 pos = 0, end, i;

	d->page = cpu_to_le64(cap->page->id);
	d->nruns = cpu_to_le16(cap->nruns);
	d->nbytes = cpu_to_le16(cap->nbytes);
	for (i = 0; i < cap->nruns; i++, run++, pos = end) {
		end = find_run(cap, last, &pos);
		run->offset = cpu_to_le16(pos);
		run->len = cpu_to_le16(end - pos);
		memcpy(data, cap->snap + pos, end - pos);
		data += end - pos;
	}
	cap->carried = true;
	return riod_sync_delta_size(cap->nruns, cap->nbytes);
}

/**
 * struct riod_sync_plan - range of captures that share a frame
 * @at: last capture ahead of the range
 * @to: last capture of the range
 * @last: true: second turn, of the granules that are applied last (rule 10,
 *	publish order)
 */
struct riod_sync_plan {
	struct list_head *at;
	struct list_head *to;
	bool last;
};

/* measure the captures behind @p->at that fit into @room, and set @p->to */
static u32 plan_frame(struct riod_sync_cut *cut, struct riod_sync_plan *p, u32 room)
{
	struct riod_sync_capture *cap;
	u32 size, total = 0;
	unsigned int n = 0;

	lockdep_assert_held(&cut->y->lock);
	for (p->to = p->at; p->to->next != &cut->captures; p->to = p->to->next) {
		cap = list_entry(p->to->next, struct riod_sync_capture, list);
		size = measure(cut, cap, p->last);
		if (total + size > room || n++ == RIOD_SYNC_PAGES_PER_HOLD)
			break;
		total += size;
	}
	return total;
}

/* encode the planned captures; pages that were unmapped meanwhile are skipped */
static u32 fill_frame(struct riod_sync_cut *cut, const struct riod_sync_plan *plan, u8 *p)
{
	struct list_head *at = plan->at;
	struct riod_sync_capture *cap;
	u8 *start = p;

	lockdep_assert_held(&cut->y->lock);
	while (at != plan->to) {
		at = at->next;
		cap = list_entry(at, struct riod_sync_capture, list);
		if (!cap->page || !cap->nruns)
			continue;
		p += put_delta(p, cap, plan->last);
		cut->bytes += cap->nbytes;
		if (!cap->page->base && !cap->carry)
			cut->seeded += cap->nbytes;
	}
	return p - start;
}

/*
 * A delta always fits into an empty frame (RIOD_FRAME_MIN).  Where a page has
 * two deltas, each granule is in one of them, so no granule is torn (rule 8,
 * atomic apply).
 */
static_assert(sizeof(struct riod_frame) + sizeof(struct riod_wire_cut_data) +
	      RIOD_SYNC_DELTA_MAX <= RIOD_FRAME_MIN);

static int add_frame(struct riod_sync_cut *cut, const struct riod_sync_plan *plan, u32 size)
{
	u64 weight = riod_sync_frame_weight(sizeof(struct riod_wire_cut_data) + size);
	struct riod_wire_cut_data *body;
	struct riod_frame *f;
	int err;

	err = riod_budget_charge_own(&cut->y->budget, weight);
	if (err)
		return err;
	cut->charged += weight;
	f = riod_frame_alloc(RIOD_FRAME_CUT_DATA, 0, sizeof(*body) + size, RIOD_SYNC_GFP);
	if (!f)
		return -ENOMEM;
	body = (struct riod_wire_cut_data *)f->body;
	body->cut = cpu_to_le64(cut->y->tx_cut + 1);
	mutex_lock(&cut->y->lock);
	size = fill_frame(cut, plan, body->deltas);
	mutex_unlock(&cut->y->lock);
	if (!size) {
		riod_frame_free(f);
		return 0;
	}
	f->len = sizeof(*body) + size;
	f->hdr.len = cpu_to_le32(sizeof(f->hdr) + f->len);
	list_add_tail(&f->list, &cut->frames);
	cut->nframes++;
	return 0;
}

static int encode_turn(struct riod_sync_cut *cut, u32 room, bool last)
{
	struct riod_sync_plan plan = { .at = &cut->captures, .last = last };
	u32 size;
	int err = 0;

	for (; !err && plan.at->next != &cut->captures; plan.at = plan.to) {
		mutex_lock(&cut->y->lock);
		size = plan_frame(cut, &plan, room);
		mutex_unlock(&cut->y->lock);
		if (size)
			err = add_frame(cut, &plan, size);
		if (riod_sync_is_stopped(cut->y))
			err = -ENOTCONN;
		cond_resched();
	}
	return err;
}

/**
 * riod_sync_encode() - make the CUT_DATA frames
 * @cut: cut whose passes are done
 * @max_frame: largest frame the peer takes
 *
 * The gate keeps bases and orders as they are, so fill_frame() finds what
 * plan_frame() measured, except for pages unmapped meanwhile.  Memory is
 * allocated with only the gate held.
 *
 * Return: 0, -ENOMEM, -EDQUOT, -ENOTCONN.
 */
int riod_sync_encode(struct riod_sync_cut *cut, u32 max_frame)
{
	/* a full frame fits a power of two at both ends, instead of just exceeding it */
	u32 room = max_frame - sizeof(struct riod_frame) - sizeof(struct riod_wire_cut_data);
	int err;

	if (WARN_ON_ONCE(max_frame < RIOD_FRAME_MIN))
		return -EINVAL;
	err = encode_turn(cut, room, false);
	if (!err && cut->last)
		err = encode_turn(cut, room, true);
	return err;
}

/* the frame that completes the cut */
int riod_sync_add_commit(struct riod_sync_cut *cut)
{
	struct riod_wire_cut_commit *c;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_CUT_COMMIT, 0, sizeof(*c), RIOD_SYNC_GFP);
	if (!f)
		return -ENOMEM;
	c = (struct riod_wire_cut_commit *)f->body;
	c->cut = cpu_to_le64(cut->y->tx_cut + 1);
	c->applied = cpu_to_le64(cut->y->rx_cut);
	c->nframes = cpu_to_le32(cut->nframes);
	list_add_tail(&f->list, &cut->frames);
	return 0;
}

/* ------------------------------------------------------------ rule 7, the device wins */

/* rule 7 does not apply to what the frontend does not compare */
static bool may_conflict(struct riod_sync *y, u64 id)
{
	const struct riod_sync_page *page;
	bool ret;

	mutex_lock(&y->lock);
	page = xa_load(&y->index, id);
	ret = page && page->recent;
	mutex_unlock(&y->lock);
	return ret;
}

static int remember_delta(struct riod_sync_cut *cut, const struct riod_wire_delta *d)
{
	const struct riod_wire_run *run = (const struct riod_wire_run *)(d + 1);
	const struct riod_wire_run *end = run + le16_to_cpu(d->nruns);
	struct riod_sync_sent *s;
	unsigned long *bytes;

	if (!may_conflict(cut->y, le64_to_cpu(d->page)))
		return 0;
	s = riod_sync_alloc_own(cut->y, sizeof(*s), __GFP_ZERO);
	if (IS_ERR(s))
		return PTR_ERR(s);
	bytes = riod_sync_alloc_own(cut->y, RIOD_SYNC_BITMAP, __GFP_ZERO);
	if (IS_ERR(bytes)) {
		riod_sync_free(cut->y, s, sizeof(*s));
		return PTR_ERR(bytes);
	}
	s->bytes = bytes;
	s->page = le64_to_cpu(d->page);
	s->cut = cut->y->tx_cut + 1;
	for (; run < end; run++)
		bitmap_set(s->bytes, le16_to_cpu(run->offset), le16_to_cpu(run->len));
	list_add_tail(&s->by_cut, &cut->sent);
	return 0;
}

/* stub: record which bytes the cut carries, to detect conflicts (rule 7) */
int riod_sync_remember(struct riod_sync_cut *cut)
{
	const struct riod_wire_cut_data *body;
	const struct riod_wire_delta *d;
	struct riod_frame *f;
	u32 pos;
	int err;

	if (!riod_sync_is_stub(cut->y))
		return 0;
	list_for_each_entry(f, &cut->frames, list) {
		body = (const struct riod_wire_cut_data *)f->body;
		for (pos = 0; pos < f->len - sizeof(*body);
		     pos += riod_sync_delta_size(le16_to_cpu(d->nruns),
						 le16_to_cpu(d->nbytes))) {
			d = (const struct riod_wire_delta *)(body->deltas + pos);
			err = remember_delta(cut, d);
			if (err)
				return err;
		}
		cond_resched();
	}
	return 0;
}

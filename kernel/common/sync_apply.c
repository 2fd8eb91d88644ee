// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherence engine: applying the peer's cuts.
 *
 * Why both ends converge (rule 6, recycled buffers, and rule 7, the device
 * wins).  Each end keeps a base for every byte.  The base changes when one end
 * takes a cut with the byte and when the other end applies that cut, in either
 * direction.  Both ends see these changes in one order.  Only one pair can
 * cross: the frontend takes a cut before it has applied the stub's, and that
 * cut arrives after the stub took its own.  The frontend's cut comes first at
 * the frontend, and the stub drops its byte, so the order is the same at both
 * ends.  So when nothing is in flight the bases are equal, and when nobody
 * writes the pages equal their bases.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <kunit/visibility.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "sync.h"
#include "sync_cut.h"
#include "transport.h"

/**
 * struct riod_sync_target - destination of one delta
 * @y: engine
 * @page: the page
 * @sent: stub: the page's first struct riod_sync_sent, joined; NULL if it has
 *	none
 * @keep: do not write the page's memory, only its base
 * @plain: there is no base: store all bytes (rule 21, exact)
 * @last: granules that are applied in the last turn (rule 10, publish order);
 *	NULL: the page has one turn
 * @turn: true: this is the last turn
 * @p: bytes gathered so far for the granule at @off
 * @off: offset of a granule in the page
 * @offered: bytes that this turn offers
 * @taken: bytes that were stored
 */
struct riod_sync_target {
	struct riod_sync *y;
	struct riod_sync_page *page;
	const struct riod_sync_sent *sent;
	bool keep;
	bool plain;
	const unsigned long *last;
	bool turn;
	struct riod_patch p;
	u32 off;
	u32 offered;
	u32 taken;
};

/* ------------------------------------------------------------ staging */

int riod_sync_stage(struct riod_sync *y, struct riod_frame *f)
{
	const struct riod_wire_cut_data *body = (const struct riod_wire_cut_data *)f->body;
	u64 weight = riod_sync_frame_weight(f->len);
	int err = 0;

	if (le64_to_cpu(body->cut) != y->rx_cut + 1 ||
	    y->staged_bytes + weight > READ_ONCE(y->staged_max))
		err = -EPROTO;
	if (!err)
		err = riod_budget_charge(&y->budget, weight);
	if (err) {
		riod_frame_free(f);
		return err;
	}
	list_add_tail(&f->list, &y->staged);
	y->staged_bytes += weight;
	y->nstaged++;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_stage);

static void drop_staged(struct riod_sync *y)
{
	struct riod_frame *f, *tmp;

	list_for_each_entry_safe(f, tmp, &y->staged, list) {
		list_del(&f->list);
		riod_frame_free(f);
	}
	riod_budget_uncharge(&y->budget, y->staged_bytes);
	y->staged_bytes = 0;
	y->nstaged = 0;
}

/* ------------------------------------------------------------ deltas */

static u32 delta_size(const struct riod_wire_delta *d)
{
	return riod_sync_delta_size(le16_to_cpu(d->nruns), le16_to_cpu(d->nbytes));
}

/* the deltas of a validated frame, at least one; NULL behind the last */
static const struct riod_wire_delta *first_delta(const struct riod_frame *f)
{
	return (const void *)(f->body + sizeof(struct riod_wire_cut_data));
}

static const struct riod_wire_delta *next_delta(const struct riod_frame *f,
						const struct riod_wire_delta *d)
{
	const u8 *next = (const u8 *)d + delta_size(d);

	return next < f->body + f->len ? (const void *)next : NULL;
}

/* expand the granule's 16 bits of the bytes kept as sent into a byte mask */
static void spread_sent(const struct riod_sync_target *t, union riod_granule *mask)
{
	unsigned long bits = t->sent->bytes[BIT_WORD(t->off)] |
			     t->page->recent[BIT_WORD(t->off)];
	u32 i;

	bits >>= t->off % BITS_PER_LONG;
	for (i = 0; i < RIOD_GRANULE; i++)
		mask->b[i] = bits >> i & 1 ? 0xff : 0;
}

/* the base takes all bytes of @p, whether or not they were stored in the page */
static void patch_base(struct riod_sync_target *t)
{
	u64 *base = (u64 *)(t->page->base + t->off);
	u32 i;

	for (i = 0; i < 2; i++)
		base[i] = (base[i] & ~t->p.mask.w[i]) |
			  (t->p.val.w[i] & t->p.mask.w[i]);
}

/*
 * Apply the gathered granule.
 *
 * The stub stores a byte only where the shadow still equals the base.
 * Elsewhere the device has written since: its byte stays, and goes out with the
 * next cut, because the base becomes the guest's byte, as at the frontend.  A
 * byte that is in one of our cuts that the frontend had not applied is dropped,
 * and the base stays: the frontend's base becomes the device's byte when that
 * cut arrives.
 */
static void apply_granule(struct riod_sync_target *t)
{
	struct riod_sync_page *page = t->page;
	union riod_granule mask, taken = {};
	const union riod_granule *guard = NULL;

	t->offered += riod_granule_weight(&t->p.mask);
	if (t->sent) {
		spread_sent(t, &mask);
		t->p.mask.w[0] &= ~mask.w[0];
		t->p.mask.w[1] &= ~mask.w[1];
	}
	if (riod_sync_is_stub(t->y) && !t->plain)
		guard = (const union riod_granule *)(page->base + t->off);
	if (!t->keep)
		riod_sync_merge(page, t->off, &t->p, guard, &taken);
	if (!t->plain) {
		if (page->completions)
			__set_bit(t->off / RIOD_GRANULE, page->written);
		patch_base(t);
	}
	t->taken += riod_granule_weight(&taken);
}

static void end_granule(struct riod_sync_target *t)
{
	if (!t->last || test_bit(t->off / RIOD_GRANULE, t->last) == t->turn)
		apply_granule(t);
	t->p.mask.w[0] = 0;
	t->p.mask.w[1] = 0;
}

/* runs ascend: a granule is complete when a run reaches the next one */
static void gather_run(struct riod_sync_target *t, u32 off, u32 len, const u8 *data)
{
	u32 in, n;

	for (; len; off += n, data += n, len -= n) {
		in = off % RIOD_GRANULE;
		n = min(len, RIOD_GRANULE - in);
		if (off - in != t->off) {
			end_granule(t);
			t->off = off - in;
		}
		memcpy(t->p.val.b + in, data, n);
		memset(t->p.mask.b + in, 0xff, n);
	}
}

static void apply_runs(struct riod_sync_target *t, const struct riod_wire_delta *d)
{
	const struct riod_wire_run *run = (const struct riod_wire_run *)(d + 1);
	u32 nruns = le16_to_cpu(d->nruns);
	const u8 *data = (const u8 *)(run + nruns);
	u32 i, len;

	t->off = round_down(le16_to_cpu(run->offset), RIOD_GRANULE);
	for (i = 0; i < nruns; i++, run++) {
		len = le16_to_cpu(run->len);
		gather_run(t, le16_to_cpu(run->offset), len, data);
		data += len;
	}
	end_granule(t);
}

/* no joined entry is left: join all others */
static void join_sent(struct riod_sync_page *page)
{
	const struct riod_sync_sent *later = NULL;
	struct riod_sync_sent *s;

	list_for_each_entry_reverse(s, &page->sent, by_page) {
		if (later)
			bitmap_or(s->bytes, s->bytes, later->bytes, RIOD_PAGE_SIZE);
		s->joined = true;
		later = s;
	}
	bitmap_zero(page->recent, RIOD_PAGE_SIZE);
}

/* bytes of the page in our cuts that the peer had not applied; NULL: none */
static const struct riod_sync_sent *find_sent(struct riod_sync_page *page)
{
	const struct riod_sync_sent *s;

	s = list_first_entry_or_null(&page->sent, struct riod_sync_sent, by_page);
	if (s && !s->joined)
		join_sent(page);
	return s;
}

/*
 * Rule 4 (unmap is local) and rule 14 (direction): the frontend stores only
 * into pages that the device may write, and only bytes that the device wrote
 * through the present generation of mappings.  Other bytes are in the shadow
 * but not in the page.  The base records them, so the next cut corrects the
 * shadow.
 */
static bool keeps_out(const struct riod_sync *y, const struct riod_sync_page *page,
		      u64 applied)
{
	if (riod_sync_is_stub(y))
		return false;
	return !page->nwrite || applied < page->since;
}

static void apply_to_page(struct riod_sync *y, struct riod_sync_page *page,
			  const struct riod_wire_delta *d, u64 applied,
			  const unsigned long *last, bool turn)
{
	struct riod_sync_target t = {
		.y = y,
		.page = page,
		.sent = find_sent(page),
		.keep = keeps_out(y, page, applied),
		.plain = page->exact,
		.last = last,
		.turn = turn,
	};

	apply_runs(&t, d);
	y->stats.applied += t.taken;
	if (t.taken)
		page->changed = y->rx_cut + 1;
	if (t.keep)
		y->stats.late += t.offered;
	else
		y->stats.dropped += t.offered - t.taken;
}

/* ------------------------------------------------------------ bases */

/*
 * Bases are allocated without the lock, and before the first byte of the cut is
 * applied.  Until a base is used, its first bytes are its list head.
 */
static int reserve_bases(struct riod_sync *y, struct list_head *bases, u32 n)
{
	struct list_head *base;

	while (n--) {
		base = riod_sync_alloc(y, RIOD_PAGE_SIZE, 0);
		if (IS_ERR(base))
			return PTR_ERR(base);
		list_add(base, bases);
	}
	return 0;
}

static void free_bases(struct riod_sync *y, struct list_head *bases)
{
	struct list_head *base, *tmp;

	list_for_each_safe(base, tmp, bases)
		riod_sync_free(y, base, RIOD_PAGE_SIZE);
}

/*
 * Add a delta's granules to those that the cut has of the page.  Runs of one
 * delta may share a granule.
 *
 * Return: false if another delta of the cut has one of them.
 */
static bool enter_granules(struct riod_sync_page *page, const struct riod_wire_delta *d)
{
	const struct riod_wire_run *run = (const struct riod_wire_run *)(d + 1);
	const struct riod_wire_run *end = run + le16_to_cpu(d->nruns);
	DECLARE_BITMAP(granules, RIOD_GRANULES);
	u32 first, last;

	bitmap_zero(granules, RIOD_GRANULES);
	for (; run < end; run++) {
		first = le16_to_cpu(run->offset) / RIOD_GRANULE;
		last = (le16_to_cpu(run->offset) + le16_to_cpu(run->len) - 1) / RIOD_GRANULE;
		bitmap_set(granules, first, last - first + 1);
	}
	if (bitmap_intersects(page->arrived, granules, RIOD_GRANULES))
		return false;
	bitmap_or(page->arrived, page->arrived, granules, RIOD_GRANULES);
	return true;
}

/* rule 15: a plain access to a word with a memory error crashes the host */
static bool has_error(const struct riod_sync *y, const struct riod_sync_page *page)
{
	if (riod_sync_is_stub(y) || likely(!riod_sync_has_error(page->live)))
		return false;
	pr_warn_ratelimited("a page that the device wrote has a memory error; the session ends\n");
	return true;
}

/*
 * Check the deltas of a frame, and count in @missing the pages that need a
 * base.  Each page counts once, however many deltas of the cut it has.
 */
static int check_deltas(struct riod_sync *y, const struct riod_frame *f, u32 *missing)
{
	const struct riod_wire_delta *d;
	struct riod_sync_page *page;

	lockdep_assert_held(&y->lock);
	for (d = first_delta(f); d; d = next_delta(f, d)) {
		page = xa_load(&y->index, le64_to_cpu(d->page));
		if (!page)
			continue;
		if (page->arriving != y->rx_cut + 1) {
			page->arriving = y->rx_cut + 1;
			bitmap_zero(page->arrived, RIOD_GRANULES);
			*missing += !page->base && !page->exact;
		}
		if (!enter_granules(page, d))
			return -EPROTO;
		if (has_error(y, page))
			return -EHWPOISON;
	}
	return 0;
}

/* checks and allocates; nothing of the cut is applied yet */
static int prepare_cut(struct riod_sync *y, struct list_head *bases)
{
	struct riod_frame *f;
	u32 missing;
	int err = 0;

	list_for_each_entry(f, &y->staged, list) {
		missing = 0;
		mutex_lock(&y->lock);
		err = check_deltas(y, f, &missing);
		mutex_unlock(&y->lock);
		if (!err)
			err = reserve_bases(y, bases, missing);
		if (!err && riod_sync_is_stopped(y))
			err = -ENOTCONN;
		if (err)
			break;
		cond_resched();
	}
	return err;
}

static bool give_base(struct riod_sync_page *page, struct list_head *bases)
{
	struct list_head *base = bases->next;

	if (page->base)
		return true;
	if (list_empty(bases))
		return false;
	list_del(base);
	page->base = memset(base, 0, RIOD_PAGE_SIZE);
	return true;
}

/* ------------------------------------------------------------ cuts */

/*
 * The turns of a cut.  The last one has granules that publish others (rule 10), and before
 * it the frontend's bases learn of completions (rule 21).
 */
enum turn { TURN_FIRST, TURN_COMPLETIONS, TURN_LAST };

static bool has_completions(const struct riod_sync *y, const struct riod_sync_page *page)
{
	return page && page->completions && !riod_sync_is_stub(y);
}

/* first into the base, for @completed, then into the guest's memory */
static void apply_completions(struct riod_sync *y, struct riod_sync_page *page,
			      const struct riod_wire_delta *d, u64 applied,
			      struct list_head *bases, enum turn turn)
{
	struct riod_sync_target t = { .y = y, .page = page };

	if (turn == TURN_FIRST || !give_base(page, bases))
		return;
	t.keep = turn == TURN_COMPLETIONS || keeps_out(y, page, applied);
	t.plain = turn == TURN_LAST;
	apply_runs(&t, d);
	y->stats.applied += t.taken;
	if (t.taken)
		page->changed = y->rx_cut + 1;
}

static void apply_delta(struct riod_sync *y, const struct riod_wire_delta *d,
			u64 applied, struct list_head *bases, enum turn turn)
{
	struct riod_sync_page *page = xa_load(&y->index, le64_to_cpu(d->page));
	DECLARE_BITMAP(last, RIOD_GRANULES);
	u32 nlast;

	lockdep_assert_held(&y->lock);
	/* in the first turn only, so that each delta counts once */
	if (turn == TURN_FIRST && !riod_sync_is_stub(y) && y->unreported < RIOD_SYNC_UNREPORTED_MAX)
		y->unreported++;
	if (has_completions(y, page)) {
		apply_completions(y, page, d, applied, bases, turn);
		return;
	}
	nlast = page ? riod_sync_last_to_guest(y, page->id, last) : 0;
	if (turn == TURN_COMPLETIONS || (turn == TURN_LAST && !nlast))
		return;
	/* no base: the page was mapped after prepare_cut(), so the peer cannot mean it */
	if (page && (page->exact || give_base(page, bases)))
		apply_to_page(y, page, d, applied, nlast ? last : NULL, turn == TURN_LAST);
	else
		y->stats.late += le16_to_cpu(d->nbytes);
}

void riod_sync_free_sent(struct riod_sync *y, struct riod_sync_sent *s)
{
	riod_sync_free(y, s->bytes, RIOD_SYNC_BITMAP);
	riod_sync_free(y, s, sizeof(*s));
}

/* the stub took this cut after it had applied @applied: has it seen our unmaps? */
static void age_peak(struct riod_sync *y, u64 applied)
{
	lockdep_assert_held(&y->lock);
	if (riod_sync_is_stub(y) || applied < y->peak_cut)
		return;
	y->old_peak = y->peak;
	y->peak = y->npages;
	/* the next cut may have begun before the UNMAP frames were queued */
	y->peak_cut = y->tx_cut + 2;
	riod_sync_restage(y);
}

/* the peer had applied our cuts up to @applied: they can no longer conflict */
static void forget_sent(struct riod_sync *y, u64 applied)
{
	struct riod_sync_sent *s;
	unsigned int n = 0;

	lockdep_assert_held(&y->lock);
	y->reported_cut = applied;
	/* while the lock is dropped an unmap frees its page's entries; the gate excludes others */
	while ((s = list_first_entry_or_null(&y->sent, struct riod_sync_sent, by_cut))) {
		if (s->cut > applied)
			break;
		y->nsent--;
		list_del(&s->by_page);
		list_del(&s->by_cut);
		riod_sync_free_sent(y, s);
		if (++n % RIOD_SYNC_PAGES_PER_HOLD == 0)
			riod_sync_breathe(y);
	}
}

static int check_commit(struct riod_sync *y, const struct riod_wire_cut_commit *c)
{
	u64 applied = le64_to_cpu(c->applied);

	lockdep_assert_held(&y->gate);
	if (le64_to_cpu(c->cut) != y->rx_cut + 1 ||
	    le32_to_cpu(c->nframes) != y->nstaged ||
	    applied < y->reported_cut || applied > y->tx_cut)
		return -EPROTO;
	return 0;
}

/* see riod_sync_stop() */
static bool may_leave(const struct riod_sync *y)
{
	return riod_sync_is_stub(y) && riod_sync_is_stopped(y);
}

static void apply_frames(struct riod_sync *y, u64 applied, struct list_head *bases,
			 enum turn turn)
{
	const struct riod_wire_delta *d;
	struct riod_frame *f;

	list_for_each_entry(f, &y->staged, list) {
		if (may_leave(y))
			return;
		mutex_lock(&y->lock);
		for (d = first_delta(f); d; d = next_delta(f, d))
			apply_delta(y, d, applied, bases, turn);
		mutex_unlock(&y->lock);
		cond_resched();
	}
}

static void apply_staged(struct riod_sync *y, u64 applied, struct list_head *bases)
{
	bool ordered, completions;
	u64 before;

	lockdep_assert_held(&y->gate);
	mutex_lock(&y->lock);
	before = y->stats.applied;
	completions = y->ncompletions && !riod_sync_is_stub(y);
	ordered = !list_empty(&y->orders) || completions;
	forget_sent(y, applied);
	mutex_unlock(&y->lock);

	apply_frames(y, applied, bases, TURN_FIRST);
	if (completions) {
		apply_frames(y, applied, bases, TURN_COMPLETIONS);
		if (y->completed)
			y->completed(y->join_priv);
	}
	/* orders do not change meanwhile: that takes the gate */
	if (ordered)
		apply_frames(y, applied, bases, TURN_LAST);

	mutex_lock(&y->lock);
	y->rx_cut++;
	age_peak(y, applied);
	y->stats.cuts_applied++;
	if (y->stats.applied != before)
		riod_sync_pace(y, true);
	mutex_unlock(&y->lock);
}

int riod_sync_apply(struct riod_sync *y, const struct riod_wire_cut_commit *c)
{
	LIST_HEAD(bases);
	int err;

	mutex_lock(&y->gate);
	err = check_commit(y, c);
	if (!err)
		err = prepare_cut(y, &bases);
	if (!err)
		apply_staged(y, le64_to_cpu(c->applied), &bases);
	if (may_leave(y))
		err = -ENOTCONN;
	mutex_unlock(&y->gate);
	free_bases(y, &bases);
	drop_staged(y);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_apply);

/* did the last applied cut of the peer change page @id? */
static bool page_changed(struct riod_sync *y, u64 id)
{
	struct riod_sync_page *page;
	bool ret;

	mutex_lock(&y->lock);
	page = xa_load(&y->index, id);
	ret = page && page->changed && page->changed == y->rx_cut;
	mutex_unlock(&y->lock);
	return ret;
}

bool riod_sync_span_changed(struct riod_sync *y, u64 iova, u64 len,
			    u64 (*page_id)(void *priv, u64 iova), void *priv)
{
	u64 page, last, id;

	if (!len || len - 1 > U64_MAX - iova)
		return false;
	page = iova / RIOD_PAGE_SIZE;
	last = (iova + len - 1) / RIOD_PAGE_SIZE;
	if (last - page >= RIOD_SYNC_AREAS_MAX)
		return false;
	for (; page <= last; page++) {
		id = page_id(priv, page * RIOD_PAGE_SIZE);
		if (id && page_changed(y, id))
			return true;
	}
	return false;
}
EXPORT_SYMBOL_GPL(riod_sync_span_changed);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherence engine: taking a cut.
 *
 * Why a cut is consistent (rule 9).  A pass reads every granule once.  If two
 * passes in a row read the same bytes everywhere, each granule held its bytes
 * from its first reading to its second.  So at the moment T between the passes
 * all of them were in memory together: the cut is the memory at T, and contains
 * no store without those before it.
 *
 * Granules that change all the time would keep two passes from ever agreeing.
 * They are *running*: they leave the comparison and are read at T itself,
 * around which everything else in the cut did not change.  Running granules are
 * few and quickly read, so they are read until two readings agree.  A granule
 * that changes at nearly every reading, such as a counter or the index of a
 * busy ring, is *restless*: it is read once, between the two readings that
 * agree, and is thus consistent with all others.  A page that is rewritten all
 * over, such as the neighbour of a small buffer, is *noisy*: it leaves the
 * comparison as a whole and is read at T after the running granules, so that a
 * flag among those is never newer than the data that it publishes.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <kunit/visibility.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "sync.h"
#include "sync_cut.h"
#include "transport.h"

/* captures allocated per refill */
#define SPARE_CAPTURES		16
/*
 * Passes that a cut makes, however slow, before its deadline counts: enough to
 * find the running granules and noisy pages, even on a host that is short of
 * CPUs.
 */
#define PASSES_MIN		32
/* after this many passes a cut holds back maps (riod_sync.hold) */
#define PASSES_HOLD		4
/* a granule that changed in this many passes is running */
#define MOVES_RUNNING		3
/* a granule that changed this often is restless */
#define MOVES_RESTLESS		64
/* a page that changed in this many passes, and in this many granules, is noisy */
#define NOISY_PASSES		16
#define NOISY_GRANULES		64
/* how often newly mapped pages may join the cut between two passes */
#define JOINS_MAX		64
/* readings of the running granules until two agree ... */
#define SETTLE_TRIES		64
/* ... and, with noisy pages, until they also agree around the noisy pages ... */
#define SETTLE_NOISY_TRIES	4
/* ... but no further try after this weight, in bytes, as an unmap may wait for the lock */
#define SETTLE_BYTES		(4u * 1024 * 1024)

/* ------------------------------------------------------------ captures */

static void free_captures(struct riod_sync *y, struct list_head *captures)
{
	struct riod_sync_capture *cap, *tmp;

	list_for_each_entry_safe(cap, tmp, captures, list) {
		riod_sync_free(y, cap->carry, RIOD_SYNC_BITMAP);
		riod_sync_free(y, cap->snap, RIOD_PAGE_SIZE);
		riod_sync_free(y, cap, sizeof(*cap));
	}
	INIT_LIST_HEAD(captures);
}

/* called with only the gate held */
int riod_sync_refill(struct riod_sync_cut *cut)
{
	struct riod_sync *y = cut->y;
	struct riod_sync_capture *cap;
	unsigned int i;
	int err = 0;
	u8 *snap;

	for (i = 0; i < SPARE_CAPTURES; i++) {
		cap = riod_sync_alloc_own(y, sizeof(*cap), __GFP_ZERO);
		if (IS_ERR(cap)) {
			err = PTR_ERR(cap);
			break;
		}
		snap = riod_sync_alloc_own(y, RIOD_PAGE_SIZE, 0);
		if (IS_ERR(snap)) {
			riod_sync_free(y, cap, sizeof(*cap));
			err = PTR_ERR(snap);
			break;
		}
		cap->snap = snap;
		INIT_LIST_HEAD(&cap->apart);
		list_add(&cap->list, &cut->spare);
	}
	return list_empty(&cut->spare) ? err : 0;
}

/* start the capture of a page; NULL: the pass must stop and refill */
static struct riod_sync_capture *begin_capture(struct riod_sync_cut *cut,
					       struct riod_sync_page *page)
{
	struct riod_sync_capture *cap;

	cap = list_first_entry_or_null(&cut->spare, struct riod_sync_capture, list);
	if (!cap)
		return NULL;
	/* pages ascend, @captures descends: rule 10, publish order */
	list_move_tail(&cap->list, cut->at);
	cut->at = &cap->list;
	memcpy(cap->snap, riod_sync_base(page), RIOD_PAGE_SIZE);
	cap->page = page;
	page->capture = cap;
	return cap;
}

/* ------------------------------------------------------------ passes */

static bool recapture(struct riod_sync_capture *cap, u32 g)
{
	union riod_granule *snap = (union riod_granule *)cap->snap + g;
	union riod_granule now;

	riod_sync_read(cap->page, g * RIOD_GRANULE, &now);
	if (riod_granule_equal(&now, snap))
		return false;
	*snap = now;
	return true;
}

/* a pass, or a reading between passes, found a granule changed */
static void count_move(struct riod_sync_cut *cut, struct riod_sync_capture *cap, u32 g)
{
	if (cap->moves[g] == MOVES_RESTLESS)
		return;
	cap->nmoved += !cap->moves[g];
	if (++cap->moves[g] != MOVES_RUNNING)
		return;
	__set_bit(g, cap->running);
	if (!cap->nrunning++)
		list_add_tail(&cap->apart, &cut->running);
}

/* compares with the base, so a difference does not mean that a granule is moving */
static bool is_first_look(const struct riod_sync_cut *cut)
{
	return !cut->passes || cut->joining;
}

/* @off: offset of a line that differs from the last capture, or from the base */
static u32 capture_line(struct riod_sync_cut *cut, struct riod_sync_capture *cap, u32 off)
{
	u32 g, end = (off + RIOD_LINE) / RIOD_GRANULE;
	u32 moved = 0;

	for (g = off / RIOD_GRANULE; g < end; g++) {
		/* keeps the value that it had when the pass began */
		if (test_bit(g, cap->running) || !recapture(cap, g))
			continue;
		moved++;
		if (!is_first_look(cut))
			count_move(cut, cap, g);
	}
	return moved;
}

static void count_strike(struct riod_sync_cut *cut, struct riod_sync_capture *cap)
{
	if (is_first_look(cut) || ++cap->strikes < NOISY_PASSES ||
	    cap->nmoved < NOISY_GRANULES)
		return;
	cap->noisy = true;
	list_del(&cap->apart);
	list_add_tail(&cap->apart, &cut->noisy);
}

/* may a pass read the page?  false: a memory error (sync_poison.c) */
bool riod_sync_look_at(struct riod_sync_cut *cut, const struct riod_sync_page *page)
{
	if (riod_sync_is_stub(cut->y) || likely(riod_sync_probe(page->live, cut->y->probe)))
		return true;
	cut->err = -EHWPOISON;
	pr_warn_ratelimited("a page that the guest has mapped has a memory error; the session ends\n");
	return false;
}

/* false: the pass must stop before this page and refill, or end with @cut->err */
static bool scan_page(struct riod_sync_cut *cut, struct riod_sync_page *page)
{
	struct riod_sync_capture *cap = page->capture;
	const u8 *known = cap ? cap->snap : riod_sync_base(page);
	struct riod_sync_lines l;
	u32 moved = 0, looked = 0;

	if (cap) {
		cut->at = &cap->list;
		if (cap->noisy)
			return true;
	}
	if (!riod_sync_look_at(cut, page))
		return false;
	for (riod_sync_lines_begin(&l, page); l.off < RIOD_PAGE_SIZE; riod_sync_lines_next(&l)) {
		looked += RIOD_LINE;
		if (likely(!riod_line_differs(page->live + l.off, known + l.off)))
			continue;
		if (!cap) {
			cap = begin_capture(cut, page);
			if (!cap)
				return false;
			known = cap->snap;
		}
		moved += capture_line(cut, cap, l.off);
	}
	if (moved)
		count_strike(cut, cap);
	cut->moved += moved;
	cut->y->stats.scanned += looked;
	return true;
}

enum hold { HOLD_DONE, HOLD_MORE, HOLD_REFILL };

/* part of a pass: scan from page number *@next on, and advance it */
static enum hold scan_some(struct riod_sync_cut *cut, unsigned long *next)
{
	struct riod_sync *y = cut->y;
	struct riod_sync_page *page;
	unsigned int n = 0;

	lockdep_assert_held(&y->lock);
	page = xa_find(&y->index, next, ULONG_MAX, XA_PRESENT);
	if (!page)
		return HOLD_DONE;
	list_for_each_entry_from(page, &y->pages, scan) {
		*next = page->id;
		if (n >= RIOD_SYNC_PAGES_PER_HOLD)
			return HOLD_MORE;
		/* a BAR page takes as long as the device to answer, maybe for ever */
		n += page->mmio ? RIOD_SYNC_PAGES_PER_HOLD : 1;
		if (!riod_sync_compares(y, page))
			continue;
		if (!scan_page(cut, page))
			return HOLD_REFILL;
	}
	return HOLD_DONE;
}

/* scan from page number @next on; @lock is dropped between parts */
static int scan_from(struct riod_sync_cut *cut, unsigned long next)
{
	enum hold hold;
	int err = 0;

	do {
		mutex_lock(&cut->y->lock);
		hold = scan_some(cut, &next);
		mutex_unlock(&cut->y->lock);
		if (hold == HOLD_REFILL)
			err = cut->err ?: riod_sync_refill(cut);
		if (riod_sync_is_stopped(cut->y))
			err = -ENOTCONN;
		cond_resched();
	} while (hold != HOLD_DONE && !err);
	/* order these reads before those of the next pass and of settle() */
	smp_rmb();
	return err;
}

static int scan_all(struct riod_sync_cut *cut)
{
	int err;

	cut->moved = 0;
	cut->at = &cut->captures;
	err = scan_from(cut, 0);
	cut->passes++;
	return err;
}

/*
 * Scan the pages that joined: those with the highest numbers.  The next pass
 * would find them, too, but would count them as moving, and another pass would
 * follow.
 */
static int scan_joined(struct riod_sync_cut *cut, u64 first)
{
	u64 moved = cut->moved;
	int err;

	cut->joining = true;
	cut->at = cut->captures.next;
	err = scan_from(cut, first);
	cut->joining = false;
	cut->moved = moved;
	return err;
}

static bool is_restless(const struct riod_sync_capture *cap, u32 g)
{
	return cap->moves[g] == MOVES_RESTLESS;
}

/* read the restless granules, whatever they hold */
static void read_restless(struct riod_sync_cut *cut)
{
	struct riod_sync_capture *cap;
	u32 g;

	list_for_each_entry(cap, &cut->running, apart) {
		if (!cap->page)
			continue;
		for_each_set_bit(g, cap->running, RIOD_GRANULES) {
			if (is_restless(cap, g))
				recapture(cap, g);
		}
	}
	/* order after the previous reading and before the next */
	smp_rmb();
}

/* read the page's running but not restless granules.  Return: how many changed */
static u32 read_running(struct riod_sync_cut *cut, struct riod_sync_capture *cap)
{
	u32 g, moved = 0;

	for_each_set_bit(g, cap->running, RIOD_GRANULES) {
		if (is_restless(cap, g) || !recapture(cap, g))
			continue;
		moved++;
		count_move(cut, cap, g);
	}
	return moved;
}

/* as read_running(), but without capturing */
static u32 watch_running(struct riod_sync_capture *cap)
{
	const union riod_granule *snap = (const union riod_granule *)cap->snap;
	union riod_granule now;
	u32 g, moved = 0;

	for_each_set_bit(g, cap->running, RIOD_GRANULES) {
		if (is_restless(cap, g))
			continue;
		riod_sync_read(cap->page, g * RIOD_GRANULE, &now);
		moved += !riod_granule_equal(&now, snap + g);
	}
	return moved;
}

/* BAR memory takes as long as the device takes to answer, so it weighs more */
static void count_settled(struct riod_sync_cut *cut, const struct riod_sync_page *page,
			  u32 bytes)
{
	cut->settled += bytes;
	cut->settle_weight += page->mmio ? bytes * RIOD_SYNC_PAGES_PER_HOLD : bytes;
}

/*
 * Read all running but not restless granules; @look: without capturing.
 * Return: how many changed since the previous reading.
 */
static u32 read_all_running(struct riod_sync_cut *cut, bool look)
{
	struct riod_sync_capture *cap;
	u32 moved = 0;

	list_for_each_entry(cap, &cut->running, apart) {
		if (!cap->page)
			continue;
		moved += look ? watch_running(cap) : read_running(cut, cap);
		count_settled(cut, cap->page, cap->nrunning * RIOD_GRANULE);
	}
	/* order before the next reading, and before the next pass */
	smp_rmb();
	return moved;
}

static void read_all_noisy(struct riod_sync_cut *cut)
{
	struct riod_sync_capture *cap;
	u32 g;

	list_for_each_entry(cap, &cut->noisy, apart) {
		if (!cap->page)
			continue;
		for (g = 0; g < RIOD_GRANULES; g++)
			recapture(cap, g);
		count_settled(cut, cap->page, RIOD_PAGE_SIZE);
	}
	/* order before the next reading of the running granules, and before the pass */
	smp_rmb();
}

/*
 * The moment T: read, between two passes, what the passes do not compare.  If
 * no running granule changed between two readings, they all held their bytes
 * while the restless ones were read in between.  If the running granules never
 * stay unchanged while the noisy pages are read, accept the noisy pages all the
 * same: they were read after the running granules.
 *
 * One try reads all of them, whatever they weigh; further tries are bounded, as an unmap
 * may wait for the lock.
 *
 * Return: false: no two readings of the running granules agreed.
 */
static bool settle_locked(struct riod_sync_cut *cut)
{
	u32 try, noisy = 0;

	lockdep_assert_held(&cut->y->lock);
	for (try = 0; try < SETTLE_TRIES && cut->settle_weight < SETTLE_BYTES; try++) {
		if (riod_sync_is_stopped(cut->y))
			return false;
		read_restless(cut);
		if (read_all_running(cut, false))
			continue;
		if (list_empty(&cut->noisy))
			return true;
		read_all_noisy(cut);
		if (!read_all_running(cut, true) || ++noisy == SETTLE_NOISY_TRIES)
			return true;
	}
	return false;
}

static bool settle(struct riod_sync_cut *cut)
{
	bool ret;

	if (list_empty(&cut->running) && list_empty(&cut->noisy))
		return true;
	mutex_lock(&cut->y->lock);
	cut->settled = 0;
	cut->settle_weight = 0;
	ret = settle_locked(cut);
	cut->y->stats.scanned += cut->settled;
	mutex_unlock(&cut->y->lock);
	return ret;
}

static void count_passes(struct riod_sync_cut *cut, bool forced)
{
	struct riod_sync *y = cut->y;
	struct riod_sync_capture *cap;

	mutex_lock(&y->lock);
	y->stats.passes += cut->passes;
	/* two passes are normal: one that finds changes and one that agrees */
	if (riod_sync_is_stub(y) ? cut->passes > 2 : cut->held)
		y->stats.holdbacks++;
	list_for_each_entry(cap, &cut->running, apart)
		y->stats.free_running += cap->nrunning;
	list_for_each_entry(cap, &cut->noisy, apart)
		y->stats.free_running += RIOD_GRANULES;
	y->stats.forced += forced;
	mutex_unlock(&y->lock);
	if (forced)
		pr_warn_ratelimited("%s: memory did not hold still for %u us (%u passes); a cut was forced and may carry half of a change\n",
				    riod_sync_is_stub(y) ? "stub" : "frontend",
				    y->params.deadline_us, cut->passes);
}

/*
 * Find a T such that the stub knows every page that was mapped before T when
 * the cut arrives.  The cut may contain a reference to a page that was mapped
 * since the cut began, and the device may follow it without a doorbell (rule 1,
 * release).  So such pages join the cut: they are read once, like all others
 * before T, and T is determined again.
 *
 * Return: 0, -ENOMEM, -ENOTCONN; *@quiet is false if no T was found.
 */
static int find_moment(struct riod_sync_cut *cut, bool *quiet)
{
	struct riod_sync *y = cut->y;
	unsigned int joins;
	u64 newest;
	int err = 0;

	for (joins = 0; joins < JOINS_MAX && !err; joins++) {
		newest = y->newest;
		*quiet = settle(cut);
		if (y->join)
			err = y->join(y->join_priv);
		if (err || y->newest == newest)
			return err;
		err = scan_joined(cut, newest + 1);
	}
	*quiet = false;
	return err;
}

/*
 * A driver that fills a ring maps a buffer and writes the descriptor that
 * refers to it, again and again; on a slow host each pass finds another
 * descriptor.  So its next map waits (rule 9, hold-back), as a register write
 * does at the stub.
 */
static void hold(struct riod_sync_cut *cut, bool on)
{
	struct riod_sync *y = cut->y;

	lockdep_assert_held(&y->gate);
	if (!y->hold || cut->held == on)
		return;
	y->hold(y->join_priv, on);
	cut->held = on;
}

/*
 * Pass over the pages until two passes agree.  A first pass that finds no
 * difference is enough: there is no cut to be inconsistent.
 */
static int find_quiet(struct riod_sync_cut *cut)
{
	u64 deadline = ktime_get_ns() + 1000ull * cut->y->params.deadline_us;
	bool quiet = true, forced = false;
	int err = 0;

	do {
		/* the caller has sent the MAPs of pages mapped before the first pass */
		if (cut->passes)
			err = find_moment(cut, &quiet);
		if (!err)
			err = scan_all(cut);
		if (err)
			break;
		quiet = quiet && !cut->moved;
		forced = !quiet && cut->passes >= PASSES_MIN &&
			 ktime_get_ns() >= deadline;
		if (!quiet && cut->passes >= PASSES_HOLD)
			hold(cut, true);
	} while (!quiet && !forced);
	count_passes(cut, forced);
	hold(cut, false);
	return err;
}

/* ------------------------------------------------------------ the cut */

/* rule 7 (the device wins): record in the pages which of their bytes are in flight */
static void keep_sent(struct riod_sync_cut *cut)
{
	struct riod_sync *y = cut->y;
	struct riod_sync_sent *s, *tmp;
	struct riod_sync_page *page;
	unsigned int n = 0;

	lockdep_assert_held(&y->lock);
	/* only this thread uses @cut->sent, so @tmp stays valid while the lock is dropped */
	list_for_each_entry_safe(s, tmp, &cut->sent, by_cut) {
		if (++n % RIOD_SYNC_PAGES_PER_HOLD == 0)
			riod_sync_breathe(y);
		page = xa_load(&y->index, s->page);
		/* unmapped; or a peer that reuses numbers has mapped a read-only page */
		if (!page || !page->recent)
			continue;
		bitmap_or(page->recent, page->recent, s->bytes, RIOD_PAGE_SIZE);
		list_add_tail(&s->by_page, &page->sent);
		list_move_tail(&s->by_cut, &y->sent);
		y->nsent++;
	}
}

/*
 * Make what the cut carries the base.  A page that lost its last writable
 * mapping after it was captured stays in the cut.  The frontend does not store
 * these late bytes but makes them its base (rule 4, unmap is local), so the
 * stub does the same and restores the shadow to that base.
 */
static void rebase_page(struct riod_sync_cut *cut, struct riod_sync_capture *cap)
{
	cap->page->capture = NULL;
	if (!cap->carried || cap->page->exact)
		return;
	/* the snapshot is the whole page; the old base is freed with @cap */
	swap(cap->page->base, cap->snap);
	if (riod_sync_is_stub(cut->y) && cap->page->completions)
		riod_sync_advance(cap->page, cap->snap ?: riod_sync_zeroes);
	if (riod_sync_is_stub(cut->y) && !cap->page->nwrite)
		riod_sync_discard_unsent(cap->page);
}

/*
 * Page by page: an unmap while the lock is dropped is like one before or after the cut, and
 * a map that makes such a page writable again waits for the cut (lock_for_map()).
 */
static void rebase(struct riod_sync_cut *cut)
{
	struct riod_sync_capture *cap;
	unsigned int n = 0;

	lockdep_assert_held(&cut->y->lock);
	list_for_each_entry(cap, &cut->captures, list) {
		if (++n % RIOD_SYNC_PAGES_PER_HOLD == 0)
			riod_sync_breathe(cut->y);
		if (cap->page)
			rebase_page(cut, cap);
	}
}

/* cannot fail; the gate keeps the peer's cuts out while the lock is dropped */
static void take(struct riod_sync_cut *cut)
{
	struct riod_sync *y = cut->y;

	mutex_lock(&y->lock);
	rebase(cut);
	keep_sent(cut);
	riod_sync_end_completed(cut, true);
	y->tx_cut++;
	y->owe_commit = false;
	y->unreported = 0;
	y->stats.cuts_sent++;
	y->stats.sent += cut->bytes;
	if (!riod_sync_is_stub(y)) {
		y->stats.seeded += cut->seeded;
		y->stats.rebased += cut->bytes - cut->seeded;
	}
	mutex_unlock(&y->lock);
}

/* the cut is not taken: detach its captures from their pages */
static void abandon(struct riod_sync_cut *cut)
{
	struct riod_sync_capture *cap;
	unsigned int n = 0;

	list_splice_tail_init(&cut->exact, &cut->captures);
	mutex_lock(&cut->y->lock);
	list_for_each_entry(cap, &cut->captures, list) {
		if (++n % RIOD_SYNC_PAGES_PER_HOLD == 0)
			riod_sync_breathe(cut->y);
		if (!cap->page)
			continue;
		cap->page->capture = NULL;
		riod_sync_carry_again(cut->y, cap);
	}
	riod_sync_end_completed(cut, false);
	mutex_unlock(&cut->y->lock);
}

static bool wants_commit(struct riod_sync_cut *cut)
{
	struct riod_sync *y = cut->y;
	bool ret;

	mutex_lock(&y->lock);
	ret = cut->nframes || y->owe_commit || y->unreported >= RIOD_SYNC_UNREPORTED_MAX;
	riod_sync_pace(y, cut->bytes);
	mutex_unlock(&y->lock);
	return ret;
}

static void free_cut(struct riod_sync_cut *cut)
{
	struct riod_sync_sent *s, *stmp;
	struct riod_frame *f, *ftmp;

	free_captures(cut->y, &cut->captures);
	free_captures(cut->y, &cut->spare);
	list_for_each_entry_safe(s, stmp, &cut->sent, by_cut)
		riod_sync_free_sent(cut->y, s);
	list_for_each_entry_safe(f, ftmp, &cut->frames, list)
		riod_frame_free(f);
	riod_budget_uncharge(&cut->y->budget, cut->charged);
}

/* 1: a cut was taken; 0: nothing to take */
static int try_cut(struct riod_sync_cut *cut, u32 max_frame)
{
	int err;

	lockdep_assert_held(&cut->y->gate);
	err = riod_sync_is_stub(cut->y) ? 0 : riod_sync_take_carries(cut);
	if (!err)
		err = find_quiet(cut);
	if (!err)
		err = riod_sync_take_completed(cut);
	/* nothing compares them, so their place is of no importance */
	list_splice_tail_init(&cut->exact, &cut->captures);
	if (!err)
		err = riod_sync_encode(cut, max_frame);
	if (!err)
		err = riod_sync_remember(cut);
	if (err)
		return err;
	if (!wants_commit(cut))
		return 0;
	err = riod_sync_add_commit(cut);
	if (err)
		return err;
	take(cut);
	return 1;
}

/* ------------------------------------------------------------ nothing to take */

static bool page_differs(struct riod_sync *y, const struct riod_sync_page *page)
{
	const u8 *base = riod_sync_base(page);
	struct riod_sync_lines l;
	bool differs = false;
	u32 looked = 0;

	for (riod_sync_lines_begin(&l, page); !differs && l.off < RIOD_PAGE_SIZE;
	     riod_sync_lines_next(&l)) {
		looked += RIOD_LINE;
		differs = riod_line_differs(page->live + l.off, base + l.off);
	}
	y->stats.scanned += looked;
	return differs;
}

/* part of a pass, as scan_some(); HOLD_REFILL: a page differs */
static enum hold look_some(struct riod_sync *y, unsigned long *next)
{
	struct riod_sync_page *page;
	unsigned int n = 0;

	lockdep_assert_held(&y->lock);
	page = xa_find(&y->index, next, ULONG_MAX, XA_PRESENT);
	if (!page)
		return HOLD_DONE;
	list_for_each_entry_from(page, &y->pages, scan) {
		*next = page->id;
		if (n >= RIOD_SYNC_PAGES_PER_HOLD)
			return HOLD_MORE;
		/* a BAR page takes as long as the device to answer, maybe for ever */
		n += page->mmio ? RIOD_SYNC_PAGES_PER_HOLD : 1;
		if (!riod_sync_compares(y, page))
			continue;
		if (page_differs(y, page))
			return HOLD_REFILL;
	}
	return HOLD_DONE;
}

/*
 * Without the gate, so register writes and the peer's cuts do not wait.  An applied cut
 * changes page and base under one hold of the lock.  It hides no unsent byte of the device:
 * page and base still differ there, unless the guest wrote the same value.
 */
bool riod_sync_is_settled(struct riod_sync *y)
{
	unsigned long next = 0;
	enum hold hold;

	do {
		mutex_lock(&y->lock);
		hold = look_some(y, &next);
		mutex_unlock(&y->lock);
		cond_resched();
	} while (hold == HOLD_MORE && !riod_sync_is_stopped(y));
	return hold == HOLD_DONE;
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_is_settled);

s64 riod_sync_collect(struct riod_sync *y, struct list_head *frames, u32 max_frame)
{
	struct riod_sync_cut cut = { .y = y };
	s64 ret;

	INIT_LIST_HEAD(&cut.captures);
	INIT_LIST_HEAD(&cut.exact);
	INIT_LIST_HEAD(&cut.completed);
	INIT_LIST_HEAD(&cut.running);
	INIT_LIST_HEAD(&cut.noisy);
	INIT_LIST_HEAD(&cut.spare);
	INIT_LIST_HEAD(&cut.frames);
	INIT_LIST_HEAD(&cut.sent);
	/* the caller no longer holds the frames of the previous cut */
	riod_sync_handed_over(y);

	mutex_lock(&y->gate);
	ret = try_cut(&cut, max_frame);
	if (ret == 1) {
		list_splice_tail_init(&cut.frames, frames);
		y->handed = cut.charged;
		cut.charged = 0;
	} else {
		abandon(&cut);
	}
	mutex_unlock(&y->gate);
	free_cut(&cut);
	return ret < 0 ? ret : (s64)cut.bytes;
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_collect);

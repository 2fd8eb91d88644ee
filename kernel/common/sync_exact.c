// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherence engine: bytes that are known to move (rule 21, exact).
 *
 * Neither end compares an exact page.  The frontend carries the bytes that the device is
 * going to read.  The stub carries the bytes that the device has written, once the device has
 * completed their request by an entry in a completion ring.  The stub compares these rings.
 */
#include <kunit/visibility.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "sync.h"
#include "sync_cut.h"

/* nodes of an XArray on the way to a key, of 35 bits */
#define EXPECTED_NODES	6

/**
 * struct riod_sync_expected - what the completion of a request makes valid
 * @node: on &riod_sync_cut.completed while @completed
 * @key: what its completion has
 * @always: also if it has failed
 * @completed: its completion is in the cut being taken
 * @valid: and its cut carries @extents
 * @forgotten: not in &riod_sync.expected any more; the cut frees it
 * @n: number of @extents
 * @extents: where the device writes
 *
 * Under &riod_sync.lock.
 */
struct riod_sync_expected {
	struct list_head node;
	u64 key;
	bool always;
	bool completed;
	bool valid;
	bool forgotten;
	u32 n;
	struct riod_wire_extent extents[] __counted_by(n);
};

/* ------------------------------------------------------------ captures */

/* bits of a granule's bytes */
static u32 granule_bits(const unsigned long *bytes, u32 g)
{
	return bytes[BIT_WORD(g * RIOD_GRANULE)] >> (g * RIOD_GRANULE % BITS_PER_LONG) & 0xffff;
}

static void read_carried(struct riod_sync_capture *cap)
{
	u32 g;

	for (g = 0; g < RIOD_GRANULES; g++) {
		if (granule_bits(cap->carry, g))
			riod_sync_read(cap->page, g * RIOD_GRANULE,
				       (union riod_granule *)cap->snap + g);
	}
}

static struct riod_sync_capture *begin_exact(struct riod_sync_cut *cut,
					     struct riod_sync_page *page)
{
	struct riod_sync_capture *cap;

	cap = list_first_entry(&cut->spare, struct riod_sync_capture, list);
	list_move_tail(&cap->list, &cut->exact);
	cap->page = page;
	page->capture = cap;
	return cap;
}

/* ------------------------------------------------------------ frontend */

int riod_sync_carry(struct riod_sync *y, u64 id, u32 offset, u32 len)
{
	unsigned long *bytes = riod_sync_alloc(y, RIOD_SYNC_BITMAP, __GFP_ZERO);
	struct riod_sync_page *page;

	if (IS_ERR(bytes))
		return PTR_ERR(bytes);
	mutex_lock(&y->lock);
	page = xa_load(&y->index, id);
	if (page && page->exact) {
		if (!page->carry) {
			swap(page->carry, bytes);
			list_add_tail(&page->carries, &y->carries);
		}
		bitmap_set(page->carry, offset, len);
	}
	mutex_unlock(&y->lock);
	riod_sync_free(y, bytes, RIOD_SYNC_BITMAP);
	return 0;
}
EXPORT_SYMBOL_GPL(riod_sync_carry);

bool riod_sync_completion(struct riod_sync *y, u64 id, u32 offset, u8 entry[16])
{
	const struct riod_sync_page *page;
	bool ret;

	mutex_lock(&y->lock);
	page = xa_load(&y->index, id);
	ret = page && page->completions && test_bit(offset / RIOD_GRANULE, page->written);
	if (ret)
		memcpy(entry, riod_sync_base(page) + offset, RIOD_GRANULE);
	mutex_unlock(&y->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(riod_sync_completion);

/* 1: there may be more; 0: no more; -EAGAIN: no spare capture; -EHWPOISON */
static int carry_some(struct riod_sync_cut *cut)
{
	struct riod_sync *y = cut->y;
	struct riod_sync_capture *cap;
	struct riod_sync_page *page;
	unsigned int n;

	lockdep_assert_held(&y->lock);
	for (n = 0; n < RIOD_SYNC_PAGES_PER_HOLD; n++) {
		page = list_first_entry_or_null(&y->carries, struct riod_sync_page, carries);
		if (!page)
			return 0;
		if (list_empty(&cut->spare))
			return -EAGAIN;
		if (!riod_sync_look_at(cut, page))
			return -EHWPOISON;
		list_del_init(&page->carries);
		cap = begin_exact(cut, page);
		swap(cap->carry, page->carry);
		read_carried(cap);
	}
	return 1;
}

/**
 * riod_sync_take_carries() - frontend: read what the device is going to read
 * @cut: cut that begins
 *
 * Each byte is read once, after the event ahead of which the cut goes was posted.  The
 * guest must not change it while its request is under way, so nothing is compared.
 *
 * Return: 0, -ENOMEM, -EDQUOT, -EHWPOISON, -ENOTCONN.
 */
int riod_sync_take_carries(struct riod_sync_cut *cut)
{
	int ret;

	lockdep_assert_held(&cut->y->gate);
	do {
		mutex_lock(&cut->y->lock);
		ret = carry_some(cut);
		mutex_unlock(&cut->y->lock);
		if (ret == -EAGAIN)
			ret = riod_sync_refill(cut) ?: 1;
		if (riod_sync_is_stopped(cut->y))
			ret = -ENOTCONN;
		cond_resched();
	} while (ret > 0);
	return ret;
}

/* the cut is abandoned: the next one carries it */
void riod_sync_carry_again(struct riod_sync *y, struct riod_sync_capture *cap)
{
	struct riod_sync_page *page = cap->page;

	lockdep_assert_held(&y->lock);
	if (riod_sync_is_stub(y) || !page->exact)
		return;
	if (page->carry) {
		bitmap_or(page->carry, page->carry, cap->carry, RIOD_PAGE_SIZE);
		return;
	}
	swap(page->carry, cap->carry);
	list_add_tail(&page->carries, &y->carries);
}

/* ------------------------------------------------------------ stub: requests */

static size_t expected_size(u32 n)
{
	return sizeof(struct riod_sync_expected) + n * sizeof(struct riod_wire_extent);
}

static void expected_free(struct riod_sync *y, struct riod_sync_expected *x)
{
	riod_sync_free(y, x, expected_size(x->n));
	riod_budget_uncharge(&y->budget, EXPECTED_NODES * RIOD_SYNC_NODE);
}

/* it is out of the table */
static void expected_drop(struct riod_sync *y, struct riod_sync_expected *x)
{
	lockdep_assert_held(&y->lock);
	x->forgotten = true;
	if (!x->completed)
		expected_free(y, x);
}

int riod_sync_expect(struct riod_sync *y, u64 key, bool always,
		     const struct riod_wire_extent *extents, u32 n)
{
	struct riod_sync_expected *x, *old;
	int err;

	err = riod_budget_charge(&y->budget, EXPECTED_NODES * RIOD_SYNC_NODE);
	if (err)
		return err;
	x = riod_sync_alloc(y, expected_size(n), __GFP_ZERO);
	if (IS_ERR(x)) {
		riod_budget_uncharge(&y->budget, EXPECTED_NODES * RIOD_SYNC_NODE);
		return PTR_ERR(x);
	}
	x->key = key;
	x->always = always;
	x->n = n;
	memcpy(x->extents, extents, n * sizeof(*extents));
	err = xa_reserve(&y->expected, key, RIOD_SYNC_GFP);
	if (err) {
		expected_free(y, x);
		return err;
	}
	mutex_lock(&y->lock);
	/* the place is reserved, unless a cut has just taken the completion of that key */
	old = xa_store(&y->expected, key, x, GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN);
	if (xa_is_err(old)) {
		err = xa_err(old);
		expected_free(y, x);
	} else if (old) {
		expected_drop(y, old);
	}
	mutex_unlock(&y->lock);
	return err;
}
EXPORT_SYMBOL_GPL(riod_sync_expect);

void riod_sync_forget(struct riod_sync *y, u64 first, u64 last)
{
	struct riod_sync_expected *x;
	unsigned long key = first;
	unsigned int n = 0;

	mutex_lock(&y->lock);
	for (x = xa_find(&y->expected, &key, last, XA_PRESENT); x;
	     x = xa_find_after(&y->expected, &key, last, XA_PRESENT)) {
		xa_erase(&y->expected, key);
		expected_drop(y, x);
		if (++n % RIOD_SYNC_PAGES_PER_HOLD == 0)
			riod_sync_breathe(y);
	}
	mutex_unlock(&y->lock);
}
EXPORT_SYMBOL_GPL(riod_sync_forget);

/* ------------------------------------------------------------ stub: completions */

/* NVM Express Base Specification 4.2: bytes of a completion queue entry */
#define NVME_CQE_ID	10	/* submission queue, and behind it the command */
#define NVME_CQE_STATUS	14	/* bit 0 is the phase; code and type of the status are in 11 bits */
#define NVME_STATUS_CODE	0x7ff

/*
 * Does @entry replace @was, and is not half written?  Then it would have the old phase, and the
 * identifier of the entry that it replaces.  Zeroes are what a new page has.
 */
static bool is_whole(const u8 *entry, const u8 *was)
{
	return (entry[NVME_CQE_STATUS] ^ was[NVME_CQE_STATUS]) & 1 ||
	       !memchr_inv(was, 0, RIOD_GRANULE);
}

/*
 * A pass need not look at all of a ring.  Entries are filled in order, so in each page the next
 * one is behind the last, or the first if the ring goes on or begins again there.  Behind
 * a line without a new entry there is none.
 */
static bool line_is_new(const struct riod_sync_page *page, u32 off)
{
	return riod_line_differs(page->live + off, riod_sync_base(page) + off);
}

void riod_sync_entries_begin(struct riod_sync_lines *l)
{
	if (l->page->next == RIOD_SYNC_ANYWHERE)
		return;
	l->off = round_down(l->page->next * RIOD_GRANULE, RIOD_LINE);
	l->first = l->off;
}

/* @off has moved on by a line */
void riod_sync_entries_next(struct riod_sync_lines *l)
{
	if (l->page->next == RIOD_SYNC_ANYWHERE)
		return;
	if (l->off < RIOD_PAGE_SIZE && line_is_new(l->page, l->off - RIOD_LINE))
		return;
	l->off = l->first ? 0 : RIOD_PAGE_SIZE;
	l->first = false;
}

/* the first entry from @n on that is not new, or not whole */
static u32 entries_end(const struct riod_sync_page *page, const u8 *was, u32 n)
{
	const u8 *now;

	for (; n < RIOD_GRANULES; n++) {
		now = page->base + n * RIOD_GRANULE;
		if (!memcmp(now, was + n * RIOD_GRANULE, RIOD_GRANULE) ||
		    !is_whole(now, was + n * RIOD_GRANULE))
			break;
	}
	return n;
}

/* where the device is in a page that was mapped while its ring was in use: behind an entry */
static u32 entries_find(const struct riod_sync_page *page, const u8 *was)
{
	u32 n = 0;

	while (n < RIOD_GRANULES && entries_end(page, was, n) == n)
		n++;
	return n < RIOD_GRANULES ? n : 0;
}

/* the base has new entries, and @was is what it had */
void riod_sync_advance(struct riod_sync_page *page, const u8 *was)
{
	u32 n;

	if (page->next == RIOD_SYNC_ANYWHERE)
		page->next = entries_find(page, was);
	n = entries_end(page, was, page->next);
	/* if the ring ended there, it has begun again */
	if (page->next && entries_end(page, was, 0))
		n = entries_end(page, was, 0);
	page->next = n % RIOD_GRANULES;
}

static void complete_one(struct riod_sync_cut *cut, u8 func, const u8 *entry, const u8 *was)
{
	u32 request = (u32)get_unaligned_le16(entry + NVME_CQE_ID) << 16 |
		      get_unaligned_le16(entry + NVME_CQE_ID + 2);
	struct riod_sync_expected *x = xa_load(&cut->y->expected, RIOD_SYNC_KEY(func, request));

	if (!x || x->completed || !is_whole(entry, was))
		return;
	x->completed = true;
	x->valid = x->always ||
		   !(get_unaligned_le16(entry + NVME_CQE_STATUS) >> 1 & NVME_STATUS_CODE);
	list_add_tail(&x->node, &cut->completed);
}

/* entries cross whole: the guest may have changed its copy, which nobody compares */
static void find_entries(struct riod_sync_cut *cut, struct riod_sync_capture *cap)
{
	const u8 *base = riod_sync_base(cap->page);
	u32 off;

	for (off = 0; off < RIOD_PAGE_SIZE; off += RIOD_GRANULE) {
		if (!memcmp(cap->snap + off, base + off, RIOD_GRANULE))
			continue;
		bitmap_set(cap->carry, off, RIOD_GRANULE);
		complete_one(cut, cap->page->func, cap->snap + off, base + off);
	}
}

static bool has_entries(struct riod_sync_cut *cut, const struct riod_sync_capture *cap)
{
	bool ret;

	mutex_lock(&cut->y->lock);
	ret = cap->page && cap->page->completions;
	mutex_unlock(&cut->y->lock);
	return ret;
}

static int find_completed(struct riod_sync_cut *cut)
{
	struct riod_sync_capture *cap;
	unsigned long *bytes;

	list_for_each_entry(cap, &cut->captures, list) {
		if (!has_entries(cut, cap))
			continue;
		bytes = riod_sync_alloc_own(cut->y, RIOD_SYNC_BITMAP, __GFP_ZERO);
		if (IS_ERR(bytes))
			return PTR_ERR(bytes);
		cap->carry = bytes;
		mutex_lock(&cut->y->lock);
		if (cap->page)
			find_entries(cut, cap);
		mutex_unlock(&cut->y->lock);
	}
	return 0;
}

/* a capture with @carry at the head of the spare ones, so that take_part() needs no memory */
static int refill_exact(struct riod_sync_cut *cut)
{
	struct riod_sync_capture *cap;
	unsigned long *bytes;
	int err;

	err = list_empty(&cut->spare) ? riod_sync_refill(cut) : 0;
	if (err)
		return err;
	cap = list_first_entry(&cut->spare, struct riod_sync_capture, list);
	if (cap->carry)
		return 0;
	bytes = riod_sync_alloc_own(cut->y, RIOD_SYNC_BITMAP, __GFP_ZERO);
	if (IS_ERR(bytes))
		return PTR_ERR(bytes);
	cap->carry = bytes;
	return 0;
}

/* the device has written @len bytes of a page */
static void take_part(struct riod_sync_cut *cut, u64 id, u32 offset, u32 len)
{
	struct riod_sync_page *page = xa_load(&cut->y->index, id);
	struct riod_sync_capture *cap;

	lockdep_assert_held(&cut->y->lock);
	/* unmapped meanwhile; rule 14 (direction); or compared, which finds what is written */
	if (!page || !page->nwrite || !page->exact)
		return;
	cap = page->capture ?: begin_exact(cut, page);
	bitmap_set(cap->carry, offset, len);
	read_carried(cap);
}

static int take_extent(struct riod_sync_cut *cut, const struct riod_wire_extent *x)
{
	u32 left, part, offset = le32_to_cpu(x->offset);
	u64 id = le64_to_cpu(x->page);
	int err = 0;

	for (left = le32_to_cpu(x->len); left && !err; left -= part, id++, offset = 0) {
		part = min_t(u32, left, RIOD_PAGE_SIZE - offset);
		err = refill_exact(cut);
		if (err)
			break;
		mutex_lock(&cut->y->lock);
		take_part(cut, id, offset, part);
		mutex_unlock(&cut->y->lock);
		if (riod_sync_is_stopped(cut->y))
			err = -ENOTCONN;
		cond_resched();
	}
	return err;
}

/**
 * riod_sync_take_completed() - stub: read what completed requests have made valid
 * @cut: cut whose passes are done
 *
 * The device wrote the data before the completion, which the cut has, and does not write it
 * again before the guest has seen that.  So it is read now, once.
 *
 * Return: 0, -ENOMEM, -EDQUOT, -ENOTCONN.
 */
int riod_sync_take_completed(struct riod_sync_cut *cut)
{
	struct riod_sync_expected *x;
	int err;
	u32 i;

	if (!cut->y->ncompletions)
		return 0;
	err = find_completed(cut);
	/* only the cut frees what is on the list */
	list_for_each_entry(x, &cut->completed, node) {
		for (i = 0; x->valid && i < x->n && !err; i++)
			err = take_extent(cut, x->extents + i);
	}
	return err;
}

/* the cut was taken, or with !@taken abandoned */
void riod_sync_end_completed(struct riod_sync_cut *cut, bool taken)
{
	struct riod_sync *y = cut->y;
	struct riod_sync_expected *x, *tmp;

	lockdep_assert_held(&y->lock);
	list_for_each_entry_safe(x, tmp, &cut->completed, node) {
		list_del(&x->node);
		x->completed = false;
		if (taken && !x->forgotten) {
			xa_erase(&y->expected, x->key);
			x->forgotten = true;
		}
		if (x->forgotten)
			expected_free(y, x);
	}
}

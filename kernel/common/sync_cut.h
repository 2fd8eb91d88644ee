/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files of the coherence engine. */
#ifndef _RIOD_SYNC_CUT_H
#define _RIOD_SYNC_CUT_H

#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/types.h>

#include "sync.h"
#include "sync_granule.h"
#include "transport.h"

static_assert(RIOD_GRANULE == 16);	/* riod_sync_page.arrived */

/* pages or entries processed under one hold of riod_sync.lock; bounds the wait of an unmap */
#define RIOD_SYNC_PAGES_PER_HOLD	256
#define RIOD_SYNC_GFP		(GFP_KERNEL_ACCOUNT | __GFP_NOWARN)

/**
 * struct riod_sync_capture - the state of one page in the cut being taken
 * @list: on the cut's list of captures, highest page number first (rule 10,
 *	publish order)
 * @apart: on the cut's list of pages with running granules, or of noisy pages
 * @page: the page; NULL once it was unmapped and so left the cut.  Under
 *	&riod_sync.lock.
 * @snap: the page's bytes as the cut will carry them
 * @noisy: the whole page is excluded from the comparison
 * @strikes: passes in which the page changed
 * @nmoved: granules that changed between passes
 * @nrunning: granules excluded from the comparison
 * @nruns: of the delta being encoded: runs of bytes in which @snap differs from
 *	the base
 * @nbytes: bytes in them
 * @carry: the bytes of @snap that the cut carries, one bit each; NULL: those that differ from
 *	the base
 * @carried: the cut contains a delta of the page
 * @nlast: granules that are sent behind all others (rule 10)
 * @last: bitmap of these granules
 * @running: bitmap of the granules excluded from the comparison
 * @moves: how often each granule was seen to change, at most MOVES_RESTLESS
 *
 * Owned by riod_sync_collect(), which runs under &riod_sync.gate.
 */
struct riod_sync_capture {
	struct list_head list;
	struct list_head apart;
	struct riod_sync_page *page;
	u8 *snap;
	bool noisy;
	u32 strikes;
	u32 nmoved;
	u32 nrunning;
	u32 nruns;
	u32 nbytes;
	unsigned long *carry;
	bool carried;
	u32 nlast;
	DECLARE_BITMAP(last, RIOD_GRANULES);
	DECLARE_BITMAP(running, RIOD_GRANULES);
	u8 moves[RIOD_GRANULES];
};

/**
 * struct riod_sync_sent - which bytes of a page one cut of the stub carried
 * @by_page: on &riod_sync_page.sent, in the order of @cut
 * @by_cut: on &riod_sync.sent, in the order of @cut
 * @page: number of the page
 * @cut: the cut
 * @joined: @bytes includes the bytes of all later joined entries
 * @bytes: one bit for each byte of the page
 *
 * Kept until a commit of the peer reports @cut applied, or the page is
 * unmapped.  Under &riod_sync.lock.
 *
 * The bytes of all entries of a page conflict with the guest's (rule 7, the
 * device wins).  An apply must not walk all of them for each delta, and the
 * oldest entries leave first.  So the entries form a queue with a running
 * union: the first entries are joined, the bytes of the others are also in
 * &riod_sync_page.recent, and the union of all is @bytes of the first entry and
 * @recent.  When the last joined entry has left, all remaining entries are
 * joined (join_sent()).  Each entry is joined once.
 */
struct riod_sync_sent {
	struct list_head by_page;
	struct list_head by_cut;
	u64 page;
	u64 cut;
	bool joined;
	unsigned long *bytes;
};

/**
 * struct riod_sync_cut - a cut being taken
 * @y: engine, whose gate is held
 * @captures: pages that differ from their base, highest number first
 * @exact: pages that are not compared, until the passes are done (rule 21)
 * @completed: stub: struct riod_sync_expected whose completions the cut has
 * @running: captures with granules excluded from the comparison
 * @noisy: captures excluded as a whole
 * @spare: unused captures for the pass
 * @at: position of the pass in @captures
 * @err: 0, or -EHWPOISON: why a pass stopped
 * @frames: encoded frames
 * @nframes: number of CUT_DATA frames
 * @charged: bytes charged for them
 * @last: number of captures with granules that are sent last
 * @sent: stub: struct riod_sync_sent of the encoded deltas
 * @passes: completed passes
 * @joining: scanning pages that were mapped during the cut, for the first time
 * @held: &riod_sync.hold was called: maps wait
 * @moved: granules that changed in the current pass
 * @settled: bytes read between two passes
 * @settle_weight: their weight, which bounds settle()
 * @bytes: page bytes in @frames
 * @seeded: those of them in pages that had no base yet
 */
struct riod_sync_cut {
	struct riod_sync *y;
	struct list_head captures;
	struct list_head exact;
	struct list_head completed;
	struct list_head running;
	struct list_head noisy;
	struct list_head spare;
	struct list_head *at;
	int err;
	struct list_head frames;
	u32 nframes;
	u64 charged;
	u32 last;
	struct list_head sent;
	u32 passes;
	bool joining;
	bool held;
	u64 moved;
	u64 settled;
	u64 settle_weight;
	u64 bytes;
	u64 seeded;
};

/* the frontend commits, even an empty cut, after this many applied deltas */
#define RIOD_SYNC_UNREPORTED_MAX	2048u
/* the stub takes no cut while it keeps more struct riod_sync_sent than this */
#define RIOD_SYNC_SENT_MAX		8192u
static_assert(RIOD_SYNC_UNREPORTED_MAX < RIOD_SYNC_SENT_MAX);

/* largest delta of one page: every other byte changed */
#define RIOD_SYNC_DELTA_MAX						\
	ALIGN(sizeof(struct riod_wire_delta) + RIOD_PAGE_SIZE / 2 +	\
	      RIOD_PAGE_SIZE / 2 * sizeof(struct riod_wire_run), 8)

/* sizeof(struct xa_node), which is private to the XArray */
#define RIOD_SYNC_NODE		576u

/* one bit per byte of a page */
#define RIOD_SYNC_BITMAP	(RIOD_PAGE_SIZE / 8)

extern const u8 riod_sync_zeroes[RIOD_PAGE_SIZE];

static inline const u8 *riod_sync_base(const struct riod_sync_page *page)
{
	return page->base ?: riod_sync_zeroes;
}

/* read a granule atomically */
static inline void riod_sync_read(const struct riod_sync_page *page, u32 off,
				  union riod_granule *g)
{
	riod_granule_read(page->live + off, page->mmio, g);
}

/* change bytes of a granule; arguments as for riod_granule_merge() */
static inline void riod_sync_merge(struct riod_sync_page *page, u32 off,
				   const struct riod_patch *p,
				   const union riod_granule *guard,
				   union riod_granule *taken)
{
	if (page->mmio)
		riod_granule_store(page->live + off, p, guard, taken);
	else
		riod_granule_merge(page->live + off, p, guard, taken);
}

static inline bool riod_sync_is_stub(const struct riod_sync *y)
{
	return y->role == RIOD_SYNC_STUB;
}

static inline bool riod_sync_is_stopped(const struct riod_sync *y)
{
	return READ_ONCE(y->stopped);
}

/* do passes of this end look at the page? */
static inline bool riod_sync_compares(const struct riod_sync *y,
				      const struct riod_sync_page *page)
{
	if (page->exact)
		return false;
	/* rule 14 (direction): the device cannot have written it */
	return riod_sync_is_stub(y) ? page->nwrite : !page->completions;
}

/* riod_sync_page.next: the device may be anywhere in the page */
#define RIOD_SYNC_ANYWHERE	U32_MAX

/**
 * struct riod_sync_lines - the lines of a page that a pass looks at
 * @page: the page
 * @off: the line, as an offset; RIOD_PAGE_SIZE: no more
 * @first: with completions: the lines from the first one on are still to come
 */
struct riod_sync_lines {
	const struct riod_sync_page *page;
	u32 off;
	bool first;
};

/* sync_exact.c */
void riod_sync_entries_begin(struct riod_sync_lines *l);
void riod_sync_entries_next(struct riod_sync_lines *l);

/* under riod_sync.lock: for (begin; off < RIOD_PAGE_SIZE; next) */
static inline void riod_sync_lines_begin(struct riod_sync_lines *l,
					 const struct riod_sync_page *page)
{
	l->page = page;
	l->off = 0;
	l->first = false;
	if (unlikely(page->completions))
		riod_sync_entries_begin(l);
}

static inline void riod_sync_lines_next(struct riod_sync_lines *l)
{
	l->off += RIOD_LINE;
	if (unlikely(l->page->completions))
		riod_sync_entries_next(l);
}

/* drop riod_sync.lock for a moment, so that an unmap gets its turn */
static inline void riod_sync_breathe(struct riod_sync *y)
{
	mutex_unlock(&y->lock);
	cond_resched();
	mutex_lock(&y->lock);
}

static inline u32 riod_sync_delta_size(u32 nruns, u32 nbytes)
{
	return ALIGN(sizeof(struct riod_wire_delta) +
		     nruns * sizeof(struct riod_wire_run) + nbytes, 8);
}

/* sync.c; under riod_sync.lock */
void riod_sync_discard_unsent(struct riod_sync_page *page);

/* memory of a frame; a frame above a page may take less, from vmalloc() */
static inline u64 riod_sync_frame_weight(u32 len)
{
	return kmalloc_size_roundup(sizeof(struct riod_frame) + len);
}

/* sync.c: allocate, charged to the budget; ERR_PTR(): -EDQUOT, -ENOMEM */
void *riod_sync_alloc(struct riod_sync *y, size_t size, gfp_t flags);
/* for a cut of this end, by riod_budget_charge_own() */
void *riod_sync_alloc_own(struct riod_sync *y, size_t size, gfp_t flags);
/* zeroes the memory; @p may be NULL */
void riod_sync_free(struct riod_sync *y, void *p, size_t size);

/* sync.c; under riod_sync.lock */
void riod_sync_restage(struct riod_sync *y);

/* sync_apply.c; under riod_sync.lock, or @s is on no list */
void riod_sync_free_sent(struct riod_sync *y, struct riod_sync_sent *s);

/* sync_order.c; all under riod_sync.gate and .lock */
u32 riod_sync_last_to_guest(struct riod_sync *y, u64 page, unsigned long *last);
void riod_sync_last_to_device(struct riod_sync *y, struct riod_sync_capture *cap);

/* sync_encode.c; all under riod_sync.gate */
int riod_sync_encode(struct riod_sync_cut *cut, u32 max_frame);
int riod_sync_add_commit(struct riod_sync_cut *cut);
int riod_sync_remember(struct riod_sync_cut *cut);

/* sync_collect.c; under riod_sync.gate alone: more spare captures */
int riod_sync_refill(struct riod_sync_cut *cut);
/* under both mutexes: false: the page has a memory error */
bool riod_sync_look_at(struct riod_sync_cut *cut, const struct riod_sync_page *page);

/* sync_exact.c; all under riod_sync.gate, and the second half under .lock */
int riod_sync_take_carries(struct riod_sync_cut *cut);
int riod_sync_take_completed(struct riod_sync_cut *cut);
void riod_sync_carry_again(struct riod_sync *y, struct riod_sync_capture *cap);
void riod_sync_end_completed(struct riod_sync_cut *cut, bool taken);
void riod_sync_advance(struct riod_sync_page *page, const u8 *was);

/* sync_poison.c */
bool riod_sync_probe(const u8 *live, u8 *buf);

/* adapt the interval of background cuts (rule 12, pollers); under riod_sync.lock */
void riod_sync_pace(struct riod_sync *y, bool moved);

#endif /* _RIOD_SYNC_CUT_H */

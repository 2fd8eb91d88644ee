/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The coherence engine.
 *
 * Keeps guest pages (L, at the frontend) and shadow pages (S, at the stub) in
 * step by cuts.  The rules are in Documentation/coherence.rst and are named by
 * number here and in sync*.c.  The engine is plain code: no sockets, no PCI, no
 * device knowledge; it also builds in userspace against the small shim headers
 * of the simulator.
 *
 * Who calls what, and under which lock:
 *
 *   @gate   mutex.  A cut being taken excludes a cut being applied and, at the
 *           stub, register writes being made (rule 9: that *is* the hold-back).
 *           Held by riod_sync_collect() from its first pass until the cut is
 *           taken, by riod_sync_apply(), by riod_sync_set_order(), and by the stub
 *           around each register write.  Never held while waiting for the
 *           peer or for window space.  @join is called under it.
 *   @lock   mutex, inside @gate.  Protects the page table and every access to
 *           page memory and bases.  Held for a part of a pass, or one frame of
 *           an apply, at most, and never while memory is allocated, so that an
 *           unmap waits for little, local work only (rule 4).
 */
#ifndef _RIOD_SYNC_H
#define _RIOD_SYNC_H

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "budget.h"
#include "wire.h"

struct riod_frame;
struct riod_sync;
struct riod_sync_capture;

enum riod_sync_role {
	RIOD_SYNC_FRONTEND,	/* pages are guest memory */
	RIOD_SYNC_STUB,		/* pages are shadow pages, the device wins */
};

/**
 * struct riod_sync_page - one guest page, or its shadow (rule 13)
 * @id: number on the wire
 * @live: the page's memory, RIOD_PAGE_SIZE bytes, coherent
 * @base: what both ends agree on: what was last sent or applied.  NULL stands
 *	for zeroes (a page nobody has sent a byte of).
 * @mmio: @live is memory of the device's, not of this host: no locked cycles go there
 * @nread: live mappings that let the device read
 * @nwrite: live mappings that let the device write (rule 14: union)
 * @nmaps: live mappings
 * @since: frontend: cuts of the stub's that were taken before it had applied
 *	this cut of ours are from an earlier generation of writable mappings
 *	(rule 4); 0 where there was none
 * @changed: the last of the peer's cuts that changed the page
 * @arriving: the last of the peer's cuts that has deltas of the page
 * @arrived: granules in the deltas of cut @arriving; no two of them share one
 * @sent: stub: what our cuts carried of this page that the peer may not have
 *	known of when it took the cuts that are still to arrive (rule 7)
 * @recent: stub, from the first writable mapping on: one bit for each byte that an
 *	entry of @sent has which is not joined
 * @capture: what the cut being taken has seen of the page, or NULL
 * @scan: on &riod_sync.pages
 * @priv: the owner's (frontend: pfn; stub: struct page)
 *
 * Made by the first riod_sync_map(), freed by the last riod_sync_unmap(); all
 * under &riod_sync.lock.
 */
struct riod_sync_page {
	u64 id;
	u8 *live;
	u8 *base;
	bool mmio;
	u32 nread;
	u32 nwrite;
	u32 nmaps;
	u64 since;
	u64 changed;
	u64 arriving;
	DECLARE_BITMAP(arrived, RIOD_PAGE_SIZE / 16);
	struct list_head sent;
	unsigned long *recent;
	struct riod_sync_capture *capture;
	struct list_head scan;
	void *priv;
};

/** struct riod_sync_stats - rule 17: the performance story */
struct riod_sync_stats {
	u64 cuts_sent;		/* commits, empty ones included */
	u64 cuts_applied;
	u64 passes;		/* passes over the pages */
	u64 scanned;		/* bytes compared */
	u64 seeded;		/* bytes sent of pages that were new */
	u64 rebased;		/* bytes sent by the frontend of pages that were not */
	u64 sent;		/* bytes of pages sent in cuts */
	u64 applied;		/* bytes of pages applied */
	u64 dropped;		/* bytes dropped: the device had changed them (rule 7) */
	u64 late;		/* bytes dropped: the page was no longer mapped (rule 4) */
	u64 holdbacks;		/* passes disagreed: register writes, or maps, waited */
	u64 free_running;	/* granules left out of a comparison */
	u64 forced;		/* cuts forced by the deadline: possible corruption */
	u64 background;		/* cuts that no event asked for (rule 12) */
};

/**
 * struct riod_sync_params - tunables; a zero takes the default
 * @deadline_us: longest that a cut waits for quiet before it is forced (50000)
 * @idle_min_us: background cut interval while bytes move (1000)
 * @idle_max_us: background cut interval when nothing moves (20000)
 * @limit: most bytes that the engine may hold on behalf of the peer (no limit)
 * @parent: budget that they are charged against as well (none)
 */
struct riod_sync_params {
	u32 deadline_us;
	u32 idle_min_us;
	u32 idle_max_us;
	u64 limit;
	struct riod_budget *parent;
};

/**
 * struct riod_sync - engine of one attachment, one per end
 * @gate: see above; outermost
 * @lock: see above
 * @role: which end
 * @pages: every page, in the order of @id (a cut has them the other way round, rule 10)
 * @npages: pages on @pages
 * @newest: the highest @id there ever was; changes in the caller of riod_sync_map()
 * @nwritable: pages that the device may write
 * @index: @id to page
 * @orders: frontend: struct riod_sync_order, what profiles know of rule 10; changed
 *	under both mutexes
 * @staged: CUT_DATA frames of the peer's cut that is arriving
 * @nstaged: how many
 * @staged_bytes: what they weigh
 * @staged_max: most that @staged_bytes may reach before the peer is at fault; follows
 *	the most pages that the peer may still take for mapped
 * @peak: frontend: most pages since @peak_cut was set
 * @old_peak: frontend: most pages in the time before that
 * @peak_cut: frontend: a cut of the stub's that had applied this cut of ours, or a later
 *	one, knows of all unmaps before @peak_cut was set
 * @budget: what is held on behalf of the peer: pages of the engine with their bases,
 *	captures and frames of the cut being taken, @staged, @sent.  Not &riod_sync_page.live.
 * @tx_cut: number of the last cut taken
 * @rx_cut: number of the last of the peer's cuts applied
 * @acked_cut: number of the last cut of ours that the peer has applied
 * @told: the highest of our cuts that a commit of the peer's says it had applied
 * @sent: stub: every &riod_sync_page.sent entry, by cut
 * @nsent: stub: how many
 * @unreported: frontend: deltas applied since our last commit; the stub keeps one
 *	&struct riod_sync_sent for each until our next commit reports them applied
 * @stopped: riod_sync_stop() was called; read and written without a lock
 * @owe_commit: frontend: the next cut has a commit although it may be empty
 * @interval_us: time between background cuts, as of now
 * @join: frontend: riod_sync_collect() asks its caller to enter what was mapped
 *	meanwhile, and to tell the stub of it ahead of the cut: what the cut shows may name
 *	it (rule 1).  Under @gate alone.  0 or -ENOMEM.  NULL: nothing is mapped meanwhile.
 * @hold: frontend: true: a cut is being taken and finds no quiet, so who asks for maps
 *	is to wait; false: no longer.  Under @gate alone, must not wait for anything that a
 *	map may hold.  NULL: nobody can be asked to wait.
 * @join_priv: their argument
 * @params: tunables
 * @stats: counters
 *
 * @staged, @nstaged and @staged_bytes belong to the receive thread.  @tx_cut and
 * @rx_cut change under both mutexes; all that is not said otherwise is under
 * @lock.
 */
struct riod_sync {
	struct mutex gate;	/* taking against applying a cut; outermost */
	struct mutex lock;	/* page table, page memory, bases; inside @gate */
	enum riod_sync_role role;
	struct list_head pages;
	u64 npages;
	u64 newest;
	u64 nwritable;
	struct xarray index;
	struct list_head orders;
	struct list_head staged;
	u32 nstaged;
	u64 staged_bytes;
	u64 staged_max;
	u64 peak;
	u64 old_peak;
	u64 peak_cut;
	struct riod_budget budget;
	u64 tx_cut;
	u64 rx_cut;
	u64 acked_cut;
	u64 told;
	struct list_head sent;
	u32 nsent;
	u32 unreported;
	bool stopped;
	bool owe_commit;
	u32 interval_us;
	int (*join)(void *priv);
	void (*hold)(void *priv, bool on);
	void *join_priv;
	struct riod_sync_params params;
	struct riod_sync_stats stats;
};

void riod_sync_init(struct riod_sync *y, enum riod_sync_role role,
		    const struct riod_sync_params *params);
/* every page was unmapped; frees staged frames */
void riod_sync_destroy(struct riod_sync *y);

/**
 * riod_sync_stop() - the session is over
 * @y: engine; takes no lock, any context
 *
 * From now on riod_sync_collect() and riod_sync_apply() return -ENOTCONN, also those
 * that are running, within one frame or one part of a pass.  An apply that stores
 * already goes on to its end at the frontend: half a cut must not stay in guest memory
 * (rule 19).  At the stub it ends, for the pages go with the session.
 */
void riod_sync_stop(struct riod_sync *y);

/* riod_sync_map()'s @prot: stub: the page is memory of a BAR (rule 16) */
#define RIOD_SYNC_MMIO	0x80000000u

/**
 * riod_sync_map() - one more mapping of a page
 * @y: engine; takes @y->lock
 * @id: page number
 * @live: its memory; used where the page is new, checked where it is not
 * @prot: RIOD_PROT_*, and RIOD_SYNC_MMIO
 * @priv: for &riod_sync_page.priv where the page is new
 *
 * A new page has the base zero at both ends: its content crosses with the next
 * cut, which is what seeds S (rule 5).  GFP_KERNEL_ACCOUNT.
 *
 * Frontend: only from the pump, once the MAP frame is on its way and before the
 * cut behind it is begun (&riod_link_ops.prepare), so that the stub knows the
 * page when bytes of it arrive; or, of a page that nobody but the engine can write
 * yet, before the BAR_MAP frame is posted.  Stub: when the frame arrives.
 * Return: 0, -ENOMEM, -EDQUOT (&riod_sync_params.limit).
 */
int riod_sync_map(struct riod_sync *y, u64 id, void *live, u32 prot, void *priv);

/**
 * riod_sync_unmap() - one mapping less; local, cannot fail (rule 4)
 * @y: engine; takes @y->lock
 * @id: page number
 * @prot: what the mapping was made with
 * @priv: set to &riod_sync_page.priv where true is returned
 *
 * Stub: call it when the device can no longer use the mapping (the IOMMU is
 * unmapped and flushed): with the last writable mapping goes what the device
 * wrote and no cut has taken.
 *
 * Return: true where it was the last: the engine has forgotten the page and
 * does not touch its memory again.
 */
bool riod_sync_unmap(struct riod_sync *y, u64 id, u32 prot, void **priv);

/* ------------------------------------------------------------ rule 10 */

/* areas that one order may have; a page of a span is one, where it is mapped */
#define RIOD_SYNC_AREAS_MAX	16384u
/* granules that its areas may have of one page: a ring of either side, and some more */
#define RIOD_SYNC_PAGE_MAX	(2 * RIOD_PAGE_SIZE / 16 + 64)

struct riod_sync_area;
struct riod_sync_order;

#define RIOD_SYNC_ENTRY		16u	/* bytes that are looked at of an entry */
#define RIOD_SYNC_BACK		8u	/* entries that one may look back */

/**
 * struct riod_sync_entry - an entry of a ring, or of anything else that was named
 * @was: what both ends agree on
 * @now: as the cut has it
 * @y: private
 * @order: private
 * @area: private
 * @g: private
 * @left: private
 */
struct riod_sync_entry {
	u8 was[RIOD_SYNC_ENTRY];
	u8 now[RIOD_SYNC_ENTRY];
	struct riod_sync *y;
	const struct riod_sync_order *order;
	const struct riod_sync_area *area;
	u32 g;
	u32 left;
};

/**
 * typedef riod_sync_flag - does this entry publish others?
 * @e: an entry that changed; may be moved by riod_sync_entry_before()
 *
 * While a cut is taken, under both mutexes; looks at @e and nothing else.
 */
typedef bool riod_sync_flag(struct riod_sync_entry *e);

/**
 * riod_sync_entry_before() - go to the entry ahead of this one in its ring
 * @e: entry
 *
 * Return: false where it is not mapped, or RIOD_SYNC_BACK were looked at: what is in
 * them is the guest's word; @e is as it was.
 */
bool riod_sync_entry_before(struct riod_sync_entry *e);

/**
 * struct riod_sync_span - memory by which one side publishes what it wrote elsewhere
 * @iova: address as the device uses it
 * @len: bytes.  Whole granules, those at its edges included, are meant.
 * @step: bytes from one granule that is meant to the next, a multiple of 16;
 *	0: all of them
 * @by_guest: the guest writes it; else the device
 * @ring: not 0: spans with the same number, one behind the other, are one ring, whose
 *	first entry follows upon its last
 * @flag: with @by_guest, where not all entries publish: those of which it is true
 */
struct riod_sync_span {
	u64 iova;
	u32 len;
	u32 step;
	bool by_guest;
	u32 ring;
	riod_sync_flag *flag;
};

/**
 * riod_sync_order_make() - from addresses to pages
 * @spans: what publishes
 * @n: how many
 * @page_id: number of the page at an address, 0 where none is mapped
 * @priv: its first argument
 *
 * What is mapped later is not in it.  GFP_KERNEL_ACCOUNT.
 * Return: the order; ERR_PTR(-ENOMEM); ERR_PTR(-E2BIG): RIOD_SYNC_AREAS_MAX, or
 * RIOD_SYNC_PAGE_MAX, which spans that overlap exceed: each cut looks at all granules
 * of a page, under both mutexes.
 */
struct riod_sync_order *riod_sync_order_make(const struct riod_sync_span *spans, u32 n,
					     u64 (*page_id)(void *priv, u64 iova),
					     void *priv);

/* NULL is ignored */
void riod_sync_order_free(struct riod_sync_order *o);

/**
 * riod_sync_set_order() - from now on this comes last
 * @y: engine, frontend's; takes @y->gate and @y->lock, and so waits for a cut that is
 *	being taken or applied
 * @old: to be taken out, or NULL; the caller frees it
 * @new: to be put in, or NULL; the caller's again when it is taken out
 *
 * Of each cut, in either direction, everything else is applied before.
 */
void riod_sync_set_order(struct riod_sync *y, struct riod_sync_order *old,
			 struct riod_sync_order *new);

/**
 * riod_sync_collect() - take a cut
 * @y: engine; takes @y->gate and @y->lock
 * @frames: the cut's CUT_DATA frames and, last, its CUT_COMMIT are added here.
 *	Nothing is added where no byte changed and @commit_empty is false.
 * @commit_empty: make a commit all the same
 * @max_frame: largest frame the peer takes
 *
 * Frontend: bytes of all pages.  Stub: bytes of pages the device may write; not
 * to be called while a cut is in flight (riod_sync_in_flight()).
 * Return: bytes of pages in the cut; or, and nothing has changed, -ENOMEM, -EDQUOT,
 * -ENOTCONN after riod_sync_stop(), or what &riod_sync.join returned.
 */
s64 riod_sync_collect(struct riod_sync *y, struct list_head *frames,
		      bool commit_empty, u32 max_frame);

/* the peer has applied our cuts up to and including @cut; takes @y->lock */
void riod_sync_acked(struct riod_sync *y, u64 cut);

/**
 * riod_sync_in_flight() - must the next cut wait?
 * @y: engine; takes @y->lock
 *
 * Return: stub: true while the last cut is not acknowledged, or too much is kept
 * that the frontend has not told in a commit it knows of; riod_sync_acked() and
 * riod_sync_apply() end it.  Frontend: false.
 */
bool riod_sync_in_flight(struct riod_sync *y);

/**
 * riod_sync_is_settled() - is there nothing for a cut to take?
 * @y: engine, stub's; takes @y->gate and @y->lock
 *
 * One pass, that ends at the first difference.  Where it finds none, all that the device
 * wrote before the call is in cuts that were taken: what was posted before it may leave
 * behind them, with no cut of its own (rule 2), although one is in flight.
 */
bool riod_sync_is_settled(struct riod_sync *y);

/**
 * riod_sync_stage() - a validated CUT_DATA frame arrived
 * @y: engine; receive thread
 * @f: taken over, also on error
 *
 * Return: 0, -EPROTO (wrong cut number, too much staged), -EDQUOT.
 */
int riod_sync_stage(struct riod_sync *y, struct riod_frame *f);

/**
 * riod_sync_apply() - a validated CUT_COMMIT arrived: apply the cut as a whole
 * @y: engine; takes @y->gate and @y->lock; receive thread
 * @c: body of the frame
 *
 * What was staged is gone afterwards, also on error.
 * Memory for bases is at most one page for each page that the cut names.
 * Return: 0; -EPROTO: wrong numbers, or a granule in two deltas; -ENOMEM; -EDQUOT; -ENOTCONN
 * after riod_sync_stop().  Nothing was applied unless it is 0; with -ENOTCONN a stub
 * may have applied a part.
 */
int riod_sync_apply(struct riod_sync *y, const struct riod_wire_cut_commit *c);

/* did the peer's cut that was applied last change page @id?  Takes @y->lock. */
bool riod_sync_changed(struct riod_sync *y, u64 id);

/**
 * riod_sync_span_changed() - did that cut change any page of a span?
 * @y: engine; takes @y->lock
 * @iova: address as the device uses it, the guest's word
 * @len: bytes
 * @page_id: number of the page at an address, 0 where none is mapped
 * @priv: its first argument
 *
 * Return: false also where the span wraps, or is more than RIOD_SYNC_AREAS_MAX pages.
 */
bool riod_sync_span_changed(struct riod_sync *y, u64 iova, u64 len,
			    u64 (*page_id)(void *priv, u64 iova), void *priv);

/**
 * riod_sync_interval_us() - time until the next background cut is due (rule 12)
 * @y: engine; takes @y->lock
 *
 * Return: microseconds; U32_MAX with nothing mapped.
 */
u32 riod_sync_interval_us(struct riod_sync *y);

void riod_sync_get_stats(struct riod_sync *y, struct riod_sync_stats *st);

/* bytes held on behalf of the peer; owners charge what else they hold to @y->budget */
static inline u64 riod_sync_held(const struct riod_sync *y)
{
	return riod_budget_held(&y->budget);
}

#endif /* _RIOD_SYNC_H */

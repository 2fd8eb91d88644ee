/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The coherence engine.
 *
 * Keeps guest pages (L, at the frontend) and shadow pages (S, at the stub)
 * identical by exchanging cuts.  Documentation/coherence.rst has the rules,
 * which are cited by number here and in sync*.c.  The engine uses no sockets
 * and no PCI.  Of devices it knows the layout of NVMe completion queue entries
 * (rule 21), and no more.  The simulator builds it in userspace against shim
 * headers.
 *
 * Locks:
 *
 *   @gate   mutex, outermost.  Excludes taking a cut, applying a cut and, at the
 *           stub, register writes from each other; while a cut holds it, the
 *           device gets no new work (rule 9, hold-back).  Held by
 *           riod_sync_collect() from the first pass until the cut is taken, by
 *           riod_sync_apply() and riod_sync_set_order(), and by the stub around
 *           each register write.  At the stub riod_sync_map() takes it for a
 *           moment to wait for the end of a cut.  Never held while waiting for
 *           the peer or for window space.  @join, @hold and @completed are called under it.
 *   @lock   mutex, inside @gate.  Protects the page table, page memory and bases.
 *           Held for at most a part of a pass or one frame of an apply, and never
 *           while memory is allocated, so that an unmap only waits for a little
 *           local work (rule 4, unmap is local).
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
	RIOD_SYNC_FRONTEND,	/* guest memory */
	RIOD_SYNC_STUB,		/* shadow pages; the device wins (rule 7) */
};

/**
 * struct riod_sync_page - one guest page, or its shadow (rule 13)
 * @id: page number on the wire
 * @live: the page's memory, RIOD_PAGE_SIZE bytes, coherent
 * @base: the content that both ends agree on: bytes last sent or applied.
 *	NULL: zeroes, as neither end has sent a byte of the page.
 * @mmio: @live is device memory, to which no locked cycles may go (rule 16)
 * @exact: neither end compares the page; a cut carries bytes that riod_sync_carry() or
 *	riod_sync_expect() has named (rule 21, exact).  No @base
 * @completions: the device completes requests here: the stub compares the page, in whole
 *	granules, and the frontend does not, so its @base is what the device wrote
 * @func: with @completions: function whose requests these are
 * @next: with @completions, at the stub: granule behind the last one that was taken; the device
 *	fills a ring in order, so the next one is there, or the first of the page.
 *	RIOD_SYNC_ANYWHERE: it was mapped with RIOD_MAP_IN_USE, and none was taken yet
 * @written: with @completions: granules of @base that the peer's cuts have changed
 * @carry: frontend: bytes for the next cut, one bit each, or NULL
 * @carries: on &riod_sync.carries while there is @carry
 * @nread: mappings that let the device read
 * @nwrite: mappings that let the device write (rule 14, direction)
 * @nmaps: all mappings
 * @since: frontend: a cut that the stub took before it had applied this cut of
 *	ours has bytes of an earlier generation of writable mappings (rule 4).
 *	0: there was none.
 * @changed: the peer's last cut that changed the page
 * @arriving: the peer's last cut that has deltas of the page
 * @arrived: granules in the deltas of cut @arriving; each granule is in one
 *	delta only
 * @sent: stub: what our cuts carried of this page and the frontend has not
 *	reported applied (rule 7)
 * @recent: stub, from the first writable mapping on: one bit for each byte that
 *	an unjoined entry of @sent has
 * @capture: state of the page in the cut being taken, or NULL
 * @scan: on &riod_sync.pages
 * @priv: owned by the caller of riod_sync_map() (frontend: pfn; stub: struct
 *	page)
 *
 * Created by the first riod_sync_map(), freed by the last riod_sync_unmap().
 * All under &riod_sync.lock.
 */
struct riod_sync_page {
	u64 id;
	u8 *live;
	u8 *base;
	bool mmio;
	bool exact;
	bool completions;
	u8 func;
	u32 next;
	DECLARE_BITMAP(written, RIOD_PAGE_SIZE / 16);
	unsigned long *carry;
	struct list_head carries;
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

/** struct riod_sync_stats - counters (rule 17, cost) */
struct riod_sync_stats {
	u64 cuts_sent;		/* commits, empty ones included */
	u64 cuts_applied;
	u64 passes;		/* passes over the pages */
	u64 scanned;		/* bytes compared */
	u64 seeded;		/* page bytes sent of new pages */
	u64 rebased;		/* page bytes sent by the frontend of known pages */
	u64 sent;		/* page bytes sent in cuts */
	u64 applied;		/* page bytes applied */
	u64 dropped;		/* bytes dropped: the device had changed them (rule 7) */
	u64 late;		/* bytes dropped: the page was unmapped (rule 4) */
	u64 holdbacks;		/* cuts that held back register writes or maps */
	u64 free_running;	/* granules left out of a comparison */
	u64 forced;		/* cuts forced by the deadline: possible corruption */
	u64 background;		/* cuts taken without an event (rule 12, pollers) */
};

/**
 * struct riod_sync_params - tunables; 0 selects the default
 * @deadline_us: longest that a cut waits for quiet before it is forced (50000)
 * @idle_min_us: shortest interval of background cuts, while bytes change (1000)
 * @idle_max_us: longest interval of background cuts (20000)
 * @limit: most bytes that the engine may hold on behalf of the peer (no limit)
 * @parent: budget that these bytes are charged to as well (none)
 */
struct riod_sync_params {
	u32 deadline_us;
	u32 idle_min_us;
	u32 idle_max_us;
	u64 limit;
	struct riod_budget *parent;
};

/**
 * struct riod_sync - the engine of one attachment at one end
 * @gate: see above; outermost
 * @lock: see above
 * @role: which end
 * @pages: all pages, by ascending @id (a cut has them in descending order,
 *	rule 10, publish order)
 * @npages: pages on @pages
 * @newest: highest @id ever mapped.  Written under @lock; the pump reads it
 *	without, as it only has to see the pages that it mapped itself.
 * @nwritable: pages that the device may write
 * @ncompletions: pages with completions
 * @index: @id to page
 * @carries: frontend: pages with bytes for the next cut
 * @expected: stub: struct riod_sync_expected by key
 * @orders: frontend: struct riod_sync_order, the profiles' publish order
 *	(rule 10); changed under both mutexes
 * @staged: CUT_DATA frames of the peer's cut that is arriving
 * @nstaged: frames on @staged
 * @staged_bytes: their size
 * @staged_max: limit of @staged_bytes, beyond which the peer is at fault.
 *	Follows the highest number of pages that the peer may still consider
 *	mapped.
 * @peak: frontend: highest @npages since @peak_cut was set
 * @old_peak: frontend: highest @npages in the period before
 * @peak_cut: frontend: once the stub reports this cut of ours applied, it has
 *	processed all unmaps from before @peak_cut was set
 * @budget: memory held on behalf of the peer: struct riod_sync_page with bases
 *	and their place in @index, captures and frames of the cut being taken,
 *	@handed, @staged, @sent.  The owner charges &riod_sync_page.live.
 * @handed: bytes of the frames of the last cut that the caller may still hold;
 *	belongs to the thread that calls riod_sync_collect()
 * @probe: frontend: scratch memory of the passes, a page of the guest at a time; from
 *	riod_sync_init() on and not charged, so that an idle session needs no budget.
 *	Under @gate.
 * @tx_cut: number of the last cut taken
 * @rx_cut: number of the peer's last cut that was applied
 * @acked_cut: number of our last cut that the peer has acknowledged
 * @reported_cut: number of our last cut that a commit of the peer reported applied
 * @sent: stub: all entries of &riod_sync_page.sent, by cut
 * @nsent: stub: entries on @sent
 * @unreported: frontend: deltas applied since our last commit; the stub keeps a
 *	&struct riod_sync_sent for each until our next commit reports them
 *	applied
 * @stopped: riod_sync_stop() was called; read and written without a lock
 * @owe_commit: frontend: the next cut gets a commit even if it is empty
 * @interval_us: current interval of background cuts
 * @join: frontend: called while a cut is taken, to map the pages that are
 *	waiting and to send their MAP frames ahead of the cut, which may contain
 *	references to them (rule 1, release).  Under @gate alone.  Returns 0 or
 *	-ENOMEM.  NULL: nothing is mapped during a cut.
 * @hold: frontend: true: maps shall wait, as the cut being taken finds no
 *	quiet; false: maps may go on.  Under @gate alone; must not wait for
 *	anything that a map may hold.  NULL: maps cannot be delayed.
 * @completed: frontend: called while a cut is applied, if there are pages with completions,
 *	when its data is in the guest's memory, and riod_sync_completion() has the new
 *	entries, but the guest cannot see them yet (rule 21).  Under @gate alone; must not
 *	wait for the pump.  NULL: nobody wants to know
 * @join_priv: argument of @join, @hold and @completed
 * @params: tunables
 * @stats: counters
 *
 * @staged, @nstaged and @staged_bytes belong to the receive thread.  @tx_cut
 * and @rx_cut change under both mutexes.  Everything else is under @lock unless
 * stated otherwise.
 */
struct riod_sync {
	struct mutex gate;	/* see above */
	struct mutex lock;	/* see above */
	enum riod_sync_role role;
	struct list_head pages;
	u64 npages;
	u64 newest;
	u64 nwritable;
	u64 ncompletions;
	struct xarray index;
	struct list_head carries;
	struct xarray expected;
	struct list_head orders;
	struct list_head staged;
	u32 nstaged;
	u64 staged_bytes;
	u64 staged_max;
	u64 peak;
	u64 old_peak;
	u64 peak_cut;
	struct riod_budget budget;
	u64 handed;
	u8 *probe;
	u64 tx_cut;
	u64 rx_cut;
	u64 acked_cut;
	u64 reported_cut;
	struct list_head sent;
	u32 nsent;
	u32 unreported;
	bool stopped;
	bool owe_commit;
	u32 interval_us;
	int (*join)(void *priv);
	void (*hold)(void *priv, bool on);
	void (*completed)(void *priv);
	void *join_priv;
	struct riod_sync_params params;
	struct riod_sync_stats stats;
};

int __must_check riod_sync_init(struct riod_sync *y, enum riod_sync_role role,
				const struct riod_sync_params *params);
/* all pages must be unmapped; frees staged frames */
void riod_sync_destroy(struct riod_sync *y);

/**
 * riod_sync_stop() - the session is over
 * @y: engine; takes no lock, any context
 *
 * From now on riod_sync_collect() and riod_sync_apply() return -ENOTCONN.
 * Calls that are running return it after at most one frame or one part of a
 * pass.  Exception: at the frontend an apply that has begun to store completes,
 * because guest memory must not keep half a cut (rule 19, after a break).  At
 * the stub it ends early, because the shadow pages are freed with the session.
 */
void riod_sync_stop(struct riod_sync *y);

/* @prot of riod_sync_map(), stub: the page is BAR memory (rule 16) */
#define RIOD_SYNC_MMIO		0x80000000u

/**
 * riod_sync_map() - add a mapping of a page
 * @y: engine; takes @y->lock; at the stub also @y->gate, to wait for a cut
 * @id: page number
 * @live: the page's memory; must be the same for all mappings of a page
 * @prot: as &riod_wire_map.prot, and RIOD_SYNC_MMIO
 * @priv: for &riod_sync_page.priv of a new page
 *
 * A new page has a base of zeroes at both ends, so the next cut carries its
 * content, which seeds S (rule 5, byte exact).  GFP_KERNEL_ACCOUNT.
 *
 * Frontend: called by the pump after it has queued the MAP frame and before it
 * takes the cut behind it (&riod_link_ops.prepare), so that the stub knows the
 * page when bytes of it arrive.  A page that only the engine can write yet may
 * also be mapped by another thread, before that posts the BAR_MAP frame.  Stub:
 * called when the frame arrives.
 *
 * Return: 0, -ENOMEM, -EDQUOT (&riod_sync_params.limit); -EINVAL: a second mapping of a page
 * that is not compared by both ends, or for it not to be.
 */
int riod_sync_map(struct riod_sync *y, u64 id, void *live, u32 prot, void *priv);

/**
 * riod_sync_unmap() - remove a mapping of a page (rule 4, unmap is local)
 * @y: engine; takes @y->lock
 * @id: page number
 * @prot: as passed to riod_sync_map()
 * @priv: set to &riod_sync_page.priv if true is returned
 *
 * Cannot fail.  Stub: the device must be unable to use the mapping (the IOMMU
 * is unmapped and flushed), because the last writable unmap discards what the
 * device wrote and no cut has taken.
 *
 * Return: true: it was the last mapping, and the engine no longer accesses the
 * page's memory.
 */
bool riod_sync_unmap(struct riod_sync *y, u64 id, u32 prot, void **priv);

/* ------------------------------------------------------------ rule 21, exact */

/**
 * riod_sync_carry() - frontend: the next cut carries these bytes, whatever the stub has
 * @y: engine; takes @y->lock
 * @id: page; no effect unless it is mapped with RIOD_MAP_EXACT
 * @offset: first byte
 * @len: bytes, at most to the end of the page
 *
 * They are read after the call, and before the cut is sent.
 * Return: 0, -ENOMEM, -EDQUOT.
 */
int riod_sync_carry(struct riod_sync *y, u64 id, u32 offset, u32 len);

/**
 * riod_sync_completion() - frontend: what the device wrote, whatever the guest did with it
 * @y: engine; takes @y->lock
 * @id: page that is mapped with RIOD_MAP_COMPLETIONS
 * @offset: of a granule
 * @entry: set to the granule
 *
 * Return: false: there is no such page, or the device has not written there yet.
 */
bool riod_sync_completion(struct riod_sync *y, u64 id, u32 offset, u8 entry[16]);

/**
 * riod_sync_expect() - stub: a completion is going to make memory valid
 * @y: engine; takes @y->lock
 * @key: RIOD_SYNC_KEY() of the request, which its completion has; replaces a request with the
 *	same
 * @always: also if the request fails
 * @extents: the memory, validated; only what is mapped with RIOD_MAP_EXACT, for the device to
 *	write
 * @n: number of @extents
 *
 * The cut that carries the completion carries these bytes, whatever the frontend has.
 * Return: 0, -ENOMEM, -EDQUOT.
 */
int riod_sync_expect(struct riod_sync *y, u64 key, bool always,
		     const struct riod_wire_extent *extents, u32 n);

/* a request of a function, as in &riod_wire_expect.first */
#define RIOD_SYNC_KEY(func, request)	((u64)(func) << 32 | (request))

/* stub: these requests do not complete any more; takes @y->lock */
void riod_sync_forget(struct riod_sync *y, u64 first, u64 last);

/* ------------------------------------------------------------ rule 10, publish order */

/* pages of all spans of one order, mapped or not */
#define RIOD_SYNC_AREAS_MAX	16384u
/* granules that it may name per page: a ring of either side, and some more */
#define RIOD_SYNC_PAGE_MAX	(2 * RIOD_PAGE_SIZE / 16 + 64)

struct riod_sync_area;
struct riod_sync_order;

#define RIOD_SYNC_ENTRY		16u	/* bytes of an entry that are compared */
#define RIOD_SYNC_BACK		8u	/* entries that a riod_sync_flag may look back */

/**
 * struct riod_sync_entry - a ring entry, or another granule of an order
 * @was: content that both ends agree on
 * @now: content in the cut being taken
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
 * @e: a changed entry; riod_sync_entry_before() may move it
 *
 * Called while a cut is taken, under both mutexes.  Must only access @e.
 */
typedef bool riod_sync_flag(struct riod_sync_entry *e);

/**
 * riod_sync_entry_before() - move to the entry ahead of this one in its ring
 * @e: entry
 *
 * The content of entries is controlled by the guest.
 *
 * Return: false: that entry is not mapped, or RIOD_SYNC_BACK entries were
 * visited; @e is unchanged.
 */
bool riod_sync_entry_before(struct riod_sync_entry *e);

/**
 * struct riod_sync_span - memory through which one side publishes other writes
 * @iova: device address
 * @len: bytes, rounded outwards to granules
 * @step: distance from one publishing granule to the next in bytes, a multiple
 *	of 16; 0: every granule publishes
 * @by_guest: written by the guest, else by the device
 * @ring: not 0: consecutive spans with the same number form one ring, in which
 *	the first entry follows the last
 * @flag: with @by_guest: only entries for which this returns true publish;
 *	NULL: all
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
 * riod_sync_order_make() - translate spans of addresses into an order of pages
 * @spans: the spans
 * @n: number of @spans
 * @page_id: returns the number of the page at an address, 0 if none is mapped
 * @priv: first argument of @page_id
 *
 * Pages that are mapped later are not in the order.  GFP_KERNEL_ACCOUNT.
 *
 * Return: the order; ERR_PTR(-ENOMEM); ERR_PTR(-E2BIG): more than
 * RIOD_SYNC_AREAS_MAX pages, or overlapping spans with more than
 * RIOD_SYNC_PAGE_MAX granules in one page.  The limits bound the work of each
 * cut under both mutexes.
 */
struct riod_sync_order *riod_sync_order_make(const struct riod_sync_span *spans, u32 n,
					     u64 (*page_id)(void *priv, u64 iova),
					     void *priv);

/* @o may be NULL */
void riod_sync_order_free(struct riod_sync_order *o);

/**
 * riod_sync_set_order() - set what later cuts apply last
 * @y: engine of the frontend; takes @y->gate and @y->lock, and so waits for a
 *	cut being taken or applied
 * @old: order to remove, or NULL; the caller frees it
 * @new: order to add, or NULL; the engine keeps it until it is removed
 *
 * Both directions apply the granules of an order behind everything else in the
 * cut.
 */
void riod_sync_set_order(struct riod_sync *y, struct riod_sync_order *old,
			 struct riod_sync_order *new);

/**
 * riod_sync_collect() - take a cut
 * @y: engine; takes @y->gate and @y->lock
 * @frames: the CUT_DATA frames and the CUT_COMMIT behind them are appended.
 *	Nothing is appended if no byte changed and no commit is needed.
 * @max_frame: largest frame the peer takes
 *
 * Frontend: compares all pages.  Stub: compares the pages that the device may
 * write; must not be called while a cut is in flight (riod_sync_in_flight()).
 * The frames are charged to @y->budget until riod_sync_handed_over(), or until
 * the next call.
 *
 * Return: page bytes in the cut; or -ENOMEM, -EDQUOT, -EHWPOISON at the
 * frontend (a page has a memory error), -ENOTCONN after
 * riod_sync_stop(), or an error of &riod_sync.join.  After an error the engine
 * is unchanged.
 */
s64 riod_sync_collect(struct riod_sync *y, struct list_head *frames, u32 max_frame);

/* called by the thread that collects: the session has the last cut's frames, or they are freed */
void riod_sync_handed_over(struct riod_sync *y);

/* the peer has acknowledged our cuts up to and including @cut; takes @y->lock */
void riod_sync_acked(struct riod_sync *y, u64 cut);

/**
 * riod_sync_in_flight() - must the next cut wait?
 * @y: engine; takes @y->lock
 *
 * Return: stub: true while the last cut is not acknowledged, or while too many
 * struct riod_sync_sent are kept because the frontend has not reported them
 * applied.  riod_sync_acked() and riod_sync_apply() end this.  Frontend: false.
 */
bool riod_sync_in_flight(struct riod_sync *y);

/**
 * riod_sync_is_settled() - have all device writes been taken?
 * @y: engine of the stub; takes @y->lock; called by the thread that
 *	calls riod_sync_collect()
 *
 * Makes one pass, which ends at the first difference.  It continues if the
 * cut in flight is acknowledged meanwhile: the rest of it is shorter than the
 * first pass of the next cut.
 *
 * Return: true: the cuts taken so far have everything that the device wrote
 * before the call, so an event posted before the call may follow them without a
 * cut of its own (rule 2, acquire), even while one is in flight.
 */
bool riod_sync_is_settled(struct riod_sync *y);

/**
 * riod_sync_stage() - stage a validated CUT_DATA frame
 * @y: engine; receive thread
 * @f: frame; consumed, also on error
 *
 * Return: 0, -EPROTO (wrong cut number, too much staged), -EDQUOT.
 */
int riod_sync_stage(struct riod_sync *y, struct riod_frame *f);

/**
 * riod_sync_apply() - apply the staged cut on a validated CUT_COMMIT
 * @y: engine; takes @y->gate and @y->lock; receive thread
 * @c: body of the frame
 *
 * Frees the staged frames, also on error.  Allocates at most one base for each
 * page in the cut.
 *
 * Return: 0; -EPROTO: wrong numbers, or a granule in two deltas; -ENOMEM;
 * -EDQUOT; -EHWPOISON at the frontend: a page of the cut has a memory error that Linux
 * knows of; -ENOTCONN after riod_sync_stop().  After an error nothing was
 * applied, except that a stub that returns -ENOTCONN may have applied a part.
 */
int riod_sync_apply(struct riod_sync *y, const struct riod_wire_cut_commit *c);

/**
 * riod_sync_has_error() - does Linux know of a hardware error in this memory?
 * @mem: memory in the kernel's direct map, from which Linux may have unmapped it
 *
 * Linux marks a page in which a scrubber or an access has found an error, and of a
 * hugetlb page the whole.  The answer may be outdated at once.
 */
bool riod_sync_has_error(const void *mem);

/**
 * riod_sync_span_changed() - did the peer's last applied cut change a page of a span?
 * @y: engine; takes @y->lock
 * @iova: device address, controlled by the guest
 * @len: bytes
 * @page_id: returns the number of the page at an address, 0 if none is mapped
 * @priv: first argument of @page_id
 *
 * Return: false also if the span wraps or has more than RIOD_SYNC_AREAS_MAX
 * pages.
 */
bool riod_sync_span_changed(struct riod_sync *y, u64 iova, u64 len,
			    u64 (*page_id)(void *priv, u64 iova), void *priv);

/**
 * riod_sync_interval_us() - interval of background cuts (rule 12, pollers)
 * @y: engine; takes @y->lock
 *
 * Return: microseconds; U32_MAX: no background cuts, as nothing is mapped, or
 * at the stub nothing writable.
 */
u32 riod_sync_interval_us(struct riod_sync *y);

void riod_sync_get_stats(struct riod_sync *y, struct riod_sync_stats *st);

/* bytes held on behalf of the peer; an owner charges its own memory to @y->budget */
static inline u64 riod_sync_held(const struct riod_sync *y)
{
	return riod_budget_held(&y->budget);
}

#endif /* _RIOD_SYNC_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherence engine: its page table.
 *
 * Rules are cited by number and name; see Documentation/coherence.rst.
 */
#include <kunit/visibility.h>
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "sync.h"
#include "sync_cut.h"
#include "transport.h"

#define DEADLINE_US	50000
#define IDLE_MIN_US	1000
#define IDLE_MAX_US	20000

/* the entry was reserved; if the last unmap raced, fail rather than sleep */
#define STORE_GFP	(GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN)

/* bytes that a peer may always stage, however little is mapped */
#define STAGED_SLACK	(1024u * 1024)
/*
 * Upper bound of a page's staged deltas, with frame overhead: a correct peer sends no
 * granule twice, and kmalloc() rounds up to less than twice the size.
 */
#define STAGED_PAGE	(2 * RIOD_SYNC_DELTA_MAX)

/* base of a page of which neither end has sent a byte */
const u8 riod_sync_zeroes[RIOD_PAGE_SIZE] __aligned(RIOD_GRANULE);

/**
 * riod_sync_init() - initialise an engine without pages
 * @y: engine
 * @role: which end
 * @params: tunables, or NULL for the defaults
 *
 * Return: 0; -ENOMEM: then there is nothing to destroy.
 */
int riod_sync_init(struct riod_sync *y, enum riod_sync_role role,
		   const struct riod_sync_params *params)
{
	memset(y, 0, sizeof(*y));
	if (role == RIOD_SYNC_FRONTEND) {
		y->probe = kmalloc(RIOD_PAGE_SIZE, RIOD_SYNC_GFP);
		if (!y->probe)
			return -ENOMEM;
	}
	mutex_init(&y->gate);
	mutex_init(&y->lock);
	y->role = role;
	INIT_LIST_HEAD(&y->pages);
	xa_init(&y->index);
	INIT_LIST_HEAD(&y->carries);
	xa_init(&y->expected);
	INIT_LIST_HEAD(&y->orders);
	INIT_LIST_HEAD(&y->staged);
	INIT_LIST_HEAD(&y->sent);
	y->staged_max = STAGED_SLACK;
	if (params)
		y->params = *params;
	riod_budget_init(&y->budget, y->params.limit, y->params.parent);
	y->params.deadline_us = y->params.deadline_us ?: DEADLINE_US;
	y->params.idle_min_us = y->params.idle_min_us ?: IDLE_MIN_US;
	y->params.idle_max_us = y->params.idle_max_us ?: IDLE_MAX_US;
	y->params.idle_max_us = max(y->params.idle_max_us, y->params.idle_min_us);
	y->interval_us = y->params.idle_min_us;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_init);

/* no other thread uses @y, so no lock is needed */
void riod_sync_destroy(struct riod_sync *y)
{
	struct riod_frame *f, *tmp;

	WARN_ON(!list_empty(&y->pages));
	WARN_ON(!list_empty(&y->orders));
	list_for_each_entry_safe(f, tmp, &y->staged, list) {
		list_del(&f->list);
		riod_frame_free(f);
	}
	riod_budget_uncharge(&y->budget, y->staged_bytes);
	riod_sync_handed_over(y);
	riod_sync_forget(y, 0, U64_MAX);
	WARN_ON(riod_sync_held(y));
	kfree_sensitive(y->probe);
	xa_destroy(&y->expected);
	xa_destroy(&y->index);
	mutex_destroy(&y->lock);
	mutex_destroy(&y->gate);
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_destroy);

void riod_sync_handed_over(struct riod_sync *y)
{
	riod_budget_uncharge(&y->budget, y->handed);
	y->handed = 0;
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_handed_over);

void riod_sync_stop(struct riod_sync *y)
{
	WRITE_ONCE(y->stopped, true);
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_stop);

/* @err: of the charge */
static void *alloc_charged(struct riod_sync *y, size_t size, gfp_t flags, int err)
{
	void *p;

	if (err)
		return ERR_PTR(err);
	p = kmalloc(size, RIOD_SYNC_GFP | flags);
	if (p)
		return p;
	riod_budget_uncharge(&y->budget, kmalloc_size_roundup(size));
	return ERR_PTR(-ENOMEM);
}

void *riod_sync_alloc(struct riod_sync *y, size_t size, gfp_t flags)
{
	int err = riod_budget_charge(&y->budget, kmalloc_size_roundup(size));

	return alloc_charged(y, size, flags, err);
}

void *riod_sync_alloc_own(struct riod_sync *y, size_t size, gfp_t flags)
{
	int err = riod_budget_charge_own(&y->budget, kmalloc_size_roundup(size));

	return alloc_charged(y, size, flags, err);
}

void riod_sync_free(struct riod_sync *y, void *p, size_t size)
{
	if (!p)
		return;
	kfree_sensitive(p);
	riod_budget_uncharge(&y->budget, kmalloc_size_roundup(size));
}

static void free_page_memory(struct riod_sync *y, struct riod_sync_page *page)
{
	if (IS_ERR_OR_NULL(page))
		return;
	riod_sync_free(y, page->carry, RIOD_SYNC_BITMAP);
	riod_sync_free(y, page->recent, RIOD_SYNC_BITMAP);
	riod_sync_free(y, page->base, RIOD_PAGE_SIZE);
	riod_sync_free(y, page, sizeof(*page));
}

static struct riod_sync_page *new_page(struct riod_sync *y, u64 id, void *live, u32 prot,
				       void *priv)
{
	struct riod_sync_page *page = riod_sync_alloc(y, sizeof(*page), __GFP_ZERO);
	void *recent;

	if (IS_ERR(page))
		return page;
	page->id = id;
	page->live = live;
	page->mmio = prot & RIOD_SYNC_MMIO;
	page->exact = prot & RIOD_MAP_EXACT;
	page->completions = prot & RIOD_MAP_COMPLETIONS;
	page->func = RIOD_MAP_FUNC(prot);
	page->next = prot & RIOD_MAP_IN_USE ? RIOD_SYNC_ANYWHERE : 0;
	page->priv = priv;
	INIT_LIST_HEAD(&page->sent);
	INIT_LIST_HEAD(&page->carries);
	if (riod_sync_is_stub(y) && prot & RIOD_PROT_WRITE && !page->exact && !page->completions) {
		recent = riod_sync_alloc(y, RIOD_SYNC_BITMAP, __GFP_ZERO);
		if (IS_ERR(recent)) {
			free_page_memory(y, page);
			return recent;
		}
		page->recent = recent;
	}
	return page;
}

/**
 * riod_sync_restage() - recompute the limit of staged bytes
 * @y: engine; @peak, @old_peak or @npages has changed
 *
 * The stub receives unmaps in order with the cuts.  The frontend unmaps locally
 * (rule 4, unmap is local): until the stub has processed the UNMAP, its cuts
 * may contain the page.
 */
void riod_sync_restage(struct riod_sync *y)
{
	u64 npages = riod_sync_is_stub(y) ? y->npages : max(y->peak, y->old_peak);

	lockdep_assert_held(&y->lock);
	/* riod_sync_stage() reads it without the lock */
	WRITE_ONCE(y->staged_max, STAGED_SLACK + npages * STAGED_PAGE);
}

/* highest bit in which the number of @other differs from @id, from 1; 64 for the list head */
static u32 bits_apart(const struct riod_sync *y, u64 id, const struct list_head *other)
{
	if (other == &y->pages)
		return 64;
	return fls64(id ^ list_entry(other, struct riod_sync_page, scan)->id);
}

/*
 * Memory of the indices for a page between @prev and @next.  An XArray has a node of 64
 * entries for each prefix of its numbers, 6 bits to a node.  Nodes that neither neighbour
 * shares are charged to the page.  The peer chooses the numbers; far apart, each needs
 * ten nodes.  The stub has two more indices with as many nodes: of its pages, and of
 * pages of BARs.
 */
static u64 index_weight(const struct riod_sync *y, u64 id, const struct list_head *prev,
			const struct list_head *next)
{
	u32 apart = min(bits_apart(y, id, prev), bits_apart(y, id, next));

	return (u64)(DIV_ROUND_UP(apart, 6) - 1) * RIOD_SYNC_NODE * (riod_sync_is_stub(y) ? 3 : 1);
}

/* page numbers increase, so the place is nearly always the end */
static struct list_head *find_place(struct riod_sync *y, unsigned long id)
{
	struct riod_sync_page *next;

	if (list_empty(&y->pages) ||
	    list_last_entry(&y->pages, struct riod_sync_page, scan)->id < id)
		return &y->pages;
	next = xa_find_after(&y->index, &id, ULONG_MAX, XA_PRESENT);
	return &next->scan;
}

static void insert_in_order(struct riod_sync *y, struct riod_sync_page *page,
			    struct list_head *before)
{
	list_add_tail(&page->scan, before);
	y->npages++;
	y->ncompletions += page->completions;
	y->newest = max(y->newest, page->id);
	y->peak = max(y->peak, y->npages);
	riod_sync_restage(y);
}

/*
 * The page becomes writable by the device.  Bytes that the device wrote through
 * an earlier mapping may still be on their way to the frontend and must not be
 * stored (rule 4).  They are in cuts that the stub took before it applied our
 * next cut, so make sure that there is a next cut.
 */
static void begin_writable(struct riod_sync *y, struct riod_sync_page *page)
{
	y->nwritable++;
	if (riod_sync_is_stub(y) || !page->since)
		return;
	page->since = y->tx_cut + 1;
	y->owe_commit = true;
}

static void add_mapping(struct riod_sync *y, struct riod_sync_page *page, u32 prot)
{
	lockdep_assert_held(&y->lock);
	page->nmaps++;
	if (prot & RIOD_PROT_READ)
		page->nread++;
	if (prot & RIOD_PROT_WRITE && !page->nwrite++)
		begin_writable(y, page);
	y->interval_us = y->params.idle_min_us;
}

static int add_page(struct riod_sync *y, struct riod_sync_page *page)
{
	struct list_head *before = find_place(y, page->id);
	u64 weight = index_weight(y, page->id, before->prev, before);
	int err;

	lockdep_assert_held(&y->lock);
	err = riod_budget_charge(&y->budget, weight);
	if (err)
		return err;
	err = xa_err(xa_store(&y->index, page->id, page, STORE_GFP));
	if (err)
		riod_budget_uncharge(&y->budget, weight);
	else
		insert_in_order(y, page, before);
	return err;
}

/*
 * Stub: a page lost its last writable mapping while a cut was being taken.  Its memory is
 * the base again (end_writable()), but the cut still carries what it captured, and
 * rebase() makes the memory agree with that only while the page is not writable.  If the
 * page became writable before, the old bytes would look like the device's.
 */
static bool is_between(const struct riod_sync *y, const struct riod_sync_page *page, u32 prot)
{
	return riod_sync_is_stub(y) && prot & RIOD_PROT_WRITE && !page->nwrite && page->capture;
}

/* Lock, and find the page.  A pass skips a page that is not writable, so one wait is enough. */
static struct riod_sync_page *lock_for_map(struct riod_sync *y, u64 id, u32 prot)
{
	struct riod_sync_page *page;

	mutex_lock(&y->lock);
	page = xa_load(&y->index, id);
	if (!page || !is_between(y, page, prot))
		return page;
	mutex_unlock(&y->lock);
	/* until the cut is taken, or abandoned; no cut waits for the peer */
	mutex_lock(&y->gate);
	mutex_unlock(&y->gate);
	mutex_lock(&y->lock);
	return xa_load(&y->index, id);
}

int riod_sync_map(struct riod_sync *y, u64 id, void *live, u32 prot, void *priv)
{
	struct riod_sync_page *fresh, *page;
	int err = 0;

	/* allocate before taking the lock, for which an unmap may be waiting */
	fresh = new_page(y, id, live, prot, priv);
	if (IS_ERR(fresh))
		return PTR_ERR(fresh);
	if (xa_reserve(&y->index, id, RIOD_SYNC_GFP)) {
		free_page_memory(y, fresh);
		return -ENOMEM;
	}

	page = lock_for_map(y, id, prot);
	if (page && (page->exact || page->completions || prot & RIOD_MAP_CLASS)) {
		err = -EINVAL;
	} else if (page && WARN_ON_ONCE(page->live != live)) {
		err = -EINVAL;
	} else if (!page) {
		err = add_page(y, fresh);
		if (!err) {
			page = fresh;
			fresh = NULL;
		}
	} else if (!page->recent) {
		/* first writable mapping of a page that had read-only ones */
		swap(page->recent, fresh->recent);
	}
	if (!err)
		add_mapping(y, page, prot);
	else if (!page)
		xa_release(&y->index, id);
	mutex_unlock(&y->lock);
	free_page_memory(y, fresh);
	return err;
}
EXPORT_SYMBOL_GPL(riod_sync_map);

/* drop the page from the cut being taken; the cut keeps and frees the capture */
static void leave_cut(struct riod_sync_page *page)
{
	if (!page->capture)
		return;
	page->capture->page = NULL;
	page->capture = NULL;
}

/**
 * riod_sync_discard_unsent() - undo device writes that no cut has taken
 * @page: the device can no longer write it
 *
 * The device may still read the page through another mapping.  Bytes that were
 * not collected never reach the guest (rule 4), so they must not stay in the
 * shadow: the two ends would differ for good, and rule 7 (the device wins)
 * would drop the guest's next bytes.
 */
void riod_sync_discard_unsent(struct riod_sync_page *page)
{
	const u8 *base = riod_sync_base(page);
	struct riod_patch p;
	union riod_granule taken;
	u32 off;

	p.mask.w[0] = ~0ULL;
	p.mask.w[1] = ~0ULL;
	for (off = 0; off < RIOD_PAGE_SIZE; off += RIOD_GRANULE) {
		memcpy(&p.val, base + off, RIOD_GRANULE);
		riod_sync_merge(page, off, &p, NULL, &taken);
	}
}

static void end_writable(struct riod_sync *y, struct riod_sync_page *page)
{
	y->nwritable--;
	/* ends a generation of writable mappings; see begin_writable() */
	page->since = U64_MAX;
	/* a cut being taken still carries what it captured; see rebase() */
	if (riod_sync_is_stub(y) && page->nmaps > 1 && !page->exact)
		riod_sync_discard_unsent(page);
}

static void free_page_of(struct riod_sync *y, struct riod_sync_page *page)
{
	struct riod_sync_sent *s, *tmp;

	leave_cut(page);
	list_for_each_entry_safe(s, tmp, &page->sent, by_page) {
		y->nsent--;
		list_del(&s->by_page);
		list_del(&s->by_cut);
		riod_sync_free_sent(y, s);
	}
	xa_erase(&y->index, page->id);
	riod_budget_uncharge(&y->budget,
			     index_weight(y, page->id, page->scan.prev, page->scan.next));
	list_del(&page->scan);
	list_del(&page->carries);
	y->npages--;
	y->ncompletions -= page->completions;
	riod_sync_restage(y);
	free_page_memory(y, page);
}

bool riod_sync_unmap(struct riod_sync *y, u64 id, u32 prot, void **priv)
{
	struct riod_sync_page *page;
	bool last = false;

	mutex_lock(&y->lock);
	page = xa_load(&y->index, id);
	if (WARN_ON_ONCE(!page))
		goto out;
	if (prot & RIOD_PROT_READ)
		page->nread--;
	if (prot & RIOD_PROT_WRITE && !--page->nwrite)
		end_writable(y, page);
	last = !--page->nmaps;
	if (last) {
		*priv = page->priv;
		free_page_of(y, page);
	}
out:
	mutex_unlock(&y->lock);
	return last;
}
EXPORT_SYMBOL_GPL(riod_sync_unmap);

void riod_sync_acked(struct riod_sync *y, u64 cut)
{
	mutex_lock(&y->lock);
	if (cut > y->acked_cut && !WARN_ON_ONCE(cut > y->tx_cut))
		y->acked_cut = cut;
	mutex_unlock(&y->lock);
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_acked);

bool riod_sync_in_flight(struct riod_sync *y)
{
	bool ret;

	if (!riod_sync_is_stub(y))
		return false;
	mutex_lock(&y->lock);
	ret = y->tx_cut > y->acked_cut || y->nsent > RIOD_SYNC_SENT_MAX;
	mutex_unlock(&y->lock);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_in_flight);

void riod_sync_pace(struct riod_sync *y, bool moved)
{
	lockdep_assert_held(&y->lock);
	if (moved)
		y->interval_us = y->params.idle_min_us;
	else
		y->interval_us = min_t(u64, 2ull * y->interval_us,
				       y->params.idle_max_us);
}

u32 riod_sync_interval_us(struct riod_sync *y)
{
	u32 us;

	mutex_lock(&y->lock);
	if (riod_sync_is_stub(y) ? !y->nwritable : !y->npages)
		us = U32_MAX;
	else
		us = y->interval_us;
	mutex_unlock(&y->lock);
	return us;
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_interval_us);

void riod_sync_get_stats(struct riod_sync *y, struct riod_sync_stats *st)
{
	mutex_lock(&y->lock);
	*st = y->stats;
	mutex_unlock(&y->lock);
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_get_stats);

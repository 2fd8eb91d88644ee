// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the device may reach what is mapped
 *
 * Ranges of the attached domain become pages of the engine when the guest
 * enables bus mastering, and stop being so when it disables it, resets the
 * function, detaches the domain or the peer is lost.  In between an unmap takes
 * pages from the engine at once; a map is queued, and the pump enters its pages
 * when it tells the stub of them (dma_send.c): a cut that is being taken must not
 * carry bytes of a page that the stub has not heard of.
 *
 * Transitions of &riod_fe_dma.state, all by dma_set_state():
 *
 *   OFF, HELD_LIMIT -> ON          the guest wants it, and the limit allows it
 *   OFF, ON -> HELD_LIMIT          it does not (ON: the guest is in bypass)
 *   ON, HELD_LIMIT -> OFF          the guest, a reset or another domain
 *   any -> HELD_LOST               the session is over; stays
 *
 * It becomes ON only in an access of the guest's to the function, never because
 * maps went away.  QEMU takes all of guest memory down and up again, piece by piece,
 * when firmware moves something in the memory map or the guest turns its vIOMMU on;
 * in between it looks small.  But QEMU does so while the guest waits, and without an
 * access the device has nothing to do: so the next access is early enough, and what
 * is mapped by then is what the guest wants mapped.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/slab.h>

#include "compat_mm.h"
#include "frontend.h"
#include "frontend_trace.h"

/* unmaps that may wait for the next cut before the pump is woken for them */
#define DMA_PENDING_MAX		64

/* the work item rests so long where there was no memory */
#define DMA_REVISIT_MS		20

void riod_fe_dma_init(struct riod_fe_dma *dma, u64 limit)
{
	mutex_init(&dma->lock);
	xa_init(&dma->pages);
	INIT_LIST_HEAD(&dma->pending);
	dma->limit = limit;
	dma->next_id = 1;
	dma->state = RIOD_BUS_MASTER_OFF;
	init_waitqueue_head(&dma->released);
}

/*
 * Longest that one cut makes maps wait, all of them together.  A cut is forced after 50 ms
 * where a pass is quick.  Where passes take long, as many fit in here as it takes to find
 * quiet.  The guest's CPU that maps stands still meanwhile, and QEMU with it.
 */
#define GIVE_WAY	(HZ / 4)

/* from the pump: whether a cut waits for the guest to be quiet */
void riod_fe_dma_hold(struct riod_fe_dma *dma, bool on)
{
	if (on)
		WRITE_ONCE(dma->held_until, jiffies + GIVE_WAY);
	/* pairs with riod_fe_dma_give_way() */
	smp_store_release(&dma->held, on);
	if (!on)
		wake_up_all(&dma->released);
}

/**
 * riod_fe_dma_give_way() - ahead of a map: let a cut that finds no quiet have it
 * @dma: DMA of the attachment
 *
 * The caller is about to write what refers to the mapping.  Called under mutexes of
 * VFIO, and with no lock of riod.  Best effort: the wait ends with the cut, on a fatal
 * signal, or GIVE_WAY after the cut asked for quiet, however many maps waited before.
 */
void riod_fe_dma_give_way(struct riod_fe_dma *dma)
{
	long left;

	/* pairs with riod_fe_dma_hold(): @held_until is that of this cut */
	if (likely(!smp_load_acquire(&dma->held)))
		return;
	left = (long)(READ_ONCE(dma->held_until) - jiffies);
	if (left > 0)
		wait_event_killable_timeout(dma->released, !READ_ONCE(dma->held), left);
}

/* DAX: memory like any other.  A PCI device's (P2PDMA), or one that needs its driver: not. */
static bool page_is_dax(const struct page *page)
{
	enum memory_type type = riod_compat_pgmap(page)->type;

	return type == MEMORY_DEVICE_GENERIC || type == MEMORY_DEVICE_FS_DAX;
}

/**
 * riod_fe_dma_is_ram() - is this page guest memory that we may touch?
 * @pfn: page frame
 * @prot: what the device may do
 *
 * VFIO also maps other devices' BARs (rule 15).  The zero page is reserved, but
 * is what a page looks like that the guest never wrote and the device only
 * reads.
 */
bool riod_fe_dma_is_ram(unsigned long pfn, u32 prot)
{
	struct page *page;

	if (!pfn_valid(pfn))
		return false;
	page = pfn_to_page(pfn);
	if (is_zone_device_page(page))
		return page_is_dax(page);
	if (PageReserved(page))
		return is_zero_pfn(pfn) && !(prot & RIOD_PROT_WRITE);
	return true;
}

static void dma_set_state(struct riod_fe_att *att, enum riod_bus_master state)
{
	struct riod_fe_dma *dma = &att->dma;

	lockdep_assert_held(&dma->lock);
	if (dma->state == state || dma->state == RIOD_BUS_MASTER_HELD_LOST)
		return;
	WRITE_ONCE(dma->state, state);
	WRITE_ONCE(dma->unproven, false);
	queue_work(riod_fe_wq, &att->event_work);
}

/* not once the session is over: teardown has cancelled it for good */
void riod_fe_dma_revisit_soon(struct riod_fe_att *att)
{
	lockdep_assert_held(&att->dma.lock);
	if (att->dma.lost)
		return;
	queue_delayed_work(riod_fe_wq, &att->revisit_work,
			   msecs_to_jiffies(DMA_REVISIT_MS));
}

/* ------------------------------------------------------------ pages */

/* nothing of it is mapped and nothing is left to tell: nobody refers to it */
void riod_fe_batch_put(struct riod_fe_batch *b)
{
	if (b->lo == b->hi && !b->nrecords)
		kvfree(b);
}

static void page_leave(struct riod_fe_att *att, struct riod_fe_batch *b, u32 i)
{
	struct riod_sync *y = riod_link_sync(att->link);
	void *priv;

	if (b->slots[i].id && riod_sync_unmap(y, b->slots[i].id, b->prot, &priv))
		xa_erase(&att->dma.pages, (unsigned long)priv);
}

/**
 * riod_fe_page_enter() - make one page of a batch a page of the engine
 * @att: attachment
 * @b: batch
 * @i: page of it, which has no number yet
 *
 * From the pump, which tells the stub of it before it takes the next cut.
 * Several addresses may name one page: one number for all of them (rule 13).
 * Return: 0 or -ENOMEM.
 */
int riod_fe_page_enter(struct riod_fe_att *att, struct riod_fe_batch *b, u32 i)
{
	struct riod_sync *y = riod_link_sync(att->link);
	struct riod_fe_dma *dma = &att->dma;
	unsigned long pfn = b->pfn + i;
	void *entry, *priv;
	u64 id;
	int ret;

	lockdep_assert_held(&dma->lock);
	if (!riod_fe_dma_is_ram(pfn, b->prot))
		return 0;
	entry = xa_load(&dma->pages, pfn);
	id = entry ? xa_to_value(entry) : dma->next_id;
	ret = riod_sync_map(y, id, page_address(pfn_to_page(pfn)), b->prot,
			    (void *)pfn);
	if (ret)
		return ret;
	if (!entry) {
		ret = xa_err(xa_store(&dma->pages, pfn, xa_mk_value(id),
				      GFP_KERNEL_ACCOUNT));
		if (ret) {
			riod_sync_unmap(y, id, b->prot, &priv);
			return ret;
		}
		dma->next_id++;
	}
	b->slots[i].id = id;
	atomic64_inc(&att->stats.maps);
	return 0;
}

/* queue a range's pages for the pump to enter and to tell of; 0 or -ENOMEM */
static int range_enter(struct riod_fe_att *att, struct riod_fe_range *r, gfp_t gfp)
{
	u32 n = (r->it.last - r->it.start + 1) >> PAGE_SHIFT;
	struct riod_fe_batch *b;

	lockdep_assert_held(&att->dma.lock);
	if (r->batch)
		return 0;
	b = kvzalloc(struct_size(b, slots, n), gfp);
	if (!b)
		return -ENOMEM;
	b->nslots = n;
	b->iova = r->it.start;
	b->pfn = PHYS_PFN(r->paddr);
	b->prot = r->prot;
	b->hi = n;
	riod_fe_record_queue(&att->dma, &b->map, b, RIOD_FE_RECORD_MAP, 0, n);
	r->batch = b;
	return 0;
}

/*
 * Pages @from up to @to are not mapped any more; they are at an end of what is.
 * Of pages that the stub was not told of yet, it never hears.
 */
static void batch_cut(struct riod_fe_att *att, struct riod_fe_batch *b, u32 from,
		      u32 to)
{
	struct riod_fe_dma *dma = &att->dma;
	u32 i, told = min(to, b->next);

	lockdep_assert_held(&dma->lock);
	for (i = from; i < told; i++)
		page_leave(att, b, i);
	if (from == b->lo)
		b->lo = to;
	else
		b->hi = from;
	b->next = max(b->next, b->lo);
	if (from < told) {
		atomic64_add(told - from, &att->stats.unmaps);
		riod_fe_record_queue(dma, &b->slots[from].unmap, b,
				     RIOD_FE_RECORD_UNMAP, from, told - from);
	}
	if (b->map.kind == RIOD_FE_RECORD_MAP && b->next >= b->hi)
		riod_fe_record_drop(dma, &b->map);
	riod_fe_batch_put(b);
}

static void range_leave(struct riod_fe_att *att, struct riod_fe_range *r)
{
	if (!r->batch)
		return;
	batch_cut(att, r->batch, r->batch->lo, r->batch->hi);
	r->batch = NULL;
}

/* ------------------------------------------------------------ on and off */

static void dma_leave(struct riod_fe_att *att)
{
	struct riod_fe_domain *d = att->dma.domain;
	struct riod_fe_range *r;

	lockdep_assert_held(&att->dma.lock);
	if (!d || att->dma.state != RIOD_BUS_MASTER_ON)
		return;
	for (r = riod_fe_range_first(d); r; r = riod_fe_range_next(r))
		range_leave(att, r);
	riod_link_kick(att->link);
}

/* the guest waits meanwhile, so this is quick: the pump does the work */
static int dma_enter(struct riod_fe_att *att)
{
	struct riod_fe_domain *d = att->dma.domain;
	struct riod_fe_range *r;
	int ret = 0;

	lockdep_assert_held(&att->dma.lock);
	if (!d)
		return 0;
	for (r = riod_fe_range_first(d); r && !ret; r = riod_fe_range_next(r))
		ret = range_enter(att, r, GFP_KERNEL_ACCOUNT);
	if (!ret)
		return 0;
	for (r = riod_fe_range_first(d); r; r = riod_fe_range_next(r))
		range_leave(att, r);
	return ret;
}

/* pages mapped at several addresses count once for each: rather too much than too little */
static bool dma_too_much_for_peer(const struct riod_fe_dma *dma)
{
	const struct riod_fe_domain *d = dma->domain;

	return d && d->bytes_ro + d->bytes_rw > dma->peer_limit;
}

static bool dma_too_much(const struct riod_fe_dma *dma)
{
	return (dma->domain && dma->domain->bytes_rw > dma->limit) ||
	       dma_too_much_for_peer(dma);
}

static void dma_warn_limit(struct riod_fe_att *att)
{
	const struct riod_fe_dma *dma = &att->dma;
	const struct riod_fe_domain *d = dma->domain;

	if (d->bytes_rw > dma->limit)
		pr_warn("attachment %u: bus mastering is held off: the guest has mapped %llu MiB for the device to write, the limit is %llu MiB\n",
			att->id, d->bytes_rw >> 20, dma->limit >> 20);
	else
		pr_warn("attachment %u: bus mastering is held off: the guest has mapped %llu MiB, and the server host shadows at most %llu MiB (its shadow_max_mib)\n",
			att->id, (d->bytes_ro + d->bytes_rw) >> 20, dma->peer_limit >> 20);
	pr_warn("attachment %u: the guest needs a vIOMMU (QEMU: -device intel-iommu,caching-mode=on,intremap=on or -device virtio-iommu-pci); this ends by itself when it turns one on\n",
		att->id);
}

static void dma_hold(struct riod_fe_att *att, int err)
{
	struct riod_fe_dma *dma = &att->dma;
	u64 bytes = dma->domain ? dma->domain->bytes_rw : 0;

	lockdep_assert_held(&dma->lock);
	if (dma->state != RIOD_BUS_MASTER_HELD_LIMIT)
		trace_riod_fe_bus_master_held(att->id, bytes, dma->limit);
	if (err)
		pr_warn_ratelimited("attachment %u: no memory for DMA, bus mastering is held off\n",
				    att->id);
	else if (!dma->warned)
		dma_warn_limit(att);
	dma->warned |= !err;
	dma_set_state(att, RIOD_BUS_MASTER_HELD_LIMIT);
}

/* decide about bus mastering (rule 18); @access: the guest is at the function */
static bool dma_decide(struct riod_fe_att *att, bool access)
{
	struct riod_fe_dma *dma = &att->dma;
	int ret;

	lockdep_assert_held(&dma->lock);
	if (dma->lost)
		return false;
	if (dma->state == RIOD_BUS_MASTER_ON)
		return true;
	if (!access)
		return false;
	if (dma_too_much(dma)) {
		dma_hold(att, 0);
		return false;
	}
	ret = dma_enter(att);
	if (ret) {
		dma_hold(att, ret);
		return false;
	}
	dma_set_state(att, RIOD_BUS_MASTER_ON);
	dma->anew = true;
	return true;
}

/**
 * riod_fe_dma_enable() - the guest wants bus mastering of a function
 * @att: attachment; takes the DMA lock
 * @func: function
 * @access: it is at the function just now; else what it has may only be taken away
 *
 * Return: true: the device may have it; all that is mapped crosses ahead of
 * whatever is posted from now on.  false: it is held off.
 */
bool riod_fe_dma_enable(struct riod_fe_att *att, unsigned int func, bool access)
{
	bool on;

	mutex_lock(&att->dma.lock);
	att->dma.want |= BIT(func);
	on = dma_decide(att, access);
	mutex_unlock(&att->dma.lock);
	return on;
}

/* it is off at the device, or the device is gone: let go of the pages */
void riod_fe_dma_disable(struct riod_fe_att *att, unsigned int func)
{
	struct riod_fe_dma *dma = &att->dma;

	mutex_lock(&dma->lock);
	dma->want &= ~BIT(func);
	if (!dma->want) {
		dma_leave(att);
		dma_set_state(att, RIOD_BUS_MASTER_OFF);
	}
	mutex_unlock(&dma->lock);
}

static void dma_set_domain(struct riod_fe_att *att, struct riod_fe_domain *d)
{
	struct riod_fe_dma *dma = &att->dma;

	lockdep_assert_held(&dma->lock);
	if (dma->domain == d)
		return;
	dma_leave(att);
	dma->domain = d;
	dma->attached = 0;
	dma_set_state(att, RIOD_BUS_MASTER_OFF);
	if (dma->want && !dma->lost)
		riod_fe_dma_revisit_soon(att);
}

/**
 * riod_fe_dma_attach() - a function's domain changes
 * @fn: function; takes the DMA lock
 * @d: the new one, or NULL for none (blocked, identity)
 *
 * One function that leaves takes nothing from the others: it may have been removed
 * from the bus, and they go on.  Under the IOMMU core's group mutex, so nothing here
 * waits for the peer: where the device has bus mastering on, the work item takes it
 * away, and the guest's next access may give it back.  Meanwhile it can reach nothing.
 */
void riod_fe_dma_attach(struct riod_fe_func *fn, struct riod_fe_domain *d)
{
	struct riod_fe_dma *dma = &fn->att->dma;

	mutex_lock(&dma->lock);
	if (d)
		dma_set_domain(fn->att, d);
	__assign_bit(fn->num, &dma->attached, d);
	if (!dma->attached)
		dma_set_domain(fn->att, NULL);
	mutex_unlock(&dma->lock);
}

/* the session is over: nothing is touched for it from now on */
void riod_fe_dma_lost(struct riod_fe_att *att)
{
	struct riod_fe_dma *dma = &att->dma;

	mutex_lock(&dma->lock);
	dma->lost = true;
	dma_leave(att);
	dma_set_state(att, RIOD_BUS_MASTER_HELD_LOST);
	riod_fe_record_drop_all(dma);
	mutex_unlock(&dma->lock);
}

/* after the link has stopped: every page was taken from the engine by _lost() */
void riod_fe_dma_destroy(struct riod_fe_att *att)
{
	struct riod_fe_dma *dma = &att->dma;

	mutex_lock(&dma->lock);
	dma->lost = true;
	riod_fe_record_drop_all(dma);
	WARN_ON_ONCE(!xa_empty(&dma->pages));
	xa_destroy(&dma->pages);
	mutex_unlock(&dma->lock);
}

/**
 * riod_fe_dma_revisit() - enter what a split or want of memory left outside
 * @att: attachment; takes the DMA lock
 */
void riod_fe_dma_revisit(struct riod_fe_att *att)
{
	struct riod_fe_dma *dma = &att->dma;
	struct riod_fe_range *r;

	mutex_lock(&dma->lock);
	if (dma->state == RIOD_BUS_MASTER_ON && dma->domain) {
		for (r = riod_fe_range_first(dma->domain); r; r = riod_fe_range_next(r)) {
			if (range_enter(att, r, GFP_KERNEL_ACCOUNT)) {
				riod_fe_dma_revisit_soon(att);
				break;
			}
		}
	}
	mutex_unlock(&dma->lock);
}

/* ------------------------------------------------------------ from range.c */

/*
 * Once a driver runs its maps are never refused (rule 18).  But where the last map
 * went away, and the guest has not been at the function since, no driver has been
 * seen to run: what is mapped now is a guest, or firmware, without a vIOMMU.
 */
static bool dma_bypassed(struct riod_fe_dma *dma)
{
	return READ_ONCE(dma->unproven) && dma_too_much(dma);
}

/* a range is new; -ENOMEM where it had to be entered and could not */
int riod_fe_dma_mapped(struct riod_fe_domain *d, struct riod_fe_range *r, gfp_t gfp)
{
	struct riod_fe_att *att = d->att;
	struct riod_fe_dma *dma = &att->dma;

	lockdep_assert_held(&dma->lock);
	trace_riod_fe_map(att->id, r->it.start, r->it.last, r->prot);
	if (dma->domain != d || dma->state != RIOD_BUS_MASTER_ON)
		return 0;
	if (dma_bypassed(dma)) {
		dma_leave(att);
		dma_hold(att, 0);
		riod_fe_dma_revisit_soon(att);
		return 0;
	}
	return range_enter(att, r, gfp);
}

/* addresses @first to @last of @r are not mapped any more; they are at an end of it */
void riod_fe_dma_cut(struct riod_fe_domain *d, struct riod_fe_range *r, u64 first,
		     u64 last)
{
	struct riod_fe_batch *b = r->batch;

	lockdep_assert_held(&d->att->dma.lock);
	trace_riod_fe_unmap(d->att->id, first, last);
	if (!b)
		return;
	if (first == r->it.start && last == r->it.last)
		r->batch = NULL;
	batch_cut(d->att, b, (first - b->iova) >> PAGE_SHIFT,
		  ((last - b->iova) >> PAGE_SHIFT) + 1);
}

void riod_fe_dma_unmapped(struct riod_fe_domain *d)
{
	struct riod_fe_att *att = d->att;
	struct riod_fe_dma *dma = &att->dma;

	lockdep_assert_held(&dma->lock);
	if (dma->domain != d || dma->state != RIOD_BUS_MASTER_ON)
		return;
	if (!d->nranges)
		WRITE_ONCE(dma->unproven, true);
	if (!d->nranges || dma->npending >= DMA_PENDING_MAX)
		riod_link_kick(att->link);
}

/**
 * riod_fe_dma_page_id() - the engine's number of what is mapped there
 * @att: attachment; the DMA lock is held
 * @iova: address as the device uses it
 *
 * Return: 0 where nothing is mapped, or the engine does not know it yet.
 */
u64 riod_fe_dma_page_id(struct riod_fe_att *att, u64 iova)
{
	struct riod_fe_dma *dma = &att->dma;
	struct riod_fe_range *r;

	lockdep_assert_held(&dma->lock);
	if (dma->state != RIOD_BUS_MASTER_ON || !dma->domain)
		return 0;
	r = riod_fe_range_find(dma->domain, iova);
	if (!r || !r->batch)
		return 0;
	return r->batch->slots[(iova - r->batch->iova) >> PAGE_SHIFT].id;
}

/**
 * riod_fe_dma_mem() - guest memory for a profile
 * @att: attachment; the DMA lock is held, and keeps the page mapped
 * @iova: address as the device would use it
 * @len: bytes, not beyond the end of the page
 * @write: the profile is going to write, which only the device's mapping allows
 */
void *riod_fe_dma_mem(struct riod_fe_att *att, u64 iova, size_t len, bool write)
{
	struct riod_fe_dma *dma = &att->dma;
	struct riod_fe_range *r;
	phys_addr_t paddr;

	lockdep_assert_held(&dma->lock);
	if (dma->state != RIOD_BUS_MASTER_ON || !dma->domain ||
	    len > PAGE_SIZE - offset_in_page(iova))
		return NULL;
	r = riod_fe_range_find(dma->domain, iova);
	if (!r || !r->batch || (write && !(r->prot & RIOD_PROT_WRITE)))
		return NULL;
	paddr = r->paddr + (iova - r->it.start);
	/* a memory error that is known already: a profile must not find it anew */
	if (!riod_fe_dma_is_ram(PHYS_PFN(paddr), r->prot) ||
	    PageHWPoison(pfn_to_page(PHYS_PFN(paddr))))
		return NULL;
	return page_address(pfn_to_page(PHYS_PFN(paddr))) + offset_in_page(paddr);
}

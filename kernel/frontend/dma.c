// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the device may access mapped memory
 *
 * Ranges of the attached domain become pages of the engine when the guest
 * enables bus mastering, and leave it when the guest disables it, resets the
 * function, detaches the domain or the peer is lost.  In between an unmap removes
 * pages from the engine at once.  A map is queued, and the pump enters its pages
 * when it sends them to the stub (dma_send.c), because a cut must not carry bytes
 * of a page that the stub does not know.
 *
 * Transitions of &riod_fe_dma.state, all by dma_set_state():
 *
 *   OFF, HELD_LIMIT -> ON          the guest enables it, and the limits allow it
 *   OFF, ON -> HELD_LIMIT          above a limit (ON: only in bypass), or no memory
 *   ON, HELD_LIMIT -> OFF          the guest disables it, a reset, another domain
 *   any -> HELD_LOST               the session is over; final
 *
 * It becomes ON only when the guest accesses the function, never because maps were
 * removed.  QEMU unmaps all of guest memory and maps it again, piece by piece, when
 * firmware changes the memory map or the guest enables its vIOMMU; in between, little
 * is mapped.  But QEMU does so while the guest waits, and a device needs no DMA before
 * it is accessed.  So the next access is early enough, and by then the guest's maps are
 * complete.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/slab.h>

#include "compat_mm.h"
#include "frontend.h"
#include "frontend_trace.h"

/* delay of the work item, which is also the delay of a retry after a failed allocation */
#define DMA_REVISIT_MS		20

void riod_fe_dma_init(struct riod_fe_dma *dma, u64 limit)
{
	mutex_init(&dma->lock);
	xa_init(&dma->pages);
	xa_init(&dma->named);
	INIT_LIST_HEAD(&dma->pending);
	dma->limit = limit;
	dma->next_id = 1;
	dma->state = RIOD_BUS_MASTER_OFF;
	init_waitqueue_head(&dma->released);
}

/*
 * Longest time for which one cut delays maps, all of them together.  If passes are short
 * the cut is forced after 50 ms.  If they are long, this is enough for the passes that it
 * takes to find quiet.  The vCPU that maps is stopped meanwhile, and so is QEMU.
 */
#define GIVE_WAY	(HZ / 4)

/* called by the pump when a cut begins or stops to wait for quiet guest memory */
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
 * riod_fe_dma_give_way() - before a map, wait for a cut that finds no quiet (rule 9)
 * @dma: DMA of the attachment
 *
 * The caller is about to publish a reference to the mapping.  Called under mutexes of
 * VFIO, and with no lock of riod.  Best effort: the wait ends with the cut, on a fatal
 * signal, or GIVE_WAY after riod_fe_dma_hold(), however many maps waited before.
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

/* DAX memory is ordinary memory.  PCI P2PDMA and memory that needs its driver are not. */
static bool page_is_dax(const struct page *page)
{
	enum memory_type type = riod_compat_pgmap(page)->type;

	return type == MEMORY_DEVICE_GENERIC || type == MEMORY_DEVICE_FS_DAX;
}

/**
 * riod_fe_dma_is_ram() - is this page guest memory that the engine may access?
 * @pfn: page frame
 * @prot: access that the device has
 *
 * VFIO also maps other devices' BARs (rule 15).  The zero page is reserved, but
 * backs pages that the guest never wrote and the device only reads.
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

/* not after @lost is set: teardown then cancels the work item once */
void riod_fe_dma_revisit_soon(struct riod_fe_att *att)
{
	lockdep_assert_held(&att->dma.lock);
	if (att->dma.lost)
		return;
	queue_delayed_work(riod_fe_wq, &att->revisit_work,
			   msecs_to_jiffies(DMA_REVISIT_MS));
}

/* ------------------------------------------------------------ pages */

/* free the batch if no page is mapped and no record is pending: nothing refers to it */
void riod_fe_batch_put(struct riod_fe_batch *b)
{
	if (b->lo == b->hi && !b->nrecords)
		kvfree(b);
}

static void page_leave(struct riod_fe_att *att, struct riod_fe_batch *b, u32 i)
{
	struct riod_sync *y = riod_link_sync(att->link);
	void *priv;

	if (b->slots[i].id && riod_sync_unmap(y, b->slots[i].id, b->prot, &priv) &&
	    !(b->prot & RIOD_MAP_CLASS))
		xa_erase(&att->dma.pages, (unsigned long)priv);
}

/**
 * riod_fe_page_enter() - make one page of a batch a page of the engine
 * @att: attachment
 * @b: batch
 * @i: page of it, which has no number yet
 *
 * Called by the pump, which sends the page to the stub ahead of the cut.  A page that
 * is mapped at several addresses has one number (rule 13, one shadow per page), unless the
 * ends do not compare it (rule 21): then each address has a shadow of its own.
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
	entry = b->prot & RIOD_MAP_CLASS ? NULL : xa_load(&dma->pages, pfn);
	id = entry ? xa_to_value(entry) : dma->next_id;
	ret = riod_sync_map(y, id, page_address(pfn_to_page(pfn)), b->prot,
			    (void *)pfn);
	if (ret)
		return ret;
	if (!entry && !(b->prot & RIOD_MAP_CLASS)) {
		ret = xa_err(xa_store(&dma->pages, pfn, xa_mk_value(id),
				      GFP_KERNEL_ACCOUNT));
		if (ret) {
			riod_sync_unmap(y, id, b->prot, &priv);
			return ret;
		}
	}
	dma->next_id += !entry;
	b->slots[i].id = id;
	atomic64_inc(&att->stats.maps);
	return 0;
}

/**
 * riod_fe_batch_new() - queue pages for the pump to enter and to send
 * @att: attachment
 * @iova: address of the first page
 * @pfn: page frame of it; the others follow
 * @prot: RIOD_PROT_*, and RIOD_MAP_*
 * @n: number of pages
 * @gfp: for the batch
 *
 * Return: the batch, which the caller cuts; or NULL.
 */
struct riod_fe_batch *riod_fe_batch_new(struct riod_fe_att *att, u64 iova, unsigned long pfn,
					u32 prot, u32 n, gfp_t gfp)
{
	struct riod_fe_batch *b;

	lockdep_assert_held(&att->dma.lock);
	b = kvzalloc(struct_size(b, slots, n), gfp);
	if (!b)
		return NULL;
	b->nslots = n;
	b->iova = iova;
	b->pfn = pfn;
	b->prot = prot;
	b->hi = n;
	riod_fe_record_queue(&att->dma, &b->map, b, RIOD_FE_RECORD_MAP, 0, n);
	return b;
}

/* 0 or -ENOMEM */
static int range_enter(struct riod_fe_att *att, struct riod_fe_range *r, gfp_t gfp)
{
	u32 n = (r->it.last - r->it.start + 1) >> PAGE_SHIFT;

	lockdep_assert_held(&att->dma.lock);
	if (att->dma.exact)
		return riod_fe_named_enter(att, r->it.start, r->it.last, gfp);
	if (!r->ram || r->batch)
		return 0;
	r->batch = riod_fe_batch_new(att, r->it.start, PHYS_PFN(r->paddr), r->prot, n, gfp);
	return r->batch ? 0 : -ENOMEM;
}

/**
 * riod_fe_batch_cut() - unmap pages
 * @att: attachment
 * @b: batch; freed if nothing of it is left
 * @from: first page
 * @to: page behind the last one; they are at an end of the mapped pages
 *
 * Pages that have not been sent to the stub are never sent.
 */
void riod_fe_batch_cut(struct riod_fe_att *att, struct riod_fe_batch *b, u32 from, u32 to)
{
	struct riod_fe_dma *dma = &att->dma;
	u32 i, sent = min(to, b->next);

	lockdep_assert_held(&dma->lock);
	for (i = from; i < sent; i++)
		page_leave(att, b, i);
	if (from == b->lo)
		b->lo = to;
	else
		b->hi = from;
	b->next = max(b->next, b->lo);
	if (from < sent) {
		atomic64_add(sent - from, &att->stats.unmaps);
		riod_fe_record_queue(dma, &b->slots[from].unmap, b,
				     RIOD_FE_RECORD_UNMAP, from, sent - from);
	}
	if (b->map.kind == RIOD_FE_RECORD_MAP && b->next >= b->hi)
		riod_fe_record_drop(dma, &b->map);
	riod_fe_batch_put(b);
}

static void range_leave(struct riod_fe_att *att, struct riod_fe_range *r)
{
	if (att->dma.exact)
		riod_fe_named_leave(att, r->it.start, r->it.last);
	if (!r->batch)
		return;
	riod_fe_batch_cut(att, r->batch, r->batch->lo, r->batch->hi);
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

/* only queues the ranges, because the guest waits; the pump enters the pages */
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

/* an upper bound: a page counts once for each address that it is mapped at */
static bool dma_too_much_for_peer(const struct riod_fe_dma *dma)
{
	const struct riod_fe_domain *d = dma->domain;

	return d && d->bytes_ro + d->bytes_rw > dma->peer_limit;
}

/* what is mapped and not named costs nothing */
static bool dma_too_much(const struct riod_fe_dma *dma)
{
	if (dma->exact)
		return false;
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

static void profiles_mapped(struct riod_fe_att *att)
{
	struct riod_fe_func *fn;
	unsigned int i;

	lockdep_assert_held(&att->dma.lock);
	for (i = 0; i < att->nfuncs; i++) {
		fn = att->funcs[i];
		if (fn && fn->profile && fn->profile->mapped)
			fn->profile->mapped(fn->profile_state);
	}
}

/* may the device have bus mastering (rule 18)?  @access: the guest accesses the function */
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
	/* what profiles say of pages goes behind their maps, and ahead of the command register */
	profiles_mapped(att);
	return true;
}

/**
 * riod_fe_dma_enable() - the guest has enabled bus mastering of a function
 * @att: attachment; takes the DMA lock
 * @func: function
 * @access: the guest accesses the function; else bus mastering is not newly enabled
 *
 * Return: true: the device may have it; all maps are sent ahead of anything posted
 * from now on.  false: it is held off.
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

/* the function needs no mapped memory any more; if none does, remove the pages */
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
 * riod_fe_dma_attach() - change the domain of a function
 * @fn: function; takes the DMA lock
 * @d: the new one, or NULL for none (blocked, identity)
 *
 * A function that leaves the domain does not affect the others: it may have been removed
 * from the bus while they stay.  Called under the IOMMU core's group mutex, so this does
 * not wait for the peer: the work item disables bus mastering at the device, and the
 * guest's next access may enable it again.  In between, no page is in the engine.
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

/* the session is over: stop accessing guest memory */
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

/* call after the link has stopped; riod_fe_dma_lost() has removed every page */
void riod_fe_dma_destroy(struct riod_fe_att *att)
{
	struct riod_fe_dma *dma = &att->dma;

	mutex_lock(&dma->lock);
	dma->lost = true;
	riod_fe_record_drop_all(dma);
	riod_fe_named_free(att);
	WARN_ON_ONCE(!xa_empty(&dma->pages));
	xa_destroy(&dma->pages);
	mutex_unlock(&dma->lock);
}

/**
 * riod_fe_dma_revisit() - enter ranges that a split or a lack of memory left out
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
 * Maps of a running driver are never refused (rule 18).  But if the last map was
 * removed and the guest has not accessed the function since, no driver is known to
 * run: the maps are those of a guest, or of firmware, without a vIOMMU.
 */
static bool dma_bypassed(struct riod_fe_dma *dma)
{
	return READ_ONCE(dma->unproven) && dma_too_much(dma);
}

/* a range was added; -ENOMEM if the device may access it and it cannot be queued */
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
	if (!dma->exact)
		return range_enter(att, r, gfp);
	/* some of its pages may be in the engine by then */
	if (range_enter(att, r, gfp))
		riod_fe_dma_revisit_soon(att);
	return 0;
}

/* unmap addresses @first to @last, which are at an end of @r */
void riod_fe_dma_cut(struct riod_fe_domain *d, struct riod_fe_range *r, u64 first,
		     u64 last)
{
	struct riod_fe_batch *b = r->batch;

	lockdep_assert_held(&d->att->dma.lock);
	trace_riod_fe_unmap(d->att->id, first, last);
	if (d->att->dma.exact && d->att->dma.domain == d)
		riod_fe_named_leave(d->att, first, last);
	if (!b)
		return;
	if (first == r->it.start && last == r->it.last)
		r->batch = NULL;
	riod_fe_batch_cut(d->att, b, (first - b->iova) >> PAGE_SHIFT,
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
	if (!d->nranges || dma->npending >= RIOD_FE_PENDING_MAX)
		riod_link_kick(att->link);
}

/**
 * riod_fe_dma_page_id() - the engine's number of the page that is mapped at @iova
 * @att: attachment; the DMA lock is held
 * @iova: address as the device uses it
 *
 * Return: 0 if nothing is mapped there, or the page is not in the engine yet.
 */
u64 riod_fe_dma_page_id(struct riod_fe_att *att, u64 iova)
{
	struct riod_fe_dma *dma = &att->dma;
	struct riod_fe_range *r;

	lockdep_assert_held(&dma->lock);
	if (dma->exact)
		return riod_fe_named_id(att, iova);
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
 * @write: for writing, which the mapping must allow the device (rule 14)
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
	if (!r || (!r->batch && !dma->exact) || (write && !(r->prot & RIOD_PROT_WRITE)))
		return NULL;
	paddr = r->paddr + (iova - r->it.start);
	/* a profile must not access memory that is known to have an error */
	if (!riod_fe_dma_is_ram(PHYS_PFN(paddr), r->prot) ||
	    riod_sync_has_error(page_address(pfn_to_page(PHYS_PFN(paddr)))))
		return NULL;
	return page_address(pfn_to_page(PHYS_PFN(paddr))) + offset_in_page(paddr);
}

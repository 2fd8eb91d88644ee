// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges that VFIO has mapped into a domain
 *
 * One range per map call, never merged: until the guest enables bus mastering a
 * map costs one object (two, if it has several pages), whatever its size.  An
 * unmap may span ranges, cut the head or tail of one, or punch a hole; it
 * allocates nothing and removes exactly the given addresses.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "frontend.h"

static struct kmem_cache *range_cache;

int riod_fe_range_init(void)
{
	range_cache = KMEM_CACHE(riod_fe_range, SLAB_ACCOUNT);
	return range_cache ? 0 : -ENOMEM;
}

void riod_fe_range_exit(void)
{
	kmem_cache_destroy(range_cache);
}

static void range_count(struct riod_fe_domain *d, const struct riod_fe_range *r,
			s64 bytes)
{
	if (!r->ram)
		return;
	if (r->prot & RIOD_PROT_WRITE)
		d->bytes_rw += bytes;
	else
		d->bytes_ro += bytes;
}

static u64 range_bytes(const struct riod_fe_range *r)
{
	return (u64)r->it.last - r->it.start + 1;
}

static void spare_put(struct riod_fe_domain *d, struct riod_fe_range *spare)
{
	list_add(&spare->spare, &d->spares);
	d->nspares++;
}

static struct riod_fe_range *spare_get(struct riod_fe_domain *d)
{
	struct riod_fe_range *r;

	r = list_first_entry_or_null(&d->spares, struct riod_fe_range, spare);
	if (r) {
		list_del(&r->spare);
		d->nspares--;
	}
	return r;
}

/* keep one spare for each range that may be split */
static void spares_trim(struct riod_fe_domain *d)
{
	while (d->nspares > d->nmulti)
		kmem_cache_free(range_cache, spare_get(d));
}

static void range_insert(struct riod_fe_domain *d, struct riod_fe_range *r)
{
	interval_tree_insert(&r->it, &d->ranges);
	d->nranges++;
}

static void range_remove(struct riod_fe_domain *d, struct riod_fe_range *r)
{
	interval_tree_remove(&r->it, &d->ranges);
	d->nranges--;
}

static void range_free(struct riod_fe_domain *d, struct riod_fe_range *r)
{
	if (r->multi)
		d->nmulti--;
	kmem_cache_free(range_cache, r);
	spares_trim(d);
}

struct riod_fe_range *riod_fe_range_find(struct riod_fe_domain *d, u64 iova)
{
	struct interval_tree_node *it;

	lockdep_assert_held(&d->att->dma.lock);
	it = interval_tree_iter_first(&d->ranges, iova, iova);
	return it ? container_of(it, struct riod_fe_range, it) : NULL;
}

struct riod_fe_range *riod_fe_range_first(struct riod_fe_domain *d)
{
	struct interval_tree_node *it;

	lockdep_assert_held(&d->att->dma.lock);
	it = interval_tree_iter_first(&d->ranges, 0, ULONG_MAX);
	return it ? container_of(it, struct riod_fe_range, it) : NULL;
}

struct riod_fe_range *riod_fe_range_next(struct riod_fe_range *r)
{
	struct interval_tree_node *it = interval_tree_iter_next(&r->it, 0, ULONG_MAX);

	return it ? container_of(it, struct riod_fe_range, it) : NULL;
}

static int range_add(struct riod_fe_domain *d, struct riod_fe_range *r,
		     struct riod_fe_range *spare, gfp_t gfp)
{
	int ret;

	lockdep_assert_held(&d->att->dma.lock);
	if (interval_tree_iter_first(&d->ranges, r->it.start, r->it.last))
		return -EEXIST;
	range_insert(d, r);
	range_count(d, r, range_bytes(r));
	ret = riod_fe_dma_mapped(d, r, gfp);
	if (ret) {
		range_count(d, r, -range_bytes(r));
		range_remove(d, r);
		return ret;
	}
	if (spare) {
		r->multi = true;
		d->nmulti++;
		spare_put(d, spare);
	}
	return 0;
}

/**
 * riod_fe_range_map() - add a range, and map it for the device if DMA is on
 * @d: domain; takes the DMA lock
 * @iova: first IOVA
 * @paddr: physical address of the first page
 * @npages: pages, at most RIOD_MAP_PAGES_MAX
 * @prot: RIOD_PROT_*
 * @gfp: from the IOMMU core
 *
 * VFIO maps a physically contiguous piece of one kind, so its first page decides for all
 * whether it is memory (rule 15).  A map of something else, such as a BAR, succeeds: it
 * may be for other devices of the same container, and VFIO would undo it for all of them.
 * Return: 0; -EEXIST if part of it is mapped; -ENOMEM.  A failure changes nothing.
 */
int riod_fe_range_map(struct riod_fe_domain *d, u64 iova, phys_addr_t paddr,
		      u32 npages, u32 prot, gfp_t gfp)
{
	struct riod_fe_range *r, *spare = NULL;
	int ret = -ENOMEM;

	riod_fe_dma_give_way(&d->att->dma);
	r = kmem_cache_zalloc(range_cache, gfp);
	if (!r)
		return -ENOMEM;
	if (npages > 1) {
		spare = kmem_cache_zalloc(range_cache, gfp);
		if (!spare)
			goto free;
	}
	r->it.start = iova;
	r->it.last = iova + ((u64)npages << PAGE_SHIFT) - 1;
	r->paddr = paddr;
	r->prot = prot;
	r->ram = riod_fe_dma_is_ram(PHYS_PFN(paddr), prot);
	if (!r->ram)
		pr_warn_ratelimited("attachment %u: the device cannot reach what is mapped at %#llx: it is not memory (peer-to-peer DMA to another device's BAR is not supported)\n",
				    d->att->id, iova);

	mutex_lock(&d->att->dma.lock);
	ret = range_add(d, r, spare, gfp);
	mutex_unlock(&d->att->dma.lock);
	if (!ret)
		return 0;
	if (spare)
		kmem_cache_free(range_cache, spare);
free:
	kmem_cache_free(range_cache, r);
	return ret;
}

/* shrink @r to [@start, @last]; reinsert it, because the tree's keys change */
static void range_shrink(struct riod_fe_domain *d, struct riod_fe_range *r,
			 u64 start, u64 last)
{
	range_remove(d, r);
	r->paddr += start - r->it.start;
	r->it.start = start;
	r->it.last = last;
	range_insert(d, r);
}

/*
 * Punch a hole.  Neither type1 nor iommufd does this to a range mapped in one
 * call.  The protocol has no such unmap, so everything from the hole to the end is
 * unmapped for the device.  The work item, which may allocate, then maps the part
 * behind the hole again, as new pages.
 */
static void range_split(struct riod_fe_domain *d, struct riod_fe_range *r,
			u64 first, u64 last)
{
	struct riod_fe_range *right = spare_get(d);
	u64 end = r->it.last;

	riod_fe_dma_cut(d, r, first, end);
	range_count(d, r, -(s64)(end - first + 1));
	if (WARN_ON_ONCE(!right)) {
		/* no spare left: the device loses the tail, which is safe */
		range_shrink(d, r, r->it.start, first - 1);
		return;
	}
	*right = (struct riod_fe_range) {
		.it.start = last + 1,
		.it.last = end,
		.paddr = r->paddr + (last + 1 - r->it.start),
		.prot = r->prot,
		.ram = r->ram,
	};
	range_shrink(d, r, r->it.start, first - 1);
	range_insert(d, right);
	range_count(d, right, range_bytes(right));
	riod_fe_dma_revisit_soon(d->att);
}

static void range_cut(struct riod_fe_domain *d, struct riod_fe_range *r,
		      u64 first, u64 last)
{
	bool head = first == r->it.start;
	bool tail = last == r->it.last;

	lockdep_assert_held(&d->att->dma.lock);
	if (!head && !tail) {
		range_split(d, r, first, last);
		return;
	}
	riod_fe_dma_cut(d, r, first, last);
	range_count(d, r, -(s64)(last - first + 1));
	if (head && tail) {
		range_remove(d, r);
		range_free(d, r);
	} else if (head) {
		range_shrink(d, r, last + 1, r->it.last);
	} else {
		range_shrink(d, r, r->it.start, first - 1);
	}
}

/**
 * riod_fe_range_unmap() - remove the mappings from @iova to @last
 * @d: domain; takes the DMA lock
 * @iova: first IOVA
 * @last: last IOVA
 *
 * Allocates nothing and cannot fail (rule 4, unmap is local).  After it returns, the
 * frontend no longer accesses these pages on behalf of these mappings.
 * Return: bytes removed; it stops at the first address that is not mapped.
 */
u64 riod_fe_range_unmap(struct riod_fe_domain *d, u64 iova, u64 last)
{
	struct riod_fe_range *r;
	u64 cur = iova;

	mutex_lock(&d->att->dma.lock);
	do {
		u64 end;

		r = riod_fe_range_find(d, cur);
		if (!r)
			break;
		end = min_t(u64, r->it.last, last);
		range_cut(d, r, cur, end);
		cur = end + 1;
	} while (cur && cur <= last);
	riod_fe_dma_unmapped(d);
	mutex_unlock(&d->att->dma.lock);
	return cur - iova;
}

phys_addr_t riod_fe_range_lookup(struct riod_fe_domain *d, u64 iova)
{
	struct riod_fe_range *r;
	phys_addr_t paddr = 0;

	mutex_lock(&d->att->dma.lock);
	r = riod_fe_range_find(d, iova);
	if (r)
		paddr = r->paddr + (iova - r->it.start);
	mutex_unlock(&d->att->dma.lock);
	return paddr;
}

/* the domain is being freed and was detached, so no range has a batch */
void riod_fe_range_free_all(struct riod_fe_domain *d)
{
	struct riod_fe_range *r;

	mutex_lock(&d->att->dma.lock);
	while ((r = riod_fe_range_first(d))) {
		WARN_ON_ONCE(r->batch);
		range_remove(d, r);
		range_free(d, r);
	}
	spares_trim(d);
	mutex_unlock(&d->att->dma.lock);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow pages and their IOMMU mappings
 *
 * The peer sends IOVAs and page numbers, never addresses of memory: only zeroed
 * pages that were allocated here are mapped.  No lock: the receive thread handles
 * MAP and UNMAP frames in order, and the teardown runs after it has ended.  The
 * engine has its own lock for page contents.
 *
 * A page is removed from the IOMMU, and the IOTLB flushed, before the page is
 * removed from the engine and freed.
 */
#include <linux/gfp.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "stub.h"

static_assert(PAGE_SIZE == RIOD_PAGE_SIZE);
/* 64-bit page numbers and IOVAs are used as xarray indices and interval tree keys */
static_assert(sizeof(unsigned long) == sizeof(u64));

static unsigned int shadow_max_mib = 1024;
module_param(shadow_max_mib, uint, 0644);
MODULE_PARM_DESC(shadow_max_mib,
		 "Shadow memory that one attachment may use, MiB (default 1024)");

/*
 * Limit of IOMMU page tables: an eighth of the limit of shadow pages, plus 16 MiB.
 * The lowest 4 GiB, which most guests stay in, need 8 MiB.
 */
#define DMA_TABLES_MAX(max_pages)	((max_pages) / 8 + SZ_16M / PAGE_SIZE)

/* a peer may map each page at this many IOVAs on average */
#define DMA_MAPS_PER_PAGE	4

/* reschedule after this many pages: a frame may carry thousands of records */
#define DMA_RESCHED_PAGES	64

/**
 * struct riod_stub_range - a MAP record, or its remainder after UNMAP records
 * @it: first and last IOVA
 * @page: page number at the first IOVA
 * @prot: as in the record
 */
struct riod_stub_range {
	struct interval_tree_node it;
	u64 page;
	u32 prot;
};

#define to_range(node) container_of(node, struct riod_stub_range, it)

static struct riod_stub_range *range_alloc(struct riod_stub_dma *dma)
{
	size_t weight = kmalloc_size_roundup(sizeof(struct riod_stub_range));
	int ret = riod_budget_charge(&dma->sync->budget, weight);
	struct riod_stub_range *r;

	if (ret)
		return ERR_PTR(ret);
	r = kmalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (r)
		return r;
	riod_budget_uncharge(&dma->sync->budget, weight);
	return ERR_PTR(-ENOMEM);
}

static void range_free(struct riod_stub_dma *dma, struct riod_stub_range *r)
{
	riod_budget_uncharge(&dma->sync->budget, kmalloc_size_roundup(sizeof(*r)));
	kfree(r);
}

static u64 range_pages(const struct riod_stub_range *r)
{
	return (r->it.last - r->it.start + 1) >> PAGE_SHIFT;
}

/* needs att->link */
void riod_stub_dma_init(struct riod_stub_att *att)
{
	struct riod_stub_dma *dma = &att->dma;

	dma->exp = att->exp;
	dma->d = &att->exp->domain;
	dma->sync = riod_link_sync(att->link);
	dma->stats = &att->exp->stats;
	dma->over = &att->lost_ns;
	xa_init_flags(&dma->pages, XA_FLAGS_ACCOUNT);
	xa_init_flags(&dma->bar_pages, XA_FLAGS_ACCOUNT);
	dma->ranges = RB_ROOT_CACHED;
	dma->npages = 0;
	dma->nbar_pages = 0;
	dma->nmapped = 0;
	dma->max_pages = (u64)max(READ_ONCE(shadow_max_mib), 1) << (20 - PAGE_SHIFT);
	riod_stub_tables_init(&dma->tables, DMA_TABLES_MAX(dma->max_pages), &dma->sync->budget);
	riod_budget_set_limit(&dma->sync->budget,
			      riod_link_memory_max(dma->max_pages << PAGE_SHIFT));
}

/* ------------------------------------------------------------ one page */

static struct page *page_alloc(struct riod_stub_dma *dma)
{
	int ret = riod_budget_charge(&dma->sync->budget, PAGE_SIZE);
	struct page *page;

	if (ret)
		return ERR_PTR(ret);
	page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (page)
		return page;
	riod_budget_uncharge(&dma->sync->budget, PAGE_SIZE);
	return ERR_PTR(-ENOMEM);
}

static void page_free(struct riod_stub_dma *dma, struct page *page)
{
	__free_page(page);
	riod_budget_uncharge(&dma->sync->budget, PAGE_SIZE);
}

static struct page *page_get(struct riod_stub_dma *dma, u64 id)
{
	struct page *page = xa_load(&dma->pages, id);
	int ret;

	if (page)
		return page;
	if (xa_load(&dma->bar_pages, id)) {
		pr_warn_ratelimited("peer maps the number of a BAR page\n");
		return ERR_PTR(-EPROTO);
	}
	if (dma->npages + dma->nbar_pages >= dma->max_pages) {
		pr_warn_ratelimited("the peer's guest has mapped more than shadow_max_mib (%llu MiB): raise it, or limit the guest (riodctl attach --limit)\n",
				    dma->max_pages >> (20 - PAGE_SHIFT));
		return ERR_PTR(-ENOSPC);
	}
	page = page_alloc(dma);
	if (IS_ERR(page))
		return page;
	ret = xa_err(xa_store(&dma->pages, id, page, GFP_KERNEL_ACCOUNT));
	if (ret) {
		page_free(dma, page);
		return ERR_PTR(ret);
	}
	dma->npages++;
	atomic_inc(&riod_stub_objects.shadow_pages);
	return page;
}

/*
 * Free a page without mappings.  Zero it first, although the allocator's users
 * clear pages as needed: the memory of another machine's guest must not stay in
 * free memory here (crash dumps, stray reads) after the guest has unmapped it.
 */
static void page_drop(struct riod_stub_dma *dma, u64 id, struct page *page)
{
	xa_erase(&dma->pages, id);
	clear_page(page_address(page));
	page_free(dma, page);
	dma->npages--;
	atomic_dec(&riod_stub_objects.shadow_pages);
}

/* remove one mapping from the engine, after it was removed from the IOMMU */
static void page_unsync(struct riod_stub_dma *dma, u64 id, u32 prot)
{
	void *page;

	if (riod_sync_unmap(dma->sync, id, prot, &page))
		page_drop(dma, id, page);
}

static int dma_prot(u32 prot)
{
	return (prot & RIOD_PROT_READ ? IOMMU_READ : 0) |
	       (prot & RIOD_PROT_WRITE ? IOMMU_WRITE : 0) | IOMMU_CACHE;
}

/* map one page at one IOVA; on failure free the page if it was new */
static int page_map(struct riod_stub_dma *dma, u64 iova, u64 id, u32 prot)
{
	struct page *page;
	bool fresh;
	int ret;

	fresh = !xa_load(&dma->pages, id);
	page = page_get(dma, id);
	if (IS_ERR(page))
		return PTR_ERR(page);

	/* engine first: the device may write as soon as the IOMMU maps the page */
	ret = riod_sync_map(dma->sync, id, page_address(page), prot, page);
	if (ret) {
		if (fresh)
			page_drop(dma, id, page);
		/* a second map of a page that is exact, or has completions */
		return ret == -EINVAL ? -EPROTO : ret;
	}
	ret = iommu_map(dma->d->domain, iova, page_to_phys(page), PAGE_SIZE,
			dma_prot(prot), GFP_KERNEL_ACCOUNT);
	if (ret)
		page_unsync(dma, id, prot);
	return ret;
}

/* ------------------------------------------------------------ ranges */

/*
 * Remove pages from the IOMMU and the engine, then free them, in this order.  Pages
 * that the IOMMU failed to unmap are leaked: the device may still reach them.
 */
static void range_unmap(struct riod_stub_dma *dma, u64 iova, u64 id, u64 npages,
			u32 prot)
{
	size_t size = npages << PAGE_SHIFT;
	u64 i;

	if (!npages)
		return;
	dma->nmapped -= npages;
	atomic_sub(npages, &riod_stub_objects.mappings);
	atomic64_add(npages, &dma->stats->unmaps);
	if (WARN_ON_ONCE(iommu_unmap(dma->d->domain, iova, size) != size)) {
		/* an extra reference, so that page_drop() does not free the pages */
		for (i = 0; i < npages; i++)
			get_page(xa_load(&dma->pages, id + i));
		atomic_add(npages, &riod_stub_objects.leaked_pages);
	}
	for (i = 0; i < npages; i++) {
		page_unsync(dma, id + i, prot);
		if (i % DMA_RESCHED_PAGES == 0)
			cond_resched();
	}
}

static int map_check(struct riod_stub_dma *dma, u64 start, u64 last, u64 npages)
{
	if (riod_stub_reserved(dma->d, start, last)) {
		pr_warn_ratelimited("peer maps %#llx-%#llx, which is reserved\n",
				    start, last);
		return -EPROTO;
	}
	if (interval_tree_iter_first(&dma->ranges, start, last)) {
		pr_warn_ratelimited("peer maps %#llx-%#llx, already mapped\n", start, last);
		return -EPROTO;
	}
	if (dma->nmapped + npages > dma->max_pages * DMA_MAPS_PER_PAGE) {
		pr_warn_ratelimited("the peer maps its pages at more than %d addresses each, on average\n",
				    DMA_MAPS_PER_PAGE);
		return -ENOSPC;
	}
	return 0;
}

/*
 * Replace a domain that has too many page tables by an empty one.  Nothing is
 * mapped, and the groups are in the blocking domain in between.
 */
static int renew_domain(struct riod_stub_dma *dma)
{
	riod_stub_domain_detach(dma->exp);
	riod_stub_tables_reset(&dma->tables);
	return riod_stub_domain_attach(dma->exp, NULL);
}

static int map_charge(struct riod_stub_dma *dma, u64 start, u64 last)
{
	int ret = riod_stub_tables_charge(&dma->tables, start, last);

	if ((ret == -E2BIG || ret == -EDQUOT) && !dma->nmapped) {
		ret = renew_domain(dma);
		if (!ret)
			ret = riod_stub_tables_charge(&dma->tables, start, last);
	}
	if (ret == -E2BIG) {
		pr_warn_ratelimited("%s: peer's maps are too scattered: page tables of %llu MiB, see shadow_max_mib\n",
				    dma->exp->name,
				    dma->tables.max * PAGE_SIZE / SZ_1M);
		ret = -ENOSPC;
	}
	return ret;
}

static int map_pages(struct riod_stub_dma *dma, struct riod_stub_range *r)
{
	u64 n, total = range_pages(r);
	int ret = 0;

	for (n = 0; n < total; n++) {
		if (n % DMA_RESCHED_PAGES == 0) {
			cond_resched();
			ret = atomic64_read(dma->over) ? -ENOTCONN : 0;
		}
		if (!ret)
			ret = page_map(dma, r->it.start + (n << PAGE_SHIFT),
				       r->page + n, r->prot);
		if (ret)
			break;
	}
	dma->nmapped += n;
	atomic_add(n, &riod_stub_objects.mappings);
	atomic64_add(n, &dma->stats->maps);
	if (ret)
		range_unmap(dma, r->it.start, r->page, n, r->prot);
	return ret;
}

/**
 * riod_stub_dma_map() - handle one record of a MAP frame
 * @dma: mappings
 * @m: record, validated: aligned, does not wrap, at most RIOD_MAP_PAGES_MAX pages
 *
 * Return: 0; -EPROTO if the range is reserved or already mapped; -ENOSPC if a limit of
 * the attachment is exceeded; -EDQUOT if the memory budget of the session or the host is
 * exceeded; -ENOMEM; -ENOTCONN if the session is over.  On error nothing of the record
 * is mapped.
 */
int riod_stub_dma_map(struct riod_stub_dma *dma, const struct riod_wire_map *m)
{
	u64 start = le64_to_cpu(m->iova);
	u64 npages = le32_to_cpu(m->npages);
	u64 last = start + (npages << PAGE_SHIFT) - 1;
	struct riod_stub_range *r;
	int ret;

	ret = map_check(dma, start, last, npages);
	if (!ret)
		ret = map_charge(dma, start, last);
	if (ret)
		return ret;
	r = range_alloc(dma);
	if (IS_ERR(r))
		return PTR_ERR(r);
	r->it.start = start;
	r->it.last = last;
	r->page = le64_to_cpu(m->page);
	r->prot = le32_to_cpu(m->prot);
	ret = map_pages(dma, r);
	if (ret) {
		range_free(dma, r);
		return ret;
	}
	interval_tree_insert(&r->it, &dma->ranges);
	return 0;
}

/* true if the whole span is mapped, and is not the middle of a single range */
static bool unmap_legal(struct riod_stub_dma *dma, u64 start, u64 last)
{
	struct interval_tree_node *node;
	u64 next = start;

	node = interval_tree_iter_first(&dma->ranges, start, last);
	if (node && node->start < start && node->last > last)
		return false;
	for (; node; node = interval_tree_iter_next(node, start, last)) {
		if (node->start > next)
			return false;
		if (node->last >= last)
			return true;
		next = node->last + 1;
	}
	return false;
}

/* unmap [start, last] from a range; it must cover an end of the range, or all of it */
static void range_cut(struct riod_stub_dma *dma, struct riod_stub_range *r,
		      u64 start, u64 last)
{
	u64 from = max_t(u64, start, r->it.start);
	u64 to = min_t(u64, last, r->it.last);
	u64 id = r->page + ((from - r->it.start) >> PAGE_SHIFT);
	u64 npages = (to - from + 1) >> PAGE_SHIFT;
	bool whole = from == r->it.start && to == r->it.last;

	/* the tree's keys change, so remove and reinsert; neither allocates */
	interval_tree_remove(&r->it, &dma->ranges);
	range_unmap(dma, from, id, npages, r->prot);
	if (whole) {
		range_free(dma, r);
		return;
	}
	if (from == r->it.start) {
		r->page += npages;
		r->it.start = to + 1;
	} else {
		r->it.last = from - 1;
	}
	interval_tree_insert(&r->it, &dma->ranges);
}

/**
 * riod_stub_dma_unmap() - handle one record of an UNMAP frame
 * @dma: mappings
 * @u: record, validated: aligned, does not wrap
 *
 * May span several ranges, from inside the first to inside the last.
 * Return: 0; -EPROTO if part of it is not mapped, or if it is the middle of a
 * single range.
 */
int riod_stub_dma_unmap(struct riod_stub_dma *dma, const struct riod_wire_unmap *u)
{
	u64 start = le64_to_cpu(u->iova);
	u64 last = start + ((u64)le32_to_cpu(u->npages) << PAGE_SHIFT) - 1;
	struct interval_tree_node *node;

	if (!unmap_legal(dma, start, last)) {
		pr_warn_ratelimited("peer unmaps %#llx-%#llx, which is not fully mapped or is the middle of a range\n",
				    start, last);
		return -EPROTO;
	}
	while ((node = interval_tree_iter_first(&dma->ranges, start, last)))
		range_cut(dma, to_range(node), start, last);
	return 0;
}

/**
 * riod_stub_dma_destroy() - unmap and free all pages, then the domain
 * @dma: mappings; the receive thread has ended, the device is fenced and reset
 *
 * Return: number of pages freed.
 */
u64 riod_stub_dma_destroy(struct riod_stub_dma *dma)
{
	struct interval_tree_node *node;
	u64 npages = dma->npages;

	while ((node = interval_tree_iter_first(&dma->ranges, 0, ULONG_MAX)))
		range_cut(dma, to_range(node), 0, U64_MAX);
	riod_stub_shadow_forget(dma, NULL);
	WARN_ON_ONCE(dma->npages || dma->nmapped || !xa_empty(&dma->pages) ||
		     dma->nbar_pages || !xa_empty(&dma->bar_pages));
	xa_destroy(&dma->pages);
	xa_destroy(&dma->bar_pages);
	riod_stub_domain_detach(dma->exp);
	riod_stub_tables_reset(&dma->tables);
	return npages;
}

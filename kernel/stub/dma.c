// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow pages, and where the device sees them
 *
 * The peer names IOVAs and page numbers, never memory: what is mapped are pages
 * that were allocated here, zeroed.  MAP and UNMAP frames come in order from
 * the receive thread; once it ended, the teardown takes what is left.  So
 * nothing here is locked; the engine has its own lock for page contents.
 *
 * A page is taken out of the IOMMU, and the IOTLB flushed, before the engine
 * forgets it and before it is freed.
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
/* page numbers and IOVAs of 64 bits are xarray indices and tree keys as they are */
static_assert(sizeof(unsigned long) == sizeof(u64));

static unsigned int shadow_max_mib = 1024;
module_param(shadow_max_mib, uint, 0644);
MODULE_PARM_DESC(shadow_max_mib,
		 "Shadow memory that one attachment may use, MiB (default 1024)");

/*
 * Page tables of the IOMMU may take an eighth of what shadow pages may, and 16 MiB:
 * the tables of the lowest 4 GiB, which most guests stay in, take 8 MiB.
 */
#define DMA_TABLES_MAX(max_pages)	((max_pages) / 8 + SZ_16M / PAGE_SIZE)

/* one guest page is seen at so many addresses, on average, before it is abuse */
#define DMA_MAPS_PER_PAGE	4

/* per record; a frame holds thousands, so one must not hold up the machine */
#define DMA_RESCHED_PAGES	64

/**
 * struct riod_stub_range - one MAP record, or what UNMAP records left of it
 * @it: first and last IOVA
 * @page: number of the page at the first one
 * @prot: RIOD_PROT_*
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

/* of an attachment that has its link */
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
		pr_warn_ratelimited("peer maps the number of a page of a BAR\n");
		return ERR_PTR(-EPROTO);
	}
	if (dma->npages + dma->nbar_pages >= dma->max_pages) {
		pr_warn_ratelimited("the peer's guest has mapped more than shadow_max_mib (%llu MiB): allow more, or have it map less (riodctl attach --limit)\n",
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
 * No mapping of the page is left.  It is zeroed although the next owner of a
 * page clears it where that matters: this is a guest's memory, of another
 * machine, and must not lie about in this one's free memory (crash dumps, stray
 * reads) after its guest took it back.
 */
static void page_drop(struct riod_stub_dma *dma, u64 id, struct page *page)
{
	xa_erase(&dma->pages, id);
	clear_page(page_address(page));
	page_free(dma, page);
	dma->npages--;
	atomic_dec(&riod_stub_objects.shadow_pages);
}

/* the engine forgets one mapping; the IOMMU has already */
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

/* one page at one address; a page that was new is gone again where it fails */
static int page_map(struct riod_stub_dma *dma, u64 iova, u64 id, u32 prot)
{
	struct page *page;
	bool fresh;
	int ret;

	fresh = !xa_load(&dma->pages, id);
	page = page_get(dma, id);
	if (IS_ERR(page))
		return PTR_ERR(page);

	/* the engine first: what the device writes at once must find it looking */
	ret = riod_sync_map(dma->sync, id, page_address(page), prot, page);
	if (ret) {
		if (fresh)
			page_drop(dma, id, page);
		return ret;
	}
	ret = iommu_map(dma->d->domain, iova, page_to_phys(page), PAGE_SIZE,
			dma_prot(prot), GFP_KERNEL_ACCOUNT);
	if (ret)
		page_unsync(dma, id, prot);
	return ret;
}

/* ------------------------------------------------------------ ranges */

/*
 * Take pages out: IOMMU, engine, memory, in this order.  An IOMMU that does not
 * let go of a page keeps it: the page is lost, not freed.
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
		/* a reference more than page_drop() gives back */
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
		pr_warn_ratelimited("peer maps %#llx-%#llx twice\n", start, last);
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
 * Nothing is mapped, so a domain without page tables can take the place of one that
 * has too many.  In between the groups are blocked.
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
 * riod_stub_dma_map() - one record of a MAP frame
 * @dma: mappings
 * @m: validated: aligned, does not wrap, at most RIOD_MAP_PAGES_MAX pages
 *
 * Return: 0; -EPROTO where the range is reserved, or mapped; -ENOSPC where it is
 * too much; -EDQUOT where the session or the host holds too much; -ENOMEM; -ENOTCONN where
 * the session is over.  Where it fails nothing of the record is mapped.
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

/* are these addresses mapped, without a gap and without the middle of a range? */
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

/* take [start, last] off a range that it overlaps at an end, or covers */
static void range_cut(struct riod_stub_dma *dma, struct riod_stub_range *r,
		      u64 start, u64 last)
{
	u64 from = max_t(u64, start, r->it.start);
	u64 to = min_t(u64, last, r->it.last);
	u64 id = r->page + ((from - r->it.start) >> PAGE_SHIFT);
	u64 npages = (to - from + 1) >> PAGE_SHIFT;
	bool whole = from == r->it.start && to == r->it.last;

	/* the tree is keyed by what changes, and neither step allocates */
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
 * riod_stub_dma_unmap() - one record of an UNMAP frame
 * @dma: mappings
 * @u: validated: aligned, does not wrap
 *
 * It may cover several ranges, the first by its tail and the last by its head.
 * Return: 0; -EPROTO where something of it is not mapped, or where it is the
 * middle of a range.
 */
int riod_stub_dma_unmap(struct riod_stub_dma *dma, const struct riod_wire_unmap *u)
{
	u64 start = le64_to_cpu(u->iova);
	u64 last = start + ((u64)le32_to_cpu(u->npages) << PAGE_SHIFT) - 1;
	struct interval_tree_node *node;

	if (!unmap_legal(dma, start, last)) {
		pr_warn_ratelimited("peer unmaps %#llx-%#llx, which it did not map so\n",
				    start, last);
		return -EPROTO;
	}
	while ((node = interval_tree_iter_first(&dma->ranges, start, last)))
		range_cut(dma, to_range(node), start, last);
	return 0;
}

/**
 * riod_stub_dma_destroy() - unmap and free all that is left
 * @dma: mappings; the receive thread has ended, the device is fenced and reset
 *
 * Return: pages that were freed.
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
	riod_stub_tables_reset(&dma->tables);
	return npages;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frontend side of rule 16 (BARs that are memory)
 *
 * If the user declares a BAR to be memory (riodctl attach --shadow-bar), VFIO allows
 * it to be mapped.  The mapping consists of pages of this host.  The engine handles
 * them like DMA pages; at the stub the same page is the BAR itself.  A page is created
 * on first access: the page fault requests it from the stub together with its
 * neighbours, up to RIOD_BAR_PAGES_MAX pages in one round trip.  Their content arrives
 * before the reply.  From then on cuts carry the page, until the function is closed,
 * reset or changes its power state.  Then all pages are freed, and the next access
 * requests them again.
 *
 * After the end of the session the pages read as all-ones and discard writes.  They
 * stay mapped, because KVM ends a guest whose access faults.
 *
 * Locks, outermost first: mmap_lock, @fetch, @lock, riod_fe_dma.lock (page numbers),
 * riod_sync.lock.  @fetch is held while waiting for the stub; a page fault drops
 * mmap_lock before that if it may.  @lock is held from looking up a page until it is
 * mapped, and from unmapping it until it is freed.  Documentation/locking-frontend.rst.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pci.h>

#include "frontend.h"

#define SHADOW_PROT	(RIOD_PROT_READ | RIOD_PROT_WRITE)
/* index of page @n of a BAR in &riod_fe_shadow.pages */
#define SHADOW_INDEX(bar, n)	((unsigned long)(bar) << 40 | (n))

/* ------------------------------------------------------------ set-up */

/**
 * riod_fe_shadow_setup() - set the BARs that the user declares to be memory
 * @fn: function, described but not on the bus yet
 * @bars: mask of BARs
 * @extack: reports the reason of a failure
 *
 * Return: 0 or -EINVAL.
 */
int riod_fe_shadow_setup(struct riod_fe_func *fn, u32 bars,
			 struct netlink_ext_ack *extack)
{
	const struct riod_cfg *c = &fn->cfg;
	unsigned long mask = bars;
	unsigned int n;

	for_each_set_bit(n, &mask, PCI_STD_NUM_BARS) {
		if (!c->bars[n].size || c->bars[n].flags & RIOD_BAR_F_IO) {
			NL_SET_ERR_MSG_FMT(extack,
					   "BAR %u is not memory, see lspci -v", n);
			return -EINVAL;
		}
		if (c->bars[n].size < PAGE_SIZE) {
			NL_SET_ERR_MSG_FMT(extack,
					   "BAR %u is smaller than a page: leave it out", n);
			return -EINVAL;
		}
		if (c->msix_cap && (n == c->msix_table_bar || n == c->msix_pba_bar)) {
			NL_SET_ERR_MSG_FMT(extack, "BAR %u has the MSI-X table: leave it out", n);
			return -EINVAL;
		}
	}
	fn->shadow.bars = bars;
	return 0;
}

void riod_fe_shadow_init(struct riod_fe_shadow *s)
{
	mutex_init(&s->fetch);
	mutex_init(&s->lock);
	xa_init_flags(&s->pages, XA_FLAGS_ACCOUNT);
}

/* ------------------------------------------------------------ pages of the engine */

/* the page has no number in the engine and reads as all-ones from now on */
static void page_lose(struct page *page)
{
	set_page_private(page, 0);
	memset(page_address(page), 0xff, PAGE_SIZE);
}

static void pages_leave(struct riod_fe_func *fn, struct page **pages, unsigned int n)
{
	struct riod_sync *y = riod_link_sync(fn->att->link);
	unsigned int i;
	void *priv;

	for (i = 0; i < n; i++) {
		if (page_private(pages[i]))
			riod_sync_unmap(y, page_private(pages[i]), SHADOW_PROT, &priv);
		set_page_private(pages[i], 0);
	}
}

/* allocate and enter numbers under one lock: the engine needs ascending page numbers */
static int pages_enter(struct riod_fe_func *fn, struct page **pages, unsigned int n)
{
	struct riod_sync *y = riod_link_sync(fn->att->link);
	struct riod_fe_dma *dma = &fn->att->dma;
	unsigned int i;
	int ret = 0;

	mutex_lock(&dma->lock);
	for (i = 0; i < n && !ret; i++) {
		ret = riod_sync_map(y, dma->next_id, page_address(pages[i]), SHADOW_PROT, NULL);
		if (!ret)
			set_page_private(pages[i], dma->next_id++);
	}
	mutex_unlock(&dma->lock);
	if (ret)
		pages_leave(fn, pages, n);
	return ret;
}

/* the pages are unmapped; zero them, as BAR contents must not stay in free memory */
static void pages_free(struct page **pages, unsigned int n)
{
	while (n--) {
		clear_page(page_address(pages[n]));
		/* KVM may hold another reference for a moment */
		put_page(pages[n]);
	}
}

static int pages_alloc(struct page **pages, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!pages[i]) {
			pages_free(pages, i);
			return -ENOMEM;
		}
		set_page_private(pages[i], 0);
	}
	return 0;
}

/* ------------------------------------------------------------ fetching */

/**
 * struct shadow_run - pages to fetch
 * @bar: BAR
 * @first: first page
 * @n: number of pages; 0 if the wanted page is present
 */
struct shadow_run {
	u8 bar;
	u32 first;
	u32 n;
};

/* find the missing pages around page @want, within its aligned block */
static void run_find(struct riod_fe_func *fn, struct shadow_run *run, u32 want)
{
	struct riod_fe_shadow *s = &fn->shadow;
	u32 total = fn->cfg.bars[run->bar].size >> PAGE_SHIFT;
	u32 from = round_down(want, RIOD_BAR_PAGES_MAX);
	u32 to = min(from + RIOD_BAR_PAGES_MAX, total);
	u32 first = want, last = want;

	lockdep_assert_held(&s->lock);
	run->n = 0;
	if (xa_load(&s->pages, SHADOW_INDEX(run->bar, want)))
		return;
	while (first > from && !xa_load(&s->pages, SHADOW_INDEX(run->bar, first - 1)))
		first--;
	while (last + 1 < to && !xa_load(&s->pages, SHADOW_INDEX(run->bar, last + 1)))
		last++;
	run->first = first;
	run->n = last - first + 1;
}

static int run_request(struct riod_fe_func *fn, const struct shadow_run *run, u64 id)
{
	struct riod_wire_bar_map *b;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_BAR_MAP, fn->num, sizeof(*b), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	b = (void *)f->body;
	b->bar = run->bar;
	b->first = cpu_to_le32(run->first);
	b->npages = cpu_to_le16(run->n);
	b->page = cpu_to_le64(id);
	/* from here on the stub may have the pages, even if the request fails */
	fn->shadow.requested = true;
	return riod_link_request(fn->att->link, f, NULL);
}

/* make the pages available to faults; without memory for an entry, fetch it again later */
static int run_publish(struct riod_fe_func *fn, const struct shadow_run *run,
		       struct page **pages, bool lost)
{
	struct riod_fe_shadow *s = &fn->shadow;
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&s->lock);
	for (i = 0; i < run->n && !ret; i++) {
		if (lost)
			page_lose(pages[i]);
		ret = xa_err(xa_store(&s->pages, SHADOW_INDEX(run->bar, run->first + i),
				      pages[i], GFP_KERNEL_ACCOUNT));
		s->npages += !ret;
	}
	if (ret) {
		pages_leave(fn, pages + i - 1, run->n - i + 1);
		pages_free(pages + i - 1, run->n - i + 1);
	}
	return ret;
}

static int run_fetch(struct riod_fe_func *fn, const struct shadow_run *run)
{
	struct riod_fe_shadow *s = &fn->shadow;
	struct page *pages[RIOD_BAR_PAGES_MAX];
	bool lost;
	int ret;

	ret = pages_alloc(pages, run->n);
	if (ret)
		return ret;
	ret = pages_enter(fn, pages, run->n);
	if (ret == -EDQUOT) {
		/* an access that faults would end the guest, the end of the session does not */
		riod_link_fail(fn->att->link, ret);
		ret = -ENOTCONN;
	}
	if (!ret)
		ret = run_request(fn, run, page_private(pages[0]));
	mutex_lock(&s->lock);
	/* riod_fe_shadow_lost() either finds the pages published, or set @lost before this */
	lost = s->lost || ret == -ENOTCONN;
	if (ret || lost)
		pages_leave(fn, pages, run->n);
	if (!ret || lost)
		ret = run_publish(fn, run, pages, lost);
	else
		pages_free(pages, run->n);
	mutex_unlock(&s->lock);
	return ret;
}

/* fetch page @want of a BAR; 0, -EINTR, -ENOMEM, -EACCES (the BAR is not decoded) */
static int shadow_fetch(struct riod_fe_func *fn, u8 bar, u32 want)
{
	struct riod_fe_shadow *s = &fn->shadow;
	struct shadow_run run = { .bar = bar };
	int ret;

	ret = mutex_lock_killable(&s->fetch);
	if (ret)
		return ret;
	mutex_lock(&s->lock);
	run_find(fn, &run, want);
	mutex_unlock(&s->lock);
	/* another thread may have fetched it meanwhile */
	if (run.n)
		ret = run_fetch(fn, &run);
	mutex_unlock(&s->fetch);
	return ret;
}

/* ------------------------------------------------------------ releasing pages */

/* the session is over: called from riod_link_ops.lost */
void riod_fe_shadow_lost(struct riod_fe_func *fn)
{
	struct riod_fe_shadow *s = &fn->shadow;
	unsigned long index;
	struct page *page;

	mutex_lock(&s->lock);
	s->lost = true;
	xa_for_each(&s->pages, index, page) {
		pages_leave(fn, &page, 1);
		page_lose(page);
	}
	mutex_unlock(&s->lock);
}

/**
 * riod_fe_shadow_hold() - free all pages, create none until riod_fe_shadow_release()
 * @fn: function; the caller holds @cfg_lock
 *
 * Call it around operations that may change BAR contents or make BARs unreadable:
 * reset, power states, the last close.  A page fault waits meanwhile and then requests
 * its pages again: the stub forgets all pages in a reset, so none may be created before.
 * Return: 0; -EINTR, and @fetch is not held.
 */
int riod_fe_shadow_hold(struct riod_fe_func *fn)
{
	struct riod_fe_shadow *s = &fn->shadow;
	unsigned long index;
	struct page *page;
	int ret;

	lockdep_assert_held(&fn->cfg_lock);
	if (!s->bars)
		return 0;
	ret = mutex_lock_killable(&s->fetch);
	if (ret)
		return ret;
	mutex_lock(&s->lock);
	if (s->mapping)
		unmap_mapping_range(s->mapping, 0, 0, 1);
	xa_for_each(&s->pages, index, page) {
		xa_erase(&s->pages, index);
		pages_leave(fn, &page, 1);
		pages_free(&page, 1);
	}
	s->npages = 0;
	mutex_unlock(&s->lock);
	if (s->requested) {
		ret = riod_fe_ctl(fn, RIOD_CTL_BARS_FORGET, 0);
		s->requested = ret == -EINTR || ret == -ENOMEM;
	}
	if (ret != -EINTR)
		return 0;
	mutex_unlock(&s->fetch);
	return ret;
}

void riod_fe_shadow_release(struct riod_fe_func *fn)
{
	if (fn->shadow.bars)
		mutex_unlock(&fn->shadow.fetch);
}

/* ------------------------------------------------------------ mapping */

/* map the present pages of the aligned block around the faulting address */
static vm_fault_t shadow_insert(struct riod_fe_func *fn, struct vm_fault *vmf, u8 bar,
				u32 want)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = vma->vm_start, end = vma->vm_end, at;
	struct riod_fe_shadow *s = &fn->shadow;
	u32 from = round_down(want, RIOD_BAR_PAGES_MAX), n;
	vm_fault_t ret = 0;
	struct page *page;

	mutex_lock(&s->lock);
	page = xa_load(&s->pages, SHADOW_INDEX(bar, want));
	if (page)
		ret = vmf_insert_pfn(vma, vmf->address & PAGE_MASK, page_to_pfn(page));
	for (n = from; n < from + RIOD_BAR_PAGES_MAX && ret == VM_FAULT_NOPAGE; n++) {
		at = (vmf->address & PAGE_MASK) + ((long)n - want) * PAGE_SIZE;
		page = xa_load(&s->pages, SHADOW_INDEX(bar, n));
		if (page && n != want && at >= start && at < end)
			ret = vmf_insert_pfn(vma, at, page_to_pfn(page));
	}
	mutex_unlock(&s->lock);
	return ret;
}

static vm_fault_t shadow_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct riod_fe_func *fn = vma->vm_private_data;
	u8 bar = vmf->pgoff >> (RIOD_FE_OFFSET_SHIFT - PAGE_SHIFT);
	u32 want = vmf->pgoff & (RIOD_FE_OFFSET_MASK >> PAGE_SHIFT);
	struct file *file;
	vm_fault_t ret;

	/*
	 * VFIO faults like this to map the pages for other devices' DMA.  That would
	 * fetch the whole BAR, and these devices could access pages after they are freed.
	 */
	if (vmf->flags & FAULT_FLAG_REMOTE)
		return VM_FAULT_SIGBUS;
	ret = shadow_insert(fn, vmf, bar, want);
	if (ret)
		return ret;
	if (vmf->flags & FAULT_FLAG_ALLOW_RETRY && !(vmf->flags & FAULT_FLAG_TRIED)) {
		if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
			return VM_FAULT_RETRY;
		/* the file keeps the function open without mmap_lock */
		file = get_file(vma->vm_file);
		mmap_read_unlock(vma->vm_mm);
		/* ignore a failure: the retried fault sees it again */
		shadow_fetch(fn, bar, want);
		fput(file);
		return VM_FAULT_RETRY;
	}
	switch (shadow_fetch(fn, bar, want)) {
	case 0:
		return shadow_insert(fn, vmf, bar, want) ?: VM_FAULT_SIGBUS;
	case -ENOMEM:
		return VM_FAULT_OOM;
	default:
		return VM_FAULT_SIGBUS;
	}
}

static const struct vm_operations_struct shadow_vm_ops = {
	.fault = shadow_fault,
};

/**
 * riod_fe_shadow_mmap() - map part of a BAR
 * @fn: function, open
 * @vma: mapping; BAR and page are in its offset, see RIOD_FE_OFFSET_SHIFT
 *
 * Return: 0 or -EINVAL.
 */
int riod_fe_shadow_mmap(struct riod_fe_func *fn, struct vm_area_struct *vma)
{
	unsigned int bar = vma->vm_pgoff >> (RIOD_FE_OFFSET_SHIFT - PAGE_SHIFT);
	u64 first = vma->vm_pgoff & (RIOD_FE_OFFSET_MASK >> PAGE_SHIFT);
	u64 npages;

	if (bar >= PCI_STD_NUM_BARS || !(fn->shadow.bars & BIT(bar)) ||
	    !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	npages = fn->cfg.bars[bar].size >> PAGE_SHIFT;
	if (first >= npages || vma_pages(vma) > npages - first)
		return -EINVAL;
	vma->vm_private_data = fn;
	vma->vm_ops = &shadow_vm_ops;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

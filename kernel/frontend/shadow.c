// SPDX-License-Identifier: GPL-2.0-only
/*
 * BARs that are memory: mapped into the guest, and kept in step (rule 16)
 *
 * The user said that a BAR is memory (riodctl attach --shadow-bar).  Then it may be
 * mapped through VFIO, and is read and written at the speed of memory: what is mapped
 * are pages of this host, pages of the engine like those for DMA, whose other halves
 * are the BAR itself.  A page comes into being when it is first touched.  The page
 * fault asks the stub for it, and for what is around it: one round trip for up to
 * RIOD_BAR_PAGES_MAX pages, whose content is ahead of the reply.  From then on the
 * page crosses in cuts, until the function is closed, reset or changes its power state:
 * then all are let go of, and the next touch asks again.
 *
 * Once the session is over pages read as all-ones, and what is written to them goes
 * nowhere.  No access faults: KVM would end the guest.
 *
 * Locks, outermost first: mmap_lock, @fetch, @lock, riod_fe_dma.lock (page numbers),
 * riod_sync.lock.  @fetch is held while waiting for the stub; a page fault gives its
 * mmap_lock back before, where it may.  @lock is held from finding a page until it is
 * mapped, and from unmapping until it is freed.  Documentation/locking-frontend.rst.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pci.h>

#include "frontend.h"

#define SHADOW_PROT	(RIOD_PROT_READ | RIOD_PROT_WRITE)
/* pages of a BAR, in &riod_fe_shadow.pages */
#define SHADOW_INDEX(bar, n)	((unsigned long)(bar) << 40 | (n))

/* ------------------------------------------------------------ set-up */

/**
 * riod_fe_shadow_setup() - the BARs that the user says are memory
 * @fn: function, described; not on the bus yet
 * @bars: one bit for each
 * @extack: says why not
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
					   "BAR %u is not memory: lspci -v has those that are", n);
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

/* what is read where nobody answers any more */
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

/* numbers are given and used under one lock: the engine takes the highest for the newest */
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

/* nothing maps the pages any more; what they hold of a BAR must not stay behind */
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
 * @bar: of this BAR
 * @first: the first
 * @n: how many, 0 where the one that is wanted is there
 */
struct shadow_run {
	u8 bar;
	u32 first;
	u32 n;
};

/* what is not there of the aligned block around page @want */
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
	/* from here on the stub may have them, whatever becomes of the answer */
	fn->shadow.told = true;
	return riod_link_request(fn->att->link, f, NULL);
}

/* from now on they can be mapped; those for which there is no room are asked for again */
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
	if (!ret)
		ret = run_request(fn, run, page_private(pages[0]));
	mutex_lock(&s->lock);
	/* whoever sets @lost finds them in @pages, or has left them to us */
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

/* make page @want of a BAR; 0, -EINTR, -ENOMEM, -EACCES (the BAR is not decoded) */
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
	/* two threads may have wanted it */
	if (run.n)
		ret = run_fetch(fn, &run);
	mutex_unlock(&s->fetch);
	return ret;
}

/* ------------------------------------------------------------ letting go */

/* the session is over, and no callback of the link's is under way that would wait for us */
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
 * riod_fe_shadow_hold() - let go of all pages, and make none until riod_fe_shadow_release()
 * @fn: function; @cfg_lock is held
 *
 * Around what may change what is in the BARs, or make them unreadable: reset, power
 * states, the last close.  A fault that comes meanwhile waits, and then asks anew: by
 * itself the stub forgets pages in a reset, so none may be made between.
 * Return: 0 or -EINTR, and then nothing is held.
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
	if (s->told) {
		ret = riod_fe_ctl(fn, RIOD_CTL_BARS_FORGET, 0);
		s->told = ret == -EINTR || ret == -ENOMEM;
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

/* map what there is of the block around the address that was touched */
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
	 * VFIO asks so when the mapping is to be mapped for other devices' DMA: it would
	 * fetch all of the BAR, and they would reach these pages after we freed them.
	 */
	if (vmf->flags & FAULT_FLAG_REMOTE)
		return VM_FAULT_SIGBUS;
	ret = shadow_insert(fn, vmf, bar, want);
	if (ret)
		return ret;
	if (vmf->flags & FAULT_FLAG_ALLOW_RETRY && !(vmf->flags & FAULT_FLAG_TRIED)) {
		if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
			return VM_FAULT_RETRY;
		/* keeps the function open, and so everything */
		file = get_file(vma->vm_file);
		mmap_read_unlock(vma->vm_mm);
		/* if it fails, it does so again for whoever comes back */
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
 * @vma: offset as riod_fe_vfio_ops has them
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

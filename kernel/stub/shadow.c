// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stub side of rule 16 (BARs that are memory)
 *
 * A page of such a BAR is a page of the engine whose memory is the BAR itself.  The
 * device accesses it without DMA, so it needs no IOMMU mapping.  No lock, as in dma.c:
 * the receive thread handles BAR_MAP and CTL frames in order, and the teardown runs
 * after it has ended.  BARs stay mapped for as long as the export exists.
 */
#include <linux/pci.h>
#include <linux/sched.h>

#include "stub.h"

/* a BAR_MAP may have 65535 pages: check for the session's end after this many */
#define SHADOW_RESCHED_PAGES	64

/* the range must be inside a memory BAR, and must not contain MSI-X table or PBA */
static enum riod_status shadow_check(struct riod_stub_func *fn,
				     const struct riod_wire_bar_map *b)
{
	const struct riod_stub_bar *bar = &fn->bars[b->bar];
	u64 first = (u64)le32_to_cpu(b->first) << PAGE_SHIFT;
	u64 size = (u64)le16_to_cpu(b->npages) << PAGE_SHIFT;

	if (!bar->size || bar->flags & RIOD_BAR_F_IO || first + size > bar->size)
		return RIOD_STATUS_INVALID;
	if (!riod_stub_bar_decoded(fn, bar))
		return RIOD_STATUS_DENIED;
	if (riod_cfg_is_msix(fn->cfg, b->bar, first, size))
		return RIOD_STATUS_DENIED;
	return RIOD_STATUS_OK;
}

static int shadow_enter(struct riod_stub_dma *dma, struct riod_stub_func *fn, u64 id,
			void *live)
{
	int ret;

	if (xa_load(&dma->pages, id) || xa_load(&dma->bar_pages, id)) {
		pr_warn_ratelimited("peer uses the number of another page for a BAR page\n");
		return -EPROTO;
	}
	ret = xa_err(xa_store(&dma->bar_pages, id, fn, GFP_KERNEL_ACCOUNT));
	if (ret)
		return ret;
	ret = riod_sync_map(dma->sync, id, live,
			    RIOD_PROT_READ | RIOD_PROT_WRITE | RIOD_SYNC_MMIO, NULL);
	if (ret) {
		xa_erase(&dma->bar_pages, id);
		return ret;
	}
	dma->nbar_pages++;
	return 0;
}

static void shadow_leave(struct riod_stub_dma *dma, u64 id)
{
	void *priv;

	riod_sync_unmap(dma->sync, id, RIOD_PROT_READ | RIOD_PROT_WRITE, &priv);
	xa_erase(&dma->bar_pages, id);
	dma->nbar_pages--;
}

static int shadow_enter_all(struct riod_stub_dma *dma, struct riod_stub_func *fn,
			    const struct riod_wire_bar_map *b)
{
	/* on x86 plain loads and stores may access an ioremap() mapping */
	u8 *live = (u8 __force *)fn->bars[b->bar].map +
		   ((u64)le32_to_cpu(b->first) << PAGE_SHIFT);
	u64 id = le64_to_cpu(b->page);
	u32 i, npages = le16_to_cpu(b->npages);
	int ret = 0;

	if (dma->npages + dma->nbar_pages + npages > dma->max_pages)
		return -ENOMEM;
	for (i = 0; i < npages && !ret; i++) {
		if (i % SHADOW_RESCHED_PAGES == 0) {
			cond_resched();
			ret = atomic64_read(dma->over) ? -ENOTCONN : 0;
		}
		if (!ret)
			ret = shadow_enter(dma, fn, id + i, live + ((u64)i << PAGE_SHIFT));
	}
	if (ret) {
		while (--i)
			shadow_leave(dma, id + i - 1);
	}
	return ret;
}

/**
 * riod_stub_shadow_map() - handle a BAR_MAP frame
 * @dma: mappings of the attachment
 * @fn: function
 * @b: frame; BAR, page numbers and tag are validated
 *
 * Receive thread.  The reply follows a cut that begins now, so the content of the
 * BAR arrives before it.
 * Return: 0; -EPROTO; -EDQUOT if the memory budget of the session or the host is exceeded;
 * or as riod_stub_reply().
 */
int riod_stub_shadow_map(struct riod_stub_dma *dma, struct riod_stub_func *fn,
			 const struct riod_wire_bar_map *b)
{
	enum riod_status status = shadow_check(fn, b);
	int ret = 0;

	if (status == RIOD_STATUS_OK) {
		ret = shadow_enter_all(dma, fn, b);
		if (ret)
			status = RIOD_STATUS_FAILED;
	} else {
		atomic64_inc(&fn->exp->stats.denied);
	}
	/* after FAILED the frontend's guest would end, not only its session */
	if (ret == -EPROTO || ret == -EDQUOT)
		return ret;
	return riod_stub_reply(fn, b->tag, status, status ? ~0ull : 0);
}

/**
 * riod_stub_shadow_forget() - remove BAR pages from the engine
 * @dma: mappings of the attachment
 * @fn: function, or NULL for all
 *
 * Receive thread, or teardown after it has ended.
 */
void riod_stub_shadow_forget(struct riod_stub_dma *dma, struct riod_stub_func *fn)
{
	struct riod_stub_func *owner;
	unsigned long id;

	xa_for_each(&dma->bar_pages, id, owner) {
		if (!fn || owner == fn)
			shadow_leave(dma, id);
		cond_resched();
	}
}

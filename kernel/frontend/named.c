// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a profile names (rule 20)
 *
 * If the profiles of all functions of an attachment know what memory their devices access,
 * only that memory becomes pages of the engine, and only while a profile names it: queues as
 * long as they exist, buffers as long as a request is under way.  To engine and stub this
 * looks like a guest that maps each buffer for one request.  Everything else that VFIO has
 * mapped costs nothing, so the guest may map all of its memory.
 *
 * A name belongs to an I/O address, not to a mapping.  It may be given before there is a
 * mapping, and stays when the mapping is removed: the page leaves the engine at once (rule
 * 4), and what is mapped there next enters it.  So a profile need not know of maps, and a
 * name that it drops late hits no other.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "frontend.h"

/**
 * struct riod_fe_named - a page that is named
 * @iova: its I/O address
 * @count: number of names, which may overlap
 * @class: RIOD_MAP_*: what the first of them knows; 0: nothing
 * @entered: it was a page of the engine before
 * @batch: the page, while it is mapped and DMA is on; else NULL
 */
struct riod_fe_named {
	u64 iova;
	u32 count;
	u32 class;
	bool entered;
	struct riod_fe_batch *batch;
};

/* iova >> PAGE_SHIFT of the last page of @len bytes at @iova; false if they wrap or are none */
static bool named_last(u64 iova, u64 len, unsigned long *last)
{
	u64 end;

	if (!len || check_add_overflow(iova, len - 1, &end))
		return false;
	*last = end >> PAGE_SHIFT;
	return true;
}

/* 0 also if nothing is mapped there, or no memory */
static int named_enter(struct riod_fe_att *att, struct riod_fe_named *n, gfp_t gfp)
{
	struct riod_fe_dma *dma = &att->dma;
	struct riod_fe_range *r;
	u32 class = n->class;

	lockdep_assert_held(&dma->lock);
	if (n->batch)
		return 0;
	r = riod_fe_range_find(dma->domain, n->iova);
	if (!r || !r->ram)
		return 0;
	if (n->entered && n->class & RIOD_MAP_COMPLETIONS)
		class |= RIOD_MAP_IN_USE;
	n->batch = riod_fe_batch_new(att, n->iova,
				     PHYS_PFN(r->paddr + (n->iova - r->it.start)),
				     r->prot | class, 1, gfp);
	if (!n->batch)
		return -ENOMEM;
	/* requests under way know the page by another number */
	dma->anew |= n->entered;
	n->entered = true;
	return 0;
}

static void named_leave(struct riod_fe_att *att, struct riod_fe_named *n)
{
	struct riod_fe_batch *b = n->batch;

	n->batch = NULL;
	if (b)
		riod_fe_batch_cut(att, b, b->lo, b->hi);
}

/**
 * riod_fe_named_enter() - enter the named pages of a range of I/O addresses that are mapped
 * @att: attachment with a domain; the DMA lock is held
 * @first: first address
 * @last: last one
 * @gfp: for the pages
 *
 * Return: 0 or -ENOMEM; pages that were entered stay.
 */
int riod_fe_named_enter(struct riod_fe_att *att, u64 first, u64 last, gfp_t gfp)
{
	struct riod_fe_named *n;
	unsigned long i;
	int ret = 0;

	xa_for_each_range(&att->dma.named, i, n, first >> PAGE_SHIFT, last >> PAGE_SHIFT) {
		ret = named_enter(att, n, gfp);
		if (ret)
			break;
	}
	return ret;
}

/* the named pages of a range of I/O addresses are not mapped any more; the DMA lock is held */
void riod_fe_named_leave(struct riod_fe_att *att, u64 first, u64 last)
{
	struct riod_fe_named *n;
	unsigned long i;

	lockdep_assert_held(&att->dma.lock);
	xa_for_each_range(&att->dma.named, i, n, first >> PAGE_SHIFT, last >> PAGE_SHIFT)
		named_leave(att, n);
}

static void named_drop(struct riod_fe_att *att, struct riod_fe_named *n)
{
	if (--n->count)
		return;
	named_leave(att, n);
	xa_erase(&att->dma.named, n->iova >> PAGE_SHIFT);
	att->dma.nnamed--;
	kfree(n);
}

/* The server host shadows no more than that.  Pages that are not mapped count, too. */
static bool named_has_room(const struct riod_fe_dma *dma)
{
	return (dma->nnamed + 1) << PAGE_SHIFT <= dma->peer_limit;
}

/* What is compared may be part of a transfer, too; the other way it would have two shadows. */
static bool named_agrees(const struct riod_fe_named *n, u32 class)
{
	return n->class == class || (!n->class && class == RIOD_MAP_EXACT);
}

static int named_add(struct riod_fe_att *att, unsigned long index, u32 class)
{
	struct riod_fe_dma *dma = &att->dma;
	struct riod_fe_named *n = xa_load(&dma->named, index);
	int ret;

	if (n && !named_agrees(n, class))
		return -EBUSY;
	if (n) {
		n->count++;
		return 0;
	}
	if (!named_has_room(dma))
		return -EDQUOT;
	n = kzalloc(sizeof(*n), GFP_KERNEL_ACCOUNT);
	if (!n)
		return -ENOMEM;
	n->iova = (u64)index << PAGE_SHIFT;
	n->count = 1;
	n->class = class;
	ret = xa_err(xa_store(&dma->named, index, n, GFP_KERNEL_ACCOUNT));
	if (ret) {
		kfree(n);
		return ret;
	}
	dma->nnamed++;
	if (dma->domain && dma->state == RIOD_BUS_MASTER_ON)
		ret = named_enter(att, n, GFP_KERNEL_ACCOUNT);
	if (ret)
		named_drop(att, n);
	return ret;
}

static void named_del(struct riod_fe_att *att, unsigned long first, unsigned long last)
{
	struct riod_fe_named *n;
	unsigned long i;

	for (i = first; i <= last; i++) {
		n = xa_load(&att->dma.named, i);
		if (!WARN_ON_ONCE(!n))
			named_drop(att, n);
	}
}

/**
 * riod_fe_name() - a profile names memory
 * @att: attachment; the DMA lock is held
 * @iova: first byte
 * @len: bytes, bounded by the caller
 * @class: as &riod_wire_map.prot; 0: both ends compare it
 *
 * The pages are sent to the stub ahead of everything that is posted from now on.
 * Return: 0; -EINVAL: wraps, or no byte; -ENOMEM; -EDQUOT: more than the server host
 * shadows; -EBUSY: a page has a name of another class.  After an error nothing is named.
 */
int riod_fe_name(struct riod_fe_att *att, u64 iova, u64 len, u32 class)
{
	unsigned long first = iova >> PAGE_SHIFT, last, i;
	int ret = 0;

	lockdep_assert_held(&att->dma.lock);
	if (!named_last(iova, len, &last))
		return -EINVAL;
	for (i = first; i <= last && !ret; i++)
		ret = named_add(att, i, class);
	/* the last one that was tried is not named */
	if (ret && i - 1 > first)
		named_del(att, first, i - 2);
	return ret;
}

/**
 * riod_fe_unname() - a profile drops a name
 * @att: attachment; the DMA lock is held
 * @iova: as for riod_fe_name(), which has returned 0
 * @len: likewise
 *
 * The device must not access the memory any more, unless another name covers it.
 */
void riod_fe_unname(struct riod_fe_att *att, u64 iova, u64 len)
{
	unsigned long last;

	lockdep_assert_held(&att->dma.lock);
	if (!WARN_ON_ONCE(!named_last(iova, len, &last)))
		named_del(att, iova >> PAGE_SHIFT, last);
	/* as for unmaps */
	if (att->dma.npending >= RIOD_FE_PENDING_MAX)
		riod_link_kick(att->link);
}

/* number of the page that is named at @iova; 0: none, or it is not in the engine yet */
u64 riod_fe_named_id(struct riod_fe_att *att, u64 iova)
{
	struct riod_fe_named *n = xa_load(&att->dma.named, iova >> PAGE_SHIFT);

	lockdep_assert_held(&att->dma.lock);
	return n && n->batch ? n->batch->slots[0].id : 0;
}

/* the same, but 0 if both ends compare the page */
u64 riod_fe_named_exact(struct riod_fe_att *att, u64 iova)
{
	struct riod_fe_named *n = xa_load(&att->dma.named, iova >> PAGE_SHIFT);

	lockdep_assert_held(&att->dma.lock);
	return n && n->batch && n->class == RIOD_MAP_EXACT ? n->batch->slots[0].id : 0;
}

/* the profiles are gone; no page is in the engine */
void riod_fe_named_free(struct riod_fe_att *att)
{
	struct riod_fe_named *n;
	unsigned long i;

	lockdep_assert_held(&att->dma.lock);
	xa_for_each(&att->dma.named, i, n) {
		WARN_ON_ONCE(n->batch);
		kfree(n);
	}
	xa_destroy(&att->dma.named);
	att->dma.nnamed = 0;
}

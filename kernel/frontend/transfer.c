// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transfers: the bytes that move for one request of the device (rule 21)
 *
 * A profile tells them when the guest rings.  They wait with the maps, behind those of their
 * pages, because only the pump knows the pages' numbers.  It marks the bytes that the device
 * is going to read for the next cut, and tells the stub where the device is going to write.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "frontend.h"

/**
 * struct riod_fe_transfer - of one request, or the end of several
 * @record: on &riod_fe_dma.pending
 * @func: function
 * @first: the request
 * @last: FORGET: the last request; else @first
 * @flags: RIOD_EXPECT_*
 * @pages: pages that the in extents touch
 * @n: number of @extents
 * @extents: as the profile knows them
 *
 * Freed when it was sent.
 */
struct riod_fe_transfer {
	struct riod_fe_record record;
	u8 func;
	u32 first;
	u32 last;
	u8 flags;
	u32 pages;
	u32 n;
	struct riod_profile_extent extents[] __counted_by(n);
};

static_assert(RIOD_EXTENT_PAGES_MAX <= RIOD_EXTENTS_MAX);

#define to_transfer(r) container_of(r, struct riod_fe_transfer, record)

static void transfer_queue(struct riod_fe_att *att, struct riod_fe_transfer *t)
{
	lockdep_assert_held(&att->dma.lock);
	t->record.kind = RIOD_FE_RECORD_TRANSFER;
	list_add_tail(&t->record.node, &att->dma.pending);
	att->dma.npending++;
}

static u32 extent_pages(const struct riod_profile_extent *x)
{
	return DIV_ROUND_UP(offset_in_page(x->iova) + (u64)x->len, PAGE_SIZE);
}

/**
 * riod_fe_transfer() - a request of the device begins
 * @att: attachment; the DMA lock is held
 * @func: function
 * @request: as its completion names it
 * @always: the in extents are valid also if it fails
 * @extents: what moves; named
 * @n: number of @extents
 *
 * Takes effect ahead of what is posted afterwards.
 * Return: 0; -ENOMEM; -E2BIG: more than RIOD_EXTENT_PAGES_MAX pages of in extents.
 */
int riod_fe_transfer(struct riod_fe_att *att, u8 func, u32 request, bool always,
		     const struct riod_profile_extent *extents, u32 n)
{
	struct riod_fe_transfer *t;
	u32 i;

	/* nobody would send it */
	if (att->dma.lost)
		return 0;
	t = kvzalloc(struct_size(t, extents, n), GFP_KERNEL_ACCOUNT);
	if (!t)
		return -ENOMEM;
	t->func = func;
	t->first = request;
	t->last = request;
	t->flags = always ? RIOD_EXPECT_ALWAYS : 0;
	t->n = n;
	memcpy(t->extents, extents, n * sizeof(*extents));
	for (i = 0; i < n && t->pages <= RIOD_EXTENTS_MAX; i++)
		t->pages += extents[i].how & RIOD_EXTENT_IN ? extent_pages(&extents[i]) : 0;
	if (t->pages > RIOD_EXTENTS_MAX) {
		kvfree(t);
		return -E2BIG;
	}
	transfer_queue(att, t);
	return 0;
}

/* requests end without a completion; cannot fail, because what the stub has must go */
void riod_fe_transfer_forget(struct riod_fe_att *att, u8 func, u32 first, u32 last)
{
	struct riod_fe_transfer *t;

	if (att->dma.lost)
		return;
	t = kzalloc(sizeof(*t), GFP_KERNEL | __GFP_NOFAIL);
	t->func = func;
	t->first = first;
	t->last = last;
	t->flags = RIOD_EXPECT_FORGET;
	transfer_queue(att, t);
}

void riod_fe_transfer_free(struct riod_fe_record *r)
{
	kvfree(to_transfer(r));
}

/* consecutive pages are one extent */
static void put_extent(struct riod_wire_expect *e, u64 id, u32 offset, u32 len)
{
	u32 n = le16_to_cpu(e->nextents);
	struct riod_wire_extent *x = e->extents + n - 1;
	u32 had = n ? le32_to_cpu(x->len) : 0;
	u32 end = n ? le32_to_cpu(x->offset) + had : 0;

	/* the last one ends with the page ahead of this one */
	if (end && !offset && end % PAGE_SIZE == 0 &&
	    le64_to_cpu(x->page) + end / PAGE_SIZE == id) {
		x->len = cpu_to_le32(had + len);
		return;
	}
	x++;
	x->page = cpu_to_le64(id);
	x->offset = cpu_to_le32(offset);
	x->len = cpu_to_le32(len);
	e->nextents = cpu_to_le16(n + 1);
}

/* @e: NULL if there are no in extents.  0, or as riod_sync_carry() */
static int take_extent(struct riod_fe_att *att, const struct riod_profile_extent *x,
		       struct riod_wire_expect *e)
{
	struct riod_sync *y = riod_link_sync(att->link);
	u64 iova = x->iova, id;
	u32 left, part;
	int ret = 0;

	for (left = x->len; left && !ret; left -= part, iova += part) {
		part = min_t(u32, left, PAGE_SIZE - offset_in_page(iova));
		/* not mapped, or compared */
		id = riod_fe_named_exact(att, iova);
		if (!id)
			continue;
		if (x->how & RIOD_EXTENT_OUT)
			ret = riod_sync_carry(y, id, offset_in_page(iova), part);
		if (!ret && x->how & RIOD_EXTENT_IN)
			put_extent(e, id, offset_in_page(iova), part);
	}
	return ret;
}

static int take(struct riod_fe_att *att, const struct riod_fe_transfer *t,
		struct riod_wire_expect *e)
{
	u32 i;
	int ret = 0;

	for (i = 0; i < t->n && !ret; i++)
		ret = take_extent(att, t->extents + i, e);
	return ret;
}

/* the transfer that is next, unless the session is over */
static struct riod_fe_transfer *next_transfer(struct riod_fe_dma *dma)
{
	struct riod_fe_record *r;

	lockdep_assert_held(&dma->lock);
	r = list_first_entry_or_null(&dma->pending, struct riod_fe_record, node);
	return r && r->kind == RIOD_FE_RECORD_TRANSFER ? to_transfer(r) : NULL;
}

static struct riod_frame *expect_new(u32 pages)
{
	struct riod_wire_expect *e;

	return riod_frame_alloc(RIOD_FRAME_EXPECT, 0, struct_size(e, extents, pages), GFP_KERNEL);
}

/* the DMA lock is held.  1: @f is to be sent; 0: it is not needed; -errno */
static int expect_fill(struct riod_fe_att *att, const struct riod_fe_transfer *t,
		       struct riod_frame *f)
{
	struct riod_wire_expect *e = (void *)f->body;
	int ret;

	e->first = cpu_to_le32(t->first);
	e->last = cpu_to_le32(t->last);
	e->flags = t->flags;
	ret = take(att, t, e);
	f->hdr.func = t->func;
	f->len = struct_size(e, extents, le16_to_cpu(e->nextents));
	f->hdr.len = cpu_to_le32(riod_frame_size(f));
	return ret ?: e->nextents || t->flags & RIOD_EXPECT_FORGET;
}

/**
 * riod_fe_transfer_frame() - handle the transfer that is next
 * @att: attachment; from the pump only
 *
 * Return: the frame to send; NULL: none is needed; ERR_PTR(): call again.
 */
struct riod_frame *riod_fe_transfer_frame(struct riod_fe_att *att)
{
	struct riod_fe_dma *dma = &att->dma;
	struct riod_fe_transfer *t;
	struct riod_frame *f;
	u32 pages;
	int ret = 0;

	mutex_lock(&dma->lock);
	t = next_transfer(dma);
	pages = t ? t->pages : 0;
	mutex_unlock(&dma->lock);

	f = expect_new(pages);
	if (!f)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&dma->lock);
	/* only the pump removes it, except at the end of the session */
	t = next_transfer(dma);
	if (t)
		ret = expect_fill(att, t, f);
	if (t && ret >= 0)
		riod_fe_record_done(dma, &t->record);
	mutex_unlock(&dma->lock);
	if (ret > 0)
		return f;
	riod_frame_free(f);
	return ret ? ERR_PTR(ret) : NULL;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending maps and unmaps to the stub
 *
 * Records are queued in order.  They are embedded in the objects that they describe,
 * so that an unmap allocates nothing.  The pump sends them as frames ahead of every
 * cut, so the stub knows a page before its bytes arrive, and before a register
 * write that refers to it.
 */
#include <linux/mm.h>

#include "frontend.h"

/* most pages that are entered at once, and that one wire record names */
#define SEND_CHUNK		256u

void riod_fe_record_queue(struct riod_fe_dma *dma, struct riod_fe_record *r,
			  struct riod_fe_batch *b, enum riod_fe_record_kind kind,
			  u32 index, u32 npages)
{
	lockdep_assert_held(&dma->lock);
	r->batch = b;
	r->kind = kind;
	r->index = index;
	r->npages = npages;
	list_add_tail(&r->node, &dma->pending);
	dma->npending++;
	b->nrecords++;
}

/* the caller checks whether the batch is still needed */
void riod_fe_record_drop(struct riod_fe_dma *dma, struct riod_fe_record *r)
{
	lockdep_assert_held(&dma->lock);
	list_del(&r->node);
	r->kind = RIOD_FE_RECORD_NONE;
	dma->npending--;
	if (r->batch)
		r->batch->nrecords--;
}

/* the record was sent, or is discarded; frees what it is part of, if nothing else refers to it */
void riod_fe_record_done(struct riod_fe_dma *dma, struct riod_fe_record *r)
{
	struct riod_fe_batch *b = r->batch;

	riod_fe_record_drop(dma, r);
	if (b)
		riod_fe_batch_put(b);
	else
		riod_fe_transfer_free(r);
}

/* the session is over: discard the records */
void riod_fe_record_drop_all(struct riod_fe_dma *dma)
{
	struct riod_fe_record *r, *next;

	lockdep_assert_held(&dma->lock);
	list_for_each_entry_safe(r, next, &dma->pending, node)
		riod_fe_record_done(dma, r);
}

/* ------------------------------------------------------------ records to wire */

/*
 * Length of the run of pages from @index, at most up to @end, that one wire record
 * names: pages with consecutive numbers that do not cross a multiple of SEND_CHUNK;
 * or pages that are not RAM (number 0), which get no record.  So the end of a run
 * depends on the batch only, and each UNMAP record is inside one MAP record.
 */
static u32 batch_run(const struct riod_fe_batch *b, u32 index, u32 end)
{
	u64 step = b->slots[index].id ? 1 : 0;
	u32 i = index + 1;

	end = min(end, round_down(index, SEND_CHUNK) + SEND_CHUNK);
	while (i < end && b->slots[i].id == b->slots[i - 1].id + step)
		i++;
	return i - index;
}

/* body of a frame that is being filled with records of one kind */
struct send_buf {
	enum riod_fe_record_kind kind;
	void *at;
	u32 room;
	u32 n;
};

static void put_record(struct send_buf *buf, const struct riod_fe_batch *b, u32 index,
		       u32 npages)
{
	u64 iova = b->iova + ((u64)index << PAGE_SHIFT);

	if (buf->kind == RIOD_FE_RECORD_MAP) {
		struct riod_wire_map *m = buf->at;

		m->iova = cpu_to_le64(iova);
		m->page = cpu_to_le64(b->slots[index].id);
		m->npages = cpu_to_le32(npages);
		m->prot = cpu_to_le32(b->prot);
		buf->at = m + 1;
	} else {
		struct riod_wire_unmap *u = buf->at;

		u->iova = cpu_to_le64(iova);
		u->npages = cpu_to_le32(npages);
		buf->at = u + 1;
	}
	buf->n++;
}

/* write records of pages @index up to @end; returns the page at which it stopped */
static u32 put_runs(struct send_buf *buf, const struct riod_fe_batch *b, u32 index,
		    u32 end)
{
	while (index < end && buf->n < buf->room) {
		u32 run = batch_run(b, index, end);

		if (b->slots[index].id)
			put_record(buf, b, index, run);
		index += run;
	}
	return index;
}

/*
 * Enter pages of the map and write records of them.  One chunk at most, because an
 * unmap waits for the DMA lock meanwhile.  Every page that is entered must be in this
 * frame, so a chunk that may not fit is left for the next one.
 * Return: 1, 0 if the frame is full, -ENOMEM.
 */
static int take_map(struct riod_fe_att *att, struct riod_fe_record *r,
		    struct send_buf *buf)
{
	struct riod_fe_batch *b = r->batch;
	u32 end = min(b->hi, round_down(b->next, SEND_CHUNK) + SEND_CHUNK);
	u32 i = b->next;
	int ret = 0;

	if (end - i > buf->room - buf->n)
		return 0;
	while (i < end && !ret) {
		ret = riod_fe_page_enter(att, b, i);
		i += !ret;
	}
	put_runs(buf, b, b->next, i);
	b->next = i;
	if (b->next >= b->hi)
		riod_fe_record_done(&att->dma, r);
	return ret ? ret : 1;
}

static int take_unmap(struct riod_fe_att *att, struct riod_fe_record *r,
		      struct send_buf *buf)
{
	u32 end = r->index + r->npages;

	r->index = put_runs(buf, r->batch, r->index, end);
	r->npages = end - r->index;
	if (!r->npages)
		riod_fe_record_done(&att->dma, r);
	return 1;
}

/* 1: there may be more of this kind; 0: there is none, or the frame is full; -ENOMEM */
static int take_some(struct riod_fe_att *att, struct send_buf *buf)
{
	struct riod_fe_dma *dma = &att->dma;
	struct riod_fe_record *r;
	int ret = 0;

	mutex_lock(&dma->lock);
	r = list_first_entry_or_null(&dma->pending, struct riod_fe_record, node);
	if (r && r->kind == buf->kind) {
		if (r->kind == RIOD_FE_RECORD_MAP)
			ret = take_map(att, r, buf);
		else
			ret = take_unmap(att, r, buf);
	}
	mutex_unlock(&dma->lock);
	return ret;
}

static_assert(sizeof(struct riod_frame_hdr) +
	      SEND_CHUNK * sizeof(struct riod_wire_map) <= RIOD_FRAME_MIN);

static struct riod_frame *frame_new(struct riod_fe_att *att,
				    enum riod_fe_record_kind kind, u32 want)
{
	bool map = kind == RIOD_FE_RECORD_MAP;
	size_t size = map ? sizeof(struct riod_wire_map) : sizeof(struct riod_wire_unmap);
	u32 max = (att->max_frame - sizeof(struct riod_frame_hdr)) / size;

	return riod_frame_alloc(map ? RIOD_FRAME_MAP : RIOD_FRAME_UNMAP, 0,
				min(want, max) * size, GFP_KERNEL);
}

/* fill @f; returns the number of records, or -ENOMEM if that is 0 for lack of memory */
static int frame_fill(struct riod_fe_att *att, struct riod_frame *f,
		      enum riod_fe_record_kind kind)
{
	struct send_buf buf = { .kind = kind, .at = f->body };
	int ret = 1;

	buf.room = f->len / (kind == RIOD_FE_RECORD_MAP ? sizeof(struct riod_wire_map) :
							  sizeof(struct riod_wire_unmap));
	while (ret > 0 && buf.n < buf.room)
		ret = take_some(att, &buf);
	f->len = buf.at - (void *)f->body;
	f->hdr.len = cpu_to_le32(riod_frame_size(f));
	return buf.n ? buf.n : min(ret, 0);
}

/* the next frame; NULL if no record is pending */
static struct riod_frame *dma_frame(struct riod_fe_att *att)
{
	struct riod_fe_dma *dma = &att->dma;
	enum riod_fe_record_kind kind;
	struct riod_fe_record *first;
	struct riod_frame *f;
	u32 want;
	int ret = 0;

	do {
		mutex_lock(&dma->lock);
		first = list_first_entry_or_null(&dma->pending, struct riod_fe_record, node);
		kind = first ? first->kind : RIOD_FE_RECORD_NONE;
		want = max_t(u32, dma->npending, SEND_CHUNK);
		mutex_unlock(&dma->lock);
		if (kind == RIOD_FE_RECORD_NONE)
			return NULL;
		if (kind == RIOD_FE_RECORD_TRANSFER) {
			f = riod_fe_transfer_frame(att);
			if (f)
				return f;
			continue;
		}
		f = frame_new(att, kind, want);
		if (!f)
			return ERR_PTR(-ENOMEM);
		/* only the pump takes records, but an unmap may have dropped some */
		ret = frame_fill(att, f, kind);
		if (ret > 0)
			return f;
		riod_frame_free(f);
	} while (!ret);
	return ERR_PTR(ret);
}

/**
 * riod_fe_dma_send() - send all pending records, ahead of the cut
 * @att: attachment; from the pump only
 *
 * Drops the DMA lock before it waits for window space.
 * Return: 0 or -errno as riod_link_send(); -ENOMEM: call again.
 */
int riod_fe_dma_send(struct riod_fe_att *att)
{
	struct riod_frame *f;
	int ret;

	while ((f = dma_frame(att))) {
		if (IS_ERR(f))
			return PTR_ERR(f);
		ret = riod_link_send(att->link, f);
		if (ret)
			return ret;
	}
	return 0;
}

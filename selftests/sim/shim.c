// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel functions that the engine uses.
 */
#include <malloc.h>
#include <stdarg.h>
#include <time.h>

#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "sync.h"
#include "sync_cut.h"
#include "tasks.h"
#include "transport.h"

bool (*sim_alloc_fails)(void);

void *kmalloc(size_t size, gfp_t gfp)
{
	void *p;

	if (sim_alloc_fails && sim_alloc_fails())
		return NULL;
	/* sizes that are powers of two are naturally aligned, as in the kernel */
	p = aligned_alloc(size & (size - 1) ? 16 : size,
			  size & (size - 1) ? ALIGN(size, (size_t)16) : size);
	return gfp & __GFP_ZERO ? memset(p, 0, size) : p;
}

void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

void kfree(const void *p)
{
	/* only bases and snapshots have the size of a page; they need kfree_sensitive() */
	WARN_ON(p && malloc_usable_size((void *)p) / 64 == RIOD_PAGE_SIZE / 64);
	free((void *)p);
}

void kfree_sensitive(const void *p)
{
	if (p)
		memset((void *)p, 0, malloc_usable_size((void *)p));
	free((void *)p);
}

/* in place of sync_poison.c: memory here has no errors */
bool riod_sync_has_error(const void *mem)
{
	return false;
}

bool riod_sync_probe(const u8 *live, u8 *buf)
{
	return true;
}

struct riod_frame *riod_frame_alloc(u8 type, u8 func, u32 len, gfp_t gfp)
{
	struct riod_frame *f = kzalloc(sizeof(*f) + len, gfp);

	if (!f)
		return NULL;
	f->hdr.type = type;
	f->hdr.func = func;
	f->len = len;
	f->hdr.len = cpu_to_le32(sizeof(f->hdr) + len);
	return f;
}

void riod_frame_free(struct riod_frame *f)
{
	free(f);
}

u64 ktime_get_ns(void)
{
	static u64 now;
	struct timespec ts;

	if (sim_task_name())
		return now += 1000;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* the first entry at @index or above */
static size_t position(const struct xarray *xa, unsigned long index)
{
	size_t i = 0;

	while (i < xa->n && xa->entries[i].index < index)
		i++;
	return i;
}

void xa_init(struct xarray *xa)
{
	memset(xa, 0, sizeof(*xa));
}

void xa_destroy(struct xarray *xa)
{
	free(xa->entries);
	xa_init(xa);
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	size_t i = position(xa, index);

	return i < xa->n && xa->entries[i].index == index ? xa->entries[i].entry : NULL;
}

int xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp)
{
	(void)xa;
	(void)index;
	(void)gfp;
	return sim_alloc_fails && sim_alloc_fails() ? -ENOMEM : 0;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	size_t i = position(xa, index);

	(void)gfp;
	if (i < xa->n && xa->entries[i].index == index) {
		void *old = xa->entries[i].entry;

		xa->entries[i].entry = entry;
		return old;
	}
	if (xa->n == xa->room) {
		xa->room = 2 * xa->room + 8;
		xa->entries = realloc(xa->entries, xa->room * sizeof(*xa->entries));
	}
	memmove(&xa->entries[i + 1], &xa->entries[i], (xa->n - i) * sizeof(*xa->entries));
	xa->entries[i].index = index;
	xa->entries[i].entry = entry;
	xa->n++;
	return NULL;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	size_t i = position(xa, index);
	void *entry = xa_load(xa, index);

	if (!entry)
		return NULL;
	xa->n--;
	memmove(&xa->entries[i], &xa->entries[i + 1], (xa->n - i) * sizeof(*xa->entries));
	return entry;
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max, int mark)
{
	size_t i = position(xa, *index);

	(void)mark;
	if (i == xa->n || xa->entries[i].index > max)
		return NULL;
	*index = xa->entries[i].index;
	return xa->entries[i].entry;
}

void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max, int mark)
{
	++*index;
	return xa_find(xa, index, max, mark);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* sorted array with the interface of an xarray; entries are never NULL */
#ifndef _SIM_LINUX_XARRAY_H
#define _SIM_LINUX_XARRAY_H

#include <linux/types.h>

struct xarray {
	struct sim_xa_entry {
		unsigned long index;
		void *entry;
	} *entries;
	size_t n, room;
};

#define XA_PRESENT	0

void xa_init(struct xarray *xa);
void xa_destroy(struct xarray *xa);
void *xa_load(struct xarray *xa, unsigned long index);
int xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp);
void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void *xa_erase(struct xarray *xa, unsigned long index);
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max, int mark);
void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max, int mark);

/* nothing to release, because xa_reserve() reserves nothing */
static inline void xa_release(struct xarray *xa, unsigned long index)
{
	(void)xa;
	(void)index;
}

static inline int xa_err(void *entry)
{
	(void)entry;
	return 0;
}

static inline bool xa_is_err(const void *entry)
{
	(void)entry;
	return false;
}

static inline void *xa_mk_value(unsigned long v) { return (void *)(v << 1 | 1); }
static inline unsigned long xa_to_value(const void *entry) { return (unsigned long)entry >> 1; }

#define xa_for_each_range(xa, index, entry, start, last)				\
	for (index = start, entry = xa_find(xa, &index, last, XA_PRESENT); entry;	\
	     entry = xa_find_after(xa, &index, last, XA_PRESENT))
#define xa_for_each(xa, index, entry) xa_for_each_range(xa, index, entry, 0, ~0ul)

#endif /* _SIM_LINUX_XARRAY_H */

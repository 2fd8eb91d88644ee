/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_SLAB_H
#define _SIM_LINUX_SLAB_H

#include <linux/types.h>

#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0
#define GFP_NOWAIT		0
#define __GFP_ACCOUNT		0
#define __GFP_NOWARN		0
#define __GFP_ZERO		1

static inline size_t kmalloc_size_roundup(size_t size)
{
	return size;
}

/* returns NULL at times if the test wants it; aligned like kmalloc() */
void *kmalloc(size_t size, gfp_t gfp);
void *kzalloc(size_t size, gfp_t gfp);
void kfree(const void *p);
/* required for copies of guest memory: kfree() warns about objects as large as a page */
void kfree_sensitive(const void *p);
static inline void *kmemdup(const void *from, size_t size, gfp_t gfp)
{
	void *p = kmalloc(size, gfp);

	return p ? __builtin_memcpy(p, from, size) : NULL;
}

#define kvzalloc		kzalloc
#define kvcalloc(n, size, gfp)	kzalloc((size_t)(n) * (size), gfp)
#define kvfree			kfree

#endif /* _SIM_LINUX_SLAB_H */

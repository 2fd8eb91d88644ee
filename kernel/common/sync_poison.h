/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading guest memory that may have a hardware error
 *
 * A plain load of a word with an uncorrectable error crashes the host, and a pass loads
 * every word that the guest has mapped.  Linux marks pages in which a scrubber or an access
 * has found an error (PageHWPoison).  A pass survives an error that it finds by itself if
 * the CPU reports it precisely and the load has an exception table entry.
 */
#ifndef _RIOD_SYNC_POISON_H
#define _RIOD_SYNC_POISON_H

#include <linux/compiler.h>
#include <linux/types.h>
#ifdef CONFIG_MEMORY_FAILURE
#include <linux/mm.h>
#endif
#ifdef CONFIG_ARCH_HAS_COPY_MC
#include <linux/uaccess.h>
#endif

#include "wire.h"

/**
 * riod_page_fetch() - get a page of memory for a comparison
 * @live: the page, in the kernel's direct map
 * @buf: room for a copy of it
 *
 * A torn word in the copy does no harm: on a difference the caller reads that granule from
 * @live again.
 * Return: @buf, or @live if the architecture has no such copy; NULL: a memory error.
 */
static inline const u8 *riod_page_fetch(const u8 *live, u8 *buf)
{
#ifdef CONFIG_MEMORY_FAILURE
	if (unlikely(PageHWPoison(virt_to_page(live))))
		return NULL;
#endif
#ifdef CONFIG_ARCH_HAS_COPY_MC
	return likely(!copy_mc_to_kernel(buf, live, RIOD_PAGE_SIZE)) ? buf : NULL;
#else
	return live;
#endif
}

#endif /* _RIOD_SYNC_POISON_H */

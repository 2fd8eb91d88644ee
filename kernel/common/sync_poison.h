/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading guest memory that may have a hardware error
 *
 * A plain load of a word with an uncorrectable error takes the host down, and a pass loads
 * every word that the guest has mapped.  Linux knows of errors that a scrubber or
 * somebody's access has found (PageHWPoison).  One that a pass finds itself can be survived
 * where the CPU reports it precisely and the load is one that the kernel expects to fail.
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
 * riod_page_fetch() - a page of memory, to be looked at
 * @live: the page, in the kernel's direct map
 * @buf: room for a copy of it
 *
 * The copy has no torn words that a comparison could miss: who finds a difference reads
 * that granule of @live again.
 * Return: @buf, or @live where the architecture cannot copy so; NULL: a memory error.
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

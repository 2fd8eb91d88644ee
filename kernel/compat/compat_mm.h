/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the frontend needs of memory management and differs between kernels
 *
 * Floor: 6.12.
 */
#ifndef _RIOD_COMPAT_MM_H
#define _RIOD_COMPAT_MM_H

#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/version.h>

/* which device memory a page of ZONE_DEVICE is part of; from 6.15 on it is in the folio */
static inline const struct dev_pagemap *riod_compat_pgmap(const struct page *page)
{
#if KERNEL_VERSION(6, 15, 0) <= LINUX_VERSION_CODE
	return page_pgmap(page);
#else
	return page->pgmap;
#endif
}

#endif /* _RIOD_COMPAT_MM_H */

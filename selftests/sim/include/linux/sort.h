/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_SORT_H
#define _SIM_LINUX_SORT_H

#include <stdlib.h>

/* @swap must be NULL; it is ignored */
static inline void sort(void *base, size_t num, size_t size,
			int (*cmp)(const void *, const void *), void *swap)
{
	(void)swap;
	qsort(base, num, size, cmp);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_STRING_H
#define _SIM_LINUX_STRING_H

#include <linux/types.h>

static inline void *memchr_inv(const void *at, int c, size_t n)
{
	const u8 *p = at;

	for (; n; n--, p++) {
		if (*p != (u8)c)
			return (void *)p;
	}
	return NULL;
}

#endif /* _SIM_LINUX_STRING_H */

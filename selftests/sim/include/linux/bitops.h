/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_BITOPS_H
#define _SIM_LINUX_BITOPS_H

#include <linux/bitmap.h>

static inline u32 fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

#endif /* _SIM_LINUX_BITOPS_H */

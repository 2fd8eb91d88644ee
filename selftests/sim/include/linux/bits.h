/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_BITS_H
#define _SIM_LINUX_BITS_H

#include <linux/bitmap.h>

#define GENMASK(h, l)	((~0ul >> (63 - (h))) & (~0ul << (l)))

#endif /* _SIM_LINUX_BITS_H */

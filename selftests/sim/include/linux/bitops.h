/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_BITOPS_H
#define _SIM_LINUX_BITOPS_H

#include <linux/bitmap.h>

#endif /* _SIM_LINUX_BITOPS_H */

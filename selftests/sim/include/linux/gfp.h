/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_GFP_H
#define _SIM_LINUX_GFP_H

#include <linux/slab.h>

#endif /* _SIM_LINUX_GFP_H */

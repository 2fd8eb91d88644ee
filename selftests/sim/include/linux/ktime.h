/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_KTIME_H
#define _SIM_LINUX_KTIME_H

#include <linux/types.h>

/* with tasks, simulated time that advances with every call; with threads, real time */
u64 ktime_get_ns(void);

#endif /* _SIM_LINUX_KTIME_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_KTIME_H
#define _SIM_LINUX_KTIME_H

#include <linux/types.h>

/* simulated time, which passes with every access; real with threads */
u64 ktime_get_ns(void);

#endif /* _SIM_LINUX_KTIME_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_PRINTK_H
#define _SIM_LINUX_PRINTK_H

#include <linux/types.h>

#ifndef pr_fmt
#define pr_fmt(fmt) fmt
#endif
#define pr_warn_ratelimited(fmt, ...)	printf("# " pr_fmt(fmt), ##__VA_ARGS__)
/* dropped, because it would print once in each of a million runs */
#define pr_warn_once(fmt, ...)		do { } while (0)

#endif /* _SIM_LINUX_PRINTK_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_OVERFLOW_H
#define _SIM_LINUX_OVERFLOW_H

#include <linux/types.h>

#endif /* _SIM_LINUX_OVERFLOW_H */

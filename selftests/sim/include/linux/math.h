/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_MATH_H
#define _SIM_LINUX_MATH_H

#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d)	(((unsigned long long)(n) + (d) - 1) / (d))

#endif /* _SIM_LINUX_MATH_H */

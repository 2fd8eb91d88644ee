/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_ASM_CPUFEATURE_H
#define _SIM_ASM_CPUFEATURE_H

#include <linux/atomic.h>

#endif /* _SIM_ASM_CPUFEATURE_H */

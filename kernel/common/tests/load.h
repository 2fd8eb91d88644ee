/* SPDX-License-Identifier: GPL-2.0-only */
/* Repetition counts of tests. */
#ifndef _RIOD_TESTS_LOAD_H
#define _RIOD_TESTS_LOAD_H

#include <linux/kconfig.h>

/* debug kernels are slow, and their checkers see the same code each time */
#define RIOD_LOAD(n)	((n) / (IS_ENABLED(CONFIG_KASAN) ? 10 : 1))

#endif /* _RIOD_TESTS_LOAD_H */

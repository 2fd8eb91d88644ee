/* SPDX-License-Identifier: GPL-2.0-only */
/* How much the tests do of what they do many times. */
#ifndef _RIOD_TESTS_LOAD_H
#define _RIOD_TESTS_LOAD_H

#include <linux/kconfig.h>

/* what checks a debug kernel looks at the same code each time, and is slow */
#define RIOD_LOAD(n)	((n) / (IS_ENABLED(CONFIG_KASAN) ? 10 : 1))

#endif /* _RIOD_TESTS_LOAD_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* the kernel's static_assert(), for wire.h in a program */
#ifndef SELFTESTS_HOST_BUILD_BUG_H
#define SELFTESTS_HOST_BUILD_BUG_H

#include <assert.h>

#undef static_assert
#define static_assert(expr, ...) _Static_assert(expr, #expr)

#endif

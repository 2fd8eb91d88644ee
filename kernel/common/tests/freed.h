/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * freed.h - remains of data in freed memory
 */
#ifndef _RIOD_TESTS_FREED_H
#define _RIOD_TESTS_FREED_H

#include <linux/compiler.h>
#include <linux/kfence.h>
#include <linux/types.h>

/**
 * words_left() - count words of a pattern in memory that was just freed
 * @at: address, aligned
 * @len: bytes
 * @byte: byte of the pattern
 *
 * A new owner of the memory may have overwritten it, so 0 is possible without zeroing.
 * Bypasses KASAN; memory of KFENCE cannot be read, so it counts as 0.
 */
static inline unsigned int words_left(const void *at, size_t len, u8 byte)
{
	const unsigned long pattern = ~0ul / 0xff * byte;
	const unsigned long *p = at;
	unsigned int n = 0;

	if (is_kfence_address(at))
		return 0;
	for (; len >= sizeof(*p); len -= sizeof(*p), p++)
		n += READ_ONCE_NOCHECK(*p) == pattern;
	return n;
}

#endif /* _RIOD_TESTS_FREED_H */

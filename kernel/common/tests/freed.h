/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * freed.h - what is left in memory that was freed
 */
#ifndef _RIOD_TESTS_FREED_H
#define _RIOD_TESTS_FREED_H

#include <linux/compiler.h>
#include <linux/kfence.h>
#include <linux/types.h>

/**
 * words_left() - words of a pattern in memory that was just freed
 * @at: where it was, aligned
 * @len: bytes
 * @byte: the pattern
 *
 * Whoever has the memory now has overwritten it at the most.  KASAN is not asked; what
 * KFENCE had handed out cannot be read any more.
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

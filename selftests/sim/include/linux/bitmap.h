/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_BITMAP_H
#define _SIM_LINUX_BITMAP_H

#include <linux/types.h>

#define BITS_PER_LONG		(8 * sizeof(long))
#define BIT(n)			(1ul << (n))
#define BIT_WORD(n)		((n) / BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits) \
	unsigned long name[((bits) + BITS_PER_LONG - 1) / BITS_PER_LONG]

static inline bool test_bit(u32 n, const unsigned long *map)
{
	return map[n / BITS_PER_LONG] >> (n % BITS_PER_LONG) & 1;
}

static inline void __set_bit(u32 n, unsigned long *map)
{
	map[n / BITS_PER_LONG] |= BIT(n % BITS_PER_LONG);
}

static inline void bitmap_zero(unsigned long *map, u32 bits)
{
	memset(map, 0, bits / 8);
}

static inline void bitmap_fill(unsigned long *map, u32 bits)
{
	memset(map, 0xff, bits / 8);
}

static inline u32 find_next_bit(const unsigned long *map, u32 bits, u32 at)
{
	while (at < bits && !test_bit(at, map))
		at++;
	return at;
}

static inline u32 find_next_zero_bit(const unsigned long *map, u32 bits, u32 at)
{
	while (at < bits && test_bit(at, map))
		at++;
	return at;
}

static inline void bitmap_set(unsigned long *map, u32 start, u32 n)
{
	while (n--)
		__set_bit(start++, map);
}

static inline bool bitmap_intersects(const unsigned long *a, const unsigned long *b, u32 bits)
{
	u32 i;

	for (i = 0; i < bits / BITS_PER_LONG; i++) {
		if (a[i] & b[i])
			return true;
	}
	return false;
}

static inline void bitmap_or(unsigned long *to, const unsigned long *a, const unsigned long *b,
			     u32 bits)
{
	u32 i;

	for (i = 0; i < bits / BITS_PER_LONG; i++)
		to[i] = a[i] | b[i];
}

#define for_each_set_bit(bit, map, bits) \
	for ((bit) = 0; (bit) < (bits); (bit)++) \
		if (test_bit(bit, map))

#endif /* _SIM_LINUX_BITMAP_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses to memory that others write concurrently.
 *
 * Guest CPUs and devices store into the pages while the engine reads and
 * changes them.  A granule is the unit of both (rule 8, atomic apply): 16
 * aligned bytes, changed by one compare and exchange where the CPU has a
 * 16-byte one, otherwise in two steps of 8 bytes.
 */
#ifndef _RIOD_SYNC_GRANULE_H
#define _RIOD_SYNC_GRANULE_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>
/* system_has_cmpxchg128() */
#include <asm/cpufeature.h>

#include "wire.h"

#define RIOD_GRANULE		16u
#define RIOD_GRANULES		(RIOD_PAGE_SIZE / RIOD_GRANULE)
#define RIOD_LINE		64u

union riod_granule {
	u64 w[2];
	u8 b[RIOD_GRANULE];
#ifdef system_has_cmpxchg128
	u128 whole;
#endif
} __aligned(RIOD_GRANULE);

/**
 * struct riod_patch - a change to one granule
 * @val: new bytes
 * @mask: 0xff for a byte to change, 0 for a byte to keep
 */
struct riod_patch {
	union riod_granule val;
	union riod_granule mask;
};

/* 0xff in every byte of the result whose byte in @x is 0, else 0 */
static inline u64 riod_zero_bytes(u64 x)
{
	const u64 low7 = 0x7f7f7f7f7f7f7f7fULL;
	u64 nonzero = ((x & low7) + low7) | x | low7;

	return (~nonzero >> 7) * 0xff;
}

/*
 * Do 64 bytes of memory differ from a copy?  Each word is read once, in no
 * particular order; riod_granule_read() rereads where they differ.
 */
static inline bool riod_line_differs(const u8 *live, const u8 *copy)
{
	const u64 *a = (const u64 *)live;
	const u64 *b = (const u64 *)copy;

	return ((READ_ONCE(a[0]) ^ b[0]) | (READ_ONCE(a[1]) ^ b[1]) |
		(READ_ONCE(a[2]) ^ b[2]) | (READ_ONCE(a[3]) ^ b[3]) |
		(READ_ONCE(a[4]) ^ b[4]) | (READ_ONCE(a[5]) ^ b[5]) |
		(READ_ONCE(a[6]) ^ b[6]) | (READ_ONCE(a[7]) ^ b[7])) != 0;
}

/* reads of a granule that changes all the time */
#define RIOD_GRANULE_TRIES	64

/**
 * riod_granule_read() - read a granule atomically
 * @live: 16 aligned bytes that others write
 * @mmio: device memory: no exchange
 * @g: the bytes
 *
 * The second word is read between two reads of the first that agree, so both
 * were in memory together at that moment.  The barriers keep the order of the
 * three reads on CPUs that reorder loads.  If the first word changes each time,
 * an exchange that changes nothing reads the granule; without a 16-byte
 * exchange, and from device memory, it may be torn.
 */
static inline void riod_granule_read(const u8 *live, bool mmio, union riod_granule *g)
{
	const u64 *p = (const u64 *)live;
	unsigned int i;
	u64 again;

	g->w[0] = READ_ONCE(p[0]);
	for (i = 0; i < RIOD_GRANULE_TRIES; i++) {
		/* first word before second */
		smp_rmb();
		g->w[1] = READ_ONCE(p[1]);
		/* second word before first again */
		smp_rmb();
		again = READ_ONCE(p[0]);
		if (likely(again == g->w[0]))
			return;
		g->w[0] = again;
	}
#ifdef system_has_cmpxchg128
	if (!mmio && system_has_cmpxchg128())
		g->whole = cmpxchg128((u128 *)p, 0, 0);
#endif
}

/*
 * New value of a word: the bytes of @mask are taken from @val; with @guard,
 * only those bytes of @old that still equal @guard.
 */
static inline u64 riod_word_merge(u64 old, u64 val, u64 mask, const u64 *guard,
				  u64 *taken)
{
	if (guard)
		mask &= riod_zero_bytes(old ^ *guard);
	*taken = mask;
	return (old & ~mask) | (val & mask);
}

/* word by word, for CPUs without a 16-byte exchange */
static inline void riod_granule_merge8(u8 *live, const struct riod_patch *p,
				       const union riod_granule *guard,
				       union riod_granule *taken)
{
	u64 *word = (u64 *)live;
	unsigned int i;
	u64 old, new;

	for (i = 0; i < 2; i++) {
		old = READ_ONCE(word[i]);
		do {
			new = riod_word_merge(old, p->val.w[i], p->mask.w[i],
					      guard ? &guard->w[i] : NULL,
					      &taken->w[i]);
		} while (new != old && !try_cmpxchg64(&word[i], &old, new));
	}
}

#ifdef system_has_cmpxchg128
static inline void riod_granule_merge16(u8 *live, const struct riod_patch *p,
					const union riod_granule *guard,
					union riod_granule *taken)
{
	const u64 *word = (const u64 *)live;
	union riod_granule old, new;
	unsigned int i;

	/* may be torn: the exchange then fails and loads the current value */
	old.w[0] = READ_ONCE(word[0]);
	old.w[1] = READ_ONCE(word[1]);
	do {
		for (i = 0; i < 2; i++)
			new.w[i] = riod_word_merge(old.w[i], p->val.w[i],
						   p->mask.w[i],
						   guard ? &guard->w[i] : NULL,
						   &taken->w[i]);
	} while (new.whole != old.whole &&
		 !try_cmpxchg128((u128 *)live, &old.whole, new.whole));
}
#endif

/* store the bytes of @val in @mask; a whole word or half word in one store */
static inline void riod_word_store(u8 *to, u64 val, u64 mask)
{
	unsigned int i, half;

	if (mask == ~0ULL) {
		WRITE_ONCE(*(u64 *)to, val);
		return;
	}
	for (half = 0; half < 8; half += 4) {
		if ((u32)(mask >> (8 * half)) == ~0u) {
			WRITE_ONCE(*(u32 *)(to + half), (u32)(val >> (8 * half)));
			continue;
		}
		for (i = half; i < half + 4; i++) {
			if (mask >> (8 * i) & 1)
				WRITE_ONCE(to[i], (u8)(val >> (8 * i)));
		}
	}
}

/*
 * riod_granule_merge() for device memory.  Endpoints need not support locked
 * cycles (PCIe 6.5), so only the bytes that change are written, with plain
 * stores.  A byte that the device changes between the comparison with @guard
 * and the store is overwritten: the one case in which the guest wins (rule 7,
 * the device wins).
 */
static inline void riod_granule_store(u8 *live, const struct riod_patch *p,
				      const union riod_granule *guard,
				      union riod_granule *taken)
{
	const u64 *word = (const u64 *)live;
	unsigned int i;
	u64 old, new;

	for (i = 0; i < 2; i++) {
		old = READ_ONCE(word[i]);
		new = riod_word_merge(old, p->val.w[i], p->mask.w[i],
				      guard ? &guard->w[i] : NULL, &taken->w[i]);
		if (new != old)
			riod_word_store(live + 8 * i, new, taken->w[i]);
	}
}

/**
 * riod_granule_merge() - change bytes of a granule atomically
 * @live: 16 aligned bytes that others write
 * @p: what to change
 * @guard: change only bytes that still have this value; NULL: all bytes of @p
 * @taken: mask of the bytes that now have the value of @p
 *
 * Bytes outside @p are written back only with their current value, so a
 * concurrent store to them is never undone.  Each iteration of the loop means
 * that another writer changed this granule.  Implies a full barrier if a byte
 * changed.
 */
static inline void riod_granule_merge(u8 *live, const struct riod_patch *p,
				      const union riod_granule *guard,
				      union riod_granule *taken)
{
#ifdef system_has_cmpxchg128
	if (system_has_cmpxchg128()) {
		riod_granule_merge16(live, p, guard, taken);
		return;
	}
#endif
	riod_granule_merge8(live, p, guard, taken);
}

static inline bool riod_granule_equal(const union riod_granule *a,
				      const union riod_granule *b)
{
	return !((a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]));
}

/* number of bytes in a mask */
static inline u32 riod_granule_weight(const union riod_granule *mask)
{
	return (hweight64(mask->w[0]) + hweight64(mask->w[1])) / 8;
}

#endif /* _RIOD_SYNC_GRANULE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_ATOMIC_H
#define _SIM_LINUX_ATOMIC_H

#include <linux/types.h>

typedef struct {
	s64 counter;
} atomic64_t;

#define atomic64_set(v, i)		((void)((v)->counter = (i)))
#define atomic64_read(v)		__atomic_load_n(&(v)->counter, __ATOMIC_RELAXED)
#define atomic64_try_cmpxchg(v, old, new)						\
	__atomic_compare_exchange_n(&(v)->counter, old, new, false, __ATOMIC_SEQ_CST,	\
				    __ATOMIC_SEQ_CST)
#define atomic64_sub(i, v)		((void)__atomic_sub_fetch(&(v)->counter, i, __ATOMIC_SEQ_CST))

/* -DSIM_NO_CMPXCHG128 selects the engine's code for CPUs without a 16-byte exchange */
#ifndef SIM_NO_CMPXCHG128
#define system_has_cmpxchg128()	1

static inline u128 cmpxchg128(u128 *p, u128 old, u128 new)
{
	u64 lo = (u64)old, hi = (u64)(old >> 64);

	sim_step();
	asm volatile("lock cmpxchg16b %0"
		     : "+m" (*p), "+a" (lo), "+d" (hi)
		     : "b" ((u64)new), "c" ((u64)(new >> 64))
		     : "memory", "cc");
	return (u128)hi << 64 | lo;
}

static inline bool try_cmpxchg128(u128 *p, u128 *old, u128 new)
{
	u128 was = cmpxchg128(p, *old, new);
	bool done = was == *old;

	*old = was;
	return done;
}
#endif

static inline bool try_cmpxchg64(u64 *p, u64 *old, u64 new)
{
	sim_step();
	return __atomic_compare_exchange_n(p, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

#endif /* _SIM_LINUX_ATOMIC_H */

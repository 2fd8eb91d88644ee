/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Just enough of the kernel to build the coherence engine's unchanged sources in
 * userspace.  The engine accesses shared memory only through READ_ONCE(), WRITE_ONCE() and
 * exchanges; each of them calls sim_step() first, where the simulator may switch tasks.
 */
#ifndef _SIM_LINUX_TYPES_H
#define _SIM_LINUX_TYPES_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t s32;
typedef unsigned long long u64;
typedef long long s64;
typedef unsigned __int128 u128;
typedef u8 __u8;
typedef u16 __u16, __le16;
typedef u32 __u32, __le32;
typedef u64 __u64, __le64;
typedef unsigned int gfp_t;

#define U16_MAX			((u16)~0u)
#define U32_MAX			((u32)~0u)
#define U64_MAX			((u64)~0ull)

#define __must_check		__attribute__((__warn_unused_result__))
#define __aligned(n)		__attribute__((aligned(n)))
#define __counted_by(member)
#define __force
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define static_assert		_Static_assert

#define cpu_to_le16(x)		((__le16)(x))
#define cpu_to_le32(x)		((__le32)(x))
#define cpu_to_le64(x)		((__le64)(x))
#define le16_to_cpu(x)		((u16)(x))
#define le32_to_cpu(x)		((u32)(x))
#define le64_to_cpu(x)		((u64)(x))

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define struct_size(p, member, n)	(sizeof(*(p)) + (n) * sizeof((p)->member[0]))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

#define ALIGN(x, a)		(((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a)	(((x) & ((a) - 1)) == 0)
#define round_down(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define min_t(t, a, b)		min((t)(a), (t)(b))
#define clamp_t(t, x, a, b)	min_t(t, max((t)(x), (t)(a)), b)
#define swap(a, b) \
	do { __typeof__(a) swap_tmp = (a); (a) = (b); (b) = swap_tmp; } while (0)

#define EXPORT_SYMBOL_GPL(sym)	extern int sim_exported
/* a warning of the engine fails the test */
#define WARN_ON(cond) ({						\
	bool warn_on = (cond);						\
	if (warn_on) {							\
		printf("Bail out! WARN_ON(%s) at %s:%d\n", #cond, __FILE__, __LINE__); \
		abort();						\
	}								\
	warn_on;							\
})
#define WARN_ON_ONCE(cond)	WARN_ON(cond)

#define hweight64(x)		((unsigned int)__builtin_popcountll(x))

/* tasks.c; unlimited outside of tasks, as in sim-threads */
extern _Thread_local long sim_budget;
void sim_switch(void);
static inline void sim_step(void)
{
	if (unlikely(--sim_budget < 0))
		sim_switch();
}

#define READ_ONCE(x) ({							\
	sim_step();							\
	*(const volatile __typeof__(x) *)&(x);				\
})
#define WRITE_ONCE(x, v) ({						\
	sim_step();							\
	*(volatile __typeof__(x) *)&(x) = (v);				\
})
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif /* _SIM_LINUX_TYPES_H */

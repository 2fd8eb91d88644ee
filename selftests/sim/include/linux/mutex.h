/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_MUTEX_H
#define _SIM_LINUX_MUTEX_H

#include <pthread.h>

#include <linux/types.h>

/* tasks use @held as the lock, threads use @m */
struct mutex {
	pthread_mutex_t m;
	const void *owner;
	bool held;
};

/* tasks.c: identity of the running task or thread */
const void *sim_self(void);
void mutex_lock(struct mutex *l);
void mutex_unlock(struct mutex *l);

static inline void mutex_init(struct mutex *l)
{
	pthread_mutex_init(&l->m, NULL);
	l->held = false;
}

static inline void mutex_destroy(struct mutex *l)
{
	WARN_ON(l->held);
	pthread_mutex_destroy(&l->m);
}

#define lockdep_assert_held(l)	WARN_ON(!(l)->held || (l)->owner != sim_self())

#endif /* _SIM_LINUX_MUTEX_H */

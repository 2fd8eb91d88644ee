/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_MUTEX_H
#define _SIM_LINUX_MUTEX_H

#include <pthread.h>

#include <linux/types.h>

struct mutex {
	pthread_mutex_t m;
	pthread_t owner;
	bool held;
};

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

static inline void mutex_lock(struct mutex *l)
{
	/* with one thread, a lock that is held will never be let go of */
	WARN_ON(sim_hook && l->held);
	pthread_mutex_lock(&l->m);
	l->owner = pthread_self();
	l->held = true;
}

static inline void mutex_unlock(struct mutex *l)
{
	l->held = false;
	pthread_mutex_unlock(&l->m);
}

#define lockdep_assert_held(l)	\
	WARN_ON(!(l)->held || !pthread_equal((l)->owner, pthread_self()))

#endif /* _SIM_LINUX_MUTEX_H */

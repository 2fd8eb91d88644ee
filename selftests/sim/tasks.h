/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks that interleave at every access to memory, by a schedule that can be replayed
 *
 * Guest CPUs, devices, pumps and receive threads are coroutines.  sim_step(), before
 * each access, takes one from the running task's budget; when that is used up another
 * task has its turn.  Who and for how many accesses is drawn from a seed and written to
 * a tape: the same tape gives the same run, and a tape with turns taken out gives a
 * similar one, which is how a failure is made short.
 */
#ifndef _SIM_TASKS_H
#define _SIM_TASKS_H

#include <linux/types.h>

#define SIM_TASKS_MAX	16

/** struct sim_turn - a task ran for so many accesses */
struct sim_turn {
	u32 task;
	u32 steps;
};

/** struct sim_tape - a schedule */
struct sim_tape {
	struct sim_turn *turns;
	size_t n, room;
};

/**
 * struct sim_task_params - how a task takes part
 * @name: for traces
 * @fn: what it does; it is done when this returns
 * @arg: argument of @fn
 * @service: it serves the others, without an end: a pump, a receive thread
 * @burst_max: log2 of the most accesses that its turns have on average
 */
struct sim_task_params {
	const char *name;
	void (*fn)(void *arg);
	void *arg;
	bool service;
	u32 burst_max;
};

/* why a run ended */
enum sim_outcome {
	SIM_DONE,	/* all tasks but services have ended */
	SIM_STUCK,	/* nobody can go on, and services have nothing left to do */
	SIM_ENDLESS,	/* there was no end within SIM_STEPS_MAX accesses */
	SIM_STOPPED,	/* sim_stop() */
};

#define SIM_STEPS_MAX	4000000u

/* tasks of the next run; they begin in sim_sched_run() */
void sim_sched_begin(u64 seed);
void sim_spawn(const struct sim_task_params *params);

/**
 * sim_sched_run() - run until the outcome is clear
 * @record: tape to write the turns to; may be NULL
 * @replay: tape to take the turns from; behind its end, and where it is NULL and
 *	@seeded is not set, every task runs in turn until it waits
 * @seeded: draw turns from the seed
 */
enum sim_outcome sim_sched_run(struct sim_tape *record, const struct sim_tape *replay,
			       bool seeded);

/* services only, each in turn, until none has anything to do for a while */
void sim_sched_drain(void);

/*
 * From a task: give up the turn; to poll again, after some accesses of the others'; or
 * for as long as @ready says no.
 */
void sim_pause(void);
void sim_relax(void);
void sim_wait(bool (*ready)(void *arg), void *arg);
/* a service's round did something (or found nothing to do) */
void sim_did(bool something);
/* is everybody to do what he has, because nobody else can go on? */
bool sim_hurry(void);
/* end the run at the next switch: an invariant failed */
void sim_stop(void);

/* the running task's name, NULL outside; accesses so far */
const char *sim_task_name(void);
u64 sim_steps(void);

u32 sim_random(u32 below);
extern _Thread_local u64 sim_seed;

/* does this allocation fail? NULL: none does */
extern bool (*sim_alloc_fails)(void);

void sim_tape_free(struct sim_tape *tape);

#endif /* _SIM_TASKS_H */

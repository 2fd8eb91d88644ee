/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks that interleave at every memory access, by a schedule that can be replayed
 *
 * Guest CPUs, devices, pumps and receive threads are coroutines.  sim_step(), called
 * before each access, decrements the running task's budget; at zero another task gets a
 * turn.  Task and length of a turn are drawn from a seed and recorded on a tape.  The same
 * tape gives the same run; a tape with some turns removed gives a similar one, which is
 * how a failure is reduced.
 */
#ifndef _SIM_TASKS_H
#define _SIM_TASKS_H

#include <linux/types.h>

#define SIM_TASKS_MAX	16

/** struct sim_turn - a task runs for this many accesses */
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
 * struct sim_task_params - parameters of a task
 * @name: for traces
 * @fn: body of the task, which ends when it returns
 * @arg: argument of @fn
 * @service: an endless task that serves the others: a pump, a receive thread
 * @burst_max: log2 of the largest average length of its turns, in accesses
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
	SIM_STUCK,	/* no task can run, and services have nothing left to do */
	SIM_ENDLESS,	/* no end within SIM_STEPS_MAX accesses */
	SIM_STOPPED,	/* sim_stop() was called */
};

#define SIM_STEPS_MAX	4000000u

/* set up the tasks of the next run; they start in sim_sched_run() */
void sim_sched_begin(u64 seed);
void sim_spawn(const struct sim_task_params *params);

/**
 * sim_sched_run() - run until there is an outcome
 * @record: tape to write the turns to; may be NULL
 * @replay: tape to take the turns from; may be NULL.  After its end, and without both
 *	@replay and @seeded, each task in turn runs until it waits.
 * @seeded: draw turns from the seed
 */
enum sim_outcome sim_sched_run(struct sim_tape *record, const struct sim_tape *replay,
			       bool seeded);

/* run only services, in turn, until none has had anything to do for some rounds */
void sim_sched_drain(void);

/*
 * For tasks: end the turn; end it and rest for some accesses of other tasks, before
 * polling again; wait until @ready returns true.
 */
void sim_pause(void);
void sim_relax(void);
void sim_wait(bool (*ready)(void *arg), void *arg);
/* a service reports whether its round did something */
void sim_did(bool something);
/* true while services should do all their pending work, because no other task can run */
bool sim_hurry(void);
/* stop the run: an invariant failed */
void sim_stop(void);

/* the running task's name, NULL outside of tasks; number of accesses so far */
const char *sim_task_name(void);
u64 sim_steps(void);

u32 sim_random(u32 below);
extern _Thread_local u64 sim_seed;

/* returns true to fail an allocation; NULL: no allocation fails */
extern bool (*sim_alloc_fails)(void);

void sim_tape_free(struct sim_tape *tape);

#endif /* _SIM_TASKS_H */

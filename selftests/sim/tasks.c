// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coroutines and the schedule.
 *
 * A coroutine is started by swapcontext(), which costs a system call.  Later switches use
 * the compiler's longjmp, which saves almost no state.  A coroutine that is unfinished at
 * the end of a run is abandoned: everything it held belongs to the world, which is set up
 * again for each run.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <linux/mutex.h>

#include "tasks.h"

#define STACK_SIZE	(128u * 1024)
/* most accesses of other tasks before a resting task polls again */
#define RELAX_MAX	600
/* idle turns of services, with no other task runnable, before every service gets a turn */
#define QUIET_TURNS	48
/* idle rounds of all services after which nothing more will happen */
#define IDLE_ROUNDS	4

struct task {
	struct sim_task_params p;
	void *env[5];
	ucontext_t context;
	void *stack;
	bool begun, done;
	bool (*ready)(void *arg);
	void *ready_arg;
	u32 weight, burst;
	u64 rests_until;	/* in accesses */
};

static struct task tasks[SIM_TASKS_MAX];
static u32 ntasks;
static struct task *running;
static void *scheduler[5];
static ucontext_t first;
static u64 steps;
static bool stopped, did, hurry;
static u32 idle, quiet_turns;

_Thread_local long sim_budget = LONG_MAX;
_Thread_local u64 sim_seed = 1;
/* separate from the seed of data, so that a replayed tape does not change the data */
static u64 schedule_seed;

/* xorshift64*; it only has to give the same numbers everywhere */
static u32 draw_from(u64 *seed, u32 below)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (u32)(*seed * 2685821657736338717ull >> 32) % below;
}

u32 sim_random(u32 below)
{
	return draw_from(&sim_seed, below);
}

/* ------------------------------------------------------------ coroutines */

/*
 * longjmp must not be in the function that has the setjmp.  All three functions are noipa:
 * otherwise callers of leave() would assume which registers it clobbers.
 */
static __attribute__((noipa, noreturn)) void jump(void **env)
{
	__builtin_longjmp(env, 1);
}

static __attribute__((noipa)) void leave(void)
{
	if (!__builtin_setjmp(running->env))
		jump(scheduler);
}

static void task_main(void)
{
	running->p.fn(running->p.arg);
	running->done = true;
	jump(scheduler);
}

static __attribute__((noipa)) void enter(struct task *t)
{
	running = t;
	if (!__builtin_setjmp(scheduler)) {
		if (t->begun)
			jump(t->env);
		t->begun = true;
		getcontext(&t->context);
		t->context.uc_stack.ss_sp = t->stack;
		t->context.uc_stack.ss_size = STACK_SIZE;
		t->context.uc_link = NULL;
		makecontext(&t->context, task_main, 0);
		swapcontext(&first, &t->context);
	}
	running = NULL;
}

/* run a task for @n accesses or until it pauses; returns the number of accesses made */
static u32 turn(struct task *t, u32 n)
{
	sim_budget = n;
	enter(t);
	n -= sim_budget > 0 ? sim_budget : 0;
	steps += n;
	sim_budget = LONG_MAX;
	return n;
}

/* sim_step(): the budget is used up */
void sim_switch(void)
{
	if (running)
		leave();
	else
		sim_budget = LONG_MAX;
}

void sim_pause(void)
{
	if (running)
		leave();
}

void sim_relax(void)
{
	running->rests_until = steps + 1 + sim_random(RELAX_MAX);
	leave();
}

void sim_wait(bool (*ready)(void *arg), void *arg)
{
	while (!ready(arg)) {
		running->ready = ready;
		running->ready_arg = arg;
		leave();
	}
}

void sim_did(bool something)
{
	if (something)
		did = true;
}

void sim_stop(void)
{
	stopped = true;
	if (running)
		leave();
}

bool sim_hurry(void)
{
	return hurry;
}

/* ------------------------------------------------------------ locks */

const void *sim_self(void)
{
	static _Thread_local char thread;

	return running ? (const void *)running : &thread;
}

static bool is_free(void *arg)
{
	return !((struct mutex *)arg)->held;
}

void mutex_lock(struct mutex *l)
{
	if (running)
		sim_wait(is_free, l);
	else
		pthread_mutex_lock(&l->m);
	l->owner = sim_self();
	l->held = true;
}

void mutex_unlock(struct mutex *l)
{
	l->held = false;
	if (!running)
		pthread_mutex_unlock(&l->m);
}

/* ------------------------------------------------------------ queries */

const char *sim_task_name(void)
{
	return running ? running->p.name : NULL;
}

u64 sim_steps(void)
{
	return steps;
}

/* ------------------------------------------------------------ tapes */

static void tape_put(struct sim_tape *tape, u32 task, u32 n)
{
	if (tape->n == tape->room) {
		tape->room = 2 * tape->room + 256;
		tape->turns = realloc(tape->turns, tape->room * sizeof(*tape->turns));
	}
	tape->turns[tape->n++] = (struct sim_turn){ task, n };
}

void sim_tape_free(struct sim_tape *tape)
{
	free(tape->turns);
	memset(tape, 0, sizeof(*tape));
}

/* ------------------------------------------------------------ a run */

void sim_sched_begin(u64 seed)
{
	sim_seed = seed * 0x9e3779b97f4a7c15ull | 1;
	schedule_seed = sim_seed ^ 0x5deece66d5deece6ull;
	ntasks = 0;
	running = NULL;
	steps = 0;
	idle = 0;
	quiet_turns = 0;
	stopped = false;
	hurry = false;
}

void sim_spawn(const struct sim_task_params *params)
{
	struct task *t = &tasks[ntasks++];
	void *stack = t->stack;

	if (!stack)
		stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(t, 0, sizeof(*t));
	t->stack = stack;
	t->p = *params;
	/* which tasks are fast differs from seed to seed */
	t->weight = 1u << draw_from(&schedule_seed, 6);
	t->burst = 1u << draw_from(&schedule_seed, params->burst_max + 1);
}

static bool runnable(struct task *t)
{
	if (t->done)
		return false;
	if (t->ready && !t->ready(t->ready_arg))
		return false;
	t->ready = NULL;
	return true;
}

/*
 * Mask of the tasks that may run; @others: some of them are not services.  Resting tasks
 * run only if no other task can.
 */
static u32 who_may(bool *others)
{
	u32 i, may = 0, rest = 0, services = 0;

	for (i = 0; i < ntasks; i++) {
		if (!runnable(&tasks[i]))
			continue;
		if (tasks[i].rests_until > steps)
			rest |= 1u << i;
		else
			may |= 1u << i;
		if (tasks[i].p.service)
			services |= 1u << i;
	}
	*others = (may | rest) & ~services;
	return may ?: rest;
}

static bool all_done(void)
{
	u32 i;

	for (i = 0; i < ntasks; i++) {
		if (!tasks[i].p.service && !tasks[i].done)
			return false;
	}
	return true;
}

static u32 draw(u32 may)
{
	u32 weight = 0, left, at, i;

	for (left = may; left; left &= left - 1)
		weight += tasks[__builtin_ctz(left)].weight;
	at = draw_from(&schedule_seed, weight);
	for (left = may;; left &= left - 1) {
		i = __builtin_ctz(left);
		if (at < tasks[i].weight)
			return i;
		at -= tasks[i].weight;
	}
}

/* run each runnable task until it waits or pauses */
static void round_robin(bool services)
{
	u32 i;

	did = false;
	hurry = true;
	for (i = 0; i < ntasks && !stopped; i++) {
		if (services && !tasks[i].p.service)
			continue;
		if (runnable(&tasks[i]))
			turn(&tasks[i], SIM_STEPS_MAX);
	}
	hurry = false;
	idle = did ? 0 : idle + 1;
}

enum sim_outcome sim_sched_run(struct sim_tape *record, const struct sim_tape *replay,
			       bool seeded)
{
	size_t at = 0;
	u32 may, i, n;
	bool others;

	while (!all_done()) {
		if (stopped)
			return SIM_STOPPED;
		if (steps > SIM_STEPS_MAX)
			return SIM_ENDLESS;
		may = who_may(&others);
		if (others) {
			idle = 0;
			quiet_turns = 0;
		}
		if (!may || quiet_turns > QUIET_TURNS) {
			/* only messages in flight can make a task runnable */
			round_robin(true);
			if (idle >= IDLE_ROUNDS)
				return SIM_STUCK;
			continue;
		}
		did = false;
		if (replay && at < replay->n) {
			i = replay->turns[at].task;
			n = replay->turns[at++].steps;
			if (i < ntasks && runnable(&tasks[i]))
				turn(&tasks[i], n);
		} else if (seeded) {
			i = draw(may);
			n = turn(&tasks[i], 1 + draw_from(&schedule_seed, 2 * tasks[i].burst));
			if (record)
				tape_put(record, i, n);
		} else {
			round_robin(false);
		}
		quiet_turns = did ? 0 : quiet_turns + 1;
	}
	return stopped ? SIM_STOPPED : SIM_DONE;
}

void sim_sched_drain(void)
{
	idle = 0;
	while (idle < IDLE_ROUNDS && !stopped && steps <= SIM_STEPS_MAX)
		round_robin(true);
}

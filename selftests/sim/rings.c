// SPDX-License-Identifier: GPL-2.0-only
/*
 * sim-rings - drivers and devices of every kind of ring, interleaved
 *
 * Each run is one schedule of one protocol, drawn from a seed.  Prints KTAP: a result for
 * each protocol, and one for the race windows, all of which must have been hit.  A failed
 * schedule is reduced by removing turns until none can be removed, and then printed access
 * by access.
 *
 * Some protocols are known to be wrong without a profile.  Each must violate the invariant
 * that it names within WRONG_SCHEDULES, and is reported as XFAIL.  If one does not,
 * Documentation/profiles.rst and the frontend's warning are out of date.
 */
#include <getopt.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

#define PROTOS_MAX	64
#define WRONG_SCHEDULES	5000

static const char *only;
static u64 first_seed = 1, nseeds, hunted;
static u32 jobs = 1;
static u32 nsound;	/* protocols without &sim_proto.violates */
static bool one_seed;

static const struct sim_proto *find(const char *name)
{
	u32 i;

	for (i = 0; i < sim_nprotos; i++) {
		if (!strcmp(sim_protos[i]->name, name))
			return sim_protos[i];
	}
	fprintf(stderr, "there is no protocol '%s'; there are:", name);
	for (i = 0; i < sim_nprotos; i++)
		fprintf(stderr, " %s", sim_protos[i]->name);
	fprintf(stderr, "\n");
	exit(2);
}

/* ------------------------------------------------------------ reducing a failure */

static bool fails_as(const struct sim_proto *p, u64 seed, const struct sim_tape *tape,
		     const char *invariant)
{
	struct sim_result r;

	sim_world_run(p, seed, NULL, tape, &r);
	return r.invariant && !strcmp(r.invariant, invariant);
}

/* copies @tape without the turns from @from up to, not including, @to */
static void without(const struct sim_tape *tape, size_t from, size_t to, struct sim_tape *out)
{
	out->n = tape->n - (to - from);
	out->turns = malloc(out->n * sizeof(*out->turns) + 1);
	memcpy(out->turns, tape->turns, from * sizeof(*out->turns));
	memcpy(out->turns + from, tape->turns + to, (tape->n - to) * sizeof(*out->turns));
}

/* remove runs of turns, long runs first, while the schedule still fails in the same way */
static void shrink(const struct sim_proto *p, u64 seed, struct sim_tape *tape,
		   const char *invariant)
{
	size_t piece, from, to;
	struct sim_tape less;
	bool ok;
	u64 budget = 500000000;	/* accesses */

	for (piece = tape->n / 2 + 1; piece; piece /= 2) {
		for (from = 0; from < tape->n && budget; ) {
			to = min(from + piece, tape->n);
			without(tape, from, to, &less);
			ok = fails_as(p, seed, &less, invariant);
			budget -= min(budget, sim_steps());
			if (ok) {
				sim_tape_free(tape);
				*tape = less;
			} else {
				free(less.turns);
				from = to;
			}
		}
	}
}

static void explain(const struct sim_proto *p, u64 seed, const struct sim_result *failed)
{
	struct sim_tape tape = {};
	struct sim_result r;
	size_t before;

	printf("# invariant %s: %s\n", failed->invariant, failed->text);
	printf("# again: sim-rings --protocol %s --seed %llu\n", p->name, seed);
	sim_world_run(p, seed, &tape, NULL, &r);
	if (!fails_as(p, seed, &tape, failed->invariant)) {
		printf("# its tape does not replay: the simulator is at fault\n");
		return;
	}
	before = tape.n;
	shrink(p, seed, &tape, failed->invariant);
	printf("# %zu turns, of which %zu matter; with those:\n", before, tape.n);
	sim_tracing = true;
	sim_world_run(p, seed, NULL, &tape, &r);
	sim_tracing = false;
	sim_tape_free(&tape);
}

/* ------------------------------------------------------------ runs */

/* shared between the processes */
static struct shared {
	u64 windows[SIM_WINDOWS];
	u64 done[PROTOS_MAX];
	u64 failed[PROTOS_MAX];		/* lowest seed that failed, 0: none */
	u64 violated[PROTOS_MAX];	/* a seed that violated &sim_proto.violates, 0: none */
} *shared;

static u64 seeds_of(const struct sim_proto *p)
{
	if (p->violates)
		return one_seed ? 1 : WRONG_SCHEDULES;
	return nseeds * (p->share ?: 100) / 100 ?: 1;
}

static void note_failure(u32 nr, u64 seed)
{
	u64 was = __atomic_load_n(&shared->failed[nr], __ATOMIC_RELAXED);

	while ((!was || seed < was) &&
	       !__atomic_compare_exchange_n(&shared->failed[nr], &was, seed, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static bool settled(u32 nr)
{
	return __atomic_load_n(&shared->failed[nr], __ATOMIC_RELAXED) ||
		__atomic_load_n(&shared->violated[nr], __ATOMIC_RELAXED);
}

/* every @jobs-th seed of protocol @nr */
static void work_one(u32 nr, u32 job)
{
	const struct sim_proto *p = sim_protos[nr];
	struct sim_result r;
	u64 seed;

	if (only && strcmp(only, p->name))
		return;
	for (seed = first_seed + job; seed < first_seed + seeds_of(p); seed += jobs) {
		sim_world_run(p, seed, NULL, NULL, &r);
		__atomic_fetch_add(&shared->done[nr], 1, __ATOMIC_RELAXED);
		if (r.invariant && p->violates && !strcmp(r.invariant, p->violates))
			__atomic_store_n(&shared->violated[nr], seed, __ATOMIC_RELAXED);
		else if (r.invariant)
			note_failure(nr, seed);
		if (settled(nr))
			break;
	}
}

static void work(u32 job)
{
	u32 i;

	for (i = 0; i < nsound; i++)
		work_one(i, job);
	/* count windows of sound protocols only */
	for (i = 0; i < SIM_WINDOWS; i++)
		__atomic_fetch_add(&shared->windows[i], sim_windows[i], __ATOMIC_RELAXED);
	for (i = nsound; i < sim_nprotos; i++)
		work_one(i, job);
}

static void print_progress(void)
{
	u64 done = 0, all = 0;
	u32 i;

	for (i = 0; i < nsound; i++) {
		done += __atomic_load_n(&shared->done[i], __ATOMIC_RELAXED);
		if (!only || !strcmp(only, sim_protos[i]->name))
			all += seeds_of(sim_protos[i]);
	}
	if (all)
		fprintf(stderr, "\r%llu of %llu schedules (%llu%%)\033[K", done, all,
			100 * done / all);
}

/* false: one of the processes did not complete */
static bool work_all(void)
{
	bool ok = true, progress = isatty(STDERR_FILENO);
	int status;
	pid_t pid;
	u32 i;

	if (jobs == 1 && !progress) {
		work(0);
		return true;
	}
	fflush(stdout);
	for (i = 0; i < jobs; i++) {
		pid = fork();
		if (!pid) {
			work(i);
			fflush(stdout);
			_exit(0);
		}
		ok &= pid > 0;
	}
	while ((pid = waitpid(-1, &status, progress ? WNOHANG : 0)) >= 0) {
		if (pid) {
			ok &= !status;
			continue;
		}
		print_progress();
		usleep(200000);
	}
	if (progress)
		fprintf(stderr, "\r\033[K");
	return ok;
}

static bool report(u32 nr, u32 n)
{
	const struct sim_proto *p = sim_protos[nr];
	struct sim_result r;

	if (shared->failed[nr]) {
		sim_world_run(p, shared->failed[nr], NULL, NULL, &r);
		explain(p, shared->failed[nr], &r);
	}
	printf("%sok %u %s # %llu schedules, seeds from %llu\n", shared->failed[nr] ? "not " : "",
	       n, p->name, shared->done[nr], first_seed);
	return !shared->failed[nr];
}

/* a protocol that must violate its invariant has done so; otherwise it is out of date */
static bool report_wrong(u32 nr, u32 n)
{
	const struct sim_proto *p = sim_protos[nr];
	struct sim_result r;

	if (shared->failed[nr])
		return report(nr, n);
	if (!shared->violated[nr]) {
		printf("# no schedule violates '%s': is it known to be wrong without a profile?\n",
		       p->violates);
		printf("not ok %u %s # %llu schedules, seeds from %llu\n", n, p->name,
		       shared->done[nr], first_seed);
		return false;
	}
	sim_world_run(p, shared->violated[nr], NULL, NULL, &r);
	printf("# invariant %s: %s\n", r.invariant, r.text);
	printf("# again: sim-rings --protocol %s --seed %llu --trace\n", p->name,
	       shared->violated[nr]);
	printf("ok %u %s # XFAIL wrong without a profile\n", n, p->name);
	return true;
}

static bool report_windows(u32 n)
{
	bool ok = true;
	u32 i;

	for (i = 0; i < SIM_WINDOWS; i++) {
		printf("# %10llu times: %s\n", shared->windows[i], sim_window_names[i]);
		ok &= shared->windows[i] != 0;
	}
	printf("%sok %u every race window was hit\n", ok ? "" : "not ", n);
	return ok;
}

/* all protocols by turns, or one, until it fails: for an engine that is broken on purpose */
static int hunt(u64 most)
{
	struct sim_result r;
	u32 turns = only ? 1 : nsound;
	u64 n;

	for (n = 0; n < most; n++) {
		const struct sim_proto *p = only ? find(only) : sim_protos[n % turns];

		sim_world_run(p, first_seed + n / turns, NULL, NULL, &r);
		if (!r.invariant)
			continue;
		printf("# invariant %s: %s (%s, schedule %llu)\n", r.invariant, r.text, p->name,
		       n + 1);
		return 0;
	}
	printf("# nothing failed in %llu schedules\n", most);
	return 1;
}

/* ------------------------------------------------------------ main */

static const char usage[] =
	"usage: sim-rings [--schedules N] [--first SEED] [--jobs N] [--protocol NAME]\n"
	"       sim-rings --protocol NAME --seed N [--trace]\n"
	"       sim-rings --hunt N [--protocol NAME]\n"
	"       sim-rings --list\n"
	"\n"
	"--schedules N	so many in all, divided among the protocols (20000); those that are known\n"
	"		to be wrong have as many as they need, at most 5000\n"
	"--first SEED	of each protocol, those that follow too (1)\n"
	"--jobs N	so many processes (1)\n"
	"--protocol NAME	only this one\n"
	"--seed N	only this schedule of it, as a failure names it\n"
	"--trace		with every access\n"
	"--hunt N	all protocols by turns, or the one that is named, at most N schedules,\n"
	"		until one fails: the status is 0 if one does\n";

static void spread(u64 schedules)
{
	u64 shares = 0;
	u32 i;

	for (i = 0; i < nsound; i++) {
		if (!only || !strcmp(only, sim_protos[i]->name))
			shares += sim_protos[i]->share ?: 100;
	}
	nseeds = shares ? (100 * schedules + shares - 1) / shares : 0;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "schedules", required_argument, NULL, 'n' },
		{ "first", required_argument, NULL, 'f' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "protocol", required_argument, NULL, 'p' },
		{ "seed", required_argument, NULL, 's' },
		{ "trace", no_argument, NULL, 't' },
		{ "hunt", required_argument, NULL, 'u' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	u64 schedules = 20000;
	u32 i;
	int opt;

	while ((opt = getopt_long(argc, argv, "hj:", options, NULL)) >= 0) {
		switch (opt) {
		case 'n':
			schedules = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			first_seed = strtoull(optarg, NULL, 0);
			break;
		case 'j':
			jobs = strtoul(optarg, NULL, 0) ?: 1;
			break;
		case 'p':
			find(optarg);
			only = optarg;
			break;
		case 's':
			first_seed = strtoull(optarg, NULL, 0);
			one_seed = true;
			break;
		case 't':
			sim_tracing = true;
			break;
		case 'u':
			hunted = strtoull(optarg, NULL, 0);
			break;
		case 'l':
			for (i = 0; i < sim_nprotos; i++)
				printf("%s\n", sim_protos[i]->name);
			exit(0);
		case 'h':
			printf("%s", usage);
			exit(0);
		default:
			fprintf(stderr, "%s", usage);
			exit(2);
		}
	}
	if (one_seed)
		nseeds = 1;
	else
		spread(schedules);
}

int main(int argc, char **argv)
{
	u32 n = 0, i;
	bool ok;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (sim_nprotos > PROTOS_MAX)
		abort();
	while (nsound < sim_nprotos && !sim_protos[nsound]->violates)
		nsound++;
	parse(argc, argv);
	if (hunted)
		return hunt(hunted);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	printf("KTAP version 1\n");
	ok = work_all();
	for (i = 0; i < nsound; i++) {
		if (!only || !strcmp(only, sim_protos[i]->name))
			ok &= report(i, ++n);
	}
	if (!only)
		ok &= report_windows(++n);
	for (; i < sim_nprotos; i++) {
		if (!only || !strcmp(only, sim_protos[i]->name))
			ok &= report_wrong(i, ++n);
	}
	printf("1..%u\n", n);
	return !ok;
}

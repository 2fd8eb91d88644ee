// SPDX-License-Identifier: GPL-2.0-only
/*
 * sim - the coherence engine between a simulated guest and a simulated device
 *
 * Prints KTAP.  One thread and a seed: every run is the same, and a failure says
 * how to run it again.  With --threads: real threads, no order of its own.
 */
#include <getopt.h>
#include <unistd.h>

#include "sim.h"

static const struct sim_params cases[] = {
	{ .name = "calm", .rounds = 1500, .rate = 6000 },
	{ .name = "busy", .rounds = 1500, .rate = 700 },
	{ .name = "very_busy", .rounds = 600, .rate = 120 },
	{ .name = "storm", .rounds = 300, .rate = 30 },
	{ .name = "noisy_neighbour", .rounds = 500, .rate = 3000, .noise = true },
	{ .name = "fast_counter", .rounds = 500, .rate = 3000, .fast_counter = true },
	{ .name = "beat", .rounds = 500, .rate = 3000, .beat = true },
	{ .name = "churn", .rounds = 2500, .rate = 2500, .churn = true },
	{ .name = "no_memory", .rounds = 800, .rate = 3000, .churn = true,
	  .fail_alloc = true },
	{ .name = "all_at_once", .rounds = 600, .rate = 2000, .noise = true,
	  .fast_counter = true, .churn = true, .fail_alloc = true },
};

/* no deadline: a thread may be off its CPU for as long as it pleases the host */
static const struct sim_params threads_case = {
	.name = "threads", .rate = 1, .noise = true, .fast_counter = true, .churn = true,
	.beat = true, .deadline_us = 1000000000,
};

struct sim_world *world;

/* ------------------------------------------------------------ life of a world */

static void map_pages(void)
{
	static const u32 prot[NPAGES] = {
		[DATA0] = RIOD_PROT_READ | RIOD_PROT_WRITE,
		[DATA1] = RIOD_PROT_READ | RIOD_PROT_WRITE,
		[NOISY] = RIOD_PROT_READ | RIOD_PROT_WRITE,
		[READ_ONLY] = RIOD_PROT_READ,
		[CHURN] = RIOD_PROT_READ,
		[FLAGS] = RIOD_PROT_READ | RIOD_PROT_WRITE,
	};
	u32 i;

	for (i = 0; i < NPAGES; i++) {
		if (prot[i])
			sim_map(i, prot[i], 0, false);
	}
	sim_pump(&world->fe);
	while (sim_receive(&world->st))
		;
}

static void world_begin(const struct sim_params *p, u64 seed)
{
	world = calloc(1, sizeof(*world));
	world->p = p;
	sim_seed = seed * 0x9e3779b97f4a7c15ull | 1;
	sim_ends_init();
	sim_actors_init();
	map_pages();
}

static void drain(void)
{
	int idle = 0;

	world->quiet = true;
	/* an empty round of everybody, several times over: acknowledgements too */
	while (idle < 4) {
		idle++;
		if (sim_pump(&world->fe) | sim_receive(&world->st) |
		    sim_pump(&world->st) | sim_receive(&world->fe))
			idle = 0;
	}
}

static void check_stats(void)
{
	const struct riod_sync_stats *fe = &world->fe.y.stats, *st = &world->st.y.stats;

	printf("# fe: cuts %llu passes %llu left-out %llu forced %llu sent %llu late %llu; ",
	       fe->cuts_sent, fe->passes, fe->free_running, fe->forced, fe->sent, fe->late);
	printf("st: cuts %llu passes %llu left-out %llu forced %llu sent %llu dropped %llu; ",
	       st->cuts_sent, st->passes, st->free_running, st->forced, st->sent, st->dropped);
	printf("doorbells %u irqs %u ttl %u\n", world->doorbells, world->irqs, world->ttls);
	if (fe->forced || st->forced)
		sim_fail("unforced", "%llu and %llu cuts were forced", fe->forced, st->forced);
	if (!world->doorbells || !world->irqs || !world->ttls || !sim_polling_works())
		sim_fail("progress", "hardly anything happened");
}

static void world_end(void)
{
	sim_ends_exit();
	free(world);
	world = NULL;
}

/* ------------------------------------------------------------ one thread */

static void round_of_one(void)
{
	u32 n;

	switch (sim_random(12)) {
	case 0 ... 1:
		sim_pump(&world->fe);
		break;
	case 2 ... 3:
		sim_pump(&world->st);
		break;
	case 4 ... 5:
		sim_receive(&world->fe);
		break;
	case 6 ... 8:
		sim_receive(&world->st);
		break;
	case 9 ... 10:
		for (n = sim_random(40); n; n--)
			sim_random(2) ? sim_guest_step() : sim_device_step();
		break;
	case 11:
		for (n = sim_random(8); world->p->churn && n; n--)
			sim_random(10) ? sim_device_tagged() : sim_guest_churn();
		break;
	}
}

static bool run_seed(const struct sim_params *p, u64 seed)
{
	unsigned int i;
	bool ok;

	world_begin(p, seed);
	sim_set_hook(true);
	for (i = 0; i < p->rounds && !sim_failed(); i++)
		round_of_one();
	drain();
	sim_set_hook(false);
	sim_check_quiet();
	check_stats();
	ok = !sim_failed();
	if (!ok)
		printf("# again: sim --case %s --seed %llu\n", p->name, seed);
	world_end();
	return ok;
}

/* ------------------------------------------------------------ threads */

static void *run_guest(void *arg)
{
	u32 n = 0;

	sim_seed = 3;
	while (!atomic_load(&world->stop)) {
		sim_guest_step();
		if (world->p->beat)
			sim_beat_step(true);
		if (world->p->noise && !(n % 64))
			sim_noise_step();
		if (world->p->churn && !(n++ % 4096))
			sim_guest_churn();
		if (!(n % 16))
			sched_yield();
	}
	return arg;
}

static void *run_device(void *arg)
{
	u32 n = 0;

	sim_seed = 5;
	while (!atomic_load(&world->stop)) {
		sim_device_step();
		if (world->p->beat)
			sim_beat_step(false);
		if (world->p->fast_counter)
			sim_fast_counter_step();
		if (!(n++ % 16))
			sched_yield();
	}
	return arg;
}

static void *run_pump(void *end)
{
	while (!atomic_load(&world->stop)) {
		sim_pump(end);
		sched_yield();
	}
	return NULL;
}

static void *run_receive(void *end)
{
	while (!atomic_load(&world->stop)) {
		if (!sim_receive(end))
			sched_yield();
	}
	return NULL;
}

static bool run_threads(unsigned int seconds)
{
	pthread_t t[6];
	u32 i;
	bool ok;

	world_begin(&threads_case, 1);
	pthread_create(&t[0], NULL, run_guest, NULL);
	pthread_create(&t[1], NULL, run_device, NULL);
	pthread_create(&t[2], NULL, run_pump, &world->fe);
	pthread_create(&t[3], NULL, run_pump, &world->st);
	pthread_create(&t[4], NULL, run_receive, &world->fe);
	pthread_create(&t[5], NULL, run_receive, &world->st);
	sleep(seconds);
	atomic_store(&world->stop, true);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	drain();
	sim_check_quiet();
	check_stats();
	ok = !sim_failed();
	world_end();
	return ok;
}

/* ------------------------------------------------------------ main */

static const char *only;
static u64 first_seed = 1;
static unsigned int nseeds = 6, seconds;

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "case", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "threads", required_argument, NULL, 't' },
		{ }
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (opt) {
		case 'c':
			only = optarg;
			break;
		case 's':
			first_seed = strtoull(optarg, NULL, 0);
			nseeds = 1;
			break;
		case 'n':
			nseeds = strtoul(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtoul(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr,
				"usage: sim [--case NAME] [--seed N | --seeds N] [--threads SECONDS]\n");
			exit(2);
		}
	}
}

static bool run_case(const struct sim_params *p)
{
	unsigned int i;

	for (i = 0; i < nseeds; i++) {
		if (!run_seed(p, first_seed + i))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned int n = 0, bad = 0, i;
	bool ok;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv);
	printf("KTAP version 1\n");
	if (seconds) {
		ok = run_threads(seconds);
		printf("%sok 1 threads\n1..1\n", ok ? "" : "not ");
		return !ok;
	}
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		if (only && strcmp(only, cases[i].name))
			continue;
		ok = run_case(&cases[i]);
		bad += !ok;
		printf("%sok %u %s\n", ok ? "" : "not ", ++n, cases[i].name);
	}
	printf("1..%u\n", n);
	return bad || !n;
}

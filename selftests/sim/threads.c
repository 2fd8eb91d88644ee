// SPDX-License-Identifier: GPL-2.0-only
/*
 * sim-threads - guest, device, pumps and receive threads as real threads
 *
 * Prints KTAP.  Every run is different; rings.c has reproducible runs.
 */
#include <unistd.h>

#include "threads.h"

/* most seconds to wait for has_progressed() after the given time */
#define PATIENCE	60

struct sim_world *world;

/* ------------------------------------------------------------ set-up and end of a world */

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

static void world_begin(void)
{
	world = calloc(1, sizeof(*world));
	sim_ends_init();
	sim_actors_init();
	map_pages();
}

static void drain(void)
{
	int idle = 0;

	world->quiet = true;
	/* several rounds in which no side works, because acknowledgments take rounds, too */
	while (idle < 4) {
		idle++;
		if (sim_pump(&world->fe) | sim_receive(&world->st) |
		    sim_pump(&world->st) | sim_receive(&world->fe))
			idle = 0;
	}
}

/* each kind of traffic has occurred at least once */
static bool has_progressed(void)
{
	return world->doorbells && world->irqs && world->ttls && world->st.followed &&
	       sim_polling_works();
}

static void check_stats(void)
{
	const struct riod_sync_stats *fe = &world->fe.y.stats, *st = &world->st.y.stats;

	printf("# fe: cuts %llu passes %llu left-out %llu forced %llu sent %llu late %llu; ",
	       fe->cuts_sent, fe->passes, fe->free_running, fe->forced, fe->sent, fe->late);
	printf("st: cuts %llu passes %llu left-out %llu forced %llu sent %llu dropped %llu; ",
	       st->cuts_sent, st->passes, st->free_running, st->forced, st->sent, st->dropped);
	printf("doorbells %u irqs %u ttl %u followed %u\n", world->doorbells, world->irqs,
	       world->ttls, world->st.followed);
	if (fe->forced || st->forced)
		sim_fail("unforced", "%llu and %llu cuts were forced", fe->forced, st->forced);
	if (!has_progressed())
		sim_fail("progress", "hardly anything happened");
}

static void world_end(void)
{
	sim_ends_exit();
	free(world);
	world = NULL;
}

/* ------------------------------------------------------------ threads */

static void *run_guest(void *arg)
{
	u32 n = 0;

	sim_seed = 3;
	while (!atomic_load(&world->stop)) {
		sim_guest_step();
		sim_beat_step(true);
		if (!(n % 64))
			sim_noise_step();
		if (!(n++ % 4096))
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
		sim_beat_step(false);
		sim_fast_counter_step();
		if (!(n++ % 16))
			sched_yield();
		/* long enough for a cut to take its last stores, so an event may follow it */
		if (!(n % 2048))
			usleep(1000);
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

	world_begin();
	pthread_create(&t[0], NULL, run_guest, NULL);
	pthread_create(&t[1], NULL, run_device, NULL);
	pthread_create(&t[2], NULL, run_pump, &world->fe);
	pthread_create(&t[3], NULL, run_pump, &world->st);
	pthread_create(&t[4], NULL, run_receive, &world->fe);
	pthread_create(&t[5], NULL, run_receive, &world->st);
	sleep(seconds);
	/* takes longer if the host has few free CPUs */
	for (i = 0; i < PATIENCE && !has_progressed(); i++)
		sleep(1);
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

/* ------------------------------------------------------------ budget */

#define SMALL	1
#define LARGE	1000
#define ROOM	10	/* enough for small charges, not for a large one */

static struct riod_budget host, sessions[2];
static atomic_uint refused[2];

/* a session whose charges exceed the limit and are always refused */
static void *run_greedy(void *arg)
{
	while (!atomic_load(&world->stop)) {
		if (riod_budget_charge(&sessions[0], LARGE))
			atomic_fetch_add(&refused[0], 1);
	}
	return arg;
}

/* another session of the host, whose charges always fit */
static void *run_modest(void *arg)
{
	while (!atomic_load(&world->stop)) {
		if (riod_budget_charge(&sessions[1], SMALL))
			atomic_fetch_add(&refused[1], 1);
		else
			riod_budget_uncharge(&sessions[1], SMALL);
	}
	return arg;
}

/* a refused charge never makes another one fail, not even for a moment */
static bool run_budget(void)
{
	pthread_t t[2];
	u32 i;

	world = calloc(1, sizeof(*world));
	riod_budget_init(&host, ROOM, NULL);
	riod_budget_init(&sessions[0], 0, &host);
	riod_budget_init(&sessions[1], 0, &host);
	pthread_create(&t[0], NULL, run_greedy, NULL);
	pthread_create(&t[1], NULL, run_modest, NULL);
	sleep(1);
	atomic_store(&world->stop, true);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	free(world);
	world = NULL;
	printf("# refused: %u large charges, %u small ones\n", refused[0], refused[1]);
	return refused[0] && !refused[1] && !riod_budget_held(&host) &&
	       !riod_budget_held(&sessions[0]) && !riod_budget_held(&sessions[1]);
}

/* ------------------------------------------------------------ main */

int main(int argc, char **argv)
{
	unsigned int seconds = argc == 2 ? strtoul(argv[1], NULL, 0) : 0;
	bool ok, budget;

	if (!seconds) {
		fprintf(stderr, "usage: sim-threads SECONDS\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n");
	ok = run_threads(seconds);
	printf("%sok 1 threads\n", ok ? "" : "not ");
	budget = run_budget();
	printf("%sok 2 budget\n1..2\n", budget ? "" : "not ");
	return !ok || !budget;
}

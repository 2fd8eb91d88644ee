// SPDX-License-Identifier: GPL-2.0-only
/*
 * neighbour - small direct I/O beside live memory
 *
 *	neighbour DEVICE ROUNDS
 *
 * One page contains a sector's buffer and, around it, memory that a second thread (the
 * neighbour) rewrites all the time. Each round writes the buffer to a sector and reads
 * it back into the cleared buffer. The device must change only the buffer: every word of
 * the neighbour must keep the value that the neighbour wrote last. If the driver allows
 * it the buffer begins and ends inside cache lines, so that both share lines. DEVICE is
 * overwritten.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, SECTOR = 512, WORDS = PAGE / 4, SECTORS = 4096, PLACES = 32 };

static uint32_t page[WORDS] __attribute__((aligned(PAGE)));

/* the buffer's offset in words; changes only between rounds, while the neighbour rests */
static unsigned int buffer;

static atomic_bool work;  /* the neighbour should write */
static atomic_bool rests; /* the neighbour has stopped */
static atomic_bool over;
static atomic_ulong sweeps;
static unsigned long bad;

static bool in_buffer(unsigned int word)
{
	return word >= buffer && word < buffer + SECTOR / 4;
}

/* Value that the neighbour writes to a word in a sweep; never 0. */
static uint32_t neighbours(unsigned long sweep, unsigned int word)
{
	return (uint32_t)(sweep * WORDS + word) | 0x80000000;
}

static void neighbour_fill(unsigned long sweep)
{
	for (unsigned int i = 0; i < WORDS; i++) {
		if (!in_buffer(i))
			page[i] = neighbours(sweep, i);
	}
}

/* Checks each word before it writes it, so it detects an old value that is restored late. */
static void neighbour_sweep(unsigned long sweep)
{
	for (unsigned int i = 0; i < WORDS; i++) {
		uint32_t want = neighbours(sweep - 1, i), is;

		if (in_buffer(i))
			continue;
		is = *(volatile uint32_t *)&page[i];
		if (is != want && bad++ < 5)
			printf("# word at %u, buffer at %u: is %08x, was written %08x\n", i * 4,
			       buffer * 4, is, want);
		*(volatile uint32_t *)&page[i] = neighbours(sweep, i);
	}
}

static void *neighbour(void *unused)
{
	unsigned long sweep = 0;
	bool fresh = true;

	while (!atomic_load(&over)) {
		if (!atomic_load(&work)) {
			if (!fresh)
				neighbour_sweep(++sweep);
			fresh = true;
			atomic_store(&rests, true);
			sched_yield();
			continue;
		}
		if (fresh)
			neighbour_fill(sweep);
		fresh = false;
		neighbour_sweep(++sweep);
		atomic_fetch_add(&sweeps, 1);
	}
	return unused;
}

static void die(const char *what)
{
	printf("# %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The pattern of a round: each word is unique among all rounds, and not 0. */
static uint32_t pattern(unsigned long round, unsigned int word)
{
	return (uint32_t)(round * (SECTOR / 4) + word + 1) & 0x7fffffff;
}

/* Writes a sector and reads it back; false if the data differ. */
static bool one(int fd, unsigned long round)
{
	char *at = (char *)&page[buffer];
	off_t where = (off_t)(round % SECTORS) * SECTOR;
	bool good = true;

	for (unsigned int i = 0; i < SECTOR / 4; i++)
		page[buffer + i] = pattern(round, i);
	if (pwrite(fd, at, SECTOR, where) != SECTOR)
		die("pwrite");
	memset(at, 0, SECTOR);
	if (pread(fd, at, SECTOR, where) != SECTOR)
		die("pread");
	for (unsigned int i = 0; i < SECTOR / 4; i++) {
		if (page[buffer + i] == pattern(round, i))
			continue;
		printf("# round %lu, byte %u of the sector: read %08x, wrote %08x\n", round, i * 4,
		       page[buffer + i], pattern(round, i));
		good = false;
		break;
	}
	return good;
}

static void neighbour_works(bool yes)
{
	unsigned long before = atomic_load(&sweeps);

	atomic_store(&rests, false);
	atomic_store(&work, yes);
	while (yes ? atomic_load(&sweeps) == before : !atomic_load(&rests))
		sched_yield();
}

int main(int argc, char **argv)
{
	unsigned long rounds, wrong = 0, align = 4;
	pthread_t thread;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: %s DEVICE ROUNDS\n", argv[0]);
		return 2;
	}
	rounds = strtoul(argv[2], NULL, 10);
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0)
		die(argv[1]);
	/* NVMe's PRP entries allow an alignment of 4; a driver that refuses it gets a sector's */
	buffer = 1;
	if (pread(fd, &page[buffer], SECTOR, 0) != SECTOR)
		align = SECTOR;
	printf("# buffers are aligned to %lu bytes\n", align);
	if (pthread_create(&thread, NULL, neighbour, NULL))
		die("pthread_create");
	srandom(1);
	for (unsigned long round = 0; round < rounds; round++) {
		if (round % PLACES == 0) {
			neighbour_works(false);
			buffer = random() % ((PAGE - SECTOR) / align + 1) * align / 4;
			neighbour_works(true);
		}
		wrong += !one(fd, round);
	}
	neighbour_works(false);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	printf("# %lu rounds, %lu wrong; %lu sweeps of the neighbour, %lu words wrong\n", rounds,
	       wrong, atomic_load(&sweeps), bad);
	return wrong || bad || !rounds;
}

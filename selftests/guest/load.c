// SPDX-License-Identifier: GPL-2.0-only
/*
 * load.c - random I/O on a disk, by a program that costs next to nothing to start
 *
 *   load DEVICE read|write BYTES DEPTH SECONDS MIB
 *
 * Keeps DEPTH requests of BYTES in flight (AIO, O_DIRECT) in the first MIB for SECONDS; with 0,
 * makes each of them once.  Prints "load IOS NS".  Every write has new contents.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX	256

static struct iocb iocbs[DEPTH_MAX];
static aio_context_t ctx;
static uint64_t seed = 88172645463325252ull;
static size_t bytes, slots;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void submit(struct iocb *one)
{
	uint64_t *word = (void *)(uintptr_t)one->aio_buf;
	struct iocb *list[] = { one };

	one->aio_offset = next_random() % slots * bytes;
	if (one->aio_lio_opcode == IOCB_CMD_PWRITE)
		for (size_t i = 0; i < bytes / sizeof(*word); i++)
			word[i] = next_random();
	if (syscall(SYS_io_submit, ctx, 1, list) != 1)
		err(1, "io_submit");
}

static unsigned long run(unsigned int depth, uint64_t end)
{
	struct io_event events[DEPTH_MAX];
	unsigned int flying = depth;
	unsigned long done = 0;

	while (flying) {
		int n = syscall(SYS_io_getevents, ctx, 1, DEPTH_MAX, events, NULL);

		if (n < 0)
			err(1, "io_getevents");
		for (int i = 0; i < n; i++) {
			if (events[i].res != (int64_t)bytes)
				errx(1, "an I/O gave %lld", (long long)events[i].res);
			done++;
			if (now() < end)
				submit((void *)(uintptr_t)events[i].obj);
			else
				flying--;
		}
	}
	return done;
}

int main(int argc, char **argv)
{
	unsigned int depth, i;
	uint64_t begin;
	int fd, write;

	if (argc != 7)
		errx(2, "usage: load DEVICE read|write BYTES DEPTH SECONDS MIB");
	write = !strcmp(argv[2], "write");
	bytes = strtoul(argv[3], NULL, 0);
	depth = strtoul(argv[4], NULL, 0);
	slots = bytes ? (strtoul(argv[6], NULL, 0) << 20) / bytes : 0;
	if (!slots || !depth || depth > DEPTH_MAX)
		errx(2, "nothing to do");
	fd = open(argv[1], (write ? O_RDWR : O_RDONLY) | O_DIRECT);
	if (fd < 0)
		err(1, "%s", argv[1]);
	if (syscall(SYS_io_setup, DEPTH_MAX, &ctx))
		err(1, "io_setup");
	begin = now();
	for (i = 0; i < depth; i++) {
		iocbs[i].aio_fildes = fd;
		iocbs[i].aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
		iocbs[i].aio_nbytes = bytes;
		iocbs[i].aio_buf = (uintptr_t)aligned_alloc(4096, bytes);
		if (!iocbs[i].aio_buf)
			err(1, "memory");
		submit(&iocbs[i]);
	}
	i = run(depth, begin + strtoul(argv[5], NULL, 0) * 1000000000ull);
	printf("load %u %lu\n", i, now() - begin);
	return 0;
}

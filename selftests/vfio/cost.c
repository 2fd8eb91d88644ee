// SPDX-License-Identifier: GPL-2.0-only
/*
 * cost.c - how long accesses to a function and changes of its mappings take
 *
 *   cost PCI-ADDRESS BAR READ-OFFSET WRITE-OFFSET KIB COUNT OP...
 *
 * Maps KIB of memory for DMA, enables the function, and times each OP COUNT times:
 *
 *   read   a register of 4 bytes      write   0 to a register of 4 bytes
 *   map    a page                     unmap   that page
 *
 * Prints a line "OP NS NS ..." for each OP.  map and unmap alternate; either prints both.
 */
#include "device.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE	4096
#define LOW	0x100000ull
#define HIGH	0x100000000ull

static struct device dev;
static unsigned long count;
static uint64_t *ns[2];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void show(const char *op, const uint64_t *values)
{
	printf("%s", op);
	for (unsigned long i = 0; i < count; i++)
		printf(" %lu", values[i]);
	putchar('\n');
}

static void reads(int bar, uint64_t offset)
{
	for (unsigned long i = 0; i < count; i++) {
		uint64_t begin = now();

		device_read(&dev, bar, offset, 4);
		ns[0][i] = now() - begin;
	}
	show("read", ns[0]);
}

/* a read after each write, so that no write waits for room in the queue of those before it */
static void writes(int bar, uint64_t offset, uint64_t flush)
{
	for (unsigned long i = 0; i < count; i++) {
		uint64_t begin = now();

		device_write(&dev, bar, offset, 4, 0);
		ns[0][i] = now() - begin;
		device_read(&dev, bar, flush, 4);
	}
	show("write", ns[0]);
}

static void maps(int bar, uint64_t flush)
{
	void *mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (mem == MAP_FAILED)
		err(1, "mmap");
	for (unsigned long i = 0; i < count; i++) {
		uint64_t begin = now();

		dma_map_at(&dev, mem, HIGH, PAGE, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
		ns[0][i] = now() - begin;
		device_read(&dev, bar, flush, 4);
		begin = now();
		dma_unmap(&dev, HIGH, PAGE);
		ns[1][i] = now() - begin;
		device_read(&dev, bar, flush, 4);
	}
	show("map", ns[0]);
	show("unmap", ns[1]);
}

int main(int argc, char **argv)
{
	uint64_t read_at, write_at;
	size_t bytes, i;
	uint8_t *mem;
	int bar, arg;

	if (argc < 8) {
		fprintf(stderr,
			"usage: %s PCI-ADDRESS BAR READ-OFFSET WRITE-OFFSET KIB COUNT OP...\n",
			argv[0]);
		return 2;
	}
	bar = VFIO_PCI_BAR0_REGION_INDEX + atoi(argv[2]);
	read_at = strtoull(argv[3], NULL, 0);
	write_at = strtoull(argv[4], NULL, 0);
	bytes = strtoull(argv[5], NULL, 0) * 1024;
	count = strtoul(argv[6], NULL, 0);
	for (i = 0; i < 2; i++)
		ns[i] = calloc(count, sizeof(*ns[i]));
	if (!ns[0] || !ns[1])
		err(1, "calloc");
	device_open(&dev, argv[1]);
	if (bytes) {
		mem = dma_map(&dev, LOW, bytes, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
		/* no two pages are equal */
		for (i = 0; i < bytes; i += PAGE)
			memcpy(mem + i, &i, sizeof(i));
	}
	device_enable(&dev);
	/* answered when the server has what is mapped */
	device_read(&dev, bar, read_at, 4);
	for (arg = 7; arg < argc; arg++) {
		if (!strcmp(argv[arg], "read"))
			reads(bar, read_at);
		else if (!strcmp(argv[arg], "write"))
			writes(bar, write_at, read_at);
		else if (!strcmp(argv[arg], "map") || !strcmp(argv[arg], "unmap"))
			maps(bar, read_at);
		else
			errx(2, "no operation \"%s\"", argv[arg]);
	}
	device_close(&dev);
	return 0;
}

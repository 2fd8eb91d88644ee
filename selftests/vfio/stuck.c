// SPDX-License-Identifier: GPL-2.0-only
/*
 * stuck.c - a program that maps more than the limit
 *
 *   stuck PCI-ADDRESS [keep|poison]
 *
 * Prints "running" when it drives the function, waits for a line of input, unmaps its
 * memory ("keep": does not; "poison": has the kernel mark it as broken) and maps 4 MiB,
 * prints "mapped", waits for a line, reads a register, prints "answered", waits for a
 * line, and closes the function.  The server host may prevent any of these steps.
 */
#include "device.h"

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define MIB	0x100000

static struct device dev;

static void survive(int sig __attribute__((unused)))
{
}

int main(int argc, char **argv)
{
	const uint32_t rw = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	void *mem;

	if (argc < 2) {
		fprintf(stderr, "usage: %s PCI-ADDRESS [keep]\n", argv[0]);
		return 2;
	}
	device_open(&dev, argv[1]);
	device_enable(&dev);
	mem = dma_map(&dev, MIB, 4096, rw);
	device_read(&dev, VFIO_PCI_BAR0_REGION_INDEX, 0, 4);
	puts("running");
	fflush(stdout);
	getchar();
	if (argc > 2 && !strcmp(argv[2], "poison")) {
		/* the kernel sends SIGBUS, and kills a process that ignores it */
		signal(SIGBUS, survive);
		if (madvise(mem, 4096, MADV_HWPOISON))
			err(1, "madvise");
	}
	/* the limits apply again once nothing is mapped */
	if (argc == 2)
		dma_unmap(&dev, MIB, 4096);
	dma_map(&dev, 2 * MIB, 4 * MIB, rw);
	puts("mapped");
	fflush(stdout);
	getchar();
	device_read(&dev, VFIO_PCI_BAR0_REGION_INDEX, 0, 4);
	puts("answered");
	fflush(stdout);
	getchar();
	device_close(&dev);
	puts("closed");
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * stuck.c - a program whose server host stops answering
 *
 * Prints "running" when it drives the function, then waits for a line of input, and then
 * maps more than bus mastering may stay on for and reads a register.  Whether that ever
 * returns is the server's to say; the test kills it.  --limit of the attachment: 1M.
 */
#include "device.h"

#include <stdio.h>
#include <sys/ioctl.h>

#define MIB	(1 << 20)

static struct device dev;

int main(int argc, char **argv)
{
	const uint32_t rw = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PCI-ADDRESS\n", argv[0]);
		return 2;
	}
	device_open(&dev, argv[1]);
	device_enable(&dev);
	dma_map(&dev, MIB, 4096, rw);
	device_read(&dev, VFIO_PCI_BAR0_REGION_INDEX, 0, 4);
	puts("running");
	fflush(stdout);
	getchar();
	/* the frontend looks at bus mastering again, and asks the server to take it */
	dma_unmap(&dev, MIB, 4096);
	dma_map(&dev, MIB, 4 * MIB, rw);
	puts("mapped");
	fflush(stdout);
	getchar();
	device_read(&dev, VFIO_PCI_BAR0_REGION_INDEX, 0, 4);
	puts("answered");
	fflush(stdout);
	return 0;
}

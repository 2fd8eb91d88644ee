// SPDX-License-Identifier: GPL-2.0-only
/*
 * writes.c - QEMU's pci-testdev through VFIO: it counts the writes that reach it
 *
 *   writes PCI-ADDRESS NUMBER
 *
 * NUMBER writes, with a read after every 16th.  The device must count each of them once,
 * whatever happens to the connection meanwhile.
 */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>

#define HDR_TEST	0
#define HDR_WIDTH	1
#define HDR_OFFSET	4
#define HDR_DATA	8
#define HDR_COUNT	12

#define BAR		VFIO_PCI_BAR0_REGION_INDEX

static struct device dev;

int main(int argc, char **argv)
{
	uint32_t offset, data, first, count = 0, wrong = 0, i, number;
	unsigned int width;

	if (argc != 3) {
		fprintf(stderr, "usage: %s PCI-ADDRESS NUMBER\n", argv[0]);
		return 2;
	}
	number = atoi(argv[2]);
	device_open(&dev, argv[1]);
	plan(3);
	device_enable(&dev);
	device_write(&dev, BAR, HDR_TEST, 1, 0);
	width = device_read(&dev, BAR, HDR_WIDTH, 1);
	offset = device_read(&dev, BAR, HDR_OFFSET, 4);
	data = device_read(&dev, BAR, HDR_DATA, 4);
	first = device_read(&dev, BAR, HDR_COUNT, 4);
	check(width == 1 || width == 2 || width == 4, "writes are %u bytes wide", width);
	for (i = 1; i <= number; i++) {
		device_write(&dev, BAR, offset, width, data);
		if (i % 16)
			continue;
		count = device_read(&dev, BAR, HDR_COUNT, 4) - first;
		if (count != i && !wrong++)
			printf("# %u of %u writes were counted\n", count, i);
	}
	count = device_read(&dev, BAR, HDR_COUNT, 4) - first;
	check(!wrong, "%u times was the count wrong on the way", wrong);
	check(count == number, "%u of %u writes were counted", count, number);
	device_close(&dev);
	return finish();
}

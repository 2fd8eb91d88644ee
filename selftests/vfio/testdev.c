// SPDX-License-Identifier: GPL-2.0-only
/*
 * testdev.c - QEMU's pci-testdev through VFIO: I/O ports and memory at each width
 *
 * Writing a number to offset 0 selects a test; its header then describes the write
 * (offset, width, data) that increments the count in the header.
 */
#include "device.h"

#include <stdio.h>
#include <string.h>

#define HDR_TEST	0
#define HDR_WIDTH	1
#define HDR_OFFSET	4
#define HDR_DATA	8
#define HDR_COUNT	12
#define HDR_NAME	16

#define WRITES		5

static struct device dev;

static void name_of(int region, char *name, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size; i++) {
		name[i] = device_read(&dev, region, HDR_NAME + i, 1);
		if (!name[i])
			break;
	}
	name[i] = 0;
}

/* Returns false if the device has no such test. */
static bool run(int region, const char *kind, int test)
{
	unsigned int width, count;
	uint32_t offset, data;
	char name[32];
	int i;

	device_write(&dev, region, HDR_TEST, 1, test);
	if (device_read(&dev, region, HDR_TEST, 1) != (uint64_t)test)
		return false;
	width = device_read(&dev, region, HDR_WIDTH, 1);
	offset = device_read(&dev, region, HDR_OFFSET, 4);
	data = device_read(&dev, region, HDR_DATA, 4);
	if (width != 1 && width != 2 && width != 4)
		return false;
	name_of(region, name, sizeof(name));
	count = device_read(&dev, region, HDR_COUNT, 4);
	for (i = 0; i < WRITES; i++)
		device_write(&dev, region, offset, width, data);
	count = device_read(&dev, region, HDR_COUNT, 4) - count;
	check(count == WRITES, "%s, %u bytes wide (%s): %u of %d writes", kind, width, name, count,
	      WRITES);
	return true;
}

int main(int argc, char **argv)
{
	uint64_t first;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PCI-ADDRESS\n", argv[0]);
		return 2;
	}
	device_open(&dev, argv[1]);
	plan(5);
	device_enable(&dev);
	run(VFIO_PCI_BAR0_REGION_INDEX, "memory", 0);
	run(VFIO_PCI_BAR1_REGION_INDEX, "I/O ports", 0);
	check(region_size(&dev, VFIO_PCI_BAR1_REGION_INDEX) >= 64, "size of the I/O BAR");
	first = device_read(&dev, VFIO_PCI_BAR1_REGION_INDEX, HDR_DATA, 4);
	check(device_read(&dev, VFIO_PCI_BAR1_REGION_INDEX, HDR_DATA, 1) == (first & 0xff),
	      "a byte of an I/O port");
	check(device_read(&dev, VFIO_PCI_BAR1_REGION_INDEX, HDR_DATA, 2) == (first & 0xffff),
	      "two bytes of an I/O port");
	device_close(&dev);
	return finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * maps.c - mappings that change while a device does DMA (QEMU's edu, through VFIO)
 *
 * Each transfer of this device takes a tenth of a second. The server's IOMMU logs faults
 * of the device on the console.
 */
#include "edu_dev.h"

#include <stdio.h>
#include <string.h>

#define PAGE	4096
#define RW	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)
#define LOW	0x100000ull
#define HIGH	0x8000000ull
#define MANY	300

static struct device dev;

static void to_device(uint64_t iova)
{
	edu_dma(&dev, iova, EDU_BUFFER, 256, 0, -1);
}

static void from_device(uint64_t iova)
{
	edu_dma(&dev, EDU_BUFFER, iova, 256, EDU_DMA_FROM, -1);
}

static bool holds(const uint8_t *mem, uint8_t value)
{
	for (int i = 0; i < 256; i++)
		if (mem[i] != value)
			return false;
	return true;
}

/* rule 13 (one shadow per guest page): a page at two addresses has one content */
static void two_addresses(void)
{
	uint8_t *mem = dma_map(&dev, LOW, PAGE, RW);

	dma_map_at(&dev, mem, HIGH, PAGE, RW);
	memset(mem, 0x11, PAGE);
	to_device(LOW);
	from_device(HIGH + 1024);
	to_device(LOW + 1024);
	from_device(LOW + 2048);
	check(holds(mem + 1024, 0x11), "written at one address, read at the other");
	check(holds(mem + 2048, 0x11), "and back");
	dma_unmap(&dev, LOW, PAGE);
	memset(mem, 0x22, PAGE);
	to_device(HIGH);
	from_device(HIGH + 512);
	check(holds(mem + 512, 0x22), "the other address stays when the first goes");
	dma_unmap(&dev, HIGH, PAGE);
}

/* rule 4 (unmap is local): after an unmap only the guest changes the page */
static void after_unmap(void)
{
	uint8_t *mem = dma_map(&dev, LOW, PAGE, RW);

	memset(mem, 0x33, PAGE);
	to_device(LOW);
	dma_unmap(&dev, LOW, PAGE);
	memset(mem, 0x44, PAGE);
	from_device(LOW);
	check(holds(mem, 0x44), "an unmapped page is not written");
	dma_map_at(&dev, mem, LOW, PAGE, RW);
	from_device(LOW + 512);
	check(holds(mem, 0x44) && holds(mem + 512, 0x33), "mapped again it is");
	dma_unmap(&dev, LOW, PAGE);
}

/* with bus master clear no page crosses; when it is set, all mapped pages do */
static void bus_mastering(void)
{
	uint8_t *mem = dma_map(&dev, LOW, PAGE, RW);

	memset(mem, 0x55, PAGE);
	to_device(LOW);
	memset(mem, 0x66, PAGE);
	device_no_master(&dev);
	from_device(LOW);
	check(holds(mem, 0x66), "no DMA without bus mastering");
	memset(mem, 0x77, PAGE);
	device_enable(&dev);
	from_device(LOW + 512);
	check(holds(mem + 512, 0x55) && holds(mem, 0x77), "DMA with it");
	to_device(LOW);
	from_device(LOW + 1024);
	check(holds(mem + 1024, 0x77), "which sees what was written meanwhile");
	dma_unmap(&dev, LOW, PAGE);
}

/* memory rewritten with no other signal than the register write that starts DMA (rules 1, 2) */
static void rewrites(void)
{
	uint8_t *mem = dma_map(&dev, LOW, 2 * PAGE, RW);
	int i, bad = 0;

	for (i = 1; i <= 10; i++) {
		memset(mem, i, PAGE);
		to_device(LOW + PAGE - 256);
		from_device(LOW + PAGE + 16);
		bad += !holds(mem + PAGE + 16, i);
	}
	check(!bad, "a buffer rewritten %d times: %d times wrong", i - 1, bad);
	dma_unmap(&dev, LOW, 2 * PAGE);
}

/* more mappings than fit into a frame, unmapped in another order */
static void many(void)
{
	uint8_t *mem[MANY];
	int i, bad = 0;

	for (i = 0; i < MANY; i++) {
		mem[i] = dma_map(&dev, LOW + 2ull * i * PAGE, PAGE, RW);
		memset(mem[i], i, PAGE);
	}
	for (i = 0; i < MANY; i += 50) {
		to_device(LOW + 2ull * i * PAGE);
		from_device(LOW + 2ull * (MANY - 1 - i) * PAGE + 2048);
		bad += !holds(mem[MANY - 1 - i] + 2048, i);
	}
	check(!bad, "%d mappings, each its own: %d wrong", MANY, bad);
	for (i = 1; i < MANY; i += 2)
		dma_unmap(&dev, LOW + 2ull * i * PAGE, PAGE);
	for (i = MANY - 2; i > 0; i -= 2)
		dma_unmap(&dev, LOW + 2ull * i * PAGE, PAGE);
	memset(mem[0], 0x99, PAGE);
	to_device(LOW);
	from_device(LOW + 3000);
	check(holds(mem[0] + 3000, 0x99), "the last one is as good as ever");
	dma_unmap(&dev, LOW, PAGE);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s PCI-ADDRESS\n", argv[0]);
		return 2;
	}
	device_open(&dev, argv[1]);
	plan(3 + 2 + 3 + 1 + 2);
	device_enable(&dev);
	two_addresses();
	after_unmap();
	bus_mastering();
	rewrites();
	many();
	device_close(&dev);
	return finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * sibling.c - a function keeps working when its sibling is removed from the bus
 *
 * The functions of an attachment share one IOVA space. This program uses the first of two
 * edu functions, and removes the second.
 */
#include "edu_dev.h"

#include <stdio.h>
#include <string.h>

#define IOVA	0x100000
#define PAGE	4096

static struct device dev;

static bool dma_works(uint8_t *mem, uint8_t seed)
{
	int i;

	for (i = 0; i < PAGE; i++)
		mem[i] = seed + i * 5;
	memset(mem + PAGE, 0, PAGE);
	if (!edu_dma(&dev, IOVA, EDU_BUFFER, PAGE, 0, -1) ||
	    !edu_dma(&dev, EDU_BUFFER, IOVA + PAGE, PAGE, EDU_DMA_FROM, -1))
		return false;
	return !memcmp(mem, mem + PAGE, PAGE);
}

static bool remove_function(const char *addr)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", addr);
	f = fopen(path, "w");
	return f && fputs("1\n", f) >= 0 && !fclose(f);
}

int main(int argc, char **argv)
{
	uint8_t *mem;

	if (argc != 3) {
		fprintf(stderr, "usage: %s PCI-ADDRESS PCI-ADDRESS-OF-SIBLING\n", argv[0]);
		return 2;
	}
	device_open(&dev, argv[1]);
	plan(4);
	device_enable(&dev);
	mem = dma_map(&dev, IOVA, 2 * PAGE, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	check(dma_works(mem, 1), "DMA with both functions there");
	check(remove_function(argv[2]), "the other function is removed");
	check(dma_works(mem, 2), "DMA afterwards");
	check(dma_works(mem, 3), "and again");
	device_close(&dev);
	return finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * edu.c - QEMU's edu device through VFIO: registers, INTx, MSI, DMA both ways
 */
#include "edu_dev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IOVA		0x100000
#define PAGE		4096

static struct device dev;

static uint64_t rd(uint64_t offset, int width)
{
	return edu_read(&dev, offset, width);
}

static void wr(uint64_t offset, int width, uint64_t value)
{
	edu_write(&dev, offset, width, value);
}

static void registers(void)
{
	check((rd(EDU_ID, 4) & 0xff) == 0xed, "identification register");
	wr(EDU_LIVE, 4, 0x12345678);
	check(rd(EDU_LIVE, 4) == (uint32_t)~0x12345678, "write, then read, in order");
	wr(EDU_FACTORIAL, 4, 10);
	while (rd(EDU_STATUS, 4) & 1)
		;
	check(rd(EDU_FACTORIAL, 4) == 3628800, "factorial of 10");
	wr(EDU_DMA_SRC, 8, 0x0123456789abcdef & 0x0fffffff);
	check(rd(EDU_DMA_SRC, 8) == (0x0123456789abcdef & 0x0fffffff), "8 bytes wide");
}

static void try_irq(unsigned int index, const char *name)
{
	int fd = irq_enable(&dev, index, 0);

	check(!irq_wait(fd, 0), "%s: quiet at first", name);
	for (int i = 1; i <= 3; i++) {
		wr(EDU_IRQ_RAISE, 4, i);
		check(irq_wait(fd, EDU_WAIT_MS) && rd(EDU_IRQ_STATUS, 4) == (uint64_t)i,
		      "%s: interrupt %d", name, i);
		wr(EDU_IRQ_ACK, 4, i);
		if (index == VFIO_PCI_INTX_IRQ_INDEX)
			irq_unmask_intx(&dev);
	}
	check(!irq_wait(fd, 0), "%s: quiet at last", name);
	if (index == VFIO_PCI_INTX_IRQ_INDEX) {
		wr(EDU_IRQ_RAISE, 4, 1);
		irq_wait(fd, EDU_WAIT_MS);
		irq_unmask_intx(&dev);
		check(irq_wait(fd, EDU_WAIT_MS), "%s: a level that stays fires again", name);
		wr(EDU_IRQ_ACK, 4, 1);
		irq_unmask_intx(&dev);
	}
	irq_disable(&dev, index);
}

/* INTx that fires while it has no eventfd stays masked until the user unmasks it */
static void intx_without_fd(void)
{
	int fd = irq_enable(&dev, VFIO_PCI_INTX_IRQ_INDEX, 0);

	irq_take_fd(&dev, VFIO_PCI_INTX_IRQ_INDEX, 0);
	wr(EDU_IRQ_RAISE, 4, 1);
	check(rd(EDU_IRQ_STATUS, 4) == 1 && !irq_wait(fd, 100), "INTx without eventfd: quiet");
	fd = irq_enable(&dev, VFIO_PCI_INTX_IRQ_INDEX, 0);
	irq_unmask_intx(&dev);
	check(irq_wait(fd, EDU_WAIT_MS), "INTx without eventfd: fires when it is unmasked");
	wr(EDU_IRQ_ACK, 4, 1);
	irq_disable(&dev, VFIO_PCI_INTX_IRQ_INDEX);
}

/* the device returns the bytes that it has read; bytes around them do not change */
static void dma_round(uint8_t *mem, unsigned int seed, int fd, const char *how)
{
	uint8_t want[PAGE];
	size_t i, len = 1000, from = 24, to = PAGE + 1500;

	for (i = 0; i < 2 * PAGE; i++)
		mem[i] = seed + i * 7;
	memcpy(want, mem + from, len);
	if (!edu_dma(&dev, IOVA + from, EDU_BUFFER, len, 0, fd) ||
	    !edu_dma(&dev, EDU_BUFFER, IOVA + to, len, EDU_DMA_FROM, fd)) {
		check(false, "DMA %s: completes", how);
		check(false, "DMA %s: data", how);
		check(false, "DMA %s: neighbours", how);
		return;
	}
	check(true, "DMA %s: completes", how);
	check(!memcmp(mem + to, want, len), "DMA %s: data", how);
	for (i = 0; i < 2 * PAGE; i++)
		if ((i < to || i >= to + len) && mem[i] != (uint8_t)(seed + i * 7))
			break;
	check(i == 2 * PAGE, "DMA %s: neighbours", how);
}

/* The device ignores address bits 28 and up, so it reaches only the last page below. */
static void dma_mask(void)
{
	const unsigned int flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	uint8_t *last = dma_map(&dev, EDU_DMA_LIMIT - PAGE, PAGE, flags);
	uint8_t *above = dma_map(&dev, 2 * EDU_DMA_LIMIT - PAGE, PAGE, flags);
	int i;

	for (i = 0; i < PAGE; i++)
		last[i] = i * 3 + 1;
	memset(above, 0x77, PAGE);
	edu_dma(&dev, EDU_DMA_LIMIT - PAGE, EDU_BUFFER, PAGE, 0, -1);
	memset(last, 0, PAGE);
	edu_dma(&dev, EDU_BUFFER, 2 * EDU_DMA_LIMIT - PAGE, PAGE, EDU_DMA_FROM, -1);
	for (i = 0; i < PAGE && last[i] == (uint8_t)(i * 3 + 1); i++)
		;
	check(i == PAGE, "28 bits: the last page that the device reaches");
	for (i = 0; i < PAGE && above[i] == 0x77; i++)
		;
	check(i == PAGE, "28 bits: none above");
	dma_unmap(&dev, EDU_DMA_LIMIT - PAGE, PAGE);
	dma_unmap(&dev, 2 * EDU_DMA_LIMIT - PAGE, PAGE);
}

int main(int argc, char **argv)
{
	uint8_t *mem;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PCI-ADDRESS\n", argv[0]);
		return 2;
	}
	device_open(&dev, argv[1]);
	plan(4 + 6 + 2 + 5 + 6 + 2 + 2 + 1);
	device_enable(&dev);
	/* the device has no reset: interrupts of a run that was killed are still pending */
	wr(EDU_IRQ_ACK, 4, rd(EDU_IRQ_STATUS, 4));
	registers();
	try_irq(VFIO_PCI_INTX_IRQ_INDEX, "INTx");
	intx_without_fd();
	try_irq(VFIO_PCI_MSI_IRQ_INDEX, "MSI");

	mem = dma_map(&dev, IOVA, 2 * PAGE, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	dma_round(mem, 1, -1, "polled by register");
	fd = irq_enable(&dev, VFIO_PCI_MSI_IRQ_INDEX, 0);
	dma_round(mem, 100, fd, "with MSI");

	dma_mask();

	/*
	 * Rule 14 (direction is enforced at both ends): a page that the device
	 * may only read keeps its bytes.  The server's IOMMU logs the fault.
	 */
	dma_unmap(&dev, IOVA, 2 * PAGE);
	mem = dma_map(&dev, IOVA, PAGE, VFIO_DMA_MAP_FLAG_READ);
	memset(mem, 0x55, PAGE);
	edu_dma(&dev, EDU_BUFFER, IOVA, 100, EDU_DMA_FROM, -1);
	check(mem[0] == 0x55 && mem[99] == 0x55, "a read-only mapping is not written");
	check((rd(EDU_ID, 4) & 0xff) == 0xed, "and the device is well");

	check(!device_can_reset(&dev), "a device without a reset says so");
	device_close(&dev);
	return finish();
}

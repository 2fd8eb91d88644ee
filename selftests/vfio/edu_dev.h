/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * edu_dev.h - QEMU's edu device: registers (docs/specs/edu.rst of QEMU) and DMA
 *
 * Its DMA addresses have 28 bits, and its buffer has 4096 bytes.
 */
#ifndef SELFTESTS_VFIO_EDU_DEV_H
#define SELFTESTS_VFIO_EDU_DEV_H

#include "device.h"

#define EDU_ID		0x00
#define EDU_LIVE	0x04
#define EDU_FACTORIAL	0x08
#define EDU_STATUS	0x20
#define EDU_IRQ_STATUS	0x24
#define EDU_IRQ_RAISE	0x60
#define EDU_IRQ_ACK	0x64
#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_CMD	0x98
#define EDU_BUFFER	0x40000
#define EDU_DMA_LIMIT	0x10000000ull

#define EDU_DMA_START	1
#define EDU_DMA_FROM	2	/* from its buffer to memory */
#define EDU_DMA_IRQ	4
#define EDU_IRQ_DMA	0x100

#define EDU_WAIT_MS	10000

uint64_t edu_read(struct device *d, uint64_t offset, int width);
void edu_write(struct device *d, uint64_t offset, int width, uint64_t value);

/*
 * Does one transfer and waits for its end: for the MSI or INTx of eventfd @fd, or, if @fd
 * is -1, by polling a register. False if the interrupt does not arrive.
 */
bool edu_dma(struct device *d, uint64_t src, uint64_t dst, uint64_t count, unsigned int cmd,
	     int fd);

#endif

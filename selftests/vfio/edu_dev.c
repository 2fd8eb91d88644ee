// SPDX-License-Identifier: GPL-2.0-only
#include "edu_dev.h"

uint64_t edu_read(struct device *d, uint64_t offset, int width)
{
	return device_read(d, VFIO_PCI_BAR0_REGION_INDEX, offset, width);
}

void edu_write(struct device *d, uint64_t offset, int width, uint64_t value)
{
	device_write(d, VFIO_PCI_BAR0_REGION_INDEX, offset, width, value);
}

bool edu_dma(struct device *d, uint64_t src, uint64_t dst, uint64_t count, unsigned int cmd, int fd)
{
	edu_write(d, EDU_DMA_SRC, 8, src);
	edu_write(d, EDU_DMA_DST, 8, dst);
	edu_write(d, EDU_DMA_COUNT, 8, count);
	edu_write(d, EDU_DMA_CMD, 8, cmd | EDU_DMA_START | (fd >= 0 ? EDU_DMA_IRQ : 0));
	if (fd >= 0) {
		if (!irq_wait(fd, EDU_WAIT_MS) || !(edu_read(d, EDU_IRQ_STATUS, 4) & EDU_IRQ_DMA))
			return false;
		edu_write(d, EDU_IRQ_ACK, 4, EDU_IRQ_DMA);
		return true;
	}
	while (edu_read(d, EDU_DMA_CMD, 8) & EDU_DMA_START)
		;
	return true;
}

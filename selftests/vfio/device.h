/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device.h - a PCI function through VFIO, and KTAP results, for test programs
 *
 * Every function exits with a message if the kernel refuses the operation; check()
 * records a result.
 */
#ifndef SELFTESTS_VFIO_DEVICE_H
#define SELFTESTS_VFIO_DEVICE_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device {
	int container;		/* or the iommufd */
	int group;
	int fd;
};

/* @addr: "0000:00:00.0" */
void device_open(struct device *d, const char *addr);
void device_close(struct device *d);
bool device_can_reset(struct device *d);
void device_reset(struct device *d);

/* config space and BARs; @region: VFIO_PCI_*_REGION_INDEX, @width: 1, 2, 4, 8 */
uint64_t device_read(struct device *d, int region, uint64_t offset, int width);
void device_write(struct device *d, int region, uint64_t offset, int width, uint64_t value);
uint64_t region_size(struct device *d, int region);
/* enables I/O and memory decoding and bus master */
void device_enable(struct device *d);
/* clears bus master, keeps decoding enabled */
void device_no_master(struct device *d);
/* offset of capability @id in config space; exits if there is none */
uint64_t device_cap(struct device *d, uint8_t id);

/* anonymous memory of @size bytes, mapped for DMA at @iova */
void *dma_map(struct device *d, uint64_t iova, size_t size, uint32_t flags);
/* maps existing memory, whole pages */
void dma_map_at(struct device *d, void *mem, uint64_t iova, size_t size, uint32_t flags);
void dma_unmap(struct device *d, uint64_t iova, size_t size);

/* returns an eventfd that vector @start of @index triggers */
int irq_enable(struct device *d, unsigned int index, unsigned int start);
/* removes the eventfd of a vector that stays set up */
void irq_take_fd(struct device *d, unsigned int index, unsigned int start);
void irq_disable(struct device *d, unsigned int index);
void irq_unmask_intx(struct device *d);
/* true if it fires within @ms; clears it */
bool irq_wait(int eventfd, int ms);

void plan(int n);
bool check(bool ok, const char *name, ...) __attribute__((format(printf, 2, 3)));
int finish(void);

#endif

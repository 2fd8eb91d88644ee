// SPDX-License-Identifier: GPL-2.0-only
/*
 * device.c - a PCI function through VFIO's group and container
 */
#include "device.h"

#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int nchecks, nfailed;

static void open_group(struct device *d, const char *addr)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", addr);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		err(1, "%s", path);
	link[n] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	d->group = open(path, O_RDWR);
	if (d->group < 0)
		err(1, "%s", path);
	if (ioctl(d->group, VFIO_GROUP_GET_STATUS, &status) ||
	    !(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		errx(1, "group %s is not viable", path);
}

void device_open(struct device *d, const char *addr)
{
	d->container = open("/dev/vfio/vfio", O_RDWR);
	if (d->container < 0)
		err(1, "/dev/vfio/vfio");
	open_group(d, addr);
	if (ioctl(d->group, VFIO_GROUP_SET_CONTAINER, &d->container))
		err(1, "VFIO_GROUP_SET_CONTAINER");
	if (ioctl(d->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		err(1, "VFIO_SET_IOMMU");
	d->fd = ioctl(d->group, VFIO_GROUP_GET_DEVICE_FD, addr);
	if (d->fd < 0)
		err(1, "VFIO_GROUP_GET_DEVICE_FD %s", addr);
}

void device_close(struct device *d)
{
	close(d->fd);
	close(d->group);
	close(d->container);
}

bool device_can_reset(struct device *d)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	if (ioctl(d->fd, VFIO_DEVICE_GET_INFO, &info))
		err(1, "VFIO_DEVICE_GET_INFO");
	return info.flags & VFIO_DEVICE_FLAGS_RESET;
}

static struct vfio_region_info region_info(struct device *d, int region)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = region };

	if (ioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "VFIO_DEVICE_GET_REGION_INFO %d", region);
	return info;
}

uint64_t region_size(struct device *d, int region)
{
	return region_info(d, region).size;
}

uint64_t device_read(struct device *d, int region, uint64_t offset, int width)
{
	uint64_t value = 0;

	if (pread(d->fd, &value, width, region_info(d, region).offset + offset) != width)
		err(1, "read of %d bytes at %#lx in region %d", width, (long)offset, region);
	return value;
}

void device_write(struct device *d, int region, uint64_t offset, int width, uint64_t value)
{
	if (pwrite(d->fd, &value, width, region_info(d, region).offset + offset) != width)
		err(1, "write of %d bytes at %#lx in region %d", width, (long)offset, region);
}

void device_enable(struct device *d)
{
	device_write(d, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2,
		     PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void device_no_master(struct device *d)
{
	device_write(d, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2,
		     PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
}

uint64_t device_cap(struct device *d, uint8_t id)
{
	uint64_t at = device_read(d, VFIO_PCI_CONFIG_REGION_INDEX, PCI_CAPABILITY_LIST, 1);
	int left = 48;

	for (; at && left--; at = device_read(d, VFIO_PCI_CONFIG_REGION_INDEX, at + 1, 1))
		if (device_read(d, VFIO_PCI_CONFIG_REGION_INDEX, at, 1) == id)
			return at;
	errx(1, "no capability %#x", id);
}

void device_reset(struct device *d)
{
	if (ioctl(d->fd, VFIO_DEVICE_RESET))
		err(1, "VFIO_DEVICE_RESET");
}

void dma_map_at(struct device *d, void *mem, uint64_t iova, size_t size, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = flags, .iova = iova, .size = size,
		.vaddr = (uintptr_t)mem,
	};

	if (ioctl(d->container, VFIO_IOMMU_MAP_DMA, &map))
		err(1, "VFIO_IOMMU_MAP_DMA");
}

void *dma_map(struct device *d, uint64_t iova, size_t size, uint32_t flags)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (mem == MAP_FAILED)
		err(1, "mmap");
	dma_map_at(d, mem, iova, size, flags);
	return mem;
}

void dma_unmap(struct device *d, uint64_t iova, size_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = size,
	};

	if (ioctl(d->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		err(1, "VFIO_IOMMU_UNMAP_DMA");
	if (unmap.size != size)
		errx(1, "unmapped %#llx bytes of %#zx", unmap.size, size);
}

static void set_irqs(struct device *d, uint32_t flags, unsigned int index, unsigned int start,
		     unsigned int count, int fd)
{
	union {
		struct vfio_irq_set set;
		char space[sizeof(struct vfio_irq_set) + sizeof(int)];
	} u = { .set = {
		.argsz = sizeof(struct vfio_irq_set) +
			(flags & VFIO_IRQ_SET_DATA_EVENTFD ? sizeof(int) : 0),
		.flags = flags, .index = index, .start = start, .count = count,
	} };

	if (flags & VFIO_IRQ_SET_DATA_EVENTFD)
		memcpy(u.set.data, &fd, sizeof(fd));
	if (ioctl(d->fd, VFIO_DEVICE_SET_IRQS, &u.set))
		err(1, "VFIO_DEVICE_SET_IRQS index %u flags %#x", index, flags);
}

int irq_enable(struct device *d, unsigned int index, unsigned int start)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		err(1, "eventfd");
	set_irqs(d, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, index, start, 1, fd);
	return fd;
}

void irq_take_fd(struct device *d, unsigned int index, unsigned int start)
{
	set_irqs(d, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, index, start, 1, -1);
}

void irq_disable(struct device *d, unsigned int index)
{
	set_irqs(d, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, index, 0, 0, -1);
}

void irq_unmask_intx(struct device *d)
{
	set_irqs(d, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, VFIO_PCI_INTX_IRQ_INDEX,
		 0, 1, -1);
}

bool irq_wait(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, ms) == 1 && read(fd, &count, sizeof(count)) == sizeof(count);
}

void plan(int n)
{
	printf("KTAP version 1\n1..%d\n", n);
}

bool check(bool ok, const char *name, ...)
{
	va_list ap;

	printf("%sok %d ", ok ? "" : "not ", ++nchecks);
	va_start(ap, name);
	vprintf(name, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	nfailed += !ok;
	return ok;
}

int finish(void)
{
	return nfailed != 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * shadow.c - use a BAR that is memory (ivshmem's BAR 2) and is shared with another host
 *
 *   shadow vfio ADDRESS              run commands from standard input, answer each
 *   shadow sysfs ADDRESS COMMAND...  run one command, on a function of this machine
 *
 * Commands: "fill SEED", "check SEED": all of the memory; "poke OFFSET VALUE", "peek
 * OFFSET": one byte. Answers: "ok", "peek VALUE", or an error. A register read after each
 * write command and before each read command synchronizes both sides.
 * With vfio also "regions", "dma", and "trapped" and "mapped", which measure reads.
 */
#include "device.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define REGS	VFIO_PCI_BAR0_REGION_INDEX
#define MEMORY	VFIO_PCI_BAR2_REGION_INDEX
#define POSITION 8	/* a register without side effects */
#define TRAPPED_READS 1000

static struct device dev;
static volatile uint32_t *regs;
static uint8_t *memory;
static size_t size;

static void in_step(void)
{
	if (regs)
		(void)regs[POSITION / 4];
	else
		device_read(&dev, REGS, POSITION, 4);
}

static uint64_t pattern(size_t i, uint64_t seed)
{
	return (i + seed) * 0x9e3779b97f4a7c15ull;
}

static void fill(uint64_t seed)
{
	volatile uint64_t *word = (uint64_t *)memory;
	size_t i;

	for (i = 0; i < size / 8; i++)
		word[i] = pattern(i, seed);
	in_step();
	puts("ok");
}

static void compare(uint64_t seed)
{
	volatile uint64_t *word = (uint64_t *)memory;
	size_t i;

	in_step();
	for (i = 0; i < size / 8; i++) {
		if (word[i] == pattern(i, seed))
			continue;
		printf("at %#zx: %#lx instead of %#lx\n", i * 8, (long)word[i],
		       (long)pattern(i, seed));
		return;
	}
	puts("ok");
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* informative only, as time is unreliable on emulated machines; each read is a round trip */
static void trapped(void)
{
	double t = seconds();
	int i;

	for (i = 0; i < TRAPPED_READS; i++)
		device_read(&dev, MEMORY, 8 * i, 8);
	printf("%.0f\n", TRAPPED_READS * 8 / (seconds() - t));
}

static void mapped(void)
{
	volatile uint64_t *word = (uint64_t *)memory;
	double t = seconds();
	size_t i;

	for (i = 0; i < size / 8; i++)
		(void)word[i];
	printf("%.0f\n", size / (seconds() - t));
}

static void regions(void)
{
	struct vfio_region_info info = { .argsz = sizeof(info) };
	int i;

	printf("mmap");
	for (i = 0; i < VFIO_PCI_NUM_REGIONS - 1; i++) {
		info.index = i;
		if (!ioctl(dev.fd, VFIO_DEVICE_GET_REGION_INFO, &info) &&
		    info.flags & VFIO_REGION_INFO_FLAG_MMAP)
			printf(" %d:%#llx", i, info.size);
	}
	putchar('\n');
}

/* other devices must not reach the pages, which are freed when this device is closed */
static void dma(void)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .iova = 0, .size = 4096, .vaddr = (uintptr_t)memory,
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
	};

	if (!ioctl(dev.container, VFIO_IOMMU_MAP_DMA, &map))
		puts("mapped");
	else
		puts("ok");
}

static void obey(char *line)
{
	unsigned long a = 0, b = 0;
	char word[16] = "";

	if (sscanf(line, "%15s %li %li", word, (long *)&a, (long *)&b) < 1)
		errx(2, "an empty line");
	if (!strcmp(word, "fill")) {
		fill(a);
	} else if (!strcmp(word, "check")) {
		compare(a);
	} else if (!strcmp(word, "poke")) {
		*(volatile uint8_t *)(memory + a) = b;
		in_step();
		puts("ok");
	} else if (!strcmp(word, "peek")) {
		in_step();
		printf("peek %#x\n", *(volatile uint8_t *)(memory + a));
	} else if (regs) {
		errx(2, "what is '%s'?", word);
	} else if (!strcmp(word, "regions")) {
		regions();
	} else if (!strcmp(word, "trapped")) {
		trapped();
	} else if (!strcmp(word, "mapped")) {
		mapped();
	} else if (!strcmp(word, "dma")) {
		dma();
	} else {
		errx(2, "what is '%s'?", word);
	}
	fflush(stdout);
}

static void *map_at(int fd, off_t offset, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void open_vfio(const char *addr)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = MEMORY };

	device_open(&dev, addr);
	device_enable(&dev);
	if (ioctl(dev.fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "VFIO_DEVICE_GET_REGION_INFO");
	size = info.size;
	memory = map_at(dev.fd, info.offset, size);
}

static int open_resource(const char *addr, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", addr, name);
	fd = open(path, O_RDWR);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void open_sysfs(const char *addr)
{
	int fd = open_resource(addr, "enable");

	/* an enabled device may be enabled again */
	if (write(fd, "1", 1) != 1)
		err(1, "enable");
	close(fd);
	regs = map_at(open_resource(addr, "resource0"), 0, 4096);
	fd = open_resource(addr, "resource2");
	size = lseek(fd, 0, SEEK_END);
	memory = map_at(fd, 0, size);
}

int main(int argc, char **argv)
{
	char line[256] = "";
	int i;

	if (argc < 3)
		errx(2, "usage: %s vfio ADDRESS | sysfs ADDRESS COMMAND...", argv[0]);
	if (!strcmp(argv[1], "vfio")) {
		open_vfio(argv[2]);
		while (fgets(line, sizeof(line), stdin))
			obey(line);
		device_close(&dev);
		return 0;
	}
	open_sysfs(argv[2]);
	for (i = 3; i < argc; i++) {
		strncat(line, argv[i], sizeof(line) - strlen(line) - 2);
		strcat(line, " ");
	}
	obey(line);
	return 0;
}

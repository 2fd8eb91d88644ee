// SPDX-License-Identifier: GPL-2.0-only
/*
 * config.c - power states and the expansion ROM of an igb or e1000e
 * function through VFIO
 *
 *   config PCI-ADDRESS rom      write the ROM to standard output
 *   config PCI-ADDRESS sleep    enable MSI-X, enter D3hot, die
 *   config PCI-ADDRESS wake     check that the function works
 */
#include "device.h"

#include <err.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX
#define BAR0	VFIO_PCI_BAR0_REGION_INDEX
#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX

/* Intel 82576 and 82574, Device Status */
#define STATUS	0x08

static struct device dev;

static uint32_t power_state(uint64_t pm)
{
	return device_read(&dev, CONFIG, pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK;
}

static void set_power(uint64_t pm, uint32_t state)
{
	uint32_t ctrl = device_read(&dev, CONFIG, pm + PCI_PM_CTRL, 2);

	device_write(&dev, CONFIG, pm + PCI_PM_CTRL, 2,
		     (ctrl & ~PCI_PM_CTRL_STATE_MASK) | state);
}

static void go_to_sleep(void)
{
	uint64_t pm = device_cap(&dev, PCI_CAP_ID_PM);

	device_enable(&dev);
	irq_enable(&dev, MSIX, 0);
	set_power(pm, 3);
	if (power_state(pm) != 3)
		errx(1, "not in D3hot");
	kill(getpid(), SIGKILL);
}

static void works(void)
{
	uint64_t pm = device_cap(&dev, PCI_CAP_ID_PM);
	struct vfio_pci_hot_reset_info info = { .argsz = sizeof(info) };
	int i;

	plan(7);
	check(!power_state(pm), "in D0");
	device_enable(&dev);
	check((uint32_t)device_read(&dev, BAR0, STATUS, 4) != ~0u, "registers answer");
	/* exits if it fails */
	for (i = 0; i < 3; i++)
		irq_enable(&dev, MSIX, i);
	irq_disable(&dev, MSIX);
	check(true, "vectors come one after the other");
	set_power(pm, 1);
	check(!power_state(pm), "D1, which it lacks, is refused");
	set_power(pm, 3);
	irq_enable(&dev, MSIX, 0);
	irq_disable(&dev, MSIX);
	check(power_state(pm) == 3, "interrupts can be set up in D3hot, and it stays there");
	set_power(pm, 0);
	device_enable(&dev);
	check((uint32_t)device_read(&dev, BAR0, STATUS, 4) != ~0u, "registers answer again");
	check(ioctl(dev.fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info) == -1 && errno == ENODEV,
	      "no hot reset");
}

static void rom(void)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = VFIO_PCI_ROM_REGION_INDEX };
	char *buf;

	device_enable(&dev);
	if (ioctl(dev.fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "VFIO_DEVICE_GET_REGION_INFO");
	buf = malloc(info.size);
	/* read all of it at once, as QEMU does */
	if (!buf || pread(dev.fd, buf, info.size, info.offset) != (ssize_t)info.size)
		err(1, "the ROM");
	if (fwrite(buf, info.size, 1, stdout) != 1)
		err(1, "standard output");
	free(buf);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";
	int ret = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: %s PCI-ADDRESS rom|sleep|wake\n", argv[0]);
		return 2;
	}
	device_open(&dev, argv[1]);
	if (!strcmp(what, "sleep")) {
		go_to_sleep();
	} else if (!strcmp(what, "rom")) {
		rom();
	} else {
		works();
		ret = finish();
	}
	device_close(&dev);
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * function.c - generic PCI features of an NVMe controller, through VFIO: power states,
 * reset, config registers that belong to the server host
 */
#include "device.h"

#include <linux/pci_regs.h>
#include <stdio.h>

#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX
#define BAR0	VFIO_PCI_BAR0_REGION_INDEX

/* NVM Express 3.1.3 */
#define NVME_VS		0x08
#define NVME_CC		0x14
#define NVME_CC_ENTRY_SIZES	0x460000

static struct device dev;

static uint32_t config(uint64_t offset, int width)
{
	return device_read(&dev, CONFIG, offset, width);
}

static void power(uint32_t state)
{
	uint64_t pm = device_cap(&dev, PCI_CAP_ID_PM);
	uint32_t ctrl = config(pm + PCI_PM_CTRL, 2) & ~PCI_PM_CTRL_STATE_MASK;

	device_write(&dev, CONFIG, pm + PCI_PM_CTRL, 2, ctrl | state);
	check((config(pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK) == state, "goes to D%u",
	      state);
}

static void power_states(void)
{
	uint32_t id = config(PCI_VENDOR_ID, 4), version = device_read(&dev, BAR0, NVME_VS, 4);

	check(version && version != ~0u, "version %#x", version);
	power(3);
	check(config(PCI_VENDOR_ID, 4) == id, "config space answers in D3hot");
	power(0);
	device_enable(&dev);
	check(device_read(&dev, BAR0, NVME_VS, 4) == version, "registers are back in D0");
}

/* as with vfio-pci: a reset clears registers, but preserves the command register */
static void vfio_reset(void)
{
	check(device_can_reset(&dev), "can be reset");
	device_write(&dev, BAR0, NVME_CC, 4, NVME_CC_ENTRY_SIZES);
	check(device_read(&dev, BAR0, NVME_CC, 4) == NVME_CC_ENTRY_SIZES,
	      "a register keeps a value");
	device_reset(&dev);
	check(config(PCI_COMMAND, 2) & PCI_COMMAND_MASTER,
	      "a reset puts the command register back");
	check(!device_read(&dev, BAR0, NVME_CC, 4), "and makes registers begin anew");
}

/* an FLR also clears the command register (PCIe 6.6.2) */
static void function_level_reset(void)
{
	uint64_t exp = device_cap(&dev, PCI_CAP_ID_EXP);

	device_write(&dev, BAR0, NVME_CC, 4, NVME_CC_ENTRY_SIZES);
	device_write(&dev, CONFIG, exp + PCI_EXP_DEVCTL, 2,
		     config(exp + PCI_EXP_DEVCTL, 2) | PCI_EXP_DEVCTL_BCR_FLR);
	check(!(config(PCI_COMMAND, 2) & (PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY)),
	      "a function level reset clears the command register");
	check(device_read(&dev, BAR0, NVME_CC, 4) == ~0u, "without decoding nothing answers");
	device_enable(&dev);
	check(!device_read(&dev, BAR0, NVME_CC, 4), "then registers begin anew");
}

/* the guest's writes to registers that belong to the server host have no effect */
static void not_the_guests(void)
{
	uint32_t id = config(PCI_VENDOR_ID, 4), bar, version = device_read(&dev, BAR0, NVME_VS, 4);

	device_write(&dev, CONFIG, PCI_VENDOR_ID, 4, 0x12345678);
	check(config(PCI_VENDOR_ID, 4) == id, "ids do not change");
	device_write(&dev, CONFIG, PCI_BASE_ADDRESS_0, 4, ~0u);
	bar = config(PCI_BASE_ADDRESS_0, 4) & PCI_BASE_ADDRESS_MEM_MASK;
	check(~bar + 1 == region_size(&dev, BAR0), "a BAR shows its size");
	device_write(&dev, CONFIG, PCI_BASE_ADDRESS_0, 4, 0xfe000000);
	check((config(PCI_BASE_ADDRESS_0, 4) & PCI_BASE_ADDRESS_MEM_MASK) == 0xfe000000,
	      "and takes an address");
	check(device_read(&dev, BAR0, NVME_VS, 4) == version, "which the device knows nothing of");
	device_write(&dev, CONFIG, PCI_COMMAND, 2, 0);
	check(!(config(PCI_COMMAND, 2) & PCI_COMMAND_MEMORY), "decoding goes off");
	device_enable(&dev);
}

/* reads of config space at different widths agree */
static void whole_config(void)
{
	uint64_t size = region_size(&dev, CONFIG), at, sum = 0, bytes = 0;

	for (at = 0; at < size; at += 4)
		sum += config(at, 4);
	for (at = 0; at < 256; at++)
		bytes += (uint64_t)config(at, 1) << at % 4 * 8;
	for (at = 0; at < 256; at += 4)
		bytes -= config(at, 4);
	check(size >= 256 && sum && !bytes, "%u bytes of config space", (unsigned int)size);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s PCI-ADDRESS\n", argv[0]);
		return 2;
	}
	device_open(&dev, argv[1]);
	plan(5 + 4 + 3 + 5 + 1);
	device_enable(&dev);
	power_states();
	vfio_reset();
	function_level_reset();
	not_the_guests();
	whole_config();
	device_close(&dev);
	return finish();
}

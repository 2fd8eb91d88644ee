/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI core: differences between kernels that concern the frontend
 *
 * Floor: 6.12.  LINUX_VERSION_CODE is tested here, never where a function is
 * used.
 */
#ifndef _RIOD_COMPAT_PCI_H
#define _RIOD_COMPAT_PCI_H

#include <linux/device.h>
#include <linux/pci.h>

/**
 * riod_compat_set_driver_override() - let only one driver bind to a device
 * @pdev: device
 * @name: name of the driver
 *
 * Only for devices that no driver can have been matched with yet.  Needs
 * device_set_driver_override(), which 6.12 has since 6.12.117.
 *
 * Return: 0 or -ENOMEM.
 */
static inline int riod_compat_set_driver_override(struct pci_dev *pdev,
						  const char *name)
{
	return device_set_driver_override(&pdev->dev, name);
}

#endif /* _RIOD_COMPAT_PCI_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the frontend needs of the PCI core and differs between kernels
 *
 * Floor: 6.12.  Where a newer kernel differs, the difference is told apart by
 * LINUX_VERSION_CODE in here, never where it is used.
 */
#ifndef _RIOD_COMPAT_PCI_H
#define _RIOD_COMPAT_PCI_H

#include <linux/device.h>
#include <linux/pci.h>

/**
 * riod_compat_set_driver_override() - let only one driver bind to a device
 * @pdev: device
 * @name: the driver's
 *
 * For devices that no driver can have been matched with yet.  Kernels before
 * device_set_driver_override() (6.12.117) keep the name in the pci_dev, which
 * frees it.
 * Return: 0 or -ENOMEM.
 */
static inline int riod_compat_set_driver_override(struct pci_dev *pdev,
						  const char *name)
{
	return device_set_driver_override(&pdev->dev, name);
}

#endif /* _RIOD_COMPAT_PCI_H */

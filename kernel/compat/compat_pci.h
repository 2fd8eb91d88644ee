/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI core: differences between kernels
 *
 * Floor: 6.12.
 */
#ifndef _RIOD_COMPAT_PCI_H
#define _RIOD_COMPAT_PCI_H

#include <linux/device.h>
#include <linux/pci.h>
#include <linux/string.h>

/**
 * riod_compat_set_driver_override() - let only one driver bind to a device
 * @pdev: device
 * @name: name of the driver
 *
 * Only for devices that no driver can have been matched with yet, whose device lock is
 * not held.
 *
 * PCI moved the override from struct pci_dev to struct device in 7.1, and in stable
 * updates: 6.12.94 has it.  Earlier ones, from 6.12.85 on or before, already have
 * device_set_driver_override(), but only for other buses: PCI ignores what it sets.  So
 * Kbuild looks for the member of struct pci_dev (RIOD_COMPAT_PCI_OVERRIDE).
 *
 * Return: 0 or -ENOMEM.
 */
static inline int riod_compat_set_driver_override(struct pci_dev *pdev,
						  const char *name)
{
#ifdef RIOD_COMPAT_PCI_OVERRIDE
	return driver_set_override(&pdev->dev, &pdev->driver_override, name, strlen(name));
#else
	return device_set_driver_override(&pdev->dev, name);
#endif
}

/**
 * riod_compat_flr_chosen() - is FLR among the reset methods of a device?
 * @pdev: device
 *
 * The administrator chooses them by reset_method in sysfs.  The PCI core does not export
 * the table that their numbers refer to.  While it has eight entries, FLR is number 3
 * (5.17 to 6.19); in a table that has changed it is not known, so false.
 */
static inline bool riod_compat_flr_chosen(const struct pci_dev *pdev)
{
	return PCI_NUM_RESET_METHODS == 8 &&
	       memchr(pdev->reset_methods, 3, PCI_NUM_RESET_METHODS);
}

#endif /* _RIOD_COMPAT_PCI_H */

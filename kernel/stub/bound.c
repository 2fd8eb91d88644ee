// SPDX-License-Identifier: GPL-2.0-only
/*
 * List of functions that are bound to the driver
 *
 * pci_drv.c adds and removes functions; export.c looks up those that a request names.
 */
#include "stub.h"

/* creation and removal of exports; bound functions, listeners; inside the device lock */
DEFINE_MUTEX(riod_stub_admin);

/* bound functions; under riod_stub_admin */
static LIST_HEAD(riod_stub_devs);

/**
 * riod_stub_dev_find() - find the bound function of a PCI device
 * @pdev: device
 *
 * The function stays bound while the caller holds riod_stub_admin, which remove()
 * takes, too.
 * Return: the function, or NULL if it is not bound to this driver.
 */
struct riod_stub_dev *riod_stub_dev_find(struct pci_dev *pdev)
{
	struct riod_stub_dev *sdev;

	lockdep_assert_held(&riod_stub_admin);
	list_for_each_entry(sdev, &riod_stub_devs, list) {
		if (sdev->pdev == pdev)
			return sdev;
	}
	return NULL;
}

void riod_stub_dev_add(struct riod_stub_dev *sdev)
{
	lockdep_assert_held(&riod_stub_admin);
	list_add_tail(&sdev->list, &riod_stub_devs);
}

void riod_stub_dev_del(struct riod_stub_dev *sdev)
{
	lockdep_assert_held(&riod_stub_admin);
	list_del(&sdev->list);
}

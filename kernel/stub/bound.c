// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions that are bound to the driver
 *
 * pci_drv.c enters them and takes them out; export.c finds those that a request names.
 */
#include "stub.h"

/* exports come and go one at a time; bound functions, listeners; inside the device lock */
DEFINE_MUTEX(riod_stub_admin);

/* bound functions; under riod_stub_admin */
static LIST_HEAD(riod_stub_devs);

/**
 * riod_stub_dev_find() - the bound function for a PCI device
 * @pdev: device
 *
 * It stays bound for as long as the caller holds riod_stub_admin: remove() has
 * to take it.
 * Return: the function, or NULL where another driver has it, or none.
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI driver that exported functions are bound to
 *
 * It has no ID table: driver_override binds it.  Bus master of a bound function is
 * clear, and runtime PM may put it into D3, until a peer attaches its export.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>

#include "stub.h"

static int riod_stub_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct riod_stub_dev *sdev;

	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL) {
		pci_err(pdev, "bridges cannot be exported\n");
		return -EINVAL;
	}

	sdev = kzalloc(sizeof(*sdev), GFP_KERNEL);
	if (!sdev)
		return -ENOMEM;
	sdev->pdev = pdev;

	/* before saving, so that restoring the state later does not set bus master */
	pci_clear_master(pdev);
	pci_save_state(pdev);
	sdev->saved = pci_store_saved_state(pdev);
	if (!sdev->saved) {
		kfree(sdev);
		return -ENOMEM;
	}
	pci_set_drvdata(pdev, sdev);
	pci_intx(pdev, 0);

	/* the power state is unknown until it is set, see vfio-pci */
	pci_set_power_state(pdev, PCI_D0);
	pm_runtime_allow(&pdev->dev);
	pm_runtime_put(&pdev->dev);

	mutex_lock(&riod_stub_admin);
	riod_stub_dev_add(sdev);
	mutex_unlock(&riod_stub_admin);
	atomic_inc(&riod_stub_objects.devices);
	return 0;
}

static void riod_stub_remove(struct pci_dev *pdev)
{
	struct riod_stub_dev *sdev = pci_get_drvdata(pdev);

	/*
	 * The driver core holds the device lock.  From now on a thread that resets
	 * this function does so under this lock, see riod_stub_func_reset(), so that
	 * waiting for that thread below is no deadlock.
	 */
	smp_store_release(&sdev->leaving, true);

	riod_stub_export_leave(sdev);
	mutex_lock(&riod_stub_admin);
	riod_stub_dev_del(sdev);
	mutex_unlock(&riod_stub_admin);

	pm_runtime_get_noresume(&pdev->dev);
	pm_runtime_forbid(&pdev->dev);

	if (sdev->unclean)
		riod_stub_dev_clean(sdev);
	/* restore for the next driver what the previous one left */
	pci_clear_master(pdev);
	pci_load_and_free_saved_state(pdev, &sdev->saved);
	pci_restore_state(pdev);
	pci_set_drvdata(pdev, NULL);
	kfree(sdev);
	atomic_dec(&riod_stub_objects.devices);
}

/* the reboot notifier has ended the sessions; fence a device that is still in use */
static void riod_stub_shutdown(struct pci_dev *pdev)
{
	riod_stub_export_shutdown(pci_get_drvdata(pdev));
}

/* the PM notifier has ended the sessions; the PCI core must save a function at rest */
static int riod_stub_suspend(struct device *dev)
{
	if (riod_stub_export_idle(dev_get_drvdata(dev)))
		return 0;
	dev_warn(dev, "is in use: the host does not go to sleep\n");
	return -EBUSY;
}

static DEFINE_SIMPLE_DEV_PM_OPS(riod_stub_pm_ops, riod_stub_suspend, NULL);

/*
 * Any uncorrectable error ends the attachment: afterwards the guest cannot rely on the
 * device's registers.  The device itself may recover and be attached again.
 */
static pci_ers_result_t riod_stub_error_detected(struct pci_dev *pdev,
						 pci_channel_state_t state)
{
	/* the device lock is held, which excludes remove() */
	riod_stub_export_error(pci_get_drvdata(pdev), RIOD_REASON_ERROR);
	return state == pci_channel_io_perm_failure ? PCI_ERS_RESULT_DISCONNECT :
						      PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t riod_stub_slot_reset(struct pci_dev *pdev)
{
	struct riod_stub_dev *sdev = pci_get_drvdata(pdev);

	/* again, for a session that began after the error was detected */
	riod_stub_export_error(sdev, RIOD_REASON_ERROR);
	if (pci_load_saved_state(pdev, sdev->saved))
		return PCI_ERS_RESULT_DISCONNECT;
	pci_restore_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

/*
 * A reset from elsewhere (sysfs "reset", a bus reset for a neighbour) clears the
 * registers that the guest's driver has set up, so end the session.  The device lock is
 * held.  The device is fenced before the PCI core saves its state, so restoring the
 * state does not set bus master.  The teardown waits for the lock, then resets the
 * function itself.
 */
static void riod_stub_reset_prepare(struct pci_dev *pdev)
{
	struct riod_stub_dev *sdev = pci_get_drvdata(pdev);

	if (!sdev->own_reset)
		riod_stub_export_error(sdev, RIOD_REASON_DEVICE);
}

static const struct pci_error_handlers riod_stub_err_handlers = {
	.reset_prepare	= riod_stub_reset_prepare,
	.error_detected	= riod_stub_error_detected,
	.slot_reset	= riod_stub_slot_reset,
};

static struct pci_driver riod_stub_driver = {
	.name			= "riod_stub",
	.id_table		= NULL,
	.probe			= riod_stub_probe,
	.remove			= riod_stub_remove,
	.shutdown		= riod_stub_shutdown,
	.driver.pm		= pm_sleep_ptr(&riod_stub_pm_ops),
	.err_handler		= &riod_stub_err_handlers,
	.driver_managed_dma	= true,
};

int riod_stub_driver_register(void)
{
	return pci_register_driver(&riod_stub_driver);
}

void riod_stub_driver_unregister(void)
{
	pci_unregister_driver(&riod_stub_driver);
}

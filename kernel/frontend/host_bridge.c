// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual PCI host bridge that the functions are on
 *
 * One bridge with one bus, in a PCI domain of its own, from module init to exit.
 * An attachment takes one device number on it; its functions are added and removed
 * at run time.  The host's PCI core sees the config space of vpci.c, and gets nothing
 * that reaches the real device: no register with an effect, no interrupt, no resource.
 */
#include <linux/irqdomain.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/property.h>

#include "compat_iommu.h"
#include "compat_pci.h"
#include "frontend.h"

/* older libvirt, hwloc and others support domains of 16 bits only */
#define BRIDGE_DOMAIN_FIRST	0x7463
#define BRIDGE_DOMAIN_LAST	0xffff

/**
 * struct fe_bridge - the bridge
 * @parent: its parent, whose software node identifies our IOMMU
 * @msi: MSI domain of the bus, needed for its flag only
 * @host: for the PCI core
 * @sysdata: x86: the bus's domain number
 * @busn: bus numbers
 * @lock: @used, @slots, and the host's view of every function in them; raw, because
 *	config accesses occur in any context
 * @used: device numbers in use
 * @slots: attachments whose functions answer config accesses
 */
static struct fe_bridge {
	struct platform_device *parent;
	struct irq_domain *msi;
	struct pci_host_bridge *host;
	struct pci_sysdata sysdata;
	struct resource busn;
	raw_spinlock_t lock;	/* used, slots, host views */
	DECLARE_BITMAP(used, RIOD_FE_SLOTS);
	struct riod_fe_att *slots[RIOD_FE_SLOTS];
} bridge = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(bridge.lock),
};

static const struct software_node bridge_node = {
	.name = RIOD_FE_DRIVER,
};

struct device *riod_fe_bridge_parent(void)
{
	return &bridge.parent->dev;
}

/* ------------------------------------------------------------ config access */

static struct riod_fe_func *bridge_lookup(unsigned int devfn)
{
	struct riod_fe_att *att;
	unsigned int n;

	lockdep_assert_held(&bridge.lock);
	att = bridge.slots[PCI_SLOT(devfn)];
	for (n = 0; att && n < att->nfuncs; n++) {
		if (att->funcs[n]->pci_func == PCI_FUNC(devfn))
			return att->funcs[n];
	}
	return NULL;
}

static int bridge_read(struct pci_bus *bus, unsigned int devfn, int where, int size,
		       u32 *val)
{
	struct riod_fe_func *fn;
	unsigned long flags;

	raw_spin_lock_irqsave(&bridge.lock, flags);
	fn = bridge_lookup(devfn);
	if (fn)
		*val = riod_fe_vpci_read(fn, where, size);
	raw_spin_unlock_irqrestore(&bridge.lock, flags);
	return fn ? PCIBIOS_SUCCESSFUL : PCIBIOS_DEVICE_NOT_FOUND;
}

static int bridge_write(struct pci_bus *bus, unsigned int devfn, int where, int size,
			u32 val)
{
	struct riod_fe_func *fn;
	unsigned long flags;

	raw_spin_lock_irqsave(&bridge.lock, flags);
	fn = bridge_lookup(devfn);
	if (fn)
		riod_fe_vpci_write(fn, where, size, val);
	raw_spin_unlock_irqrestore(&bridge.lock, flags);
	return fn ? PCIBIOS_SUCCESSFUL : PCIBIOS_DEVICE_NOT_FOUND;
}

static struct pci_ops bridge_ops = {
	.read = bridge_read,
	.write = bridge_write,
};

/*
 * The attachment stays while one of its functions is on the bus: they are removed,
 * under the PCI core's rescan lock, before the slot is cleared.
 */
struct riod_fe_func *riod_fe_bridge_func(struct pci_dev *pdev)
{
	struct riod_fe_func *fn;
	unsigned long flags;

	if (pdev->bus->ops != &bridge_ops)
		return NULL;
	raw_spin_lock_irqsave(&bridge.lock, flags);
	fn = bridge_lookup(pdev->devfn);
	raw_spin_unlock_irqrestore(&bridge.lock, flags);
	return fn;
}

void riod_fe_bridge_identify(struct riod_fe_func *fn, bool own)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&bridge.lock, flags);
	riod_fe_vpci_identify(fn, own);
	raw_spin_unlock_irqrestore(&bridge.lock, flags);
}

void riod_fe_bridge_name(const struct riod_fe_func *fn, char *buf)
{
	snprintf(buf, RIOD_FE_NAME_LEN, "%04x:00:%02x.%x", bridge.sysdata.domain,
		 fn->att->slot, fn->pci_func);
}

/* the device of a function, with a reference; NULL if it is not on the bus */
static struct pci_dev *bridge_get_dev(unsigned int slot, const struct riod_fe_func *fn)
{
	return pci_get_slot(bridge.host->bus, PCI_DEVFN(slot, fn->pci_func));
}

/* ------------------------------------------------------------ new functions */

/*
 * Called before all other notifiers for a new device.  Clear the resources of the
 * BARs, so that neither quirks nor sysfs can map memory that does not exist; the BARs
 * themselves can still be read and sized.  Let no driver but ours bind, also after a
 * remove and rescan through sysfs.
 */
static int bridge_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	struct riod_fe_func *fn;
	struct resource *res;
	u32 id = 0;
	int ret;

	if (action != BUS_NOTIFY_ADD_DEVICE)
		return NOTIFY_DONE;
	fn = riod_fe_bridge_func(pdev);
	if (!fn)
		return NOTIFY_DONE;

	pci_dev_for_each_resource(pdev, res) {
		res->start = 0;
		res->end = 0;
		res->flags = 0;
	}
	ret = riod_compat_set_driver_override(pdev, RIOD_FE_DRIVER);
	if (!ret)
		ret = riod_compat_fwspec_init(&pdev->dev, dev_fwnode(riod_fe_bridge_parent()));
	if (!ret)
		ret = iommu_fwspec_add_ids(&pdev->dev, &id, 1);
	if (ret)
		pci_err(pdev, "riod: cannot be set up: %d\n", ret);
	return NOTIFY_OK;
}

static struct notifier_block bridge_nb = {
	.notifier_call = bridge_notify,
	.priority = INT_MAX,
};

int riod_fe_bridge_reserve(struct riod_fe_att *att)
{
	unsigned long flags;
	unsigned int slot;

	raw_spin_lock_irqsave(&bridge.lock, flags);
	slot = find_first_zero_bit(bridge.used, RIOD_FE_SLOTS);
	if (slot < RIOD_FE_SLOTS) {
		__set_bit(slot, bridge.used);
		att->slot = slot;
	}
	raw_spin_unlock_irqrestore(&bridge.lock, flags);
	return slot < RIOD_FE_SLOTS ? 0 : -ENOSPC;
}

void riod_fe_bridge_release(struct riod_fe_att *att)
{
	unsigned long flags;

	if (att->slot < 0)
		return;
	raw_spin_lock_irqsave(&bridge.lock, flags);
	__clear_bit(att->slot, bridge.used);
	raw_spin_unlock_irqrestore(&bridge.lock, flags);
	att->slot = -1;
}

static void bridge_publish(unsigned int slot, struct riod_fe_att *att)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&bridge.lock, flags);
	bridge.slots[slot] = att;
	raw_spin_unlock_irqrestore(&bridge.lock, flags);
}

/* with the rescan lock held */
static int bridge_add_func(struct riod_fe_func *fn)
{
	struct pci_dev *pdev;
	int ret = 0;

	pdev = bridge_get_dev(fn->att->slot, fn);
	if (!pdev)
		return -ENOMEM;
	pci_bus_add_device(pdev);
	if (pdev->dev.driver != &riod_fe_pci_driver.driver)
		ret = fn->probe_err ? fn->probe_err : -ENODEV;
	pci_dev_put(pdev);
	return ret;
}

static void bridge_remove_all(struct riod_fe_att *att)
{
	unsigned int n = att->nfuncs;
	struct pci_dev *pdev;

	while (n--) {
		/* it may have been removed through sysfs */
		pdev = bridge_get_dev(att->slot, att->funcs[n]);
		if (!pdev)
			continue;
		pci_stop_and_remove_bus_device(pdev);
		pci_dev_put(pdev);
	}
	bridge_publish(att->slot, NULL);
}

/**
 * riod_fe_bridge_add() - put an attachment's functions on the bus
 * @att: attachment with a reserved device number
 *
 * Return: 0 with every function bound to our driver and registered with VFIO, or -errno.
 * After an error, too, riod_fe_bridge_remove() removes the functions: a process may have
 * opened one, and this must not wait for it under the rescan lock.
 */
int riod_fe_bridge_add(struct riod_fe_att *att)
{
	unsigned int n;
	int ret = 0;

	pci_lock_rescan_remove();
	bridge_publish(att->slot, att);
	pci_scan_slot(bridge.host->bus, PCI_DEVFN(att->slot, 0));
	for (n = 0; n < att->nfuncs && !ret; n++)
		ret = bridge_add_func(att->funcs[n]);
	att->on_bus = true;
	pci_unlock_rescan_remove();
	return ret;
}

/*
 * Called before the host sleeps, because the PCI core runs quirks when it suspends and
 * resumes a device, too.  The session is over, so the functions are useless anyway.
 */
void riod_fe_bridge_hide(struct riod_fe_att *att)
{
	int slot = READ_ONCE(att->slot);
	struct pci_dev *pdev;
	unsigned int n;

	for (n = 0; n < att->nfuncs && slot >= 0; n++) {
		/* while an attachment is being made, a function may not be described yet */
		pdev = att->funcs[n] ? bridge_get_dev(slot, att->funcs[n]) : NULL;
		if (!pdev)
			continue;
		/* a function being unbound hides its ids itself, and may hold the lock for long */
		if (device_trylock(&pdev->dev)) {
			if (pdev->dev.driver == &riod_fe_pci_driver.driver &&
			    riod_fe_bridge_func(pdev) == att->funcs[n])
				riod_fe_vpci_show(pdev, att->funcs[n], false);
			device_unlock(&pdev->dev);
		}
		pci_dev_put(pdev);
	}
}

/*
 * Unregistering from VFIO waits until every file of the device is closed, and a process
 * may have opened its cdev without binding it, which the frontend cannot see.  So this
 * waits outside of the rescan lock, which all PCI buses of the host share.  Our driver
 * cannot be bound again, because the attachment is REMOVING.
 */
static void bridge_unbind_all(struct riod_fe_att *att)
{
	struct pci_dev *pdev;
	unsigned int n;

	for (n = 0; n < att->nfuncs; n++) {
		pdev = bridge_get_dev(att->slot, att->funcs[n]);
		if (!pdev)
			continue;
		device_release_driver(&pdev->dev);
		pci_dev_put(pdev);
	}
}

/* called by teardown; may wait until a process closes a file */
void riod_fe_bridge_remove(struct riod_fe_att *att)
{
	if (!att->on_bus)
		return;
	bridge_unbind_all(att);
	pci_lock_rescan_remove();
	bridge_remove_all(att);
	pci_unlock_rescan_remove();
	att->on_bus = false;
}

/* ------------------------------------------------------------ the bridge */

static bool domain_used(int domain)
{
	struct pci_bus *bus = NULL;

	while ((bus = pci_find_next_bus(bus))) {
		if (pci_domain_nr(bus) == domain)
			return true;
	}
	return false;
}

static int domain_choose(void)
{
	int domain;

	for (domain = BRIDGE_DOMAIN_FIRST; domain <= BRIDGE_DOMAIN_LAST; domain++) {
		if (!domain_used(domain))
			return domain;
	}
	return -ENOSPC;
}

static int parent_init(void)
{
	struct platform_device_info info = {
		.name = RIOD_FE_DRIVER,
		.id = PLATFORM_DEVID_NONE,
	};
	int ret;

	ret = software_node_register(&bridge_node);
	if (ret)
		return ret;
	info.fwnode = software_node_fwnode(&bridge_node);
	bridge.parent = platform_device_register_full(&info);
	if (IS_ERR(bridge.parent)) {
		software_node_unregister(&bridge_node);
		return PTR_ERR(bridge.parent);
	}
	return 0;
}

static void parent_exit(void)
{
	platform_device_unregister(bridge.parent);
	software_node_unregister(&bridge_node);
}

/*
 * VFIO requires that a function cannot forge interrupts.  Ours cannot: it writes no
 * MSI at all, its interrupts arrive as frames of the session.
 */
static int msi_init(void)
{
	struct fwnode_handle *fwnode;

	fwnode = irq_domain_alloc_named_fwnode(RIOD_FE_DRIVER);
	if (!fwnode)
		return -ENOMEM;
	bridge.msi = irq_domain_create_linear(fwnode, 1, &irq_domain_simple_ops, NULL);
	if (!bridge.msi) {
		irq_domain_free_fwnode(fwnode);
		return -ENOMEM;
	}
	bridge.msi->flags |= IRQ_DOMAIN_FLAG_ISOLATED_MSI;
	return 0;
}

static void msi_exit(void)
{
	struct fwnode_handle *fwnode = bridge.msi->fwnode;

	irq_domain_remove(bridge.msi);
	irq_domain_free_fwnode(fwnode);
}

static int host_init(void)
{
	struct pci_host_bridge *host;
	int ret;

	host = pci_alloc_host_bridge(0);
	if (!host)
		return -ENOMEM;
	bridge.busn = (struct resource) {
		.name = RIOD_FE_DRIVER,
		.flags = IORESOURCE_BUS | IORESOURCE_PCI_FIXED,
	};
	pci_add_resource(&host->windows, &bridge.busn);
	host->dev.parent = riod_fe_bridge_parent();
	host->sysdata = &bridge.sysdata;
	host->ops = &bridge_ops;

	pci_lock_rescan_remove();
	bridge.sysdata.node = NUMA_NO_NODE;
	bridge.sysdata.domain = domain_choose();
	ret = bridge.sysdata.domain < 0 ? bridge.sysdata.domain :
					  pci_scan_root_bus_bridge(host);
	if (!ret) {
		dev_set_msi_domain(&host->bus->dev, bridge.msi);
		pci_bus_add_devices(host->bus);
	}
	pci_unlock_rescan_remove();
	if (ret)
		pci_free_host_bridge(host);
	else
		bridge.host = host;
	return ret;
}

static void host_exit(void)
{
	pci_lock_rescan_remove();
	pci_stop_root_bus(bridge.host->bus);
	pci_remove_root_bus(bridge.host->bus);
	pci_unlock_rescan_remove();
	pci_free_host_bridge(bridge.host);
}

int riod_fe_bridge_init(void)
{
	int ret;

	ret = parent_init();
	if (ret)
		return ret;
	ret = msi_init();
	if (ret)
		goto err_parent;
	ret = riod_fe_iommu_init(riod_fe_bridge_parent());
	if (ret)
		goto err_msi;
	ret = bus_register_notifier(&pci_bus_type, &bridge_nb);
	if (ret)
		goto err_iommu;
	ret = host_init();
	if (ret)
		goto err_notifier;
	return 0;

err_notifier:
	bus_unregister_notifier(&pci_bus_type, &bridge_nb);
err_iommu:
	riod_fe_iommu_exit();
err_msi:
	msi_exit();
err_parent:
	parent_exit();
	return ret;
}

void riod_fe_bridge_exit(void)
{
	host_exit();
	bus_unregister_notifier(&pci_bus_type, &bridge_nb);
	riod_fe_iommu_exit();
	msi_exit();
	parent_exit();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The function as the host sees it, and our driver for it
 *
 * The host's PCI core, lspci and libvirt see ids, BARs that can be sized and, for a
 * PCI Express device, the PCI Express capability; no other capability, no interrupt
 * pin, no ROM.  Accesses by the host are answered here and never cross the network.
 *
 * The server host chooses the ids, and this host must not act on them: the quirks for
 * one device can affect the whole host (some disable MSI), and udev loads the module
 * that matches a modalias.  So a function has ids that match nothing when it is added
 * to the bus and when it is removed.  It shows the device's own ids while our driver is
 * bound; uevents, which would carry them to udev, are suppressed meanwhile.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/unaligned.h>
#include <linux/vfio.h>

#include "frontend.h"

#define HOST_COMMAND	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

/* an unassigned vendor id; the class code is "does not fit in any class" */
#define NEUTRAL_IDS	0x00017463
#define NEUTRAL_CLASS	0xff000000

/* dwords of the header that identify a device */
static const u8 host_ids[] = { PCI_VENDOR_ID, PCI_CLASS_REVISION, PCI_SUBSYSTEM_VENDOR_ID };

static void host_bar(struct riod_fe_func *fn, unsigned int n)
{
	const struct riod_cfg_bar *bar = &fn->cfg.bars[n];
	u8 pos = PCI_BASE_ADDRESS_0 + 4 * n;
	u64 mask = ~(bar->size - 1);
	u32 type = 0;

	if (!bar->size)
		return;
	if (bar->flags & RIOD_BAR_F_IO) {
		put_unaligned_le32(PCI_BASE_ADDRESS_SPACE_IO, fn->host + pos);
		put_unaligned_le32((u32)mask & PCI_BASE_ADDRESS_IO_MASK,
				   fn->host_wmask + pos);
		return;
	}
	if (bar->flags & RIOD_BAR_F_PREFETCH)
		type |= PCI_BASE_ADDRESS_MEM_PREFETCH;
	/* riod_cfg_init() has checked that the next BAR exists and is unused */
	if (bar->flags & RIOD_BAR_F_64) {
		type |= PCI_BASE_ADDRESS_MEM_TYPE_64;
		put_unaligned_le32(mask >> 32, fn->host_wmask + pos + 4);
	}
	put_unaligned_le32(type, fn->host + pos);
	put_unaligned_le32((u32)mask & PCI_BASE_ADDRESS_MEM_MASK, fn->host_wmask + pos);
}

/*
 * Show an endpoint with the width and speed of the device's link.  No register is
 * writable, so the PCI core cannot configure anything, and without the FLR bit it
 * cannot reset the function.
 */
static void host_exp(struct riod_fe_func *fn)
{
	const u8 *exp = fn->cfg.bytes + fn->cfg.exp_cap;
	u8 *cap = fn->host + PCI_STD_HEADER_SIZEOF;
	u16 link;

	if (!fn->cfg.exp_cap)
		return;
	static_assert(PCI_STD_HEADER_SIZEOF + PCI_CAP_EXP_ENDPOINT_SIZEOF_V2 <= RIOD_FE_HEADER);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, fn->host + PCI_STATUS);
	fn->host[PCI_CAPABILITY_LIST] = PCI_STD_HEADER_SIZEOF;
	cap[PCI_CAP_LIST_ID] = PCI_CAP_ID_EXP;
	put_unaligned_le16(2 | PCI_EXP_TYPE_ENDPOINT << 4, cap + PCI_EXP_FLAGS);
	if ((get_unaligned_le16(exp + PCI_EXP_FLAGS) & PCI_EXP_FLAGS_TYPE) >> 4 ==
	    PCI_EXP_TYPE_RC_END)
		return;
	/* status equal to capability, so that the host does not report a slow link */
	link = get_unaligned_le16(exp + PCI_EXP_LNKSTA) &
	       (PCI_EXP_LNKSTA_CLS | PCI_EXP_LNKSTA_NLW);
	put_unaligned_le32(link, cap + PCI_EXP_LNKCAP);
	put_unaligned_le16(link, cap + PCI_EXP_LNKSTA);
}

/* build the host's view from fn->cfg, before the function is added to the bus */
void riod_fe_vpci_host_view(struct riod_fe_func *fn, bool multi)
{
	unsigned int i;

	riod_fe_vpci_identify(fn, false);
	if (multi)
		fn->host[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_MFD;
	put_unaligned_le16(HOST_COMMAND, fn->host_wmask + PCI_COMMAND);
	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		host_bar(fn, i);
	host_exp(fn);
}

/* show the device's own ids, or neutral ones; under the bridge's lock, or not on the bus */
void riod_fe_vpci_identify(struct riod_fe_func *fn, bool own)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(host_ids); i++)
		memcpy(fn->host + host_ids[i], fn->cfg.bytes + host_ids[i], 4);
	if (own)
		return;
	put_unaligned_le32(NEUTRAL_IDS, fn->host + PCI_VENDOR_ID);
	put_unaligned_le32(NEUTRAL_CLASS, fn->host + PCI_CLASS_REVISION);
	put_unaligned_le32(0, fn->host + PCI_SUBSYSTEM_VENDOR_ID);
}

/* as riod_fe_vpci_identify(), and for the copies in @pdev that sysfs shows */
void riod_fe_vpci_show(struct pci_dev *pdev, struct riod_fe_func *fn, bool own)
{
	u32 ids, class, subsystem;

	device_lock_assert(&pdev->dev);
	riod_fe_bridge_identify(fn, own);
	ids = riod_fe_vpci_read(fn, PCI_VENDOR_ID, 4);
	class = riod_fe_vpci_read(fn, PCI_CLASS_REVISION, 4);
	subsystem = riod_fe_vpci_read(fn, PCI_SUBSYSTEM_VENDOR_ID, 4);
	/* suppress uevents before the own ids are shown, and until they are hidden */
	if (own)
		dev_set_uevent_suppress(&pdev->dev, true);
	pdev->vendor = ids;
	pdev->device = ids >> 16;
	pdev->revision = class;
	pdev->class = class >> 8;
	pdev->subsystem_vendor = subsystem;
	pdev->subsystem_device = subsystem >> 16;
	if (!own)
		dev_set_uevent_suppress(&pdev->dev, false);
}

/* both under the bridge's lock; @size is 1, 2 or 4, @where aligned to it */
u32 riod_fe_vpci_read(const struct riod_fe_func *fn, int where, int size)
{
	u32 val = 0;
	int i;

	if (where < 0 || where + size > RIOD_FE_HEADER)
		return 0;
	for (i = 0; i < size; i++)
		val |= (u32)fn->host[where + i] << (8 * i);
	return val;
}

void riod_fe_vpci_write(struct riod_fe_func *fn, int where, int size, u32 val)
{
	int i;

	if (where < 0 || where + size > RIOD_FE_HEADER)
		return;
	for (i = where; i < where + size; i++, val >>= 8)
		fn->host[i] = (fn->host[i] & ~fn->host_wmask[i]) |
			      (val & fn->host_wmask[i]);
}

/* ------------------------------------------------------------ driver */

static int vpci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct riod_fe_func *fn = riod_fe_bridge_func(pdev);
	struct riod_fe_vdev *v;
	int ret;

	/* our name was written to the driver_override of another device */
	if (!fn)
		return -ENODEV;
	/* bound again through sysfs, after the removal of the attachment unbound it */
	if (riod_fe_att_is_over(fn->att))
		return -ENODEV;
	v = vfio_alloc_device(riod_fe_vdev, vdev, &pdev->dev, &riod_fe_vfio_ops);
	if (IS_ERR(v)) {
		fn->probe_err = PTR_ERR(v);
		return fn->probe_err;
	}
	ret = vfio_register_group_dev(&v->vdev);
	fn->probe_err = ret;
	if (ret) {
		vfio_put_device(&v->vdev);
		return ret;
	}
	strscpy(fn->vfio_name, dev_name(&v->vdev.device));
	pci_set_drvdata(pdev, v);
	riod_fe_vpci_show(pdev, fn, true);
	return 0;
}

/* waits until every VFIO file of the function is closed */
static void vpci_remove(struct pci_dev *pdev)
{
	struct riod_fe_vdev *v = pci_get_drvdata(pdev);

	vfio_unregister_group_dev(&v->vdev);
	v->func->vfio_name[0] = '\0';
	riod_fe_vpci_show(pdev, v->func, false);
	vfio_put_device(&v->vdev);
}

static const struct pci_device_id vpci_ids[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, vpci_ids);

struct pci_driver riod_fe_pci_driver = {
	.name = RIOD_FE_DRIVER,
	.id_table = vpci_ids,
	.probe = vpci_probe,
	.remove = vpci_remove,
	.driver_managed_dma = true,
	.driver.probe_type = PROBE_FORCE_SYNCHRONOUS,
};

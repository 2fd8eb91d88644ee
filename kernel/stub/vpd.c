// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vital product data of one function
 *
 * The peer sees address and data registers that are kept here; the device is read
 * through pci_read_vpd(), as drivers/vfio/pci/vfio_pci_config.c does it: the PCI
 * core knows devices that hang when they are read beyond the end, and keeps sysfs
 * and the peer apart.  VPD is in an EEPROM: a peer cannot write it.
 */
#include <linux/pci.h>
#include <linux/unaligned.h>

#include "stub.h"

/* does an access touch the two registers? */
bool riod_stub_vpd_covers(const struct riod_stub_func *fn, u16 offset, u8 width)
{
	u16 cap = fn->cfg->vpd_cap;

	return cap && offset < cap + PCI_CAP_VPD_SIZEOF && offset + width > cap + PCI_VPD_ADDR;
}

/* the registers' bytes of the access; the caller fills in what is beside them */
u32 riod_stub_vpd_read(const struct riod_stub_func *fn, u16 offset, u8 width)
{
	/* the capability is aligned to 4 bytes, so an access has one dword of it */
	u16 in = offset - fn->cfg->vpd_cap;
	u32 dword = in < PCI_VPD_DATA ? (u32)fn->vpd_addr << 16 : fn->vpd_data;

	return dword >> (8 * (in & 3));
}

/**
 * riod_stub_vpd_write() - the peer writes the address register
 * @fn: function of an attachment
 * @offset: config offset, in the register
 * @width: 1 or 2
 * @value: what is written
 *
 * A write of the upper byte with the flag clear reads 4 bytes, and the flag is set
 * when they are in the data register.  It stays clear where the device fails, and
 * nothing happens where the flag is written as 1 (a write of VPD).
 * Receive thread; may wait 125 ms for the device.
 */
void riod_stub_vpd_write(struct riod_stub_func *fn, u16 offset, u8 width, u32 value)
{
	unsigned int shift = 8 * (offset - fn->cfg->vpd_cap - PCI_VPD_ADDR);
	u16 mask = (width == 2 ? 0xffff : 0xff) << shift;
	u8 data[4] = {};

	fn->vpd_addr = (fn->vpd_addr & ~mask) | ((value << shift) & mask);
	if (!(mask & PCI_VPD_ADDR_F) || fn->vpd_addr & PCI_VPD_ADDR_F)
		return;
	/* a device in D3hot may not answer */
	if (fn->power || pci_read_vpd(fn->pdev, fn->vpd_addr, sizeof(data), data) < 0)
		return;
	fn->vpd_data = get_unaligned_le32(data);
	fn->vpd_addr |= PCI_VPD_ADDR_F;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vital product data of one function
 *
 * The stub emulates the address and data registers and reads the device through
 * pci_read_vpd(), as drivers/vfio/pci/vfio_pci_config.c does: the PCI core has
 * quirks for devices that hang when read beyond the end, and serializes with
 * sysfs.  The peer cannot write VPD, which is stored in an EEPROM.
 */
#include <linux/pci.h>
#include <linux/unaligned.h>

#include "stub.h"

/* true if the access overlaps the VPD address or data register */
bool riod_stub_vpd_covers(const struct riod_stub_func *fn, u16 offset, u8 width)
{
	u16 cap = fn->cfg->vpd_cap;

	return cap && offset < cap + PCI_CAP_VPD_SIZEOF && offset + width > cap + PCI_VPD_ADDR;
}

/* value of the VPD registers; the caller merges in bytes outside of them */
u32 riod_stub_vpd_read(const struct riod_stub_func *fn, u16 offset, u8 width)
{
	/* the capability is dword aligned, so an access is within one dword of it */
	u16 in = offset - fn->cfg->vpd_cap;
	u32 dword = in < PCI_VPD_DATA ? (u32)fn->vpd_addr << 16 : fn->vpd_data;

	return dword >> (8 * (in & 3));
}

/**
 * riod_stub_vpd_write() - handle the peer's write of the VPD address register
 * @fn: function of an attachment
 * @offset: config offset, in the register
 * @width: 1 or 2
 * @value: value written
 *
 * Writing the upper byte with the flag clear reads 4 bytes of VPD into the data
 * register and then sets the flag.  If the device fails the flag stays clear.  A
 * write with the flag set, which requests a VPD write, is ignored.
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

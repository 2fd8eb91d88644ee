/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cfgspace.h - model of a function's config space
 *
 * No hardware access.  The stub's model decides which config accesses of a peer
 * may reach the device.  The frontend's model is the guest's view, virtualised
 * as in drivers/vfio/pci/vfio_pci_config.c.  Sections are those of the PCI
 * Express Base Specification, revision 6.0.
 */
#ifndef _RIOD_CFGSPACE_H
#define _RIOD_CFGSPACE_H

#include <linux/types.h>

#include "wire.h"

#define RIOD_CFG_SIZE_MAX	4096

/**
 * enum riod_cfg_class - how accesses to a byte of config space are handled
 * @RIOD_CFG_CONST: never changes: reads are answered locally, writes are
 *	dropped
 * @RIOD_CFG_VIRT: kept by the frontend: reads are answered locally, writes
 *	change the model as far as its write mask allows (BARs, interrupt line,
 *	MSI address and data, ...)
 * @RIOD_CFG_LIVE: in the device, and harmless (vendor-specific capabilities):
 *	reads and writes cross the network
 * @RIOD_CFG_LIVE_RO: reads cross, writes are dropped (status, and bytes of the
 *	legacy space that are in no capability)
 */
enum riod_cfg_class {
	RIOD_CFG_CONST,
	RIOD_CFG_VIRT,
	RIOD_CFG_LIVE,
	RIOD_CFG_LIVE_RO,
};

/**
 * struct riod_cfg_bar - geometry of one BAR, as riod_wire_bar in host order
 * @size: bytes, a power of two; 0: no BAR
 * @flags: RIOD_BAR_F_*
 */
struct riod_cfg_bar {
	u64 size;
	u32 flags;
};

/**
 * struct riod_cfg - model of one function
 * @size: 256 or 4096
 * @bytes: value of CONST and VIRT bytes
 * @initial: VIRT: value of @bytes after a reset
 * @wmask: VIRT: bits that a write may change
 * @class: &enum riod_cfg_class of each byte
 * @bars: BAR geometry; the model emulates sizing
 * @pm_cap: offset of the power management capability, or 0
 * @exp_cap: of the PCI Express capability, or 0
 * @msi_cap: of the MSI capability, or 0
 * @msi_mask: of the MSI mask bits, or 0; the pending bits are behind them
 * @msix_cap: of the MSI-X capability, or 0
 * @af_cap: of the Advanced Features capability, or 0
 * @vpd_cap: of the Vital Product Data capability, or 0
 * @msix_table_bar: BAR with the MSI-X table
 * @msix_table_offset: its offset in that BAR
 * @msix_table_size: its bytes
 * @msix_pba_bar: BAR with the pending bits
 * @msix_pba_offset: their offset
 * @msix_pba_size: their bytes
 */
struct riod_cfg {
	u16 size;
	u8 bytes[RIOD_CFG_SIZE_MAX];
	u8 initial[RIOD_CFG_SIZE_MAX];
	u8 wmask[RIOD_CFG_SIZE_MAX];
	u8 class[RIOD_CFG_SIZE_MAX];
	struct riod_cfg_bar bars[RIOD_BARS];
	u16 pm_cap;
	u16 exp_cap;
	u16 msi_cap;
	u16 msi_mask;
	u16 msix_cap;
	u16 af_cap;
	u16 vpd_cap;
	u8 msix_table_bar;
	u32 msix_table_offset;
	u32 msix_table_size;
	u8 msix_pba_bar;
	u32 msix_pba_offset;
	u32 msix_pba_size;
};

/**
 * riod_cfg_init() - build the model from a device's config space
 * @c: model, initialised on success
 * @raw: the device's bytes.  Untrusted: at the frontend they come from
 *	DESCRIBE, so capability lists may loop or overlap
 * @size: 256 or 4096
 * @bars: geometry
 *
 * Shows the listed capabilities of these kinds: power management, VPD, MSI,
 * MSI-X, PCI Express, advanced features, subsystem ids, PCI-X, SATA,
 * vendor-specific; and of the extended ones device serial number, power
 * budgeting, LTR, vendor-specific and designated vendor-specific.  All others
 * (ATS, PRI, PASID, SR-IOV, AER, ...) are unlinked and read as zeroes, and so
 * is a capability that does not fit in front of the next one.  PCI Express:
 * AtomicOp requests, 10-bit tags, IDO, LTR, OBFF and No-Snoop stay off and
 * cannot be enabled.  More than 32 MSI vectors count as 32.
 *
 * Return: 0; -EINVAL: header type 1 or 2, an interrupt pin above 4, two
 * capabilities of a kind that must be unique, or BARs or an MSI-X table that
 * are out of range.
 */
int riod_cfg_init(struct riod_cfg *c, const u8 *raw, u16 size,
		  const struct riod_cfg_bar *bars);

/**
 * riod_cfg_limit_irqs() - restrict the model to the interrupts on offer
 * @c: model, as riod_cfg_init() left it
 * @nintx: 1: there is an interrupt pin; 0: the model's pin becomes 0
 * @nmsi: MSI vectors.  Fewer than in the model: Multiple Message Capable is
 *	lowered; 0: the capability is hidden
 * @nmsix: entries of the MSI-X table; 0: the capability is hidden
 *
 * Return: 0; -EINVAL: more is on offer than the model has, or another number of
 * MSI-X vectors.
 */
int riod_cfg_limit_irqs(struct riod_cfg *c, u16 nintx, u16 nmsi, u16 nmsix);

/* the function cannot be reset: hide FLR in both capabilities */
void riod_cfg_hide_flr(struct riod_cfg *c);

/**
 * enum riod_cfg_effect - effects of a write to the model (bit mask)
 * @RIOD_CFG_EFF_COMMAND: I/O, memory, bus master or INTx disable changed
 * @RIOD_CFG_EFF_FLR: a function level reset was initiated (PCIe 7.5.3.4, or AF)
 * @RIOD_CFG_EFF_POWER: the power state changed (PCIe 7.5.2.2)
 * @RIOD_CFG_EFF_LIVE: bytes of the write belong to the device: forward it
 * @RIOD_CFG_EFF_DEVCTL: bits of RIOD_DEVCTL_BITS changed in Device Control
 * @RIOD_CFG_EFF_MSI_MASK: MSI mask bits changed
 */
enum riod_cfg_effect {
	RIOD_CFG_EFF_COMMAND	= 1 << 0,
	RIOD_CFG_EFF_FLR	= 1 << 1,
	RIOD_CFG_EFF_POWER	= 1 << 2,
	RIOD_CFG_EFF_LIVE	= 1 << 3,
	RIOD_CFG_EFF_DEVCTL	= 1 << 4,
	RIOD_CFG_EFF_MSI_MASK	= 1 << 5,
};

/**
 * riod_cfg_read() - read 1, 2 or 4 naturally aligned bytes from the model
 * @c: model
 * @offset: a multiple of @width
 * @width: 1, 2 or 4
 * @value: little-endian value in host order; LIVE bytes as last known
 *
 * Return: true: some bytes are live, so the caller must ask the device.
 */
bool riod_cfg_read(const struct riod_cfg *c, u16 offset, u8 width, u32 *value);

/* replace the LIVE bytes of a value from riod_cfg_read() by the device's answer */
u32 riod_cfg_merge(const struct riod_cfg *c, u16 offset, u8 width, u32 model, u32 live);

/**
 * riod_cfg_lost() - value of a read once the device cannot be reached
 * @c: model
 * @offset: a multiple of @width
 * @width: 1, 2 or 4
 *
 * All-ones, as from a removed device (PCIe 2.3.2), except for the interrupt
 * pin: QEMU fails an assertion if that is invalid, and vfio-pci does not read
 * it from the device either.  The pin does not change after riod_cfg_init(), so
 * no lock is needed.
 */
u32 riod_cfg_lost(const struct riod_cfg *c, u16 offset, u8 width);

/**
 * riod_cfg_write() - write to the model
 * @c: model
 * @offset: a multiple of @width
 * @width: 1, 2 or 4
 * @value: little-endian value in host order
 *
 * Return: mask of &enum riod_cfg_effect.  The caller reads the new state from
 * the model (riod_cfg_command(), riod_cfg_power(), ...).
 */
u32 riod_cfg_write(struct riod_cfg *c, u16 offset, u8 width, u32 value);

u16 riod_cfg_command(const struct riod_cfg *c);
u8 riod_cfg_power(const struct riod_cfg *c);
/* RIOD_DEVCTL_BITS of Device Control; 0 without a PCI Express capability */
u16 riod_cfg_devctl(const struct riod_cfg *c);
/* MSI vectors that the guest has masked, one bit each */
u32 riod_cfg_msi_mask(const struct riod_cfg *c);

/* for a device that is in another power state than the guest requested */
void riod_cfg_set_power(struct riod_cfg *c, u8 state);
/* set the value of the MSI pending bits */
void riod_cfg_set_msi_pending(struct riod_cfg *c, u32 pending);

/* reset the VIRT bytes to their initial values */
void riod_cfg_reset(struct riod_cfg *c);

/* the stub's filter: may a peer read or write these bytes of the device? */
bool riod_cfg_may_read(const struct riod_cfg *c, u16 offset, u8 width);
bool riod_cfg_may_write(const struct riod_cfg *c, u16 offset, u8 width);

/* does a BAR access touch the MSI-X table or pending bits, which are emulated? */
bool riod_cfg_is_msix(const struct riod_cfg *c, u8 bar, u64 offset, u32 width);

#endif /* _RIOD_CFGSPACE_H */

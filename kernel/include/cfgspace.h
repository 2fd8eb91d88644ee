/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cfgspace.h - a model of a function's config space
 *
 * Pure: bytes and rules, no hardware.  The stub asks it which of a peer's
 * config accesses may reach the device; the frontend keeps one as the guest's
 * view, virtualised the way drivers/vfio/pci/vfio_pci_config.c does it.
 * Sections are those of the PCI Express Base Specification, revision 6.0.
 */
#ifndef _RIOD_CFGSPACE_H
#define _RIOD_CFGSPACE_H

#include <linux/types.h>

#include "wire.h"

#define RIOD_CFG_SIZE_MAX	4096

/**
 * enum riod_cfg_class - what an access to a byte of config space means
 * @RIOD_CFG_CONST: never changes: answered locally; writes are dropped
 * @RIOD_CFG_VIRT: kept by the frontend: answered locally; writes change the
 *	model by its write mask (BARs, interrupt line, MSI address and data, ...)
 * @RIOD_CFG_LIVE: the device's own, and harmless (vendor-specific capabilities):
 *	crosses the network both ways
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
 * @size: bytes, a power of two; 0 where there is none
 * @flags: RIOD_BAR_F_*
 */
struct riod_cfg_bar {
	u64 size;
	u32 flags;
};

/**
 * struct riod_cfg - model of one function
 * @size: 256 or 4096
 * @bytes: what a read returns for CONST and VIRT bytes
 * @initial: VIRT: what a reset makes of @bytes
 * @wmask: VIRT: bits that a write may change
 * @class: &enum riod_cfg_class of each byte
 * @bars: BAR geometry; sizing is emulated here
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
 * @c: filled in
 * @raw: the device's bytes (at the frontend: as DESCRIBE brought them, so not
 *	to be trusted: looping or overlapping capability lists must end well)
 * @size: 256 or 4096
 * @bars: geometry
 *
 * Only capabilities on a list are shown, and only these: power management, VPD, MSI,
 * MSI-X, PCI Express, advanced features, subsystem ids, PCI-X, SATA,
 * vendor-specific; device serial number, power budgeting, LTR, vendor-specific
 * and designated vendor-specific among the extended ones.  All others (ATS, PRI,
 * PASID, SR-IOV, AER, ...) are unlinked and read as zeroes, and so is one that does not fit in
 * front of the next.  PCI Express: AtomicOp requests, 10-bit tags, IDO, LTR, OBFF
 * and No-Snoop stay off and cannot be turned on.  Header types 1 and 2, an
 * interrupt pin above 4, and two capabilities of a kind that is unique are
 * refused; more MSI vectors than 32 count as 32.
 * Return: 0 or -EINVAL.
 */
int riod_cfg_init(struct riod_cfg *c, const u8 *raw, u16 size,
		  const struct riod_cfg_bar *bars);

/**
 * riod_cfg_limit_irqs() - make the model agree with the interrupts on offer
 * @c: model, as riod_cfg_init() left it
 * @nintx: 1 where there is an interrupt pin; 0: the model's pin becomes 0
 * @nmsi: MSI vectors; fewer than the model has: Multiple Message Capable is
 *	lowered, none: the capability is hidden
 * @nmsix: entries of the MSI-X table; none: the capability is hidden
 *
 * Return: 0; -EINVAL where more is on offer than the model has, or another number
 * of MSI-X vectors.
 */
int riod_cfg_limit_irqs(struct riod_cfg *c, u16 nintx, u16 nmsi, u16 nmsix);

/**
 * enum riod_cfg_effect - what a write to the model asks for (bit mask)
 * @RIOD_CFG_EFF_COMMAND: I/O, memory, bus master or INTx disable changed
 * @RIOD_CFG_EFF_FLR: function level reset was initiated (PCIe 7.5.3.4, or AF)
 * @RIOD_CFG_EFF_POWER: the power state changed (PCIe 7.5.2.2)
 * @RIOD_CFG_EFF_LIVE: @bytes of the write belong to the device: send it on
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
 * @value: little-endian value in host order, LIVE bytes as last known
 * Return: true where any byte is live: the caller must ask the device.
 */
bool riod_cfg_read(const struct riod_cfg *c, u16 offset, u8 width, u32 *value);

/* merge what the device answered for LIVE bytes into a value from riod_cfg_read() */
u32 riod_cfg_merge(const struct riod_cfg *c, u16 offset, u8 width, u32 model, u32 live);

/**
 * riod_cfg_lost() - what a read says once the device cannot be reached
 * @c: model
 * @offset: a multiple of @width
 * @width: 1, 2 or 4
 *
 * All-ones, as of a device that was pulled out (PCIe 2.3.2), but for the interrupt
 * pin: it never changes after riod_cfg_init(), vfio-pci does not ask the device for it
 * either, and QEMU ends in an assertion when there is no such pin.  No lock is needed.
 */
u32 riod_cfg_lost(const struct riod_cfg *c, u16 offset, u8 width);

/**
 * riod_cfg_write() - write to the model
 * @c: model
 * @offset: a multiple of @width
 * @width: 1, 2 or 4
 * @value: little-endian value in host order
 *
 * Return: mask of &enum riod_cfg_effect.  State that the effects refer to is
 * read back from the model (riod_cfg_command(), riod_cfg_power()).
 */
u32 riod_cfg_write(struct riod_cfg *c, u16 offset, u8 width, u32 value);

u16 riod_cfg_command(const struct riod_cfg *c);
u8 riod_cfg_power(const struct riod_cfg *c);
/* RIOD_DEVCTL_BITS of Device Control; 0 without a PCI Express capability */
u16 riod_cfg_devctl(const struct riod_cfg *c);
/* MSI vectors that the guest has masked, a bit for each */
u32 riod_cfg_msi_mask(const struct riod_cfg *c);

/* the device is in another power state than the guest asked for */
void riod_cfg_set_power(struct riod_cfg *c, u8 state);
/* what a read of the MSI pending bits shall return */
void riod_cfg_set_msi_pending(struct riod_cfg *c, u32 pending);

/* after a reset: VIRT bytes that a reset clears, as the specification has it */
void riod_cfg_reset(struct riod_cfg *c);

/* stub's filter: may a peer read / write these bytes of the device itself? */
bool riod_cfg_may_read(const struct riod_cfg *c, u16 offset, u8 width);
bool riod_cfg_may_write(const struct riod_cfg *c, u16 offset, u8 width);

/* does a BAR access touch the MSI-X table or pending bits (then it is emulated)? */
bool riod_cfg_is_msix(const struct riod_cfg *c, u8 bar, u64 offset, u32 width);

#endif /* _RIOD_CFGSPACE_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Register accesses of the peer
 *
 * The receive thread handles REG frames in order.  Each access must be within a
 * region of the function, the peer must have enabled decoding, and the filter must
 * permit it.  Other accesses are counted and have the effect that hardware gives
 * them: writes are dropped, reads return all-ones.
 *
 * Writes take the engine's gate, so that they wait while a cut holds it (rule 9, a
 * cut is consistent).  Writes of VPD do not: they start no work in the device, and
 * they wait up to 125 ms for its EEPROM, which would delay cuts.
 */
#include <linux/io.h>
#include <linux/pci.h>

#include "stub.h"

/* ------------------------------------------------------------ raw accesses */

static u64 io_read(void __iomem *p, u8 width)
{
	switch (width) {
	case 1:
		return ioread8(p);
	case 2:
		return ioread16(p);
	case 4:
		return ioread32(p);
	default:
		/* I/O space has no 8-byte cycles */
		return ioread32(p) | (u64)ioread32(p + 4) << 32;
	}
}

static void io_write(void __iomem *p, u8 width, u64 value)
{
	switch (width) {
	case 1:
		iowrite8(value, p);
		break;
	case 2:
		iowrite16(value, p);
		break;
	case 4:
		iowrite32(value, p);
		break;
	default:
		iowrite32(value, p);
		iowrite32(value >> 32, p + 4);
		break;
	}
}

static u64 mem_read(void __iomem *p, u8 width)
{
	switch (width) {
	case 1:
		return readb(p);
	case 2:
		return readw(p);
	case 4:
		return readl(p);
	default:
		return readq(p);
	}
}

static void mem_write(void __iomem *p, u8 width, u64 value)
{
	switch (width) {
	case 1:
		writeb(value, p);
		break;
	case 2:
		writew(value, p);
		break;
	case 4:
		writel(value, p);
		break;
	default:
		writeq(value, p);
		break;
	}
}

/* ------------------------------------------------------------ BARs */

bool riod_stub_bar_decoded(const struct riod_stub_func *fn,
			   const struct riod_stub_bar *bar)
{
	u16 bit = bar->flags & RIOD_BAR_F_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

	return fn->command & bit && !fn->power && !READ_ONCE(fn->fenced);
}

static enum riod_status rom_read(const struct riod_stub_func *fn, u64 offset,
				 u8 width, u64 *value)
{
	unsigned int i;

	*value = 0;
	for (i = 0; i < width; i++) {
		u64 byte = offset + i < fn->rom_size ? fn->rom[offset + i] : 0xff;

		*value |= byte << (8 * i);
	}
	return RIOD_STATUS_OK;
}

static enum riod_status bar_read(struct riod_stub_func *fn,
				 const struct riod_stub_bar *bar,
				 u8 region, u64 offset, u8 width, u64 *value)
{
	if (!riod_stub_bar_decoded(fn, bar))
		return RIOD_STATUS_DENIED;
	if (region == RIOD_REGION_ROM)
		return rom_read(fn, offset, width, value);
	if (riod_cfg_is_msix(fn->cfg, region, offset, width)) {
		*value = 0;
		return RIOD_STATUS_OK;
	}
	*value = bar->flags & RIOD_BAR_F_IO ? io_read(bar->map + offset, width) :
					      mem_read(bar->map + offset, width);
	return RIOD_STATUS_OK;
}

static enum riod_status bar_write(struct riod_stub_func *fn,
				  const struct riod_stub_bar *bar,
				  u8 region, u64 offset, u8 width, u64 value)
{
	if (!riod_stub_bar_decoded(fn, bar) || region == RIOD_REGION_ROM ||
	    riod_cfg_is_msix(fn->cfg, region, offset, width))
		return RIOD_STATUS_DENIED;
	if (bar->flags & RIOD_BAR_F_IO)
		io_write(bar->map + offset, width, value);
	else
		mem_write(bar->map + offset, width, value);
	return RIOD_STATUS_OK;
}

static enum riod_status bar_access(struct riod_stub_func *fn,
				   const struct riod_wire_reg *r, u64 *value)
{
	const struct riod_stub_bar *bar = &fn->bars[r->region];
	u64 offset = le64_to_cpu(r->offset);

	/* size is a power of two >= 4, and offset is aligned to width */
	if (offset >= bar->size || r->width > bar->size - offset)
		return RIOD_STATUS_INVALID;
	if (r->op == RIOD_REG_READ) {
		atomic64_inc(&fn->exp->stats.reg_reads);
		return bar_read(fn, bar, r->region, offset, r->width, value);
	}
	atomic64_inc(&fn->exp->stats.reg_writes);
	return bar_write(fn, bar, r->region, offset, r->width, le64_to_cpu(r->value));
}

/* ------------------------------------------------------------ config space */

static enum riod_status cfg_read(struct riod_stub_func *fn, u16 offset, u8 width,
				 u64 *value)
{
	u32 model, live = ~0u;
	u16 word;
	u8 byte;
	int ret;

	if (!riod_cfg_may_read(fn->cfg, offset, width))
		return RIOD_STATUS_DENIED;
	riod_cfg_read(fn->cfg, offset, width, &model);
	if (riod_stub_vpd_covers(fn, offset, width)) {
		*value = riod_cfg_merge(fn->cfg, offset, width, model,
					riod_stub_vpd_read(fn, offset, width));
		return RIOD_STATUS_OK;
	}
	switch (width) {
	case 1:
		ret = pci_read_config_byte(fn->pdev, offset, &byte);
		live = byte;
		break;
	case 2:
		ret = pci_read_config_word(fn->pdev, offset, &word);
		live = word;
		break;
	default:
		ret = pci_read_config_dword(fn->pdev, offset, &live);
		break;
	}
	if (ret)
		return RIOD_STATUS_FAILED;
	/* bytes that the peer may not see come from the model */
	*value = riod_cfg_merge(fn->cfg, offset, width, model, live);
	return RIOD_STATUS_OK;
}

static enum riod_status cfg_write(struct riod_stub_func *fn, u16 offset, u8 width,
				  u32 value)
{
	int ret;

	if (!riod_cfg_may_write(fn->cfg, offset, width))
		return RIOD_STATUS_DENIED;
	if (riod_stub_vpd_covers(fn, offset, width)) {
		riod_stub_vpd_write(fn, offset, width, value);
		return RIOD_STATUS_OK;
	}
	switch (width) {
	case 1:
		ret = pci_write_config_byte(fn->pdev, offset, value);
		break;
	case 2:
		ret = pci_write_config_word(fn->pdev, offset, value);
		break;
	default:
		ret = pci_write_config_dword(fn->pdev, offset, value);
		break;
	}
	return ret ? RIOD_STATUS_FAILED : RIOD_STATUS_OK;
}

static enum riod_status cfg_access(struct riod_stub_func *fn,
				   const struct riod_wire_reg *r, u64 *value)
{
	u64 offset = le64_to_cpu(r->offset);

	if (offset >= fn->pdev->cfg_size)
		return RIOD_STATUS_INVALID;
	if (READ_ONCE(fn->fenced))
		return RIOD_STATUS_DENIED;
	if (r->op == RIOD_REG_READ) {
		atomic64_inc(&fn->exp->stats.cfg_reads);
		return cfg_read(fn, offset, r->width, value);
	}
	atomic64_inc(&fn->exp->stats.cfg_writes);
	return cfg_write(fn, offset, r->width, le64_to_cpu(r->value));
}

static bool reg_is_vpd(const struct riod_stub_func *fn, const struct riod_wire_reg *r)
{
	/* validated: an offset in config space has 12 bits */
	return r->region == RIOD_REGION_CONFIG &&
	       riod_stub_vpd_covers(fn, le64_to_cpu(r->offset), r->width);
}

/**
 * riod_stub_reg() - handle a REG frame: make one access
 * @fn: function
 * @r: access; region, width and alignment are validated
 *
 * Receive thread.  A reply, if requested, follows a cut that begins now, so it
 * arrives after everything that the device wrote before it completed the read
 * (rule 2, everything visible from the device is an acquire).
 */
int riod_stub_reg(struct riod_stub_func *fn, const struct riod_wire_reg *r)
{
	struct riod_sync *sync = riod_link_sync(fn->link);
	bool gated = r->op == RIOD_REG_WRITE && !reg_is_vpd(fn, r);
	enum riod_status status;
	u64 value = 0;

	if (gated)
		mutex_lock(&sync->gate);
	if (r->region == RIOD_REGION_CONFIG)
		status = cfg_access(fn, r, &value);
	else
		status = bar_access(fn, r, &value);
	if (gated)
		mutex_unlock(&sync->gate);

	if (status != RIOD_STATUS_OK) {
		atomic64_inc(&fn->exp->stats.denied);
		value = ~0ull;
	}
	return r->tag ? riod_stub_reply(fn, r->tag, status, value) : 0;
}

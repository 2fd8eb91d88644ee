// SPDX-License-Identifier: GPL-2.0-only
/*
 * BARs and the expansion ROM
 *
 * A write to memory is posted: its frame is queued for the pump, and the guest
 * continues.  Reads, and I/O port writes, which PCI does not post, wait for the device.
 * Accesses to the MSI-X table are answered here and never reach the device.
 *
 * The cut ahead of a posted write is taken while the vCPU runs, so it may contain
 * memory that the guest wrote after the register.  If the driver fills the ring beyond
 * its doorbell meanwhile, the device sees these entries too early.  For such devices
 * the user requests writes that wait (riodctl attach --sync-writes).
 */
#include <linux/pci.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

#include "frontend.h"

/* a profile rings a doorbell, with the DMA lock held, so posting must not wait */
int riod_fe_region_kick(void *priv, u8 bar, u64 offset, u8 width, u64 value)
{
	struct riod_fe_func *fn = priv;
	struct riod_frame *f;

	f = riod_fe_reg_frame(fn, bar, offset, width, RIOD_REG_WRITE, value);
	if (!f)
		return -ENOMEM;
	atomic64_inc(&fn->att->stats.kicks);
	return riod_link_post_nowait(fn->att->link, f);
}

/* ------------------------------------------------------------ MSI-X table */

/*
 * VFIO users set up vectors with ioctls and emulate the table for the guest.  Reads
 * of the table return what was written; the pending bits always read as 0.
 */
static void msix_access(struct riod_fe_func *fn, unsigned int bar, u64 offset, u8 width,
			bool write, u64 *value)
{
	const struct riod_cfg *c = &fn->cfg;
	u64 at = offset - c->msix_table_offset;
	u8 buf[8] = {};

	if (bar != c->msix_table_bar || offset < c->msix_table_offset ||
	    at + width > c->msix_table_size) {
		if (!write)
			*value = 0;
		return;
	}
	put_unaligned_le64(*value, buf);
	spin_lock(&fn->msix_lock);
	if (write)
		memcpy(fn->msix_table + at, buf, width);
	else
		memcpy(buf, fn->msix_table + at, width);
	spin_unlock(&fn->msix_lock);
	if (!write)
		*value = get_unaligned_le64(buf);
}

/* ------------------------------------------------------------ access */

static bool region_is_io(const struct riod_fe_func *fn, unsigned int region)
{
	return fn->cfg.bars[region].flags & RIOD_BAR_F_IO;
}

/* PCI 6.2.2: a function does not answer while decoding is off */
static bool region_decoded(const struct riod_fe_func *fn, unsigned int region)
{
	u16 bit = region_is_io(fn, region) ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

	return riod_cfg_command(&fn->cfg) & bit;
}

/* the profile sees a write before it is posted, and may drop it */
static bool profile_takes(struct riod_fe_func *fn, unsigned int region, u64 offset,
			  u8 width, u64 value)
{
	const struct riod_profile *p = fn->profile;
	bool taken;

	if (!p || !p->bar_write)
		return false;
	mutex_lock(&fn->att->dma.lock);
	taken = p->bar_write(fn->profile_state, region, offset, width, value);
	mutex_unlock(&fn->att->dma.lock);
	return taken;
}

static int region_write(struct riod_fe_func *fn, unsigned int region, u64 offset,
			u8 width, u64 value)
{
	struct riod_frame *f;
	int ret;

	if (riod_cfg_is_msix(&fn->cfg, region, offset, width)) {
		msix_access(fn, region, offset, width, true, &value);
		return 0;
	}
	if (!region_decoded(fn, region) || profile_takes(fn, region, offset, width, value))
		return 0;
	atomic64_inc(&fn->att->stats.reg_writes);
	/* waits, so the vCPU writes no memory until the stub has done the write */
	if (region_is_io(fn, region) || fn->att->sync_writes)
		return riod_fe_reg_request(fn, region, offset, width, true, &value);
	f = riod_fe_reg_frame(fn, region, offset, width, RIOD_REG_WRITE, value);
	if (!f)
		return -ENOMEM;
	ret = riod_link_post(fn->att->link, f);
	return ret == -EINTR ? ret : 0;
}

static int region_read(struct riod_fe_func *fn, unsigned int region, u64 offset,
		       u8 width, u64 *value)
{
	const struct riod_profile *p = fn->profile;
	int ret;

	*value = U64_MAX;
	if (riod_link_is_lost(fn->att->link))
		return 0;
	if (riod_cfg_is_msix(&fn->cfg, region, offset, width)) {
		msix_access(fn, region, offset, width, false, value);
		return 0;
	}
	if (!region_decoded(fn, region))
		return 0;
	atomic64_inc(&fn->att->stats.reg_reads);
	ret = riod_fe_reg_request(fn, region, offset, width, false, value);
	if (ret || !p || !p->bar_read || riod_link_is_lost(fn->att->link))
		return ret;
	mutex_lock(&fn->att->dma.lock);
	*value = p->bar_read(fn->profile_state, region, offset, width, *value);
	mutex_unlock(&fn->att->dma.lock);
	return 0;
}

static int region_copy(struct riod_fe_func *fn, unsigned int region, char __user *buf,
		       u64 offset, u8 width, bool write)
{
	__le64 data = 0;
	u64 value;
	int ret;

	if (write) {
		if (copy_from_user(&data, buf, width))
			return -EFAULT;
		return region_write(fn, region, offset, width, le64_to_cpu(data));
	}
	ret = region_read(fn, region, offset, width, &value);
	if (ret)
		return ret;
	data = cpu_to_le64(value);
	return copy_to_user(buf, &data, width) ? -EFAULT : 0;
}

/* some devices do not support 8 byte reads of their ROM; I/O ports have no such access */
static u8 region_max_width(const struct riod_fe_func *fn, unsigned int region)
{
	return region == RIOD_REGION_ROM || region_is_io(fn, region) ? 4 : 8;
}

/**
 * riod_fe_region_rw() - read or write a BAR or the ROM
 * @fn: function
 * @region: 0 to 5, or RIOD_REGION_ROM
 * @buf: user memory
 * @count: bytes
 * @pos: bytes into the region
 * @write: direction
 *
 * Splits the access into the largest naturally aligned pieces, as vfio-pci does.
 * Return: bytes done; if none, -EINVAL, -EFAULT, -EINTR or -ENOMEM.
 */
ssize_t riod_fe_region_rw(struct riod_fe_func *fn, unsigned int region,
			  char __user *buf, size_t count, u64 pos, bool write)
{
	u64 size = fn->cfg.bars[region].size;
	u8 max = region_max_width(fn, region);
	ssize_t done = 0;
	int ret;

	if (pos >= size || (write && region == RIOD_REGION_ROM))
		return -EINVAL;
	count = min_t(u64, count, size - pos);
	ret = riod_fe_config_accessed(fn);
	if (ret)
		return ret;
	if (region == RIOD_REGION_ROM && riod_fe_rom_kept(fn) && region_decoded(fn, region) &&
	    !riod_link_is_lost(fn->att->link))
		return riod_fe_rom_read(fn, buf, count, pos);
	while (count) {
		u8 width = riod_fe_width(pos, count, max);

		ret = region_copy(fn, region, buf + done, pos, width, write);
		if (ret)
			return done ? done : ret;
		pos += width;
		done += width;
		count -= width;
	}
	return done;
}

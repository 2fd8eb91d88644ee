// SPDX-License-Identifier: GPL-2.0-only
/*
 * The expansion ROM
 *
 * The ROM never changes, and QEMU reads all of it with its big lock held.  The first
 * read fetches it in pieces of 8 KiB into a copy that lives as long as the attachment
 * and serves all reads.  A ROM above ROM_MAX is not cached, but read like a register.
 */
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "frontend.h"

/* usual sizes are 16 KiB to 1 MiB; the memory is charged to the first VFIO user that reads */
#define ROM_MAX		SZ_4M

void riod_fe_rom_init(struct riod_fe_rom *rom)
{
	mutex_init(&rom->lock);
}

/* call when no VFIO user and no link callback is left */
void riod_fe_rom_free(struct riod_fe_rom *rom)
{
	kvfree(rom->data);
}

bool riod_fe_rom_kept(const struct riod_fe_func *fn)
{
	return fn->cfg.bars[RIOD_REGION_ROM].size <= ROM_MAX;
}

/* fetch the next piece; the window behind the image stays all-ones */
static int rom_fetch(struct riod_fe_func *fn, u8 *piece)
{
	u32 window = fn->cfg.bars[RIOD_REGION_ROM].size;
	struct riod_fe_rom *rom = &fn->rom;
	struct riod_frame *f;
	u64 size;
	int ret;

	lockdep_assert_held(&rom->lock);
	f = riod_fe_ctl_frame(fn, RIOD_CTL_ROM_READ, rom->have);
	if (!f)
		return -ENOMEM;
	atomic64_inc(&fn->att->stats.reg_reads);
	ret = riod_link_request_piece(fn->att->link, f, &size, piece);
	if (ret)
		return ret;
	/* the image may be smaller than the window; bound the size that the peer sent */
	rom->size = min_t(u64, size, window);
	if (rom->have < rom->size)
		memcpy(rom->data + rom->have, piece,
		       min(rom->size - rom->have, RIOD_ROM_PIECE));
	rom->have += RIOD_ROM_PIECE;
	/* pairs with the acquire in rom_fill() */
	smp_store_release(&rom->full, rom->have >= rom->size);
	return 0;
}

/*
 * Each piece takes one round trip.  If a reader is killed the next one continues where
 * it stopped.
 */
static int rom_fill(struct riod_fe_func *fn)
{
	u32 window = fn->cfg.bars[RIOD_REGION_ROM].size;
	struct riod_fe_rom *rom = &fn->rom;
	u8 *piece;
	int ret = 0;

	/* pairs with the release in rom_fetch(), which follows the bytes */
	if (smp_load_acquire(&rom->full))
		return 0;
	piece = kmalloc(RIOD_ROM_PIECE, GFP_KERNEL);
	if (!piece)
		return -ENOMEM;
	ret = mutex_lock_killable(&rom->lock);
	if (ret)
		goto out;
	if (!rom->data) {
		rom->data = kvmalloc(window, GFP_KERNEL_ACCOUNT);
		if (rom->data)
			memset(rom->data, 0xff, window);
		else
			ret = -ENOMEM;
	}
	while (!ret && !rom->full)
		ret = rom_fetch(fn, piece);
	mutex_unlock(&rom->lock);
out:
	kfree(piece);
	return ret;
}

/**
 * riod_fe_rom_read() - read the expansion ROM
 * @fn: function; riod_fe_rom_kept() is true
 * @buf: user memory
 * @count: bytes, inside the window
 * @pos: offset into the window
 *
 * Reads as all-ones if the stub does not answer, as in hardware.
 * Return: @count, or -EFAULT, -EINTR, -ENOMEM.
 */
ssize_t riod_fe_rom_read(struct riod_fe_func *fn, char __user *buf, size_t count, u64 pos)
{
	size_t done;
	int ret;

	ret = rom_fill(fn);
	if (!ret)
		return copy_to_user(buf, fn->rom.data + pos, count) ? -EFAULT : count;
	if (ret == -EINTR || ret == -ENOMEM)
		return ret;
	for (done = 0; done < count; done++) {
		if (put_user(0xff, (u8 __user *)buf + done))
			return -EFAULT;
	}
	return count;
}

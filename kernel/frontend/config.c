// SPDX-License-Identifier: GPL-2.0-only
/*
 * The config space that the guest sees
 *
 * A model (cfgspace.c) holds the registers that are constant or virtual; accesses
 * to the device's live registers cross the network.  A write that changes command
 * bits or the power state, or resets the function, causes a CTL operation.  That is
 * a round trip: PCI does not post config writes, and drivers free memory when they return.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/pci.h>
#include <linux/printk.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <linux/wait_bit.h>

#include "frontend.h"

#define COMMAND_BITS	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | \
			 PCI_COMMAND_INTX_DISABLE)
/* differs from every value of COMMAND_BITS, so the next push_command() sends them */
#define COMMAND_UNKNOWN	0xffff

/*
 * Work items get no signals.  Wait killably all the same, so that khungtaskd does not
 * report this wait while the holder of the lock waits for the peer.
 */
static void lock_in_work(struct riod_fe_func *fn)
{
	WARN_ON_ONCE(mutex_lock_killable(&fn->cfg_lock));
}

/* ------------------------------------------------------------ command */

/*
 * Set the device's command register as the guest requests; bus mastering may be held
 * off.  Mapped ranges are queued for the engine before bus mastering is enabled, and
 * leave the engine after it is disabled.  @access: the guest accesses the function.
 */
static int push_command(struct riod_fe_func *fn, bool access)
{
	u16 cmd = riod_cfg_command(&fn->cfg) & COMMAND_BITS;
	bool master = cmd & PCI_COMMAND_MASTER;
	u16 was = fn->sent_command;
	int ret = 0;

	lockdep_assert_held(&fn->cfg_lock);
	if (master && !riod_fe_dma_enable(fn->att, fn->num, access))
		cmd &= ~PCI_COMMAND_MASTER;
	if (cmd != was) {
		ret = riod_fe_ctl(fn, RIOD_CTL_COMMAND, cmd);
		WRITE_ONCE(fn->sent_command, ret ? COMMAND_UNKNOWN : cmd);
	}
	if (!master)
		riod_fe_dma_disable(fn->att, fn->num);
	if (was & PCI_COMMAND_INTX_DISABLE && !(cmd & PCI_COMMAND_INTX_DISABLE))
		riod_fe_irq_intx_enabled(fn);
	return ret;
}

/*
 * Send the read request size, extended tags and relaxed ordering that the guest has set.
 * The device works with any setting, so a failure is not reported to the guest.
 */
static void push_devctl(struct riod_fe_func *fn)
{
	u16 ctl = riod_cfg_devctl(&fn->cfg);

	lockdep_assert_held(&fn->cfg_lock);
	if (ctl != fn->sent_devctl && !riod_fe_ctl(fn, RIOD_CTL_DEVCTL, ctl))
		fn->sent_devctl = ctl;
}

/*
 * Check whether bus mastering must be disabled at the device.  A concurrent close does
 * not wait for this; the work item of the close resets the device afterwards.
 */
void riod_fe_config_revisit(struct riod_fe_func *fn)
{
	lock_in_work(fn);
	if (READ_ONCE(fn->opened) && !riod_link_is_lost(fn->att->link))
		push_command(fn, false);
	mutex_unlock(&fn->cfg_lock);
}

/* the guest enabled bus mastering, but the device does not have it; a hint, without the lock */
static bool master_held(const struct riod_fe_func *fn)
{
	u16 sent = READ_ONCE(fn->sent_command);

	return riod_cfg_command(&fn->cfg) & PCI_COMMAND_MASTER &&
	       (sent == COMMAND_UNKNOWN || !(sent & PCI_COMMAND_MASTER));
}

/**
 * riod_fe_config_accessed() - the guest is about to access the function
 * @fn: function
 *
 * An access shows that a driver runs.  If bus mastering is held off, this checks
 * whether it still must be (see the head of dma.c).
 * Return: 0 or -EINTR.
 */
int riod_fe_config_accessed(struct riod_fe_func *fn)
{
	struct riod_fe_dma *dma = &fn->att->dma;
	int ret;

	if (unlikely(READ_ONCE(dma->unproven)))
		WRITE_ONCE(dma->unproven, false);
	if (likely(!master_held(fn)) || riod_link_is_lost(fn->att->link))
		return 0;
	ret = mutex_lock_killable(&fn->cfg_lock);
	if (ret)
		return ret;
	ret = push_command(fn, true);
	mutex_unlock(&fn->cfg_lock);
	return ret == -EINTR ? ret : 0;
}

/* ------------------------------------------------------------ reset */

static void profile_reset(struct riod_fe_func *fn)
{
	struct riod_fe_dma *dma = &fn->att->dma;

	mutex_lock(&dma->lock);
	if (fn->profile && fn->profile->reset)
		fn->profile->reset(fn->profile_state);
	mutex_unlock(&dma->lock);
}

/*
 * Reset the device, and the state here that a reset clears.  Once @epoch has changed,
 * interrupts that fired before are stale.
 */
static int func_reset(struct riod_fe_func *fn)
{
	int ret = 0;

	lockdep_assert_held(&fn->cfg_lock);
	if (fn->flags & RIOD_FUNC_F_RESET) {
		WRITE_ONCE(fn->epoch, fn->epoch + 1);
		ret = riod_fe_ctl(fn, RIOD_CTL_RESET, fn->epoch);
		/* the request was not sent: the stub still uses the previous epoch */
		if (ret == -ENOMEM)
			WRITE_ONCE(fn->epoch, fn->epoch - 1);
	} else {
		/* riod_cfg_reset() sets the model to D0; the last guest may have left D3hot */
		ret = riod_fe_ctl(fn, RIOD_CTL_POWER, 0);
	}
	riod_cfg_reset(&fn->cfg);
	riod_fe_irq_msi_reset(fn);
	push_devctl(fn);
	WRITE_ONCE(fn->sent_command, COMMAND_UNKNOWN);
	riod_fe_dma_disable(fn->att, fn->num);
	profile_reset(fn);
	return ret;
}

/* reset, then set the command bits to @cmd and restore the interrupt set-up */
static int func_reset_to(struct riod_fe_func *fn, u16 cmd)
{
	int ret, err;

	ret = riod_fe_shadow_hold(fn);
	if (ret)
		return ret;
	ret = func_reset(fn);
	riod_cfg_write(&fn->cfg, PCI_COMMAND, 2, cmd);
	err = push_command(fn, true);
	/* only after decoding is enabled again: a page fault fails without it */
	riod_fe_shadow_release(fn);
	if (!ret)
		ret = err;
	err = riod_fe_irq_resend(fn);
	return ret ? ret : err;
}

/**
 * riod_fe_config_reset() - VFIO_DEVICE_RESET
 * @fn: function
 *
 * As in vfio-pci, the command register keeps its value, and interrupts stay set up.
 * Return: 0; -EINVAL if it cannot be reset; -ENODEV once the session is over;
 * -EINTR; -EIO.
 */
int riod_fe_config_reset(struct riod_fe_func *fn)
{
	int ret;

	if (!(fn->flags & RIOD_FUNC_F_RESET))
		return -EINVAL;
	ret = mutex_lock_killable(&fn->cfg_lock);
	if (ret)
		return ret;
	ret = func_reset_to(fn, riod_cfg_command(&fn->cfg));
	mutex_unlock(&fn->cfg_lock);
	if (ret == -ENOTCONN)
		return -ENODEV;
	return ret && ret != -EINTR ? -EIO : ret;
}

/* ------------------------------------------------------------ open, close */

/*
 * The last file is closed, perhaps because its process was killed.  When this returns,
 * no interrupt is delivered and no guest page is accessed.  A work item, which signals
 * cannot interrupt and whose waits are bounded (riod_link_request()), disables and
 * resets the device.
 *
 * Takes no lock that another thread holds while waiting for the peer: no ioctl, read or
 * page fault of the user is in progress, and @cfg_lock is not taken.
 * riod_fe_config_revisit() may hold @cfg_lock, but does not enable bus mastering: only
 * an access does.
 */
void riod_fe_config_close(struct riod_fe_func *fn)
{
	riod_fe_irq_clear(fn);
	WRITE_ONCE(fn->opened, false);
	/* from here on only the work item and the next open use it */
	fn->shadow.mapping = NULL;
	riod_fe_dma_disable(fn->att, fn->num);
	WRITE_ONCE(fn->closing, true);
	queue_work(riod_fe_wq, &fn->close_work);
}

/**
 * riod_fe_config_open() - a user opens the function
 * @fn: function
 * @mapping: address space of the user's mappings of the function
 *
 * Resets the device and enables memory and I/O decoding, as vfio-pci does.
 * Return: 0, -ENODEV once the session is over, -EINTR, -EIO.
 */
int riod_fe_config_open(struct riod_fe_func *fn, struct address_space *mapping)
{
	int ret;

	/* the work item of the last close has to finish first */
	ret = wait_var_event_killable(&fn->closing, !smp_load_acquire(&fn->closing));
	if (ret)
		return ret;
	ret = mutex_lock_killable(&fn->cfg_lock);
	if (ret)
		return ret;
	ret = func_reset_to(fn, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	WRITE_ONCE(fn->opened, !ret);
	fn->shadow.mapping = ret ? NULL : mapping;
	mutex_unlock(&fn->cfg_lock);
	if (!ret)
		return 0;
	/* a close undoes a partial open, too */
	riod_fe_config_close(fn);
	if (ret == -ENOTCONN)
		return -ENODEV;
	return ret == -EINTR ? ret : -EIO;
}

void riod_fe_config_close_work(struct work_struct *work)
{
	struct riod_fe_func *fn = container_of(work, struct riod_fe_func, close_work);
	int ret = 0;

	lock_in_work(fn);
	riod_fe_ctl(fn, RIOD_CTL_COMMAND, 0);
	riod_fe_irq_quiet(fn);
	/* workers get no signals, so this cannot fail */
	if (!WARN_ON_ONCE(riod_fe_shadow_hold(fn))) {
		ret = func_reset(fn);
		riod_fe_shadow_release(fn);
	}
	mutex_unlock(&fn->cfg_lock);
	/* the next open resets again, and fails if that fails */
	if (ret && ret != -ENOTCONN)
		pr_warn_ratelimited("attachment %u: function %u could not be reset after use (%d): see the server host's log; it may still hold what its last user left\n",
				    fn->att->id, fn->num, ret);
	/* pairs with the acquire in riod_fe_config_open(), which needs the state left here */
	smp_store_release(&fn->closing, false);
	/* wake_up_var() checks for waiters without a lock: make @closing visible before */
	smp_mb();
	wake_up_var(&fn->closing);
}

/* ------------------------------------------------------------ read, write */

static int config_read(struct riod_fe_func *fn, u16 offset, u8 width, u32 *value)
{
	u64 live;
	int ret;

	*value = riod_cfg_lost(&fn->cfg, offset, width);
	if (riod_link_is_lost(fn->att->link))
		return 0;
	ret = mutex_lock_killable(&fn->cfg_lock);
	if (ret)
		return ret;
	riod_cfg_set_msi_pending(&fn->cfg, riod_fe_irq_msi_pending(fn));
	ret = riod_cfg_read(&fn->cfg, offset, width, value);
	mutex_unlock(&fn->cfg_lock);
	if (!ret)
		return 0;

	atomic64_inc(&fn->att->stats.cfg_reads);
	ret = riod_fe_reg_request(fn, RIOD_REGION_CONFIG, offset, width, false, &live);
	*value = riod_cfg_merge(&fn->cfg, offset, width, *value, live);
	return ret;
}

/* @power: power state before the write */
static int config_effects(struct riod_fe_func *fn, u32 effects, u8 power)
{
	int ret = 0;

	lockdep_assert_held(&fn->cfg_lock);
	if (effects & RIOD_CFG_EFF_POWER) {
		ret = riod_fe_shadow_hold(fn);
		if (ret)
			return ret;
		ret = riod_fe_ctl(fn, RIOD_CTL_POWER, riod_cfg_power(&fn->cfg));
		/* PCIe 5.3.1.4: software reads back whether the transition took place */
		if (ret)
			riod_cfg_set_power(&fn->cfg, power);
		riod_fe_shadow_release(fn);
	}
	if (effects & RIOD_CFG_EFF_MSI_MASK)
		riod_fe_irq_msi_mask(fn, riod_cfg_msi_mask(&fn->cfg));
	if (effects & RIOD_CFG_EFF_DEVCTL)
		push_devctl(fn);
	if (effects & RIOD_CFG_EFF_COMMAND)
		ret = push_command(fn, true);
	/* PCIe 6.6.2: a function level reset clears the command register */
	if (effects & RIOD_CFG_EFF_FLR)
		ret = func_reset_to(fn, 0);
	return ret;
}

static int config_write(struct riod_fe_func *fn, u16 offset, u8 width, u32 value)
{
	u64 live = value;
	u32 effects;
	u8 power;
	int ret;

	if (riod_link_is_lost(fn->att->link))
		return 0;
	ret = mutex_lock_killable(&fn->cfg_lock);
	if (ret)
		return ret;
	power = riod_cfg_power(&fn->cfg);
	effects = riod_cfg_write(&fn->cfg, offset, width, value);
	if (effects & RIOD_CFG_EFF_LIVE) {
		atomic64_inc(&fn->att->stats.cfg_writes);
		ret = riod_fe_reg_request(fn, RIOD_REGION_CONFIG, offset, width, true,
					  &live);
	}
	if (!ret)
		ret = config_effects(fn, effects, power);
	mutex_unlock(&fn->cfg_lock);
	/* hardware cannot report that a config write failed */
	return ret == -EINTR ? ret : 0;
}

static int config_copy(struct riod_fe_func *fn, char __user *buf, u16 offset, u8 width,
		       bool write)
{
	__le32 data = 0;
	u32 value;
	int ret;

	if (write) {
		if (copy_from_user(&data, buf, width))
			return -EFAULT;
		return config_write(fn, offset, width, le32_to_cpu(data));
	}
	ret = config_read(fn, offset, width, &value);
	if (ret)
		return ret;
	data = cpu_to_le32(value);
	return copy_to_user(buf, &data, width) ? -EFAULT : 0;
}

/* like vfio-pci, splits the access into the largest aligned pieces of 4, 2 or 1 bytes */
ssize_t riod_fe_config_rw(struct riod_fe_func *fn, char __user *buf, size_t count,
			  u64 pos, bool write)
{
	ssize_t done = 0;
	int ret;

	if (pos >= fn->cfg.size)
		return -EINVAL;
	count = min_t(size_t, count, fn->cfg.size - pos);
	ret = riod_fe_config_accessed(fn);
	if (ret)
		return ret;
	while (count) {
		u8 width = riod_fe_width(pos, count, 4);

		ret = config_copy(fn, buf + done, pos, width, write);
		if (ret)
			return done ? done : ret;
		pos += width;
		done += width;
		count -= width;
	}
	return done;
}

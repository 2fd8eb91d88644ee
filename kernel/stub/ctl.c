// SPDX-License-Identifier: GPL-2.0-only
/*
 * CTL frames: operations on a function
 *
 * The frontend turns a guest's write of the command register, the power management
 * capability or a reset bit into one of these operations: the peer never writes the
 * registers themselves.
 */
#include <linux/pci.h>

#include "stub.h"

/*
 * Bus master is written under the gate, like any register: once it is set, the device
 * may write to memory.
 */
static enum riod_status ctl_command(struct riod_stub_func *fn, u16 command)
{
	struct riod_sync *sync = riod_link_sync(fn->link);
	bool master = command & PCI_COMMAND_MASTER;
	int ret;

	mutex_lock(&sync->gate);
	WRITE_ONCE(fn->command, command);
	/* in D3hot the bit stays clear; riod_stub_func_set_power() sets it in D0 */
	ret = riod_stub_func_set_master(fn, master && fn->power != 3);
	mutex_unlock(&sync->gate);
	riod_stub_intx_disable(fn, command & PCI_COMMAND_INTX_DISABLE);
	return ret ? RIOD_STATUS_FAILED : RIOD_STATUS_OK;
}

/*
 * Afterwards the function is in D0, decodes no BAR, and bus master and interrupts are
 * off.  Interrupts that fired before belong to the old epoch and are dropped.
 */
static enum riod_status ctl_reset(struct riod_stub_func *fn, u32 epoch)
{
	int ret = -EPERM;

	mutex_lock(&fn->lock);
	WRITE_ONCE(fn->command, 0);
	riod_stub_func_set_master(fn, false);
	riod_stub_irq_off(fn);
	if (!READ_ONCE(fn->fenced)) {
		ret = riod_stub_func_set_power(fn, 0);
		if (!ret)
			ret = riod_stub_func_reset(fn);
	}
	riod_stub_irq_new_epoch(fn, epoch);
	riod_stub_refence_func(fn);
	mutex_unlock(&fn->lock);
	return ret ? RIOD_STATUS_FAILED : RIOD_STATUS_OK;
}

static enum riod_status ctl_power(struct riod_stub_func *fn, u8 state)
{
	int ret = -EPERM;

	mutex_lock(&fn->lock);
	if (!READ_ONCE(fn->fenced))
		ret = riod_stub_func_set_power(fn, state);
	riod_stub_refence_func(fn);
	mutex_unlock(&fn->lock);
	return ret ? RIOD_STATUS_FAILED : RIOD_STATUS_OK;
}

/*
 * Relaxed ordering and extended tags may be off on this host because a bridge above
 * the function does not support them: the guest can only turn them off.  A read
 * request size below the payload size only costs speed, see
 * vfio_exp_config_write().  riod_stub_func_close() restores the register.
 */
static int func_set_devctl(struct riod_stub_func *fn, u16 ctl)
{
	u16 flags = PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_EXT_TAG;
	int readrq = 128 << ((ctl & PCI_EXP_DEVCTL_READRQ) >> 12);
	int ret;

	static_assert(RIOD_DEVCTL_BITS == (PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_EXT_TAG |
					   PCI_EXP_DEVCTL_READRQ));

	lockdep_assert_held(&fn->lock);
	if (!pci_is_pcie(fn->pdev))
		return -EINVAL;
	ret = pcie_capability_clear_and_set_word(fn->pdev, PCI_EXP_DEVCTL, flags,
						 flags & ctl & fn->devctl);
	/* 8 and 16 KiB are reserved encodings */
	return ret ?: pcie_set_readrq(fn->pdev, clamp(readrq, pcie_get_mps(fn->pdev), 4096));
}

static enum riod_status ctl_devctl(struct riod_stub_func *fn, u16 ctl)
{
	int ret = -EPERM;

	mutex_lock(&fn->lock);
	if (!READ_ONCE(fn->fenced))
		ret = func_set_devctl(fn, ctl);
	mutex_unlock(&fn->lock);
	return ret ? RIOD_STATUS_FAILED : RIOD_STATUS_OK;
}

/**
 * riod_stub_ctl() - handle a CTL frame
 * @dma: mappings of the attachment
 * @fn: function
 * @c: frame; operation, argument and tag are validated
 *
 * Receive thread.  The reply follows a cut that begins when the operation is done, so a
 * driver that then frees memory has received everything that the device wrote to it
 * (rule 2, everything visible from the device is an acquire).
 */
int riod_stub_ctl(struct riod_stub_dma *dma, struct riod_stub_func *fn,
		  const struct riod_wire_ctl *c)
{
	u32 arg = le32_to_cpu(c->arg);
	enum riod_status status;

	switch (le16_to_cpu(c->op)) {
	case RIOD_CTL_COMMAND:
		status = ctl_command(fn, arg);
		break;
	case RIOD_CTL_RESET:
		/* the pump must not read BARs in a reset or in D3: the bus would report errors */
		riod_stub_shadow_forget(dma, fn);
		status = ctl_reset(fn, arg);
		break;
	case RIOD_CTL_POWER:
		riod_stub_shadow_forget(dma, fn);
		status = ctl_power(fn, arg);
		break;
	case RIOD_CTL_INTX_UNMASK:
		riod_stub_intx_mask(fn, false);
		return 0;
	case RIOD_CTL_INTX_MASK:
		riod_stub_intx_mask(fn, true);
		return 0;
	case RIOD_CTL_DEVCTL:
		status = ctl_devctl(fn, arg);
		break;
	case RIOD_CTL_ROM_READ:
		return riod_stub_reply_rom(fn, c->tag, arg);
	case RIOD_CTL_BARS_FORGET:
		riod_stub_shadow_forget(dma, fn);
		status = RIOD_STATUS_OK;
		break;
	default:
		return -EPROTO;
	}
	return riod_stub_reply(fn, c->tag, status, status ? ~0ull : 0);
}

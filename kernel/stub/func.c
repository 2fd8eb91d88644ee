// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function of an export
 *
 * Creating an export requests and maps its functions' BARs, copies the expansion
 * ROM and builds the filter's model of config space.  Each attachment opens the
 * functions (power up, enable, reset) and closes them (reset, restore, disable).
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "stub.h"
#include "stub_trace.h"

/* PCI 3.0 6.3: the ROM has a 32-bit BAR; larger ROMs are not seen in practice */
#define ROM_SIZE_MAX	SZ_16M

/* PCI 3.0 6.8.1: length up to the data register of a 64-bit MSI capability */
#define MSI_HIDDEN_LEN	14

/* the engine's rules do not hold with No-Snoop, AtomicOp or ID-based ordering */
static void func_harden(struct pci_dev *pdev)
{
	if (!pci_is_pcie(pdev))
		return;
	pcie_capability_clear_word(pdev, PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_NOSNOOP_EN);
	pcie_capability_clear_word(pdev, PCI_EXP_DEVCTL2,
				   PCI_EXP_DEVCTL2_ATOMIC_REQ | PCI_EXP_DEVCTL2_IDO_REQ_EN |
				   PCI_EXP_DEVCTL2_IDO_CMP_EN);
}

/* ------------------------------------------------------------ geometry */

static void func_init_bar(struct riod_stub_func *fn, int n)
{
	struct riod_stub_bar *bar = &fn->bars[n];
	unsigned long flags = pci_resource_flags(fn->pdev, n);

	/* without an address from the firmware the BAR cannot be used */
	if (!pci_resource_len(fn->pdev, n) || !pci_resource_start(fn->pdev, n) ||
	    flags & IORESOURCE_UNSET)
		return;

	bar->size = pci_resource_len(fn->pdev, n);
	if (flags & IORESOURCE_IO)
		bar->flags = RIOD_BAR_F_IO;
	else
		bar->flags = (flags & IORESOURCE_MEM_64 ? RIOD_BAR_F_64 : 0) |
			     (flags & IORESOURCE_PREFETCH ? RIOD_BAR_F_PREFETCH : 0);
	fn->regions |= 1 << n;
}

static int func_map_bars(struct riod_stub_func *fn, struct netlink_ext_ack *extack)
{
	int n, ret;

	for (n = 0; n < PCI_STD_NUM_BARS; n++)
		func_init_bar(fn, n);

	ret = pci_request_selected_regions(fn->pdev, fn->regions, "riod_stub");
	if (ret) {
		fn->regions = 0;
		NL_SET_ERR_MSG_FMT(extack, "%s: somebody else uses its BARs, see /proc/iomem",
				   pci_name(fn->pdev));
		return ret;
	}
	for (n = 0; n < PCI_STD_NUM_BARS; n++) {
		if (!fn->bars[n].size)
			continue;
		fn->bars[n].map = pci_iomap(fn->pdev, n, 0);
		if (!fn->bars[n].map) {
			NL_SET_ERR_MSG_FMT(extack, "%s: no address space to map BAR %d",
					   pci_name(fn->pdev), n);
			return -ENOMEM;
		}
	}
	return 0;
}

static void func_unmap_bars(struct riod_stub_func *fn)
{
	int n;

	for (n = 0; n < PCI_STD_NUM_BARS; n++) {
		if (fn->bars[n].map)
			pci_iounmap(fn->pdev, fn->bars[n].map);
	}
	if (fn->regions)
		pci_release_selected_regions(fn->pdev, fn->regions);
}

/*
 * Copy the ROM once.  A function may share one decoder between the ROM and its BARs
 * (PCI 3.0 6.2.5.2), so the peer must not be able to enable ROM decoding.  Without
 * memory for the copy, the function has no ROM.
 */
static void func_copy_rom(struct riod_stub_func *fn)
{
	u64 window = pci_resource_len(fn->pdev, PCI_ROM_RESOURCE);
	void __iomem *rom;
	size_t size;

	if (window < SZ_2K || window > ROM_SIZE_MAX)
		return;
	rom = pci_map_rom(fn->pdev, &size);
	if (!rom)
		return;
	size = min_t(u64, size, window);
	fn->rom = size ? kvmalloc(size, GFP_KERNEL_ACCOUNT) : NULL;
	if (fn->rom) {
		memcpy_fromio(fn->rom, rom, size);
		fn->rom_size = size;
		fn->bars[RIOD_REGION_ROM].size = window;
	}
	pci_unmap_rom(fn->pdev, rom);
}

/* ------------------------------------------------------------ config space */

static u32 func_bar_bits(const struct riod_stub_bar *bar)
{
	if (!bar->size)
		return 0;
	if (bar->flags & RIOD_BAR_F_IO)
		return PCI_BASE_ADDRESS_SPACE_IO;
	return (bar->flags & RIOD_BAR_F_64 ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0) |
	       (bar->flags & RIOD_BAR_F_PREFETCH ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0);
}

/* do not disclose this host's interrupt messages to the peer */
static void func_hide_msi(struct pci_dev *pdev, u8 *raw)
{
	u8 *cap = raw + pdev->msi_cap;
	u16 flags;

	/* riod_cfg_init() refuses a capability that does not fit */
	if (pdev->msi_cap && pdev->msi_cap <= PCI_CFG_SPACE_SIZE - MSI_HIDDEN_LEN) {
		flags = get_unaligned_le16(cap + PCI_MSI_FLAGS);
		put_unaligned_le16(flags & ~(PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE),
				   cap + PCI_MSI_FLAGS);
		memset(cap + PCI_MSI_ADDRESS_LO, 0,
		       flags & PCI_MSI_FLAGS_64BIT ? 10 : 6);
	}
	cap = raw + pdev->msix_cap;
	if (pdev->msix_cap && pdev->msix_cap <= PCI_CFG_SPACE_SIZE - PCI_CAP_MSIX_SIZEOF) {
		flags = get_unaligned_le16(cap + PCI_MSIX_FLAGS);
		put_unaligned_le16(flags & PCI_MSIX_FLAGS_QSIZE, cap + PCI_MSIX_FLAGS);
	}
}

/**
 * func_read_config() - read config space, as a guest may see it first
 * @fn: function, powered
 * @raw: filled in, fn->pdev->cfg_size bytes
 *
 * Leaves out addresses, interrupt routing and command bits of this host.  Fills in
 * registers that a virtual function does not implement (SR-IOV 3.4.1).
 */
static void func_read_config(struct riod_stub_func *fn, u8 *raw)
{
	struct pci_dev *pdev = fn->pdev;
	u32 value;
	int i;

	for (i = 0; i < pdev->cfg_size; i += 4) {
		pci_read_config_dword(pdev, i, &value);
		put_unaligned_le32(value, raw + i);
	}

	put_unaligned_le16(pdev->vendor, raw + PCI_VENDOR_ID);
	put_unaligned_le16(pdev->device, raw + PCI_DEVICE_ID);
	put_unaligned_le16(0, raw + PCI_COMMAND);
	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		put_unaligned_le32(func_bar_bits(&fn->bars[i]),
				   raw + PCI_BASE_ADDRESS_0 + 4 * i);
	put_unaligned_le32(0, raw + PCI_ROM_ADDRESS);
	raw[PCI_INTERRUPT_LINE] = 0;
	/* the kernel's value, as for the IDs: quirks may correct the register */
	raw[PCI_INTERRUPT_PIN] = fn->nintx ? pdev->pin : 0;
	func_hide_msi(pdev, raw);
}

static void func_init_irqs(struct riod_stub_func *fn)
{
	struct pci_dev *pdev = fn->pdev;
	int n;

	fn->nintx = pdev->pin && pdev->pin <= 4 && pdev->irq &&
		    pdev->irq != IRQ_NOTCONNECTED;
	n = pci_msi_vec_count(pdev);
	fn->nmsi = clamp(n, 0, 32);
	n = pci_msix_vec_count(pdev);
	fn->nmsix = clamp(n, 0, RIOD_VECTORS_MAX);
}

/*
 * The filter must protect each capability that the kernel drives.  If capabilities
 * overlap, the model may hide one that the kernel found, and the filter would not
 * recognize its registers.
 */
static bool func_cfg_complete(const struct riod_stub_func *fn)
{
	const struct pci_dev *pdev = fn->pdev;
	const struct riod_cfg *c = fn->cfg;

	return (!pdev->pm_cap || pdev->pm_cap == c->pm_cap) &&
	       (!pdev->msi_cap || pdev->msi_cap == c->msi_cap) &&
	       (!pdev->msix_cap || pdev->msix_cap == c->msix_cap) &&
	       (!pdev->pcie_cap || pdev->pcie_cap == c->exp_cap);
}

static int func_init_cfg(struct riod_stub_func *fn, struct netlink_ext_ack *extack)
{
	struct riod_cfg_bar bars[RIOD_BARS];
	u8 *raw;
	int i, ret;

	for (i = 0; i < RIOD_BARS; i++) {
		bars[i].size = fn->bars[i].size;
		bars[i].flags = fn->bars[i].flags;
	}

	raw = kmalloc(fn->pdev->cfg_size, GFP_KERNEL_ACCOUNT);
	fn->cfg = kvzalloc(sizeof(*fn->cfg), GFP_KERNEL_ACCOUNT);
	if (!raw || !fn->cfg) {
		kfree(raw);
		return -ENOMEM;
	}
	func_read_config(fn, raw);
	ret = riod_cfg_init(fn->cfg, raw, fn->pdev->cfg_size, bars);
	kfree(raw);
	if (!ret && !func_cfg_complete(fn)) {
		NL_SET_ERR_MSG_FMT(extack,
				   "%s: a capability that the kernel drives overlaps another one",
				   pci_name(fn->pdev));
		return -EINVAL;
	}
	if (!ret)
		ret = riod_cfg_limit_irqs(fn->cfg, fn->nintx, fn->nmsi, fn->nmsix);
	if (ret)
		NL_SET_ERR_MSG_FMT(extack, "%s: its config space is not one of a PCI function",
				   pci_name(fn->pdev));
	return ret;
}

/* ------------------------------------------------------------ life */

static int func_power_up(struct riod_stub_func *fn)
{
	int ret;

	ret = pm_runtime_resume_and_get(&fn->pdev->dev);
	if (ret)
		return ret;
	pci_clear_master(fn->pdev);
	ret = pci_enable_device(fn->pdev);
	if (ret)
		goto err_pm;
	/* pci_enable_device() succeeds even if the device does not reach D0 */
	if (fn->pdev->pm_cap && pci_set_power_state(fn->pdev, PCI_D0)) {
		ret = -EIO;
		goto err_disable;
	}
	/* no handler is installed yet, and the line may be shared */
	pci_intx(fn->pdev, 0);
	func_harden(fn->pdev);
	return 0;

err_disable:
	pci_disable_device(fn->pdev);
err_pm:
	pm_runtime_put(&fn->pdev->dev);
	return ret;
}

static void func_power_down(struct riod_stub_func *fn)
{
	pci_disable_device(fn->pdev);
	pm_runtime_put(&fn->pdev->dev);
}

static int func_probe(struct riod_stub_func *fn, struct netlink_ext_ack *extack)
{
	int ret;

	ret = func_power_up(fn);
	if (ret) {
		NL_SET_ERR_MSG_FMT(extack, "%s: cannot be enabled, see the kernel log",
				   pci_name(fn->pdev));
		return ret;
	}
	ret = func_map_bars(fn, extack);
	if (!ret) {
		func_copy_rom(fn);
		func_init_irqs(fn);
		ret = func_init_cfg(fn, extack);
	}
	func_power_down(fn);
	return ret;
}

/**
 * riod_stub_func_create() - prepare a bound function for export
 * @exp: export; its @no_reset is valid
 * @sdev: bound function; the caller holds riod_stub_admin
 * @index: number in the export
 * @extack: error text for the user
 */
struct riod_stub_func *riod_stub_func_create(struct riod_stub_export *exp,
					     struct riod_stub_dev *sdev, u8 index,
					     struct netlink_ext_ack *extack)
{
	struct riod_stub_func *fn;
	int ret;

	lockdep_assert_held(&riod_stub_admin);
	fn = kvzalloc(sizeof(*fn), GFP_KERNEL_ACCOUNT);
	if (!fn)
		return ERR_PTR(-ENOMEM);
	fn->exp = exp;
	fn->sdev = sdev;
	fn->pdev = sdev->pdev;
	fn->index = index;
	fn->resettable = fn->pdev->reset_methods[0];
	fn->fenced = true;
	mutex_init(&fn->lock);
	spin_lock_init(&fn->cmd_lock);
	riod_stub_irq_init(fn);

	ret = func_probe(fn, extack);
	if (ret) {
		riod_stub_func_destroy(fn);
		return ERR_PTR(ret);
	}
	return fn;
}

void riod_stub_func_destroy(struct riod_stub_func *fn)
{
	func_unmap_bars(fn);
	kvfree(fn->rom);
	kvfree(fn->cfg);
	kfree(fn->d3_state);
	mutex_destroy(&fn->lock);
	kvfree(fn);
}

/**
 * riod_stub_func_open() - make a function ready for an attachment
 * @fn: function of an export in ATTACHING
 *
 * Afterwards the function is powered and reset, its BARs are decoded, bus master and
 * interrupts are off.  The device decodes memory and I/O until riod_stub_func_close(),
 * because the kernel writes the MSI-X table when it needs to.  The peer's accesses
 * depend on the bits that the peer has set, see bar.c.
 * Return: 0, or a negative errno, and the function is closed.
 */
int riod_stub_func_open(struct riod_stub_func *fn)
{
	unsigned long flags;
	int ret;

	ret = func_power_up(fn);
	if (ret)
		return ret;

	mutex_lock(&fn->lock);
	ret = riod_stub_func_reset(fn);
	if (ret == -ENOTTY && fn->exp->no_reset)
		ret = 0;
	if (!ret) {
		WRITE_ONCE(fn->command, 0);
		fn->power = 0;
		fn->vpd_addr = 0;
		fn->vpd_data = 0;
		fn->sdev->unclean = false;
		if (pci_is_pcie(fn->pdev))
			pcie_capability_read_word(fn->pdev, PCI_EXP_DEVCTL, &fn->devctl);
		riod_stub_irq_init(fn);
		spin_lock_irqsave(&fn->cmd_lock, flags);
		fn->fenced = false;
		spin_unlock_irqrestore(&fn->cmd_lock, flags);
	}
	mutex_unlock(&fn->lock);
	if (ret)
		func_power_down(fn);
	return ret;
}

/* undo the peer's writes to vendor-specific capabilities */
static void func_restore(struct riod_stub_func *fn)
{
	int locked = riod_stub_state_lock(fn);

	if (locked < 0) {
		dev_warn_ratelimited(&fn->pdev->dev,
				     "config space could not be restored after use: somebody keeps the device locked\n");
		fn->sdev->unclean = true;
		return;
	}
	if (!pci_load_saved_state(fn->pdev, fn->sdev->saved))
		pci_restore_state(fn->pdev);
	riod_stub_state_unlock(fn, locked);
}

/**
 * riod_stub_func_close() - reset and disable a function after an attachment
 * @fn: open function; the link's threads have ended, interrupts are off
 *
 * A failed reset is only logged: bus master is clear and nothing will be mapped, so
 * the function can do no harm, and the next open resets it again.  remove() tries
 * again, too, because the next driver does not know about the failure (@unclean).
 */
void riod_stub_func_close(struct riod_stub_func *fn)
{
	int ret;

	riod_stub_fence_func(fn);
	mutex_lock(&fn->lock);
	WARN_ON_ONCE(fn->irq.on);
	riod_stub_func_set_power(fn, 0);
	ret = riod_stub_func_reset(fn);
	if (ret == -ENOTTY && fn->exp->no_reset)
		ret = 0;
	if (ret)
		dev_warn_ratelimited(&fn->pdev->dev, "could not be reset after use: %d\n", ret);
	fn->sdev->unclean = ret;
	WRITE_ONCE(fn->command, 0);
	fn->link = NULL;
	func_restore(fn);
	pci_intx(fn->pdev, 0);
	mutex_unlock(&fn->lock);
	func_power_down(fn);
}

/* ------------------------------------------------------------ attached */

static void func_fill_describe(struct riod_stub_func *fn, struct riod_wire_describe *d)
{
	const struct riod_stub_domain *dom = &fn->exp->domain;
	struct riod_wire_range *resv = (void *)(d->data + fn->pdev->cfg_size);
	unsigned int i;

	d->flags = cpu_to_le32(fn->resettable ? RIOD_FUNC_F_RESET : 0);
	d->devfn = cpu_to_le16(fn->pdev->devfn);
	d->cfg_size = cpu_to_le16(fn->pdev->cfg_size);
	d->nresv = cpu_to_le16(dom->nresv);
	d->nintx = cpu_to_le16(fn->nintx);
	d->nmsi = cpu_to_le16(fn->nmsi);
	d->nmsix = cpu_to_le16(fn->nmsix);
	d->aperture.start = cpu_to_le64(dom->aperture.start);
	d->aperture.last = cpu_to_le64(dom->aperture.last);
	for (i = 0; i < RIOD_BARS; i++) {
		d->bars[i].size = cpu_to_le64(fn->bars[i].size);
		d->bars[i].flags = cpu_to_le32(fn->bars[i].flags);
	}
	for (i = 0; i < dom->nresv; i++) {
		resv[i].start = cpu_to_le64(dom->resv[i].start);
		resv[i].last = cpu_to_le64(dom->resv[i].last);
	}
}

/* post the DESCRIBE frame of an open function */
int riod_stub_func_describe(struct riod_stub_func *fn)
{
	struct riod_wire_describe *d;
	struct riod_frame *f;
	u8 *raw;

	f = riod_frame_alloc(RIOD_FRAME_DESCRIBE, fn->index,
			     sizeof(*d) + fn->pdev->cfg_size +
			     fn->exp->domain.nresv * sizeof(struct riod_wire_range),
			     GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	raw = kmalloc(fn->pdev->cfg_size, GFP_KERNEL_ACCOUNT);
	if (!raw) {
		riod_frame_free(f);
		return -ENOMEM;
	}
	d = (struct riod_wire_describe *)f->body;
	func_fill_describe(fn, d);
	func_read_config(fn, raw);
	riod_stub_redact(fn->cfg, raw, d->data);
	kfree(raw);
	return riod_link_post(fn->link, f);
}

/**
 * riod_stub_func_set_master() - set or clear bus master
 * @fn: function of an attachment
 * @on: set or clear
 *
 * The only function that sets it.  After clearing it, the device's earlier writes
 * are in memory, see riod_stub_master_off().
 * Return: 0, or -EPERM if the function is fenced; bus master stays clear.
 */
int riod_stub_func_set_master(struct riod_stub_func *fn, bool on)
{
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	/* the fence sets @fenced under this lock: seen here, or it clears the bit again */
	if (on && fn->fenced)
		ret = -EPERM;
	else if (on)
		pci_set_master(fn->pdev);
	else
		riod_stub_master_off(fn);
	/* inside the lock, so that trace events have the order of the writes */
	if (!ret)
		trace_riod_stub_master(pci_name(fn->pdev), on);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
	return ret;
}

static bool func_forgets_in_d3(struct pci_dev *pdev)
{
	u16 pmcsr;

	if (!pdev->pm_cap)
		return false;
	pci_read_config_word(pdev, pdev->pm_cap + PCI_PM_CTRL, &pmcsr);
	return !(pmcsr & PCI_PM_CTRL_NO_SOFT_RESET);
}

/*
 * The saved state has bus master clear, for the reason given at riod_stub_func_reset(),
 * and INTx disabled: restoring must not unmask a line that was masked meanwhile.
 */
static int func_save_for_d3(struct riod_stub_func *fn)
{
	int locked;

	kfree(fn->d3_state);
	fn->d3_state = NULL;
	if (!func_forgets_in_d3(fn->pdev))
		return 0;
	locked = riod_stub_state_lock(fn);
	if (locked < 0)
		return locked;
	pci_save_state(fn->pdev);
	fn->d3_state = pci_store_saved_state(fn->pdev);
	riod_stub_state_unlock(fn, locked);
	return fn->d3_state ? 0 : -ENOMEM;
}

static int func_restore_from_d3(struct riod_stub_func *fn)
{
	int locked;

	if (!fn->d3_state)
		return 0;
	locked = riod_stub_state_lock(fn);
	/* for the peer it is still in D3hot, so the peer may try again */
	if (locked < 0)
		return locked;
	if (!pci_load_and_free_saved_state(fn->pdev, &fn->d3_state))
		pci_restore_state(fn->pdev);
	riod_stub_state_unlock(fn, locked);
	func_harden(fn->pdev);
	return 0;
}

/* enter or leave D3hot; bus master is clear */
static int func_move_d3(struct riod_stub_func *fn, u8 state)
{
	int ret;

	riod_stub_intx_set_line(fn, false);
	ret = state == 3 ? func_save_for_d3(fn) : 0;
	riod_stub_fence_hold(fn, true);
	if (!ret)
		ret = pci_set_power_state(fn->pdev, (pci_power_t __force)state);
	if (!ret && !state)
		ret = func_restore_from_d3(fn);
	riod_stub_fence_hold(fn, false);
	/* it left D3hot, or failed to enter it */
	if (state == 3 ? ret : !ret)
		riod_stub_intx_set_line(fn, true);
	return ret;
}

/**
 * riod_stub_func_move() - change the power state without setting bus master
 * @fn: function; the caller holds @fn->lock
 * @state: 0 for D0 to 3 for D3hot
 *
 * Like riod_stub_func_set_power(), but leaves bus master clear after D3hot: for the
 * peer the function is still in D3hot.
 * Return: 0 or a negative errno.
 */
int riod_stub_func_move(struct riod_stub_func *fn, u8 state)
{
	int ret;

	lockdep_assert_held(&fn->lock);
	if (state == fn->power)
		return 0;
	if (state == 3)
		riod_stub_func_set_master(fn, false);
	if (state == 3 || fn->power == 3)
		ret = func_move_d3(fn, state);
	else
		ret = pci_set_power_state(fn->pdev, (pci_power_t __force)state);
	if (!ret)
		fn->power = state;
	return ret;
}

/**
 * riod_stub_func_set_power() - change the power state
 * @fn: function; the caller holds @fn->lock
 * @state: 0 for D0 to 3 for D3hot
 *
 * In D3hot a device makes no DMA and decodes no BAR (PCIe 5.3.1.4.1), so bus master
 * is cleared before it.  It is set again, if the peer has it set, after leaving D3hot
 * or failing to enter it.  During the transition the device may not respond for some
 * milliseconds, and may lose its command register, so a fence does not access it.
 * Return: 0 or a negative errno.
 */
int riod_stub_func_set_power(struct riod_stub_func *fn, u8 state)
{
	int ret;

	lockdep_assert_held(&fn->lock);
	if (state == fn->power)
		return 0;
	ret = riod_stub_func_move(fn, state);
	if (fn->power != 3 && fn->command & PCI_COMMAND_MASTER)
		riod_stub_func_set_master(fn, true);
	return ret;
}

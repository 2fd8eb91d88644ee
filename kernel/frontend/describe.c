// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions as the stub describes them
 *
 * riod_wire_fault() has checked lengths and reserved fields.  The code here checks
 * that the values make sense, before anything uses them.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "frontend.h"

static bool by_name;
module_param(by_name, bool, 0644);
MODULE_PARM_DESC(by_name, "New attachments share only the memory that their profiles name, if these name all (default N)");

static struct riod_fe_func *func_new(struct riod_fe_att *att, u8 num)
{
	struct riod_fe_func *fn = kvzalloc(sizeof(*fn), GFP_KERNEL);

	if (!fn)
		return NULL;
	fn->att = att;
	fn->num = num;
	mutex_init(&fn->cfg_lock);
	spin_lock_init(&fn->msix_lock);
	riod_fe_irq_init(&fn->irq);
	riod_fe_shadow_init(&fn->shadow);
	riod_fe_rom_init(&fn->rom);
	INIT_WORK(&fn->close_work, riod_fe_config_close_work);
	return fn;
}

/* restrict the aperture to whole pages that the IOMMU of this function can translate, too */
static int att_narrow(struct riod_fe_att *att, const struct riod_wire_describe *d)
{
	u64 start = le64_to_cpu(d->aperture.start);
	u64 last = le64_to_cpu(d->aperture.last);

	if (start > last || last < PAGE_SIZE - 1 || start > U64_MAX - PAGE_SIZE)
		return -EPROTO;
	start = PAGE_ALIGN(start);
	/* the page that ends with @last, or the one before that */
	last = ((last + 1) & PAGE_MASK) - 1;
	att->aperture.start = max(att->aperture.start, start);
	att->aperture.last = min(att->aperture.last, last);
	return att->aperture.start < att->aperture.last ? 0 : -EPROTO;
}

static int att_add_resv(struct riod_fe_att *att, const struct riod_wire_range *r)
{
	u64 start = le64_to_cpu(r->start) & PAGE_MASK;
	u64 last = le64_to_cpu(r->last) | ~PAGE_MASK;
	unsigned int i;

	/* all addresses: nothing could be mapped, and the length does not fit a size_t */
	if (start > last || (!start && last == U64_MAX))
		return -EPROTO;
	for (i = 0; i < att->nresv; i++) {
		if (att->resv[i].start == start && att->resv[i].last == last)
			return 0;
	}
	if (att->nresv == ARRAY_SIZE(att->resv))
		return -EPROTO;
	att->resv[att->nresv].start = start;
	att->resv[att->nresv++].last = last;
	return 0;
}

static int func_cfg(struct riod_fe_func *fn, const struct riod_wire_describe *d)
{
	struct riod_cfg_bar bars[RIOD_BARS];
	unsigned int i;

	for (i = 0; i < RIOD_BARS; i++) {
		bars[i].size = le64_to_cpu(d->bars[i].size);
		bars[i].flags = le32_to_cpu(d->bars[i].flags);
	}
	if (riod_cfg_init(&fn->cfg, d->data, le16_to_cpu(d->cfg_size), bars) ||
	    riod_cfg_limit_irqs(&fn->cfg, fn->nintx, fn->nmsi, fn->nmsix))
		return -EPROTO;
	/* the device may have FLR although its host cannot reset it */
	if (!(fn->flags & RIOD_FUNC_F_RESET))
		riod_cfg_hide_flr(&fn->cfg);
	return 0;
}

/**
 * riod_fe_describe() - a DESCRIBE frame arrived
 * @att: attachment, still attaching
 * @f: validated frame
 *
 * Return: 0, -EPROTO, -ENOMEM.
 */
int riod_fe_describe(struct riod_fe_att *att, const struct riod_frame *f)
{
	const struct riod_wire_describe *d = (const void *)f->body;
	const struct riod_wire_range *resv;
	unsigned int i, n = f->hdr.func;
	struct riod_fe_func *fn;
	int ret;

	if (n >= att->nfuncs || att->funcs[n])
		return -EPROTO;
	fn = func_new(att, n);
	if (!fn)
		return -ENOMEM;
	att->funcs[n] = fn;
	fn->flags = le32_to_cpu(d->flags);
	fn->remote_devfn = le16_to_cpu(d->devfn);
	fn->nintx = le16_to_cpu(d->nintx);
	fn->nmsi = le16_to_cpu(d->nmsi);
	fn->nmsix = le16_to_cpu(d->nmsix);

	ret = func_cfg(fn, d);
	if (!ret)
		ret = att_narrow(att, d);
	resv = (const void *)(d->data + le16_to_cpu(d->cfg_size));
	for (i = 0; i < le16_to_cpu(d->nresv) && !ret; i++)
		ret = att_add_resv(att, &resv[i]);
	return ret;
}

static void *func_mem(void *priv, u64 iova, size_t len, bool write)
{
	struct riod_fe_func *fn = priv;

	return riod_fe_dma_mem(fn->att, iova, len, write);
}

static int func_name(void *priv, u64 iova, u64 len, enum riod_profile_use use)
{
	struct riod_fe_func *fn = priv;
	u32 class = 0;

	if (use == RIOD_USE_EXACT)
		class = RIOD_MAP_EXACT;
	else if (use == RIOD_USE_COMPLETIONS)
		class = RIOD_MAP_COMPLETIONS | fn->num << RIOD_MAP_FUNC_SHIFT;
	return riod_fe_name(fn->att, iova, len, class);
}

static void func_unname(void *priv, u64 iova, u64 len)
{
	struct riod_fe_func *fn = priv;

	riod_fe_unname(fn->att, iova, len);
}

static int func_request(void *priv, u32 key, bool always,
			const struct riod_profile_extent *extents, u32 n)
{
	struct riod_fe_func *fn = priv;

	return riod_fe_transfer(fn->att, fn->num, key, always, extents, n);
}

static void func_forget(void *priv, u32 first, u32 last)
{
	struct riod_fe_func *fn = priv;

	riod_fe_transfer_forget(fn->att, fn->num, first, last);
}

static bool func_completion(void *priv, u64 iova, u8 entry[16])
{
	struct riod_fe_func *fn = priv;

	return riod_sync_completion(riod_link_sync(fn->att->link),
				    riod_fe_named_id(fn->att, iova), offset_in_page(iova), entry);
}

static void func_raise(void *priv, u16 vector)
{
	riod_fe_irq_raise(priv, vector);
}

static u64 func_page_id(void *priv, u64 iova)
{
	struct riod_fe_func *fn = priv;

	return riod_fe_dma_page_id(fn->att, iova);
}

static bool func_changed(void *priv, u64 iova, u64 len)
{
	struct riod_fe_func *fn = priv;

	return riod_sync_span_changed(riod_link_sync(fn->att->link), iova, len,
				      func_page_id, fn);
}

/* called by the pump; kept until the DMA lock is dropped, as the engine's gate is outside of it */
static int func_order(void *priv, const struct riod_sync_span *spans, u32 n)
{
	struct riod_fe_func *fn = priv;
	struct riod_sync_order *o;

	lockdep_assert_held(&fn->att->dma.lock);
	o = riod_sync_order_make(spans, n, func_page_id, fn);
	if (IS_ERR(o))
		return PTR_ERR(o);
	riod_sync_order_free(fn->next_order);
	fn->next_order = o;
	return 0;
}

static void func_set_order(struct riod_fe_func *fn, struct riod_sync_order *o)
{
	riod_sync_set_order(riod_link_sync(fn->att->link), fn->order, o);
	riod_sync_order_free(fn->order);
	fn->order = o;
}

/**
 * riod_fe_order_settle() - pass a new publish order (rule 10) to the engine
 * @fn: function
 *
 * Called by the pump, or after the pump has ended, without locks.
 */
void riod_fe_order_settle(struct riod_fe_func *fn)
{
	struct riod_sync_order *o = fn->next_order;

	fn->next_order = NULL;
	if (o)
		func_set_order(fn, o);
}

/*
 * Devices that are known to need a profile for the order of memory writes (rule 10), and
 * have none: while running, they fetch ownership chains on their own.
 */
static const struct pci_device_id known_wrong[] = {
	{ PCI_DEVICE_CLASS(PCI_CLASS_SERIAL_USB_XHCI, ~0) },
	{ PCI_DEVICE_CLASS(PCI_CLASS_SERIAL_USB_EHCI, ~0) },
	/* r8169 */
	{ PCI_VDEVICE(REALTEK, 0x8125) },
	{ PCI_VDEVICE(REALTEK, 0x8126) },
	{ PCI_VDEVICE(REALTEK, 0x8136) },
	{ PCI_VDEVICE(REALTEK, 0x8161) },
	{ PCI_VDEVICE(REALTEK, 0x8162) },
	{ PCI_VDEVICE(REALTEK, 0x8167) },
	{ PCI_VDEVICE(REALTEK, 0x8168) },
	{ PCI_VDEVICE(REALTEK, 0x8169) },
	{}
};

static bool func_is_known_wrong(const struct riod_fe_func *fn)
{
	const struct pci_device_id *id;

	for (id = known_wrong; id->class_mask || id->vendor; id++) {
		if ((id->vendor == PCI_ANY_ID || id->vendor == fn->vendor) &&
		    (id->device == PCI_ANY_ID || id->device == fn->device) &&
		    !((id->class ^ fn->class) & id->class_mask))
			return true;
	}
	return false;
}

/* rule 10 */
static void func_warn_no_profile(const struct riod_fe_func *fn)
{
	if (func_is_known_wrong(fn))
		pr_warn("attachment %u: %04x:%04x needs a profile, and there is none: the device or its driver may see memory out of order\n",
			fn->att->id, fn->vendor, fn->device);
	else
		pr_info("attachment %u: no profile for %04x:%04x: interrupts are exact, but whether memory that its driver polls is delivered in the right order is not proven\n",
			fn->att->id, fn->vendor, fn->device);
}

static int func_profile(struct riod_fe_func *fn, const char *name,
			struct netlink_ext_ack *extack)
{
	const struct riod_profile *p;
	char names[NETLINK_MAX_FMTMSG_LEN];
	int ret;

	p = riod_profile_find(name, fn->vendor, fn->device, fn->class);
	if (IS_ERR(p)) {
		riod_profile_names(names, sizeof(names));
		NL_SET_ERR_MSG_FMT(extack, "no profile has that name; there are %s, none",
				   names);
		return PTR_ERR(p);
	}
	if (!p) {
		func_warn_no_profile(fn);
		return 0;
	}
	fn->env.kick = riod_fe_region_kick;
	fn->env.raise = func_raise;
	fn->env.mem = func_mem;
	fn->env.changed = func_changed;
	fn->env.order = func_order;
	if (fn->att->dma.exact) {
		fn->env.name = func_name;
		fn->env.unname = func_unname;
		fn->env.request = func_request;
		fn->env.forget = func_forget;
		fn->env.completion = func_completion;
	}
	fn->env.priv = fn;
	if (p->init) {
		ret = p->init(&fn->profile_state, &fn->env);
		if (ret) {
			NL_SET_ERR_MSG(extack,
				       "the device profile cannot be set up: out of memory");
			return ret;
		}
	}
	/* the pump is running and calls the profile's hooks from here on */
	mutex_lock(&fn->att->dma.lock);
	fn->profile = p;
	if (p->edit_config)
		p->edit_config(fn->profile_state, &fn->cfg);
	mutex_unlock(&fn->att->dma.lock);
	return 0;
}

static int func_done(struct riod_fe_func *fn, const struct riod_attach_request *req,
		     struct netlink_ext_ack *extack)
{
	int ret;

	ret = riod_fe_shadow_setup(fn, req->shadow_bars, extack);
	if (!ret)
		ret = func_profile(fn, req->profile, extack);
	if (ret)
		return ret;
	if (fn->cfg.msix_cap) {
		fn->msix_table = kvzalloc(fn->cfg.msix_table_size, GFP_KERNEL);
		if (!fn->msix_table) {
			NL_SET_ERR_MSG(extack, "out of memory");
			return -ENOMEM;
		}
	}
	fn->sent_devctl = riod_cfg_devctl(&fn->cfg);
	riod_fe_vpci_host_view(fn, fn->att->nfuncs > 1);
	return 0;
}

/*
 * A driver may depend on a function's number (as the port of a card), so functions keep
 * their numbers of the server host.  They are renumbered if two functions, of different
 * slots, have the same number, or if there is no function 0: the PCI core would find none.
 */
static void att_number_funcs(struct riod_fe_att *att)
{
	unsigned int i;
	u8 seen = 0;
	bool keep;

	for (i = 0; i < att->nfuncs; i++)
		seen |= BIT(PCI_FUNC(att->funcs[i]->remote_devfn));
	keep = seen & BIT(0) && hweight8(seen) == att->nfuncs;
	for (i = 0; i < att->nfuncs; i++) {
		struct riod_fe_func *fn = att->funcs[i];

		fn->pci_func = keep ? PCI_FUNC(fn->remote_devfn) : fn->num;
	}
}

static void func_ids(struct riod_fe_func *fn)
{
	const u8 *bytes = fn->cfg.bytes;

	fn->vendor = get_unaligned_le16(bytes + PCI_VENDOR_ID);
	fn->device = get_unaligned_le16(bytes + PCI_DEVICE_ID);
	fn->class = get_unaligned_le32(bytes + PCI_CLASS_REVISION) >> 8;
}

static bool func_exact(const struct riod_fe_func *fn, const char *name)
{
	const struct riod_profile *p = riod_profile_find(name, fn->vendor, fn->device, fn->class);

	return !IS_ERR_OR_NULL(p) && p->exact;
}

/* the functions share their I/O addresses, so one without such a profile decides for all */
static void att_exact(struct riod_fe_att *att, const char *profile)
{
	bool exact = READ_ONCE(by_name) && att->features & RIOD_FEATURE_EXACT;
	unsigned int i;

	for (i = 0; i < att->nfuncs; i++)
		exact &= func_exact(att->funcs[i], profile);
	mutex_lock(&att->dma.lock);
	att->dma.exact = exact;
	mutex_unlock(&att->dma.lock);
}

/**
 * riod_fe_describe_done() - READY arrived: set up the described functions
 * @att: attachment
 * @req: request of the user: @profile, @shadow_bars
 * @extack: reports the reason of a failure
 */
int riod_fe_describe_done(struct riod_fe_att *att, const struct riod_attach_request *req,
			  struct netlink_ext_ack *extack)
{
	unsigned int i;
	int ret;

	att_number_funcs(att);
	for (i = 0; i < att->nfuncs; i++)
		func_ids(att->funcs[i]);
	att_exact(att, req->profile);
	for (i = 0; i < att->nfuncs; i++) {
		ret = func_done(att->funcs[i], req, extack);
		if (ret)
			return ret;
	}
	return 0;
}

/* call when no callback of the link runs */
void riod_fe_describe_exit(struct riod_fe_att *att)
{
	unsigned int i;

	for (i = 0; i < att->nfuncs; i++) {
		struct riod_fe_func *fn = att->funcs[i];

		if (!fn || !fn->profile)
			continue;
		riod_fe_order_settle(fn);
		func_set_order(fn, NULL);
		if (fn->profile->exit)
			fn->profile->exit(fn->profile_state);
		fn->profile = NULL;
	}
}

void riod_fe_describe_free(struct riod_fe_att *att)
{
	unsigned int i;

	for (i = 0; i < att->nfuncs; i++) {
		if (!att->funcs[i])
			continue;
		WARN_ON_ONCE(!xa_empty(&att->funcs[i]->shadow.pages));
		riod_fe_rom_free(&att->funcs[i]->rom);
		kvfree(att->funcs[i]->msix_table);
		kvfree(att->funcs[i]);
	}
}

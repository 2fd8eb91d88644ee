// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of one function
 *
 * A handler sets a bit and wakes the pump, which collects the bits before it
 * begins a scan (rule 2: an interrupt joins only a cut begun after it fired).
 *
 * MSI-X is switched on with the vectors that the guest has enabled.  Another one is
 * allocated alone where the platform can do that (pci_msix_can_alloc_dyn()), and with
 * all the others anew where it cannot.
 */
#include <linux/bitmap.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "stub.h"

/* forget what fired; no handler is installed */
static void irq_forget(struct riod_stub_irq *irq)
{
	bitmap_zero(irq->pending, RIOD_VECTORS_MAX);
}

void riod_stub_irq_init(struct riod_stub_func *fn)
{
	struct riod_stub_irq *irq = &fn->irq;

	irq_forget(irq);
	irq->index = RIOD_IRQ_INTX;
	irq->epoch = 0;
	irq->on = false;
	irq->masked = false;
	irq->disabled = false;
	irq->hw_masked = true;
	snprintf(irq->name, sizeof(irq->name), "riod_stub(%s)", pci_name(fn->pdev));
}

static void irq_fired(struct riod_stub_func *fn, unsigned int nr)
{
	set_bit(nr, fn->irq.pending);
	atomic64_inc(&fn->exp->stats.irqs);
	riod_link_kick(fn->link);
}

/* ------------------------------------------------------------ INTx */

static void intx_apply(struct riod_stub_func *fn)
{
	struct riod_stub_irq *irq = &fn->irq;
	bool mask = irq->masked || irq->disabled;

	lockdep_assert_held(&fn->cmd_lock);
	if (!irq->on || irq->index != RIOD_IRQ_INTX || mask == irq->hw_masked)
		return;
	irq->hw_masked = mask;
	if (pci_intx_mask_supported(fn->pdev))
		pci_intx(fn->pdev, !mask);
	else if (mask)
		disable_irq_nosync(fn->pdev->irq);
	else
		enable_irq(fn->pdev->irq);
}

/* level-triggered: it stays masked until the guest is done with it */
static irqreturn_t intx_handler(int nr, void *arg)
{
	struct riod_stub_func *fn = arg;
	struct riod_stub_irq *irq = &fn->irq;
	bool fired = false;

	spin_lock(&fn->cmd_lock);
	/* on the way into D3hot or out it may read as all ones, and its line is closed */
	if (fn->resetting && pci_intx_mask_supported(fn->pdev)) {
		fired = false;
	} else if (!irq->hw_masked && pci_intx_mask_supported(fn->pdev)) {
		/* shared: only if it is ours */
		fired = pci_check_and_mask_intx(fn->pdev);
	} else if (!irq->hw_masked) {
		disable_irq_nosync(nr);
		fired = true;
	}
	if (fired) {
		irq->masked = true;
		irq->hw_masked = true;
	}
	spin_unlock(&fn->cmd_lock);

	if (!fired)
		return IRQ_NONE;
	irq_fired(fn, 0);
	return IRQ_HANDLED;
}

/* the line is requested masked, so that intx_apply() alone decides when it opens */
static int intx_on(struct riod_stub_func *fn)
{
	struct riod_stub_irq *irq = &fn->irq;
	bool exclusive = !pci_intx_mask_supported(fn->pdev);
	unsigned int line = fn->pdev->irq;
	int ret;

	irq->masked = false;
	irq->hw_masked = true;
	/* masking is up to the interrupt controller then, and has to take effect at once */
	if (exclusive)
		irq_set_status_flags(line, IRQ_DISABLE_UNLAZY);
	ret = request_irq(line, intx_handler, exclusive ? IRQF_NO_AUTOEN : IRQF_SHARED,
			  irq->name, fn);
	if (ret && exclusive)
		irq_clear_status_flags(line, IRQ_DISABLE_UNLAZY);
	return ret;
}

static void intx_off(struct riod_stub_func *fn)
{
	free_irq(fn->pdev->irq, fn);
	if (!pci_intx_mask_supported(fn->pdev))
		irq_clear_status_flags(fn->pdev->irq, IRQ_DISABLE_UNLAZY);
}

/**
 * riod_stub_intx_set_line() - the line of a function that changes its power state
 * @fn: function
 * @open: it has its command register back: as @hw_masked says; else closed, for it is
 *	about to lose it.  Who masks and unmasks meanwhile changes @hw_masked.
 */
void riod_stub_intx_set_line(struct riod_stub_func *fn, bool open)
{
	unsigned long flags;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	if (fn->irq.on && fn->irq.index == RIOD_IRQ_INTX && pci_intx_mask_supported(fn->pdev))
		pci_intx(fn->pdev, open && !fn->irq.hw_masked);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/* the peer masks the line, or is ready for the next one */
void riod_stub_intx_mask(struct riod_stub_func *fn, bool masked)
{
	unsigned long flags;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	fn->irq.masked = masked;
	intx_apply(fn);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/* PCI_COMMAND_INTX_DISABLE, as the peer has it */
void riod_stub_intx_disable(struct riod_stub_func *fn, bool disabled)
{
	unsigned long flags;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	fn->irq.disabled = disabled;
	intx_apply(fn);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

static void line_off(struct riod_stub_func *fn)
{
	unsigned long flags;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	pci_intx(fn->pdev, 0);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/* ------------------------------------------------------------ MSI, MSI-X */

static irqreturn_t msi_handler(int nr, void *arg)
{
	struct riod_stub_vec *vec = arg;

	irq_fired(vec->fn, vec->nr);
	return IRQ_HANDLED;
}

static int vecs_alloc(struct riod_stub_func *fn, unsigned int count)
{
	struct riod_stub_irq *irq = &fn->irq;
	unsigned int i;

	irq->vecs = kvcalloc(count, sizeof(*irq->vecs), GFP_KERNEL_ACCOUNT);
	if (!irq->vecs)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		irq->vecs[i].fn = fn;
		irq->vecs[i].nr = i;
	}
	irq->nvecs = count;
	return 0;
}

static void vecs_free(struct riod_stub_irq *irq)
{
	kvfree(irq->vecs);
	irq->vecs = NULL;
	irq->nvecs = 0;
	irq->nalloc = 0;
}

/* MSI-X: @count interrupts, or the first of them where the others can come later */
static int msi_on(struct riod_stub_func *fn, u8 index, unsigned int count)
{
	unsigned int type = index == RIOD_IRQ_MSIX ? PCI_IRQ_MSIX : PCI_IRQ_MSI;
	struct riod_stub_irq *irq = &fn->irq;
	int ret;

	irq->one_by_one = index == RIOD_IRQ_MSIX && pci_msix_can_alloc_dyn(fn->pdev);
	if (irq->one_by_one)
		count = 1;
	ret = vecs_alloc(fn, index == RIOD_IRQ_MSIX ? fn->nmsix : count);
	if (ret)
		return ret;
	ret = pci_alloc_irq_vectors(fn->pdev, count, count, type);
	if (ret < 0) {
		vecs_free(irq);
		return ret;
	}
	irq->nalloc = count;
	return 0;
}

static void vec_release(struct riod_stub_func *fn, unsigned int i)
{
	struct riod_stub_irq *irq = &fn->irq;
	struct msi_map map = { .index = i };

	if (!irq->vecs[i].requested)
		return;
	map.virq = pci_irq_vector(fn->pdev, i);
	free_irq(map.virq, &irq->vecs[i]);
	irq->vecs[i].requested = false;
	/* the first stays for as long as MSI-X is on */
	if (irq->one_by_one && i)
		pci_msix_free_irq(fn->pdev, map);
}

static int vec_request(struct riod_stub_func *fn, unsigned int i)
{
	struct riod_stub_irq *irq = &fn->irq;
	struct msi_map map = { .index = i };
	int ret;

	map.virq = pci_irq_vector(fn->pdev, i);
	if (map.virq < 0 && irq->one_by_one)
		map = pci_msix_alloc_irq_at(fn->pdev, i, NULL);
	if (map.index < 0 || map.virq < 0)
		return map.index < 0 ? map.index : map.virq;
	ret = request_irq(map.virq, msi_handler, 0, irq->name, &irq->vecs[i]);
	if (!ret)
		irq->vecs[i].requested = true;
	else if (irq->one_by_one && i)
		pci_msix_free_irq(fn->pdev, map);
	return ret;
}

static void msi_off(struct riod_stub_func *fn)
{
	unsigned int i;

	for (i = 0; i < fn->irq.nvecs; i++)
		vec_release(fn, i);
	pci_free_irq_vectors(fn->pdev);
	vecs_free(&fn->irq);
}

/*
 * MSI-X is switched off and on again with @count interrupts, or with as many as before
 * where there are not so many.  What fires in between is lost, so every vector that
 * stays counts as fired: drivers stand an interrupt too many.
 */
static int msix_regrow(struct riod_stub_func *fn, unsigned int count)
{
	struct riod_stub_irq *irq = &fn->irq;
	unsigned long *had = bitmap_zalloc(irq->nvecs, GFP_KERNEL);
	unsigned int i;
	int ret, err;

	if (!had)
		return -ENOMEM;
	for (i = 0; i < irq->nalloc; i++) {
		if (irq->vecs[i].requested)
			__set_bit(i, had);
		vec_release(fn, i);
	}
	pci_free_irq_vectors(fn->pdev);
	/* that turned the line on, which has no handler */
	line_off(fn);
	ret = pci_alloc_irq_vectors(fn->pdev, count, count, PCI_IRQ_MSIX);
	if (ret > 0)
		irq->nalloc = ret;
	err = ret > 0 ? 0 : pci_alloc_irq_vectors(fn->pdev, irq->nalloc, irq->nalloc,
						   PCI_IRQ_MSIX);
	for_each_set_bit(i, had, irq->nvecs) {
		if (err >= 0)
			err = vec_request(fn, i);
		if (err >= 0)
			irq_fired(fn, i);
	}
	bitmap_free(had);
	/* not even what there was: the caller turns all off */
	if (err < 0)
		irq->nalloc = 0;
	return ret < 0 ? ret : min(err, 0);
}

static bool setup_wants(const struct riod_wire_irq_setup *s, unsigned int i)
{
	return i < le16_to_cpu(s->count) && s->bitmap[i / 8] >> (i % 8) & 1;
}

/* vectors up to the last that shall be sent, at least one */
static unsigned int setup_span(const struct riod_wire_irq_setup *s)
{
	unsigned int i = le16_to_cpu(s->count);

	while (i > 1 && !setup_wants(s, i - 1))
		i--;
	return i;
}

/*
 * Only what changes is touched: a vector that stays may fire meanwhile.  Where there
 * are not enough interrupts, those that are new go again, and the others stay.
 */
static int msi_request(struct riod_stub_func *fn, const struct riod_wire_irq_setup *s)
{
	struct riod_stub_irq *irq = &fn->irq;
	unsigned int i, span = setup_span(s);
	unsigned long *fresh;
	int ret = 0;

	fresh = bitmap_zalloc(irq->nvecs, GFP_KERNEL);
	if (!fresh)
		return -ENOMEM;
	for (i = 0; i < irq->nvecs; i++) {
		if (irq->vecs[i].requested && !setup_wants(s, i)) {
			vec_release(fn, i);
			clear_bit(i, irq->pending);
		}
	}
	if (s->index == RIOD_IRQ_MSIX && !irq->one_by_one && span > irq->nalloc)
		ret = msix_regrow(fn, span);
	for (i = 0; i < span && !ret; i++) {
		if (!setup_wants(s, i) || irq->vecs[i].requested)
			continue;
		ret = vec_request(fn, i);
		if (!ret)
			__set_bit(i, fresh);
	}
	if (ret) {
		for_each_set_bit(i, fresh, irq->nvecs) {
			vec_release(fn, i);
			clear_bit(i, irq->pending);
		}
	}
	bitmap_free(fresh);
	return ret;
}

/* ------------------------------------------------------------ all kinds */

static void irq_set_on(struct riod_stub_func *fn, u8 index, bool on)
{
	unsigned long flags;

	lockdep_assert_held(&fn->lock);
	spin_lock_irqsave(&fn->cmd_lock, flags);
	fn->irq.index = index;
	/* the line is closed before its handler goes: others may share it */
	if (!on)
		fn->irq.masked = true;
	else
		fn->irq.on = true;
	intx_apply(fn);
	fn->irq.on = on;
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/* no interrupt is on: the line is closed, whatever freeing the others did to it */
static void irq_close_line(struct riod_stub_func *fn)
{
	unsigned long flags;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	pci_intx(fn->pdev, 0);
	fn->irq.hw_masked = true;
	irq_forget(&fn->irq);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/*
 * The PCI core writes the MSI-X table when vectors come and go, and a device answers
 * at its BARs in D0 only.  Bus mastering stays off: to the peer it is in D3hot still.
 * Return: the state that irq_sleep() goes back to.
 */
static u8 irq_wake(struct riod_stub_func *fn)
{
	u8 power = fn->power;

	if (riod_stub_func_move(fn, 0))
		dev_warn_ratelimited(&fn->pdev->dev,
				     "stays in D%u while its interrupts are set up\n", power);
	return power;
}

static void irq_sleep(struct riod_stub_func *fn, u8 power)
{
	if (riod_stub_func_move(fn, power))
		dev_warn_ratelimited(&fn->pdev->dev, "cannot be put back into D%u\n", power);
}

/**
 * riod_stub_irq_off() - no interrupts of any kind
 * @fn: function; the caller holds @fn->lock
 *
 * No handler runs when this returns, and what fired but was not sent is
 * forgotten.
 */
void riod_stub_irq_off(struct riod_stub_func *fn)
{
	struct riod_stub_irq *irq = &fn->irq;
	u8 power;

	lockdep_assert_held(&fn->lock);
	if (!irq->on)
		return;
	power = irq_wake(fn);
	irq_set_on(fn, irq->index, false);
	if (irq->index == RIOD_IRQ_INTX)
		intx_off(fn);
	else
		msi_off(fn);
	irq_close_line(fn);
	irq_sleep(fn, power);
}

/* @count: MSI: the number of vectors stays while it is on; MSI-X: the first allocation */
static int irq_begin(struct riod_stub_func *fn, u8 index, unsigned int count)
{
	int ret;

	/* it may be set up already, and then only the vectors differ */
	if (fn->irq.on && fn->irq.index == index &&
	    (index != RIOD_IRQ_MSI || fn->irq.nvecs == count))
		return 0;
	riod_stub_irq_off(fn);
	if (READ_ONCE(fn->fenced))
		return -EPERM;
	ret = index == RIOD_IRQ_INTX ? intx_on(fn) : msi_on(fn, index, count);
	if (!ret)
		irq_set_on(fn, index, true);
	return ret;
}

static unsigned int irq_most(const struct riod_stub_func *fn, u8 index)
{
	switch (index) {
	case RIOD_IRQ_INTX:
		return fn->nintx;
	case RIOD_IRQ_MSI:
		return fn->nmsi;
	default:
		return fn->nmsix;
	}
}

/**
 * riod_stub_irq_setup() - IRQ_SETUP: replace what is set up
 * @fn: function; the caller holds @fn->lock
 * @s: validated
 *
 * Where it fails, vectors of the same kind that were set up before stay, if they were
 * asked for again; nothing else is set up.
 */
enum riod_status riod_stub_irq_setup(struct riod_stub_func *fn,
				     const struct riod_wire_irq_setup *s)
{
	unsigned int count = le16_to_cpu(s->count);
	bool fresh;
	u8 power;
	int ret;

	lockdep_assert_held(&fn->lock);
	if (!count) {
		riod_stub_irq_off(fn);
		return RIOD_STATUS_OK;
	}
	if (count > irq_most(fn, s->index)) {
		riod_stub_irq_off(fn);
		return RIOD_STATUS_INVALID;
	}
	if (s->index == RIOD_IRQ_MSIX)
		count = setup_span(s);
	fresh = !fn->irq.on || fn->irq.index != s->index;
	power = irq_wake(fn);
	ret = irq_begin(fn, s->index, count);
	if (!ret && s->index != RIOD_IRQ_INTX)
		ret = msi_request(fn, s);
	if (ret) {
		dev_warn_ratelimited(&fn->pdev->dev,
				     "interrupts could not be set up: %d\n", ret);
		if (fresh || !fn->irq.nalloc)
			riod_stub_irq_off(fn);
	}
	irq_sleep(fn, power);
	return ret ? RIOD_STATUS_FAILED : RIOD_STATUS_OK;
}

/* after a reset; interrupts are off */
void riod_stub_irq_new_epoch(struct riod_stub_func *fn, u32 epoch)
{
	unsigned long flags;

	lockdep_assert_held(&fn->lock);
	spin_lock_irqsave(&fn->cmd_lock, flags);
	fn->irq.epoch = epoch;
	fn->irq.disabled = false;
	fn->irq.masked = false;
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/* take the bits; the epoch and index that they belong to, in the same instant */
static unsigned int irq_take(struct riod_stub_func *fn, unsigned long *taken,
			     u32 *epoch, u8 *index)
{
	struct riod_stub_irq *irq = &fn->irq;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	for (i = 0; i < BITS_TO_LONGS(RIOD_VECTORS_MAX); i++)
		taken[i] = irq->pending[i] ? xchg(&irq->pending[i], 0) : 0;
	*epoch = irq->epoch;
	*index = irq->index;
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
	return bitmap_weight(taken, RIOD_VECTORS_MAX);
}

static void irq_give_back(struct riod_stub_func *fn, const unsigned long *taken,
			  u32 epoch, u8 index)
{
	struct riod_stub_irq *irq = &fn->irq;
	unsigned long flags;
	unsigned int nr;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	if (irq->on && irq->epoch == epoch && irq->index == index) {
		for_each_set_bit(nr, taken, RIOD_VECTORS_MAX)
			set_bit(nr, irq->pending);
	}
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/**
 * riod_stub_irq_gather() - pump: make an IRQ frame of what fired
 * @fn: function
 * @events: the frame is added here; none where nothing fired
 *
 * Return: 0, or -ENOMEM: the bits are kept.
 */
int riod_stub_irq_gather(struct riod_stub_func *fn, struct list_head *events)
{
	DECLARE_BITMAP(taken, RIOD_VECTORS_MAX);
	struct riod_wire_irq *q;
	struct riod_frame *f;
	unsigned int nr, n = 0;
	u32 epoch;
	u8 index;

	nr = irq_take(fn, taken, &epoch, &index);
	if (!nr)
		return 0;
	f = riod_frame_alloc(RIOD_FRAME_IRQ, fn->index, struct_size(q, vectors, nr),
			     GFP_KERNEL_ACCOUNT);
	if (!f) {
		irq_give_back(fn, taken, epoch, index);
		return -ENOMEM;
	}
	q = (struct riod_wire_irq *)f->body;
	q->epoch = cpu_to_le32(epoch);
	q->index = index;
	q->count = cpu_to_le16(nr);
	for_each_set_bit(nr, taken, RIOD_VECTORS_MAX)
		q->vectors[n++] = cpu_to_le16(nr);
	list_add_tail(&f->list, events);
	return 0;
}

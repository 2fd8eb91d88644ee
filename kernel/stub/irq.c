// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of one function
 *
 * A handler sets a bit and wakes the pump, which takes the bits before it begins a
 * pass, so the pass sees what the device wrote before the interrupt (rule 2, everything
 * visible from the device is an acquire).
 *
 * MSI-X is enabled with the vectors that the guest has enabled.  Further vectors are
 * allocated one by one if the platform supports it (pci_msix_can_alloc_dyn()), else
 * all vectors are freed and allocated again.
 */
#include <linux/bitmap.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "stub.h"

/* drop interrupts that were not sent; no handler is installed */
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

/* the line is level-triggered: mask it until the guest has handled the interrupt */
static irqreturn_t intx_handler(int nr, void *arg)
{
	struct riod_stub_func *fn = arg;
	struct riod_stub_irq *irq = &fn->irq;
	bool fired = false;

	spin_lock(&fn->cmd_lock);
	/* in a D3hot transition its registers may read as all-ones; its line is masked */
	if (fn->resetting && pci_intx_mask_supported(fn->pdev)) {
		fired = false;
	} else if (!irq->hw_masked && pci_intx_mask_supported(fn->pdev)) {
		/* the line may be shared: check that this device asserts it */
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

/* request the line masked, so that only intx_apply() unmasks it */
static int intx_on(struct riod_stub_func *fn)
{
	struct riod_stub_irq *irq = &fn->irq;
	bool exclusive = !pci_intx_mask_supported(fn->pdev);
	unsigned int line = fn->pdev->irq;
	int ret;

	irq->masked = false;
	irq->hw_masked = true;
	/* the interrupt controller masks the line then, and must do so at once */
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
 * riod_stub_intx_set_line() - mask or restore the line around a D3hot transition
 * @fn: function
 * @open: false: mask it, as the device may lose its command register; true: restore it
 *	from @hw_masked, which records masking and unmasking in between
 */
void riod_stub_intx_set_line(struct riod_stub_func *fn, bool open)
{
	unsigned long flags;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	if (fn->irq.on && fn->irq.index == RIOD_IRQ_INTX && pci_intx_mask_supported(fn->pdev))
		pci_intx(fn->pdev, open && !fn->irq.hw_masked);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/* the peer masks the line, or unmasks it for the next interrupt */
void riod_stub_intx_mask(struct riod_stub_func *fn, bool masked)
{
	unsigned long flags;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	fn->irq.masked = masked;
	intx_apply(fn);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/* follow the peer's PCI_COMMAND_INTX_DISABLE bit */
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

/* allocate @count vectors; MSI-X with dynamic allocation: only the first one */
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
	/* vector 0 stays allocated while MSI-X is enabled */
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
 * Disable MSI-X and enable it again with @count vectors, or, if there are not enough,
 * with as many as before.  Interrupts in between are lost, so report every vector that
 * stays as fired: drivers tolerate a spurious interrupt.
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
	/* freeing the vectors has enabled INTx, which has no handler */
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
	/* the previous vectors could not be restored: the caller turns all off */
	if (err < 0)
		irq->nalloc = 0;
	return ret < 0 ? ret : min(err, 0);
}

static bool setup_wants(const struct riod_wire_irq_setup *s, unsigned int i)
{
	return i < le16_to_cpu(s->count) && s->bitmap[i / 8] >> (i % 8) & 1;
}

/* number of vectors up to the last requested one, at least 1 */
static unsigned int setup_span(const struct riod_wire_irq_setup *s)
{
	unsigned int i = le16_to_cpu(s->count);

	while (i > 1 && !setup_wants(s, i - 1))
		i--;
	return i;
}

/*
 * Leave vectors that stay requested alone: they may fire meanwhile.  On failure,
 * release the new vectors and keep the others.
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
	/* mask the line before its handler is freed: others may share it */
	if (!on)
		fn->irq.masked = true;
	else
		fn->irq.on = true;
	intx_apply(fn);
	fn->irq.on = on;
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/* no interrupts are set up: mask the line, which freeing MSI vectors may have enabled */
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
 * The PCI core writes the MSI-X table when it allocates or frees vectors, and a device
 * decodes its BARs in D0 only.  Bus master stays clear: for the peer the function is
 * still in D3hot.
 * Return: the power state for irq_sleep() to restore.
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
 * riod_stub_irq_off() - tear down interrupts of any type
 * @fn: function; the caller holds @fn->lock
 *
 * No handler runs afterwards, and interrupts that were not sent are dropped.
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

/* @count: MSI: number of vectors, fixed while enabled; MSI-X: size of the first allocation */
static int irq_begin(struct riod_stub_func *fn, u8 index, unsigned int count)
{
	int ret;

	/* already set up: the caller only changes vectors */
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
 * riod_stub_irq_setup() - handle an IRQ_SETUP frame: replace the interrupt set-up
 * @fn: function; the caller holds @fn->lock
 * @s: frame, validated
 *
 * After a failure only vectors remain that were set up before with the same type and
 * were requested again.  If the function has fewer vectors than @s, none remain.
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

/* begin a new epoch after a reset; interrupts are off */
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

/* take the bits with their epoch and index, which change under @cmd_lock only */
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
 * riod_stub_irq_gather() - create an IRQ frame for the vectors that fired
 * @fn: function
 * @events: list that the frame is added to; unchanged if no vector fired
 *
 * Pump.
 * Return: 0, or -ENOMEM, and the vectors stay pending.
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

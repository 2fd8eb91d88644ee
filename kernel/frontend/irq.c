// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a function, as the VFIO user sets them up
 *
 * An IRQ frame signals the eventfd that the user set for the vector.  Each change of
 * the set-up sends the whole of it to the stub: the number of vectors, and the set of
 * those that have an eventfd.
 *
 * INTx is level-triggered: the stub masks it when it fires and sends it once.
 * INTX_UNMASK, which follows all earlier register writes in the stream, lets it
 * fire again if it is still asserted.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#include "frontend.h"

void riod_fe_irq_init(struct riod_fe_irq *irq)
{
	mutex_init(&irq->gate);
	mutex_init(&irq->line);
	spin_lock_init(&irq->lock);
	irq->index = RIOD_FE_IRQ_NONE;
}

/* number of interrupts of a VFIO index */
unsigned int riod_fe_irq_count(struct riod_fe_func *fn, u32 index)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return fn->nintx ? 1 : 0;
	case VFIO_PCI_MSI_IRQ_INDEX:
		return fn->cfg.msi_cap ? fn->nmsi : 0;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return fn->cfg.msix_cap ? fn->nmsix : 0;
	case VFIO_PCI_ERR_IRQ_INDEX:
		return fn->cfg.exp_cap ? 1 : 0;
	case VFIO_PCI_REQ_IRQ_INDEX:
		return 1;
	default:
		return 0;
	}
}

/* ------------------------------------------------------------ set-up at the stub */

static int irq_send(struct riod_fe_func *fn, u8 index, u16 count)
{
	struct riod_fe_irq *irq = &fn->irq;
	struct riod_wire_irq_setup *s;
	struct riod_frame *f;
	unsigned int i;

	lockdep_assert_held(&irq->gate);
	f = riod_frame_alloc(RIOD_FRAME_IRQ_SETUP, fn->num,
			     struct_size(s, bitmap, DIV_ROUND_UP(count, 8)), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	s = (void *)f->body;
	s->index = index;
	s->count = cpu_to_le16(count);
	/* triggers change under the gate only, so reading them does not need @lock */
	for (i = 0; i < count; i++) {
		if (irq->triggers[i])
			s->bitmap[i / 8] |= BIT(i % 8);
	}
	return riod_link_request(fn->att->link, f, NULL);
}

int riod_fe_irq_resend(struct riod_fe_func *fn)
{
	struct riod_fe_irq *irq = &fn->irq;
	int ret;

	ret = mutex_lock_killable(&irq->gate);
	if (ret)
		return ret;
	if (irq->index != RIOD_FE_IRQ_NONE) {
		spin_lock(&irq->lock);
		irq->masked = false;
		irq->raised = false;
		irq->missed = false;
		spin_unlock(&irq->lock);
		ret = irq_send(fn, irq->index, irq->count);
	}
	mutex_unlock(&irq->gate);
	return ret;
}

/* ------------------------------------------------------------ triggers */

static void trigger_set(struct riod_fe_irq *irq, struct eventfd_ctx **slot,
			struct eventfd_ctx *ctx)
{
	struct eventfd_ctx *old;

	spin_lock(&irq->lock);
	old = *slot;
	*slot = ctx;
	spin_unlock(&irq->lock);
	if (old)
		eventfd_ctx_put(old);
}

/* as trigger_set(), for ERR and REQ: what the loss signalled, a later eventfd gets at once */
static void trigger_set_single(struct riod_fe_irq *irq, struct eventfd_ctx **slot,
			       struct eventfd_ctx *ctx)
{
	struct eventfd_ctx *old;

	spin_lock(&irq->lock);
	old = *slot;
	*slot = ctx;
	if (ctx && (slot == &irq->err ? irq->err_due : irq->req_due))
		eventfd_signal(ctx);
	spin_unlock(&irq->lock);
	if (old)
		eventfd_ctx_put(old);
}

static void trigger_signal(struct riod_fe_irq *irq, struct eventfd_ctx **slot)
{
	spin_lock(&irq->lock);
	if (*slot)
		eventfd_signal(*slot);
	spin_unlock(&irq->lock);
}

/* the eventfd behind @fd, with a reference; NULL for -1, which removes it */
static struct eventfd_ctx *trigger_get(int fd)
{
	if (fd < -1)
		return ERR_PTR(-EINVAL);
	return fd < 0 ? NULL : eventfd_ctx_fdget(fd);
}

/* ------------------------------------------------------------ on and off */

/* disable INTx, MSI or MSI-X at the frontend */
static void irq_disable(struct riod_fe_irq *irq)
{
	struct eventfd_ctx **triggers;
	unsigned int i, max;

	lockdep_assert_held(&irq->gate);
	vfio_virqfd_disable(&irq->unmask);
	spin_lock(&irq->lock);
	triggers = irq->triggers;
	max = irq->max;
	irq->triggers = NULL;
	irq->max = 0;
	irq->index = RIOD_FE_IRQ_NONE;
	irq->count = 0;
	irq->masked = false;
	irq->raised = false;
	irq->missed = false;
	irq->msi_pending = 0;
	spin_unlock(&irq->lock);
	if (!triggers)
		return;
	for (i = 0; i < max; i++) {
		if (triggers[i])
			eventfd_ctx_put(triggers[i]);
	}
	kvfree(triggers);
}

static int irq_enable(struct riod_fe_func *fn, u8 index, u16 count)
{
	struct riod_fe_irq *irq = &fn->irq;
	unsigned int max = riod_fe_irq_count(fn, index);
	struct eventfd_ctx **triggers;

	lockdep_assert_held(&irq->gate);
	triggers = kvcalloc(max, sizeof(*triggers), GFP_KERNEL_ACCOUNT);
	if (!triggers)
		return -ENOMEM;
	spin_lock(&irq->lock);
	irq->triggers = triggers;
	irq->max = max;
	irq->index = index;
	irq->count = count;
	irq->masked = false;
	spin_unlock(&irq->lock);
	return 0;
}

static int irq_off(struct riod_fe_func *fn)
{
	u8 index = fn->irq.index;

	irq_disable(&fn->irq);
	/* nothing is delivered from here on, so ignore a failure */
	irq_send(fn, index, 0);
	return 0;
}

/*
 * Disable interrupts at the device.  Called by the work item of the last close, which
 * waits killably and gets no signals.
 */
void riod_fe_irq_quiet(struct riod_fe_func *fn)
{
	WARN_ON_ONCE(mutex_lock_killable(&fn->irq.gate));
	irq_send(fn, RIOD_IRQ_INTX, 0);
	mutex_unlock(&fn->irq.gate);
}

void riod_fe_irq_clear(struct riod_fe_func *fn)
{
	struct riod_fe_irq *irq = &fn->irq;

	mutex_lock(&irq->gate);
	irq_disable(irq);
	trigger_set(irq, &irq->err, NULL);
	trigger_set(irq, &irq->req, NULL);
	mutex_unlock(&irq->gate);
}

static void irq_clear_block(struct riod_fe_irq *irq, unsigned int start,
			    unsigned int count)
{
	while (count--)
		trigger_set(irq, &irq->triggers[start++], NULL);
}

/* set eventfds; 1 if the set of vectors that have one changed, 0 if not, or -errno */
static int irq_take_fds(struct riod_fe_irq *irq, unsigned int start,
			unsigned int count, const s32 *fds)
{
	struct eventfd_ctx *ctx;
	bool changed = false;
	unsigned int i;

	for (i = 0; i < count; i++) {
		struct eventfd_ctx **slot = &irq->triggers[start + i];

		changed |= !*slot != (fds[i] < 0);
		ctx = trigger_get(fds[i]);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
		trigger_set(irq, slot, ctx);
	}
	return changed;
}

/* signal INTx; it stays masked until the guest has handled it */
static bool intx_fire(struct riod_fe_irq *irq)
{
	lockdep_assert_held(&irq->lock);
	if (!irq->max || !irq->triggers[0])
		return false;
	irq->masked = true;
	eventfd_signal(irq->triggers[0]);
	return true;
}

/*
 * Signal an interrupt that a profile raised; true if it was.  While INTx is masked or
 * disabled or has no eventfd, it stays raised: the device is not involved, so nobody
 * would send it again.
 */
static bool intx_fire_raised(struct riod_fe_func *fn)
{
	struct riod_fe_irq *irq = &fn->irq;

	lockdep_assert_held(&irq->lock);
	if (!irq->raised || irq->masked || irq->index != RIOD_IRQ_INTX)
		return false;
	if (riod_cfg_command(&fn->cfg) & PCI_COMMAND_INTX_DISABLE)
		return false;
	irq->raised = !intx_fire(irq);
	return !irq->raised;
}

/*
 * If INTx fired while there was no eventfd, signal the new one: the stub has masked the
 * line, and a user that was not signalled does not unmask it.  The same for an interrupt
 * that a profile raised, for which the line is not masked.
 */
static void intx_catch_up(struct riod_fe_func *fn)
{
	struct riod_fe_irq *irq = &fn->irq;
	bool fired;

	spin_lock(&irq->lock);
	if (irq->missed && irq->index == RIOD_IRQ_INTX && irq->triggers[0]) {
		irq->missed = false;
		eventfd_signal(irq->triggers[0]);
	}
	fired = intx_fire_raised(fn);
	spin_unlock(&irq->lock);
	if (fired)
		atomic64_inc(&fn->att->stats.raised);
}

/*
 * Set or remove the eventfds of vectors @start to @start + @count - 1, and inform
 * the stub if its set-up changes.  An interrupt may arrive before the reply, so the
 * eventfds are set first.  After a failure none of these vectors has one, and if no
 * interrupts were enabled before, none are now.
 */
static int irq_set_block(struct riod_fe_func *fn, u8 index, unsigned int start,
			 unsigned int count, const s32 *fds)
{
	struct riod_fe_irq *irq = &fn->irq;
	bool fresh = irq->index == RIOD_FE_IRQ_NONE;
	unsigned int end = start + count;
	int ret = 0;

	lockdep_assert_held(&irq->gate);
	if (fresh)
		ret = irq_enable(fn, index, end);
	if (ret)
		return ret;
	ret = irq_take_fds(irq, start, count, fds);
	if (ret > 0 || (!ret && (fresh || end > irq->count)))
		ret = irq_send(fn, index, max_t(unsigned int, irq->count, end));
	/* after the end of the session every set-up succeeds */
	if (!ret || ret == -ENOTCONN) {
		irq->count = max_t(unsigned int, irq->count, end);
		intx_catch_up(fn);
		return 0;
	}
	irq_clear_block(irq, start, count);
	if (fresh)
		irq_disable(irq);
	return ret;
}

/* DATA_NONE and DATA_BOOL: signal as if the vectors had fired (loopback tests) */
static int irq_fire(struct riod_fe_irq *irq, const struct vfio_irq_set *hdr,
		    const u8 *bools)
{
	unsigned int i;

	for (i = 0; i < hdr->count && hdr->start + i < irq->count; i++) {
		if (!(hdr->flags & VFIO_IRQ_SET_DATA_BOOL) || bools[i])
			trigger_signal(irq, &irq->triggers[hdr->start + i]);
	}
	return 0;
}

/* VFIO_IRQ_SET_ACTION_TRIGGER of INTx, MSI and MSI-X */
static int irq_set_trigger(struct riod_fe_func *fn, const struct vfio_irq_set *hdr,
			   void *data)
{
	struct riod_fe_irq *irq = &fn->irq;
	bool mine = irq->index == hdr->index;
	int ret;

	if (mine && !hdr->count && hdr->flags & VFIO_IRQ_SET_DATA_NONE)
		return irq_off(fn);
	if (!mine && irq->index != RIOD_FE_IRQ_NONE)
		return -EINVAL;
	if (hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		/* the number of MSI vectors is fixed when MSI is enabled */
		if (mine && hdr->index == VFIO_PCI_MSI_IRQ_INDEX &&
		    hdr->start + hdr->count > irq->count)
			return -EINVAL;
		if (!hdr->count)
			return -EINVAL;
		ret = irq_set_block(fn, hdr->index, hdr->start, hdr->count, data);
		/* as in vfio-pci, propose fewer vectors; QEMU retries with this number */
		if (ret == -EIO && !mine && hdr->index == VFIO_PCI_MSI_IRQ_INDEX &&
		    hdr->count > 1)
			ret = hdr->count / 2;
		return ret;
	}
	if (!mine)
		return -EINVAL;
	return irq_fire(irq, hdr, data);
}

/* ------------------------------------------------------------ INTx */

/* an interrupt that a profile raised goes first; the device's waits for the next unmask */
static void intx_unmask(struct riod_fe_func *fn)
{
	struct riod_fe_irq *irq = &fn->irq;
	bool was, again;

	mutex_lock(&irq->line);
	spin_lock(&irq->lock);
	was = irq->masked && irq->index == RIOD_IRQ_INTX;
	irq->masked = false;
	irq->missed = false;
	again = intx_fire_raised(fn);
	spin_unlock(&irq->lock);
	if (again)
		atomic64_inc(&fn->att->stats.raised);
	else if (was)
		riod_fe_ctl_post(fn, RIOD_CTL_INTX_UNMASK);
	mutex_unlock(&irq->line);
}

static void intx_mask(struct riod_fe_func *fn)
{
	struct riod_fe_irq *irq = &fn->irq;
	bool was;

	mutex_lock(&irq->line);
	spin_lock(&irq->lock);
	was = irq->masked;
	irq->masked = true;
	spin_unlock(&irq->lock);
	if (!was)
		riod_fe_ctl_post(fn, RIOD_CTL_INTX_MASK);
	mutex_unlock(&irq->line);
}

/* under the eventfd's wait queue lock: 1 queues intx_unmask_work(), which may sleep */
static int intx_unmask_wake(void *opaque, void *data)
{
	return 1;
}

static void intx_unmask_work(void *opaque, void *data)
{
	intx_unmask(opaque);
}

static int intx_set_unmask(struct riod_fe_func *fn, const struct vfio_irq_set *hdr,
			   void *data)
{
	struct riod_fe_irq *irq = &fn->irq;

	if (irq->index != VFIO_PCI_INTX_IRQ_INDEX || hdr->start || hdr->count != 1)
		return -EINVAL;
	if (hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		s32 fd = *(s32 *)data;

		if (fd >= 0)
			return vfio_virqfd_enable(fn, intx_unmask_wake, intx_unmask_work,
						  NULL, &irq->unmask, fd);
		vfio_virqfd_disable(&irq->unmask);
		return 0;
	}
	if (hdr->flags & VFIO_IRQ_SET_DATA_NONE || *(u8 *)data)
		intx_unmask(fn);
	return 0;
}

static int intx_set_mask(struct riod_fe_func *fn, const struct vfio_irq_set *hdr,
			 void *data)
{
	if (fn->irq.index != VFIO_PCI_INTX_IRQ_INDEX || hdr->start || hdr->count != 1)
		return -EINVAL;
	/* as vfio-pci */
	if (hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		return -ENOTTY;
	if (hdr->flags & VFIO_IRQ_SET_DATA_NONE || *(u8 *)data)
		intx_mask(fn);
	return 0;
}

/*
 * As in vfio-pci, clearing "INTx disable" unmasks: a guest that masks with that bit
 * never signals the unmask eventfd.
 */
void riod_fe_irq_intx_enabled(struct riod_fe_func *fn)
{
	intx_unmask(fn);
}

/* ------------------------------------------------------------ MSI mask bits */

/* PCI 3.0 6.8.1.7: a masked vector is not signalled, but pending until it is unmasked */
void riod_fe_irq_msi_mask(struct riod_fe_func *fn, u32 mask)
{
	struct riod_fe_irq *irq = &fn->irq;
	unsigned long fire;
	unsigned int i;

	spin_lock(&irq->lock);
	irq->msi_mask = mask;
	fire = irq->msi_pending & ~mask;
	irq->msi_pending &= mask;
	for_each_set_bit(i, &fire, 32) {
		if (i < irq->max && irq->triggers[i])
			eventfd_signal(irq->triggers[i]);
	}
	spin_unlock(&irq->lock);
	atomic64_add(hweight32(fire), &fn->att->stats.irqs);
}

u32 riod_fe_irq_msi_pending(struct riod_fe_func *fn)
{
	return READ_ONCE(fn->irq.msi_pending);
}

void riod_fe_irq_msi_reset(struct riod_fe_func *fn)
{
	spin_lock(&fn->irq.lock);
	fn->irq.msi_mask = 0;
	fn->irq.msi_pending = 0;
	spin_unlock(&fn->irq.lock);
}

/* ------------------------------------------------------------ ERR, REQ */

static int irq_set_single(struct riod_fe_irq *irq, struct eventfd_ctx **slot,
			  const struct vfio_irq_set *hdr, void *data)
{
	struct eventfd_ctx *ctx;

	if (hdr->start || hdr->count > 1)
		return -EINVAL;
	if (hdr->flags & VFIO_IRQ_SET_DATA_NONE) {
		if (!*slot)
			return -EINVAL;
		if (hdr->count)
			trigger_signal(irq, slot);
		else
			trigger_set(irq, slot, NULL);
		return 0;
	}
	if (!hdr->count)
		return -EINVAL;
	if (hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		ctx = trigger_get(*(s32 *)data);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
		trigger_set_single(irq, slot, ctx);
	} else if (*(u8 *)data) {
		trigger_signal(irq, slot);
	}
	return 0;
}

/* ------------------------------------------------------------ VFIO_DEVICE_SET_IRQS */

static int irq_set(struct riod_fe_func *fn, const struct vfio_irq_set *hdr, void *data)
{
	u32 action = hdr->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	struct riod_fe_irq *irq = &fn->irq;

	if (hdr->index == VFIO_PCI_INTX_IRQ_INDEX) {
		if (action == VFIO_IRQ_SET_ACTION_MASK)
			return intx_set_mask(fn, hdr, data);
		if (action == VFIO_IRQ_SET_ACTION_UNMASK)
			return intx_set_unmask(fn, hdr, data);
	}
	if (action != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTTY;
	switch (hdr->index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
	case VFIO_PCI_MSI_IRQ_INDEX:
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return irq_set_trigger(fn, hdr, data);
	case VFIO_PCI_ERR_IRQ_INDEX:
		return irq_set_single(irq, &irq->err, hdr, data);
	case VFIO_PCI_REQ_IRQ_INDEX:
		return irq_set_single(irq, &irq->req, hdr, data);
	default:
		return -ENOTTY;
	}
}

/**
 * riod_fe_irq_set() - VFIO_DEVICE_SET_IRQS
 * @fn: function
 * @hdr: checked by vfio_set_irqs_validate_and_prepare()
 * @data: data that follows it, of the length that was computed there
 *
 * If the set-up at the stub changes, waits for the peer, killably.
 */
int riod_fe_irq_set(struct riod_fe_func *fn, const struct vfio_irq_set *hdr, void *data)
{
	int ret;

	ret = mutex_lock_killable(&fn->irq.gate);
	if (ret)
		return ret;
	ret = irq_set(fn, hdr, data);
	mutex_unlock(&fn->irq.gate);
	return ret;
}

/* ------------------------------------------------------------ delivery */

/*
 * Called by the receive thread.  Everything that the device wrote before is in guest
 * memory: the cut that carried it was applied first (rule 2).  Interrupts from before
 * a reset are stale.
 */
void riod_fe_irq_frame(struct riod_fe_func *fn, const struct riod_wire_irq *w)
{
	struct riod_fe_irq *irq = &fn->irq;
	unsigned int i, n = 0;

	if (le32_to_cpu(w->epoch) != READ_ONCE(fn->epoch))
		return;
	spin_lock(&irq->lock);
	for (i = 0; i < le16_to_cpu(w->count); i++) {
		u16 vector = le16_to_cpu(w->vectors[i]);

		if (w->index != irq->index || vector >= irq->max)
			continue;
		/* the stub has masked the line, whether or not there is an eventfd */
		if (w->index == RIOD_IRQ_INTX) {
			if (irq->masked)
				continue;
			irq->masked = true;
			irq->missed = !irq->triggers[vector];
		}
		if (!irq->triggers[vector])
			continue;
		if (w->index == RIOD_IRQ_MSI && irq->msi_mask & BIT(vector)) {
			irq->msi_pending |= BIT(vector);
			continue;
		}
		eventfd_signal(irq->triggers[vector]);
		n++;
	}
	spin_unlock(&irq->lock);
	atomic64_add(n, &fn->att->stats.irqs);
}

/**
 * riod_fe_irq_raise() - a profile raises an interrupt (rule 11, kicks)
 * @fn: function
 * @vector: MSI-X vector; ignored if the guest uses INTx
 *
 * If the device asserts INTx, too, the stub sends it again when the guest unmasks.
 */
void riod_fe_irq_raise(struct riod_fe_func *fn, u16 vector)
{
	struct riod_fe_irq *irq = &fn->irq;
	bool fired = false;

	spin_lock(&irq->lock);
	if (irq->index == RIOD_IRQ_INTX) {
		irq->raised = true;
		fired = intx_fire_raised(fn);
	} else if (irq->index == RIOD_IRQ_MSIX && vector < irq->max && irq->triggers[vector]) {
		eventfd_signal(irq->triggers[vector]);
		fired = true;
	}
	spin_unlock(&irq->lock);
	if (fired)
		atomic64_inc(&fn->att->stats.raised);
}

/* ask the user to release the device */
void riod_fe_irq_request(struct riod_fe_func *fn)
{
	trigger_signal(&fn->irq, &fn->irq.req);
}

/**
 * riod_fe_irq_lost() - signal the end of the session
 * @fn: function
 * @reason: why it ended
 * @own: this host wanted it: a forced detach, shutdown or suspend
 *
 * REQ asks the user to release the device.  ERR is for users that an error of the device
 * has to stop (QEMU stops the VM): vfio-pci signals it when a local device reports an error.
 * An eventfd that is set later is signalled then.
 */
void riod_fe_irq_lost(struct riod_fe_func *fn, enum riod_reason reason, bool own)
{
	struct riod_fe_irq *irq = &fn->irq;
	bool error = reason == RIOD_REASON_ERROR;

	if (fn->att->on_loss == RIOD_ON_LOSS_ERROR && !own)
		error = true;
	spin_lock(&irq->lock);
	irq->req_due = true;
	irq->err_due = error;
	if (irq->req)
		eventfd_signal(irq->req);
	if (irq->err && error)
		eventfd_signal(irq->err);
	spin_unlock(&irq->lock);
}

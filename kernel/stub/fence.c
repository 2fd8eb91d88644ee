// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stopping a device whose peer is gone
 *
 * The order, and why the device never writes a page that was freed:
 *
 *  1. Bus mastering off, for all functions, at once, from wherever the session
 *     is ended (riod_link_ops.over): no frame that is worked on is waited for,
 *     nobody but the holder of a spinlock who accesses a few registers.
 *     @fenced is set under the same lock, and riod_stub_func_set_master() looks
 *     at it there: either it came first, and what it turned on goes off here,
 *     or it comes later and refuses.  Nothing turns bus mastering on again
 *     while the attachment lives.  Other code of the kernel writes the command
 *     register in the course of interrupt set-up (pci_intx() reads, then
 *     writes) and could bring back a bit it had read before; it runs under
 *     @fn->lock only, and everyone who takes that calls
 *     riod_stub_refence_func() before giving it back.  In a reset, and on the
 *     way into D3hot and out, bus mastering is off from before until after,
 *     and the fence only sets @fenced (see @resetting).
 *     This is what is timed and told to users.
 *  2. Interrupts off, under @fn->lock, from riod_link_ops.lost: no handler runs
 *     after this, and a set-up that comes late finds @fenced.  It comes behind
 *     the frame that is worked on.  Until then a vector cannot fire: an MSI is
 *     a write of the device's, which 1 stopped.  The line can; its handler
 *     masks it, so it does so once, and once more if that frame unmasks it.
 *  3. The link's threads end: no frame maps a page any more.
 *  4. Each function is reset: what it still had in its queues is forgotten.
 *  5. Every mapping is taken out of the IOMMU.  iommu_unmap() returns when the
 *     IOTLB is flushed, and ATS is off, so that no translation lives outside
 *     the IOMMU: from here on the page is unreachable even for a device that
 *     ignored 1 and 4.  Only then
 *  6. pages are zeroed and freed, see riod_stub_dma_destroy().
 *  7. The domain goes, and its page tables with it.  The groups are in the IOMMU
 *     core's blocking domain from before it is freed until the next peer attaches.
 *
 * Of these, 5 before 6 is what safety rests on; the rest keeps a device from
 * working against unmapped memory, which would be logged as faults.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>

#include "stub.h"
#include "stub_trace.h"

/**
 * riod_stub_master_off() - bus mastering goes off, and is off at the device
 * @fn: function; the caller holds @fn->cmd_lock
 *
 * The answer to the read comes behind the write, and pushes ahead of itself what
 * the device wrote to memory before (PCIe 2.4.1).  Config space is accessed
 * under no lock but the PCI core's raw spinlock: any context.  It answers in
 * D3hot, too, and D3cold is kept away by the runtime PM reference of an open
 * function.
 */
void riod_stub_master_off(struct riod_stub_func *fn)
{
	u16 cmd;

	lockdep_assert_held(&fn->cmd_lock);
	pci_clear_master(fn->pdev);
	pci_read_config_word(fn->pdev, PCI_COMMAND, &cmd);
}

/**
 * riod_stub_fence_hold() - keep the fence away from the command register
 * @fn: function; the caller holds @fn->lock
 * @held: begin or end
 *
 * For as long as the device may not answer: a fence would misread the register,
 * and write back what it misread.  Bus mastering goes off before and stays off,
 * so the fence has nothing to write; it sets @fenced all the same.
 */
void riod_stub_fence_hold(struct riod_stub_func *fn, bool held)
{
	unsigned long flags;

	lockdep_assert_held(&fn->lock);
	spin_lock_irqsave(&fn->cmd_lock, flags);
	if (held)
		riod_stub_master_off(fn);
	fn->resetting = held;
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/**
 * riod_stub_refence_func() - see to it that a fenced function stays so
 * @fn: function
 *
 * Does nothing unless it is fenced.  Any context.
 */
void riod_stub_refence_func(struct riod_stub_func *fn)
{
	unsigned long flags;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	if (fn->fenced && !fn->resetting)
		riod_stub_master_off(fn);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

/**
 * riod_stub_fence_func() - a function's bus mastering goes off, for good
 * @fn: function
 *
 * Until the next riod_stub_func_open().  Any context.
 */
void riod_stub_fence_func(struct riod_stub_func *fn)
{
	unsigned long flags;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	/* some look at it without the lock, to save themselves trouble */
	WRITE_ONCE(fn->fenced, true);
	if (!fn->resetting)
		riod_stub_master_off(fn);
	/* inside the lock: traces come in the order of the writes */
	trace_riod_stub_master(pci_name(fn->pdev), false);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

static u64 fence_elapsed(struct riod_stub_att *att)
{
	return ktime_get_ns() - atomic64_read(&att->lost_ns);
}

/**
 * riod_stub_fence_begin() - step 1: bus mastering off
 * @att: attachment
 * @reason: why
 *
 * May be called by several at once; when it returns bus mastering is off, no
 * matter who was first.  Any context; takes cmd_lock of each function in turn
 * and nothing else.
 *
 * The time that it takes is what users are told: from its first call to the
 * moment when somebody has found, or made, bus mastering off everywhere.
 */
void riod_stub_fence_begin(struct riod_stub_att *att, enum riod_reason reason)
{
	unsigned int i;

	if (!atomic64_cmpxchg(&att->lost_ns, 0, ktime_get_ns())) {
		WRITE_ONCE(att->exp->lost, reason != RIOD_REASON_DETACH);
		trace_riod_stub_lost(att->exp->name, reason);
		trace_riod_stub_fence_begin(att->exp->name, fence_elapsed(att));
	}
	for (i = 0; i < att->nopen; i++)
		riod_stub_fence_func(att->exp->funcs[i]);
	/* 0 is for an export that was never fenced */
	if (!test_and_set_bit(RIOD_STUB_ATT_FENCED, &att->flags))
		WRITE_ONCE(att->exp->fence_ns, max(fence_elapsed(att), 1ULL));
}

/**
 * riod_stub_fence_finish() - step 2: interrupts off
 * @att: attachment after riod_stub_fence_begin(); called once for each
 *
 * Waits for an operation on a function that is under way, a reset at the most.
 * Bus mastering is off at that time.
 */
void riod_stub_fence_finish(struct riod_stub_att *att)
{
	struct riod_stub_export *exp = att->exp;
	struct riod_stub_func *fn;
	unsigned int i;

	for (i = 0; i < exp->nfuncs; i++) {
		fn = exp->funcs[i];
		mutex_lock(&fn->lock);
		riod_stub_irq_off(fn);
		riod_stub_refence_func(fn);
		mutex_unlock(&fn->lock);
	}
	trace_riod_stub_fence_done(exp->name, fence_elapsed(att));
}

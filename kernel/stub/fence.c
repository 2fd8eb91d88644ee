// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stopping a device whose peer is gone
 *
 * The order, and why the device never writes a page that was freed:
 *
 *  1. Bus mastering off, for all functions, first thing, waiting for nobody but
 *     the holder of a spinlock who writes one register.  @fenced is set under
 *     the same lock, and riod_stub_func_set_master() looks at it there: nothing
 *     turns bus mastering on again while the attachment lives.  Other code of
 *     the kernel writes the command register in the course of interrupt set-up
 *     (pci_intx() reads, then writes) and could bring back a bit it had read
 *     before; it runs under @fn->lock only, and everyone who takes that calls
 *     riod_stub_refence_func() before giving it back.
 *  2. Interrupts off, under @fn->lock: no handler runs after this, and a set-up
 *     that comes late finds @fenced.  This is the end of what is timed.
 *  3. The link's threads end: no frame maps a page any more.
 *  4. Each function is reset: what it still had in its queues is forgotten.
 *  5. Every mapping is taken out of the IOMMU.  iommu_unmap() returns when the
 *     IOTLB is flushed, and ATS is off, so that no translation lives outside
 *     the IOMMU: from here on the page is unreachable even for a device that
 *     ignored 1 and 4.  Only then
 *  6. pages are zeroed and freed, see riod_stub_dma_destroy().
 *
 * Of these, 5 before 6 is what safety rests on; the rest keeps a device from
 * working against unmapped memory, which would be logged as faults.
 */
#include <linux/ktime.h>
#include <linux/pci.h>

#include "stub.h"
#include "stub_trace.h"

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
		pci_clear_master(fn->pdev);
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
	fn->fenced = true;
	if (!fn->resetting)
		pci_clear_master(fn->pdev);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
	trace_riod_stub_master(pci_name(fn->pdev), false);
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
 * matter who was first.  Does not sleep.
 */
void riod_stub_fence_begin(struct riod_stub_att *att, enum riod_reason reason)
{
	unsigned int i;

	if (!atomic64_cmpxchg(&att->lost_ns, 0, ktime_get_ns())) {
		trace_riod_stub_lost(att->exp->name, reason);
		trace_riod_stub_fence_begin(att->exp->name, fence_elapsed(att));
	}
	for (i = 0; i < att->nopen; i++)
		riod_stub_fence_func(att->exp->funcs[i]);
}

/**
 * riod_stub_fence_finish() - step 2: interrupts off
 * @att: attachment after riod_stub_fence_begin(); called once for each
 *
 * Waits for an operation on a function that is under way, a reset at the most.
 */
void riod_stub_fence_finish(struct riod_stub_att *att)
{
	struct riod_stub_export *exp = att->exp;
	struct riod_stub_func *fn;
	unsigned int i;
	u64 ns;

	for (i = 0; i < exp->nfuncs; i++) {
		fn = exp->funcs[i];
		mutex_lock(&fn->lock);
		riod_stub_irq_off(fn);
		riod_stub_refence_func(fn);
		mutex_unlock(&fn->lock);
	}
	ns = fence_elapsed(att);
	trace_riod_stub_fence_done(exp->name, ns);
	WRITE_ONCE(exp->fence_ns, ns);
}

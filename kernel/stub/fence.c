// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fence: stop the device at the end of a session
 *
 * The steps, and why the device never writes a page that was freed:
 *
 *  1. Clear bus master of all functions, in the context that ends the session
 *     (riod_link_ops.over).  This does not wait for the frame in progress, only
 *     for @cmd_lock, which is held for a few register accesses.  @fenced is set
 *     under @cmd_lock, where riod_stub_func_set_master() tests it: if that ran
 *     first, this step clears the bit that it set; if it runs later, it refuses.
 *     Nothing sets bus master again while the attachment lives.  Interrupt set-up
 *     makes the PCI core read, modify and write the command register (pci_intx()),
 *     which could restore a bit read before the fence.  That runs under @fn->lock
 *     only, and every holder of @fn->lock calls riod_stub_refence_func() before
 *     unlocking.  During a reset or a transition into or out of D3hot, bus master
 *     is clear throughout, and the fence only sets @fenced (see @resetting).
 *     The fence time that users see is the duration of this step.
 *  2. Tear down interrupts under @fn->lock, from riod_link_ops.lost, after the
 *     frame in progress.  No handler runs afterwards, and a later set-up finds
 *     @fenced.  Until then MSI and MSI-X cannot fire, because they are writes of
 *     the device, which step 1 stopped.  INTx can: its handler masks the line, so
 *     it fires once, and once more if the frame in progress unmasks it.
 *  3. The link's threads end: no frame maps a page after this.
 *  4. Reset each function, which discards the work in its queues.
 *  5. Remove all mappings from the IOMMU.  iommu_unmap() flushes the IOTLB before
 *     it returns, and ATS is off, so no translation is cached outside the IOMMU:
 *     the pages are now unreachable even for a device that ignored steps 1 and 4.
 *  6. Zero and free the pages, see riod_stub_dma_destroy().
 *  7. Free the domain with its page tables.  The groups are in the IOMMU core's
 *     blocking domain from before that until the next peer attaches.
 *
 * Safety rests on 5 before 6.  The other steps keep the device from accessing
 * unmapped memory, which would be logged as IOMMU faults.
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
 * riod_stub_master_off() - clear bus master and wait until the device has seen it
 * @fn: function; the caller holds @fn->cmd_lock
 *
 * The read's completion follows the write, and pushes the device's earlier memory
 * writes ahead of it (PCIe 2.4.1).  Config accesses take only the PCI core's raw
 * spinlock: any context.  Config space also responds in D3hot; the runtime PM
 * reference of an open function prevents D3cold.
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
 * @held: true to begin, false to end
 *
 * Used while the device may not respond: a fence would misread the register and
 * write back the wrong value.  Bus master is cleared at the beginning and stays
 * clear, so a fence needs no write; it still sets @fenced.
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
 * riod_stub_refence_func() - clear bus master again if the function is fenced
 * @fn: function
 *
 * Any context.
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
 * riod_stub_fence_func() - keep bus master clear until the next riod_stub_func_open()
 * @fn: function
 *
 * Any context.
 */
void riod_stub_fence_func(struct riod_stub_func *fn)
{
	unsigned long flags;

	spin_lock_irqsave(&fn->cmd_lock, flags);
	/* some readers test it without the lock, as an early exit */
	WRITE_ONCE(fn->fenced, true);
	if (!fn->resetting)
		riod_stub_master_off(fn);
	/* inside the lock, so that trace events have the order of the writes */
	trace_riod_stub_master(pci_name(fn->pdev), false);
	spin_unlock_irqrestore(&fn->cmd_lock, flags);
}

static u64 fence_elapsed(struct riod_stub_att *att)
{
	return ktime_get_ns() - atomic64_read(&att->lost_ns);
}

/**
 * riod_stub_fence_begin() - step 1: clear bus master of all functions
 * @att: attachment
 * @reason: reason of the session's end
 *
 * May run concurrently with itself; in each caller, bus master is clear when it
 * returns.  Any context; takes only @cmd_lock of one function at a time.
 *
 * Records the fence time: from the first call until one caller has seen, or made,
 * bus master clear in all functions.
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
	/* 0 means that the export was never fenced */
	if (!test_and_set_bit(RIOD_STUB_ATT_FENCED, &att->flags))
		WRITE_ONCE(att->exp->fence_ns, max(fence_elapsed(att), 1ULL));
}

/**
 * riod_stub_fence_finish() - step 2: tear down interrupts
 * @att: attachment after riod_stub_fence_begin(); called once per attachment
 *
 * Waits for an operation in progress on a function, at most a reset.  Bus master
 * is clear meanwhile.
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

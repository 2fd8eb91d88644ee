/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual functions on the VMM host
 *
 * Objects, and how long they live:
 *
 *   riod_fe_att     one attachment: a session, the functions of its export and the
 *                   IOVA space that they share.  Reference-counted: teardown
 *                   holds one from the start, each function's VFIO device and
 *                   each IOMMU domain one more.
 *   riod_fe_func    one function of the export, part of its attachment.  On the
 *                   bus from riod_fe_bridge_add() to riod_fe_bridge_remove().
 *   riod_fe_vdev    the VFIO device, from probe() to the last file closed
 *   riod_fe_domain  an IOMMU domain that VFIO allocated; may outlive the functions
 *   riod_fe_range   one map of a domain
 *   riod_fe_named   a page that a profile names, mapped or not
 *   riod_fe_batch   the pages of a range while the device may access them, and
 *                   until their UNMAP record has been sent
 *
 * Locks, outermost first.  Documentation/locking-frontend.rst has the rest.
 *
 *   att_lock          mutex: the list of attachments.  Never together with the next.
 *   riod_fe_att.stop_lock  mutex: the link is stopped, or freed
 *   device lock       (driver core) of a function: binding of our driver, and the
 *                     ids that the function shows
 *   pci_lock_rescan_remove()  functions are added to the bus and removed from it
 *   riod_fe_func.cfg_lock  mutex: the config space the guest sees, and the command
 *                     bits last sent to the stub.  Held while waiting for the peer.
 *   riod_fe_func.irq.gate  mutex: interrupt set-up.  Held while waiting for the
 *                     peer.
 *   riod_fe_rom.lock  mutex: the copy of the expansion ROM.  Held while waiting for
 *                     the peer; taken alone.
 *   riod_fe_shadow.fetch, .lock  mutexes: pages of BARs that are memory.  The first is
 *                     held while waiting for the peer.
 *   riod_fe_dma.lock  mutex: ranges, names, pages and the MAP and UNMAP records to send.
 *                     Never held while waiting for the peer or for window space.
 *   (engine)          gate and lock of riod_sync
 *   riod_fe_att.event_lock  mutex: order of events; only innermost locks inside.
 *   riod_fe_att.state_lock  spinlock: state, reason, users.  Innermost.
 *   riod_fe_irq.lock  spinlock: eventfds to signal.  Innermost.
 *   bridge lock       raw spinlock: which function answers at which address,
 *                     and the config space that the host sees.  Innermost.
 */
#ifndef _RIOD_FRONTEND_H
#define _RIOD_FRONTEND_H

#include <linux/completion.h>
#include <linux/interval_tree.h>
#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "cfgspace.h"
#include "core.h"
#include "link.h"
#include "profile.h"

struct eventfd_ctx;
struct riod_fe_att;
struct riod_fe_domain;
struct riod_fe_func;

#define RIOD_FE_DRIVER		"riod_frontend"
#define RIOD_FE_LIMIT_DEFAULT	(64ull << 20)

/* ------------------------------------------------------------ irq.c */

/**
 * struct riod_fe_irq - interrupts of one function, as the VFIO user set them up
 * @gate: serialises set-up, and IRQ_SETUP is sent under it; outermost
 * @line: INTx: @masked changes, and the stub is sent the change, under it, so that changes
 *	are sent in order; inside @gate, never held while waiting
 * @lock: @index, @max, @triggers and the eventfds, @masked, @raised, @missed, @msi_mask,
 *	@msi_pending, @err, @req, @err_due, @req_due: the receive thread signals under it,
 *	so it is never held while waiting
 * @index: RIOD_IRQ_*, or RIOD_FE_IRQ_NONE
 * @count: number of enabled vectors; @gate
 * @max: entries of @triggers
 * @triggers: eventfd of each vector, or NULL
 * @masked: INTx: was delivered, or masked by the user, and has not been unmasked since
 * @raised: INTx: an interrupt of a profile waits until INTx is unmasked and enabled and
 *	has an eventfd
 * @missed: INTx: was delivered while there was no eventfd; @masked since
 * @msi_mask: MSI: vectors that the guest has masked in config space
 * @msi_pending: MSI: masked vectors that fired
 * @unmask: INTx: eventfd that unmasks (resample), or NULL; VFIO's own lock
 * @err: eventfd of the error interrupt
 * @req: eventfd that asks the user to release the device
 * @err_due: the session is over, and @err was signalled for it, or is when it is set
 * @req_due: likewise @req
 */
struct riod_fe_irq {
	struct mutex gate;	/* set-up, one at a time */
	struct mutex line;	/* INTx is masked or unmasked, one at a time */
	spinlock_t lock;	/* eventfds to signal */
	u8 index;
	u16 count;
	u16 max;
	struct eventfd_ctx **triggers;
	bool masked;
	bool raised;
	bool missed;
	u32 msi_mask;
	u32 msi_pending;
	struct virqfd *unmask;
	struct eventfd_ctx *err;
	struct eventfd_ctx *req;
	bool err_due;
	bool req_due;
};

#define RIOD_FE_IRQ_NONE	0xff

void riod_fe_irq_init(struct riod_fe_irq *irq);
unsigned int riod_fe_irq_count(struct riod_fe_func *fn, u32 index);
int riod_fe_irq_set(struct riod_fe_func *fn, const struct vfio_irq_set *hdr,
		    void *data);
/* disable all interrupts at the frontend only; the caller informs the stub */
void riod_fe_irq_clear(struct riod_fe_func *fn);
void riod_fe_irq_quiet(struct riod_fe_func *fn);
/* send the set-up to the stub again: the stub discards it in a reset */
int riod_fe_irq_resend(struct riod_fe_func *fn);
/* the guest cleared PCI_COMMAND_INTX_DISABLE */
void riod_fe_irq_intx_enabled(struct riod_fe_func *fn);
/* an IRQ frame arrived; receive thread */
void riod_fe_irq_frame(struct riod_fe_func *fn, const struct riod_wire_irq *w);
/* the guest changed the MSI mask bits */
void riod_fe_irq_msi_mask(struct riod_fe_func *fn, u32 mask);
/* the masked MSI vectors that have fired */
u32 riod_fe_irq_msi_pending(struct riod_fe_func *fn);
/* a reset clears the MSI mask and pending bits */
void riod_fe_irq_msi_reset(struct riod_fe_func *fn);
void riod_fe_irq_raise(struct riod_fe_func *fn, u16 vector);
void riod_fe_irq_request(struct riod_fe_func *fn);
void riod_fe_irq_lost(struct riod_fe_func *fn, enum riod_reason reason, bool own);

/* ------------------------------------------------------------ range.c, dma.c */

/**
 * enum riod_fe_record_kind - kind of a record to send to the stub
 * @RIOD_FE_RECORD_NONE: not queued
 * @RIOD_FE_RECORD_MAP: pages were mapped
 * @RIOD_FE_RECORD_UNMAP: pages were unmapped
 * @RIOD_FE_RECORD_TRANSFER: bytes move for a request (transfer.c)
 */
enum riod_fe_record_kind {
	RIOD_FE_RECORD_NONE,
	RIOD_FE_RECORD_MAP,
	RIOD_FE_RECORD_UNMAP,
	RIOD_FE_RECORD_TRANSFER,
};

/**
 * struct riod_fe_record - a map, an unmap or a transfer to send to the stub, in order
 * @node: on &riod_fe_dma.pending
 * @batch: batch of the pages; NULL: part of a struct riod_fe_transfer
 * @kind: &enum riod_fe_record_kind
 * @index: unmap: first page not sent yet
 * @npages: unmap: number of pages from @index
 */
struct riod_fe_record {
	struct list_head node;
	struct riod_fe_batch *batch;
	enum riod_fe_record_kind kind;
	u32 index;
	u32 npages;
};

/**
 * struct riod_fe_slot - one page of a batch
 * @unmap: record of an unmap that begins at this page; part of the batch, so
 *	that an unmap allocates nothing
 * @id: number of the page on the wire; 0 if it is not RAM, or not in the engine yet
 */
struct riod_fe_slot {
	struct riod_fe_record unmap;
	u64 id;
};

/**
 * struct riod_fe_batch - pages of one map
 * @map: record of the map
 * @iova: IOVA of the first slot's page
 * @pfn: page frame of the first slot
 * @prot: RIOD_PROT_*, and RIOD_MAP_* of pages that a profile has named
 * @lo: first page that is still mapped; only the ends are ever cut off
 * @hi: page behind the last one that is still mapped
 * @next: first page that is not in the engine yet and was not sent to the stub
 * @nrecords: records on &riod_fe_dma.pending
 * @nslots: number of pages
 * @slots: one for each page
 *
 * Freed when no page is mapped and no record is pending.
 */
struct riod_fe_batch {
	struct riod_fe_record map;
	u64 iova;
	unsigned long pfn;
	u32 prot;
	u32 lo;
	u32 hi;
	u32 next;
	u32 nrecords;
	u32 nslots;
	struct riod_fe_slot slots[] __counted_by(nslots);
};

/**
 * struct riod_fe_range - one map of a domain, or what is left of it
 * @it: first and last IOVA
 * @paddr: physical address of the first page
 * @prot: RIOD_PROT_*
 * @ram: it is memory; the engine never accesses other ranges (rule 15)
 * @multi: was mapped with more than one page, so a spare was put aside
 * @batch: its pages, while the device may access them; else NULL
 * @spare: on &riod_fe_domain.spares
 */
struct riod_fe_range {
	struct interval_tree_node it;
	phys_addr_t paddr;
	u32 prot;
	bool ram;
	bool multi;
	struct riod_fe_batch *batch;
	struct list_head spare;
};

/**
 * struct riod_fe_domain - IOMMU domain that VFIO maps into
 * @domain: for the IOMMU core
 * @att: its attachment; a reference
 * @ranges: struct riod_fe_range, by IOVA; under riod_fe_dma.lock, like all that follows
 * @nranges: number of @ranges
 * @nmulti: number of them that were mapped with more than one page
 * @spares: ranges put aside so that an unmap from the middle allocates nothing
 * @nspares: number of @spares
 * @bytes_ro: mapped bytes that the device may only read
 * @bytes_rw: mapped bytes that the device may write
 */
struct riod_fe_domain {
	struct iommu_domain domain;
	struct riod_fe_att *att;
	struct rb_root_cached ranges;
	unsigned long nranges;
	unsigned long nmulti;
	struct list_head spares;
	unsigned long nspares;
	u64 bytes_ro;
	u64 bytes_rw;
};

/**
 * struct riod_fe_dma - DMA of one attachment
 * @lock: all that follows, and every range of every domain of the attachment.
 *	A mutex: VFIO (type1 and iommufd) maps and unmaps from ioctls, under
 *	mutexes of its own, so that sleeping is legal; taken before the engine's
 *	locks.  Never held while waiting for the peer (rule 4, unmap is local).
 * @domain: domain that functions are attached to, or NULL.  They form one group, so
 *	there is never more than one, but the IOMMU core moves them one by one.
 * @attached: functions that are attached to @domain, one bit each; none: no domain
 * @want: functions whose bus master bit the guest has set, one bit each
 * @state: &enum riod_bus_master; ON: ranges of @domain are pages of the engine
 * @limit: mapped writable bytes above which bus mastering is not enabled
 * @peer_limit: bytes that the server host shadows at most; constant once the
 *	functions are on the bus
 * @lost: the session is over
 * @warned: the log says that bus mastering is held off
 * @anew: bus mastering was enabled, and profiles have not been informed yet
 * @exact: the profiles of all functions name what their devices access (named.c), and
 *	nothing else is entered; constant once the functions are on the bus
 * @named: I/O address >> PAGE_SHIFT to struct riod_fe_named
 * @nnamed: number of @named
 * @unproven: ON, but the last map was removed and the guest has not accessed a
 *	function since: no driver is known to run, so the limit still applies
 * @pages: page frame number to page number (rule 13, one shadow per page)
 * @next_id: next page number; numbers are never reused
 * @pending: struct riod_fe_record, in the order in which they are sent
 * @npending: number of @pending
 * @held: a cut finds no quiet: maps wait (rule 9).  Written by the pump, without @lock
 * @held_until: jiffies at which maps stop waiting for that cut; likewise
 * @released: maps that wait for @held to be cleared
 */
struct riod_fe_dma {
	struct mutex lock;	/* see above */
	struct riod_fe_domain *domain;
	unsigned long attached;
	unsigned long want;
	enum riod_bus_master state;
	u64 limit;
	u64 peer_limit;
	bool lost;
	bool warned;
	bool anew;
	bool unproven;
	bool exact;
	struct xarray named;
	u64 nnamed;
	struct xarray pages;
	u64 next_id;
	struct list_head pending;
	unsigned int npending;
	bool held;
	unsigned long held_until;
	wait_queue_head_t released;
};

int riod_fe_range_init(void);
void riod_fe_range_exit(void);
int riod_fe_range_map(struct riod_fe_domain *d, u64 iova, phys_addr_t paddr,
		      u32 npages, u32 prot, gfp_t gfp);
u64 riod_fe_range_unmap(struct riod_fe_domain *d, u64 iova, u64 last);
phys_addr_t riod_fe_range_lookup(struct riod_fe_domain *d, u64 iova);
void riod_fe_range_free_all(struct riod_fe_domain *d);
struct riod_fe_range *riod_fe_range_first(struct riod_fe_domain *d);
struct riod_fe_range *riod_fe_range_next(struct riod_fe_range *r);
struct riod_fe_range *riod_fe_range_find(struct riod_fe_domain *d, u64 iova);

void riod_fe_dma_init(struct riod_fe_dma *dma, u64 limit);
void riod_fe_dma_destroy(struct riod_fe_att *att);
void riod_fe_dma_hold(struct riod_fe_dma *dma, bool on);
void riod_fe_dma_give_way(struct riod_fe_dma *dma);
bool riod_fe_dma_enable(struct riod_fe_att *att, unsigned int func, bool access);
void riod_fe_dma_disable(struct riod_fe_att *att, unsigned int func);
void riod_fe_dma_attach(struct riod_fe_func *fn, struct riod_fe_domain *d);
void riod_fe_dma_lost(struct riod_fe_att *att);
void riod_fe_dma_revisit(struct riod_fe_att *att);
void riod_fe_dma_revisit_soon(struct riod_fe_att *att);
bool riod_fe_dma_is_ram(unsigned long pfn, u32 prot);
/* hooks of range.c; all under riod_fe_dma.lock */
int riod_fe_dma_mapped(struct riod_fe_domain *d, struct riod_fe_range *r, gfp_t gfp);
void riod_fe_dma_cut(struct riod_fe_domain *d, struct riod_fe_range *r,
		     u64 first, u64 last);
void riod_fe_dma_unmapped(struct riod_fe_domain *d);
struct riod_fe_batch *riod_fe_batch_new(struct riod_fe_att *att, u64 iova, unsigned long pfn,
					u32 prot, u32 n, gfp_t gfp);
void riod_fe_batch_cut(struct riod_fe_att *att, struct riod_fe_batch *b, u32 from, u32 to);
u64 riod_fe_dma_page_id(struct riod_fe_att *att, u64 iova);
void *riod_fe_dma_mem(struct riod_fe_att *att, u64 iova, size_t len, bool write);
int riod_fe_page_enter(struct riod_fe_att *att, struct riod_fe_batch *b, u32 i);
void riod_fe_batch_put(struct riod_fe_batch *b);

/* unmaps that may wait for the next cut before the pump is woken for them */
#define RIOD_FE_PENDING_MAX	64

/* named.c */
int riod_fe_name(struct riod_fe_att *att, u64 iova, u64 len, u32 class);
void riod_fe_unname(struct riod_fe_att *att, u64 iova, u64 len);
int riod_fe_named_enter(struct riod_fe_att *att, u64 first, u64 last, gfp_t gfp);
void riod_fe_named_leave(struct riod_fe_att *att, u64 first, u64 last);
u64 riod_fe_named_id(struct riod_fe_att *att, u64 iova);
u64 riod_fe_named_exact(struct riod_fe_att *att, u64 iova);
void riod_fe_named_free(struct riod_fe_att *att);

/* transfer.c */
int riod_fe_transfer(struct riod_fe_att *att, u8 func, u32 request, bool always,
		     const struct riod_profile_extent *extents, u32 n);
void riod_fe_transfer_forget(struct riod_fe_att *att, u8 func, u32 first, u32 last);
void riod_fe_transfer_free(struct riod_fe_record *r);
struct riod_frame *riod_fe_transfer_frame(struct riod_fe_att *att);

/* dma_send.c */
void riod_fe_record_queue(struct riod_fe_dma *dma, struct riod_fe_record *r,
			  struct riod_fe_batch *b, enum riod_fe_record_kind kind,
			  u32 index, u32 npages);
void riod_fe_record_drop(struct riod_fe_dma *dma, struct riod_fe_record *r);
void riod_fe_record_done(struct riod_fe_dma *dma, struct riod_fe_record *r);
void riod_fe_record_drop_all(struct riod_fe_dma *dma);
int riod_fe_dma_send(struct riod_fe_att *att);

/* ------------------------------------------------------------ shadow.c */

/**
 * struct riod_fe_shadow - memory BARs of one function that can be mapped
 * @bars: mask of these BARs; constant
 * @fetch: serialises fetching and freeing of pages; held while waiting for the
 *	peer, and through a reset
 * @lock: @pages, @npages, @lost; held while a page is mapped
 * @pages: struct page by BAR and number; page_private() is its number in the engine,
 *	0 once the session is over
 * @npages: number of @pages
 * @lost: the session is over: pages are all-ones
 * @requested: the stub may have pages of this function's BARs; @fetch
 * @mapping: of the VFIO device while it is open, or NULL; set under cfg_lock,
 *	cleared by the last close, which does not run concurrently with its users
 */
struct riod_fe_shadow {
	u32 bars;
	struct mutex fetch;	/* see above */
	struct mutex lock;	/* see above */
	struct xarray pages;
	unsigned long npages;
	bool lost;
	bool requested;
	struct address_space *mapping;
};

void riod_fe_shadow_init(struct riod_fe_shadow *s);
int riod_fe_shadow_setup(struct riod_fe_func *fn, u32 bars,
			 struct netlink_ext_ack *extack);
void riod_fe_shadow_lost(struct riod_fe_func *fn);
int riod_fe_shadow_hold(struct riod_fe_func *fn);
void riod_fe_shadow_release(struct riod_fe_func *fn);
int riod_fe_shadow_mmap(struct riod_fe_func *fn, struct vm_area_struct *vma);

/* ------------------------------------------------------------ rom.c */

/**
 * struct riod_fe_rom - copy of a function's expansion ROM
 * @lock: all that follows; taken killably, as it is held while waiting for the peer
 * @data: the whole window, all-ones behind @have; NULL before the first read
 * @size: bytes of the image, once @have is not 0
 * @have: bytes fetched
 * @full: the image is complete: @data is constant, and read without @lock
 */
struct riod_fe_rom {
	struct mutex lock;	/* see above */
	u8 *data;
	u32 size;
	u32 have;
	bool full;
};

void riod_fe_rom_init(struct riod_fe_rom *rom);
void riod_fe_rom_free(struct riod_fe_rom *rom);
bool riod_fe_rom_kept(const struct riod_fe_func *fn);
ssize_t riod_fe_rom_read(struct riod_fe_func *fn, char __user *buf, size_t count, u64 pos);

/* ------------------------------------------------------------ vpci.c */

/* config space that the host sees: the header and a PCI Express capability */
#define RIOD_FE_HEADER	128

/**
 * struct riod_fe_func - one function of the export
 * @att: its attachment
 * @num: number in the export, used in frames
 * @remote_devfn: slot and function number on the server host
 * @pci_func: function number in the PCI address; constant once all are described
 * @flags: RIOD_FUNC_F_*
 * @nintx: has an interrupt pin
 * @nmsi: MSI vectors
 * @nmsix: MSI-X vectors
 * @vendor: PCI ids
 * @device: likewise
 * @class: class code
 * @host: config space that the host's PCI core sees; bridge lock
 * @host_wmask: bits of @host that the host may change
 * @cfg_lock: @cfg, @sent_command, @sent_devctl, and the order in which changes are sent
 *	to the stub
 * @cfg: config space that the guest sees
 * @sent_command: command bits last sent to the stub; read without the lock, as a hint
 * @sent_devctl: Device Control bits last sent to the stub
 * @opened: a VFIO user has it open and the device was reset for it; set under
 *	@cfg_lock, cleared without
 * @epoch: reset epoch; interrupts of earlier ones are stale.  Written under
 *	@cfg_lock, read by the receive thread.
 * @close_work: disables and resets the device after the last close
 * @closing: @close_work has not finished
 * @msix_table: the MSI-X table as the guest wrote it; never sent to the device
 * @msix_lock: @msix_table
 * @irq: interrupts
 * @shadow: BARs that are memory
 * @rom: copy of the expansion ROM
 * @profile: device profile, or NULL
 * @profile_state: its state; like @profile under riod_fe_dma.lock
 * @env: services of the frontend for the profile
 * @order: publish order (rule 10) that the engine uses, or NULL; pump only
 * @next_order: order that the profile has set since, or NULL; pump only
 * @probe_err: error with which our driver failed to bind
 * @vfio_name: of its VFIO device while our driver is bound; for the log, which reads it
 *	without a lock
 */
struct riod_fe_func {
	struct riod_fe_att *att;
	u8 num;
	u8 remote_devfn;
	u8 pci_func;
	u32 flags;
	u16 nintx;
	u16 nmsi;
	u16 nmsix;
	u16 vendor;
	u16 device;
	u32 class;
	u8 host[RIOD_FE_HEADER];
	u8 host_wmask[RIOD_FE_HEADER];
	struct mutex cfg_lock;	/* config space and order of changes, see above */
	struct riod_cfg cfg;
	u16 sent_command;
	u16 sent_devctl;
	bool opened;
	u32 epoch;
	struct work_struct close_work;
	bool closing;
	u8 *msix_table;
	spinlock_t msix_lock;	/* the copy of the MSI-X table */
	struct riod_fe_irq irq;
	struct riod_fe_shadow shadow;
	struct riod_fe_rom rom;
	const struct riod_profile *profile;
	void *profile_state;
	struct riod_profile_env env;
	struct riod_sync_order *order;
	struct riod_sync_order *next_order;
	int probe_err;
	char vfio_name[16];
};

/**
 * struct riod_fe_vdev - the VFIO device of a function
 * @vdev: for VFIO
 * @func: the function; a reference on its attachment keeps it
 */
struct riod_fe_vdev {
	struct vfio_device vdev;
	struct riod_fe_func *func;
};

extern struct pci_driver riod_fe_pci_driver;

void riod_fe_vpci_host_view(struct riod_fe_func *fn, bool multi);
void riod_fe_vpci_identify(struct riod_fe_func *fn, bool own);
/* set the ids that sysfs and the PCI core see; under the device lock of @pdev */
void riod_fe_vpci_show(struct pci_dev *pdev, struct riod_fe_func *fn, bool own);
u32 riod_fe_vpci_read(const struct riod_fe_func *fn, int where, int size);
void riod_fe_vpci_write(struct riod_fe_func *fn, int where, int size, u32 val);

/* ------------------------------------------------------------ host_bridge.c */

/* PCI device numbers on the virtual bus; an attachment takes one */
#define RIOD_FE_SLOTS		32

int riod_fe_bridge_init(void);
void riod_fe_bridge_exit(void);
struct device *riod_fe_bridge_parent(void);
/* allocate a device number for the attachment; 0 or -ENOSPC */
int riod_fe_bridge_reserve(struct riod_fe_att *att);
void riod_fe_bridge_release(struct riod_fe_att *att);
int riod_fe_bridge_add(struct riod_fe_att *att);
/* make its functions show neutral ids */
void riod_fe_bridge_hide(struct riod_fe_att *att);
void riod_fe_bridge_remove(struct riod_fe_att *att);
/* set the ids in the host's view: the device's own, or neutral ones */
void riod_fe_bridge_identify(struct riod_fe_func *fn, bool own);
/* the function behind a pci_dev on our bus, or NULL */
struct riod_fe_func *riod_fe_bridge_func(struct pci_dev *pdev);
/* "7463:00:00.0" */
#define RIOD_FE_NAME_LEN	16
void riod_fe_bridge_name(const struct riod_fe_func *fn, char *buf);

/* ------------------------------------------------------------ iommu.c */

int riod_fe_iommu_init(struct device *parent);
void riod_fe_iommu_exit(void);

/* ------------------------------------------------------------ attachment.c */

/**
 * enum riod_fe_state - state of an attachment
 * @RIOD_FE_ATTACHING: the thread of attach.c owns it
 * @RIOD_FE_UP: functions are on the bus
 * @RIOD_FE_LOST: the session is over; the functions stay because one is open
 * @RIOD_FE_REMOVING: the thread that changed to this has it torn down
 */
enum riod_fe_state {
	RIOD_FE_ATTACHING,
	RIOD_FE_UP,
	RIOD_FE_LOST,
	RIOD_FE_REMOVING,
};

/* longest reason of a failed attempt, with its NUL */
#define RIOD_FE_TEXT_LEN	160

/**
 * struct riod_fe_att - one attachment
 * @ref: see the head of this file
 * @list: on the list of attachments
 * @id: number; not reused while the module is loaded once the attachment was up
 * @portid: netlink socket that requested it, while that is open; att_lock
 * @state_lock: @state, @attacher, @was_up, @detached, @halted, @over, @reason, @error,
 *	@text, @nopen
 * @state: &enum riod_fe_state
 * @attacher: thread that attaches, to send SIGKILL to; NULL unless ATTACHING
 * @was_up: it was UP: from then on its functions, @link and @export are constant until
 *	it leaves the list
 * @detached: removal was requested by the user, or by the end of the requesting process
 * @halted: shutdown or suspend of this host ended the attempt or the session
 * @over: the session is over
 * @reason: reason for the end of the session
 * @error: errno with which the attempt to attach failed, or 0
 * @text: reason for that, as text
 * @nopen: functions that a VFIO user has open
 * @net: namespace in which it was created; a reference
 * @host: address of the server host as text
 * @addr: its address and port
 * @local: address of this host that the session has begun with; constant once @link is set
 * @port: its port
 * @export: name of the export
 * @transport: its name; the session pins the module
 * @link: session and engine; from attach to teardown, NULL before
 * @max_frame: largest frame that the stub accepts
 * @features: RIOD_FEATURE_* of the session
 * @ready: READY arrived, or the session ended before
 * @dma: IOVA space
 * @aperture: addresses that the IOMMU of every function on the server host can translate
 * @resv: ranges that must not be mapped
 * @nresv: number of @resv
 * @group: IOMMU group of the functions, once one was probed; a reference;
 *	under the IOMMU core's probe lock, then constant
 * @slot: PCI device number, or -1
 * @on_bus: functions were added to the bus
 * @nfuncs: number of functions
 * @funcs: the functions
 * @on_loss: what happens when the connection breaks; constant
 * @sync_writes: a write to a memory BAR waits until the stub has done it; constant
 * @stats: counters
 * @revisit_work: enters ranges that have no batch, and disables bus mastering at the
 *	device if it is held off
 * @event_work: sends a netlink event when bus mastering, or the connection, has changed
 * @request_work: while LOST: asks the users again and again to release the functions
 * @remove_work: tears down after a detach, the last close or the end of the session
 * @removed: the removal is complete
 * @event_lock: events are sent in the order of the changes, and none after the last
 * @gone_sent: the last event was sent; @event_lock
 * @stop_lock: @link is stopped, or freed
 */
struct riod_fe_att {
	struct kref ref;
	struct list_head list;
	u32 id;
	u32 portid;
	spinlock_t state_lock;	/* see above */
	enum riod_fe_state state;
	struct task_struct *attacher;
	bool was_up;
	bool detached;
	bool halted;
	bool over;
	enum riod_reason reason;
	int error;
	char text[RIOD_FE_TEXT_LEN];
	unsigned int nopen;
	struct net *net;
	char host[RIOD_NAME_LEN];
	struct sockaddr_storage addr;
	struct sockaddr_storage local;
	u16 port;
	char export[RIOD_NAME_LEN];
	char transport[RIOD_TRANSPORT_NAME_LEN];
	struct riod_link *link;
	u32 max_frame;
	u64 features;
	struct completion ready;
	struct riod_fe_dma dma;
	struct { u64 start, last; } aperture;
	struct { u64 start, last; } resv[RIOD_FUNCS_MAX * RIOD_RESV_MAX];
	unsigned int nresv;
	struct iommu_group *group;
	int slot;
	bool on_bus;
	unsigned int nfuncs;
	struct riod_fe_func *funcs[RIOD_FUNCS_MAX];
	enum riod_on_loss on_loss;
	bool sync_writes;
	struct riod_func_stats stats;
	struct delayed_work revisit_work;
	struct work_struct event_work;
	struct delayed_work request_work;
	struct work_struct remove_work;
	struct completion removed;
	struct mutex event_lock;	/* see above */
	bool gone_sent;
	struct mutex stop_lock;		/* link is stopped, or freed */
};

int riod_fe_att_init(void);
void riod_fe_att_exit(void);
void riod_fe_att_get(struct riod_fe_att *att);
void riod_fe_att_put(struct riod_fe_att *att);
/* its session is over, or it is being removed */
bool riod_fe_att_is_over(struct riod_fe_att *att);
/* its functions are being removed, or its attempt was ended and will be */
bool riod_fe_att_is_leaving(struct riod_fe_att *att);
struct riod_fe_att *riod_fe_att_new(struct net *net, const struct riod_attach_request *req,
				    struct task_struct *attacher,
				    struct netlink_ext_ack *extack);
void riod_fe_att_set_export(struct riod_fe_att *att, const char *name);
int riod_fe_att_check(struct riod_fe_att *att, struct netlink_ext_ack *extack);
int riod_fe_att_publish(struct riod_fe_att *att, struct netlink_ext_ack *extack);
void riod_fe_att_fail(struct riod_fe_att *att, int err, const char *text);
void riod_fe_att_teardown(struct riod_fe_att *att);
int riod_fe_att_detach(struct net *net, u32 id, bool force, u32 portid, bool *open,
		       struct netlink_ext_ack *extack);
void riod_fe_att_released(struct net *net, u32 portid);
/* end all sessions, and wait until each BYE was delivered or timed out */
void riod_fe_att_end_all(enum riod_reason reason);
/* shutdown or suspend was cancelled, or the host has resumed: allow attachments again */
void riod_fe_att_resume(void);
/* call @fn for each attachment, from number @from on, until it returns nonzero */
int riod_fe_att_for_each(u32 from,
			 int (*fn)(struct riod_fe_att *att, void *arg), void *arg);
/* a VFIO user opens or closes a function */
int riod_fe_att_open(struct riod_fe_att *att);
void riod_fe_att_close(struct riod_fe_att *att);
extern struct workqueue_struct *riod_fe_wq;
extern const struct riod_link_ops riod_fe_att_link_ops;

/* ------------------------------------------------------------ attach.c */

#define RIOD_FE_NO_ROOM \
	"this host has 32 attachments, and its virtual bus has no room for more: detach one first"

int riod_fe_attach(struct net *net, const struct riod_attach_request *req,
		   int (*reply)(u32 id, void *priv), void *priv,
		   struct netlink_ext_ack *extack);

/* ------------------------------------------------------------ power.c */

int riod_fe_power_init(void);
void riod_fe_power_exit(void);

/* ------------------------------------------------------------ describe.c */

int riod_fe_describe(struct riod_fe_att *att, const struct riod_frame *f);
int riod_fe_describe_done(struct riod_fe_att *att, const struct riod_attach_request *req,
			  struct netlink_ext_ack *extack);
void riod_fe_order_settle(struct riod_fe_func *fn);
void riod_fe_describe_exit(struct riod_fe_att *att);
void riod_fe_describe_free(struct riod_fe_att *att);

/* ------------------------------------------------------------ netlink.c */

extern const struct riod_nl_frontend_ops riod_fe_nl_ops;
void riod_fe_nl_event(struct riod_fe_att *att);
/* the last event of an attachment */
void riod_fe_nl_gone(struct riod_fe_att *att);

/* ------------------------------------------------------------ request.c */

/* a CTL operation that waits for its REPLY; 0 or -errno as riod_link_request() */
int riod_fe_ctl(struct riod_fe_func *fn, u16 op, u32 arg);
void riod_fe_ctl_post(struct riod_fe_func *fn, u16 op);
struct riod_frame *riod_fe_ctl_frame(struct riod_fe_func *fn, u16 op, u32 arg);
/* a register access that waits for its REPLY */
int riod_fe_reg_request(struct riod_fe_func *fn, u8 region, u64 offset, u8 width,
			bool write, u64 *value);
struct riod_frame *riod_fe_reg_frame(struct riod_fe_func *fn, u8 region, u64 offset,
				     u8 width, u8 op, u64 value);

/* ------------------------------------------------------------ config.c */

ssize_t riod_fe_config_rw(struct riod_fe_func *fn, char __user *buf, size_t count,
			  u64 pos, bool write);
int riod_fe_config_open(struct riod_fe_func *fn, struct address_space *mapping);
void riod_fe_config_close(struct riod_fe_func *fn);
void riod_fe_config_close_work(struct work_struct *work);
int riod_fe_config_reset(struct riod_fe_func *fn);
void riod_fe_config_revisit(struct riod_fe_func *fn);
/* call first in every access by the guest; 0 or -EINTR */
int riod_fe_config_accessed(struct riod_fe_func *fn);

/* ------------------------------------------------------------ region.c */

ssize_t riod_fe_region_rw(struct riod_fe_func *fn, unsigned int region,
			  char __user *buf, size_t count, u64 pos, bool write);
int riod_fe_region_kick(void *priv, u8 bar, u64 offset, u8 width, u64 value);
/* size of the next naturally aligned piece of an access: 1, 2, 4 or 8 bytes */
static inline u8 riod_fe_width(u64 pos, size_t count, u8 max)
{
	u8 width = max;

	while (width > 1 && (count < width || pos & (width - 1)))
		width >>= 1;
	return width;
}

/* ------------------------------------------------------------ vfio.c */

/* as in vfio-pci; users take region offsets from the ioctl and do not depend on this */
#define RIOD_FE_OFFSET_SHIFT	40
#define RIOD_FE_OFFSET_MASK	((1ull << RIOD_FE_OFFSET_SHIFT) - 1)

extern const struct vfio_device_ops riod_fe_vfio_ops;

#endif /* _RIOD_FRONTEND_H */

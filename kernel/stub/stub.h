/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * riod_stub: owns PCI functions on the server host
 *
 * Lifetimes:
 *
 *   riod_stub_dev     a PCI function bound to the driver: probe() to remove()
 *   riod_stub_func    the same function while it is exported
 *   riod_stub_export  reference-counted: by the list, by the attachment and by each
 *                     handshake that asks for it
 *   riod_stub_att     one connection: from accept() to the end of its work item
 *   riod_stub_dma     mappings of one attachment, embedded in it
 *   riod_stub_listener  counted by the exports of its (namespace, transport, port); an
 *                     export has one for each of its transports
 *
 * Locks, outermost first; details are in Documentation/locking-stub.rst:
 *
 *   device lock       of a function; the driver core holds it in remove()
 *   riod_stub_admin   mutex: serializes creation and destruction of exports; list of
 *                     bound functions, riod_stub_dev.fn, listeners.  Netlink commands
 *                     take it, so it is not held while waiting for a device or a
 *                     peer.
 *   riod_stub_export.event_lock  mutex: events are sent in the order of the changes
 *   riod_stub_lock    mutex: list of exports, their state and attachment, and the
 *                     handshakes.  Never held while waiting for a peer, thread or
 *                     device.
 *   gate              mutex of the engine: held around each write to the device
 *   riod_stub_func.lock  mutex: serializes slow operations on one function (reset,
 *                     power, interrupt set-up) and the fence's second step
 *   riod_stub_func.cmd_lock  spinlock, irq-safe: every read-modify-write of the
 *                     command register, and the flags that control bus master
 */
#ifndef _RIOD_STUB_H
#define _RIOD_STUB_H

#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/interval_tree.h>
#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "cfgspace.h"
#include "core.h"
#include "link.h"

struct riod_stub_att;
struct riod_stub_export;
struct riod_stub_func;
struct riod_stub_listener;

/* ------------------------------------------------------------ main.c */

/**
 * struct riod_stub_objects - object counts, in debugfs
 * @devices: functions bound to the driver
 * @exports: exports
 * @connections: connections, including handshakes
 * @attachments: attachments
 * @shadow_pages: shadow pages
 * @mappings: mappings of shadow pages
 * @leaked_pages: shadow pages that the IOMMU failed to unmap
 *
 * All but @devices are zero when nothing is exported; tests check this.
 */
struct riod_stub_objects {
	atomic_t devices;
	atomic_t exports;
	atomic_t connections;
	atomic_t attachments;
	atomic_t shadow_pages;
	atomic_t mappings;
	atomic_t leaked_pages;
};

extern struct riod_stub_objects riod_stub_objects;
extern struct workqueue_struct *riod_stub_wq;

/* ------------------------------------------------------------ power.c */

int riod_stub_power_init(void);
void riod_stub_power_exit(void);

/* ------------------------------------------------------------ bound.c */

/**
 * struct riod_stub_dev - a function bound to the driver
 * @list: on riod_stub_devs, under riod_stub_admin
 * @pdev: the function
 * @saved: config space as the previous driver left it, except that bus master is clear
 * @fn: set while exported; written under riod_stub_admin and riod_stub_lock
 * @leaving: remove() has begun, and holds the device lock until the function's export
 *	is gone.  Never cleared.
 * @own_reset: the reset in progress is the stub's; under the device lock
 * @unclean: could not be reset or restored after its last use; written by the
 *	attachment's work item, read by remove() when there is no attachment
 */
struct riod_stub_dev {
	struct list_head list;
	struct pci_dev *pdev;
	struct pci_saved_state *saved;
	struct riod_stub_func *fn;
	bool leaving;
	bool own_reset;
	bool unclean;
};

extern struct mutex riod_stub_admin;

struct riod_stub_dev *riod_stub_dev_find(struct pci_dev *pdev);
void riod_stub_dev_add(struct riod_stub_dev *sdev);
void riod_stub_dev_del(struct riod_stub_dev *sdev);

/* ------------------------------------------------------------ pci_drv.c */

int riod_stub_driver_register(void);
void riod_stub_driver_unregister(void);

/* ------------------------------------------------------------ irq.c */

/**
 * struct riod_stub_vec - argument of an MSI or MSI-X handler
 * @fn: function
 * @nr: vector
 * @requested: the handler is installed
 */
struct riod_stub_vec {
	struct riod_stub_func *fn;
	u16 nr;
	bool requested;
};

/**
 * struct riod_stub_irq - interrupts of one function
 * @pending: vectors that fired and were not sent; handlers set the bits
 * @vecs: MSI, MSI-X: array of @nvecs; under riod_stub_func.lock
 * @nvecs: MSI: number of vectors; MSI-X: size of the table; under riod_stub_func.lock
 * @nalloc: vectors from 0 on that were allocated together; under riod_stub_func.lock
 * @one_by_one: MSI-X: the other vectors are allocated and freed one at a time; under
 *	riod_stub_func.lock
 * @index: RIOD_IRQ_* type that is set up; written under both locks
 * @on: interrupts are set up; written under both locks
 * @epoch: reset epoch; under cmd_lock
 * @masked: INTx: fired, or masked by the peer; under cmd_lock
 * @disabled: INTx: the peer has set PCI_COMMAND_INTX_DISABLE; under cmd_lock
 * @hw_masked: INTx: mask state last written to the hardware; under cmd_lock
 * @name: for /proc/interrupts
 */
struct riod_stub_irq {
	DECLARE_BITMAP(pending, RIOD_VECTORS_MAX);
	struct riod_stub_vec *vecs;
	unsigned int nvecs;
	unsigned int nalloc;
	bool one_by_one;
	u8 index;
	bool on;
	u32 epoch;
	bool masked;
	bool disabled;
	bool hw_masked;
	char name[32];
};

void riod_stub_irq_init(struct riod_stub_func *fn);
enum riod_status riod_stub_irq_setup(struct riod_stub_func *fn,
				     const struct riod_wire_irq_setup *s);
void riod_stub_irq_off(struct riod_stub_func *fn);
void riod_stub_irq_new_epoch(struct riod_stub_func *fn, u32 epoch);
void riod_stub_intx_set_line(struct riod_stub_func *fn, bool open);
void riod_stub_intx_mask(struct riod_stub_func *fn, bool masked);
void riod_stub_intx_disable(struct riod_stub_func *fn, bool disabled);
int riod_stub_irq_gather(struct riod_stub_func *fn, struct list_head *events);

/* ------------------------------------------------------------ func.c */

/**
 * struct riod_stub_bar - one BAR, or the expansion ROM
 * @map: mapping of a BAR
 * @size: bytes, 0 if not implemented
 * @flags: RIOD_BAR_F_*
 */
struct riod_stub_bar {
	void __iomem *map;
	u64 size;
	u32 flags;
};

/**
 * struct riod_stub_func - one function of an export
 * @exp: its export, which outlives it
 * @sdev: bound function
 * @pdev: @sdev->pdev
 * @index: number in the export
 * @cfg: config space model, for the filter; constant
 * @bars: geometry and mappings; constant
 * @regions: mask of BARs that were requested; constant
 * @rom: copy of the expansion ROM, @rom_size bytes; constant
 * @rom_size: bytes of @rom
 * @nintx: 1 if there is an interrupt pin
 * @nmsi: MSI vectors
 * @nmsix: MSI-X vectors
 * @resettable: has a reset method
 * @link: link of the attachment; set before riod_link_start(), cleared when no
 *	handler and no thread is left
 * @lock: slow operations, see above
 * @cmd_lock: see above
 * @fenced: bus master must stay clear; under cmd_lock, never cleared during an
 *	attachment
 * @resetting: a reset, or a transition into or out of D3hot, is in progress: bus
 *	master is clear, do not access the command register; under cmd_lock
 * @command: PCI_COMMAND_* bits that the peer has set; written by the receive thread
 * @power: 0 for D0 to 3 for D3hot; written under @lock by the receive thread
 * @devctl: Device Control as set by this host; constant while open
 * @vpd_addr: VPD address register as seen by the peer; receive thread
 * @vpd_data: VPD data register, likewise
 * @irq: interrupts
 * @d3_state: config space saved before D3hot, if the device loses it there; under @lock
 */
struct riod_stub_func {
	struct riod_stub_export *exp;
	struct riod_stub_dev *sdev;
	struct pci_dev *pdev;
	u8 index;
	struct riod_cfg *cfg;
	struct riod_stub_bar bars[RIOD_BARS];
	int regions;
	u8 *rom;
	size_t rom_size;
	u16 nintx;
	u16 nmsi;
	u16 nmsix;
	bool resettable;
	struct riod_link *link;
	struct mutex lock;	/* slow operations */
	spinlock_t cmd_lock;	/* command register */
	bool fenced;
	bool resetting;
	u16 command;
	u8 power;
	u16 devctl;
	u16 vpd_addr;
	u32 vpd_data;
	struct riod_stub_irq irq;
	struct pci_saved_state *d3_state;
};

struct riod_stub_func *riod_stub_func_create(struct riod_stub_export *exp,
					     struct riod_stub_dev *sdev, u8 index,
					     struct netlink_ext_ack *extack);
void riod_stub_func_destroy(struct riod_stub_func *fn);
int riod_stub_func_open(struct riod_stub_func *fn);
void riod_stub_func_close(struct riod_stub_func *fn);
int riod_stub_func_describe(struct riod_stub_func *fn);
int riod_stub_func_set_master(struct riod_stub_func *fn, bool on);
int riod_stub_func_move(struct riod_stub_func *fn, u8 state);
int riod_stub_func_set_power(struct riod_stub_func *fn, u8 state);

/* ------------------------------------------------------------ redact.c */

void riod_stub_redact(const struct riod_cfg *cfg, const u8 *raw, u8 *out);

/* ------------------------------------------------------------ reset.c */

int riod_stub_func_reset(struct riod_stub_func *fn);
int riod_stub_state_lock(struct riod_stub_func *fn);
void riod_stub_state_unlock(struct riod_stub_func *fn, int locked);
void riod_stub_dev_clean(struct riod_stub_dev *sdev);

/* ------------------------------------------------------------ fence.c */

void riod_stub_fence_begin(struct riod_stub_att *att, enum riod_reason reason);
void riod_stub_fence_finish(struct riod_stub_att *att);
void riod_stub_fence_func(struct riod_stub_func *fn);
void riod_stub_fence_hold(struct riod_stub_func *fn, bool held);
void riod_stub_master_off(struct riod_stub_func *fn);
void riod_stub_refence_func(struct riod_stub_func *fn);

/* ------------------------------------------------------------ domain.c */

/**
 * struct riod_stub_domain - IOVA space of one export
 *
 * While no peer is attached, and while @domain is being replaced, the groups are in the
 * IOMMU core's blocking domain: DMA ownership is claimed, so a detached group moves
 * there and not to its default domain.
 *
 * @domain: domain of the attachment, or NULL; only pages of riod_stub_dma are mapped in it
 * @groups: IOMMU groups of the functions, each once
 * @ngroups: number of @groups
 * @nattached: number of @groups attached to @domain
 * @nclaimed: number of functions with DMA ownership claimed
 * @aperture: IOVAs that a domain can translate
 * @resv: reserved ranges inside @aperture, ascending, neither overlapping nor adjoining
 * @nresv: number of @resv
 */
struct riod_stub_domain {
	struct iommu_domain *domain;
	struct iommu_group *groups[RIOD_FUNCS_MAX];
	unsigned int ngroups;
	unsigned int nattached;
	unsigned int nclaimed;
	struct { u64 start, last; } aperture, resv[RIOD_RESV_MAX];
	unsigned int nresv;
};

int riod_stub_domain_open(struct riod_stub_export *exp,
			  struct netlink_ext_ack *extack);
void riod_stub_domain_close(struct riod_stub_export *exp);
int riod_stub_domain_attach(struct riod_stub_export *exp,
			    struct netlink_ext_ack *extack);
void riod_stub_domain_detach(struct riod_stub_export *exp);

/* ------------------------------------------------------------ iova.c */

int riod_stub_resv_add(struct riod_stub_domain *d, u64 start, u64 last);
bool riod_stub_reserved(const struct riod_stub_domain *d, u64 start, u64 last);

/* ------------------------------------------------------------ tables.c */

/**
 * struct riod_stub_tables - upper bound of the page tables of an IOMMU domain
 * @spans: for each 1 GiB span, a bitmap of its 2 MiB spans that were ever mapped
 * @ntables: number of 4 KiB tables
 * @max: limit of @ntables
 * @budget: of the session; charged for the tables and for @spans
 * @charged: bytes charged to @budget
 */
struct riod_stub_tables {
	struct xarray spans;
	u64 ntables;
	u64 max;
	struct riod_budget *budget;
	u64 charged;
};

void riod_stub_tables_init(struct riod_stub_tables *t, u64 max, struct riod_budget *budget);
int riod_stub_tables_charge(struct riod_stub_tables *t, u64 start, u64 last);
void riod_stub_tables_reset(struct riod_stub_tables *t);

/* ------------------------------------------------------------ dma.c */

/**
 * struct riod_stub_dma - mappings of one attachment
 *
 * Used by the receive thread and, after it has ended, by the teardown: no lock.
 *
 * @exp: export
 * @d: its IOVA space
 * @tables: page tables of the domain
 * @sync: engine
 * @stats: counters of the export
 * @pages: page number to struct page
 * @ranges: struct riod_stub_range by IOVA
 * @bar_pages: page number to function, for pages of a memory BAR
 * @npages: number of @pages
 * @nbar_pages: number of @bar_pages
 * @nmapped: pages of IOVA space that are mapped
 * @max_pages: limit of @npages + @nbar_pages
 * @over: nonzero once the session is over, so that a long MAP ends early
 */
struct riod_stub_dma {
	struct riod_stub_export *exp;
	const struct riod_stub_domain *d;
	struct riod_stub_tables tables;
	struct riod_sync *sync;
	struct riod_func_stats *stats;
	struct xarray pages;
	struct rb_root_cached ranges;
	struct xarray bar_pages;
	u64 npages;
	u64 nbar_pages;
	u64 nmapped;
	u64 max_pages;
	const atomic64_t *over;
};

void riod_stub_dma_init(struct riod_stub_att *att);
int riod_stub_dma_map(struct riod_stub_dma *dma, const struct riod_wire_map *m);
int riod_stub_dma_unmap(struct riod_stub_dma *dma, const struct riod_wire_unmap *u);
u64 riod_stub_dma_destroy(struct riod_stub_dma *dma);

/* ------------------------------------------------------------ shadow.c */

int riod_stub_shadow_map(struct riod_stub_dma *dma, struct riod_stub_func *fn,
			 const struct riod_wire_bar_map *b);
void riod_stub_shadow_forget(struct riod_stub_dma *dma, struct riod_stub_func *fn);

/* ------------------------------------------------------------ export.c */

/** enum riod_stub_state - state of an export, see export_set_state() */
enum riod_stub_state {
	RIOD_STUB_IDLE,
	RIOD_STUB_ATTACHING,
	RIOD_STUB_ATTACHED,
	RIOD_STUB_FENCING,
};

/**
 * struct riod_stub_export - one or more functions that peers may attach
 * @ref: references
 * @list: on riod_stub_exports, under riod_stub_lock; in order of @id
 * @id: never reused; position of a netlink dump
 * @name: name that peers ask for; constant, as all up to @listeners, but @allow and @domain
 * @net: network namespace that it is exported in, referenced
 * @transports: transports that peers may come by, each pinned by its listener
 * @ntransports: number of @transports and of @listeners
 * @port: port, of each transport
 * @allow: peers that may attach; written under riod_stub_lock
 * @nallow: number of @allow; 0: only loopback peers may; likewise
 * @no_reset: functions without a reset method are accepted
 * @nfuncs: number of @funcs
 * @funcs: the functions
 * @domain: IOVA space
 * @listeners: counted references, by transport
 * @state: written under riod_stub_lock
 * @going: the export is being removed: reason for the peer; else NONE.  Never cleared;
 *	written under riod_stub_lock
 * @broken: the device lost its state since the attachment began; under riod_stub_lock
 * @evicted: the changed allow list excludes the attached peer, by force; under
 *	riod_stub_lock
 * @att: attachment, while @state is ATTACHED; under riod_stub_lock
 * @peer: last peer that attached; under riod_stub_lock
 * @peer_transport: the one of @transports that @peer came by; likewise
 * @lost: the last session ended other than by a detach; a single word
 * @fence_ns: time from the end of the last session until bus master was clear; a
 *	single word
 * @event_lock: held from a change until its event is sent, so that events are in the
 *	order of the changes, the removal last
 * @wait: woken when @state changes
 * @end_work: destroys the export, once it is @going and IDLE
 * @gone: completed by @end_work, when neither functions nor listeners are in use any more
 * @log: limits log messages about peers that attach and detach
 * @stats: counters of the attachment, or of the last one
 */
struct riod_stub_export {
	struct kref ref;
	struct list_head list;
	unsigned long id;
	char name[RIOD_NAME_LEN];
	struct net *net;
	const struct riod_transport_ops *transports[RIOD_EXPORT_TRANSPORTS_MAX];
	unsigned int ntransports;
	u16 port;
	struct riod_allow allow[RIOD_ALLOW_MAX];
	unsigned int nallow;
	bool no_reset;
	u8 nfuncs;
	struct riod_stub_func *funcs[RIOD_FUNCS_MAX];
	struct riod_stub_domain domain;
	struct riod_stub_listener *listeners[RIOD_EXPORT_TRANSPORTS_MAX];
	enum riod_stub_state state;
	enum riod_reason going;
	bool broken;
	bool evicted;
	struct riod_stub_att *att;
	struct sockaddr_storage peer;
	const struct riod_transport_ops *peer_transport;
	bool lost;
	u64 fence_ns;
	struct mutex event_lock;	/* see above */
	wait_queue_head_t wait;
	struct work_struct end_work;
	struct completion gone;
	struct ratelimit_state log;
	struct riod_func_stats stats;
};

extern struct mutex riod_stub_lock;
extern struct list_head riod_stub_exports;

int riod_stub_exports_init(void);
void riod_stub_exports_exit(void);
void riod_stub_export_put(struct riod_stub_export *exp);
void riod_stub_export_move(struct riod_stub_export *exp, enum riod_stub_state state,
			   struct riod_stub_att *att);
void riod_stub_export_notify(struct riod_stub_export *exp);
struct riod_stub_export *riod_stub_export_claim(struct riod_stub_att *att,
						const char *name,
						enum riod_reason *reason);
int riod_stub_export_new(struct net *net, struct riod_export_request *req,
			 struct netlink_ext_ack *extack);
int riod_stub_export_set(struct net *net, struct riod_export_change *change,
			 struct netlink_ext_ack *extack);
int riod_stub_export_del(struct net *net, const char *name, bool force,
			 struct netlink_ext_ack *extack);
void riod_stub_export_leave(struct riod_stub_dev *sdev);
bool riod_stub_exports_close(void);
void riod_stub_exports_reopen(void);
enum riod_reason riod_stub_export_going(const struct riod_stub_export *exp);
void riod_stub_export_shutdown(struct riod_stub_dev *sdev);
bool riod_stub_export_idle(struct riod_stub_dev *sdev);
void riod_stub_export_error(struct riod_stub_dev *sdev, enum riod_reason reason);

/* ------------------------------------------------------------ export_nl.c */

/**
 * struct riod_stub_news - content of a netlink event, copied under riod_stub_lock
 * @name: name of the export
 * @transports: names of its transports
 * @ntransports: number of @transports
 * @state: &enum riod_state, or -1 if the export was removed
 * @peer: address as text, may be empty
 * @peer_transport: name of the transport that @peer came by, if there is one
 * @fence_ns: 0 if the export was never fenced
 */
struct riod_stub_news {
	char name[RIOD_NAME_LEN];
	char transports[RIOD_EXPORT_TRANSPORTS_MAX][RIOD_TRANSPORT_NAME_LEN];
	unsigned int ntransports;
	int state;
	char peer[64];
	char peer_transport[RIOD_TRANSPORT_NAME_LEN];
	u64 fence_ns;
};

void riod_stub_news_take(struct riod_stub_news *news,
			 const struct riod_stub_export *exp);
void riod_stub_news_send(const struct riod_stub_export *exp,
			 struct riod_stub_news *news);
int riod_stub_export_dump(struct net *net, struct sk_buff *skb,
			  struct netlink_callback *cb);

/* ------------------------------------------------------------ allow.c */

int riod_stub_allow_init(struct riod_stub_export *exp, struct riod_export_request *req,
			 struct netlink_ext_ack *extack);
int riod_stub_allow_change(struct riod_stub_export *exp, struct riod_export_change *change,
			   struct netlink_ext_ack *extack);
bool riod_stub_allows(const struct riod_stub_export *exp,
		      const struct sockaddr_storage *peer);
bool riod_stub_visible(const struct riod_stub_export *exp, const struct net *net,
		       const struct riod_transport_ops *transport,
		       u16 port, const struct sockaddr_storage *peer);
bool riod_stub_listens(const struct riod_stub_export *exp, const struct net *net,
		       const struct riod_transport_ops *transport, u16 port);
bool riod_stub_serves(const struct riod_stub_export *exp, const struct net *net,
		      const struct riod_transport_ops *transport,
		      u16 port, const struct sockaddr_storage *peer);
bool riod_stub_same_host(const struct sockaddr_storage *a,
			 const struct sockaddr_storage *b);

/* ------------------------------------------------------------ listener.c */

struct riod_stub_listener *
riod_stub_listener_get(struct net *net, const struct riod_transport_ops *ops, u16 port,
		       struct netlink_ext_ack *extack);
void riod_stub_listener_put(struct riod_stub_listener *lst);
void riod_stub_handshake_done(struct riod_stub_att *att);
bool riod_stub_refuse_stranger(struct riod_stub_att *att);

/* ------------------------------------------------------------ handshake.c */

bool riod_stub_handshake(struct riod_stub_att *att);

/* ------------------------------------------------------------ attach.c */

/* riod_stub_att.flags */
#define RIOD_STUB_ATT_ENDING	0	/* the teardown was queued */
#define RIOD_STUB_ATT_FENCED	1	/* bus master is clear, fence time recorded */
#define RIOD_STUB_ATT_READY	2	/* READY is being sent: the peer may use the functions */

/**
 * struct riod_stub_att - one connection
 *
 * The work item runs once for the handshake and, if that created an attachment,
 * a second time for the teardown.  A work item never runs concurrently with
 * itself, so the first run may use the object up to its last line, whatever
 * happens to the session.
 *
 * @work: see above
 * @list: on the list of handshakes, under riod_stub_lock
 * @lst: listener that accepted it, during the handshake; then NULL
 * @conn: the connection, during the handshake; then the link owns it
 * @net: network namespace of the listener; only compared, and only while @lst is set
 * @transport: transport of the listener; only compared
 * @port: port of the listener
 * @peer: address of the peer
 * @holder: peer that uses the requested export; AF_UNSPEC: unknown
 * @flags: RIOD_STUB_ATT_*
 * @hello: the peer's HELLO
 * @exp: claimed export, referenced
 * @nopen: number of open functions
 * @link: session and engine
 * @nresuming: handshakes that continue its session; written under riod_stub_lock
 * @dma: mappings
 * @lost_ns: time at which the session's end was noticed, 0 before
 */
struct riod_stub_att {
	struct work_struct work;
	struct list_head list;
	struct riod_stub_listener *lst;
	struct riod_conn *conn;
	struct net *net;
	const struct riod_transport_ops *transport;
	u16 port;
	struct sockaddr_storage peer;
	struct sockaddr_storage holder;
	unsigned long flags;
	struct riod_wire_hello hello;
	struct riod_stub_export *exp;
	unsigned int nopen;
	struct riod_link *link;
	unsigned int nresuming;
	struct riod_stub_dma dma;
	atomic64_t lost_ns;
};

struct riod_stub_att *riod_stub_att_create(struct riod_conn *conn,
					   const struct sockaddr_storage *peer);
void riod_stub_att_free(struct riod_stub_att *att);
bool riod_stub_attach(struct riod_stub_att *att);

/* ------------------------------------------------------------ resume.c */

void riod_stub_resume(struct riod_stub_att *att);
void riod_stub_resume_wait(struct riod_stub_att *att);

/* ------------------------------------------------------------ attach.c */

void riod_stub_att_end(struct riod_stub_att *att, enum riod_reason reason);

/* ------------------------------------------------------------ frame.c */

int riod_stub_frame(void *priv, struct riod_frame *f);

/* ------------------------------------------------------------ reply.c */

int riod_stub_reply(struct riod_stub_func *fn, __le32 tag,
		    enum riod_status status, u64 value);
int riod_stub_reply_rom(struct riod_stub_func *fn, __le32 tag, u32 offset);

/* ------------------------------------------------------------ vpd.c */

bool riod_stub_vpd_covers(const struct riod_stub_func *fn, u16 offset, u8 width);
u32 riod_stub_vpd_read(const struct riod_stub_func *fn, u16 offset, u8 width);
void riod_stub_vpd_write(struct riod_stub_func *fn, u16 offset, u8 width, u32 value);

/* ------------------------------------------------------------ bar.c, ctl.c */

int riod_stub_reg(struct riod_stub_func *fn, const struct riod_wire_reg *r);
/* true if the peer has enabled decoding of the BAR, and the function is in D0 and not fenced */
bool riod_stub_bar_decoded(const struct riod_stub_func *fn,
			   const struct riod_stub_bar *bar);
int riod_stub_ctl(struct riod_stub_dma *dma, struct riod_stub_func *fn,
		  const struct riod_wire_ctl *c);

#endif /* _RIOD_STUB_H */

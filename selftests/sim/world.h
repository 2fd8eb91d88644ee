/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One guest, one or two devices, and the engines and networks between them
 *
 * The interface for protocols (proto_*.c).  A function marked "access" makes one memory
 * access and is one point of the schedule.  All functions act on the current run.
 */
#ifndef _SIM_WORLD_H
#define _SIM_WORLD_H

#include "tasks.h"
#include "profile.h"
#include "sync.h"
#include "transport.h"

#define SIM_PAGES	8	/* pages of guest memory */
#define SIM_ATTS	2	/* attachments, with one device each */
#define SIM_IOVAS	16	/* pages of an attachment's I/O address space */
#define SIM_REGS	32	/* registers of a device */
#define SIM_VECTORS	4

/* an address in guest memory; an address in a device's I/O address space */
typedef u32 gaddr_t;
typedef u32 iova_t;

static inline gaddr_t sim_page(u32 page)
{
	return page * RIOD_PAGE_SIZE;
}

/**
 * struct sim_proto - how a driver and a device exchange work
 * @name: name on the command line
 * @pages: number of pages of guest memory that it uses
 * @natts: number of devices; 0 counts as 1
 * @guest: the driver; returns when all work is done and checked
 * @cpu: another CPU of the guest with its own work; may be NULL
 * @device: body of each device, called with its number; does not return
 * @check: final check, when nothing runs any more
 * @may_lose: the connection may break during a run
 * @profile: profile of the first attachment; NULL: none
 * @exact: with @profile: the guest maps for the host's IOMMU only; what the profile names is
 *	entered (rule 20)
 * @reg_of: with @profile: maps an offset in BAR 0 to a register
 * @config: with @profile: fills in config space, all zeroes before, as far as the profile
 *	reads it
 * @violates: the invariant that this protocol is known to violate, because it has no profile
 *	and needs one; NULL: all invariants must hold in every schedule
 * @share: share of the schedules, in percent of another protocol's; 0 counts as 100.
 *	Smaller for slow protocols.
 */
struct sim_proto {
	const char *name;
	u32 pages;
	u32 natts;
	void (*init)(void);
	void (*guest)(void);
	void (*cpu)(void);
	void (*device)(u32 att);
	void (*check)(void);
	bool may_lose;
	const struct riod_profile *profile;
	bool exact;
	u32 (*reg_of)(u64 offset);
	void (*config)(struct riod_cfg *cfg);
	const char *violates;
	u32 share;
};

/* sound protocols come first, then those with @violates */
extern const struct sim_proto *const sim_protos[];
extern const u32 sim_nprotos;

/* report a violated invariant and end the run */
void sim_fail(const char *invariant, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ------------------------------------------------------------ the guest's side */

/* access */
u64 sim_load(gaddr_t addr, u32 width);
void sim_store(gaddr_t addr, u32 width, u64 value);

/* compare and exchange as one access; false if the byte was not @old */
bool sim_exchange8(gaddr_t addr, u8 old, u8 new);
bool sim_dma_exchange8(u32 att, iova_t addr, u8 old, u8 new);

static inline u8 sim_load8(gaddr_t a) { return sim_load(a, 1); }
static inline u16 sim_load16(gaddr_t a) { return sim_load(a, 2); }
static inline u32 sim_load32(gaddr_t a) { return sim_load(a, 4); }
static inline u64 sim_load64(gaddr_t a) { return sim_load(a, 8); }
static inline void sim_store8(gaddr_t a, u8 v) { sim_store(a, 1, v); }
static inline void sim_store16(gaddr_t a, u16 v) { sim_store(a, 2, v); }
static inline void sim_store32(gaddr_t a, u32 v) { sim_store(a, 4, v); }
static inline void sim_store64(gaddr_t a, u64 v) { sim_store(a, 8, v); }

/* map a page for a device; unmapping takes effect at once (rule 4, unmap is local) */
iova_t sim_map(u32 att, u32 page, u32 prot);
/* the same; the device can store @tag, which identifies the mapping */
iova_t sim_map_tagged(u32 att, u32 page, u32 prot, u32 tag);
void sim_unmap(u32 att, iova_t iova);

void sim_write_reg(u32 att, u32 reg, u64 value);	/* posted */
/* the same by the offset in BAR 0; passes through the profile first */
void sim_write_bar(u64 offset, u32 width, u64 value);
u64 sim_read_reg(u32 att, u32 reg);			/* waits for the reply */
/* wait until the vector has fired since the last call; false: the device is lost */
bool sim_wait_irq(u32 att, u32 vector);
bool sim_lost(u32 att);

/* ------------------------------------------------------------ a device's side */

/*
 * access.  An access to an unmapped address fails the run: the device received the address
 * before the map.
 */
u64 sim_dma_load(u32 att, iova_t addr, u32 width);
void sim_dma_store(u32 att, iova_t addr, u32 width, u64 value);
/* store the mapping's tag; false if the device may not write there */
bool sim_dma_store_tag(u32 att, iova_t addr);

static inline u32 sim_dma_load32(u32 att, iova_t a) { return sim_dma_load(att, a, 4); }
static inline void sim_dma_store32(u32 att, iova_t a, u32 v) { sim_dma_store(att, a, 4, v); }

/* value of the last write to a register; wait until it is another one */
u64 sim_reg(u32 att, u32 reg);
bool sim_wait_reg(u32 att, u32 reg, u64 not_value);	/* false: no more will come */
/* wait for a write of any value; @seen: count of writes seen, initially 0 */
bool sim_wait_write(u32 att, u32 reg, u32 *seen);
void sim_irq(u32 att, u32 vector);
/* the guest's driver or the connection has ended, so a polling device may stop */
bool sim_over(u32 att);

/* ------------------------------------------------------------ profiles */

/* set a publish order as a profile does (rule 10), for the current mappings */
void sim_order(u32 att, const struct riod_sync_span *spans, u32 n);

/* ------------------------------------------------------------ race windows */

/*
 * Races that all runs together must have hit, or they prove little.  They are detected
 * from outside the engine, so the windows of conflicts and of pages mapped again are
 * likely cases of the race, not certain ones.
 */
enum sim_window {
	WIN_STORE_IN_PASS,	/* a guest's store into a page while a cut is taken */
	WIN_DMA_IN_PASS,	/* a device's store, likewise */
	WIN_STORE_IN_APPLY,	/* a guest's store while a cut is applied to that page */
	WIN_DMA_IN_APPLY,
	WIN_LOAD_IN_APPLY,	/* a guest's load while a cut is half applied */
	WIN_DMA_LOAD_IN_APPLY,
	WIN_POST_IN_PASS,	/* a register write while a cut is taken */
	WIN_IRQ_IN_PASS,
	WIN_HELD_BACK,		/* a register write waited for the gate */
	WIN_MORE_PASSES,	/* two passes did not agree */
	WIN_MAP_IN_PASS,	/* a page joined a cut that was being taken */
	WIN_MAP_HELD,		/* a map waited for a cut that had not found memory quiet */
	WIN_UNMAP_IN_PASS,	/* a page left a cut that was being taken */
	WIN_UNMAP_IN_APPLY,
	WIN_UNMAP_UNSENT,	/* unmap of a map that was never sent to the stub */
	WIN_FOLLOWED,		/* an event was sent right behind a cut in flight */
	WIN_LATE,		/* data for a page that was unmapped meanwhile */
	WIN_CONFLICT_UNSENT,	/* both changed a byte; the device's was not sent yet */
	WIN_CONFLICT_FLIGHT,	/* ... the device's was in flight */
	WIN_REMAP,		/* a page was mapped again while its last cut was in flight */
	WIN_LOST_STAGED,	/* the connection broke with half a cut staged */
	WIN_LOST_QUEUED,	/* ... with a whole cut in flight */
	WIN_LOST_BROKEN,	/* ... and was not there again when the peer gave up */
	/* the connection broke and the session went on; first frame that was sent again */
	WIN_RESENT_CUT,
	WIN_RESENT_MAP,
	WIN_RESENT_UNMAP,
	WIN_RESENT_WRITE,
	WIN_RESENT_READ,
	WIN_RESENT_REPLY,
	WIN_RESENT_IRQ,
	/* where it broke */
	WIN_BROKE_BETWEEN,	/* between two data frames of a cut */
	WIN_BROKE_STAGED,	/* ahead of the commit */
	WIN_BROKE_IN_PASS,	/* while a cut was taken */
	WIN_BROKE_IN_APPLY,
	WIN_BROKE_IRQ,		/* with an interrupt that waits for its cut */
	WIN_BROKE_ACK,		/* only the acknowledgment of a cut was lost */
	WIN_BROKE_CUT,		/* a cut was taken for a connection that was gone */
	WIN_WELCOME_LOST,	/* the new connection broke before the frontend could use it */
	/* while the connection was broken */
	WIN_BROKEN_STORE,	/* the guest stored into a mapped page */
	WIN_BROKEN_DMA,
	WIN_BROKEN_IRQ,
	WIN_BROKEN_MAP,
	WIN_BROKEN_UNMAP,
	WIN_BROKEN_REMAP,	/* a page was mapped again whose unmap was not sent */
	SIM_WINDOWS,
};

extern const char *const sim_window_names[SIM_WINDOWS];
extern u64 sim_windows[SIM_WINDOWS];

/* ------------------------------------------------------------ a run */

struct sim_result {
	enum sim_outcome outcome;
	const char *invariant;	/* the violated one; NULL: none */
	char text[256];
};

void sim_world_run(const struct sim_proto *proto, u64 seed, struct sim_tape *record,
		   const struct sim_tape *replay, struct sim_result *result);

/* print each access */
extern bool sim_tracing;
void sim_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* _SIM_WORLD_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest, a device and a network around two coherence engines, all as threads that run
 * under sanitizers: finds races that no interleaving on one CPU can show.
 */
#ifndef _SIM_THREADS_H
#define _SIM_THREADS_H

#include <pthread.h>
#include <stdatomic.h>

#include "tasks.h"
#include "sync.h"
#include "transport.h"

/* pages, in the order of their numbers on the wire at the start */
enum sim_page_name {
	FLAGS,		/* flags, mapped before all data (rule 10) */
	DATA0, DATA1,	/* buffers of both directions */
	NOISY,		/* the same, and a neighbour rewrites the rest of the page */
	READ_ONLY,	/* the device may only read it */
	CHURN,		/* always readable, writable at times */
	RECYCLED,	/* memory that is unmapped and mapped again */
	NPAGES,
};

/* offsets in a page */
#define MIXED		64	/* the guest writes even bytes, the device odd ones */
#define SHARED		128	/* both write (rule 7) */
#define COUNTERS	192	/* guest: +0 and +32, device: +16 and +48 */
#define TTL		256	/* one byte, passed back and forth (rule 6) */
#define POLL_GUEST	512	/* words of the guest, published by a flag in memory */
#define POLL_DEV	768
#define EVENT_GUEST	1024	/* words published by a doorbell */
#define EVENT_DEV	1280	/* words published by an interrupt */
#define TAGGED		1536	/* CHURN, RECYCLED: bytes that identify a mapping */
#define TAGGED_LEN	256
#define CONTENDED	1792	/* bytes that both write, each once (rule 7) */
#define CONTENDED_LEN	200
#define NOISE		2048
#define NOISE_LEN	2048
#define FLAG_GUEST	512	/* in FLAGS */
#define FLAG_DEV	576
#define ACK_DEV		640	/* the device's copy of the guest's flag */
#define ACK_GUEST	704
#define BEAT_AT		736	/* in FLAGS: words of struct beat, just below its flags */
#define BEAT_GUEST	768	/* the guest's flag of struct beat */
#define BEAT_DEV	832
#define BEAT_GUEST_ACK	896	/* its consumer's copy */
#define BEAT_DEV_ACK	960
#define BEATS		8	/* values of such a flag for one word */
#define BEAT_RING	450	/* values that its producer may be ahead of its consumer */
#define WINDOW		24	/* messages in flight */
#define WORDS		12	/* words that one flag or event publishes */
#define RING		8	/* publications that a producer may be ahead of its consumer */

struct sim_page {
	u8 *_Atomic shadow;	/* S; NULL while the stub does not know the page */
	u8 *mem;		/* L */
	u64 id;			/* page number; changes when RECYCLED is mapped again */
	atomic_int st_tag;	/* stub: tag of the writable mapping, 0: none */
	u8 guest[RIOD_PAGE_SIZE];	/* expected values of bytes that only the guest writes */
	u8 dev[RIOD_PAGE_SIZE];		/* the same for the device */
};

/* a mapping that comes and goes */
enum { UNMAPPED, WANTED, MAPPED };
struct sim_churn {
	enum sim_page_name page;
	bool whole;		/* the page has no other mapping */
	atomic_int state;
	u8 tag;
};

/* messages on the network */
enum sim_what { CUT, MAP, UNMAP, DOORBELL, DOORBELL_TTL, IRQ, IRQ_TTL };
struct sim_msg {
	struct list_head list;
	enum sim_what what;
	struct riod_frame *frame;
	u32 value;
	enum sim_page_name page;
	u64 id;
	u32 prot;
	u8 tag;
};

struct sim_queue {
	pthread_mutex_t lock;
	struct list_head msgs;
	atomic_int n;
};

struct sim_end {
	struct riod_sync y;
	struct sim_queue events;	/* wait for the next cut; frontend: maps first */
	struct list_head waiting;	/* stub: taken while a cut was in flight, unsettled */
	bool looked;			/* the cut in flight lacks device writes */
	atomic_uint followed;		/* rounds whose events followed a cut in flight */
	struct sim_queue maps;
	struct sim_queue *tx, *rx;
};

struct sim_world {
	struct sim_page pages[NPAGES];
	struct sim_churn churn[2];
	struct sim_end fe, st;
	struct sim_queue up, down;	/* to the frontend, to the stub */
	atomic_ullong applied;	/* frontend: last cut applied, the acknowledgment */
	u64 next_id;
	bool quiet;		/* actors rest */
	atomic_bool stop;
	atomic_bool ttl_guest, ttl_dev;	/* this side owns the byte */
	atomic_uint doorbells, irqs, ttls;
	pthread_mutex_t map_lock;	/* the device's stores to CHURN, RECYCLED against unmaps */
};

extern struct sim_world *world;
/* report a violated invariant, once per run */
void sim_fail(const char *invariant, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool sim_failed(void);

/* threads_actors.c */
void sim_actors_init(void);
void sim_guest_step(void);
void sim_device_step(void);
void sim_guest_churn(void);
void sim_device_tagged(void);
void sim_noise_step(void);
void sim_fast_counter_step(void);
void sim_beat_step(bool guest);
void sim_on_doorbell(u32 value);
void sim_on_irq(u32 value);
void sim_on_ttl_doorbell(void);
void sim_on_ttl_irq(void);
void sim_check_quiet(void);
/* true if both polling consumers have seen a flag */
bool sim_polling_works(void);

/* threads_ends.c */
void sim_ends_init(void);
void sim_ends_exit(void);
void sim_post(struct sim_end *end, enum sim_what what, u32 value);
void sim_map(enum sim_page_name page, u32 prot, u8 tag, bool fresh);
void sim_unmap(enum sim_page_name page, u32 prot);
bool sim_pump(struct sim_end *end);
bool sim_receive(struct sim_end *end);

#endif /* _SIM_THREADS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the files of the simulated world; protocols include world.h only.
 */
#ifndef _SIM_WORLD_PRIV_H
#define _SIM_WORLD_PRIV_H

#include <linux/mutex.h>

#include "world.h"

#define FRAMES_MAX	24	/* in flight */
#define SIM_MOVES	8	/* extents of one request ... */
#define SIM_EXTENTS	16	/* ... and by page */

enum what { CUT, MAP, UNMAP, EXPECT, FORGET, REG_WRITE, REG_READ, REPLY, IRQ };

/* of each kind every event arrives once, in order */
enum kind { ACCESSES, REPLIES, IRQS, KINDS };

/* a message on the network, or waiting to be sent */
struct msg {
	struct list_head list;
	enum what what;
	struct riod_frame *frame;
	u32 n;			/* register, vector, I/O page */
	u64 value;
	u64 id;
	u32 prot, tag;
	/* EXPECT: @n of them; @value: key; @prot: always */
	struct riod_profile_extent moves[SIM_MOVES];
	struct riod_wire_extent extents[SIM_EXTENTS];
	u64 nr;			/* of the register accesses, replies or interrupts */
	u64 seq;		/* of the session */
	u64 sum;		/* of the frame, when it was queued */
};

struct queue {
	struct list_head msgs;
	u32 n;
};

/* one direction of a session */
struct stream {
	struct queue wire;	/* frames on their way */
	struct queue retained;	/* runs with breaks: frames that the sender may send again */
	u64 tx_seq;		/* number of the last frame that was sent */
	u64 acked;		/* highest number that the sender knows to be processed */
	u64 rx_seq;		/* highest number that was processed */
	u64 ack_due;		/* the sender hears of it then, in accesses */
	bool cut;		/* what is sent does not arrive */
};

struct end {
	struct riod_sync y;
	struct queue events;
	struct stream *tx, *rx;
	const char *name;
	bool in_collect, in_apply;
	struct queue waiting;	/* stub: events that join the next cut */
	u64 looked;		/* stub: the cut in flight that they could not follow */
	const void *pump;	/* the task that is taking a cut */
	bool broken;		/* it has noticed the break, and rests */
	bool kicked;		/* a round is due, as of riod_link_kick() */
	bool busy;		/* its receive thread is processing a frame */
};

/* a mapping at the frontend */
struct fe_map {
	u64 id;			/* page number; 0: the pump has not entered it */
	u32 page, prot, tag;
	bool used;
};

/* of a page of I/O addresses, by the profile */
struct fe_name {
	u32 count;
	enum riod_profile_use use;
};

/* a mapping at the stub: an entry of its IOMMU */
struct st_map {
	u8 *shadow;
	u32 prot, tag;
};

struct att {
	u32 nr;
	struct end fe, st;
	struct stream up, down;
	u64 flight, flight_seq;	/* stub: its last cut, and the number of the commit */
	u64 acked;		/* stub: last cut that was acknowledged */
	u64 posted[KINDS], arrived[KINDS];
	struct mutex dma_lock;	/* @maps and @records */
	struct queue records;	/* MAP and UNMAP to be sent to the stub */
	struct fe_map maps[SIM_IOVAS];
	struct fe_name names[SIM_IOVAS];
	u64 next_id, ids[SIM_PAGES];
	u32 id_maps[SIM_PAGES];
	struct st_map iommu[SIM_IOVAS];
	u64 regs[SIM_REGS];
	u32 writes[SIM_REGS];
	u32 irqs[SIM_VECTORS], irqs_raised[SIM_VECTORS];
	void *profile;		/* state of the profile */
	struct riod_sync_order *order, *next_order;
	u64 reply;
	bool reply_here;
	bool held;		/* maps wait until the cut finds memory quiet, see riod_sync.hold */
	bool lost;
};

struct sim_world {
	const struct sim_proto *proto;
	u8 *mem[SIM_PAGES];
	struct att atts[SIM_ATTS];
	u32 natts;
	bool guest_done;
	bool breaks;		/* connections break in this run */
	struct sim_result *result;
};

/* condition of a waiter: vector @n fires, or register @n differs from @value */
struct wait {
	struct att *a;
	u32 n;
	u64 value;
};

extern struct sim_world sim_w;

/* world.c */
static inline void sim_window(enum sim_window win)
{
	sim_windows[win]++;
}

/* world_guest.c */
struct riod_sync_page *sim_engine_page(struct end *e, u64 id);
/* the device may access what is mapped there, now or once it is mapped */
bool sim_is_shared(const struct att *a, u32 iova_page);
u64 sim_mem_load(const u8 *p, u32 width);
void sim_mem_store(u8 *p, u32 width, u64 value);
/* pump: enter the queued maps, and send their records ahead of the cut */
void sim_prepare(struct att *a);
/* riod_sync.join: the same while the cut is being taken */
int sim_join(void *att);
void sim_hold(void *att, bool on);
/* riod_sync.completed */
void sim_completed(void *att);

void sim_order_settle(struct att *a);
void sim_profile_init(struct att *a);
void sim_profile_exit(struct att *a);
/* pump, receive thread: call a hook of the profile (after_cut, after_apply) */
void sim_profile_turn(struct att *a, void (*turn)(void *state));

/* world_net.c */
/* true if the running task is a pump that is taking a cut */
bool sim_pump_runs(void);
void sim_queue_init(struct queue *q);
struct msg *sim_new_msg(enum what what, u32 n, u64 value);
void sim_put(struct queue *q, struct msg *m);
struct msg *sim_get(struct queue *q);
void sim_free(struct msg *m);
void sim_drop(struct queue *q);
/* queue an event for the pump of its end */
void sim_post(struct att *a, struct queue *q, struct msg *m);
/* receive thread: process a frame, and free it */
void sim_process(struct att *a, struct end *e, struct msg *m);
void sim_spawn_services(struct att *a);
void sim_run_cutter(void *arg);

/* world_break.c */
void sim_send(struct stream *s, struct msg *m);
/* stub: the commit of @cut has number @seq */
void sim_note_cut(struct att *a, u64 seq, u64 cut);
bool sim_may_receive(struct end *e);
void sim_receive(struct att *a, struct end *e);
void sim_run_breaker(void *arg);

#endif /* _SIM_WORLD_PRIV_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two links against each other, with the real engine and pages at both ends
 */
#ifndef _RIOD_TESTS_LINK_PAIR_H
#define _RIOD_TESTS_LINK_PAIR_H

#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "link_priv.h"
#include "pair.h"
#include "session_priv.h"

#define NEVER_MS	(10 * 60 * 1000)
#define NEVER_US	(1000 * 1000 * 1000)
#define PAGE_ID		1

static const struct riod_session_params params = {
	.version = RIOD_VERSION_1,
	.nfuncs = 1,
	.tx_window = RIOD_WINDOW_MIN,
	.tx_max_frame = RIOD_FRAME_MAX,
	.rx_max_frame = RIOD_FRAME_MAX,
	.keepalive_ms = NEVER_MS,
	.lost_ms = NEVER_MS,
};

/* no background cuts: only events cause cuts */
static const struct riod_sync_params by_events = {
	.idle_min_us = NEVER_US,
	.idle_max_us = NEVER_US,
};

/**
 * struct end - one end
 * @l: link; NULL once it is freed
 * @page: memory of PAGE_ID
 * @mapped: PAGE_ID is mapped
 * @frames: number of ops->frame() calls
 * @seen: first word of the page during the last one
 * @type: frame type of the last one
 * @irqs: epochs of the IRQ frames, and @seen for each
 * @nirqs: number of @irqs
 * @got: completed once for each frame
 * @applied: number of ops->applied() calls
 * @held_back: ops->applied() waits for @hold
 * @hold: see @held_back; the end opens it
 * @collected: number of ops->collected() calls
 * @nover: number of ops->over() calls
 * @nlost: number of ops->lost() calls
 * @reason: reason of the last one
 * @lost: ops->lost() was called
 * @answers: the stub answers requests; otherwise it adds them to @held
 * @held: tags of unanswered requests
 * @nheld: number of @held
 * @fail_gather: how often ops->gather() still has to fail
 * @gather: frames that ops->gather() still has to add, with epochs from GATHERED on
 * @gathered: frames that it has added
 * @late: how often ops->collected() still has to write LATE and to post an event of this epoch
 * @prepare: MAP frames that ops->prepare() still has to send
 * @fail_prepare: how often it still has to fail
 */
struct end {
	struct riod_link *l;
	u8 *page;
	bool mapped;
	u32 frames;
	u32 seen;
	u8 type;
	struct { u32 epoch, seen; } irqs[8];
	u32 nirqs;
	struct completion got;
	atomic_t applied;
	bool held_back;
	struct completion hold;
	atomic_t collected;
	atomic_t nover;
	u32 nlost;
	enum riod_reason reason;
	struct completion lost;
	bool answers;
	u32 held[RIOD_REQUESTS_MAX + 1];
	u32 nheld;
	atomic_t fail_gather;
	atomic_t gather;
	u32 gathered;
	atomic_t late;
	atomic_t prepare;
	atomic_t fail_prepare;
};

#define GATHERED	100
#define LATE		99

static inline struct riod_frame *irq_make(void)
{
	return irq_of(0);
}

static inline struct riod_frame *reg_make(u8 op, u64 offset)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_REG, 0,
						sizeof(struct riod_wire_reg), GFP_KERNEL);
	struct riod_wire_reg *r;

	if (!f)
		return NULL;
	r = (struct riod_wire_reg *)f->body;
	r->width = 4;
	r->op = op;
	r->offset = cpu_to_le64(offset);
	return f;
}

static inline struct riod_frame *reply_make(u32 tag, u32 status, u64 value)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_REPLY, 0,
						sizeof(struct riod_wire_reply), GFP_KERNEL);
	struct riod_wire_reply *r;

	if (!f)
		return NULL;
	r = (struct riod_wire_reply *)f->body;
	r->tag = cpu_to_le32(tag);
	r->status = cpu_to_le32(status);
	r->value = cpu_to_le64(value);
	return f;
}

/* the stub's device: a read returns twice the offset; bits 19:16 of the offset are the status */
static inline int end_request(struct end *e, const struct riod_wire_reg *r)
{
	u32 tag = le32_to_cpu(r->tag);
	u64 offset = le64_to_cpu(r->offset);

	if (!READ_ONCE(e->answers)) {
		e->held[e->nheld] = tag;
		/* pairs with nheld() */
		smp_store_release(&e->nheld, e->nheld + 1);
		return 0;
	}
	return riod_link_post_reply(e->l, reply_make(tag, offset >> 16, 2 * offset));
}

/* the stub's ROM: each byte of a piece is the number of the piece */
static inline struct riod_frame *piece_make(u32 tag, u32 offset)
{
	struct riod_wire_reply *r;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_REPLY, 0, struct_size(r, data, RIOD_ROM_PIECE),
			     GFP_KERNEL);
	if (!f)
		return NULL;
	r = (struct riod_wire_reply *)f->body;
	r->tag = cpu_to_le32(tag);
	r->value = cpu_to_le64(SZ_64K);
	memset(r->data, offset / RIOD_ROM_PIECE, RIOD_ROM_PIECE);
	return f;
}

static inline int end_piece(struct end *e, const struct riod_wire_ctl *c)
{
	u32 tag = le32_to_cpu(c->tag), offset = le32_to_cpu(c->arg);

	return riod_link_post_reply(e->l, READ_ONCE(e->answers) ? piece_make(tag, offset) :
							reply_make(tag, 0, 0));
}

static inline u32 nheld(struct end *e)
{
	/* the entries of @held below it are valid */
	return smp_load_acquire(&e->nheld);
}

static inline void end_irq(struct end *e, const struct riod_wire_irq *q)
{
	if (e->nirqs == ARRAY_SIZE(e->irqs))
		return;
	e->irqs[e->nirqs].epoch = le32_to_cpu(q->epoch);
	e->irqs[e->nirqs++].seen = e->seen;
}

static inline int end_frame(void *priv, struct riod_frame *f)
{
	const struct riod_wire_reg *r = (const void *)f->body;
	struct end *e = priv;
	int err = 0;

	e->seen = READ_ONCE(*(u32 *)e->page);
	e->type = f->hdr.type;
	WRITE_ONCE(e->frames, e->frames + 1);
	if (f->hdr.type == RIOD_FRAME_IRQ)
		end_irq(e, (const void *)f->body);
	if (f->hdr.type == RIOD_FRAME_REG && r->tag)
		err = end_request(e, r);
	if (f->hdr.type == RIOD_FRAME_CTL)
		err = end_piece(e, (const void *)f->body);
	complete(&e->got);
	return err;
}

static inline int end_gather(void *priv, struct list_head *events)
{
	struct end *e = priv;
	struct riod_frame *f;

	if (atomic_dec_if_positive(&e->fail_gather) >= 0)
		return -ENOMEM;
	while (atomic_dec_if_positive(&e->gather) >= 0) {
		f = irq_of(GATHERED + e->gathered++);
		if (f)
			list_add_tail(&f->list, events);
	}
	return 0;
}

static inline int end_prepare(void *priv)
{
	struct end *e = priv;
	struct riod_wire_map *m;
	struct riod_frame *f;
	int err = 0;

	if (atomic_dec_if_positive(&e->fail_prepare) >= 0)
		return -ENOMEM;
	while (!err && atomic_dec_if_positive(&e->prepare) >= 0) {
		f = riod_frame_alloc(RIOD_FRAME_MAP, 0, sizeof(*m), GFP_KERNEL);
		if (!f)
			return -ENOMEM;
		m = (struct riod_wire_map *)f->body;
		m->page = cpu_to_le64(PAGE_ID);
		m->npages = cpu_to_le32(1);
		m->prot = cpu_to_le32(RIOD_PROT_READ);
		err = riod_link_send(e->l, f);
	}
	return err;
}

static inline void end_collected(void *priv)
{
	struct end *e = priv;

	atomic_inc(&e->collected);
	if (atomic_dec_if_positive(&e->late) < 0)
		return;
	WRITE_ONCE(*(u32 *)e->page, LATE);
	riod_link_post(e->l, irq_of(LATE));
}

static inline void end_applied(void *priv)
{
	struct end *e = priv;

	atomic_inc(&e->applied);
	if (e->held_back)
		wait_for_completion(&e->hold);
}

static inline void end_over(void *priv, enum riod_reason reason)
{
	struct end *e = priv;

	atomic_inc(&e->nover);
}

static inline void end_lost(void *priv, enum riod_reason reason)
{
	struct end *e = priv;

	e->nlost++;
	e->reason = reason;
	complete_all(&e->lost);
}

static const struct riod_link_ops end_ops = {
	.over = end_over,
	.frame = end_frame,
	.gather = end_gather,
	.prepare = end_prepare,
	.collected = end_collected,
	.applied = end_applied,
	.lost = end_lost,
};

static inline void end_unmap(struct end *e)
{
	void *priv;

	if (e->mapped)
		riod_sync_unmap(riod_link_sync(e->l), PAGE_ID,
				RIOD_PROT_READ | RIOD_PROT_WRITE, &priv);
	e->mapped = false;
}

static inline void end_exit(void *data)
{
	struct end *e = data;

	if (!e->l)
		return;
	complete_all(&e->hold);
	riod_link_stop(e->l);
	end_unmap(e);
	riod_link_free(e->l);
	e->l = NULL;
}

/* consumes *@conn */
static inline struct end *end_create_with(struct kunit *test, struct riod_conn **conn,
					  enum riod_sync_role role,
					  const struct riod_sync_params *sync,
					  const struct riod_session_params *params)
{
	struct end *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);
	struct riod_link *l;

	KUNIT_ASSERT_NOT_NULL(test, e);
	init_completion(&e->got);
	init_completion(&e->lost);
	init_completion(&e->hold);
	e->answers = true;
	/* page memory is aligned to its size */
	e->page = kunit_kzalloc(test, 2 * RIOD_PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, e->page);
	e->page = PTR_ALIGN(e->page, RIOD_PAGE_SIZE);
	l = riod_link_create(*conn, params, role, sync, "test", &end_ops, e);
	*conn = NULL;
	KUNIT_ASSERT_FALSE(test, IS_ERR(l));
	e->l = l;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_exit, e), 0);
	return e;
}

static inline struct end *end_create(struct kunit *test, struct riod_conn **conn,
				     enum riod_sync_role role,
				     const struct riod_sync_params *sync)
{
	return end_create_with(test, conn, role, sync, &params);
}

static inline void end_map(struct kunit *test, struct end *e)
{
	KUNIT_ASSERT_EQ(test, riod_sync_map(riod_link_sync(e->l), PAGE_ID, e->page,
					    RIOD_PROT_READ | RIOD_PROT_WRITE, NULL), 0);
	e->mapped = true;
}

struct ends {
	struct end *fe;
	struct end *stub;
};

static inline struct ends ends_create(struct kunit *test, const struct riod_sync_params *sync)
{
	struct pair *p = pair_connect(test);

	return (struct ends){
		.fe = end_create(test, &p->near, RIOD_SYNC_FRONTEND, sync),
		.stub = end_create(test, &p->far, RIOD_SYNC_STUB, sync),
	};
}

static inline struct ends ends_start(struct kunit *test)
{
	struct ends x = ends_create(test, &by_events);

	KUNIT_ASSERT_EQ(test, riod_link_start(x.fe->l), 0);
	KUNIT_ASSERT_EQ(test, riod_link_start(x.stub->l), 0);
	return x;
}

/* with the page mapped at both ends and its first content sent */
static inline struct ends ends_start_mapped(struct kunit *test)
{
	struct ends x = ends_start(test);

	end_map(test, x.stub);
	end_map(test, x.fe);
	return x;
}

static inline void end_put(struct end *e, u32 value)
{
	WRITE_ONCE(*(u32 *)e->page, value);
}

static inline void expect_lost(struct kunit *test, struct end *e, enum riod_reason reason)
{
	pair_expect_done(test, &e->lost);
	KUNIT_EXPECT_EQ(test, e->reason, reason);
	riod_link_stop(e->l);
	KUNIT_EXPECT_TRUE(test, riod_link_sync(e->l)->stopped);
	KUNIT_EXPECT_EQ(test, atomic_read(&e->nover), 1);
	KUNIT_EXPECT_EQ(test, e->nlost, 1);
}

static inline u64 cuts_sent(struct end *e)
{
	struct riod_sync_stats st;

	riod_sync_get_stats(riod_link_sync(e->l), &st);
	return st.cuts_sent;
}

struct reader {
	struct end *e;
	u64 offset;
	u32 count;
	u64 value;
};

static inline int reader_run(void *priv)
{
	struct reader *r = priv;
	int err = 0;
	u32 n;

	for (n = 0; !err && n < r->count; n++) {
		err = riod_link_request(r->e->l, reg_make(RIOD_REG_READ, r->offset + 4 * n),
					&r->value);
		if (!err && r->value != 2 * (r->offset + 4 * n))
			err = -EBADMSG;
	}
	return err;
}

static inline struct runner *reader_start(struct kunit *test, struct end *e, u64 offset, u32 count)
{
	struct reader r = { e, offset, count };

	return runner_start(test, reader_run, keep(test, r));
}

#define LINK_CASE(name) KUNIT_CASE_PARAM(name, pair_transport_gen_params)

#endif /* _RIOD_TESTS_LINK_PAIR_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two links against each other, with the real engine and pages at both ends
 */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat_export.h"
#include "core.h"
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

/* no background cuts: what moves, moves by events */
static const struct riod_sync_params by_events = {
	.idle_min_us = NEVER_US,
	.idle_max_us = NEVER_US,
};

/**
 * struct end - one end
 * @l: link; NULL once it is freed
 * @page: PAGE_ID's memory
 * @mapped: PAGE_ID is mapped
 * @frames: frames that were handed over
 * @seen: what the page's first word was when the last of them came
 * @type: type of the last of them
 * @got: there was one
 * @applied: calls of ops->applied()
 * @held_back: ops->applied() waits for @hold
 * @hold: see @held_back; the end opens it
 * @collected: calls of ops->collected()
 * @nover: calls of ops->over()
 * @nlost: calls of ops->lost()
 * @reason: the last one's
 * @lost: there was one
 * @answers: the stub answers requests: @held is not used
 * @held: tags that were asked for and are not answered
 * @nheld: how many
 * @fail_gather: times that ops->gather() is yet to fail
 * @gather: frames that ops->gather() is yet to add
 * @prepare: MAP frames that ops->prepare() is yet to send
 * @fail_prepare: times that it is yet to fail
 */
struct end {
	struct riod_link *l;
	u8 *page;
	bool mapped;
	u32 frames;
	u32 seen;
	u8 type;
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
	atomic_t prepare;
	atomic_t fail_prepare;
};

static struct riod_frame *irq_make(void)
{
	struct riod_wire_irq *q;
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_IRQ, 0,
						struct_size(q, vectors, 1), GFP_KERNEL);

	if (f)
		((struct riod_wire_irq *)f->body)->count = cpu_to_le16(1);
	return f;
}

static struct riod_frame *reg_make(u8 op, u64 offset)
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

static struct riod_frame *reply_make(u32 tag, u32 status, u64 value)
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

/* the stub's device: a read gives twice the offset, and the status is in bits 19:16 */
static int end_request(struct end *e, const struct riod_wire_reg *r)
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

/* the stub's ROM: each piece is full of its number */
static struct riod_frame *piece_make(u32 tag, u32 offset)
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

static int end_piece(struct end *e, const struct riod_wire_ctl *c)
{
	u32 tag = le32_to_cpu(c->tag), offset = le32_to_cpu(c->arg);

	return riod_link_post_reply(e->l, READ_ONCE(e->answers) ? piece_make(tag, offset) :
							reply_make(tag, 0, 0));
}

static u32 nheld(struct end *e)
{
	/* so many entries of @held are there */
	return smp_load_acquire(&e->nheld);
}

static int end_frame(void *priv, struct riod_frame *f)
{
	const struct riod_wire_reg *r = (const void *)f->body;
	struct end *e = priv;
	int err = 0;

	e->seen = READ_ONCE(*(u32 *)e->page);
	e->type = f->hdr.type;
	WRITE_ONCE(e->frames, e->frames + 1);
	if (f->hdr.type == RIOD_FRAME_REG && r->tag)
		err = end_request(e, r);
	if (f->hdr.type == RIOD_FRAME_CTL)
		err = end_piece(e, (const void *)f->body);
	complete(&e->got);
	return err;
}

static int end_gather(void *priv, struct list_head *events)
{
	struct end *e = priv;
	struct riod_frame *f;

	if (atomic_dec_if_positive(&e->fail_gather) >= 0)
		return -ENOMEM;
	while (atomic_dec_if_positive(&e->gather) >= 0) {
		f = irq_make();
		if (f)
			list_add_tail(&f->list, events);
	}
	return 0;
}

static int end_prepare(void *priv)
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

static void end_collected(void *priv)
{
	struct end *e = priv;

	atomic_inc(&e->collected);
}

static void end_applied(void *priv)
{
	struct end *e = priv;

	atomic_inc(&e->applied);
	if (e->held_back)
		wait_for_completion(&e->hold);
}

static void end_over(void *priv, enum riod_reason reason)
{
	struct end *e = priv;

	atomic_inc(&e->nover);
}

static void end_lost(void *priv, enum riod_reason reason)
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

static void end_unmap(struct end *e)
{
	void *priv;

	if (e->mapped)
		riod_sync_unmap(riod_link_sync(e->l), PAGE_ID,
				RIOD_PROT_READ | RIOD_PROT_WRITE, &priv);
	e->mapped = false;
}

static void end_exit(void *data)
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

/* takes *@conn over */
static struct end *end_create_with(struct kunit *test, struct riod_conn **conn,
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

static struct end *end_create(struct kunit *test, struct riod_conn **conn,
			      enum riod_sync_role role, const struct riod_sync_params *sync)
{
	return end_create_with(test, conn, role, sync, &params);
}

static void end_map(struct kunit *test, struct end *e)
{
	KUNIT_ASSERT_EQ(test, riod_sync_map(riod_link_sync(e->l), PAGE_ID, e->page,
					    RIOD_PROT_READ | RIOD_PROT_WRITE, NULL), 0);
	e->mapped = true;
}

struct ends {
	struct end *fe;
	struct end *stub;
};

static struct ends ends_create(struct kunit *test, const struct riod_sync_params *sync)
{
	struct pair *p = pair_connect(test);

	return (struct ends){
		.fe = end_create(test, &p->near, RIOD_SYNC_FRONTEND, sync),
		.stub = end_create(test, &p->far, RIOD_SYNC_STUB, sync),
	};
}

static struct ends ends_start(struct kunit *test)
{
	struct ends x = ends_create(test, &by_events);

	KUNIT_ASSERT_EQ(test, riod_link_start(x.fe->l), 0);
	KUNIT_ASSERT_EQ(test, riod_link_start(x.stub->l), 0);
	return x;
}

/* with the page mapped at both ends, its first content in step */
static struct ends ends_start_mapped(struct kunit *test)
{
	struct ends x = ends_start(test);

	end_map(test, x.stub);
	end_map(test, x.fe);
	return x;
}

static void end_put(struct end *e, u32 value)
{
	WRITE_ONCE(*(u32 *)e->page, value);
}

static void expect_lost(struct kunit *test, struct end *e, enum riod_reason reason)
{
	pair_expect_done(test, &e->lost);
	KUNIT_EXPECT_EQ(test, e->reason, reason);
	riod_link_stop(e->l);
	KUNIT_EXPECT_TRUE(test, riod_link_sync(e->l)->stopped);
	KUNIT_EXPECT_EQ(test, atomic_read(&e->nover), 1);
	KUNIT_EXPECT_EQ(test, e->nlost, 1);
}

static u64 cuts_sent(struct end *e)
{
	struct riod_sync_stats st;

	riod_sync_get_stats(riod_link_sync(e->l), &st);
	return st.cuts_sent;
}

/* ------------------------------------------------------------ cuts and events */

/* what was written before an event is there when the event is handed over */
static void cut_before_event(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);
	u32 n;

	for (n = 1; n <= RIOD_LOAD(100); n++) {
		end_put(x.fe, n);
		KUNIT_EXPECT_EQ(test, riod_link_post(x.fe->l, reg_make(RIOD_REG_WRITE, 0)), 0);
		pair_expect_done(test, &x.stub->got);
		KUNIT_EXPECT_EQ(test, x.stub->type, RIOD_FRAME_REG);
		KUNIT_EXPECT_EQ(test, x.stub->seen, n);
		/* the device answers into the same page */
		end_put(x.stub, n | 0x80000000);
		KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
		pair_expect_done(test, &x.fe->got);
		KUNIT_EXPECT_EQ(test, x.fe->type, RIOD_FRAME_IRQ);
		KUNIT_EXPECT_EQ(test, x.fe->seen, n | 0x80000000);
	}
	KUNIT_EXPECT_EQ(test, cuts_sent(x.fe), RIOD_LOAD(100));
	KUNIT_EXPECT_EQ(test, cuts_sent(x.stub), RIOD_LOAD(100));
	KUNIT_EXPECT_EQ(test, x.fe->nlost + x.stub->nlost, 0);
}

/* an event with nothing changed is one frame and no more */
static void event_alone(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);
	u32 n;

	for (n = 1; n <= 20; n++) {
		KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
		pair_expect_done(test, &x.fe->got);
	}
	KUNIT_EXPECT_EQ(test, riod_session_last_seq(riod_link_session(x.stub->l)), 20);
	KUNIT_EXPECT_EQ(test, cuts_sent(x.stub), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&x.fe->applied), 0);
}

struct wakes {
	wait_queue_entry_t entry;
	atomic_t n;
};

static int count_wake(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	atomic_inc(&container_of(entry, struct wakes, entry)->n);
	return 0;
}

/* a round with nothing to send does not wake the transmit thread */
static void empty_round(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);
	struct riod_session *s = riod_link_session(x.stub->l);
	struct wakes w = { .n = ATOMIC_INIT(0) };
	int n;

	init_waitqueue_func_entry(&w.entry, count_wake);
	add_wait_queue(&s->tx_wait, &w.entry);
	for (n = 1; n <= 5; n++) {
		riod_link_kick(x.stub->l);
		KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&x.stub->collected) == n));
	}
	/* behind this wake-up are those of the rounds before */
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	pair_expect_done(test, &x.fe->got);
	remove_wait_queue(&s->tx_wait, &w.entry);
	/* the IRQ frame's, and one for its acknowledgment */
	KUNIT_EXPECT_LE(test, atomic_read(&w.n), 2);
}

/* what a CPU is kept busy with passes: a fifth, or where nothing moves a thirtieth */
static void rest(struct kunit *test)
{
	static const struct {
		u32 took_us, interval_us, idle, rest_us;
	} cases[] = {
		{ 10, 1000, false, 1000 },
		{ 1000, 1000, false, 4000 },
		{ 100000, 1000, false, 200000 },
		{ 10, 20000, true, 20000 },
		{ 1000, 20000, true, 31000 },
		{ 6000, 20000, true, 186000 },
		{ 100000, 20000, true, 200000 },
		{ 100000, 500000, true, 500000 },
	};
	ktime_t took;
	s64 us;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		took = ns_to_ktime((u64)cases[i].took_us * NSEC_PER_USEC);
		us = ktime_to_us(riod_link_rest(took, cases[i].interval_us, cases[i].idle));
		KUNIT_EXPECT_EQ(test, us, cases[i].rest_us);
	}
}

/* in microseconds from the last cut */
static void due_at(struct kunit *test)
{
	static const struct {
		u32 took_us, applied_us, interval_us, due_us;
		bool idle;
	} cases[] = {
		/* nothing was applied */
		{ 10, 0, 1000, 1000 },
		{ 3000, 0, 20000, 93000, true },
		/* after a long time, or when the pump would rest for long: soon, but not at once */
		{ 3000, 90000, 1000, 91000 },
		{ 10, 15000, 1000, 16000 },
		{ 10, 50000, 1000, 51000 },
		/* right behind the last cut: the rest counts */
		{ 3000, 100, 1000, 12000 },
	};
	const ktime_t cut_at = ktime_set(1000, 0);
	ktime_t took, applied, due;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		took = ns_to_ktime((u64)cases[i].took_us * NSEC_PER_USEC);
		applied = 0;
		if (cases[i].applied_us)
			applied = ktime_add_us(cut_at, cases[i].applied_us);
		due = riod_link_due_at(cut_at, took, applied, cases[i].interval_us,
				       cases[i].idle);
		KUNIT_EXPECT_EQ(test, ktime_us_delta(due, cut_at), cases[i].due_us);
	}
}

/* a steady stream of cuts puts no background cut off: what counts is the first of them */
static void applied_again(struct kunit *test)
{
	static const struct riod_sync_params slow = {
		.idle_min_us = 10 * USEC_PER_SEC, .idle_max_us = 40 * USEC_PER_SEC,
	};
	struct ends x = ends_create(test, &slow);
	ktime_t first = 0;
	u32 n;

	KUNIT_ASSERT_EQ(test, riod_link_start(x.fe->l), 0);
	KUNIT_ASSERT_EQ(test, riod_link_start(x.stub->l), 0);
	end_map(test, x.stub);
	end_map(test, x.fe);
	for (n = 1; n <= 3; n++) {
		end_put(x.fe, n);
		KUNIT_EXPECT_EQ(test, riod_link_post(x.fe->l, reg_make(RIOD_REG_WRITE, 0)), 0);
		pair_expect_done(test, &x.stub->got);
		if (n == 1)
			first = READ_ONCE(x.stub->l->applied_at);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&x.stub->applied), 3);
	KUNIT_EXPECT_NE(test, first, 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(x.stub->l->applied_at), first);
	/* an event's cut ends it */
	end_put(x.stub, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	pair_expect_done(test, &x.fe->got);
	KUNIT_EXPECT_EQ(test, READ_ONCE(x.stub->l->applied_at), 0);
}

/* the stub has been idle for long: what it applies makes no pass due at once */
static void applied_while_idle(struct kunit *test)
{
	static const struct riod_sync_params slow = {
		.idle_min_us = 10 * USEC_PER_SEC, .idle_max_us = 40 * USEC_PER_SEC,
	};
	struct ends x = ends_create(test, &slow);
	ktime_t long_ago = ktime_sub(ktime_get(), ktime_set(50, 0));

	KUNIT_ASSERT_EQ(test, riod_link_start(x.fe->l), 0);
	KUNIT_ASSERT_EQ(test, riod_link_start(x.stub->l), 0);
	end_map(test, x.stub);
	end_map(test, x.fe);
	/* the pump is asleep, and looks at the time once the cut has been applied */
	schedule_timeout_idle(2);
	WRITE_ONCE(x.stub->l->cut_at, long_ago);
	end_put(x.fe, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.fe->l, reg_make(RIOD_REG_WRITE, 0)), 0);
	pair_expect_done(test, &x.stub->got);
	schedule_timeout_idle(5);
	KUNIT_EXPECT_EQ(test, atomic_read(&x.stub->applied), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&x.stub->collected), 0);
}

/* the stub's next cut, and the events for it, wait until the last one is applied */
static void one_in_flight(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);

	x.fe->held_back = true;
	end_put(x.stub, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&x.fe->applied) == 1));
	/* everything that could make the pump go */
	end_put(x.stub, 2);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	riod_link_kick(x.stub->l);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.fe->l, reg_make(RIOD_REG_WRITE, 0)), 0);
	pair_expect_done(test, &x.stub->got);
	schedule_timeout_idle(2);
	KUNIT_EXPECT_EQ(test, atomic_read(&x.stub->collected), 1);
	KUNIT_EXPECT_EQ(test, cuts_sent(x.stub), 1);
	complete_all(&x.fe->hold);
	pair_expect_done(test, &x.fe->got);
	pair_expect_done(test, &x.fe->got);
	KUNIT_EXPECT_EQ(test, x.fe->seen, 2);
	KUNIT_EXPECT_EQ(test, cuts_sent(x.stub), 2);
}

/* the counter as user space gets it */
static u64 nl_stat(struct kunit *test, struct riod_link *l, int attr)
{
	struct sk_buff *skb = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	struct nlattr *tb[RIOD_A_STATS_MAX + 1] = {};
	struct riod_func_stats fs = {};
	u64 value = U64_MAX;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	if (!riod_nl_put_stats(skb, RIOD_A_EXPORT_STATS, l, &fs) &&
	    !nla_parse_nested(tb, RIOD_A_STATS_MAX, (struct nlattr *)skb->data, NULL, NULL) &&
	    tb[attr])
		value = nla_get_uint(tb[attr]);
	nlmsg_free(skb);
	return value;
}

/* an interrupt whose bytes are in the cut in flight does not wait for it */
static void interrupt_follows(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);
	struct riod_session *s = riod_link_session(x.stub->l);
	struct riod_link_stats st;

	x.fe->held_back = true;
	end_put(x.stub, 1);
	/* as the time would: no event asks for the cut */
	riod_link_kick(x.stub->l);
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&x.fe->applied) == 1));
	KUNIT_EXPECT_TRUE(test, riod_sync_in_flight(riod_link_sync(x.stub->l)));
	/* frames on the way: the cut's two, and the interrupt's */
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(riod_session_last_seq(s) == 3));
	KUNIT_EXPECT_TRUE(test, riod_sync_in_flight(riod_link_sync(x.stub->l)));
	/* this one's bytes are not, so it joins the next cut, and so do those behind it */
	end_put(x.stub, 2);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	schedule_timeout_idle(2);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	schedule_timeout_idle(2);
	KUNIT_EXPECT_EQ(test, riod_session_last_seq(s), 3);
	complete_all(&x.fe->hold);
	pair_expect_done(test, &x.fe->got);
	pair_expect_done(test, &x.fe->got);
	pair_expect_done(test, &x.fe->got);
	KUNIT_EXPECT_EQ(test, x.fe->seen, 2);
	KUNIT_EXPECT_EQ(test, cuts_sent(x.stub), 2);
	riod_link_get_stats(x.stub->l, &st);
	KUNIT_EXPECT_EQ(test, st.followed, 1);
	KUNIT_EXPECT_EQ(test, nl_stat(test, x.stub->l, RIOD_A_STATS_FOLLOWED), 1);
}

/* the frontend does not wait: its cuts follow each other while none is applied */
static void frontend_pipelines(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);
	u32 n;

	x.stub->held_back = true;
	for (n = 1; n <= 50; n++) {
		end_put(x.fe, n);
		KUNIT_EXPECT_EQ(test, riod_link_post(x.fe->l, reg_make(RIOD_REG_WRITE, 0)), 0);
		KUNIT_ASSERT_TRUE(test, pair_eventually(cuts_sent(x.fe) == n));
	}
	KUNIT_EXPECT_EQ(test, x.stub->frames, 0);
	complete_all(&x.stub->hold);
	for (n = 1; n <= 50; n++)
		pair_expect_done(test, &x.stub->got);
	KUNIT_EXPECT_EQ(test, x.stub->seen, 50);
	KUNIT_EXPECT_EQ(test, x.stub->nlost, 0);
}

/* nobody posts anything, and the bytes arrive all the same */
static void background(struct kunit *test)
{
	struct ends x = ends_create(test, NULL);
	struct riod_sync_stats st;

	KUNIT_ASSERT_EQ(test, riod_link_start(x.fe->l), 0);
	KUNIT_ASSERT_EQ(test, riod_link_start(x.stub->l), 0);
	end_map(test, x.stub);
	end_map(test, x.fe);
	/* the owner's part: mapped elsewhere than in ops->frame() */
	riod_link_kick(x.stub->l);
	riod_link_kick(x.fe->l);
	end_put(x.stub, 77);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(*(u32 *)x.fe->page) == 77));
	end_put(x.fe, 78);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(*(u32 *)x.stub->page) == 78));
	riod_sync_get_stats(riod_link_sync(x.fe->l), &st);
	KUNIT_EXPECT_GT(test, st.background, 0);
	/* with nothing mapped the pumps come to rest */
	end_unmap(x.fe);
	end_unmap(x.stub);
	riod_link_kick(x.fe->l);
	riod_link_kick(x.stub->l);
	KUNIT_EXPECT_EQ(test, x.fe->nlost + x.stub->nlost, 0);
}

/* bits become frames before the scan, maps go ahead of the cut; no memory is waited out */
static void gather_and_prepare(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);

	atomic_set(&x.stub->fail_gather, 3);
	atomic_set(&x.stub->gather, 1);
	end_put(x.stub, 5);
	riod_link_kick(x.stub->l);
	pair_expect_done(test, &x.fe->got);
	KUNIT_EXPECT_EQ(test, x.fe->type, RIOD_FRAME_IRQ);
	KUNIT_EXPECT_EQ(test, x.fe->seen, 5);

	atomic_set(&x.fe->fail_prepare, 3);
	/* more than is kept back, so some of it is sent at once */
	atomic_set(&x.fe->prepare, 3000);
	end_put(x.fe, 6);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.fe->l, reg_make(RIOD_REG_WRITE, 0)), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(x.stub->frames) == 3001));
	KUNIT_EXPECT_EQ(test, x.stub->type, RIOD_FRAME_REG);
	KUNIT_EXPECT_EQ(test, x.stub->seen, 6);
	KUNIT_EXPECT_EQ(test, atomic_read(&x.stub->applied), 1);
}

/* ------------------------------------------------------------ requests */

struct reader {
	struct end *e;
	u64 offset;
	u32 count;
	u64 value;
};

static int reader_run(void *priv)
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

static struct runner *reader_start(struct kunit *test, struct end *e, u64 offset, u32 count)
{
	struct reader r = { e, offset, count };

	return runner_start(test, reader_run, keep(test, r));
}

/* many at once, each gets its own answer */
static void requests(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);
	struct runner *r[8];
	u32 n;

	for (n = 0; n < ARRAY_SIZE(r); n++)
		r[n] = reader_start(test, x.fe, 4096 * n, RIOD_LOAD(200));
	for (n = 0; n < ARRAY_SIZE(r); n++)
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n]), 0);
}

static void statuses(struct kunit *test)
{
	static const int errors[] = { 0, -EACCES, -EINVAL, -EIO };
	struct ends x = ends_start(test);
	u32 n;

	for (n = 0; n < ARRAY_SIZE(errors); n++)
		KUNIT_EXPECT_EQ(test, riod_link_request(x.fe->l, reg_make(RIOD_REG_READ, n << 16),
							NULL), errors[n]);
}

static void answer_held(struct kunit *test, struct end *e, u32 from, u32 to)
{
	u32 n;

	for (n = from; n < to; n++)
		KUNIT_EXPECT_EQ(test, riod_link_post_reply(e->l, reply_make(e->held[n], 0, 0)), 0);
}

/* never more than the limit on their way; who comes later waits for a tag */
static void all_tags(struct kunit *test)
{
	u32 n, more = RIOD_REQUESTS_MAX + 4;
	struct ends x = ends_start(test);
	struct runner **r;

	r = kunit_kcalloc(test, more, sizeof(struct runner *), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	x.stub->answers = false;
	for (n = 0; n < more; n++)
		r[n] = reader_start(test, x.fe, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(nheld(x.stub) == RIOD_REQUESTS_MAX));
	schedule_timeout_idle(2);
	KUNIT_EXPECT_EQ(test, x.stub->nheld, RIOD_REQUESTS_MAX);
	/* those that come now are answered at once */
	WRITE_ONCE(x.stub->answers, true);
	answer_held(test, x.stub, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(x.stub->frames) == more));
	answer_held(test, x.stub, 1, RIOD_REQUESTS_MAX);
	for (n = 0; n < more; n++)
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n]), 0);
	KUNIT_EXPECT_EQ(test, x.fe->nlost, 0);
}

/* a killed waiter leaves at once; its answer finds nobody, and that is no fault */
static void killed_waiter(struct kunit *test)
{
	struct ends x = ends_start(test);
	struct runner *r;

	x.stub->answers = false;
	r = reader_start(test, x.fe, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(nheld(x.stub) == 1));
	runner_kill(r);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -EINTR);
	/* its tag is not given to the next one */
	r = reader_start(test, x.fe, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(nheld(x.stub) == 2));
	KUNIT_EXPECT_NE(test, x.stub->held[0], x.stub->held[1]);
	answer_held(test, x.stub, 0, 2);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), 0);
	KUNIT_EXPECT_EQ(test, x.fe->nlost, 0);
}

/* the link ends: waiters are told, and so is a request that nobody waits for */
static void ended_waiters(struct kunit *test)
{
	struct ends x = ends_start(test);
	struct reader reader = { x.fe, 0, 1 };
	struct runner *r[3];
	u32 n;

	x.stub->answers = false;
	for (n = 0; n < ARRAY_SIZE(r); n++)
		r[n] = reader_start(test, x.fe, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(nheld(x.stub) == 3));
	runner_kill(r[0]);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[0]), -EINTR);
	riod_link_end(x.stub->l, RIOD_REASON_UNBIND);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[1]), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[2]), -ENOTCONN);
	expect_lost(test, x.fe, RIOD_REASON_UNBIND);
	expect_lost(test, x.stub, RIOD_REASON_UNBIND);
	KUNIT_EXPECT_EQ(test, reader_run(&reader), -ENOTCONN);
}

/* a frontend that waits for replies no longer than @request_ms, and the raw end of a stub */
static struct end *impatient(struct kunit *test, u32 request_ms, u32 stall_ms,
			     struct pair **pp)
{
	struct riod_session_params p = params;
	struct pair *pair = pair_connect(test);
	struct end *fe;

	p.request_ms = request_ms;
	p.stall_ms = stall_ms;
	fe = end_create_with(test, &pair->near, RIOD_SYNC_FRONTEND, &by_events, &p);
	KUNIT_ASSERT_EQ(test, riod_link_start(fe->l), 0);
	*pp = pair;
	return fe;
}

static struct riod_frame *ack_make(u64 ack)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL);

	if (f)
		f->hdr.ack = cpu_to_le64(ack);
	return f;
}

/* a peer that acknowledges a request and never answers it loses the session */
static void never_answered(struct kunit *test)
{
	struct pair *p;
	struct end *fe = impatient(test, 50, NEVER_MS, &p);
	struct runner *r = reader_start(test, fe, 0, 1);
	struct riod_frame *f = p->ops->recv(p->far, RIOD_FRAME_MAX);

	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(f), 0);
	KUNIT_EXPECT_EQ(test, f->hdr.type, RIOD_FRAME_REG);
	riod_frame_free(f);
	KUNIT_EXPECT_EQ(test, pair_send(p->far, ack_make(1)), 0);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -ENOTCONN);
	expect_lost(test, fe, RIOD_REASON_TIMEOUT);
}

static struct riod_frame *reset_make(void)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_CTL, 0,
						sizeof(struct riod_wire_ctl), GFP_KERNEL);

	if (f)
		((struct riod_wire_ctl *)f->body)->op = cpu_to_le16(RIOD_CTL_RESET);
	return f;
}

static int resetter_run(void *priv)
{
	struct end *e = priv;

	return riod_link_request(e->l, reset_make(), NULL);
}

/* a slow reset is no fault, and neither is a read that waits behind it */
static void slow_reset(struct kunit *test)
{
	struct pair *p;
	struct end *fe = impatient(test, 20, NEVER_MS, &p);
	struct runner *r[2];
	struct riod_frame *f;
	u32 tag[2], n;

	for (n = 0; n < ARRAY_SIZE(r); n++) {
		r[n] = n ? reader_start(test, fe, 0, 1) :
			   runner_start(test, resetter_run, fe);
		f = p->ops->recv(p->far, RIOD_FRAME_MAX);
		KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(f), 0);
		tag[n] = le32_to_cpu(*(__le32 *)f->body);
		riod_frame_free(f);
	}
	/* ten times as long as a reply may take; what is shown is that nobody gives up */
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&fe->lost, msecs_to_jiffies(200)), 0);
	for (n = 0; n < ARRAY_SIZE(r); n++) {
		f = reply_make(tag[n], 0, 0);
		KUNIT_ASSERT_NOT_NULL(test, f);
		f->hdr.seq = cpu_to_le64(n + 1);
		f->hdr.ack = cpu_to_le64(n + 1);
		KUNIT_EXPECT_EQ(test, pair_send(p->far, f), 0);
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n]), 0);
	}
	KUNIT_EXPECT_EQ(test, fe->nlost, 0);
}

/* resets that overlap for ever add up to no deadline that is for ever */
static void slow_overlap(struct kunit *test)
{
	struct pair *p;
	struct end *fe = impatient(test, 20, NEVER_MS, &p);
	struct runner *r[5];
	unsigned long most;
	struct riod_frame *f;
	u32 tag[ARRAY_SIZE(r)], n;

	for (n = 0; n < ARRAY_SIZE(r); n++) {
		r[n] = runner_start(test, resetter_run, fe);
		f = p->ops->recv(p->far, RIOD_FRAME_MAX);
		KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(f), 0);
		tag[n] = le32_to_cpu(*(__le32 *)f->body);
		riod_frame_free(f);
		most = jiffies + 2 * msecs_to_jiffies(NEVER_MS);
		KUNIT_EXPECT_TRUE(test, time_before_eq(READ_ONCE(fe->l->slow_until), most));
		if (!n)
			continue;
		/* the one before; this one is out when the next is sent */
		f = reply_make(tag[n - 1], 0, 0);
		KUNIT_ASSERT_NOT_NULL(test, f);
		f->hdr.seq = cpu_to_le64(n);
		f->hdr.ack = cpu_to_le64(n + 1);
		KUNIT_EXPECT_EQ(test, pair_send(p->far, f), 0);
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n - 1]), 0);
	}
	riod_link_end(fe->l, RIOD_REASON_DETACH);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[n - 1]), -ENOTCONN);
}

/* when all tags belong to requests that nobody waits for, the next one does not wait for ever */
static void tags_never_back(struct kunit *test)
{
	struct pair *p;
	struct end *fe = impatient(test, NEVER_MS, NEVER_MS, &p);
	struct reader reader = { fe, 0, 1 };
	struct riod_session_params *limits;
	struct runner **r;
	u32 n;

	r = kunit_kcalloc(test, RIOD_REQUESTS_MAX, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	for (n = 0; n < RIOD_REQUESTS_MAX; n++)
		r[n] = reader_start(test, fe, 0, 1);
	for (n = 0; n < RIOD_REQUESTS_MAX; n++) {
		struct riod_frame *f = p->ops->recv(p->far, RIOD_FRAME_MAX);

		KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(f), 0);
		riod_frame_free(f);
	}
	for (n = 0; n < RIOD_REQUESTS_MAX; n++) {
		runner_kill(r[n]);
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n]), -EINTR);
	}
	/* only now: the others would have run into it too */
	limits = (struct riod_session_params *)riod_session_params(riod_link_session(fe->l));
	limits->request_ms = 20;
	limits->stall_ms = 20;
	KUNIT_EXPECT_EQ(test, pair_send(p->far, ack_make(RIOD_REQUESTS_MAX)), 0);
	KUNIT_EXPECT_EQ(test, reader_run(&reader), -ENOTCONN);
	expect_lost(test, fe, RIOD_REASON_TIMEOUT);
}

static void reply_to_nobody(struct kunit *test)
{
	struct ends x = ends_start(test);

	KUNIT_EXPECT_EQ(test, riod_link_post_reply(x.stub->l, reply_make(77, 0, 0)), 0);
	expect_lost(test, x.fe, RIOD_REASON_PROTOCOL);
	expect_lost(test, x.stub, RIOD_REASON_PROTOCOL);
}

static int read_piece(struct end *e, u32 offset, u8 *piece, u64 *value)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_CTL, 0,
						sizeof(struct riod_wire_ctl), GFP_KERNEL);
	struct riod_wire_ctl *c;

	if (!f)
		return -ENOMEM;
	c = (struct riod_wire_ctl *)f->body;
	c->op = cpu_to_le16(RIOD_CTL_ROM_READ);
	c->arg = cpu_to_le32(offset);
	return riod_link_request_piece(e->l, f, value, piece);
}

static void pieces(struct kunit *test)
{
	u8 *piece = kunit_kzalloc(test, RIOD_ROM_PIECE, GFP_KERNEL);
	struct ends x = ends_start(test);
	u64 value = 0;
	u32 n;

	KUNIT_ASSERT_NOT_NULL(test, piece);
	for (n = 0; n < 4; n++) {
		KUNIT_EXPECT_EQ(test, read_piece(x.fe, n * RIOD_ROM_PIECE, piece, &value), 0);
		KUNIT_EXPECT_EQ(test, value, SZ_64K);
		KUNIT_EXPECT_NULL(test, memchr_inv(piece, n, RIOD_ROM_PIECE));
	}
	/* the next request is a plain one again */
	KUNIT_EXPECT_EQ(test, riod_link_request(x.fe->l, reg_make(RIOD_REG_READ, 8), &value), 0);
	KUNIT_EXPECT_EQ(test, value, 16);
}

/* data for a waiter that has no room for it, and none for one that waits for some */
static void piece_to_a_read(struct kunit *test)
{
	struct ends x = ends_start(test);
	struct runner *r;

	x.stub->answers = false;
	r = reader_start(test, x.fe, 0, 1);
	KUNIT_ASSERT_TRUE(test, pair_eventually(nheld(x.stub) == 1));
	KUNIT_EXPECT_EQ(test, riod_link_post_reply(x.stub->l, piece_make(x.stub->held[0], 0)), 0);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -ENOTCONN);
	expect_lost(test, x.fe, RIOD_REASON_PROTOCOL);
}

static void piece_without_data(struct kunit *test)
{
	u8 *piece = kunit_kzalloc(test, RIOD_ROM_PIECE, GFP_KERNEL);
	struct ends x = ends_start(test);
	u64 value;

	KUNIT_ASSERT_NOT_NULL(test, piece);
	x.stub->answers = false;
	KUNIT_EXPECT_EQ(test, read_piece(x.fe, 0, piece, &value), -ENOTCONN);
	expect_lost(test, x.fe, RIOD_REASON_PROTOCOL);
}

/* ------------------------------------------------------------ limits and the end */

struct poster {
	struct end *e;
	u32 count;
	u32 posted;
};

static int poster_run(void *priv)
{
	struct poster *p = priv;
	int err = 0;

	while (!err && p->posted < p->count) {
		err = riod_link_post(p->e->l, irq_make());
		if (!err)
			WRITE_ONCE(p->posted, p->posted + 1);
	}
	return err;
}

static struct poster *poster_make(struct kunit *test, struct end *e, u32 count)
{
	struct poster p = { e, count };

	return keep(test, p);
}

/* the pump does not run yet, so events and replies pile up to their limits */
static void limits(struct kunit *test)
{
	struct ends x = ends_create(test, &by_events);
	struct poster *poster = poster_make(test, x.stub, RIOD_LINK_EVENTS_MAX + 2);
	struct riod_link_stats st;
	struct runner *r[2];
	u32 n;

	for (n = 0; n < RIOD_REQUESTS_MAX; n++)
		KUNIT_EXPECT_EQ(test, riod_link_post_reply(x.stub->l, reply_make(1, 0, 0)), 0);
	KUNIT_EXPECT_EQ(test, riod_link_post_reply(x.stub->l, reply_make(1, 0, 0)), -EPROTO);
	/* replies count as events too */
	r[0] = runner_start(test, poster_run, poster);
	KUNIT_ASSERT_TRUE(test, pair_eventually(({
		riod_link_get_stats(x.stub->l, &st); st.throttled == 1; })));
	KUNIT_EXPECT_EQ(test, poster->posted, RIOD_LINK_EVENTS_MAX - RIOD_REQUESTS_MAX);
	runner_kill(r[0]);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[0]), -EINTR);
	r[1] = runner_start(test, poster_run, poster);
	KUNIT_ASSERT_TRUE(test, pair_eventually(({
		riod_link_get_stats(x.stub->l, &st); st.throttled == 2; })));
	riod_link_end(x.stub->l, RIOD_REASON_DETACH);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[1]), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, riod_link_post_reply(x.stub->l, reply_make(1, 0, 0)), -ENOTCONN);
	KUNIT_EXPECT_TRUE(test, riod_link_is_lost(x.stub->l));
}

/* who must not wait does not, and cannot pile up more without an end */
static void nowait(struct kunit *test)
{
	struct ends x = ends_create(test, &by_events);
	u32 n;

	for (n = 0; n < 2 * RIOD_LINK_EVENTS_MAX; n++)
		KUNIT_ASSERT_EQ(test, riod_link_post_nowait(x.stub->l, irq_make()), 0);
	KUNIT_EXPECT_FALSE(test, riod_link_is_lost(x.stub->l));
	KUNIT_EXPECT_EQ(test, riod_link_post_nowait(x.stub->l, irq_make()), -ENOTCONN);
	expect_lost(test, x.stub, RIOD_REASON_EVENTS);
}

/* far more events than fit, from several threads, against a window that fills */
static void event_load(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);
	struct runner *r[] = {
		runner_start(test, poster_run, poster_make(test, x.stub, RIOD_LOAD(5000))),
		runner_start(test, poster_run, poster_make(test, x.stub, RIOD_LOAD(5000))),
		reader_start(test, x.fe, 0, RIOD_LOAD(500)),
	};
	struct riod_link_stats st;
	u32 n;

	for (n = 0; n < ARRAY_SIZE(r); n++)
		KUNIT_EXPECT_EQ(test, runner_join(test, r[n]), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(x.fe->frames) == RIOD_LOAD(10000)));
	/* events coalesce: by far fewer rounds than events */
	riod_link_get_stats(x.stub->l, &st);
	KUNIT_EXPECT_EQ(test, st.events, RIOD_LOAD(10500));
	KUNIT_EXPECT_LT(test, st.rounds, RIOD_LOAD(10000));
}

/* the connection breaks with everything in use; nothing hangs, all is freed */
static void breaks_under_load(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);
	struct runner *r[2];

	r[0] = runner_start(test, poster_run, poster_make(test, x.stub, U32_MAX));
	r[1] = reader_start(test, x.fe, 0, 1000);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(x.fe->frames) > 100));
	riod_link_end(x.fe->l, RIOD_REASON_DETACH);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[0]), -ENOTCONN);
	runner_join(test, r[1]);
	expect_lost(test, x.fe, RIOD_REASON_DETACH);
	expect_lost(test, x.stub, RIOD_REASON_DETACH);
	/* once more is fine, and so is reading */
	riod_link_stop(x.stub->l);
	KUNIT_EXPECT_GT(test, riod_session_last_seq(riod_link_session(x.stub->l)), 0);
}

/* a cut is being applied: the owner is told all the same, and lost() waits for it */
static void over_while_applying(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);

	x.stub->held_back = true;
	end_put(x.fe, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.fe->l, reg_make(RIOD_REG_WRITE, 0)), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&x.stub->applied) == 1));
	riod_link_end(x.stub->l, RIOD_REASON_UNBIND);
	KUNIT_EXPECT_EQ(test, atomic_read(&x.stub->nover), 1);
	schedule_timeout_idle(HZ / 20);
	KUNIT_EXPECT_EQ(test, READ_ONCE(x.stub->nlost), 0);
	complete_all(&x.stub->hold);
	expect_lost(test, x.stub, RIOD_REASON_UNBIND);
	expect_lost(test, x.fe, RIOD_REASON_UNBIND);
	/* what came behind it was not handed over */
	KUNIT_EXPECT_EQ(test, x.stub->frames, 0);
}

#define LINK_CASE(name) KUNIT_CASE_PARAM(name, pair_transport_gen_params)

static struct kunit_case link_cases[] = {
	LINK_CASE(cut_before_event),
	LINK_CASE(event_alone),
	LINK_CASE(empty_round),
	KUNIT_CASE(rest),
	KUNIT_CASE(due_at),
	LINK_CASE(applied_again),
	LINK_CASE(applied_while_idle),
	LINK_CASE(one_in_flight),
	LINK_CASE(interrupt_follows),
	LINK_CASE(frontend_pipelines),
	LINK_CASE(background),
	LINK_CASE(gather_and_prepare),
	LINK_CASE(requests),
	LINK_CASE(statuses),
	LINK_CASE(all_tags),
	LINK_CASE(killed_waiter),
	LINK_CASE(ended_waiters),
	LINK_CASE(never_answered),
	LINK_CASE(slow_reset),
	LINK_CASE(slow_overlap),
	LINK_CASE(tags_never_back),
	LINK_CASE(reply_to_nobody),
	LINK_CASE(pieces),
	LINK_CASE(piece_to_a_read),
	LINK_CASE(piece_without_data),
	LINK_CASE(limits),
	LINK_CASE(nowait),
	LINK_CASE(event_load),
	LINK_CASE(breaks_under_load),
	LINK_CASE(over_while_applying),
	{}
};

static struct kunit_suite link_suite = {
	.name = "riod_link",
	.suite_init = pair_suite_init,
	.test_cases = link_cases,
};

kunit_test_suite(link_suite);

MODULE_DESCRIPTION("KUnit tests of riod's link");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two links against each other: cuts, events, limits and the end
 */
#include "compat_export.h"
#include "core.h"
#include "link_pair.h"

/* ------------------------------------------------------------ cuts and events */

/* memory written before an event arrives before the event */
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
		/* the device writes its answer to the same page */
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

/* an event without changed memory is a single frame */
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
	/* the wake-ups of earlier rounds, if any, come before this one */
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	pair_expect_done(test, &x.fe->got);
	remove_wait_queue(&s->tx_wait, &w.entry);
	/* one wake-up for the IRQ frame, one for its acknowledgment */
	KUNIT_EXPECT_LE(test, atomic_read(&w.n), 2);
}

/* passes may keep a CPU busy for a fifth of the time, or a thirtieth while idle */
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

/* all times are in microseconds from the last cut */
static void due_at(struct kunit *test)
{
	static const struct {
		u32 took_us, applied_us, interval_us, due_us;
		bool idle;
	} cases[] = {
		/* no cut was applied */
		{ 10, 0, 1000, 1000 },
		{ 3000, 0, 20000, 93000, true },
		/* long after the last cut, or during a long rest: soon, but not at once */
		{ 3000, 90000, 1000, 91000 },
		{ 10, 15000, 1000, 16000 },
		{ 10, 50000, 1000, 51000 },
		/* right after the last cut: the rest is kept */
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

/* a stream of applied cuts does not delay a background cut: the first one counts */
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
	/* the cut of an event resets it */
	end_put(x.stub, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	pair_expect_done(test, &x.fe->got);
	KUNIT_EXPECT_EQ(test, READ_ONCE(x.stub->l->applied_at), 0);
}

/* the stub was idle for long: an applied cut does not make a pass due at once */
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
	/* the pump sleeps, and checks the time after the cut was applied */
	schedule_timeout_idle(2);
	WRITE_ONCE(x.stub->l->cut_at, long_ago);
	end_put(x.fe, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.fe->l, reg_make(RIOD_REG_WRITE, 0)), 0);
	pair_expect_done(test, &x.stub->got);
	schedule_timeout_idle(5);
	KUNIT_EXPECT_EQ(test, atomic_read(&x.stub->applied), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&x.stub->collected), 0);
}

/* the stub's next cut and its events wait until the last cut is applied */
static void one_in_flight(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);

	x.fe->held_back = true;
	end_put(x.stub, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&x.fe->applied) == 1));
	/* everything that could trigger the pump */
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
	/* like the timer: take a cut without an event */
	riod_link_kick(x.stub->l);
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&x.fe->applied) == 1));
	KUNIT_EXPECT_TRUE(test, riod_sync_in_flight(riod_link_sync(x.stub->l)));
	/* three frames were sent: two of the cut, and the interrupt */
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_make()), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(riod_session_last_seq(s) == 3));
	KUNIT_EXPECT_TRUE(test, riod_sync_in_flight(riod_link_sync(x.stub->l)));
	/* the data of this one is not in it, so it and later ones join the next cut */
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

/* the frontend sends further cuts before the first one is applied */
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

/* changes arrive without any event */
static void background(struct kunit *test)
{
	struct ends x = ends_create(test, NULL);
	struct riod_sync_stats st;

	KUNIT_ASSERT_EQ(test, riod_link_start(x.fe->l), 0);
	KUNIT_ASSERT_EQ(test, riod_link_start(x.stub->l), 0);
	end_map(test, x.stub);
	end_map(test, x.fe);
	/* pages were mapped outside of ops->frame(), so the owner must kick the pump */
	riod_link_kick(x.stub->l);
	riod_link_kick(x.fe->l);
	end_put(x.stub, 77);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(*(u32 *)x.fe->page) == 77));
	end_put(x.fe, 78);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(*(u32 *)x.stub->page) == 78));
	riod_sync_get_stats(riod_link_sync(x.fe->l), &st);
	KUNIT_EXPECT_GT(test, st.background, 0);
	/* the pumps stop when nothing is mapped */
	end_unmap(x.fe);
	end_unmap(x.stub);
	riod_link_kick(x.fe->l);
	riod_link_kick(x.stub->l);
	KUNIT_EXPECT_EQ(test, x.fe->nlost + x.stub->nlost, 0);
}

/* @gather runs before the scan, MAPs precede the cut; both are retried without memory */
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
	/* more than is batched, so some are sent at once */
	atomic_set(&x.fe->prepare, 3000);
	end_put(x.fe, 6);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.fe->l, reg_make(RIOD_REG_WRITE, 0)), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(x.stub->frames) == 3001));
	KUNIT_EXPECT_EQ(test, x.stub->type, RIOD_FRAME_REG);
	KUNIT_EXPECT_EQ(test, x.stub->seen, 6);
	KUNIT_EXPECT_EQ(test, atomic_read(&x.stub->applied), 1);
}

/* a cut of the stub is in flight, and its page has changed again */
static void in_flight(struct kunit *test, struct ends *x)
{
	x->fe->held_back = true;
	end_put(x->stub, 1);
	riod_link_kick(x->stub->l);
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&x->fe->applied) == 1));
	end_put(x->stub, 2);
}

/*
 * An interrupt that fired before a reply was posted goes ahead of it, whether both are
 * sent at once or wait for a cut.
 */
static void interrupts_first(struct kunit *test)
{
	static const u32 order[] = { GATHERED, 1, GATHERED + 1, 2, GATHERED + 2, 3 };
	struct ends x = ends_create(test, &by_events);
	u32 n;

	/* the pump finds both when it begins */
	atomic_set(&x.stub->gather, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_of(1)), 0);
	KUNIT_ASSERT_EQ(test, riod_link_start(x.fe->l), 0);
	KUNIT_ASSERT_EQ(test, riod_link_start(x.stub->l), 0);
	pair_expect_done(test, &x.fe->got);
	pair_expect_done(test, &x.fe->got);
	end_map(test, x.stub);
	end_map(test, x.fe);
	in_flight(test, &x);
	/* the pump takes these, and they wait for the next cut; the others come later */
	atomic_set(&x.stub->gather, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_of(2)), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(x.stub->l->looked)));
	atomic_set(&x.stub->gather, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_of(3)), 0);
	complete_all(&x.fe->hold);
	for (n = 0; n < 4; n++)
		pair_expect_done(test, &x.fe->got);
	KUNIT_ASSERT_EQ(test, x.fe->nirqs, ARRAY_SIZE(order));
	for (n = 0; n < ARRAY_SIZE(order); n++)
		KUNIT_EXPECT_EQ(test, x.fe->irqs[n].epoch, order[n]);
}

/* the pump takes events before the pass: an event posted during the pass gets another cut */
static void take_then_pass(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);

	end_put(x.stub, 1);
	atomic_set(&x.stub->late, 1);
	KUNIT_EXPECT_EQ(test, riod_link_post(x.stub->l, irq_of(1)), 0);
	pair_expect_done(test, &x.fe->got);
	pair_expect_done(test, &x.fe->got);
	KUNIT_ASSERT_EQ(test, x.fe->nirqs, 2);
	KUNIT_EXPECT_EQ(test, x.fe->irqs[0].epoch, 1);
	KUNIT_EXPECT_EQ(test, x.fe->irqs[0].seen, 1);
	KUNIT_EXPECT_EQ(test, x.fe->irqs[1].epoch, LATE);
	KUNIT_EXPECT_EQ(test, x.fe->irqs[1].seen, LATE);
	KUNIT_EXPECT_EQ(test, cuts_sent(x.stub), 2);
}

/* ------------------------------------------------------------ memory */

#define LIMIT	SZ_256K

/* data of a cut that is never committed: all bytes of a page that is not mapped */
static struct riod_frame *data_make(void)
{
	struct riod_wire_cut_data *body;
	struct riod_wire_delta *d;
	struct riod_wire_run *run;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_CUT_DATA, 0, sizeof(*body) + ALIGN(sizeof(*d) +
			     sizeof(*run) + RIOD_PAGE_SIZE, 8), GFP_KERNEL);
	if (!f)
		return NULL;
	body = (void *)f->body;
	body->cut = cpu_to_le64(1);
	d = (void *)body->deltas;
	d->page = cpu_to_le64(77);
	d->nruns = cpu_to_le16(1);
	d->nbytes = cpu_to_le16(RIOD_PAGE_SIZE);
	run = (void *)(d + 1);
	run->len = cpu_to_le16(RIOD_PAGE_SIZE);
	return f;
}

/* send until the link fails; its pump, the other sender, is idle */
static int hostile_run(void *priv)
{
	struct end *e = priv;
	LIST_HEAD(frames);
	int err = 0;

	while (!err) {
		list_add(&data_make()->list, &frames);
		err = riod_session_send_list(riod_link_session(e->l), &frames, NULL);
	}
	return err;
}

static struct ends limited_start(struct kunit *test, const struct riod_sync_params *limited)
{
	struct pair *p = pair_connect(test);
	struct ends x = {
		.fe = end_create(test, &p->near, RIOD_SYNC_FRONTEND, &by_events),
		.stub = end_create(test, &p->far, RIOD_SYNC_STUB, limited),
	};

	KUNIT_ASSERT_EQ(test, riod_link_start(x.fe->l), 0);
	KUNIT_ASSERT_EQ(test, riod_link_start(x.stub->l), 0);
	return x;
}

/* a peer that stages and never commits loses the session at its limit, and gets the reason */
static void staged_to_the_limit(struct kunit *test)
{
	static const struct riod_sync_params limited = {
		.idle_min_us = NEVER_US, .idle_max_us = NEVER_US, .limit = LIMIT,
	};
	struct ends x = limited_start(test, &limited);
	struct runner *r = runner_start(test, hostile_run, x.fe);
	struct riod_budget *b = &riod_link_sync(x.stub->l)->budget;

	expect_lost(test, x.stub, RIOD_REASON_MEMORY_MAX);
	expect_lost(test, x.fe, RIOD_REASON_MEMORY_MAX);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -ENOTCONN);
	KUNIT_EXPECT_PTR_EQ(test, b->full, b);
	/* two more frames would not have fitted */
	KUNIT_EXPECT_LE(test, riod_budget_held(b), LIMIT);
	KUNIT_EXPECT_GT(test, riod_budget_held(b), LIMIT - 2 * SZ_8K);
}

static void budget_exit(void *data)
{
	struct riod_budget *host = data;

	WARN_ON_ONCE(riod_budget_held(host));
}

/* a host budget of LIMIT; it outlives the ends */
static struct riod_budget *host_create(struct kunit *test, struct riod_sync_params *sync)
{
	struct riod_budget *host = kunit_kzalloc(test, sizeof(*host), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, host);
	riod_budget_init(host, LIMIT, NULL);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, budget_exit, host), 0);
	*sync = by_events;
	sync->parent = host;
	return host;
}

/* the same at the limit of the host, most of which is charged to another session */
static void staged_to_the_hosts_limit(struct kunit *test)
{
	struct riod_sync_params sync;
	struct riod_budget *host = host_create(test, &sync);
	struct ends x = limited_start(test, &sync);
	struct riod_budget *b = &riod_link_sync(x.stub->l)->budget;
	struct runner *r;

	KUNIT_ASSERT_EQ(test, riod_budget_charge(host, LIMIT - SZ_64K), 0);
	r = runner_start(test, hostile_run, x.fe);
	expect_lost(test, x.stub, RIOD_REASON_MEMORY_MAX);
	expect_lost(test, x.fe, RIOD_REASON_MEMORY_MAX);
	KUNIT_EXPECT_EQ(test, runner_join(test, r), -ENOTCONN);
	KUNIT_EXPECT_PTR_EQ(test, b->full, host);
	KUNIT_EXPECT_LE(test, riod_budget_held(b), SZ_64K);
	riod_budget_uncharge(host, LIMIT - SZ_64K);
}

/* leave @x's stub with an interrupt and no memory for its cut; returns the bytes charged */
static u64 starve(struct kunit *test, struct ends *x, struct riod_budget *host)
{
	u64 rest;

	end_map(test, x->stub);
	end_map(test, x->fe);
	rest = LIMIT - riod_budget_held(host);
	KUNIT_ASSERT_EQ(test, riod_budget_charge(host, rest), 0);
	end_put(x->stub, 5);
	KUNIT_EXPECT_EQ(test, riod_link_post(x->stub->l, irq_make()), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(x->stub->l->refused)));
	return rest;
}

/* the host is full for a moment: the session waits and goes on */
static void host_full(struct kunit *test)
{
	struct riod_sync_params sync;
	struct riod_budget *host = host_create(test, &sync);
	struct ends x = limited_start(test, &sync);

	riod_budget_uncharge(host, starve(test, &x, host));
	pair_expect_done(test, &x.fe->got);
	KUNIT_EXPECT_EQ(test, x.fe->seen, 5);
	KUNIT_ASSERT_TRUE(test, pair_eventually(!READ_ONCE(x.stub->l->refused)));
	KUNIT_EXPECT_EQ(test, x.stub->nlost, 0);
}

/* the host stays full: the session ends */
static void host_full_for_long(struct kunit *test)
{
	struct riod_sync_params sync;
	struct riod_budget *host = host_create(test, &sync);
	struct ends x = limited_start(test, &sync);
	u64 rest = starve(test, &x, host);

	expect_lost(test, x.stub, RIOD_REASON_MEMORY_MAX);
	expect_lost(test, x.fe, RIOD_REASON_MEMORY_MAX);
	KUNIT_EXPECT_EQ(test, x.fe->frames, 0);
	riod_budget_uncharge(host, rest);
}

/* the limit follows from the mapped bytes, and no number of bytes wraps */
static void memory_max(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, riod_link_memory_max(0), 64ull << 20);
	KUNIT_EXPECT_EQ(test, riod_link_memory_max(1ull << 30), (8ull << 30) + (64ull << 20));
	KUNIT_EXPECT_EQ(test, riod_link_memory_max(1ull << 61), U64_MAX);
	KUNIT_EXPECT_EQ(test, riod_link_memory_max(U64_MAX), U64_MAX);
}

/* without parameters a session gets a limit, and the host counts all its bytes */
static void host_is_the_parent(struct kunit *test)
{
	struct ends x = ends_create(test, &by_events);
	struct riod_budget *b = &riod_link_sync(x.stub->l)->budget;
	u64 before = riod_budget_held(riod_budget_host());

	KUNIT_EXPECT_PTR_EQ(test, b->parent, riod_budget_host());
	KUNIT_EXPECT_EQ(test, b->limit, riod_link_memory_max(0));
	KUNIT_EXPECT_GT(test, b->parent->limit, 0);
	/* memory that the kernel had in use by then is not counted */
	KUNIT_EXPECT_LT(test, b->parent->limit >> 20, totalram_pages() >> (20 - PAGE_SHIFT) >> 1);
	end_map(test, x.stub);
	KUNIT_EXPECT_EQ(test, riod_budget_held(riod_budget_host()), before + riod_budget_held(b));
	KUNIT_EXPECT_GT(test, riod_budget_held(b), 0);
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

/* the pump is not started, so events and replies queue up to their limits */
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
	/* replies count as events, too */
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

/* a reply that waits for a cut is unsent and counts against the limit */
static void replies_that_wait(struct kunit *test)
{
	struct ends x = ends_start_mapped(test);
	u32 n;

	in_flight(test, &x);
	for (n = 0; n < RIOD_REQUESTS_MAX; n++)
		KUNIT_EXPECT_EQ(test, riod_link_post_reply(x.stub->l, reply_make(1, 0, 0)), 0);
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(x.stub->l->looked)));
	KUNIT_EXPECT_EQ(test, riod_link_post_reply(x.stub->l, reply_make(1, 0, 0)), -EPROTO);
}

/* riod_link_post_nowait() does not wait; it ends the link at its limit */
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

/* several threads post far more events than the queue holds; the window fills */
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
	/* events coalesce: fewer rounds than events */
	riod_link_get_stats(x.stub->l, &st);
	KUNIT_EXPECT_EQ(test, st.events, RIOD_LOAD(10500));
	KUNIT_EXPECT_LT(test, st.rounds, RIOD_LOAD(10000));
}

/* the link ends under load: nothing hangs, everything is freed */
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
	/* stopping twice is allowed, and the session may still be read */
	riod_link_stop(x.stub->l);
	KUNIT_EXPECT_GT(test, riod_session_last_seq(riod_link_session(x.stub->l)), 0);
}

/* over() runs at once while a cut is being applied; lost() waits for the apply */
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
	/* the frame behind the cut was not delivered */
	KUNIT_EXPECT_EQ(test, x.stub->frames, 0);
}

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
	LINK_CASE(interrupts_first),
	LINK_CASE(take_then_pass),
	LINK_CASE(staged_to_the_limit),
	LINK_CASE(staged_to_the_hosts_limit),
	LINK_CASE(host_full),
	LINK_CASE(host_full_for_long),
	KUNIT_CASE(memory_max),
	LINK_CASE(host_is_the_parent),
	LINK_CASE(limits),
	LINK_CASE(replies_that_wait),
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

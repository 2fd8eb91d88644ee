// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherence engine: two ends in one kernel; the test carries the cuts.
 *
 * The simulator covers interleavings (selftests/sim).  Here each rule that the
 * engine keeps by itself has its smallest case.
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include "compat_export.h"
#include "ends.h"
#include "freed.h"
#include "load.h"
#include "sync_cut.h"

/* ------------------------------------------------------------ cuts */

/* rules 1 and 5: the device finds the content from before the map */
static void seed(struct kunit *test)
{
	struct ends *e = test->priv;

	memset(e->l[0] + 100, 0x5a, 1000);
	map_one(e, 0, R);
	KUNIT_EXPECT_EQ(test, 1000, cross(e, &e->fe));
	expect_same(e, 0);
	KUNIT_EXPECT_EQ(test, 1000, e->fe.stats.seeded);
	e->l[0][100] = 1;
	KUNIT_EXPECT_EQ(test, 1, cross(e, &e->fe));
	KUNIT_EXPECT_EQ(test, 1, e->fe.stats.rebased);
	expect_same(e, 0);
}

/* rule 2; and applied bytes are not sent back */
static void delivery(struct kunit *test)
{
	struct ends *e = test->priv;

	map_one(e, 0, RW);
	memset(e->s[0] + 7, 0x77, 50);
	KUNIT_EXPECT_EQ(test, 50, cross(e, &e->st));
	expect_same(e, 0);
	KUNIT_EXPECT_EQ(test, 0, cross(e, &e->fe));
	KUNIT_EXPECT_EQ(test, 0, cross(e, &e->st));
	KUNIT_EXPECT_EQ(test, 1, e->fe.stats.cuts_applied);
}

/* rule 5 (byte exact): bytes beside the changed ones may have another owner */
static void byte_exact(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);
	u32 i;

	map_one(e, 0, RW);
	for (i = 0; i < RIOD_PAGE_SIZE; i += 2)
		e->s[0][i] = 0xdd;
	/* every other byte: the largest delta of a page */
	KUNIT_EXPECT_EQ(test, RIOD_PAGE_SIZE / 2, take(e, &e->st, &frames));
	for (i = 1; i < RIOD_PAGE_SIZE; i += 2)
		e->l[0][i] = 0x11;
	deliver(e, &e->st, &frames);
	for (i = 0; i < RIOD_PAGE_SIZE; i++)
		KUNIT_EXPECT_EQ(test, i & 1 ? 0x11 : 0xdd, e->l[0][i]);
	calm_down(e);
	expect_same(e, 0);
}

/* rule 6: 64 is delivered, rewritten to 63 and returned, and becomes 64 again */
static void recycled(struct kunit *test)
{
	struct ends *e = test->priv;
	int i;

	map_one(e, 0, RW);
	for (i = 0; i < 3; i++) {
		e->s[0][40] = 64;
		KUNIT_EXPECT_EQ(test, 1, cross(e, &e->st));
		KUNIT_EXPECT_EQ(test, 64, e->l[0][40]);
		e->l[0][40] = 63;
		KUNIT_EXPECT_EQ(test, 1, cross(e, &e->fe));
		KUNIT_EXPECT_EQ(test, 63, e->s[0][40]);
	}
}

/* rule 7: the device's byte has not been sent */
static void device_wins_unsent(struct kunit *test)
{
	struct ends *e = test->priv;

	map_one(e, 0, RW);
	e->l[0][8] = 1;
	e->l[0][9] = 1;
	e->s[0][8] = 2;
	cross(e, &e->fe);
	KUNIT_EXPECT_EQ(test, 2, e->s[0][8]);
	KUNIT_EXPECT_EQ(test, 1, e->s[0][9]);
	KUNIT_EXPECT_EQ(test, 1, e->st.stats.dropped);
	/* even if the device then restores the old value */
	e->s[0][8] = 0;
	calm_down(e);
	KUNIT_EXPECT_EQ(test, 0, e->l[0][8]);
	expect_same(e, 0);
}

/* rule 7: two cuts with the same byte cross each other */
static void device_wins_in_flight(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(up);
	LIST_HEAD(down);

	map_one(e, 0, RW);
	e->l[0][8] = 1;
	e->l[0][9] = 1;
	e->s[0][8] = 2;
	take(e, &e->fe, &down);
	take(e, &e->st, &up);
	KUNIT_EXPECT_TRUE(test, riod_sync_in_flight(&e->st));
	deliver(e, &e->fe, &down);
	KUNIT_EXPECT_EQ(test, 2, e->s[0][8]);
	KUNIT_EXPECT_EQ(test, 1, e->s[0][9]);
	deliver(e, &e->st, &up);
	KUNIT_EXPECT_EQ(test, 2, e->l[0][8]);
	calm_down(e);
	expect_same(e, 0);
}

/*
 * Rule 7: an acknowledgment overtakes a cut that was taken before the frontend
 * applied the acknowledged one, because frame headers are filled in last.  Two
 * cuts of the stub, both of which matter.
 */
static void acknowledged_early(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(up);
	LIST_HEAD(down);
	int i;

	map_one(e, 0, RW);
	e->l[0][20] = 1;
	e->l[0][21] = 1;
	take(e, &e->fe, &down);
	for (i = 0; i < 2; i++) {
		e->s[0][20 + i] = 2;
		take(e, &e->st, &up);
		deliver(e, &e->st, &up);
		riod_sync_acked(&e->st, e->st.tx_cut);
		KUNIT_EXPECT_FALSE(test, riod_sync_in_flight(&e->st));
	}
	deliver(e, &e->fe, &down);
	calm_down(e);
	KUNIT_EXPECT_EQ(test, 2, e->l[0][20]);
	KUNIT_EXPECT_EQ(test, 2, e->l[0][21]);
	expect_same(e, 0);
}

/* rule 7: once the frontend has applied the device's byte, the guest's next byte counts */
static void guest_after_device(struct kunit *test)
{
	struct ends *e = test->priv;

	map_one(e, 0, RW);
	e->s[0][8] = 2;
	cross(e, &e->st);
	KUNIT_EXPECT_GT(test, e->st.nsent, 0);
	e->l[0][8] = 3;
	cross(e, &e->fe);
	KUNIT_EXPECT_EQ(test, 3, e->s[0][8]);
	KUNIT_EXPECT_EQ(test, 0, e->st.nsent);
}

/* the entries for rule 7 are bounded, and the frontend sends a commit to free them */
static void bounded_memory_of_sent(struct kunit *test)
{
	struct ends *e = test->priv;
	unsigned int i, n = 0;

	for (i = 0; i < NPAGES; i++)
		map_one(e, i, RW);
	while (!riod_sync_in_flight(&e->st)) {
		for (i = 0; i < NPAGES * RIOD_PAGE_SIZE; i += 2)
			e->s[i / RIOD_PAGE_SIZE][i % RIOD_PAGE_SIZE] = n + 1;
		cross(e, &e->st);
		KUNIT_ASSERT_LT(test, n++, 2 * RIOD_SYNC_SENT_MAX / NPAGES);
	}
	KUNIT_EXPECT_LE(test, e->st.nsent, RIOD_SYNC_SENT_MAX + NPAGES);
	/* all cuts are acknowledged, so the entries stop the stub */
	KUNIT_EXPECT_EQ(test, e->st.tx_cut, e->st.acked_cut);
	KUNIT_EXPECT_EQ(test, 0, cross(e, &e->fe));
	KUNIT_EXPECT_EQ(test, 1, e->st.stats.cuts_applied);
	KUNIT_EXPECT_FALSE(test, riod_sync_in_flight(&e->st));
	KUNIT_EXPECT_EQ(test, 0, e->st.nsent);
}

/* ------------------------------------------------------------ mappings */

/* rule 4: late data of an unmapped page */
static void late_data(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(up);

	map_one(e, 0, RW);
	map_one(e, 1, RW);
	e->s[0][0] = 1;
	e->s[1][0] = 1;
	take(e, &e->st, &up);
	unmap_fe(e, 0, RW);
	deliver(e, &e->st, &up);
	KUNIT_EXPECT_EQ(test, 0, e->l[0][0]);
	KUNIT_EXPECT_EQ(test, 1, e->l[1][0]);
	KUNIT_EXPECT_EQ(test, 1, e->fe.stats.late);
}

/* rules 4 and 14: only the writable mapping is gone; the device still reads the page */
static void late_data_shared(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(up);

	map_one(e, 0, R);
	map_one(e, 0, W);
	e->s[0][0] = 1;
	take(e, &e->st, &up);
	unmap_fe(e, 0, W);
	deliver(e, &e->st, &up);
	KUNIT_EXPECT_EQ(test, 0, e->l[0][0]);
	unmap_st(e, 0, W);
	KUNIT_EXPECT_EQ(test, 1, cross(e, &e->fe));
	KUNIT_EXPECT_EQ(test, 0, e->s[0][0]);
}

/* rule 4: late data does not arrive through the next mapping */
static void late_data_remapped(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(up);
	LIST_HEAD(down);

	map_one(e, 0, R);
	map_one(e, 0, W);
	e->s[0][0] = 1;
	take(e, &e->st, &up);
	unmap_fe(e, 0, W);
	unmap_st(e, 0, W);
	map_one(e, 0, W);
	/* a commit is due although nothing changed */
	KUNIT_EXPECT_EQ(test, 0, take(e, &e->fe, &down));
	KUNIT_EXPECT_FALSE(test, list_empty(&down));
	deliver(e, &e->fe, &down);
	deliver(e, &e->st, &up);
	riod_sync_acked(&e->st, e->st.tx_cut);
	KUNIT_EXPECT_EQ(test, 0, e->l[0][0]);
	e->s[0][1] = 2;
	cross(e, &e->st);
	KUNIT_EXPECT_EQ(test, 2, e->l[0][1]);
	calm_down(e);
	expect_same(e, 0);
}

/* rule 4: unsent bytes in the shadow page are restored at the unmap */
static void unsent_discarded(struct kunit *test)
{
	struct ends *e = test->priv;

	e->l[0][5] = 9;
	map_one(e, 0, R);
	map_one(e, 0, W);
	cross(e, &e->fe);
	e->s[0][5] = 1;
	e->s[0][6] = 1;
	unmap_fe(e, 0, W);
	unmap_st(e, 0, W);
	KUNIT_EXPECT_EQ(test, 9, e->s[0][5]);
	KUNIT_EXPECT_EQ(test, 0, e->s[0][6]);
	KUNIT_EXPECT_EQ(test, 0, cross(e, &e->st));
	e->l[0][5] = 8;
	cross(e, &e->fe);
	KUNIT_EXPECT_EQ(test, 8, e->s[0][5]);
}

/* rule 13: one page, several mappings; the last unmap removes the page */
static void shared_page(struct kunit *test)
{
	struct ends *e = test->priv;
	void *priv = NULL;

	map_one(e, 0, R);
	map_one(e, 0, RW);
	KUNIT_EXPECT_EQ(test, 1, e->fe.npages);
	KUNIT_EXPECT_FALSE(test, riod_sync_unmap(&e->fe, id_of(0), R, &priv));
	KUNIT_EXPECT_NULL(test, priv);
	KUNIT_EXPECT_TRUE(test, riod_sync_unmap(&e->fe, id_of(0), RW, &priv));
	KUNIT_EXPECT_PTR_EQ(test, priv, (void *)e->l[0]);
	KUNIT_EXPECT_EQ(test, 0, e->fe.npages);
}

/* rule 14 (direction is enforced at both ends) */
static void direction(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(up);

	map_one(e, 0, R);
	e->s[0][0] = 1;
	KUNIT_EXPECT_EQ(test, 0, cross(e, &e->st));
	/* a stub that sends it nevertheless */
	KUNIT_ASSERT_EQ(test, 0, riod_sync_map(&e->st, id_of(0), e->s[0], W, NULL));
	KUNIT_EXPECT_EQ(test, 1, cross(e, &e->st));
	KUNIT_EXPECT_EQ(test, 0, e->l[0][0]);
	KUNIT_EXPECT_EQ(test, 1, e->fe.stats.late);
}

/* rule 10: the page that was mapped first is applied last */
static void oldest_last(struct kunit *test)
{
	static const u8 order[] = { 5, 2, 9, 0, 7, 1 };
	const struct riod_wire_cut_data *body;
	const struct riod_wire_delta *d;
	struct ends *e = test->priv;
	u64 last = U64_MAX;
	struct riod_frame *f;
	LIST_HEAD(frames);
	size_t i;
	u32 pos;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		map_one(e, order[i], RW);
		e->l[order[i]][0] = 1;
	}
	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(order), take(e, &e->fe, &frames));
	f = list_first_entry(&frames, struct riod_frame, list);
	body = (const void *)f->body;
	for (pos = 0, i = 0; pos < f->len - sizeof(*body); i++) {
		d = (const void *)(body->deltas + pos);
		KUNIT_EXPECT_LT(test, le64_to_cpu(d->page), last);
		last = le64_to_cpu(d->page);
		pos += riod_sync_delta_size(le16_to_cpu(d->nruns), le16_to_cpu(d->nbytes));
	}
	KUNIT_EXPECT_EQ(test, i, ARRAY_SIZE(order));
	KUNIT_EXPECT_EQ(test, id_of(0), last);
	KUNIT_EXPECT_EQ(test, 1, deliver(e, &e->fe, &frames));
}

/* bases and snapshots are copies of guest memory, so they are zeroed */
static void zeroed_when_freed(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_sync_page *fe, *st;
	u8 *old, *base, *at_stub;

	memset(e->l[0], 0x5a, RIOD_PAGE_SIZE);
	map_one(e, 0, RW);
	cross(e, &e->fe);
	fe = xa_load(&e->fe.index, id_of(0));
	st = xa_load(&e->st.index, id_of(0));
	KUNIT_ASSERT_TRUE(test, fe && st);
	old = fe->base;
	memset(e->l[0], 0x33, RIOD_PAGE_SIZE);
	/* the snapshot becomes the base, the old base is freed */
	cross(e, &e->fe);
	KUNIT_EXPECT_EQ(test, 0, words_left(old, RIOD_PAGE_SIZE, 0x5a));
	base = fe->base;
	at_stub = st->base;
	KUNIT_EXPECT_EQ(test, RIOD_PAGE_SIZE / sizeof(long),
			words_left(base, RIOD_PAGE_SIZE, 0x33));
	unmap_fe(e, 0, RW);
	unmap_st(e, 0, RW);
	KUNIT_EXPECT_EQ(test, 0, words_left(base, RIOD_PAGE_SIZE, 0x33));
	KUNIT_EXPECT_EQ(test, 0, words_left(at_stub, RIOD_PAGE_SIZE, 0x33));
}

/* so is the page that a pass reads guest memory into */
static void probe_zeroed(struct kunit *test)
{
	struct riod_sync y;
	u8 *probe;

	KUNIT_ASSERT_EQ(test, 0, riod_sync_init(&y, RIOD_SYNC_FRONTEND, NULL));
	probe = memset(y.probe, 0x5a, RIOD_PAGE_SIZE);
	riod_sync_destroy(&y);
	KUNIT_EXPECT_EQ(test, 0, words_left(probe, RIOD_PAGE_SIZE, 0x5a));
}

/* ------------------------------------------------------------ pace and quiet */

/* rule 12 (pollers exist) */
static void interval(struct kunit *test)
{
	struct ends *e = test->priv;
	u32 us;

	KUNIT_EXPECT_EQ(test, U32_MAX, riod_sync_interval_us(&e->fe));
	map_one(e, 0, R);
	/* the device may write no page, so the stub has nothing to scan */
	KUNIT_EXPECT_EQ(test, U32_MAX, riod_sync_interval_us(&e->st));
	map_one(e, 1, W);
	us = riod_sync_interval_us(&e->st);
	KUNIT_EXPECT_EQ(test, 1000, us);
	cross(e, &e->st);
	KUNIT_EXPECT_EQ(test, 2000, riod_sync_interval_us(&e->st));
	cross(e, &e->st);
	cross(e, &e->st);
	cross(e, &e->st);
	cross(e, &e->st);
	KUNIT_EXPECT_EQ(test, 20000, riod_sync_interval_us(&e->st));
	e->s[1][0] = 1;
	cross(e, &e->st);
	KUNIT_EXPECT_EQ(test, 1000, riod_sync_interval_us(&e->st));
	KUNIT_EXPECT_EQ(test, 1000, riod_sync_interval_us(&e->fe));
}

static int neighbour(void *arg)
{
	struct rnd_state rnd;
	u8 *page = arg;
	u32 n = 0;

	prandom_seed_state(&rnd, 7);
	while (!kthread_should_stop()) {
		WRITE_ONCE(page[1024 + prandom_u32_state(&rnd) % 3072],
			   prandom_u32_state(&rnd));
		if (!(++n % 65536))
			cond_resched();
	}
	return 0;
}

/* rule 9: a neighbour rewrites the rest of a page all the time; no cut is forced */
static void busy_neighbour(struct kunit *test)
{
	struct ends *e = test->priv;
	struct task_struct *t;
	unsigned int i;

	for (i = 0; i < 16; i++)
		map_one(e, i, RW);
	t = kthread_run(neighbour, e->l[3], "riod_neighbour");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	for (i = 0; i < RIOD_LOAD(200); i++) {
		memset(e->l[3] + 16, i, 100);
		memset(e->l[9] + 16, i, 100);
		cross(e, &e->fe);
		KUNIT_EXPECT_MEMEQ(test, e->s[3] + 16, e->l[3] + 16, 100);
		KUNIT_EXPECT_MEMEQ(test, e->s[9] + 16, e->l[9] + 16, 100);
		cond_resched();
	}
	kthread_stop(t);
	KUNIT_EXPECT_EQ(test, 0, e->fe.stats.forced);
	calm_down(e);
	expect_same(e, 3);
}

/* a driver that fills a ring: one more granule in each pass */
struct filler {
	u8 *ring;
	u32 written, holds;
	bool held;
};

static int fill(void *priv)
{
	struct filler *f = priv;

	if (!f->held && f->written < RIOD_GRANULES)
		f->ring[f->written++ * RIOD_GRANULE] = 1;
	return 0;
}

static void note_hold(void *priv, bool on)
{
	struct filler *f = priv;

	f->held = on;
	f->holds += on;
}

/* rule 9: maps wait if a cut does not find quiet, and it ends soon; else they do not wait */
static void filled_while_mapping(struct kunit *test)
{
	struct ends *e = test->priv;
	struct filler f = { .ring = e->l[0] };

	map_one(e, 0, RW);
	e->fe.join = fill;
	e->fe.hold = note_hold;
	e->fe.join_priv = &f;
	e->l[0][1] = 1;
	cross(e, &e->fe);
	KUNIT_EXPECT_EQ(test, 1, f.holds);
	KUNIT_EXPECT_FALSE(test, f.held);
	KUNIT_EXPECT_EQ(test, 1, e->fe.stats.holdbacks);
	KUNIT_EXPECT_EQ(test, 0, e->fe.stats.forced);
	KUNIT_EXPECT_LT(test, e->fe.stats.passes, 8);
	expect_same(e, 0);

	f.written = RIOD_GRANULES;
	e->l[0][1] = 2;
	cross(e, &e->fe);
	KUNIT_EXPECT_EQ(test, 1, f.holds);
	expect_same(e, 0);
}

static struct kunit_case sync_cases[] = {
	KUNIT_CASE(seed),
	KUNIT_CASE(delivery),
	KUNIT_CASE(byte_exact),
	KUNIT_CASE(recycled),
	KUNIT_CASE(device_wins_unsent),
	KUNIT_CASE(device_wins_in_flight),
	KUNIT_CASE(acknowledged_early),
	KUNIT_CASE(guest_after_device),
	KUNIT_CASE(bounded_memory_of_sent),
	KUNIT_CASE(late_data),
	KUNIT_CASE(late_data_shared),
	KUNIT_CASE(late_data_remapped),
	KUNIT_CASE(unsent_discarded),
	KUNIT_CASE(shared_page),
	KUNIT_CASE(direction),
	KUNIT_CASE(oldest_last),
	KUNIT_CASE(zeroed_when_freed),
	KUNIT_CASE(probe_zeroed),
	KUNIT_CASE(interval),
	KUNIT_CASE(busy_neighbour),
	KUNIT_CASE(filled_while_mapping),
	{}
};

static struct kunit_suite sync_suite = {
	.name = "riod_sync",
	.init = ends_init,
	.exit = ends_exit,
	.test_cases = sync_cases,
};

kunit_test_suite(sync_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of the coherence engine");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherence engine's cuts: their granules, the frames that carry them, and
 * invalid frames of a hostile peer.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sched/task.h>

#include "compat_export.h"
#include "cut_frames.h"
#include "ends.h"
#include "sync_cut.h"
#include "sync_granule.h"

/* ------------------------------------------------------------ granules */

static void zero_bytes(struct kunit *test)
{
	static const struct {
		u64 x, zero;
	} cases[] = {
		{ 0, ~0ULL },
		{ ~0ULL, 0 },
		{ 0x0100000000000080, 0x00ffffffffffff00 },
		{ 0x8080808080808080, 0 },
		{ 0x0101010101010101, 0 },
		{ 0x00010000ff007f00, 0xff00ffff00ff00ff },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ(test, cases[i].zero, riod_zero_bytes(cases[i].x));
}

typedef void (*merge_fn)(u8 *live, const struct riod_patch *p,
			 const union riod_granule *guard, union riod_granule *taken);

static void check_merge(struct kunit *test, merge_fn merge)
{
	union riod_granule live, guard, taken;
	struct riod_patch p = {};
	u32 i;

	for (i = 0; i < RIOD_GRANULE; i++) {
		live.b[i] = i;
		guard.b[i] = i & 4 ? i : 0x55;	/* 4 to 7 and 12 to 15 match */
		p.val.b[i] = 0xa0 + i;
		p.mask.b[i] = i & 1 ? 0xff : 0;
	}
	merge(live.b, &p, &guard, &taken);
	for (i = 0; i < RIOD_GRANULE; i++) {
		bool take = (i & 1) && (i & 4);

		KUNIT_EXPECT_EQ(test, take ? 0xa0 + i : i, live.b[i]);
		KUNIT_EXPECT_EQ(test, take ? 0xff : 0, taken.b[i]);
	}
	KUNIT_EXPECT_EQ(test, 4, riod_granule_weight(&taken));
	merge(live.b, &p, NULL, &taken);
	for (i = 0; i < RIOD_GRANULE; i++)
		KUNIT_EXPECT_EQ(test, i & 1 ? 0xa0 + i : i, live.b[i]);
	KUNIT_EXPECT_EQ(test, 8, riod_granule_weight(&taken));
}

static void merging(struct kunit *test)
{
	check_merge(test, riod_granule_merge8);
	check_merge(test, riod_granule_merge);
	check_merge(test, riod_granule_store);
#ifdef system_has_cmpxchg128
	if (system_has_cmpxchg128())
		check_merge(test, riod_granule_merge16);
#endif
}

static void reading(struct kunit *test)
{
	struct ends *e = test->priv;
	union riod_granule g;
	u32 i;

	get_random_bytes(e->l[0], RIOD_PAGE_SIZE);
	memcpy(e->s[0], e->l[0], RIOD_PAGE_SIZE);
	riod_granule_read(e->l[0] + 16, false, &g);
	KUNIT_EXPECT_MEMEQ(test, g.b, e->l[0] + 16, RIOD_GRANULE);
	for (i = 0; i < RIOD_LINE; i++) {
		KUNIT_EXPECT_FALSE(test, riod_line_differs(e->l[0], e->s[0]));
		e->s[0][i] ^= 0x10;
		KUNIT_EXPECT_TRUE(test, riod_line_differs(e->l[0], e->s[0]));
		e->s[0][i] ^= 0x10;
	}
}

/* ------------------------------------------------------------ frames */

static void no_change(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);

	map_one(e, 0, RW);
	KUNIT_EXPECT_EQ(test, 0, take(e, &e->fe, &frames));
	KUNIT_EXPECT_TRUE(test, list_empty(&frames));
	KUNIT_EXPECT_EQ(test, 1, e->fe.stats.passes);
	/* unless a commit is owed */
	e->fe.owe_commit = true;
	KUNIT_EXPECT_EQ(test, 0, take(e, &e->fe, &frames));
	KUNIT_EXPECT_EQ(test, 1, deliver(e, &e->fe, &frames));
	KUNIT_EXPECT_EQ(test, 0, take(e, &e->fe, &frames));
	KUNIT_EXPECT_TRUE(test, list_empty(&frames));
}

#define MANY	(RIOD_SYNC_PAGES_PER_HOLD + 44)

/* more pages than one hold of the lock covers: the pass continues in the next hold */
static void many_pages(struct kunit *test)
{
	struct ends *e = test->priv;
	u8 **mem = kunit_kcalloc(test, MANY, sizeof(*mem), GFP_KERNEL);
	LIST_HEAD(frames);
	void *priv;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, mem);
	for (i = 0; i < MANY; i++) {
		mem[i] = new_memory(test);
		KUNIT_ASSERT_EQ(test, riod_sync_map(&e->st, id_of(i), mem[i], RW, NULL), 0);
	}
	KUNIT_EXPECT_TRUE(test, riod_sync_is_settled(&e->st));
	KUNIT_EXPECT_EQ(test, e->st.stats.scanned, MANY * RIOD_PAGE_SIZE);
	/* the last page, and the first of the second hold */
	for (i = MANY - 1; i >= RIOD_SYNC_PAGES_PER_HOLD; i -= 43) {
		mem[i][8] = 1;
		KUNIT_EXPECT_FALSE(test, riod_sync_is_settled(&e->st));
		KUNIT_EXPECT_EQ(test, 1, take(e, &e->st, &frames));
		riod_sync_acked(&e->st, e->st.tx_cut);
		KUNIT_EXPECT_TRUE(test, riod_sync_is_settled(&e->st));
	}
	/* all pages in one cut: each becomes its base, each entry is kept until the commit */
	for (i = 0; i < MANY; i++)
		mem[i][16] = 2;
	KUNIT_EXPECT_EQ(test, MANY, take(e, &e->st, &frames));
	KUNIT_EXPECT_TRUE(test, riod_sync_is_settled(&e->st));
	KUNIT_EXPECT_EQ(test, MANY + 2, e->st.nsent);
	KUNIT_EXPECT_EQ(test, 0, commit(&e->st, 1, e->st.tx_cut, 0));
	KUNIT_EXPECT_EQ(test, 0, e->st.nsent);
	drop(&frames);
	for (i = 0; i < MANY; i++) {
		riod_sync_unmap(&e->st, id_of(i), RW, &priv);
		free_page((unsigned long)mem[i]);
	}
}

/* riod_sync_is_settled() runs without the gate, so register writes and cuts do not wait */
static void settled_without_gate(struct kunit *test)
{
	struct ends *e = test->priv;

	map_one(e, 0, RW);
	mutex_lock(&e->st.gate);
	/* would deadlock if it took the gate */
	KUNIT_EXPECT_TRUE(test, riod_sync_is_settled(&e->st));
	mutex_unlock(&e->st.gate);
}

struct map_call {
	struct ends *e;
	u32 prot;
};

static int map_in_thread(void *data)
{
	struct map_call *call = data;

	return riod_sync_map(&call->e->st, id_of(0), call->e->s[0], call->prot, NULL);
}

static struct task_struct *map_start(struct kunit *test, struct map_call *call)
{
	struct task_struct *task = kthread_run(map_in_thread, call, "riod_map");

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	return get_task_struct(task);
}

/*
 * A page is unmapped and made writable again while a cut that has captured it is taken.
 * Until rebase() has dealt with the page, the map waits; a map for reading does not.
 */
static void map_waits_for_the_cut(struct kunit *test)
{
	struct ends *e = test->priv;
	struct map_call write = { e, RW }, read = { e, RIOD_PROT_READ };
	struct riod_sync_capture *cap;
	struct riod_sync_page *page;
	struct task_struct *task;
	void *priv;

	KUNIT_ASSERT_EQ(test, 0, map_in_thread(&read));
	KUNIT_ASSERT_EQ(test, 0, map_in_thread(&write));
	page = xa_load(&e->st.index, id_of(0));
	cap = kunit_kzalloc(test, sizeof(*cap), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cap);
	mutex_lock(&e->st.gate);
	page->capture = cap;
	riod_sync_unmap(&e->st, id_of(0), RW, &priv);
	KUNIT_EXPECT_EQ(test, page->nwrite, 0);
	KUNIT_EXPECT_EQ(test, 0, map_in_thread(&read));

	task = map_start(test, &write);
	while (!(READ_ONCE(task->__state) & TASK_UNINTERRUPTIBLE) && !READ_ONCE(page->nwrite))
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(page->nwrite), 0);
	page->capture = NULL;
	mutex_unlock(&e->st.gate);
	KUNIT_EXPECT_EQ(test, 0, kthread_stop_put(task));
	KUNIT_EXPECT_EQ(test, page->nwrite, 1);

	riod_sync_unmap(&e->st, id_of(0), RW, &priv);
	riod_sync_unmap(&e->st, id_of(0), RIOD_PROT_READ, &priv);
	riod_sync_unmap(&e->st, id_of(0), RIOD_PROT_READ, &priv);
}

/* many pages with the largest deltas: frames stay valid and within bounds */
static void many_frames(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);
	unsigned int i, n;

	for (i = 0; i < NPAGES; i++) {
		map_one(e, i, RW);
		for (n = i & 1; n < RIOD_PAGE_SIZE; n += 1 + (i & 3))
			e->l[i][n] = 0xee;
	}
	take(e, &e->fe, &frames);
	KUNIT_EXPECT_GT(test, list_count_nodes(&frames), 16);
	KUNIT_EXPECT_EQ(test, 1, deliver(e, &e->fe, &frames));
	for (i = 0; i < NPAGES; i++)
		expect_same(e, i);
}

/* random changes on both sides: the ends converge */
static void random_rounds(struct kunit *test)
{
	struct ends *e = test->priv;
	struct rnd_state rnd;
	unsigned int round, i, page;

	prandom_seed_state(&rnd, 42);
	for (i = 0; i < 8; i++)
		map_one(e, i, RW);
	for (round = 0; round < 100; round++) {
		for (i = 0; i < 50; i++) {
			u8 *side = prandom_u32_state(&rnd) & 1 ?
				   e->l[prandom_u32_state(&rnd) % 8] :
				   e->s[prandom_u32_state(&rnd) % 8];

			page = prandom_u32_state(&rnd) % (RIOD_PAGE_SIZE - 64);
			memset(side + page, prandom_u32_state(&rnd),
			       prandom_u32_state(&rnd) % 64);
		}
		cross(e, prandom_u32_state(&rnd) & 1 ? &e->fe : &e->st);
	}
	calm_down(e);
	for (i = 0; i < 8; i++)
		expect_same(e, i);
}

/* ------------------------------------------------------------ a hostile peer */

struct numbers_case {
	const char *name;
	u64 staged;	/* cut number of a CUT_DATA frame, 0: none */
	u64 cut;
	u64 applied;
	u32 nframes;
	int stage;
	int apply;
};

static const struct numbers_case numbers_cases[] = {
	{ "honest", 1, 1, 0, 1, 0, 0 },
	{ "empty", 0, 1, 0, 0, 0, 0 },
	{ "data_of_a_later_cut", 2, 1, 0, 0, -EPROTO, 0 },
	{ "data_of_cut_0", 0xffffffffffffffff, 1, 0, 0, -EPROTO, 0 },
	{ "commit_skips", 1, 2, 0, 1, 0, -EPROTO },
	{ "commit_repeats", 1, 0, 0, 1, 0, -EPROTO },
	{ "too_few_frames", 1, 1, 0, 2, 0, -EPROTO },
	{ "too_many_frames", 1, 1, 0, 0, 0, -EPROTO },
	{ "applied_what_was_not_sent", 1, 1, 1, 1, 0, -EPROTO },
};

static void numbers_desc(const struct numbers_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(numbers, numbers_cases, numbers_desc);

static void numbers(struct kunit *test)
{
	const struct numbers_case *c = test->param_value;
	struct ends *e = test->priv;

	map_one(e, 0, RW);
	if (c->staged)
		KUNIT_EXPECT_EQ(test, c->stage,
				riod_sync_stage(&e->fe, data_frame(e, c->staged, id_of(0))));
	KUNIT_EXPECT_EQ(test, c->apply, commit(&e->fe, c->cut, c->applied, c->nframes));
	KUNIT_EXPECT_EQ(test, c->nframes && !c->apply ? 0x99 : 0, e->l[0][8]);
	KUNIT_EXPECT_EQ(test, 0, e->fe.nstaged);
}

/* the applied number of commits must not decrease */
static void applied_goes_back(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(up);

	map_one(e, 0, RW);
	e->s[0][8] = 0x99;
	KUNIT_EXPECT_GT(test, take(e, &e->st, &up), 0);
	deliver(e, &e->st, &up);
	KUNIT_EXPECT_EQ(test, 0, commit(&e->st, 1, 1, 0));
	KUNIT_EXPECT_EQ(test, -EPROTO, commit(&e->st, 2, 0, 0));
	KUNIT_EXPECT_EQ(test, 0, commit(&e->st, 2, 1, 0));
}

static void unknown_page(struct kunit *test)
{
	struct ends *e = test->priv;

	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->st, data_frame(e, 1, 77)));
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->st, data_frame(e, 1, ~0ULL)));
	KUNIT_EXPECT_EQ(test, 0, commit(&e->st, 1, 0, 2));
	KUNIT_EXPECT_EQ(test, 2, e->st.stats.late);
}

/* one delta for each granule of a page: legal, and allocates a single base */
static void each_granule_apart(struct kunit *test)
{
	struct ends *e = test->priv;
	u16 *offsets = kunit_kcalloc(test, RIOD_GRANULES, sizeof(*offsets), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, offsets);
	map_one(e, 0, RW);
	for (i = 0; i < RIOD_GRANULES; i++)
		offsets[i] = (RIOD_GRANULES - 1 - i) * RIOD_GRANULE;
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->st, byte_frame(e, 1, id_of(0), offsets,
								    RIOD_GRANULES)));
	e->st.budget.limit = riod_sync_held(&e->st) + RIOD_PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, 0, commit(&e->st, 1, 0, 1));
	e->st.budget.limit = U64_MAX;
	for (i = 0; i < RIOD_PAGE_SIZE; i++)
		KUNIT_EXPECT_EQ(test, i % RIOD_GRANULE ? 0 : 0x99, e->s[0][i]);
	/* the next cut may contain the same granules */
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->st, data_frame(e, 2, id_of(0))));
	KUNIT_EXPECT_EQ(test, 0, commit(&e->st, 2, 0, 1));
}

/* a granule in two deltas of a cut, in one frame or two: nothing is applied */
static void granule_twice(struct kunit *test)
{
	static const u16 offsets[] = { 1024, 16, 2048, 31 };
	struct ends *e = test->priv;

	map_one(e, 0, RW);
	map_one(e, 1, RW);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->st, byte_frame(e, 1, id_of(0), offsets, 4)));
	KUNIT_EXPECT_EQ(test, -EPROTO, commit(&e->st, 1, 0, 1));
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->fe, byte_frame(e, 1, id_of(0), offsets, 3)));
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->fe, byte_frame(e, 1, id_of(1), offsets, 3)));
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->fe, byte_frame(e, 1, id_of(0), offsets + 3,
								    1)));
	KUNIT_EXPECT_EQ(test, -EPROTO, commit(&e->fe, 1, 0, 3));
	KUNIT_EXPECT_EQ(test, 0, e->s[0][1024] + e->l[0][1024] + e->l[1][1024]);
	KUNIT_EXPECT_EQ(test, 0, e->fe.nstaged + e->st.nstaged);
}

/* the stub's cut number @n carries the first byte of granule @n, and is acknowledged */
static void send_granule(struct ends *e, u32 n)
{
	LIST_HEAD(up);

	e->s[0][n * RIOD_GRANULE] = 0x40 + n;
	KUNIT_EXPECT_EQ(e->test, 1, take(e, &e->st, &up));
	KUNIT_EXPECT_EQ(e->test, n, e->st.tx_cut);
	riod_sync_acked(&e->st, n);
	drop(&up);
}

/* the guest's cut @nr, with @applied, changes granules 1 to @n */
static void guest_cut(struct ends *e, u32 nr, u64 applied, u32 n)
{
	u16 offsets[32];
	u32 i;

	for (i = 0; i < n; i++)
		offsets[i] = (i + 1) * RIOD_GRANULE;
	KUNIT_EXPECT_EQ(e->test, 0, riod_sync_stage(&e->st, byte_frame(e, nr, id_of(0), offsets,
								       n)));
	KUNIT_EXPECT_EQ(e->test, 0, commit(&e->st, nr, applied, 1));
	for (i = 1; i <= n; i++)
		KUNIT_EXPECT_EQ(e->test, i > applied ? 0x40 + i : 0x99,
				e->s[0][i * RIOD_GRANULE]);
}

/*
 * Rule 7 (the device wins): any cut above @applied that carries a byte wins, whatever
 * entries came and went since the last apply.  Each entry is joined once, so the cost of a
 * delta does not depend on the number of entries.
 */
static void conflicts_by_cut(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_sync_sent *s;
	u32 n;

	map_one(e, 0, RW);
	for (n = 1; n <= 8; n++)
		send_granule(e, n);
	guest_cut(e, 1, 0, 8);
	list_for_each_entry(s, &e->st.sent, by_cut)
		KUNIT_EXPECT_TRUE(test, s->joined);
	/* some joined entries go, new ones come */
	for (; n <= 12; n++)
		send_granule(e, n);
	guest_cut(e, 2, 3, 12);
	/* the last joined entry goes, and one behind it */
	guest_cut(e, 3, 9, 12);
	for (; n <= 16; n++)
		send_granule(e, n);
	/* all but the last, without an apply in between */
	guest_cut(e, 4, 15, 16);
	KUNIT_EXPECT_EQ(test, 1, e->st.nsent);
	guest_cut(e, 5, 16, 16);
	KUNIT_EXPECT_EQ(test, 0, e->st.nsent);
}

/* after riod_sync_stop() cuts are neither taken nor applied */
static void stopped(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);

	map_one(e, 0, RW);
	e->l[0][100] = 1;
	e->s[0][200] = 1;
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->fe, data_frame(e, 1, id_of(0))));
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->st, data_frame(e, 1, id_of(0))));
	riod_sync_stop(&e->fe);
	riod_sync_stop(&e->st);
	KUNIT_EXPECT_EQ(test, -ENOTCONN, commit(&e->fe, 1, 0, 1));
	KUNIT_EXPECT_EQ(test, -ENOTCONN, commit(&e->st, 1, 0, 1));
	KUNIT_EXPECT_EQ(test, 0, e->l[0][8] + e->s[0][8]);
	KUNIT_EXPECT_EQ(test, -ENOTCONN, riod_sync_collect(&e->fe, &frames, RIOD_FRAME_MIN));
	KUNIT_EXPECT_EQ(test, -ENOTCONN, riod_sync_collect(&e->st, &frames, RIOD_FRAME_MIN));
	KUNIT_EXPECT_TRUE(test, list_empty(&frames));
}

/* ------------------------------------------------------------ memory errors */

/* the copy lacks a store, and another follows it: a torn copy that cannot be missed */
static bool torn_probe(const u8 *live, u8 *buf)
{
	memset(buf, 0, RIOD_PAGE_SIZE);
	((u8 *)live)[200] = 2;
	return true;
}

static bool failing_probe(const u8 *live, u8 *buf)
{
	return false;
}

/* rule 9: a pass compares the page, not the copy of it that looks for errors */
static void probe_is_not_compared(struct kunit *test)
{
	struct ends *e = test->priv;

	map_one(e, 0, R);
	kunit_activate_static_stub(test, riod_sync_probe, torn_probe);
	e->l[0][100] = 1;
	KUNIT_EXPECT_EQ(test, 2, cross(e, &e->fe));
	expect_same(e, 0);
}

/* rule 15: an error that the probe finds ends the cut, and the engine is unchanged */
static void probe_fails(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);

	map_one(e, 0, RW);
	map_one(e, 1, RW);
	e->l[0][100] = 1;
	e->s[0][200] = 1;
	kunit_activate_static_stub(test, riod_sync_probe, failing_probe);
	KUNIT_EXPECT_EQ(test, -EHWPOISON, riod_sync_collect(&e->fe, &frames, RIOD_FRAME_MIN));
	KUNIT_EXPECT_TRUE(test, list_empty(&frames));
	KUNIT_EXPECT_EQ(test, 0, e->fe.tx_cut);
	/* the stub's pages are its own */
	KUNIT_EXPECT_EQ(test, 1, cross(e, &e->st));
	kunit_deactivate_static_stub(test, riod_sync_probe);
	calm_down(e);
	expect_same(e, 0);
}

static const void *broken;

static bool has_broken(const void *mem)
{
	return mem == broken;
}

/*
 * Rule 15: Linux knows of an error in a page.  The stub's cut changes that page last; nothing
 * of it is applied.  A pass does not read the page either.
 */
static void known_error(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);

	map_one(e, 0, RW);
	map_one(e, 1, RW);
	map_one(e, 2, RW);
	broken = e->l[1];
	kunit_activate_static_stub(test, riod_sync_has_error, has_broken);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->fe, data_frame(e, 1, id_of(0))));
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->fe, data_frame(e, 1, id_of(1))));
	KUNIT_EXPECT_EQ(test, -EHWPOISON, commit(&e->fe, 1, 0, 2));
	KUNIT_EXPECT_EQ(test, 0, e->l[0][8] + e->l[1][8]);
	KUNIT_EXPECT_EQ(test, 0, e->fe.rx_cut);
	KUNIT_EXPECT_EQ(test, 0, e->fe.staged_bytes);
	KUNIT_EXPECT_EQ(test, -EHWPOISON, riod_sync_collect(&e->fe, &frames, RIOD_FRAME_MIN));
	/* a cut of other pages, and the stub, whose pages are its own */
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->fe, data_frame(e, 1, id_of(2))));
	KUNIT_EXPECT_EQ(test, 0, commit(&e->fe, 1, 0, 1));
	broken = e->s[0];
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->st, data_frame(e, 1, id_of(0))));
	KUNIT_EXPECT_EQ(test, 0, commit(&e->st, 1, 0, 1));
}

/*
 * A BAR page takes as long as the device to answer, so the pass drops the lock after each
 * one, and checks there for the end of the session.
 */
static void mmio_one_by_one(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);
	unsigned int i;
	void *priv;

	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, 0, riod_sync_map(&e->st, id_of(i), e->s[i],
						       RW | RIOD_SYNC_MMIO, NULL));
	riod_sync_stop(&e->st);
	KUNIT_EXPECT_EQ(test, -ENOTCONN,
			riod_sync_collect(&e->st, &frames, RIOD_FRAME_MIN));
	KUNIT_EXPECT_EQ(test, e->st.stats.scanned, RIOD_PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, riod_sync_is_settled(&e->st));
	KUNIT_EXPECT_EQ(test, e->st.stats.scanned, 2 * RIOD_PAGE_SIZE);
	for (i = 0; i < 3; i++)
		riod_sync_unmap(&e->st, id_of(i), RW, &priv);
}

static void staged_bound(struct kunit *test)
{
	struct ends *e = test->priv;
	int err = 0;
	u64 before;
	u32 n = 0;

	for (; !err; n++)
		err = riod_sync_stage(&e->st, data_frame(e, 1, 77));
	KUNIT_EXPECT_EQ(test, -EPROTO, err);
	KUNIT_EXPECT_LE(test, e->st.staged_bytes, e->st.staged_max);
	/* mapping a page raises the limit */
	before = e->st.staged_max;
	map_one(e, 0, RW);
	KUNIT_EXPECT_GE(test, e->st.staged_max, before + RIOD_SYNC_DELTA_MAX);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->st, data_frame(e, 1, 77)));
	KUNIT_EXPECT_EQ(test, 0, commit(&e->st, 1, 0, n));
	KUNIT_EXPECT_EQ(test, 0, e->st.staged_bytes);
}

/* an unmap lowers the stub's limit at once, the frontend's when the stub has processed it */
static void staged_bound_shrinks(struct kunit *test)
{
	struct ends *e = test->priv;
	u64 none = e->st.staged_max, all;
	unsigned int i;

	for (i = 0; i < NPAGES; i++)
		map_one(e, i, RW);
	all = e->fe.staged_max;
	KUNIT_EXPECT_GE(test, all, none + NPAGES * RIOD_SYNC_DELTA_MAX);
	KUNIT_EXPECT_EQ(test, all, e->st.staged_max);
	for (i = 1; i < NPAGES; i++) {
		unmap_fe(e, i, RW);
		unmap_st(e, i, RW);
	}
	KUNIT_EXPECT_LT(test, e->st.staged_max, none + 3 * RIOD_SYNC_DELTA_MAX);
	KUNIT_EXPECT_EQ(test, all, e->fe.staged_max);
	/* a cut that the stub took before the unmaps, then later ones */
	e->s[0][0] = 1;
	cross(e, &e->st);
	KUNIT_EXPECT_EQ(test, all, e->fe.staged_max);
	for (i = 1; i <= 2; i++) {
		KUNIT_EXPECT_EQ(test, all, e->fe.staged_max);
		e->l[0][1] = i;
		cross(e, &e->fe);
		e->s[0][0] = i + 1;
		cross(e, &e->st);
	}
	KUNIT_EXPECT_EQ(test, e->st.staged_max, e->fe.staged_max);
}

static struct kunit_case cut_cases[] = {
	KUNIT_CASE(zero_bytes),
	KUNIT_CASE(merging),
	KUNIT_CASE(reading),
	KUNIT_CASE(no_change),
	KUNIT_CASE(many_pages),
	KUNIT_CASE(settled_without_gate),
	KUNIT_CASE(map_waits_for_the_cut),
	KUNIT_CASE(many_frames),
	KUNIT_CASE(random_rounds),
	KUNIT_CASE_PARAM(numbers, numbers_gen_params),
	KUNIT_CASE(applied_goes_back),
	KUNIT_CASE(unknown_page),
	KUNIT_CASE(each_granule_apart),
	KUNIT_CASE(granule_twice),
	KUNIT_CASE(conflicts_by_cut),
	KUNIT_CASE(stopped),
	KUNIT_CASE(probe_is_not_compared),
	KUNIT_CASE(probe_fails),
	KUNIT_CASE(known_error),
	KUNIT_CASE(mmio_one_by_one),
	KUNIT_CASE(staged_bound),
	KUNIT_CASE(staged_bound_shrinks),
	{}
};

static struct kunit_suite cut_suite = {
	.name = "riod_sync_cut",
	.init = ends_init,
	.exit = ends_exit,
	.test_cases = cut_cases,
};

kunit_test_suite(cut_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of the coherence engine's cuts");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

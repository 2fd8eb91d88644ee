// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is held for a peer: charges and limits (rule 18)
 */
#include <kunit/test.h>
#include <linux/list.h>
#include <linux/module.h>

#include "compat_export.h"
#include "cut_frames.h"
#include "ends.h"
#include "sync_cut.h"

static void budgets(struct kunit *test)
{
	struct riod_budget host, one, two;
	u64 all;

	riod_budget_init(&host, 100, NULL);
	riod_budget_init(&one, 80, &host);
	riod_budget_init(&two, 0, &host);
	KUNIT_EXPECT_EQ(test, 0, riod_budget_charge(&one, 80));
	KUNIT_EXPECT_NULL(test, one.full);
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_budget_charge(&one, 1));
	KUNIT_EXPECT_PTR_EQ(test, one.full, &one);
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_budget_charge(&two, 21));
	KUNIT_EXPECT_PTR_EQ(test, two.full, &host);
	/* charges that would make the sum wrap */
	for (all = U64_MAX; all > U64_MAX - 100; all -= 10)
		KUNIT_EXPECT_EQ(test, -EDQUOT, riod_budget_charge(&two, all));
	KUNIT_EXPECT_EQ(test, 0, riod_budget_charge(&two, 20));
	KUNIT_EXPECT_EQ(test, 80, riod_budget_held(&one));
	KUNIT_EXPECT_EQ(test, 100, riod_budget_held(&host));
	/* a limit below the bytes held refuses charges until enough is uncharged */
	riod_budget_uncharge(&one, 40);
	riod_budget_set_limit(&one, 30);
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_budget_charge(&one, 1));
	riod_budget_uncharge(&one, 11);
	KUNIT_EXPECT_EQ(test, 0, riod_budget_charge(&one, 1));
	KUNIT_EXPECT_EQ(test, 30, riod_budget_held(&one));
	riod_budget_uncharge(&one, 30);
	riod_budget_uncharge(&two, 20);
	KUNIT_EXPECT_EQ(test, 0, riod_budget_held(&one) + riod_budget_held(&two) +
				 riod_budget_held(&host));
}

/* the last eighth of a limit, own or of the parent, is not for work that can wait */
static void budget_reserve(struct kunit *test)
{
	struct riod_budget host, one;

	riod_budget_init(&host, 160, NULL);
	riod_budget_init(&one, 80, &host);
	KUNIT_EXPECT_EQ(test, 0, riod_budget_charge_own(&one, 70));
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_budget_charge_own(&one, 1));
	KUNIT_EXPECT_PTR_EQ(test, one.full, &one);
	KUNIT_EXPECT_EQ(test, 0, riod_budget_charge(&one, 10));
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_budget_charge(&one, 1));
	riod_budget_set_limit(&one, U64_MAX);
	KUNIT_EXPECT_EQ(test, 0, riod_budget_charge_own(&one, 60));
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_budget_charge_own(&one, 1));
	KUNIT_EXPECT_PTR_EQ(test, one.full, &host);
	KUNIT_EXPECT_EQ(test, 0, riod_budget_charge(&one, 20));
	KUNIT_EXPECT_EQ(test, 160, riod_budget_held(&one));
	KUNIT_EXPECT_EQ(test, 160, riod_budget_held(&host));
	riod_budget_uncharge(&one, 160);
	KUNIT_EXPECT_EQ(test, 0, riod_budget_held(&one) + riod_budget_held(&host));
}

/* nodes of an XArray with @ids, without the root: one per prefix, 6 bits to a node */
static u64 nodes_of(const u64 *ids, u32 n)
{
	u32 shift, i, j;
	u64 nodes = 0;

	for (shift = 6; shift < 64; shift += 6) {
		for (i = 0; i < n; i++) {
			for (j = 0; j < i && ids[j] >> shift != ids[i] >> shift; j++)
				;
			nodes += j == i;
		}
	}
	return nodes;
}

/* nodes of the indices are charged, because the peer chooses page numbers, and uncharged */
static void held_index(struct kunit *test)
{
	struct ends *e = test->priv;
	/* a page without its nodes, which this test is about */
	u64 page = kmalloc_size_roundup(sizeof(struct riod_sync_page)) + RIOD_SYNC_BITMAP;
	u32 n, i, round, stub = 3;
	struct rnd_state rnd;
	u64 ids[32];
	void *priv;

	prandom_seed_state(&rnd, 7);
	ids[0] = 1;
	KUNIT_ASSERT_EQ(test, 0, riod_sync_map(&e->st, ids[0], e->s[0], RW, NULL));
	KUNIT_EXPECT_EQ(test, riod_sync_held(&e->st), page + 10 * stub * RIOD_SYNC_NODE);
	for (n = 1, round = 0; round < 500; round++) {
		if (n == 1 || (n < ARRAY_SIZE(ids) && prandom_u32_state(&rnd) & 1)) {
			/* numbers close together and far apart */
			ids[n] = prandom_u32_state(&rnd);
			ids[n] = ids[n] << 32 >> prandom_u32_state(&rnd) % 60;
			ids[n] += ids[prandom_u32_state(&rnd) % n];
			for (i = 0; i < n && ids[i] != ids[n]; i++)
				;
			if (i < n || !ids[n])
				continue;
			KUNIT_ASSERT_EQ(test, 0, riod_sync_map(&e->st, ids[n], e->s[0], RW, NULL));
			n++;
		} else {
			i = prandom_u32_state(&rnd) % n;
			riod_sync_unmap(&e->st, ids[i], RW, &priv);
			ids[i] = ids[--n];
		}
		KUNIT_ASSERT_EQ(test, riod_sync_held(&e->st),
				n * page + nodes_of(ids, n) * stub * RIOD_SYNC_NODE);
	}
	while (n--)
		riod_sync_unmap(&e->st, ids[n], RW, &priv);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_held(&e->st));
	/* a refused map has no effect */
	e->st.budget.limit = page + 10 * stub * RIOD_SYNC_NODE;
	KUNIT_EXPECT_EQ(test, 0, riod_sync_map(&e->st, 1, e->s[0], RW, NULL));
	e->st.budget.limit += page;
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_sync_map(&e->st, 64, e->s[0], RW, NULL));
	KUNIT_EXPECT_EQ(test, 1, e->st.npages);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_map(&e->st, 63, e->s[0], RW, NULL));
	KUNIT_EXPECT_EQ(test, e->st.budget.limit, riod_sync_held(&e->st));
}

/* frames are charged with their allocated size until the session has them */
static void held_frames(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_frame *f;
	LIST_HEAD(frames);
	u64 before;
	u32 i;

	for (i = 0; i < 4; i++) {
		map_one(e, i, R);
		memset(e->l[i], 1, RIOD_PAGE_SIZE);
	}
	cross(e, &e->fe);
	before = riod_sync_held(&e->fe);
	/* the last page would fit the frame of the other three, but not its allocation */
	for (i = 0; i < 4; i++)
		memset(e->l[i], 2, i < 3 ? RIOD_PAGE_SIZE : 3956);
	take(e, &e->fe, &frames);
	KUNIT_EXPECT_EQ(test, 3, list_count_nodes(&frames));
	KUNIT_EXPECT_EQ(test, riod_sync_held(&e->fe), before + RIOD_FRAME_MIN + 8192);
	list_for_each_entry(f, &frames, list)
		KUNIT_EXPECT_LE(test, struct_size(f, body, f->len), RIOD_FRAME_MIN);
	drop(&frames);
	riod_sync_handed_over(&e->fe);
	KUNIT_EXPECT_EQ(test, riod_sync_held(&e->fe), before);
}

/* all memory is charged, and none is after the last unmap */
static void held(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_sync *y = &e->st;
	u64 mapped, based;
	void *priv;

	KUNIT_EXPECT_EQ(test, 0, riod_sync_held(y));
	map_one(e, 0, RW);
	mapped = riod_sync_held(y);
	KUNIT_EXPECT_GT(test, mapped, sizeof(struct riod_sync_page));
	e->s[0][0] = 1;
	cross(e, y);
	based = riod_sync_held(y);
	/* the base, and the entry for rule 7 (the device wins); nothing of the cut */
	KUNIT_EXPECT_EQ(test, based, mapped + RIOD_PAGE_SIZE + RIOD_SYNC_BITMAP +
				     sizeof(struct riod_sync_sent));
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(y, data_frame(e, 1, id_of(0))));
	KUNIT_EXPECT_GT(test, riod_sync_held(y), based + DELTA);
	KUNIT_EXPECT_EQ(test, 0, commit(y, 1, 1, 1));
	KUNIT_EXPECT_EQ(test, mapped + RIOD_PAGE_SIZE, riod_sync_held(y));
	riod_sync_unmap(y, id_of(0), RW, &priv);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_held(y));
}

/* another session has filled the host's budget; an idle one goes on */
static void idle_needs_no_budget(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);

	map_one(e, 0, RW);
	e->l[0][0] = 1;
	cross(e, &e->fe);
	e->fe.budget.limit = riod_sync_held(&e->fe);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_collect(&e->fe, &frames, RIOD_FRAME_MIN));
	e->l[0][0] = 2;
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_sync_collect(&e->fe, &frames, RIOD_FRAME_MIN));
	KUNIT_EXPECT_TRUE(test, list_empty(&frames));
}

/* a call that exceeds the limit fails without effect, and succeeds with a higher limit */
static void held_limit(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_sync *y = &e->st;
	LIST_HEAD(frames);
	u64 before;

	map_one(e, 0, RW);
	e->s[0][0] = 1;
	before = riod_sync_held(y);
	/* the limit is too low for the snapshot, then for the frame or the entry */
	for (y->budget.limit = before; y->budget.limit < before + 4 * RIOD_PAGE_SIZE;
	     y->budget.limit += 64) {
		if (riod_sync_collect(y, &frames, RIOD_FRAME_MIN) >= 0)
			break;
		KUNIT_EXPECT_EQ(test, before, riod_sync_held(y));
		KUNIT_EXPECT_TRUE(test, list_empty(&frames));
		KUNIT_EXPECT_EQ(test, 0, y->tx_cut);
	}
	KUNIT_EXPECT_GT(test, y->budget.limit, before + RIOD_PAGE_SIZE);
	/* the base, the frame and the entry are not in the last eighth */
	KUNIT_EXPECT_LE(test, riod_sync_held(y), y->budget.limit - y->budget.limit / 8);
	KUNIT_EXPECT_EQ(test, 1, deliver(e, y, &frames));
	y->budget.limit = riod_sync_held(y);
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_sync_map(y, id_of(1), e->s[1], RW, NULL));
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_sync_stage(y, data_frame(e, 1, id_of(0))));
	/* enough for the frame, but not for a base */
	before = riod_sync_held(&e->fe);
	e->fe.budget.limit = before + RIOD_PAGE_SIZE;
	unmap_fe(e, 0, RW);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_map(&e->fe, id_of(0), e->l[0], RW, e->l[0]));
	e->fe.budget.limit = riod_sync_held(&e->fe) + 1024;
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->fe, data_frame(e, 2, id_of(0))));
	KUNIT_EXPECT_EQ(test, -EDQUOT, commit(&e->fe, 2, 0, 1));
	KUNIT_EXPECT_EQ(test, 0, e->l[0][8]);
}

static const bool limit_of_host[] = { false, true };

static void limit_desc(const bool *of_host, char *desc)
{
	strscpy(desc, *of_host ? "host" : "session", KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(limit, limit_of_host, limit_desc);

/* a cut of this end may not take the memory that the peer's frames need */
static void own_cut_leaves_room(struct kunit *test)
{
	const bool *of_host = test->param_value;
	struct ends *e = test->priv;
	struct riod_sync *y = &e->st;
	struct riod_budget *host;
	LIST_HEAD(frames);
	u64 before, limit;

	/* is freed after the ends */
	host = kunit_kzalloc(test, sizeof(*host), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, host);
	riod_budget_init(host, 0, NULL);
	y->budget.parent = host;
	map_one(e, 0, RW);
	e->s[0][0] = 1;
	before = riod_sync_held(y);
	/* all but the last eighth is too little for a snapshot and the capture that it is of */
	limit = (before + RIOD_PAGE_SIZE) * 8 / 7;
	riod_budget_set_limit(*of_host ? host : &y->budget, limit);
	/* all of it is enough */
	KUNIT_ASSERT_GT(test, limit - before, 3 * RIOD_PAGE_SIZE / 2);
	KUNIT_EXPECT_EQ(test, -EDQUOT, riod_sync_collect(y, &frames, RIOD_FRAME_MIN));
	KUNIT_EXPECT_EQ(test, before, riod_sync_held(y));
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(y, data_frame(e, 1, id_of(0))));
	KUNIT_EXPECT_EQ(test, 0, commit(y, 1, 0, 1));
	/* a base was allocated */
	KUNIT_EXPECT_GT(test, riod_sync_held(y), before + RIOD_PAGE_SIZE - 1);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_map(y, id_of(1), e->s[1], RW, NULL));
	KUNIT_EXPECT_EQ(test, riod_sync_held(y), riod_budget_held(host));
}

static struct kunit_case budget_cases[] = {
	KUNIT_CASE(budgets),
	KUNIT_CASE(budget_reserve),
	KUNIT_CASE(held_index),
	KUNIT_CASE(held_frames),
	KUNIT_CASE(held),
	KUNIT_CASE(idle_needs_no_budget),
	KUNIT_CASE(held_limit),
	KUNIT_CASE_PARAM(own_cut_leaves_room, limit_gen_params),
	{}
};

static struct kunit_suite budget_suite = {
	.name = "riod_sync_budget",
	.init = ends_init,
	.exit = ends_exit,
	.test_cases = budget_cases,
};

kunit_test_suite(budget_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of the coherence engine's memory limits");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

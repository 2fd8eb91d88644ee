// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that are known to move (rule 21): what the frontend carries, and what the stub carries
 * with a completion.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "compat_export.h"
#include "ends.h"

enum { RING, DATA, NEXT, OTHER };	/* pages */

#define EXACT		(RW | RIOD_MAP_EXACT)
#define COMPLETIONS	(RW | RIOD_MAP_COMPLETIONS)
#define ENTRY		0	/* where all completions are: a ring of one entry */
#define REQUEST		0x00020007u

static void exact_begin(struct ends *e)
{
	map_one(e, RING, COMPLETIONS);
	map_one(e, DATA, EXACT);
	map_one(e, NEXT, EXACT);
}

static void carry(struct ends *e, u32 page, u32 offset, u32 len)
{
	KUNIT_EXPECT_EQ(e->test, riod_sync_carry(&e->fe, id_of(page), offset, len), 0);
}

/* the device is to write @len bytes for REQUEST */
static void expect(struct ends *e, u32 page, u32 offset, u32 len, bool always)
{
	const struct riod_wire_extent x = {
		.page = cpu_to_le64(id_of(page)),
		.offset = cpu_to_le32(offset),
		.len = cpu_to_le32(len),
	};

	KUNIT_EXPECT_EQ(e->test, riod_sync_expect(&e->st, REQUEST, always, &x, 1), 0);
}

static void answer(struct ends *e, u16 status)
{
	u8 *entry = e->s[RING] + ENTRY;
	u16 phase = !(entry[14] & 1);

	put_unaligned_le16(REQUEST >> 16, entry + 10);
	put_unaligned_le16((u16)REQUEST, entry + 12);
	put_unaligned_le16(status << 1 | phase, entry + 14);
}

/* what is carried arrives whatever the stub has, and nothing else does; nothing is compared */
static void carried(struct kunit *test)
{
	struct ends *e = test->priv;

	exact_begin(e);
	memset(e->l[DATA], 0x11, RIOD_PAGE_SIZE);
	memset(e->s[DATA], 0x22, RIOD_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, cross(e, &e->fe), 0);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 0);
	carry(e, DATA, 5, 3);
	carry(e, DATA, 4095, 1);
	/* as when it is read, not when it was marked */
	e->l[DATA][6] = 0;
	KUNIT_EXPECT_EQ(test, cross(e, &e->fe), 4);
	KUNIT_EXPECT_EQ(test, e->s[DATA][4], 0x22);
	KUNIT_EXPECT_EQ(test, e->s[DATA][5], 0x11);
	KUNIT_EXPECT_EQ(test, e->s[DATA][6], 0);
	KUNIT_EXPECT_EQ(test, e->s[DATA][7], 0x11);
	KUNIT_EXPECT_EQ(test, e->s[DATA][8], 0x22);
	KUNIT_EXPECT_EQ(test, e->s[DATA][4095], 0x11);
	/* once */
	KUNIT_EXPECT_EQ(test, cross(e, &e->fe), 0);
	/* the same again, although it did not change: the device may have written it */
	e->s[DATA][5] = 0x33;
	carry(e, DATA, 5, 1);
	KUNIT_EXPECT_EQ(test, cross(e, &e->fe), 1);
	KUNIT_EXPECT_EQ(test, e->s[DATA][5], 0x11);
	KUNIT_EXPECT_EQ(test, e->fe.stats.scanned, 0);
	/* a page that is compared, or gone */
	map_one(e, OTHER, RW);
	carry(e, OTHER, 0, 16);
	carry(e, OTHER + 1, 0, 16);
	KUNIT_EXPECT_EQ(test, cross(e, &e->fe), 0);
}

/* a completion brings all bytes of its request, and they are here before it */
static void success(struct kunit *test)
{
	struct ends *e = test->priv;

	exact_begin(e);
	memset(e->l[DATA], 0x11, RIOD_PAGE_SIZE);
	memset(e->l[NEXT], 0x11, RIOD_PAGE_SIZE);
	expect(e, DATA, 4090, 10, false);
	memset(e->s[DATA] + 4090, 0, 6);
	memset(e->s[NEXT], 0x22, 8);
	/* the guest has no business in the ring, but may do so */
	e->l[RING][ENTRY] = 0x77;
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 0);
	answer(e, 0);
	KUNIT_EXPECT_FALSE(test, riod_sync_is_settled(&e->st));
	/* the entry is whole */
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 10 + 16);
	KUNIT_EXPECT_MEMEQ(test, e->l[RING], e->s[RING], RIOD_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, e->l[DATA][4089], 0x11);
	KUNIT_EXPECT_EQ(test, e->l[DATA][4090], 0);
	KUNIT_EXPECT_EQ(test, e->l[DATA][4095], 0);
	KUNIT_EXPECT_EQ(test, e->l[NEXT][3], 0x22);
	KUNIT_EXPECT_EQ(test, e->l[NEXT][4], 0x11);
	/* once: another completion of that name brings nothing */
	e->l[DATA][4090] = 0x44;
	answer(e, 0);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16);
	KUNIT_EXPECT_EQ(test, e->l[DATA][4090], 0x44);
	KUNIT_EXPECT_EQ(test, e->st.nsent, 0);
}

static void failed(struct kunit *test)
{
	struct ends *e = test->priv;

	exact_begin(e);
	expect(e, DATA, 0, 8, false);
	memset(e->s[DATA], 0x22, 16);
	answer(e, 0x281);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16);
	KUNIT_EXPECT_EQ(test, e->l[DATA][0], 0);
	/* what the device wrote must not hide what the guest has there next */
	carry(e, DATA, 0, 8);
	cross(e, &e->fe);
	KUNIT_EXPECT_EQ(test, e->s[DATA][0], 0);
	expect(e, DATA, 8, 8, true);
	answer(e, 0x281);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16 + 8);
	KUNIT_EXPECT_EQ(test, e->l[DATA][0], 0);
	KUNIT_EXPECT_EQ(test, e->l[DATA][8], 0x22);
	/* "more" and "do not retry" of a success */
	expect(e, DATA, 16, 8, false);
	memset(e->s[DATA] + 16, 0x33, 8);
	answer(e, 0x6000);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16 + 8);
	KUNIT_EXPECT_EQ(test, e->l[DATA][16], 0x33);
}

/* the phase is that of the last round: the rest of the entry is still to come */
static void half_an_entry(struct kunit *test)
{
	struct ends *e = test->priv;

	exact_begin(e);
	answer(e, 0);
	cross(e, &e->st);
	expect(e, DATA, 0, 8, false);
	memset(e->s[DATA], 0x22, 8);
	e->s[RING][ENTRY] = 1;
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16);
	KUNIT_EXPECT_EQ(test, e->l[DATA][0], 0);
	answer(e, 0);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16 + 8);
	KUNIT_EXPECT_EQ(test, e->l[DATA][0], 0x22);
}

/* requests that were replaced or forgotten, and pages that are not there */
static void forgotten(struct kunit *test)
{
	struct ends *e = test->priv;

	exact_begin(e);
	map_one(e, OTHER, R | RIOD_MAP_EXACT);
	memset(e->s[DATA], 0x22, 32);
	memset(e->s[NEXT], 0x22, 32);
	expect(e, DATA, 0, 8, false);
	expect(e, DATA, 8, 8, false);
	answer(e, 0);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16 + 8);
	KUNIT_EXPECT_EQ(test, e->l[DATA][0], 0);

	expect(e, DATA, 0, 8, false);
	riod_sync_forget(&e->st, REQUEST + 1, U32_MAX);
	riod_sync_forget(&e->st, 0, REQUEST);
	answer(e, 0);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16);

	/* unmapped, and what the device may only read; the rest arrives */
	expect(e, DATA, 4000, 96 + RIOD_PAGE_SIZE + 32, false);
	unmap_st(e, NEXT, RW);
	answer(e, 0);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16 + 96);
	/* of another function */
	expect(e, DATA, 0, 8, false);
	riod_sync_forget(&e->st, RIOD_SYNC_KEY(1, 0), RIOD_SYNC_KEY(1, U32_MAX));
	answer(e, 0);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16 + 8);
}

/* a cut that is given up loses nothing */
static void given_up(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);

	exact_begin(e);
	e->l[DATA][0] = 0x11;
	carry(e, DATA, 0, 1);
	e->fe.budget.limit = riod_sync_held(&e->fe);
	KUNIT_EXPECT_EQ(test, riod_sync_collect(&e->fe, &frames, RIOD_FRAME_MIN), -EDQUOT);
	e->fe.budget.limit = U64_MAX;
	carry(e, DATA, 1, 1);
	KUNIT_EXPECT_EQ(test, cross(e, &e->fe), 2);
	KUNIT_EXPECT_EQ(test, e->s[DATA][0], 0x11);

	expect(e, NEXT, 0, 8, false);
	e->s[NEXT][0] = 0x22;
	answer(e, 0);
	/* enough for the ring's page, not for the data */
	for (e->st.budget.limit = riod_sync_held(&e->st);
	     riod_sync_collect(&e->st, &frames, RIOD_FRAME_MIN) == -EDQUOT;
	     e->st.budget.limit += 512)
		KUNIT_ASSERT_TRUE(test, list_empty(&frames));
	KUNIT_EXPECT_EQ(test, deliver(e, &e->st, &frames), 1);
	KUNIT_EXPECT_EQ(test, e->l[NEXT][0], 0x22);
	e->st.budget.limit = U64_MAX;
}

/* what the device wrote, whatever the guest did with its copy */
static void entries(struct kunit *test)
{
	struct ends *e = test->priv;
	u8 entry[16];

	exact_begin(e);
	KUNIT_EXPECT_FALSE(test, riod_sync_completion(&e->fe, id_of(RING), ENTRY, entry));
	KUNIT_EXPECT_FALSE(test, riod_sync_completion(&e->fe, id_of(DATA), ENTRY, entry));
	KUNIT_EXPECT_FALSE(test, riod_sync_completion(&e->fe, 0, ENTRY, entry));
	answer(e, 0);
	cross(e, &e->st);
	memset(e->l[RING], 0, RIOD_PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, riod_sync_completion(&e->fe, id_of(RING), ENTRY, entry));
	KUNIT_EXPECT_MEMEQ(test, entry, e->s[RING] + ENTRY, 16);
	KUNIT_EXPECT_FALSE(test, riod_sync_completion(&e->fe, id_of(RING), 16, entry));
	/* and what the guest did does not cross */
	KUNIT_EXPECT_EQ(test, cross(e, &e->fe), 0);
}

/* the device fills entries @first to @last, in a round of its own */
static void fill(struct ends *e, u32 first, u32 last, u8 round)
{
	u32 i, phase;

	for (i = first; i <= last; i++) {
		phase = !(e->s[RING][16 * i + 14] & 1);
		memset(e->s[RING] + 16 * i, round, 16);
		e->s[RING][16 * i + 14] = round << 1 | phase;
	}
}

/* passes look where the next entries are: behind the last ones, and at the beginning */
static void entries_in_order(struct kunit *test)
{
	static const struct {
		u32 first, last, from, to;
		u8 round;
	} steps[] = {
		{ 0, 0, 1, 0, 1 }, { 1, 2, 1, 0, 1 }, { 3, 3, 1, 0, 1 }, { 4, 100, 1, 0, 1 },
		/* the ring ends there */
		{ 0, 0, 1, 0, 2 }, { 1, 98, 1, 0, 2 }, { 99, 100, 0, 5, 3 },
		/* or with the page */
		{ 6, 255, 1, 0, 4 }, { 0, 9, 1, 0, 5 }, { 10, 255, 0, 3, 6 },
		/* all but one */
		{ 4, 255, 0, 2, 7 }, { 3, 3, 1, 0, 7 },
	};
	struct ends *e = test->priv;
	u64 scanned;
	u32 i, n;

	exact_begin(e);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		fill(e, steps[i].first, steps[i].last, steps[i].round);
		n = steps[i].last - steps[i].first + 1;
		if (steps[i].from <= steps[i].to) {
			fill(e, steps[i].from, steps[i].to, steps[i].round);
			n += steps[i].to - steps[i].from + 1;
		}
		KUNIT_EXPECT_FALSE_MSG(test, riod_sync_is_settled(&e->st), "step %u", i);
		KUNIT_EXPECT_EQ_MSG(test, cross(e, &e->st), 16 * n, "step %u", i);
		KUNIT_EXPECT_TRUE_MSG(test, riod_sync_is_settled(&e->st), "step %u", i);
		KUNIT_EXPECT_MEMEQ(test, e->l[RING], e->s[RING], RIOD_PAGE_SIZE);
	}
	/* two lines at most if there is nothing */
	scanned = e->st.stats.scanned;
	KUNIT_EXPECT_TRUE(test, riod_sync_is_settled(&e->st));
	KUNIT_EXPECT_LE(test, e->st.stats.scanned - scanned, 128);
}

/* the page is mapped again while its ring is in use: the next entry may be anywhere */
static void ring_in_use(struct kunit *test)
{
	struct ends *e = test->priv;

	map_one(e, RING, COMPLETIONS | RIOD_MAP_IN_USE);
	map_one(e, DATA, EXACT);
	expect(e, DATA, 0, 8, false);
	memset(e->s[DATA], 0x22, 8);
	/* of a round with phase 0 */
	put_unaligned_le16(REQUEST >> 16, e->s[RING] + 16 * 201 + 10);
	put_unaligned_le16((u16)REQUEST, e->s[RING] + 16 * 201 + 12);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16 + 8);
	KUNIT_EXPECT_EQ(test, e->l[DATA][0], 0x22);
	fill(e, 202, 203, 1);
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 32);
	KUNIT_EXPECT_EQ(test, e->st.stats.scanned % RIOD_PAGE_SIZE, 64 * 6);
}

/* an entry that was taken half written is looked at again */
static void half_an_entry_ends_a_line(struct kunit *test)
{
	struct ends *e = test->priv;

	exact_begin(e);
	fill(e, 0, 15, 1);
	cross(e, &e->st);
	fill(e, 0, 6, 2);
	cross(e, &e->st);
	e->s[RING][16 * 7] = 9;
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16);
	e->s[RING][16 * 7 + 14] ^= 1;
	KUNIT_EXPECT_FALSE(test, riod_sync_is_settled(&e->st));
	KUNIT_EXPECT_EQ(test, cross(e, &e->st), 16);
}

/* such a page has one mapping */
static void one_mapping(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_sync *y = &e->st;

	exact_begin(e);
	map_one(e, OTHER, RW);
	KUNIT_EXPECT_EQ(test, riod_sync_map(y, id_of(DATA), e->s[DATA], RW, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, riod_sync_map(y, id_of(RING), e->s[RING], COMPLETIONS, NULL),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, riod_sync_map(y, id_of(OTHER), e->s[OTHER], EXACT, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, y->npages, 4);
}

static struct kunit_case exact_cases[] = {
	KUNIT_CASE(carried),
	KUNIT_CASE(success),
	KUNIT_CASE(failed),
	KUNIT_CASE(half_an_entry),
	KUNIT_CASE(forgotten),
	KUNIT_CASE(given_up),
	KUNIT_CASE(entries),
	KUNIT_CASE(entries_in_order),
	KUNIT_CASE(ring_in_use),
	KUNIT_CASE(half_an_entry_ends_a_line),
	KUNIT_CASE(one_mapping),
	{}
};

static struct kunit_suite exact_suite = {
	.name = "riod_sync_exact",
	.init = ends_init,
	.exit = ends_exit,
	.test_cases = exact_cases,
};

kunit_test_suite(exact_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of the coherence engine's bytes that are known to move");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the coherence engine: publish order within a cut (rule 10)
 *
 * The tests check the frames of the guest's cuts: deltas are applied in their order, which
 * the device sees.  For the device's cuts, two pages of the engine share one page of guest
 * memory, so the value that was applied last remains.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/module.h>

#include "compat_export.h"
#include "ends.h"
#include "sync_cut.h"

/* page i is at address i * 4096; pages from 16 on are not mapped */
static u64 page_at(void *priv, u64 iova)
{
	u64 page = iova / RIOD_PAGE_SIZE;

	return page < 16 ? id_of(page) : 0;
}

#define at(page, granule)	((page) * RIOD_PAGE_SIZE + (granule) * RIOD_GRANULE)

static struct riod_sync_order *make(struct ends *e, const struct riod_sync_span *spans, u32 n)
{
	struct riod_sync_order *o = riod_sync_order_make(spans, n, page_at, NULL);

	KUNIT_ASSERT_FALSE(e->test, IS_ERR(o));
	return o;
}

static struct riod_sync_order *set(struct ends *e, const struct riod_sync_span *spans, u32 n)
{
	struct riod_sync_order *o = make(e, spans, n);

	riod_sync_set_order(&e->fe, NULL, o);
	return o;
}

static void unset(struct ends *e, struct riod_sync_order *o)
{
	riod_sync_set_order(&e->fe, o, NULL);
	riod_sync_order_free(o);
}

#define LISTED_MAX	64

/* granules of a cut, page * 256 + granule, in the order in which they were sent */
struct listed {
	u32 n;
	u32 of[LISTED_MAX];
};

static void list_delta(struct ends *e, struct listed *list, const struct riod_wire_delta *d)
{
	const struct riod_wire_run *run = (const struct riod_wire_run *)(d + 1);
	u32 i, g, page = le64_to_cpu(d->page) - id_of(0);

	for (i = 0; i < le16_to_cpu(d->nruns); i++) {
		u32 first = le16_to_cpu(run[i].offset);
		u32 last = first + le16_to_cpu(run[i].len) - 1;

		for (g = first / RIOD_GRANULE; g <= last / RIOD_GRANULE; g++) {
			KUNIT_ASSERT_LT(e->test, list->n, LISTED_MAX);
			list->of[list->n++] = page * RIOD_GRANULES + g;
		}
	}
}

static void list_frame(struct ends *e, struct listed *list, const struct riod_frame *f)
{
	const struct riod_wire_cut_data *body = (const void *)f->body;
	const struct riod_wire_delta *d;
	u32 pos;

	for (pos = 0; pos < f->len - sizeof(*body);
	     pos += riod_sync_delta_size(le16_to_cpu(d->nruns), le16_to_cpu(d->nbytes))) {
		d = (const void *)(body->deltas + pos);
		list_delta(e, list, d);
	}
}

#define expect_sent(e, ...) do {							\
	const u32 want_[] = { __VA_ARGS__ };						\
	expect_list(e, want_, ARRAY_SIZE(want_));					\
} while (0)

/* take and deliver the guest's next cut; it must contain these granules in this order */
static void expect_list(struct ends *e, const u32 *want, u32 n)
{
	struct listed list = {};
	struct riod_frame *f;
	LIST_HEAD(frames);
	u32 i;

	take(e, &e->fe, &frames);
	list_for_each_entry(f, &frames, list) {
		if (f->hdr.type == RIOD_FRAME_CUT_DATA)
			list_frame(e, &list, f);
	}
	KUNIT_EXPECT_EQ(e->test, list.n, n);
	for (i = 0; i < min(n, list.n); i++)
		KUNIT_EXPECT_EQ_MSG(e->test, list.of[i], want[i], "granule %u of the cut", i);
	if (deliver(e, &e->fe, &frames))
		riod_sync_acked(&e->fe, e->fe.tx_cut);
}

static void store(struct ends *e, unsigned int page, unsigned int g, u8 value)
{
	e->l[page][g * RIOD_GRANULE] = value;
}

#define G(page, granule)	((page) * RIOD_GRANULES + (granule))

/* ------------------------------------------------------------ the guest's cuts */

/* granules inside runs of bytes, at the ends of a page, on separate pages */
static void sent_last(struct kunit *test)
{
	struct ends *e = test->priv;
	const struct riod_sync_span spans[] = {
		{ .iova = at(1, 3), .len = 16, .by_guest = true },
		{ .iova = at(1, 255) + 8, .len = 1, .by_guest = true },
		{ .iova = at(0, 0), .len = RIOD_PAGE_SIZE, .by_guest = true },
		/* a span of the device, an empty one, one that is not mapped */
		{ .iova = at(1, 1), .len = 16 },
		{ .iova = at(1, 2), .len = 0, .by_guest = true },
		{ .iova = at(20, 2), .len = 16, .by_guest = true },
	};
	struct riod_sync_order *o = set(e, spans, ARRAY_SIZE(spans));
	unsigned int i;

	for (i = 0; i < 3; i++)
		map_one(e, i, RW);
	memset(e->l[1] + 16, 7, 80);
	store(e, 1, 255, 7);
	store(e, 0, 9, 7);
	store(e, 2, 100, 7);
	expect_sent(e, G(2, 100), G(1, 1), G(1, 2), G(1, 4), G(1, 5),
		    G(1, 3), G(1, 255), G(0, 9));
	for (i = 0; i < 3; i++)
		expect_same(e, i);
	/* only a granule of the order changes */
	store(e, 1, 3, 8);
	expect_sent(e, G(1, 3));
	/* an unchanged granule of the order is not sent */
	store(e, 1, 4, 8);
	expect_sent(e, G(1, 4));
	expect_same(e, 1);
	/* nothing is left to send: the base is complete */
	expect_list(e, NULL, 0);
	unset(e, o);
	store(e, 1, 3, 9);
	store(e, 1, 4, 9);
	expect_sent(e, G(1, 3), G(1, 4));
}

/* steps count from the start of the span, across pages */
static void steps(struct kunit *test)
{
	struct ends *e = test->priv;
	const struct riod_sync_span span = {
		.iova = at(0, 254), .len = 6 * 16, .step = 48, .by_guest = true,
	};
	struct riod_sync_order *o = set(e, &span, 1);
	unsigned int i;

	for (i = 0; i < 2; i++)
		map_one(e, i, RW);
	memset(e->l[0] + 253 * 16, 7, 48);
	memset(e->l[1], 7, 80);
	/* granule 254, and one step further: page 1, granule 1 */
	expect_sent(e, G(1, 0), G(1, 2), G(1, 3), G(1, 4), G(0, 253), G(0, 255),
		    G(1, 1), G(0, 254));
	unset(e, o);
}

/* an entry is a flag unless the one before chains to it (bit 0); bit 7: link */
static bool begins(struct riod_sync_entry *e)
{
	do {
		if (!riod_sync_entry_before(e))
			return true;
	} while (e->now[0] & 0x80);
	return !(e->now[0] & 1);
}

/* a ring of three entries at the end of page 2 and two at the start of page 0 */
static const struct riod_sync_span ring[] = {
	{ .iova = at(2, 253), .len = 48, .by_guest = true, .ring = 1, .flag = begins },
	{ .iova = at(0, 0), .len = 32, .by_guest = true, .ring = 1, .flag = begins },
	/* another ring, of one entry */
	{ .iova = at(1, 0), .len = 16, .by_guest = true, .ring = 2, .flag = begins },
};

static void rings(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_sync_order *o = set(e, ring, ARRAY_SIZE(ring));
	unsigned int i;

	for (i = 0; i < 3; i++)
		map_one(e, i, RW);
	/* a chain of two entries that crosses the pages; a chain of one */
	store(e, 2, 255, 3);
	store(e, 0, 0, 2);
	store(e, 0, 1, 2);
	store(e, 1, 0, 2);
	expect_sent(e, G(0, 0), G(2, 255), G(1, 0), G(0, 1));
	unset(e, o);
}

/* chains that wrap, are extended, and contain a link */
static void rings_wrap(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_sync_order *o = set(e, ring, 2);
	unsigned int i;

	for (i = 0; i < 3; i += 2)
		map_one(e, i, RW);
	/* a chain from the last entry to the first */
	store(e, 0, 1, 3);
	store(e, 2, 253, 3);
	store(e, 2, 254, 2);
	expect_sent(e, G(2, 253), G(2, 254), G(0, 1));
	/* an unchanged entry counts with its current value: 253 chains to 254 */
	store(e, 2, 254, 4);
	store(e, 2, 255, 4);
	expect_sent(e, G(2, 254), G(2, 255));
	store(e, 2, 255, 6);
	store(e, 2, 254, 6);
	expect_sent(e, G(2, 254), G(2, 255));
	/* through a link, which belongs to the entry before it */
	store(e, 2, 254, 3);
	store(e, 2, 255, 0x82);
	store(e, 0, 0, 8);
	expect_sent(e, G(2, 254), G(2, 255), G(0, 0));
	unset(e, o);
}

/* every entry is a link: the search ends */
static void rings_of_links(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_sync_order *o = set(e, ring, 2);
	unsigned int g;

	map_one(e, 0, RW);
	map_one(e, 2, RW);
	for (g = 0; g < 2; g++)
		store(e, 0, g, 0x81);
	for (g = 253; g < 256; g++)
		store(e, 2, g, 0x81);
	/* all entries count as flags and are sent last */
	expect_sent(e, G(2, 253), G(2, 254), G(2, 255), G(0, 0), G(0, 1));
	unset(e, o);
}

/* the page before an entry is unmapped: the entry counts as a flag */
static void rings_lose_pages(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_sync_order *o = set(e, ring, 2);

	map_one(e, 0, RW);
	store(e, 0, 0, 3);
	store(e, 0, 1, 2);
	expect_sent(e, G(0, 1), G(0, 0));
	unset(e, o);
}

/* ------------------------------------------------------------ the device's cuts */

/* pages 0 and 1 of the engine share one page of guest memory */
static void map_twice(struct ends *e)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(e->test, 0, riod_sync_map(&e->fe, id_of(i), e->l[0], RW, e->l[0]));
		KUNIT_ASSERT_EQ(e->test, 0, riod_sync_map(&e->st, id_of(i), e->s[i], RW, e->s[i]));
	}
}

/* the device writes 1 to page 0 and 2 to page 1 */
static void both(struct ends *e, unsigned int g)
{
	e->s[0][g * RIOD_GRANULE] = 1;
	e->s[1][g * RIOD_GRANULE] = 2;
}

static void applied_last(struct kunit *test)
{
	struct ends *e = test->priv;
	const struct riod_sync_span spans[] = {
		{ .iova = at(1, 6), .len = 3 * 16, .step = 32 },
		{ .iova = at(1, 5), .len = 16, .by_guest = true },
	};
	struct riod_sync_order *o = set(e, spans, ARRAY_SIZE(spans)), *other;
	unsigned int g;

	map_twice(e);
	for (g = 5; g < 10; g++)
		both(e, g);
	cross(e, &e->st);
	/* without an order, the page with the higher number is applied first */
	for (g = 5; g < 10; g++)
		KUNIT_EXPECT_EQ(test, e->l[0][g * RIOD_GRANULE], g == 6 || g == 8 ? 2 : 1);
	KUNIT_EXPECT_EQ(test, e->fe.stats.applied, 10);
	KUNIT_EXPECT_EQ(test, e->fe.stats.late + e->fe.stats.dropped, 0);

	/* a second function's order; then the first one's is removed */
	other = set(e, &(struct riod_sync_span){ .iova = at(1, 20), .len = 1 }, 1);
	both(e, 20);
	both(e, 21);
	cross(e, &e->st);
	KUNIT_EXPECT_EQ(test, e->l[0][20 * 16], 2);
	KUNIT_EXPECT_EQ(test, e->l[0][21 * 16], 1);
	riod_sync_set_order(&e->fe, o, NULL);
	e->s[0][6 * 16] = 3;
	e->s[1][6 * 16] = 4;
	cross(e, &e->st);
	KUNIT_EXPECT_EQ(test, e->l[0][6 * 16], 3);
	unset(e, other);
	riod_sync_order_free(o);
}

/* a page unmapped between the order and the cut: its bytes count as late */
static void applied_late(struct kunit *test)
{
	struct ends *e = test->priv;
	struct riod_sync_order *o;

	o = set(e, &(struct riod_sync_span){ .iova = at(1, 0), .len = 64, .step = 32 }, 1);
	map_one(e, 1, RW);
	memset(e->s[1], 1, 64);
	unmap_fe(e, 1, RW);
	cross(e, &e->st);
	KUNIT_EXPECT_EQ(test, e->fe.stats.late, 64);
	KUNIT_EXPECT_EQ(test, e->fe.stats.applied, 0);
	unset(e, o);
}

/* ------------------------------------------------------------ orders */

static void too_much(struct kunit *test)
{
	struct riod_sync_span span = { .len = U32_MAX };
	struct riod_sync_order *o;

	o = riod_sync_order_make(&span, 1, page_at, NULL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(o), -E2BIG);
	span.len = RIOD_SYNC_AREAS_MAX * RIOD_PAGE_SIZE;
	o = riod_sync_order_make(&span, 1, page_at, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(o));
	riod_sync_order_free(o);
	/* one more page */
	span.iova = RIOD_PAGE_SIZE - 1;
	o = riod_sync_order_make(&span, 1, page_at, NULL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(o), -E2BIG);
	riod_sync_order_free(NULL);
	/* addresses of a hostile guest, which wrap */
	span.iova = ~0ULL - 100;
	span.len = 4096;
	o = riod_sync_order_make(&span, 1, page_at, NULL);
	if (!IS_ERR(o))
		riod_sync_order_free(o);
}

/* overlapping spans cost work in each cut, and no real layout needs them */
static void crowded(struct kunit *test)
{
	struct riod_sync_span spans[3] = {};
	struct riod_sync_order *o;
	u32 i;

	for (i = 0; i < 3; i++) {
		spans[i].iova = at(2, 0);
		spans[i].len = RIOD_PAGE_SIZE;
		spans[i].by_guest = i;
	}
	o = riod_sync_order_make(spans, 2, page_at, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(o));
	riod_sync_order_free(o);
	o = riod_sync_order_make(spans, 3, page_at, NULL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(o), -E2BIG);
	/* spans that are not mapped are not limited */
	for (i = 0; i < 3; i++)
		spans[i].iova = at(20, 0);
	o = riod_sync_order_make(spans, 3, page_at, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(o));
	riod_sync_order_free(o);
}

/* counts the lookups */
static u64 page_counted(void *priv, u64 iova)
{
	++*(u32 *)priv;
	return page_at(NULL, iova);
}

static void span_changed(struct kunit *test)
{
	static const struct {
		u64 iova, len;
		bool changed;
		u32 looks;
	} cases[] = {
		{ at(3, 0), 1, true, 1 },
		{ at(2, 255), 17, true, 2 },
		{ at(1, 0), 2 * RIOD_PAGE_SIZE, false, 2 },
		{ at(4, 0), 0, false, 0 },
		{ ~0xfffULL, RIOD_PAGE_SIZE, false, 1 },
		{ ~0xfffULL, RIOD_PAGE_SIZE + 1, false, 0 },
		{ ~0ULL, ~0ULL, false, 0 },
		{ 0, ~0ULL, false, 0 },
		{ at(20, 0), (u64)RIOD_SYNC_AREAS_MAX * RIOD_PAGE_SIZE, false,
		  RIOD_SYNC_AREAS_MAX },
		{ at(20, 0), (u64)RIOD_SYNC_AREAS_MAX * RIOD_PAGE_SIZE + 1, false, 0 },
	};
	struct ends *e = test->priv;
	u32 i, looks;

	map_one(e, 3, RW);
	e->s[3][0] = 1;
	cross(e, &e->st);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		looks = 0;
		KUNIT_EXPECT_EQ(test, cases[i].changed,
				riod_sync_span_changed(&e->fe, cases[i].iova, cases[i].len,
						       page_counted, &looks));
		KUNIT_EXPECT_EQ(test, cases[i].looks, looks);
	}
}

static struct kunit_case order_cases[] = {
	KUNIT_CASE(sent_last),
	KUNIT_CASE(steps),
	KUNIT_CASE(rings),
	KUNIT_CASE(rings_wrap),
	KUNIT_CASE(rings_of_links),
	KUNIT_CASE(rings_lose_pages),
	KUNIT_CASE(applied_last),
	KUNIT_CASE(applied_late),
	KUNIT_CASE(too_much),
	KUNIT_CASE(crowded),
	KUNIT_CASE(span_changed),
	{}
};

static struct kunit_suite order_suite = {
	.name = "riod_sync_order",
	.init = ends_init,
	.exit = ends_exit,
	.test_cases = order_cases,
};

kunit_test_suite(order_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of the coherence engine's publish order");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherence engine: two ends in one kernel, with cuts carried by hand.
 *
 * Interleavings are the simulator's business (selftests/sim); here each rule
 * that the engine keeps by itself is shown in the smallest case.
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "load.h"
#include "session.h"
#include "sync.h"
#include "sync_cut.h"
#include "sync_granule.h"

#define NPAGES	64
#define RW	(RIOD_PROT_READ | RIOD_PROT_WRITE)
#define R	RIOD_PROT_READ
#define W	RIOD_PROT_WRITE

/* guest memory, its shadow, and the engines between them; page i has number i + 1 */
struct ends {
	struct kunit *test;
	struct riod_sync fe;
	struct riod_sync st;
	u8 *l[NPAGES];
	u8 *s[NPAGES];
	u32 prot[NPAGES];
};

static u64 id_of(unsigned int page)
{
	return page + 1;
}

static u8 *new_memory(struct kunit *test)
{
	u8 *p = (u8 *)get_zeroed_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static int ends_init(struct kunit *test)
{
	struct ends *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, e);
	e->test = test;
	riod_sync_init(&e->fe, RIOD_SYNC_FRONTEND, NULL);
	riod_sync_init(&e->st, RIOD_SYNC_STUB, NULL);
	for (i = 0; i < NPAGES; i++) {
		e->l[i] = new_memory(test);
		e->s[i] = new_memory(test);
	}
	test->priv = e;
	return 0;
}

static void map_one(struct ends *e, unsigned int page, u32 prot)
{
	KUNIT_ASSERT_EQ(e->test, 0, riod_sync_map(&e->fe, id_of(page), e->l[page],
						  prot, e->l[page]));
	KUNIT_ASSERT_EQ(e->test, 0, riod_sync_map(&e->st, id_of(page), e->s[page],
						  prot, e->s[page]));
	e->prot[page] |= prot;
}

static void unmap_fe(struct ends *e, unsigned int page, u32 prot)
{
	void *priv;

	riod_sync_unmap(&e->fe, id_of(page), prot, &priv);
}

static void unmap_st(struct ends *e, unsigned int page, u32 prot)
{
	void *priv;

	riod_sync_unmap(&e->st, id_of(page), prot, &priv);
}

static void forget_pages(struct riod_sync *y)
{
	struct riod_sync_page *page, *tmp;
	void *priv;

	list_for_each_entry_safe(page, tmp, &y->pages, scan) {
		while (page->nread + page->nwrite > 0) {
			u32 prot = (page->nread ? R : 0) | (page->nwrite ? W : 0);

			if (page->nmaps > max(page->nread, page->nwrite))
				prot = page->nread ? R : W;
			if (riod_sync_unmap(y, page->id, prot, &priv))
				break;
		}
	}
}

static void ends_exit(struct kunit *test)
{
	struct ends *e = test->priv;
	unsigned int i;

	forget_pages(&e->fe);
	forget_pages(&e->st);
	KUNIT_EXPECT_EQ(test, 0, e->st.sent_weight);
	KUNIT_EXPECT_EQ(test, 0, e->fe.npages + e->st.npages);
	KUNIT_EXPECT_EQ(test, 0, e->fe.nwritable + e->st.nwritable);
	riod_sync_destroy(&e->fe);
	riod_sync_destroy(&e->st);
	for (i = 0; i < NPAGES; i++) {
		free_page((unsigned long)e->l[i]);
		free_page((unsigned long)e->s[i]);
	}
}

static struct riod_sync *other_end(struct ends *e, struct riod_sync *y)
{
	return y == &e->fe ? &e->st : &e->fe;
}

/* take a cut; every frame of it must be one that the peer would accept */
static s64 take(struct ends *e, struct riod_sync *y, struct list_head *frames)
{
	struct riod_frame *f;
	s64 bytes = riod_sync_collect(y, frames, false, RIOD_FRAME_MIN);

	KUNIT_EXPECT_GE(e->test, bytes, 0);
	list_for_each_entry(f, frames, list) {
		/* the session numbers frames when it sends them */
		f->hdr.seq = cpu_to_le64(1);
		KUNIT_EXPECT_EQ(e->test, 0, riod_wire_validate(f, y == &e->st));
		KUNIT_EXPECT_LE(e->test, sizeof(f->hdr) + f->len, RIOD_FRAME_MIN);
		f->hdr.seq = 0;
	}
	return bytes;
}

/* a cut of @y's arrives; 1 where there was a commit */
static int deliver(struct ends *e, struct riod_sync *y, struct list_head *frames)
{
	struct riod_sync *to = other_end(e, y);
	struct riod_frame *f, *tmp;
	int committed = 0;

	list_for_each_entry_safe(f, tmp, frames, list) {
		list_del(&f->list);
		if (f->hdr.type == RIOD_FRAME_CUT_DATA) {
			KUNIT_EXPECT_EQ(e->test, 0, riod_sync_stage(to, f));
			continue;
		}
		KUNIT_EXPECT_EQ(e->test, 0, riod_sync_apply(to, (void *)f->body));
		riod_frame_free(f);
		committed++;
	}
	return committed;
}

/* take, deliver, acknowledge */
static s64 cross(struct ends *e, struct riod_sync *y)
{
	LIST_HEAD(frames);
	s64 bytes = take(e, y, &frames);

	if (deliver(e, y, &frames))
		riod_sync_acked(y, y->tx_cut);
	return bytes;
}

/* until nothing moves any more */
static void calm_down(struct ends *e)
{
	int i;

	for (i = 0; i < 10 && cross(e, &e->fe) + cross(e, &e->st); i++)
		;
	KUNIT_EXPECT_LT(e->test, i, 10);
}

static void expect_same(struct ends *e, unsigned int page)
{
	KUNIT_EXPECT_MEMEQ(e->test, e->l[page], e->s[page], RIOD_PAGE_SIZE);
}

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
	riod_granule_read(e->l[0] + 16, &g);
	KUNIT_EXPECT_MEMEQ(test, g.b, e->l[0] + 16, RIOD_GRANULE);
	for (i = 0; i < RIOD_LINE; i++) {
		KUNIT_EXPECT_FALSE(test, riod_line_differs(e->l[0], e->s[0]));
		e->s[0][i] ^= 0x10;
		KUNIT_EXPECT_TRUE(test, riod_line_differs(e->l[0], e->s[0]));
		e->s[0][i] ^= 0x10;
	}
}

/* ------------------------------------------------------------ crossing */

/* rules 1 and 5: what the guest had there before is what the device finds */
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

/* rule 2, and that nothing is sent back */
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

/* rule 10: two pages of the engine's are one of memory, so the last one applied shows */
static void order(struct kunit *test)
{
	struct ends *e = test->priv;
	void *priv;
	u32 i;

	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, 0, riod_sync_map(&e->fe, id_of(i), e->l[0], RW, e->l[0]));
		KUNIT_ASSERT_EQ(test, 0, riod_sync_map(&e->st, id_of(i), e->s[i], RW, e->s[i]));
		e->s[i][5] = i + 1;
	}
	KUNIT_EXPECT_EQ(test, 2, cross(e, &e->st));
	KUNIT_EXPECT_EQ(test, 1, e->l[0][5]);

	riod_sync_publishes(&e->fe, id_of(1));
	riod_sync_publishes(&e->fe, id_of(7));
	e->s[0][6] = 3;
	e->s[1][6] = 4;
	cross(e, &e->st);
	KUNIT_EXPECT_EQ(test, 4, e->l[0][6]);
	KUNIT_EXPECT_EQ(test, 1, e->fe.npublishing);

	/* a page that is forgotten publishes no more */
	riod_sync_unmap(&e->fe, id_of(1), RW, &priv);
	KUNIT_EXPECT_EQ(test, 0, e->fe.npublishing);
	KUNIT_ASSERT_EQ(test, 0, riod_sync_map(&e->fe, id_of(1), e->l[0], RW, e->l[0]));
	e->s[0][7] = 5;
	e->s[1][7] = 6;
	/* the frontend's next cut makes the new mapping known */
	cross(e, &e->fe);
	cross(e, &e->st);
	KUNIT_EXPECT_EQ(test, 5, e->l[0][7]);
	for (i = 0; i < 2; i++) {
		riod_sync_unmap(&e->fe, id_of(i), RW, &priv);
		riod_sync_unmap(&e->st, id_of(i), RW, &priv);
	}
}

/* rule 5: bytes beside those that changed belong to somebody else */
static void byte_exact(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);
	u32 i;

	map_one(e, 0, RW);
	for (i = 0; i < RIOD_PAGE_SIZE; i += 2)
		e->s[0][i] = 0xdd;
	/* every other byte: the most that a page can be on the wire */
	KUNIT_EXPECT_EQ(test, RIOD_PAGE_SIZE / 2, take(e, &e->st, &frames));
	for (i = 1; i < RIOD_PAGE_SIZE; i += 2)
		e->l[0][i] = 0x11;
	deliver(e, &e->st, &frames);
	for (i = 0; i < RIOD_PAGE_SIZE; i++)
		KUNIT_EXPECT_EQ(test, i & 1 ? 0x11 : 0xdd, e->l[0][i]);
	calm_down(e);
	expect_same(e, 0);
}

/* rule 6: 64 is delivered, made 63 and given back, and is 64 again */
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

/* rule 7: the device wrote after the guest, the stub had not looked yet */
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
	/* even where the device now writes back what was there at first */
	e->s[0][8] = 0;
	calm_down(e);
	KUNIT_EXPECT_EQ(test, 0, e->l[0][8]);
	expect_same(e, 0);
}

/* rule 7: two cuts pass each other with the same byte */
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
 * Rule 7: an acknowledgment overtakes a cut that was taken before what it
 * acknowledges, for frame headers are filled in last.  Twice over, so that both
 * of the stub's cuts matter.
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

/* rule 7: once the frontend knows of the device's byte, its own counts again */
static void guest_after_device(struct kunit *test)
{
	struct ends *e = test->priv;

	map_one(e, 0, RW);
	e->s[0][8] = 2;
	cross(e, &e->st);
	KUNIT_EXPECT_GT(test, e->st.sent_weight, 0);
	e->l[0][8] = 3;
	cross(e, &e->fe);
	KUNIT_EXPECT_EQ(test, 3, e->s[0][8]);
	KUNIT_EXPECT_EQ(test, 0, e->st.sent_weight);
}

/* what is kept for rule 7 has a bound, and the frontend's silence ends */
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
		KUNIT_ASSERT_LT(test, n++, 100);
	}
	/* acknowledged, so it is what is kept that stops the stub */
	KUNIT_EXPECT_EQ(test, e->st.tx_cut, e->st.acked_cut);
	KUNIT_EXPECT_EQ(test, 0, cross(e, &e->fe));
	KUNIT_EXPECT_EQ(test, 1, e->st.stats.cuts_applied);
	KUNIT_EXPECT_FALSE(test, riod_sync_in_flight(&e->st));
	KUNIT_EXPECT_EQ(test, 0, e->st.sent_weight);
}

/* ------------------------------------------------------------ mappings */

/* rule 4: late data of a page that is gone */
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

/* rules 4 and 14: it is gone for writing only; the device still reads the page */
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

/* rule 4: nor does it arrive through the next mapping */
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
	/* nothing changed, and still there is a commit */
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

/* rule 4: what no cut has taken does not outlive the mapping in the shadow */
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

/* rule 13: one page, many mappings; it is gone with the last */
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

/* rule 14 */
static void direction(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(up);

	map_one(e, 0, R);
	e->s[0][0] = 1;
	KUNIT_EXPECT_EQ(test, 0, cross(e, &e->st));
	/* a stub that says so all the same */
	KUNIT_ASSERT_EQ(test, 0, riod_sync_map(&e->st, id_of(0), e->s[0], W, NULL));
	KUNIT_EXPECT_EQ(test, 1, cross(e, &e->st));
	KUNIT_EXPECT_EQ(test, 0, e->l[0][0]);
	KUNIT_EXPECT_EQ(test, 1, e->fe.stats.late);
}

/* rule 10: what was mapped first is applied last, whenever it was seen to change */
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

/* ------------------------------------------------------------ frames */

static void no_change(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(frames);

	map_one(e, 0, RW);
	KUNIT_EXPECT_EQ(test, 0, take(e, &e->fe, &frames));
	KUNIT_EXPECT_TRUE(test, list_empty(&frames));
	KUNIT_EXPECT_EQ(test, 1, e->fe.stats.passes);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_collect(&e->fe, &frames, true, RIOD_FRAME_MIN));
	KUNIT_EXPECT_EQ(test, 1, deliver(e, &e->fe, &frames));
}

/* the worst page there is, many times: frames stay whole and within bounds */
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

/* whatever changes on either side, the ends become the same */
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

static struct riod_frame *data_frame(struct ends *e, u64 cut, u64 page)
{
	struct riod_wire_cut_data *body;
	struct riod_wire_delta *d;
	struct riod_wire_run *run;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_CUT_DATA, 0, sizeof(*body) + 24, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(e->test, f);
	body = (void *)f->body;
	body->cut = cpu_to_le64(cut);
	d = (void *)body->deltas;
	d->page = cpu_to_le64(page);
	d->nruns = cpu_to_le16(1);
	d->nbytes = cpu_to_le16(1);
	run = (void *)(d + 1);
	run->offset = cpu_to_le16(8);
	run->len = cpu_to_le16(1);
	*(u8 *)(run + 1) = 0x99;
	return f;
}

static int commit(struct riod_sync *y, u64 cut, u64 applied, u32 nframes)
{
	struct riod_wire_cut_commit c = {
		.cut = cpu_to_le64(cut),
		.applied = cpu_to_le64(applied),
		.nframes = cpu_to_le32(nframes),
	};

	return riod_sync_apply(y, &c);
}

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

/* what a commit says it had applied never goes back */
static void applied_goes_back(struct kunit *test)
{
	struct ends *e = test->priv;
	LIST_HEAD(up);

	map_one(e, 0, RW);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_collect(&e->st, &up, true, RIOD_FRAME_MIN));
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

static void staged_bound(struct kunit *test)
{
	struct ends *e = test->priv;
	int err = 0;
	u64 before;
	u32 n = 0;

	for (; !err; n++)
		err = riod_sync_stage(&e->st, data_frame(e, 1, 1));
	KUNIT_EXPECT_EQ(test, -EPROTO, err);
	KUNIT_EXPECT_LE(test, e->st.staged_bytes, e->st.staged_max);
	/* with more mapped, more may come */
	before = e->st.staged_max;
	map_one(e, 0, RW);
	KUNIT_EXPECT_GE(test, e->st.staged_max, before + RIOD_SYNC_DELTA_MAX);
	KUNIT_EXPECT_EQ(test, 0, riod_sync_stage(&e->st, data_frame(e, 1, 1)));
	KUNIT_EXPECT_EQ(test, 0, commit(&e->st, 1, 0, n));
	KUNIT_EXPECT_EQ(test, 0, e->st.staged_bytes);
}

/* ------------------------------------------------------------ pace and quiet */

/* rule 12 */
static void interval(struct kunit *test)
{
	struct ends *e = test->priv;
	u32 us;

	KUNIT_EXPECT_EQ(test, U32_MAX, riod_sync_interval_us(&e->fe));
	map_one(e, 0, R);
	/* the device can write nothing: there is nothing for the stub to look at */
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

static struct kunit_case sync_cases[] = {
	KUNIT_CASE(zero_bytes),
	KUNIT_CASE(merging),
	KUNIT_CASE(reading),
	KUNIT_CASE(seed),
	KUNIT_CASE(delivery),
	KUNIT_CASE(order),
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
	KUNIT_CASE(no_change),
	KUNIT_CASE(many_frames),
	KUNIT_CASE(random_rounds),
	KUNIT_CASE_PARAM(numbers, numbers_gen_params),
	KUNIT_CASE(applied_goes_back),
	KUNIT_CASE(unknown_page),
	KUNIT_CASE(staged_bound),
	KUNIT_CASE(interval),
	KUNIT_CASE(busy_neighbour),
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the profile of Intel's gigabit controllers, against the register
 * accesses of a guest's driver
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/module.h>

#include "compat_export.h"
#include "profile.h"

#define CTRL		0x0000
#define CTRL_RST	BIT(26)
#define RCTL		0x0100
#define RCTL_SPLIT	BIT(10)
#define RX(n)		(0x2800 + 0x100 * (n))
#define TX(n)		(0x3800 + 0x100 * (n))
#define RX_ALL(n)	(0xc000 + 0x40 * (n))
#define TX_ALL(n)	(0xe000 + 0x40 * (n))
#define LOW		0x0
#define HIGH		0x4
#define LEN		0x8
#define TAIL		0x18

struct guest {
	struct kunit *test;
	void *state;
	struct riod_sync_span spans[64];
	unsigned int nspans;
	unsigned int calls;
	int ret;
};

static const struct riod_profile *const p = &riod_profile_e1000;

static int guest_order(void *priv, const struct riod_sync_span *spans, u32 n)
{
	struct guest *g = priv;

	g->calls++;
	KUNIT_ASSERT_LE(g->test, n, ARRAY_SIZE(g->spans));
	memcpy(g->spans, spans, n * sizeof(*spans));
	g->nspans = n;
	return g->ret;
}

static int guest_init(struct kunit *test)
{
	struct guest *g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);
	struct riod_profile_env env = { .order = guest_order, .priv = g };

	KUNIT_ASSERT_NOT_NULL(test, g);
	g->test = test;
	test->priv = g;
	return p->init(&g->state, &env);
}

static void guest_exit(struct kunit *test)
{
	struct guest *g = test->priv;

	p->exit(g->state);
}

/* the profile passes every write on to the device */
static void wr(struct guest *g, u64 offset, u32 value)
{
	KUNIT_EXPECT_FALSE(g->test, p->bar_write(g->state, 0, offset, 4, value));
}

static void ring(struct guest *g, u64 at, u64 base, u32 len)
{
	wr(g, at + LOW, base);
	wr(g, at + HIGH, base >> 32);
	wr(g, at + LEN, len);
}

/* the profile must set the order after each of the next @orders cuts, and not after one more */
static void cuts(struct guest *g, unsigned int orders)
{
	unsigned int i, before = g->calls;

	for (i = 0; i < orders + 1; i++)
		p->after_cut(g->state);
	KUNIT_EXPECT_EQ(g->test, g->calls, before + orders);
}

static void expect_span(struct guest *g, unsigned int i, u64 iova, u32 len, u32 step)
{
	KUNIT_ASSERT_LT(g->test, i, g->nspans);
	KUNIT_EXPECT_EQ(g->test, g->spans[i].iova, iova);
	KUNIT_EXPECT_EQ(g->test, g->spans[i].len, len);
	KUNIT_EXPECT_EQ(g->test, g->spans[i].step, step);
	KUNIT_EXPECT_FALSE(g->test, g->spans[i].by_guest);
	KUNIT_EXPECT_EQ(g->test, g->spans[i].ring, 0);
	KUNIT_EXPECT_NULL(g->test, g->spans[i].flag);
}

static void nothing_is_said_of_nothing(struct kunit *test)
{
	cuts(test->priv, 0);
}

static void rings_are_named(struct kunit *test)
{
	struct guest *g = test->priv;

	ring(g, RX(0), 0xffff0000, 4096);
	ring(g, RX(3), 0x123456780, 256);
	ring(g, TX(1), 0xfffe0000, 128);
	cuts(g, 2);
	KUNIT_EXPECT_EQ(test, g->nspans, 3);
	expect_span(g, 0, 0xffff0000, 4096, 0);
	expect_span(g, 1, 0x123456780, 256, 0);
	expect_span(g, 2, 0xfffe0000, 128, 0);
}

static void all_queues(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		ring(g, RX_ALL(i), 0x10000000 + 0x1000 * i, 4096);
		ring(g, TX_ALL(i), 0x20000000 + 0x1000 * i, 4096);
	}
	cuts(g, 2);
	KUNIT_EXPECT_EQ(test, g->nspans, 32);
	for (i = 0; i < 16; i++) {
		expect_span(g, i, 0x10000000 + 0x1000 * i, 4096, 0);
		expect_span(g, 16 + i, 0x20000000 + 0x1000 * i, 4096, 0);
	}
}

/* the first four queues have two register addresses each */
static void same_ring_at_both_places(struct kunit *test)
{
	struct guest *g = test->priv;

	ring(g, RX(2), 0x1000, 4096);
	ring(g, RX_ALL(2), 0x2000, 8192);
	cuts(g, 2);
	KUNIT_EXPECT_EQ(test, g->nspans, 1);
	expect_span(g, 0, 0x2000, 8192, 0);
}

static void packet_split(struct kunit *test)
{
	struct guest *g = test->priv;

	ring(g, RX(0), 0x1000, 4096);
	ring(g, TX(0), 0x8000, 4096);
	wr(g, RCTL, RCTL_SPLIT | 2);
	cuts(g, 2);
	expect_span(g, 0, 0x1000, 4096, 32);
	expect_span(g, 1, 0x8000, 4096, 0);
	/* the other descriptor types have 16 bytes */
	wr(g, RCTL, 3 * RCTL_SPLIT | 2);
	cuts(g, 2);
	expect_span(g, 0, 0x1000, 4096, 0);
	/* other bits do not change the order */
	wr(g, RCTL, 3 * RCTL_SPLIT | 6);
	cuts(g, 0);
}

/* reserved bits are ignored */
static void what_is_reserved(struct kunit *test)
{
	struct guest *g = test->priv;

	ring(g, RX(0), 0x100f, 0xffffffff);
	cuts(g, 2);
	KUNIT_EXPECT_EQ(test, g->nspans, 1);
	expect_span(g, 0, 0x1000, 0xfff80, 0);
	/* shorter than the shortest ring: no ring */
	wr(g, RX(0) + LEN, 127);
	cuts(g, 2);
	KUNIT_EXPECT_EQ(test, g->nspans, 0);
}

static void resets(struct kunit *test)
{
	struct guest *g = test->priv;

	ring(g, RX(0), 0x1000, 4096);
	wr(g, RCTL, RCTL_SPLIT);
	cuts(g, 2);
	wr(g, CTRL, CTRL_RST);
	cuts(g, 2);
	KUNIT_EXPECT_EQ(test, g->nspans, 0);
	ring(g, RX(0), 0x1000, 4096);
	cuts(g, 2);
	expect_span(g, 0, 0x1000, 4096, 0);
	p->reset(g->state);
	cuts(g, 2);
	KUNIT_EXPECT_EQ(test, g->nspans, 0);
	wr(g, CTRL, ~(u32)(CTRL_RST | BIT(29)));
	cuts(g, 0);
}

/* pages have new numbers, so the order must be set again */
static void said_again_when_mapped(struct kunit *test)
{
	struct guest *g = test->priv;

	ring(g, TX(0), 0x1000, 4096);
	cuts(g, 2);
	p->mapped(g->state);
	cuts(g, 2);
	expect_span(g, 0, 0x1000, 4096, 0);
}

static void said_again_without_memory(struct kunit *test)
{
	struct guest *g = test->priv;

	ring(g, RX(0), 0x1000, 4096);
	g->ret = -ENOMEM;
	p->after_cut(g->state);
	p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, g->calls, 2);
	g->ret = 0;
	cuts(g, 2);
	/* -E2BIG is permanent: no retry */
	g->ret = -E2BIG;
	ring(g, RX(0), 0x2000, 4096);
	cuts(g, 2);
}

static void what_is_not_looked_at(struct kunit *test)
{
	struct guest *g = test->priv;

	ring(g, RX(0), 0x1000, 4096);
	cuts(g, 2);
	/* the same values again */
	ring(g, RX(0), 0x1000, 4096);
	cuts(g, 0);
	/* other registers, BARs and widths */
	wr(g, RX(0) + TAIL, 7);
	wr(g, 0x5400, 7);
	wr(g, RX_ALL(16), 7);
	wr(g, 0x2700 + LEN, 128);
	KUNIT_EXPECT_FALSE(test, p->bar_write(g->state, 2, RX(0) + LEN, 4, 8192));
	KUNIT_EXPECT_FALSE(test, p->bar_write(g->state, 0, RX(0) + LEN, 2, 8192));
	KUNIT_EXPECT_FALSE(test, p->bar_write(g->state, 0, RX(0) + LOW, 8, 0x5000));
	cuts(g, 0);
}

static void identity(struct kunit *test)
{
	static const u16 known[] = {
		0x1000, 0x100e, 0x10d3, 0x10c9, 0x10ca, 0x1520, 0x1533, 0x57ba,
	};
	/* e100, ixgb, ixgbe and its VF, i40e, igc: other registers, or untested */
	static const u16 unknown[] = { 0x1229, 0x1048, 0x10fb, 0x10ed, 0x1517, 0x1572, 0x15f2 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		KUNIT_EXPECT_PTR_EQ(test, riod_profile_find("", 0x8086, known[i], 0x020000), p);
	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		KUNIT_EXPECT_NULL(test, riod_profile_find("", 0x8086, unknown[i], 0x020000));
	KUNIT_EXPECT_NULL(test, riod_profile_find("", 0x8086, 0x10d3, 0x030000));
	KUNIT_EXPECT_NULL(test, riod_profile_find("", 0x1234, 0x10d3, 0x020000));
	KUNIT_EXPECT_PTR_EQ(test, riod_profile_find("e1000", 0x1234, 0x5678, 0x020000), p);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(nothing_is_said_of_nothing),
	KUNIT_CASE(rings_are_named),
	KUNIT_CASE(all_queues),
	KUNIT_CASE(same_ring_at_both_places),
	KUNIT_CASE(packet_split),
	KUNIT_CASE(what_is_reserved),
	KUNIT_CASE(resets),
	KUNIT_CASE(said_again_when_mapped),
	KUNIT_CASE(said_again_without_memory),
	KUNIT_CASE(what_is_not_looked_at),
	KUNIT_CASE(identity),
	{}
};

static struct kunit_suite suite = {
	.name = "riod_profile_e1000",
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of the e1000 profile");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

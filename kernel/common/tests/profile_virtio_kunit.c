// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the virtio profile, against the registers and rings of a guest's driver
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/unaligned.h>

#include "compat_export.h"
#include "ends.h"
#include "profile.h"
#include "sync_cut.h"

#define MEM_BASE	0x10000ull
#define MEM_PAGES	8
#define AT(page)	(MEM_BASE + (page) * 4096)

/* location of the structures; differs from QEMU's, to detect hard-coded values */
#define BAR		4
#define COMMON		0x1000
#define NOTIFY		0x3000
#define ISR		0x2000
#define MULTIPLIER	8

#define COMMON_FEATURE	0x04
#define COMMON_STATUS	0x14
#define COMMON_SIZE	0x18

struct call {
	u8 bar;
	u8 width;
	u64 offset;
	u64 value;
};

struct guest {
	struct kunit *test;
	void *state;
	u8 mem[MEM_PAGES * 4096];
	unsigned int nlooks;
	bool unmapped[MEM_PAGES];
	struct call kicks[16];
	unsigned int nkicks;
	int kick_ret;
	u16 raised[16];
	unsigned int nraised;
	struct riod_sync_span spans[256];
	unsigned int nspans;
	unsigned int order_calls;
	int order_ret;
	bool changed;
	struct riod_cfg cfg;
};

static const struct riod_profile *const p = &riod_profile_virtio;

static void *guest_mem(void *priv, u64 iova, size_t len, bool write)
{
	struct guest *g = priv;
	u64 at = iova - MEM_BASE;

	KUNIT_EXPECT_FALSE(g->test, write);
	g->nlooks++;
	if (at >= sizeof(g->mem) || at % 4096 + len > 4096 || g->unmapped[at / 4096])
		return NULL;
	return g->mem + at;
}

static int guest_kick(void *priv, u8 bar, u64 offset, u8 width, u64 value)
{
	struct guest *g = priv;

	if (g->kick_ret)
		return g->kick_ret;
	KUNIT_ASSERT_LT(g->test, g->nkicks, ARRAY_SIZE(g->kicks));
	g->kicks[g->nkicks++] = (struct call){ bar, width, offset, value };
	return 0;
}

static void guest_raise(void *priv, u16 vector)
{
	struct guest *g = priv;

	KUNIT_ASSERT_LT(g->test, g->nraised, ARRAY_SIZE(g->raised));
	g->raised[g->nraised++] = vector;
}

static bool guest_changed(void *priv, u64 iova, u64 len)
{
	struct guest *g = priv;

	KUNIT_EXPECT_LE(g->test, len, 16 * 32768);
	KUNIT_EXPECT_LT(g->test, iova, iova + len);
	return g->changed;
}

static int guest_order(void *priv, const struct riod_sync_span *spans, u32 n)
{
	struct guest *g = priv;

	g->order_calls++;
	KUNIT_ASSERT_LE(g->test, n, ARRAY_SIZE(g->spans));
	memcpy(g->spans, spans, n * sizeof(*spans));
	g->nspans = n;
	return g->order_ret;
}

static void put_cap(struct guest *g, u8 at, u8 next, u8 len, u8 type, u32 offset, u32 size)
{
	u8 *cap = g->cfg.bytes + at;

	cap[0] = 0x09;
	cap[1] = next;
	cap[2] = len;
	cap[3] = type;
	cap[4] = BAR;
	put_unaligned_le32(offset, cap + 8);
	put_unaligned_le32(size, cap + 12);
}

/* another capability, virtio's, one with a repeated type, and a loop */
static void put_config(struct guest *g)
{
	g->cfg.bytes[0x34] = 0x41;
	g->cfg.bytes[0x40] = 0x11;
	g->cfg.bytes[0x41] = 0x50;
	put_cap(g, 0x50, 0x60, 16, 1, COMMON, 0x1000);
	put_cap(g, 0x60, 0x74, 20, 2, NOTIFY, 0x1000);
	put_unaligned_le32(MULTIPLIER, g->cfg.bytes + 0x70);
	put_cap(g, 0x74, 0x84, 16, 3, ISR, 1);
	put_cap(g, 0x84, 0x94, 16, 1, 0x5000, 0x1000);
	put_cap(g, 0x94, 0x50, 16, 5, 0, 0);
}

static void common(struct guest *g, u32 offset, u8 width, u64 value)
{
	KUNIT_EXPECT_FALSE(g->test, p->bar_write(g->state, BAR, COMMON + offset, width, value));
}

static u64 read_bar(struct guest *g, u64 offset, u8 width, u64 value)
{
	return p->bar_read(g->state, BAR, offset, width, value);
}

static void features(struct guest *g, bool event_idx, bool packed)
{
	common(g, 8, 4, 0);
	common(g, 12, 4, event_idx ? BIT(29) : 0);
	common(g, 8, 4, 1);
	common(g, 12, 4, 1 | (packed ? BIT(2) : 0));
}

#define SIZE	8

static u64 desc_at(unsigned int q)
{
	return AT(q);
}

static u64 driver_at(unsigned int q)
{
	return AT(q) + 0x200;
}

static u64 device_at(unsigned int q)
{
	return AT(q) + 0x400;
}

/* set up queue @q in page @q, with vector @q + 1 and notify offset 2 * @q */
static void queue(struct guest *g, unsigned int q)
{
	common(g, 22, 2, q);
	KUNIT_EXPECT_EQ(g->test, read_bar(g, COMMON + 24, 2, 256), 256);
	KUNIT_EXPECT_EQ(g->test, read_bar(g, COMMON + 30, 2, 2 * q), 2 * q);
	common(g, 24, 2, SIZE);
	common(g, 26, 2, q + 1);
	common(g, 32, 8, desc_at(q));
	common(g, 40, 4, driver_at(q));
	common(g, 44, 4, driver_at(q) >> 32);
	common(g, 48, 8, device_at(q));
	common(g, 28, 2, 1);
}

static void run(struct guest *g)
{
	common(g, COMMON_STATUS, 1, 0x0f);
	/* let the profile set its order, which the tests do not check */
	p->after_cut(g->state);
	p->after_cut(g->state);
	g->nkicks = 0;
	g->order_calls = 0;
}

static int guest_init(struct kunit *test)
{
	struct guest *g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);
	struct riod_profile_env env = {
		.kick = guest_kick,
		.raise = guest_raise,
		.mem = guest_mem,
		.changed = guest_changed,
		.order = guest_order,
		.priv = g,
	};

	KUNIT_ASSERT_NOT_NULL(test, g);
	g->test = test;
	KUNIT_ASSERT_EQ(test, 0, p->init(&g->state, &env));
	test->priv = g;
	put_config(g);
	p->edit_config(g->state, &g->cfg);
	return 0;
}

static void guest_exit(struct kunit *test)
{
	struct guest *g = test->priv;

	if (g && g->state)
		p->exit(g->state);
}

static void put16(struct guest *g, u64 at, u16 value)
{
	put_unaligned_le16(value, g->mem + at - MEM_BASE);
}

/* ------------------------------------------------------------ identity, registers */

static void identity(struct kunit *test)
{
	KUNIT_EXPECT_PTR_EQ(test, riod_profile_find("", 0x1af4, 0x1001, 0x010000), p);
	KUNIT_EXPECT_PTR_EQ(test, riod_profile_find("", 0x1af4, 0x1041, 0x020000), p);
	KUNIT_EXPECT_PTR_EQ(test, riod_profile_find("", 0x1af4, 0x107f, 0), p);
	/* ivshmem; another vendor */
	KUNIT_EXPECT_NULL(test, riod_profile_find("", 0x1af4, 0x1110, 0x050000));
	KUNIT_EXPECT_NULL(test, riod_profile_find("", 0x1af5, 0x1041, 0x020000));
	KUNIT_EXPECT_PTR_EQ(test, riod_profile_find("virtio", 0x8086, 0x10c9, 0x020000), p);
	KUNIT_EXPECT_NULL(test, riod_profile_find("none", 0x1af4, 0x1041, 0x020000));
}

static void hidden_features(struct kunit *test)
{
	struct guest *g = test->priv;

	common(g, 0, 4, 1);
	KUNIT_EXPECT_EQ(test, read_bar(g, COMMON + COMMON_FEATURE, 4, 0xffffffff), 0xffffff3f);
	common(g, 0, 4, 0);
	KUNIT_EXPECT_EQ(test, read_bar(g, COMMON + COMMON_FEATURE, 4, 0xffffffff), 0xffffffff);
	/* the same offset in another structure */
	common(g, 0, 4, 1);
	KUNIT_EXPECT_EQ(test, read_bar(g, COMMON_FEATURE, 4, 0xffffffff), 0xffffffff);
	KUNIT_EXPECT_EQ(test, p->bar_read(g->state, 0, COMMON + COMMON_FEATURE, 4, 0xffffffff),
			0xffffffff);
}

/* ------------------------------------------------------------ order */

static void expect_span(struct guest *g, unsigned int i, u64 iova, u32 len, bool by_guest)
{
	KUNIT_EXPECT_EQ(g->test, g->spans[i].iova, iova);
	KUNIT_EXPECT_EQ(g->test, g->spans[i].len, len);
	KUNIT_EXPECT_EQ(g->test, g->spans[i].by_guest, by_guest);
	KUNIT_EXPECT_EQ(g->test, g->spans[i].step, 0);
}

static void expect_order(struct guest *g, unsigned int calls, unsigned int spans)
{
	unsigned int i;

	g->order_calls = 0;
	for (i = 0; i < 5; i++)
		p->after_cut(g->state);
	KUNIT_EXPECT_EQ(g->test, g->order_calls, calls);
	KUNIT_EXPECT_EQ(g->test, g->nspans, spans);
}

static void split_order(struct kunit *test)
{
	struct guest *g = test->priv;

	features(g, true, false);
	queue(g, 0);
	queue(g, 2);
	expect_order(g, 2, 4);
	expect_span(g, 0, driver_at(0) + 2, 2, true);
	expect_span(g, 1, device_at(0) + 2, 2, false);
	expect_span(g, 2, driver_at(2) + 2, 2, true);
	expect_span(g, 3, device_at(2) + 2, 2, false);
	KUNIT_EXPECT_NULL(test, g->spans[0].flag);
	expect_order(g, 0, 4);
	/* pages have new numbers, so the order must be set again */
	p->mapped(g->state);
	expect_order(g, 2, 4);
	/* reset of one queue; reset of the device */
	common(g, 22, 2, 0);
	common(g, 58, 2, 1);
	expect_order(g, 2, 2);
	expect_span(g, 0, driver_at(2) + 2, 2, true);
	common(g, COMMON_STATUS, 1, 0);
	expect_order(g, 2, 0);
	queue(g, 1);
	expect_order(g, 2, 2);
	p->reset(g->state);
	expect_order(g, 2, 0);
	/* -ENOMEM: retry; -E2BIG: no retry */
	g->order_ret = -ENOMEM;
	queue(g, 1);
	expect_order(g, 5, 2);
	g->order_ret = -E2BIG;
	expect_order(g, 2, 2);
}

static void packed_order(struct kunit *test)
{
	struct guest *g = test->priv;

	features(g, true, true);
	queue(g, 0);
	queue(g, 1);
	expect_order(g, 2, 4);
	expect_span(g, 0, desc_at(0), 16 * SIZE, true);
	expect_span(g, 1, desc_at(0), 16 * SIZE, false);
	expect_span(g, 2, desc_at(1), 16 * SIZE, true);
	expect_span(g, 3, desc_at(1), 16 * SIZE, false);
	KUNIT_EXPECT_NOT_NULL(test, g->spans[0].flag);
	KUNIT_EXPECT_NULL(test, g->spans[1].flag);
	KUNIT_EXPECT_NE(test, g->spans[0].ring, 0);
	KUNIT_EXPECT_NE(test, g->spans[0].ring, g->spans[2].ring);
}

static u64 page_id(void *priv, u64 iova)
{
	return iova == AT(0) ? 1 : 0;
}

/* mask of the granules in the cut's last delta */
static u64 last_delta(struct kunit *test, struct list_head *frames)
{
	const struct riod_wire_cut_data *body;
	const struct riod_wire_delta *d = NULL;
	const struct riod_wire_run *run;
	struct riod_frame *f;
	u64 granules = 0;
	u32 pos, i;

	list_for_each_entry(f, frames, list) {
		body = (const void *)f->body;
		for (pos = 0; f->hdr.type == RIOD_FRAME_CUT_DATA && pos < f->len - sizeof(*body);
		     pos += riod_sync_delta_size(le16_to_cpu(d->nruns), le16_to_cpu(d->nbytes)))
			d = (const void *)(body->deltas + pos);
	}
	KUNIT_ASSERT_NOT_NULL(test, d);
	run = (const void *)(d + 1);
	/* runs contain flags, which do not cross granules */
	for (i = 0; i < le16_to_cpu(d->nruns); i++)
		granules |= BIT_ULL(le16_to_cpu(run[i].offset) / RIOD_GRANULE);
	return granules;
}

/* first descriptors of chains as the profile finds them, with the real engine */
static void packed_chains(struct kunit *test)
{
	/* descriptor flags: 7 chains to 0; 2 is used, so its NEXT flag does not count */
	static const u16 flags[SIZE] = { 0x80, 0x81, 0x8081, 0x80, 0x81, 0x81, 0x82, 0x81 };
	struct guest *g = test->priv;
	u8 *page = new_memory(test);
	struct riod_frame *f, *next;
	struct riod_sync_order *o;
	struct riod_sync y;
	LIST_HEAD(frames);
	unsigned int i;
	void *priv;

	features(g, true, true);
	queue(g, 0);
	expect_order(g, 2, 2);
	for (i = 0; i < SIZE; i++)
		put_unaligned_le16(flags[i], page + 16 * i + 14);
	KUNIT_ASSERT_EQ(test, 0, riod_sync_init(&y, RIOD_SYNC_FRONTEND, NULL));
	KUNIT_ASSERT_EQ(test, 0, riod_sync_map(&y, 1, page, RW, NULL));
	o = riod_sync_order_make(g->spans, g->nspans, page_id, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(o));
	riod_sync_set_order(&y, NULL, o);
	KUNIT_EXPECT_GT(test, riod_sync_collect(&y, &frames, RIOD_FRAME_MIN), 0);
	KUNIT_EXPECT_EQ(test, last_delta(test, &frames), BIT(1) | BIT(3) | BIT(4) | BIT(7));
	list_for_each_entry_safe(f, next, &frames, list)
		riod_frame_free(f);
	riod_sync_set_order(&y, o, NULL);
	riod_sync_order_free(o);
	riod_sync_unmap(&y, 1, RW, &priv);
	riod_sync_destroy(&y);
	free_page((unsigned long)page);
}

/* ------------------------------------------------------------ notifying the device */

static void expect_kicks(struct guest *g, unsigned int n, unsigned int q)
{
	g->nkicks = 0;
	p->after_cut(g->state);
	KUNIT_EXPECT_EQ(g->test, g->nkicks, n);
	if (n != 1 || g->nkicks != 1)
		return;
	KUNIT_EXPECT_EQ(g->test, g->kicks[0].bar, BAR);
	KUNIT_EXPECT_EQ(g->test, g->kicks[0].width, 2);
	KUNIT_EXPECT_EQ(g->test, g->kicks[0].offset, NOTIFY + 2 * q * MULTIPLIER);
	KUNIT_EXPECT_EQ(g->test, g->kicks[0].value, q);
}

static void notify(struct guest *g, unsigned int q)
{
	KUNIT_EXPECT_FALSE(g->test, p->bar_write(g->state, BAR, NOTIFY + 2 * q * MULTIPLIER, 2, q));
}

static void split_kicks(struct kunit *test)
{
	struct guest *g = test->priv;

	features(g, true, false);
	queue(g, 0);
	queue(g, 1);
	put16(g, driver_at(1) + 2, 3);
	/* not before DRIVER_OK */
	expect_kicks(g, 0, 0);
	common(g, COMMON_STATUS, 1, 0x0f);
	expect_kicks(g, 1, 1);
	expect_kicks(g, 0, 1);
	/* the guest notifies by itself; then it adds more */
	put16(g, driver_at(1) + 2, 4);
	notify(g, 0);
	notify(g, 1);
	expect_kicks(g, 0, 1);
	put16(g, driver_at(1) + 2, 5);
	expect_kicks(g, 1, 1);
	/* the kick fails: retry after the next cut */
	put16(g, driver_at(0) + 2, 0xffff);
	g->kick_ret = -ENOMEM;
	expect_kicks(g, 0, 0);
	g->kick_ret = 0;
	expect_kicks(g, 1, 0);
	/* the ring was unmapped */
	g->unmapped[0] = true;
	put16(g, driver_at(0) + 2, 1);
	expect_kicks(g, 0, 0);
}

/* a driver that sets a queue up again without reading notify_off; invalid notify_off */
static void where_to_notify(struct kunit *test)
{
	struct guest *g = test->priv;

	features(g, true, false);
	queue(g, 1);
	run(g);
	common(g, 22, 2, 1);
	common(g, 58, 2, 1);
	common(g, 24, 2, SIZE);
	common(g, 40, 8, driver_at(1));
	common(g, 48, 8, device_at(1));
	common(g, 28, 2, 1);
	put16(g, driver_at(1) + 2, 1);
	expect_kicks(g, 1, 1);
	/* the last offset inside the structure, and the first one outside */
	read_bar(g, COMMON + 30, 2, 0x1000 / MULTIPLIER - 1);
	put16(g, driver_at(1) + 2, 2);
	g->nkicks = 0;
	p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, g->nkicks, 1);
	KUNIT_EXPECT_EQ(test, g->kicks[0].offset, NOTIFY + 0x1000 - MULTIPLIER);
	read_bar(g, COMMON + 30, 2, 0x1000 / MULTIPLIER);
	put16(g, driver_at(1) + 2, 3);
	expect_kicks(g, 0, 1);
}

/* structures in a BAR with an invalid number are ignored */
static void reserved_bar(struct kunit *test)
{
	struct guest *g = test->priv;

	p->exit(g->state);
	KUNIT_ASSERT_EQ(test, 0, p->init(&g->state, &(struct riod_profile_env){ .priv = g }));
	g->cfg.bytes[0x50 + 4] = 6;
	g->cfg.bytes[0x84 + 4] = 0xff;
	p->edit_config(g->state, &g->cfg);
	KUNIT_EXPECT_EQ(test, p->bar_read(g->state, 6, COMMON + COMMON_FEATURE, 4, 77), 77);
	KUNIT_EXPECT_FALSE(test, p->bar_write(g->state, 6, COMMON + COMMON_STATUS, 1, 4));
}

static void avail(struct guest *g, unsigned int n, bool wrap)
{
	put16(g, desc_at(0) + 16 * n + 14, wrap ? 0x80 : 0x8000);
}

static void packed_kicks(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	features(g, true, true);
	queue(g, 0);
	run(g);
	expect_kicks(g, 0, 0);
	avail(g, 0, true);
	expect_kicks(g, 1, 0);
	expect_kicks(g, 0, 0);
	/* the device has used the descriptor */
	put16(g, desc_at(0) + 14, 0x8080);
	expect_kicks(g, 0, 0);
	/* all others, and the first one of the next lap */
	for (i = 1; i < SIZE; i++)
		avail(g, i, true);
	notify(g, 0);
	expect_kicks(g, 0, 0);
	avail(g, 0, false);
	expect_kicks(g, 1, 0);
	/* after two laps the wrap counters have their first values again */
	for (i = 1; i < SIZE; i++)
		avail(g, i, false);
	expect_kicks(g, 1, 0);
	for (i = 0; i < SIZE; i++)
		avail(g, i, true);
	expect_kicks(g, 1, 0);
	expect_kicks(g, 0, 0);
}

/* ------------------------------------------------------------ interrupting the guest */

static void expect_raised(struct guest *g, unsigned int n, u16 vector)
{
	g->nraised = 0;
	p->after_apply(g->state);
	KUNIT_EXPECT_EQ(g->test, g->nraised, n);
	if (n && g->nraised)
		KUNIT_EXPECT_EQ(g->test, g->raised[0], vector);
}

static void split_interrupts(struct kunit *test)
{
	struct guest *g = test->priv;
	u64 event = driver_at(1) + 4 + 2 * SIZE;

	features(g, true, false);
	queue(g, 1);
	run(g);
	expect_raised(g, 0, 0);
	/* the driver sleeps and requests an interrupt for the next buffer */
	put16(g, device_at(1) + 2, 1);
	expect_raised(g, 1, 2);
	expect_raised(g, 0, 2);
	/* no request: the event index is in the past */
	put16(g, device_at(1) + 2, 2);
	expect_raised(g, 0, 2);
	/* the driver requests one for the fourth buffer, which completes with others */
	put16(g, event, 4);
	put16(g, device_at(1) + 2, 4);
	expect_raised(g, 0, 2);
	put16(g, device_at(1) + 2, 7);
	expect_raised(g, 1, 2);
	/* the 16-bit index wraps */
	put16(g, event, 0xffff);
	put16(g, device_at(1) + 2, 0xffff);
	expect_raised(g, 0, 2);
	put16(g, device_at(1) + 2, 0);
	expect_raised(g, 1, 2);
}

static void split_flags(struct kunit *test)
{
	struct guest *g = test->priv;

	features(g, false, false);
	queue(g, 0);
	run(g);
	put16(g, device_at(0) + 2, 1);
	expect_raised(g, 1, 1);
	put16(g, driver_at(0), 1);
	put16(g, device_at(0) + 2, 2);
	expect_raised(g, 0, 1);
	put16(g, driver_at(0), 0);
	expect_raised(g, 0, 1);
}

static void packed_event(struct guest *g, u16 flags, u16 desc)
{
	put16(g, driver_at(0), desc);
	put16(g, driver_at(0) + 2, flags);
}

static void packed_interrupts(struct kunit *test)
{
	struct guest *g = test->priv;

	features(g, true, true);
	queue(g, 0);
	run(g);
	/* the cut did not change the ring */
	packed_event(g, 0, 0);
	expect_raised(g, 0, 1);
	g->changed = true;
	expect_raised(g, 1, 1);
	packed_event(g, 1, 0);
	expect_raised(g, 0, 1);
	/* the event descriptor is used; is available, but not used; is not available */
	packed_event(g, 2, 3 | 0x8000);
	put16(g, desc_at(0) + 16 * 3 + 14, 0x8080);
	expect_raised(g, 1, 1);
	put16(g, desc_at(0) + 16 * 3 + 14, 0x0080);
	expect_raised(g, 1, 1);
	put16(g, desc_at(0) + 16 * 3 + 14, 0x0000);
	expect_raised(g, 0, 1);
	/* the other wrap counter */
	packed_event(g, 2, 3);
	put16(g, desc_at(0) + 16 * 3 + 14, 0x0000);
	expect_raised(g, 1, 1);
	put16(g, desc_at(0) + 16 * 3 + 14, 0x8080);
	expect_raised(g, 0, 1);
	/* invalid values */
	packed_event(g, 2, SIZE);
	expect_raised(g, 1, 1);
	packed_event(g, 0xfff0, 0);
	expect_raised(g, 1, 1);
	g->unmapped[0] = true;
	expect_raised(g, 0, 1);
}

/* without MSI-X the guest reads the ISR register */
static void intx(struct kunit *test)
{
	struct guest *g = test->priv;

	features(g, false, false);
	queue(g, 0);
	common(g, 26, 2, 0xffff);
	run(g);
	KUNIT_EXPECT_EQ(test, read_bar(g, ISR, 1, 2), 2);
	put16(g, device_at(0) + 2, 1);
	expect_raised(g, 1, 0xffff);
	KUNIT_EXPECT_EQ(test, read_bar(g, ISR, 1, 2), 3);
	KUNIT_EXPECT_EQ(test, read_bar(g, ISR, 1, 0), 0);
}

/* ------------------------------------------------------------ hostile guests */

static void hostile(struct kunit *test)
{
	static const u64 addresses[] = { ~0ULL, ~0xfffULL, 1, 0, 0x8000000000000000ULL };
	struct guest *g = test->priv;
	unsigned int i, packed;

	g->order_ret = -E2BIG;
	for (packed = 0; packed < 2; packed++) {
		features(g, true, packed);
		for (i = 0; i < 200; i++) {
			u64 a = addresses[i % ARRAY_SIZE(addresses)];

			common(g, 22, 2, i * 331);
			common(g, 24, 2, i & 1 ? 0xffff : 32768);
			common(g, 32, 8, a);
			common(g, 40, 8, a + i);
			common(g, 48, 8, a - i);
			common(g, 28, 2, 1);
			/* too late: the queue is enabled */
			common(g, 24, 2, 7);
			common(g, 32, 8, AT(1));
			notify(g, i);
		}
		common(g, COMMON_STATUS, 1, 4);
		g->changed = true;
		p->after_cut(g->state);
		p->after_apply(g->state);
		common(g, COMMON_STATUS, 1, 0);
	}
	/* accesses of every width, at all offsets */
	for (i = 0; i < 80; i++)
		common(g, i, 1 << i % 4, ~0ULL);
	p->after_cut(g->state);
	p->after_apply(g->state);
	KUNIT_EXPECT_EQ(test, 0, g->nraised);
}

/* a queue whose areas wrap is ignored: its memory is not read */
static void areas_wrap(struct kunit *test)
{
	static const u64 top = ~0xfffULL;
	struct guest *g = test->priv;
	unsigned int packed, which, i;

	for (packed = 0; packed < 2; packed++) {
		for (i = 0; i < 6; i++) {
			which = i % 3;
			features(g, true, packed);
			common(g, 22, 2, 0);
			/* the area ends in the last page, or wraps */
			common(g, 24, 2, i < 3 ? 255 : 4096);
			common(g, 32, 8, which == 0 ? top : desc_at(0));
			common(g, 40, 8, which == 1 ? top : driver_at(0));
			common(g, 48, 8, which == 2 ? top : device_at(0));
			common(g, 28, 2, 1);
			common(g, COMMON_STATUS, 1, 0x0f);
			g->changed = true;
			g->nlooks = 0;
			expect_order(g, 2, 0);
			p->after_apply(g->state);
			KUNIT_EXPECT_EQ(test, g->nlooks, 0);
			common(g, COMMON_STATUS, 1, 0);
		}
	}
}

/* all queues share one ring and one notify offset, and all of it becomes available */
static void queues_on_one_ring(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int q, i;

	features(g, false, true);
	g->order_ret = -E2BIG;
	for (q = 0; q < 128; q++) {
		common(g, 22, 2, q);
		read_bar(g, COMMON + 30, 2, 0);
		common(g, 24, 2, MEM_PAGES * 4096 / 16);
		common(g, 32, 8, AT(0));
		common(g, 28, 2, 1);
	}
	common(g, COMMON_STATUS, 1, 0x0f);
	for (i = 0; i < MEM_PAGES * 4096; i += 16)
		put16(g, AT(0) + i + 14, 0x0080);
	g->nlooks = 0;
	notify(g, 0);
	KUNIT_EXPECT_GE(test, g->nlooks, 65536);
	KUNIT_EXPECT_LE(test, g->nlooks, 65536 + 2 * 128);
}

/* a capability list without an end; no capability list */
static void bad_config(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	p->exit(g->state);
	KUNIT_ASSERT_EQ(test, 0, p->init(&g->state, &(struct riod_profile_env){ .priv = g }));
	for (i = 0; i < 256; i++)
		g->cfg.bytes[i] = i & 1 ? 0xfc : 0x09;
	p->edit_config(g->state, &g->cfg);
	memset(&g->cfg, 0, sizeof(g->cfg));
	p->edit_config(g->state, &g->cfg);
	KUNIT_EXPECT_FALSE(test, p->bar_write(g->state, 0, 0, 4, 1));
	KUNIT_EXPECT_EQ(test, p->bar_read(g->state, 0, 0, 4, 77), 77);
}

static struct kunit_case virtio_cases[] = {
	KUNIT_CASE(identity),
	KUNIT_CASE(hidden_features),
	KUNIT_CASE(split_order),
	KUNIT_CASE(packed_order),
	KUNIT_CASE(packed_chains),
	KUNIT_CASE(split_kicks),
	KUNIT_CASE(packed_kicks),
	KUNIT_CASE(where_to_notify),
	KUNIT_CASE(reserved_bar),
	KUNIT_CASE(split_interrupts),
	KUNIT_CASE(split_flags),
	KUNIT_CASE(packed_interrupts),
	KUNIT_CASE(intx),
	KUNIT_CASE(hostile),
	KUNIT_CASE(areas_wrap),
	KUNIT_CASE(queues_on_one_ring),
	KUNIT_CASE(bad_config),
	{}
};

static struct kunit_suite virtio_suite = {
	.name = "riod_profile_virtio",
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = virtio_cases,
};

kunit_test_suite(virtio_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of the virtio profile");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

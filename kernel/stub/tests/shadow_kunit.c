// SPDX-License-Identifier: GPL-2.0-only
/*
 * shadow_kunit.c - memory BARs, of which a peer has a copy
 */
#include <kunit/test.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "bench.h"
#include "transport.h"

#define MEM_PAGES	4
#define MEM_BAR		3

static int shadow_init(struct kunit *test)
{
	struct riod_stub_func *fn;
	struct bench *b;
	void *mem;
	int ret;

	ret = bench_init(test);
	if (ret)
		return ret;
	b = test->priv;
	/* a power of two, so the allocation is aligned to its size */
	mem = kunit_kzalloc(test, MEM_PAGES * PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	fn = &b->fn[0];
	fn->bars[MEM_BAR].map = (void __iomem __force *)mem;
	fn->bars[MEM_BAR].size = MEM_PAGES * PAGE_SIZE;
	b->fn[1].bars[MEM_BAR] = fn->bars[MEM_BAR];
	return 0;
}

static u8 *memory(const struct bench *b)
{
	return (u8 __force *)b->fn[0].bars[MEM_BAR].map;
}

static struct riod_frame *bar_map(struct kunit *test, u8 func, u8 bar, u32 first, u16 npages,
				  u64 page)
{
	struct riod_frame *f = frame(test, RIOD_FRAME_BAR_MAP, func,
				     sizeof(struct riod_wire_bar_map));

	*(struct riod_wire_bar_map *)f->body = (struct riod_wire_bar_map){
		.tag = cpu_to_le32(1), .bar = bar, .first = cpu_to_le32(first),
		.npages = cpu_to_le16(npages), .page = cpu_to_le64(page),
	};
	return f;
}

static u32 mapped(struct kunit *test, u8 func, u8 bar, u32 first, u16 npages, u64 page)
{
	KUNIT_ASSERT_EQ(test, give(test, bar_map(test, func, bar, first, npages, page)), 0);
	return status_of(test->priv);
}

static void operation(struct kunit *test, u8 func, enum riod_ctl_op op, u32 arg)
{
	struct riod_frame *f = frame(test, RIOD_FRAME_CTL, func, sizeof(struct riod_wire_ctl));

	*(struct riod_wire_ctl *)f->body = (struct riod_wire_ctl){
		.tag = cpu_to_le32(1), .op = cpu_to_le16(op), .arg = cpu_to_le32(arg),
	};
	KUNIT_ASSERT_EQ(test, give(test, f), 0);
	KUNIT_EXPECT_EQ(test, status_of(test->priv), OK);
}

/* take a cut and drop it; returns its number of bytes */
static s64 cut(struct kunit *test)
{
	struct bench *b = test->priv;
	struct riod_frame *f, *tmp;
	LIST_HEAD(frames);
	s64 bytes;

	bytes = riod_sync_collect(&b->a->sync, &frames, RIOD_FRAME_MAX);
	list_for_each_entry_safe(f, tmp, &frames, list) {
		list_del(&f->list);
		riod_frame_free(f);
	}
	return bytes;
}

/* the content of the BAR crosses, then only the device's changes */
static void content(struct kunit *test)
{
	struct bench *b = test->priv;

	memory(b)[PAGE_SIZE + 5] = 0x5a;
	memset(memory(b) + 2 * PAGE_SIZE, 0x11, 100);
	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 1, 2, 40), OK);
	KUNIT_EXPECT_EQ(test, b->a->att.dma.nbar_pages, 2);
	KUNIT_EXPECT_EQ(test, cut(test), 101);
	KUNIT_EXPECT_EQ(test, cut(test), 0);
	memory(b)[PAGE_SIZE + 9] = 1;
	KUNIT_EXPECT_EQ(test, cut(test), 1);
	/* pages 0 and 3 are not shadowed */
	memory(b)[0] = 1;
	memory(b)[3 * PAGE_SIZE] = 1;
	KUNIT_EXPECT_EQ(test, cut(test), 0);
	/* no IOMMU mapping: the device accesses its own memory */
	KUNIT_EXPECT_EQ(test, b->a->iommu.nptes, 0);
}

/* apply a cut of the frontend, which has applied the stub's first one */
static void stage(struct kunit *test, u64 page, u16 offset, u8 value)
{
	struct bench *b = test->priv;
	struct riod_wire_cut_commit c = {
		.cut = cpu_to_le64(1), .applied = cpu_to_le64(1), .nframes = cpu_to_le32(1),
	};
	struct riod_wire_cut_data *d;
	struct riod_wire_delta *delta;
	struct riod_wire_run *run;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_CUT_DATA, 0, sizeof(*d) + sizeof(*delta) + 8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	d = (void *)f->body;
	d->cut = cpu_to_le64(1);
	delta = (void *)d->deltas;
	delta->page = cpu_to_le64(page);
	delta->nruns = cpu_to_le16(1);
	delta->nbytes = cpu_to_le16(1);
	run = (void *)(delta + 1);
	run->offset = cpu_to_le16(offset);
	run->len = cpu_to_le16(1);
	*(u8 *)(run + 1) = value;
	KUNIT_ASSERT_NULL(test, riod_wire_fault(f, false));
	KUNIT_ASSERT_EQ(test, riod_sync_stage(&b->a->sync, f), 0);
	KUNIT_ASSERT_EQ(test, riod_sync_apply(&b->a->sync, &c), 0);
}

/* the guest's byte reaches the BAR, and its neighbours do not change */
static void guest_writes(struct kunit *test)
{
	struct bench *b = test->priv;

	memset(memory(b), 0x22, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 0, 1, 7), OK);
	KUNIT_EXPECT_EQ(test, cut(test), PAGE_SIZE);
	stage(test, 7, 33, 0x77);
	KUNIT_EXPECT_EQ(test, memory(b)[32], 0x22);
	KUNIT_EXPECT_EQ(test, memory(b)[33], 0x77);
	KUNIT_EXPECT_EQ(test, memory(b)[34], 0x22);
}

struct map_case {
	const char *name;
	u8 bar;
	u32 first;
	u16 npages;
	u32 status;
	u16 off;
	u8 power;
	bool fenced;
};

static const struct map_case map_cases[] = {
	{ "all", MEM_BAR, 0, MEM_PAGES, OK },
	{ "one too many", MEM_BAR, 0, MEM_PAGES + 1, INVALID },
	{ "behind", MEM_BAR, MEM_PAGES, 1, INVALID },
	{ "half behind", MEM_BAR, MEM_PAGES - 1, 2, INVALID },
	{ "far behind", MEM_BAR, U32_MAX >> 4, 1, INVALID },
	{ "no such bar", 1, 0, 1, INVALID },
	{ "ports", 2, 0, 1, INVALID },
	{ "MSI-X table", 0, 0, 1, DENIED },
	{ "memory is off", MEM_BAR, 0, 1, DENIED, .off = MEMORY },
	{ "D3", MEM_BAR, 0, 1, DENIED, .power = 3 },
	{ "fenced", MEM_BAR, 0, 1, DENIED, .fenced = true },
};

static void map_desc(const struct map_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(map, map_cases, map_desc);

static void limits(struct kunit *test)
{
	const struct map_case *c = test->param_value;
	struct bench *b = test->priv;
	struct riod_stub_func *fn = &b->fn[0];

	fn->command &= ~c->off;
	fn->power = c->power;
	fn->fenced = c->fenced;
	KUNIT_EXPECT_EQ(test, mapped(test, 0, c->bar, c->first, c->npages, 1), c->status);
	KUNIT_EXPECT_EQ(test, b->a->sync.npages, c->status == OK ? c->npages : 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&b->a->exp.stats.denied), c->status != OK);
}

/* page numbers are unique among BAR pages and shadow pages */
static void numbers(struct kunit *test)
{
	struct bench *b = test->priv;
	struct riod_wire_map m = {
		.iova = cpu_to_le64(0x10000), .page = cpu_to_le64(11),
		.npages = cpu_to_le32(1), .prot = cpu_to_le32(RIOD_PROT_READ),
	};

	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 0, 2, 10), OK);
	/* the second page's number is in use */
	KUNIT_EXPECT_EQ(test, give(test, bar_map(test, 0, MEM_BAR, 2, 2, 9)), -EPROTO);
	KUNIT_EXPECT_EQ(test, riod_stub_dma_map(&b->a->att.dma, &m), -EPROTO);
	KUNIT_EXPECT_EQ(test, b->a->sync.npages, 2);
	m.page = cpu_to_le64(12);
	KUNIT_EXPECT_EQ(test, riod_stub_dma_map(&b->a->att.dma, &m), 0);
	KUNIT_EXPECT_EQ(test, give(test, bar_map(test, 0, MEM_BAR, 2, 1, 12)), -EPROTO);
	KUNIT_EXPECT_EQ(test, b->a->sync.npages, 3);
}

static void too_many(struct kunit *test)
{
	struct bench *b = test->priv;

	b->a->att.dma.max_pages = 3;
	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 0, 4, 1), FAILED);
	KUNIT_EXPECT_EQ(test, b->a->sync.npages, 0);
	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 0, 3, 5), OK);
	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 3, 1, 8), FAILED);
}

/* beyond the memory budget the session ends: a reply would end the frontend's guest */
static void over_budget(struct kunit *test)
{
	struct bench *b = test->priv;
	struct riod_sync *y = &b->a->sync;
	u64 before;

	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 0, 1, 1), OK);
	before = riod_sync_held(y);
	b->reply.status = cpu_to_le32(U32_MAX);
	/* enough for one page, but not for three */
	riod_budget_set_limit(&y->budget, before + SZ_1K);
	KUNIT_EXPECT_EQ(test, give(test, bar_map(test, 0, MEM_BAR, 1, 3, 2)), -EDQUOT);
	KUNIT_EXPECT_EQ(test, status_of(b), U32_MAX);
	KUNIT_EXPECT_EQ(test, y->npages, 1);
	KUNIT_EXPECT_EQ(test, b->a->att.dma.nbar_pages, 1);
	KUNIT_EXPECT_EQ(test, riod_sync_held(y), before);
	riod_budget_set_limit(&y->budget, U64_MAX);
	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 1, 3, 2), OK);
}

/* BARS_FORGET removes the pages of one function only */
static void forgotten(struct kunit *test)
{
	struct bench *b = test->priv;

	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 0, 2, 1), OK);
	KUNIT_EXPECT_EQ(test, mapped(test, 1, MEM_BAR, 2, 1, 3), OK);
	operation(test, 0, RIOD_CTL_BARS_FORGET, 0);
	KUNIT_EXPECT_EQ(test, b->a->sync.npages, 1);
	KUNIT_EXPECT_EQ(test, b->a->att.dma.nbar_pages, 1);
	memset(memory(b), 1, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, cut(test), 0);
	operation(test, 0, RIOD_CTL_BARS_FORGET, 0);
	operation(test, 1, RIOD_CTL_BARS_FORGET, 0);
	KUNIT_EXPECT_EQ(test, b->a->sync.npages, 0);
}

/* BARs are not scanned in a reset or in D3hot, even without BARS_FORGET */
static void unreadable(struct kunit *test)
{
	struct bench *b = test->priv;

	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 0, 2, 1), OK);
	operation(test, 0, RIOD_CTL_RESET, 1);
	KUNIT_EXPECT_EQ(test, b->a->sync.npages, 0);
	operation(test, 0, RIOD_CTL_COMMAND, MEMORY);
	KUNIT_EXPECT_EQ(test, mapped(test, 0, MEM_BAR, 0, 2, 3), OK);
	operation(test, 0, RIOD_CTL_POWER, 3);
	KUNIT_EXPECT_EQ(test, b->a->sync.npages, 0);
}

static struct kunit_case shadow_cases[] = {
	KUNIT_CASE(content),
	KUNIT_CASE(guest_writes),
	KUNIT_CASE_PARAM(limits, map_gen_params),
	KUNIT_CASE(numbers),
	KUNIT_CASE(too_many),
	KUNIT_CASE(over_budget),
	KUNIT_CASE(forgotten),
	KUNIT_CASE(unreadable),
	{}
};

static struct kunit_suite shadow_suite = {
	.name = "riod_stub_shadow",
	.init = shadow_init,
	.exit = bench_exit,
	.test_cases = shadow_cases,
};

kunit_test_suite(shadow_suite);

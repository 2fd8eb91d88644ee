// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma_kunit.c - maps of VFIO, without VFIO and without a peer
 *
 * Uses the real dma.c, named.c, transfer.c, dma_send.c and range.c.  There is no link: nothing is
 * sent, and bus mastering stays off, so no page is entered.  Page frames are fakes.
 */
#include <kunit/test.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/workqueue.h>

#include "compat_mm.h"
#include "frontend.h"

/* ------------------------------------------------------------ page frames */

enum kind { NO_PAGE, RAM, ZERO, RESERVED, DAX, DAX_FILE, P2P, PRIVATE, KINDS };

static struct page pages[KINDS];
static enum memory_type page_types[KINDS] = {
	[DAX] = MEMORY_DEVICE_GENERIC,
	[DAX_FILE] = MEMORY_DEVICE_FS_DAX,
	[P2P] = MEMORY_DEVICE_PCI_P2PDMA,
	[PRIVATE] = MEMORY_DEVICE_PRIVATE,
};

static struct dev_pagemap fake_map;

/* the page frame number determines the kind of the page */
static enum kind kind_of_pfn(unsigned long pfn)
{
	return pfn % KINDS;
}

static const struct dev_pagemap *fake_pgmap(const struct page *page)
{
	fake_map.type = page_types[page - pages];
	return &fake_map;
}

static bool fake_is_zone_device(const struct page *page)
{
	return page - pages >= DAX;
}

static bool fake_reserved(const struct page *page)
{
	return page - pages != RAM;
}

#undef pfn_valid
#undef pfn_to_page
#define pfn_valid(pfn)			(kind_of_pfn(pfn) != NO_PAGE)
#define pfn_to_page(pfn)		(&pages[kind_of_pfn(pfn)])
#define is_zero_pfn(pfn)		(kind_of_pfn(pfn) == ZERO)
#define is_zone_device_page(page)	fake_is_zone_device(page)
#define PageReserved(page)		fake_reserved(page)
#define riod_compat_pgmap(page)		fake_pgmap(page)
static bool has_error;

static bool fake_has_error(const void *mem)
{
	return has_error;
}

/* no page is entered, so any address will do */
#undef page_address
#define page_address(page)		((void *)(page))

/* ------------------------------------------------------------ the link */

static struct riod_sync *fake_sync(struct riod_link *l)
{
	return NULL;
}

static void fake_kick(struct riod_link *l)
{
}

static int fake_send(struct riod_link *l, struct riod_frame *f)
{
	riod_frame_free(f);
	return 0;
}

static int fake_sync_map(struct riod_sync *y, u64 id, void *live, u32 prot, void *priv)
{
	return -ENOMEM;
}

static bool fake_sync_unmap(struct riod_sync *y, u64 id, u32 prot, void **priv)
{
	return false;
}

/* bytes that are carried, and the return value */
static u32 carried;
static int carry_ret;

static int fake_sync_carry(struct riod_sync *y, u64 id, u32 offset, u32 len)
{
	carried += len;
	return carry_ret;
}

#define riod_sync_carry	fake_sync_carry
#define riod_link_sync	fake_sync
#define riod_link_kick	fake_kick
#define riod_link_send	fake_send
#define riod_sync_map	fake_sync_map
#define riod_sync_unmap	fake_sync_unmap
#define riod_sync_has_error	fake_has_error

#undef pr_fmt
#include "../dma.c"
#include "../named.c"
#include "../transfer.c"
#include "../dma_send.c"
#undef pr_fmt
#include "../range.c"

/* ------------------------------------------------------------ maps */

struct space {
	struct riod_fe_att att;
	struct riod_fe_domain d;
};

static int dma_init(struct kunit *test)
{
	struct space *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	test->priv = s;
	riod_fe_dma_init(&s->att.dma, SZ_1M);
	s->d.att = &s->att;
	s->d.ranges = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&s->d.spares);
	return riod_fe_range_init();
}

static void dma_exit(struct kunit *test)
{
	struct space *s = test->priv;

	if (s)
		riod_fe_range_free_all(&s->d);
	riod_fe_range_exit();
}

static int map_frame(struct space *s, enum kind what, u32 prot)
{
	/* any frame of that kind, and a different IOVA for each call */
	unsigned long pfn = KINDS * 16 + what;
	u64 iova = (u64)(2 * what + (prot & RIOD_PROT_WRITE ? 1 : 0)) << PAGE_SHIFT;

	return riod_fe_range_map(&s->d, iova, PFN_PHYS(pfn), 1, prot, GFP_KERNEL);
}

/*
 * Rule 15: what cannot be kept coherent is mapped, for other devices of the container, but
 * never entered and not counted.
 */
static void what_can_be_mapped(struct kunit *test)
{
	static const struct {
		enum kind what;
		bool ro, rw;
	} cases[] = {
		{ NO_PAGE, false, false },
		{ RAM, true, true },
		{ ZERO, true, false },
		{ RESERVED, false, false },
		{ DAX, true, true },
		{ DAX_FILE, true, true },
		{ P2P, false, false },
		{ PRIVATE, false, false },
	};
	struct space *s = test->priv;
	struct riod_fe_range *r;
	unsigned int i;
	u64 ro = 0, rw = 0;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_EXPECT_EQ(test, map_frame(s, cases[i].what, RIOD_PROT_READ), 0);
		KUNIT_EXPECT_EQ(test, map_frame(s, cases[i].what,
						RIOD_PROT_READ | RIOD_PROT_WRITE), 0);
		if (cases[i].ro)
			ro += PAGE_SIZE;
		if (cases[i].rw)
			rw += PAGE_SIZE;
		KUNIT_EXPECT_EQ_MSG(test, s->d.bytes_ro, ro, "kind %u", cases[i].what);
		KUNIT_EXPECT_EQ_MSG(test, s->d.bytes_rw, rw, "kind %u, writable", cases[i].what);
	}
	KUNIT_EXPECT_EQ(test, s->d.nranges, 2 * ARRAY_SIZE(cases));
	/* entering them makes pages of memory only */
	mutex_lock(&s->att.dma.lock);
	for (r = riod_fe_range_first(&s->d); r; r = riod_fe_range_next(r)) {
		KUNIT_EXPECT_EQ(test, range_enter(&s->att, r, GFP_KERNEL), 0);
		KUNIT_EXPECT_EQ(test, !!r->batch, r->ram);
	}
	for (r = riod_fe_range_first(&s->d); r; r = riod_fe_range_next(r))
		range_leave(&s->att, r);
	riod_fe_record_drop_all(&s->att.dma);
	mutex_unlock(&s->att.dma.lock);
}

/* rule 15: a profile gets no pointer to memory with an error */
static void memory_of_profiles(struct kunit *test)
{
	struct space *s = test->priv;
	struct riod_fe_dma *dma = &s->att.dma;
	struct riod_fe_range *r;
	u64 iova;

	KUNIT_ASSERT_EQ(test, map_frame(s, RAM, RIOD_PROT_READ), 0);
	mutex_lock(&dma->lock);
	r = riod_fe_range_first(&s->d);
	iova = r->it.start;
	/* as if the page were entered */
	r->batch = kunit_kzalloc(test, sizeof(*r->batch), GFP_KERNEL);
	dma->domain = &s->d;
	dma->state = RIOD_BUS_MASTER_ON;
	KUNIT_EXPECT_PTR_EQ(test, riod_fe_dma_mem(&s->att, iova + 8, 8, false),
			    (void *)&pages[RAM] + 8);
	has_error = true;
	KUNIT_EXPECT_NULL(test, riod_fe_dma_mem(&s->att, iova + 8, 8, false));
	has_error = false;
	dma->state = RIOD_BUS_MASTER_OFF;
	dma->domain = NULL;
	r->batch = NULL;
	mutex_unlock(&dma->lock);
}

/* ------------------------------------------------------------ names (rule 20) */

/* of map_frame(RAM), writable */
#define RAM_IOVA	((2 * RAM + 1ull) << PAGE_SHIFT)
#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)

static int name_as(struct space *s, u64 iova, u64 len, u32 class)
{
	int ret;

	mutex_lock(&s->att.dma.lock);
	ret = riod_fe_name(&s->att, iova, len, class);
	mutex_unlock(&s->att.dma.lock);
	return ret;
}

static int name(struct space *s, u64 iova, u64 len)
{
	return name_as(s, iova, len, 0);
}

static void unname(struct space *s, u64 iova, u64 len)
{
	mutex_lock(&s->att.dma.lock);
	riod_fe_unname(&s->att, iova, len);
	mutex_unlock(&s->att.dma.lock);
}

/* the pages that wait to be entered: all that may be, as there is no pump */
static unsigned int shared(struct space *s)
{
	return s->att.dma.npending;
}

static void names_begin(struct space *s)
{
	struct riod_fe_dma *dma = &s->att.dma;

	dma->exact = true;
	dma->peer_limit = 2 * PAGE_SIZE;
	dma->domain = &s->d;
	dma->state = RIOD_BUS_MASTER_ON;
}

static void names_end(struct space *s)
{
	mutex_lock(&s->att.dma.lock);
	dma_leave(&s->att);
	riod_fe_named_free(&s->att);
	s->att.dma.domain = NULL;
	s->att.dma.state = RIOD_BUS_MASTER_OFF;
	mutex_unlock(&s->att.dma.lock);
}

/* a page is shared while it is named and mapped, in whatever order */
static void names_and_maps(struct kunit *test)
{
	struct space *s = test->priv;

	names_begin(s);
	KUNIT_ASSERT_EQ(test, map_frame(s, RAM, RW), 0);
	KUNIT_EXPECT_EQ(test, shared(s), 0);
	KUNIT_EXPECT_EQ(test, name(s, RAM_IOVA + 100, 50), 0);
	KUNIT_EXPECT_EQ(test, shared(s), 1);
	KUNIT_EXPECT_EQ(test, name(s, RAM_IOVA + 120, 50), 0);
	KUNIT_EXPECT_EQ(test, shared(s), 1);
	unname(s, RAM_IOVA + 100, 50);
	KUNIT_EXPECT_EQ(test, shared(s), 1);
	KUNIT_EXPECT_EQ(test, riod_fe_range_unmap(&s->d, RAM_IOVA, RAM_IOVA + PAGE_SIZE - 1),
			PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, shared(s), 0);
	/* what is mapped there next is named, too */
	KUNIT_ASSERT_EQ(test, map_frame(s, RAM, RW), 0);
	KUNIT_EXPECT_EQ(test, shared(s), 1);
	unname(s, RAM_IOVA + 120, 50);
	KUNIT_EXPECT_EQ(test, shared(s), 0);
	KUNIT_EXPECT_EQ(test, s->att.dma.nnamed, 0);
	names_end(s);
}

/* a page has one class; what is compared may be part of a transfer */
static void names_have_a_class(struct kunit *test)
{
	struct space *s = test->priv;

	names_begin(s);
	KUNIT_ASSERT_EQ(test, map_frame(s, RAM, RW), 0);
	KUNIT_EXPECT_EQ(test, name_as(s, RAM_IOVA, 1, RIOD_MAP_EXACT), 0);
	KUNIT_EXPECT_EQ(test, name_as(s, RAM_IOVA + 1, 1, RIOD_MAP_EXACT), 0);
	KUNIT_EXPECT_EQ(test, name(s, RAM_IOVA, 1), -EBUSY);
	KUNIT_EXPECT_EQ(test, name_as(s, RAM_IOVA, 1, RIOD_MAP_COMPLETIONS), -EBUSY);
	unname(s, RAM_IOVA, 1);
	unname(s, RAM_IOVA + 1, 1);
	KUNIT_EXPECT_EQ(test, name(s, RAM_IOVA, 1), 0);
	KUNIT_EXPECT_EQ(test, name_as(s, RAM_IOVA, 1, RIOD_MAP_EXACT), 0);
	KUNIT_EXPECT_EQ(test, name_as(s, RAM_IOVA, 1, RIOD_MAP_COMPLETIONS), -EBUSY);
	unname(s, RAM_IOVA, 1);
	unname(s, RAM_IOVA, 1);
	KUNIT_EXPECT_EQ(test, s->att.dma.nnamed, 0);
	/* an error in the middle leaves nothing behind */
	KUNIT_EXPECT_EQ(test, name(s, RAM_IOVA + PAGE_SIZE, 1), 0);
	KUNIT_EXPECT_EQ(test, name_as(s, RAM_IOVA, 2 * PAGE_SIZE, RIOD_MAP_COMPLETIONS), -EBUSY);
	KUNIT_EXPECT_EQ(test, s->att.dma.nnamed, 1);
	unname(s, RAM_IOVA + PAGE_SIZE, 1);
	names_end(s);
}

/* ------------------------------------------------------------ transfers (rule 21) */

/* RAM is page 2 * RAM + 1 of the addresses; the page behind it is mapped by hand */
static void name_exact(struct kunit *test, u64 iova, u64 id)
{
	struct space *s = test->priv;
	struct riod_fe_named *n;

	KUNIT_ASSERT_EQ(test, name_as(s, iova, 1, RIOD_MAP_EXACT), 0);
	mutex_lock(&s->att.dma.lock);
	n = xa_load(&s->att.dma.named, iova >> PAGE_SHIFT);
	if (!n->batch)
		n->batch = riod_fe_batch_new(&s->att, iova, RAM, RW | RIOD_MAP_EXACT, 1,
					     GFP_KERNEL);
	n->batch->slots[0].id = id;
	riod_fe_record_drop(&s->att.dma, &n->batch->map);
	mutex_unlock(&s->att.dma.lock);
}

static int transfer(struct space *s, u64 iova, u32 len, u32 how)
{
	const struct riod_profile_extent x = { iova, len, how };
	int ret;

	mutex_lock(&s->att.dma.lock);
	ret = riod_fe_transfer(&s->att, 3, 0x10002, true, &x, 1);
	mutex_unlock(&s->att.dma.lock);
	return ret;
}

static const struct riod_wire_expect *
expect_of(struct kunit *test, struct riod_frame *f, u32 n)
{
	const struct riod_wire_expect *e;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, f);
	e = (const void *)f->body;
	KUNIT_EXPECT_EQ(test, f->hdr.type, RIOD_FRAME_EXPECT);
	KUNIT_EXPECT_EQ(test, f->hdr.func, 3);
	KUNIT_EXPECT_EQ(test, f->len, 16 + 16 * n);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(f->hdr.len), riod_frame_size(f));
	KUNIT_EXPECT_EQ(test, le16_to_cpu(e->nextents), n);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(e->first), 0x10002);
	return e;
}

static void transfers(struct kunit *test)
{
	struct space *s = test->priv;
	const struct riod_wire_expect *e;
	struct riod_frame *f;

	names_begin(s);
	carried = 0;
	carry_ret = 0;
	KUNIT_ASSERT_EQ(test, map_frame(s, RAM, RW), 0);
	name_exact(test, RAM_IOVA, 7);
	name_exact(test, RAM_IOVA + PAGE_SIZE, 8);
	/* pages with consecutive numbers are one extent */
	KUNIT_EXPECT_EQ(test, transfer(s, RAM_IOVA + 100, PAGE_SIZE, RIOD_EXTENT_IN), 0);
	KUNIT_EXPECT_EQ(test, s->att.dma.npending, 1);
	f = dma_frame(&s->att);
	e = expect_of(test, f, 1);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(e->extents[0].page), 7);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(e->extents[0].offset), 100);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(e->extents[0].len), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, e->flags, RIOD_EXPECT_ALWAYS);
	riod_frame_free(f);
	KUNIT_EXPECT_EQ(test, carried, 0);
	/* what the device reads needs no frame */
	KUNIT_EXPECT_EQ(test, transfer(s, RAM_IOVA + 100, PAGE_SIZE, RIOD_EXTENT_OUT), 0);
	KUNIT_EXPECT_NULL(test, dma_frame(&s->att));
	KUNIT_EXPECT_EQ(test, carried, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, s->att.dma.npending, 0);
	/* it stays, and so do those behind it, until there is memory */
	carry_ret = -ENOMEM;
	KUNIT_EXPECT_EQ(test, transfer(s, RAM_IOVA, 1, RIOD_EXTENT_OUT), 0);
	mutex_lock(&s->att.dma.lock);
	riod_fe_transfer_forget(&s->att, 3, 0x10002, 0x1ffff);
	mutex_unlock(&s->att.dma.lock);
	KUNIT_EXPECT_EQ(test, PTR_ERR(dma_frame(&s->att)), -ENOMEM);
	KUNIT_EXPECT_EQ(test, s->att.dma.npending, 2);
	carry_ret = 0;
	f = dma_frame(&s->att);
	e = expect_of(test, f, 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(e->last), 0x1ffff);
	KUNIT_EXPECT_EQ(test, e->flags, RIOD_EXPECT_FORGET);
	riod_frame_free(f);
	/* pages that are not mapped, or compared */
	KUNIT_EXPECT_EQ(test, transfer(s, RAM_IOVA + 4 * PAGE_SIZE, 8, RIOD_EXTENT_IN), 0);
	KUNIT_EXPECT_NULL(test, dma_frame(&s->att));
	KUNIT_EXPECT_EQ(test, transfer(s, 0, RIOD_EXTENTS_MAX * PAGE_SIZE, RIOD_EXTENT_IN), 0);
	KUNIT_EXPECT_EQ(test, transfer(s, 1, RIOD_EXTENTS_MAX * PAGE_SIZE, RIOD_EXTENT_IN), -E2BIG);
	/* the session ends with one that waits */
	mutex_lock(&s->att.dma.lock);
	riod_fe_record_drop_all(&s->att.dma);
	mutex_unlock(&s->att.dma.lock);
	KUNIT_EXPECT_EQ(test, s->att.dma.npending, 0);
	s->att.dma.lost = true;
	KUNIT_EXPECT_EQ(test, transfer(s, RAM_IOVA, 1, RIOD_EXTENT_OUT), 0);
	KUNIT_EXPECT_EQ(test, s->att.dma.npending, 0);
	s->att.dma.lost = false;
	unname(s, RAM_IOVA, 1);
	unname(s, RAM_IOVA + PAGE_SIZE, 1);
	names_end(s);
}

/* bus mastering off: nothing is shared; on: all that is named */
static void names_and_bus_master(struct kunit *test)
{
	struct space *s = test->priv;

	names_begin(s);
	KUNIT_ASSERT_EQ(test, map_frame(s, RAM, RW), 0);
	KUNIT_EXPECT_EQ(test, name(s, RAM_IOVA, 1), 0);
	mutex_lock(&s->att.dma.lock);
	dma_leave(&s->att);
	s->att.dma.state = RIOD_BUS_MASTER_OFF;
	mutex_unlock(&s->att.dma.lock);
	KUNIT_EXPECT_EQ(test, shared(s), 0);
	KUNIT_EXPECT_EQ(test, name(s, RAM_IOVA, 1), 0);
	KUNIT_EXPECT_EQ(test, shared(s), 0);
	/* as much as it likes is mapped */
	s->d.bytes_rw += SZ_1G;
	mutex_lock(&s->att.dma.lock);
	KUNIT_EXPECT_FALSE(test, dma_too_much(&s->att.dma));
	KUNIT_EXPECT_EQ(test, dma_enter(&s->att), 0);
	s->att.dma.state = RIOD_BUS_MASTER_ON;
	mutex_unlock(&s->att.dma.lock);
	s->d.bytes_rw -= SZ_1G;
	KUNIT_EXPECT_EQ(test, shared(s), 1);
	names_end(s);
}

/* a name that fails names nothing; what is no memory is never shared */
static void names_fail(struct kunit *test)
{
	struct space *s = test->priv;

	names_begin(s);
	KUNIT_EXPECT_EQ(test, name(s, ~0ull, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, name(s, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, name(s, PAGE_SIZE - 1, PAGE_SIZE + 2), -EDQUOT);
	KUNIT_EXPECT_EQ(test, s->att.dma.nnamed, 0);
	KUNIT_EXPECT_EQ(test, name(s, PAGE_SIZE - 1, 2), 0);
	KUNIT_EXPECT_EQ(test, name(s, 2 * PAGE_SIZE, 1), -EDQUOT);
	/* pages that are named already need no room */
	KUNIT_EXPECT_EQ(test, name(s, 0, 2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, s->att.dma.nnamed, 2);
	unname(s, 0, 2 * PAGE_SIZE);
	unname(s, PAGE_SIZE - 1, 2);
	KUNIT_EXPECT_EQ(test, s->att.dma.nnamed, 0);

	KUNIT_ASSERT_EQ(test, map_frame(s, P2P, RW), 0);
	KUNIT_EXPECT_EQ(test, name(s, (2 * P2P + 1ull) << PAGE_SHIFT, 1), 0);
	KUNIT_EXPECT_EQ(test, shared(s), 0);
	names_end(s);
}

/* ------------------------------------------------------------ maps that wait (rule 9) */

/* a cut that finds no quiet delays all maps together by at most GIVE_WAY, not each */
static void maps_wait_together(struct kunit *test)
{
	struct space *s = test->priv;
	unsigned long start = jiffies, sleeps;
	unsigned int i;

	riod_fe_dma_hold(&s->att.dma, true);
	riod_fe_dma_give_way(&s->att.dma);
	KUNIT_EXPECT_GE(test, jiffies - start, GIVE_WAY);
	/* the time is up: none of these sleeps */
	sleeps = current->nvcsw;
	for (i = 0; i < 8; i++)
		riod_fe_dma_give_way(&s->att.dma);
	KUNIT_EXPECT_EQ(test, current->nvcsw, sleeps);

	/* the next cut may delay them again */
	riod_fe_dma_hold(&s->att.dma, false);
	start = jiffies;
	riod_fe_dma_hold(&s->att.dma, true);
	riod_fe_dma_give_way(&s->att.dma);
	KUNIT_EXPECT_GE(test, jiffies - start, GIVE_WAY);
	riod_fe_dma_hold(&s->att.dma, false);
}

static int one_map(void *data)
{
	riod_fe_dma_give_way(data);
	return 0;
}

/* the end of the cut ends the wait */
static void cut_ends_the_wait(struct kunit *test)
{
	struct space *s = test->priv;
	struct riod_fe_dma *dma = &s->att.dma;
	struct task_struct *task;

	/* longer than this test may run */
	riod_fe_dma_hold(dma, true);
	dma->held_until = jiffies + 600 * HZ;
	task = kthread_run(one_map, dma, "riod_map");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	while (!wq_has_sleeper(&dma->released))
		schedule_timeout_uninterruptible(1);
	riod_fe_dma_hold(dma, false);
	KUNIT_EXPECT_EQ(test, kthread_stop(task), 0);
	put_task_struct(task);
}

static struct kunit_case dma_cases[] = {
	KUNIT_CASE(what_can_be_mapped),
	KUNIT_CASE(memory_of_profiles),
	KUNIT_CASE(names_and_maps),
	KUNIT_CASE(names_have_a_class),
	KUNIT_CASE(transfers),
	KUNIT_CASE(names_and_bus_master),
	KUNIT_CASE(names_fail),
	KUNIT_CASE(maps_wait_together),
	KUNIT_CASE(cut_ends_the_wait),
	{}
};

static struct kunit_suite dma_suite = {
	.name = "riod_fe_dma",
	.init = dma_init,
	.exit = dma_exit,
	.test_cases = dma_cases,
};

kunit_test_suite(dma_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * shadow_kunit.c - pages of memory BARs, when memory is short
 *
 * Uses the real shadow.c and engine.  The peer is a fake that has every page.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "frontend.h"

#define BAR	2
#define NPAGES	4

/**
 * struct shop - a function with a memory BAR
 * @att: its attachment
 * @fn: the function
 * @sync: engine of the attachment
 * @nrequests: requests for pages
 * @failed: error that the session was ended with
 */
struct shop {
	struct riod_fe_att att;
	struct riod_fe_func fn;
	struct riod_sync sync;
	unsigned int nrequests;
	int failed;
};

static struct shop *shop;

static struct riod_sync *fake_sync(struct riod_link *l)
{
	return &shop->sync;
}

static int fake_request(struct riod_link *l, struct riod_frame *f, u64 *value)
{
	shop->nrequests++;
	riod_frame_free(f);
	return 0;
}

static void fake_fail(struct riod_link *l, int err)
{
	shop->failed = err;
}

static int fake_ctl(struct riod_fe_func *fn, enum riod_ctl_op op, u32 arg)
{
	return 0;
}

#define riod_link_sync		fake_sync
#define riod_link_request	fake_request
#define riod_link_fail		fake_fail
#define riod_fe_ctl		fake_ctl

#include "../shadow.c"

static int shop_init(struct kunit *test)
{
	shop = kunit_kzalloc(test, sizeof(*shop), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, shop);
	KUNIT_ASSERT_EQ(test, riod_sync_init(&shop->sync, RIOD_SYNC_FRONTEND, NULL), 0);
	mutex_init(&shop->att.dma.lock);
	shop->att.dma.next_id = 1;
	mutex_init(&shop->fn.cfg_lock);
	shop->fn.att = &shop->att;
	shop->fn.cfg.bars[BAR].size = NPAGES * PAGE_SIZE;
	riod_fe_shadow_init(&shop->fn.shadow);
	return riod_fe_shadow_setup(&shop->fn, BIT(BAR), NULL);
}

static void forget(struct kunit *test)
{
	mutex_lock(&shop->fn.cfg_lock);
	KUNIT_EXPECT_EQ(test, riod_fe_shadow_hold(&shop->fn), 0);
	riod_fe_shadow_release(&shop->fn);
	mutex_unlock(&shop->fn.cfg_lock);
	KUNIT_EXPECT_EQ(test, shop->sync.npages, 0);
	KUNIT_EXPECT_EQ(test, riod_sync_held(&shop->sync), 0);
}

static void shop_exit(struct kunit *test)
{
	forget(test);
	riod_sync_destroy(&shop->sync);
}

/* all pages of the BAR are there and have this byte throughout */
static void expect_bytes(struct kunit *test, u8 byte)
{
	struct page *page;
	unsigned int n;

	for (n = 0; n < NPAGES; n++) {
		page = xa_load(&shop->fn.shadow.pages, SHADOW_INDEX(BAR, n));
		KUNIT_ASSERT_NOT_NULL(test, page);
		KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), byte, PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, !page_private(page), byte == 0xff);
	}
}

/* one access fetches all pages of the block */
static void fetched(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, shadow_fetch(&shop->fn, BAR, 1), 0);
	KUNIT_EXPECT_EQ(test, shop->nrequests, 1);
	KUNIT_EXPECT_EQ(test, shop->sync.npages, NPAGES);
	expect_bytes(test, 0);
	KUNIT_EXPECT_EQ(test, shadow_fetch(&shop->fn, BAR, 3), 0);
	KUNIT_EXPECT_EQ(test, shop->nrequests, 1);
}

/*
 * Beyond the memory budget, at whichever page, the session ends and the pages read as
 * all-ones.  The access does not fail, because the guest would not survive that.
 */
static void over_budget(struct kunit *test)
{
	u64 limit = 0;

	do {
		shop->failed = 0;
		riod_budget_set_limit(&shop->sync.budget, limit);
		KUNIT_ASSERT_EQ(test, shadow_fetch(&shop->fn, BAR, 1), 0);
		expect_bytes(test, shop->failed ? 0xff : 0);
		KUNIT_EXPECT_EQ(test, shop->nrequests, !shop->failed);
		forget(test);
		limit += 64;
	} while (shop->failed == -EDQUOT && limit < SZ_1M);
	KUNIT_EXPECT_EQ(test, shop->failed, 0);
	KUNIT_EXPECT_GT(test, limit, NPAGES * sizeof(struct riod_sync_page));
}

static struct kunit_case shadow_cases[] = {
	KUNIT_CASE(fetched),
	KUNIT_CASE(over_budget),
	{}
};

static struct kunit_suite shadow_suite = {
	.name = "riod_fe_shadow",
	.init = shop_init,
	.exit = shop_exit,
	.test_cases = shadow_cases,
};

kunit_test_suite(shadow_suite);

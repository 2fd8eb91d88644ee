// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NVMe profile against a simulated guest: registers, Identify, the order of completion
 * queues, doorbells in memory.
 */
#include <linux/module.h>

#include "compat_export.h"
#include "nvme_guest.h"

/* ------------------------------------------------------------ registers */

struct read_case {
	const char *desc;
	u8 bar;
	u64 offset;
	u8 width;
	u64 seen;	/* result for a value of all-ones */
};

static const struct read_case read_cases[] = {
	{ "cap_8", 0, 0x00, 8, 0xfcffffffffffffffULL },
	{ "cap_low_4", 0, 0x00, 4, 0xffffffff },
	{ "cap_high_4", 0, 0x04, 4, 0xfcffffff },
	{ "cap_high_2", 0, 0x06, 2, 0xfcff },
	{ "cap_top_1", 0, 0x07, 1, 0xfc },
	{ "vs", 0, 0x08, 4, 0xffffffff },
	{ "csts", 0, 0x1c, 4, 0xffffffff },
	{ "cmbloc", 0, 0x38, 4, 0 },
	{ "cmbloc_cmbsz_8", 0, 0x38, 8, 0 },
	{ "cmbsz_1", 0, 0x3f, 1, 0 },
	{ "bpinfo", 0, 0x40, 4, 0xffffffff },
	{ "cmbmsc", 0, 0x50, 8, 0 },
	{ "cmbsts", 0, 0x58, 4, 0 },
	{ "pmrcap", 0, 0xe00, 4, 0 },
	{ "pmrmscu_8", 0, 0xe18, 8, 0xffffffff00000000ULL },
	{ "doorbell", 0, 0x1038, 4, 0xffffffff },
	{ "other_bar", 2, 0x38, 4, 0xffffffff },
};

static void read_desc(const struct read_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(read, read_cases, read_desc);

static void read(struct kunit *test)
{
	const struct read_case *c = test->param_value;
	struct guest *g = test->priv;
	u64 all = c->width == 8 ? ~0ULL : (1ULL << c->width * 8) - 1;

	KUNIT_EXPECT_EQ(test, c->seen,
			g->p->bar_read(g->state, c->bar, c->offset, c->width, all));
}

/* writes must not enable a controller memory buffer, either */
static void hidden_writes(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_TRUE(test, g->p->bar_write(g->state, 0, 0x50, 8, 3));
	KUNIT_EXPECT_TRUE(test, g->p->bar_write(g->state, 0, 0xe04, 4, 1));
	KUNIT_EXPECT_FALSE(test, g->p->bar_write(g->state, 0, 0x0c, 4, 1));
	KUNIT_EXPECT_FALSE(test, g->p->bar_write(g->state, 0, 0x1008, 4, 1));
	KUNIT_EXPECT_FALSE(test, g->p->bar_write(g->state, 4, 0x50, 4, 1));
}

/* ------------------------------------------------------------ identify */

struct identify_case {
	const char *desc;
	u64 prp1;
	u64 prp2;
	u16 status;
	bool edited;
};

static const struct identify_case identify_cases[] = {
	{ "one_page", DATA, 0, 0, true },
	{ "bits_in_the_second_page", DATA + 4096 - 256, DATA2, 0, true },
	{ "between_the_bits", DATA + 4096 - 276, DATA2, 0, true },
	{ "failed", DATA, 0, 0x0002, false },
};

static void identify_desc(const struct identify_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(identify, identify_cases, identify_desc);

static void identify_edited(struct kunit *test)
{
	const struct identify_case *c = test->param_value;
	struct guest *g = test->priv;

	identify(g, 7, c->prp1, c->prp2);
	fill_identify(g, c->prp1, c->prp2);
	/* the data arrives in one cut, the completion in the next */
	g->p->after_apply(g->state);
	expect_edited(g, c->prp1, c->prp2, false);
	answer(g, 7, c->status);
	g->p->after_apply(g->state);
	expect_edited(g, c->prp1, c->prp2, c->edited);
	/* the guest reuses the buffer */
	fill_identify(g, c->prp1, c->prp2);
	g->p->after_apply(g->state);
	expect_edited(g, c->prp1, c->prp2, false);
}

/* the completion arrives before the profile has seen the command */
static void identify_unseen(struct kunit *test)
{
	struct guest *g = test->priv;

	submit(g, 0x06, 3, DATA, 0, 1);
	fill_identify(g, DATA, 0);
	answer(g, 3, 0);
	g->p->after_apply(g->state);
	expect_edited(g, DATA, 0, true);
}

/* a namespace, another command, another completion */
static void others_untouched(struct kunit *test)
{
	struct guest *g = test->priv;

	submit(g, 0x06, 1, DATA, 0, 0);
	submit(g, 0x02, 2, DATA, 0, 1);
	submit(g, 0x06, 3, DATA2, 0, 1);
	fill_identify(g, DATA, 0);
	fill_identify(g, DATA2, 0);
	answer(g, 1, 0);
	answer(g, 2, 0);
	g->p->after_apply(g->state);
	expect_edited(g, DATA, 0, false);
	expect_edited(g, DATA2, 0, false);
	answer(g, 3, 0);
	g->p->after_apply(g->state);
	expect_edited(g, DATA2, 0, true);
}

/* both queues wrap, the phase flips */
static void wraps(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	for (i = 0; i < 5 * QUEUE_ENTRIES + 3; i++) {
		identify(g, i, DATA, 0);
		fill_identify(g, DATA, 0);
		answer(g, i, 0);
		g->p->after_apply(g->state);
		expect_edited(g, DATA, 0, true);
	}
}

/* after disable and enable the queues start again */
static void enabled_again(struct kunit *test)
{
	struct guest *g = test->priv;

	identify(g, 1, DATA, 0);
	answer(g, 1, 0);
	write_reg(g, 0x14, 4, 0x00460000);
	memset(g->mem, 0, sizeof(g->mem));
	enable(g);
	identify(g, 2, DATA, 0);
	fill_identify(g, DATA, 0);
	answer(g, 2, 0);
	g->p->after_apply(g->state);
	expect_edited(g, DATA, 0, true);
}

/* rule 14: the profile does not write memory that the device may not write */
static void read_only_buffer(struct kunit *test)
{
	struct guest *g = test->priv;

	g->read_only[(DATA - MEM_BASE) / 4096] = true;
	identify(g, 1, DATA, 0);
	fill_identify(g, DATA, 0);
	answer(g, 1, 0);
	g->p->after_apply(g->state);
	expect_edited(g, DATA, 0, false);
}

/* after the next cut the profile sets an order with these pages */
static void expect_order(struct guest *g, const u64 *pages, unsigned int n)
{
	unsigned int i;

	g->order_calls = 0;
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(g->test, g->order_calls, 1);
	KUNIT_EXPECT_EQ(g->test, g->nordered, n);
	for (i = 0; i < min(n, g->nordered); i++)
		KUNIT_EXPECT_EQ(g->test, g->ordered[i], pages[i]);
}

static void expect_no_order(struct guest *g)
{
	g->order_calls = 0;
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(g->test, g->order_calls, 0);
}

/* rule 10: the order includes completion queues, after the cut that carries the command */
static void completion_queues(struct kunit *test)
{
	static const u64 all[] = { ACQ, DATA, DATA + 4096, DATA2 };
	struct guest *g = test->priv;

	expect_order(g, all, 1);
	expect_order(g, all, 1);
	expect_no_order(g);
	/* 300 entries of 16 bytes: two pages */
	admin_queue(g, 0x05, 1, DATA, 300, true);
	expect_order(g, all, 3);
	admin_queue(g, 0x05, 2, DATA2, 2, true);
	expect_order(g, all, 4);
	expect_order(g, all, 4);
	expect_no_order(g);
	/* bus master was cleared and set: pages have new numbers */
	g->p->mapped(g->state);
	expect_order(g, all, 4);
	expect_order(g, all, 4);
	/* a deleted queue's memory may be reused */
	admin_queue(g, 0x04, 2, 0, 1, false);
	expect_no_order(g);
	answered(g, 0);
	expect_order(g, all, 3);
	expect_order(g, all, 3);
	/* queues that are not contiguous are not supported */
	admin_queue(g, 0x05, 3, DATA2, 2, false);
	expect_no_order(g);
	/* the controller restarts */
	write_reg(g, 0x14, 4, 0x00460000);
	enable(g);
	expect_order(g, all, 1);
	g->p->reset(g->state);
	expect_no_order(g);
}

/* -ENOMEM: retry after the next cut; -E2BIG: no retry */
static void order_refused(struct kunit *test)
{
	struct guest *g = test->priv;

	g->order_ret = -ENOMEM;
	expect_order(g, (u64[]){ ACQ }, 1);
	expect_order(g, (u64[]){ ACQ }, 1);
	expect_order(g, (u64[]){ ACQ }, 1);
	g->order_ret = -E2BIG;
	expect_order(g, (u64[]){ ACQ }, 1);
	expect_order(g, (u64[]){ ACQ }, 1);
	expect_no_order(g);
}

/* more queues than the profile tracks, at invalid addresses */
static void many_completion_queues(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		admin_queue(g, 0x05, i, i & 1 ? ~0ULL : DATA, 65536, true);
		g->p->after_cut(g->state);
	}
	for (i = 0; i < 300; i++) {
		admin_queue(g, 0x04, i, 0, 1, false);
		answered(g, 0);
		g->p->after_cut(g->state);
	}
	g->p->mapped(g->state);
	expect_order(g, (u64[]){ ACQ }, 1);
}

/* a guest that writes invalid values: env->mem() returns NULL, nothing else happens */
static void hostile(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	for (i = 0; i < 40; i++) {
		submit(g, 0x06, i, ~0ULL - i, ~0ULL, 1);
		g->p->after_cut(g->state);
		answer(g, i, 0);
	}
	g->p->after_apply(g->state);
	write_reg(g, 0x1000, 4, 0xffff);
	g->p->after_cut(g->state);
	write_reg(g, 0x24, 4, 0);
	g->p->after_cut(g->state);
	g->p->after_apply(g->state);
	write_reg(g, 0x28, 8, ~0ULL);
	write_reg(g, 0x30, 8, ~0ULL);
	write_reg(g, 0x24, 4, 0xffffffff);
	write_reg(g, 0x1000, 4, 4095);
	g->p->after_cut(g->state);
	g->p->after_apply(g->state);
	g->unmapped[0] = true;
	g->unmapped[1] = true;
	enable(g);
	write_reg(g, 0x1000, 4, 5);
	g->p->after_cut(g->state);
	g->p->after_apply(g->state);
	KUNIT_EXPECT_EQ(test, 0, g->nkicks);
}

/* ------------------------------------------------------------ doorbells in memory */

static void set_shadow(struct guest *g, u32 at_offset, u32 value)
{
	put_unaligned_le32(value, g->mem + SHADOW - MEM_BASE + at_offset);
}

/* rule 11 (memory-only handshakes need a kick) */
static void shadow_doorbells(struct kunit *test)
{
	struct guest *g = test->priv;

	set_shadow(g, 8, 5);
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, 0, g->nkicks);
	submit(g, 0x7c, 9, SHADOW, SHADOW + 4096, 0);
	answer(g, 9, 0);
	g->p->after_apply(g->state);
	/* the kick fails: the profile retries after the next cut */
	g->kick_ret = -ENOMEM;
	g->p->after_cut(g->state);
	g->kick_ret = 0;
	g->p->after_cut(g->state);
	KUNIT_ASSERT_EQ(test, 1, g->nkicks);
	KUNIT_EXPECT_EQ(test, 0x1008, g->kicks[0].offset);
	KUNIT_EXPECT_EQ(test, 5, g->kicks[0].value);
	KUNIT_EXPECT_EQ(test, 4, g->kicks[0].width);
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, 1, g->nkicks);
	set_shadow(g, 8, 6);
	set_shadow(g, 12, 2);
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, 3, g->nkicks);
	g->p->reset(g->state);
	set_shadow(g, 8, 7);
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, 3, g->nkicks);
}

/* CAP.DSTRD is the stride; a hostile guest changes all doorbells at once */
static void shadow_stride_and_bound(struct kunit *test)
{
	struct guest *g = test->priv;
	unsigned int i;

	g->p->bar_read(g->state, 0, 0x04, 4, 1);
	submit(g, 0x7c, 9, SHADOW, SHADOW + 4096, 0);
	answer(g, 9, 0);
	g->p->after_apply(g->state);
	set_shadow(g, 4, 1);
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, 0, g->nkicks);
	set_shadow(g, 16, 1);
	g->p->after_cut(g->state);
	KUNIT_ASSERT_EQ(test, 1, g->nkicks);
	KUNIT_EXPECT_EQ(test, 0x1010, g->kicks[0].offset);
	g->p->bar_read(g->state, 0, 0x00, 8, 0);
	for (i = 0; i < 4096; i += 4)
		set_shadow(g, i, 1000 + i);
	g->nkicks = 0;
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, 64, g->nkicks);
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, 128, g->nkicks);
}

static struct kunit_case nvme_cases[] = {
	KUNIT_CASE_PARAM(read, read_gen_params),
	KUNIT_CASE(hidden_writes),
	KUNIT_CASE_PARAM(identify_edited, identify_gen_params),
	KUNIT_CASE(identify_unseen),
	KUNIT_CASE(others_untouched),
	KUNIT_CASE(wraps),
	KUNIT_CASE(enabled_again),
	KUNIT_CASE(read_only_buffer),
	KUNIT_CASE(hostile),
	KUNIT_CASE(completion_queues),
	KUNIT_CASE(order_refused),
	KUNIT_CASE(many_completion_queues),
	KUNIT_CASE(shadow_doorbells),
	KUNIT_CASE(shadow_stride_and_bound),
	{}
};

static struct kunit_suite nvme_suite = {
	.name = "riod_profile_nvme",
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = nvme_cases,
};

kunit_test_suite(nvme_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of the NVMe profile");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

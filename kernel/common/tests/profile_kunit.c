// SPDX-License-Identifier: GPL-2.0-only
/*
 * Profiles: their selection, and the NVMe profile against a simulated guest.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/unaligned.h>

#include "compat_export.h"
#include "profile.h"

#define NVME_CLASS	0x010802

/* guest memory from IOVA 0x10000 on; single pages may be unmapped */
#define MEM_BASE	0x10000
#define MEM_PAGES	8
#define ASQ		(MEM_BASE + 0 * 4096)
#define ACQ		(MEM_BASE + 1 * 4096)
#define DATA		(MEM_BASE + 2 * 4096)
#define DATA2		(MEM_BASE + 4 * 4096)
#define SHADOW		(MEM_BASE + 6 * 4096)
#define QUEUE_ENTRIES	8

struct kick {
	u8 bar;
	u8 width;
	u64 offset;
	u64 value;
};

struct guest {
	struct kunit *test;
	const struct riod_profile *p;
	void *state;
	u8 mem[MEM_PAGES * 4096];
	bool unmapped[MEM_PAGES];
	bool read_only[MEM_PAGES];
	struct kick kicks[256];
	unsigned int nkicks;
	int kick_ret;
	u64 ordered[64];
	unsigned int nordered;
	unsigned int order_calls;
	int order_ret;
	u32 named[MEM_PAGES];
	unsigned int nnames;
	unsigned int names_max;
	enum riod_profile_use use;	/* of the last name */
	unsigned int nrequests;
	int request_ret;
	u32 key, in, out;
	bool always;
	u32 forgot_first, forgot_last;
	int name_err;
	u16 tail;
	u16 cq;
	u8 phase;
};

static void *guest_mem(void *priv, u64 iova, size_t len, bool write)
{
	struct guest *g = priv;
	u64 at = iova - MEM_BASE;

	if (at >= sizeof(g->mem) || at % 4096 + len > 4096 ||
	    g->unmapped[at / 4096] || (write && g->read_only[at / 4096]))
		return NULL;
	return g->mem + at;
}

static int guest_kick(void *priv, u8 bar, u64 offset, u8 width, u64 value)
{
	struct guest *g = priv;

	if (g->kick_ret)
		return g->kick_ret;
	KUNIT_ASSERT_LT(g->test, g->nkicks, ARRAY_SIZE(g->kicks));
	g->kicks[g->nkicks++] = (struct kick){ bar, width, offset, value };
	return 0;
}

/* records the pages; a new order replaces the previous one */
static int guest_order(void *priv, const struct riod_sync_span *spans, u32 n)
{
	struct guest *g = priv;
	u64 at;
	u32 i;

	g->nordered = 0;
	g->order_calls++;
	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_FALSE(g->test, spans[i].by_guest);
		for (at = spans[i].iova & ~4095ull; at < spans[i].iova + spans[i].len &&
		     g->nordered < ARRAY_SIZE(g->ordered); at += 4096)
			g->ordered[g->nordered++] = at;
	}
	return g->order_ret;
}

static bool covers(u64 iova, u64 len, unsigned int page)
{
	u64 first = MEM_BASE + page * 4096ull;

	return iova <= first + 4095 && iova + len - 1 >= first;
}

/* counts the names of each page; those outside of memory only in total */
static int guest_name(void *priv, u64 iova, u64 len, enum riod_profile_use use)
{
	struct guest *g = priv;
	unsigned int i;

	g->use = use;

	KUNIT_EXPECT_GT(g->test, len, 0);
	if (iova + len - 1 < iova)
		return -EINVAL;
	if (g->nnames == g->names_max)
		return g->name_err;
	g->nnames++;
	for (i = 0; i < MEM_PAGES; i++)
		g->named[i] += covers(iova, len, i);
	return 0;
}

static void guest_unname(void *priv, u64 iova, u64 len)
{
	struct guest *g = priv;
	unsigned int i;

	KUNIT_EXPECT_GT(g->test, g->nnames--, 0);
	for (i = 0; i < MEM_PAGES; i++) {
		if (covers(iova, len, i))
			KUNIT_EXPECT_GT(g->test, g->named[i]--, 0);
	}
}

/* bytes that move for the last request, without its entry */
static int guest_request(void *priv, u32 key, bool always,
			 const struct riod_profile_extent *extents, u32 n)
{
	struct guest *g = priv;
	u32 i;

	if (g->request_ret)
		return g->request_ret;
	KUNIT_EXPECT_GT(g->test, n, 0);
	KUNIT_EXPECT_EQ(g->test, extents[0].len, 64);
	KUNIT_EXPECT_EQ(g->test, extents[0].how, RIOD_EXTENT_OUT);
	g->nrequests++;
	g->key = key;
	g->always = always;
	g->in = 0;
	g->out = 0;
	for (i = 1; i < n; i++) {
		g->in += extents[i].how & RIOD_EXTENT_IN ? extents[i].len : 0;
		g->out += extents[i].how & RIOD_EXTENT_OUT ? extents[i].len : 0;
	}
	return 0;
}

static void guest_forget(void *priv, u32 first, u32 last)
{
	struct guest *g = priv;

	g->forgot_first = first;
	g->forgot_last = last;
}

static bool guest_completion(void *priv, u64 iova, u8 entry[16])
{
	const u8 *p = guest_mem(priv, iova, 16, false);

	if (p)
		memcpy(entry, p, 16);
	return p;
}

static void write_reg(struct guest *g, u64 offset, u8 width, u64 value)
{
	KUNIT_EXPECT_FALSE(g->test, g->p->bar_write(g->state, 0, offset, width, value));
}

static void enable(struct guest *g)
{
	write_reg(g, 0x24, 4, (QUEUE_ENTRIES - 1) << 16 | (QUEUE_ENTRIES - 1));
	/* write one address in halves, as Linux does, the other one at once */
	write_reg(g, 0x28, 4, ASQ);
	write_reg(g, 0x2c, 4, 0);
	write_reg(g, 0x30, 8, ACQ);
	write_reg(g, 0x14, 4, 0x00460001);
	g->tail = 0;
	g->cq = 0;
	g->phase = 1;
}

static int guest_init(struct kunit *test)
{
	struct guest *g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);
	struct riod_profile_env env = {
		.kick = guest_kick,
		.mem = guest_mem,
		.order = guest_order,
		.name = guest_name,
		.unname = guest_unname,
		.request = guest_request,
		.forget = guest_forget,
		.completion = guest_completion,
		.priv = g,
	};

	KUNIT_ASSERT_NOT_NULL(test, g);
	g->test = test;
	g->p = &riod_profile_nvme;
	g->names_max = UINT_MAX;
	g->name_err = -EDQUOT;
	KUNIT_ASSERT_EQ(test, 0, g->p->init(&g->state, &env));
	test->priv = g;
	enable(g);
	return 0;
}

static void guest_exit(struct kunit *test)
{
	struct guest *g = test->priv;

	if (g && g->state)
		g->p->exit(g->state);
}

/* the next submission entry of the admin queue, empty */
static u8 *entry(struct guest *g, u8 opcode, u16 cid, u64 prp1, u64 prp2)
{
	u8 *sqe = g->mem + ASQ - MEM_BASE + g->tail * 64;

	memset(sqe, 0, 64);
	sqe[0] = opcode;
	put_unaligned_le16(cid, sqe + 2);
	put_unaligned_le64(prp1, sqe + 24);
	put_unaligned_le64(prp2, sqe + 32);
	g->tail = (g->tail + 1) % QUEUE_ENTRIES;
	return sqe;
}

/* write a command and its doorbell */
static void submit(struct guest *g, u8 opcode, u16 cid, u64 prp1, u64 prp2, u32 cdw10)
{
	put_unaligned_le32(cdw10, entry(g, opcode, cid, prp1, prp2) + 40);
	write_reg(g, 0x1000, 4, g->tail);
}

/* the device's completion arrives in memory; the profile is not called */
static void answer(struct guest *g, u16 cid, u16 status)
{
	u8 *cqe = g->mem + ACQ - MEM_BASE + g->cq * 16;

	put_unaligned_le32(cid | (u32)g->phase << 16 | (u32)status << 17, cqe + 12);
	if (++g->cq == QUEUE_ENTRIES) {
		g->cq = 0;
		g->phase ^= 1;
	}
}

static void identify(struct guest *g, u16 cid, u64 prp1, u64 prp2)
{
	submit(g, 0x06, cid, prp1, prp2, 1);
	g->p->after_cut(g->state);
}

/* address of a byte in an identify buffer */
static u8 *at(struct guest *g, u64 prp1, u64 prp2, u32 pos)
{
	u32 first = 4096 - prp1 % 4096;
	u64 iova = pos < first ? prp1 + pos : prp2 + pos - first;

	return g->mem + iova - MEM_BASE;
}

static void fill_identify(struct guest *g, u64 prp1, u64 prp2)
{
	u32 pos;

	for (pos = 0; pos < 4096; pos++)
		*at(g, prp1, prp2, pos) = 0xff;
}

static void expect_edited(struct guest *g, u64 prp1, u64 prp2, bool edited)
{
	u32 pos;
	u8 want;

	for (pos = 0; pos < 4096; pos++) {
		want = 0xff;
		if (edited && pos == 257)
			want = 0xfe;
		if (edited && pos >= 272 && pos < 280)
			want = 0;
		if (*at(g, prp1, prp2, pos) != want)
			break;
	}
	KUNIT_EXPECT_EQ_MSG(g->test, pos, 4096, "byte %u is wrong", pos);
}

/* ------------------------------------------------------------ selection */

struct find_case {
	const char *desc;
	const char *name;
	u32 class;
	const char *found;	/* NULL: no profile; "?": no such profile */
};

static const struct find_case find_cases[] = {
	{ "nvme_by_class", "", NVME_CLASS, "nvme" },
	{ "nvme_null_name", NULL, NVME_CLASS, "nvme" },
	{ "other_class", "", 0x020000, NULL },
	{ "nvme_other_interface", "", 0x010803, NULL },
	{ "by_name", "nvme", 0x020000, "nvme" },
	{ "none", "none", NVME_CLASS, NULL },
	{ "unknown", "nvm", NVME_CLASS, "?" },
};

static void find_desc(const struct find_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(find, find_cases, find_desc);

static void find(struct kunit *test)
{
	const struct find_case *c = test->param_value;
	const struct riod_profile *p = riod_profile_find(c->name, 0x1b36, 0x10, c->class);

	if (!c->found)
		KUNIT_EXPECT_NULL(test, p);
	else if (*c->found == '?')
		KUNIT_EXPECT_EQ(test, PTR_ERR(p), -ENOENT);
	else
		KUNIT_EXPECT_STREQ(test, p->name, c->found);
}

/* the list for messages has every name, and is truncated if it does not fit */
static void names(struct kunit *test)
{
	char text[48], small[8];
	char *rest = text, *name;
	unsigned int n = 0;

	riod_profile_names(text, sizeof(text));
	KUNIT_EXPECT_LT(test, strlen(text), sizeof(text) - 1);
	riod_profile_names(small, sizeof(small));
	KUNIT_EXPECT_EQ(test, strncmp(small, text, sizeof(small) - 1), 0);
	while ((name = strsep(&rest, ","))) {
		KUNIT_EXPECT_FALSE(test, IS_ERR_OR_NULL(riod_profile_find(strim(name), 0, 0, 0)));
		n++;
	}
	KUNIT_EXPECT_GT(test, n, 2);
}

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

/* Create or Delete I/O Queue; @pc: physically contiguous */
static void admin_queue(struct guest *g, u8 opcode, u16 qid, u64 prp1, u32 entries, bool pc)
{
	u8 *sqe = entry(g, opcode, 9, prp1, 0);

	put_unaligned_le32((entries - 1) << 16 | qid, sqe + 40);
	put_unaligned_le32(pc, sqe + 44);
	write_reg(g, 0x1000, 4, g->tail);
}

static void answered(struct guest *g, u16 status)
{
	answer(g, 9, status);
	g->p->after_apply(g->state);
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

/* ------------------------------------------------------------ rule 20, names */

#define NAMED_QUEUES	(BIT(0) | BIT(1))	/* ASQ, ACQ */

static unsigned long named(struct guest *g)
{
	unsigned long set = 0;
	unsigned int i;

	for (i = 0; i < MEM_PAGES; i++)
		set |= g->named[i] ? BIT(i) : 0;
	return set;
}

/* a queue is named from its command to its end */
static void queues_are_named(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES);
	/* 300 entries of 16 bytes: two pages */
	admin_queue(g, 0x05, 1, DATA, 300, true);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(2) | BIT(3));
	answered(g, 0);
	/* 65 entries of 64 bytes: two pages; the controller rejects it */
	admin_queue(g, 0x01, 1, DATA2, 65, true);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(2) | BIT(3) | BIT(4) | BIT(5));
	answered(g, 1);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(2) | BIT(3));
	/* a number that is taken: the controller rejects that, too */
	admin_queue(g, 0x05, 1, DATA2, 2, true);
	answered(g, 1);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(2) | BIT(3));
	/* the admin queue cannot be deleted */
	admin_queue(g, 0x04, 0, 0, 1, false);
	answered(g, 0);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(2) | BIT(3));
	/* until the controller has stopped it may access them */
	write_reg(g, 0x14, 4, 0x00460000);
	g->p->bar_read(g->state, 0, 0x1c, 4, 1);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(2) | BIT(3));
	g->p->bar_read(g->state, 0, 0x1c, 4, 0);
	KUNIT_EXPECT_EQ(test, g->nnames, 0);
}

struct name_case {
	const char *desc;
	u8 opcode, flags;
	bool io;
	u64 prp1, prp2, mptr;
	u32 cdw10, cdw11, cdw12;
	unsigned long named;	/* pages, without the queues */
	u32 in, out;		/* bytes that are known to move */
	bool always, compared;
};

#define PAGE_AT(n)	(MEM_BASE + (n) * 4096ull)
#define SGL_TYPE(t)	((u64)(t) << 60)

/* page 6 has a PRP list of pages 2 and 3, and at 1024 an SGL segment of pages 4 and 5 */
static const struct name_case name_cases[] = {
	{ "identify", 0x06, .prp1 = PAGE_AT(2), .prp2 = PAGE_AT(3), .named = BIT(2),
	  .in = 4096 },
	{ "identify_in_two", 0x06, .prp1 = PAGE_AT(2) + 8, .prp2 = PAGE_AT(4),
	  .named = BIT(2) | BIT(4),
	  .in = 4096 },
	{ "log", 0x02, .prp1 = PAGE_AT(2) + 4092, .prp2 = PAGE_AT(5), .cdw10 = 0 << 16,
	  .named = BIT(2),
	  .in = 4, .out = 4, .always = true },
	{ "log_of_two_words", 0x02, .prp1 = PAGE_AT(2) + 4092, .prp2 = PAGE_AT(5),
	  .cdw10 = 1 << 16, .named = BIT(2) | BIT(5),
	  .in = 8, .out = 8, .always = true },
	{ "log_by_list", 0x02, .prp1 = PAGE_AT(4), .prp2 = PAGE_AT(6), .cdw10 = 3071u << 16,
	  .named = BIT(4) | BIT(6) | BIT(2) | BIT(3),
	  .in = 12288, .out = 12288 + 16, .always = true },
	{ "log_is_too_long", 0x02, .prp1 = PAGE_AT(4), .prp2 = PAGE_AT(6), .cdw10 = ~0u,
	  .cdw11 = ~0u },
	{ "abort", 0x08, .prp1 = PAGE_AT(2) },
	{ "vendor", 0xc1, .prp1 = PAGE_AT(4), .prp2 = PAGE_AT(6),
	  .named = BIT(4) | BIT(6) | BIT(2) | BIT(3),
	  .out = 4 * 4096 },
	{ "vendor_reads", 0xc2, .prp1 = PAGE_AT(4), .prp2 = PAGE_AT(6),
	  .named = BIT(4) | BIT(6) | BIT(2) | BIT(3), .compared = true },
	{ "features", 0x0a, .prp1 = PAGE_AT(2), .named = BIT(2), .compared = true },
	{ "vendor_without_data", 0xc0, .prp1 = PAGE_AT(4), .prp2 = PAGE_AT(6) },
	/* blocks of 512 bytes with 8 bytes of metadata */
	{ "read", 0x02, .io = true, .prp1 = PAGE_AT(2), .prp2 = PAGE_AT(4), .cdw12 = 7,
	  .named = BIT(2),
	  .in = 4096 },
	/* the controller removes the protection information */
	{ "read_pract", 0x02, .io = true, .prp1 = PAGE_AT(2), .cdw12 = 7 | 1 << 29,
	  .named = BIT(2), .compared = true },
	{ "write_in_two", 0x01, .io = true, .prp1 = PAGE_AT(2), .prp2 = PAGE_AT(4), .cdw12 = 8,
	  .named = BIT(2) | BIT(4),
	  .out = 4608 },
	{ "read_by_list", 0x02, .io = true, .prp1 = PAGE_AT(5) + 4088, .prp2 = PAGE_AT(6),
	  .cdw12 = 15, .named = BIT(5) | BIT(6) | BIT(2) | BIT(3),
	  .in = 8192, .out = 16 },
	{ "list_begins_anywhere", 0x02, .io = true, .prp1 = PAGE_AT(5), .prp2 = PAGE_AT(6) + 8,
	  .cdw12 = 8 + 8, .named = BIT(5) | BIT(6) | BIT(3),
	  .in = 8704, .out = 16 },
	{ "metadata", 0x02, .io = true, .prp1 = PAGE_AT(2), .mptr = PAGE_AT(4) + 4088,
	  .cdw12 = 1, .named = BIT(2) | BIT(4) | BIT(5),
	  .in = 1024 + 16 },
	{ "flush", 0x00, .io = true, .prp1 = PAGE_AT(2), .mptr = PAGE_AT(3) },
	{ "deallocate", 0x09, .io = true, .prp1 = PAGE_AT(2) + 4080, .prp2 = PAGE_AT(5),
	  .cdw10 = 1, .named = BIT(2) | BIT(5),
	  .out = 32 },
	{ "sgl", 0x02, .flags = 0x40, .io = true, .prp1 = PAGE_AT(2) + 4095,
	  .prp2 = 2, .named = BIT(2) | BIT(3),
	  .in = 2, .out = 2, .always = true },
	{ "sgl_segment", 0x02, .flags = 0x40, .io = true, .prp1 = PAGE_AT(6) + 1024,
	  .prp2 = 32 | SGL_TYPE(3), .named = BIT(6) | BIT(4) | BIT(5),
	  .in = 100, .out = 132, .always = true },
	{ "sgl_bucket", 0x02, .flags = 0x40, .io = true, .prp1 = PAGE_AT(2),
	  .prp2 = 512 | SGL_TYPE(1) },
	{ "sgl_loop", 0x02, .flags = 0x40, .io = true, .prp1 = PAGE_AT(6) + 2048,
	  .prp2 = 16 | SGL_TYPE(2) },
	{ "prp_loop", 0x02, .io = true, .prp1 = PAGE_AT(2), .prp2 = PAGE_AT(6) + 4088,
	  .cdw12 = 0xffff },
	{ "wraps", 0x02, .flags = 0x40, .io = true, .prp1 = ~0ull, .prp2 = 512 },
};

static void name_desc(const struct name_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(name, name_cases, name_desc);

/* an I/O queue of two entries whose memory is outside of the guest's, but for the first page */
static void make_io_queue(struct guest *g)
{
	/* the format of namespace 1 */
	u8 *ns = g->mem + DATA - MEM_BASE, *sqe = entry(g, 0x06, 9, DATA, 0);

	put_unaligned_le32(1, sqe + 4);
	write_reg(g, 0x1000, 4, g->tail);
	memset(ns, 0, 4096);
	put_unaligned_le32(9 << 16 | 8, ns + 128);
	answered(g, 0);
	admin_queue(g, 0x01, 1, PAGE_AT(7), 8, true);
	answered(g, 0);
}

static void commands_are_named(struct kunit *test)
{
	const struct name_case *c = test->param_value;
	struct guest *g = test->priv;
	u8 *list = g->mem + PAGE_AT(6) - MEM_BASE, *sqe;
	unsigned int before;

	make_io_queue(g);
	memset(g->mem + DATA - MEM_BASE, 0, 4 * 4096);
	put_unaligned_le64(PAGE_AT(2), list);
	put_unaligned_le64(PAGE_AT(3), list + 8);
	put_unaligned_le64(PAGE_AT(4) + 100, list + 1024);
	put_unaligned_le64(50, list + 1024 + 8);
	put_unaligned_le64(PAGE_AT(5) + 100, list + 1024 + 16);
	put_unaligned_le64(50, list + 1024 + 24);
	/* segments and lists that name themselves */
	put_unaligned_le64(PAGE_AT(6) + 2048, list + 2048);
	put_unaligned_le64(16 | SGL_TYPE(2), list + 2048 + 8);
	put_unaligned_le64(PAGE_AT(6) + 4088, list + 4088);
	before = g->nnames;
	KUNIT_ASSERT_EQ(test, named(g), NAMED_QUEUES | BIT(7));

	sqe = c->io ? g->mem + PAGE_AT(7) - MEM_BASE : entry(g, c->opcode, 77, 0, 0);
	sqe[0] = c->opcode;
	sqe[1] = c->flags;
	put_unaligned_le16(77, sqe + 2);
	put_unaligned_le32(1, sqe + 4);
	put_unaligned_le64(c->mptr, sqe + 16);
	put_unaligned_le64(c->prp1, sqe + 24);
	put_unaligned_le64(c->prp2, sqe + 32);
	put_unaligned_le32(c->cdw10, sqe + 40);
	put_unaligned_le32(c->cdw11, sqe + 44);
	put_unaligned_le32(c->cdw12, sqe + 48);
	write_reg(g, c->io ? 0x1008 : 0x1000, 4, c->io ? 1 : g->tail);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(7) | c->named);
	KUNIT_EXPECT_EQ(test, g->nkicks, 0);
	KUNIT_EXPECT_EQ(test, g->key, (c->io << 16) | 77);
	KUNIT_EXPECT_EQ(test, g->in, c->in);
	KUNIT_EXPECT_EQ(test, g->out, c->out);
	if (c->in)
		KUNIT_EXPECT_EQ(test, g->always, c->always);
	if (c->named)
		KUNIT_EXPECT_EQ(test, g->use,
				c->compared ? RIOD_USE_COMPARED : RIOD_USE_EXACT);
	/* its completion ends them; of an I/O queue in the only completion queue there is */
	put_unaligned_le32(c->io << 16, g->mem + ACQ - MEM_BASE + g->cq * 16 + 8);
	answer(g, 77, 0);
	g->p->after_apply(g->state);
	KUNIT_EXPECT_EQ(test, g->nnames, before);
}

/* memory that cannot be named: the doorbell waits until completions have made room */
static void doorbells_wait(struct kunit *test)
{
	struct guest *g = test->priv;

	submit(g, 0x06, 1, DATA, 0, 1);
	g->names_max = g->nnames;
	put_unaligned_le32(1, entry(g, 0x06, 2, DATA2, 0) + 40);
	put_unaligned_le32(1, entry(g, 0x06, 3, SHADOW, 0) + 40);
	KUNIT_EXPECT_TRUE(test, g->p->bar_write(g->state, 0, 0x1000, 4, g->tail));
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(2));
	/* it waits on */
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, g->nkicks, 0);
	answer(g, 1, 0);
	g->p->after_apply(g->state);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(4));
	KUNIT_ASSERT_EQ(test, g->nkicks, 1);
	KUNIT_EXPECT_EQ(test, g->kicks[0].offset, 0x1000);
	KUNIT_EXPECT_EQ(test, g->kicks[0].value, 2);
	/* the kick fails: later */
	g->kick_ret = -ENOMEM;
	answer(g, 2, 0);
	g->p->after_apply(g->state);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(6));
	g->kick_ret = 0;
	g->p->after_cut(g->state);
	KUNIT_ASSERT_EQ(test, g->nkicks, 2);
	KUNIT_EXPECT_EQ(test, g->kicks[1].value, 3);
	/* from here on doorbells are sent as the guest rings them */
	answer(g, 3, 0);
	g->p->completed(g->state);
	submit(g, 0x06, 4, DATA, 0, 1);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(2));
	KUNIT_EXPECT_EQ(test, g->nkicks, 2);
}

/* more than the server host shadows at all: left to the device, which then fails it */
static void command_never_fits(struct kunit *test)
{
	struct guest *g = test->priv;

	g->names_max = g->nnames;
	submit(g, 0x06, 1, DATA, 0, 1);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES);
	KUNIT_EXPECT_EQ(test, g->nkicks, 0);
}

/* the controller is enabled once its queues can be named */
static void enable_waits(struct kunit *test)
{
	struct guest *g = test->priv;

	write_reg(g, 0x14, 4, 0x00460000);
	g->p->bar_read(g->state, 0, 0x1c, 4, 0);
	KUNIT_EXPECT_EQ(test, g->nnames, 0);
	/* one queue can be named, the other one not yet */
	g->names_max = 1;
	g->name_err = -ENOMEM;
	KUNIT_EXPECT_TRUE(test, g->p->bar_write(g->state, 0, 0x14, 4, 0x00460001));
	KUNIT_EXPECT_EQ(test, g->nnames, 0);
	g->p->bar_read(g->state, 0, 0x1c, 4, 0);
	KUNIT_EXPECT_EQ(test, g->nkicks, 0);
	/* the guest asks for CSTS.RDY again and again */
	g->names_max = UINT_MAX;
	g->p->bar_read(g->state, 0, 0x1c, 4, 0);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES);
	KUNIT_ASSERT_EQ(test, g->nkicks, 1);
	KUNIT_EXPECT_EQ(test, g->kicks[0].offset, 0x14);
	KUNIT_EXPECT_EQ(test, g->kicks[0].value, 0x00460001);
}

/* a guest writes an admin completion into the queue that the command deletes */
static void forged_completion(struct kunit *test)
{
	struct guest *g = test->priv;
	u8 *cqe = g->mem + DATA - MEM_BASE;

	admin_queue(g, 0x05, 1, DATA, 8, true);
	answered(g, 0);
	admin_queue(g, 0x04, 1, 0, 1, false);
	put_unaligned_le32(9 | 1 << 16, cqe + 12);
	g->p->after_apply(g->state);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(2));
	answered(g, 0);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES);
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

static struct kunit_case profile_cases[] = {
	KUNIT_CASE_PARAM(find, find_gen_params),
	KUNIT_CASE(names),
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
	KUNIT_CASE(queues_are_named),
	KUNIT_CASE_PARAM(commands_are_named, name_gen_params),
	KUNIT_CASE(doorbells_wait),
	KUNIT_CASE(command_never_fits),
	KUNIT_CASE(enable_waits),
	KUNIT_CASE(forged_completion),
	KUNIT_CASE(shadow_doorbells),
	KUNIT_CASE(shadow_stride_and_bound),
	{}
};

static struct kunit_suite profile_suite = {
	.name = "riod_profile",
	.init = guest_init,
	.exit = guest_exit,
	.test_cases = profile_cases,
};

kunit_test_suite(profile_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of the device profiles");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

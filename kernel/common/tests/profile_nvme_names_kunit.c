// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NVMe profile against a simulated guest: the memory that it names (rule 20), and what it
 * says of the bytes that move (rule 21).
 */
#include "nvme_guest.h"

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
	  .named = BIT(4) | BIT(6) | BIT(2) | BIT(3), .compared = true },
	{ "set_features", 0x09, .prp1 = PAGE_AT(2), .named = BIT(2), .compared = true },
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
	/* what is taken for a list has data in it */
	{ "read_no_list", 0x02, .io = true, .prp1 = PAGE_AT(5), .prp2 = PAGE_AT(6) + 64,
	  .cdw12 = 8 + 8, .named = BIT(5) | BIT(6) | BIT(4), .compared = true },
	{ "write_no_list", 0x01, .io = true, .prp1 = PAGE_AT(5), .prp2 = PAGE_AT(6) + 64,
	  .cdw12 = 8 + 8, .named = BIT(5) | BIT(6) | BIT(4), .compared = true },
	{ "copy", 0x19, .io = true, .prp1 = PAGE_AT(2) + 4032, .prp2 = PAGE_AT(4), .cdw12 = 2,
	  .named = BIT(2) | BIT(4), .out = 96 },
	{ "copy_40", 0x19, .io = true, .prp1 = PAGE_AT(2), .cdw12 = 2 | 1 << 8,
	  .named = BIT(2), .out = 120 },
	{ "copy_new", 0x19, .io = true, .prp1 = PAGE_AT(2), .cdw12 = 2 | 4 << 8,
	  .named = BIT(2), .compared = true },
	{ "release", 0x15, .io = true, .prp1 = PAGE_AT(2), .named = BIT(2), .out = 8 },
	{ "write_in_two", 0x01, .io = true, .prp1 = PAGE_AT(2), .prp2 = PAGE_AT(4), .cdw12 = 8,
	  .named = BIT(2) | BIT(4),
	  .out = 4608 },
	{ "read_by_list", 0x02, .io = true, .prp1 = PAGE_AT(5) + 4088, .prp2 = PAGE_AT(6),
	  .cdw12 = 15, .named = BIT(5) | BIT(6) | BIT(2) | BIT(3),
	  .in = 8192, .out = 16 },
	{ "list_begins_anywhere", 0x02, .io = true, .prp1 = PAGE_AT(5), .prp2 = PAGE_AT(6) + 8,
	  .cdw12 = 8 + 8, .named = BIT(5) | BIT(6) | BIT(3) | BIT(4),
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
	put_unaligned_le64(PAGE_AT(4), list + 16);
	/* not a list: an address within a page */
	put_unaligned_le64(PAGE_AT(4) + 100, list + 64);
	put_unaligned_le64(PAGE_AT(4) + 200, list + 72);
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

	/* an asynchronous event request is under way all the time */
	submit(g, 0x0c, 9, 0, 0, 0);
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

/* a boot partition would be read into memory that nobody names */
static void boot_partitions_are_hidden(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_EQ(test, g->p->bar_read(g->state, 0, 4, 4, ~0u), 0xfcffdfff);
	KUNIT_EXPECT_EQ(test, g->p->bar_read(g->state, 0, 0x40, 4, ~0u), 0);
	KUNIT_EXPECT_TRUE(test, g->p->bar_write(g->state, 0, 0x44, 4, 1));
	KUNIT_EXPECT_EQ(test, g->p->bar_read(g->state, 0, 0x50, 4, ~0u), 0);
}

/* what the device writes for a command that never completes is not waited for */
static void requests_are_forgotten(struct kunit *test)
{
	struct guest *g = test->priv;
	u8 *sqe;

	make_io_queue(g);
	sqe = g->mem + PAGE_AT(7) - MEM_BASE;
	sqe[0] = 0x02;
	put_unaligned_le16(5, sqe + 2);
	put_unaligned_le32(1, sqe + 4);
	put_unaligned_le64(DATA2, sqe + 24);
	write_reg(g, 0x1008, 4, 1);
	KUNIT_EXPECT_EQ(test, g->key, 0x10005);
	KUNIT_EXPECT_EQ(test, g->in, 512);
	/* pages have new numbers */
	g->in = 0;
	g->request_ret = -ENOMEM;
	g->p->mapped(g->state);
	KUNIT_EXPECT_EQ(test, g->in, 0);
	g->request_ret = 0;
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, g->in, 512);
	/* one that was told again completes: perhaps the stub was told behind that */
	put_unaligned_le32(1 << 16, g->mem + ACQ - MEM_BASE + g->cq * 16 + 8);
	answer(g, 5, 0);
	g->p->completed(g->state);
	KUNIT_EXPECT_EQ(test, g->forgot_first, 0x10005);
	KUNIT_EXPECT_EQ(test, g->forgot_last, 0x10005);
	put_unaligned_le32(0, g->mem + ACQ - MEM_BASE + g->cq * 16 + 8);
	write_reg(g, 0x1008, 4, 2);
	/* its queue goes */
	admin_queue(g, 0x00, 1, 0, 1, false);
	answered(g, 0);
	KUNIT_EXPECT_EQ(test, g->forgot_first, 0x10000);
	KUNIT_EXPECT_EQ(test, g->forgot_last, 0x1ffff);
}

/* without memory to say what moves, the doorbell waits */
static void request_waits(struct kunit *test)
{
	struct guest *g = test->priv;

	g->request_ret = -ENOMEM;
	put_unaligned_le32(1, entry(g, 0x06, 1, DATA, 0) + 40);
	KUNIT_EXPECT_TRUE(test, g->p->bar_write(g->state, 0, 0x1000, 4, g->tail));
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES);
	KUNIT_EXPECT_EQ(test, g->nkicks, 0);
	g->request_ret = 0;
	g->p->after_cut(g->state);
	KUNIT_EXPECT_EQ(test, named(g), NAMED_QUEUES | BIT(2));
	KUNIT_EXPECT_EQ(test, g->nkicks, 1);
	KUNIT_EXPECT_EQ(test, g->in, 4096);
}

static struct kunit_case names_cases[] = {
	KUNIT_CASE(queues_are_named),
	KUNIT_CASE_PARAM(commands_are_named, name_gen_params),
	KUNIT_CASE(doorbells_wait),
	KUNIT_CASE(command_never_fits),
	KUNIT_CASE(enable_waits),
	KUNIT_CASE(forged_completion),
	KUNIT_CASE(boot_partitions_are_hidden),
	KUNIT_CASE(requests_are_forgotten),
	KUNIT_CASE(request_waits),
	{}
};

static struct kunit_suite names_suite = {
	.name = "riod_profile_nvme_names",
	.init = guest_init_names,
	.exit = guest_exit,
	.test_cases = names_cases,
};

kunit_test_suite(names_suite);

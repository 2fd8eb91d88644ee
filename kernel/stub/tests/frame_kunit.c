// SPDX-License-Identifier: GPL-2.0-only
/*
 * frame_kunit.c - effects of a peer's frames on a function; reg_kunit.c tests register
 * accesses
 */
#include <kunit/test.h>
#include <linux/pci.h>

#include "bench.h"

/* ------------------------------------------------------------ types */

/* a minimal legal frame of each type */
static struct riod_frame *example(struct kunit *test, u8 type, u8 func)
{
	struct riod_frame *f = frame(test, type, func, sizeof(struct riod_wire_map));
	__le32 *tag = (void *)f->body;

	switch (type) {
	case RIOD_FRAME_REG:
		*(struct riod_wire_reg *)f->body = (struct riod_wire_reg){
			.tag = cpu_to_le32(1), .width = 4, .region = RIOD_REGION_CONFIG,
			.offset = cpu_to_le64(VNDR + 4),
		};
		break;
	case RIOD_FRAME_CTL:
		*(struct riod_wire_ctl *)f->body = (struct riod_wire_ctl){
			.tag = cpu_to_le32(1), .op = cpu_to_le16(RIOD_CTL_POWER),
		};
		break;
	case RIOD_FRAME_MAP:
		*(struct riod_wire_map *)f->body = (struct riod_wire_map){
			.iova = cpu_to_le64(0x10000), .npages = cpu_to_le32(1),
			.prot = cpu_to_le32(RIOD_PROT_READ),
		};
		break;
	case RIOD_FRAME_UNMAP:
		f->len = sizeof(struct riod_wire_unmap);
		*(struct riod_wire_unmap *)f->body = (struct riod_wire_unmap){
			.iova = cpu_to_le64(0x10000), .npages = cpu_to_le32(1),
		};
		break;
	case RIOD_FRAME_EXPECT:
		f->len = sizeof(struct riod_wire_expect);
		*(struct riod_wire_expect *)f->body = (struct riod_wire_expect){
			.flags = RIOD_EXPECT_FORGET,
		};
		break;
	case RIOD_FRAME_BAR_MAP:
		*(struct riod_wire_bar_map *)f->body = (struct riod_wire_bar_map){
			.tag = cpu_to_le32(1), .bar = 1, .npages = cpu_to_le16(1),
			.page = cpu_to_le64(1),
		};
		break;
	default:
		*tag = cpu_to_le32(1);
	}
	return f;
}

static void types(struct kunit *test)
{
	struct bench *b = test->priv;
	unsigned int type;
	bool want;

	for (type = 0; type <= U8_MAX; type++) {
		want = type == RIOD_FRAME_REG || type == RIOD_FRAME_CTL ||
		       type == RIOD_FRAME_IRQ_SETUP || type == RIOD_FRAME_MAP ||
		       type == RIOD_FRAME_UNMAP || type == RIOD_FRAME_BAR_MAP ||
		       type == RIOD_FRAME_EXPECT;
		KUNIT_EXPECT_EQ_MSG(test, riod_stub_frame(&b->a->att, example(test, type, 0)),
				    want ? 0 : -EPROTO, "type %u", type);
	}
	KUNIT_EXPECT_EQ(test, b->nreplies, 4);
	KUNIT_EXPECT_EQ(test, atomic64_read(&b->a->exp.stats.maps), 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&b->a->exp.stats.unmaps), 1);
}

/* before READY a peer must not send anything; frames are refused and have no effect */
static void before_ready(struct kunit *test)
{
	struct bench *b = test->priv;
	unsigned int type;

	clear_bit(RIOD_STUB_ATT_READY, &b->a->att.flags);
	for (type = 0; type < 256; type++)
		KUNIT_EXPECT_EQ_MSG(test, riod_stub_frame(&b->a->att, example(test, type, 0)),
				    -EPROTO, "type %u", type);
	KUNIT_EXPECT_EQ(test, b->nreplies, 0);
	KUNIT_EXPECT_EQ(test, b->a->att.dma.nmapped, 0);
}

/* there are two functions; frames for others are refused, whatever their type */
static void functions(struct kunit *test)
{
	static const u8 about[] = { RIOD_FRAME_REG, RIOD_FRAME_CTL, RIOD_FRAME_IRQ_SETUP,
				    RIOD_FRAME_BAR_MAP };
	struct bench *b = test->priv;
	unsigned int i, func, replies = 0;

	for (i = 0; i < ARRAY_SIZE(about); i++) {
		for (func = 0; func < 2; func++) {
			KUNIT_EXPECT_EQ(test, riod_stub_frame(&b->a->att,
							      example(test, about[i], func)), 0);
			KUNIT_EXPECT_EQ(test, b->nreplies, ++replies);
			KUNIT_EXPECT_EQ(test, b->reply_func, func);
		}
	}
	for (func = 2; func <= U8_MAX; func++) {
		for (i = 0; i <= RIOD_FRAME_CUT_COMMIT; i++)
			KUNIT_EXPECT_EQ(test, riod_stub_frame(&b->a->att,
							      example(test, i, func)), -EPROTO);
	}
	KUNIT_EXPECT_EQ(test, b->nreplies, replies);
	KUNIT_EXPECT_EQ(test, atomic64_read(&b->a->exp.stats.maps), 0);
}

/* exceeding the limit of requests is an error of the peer; a lost session is not */
static void replies(struct kunit *test)
{
	struct bench *b = test->priv;

	b->reply_ret = -EPROTO;
	KUNIT_EXPECT_EQ(test, give(test, example(test, RIOD_FRAME_REG, 0)), -EPROTO);
	b->reply_ret = -ENOTCONN;
	KUNIT_EXPECT_EQ(test, give(test, example(test, RIOD_FRAME_REG, 0)), 0);
}

/* ------------------------------------------------------------ operations */

static enum riod_status ctl(struct kunit *test, enum riod_ctl_op op, u32 arg)
{
	struct riod_frame *f = frame(test, RIOD_FRAME_CTL, 0, sizeof(struct riod_wire_ctl));
	struct bench *b = test->priv;
	unsigned int before = b->nreplies;

	*(struct riod_wire_ctl *)f->body = (struct riod_wire_ctl){
		.tag = cpu_to_le32(3), .op = cpu_to_le16(op), .arg = cpu_to_le32(arg),
	};
	KUNIT_ASSERT_EQ(test, give(test, f), 0);
	KUNIT_ASSERT_EQ(test, b->nreplies, before + 1);
	return status_of(b);
}

static void ctl_legal(struct kunit *test)
{
	struct bench *b = test->priv;
	struct riod_stub_func *fn = &b->fn[0];

	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_COMMAND, PCI_COMMAND_MASTER | MEMORY), OK);
	KUNIT_EXPECT_EQ(test, fn->command, PCI_COMMAND_MASTER | MEMORY);
	KUNIT_EXPECT_TRUE(test, b->master);
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_COMMAND, PCI_COMMAND_INTX_DISABLE), OK);
	KUNIT_EXPECT_FALSE(test, b->master);
	KUNIT_EXPECT_TRUE(test, fn->irq.disabled);

	/* in D3hot the bit is only stored */
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_POWER, 3), OK);
	KUNIT_EXPECT_EQ(test, fn->power, 3);
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_COMMAND, PCI_COMMAND_MASTER), OK);
	KUNIT_EXPECT_EQ(test, fn->command, PCI_COMMAND_MASTER);
	KUNIT_EXPECT_FALSE(test, b->master);

	b->master = true;
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_RESET, 9), OK);
	KUNIT_EXPECT_EQ(test, b->nresets, 1);
	KUNIT_EXPECT_EQ(test, fn->command, 0);
	KUNIT_EXPECT_EQ(test, fn->power, 0);
	KUNIT_EXPECT_EQ(test, fn->irq.epoch, 9);
	KUNIT_EXPECT_FALSE(test, b->master);
	KUNIT_EXPECT_EQ(test, b->nrefences, 2);
}

/* bits that are off on this host stay off; MRRS is not set below the payload size */
static void ctl_devctl_bits(struct kunit *test)
{
	static const struct { u16 host, ask, has; int readrq; } cases[] = {
		{ 0x0000, 0x0110, 0x0000, 256 },
		{ 0x0110, 0x2110, 0x0110, 512 },
		{ 0x0110, 0x5000, 0x0000, 4096 },
		{ 0x0110, 0x1010, 0x0010, 256 },
		{ 0x0110, 0x7100, 0x0100, 4096 },
	};
	struct bench *b = test->priv;
	unsigned int i;

	/* a conventional function has no Device Control register */
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_DEVCTL, 0x0010), FAILED);
	b->pdev.pcie_cap = 0x40;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		b->fn[0].devctl = cases[i].host;
		b->devctl = cases[i].host | 0x000f;
		KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_DEVCTL, cases[i].ask), OK);
		KUNIT_EXPECT_EQ_MSG(test, b->devctl, cases[i].has | 0x000f, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, b->readrq, cases[i].readrq, "case %u", i);
	}
	b->fn[0].fenced = true;
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_DEVCTL, 0), FAILED);
	KUNIT_EXPECT_EQ(test, b->readrq, 4096);
}

/* the image, then all-ones up to the end of the window */
static void ctl_rom_read(struct kunit *test)
{
	struct bench *b = test->priv;

	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_ROM_READ, 0), OK);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(b->reply.value), ROM_SIZE);
	KUNIT_EXPECT_MEMEQ(test, b->piece, b->rom, ROM_SIZE);
	KUNIT_EXPECT_NULL(test, memchr_inv(b->piece + ROM_SIZE, 0xff, RIOD_ROM_PIECE - ROM_SIZE));
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_ROM_READ, SZ_16M - RIOD_ROM_PIECE), OK);
	KUNIT_EXPECT_NULL(test, memchr_inv(b->piece, 0xff, RIOD_ROM_PIECE));

	b->fn[0].fenced = true;
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_ROM_READ, 0), DENIED);
	b->fn[0].fenced = false;
	b->fn[0].rom = NULL;
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_ROM_READ, 0), DENIED);
	KUNIT_EXPECT_EQ(test, atomic64_read(&b->a->exp.stats.denied), 2);
}

/* a fenced function refuses operations, and the device is not accessed */
static void ctl_fenced(struct kunit *test)
{
	struct bench *b = test->priv;
	struct riod_stub_func *fn = &b->fn[0];

	fn->fenced = true;
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_COMMAND, PCI_COMMAND_MASTER), FAILED);
	KUNIT_EXPECT_FALSE(test, b->master);
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_POWER, 3), FAILED);
	KUNIT_EXPECT_EQ(test, fn->power, 0);
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_RESET, 1), FAILED);
	KUNIT_EXPECT_EQ(test, b->nresets, 0);
	KUNIT_EXPECT_EQ(test, b->nrefences, 2);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(b->reply.value), ~0ull);
}

/* operations that the wire format does not define */
static void ctl_unknown(struct kunit *test)
{
	struct riod_wire_ctl c = { .tag = cpu_to_le32(1) };
	struct bench *b = test->priv;

	KUNIT_EXPECT_EQ(test, riod_stub_ctl(&b->a->att.dma, &b->fn[0], &c), -EPROTO);
	c.op = cpu_to_le16(RIOD_CTL_ROM_READ + 1);
	KUNIT_EXPECT_EQ(test, riod_stub_ctl(&b->a->att.dma, &b->fn[0], &c), -EPROTO);
	KUNIT_EXPECT_EQ(test, b->nreplies, 0);
}

/* ------------------------------------------------------------ interrupts */

struct setup_case {
	const char *name;
	u8 func;
	u8 index;
	u16 count;
	u8 bits;
	enum riod_status status;
	u16 nvecs;
	u8 vecs;
	bool line;
	bool fenced;
	bool dyn;
};

static const struct setup_case setup_cases[] = {
	{ "off", 0, RIOD_IRQ_MSI, 0, 0, OK },
	{ "line", 0, RIOD_IRQ_INTX, 1, 1, OK, .line = true },
	{ "MSI", 0, RIOD_IRQ_MSI, 4, 0xf, OK, 4, 0xf },
	{ "MSI, some", 0, RIOD_IRQ_MSI, 3, 0x5, OK, 3, 0x5 },
	{ "MSI, too many", 0, RIOD_IRQ_MSI, 5, 0x1f, INVALID },
	{ "MSI, most", 0, RIOD_IRQ_MSI, 32, 0, INVALID },
	/* vectors up to the last requested one, or only the requested ones */
	{ "MSI-X, one", 0, RIOD_IRQ_MSIX, 1, 0x1, OK, 1, 0x1 },
	{ "MSI-X, all", 0, RIOD_IRQ_MSIX, 4, 0xf, OK, 4, 0xf },
	{ "MSI-X, some", 0, RIOD_IRQ_MSIX, 4, 0x5, OK, 3, 0x5 },
	{ "MSI-X, none", 0, RIOD_IRQ_MSIX, 4, 0x0, OK, 1, 0x0 },
	{ "MSI-X, some, one by one", 0, RIOD_IRQ_MSIX, 4, 0xc, OK, 3, 0xc, .dyn = true },
	{ "MSI-X, none, one by one", 0, RIOD_IRQ_MSIX, 4, 0x0, OK, 1, 0x0, .dyn = true },
	{ "MSI-X, all, one by one", 0, RIOD_IRQ_MSIX, 4, 0xf, OK, 4, 0xf, .dyn = true },
	{ "MSI-X, too many", 0, RIOD_IRQ_MSIX, 5, 0x1f, INVALID },
	{ "MSI-X, most", 0, RIOD_IRQ_MSIX, RIOD_VECTORS_MAX, 0, INVALID },
	{ "fenced", 0, RIOD_IRQ_MSIX, 1, 0x1, FAILED, .fenced = true },
	{ "no line", 1, RIOD_IRQ_INTX, 1, 1, INVALID },
	{ "no MSI", 1, RIOD_IRQ_MSI, 1, 1, INVALID },
	{ "no MSI-X", 1, RIOD_IRQ_MSIX, 1, 1, INVALID },
};

static void setup_desc(const struct setup_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(setup, setup_cases, setup_desc);

static struct riod_frame *setup(struct kunit *test, u8 func, u8 index, u16 count, u8 bits)
{
	struct riod_wire_irq_setup *s;
	struct riod_frame *f;

	f = frame(test, RIOD_FRAME_IRQ_SETUP, func,
		  struct_size(s, bitmap, DIV_ROUND_UP(count, 8)));
	s = (void *)f->body;
	s->tag = cpu_to_le32(5);
	s->index = index;
	s->count = cpu_to_le16(count);
	if (count)
		s->bitmap[0] = bits;
	return f;
}

static void setups(struct kunit *test)
{
	const struct setup_case *c = test->param_value;
	struct bench *b = test->priv;
	unsigned int before;

	b->dyn = c->dyn;
	/* from no interrupts, and from interrupts of another index */
	for (before = 0; before < 2; before++) {
		b->fn[0].fenced = false;
		KUNIT_EXPECT_EQ(test, give(test, setup(test, c->func, RIOD_IRQ_MSI, 0, 0)), 0);
		if (before && !c->func) {
			KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, RIOD_IRQ_MSI, 2, 3)), 0);
			KUNIT_EXPECT_EQ(test, b->vecs, 3);
		}
		b->fn[0].fenced = c->fenced;
		KUNIT_EXPECT_EQ(test, give(test, setup(test, c->func, c->index, c->count,
						       c->bits)), 0);
		KUNIT_EXPECT_EQ(test, status_of(b), c->status);
		KUNIT_EXPECT_EQ(test, b->nvecs, c->nvecs);
		KUNIT_EXPECT_EQ(test, b->vecs, c->vecs);
		KUNIT_EXPECT_EQ(test, !!b->line, c->line);
		KUNIT_EXPECT_EQ(test, b->fn[c->func].irq.on, c->nvecs || c->line);
	}
}

/* adding vectors, or failing to, keeps existing vectors and loses no interrupt */
static void setup_grows(struct kunit *test)
{
	struct bench *b = test->priv;
	struct riod_stub_irq *irq = &b->fn[0].irq;
	unsigned int dyn;

	for (dyn = 0; dyn < 2; dyn++) {
		b->dyn = dyn;
		b->room = VECTORS;
		KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, RIOD_IRQ_MSIX, 1, 0x1)), 0);
		KUNIT_EXPECT_EQ(test, b->nvecs, 1);
		KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, RIOD_IRQ_MSIX, 3, 0x7)), 0);
		KUNIT_EXPECT_EQ(test, status_of(b), OK);
		KUNIT_EXPECT_EQ(test, b->vecs, 0x7);
		KUNIT_EXPECT_EQ(test, b->nvecs, 3);
		/* a vector that may have fired unseen is reported as pending */
		KUNIT_EXPECT_EQ(test, irq->pending[0], dyn ? 0 : 0x1);

		b->room = 3;
		KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, RIOD_IRQ_MSIX, 4, 0xf)), 0);
		KUNIT_EXPECT_EQ(test, status_of(b), FAILED);
		KUNIT_EXPECT_EQ(test, b->vecs, 0x7);
		KUNIT_EXPECT_EQ(test, b->nvecs, 3);
		KUNIT_EXPECT_TRUE(test, irq->on);

		/* a removed vector makes room only if vectors are allocated one by one */
		KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, RIOD_IRQ_MSIX, 4, 0xd)), 0);
		KUNIT_EXPECT_EQ(test, status_of(b), dyn ? OK : FAILED);
		KUNIT_EXPECT_EQ(test, b->vecs, dyn ? 0xd : 0x5);
		KUNIT_EXPECT_TRUE(test, irq->on);
		KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, RIOD_IRQ_MSIX, 0, 0)), 0);
		KUNIT_EXPECT_EQ(test, b->nvecs, 0);

		/* no vector can be allocated */
		b->room = 0;
		KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, RIOD_IRQ_MSIX, 1, 0x1)), 0);
		KUNIT_EXPECT_EQ(test, status_of(b), FAILED);
		KUNIT_EXPECT_FALSE(test, irq->on);
	}
}

/* the MSI-X table is accessed in D0 only, and the power state is restored */
static void setup_in_d3(struct kunit *test)
{
	static const u8 index[] = { RIOD_IRQ_INTX, RIOD_IRQ_MSI, RIOD_IRQ_MSIX };
	struct bench *b = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_COMMAND, PCI_COMMAND_MASTER | MEMORY), OK);
	for (i = 0; i < ARRAY_SIZE(index); i++) {
		KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_POWER, 3), OK);
		b->mastered = 0;
		KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, index[i], 1, 1)), 0);
		KUNIT_EXPECT_EQ(test, status_of(b), OK);
		KUNIT_EXPECT_EQ(test, b->fn[0].power, 3);
		/* bus master stays clear meanwhile, as for the peer the function is in D3hot */
		KUNIT_EXPECT_EQ(test, b->mastered, 0);
		KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, index[i], 0, 0)), 0);
		KUNIT_EXPECT_EQ(test, b->fn[0].power, 3);
		KUNIT_EXPECT_FALSE(test, b->fn[0].irq.on);
	}
	KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, RIOD_IRQ_MSIX, 1, 1)), 0);
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_RESET, 1), OK);
	KUNIT_EXPECT_FALSE(test, b->fn[0].irq.on);
	KUNIT_EXPECT_EQ(test, b->fn[0].power, 0);
	KUNIT_EXPECT_EQ(test, b->asleep, 0);
}

/* masking and unmasking the line in D3hot takes effect on return to D0 */
static void line_in_d3(struct kunit *test)
{
	struct bench *b = test->priv;
	struct riod_stub_func *fn = &b->fn[0];
	unsigned int before, after;

	KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, RIOD_IRQ_INTX, 1, 1)), 0);
	for (before = 0; before < 2; before++) {
		for (after = 0; after < 2; after++) {
			riod_stub_intx_mask(fn, before);
			KUNIT_EXPECT_EQ(test, b->intx_open, !before);
			KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_POWER, 3), OK);
			KUNIT_EXPECT_FALSE(test, b->intx_open);
			riod_stub_intx_mask(fn, after);
			KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_POWER, 0), OK);
			KUNIT_EXPECT_EQ(test, b->intx_open, !after);
			KUNIT_EXPECT_EQ(test, fn->irq.hw_masked, after);
		}
	}
	/* during a transition the device may read as all-ones, which looks like an interrupt */
	fn->resetting = true;
	KUNIT_EXPECT_EQ(test, (int)b->line(0, fn), (int)IRQ_NONE);
	fn->resetting = false;
	riod_stub_intx_mask(fn, false);
	KUNIT_EXPECT_EQ(test, (int)b->line(0, fn), (int)IRQ_HANDLED);
	KUNIT_EXPECT_EQ(test, give(test, setup(test, 0, RIOD_IRQ_INTX, 0, 0)), 0);
}

/* a device that does not return to D0 is not reset, and the request fails */
static void reset_in_d3(struct kunit *test)
{
	struct bench *b = test->priv;

	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_POWER, 3), OK);
	b->power_ret = -EIO;
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_RESET, 1), FAILED);
	KUNIT_EXPECT_EQ(test, b->nresets, 0);
	KUNIT_EXPECT_EQ(test, b->fn[0].power, 3);
	b->power_ret = 0;
	KUNIT_EXPECT_EQ(test, ctl(test, RIOD_CTL_RESET, 2), OK);
	KUNIT_EXPECT_EQ(test, b->nresets, 1);
	KUNIT_EXPECT_EQ(test, b->fn[0].power, 0);
}

/* ------------------------------------------------------------ MAP, UNMAP */

#define MAPS	3

static void map_records(struct kunit *test)
{
	struct riod_frame *f = frame(test, RIOD_FRAME_MAP, 0,
				     MAPS * sizeof(struct riod_wire_map));
	struct riod_wire_map *m = (void *)f->body;
	struct bench *b = test->priv;
	struct riod_frame *g;
	unsigned int i;

	for (i = 0; i < MAPS; i++) {
		m[i].iova = cpu_to_le64(0x10000 * (i + 1));
		m[i].page = cpu_to_le64(i);
		m[i].npages = cpu_to_le32(1);
		m[i].prot = cpu_to_le32(RIOD_PROT_READ);
	}
	/* processing stops at the invalid record */
	m[1].iova = cpu_to_le64(0xfee00000);
	KUNIT_EXPECT_EQ(test, give(test, f), -EPROTO);
	KUNIT_EXPECT_EQ(test, b->a->iommu.nptes, 1);
	m[0].iova = cpu_to_le64(0x40000);
	m[1].iova = cpu_to_le64(0x20000);
	KUNIT_EXPECT_EQ(test, give(test, f), 0);
	KUNIT_EXPECT_EQ(test, b->a->iommu.nptes, 4);

	g = frame(test, RIOD_FRAME_UNMAP, 0, 2 * sizeof(struct riod_wire_unmap));
	((struct riod_wire_unmap *)g->body)[0] = (struct riod_wire_unmap){
		.iova = cpu_to_le64(0x30000), .npages = cpu_to_le32(1),
	};
	((struct riod_wire_unmap *)g->body)[1] = (struct riod_wire_unmap){
		.iova = cpu_to_le64(0x40000), .npages = cpu_to_le32(1),
	};
	KUNIT_EXPECT_EQ(test, give(test, g), 0);
	KUNIT_EXPECT_EQ(test, b->a->iommu.nptes, 2);
	KUNIT_EXPECT_EQ(test, give(test, g), -EPROTO);
}

struct record_case {
	const char *name;
	u64 iova, page;
	u32 npages, prot;
};

/* illegal records, which wire format or stub refuse */
static const struct record_case record_cases[] = {
	{ "no pages", 0x10000, 0, 0, 1 },
	{ "too many pages", 0x10000, 0, RIOD_MAP_PAGES_MAX + 1, 1 },
	{ "most pages of 32 bits", 0x10000, 0, U32_MAX, 1 },
	{ "a byte off", 0x10001, 0, 1, 1 },
	{ "half a page off", 0x10800, 0, 1, 1 },
	{ "wraps to 0", U64_MAX - 0xfff, 0, 2, 1 },
	{ "wraps into the aperture", U64_MAX - 0xfff, 0, 0x20, 1 },
	{ "page numbers wrap", 0x10000, U64_MAX, 2, 1 },
	{ "neither read nor write", 0x10000, 0, 1, 0 },
	{ "more than read and write", 0x10000, 0, 1, 7 },
	{ "behind the aperture", 1ull << 48, 0, 1, 1 },
	{ "the last page", U64_MAX - 0xfff, 0, 1, 1 },
	{ "page 0", 0, 0, 1, 1 },
	{ "the MSI window", 0xfee00000, 0, 1, 3 },
	{ "over the MSI window", 0xfec00000, 0, 0x400, 3 },
};

static void record_desc(const struct record_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(record, record_cases, record_desc);

/* like the session, passes on only frames that the wire format permits */
static int take(struct bench *b, struct riod_frame *f)
{
	return riod_wire_fault(f, false) ? -EPROTO : riod_stub_frame(&b->a->att, f);
}

/* refused by either: nothing is mapped for the device */
static void records(struct kunit *test)
{
	const struct record_case *c = test->param_value;
	struct riod_frame *f = frame(test, RIOD_FRAME_MAP, 0, sizeof(struct riod_wire_map));
	struct riod_wire_map *m = (void *)f->body;
	struct bench *b = test->priv;

	m->iova = cpu_to_le64(c->iova);
	m->page = cpu_to_le64(c->page);
	m->npages = cpu_to_le32(c->npages);
	m->prot = cpu_to_le32(c->prot);
	KUNIT_EXPECT_EQ(test, take(b, f), -EPROTO);
	KUNIT_EXPECT_EQ(test, b->a->iommu.nptes, 0);
	KUNIT_EXPECT_EQ(test, b->a->att.dma.npages, 0);
}

static struct kunit_case frame_cases[] = {
	KUNIT_CASE(types),
	KUNIT_CASE(before_ready),
	KUNIT_CASE(functions),
	KUNIT_CASE(replies),
	KUNIT_CASE(ctl_legal),
	KUNIT_CASE(ctl_devctl_bits),
	KUNIT_CASE(ctl_rom_read),
	KUNIT_CASE(ctl_fenced),
	KUNIT_CASE(ctl_unknown),
	KUNIT_CASE_PARAM(setups, setup_gen_params),
	KUNIT_CASE(setup_grows),
	KUNIT_CASE(setup_in_d3),
	KUNIT_CASE(line_in_d3),
	KUNIT_CASE(reset_in_d3),
	KUNIT_CASE(map_records),
	KUNIT_CASE_PARAM(records, record_gen_params),
	{}
};

static struct kunit_suite frame_suite = {
	.name = "riod_stub_frame",
	.init = bench_init,
	.exit = bench_exit,
	.test_cases = frame_cases,
};

kunit_test_suite(frame_suite);

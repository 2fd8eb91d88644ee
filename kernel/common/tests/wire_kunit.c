// SPDX-License-Identifier: GPL-2.0-only
/*
 * wire_kunit.c - riod_wire_fault(): legal frames, and frames with random
 * bytes
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "compat_export.h"
#include "examples.h"
#include "load.h"
#include "shapes.h"

/* ------------------------------------------------------------ legal frames */

static u32 build_empty(void *body)
{
	return 0;
}

static u32 build_bye(void *body)
{
	struct riod_wire_bye *b = body;

	b->reason = cpu_to_le32(RIOD_REASON_SHUTDOWN);
	return sizeof(*b);
}

static u32 build_ready(void *body)
{
	struct riod_wire_ready *r = body;

	r->shadow_max = cpu_to_le64(RIOD_PAGE_SIZE);
	return sizeof(*r);
}

static u32 build_describe(void *body, u16 cfg_size, u16 nresv)
{
	struct riod_wire_describe *d = body;
	struct riod_wire_range *r;
	u16 i;

	d->flags = cpu_to_le32(RIOD_FUNC_F_RESET);
	d->devfn = cpu_to_le16(0x18);
	d->cfg_size = cpu_to_le16(cfg_size);
	d->nresv = cpu_to_le16(nresv);
	d->nintx = cpu_to_le16(1);
	d->nmsi = cpu_to_le16(32);
	d->nmsix = cpu_to_le16(RIOD_VECTORS_MAX);
	d->aperture.start = cpu_to_le64(RIOD_PAGE_SIZE);
	d->aperture.last = cpu_to_le64((1ull << 39) - 1);
	d->bars[0].size = cpu_to_le64(0x4000);
	d->bars[0].flags = cpu_to_le32(RIOD_BAR_F_64 | RIOD_BAR_F_PREFETCH);
	d->bars[2].size = cpu_to_le64(256);
	d->bars[2].flags = cpu_to_le32(RIOD_BAR_F_IO);
	d->bars[3].size = cpu_to_le64(0x80000000);
	d->bars[4].size = cpu_to_le64(RIOD_BAR_SIZE_MAX);
	d->bars[4].flags = cpu_to_le32(RIOD_BAR_F_64);
	d->bars[RIOD_REGION_ROM].size = cpu_to_le64(0x10000);
	r = (struct riod_wire_range *)(d->data + cfg_size);
	for (i = 0; i < nresv; i++) {
		r[i].start = cpu_to_le64(0xfee00000 + i * RIOD_PAGE_SIZE);
		r[i].last = cpu_to_le64(0xfee00fff + i * RIOD_PAGE_SIZE);
	}
	return sizeof(*d) + cfg_size + nresv * sizeof(*r);
}

static u32 build_describe_min(void *body)
{
	return build_describe(body, 256, 1);
}

static u32 build_describe_max(void *body)
{
	return build_describe(body, 4096, RIOD_RESV_MAX);
}

/* all numbers at the limits of their ranges */
static u32 build_describe_edge(void *body)
{
	struct riod_wire_describe *d = body;
	struct riod_wire_range *r = (void *)(d->data + 256);
	u32 len = build_describe(body, 256, 3);

	memset(d->bars, 0, sizeof(d->bars));
	d->devfn = cpu_to_le16(0xff);
	d->bars[0].size = cpu_to_le64(16);
	d->bars[1].size = cpu_to_le64(4);
	d->bars[1].flags = cpu_to_le32(RIOD_BAR_F_IO);
	d->bars[2].size = cpu_to_le64(0x10000);
	d->bars[2].flags = cpu_to_le32(RIOD_BAR_F_IO);
	d->aperture.start = 0;
	d->aperture.last = cpu_to_le64(~0ull);
	r[0].start = 0;
	r[0].last = 0;
	r[1].start = cpu_to_le64(~0ull);
	r[1].last = cpu_to_le64(~0ull);
	r[2].start = 0;
	r[2].last = cpu_to_le64(~0ull);
	return len;
}

static u32 build_describe_point(void *body)
{
	struct riod_wire_describe *d = body;
	u32 len = build_describe(body, 256, 0);

	d->aperture.last = d->aperture.start;
	return len;
}

static u32 build_bye_last(void *body)
{
	struct riod_wire_bye *b = body;

	b->reason = cpu_to_le32(RIOD_REASON_POISON);
	return sizeof(*b);
}

static u32 build_reply_failed(void *body)
{
	struct riod_wire_reply *r = body;

	r->tag = cpu_to_le32(~0u);
	r->status = cpu_to_le32(RIOD_STATUS_FAILED);
	r->value = cpu_to_le64(~0ull);
	return sizeof(*r);
}

static u32 build_reply(void *body)
{
	struct riod_wire_reply *r = body;

	r->tag = cpu_to_le32(7);
	r->value = cpu_to_le64(0x12345678);
	return sizeof(*r);
}

static u32 build_reply_data(void *body)
{
	struct riod_wire_reply *r = body;

	r->tag = cpu_to_le32(7);
	r->value = cpu_to_le64(SZ_64K);
	memset(r->data, 0x55, RIOD_ROM_PIECE);
	return struct_size(r, data, RIOD_ROM_PIECE);
}

static u32 build_irq(void *body, u8 index, u16 count)
{
	struct riod_wire_irq *q = body;
	u16 i;

	q->epoch = cpu_to_le32(3);
	q->index = index;
	q->count = cpu_to_le16(count);
	for (i = 0; i < count; i++)
		q->vectors[i] = cpu_to_le16(i);
	return sizeof(*q) + count * sizeof(q->vectors[0]);
}

static u32 build_irq_intx(void *body)
{
	return build_irq(body, RIOD_IRQ_INTX, 1);
}

static u32 build_irq_msi(void *body)
{
	return build_irq(body, RIOD_IRQ_MSI, 32);
}

static u32 build_irq_max(void *body)
{
	return build_irq(body, RIOD_IRQ_MSIX, RIOD_VECTORS_MAX);
}

static u32 build_reg(void *body, u32 tag, u8 region, u8 width, u8 op, u64 offset, u64 value)
{
	struct riod_wire_reg *r = body;

	r->tag = cpu_to_le32(tag);
	r->region = region;
	r->width = width;
	r->op = op;
	r->offset = cpu_to_le64(offset);
	r->value = cpu_to_le64(value);
	return sizeof(*r);
}

static u32 build_reg_posted(void *body)
{
	return build_reg(body, 0, 0, 4, RIOD_REG_WRITE, 0x1000, 0xffffffff);
}

static u32 build_reg_tagged(void *body)
{
	return build_reg(body, 1, 2, 1, RIOD_REG_WRITE, 0xff, 0xff);
}

static u32 build_reg_last(void *body)
{
	return build_reg(body, ~0u, 5, 8, RIOD_REG_WRITE, RIOD_BAR_SIZE_MAX - 8, ~0ull);
}

static u32 build_reg_read(void *body)
{
	return build_reg(body, 2, RIOD_REGION_ROM, 2, RIOD_REG_READ, 0x55aa, 0);
}

static u32 build_cfg_write(void *body)
{
	return build_reg(body, 3, RIOD_REGION_CONFIG, 4, RIOD_REG_WRITE, 0xffc, 0x80000001);
}

static u32 build_ctl(void *body, u32 tag, u16 op, u32 arg)
{
	struct riod_wire_ctl *c = body;

	c->tag = cpu_to_le32(tag);
	c->op = cpu_to_le16(op);
	c->arg = cpu_to_le32(arg);
	return sizeof(*c);
}

static u32 build_command(void *body)
{
	return build_ctl(body, 4, RIOD_CTL_COMMAND, 0x407);
}

static u32 build_reset(void *body)
{
	return build_ctl(body, 5, RIOD_CTL_RESET, ~0u);
}

static u32 build_power(void *body)
{
	return build_ctl(body, 6, RIOD_CTL_POWER, 3);
}

static u32 build_unmask(void *body)
{
	return build_ctl(body, 0, RIOD_CTL_INTX_UNMASK, 0);
}

static u32 build_mask(void *body)
{
	return build_ctl(body, 0, RIOD_CTL_INTX_MASK, 0);
}

static u32 build_irq_setup(void *body, u8 index, u16 count)
{
	struct riod_wire_irq_setup *s = body;
	u16 i;

	s->tag = cpu_to_le32(8);
	s->index = index;
	s->count = cpu_to_le16(count);
	for (i = 0; i < count; i++)
		s->bitmap[i / 8] |= 1 << (i % 8);
	return sizeof(*s) + DIV_ROUND_UP(count, 8);
}

static u32 build_irq_off(void *body)
{
	return build_irq_setup(body, RIOD_IRQ_MSIX, 0);
}

static u32 build_irq_ten(void *body)
{
	return build_irq_setup(body, RIOD_IRQ_MSIX, 10);
}

static u32 build_irq_all(void *body)
{
	return build_irq_setup(body, RIOD_IRQ_MSIX, RIOD_VECTORS_MAX);
}

static u32 build_map(void *body, u32 n)
{
	struct riod_wire_map *m = body;
	u32 i;

	for (i = 0; i < n; i++) {
		m[i].iova = cpu_to_le64((u64)i * RIOD_PAGE_SIZE);
		m[i].page = cpu_to_le64(i);
		m[i].npages = cpu_to_le32(1);
		m[i].prot = cpu_to_le32(1 + i % 3);
	}
	return n * sizeof(*m);
}

static u32 build_map_one(void *body)
{
	return build_map(body, 1);
}

static u32 build_map_max(void *body)
{
	return build_map(body, BODY_MAX / sizeof(struct riod_wire_map));
}

/* the last page; the most pages of a record, up to the last page number */
static u32 build_map_edge(void *body)
{
	struct riod_wire_map *m = body;

	build_map(body, 2);
	m[0].iova = cpu_to_le64(~0ull << RIOD_PAGE_SHIFT);
	m[1].iova = cpu_to_le64(0ull - ((u64)RIOD_MAP_PAGES_MAX << RIOD_PAGE_SHIFT));
	m[1].npages = cpu_to_le32(RIOD_MAP_PAGES_MAX);
	m[1].page = cpu_to_le64(0ull - RIOD_MAP_PAGES_MAX);
	return 2 * sizeof(*m);
}

static u32 build_unmap(void *body, u32 n)
{
	struct riod_wire_unmap *u = body;
	u32 i;

	for (i = 0; i < n; i++) {
		u[i].iova = cpu_to_le64((u64)i << 32);
		u[i].npages = cpu_to_le32(1);
	}
	u[n - 1].iova = cpu_to_le64(0ull - ((u64)U32_MAX << RIOD_PAGE_SHIFT));
	u[n - 1].npages = cpu_to_le32(U32_MAX);
	return n * sizeof(*u);
}

static u32 build_unmap_two(void *body)
{
	return build_unmap(body, 2);
}

static u32 build_unmap_max(void *body)
{
	return build_unmap(body, BODY_MAX / sizeof(struct riod_wire_unmap));
}

static u32 build_map_exact(void *body)
{
	struct riod_wire_map *m = body;

	build_map(body, 2);
	m[0].prot = cpu_to_le32(RIOD_PROT_WRITE | RIOD_MAP_EXACT);
	m[1].prot = cpu_to_le32(RIOD_PROT_WRITE | RIOD_MAP_COMPLETIONS |
				(RIOD_FUNCS_MAX - 1) << RIOD_MAP_FUNC_SHIFT);
	return 2 * sizeof(*m);
}

static u32 build_extents(void *body, u8 flags, u32 n)
{
	struct riod_wire_expect *e = body;
	u32 i;

	e->first = cpu_to_le32(0x10002);
	e->last = e->first;
	e->flags = flags;
	e->nextents = cpu_to_le16(n);
	for (i = 0; i < n; i++) {
		e->extents[i].page = cpu_to_le64(1 + i);
		e->extents[i].offset = cpu_to_le32(RIOD_PAGE_SIZE - 1);
		e->extents[i].len = cpu_to_le32(1);
	}
	return struct_size(e, extents, n);
}

static u32 build_expect(void *body)
{
	return build_extents(body, 0, 1);
}

static u32 build_expect_max(void *body)
{
	struct riod_wire_expect *e = body;
	u32 len = build_extents(body, RIOD_EXPECT_ALWAYS, RIOD_EXTENTS_MAX);

	e->extents[RIOD_EXTENTS_MAX - 1].len = cpu_to_le32(RIOD_EXTENT_LEN_MAX);
	return len;
}

static u32 build_expect_forget(void *body)
{
	struct riod_wire_expect *e = body;
	u32 len = build_extents(body, RIOD_EXPECT_FORGET, 0);

	e->last = cpu_to_le32(~0u);
	return len;
}

static u32 build_bar_map(void *body)
{
	struct riod_wire_bar_map *b = body;

	b->tag = cpu_to_le32(7);
	b->bar = 2;
	b->first = cpu_to_le32(64);
	b->npages = cpu_to_le16(RIOD_BAR_PAGES_MAX);
	b->page = cpu_to_le64(1);
	return sizeof(*b);
}

static u32 build_bar_map_edge(void *body)
{
	struct riod_wire_bar_map *b = body;

	build_bar_map(body);
	b->bar = 5;
	b->first = cpu_to_le32((RIOD_BAR_SIZE_MAX >> RIOD_PAGE_SHIFT) - 1);
	b->npages = cpu_to_le16(1);
	b->page = cpu_to_le64(~0ull);
	return sizeof(*b);
}

static u32 build_rom_read(void *body)
{
	return build_ctl(body, 9, RIOD_CTL_ROM_READ, SZ_16M - RIOD_ROM_PIECE);
}

static u32 build_devctl(void *body)
{
	return build_ctl(body, 8, RIOD_CTL_DEVCTL, 0x7110);
}

static u32 build_forget(void *body)
{
	return build_ctl(body, 7, RIOD_CTL_BARS_FORGET, 0);
}

/* adds a delta of @nruns runs of @len bytes, @step apart; returns its length */
static u32 add_delta(void *at, u64 page, u16 nruns, u16 len, u16 step)
{
	struct riod_wire_delta *d = at;
	struct riod_wire_run *run = (void *)(d + 1);
	u32 size = sizeof(*d) + nruns * sizeof(*run) + nruns * len;
	u16 i;

	d->page = cpu_to_le64(page);
	d->nruns = cpu_to_le16(nruns);
	d->nbytes = cpu_to_le16(nruns * len);
	for (i = 0; i < nruns; i++) {
		run[i].offset = cpu_to_le16(i * step);
		run[i].len = cpu_to_le16(len);
	}
	memset(run + nruns, 0xa5, nruns * len);
	return ALIGN(size, 8);
}

static u32 begin_cut(void *body)
{
	((struct riod_wire_cut_data *)body)->cut = cpu_to_le64(1);
	return sizeof(struct riod_wire_cut_data);
}

/* two runs of 3 bytes, 2 bytes of padding, then a second delta of 1 byte */
static u32 build_cut(void *body)
{
	u32 len = begin_cut(body);

	len += add_delta(body + len, 9, 2, 3, 4);
	return len + add_delta(body + len, 8, 1, 1, 0);
}

/* the same whole page repeatedly, then a part that fills the frame */
static u32 build_cut_pages(void *body)
{
	u32 len = begin_cut(body);

	while (len + 4120 <= BODY_MAX)
		len += add_delta(body + len, ~0ull, 1, RIOD_PAGE_SIZE, 0);
	return len + add_delta(body + len, 0, 1, BODY_MAX - len - 20, 0);
}

/* every second byte */
static u32 build_cut_runs(void *body)
{
	u32 len = begin_cut(body);

	return len + add_delta(body + len, 0, RIOD_PAGE_SIZE / 2, 1, 2);
}

static u32 build_commit(void *body)
{
	struct riod_wire_cut_commit *c = body;

	c->cut = cpu_to_le64(~0ull);
	c->applied = cpu_to_le64(~0ull);
	c->nframes = cpu_to_le32(~0u);
	return sizeof(*c);
}

const struct shape wire_shapes[] = {
	[ACK]		= { "ack", RIOD_FRAME_ACK, 0, 3, build_empty },
	[BYE]		= { "bye", RIOD_FRAME_BYE, 0, 3, build_bye },
	[DESCRIBE]	= { "describe", RIOD_FRAME_DESCRIBE, 7, TO_FRONTEND, build_describe_min },
	[READY]		= { "ready", RIOD_FRAME_READY, 0, TO_FRONTEND, build_ready },
	[REPLY]		= { "reply", RIOD_FRAME_REPLY, 1, TO_FRONTEND, build_reply },
	[IRQ]		= { "irq intx", RIOD_FRAME_IRQ, 7, TO_FRONTEND, build_irq_intx },
	[IRQ_MSI]	= { "irq msi", RIOD_FRAME_IRQ, 0, TO_FRONTEND, build_irq_msi },
	[REG]		= { "posted write", RIOD_FRAME_REG, 7, TO_STUB, build_reg_posted },
	[REG_READ]	= { "register read", RIOD_FRAME_REG, 0, TO_STUB, build_reg_read },
	[CFG_WRITE]	= { "config write", RIOD_FRAME_REG, 0, TO_STUB, build_cfg_write },
	[COMMAND]	= { "command", RIOD_FRAME_CTL, 7, TO_STUB, build_command },
	[POWER]		= { "power", RIOD_FRAME_CTL, 0, TO_STUB, build_power },
	[UNMASK]	= { "unmask", RIOD_FRAME_CTL, 0, TO_STUB, build_unmask },
	[IRQ_SETUP]	= { "irq setup", RIOD_FRAME_IRQ_SETUP, 7, TO_STUB, build_irq_ten },
	[MAP]		= { "map", RIOD_FRAME_MAP, 0, TO_STUB, build_map_one },
	[UNMAP]		= { "unmap", RIOD_FRAME_UNMAP, 0, TO_STUB, build_unmap_two },
	[BAR_MAP]	= { "bar map", RIOD_FRAME_BAR_MAP, 7, TO_STUB, build_bar_map },
	[EXPECT]	= { "expect", RIOD_FRAME_EXPECT, 7, TO_STUB, build_expect },
	[CUT]		= { "cut data", RIOD_FRAME_CUT_DATA, 0, 3, build_cut },
	[COMMIT]	= { "cut commit", RIOD_FRAME_CUT_COMMIT, 0, 3, build_commit },
	[REPLY_DATA]	= { "reply with data", RIOD_FRAME_REPLY, 1, TO_FRONTEND, build_reply_data },
	[LARGER] = { "describe, all there can be", RIOD_FRAME_DESCRIBE, 0, TO_FRONTEND,
		build_describe_max },
	{ "describe, at its edges", RIOD_FRAME_DESCRIBE, 0, TO_FRONTEND, build_describe_edge },
	{ "describe, one address", RIOD_FRAME_DESCRIBE, 0, TO_FRONTEND, build_describe_point },
	{ "bye, last reason of both", RIOD_FRAME_BYE, 0, 3, build_bye_last },
	{ "reply, failed", RIOD_FRAME_REPLY, 0, TO_FRONTEND, build_reply_failed },
	{ "irq, all vectors", RIOD_FRAME_IRQ, 0, TO_FRONTEND, build_irq_max },
	{ "tagged write", RIOD_FRAME_REG, 0, TO_STUB, build_reg_tagged },
	{ "last register", RIOD_FRAME_REG, 0, TO_STUB, build_reg_last },
	{ "reset", RIOD_FRAME_CTL, 0, TO_STUB, build_reset },
	{ "mask", RIOD_FRAME_CTL, 0, TO_STUB, build_mask },
	{ "irqs off", RIOD_FRAME_IRQ_SETUP, 0, TO_STUB, build_irq_off },
	{ "irq setup, all vectors", RIOD_FRAME_IRQ_SETUP, 0, TO_STUB, build_irq_all },
	{ "map, a full frame", RIOD_FRAME_MAP, 0, TO_STUB, build_map_max },
	{ "map, the last addresses", RIOD_FRAME_MAP, 0, TO_STUB, build_map_edge },
	{ "map, exact and completions", RIOD_FRAME_MAP, 0, TO_STUB, build_map_exact },
	{ "expect, all extents", RIOD_FRAME_EXPECT, 0, TO_STUB, build_expect_max },
	{ "expect, forget", RIOD_FRAME_EXPECT, 0, TO_STUB, build_expect_forget },
	{ "unmap, a full frame", RIOD_FRAME_UNMAP, 0, TO_STUB, build_unmap_max },
	{ "bar map, the last page", RIOD_FRAME_BAR_MAP, 0, TO_STUB, build_bar_map_edge },
	{ "bars forget", RIOD_FRAME_CTL, 0, TO_STUB, build_forget },
	{ "last piece of a ROM", RIOD_FRAME_CTL, 0, TO_STUB, build_rom_read },
	{ "device control", RIOD_FRAME_CTL, 0, TO_STUB, build_devctl },
	{ "cut data, a full frame", RIOD_FRAME_CUT_DATA, 0, 3, build_cut_pages },
	{ "cut data, most runs", RIOD_FRAME_CUT_DATA, 0, 3, build_cut_runs },
};

static void shape_desc(const struct shape *s, char *desc)
{
	strscpy(desc, s->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(shape, wire_shapes, shape_desc);

static void wire_accepts(struct kunit *test)
{
	const struct shape *s = test->param_value;
	struct riod_frame *f = build(test, s);

	if (s->dir & TO_FRONTEND)
		KUNIT_EXPECT_STREQ(test, fault_of(test, f, true) ?: "", "");
	else
		KUNIT_EXPECT_STREQ(test, fault_of(test, f, true), "header: direction");
	if (s->dir & TO_STUB)
		KUNIT_EXPECT_STREQ(test, fault_of(test, f, false) ?: "", "");
	else
		KUNIT_EXPECT_STREQ(test, fault_of(test, f, false), "header: direction");
	f->hdr.flags = RIOD_FRAME_F_ACK_NOW;
	KUNIT_EXPECT_NULL(test, fault_of(test, f, s->dir & TO_FRONTEND));
}

struct example {
	const u8 *bytes;
	u32 size;
	u8 type;
	bool to_frontend;
};

#define EXAMPLE(what, type, to_frontend) \
	{ example_##what, ARRAY_SIZE(example_##what), type, to_frontend }

static const struct example examples[] = {
	EXAMPLE(map, RIOD_FRAME_MAP, false),
	EXAMPLE(cut_data, RIOD_FRAME_CUT_DATA, false),
	EXAMPLE(cut_commit, RIOD_FRAME_CUT_COMMIT, false),
	EXAMPLE(reg, RIOD_FRAME_REG, false),
	EXAMPLE(cut_data_back, RIOD_FRAME_CUT_DATA, true),
	EXAMPLE(cut_commit_back, RIOD_FRAME_CUT_COMMIT, true),
	EXAMPLE(irq, RIOD_FRAME_IRQ, true),
	EXAMPLE(ack, RIOD_FRAME_ACK, false),
};

static void wire_examples(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(examples); i++) {
		const struct example *e = &examples[i];
		struct riod_frame *f = new_frame(test, e->size - HDR_LEN);

		memcpy(&f->hdr, e->bytes, HDR_LEN);
		f->len = e->size - HDR_LEN;
		memcpy(f->body, e->bytes + HDR_LEN, f->len);
		KUNIT_EXPECT_EQ(test, f->hdr.type, e->type);
		KUNIT_EXPECT_STREQ(test, fault_of(test, f, e->to_frontend) ?: "", "");
	}
}

/* ------------------------------------------------------------ random bytes */

/* processes validated deltas like a receiver; KASAN detects errors */
static void consume(struct kunit *test, const struct riod_frame *f)
{
	u8 *page = kmalloc(RIOD_PAGE_SIZE, GFP_KERNEL);
	const u8 *p = f->body + sizeof(struct riod_wire_cut_data);

	KUNIT_ASSERT_NOT_NULL(test, page);
	while (p < f->body + f->len) {
		const struct riod_wire_delta *d = (const void *)p;
		const struct riod_wire_run *run = (const void *)(d + 1);
		u16 nruns = le16_to_cpu(d->nruns);
		const u8 *data = (const u8 *)(run + nruns);
		u32 size = sizeof(*d) + nruns * sizeof(*run) + le16_to_cpu(d->nbytes);

		for (; nruns; nruns--, run++) {
			memcpy(page + le16_to_cpu(run->offset), data, le16_to_cpu(run->len));
			data += le16_to_cpu(run->len);
		}
		p += ALIGN(size, 8);
	}
	KUNIT_EXPECT_PTR_EQ(test, p, f->body + f->len);
	kfree(page);
}

static void check_exact(struct kunit *test, const struct riod_frame *f, bool to_frontend)
{
	const size_t size = struct_size(f, body, f->len);
	struct riod_frame *copy = kmemdup(f, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	if (!riod_wire_fault(copy, to_frontend) && copy->hdr.type == RIOD_FRAME_CUT_DATA)
		consume(test, copy);
	kfree(copy);
}

/* truncate a shape to each length; a large one only to some */
static void wire_truncated(struct kunit *test)
{
	const struct shape *s = test->param_value;
	struct riod_frame *f = build(test, s);
	u32 whole = f->len, step = whole > 4096 ? 251 : 1;
	u32 len;

	for (len = 0; len < whole; len += step) {
		set_len(f, len);
		check_exact(test, f, s->dir & TO_FRONTEND);
	}
}

/* change one byte; a fixed seed makes failures reproducible */
static void wire_mutated(struct kunit *test)
{
	const struct shape *s = test->param_value;
	struct riod_frame *f = build(test, s);
	u32 rounds = f->len > 4096 ? 500 : 5000;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 0x52494f44);
	while (rounds--) {
		/* most checks depend on the header and the first bytes */
		u32 span = HDR_LEN + (rounds & 1 ? min(f->len, 64u) : f->len);
		u32 at = prandom_u32_state(&rnd) % span;
		u8 *byte = frame_byte(f, at);
		u8 old = *byte;

		*byte = prandom_u32_state(&rnd);
		check_exact(test, f, s->dir & TO_FRONTEND);
		*byte = old;
	}
	KUNIT_EXPECT_NULL(test, riod_wire_fault(f, s->dir & TO_FRONTEND));
}

/* every type with a random body and a correct length */
static void wire_random(struct kunit *test)
{
	struct riod_frame *f = new_frame(test, 512);
	struct rnd_state rnd;
	unsigned int round;

	prandom_seed_state(&rnd, 1);
	for (round = 0; round < RIOD_LOAD(20000); round++) {
		f->hdr.type = round % 64;
		set_len(f, prandom_u32_state(&rnd) % 512);
		prandom_bytes_state(&rnd, f->body, f->len);
		check_exact(test, f, round & 64);
	}
}

static struct kunit_case wire_cases[] = {
	KUNIT_CASE_PARAM(wire_accepts, shape_gen_params),
	KUNIT_CASE(wire_examples),
	KUNIT_CASE_PARAM(wire_truncated, shape_gen_params),
	KUNIT_CASE_PARAM(wire_mutated, shape_gen_params),
	KUNIT_CASE(wire_random),
	{}
};

static struct kunit_suite wire_suite = {
	.name = "riod_wire",
	.test_cases = wire_cases,
};

kunit_test_suite(wire_suite);

MODULE_DESCRIPTION("KUnit tests of riod's frame validation");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * wire_kunit.c - riod_wire_validate(): what it accepts, and each thing it rejects
 *
 * Every frame is checked in an allocation of exactly its size, so that KASAN
 * sees a single byte read too far.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "examples.h"
#include "load.h"
#include "patch.h"
#include "session.h"

/* ------------------------------------------------------------ frames that are legal */

static u32 build_empty(void *body)
{
	return 0;
}

static u32 build_bye(void *body)
{
	struct riod_wire_bye *b = body;

	b->reason = cpu_to_le32(RIOD_REASON_DETACH);
	return sizeof(*b);
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

/* every number at the end of what it may be */
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

	b->reason = cpu_to_le32(RIOD_REASON_CLOSED);
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

/* the last page there is, and as many as a record takes, up to the last number */
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

/* adds a delta of @nruns runs of @len bytes, @step apart; its length */
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

/* whole pages, the same again and again, and a part until the frame is full */
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

#define TO_STUB		1
#define TO_FRONTEND	2

struct shape {
	const char *name;
	u8 type;
	u8 func;
	u8 dir;
	u32 (*build)(void *body);
};

enum {
	ACK, BYE, DESCRIBE, READY, REPLY, IRQ, IRQ_MSI, GONE, REG, REG_READ, CFG_WRITE,
	COMMAND, POWER, UNMASK, IRQ_SETUP, MAP, UNMAP, CUT, COMMIT,
	LARGER,		/* from here on: not the base of a rejected frame */
};

static const struct shape shapes[] = {
	[ACK]		= { "ack", RIOD_FRAME_ACK, 0, 3, build_empty },
	[BYE]		= { "bye", RIOD_FRAME_BYE, 0, 3, build_bye },
	[DESCRIBE]	= { "describe", RIOD_FRAME_DESCRIBE, 7, TO_FRONTEND, build_describe_min },
	[READY]		= { "ready", RIOD_FRAME_READY, 0, TO_FRONTEND, build_empty },
	[REPLY]		= { "reply", RIOD_FRAME_REPLY, 1, TO_FRONTEND, build_reply },
	[IRQ]		= { "irq intx", RIOD_FRAME_IRQ, 7, TO_FRONTEND, build_irq_intx },
	[IRQ_MSI]	= { "irq msi", RIOD_FRAME_IRQ, 0, TO_FRONTEND, build_irq_msi },
	[GONE]		= { "gone", RIOD_FRAME_GONE, 7, TO_FRONTEND, build_bye },
	[REG]		= { "posted write", RIOD_FRAME_REG, 7, TO_STUB, build_reg_posted },
	[REG_READ]	= { "register read", RIOD_FRAME_REG, 0, TO_STUB, build_reg_read },
	[CFG_WRITE]	= { "config write", RIOD_FRAME_REG, 0, TO_STUB, build_cfg_write },
	[COMMAND]	= { "command", RIOD_FRAME_CTL, 7, TO_STUB, build_command },
	[POWER]		= { "power", RIOD_FRAME_CTL, 0, TO_STUB, build_power },
	[UNMASK]	= { "unmask", RIOD_FRAME_CTL, 0, TO_STUB, build_unmask },
	[IRQ_SETUP]	= { "irq setup", RIOD_FRAME_IRQ_SETUP, 7, TO_STUB, build_irq_ten },
	[MAP]		= { "map", RIOD_FRAME_MAP, 0, TO_STUB, build_map_one },
	[UNMAP]		= { "unmap", RIOD_FRAME_UNMAP, 0, TO_STUB, build_unmap_two },
	[CUT]		= { "cut data", RIOD_FRAME_CUT_DATA, 0, 3, build_cut },
	[COMMIT]	= { "cut commit", RIOD_FRAME_CUT_COMMIT, 0, 3, build_commit },
	[LARGER] = { "describe, all there can be", RIOD_FRAME_DESCRIBE, 0, TO_FRONTEND,
		build_describe_max },
	{ "describe, at its edges", RIOD_FRAME_DESCRIBE, 0, TO_FRONTEND, build_describe_edge },
	{ "describe, one address", RIOD_FRAME_DESCRIBE, 0, TO_FRONTEND, build_describe_point },
	{ "bye, last reason", RIOD_FRAME_BYE, 0, 3, build_bye_last },
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
	{ "unmap, a full frame", RIOD_FRAME_UNMAP, 0, TO_STUB, build_unmap_max },
	{ "cut data, a full frame", RIOD_FRAME_CUT_DATA, 0, 3, build_cut_pages },
	{ "cut data, most runs", RIOD_FRAME_CUT_DATA, 0, 3, build_cut_runs },
};

static void shape_desc(const struct shape *s, char *desc)
{
	strscpy(desc, s->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(shape, shapes, shape_desc);

/*
 * A frame with @room bytes of body, for the test's life.  Not riod_frame_alloc():
 * that may use vmalloc(), whose pages end too late.
 */
static struct riod_frame *new_frame(struct kunit *test, u32 room)
{
	struct riod_frame *f;

	f = kunit_kzalloc(test, struct_size(f, body, room), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	return f;
}

/* the shape's frame, in an allocation with room for the largest */
static struct riod_frame *build(struct kunit *test, const struct shape *s)
{
	struct riod_frame *f = new_frame(test, BODY_MAX);

	f->hdr.type = s->type;
	f->hdr.func = s->func;
	f->hdr.seq = cpu_to_le64(s->type == RIOD_FRAME_ACK ? 0 : 1);
	set_len(f, s->build(f->body));
	return f;
}

/* riod_wire_fault() of a copy that ends where the body ends */
static const char *fault_of(struct kunit *test, const struct riod_frame *f,
			    bool to_frontend)
{
	const size_t size = struct_size(f, body, f->len);
	struct riod_frame *copy = kmemdup(f, size, GFP_KERNEL);
	const char *fault;

	KUNIT_ASSERT_NOT_NULL(test, copy);
	fault = riod_wire_fault(copy, to_frontend);
	KUNIT_EXPECT_EQ(test, riod_wire_validate(copy, to_frontend), fault ? -EPROTO : 0);
	KUNIT_EXPECT_MEMEQ(test, copy, f, size);
	kfree(copy);
	return fault;
}

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

/* ------------------------------------------------------------ frames that are not */

struct reject {
	const char *name;
	int base;
	const char *fault;
	struct patch patch[5];
	bool resize;		/* the body has @len bytes, zeroes where it grows */
	u32 len;
};

#define LEN(n)			.resize = true, .len = (n)

/* where things are in the body of build_cut() */
#define DELTA		8
#define RUN(n)		(DELTA + 16 + 4 * (n))
#define PADDING		(RUN(2) + 6)
#define SECOND		40
/* and of build_describe_min() */
#define RESV		(sizeof(struct riod_wire_describe) + 256)

static const struct reject rejects[] = {
	{ "type 0", ACK, "header: type", { HDR(type, 0) } },
	{ "hello in a session", ACK, "header: type", { HDR(type, RIOD_FRAME_HELLO) } },
	{ "welcome in a session", ACK, "header: type", { HDR(type, RIOD_FRAME_WELCOME) } },
	{ "refuse in a session", ACK, "header: type", { HDR(type, RIOD_FRAME_REFUSE) } },
	{ "exports in a session", ACK, "header: type", { HDR(type, RIOD_FRAME_EXPORTS) } },
	{ "type behind the last", ACK, "header: type", { HDR(type, 50) } },
	{ "type 255", ACK, "header: type", { HDR(type, 255) } },
	{ "length too small", BYE, "header: length", { HDR(len, 31) } },
	{ "length too large", BYE, "header: length", { HDR(len, 33) } },
	{ "length below the header", ACK, "header: length", { HDR(len, 0) } },
	{ "length wraps", BYE, "header: length", { HDR(len, ~0u) } },
	{ "longer than a frame", CUT, "header: length", {}, LEN(BODY_MAX + 8) },
	{ "unknown flag", ACK, "header: flags", { HDR(flags, 2) } },
	{ "header reserved", ACK, "header: reserved field", { HDR(rsvd, 1) } },
	{ "function 8", REG, "header: function", { HDR(func, 8) } },
	{ "ack of a function", ACK, "header: function", { HDR(func, 1) } },
	{ "bye of a function", BYE, "header: function", { HDR(func, 1) } },
	{ "map of a function", MAP, "header: function", { HDR(func, 1) } },
	{ "unmap of a function", UNMAP, "header: function", { HDR(func, 1) } },
	{ "cut of a function", CUT, "header: function", { HDR(func, 1) } },
	{ "commit of a function", COMMIT, "header: function", { HDR(func, 1) } },
	{ "numbered ack", ACK, "header: numbered ACK", { HDR(seq, 1) } },
	{ "ack with a body", ACK, "header: length for this type", {}, LEN(1) },
	{ "ready with a body", READY, "header: length for this type", {}, LEN(8) },
	{ "bye cut short", BYE, "header: length for this type", {}, LEN(7) },
	{ "bye too long", BYE, "header: length for this type", {}, LEN(9) },
	{ "describe cut short", DESCRIBE, "header: length for this type", {}, LEN(151) },
	{ "map empty", MAP, "header: length for this type", {}, LEN(0) },
	{ "unmap empty", UNMAP, "header: length for this type", {}, LEN(0) },
	{ "cut without a delta", CUT, "header: length for this type", {}, LEN(8) },

	{ "bye, no reason", BYE, "BYE: reason", { BODY(bye, reason, 0) } },
	{ "bye, unknown reason", BYE, "BYE: reason", { BODY(bye, reason, 14) } },
	{ "bye, reserved", BYE, "BYE: reserved field", { BODY(bye, rsvd, 1) } },
	{ "gone, no reason", GONE, "BYE: reason", { BODY(bye, reason, 0) } },

	{ "describe, config of 0", DESCRIBE, "DESCRIBE: size of config space",
		{ BODY(describe, cfg_size, 0) } },
	{ "describe, config of 512", DESCRIBE, "DESCRIBE: size of config space",
		{ BODY(describe, cfg_size, 512) } },
	{ "describe, 33 ranges", DESCRIBE, "DESCRIBE: too many reserved ranges",
		{ BODY(describe, nresv, RIOD_RESV_MAX + 1) } },
	{ "describe, a range missing", DESCRIBE, "DESCRIBE: length",
		{ BODY(describe, nresv, 2) } },
	{ "describe, a range too many", DESCRIBE, "DESCRIBE: length",
		{ BODY(describe, nresv, 0) } },
	{ "describe, config missing", DESCRIBE, "DESCRIBE: length",
		{ BODY(describe, cfg_size, 4096) } },
	{ "describe, a byte missing", DESCRIBE, "DESCRIBE: length", {}, LEN(RESV + 15) },
	{ "describe, flags", DESCRIBE, "DESCRIBE: flags", { BODY(describe, flags, 2) } },
	{ "describe, devfn", DESCRIBE, "DESCRIBE: devfn", { BODY(describe, devfn, 256) } },
	{ "describe, two pins", DESCRIBE, "DESCRIBE: number of vectors",
		{ BODY(describe, nintx, 2) } },
	{ "describe, 33 msi", DESCRIBE, "DESCRIBE: number of vectors",
		{ BODY(describe, nmsi, 33) } },
	{ "describe, 2049 msix", DESCRIBE, "DESCRIBE: number of vectors",
		{ BODY(describe, nmsix, RIOD_VECTORS_MAX + 1) } },
	{ "describe, reserved", DESCRIBE, "DESCRIBE: reserved field",
		{ BODY(describe, rsvd, 1ull << 63) } },
	{ "bar, reserved", DESCRIBE, "DESCRIBE: reserved field of BAR",
		{ BODY(describe, bars[6].rsvd, 1) } },
	{ "bar, absent with flags", DESCRIBE, "DESCRIBE: flags of absent BAR",
		{ BODY(describe, bars[1].flags, RIOD_BAR_F_PREFETCH) } },
	{ "bar, unknown flag", DESCRIBE, "DESCRIBE: flags of BAR",
		{ BODY(describe, bars[0].flags, 8) } },
	{ "bar, three pages", DESCRIBE, "DESCRIBE: size of BAR is no power of two",
		{ BODY(describe, bars[0].size, 0x3000) } },
	{ "bar, rom of ports", DESCRIBE, "DESCRIBE: flags of ROM",
		{ BODY(describe, bars[6].flags, RIOD_BAR_F_IO) } },
	{ "bar, rom of 64 bits", DESCRIBE, "DESCRIBE: flags of ROM",
		{ BODY(describe, bars[6].flags, RIOD_BAR_F_64) } },
	{ "bar, 64-bit ports", DESCRIBE, "DESCRIBE: I/O BAR with memory flags",
		{ BODY(describe, bars[2].flags, RIOD_BAR_F_IO | RIOD_BAR_F_64) } },
	{ "bar, two ports", DESCRIBE, "DESCRIBE: size of I/O BAR",
		{ BODY(describe, bars[2].size, 2) } },
	{ "bar, too many ports", DESCRIBE, "DESCRIBE: size of I/O BAR",
		{ BODY(describe, bars[2].size, 0x20000) } },
	{ "bar, 8 bytes", DESCRIBE, "DESCRIBE: size of memory BAR",
		{ BODY(describe, bars[3].size, 8) } },
	{ "bar, 4 GiB in 32 bits", DESCRIBE, "DESCRIBE: size of memory BAR",
		{ BODY(describe, bars[3].size, 1ull << 32) } },
	{ "bar, 2 TiB", DESCRIBE, "DESCRIBE: size of memory BAR",
		{ BODY(describe, bars[0].size, 2 * RIOD_BAR_SIZE_MAX) } },
	{ "bar, 64 bits before another", DESCRIBE, "DESCRIBE: no slot for 64-bit BAR",
		{ BODY(describe, bars[3].flags, RIOD_BAR_F_64) } },
	{ "bar, 64 bits in the last", DESCRIBE, "DESCRIBE: no slot for 64-bit BAR",
		{ BODY(describe, bars[4].size, 0), BODY(describe, bars[4].flags, 0),
		  BODY(describe, bars[5].size, 0x1000),
		  BODY(describe, bars[5].flags, RIOD_BAR_F_64),
		  BODY(describe, bars[6].size, 0) } },
	{ "describe, aperture", DESCRIBE, "DESCRIBE: aperture",
		{ BODY(describe, aperture.last, 0) } },
	{ "describe, range reversed", DESCRIBE, "DESCRIBE: reserved range",
		{ AT(RESV + 8, 8, 0) } },
	{ "describe, range below", DESCRIBE, "DESCRIBE: reserved range outside aperture",
		{ AT(RESV, 8, RIOD_PAGE_SIZE - 1) } },
	{ "describe, range above", DESCRIBE, "DESCRIBE: reserved range outside aperture",
		{ AT(RESV + 8, 8, 1ull << 39) } },

	{ "reply, no tag", REPLY, "REPLY: no tag", { BODY(reply, tag, 0) } },
	{ "reply, status", REPLY, "REPLY: status", { BODY(reply, status, 4) } },

	{ "irq, index", IRQ, "IRQ: index", { BODY(irq, index, 3) } },
	{ "irq, reserved", IRQ, "IRQ: reserved field", { BODY(irq, rsvd, 1) } },
	{ "irq, none", IRQ, "IRQ: number of vectors", { BODY(irq, count, 0) } },
	{ "irq, two pins", IRQ, "IRQ: number of vectors", { BODY(irq, count, 2) } },
	{ "irq, 33 msi", IRQ_MSI, "IRQ: number of vectors", { BODY(irq, count, 33) } },
	{ "irq, 2049 msix", IRQ_MSI, "IRQ: number of vectors",
		{ BODY(irq, index, RIOD_IRQ_MSIX), BODY(irq, count, RIOD_VECTORS_MAX + 1) } },
	{ "irq, one missing", IRQ_MSI, "IRQ: length", {}, LEN(8 + 2 * 31) },
	{ "irq, half missing", IRQ_MSI, "IRQ: length", {}, LEN(8 + 2 * 32 - 1) },
	{ "irq, one too many", IRQ, "IRQ: length", {}, LEN(8 + 2 * 2) },
	{ "irq, msi vector 32", IRQ_MSI, "IRQ: vector", { BODY(irq, vectors[0], 32) } },
	{ "irq, msix vector 2048", IRQ, "IRQ: vector",
		{ BODY(irq, index, RIOD_IRQ_MSIX),
		  BODY(irq, vectors[0], RIOD_VECTORS_MAX) } },

	{ "reg, op", REG, "REG: op", { BODY(reg, op, 2) } },
	{ "reg, reserved", REG, "REG: reserved field", { BODY(reg, rsvd, 1) } },
	{ "reg, region", REG, "REG: region", { BODY(reg, region, 8) } },
	{ "reg, width 0", REG, "REG: width", { BODY(reg, width, 0) } },
	{ "reg, width 3", REG, "REG: width", { BODY(reg, width, 3) } },
	{ "reg, width 16", REG, "REG: width", { BODY(reg, width, 16) } },
	{ "config access of 8", CFG_WRITE, "REG: width of config access",
		{ BODY(reg, width, 8) } },
	{ "reg, 2 at odd", REG_READ, "REG: alignment", { BODY(reg, offset, 1) } },
	{ "reg, 4 at 2", REG, "REG: alignment", { BODY(reg, offset, 2) } },
	{ "reg, 8 at 4", REG, "REG: alignment",
		{ BODY(reg, width, 8), BODY(reg, offset, 4) } },
	{ "reg, behind any BAR", REG, "REG: offset",
		{ BODY(reg, offset, RIOD_BAR_SIZE_MAX) } },
	{ "reg, end wraps", REG, "REG: offset", { BODY(reg, offset, -4ull) } },
	{ "config, behind the end", CFG_WRITE, "REG: offset", { BODY(reg, offset, 4096) } },
	{ "read with a value", REG_READ, "REG: read with a value", { BODY(reg, value, 1) } },
	{ "value too wide", REG, "REG: value wider than the access",
		{ BODY(reg, value, 1ull << 32) } },
	{ "read, no tag", REG_READ, "REG: no tag", { BODY(reg, tag, 0) } },
	{ "config write, no tag", CFG_WRITE, "REG: no tag", { BODY(reg, tag, 0) } },

	{ "ctl, op 0", COMMAND, "CTL: op", { BODY(ctl, op, 0) } },
	{ "ctl, op 6", COMMAND, "CTL: op", { BODY(ctl, op, 6) } },
	{ "ctl, reserved", COMMAND, "CTL: reserved field", { BODY(ctl, rsvd, 1) } },
	{ "ctl, reserved 2", COMMAND, "CTL: reserved field", { BODY(ctl, rsvd2, 1) } },
	{ "ctl, tag of posted", UNMASK, "CTL: tag of posted operation", { BODY(ctl, tag, 1) } },
	{ "ctl, no tag", POWER, "CTL: no tag", { BODY(ctl, tag, 0) } },
	{ "ctl, command bits", COMMAND, "CTL: command bits", { BODY(ctl, arg, 8) } },
	{ "ctl, D4", POWER, "CTL: power state", { BODY(ctl, arg, 4) } },
	{ "ctl, unmask what", UNMASK, "CTL: argument", { BODY(ctl, arg, 1) } },

	{ "irq setup, no tag", IRQ_SETUP, "IRQ_SETUP: no tag", { BODY(irq_setup, tag, 0) } },
	{ "irq setup, index", IRQ_SETUP, "IRQ_SETUP: index", { BODY(irq_setup, index, 3) } },
	{ "irq setup, reserved", IRQ_SETUP, "IRQ_SETUP: reserved field",
		{ BODY(irq_setup, rsvd, 1) } },
	{ "irq setup, ten pins", IRQ_SETUP, "IRQ_SETUP: number of vectors",
		{ BODY(irq_setup, index, RIOD_IRQ_INTX) } },
	{ "irq setup, 2049 msix", IRQ_SETUP, "IRQ_SETUP: number of vectors",
		{ BODY(irq_setup, count, RIOD_VECTORS_MAX + 1) } },
	{ "irq setup, a byte missing", IRQ_SETUP, "IRQ_SETUP: length", {}, LEN(9) },
	{ "irq setup, a byte too many", IRQ_SETUP, "IRQ_SETUP: length", {}, LEN(11) },
	{ "irq setup, vector 10 of 10", IRQ_SETUP, "IRQ_SETUP: bits behind the last vector",
		{ AT(9, 1, 4) } },

	{ "map, half a record", MAP, "MAP: length", {}, LEN(36) },
	{ "map, alignment", MAP, "MAP: alignment", { BODY(map, iova, 0x800) } },
	{ "map, no pages", MAP, "MAP: number of pages", { BODY(map, npages, 0) } },
	{ "map, too many pages", MAP, "MAP: number of pages",
		{ BODY(map, npages, RIOD_MAP_PAGES_MAX + 1) } },
	{ "map, address wraps", MAP, "MAP: addresses wrap",
		{ BODY(map, iova, -4096ull), BODY(map, npages, 2) } },
	{ "map, page number wraps", MAP, "MAP: page numbers wrap",
		{ BODY(map, page, ~0ull), BODY(map, npages, 2) } },
	{ "map, no access", MAP, "MAP: prot", { BODY(map, prot, 0) } },
	{ "map, unknown access", MAP, "MAP: prot", { BODY(map, prot, 5) } },
	{ "map, in the second record", MAP, "MAP: number of pages", {}, LEN(48) },

	{ "unmap, half a record", UNMAP, "UNMAP: length", {}, LEN(24) },
	{ "unmap, alignment", UNMAP, "UNMAP: alignment", { BODY(unmap, iova, 1) } },
	{ "unmap, no pages", UNMAP, "UNMAP: number of pages", { BODY(unmap, npages, 0) } },
	{ "unmap, address wraps", UNMAP, "UNMAP: addresses wrap",
		{ BODY(unmap, iova, -4096ull), BODY(unmap, npages, 2) } },
	{ "unmap, reserved", UNMAP, "UNMAP: reserved field", { BODY(unmap, rsvd, 1) } },
	{ "unmap, in the third record", UNMAP, "UNMAP: number of pages", {}, LEN(48) },

	{ "cut 0", CUT, "CUT_DATA: cut number", { BODY(cut_data, cut, 0) } },
	{ "delta cut short", CUT, "CUT_DATA: delta cut short", {}, LEN(SECOND + 8) },
	{ "delta of 15 bytes", CUT, "CUT_DATA: delta cut short", {}, LEN(SECOND + 15) },
	{ "delta, no runs", CUT, "CUT_DATA: number of runs", { AT(DELTA + 8, 2, 0) } },
	{ "delta, 2049 runs", CUT, "CUT_DATA: number of runs", { AT(DELTA + 8, 2, 2049) } },
	{ "delta, no bytes", CUT, "CUT_DATA: number of bytes", { AT(DELTA + 10, 2, 0) } },
	{ "delta, 4097 bytes", CUT, "CUT_DATA: number of bytes", { AT(DELTA + 10, 2, 4097) } },
	{ "delta, reserved", CUT, "CUT_DATA: reserved field", { AT(DELTA + 12, 4, 1) } },
	{ "delta, runs behind the end", CUT, "CUT_DATA: delta longer than the frame",
		{ AT(SECOND + 8, 2, 2048) } },
	{ "delta, bytes behind the end", CUT, "CUT_DATA: delta longer than the frame",
		{ AT(SECOND + 10, 2, 5) } },
	{ "delta, padding missing", CUT, "CUT_DATA: delta longer than the frame", {},
		LEN(SECOND + 21) },
	{ "runs descend", CUT, "CUT_DATA: runs touch or descend", { AT(RUN(0), 2, 9) } },
	{ "runs overlap", CUT, "CUT_DATA: runs touch or descend", { AT(RUN(1), 2, 2) } },
	{ "runs touch", CUT, "CUT_DATA: runs touch or descend", { AT(RUN(1), 2, 3) } },
	{ "run of nothing", CUT, "CUT_DATA: run outside the page", { AT(RUN(1) + 2, 2, 0) } },
	{ "run behind the page", CUT, "CUT_DATA: run outside the page",
		{ AT(RUN(1), 2, 4094) } },
	{ "run wraps", CUT, "CUT_DATA: run outside the page",
		{ AT(RUN(1), 2, 0xfffe), AT(RUN(1) + 2, 2, 0xffff) } },
	{ "runs do not add up", CUT, "CUT_DATA: runs do not add up",
		{ AT(RUN(1) + 2, 2, 2) } },
	{ "padding", CUT, "CUT_DATA: padding", { AT(PADDING, 1, 1) } },
	{ "last byte of padding", CUT, "CUT_DATA: padding", { AT(PADDING + 1, 1, 0x80) } },
	{ "fault in the second delta", CUT, "CUT_DATA: padding", { AT(SECOND + 21, 1, 1) } },
	{ "bytes behind the last delta", CUT, "CUT_DATA: delta cut short", {}, LEN(SECOND + 32) },

	{ "commit 0", COMMIT, "CUT_COMMIT: cut number", { BODY(cut_commit, cut, 0) } },
	{ "commit, reserved", COMMIT, "CUT_COMMIT: reserved field",
		{ BODY(cut_commit, rsvd, 1) } },
};

static void reject_desc(const struct reject *r, char *desc)
{
	strscpy(desc, r->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(reject, rejects, reject_desc);

static void wire_rejects(struct kunit *test)
{
	const struct reject *r = test->param_value;
	const struct shape *s = &shapes[r->base];
	struct riod_frame *base = build(test, s);
	struct riod_frame *f = new_frame(test, BODY_MAX + 8);
	unsigned int i;

	KUNIT_ASSERT_LT(test, r->base, LARGER);
	f->hdr = base->hdr;
	set_len(f, r->resize ? r->len : base->len);
	memcpy(f->body, base->body, min(f->len, base->len));
	for (i = 0; i < ARRAY_SIZE(r->patch); i++)
		apply_patch(f, &r->patch[i]);
	KUNIT_EXPECT_STREQ(test, fault_of(test, f, s->dir & TO_FRONTEND) ?: "", r->fault);
}

/* ------------------------------------------------------------ any bytes at all */

/* what a receiver does with deltas that were validated; KASAN watches */
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
	if (!riod_wire_validate(copy, to_frontend) && copy->hdr.type == RIOD_FRAME_CUT_DATA)
		consume(test, copy);
	kfree(copy);
}

/* each length that a shape can be cut to; few of the many of a large one */
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

/* one byte is another one; a fixed seed, so that a failure comes again */
static void wire_mutated(struct kunit *test)
{
	const struct shape *s = test->param_value;
	struct riod_frame *f = build(test, s);
	u32 rounds = f->len > 4096 ? 500 : 5000;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 0x52494f44);
	while (rounds--) {
		/* most of what decides is in the header and in front */
		u32 span = HDR_LEN + (rounds & 1 ? min(f->len, 64u) : f->len);
		u32 at = prandom_u32_state(&rnd) % span;
		u8 *byte = frame_byte(f, at);
		u8 old = *byte;

		*byte = prandom_u32_state(&rnd);
		check_exact(test, f, s->dir & TO_FRONTEND);
		*byte = old;
	}
	KUNIT_EXPECT_EQ(test, riod_wire_validate(f, s->dir & TO_FRONTEND), 0);
}

/* every type with random bytes behind an honest header */
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
	KUNIT_CASE_PARAM(wire_rejects, reject_gen_params),
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

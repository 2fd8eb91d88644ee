// SPDX-License-Identifier: GPL-2.0-only
/*
 * frame_kunit.c - what a peer's frames may do to a function
 *
 * The real frame.c, bar.c, ctl.c and irq.c.  BARs are memory, config space is
 * an array; interrupts, power and resets are only noted.
 */
#include <kunit/test.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/unaligned.h>

#include "fakes.h"
#include "wire.h"

#define BAR_SIZE	SZ_4K
#define IO_SIZE		16
#define ROM_SIZE	0x600
#define ROM_WINDOW	SZ_2K
#define CFG_SIZE	256

#define MSI		0x50
#define MSIX		0x70
#define VNDR		0xd0
#define TABLE		0x800
#define PBA		0xc00
#define VECTORS		4

/**
 * struct bench - an attachment of two functions, and what became of them
 * @a: the attachment
 * @fn: the first has everything, the second nothing but config space
 * @pdev: of both
 * @cfg: model of both
 * @bar: memory of BAR 0: registers, MSI-X table and pending bits
 * @io: BAR 2: I/O ports; BAR 4: the first 4 of them
 * @rom: copy of the ROM
 * @config: config space
 * @cfg_ret: what accesses to it return
 * @nconfig: accesses that reached it
 * @ungated: writes to it that were not made under the gate
 * @nreplies: replies that were posted
 * @reply: the last one
 * @reply_func: the function that it is about
 * @reply_ret: what posting one returns
 * @nvecs: vectors that are allocated
 * @vecs: those of them that have a handler
 * @line: the line has one
 * @master: bus mastering is on
 * @nresets: resets
 * @nrefences: slow operations that looked at the fence when they were done
 */
struct bench {
	struct fake_att *a;
	struct riod_stub_func fn[2];
	struct pci_dev pdev;
	struct riod_cfg cfg;
	u8 bar[BAR_SIZE];
	u8 io[IO_SIZE];
	u8 rom[ROM_SIZE];
	u8 config[CFG_SIZE];
	int cfg_ret;
	unsigned int nconfig;
	unsigned int ungated;
	unsigned int nreplies;
	struct riod_wire_reply reply;
	u8 reply_func;
	int reply_ret;
	unsigned int nvecs;
	unsigned long vecs;
	bool line;
	bool master;
	unsigned int nresets;
	unsigned int nrefences;
};

/* interrupts know nothing of functions, and tests run one at a time */
static struct bench *bench;

/* ------------------------------------------------------------ the device */

static u32 config_read(int pos, unsigned int width)
{
	u32 value = 0;

	bench->nconfig++;
	while (width--)
		value = value << 8 | bench->config[pos + width];
	return value;
}

static int config_write(int pos, unsigned int width, u32 value)
{
	bench->nconfig++;
	bench->ungated += !mutex_is_locked(&bench->a->sync.gate);
	for (; width--; value >>= 8)
		bench->config[pos++] = value;
	return bench->cfg_ret;
}

static int fake_read_byte(struct pci_dev *pdev, int pos, u8 *value)
{
	*value = config_read(pos, 1);
	return bench->cfg_ret;
}

static int fake_read_word(struct pci_dev *pdev, int pos, u16 *value)
{
	*value = config_read(pos, 2);
	return bench->cfg_ret;
}

static int fake_read_dword(struct pci_dev *pdev, int pos, u32 *value)
{
	*value = config_read(pos, 4);
	return bench->cfg_ret;
}

static int fake_write_byte(struct pci_dev *pdev, int pos, u8 value)
{
	return config_write(pos, 1, value);
}

static int fake_write_word(struct pci_dev *pdev, int pos, u16 value)
{
	return config_write(pos, 2, value);
}

static int fake_write_dword(struct pci_dev *pdev, int pos, u32 value)
{
	return config_write(pos, 4, value);
}

static int fake_post_reply(struct riod_link *l, struct riod_frame *f)
{
	bench->nreplies++;
	bench->reply = *(struct riod_wire_reply *)f->body;
	bench->reply_func = f->hdr.func;
	riod_frame_free(f);
	return bench->reply_ret;
}

static void fake_kick(struct riod_link *l)
{
}

/* numbers of interrupts: the vector and this, the line alone is 0 */
#define FAKE_IRQ	1000

static int fake_alloc_vectors(struct pci_dev *pdev, unsigned int min, unsigned int max,
			      unsigned int flags)
{
	if (bench->nvecs || max > VECTORS)
		return -ENOSPC;
	bench->nvecs = max;
	return max;
}

static void fake_free_vectors(struct pci_dev *pdev)
{
	bench->nvecs = 0;
}

static int fake_vector(struct pci_dev *pdev, unsigned int nr)
{
	return nr < bench->nvecs ? FAKE_IRQ + nr : -EINVAL;
}

static int fake_request_irq(int irq, irq_handler_t handler, unsigned long flags,
			    const char *name, void *arg)
{
	if (irq < 0)
		return irq;
	if (irq < FAKE_IRQ)
		bench->line = true;
	else
		__set_bit(irq - FAKE_IRQ, &bench->vecs);
	return 0;
}

static void fake_free_irq(int irq, void *arg)
{
	if (irq < FAKE_IRQ)
		bench->line = false;
	else
		__clear_bit(irq - FAKE_IRQ, &bench->vecs);
}

static void fake_intx(struct pci_dev *pdev, int enable)
{
}

static bool fake_mask_supported(struct pci_dev *pdev)
{
	return true;
}

static bool fake_check_and_mask_intx(struct pci_dev *pdev)
{
	return true;
}

/* func.c, reset.c and fence.c are about a device and nothing else */

int riod_stub_func_set_master(struct riod_stub_func *fn, bool on)
{
	if (on && fn->fenced)
		return -EPERM;
	bench->master = on;
	return 0;
}

int riod_stub_func_set_power(struct riod_stub_func *fn, u8 state)
{
	fn->power = state;
	return 0;
}

int riod_stub_func_reset(struct riod_stub_func *fn)
{
	bench->nresets++;
	return 0;
}

void riod_stub_refence_func(struct riod_stub_func *fn)
{
	lockdep_assert_held(&fn->lock);
	bench->nrefences++;
}

#define pci_read_config_byte	fake_read_byte
#define pci_read_config_word	fake_read_word
#define pci_read_config_dword	fake_read_dword
#define pci_write_config_byte	fake_write_byte
#define pci_write_config_word	fake_write_word
#define pci_write_config_dword	fake_write_dword
#define riod_link_sync		fake_link_sync
#define riod_link_post_reply	fake_post_reply
#define riod_link_kick		fake_kick
#define pci_alloc_irq_vectors	fake_alloc_vectors
#define pci_free_irq_vectors	fake_free_vectors
#define pci_irq_vector		fake_vector
#define request_irq		fake_request_irq
#define free_irq		fake_free_irq
#define pci_intx		fake_intx
#define pci_intx_mask_supported	fake_mask_supported
#define pci_check_and_mask_intx	fake_check_and_mask_intx

#include "../frame.c"
#include "../bar.c"
#include "../ctl.c"
#include "../irq.c"

/* ------------------------------------------------------------ the bench */

/* a legacy function with MSI, MSI-X and something of its vendor's */
static void init_cfg(struct kunit *test, struct bench *b)
{
	struct riod_cfg_bar bars[RIOD_BARS] = {
		[0] = { BAR_SIZE, 0 },
		[2] = { IO_SIZE, RIOD_BAR_F_IO },
		[4] = { 4, RIOD_BAR_F_IO },
		[RIOD_REGION_ROM] = { ROM_WINDOW, 0 },
	};
	u8 *raw = kunit_kzalloc(test, CFG_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, raw);
	put_unaligned_le32(0x00101b36, raw + PCI_VENDOR_ID);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, raw + PCI_STATUS);
	raw[PCI_CAPABILITY_LIST] = MSI;
	put_unaligned_le16(PCI_CAP_ID_MSI | MSIX << 8, raw + MSI);
	put_unaligned_le16(PCI_MSI_FLAGS_64BIT, raw + MSI + PCI_MSI_FLAGS);
	put_unaligned_le16(PCI_CAP_ID_MSIX | VNDR << 8, raw + MSIX);
	put_unaligned_le16(VECTORS - 1, raw + MSIX + PCI_MSIX_FLAGS);
	put_unaligned_le32(TABLE, raw + MSIX + PCI_MSIX_TABLE);
	put_unaligned_le32(PBA, raw + MSIX + PCI_MSIX_PBA);
	put_unaligned_le32(PCI_CAP_ID_VNDR | 0x10 << 16, raw + VNDR);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&b->cfg, raw, CFG_SIZE, bars), 0);
}

static void init_func(struct bench *b, u8 index)
{
	struct riod_stub_func *fn = &b->fn[index];

	fn->exp = &b->a->exp;
	fn->pdev = &b->pdev;
	fn->index = index;
	fn->cfg = &b->cfg;
	fn->link = fake_link(&b->a->sync);
	fn->command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
	mutex_init(&fn->lock);
	spin_lock_init(&fn->cmd_lock);
	riod_stub_irq_init(fn);
	b->a->exp.funcs[index] = fn;
	b->a->exp.nfuncs = index + 1;
}

static int frame_test_init(struct kunit *test)
{
	struct bench *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	struct riod_stub_func *fn;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->pdev.dev.init_name = "test";
	b->pdev.cfg_size = CFG_SIZE;
	b->pdev.irq = 1;
	init_cfg(test, b);
	for (i = 0; i < BAR_SIZE; i++)
		b->bar[i] = 1 + i % 251;
	for (i = 0; i < IO_SIZE; i++)
		b->io[i] = 0x40 + i;
	for (i = 0; i < ROM_SIZE; i++)
		b->rom[i] = 1 + i % 241;
	for (i = 0; i < CFG_SIZE; i++)
		b->config[i] = 0xc0 ^ i;

	b->a = fake_att_create(test);
	init_func(b, 0);
	init_func(b, 1);
	fn = &b->fn[0];
	fn->bars[0].map = (void __iomem __force *)b->bar;
	fn->bars[0].size = BAR_SIZE;
	fn->bars[2].map = (void __iomem __force *)b->io;
	fn->bars[2].size = IO_SIZE;
	fn->bars[2].flags = RIOD_BAR_F_IO;
	fn->bars[4] = fn->bars[2];
	fn->bars[4].size = 4;
	fn->bars[RIOD_REGION_ROM].size = ROM_WINDOW;
	fn->rom = b->rom;
	fn->rom_size = ROM_SIZE;
	fn->nintx = 1;
	fn->nmsi = VECTORS;
	fn->nmsix = VECTORS;
	test->priv = b;
	bench = b;
	return 0;
}

static void frame_test_exit(struct kunit *test)
{
	struct bench *b = test->priv;
	unsigned int i;

	if (!b)
		return;
	for (i = 0; i < ARRAY_SIZE(b->fn); i++) {
		mutex_lock(&b->fn[i].lock);
		riod_stub_irq_off(&b->fn[i]);
		mutex_unlock(&b->fn[i].lock);
	}
	KUNIT_EXPECT_EQ(test, b->nvecs, 0);
	KUNIT_EXPECT_EQ(test, b->vecs, 0);
	KUNIT_EXPECT_FALSE(test, b->line);
	KUNIT_EXPECT_EQ(test, b->ungated, 0);
	fake_att_destroy(test, b->a);
}

static struct riod_frame *frame(struct kunit *test, u8 type, u8 func, u32 len)
{
	struct riod_frame *f = kunit_kzalloc(test, struct_size(f, body, len), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->len = len;
	f->hdr.len = cpu_to_le32(sizeof(f->hdr) + len);
	f->hdr.type = type;
	f->hdr.func = func;
	return f;
}

/* as the session has it: nothing is handed over that the wire format forbids */
static int take(struct bench *b, struct riod_frame *f)
{
	return riod_wire_validate(f, false) ?: riod_stub_frame(&b->a->att, f);
}

/* a legal one, and it got as far as the stub */
static int give(struct kunit *test, struct riod_frame *f)
{
	struct bench *b = test->priv;

	KUNIT_ASSERT_EQ(test, riod_wire_validate(f, false), 0);
	return riod_stub_frame(&b->a->att, f);
}

static u32 status_of(const struct bench *b)
{
	return le32_to_cpu(b->reply.status);
}

/* ------------------------------------------------------------ types */

/* as little as each type takes to be legal */
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
		       type == RIOD_FRAME_UNMAP;
		KUNIT_EXPECT_EQ_MSG(test, riod_stub_frame(&b->a->att, example(test, type, 0)),
				    want ? 0 : -EPROTO, "type %u", type);
	}
	KUNIT_EXPECT_EQ(test, b->nreplies, 3);
	KUNIT_EXPECT_EQ(test, atomic64_read(&b->a->exp.stats.maps), 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&b->a->exp.stats.unmaps), 1);
}

/* two functions: there is no third, whatever the frame is */
static void functions(struct kunit *test)
{
	static const u8 about[] = { RIOD_FRAME_REG, RIOD_FRAME_CTL, RIOD_FRAME_IRQ_SETUP };
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

/* a peer that asks for more than it may is at fault; that it is gone is no fault */
static void replies(struct kunit *test)
{
	struct bench *b = test->priv;

	b->reply_ret = -EPROTO;
	KUNIT_EXPECT_EQ(test, give(test, example(test, RIOD_FRAME_REG, 0)), -EPROTO);
	b->reply_ret = -ENOTCONN;
	KUNIT_EXPECT_EQ(test, give(test, example(test, RIOD_FRAME_REG, 0)), 0);
}

/* ------------------------------------------------------------ registers */

struct reg_case {
	const char *name;
	u64 offset;
	u8 region;
	u8 width;
	enum riod_status read, write;
	u8 off;		/* bits of the command register that are */
	u8 power;
	bool fenced;
};

#define OK	RIOD_STATUS_OK
#define DENIED	RIOD_STATUS_DENIED
#define INVALID	RIOD_STATUS_INVALID
#define FAILED	RIOD_STATUS_FAILED

#define IO	PCI_COMMAND_IO
#define MEMORY	PCI_COMMAND_MEMORY

static const struct reg_case reg_cases[] = {
	{ "first byte", 0, 0, 1, OK, OK },
	{ "2 bytes", 2, 0, 2, OK, OK },
	{ "4 bytes", 4, 0, 4, OK, OK },
	{ "8 bytes", 8, 0, 8, OK, OK },
	{ "last byte", BAR_SIZE - 1, 0, 1, OK, OK },
	{ "last 8 bytes", BAR_SIZE - 8, 0, 8, OK, OK },
	{ "byte behind", BAR_SIZE, 0, 1, INVALID, INVALID },
	{ "8 bytes behind", BAR_SIZE, 0, 8, INVALID, INVALID },
	{ "far behind", RIOD_BAR_SIZE_MAX - 8, 0, 8, INVALID, INVALID },
	{ "4 GiB behind", SZ_4G, 0, 4, INVALID, INVALID },
	{ "no such bar", 0, 1, 4, INVALID, INVALID },
	{ "no such bar, the last", 0, 5, 1, INVALID, INVALID },
	{ "memory is off", 0, 0, 4, DENIED, DENIED, .off = MEMORY },
	{ "io is off", 0, 0, 4, OK, OK, .off = IO },
	{ "D1", 0, 0, 4, DENIED, DENIED, .power = 1 },
	{ "D3", 0, 0, 4, DENIED, DENIED, .power = 3 },
	{ "fenced", 0, 0, 4, DENIED, DENIED, .fenced = true },
	{ "port", 4, 2, 4, OK, OK },
	{ "two ports", 8, 2, 8, OK, OK },
	{ "last port", IO_SIZE - 1, 2, 1, OK, OK },
	{ "port behind", IO_SIZE, 2, 1, INVALID, INVALID },
	{ "all of a small bar", 0, 4, 4, OK, OK },
	{ "wider than the bar", 0, 4, 8, INVALID, INVALID },
	{ "behind a small bar", 4, 4, 4, INVALID, INVALID },
	{ "port, memory is off", 0, 2, 4, OK, OK, .off = MEMORY },
	{ "port, io is off", 0, 2, 4, DENIED, DENIED, .off = IO },
	{ "port, D3", 0, 2, 1, DENIED, DENIED, .power = 3 },
	{ "port, fenced", 0, 2, 1, DENIED, DENIED, .fenced = true },
	{ "before the MSI-X table", TABLE - 8, 0, 8, OK, OK },
	{ "MSI-X table", TABLE, 0, 4, OK, DENIED },
	{ "MSI-X table, last byte", TABLE + 16 * VECTORS - 1, 0, 1, OK, DENIED },
	{ "MSI-X table, off", TABLE, 0, 4, DENIED, DENIED, .off = MEMORY },
	{ "behind the MSI-X table", TABLE + 16 * VECTORS, 0, 8, OK, OK },
	{ "MSI-X pending bits", PBA, 0, 8, OK, DENIED },
	{ "behind the MSI-X pending bits", PBA + 8, 0, 8, OK, OK },
	{ "rom", 0, RIOD_REGION_ROM, 4, OK, DENIED },
	{ "end of the rom", ROM_SIZE - 8, RIOD_REGION_ROM, 8, OK, DENIED },
	{ "behind the rom", ROM_SIZE, RIOD_REGION_ROM, 8, OK, DENIED },
	{ "end of the rom's window", ROM_WINDOW - 1, RIOD_REGION_ROM, 1, OK, DENIED },
	{ "behind the rom's window", ROM_WINDOW, RIOD_REGION_ROM, 1, INVALID, INVALID },
	{ "rom, memory is off", 0, RIOD_REGION_ROM, 4, DENIED, DENIED, .off = MEMORY },
	{ "rom, fenced", 0, RIOD_REGION_ROM, 4, DENIED, DENIED, .fenced = true },
};

static void reg_desc(const struct reg_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(reg, reg_cases, reg_desc);

static struct riod_frame *reg(struct kunit *test, u32 tag, u8 op, u8 region, u64 offset,
			      u8 width, u64 value)
{
	struct riod_frame *f = frame(test, RIOD_FRAME_REG, 0, sizeof(struct riod_wire_reg));

	*(struct riod_wire_reg *)f->body = (struct riod_wire_reg){
		.tag = cpu_to_le32(tag), .region = region, .width = width, .op = op,
		.offset = cpu_to_le64(offset), .value = cpu_to_le64(value),
	};
	return f;
}

/* byte by byte, what a peer is to see */
static u64 reg_value(const struct bench *b, const struct reg_case *c)
{
	u64 at, value = 0;
	unsigned int i;
	u8 byte;

	for (i = 0; i < c->width; i++) {
		at = c->offset + i;
		if (c->region == 2 || c->region == 4)
			byte = b->io[at];
		else if (c->region == RIOD_REGION_ROM)
			byte = at < ROM_SIZE ? b->rom[at] : 0xff;
		else if ((at >= TABLE && at < TABLE + 16 * VECTORS) ||
			 (at >= PBA && at < PBA + 8))
			byte = 0;
		else
			byte = b->bar[at];
		value |= (u64)byte << (8 * i);
	}
	return value;
}

static struct bench *reg_bench(struct kunit *test, const struct reg_case *c)
{
	struct bench *b = test->priv;

	b->fn[0].command &= ~c->off;
	b->fn[0].power = c->power;
	b->fn[0].fenced = c->fenced;
	return b;
}

static void reg_reads(struct kunit *test)
{
	const struct reg_case *c = test->param_value;
	struct bench *b = reg_bench(test, c);
	u64 want = c->read == OK ? reg_value(b, c) : ~0ull;

	KUNIT_EXPECT_EQ(test, give(test, reg(test, 7, RIOD_REG_READ, c->region, c->offset,
					     c->width, 0)), 0);
	KUNIT_EXPECT_EQ(test, b->nreplies, 1);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(b->reply.tag), 7);
	KUNIT_EXPECT_EQ(test, status_of(b), c->read);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(b->reply.value), want);
	KUNIT_EXPECT_EQ(test, atomic64_read(&b->a->exp.stats.denied), c->read != OK);
}

/* nothing changes but what was written, and that only where it may */
static void reg_writes(struct kunit *test)
{
	const struct reg_case *c = test->param_value;
	struct bench *b = reg_bench(test, c);
	const u64 value = 0x8182838485868788ull;
	struct bench *want = kunit_kzalloc(test, sizeof(*want), GFP_KERNEL);
	unsigned int i, tag;
	u8 *regs;

	KUNIT_ASSERT_NOT_NULL(test, want);
	memcpy(want, b, sizeof(*want));
	regs = c->region ? want->io : want->bar;
	for (i = 0; c->write == OK && i < c->width; i++)
		regs[c->offset + i] = value >> (8 * i);

	/* posted, and with a tag */
	for (tag = 0; tag < 2; tag++) {
		KUNIT_EXPECT_EQ(test, give(test, reg(test, tag, RIOD_REG_WRITE, c->region,
						     c->offset, c->width,
						     value & (~0ull >> (64 - 8 * c->width)))), 0);
		KUNIT_EXPECT_EQ(test, b->nreplies, tag);
		KUNIT_EXPECT_MEMEQ(test, b->bar, want->bar, BAR_SIZE);
		KUNIT_EXPECT_MEMEQ(test, b->io, want->io, IO_SIZE);
		KUNIT_EXPECT_MEMEQ(test, b->rom, want->rom, ROM_SIZE);
	}
	KUNIT_EXPECT_EQ(test, status_of(b), c->write);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(b->reply.value), c->write == OK ? 0 : ~0ull);
	KUNIT_EXPECT_EQ(test, atomic64_read(&b->a->exp.stats.denied), c->write == OK ? 0 : 2);
}

/* ------------------------------------------------------------ config space */

struct cfg_case {
	const char *name;
	u16 offset;
	u8 width;
	enum riod_status read, write;
	u32 value;
	bool fenced;
	int ret;
};

static const struct cfg_case cfg_cases[] = {
	{ "vendor-specific", VNDR + 4, 4, OK, OK, 0x17161514 },
	{ "vendor-specific, 2 bytes", VNDR + 6, 2, OK, OK, 0x1716 },
	{ "vendor-specific, a byte", VNDR + 15, 1, OK, OK, 0x1f },
	{ "vendor-specific, header", VNDR, 4, OK, DENIED, 0x13100009 },
	{ "ids", PCI_VENDOR_ID, 4, DENIED, DENIED },
	{ "command", PCI_COMMAND, 2, DENIED, DENIED },
	/* the command is the model's, the status the device's */
	{ "command and status", PCI_COMMAND, 4, OK, DENIED, 0xc7c60000 },
	{ "bar", PCI_BASE_ADDRESS_0, 4, DENIED, DENIED },
	{ "a byte of a bar", PCI_BASE_ADDRESS_0 + 3, 1, DENIED, DENIED },
	{ "rom address", PCI_ROM_ADDRESS, 4, DENIED, DENIED },
	{ "capability list", PCI_CAPABILITY_LIST, 1, DENIED, DENIED },
	{ "interrupt line", PCI_INTERRUPT_LINE, 1, DENIED, DENIED },
	{ "MSI control", MSI + PCI_MSI_FLAGS, 2, DENIED, DENIED },
	{ "MSI address", MSI + PCI_MSI_ADDRESS_LO, 4, DENIED, DENIED },
	{ "MSI data", MSI + PCI_MSI_DATA_64, 2, DENIED, DENIED },
	{ "MSI-X control", MSIX + PCI_MSIX_FLAGS, 2, DENIED, DENIED },
	{ "MSI-X table", MSIX + PCI_MSIX_TABLE, 4, DENIED, DENIED },
	{ "behind the end", CFG_SIZE, 4, INVALID, INVALID },
	{ "end of a larger space", RIOD_CFG_SIZE_MAX - 4, 4, INVALID, INVALID },
	{ "fenced", VNDR + 4, 4, DENIED, DENIED, .fenced = true },
	{ "fails", VNDR + 4, 4, FAILED, FAILED, .ret = PCIBIOS_DEVICE_NOT_FOUND },
};

static void cfg_desc(const struct cfg_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cfg, cfg_cases, cfg_desc);

/* what is refused never gets as far as the device */
static bool cfg_reaches(enum riod_status status)
{
	return status == OK || status == FAILED;
}

static void cfg_reads(struct kunit *test)
{
	const struct cfg_case *c = test->param_value;
	struct bench *b = test->priv;

	b->fn[0].fenced = c->fenced;
	b->cfg_ret = c->ret;
	KUNIT_EXPECT_EQ(test, give(test, reg(test, 7, RIOD_REG_READ, RIOD_REGION_CONFIG,
					     c->offset, c->width, 0)), 0);
	KUNIT_EXPECT_EQ(test, b->nreplies, 1);
	KUNIT_EXPECT_EQ(test, status_of(b), c->read);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(b->reply.value), c->read == OK ? c->value : ~0ull);
	KUNIT_EXPECT_EQ(test, b->nconfig, cfg_reaches(c->read));
}

static void cfg_writes(struct kunit *test)
{
	const struct cfg_case *c = test->param_value;
	struct bench *b = test->priv;
	u8 want[CFG_SIZE];
	unsigned int i;

	memcpy(want, b->config, sizeof(want));
	for (i = 0; cfg_reaches(c->write) && i < c->width; i++)
		want[c->offset + i] = 0x11;
	b->fn[0].fenced = c->fenced;
	b->cfg_ret = c->ret;
	KUNIT_EXPECT_EQ(test, give(test, reg(test, 7, RIOD_REG_WRITE, RIOD_REGION_CONFIG,
					     c->offset, c->width,
					     0x11111111 >> (32 - 8 * c->width))), 0);
	KUNIT_EXPECT_EQ(test, b->nreplies, 1);
	KUNIT_EXPECT_EQ(test, status_of(b), c->write);
	KUNIT_EXPECT_EQ(test, b->nconfig, cfg_reaches(c->write));
	KUNIT_EXPECT_MEMEQ(test, b->config, want, sizeof(want));
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

	/* in D3 the bit is kept, and nothing more */
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

/* whoever is fenced gets nothing back, and touches nothing */
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

/* the wire format has no others; should it get some, the stub does not guess */
static void ctl_unknown(struct kunit *test)
{
	struct riod_wire_ctl c = { .tag = cpu_to_le32(1) };
	struct bench *b = test->priv;

	KUNIT_EXPECT_EQ(test, riod_stub_ctl(&b->fn[0], &c), -EPROTO);
	c.op = cpu_to_le16(RIOD_CTL_INTX_MASK + 1);
	KUNIT_EXPECT_EQ(test, riod_stub_ctl(&b->fn[0], &c), -EPROTO);
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
};

static const struct setup_case setup_cases[] = {
	{ "off", 0, RIOD_IRQ_MSI, 0, 0, OK },
	{ "line", 0, RIOD_IRQ_INTX, 1, 1, OK, .line = true },
	{ "MSI", 0, RIOD_IRQ_MSI, 4, 0xf, OK, 4, 0xf },
	{ "MSI, some", 0, RIOD_IRQ_MSI, 3, 0x5, OK, 3, 0x5 },
	{ "MSI, too many", 0, RIOD_IRQ_MSI, 5, 0x1f, INVALID },
	{ "MSI, most", 0, RIOD_IRQ_MSI, 32, 0, INVALID },
	/* always with the whole table */
	{ "MSI-X, one", 0, RIOD_IRQ_MSIX, 1, 0x1, OK, 4, 0x1 },
	{ "MSI-X, all", 0, RIOD_IRQ_MSIX, 4, 0xf, OK, 4, 0xf },
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

	/* from nothing, and from what another index had set up */
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
		KUNIT_EXPECT_EQ(test, b->line, c->line);
		KUNIT_EXPECT_EQ(test, b->fn[c->func].irq.on, c->nvecs || c->line);
	}
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
	/* the one that is at fault is the last that is looked at */
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

/* of these the stub's own arithmetic need not be afraid */
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

/* whoever refuses it, wire format or stub: the device never sees it */
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
	KUNIT_CASE(functions),
	KUNIT_CASE(replies),
	KUNIT_CASE_PARAM(reg_reads, reg_gen_params),
	KUNIT_CASE_PARAM(reg_writes, reg_gen_params),
	KUNIT_CASE_PARAM(cfg_reads, cfg_gen_params),
	KUNIT_CASE_PARAM(cfg_writes, cfg_gen_params),
	KUNIT_CASE(ctl_legal),
	KUNIT_CASE(ctl_fenced),
	KUNIT_CASE(ctl_unknown),
	KUNIT_CASE_PARAM(setups, setup_gen_params),
	KUNIT_CASE(map_records),
	KUNIT_CASE_PARAM(records, record_gen_params),
	{}
};

static struct kunit_suite frame_suite = {
	.name = "riod_stub_frame",
	.init = frame_test_init,
	.exit = frame_test_exit,
	.test_cases = frame_cases,
};

kunit_test_suite(frame_suite);

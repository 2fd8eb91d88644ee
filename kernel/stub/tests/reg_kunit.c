// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_kunit.c - register accesses of a peer to a function: BARs, ROM, config
 * space
 */
#include <kunit/test.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "bench.h"

/* ------------------------------------------------------------ registers */

struct reg_case {
	const char *name;
	u64 offset;
	u8 region;
	u8 width;
	enum riod_status read, write;
	u8 off;		/* bits that are clear in the command register */
	u8 power;
	bool fenced;
};

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

/* the expected value, byte by byte */
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

/* only the bytes written change, and only if the write is permitted */
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

	/* posted (tag 0), and with a tag */
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
	/* the command comes from the model, the status from the device */
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
	{ "VPD header", VPD, 2, DENIED, DENIED },
	{ "in no capability", 0x90, 4, OK, DENIED, 0x53525150 },
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

/* refused accesses do not reach the device */
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

static u32 vpd(struct kunit *test, u8 op, u16 offset, u8 width, u32 value)
{
	struct bench *b = test->priv;

	KUNIT_EXPECT_EQ(test, give(test, reg(test, 7, op, RIOD_REGION_CONFIG, VPD + offset,
					     width, value)), 0);
	return status_of(b) == OK ? le64_to_cpu(b->reply.value) : ~0u;
}

/* the stub emulates the registers; the device is only read */
static void vpd_registers(struct kunit *test)
{
	struct bench *b = test->priv;

	vpd(test, RIOD_REG_WRITE, PCI_VPD_ADDR, 2, 0x10);
	KUNIT_EXPECT_EQ(test, b->nvpd, 1);
	KUNIT_EXPECT_EQ(test, vpd(test, RIOD_REG_READ, PCI_VPD_ADDR, 2, 0), 0x8010);
	KUNIT_EXPECT_EQ(test, vpd(test, RIOD_REG_READ, 0, 4, 0),
			0x80100000 | VNDR << 8 | PCI_CAP_ID_VPD);
	KUNIT_EXPECT_EQ(test, vpd(test, RIOD_REG_READ, PCI_VPD_DATA, 4, 0), 0x13121110);
	KUNIT_EXPECT_EQ(test, vpd(test, RIOD_REG_READ, PCI_VPD_DATA + 2, 1, 0), 0x12);

	/* in two writes: the upper byte, with the flag, starts the read */
	vpd(test, RIOD_REG_WRITE, PCI_VPD_ADDR, 1, 0x20);
	KUNIT_EXPECT_EQ(test, b->nvpd, 1);
	vpd(test, RIOD_REG_WRITE, PCI_VPD_ADDR + 1, 1, 0);
	KUNIT_EXPECT_EQ(test, b->nvpd, 2);
	KUNIT_EXPECT_EQ(test, vpd(test, RIOD_REG_READ, PCI_VPD_DATA, 4, 0), 0x23222120);

	/* a VPD write never completes, nor does a failed read */
	vpd(test, RIOD_REG_WRITE, PCI_VPD_ADDR, 2, 0x8030);
	KUNIT_EXPECT_EQ(test, b->nvpd, 2);
	KUNIT_EXPECT_EQ(test, vpd(test, RIOD_REG_READ, PCI_VPD_ADDR, 2, 0), 0x8030);
	KUNIT_EXPECT_EQ(test, vpd(test, RIOD_REG_WRITE, PCI_VPD_DATA, 4, 1), ~0u);
	b->vpd_ret = -EIO;
	vpd(test, RIOD_REG_WRITE, PCI_VPD_ADDR, 2, 0x40);
	KUNIT_EXPECT_EQ(test, vpd(test, RIOD_REG_READ, PCI_VPD_ADDR, 2, 0), 0x40);

	b->vpd_ret = 0;
	b->nvpd = 0;
	b->fn[0].power = 3;
	vpd(test, RIOD_REG_WRITE, PCI_VPD_ADDR, 2, 0x40);
	KUNIT_EXPECT_EQ(test, b->nvpd, 0);
	KUNIT_EXPECT_EQ(test, b->nconfig, 0);

	/* a read waits for an EEPROM, so it must not hold the gate, which cuts take */
	KUNIT_EXPECT_EQ(test, b->vpd_gated, 0);
}

static struct kunit_case reg_test_cases[] = {
	KUNIT_CASE_PARAM(reg_reads, reg_gen_params),
	KUNIT_CASE_PARAM(reg_writes, reg_gen_params),
	KUNIT_CASE_PARAM(cfg_reads, cfg_gen_params),
	KUNIT_CASE_PARAM(cfg_writes, cfg_gen_params),
	KUNIT_CASE(vpd_registers),
	{}
};

static struct kunit_suite reg_suite = {
	.name = "riod_stub_reg",
	.init = bench_init,
	.exit = bench_exit,
	.test_cases = reg_test_cases,
};

kunit_test_suite(reg_suite);

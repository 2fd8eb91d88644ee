// SPDX-License-Identifier: GPL-2.0-only
/*
 * cfgspace_kunit.c - the config space model, on synthetic images
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/unaligned.h>
#include <uapi/linux/pci_regs.h>

#include "compat_export.h"
#include "cfgspace.h"
#include "load.h"

#define PM	0x40
#define MSI	0x50
#define MSIX	0x70
#define EXP	0x80
#define VPD	0xc0
#define VNDR	0xd0

struct image {
	u8 raw[RIOD_CFG_SIZE_MAX];
	struct riod_cfg_bar bars[RIOD_BARS];
	struct riod_cfg cfg;
};

static void put16(struct image *m, u16 pos, u16 v)
{
	put_unaligned_le16(v, m->raw + pos);
}

static void put32(struct image *m, u16 pos, u32 v)
{
	put_unaligned_le32(v, m->raw + pos);
}

/* an endpoint with every kind of BAR and capability, and BAR addresses set */
static struct image *image(struct kunit *test)
{
	struct image *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	put32(m, 0, 0x00101b36);
	put16(m, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	put16(m, PCI_STATUS, PCI_STATUS_CAP_LIST);
	put32(m, PCI_CLASS_REVISION, 0x01080202);
	put32(m, PCI_BASE_ADDRESS_0, 0xfe000004);
	m->raw[PCI_CAPABILITY_LIST] = PM;
	m->raw[PCI_INTERRUPT_PIN] = 1;

	m->bars[0] = (struct riod_cfg_bar){ SZ_16K, RIOD_BAR_F_64 };
	m->bars[2] = (struct riod_cfg_bar){ 32, RIOD_BAR_F_IO };
	m->bars[3] = (struct riod_cfg_bar){ SZ_4K, RIOD_BAR_F_PREFETCH };
	m->bars[RIOD_REGION_ROM] = (struct riod_cfg_bar){ SZ_64K, 0 };

	put16(m, PM, PCI_CAP_ID_PM | MSI << 8);
	put16(m, PM + PCI_PM_PMC, 3 | PCI_PM_CAP_D2 | PCI_PM_CAP_PME_MASK);
	put16(m, PM + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	put16(m, MSI, PCI_CAP_ID_MSI | MSIX << 8);
	put16(m, MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT |
	      PCI_MSI_FLAGS_ENABLE);
	put32(m, MSI + PCI_MSI_ADDRESS_LO, 0xfee00000);
	put16(m, MSIX, PCI_CAP_ID_MSIX | EXP << 8);
	put16(m, MSIX + PCI_MSIX_FLAGS, 64 | PCI_MSIX_FLAGS_ENABLE);
	put32(m, MSIX + PCI_MSIX_TABLE, 0x2000);
	put32(m, MSIX + PCI_MSIX_PBA, 0x3000);
	put16(m, EXP, PCI_CAP_ID_EXP | VPD << 8);
	put16(m, EXP + PCI_EXP_FLAGS, 2);
	put32(m, EXP + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_FLR);
	put16(m, EXP + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_RELAX_EN);
	put32(m, EXP + PCI_EXP_DEVCAP2, ~0u);
	put16(m, VPD, PCI_CAP_ID_VPD | VNDR << 8);
	put16(m, VPD + 2, 0x8000);
	put32(m, VPD + 4, 0xdeadbeef);
	put32(m, VNDR, PCI_CAP_ID_VNDR | 0x10 << 16);

	put32(m, 0x100, PCI_EXT_CAP_ID_ERR | 0x140 << 20 | 1 << 16);
	put32(m, 0x104, 0x12345678);
	put32(m, 0x140, PCI_EXT_CAP_ID_DSN | 0x180 << 20 | 1 << 16);
	put32(m, 0x144, 0x11223344);
	put32(m, 0x180, PCI_EXT_CAP_ID_ATS | 0x200 << 20 | 1 << 16);
	put32(m, 0x200, PCI_EXT_CAP_ID_LTR | 0x240 << 20 | 1 << 16);
	put32(m, 0x204, 0x10031003);
	put32(m, 0x240, PCI_EXT_CAP_ID_PWR | 0x280 << 20 | 1 << 16);
	put32(m, 0x280, PCI_EXT_CAP_ID_DVSEC | 1 << 16);
	put32(m, 0x284, 0x10 << 20 | 0x1e98);
	return m;
}

static u32 rd(struct image *m, u16 pos, u8 width)
{
	u32 v;

	riod_cfg_read(&m->cfg, pos, width, &v);
	return v;
}

static struct image *model(struct kunit *test)
{
	struct image *m = image(test);

	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	return m;
}

static void bars_size(struct kunit *test)
{
	static const struct { u8 n; u32 sizing; } cases[] = {
		{ 0, 0xffffc004 }, { 1, 0xffffffff }, { 2, 0xffffffe1 },
		{ 3, 0xfffff008 }, { 4, 0 }, { 5, 0 },
	};
	struct image *m = model(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u16 pos = PCI_BASE_ADDRESS_0 + 4 * cases[i].n;

		KUNIT_EXPECT_EQ(test, riod_cfg_write(&m->cfg, pos, 4, ~0u), 0);
		KUNIT_EXPECT_EQ_MSG(test, rd(m, pos, 4), cases[i].sizing, "BAR %u", cases[i].n);
	}
	riod_cfg_write(&m->cfg, PCI_ROM_ADDRESS, 4, ~0u);
	KUNIT_EXPECT_EQ(test, rd(m, PCI_ROM_ADDRESS, 4), 0xffff0001);
}

static void bars_bad(struct kunit *test)
{
	static const struct { const char *name; u8 n; struct riod_cfg_bar bar; } cases[] = {
		{ "not a power of two", 3, { 0x1800, 0 } },
		{ "64 bit in the last slot", 5, { SZ_4K, RIOD_BAR_F_64 } },
		{ "64 bit over another", 2, { SZ_4K, RIOD_BAR_F_64 } },
		{ "io of 64 bits", 4, { 32, RIOD_BAR_F_IO | RIOD_BAR_F_64 } },
		{ "io too large", 4, { SZ_128K, RIOD_BAR_F_IO } },
		{ "4 GiB in 32 bits", 4, { SZ_4G, 0 } },
		{ "memory of 8 bytes", 4, { 8, 0 } },
		{ "rom too large", RIOD_REGION_ROM, { SZ_32M, 0 } },
		{ "msix table outside", 0, { SZ_4K, RIOD_BAR_F_64 } },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image *m = image(test);

		m->bars[cases[i].n] = cases[i].bar;
		KUNIT_EXPECT_EQ_MSG(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars),
				    -EINVAL, "%s", cases[i].name);
	}
}

/* walk a capability list as a guest does; returns the count, fails on a loop */
static unsigned int count_caps(struct kunit *test, struct image *m, u8 id)
{
	unsigned int found = 0, ttl = 48;
	u8 pos;

	for (pos = rd(m, PCI_CAPABILITY_LIST, 1); pos; pos = rd(m, pos + 1, 1)) {
		KUNIT_ASSERT_NE(test, ttl--, 0);
		found += rd(m, pos, 1) == id;
	}
	return found;
}

static void caps_shown(struct kunit *test)
{
	struct image *m = model(test);

	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_PM), 1);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_MSI), 1);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_MSIX), 1);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_EXP), 1);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_VNDR), 1);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_VPD), 1);
	/* AER is hidden: the first header becomes a Null capability with a link */
	KUNIT_EXPECT_EQ(test, rd(m, 0x100, 4), 0x140u << 20);
	KUNIT_EXPECT_EQ(test, rd(m, 0x104, 4), 0);
	KUNIT_EXPECT_EQ(test, rd(m, 0x140, 4), PCI_EXT_CAP_ID_DSN | 1 << 16 | 0x200 << 20);
	KUNIT_EXPECT_EQ(test, rd(m, 0x144, 4), 0x11223344);
	KUNIT_EXPECT_EQ(test, rd(m, 0x180, 4), 0);
	KUNIT_EXPECT_EQ(test, rd(m, 0x200, 4), PCI_EXT_CAP_ID_LTR | 1 << 16 | 0x240 << 20);
	KUNIT_EXPECT_EQ(test, rd(m, 0x204, 4), 0x10031003);
	KUNIT_EXPECT_EQ(test, rd(m, 0x240, 4), PCI_EXT_CAP_ID_PWR | 1 << 16 | 0x280 << 20);
	KUNIT_EXPECT_EQ(test, rd(m, 0x280, 4), PCI_EXT_CAP_ID_DVSEC | 1 << 16);
}

static void caps_hostile(struct kunit *test)
{
	struct image *m = image(test);

	/* a capability that links to itself, and a list that points into the header */
	put16(m, PM, PCI_CAP_ID_PM | PM << 8);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_PM), 1);

	put16(m, PM, PCI_CAP_ID_PM | 0x10 << 8);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_PM), 1);

	/* a capability inside another one, and one that exceeds the space */
	put16(m, PM, PCI_CAP_ID_PM | (PM + 4) << 8);
	m->raw[PM + 4] = PCI_CAP_ID_VNDR;
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_PM), 0);

	put16(m, PM, PCI_CAP_ID_PM | 0xfc << 8);
	put16(m, 0xfc, PCI_CAP_ID_MSI);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_MSI), 0);

	/* a duplicate of a capability that must be unique */
	put16(m, PM, PCI_CAP_ID_PM | 0x48 << 8);
	put16(m, 0x48, PCI_CAP_ID_PM);
	KUNIT_EXPECT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), -EINVAL);

	/* extended capabilities: a loop, and a vendor capability longer than the space */
	m = image(test);
	put32(m, 0x180, PCI_EXT_CAP_ID_ATS | 0x100 << 20);
	KUNIT_EXPECT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	put32(m, 0x180, PCI_EXT_CAP_ID_VNDR | 1 << 16);
	put32(m, 0x184, 0xfff00000);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	KUNIT_EXPECT_EQ(test, rd(m, 0x180, 4), 0);

	/* a bridge */
	m->raw[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_BRIDGE;
	KUNIT_EXPECT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), -EINVAL);
	m->raw[PCI_HEADER_TYPE] = 0;
	KUNIT_EXPECT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 1000, m->bars), -EINVAL);
}

/* true if the guest may write any byte of this range of the device */
static bool writable(struct image *m, u16 pos, u16 len)
{
	u16 i;

	for (i = pos; i < pos + len; i++) {
		if (m->cfg.class[i] == RIOD_CFG_LIVE)
			return true;
	}
	return false;
}

/* a function with the header of image() and no capability */
static struct image *blank(struct kunit *test)
{
	struct image *m = image(test);

	memset(m->raw + PCI_STD_HEADER_SIZEOF, 0, sizeof(m->raw) - PCI_STD_HEADER_SIZEOF);
	return m;
}

/*
 * Registers that the kernel owns stay read-only for any layout of the list:
 * the model either recognizes them or hides them.
 */
static void caps_overlap(struct kunit *test)
{
	struct image *m = blank(test);

	/* capabilities shorter than 8 bytes: debug port, slot ID */
	put16(m, 0x40, PCI_CAP_ID_DBG | 0x44 << 8);
	put16(m, 0x44, PCI_CAP_ID_MSI | 0x60 << 8);
	put16(m, 0x46, PCI_MSI_FLAGS_64BIT);
	put16(m, 0x60, PCI_CAP_ID_PM | 0x80 << 8);
	put16(m, 0x80, PCI_CAP_ID_EXP);
	put16(m, 0x82, 2);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 256, m->bars), 0);
	KUNIT_EXPECT_EQ(test, m->cfg.msi_cap, 0x44);
	KUNIT_EXPECT_EQ(test, m->cfg.pm_cap, 0x60);
	KUNIT_EXPECT_EQ(test, m->cfg.exp_cap, 0x80);
	KUNIT_EXPECT_FALSE(test, writable(m, 0x44, 0x18));
	KUNIT_EXPECT_FALSE(test, writable(m, 0x60, PCI_PM_SIZEOF));
	KUNIT_EXPECT_FALSE(test, writable(m, 0x80, 0x3c));

	/* a capability that overlaps the next one is hidden; the next one stays */
	m = blank(test);
	put32(m, 0x40, PCI_CAP_ID_VNDR | 0x50 << 8 | 0x14 << 16);
	put16(m, 0x50, PCI_CAP_ID_MSI | 0x68 << 8);
	put16(m, 0x52, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT);
	put16(m, 0x68, PCI_CAP_ID_PM);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 256, m->bars), 0);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_VNDR), 0);
	KUNIT_EXPECT_EQ(test, m->cfg.msi_cap, 0x50);
	KUNIT_EXPECT_EQ(test, m->cfg.pm_cap, 0x68);
	KUNIT_EXPECT_FALSE(test, writable(m, 0x40, 0x68 + PCI_PM_SIZEOF - 0x40));

	/* the same with MSI-X as the next one */
	put16(m, 0x50, PCI_CAP_ID_MSIX);
	put16(m, 0x52, 3);
	put32(m, 0x54, 0);
	put32(m, 0x58, 0x3000);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 256, m->bars), 0);
	KUNIT_EXPECT_TRUE(test, riod_cfg_is_msix(&m->cfg, 0, 0, 4));

	/*
	 * PCI Express version 1, which may have the registers of version 2; and a
	 * capability that is not on the list
	 */
	m = blank(test);
	put16(m, 0x40, PCI_CAP_ID_EXP);
	put16(m, 0x42, 1);
	put16(m, 0x80, PCI_CAP_ID_PM);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 256, m->bars), 0);
	KUNIT_EXPECT_FALSE(test, writable(m, 0x40, 0xc0));
	KUNIT_EXPECT_TRUE(test, riod_cfg_may_read(&m->cfg, 0x80, 4));

	/* unknown length: the bytes up to the end are hidden */
	m = blank(test);
	put16(m, 0x40, PCI_CAP_ID_AGP);
	put32(m, 0x48, 0x12345678);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 256, m->bars), 0);
	KUNIT_EXPECT_FALSE(test, writable(m, 0x40, 0xc0));
	KUNIT_EXPECT_EQ(test, rd(m, 0x48, 4), 0);

	/* extended: a vendor-specific capability whose length covers SR-IOV */
	m = image(test);
	put32(m, 0x140, PCI_EXT_CAP_ID_VNDR | 0x180 << 20 | 1 << 16);
	put32(m, 0x144, 0x80 << 20);
	put32(m, 0x180, PCI_EXT_CAP_ID_SRIOV | 1 << 16);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	KUNIT_EXPECT_FALSE(test, writable(m, 0x100, 4096 - 0x100));
	KUNIT_EXPECT_EQ(test, rd(m, 0x140, 4), 0);
	put32(m, 0x144, 0x40 << 20);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	KUNIT_EXPECT_TRUE(test, writable(m, 0x148, 0x38));
	KUNIT_EXPECT_FALSE(test, writable(m, 0x180, 4096 - 0x180));
}

static void irqs_bad(struct kunit *test)
{
	static const struct { const char *name; u8 pin; u8 mmc; int ret; u8 reads; } cases[] = {
		{ "no pin", 0, 0, 0, 0 },
		{ "INTD, 32 vectors", 4, 5, 0, 5 },
		{ "pin 5", 5, 0, -EINVAL, 0 },
		{ "pin 200", 200, 0, -EINVAL, 0 },
		{ "64 vectors", 1, 6, 0, 5 },
		{ "128 vectors", 1, 7, 0, 5 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image *m = image(test);

		m->raw[PCI_INTERRUPT_PIN] = cases[i].pin;
		put16(m, MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT | cases[i].mmc << 1);
		KUNIT_EXPECT_EQ_MSG(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars),
				    cases[i].ret, "%s", cases[i].name);
		if (cases[i].ret)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, rd(m, MSI + PCI_MSI_FLAGS, 2),
				    PCI_MSI_FLAGS_64BIT | cases[i].reads << 1, "%s",
				    cases[i].name);
	}
}

static void irqs_limit(struct kunit *test)
{
	static const struct {
		const char *name;
		u16 nintx, nmsi, nmsix;
		int ret;
		u8 pin, mmc;
	} cases[] = {
		{ "all", 1, 8, 65, 0, 1, 3 },
		{ "no pin", 0, 8, 65, 0, 0, 3 },
		{ "fewer MSI", 1, 7, 65, 0, 1, 2 },
		{ "one MSI", 1, 1, 65, 0, 1, 0 },
		{ "more MSI", 1, 9, 65, -EINVAL },
		{ "fewer MSI-X", 1, 8, 64, -EINVAL },
		{ "more MSI-X", 1, 8, 66, -EINVAL },
	};
	struct image *m;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		m = image(test);
		put16(m, MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT | 3 << 1);
		KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
		KUNIT_EXPECT_EQ_MSG(test, riod_cfg_limit_irqs(&m->cfg, cases[i].nintx,
							      cases[i].nmsi, cases[i].nmsix),
				    cases[i].ret, "%s", cases[i].name);
		if (cases[i].ret)
			continue;
		riod_cfg_reset(&m->cfg);
		KUNIT_EXPECT_EQ_MSG(test, rd(m, PCI_INTERRUPT_PIN, 1), cases[i].pin, "%s",
				    cases[i].name);
		KUNIT_EXPECT_EQ_MSG(test, rd(m, MSI + PCI_MSI_FLAGS, 2),
				    PCI_MSI_FLAGS_64BIT | cases[i].mmc << 1, "%s",
				    cases[i].name);
	}

	m = model(test);
	KUNIT_EXPECT_EQ(test, riod_cfg_limit_irqs(&m->cfg, 1, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_MSI), 0);
	KUNIT_EXPECT_EQ(test, count_caps(test, m, PCI_CAP_ID_MSIX), 0);
	KUNIT_EXPECT_EQ(test, riod_cfg_limit_irqs(&m->cfg, 1, 1, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, riod_cfg_limit_irqs(&m->cfg, 1, 0, 1), -EINVAL);

	m = image(test);
	m->raw[PCI_INTERRUPT_PIN] = 0;
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	KUNIT_EXPECT_EQ(test, riod_cfg_limit_irqs(&m->cfg, 1, 1, 65), -EINVAL);
}

static void random_images(struct kunit *test)
{
	struct image *m = image(test);
	u32 seed = 1, v;
	unsigned int i, j;

	for (i = 0; i < RIOD_LOAD(2000); i++) {
		for (j = 0x40; j < sizeof(m->raw); j++) {
			seed = seed * 1664525 + 1013904223;
			m->raw[j] = seed >> 24;
		}
		m->raw[PCI_CAPABILITY_LIST] = seed >> 16;
		if (riod_cfg_init(&m->cfg, m->raw, 4096, m->bars))
			continue;
		count_caps(test, m, 0);
		for (j = 0; j < 4096; j += 4) {
			riod_cfg_write(&m->cfg, j, 4, seed);
			riod_cfg_read(&m->cfg, j, 4, &v);
		}
	}
}

static void writes(struct kunit *test)
{
	static const struct {
		const char *name;
		u16 pos;
		u8 width;
		u32 value;
		u32 reads;
		u32 effects;
	} cases[] = {
		{ "ids do not change", 0, 4, 0, 0x00101b36, 0 },
		{ "command", PCI_COMMAND, 2, 0xffff, 0x0547, RIOD_CFG_EFF_COMMAND },
		{ "parity alone", PCI_COMMAND, 2, PCI_COMMAND_PARITY, PCI_COMMAND_PARITY, 0 },
		{ "interrupt line", PCI_INTERRUPT_LINE, 1, 11, 11, 0 },
		{ "interrupt pin", PCI_INTERRUPT_PIN, 1, 3, 1, 0 },
		{ "no PME", PM + PCI_PM_PMC, 2, 0xffff, 3 | PCI_PM_CAP_D2, 0 },
		{ "D3", PM + PCI_PM_CTRL, 2, 0xffff, 3 | PCI_PM_CTRL_NO_SOFT_RESET,
		  RIOD_CFG_EFF_POWER },
		{ "msi starts clean", MSI + PCI_MSI_FLAGS, 2, 0,
		  PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, 0 },
		{ "msi address", MSI + PCI_MSI_ADDRESS_LO, 4, ~0u, 0xfffffffc, 0 },
		{ "msix enable", MSIX + PCI_MSIX_FLAGS, 2, 0xffff, 0xc040, 0 },
		{ "msix table stays", MSIX + PCI_MSIX_TABLE, 4, 0, 0x2000, 0 },
		{ "No-Snoop stays off", EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_NOSNOOP_EN, 0,
		  RIOD_CFG_EFF_DEVCTL },
		{ "FLR", EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR |
		  PCI_EXP_DEVCTL_RELAX_EN, PCI_EXP_DEVCTL_RELAX_EN, RIOD_CFG_EFF_FLR },
		{ "AtomicOps stay off", EXP + PCI_EXP_DEVCTL2, 2, 0xffff, 0x001f, 0 },
		{ "vendor-specific goes on", VNDR + 4, 4, 1, 0, RIOD_CFG_EFF_LIVE },
		{ "vendor-specific header", VNDR, 2, 0xffff, PCI_CAP_ID_VNDR, 0 },
		{ "VPD address", VPD + 2, 2, 4, 0, RIOD_CFG_EFF_LIVE },
		{ "VPD data", VPD + 4, 4, 4, 0, 0 },
		{ "D1 is lacking", PM + PCI_PM_CTRL, 2, 1, PCI_PM_CTRL_NO_SOFT_RESET, 0 },
		{ "D2 is there", PM + PCI_PM_CTRL, 2, 2, 2 | PCI_PM_CTRL_NO_SOFT_RESET,
		  RIOD_CFG_EFF_POWER },
		{ "read request size", EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_READRQ_2048B,
		  PCI_EXP_DEVCTL_READRQ_2048B, RIOD_CFG_EFF_DEVCTL },
		{ "relaxed ordering stays", EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_RELAX_EN |
		  PCI_EXP_DEVCTL_CERE, PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_CERE, 0 },
		{ "more MSI than there are", MSI + PCI_MSI_FLAGS, 2, 0x71,
		  PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT | 1, 0 },
		{ "MSI mask", MSI + PCI_MSI_MASK_64, 4, 1, 1, RIOD_CFG_EFF_MSI_MASK },
		{ "MSI pending", MSI + PCI_MSI_PENDING_64, 4, 1, 0, 0 },
		{ "power budget selector", 0x244, 1, 1, 0, RIOD_CFG_EFF_LIVE },
		{ "designated vendor-specific", 0x28c, 4, 1, 0, 0 },
		{ "unaligned", PCI_COMMAND + 1, 2, 0xffff, ~0u, 0 },
		{ "outside", 4096, 4, 0, ~0u, 0 },
		{ "width 3", PCI_INTERRUPT_LINE, 3, 0, ~0u, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image *m = model(test);

		KUNIT_EXPECT_EQ_MSG(test, riod_cfg_write(&m->cfg, cases[i].pos, cases[i].width,
							 cases[i].value),
				    cases[i].effects, "%s", cases[i].name);
		KUNIT_EXPECT_EQ_MSG(test, rd(m, cases[i].pos, cases[i].width), cases[i].reads,
				    "%s", cases[i].name);
	}
}

/* FLR is hidden for a function that cannot be reset, and a request for it has no effect */
static void flr_hidden(struct kunit *test)
{
	struct image *m = image(test);
	u16 af = 0xe0;

	m->raw[PCI_CAPABILITY_LIST] = af;
	put16(m, af, PCI_CAP_ID_AF | PM << 8);
	m->raw[af + PCI_AF_LENGTH] = PCI_CAP_AF_SIZEOF;
	m->raw[af + PCI_AF_CAP] = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, sizeof(m->raw), m->bars), 0);
	KUNIT_EXPECT_EQ(test, riod_cfg_write(&m->cfg, af + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR),
			RIOD_CFG_EFF_FLR);
	riod_cfg_hide_flr(&m->cfg);
	riod_cfg_reset(&m->cfg);
	KUNIT_EXPECT_EQ(test, rd(m, EXP + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR, 0);
	KUNIT_EXPECT_EQ(test, rd(m, af + PCI_AF_CAP, 1), PCI_AF_CAP_TP);
	KUNIT_EXPECT_EQ(test, riod_cfg_write(&m->cfg, EXP + PCI_EXP_DEVCTL, 2,
					     PCI_EXP_DEVCTL_BCR_FLR | PCI_EXP_DEVCTL_RELAX_EN), 0);
	KUNIT_EXPECT_EQ(test, riod_cfg_write(&m->cfg, af + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR), 0);
}

static void live(struct kunit *test)
{
	struct image *m = model(test);
	u32 v;

	KUNIT_EXPECT_FALSE(test, riod_cfg_read(&m->cfg, PCI_COMMAND, 2, &v));
	KUNIT_EXPECT_TRUE(test, riod_cfg_read(&m->cfg, PCI_COMMAND, 4, &v));
	riod_cfg_write(&m->cfg, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	v = rd(m, PCI_COMMAND, 4);
	v = riod_cfg_merge(&m->cfg, PCI_COMMAND, 4, v, 0x00180007);
	KUNIT_EXPECT_EQ(test, v, 0x00180004);
}

static void lost(struct kunit *test)
{
	struct image *m = model(test);
	u8 pin = rd(m, PCI_INTERRUPT_PIN, 1);

	KUNIT_EXPECT_EQ(test, riod_cfg_lost(&m->cfg, PCI_VENDOR_ID, 4), 0xffffffff);
	KUNIT_EXPECT_EQ(test, (u16)riod_cfg_lost(&m->cfg, PCI_COMMAND, 2), 0xffff);
	KUNIT_EXPECT_EQ(test, (u8)riod_cfg_lost(&m->cfg, PCI_INTERRUPT_LINE, 1), 0xff);
	KUNIT_EXPECT_EQ(test, (u8)riod_cfg_lost(&m->cfg, PCI_INTERRUPT_PIN, 1), pin);
	KUNIT_EXPECT_EQ(test, (u16)riod_cfg_lost(&m->cfg, PCI_INTERRUPT_LINE, 2), pin << 8 | 0xff);
	KUNIT_EXPECT_EQ(test, riod_cfg_lost(&m->cfg, PCI_INTERRUPT_LINE, 4),
			0xffff00ff | pin << 8);
	KUNIT_EXPECT_EQ(test, riod_cfg_lost(&m->cfg, PCI_INTERRUPT_LINE + 4, 4), 0xffffffff);
}

static void filter(struct kunit *test)
{
	static const struct { const char *name; u16 pos; u8 width; bool rd, wr; } cases[] = {
		{ "command and status", PCI_COMMAND, 4, true, false },
		{ "command", PCI_COMMAND, 2, false, false },
		{ "bar", PCI_BASE_ADDRESS_0, 4, false, false },
		{ "vendor-specific", VNDR + 4, 4, true, true },
		{ "vendor-specific header", VNDR, 4, true, false },
		{ "msi address", MSI + 4, 4, false, false },
		{ "VPD address", VPD + 2, 2, true, true },
		{ "VPD header", VPD, 2, false, false },
		{ "VPD data", VPD + 4, 4, true, false },
		{ "device control", EXP + PCI_EXP_DEVCTL, 2, false, false },
		{ "in no capability", 0xf0, 4, true, false },
		{ "AER", 0x104, 4, false, false },
		{ "outside", 4096, 4, false, false },
	};
	struct image *m = model(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_EXPECT_EQ_MSG(test, riod_cfg_may_read(&m->cfg, cases[i].pos, cases[i].width),
				    cases[i].rd, "%s", cases[i].name);
		KUNIT_EXPECT_EQ_MSG(test, riod_cfg_may_write(&m->cfg, cases[i].pos, cases[i].width),
				    cases[i].wr, "%s", cases[i].name);
	}
}

static void msix_ranges(struct kunit *test)
{
	struct image *m = model(test);

	KUNIT_EXPECT_FALSE(test, riod_cfg_is_msix(&m->cfg, 0, 0x1ff8, 8));
	KUNIT_EXPECT_TRUE(test, riod_cfg_is_msix(&m->cfg, 0, 0x2000, 1));
	KUNIT_EXPECT_TRUE(test, riod_cfg_is_msix(&m->cfg, 0, 0x2000 + 65 * 16 - 1, 1));
	KUNIT_EXPECT_FALSE(test, riod_cfg_is_msix(&m->cfg, 0, 0x2000 + 65 * 16, 4));
	KUNIT_EXPECT_TRUE(test, riod_cfg_is_msix(&m->cfg, 0, 0x3008, 8));
	KUNIT_EXPECT_FALSE(test, riod_cfg_is_msix(&m->cfg, 3, 0x2000, 4));
}

static void msi_pending(struct kunit *test)
{
	struct image *m = model(test);

	riod_cfg_set_msi_pending(&m->cfg, 1);
	KUNIT_EXPECT_EQ(test, rd(m, MSI + PCI_MSI_PENDING_64, 4), 1);
	riod_cfg_write(&m->cfg, MSI + PCI_MSI_MASK_64, 4, 0x81);
	KUNIT_EXPECT_EQ(test, riod_cfg_msi_mask(&m->cfg), 0x81);
	riod_cfg_reset(&m->cfg);
	KUNIT_EXPECT_EQ(test, riod_cfg_msi_mask(&m->cfg), 0);
	KUNIT_EXPECT_EQ(test, rd(m, MSI + PCI_MSI_PENDING_64, 4), 0);

	/* no mask bits, so nothing is writable */
	m = image(test);
	put16(m, MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&m->cfg, m->raw, 4096, m->bars), 0);
	riod_cfg_set_msi_pending(&m->cfg, ~0u);
	KUNIT_EXPECT_EQ(test, riod_cfg_msi_mask(&m->cfg), 0);
}

static void reset_clears(struct kunit *test)
{
	struct image *m = model(test);

	riod_cfg_write(&m->cfg, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	riod_cfg_write(&m->cfg, PCI_BASE_ADDRESS_0, 4, 0xfe000000);
	riod_cfg_write(&m->cfg, PM + PCI_PM_CTRL, 2, 3);
	riod_cfg_reset(&m->cfg);
	KUNIT_EXPECT_EQ(test, riod_cfg_command(&m->cfg), 0);
	KUNIT_EXPECT_EQ(test, riod_cfg_power(&m->cfg), 0);
	KUNIT_EXPECT_EQ(test, rd(m, PCI_BASE_ADDRESS_0, 4), 4);
}

static struct kunit_case cfgspace_cases[] = {
	KUNIT_CASE(bars_size),
	KUNIT_CASE(bars_bad),
	KUNIT_CASE(caps_shown),
	KUNIT_CASE(caps_hostile),
	KUNIT_CASE(caps_overlap),
	KUNIT_CASE(irqs_bad),
	KUNIT_CASE(irqs_limit),
	KUNIT_CASE(random_images),
	KUNIT_CASE(writes),
	KUNIT_CASE(flr_hidden),
	KUNIT_CASE(live),
	KUNIT_CASE(lost),
	KUNIT_CASE(filter),
	KUNIT_CASE(msix_ranges),
	KUNIT_CASE(msi_pending),
	KUNIT_CASE(reset_clears),
	{}
};

static struct kunit_suite cfgspace_suite = {
	.name = "riod_cfgspace",
	.test_cases = cfgspace_cases,
};

kunit_test_suite(cfgspace_suite);

MODULE_DESCRIPTION("KUnit tests of riod's config space model");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

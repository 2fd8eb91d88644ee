// SPDX-License-Identifier: GPL-2.0-only
/*
 * redact_kunit.c - config space in DESCRIBE
 */
#include <kunit/test.h>
#include <linux/pci_regs.h>
#include <linux/unaligned.h>

#include "../redact.c"

#define SIZE	4096
#define SECRET	0xa5

/* offsets of the capabilities; hidden ones are first and in between */
#define VPD	0x40
#define PM	0x48
#define EA	0x50
#define MSIX	0x90
#define EXP	0xa0
#define AER	0x100
#define SRIOV	0x160
#define DSN	0x1a0
#define VNDR	0x1b0

/**
 * struct space - a function's config space, redacted copy and models
 * @raw: the device's bytes
 * @out: bytes sent to the peer
 * @here: the stub's model, from @raw
 * @there: the frontend's model, from @out
 */
struct space {
	u8 raw[SIZE];
	u8 out[SIZE];
	struct riod_cfg here;
	struct riod_cfg there;
};

static const struct riod_cfg_bar bars[RIOD_BARS] = {
	[0] = { SZ_16K, RIOD_BAR_F_64 },
};

static void legacy(struct space *s, u8 pos, u8 id, u8 next)
{
	s->raw[pos] = id;
	s->raw[pos + PCI_CAP_LIST_NEXT] = next;
}

static void extended(struct space *s, u16 pos, u16 id, u16 next)
{
	put_unaligned_le32(id | 1 << 16 | (u32)next << 20, s->raw + pos);
}

static int space_init(struct kunit *test)
{
	struct space *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	memset(s->raw + PCI_STD_HEADER_SIZEOF, SECRET, SIZE - PCI_STD_HEADER_SIZEOF);
	put_unaligned_le32(0x15218086, s->raw + PCI_VENDOR_ID);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, s->raw + PCI_STATUS);
	s->raw[PCI_BASE_ADDRESS_0] = PCI_BASE_ADDRESS_MEM_TYPE_64;
	s->raw[PCI_CAPABILITY_LIST] = VPD;
	legacy(s, VPD, PCI_CAP_ID_VPD, PM);
	legacy(s, PM, PCI_CAP_ID_PM, EA);
	legacy(s, EA, PCI_CAP_ID_EA, MSIX);
	legacy(s, MSIX, PCI_CAP_ID_MSIX, EXP);
	put_unaligned_le16(3, s->raw + MSIX + PCI_MSIX_FLAGS);
	put_unaligned_le32(0x2000, s->raw + MSIX + PCI_MSIX_TABLE);
	put_unaligned_le32(0x3000, s->raw + MSIX + PCI_MSIX_PBA);
	legacy(s, EXP, PCI_CAP_ID_EXP, 0);
	put_unaligned_le16(2, s->raw + EXP + PCI_EXP_FLAGS);
	extended(s, AER, PCI_EXT_CAP_ID_ERR, SRIOV);
	extended(s, SRIOV, PCI_EXT_CAP_ID_SRIOV, DSN);
	extended(s, DSN, PCI_EXT_CAP_ID_DSN, VNDR);
	extended(s, VNDR, PCI_EXT_CAP_ID_VNDR, 0);
	put_unaligned_le32(16 << 20, s->raw + VNDR + PCI_VNDR_HEADER);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&s->here, s->raw, SIZE, bars), 0);
	riod_stub_redact(&s->here, s->raw, s->out);
	test->priv = s;
	return 0;
}

static void no_secrets(struct kunit *test)
{
	static const struct { const char *name; u16 pos; u16 end; } hidden[] = {
		{ "VPD", VPD + 2, PM },
		{ "enhanced allocation", EA + 2, EA + 0x3c },
		{ "AER", AER + 4, SRIOV },
		{ "SR-IOV", SRIOV + 4, DSN },
		{ "behind the last one", VNDR + 16, SIZE },
	};
	struct space *s = test->priv;
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(hidden); i++) {
		for (n = hidden[i].pos; n < hidden[i].end; n++)
			KUNIT_EXPECT_EQ_MSG(test, s->out[n], 0, "%s, %#x", hidden[i].name, n);
	}
	/* bytes that the guest sees are included */
	KUNIT_EXPECT_EQ(test, s->out[DSN + 4], SECRET);
	KUNIT_EXPECT_EQ(test, s->out[VNDR + 8], SECRET);
}

/* frontend and stub hide the same capabilities */
static void same_model(struct kunit *test)
{
	struct space *s = test->priv;

	KUNIT_ASSERT_EQ(test, riod_cfg_init(&s->there, s->out, SIZE, bars), 0);
	KUNIT_EXPECT_MEMEQ(test, s->there.bytes, s->here.bytes, SIZE);
	KUNIT_EXPECT_MEMEQ(test, s->there.initial, s->here.initial, SIZE);
	KUNIT_EXPECT_MEMEQ(test, s->there.wmask, s->here.wmask, SIZE);
	KUNIT_EXPECT_MEMEQ(test, s->there.class, s->here.class, SIZE);
	KUNIT_EXPECT_EQ(test, s->there.pm_cap, PM);
	KUNIT_EXPECT_EQ(test, s->there.msix_cap, MSIX);
	KUNIT_EXPECT_EQ(test, s->there.exp_cap, EXP);
}

/* a loop in the list */
static void endless_list(struct kunit *test)
{
	struct space *s = test->priv;

	s->raw[EXP + PCI_CAP_LIST_NEXT] = VPD;
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&s->here, s->raw, SIZE, bars), 0);
	riod_stub_redact(&s->here, s->raw, s->out);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&s->there, s->out, SIZE, bars), 0);
	KUNIT_EXPECT_MEMEQ(test, s->there.bytes, s->here.bytes, SIZE);
}

/*
 * A capability hidden because its length does not fit must not, without its body, look
 * like a shorter capability of the same ID that does fit.
 */
static void hidden_for_its_length(struct kunit *test)
{
	static const struct { const char *name; u8 id, at; u16 word; } cases[] = {
		{ "MSI", PCI_CAP_ID_MSI, PCI_MSI_FLAGS,
		  PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT },
		{ "vendor-specific", PCI_CAP_ID_VNDR, PCI_CAP_FLAGS, 0x40 },
		{ "PCI-X", PCI_CAP_ID_PCIX, PCI_X_CMD, 0x2000 },
		{ "SATA", PCI_CAP_ID_SATA, PCI_SATA_REGS, PCI_SATA_REGS_INLINE },
	};
	struct space *s = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		/* the next capability follows 12 bytes behind */
		legacy(s, EA, cases[i].id, EA + 12);
		put_unaligned_le16(cases[i].word, s->raw + EA + cases[i].at);
		legacy(s, EA + 12, PCI_CAP_ID_SSVID, MSIX);
		KUNIT_ASSERT_EQ(test, riod_cfg_init(&s->here, s->raw, SIZE, bars), 0);
		riod_stub_redact(&s->here, s->raw, s->out);
		KUNIT_EXPECT_EQ_MSG(test, s->out[EA], 0, "%s", cases[i].name);
		KUNIT_EXPECT_EQ_MSG(test, s->out[EA + PCI_CAP_LIST_NEXT], EA + 12, "%s",
				    cases[i].name);
		KUNIT_ASSERT_EQ_MSG(test, riod_cfg_init(&s->there, s->out, SIZE, bars), 0, "%s",
				    cases[i].name);
		KUNIT_EXPECT_MEMEQ(test, s->there.bytes, s->here.bytes, SIZE);
		KUNIT_EXPECT_MEMEQ(test, s->there.class, s->here.class, SIZE);
	}
}

/* MSI-X hidden because the server host has no vectors for it has no table either */
static void hidden_for_want_of_vectors(struct kunit *test)
{
	struct riod_cfg_bar none[RIOD_BARS] = {};
	struct space *s = test->priv;

	none[1] = (struct riod_cfg_bar){ SZ_16K, 0 };
	put_unaligned_le32(0x2001, s->raw + MSIX + PCI_MSIX_TABLE);
	put_unaligned_le32(0x3001, s->raw + MSIX + PCI_MSIX_PBA);
	s->raw[PCI_BASE_ADDRESS_0] = 0;
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&s->here, s->raw, SIZE, none), 0);
	KUNIT_ASSERT_EQ(test, riod_cfg_limit_irqs(&s->here, 0, 0, 0), 0);
	riod_stub_redact(&s->here, s->raw, s->out);
	KUNIT_EXPECT_EQ(test, riod_cfg_init(&s->there, s->out, SIZE, none), 0);
	KUNIT_EXPECT_EQ(test, s->there.msix_cap, 0);
	KUNIT_EXPECT_EQ(test, s->there.exp_cap, EXP);
	/* VPD, PM, EA are the same before it; EA is hidden, too */
	KUNIT_EXPECT_EQ(test, s->there.bytes[PM + PCI_CAP_LIST_NEXT], EXP);
	KUNIT_EXPECT_EQ(test, s->here.bytes[PM + PCI_CAP_LIST_NEXT], EXP);
}

static struct kunit_case redact_cases[] = {
	KUNIT_CASE(hidden_for_its_length),
	KUNIT_CASE(hidden_for_want_of_vectors),
	KUNIT_CASE(no_secrets),
	KUNIT_CASE(same_model),
	KUNIT_CASE(endless_list),
	{}
};

static struct kunit_suite redact_suite = {
	.name = "riod_stub_redact",
	.init = space_init,
	.test_cases = redact_cases,
};

kunit_test_suite(redact_suite);

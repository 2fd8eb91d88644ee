// SPDX-License-Identifier: GPL-2.0-only
/*
 * iova_kunit.c - aperture and reserved ranges
 */
#include <kunit/test.h>

#include "../iova.c"

struct iovas {
	u64 start, last;
};

/* ------------------------------------------------------------ the list */

struct list_case {
	const char *name;
	struct iovas aperture;
	struct iovas add[6];
	struct iovas list[6];
};

#define APERTURE	{ 0x1000, 0xffff }

static const struct list_case list_cases[] = {
	{ "ascending", APERTURE, { { 0x2000, 0x2fff }, { 0x4000, 0x4fff } },
	  { { 0x2000, 0x2fff }, { 0x4000, 0x4fff } } },
	{ "descending", APERTURE, { { 0x4000, 0x4fff }, { 0x2000, 0x2fff } },
	  { { 0x2000, 0x2fff }, { 0x4000, 0x4fff } } },
	{ "between", APERTURE, { { 0x2000, 0x2fff }, { 0x6000, 0x6fff }, { 0x4000, 0x4fff } },
	  { { 0x2000, 0x2fff }, { 0x4000, 0x4fff }, { 0x6000, 0x6fff } } },
	{ "twice", APERTURE, { { 0x2000, 0x2fff }, { 0x2000, 0x2fff } },
	  { { 0x2000, 0x2fff } } },
	{ "inside", APERTURE, { { 0x2000, 0x4fff }, { 0x3000, 0x3fff } },
	  { { 0x2000, 0x4fff } } },
	{ "around", APERTURE, { { 0x3000, 0x3fff }, { 0x2000, 0x4fff } },
	  { { 0x2000, 0x4fff } } },
	{ "over the end", APERTURE, { { 0x2000, 0x2fff }, { 0x2800, 0x3fff } },
	  { { 0x2000, 0x3fff } } },
	{ "over the start", APERTURE, { { 0x2000, 0x2fff }, { 0x1800, 0x2000 } },
	  { { 0x1800, 0x2fff } } },
	{ "over several", APERTURE,
	  { { 0x2000, 0x2fff }, { 0x4000, 0x4fff }, { 0x6000, 0x6fff }, { 0x8000, 0x8fff },
	    { 0x2800, 0x6000 } },
	  { { 0x2000, 0x6fff }, { 0x8000, 0x8fff } } },
	{ "touching the end", APERTURE, { { 0x2000, 0x2fff }, { 0x3000, 0x3fff } },
	  { { 0x2000, 0x3fff } } },
	{ "touching the start", APERTURE, { { 0x3000, 0x3fff }, { 0x2000, 0x2fff } },
	  { { 0x2000, 0x3fff } } },
	{ "filling a gap", APERTURE,
	  { { 0x2000, 0x2fff }, { 0x4000, 0x4fff }, { 0x3000, 0x3fff } },
	  { { 0x2000, 0x4fff } } },
	{ "a byte apart", APERTURE, { { 0x3000, 0x3fff }, { 0x2000, 0x2ffe }, { 0x4001, 0x4fff } },
	  { { 0x2000, 0x2ffe }, { 0x3000, 0x3fff }, { 0x4001, 0x4fff } } },
	{ "cut to the aperture", APERTURE, { { 0, 0x1000 }, { 0xf000, U64_MAX } },
	  { { 0x1000, 0x1000 }, { 0xf000, 0xffff } } },
	{ "outside the aperture", APERTURE, { { 0x800, 0xfff }, { 0x10000, 0x1ffff } },
	  { } },
	{ "all of the aperture", APERTURE, { { 0x2000, 0x2fff }, { 0x400, U64_MAX } },
	  { { 0x1000, 0xffff } } },
	{ "the last address", { 0, U64_MAX },
	  { { U64_MAX, U64_MAX }, { 0xfee00000, 0xfeefffff }, { U64_MAX - 1, U64_MAX } },
	  { { 0xfee00000, 0xfeefffff }, { U64_MAX - 1, U64_MAX } } },
	{ "every address", { 0, U64_MAX }, { { 0, 0xfff }, { U64_MAX, U64_MAX }, { 0, U64_MAX } },
	  { { 0, U64_MAX } } },
};

static void list_desc(const struct list_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(list, list_cases, list_desc);

static struct riod_stub_domain *domain(struct kunit *test, struct iovas aperture)
{
	struct riod_stub_domain *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, d);
	d->aperture.start = aperture.start;
	d->aperture.last = aperture.last;
	return d;
}

static void lists(struct kunit *test)
{
	const struct list_case *c = test->param_value;
	struct riod_stub_domain *d = domain(test, c->aperture);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(c->add) && c->add[i].last; i++)
		KUNIT_EXPECT_EQ(test, riod_stub_resv_add(d, c->add[i].start, c->add[i].last), 0);
	for (i = 0; i < ARRAY_SIZE(c->list) && c->list[i].last; i++) {
		KUNIT_EXPECT_EQ(test, d->resv[i].start, c->list[i].start);
		KUNIT_EXPECT_EQ(test, d->resv[i].last, c->list[i].last);
	}
	KUNIT_EXPECT_EQ(test, d->nresv, i);
}

static void list_full(struct kunit *test)
{
	struct riod_stub_domain *d = domain(test, (struct iovas){ 0, U64_MAX });
	struct riod_stub_domain before;
	unsigned int i;

	for (i = 0; i < RIOD_RESV_MAX; i++)
		KUNIT_EXPECT_EQ(test, riod_stub_resv_add(d, i * 0x2000, i * 0x2000 + 0xfff), 0);
	before = *d;
	KUNIT_EXPECT_EQ(test, riod_stub_resv_add(d, i * 0x2000, i * 0x2000), -E2BIG);
	KUNIT_EXPECT_EQ(test, riod_stub_resv_add(d, 0x1800, 0x1800), -E2BIG);
	KUNIT_EXPECT_MEMEQ(test, d, &before, sizeof(before));

	/* a range that merges others needs no entry */
	KUNIT_EXPECT_EQ(test, riod_stub_resv_add(d, 0x800, 0x2000), 0);
	KUNIT_EXPECT_EQ(test, d->nresv, RIOD_RESV_MAX - 1);
	KUNIT_EXPECT_EQ(test, riod_stub_resv_add(d, i * 0x2000, i * 0x2000), 0);
	KUNIT_EXPECT_EQ(test, d->nresv, RIOD_RESV_MAX);
	KUNIT_EXPECT_EQ(test, d->resv[RIOD_RESV_MAX - 1].start, RIOD_RESV_MAX * 0x2000);
}

/* ------------------------------------------------------------ lookups */

struct check_case {
	const char *name;
	u64 start, last;
	bool reserved;
};

#define IOVA_LAST	0xffffffffffffull

static const struct check_case check_cases[] = {
	{ "first page", 0x1000, 0x1fff, false },
	{ "page below the aperture", 0, 0xfff, true },
	{ "into the aperture", 0, 0x1fff, true },
	{ "last page", IOVA_LAST - 0xfff, IOVA_LAST, false },
	{ "page above the aperture", IOVA_LAST + 1, IOVA_LAST + 0x1000, true },
	{ "out of the aperture", IOVA_LAST - 0xfff, IOVA_LAST + 0x1000, true },
	{ "far above", U64_MAX - 0xfff, U64_MAX, true },
	{ "everything", 0, U64_MAX, true },
	{ "all of the aperture", 0x1000, IOVA_LAST, true },
	{ "up to the MSI window", 0xfedff000, 0xfedfffff, false },
	{ "first byte of the MSI window", 0xfedff000, 0xfee00000, true },
	{ "the MSI window", 0xfee00000, 0xfeefffff, true },
	{ "inside the MSI window", 0xfee01000, 0xfee01fff, true },
	{ "around the MSI window", 0xfedff000, 0xfef00fff, true },
	{ "last byte of the MSI window", 0xfeefffff, 0xfef00fff, true },
	{ "behind the MSI window", 0xfef00000, 0xfef00fff, false },
	{ "a second range", 0x200000000, 0x200000fff, true },
	{ "over two ranges", 0xfee00000, 0x200000fff, true },
	{ "between two ranges", 0xfef00000, 0x1ffffffff, false },
};

static void check_desc(const struct check_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(check, check_cases, check_desc);

static void checks(struct kunit *test)
{
	const struct check_case *c = test->param_value;
	struct riod_stub_domain *d = domain(test, (struct iovas){ 0x1000, IOVA_LAST });

	KUNIT_EXPECT_EQ(test, riod_stub_resv_add(d, 0x200000000, 0x200000fff), 0);
	KUNIT_EXPECT_EQ(test, riod_stub_resv_add(d, 0xfee00000, 0xfeefffff), 0);
	KUNIT_EXPECT_EQ(test, riod_stub_reserved(d, c->start, c->last), c->reserved);
}

/* with a full aperture and no reserved range, both ends of the space are usable */
static void whole_space(struct kunit *test)
{
	struct riod_stub_domain *d = domain(test, (struct iovas){ 0, U64_MAX });

	KUNIT_EXPECT_FALSE(test, riod_stub_reserved(d, 0, 0xfff));
	KUNIT_EXPECT_FALSE(test, riod_stub_reserved(d, U64_MAX - 0xfff, U64_MAX));
	KUNIT_EXPECT_EQ(test, riod_stub_resv_add(d, U64_MAX, U64_MAX), 0);
	KUNIT_EXPECT_TRUE(test, riod_stub_reserved(d, U64_MAX - 0xfff, U64_MAX));
	KUNIT_EXPECT_FALSE(test, riod_stub_reserved(d, 0, U64_MAX - 1));
}

static struct kunit_case iova_cases[] = {
	KUNIT_CASE_PARAM(lists, list_gen_params),
	KUNIT_CASE(list_full),
	KUNIT_CASE_PARAM(checks, check_gen_params),
	KUNIT_CASE(whole_space),
	{}
};

static struct kunit_suite iova_suite = {
	.name = "riod_stub_iova",
	.test_cases = iova_cases,
};

kunit_test_suite(iova_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma_kunit.c - MAP and UNMAP of a peer, and the device's view of memory
 *
 * Uses the real dma.c and engine; the IOMMU is a table.
 */
#include <kunit/test.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "fakes.h"

/* ------------------------------------------------------------ the IOMMU */

#define PTE_BITS	8

static void fake_table(struct fake_iommu *m, u64 iova, unsigned int shift)
{
	/* unique numbers for both sizes: 1 GiB spans count down from the top */
	u64 nr = shift == 21 ? iova >> 21 : ULONG_MAX - (iova >> shift);

	if (xa_insert(&m->leaves, nr, xa_mk_value(1), GFP_KERNEL))
		return;
	m->ntables++;
	m->max_tables = max(m->max_tables, m->ntables);
}

static int fake_iommu_map(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr,
			  size_t size, int prot, gfp_t gfp)
{
	struct fake_iommu *m = container_of(domain, struct fake_iommu, domain);
	void *pte = xa_mk_value(PHYS_PFN(paddr) << PTE_BITS | prot);

	if (m->lost_in && !--m->lost_in)
		atomic64_set(m->lost, 1);
	if (m->fail_in && !--m->fail_in)
		return -ENOMEM;
	if (size != PAGE_SIZE || !PAGE_ALIGNED(iova) ||
	    xa_insert(&m->ptes, iova >> PAGE_SHIFT, pte, gfp)) {
		m->faults++;
		return -EINVAL;
	}
	m->nptes++;
	fake_table(m, iova, 21);
	fake_table(m, iova, 30);
	return 0;
}

static size_t fake_iommu_unmap(struct iommu_domain *domain, unsigned long iova, size_t size)
{
	struct fake_iommu *m = container_of(domain, struct fake_iommu, domain);
	size_t done;
	void *pte;

	for (done = 0; done < size; done += PAGE_SIZE) {
		pte = xa_erase(&m->ptes, (iova + done) >> PAGE_SHIFT);
		/* the page must not be freed before it is unmapped */
		if (!pte || !page_count(pfn_to_page(xa_to_value(pte) >> PTE_BITS)))
			m->faults++;
		else
			m->nptes--;
	}
	return size;
}

int riod_stub_domain_attach(struct riod_stub_export *exp, struct netlink_ext_ack *extack)
{
	struct fake_iommu *m = &container_of(exp, struct fake_att, exp)->iommu;

	if (m->refuse)
		return -ENOMEM;
	m->ndomains++;
	exp->domain.domain = &m->domain;
	return 0;
}

void riod_stub_domain_detach(struct riod_stub_export *exp)
{
	struct fake_att *a = container_of(exp, struct fake_att, exp);
	struct fake_iommu *m = &a->iommu;

	/* nothing may be mapped in a domain that is freed, and its tables are charged */
	m->faults += !!m->nptes;
	m->faults += a->att.dma.tables.charged < m->ntables * PAGE_SIZE;
	xa_destroy(&m->leaves);
	m->ntables = 0;
	exp->domain.domain = NULL;
}

#define iommu_map	fake_iommu_map
#define iommu_unmap	fake_iommu_unmap
#define riod_link_sync	fake_link_sync

#include "../dma.c"
#include "../tables.c"

/* the page that the device sees at an IOVA, and its protection */
static struct page *seen(struct fake_att *a, u64 iova, int *prot)
{
	void *pte = xa_load(&a->iommu.ptes, iova >> PAGE_SHIFT);

	*prot = pte ? xa_to_value(pte) & ((1 << PTE_BITS) - 1) : 0;
	return pte ? pfn_to_page(xa_to_value(pte) >> PTE_BITS) : NULL;
}

/* ------------------------------------------------------------ the attachment */

#define IOVA_FIRST	0x1000ull
#define IOVA_LAST	0xffffffffffffull
#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)

struct fake_att *fake_att_create(struct kunit *test)
{
	struct fake_att *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);
	struct riod_stub_domain *d;

	KUNIT_ASSERT_NOT_NULL(test, a);
	d = &a->exp.domain;
	d->domain = &a->iommu.domain;
	d->aperture.start = IOVA_FIRST;
	d->aperture.last = IOVA_LAST;
	KUNIT_ASSERT_EQ(test, riod_stub_resv_add(d, 0xfee00000, 0xfeefffff), 0);
	xa_init(&a->iommu.ptes);
	xa_init(&a->iommu.leaves);
	a->iommu.lost = &a->att.lost_ns;
	KUNIT_ASSERT_EQ(test, riod_sync_init(&a->sync, RIOD_SYNC_STUB, NULL), 0);
	a->att.exp = &a->exp;
	a->att.link = fake_link(&a->sync);
	riod_stub_dma_init(&a->att);
	return a;
}

static void expect_empty(struct kunit *test, struct fake_att *a)
{
	KUNIT_EXPECT_EQ(test, a->att.dma.npages, 0);
	KUNIT_EXPECT_EQ(test, a->att.dma.nmapped, 0);
	KUNIT_EXPECT_EQ(test, a->iommu.nptes, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&a->iommu.ptes));
	KUNIT_EXPECT_EQ(test, a->sync.npages, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&riod_stub_objects.shadow_pages), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&riod_stub_objects.mappings), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&a->exp.stats.maps),
			atomic64_read(&a->exp.stats.unmaps));
}

void fake_att_destroy(struct kunit *test, struct fake_att *a)
{
	u64 npages = a->att.dma.npages;

	KUNIT_EXPECT_EQ(test, riod_stub_dma_destroy(&a->att.dma), npages);
	KUNIT_EXPECT_EQ(test, a->iommu.nptes, 0);
	KUNIT_EXPECT_EQ(test, a->iommu.faults, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&riod_stub_objects.shadow_pages), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&riod_stub_objects.mappings), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&riod_stub_objects.leaked_pages), 0);
	KUNIT_EXPECT_NULL(test, a->exp.domain.domain);
	KUNIT_EXPECT_EQ(test, a->att.dma.tables.ntables, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&a->att.dma.tables.spans));
	xa_destroy(&a->iommu.ptes);
	xa_destroy(&a->iommu.leaves);
	riod_sync_destroy(&a->sync);
}

static int map(struct fake_att *a, u64 iova, u64 page, u32 npages, u32 prot)
{
	struct riod_wire_map m = {
		.iova = cpu_to_le64(iova),
		.page = cpu_to_le64(page),
		.npages = cpu_to_le32(npages),
		.prot = cpu_to_le32(prot),
	};

	return riod_stub_dma_map(&a->att.dma, &m);
}

static int unmap(struct fake_att *a, u64 iova, u32 npages)
{
	struct riod_wire_unmap u = {
		.iova = cpu_to_le64(iova),
		.npages = cpu_to_le32(npages),
	};

	return riod_stub_dma_unmap(&a->att.dma, &u);
}

/* ------------------------------------------------------------ pictures */

/*
 * A picture has a character for each page from PIC on: the letter of the MAP record,
 * or a dot.  The numbers of a record's pages contain the letter and their position,
 * so that a page at a wrong IOVA is detected.
 */
#define PIC		0x100000ull
#define PIC_LEN		24
#define PIC_IOVA(n)	(PIC + ((u64)(n) << PAGE_SHIFT))
#define PIC_PAGE(c, n)	((u64)(c) << 8 | (n))

static int pic_map(struct fake_att *a, char c, unsigned int n, u32 npages)
{
	return map(a, PIC_IOVA(n), PIC_PAGE(c, n), npages, RW);
}

static void picture(struct fake_att *a, char *s)
{
	unsigned int n;
	int prot;
	char c;

	for (n = 0; n < PIC_LEN; n++) {
		struct page *page = seen(a, PIC_IOVA(n), &prot);

		s[n] = page ? '?' : '.';
		for (c = 'A'; page && c <= 'Z'; c++) {
			if (xa_load(&a->att.dma.pages, PIC_PAGE(c, n)) == page)
				s[n] = c;
		}
	}
	s[n] = '\0';
}

static void expect_picture(struct kunit *test, struct fake_att *a, const char *want)
{
	char s[PIC_LEN + 1];
	u64 n = 0;

	picture(a, s);
	KUNIT_EXPECT_STREQ(test, s, want);
	for (; *want; want++)
		n += *want != '.';
	KUNIT_EXPECT_EQ(test, a->att.dma.nmapped, n);
	KUNIT_EXPECT_EQ(test, a->att.dma.npages, n);
	KUNIT_EXPECT_EQ(test, a->iommu.nptes, n);
	KUNIT_EXPECT_EQ(test, a->sync.npages, n);
}

static void three_records(struct kunit *test, struct fake_att *a)
{
	KUNIT_ASSERT_EQ(test, pic_map(a, 'A', 2, 4), 0);
	KUNIT_ASSERT_EQ(test, pic_map(a, 'B', 6, 4), 0);
	KUNIT_ASSERT_EQ(test, pic_map(a, 'C', 14, 8), 0);
	expect_picture(test, a, "..AAAABBBB....CCCCCCCC..");
}

/* ------------------------------------------------------------ legal and illegal ranges */

struct place_case {
	const char *name;
	u64 iova;
	u32 npages;
	int ret;
};

static const struct place_case place_cases[] = {
	{ "first page", IOVA_FIRST, 1, 0 },
	{ "below the aperture", 0, 1, -EPROTO },
	{ "from below into the aperture", 0, 2, -EPROTO },
	{ "last page", IOVA_LAST - 0xfff, 1, 0 },
	{ "beyond the aperture", IOVA_LAST + 1, 1, -EPROTO },
	{ "over the end of the aperture", IOVA_LAST - 0xfff, 2, -EPROTO },
	{ "far beyond", U64_MAX - 0xfff, 1, -EPROTO },
	{ "up to the MSI window", 0xfedfe000, 2, 0 },
	{ "into the MSI window", 0xfedff000, 2, -EPROTO },
	{ "first page of the MSI window", 0xfee00000, 1, -EPROTO },
	{ "last page of the MSI window", 0xfeeff000, 1, -EPROTO },
	{ "out of the MSI window", 0xfeeff000, 2, -EPROTO },
	{ "over the MSI window", 0xfedff000, 0x102, -EPROTO },
	{ "behind the MSI window", 0xfef00000, 2, 0 },
	{ "most pages, over the MSI window", 0xfef00000 - 0x40000000ull, RIOD_MAP_PAGES_MAX,
	  -EPROTO },
};

static void place_desc(const struct place_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(place, place_cases, place_desc);

static void places(struct kunit *test)
{
	const struct place_case *c = test->param_value;
	struct fake_att *a = test->priv;
	int prot;

	KUNIT_EXPECT_EQ(test, map(a, c->iova, 7, c->npages, RW), c->ret);
	if (c->ret) {
		expect_empty(test, a);
		return;
	}
	KUNIT_EXPECT_EQ(test, a->att.dma.nmapped, c->npages);
	KUNIT_EXPECT_NOT_NULL(test, seen(a, c->iova, &prot));
	KUNIT_EXPECT_EQ(test, unmap(a, c->iova, c->npages), 0);
	expect_empty(test, a);
}

/* no wrap at 2^64, for any end of a range */
static void end_of_space(struct kunit *test)
{
	const u64 top = U64_MAX - 0x3fff;
	struct fake_att *a = test->priv;

	a->exp.domain.aperture.last = U64_MAX;
	KUNIT_EXPECT_EQ(test, map(a, top, U64_MAX - 3, 4, RW), 0);
	KUNIT_EXPECT_EQ(test, map(a, top + 0x3000, 1, 1, RW), -EPROTO);
	KUNIT_EXPECT_EQ(test, unmap(a, top + 0x1000, 2), -EPROTO);
	KUNIT_EXPECT_EQ(test, unmap(a, top, 1), 0);
	KUNIT_EXPECT_EQ(test, unmap(a, top, 4), -EPROTO);
	KUNIT_EXPECT_EQ(test, unmap(a, top + 0x3000, 1), 0);
	KUNIT_EXPECT_EQ(test, a->att.dma.nmapped, 2);
	KUNIT_EXPECT_EQ(test, map(a, top + 0x3000, U64_MAX, 1, RW), 0);
	KUNIT_EXPECT_EQ(test, unmap(a, top + 0x1000, 3), 0);
	expect_empty(test, a);
}

/* ------------------------------------------------------------ overlapping records */

struct twice_case {
	const char *name;
	unsigned int n;
	u32 npages;
	int ret;
	const char *after;
};

static const struct twice_case twice_cases[] = {
	{ "the same", 2, 4, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "head", 2, 1, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "tail", 5, 1, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "middle", 17, 2, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "over two", 4, 4, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "over a gap", 9, 6, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "over all", 0, 24, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "from below", 1, 2, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "from the gap", 13, 2, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "last page", 21, 3, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "the gap", 10, 4, 0, "..AAAABBBBXXXXCCCCCCCC.." },
	{ "in the gap", 11, 2, 0, "..AAAABBBB.XX.CCCCCCCC.." },
	{ "below", 0, 2, 0, "XXAAAABBBB....CCCCCCCC.." },
	{ "above", 22, 2, 0, "..AAAABBBB....CCCCCCCCXX" },
};

static void twice_desc(const struct twice_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(twice, twice_cases, twice_desc);

static void twice(struct kunit *test)
{
	const struct twice_case *c = test->param_value;
	struct fake_att *a = test->priv;

	three_records(test, a);
	KUNIT_EXPECT_EQ(test, pic_map(a, 'X', c->n, c->npages), c->ret);
	expect_picture(test, a, c->after);
}

/* ------------------------------------------------------------ unmap */

struct unmap_case {
	const char *name;
	unsigned int n;
	u32 npages;
	int ret;
	const char *after;
};

static const struct unmap_case unmap_cases[] = {
	{ "a whole record", 2, 4, 0, "......BBBB....CCCCCCCC.." },
	{ "two records", 2, 8, 0, "..............CCCCCCCC.." },
	{ "head", 14, 3, 0, "..AAAABBBB.......CCCCC.." },
	{ "all but the last page", 14, 7, 0, "..AAAABBBB...........C.." },
	{ "tail", 19, 3, 0, "..AAAABBBB....CCCCC....." },
	{ "all but the first page", 15, 7, 0, "..AAAABBBB....C........." },
	{ "a tail and a head", 4, 4, 0, "..AA....BB....CCCCCCCC.." },
	{ "a record and a head", 2, 6, 0, "........BB....CCCCCCCC.." },
	{ "a tail and a record", 3, 7, 0, "..A...........CCCCCCCC.." },
	{ "the middle", 15, 6, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "a page in the middle", 3, 1, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "the gap", 10, 4, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "in the gap", 11, 1, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "over the gap", 6, 16, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "into the gap", 6, 5, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "out of the gap", 13, 9, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "from below", 1, 5, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "beyond the end", 14, 9, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "far beyond the end", 14, U32_MAX, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "everything", 0, 24, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
	{ "what was never mapped", 22, 2, -EPROTO, "..AAAABBBB....CCCCCCCC.." },
};

static void unmap_desc(const struct unmap_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(unmap, unmap_cases, unmap_desc);

static void unmaps(struct kunit *test)
{
	const struct unmap_case *c = test->param_value;
	struct fake_att *a = test->priv;

	three_records(test, a);
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(c->n), c->npages), c->ret);
	expect_picture(test, a, c->after);
	if (c->ret)
		return;
	/* the range is gone and may be mapped again */
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(c->n), c->npages), -EPROTO);
	expect_picture(test, a, c->after);
	KUNIT_EXPECT_EQ(test, pic_map(a, 'X', c->n, c->npages), 0);
}

/* the rest of a record after an UNMAP is a record of its own */
static void unmap_pieces(struct kunit *test)
{
	struct fake_att *a = test->priv;

	three_records(test, a);
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(14), 2), 0);
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(20), 2), 0);
	expect_picture(test, a, "..AAAABBBB......CCCC....");
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(17), 2), -EPROTO);
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(14), 6), -EPROTO);
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(16), 1), 0);
	KUNIT_EXPECT_EQ(test, pic_map(a, 'X', 16, 1), 0);
	expect_picture(test, a, "..AAAABBBB......XCCC....");
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(16), 2), 0);
	expect_picture(test, a, "..AAAABBBB........CC....");
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(18), 2), 0);
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(2), 8), 0);
	expect_empty(test, a);
}

/* ------------------------------------------------------------ pages */

static void protection(struct kunit *test)
{
	static const struct { u32 prot; int seen; } cases[] = {
		{ RIOD_PROT_READ, IOMMU_READ | IOMMU_CACHE },
		{ RIOD_PROT_WRITE, IOMMU_WRITE | IOMMU_CACHE },
		{ RW, IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE },
	};
	struct fake_att *a = test->priv;
	unsigned int i;
	int prot;

	/* mappings of one page; each IOVA has its own protection */
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(i), 5, 1, cases[i].prot), 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_EXPECT_PTR_EQ(test, seen(a, PIC_IOVA(i), &prot),
				    xa_load(&a->att.dma.pages, 5));
		KUNIT_EXPECT_EQ(test, prot, cases[i].seen);
	}
	KUNIT_EXPECT_EQ(test, a->att.dma.npages, 1);
	KUNIT_EXPECT_EQ(test, a->att.dma.nmapped, 3);
	KUNIT_EXPECT_EQ(test, a->sync.nwritable, 1);
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(1), 2), 0);
	KUNIT_EXPECT_EQ(test, a->sync.nwritable, 0);
	KUNIT_EXPECT_EQ(test, a->att.dma.npages, 1);
}

/* dirty the pages that the allocator is likely to return next */
static void dirty_free_pages(void)
{
	struct page *pages[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		if (pages[i])
			memset(page_address(pages[i]), 0xa5, PAGE_SIZE);
	}
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i])
			__free_page(pages[i]);
	}
}

/* shadow pages contain neither this host's memory nor another page's content */
static void fresh_pages(struct kunit *test)
{
	struct fake_att *a = test->priv;
	struct page *page;
	unsigned int i;
	int prot;

	dirty_free_pages();
	for (i = 0; i < 200; i++) {
		KUNIT_ASSERT_EQ(test, map(a, PIC_IOVA(0), i % 3, 1, RW), 0);
		page = seen(a, PIC_IOVA(0), &prot);
		KUNIT_ASSERT_NOT_NULL(test, page);
		KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0, PAGE_SIZE));
		memset(page_address(page), 0xa5, PAGE_SIZE);
		KUNIT_ASSERT_EQ(test, unmap(a, PIC_IOVA(0), 1), 0);
	}
	expect_empty(test, a);
}

/* ------------------------------------------------------------ limits */

static void page_limit(struct kunit *test)
{
	struct fake_att *a = test->priv;

	a->att.dma.max_pages = 8;
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(0), 0, 9, RW), -ENOSPC);
	expect_empty(test, a);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(0), 0, 8, RW), 0);
	/* the existing page may be mapped again, a further one exceeds the limit */
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(8), 7, 2, RW), -ENOSPC);
	KUNIT_EXPECT_EQ(test, a->att.dma.nmapped, 8);
	KUNIT_EXPECT_EQ(test, a->iommu.nptes, 8);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(8), 7, 1, RW), 0);
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(0), 2), 0);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(9), 8, 2, RW), 0);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(0), 0, 1, RW), -ENOSPC);
}

static void map_limit(struct kunit *test)
{
	struct fake_att *a = test->priv;
	unsigned int i;

	a->att.dma.max_pages = 4;
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(0), 0, 17, RW), -ENOSPC);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(0), 0, RIOD_MAP_PAGES_MAX, RW), -ENOSPC);
	for (i = 0; i < 15; i++)
		KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(i), 0, 1, RW), 0);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(15), 0, 2, RW), -ENOSPC);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(15), 0, 1, RW), 0);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(16), 0, 1, RW), -ENOSPC);
	KUNIT_EXPECT_EQ(test, a->att.dma.npages, 1);
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(3), 1), 0);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(16), 0, 1, RW), 0);
}

/* a failed record leaves nothing mapped, at whatever page it fails */
static void map_fails(struct kunit *test)
{
	static const unsigned int at[] = { 1, 2, 64, 65, 100 };
	struct fake_att *a = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		a->iommu.fail_in = at[i];
		KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(0), 3, 100, RW), -ENOMEM);
		KUNIT_EXPECT_EQ(test, a->iommu.nptes, 0);
		KUNIT_EXPECT_EQ(test, a->att.dma.npages, 0);
		KUNIT_EXPECT_EQ(test, a->sync.npages, 0);
		KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(0), 1), -EPROTO);
	}
	/* a page with another mapping stays */
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(0), 5, 1, RW), 0);
	a->iommu.fail_in = 4;
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(1), 3, 100, RW), -ENOMEM);
	KUNIT_EXPECT_EQ(test, a->iommu.nptes, 1);
	KUNIT_EXPECT_EQ(test, a->att.dma.npages, 1);
}

static void map_session_over(struct kunit *test)
{
	struct fake_att *a = test->priv;

	/* the end of the session is not checked for every page */
	a->iommu.lost_in = 10;
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(0), 0, 1000, RW), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, a->iommu.nptes, 0);
	KUNIT_EXPECT_EQ(test, a->att.dma.npages, 0);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(0), 0, 1, RW), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, a->att.dma.npages, 0);
}

/* pages, records and tables are charged; a refused record leaves only tables charged */
static void map_budget(struct kunit *test)
{
	struct fake_att *a = test->priv;
	struct riod_budget *b = &a->sync.budget;
	u64 limit, engine, before;
	int ret = -EDQUOT;

	KUNIT_EXPECT_EQ(test, b->limit, riod_link_memory_max(a->att.dma.max_pages << PAGE_SHIFT));
	for (limit = 0; ret == -EDQUOT && limit < SZ_1M; limit += 64) {
		riod_budget_set_limit(b, limit);
		ret = map(a, PIC_IOVA(0), 1, 3, RW);
		KUNIT_EXPECT_LE(test, riod_budget_held(b), limit);
		if (ret) {
			expect_empty(test, a);
			KUNIT_EXPECT_EQ(test, riod_budget_held(b), a->att.dma.tables.charged);
		}
	}
	KUNIT_ASSERT_EQ(test, ret, 0);
	/* the engine's pages, and ten XArray nodes in each of three indices */
	engine = 3 * (kmalloc_size_roundup(sizeof(struct riod_sync_page)) + RIOD_PAGE_SIZE / 8) +
		 3 * 10 * sizeof(struct xa_node);
	KUNIT_EXPECT_EQ(test, riod_budget_held(b), a->att.dma.tables.charged + 3 * PAGE_SIZE +
			engine + kmalloc_size_roundup(sizeof(struct riod_stub_range)));
	/* the same pages at another IOVA cost a record, and tables if it has none yet */
	before = riod_budget_held(b);
	riod_budget_set_limit(b, U64_MAX);
	KUNIT_EXPECT_EQ(test, map(a, PIC_IOVA(8), 1, 3, RW), 0);
	KUNIT_EXPECT_EQ(test, riod_budget_held(b), before +
			kmalloc_size_roundup(sizeof(struct riod_stub_range)));
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(0), 3), 0);
	KUNIT_EXPECT_EQ(test, unmap(a, PIC_IOVA(8), 3), 0);
	KUNIT_EXPECT_EQ(test, riod_budget_held(b), a->att.dma.tables.charged);
}

/* ------------------------------------------------------------ against a model */

#define MODEL_SLOTS	48
#define MODEL_PAGES	64
#define MODEL_STEPS	3000

/**
 * struct model - expected mappings, page by page
 * @record: number of the slot's MAP record, or 0
 * @page: page number of the slot
 * @prot: RIOD_PROT_*
 * @last: number of the last record
 */
struct model {
	u32 record[MODEL_SLOTS];
	u64 page[MODEL_SLOTS];
	u32 prot[MODEL_SLOTS];
	u32 last;
};

static int model_map(struct model *m, unsigned int first, unsigned int n, u64 page, u32 prot)
{
	unsigned int i;

	for (i = first; i < first + n; i++) {
		if (m->record[i])
			return -EPROTO;
	}
	m->last++;
	for (i = first; i < first + n; i++) {
		m->record[i] = m->last;
		m->page[i] = page + i - first;
		m->prot[i] = prot;
	}
	return 0;
}

static int model_unmap(struct model *m, unsigned int first, unsigned int n)
{
	unsigned int last = first + n - 1, i;

	for (i = first; i <= last; i++) {
		if (!m->record[i])
			return -EPROTO;
	}
	/* the middle of a record */
	if (m->record[first] == m->record[last] &&
	    first && m->record[first - 1] == m->record[first] &&
	    last + 1 < MODEL_SLOTS && m->record[last + 1] == m->record[last])
		return -EPROTO;
	for (i = first; i <= last; i++)
		m->record[i] = 0;
	return 0;
}

static void expect_model(struct kunit *test, struct fake_att *a, const struct model *m)
{
	DECLARE_BITMAP(pages, MODEL_PAGES) = { };
	u64 nmapped = 0;
	unsigned int i;
	int prot;

	for (i = 0; i < MODEL_SLOTS; i++) {
		struct page *page = seen(a, PIC_IOVA(i), &prot);

		KUNIT_ASSERT_EQ(test, !page, !m->record[i]);
		if (!page)
			continue;
		KUNIT_ASSERT_PTR_EQ(test, page, xa_load(&a->att.dma.pages, m->page[i]));
		KUNIT_ASSERT_EQ(test, !(prot & IOMMU_WRITE), !(m->prot[i] & RIOD_PROT_WRITE));
		__set_bit(m->page[i], pages);
		nmapped++;
	}
	KUNIT_ASSERT_EQ(test, a->att.dma.nmapped, nmapped);
	KUNIT_ASSERT_EQ(test, a->iommu.nptes, nmapped);
	KUNIT_ASSERT_EQ(test, a->att.dma.npages, bitmap_weight(pages, MODEL_PAGES));
	KUNIT_ASSERT_EQ(test, a->sync.npages, a->att.dma.npages);
}

static void against_model(struct kunit *test)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct fake_att *a = test->priv;
	unsigned int step, legal = 0;
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, m);
	prandom_seed_state(&rnd, 1);
	for (step = 0; step < MODEL_STEPS; step++) {
		u32 n = 1 + prandom_u32_state(&rnd) % 8;
		u32 first = prandom_u32_state(&rnd) % (MODEL_SLOTS - n + 1);
		u64 page = prandom_u32_state(&rnd) % (MODEL_PAGES - n + 1);
		u32 prot = 1 + prandom_u32_state(&rnd) % 3;
		int want, ret;

		if (prandom_u32_state(&rnd) % 2) {
			want = model_map(m, first, n, page, prot);
			ret = map(a, PIC_IOVA(first), page, n, prot);
		} else {
			want = model_unmap(m, first, n);
			ret = unmap(a, PIC_IOVA(first), n);
		}
		KUNIT_ASSERT_EQ_MSG(test, ret, want, "step %u", step);
		expect_model(test, a, m);
		legal += !ret;
	}
	/* enough steps must have succeeded, and failed */
	KUNIT_EXPECT_GT(test, legal, MODEL_STEPS / 10);
	KUNIT_EXPECT_GT(test, MODEL_STEPS - legal, MODEL_STEPS / 10);
}

/* ------------------------------------------------------------ page tables */

/* map and unmap one page at @n IOVAs, @step apart */
static void wander(struct kunit *test, struct fake_att *a, u64 step, unsigned int n)
{
	u64 iova = 1ull << 32;
	unsigned int i;

	for (i = 0; i < n; i++, iova += step) {
		KUNIT_ASSERT_EQ(test, map(a, iova, 1, 1, RW), 0);
		KUNIT_ASSERT_EQ(test, unmap(a, iova, 1), 0);
		KUNIT_ASSERT_LE(test, a->iommu.ntables, a->att.dma.tables.max);
	}
}

struct wander_case {
	const char *name;
	u64 step;
	bool renews;
};

static const struct wander_case wander_cases[] = {
	{ "page by page", SZ_4K, false },
	{ "2 MiB", SZ_2M, true },
	{ "1 GiB", SZ_1G, true },
	{ "64 GiB", 1ull << 36, true },
};

static void wander_desc(const struct wander_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(wander, wander_cases, wander_desc);

/* a domain with too many tables is replaced while nothing is mapped */
static void tables_renewed(struct kunit *test)
{
	const struct wander_case *c = test->param_value;
	struct fake_att *a = test->priv;

	a->att.dma.tables.max = 64;
	wander(test, a, c->step, 1000);
	KUNIT_EXPECT_EQ(test, !!a->iommu.ndomains, c->renews);
	KUNIT_EXPECT_LE(test, a->iommu.max_tables, 64);
	/* not too early: a page costs at most 5 tables */
	KUNIT_EXPECT_LE(test, a->iommu.ndomains, 1000 / (64 / 5) + 1);
	expect_empty(test, a);
}

/* a domain with mappings is not replaced */
static void tables_limit(struct kunit *test)
{
	struct fake_att *a = test->priv;
	u64 iova = 1ull << 32;
	int i, ret = 0;

	a->att.dma.tables.max = 64;
	KUNIT_ASSERT_EQ(test, map(a, SZ_1M, 2, 1, RW), 0);
	for (i = 0; i < 1000 && !ret; i++, iova += SZ_2M) {
		ret = map(a, iova, 1, 1, RW);
		if (!ret)
			KUNIT_ASSERT_EQ(test, unmap(a, iova, 1), 0);
	}
	KUNIT_EXPECT_EQ(test, ret, -ENOSPC);
	KUNIT_EXPECT_LE(test, a->iommu.max_tables, 64);
	KUNIT_EXPECT_EQ(test, a->iommu.ndomains, 0);
	KUNIT_EXPECT_EQ(test, a->att.dma.nmapped, 1);
}

/* a single record that exceeds the limit */
static void tables_record(struct kunit *test)
{
	struct fake_att *a = test->priv;

	a->att.dma.tables.max = 8;
	KUNIT_EXPECT_EQ(test, map(a, 1ull << 32, 1, 16 * SZ_2M / SZ_4K, RW), -ENOSPC);
	expect_empty(test, a);
}

static void tables_no_domain(struct kunit *test)
{
	struct fake_att *a = test->priv;

	a->att.dma.tables.max = 8;
	wander(test, a, SZ_2M, 4);
	a->iommu.refuse = true;
	KUNIT_EXPECT_EQ(test, map(a, SZ_1M, 1, 1, RW), -ENOMEM);
	expect_empty(test, a);
}

/* the default limit suffices for a guest that uses all of the lowest 4 GiB */
static void tables_ordinary(struct kunit *test)
{
	struct riod_stub_tables t;
	struct riod_budget budget;
	u64 n;

	riod_budget_init(&budget, 0, NULL);
	riod_stub_tables_init(&t, DMA_TABLES_MAX((1024ull << 20) >> PAGE_SHIFT), &budget);
	for (n = 0; n < SZ_4G; n += SZ_64M)
		KUNIT_EXPECT_EQ(test, riod_stub_tables_charge(&t, n, n + SZ_64M - 1), 0);
	KUNIT_EXPECT_EQ(test, t.ntables, 4 * (512 + SPAN_TABLES));
	/* the same IOVAs again cost nothing */
	KUNIT_EXPECT_EQ(test, riod_stub_tables_charge(&t, 0, SZ_4G - 1), 0);
	KUNIT_EXPECT_EQ(test, t.ntables, 4 * (512 + SPAN_TABLES));
	KUNIT_EXPECT_EQ(test, riod_stub_tables_charge(&t, U64_MAX - 4095, U64_MAX), 0);
	KUNIT_EXPECT_LT(test, t.ntables, t.max / 16);
	KUNIT_EXPECT_EQ(test, riod_budget_held(&budget),
			t.ntables * PAGE_SIZE + 5 * SPAN_RECORD);
	riod_stub_tables_reset(&t);
	KUNIT_EXPECT_EQ(test, riod_budget_held(&budget), 0);
}

static int dma_test_init(struct kunit *test)
{
	test->priv = fake_att_create(test);
	return 0;
}

static void dma_test_exit(struct kunit *test)
{
	if (test->priv)
		fake_att_destroy(test, test->priv);
}

static struct kunit_case dma_cases[] = {
	KUNIT_CASE_PARAM(places, place_gen_params),
	KUNIT_CASE(end_of_space),
	KUNIT_CASE_PARAM(twice, twice_gen_params),
	KUNIT_CASE_PARAM(unmaps, unmap_gen_params),
	KUNIT_CASE(unmap_pieces),
	KUNIT_CASE(protection),
	KUNIT_CASE(fresh_pages),
	KUNIT_CASE(page_limit),
	KUNIT_CASE(map_limit),
	KUNIT_CASE(map_fails),
	KUNIT_CASE(map_session_over),
	KUNIT_CASE(map_budget),
	KUNIT_CASE(against_model),
	KUNIT_CASE_PARAM(tables_renewed, wander_gen_params),
	KUNIT_CASE(tables_limit),
	KUNIT_CASE(tables_record),
	KUNIT_CASE(tables_no_domain),
	KUNIT_CASE(tables_ordinary),
	{}
};

static struct kunit_suite dma_suite = {
	.name = "riod_stub_dma",
	.init = dma_test_init,
	.exit = dma_test_exit,
	.test_cases = dma_cases,
};

kunit_test_suite(dma_suite);

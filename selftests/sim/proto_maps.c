// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: several of a page, in one attachment and in two, and mappings that come and
 * go while data is in flight.
 *
 *  alias	a header that the device reads and a status that it writes, in one page
 *		at two addresses (virtio-blk)
 *  bridge	one device writes a page, another one reads it
 *  churn	the device writes all the time, also after the guest has unmapped the page
 *  lazy	the page is reused before it is unmapped
 *  filling	one CPU of the guest maps buffers and writes descriptors without end, while
 *		another one waits for its register write to arrive
 */
#include "world.h"

enum { PAGE, PAGE2, PAGE3, PAGES, LAST = PAGES };	/* pages */
enum { GO, AT, AT2 };

#define R		RIOD_PROT_READ
#define W		RIOD_PROT_WRITE
#define RW		(R | W)

/* ------------------------------------------------------------ alias */

#define HEADER		0
#define STATUS		100
#define WORDS		4

static u32 word(u32 n, u32 i)
{
	return n * 0x9e3779b1u + i;
}

static void alias_device(u32 att)
{
	u32 done = 0, i, got;

	while (sim_wait_reg(att, GO, done)) {
		done = sim_reg(att, GO);
		for (i = 0; i < WORDS; i++) {
			got = sim_dma_load32(att, sim_reg(att, AT) + HEADER + 4 * i);
			if (got != word(done, i) && !sim_over(att))
				sim_fail("release", "header %u, word %u: device reads %x, not %x",
					 done, i, got, word(done, i));
		}
		sim_dma_store(att, sim_reg(att, AT2) + STATUS, 1, done);
		sim_irq(att, 0);
	}
}

static void alias_guest(void)
{
	iova_t read, write, kept = 0;
	bool keep = sim_random(2), read_first;
	u32 n, i;

	if (keep)
		kept = sim_map(0, PAGE, R);
	for (n = 1; n <= 6; n++) {
		sim_store8(sim_page(PAGE) + STATUS, 0xff);
		for (i = 0; i < WORDS; i++)
			sim_store32(sim_page(PAGE) + HEADER + 4 * i, word(n, i));
		read = keep ? kept : sim_map(0, PAGE, R);
		write = sim_map(0, PAGE, W);
		sim_write_reg(0, AT, read);
		sim_write_reg(0, AT2, write);
		sim_write_reg(0, GO, n);
		if (!sim_wait_irq(0, 0))
			return;
		read_first = sim_random(2);
		if (!keep && read_first)
			sim_unmap(0, read);
		sim_unmap(0, write);
		if (!keep && !read_first)
			sim_unmap(0, read);
		if (sim_load8(sim_page(PAGE) + STATUS) != n)
			sim_fail("acquire", "status of %u is %u", n,
				 sim_load8(sim_page(PAGE) + STATUS));
	}
}

const struct sim_proto sim_proto_alias = {
	.name = "alias", .pages = PAGE2, .guest = alias_guest, .device = alias_device,
	.may_lose = true,
};

/* ------------------------------------------------------------ bridge */

static void bridge_device(u32 att)
{
	u32 done = 0, i, got;

	while (sim_wait_reg(att, GO, done)) {
		done = sim_reg(att, GO);
		for (i = 0; i < WORDS; i++) {
			iova_t at = sim_reg(att, AT) + 64 + 64 * i;

			if (!att) {
				sim_dma_store32(att, at, word(done, i));
				continue;
			}
			got = sim_dma_load32(att, at);
			if (got != word(done, i) && !sim_over(att))
				sim_fail("release", "round %u, word %u: device 1 reads %x, not %x",
					 done, i, got, word(done, i));
		}
		sim_irq(att, 0);
	}
}

static void bridge_guest(void)
{
	u32 n;

	sim_write_reg(0, AT, sim_map(0, PAGE, RW));
	sim_write_reg(1, AT, sim_map(1, PAGE, R));
	for (n = 1; n <= 5; n++) {
		sim_write_reg(0, GO, n);
		if (!sim_wait_irq(0, 0))
			return;
		sim_write_reg(1, GO, n);
		if (!sim_wait_irq(1, 0))
			return;
	}
}

const struct sim_proto sim_proto_bridge = {
	.name = "bridge", .pages = PAGE2, .natts = 2, .guest = bridge_guest,
	.device = bridge_device,
};

/* ------------------------------------------------------------ churn */

#define TAGGED		32	/* bytes where the device writes its tag */
#define BESIDE		1024	/* words of the guest in the same page */

static bool churn_over;

static void churn_init(void)
{
	churn_over = false;
}

static void churn_device(u32 att)
{
	while (!churn_over && !sim_over(att)) {
		if (!sim_dma_store_tag(att, sim_random(3) * RIOD_PAGE_SIZE + sim_random(TAGGED)) ||
		    !sim_random(8))
			sim_relax();
	}
}

/* a byte is what the guest stored last, or, while mapped, what the device writes now */
static void check_tags(u32 page, u32 stored, u32 tag, u32 n)
{
	u32 off, got;

	while (n--) {
		off = sim_random(TAGGED);
		got = sim_load8(sim_page(page) + off);
		if (got != stored && got != tag)
			sim_fail("late-data", "page %u, offset %u is %02x, not %02x or %02x", page,
				 off, got, stored, tag);
	}
}

static void churn_guest(void)
{
	u32 n, off, tag, page, prot, stored[PAGES] = {};
	iova_t iova;

	/* some pages stay readable; the others get a new number with each map */
	for (page = PAGE; page <= PAGE2; page++) {
		if (sim_random(2))
			sim_map(0, page, R);
	}
	for (n = 1; n <= 16; n++) {
		page = sim_random(2) ? PAGE : PAGE2;
		tag = 0x80 | n;
		prot = sim_random(2) ? W : RW;
		iova = sim_map_tagged(0, page, prot, tag);
		if (sim_random(4))
			sim_write_reg(0, GO, n);
		for (off = sim_random(12); off; off--) {
			check_tags(page, stored[page], tag, 3);
			sim_store32(sim_page(page) + BESIDE + 4 * sim_random(8), n);
			sim_relax();
		}
		sim_unmap(0, iova);
		/* the page is unmapped: the guest's stores must remain */
		stored[page] = sim_random(2) ? n : 0;
		for (off = 0; off < TAGGED; off++)
			sim_store8(sim_page(page) + off, stored[page]);
		for (off = sim_random(6); off; off--) {
			check_tags(page, stored[page], stored[page], 6);
			sim_relax();
		}
	}
	churn_over = true;
}

const struct sim_proto sim_proto_churn = {
	.name = "churn", .share = 50, .pages = PAGE3, .init = churn_init, .guest = churn_guest,
	.device = churn_device, .may_lose = true,
};

/* ------------------------------------------------------------ lazy */

static void lazy_device(u32 att)
{
	u32 done = 0, i;

	while (sim_wait_reg(att, GO, done)) {
		done = sim_reg(att, GO);
		for (i = 0; i < WORDS; i++)
			sim_dma_store32(att, sim_reg(att, AT) + 64 * i, word(done, i));
		sim_irq(att, 0);
	}
}

static void lazy_guest(void)
{
	iova_t old[2] = {};
	u32 n, i, got;
	iova_t iova;

	for (n = 1; n <= 8; n++) {
		u32 page = PAGE + n % 2;

		iova = sim_map(0, page, W);
		sim_write_reg(0, AT, iova);
		sim_write_reg(0, GO, n);
		if (!sim_wait_irq(0, 0))
			return;
		for (i = 0; i < WORDS; i++) {
			got = sim_load32(sim_page(page) + 64 * i);
			if (got != word(n, i))
				sim_fail("acquire", "round %u, word %u is %x, not %x", n, i, got,
					 word(n, i));
		}
		/* reuse the page while the device may still write it */
		for (i = 0; i < WORDS; i++)
			sim_store32(sim_page(page) + 64 * i, ~word(n, i));
		sim_relax();
		for (i = 0; i < WORDS; i++) {
			got = sim_load32(sim_page(page) + 64 * i);
			if (got != ~word(n, i))
				sim_fail("byte-exact", "round %u, word %u became %x", n, i, got);
		}
		/* unmap some time later, like a flush queue */
		if (n > 2)
			sim_unmap(0, old[n % 2]);
		old[n % 2] = iova;
	}
}

const struct sim_proto sim_proto_lazy = {
	.name = "lazy_unmap", .pages = PAGE3, .guest = lazy_guest, .device = lazy_device,
	.may_lose = true,
};

/* ------------------------------------------------------------ filling */

#define RING_ENTRIES	(RIOD_PAGE_SIZE / 16)
#define BUFFERS		(PAGES - 1)

static bool filling_over;

static void filling_init(void)
{
	filling_over = false;
}

static void filling_cpu(void)
{
	iova_t iova[BUFFERS];
	u32 n;

	for (n = 0; !filling_over && !sim_lost(0); n++) {
		if (n >= BUFFERS)
			sim_unmap(0, iova[n % BUFFERS]);
		iova[n % BUFFERS] = sim_map(0, PAGE2 + n % BUFFERS, R);
		sim_store32(sim_page(PAGE) + 16 * (n % RING_ENTRIES), iova[n % BUFFERS] + n);
		if (!(n % 4))
			sim_relax();
	}
}

static void filling_device(u32 att)
{
	if (!sim_wait_reg(att, GO, 0))
		return;
	filling_over = true;
	sim_dma_store32(att, sim_reg(att, AT), 1);
	sim_irq(att, 0);
}

static void filling_guest(void)
{
	iova_t at = sim_map(0, LAST, RW);

	sim_map(0, PAGE, R);
	sim_write_reg(0, AT, at);
	sim_write_reg(0, GO, 1);
	if (sim_wait_irq(0, 0) && sim_load32(sim_page(LAST)) != 1)
		sim_fail("acquire", "the device's word is not there");
}

const struct sim_proto sim_proto_filling = {
	.name = "filling", .share = 50, .pages = PAGES + 1, .init = filling_init,
	.guest = filling_guest, .cpu = filling_cpu, .device = filling_device, .may_lose = true,
};

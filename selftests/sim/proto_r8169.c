// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmit descriptors with an ownership bit, as r8169 has them.
 *
 * A packet is one to three descriptors of 16 bytes.  The driver gives the first one to the
 * controller last.  A running controller continues while it finds descriptors that it owns,
 * and relies on a packet being complete if it owns the first descriptor.  It gives each one
 * back by clearing the bit.
 *
 *  r8169	with the order of rule 10: first descriptors are applied last
 *  r8169_plain	without it
 *
 * The flag is in the first half of a descriptor, the address in the second.  So it fails
 * without a 16-byte exchange, where the engine applies one half after the other (rule 8).
 */
#include "world.h"

enum { RING, DATA, NDATA = 2, NPAGES = DATA + NDATA };	/* pages */

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)
#define DOORBELL	0

#define DESC		16
#define ADDRESS		8
#define OWN		0x80000000u
#define END_OF_RING	0x40000000u
#define FIRST		0x20000000u
#define LAST		0x10000000u

#define DESCS		8
#define PACKETS		14
#define FRAGS_MAX	3	/* of a packet; two packets are in flight */
#define LOOKS		8

static iova_t iova[NPAGES];
static bool plain;

static u32 word(u32 desc)
{
	return desc * 0x9e3779b1u + 1;
}

/* the page of descriptor @n's buffer, which is reused together with the descriptor */
static u32 page_of(u32 n)
{
	return DATA + n % NDATA;
}

static u32 at_of(u32 n)
{
	return n % DESCS * 128;
}

/* ------------------------------------------------------------ rule 10 */

static bool is_first(struct riod_sync_entry *e)
{
	u32 opts;

	memcpy(&opts, e->now, sizeof(opts));
	return opts & FIRST;
}

static void say_order(void)
{
	sim_order(0, (struct riod_sync_span[]){
		{ .iova = iova[RING], .len = DESCS * DESC, .by_guest = true, .flag = is_first },
	}, 1);
}

/* ------------------------------------------------------------ controller */

static iova_t desc_iova(u32 n)
{
	return iova[RING] + DESC * (n % DESCS);
}

static void fragment(u32 att, u32 n, u32 opts)
{
	u32 got = sim_dma_load32(att, sim_dma_load(att, desc_iova(n) + ADDRESS, 8));

	if (got != word(n) && !sim_over(att))
		sim_fail("flag-after-data", "descriptor %u: the device reads %x, not %x", n, got,
			 word(n));
	sim_dma_store32(att, desc_iova(n), opts & ~OWN);
}

/* process a packet whose first descriptor the controller owns; returns the next descriptor */
static u32 packet(u32 att, u32 n)
{
	u32 opts;

	do {
		opts = sim_dma_load32(att, desc_iova(n));
		if (sim_over(att))
			break;
		if (!(opts & OWN)) {
			sim_fail("flag-after-data", "descriptor %u of a packet is not owned", n);
			break;
		}
		fragment(att, n++, opts);
	} while (!(opts & LAST));
	return n;
}

static void device(u32 att)
{
	u32 seen = 0, n = 0, looks;

	while (sim_wait_write(att, DOORBELL, &seen)) {
		for (looks = 0; looks < LOOKS && !sim_over(att); looks++) {
			while (sim_dma_load32(att, desc_iova(n)) & OWN && !sim_over(att)) {
				looks = 0;
				n = packet(att, n);
				sim_irq(att, 0);
			}
		}
	}
}

/* ------------------------------------------------------------ driver */

static gaddr_t desc_at(u32 n)
{
	return sim_page(RING) + DESC * (n % DESCS);
}

static void put_desc(u32 n, u32 flags)
{
	sim_store32(sim_page(page_of(n)) + at_of(n), word(n));
	sim_store64(desc_at(n) + ADDRESS, iova[page_of(n)] + at_of(n));
	if (n % DESCS == DESCS - 1)
		flags |= END_OF_RING;
	sim_store32(desc_at(n), flags);
}

static void submit(u32 n, u32 len)
{
	u32 i;

	for (i = 1; i < len; i++)
		put_desc(n + i, OWN | (i + 1 == len ? LAST : 0));
	put_desc(n, OWN | FIRST | (len == 1 ? LAST : 0));
	sim_write_reg(0, DOORBELL, 0);
}

static bool wait_sent(u32 n)
{
	u32 looks = 0;

	while (sim_load32(desc_at(n)) & OWN) {
		if (sim_lost(0) || (++looks % LOOKS == 0 && !sim_wait_irq(0, 0)))
			return false;
		sim_relax();
	}
	return true;
}

static void drive(void)
{
	u32 asked = 0, next = 0, done = 0, i, len, ends[2];
	/* without a profile rings are mapped first, which is the best case */
	bool data_first = !plain && sim_random(2);

	for (i = 0; i < NPAGES; i++) {
		u32 page = data_first ? (i + DATA) % NPAGES : i;

		iova[page] = sim_map(0, page, RW);
	}
	/* the reply arrives after the stub has mapped the ring */
	sim_read_reg(0, DOORBELL);
	if (!plain)
		say_order();
	for (i = 0; i < PACKETS; i++) {
		for (; asked < PACKETS && asked < i + 2; asked++) {
			len = 1 + sim_random(FRAGS_MAX);
			submit(next, len);
			next += len;
			ends[asked % 2] = next;
		}
		for (; done < ends[i % 2]; done++) {
			if (!wait_sent(done))
				return;
		}
	}
}

static void ordered_init(void)
{
	plain = false;
}

static void plain_init(void)
{
	plain = true;
}

const struct sim_proto sim_proto_r8169 = {
	.name = "r8169", .share = 30, .pages = NPAGES, .init = ordered_init, .guest = drive,
	.device = device, .may_lose = true,
#ifdef SIM_NO_CMPXCHG128
	.violates = "flag-after-data",
#endif
};

const struct sim_proto sim_proto_r8169_plain = {
	.name = "r8169_plain", .pages = NPAGES, .init = plain_init, .guest = drive,
	.device = device, .violates = "flag-after-data",
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * An index in a page that was mapped after the pages of its data.
 *
 * The driver fills a ring and increments an index; the device polls the index.  Pages are
 * applied from the one mapped last to the one mapped first, so the index is visible before
 * its data, unless an order includes it (rule 10).
 *
 *  index	with that order
 *  index_plain	without it
 */
#include "world.h"

enum { DATA, NDATA = 2, INDEX = NDATA, NPAGES };	/* pages */
enum { GO };

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)
#define INDEX_AT	256
#define ACK_AT		1024
#define SLOTS		8
#define ROUNDS		24

static iova_t iova[NPAGES];
static bool plain;

static u32 at_of(u32 n)
{
	return n % SLOTS * 64;
}

static void drive(void)
{
	u32 n = 0, i;

	for (i = 0; i < NPAGES; i++)
		iova[i] = sim_map(0, i, RW);
	/* the reply arrives after the stub has mapped the pages */
	sim_read_reg(0, GO);
	if (!plain)
		sim_order(0, (struct riod_sync_span[]){
			{ .iova = iova[INDEX] + INDEX_AT, .len = 16, .by_guest = true },
		}, 1);
	sim_write_reg(0, GO, 1);
	while (n < ROUNDS && !sim_lost(0)) {
		if (n - sim_load32(sim_page(INDEX) + ACK_AT) >= SLOTS) {
			sim_relax();
			continue;
		}
		n++;
		sim_store32(sim_page(DATA + n % NDATA) + at_of(n), n);
		sim_store32(sim_page(INDEX) + INDEX_AT, n);
	}
}

static void device(u32 att)
{
	u32 done = 0, index, got;

	if (!sim_wait_reg(att, GO, 0))
		return;
	while (!sim_over(att)) {
		index = sim_dma_load32(att, iova[INDEX] + INDEX_AT);
		for (; done < index && !sim_over(att); done++) {
			got = sim_dma_load32(att, iova[DATA + (done + 1) % NDATA] +
						  at_of(done + 1));
			if (got != done + 1 && !sim_over(att))
				sim_fail("flag-after-data", "index %u, slot %u has %u", index,
					 done + 1, got);
		}
		sim_dma_store32(att, iova[INDEX] + ACK_AT, done);
		sim_relax();
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

const struct sim_proto sim_proto_index = {
	.name = "index", .share = 30, .pages = NPAGES, .init = ordered_init, .guest = drive,
	.device = device, .may_lose = true,
};

const struct sim_proto sim_proto_index_plain = {
	.name = "index_plain", .pages = NPAGES, .init = plain_init, .guest = drive,
	.device = device, .violates = "flag-after-data",
};

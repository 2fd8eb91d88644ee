// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packet split, as e1000e does it: descriptors of 32 bytes, written back in place, with the
 * status in their first half and the lengths of the parts in the second.
 *
 * The device writes data, lengths, status; the driver polls the status.  Each half is a
 * granule, and the one with the status is the lower one: in ascending order it would show
 * first (rule 10).  The data pages are mapped before or behind the ring.
 */
#include "world.h"

enum { RING, DATA, NDATA = 2, NPAGES = DATA + NDATA };	/* pages */

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)

#define ENTRIES		4
#define DESC		32
#define RING_AT		64
#define STATUS		8	/* counts rounds, where the real one is set and cleared */
#define LENGTHS		16	/* of header and data */
#define PACKETS		14
#define HEADER_AT	0
#define HEADER		16
#define BODY_AT		512
#define WORDS		3

enum { TAIL };

static iova_t iova[NPAGES];

static u32 word(u32 packet, u32 i)
{
	return packet * 0x9e3779b1u + i;
}

static u32 status_of(u32 packet)
{
	return 1 + packet / ENTRIES;
}

/* no length comes twice in a row in one place */
static u32 length_of(u32 packet)
{
	return 60 + packet;
}

/* a packet's buffers: two to a page */
static u32 page_of(u32 slot)
{
	return DATA + slot % NDATA;
}

static u32 at_of(u32 slot)
{
	return slot / NDATA * (RIOD_PAGE_SIZE / 2);
}

static void receive(u32 att, u32 packet)
{
	u32 slot = packet % ENTRIES, i;
	iova_t desc = iova[RING] + RING_AT + DESC * slot;
	iova_t buf = iova[page_of(slot)] + at_of(slot);

	sim_dma_store32(att, buf + HEADER_AT, packet);
	for (i = 0; i < WORDS; i++)
		sim_dma_store32(att, buf + BODY_AT + 64 * i, word(packet, i));
	sim_dma_store32(att, desc + LENGTHS, HEADER + packet);
	sim_dma_store32(att, desc + LENGTHS + 4, length_of(packet));
	sim_dma_store32(att, desc + STATUS, status_of(packet));
}

/* as many as come before it gets round to the next interrupt */
static void device(u32 att)
{
	u32 packet = 0;

	while (sim_wait_reg(att, TAIL, packet)) {
		while (packet != sim_reg(att, TAIL) && !sim_over(att))
			receive(att, packet++);
		sim_irq(att, 0);
	}
}

static void take(u32 packet)
{
	u32 slot = packet % ENTRIES, i, got;
	gaddr_t desc = sim_page(RING) + RING_AT + DESC * slot;
	gaddr_t buf = sim_page(page_of(slot)) + at_of(slot);

	got = sim_load32(desc + LENGTHS);
	if (got != HEADER + packet)
		sim_fail("flag-after-data", "packet %u has a header of %u", packet, got);
	got = sim_load32(desc + LENGTHS + 4);
	if (got != length_of(packet))
		sim_fail("flag-after-data", "packet %u has length %u", packet, got);
	got = sim_load32(buf + HEADER_AT);
	if (got != packet)
		sim_fail("flag-after-data", "packet %u has the header of %u", packet, got);
	for (i = 0; i < WORDS; i++) {
		got = sim_load32(buf + BODY_AT + 64 * i);
		if (got != word(packet, i))
			sim_fail("flag-after-data", "packet %u, word %u is %x, not %x", packet, i,
				 got, word(packet, i));
	}
}

/* the tail counts on; while it polls it looks a few times before it sleeps */
static void drive(void)
{
	bool data_first = sim_random(2);
	u32 packet = 0, looks = 0, i;

	for (i = 0; i < NPAGES; i++) {
		u32 page = data_first ? (i + DATA) % NPAGES : i;

		iova[page] = sim_map(0, page, RW);
	}
	/* a reply comes when the ring is known everywhere */
	sim_read_reg(0, TAIL);
	sim_order(0, &(struct riod_sync_span){ .iova = iova[RING] + RING_AT,
		  .len = ENTRIES * DESC, .step = DESC }, 1);
	sim_write_reg(0, TAIL, ENTRIES);
	while (packet < PACKETS) {
		if (sim_load32(sim_page(RING) + RING_AT + DESC * (packet % ENTRIES) + STATUS) !=
		    status_of(packet)) {
			if (sim_lost(0) || (++looks % 8 == 0 && !sim_wait_irq(0, 0)))
				return;
			sim_relax();
			continue;
		}
		take(packet++);
		sim_write_reg(0, TAIL, packet + ENTRIES);
	}
}

const struct sim_proto sim_proto_packet_split = {
	.name = "packet_split", .pages = NPAGES, .guest = drive, .device = device,
	.may_lose = true,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive rings of network cards: the device writes descriptors back in place.
 *
 * Two buffers share a page.  At an interrupt the driver takes all completed packets,
 * rewrites their data as a network stack does (decrements a TTL, which the next packet
 * restores) and returns the buffer without a remap.  In the second protocol it also clears
 * the status word that the device sets; in the first only the device writes it.
 */
#include "world.h"

enum { RING, BUFS, NBUFS = 2 };	/* pages */

#define ENTRIES		4
#define PACKETS		9
#define PACKET		48	/* bytes */
#define TTL_AT		12	/* a word that both sides write */
#define TTL		64
#define HALF		(RIOD_PAGE_SIZE / 2)

/* descriptor: +0 address, +8 length, +12 status; the ring wraps, so status counts rounds */
#define DESC		16
#define EXTENDED_DONE	1

enum { TAIL, RING_AT };

static bool extended;

static u32 word(u32 packet, u32 i)
{
	return 4 * i == TTL_AT ? TTL : packet * 0x01000193u + i + 1;
}

static u32 done_word(u32 packet)
{
	return extended ? EXTENDED_DONE : 1 + packet / ENTRIES;
}

static void device(u32 att)
{
	u32 head = 0, i;

	/* the tail does not wrap, so each value is new */
	while (sim_wait_reg(att, TAIL, head)) {
		for (; head != sim_reg(att, TAIL) && !sim_over(att); head++) {
			iova_t desc = sim_reg(att, RING_AT) + DESC * (head % ENTRIES);
			iova_t buf = sim_dma_load32(att, desc);

			for (i = 0; i < PACKET / 4; i++)
				sim_dma_store32(att, buf + 4 * i, word(head, i));
			sim_dma_store32(att, desc + 8, PACKET);
			sim_dma_store32(att, desc + 12, done_word(head));
			sim_irq(att, 0);
		}
	}
}

static gaddr_t buffer(u32 slot)
{
	return sim_page(BUFS + slot / 2) + slot % 2 * HALF;
}

static void post(u32 slot, iova_t iova, u32 tail)
{
	gaddr_t desc = sim_page(RING) + DESC * slot;

	if (extended)
		sim_store32(desc + 12, 0);
	sim_store32(desc, iova);
	sim_write_reg(0, TAIL, tail);
}

static void take(u32 packet)
{
	gaddr_t buf = buffer(packet % ENTRIES);
	u32 i, got;

	got = sim_load32(sim_page(RING) + DESC * (packet % ENTRIES) + 8);
	if (got != PACKET)
		sim_fail("flag-after-data", "packet %u has length %u", packet, got);
	for (i = 0; i < PACKET / 4; i++) {
		got = sim_load32(buf + 4 * i);
		if (got == word(packet, i))
			continue;
		sim_fail(4 * i == TTL_AT ? "recycled" : "flag-after-data",
			 "packet %u, word %u: the guest reads %x, not %x", packet, i, got,
			 word(packet, i));
	}
	/* the stack decrements it; the device's next write of the old value must arrive */
	sim_store32(buf + TTL_AT, TTL - 1);
}

static void drive(bool ext)
{
	iova_t ring, bufs[NBUFS];
	u32 packet = 0, i;

	extended = ext;
	ring = sim_map(0, RING, RIOD_PROT_READ | RIOD_PROT_WRITE);
	for (i = 0; i < NBUFS; i++)
		bufs[i] = sim_map(0, BUFS + i, RIOD_PROT_READ | RIOD_PROT_WRITE);
	sim_write_reg(0, RING_AT, ring);
	for (i = 0; i < ENTRIES; i++)
		post(i, bufs[i / 2] + i % 2 * HALF, i + 1);
	while (packet < PACKETS) {
		u32 slot = packet % ENTRIES;

		if (sim_load32(sim_page(RING) + DESC * slot + 12) != done_word(packet)) {
			if (!sim_wait_irq(0, 0))
				return;
			continue;
		}
		take(packet++);
		post(slot, bufs[slot / 2] + slot % 2 * HALF, packet + ENTRIES);
	}
}

static void drive_legacy(void) { drive(false); }
static void drive_extended(void) { drive(true); }

const struct sim_proto sim_proto_ring = {
	.name = "ring_written_back", .pages = BUFS + NBUFS, .guest = drive_legacy,
	.device = device, .may_lose = true,
};

const struct sim_proto sim_proto_ring_extended = {
	.name = "ring_extended", .pages = BUFS + NBUFS, .guest = drive_extended,
	.device = device, .may_lose = true,
};

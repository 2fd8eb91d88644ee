// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive rings of Intel's gigabit controllers, written back in place and polled, with
 * their profile.
 *
 *  packet_split  descriptors of 32 bytes: status in the first half, lengths of the parts
 *		  in the second (e1000e)
 *  descriptors	  descriptors of 16 bytes, with status and length (igb)
 *
 * The device writes data, lengths, status; the driver polls the status.  Each half of a
 * long descriptor is a granule, and the lower one has the status: applied in ascending
 * order it would be visible first (rule 10).  Data pages are mapped before or after the ring.
 */
#include "world.h"

enum { RING, DATA, NDATA = 4, NPAGES = DATA + NDATA };	/* pages */

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)

#define ENTRIES		8
#define RING_AT		128
#define STATUS		8	/* counts rounds; a real status is set and cleared */
#define PACKETS		20
#define HEADER_AT	0
#define HEADER		16
#define BODY_AT		512
#define WORDS		3

/* registers, and their offsets in BAR 0 */
enum { RCTL, BASE_LOW, BASE_HIGH, LENGTH, TAIL };

static const u64 offsets[] = {
	[RCTL] = 0x100, [BASE_LOW] = 0x2800, [BASE_HIGH] = 0x2804, [LENGTH] = 0x2808,
	[TAIL] = 0x2818,
};

struct kind {
	u32 desc;	/* size of a descriptor */
	u32 lengths;	/* offset of the lengths of header and data */
	u32 rctl;
};

static const struct kind split = { .desc = 32, .lengths = 16, .rctl = 0x400 };
static const struct kind whole = { .desc = 16, .lengths = 0 };
static const struct kind *kind;
static iova_t iova[NPAGES];

static void split_init(void)
{
	kind = &split;
}

static void whole_init(void)
{
	kind = &whole;
}

static u32 reg_of(u64 offset)
{
	u32 reg = 0;

	while (offsets[reg] != offset)
		reg++;
	return reg;
}

static void write_reg(u32 reg, u32 value)
{
	sim_write_bar(offsets[reg], 4, value);
}

static u32 word(u32 packet, u32 i)
{
	return packet * 0x9e3779b1u + i;
}

static u32 status_of(u32 packet)
{
	return 1 + packet / ENTRIES;
}

/* the length in a descriptor changes with every packet */
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
	iova_t desc = sim_reg(att, BASE_LOW) + kind->desc * slot;
	iova_t buf = iova[page_of(slot)] + at_of(slot);

	sim_dma_store32(att, buf + HEADER_AT, packet);
	for (i = 0; i < WORDS; i++)
		sim_dma_store32(att, buf + BODY_AT + 64 * i, word(packet, i));
	sim_dma_store32(att, desc + kind->lengths, HEADER + packet);
	sim_dma_store32(att, desc + kind->lengths + 4, length_of(packet));
	sim_dma_store32(att, desc + STATUS, status_of(packet));
}

/* receives all packets that it may, then raises one interrupt */
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
	gaddr_t desc = sim_page(RING) + RING_AT + kind->desc * slot;
	gaddr_t buf = sim_page(page_of(slot)) + at_of(slot);

	got = sim_load32(desc + kind->lengths);
	if (got != HEADER + packet)
		sim_fail("flag-after-data", "packet %u has a header of %u", packet, got);
	got = sim_load32(desc + kind->lengths + 4);
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

/* the tail does not wrap; the driver polls a few times before it waits for an interrupt */
static void drive(void)
{
	bool data_first = sim_random(2);
	u32 packet = 0, looks = 0, i;
	gaddr_t desc;

	for (i = 0; i < NPAGES; i++) {
		u32 page = data_first ? (i + DATA) % NPAGES : i;

		iova[page] = sim_map(0, page, RW);
	}
	write_reg(RCTL, kind->rctl);
	write_reg(BASE_LOW, iova[RING] + RING_AT);
	write_reg(BASE_HIGH, 0);
	write_reg(LENGTH, ENTRIES * kind->desc);
	/* as drivers do before they start the device */
	sim_read_reg(0, TAIL);
	write_reg(TAIL, ENTRIES);
	while (packet < PACKETS) {
		desc = sim_page(RING) + RING_AT + kind->desc * (packet % ENTRIES);
		if (sim_load32(desc + STATUS) != status_of(packet)) {
			if (sim_lost(0) || (++looks % 8 == 0 && !sim_wait_irq(0, 0)))
				return;
			sim_relax();
			continue;
		}
		take(packet++);
		write_reg(TAIL, packet + ENTRIES);
	}
}

const struct sim_proto sim_proto_packet_split = {
	.name = "packet_split", .pages = NPAGES, .init = split_init, .guest = drive,
	.device = device, .may_lose = true, .profile = &riod_profile_e1000, .reg_of = reg_of,
};

const struct sim_proto sim_proto_descriptors = {
	.name = "descriptors", .pages = NPAGES, .init = whole_init, .guest = drive,
	.device = device, .may_lose = true, .profile = &riod_profile_e1000, .reg_of = reg_of,
};

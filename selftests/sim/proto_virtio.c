// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio, split and packed rings, with event suppression, and the real virtio profile.
 *
 * Each side publishes in memory and notifies only if the other has requested it (rule 11).
 * A chain has one or two descriptors: the driver's request, and room for the answer.  In
 * every second run the page is mapped for each request and unmapped afterwards: a descriptor
 * must not be visible to the device before its page is mapped (rule 1).  In the other runs
 * pages stay mapped; they were mapped before or after the rings, so the order of pages
 * helps in only half of these runs (rule 10).
 *
 * Split: the index is below its entries.  Packed: the ring spans two pages, and a chain may
 * wrap; its first descriptor is made available last.
 */
#include <linux/bits.h>

#include "world.h"

enum { RING, RING2, EVENTS, DATA, NDATA = 2, NPAGES = DATA + NDATA };	/* pages */

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)

/* BAR 0: common configuration, notifications */
#define NOTIFY		0x100
#define NOTIFY_REG	16
#define COMMON_REG	0
#define STATUS		20

#define FEATURE_EVENT_IDX	BIT(29)
#define FEATURE_PACKED		BIT(2)		/* in the second word */

#define ENTRIES		4
#define WORK		12
#define WORDS		3

/* size of a slot in a data page: request and answer */
#define SLOT		256
#define ANSWER_AT	128

#define DESC		16
#define NEXT		1
#define WRITE		2
#define AVAIL		0x80
#define USED		0x8000
#define EVENT_DESC	2

/* split: Linux's layout of a ring in one page */
#define AVAIL_AT	(ENTRIES * DESC)
#define USED_AT		128
/* packed: two entries on each page */
#define PACKED_AT	(RIOD_PAGE_SIZE - 2 * DESC)
#define DRIVER_EVENT	0
#define DEVICE_EVENT	64

static iova_t iova[NPAGES];
static bool maps_each;

static u32 word(u32 n, u32 i)
{
	return n * 0x9e3779b1u + i;
}

static u32 reg_of(u64 offset)
{
	return offset < NOTIFY ? COMMON_REG : NOTIFY_REG;
}

static void put32(u8 *p, u32 value)
{
	u32 i;

	for (i = 0; i < 4; i++)
		p[i] = value >> (8 * i);
}

static void config(struct riod_cfg *cfg)
{
	cfg->bytes[0x34] = 0x40;
	/* common configuration */
	memcpy(cfg->bytes + 0x40, (u8[]){ 0x09, 0x50, 16, 1, 0 }, 5);
	put32(cfg->bytes + 0x4c, 64);
	/* notifications, 4 bytes apart */
	memcpy(cfg->bytes + 0x50, (u8[]){ 0x09, 0, 20, 2, 0 }, 5);
	put32(cfg->bytes + 0x58, NOTIFY);
	put32(cfg->bytes + 0x5c, 64);
	put32(cfg->bytes + 0x60, 4);
}

/* the device found a violation; ignore it if the connection is lost, as loads fail then */
static void wrong(u32 att, u32 n, const char *what, u32 value)
{
	if (!sim_over(att))
		sim_fail("flag-after-data", "request %u: the device reads %s: %x", n, what, value);
}

static bool need_event(u16 event, u16 new, u16 old)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

/* ------------------------------------------------------------ requests and answers */

/* page and offset of a slot; the answer follows the request */
static u32 slot_page(u32 slot)
{
	return DATA + slot % NDATA;
}

static u32 slot_at(u32 slot)
{
	return slot / NDATA * SLOT;
}

static void ask(u32 slot, u32 n)
{
	u32 i;

	if (maps_each && n >= NDATA)
		iova[slot_page(slot)] = sim_map(0, slot_page(slot), RW);
	for (i = 0; i < WORDS; i++)
		sim_store32(sim_page(slot_page(slot)) + slot_at(slot) + 32 * i, word(n, i));
}

static void answer(u32 att, iova_t from, iova_t to, u32 n)
{
	u32 i, got;

	for (i = 0; i < WORDS; i++) {
		got = sim_dma_load32(att, from + 32 * i);
		if (got != word(n, i))
			wrong(att, n, "another word", got);
		sim_dma_store32(att, to + 32 * i, ~word(n, i));
	}
}

static void verify(u32 slot, u32 n)
{
	u32 i, got;

	if (maps_each)
		sim_unmap(0, iova[slot_page(slot)]);
	for (i = 0; i < WORDS; i++) {
		got = sim_load32(sim_page(slot_page(slot)) + slot_at(slot) + ANSWER_AT + 32 * i);
		if (got != ~word(n, i))
			sim_fail("flag-after-data", "answer %u, word %u: guest reads %x, not %x",
				 n, i, got, ~word(n, i));
	}
}

/* ------------------------------------------------------------ set-up */

static void map_all(void)
{
	bool data_first = sim_random(2);
	u32 i;

	maps_each = sim_random(2);
	for (i = 0; i < NPAGES; i++) {
		u32 page = data_first ? (i + DATA) % NPAGES : i;

		iova[page] = sim_map(0, page, RW);
	}
}

static void write16(u32 offset, u16 value)
{
	sim_write_bar(offset, 2, value);
}

/* write an address in two halves, as Linux does */
static void write_area(u32 which, iova_t at)
{
	sim_write_bar(32 + 8 * which, 4, at);
	sim_write_bar(36 + 8 * which, 4, 0);
}

static void begin(bool packed, iova_t descs, iova_t driver, iova_t device)
{
	sim_write_bar(STATUS, 1, 0);
	sim_write_bar(8, 4, 0);
	sim_write_bar(12, 4, FEATURE_EVENT_IDX);
	sim_write_bar(8, 4, 1);
	sim_write_bar(12, 4, packed ? FEATURE_PACKED : 0);
	write16(22, 0);
	write16(24, ENTRIES);
	write16(26, 0);
	write_area(0, descs);
	write_area(1, driver);
	write_area(2, device);
	write16(28, 1);
	sim_write_bar(STATUS, 1, 4);
}

static void notify(void)
{
	sim_write_bar(NOTIFY, 2, 0);
}

/* ------------------------------------------------------------ split: device */

static u16 dma16(u32 att, iova_t at)
{
	return sim_dma_load(att, at, 2);
}

static void split_work(u32 att, u16 n)
{
	iova_t ring = iova[RING], desc, used;
	u16 head = dma16(att, ring + AVAIL_AT + 4 + 2 * (n % ENTRIES)), second;

	if (head >= ENTRIES)
		wrong(att, n, "a descriptor that is none", head);
	desc = ring + DESC * head;
	if (dma16(att, desc + 12) != NEXT)
		wrong(att, n, "a descriptor without a next one", head);
	second = dma16(att, desc + 14);
	answer(att, sim_dma_load32(att, desc), sim_dma_load32(att, ring + DESC * second), n);
	used = ring + USED_AT + 4 + 8 * (n % ENTRIES);
	sim_dma_store32(att, used, head);
	sim_dma_store32(att, used + 4, WORDS);
	sim_dma_store(att, ring + USED_AT + 2, 2, (u16)(n + 1));
	if (need_event(dma16(att, ring + AVAIL_AT + 4 + 2 * ENTRIES), n + 1, n))
		sim_irq(att, 0);
}

static void split_device(u32 att)
{
	u32 seen = 0;
	u16 n = 0;

	if (!sim_wait_write(att, NOTIFY_REG, &seen))
		return;
	while (!sim_over(att)) {
		while (n != dma16(att, iova[RING] + AVAIL_AT + 2) && !sim_over(att))
			split_work(att, n++);
		sim_dma_store(att, iova[RING] + USED_AT + 4 + 8 * ENTRIES, 2, n);
		if (n != dma16(att, iova[RING] + AVAIL_AT + 2))
			continue;
		if (!sim_wait_write(att, NOTIFY_REG, &seen))
			return;
	}
}

/* ------------------------------------------------------------ split: driver */

/* request @n has the two descriptors of slot @n % 2; at most two requests are in flight */
static void split_submit(u16 n)
{
	gaddr_t ring = sim_page(RING);
	u32 slot = n % 2, head = 2 * slot;
	iova_t data = iova[slot_page(slot)] + slot_at(slot);

	ask(slot, n);
	sim_store64(ring + DESC * head, data);
	sim_store16(ring + DESC * head + 12, NEXT);
	sim_store16(ring + DESC * head + 14, head + 1);
	sim_store64(ring + DESC * (head + 1), data + ANSWER_AT);
	sim_store16(ring + DESC * (head + 1) + 12, WRITE);
	sim_store16(ring + AVAIL_AT + 4 + 2 * (n % ENTRIES), head);
	sim_store16(ring + AVAIL_AT + 2, n + 1);
	/* the first notification starts the device */
	if (!n || need_event(sim_load16(ring + USED_AT + 4 + 8 * ENTRIES), n + 1, n))
		notify();
}

static bool split_wait(u16 n)
{
	gaddr_t ring = sim_page(RING);

	while (sim_load16(ring + USED_AT + 2) == n) {
		sim_store16(ring + AVAIL_AT + 4 + 2 * ENTRIES, n);
		if (sim_load16(ring + USED_AT + 2) != n)
			break;
		if (!sim_wait_irq(0, 0))
			return false;
	}
	return true;
}

static void split_take(u16 n)
{
	u32 got = sim_load32(sim_page(RING) + USED_AT + 4 + 8 * (n % ENTRIES));

	if (got != 2 * (n % 2u))
		sim_fail("flag-after-data", "used entry %u is of descriptor %u", n, got);
	verify(n % 2, n);
}

static void split_drive(void)
{
	u16 asked = 0, done = 0;

	map_all();
	begin(false, iova[RING], iova[RING] + AVAIL_AT, iova[RING] + USED_AT);
	while (done < WORK) {
		while (asked < WORK && asked < done + 2)
			split_submit(asked++);
		if (!split_wait(done))
			return;
		split_take(done++);
	}
}

/* ------------------------------------------------------------ packed */

/* offset and wrap counter of descriptor number @n, which does not wrap */
static u32 packed_at(u32 n)
{
	return PACKED_AT + DESC * (n % ENTRIES);
}

static bool wrap_of(u32 n)
{
	return !(n / ENTRIES & 1);
}

static u16 state_of(bool avail, bool used)
{
	return (avail ? AVAIL : 0) | (used ? USED : 0);
}

static u16 event_of(u32 n)
{
	return n % ENTRIES | wrap_of(n) << 15;
}

/* virtio 2.8.10: true if the step from @old to @new passed descriptor @event */
static bool packed_need(u16 event, u32 new, u32 old)
{
	for (; old != new; old++) {
		if (event_of(old) == event)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------ packed: device */

static bool is_avail(u32 att, u32 n)
{
	u16 flags = dma16(att, iova[RING] + packed_at(n) + 14);

	return (flags & (AVAIL | USED)) == state_of(wrap_of(n), !wrap_of(n));
}

/* process the request at descriptor @at; returns its number of descriptors */
static u32 packed_work(u32 att, u32 n, u32 at)
{
	iova_t first = iova[RING] + packed_at(at), second = iova[RING] + packed_at(at + 1);
	u32 len = dma16(att, first + 14) & NEXT ? 2 : 1;
	iova_t from = sim_dma_load32(att, first), to = from + ANSWER_AT;
	u16 id;

	if (len == 2) {
		if (!is_avail(att, at + 1))
			wrong(att, n, "half a chain", at);
		to = sim_dma_load32(att, second);
	}
	id = dma16(att, (len == 2 ? second : first) + 12);
	answer(att, from, to, n);
	sim_dma_store(att, first + 12, 2, id);
	/* NEXT is reserved in a used descriptor and may have any value */
	sim_dma_store(att, first + 14, 2, state_of(wrap_of(at), wrap_of(at)) | (n & NEXT));
	if (sim_dma_load(att, iova[EVENTS] + DRIVER_EVENT + 2, 2) != EVENT_DESC ||
	    packed_need(dma16(att, iova[EVENTS] + DRIVER_EVENT), at + len, at))
		sim_irq(att, 0);
	return len;
}

static void packed_device(u32 att)
{
	u32 seen = 0, n = 0, at = 0;

	if (!sim_wait_write(att, NOTIFY_REG, &seen))
		return;
	while (!sim_over(att)) {
		while (is_avail(att, at) && !sim_over(att))
			at += packed_work(att, n++, at);
		/* write both halves at once, because the offset includes a wrap counter */
		sim_dma_store32(att, iova[EVENTS] + DEVICE_EVENT,
				event_of(at) | EVENT_DESC << 16);
		if (is_avail(att, at))
			continue;
		if (!sim_wait_write(att, NOTIFY_REG, &seen))
			return;
	}
}

/* ------------------------------------------------------------ packed: driver */

static void packed_put(u32 n, iova_t addr, u16 id, u16 flags)
{
	gaddr_t desc = sim_page(RING) + packed_at(n);

	sim_store64(desc, addr);
	sim_store16(desc + 12, id);
	sim_store16(desc + 14, flags | state_of(wrap_of(n), !wrap_of(n)));
}

/* submit request @n at @at with @len descriptors; writes the first one's flags last */
static void packed_submit(u32 n, u32 at, u32 len)
{
	u32 slot = n % 2;
	iova_t data = iova[slot_page(slot)] + slot_at(slot);
	gaddr_t first = sim_page(RING) + packed_at(at);
	u32 event;

	ask(slot, n);
	sim_store64(first, data);
	sim_store16(first + 12, slot);
	if (len == 2)
		packed_put(at + 1, data + ANSWER_AT, slot, WRITE);
	sim_store16(first + 14, (len == 2 ? NEXT : 0) | state_of(wrap_of(at), !wrap_of(at)));
	event = sim_load32(sim_page(EVENTS) + DEVICE_EVENT);
	if (!n || event >> 16 != EVENT_DESC || packed_need(event, at + len, at))
		notify();
}

static bool is_used(u32 n)
{
	u16 flags = sim_load16(sim_page(RING) + packed_at(n) + 14);

	return (flags & (AVAIL | USED)) == state_of(wrap_of(n), wrap_of(n));
}

static bool packed_wait(u32 at)
{
	while (!is_used(at)) {
		sim_store32(sim_page(EVENTS) + DRIVER_EVENT, event_of(at) | EVENT_DESC << 16);
		if (is_used(at))
			break;
		if (!sim_wait_irq(0, 0))
			return false;
	}
	return true;
}

static void packed_drive(void)
{
	u32 asked = 0, done = 0, at = 0, used = 0, id, len[2];

	map_all();
	begin(true, iova[RING] + PACKED_AT, iova[EVENTS] + DRIVER_EVENT,
	      iova[EVENTS] + DEVICE_EVENT);
	while (done < WORK) {
		while (asked < WORK && asked < done + 2) {
			len[asked % 2] = 1 + sim_random(2);
			packed_submit(asked, at, len[asked % 2]);
			at += len[asked++ % 2];
		}
		if (!packed_wait(used))
			return;
		id = sim_load16(sim_page(RING) + packed_at(used) + 12);
		if (id != done % 2)
			sim_fail("flag-after-data", "used descriptor %u has id %u", used, id);
		verify(id, done);
		used += len[done++ % 2];
	}
}

const struct sim_proto sim_proto_virtio_split = {
	.name = "virtio_split", .share = 50, .pages = NPAGES, .guest = split_drive,
	.device = split_device, .may_lose = true, .profile = &riod_profile_virtio,
	.reg_of = reg_of, .config = config,
};

const struct sim_proto sim_proto_virtio_packed = {
	.name = "virtio_packed", .pages = NPAGES, .guest = packed_drive,
	.device = packed_device, .may_lose = true, .profile = &riod_profile_virtio,
	.reg_of = reg_of, .config = config,
};

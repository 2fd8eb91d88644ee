// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that share a page with other users, or change owners without a signal.
 *
 *  small_buffer	64 bytes for the device beside memory that another CPU rewrites
 *  read_buffer		mapped for long, device reads only, rewritten without a signal
 *  contended		bytes that both sides write, each once
 *  shared		bytes that both sides write repeatedly, also back to old values
 *  words		adjacent counters of both sides, which must never be torn
 *  publish		words in several pages, by doorbell and by interrupt, many in flight
 */
#include "world.h"

enum { CTRL, DATA, OTHER };	/* pages */
enum { GO, AT, AT2 };		/* registers */

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)
#define SMALL_AT	1024
#define SMALL		64

/* ------------------------------------------------------------ small_buffer */

static u8 neighbour[RIOD_PAGE_SIZE];
static bool neighbour_rests;

static u32 small_word(u32 n, u32 i)
{
	return n * 0x9e3779b1u + i;
}

static void small_device(u32 att)
{
	u32 done = 0, i;

	while (sim_wait_reg(att, GO, done)) {
		done = sim_reg(att, GO);
		for (i = 0; i < SMALL / 4; i++)
			sim_dma_store32(att, sim_reg(att, AT) + SMALL_AT + 4 * i,
					small_word(done, i));
		sim_irq(att, 0);
	}
}

/* only this CPU writes the bytes before and behind the buffer */
static void small_neighbour(void)
{
	while (!neighbour_rests) {
		u32 off = sim_random(2) ? SMALL_AT - 1 - sim_random(40) :
			SMALL_AT + SMALL + sim_random(40);

		if (sim_load8(sim_page(DATA) + off) != neighbour[off])
			sim_fail("byte-exact", "offset %u was %02x and is %02x", off,
				 neighbour[off], sim_load8(sim_page(DATA) + off));
		neighbour[off]++;
		sim_store8(sim_page(DATA) + off, neighbour[off]);
		if (!sim_random(4))
			sim_relax();
	}
}

static void small_init(void)
{
	memset(neighbour, 0, sizeof(neighbour));
	neighbour_rests = false;
}

static void small_guest(void)
{
	u32 n, i, got;
	iova_t iova;

	for (n = 1; n <= 5; n++) {
		iova = sim_map(0, DATA, RW);
		sim_write_reg(0, AT, iova);
		sim_write_reg(0, GO, n);
		if (!sim_wait_irq(0, 0))
			break;
		sim_unmap(0, iova);
		for (i = 0; i < SMALL / 4; i++) {
			got = sim_load32(sim_page(DATA) + SMALL_AT + 4 * i);
			if (got != small_word(n, i))
				sim_fail("acquire", "buffer %u, word %u is %x, not %x", n, i, got,
					 small_word(n, i));
		}
	}
	neighbour_rests = true;
}

const struct sim_proto sim_proto_small_buffer = {
	.name = "small_buffer", .pages = OTHER, .init = small_init, .guest = small_guest,
	.cpu = small_neighbour, .device = small_device, .may_lose = true,
};

/* ------------------------------------------------------------ read_buffer */

static void read_device(u32 att)
{
	u32 done = 0, i, got;

	while (sim_wait_reg(att, GO, done)) {
		done = sim_reg(att, GO);
		for (i = 0; i < 24; i++) {
			got = sim_dma_load32(att, sim_reg(att, AT) + 128 * i);
			if (got != small_word(done, i) && !sim_over(att))
				sim_fail("release", "the device reads %x in round %u, not %x", got,
					 done, small_word(done, i));
		}
		sim_irq(att, 0);
	}
}

static void read_guest(void)
{
	u32 n, i;

	sim_write_reg(0, AT, sim_map(0, DATA, RIOD_PROT_READ));
	for (n = 1; n <= 6; n++) {
		for (i = 0; i < 24; i++)
			sim_store32(sim_page(DATA) + 128 * i, small_word(n, i));
		sim_write_reg(0, GO, n);
		if (!sim_wait_irq(0, 0))
			return;
	}
}

const struct sim_proto sim_proto_read_buffer = {
	.name = "read_buffer", .pages = OTHER, .guest = read_guest, .device = read_device,
	.may_lose = true,
};

/* ------------------------------------------------------------ contended */

#define CONTENDED	48

static u8 guest_wrote[CONTENDED], device_wrote[CONTENDED];

static void contended_init(void)
{
	memset(guest_wrote, 0, sizeof(guest_wrote));
	memset(device_wrote, 0, sizeof(device_wrote));
}

/*
 * Each side writes a byte once, and only if it does not see the other's write.  If both
 * have written it, they did so concurrently.
 */
static void contended_device(u32 att)
{
	u32 n, off;

	if (!sim_wait_reg(att, GO, 0))
		return;
	for (n = 0; n < 2 * CONTENDED && !sim_over(att); n++) {
		off = sim_random(CONTENDED);
		if (!device_wrote[off] &&
		    sim_dma_exchange8(att, sim_reg(att, AT) + off, 0, 2))
			device_wrote[off] = 2;
	}
	sim_irq(att, 0);
}

static void contended_guest(void)
{
	u32 n, off;

	sim_write_reg(0, AT, sim_map(0, DATA, RW));
	sim_write_reg(0, GO, 1);
	for (n = 0; n < 2 * CONTENDED; n++) {
		off = sim_random(CONTENDED);
		if (!guest_wrote[off] && sim_exchange8(sim_page(DATA) + off, 0, 1))
			guest_wrote[off] = 1;
		if (!sim_random(6))
			sim_write_reg(0, AT2, n);
	}
	sim_wait_irq(0, 0);
}

static void contended_check(void)
{
	u32 off;

	for (off = 0; off < CONTENDED; off++) {
		u8 want = device_wrote[off] ?: guest_wrote[off];
		u8 got = sim_load8(sim_page(DATA) + off);

		if (got != want)
			sim_fail("device-wins", "offset %u: guest wrote %u, device %u, it is %u",
				 off, guest_wrote[off], device_wrote[off], got);
	}
}

const struct sim_proto sim_proto_contended = {
	.name = "contended", .pages = OTHER, .init = contended_init,
	.guest = contended_guest, .device = contended_device,
	.check = contended_check,
};

/* ------------------------------------------------------------ shared */

/* few bytes, each in its own granule, and few values; only the final state is checked */
#define SHARED		6
#define SHARED_WRITES	80

static u32 shared_at(void)
{
	return 16 * sim_random(SHARED);
}

static void shared_device(u32 att)
{
	u32 n;

	if (!sim_wait_reg(att, GO, 0))
		return;
	for (n = 0; n < SHARED_WRITES && !sim_over(att); n++) {
		sim_dma_store(att, sim_reg(att, AT) + shared_at(), 1, sim_random(3));
		if (!sim_random(4))
			sim_relax();
	}
	sim_irq(att, 0);
}

static void shared_guest(void)
{
	u32 n;

	sim_write_reg(0, AT, sim_map(0, DATA, RW));
	sim_write_reg(0, GO, 1);
	for (n = 0; n < SHARED_WRITES; n++) {
		sim_store8(sim_page(DATA) + shared_at(), sim_random(3));
		if (!sim_random(6))
			sim_write_reg(0, AT2, n);
		else if (!sim_random(4))
			sim_relax();
	}
	sim_wait_irq(0, 0);
}

const struct sim_proto sim_proto_shared = {
	.name = "shared", .pages = OTHER, .guest = shared_guest, .device = shared_device,
};

/* ------------------------------------------------------------ words */

/* a change from 0x00ff to 0x0100 never shows 0x0000: a decrease means a torn value */
static void check_count(u64 *seen, u64 now, const char *whose)
{
	if (now < *seen)
		sim_fail("untorn", "the %s's counter went from %llx to %llx", whose, *seen, now);
	*seen = now;
}

static u64 next_count(u64 value)
{
	return value + 0x7f + sim_random(0x100);
}

static void words_device(u32 att)
{
	u64 mine = 0, seen = 0;
	iova_t at;

	if (!sim_wait_reg(att, GO, 0))
		return;
	at = sim_reg(att, AT);
	while (!sim_over(att)) {
		if (!sim_random(4))
			sim_dma_store(att, at + 8, 8, mine = next_count(mine));
		else
			check_count(&seen, sim_dma_load(att, at, 8), "guest");
		if (!sim_random(20))
			sim_pause();
	}
}

static void words_guest(void)
{
	u64 mine = 0, seen = 0;
	u32 n;

	sim_write_reg(0, AT, sim_map(0, DATA, RW));
	sim_write_reg(0, GO, 1);
	for (n = 0; n < 400; n++) {
		if (!sim_random(4))
			sim_store64(sim_page(DATA), mine = next_count(mine));
		else
			check_count(&seen, sim_load64(sim_page(DATA) + 8), "device");
		if (!sim_random(20))
			sim_pause();
	}
}

const struct sim_proto sim_proto_words = {
	.name = "words", .pages = OTHER, .guest = words_guest, .device = words_device,
};

/* ------------------------------------------------------------ publish */

#define WORDS		6
#define ROUNDS		12

static const u32 where[WORDS] = { DATA, OTHER, CTRL, DATA, OTHER, CTRL };

static u32 off_of(u32 i) { return 256 + 128 * i; }

static iova_t publish_at(u32 att, u32 base, u32 i)
{
	return sim_reg(att, AT) + sim_page(where[i]) + base + off_of(i);
}

/* all words have at least the value @n that was published */
static void look(bool guest, u32 att, u32 base, u32 n, const char *invariant)
{
	u32 i, got;

	for (i = 0; i < WORDS; i++) {
		got = guest ? sim_load32(sim_page(where[i]) + base + off_of(i)) :
			sim_dma_load32(att, publish_at(att, base, i));
		if ((s64)got - n < 0 && !sim_lost(att))
			sim_fail(invariant, "the %s published %u, word %u is %u",
				 guest ? "device" : "guest", n, i, got);
	}
}

/* the device publishes by interrupts, and checks words published by doorbells */
static void publish_device(u32 att)
{
	u32 seen = 0, n = 0, i;

	while (!sim_over(att)) {
		if (!n && !sim_wait_reg(att, GO, 0))
			return;
		if (sim_reg(att, GO) != seen) {
			seen = sim_reg(att, GO);
			look(false, att, 0, seen, "release");
		}
		if (n == ROUNDS && !sim_wait_reg(att, GO, seen))
			return;
		if (n == ROUNDS)
			continue;
		n++;
		for (i = 0; i < WORDS; i++)
			sim_dma_store32(att, publish_at(att, 2048, i), n);
		sim_irq(att, 0);
	}
}

static void publish_irqs(void)
{
	u32 n;

	while (!sim_lost(0)) {
		if (!sim_wait_irq(0, 0))
			return;
		/*
		 * Interrupts may be merged, and the device may have stored more since: the
		 * other words must not be behind the one that it stores last.
		 */
		n = sim_load32(sim_page(where[WORDS - 1]) + 2048 + off_of(WORDS - 1));
		look(true, 0, 2048, n, "acquire");
		if (n >= ROUNDS)
			return;
	}
}

static void publish_guest(void)
{
	u32 n, i;
	iova_t first;

	first = sim_map(0, CTRL, RW);
	sim_map(0, DATA, RW);
	sim_map(0, OTHER, RW);
	sim_write_reg(0, AT, first);
	for (n = 1; n <= ROUNDS; n++) {
		for (i = 0; i < WORDS; i++)
			sim_store32(sim_page(where[i]) + off_of(i), n);
		sim_write_reg(0, GO, n);
	}
	publish_irqs();
}

const struct sim_proto sim_proto_publish = {
	.name = "publish", .pages = OTHER + 1, .guest = publish_guest,
	.device = publish_device, .may_lose = true,
};

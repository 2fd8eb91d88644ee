// SPDX-License-Identifier: GPL-2.0-only
/*
 * xHCI: a transfer ring of two segments, and an event ring.
 *
 * An entry has 16 bytes with a cycle bit.  A transfer is one to three chained entries, with
 * a link among them at times; the first one's cycle bit is written last.  The controller
 * continues while it finds entries that it owns, and relies on a transfer being complete if
 * it owns the first entry.  No fixed order of addresses ensures that, as rings wrap (rule
 * 10).  The driver polls the event ring; the device writes an entry after its data.
 *
 *  xhci	with the order of rule 10
 *  xhci_plain	without it
 */
#include "world.h"

enum { SEGMENT, SEGMENT2, EVENTS, DATA, NDATA = 2, NPAGES = DATA + NDATA };	/* pages */

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)
#define DOORBELL	0

#define TRB		16
#define CONTROL		12
#define CYCLE		1
#define TOGGLE		2
#define CHAIN		0x10
#define LINK		(6 << 10)
#define TYPE		(0x3f << 10)

#define SEGMENTS	2
#define TRBS		4	/* of a segment, without its link */
#define NEVENTS		4
#define TRANSFERS	14
#define TRBS_MAX	3	/* of a transfer; two transfers are in flight */

/* buffer of an entry; the answer follows the request */
#define BUFFER		256
#define ANSWER_AT	128
#define WORDS		2

/* polls before a side sleeps */
#define LOOKS		8

static iova_t iova[NPAGES];
static bool plain;	/* no profile */

static u32 word(u32 n, u32 i, u32 j)
{
	return n * 0x9e3779b1u + 16 * i + j;
}

/* ------------------------------------------------------------ rule 10 */

static u32 control_of(const struct riod_sync_entry *e)
{
	u32 control;

	memcpy(&control, e->now + CONTROL, sizeof(control));
	return control;
}

/* true if a transfer begins at @e; a link belongs to the transfer before it */
static bool begins(struct riod_sync_entry *e)
{
	do {
		if (!riod_sync_entry_before(e))
			return true;
	} while ((control_of(e) & TYPE) == LINK);
	return !(control_of(e) & CHAIN);
}

static void say_order(void)
{
	const u32 len = (TRBS + 1) * TRB;

	sim_order(0, (struct riod_sync_span[]){
		{ .iova = iova[SEGMENT], .len = len, .by_guest = true, .ring = 1, .flag = begins },
		{ .iova = iova[SEGMENT2], .len = len, .by_guest = true, .ring = 1, .flag = begins },
		{ .iova = iova[EVENTS], .len = NEVENTS * TRB },
	}, 3);
}

/* ------------------------------------------------------------ controller */

/* position on the transfer ring */
struct place {
	u32 segment, i;
	u32 cycle;
};

static u32 dma_control(u32 att, const struct place *p)
{
	return sim_dma_load32(att, iova[SEGMENT + p->segment] + TRB * p->i + CONTROL);
}

static bool owns(u32 att, const struct place *p)
{
	return (dma_control(att, p) & CYCLE) == p->cycle && !sim_over(att);
}

static void follow(struct place *p, u32 link)
{
	p->segment = (p->segment + 1) % SEGMENTS;
	p->i = 0;
	p->cycle ^= !!(link & TOGGLE);
}

static void transfer_one(u32 att, const struct place *p, u32 n, u32 i)
{
	iova_t buf = sim_dma_load(att, iova[SEGMENT + p->segment] + TRB * p->i, 8);
	u32 j, got;

	if (sim_over(att))
		return;
	for (j = 0; j < WORDS; j++) {
		got = sim_dma_load32(att, buf + 32 * j);
		if (got != word(n, i, j) && !sim_over(att))
			sim_fail("flag-after-data", "transfer %u, entry %u: device has %x, not %x",
				 n, i, got, word(n, i, j));
		sim_dma_store32(att, buf + ANSWER_AT + 32 * j, ~word(n, i, j));
	}
}

/* process all of a transfer whose first entry the controller owns */
static void transfer(u32 att, struct place *p, u32 n)
{
	u32 control, i = 0;

	do {
		control = dma_control(att, p);
		if ((control & CYCLE) != p->cycle && !sim_over(att))
			sim_fail("flag-after-data", "transfer %u is not whole: entry %u", n, i);
		if ((control & TYPE) == LINK) {
			follow(p, control);
			continue;
		}
		transfer_one(att, p, n, i++);
		p->i++;
	} while (control & CHAIN && !sim_over(att));
}

static void say_done(u32 att, u32 n)
{
	iova_t event = iova[EVENTS] + TRB * (n % NEVENTS);

	sim_dma_store32(att, event, n);
	sim_dma_store32(att, event + CONTROL, 1 ^ n / NEVENTS % 2);
	sim_irq(att, 0);
}

static void device(u32 att)
{
	struct place p = { .cycle = 1 };
	u32 seen = 0, n = 0, looks;

	while (sim_wait_write(att, DOORBELL, &seen)) {
		for (looks = 0; looks < LOOKS && !sim_over(att); looks++) {
			while (owns(att, &p)) {
				u32 control = dma_control(att, &p);

				looks = 0;
				if ((control & TYPE) == LINK) {
					follow(&p, control);
					continue;
				}
				transfer(att, &p, n);
				if (!sim_over(att))
					say_done(att, n++);
			}
		}
	}
}

/* ------------------------------------------------------------ driver */

static struct place put;	/* of the next entry */

static gaddr_t put_at(void)
{
	return sim_page(SEGMENT + put.segment) + TRB * put.i;
}

/* give the link to the controller; within a transfer it has the chain bit of the entry before */
static void give_link(u32 chain)
{
	u32 toggle = put.segment == SEGMENTS - 1 ? TOGGLE : 0;

	sim_store32(put_at() + CONTROL, LINK | toggle | chain | put.cycle);
	follow(&put, toggle);
}

static void submit(u32 n, u32 len)
{
	u32 page = DATA + n % NDATA, i, j, control = 0;
	gaddr_t first = 0;

	for (i = 0; i < len; i++) {
		for (j = 0; j < WORDS; j++)
			sim_store32(sim_page(page) + BUFFER * i + 32 * j, word(n, i, j));
		if (put.i == TRBS)
			give_link(i ? CHAIN : 0);
		sim_store64(put_at(), iova[page] + BUFFER * i);
		if (i) {
			sim_store32(put_at() + CONTROL, (i + 1 < len ? CHAIN : 0) | put.cycle);
		} else {
			/* give it to the controller only when the transfer is complete */
			first = put_at() + CONTROL;
			control = (len > 1 ? CHAIN : 0) | put.cycle;
			sim_store32(first, control ^ CYCLE);
		}
		put.i++;
	}
	sim_store32(first, control);
	sim_write_reg(0, DOORBELL, 0);
}

static bool wait_event(u32 n)
{
	gaddr_t event = sim_page(EVENTS) + TRB * (n % NEVENTS);
	u32 looks = 0;

	while (sim_load32(event + CONTROL) != (1 ^ n / NEVENTS % 2)) {
		if (sim_lost(0) || (++looks % LOOKS == 0 && !sim_wait_irq(0, 0)))
			return false;
		sim_relax();
	}
	if (sim_load32(event) != n)
		sim_fail("flag-after-data", "event %u is of transfer %u", n, sim_load32(event));
	return true;
}

static void verify(u32 n, u32 len)
{
	gaddr_t answer = sim_page(DATA + n % NDATA) + ANSWER_AT;
	u32 i, j, got;

	for (i = 0; i < len; i++) {
		for (j = 0; j < WORDS; j++) {
			got = sim_load32(answer + BUFFER * i + 32 * j);
			if (got != ~word(n, i, j))
				sim_fail("flag-after-data",
					 "transfer %u, entry %u: the guest reads %x, not %x", n, i,
					 got, ~word(n, i, j));
		}
	}
}

static void drive(void)
{
	/* without a profile rings are mapped first, which is the best case */
	bool data_first = !plain && sim_random(2);
	u32 n = 0, done = 0, len[2], i;

	put = (struct place){ .cycle = 1 };
	for (i = 0; i < NPAGES; i++) {
		u32 page = data_first ? (i + DATA) % NPAGES : i;

		iova[page] = sim_map(0, page, RW);
	}
	/* the reply arrives after the stub has mapped the rings */
	sim_read_reg(0, DOORBELL);
	if (!plain)
		say_order();
	while (done < TRANSFERS) {
		for (; n < TRANSFERS && n < done + 2; n++) {
			len[n % 2] = 1 + sim_random(TRBS_MAX);
			submit(n, len[n % 2]);
		}
		if (!wait_event(done))
			return;
		verify(done, len[done % 2]);
		done++;
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

const struct sim_proto sim_proto_xhci = {
	.name = "xhci", .share = 30, .pages = NPAGES, .init = ordered_init, .guest = drive,
	.device = device, .may_lose = true,
};

const struct sim_proto sim_proto_xhci_plain = {
	.name = "xhci_plain", .pages = NPAGES, .init = plain_init, .guest = drive,
	.device = device, .violates = "flag-after-data",
};

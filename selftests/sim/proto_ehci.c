// SPDX-License-Identifier: GPL-2.0-only
/*
 * A linked schedule, like EHCI's asynchronous one.
 *
 * The list ends in a dummy.  The driver appends by making the dummy the first element of a
 * transfer and adding another dummy behind it; the token that makes the element active is
 * written last.  The token is in the element's first granule, and half of the buffer
 * pointers are in the second: applied in ascending order the token would be visible first
 * (rule 10).  The controller follows the list while elements are active, and writes tokens
 * back, which the driver polls.
 *
 *  ehci		with the order of rule 10
 *  ehci_plain		without it
 *  ehci_unlink		an element is unlinked, and its memory is unmapped some time later
 */
#include "world.h"

enum { LIST, DATA, NDATA = 2, NPAGES = DATA + NDATA };	/* pages */

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)
#define DOORBELL	0

/* queue element transfer descriptor: more than two granules */
#define QTD		64
#define NEXT		0
#define TOKEN		8
#define BUFFER0		12
#define BUFFER1		16
#define ACTIVE		0x80
#define DONE		0x100	/* DONE + n: element n is done */

#define QTDS		8
#define TRANSFERS	14
#define ELEMENTS_MAX	3	/* of a transfer; two transfers are in flight */
#define LOOKS		8

static iova_t iova[NPAGES];
static bool plain;	/* no profile */

static u32 word(u32 element, u32 i)
{
	return element * 0x9e3779b1u + i;
}

/* an element's two buffers; both are reused as soon as it is done */
static u32 page_of(u32 element)
{
	return DATA + element % NDATA;
}

static u32 at_of(u32 element, u32 i)
{
	return element % QTDS / NDATA * 512 + 128 * i;
}

/* ------------------------------------------------------------ rule 10 */

static bool became_active(struct riod_sync_entry *e)
{
	return e->now[TOKEN] & ACTIVE && !(e->was[TOKEN] & ACTIVE);
}

static void say_order(void)
{
	sim_order(0, (struct riod_sync_span[]){
		{ .iova = iova[LIST], .len = QTDS * QTD, .step = QTD, .by_guest = true,
		  .flag = became_active },
		{ .iova = iova[LIST], .len = QTDS * QTD, .step = QTD },
	}, 2);
}

/* ------------------------------------------------------------ controller */

static void element(u32 att, iova_t qtd, u32 n)
{
	u32 i, got;

	for (i = 0; i < 2; i++) {
		iova_t buf = sim_dma_load32(att, qtd + (i ? BUFFER1 : BUFFER0));

		if (sim_over(att))
			return;
		if (buf != iova[page_of(n)] + at_of(n, i))
			sim_fail("flag-after-data", "element %u: buffer %u is at %x", n, i, buf);
		got = sim_dma_load32(att, buf);
		if (got != word(n, i) && !sim_over(att))
			sim_fail("flag-after-data", "element %u: the device reads %x, not %x", n,
				 got, word(n, i));
		sim_dma_store32(att, buf + 64, ~word(n, i));
	}
	sim_dma_store32(att, qtd + TOKEN, DONE * n);
}

static void device(u32 att)
{
	u32 seen = 0, n = 0, looks;
	iova_t at = 0;

	while (sim_wait_write(att, DOORBELL, &seen)) {
		at = at ?: iova[LIST];
		for (looks = 0; looks < LOOKS && !sim_over(att); looks++) {
			while (sim_dma_load32(att, at + TOKEN) & ACTIVE && !sim_over(att)) {
				looks = 0;
				element(att, at, n++);
				at = sim_dma_load32(att, at + NEXT);
			}
			sim_irq(att, 0);
		}
	}
}

/* ------------------------------------------------------------ driver */

static void put_element(u32 n, bool dummy)
{
	gaddr_t qtd = sim_page(LIST) + QTD * (n % QTDS);
	iova_t buf = iova[page_of(n)];
	u32 i;

	if (dummy) {
		sim_store32(qtd + TOKEN, 0);
		return;
	}
	for (i = 0; i < 2; i++)
		sim_store32(sim_page(page_of(n)) + at_of(n, i), word(n, i));
	sim_store32(qtd + NEXT, iova[LIST] + QTD * ((n + 1) % QTDS));
	sim_store32(qtd + BUFFER0, buf + at_of(n, 0));
	sim_store32(qtd + BUFFER1, buf + at_of(n, 1));
}

static void activate(u32 n)
{
	sim_store32(sim_page(LIST) + QTD * (n % QTDS) + TOKEN, ACTIVE);
}

/* submit elements @n to @n + @len - 1; the first one is the current dummy */
static void submit(u32 n, u32 len)
{
	u32 i;

	for (i = 1; i < len; i++) {
		put_element(n + i, false);
		activate(n + i);
	}
	put_element(n + len, true);
	put_element(n, false);
	activate(n);
	sim_write_reg(0, DOORBELL, 0);
}

static bool wait_done(u32 n)
{
	gaddr_t token = sim_page(LIST) + QTD * (n % QTDS) + TOKEN;
	u32 looks = 0, got;

	while ((got = sim_load32(token)) & ACTIVE) {
		if (sim_lost(0) || (++looks % LOOKS == 0 && !sim_wait_irq(0, 0)))
			return false;
		sim_relax();
	}
	if (got != DONE * n)
		sim_fail("flag-after-data", "element %u is done with %x", n, got);
	return true;
}

static void verify(u32 n)
{
	u32 i, got;

	for (i = 0; i < 2; i++) {
		got = sim_load32(sim_page(page_of(n)) + at_of(n, i) + 64);
		if (got != ~word(n, i))
			sim_fail("flag-after-data", "element %u: the guest reads %x, not %x", n,
				 got, ~word(n, i));
	}
}

static void drive(void)
{
	/* without a profile rings are mapped first, which is the best case */
	bool data_first = !plain && sim_random(2);
	u32 asked = 0, next = 0, done = 0, i, len, ends[2];

	for (i = 0; i < NPAGES; i++) {
		u32 page = data_first ? (i + DATA) % NPAGES : i;

		iova[page] = sim_map(0, page, RW);
	}
	/* the reply arrives after the stub has mapped the list */
	sim_read_reg(0, DOORBELL);
	if (!plain)
		say_order();
	for (i = 0; i < TRANSFERS; i++) {
		for (; asked < TRANSFERS && asked < i + 2; asked++) {
			len = 1 + sim_random(ELEMENTS_MAX);
			submit(next, len);
			next += len;
			ends[asked % 2] = next;
		}
		for (; done < ends[i % 2]; done++) {
			if (!wait_done(done))
				return;
			verify(done);
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

const struct sim_proto sim_proto_ehci = {
	.name = "ehci", .share = 30, .pages = NPAGES, .init = ordered_init, .guest = drive,
	.device = device, .may_lose = true,
};

const struct sim_proto sim_proto_ehci_plain = {
	.name = "ehci_plain", .pages = NPAGES, .init = plain_init, .guest = drive,
	.device = device, .violates = "flag-after-data",
};

/* ------------------------------------------------------------ unlink */

/*
 * The periodic schedule: the driver unlinks an element and waits for the time in which the
 * controller walks the list twice.  It accesses no register, so no event makes the store of
 * the link cross.
 */
#define HEAD		16
#define WALKS		2	/* walks after which the controller has no old link */
#define UNLINKS		6

static u32 walks;	/* as a measure of time */

static void unlink_init(void)
{
	walks = 0;
}

static void unlink_device(u32 att)
{
	iova_t at;

	if (!sim_wait_reg(att, DOORBELL, 0))
		return;
	while (!sim_over(att)) {
		for (at = sim_dma_load32(att, iova[LIST] + HEAD); at && !sim_over(att);
		     at = sim_dma_load32(att, at + NEXT))
			sim_dma_load32(att, at + TOKEN);
		walks++;
		sim_relax();
	}
}

static bool walked(void *arg)
{
	u32 *end = arg;

	return walks >= *end || sim_lost(0);
}

static void unlink_guest(void)
{
	u32 n, end;

	iova[LIST] = sim_map(0, LIST, RW);
	sim_write_reg(0, DOORBELL, 1);
	for (n = 0; n < UNLINKS && !sim_lost(0); n++) {
		iova[DATA] = sim_map(0, DATA, RW);
		sim_store32(sim_page(DATA) + NEXT, 0);
		/* the stub must have mapped the element before it is linked */
		sim_read_reg(0, DOORBELL);
		sim_store32(sim_page(LIST) + HEAD, iova[DATA]);
		sim_read_reg(0, DOORBELL);
		sim_store32(sim_page(LIST) + HEAD, 0);
		end = walks + WALKS;
		sim_wait(walked, &end);
		sim_unmap(0, iova[DATA]);
	}
}

const struct sim_proto sim_proto_ehci_unlink = {
	.name = "ehci_unlink", .pages = NPAGES, .init = unlink_init, .guest = unlink_guest,
	.device = unlink_device, .violates = "iommu",
};

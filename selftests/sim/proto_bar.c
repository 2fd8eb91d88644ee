// SPDX-License-Identifier: GPL-2.0-only
/*
 * A BAR that is memory (rule 16): at the stub the page is the BAR itself, which the engine
 * changes without locked cycles.
 *
 *  memory_bar	driver and device count in adjacent bytes, and check each other's
 */
#include "world.h"

enum { BAR };
enum { GO, AT, AT2 };

#define BAR_MEMORY	(RIOD_PROT_READ | RIOD_PROT_WRITE | RIOD_SYNC_MMIO)
#define CELLS		12	/* bytes; the device writes odd ones, the driver even ones */
#define FIRST		2060	/* so that they cross the end of a granule */
#define COUNTS		300

struct side {
	const char *name;
	u8 own[CELLS], seen[CELLS];
};

static struct side driver, device;

static void bar_init(void)
{
	driver = (struct side){ .name = "driver" };
	device = (struct side){ .name = "device" };
}

/* check @now: a side's own byte has its last value, the other's byte never decreases */
static void look(struct side *s, u32 cell, bool own, u8 now)
{
	if (own && now != s->own[cell])
		sim_fail("byte-exact", "byte %u of the %s was %u and is %u", cell, s->name,
			 s->own[cell], now);
	if (!own && now < s->seen[cell])
		sim_fail("no-way-back", "the %s saw byte %u at %u, and then at %u", s->name, cell,
			 s->seen[cell], now);
	s->seen[cell] = now;
}

static void bar_device(u32 att)
{
	u32 n, cell;
	iova_t at;
	u8 now;

	if (!sim_wait_reg(att, GO, 0))
		return;
	at = sim_reg(att, AT) + FIRST;
	for (n = 0; n < COUNTS; n++) {
		cell = sim_random(CELLS);
		now = sim_dma_load(att, at + cell, 1);
		if (sim_over(att))
			return;
		look(&device, cell, cell % 2, now);
		if (cell % 2)
			sim_dma_store(att, at + cell, 1, ++device.own[cell]);
		else if (!sim_random(4))
			sim_pause();
	}
	sim_irq(att, 0);
}

static void bar_guest(void)
{
	u32 n, cell;

	sim_write_reg(0, AT, sim_map(0, BAR, BAR_MEMORY));
	sim_write_reg(0, GO, 1);
	for (n = 0; n < COUNTS; n++) {
		cell = sim_random(CELLS);
		look(&driver, cell, !(cell % 2), sim_load8(sim_page(BAR) + FIRST + cell));
		if (cell % 2) {
			/* any access to the device makes both sides exchange their changes */
			if (!sim_random(4))
				sim_write_reg(0, AT2, n);
			else if (!sim_random(4))
				sim_pause();
			continue;
		}
		sim_store8(sim_page(BAR) + FIRST + cell, ++driver.own[cell]);
	}
	sim_wait_irq(0, 0);
}

/* the driver's final values; "converge" compares both memories */
static void bar_check(void)
{
	u32 cell;

	for (cell = 0; cell < CELLS; cell++)
		look(&driver, cell, !(cell % 2), sim_load8(sim_page(BAR) + FIRST + cell));
}

const struct sim_proto sim_proto_memory_bar = {
	.name = "memory_bar", .pages = BAR + 1, .init = bar_init, .guest = bar_guest,
	.device = bar_device, .check = bar_check, .may_lose = true,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Command blocks that the driver appends after its doorbell, as e100 does.
 *
 * Each block suspends the controller.  The driver appends a block, clears the suspend bit
 * of the block before it, and rings.  QEMU's controller runs blocks within the register
 * write until one suspends it, normally after one block.  But the cut ahead of a posted write
 * also contains blocks that the driver appended after the write.  Then one ring runs two
 * blocks, and the next one a block that is not there yet.
 *
 *  e100	register writes are posted
 *  e100_sync	the driver waits until a register write has completed
 */
#include "world.h"

enum { BLOCKS, NPAGES };	/* pages */
enum { RESUME };

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)
#define BLOCK		32
#define SUSPEND		0
#define SERIAL		16
#define NBLOCKS		8
#define ROUNDS		20
#define AHEAD		4	/* blocks in flight */

static iova_t iova;
static bool sync;
static u32 handled;	/* register writes that the controller has handled */

static void device(u32 att)
{
	u32 rings = 0, n = 0, serial, suspends;
	iova_t at;

	while (sim_wait_reg(att, RESUME, rings)) {
		rings++;
		do {
			at = iova + BLOCK * (n % NBLOCKS);
			serial = sim_dma_load32(att, at + SERIAL);
			suspends = sim_dma_load32(att, at + SUSPEND);
			if (serial != n + 1 && !sim_over(att))
				sim_fail("stale", "ring %u runs block %u, which is not there",
					 rings, n);
			n++;
		} while (!suspends && !sim_over(att));
		handled = rings;
		sim_irq(att, 0);
	}
}

/* the controller works within the write, so a synchronous write waits for this */
static bool is_handled(void *arg)
{
	u32 *n = arg;

	return handled >= *n || sim_lost(0);
}

/* interrupts may be fewer than blocks, but one follows the last block */
static void drive(void)
{
	u32 n;

	iova = sim_map(0, BLOCKS, RW);
	for (n = 0; n < ROUNDS && !sim_lost(0); n++) {
		gaddr_t at = sim_page(BLOCKS) + BLOCK * (n % NBLOCKS);

		sim_store32(at + SERIAL, n + 1);
		sim_store32(at + SUSPEND, 1);
		if (n)
			sim_store32(sim_page(BLOCKS) + BLOCK * ((n - 1) % NBLOCKS) + SUSPEND, 0);
		sim_write_reg(0, RESUME, n + 1);
		/* store nothing before the write has completed */
		if (sync) {
			u32 ring = n + 1;

			sim_read_reg(0, RESUME);
			sim_wait(is_handled, &ring);
		} else if (n % AHEAD == AHEAD - 1 && !sim_wait_irq(0, 0)) {
			return;
		}
	}
}

static void posted_init(void)
{
	sync = false;
	handled = 0;
}

static void sync_init(void)
{
	sync = true;
	handled = 0;
}

const struct sim_proto sim_proto_e100_sync = {
	.name = "e100_sync", .share = 30, .pages = NPAGES, .init = sync_init, .guest = drive,
	.device = device, .may_lose = true,
};

const struct sim_proto sim_proto_e100 = {
	.name = "e100", .pages = NPAGES, .init = posted_init, .guest = drive,
	.device = device, .violates = "stale",
};

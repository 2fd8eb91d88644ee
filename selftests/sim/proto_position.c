// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free-running memory, and completions whose owner is in their last byte.
 *
 *  sound	the device fills a buffer and updates its position in memory all the time;
 *		the driver polls
 *  mlx5	completions of 64 bytes with the owner bit in the last byte, polled; the
 *		driver stores its consumer index in memory (doorbell record)
 */
#include "world.h"

enum { CTRL, DATA, DATA2 };
enum { GO, AT, AT2 };

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)

/* ------------------------------------------------------------ sound */

#define POSITION	128
#define SAMPLES		96	/* in the ring */
#define PLAYED		160	/* in a run, so that the ring wraps */
#define AHEAD		60	/* samples that the device may be ahead of the driver */

static u32 read_to;

static void sound_init(void)
{
	read_to = 0;
}

static bool may_record(void *arg)
{
	u32 *n = arg;

	/* a real device does not wait; timing keeps it from overrunning the driver */
	return *n < read_to + AHEAD || sim_over(0);
}

static void sound_device(u32 att)
{
	u32 n = 0;

	if (!sim_wait_reg(att, GO, 0))
		return;
	while (n < PLAYED && !sim_over(att)) {
		sim_wait(may_record, &n);
		sim_dma_store32(att, sim_reg(att, AT2) + 4 * (n % SAMPLES), n + 1);
		n++;
		sim_dma_store32(att, sim_reg(att, AT) + POSITION, n);
		if (!(n % 16))
			sim_irq(att, 0);
	}
}

static void sound_guest(void)
{
	u32 at = 0, n, got;

	sim_write_reg(0, AT, sim_map(0, CTRL, RW));
	sim_write_reg(0, AT2, sim_map(0, DATA, RW));
	sim_write_reg(0, GO, 1);
	while (at < PLAYED && !sim_lost(0)) {
		n = sim_load32(sim_page(CTRL) + POSITION);
		for (; at < n; at++) {
			got = sim_load32(sim_page(DATA) + 4 * (at % SAMPLES));
			if (got != at + 1)
				sim_fail("flag-after-data", "position %u, sample %u is %u", n, at,
					 got);
		}
		read_to = at;
		sim_relax();
	}
}

const struct sim_proto sim_proto_sound = {
	.name = "sound", .pages = DATA2, .init = sound_init, .guest = sound_guest,
	.device = sound_device, .may_lose = true,
};

/* ------------------------------------------------------------ mlx5 */

#define CQE		64
#define OWNER		63
#define CQES		4
#define WORK		7
#define RECORD		1024	/* doorbell record: completions consumed */
#define BUFFER		512

static u32 word(u32 n, u32 i)
{
	return n * 0x85ebca6bu + i;
}

static void mlx5_device(u32 att)
{
	u32 done = 0, i;
	iova_t cqe, ctrl;

	while (sim_wait_reg(att, GO, done)) {
		ctrl = sim_reg(att, AT);
		/* full: poll the record, as the driver does not ring for it */
		while (done - sim_dma_load32(att, ctrl + RECORD) >= CQES && !sim_over(att))
			sim_relax();
		if (sim_over(att))
			return;
		for (i = 0; i < 6; i++)
			sim_dma_store32(att, sim_reg(att, AT2) + BUFFER * (done % CQES) + 4 * i,
					word(done, i));
		cqe = ctrl + CQE * (done % CQES);
		for (i = 0; i < 3; i++)
			sim_dma_store32(att, cqe + 20 * i, word(done, i));
		sim_dma_store(att, cqe + OWNER, 1, 1 + done / CQES);
		done++;
	}
}

static void mlx5_guest(void)
{
	u32 n = 0, i, got;

	sim_write_reg(0, AT, sim_map(0, CTRL, RW));
	sim_write_reg(0, AT2, sim_map(0, DATA, RW));
	/* request several completions at once, so that the ring fills */
	sim_write_reg(0, GO, WORK);
	while (n < WORK) {
		gaddr_t cqe = sim_page(CTRL) + CQE * (n % CQES);

		if (sim_lost(0))
			return;
		if (sim_load8(cqe + OWNER) != 1 + n / CQES) {
			sim_relax();
			continue;
		}
		for (i = 0; i < 3; i++) {
			got = sim_load32(cqe + 20 * i);
			if (got != word(n, i))
				sim_fail("flag-after-data", "completion %u, word %u is %x", n, i,
					 got);
		}
		for (i = 0; i < 6; i++) {
			got = sim_load32(sim_page(DATA) + BUFFER * (n % CQES) + 4 * i);
			if (got != word(n, i))
				sim_fail("flag-after-data", "completion %u, data word %u is %x", n,
					 i, got);
		}
		n++;
		sim_store32(sim_page(CTRL) + RECORD, n);
	}
}

const struct sim_proto sim_proto_mlx5 = {
	.name = "mlx5", .share = 12, .pages = DATA2, .guest = mlx5_guest, .device = mlx5_device,
	.may_lose = true,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * NVMe with doorbells in memory (Doorbell Buffer Config), and the real NVMe profile.
 *
 * Driver and device exchange indexes in memory, and decide by them whether to ring: each
 * stores its own index and then loads the other's (rule 11).  The data page is mapped before
 * the completion queue, so the profile must supply the order (rule 10).  The driver polls the
 * queue in every second run and waits for interrupts in the others.
 */
#include "world.h"

enum { ASQ, ACQ, DATA, SHADOW, EVENT, SQ, CQ, NPAGES };	/* pages */

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)

/* registers, by their offsets in BAR 0 */
#define REG_CC		0x14
#define REG_AQA		0x24
#define REG_ASQ		0x28
#define REG_ACQ		0x30
#define REG_DOORBELL	0x1000
#define ADMIN_TAIL	REG_DOORBELL
#define IO_TAIL		(REG_DOORBELL + 8)
#define IO_TAIL_AT	8	/* the same in the shadow and event index pages */

#define ENTRIES		4
#define SQE		64
#define CQE		16
#define WORK		9	/* commands, enough for the queues to wrap */
#define WORDS		4
#define DATA_AT		256

#define ADMIN_CREATE_CQ	0x05
#define ADMIN_DBBUF	0x7c

static iova_t iova[NPAGES];
static bool polls;

static u32 reg_of(u64 offset)
{
	return offset < REG_DOORBELL ? offset / 4 : 16 + (offset - REG_DOORBELL) / 4;
}

static u32 word(u32 n, u32 i)
{
	return n * 0x9e3779b1u + i;
}

/* ------------------------------------------------------------ device */

static void complete(u32 att, iova_t cq, u32 entries, u32 n, u16 cid)
{
	iova_t cqe = cq + CQE * (n % entries);

	/* dword 3 has CID and phase; the device writes it last */
	sim_dma_store32(att, cqe, n);
	sim_dma_store32(att, cqe + 12, cid | (1 ^ n / entries % 2) << 16);
	sim_irq(att, 0);
}

/* the two admin commands that create the I/O queues */
static void admin(u32 att)
{
	u32 tail = reg_of(ADMIN_TAIL), head = 0;

	while (head < 2 && sim_wait_reg(att, tail, head)) {
		while (head != sim_reg(att, tail)) {
			u16 cid = sim_dma_load32(att, iova[ASQ] + SQE * head) >> 16;

			complete(att, iova[ACQ], ENTRIES, head++, cid);
		}
	}
}

static void io(u32 att, u32 n)
{
	iova_t data = sim_dma_load32(att, iova[SQ] + SQE * (n % ENTRIES) + 24);
	u32 i;

	for (i = 0; i < WORDS; i++)
		sim_dma_store32(att, data + 64 * i, word(n, i));
	complete(att, iova[CQ], ENTRIES, n, n);
}

static u32 shadow_tail(u32 att)
{
	return sim_dma_load32(att, iova[SHADOW] + IO_TAIL_AT);
}

/* stores its progress as event index, checks the doorbell again, and sleeps */
static void device(u32 att)
{
	u32 n = 0, rung = 0;

	admin(att);
	while (!sim_over(att)) {
		while (n % ENTRIES != shadow_tail(att)) {
			if (sim_over(att))
				return;
			io(att, n++);
		}
		sim_dma_store32(att, iova[EVENT] + IO_TAIL_AT, n % ENTRIES);
		if (n % ENTRIES != shadow_tail(att))
			continue;
		if (!sim_wait_write(att, reg_of(IO_TAIL), &rung))
			return;
	}
}

/* ------------------------------------------------------------ driver */

static bool wait_for(gaddr_t cq, u32 n, bool poll)
{
	gaddr_t dw3 = cq + CQE * (n % ENTRIES) + 12;

	while ((sim_load32(dw3) >> 16 & 1) != (1 ^ n / ENTRIES % 2)) {
		if (sim_lost(0))
			return false;
		if (poll)
			sim_relax();
		else if (!sim_wait_irq(0, 0))
			return false;
	}
	return true;
}

static bool admin_command(u32 n, u8 opcode, iova_t prp1, iova_t prp2, u32 cdw10, u32 cdw11)
{
	gaddr_t sqe = sim_page(ASQ) + SQE * n;

	sim_store32(sqe, opcode | n << 16);
	sim_store64(sqe + 24, prp1);
	sim_store64(sqe + 32, prp2);
	sim_store32(sqe + 40, cdw10);
	sim_store32(sqe + 44, cdw11);
	sim_write_bar(ADMIN_TAIL, 4, n + 1);
	return wait_for(sim_page(ACQ), n, false);
}

static bool begin(void)
{
	u32 page;

	for (page = 0; page < NPAGES; page++)
		iova[page] = sim_map(0, page, RW);
	sim_write_bar(REG_AQA, 4, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	sim_write_bar(REG_ASQ, 8, iova[ASQ]);
	sim_write_bar(REG_ACQ, 8, iova[ACQ]);
	sim_write_bar(REG_CC, 4, 1);
	return admin_command(0, ADMIN_DBBUF, iova[SHADOW], iova[EVENT], 0, 0) &&
	       admin_command(1, ADMIN_CREATE_CQ, iova[CQ], 0, (ENTRIES - 1) << 16 | 1, 1);
}

/* true if the event index requests a doorbell for this step */
static bool needs_ringing(u32 event, u32 new, u32 old)
{
	return (new - event - 1) % ENTRIES < (new - old) % ENTRIES;
}

static void submit(u32 n)
{
	u32 old = n % ENTRIES, new = (n + 1) % ENTRIES;

	sim_store64(sim_page(SQ) + SQE * old + 24, iova[DATA] + DATA_AT);
	sim_store32(sim_page(SHADOW) + IO_TAIL_AT, new);
	if (needs_ringing(sim_load32(sim_page(EVENT) + IO_TAIL_AT), new, old))
		sim_write_bar(IO_TAIL, 4, new);
}

static void verify(u32 n)
{
	u32 i, got;

	for (i = 0; i < WORDS; i++) {
		got = sim_load32(sim_page(DATA) + DATA_AT + 64 * i);
		if (got != word(n, i))
			sim_fail("flag-after-data", "command %u, word %u is %x, not %x", n, i, got,
				 word(n, i));
	}
}

static void drive(void)
{
	u32 n;

	polls = sim_random(2);
	if (!begin())
		return;
	for (n = 0; n < WORK; n++) {
		submit(n);
		if (!wait_for(sim_page(CQ), n, polls))
			return;
		verify(n);
	}
}

const struct sim_proto sim_proto_nvme_shadow = {
	.name = "nvme_shadow_doorbells", .share = 25, .pages = NPAGES, .guest = drive,
	.device = device, .may_lose = true, .profile = &riod_profile_nvme, .reg_of = reg_of,
};

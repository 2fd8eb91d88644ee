// SPDX-License-Identifier: GPL-2.0-only
/*
 * NVMe: submission entries of 64 bytes published by a doorbell, completions of 16 bytes
 * published by their phase bit; data in separate pages.
 *
 * The order includes the completion queue, as the NVMe profile's does (rule 10), so one
 * protocol polls it; the other one waits for the interrupt.
 */
#include "world.h"

enum { QUEUES, DATA, NDATA = 2 };	/* pages */

#define SQ		0
#define CQ		2048
#define ENTRIES		4
#define WORK		7	/* commands in a run, enough for the queues to wrap */
#define SECTOR		64	/* bytes that a command reads or writes */
#define SECTOR_AT	512	/* in the data page */

/* registers */
enum { SQ_TAIL, CQ_HEAD, SQ_AT, CQ_AT };

static u32 pattern(u32 command, u32 i)
{
	return (command + 1) * 0x01010101u ^ i * 0x9e3779b9u;
}

/* ------------------------------------------------------------ device */

static void execute(u32 att, iova_t entry)
{
	u32 command = sim_dma_load32(att, entry);
	u32 write = sim_dma_load32(att, entry + 4);
	iova_t data = sim_dma_load32(att, entry + 8);
	u32 i, got;

	for (i = 0; i < SECTOR / 4; i++) {
		if (!write) {
			sim_dma_store32(att, data + 4 * i, pattern(command, i));
			continue;
		}
		got = sim_dma_load32(att, data + 4 * i);
		if (got != pattern(command, i) && !sim_over(att))
			sim_fail("release", "command %u, word %u: the device reads %x, not %x",
				 command, i, got, pattern(command, i));
	}
}

static void device(u32 att)
{
	u32 head = 0, done = 0, tail;

	while (sim_wait_reg(att, SQ_TAIL, head)) {
		tail = sim_reg(att, SQ_TAIL);
		for (; head != tail && !sim_over(att); head = (head + 1) % ENTRIES) {
			iova_t sqe = sim_reg(att, SQ_AT) + 64 * head;
			iova_t cqe = sim_reg(att, CQ_AT) + 16 * (done % ENTRIES);

			execute(att, sqe);
			sim_dma_store32(att, cqe, sim_dma_load32(att, sqe));
			sim_dma_store32(att, cqe + 12, 1 ^ done / ENTRIES % 2);
			done++;
			sim_irq(att, 0);
		}
	}
}

/* ------------------------------------------------------------ driver */

static iova_t submit(u32 command, u32 slot, iova_t data)
{
	gaddr_t sqe = sim_page(QUEUES) + SQ + 64 * slot;

	sim_store32(sqe, command);
	sim_store32(sqe + 4, command & 1);
	sim_store32(sqe + 8, data + SECTOR_AT);
	sim_write_reg(0, SQ_TAIL, (slot + 1) % ENTRIES);
	return data;
}

static bool complete(u32 done, bool poll)
{
	gaddr_t cqe = sim_page(QUEUES) + CQ + 16 * (done % ENTRIES);

	while ((sim_load32(cqe + 12) & 1) != (1 ^ done / ENTRIES % 2)) {
		if (sim_lost(0))
			return false;
		if (poll)
			sim_relax();
		else if (!sim_wait_irq(0, 0))
			return false;
	}
	if (sim_load32(cqe) != done)
		sim_fail("flag-after-data", "completion %u names command %u", done,
			 sim_load32(cqe));
	return true;
}

static void fill(u32 page, u32 command)
{
	u32 i;

	for (i = 0; i < SECTOR / 4; i++)
		sim_store32(sim_page(page) + SECTOR_AT + 4 * i, pattern(command, i));
}

static void verify(u32 page, u32 command)
{
	u32 i, got;

	for (i = 0; i < SECTOR / 4; i++) {
		got = sim_load32(sim_page(page) + SECTOR_AT + 4 * i);
		if (got != pattern(command, i))
			sim_fail("flag-after-data", "command %u, word %u: guest reads %x, not %x",
				 command, i, got, pattern(command, i));
	}
}

/* one command at a time; the page is unmapped after it and mapped again for the next */
static void drive(bool poll)
{
	iova_t queues = sim_map(0, QUEUES, RIOD_PROT_READ | RIOD_PROT_WRITE), data;
	u32 command, page;

	sim_write_reg(0, SQ_AT, queues + SQ);
	sim_write_reg(0, CQ_AT, queues + CQ);
	if (poll) {
		/* the reply arrives after the stub has mapped the queues */
		sim_read_reg(0, SQ_AT);
		sim_order(0, &(struct riod_sync_span){ .iova = queues + CQ,
			  .len = 16 * ENTRIES }, 1);
	}
	for (command = 0; command < WORK; command++) {
		page = DATA + command % NDATA;
		if (command & 1)
			fill(page, command);
		data = sim_map(0, page, command & 1 ? RIOD_PROT_READ :
			       RIOD_PROT_READ | RIOD_PROT_WRITE);
		submit(command, command % ENTRIES, data);
		if (!complete(command, poll))
			return;
		sim_unmap(0, data);
		if (!(command & 1))
			verify(page, command);
	}
}

static void drive_by_irq(void) { drive(false); }
static void drive_by_polling(void) { drive(true); }

const struct sim_proto sim_proto_nvme = {
	.name = "nvme", .pages = DATA + NDATA, .guest = drive_by_irq, .device = device,
	.may_lose = true,
};

const struct sim_proto sim_proto_nvme_polled = {
	.name = "nvme_polled", .pages = DATA + NDATA, .guest = drive_by_polling,
	.device = device, .may_lose = true,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * NVMe in a guest without a vIOMMU, and the real NVMe profile: all of memory is mapped from the
 * start to the end, and the device reaches what the profile names (rule 20).  An access to
 * anything else fails the run.
 *
 * Buffers are used again at once, without a remap: filled by the guest while no command names
 * them, half a page, several pages by PRP2, by a list and by SGL; two commands share a page.
 * The blocks' size is known to the profile in every second run: then reads are exact (rule
 * 21).  Some fail half way.  A log page is shorter than its buffer, and a vendor's command has
 * a buffer whose length nobody can know, beside bytes that the guest changes meanwhile.  Some
 * guests clear completions that they have seen.  In the end the queues are deleted with a
 * command under way, and made again.
 */
#include "world.h"

enum { ASQ, ACQ, SQ, CQ, LIST, DATA, NDATA = 3, NPAGES = DATA + NDATA };	/* pages */

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)

/* registers, by their offsets in BAR 0 */
#define REG_CC		0x14
#define REG_AQA		0x24
#define REG_ASQ		0x28
#define REG_ACQ		0x30
#define REG_DOORBELL	0x1000
#define ADMIN_TAIL	REG_DOORBELL
#define IO_TAIL		(REG_DOORBELL + 8)

#define ENTRIES		4
#define SQE		64
#define CQE		16
#define BLOCK		512
#define WORK		6	/* commands before the queues are deleted */
#define CIDS		5	/* an entry replaces that of a command that is under way again */
#define FAILS		(0x281u << 17)	/* status of a read that fails: a media error */

/* in a page of data: a log page, a vendor's buffer, and bytes of the guest's own beside it */
#define LOG_AT		256
#define LOG_SIZE	64
#define VENDOR_AT	3072
#define BESIDE		3584

enum { DELETE_SQ = 0, CREATE_SQ = 1, LOG = 2, DELETE_CQ = 4, CREATE_CQ = 5, IDENTIFY = 6,
	VENDOR = 0xc2 };
enum { WRITE = 1, READ = 2 };

static iova_t iova[NPAGES];
static bool polls, knows, clears;
/* the driver's next entries: submission slot, completion, admin command */
static u32 slot, next, nadmin;

static u32 reg_of(u64 offset)
{
	return offset < REG_DOORBELL ? offset / 4 : 16 + (offset - REG_DOORBELL) / 4;
}

/* few values, so that a device writes what a buffer has had before */
static u32 word(u32 cid, u32 i)
{
	return (cid % 2 + 1) * 0x01010101u ^ i;
}

/* ------------------------------------------------------------ device */

struct transfer {
	u32 att, cid, words;
	bool write, fails;
};

/* some reads fail behind their first word */
static bool fails(u32 cid)
{
	return cid % 4 == 3;
}

/* the first and the last word of a piece of memory */
static void piece(struct transfer *t, u64 at, u64 len)
{
	u32 i, got;

	for (i = 0; i < 2 && len; i++, t->words++) {
		iova_t addr = at + i * (len - 4);

		if (!t->write && t->fails && t->words)
			continue;
		if (!t->write) {
			sim_dma_store32(t->att, addr, word(t->cid, t->words));
			continue;
		}
		got = sim_dma_load32(t->att, addr);
		if (got != word(t->cid, t->words) && !sim_over(t->att))
			sim_fail("release", "command %u, word %u: the device reads %x, not %x",
				 t->cid, t->words, got, word(t->cid, t->words));
	}
}

static u64 load64(u32 att, iova_t addr)
{
	return sim_dma_load(att, addr, 8);
}

static void prps(struct transfer *t, iova_t sqe, u64 len)
{
	u64 prp1 = load64(t->att, sqe + 24), prp2 = load64(t->att, sqe + 32);
	u64 part = RIOD_PAGE_SIZE - prp1 % RIOD_PAGE_SIZE;
	u32 i;

	if (part > len)
		part = len;
	piece(t, prp1, part);
	len -= part;
	if (len <= RIOD_PAGE_SIZE) {
		piece(t, prp2, len);
		return;
	}
	for (i = 0; len && !sim_over(t->att); i++, len -= part) {
		part = len < RIOD_PAGE_SIZE ? len : RIOD_PAGE_SIZE;
		piece(t, load64(t->att, prp2 + 8 * i), part);
	}
}

/* a segment with two descriptors */
static void sgl(struct transfer *t, iova_t sqe)
{
	iova_t list = load64(t->att, sqe + 24);
	u32 i;

	for (i = 0; i < 2; i++)
		piece(t, load64(t->att, list + 16 * i), sim_dma_load32(t->att, list + 16 * i + 8));
}

static void complete(u32 att, u32 cq, u32 n, u32 sqid, u32 cid, u32 status)
{
	iova_t cqe = iova[cq] + CQE * (n % ENTRIES);

	/* the head of the submission queue is different in each */
	sim_dma_store32(att, cqe + 8, sqid << 16 | n);
	sim_dma_store32(att, cqe + 12, cid | (1 ^ n / ENTRIES % 2) << 16 | status);
	sim_irq(att, 0);
}

/* the status */
static u32 io(u32 att, u32 n)
{
	iova_t sqe = iova[SQ] + SQE * (n % ENTRIES);
	u32 first = sim_dma_load32(att, sqe);
	struct transfer t = { .att = att, .cid = first >> 16, .write = (first & 0xff) == WRITE };

	t.fails = !t.write && fails(t.cid);

	if (first >> 8 & 0xc0)
		sgl(&t, sqe);
	else
		prps(&t, sqe, (sim_dma_load32(att, sqe + 48) + 1) * BLOCK);
	return t.fails ? FAILS : 0;
}

static void identify(u32 att, iova_t sqe)
{
	iova_t data = load64(att, sqe + 24);

	/* FLBAS 0; LBAF 0: blocks of 2^9 bytes without metadata */
	sim_dma_store32(att, data + 24, 0);
	sim_dma_store32(att, data + 128, 9 << 16);
}

/* submission queues of the device: next entry; completions */
struct device {
	u32 att, head[2], done[2];
	bool live;
};

static const u32 tails[2] = { ADMIN_TAIL, IO_TAIL };

static bool has_work(const struct device *d, u32 queue)
{
	return (!queue || d->live) && sim_reg(d->att, reg_of(tails[queue])) != d->head[queue];
}

static bool has_any_work(void *arg)
{
	struct device *d = arg;

	return has_work(d, 0) || has_work(d, 1) || sim_over(d->att);
}

static void admin(struct device *d, iova_t sqe)
{
	switch (sim_dma_load32(d->att, sqe) & 0xff) {
	case IDENTIFY:
		identify(d->att, sqe);
		break;
	case LOG:
	case VENDOR:
		/* less than the guest has room for */
		sim_dma_store32(d->att, load64(d->att, sqe + 24), sim_dma_load32(d->att, sqe + 56));
		break;
	case CREATE_SQ:
		d->head[1] = 0;
		d->live = true;
		break;
	case DELETE_SQ:
		d->live = false;
		break;
	case CREATE_CQ:
		d->done[1] = 0;
		break;
	}
}

/* takes a command of either queue; a queue that is deleted discards its commands */
static void device(u32 att)
{
	struct device d = { .att = att };
	u32 queue, cid, status;
	iova_t sqe;

	while (!sim_over(att)) {
		sim_wait(has_any_work, &d);
		queue = !has_work(&d, 0) || (has_work(&d, 1) && sim_random(2));
		if (!has_work(&d, queue))
			continue;
		sqe = iova[queue ? SQ : ASQ] + SQE * d.head[queue];
		cid = sim_dma_load32(att, sqe) >> 16;
		status = queue ? io(att, d.head[1]) : 0;
		d.head[queue] = (d.head[queue] + 1) % ENTRIES;
		if (!queue)
			admin(&d, sqe);
		complete(att, queue ? CQ : ACQ, d.done[queue]++, queue, cid, status);
	}
}

/* ------------------------------------------------------------ driver */

/* the completion of a command of its queue */
static bool wait_for(u32 cq, u32 n)
{
	u32 sqid;
	gaddr_t dw3 = sim_page(cq) + CQE * (n % ENTRIES) + 12;

	while ((sim_load32(dw3) >> 16 & 1) != (1 ^ n / ENTRIES % 2)) {
		if (sim_lost(0))
			return false;
		if (polls)
			sim_relax();
		else if (!sim_wait_irq(0, 0))
			return false;
	}
	sqid = sim_load32(dw3 - 4) >> 16;
	if (cq == CQ && sqid != 1)
		sim_fail("flag-after-data", "completion %u of page %u is of queue %u", n, cq,
			 sqid);
	/* all but the phase */
	if (clears)
		sim_store32(dw3 - 4, 0);
	return true;
}

static void admin_submit(u8 opcode, iova_t data, u32 cdw10, u32 cdw11, u32 cdw14)
{
	gaddr_t sqe = sim_page(ASQ) + SQE * (nadmin % ENTRIES);

	sim_store32(sqe, opcode | nadmin << 16);
	sim_store32(sqe + 4, 1);
	sim_store64(sqe + 24, data);
	sim_store32(sqe + 40, cdw10);
	sim_store32(sqe + 44, cdw11);
	sim_store32(sqe + 56, cdw14);
	sim_write_bar(ADMIN_TAIL, 4, (nadmin + 1) % ENTRIES);
}

static bool admin_command(u8 opcode, u32 page, u32 cdw10, u32 cdw11)
{
	admin_submit(opcode, iova[page], cdw10, cdw11, 0);
	return wait_for(ACQ, nadmin++);
}

static void expect(const char *what, u32 page, u32 at, u32 want)
{
	u32 got = sim_load32(sim_page(page) + at);

	if (got != want)
		sim_fail("flag-after-data", "%s has %x, not %x", what, got, want);
}

/* the device writes the first word of a log page, and the rest is as it was */
static bool get_log(u32 n)
{
	sim_store32(sim_page(DATA) + LOG_AT, 1);
	sim_store32(sim_page(DATA) + LOG_AT + LOG_SIZE - 4, 0xbeef0000 + n);
	admin_submit(LOG, iova[DATA] + LOG_AT, (LOG_SIZE / 4 - 1) << 16, 0, word(n, 7));
	if (!wait_for(ACQ, nadmin++))
		return false;
	expect("the log", DATA, LOG_AT, word(n, 7));
	expect("the log's end", DATA, LOG_AT + LOG_SIZE - 4, 0xbeef0000 + n);
	return true;
}

/* the profile cannot know how long the buffer is, and the guest uses what is behind it */
static bool unknown(u32 n)
{
	sim_store32(sim_page(DATA) + BESIDE, 1);
	admin_submit(VENDOR, iova[DATA] + VENDOR_AT, 0, 0, word(n, 9));
	sim_store32(sim_page(DATA) + BESIDE, 0xcafe0000 + n);
	if (!wait_for(ACQ, nadmin++))
		return false;
	expect("a buffer of any length", DATA, VENDOR_AT, word(n, 9));
	expect("what is beside it", DATA, BESIDE, 0xcafe0000 + n);
	return true;
}

static bool make_queues(void)
{
	u32 i;

	for (i = 0; i < ENTRIES; i++)
		sim_store32(sim_page(CQ) + CQE * i + 12, 0);
	next = 0;
	return admin_command(CREATE_CQ, CQ, (ENTRIES - 1) << 16 | 1, 1) &&
	       admin_command(CREATE_SQ, SQ, (ENTRIES - 1) << 16 | 1, 1 << 16 | 1);
}

static bool begin(void)
{
	u32 page;

	slot = 0;
	nadmin = 0;
	for (page = 0; page < NPAGES; page++)
		iova[page] = sim_map(0, page, RW);
	sim_write_bar(REG_AQA, 4, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	sim_write_bar(REG_ASQ, 8, iova[ASQ]);
	sim_write_bar(REG_ACQ, 8, iova[ACQ]);
	sim_write_bar(REG_CC, 4, 1);
	return make_queues() && (!knows || admin_command(IDENTIFY, DATA, 0, 0));
}

/* how a command names its memory */
enum shape { HALF, TWO, LISTED, SEGMENT, SHAPES };

/* a piece of memory of a command, as the guest sees it */
static gaddr_t part(enum shape shape, u32 cid, u32 i, u32 *len)
{
	switch (shape) {
	case HALF:
		/* two commands share the page */
		*len = i ? 0 : BLOCK;
		return sim_page(DATA) + 512 * (1 + cid % CIDS);
	case TWO:
		*len = i == 0 ? RIOD_PAGE_SIZE : i == 1 ? BLOCK : 0;
		return sim_page(DATA + i);
	case LISTED:
		*len = i == 0 ? RIOD_PAGE_SIZE - 512 : i == 1 ? RIOD_PAGE_SIZE : i == 2 ? BLOCK : 0;
		return sim_page(DATA + i) + (i ? 0 : 512);
	default:
		*len = i < 2 ? 64 : 0;
		return sim_page(DATA + i) + 1000;
	}
}

static iova_t to_iova(gaddr_t addr)
{
	return iova[addr / RIOD_PAGE_SIZE] + addr % RIOD_PAGE_SIZE;
}

/* what the guest has in the memory before the command, or after it */
static void touch(enum shape shape, u32 cid, bool check, bool junk)
{
	u32 i, n = 0, len, got, k;
	gaddr_t at;

	for (i = 0; i < NDATA; i++) {
		at = part(shape, cid, i, &len);
		for (k = 0; k < 2 && len; k++, n++) {
			gaddr_t addr = at + k * (len - 4);

			if (!check) {
				sim_store32(addr, junk ? 0xdead0000 + n : word(cid, n));
				continue;
			}
			got = sim_load32(addr);
			if (got != word(cid, n))
				sim_fail("flag-after-data", "command %u, word %u is %x, not %x",
					 cid, n, got, word(cid, n));
		}
	}
}

/* the device wrote the first word and then failed: what it did not write is as it was */
static void expect_rest(enum shape shape, u32 cid)
{
	gaddr_t at;
	u32 len, got;

	at = part(shape, cid, 0, &len);
	got = sim_load32(at + len - 4);
	if (got != 0xdead0001)
		sim_fail("byte-exact", "command %u failed and left %x", cid, got);
}

static void submit(enum shape shape, u32 cid, u8 opcode)
{
	gaddr_t sqe = sim_page(SQ) + SQE * slot;
	u32 i, len, blocks = 0;
	gaddr_t at;

	for (i = 0; i < NDATA; i++) {
		at = part(shape, cid, i, &len);
		blocks += len;
		if (shape == SEGMENT && len) {
			sim_store64(sim_page(LIST) + 16 * i, to_iova(at));
			sim_store64(sim_page(LIST) + 16 * i + 8, len);
		} else if (shape == LISTED && i && len) {
			sim_store64(sim_page(LIST) + 8 * (i - 1), to_iova(at));
		}
	}
	at = part(shape, cid, 0, &len);
	sim_store32(sqe, opcode | (shape == SEGMENT ? 0x4000 : 0) | cid << 16);
	sim_store32(sqe + 4, 1);
	if (shape == SEGMENT) {
		/* a last segment of two descriptors */
		sim_store64(sqe + 24, iova[LIST]);
		sim_store64(sqe + 32, 32 | 0x30ull << 56);
	} else {
		sim_store64(sqe + 24, to_iova(at));
		sim_store64(sqe + 32, shape == LISTED ? iova[LIST] : iova[DATA + 1]);
	}
	sim_store32(sqe + 48, blocks / BLOCK - 1);
	slot = (slot + 1) % ENTRIES;
	sim_write_bar(IO_TAIL, 4, slot);
}

static bool one(u32 n)
{
	enum shape shape = sim_random(SHAPES);
	u8 opcode = sim_random(2) ? READ : WRITE;

	n %= CIDS;
	/* if it reads what it will be given, nothing but the device's write may bring it back */
	touch(shape, n, false, opcode == READ);
	submit(shape, n, opcode);
	if (!wait_for(CQ, next++))
		return false;
	if (opcode == READ && fails(n))
		expect_rest(shape, n);
	else if (opcode == READ)
		touch(shape, n, true, false);
	return true;
}

/* two commands for one page: the memory of the second stays while the first one ends */
static bool pair_of(u32 n)
{
	u32 second = (n + 1) % CIDS;

	n %= CIDS;
	touch(HALF, n, false, true);
	touch(HALF, second, false, true);
	submit(HALF, n, READ);
	submit(HALF, second, READ);
	if (!wait_for(CQ, next++))
		return false;
	if (!fails(n))
		touch(HALF, n, true, false);
	/* while the second is under way */
	if (sim_random(4) == 0 && !unknown(n))
		return false;
	if (!wait_for(CQ, next++))
		return false;
	if (!fails(second))
		touch(HALF, second, true, false);
	return true;
}

static void drive(void)
{
	u32 n;

	polls = sim_random(2);
	knows = sim_random(2);
	clears = sim_random(2);
	if (!begin())
		return;
	for (n = 0; n < WORK; n += 2) {
		if (!(sim_random(2) ? pair_of(n) : one(n) && one(n + 1)))
			return;
		if (sim_random(2) && !(sim_random(2) ? get_log(n) : unknown(n)))
			return;
	}
	/* perhaps it is done, perhaps not: its memory is the guest's once the queue is gone */
	submit(HALF, n % CIDS, READ);
	if (!admin_command(DELETE_SQ, DATA, 1, 0) || !admin_command(DELETE_CQ, DATA, 1, 0))
		return;
	slot = 0;
	sim_write_reg(0, reg_of(IO_TAIL), 0);
	if (make_queues())
		one(n + 1);
}

const struct sim_proto sim_proto_nvme_named = {
	.name = "nvme_named", .share = 25, .pages = NPAGES, .guest = drive, .device = device,
	.may_lose = true, .profile = &riod_profile_nvme, .exact = true, .reg_of = reg_of,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * NVMe: what correctness requires (rule 11, kicks, and rule 16, BARs that are
 * memory).
 *
 * Hidden from the guest: memory on the controller that could hold queues or
 * data (CMB, PMR), doorbells in host memory (Doorbell Buffer Config), host
 * memory buffers.  CMB and PMR are announced in registers; the others in the
 * Identify Controller data, which the device writes to guest memory.  So the
 * profile follows the admin queue.  It records where an Identify command puts
 * its data, and edits them when the completion has arrived and before the
 * interrupt is signalled.  If a guest sets up doorbells in memory anyway, the
 * profile rings them after every cut.
 *
 * The profile also names completion queues (rule 10, publish order), because
 * entries refer to data in other pages and drivers poll them at any time.  It
 * learns them from the commands that create them.
 *
 * The guest is not trusted: its addresses are in its own memory only, each call
 * does a bounded amount of work, and what is overwritten is the guest's.
 *
 * Sections are those of the NVM Express Base Specification, revision 2.0c.
 */
#define pr_fmt(fmt) "riod: nvme: " fmt

#include <kunit/visibility.h>
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "profile.h"

#define NVME_CLASS		0x010802	/* mass storage, NVM, I/O controller */

/* 3.1.3 controller properties */
#define NVME_REG_CAP		0x00
#define NVME_REG_CAP_HIGH	0x04
#define NVME_REG_CAP_TOP	0x07
#define NVME_REG_CC		0x14
#define NVME_REG_AQA		0x24
#define NVME_REG_ASQ		0x28
#define NVME_REG_ACQ		0x30
#define NVME_REG_END		0x38		/* of the registers that are followed */
#define NVME_REG_DOORBELL	0x1000

#define NVME_CAP_TOP_PMRS	BIT(0)		/* CAP bit 56 */
#define NVME_CAP_TOP_CMBS	BIT(1)		/* CAP bit 57 */
#define NVME_CC_EN		BIT(0)

#define NVME_SQE_SIZE		64
#define NVME_CQE_SIZE		16
#define NVME_QUEUE_MAX		4096		/* 3.1.3.10: entries of an admin queue */

#define NVME_ADMIN_DELETE_CQ	0x04
#define NVME_ADMIN_CREATE_CQ	0x05
#define NVME_ADMIN_IDENTIFY	0x06
#define NVME_ADMIN_DBBUF	0x7c
#define NVME_CNS_CONTROLLER	0x01
#define NVME_CREATE_CQ_PC	BIT(0)		/* 5.4: physically contiguous */

/* 5.17.2.1 Identify Controller data */
#define NVME_ID_OACS_HIGH	257
#define NVME_ID_OACS_DBBUF	BIT(0)		/* OACS bit 8 */
#define NVME_ID_HMPRE		272		/* HMPRE and HMMIN, four bytes each */
#define NVME_ID_HMMIN_END	280

/* admin commands whose completions are awaited; drivers have one or two in flight */
#define NVME_WATCHED		16
#define NVME_SHADOW_SIZE	4096u
/* completion queues that are tracked, including the admin queue */
#define NVME_CQS		256
/* set the order behind this many cuts after a queue was created or deleted */
#define NVME_ORDER_CUTS		2
/* doorbells rung after one cut; the rest follows after the next */
#define NVME_KICKS_MAX		64

/**
 * struct riod_nvme_sqe - used fields of a submission queue entry (3.3.3.1)
 * @opcode: command
 * @flags: fuse and data pointer format
 * @cid: command identifier
 * @skip1: unused
 * @prp1: first PRP entry
 * @prp2: second PRP entry
 * @cdw10: Identify: CNS in the low byte.  Create, delete a queue: its id in
 *	bits 15:0, its size less 1 in bits 31:16
 * @cdw11: Create I/O Completion Queue: PC
 * @skip2: unused
 */
struct riod_nvme_sqe {
	u8 opcode;
	u8 flags;
	__le16 cid;
	__le32 skip1[5];
	__le64 prp1;
	__le64 prp2;
	__le32 cdw10;
	__le32 cdw11;
	__le32 skip2[4];
};

static_assert(sizeof(struct riod_nvme_sqe) == NVME_SQE_SIZE);

/** struct riod_nvme_watch - an admin command whose completion is awaited */
struct riod_nvme_watch {
	bool used;
	u8 opcode;
	u16 cid;
	u64 prp1;
	u64 prp2;
};

/** struct riod_nvme_cq - memory of a completion queue; @len 0: unused */
struct riod_nvme_cq {
	u64 base;
	u32 len;
	u16 qid;
};

/**
 * struct riod_nvme - state of one attachment; serialised by the caller
 * @env: services of the frontend
 * @regs: values that the guest wrote to the registers below NVME_REG_END
 * @stride: distance of doorbells in bytes
 * @enabled: CC.EN is set, so the queues exist
 * @sq_head: next admin submission entry to look at
 * @sq_tail: value of the guest's last write to the admin submission doorbell
 * @cq_head: next admin completion entry to look at
 * @phase: phase bit of the next completion
 * @watch: commands whose completions are awaited
 * @next_watch: next entry of @watch to use, which is the oldest
 * @cqs: completion queues; the admin queue is the first
 * @order_cuts: number of further cuts behind which the order is set
 * @spans: buffer for the order
 * @shadow: address of the doorbells in memory, 0: none
 * @rung: values of them that were rung
 */
struct riod_nvme {
	struct riod_profile_env env;
	u8 regs[NVME_REG_END];
	u32 stride;
	bool enabled;
	u16 sq_head;
	u16 sq_tail;
	u16 cq_head;
	u8 phase;
	struct riod_nvme_watch watch[NVME_WATCHED];
	u8 next_watch;
	struct riod_nvme_cq cqs[NVME_CQS];
	u8 order_cuts;
	struct riod_sync_span spans[NVME_CQS];
	u64 shadow;
	u32 rung[NVME_SHADOW_SIZE / sizeof(u32)];
};

/* ------------------------------------------------------------ registers */

/** struct riod_nvme_span - bytes [@start, @end) of BAR 0 */
struct riod_nvme_span {
	u16 start;
	u16 end;
};

/* read as zero, as on a controller without CMB and PMR (3.1.3) */
static const struct riod_nvme_span hidden[] = {
	{ 0x38, 0x40 },		/* CMBLOC, CMBSZ */
	{ 0x50, 0x64 },		/* CMBMSC, CMBSTS, CMBEBS, CMBSWTP */
	{ 0xe00, 0xe1c },	/* PMRCAP to PMRMSCU */
};

static bool is_hidden(u64 offset)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (offset >= hidden[i].start && offset < hidden[i].end)
			return true;
	}
	return false;
}

/* the guest reads CAP through here, so learn the stride */
static void learn_stride(struct riod_nvme *n, u64 offset, u8 width, u64 value)
{
	u32 at = (NVME_REG_CAP_HIGH - offset) * 8;

	/* CAP.DSTRD is in bits 35:32 */
	if (offset <= NVME_REG_CAP_HIGH && offset + width > NVME_REG_CAP_HIGH)
		n->stride = 4u << ((value >> at) & 0xf);
}

static u64 nvme_bar_read(void *state, u8 bar, u64 offset, u8 width, u64 value)
{
	struct riod_nvme *n = state;
	u8 i, gone;

	if (bar || offset >= NVME_REG_DOORBELL)
		return value;
	learn_stride(n, offset, width, value);
	for (i = 0; i < width; i++) {
		gone = 0;
		if (is_hidden(offset + i))
			gone = 0xff;
		else if (offset + i == NVME_REG_CAP_TOP)
			gone = NVME_CAP_TOP_PMRS | NVME_CAP_TOP_CMBS;
		value &= ~((u64)gone << (i * 8));
	}
	return value;
}

static u64 get_reg(const struct riod_nvme *n, u32 offset, u32 width)
{
	u64 value = 0;

	while (width--)
		value = value << 8 | n->regs[offset + width];
	return value;
}

static u16 sq_entries(const struct riod_nvme *n)
{
	return (get_reg(n, NVME_REG_AQA, 2) & 0xfff) + 1;
}

static u16 cq_entries(const struct riod_nvme *n)
{
	return (get_reg(n, NVME_REG_AQA + 2, 2) & 0xfff) + 1;
}

/* address of a queue; its low 12 bits are reserved */
static u64 queue_base(const struct riod_nvme *n, u32 reg)
{
	return get_reg(n, reg, 8) & ~(u64)0xfff;
}

/* CC.MPS: the controller's page size */
static u64 memory_page_size(const struct riod_nvme *n)
{
	return 4096ull << (get_reg(n, NVME_REG_CC, 4) >> 7 & 0xf);
}

/* 3.5.1: the admin queues start empty */
static void start_queues(struct riod_nvme *n)
{
	n->sq_head = 0;
	n->sq_tail = 0;
	n->cq_head = 0;
	n->phase = 1;
	memset(n->watch, 0, sizeof(n->watch));
	memset(n->cqs, 0, sizeof(n->cqs));
	n->cqs[0].base = queue_base(n, NVME_REG_ACQ);
	n->cqs[0].len = cq_entries(n) * NVME_CQE_SIZE;
	n->order_cuts = NVME_ORDER_CUTS;
	n->shadow = 0;
}

static void write_reg(struct riod_nvme *n, u64 offset, u8 width, u64 value)
{
	bool enabled;
	u8 i;

	for (i = 0; i < width && offset + i < NVME_REG_END; i++)
		n->regs[offset + i] = value >> (i * 8);
	enabled = n->regs[NVME_REG_CC] & NVME_CC_EN;
	if (enabled && !n->enabled)
		start_queues(n);
	n->enabled = enabled;
}

static bool nvme_bar_write(void *state, u8 bar, u64 offset, u8 width, u64 value)
{
	struct riod_nvme *n = state;

	if (bar)
		return false;
	if (is_hidden(offset))
		return true;
	if (offset < NVME_REG_END)
		write_reg(n, offset, width, value);
	else if (offset == NVME_REG_DOORBELL && (u16)value < sq_entries(n))
		n->sq_tail = value;
	return false;
}

/* ------------------------------------------------------------ admin queues */

static void watch_command(struct riod_nvme *n, const struct riod_nvme_sqe *e)
{
	struct riod_nvme_watch *w = &n->watch[n->next_watch++ % NVME_WATCHED];

	w->used = true;
	w->opcode = e->opcode;
	w->cid = le16_to_cpu(e->cid);
	w->prp1 = le64_to_cpu(e->prp1);
	w->prp2 = le64_to_cpu(e->prp2);
}

static struct riod_nvme_cq *find_cq(struct riod_nvme *n, u16 qid, bool fresh)
{
	struct riod_nvme_cq *c, *empty = NULL;

	for (c = n->cqs + 1; c < n->cqs + NVME_CQS; c++) {
		if (c->len && c->qid == qid)
			return c;
		if (!c->len && !empty)
			empty = c;
	}
	return fresh ? empty : NULL;
}

static void warn_unordered(void)
{
	pr_warn_once("a guest has a completion queue that is scattered, or more of them than are kept track of: whoever polls it may see completions ahead of their data\n");
}

/*
 * Done at the command, not at its completion, because the device may write into
 * the queue right after that.  If the controller rejects the command, no harm
 * is done: the memory is only applied a little later than other memory.
 */
static void create_cq(struct riod_nvme *n, const struct riod_nvme_sqe *e)
{
	u32 cdw10 = le32_to_cpu(e->cdw10);
	struct riod_nvme_cq *c = find_cq(n, cdw10, true);

	if (!c || !(le32_to_cpu(e->cdw11) & NVME_CREATE_CQ_PC)) {
		warn_unordered();
		return;
	}
	c->qid = cdw10;
	c->base = le64_to_cpu(e->prp1) & ~(u64)0xfff;
	/* 3.3.3.2: entries have 16 bytes, as CC.IOCQES must say */
	c->len = ((cdw10 >> 16) + 1) * NVME_CQE_SIZE;
	n->order_cuts = NVME_ORDER_CUTS;
}

static void delete_cq(struct riod_nvme *n, const struct riod_nvme_sqe *e)
{
	struct riod_nvme_cq *c = find_cq(n, le32_to_cpu(e->cdw10), false);

	if (!c)
		return;
	c->len = 0;
	n->order_cuts = NVME_ORDER_CUTS;
}

static void look_at_command(struct riod_nvme *n, const struct riod_nvme_sqe *e)
{
	bool identify = e->opcode == NVME_ADMIN_IDENTIFY &&
			(le32_to_cpu(e->cdw10) & 0xff) == NVME_CNS_CONTROLLER;

	if (identify || e->opcode == NVME_ADMIN_DBBUF)
		watch_command(n, e);
	else if (e->opcode == NVME_ADMIN_CREATE_CQ)
		create_cq(n, e);
	else if (e->opcode == NVME_ADMIN_DELETE_CQ)
		delete_cq(n, e);
}

/*
 * Look at the commands that the guest has rung for.  Called before the doorbell
 * is sent, and again before completions are looked at, so that none is missed.
 */
static void follow_submissions(struct riod_nvme *n)
{
	u16 entries = sq_entries(n);
	struct riod_nvme_sqe e;
	const void *p;

	if (n->sq_head >= entries || n->sq_tail >= entries)
		return;
	while (n->sq_head != n->sq_tail) {
		p = n->env.mem(n->env.priv, queue_base(n, NVME_REG_ASQ) +
			       n->sq_head * NVME_SQE_SIZE, NVME_SQE_SIZE, false);
		n->sq_head = (n->sq_head + 1) % entries;
		if (!p)
			continue;
		/* the guest may change it meanwhile: decide on one copy */
		memcpy(&e, p, sizeof(e));
		look_at_command(n, &e);
	}
}

/* a byte of a data buffer that has two PRP entries (4.1.1) */
static u8 *data_byte(struct riod_nvme *n, const struct riod_nvme_watch *w, u32 pos)
{
	u64 size = memory_page_size(n);
	u64 first = size - (w->prp1 & (size - 1));
	u64 addr = pos < first ? w->prp1 + pos : (w->prp2 & ~(size - 1)) + pos - first;

	return n->env.mem(n->env.priv, addr, 1, true);
}

static void clear_bits(struct riod_nvme *n, const struct riod_nvme_watch *w,
		       u32 pos, u8 bits)
{
	u8 *p = data_byte(n, w, pos);

	/* do not store into guest memory without need */
	if (p && *p & bits)
		WRITE_ONCE(*p, *p & ~bits);
}

static void edit_identify(struct riod_nvme *n, const struct riod_nvme_watch *w)
{
	u32 pos;

	clear_bits(n, w, NVME_ID_OACS_HIGH, NVME_ID_OACS_DBBUF);
	for (pos = NVME_ID_HMPRE; pos < NVME_ID_HMMIN_END; pos++)
		clear_bits(n, w, pos, 0xff);
}

static void begin_shadow(struct riod_nvme *n, const struct riod_nvme_watch *w)
{
	n->shadow = w->prp1 & ~(u64)(NVME_SHADOW_SIZE - 1);
	memset(n->rung, 0, sizeof(n->rung));
	pr_warn_once("a guest has doorbells in memory although the controller does not offer them; they are rung after every cut, which is slow\n");
}

static void complete_command(struct riod_nvme *n, u16 cid, bool ok)
{
	struct riod_nvme_watch *w;

	for (w = n->watch; w < n->watch + NVME_WATCHED; w++) {
		if (!w->used || w->cid != cid)
			continue;
		w->used = false;
		if (!ok)
			continue;
		if (w->opcode == NVME_ADMIN_IDENTIFY)
			edit_identify(n, w);
		else
			begin_shadow(n, w);
	}
}

static void follow_completions(struct riod_nvme *n)
{
	u16 left = cq_entries(n), entries = left;
	const __le32 *cqe;
	u32 dw3;

	if (n->cq_head >= entries)
		return;
	while (left--) {
		cqe = n->env.mem(n->env.priv, queue_base(n, NVME_REG_ACQ) +
				 n->cq_head * NVME_CQE_SIZE, NVME_CQE_SIZE, false);
		if (!cqe)
			return;
		/* 4.2: the device writes the word with cid, phase and status last */
		dw3 = le32_to_cpu(READ_ONCE(cqe[3]));
		if ((dw3 >> 16 & 1) != n->phase)
			return;
		complete_command(n, dw3, !(dw3 >> 17));
		if (++n->cq_head == entries) {
			n->cq_head = 0;
			n->phase ^= 1;
		}
	}
}

static void nvme_after_apply(void *state)
{
	struct riod_nvme *n = state;

	if (!n->enabled)
		return;
	follow_submissions(n);
	follow_completions(n);
}

/* ------------------------------------------------------------ doorbells in memory */

/*
 * The guest writes the shadow doorbell and then decides by an index, which it
 * may see too late, whether to ring (rule 11).  So ring the value of the
 * shadow.
 */
static void ring_shadow(struct riod_nvme *n)
{
	const u32 *shadow = n->env.mem(n->env.priv, n->shadow, NVME_SHADOW_SIZE, false);
	u32 kicks = 0, at, value, i;

	if (!shadow)
		return;
	for (at = 0; at < NVME_SHADOW_SIZE && kicks < NVME_KICKS_MAX; at += n->stride) {
		i = at / sizeof(u32);
		value = le32_to_cpu((__force __le32)READ_ONCE(shadow[i]));
		if (value == n->rung[i])
			continue;
		kicks++;
		if (!n->env.kick(n->env.priv, 0, NVME_REG_DOORBELL + at, 4, value))
			n->rung[i] = value;
	}
}

/*
 * The memory of a queue is mapped before the guest rings for the command that
 * creates it, so the engine knows its pages when it takes the cut ahead of the
 * doorbell.  That is this cut or, if the guest rang during the cut, the next
 * one.
 */
static void set_order(struct riod_nvme *n)
{
	const struct riod_nvme_cq *c;
	u32 spans = 0;
	int err;

	if (!n->order_cuts)
		return;
	memset(n->spans, 0, sizeof(n->spans));
	for (c = n->cqs; c < n->cqs + NVME_CQS; c++) {
		if (!c->len)
			continue;
		n->spans[spans].iova = c->base;
		n->spans[spans++].len = c->len;
	}
	err = n->env.order(n->env.priv, n->spans, spans);
	if (err == -E2BIG)
		warn_unordered();
	/* out of memory: try again behind the next cut */
	if (err != -ENOMEM)
		n->order_cuts--;
}

static void nvme_after_cut(void *state)
{
	struct riod_nvme *n = state;

	if (!n->enabled)
		return;
	follow_submissions(n);
	set_order(n);
	if (n->shadow)
		ring_shadow(n);
}

static void nvme_mapped(void *state)
{
	struct riod_nvme *n = state;

	n->order_cuts = NVME_ORDER_CUTS;
}

/* ------------------------------------------------------------ life */

static void nvme_reset(void *state)
{
	struct riod_nvme *n = state;

	memset(n->regs, 0, sizeof(n->regs));
	start_queues(n);
	n->enabled = false;
}

static int nvme_init(void **state, const struct riod_profile_env *env)
{
	struct riod_nvme *n = kvzalloc(sizeof(*n), GFP_KERNEL_ACCOUNT);

	if (!n)
		return -ENOMEM;
	n->env = *env;
	n->stride = 4;
	*state = n;
	return 0;
}

static void nvme_exit(void *state)
{
	kvfree(state);
}

static bool nvme_match(u16 vendor, u16 device, u32 class)
{
	return class == NVME_CLASS;
}

const struct riod_profile riod_profile_nvme = {
	.name = "nvme",
	.match = nvme_match,
	.init = nvme_init,
	.exit = nvme_exit,
	.bar_read = nvme_bar_read,
	.bar_write = nvme_bar_write,
	.mapped = nvme_mapped,
	.after_cut = nvme_after_cut,
	.after_apply = nvme_after_apply,
	.reset = nvme_reset,
};
EXPORT_SYMBOL_IF_KUNIT(riod_profile_nvme);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * NVMe: registers and doorbells.  profile_nvme.h names the other parts.
 *
 * Hidden from the guest: memory on the controller that could hold queues or
 * data (CMB, PMR), doorbells in host memory (Doorbell Buffer Config), host
 * memory buffers, queues that are scattered over memory.  CMB, PMR and CQR are
 * announced in registers; the others in the Identify Controller data, which the
 * device writes to guest memory.  So the profile edits them when the completion
 * has arrived and before the interrupt is signalled.  If a guest sets up
 * doorbells in memory anyway, the profile rings them after every cut.
 *
 * The profile follows all queues.  It names their memory and that of the
 * commands under way (rule 20, names), and the completion queues as what is
 * applied last (rule 10, publish order), because entries refer to data in other
 * pages and drivers poll them at any time.
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
#include <linux/slab.h>
#include <linux/string.h>

#include "profile_nvme.h"

#define NVME_CLASS		0x010802	/* mass storage, NVM, I/O controller */

/* 3.1.3 controller properties */
#define NVME_REG_CAP		0x00
#define NVME_REG_CAP_CQR	0x02
#define NVME_REG_CAP_HIGH	0x04
#define NVME_REG_CAP_BPS	0x05
#define NVME_REG_CAP_TOP	0x07
#define NVME_REG_CSTS		0x1c

#define NVME_CAP_CQR		BIT(0)		/* CAP bit 16 */
#define NVME_CAP_BPS		BIT(5)		/* CAP bit 45 */
#define NVME_CAP_TOP_PMRS	BIT(0)		/* CAP bit 56 */
#define NVME_CAP_TOP_CMBS	BIT(1)		/* CAP bit 57 */
#define NVME_CC_EN		BIT(0)
#define NVME_CSTS_RDY		BIT(0)

/* doorbells rung after one cut; the rest follows after the next */
#define NVME_KICKS_MAX		64

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

/* BPINFO, BPRSEL, BPMBL: a register write makes the controller write memory that nobody names */
static const struct riod_nvme_span boot_partitions = { 0x40, 0x50 };

static bool is_hidden(const struct riod_nvme *n, u64 offset)
{
	size_t i;

	if (n->env.name && offset >= boot_partitions.start && offset < boot_partitions.end)
		return true;
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

static void write_enable(struct riod_nvme *n);

/*
 * 3.5.1: once the controller has stopped it accesses no memory.  It may until then, though
 * the guest has cleared CC.EN.
 */
static void follow_status(struct riod_nvme *n, u64 value)
{
	if (!n->enabled && !(value & NVME_CSTS_RDY))
		nvme_queues_stop(n);
	if (n->owed_cc)
		write_enable(n);
}

static u64 nvme_bar_read(void *state, u8 bar, u64 offset, u8 width, u64 value)
{
	struct riod_nvme *n = state;
	u8 i, gone;

	if (bar || offset >= NVME_REG_DOORBELL)
		return value;
	learn_stride(n, offset, width, value);
	if (offset == NVME_REG_CSTS)
		follow_status(n, value);
	for (i = 0; i < width; i++) {
		gone = 0;
		if (offset + i == NVME_REG_CAP_CQR)
			value |= (u64)NVME_CAP_CQR << (i * 8);
		if (is_hidden(n, offset + i))
			gone = 0xff;
		else if (offset + i == NVME_REG_CAP_TOP)
			gone = NVME_CAP_TOP_PMRS | NVME_CAP_TOP_CMBS;
		else if (offset + i == NVME_REG_CAP_BPS && n->env.name)
			gone = NVME_CAP_BPS;
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

/* CC.MPS */
u64 nvme_page_size(const struct riod_nvme *n)
{
	return 4096ull << (get_reg(n, NVME_REG_CC, 4) >> 7 & 0xf);
}

/* the write that sets CC.EN waits until the queues are named; the guest waits for CSTS.RDY */
static void write_enable(struct riod_nvme *n)
{
	n->owed_cc = nvme_queues_start(n) ||
		     n->env.kick(n->env.priv, 0, NVME_REG_CC, 4, get_reg(n, NVME_REG_CC, 4));
}

/* true: do not send it */
static bool write_reg(struct riod_nvme *n, u64 offset, u8 width, u64 value)
{
	bool was = n->enabled;
	u8 i;

	for (i = 0; i < width && offset + i < NVME_REG_END; i++)
		n->regs[offset + i] = value >> (i * 8);
	n->enabled = n->regs[NVME_REG_CC] & NVME_CC_EN;
	if (!n->enabled)
		n->owed_cc = false;
	if (n->owed_cc || !n->enabled || was)
		return n->owed_cc;
	n->owed_cc = nvme_queues_start(n);
	return n->owed_cc;
}

static bool nvme_bar_write(void *state, u8 bar, u64 offset, u8 width, u64 value)
{
	struct riod_nvme *n = state;
	u64 at = offset - NVME_REG_DOORBELL;

	if (bar)
		return false;
	if (is_hidden(n, offset))
		return true;
	if (offset < NVME_REG_END)
		return write_reg(n, offset, width, value);
	/* of each pair of doorbells the first is that of the submission queue */
	if (offset < NVME_REG_DOORBELL || at % (2 * n->stride) || at / (2 * n->stride) > U16_MAX)
		return false;
	return n->running && nvme_ring(n, at / (2 * n->stride), (u16)value);
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

static void nvme_after_apply(void *state)
{
	struct riod_nvme *n = state;

	if (!n->running)
		return;
	nvme_completions(n);
	nvme_ring_owed(n);
}

static void nvme_completed(void *state)
{
	struct riod_nvme *n = state;

	if (n->running)
		nvme_completions(n);
}

static void nvme_after_cut(void *state)
{
	struct riod_nvme *n = state;

	if (n->owed_cc)
		write_enable(n);
	if (!n->running)
		return;
	if (n->again)
		nvme_requests_again(n);
	nvme_ring_owed(n);
	nvme_set_order(n);
	if (n->shadow)
		ring_shadow(n);
}

static void nvme_mapped(void *state)
{
	struct riod_nvme *n = state;

	n->order_cuts = NVME_ORDER_CUTS;
	nvme_requests_again(n);
}

/* ------------------------------------------------------------ life */

static void nvme_reset(void *state)
{
	struct riod_nvme *n = state;

	nvme_queues_stop(n);
	memset(n->regs, 0, sizeof(n->regs));
	n->enabled = false;
	n->owed_cc = false;
}

static int nvme_init(void **state, const struct riod_profile_env *env)
{
	struct riod_nvme *n = kvzalloc(sizeof(*n), GFP_KERNEL_ACCOUNT);

	if (!n)
		return -ENOMEM;
	n->env = *env;
	n->stride = 4;
	nvme_queues_init(n);
	*state = n;
	return 0;
}

static void nvme_exit(void *state)
{
	nvme_queues_free(state);
	kvfree(state);
}

static bool nvme_match(u16 vendor, u16 device, u32 class)
{
	return class == NVME_CLASS;
}

const struct riod_profile riod_profile_nvme = {
	.name = "nvme",
	.exact = true,
	.match = nvme_match,
	.init = nvme_init,
	.exit = nvme_exit,
	.bar_read = nvme_bar_read,
	.bar_write = nvme_bar_write,
	.mapped = nvme_mapped,
	.after_cut = nvme_after_cut,
	.after_apply = nvme_after_apply,
	.completed = nvme_completed,
	.reset = nvme_reset,
};
EXPORT_SYMBOL_IF_KUNIT(riod_profile_nvme);

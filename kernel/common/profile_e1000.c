// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel's gigabit controllers, as driven by e1000, e1000e, igb and igbvf:
 * publish order (rule 10).
 *
 * The device writes descriptors back in place, with their status, after the
 * packet.  A driver that polls (NAPI after an interrupt, DPDK always) relies on
 * the status.  So what the device writes into rings is applied last.  Drivers
 * that allocate their rings before they map buffers would be correct without
 * this; others would not, and no driver with descriptors of 32 bytes (packet
 * split), whose status precedes the lengths.
 *
 * The guest sets the addresses of rings in registers.  Drivers write all of
 * these with 32-bit accesses; others are ignored.  The guest is not trusted:
 * wrong values only harm itself.
 *
 * Chapters are those of Intel's manuals: [SDM] PCI/PCI-X Family of Gigabit
 * Ethernet Controllers Software Developer's Manual; [82574] 82574 GbE
 * Controller Family Datasheet; [82576] 82576EB Gigabit Ethernet Controller
 * Datasheet.
 */
#define pr_fmt(fmt) "riod: e1000: " fmt

#include <kunit/visibility.h>
#include <linux/align.h>
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "profile.h"

#define E1000_VENDOR		0x8086
#define E1000_CLASS		0x020000

/* [SDM] 13.4, [82576] 8.2: device control; these bits reset the queues */
#define E1000_CTRL		0x0000
#define E1000_CTRL_RST		BIT(26)
#define E1000_CTRL_DEV_RST	BIT(29)
/* [82574] 10.2: receive control; type 01b: packet split, 32-byte descriptors (7.1) */
#define E1000_RCTL		0x0100
#define E1000_RCTL_DTYP		GENMASK(11, 10)
#define E1000_RCTL_DTYP_SPLIT	BIT(10)
#define E1000_SPLIT_DESC	32
/*
 * [82576] 8.10, 8.12: registers of a queue.  The first four queues (earlier
 * controllers, [SDM] 13.4, have no more) are at a stride of 256 bytes, all
 * queues at a stride of 64 bytes elsewhere.
 */
#define E1000_RX		0x2800
#define E1000_TX		0x3800
#define E1000_FEW		4
#define E1000_FEW_STRIDE	0x100
#define E1000_RX_ALL		0xc000
#define E1000_TX_ALL		0xe000
#define E1000_ALL_STRIDE	0x40
#define E1000_QUEUES		16
#define E1000_BASE_LOW		0x0
#define E1000_BASE_HIGH		0x4
#define E1000_LEN		0x8
/* ring addresses are multiples of 16, lengths multiples of 128 below 1 MiB */
#define E1000_BASE_MASK		GENMASK(31, 4)
#define E1000_LEN_MASK		GENMASK(19, 7)

/* set the order behind this many cuts after a ring changed */
#define E1000_ORDER_CUTS	2

enum e1000_way { E1000_IS_RX, E1000_IS_TX, E1000_WAYS };

/** struct riod_e1000_ring - a ring as set by the guest; @len 0: none */
struct riod_e1000_ring {
	u64 base;
	u32 len;
};

/**
 * struct riod_e1000 - state of one attachment; serialised by the caller
 * @env: services of the frontend
 * @rings: receive and transmit rings
 * @split: receive descriptors have 32 bytes
 * @order_cuts: number of further cuts behind which the order is set
 * @spans: buffer for the order
 */
struct riod_e1000 {
	struct riod_profile_env env;
	struct riod_e1000_ring rings[E1000_WAYS][E1000_QUEUES];
	bool split;
	u8 order_cuts;
	struct riod_sync_span spans[E1000_WAYS * E1000_QUEUES];
};

/* ------------------------------------------------------------ order */

static void set_order(struct riod_e1000 *e)
{
	const struct riod_e1000_ring *r;
	enum e1000_way way;
	u32 n = 0, i;
	int err;

	if (!e->order_cuts)
		return;
	memset(e->spans, 0, sizeof(e->spans));
	for (way = 0; way < E1000_WAYS; way++) {
		for (i = 0; i < E1000_QUEUES; i++) {
			r = &e->rings[way][i];
			if (!r->len)
				continue;
			e->spans[n].iova = r->base;
			e->spans[n].len = r->len;
			if (way == E1000_IS_RX && e->split)
				e->spans[n].step = E1000_SPLIT_DESC;
			n++;
		}
	}
	err = e->env.order(e->env.priv, e->spans, n);
	if (err == -E2BIG)
		pr_warn_once("a guest has rings that are too large to keep in order: a driver that polls may see descriptors before their packets\n");
	/* out of memory: try again behind the next cut */
	if (err != -ENOMEM)
		e->order_cuts--;
}

static void e1000_after_cut(void *state)
{
	set_order(state);
}

static void e1000_mapped(void *state)
{
	struct riod_e1000 *e = state;

	e->order_cuts = E1000_ORDER_CUTS;
}

/* ------------------------------------------------------------ registers */

static void e1000_reset(void *state)
{
	struct riod_e1000 *e = state;

	memset(e->rings, 0, sizeof(e->rings));
	e->split = false;
	e->order_cuts = E1000_ORDER_CUTS;
}

/* find the ring that a register belongs to, and the register's offset; NULL: none */
static struct riod_e1000_ring *ring_at(struct riod_e1000 *e, enum e1000_way way, u64 offset,
				       u32 *reg)
{
	u64 few = way == E1000_IS_RX ? E1000_RX : E1000_TX;
	u64 all = way == E1000_IS_RX ? E1000_RX_ALL : E1000_TX_ALL;

	if (offset >= few && offset < few + E1000_FEW * E1000_FEW_STRIDE) {
		*reg = (offset - few) % E1000_FEW_STRIDE;
		return &e->rings[way][(offset - few) / E1000_FEW_STRIDE];
	}
	if (offset >= all && offset < all + E1000_QUEUES * E1000_ALL_STRIDE) {
		*reg = (offset - all) % E1000_ALL_STRIDE;
		return &e->rings[way][(offset - all) / E1000_ALL_STRIDE];
	}
	return NULL;
}

static bool ring_write(struct riod_e1000_ring *r, u32 reg, u32 value)
{
	struct riod_e1000_ring was = *r;

	switch (reg) {
	case E1000_BASE_LOW:
		r->base = (r->base & ~(u64)U32_MAX) | (value & E1000_BASE_MASK);
		break;
	case E1000_BASE_HIGH:
		r->base = (u64)value << 32 | (r->base & U32_MAX);
		break;
	case E1000_LEN:
		r->len = value & E1000_LEN_MASK;
		break;
	}
	return r->base != was.base || r->len != was.len;
}

static bool e1000_bar_write(void *state, u8 bar, u64 offset, u8 width, u64 value)
{
	struct riod_e1000 *e = state;
	struct riod_e1000_ring *r;
	bool split;
	u32 reg;

	if (bar || width != 4)
		return false;
	if (offset == E1000_CTRL) {
		if (value & (E1000_CTRL_RST | E1000_CTRL_DEV_RST))
			e1000_reset(e);
		return false;
	}
	if (offset == E1000_RCTL) {
		split = (value & E1000_RCTL_DTYP) == E1000_RCTL_DTYP_SPLIT;
		if (split != e->split)
			e->order_cuts = E1000_ORDER_CUTS;
		e->split = split;
		return false;
	}
	r = ring_at(e, E1000_IS_RX, offset, &reg) ?: ring_at(e, E1000_IS_TX, offset, &reg);
	if (r && ring_write(r, reg, value))
		e->order_cuts = E1000_ORDER_CUTS;
	return false;
}

/* ------------------------------------------------------------ identity */

/* Ethernet devices of the four drivers: first and last id of each range */
static const struct { u16 first, last; } e1000_ids[] = {
	/* e1000 */
	{ 0x1000, 0x101e }, { 0x1026, 0x1028 }, { 0x1075, 0x107c }, { 0x108a, 0x108a },
	{ 0x1099, 0x1099 }, { 0x10b5, 0x10b5 }, { 0x2e6e, 0x2e6e },
	/* e1000e */
	{ 0x0d4c, 0x0d4f }, { 0x0d53, 0x0d55 }, { 0x0dc5, 0x0dc8 }, { 0x1049, 0x104d },
	{ 0x105e, 0x1060 }, { 0x107d, 0x107f }, { 0x108b, 0x108c }, { 0x1096, 0x1098 },
	{ 0x109a, 0x109a }, { 0x10a4, 0x10a5 }, { 0x10b9, 0x10bd }, { 0x10bf, 0x10c5 },
	{ 0x10cb, 0x10ce }, { 0x10d3, 0x10d5 }, { 0x10d9, 0x10da }, { 0x10de, 0x10df },
	{ 0x10e5, 0x10e5 }, { 0x10ea, 0x10eb }, { 0x10ef, 0x10f0 }, { 0x10f5, 0x10f6 },
	{ 0x1501, 0x1503 }, { 0x150c, 0x150c },
	{ 0x1525, 0x1525 }, { 0x153a, 0x153b }, { 0x1559, 0x155a }, { 0x156f, 0x1570 },
	{ 0x15a0, 0x15a3 }, { 0x15b7, 0x15be }, { 0x15d6, 0x15d8 }, { 0x15df, 0x15e3 },
	{ 0x15f4, 0x15f5 }, { 0x15f9, 0x15fc }, { 0x1a1c, 0x1a1f }, { 0x294c, 0x294c },
	{ 0x550a, 0x5511 }, { 0x57a0, 0x57a1 }, { 0x57b3, 0x57ba },
	/* igb, igbvf */
	{ 0x0438, 0x0440 }, { 0x10a7, 0x10a9 }, { 0x10c9, 0x10ca }, { 0x10d6, 0x10d6 },
	{ 0x10e6, 0x10e8 }, { 0x150a, 0x150a }, { 0x150d, 0x1511 }, { 0x1516, 0x1516 },
	{ 0x1518, 0x1518 },
	{ 0x1520, 0x1527 }, { 0x1533, 0x1539 }, { 0x157b, 0x157c }, { 0x1f40, 0x1f45 },
};

static bool e1000_match(u16 vendor, u16 device, u32 class)
{
	size_t i;

	if (vendor != E1000_VENDOR || class != E1000_CLASS)
		return false;
	for (i = 0; i < ARRAY_SIZE(e1000_ids); i++) {
		if (device >= e1000_ids[i].first && device <= e1000_ids[i].last)
			return true;
	}
	return false;
}

static int e1000_init(void **state, const struct riod_profile_env *env)
{
	struct riod_e1000 *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);

	if (!e)
		return -ENOMEM;
	e->env = *env;
	*state = e;
	return 0;
}

static void e1000_exit(void *state)
{
	kfree(state);
}

const struct riod_profile riod_profile_e1000 = {
	.name = "e1000",
	.match = e1000_match,
	.init = e1000_init,
	.exit = e1000_exit,
	.bar_write = e1000_bar_write,
	.mapped = e1000_mapped,
	.after_cut = e1000_after_cut,
	.reset = e1000_reset,
};
EXPORT_SYMBOL_IF_KUNIT(riod_profile_e1000);

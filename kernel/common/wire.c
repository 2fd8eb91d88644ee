// SPDX-License-Identifier: GPL-2.0-only
/*
 * wire.c - validation of frames from the network
 *
 * The only code that reads bodies that were not validated.  It also builds in
 * userspace (fuzzers): no allocation, no logging, no kernel services.
 *
 * Each checker is called with a body of at least the size in its table entry,
 * and returns NULL or the violated rule.  Every loop below is bounded by the
 * body's length, and nothing is read before the length that covers it was
 * checked.
 */
#include <kunit/visibility.h>
#include <linux/align.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#include "session.h"

/* direction bits of struct riod_wire_rule */
#define TO_STUB		BIT(0)
#define TO_FRONTEND	BIT(1)
#define BOTH_WAYS	(TO_STUB | TO_FRONTEND)

/* PCI_COMMAND_IO, _MEMORY, _MASTER, _INTX_DISABLE (PCIe 7.5.1.1.3) */
#define COMMAND_BITS	(BIT(0) | BIT(1) | BIT(2) | BIT(10))

#define CFG_LEGACY	256u
#define CFG_EXTENDED	4096u
#define PAGE_IN_IOVA(n)	((u64)(n) << RIOD_PAGE_SHIFT)

/**
 * struct riod_wire_rule - rules for one type of frame
 * @len: size of the body; the minimum if @more is set
 * @more: the body may be longer; @check validates by how much
 * @dir: valid directions
 * @func: the frame may be for a function other than 0
 * @check: validates the body; may be NULL
 */
struct riod_wire_rule {
	u16 len;
	bool more;
	u8 dir;
	bool func;
	const char *(*check)(const void *body, u32 len);
};

/* does the range of pages end without wrapping? */
static bool pages_fit(u64 start, u32 npages)
{
	u64 last;

	/* the shift cannot overflow, as npages has 32 bits */
	return !check_add_overflow(start, PAGE_IN_IOVA(npages) - 1, &last);
}

/* most vectors of an interrupt index; 0: invalid index */
static u32 index_vectors(u8 index)
{
	switch (index) {
	case RIOD_IRQ_INTX:
		return 1;
	case RIOD_IRQ_MSI:
		return 32;
	case RIOD_IRQ_MSIX:
		return RIOD_VECTORS_MAX;
	default:
		return 0;
	}
}

static const char *check_bye(const void *body, u32 len)
{
	const struct riod_wire_bye *b = body;
	u32 reason = le32_to_cpu(b->reason);

	if (reason == RIOD_REASON_NONE || reason > RIOD_REASON_LAST)
		return "BYE: reason";
	if (b->rsvd)
		return "BYE: reserved field";
	return NULL;
}

/* reasons of REFUSE only */
#define BYE_NEVER	(BIT(RIOD_REASON_VERSION) | BIT(RIOD_REASON_NO_EXPORT) |	\
			 BIT(RIOD_REASON_AMBIGUOUS) | BIT(RIOD_REASON_BUSY) |		\
			 BIT(RIOD_REASON_LIMIT) | BIT(RIOD_REASON_NO_SESSION))
/* what only the server host can know, or do */
#define BYE_OF_STUB	(BIT(RIOD_REASON_NOT_ALLOWED) | BIT(RIOD_REASON_DEVICE) |	\
			 BIT(RIOD_REASON_UNBIND) | BIT(RIOD_REASON_SHADOW_MAX) |	\
			 BIT(RIOD_REASON_GONE) | BIT(RIOD_REASON_ERROR))
/* likewise the VMM host */
#define BYE_OF_FRONTEND	BIT(RIOD_REASON_DETACH)

/* check_bye() has looked at the range */
static const char *check_bye_sender(const struct riod_wire_bye *b, bool to_frontend)
{
	u32 never = BYE_NEVER | (to_frontend ? BYE_OF_FRONTEND : BYE_OF_STUB);

	static_assert(RIOD_REASON_LAST < 32);
	return never & BIT(le32_to_cpu(b->reason)) ? "BYE: reason of this sender" : NULL;
}

static const char *check_ready(const void *body, u32 len)
{
	const struct riod_wire_ready *r = body;
	u64 max = le64_to_cpu(r->shadow_max);

	if (!max || max % RIOD_PAGE_SIZE)
		return "READY: limit of shadow memory";
	if (r->rsvd)
		return "READY: reserved field";
	return NULL;
}

static const char *check_io_bar(u64 size, u32 flags)
{
	if (flags != RIOD_BAR_F_IO)
		return "DESCRIBE: I/O BAR with memory flags";
	if (size < 4 || size > SZ_64K)
		return "DESCRIBE: size of I/O BAR";
	return NULL;
}

static const char *check_bar(const struct riod_wire_bar *bar, unsigned int n)
{
	u64 size = le64_to_cpu(bar->size);
	u32 flags = le32_to_cpu(bar->flags);

	if (bar->rsvd)
		return "DESCRIBE: reserved field of BAR";
	if (!size)
		return flags ? "DESCRIBE: flags of absent BAR" : NULL;
	if (flags & ~(RIOD_BAR_F_IO | RIOD_BAR_F_64 | RIOD_BAR_F_PREFETCH))
		return "DESCRIBE: flags of BAR";
	if (!is_power_of_2(size))
		return "DESCRIBE: size of BAR is no power of two";
	if (n == RIOD_REGION_ROM && (flags & (RIOD_BAR_F_IO | RIOD_BAR_F_64)))
		return "DESCRIBE: flags of ROM";
	if (flags & RIOD_BAR_F_IO)
		return check_io_bar(size, flags);
	if (size < 16 || size > (flags & RIOD_BAR_F_64 ? RIOD_BAR_SIZE_MAX : SZ_2G))
		return "DESCRIBE: size of memory BAR";
	return NULL;
}

static const char *check_bars(const struct riod_wire_bar *bars)
{
	const char *fault;
	unsigned int n;

	for (n = 0; n < RIOD_BARS; n++) {
		fault = check_bar(&bars[n], n);
		if (fault)
			return fault;
		if (!(le32_to_cpu(bars[n].flags) & RIOD_BAR_F_64))
			continue;
		/* the upper half needs a BAR's slot, and the ROM's is none */
		if (n + 1 >= RIOD_REGION_ROM || bars[n + 1].size)
			return "DESCRIBE: no slot for 64-bit BAR";
	}
	return NULL;
}

static const char *check_resv(const struct riod_wire_describe *d,
			      const struct riod_wire_range *r, u32 n)
{
	u64 first = le64_to_cpu(d->aperture.start);
	u64 last = le64_to_cpu(d->aperture.last);
	u32 i;

	if (first > last)
		return "DESCRIBE: aperture";
	for (i = 0; i < n; i++) {
		u64 a = le64_to_cpu(r[i].start), b = le64_to_cpu(r[i].last);

		if (a > b)
			return "DESCRIBE: reserved range";
		if (a < first || b > last)
			return "DESCRIBE: reserved range outside aperture";
	}
	return NULL;
}

static const char *check_describe(const void *body, u32 len)
{
	const struct riod_wire_describe *d = body;
	u32 cfg_size = le16_to_cpu(d->cfg_size);
	u32 nresv = le16_to_cpu(d->nresv);
	const char *fault;

	if (cfg_size != CFG_LEGACY && cfg_size != CFG_EXTENDED)
		return "DESCRIBE: size of config space";
	if (nresv > RIOD_RESV_MAX)
		return "DESCRIBE: too many reserved ranges";
	/* both have 16 bits, so this cannot wrap */
	if (len != sizeof(*d) + cfg_size + nresv * sizeof(struct riod_wire_range))
		return "DESCRIBE: length";
	if (le32_to_cpu(d->flags) & ~RIOD_FUNC_F_RESET)
		return "DESCRIBE: flags";
	if (le16_to_cpu(d->devfn) > U8_MAX)
		return "DESCRIBE: devfn";
	if (le16_to_cpu(d->nintx) > 1 || le16_to_cpu(d->nmsi) > index_vectors(RIOD_IRQ_MSI) ||
	    le16_to_cpu(d->nmsix) > RIOD_VECTORS_MAX)
		return "DESCRIBE: number of vectors";
	if (d->rsvd)
		return "DESCRIBE: reserved field";
	fault = check_bars(d->bars);
	if (fault)
		return fault;
	/* cfg_size is a multiple of 8, so the ranges are aligned */
	return check_resv(d, (const void *)(d->data + cfg_size), nresv);
}

static const char *check_reply(const void *body, u32 len)
{
	const struct riod_wire_reply *r = body;

	if (!r->tag)
		return "REPLY: no tag";
	if (le32_to_cpu(r->status) > RIOD_STATUS_FAILED)
		return "REPLY: status";
	if (len == sizeof(*r))
		return NULL;
	if (len != sizeof(*r) + RIOD_ROM_PIECE)
		return "REPLY: length";
	if (le32_to_cpu(r->status) != RIOD_STATUS_OK)
		return "REPLY: data of a failure";
	return NULL;
}

static const char *check_irq(const void *body, u32 len)
{
	const struct riod_wire_irq *q = body;
	u32 count = le16_to_cpu(q->count);
	u32 max = index_vectors(q->index);
	u32 i;

	if (!max)
		return "IRQ: index";
	if (q->rsvd)
		return "IRQ: reserved field";
	if (!count || count > max)
		return "IRQ: number of vectors";
	if (len != struct_size(q, vectors, count))
		return "IRQ: length";
	for (i = 0; i < count; i++) {
		if (le16_to_cpu(q->vectors[i]) >= max)
			return "IRQ: vector";
	}
	return NULL;
}

static const char *check_reg_place(u8 region, u8 width, u64 offset)
{
	u64 size = region == RIOD_REGION_CONFIG ? CFG_EXTENDED : RIOD_BAR_SIZE_MAX;

	if (region > RIOD_REGION_CONFIG)
		return "REG: region";
	if (!is_power_of_2(width) || width > 8)
		return "REG: width";
	if (region == RIOD_REGION_CONFIG && width > 4)
		return "REG: width of config access";
	/* the access ends inside, too: it is aligned, and sizes are multiples of 8 */
	if (offset & (width - 1))
		return "REG: alignment";
	if (offset >= size)
		return "REG: offset";
	return NULL;
}

static const char *check_reg(const void *body, u32 len)
{
	const struct riod_wire_reg *r = body;
	u64 value = le64_to_cpu(r->value);
	const char *fault;

	if (r->op > RIOD_REG_WRITE)
		return "REG: op";
	if (r->rsvd)
		return "REG: reserved field";
	fault = check_reg_place(r->region, r->width, le64_to_cpu(r->offset));
	if (fault)
		return fault;
	if (r->op == RIOD_REG_READ && value)
		return "REG: read with a value";
	if (r->width < 8 && value >> (8 * r->width))
		return "REG: value wider than the access";
	/* only writes to BARs are posted; all else has a reply */
	if (!r->tag && (r->op == RIOD_REG_READ || r->region == RIOD_REGION_CONFIG))
		return "REG: no tag";
	return NULL;
}

static const char *check_ctl_arg(u32 op, u32 arg)
{
	switch (op) {
	case RIOD_CTL_COMMAND:
		return arg & ~COMMAND_BITS ? "CTL: command bits" : NULL;
	case RIOD_CTL_RESET:
		return NULL;
	case RIOD_CTL_POWER:
		return arg > 3 ? "CTL: power state" : NULL;
	case RIOD_CTL_DEVCTL:
		return arg & ~RIOD_DEVCTL_BITS ? "CTL: device control bits" : NULL;
	case RIOD_CTL_ROM_READ:
		return !IS_ALIGNED(arg, RIOD_ROM_PIECE) || arg >= RIOD_ROM_MAX ?
		       "CTL: ROM offset" : NULL;
	default:
		return arg ? "CTL: argument" : NULL;
	}
}

static const char *check_ctl(const void *body, u32 len)
{
	const struct riod_wire_ctl *c = body;
	u32 op = le16_to_cpu(c->op);
	bool posted = op == RIOD_CTL_INTX_UNMASK || op == RIOD_CTL_INTX_MASK;

	if (op < RIOD_CTL_COMMAND || op > RIOD_CTL_ROM_READ)
		return "CTL: op";
	if (c->rsvd || c->rsvd2)
		return "CTL: reserved field";
	if (posted != !c->tag)
		return posted ? "CTL: tag of posted operation" : "CTL: no tag";
	return check_ctl_arg(op, le32_to_cpu(c->arg));
}

static const char *check_irq_setup(const void *body, u32 len)
{
	const struct riod_wire_irq_setup *s = body;
	u32 count = le16_to_cpu(s->count);
	u32 max = index_vectors(s->index);

	if (!s->tag)
		return "IRQ_SETUP: no tag";
	if (!max)
		return "IRQ_SETUP: index";
	if (s->rsvd)
		return "IRQ_SETUP: reserved field";
	if (count > max)
		return "IRQ_SETUP: number of vectors";
	if (len != struct_size(s, bitmap, DIV_ROUND_UP(count, 8)))
		return "IRQ_SETUP: length";
	if (count % 8 && s->bitmap[count / 8] >> (count % 8))
		return "IRQ_SETUP: bits behind the last vector";
	return NULL;
}

static const char *check_map_prot(u32 prot)
{
	if (!(prot & (RIOD_PROT_READ | RIOD_PROT_WRITE)) ||
	    prot & ~(RIOD_PROT_READ | RIOD_PROT_WRITE | RIOD_MAP_CLASS | RIOD_MAP_IN_USE |
		     (RIOD_FUNCS_MAX - 1) << RIOD_MAP_FUNC_SHIFT))
		return "MAP: prot";
	if ((prot & RIOD_MAP_CLASS) == RIOD_MAP_CLASS)
		return "MAP: two classes";
	if (RIOD_MAP_FUNC(prot) && !(prot & RIOD_MAP_COMPLETIONS))
		return "MAP: function";
	if (prot & RIOD_MAP_IN_USE && !(prot & RIOD_MAP_COMPLETIONS))
		return "MAP: in use";
	return NULL;
}

static const char *check_map(const void *body, u32 len)
{
	const struct riod_wire_map *m = body, *end = body + len;
	const char *fault;
	u64 last;

	if (len % sizeof(*m))
		return "MAP: length";
	for (; m < end; m++) {
		u64 iova = le64_to_cpu(m->iova);
		u32 npages = le32_to_cpu(m->npages);

		if (!IS_ALIGNED(iova, RIOD_PAGE_SIZE))
			return "MAP: alignment";
		if (!npages || npages > RIOD_MAP_PAGES_MAX)
			return "MAP: number of pages";
		if (!pages_fit(iova, npages))
			return "MAP: addresses wrap";
		if (check_add_overflow(le64_to_cpu(m->page), (u64)npages - 1, &last))
			return "MAP: page numbers wrap";
		fault = check_map_prot(le32_to_cpu(m->prot));
		if (fault)
			return fault;
	}
	return NULL;
}

static const char *check_unmap(const void *body, u32 len)
{
	const struct riod_wire_unmap *u = body, *end = body + len;

	if (len % sizeof(*u))
		return "UNMAP: length";
	for (; u < end; u++) {
		u64 iova = le64_to_cpu(u->iova);
		u32 npages = le32_to_cpu(u->npages);

		if (!IS_ALIGNED(iova, RIOD_PAGE_SIZE))
			return "UNMAP: alignment";
		if (!npages)
			return "UNMAP: number of pages";
		if (!pages_fit(iova, npages))
			return "UNMAP: addresses wrap";
		if (u->rsvd)
			return "UNMAP: reserved field";
	}
	return NULL;
}

static const char *check_extents(const struct riod_wire_extent *x, u32 n)
{
	u64 last;
	u32 len;

	for (; n; n--, x++) {
		len = le32_to_cpu(x->len);
		if (le32_to_cpu(x->offset) >= RIOD_PAGE_SIZE)
			return "EXPECT: offset";
		if (!len || len > RIOD_EXTENT_LEN_MAX)
			return "EXPECT: bytes of an extent";
		if (check_add_overflow(le64_to_cpu(x->page),
				       (u64)(len / RIOD_PAGE_SIZE + 1), &last))
			return "EXPECT: page numbers wrap";
	}
	return NULL;
}

static const char *check_expect(const void *body, u32 len)
{
	const struct riod_wire_expect *e = body;
	u32 n = le16_to_cpu(e->nextents);
	bool forget = e->flags == RIOD_EXPECT_FORGET;

	if (n > RIOD_EXTENTS_MAX || len != struct_size(e, extents, n))
		return "EXPECT: length";
	if (e->flags & ~(RIOD_EXPECT_ALWAYS | RIOD_EXPECT_FORGET) ||
	    e->flags == (RIOD_EXPECT_ALWAYS | RIOD_EXPECT_FORGET))
		return "EXPECT: flags";
	if (memchr_inv(e->rsvd, 0, sizeof(e->rsvd)))
		return "EXPECT: reserved field";
	if (!n != forget)
		return "EXPECT: number of extents";
	if (forget ? le32_to_cpu(e->last) < le32_to_cpu(e->first) : e->last != e->first)
		return "EXPECT: requests";
	return check_extents(e->extents, n);
}

static const char *check_bar_map(const void *body, u32 len)
{
	const struct riod_wire_bar_map *b = body;
	u32 npages = le16_to_cpu(b->npages);
	u64 last;

	if (!b->tag)
		return "BAR_MAP: no tag";
	if (b->bar >= RIOD_REGION_ROM)
		return "BAR_MAP: BAR";
	if (b->rsvd[0] || b->rsvd[1] || b->rsvd[2] || b->rsvd2)
		return "BAR_MAP: reserved field";
	if (!npages || npages > RIOD_BAR_PAGES_MAX)
		return "BAR_MAP: number of pages";
	if (PAGE_IN_IOVA((u64)le32_to_cpu(b->first) + npages) > RIOD_BAR_SIZE_MAX)
		return "BAR_MAP: pages outside of any BAR";
	if (!b->page || check_add_overflow(le64_to_cpu(b->page), (u64)npages - 1, &last))
		return "BAR_MAP: page numbers";
	return NULL;
}

/* check the runs of a delta; the caller has checked that they lie in the frame */
static const char *check_runs(const struct riod_wire_run *run, u32 nruns, u32 nbytes)
{
	u32 sum = 0, next = 0;
	u32 i;

	for (i = 0; i < nruns; i++) {
		u32 offset = le16_to_cpu(run[i].offset);
		u32 len = le16_to_cpu(run[i].len);

		/* lowest offset that leaves a gap to the previous run */
		if (offset < next)
			return "CUT_DATA: runs touch or descend";
		if (!len || offset + len > RIOD_PAGE_SIZE)
			return "CUT_DATA: run outside the page";
		next = offset + len + 1;
		sum += len;
	}
	return sum == nbytes ? NULL : "CUT_DATA: runs do not add up";
}

/* padding to a multiple of 8 must be zero; at most 7 bytes */
static bool padding_clear(const u8 *from, const u8 *to)
{
	while (from < to) {
		if (*from++)
			return false;
	}
	return true;
}

/* check the delta at @p; *@used: its length with padding */
static const char *check_delta(const u8 *p, u32 left, u32 *used)
{
	const struct riod_wire_delta *d = (const void *)p;
	u32 nruns, nbytes, size;
	const char *fault;

	if (left < sizeof(*d))
		return "CUT_DATA: delta cut short";
	nruns = le16_to_cpu(d->nruns);
	nbytes = le16_to_cpu(d->nbytes);
	if (!nruns || nruns > RIOD_PAGE_SIZE / 2)
		return "CUT_DATA: number of runs";
	if (!nbytes || nbytes > RIOD_PAGE_SIZE)
		return "CUT_DATA: number of bytes";
	if (d->rsvd)
		return "CUT_DATA: reserved field";
	/* all terms are below 64 KiB, so this cannot wrap */
	size = sizeof(*d) + nruns * sizeof(struct riod_wire_run) + nbytes;
	*used = ALIGN(size, 8);
	if (*used > left)
		return "CUT_DATA: delta longer than the frame";
	fault = check_runs((const void *)(d + 1), nruns, nbytes);
	if (fault)
		return fault;
	return padding_clear(p + size, p + *used) ? NULL : "CUT_DATA: padding";
}

static const char *check_cut_data(const void *body, u32 len)
{
	const struct riod_wire_cut_data *c = body;
	const u8 *p = c->deltas;
	u32 left = len - sizeof(*c);
	const char *fault;
	u32 used;

	if (!c->cut)
		return "CUT_DATA: cut number";
	/* terminates, as a delta has at least 16 bytes */
	for (; left; p += used, left -= used) {
		fault = check_delta(p, left, &used);
		if (fault)
			return fault;
	}
	return NULL;
}

static const char *check_cut_commit(const void *body, u32 len)
{
	const struct riod_wire_cut_commit *c = body;

	if (!c->cut)
		return "CUT_COMMIT: cut number";
	if (c->rsvd)
		return "CUT_COMMIT: reserved field";
	return NULL;
}

/* Handshake frames are not listed: they are invalid in a session. */
static const struct riod_wire_rule rules[] = {
	[RIOD_FRAME_ACK] = {
		.dir = BOTH_WAYS,
	},
	[RIOD_FRAME_BYE] = {
		.dir = BOTH_WAYS,
		.len = sizeof(struct riod_wire_bye),
		.check = check_bye,
	},
	[RIOD_FRAME_DESCRIBE] = {
		.dir = TO_FRONTEND, .func = true,
		.len = sizeof(struct riod_wire_describe), .more = true,
		.check = check_describe,
	},
	[RIOD_FRAME_READY] = {
		.dir = TO_FRONTEND,
		.len = sizeof(struct riod_wire_ready),
		.check = check_ready,
	},
	[RIOD_FRAME_REPLY] = {
		.dir = TO_FRONTEND, .func = true,
		.len = sizeof(struct riod_wire_reply), .more = true,
		.check = check_reply,
	},
	[RIOD_FRAME_IRQ] = {
		.dir = TO_FRONTEND, .func = true,
		.len = sizeof(struct riod_wire_irq), .more = true,
		.check = check_irq,
	},
	[RIOD_FRAME_REG] = {
		.dir = TO_STUB, .func = true,
		.len = sizeof(struct riod_wire_reg),
		.check = check_reg,
	},
	[RIOD_FRAME_CTL] = {
		.dir = TO_STUB, .func = true,
		.len = sizeof(struct riod_wire_ctl),
		.check = check_ctl,
	},
	[RIOD_FRAME_IRQ_SETUP] = {
		.dir = TO_STUB, .func = true,
		.len = sizeof(struct riod_wire_irq_setup), .more = true,
		.check = check_irq_setup,
	},
	[RIOD_FRAME_MAP] = {
		.dir = TO_STUB,
		.len = sizeof(struct riod_wire_map), .more = true,
		.check = check_map,
	},
	[RIOD_FRAME_UNMAP] = {
		.dir = TO_STUB,
		.len = sizeof(struct riod_wire_unmap), .more = true,
		.check = check_unmap,
	},
	[RIOD_FRAME_BAR_MAP] = {
		.dir = TO_STUB, .func = true,
		.len = sizeof(struct riod_wire_bar_map),
		.check = check_bar_map,
	},
	[RIOD_FRAME_EXPECT] = {
		.dir = TO_STUB, .func = true,
		.len = sizeof(struct riod_wire_expect), .more = true,
		.check = check_expect,
	},
	[RIOD_FRAME_CUT_DATA] = {
		.dir = BOTH_WAYS,
		.len = sizeof(struct riod_wire_cut_data) + sizeof(struct riod_wire_delta),
		.more = true,
		.check = check_cut_data,
	},
	[RIOD_FRAME_CUT_COMMIT] = {
		.dir = BOTH_WAYS,
		.len = sizeof(struct riod_wire_cut_commit),
		.check = check_cut_commit,
	},
};

static const char *check_header(const struct riod_frame *f,
				const struct riod_wire_rule *r)
{
	const struct riod_frame_hdr *h = &f->hdr;

	if (f->len > RIOD_FRAME_MAX - sizeof(*h) ||
	    le32_to_cpu(h->len) != sizeof(*h) + f->len)
		return "header: length";
	if (h->flags & ~RIOD_FRAME_F_ACK_NOW)
		return "header: flags";
	if (h->rsvd)
		return "header: reserved field";
	if (h->func >= (r->func ? RIOD_FUNCS_MAX : 1))
		return "header: function";
	/* the session checks the numbers of all other types */
	if (h->type == RIOD_FRAME_ACK && h->seq)
		return "header: numbered ACK";
	if (r->more ? f->len < r->len : f->len != r->len)
		return "header: length for this type";
	return NULL;
}

const char *riod_wire_fault(const struct riod_frame *f, bool to_frontend)
{
	u8 type = f->hdr.type;
	const struct riod_wire_rule *r;
	const char *fault;

	if (type >= ARRAY_SIZE(rules) || !rules[type].dir)
		return "header: type";
	r = &rules[type];
	if (!(r->dir & (to_frontend ? TO_FRONTEND : TO_STUB)))
		return "header: direction";
	fault = check_header(f, r);
	if (!fault && r->check)
		fault = r->check(f->body, f->len);
	if (!fault && type == RIOD_FRAME_BYE)
		fault = check_bye_sender((const void *)f->body, to_frontend);
	return fault;
}
EXPORT_SYMBOL_IF_KUNIT(riod_wire_fault);

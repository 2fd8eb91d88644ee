/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nvme_guest.h - a simulated guest with an NVMe controller, for tests of the profile
 */
#ifndef _RIOD_TESTS_NVME_GUEST_H
#define _RIOD_TESTS_NVME_GUEST_H

#include <kunit/test.h>
#include <linux/err.h>
#include <linux/unaligned.h>

#include "profile.h"

/* guest memory from IOVA 0x10000 on; single pages may be unmapped */
#define MEM_BASE	0x10000
#define MEM_PAGES	8
#define ASQ		(MEM_BASE + 0 * 4096)
#define ACQ		(MEM_BASE + 1 * 4096)
#define DATA		(MEM_BASE + 2 * 4096)
#define DATA2		(MEM_BASE + 4 * 4096)
#define SHADOW		(MEM_BASE + 6 * 4096)
#define QUEUE_ENTRIES	8

struct kick {
	u8 bar;
	u8 width;
	u64 offset;
	u64 value;
};

struct guest {
	struct kunit *test;
	const struct riod_profile *p;
	void *state;
	u8 mem[MEM_PAGES * 4096];
	bool unmapped[MEM_PAGES];
	bool read_only[MEM_PAGES];
	struct kick kicks[256];
	unsigned int nkicks;
	int kick_ret;
	u64 ordered[64];
	unsigned int nordered;
	unsigned int order_calls;
	int order_ret;
	u32 named[MEM_PAGES];
	unsigned int nnames;
	unsigned int names_max;
	enum riod_profile_use use;	/* of the last name */
	unsigned int nrequests;
	int request_ret;
	u32 key, in, out;
	bool always;
	u32 forgot_first, forgot_last;
	int name_err;
	u16 tail;
	u16 cq;
	u8 phase;
};

static inline void *guest_mem(void *priv, u64 iova, size_t len, bool write)
{
	struct guest *g = priv;
	u64 at = iova - MEM_BASE;

	if (at >= sizeof(g->mem) || at % 4096 + len > 4096 ||
	    g->unmapped[at / 4096] || (write && g->read_only[at / 4096]))
		return NULL;
	return g->mem + at;
}

static inline int guest_kick(void *priv, u8 bar, u64 offset, u8 width, u64 value)
{
	struct guest *g = priv;

	if (g->kick_ret)
		return g->kick_ret;
	KUNIT_ASSERT_LT(g->test, g->nkicks, ARRAY_SIZE(g->kicks));
	g->kicks[g->nkicks++] = (struct kick){ bar, width, offset, value };
	return 0;
}

/* records the pages; a new order replaces the previous one */
static inline int guest_order(void *priv, const struct riod_sync_span *spans, u32 n)
{
	struct guest *g = priv;
	u64 at;
	u32 i;

	g->nordered = 0;
	g->order_calls++;
	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_FALSE(g->test, spans[i].by_guest);
		for (at = spans[i].iova & ~4095ull; at < spans[i].iova + spans[i].len &&
		     g->nordered < ARRAY_SIZE(g->ordered); at += 4096)
			g->ordered[g->nordered++] = at;
	}
	return g->order_ret;
}

static inline bool covers(u64 iova, u64 len, unsigned int page)
{
	u64 first = MEM_BASE + page * 4096ull;

	return iova <= first + 4095 && iova + len - 1 >= first;
}

/* counts the names of each page; those outside of memory only in total */
static inline int guest_name(void *priv, u64 iova, u64 len, enum riod_profile_use use)
{
	struct guest *g = priv;
	unsigned int i;

	g->use = use;

	KUNIT_EXPECT_GT(g->test, len, 0);
	if (iova + len - 1 < iova)
		return -EINVAL;
	if (g->nnames == g->names_max)
		return g->name_err;
	g->nnames++;
	for (i = 0; i < MEM_PAGES; i++)
		g->named[i] += covers(iova, len, i);
	return 0;
}

static inline void guest_unname(void *priv, u64 iova, u64 len)
{
	struct guest *g = priv;
	unsigned int i;

	KUNIT_EXPECT_GT(g->test, g->nnames--, 0);
	for (i = 0; i < MEM_PAGES; i++) {
		if (covers(iova, len, i))
			KUNIT_EXPECT_GT(g->test, g->named[i]--, 0);
	}
}

/* bytes that move for the last request, without its entry */
static inline int guest_request(void *priv, u32 key, bool always,
				const struct riod_profile_extent *extents, u32 n)
{
	struct guest *g = priv;
	u32 i;

	if (g->request_ret)
		return g->request_ret;
	KUNIT_EXPECT_GT(g->test, n, 0);
	KUNIT_EXPECT_EQ(g->test, extents[0].len, 64);
	KUNIT_EXPECT_EQ(g->test, extents[0].how, RIOD_EXTENT_OUT);
	g->nrequests++;
	g->key = key;
	g->always = always;
	g->in = 0;
	g->out = 0;
	for (i = 1; i < n; i++) {
		g->in += extents[i].how & RIOD_EXTENT_IN ? extents[i].len : 0;
		g->out += extents[i].how & RIOD_EXTENT_OUT ? extents[i].len : 0;
	}
	return 0;
}

static inline void guest_forget(void *priv, u32 first, u32 last)
{
	struct guest *g = priv;

	g->forgot_first = first;
	g->forgot_last = last;
}

static inline bool guest_completion(void *priv, u64 iova, u8 entry[16])
{
	const u8 *p = guest_mem(priv, iova, 16, false);

	if (p)
		memcpy(entry, p, 16);
	return p;
}

static inline void write_reg(struct guest *g, u64 offset, u8 width, u64 value)
{
	KUNIT_EXPECT_FALSE(g->test, g->p->bar_write(g->state, 0, offset, width, value));
}

static inline void enable(struct guest *g)
{
	write_reg(g, 0x24, 4, (QUEUE_ENTRIES - 1) << 16 | (QUEUE_ENTRIES - 1));
	/* write one address in halves, as Linux does, the other one at once */
	write_reg(g, 0x28, 4, ASQ);
	write_reg(g, 0x2c, 4, 0);
	write_reg(g, 0x30, 8, ACQ);
	write_reg(g, 0x14, 4, 0x00460001);
	g->tail = 0;
	g->cq = 0;
	g->phase = 1;
}

/* @names: the guest has no vIOMMU, and memory is shared by name */
static inline int guest_new(struct kunit *test, bool names)
{
	struct guest *g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);
	struct riod_profile_env env = {
		.kick = guest_kick,
		.mem = guest_mem,
		.order = guest_order,
		.name = guest_name,
		.unname = guest_unname,
		.request = guest_request,
		.forget = guest_forget,
		.completion = guest_completion,
		.priv = g,
	};

	if (!names)
		env.name = NULL;
	KUNIT_ASSERT_NOT_NULL(test, g);
	g->test = test;
	g->p = &riod_profile_nvme;
	g->names_max = UINT_MAX;
	g->name_err = -EDQUOT;
	KUNIT_ASSERT_EQ(test, 0, g->p->init(&g->state, &env));
	test->priv = g;
	enable(g);
	return 0;
}

static inline int guest_init(struct kunit *test)
{
	return guest_new(test, false);
}

static inline int guest_init_names(struct kunit *test)
{
	return guest_new(test, true);
}

static inline void guest_exit(struct kunit *test)
{
	struct guest *g = test->priv;

	if (g && g->state)
		g->p->exit(g->state);
}

/* the next submission entry of the admin queue, empty */
static inline u8 *entry(struct guest *g, u8 opcode, u16 cid, u64 prp1, u64 prp2)
{
	u8 *sqe = g->mem + ASQ - MEM_BASE + g->tail * 64;

	memset(sqe, 0, 64);
	sqe[0] = opcode;
	put_unaligned_le16(cid, sqe + 2);
	put_unaligned_le64(prp1, sqe + 24);
	put_unaligned_le64(prp2, sqe + 32);
	g->tail = (g->tail + 1) % QUEUE_ENTRIES;
	return sqe;
}

/* write a command and its doorbell */
static inline void submit(struct guest *g, u8 opcode, u16 cid, u64 prp1, u64 prp2, u32 cdw10)
{
	put_unaligned_le32(cdw10, entry(g, opcode, cid, prp1, prp2) + 40);
	write_reg(g, 0x1000, 4, g->tail);
}

/* the device's completion arrives in memory; the profile is not called */
static inline void answer(struct guest *g, u16 cid, u16 status)
{
	u8 *cqe = g->mem + ACQ - MEM_BASE + g->cq * 16;

	put_unaligned_le32(cid | (u32)g->phase << 16 | (u32)status << 17, cqe + 12);
	if (++g->cq == QUEUE_ENTRIES) {
		g->cq = 0;
		g->phase ^= 1;
	}
}

static inline void identify(struct guest *g, u16 cid, u64 prp1, u64 prp2)
{
	submit(g, 0x06, cid, prp1, prp2, 1);
	g->p->after_cut(g->state);
}

/* address of a byte in an identify buffer */
static inline u8 *at(struct guest *g, u64 prp1, u64 prp2, u32 pos)
{
	u32 first = 4096 - prp1 % 4096;
	u64 iova = pos < first ? prp1 + pos : prp2 + pos - first;

	return g->mem + iova - MEM_BASE;
}

static inline void fill_identify(struct guest *g, u64 prp1, u64 prp2)
{
	u32 pos;

	for (pos = 0; pos < 4096; pos++)
		*at(g, prp1, prp2, pos) = 0xff;
}

static inline void expect_edited(struct guest *g, u64 prp1, u64 prp2, bool edited)
{
	u32 pos;
	u8 want;

	for (pos = 0; pos < 4096; pos++) {
		want = 0xff;
		if (edited && pos == 257)
			want = 0xfe;
		if (edited && pos >= 272 && pos < 280)
			want = 0;
		if (*at(g, prp1, prp2, pos) != want)
			break;
	}
	KUNIT_EXPECT_EQ_MSG(g->test, pos, 4096, "byte %u is wrong", pos);
}

/* Create or Delete I/O Queue; @pc: physically contiguous */
static inline void admin_queue(struct guest *g, u8 opcode, u16 qid, u64 prp1, u32 entries,
			       bool pc)
{
	u8 *sqe = entry(g, opcode, 9, prp1, 0);

	put_unaligned_le32((entries - 1) << 16 | qid, sqe + 40);
	put_unaligned_le32(pc, sqe + 44);
	write_reg(g, 0x1000, 4, g->tail);
}

static inline void answered(struct guest *g, u16 status)
{
	answer(g, 9, status);
	g->p->after_apply(g->state);
}

#endif /* _RIOD_TESTS_NVME_GUEST_H */

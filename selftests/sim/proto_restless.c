// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that changes while a cut is taken.
 *
 *  beat	a flag that changes far more often than the data it publishes, like the fill
 *		index of a ring
 *  noise	another CPU rewrites the rest of a page at random, while words in it and in
 *		others are published by a flag in memory
 *  rewritten	many words and their flag, rewritten far ahead of the consumer
 */
#include "world.h"

enum { FLAGS, DATA, DATA2 };
enum { GO, AT };

#define RW		(RIOD_PROT_READ | RIOD_PROT_WRITE)

/* ------------------------------------------------------------ beat */

#define WORD_AT		736	/* below the flag, so it is applied first */
#define FLAG_AT		768
#define ACK_AT		896
#define BEATS		8	/* values of the flag for one word */
#define BEAT_RING	450	/* values that the producer may be ahead of its consumer */
#define BEAT_END	900

static void beat_guest(void)
{
	u32 n = 0;

	sim_write_reg(0, AT, sim_map(0, FLAGS, RW));
	sim_write_reg(0, GO, 1);
	while (n < BEAT_END && !sim_lost(0)) {
		if (n - sim_load32(sim_page(FLAGS) + ACK_AT) >= BEAT_RING) {
			sim_relax();
			continue;
		}
		if (!(n % BEATS))
			sim_store32(sim_page(FLAGS) + WORD_AT, n / BEATS + 1);
		sim_store32(sim_page(FLAGS) + FLAG_AT, ++n);
	}
}

static void beat_device(u32 att)
{
	u32 n, word;

	if (!sim_wait_reg(att, GO, 0))
		return;
	while (!sim_over(att)) {
		n = sim_dma_load32(att, sim_reg(att, AT) + FLAG_AT);
		word = sim_dma_load32(att, sim_reg(att, AT) + WORD_AT);
		if (n && word < (n - 1) / BEATS + 1 && !sim_over(att))
			sim_fail("flag-after-data", "the flag beats %u, its word is %u", n, word);
		sim_dma_store32(att, sim_reg(att, AT) + ACK_AT, n);
		sim_relax();
	}
}

const struct sim_proto sim_proto_beat = {
	.name = "beat", .share = 50, .pages = DATA, .guest = beat_guest,
	.device = beat_device, .may_lose = true,
};

/* ------------------------------------------------------------ noise, rewritten */

/* words published by a flag in memory, and rewritten before the consumer has read them */
struct rewritten {
	u32 words, pages;
	u32 rounds;
	u32 ring;	/* rounds that the producer may be ahead; fewer than make restless */
};

#define NOISE_AT	2048
#define NOISE_END	1500	/* stores; a limit, so that a fast CPU leaves turns to others */

static const struct rewritten noise = { .words = 8, .pages = 3, .rounds = 24, .ring = 8 };
static const struct rewritten rewritten = { .words = 24, .pages = 1, .rounds = 60, .ring = 40 };
static const struct rewritten *kind;
static bool noise_over;

static void noise_init(void)
{
	kind = &noise;
	noise_over = false;
}

static void rewritten_init(void)
{
	kind = &rewritten;
}

static void noise_cpu(void)
{
	u32 n = 0;

	while (n < NOISE_END && !noise_over && !sim_lost(0)) {
		sim_store8(sim_page(DATA) + NOISE_AT + sim_random(RIOD_PAGE_SIZE - NOISE_AT), n);
		if (!(++n % 16))
			sim_relax();
	}
}

/* words are spread over all pages; in the flag's page they are below the flag */
static gaddr_t word_at(u32 i)
{
	return sim_page(i % kind->pages) + 16 * i;
}

static void rewrite_guest(void)
{
	u32 n = 1, i;

	sim_write_reg(0, AT, sim_map(0, FLAGS, RW));
	for (i = 1; i < kind->pages; i++)
		sim_map(0, i, RW);
	sim_write_reg(0, GO, 1);
	while (n <= kind->rounds && !sim_lost(0)) {
		if (n - sim_load32(sim_page(FLAGS) + ACK_AT) > kind->ring) {
			sim_relax();
			continue;
		}
		for (i = 0; i < kind->words; i++)
			sim_store32(word_at(i), n);
		sim_store32(sim_page(FLAGS) + FLAG_AT, n++);
	}
	noise_over = true;
}

static void rewrite_device(u32 att)
{
	u32 n, i, got;
	iova_t base;

	if (!sim_wait_reg(att, GO, 0))
		return;
	base = sim_reg(att, AT);
	while (!sim_over(att)) {
		n = sim_dma_load32(att, base + FLAG_AT);
		for (i = 0; i < kind->words; i++) {
			got = sim_dma_load32(att, base + word_at(i));
			if (got < n && !sim_over(att))
				sim_fail("flag-after-data", "the flag says %u, word %u is %u", n, i,
					 got);
		}
		sim_dma_store32(att, base + ACK_AT, n);
		sim_relax();
	}
}

const struct sim_proto sim_proto_noise = {
	.name = "noise", .share = 12, .pages = DATA2 + 1, .init = noise_init,
	.guest = rewrite_guest, .cpu = noise_cpu, .device = rewrite_device, .may_lose = true,
};

const struct sim_proto sim_proto_rewritten = {
	.name = "rewritten", .share = 50, .pages = DATA, .init = rewritten_init,
	.guest = rewrite_guest, .device = rewrite_device, .may_lose = true,
};

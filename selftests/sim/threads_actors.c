// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions of guest and device on their memories, and the invariants.
 */
#include <stdarg.h>

#include "threads.h"

struct word {
	enum sim_page_name page;
	u32 offset;
};

/*
 * Writes its words one by one, then publishes them.  As on every ring, a producer that
 * publishes by a flag in memory waits when it is too far ahead of its consumer.  One that
 * overwrites unread words would not work on one machine either, and is not covered
 * (rule 9, restless granules).
 */
struct producer {
	bool guest;
	bool by_event;
	struct word words[WORDS];
	struct word flag;
	struct word ack;
	u32 seq;
	u32 next;
};

/* reads the flag, checks the words one by one, then acknowledges */
struct consumer {
	const struct producer *from;
	bool has_flag;
	u32 flag;
	u32 next;
};

struct counter {
	struct word at;
	u64 value;	/* last value written */
	u64 seen;	/* last value read */
};

/*
 * A flag that changes far more often than the data that it publishes: one word for BEATS
 * values of the flag.  In a burst every reading of the flag finds another value.
 */
struct beat {
	bool guest;
	struct word word;
	struct word flag;
	struct word ack;
	u32 n;
	bool stored;		/* the word was stored, the flag was not */
};

static struct beat guest_beat, dev_beat;
static struct producer guest_poll, guest_event, dev_poll, dev_event;
static struct consumer guest_consumer, dev_consumer;
static struct counter guest_counters[2], dev_counters[2], fast_counter;
static atomic_bool failed;

void sim_fail(const char *invariant, const char *fmt, ...)
{
	va_list ap;

	if (atomic_exchange(&failed, true))
		return;
	printf("# invariant %s: ", invariant);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

bool sim_failed(void)
{
	return atomic_load(&failed);
}

/* ------------------------------------------------------------ memory */

/* the side's copy of a page; NULL if the device has no shadow page */
static u8 *mem(bool guest, enum sim_page_name page)
{
	struct sim_page *p = &world->pages[page];

	return guest ? p->mem : atomic_load(&p->shadow);
}

static u32 load_word(bool guest, struct word w)
{
	return __atomic_load_n((u32 *)(mem(guest, w.page) + w.offset), __ATOMIC_ACQUIRE);
}

static void store_word(bool guest, struct word w, u32 value)
{
	__atomic_store_n((u32 *)(mem(guest, w.page) + w.offset), value, __ATOMIC_RELEASE);
}

static u8 load_byte(bool guest, enum sim_page_name page, u32 offset)
{
	return __atomic_load_n(mem(guest, page) + offset, __ATOMIC_ACQUIRE);
}

static void store_byte(bool guest, enum sim_page_name page, u32 offset, u8 value)
{
	__atomic_store_n(mem(guest, page) + offset, value, __ATOMIC_RELEASE);
}

/* ------------------------------------------------------------ publishing */

/* an event publishes words in any page, FLAGS included; a flag in memory not those in FLAGS */
static void producer_init(struct producer *p, bool guest, bool by_event, u32 offset,
			  u32 flag, u32 ack)
{
	static const enum sim_page_name pages[] = { DATA1, NOISY, DATA0, READ_ONLY, FLAGS };
	u32 n = (guest ? 4 : 3), i;

	memset(p, 0, sizeof(*p));
	p->guest = guest;
	p->by_event = by_event;
	p->flag = (struct word){ FLAGS, flag };
	p->ack = (struct word){ FLAGS, ack };
	for (i = 0; i < WORDS; i++)
		p->words[i] = (struct word){ pages[i % n], offset + 4 * i };
	if (by_event)
		p->words[0].page = FLAGS;
}

static void produce(struct producer *p)
{
	struct sim_end *end = p->guest ? &world->fe : &world->st;

	if (!p->by_event && !p->next && p->seq - load_word(p->guest, p->ack) >= RING)
		return;
	if (p->next < WORDS) {
		store_word(p->guest, p->words[p->next++], p->seq + 1);
		return;
	}
	p->next = 0;
	p->seq++;
	if (p->by_event)
		sim_post(end, p->guest ? DOORBELL : IRQ, p->seq);
	else
		store_word(p->guest, p->flag, p->seq);
}

static void beat_produce(struct beat *b)
{
	if (!b->stored && b->n - load_word(b->guest, b->ack) >= BEAT_RING)
		return;
	b->stored = !b->stored && !(b->n % BEATS);
	if (b->stored)
		store_word(b->guest, b->word, b->n / BEATS + 1);
	else
		store_word(b->guest, b->flag, ++b->n);
}

static void beat_consume(const struct beat *b)
{
	u32 n = load_word(!b->guest, b->flag);
	u32 word = load_word(!b->guest, b->word);

	if (n && word < (n - 1) / BEATS + 1)
		sim_fail("flag-after-data", "%s's flag beats %u, its word is %u",
			 b->guest ? "guest" : "device", n, word);
	store_word(!b->guest, b->ack, n);
}

/* one side produces its own flag, and at times consumes the other's */
void sim_beat_step(bool guest)
{
	if (world->quiet)
		return;
	beat_produce(guest ? &guest_beat : &dev_beat);
	if (!sim_random(16))
		beat_consume(guest ? &dev_beat : &guest_beat);
}

static void check_word(const struct producer *from, u32 i, u32 published,
		       const char *invariant)
{
	struct word w = from->words[i];
	u32 seen = load_word(!from->guest, w);

	if ((s64)seen - (s64)published < 0)
		sim_fail(invariant, "%s published %u, word %u (page %d, offset %u) is %u",
			 from->guest ? "guest" : "device", published, i, w.page,
			 w.offset, seen);
}

static void consume(struct consumer *c)
{
	if (!c->has_flag) {
		c->flag = load_word(!c->from->guest, c->from->flag);
		c->has_flag = true;
		c->next = 0;
		return;
	}
	check_word(c->from, c->next, c->flag, "flag-after-data");
	if (++c->next < WORDS)
		return;
	c->has_flag = false;
	store_word(!c->from->guest, c->from->ack, c->flag);
}

static void on_event(const struct producer *from, u32 published, const char *invariant)
{
	u32 i;

	for (i = 0; i < WORDS; i++)
		check_word(from, i, published, invariant);
}

void sim_on_doorbell(u32 value)
{
	atomic_fetch_add(&world->doorbells, 1);
	on_event(&guest_event, value, "release");
}

void sim_on_irq(u32 value)
{
	atomic_fetch_add(&world->irqs, 1);
	on_event(&dev_event, value, "acquire");
}

/* ------------------------------------------------------------ counters */

static void count(bool guest, struct counter *c, u32 step)
{
	c->value += step;
	__atomic_store_n((u64 *)(mem(guest, c->at.page) + c->at.offset), c->value,
			 __ATOMIC_RELEASE);
}

/* a value that was never written shows as a decrease, now or at the next check */
static void check_count(bool guest, struct counter *c)
{
	u64 now = __atomic_load_n((u64 *)(mem(guest, c->at.page) + c->at.offset),
				  __ATOMIC_ACQUIRE);

	if (now < c->seen)
		sim_fail("untorn", "counter went from %llx to %llx", c->seen, now);
	c->seen = now;
}

/* ------------------------------------------------------------ adjacent bytes */

static const enum sim_page_name mixed_pages[] = { DATA0, DATA1, NOISY };

static void mixed(bool guest)
{
	enum sim_page_name page = mixed_pages[sim_random(ARRAY_SIZE(mixed_pages))];
	struct sim_page *p = &world->pages[page];
	u8 *model = guest ? p->guest : p->dev;
	u32 off = MIXED + 2 * sim_random(32) + !guest;

	if (load_byte(guest, page, off) != model[off])
		sim_fail("byte-exact", "page %d, offset %u: the %s's byte is %02x, not %02x",
			 page, off, guest ? "guest" : "device",
			 load_byte(guest, page, off), model[off]);
	model[off] = sim_random(256);
	store_byte(guest, page, off, model[off]);
}

static void shared(bool guest)
{
	store_byte(guest, DATA0, SHARED + sim_random(64), sim_random(3));
}

/*
 * Each side writes a byte once, and only if it does not see a write of the other side.
 * So if both have written it, they did so concurrently, and the device must win.
 */
static void contend(bool guest)
{
	u32 off = CONTENDED + sim_random(CONTENDED_LEN);
	u8 *wrote = guest ? world->pages[DATA1].guest : world->pages[DATA1].dev;

	if (wrote[off] || load_byte(guest, DATA1, off))
		return;
	wrote[off] = guest ? 1 : 2;
	store_byte(guest, DATA1, off, wrote[off]);
}

static void guest_read_only(void)
{
	u32 off = sim_random(256);

	world->pages[READ_ONLY].guest[off] = sim_random(256);
	store_byte(true, READ_ONLY, off, world->pages[READ_ONLY].guest[off]);
}

void sim_noise_step(void)
{
	if (!world->quiet)
		store_byte(true, NOISY, NOISE + sim_random(NOISE_LEN), sim_random(256));
}

void sim_fast_counter_step(void)
{
	if (!world->quiet)
		count(false, &fast_counter, 1);
}

/* ------------------------------------------------------------ rule 6 */

static void guest_ttl(void)
{
	if (!atomic_exchange(&world->ttl_guest, false))
		return;
	store_byte(true, DATA1, TTL, 63);
	sim_post(&world->fe, DOORBELL_TTL, 0);
}

static void device_ttl(void)
{
	if (!atomic_exchange(&world->ttl_dev, false))
		return;
	store_byte(false, DATA1, TTL, 64);
	sim_post(&world->st, IRQ_TTL, 0);
}

void sim_on_ttl_irq(void)
{
	if (load_byte(true, DATA1, TTL) != 64)
		sim_fail("recycled", "the device wrote 64, the guest has %u",
			 load_byte(true, DATA1, TTL));
	atomic_store(&world->ttl_guest, true);
}

void sim_on_ttl_doorbell(void)
{
	if (load_byte(false, DATA1, TTL) != 63)
		sim_fail("recycled", "the guest wrote 63, the device has %u",
			 load_byte(false, DATA1, TTL));
	atomic_fetch_add(&world->ttls, 1);
	atomic_store(&world->ttl_dev, true);
}

/* ------------------------------------------------------------ rule 4 */

/* the device writes tags that identify a temporary mapping; no tag may arrive late */
static void check_tagged_byte(struct sim_churn *c, u32 off)
{
	/* in this order, because only this thread, the guest, ends a mapping */
	u8 byte = load_byte(true, c->page, off);
	int state = atomic_load(&c->state);

	if (byte && (state != MAPPED || byte != (0x80 | c->tag)))
		sim_fail("late-data", "page %d, offset %u: %02x while %s as %02x", c->page,
			 off, byte, state == MAPPED ? "mapped" : "not mapped", 0x80 | c->tag);
}

static void check_tagged(struct sim_churn *c)
{
	u32 off;

	for (off = TAGGED; off < TAGGED + TAGGED_LEN; off++)
		check_tagged_byte(c, off);
}

void sim_device_tagged(void)
{
	enum sim_page_name page = sim_random(2) ? CHURN : RECYCLED;
	u8 tag;

	/* the stub is changing the IOMMU */
	if (pthread_mutex_trylock(&world->map_lock))
		return;
	tag = atomic_load(&world->pages[page].st_tag);
	if (tag && mem(false, page))
		store_byte(false, page, TAGGED + sim_random(TAGGED_LEN), 0x80 | tag);
	pthread_mutex_unlock(&world->map_lock);
}

/* toggle a mapping; after an unmap only the guest uses the memory, so clear it */
void sim_guest_churn(void)
{
	struct sim_churn *c = &world->churn[sim_random(ARRAY_SIZE(world->churn))];
	u32 prot = c->whole ? RIOD_PROT_READ | RIOD_PROT_WRITE : RIOD_PROT_WRITE;

	check_tagged(c);
	switch (atomic_load(&c->state)) {
	case UNMAPPED:
		c->tag = c->tag % 127 + 1;
		atomic_store(&c->state, WANTED);
		sim_map(c->page, prot, c->tag, c->whole);
		break;
	case MAPPED:
		sim_unmap(c->page, prot);
		atomic_store(&c->state, UNMAPPED);
		memset(world->pages[c->page].mem + TAGGED, 0, TAGGED_LEN);
		break;
	}
}

/* ------------------------------------------------------------ steps */

void sim_guest_step(void)
{
	switch (sim_random(16)) {
	case 0 ... 3:
		produce(&guest_poll);
		break;
	case 4 ... 6:
		produce(&guest_event);
		break;
	case 7 ... 10:
		consume(&guest_consumer);
		break;
	case 11:
		count(true, &guest_counters[sim_random(2)], 0x7f + sim_random(0x100));
		check_count(true, &dev_counters[sim_random(2)]);
		break;
	case 12:
		mixed(true);
		break;
	case 13:
		shared(true);
		contend(true);
		break;
	case 14:
		guest_read_only();
		check_tagged(&world->churn[sim_random(2)]);
		break;
	case 15:
		guest_ttl();
		break;
	}
}

void sim_device_step(void)
{
	switch (sim_random(16)) {
	case 0 ... 3:
		produce(&dev_poll);
		break;
	case 4 ... 6:
		produce(&dev_event);
		break;
	case 7 ... 10:
		consume(&dev_consumer);
		break;
	case 11:
		count(false, &dev_counters[sim_random(2)], 0x7f + sim_random(0x100));
		check_count(false, &guest_counters[sim_random(2)]);
		break;
	case 12:
		mixed(false);
		break;
	case 13:
		shared(false);
		contend(false);
		break;
	case 14:
		sim_device_tagged();
		break;
	case 15:
		device_ttl();
		break;
	}
}

/* ------------------------------------------------------------ final checks, set-up */

static void check_page(enum sim_page_name page)
{
	struct sim_page *p = &world->pages[page];
	const u8 *shadow = mem(false, page);
	u32 i;

	for (i = 0; i < RIOD_PAGE_SIZE; i++) {
		if (p->mem[i] != shadow[i]) {
			sim_fail("converge", "page %d, offset %u: guest has %02x, device %02x",
				 page, i, p->mem[i], shadow[i]);
			return;
		}
	}
}

static void check_mixed(enum sim_page_name page)
{
	struct sim_page *p = &world->pages[page];
	u32 i;

	for (i = MIXED; i < MIXED + 64; i++) {
		if (p->mem[i] != (i & 1 ? p->dev[i] : p->guest[i]))
			sim_fail("byte-exact", "page %d, offset %u: %02x in the end",
				 page, i, p->mem[i]);
	}
}

static void check_contended(void)
{
	struct sim_page *p = &world->pages[DATA1];
	u32 i;

	for (i = CONTENDED; i < CONTENDED + CONTENDED_LEN; i++) {
		if (p->mem[i] != (p->dev[i] ?: p->guest[i]))
			sim_fail("device-wins", "offset %u: guest wrote %u, device %u, it is %u",
				 i, p->guest[i], p->dev[i], p->mem[i]);
	}
}

/* final checks: nothing writes, and nothing is in flight */
void sim_check_quiet(void)
{
	u32 i;

	for (i = 0; i < NPAGES; i++) {
		if (i != RECYCLED || (atomic_load(&world->churn[1].state) == MAPPED))
			check_page(i);
	}
	for (i = 0; i < ARRAY_SIZE(mixed_pages); i++)
		check_mixed(mixed_pages[i]);
	check_contended();
	for (i = 0; i < ARRAY_SIZE(world->churn); i++)
		check_tagged(&world->churn[i]);
}

bool sim_polling_works(void)
{
	return guest_consumer.flag && dev_consumer.flag;
}

static struct counter counter_at(enum sim_page_name page, u32 offset)
{
	return (struct counter){ .at = { page, offset } };
}

static void fill_pages(void)
{
	struct sim_page *p;
	u32 i, n;

	for (i = 0; i < NPAGES; i++) {
		p = &world->pages[i];
		memset(p->mem, 0, RIOD_PAGE_SIZE);
		/* content from before the map (rule 5, byte exact) */
		for (n = NOISE; n < RIOD_PAGE_SIZE; n++)
			p->mem[n] = sim_random(4) ? 0 : sim_random(256);
		memset(p->guest, 0, sizeof(p->guest));
		memset(p->dev, 0, sizeof(p->dev));
	}
}

void sim_actors_init(void)
{
	atomic_store(&failed, false);
	fill_pages();
	producer_init(&guest_poll, true, false, POLL_GUEST, FLAG_GUEST, ACK_DEV);
	producer_init(&guest_event, true, true, EVENT_GUEST, 0, 0);
	producer_init(&dev_poll, false, false, POLL_DEV, FLAG_DEV, ACK_GUEST);
	producer_init(&dev_event, false, true, EVENT_DEV, 0, 0);
	guest_beat = (struct beat){ .guest = true, .word = { FLAGS, BEAT_AT },
		.flag = { FLAGS, BEAT_GUEST }, .ack = { FLAGS, BEAT_GUEST_ACK } };
	dev_beat = (struct beat){ .guest = false, .word = { FLAGS, BEAT_AT + 16 },
		.flag = { FLAGS, BEAT_DEV }, .ack = { FLAGS, BEAT_DEV_ACK } };
	guest_consumer = (struct consumer){ .from = &dev_poll };
	dev_consumer = (struct consumer){ .from = &guest_poll };
	guest_counters[0] = counter_at(DATA0, COUNTERS);
	guest_counters[1] = counter_at(NOISY, COUNTERS + 32);
	dev_counters[0] = counter_at(DATA0, COUNTERS + 16);
	dev_counters[1] = counter_at(NOISY, COUNTERS + 48);
	fast_counter = counter_at(DATA1, COUNTERS + 48);
	world->churn[0].page = CHURN;
	world->churn[1].page = RECYCLED;
	world->churn[1].whole = true;
	atomic_store(&world->ttl_dev, true);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of the world: memory, mappings, registers; and the frontend's handling of
 * maps, as in its dma.c.
 */
#include <linux/err.h>

#include "world_priv.h"

/* ------------------------------------------------------------ the guest's memory */

struct riod_sync_page *sim_engine_page(struct end *e, u64 id)
{
	return id ? xa_load(&e->y.index, id) : NULL;
}

static void watch_guest(u32 page, enum sim_window in_pass, enum sim_window in_apply)
{
	u32 i;

	for (i = 0; i < sim_w.natts; i++) {
		if (!sim_engine_page(&sim_w.atts[i].fe, sim_w.atts[i].ids[page]))
			continue;
		if (sim_w.atts[i].fe.in_collect && in_pass < SIM_WINDOWS)
			sim_window(in_pass);
		if (sim_w.atts[i].fe.in_apply)
			sim_window(in_apply);
		if (sim_w.atts[i].fe.broken && in_pass < SIM_WINDOWS)
			sim_window(WIN_BROKEN_STORE);
	}
}

u64 sim_mem_load(const u8 *p, u32 width)
{
	switch (width) {
	case 1:
		return *p;
	case 2:
		return *(const u16 *)p;
	case 4:
		return *(const u32 *)p;
	default:
		return *(const u64 *)p;
	}
}

void sim_mem_store(u8 *p, u32 width, u64 value)
{
	switch (width) {
	case 1:
		*p = value;
		break;
	case 2:
		*(u16 *)p = value;
		break;
	case 4:
		*(u32 *)p = value;
		break;
	default:
		*(u64 *)p = value;
		break;
	}
}

static u8 *guest_byte(gaddr_t addr)
{
	return sim_w.mem[addr / RIOD_PAGE_SIZE] + addr % RIOD_PAGE_SIZE;
}

u64 sim_load(gaddr_t addr, u32 width)
{
	u64 value;

	sim_step();
	watch_guest(addr / RIOD_PAGE_SIZE, SIM_WINDOWS, WIN_LOAD_IN_APPLY);
	value = sim_mem_load(guest_byte(addr), width);
	if (sim_tracing)
		sim_trace("loads  page %u +%u: %llx", addr / RIOD_PAGE_SIZE,
			  addr % RIOD_PAGE_SIZE, value);
	return value;
}

void sim_store(gaddr_t addr, u32 width, u64 value)
{
	sim_step();
	watch_guest(addr / RIOD_PAGE_SIZE, WIN_STORE_IN_PASS, WIN_STORE_IN_APPLY);
	if (sim_tracing)
		sim_trace("stores page %u +%u: %llx", addr / RIOD_PAGE_SIZE,
			  addr % RIOD_PAGE_SIZE, value);
	sim_mem_store(guest_byte(addr), width, value);
}

bool sim_exchange8(gaddr_t addr, u8 old, u8 new)
{
	if (sim_load(addr, 1) != old)
		return false;
	*guest_byte(addr) = new;
	return true;
}

/* ------------------------------------------------------------ maps, frontend */

void sim_hold(void *att, bool on)
{
	((struct att *)att)->held = on;
}

static bool may_map(void *att)
{
	return !((struct att *)att)->held;
}

/* the stub has not been told of an unmap of @page */
static bool unmap_waits(struct att *a, u32 page)
{
	const struct msg *m;

	list_for_each_entry(m, &a->records.msgs, list) {
		if (m->what == UNMAP && a->maps[m->n].page == page)
			return true;
	}
	return false;
}

bool sim_is_shared(const struct att *a, u32 i)
{
	return !sim_w.proto->exact || a->names[i].count;
}

static void share(struct att *a, u32 i)
{
	sim_put(&a->records, sim_new_msg(MAP, i, 0));
}

iova_t sim_map(u32 att, u32 page, u32 prot)
{
	return sim_map_tagged(att, page, prot, 0);
}

iova_t sim_map_tagged(u32 att, u32 page, u32 prot, u32 tag)
{
	struct att *a = &sim_w.atts[att];
	u32 i;

	sim_step();
	if (a->held)
		sim_window(WIN_MAP_HELD);
	sim_wait(may_map, a);
	mutex_lock(&a->dma_lock);
	if (a->fe.broken)
		sim_window(unmap_waits(a, page) ? WIN_BROKEN_REMAP : WIN_BROKEN_MAP);
	for (i = 0; a->maps[i].used; i++)
		;
	a->maps[i] = (struct fe_map){ .page = page, .prot = prot, .tag = tag,
					.used = true };
	if (sim_is_shared(a, i))
		share(a, i);
	sim_trace("maps page %u at %x, prot %x", page, i * RIOD_PAGE_SIZE, prot);
	mutex_unlock(&a->dma_lock);
	return i * RIOD_PAGE_SIZE;
}

static void forget_record(struct att *a, u32 iova_page)
{
	struct msg *m, *tmp;

	list_for_each_entry_safe(m, tmp, &a->records.msgs, list) {
		if (m->what != MAP || m->n != iova_page)
			continue;
		list_del(&m->list);
		a->records.n--;
		free(m);
	}
}

static bool cut_is_on_its_way(struct att *a)
{
	return a->up.rx_seq < a->up.tx_seq || a->fe.y.nstaged;
}

/* the device may not access the page any more; it takes effect here at once */
static void unshare(struct att *a, u32 i)
{
	struct fe_map *map = &a->maps[i];
	struct msg *m;
	void *priv;

	if (!map->id) {
		sim_window(WIN_UNMAP_UNSENT);
		forget_record(a, i);
		return;
	}
	if (a->fe.in_collect)
		sim_window(WIN_UNMAP_IN_PASS);
	if (a->fe.in_apply)
		sim_window(WIN_UNMAP_IN_APPLY);
	if (a->fe.broken)
		sim_window(WIN_BROKEN_UNMAP);
	if (riod_sync_unmap(&a->fe.y, map->id, map->prot, &priv) && a->ids[map->page] == map->id)
		a->ids[map->page] = 0;
	m = sim_new_msg(UNMAP, i, 0);
	m->id = map->id;
	m->prot = map->prot;
	sim_put(&a->records, m);
	map->id = 0;
}

void sim_unmap(u32 att, iova_t iova)
{
	struct att *a = &sim_w.atts[att];
	u32 i = iova / RIOD_PAGE_SIZE;

	sim_step();
	mutex_lock(&a->dma_lock);
	sim_trace("unmaps page %u at %x", a->maps[i].page, iova);
	if (sim_is_shared(a, i))
		unshare(a, i);
	a->maps[i].used = false;
	mutex_unlock(&a->dma_lock);
}

static u32 use_flags(const struct att *a, u32 i)
{
	static const u32 flags[] = {
		[RIOD_USE_COMPARED] = 0,
		[RIOD_USE_EXACT] = RIOD_MAP_EXACT,
		[RIOD_USE_COMPLETIONS] = RIOD_MAP_COMPLETIONS,
	};

	return sim_w.proto->exact ? flags[a->names[i].use] : 0;
}

/* pump: enter a queued map; its record is sent ahead of the next cut */
static void enter(struct att *a, struct msg *m)
{
	struct fe_map *map = &a->maps[m->n];
	u32 flags = use_flags(a, m->n);
	u64 id = flags ? 0 : a->ids[map->page];

	if (!id)
		id = ++a->next_id;
	else if (cut_is_on_its_way(a) && map->prot & RIOD_PROT_WRITE)
		sim_window(WIN_REMAP);
	/* a BAR is device memory at the stub only; here it is RAM */
	while (riod_sync_map(&a->fe.y, id, sim_w.mem[map->page],
			     (map->prot & ~RIOD_SYNC_MMIO) | flags, NULL))
		;
	if (!flags)
		a->ids[map->page] = id;
	map->id = id;
	m->id = id;
	m->prot = map->prot | flags;
	m->tag = map->tag;
}

/* pump: carry what the device reads of a request, and find the pages that it writes */
static void resolve(struct att *a, struct msg *m)
{
	struct riod_profile_extent *x = m->moves;
	u32 i, n = 0, at, part;
	u64 end;

	for (i = 0; i < m->n; i++) {
		for (end = x[i].iova + x[i].len; x[i].iova < end; x[i].iova += part) {
			const struct fe_map *map = &a->maps[x[i].iova / RIOD_PAGE_SIZE];

			at = x[i].iova % RIOD_PAGE_SIZE;
			part = min_t(u64, end - x[i].iova, RIOD_PAGE_SIZE - at);
			if (x[i].how & RIOD_EXTENT_OUT && map->used)
				while (riod_sync_carry(&a->fe.y, map->id, at, part))
					;
			if (x[i].how & RIOD_EXTENT_IN && map->used && n < SIM_EXTENTS)
				m->extents[n++] = (struct riod_wire_extent){ map->id, at, part };
		}
	}
	m->n = n;
}

void sim_prepare(struct att *a)
{
	struct msg *m;

	mutex_lock(&a->dma_lock);
	while ((m = sim_get(&a->records))) {
		if (m->what == MAP)
			enter(a, m);
		if (m->what == EXPECT)
			resolve(a, m);
		sim_send(a->fe.tx, m);
	}
	mutex_unlock(&a->dma_lock);
}

int sim_join(void *att)
{
	struct att *a = att;
	u64 newest = a->fe.y.newest;

	sim_prepare(a);
	if (a->fe.y.newest != newest)
		sim_window(WIN_MAP_IN_PASS);
	return 0;
}

/* ------------------------------------------------------------ events */

void sim_write_reg(u32 att, u32 reg, u64 value)
{
	struct att *a = &sim_w.atts[att];

	sim_step();
	sim_trace("writes register %u: %llx", reg, value);
	if (a->lost)
		return;
	if (a->fe.in_collect)
		sim_window(WIN_POST_IN_PASS);
	sim_post(a, &a->fe.events, sim_new_msg(REG_WRITE, reg, value));
}

static bool reply_is_here(void *arg)
{
	struct att *a = arg;

	return a->reply_here || a->lost;
}

u64 sim_read_reg(u32 att, u32 reg)
{
	struct att *a = &sim_w.atts[att];

	sim_step();
	sim_trace("reads register %u", reg);
	if (a->lost)
		return U64_MAX;
	a->reply_here = false;
	sim_post(a, &a->fe.events, sim_new_msg(REG_READ, reg, 0));
	sim_wait(reply_is_here, a);
	return a->lost ? U64_MAX : a->reply;
}

static bool irq_is_here(void *arg)
{
	struct wait *wait = arg;

	return wait->a->irqs[wait->n] || wait->a->lost;
}

bool sim_wait_irq(u32 att, u32 vector)
{
	struct wait wait = { &sim_w.atts[att], vector, 0 };

	sim_step();
	sim_wait(irq_is_here, &wait);
	wait.a->irqs[vector] = 0;
	return !wait.a->lost;
}

bool sim_lost(u32 att)
{
	return sim_w.atts[att].lost;
}

/* ------------------------------------------------------------ profile */

static int profile_kick(void *priv, u8 bar, u64 offset, u8 width, u64 value)
{
	struct att *a = priv;

	(void)bar;
	(void)width;
	sim_trace("the profile rings %llx: %llx", offset, value);
	sim_post(a, &a->fe.events, sim_new_msg(REG_WRITE, sim_w.proto->reg_of(offset), value));
	return 0;
}

static void profile_raise(void *priv, u16 vector)
{
	struct att *a = priv;

	if (vector >= SIM_VECTORS)
		return;
	sim_trace("the profile raises vector %u", vector);
	a->irqs[vector] = 1;
}

static struct fe_map *find_map(struct att *a, u64 iova)
{
	u64 i = iova / RIOD_PAGE_SIZE;

	return i < SIM_IOVAS && a->maps[i].used ? &a->maps[i] : NULL;
}

/* as in the frontend's named.c */
static bool may_name(const struct fe_name *name, enum riod_profile_use use)
{
	return !name->count || name->use == use ||
	       (name->use == RIOD_USE_COMPARED && use == RIOD_USE_EXACT);
}

static int profile_name(void *priv, u64 iova, u64 len, enum riod_profile_use use)
{
	struct att *a = priv;
	u64 i, first = iova / RIOD_PAGE_SIZE, last = (iova + len - 1) / RIOD_PAGE_SIZE;

	for (i = first; i <= last && i < SIM_IOVAS; i++) {
		if (!may_name(&a->names[i], use))
			return -EBUSY;
	}
	for (i = first; i <= last && i < SIM_IOVAS; i++) {
		if (a->names[i].count++)
			continue;
		a->names[i].use = use;
		if (a->maps[i].used)
			share(a, i);
	}
	sim_trace("the profile names %llx +%llx, use %u", iova, len, use);
	return 0;
}

static void profile_unname(void *priv, u64 iova, u64 len)
{
	struct att *a = priv;
	u64 i;

	sim_trace("the profile drops %llx +%llx", iova, len);
	for (i = iova / RIOD_PAGE_SIZE; i <= (iova + len - 1) / RIOD_PAGE_SIZE; i++) {
		if (i < SIM_IOVAS && !--a->names[i].count && a->maps[i].used)
			unshare(a, i);
	}
}

static int profile_request(void *priv, u32 key, bool always,
			   const struct riod_profile_extent *extents, u32 n)
{
	struct msg *m = sim_new_msg(EXPECT, n, key);
	struct att *a = priv;

	if (n > SIM_MOVES)
		sim_fail("accepted", "a request of %u extents", n);

	sim_trace("the profile has request %x, %u extents%s", key, n, always ? ", always" : "");
	m->prot = always;
	memcpy(m->moves, extents, n * sizeof(*extents));
	sim_put(&a->records, m);
	return 0;
}

static void profile_forget(void *priv, u32 first, u32 last)
{
	struct msg *m = sim_new_msg(FORGET, 0, first);
	struct att *a = priv;

	sim_trace("the profile forgets requests %x to %x", first, last);
	m->id = last;
	sim_put(&a->records, m);
}

static u64 page_id(void *priv, u64 iova);

static bool profile_completion(void *priv, u64 iova, u8 entry[16])
{
	struct att *a = priv;

	return riod_sync_completion(&a->fe.y, page_id(a, iova), iova % RIOD_PAGE_SIZE, entry);
}

static void *profile_mem(void *priv, u64 iova, size_t len, bool write)
{
	struct fe_map *map = find_map(priv, iova);

	(void)len;
	if (!map || (write && !(map->prot & RIOD_PROT_WRITE)))
		return NULL;
	return sim_w.mem[map->page] + iova % RIOD_PAGE_SIZE;
}

static u64 page_id(void *priv, u64 iova)
{
	struct fe_map *map = find_map(priv, iova);

	return map ? map->id : 0;
}

static bool profile_changed(void *priv, u64 iova, u64 len)
{
	struct att *a = priv;

	return riod_sync_span_changed(&a->fe.y, iova, len, page_id, a);
}

/* like the frontend, which sets the order in the engine after dropping the lock */
static int profile_order(void *priv, const struct riod_sync_span *spans, u32 n)
{
	struct att *a = priv;
	struct riod_sync_order *o = riod_sync_order_make(spans, n, page_id, a);

	if (IS_ERR(o))
		return PTR_ERR(o);
	sim_trace("the profile says what comes last");
	riod_sync_order_free(a->next_order);
	a->next_order = o;
	return 0;
}

void sim_order_settle(struct att *a)
{
	struct riod_sync_order *o;

	mutex_lock(&a->dma_lock);
	o = a->next_order;
	a->next_order = NULL;
	mutex_unlock(&a->dma_lock);
	if (!o)
		return;
	riod_sync_set_order(&a->fe.y, a->order, o);
	riod_sync_order_free(a->order);
	a->order = o;
}

void sim_order(u32 att, const struct riod_sync_span *spans, u32 n)
{
	struct att *a = &sim_w.atts[att];

	mutex_lock(&a->dma_lock);
	profile_order(a, spans, n);
	mutex_unlock(&a->dma_lock);
	sim_order_settle(a);
}

void sim_profile_init(struct att *a)
{
	struct riod_profile_env env = {
		.kick = profile_kick,
		.raise = profile_raise,
		.mem = profile_mem,
		.changed = profile_changed,
		.order = profile_order,
		.name = profile_name,
		.unname = profile_unname,
		.request = profile_request,
		.forget = profile_forget,
		.completion = profile_completion,
		.priv = a,
	};

	static struct riod_cfg cfg;

	if (!sim_w.proto->profile)
		return;
	if (!sim_w.proto->exact)
		env.name = NULL;
	sim_w.proto->profile->init(&a->profile, &env);
	if (!sim_w.proto->config)
		return;
	memset(&cfg, 0, sizeof(cfg));
	sim_w.proto->config(&cfg);
	sim_w.proto->profile->edit_config(a->profile, &cfg);
}

void sim_profile_exit(struct att *a)
{
	if (sim_w.proto->profile)
		sim_w.proto->profile->exit(a->profile);
	riod_sync_set_order(&a->fe.y, a->order, NULL);
	riod_sync_order_free(a->order);
	riod_sync_order_free(a->next_order);
	a->order = NULL;
	a->next_order = NULL;
}

/* under the lock that also keeps the profile's view of memory mapped */
void sim_profile_turn(struct att *a, void (*turn)(void *state))
{
	if (!turn)
		return;
	mutex_lock(&a->dma_lock);
	turn(a->profile);
	mutex_unlock(&a->dma_lock);
}

void sim_completed(void *att)
{
	if (sim_w.proto->profile)
		sim_profile_turn(att, sim_w.proto->profile->completed);
}

void sim_write_bar(u64 offset, u32 width, u64 value)
{
	struct att *a = &sim_w.atts[0];
	bool taken;

	mutex_lock(&a->dma_lock);
	taken = sim_w.proto->profile->bar_write(a->profile, 0, offset, width, value);
	mutex_unlock(&a->dma_lock);
	if (!taken)
		sim_write_reg(0, sim_w.proto->reg_of(offset), value);
}

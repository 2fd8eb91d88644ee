// SPDX-License-Identifier: GPL-2.0-only
/*
 * A world: set-up, end, invariants at the end, reports.
 */
#include <stdarg.h>

#include <linux/slab.h>

#include "sync_cut.h"
#include "world_priv.h"

struct sim_world sim_w;

/* in some runs allocations of a pump fail at times */
static bool memory_is_short;

static bool alloc_fails(void)
{
	return memory_is_short && sim_pump_runs() && !sim_random(40);
}

bool sim_tracing;
u64 sim_windows[SIM_WINDOWS];

const char *const sim_window_names[SIM_WINDOWS] = {
	[WIN_STORE_IN_PASS] = "guest stores into a page while a cut is taken",
	[WIN_DMA_IN_PASS] = "device stores into a page while a cut is taken",
	[WIN_STORE_IN_APPLY] = "guest stores while a cut is applied",
	[WIN_DMA_IN_APPLY] = "device stores while a cut is applied",
	[WIN_LOAD_IN_APPLY] = "guest looks while a cut is half applied",
	[WIN_DMA_LOAD_IN_APPLY] = "device looks while a cut is half applied",
	[WIN_POST_IN_PASS] = "register write while a cut is taken",
	[WIN_IRQ_IN_PASS] = "interrupt while a cut is taken",
	[WIN_HELD_BACK] = "register write waits until memory is quiet",
	[WIN_MORE_PASSES] = "two passes do not agree",
	[WIN_MAP_IN_PASS] = "a page is mapped, and joins, while a cut is taken",
	[WIN_MAP_HELD] = "map waits until memory was quiet",
	[WIN_UNMAP_IN_PASS] = "unmap while a cut is taken",
	[WIN_UNMAP_IN_APPLY] = "unmap while a cut is applied",
	[WIN_UNMAP_UNSENT] = "unmap of a page that was never sent to the stub",
	[WIN_FOLLOWED] = "event follows a cut that is in flight",
	[WIN_LATE] = "data for a page that is unmapped",
	[WIN_CONFLICT_UNSENT] = "both changed a byte, the device's not sent yet",
	[WIN_CONFLICT_FLIGHT] = "both changed a byte, the device's on its way",
	[WIN_REMAP] = "page mapped again while its data is on its way",
	[WIN_LOST_STAGED] = "connection lost with half a cut staged",
	[WIN_LOST_QUEUED] = "connection lost with a cut on its way",
	[WIN_LOST_BROKEN] = "connection lost while it is broken",
	[WIN_RESENT_CUT] = "break ahead of a frame of a cut",
	[WIN_RESENT_MAP] = "break ahead of a map",
	[WIN_RESENT_UNMAP] = "break ahead of an unmap",
	[WIN_RESENT_WRITE] = "break ahead of a register write",
	[WIN_RESENT_READ] = "break ahead of a register read",
	[WIN_RESENT_REPLY] = "break ahead of a reply",
	[WIN_RESENT_IRQ] = "break ahead of an interrupt",
	[WIN_BROKE_BETWEEN] = "break between the data frames of a cut",
	[WIN_BROKE_STAGED] = "break with a cut staged, ahead of its commit",
	[WIN_BROKE_IN_PASS] = "break while a cut is taken",
	[WIN_BROKE_IN_APPLY] = "break while a cut is applied",
	[WIN_BROKE_IRQ] = "break while an interrupt waits for its cut",
	[WIN_BROKE_ACK] = "break loses the acknowledgment of a cut",
	[WIN_BROKE_CUT] = "a cut is taken for a connection that is gone",
	[WIN_WELCOME_LOST] = "break of the new connection, at one end only",
	[WIN_BROKEN_STORE] = "guest stores while the connection is broken",
	[WIN_BROKEN_DMA] = "device stores while the connection is broken",
	[WIN_BROKEN_IRQ] = "interrupt while the connection is broken",
	[WIN_BROKEN_MAP] = "map while the connection is broken",
	[WIN_BROKEN_UNMAP] = "unmap while the connection is broken",
	[WIN_BROKEN_REMAP] = "page mapped again while the connection is broken",
};

void sim_trace(const char *fmt, ...)
{
	va_list ap;

	if (!sim_tracing || !sim_task_name())
		return;
	printf("#  %7llu %-10s ", sim_steps(), sim_task_name());
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void sim_fail(const char *invariant, const char *fmt, ...)
{
	va_list ap;

	if (sim_w.result->invariant)
		return;
	sim_w.result->invariant = invariant;
	va_start(ap, fmt);
	vsnprintf(sim_w.result->text, sizeof(sim_w.result->text), fmt, ap);
	va_end(ap);
	sim_trace("invariant %s: %s", invariant, sim_w.result->text);
	sim_stop();
}

/* ------------------------------------------------------------ set-up and end */

static void end_init(struct att *a, struct end *e, enum riod_sync_role role)
{
	const struct riod_sync_params params = { .deadline_us = 1000000 };

	WARN_ON(riod_sync_init(&e->y, role, &params));
	sim_queue_init(&e->events);
	sim_queue_init(&e->waiting);
	e->looked = 0;
	e->tx = role == RIOD_SYNC_FRONTEND ? &a->down : &a->up;
	e->rx = role == RIOD_SYNC_FRONTEND ? &a->up : &a->down;
	e->in_collect = false;
	e->in_apply = false;
	e->pump = NULL;
	e->broken = false;
	e->kicked = false;
	e->busy = false;
}

static void stream_init(struct stream *s)
{
	sim_queue_init(&s->wire);
	sim_queue_init(&s->retained);
}

static void att_init(struct att *a, u32 nr)
{
	memset(a, 0, sizeof(*a));
	a->nr = nr;
	stream_init(&a->up);
	stream_init(&a->down);
	sim_queue_init(&a->records);
	mutex_init(&a->dma_lock);
	end_init(a, &a->fe, RIOD_SYNC_FRONTEND);
	end_init(a, &a->st, RIOD_SYNC_STUB);
	a->fe.y.join = sim_join;
	a->fe.y.hold = sim_hold;
	a->fe.y.completed = sim_completed;
	a->fe.y.join_priv = a;
	sim_profile_init(a);
}

static void end_exit(struct end *e, bool shadows)
{
	struct riod_sync_page *page;
	u32 prot, i, n;
	void *priv;

	sim_drop(&e->events);
	sim_drop(&e->waiting);
	while ((page = list_first_entry_or_null(&e->y.pages, struct riod_sync_page, scan))) {
		/* one unmap for each map */
		n = page->nmaps;
		for (i = 0; i < n; i++) {
			prot = (page->nread ? RIOD_PROT_READ : 0) |
			       (page->nwrite ? RIOD_PROT_WRITE : 0);
			page->capture = NULL;
			if (riod_sync_unmap(&e->y, page->id, prot, &priv) && shadows)
				free(priv);
		}
	}
	riod_sync_forget(&e->y, 0, U64_MAX);
	/* tasks were stopped at arbitrary points and have leaked their allocations */
	if (sim_w.result->invariant)
		atomic64_set(&e->y.budget.held, e->y.staged_bytes + e->y.handed);
	riod_sync_destroy(&e->y);
}

/* a run may end while a task holds the locks */
static void let_go(struct end *e)
{
	e->y.lock.held = false;
	e->y.gate.held = false;
}

static void att_exit(struct att *a)
{
	let_go(&a->fe);
	let_go(&a->st);
	a->dma_lock.held = false;
	sim_profile_exit(a);
	sim_drop(&a->up.wire);
	sim_drop(&a->up.retained);
	sim_drop(&a->down.wire);
	sim_drop(&a->down.retained);
	sim_drop(&a->records);
	end_exit(&a->fe, false);
	end_exit(&a->st, true);
	mutex_destroy(&a->dma_lock);
}

static void run_guest(void *arg)
{
	(void)arg;
	sim_w.proto->guest();
	sim_w.guest_done = true;
}

static void run_cpu(void *arg)
{
	(void)arg;
	sim_w.proto->cpu();
}

static void run_device(void *arg)
{
	struct att *a = arg;

	sim_w.proto->device(a->nr);
}

static void spawn_actor(const char *name, void (*fn)(void *arg), void *arg)
{
	const struct sim_task_params params = {
		.name = name, .fn = fn, .arg = arg, .burst_max = 6,
	};

	sim_spawn(&params);
}

static void spawn(u64 seed)
{
	static const char *const device_names[SIM_ATTS] = { "device", "device-1" };
	const struct sim_proto *p = sim_w.proto;
	u32 i;

	sim_sched_begin(seed);
	for (i = 0; i < sim_w.natts; i++)
		sim_spawn_services(&sim_w.atts[i]);
	spawn_actor("guest", run_guest, NULL);
	if (p->cpu)
		spawn_actor("cpu", run_cpu, NULL);
	for (i = 0; i < sim_w.natts; i++)
		spawn_actor(device_names[i], run_device, &sim_w.atts[i]);
	if (p->may_lose && !sim_random(4))
		spawn_actor("cutter", sim_run_cutter, &sim_w.atts[0]);
	sim_w.breaks = !p->violates && !sim_random(4);
	if (sim_w.breaks)
		spawn_actor("breaker", sim_run_breaker, NULL);
}

/* ------------------------------------------------------------ final checks */

static void check_page(struct att *a, u32 page)
{
	struct riod_sync_page *st = sim_engine_page(&a->st, a->ids[page]);
	u32 i;

	if (!a->ids[page])
		return;
	if (!st) {
		sim_fail("converge", "the stub does not know page %u", page);
		return;
	}
	for (i = 0; i < RIOD_PAGE_SIZE; i++) {
		if (sim_w.mem[page][i] != st->live[i]) {
			sim_fail("converge", "page %u, offset %u: guest has %02x, device %02x",
				 page, i, sim_w.mem[page][i], st->live[i]);
			return;
		}
	}
}

static void check_maps(struct att *a)
{
	u32 i;

	for (i = 0; i < SIM_IOVAS; i++) {
		if ((a->maps[i].used && sim_is_shared(a, i)) != !!a->iommu[i].shadow)
			sim_fail("converge", "%x is mapped at one end only", i * RIOD_PAGE_SIZE);
	}
}

static void check_end(void)
{
	struct att *a;
	u32 i, page;

	for (i = 0; i < sim_w.natts; i++) {
		a = &sim_w.atts[i];
		if (a->fe.y.stats.forced || a->st.y.stats.forced)
			sim_fail("unforced", "a cut was forced");
		for (page = 0; page < sim_w.proto->pages && !a->lost; page++)
			check_page(a, page);
		if (!a->lost)
			check_maps(a);
	}
	if (sim_w.proto->check)
		sim_w.proto->check();
}

static void judge(enum sim_outcome outcome)
{
	switch (outcome) {
	case SIM_DONE:
		sim_sched_drain();
		if (!sim_w.result->invariant)
			check_end();
		break;
	case SIM_STUCK:
		sim_fail("wake-up", "somebody waits for what will not come");
		break;
	case SIM_ENDLESS:
		sim_fail("progress", "no end after %u accesses", SIM_STEPS_MAX);
		break;
	case SIM_STOPPED:
		break;
	}
}

void sim_world_run(const struct sim_proto *proto, u64 seed, struct sim_tape *record,
		   const struct sim_tape *replay, struct sim_result *result)
{
	u32 i;

	memset(result, 0, sizeof(*result));
	sim_w.proto = proto;
	sim_w.result = result;
	sim_w.natts = proto->natts ?: 1;
	sim_w.guest_done = false;
	sim_alloc_fails = alloc_fails;
	for (i = 0; i < proto->pages; i++) {
		if (!sim_w.mem[i])
			sim_w.mem[i] = aligned_alloc(RIOD_PAGE_SIZE, RIOD_PAGE_SIZE);
		memset(sim_w.mem[i], 0, RIOD_PAGE_SIZE);
	}
	for (i = 0; i < sim_w.natts; i++)
		att_init(&sim_w.atts[i], i);
	spawn(seed);
	memory_is_short = !sim_random(8);
	if (proto->init)
		proto->init();
	if (record)
		record->n = 0;
	result->outcome = sim_sched_run(record, replay, !replay);
	judge(result->outcome);
	for (i = 0; i < sim_w.natts; i++)
		att_exit(&sim_w.atts[i]);
}

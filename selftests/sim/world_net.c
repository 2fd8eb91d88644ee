// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pumps, receive threads and the network between them: the work of link_pump.c and the stub,
 * without the kernel.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "sync_cut.h"
#include "world_priv.h"

/* ------------------------------------------------------------ queues */

void sim_queue_init(struct queue *q)
{
	INIT_LIST_HEAD(&q->msgs);
	q->n = 0;
}

struct msg *sim_new_msg(enum what what, u32 n, u64 value)
{
	struct msg *m = calloc(1, sizeof(*m));

	m->what = what;
	m->n = n;
	m->value = value;
	return m;
}

void sim_put(struct queue *q, struct msg *m)
{
	list_add_tail(&m->list, &q->msgs);
	q->n++;
}

struct msg *sim_get(struct queue *q)
{
	struct msg *m = list_first_entry_or_null(&q->msgs, struct msg, list);

	if (m) {
		list_del(&m->list);
		q->n--;
	}
	return m;
}

void sim_free(struct msg *m)
{
	riod_frame_free(m->frame);
	free(m);
}

void sim_drop(struct queue *q)
{
	struct msg *m;

	while ((m = sim_get(q)))
		sim_free(m);
}

static enum kind kind_of(const struct msg *m)
{
	switch (m->what) {
	case IRQ:
		return IRQS;
	case REPLY:
		return REPLIES;
	default:
		return ACCESSES;
	}
}

void sim_post(struct att *a, struct queue *q, struct msg *m)
{
	m->nr = ++a->posted[kind_of(m)];
	sim_put(q, m);
}

static void check_once(struct att *a, const struct msg *m)
{
	u64 nr = ++a->arrived[kind_of(m)];

	if (m->nr != nr)
		sim_fail("once", "event %llu of its kind arrives as %llu", m->nr, nr);
}

/* ------------------------------------------------------------ pumps */

/* interrupts go ahead of posted events, as in riod_link_begin() */
static void gather(struct att *a, struct queue *to)
{
	u32 i;

	for (i = 0; i < SIM_VECTORS; i++) {
		if (a->irqs_raised[i])
			sim_post(a, to, sim_new_msg(IRQ, i, 0));
		a->irqs_raised[i] = 0;
	}
}

static void collect(struct end *e, struct list_head *frames)
{
	u64 passes = e->y.stats.passes, cuts = e->y.stats.cuts_sent;
	s64 bytes;

	e->in_collect = true;
	e->pump = sim_self();
	do {
		bytes = riod_sync_collect(&e->y, frames, RIOD_FRAME_MIN);
	} while (bytes == -ENOMEM);
	e->in_collect = false;
	e->pump = NULL;
	if (e->y.stats.passes - passes > 2)
		sim_window(WIN_MORE_PASSES);
	if (e->y.stats.cuts_sent != cuts)
		sim_trace("took cut %llu, %lld bytes", e->y.tx_cut, bytes);
}

bool sim_pump_runs(void)
{
	const void *self = sim_self();
	u32 i;

	for (i = 0; i < sim_w.natts; i++) {
		if (sim_w.atts[i].fe.pump == self || sim_w.atts[i].st.pump == self)
			return true;
	}
	return false;
}

static void send_cut(struct att *a, struct end *e, struct list_head *frames)
{
	struct riod_frame *f, *tmp;
	struct msg *m;

	if (!list_empty(frames) && e->tx->cut && !e->broken)
		sim_window(WIN_BROKE_CUT);
	list_for_each_entry_safe(f, tmp, frames, list) {
		list_del(&f->list);
		m = sim_new_msg(CUT, 0, 0);
		m->frame = f;
		sim_send(e->tx, m);
		if (e == &a->st && f->hdr.type == RIOD_FRAME_CUT_COMMIT)
			sim_note_cut(a, m->seq, e->y.tx_cut);
	}
}

/* one round; true if anything was sent */
static bool pump(struct att *a, struct end *e)
{
	struct queue events;
	LIST_HEAD(frames);
	bool sent;
	struct msg *m;

	e->kicked = false;
	/* only events that wait now; later ones join the next cut */
	sim_queue_init(&events);
	while ((m = sim_get(&e->waiting)))
		sim_put(&events, m);
	if (e == &a->st)
		gather(a, &events);
	while ((m = sim_get(&e->events)))
		sim_put(&events, m);
	if (e == &a->fe)
		sim_prepare(a);
	collect(e, &frames);
	if (e == &a->fe && sim_w.proto->profile)
		sim_profile_turn(a, sim_w.proto->profile->after_cut);
	sim_order_settle(a);
	sent = !list_empty(&frames);
	send_cut(a, e, &frames);
	while ((m = sim_get(&events))) {
		sim_send(e->tx, m);
		sent = true;
	}
	return sent;
}

static bool in_flight(struct att *a)
{
	return a->acked < a->st.y.tx_cut || a->st.y.nsent > RIOD_SYNC_SENT_MAX;
}

/* stub, while a cut is in flight: like riod_link_follow() */
static bool follow(struct att *a)
{
	struct end *e = &a->st;
	struct msg *m;
	bool settled;

	e->kicked = false;
	gather(a, &e->waiting);
	while ((m = sim_get(&e->events)))
		sim_put(&e->waiting, m);
	e->looked = e->y.tx_cut;
	e->in_collect = true;
	e->pump = sim_self();
	settled = riod_sync_is_settled(&e->y);
	e->in_collect = false;
	e->pump = NULL;
	if (!settled) {
		e->kicked = true;
		return false;
	}
	e->looked = 0;
	sim_window(WIN_FOLLOWED);
	while ((m = sim_get(&e->waiting)))
		sim_send(e->tx, m);
	return true;
}

struct service {
	struct att *a;
	struct end *e;
	u64 due;		/* time of the next background cut, in accesses (rule 12) */
};

static bool has_events(struct att *a, struct end *e)
{
	u32 i;

	if (e->kicked)
		return true;
	if (e == &a->fe)
		return e->events.n || a->records.n;
	for (i = 0; i < SIM_VECTORS; i++) {
		if (a->irqs_raised[i])
			return true;
	}
	return e->events.n;
}

static bool may_pump(void *arg)
{
	struct service *s = arg;
	struct riod_sync *y = &s->e->y;

	/* rule 19: no cut is taken, and no event, while the connection is broken */
	if (s->a->lost || s->e->broken || s->e->tx->tx_seq - s->e->tx->acked > FRAMES_MAX)
		return false;
	if (s->e == &s->a->st && in_flight(s->a))
		return s->e->looked != y->tx_cut && has_events(s->a, s->e);
	return sim_hurry() || s->e->waiting.n || sim_steps() >= s->due || has_events(s->a, s->e);
}

static void run_pump(void *arg)
{
	struct service *s = arg;

	for (;;) {
		sim_wait(may_pump, s);
		if (s->e == &s->a->st)
			riod_sync_acked(&s->e->y, s->a->acked);
		if (s->e == &s->a->st && in_flight(s->a))
			sim_did(follow(s->a));
		else
			sim_did(pump(s->a, s->e));
		s->due = sim_steps() + sim_random(20000);
		sim_pause();
	}
}

/* ------------------------------------------------------------ receiving */

static void receive_cut(struct att *a, struct end *e, struct riod_frame *f)
{
	const struct riod_wire_cut_commit *c = (const void *)f->body;
	u64 late = e->y.stats.late, dropped = e->y.stats.dropped;
	int err;

	if (f->hdr.type == RIOD_FRAME_CUT_DATA) {
		if (riod_sync_stage(&e->y, f))
			sim_fail("accepted", "a cut of the peer's was refused");
		return;
	}
	e->in_apply = true;
	err = riod_sync_apply(&e->y, c);
	e->in_apply = false;
	sim_trace("applied cut %llu", le64_to_cpu(c->cut));
	if (err)
		sim_fail("accepted", "a commit of the peer's was refused: %d", err);
	else if (e == &a->fe && sim_w.proto->profile)
		sim_profile_turn(a, sim_w.proto->profile->after_apply);
	if (e->y.stats.late != late)
		sim_window(WIN_LATE);
	if (e->y.stats.dropped != dropped)
		sim_window(e->y.nsent ? WIN_CONFLICT_FLIGHT : WIN_CONFLICT_UNSENT);
	riod_frame_free(f);
}

static void stub_map(struct att *a, const struct msg *m)
{
	struct riod_sync_page *page = sim_engine_page(&a->st, m->id);
	u8 *shadow = page ? page->live : aligned_alloc(RIOD_PAGE_SIZE, RIOD_PAGE_SIZE);

	if (a->iommu[m->n].shadow)
		sim_fail("accepted", "a map at %x, where the stub has one", m->n * RIOD_PAGE_SIZE);
	if (!page)
		memset(shadow, 0, RIOD_PAGE_SIZE);
	while (riod_sync_map(&a->st.y, m->id, shadow, m->prot, shadow))
		;
	a->iommu[m->n] = (struct st_map){ shadow, m->prot, m->tag };
}

/* the IOMMU first: the device must have no access when the engine drops the page */
static void stub_unmap(struct att *a, const struct msg *m)
{
	void *shadow;

	a->iommu[m->n].shadow = NULL;
	if (riod_sync_unmap(&a->st.y, m->id, m->prot, &shadow))
		free(shadow);
}

/* rule 9 (a cut is consistent): the device gets no new work while a cut waits for quiet */
static void stub_write_reg(struct att *a, const struct msg *m)
{
	if (a->st.y.gate.held)
		sim_window(WIN_HELD_BACK);
	mutex_lock(&a->st.y.gate);
	sim_trace("register %u is written: %llx", m->n, m->value);
	a->regs[m->n] = m->value;
	a->writes[m->n]++;
	mutex_unlock(&a->st.y.gate);
}

void sim_process(struct att *a, struct end *e, struct msg *m)
{
	switch (m->what) {
	case CUT:
		receive_cut(a, e, m->frame);
		m->frame = NULL;
		break;
	case MAP:
		stub_map(a, m);
		break;
	case UNMAP:
		stub_unmap(a, m);
		break;
	case EXPECT:
		while (m->n && riod_sync_expect(&a->st.y, m->value, m->prot, m->extents, m->n))
			;
		break;
	case FORGET:
		riod_sync_forget(&a->st.y, m->value, m->id);
		break;
	case REG_WRITE:
		check_once(a, m);
		stub_write_reg(a, m);
		break;
	case REG_READ:
		check_once(a, m);
		sim_post(a, &a->st.events, sim_new_msg(REPLY, 0, a->regs[m->n]));
		break;
	case REPLY:
		check_once(a, m);
		a->reply = m->value;
		a->reply_here = true;
		break;
	case IRQ:
		check_once(a, m);
		sim_trace("vector %u fires", m->n);
		a->irqs[m->n]++;
		break;
	}
	free(m);
}

static bool may_receive(void *arg)
{
	struct service *s = arg;

	return !s->a->lost && sim_may_receive(s->e);
}

static void run_receive(void *arg)
{
	struct service *s = arg;

	for (;;) {
		sim_wait(may_receive, s);
		sim_receive(s->a, s->e);
		sim_did(true);
		sim_pause();
	}
}

/* ------------------------------------------------------------ loss */

void sim_run_cutter(void *arg)
{
	struct att *a = arg;
	u32 n;

	for (n = sim_random(100); n; n--) {
		if (sim_w.guest_done)
			return;
		sim_relax();
	}
	sim_trace("the connection breaks");
	if (a->fe.y.nstaged || a->st.y.nstaged)
		sim_window(WIN_LOST_STAGED);
	if (a->up.wire.n || a->down.wire.n)
		sim_window(WIN_LOST_QUEUED);
	if (a->fe.broken && a->st.broken)
		sim_window(WIN_LOST_BROKEN);
	/* the fence: the device stores nothing from here on */
	a->lost = true;
	sim_drop(&a->up.wire);
	sim_drop(&a->down.wire);
	sim_drop(&a->fe.events);
	sim_drop(&a->st.events);
	sim_drop(&a->st.waiting);
}

/* a point of the schedule: callers hold no lock other than the gate */
void cond_resched(void)
{
	sim_step();
}

static struct service services[SIM_ATTS][4];

void sim_spawn_services(struct att *a)
{
	static const char *const names[SIM_ATTS][4] = {
		{ "fe-pump", "fe-receive", "st-pump", "st-receive" },
		{ "fe-pump-1", "fe-recv-1", "st-pump-1", "st-recv-1" },
	};
	struct service *s = services[a->nr];
	u32 i;

	for (i = 0; i < 4; i++) {
		s[i] = (struct service){ .a = a, .e = i < 2 ? &a->fe : &a->st };
		sim_spawn(&(struct sim_task_params){
			.name = names[a->nr][i], .fn = i & 1 ? run_receive : run_pump,
			.arg = &s[i], .service = true, .burst_max = 12 });
	}
}

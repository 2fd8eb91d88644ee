// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two ends and the network between them: the work of link_pump.c and the session,
 * without the kernel.  An acknowledgment overtakes everything, as a header is filled
 * in when its frame is sent.
 */
#include <sched.h>

#include <linux/sched.h>
#include <linux/slab.h>

#include "threads.h"

static void queue_init(struct sim_queue *q)
{
	pthread_mutex_init(&q->lock, NULL);
	INIT_LIST_HEAD(&q->msgs);
}

static void queue_put(struct sim_queue *q, struct sim_msg *m)
{
	pthread_mutex_lock(&q->lock);
	list_add_tail(&m->list, &q->msgs);
	atomic_fetch_add(&q->n, 1);
	pthread_mutex_unlock(&q->lock);
}

static struct sim_msg *queue_get(struct sim_queue *q)
{
	struct sim_msg *m;

	pthread_mutex_lock(&q->lock);
	m = list_first_entry_or_null(&q->msgs, struct sim_msg, list);
	if (m) {
		list_del(&m->list);
		atomic_fetch_sub(&q->n, 1);
	}
	pthread_mutex_unlock(&q->lock);
	return m;
}

static void queue_take(struct sim_queue *q, struct list_head *to)
{
	pthread_mutex_lock(&q->lock);
	list_splice_tail_init(&q->msgs, to);
	atomic_store(&q->n, 0);
	pthread_mutex_unlock(&q->lock);
}

static struct sim_msg *new_msg(enum sim_what what)
{
	struct sim_msg *m = calloc(1, sizeof(*m));

	m->what = what;
	return m;
}

void sim_post(struct sim_end *end, enum sim_what what, u32 value)
{
	struct sim_msg *m = new_msg(what);

	m->value = value;
	queue_put(&end->events, m);
}

/* ------------------------------------------------------------ maps */

void sim_map(enum sim_page_name page, u32 prot, u8 tag, bool fresh)
{
	struct sim_msg *m = new_msg(MAP);

	if (fresh)
		world->pages[page].id = ++world->next_id;
	m->page = page;
	m->id = world->pages[page].id;
	m->prot = prot;
	m->tag = tag;
	queue_put(&world->fe.maps, m);
}

/* takes effect at once (rule 4); the record is sent with the next cut */
void sim_unmap(enum sim_page_name page, u32 prot)
{
	struct sim_msg *m = new_msg(UNMAP);
	void *priv;

	m->page = page;
	m->id = world->pages[page].id;
	m->prot = prot;
	riod_sync_unmap(&world->fe.y, m->id, prot, &priv);
	queue_put(&world->fe.maps, m);
}

/* frontend's pump, before it takes the cut */
static void prepare(struct sim_end *fe)
{
	struct sim_msg *m;
	unsigned int i;

	while ((m = queue_get(&fe->maps))) {
		if (m->what == MAP) {
			while (riod_sync_map(&fe->y, m->id, world->pages[m->page].mem,
					     m->prot, NULL))
				;
			for (i = 0; i < ARRAY_SIZE(world->churn); i++) {
				if (world->churn[i].page == m->page && m->tag)
					atomic_store(&world->churn[i].state, MAPPED);
			}
		}
		queue_put(fe->tx, m);
	}
}

static void stub_map(const struct sim_msg *m)
{
	struct sim_page *page = &world->pages[m->page];
	u8 *shadow = NULL;

	if (!xa_load(&world->st.y.index, m->id)) {
		shadow = aligned_alloc(RIOD_PAGE_SIZE, RIOD_PAGE_SIZE);
		memset(shadow, 0, RIOD_PAGE_SIZE);
		atomic_store(&page->shadow, shadow);
	}
	while (riod_sync_map(&world->st.y, m->id, atomic_load(&page->shadow), m->prot,
			     atomic_load(&page->shadow)))
		;
	if (m->prot & RIOD_PROT_WRITE)
		atomic_store(&page->st_tag, m->tag ?: 1);
}

/* the IOMMU first: the device must have no access when the engine drops the page */
static void stub_unmap(const struct sim_msg *m)
{
	struct sim_page *page = &world->pages[m->page];
	void *shadow;

	if (m->prot & RIOD_PROT_WRITE)
		atomic_store(&page->st_tag, 0);
	pthread_mutex_lock(&world->map_lock);
	if (riod_sync_unmap(&world->st.y, m->id, m->prot, &shadow)) {
		atomic_store(&page->shadow, NULL);
		free(shadow);
	}
	pthread_mutex_unlock(&world->map_lock);
}

/* ------------------------------------------------------------ sending */

static s64 collect(struct sim_end *end, struct list_head *frames)
{
	s64 bytes;

	do {
		bytes = riod_sync_collect(&end->y, frames, RIOD_FRAME_MIN);
	} while (bytes == -ENOMEM);
	return bytes;
}

static void send_events(struct sim_end *end, struct list_head *events)
{
	struct sim_msg *m, *tmp;

	list_for_each_entry_safe(m, tmp, events, list) {
		list_del(&m->list);
		queue_put(end->tx, m);
	}
}

/* stub, while a cut is in flight: like riod_link_follow() */
static bool follow(struct sim_end *end)
{
	LIST_HEAD(events);

	if (end->looked || !atomic_load(&end->events.n))
		return false;
	list_splice_tail_init(&end->waiting, &events);
	queue_take(&end->events, &events);
	if (riod_sync_is_settled(&end->y)) {
		atomic_fetch_add(&end->followed, 1);
		send_events(end, &events);
		return true;
	}
	end->looked = true;
	list_splice_tail_init(&events, &end->waiting);
	return false;
}

/* one round; true if anything was sent */
bool sim_pump(struct sim_end *end)
{
	struct riod_frame *f, *ftmp;
	struct sim_msg *m;
	LIST_HEAD(events);
	LIST_HEAD(frames);
	bool sent;

	if (end == &world->st)
		riod_sync_acked(&end->y, atomic_load(&world->applied));
	if (atomic_load(&end->tx->n) > WINDOW)
		return false;
	if (riod_sync_in_flight(&end->y))
		return follow(end);
	end->looked = false;
	list_splice_tail_init(&end->waiting, &events);
	queue_take(&end->events, &events);
	if (end == &world->fe)
		prepare(end);
	collect(end, &frames);
	sent = !list_empty(&frames) || !list_empty(&events);
	list_for_each_entry_safe(f, ftmp, &frames, list) {
		list_del(&f->list);
		m = new_msg(CUT);
		m->frame = f;
		queue_put(end->tx, m);
	}
	send_events(end, &events);
	return sent;
}

/* ------------------------------------------------------------ receiving */

static void receive_cut(struct sim_end *end, struct riod_frame *f)
{
	const struct riod_wire_cut_commit *c = (const void *)f->body;
	int err;

	if (f->hdr.type == RIOD_FRAME_CUT_DATA) {
		err = riod_sync_stage(&end->y, f);
		f = NULL;
	} else {
		err = riod_sync_apply(&end->y, c);
		if (!err && end == &world->fe)
			atomic_store(&world->applied, le64_to_cpu(c->cut));
	}
	if (err)
		sim_fail("accepted", "a cut of the peer's was refused: %d", err);
	riod_frame_free(f);
}

bool sim_receive(struct sim_end *end)
{
	struct sim_msg *m = queue_get(end->rx);

	if (!m)
		return false;
	switch (m->what) {
	case CUT:
		receive_cut(end, m->frame);
		break;
	case MAP:
		stub_map(m);
		break;
	case UNMAP:
		stub_unmap(m);
		break;
	case DOORBELL:
		sim_on_doorbell(m->value);
		break;
	case DOORBELL_TTL:
		sim_on_ttl_doorbell();
		break;
	case IRQ:
		sim_on_irq(m->value);
		break;
	case IRQ_TTL:
		sim_on_ttl_irq();
		break;
	}
	free(m);
	return true;
}

void cond_resched(void)
{
	sched_yield();
}

/* ------------------------------------------------------------ set-up and end */

static void end_init(struct sim_end *end, enum riod_sync_role role,
		     struct sim_queue *tx, struct sim_queue *rx)
{
	/* practically no deadline, because the host may deschedule a thread for any time */
	const struct riod_sync_params params = { .deadline_us = 1000000000 };

	WARN_ON(riod_sync_init(&end->y, role, &params));
	queue_init(&end->events);
	queue_init(&end->maps);
	INIT_LIST_HEAD(&end->waiting);
	end->tx = tx;
	end->rx = rx;
}

void sim_ends_init(void)
{
	unsigned int i;

	queue_init(&world->up);
	queue_init(&world->down);
	pthread_mutex_init(&world->map_lock, NULL);
	end_init(&world->fe, RIOD_SYNC_FRONTEND, &world->down, &world->up);
	end_init(&world->st, RIOD_SYNC_STUB, &world->up, &world->down);
	for (i = 0; i < NPAGES; i++) {
		world->pages[i].mem = aligned_alloc(RIOD_PAGE_SIZE, RIOD_PAGE_SIZE);
		world->pages[i].id = ++world->next_id;
	}
}

static void end_exit(struct sim_end *end)
{
	struct riod_sync_page *page;
	struct sim_msg *m;
	void *priv;

	send_events(end, &end->waiting);
	while ((m = queue_get(end->rx)) || (m = queue_get(&end->events)) ||
	       (m = queue_get(&end->maps))) {
		riod_frame_free(m->frame);
		free(m);
	}
	while ((page = list_first_entry_or_null(&end->y.pages, struct riod_sync_page, scan))) {
		if (riod_sync_unmap(&end->y, page->id,
				    (page->nread ? RIOD_PROT_READ : 0) |
				    (page->nwrite ? RIOD_PROT_WRITE : 0), &priv))
			free(priv);
	}
	WARN_ON(!list_empty(&end->y.sent) || end->y.nsent ||
		end->y.npages || end->y.nwritable);
	riod_sync_destroy(&end->y);
}

void sim_ends_exit(void)
{
	unsigned int i;

	/* the stub first: its waiting events go to the frontend's queue, which is emptied next */
	end_exit(&world->st);
	end_exit(&world->fe);
	for (i = 0; i < NPAGES; i++)
		free(world->pages[i].mem);
}

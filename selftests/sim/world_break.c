// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions that outlive their connection: the work of session_tx.c, session_rx.c and
 * session_resume.c, without the kernel.
 *
 * Frames are numbered, and in runs with breaks the sender retains them until they are
 * acknowledged, which may be late.  A break drops what is on its way, from any frame on.  A
 * frame that is cut inside is dropped whole, so it is no other case.  Each end goes on until
 * it notices: it takes cuts for a connection that is gone, and receives what arrived before.
 * Then its pump and its receive thread rest when they are done with what they are at.  Guest,
 * CPUs and devices never rest.
 */
#include <linux/slab.h>

#include "world_priv.h"

/* ------------------------------------------------------------ sending */

/* FNV-1a of the body */
static u64 sum_of(const struct riod_frame *f)
{
	u64 sum = 0xcbf29ce484222325ull;
	u32 i;

	for (i = 0; f && i < f->len; i++)
		sum = (sum ^ f->body[i]) * 0x100000001b3ull;
	return sum;
}

static struct riod_frame *copy_of(const struct riod_frame *f)
{
	size_t size = sizeof(*f) + f->len;

	return memcpy(malloc(size), f, size);
}

/* the network has a copy of @m, as it has of a frame in the kernel */
static void transmit(struct stream *s, const struct msg *m)
{
	struct msg *copy = sim_new_msg(m->what, 0, 0);

	if (sum_of(m->frame) != m->sum)
		sim_fail("immutable", "frame %llu changed after it was queued", m->seq);
	*copy = *m;
	if (m->frame)
		copy->frame = copy_of(m->frame);
	sim_put(&s->wire, copy);
}

void sim_send(struct stream *s, struct msg *m)
{
	m->seq = ++s->tx_seq;
	if (!sim_w.breaks) {
		sim_put(&s->wire, m);
		return;
	}
	m->sum = sum_of(m->frame);
	sim_put(&s->retained, m);
	if (!s->cut)
		transmit(s, m);
}

/* ------------------------------------------------------------ acknowledgments */

/* like riod_link_acked() */
static void end_flight(struct att *a)
{
	if (a->up.acked >= a->flight_seq)
		a->acked = a->flight;
}

void sim_note_cut(struct att *a, u64 seq, u64 cut)
{
	a->flight_seq = seq;
	a->flight = cut;
	end_flight(a);
}

/* the sender of @s hears that @seq was processed */
static void acknowledge(struct stream *s, u64 seq)
{
	struct msg *m;

	if (seq < s->acked || seq > s->tx_seq)
		sim_fail("once", "frame %llu is acknowledged, after %llu of %llu", seq,
			 s->acked, s->tx_seq);
	s->acked = seq;
	while ((m = list_first_entry_or_null(&s->retained.msgs, struct msg, list)) &&
	       m->seq <= seq)
		sim_free(sim_get(&s->retained));
}

/* an acknowledgment overtakes everything, as a header is filled in when its frame is sent */
static bool ack_is_due(struct end *e)
{
	struct stream *s = e->rx;

	return s->acked < s->rx_seq && !e->tx->cut && (sim_hurry() || sim_steps() >= s->ack_due);
}

bool sim_may_receive(struct end *e)
{
	return !e->broken && (e->rx->wire.n || ack_is_due(e));
}

/* the receive thread is done with a frame; later frames may be acknowledged with it */
static void processed(struct stream *s, u64 seq)
{
	s->rx_seq = seq;
	if (sim_w.breaks && s->ack_due <= sim_steps())
		s->ack_due = sim_steps() + (sim_random(2) ? 0 : sim_random(3000));
}

void sim_receive(struct att *a, struct end *e)
{
	struct stream *s = e->rx;
	struct msg *m = sim_get(&s->wire);

	if (m && m->seq != s->rx_seq + 1)
		sim_fail("once", "frame %llu follows %llu", m->seq, s->rx_seq);
	if (m) {
		u64 seq = m->seq;

		e->busy = true;
		sim_process(a, e, m);
		processed(s, seq);
		e->busy = false;
	}
	if (ack_is_due(e)) {
		acknowledge(s, s->rx_seq);
		if (s == &a->up)
			end_flight(a);
	}
}

/* ------------------------------------------------------------ a break */

/* from now on nothing that is sent arrives, nor does what is dropped here */
static void sever(struct stream *s)
{
	u32 arrive = s->wire.n ? sim_random(s->wire.n + 1) : 0;
	struct msg *m;

	s->cut = true;
	while (s->wire.n > arrive) {
		m = list_last_entry(&s->wire.msgs, struct msg, list);
		list_del(&m->list);
		s->wire.n--;
		sim_free(m);
	}
}

static bool irq_is_pending(struct att *a)
{
	const struct msg *m;
	u32 i;

	list_for_each_entry(m, &a->st.waiting.msgs, list) {
		if (m->what == IRQ)
			return true;
	}
	for (i = 0; i < SIM_VECTORS; i++) {
		if (a->irqs_raised[i])
			return true;
	}
	return false;
}

/* like riod_session_break(): @e shuts the connection down, and rests */
static void notice(struct att *a, struct end *e)
{
	sim_trace("the %s notices a break", e == &a->fe ? "frontend" : "stub");
	if (e->in_collect)
		sim_window(WIN_BROKE_IN_PASS);
	if (e->in_apply)
		sim_window(WIN_BROKE_IN_APPLY);
	if (e == &a->st && irq_is_pending(a))
		sim_window(WIN_BROKE_IRQ);
	e->broken = true;
	e->tx->cut = true;
	e->rx->cut = true;
	sim_drop(&e->rx->wire);
}

static void rest(u32 most)
{
	u32 n;

	for (n = sim_random(most + 1); n; n--)
		sim_relax();
}

static void break_connection(struct att *a)
{
	bool stub_first = sim_random(2), up_first = sim_random(2);

	sim_trace("the connection breaks");
	sever(up_first ? &a->up : &a->down);
	rest(sim_random(3));
	if (sim_random(2))
		sever(up_first ? &a->down : &a->up);
	rest(sim_random(3));
	notice(a, stub_first ? &a->st : &a->fe);
	rest(sim_random(3));
	notice(a, stub_first ? &a->fe : &a->st);
}

/* ------------------------------------------------------------ a new connection */

static bool is_parked(void *end)
{
	return !((struct end *)end)->busy;
}

static enum sim_window window_of(enum what what)
{
	static const enum sim_window windows[] = {
		[CUT] = WIN_RESENT_CUT,
		[MAP] = WIN_RESENT_MAP,
		[UNMAP] = WIN_RESENT_UNMAP,
		[EXPECT] = WIN_RESENT_MAP,
		[FORGET] = WIN_RESENT_UNMAP,
		[REG_WRITE] = WIN_RESENT_WRITE,
		[REG_READ] = WIN_RESENT_READ,
		[REPLY] = WIN_RESENT_REPLY,
		[IRQ] = WIN_RESENT_IRQ,
	};

	return windows[what];
}

static void watch_resend(struct att *a, struct end *e, u64 peer_rx_seq)
{
	struct end *peer = e == &a->fe ? &a->st : &a->fe;
	const struct msg *m;

	if (e == &a->st && e->tx->acked < a->flight_seq && peer_rx_seq >= a->flight_seq)
		sim_window(WIN_BROKE_ACK);
	list_for_each_entry(m, &e->tx->retained.msgs, list) {
		if (m->seq != peer_rx_seq + 1)
			continue;
		sim_window(window_of(m->what));
		if (m->what != CUT || !peer->y.nstaged)
			continue;
		sim_window(m->frame->hdr.type == RIOD_FRAME_CUT_DATA ? WIN_BROKE_BETWEEN :
			   WIN_BROKE_STAGED);
	}
}

/* like riod_session_install() */
static void install(struct att *a, struct end *e, u64 peer_rx_seq)
{
	struct msg *m;

	watch_resend(a, e, peer_rx_seq);
	acknowledge(e->tx, peer_rx_seq);
	if (e == &a->st)
		end_flight(a);
	/* of a new connection that broke before the peer could use it */
	sim_drop(&e->tx->wire);
	e->tx->cut = false;
	list_for_each_entry(m, &e->tx->retained.msgs, list)
		transmit(e->tx, m);
	e->broken = false;
	/* one fresh cut, as of riod_link_connection() */
	e->kicked = true;
	sim_trace("the %s goes on behind frame %llu", e == &a->fe ? "frontend" : "stub",
		  peer_rx_seq);
}

/*
 * HELLO and WELCOME.  The stub sends as soon as it has answered.  false: the frontend did not
 * get the answer, and will ask again.
 */
static bool resume(struct att *a)
{
	u64 hello, welcome;

	sim_wait(is_parked, &a->fe);
	hello = a->up.rx_seq;
	rest(sim_random(3));
	sim_wait(is_parked, &a->st);
	welcome = a->down.rx_seq;
	install(a, &a->st, hello);
	rest(sim_random(3));
	if (!sim_random(6)) {
		sim_window(WIN_WELCOME_LOST);
		sever(&a->up);
		rest(sim_random(3));
		notice(a, &a->st);
		return false;
	}
	install(a, &a->fe, welcome);
	return true;
}

/* ------------------------------------------------------------ when */

static bool any_time(struct att *a)
{
	(void)a;
	return true;
}

static bool in_pass(struct att *a)
{
	return a->fe.in_collect || a->st.in_collect;
}

static bool in_apply(struct att *a)
{
	return a->fe.in_apply || a->st.in_apply;
}

static bool is_staged(struct att *a)
{
	return (a->fe.y.nstaged || a->st.y.nstaged) && !in_apply(a);
}

static bool is_unacknowledged(struct att *a)
{
	return a->up.acked < a->up.rx_seq;
}

static bool is_on_its_way(struct att *a)
{
	return a->up.wire.n && a->down.wire.n;
}

static bool (*const moments[])(struct att *a) = {
	any_time, in_pass, in_apply, is_staged, irq_is_pending, is_unacknowledged, is_on_its_way,
};

struct moment {
	struct att *a;
	bool (*is)(struct att *a);
	u64 latest;
};

static bool is_moment(void *moment)
{
	struct moment *m = moment;

	/* some moments never come */
	return sim_w.guest_done || m->a->lost || m->is(m->a) || sim_steps() > m->latest ||
	       sim_hurry();
}

void sim_run_breaker(void *arg)
{
	u32 breaks = 1 + sim_random(4);

	(void)arg;
	for (; breaks; breaks--) {
		struct moment m = {
			.a = &sim_w.atts[sim_random(sim_w.natts)],
			.is = moments[sim_random(ARRAY_SIZE(moments))],
		};

		rest(1u << sim_random(7));
		m.latest = sim_steps() + 20000;
		sim_wait(is_moment, &m);
		if (sim_w.guest_done || m.a->lost)
			return;
		break_connection(m.a);
		do
			rest(1u << sim_random(6));
		while (!m.a->lost && !resume(m.a));
	}
}

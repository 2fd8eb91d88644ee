// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions that lose their connection: two of them against each other, with a listener
 * that resumes as the stub's does
 */
#include "compat_export.h"
#include "session_pair.h"
#include "session_priv.h"

static const struct riod_session_params survives = {
	.version = RIOD_VERSION_1,
	.nfuncs = 1,
	.tx_window = RIOD_WINDOW_MIN,
	.tx_max_frame = RIOD_FRAME_MAX,
	.rx_max_frame = RIOD_FRAME_MAX,
	.features = RIOD_FEATURE_RESUME,
	.keepalive_ms = RIOD_KEEPALIVE_MAX_MS,
	.lost_ms = RIOD_LOST_MAX_MS,
	.id = "0123456789abcde",
};

/**
 * struct server - resumes the session of @stub
 * @test: for expectations
 * @fe: the client
 * @stub: the only session
 * @mode: what it does with the next handshakes
 * @reason: of REFUSE
 * @nresumed: handshakes that continued the session
 * @nbusy: handshakes that found it busy
 */
struct server {
	struct kunit *test;
	struct end *fe;
	struct end *stub;
	enum { RESUME, REFUSE, NO_WELCOME, WRONG_SEQ, SILENT, NO_PROGRESS, ONE_FRAME } mode;
	enum riod_reason reason;
	atomic_t nresumed;
	atomic_t nbusy;
};

static void serve_resume(struct server *srv, struct riod_conn *conn,
			 const struct riod_wire_hello *hello)
{
	struct riod_session *s = srv->stub->s;
	u64 theirs = le64_to_cpu(hello->rx_seq), rx_seq;
	int err;

	err = riod_session_resume_begin(s, theirs, &rx_seq);
	if (err) {
		atomic_add(err == -EBUSY, &srv->nbusy);
		riod_negotiate_refuse(conn, err == -EBUSY ? RIOD_REASON_BUSY :
				      RIOD_REASON_NO_SESSION, NULL);
		riod_conn_close(conn);
		return;
	}
	if (srv->mode == NO_WELCOME) {
		/* once: the next attempt succeeds */
		srv->mode = RESUME;
		riod_session_resume_end(s, NULL, theirs);
		riod_conn_close(conn);
		return;
	}
	if (srv->mode == WRONG_SEQ)
		rx_seq += 1000;
	err = riod_negotiate_resumed(conn, riod_session_params(s), rx_seq);
	if (err || riod_session_resume_end(s, conn, theirs)) {
		if (err)
			riod_session_resume_end(s, NULL, theirs);
		riod_conn_close(conn);
		return;
	}
	atomic_inc(&srv->nresumed);
}

/* a handshake that shall be refused; gives up if it is not, so that nothing stays locked */
static int begin_refused(struct end *e, u64 theirs)
{
	u64 rx_seq;
	int err = riod_session_resume_begin(e->s, theirs, &rx_seq);

	if (!err)
		riod_session_resume_end(e->s, NULL, theirs);
	return err;
}

static void serve(struct riod_conn *conn, void *priv)
{
	struct server *srv = priv;
	struct riod_wire_hello hello;

	if (srv->mode == SILENT || riod_negotiate_hello(conn, &hello)) {
		riod_conn_close(conn);
		return;
	}
	KUNIT_EXPECT_EQ(srv->test, hello.intent, RIOD_INTENT_RESUME);
	KUNIT_EXPECT_MEMEQ(srv->test, hello.session, survives.id, sizeof(hello.session));
	if (srv->mode == REFUSE) {
		riod_negotiate_refuse(conn, srv->reason, NULL);
		riod_conn_close(conn);
		return;
	}
	if (srv->mode == NO_PROGRESS || srv->mode == ONE_FRAME) {
		/* it resumes, has processed nothing, and breaks again */
		riod_negotiate_resumed(conn, &survives, 0);
		if (srv->mode == ONE_FRAME)
			pair_send(conn, riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL));
		riod_conn_close(conn);
		return;
	}
	serve_resume(srv, conn, &hello);
}

static struct riod_conn *end_connect(void *priv, unsigned int timeout_ms)
{
	struct end *e = priv;

	atomic_inc(&e->dials);
	return pair_dial(e->pair, timeout_ms);
}

static void end_connection(void *priv)
{
	struct end *e = priv;

	atomic_inc(&e->moves);
}

static const struct riod_session_ops client_ops = {
	.over = end_over,
	.frame = end_frame,
	.lost = end_lost,
	.connect = end_connect,
	.connection = end_connection,
};

static const struct riod_session_ops server_ops = {
	.over = end_over,
	.frame = end_frame,
	.lost = end_lost,
	.connection = end_connection,
};

/* no handshake is served any more: the stub may be freed.  May be called again. */
static void server_stop(struct server *srv)
{
	struct pair *p = srv->fe->pair;

	if (p->listener)
		p->ops->unlisten(p->listener);
	p->listener = NULL;
}

static void server_exit(void *data)
{
	server_stop(data);
}

static u64 received(struct end *e)
{
	struct riod_session_stats st;

	riod_session_get_stats(e->s, &st);
	return st.rx_frames;
}

static struct server *server_start_ops(struct kunit *test, struct pair *p,
				       const struct riod_session_params *client,
				       const struct riod_session_params *server,
				       const struct riod_session_ops *ops)
{
	struct server *srv = kunit_kzalloc(test, sizeof(*srv), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, srv);
	srv->test = test;
	srv->fe = end_create_ops(test, &p->near, true, client, ops);
	srv->fe->pair = p;
	srv->stub = end_create_ops(test, &p->far, false, server, &server_ops);
	p->accept_priv = srv;
	/* the listener's thread accepts nothing before a test cuts the first connection */
	p->accept = serve;
	/* runs before the ends are stopped */
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, server_exit, srv), 0);
	KUNIT_ASSERT_EQ(test, riod_session_start(srv->fe->s), 0);
	KUNIT_ASSERT_EQ(test, riod_session_start(srv->stub->s), 0);
	/* from the client's first frame on the stub waits for it when the connection breaks */
	if (server->features)
		KUNIT_ASSERT_TRUE(test, pair_eventually(received(srv->stub)));
	return srv;
}

static struct server *server_start_both(struct kunit *test, struct pair *p,
					const struct riod_session_params *client,
					const struct riod_session_params *server)
{
	return server_start_ops(test, p, client, server, &client_ops);
}

static struct server *server_start(struct kunit *test, struct pair *p,
				   const struct riod_session_params *params)
{
	return server_start_both(test, p, params, params);
}

static u64 breaks(struct end *e)
{
	struct riod_session_stats st;

	riod_session_get_stats(e->s, &st);
	return st.breaks;
}

static bool is_up(struct server *srv)
{
	return !riod_session_is_broken(srv->fe->s) && !riod_session_is_broken(srv->stub->s);
}

/* end the connection as a network does: without a word to the session */
static void cut(struct end *e)
{
	/* who resumes it may not have left yet */
	WARN_ON_ONCE(!pair_eventually(riod_session_cut(e->s)));
}

/* ------------------------------------------------------------ the stream */

/*
 * Frame number @n, both ways, without a cut: afterwards there is a connection that works.
 * What arrived before may have been read from one that is cut.
 */
static void one_more(struct kunit *test, struct server *srv, u32 n)
{
	struct end *ends[] = { srv->fe, srv->stub };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		ends[i]->cut_every = 0;
		reinit_completion(&ends[i]->reached);
		ends[i]->target = n + 1;
	}
	KUNIT_EXPECT_EQ(test, send_one(srv->fe->s, reg_make(n)), 0);
	KUNIT_EXPECT_EQ(test, send_one(srv->stub->s, irq_of(n)), 0);
	for (i = 0; i < ARRAY_SIZE(ends); i++)
		pair_expect_done(test, &ends[i]->reached);
}

/*
 * Every frame arrives once and in order, wherever the connection is cut: here by an owner in
 * the middle of the stream, so that frames on both sides are sent and not acknowledged.
 */
static void cuts_under_load(struct kunit *test)
{
	struct riod_session_params params = survives;
	const u32 frames = RIOD_LOAD(3000);
	struct pair *p = pair_connect(test);
	struct runner *r[2];
	struct server *srv;

	params.tx_window = 4096;
	srv = server_start(test, p, &params);
	srv->fe->target = frames;
	srv->stub->target = frames;
	srv->fe->cut_every = 23;
	srv->stub->cut_every = 31;
	r[0] = burst_start(test, srv->fe, reg_make, frames, 0);
	r[1] = burst_start(test, srv->stub, irq_of, frames, 70);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[0]), 0);
	KUNIT_EXPECT_EQ(test, runner_join(test, r[1]), 0);
	pair_expect_done(test, &srv->fe->reached);
	pair_expect_done(test, &srv->stub->reached);
	/* some cuts hit a connection that is being replaced */
	KUNIT_EXPECT_GE(test, breaks(srv->fe), frames / 124);
	KUNIT_EXPECT_GE(test, breaks(srv->stub), frames / 124);
	one_more(test, srv, frames);
	server_stop(srv);
	riod_session_end(srv->fe->s, RIOD_REASON_DETACH);
	expect_lost(test, srv->fe, RIOD_REASON_DETACH);
	expect_lost(test, srv->stub, RIOD_REASON_DETACH);
	KUNIT_EXPECT_EQ(test, srv->fe->count, frames + 1);
	KUNIT_EXPECT_EQ(test, srv->stub->count, frames + 1);
}

/* frames that are queued during the break arrive after it; both owners see it */
static void queued_meanwhile(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);

	srv->mode = SILENT;
	cut(srv->fe);
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&srv->fe->dials) > 2));
	KUNIT_EXPECT_TRUE(test, riod_session_is_broken(srv->fe->s));
	KUNIT_EXPECT_TRUE(test, riod_session_is_broken(srv->stub->s));
	KUNIT_EXPECT_EQ(test, atomic_read(&srv->fe->moves), 1);
	srv->stub->target = 10;
	srv->fe->target = 10;
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->fe, reg_make, 10 }), 0);
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->stub, irq_of, 10 }), 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(srv->stub->count), 0);
	srv->mode = RESUME;
	pair_expect_done(test, &srv->stub->reached);
	pair_expect_done(test, &srv->fe->reached);
	KUNIT_EXPECT_TRUE(test, is_up(srv));
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&srv->fe->moves) == 2 &&
						atomic_read(&srv->stub->moves) == 2));
	KUNIT_EXPECT_EQ(test, srv->stub->disorder + srv->fe->disorder, 0);
}

/* the stub has not noticed the break: the handshake takes the session over */
static void takes_over(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);
	u64 rx_seq;

	/* what a handshake does, without a break before */
	KUNIT_ASSERT_EQ(test, riod_session_resume_begin(srv->stub->s, 0, &rx_seq), 0);
	KUNIT_EXPECT_EQ(test, rx_seq, 0);
	KUNIT_EXPECT_TRUE(test, riod_session_is_broken(srv->stub->s));
	/* a second one */
	KUNIT_EXPECT_EQ(test, riod_session_resume_begin(srv->stub->s, 0, &rx_seq), -EBUSY);
	KUNIT_EXPECT_EQ(test, riod_session_resume_end(srv->stub->s, NULL, 0), 0);
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&srv->nresumed) == 1));
	KUNIT_EXPECT_TRUE(test, pair_eventually(is_up(srv)));
}

/* the answer is lost after the stub has stood still: the next attempt succeeds */
static void welcome_is_lost(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);

	srv->mode = NO_WELCOME;
	srv->stub->target = 3;
	cut(srv->stub);
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->fe, reg_make, 3 }), 0);
	pair_expect_done(test, &srv->stub->reached);
	KUNIT_EXPECT_GE(test, atomic_read(&srv->fe->dials), 2);
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&srv->nresumed) == 1));
}

/* a frame that takes long: BUSY, and the session goes on when it is done */
static void busy(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);

	srv->stub->gated = true;
	srv->stub->target = 2;
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->fe, reg_make, 2 }), 0);
	pair_expect_done(test, &srv->stub->entered);
	cut(srv->fe);
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&srv->nbusy)));
	complete_all(&srv->stub->gate);
	pair_expect_done(test, &srv->stub->reached);
	KUNIT_EXPECT_EQ(test, srv->stub->disorder, 0);
	KUNIT_EXPECT_EQ(test, srv->stub->count, 2);
}

/* ------------------------------------------------------------ the end */

static void refused_for_good(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);

	srv->reason = RIOD_REASON_NO_SESSION;
	srv->mode = REFUSE;
	cut(srv->fe);
	expect_lost(test, srv->fe, RIOD_REASON_NO_SESSION);
}

/* BUSY, LIMIT, NO_MEMORY are for the moment */
static void refused_for_now(struct kunit *test)
{
	static const enum riod_reason reasons[] = {
		RIOD_REASON_BUSY, RIOD_REASON_LIMIT, RIOD_REASON_NO_MEMORY
	};
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);
	unsigned int i;
	int dials;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		srv->reason = reasons[i];
		srv->mode = REFUSE;
		dials = atomic_read(&srv->fe->dials);
		cut(srv->fe);
		KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&srv->fe->dials) > dials + 1));
		srv->mode = RESUME;
		KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&srv->nresumed) == i + 1));
		KUNIT_ASSERT_TRUE(test, pair_eventually(is_up(srv)));
	}
}

/* nobody comes back: each end gives up after lost_ms */
static void lost(struct kunit *test)
{
	struct riod_session_params params = survives;
	struct pair *p = pair_connect(test);
	struct server *srv;

	params.keepalive_ms = 50;
	params.lost_ms = 400;
	srv = server_start(test, p, &params);
	srv->mode = SILENT;
	cut(srv->fe);
	pair_expect_done(test, &srv->stub->lost);
	expect_lost(test, srv->fe, RIOD_REASON_CLOSED);
	server_stop(srv);
	expect_lost(test, srv->stub, RIOD_REASON_CLOSED);
}

/* the server sends nothing: the client connects again before the session is lost */
static void silence(struct kunit *test)
{
	struct riod_session_params params = survives;
	struct pair *p = pair_connect(test);
	struct server *srv;

	params.keepalive_ms = 50;
	params.lost_ms = 4000;
	/* the stub's keepalive is due in minutes */
	srv = server_start_both(test, p, &params, &survives);
	srv->stub->target = 1;
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&srv->nresumed) == 2));
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->fe, reg_make, 1 }), 0);
	pair_expect_done(test, &srv->stub->reached);
}

static struct server *server_start_stalling(struct kunit *test, struct pair *p)
{
	struct riod_session_params params = survives;
	struct server *srv;

	params.keepalive_ms = 50;
	/* time for several attempts on a slow machine */
	params.lost_ms = 2000;
	params.stall_ms = 3000;
	srv = server_start_both(test, p, &params, &survives);
	/* a frame that the stub never finishes */
	srv->stub->gated = true;
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->fe, reg_make, 1 }), 0);
	pair_expect_done(test, &srv->stub->entered);
	return srv;
}

/* a server that is busy forever does not keep the session forever */
static void busy_forever(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start_stalling(test, p);

	srv->reason = RIOD_REASON_BUSY;
	srv->mode = REFUSE;
	cut(srv->fe);
	pair_expect_done(test, &srv->fe->lost);
	KUNIT_EXPECT_GE(test, atomic_read(&srv->fe->dials), 2);
}

/* nor does one that resumes it again and again; and it is not asked without a pause */
static void no_progress(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start_stalling(test, p);

	srv->mode = NO_PROGRESS;
	cut(srv->fe);
	expect_lost(test, srv->fe, RIOD_REASON_TIMEOUT);
	KUNIT_EXPECT_GE(test, atomic_read(&srv->fe->dials), 2);
	KUNIT_EXPECT_LE(test, atomic_read(&srv->fe->dials), 40);
}

/* a number that was never sent, from either side, ends the session */
static void impossible_number(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);

	srv->mode = WRONG_SEQ;
	cut(srv->fe);
	expect_lost(test, srv->fe, RIOD_REASON_PROTOCOL);
	server_stop(srv);
	KUNIT_EXPECT_EQ(test, begin_refused(srv->stub, 1), -EPROTO);
	expect_lost(test, srv->stub, RIOD_REASON_PROTOCOL);
}

/* the owner ends it while the receive thread connects, and nobody answers */
static void ended_while_dialing(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);

	srv->mode = SILENT;
	cut(srv->fe);
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&srv->fe->dials) > 1));
	riod_session_end(srv->fe->s, RIOD_REASON_DETACH);
	expect_lost(test, srv->fe, RIOD_REASON_DETACH);
	server_stop(srv);
	riod_session_end(srv->stub->s, RIOD_REASON_UNBIND);
	expect_lost(test, srv->stub, RIOD_REASON_UNBIND);
}

/* without the feature a session ends with its connection */
static void not_agreed(struct kunit *test)
{
	struct riod_session_params params = survives;
	struct pair *p = pair_connect(test);
	struct server *srv;

	params.features = 0;
	srv = server_start(test, p, &params);
	KUNIT_EXPECT_EQ(test, begin_refused(srv->stub, 0), -ENOTCONN);
	cut(srv->fe);
	server_stop(srv);
	KUNIT_EXPECT_EQ(test, atomic_read(&srv->fe->dials), 0);
	expect_lost(test, srv->fe, RIOD_REASON_CLOSED);
	expect_lost(test, srv->stub, RIOD_REASON_CLOSED);
}

/* a HELLO that was held up: the connection that works stays */
static void late_hello(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);

	cut(srv->fe);
	KUNIT_ASSERT_TRUE(test, pair_eventually(atomic_read(&srv->nresumed) == 1));
	KUNIT_ASSERT_TRUE(test, pair_eventually(is_up(srv)));
	srv->fe->target = 3;
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->stub, irq_of, 3 }), 0);
	pair_expect_done(test, &srv->fe->reached);
	/* a frame is processed when its owner has returned */
	KUNIT_ASSERT_TRUE(test, pair_eventually(READ_ONCE(srv->fe->s->rx_seq) == 3));
	/* carries the acknowledgment */
	srv->stub->target = 1;
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->fe, reg_make, 1 }), 0);
	pair_expect_done(test, &srv->stub->reached);
	KUNIT_EXPECT_EQ(test, begin_refused(srv->stub, 2), -ESTALE);
	KUNIT_EXPECT_TRUE(test, is_up(srv));
	KUNIT_EXPECT_EQ(test, breaks(srv->stub), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&srv->stub->nover), 0);
}

/* the frontend is gone while the stub processes a frame: it is fenced in time all the same */
static void lost_in_a_frame(struct kunit *test)
{
	struct riod_session_params params = survives;
	struct pair *p = pair_connect(test);
	struct server *srv;

	params.keepalive_ms = 50;
	params.lost_ms = 400;
	srv = server_start(test, p, &params);
	srv->mode = SILENT;
	srv->stub->gated = true;
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->fe, reg_make, 1 }), 0);
	pair_expect_done(test, &srv->stub->entered);
	cut(srv->fe);
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&srv->stub->nover)));
	complete_all(&srv->stub->gate);
	pair_expect_done(test, &srv->stub->lost);
}

/* a peer that asks again and again, and never takes the answer, stalls */
static void never_takes_the_answer(struct kunit *test)
{
	struct riod_session_params params = survives;
	struct pair *p = pair_connect(test);
	struct server *srv;
	u64 rx_seq;

	params.stall_ms = 600;
	params.keepalive_ms = 50;
	/* the HELLOs come in time on a slow machine, too */
	params.lost_ms = 2000;
	srv = server_start(test, p, &params);
	srv->mode = SILENT;
	/* a frame that the frontend never acknowledges */
	srv->fe->gated = true;
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->stub, irq_of, 1 }), 0);
	pair_expect_done(test, &srv->fe->entered);
	/* the HELLO of a client, over and over */
	while (!riod_session_resume_begin(srv->stub->s, 0, &rx_seq)) {
		riod_session_resume_end(srv->stub->s, NULL, 0);
		schedule_timeout_idle(HZ / 20);
	}
	expect_lost(test, srv->stub, RIOD_REASON_TIMEOUT);
	complete_all(&srv->fe->gate);
}

/* BUSY must reach a client whose time is short */
static void busy_in_time(struct kunit *test)
{
	struct riod_session_params params = survives;
	struct pair *p = pair_connect(test);
	struct server *srv;

	params.keepalive_ms = 200;
	params.lost_ms = 2000;
	srv = server_start(test, p, &params);
	srv->stub->gated = true;
	srv->stub->target = 1;
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->fe, reg_make, 1 }), 0);
	pair_expect_done(test, &srv->stub->entered);
	cut(srv->fe);
	/* longer than lost_ms, of which each BUSY begins a new one */
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&srv->nbusy) > 5));
	KUNIT_EXPECT_EQ(test, atomic_read(&srv->fe->nover), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&srv->stub->nover), 0);
	complete_all(&srv->stub->gate);
	pair_expect_done(test, &srv->stub->reached);
	KUNIT_EXPECT_TRUE(test, pair_eventually(is_up(srv)));
}

/* connections that bring a frame and end are not followed by the next one at once */
static void pace(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);
	unsigned long from = jiffies;
	int dials;

	srv->mode = ONE_FRAME;
	cut(srv->fe);
	KUNIT_EXPECT_TRUE(test, pair_eventually(atomic_read(&srv->fe->dials) > 5));
	dials = atomic_read(&srv->fe->dials);
	/* the first comes at once; then at least 50 ms each */
	KUNIT_EXPECT_LE(test, (dials - 1) * 50, jiffies_to_msecs(jiffies - from) + 50);
}

/* a BYE that has arrived behind a frame is read, though the transmit thread sees a break */
static void bye_behind_a_frame(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start(test, p, &survives);
	unsigned int n;

	srv->mode = SILENT;
	srv->stub->gated = true;
	KUNIT_EXPECT_EQ(test, burst_send(&(struct burst){ srv->fe, reg_make, 1 }), 0);
	pair_expect_done(test, &srv->stub->entered);
	server_stop(srv);
	riod_session_end(srv->fe->s, RIOD_REASON_DETACH);
	/* gives the BYE a second, then closes */
	riod_session_halt(srv->fe->s);
	for (n = 0; n < 40 && !riod_session_is_broken(srv->stub->s); n++) {
		burst_send(&(struct burst){ srv->stub, irq_of, 1, n });
		schedule_timeout_idle(HZ / 20);
	}
	KUNIT_EXPECT_TRUE(test, riod_session_is_broken(srv->stub->s));
	complete_all(&srv->stub->gate);
	expect_lost(test, srv->stub, RIOD_REASON_DETACH);
}

static void end_when_resumed(void *priv)
{
	struct end *e = priv;

	if (atomic_inc_return(&e->moves) == 2)
		riod_session_end(e->s, RIOD_REASON_DETACH);
}

static const struct riod_session_ops ending_ops = {
	.over = end_over,
	.frame = end_frame,
	.lost = end_lost,
	.connect = end_connect,
	.connection = end_when_resumed,
};

/* the owner ends the session before its threads have gone on: the BYE is sent */
static void ended_when_resumed(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct server *srv = server_start_ops(test, p, &survives, &survives, &ending_ops);

	cut(srv->fe);
	expect_lost(test, srv->fe, RIOD_REASON_DETACH);
	expect_lost(test, srv->stub, RIOD_REASON_DETACH);
}

/* a client that never sent a frame has given up: nobody waits for it */
static void gave_up_the_attempt(struct kunit *test)
{
	struct pair *p = pair_connect(test);
	struct end *stub = end_create_ops(test, &p->far, false, &survives, &server_ops);

	KUNIT_ASSERT_EQ(test, riod_session_start(stub->s), 0);
	riod_conn_close(p->near);
	p->near = NULL;
	expect_lost(test, stub, RIOD_REASON_CLOSED);
}

static struct kunit_case resume_cases[] = {
	SESSION_CASE(cuts_under_load),
	SESSION_CASE(queued_meanwhile),
	SESSION_CASE(takes_over),
	SESSION_CASE(welcome_is_lost),
	SESSION_CASE(busy),
	SESSION_CASE(refused_for_good),
	SESSION_CASE(refused_for_now),
	SESSION_CASE(lost),
	SESSION_CASE(silence),
	SESSION_CASE(busy_forever),
	SESSION_CASE(no_progress),
	SESSION_CASE(impossible_number),
	SESSION_CASE(ended_while_dialing),
	SESSION_CASE(not_agreed),
	SESSION_CASE(late_hello),
	SESSION_CASE(lost_in_a_frame),
	SESSION_CASE(never_takes_the_answer),
	SESSION_CASE(busy_in_time),
	SESSION_CASE(pace),
	SESSION_CASE(bye_behind_a_frame),
	SESSION_CASE(ended_when_resumed),
	SESSION_CASE(gave_up_the_attempt),
	{}
};

static struct kunit_suite resume_suite = {
	.name = "riod_session_resume",
	.suite_init = pair_suite_init,
	.test_cases = resume_cases,
};

kunit_test_suite(resume_suite);

MODULE_DESCRIPTION("KUnit tests of resuming sessions");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

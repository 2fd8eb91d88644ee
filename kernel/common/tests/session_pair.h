/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions of a test: owners that record their callbacks, frames, and a raw
 * connection that the test serves by itself
 */
#ifndef _RIOD_TESTS_SESSION_PAIR_H
#define _RIOD_TESTS_SESSION_PAIR_H

#include <linux/atomic.h>

#include "pair.h"
#include "session.h"

#define KEEPALIVE_NEVER	(10 * 60 * 1000)
#define LOST_NEVER	(10 * 60 * 1000)

static const struct riod_session_params quiet = {
	.version = RIOD_VERSION_1,
	.nfuncs = 1,
	.tx_window = RIOD_WINDOW_MIN,
	.tx_max_frame = RIOD_FRAME_MAX,
	.rx_max_frame = RIOD_FRAME_MAX,
	.keepalive_ms = KEEPALIVE_NEVER,
	.lost_ms = LOST_NEVER,
};

/**
 * struct end - a session and the callbacks of its owner
 * @s: session; NULL once it is stopped
 * @count: numbered frames delivered
 * @next: tag that the next REG frame must carry
 * @disorder: frames delivered out of order or after ops->lost(); ops->lost()
 *	before ops->over(); a riod_session_end() that returned before ops->over()
 * @target: @count at which @reached completes
 * @reached: see @target
 * @nover: number of ops->over() calls
 * @over_reason: reason of the last one
 * @nlost: number of ops->lost() calls
 * @reason: reason of the last one
 * @lost: ops->lost() was called
 * @notified: number of calls of the acknowledgment callback
 * @answer: return value of ops->frame()
 * @ack_soon: ops->frame() asks for an acknowledgment
 * @end_with: reason with which ops->frame() ends the session; 0: it does not
 * @entered: ops->frame() was called
 * @gated: ops->frame() waits for @gate
 * @gate: see @gated; the end opens it
 * @cut_every: ops->frame() ends the connection, not the session, each time after so many
 *	frames; 0: never
 * @pair: frontend that resumes: where to connect
 * @dials: calls of ops->connect()
 * @moves: calls of ops->connection()
 */
struct end {
	struct riod_session *s;
	u32 count;
	u32 next;
	u32 disorder;
	u32 target;
	struct completion reached;
	atomic_t nover;
	enum riod_reason over_reason;
	u32 nlost;
	enum riod_reason reason;
	struct completion lost;
	atomic_t notified;
	int answer;
	bool ack_soon;
	enum riod_reason end_with;
	struct completion entered;
	bool gated;
	struct completion gate;
	u32 cut_every;
	struct pair *pair;
	atomic_t dials;
	atomic_t moves;
};

static inline u32 frame_tag(const struct riod_frame *f)
{
	if (f->hdr.type == RIOD_FRAME_IRQ)
		return le32_to_cpu(((struct riod_wire_irq *)f->body)->epoch);
	return le32_to_cpu(((struct riod_wire_reg *)f->body)->tag);
}

static inline int end_frame(void *priv, struct riod_frame *f)
{
	struct end *e = priv;

	complete(&e->entered);
	if (e->gated)
		wait_for_completion(&e->gate);
	if (e->nlost || frame_tag(f) != e->next)
		e->disorder++;
	e->next++;
	if (e->ack_soon)
		riod_session_ack_soon(e->s);
	if (e->end_with) {
		riod_session_end(e->s, e->end_with);
		if (!atomic_read(&e->nover))
			e->disorder++;
	}
	if (e->answer == 1)
		riod_frame_free(f);
	WRITE_ONCE(e->count, e->count + 1);
	if (e->count == e->target)
		complete(&e->reached);
	if (e->cut_every && !(e->count % e->cut_every))
		riod_session_cut(e->s);
	return e->answer;
}

static inline void end_over(void *priv, enum riod_reason reason)
{
	struct end *e = priv;

	if (READ_ONCE(e->nlost))
		e->disorder++;
	e->over_reason = reason;
	atomic_inc(&e->nover);
}

static inline void end_lost(void *priv, enum riod_reason reason)
{
	struct end *e = priv;

	if (!atomic_read(&e->nover))
		e->disorder++;
	e->nlost++;
	e->reason = reason;
	complete_all(&e->lost);
}

static const struct riod_session_ops end_ops = {
	.over = end_over,
	.frame = end_frame,
	.lost = end_lost,
};

/* sends one frame, and consumes it */
static inline int send_one(struct riod_session *s, struct riod_frame *f)
{
	LIST_HEAD(frames);

	list_add_tail(&f->list, &frames);
	return riod_session_send_list(s, &frames, NULL);
}

static inline void end_acked(void *priv)
{
	struct end *e = priv;

	atomic_inc(&e->notified);
}

static inline void end_stop(struct end *e)
{
	complete_all(&e->gate);
	if (e->s) {
		riod_session_halt(e->s);
		riod_session_free(e->s);
	}
	e->s = NULL;
}

static inline void end_exit(void *data)
{
	end_stop(data);
}

/* consumes *@conn */
static inline struct end *end_create_ops(struct kunit *test, struct riod_conn **conn,
					 bool frontend,
					 const struct riod_session_params *params,
					 const struct riod_session_ops *ops)
{
	struct end *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);
	struct riod_session *s;

	KUNIT_ASSERT_NOT_NULL(test, e);
	/* the tests number posted writes and interrupts from 0 */
	init_completion(&e->reached);
	init_completion(&e->lost);
	init_completion(&e->entered);
	init_completion(&e->gate);
	s = riod_session_create(*conn, params, frontend, ops, e);
	*conn = NULL;
	KUNIT_ASSERT_FALSE(test, IS_ERR(s));
	riod_session_set_ack_notify(s, end_acked);
	e->s = s;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_exit, e), 0);
	return e;
}

/* consumes *@conn */
static inline struct end *end_create(struct kunit *test, struct riod_conn **conn, bool frontend,
				     const struct riod_session_params *params)
{
	return end_create_ops(test, conn, frontend, params, &end_ops);
}

static inline struct end *end_start(struct kunit *test, struct riod_conn **conn, bool frontend,
				    const struct riod_session_params *params)
{
	struct end *e = end_create(test, conn, frontend, params);

	KUNIT_ASSERT_EQ(test, riod_session_start(e->s), 0);
	return e;
}

/* a register write to the stub, with tag @n */
static inline struct riod_frame *reg_make(u32 n)
{
	struct riod_frame *f = riod_frame_alloc(RIOD_FRAME_REG, 0,
						sizeof(struct riod_wire_reg), GFP_KERNEL);
	struct riod_wire_reg *r;

	if (!f)
		return NULL;
	r = (struct riod_wire_reg *)f->body;
	r->tag = cpu_to_le32(n);
	r->width = 4;
	r->op = RIOD_REG_WRITE;
	return f;
}

#define REG_SIZE	(sizeof(struct riod_frame_hdr) + sizeof(struct riod_wire_reg))

/* send a frame on a raw connection */
static inline void raw_send(struct kunit *test, struct riod_conn *conn, struct riod_frame *f,
			    u64 seq, u64 ack)
{
	KUNIT_ASSERT_NOT_NULL(test, f);
	f->hdr.seq = cpu_to_le64(seq);
	f->hdr.ack = cpu_to_le64(ack);
	KUNIT_EXPECT_EQ(test, pair_send(conn, f), 0);
}

static inline void raw_ack(struct kunit *test, struct riod_conn *conn, u64 ack)
{
	raw_send(test, conn, riod_frame_alloc(RIOD_FRAME_ACK, 0, 0, GFP_KERNEL), 0, ack);
}

/* receive a frame on a raw connection; returns its header */
static inline struct riod_frame_hdr raw_recv(struct kunit *test, struct riod_conn *conn)
{
	struct riod_frame *f = conn->ops->recv(conn, RIOD_FRAME_MAX);
	struct riod_frame_hdr hdr;

	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(f), 0);
	hdr = f->hdr;
	riod_frame_free(f);
	return hdr;
}

static inline void raw_expect(struct kunit *test, struct riod_conn *conn, u8 type,
			      u64 seq, u64 ack)
{
	struct riod_frame_hdr hdr = raw_recv(test, conn);

	KUNIT_EXPECT_EQ(test, hdr.type, type);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(hdr.seq), seq);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(hdr.ack), ack);
}

static inline void expect_lost(struct kunit *test, struct end *e, enum riod_reason reason)
{
	pair_expect_done(test, &e->lost);
	KUNIT_EXPECT_EQ(test, e->reason, reason);
	end_stop(e);
	KUNIT_EXPECT_EQ(test, atomic_read(&e->nover), 1);
	KUNIT_EXPECT_EQ(test, e->over_reason, reason);
	KUNIT_EXPECT_EQ(test, e->nlost, 1);
	KUNIT_EXPECT_EQ(test, e->disorder, 0);
}

static inline u64 retained(struct end *e)
{
	struct riod_session_stats st;

	riod_session_get_stats(e->s, &st);
	return st.tx_retained;
}

static inline u64 window_waits(struct end *e)
{
	struct riod_session_stats st;

	riod_session_get_stats(e->s, &st);
	return st.window_waits;
}

struct burst {
	struct end *e;
	struct riod_frame *(*make)(u32 n);
	u32 count;
	u32 list;		/* frames per call; 0: one by one */
};

static inline int burst_send(void *priv)
{
	struct burst *b = priv;
	LIST_HEAD(frames);
	u32 n, queued = 0;
	int err = 0;

	for (n = 0; !err && n < b->count; n++) {
		struct riod_frame *f = b->make(n);

		if (!f)
			return -ENOMEM;
		if (!b->list) {
			err = send_one(b->e->s, f);
			continue;
		}
		list_add_tail(&f->list, &frames);
		if (++queued % b->list && n + 1 < b->count)
			continue;
		err = riod_session_send_list(b->e->s, &frames, NULL);
	}
	return err;
}

static inline struct runner *burst_start(struct kunit *test, struct end *e,
					 struct riod_frame *(*make)(u32 n), u32 count, u32 list)
{
	struct burst b = { e, make, count, list };

	return runner_start(test, burst_send, keep(test, b));
}

#define SESSION_CASE(name) KUNIT_CASE_PARAM(name, pair_transport_gen_params)

#endif /* _RIOD_TESTS_SESSION_PAIR_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Session and engine of one attachment: life, events, receiving
 *
 * Why the teardown is safe: riod_link_stop() halts the session first.  From
 * then on no callback of the session runs or starts, @lost is set, and every
 * session call of the pump fails at once; so the pump ends by itself and
 * kthread_stop() only reaps it.  The memory stays until riod_link_free(), for
 * owners that still read statistics; events and requests are refused because
 * @lost is set.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <kunit/visibility.h>
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "link_priv.h"
#include "riod_trace.h"

bool riod_link_is_lost(struct riod_link *l)
{
	return READ_ONCE(l->lost);
}
EXPORT_SYMBOL_GPL(riod_link_is_lost);

void riod_link_kick(struct riod_link *l)
{
	if (!test_and_set_bit(RIOD_LINK_KICKED, &l->flags))
		wake_up(&l->wake);
}
EXPORT_SYMBOL_GPL(riod_link_kick);

/* ------------------------------------------------------------ events */

static void riod_link_add_event(struct riod_link *l, struct riod_frame *f)
{
	lockdep_assert_held(&l->lock);
	list_add_tail(&f->list, &l->events);
	/* the pump reads it without the lock */
	WRITE_ONCE(l->nevents, l->nevents + 1);
}

/* 1: queued; 0: no room; -ENOTCONN */
static int riod_link_try_post(struct riod_link *l, struct riod_frame *f,
			      unsigned int max)
{
	int ret = 0;

	spin_lock(&l->lock);
	if (l->lost) {
		ret = -ENOTCONN;
	} else if (l->nevents < max) {
		riod_link_add_event(l, f);
		ret = 1;
	}
	spin_unlock(&l->lock);
	if (ret > 0)
		wake_up(&l->wake);
	return ret;
}

static int riod_link_wait_room(struct riod_link *l, struct riod_frame *f)
{
	int ret = 0, err;

	spin_lock(&l->lock);
	l->stats.throttled++;
	spin_unlock(&l->lock);
	err = wait_event_killable(l->room,
				  (ret = riod_link_try_post(l, f, RIOD_LINK_EVENTS_MAX)));
	return err ? -EINTR : ret;
}

/*
 * The pump makes room, and the pump may be waiting for the receive thread, so
 * neither of them may wait for room; nor may callers of
 * riod_link_post_nowait().  They may queue as many events again; a peer that
 * causes more loses the link.
 */
static int riod_link_try_own(struct riod_link *l, struct riod_frame *f)
{
	int ret = riod_link_try_post(l, f, 2 * RIOD_LINK_EVENTS_MAX);

	if (ret)
		return ret;
	riod_link_end(l, RIOD_REASON_EVENTS);
	return -ENOTCONN;
}

int riod_link_post(struct riod_link *l, struct riod_frame *f)
{
	int ret;

	if (current == l->pump || riod_session_in_rx(l->session))
		ret = riod_link_try_own(l, f);
	else
		ret = riod_link_try_post(l, f, RIOD_LINK_EVENTS_MAX);
	if (!ret)
		ret = riod_link_wait_room(l, f);
	if (ret > 0)
		return 0;
	riod_frame_free(f);
	return ret;
}
EXPORT_SYMBOL_GPL(riod_link_post);

int riod_link_post_nowait(struct riod_link *l, struct riod_frame *f)
{
	int ret = riod_link_try_own(l, f);

	if (ret > 0)
		return 0;
	riod_frame_free(f);
	return ret;
}
EXPORT_SYMBOL_GPL(riod_link_post_nowait);

int riod_link_post_reply(struct riod_link *l, struct riod_frame *f)
{
	int err = 0;

	spin_lock(&l->lock);
	if (l->lost) {
		err = -ENOTCONN;
	} else if (l->nreplies == RIOD_REQUESTS_MAX) {
		/* none of these was sent yet, so the peer cannot have sent another request */
		err = -EPROTO;
	} else {
		l->nreplies++;
		riod_link_add_event(l, f);
	}
	spin_unlock(&l->lock);
	if (err)
		riod_frame_free(f);
	else
		wake_up(&l->wake);
	return err;
}
EXPORT_SYMBOL_GPL(riod_link_post_reply);

/* ------------------------------------------------------------ limits */

static u64 riod_link_mib(u64 bytes)
{
	return bytes >> 20;
}

/* the session is about to end with @err: if a memory limit caused it, log it and the remedy */
void riod_link_complain(struct riod_link *l, int err)
{
	const struct riod_budget *own = &l->sync.budget, *full = READ_ONCE(own->full);

	if (err != -EDQUOT || !full || riod_link_is_lost(l))
		return;
	if (full == own)
		pr_warn_ratelimited("%s: memory held for this session reached its limit of %llu MiB: the peer misbehaves, or shadow_max_mib of riod_stub is too low\n",
				    l->name, riod_link_mib(READ_ONCE(full->limit)));
	else
		pr_warn_ratelimited("%s: memory held for all sessions reached memory_max_mib of riod_core (%llu MiB), of it %llu MiB for this one: raise it, or lower shadow_max_mib of riod_stub\n",
				    l->name, riod_link_mib(READ_ONCE(full->limit)),
				    riod_link_mib(riod_budget_held(own)));
}

void riod_link_fail(struct riod_link *l, int err)
{
	riod_link_complain(l, err);
	/* no effect if the session is over already */
	riod_link_end(l, riod_session_reason(err));
}
EXPORT_SYMBOL_GPL(riod_link_fail);

/* ------------------------------------------------------------ receiving */

static int riod_link_stage(struct riod_link *l, struct riod_frame *f)
{
	/* consumes @f, also on error */
	int err = riod_sync_stage(&l->sync, f);

	if (err == -EPROTO)
		pr_info_ratelimited("%s: the peer broke the protocol: a cut that is not the next, or too large\n",
				    l->name);
	if (err)
		riod_link_fail(l, err);
	return 1;
}

static int riod_link_apply(struct riod_link *l, const struct riod_frame *f)
{
	const struct riod_wire_cut_commit *c = (const void *)f->body;
	int err = riod_sync_apply(&l->sync, c);
	bool first;

	if (err)
		return err;
	/* the first since the pump's last cut; the pump reads it without a lock */
	first = c->nframes && !READ_ONCE(l->applied_at);
	if (first)
		WRITE_ONCE(l->applied_at, ktime_get());
	trace_riod_cut_applied(riod_session_nr(l->session), le64_to_cpu(c->cut),
			       le32_to_cpu(c->nframes));
	if (l->ops->applied)
		l->ops->applied(l->priv);
	/*
	 * At the frontend: acknowledge soon, as the stub takes no cut before
	 * that.  The frontend's cuts wait for no acknowledgment, so it goes out
	 * with whatever the stub sends next.  At the stub: this cut's @applied
	 * may have ended riod_sync_in_flight().  Either pump may have a timeout
	 * that is now too long.
	 */
	if (l->role == RIOD_SYNC_FRONTEND)
		riod_session_ack_soon(l->session);
	if (first || l->role == RIOD_SYNC_STUB)
		riod_link_retime(l);
	return 0;
}

/* the owner may have mapped the first page: does the pump need a timeout now? */
static void riod_link_check_time(struct riod_link *l)
{
	/* pairs with riod_link_background_in(): sets the bit, then asks the engine */
	smp_mb();
	if (test_bit(RIOD_LINK_UNTIMED, &l->flags))
		riod_link_retime(l);
}

static int riod_link_dispatch(struct riod_link *l, struct riod_frame *f)
{
	int ret;

	switch (f->hdr.type) {
	case RIOD_FRAME_CUT_DATA:
		return riod_link_stage(l, f);
	case RIOD_FRAME_CUT_COMMIT:
		return riod_link_apply(l, f);
	case RIOD_FRAME_REPLY:
		/* only a frontend receives it: the direction was validated */
		return riod_link_reply(l, f);
	default:
		ret = l->ops->frame(l->priv, f);
		riod_link_check_time(l);
		return ret;
	}
}

static int riod_link_frame(void *priv, struct riod_frame *f)
{
	int ret = riod_link_dispatch(priv, f);

	riod_link_complain(priv, ret);
	return ret;
}

/*
 * Under the session's spinlock.  The link's own cleanup waits for lost(), but
 * the engine must stop taking or applying a cut at once.
 */
static void riod_link_over(void *priv, enum riod_reason reason)
{
	struct riod_link *l = priv;

	if (l->ops->over)
		l->ops->over(l->priv, reason);
	riod_sync_stop(&l->sync);
}

static void riod_link_lost(void *priv, enum riod_reason reason)
{
	struct riod_link *l = priv;

	spin_lock(&l->lock);
	WRITE_ONCE(l->lost, true);
	spin_unlock(&l->lock);
	/*
	 * @lost is set, so no thread begins to wait.  Threads that wait already
	 * may hold locks that ops->lost() takes, so they are woken first.
	 */
	riod_link_end_requests(l);
	wake_up_all(&l->room);
	wake_up_all(&l->tags);
	wake_up(&l->wake);
	l->ops->lost(l->priv, reason);
}

static struct riod_conn *riod_link_connect(void *priv, unsigned int timeout_ms)
{
	struct riod_link *l = priv;

	return l->ops->connect(l->priv, timeout_ms);
}

static void riod_link_connection(void *priv)
{
	struct riod_link *l = priv;

	/* rule 19 (after a break): the pump takes a cut when it can send again */
	riod_link_kick(l);
	riod_link_retime(l);
	if (l->ops->connection)
		l->ops->connection(l->priv);
}

static const struct riod_session_ops riod_link_session_ops = {
	.over = riod_link_over,
	.frame = riod_link_frame,
	.lost = riod_link_lost,
	.connection = riod_link_connection,
};

/* of a link whose owner connects */
static const struct riod_session_ops riod_link_client_ops = {
	.over = riod_link_over,
	.frame = riod_link_frame,
	.lost = riod_link_lost,
	.connect = riod_link_connect,
	.connection = riod_link_connection,
};

/* ------------------------------------------------------------ life */

static struct riod_link *riod_link_alloc(enum riod_sync_role role,
					 const struct riod_sync_params *sync,
					 const char *name)
{
	struct riod_link *l = kzalloc(sizeof(*l), GFP_KERNEL);
	struct riod_sync_params limited = {};

	if (!l)
		return NULL;
	if (sync)
		limited = *sync;
	limited.parent = limited.parent ?: riod_budget_host();
	limited.limit = limited.limit ?: riod_link_memory_max(0);
	if (riod_sync_init(&l->sync, role, &limited)) {
		kfree(l);
		return NULL;
	}
	l->role = role;
	strscpy(l->name, name);
	init_waitqueue_head(&l->wake);
	INIT_LIST_HEAD(&l->out);
	INIT_LIST_HEAD(&l->waiting);
	spin_lock_init(&l->lock);
	INIT_LIST_HEAD(&l->events);
	init_waitqueue_head(&l->room);
	init_waitqueue_head(&l->tags);
	xa_init_flags(&l->requests, XA_FLAGS_ALLOC1);
	return l;
}

static void riod_link_destroy(struct riod_link *l)
{
	xa_destroy(&l->requests);
	riod_sync_destroy(&l->sync);
	kfree(l);
}

struct riod_link *riod_link_create(struct riod_conn *conn,
				   const struct riod_session_params *params,
				   enum riod_sync_role role,
				   const struct riod_sync_params *sync,
				   const char *name,
				   const struct riod_link_ops *ops, void *priv)
{
	struct riod_link *l = riod_link_alloc(role, sync, name);
	struct riod_session *s;

	if (!l) {
		riod_conn_close(conn);
		return ERR_PTR(-ENOMEM);
	}
	l->ops = ops;
	l->sync.join_priv = l;
	if (ops->prepare)
		l->sync.join = riod_link_join;
	if (ops->hold)
		l->sync.hold = riod_link_hold;
	if (ops->completed)
		l->sync.completed = riod_link_completed;
	l->priv = priv;
	s = riod_session_create(conn, params, role == RIOD_SYNC_FRONTEND,
				ops->connect ? &riod_link_client_ops : &riod_link_session_ops,
				l);
	if (IS_ERR(s)) {
		riod_link_destroy(l);
		return ERR_CAST(s);
	}
	l->session = s;
	l->slow_until = jiffies;
	/* the frontend's cuts do not wait for acknowledgments */
	if (role == RIOD_SYNC_STUB)
		riod_session_set_ack_notify(s, riod_link_acked);
	return l;
}
EXPORT_SYMBOL_GPL(riod_link_create);

int riod_link_start(struct riod_link *l)
{
	struct task_struct *pump;

	l->cut_at = ktime_get();
	pump = kthread_create(riod_link_pump, l, "riod_%s", l->name);
	if (IS_ERR(pump))
		return PTR_ERR(pump);
	l->pump = get_task_struct(pump);
	wake_up_process(pump);
	/* on error the owner stops the link, which reaps the pump */
	return riod_session_start(l->session);
}
EXPORT_SYMBOL_GPL(riod_link_start);

void riod_link_end(struct riod_link *l, enum riod_reason reason)
{
	riod_session_end(l->session, reason);
}
EXPORT_SYMBOL_GPL(riod_link_end);

void riod_link_stop(struct riod_link *l)
{
	riod_session_halt(l->session);
	if (l->pump)
		kthread_stop_put(l->pump);
	l->pump = NULL;
}
EXPORT_SYMBOL_GPL(riod_link_stop);

void riod_link_free(struct riod_link *l)
{
	struct riod_session *s = l->session;

	riod_frames_free(&l->events);
	/* first: the engine frees staged frames, which may be the transport's memory */
	riod_link_destroy(l);
	riod_session_free(s);
}
EXPORT_SYMBOL_GPL(riod_link_free);

struct riod_sync *riod_link_sync(struct riod_link *l)
{
	return &l->sync;
}
EXPORT_SYMBOL_GPL(riod_link_sync);

struct riod_session *riod_link_session(struct riod_link *l)
{
	return l->session;
}
EXPORT_SYMBOL_GPL(riod_link_session);

void riod_link_get_stats(struct riod_link *l, struct riod_link_stats *st)
{
	spin_lock(&l->lock);
	*st = l->stats;
	spin_unlock(&l->lock);
}
EXPORT_SYMBOL_IF_KUNIT(riod_link_get_stats);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lifetime of attachments
 *
 * Transitions of &riod_fe_att.state.  The thread that changes it to REMOVING calls
 * riod_fe_att_teardown() or queues @remove_work, so that this happens once:
 *
 *   ATTACHING -> UP         attach.c: the functions are on the bus
 *   ATTACHING -> REMOVING   attach.c: the attempt failed, or was ended
 *   UP -> LOST              the session ended while a function is open
 *   UP -> REMOVING          the session ended or detach, no function is open
 *   LOST -> REMOVING        the last open function was closed
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "frontend.h"
#include "frontend_trace.h"

#define ATT_HALTED	"this host shuts down or suspends"

/* while a function of a lost attachment is open; VFIO's core asks as often */
#define REQUEST_MS	10000

/* longest wait of suspend and reboot for the attempts that they ended, all together */
#define ATTEMPTS_MS	5000

struct workqueue_struct *riod_fe_wq;

/*
 * Protects the list of attachments, its length, their names, the number of the next one,
 * and whether the host shuts down or sleeps.  An attachment is listed from the command
 * that created it until teardown has removed its functions from the bus.  Taken outside
 * of every lock of an attachment, and never together with its stop_lock or event_lock.
 */
static DEFINE_MUTEX(att_lock);
static LIST_HEAD(att_list);
static unsigned int att_count;
static u32 att_next_id = 1;
static bool att_closed;

int riod_fe_att_init(void)
{
	/*
	 * Freezable: a removal that waits, with a device lock held, for a process to close a
	 * file would hang the suspend, which takes all device locks.  Before the freezer has
	 * stopped user space, the removal begins, and ends or makes the freezer fail.  Later
	 * it does not begin.
	 */
	riod_fe_wq = alloc_workqueue(RIOD_FE_DRIVER, WQ_UNBOUND | WQ_FREEZABLE, 0);
	return riod_fe_wq ? 0 : -ENOMEM;
}

void riod_fe_att_exit(void)
{
	destroy_workqueue(riod_fe_wq);
}

static void att_free(struct kref *ref)
{
	struct riod_fe_att *att = container_of(ref, struct riod_fe_att, ref);

	if (att->group)
		iommu_group_put(att->group);
	riod_fe_describe_free(att);
	put_net(att->net);
	kfree(att);
}

void riod_fe_att_get(struct riod_fe_att *att)
{
	kref_get(&att->ref);
}

void riod_fe_att_put(struct riod_fe_att *att)
{
	kref_put(&att->ref, att_free);
}

bool riod_fe_att_is_over(struct riod_fe_att *att)
{
	bool over;

	spin_lock(&att->state_lock);
	over = att->over || att->state == RIOD_FE_REMOVING;
	spin_unlock(&att->state_lock);
	return over;
}

/* ------------------------------------------------------------ teardown */

/* when this returns, the peer has received the BYE, or does not answer in time */
static void att_stop_link(struct riod_fe_att *att)
{
	mutex_lock(&att->stop_lock);
	if (att->link)
		riod_link_stop(att->link);
	mutex_unlock(&att->stop_lock);
}

static void att_free_link(struct riod_fe_att *att)
{
	struct riod_link *link;

	mutex_lock(&att->stop_lock);
	/* an event in progress asks it whether it has a connection */
	mutex_lock(&att->event_lock);
	link = att->link;
	att->link = NULL;
	mutex_unlock(&att->event_lock);
	if (link)
		riod_link_free(link);
	mutex_unlock(&att->stop_lock);
}

/* reuse the number of a failed attempt, unless another attempt has begun since */
static void att_return_id(struct riod_fe_att *att)
{
	mutex_lock(&att_lock);
	if (att->id + 1 == att_next_id)
		att_next_id = att->id;
	mutex_unlock(&att_lock);
}

/*
 * Tear down an attachment that is REMOVING.  First end the session: from then on the
 * stub fences the device by itself, and no wait here for the stub can last.  Remove the
 * functions from the bus while the link exists, because VFIO's last close may use it.
 * Callbacks of the link end with riod_link_stop(); free what they use only after it.
 */
void riod_fe_att_teardown(struct riod_fe_att *att)
{
	unsigned int i;

	if (att->link)
		riod_link_end(att->link, RIOD_REASON_DETACH);
	if (att->detached)
		riod_fe_nl_event(att);
	/* may wait for a process to close a file; the attachment stays listed meanwhile */
	riod_fe_bridge_remove(att);
	mutex_lock(&att_lock);
	list_del_init(&att->list);
	att_count--;
	mutex_unlock(&att_lock);
	for (i = 0; i < att->nfuncs; i++) {
		if (att->funcs[i])
			flush_work(&att->funcs[i]->close_work);
	}
	att_stop_link(att);
	/* without a link it was not called yet; after it, nothing queues these work items */
	riod_fe_dma_lost(att);
	cancel_delayed_work_sync(&att->revisit_work);
	cancel_delayed_work_sync(&att->request_work);
	cancel_work_sync(&att->event_work);
	riod_fe_dma_destroy(att);
	riod_fe_describe_exit(att);
	/* an event in progress reads the device number */
	mutex_lock(&att->event_lock);
	riod_fe_bridge_release(att);
	mutex_unlock(&att->event_lock);
	att_free_link(att);
	/* the failure is reported only now, when the attempt can be repeated */
	if (!att->was_up && !att->detached)
		riod_fe_nl_event(att);
	riod_fe_nl_gone(att);
	if (!att->was_up)
		att_return_id(att);
	complete_all(&att->removed);
	riod_fe_att_put(att);
	/* module exit waits for the work item; the thread of attach.c has a reference of its own */
	module_put(THIS_MODULE);
}

static void att_remove_work(struct work_struct *work)
{
	struct riod_fe_att *att = container_of(work, struct riod_fe_att, remove_work);

	riod_fe_att_teardown(att);
}

static void att_revisit_work(struct work_struct *work)
{
	struct riod_fe_att *att = container_of(to_delayed_work(work), struct riod_fe_att,
					       revisit_work);
	unsigned int i;

	riod_fe_dma_revisit(att);
	for (i = 0; i < att->nfuncs; i++)
		riod_fe_config_revisit(att->funcs[i]);
}

/*
 * The guest may not have acted on the request: its firmware, or a kernel that boots, ignores
 * an unplug.  Begins in att_lost() and ends with LOST.  Teardown cancels it before the
 * functions are freed.
 */
static void att_request_work(struct work_struct *work)
{
	struct riod_fe_att *att = container_of(to_delayed_work(work), struct riod_fe_att,
					       request_work);
	unsigned int i;
	bool lost;

	spin_lock(&att->state_lock);
	lost = att->state == RIOD_FE_LOST;
	spin_unlock(&att->state_lock);
	if (!lost)
		return;
	for (i = 0; i < att->nfuncs; i++)
		riod_fe_irq_request(att->funcs[i]);
	queue_delayed_work(riod_fe_wq, &att->request_work, msecs_to_jiffies(REQUEST_MS));
}

static void att_event_work(struct work_struct *work)
{
	riod_fe_nl_event(container_of(work, struct riod_fe_att, event_work));
}

/* ------------------------------------------------------------ the link's callbacks */

static int att_frame(void *priv, struct riod_frame *f)
{
	struct riod_fe_att *att = priv;
	const struct riod_wire_ready *ready = (const void *)f->body;
	unsigned int i;

	switch (f->hdr.type) {
	case RIOD_FRAME_DESCRIBE:
		if (completion_done(&att->ready))
			return -EPROTO;
		return riod_fe_describe(att, f);
	case RIOD_FRAME_READY:
		for (i = 0; i < att->nfuncs; i++) {
			if (!att->funcs[i])
				return -EPROTO;
		}
		if (completion_done(&att->ready))
			return -EPROTO;
		att->dma.peer_limit = le64_to_cpu(ready->shadow_max);
		riod_budget_set_limit(&riod_link_sync(att->link)->budget,
				      riod_link_memory_max(att->dma.peer_limit));
		complete_all(&att->ready);
		return 0;
	case RIOD_FRAME_IRQ:
		if (f->hdr.func >= att->nfuncs || !completion_done(&att->ready))
			return -EPROTO;
		riod_fe_irq_frame(att->funcs[f->hdr.func], (const void *)f->body);
		return 0;
	default:
		return -EPROTO;
	}
}

static int att_prepare(void *priv)
{
	return riod_fe_dma_send(priv);
}

/*
 * A profile's hooks run under the DMA lock, which keeps the guest memory that they
 * access mapped, and serialises them.
 */
static void att_collected(void *priv)
{
	struct riod_fe_att *att = priv;
	unsigned int i;

	mutex_lock(&att->dma.lock);
	for (i = 0; i < att->nfuncs; i++) {
		struct riod_fe_func *fn = att->funcs[i];

		if (!fn || !fn->profile)
			continue;
		if (att->dma.anew && fn->profile->mapped)
			fn->profile->mapped(fn->profile_state);
		if (fn->profile->after_cut)
			fn->profile->after_cut(fn->profile_state);
	}
	att->dma.anew = false;
	mutex_unlock(&att->dma.lock);
	for (i = 0; i < att->nfuncs; i++) {
		if (att->funcs[i])
			riod_fe_order_settle(att->funcs[i]);
	}
}

static void att_hold(void *priv, bool on)
{
	struct riod_fe_att *att = priv;

	riod_fe_dma_hold(&att->dma, on);
}

static void att_completed(void *priv)
{
	struct riod_fe_att *att = priv;
	unsigned int i;

	mutex_lock(&att->dma.lock);
	for (i = 0; i < att->nfuncs; i++) {
		struct riod_fe_func *fn = att->funcs[i];

		if (fn && fn->profile && fn->profile->completed)
			fn->profile->completed(fn->profile_state);
	}
	mutex_unlock(&att->dma.lock);
}

static void att_applied(void *priv)
{
	struct riod_fe_att *att = priv;
	unsigned int i;

	mutex_lock(&att->dma.lock);
	for (i = 0; i < att->nfuncs; i++) {
		struct riod_fe_func *fn = att->funcs[i];

		if (fn && fn->profile && fn->profile->after_apply)
			fn->profile->after_apply(fn->profile_state);
	}
	mutex_unlock(&att->dma.lock);
}

/*
 * The session is over, ended by either side.  Stop accessing guest memory before
 * anyone is notified.  The functions stay on the bus while one is open.  The attachment
 * cannot be freed meanwhile, because teardown waits for this callback.
 */
static void att_lost(void *priv, enum riod_reason reason)
{
	struct riod_fe_att *att = priv;
	bool was_up, own, remove = false;
	unsigned int i;

	riod_fe_dma_lost(att);
	for (i = 0; i < att->nfuncs; i++) {
		if (att->funcs[i])
			riod_fe_shadow_lost(att->funcs[i]);
	}
	trace_riod_fe_lost(att->id, reason);

	spin_lock(&att->state_lock);
	was_up = att->state == RIOD_FE_UP;
	own = att->detached || att->halted;
	att->over = true;
	att->reason = reason;
	if (was_up) {
		remove = !att->nopen;
		att->state = remove ? RIOD_FE_REMOVING : RIOD_FE_LOST;
	}
	spin_unlock(&att->state_lock);
	complete_all(&att->ready);
	if (!was_up)
		return;

	pr_notice("attachment %u to %s: the session is over: %s\n", att->id,
		  att->host, riod_reason_str(reason));
	for (i = 0; i < att->nfuncs; i++)
		riod_fe_irq_lost(att->funcs[i], reason, own);
	riod_fe_nl_event(att);
	if (remove)
		queue_work(riod_fe_wq, &att->remove_work);
	else
		queue_delayed_work(riod_fe_wq, &att->request_work, msecs_to_jiffies(REQUEST_MS));
}

/*
 * The connection broke: connect to the same server host again, from the same address, because
 * the stub resumes a session only for that one.  Routes may prefer another one by now, and
 * temporary IPv6 addresses are replaced.
 */
static struct riod_conn *att_connect(void *priv, unsigned int timeout_ms)
{
	struct riod_fe_att *att = priv;
	struct riod_connect_params params = {
		.net = att->net,
		.addr = att->addr,
		.local = att->local,
		.timeout_ms = timeout_ms,
	};
	/* the session has pinned its module, so this loads nothing */
	const struct riod_transport_ops *ops = riod_nl_get_transport(att->transport, NULL);
	struct riod_conn *conn;

	if (IS_ERR(ops))
		return ERR_CAST(ops);
	conn = ops->connect(&params);
	riod_transport_put(ops);
	return conn;
}

static void att_connection(void *priv)
{
	struct riod_fe_att *att = priv;

	queue_work(riod_fe_wq, &att->event_work);
}

const struct riod_link_ops riod_fe_att_link_ops = {
	.frame = att_frame,
	.prepare = att_prepare,
	.hold = att_hold,
	.completed = att_completed,
	.collected = att_collected,
	.applied = att_applied,
	.lost = att_lost,
	.connect = att_connect,
	.connection = att_connection,
};

/* ------------------------------------------------------------ create, publish */

static struct riod_fe_att *att_alloc(struct net *net, const struct riod_attach_request *req,
				     struct task_struct *attacher)
{
	struct riod_fe_att *att = kzalloc(sizeof(*att), GFP_KERNEL);

	if (!att)
		return NULL;
	kref_init(&att->ref);
	INIT_LIST_HEAD(&att->list);
	spin_lock_init(&att->state_lock);
	att->state = RIOD_FE_ATTACHING;
	att->net = get_net(net);
	att->attacher = attacher;
	att->portid = req->portid;
	strscpy(att->host, req->peer.host);
	strscpy(att->export, req->export);
	strscpy(att->transport, req->peer.transport);
	att->addr = req->peer.addr;
	att->port = req->peer.port;
	att->on_loss = req->on_loss;
	att->sync_writes = req->sync_writes;
	init_completion(&att->ready);
	init_completion(&att->removed);
	mutex_init(&att->stop_lock);
	mutex_init(&att->event_lock);
	riod_fe_dma_init(&att->dma, req->limit ? req->limit : RIOD_FE_LIMIT_DEFAULT);
	att->aperture.last = U64_MAX;
	att->slot = -1;
	INIT_DELAYED_WORK(&att->revisit_work, att_revisit_work);
	INIT_WORK(&att->event_work, att_event_work);
	INIT_DELAYED_WORK(&att->request_work, att_request_work);
	INIT_WORK(&att->remove_work, att_remove_work);
	return att;
}

static int att_list_new(struct riod_fe_att *att, struct netlink_ext_ack *extack)
{
	int err = 0;

	mutex_lock(&att_lock);
	if (att_closed) {
		NL_SET_ERR_MSG(extack, ATT_HALTED);
		err = -ESHUTDOWN;
	} else if (att_count == RIOD_FE_SLOTS) {
		NL_SET_ERR_MSG(extack, RIOD_FE_NO_ROOM);
		err = -ENOSPC;
	} else {
		att->id = att_next_id++;
		list_add_tail(&att->list, &att_list);
		att_count++;
	}
	mutex_unlock(&att_lock);
	return err;
}

/**
 * riod_fe_att_new() - create an attachment, in state ATTACHING
 * @net: namespace in which the server host is reached
 * @req: what to attach
 * @attacher: thread that will attach it
 * @extack: reports the reason of a failure
 *
 * It is listed from now on, and pins the module until riod_fe_att_teardown().
 *
 * Return: the attachment, with a reference for teardown, or an ERR_PTR().
 */
struct riod_fe_att *riod_fe_att_new(struct net *net, const struct riod_attach_request *req,
				    struct task_struct *attacher,
				    struct netlink_ext_ack *extack)
{
	struct riod_fe_att *att;
	int err;

	att = att_alloc(net, req, attacher);
	if (!att) {
		NL_SET_ERR_MSG(extack, "out of memory");
		return ERR_PTR(-ENOMEM);
	}
	err = att_list_new(att, extack);
	if (err) {
		riod_fe_att_put(att);
		return ERR_PTR(err);
	}
	__module_get(THIS_MODULE);
	return att;
}

/* set the name of the export to request from the stub, if the user gave none */
void riod_fe_att_set_export(struct riod_fe_att *att, const char *name)
{
	/* commands that list attachments read it */
	mutex_lock(&att_lock);
	strscpy(att->export, name);
	mutex_unlock(&att_lock);
}

/* 0; -ECONNRESET: the session is over; -EINTR: it was detached; -ESHUTDOWN: att_halt() */
static int att_check(struct riod_fe_att *att)
{
	lockdep_assert_held(&att->state_lock);
	if (att->detached)
		return -EINTR;
	if (att->halted)
		return -ESHUTDOWN;
	return att->over ? -ECONNRESET : 0;
}

static void att_explain(struct riod_fe_att *att, int err, struct netlink_ext_ack *extack)
{
	/* @reason is constant once the session is over */
	if (err == -ECONNRESET)
		NL_SET_ERR_MSG_FMT(extack, "the session ended at once: %s",
				   riod_reason_str(att->reason));
}

/* may the attempt go on?  0, or -errno with @extack set, as riod_fe_att_publish() */
int riod_fe_att_check(struct riod_fe_att *att, struct netlink_ext_ack *extack)
{
	int err;

	spin_lock(&att->state_lock);
	err = att_check(att);
	spin_unlock(&att->state_lock);
	att_explain(att, err, extack);
	return err;
}

/**
 * riod_fe_att_publish() - change the state to UP: the functions are on the bus
 * @att: attachment
 * @extack: reports the reason of a failure
 *
 * Return: 0, -ECONNRESET: the session is over, -EINTR: it was detached, -ESHUTDOWN: the
 * host shuts down or suspends.
 */
int riod_fe_att_publish(struct riod_fe_att *att, struct netlink_ext_ack *extack)
{
	int err;

	spin_lock(&att->state_lock);
	err = att_check(att);
	if (!err) {
		att->state = RIOD_FE_UP;
		att->was_up = true;
		att->attacher = NULL;
	}
	spin_unlock(&att->state_lock);
	att_explain(att, err, extack);
	return err;
}

/**
 * riod_fe_att_fail() - the attempt to attach failed, or was ended
 * @att: attachment
 * @err: reason, as -errno
 * @text: reason, as text
 *
 * If shutdown or suspend ended it, that is the reason: the error is the one of the wait that
 * the signal interrupted.  The caller tears it down.
 */
void riod_fe_att_fail(struct riod_fe_att *att, int err, const char *text)
{
	spin_lock(&att->state_lock);
	if (att->halted) {
		err = -ESHUTDOWN;
		text = ATT_HALTED;
	}
	att->state = RIOD_FE_REMOVING;
	att->attacher = NULL;
	att->error = -err;
	strscpy(att->text, text);
	spin_unlock(&att->state_lock);
}

/* ------------------------------------------------------------ detach, open, close */

static struct riod_fe_att *att_find(const struct net *net, u32 id)
{
	struct riod_fe_att *att;

	lockdep_assert_held(&att_lock);
	list_for_each_entry(att, &att_list, list) {
		if (att->id == id && net_eq(att->net, net))
			return att;
	}
	return NULL;
}

/*
 * The attempt is to end, and its thread got its signal: it tears the attachment down soon,
 * whatever else happens.
 */
static bool att_attempt_ends(const struct riod_fe_att *att)
{
	lockdep_assert_held(&att->state_lock);
	return att->state == RIOD_FE_ATTACHING && (att->detached || att->halted);
}

/* the attempt's thread waits killably, and tears the attachment down */
static void att_end_attempt(struct riod_fe_att *att)
{
	lockdep_assert_held(&att->state_lock);
	/* the thread exists: it changes the state, under this lock, before it ends */
	send_sig(SIGKILL, att->attacher, 1);
}

/* shutdown or suspend: nobody detached, so an attempt fails, and may be repeated later */
static void att_halt(struct riod_fe_att *att)
{
	spin_lock(&att->state_lock);
	if (att->state == RIOD_FE_ATTACHING && !att_attempt_ends(att))
		att_end_attempt(att);
	att->halted = true;
	spin_unlock(&att->state_lock);
}

bool riod_fe_att_is_leaving(struct riod_fe_att *att)
{
	bool leaving;

	spin_lock(&att->state_lock);
	leaving = att->state == RIOD_FE_REMOVING || att_attempt_ends(att);
	spin_unlock(&att->state_lock);
	return leaving;
}

/*
 * Begin to detach.  0: it is being removed, and if it was up the caller queues
 * @remove_work.  -EINPROGRESS: a function is open; the caller ends the session, if that is
 * not over yet, and the functions are removed when the last one is closed.
 */
static int att_begin_detach(struct riod_fe_att *att, bool force, bool *up,
			    struct netlink_ext_ack *extack)
{
	int ret = 0;

	spin_lock(&att->state_lock);
	*up = att->was_up;
	if (att->state == RIOD_FE_REMOVING || att_attempt_ends(att))
		ret = -EALREADY;
	else if (att->state == RIOD_FE_ATTACHING)
		att_end_attempt(att);
	else if (!att->nopen)
		att->state = RIOD_FE_REMOVING;
	else
		ret = force ? -EINPROGRESS : -EBUSY;
	/* from now on it counts as detached, also if a lost session came first */
	if (!ret || ret == -EINPROGRESS)
		att->detached = true;
	spin_unlock(&att->state_lock);
	if (ret == -EALREADY)
		NL_SET_ERR_MSG(extack, "the attachment is being removed already");
	if (ret == -EBUSY)
		NL_SET_ERR_MSG(extack,
			       "a process has the function open (a VM?): end it, or use --force");
	return ret;
}

/**
 * riod_fe_att_detach() - begin to remove an attachment
 * @net: its namespace
 * @id: its number
 * @force: also if a process has a function open
 * @portid: only if this socket requested it; 0: any socket
 * @open: set to whether a process has a function open, so that the functions stay
 * @extack: reports the reason of a failure
 *
 * Return: 0, -ENOENT, -EBUSY, -EALREADY.
 */
int riod_fe_att_detach(struct net *net, u32 id, bool force, u32 portid, bool *open,
		       struct netlink_ext_ack *extack)
{
	struct riod_fe_att *att;
	int ret = -ENOENT;
	bool up;

	mutex_lock(&att_lock);
	att = att_find(net, id);
	if (att && (!portid || att->portid == portid))
		ret = att_begin_detach(att, force, &up, extack);
	else
		NL_SET_ERR_MSG(extack,
			       "no attachment has that number; riodctl list shows those there are");
	/*
	 * It is on the list, under att_lock, so it has its link, and its work item is not
	 * cancelled yet.  att_lost() does the rest, and sends the event unless it has run.
	 */
	if (ret == -EINPROGRESS && riod_link_is_lost(att->link))
		queue_work(riod_fe_wq, &att->event_work);
	else if (ret == -EINPROGRESS)
		riod_link_end(att->link, RIOD_REASON_DETACH);
	if (!ret && up)
		queue_work(riod_fe_wq, &att->remove_work);
	mutex_unlock(&att_lock);
	*open = ret == -EINPROGRESS;
	return *open ? 0 : ret;
}

int riod_fe_att_for_each(u32 from,
			 int (*fn)(struct riod_fe_att *att, void *arg), void *arg)
{
	struct riod_fe_att *att;
	int ret = 0;

	mutex_lock(&att_lock);
	list_for_each_entry(att, &att_list, list) {
		/* numbers ascend along the list */
		if (att->id < from)
			continue;
		ret = fn(att, arg);
		if (ret)
			break;
	}
	mutex_unlock(&att_lock);
	return ret;
}

/* a socket was closed (Ctrl-C, for example): end its attempts, as nobody waits for them */
void riod_fe_att_released(struct net *net, u32 portid)
{
	struct riod_fe_att *att;

	mutex_lock(&att_lock);
	list_for_each_entry(att, &att_list, list) {
		if (att->portid != portid || !net_eq(att->net, net))
			continue;
		/* another socket may get this port id */
		att->portid = 0;
		spin_lock(&att->state_lock);
		if (att->state == RIOD_FE_ATTACHING && !att_attempt_ends(att)) {
			att->detached = true;
			att_end_attempt(att);
		}
		spin_unlock(&att->state_lock);
	}
	mutex_unlock(&att_lock);
}

void riod_fe_att_end_all(enum riod_reason reason)
{
	unsigned long end = jiffies + msecs_to_jiffies(ATTEMPTS_MS);
	struct riod_fe_att *att, *atts[RIOD_FE_SLOTS];
	unsigned int i, n = 0;

	/* end all of them before waiting, so that the waits for the peers overlap */
	mutex_lock(&att_lock);
	att_closed = true;
	list_for_each_entry(att, &att_list, list) {
		if (WARN_ON_ONCE(n == ARRAY_SIZE(atts)))
			break;
		att_halt(att);
		/* @was_up does not change from here on: an attempt that ends is never published */
		if (att->was_up)
			riod_link_end(att->link, reason);
		riod_fe_att_get(att);
		atts[n++] = att;
	}
	mutex_unlock(&att_lock);
	for (i = 0; i < n; i++) {
		if (atts[i]->was_up) {
			att_stop_link(atts[i]);
			riod_fe_bridge_hide(atts[i]);
		} else {
			/* its thread got SIGKILL and only has to tear it down */
			wait_for_completion_killable_timeout(&atts[i]->removed,
							     max((long)(end - jiffies), 0L));
		}
		riod_fe_att_put(atts[i]);
	}
}

void riod_fe_att_resume(void)
{
	mutex_lock(&att_lock);
	att_closed = false;
	mutex_unlock(&att_lock);
}

/* count an open function; -ENODEV once the session is over */
int riod_fe_att_open(struct riod_fe_att *att)
{
	int ret = -ENODEV;

	spin_lock(&att->state_lock);
	if (att->state == RIOD_FE_UP) {
		att->nopen++;
		ret = 0;
	}
	spin_unlock(&att->state_lock);
	return ret;
}

void riod_fe_att_close(struct riod_fe_att *att)
{
	bool remove = false;

	spin_lock(&att->state_lock);
	if (!--att->nopen && att->state == RIOD_FE_LOST) {
		att->state = RIOD_FE_REMOVING;
		remove = true;
	}
	spin_unlock(&att->state_lock);
	if (remove)
		queue_work(riod_fe_wq, &att->remove_work);
}

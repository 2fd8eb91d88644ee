// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attachments come and go
 *
 * Transitions of &riod_fe_att.state; whoever makes the one to REMOVING tears the
 * attachment down, so that it happens once:
 *
 *   ATTACHING -> UP         attach: the functions are on the bus
 *   ATTACHING -> REMOVING   attach: something failed
 *   UP -> LOST              the session ended, a function is open
 *   UP -> REMOVING          the session ended or detach, none is open
 *   LOST -> REMOVING        the last one was closed
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "frontend.h"
#include "frontend_trace.h"

#define ATT_TIMEOUT_MS		10000

static unsigned int lost_max_ms = 30000;
module_param(lost_max_ms, uint, 0644);
MODULE_PARM_DESC(lost_max_ms, "A silent server host is lost after this, even if it asks for longer (default 30000)");

struct workqueue_struct *riod_fe_wq;

/* list of attachments that are UP, LOST or just REMOVING; guarded by att_lock */
static LIST_HEAD(att_list);
static DEFINE_MUTEX(att_lock);
static atomic_t att_ids = ATOMIC_INIT(0);

int riod_fe_att_init(void)
{
	riod_fe_wq = alloc_workqueue(RIOD_FE_DRIVER, WQ_UNBOUND, 0);
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

/* when this returns the peer has the BYE, or does not listen */
static void att_stop_link(struct riod_fe_att *att)
{
	mutex_lock(&att->stop_lock);
	if (att->link)
		riod_link_stop(att->link);
	mutex_unlock(&att->stop_lock);
}

/*
 * Put an attachment away that is REMOVING.  The session ends first: from then on
 * the stub fences the device by itself, and no wait for it here can last.  The
 * functions leave the bus while the link still exists, because VFIO's last close
 * may use it.  Callbacks of the link end with riod_link_stop(); only then may
 * what they use go.
 */
static void att_teardown(struct riod_fe_att *att)
{
	unsigned int i;

	if (att->link)
		riod_link_end(att->link, RIOD_REASON_DETACH);
	/* may wait for a process; so long the attachment is listed */
	riod_fe_bridge_remove(att);
	mutex_lock(&att_lock);
	list_del_init(&att->list);
	mutex_unlock(&att_lock);
	for (i = 0; i < att->nfuncs; i++) {
		if (att->funcs[i])
			flush_work(&att->funcs[i]->close_work);
	}
	att_stop_link(att);
	/* without a link nobody has called it; from then on nothing asks for these */
	riod_fe_dma_lost(att);
	cancel_delayed_work_sync(&att->revisit_work);
	cancel_work_sync(&att->event_work);
	riod_fe_dma_destroy(att);
	riod_fe_describe_exit(att);
	riod_fe_bridge_release(att);
	mutex_lock(&att->stop_lock);
	if (att->link)
		riod_link_free(att->link);
	att->link = NULL;
	mutex_unlock(&att->stop_lock);
	if (att->detached)
		riod_fe_nl_event(att);
	complete_all(&att->removed);
	riod_fe_att_put(att);
	/* from a work item, which module exit waits for, or from a command, which pins us */
	module_put(THIS_MODULE);
}

static void att_remove_work(struct work_struct *work)
{
	struct riod_fe_att *att = container_of(work, struct riod_fe_att, remove_work);

	att_teardown(att);
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

static void att_event_work(struct work_struct *work)
{
	riod_fe_nl_event(container_of(work, struct riod_fe_att, event_work));
}

/* ------------------------------------------------------------ the link's callbacks */

static int att_frame(void *priv, struct riod_frame *f)
{
	struct riod_fe_att *att = priv;
	const struct riod_wire_ready *ready = (const void *)f->body;
	const struct riod_wire_bye *bye = (const void *)f->body;
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
		complete_all(&att->ready);
		return 0;
	case RIOD_FRAME_IRQ:
		if (f->hdr.func >= att->nfuncs || !completion_done(&att->ready))
			return -EPROTO;
		riod_fe_irq_frame(att->funcs[f->hdr.func], (const void *)f->body);
		return 0;
	case RIOD_FRAME_GONE:
		riod_link_end(att->link, le32_to_cpu(bye->reason));
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
 * A profile's hooks run under the DMA lock: what they are shown of guest memory
 * stays mapped, and they do not run at once.
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
 * The session is over, whoever ended it.  Guest memory is let go of before
 * anybody is told.  The functions stay while one is open.  The attachment cannot
 * go meanwhile: teardown waits for this callback.
 */
static void att_lost(void *priv, enum riod_reason reason)
{
	struct riod_fe_att *att = priv;
	bool was_up, remove = false;
	unsigned int i;

	riod_fe_dma_lost(att);
	for (i = 0; i < att->nfuncs; i++) {
		if (att->funcs[i])
			riod_fe_shadow_lost(att->funcs[i]);
	}
	trace_riod_fe_lost(att->id, reason);

	spin_lock(&att->state_lock);
	was_up = att->state == RIOD_FE_UP;
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
		riod_fe_irq_lost(att->funcs[i]);
	riod_fe_nl_event(att);
	if (remove)
		queue_work(riod_fe_wq, &att->remove_work);
}

static const struct riod_link_ops att_link_ops = {
	.frame = att_frame,
	.prepare = att_prepare,
	.hold = att_hold,
	.collected = att_collected,
	.applied = att_applied,
	.lost = att_lost,
};

/* ------------------------------------------------------------ attach */

static struct riod_fe_att *att_alloc(struct net *net,
				     const struct riod_attach_request *req)
{
	struct riod_fe_att *att = kzalloc(sizeof(*att), GFP_KERNEL);

	if (!att)
		return NULL;
	kref_init(&att->ref);
	INIT_LIST_HEAD(&att->list);
	att->id = atomic_inc_return(&att_ids);
	spin_lock_init(&att->state_lock);
	att->state = RIOD_FE_ATTACHING;
	att->net = get_net(net);
	strscpy(att->host, req->peer.host);
	strscpy(att->export, req->export);
	strscpy(att->transport, req->peer.transport);
	att->port = req->peer.port;
	att->sync_writes = req->sync_writes;
	init_completion(&att->ready);
	init_completion(&att->removed);
	mutex_init(&att->stop_lock);
	riod_fe_dma_init(&att->dma, req->limit ? req->limit : RIOD_FE_LIMIT_DEFAULT);
	att->aperture.last = U64_MAX;
	att->slot = -1;
	INIT_DELAYED_WORK(&att->revisit_work, att_revisit_work);
	INIT_WORK(&att->event_work, att_event_work);
	INIT_WORK(&att->remove_work, att_remove_work);
	return att;
}

/*
 * Nobody named an export.  Ask for the list, so that the attachment has the name
 * of what it is attached to; several, or none, is the stub's to refuse, which it
 * does with a text that names them.
 */
static int att_find_name(struct riod_fe_att *att, struct net *net,
			 const struct riod_attach_request *req,
			 struct netlink_ext_ack *extack)
{
	struct riod_wire_export *exports;
	struct riod_refusal refusal = {};
	struct riod_conn *conn;
	u32 total;
	int ret;

	conn = riod_peer_open(net, &req->peer, extack);
	if (IS_ERR(conn))
		return PTR_ERR(conn);
	ret = riod_negotiate_list(conn, &exports, &total, &refusal);
	if (ret < 0)
		riod_nl_peer_error(extack, &req->peer.addr, ret, &refusal);
	else if (ret == 1 && total == 1)
		strscpy(att->export, exports[0].name);
	riod_conn_close(conn);
	if (ret < 0)
		return ret;
	kvfree(exports);
	return 0;
}

/* the server proposes lost_ms; it cannot make this host wait longer than it wants to */
static int att_limit_silence(struct riod_session_params *params,
			     struct netlink_ext_ack *extack)
{
	u32 max = READ_ONCE(lost_max_ms);

	if (max < 2 * params->keepalive_ms) {
		NL_SET_ERR_MSG_FMT(extack,
				   "lost_max_ms (%u) is below twice the server's keepalive_ms (%u)",
				   max, params->keepalive_ms);
		return -ERANGE;
	}
	params->lost_ms = min(params->lost_ms, max);
	return 0;
}

static int att_negotiate(struct riod_fe_att *att, struct net *net,
			 const struct riod_attach_request *req,
			 struct netlink_ext_ack *extack)
{
	struct riod_session_params params = {};
	struct riod_refusal refusal = {};
	struct riod_sync_params sync = {};
	struct riod_conn *conn;
	char name[16];
	int ret;

	conn = riod_peer_open(net, &req->peer, extack);
	if (IS_ERR(conn))
		return PTR_ERR(conn);
	ret = riod_negotiate_attach(conn, att->export, &params, &refusal);
	if (ret)
		riod_nl_peer_error(extack, &req->peer.addr, ret, &refusal);
	else
		ret = att_limit_silence(&params, extack);
	if (ret) {
		riod_conn_close(conn);
		return ret;
	}
	att->nfuncs = params.nfuncs;
	att->max_frame = min(params.tx_max_frame, RIOD_FRAME_MAX);
	snprintf(name, sizeof(name), "riod-fe%u", att->id);
	att->link = riod_link_create(conn, &params, RIOD_SYNC_FRONTEND, &sync, name,
				     &att_link_ops, att);
	if (IS_ERR(att->link)) {
		ret = PTR_ERR(att->link);
		att->link = NULL;
		NL_SET_ERR_MSG(extack, "the session cannot be set up: out of memory");
		return ret;
	}
	ret = riod_link_start(att->link);
	if (ret)
		NL_SET_ERR_MSG(extack, "the session cannot be started: out of memory");
	return ret;
}

static int att_wait_ready(struct riod_fe_att *att, struct netlink_ext_ack *extack)
{
	long left;

	left = wait_for_completion_killable_timeout(&att->ready,
						    msecs_to_jiffies(ATT_TIMEOUT_MS));
	if (left < 0)
		return left;
	if (!left) {
		NL_SET_ERR_MSG(extack,
			       "the server host does not describe its functions; see its dmesg");
		return -ETIMEDOUT;
	}
	if (riod_link_is_lost(att->link)) {
		NL_SET_ERR_MSG_FMT(extack, "the session ended at once: %s",
				   riod_reason_str(READ_ONCE(att->reason)));
		return -ECONNRESET;
	}
	return 0;
}

static int att_add_functions(struct riod_fe_att *att, const struct riod_attach_request *req,
			     struct netlink_ext_ack *extack)
{
	int ret;

	ret = riod_fe_describe_done(att, req, extack);
	if (ret)
		return ret;
	ret = riod_fe_bridge_reserve(att);
	if (ret) {
		NL_SET_ERR_MSG(extack,
			       "this host has 32 attachments, and its virtual bus has no room for more: detach one first");
		return ret;
	}
	ret = riod_fe_bridge_add(att);
	if (ret)
		NL_SET_ERR_MSG_FMT(extack,
				   "the function came up without VFIO (error %d): see dmesg", ret);
	return ret;
}

/* the attachment is there, unless the session ended meanwhile */
static int att_publish(struct riod_fe_att *att, struct netlink_ext_ack *extack)
{
	int ret = 0;

	mutex_lock(&att_lock);
	spin_lock(&att->state_lock);
	if (att->over)
		ret = -ECONNRESET;
	else
		att->state = RIOD_FE_UP;
	spin_unlock(&att->state_lock);
	if (!ret)
		list_add_tail(&att->list, &att_list);
	mutex_unlock(&att_lock);
	if (ret)
		NL_SET_ERR_MSG_FMT(extack, "the session ended at once: %s",
				   riod_reason_str(att->reason));
	return ret;
}

static int att_attach(struct riod_fe_att *att, struct net *net,
		      const struct riod_attach_request *req,
		      struct netlink_ext_ack *extack)
{
	int ret = 0;

	if (!att->export[0])
		ret = att_find_name(att, net, req, extack);
	if (!ret)
		ret = att_negotiate(att, net, req, extack);
	if (!ret)
		ret = att_wait_ready(att, extack);
	if (!ret)
		ret = att_add_functions(att, req, extack);
	if (!ret)
		ret = att_publish(att, extack);
	return ret;
}

/**
 * riod_fe_att_new() - attach an export
 * @net: where the server host is reached
 * @req: what is asked for
 * @attp: set to the attachment, with a reference for the caller
 * @extack: says why not
 *
 * Sleeps for as long as the peer takes, killable, every wait bounded.
 * Return: 0 with the functions known to VFIO, or -errno with nothing left.
 */
int riod_fe_att_new(struct net *net, const struct riod_attach_request *req,
		    struct riod_fe_att **attp, struct netlink_ext_ack *extack)
{
	struct riod_fe_att *att;
	int ret;

	att = att_alloc(net, req);
	if (!att) {
		NL_SET_ERR_MSG(extack, "out of memory");
		return -ENOMEM;
	}
	__module_get(THIS_MODULE);
	riod_fe_att_get(att);
	ret = att_attach(att, net, req, extack);
	if (ret) {
		spin_lock(&att->state_lock);
		att->state = RIOD_FE_REMOVING;
		spin_unlock(&att->state_lock);
		att_teardown(att);
		riod_fe_att_put(att);
		return ret;
	}
	riod_fe_nl_event(att);
	*attp = att;
	return 0;
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
 * What detaching comes to; -EINPROGRESS: the session is to be ended, and the rest
 * follows when the last function is closed.
 */
static int att_begin_detach(struct riod_fe_att *att, bool force,
			    struct netlink_ext_ack *extack)
{
	int ret = 0;

	spin_lock(&att->state_lock);
	if (att->state == RIOD_FE_REMOVING)
		ret = -EALREADY;
	else if (!att->nopen)
		att->state = RIOD_FE_REMOVING;
	else
		ret = force ? -EINPROGRESS : -EBUSY;
	att->detached |= !ret;
	spin_unlock(&att->state_lock);
	if (ret == -EALREADY)
		NL_SET_ERR_MSG(extack, "the attachment is being removed already");
	if (ret == -EBUSY)
		NL_SET_ERR_MSG(extack,
			       "a process has the function open (a VM?): end it, or use --force");
	return ret;
}

/*
 * The removal is under way.  It takes a moment, unless a process has the VFIO device
 * open without having opened the function (a cdev that is bound to no iommufd).
 */
static int att_wait_removed(struct riod_fe_att *att, struct netlink_ext_ack *extack)
{
	long left;

	left = wait_for_completion_killable_timeout(&att->removed,
						    msecs_to_jiffies(ATT_TIMEOUT_MS));
	if (left > 0)
		return 0;
	if (!left)
		NL_SET_ERR_MSG(extack,
			       "the session is over, but a process has the function's VFIO device open: the function leaves the bus when that is closed");
	return left ? -EINTR : -EBUSY;
}

int riod_fe_att_detach(struct net *net, u32 id, bool force,
		       struct netlink_ext_ack *extack)
{
	struct riod_fe_att *att;
	int ret = -ENOENT;

	mutex_lock(&att_lock);
	att = att_find(net, id);
	if (att)
		ret = att_begin_detach(att, force, extack);
	else
		NL_SET_ERR_MSG(extack,
			       "no attachment has that number; riodctl list shows those there are");
	/* on the list, under its lock: the link is there; att_lost() does the rest */
	if (ret == -EINPROGRESS)
		riod_link_end(att->link, RIOD_REASON_DETACH);
	if (!ret) {
		riod_fe_att_get(att);
		queue_work(riod_fe_wq, &att->remove_work);
	}
	mutex_unlock(&att_lock);
	if (ret)
		return ret == -EINPROGRESS ? 0 : ret;

	ret = att_wait_removed(att, extack);
	riod_fe_att_put(att);
	return ret;
}

int riod_fe_att_for_each(unsigned int skip,
			 int (*fn)(struct riod_fe_att *att, void *arg), void *arg)
{
	struct riod_fe_att *att;
	int ret = 0;

	mutex_lock(&att_lock);
	list_for_each_entry(att, &att_list, list) {
		if (skip) {
			skip--;
			continue;
		}
		ret = fn(att, arg);
		if (ret)
			break;
	}
	mutex_unlock(&att_lock);
	return ret;
}

void riod_fe_att_end_all(enum riod_reason reason)
{
	struct riod_fe_att *att, *atts[RIOD_FE_SLOTS];
	unsigned int i, n = 0;

	/* all of them first, so that their peers are waited for at the same time */
	mutex_lock(&att_lock);
	list_for_each_entry(att, &att_list, list) {
		if (WARN_ON_ONCE(n == ARRAY_SIZE(atts)))
			break;
		riod_link_end(att->link, reason);
		riod_fe_att_get(att);
		atts[n++] = att;
	}
	mutex_unlock(&att_lock);
	for (i = 0; i < n; i++) {
		att_stop_link(atts[i]);
		riod_fe_bridge_hide(atts[i]);
		riod_fe_att_put(atts[i]);
	}
}

/* a function is opened; -ENODEV once the session is over */
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

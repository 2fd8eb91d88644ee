// SPDX-License-Identifier: GPL-2.0-only
/*
 * An attempt to attach
 *
 * ATTACH returns at once, because generic netlink holds a lock of the whole host while
 * a command runs.  A thread for each attempt connects to the server host and adds the
 * functions to the bus.  Each wait for the server host is bounded, and ended by SIGKILL,
 * which is sent by DETACH, the close of the requesting socket, reboot and suspend.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "frontend.h"

/* longest wait until the server host has described its functions */
#define READY_TIMEOUT_MS	10000

static unsigned int lost_max_ms = 30000;
module_param(lost_max_ms, uint, 0644);
MODULE_PARM_DESC(lost_max_ms, "A silent server host is lost after this, even if it asks for longer (default 30000)");

/**
 * struct attempt - argument of the thread, which frees it
 * @att: attachment, which is ATTACHING: the thread owns it
 * @req: request of the user
 */
struct attempt {
	struct riod_fe_att *att;
	struct riod_attach_request req;
};

/*
 * The user named no export.  Request the list, to store the name of the only export in
 * the attachment.  If there are several, or none, the stub refuses the attach, with a
 * text that names them.
 */
static int att_find_name(struct riod_fe_att *att,
			 const struct riod_attach_request *req,
			 struct netlink_ext_ack *extack)
{
	struct riod_wire_export *exports;
	struct riod_refusal refusal = {};
	struct riod_conn *conn;
	u32 total;
	int ret;

	conn = riod_peer_open(att->net, &req->peer, extack);
	if (IS_ERR(conn))
		return PTR_ERR(conn);
	ret = riod_negotiate_list(conn, &exports, &total, &refusal);
	if (ret < 0)
		riod_nl_peer_error(extack, &req->peer.addr, ret, &refusal);
	else if (ret == 1 && total == 1)
		riod_fe_att_set_export(att, exports[0].name);
	riod_conn_close(conn);
	if (ret < 0)
		return ret;
	kvfree(exports);
	return 0;
}

/*
 * The server has decided on lost_ms.  This host has a maximum of its own, unless the user
 * named a time.
 */
static int att_limit_silence(struct riod_session_params *params,
			     const struct riod_attach_request *req,
			     struct netlink_ext_ack *extack)
{
	u32 max = req->lost_ms ?: READ_ONCE(lost_max_ms);

	if (max < 2 * params->keepalive_ms) {
		NL_SET_ERR_MSG_FMT(extack,
				   "%s (%u ms) is below twice the server's keepalive_ms (%u)",
				   req->lost_ms ? "--loss-timeout" : "lost_max_ms", max,
				   params->keepalive_ms);
		return -ERANGE;
	}
	params->lost_ms = min(params->lost_ms, max);
	return 0;
}

static int att_negotiate(struct riod_fe_att *att,
			 const struct riod_attach_request *req,
			 struct netlink_ext_ack *extack)
{
	struct riod_session_wish wish = {
		.features = RIOD_FEATURE_EXACT |
			    (att->on_loss == RIOD_ON_LOSS_STALL ? RIOD_FEATURE_RESUME : 0),
		.lost_ms = req->lost_ms,
	};
	struct riod_session_params params = {};
	struct riod_refusal refusal = {};
	struct riod_conn *conn;
	char name[16];
	int ret;

	conn = riod_peer_open(att->net, &req->peer, extack);
	if (IS_ERR(conn))
		return PTR_ERR(conn);
	ret = riod_negotiate_attach(conn, att->export, &wish, &params, &refusal);
	if (ret)
		riod_nl_peer_error(extack, &req->peer.addr, ret, &refusal);
	else
		ret = att_limit_silence(&params, req, extack);
	if (ret) {
		riod_conn_close(conn);
		return ret;
	}
	conn->ops->local(conn, &att->local);
	att->nfuncs = params.nfuncs;
	att->features = params.features;
	att->max_frame = min(params.tx_max_frame, RIOD_FRAME_MAX);
	snprintf(name, sizeof(name), "riod-fe%u", att->id);
	att->link = riod_link_create(conn, &params, RIOD_SYNC_FRONTEND, NULL, name,
				     &riod_fe_att_link_ops, att);
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
						    msecs_to_jiffies(READY_TIMEOUT_MS));
	if (left < 0)
		return -EINTR;
	if (!left) {
		NL_SET_ERR_MSG(extack,
			       "the server host does not describe its functions; see its dmesg");
		return -ETIMEDOUT;
	}
	return riod_fe_att_check(att, extack);
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
		NL_SET_ERR_MSG(extack, RIOD_FE_NO_ROOM);
		return ret;
	}
	ret = riod_fe_bridge_add(att);
	if (ret) {
		int over = riod_fe_att_check(att, extack);

		/* our driver refuses the functions of a session that is over */
		if (over)
			return over;
		NL_SET_ERR_MSG_FMT(extack,
				   "the function came up without VFIO (error %d): see dmesg", ret);
	}
	return ret;
}

static int att_attach(struct riod_fe_att *att, const struct riod_attach_request *req,
		      struct netlink_ext_ack *extack)
{
	int ret;

	/* a SIGKILL before allow_kernel_signal() is lost, but the check sees what it came with */
	ret = riod_fe_att_check(att, extack);
	if (!ret && !att->export[0])
		ret = att_find_name(att, req, extack);
	if (!ret)
		ret = att_negotiate(att, req, extack);
	if (!ret)
		ret = att_wait_ready(att, extack);
	if (!ret)
		ret = att_add_functions(att, req, extack);
	if (!ret)
		ret = riod_fe_att_publish(att, extack);
	return ret;
}

static int attempt_run(void *arg)
{
	struct netlink_ext_ack extack = {};
	struct attempt *attempt = arg;
	struct riod_fe_att *att = attempt->att;
	int ret;

	/* only the kernel can send it */
	allow_kernel_signal(SIGKILL);
	/* after riod_fe_att_publish() a detach may drop the last other reference */
	riod_fe_att_get(att);
	riod_fe_nl_event(att);
	ret = att_attach(att, &attempt->req, &extack);
	kfree(attempt);
	if (!ret) {
		riod_fe_nl_event(att);
	} else {
		riod_fe_att_fail(att, ret, extack._msg ?: "");
		/* the waits of teardown are for this host only and must not be interrupted */
		flush_signals(current);
		riod_fe_att_teardown(att);
	}
	riod_fe_att_put(att);
	module_put_and_kthread_exit(0);
}

/**
 * riod_fe_attach() - begin to attach an export
 * @net: namespace in which the server host is reached
 * @req: request of the user
 * @reply: sends the number of the attachment to the user, before any event of it
 * @priv: second argument of @reply
 * @extack: reports the reason of a failure
 *
 * Return: 0, or -errno: the attempt has not begun.
 */
int riod_fe_attach(struct net *net, const struct riod_attach_request *req,
		   int (*reply)(u32 id, void *priv), void *priv,
		   struct netlink_ext_ack *extack)
{
	struct task_struct *task;
	struct attempt *attempt;
	int ret = -ENOMEM;

	attempt = kzalloc(sizeof(*attempt), GFP_KERNEL);
	if (!attempt)
		goto err_text;
	attempt->req = *req;
	/* the function does not run before wake_up_process(), nor after kthread_stop() */
	task = kthread_create(attempt_run, attempt, "riod-attach");
	if (IS_ERR(task)) {
		ret = PTR_ERR(task);
		goto err_free;
	}
	attempt->att = riod_fe_att_new(net, req, task, extack);
	if (IS_ERR(attempt->att)) {
		kthread_stop(task);
		ret = PTR_ERR(attempt->att);
		kfree(attempt);
		return ret;
	}
	ret = reply(attempt->att->id, priv);
	if (ret) {
		riod_fe_att_fail(attempt->att, ret, "the user went away");
		kthread_stop(task);
		riod_fe_att_teardown(attempt->att);
		kfree(attempt);
		return ret;
	}
	/* the thread drops this reference itself, when it leaves the module's text */
	__module_get(THIS_MODULE);
	wake_up_process(task);
	return 0;

err_free:
	kfree(attempt);
err_text:
	NL_SET_ERR_MSG(extack, "the attempt cannot begin: out of memory");
	return ret;
}

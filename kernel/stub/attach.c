// SPDX-License-Identifier: GPL-2.0-only
/*
 * One connection, from accept() to its teardown
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "stub.h"
#include "stub_trace.h"

static unsigned int keepalive_ms = 2000;
module_param(keepalive_ms, uint, 0644);
MODULE_PARM_DESC(keepalive_ms, "Both sides send something at least this often (default 2000)");

static unsigned int lost_ms = 10000;
module_param(lost_ms, uint, 0644);
MODULE_PARM_DESC(lost_ms, "A peer silent for so long is lost, and the device fenced (default 10000)");

static unsigned int lost_max_ms = 60000;
module_param(lost_max_ms, uint, 0644);
MODULE_PARM_DESC(lost_max_ms, "Longest time that a peer may ask for instead of lost_ms (default 60000)");

/* ------------------------------------------------------------ link */

/* pump: collect the interrupts that fired */
static int att_gather(void *priv, struct list_head *events)
{
	struct riod_stub_att *att = priv;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < att->exp->nfuncs && !ret; i++)
		ret = riod_stub_irq_gather(att->exp->funcs[i], events);
	return ret;
}

/* fence at once, even while a frame is being handled; must not sleep */
static void att_over(void *priv, enum riod_reason reason)
{
	struct riod_stub_att *att = priv;

	riod_stub_fence_begin(att, reason);
}

static void att_connection(void *priv)
{
	struct riod_stub_att *att = priv;

	riod_stub_export_notify(att->exp);
}

/* runs after the frame in progress; queues the work item for the slow part */
static void att_lost(void *priv, enum riod_reason reason)
{
	struct riod_stub_att *att = priv;
	char addr[64];

	riod_stub_fence_finish(att);
	riod_addr_str(&att->peer, addr, sizeof(addr));
	if (__ratelimit(&att->exp->log))
		pr_info("%s: detached from %s: %s\n", att->exp->name, addr,
			riod_reason_str(reason));
	if (!test_and_set_bit(RIOD_STUB_ATT_ENDING, &att->flags))
		queue_work(riod_stub_wq, &att->work);
}

static const struct riod_link_ops att_link_ops = {
	.over	= att_over,
	.frame	= riod_stub_frame,
	.gather	= att_gather,
	.lost	= att_lost,
	.connection = att_connection,
};

/* end an attachment that failed to begin; its teardown is that of any other */
void riod_stub_att_end(struct riod_stub_att *att, enum riod_reason reason)
{
	/* fences, unless the session has already ended */
	riod_link_end(att->link, reason);
	if (!test_and_set_bit(RIOD_STUB_ATT_ENDING, &att->flags))
		queue_work(riod_stub_wq, &att->work);
}

/* ------------------------------------------------------------ attach */

static enum riod_reason att_going(struct riod_stub_att *att)
{
	enum riod_reason reason;

	mutex_lock(&riod_stub_lock);
	reason = riod_stub_export_going(att->exp);
	mutex_unlock(&riod_stub_lock);
	return reason;
}

static void att_close_funcs(struct riod_stub_att *att)
{
	while (att->nopen)
		riod_stub_func_close(att->exp->funcs[--att->nopen]);
}

static int att_open_funcs(struct riod_stub_att *att)
{
	struct riod_stub_func *fn;
	int ret;

	while (att->nopen < att->exp->nfuncs) {
		fn = att->exp->funcs[att->nopen];
		ret = riod_stub_func_open(fn);
		if (ret) {
			dev_warn_ratelimited(&fn->pdev->dev,
					     "could not be made ready for a peer: %d\n", ret);
			return ret;
		}
		att->nopen++;
	}
	return 0;
}

/* return to IDLE if no link was created; nothing was mapped */
static void att_abandon(struct riod_stub_att *att)
{
	att_close_funcs(att);
	riod_stub_domain_detach(att->exp);
	riod_stub_export_move(att->exp, RIOD_STUB_IDLE, NULL);
	riod_stub_export_put(att->exp);
	att->exp = NULL;
	/* module exit waits for this work item, so its text stays loaded */
	module_put(THIS_MODULE);
}

static int att_create_link(struct riod_stub_att *att,
			   const struct riod_session_params *params)
{
	struct riod_conn *conn = att->conn;
	unsigned int i;

	/* afterwards no other thread uses the connection; the link takes it over */
	riod_stub_handshake_done(att);
	att->conn = NULL;
	att->link = riod_link_create(conn, params, RIOD_SYNC_STUB, NULL,
				     att->exp->name, &att_link_ops, att);
	if (IS_ERR_OR_NULL(att->link)) {
		att->link = NULL;
		return -ENOMEM;
	}
	riod_stub_dma_init(att);
	for (i = 0; i < att->exp->nfuncs; i++)
		att->exp->funcs[i]->link = att->link;
	atomic_inc(&riod_stub_objects.attachments);
	return 0;
}

/* post DESCRIBE of each function, then READY */
static int att_describe(struct riod_stub_att *att)
{
	struct riod_wire_ready *ready;
	struct riod_frame *f;
	unsigned int i;
	int ret;

	for (i = 0; i < att->exp->nfuncs; i++) {
		ret = riod_stub_func_describe(att->exp->funcs[i]);
		if (ret)
			return ret;
	}
	f = riod_frame_alloc(RIOD_FRAME_READY, 0, sizeof(*ready), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	ready = (void *)f->body;
	ready->shadow_max = cpu_to_le64(att->dma.max_pages << PAGE_SHIFT);
	/* before READY is sent, which permits the peer to send frames */
	set_bit(RIOD_STUB_ATT_READY, &att->flags);
	return riod_link_post(att->link, f);
}

/*
 * Start the link.  A removal of the export or a host shutdown had no link to end until
 * now, so check for both once the attachment is visible to other threads.
 */
static void att_begin(struct riod_stub_att *att)
{
	enum riod_reason going;
	char addr[64];

	if (riod_link_start(att->link)) {
		riod_stub_att_end(att, RIOD_REASON_NO_MEMORY);
		return;
	}
	riod_stub_export_move(att->exp, RIOD_STUB_ATTACHED, att);
	riod_addr_str(&att->peer, addr, sizeof(addr));
	if (__ratelimit(&att->exp->log))
		pr_info("%s: attached by %s\n", att->exp->name, addr);
	going = att_going(att);
	if (going)
		riod_stub_att_end(att, going);
	else if (att_describe(att) == -ENOMEM)
		riod_stub_att_end(att, RIOD_REASON_NO_MEMORY);
}

/* the device waits as long for its peer as that asks for, within this host's limit */
static unsigned int att_lost_ms(const struct riod_wire_hello *hello)
{
	unsigned int wish = le64_to_cpu(hello->lost_ms);

	return wish ? min(wish, READ_ONCE(lost_max_ms)) : READ_ONCE(lost_ms);
}

/*
 * A peer that may attach the export learns which address uses it (without the port), so
 * that its administrator knows whom to ask.
 */
static void refuse_claim(struct riod_stub_att *att, enum riod_reason reason)
{
	char text[RIOD_TEXT_LEN] = "";

	if (reason == RIOD_REASON_NO_EXPORT && att->hello.export[0])
		snprintf(text, sizeof(text), "there is no export '%s'", att->hello.export);
	else if (reason == RIOD_REASON_BUSY && att->holder.ss_family != AF_UNSPEC)
		snprintf(text, sizeof(text), "in use by %pISc", &att->holder);
	else if (reason == RIOD_REASON_BUSY)
		strscpy(text, "its device is still being reset after its last peer");
	riod_negotiate_refuse(att->conn, reason, text[0] ? text : NULL);
}

/**
 * riod_stub_attach() - handle ATTACH: turn a connection into an attachment
 * @att: connection that has received a HELLO
 *
 * Return: true if a link was created: the second run of the work item is queued, or
 * will be when the link is lost.
 */
bool riod_stub_attach(struct riod_stub_att *att)
{
	struct riod_session_params params;
	enum riod_reason reason;

	/* held until the teardown, so that the module is not unloaded under a peer */
	if (!try_module_get(THIS_MODULE)) {
		riod_negotiate_refuse(att->conn, RIOD_REASON_UNBIND, NULL);
		return false;
	}
	att->exp = riod_stub_export_claim(att, att->hello.export, &reason);
	if (!att->exp) {
		refuse_claim(att, reason);
		module_put(THIS_MODULE);
		return false;
	}
	if (att_open_funcs(att)) {
		riod_negotiate_refuse(att->conn, RIOD_REASON_DEVICE,
				      "the device could not be reset, see the server host's log");
		goto abandon;
	}
	/* after the reset, so that the groups are in the blocking domain until then */
	if (riod_stub_domain_attach(att->exp, NULL)) {
		riod_negotiate_refuse(att->conn, RIOD_REASON_NO_MEMORY,
				      "the server host's IOMMU gives no domain");
		goto abandon;
	}
	if (riod_negotiate_welcome(att->conn, &att->hello, att->exp->nfuncs,
				   READ_ONCE(keepalive_ms), att_lost_ms(&att->hello), &params))
		goto abandon;
	if (att_create_link(att, &params))
		goto abandon;
	att_begin(att);
	return true;

abandon:
	att_abandon(att);
	return false;
}

/* ------------------------------------------------------------ teardown */

/* fence.c lists the steps and proves that their order is safe */
static void att_teardown(struct riod_stub_att *att)
{
	struct riod_stub_export *exp = att->exp;

	/* no other thread uses the link afterwards, so it can be stopped */
	riod_stub_export_move(exp, RIOD_STUB_FENCING, NULL);
	/*
	 * When this returns, att_over() and then att_lost() have run once, whatever
	 * ended the session, and neither runs again.
	 */
	riod_link_stop(att->link);
	riod_stub_resume_wait(att);
	att_close_funcs(att);
	trace_riod_stub_freed(exp->name, riod_stub_dma_destroy(&att->dma));
	riod_link_free(att->link);
	atomic_dec(&riod_stub_objects.attachments);
	riod_stub_export_move(exp, RIOD_STUB_IDLE, NULL);
	riod_stub_export_put(exp);
	module_put(THIS_MODULE);
}

static void att_work(struct work_struct *work)
{
	struct riod_stub_att *att = container_of(work, struct riod_stub_att, work);

	if (att->link) {
		att_teardown(att);
	} else {
		if (riod_stub_handshake(att))
			return;
		riod_stub_handshake_done(att);
	}
	riod_stub_att_free(att);
}

/* ------------------------------------------------------------ life */

struct riod_stub_att *riod_stub_att_create(struct riod_conn *conn,
					   const struct sockaddr_storage *peer)
{
	struct riod_stub_att *att = kzalloc(sizeof(*att), GFP_KERNEL_ACCOUNT);

	if (!att)
		return NULL;
	INIT_WORK(&att->work, att_work);
	att->conn = conn;
	att->peer = *peer;
	atomic_inc(&riod_stub_objects.connections);
	return att;
}

void riod_stub_att_free(struct riod_stub_att *att)
{
	if (att->conn) {
		att->conn->ops->shutdown(att->conn);
		riod_conn_close(att->conn);
	}
	kfree(att);
	atomic_dec(&riod_stub_objects.connections);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * One connection, from accept() to the end
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

/* ------------------------------------------------------------ link */

/* pump: interrupts that fired */
static int att_gather(void *priv, struct list_head *events)
{
	struct riod_stub_att *att = priv;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < att->exp->nfuncs && !ret; i++)
		ret = riod_stub_irq_gather(att->exp->funcs[i], events);
	return ret;
}

/* the device is stopped here and now, whatever is under way; must not sleep */
static void att_over(void *priv, enum riod_reason reason)
{
	struct riod_stub_att *att = priv;

	riod_stub_fence_begin(att, reason);
}

/* behind the frame that was under way; all that takes long is for the work item */
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
};

/* the attachment did not come to be: have it torn down as any other */
void riod_stub_att_end(struct riod_stub_att *att, enum riod_reason reason)
{
	/* fences, or finds it done */
	riod_link_end(att->link, reason);
	if (!test_and_set_bit(RIOD_STUB_ATT_ENDING, &att->flags))
		queue_work(riod_stub_wq, &att->work);
}

/* ------------------------------------------------------------ attach */

static void att_set_state(struct riod_stub_att *att, enum riod_stub_state state)
{
	struct riod_stub_export *exp = att->exp;
	struct riod_stub_news news;

	mutex_lock(&riod_stub_lock);
	/* whoever finds @att may use its link: not once it is being stopped */
	exp->att = state == RIOD_STUB_ATTACHED ? att : NULL;
	riod_stub_set_state(exp, state);
	riod_stub_news_take(&news, exp);
	mutex_unlock(&riod_stub_lock);
	riod_stub_news_send(exp, &news);
}

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

/* back to IDLE where no link has come to be; nothing was ever mapped */
static void att_abandon(struct riod_stub_att *att)
{
	att_close_funcs(att);
	riod_stub_domain_detach(att->exp);
	att_set_state(att, RIOD_STUB_IDLE);
	riod_stub_export_put(att->exp);
	att->exp = NULL;
	/* module exit waits for this work item, so our text stays */
	module_put(THIS_MODULE);
}

static int att_create_link(struct riod_stub_att *att,
			   const struct riod_session_params *params)
{
	static const struct riod_sync_params defaults;
	struct riod_conn *conn = att->conn;
	unsigned int i;

	/* nobody else looks at the connection after this; the link takes it */
	riod_stub_handshake_done(att);
	att->conn = NULL;
	att->link = riod_link_create(conn, params, RIOD_SYNC_STUB, &defaults,
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

/* DESCRIBE of each function, then READY */
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
	/* before it can arrive, and so before the first frame that a peer may send */
	set_bit(RIOD_STUB_ATT_READY, &att->flags);
	return riod_link_post(att->link, f);
}

/*
 * The link runs.  An export that was taken back meanwhile, or a host that goes down,
 * had no link to end yet, so it is looked at once the attachment can be found.
 */
static void att_begin(struct riod_stub_att *att)
{
	enum riod_reason going;
	char addr[64];

	if (riod_link_start(att->link)) {
		riod_stub_att_end(att, RIOD_REASON_NO_MEMORY);
		return;
	}
	att_set_state(att, RIOD_STUB_ATTACHED);
	riod_addr_str(&att->peer, addr, sizeof(addr));
	if (__ratelimit(&att->exp->log))
		pr_info("%s: attached by %s\n", att->exp->name, addr);
	going = att_going(att);
	if (going)
		riod_stub_att_end(att, going);
	else if (att_describe(att) == -ENOMEM)
		riod_stub_att_end(att, RIOD_REASON_NO_MEMORY);
}

/*
 * Who has the export is said to peers that may attach it, so that their administrator
 * knows whom to ask: the address, without the port.
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
 * riod_stub_attach() - ATTACH: make an attachment of a connection
 * @att: connection, HELLO received, the peer may see some export
 *
 * Return: true where there is a link: then the second run of the work item is
 * queued, or will be when the link is lost.
 */
bool riod_stub_attach(struct riod_stub_att *att)
{
	struct riod_session_params params;
	enum riod_reason reason;

	/* until the teardown: unloading the module does not cut off a peer */
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
	/* after the reset: until then the groups are blocked */
	if (riod_stub_domain_attach(att->exp, NULL)) {
		riod_negotiate_refuse(att->conn, RIOD_REASON_NO_MEMORY,
				      "the server host's IOMMU gives no domain");
		goto abandon;
	}
	if (riod_negotiate_welcome(att->conn, &att->hello, att->exp->nfuncs,
				   READ_ONCE(keepalive_ms), READ_ONCE(lost_ms), &params))
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

/* fence.c has the order, and the proof that goes with it */
static void att_teardown(struct riod_stub_att *att)
{
	struct riod_stub_export *exp = att->exp;

	att_set_state(att, RIOD_STUB_FENCING);
	/*
	 * Whatever ended the session: when this returns, att_over() and then
	 * att_lost() have run, and neither will again.
	 */
	riod_link_stop(att->link);
	att_close_funcs(att);
	trace_riod_stub_freed(exp->name, riod_stub_dma_destroy(&att->dma));
	riod_stub_domain_detach(exp);
	riod_link_free(att->link);
	atomic_dec(&riod_stub_objects.attachments);
	att_set_state(att, RIOD_STUB_IDLE);
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: creation, claims by peers, removal
 *
 * Netlink commands hold a lock of the whole host, so none waits for a device.  A removal
 * marks the export (@going) and ends its session.  When the export is IDLE, perhaps
 * after a reset, a work item of export_wq destroys it.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "stub.h"

/* longest wait for a device in FENCING, for a peer that attaches again at once */
#define EXPORT_FENCE_WAIT	(5 * HZ)

/* list of exports, their state and attachment, handshakes; inside riod_stub_admin */
DEFINE_MUTEX(riod_stub_lock);
LIST_HEAD(riod_stub_exports);

/* under riod_stub_admin */
static unsigned long export_next_id = 1;

/*
 * Runs riod_stub_export.end_work.  Not riod_stub_wq: closing a port waits for handshakes,
 * which many removals at once could keep from running there.
 */
static struct workqueue_struct *export_wq;

/* host shutdown or suspend: refuse new attachments; under riod_stub_lock */
static bool exports_closed;

/* longest wait of a shutdown or suspend for sessions to end: a BYE and a reset */
#define EXPORTS_CLOSE_WAIT	(5 * HZ)

/* ------------------------------------------------------------ state */

/*
 * Legal transitions:
 *
 *   IDLE      -> ATTACHING  a peer claims it (riod_stub_export_claim())
 *   ATTACHING -> IDLE       no link was created; all functions are closed again
 *   ATTACHING -> ATTACHED   the link runs
 *   ATTACHING -> FENCING    the link did not start
 *   ATTACHED  -> FENCING    the session is over
 *   FENCING   -> IDLE       the device is reset, nothing is mapped
 */
static const u8 export_legal[] = {
	[RIOD_STUB_IDLE]	= BIT(RIOD_STUB_ATTACHING),
	[RIOD_STUB_ATTACHING]	= BIT(RIOD_STUB_IDLE) | BIT(RIOD_STUB_ATTACHED) |
				  BIT(RIOD_STUB_FENCING),
	[RIOD_STUB_ATTACHED]	= BIT(RIOD_STUB_FENCING),
	[RIOD_STUB_FENCING]	= BIT(RIOD_STUB_IDLE),
};

/* queues the work item once, because no attachment begins after @going was set */
static void export_end_if_idle(struct riod_stub_export *exp)
{
	lockdep_assert_held(&riod_stub_lock);
	if (exp->going && exp->state == RIOD_STUB_IDLE)
		queue_work(export_wq, &exp->end_work);
}

/* the only writer of riod_stub_export.state */
static void export_set_state(struct riod_stub_export *exp, enum riod_stub_state to)
{
	lockdep_assert_held(&riod_stub_lock);
	WARN_ONCE(!(export_legal[exp->state] & BIT(to)), "%s: state %d to %d\n",
		  exp->name, exp->state, to);
	WRITE_ONCE(exp->state, to);
	wake_up_all(&exp->wait);
	export_end_if_idle(exp);
}

/**
 * riod_stub_export_move() - change the state of a claimed export, and send an event
 * @exp: export; the caller holds a reference
 * @state: new state, not ATTACHING
 * @att: attachment that other threads may find, in ATTACHED; else NULL
 *
 * Takes event_lock and riod_stub_lock.
 */
void riod_stub_export_move(struct riod_stub_export *exp, enum riod_stub_state state,
			   struct riod_stub_att *att)
{
	struct riod_stub_news news;

	mutex_lock(&exp->event_lock);
	mutex_lock(&riod_stub_lock);
	exp->att = att;
	export_set_state(exp, state);
	riod_stub_news_take(&news, exp);
	mutex_unlock(&riod_stub_lock);
	riod_stub_news_send(exp, &news);
	mutex_unlock(&exp->event_lock);
}

/**
 * riod_stub_export_notify() - send an event: the session's connection broke, or is back
 * @exp: export; the caller holds a reference
 */
void riod_stub_export_notify(struct riod_stub_export *exp)
{
	struct riod_stub_news news;

	mutex_lock(&exp->event_lock);
	mutex_lock(&riod_stub_lock);
	riod_stub_news_take(&news, exp);
	mutex_unlock(&riod_stub_lock);
	riod_stub_news_send(exp, &news);
	mutex_unlock(&exp->event_lock);
}

/* for wait conditions; a caller that acts on the state checks again under riod_stub_lock */
static bool export_in_state(struct riod_stub_export *exp, enum riod_stub_state state)
{
	return READ_ONCE(exp->state) == state;
}

/* true if removal needs force; in FENCING the peer's session is over already */
static bool export_in_use(struct riod_stub_export *exp)
{
	enum riod_stub_state state = READ_ONCE(exp->state);

	return state == RIOD_STUB_ATTACHING || state == RIOD_STUB_ATTACHED;
}

/* ------------------------------------------------------------ claim */

/* find the export that a peer asks for, among those that it may see */
static struct riod_stub_export *export_match(const struct riod_stub_att *att,
					     const char *name,
					     enum riod_reason *reason)
{
	struct riod_stub_export *exp, *found = NULL;

	lockdep_assert_held(&riod_stub_lock);
	*reason = RIOD_REASON_NO_EXPORT;
	list_for_each_entry(exp, &riod_stub_exports, list) {
		if (!riod_stub_visible(exp, att->net, att->transport, att->port, &att->peer))
			continue;
		if (name[0] && strcmp(exp->name, name))
			continue;
		if (found) {
			*reason = RIOD_REASON_AMBIGUOUS;
			return NULL;
		}
		found = exp;
	}
	return found;
}

/* wait for the teardown of the last attachment; bounded */
static void export_wait_fenced(struct riod_stub_export *exp)
{
	wait_event_timeout(exp->wait, !export_in_state(exp, RIOD_STUB_FENCING),
			   EXPORT_FENCE_WAIT);
}

/**
 * riod_stub_export_claim() - take an export for an attachment
 * @att: connection; @att->holder is filled in if the export is in use
 * @name: name that the peer asks for; empty: the only export that it may see
 * @reason: filled in with the reason of a refusal
 *
 * Return: the export in ATTACHING, with a reference; or NULL.
 */
struct riod_stub_export *riod_stub_export_claim(struct riod_stub_att *att,
						const char *name,
						enum riod_reason *reason)
{
	struct riod_stub_export *exp;
	bool waited = false;

again:
	mutex_lock(&riod_stub_lock);
	exp = export_match(att, name, reason);
	if (exp && exports_closed) {
		*reason = RIOD_REASON_SHUTDOWN;
		exp = NULL;
	}
	if (exp)
		kref_get(&exp->ref);
	if (exp && exp->state == RIOD_STUB_IDLE) {
		export_set_state(exp, RIOD_STUB_ATTACHING);
		exp->peer = att->peer;
		exp->peer_transport = att->transport;
		WRITE_ONCE(exp->lost, false);
		exp->broken = false;
		exp->evicted = false;
		memset(&exp->stats, 0, sizeof(exp->stats));
		mutex_unlock(&riod_stub_lock);
		return exp;
	}
	if (exp && export_in_use(exp))
		att->holder = exp->peer;
	mutex_unlock(&riod_stub_lock);
	if (!exp)
		return NULL;

	*reason = RIOD_REASON_BUSY;
	if (!waited && export_in_state(exp, RIOD_STUB_FENCING)) {
		export_wait_fenced(exp);
		riod_stub_export_put(exp);
		waited = true;
		goto again;
	}
	riod_stub_export_put(exp);
	return NULL;
}

/* ------------------------------------------------------------ life */

static void export_free(struct kref *ref)
{
	struct riod_stub_export *exp = container_of(ref, struct riod_stub_export, ref);

	put_net(exp->net);
	kfree(exp);
	atomic_dec(&riod_stub_objects.exports);
}

void riod_stub_export_put(struct riod_stub_export *exp)
{
	kref_put(&exp->ref, export_free);
}

static void export_free_funcs(struct riod_stub_export *exp)
{
	while (exp->nfuncs)
		riod_stub_func_destroy(exp->funcs[--exp->nfuncs]);
}

/* close the first @n listeners of an export; peers that are in their handshake are cut off */
static void export_unlisten(struct riod_stub_export *exp, unsigned int n)
{
	while (n)
		riod_stub_listener_put(exp->listeners[--n]);
}

/* open a listener for each transport, or none */
static int export_listen(struct riod_stub_export *exp, struct netlink_ext_ack *extack)
{
	struct riod_stub_listener *lst;
	unsigned int i;

	for (i = 0; i < exp->ntransports; i++) {
		lst = riod_stub_listener_get(exp->net, exp->transports[i], exp->port, extack);
		if (IS_ERR(lst)) {
			export_unlisten(exp, i);
			return PTR_ERR(lst);
		}
		exp->listeners[i] = lst;
	}
	return 0;
}

/*
 * Destroy an export that is going, and IDLE.  The event of its removal is the last: the
 * teardown may still be sending the event of IDLE, under @event_lock, and no attachment
 * follows.  riod_stub_admin is held until the event was sent, so an export that takes the
 * name or a function over is announced later.
 */
static void export_end_work(struct work_struct *work)
{
	struct riod_stub_export *exp = container_of(work, struct riod_stub_export, end_work);
	struct riod_stub_news news;
	unsigned int i;

	mutex_lock(&riod_stub_admin);
	riod_stub_domain_close(exp);
	mutex_lock(&exp->event_lock);
	mutex_lock(&riod_stub_lock);
	list_del_init(&exp->list);
	for (i = 0; i < exp->nfuncs; i++)
		exp->funcs[i]->sdev->fn = NULL;
	riod_stub_news_take(&news, exp);
	news.state = -1;
	mutex_unlock(&riod_stub_lock);
	mutex_unlock(&exp->event_lock);
	/* they pin @transports: put them after riod_stub_news_take(), which reads the names */
	export_unlisten(exp, exp->ntransports);
	export_free_funcs(exp);
	riod_stub_news_send(exp, &news);
	mutex_unlock(&riod_stub_admin);
	complete_all(&exp->gone);
	/* this code stays until the work item has returned: module exit waits for it */
	riod_stub_export_put(exp);
}

static struct riod_stub_export *export_alloc(struct net *net)
{
	struct riod_stub_export *exp = kzalloc(sizeof(*exp), GFP_KERNEL_ACCOUNT);

	if (!exp)
		return NULL;
	kref_init(&exp->ref);
	INIT_LIST_HEAD(&exp->list);
	mutex_init(&exp->event_lock);
	init_waitqueue_head(&exp->wait);
	INIT_WORK(&exp->end_work, export_end_work);
	init_completion(&exp->gone);
	ratelimit_state_init(&exp->log, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	exp->net = get_net(net);
	exp->state = RIOD_STUB_IDLE;
	atomic_inc(&riod_stub_objects.exports);
	return exp;
}

static bool export_has(const struct riod_stub_export *exp, const struct pci_dev *pdev)
{
	unsigned int i;

	for (i = 0; i < exp->nfuncs; i++) {
		if (exp->funcs[i]->pdev == pdev)
			return true;
	}
	return false;
}

/* add one function to a new export */
static int export_add_dev(struct riod_stub_export *exp, struct pci_dev *pdev,
			  struct netlink_ext_ack *extack)
{
	struct riod_stub_dev *sdev = riod_stub_dev_find(pdev);
	struct riod_stub_func *fn;

	if (!sdev || READ_ONCE(sdev->leaving)) {
		NL_SET_ERR_MSG_FMT(extack, "%s is not bound to riod_stub: riodctl bind %s",
				   pci_name(pdev), pci_name(pdev));
		return -ENODEV;
	}
	if (sdev->fn || export_has(exp, pdev)) {
		if (sdev->fn && READ_ONCE(sdev->fn->exp->going))
			NL_SET_ERR_MSG_FMT(extack, "%s is being taken back: try again in a moment",
					   pci_name(pdev));
		else
			NL_SET_ERR_MSG_FMT(extack, "%s is exported already", pci_name(pdev));
		return -EBUSY;
	}
	if (!pdev->reset_methods[0] && !exp->no_reset) {
		NL_SET_ERR_MSG_FMT(extack, "%s cannot be reset; --no-reset exports it all the same",
				   pci_name(pdev));
		return -EOPNOTSUPP;
	}
	if (pci_num_vf(pdev)) {
		NL_SET_ERR_MSG_FMT(extack, "%s has VFs: write 0 to its sriov_numvfs first",
				   pci_name(pdev));
		return -EBUSY;
	}
	fn = riod_stub_func_create(exp, sdev, exp->nfuncs, extack);
	if (IS_ERR(fn))
		return PTR_ERR(fn);
	exp->funcs[exp->nfuncs++] = fn;
	return 0;
}

static int export_add_devs(struct riod_stub_export *exp,
			   const struct riod_export_request *req,
			   struct netlink_ext_ack *extack)
{
	struct pci_dev *pdev;
	unsigned int i;
	int ret;

	if (!req->ndevices || req->ndevices > RIOD_FUNCS_MAX) {
		NL_SET_ERR_MSG(extack, "an export has one to eight functions");
		return -EINVAL;
	}
	for (i = 0; i < req->ndevices; i++) {
		pdev = pci_get_domain_bus_and_slot(req->devices[i].domain,
						   req->devices[i].bus,
						   req->devices[i].devfn);
		if (!pdev) {
			NL_SET_ERR_MSG_FMT(extack,
					   "there is no device %04x:%02x:%02x.%d, see lspci -D",
					   req->devices[i].domain, req->devices[i].bus,
					   PCI_SLOT(req->devices[i].devfn),
					   PCI_FUNC(req->devices[i].devfn));
			return -ENODEV;
		}
		ret = export_add_dev(exp, pdev, extack);
		/* remove() takes riod_stub_admin, so a bound device is not freed here */
		pci_dev_put(pdev);
		if (ret)
			return ret;
	}
	return 0;
}

static struct riod_stub_export *export_find(const struct net *net, const char *name)
{
	struct riod_stub_export *exp;

	/* the list is changed under both locks, so either one suffices */
	lockdep_assert(lockdep_is_held(&riod_stub_admin) || lockdep_is_held(&riod_stub_lock));
	list_for_each_entry(exp, &riod_stub_exports, list) {
		if (exp->net == net && !strcmp(exp->name, name))
			return exp;
	}
	return NULL;
}

/* names occur in frames, log messages and shell commands */
static bool name_is_plain(const char *name)
{
	for (; *name; name++) {
		if (*name < '!' || *name > '~')
			return false;
	}
	return true;
}

static int export_set_name(struct riod_stub_export *exp, struct riod_export_request *req,
			   struct netlink_ext_ack *extack)
{
	struct riod_stub_export *other;

	req->name[sizeof(req->name) - 1] = '\0';
	if (!req->name[0])
		strscpy(req->name, pci_name(exp->funcs[0]->pdev));
	if (!name_is_plain(req->name)) {
		NL_SET_ERR_MSG(extack, "a name has printable ASCII characters and no spaces");
		return -EINVAL;
	}
	other = export_find(exp->net, req->name);
	if (other) {
		if (READ_ONCE(other->going))
			NL_SET_ERR_MSG(extack,
				       "the export of that name is being taken back: try again in a moment");
		else
			NL_SET_ERR_MSG(extack, "there is an export of that name: choose another");
		return -EEXIST;
	}
	strscpy(exp->name, req->name);
	return 0;
}

/* make the export visible to peers and to remove() */
static void export_publish(struct riod_stub_export *exp)
{
	struct riod_stub_news news;
	unsigned int i;

	lockdep_assert_held(&riod_stub_admin);
	exp->id = export_next_id++;
	/* a peer may claim it at once; the event of its attachment comes second */
	mutex_lock(&exp->event_lock);
	mutex_lock(&riod_stub_lock);
	list_add_tail(&exp->list, &riod_stub_exports);
	for (i = 0; i < exp->nfuncs; i++)
		exp->funcs[i]->sdev->fn = exp->funcs[i];
	riod_stub_news_take(&news, exp);
	mutex_unlock(&riod_stub_lock);
	riod_stub_news_send(exp, &news);
	mutex_unlock(&exp->event_lock);
}

/* @transports: req->ntransports */
static int export_create(struct net *net, struct riod_export_request *req,
			 const struct riod_transport_ops **transports,
			 struct netlink_ext_ack *extack)
{
	struct riod_stub_export *exp = export_alloc(net);
	int ret;

	if (!exp)
		return -ENOMEM;
	memcpy(exp->transports, transports, req->ntransports * sizeof(*transports));
	exp->ntransports = req->ntransports;
	exp->port = req->port ?: RIOD_PORT;
	exp->no_reset = req->no_reset;

	ret = riod_stub_allow_init(exp, req, extack);
	if (!ret)
		ret = export_add_devs(exp, req, extack);
	if (!ret)
		ret = export_set_name(exp, req, extack);
	if (ret)
		goto err_funcs;

	ret = riod_stub_domain_open(exp, extack);
	if (ret)
		goto err_funcs;

	/* all are open before a peer or a user finds the export */
	ret = export_listen(exp, extack);
	if (ret)
		goto err_domain;
	export_publish(exp);
	return 0;

err_domain:
	riod_stub_domain_close(exp);
err_funcs:
	export_free_funcs(exp);
	riod_stub_export_put(exp);
	return ret;
}

int riod_stub_export_new(struct net *net, struct riod_export_request *req,
			 struct netlink_ext_ack *extack)
{
	const struct riod_transport_ops *transports[RIOD_EXPORT_TRANSPORTS_MAX];
	unsigned int n;
	int ret = 0;

	for (n = 0; n < req->ntransports; n++) {
		transports[n] = riod_nl_find_transport(req->transports[n], extack);
		if (IS_ERR(transports[n])) {
			ret = PTR_ERR(transports[n]);
			goto out;
		}
	}
	mutex_lock(&riod_stub_admin);
	ret = export_create(net, req, transports, extack);
	mutex_unlock(&riod_stub_admin);
out:
	while (n)
		riod_transport_put(transports[--n]);
	return ret;
}

/* end the session, which fences the device at once */
static void export_end_session(struct riod_stub_export *exp, enum riod_reason reason)
{
	lockdep_assert_held(&riod_stub_lock);
	if (!exp->att)
		return;
	/* fences, unless the session has already ended */
	riod_link_end(exp->att->link, reason);
}

/*
 * Begin to remove an export, even if a peer uses it: end the session, and refuse new
 * ones.  An attachment in ATTACHING has no link to end yet; it checks @going later.
 */
static void export_go(struct riod_stub_export *exp, enum riod_reason reason)
{
	lockdep_assert_held(&riod_stub_lock);
	if (exp->going)
		return;
	WRITE_ONCE(exp->going, reason);
	export_end_session(exp, reason);
	export_end_if_idle(exp);
}

/**
 * riod_stub_export_leave() - remove the export of a function that leaves the driver
 * @sdev: function; @leaving is set, and its device lock is held
 *
 * Waits until the export is gone, also if a command has begun to remove it: for the
 * teardown of the attachment, which depends on this host only (at most a reset), never
 * on the peer.  The other functions of the export stay bound.
 */
void riod_stub_export_leave(struct riod_stub_dev *sdev)
{
	struct riod_stub_export *exp;

	/* an export that is being created has not seen @leaving, and is published by now */
	mutex_lock(&riod_stub_admin);
	mutex_lock(&riod_stub_lock);
	exp = sdev->fn ? sdev->fn->exp : NULL;
	if (exp) {
		kref_get(&exp->ref);
		export_go(exp, RIOD_REASON_GONE);
	}
	mutex_unlock(&riod_stub_lock);
	mutex_unlock(&riod_stub_admin);
	if (!exp)
		return;
	wait_for_completion(&exp->gone);
	riod_stub_export_put(exp);
}

/* ------------------------------------------------------------ all of them */

/* reason to end an attachment that has just begun, or NONE */
enum riod_reason riod_stub_export_going(const struct riod_stub_export *exp)
{
	lockdep_assert_held(&riod_stub_lock);
	if (exp->going)
		return exp->going;
	if (exp->broken)
		return RIOD_REASON_DEVICE;
	if (exp->evicted)
		return RIOD_REASON_NOT_ALLOWED;
	return exports_closed ? RIOD_REASON_SHUTDOWN : RIOD_REASON_NONE;
}

/* find an export that is not IDLE; returns it with a reference, or NULL */
static struct riod_stub_export *exports_find_busy(void)
{
	struct riod_stub_export *exp;

	mutex_lock(&riod_stub_lock);
	list_for_each_entry(exp, &riod_stub_exports, list) {
		if (exp->state != RIOD_STUB_IDLE) {
			kref_get(&exp->ref);
			mutex_unlock(&riod_stub_lock);
			return exp;
		}
	}
	mutex_unlock(&riod_stub_lock);
	return NULL;
}

/**
 * riod_stub_exports_close() - end all sessions and refuse new ones
 *
 * Fences every device, then waits at most EXPORTS_CLOSE_WAIT for BYEs to leave and
 * devices to be reset.
 * Return: false if a device is not at rest by then.
 */
bool riod_stub_exports_close(void)
{
	unsigned long end = jiffies + EXPORTS_CLOSE_WAIT;
	struct riod_stub_export *exp;
	long left;

	mutex_lock(&riod_stub_lock);
	/* an attachment in ATTACHING checks it, see riod_stub_export_going() */
	exports_closed = true;
	list_for_each_entry(exp, &riod_stub_exports, list)
		export_end_session(exp, RIOD_REASON_SHUTDOWN);
	mutex_unlock(&riod_stub_lock);

	while ((exp = exports_find_busy())) {
		left = max((long)(end - jiffies), 0L);
		left = wait_event_timeout(exp->wait, export_in_state(exp, RIOD_STUB_IDLE), left);
		if (!left)
			pr_warn("%s: the device did not come to rest in %u s; it is fenced\n",
				exp->name, EXPORTS_CLOSE_WAIT / HZ);
		riod_stub_export_put(exp);
		if (!left)
			return false;
	}
	return true;
}

void riod_stub_exports_reopen(void)
{
	mutex_lock(&riod_stub_lock);
	exports_closed = false;
	mutex_unlock(&riod_stub_lock);
}

static int export_not_found(struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG(extack, "there is no export of that name, see riodctl list");
	return -ENOENT;
}

/* ------------------------------------------------------------ changed */

/*
 * The allow list was changed and may exclude the peer that uses the export.  With force,
 * end its session; else report its address to the user.  In FENCING the peer's session
 * is over already.
 */
static void export_review_peer(struct riod_stub_export *exp, struct riod_export_change *change)
{
	lockdep_assert_held(&riod_stub_lock);
	if (!export_in_use(exp) || riod_stub_allows(exp, &exp->peer))
		return;
	if (!change->force) {
		riod_addr_str(&exp->peer, change->peer, sizeof(change->peer));
		return;
	}
	/* in ATTACHING there is no link to end: the attachment checks @evicted later */
	exp->evicted = true;
	export_end_session(exp, RIOD_REASON_NOT_ALLOWED);
}

int riod_stub_export_set(struct net *net, struct riod_export_change *change,
			 struct netlink_ext_ack *extack)
{
	struct riod_stub_export *exp;
	int ret;

	mutex_lock(&riod_stub_lock);
	exp = export_find(net, change->name);
	if (exp)
		ret = riod_stub_allow_change(exp, change, extack);
	else
		ret = export_not_found(extack);
	if (!ret)
		export_review_peer(exp, change);
	mutex_unlock(&riod_stub_lock);
	return ret;
}

/* ------------------------------------------------------------ taken back */

/**
 * riod_stub_export_del() - begin to remove an export
 * @net: network namespace
 * @name: its name, which stays taken until the export is gone
 * @force: even if a peer uses it
 * @extack: reports the reason of a failure
 *
 * Waits for nothing.  An event without a state reports that the export is gone.
 * Return: 0, also if it is being removed already; -ENOENT; -EBUSY.
 */
int riod_stub_export_del(struct net *net, const char *name, bool force,
			 struct netlink_ext_ack *extack)
{
	struct riod_stub_export *exp;
	int ret = 0;

	mutex_lock(&riod_stub_lock);
	exp = export_find(net, name);
	if (!exp) {
		ret = export_not_found(extack);
	} else if (!force && !exp->going && export_in_use(exp)) {
		NL_SET_ERR_MSG(extack, "a peer uses the export: detach it there, or --force");
		ret = -EBUSY;
	} else {
		export_go(exp, RIOD_REASON_UNBIND);
	}
	mutex_unlock(&riod_stub_lock);
	return ret;
}

/* ------------------------------------------------------------ errors */

/**
 * riod_stub_export_error() - handle a device that lost its state by a bus error or a reset
 * @sdev: function; its device lock is held
 * @reason: RIOD_REASON_ERROR or RIOD_REASON_DEVICE, for the peer
 *
 * Fences the functions of its export and ends the session.  Does not wait.
 */
void riod_stub_export_error(struct riod_stub_dev *sdev, enum riod_reason reason)
{
	struct riod_stub_export *exp;
	unsigned int i;

	mutex_lock(&riod_stub_lock);
	exp = sdev->fn ? sdev->fn->exp : NULL;
	if (exp && exp->state != RIOD_STUB_IDLE) {
		/* in ATTACHING the link may already handle frames, but @att is not set yet */
		exp->broken = true;
		for (i = 0; i < exp->nfuncs; i++)
			riod_stub_fence_func(exp->funcs[i]);
	}
	if (exp)
		export_end_session(exp, reason);
	mutex_unlock(&riod_stub_lock);
}

/**
 * riod_stub_export_shutdown() - fence a function at host shutdown
 * @sdev: function; its device lock is held
 *
 * For devices that riod_stub_exports_close() did not bring to rest in time.  Does not
 * wait, so interrupts stay set up: MSIs need bus master, and INTx is disabled here.
 */
void riod_stub_export_shutdown(struct riod_stub_dev *sdev)
{
	mutex_lock(&riod_stub_lock);
	if (sdev->fn) {
		riod_stub_fence_func(sdev->fn);
		riod_stub_intx_disable(sdev->fn, true);
	}
	mutex_unlock(&riod_stub_lock);
}

/* true if no attachment uses the function; the caller holds its device lock */
bool riod_stub_export_idle(struct riod_stub_dev *sdev)
{
	bool ret;

	mutex_lock(&riod_stub_lock);
	ret = !sdev->fn || sdev->fn->exp->state == RIOD_STUB_IDLE;
	mutex_unlock(&riod_stub_lock);
	return ret;
}

/* ------------------------------------------------------------ module */

int __init riod_stub_exports_init(void)
{
	/* ordered: each work item holds riod_stub_admin nearly all the time */
	export_wq = alloc_ordered_workqueue("riod_stub_exports", 0);
	return export_wq ? 0 : -ENOMEM;
}

/* no export is left; waits for the last lines of work items */
void riod_stub_exports_exit(void)
{
	destroy_workqueue(export_wq);
}

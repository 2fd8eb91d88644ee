// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listeners, and admission of connections to a handshake
 *
 * A port is open in a network namespace while at least one export uses it.  A
 * connection from a peer that may see none of these exports is refused at once: it
 * gets no slot and no memory.  A transport whose connections take memory by themselves
 * asks before it accepts one.  Other connections become handshakes, up to a limit
 * in total and a lower one per host.
 */
#include <linux/in6.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "stub.h"

#define HANDSHAKES_MAX		32
#define HANDSHAKES_PER_HOST	8
/*
 * A REFUSE fits into the send buffer of a new socket.  Without memory for the buffer
 * the listener's thread waits at most this long.
 */
#define REFUSE_TIMEOUT_MS	100

/**
 * struct riod_stub_listener - one open port
 * @list: on listeners
 * @users: number of exports that use it; under riod_stub_admin
 * @nhandshakes: its connections that are handshakes; written under riod_stub_lock
 * @net: network namespace; the exports hold a reference
 * @port: port of the transport
 * @ops: transport, referenced
 * @handle: the transport's listener
 */
struct riod_stub_listener {
	struct list_head list;
	unsigned int users;
	unsigned int nhandshakes;
	struct net *net;
	u16 port;
	const struct riod_transport_ops *ops;
	struct riod_listener *handle;
};

/* under riod_stub_admin */
static LIST_HEAD(listeners);

/* connections in their handshake, and their number; under riod_stub_lock */
static LIST_HEAD(handshakes);
static unsigned int nhandshakes;

/* woken when a connection leaves the list */
static DECLARE_WAIT_QUEUE_HEAD(handshakes_wait);

/* ------------------------------------------------------------ handshakes */

static bool admit_one(struct riod_stub_att *att, struct riod_stub_listener *lst)
{
	struct riod_stub_att *other;
	unsigned int same = 0;

	lockdep_assert_held(&riod_stub_lock);
	if (nhandshakes >= HANDSHAKES_MAX)
		return false;
	list_for_each_entry(other, &handshakes, list)
		same += riod_stub_same_host(&other->peer, &att->peer);
	if (same >= HANDSHAKES_PER_HOST)
		return false;
	list_add_tail(&att->list, &handshakes);
	att->lst = lst;
	WRITE_ONCE(lst->nhandshakes, lst->nhandshakes + 1);
	nhandshakes++;
	return true;
}

/*
 * true if the peer may see at least one export of this listener, or has one.  Transports
 * call it before they accept a connection (@admit), and listener_accept() does afterwards.
 */
static bool listener_open_to(const struct sockaddr_storage *peer, void *priv)
{
	const struct riod_stub_listener *lst = priv;
	struct riod_stub_export *exp;
	bool ret = false;

	mutex_lock(&riod_stub_lock);
	list_for_each_entry(exp, &riod_stub_exports, list)
		ret |= riod_stub_serves(exp, lst->net, lst->ops, lst->port, peer);
	mutex_unlock(&riod_stub_lock);
	if (!ret)
		pr_notice_ratelimited("%pISc is not in the allow list of any export\n", peer);
	return ret;
}

/* do not wait for the HELLO: the listener's thread must not wait for a peer */
static void refuse_and_close(struct riod_conn *conn, enum riod_reason reason,
			     const char *text)
{
	conn->ops->timeouts(conn, REFUSE_TIMEOUT_MS, REFUSE_TIMEOUT_MS);
	riod_negotiate_refuse(conn, reason, text);
	conn->ops->shutdown(conn);
	riod_conn_close(conn);
}

static void stranger_text(char text[RIOD_TEXT_LEN], const struct sockaddr_storage *peer)
{
	snprintf(text, RIOD_TEXT_LEN, "not open to %pISc: riodctl allow ... --add there", peer);
}

static void refuse_stranger(struct riod_conn *conn, const struct sockaddr_storage *peer)
{
	char text[RIOD_TEXT_LEN];

	stranger_text(text, peer);
	refuse_and_close(conn, RIOD_REASON_NOT_ALLOWED, text);
}

/**
 * riod_stub_refuse_stranger() - refuse LIST or ATTACH of a peer that may only resume
 * @att: connection in its handshake
 *
 * It was admitted for the sake of an export that it has and that is not open to it any more.
 *
 * Return: true if it was refused.
 */
bool riod_stub_refuse_stranger(struct riod_stub_att *att)
{
	bool visible = false, serves = false;
	struct riod_stub_export *exp;
	char text[RIOD_TEXT_LEN];

	mutex_lock(&riod_stub_lock);
	list_for_each_entry(exp, &riod_stub_exports, list) {
		visible |= riod_stub_visible(exp, att->net, att->transport, att->port, &att->peer);
		serves |= riod_stub_serves(exp, att->net, att->transport, att->port, &att->peer);
	}
	mutex_unlock(&riod_stub_lock);
	if (visible || !serves)
		return false;
	stranger_text(text, &att->peer);
	riod_negotiate_refuse(att->conn, RIOD_REASON_NOT_ALLOWED, text);
	return true;
}

/* callback of the listener's thread: takes over a new connection */
static void listener_accept(struct riod_conn *conn, void *priv)
{
	struct riod_stub_listener *lst = priv;
	struct sockaddr_storage peer;
	struct riod_stub_att *att;
	bool admitted;

	conn->ops->peer(conn, &peer);
	if (!listener_open_to(&peer, lst)) {
		refuse_stranger(conn, &peer);
		return;
	}
	att = riod_stub_att_create(conn, &peer);
	if (!att) {
		refuse_and_close(conn, RIOD_REASON_NO_MEMORY, NULL);
		return;
	}
	att->net = lst->net;
	att->transport = lst->ops;
	att->port = lst->port;

	mutex_lock(&riod_stub_lock);
	admitted = admit_one(att, lst);
	mutex_unlock(&riod_stub_lock);
	if (!admitted) {
		att->conn = NULL;
		riod_stub_att_free(att);
		refuse_and_close(conn, RIOD_REASON_LIMIT, NULL);
		return;
	}
	queue_work(riod_stub_wq, &att->work);
}

/**
 * riod_stub_handshake_done() - remove a connection from the list of handshakes
 * @att: connection; no effect if it is not on the list
 *
 * Afterwards only the caller uses @att->conn, and @att->net may have been freed.
 */
void riod_stub_handshake_done(struct riod_stub_att *att)
{
	struct riod_stub_listener *lst;

	mutex_lock(&riod_stub_lock);
	lst = att->lst;
	if (lst) {
		att->lst = NULL;
		list_del(&att->list);
		nhandshakes--;
		/* once the count is 0 the listener may be freed: do not access it afterwards */
		WRITE_ONCE(lst->nhandshakes, lst->nhandshakes - 1);
		wake_up_all(&handshakes_wait);
	}
	mutex_unlock(&riod_stub_lock);
}

/* shut down the listener's handshakes, and wait until they have left the list */
static void handshakes_cut(const struct riod_stub_listener *lst)
{
	struct riod_stub_att *att;

	mutex_lock(&riod_stub_lock);
	list_for_each_entry(att, &handshakes, list) {
		if (att->lst == lst)
			att->conn->ops->shutdown(att->conn);
	}
	mutex_unlock(&riod_stub_lock);
	wait_event(handshakes_wait, !READ_ONCE(lst->nhandshakes));
}

/* ------------------------------------------------------------ listeners */

/* listen on all addresses: IPv6 with IPv4-mapped ones, or IPv4 only without IPv6 */
static struct riod_listener *listener_open(struct riod_stub_listener *lst)
{
	struct riod_listen_params params = {
		.net = lst->net,
		.admit = listener_open_to,
		.accept = listener_accept,
		.priv = lst,
	};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&params.addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&params.addr;
	struct riod_listener *handle;

	in6->sin6_family = AF_INET6;
	in6->sin6_addr = in6addr_any;
	in6->sin6_port = htons(lst->port);
	handle = lst->ops->listen(&params);
	if (!IS_ERR(handle) ||
	    (PTR_ERR(handle) != -EAFNOSUPPORT && PTR_ERR(handle) != -EADDRNOTAVAIL))
		return handle;

	memset(&params.addr, 0, sizeof(params.addr));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_ANY);
	in->sin_port = htons(lst->port);
	return lst->ops->listen(&params);
}

static struct riod_stub_listener *listener_create(struct net *net,
						  const struct riod_transport_ops *ops, u16 port,
						  struct netlink_ext_ack *extack)
{
	struct riod_stub_listener *lst;
	int ret;

	lst = kzalloc(sizeof(*lst), GFP_KERNEL_ACCOUNT);
	if (!lst)
		return ERR_PTR(-ENOMEM);
	lst->net = net;
	lst->port = port;
	lst->ops = riod_transport_hold(ops);
	lst->handle = listener_open(lst);
	if (!IS_ERR(lst->handle))
		return lst;
	ret = PTR_ERR(lst->handle);
	NL_SET_ERR_MSG_FMT(extack, "cannot listen on %s port %u (error %d); --port takes another",
			   ops->name, port, -ret);
	riod_transport_put(lst->ops);
	kfree(lst);
	return ERR_PTR(ret);
}

/* get the listener of a port, opened if needed; riod_stub_listener_put() puts it */
struct riod_stub_listener *
riod_stub_listener_get(struct net *net, const struct riod_transport_ops *ops, u16 port,
		       struct netlink_ext_ack *extack)
{
	struct riod_stub_listener *lst;

	lockdep_assert_held(&riod_stub_admin);
	list_for_each_entry(lst, &listeners, list) {
		if (net_eq(lst->net, net) && lst->ops == ops && lst->port == port) {
			lst->users++;
			return lst;
		}
	}
	lst = listener_create(net, ops, port, extack);
	if (IS_ERR(lst))
		return lst;
	lst->users = 1;
	list_add_tail(&lst->list, &listeners);
	return lst;
}

/*
 * The last user closes the port and shuts down its handshakes.  These take
 * riod_stub_lock to finish, so the caller must not hold it.
 */
void riod_stub_listener_put(struct riod_stub_listener *lst)
{
	lockdep_assert_held(&riod_stub_admin);
	if (--lst->users)
		return;
	list_del(&lst->list);
	lst->ops->unlisten(lst->handle);
	handshakes_cut(lst);
	riod_transport_put(lst->ops);
	kfree(lst);
}

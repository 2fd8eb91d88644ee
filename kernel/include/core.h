/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * core.h - what riod_core.ko provides to riod_stub.ko and riod_frontend.ko
 *
 * The generic netlink family is in the core.  Each command is executed by the
 * module that registered for it.
 */
#ifndef _RIOD_CORE_H
#define _RIOD_CORE_H

#include <linux/inet.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <net/genetlink.h>
#include <uapi/linux/riod.h>

#include "link.h"

/** struct riod_allow - entry of an allow list */
struct riod_allow {
	u16 family;			/* AF_INET or AF_INET6 */
	u8 prefix_len;			/* at most 32 or 128 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
};

#define RIOD_ALLOW_MAX	64

/* transports that one export may listen on */
#define RIOD_EXPORT_TRANSPORTS_MAX	4

/** struct riod_peer - a server host, parsed and range checked */
struct riod_peer {
	char transport[RIOD_TRANSPORT_NAME_LEN];
	struct sockaddr_storage addr;	/* port included */
	char host[RIOD_NAME_LEN];
	u16 port;			/* host byte order */
};

/** struct riod_export_request - EXPORT_NEW, parsed and range checked */
struct riod_export_request {
	char name[RIOD_NAME_LEN];	/* empty: the first function's address */
	unsigned int ndevices;
	struct {
		u32 domain;
		u8 bus;
		u8 devfn;
	} devices[RIOD_FUNCS_MAX];
	unsigned int nallow;
	struct riod_allow allow[RIOD_ALLOW_MAX];
	bool no_reset;
	unsigned int ntransports;	/* at least 1, all different */
	char transports[RIOD_EXPORT_TRANSPORTS_MAX][RIOD_TRANSPORT_NAME_LEN];
	u16 port;			/* host byte order; the same for all transports */
};

/**
 * struct riod_export_change - EXPORT_SET, parsed and range checked
 * @name: export
 * @op: how its allow list changes
 * @nallow: entries of @allow
 * @allow: networks; the stub may rewrite them
 * @force: end the session of a peer that is no longer in the list
 * @peer: result: an attached peer that is not, and was not forced out; else empty
 */
struct riod_export_change {
	char name[RIOD_NAME_LEN];
	enum riod_allow_op op;
	unsigned int nallow;
	struct riod_allow allow[RIOD_ALLOW_MAX];
	bool force;
	char peer[64];
};

/** struct riod_attach_request - ATTACH, parsed and range checked */
struct riod_attach_request {
	struct riod_peer peer;
	char export[RIOD_NAME_LEN];	/* may be empty */
	u64 limit;			/* bytes; 0: the default */
	char profile[32];		/* empty: by PCI ids; or "none" */
	u32 shadow_bars;		/* BARs that are memory, one bit each */
	enum riod_on_loss on_loss;
	u32 lost_ms;			/* 0: the server host's */
	bool sync_writes;		/* writes to memory BARs wait for the stub */
	u32 portid;			/* requesting netlink socket */
};

/**
 * struct riod_nl_stub_ops - commands that riod_stub executes
 * @owner: pinned while a command runs
 * @export_new: sets the name if it was empty
 * @export_del: begins to remove an export; -EBUSY while attached and not @force
 * @export_set: changes the allow list, completely or not at all
 * @export_dump: fills messages into @skb from entry cb->args[0] on, as a dumpit
 *	does; one message per export of @net, begun with riod_nl_put_header()
 *
 * All in process context, with the module pinned.  riod holds no locks, but
 * genetlink holds cb_lock for reading, which blocks the registration of families
 * and then every user of generic netlink: do not wait for the network or a device,
 * and load no module.  After an error @extack names
 * cause and remedy (at most 79 characters with NL_SET_ERR_MSG_FMT()).
 *
 * @net is the caller's namespace; commands do not see exports of other
 * namespaces.
 */
struct riod_nl_stub_ops {
	struct module *owner;
	int (*export_new)(struct net *net, struct riod_export_request *req,
			  struct netlink_ext_ack *extack);
	int (*export_del)(struct net *net, const char *name, bool force,
			  struct netlink_ext_ack *extack);
	int (*export_set)(struct net *net, struct riod_export_change *change,
			  struct netlink_ext_ack *extack);
	int (*export_dump)(struct net *net, struct sk_buff *skb,
			   struct netlink_callback *cb);
};

/**
 * struct riod_nl_frontend_ops - commands that riod_frontend executes
 * @owner: pinned while a command runs
 * @attach: begins to attach; calls @reply with the number of the attachment before any
 *	event of it, and begins only if that returns 0
 * @detach: begins to detach, and sets @open to whether the functions stay until a process
 *	closes them; -EBUSY while one is open and not @force.  @portid: only if that socket
 *	requested the attachment; 0: any
 * @released: a netlink socket was closed: ends its attempts to attach
 * @attachment_dump: as &riod_nl_stub_ops.export_dump
 *
 * Commands do not see attachments of other namespaces than @net.
 */
struct riod_nl_frontend_ops {
	struct module *owner;
	int (*attach)(struct net *net, const struct riod_attach_request *req,
		      int (*reply)(u32 id, void *priv), void *priv,
		      struct netlink_ext_ack *extack);
	int (*detach)(struct net *net, u32 id, bool force, u32 portid, bool *open,
		      struct netlink_ext_ack *extack);
	void (*released)(struct net *net, u32 portid);
	int (*attachment_dump)(struct net *net, struct sk_buff *skb,
			       struct netlink_callback *cb);
};

/*
 * Register as the last step of module init, which must not fail afterwards, and
 * unregister as the first step of module exit.  Commands run as soon as ops are
 * registered and pin the module, but a failing init frees it all the same.
 * -EBUSY: ops are registered already.
 */
int riod_nl_register_stub(const struct riod_nl_stub_ops *ops);
void riod_nl_unregister_stub(const struct riod_nl_stub_ops *ops);
int riod_nl_register_frontend(const struct riod_nl_frontend_ops *ops);
void riod_nl_unregister_frontend(const struct riod_nl_frontend_ops *ops);

/* begin a dump message of command @cmd; NULL: @skb is full */
void *riod_nl_put_header(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd);

/**
 * struct riod_func_stats - counters that the owner of a function keeps
 * @reg_reads: register reads that crossed the network
 * @reg_writes: register writes, likewise
 * @cfg_reads: config reads, likewise
 * @cfg_writes: config writes, likewise
 * @irqs: interrupts delivered (frontend) or received from the device (stub)
 * @denied: accesses that the stub's filter dropped
 * @maps: pages mapped
 * @unmaps: pages unmapped
 * @kicks: doorbells that a profile rang (rule 11, kicks)
 * @raised: interrupts that a profile raised (rule 11)
 */
struct riod_func_stats {
	atomic64_t reg_reads;
	atomic64_t reg_writes;
	atomic64_t cfg_reads;
	atomic64_t cfg_writes;
	atomic64_t irqs;
	atomic64_t denied;
	atomic64_t maps;
	atomic64_t unmaps;
	atomic64_t kicks;
	atomic64_t raised;
};

/* put a nested RIOD_A_*_STATS attribute of type @attr; @l may be NULL.  -EMSGSIZE. */
int riod_nl_put_stats(struct sk_buff *skb, int attr, struct riod_link *l,
		      const struct riod_func_stats *fs);

/**
 * riod_nl_event() - multicast a notification
 * @net: namespace of the export or attachment; only its listeners receive it
 * @cmd: RIOD_CMD_EXPORT_NTF or RIOD_CMD_ATTACHMENT_NTF
 * @fill: puts the attributes; the skb has room; must not wait for the peer
 * @priv: second argument of @fill
 *
 * Process context.  Never fails; an event that cannot be sent is lost, as usual
 * with netlink.
 */
void riod_nl_event(struct net *net, u8 cmd,
		   int (*fill)(struct sk_buff *skb, void *priv), void *priv);

/**
 * riod_nl_get_transport() - riod_transport_get() that sets @extack on error
 * @name: transport
 * @extack: may be NULL
 *
 * Return: the transport, to be released with riod_transport_put(), or
 * ERR_PTR(-EPROTONOSUPPORT).
 */
const struct riod_transport_ops *riod_nl_get_transport(const char *name,
						       struct netlink_ext_ack *extack);

/* the same, but loads no module: for commands, because genetlink holds cb_lock meanwhile */
const struct riod_transport_ops *riod_nl_find_transport(const char *name,
							struct netlink_ext_ack *extack);

/**
 * riod_peer_open() - connect to a server host by the transport in @peer
 * @net: network namespace
 * @peer: server host
 * @extack: set on error; may be NULL
 *
 * Sleeps for at most 10 s, killable.  No locks may be held, as for
 * riod_transport_get().
 *
 * Return: the connection, to be closed with riod_conn_close(), or an ERR_PTR().
 */
struct riod_conn *riod_peer_open(struct net *net, const struct riod_peer *peer,
				 struct netlink_ext_ack *extack);

/**
 * riod_nl_peer_error() - set @extack after a failure to connect or negotiate
 * @extack: may be NULL
 * @addr: the peer
 * @err: from &riod_transport_ops.connect, riod_negotiate_attach() or
 *	riod_negotiate_list()
 * @refusal: from the latter two; NULL if connecting failed
 */
void riod_nl_peer_error(struct netlink_ext_ack *extack,
			const struct sockaddr_storage *addr, int err,
			const struct riod_refusal *refusal);

/* "192.0.2.1:7463", "[2001:db8::1]:7463"; @len at least 56 */
void riod_addr_str(const struct sockaddr_storage *addr, char *buf, size_t len);

#endif /* _RIOD_CORE_H */

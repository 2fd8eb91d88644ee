/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * core.h - what riod_core.ko does for riod_stub.ko and riod_frontend.ko
 *
 * The generic netlink family lives in the core; each command is carried out by
 * the module that registered for it.
 */
#ifndef _RIOD_CORE_H
#define _RIOD_CORE_H

#include <linux/inet.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <net/genetlink.h>
#include <uapi/linux/riod.h>

#include "link.h"

/** struct riod_allow - one entry of an allow list */
struct riod_allow {
	u16 family;			/* AF_INET or AF_INET6 */
	u8 prefix_len;			/* at most 32 or 128 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
};

#define RIOD_ALLOW_MAX	64

/** struct riod_peer - a server host, parsed and bounded */
struct riod_peer {
	char transport[RIOD_TRANSPORT_NAME_LEN];
	struct sockaddr_storage addr;	/* port included */
	char host[RIOD_NAME_LEN];
	u16 port;			/* host byte order */
};

/** struct riod_export_request - EXPORT_NEW, parsed and bounded */
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
	char transport[RIOD_TRANSPORT_NAME_LEN];
	u16 port;			/* host byte order */
};

/** struct riod_attach_request - ATTACH, parsed and bounded */
struct riod_attach_request {
	struct riod_peer peer;
	char export[RIOD_NAME_LEN];	/* may be empty */
	u64 limit;			/* bytes; 0: the default */
	char profile[32];		/* empty: by identity; "none" */
	u32 shadow_bars;		/* BARs that are memory, one bit each */
	bool sync_writes;		/* writes to memory BARs wait for the stub */
};

/**
 * struct riod_nl_stub_ops - commands that riod_stub carries out
 *
 * All from process context, the module pinned.  No locks of ours are held, but
 * genetlink's cb_lock is, for reading: a command must not wait for the network, nor for
 * a thread that registers a generic netlink family.  Errors leave a text in @extack that
 * names cause and remedy (at most 79 characters with NL_SET_ERR_MSG_FMT()).
 *
 * @owner: pinned while a command runs
 * @export_new: name is filled in where it was empty
 * @export_del: -EBUSY while attached and not @force
 * @export_dump: fill messages into @skb from entry cb->args[0] on, as a dumpit
 *	does; one message per export of @net by riod_nl_put_header()
 *
 * Exports of another namespace than @net, the caller's, do not exist for a command.
 */
struct riod_nl_stub_ops {
	struct module *owner;
	int (*export_new)(struct net *net, struct riod_export_request *req,
			  struct netlink_ext_ack *extack);
	int (*export_del)(struct net *net, const char *name, bool force,
			  struct netlink_ext_ack *extack);
	int (*export_dump)(struct net *net, struct sk_buff *skb,
			   struct netlink_callback *cb);
};

/**
 * struct riod_nl_frontend_ops - commands that riod_frontend carries out
 * @owner: pinned while a command runs
 * @attach: begins to attach; calls @reply with the number of the attachment before any
 *	event of it, and begins only if that returns 0
 * @detach: begins to detach, and sets @state to what the attachment is now; -EBUSY while
 *	a function is open and not @force
 * @attachment_dump: as export_dump
 *
 * Attachments of another namespace do not exist for a command, either.
 */
struct riod_nl_frontend_ops {
	struct module *owner;
	int (*attach)(struct net *net, const struct riod_attach_request *req,
		      int (*reply)(u32 id, void *priv), void *priv,
		      struct netlink_ext_ack *extack);
	int (*detach)(struct net *net, u32 id, bool force, enum riod_state *state,
		      struct netlink_ext_ack *extack);
	int (*attachment_dump)(struct net *net, struct sk_buff *skb,
			       struct netlink_callback *cb);
};

/*
 * Register last in module init, when nothing can fail any more, and unregister
 * first in module exit: commands run from the first call on, and a command that
 * runs pins the module, which counts for nothing while init unwinds.
 * -EBUSY: somebody is registered.
 */
int riod_nl_register_stub(const struct riod_nl_stub_ops *ops);
void riod_nl_unregister_stub(const struct riod_nl_stub_ops *ops);
int riod_nl_register_frontend(const struct riod_nl_frontend_ops *ops);
void riod_nl_unregister_frontend(const struct riod_nl_frontend_ops *ops);

/* begin a dump message of command @cmd; NULL where @skb is full */
void *riod_nl_put_header(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd);

/**
 * struct riod_func_stats - counters that the owner of a function keeps
 * @reg_reads: register reads that crossed the network
 * @reg_writes: register writes, likewise
 * @cfg_reads: config reads, likewise
 * @cfg_writes: config writes, likewise
 * @irqs: interrupts delivered (frontend) or taken (stub)
 * @denied: accesses that the stub's filter dropped
 * @maps: pages mapped
 * @unmaps: pages unmapped
 * @kicks: doorbells that a profile rang by itself (rule 11)
 * @raised: interrupts that a profile raised by itself (rule 11)
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
 * @net: namespace of the export or attachment; nobody else hears of it
 * @cmd: RIOD_CMD_EXPORT_NTF or RIOD_CMD_ATTACHMENT_NTF
 * @fill: puts the attributes; called with an skb that has room; may not sleep
 *	for the peer
 * @priv: its second argument
 *
 * Process context; never fails (an event that cannot be sent is lost, as
 * netlink has it).
 */
void riod_nl_event(struct net *net, u8 cmd,
		   int (*fill)(struct sk_buff *skb, void *priv), void *priv);

/**
 * riod_nl_get_transport() - riod_transport_get(), with a text in @extack on error
 * @name: transport
 * @extack: where; may be NULL
 *
 * Return: the transport, to be put, or ERR_PTR(-EPROTONOSUPPORT).
 */
const struct riod_transport_ops *riod_nl_get_transport(const char *name,
						       struct netlink_ext_ack *extack);

/**
 * riod_peer_open() - connect to a server host, by the transport that @peer names
 * @net: network namespace
 * @peer: server host
 * @extack: says on error why; may be NULL
 *
 * Sleeps for at most 10 s, killable; without locks, as riod_transport_get().
 *
 * Return: the connection, to be closed with riod_conn_close(), or an ERR_PTR().
 */
struct riod_conn *riod_peer_open(struct net *net, const struct riod_peer *peer,
				 struct netlink_ext_ack *extack);

/**
 * riod_nl_peer_error() - say in @extack why talking to a peer failed
 * @extack: where; may be NULL
 * @addr: the peer
 * @err: what &riod_transport_ops.connect, riod_negotiate_attach() or riod_negotiate_list() returned
 * @refusal: from the latter two; NULL where connecting failed
 */
void riod_nl_peer_error(struct netlink_ext_ack *extack,
			const struct sockaddr_storage *addr, int err,
			const struct riod_refusal *refusal);

/* "192.0.2.1:7463", "[2001:db8::1]:7463"; @len at least 56 */
void riod_addr_str(const struct sockaddr_storage *addr, char *buf, size_t len);

#endif /* _RIOD_CORE_H */

// SPDX-License-Identifier: GPL-2.0-only
/* The list of transports, their connections, and frames in memory */
#include <kunit/visibility.h>
#include <linux/ctype.h>
#include <linux/export.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kmod.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "transport.h"

struct riod_transport {
	struct list_head list;
	const struct riod_transport_ops *ops;
};

/* Protects riod_transports.  Taken under no other lock of riod, nothing inside. */
static DEFINE_MUTEX(riod_transports_lock);
static LIST_HEAD(riod_transports);

static struct riod_transport *riod_transport_find(const char *name)
{
	struct riod_transport *t;

	lockdep_assert_held(&riod_transports_lock);
	list_for_each_entry(t, &riod_transports, list) {
		if (!strcmp(t->ops->name, name))
			return t;
	}
	return NULL;
}

/**
 * riod_transport_register() - register a transport under its name
 * @ops: table; must stay valid until riod_transport_unregister()
 *
 * Return: 0, -EEXIST, -ENOMEM.
 */
int riod_transport_register(const struct riod_transport_ops *ops)
{
	struct riod_transport *t = kmalloc(sizeof(*t), GFP_KERNEL);
	int err = 0;

	if (!t)
		return -ENOMEM;
	t->ops = ops;
	mutex_lock(&riod_transports_lock);
	if (riod_transport_find(ops->name))
		err = -EEXIST;
	else
		list_add_tail(&t->list, &riod_transports);
	mutex_unlock(&riod_transports_lock);
	if (err)
		kfree(t);
	return err;
}
EXPORT_SYMBOL_GPL(riod_transport_register);

/*
 * Called when @ops->owner is unloaded.  The module has no references left, so
 * no result of riod_transport_get() is in use; once the list entry is gone,
 * there are no new ones.
 */
void riod_transport_unregister(const struct riod_transport_ops *ops)
{
	struct riod_transport *t;

	mutex_lock(&riod_transports_lock);
	t = riod_transport_find(ops->name);
	if (t && t->ops == ops)
		list_del(&t->list);
	else
		t = NULL;
	mutex_unlock(&riod_transports_lock);
	kfree(t);
}
EXPORT_SYMBOL_GPL(riod_transport_unregister);

const struct riod_transport_ops *riod_transport_lookup(const char *name)
{
	const struct riod_transport_ops *ops = NULL;
	struct riod_transport *t;

	mutex_lock(&riod_transports_lock);
	t = riod_transport_find(name);
	if (t && try_module_get(t->ops->owner))
		ops = t->ops;
	mutex_unlock(&riod_transports_lock);
	return ops;
}

/* the name becomes part of the module name that modprobe parses */
static bool riod_transport_name_valid(const char *name)
{
	const char *c;

	for (c = name; *c; c++) {
		if (!isascii(*c) || !(isalnum(*c) || *c == '-' || *c == '_'))
			return false;
	}
	return c != name && c - name < RIOD_TRANSPORT_NAME_LEN;
}

const struct riod_transport_ops *riod_transport_get(const char *name)
{
	const struct riod_transport_ops *ops = riod_transport_lookup(name);

	if (ops || !riod_transport_name_valid(name))
		return ops;
	/* the second lookup shows whether loading succeeded */
	request_module("riod-%s", name);
	return riod_transport_lookup(name);
}
EXPORT_SYMBOL_IF_KUNIT(riod_transport_get);

const struct riod_transport_ops *riod_transport_hold(const struct riod_transport_ops *ops)
{
	__module_get(ops->owner);
	return ops;
}
EXPORT_SYMBOL_GPL(riod_transport_hold);

void riod_transport_put(const struct riod_transport_ops *ops)
{
	if (ops)
		module_put(ops->owner);
}
EXPORT_SYMBOL_GPL(riod_transport_put);

/* ------------------------------------------------------------ connections */

void riod_conn_init(struct riod_conn *conn, const struct riod_transport_ops *ops)
{
	/* the caller runs in a function of @ops, so the owner is pinned */
	conn->ops = riod_transport_hold(ops);
}
EXPORT_SYMBOL_GPL(riod_conn_init);

void riod_conn_close(struct riod_conn *conn)
{
	const struct riod_transport_ops *ops = conn->ops;

	ops->close(conn);
	riod_transport_put(ops);
}
EXPORT_SYMBOL_GPL(riod_conn_close);

/* ------------------------------------------------------------ frames */

struct riod_frame *riod_frame_alloc(u8 type, u8 func, u32 len, gfp_t gfp)
{
	struct riod_frame *f;

	if (len > RIOD_FRAME_MAX - sizeof(f->hdr))
		return NULL;
	f = kvzalloc(struct_size(f, body, len), gfp);
	if (!f)
		return NULL;
	INIT_LIST_HEAD(&f->list);
	f->hdr.len = cpu_to_le32(sizeof(f->hdr) + len);
	f->hdr.type = type;
	f->hdr.func = func;
	f->len = len;
	return f;
}
EXPORT_SYMBOL_GPL(riod_frame_alloc);

struct riod_frame *riod_frame_recv_alloc(const struct riod_frame_hdr *hdr,
					 u32 max_frame)
{
	u32 len = le32_to_cpu(hdr->len);
	struct riod_frame *f;

	if (len < sizeof(*hdr) || len > min(max_frame, RIOD_FRAME_MAX))
		return ERR_PTR(-EPROTO);
	len -= sizeof(*hdr);
	f = kvmalloc(struct_size(f, body, len), GFP_KERNEL);
	if (!f)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&f->list);
	f->free = NULL;
	f->hdr = *hdr;
	f->len = len;
	return f;
}
EXPORT_SYMBOL_GPL(riod_frame_recv_alloc);

/* a frame may hold guest memory, so zero it */
void riod_frame_free(struct riod_frame *f)
{
	if (f && f->free)
		f->free(f);
	else if (f)
		kvfree_sensitive(f, struct_size(f, body, f->len));
}
EXPORT_SYMBOL_GPL(riod_frame_free);

void riod_addr_set_port(struct sockaddr_storage *addr, u16 port)
{
	static_assert(offsetof(struct sockaddr_in, sin_port) ==
		      offsetof(struct sockaddr_in6, sin6_port));
	((struct sockaddr_in *)addr)->sin_port = htons(port);
}
EXPORT_SYMBOL_GPL(riod_addr_set_port);

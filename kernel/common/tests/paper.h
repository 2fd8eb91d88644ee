/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * paper.h - a connection whose other end is scripted, and frames for the script
 */
#ifndef _RIOD_TESTS_PAPER_H
#define _RIOD_TESTS_PAPER_H

#include <kunit/resource.h>
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "patch.h"
#include "session.h"

#define TIMEOUT_MS	10000

/* ------------------------------------------------------------ scripted peer */

/**
 * struct paper - a connection whose other end is scripted
 * @conn: its ops are paper_ops
 * @say: the frame that recv() returns, owned; NULL: recv() fails with @recv_err
 * @recv_err: see @say
 * @send_err: result of send()
 * @heard: the last frame that was sent, owned
 * @nheard: number of frames sent
 * @max_frame: argument of the last recv()
 * @recv_ms: current timeout
 * @send_ms: likewise
 * @recv_ms_in_recv: @recv_ms during the last recv()
 */
struct paper {
	struct riod_conn conn;
	struct riod_frame *say;
	int recv_err;
	int send_err;
	struct riod_frame *heard;
	unsigned int nheard;
	u32 max_frame;
	unsigned int recv_ms;
	unsigned int send_ms;
	unsigned int recv_ms_in_recv;
};

static inline struct paper *to_paper(struct riod_conn *conn)
{
	return container_of(conn, struct paper, conn);
}

static inline int paper_send(struct riod_conn *conn, struct list_head *frames)
{
	struct paper *p = to_paper(conn);
	struct riod_frame *f;

	list_for_each_entry(f, frames, list) {
		kfree(p->heard);
		p->heard = kmemdup(f, struct_size(f, body, f->len), GFP_KERNEL);
		p->nheard++;
	}
	return p->send_err;
}

/* like a transport, checks only the length of a frame that is too long */
static inline struct riod_frame *paper_recv(struct riod_conn *conn, u32 max_frame)
{
	struct paper *p = to_paper(conn);
	struct riod_frame *f = p->say;

	p->max_frame = max_frame;
	p->recv_ms_in_recv = p->recv_ms;
	p->say = NULL;
	if (!f)
		return ERR_PTR(p->recv_err);
	if (riod_frame_size(f) <= max_frame)
		return f;
	kfree(f);
	return ERR_PTR(-EPROTO);
}

static inline void paper_timeouts(struct riod_conn *conn, unsigned int recv_ms,
				  unsigned int send_ms)
{
	to_paper(conn)->recv_ms = recv_ms;
	to_paper(conn)->send_ms = send_ms;
}

static inline void paper_shutdown(struct riod_conn *conn)
{
}

static const struct riod_transport_ops paper_ops = {
	.name		= "paper",
	.owner		= THIS_MODULE,
	.send		= paper_send,
	.recv		= paper_recv,
	.timeouts	= paper_timeouts,
	.shutdown	= paper_shutdown,
};

static inline void paper_free(void *data)
{
	struct paper *p = data;

	kfree(p->say);
	kfree(p->heard);
	kfree(p);
}

static inline struct paper *new_paper(struct kunit *test)
{
	struct paper *p = kzalloc(sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, paper_free, p), 0);
	p->conn.ops = &paper_ops;
	p->recv_err = -ECONNRESET;
	return p;
}

/* ------------------------------------------------------------ its frames */

/* a zeroed frame, which the receiver frees */
static inline struct riod_frame *new_frame(struct kunit *test, u8 type, u32 len)
{
	struct riod_frame *f = kzalloc(struct_size(f, body, len), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->hdr.type = type;
	set_len(f, len);
	return f;
}

static inline struct riod_frame *good_hello(struct kunit *test)
{
	struct riod_frame *f = new_frame(test, RIOD_FRAME_HELLO,
					 sizeof(struct riod_wire_hello));
	struct riod_wire_hello *h = (void *)f->body;

	h->magic = cpu_to_le32(RIOD_WIRE_MAGIC);
	h->nversions = cpu_to_le16(3);
	h->versions[0] = cpu_to_le16(9);
	h->versions[1] = cpu_to_le16(2);
	h->versions[2] = cpu_to_le16(1);
	h->intent = RIOD_INTENT_ATTACH;
	h->window = cpu_to_le32(RIOD_WINDOW_MIN);
	h->max_frame = cpu_to_le32(RIOD_FRAME_MIN);
	h->features = cpu_to_le64(~0ull);
	strscpy(h->export, "0000:03:00.0");
	return f;
}

static inline struct riod_frame *good_welcome(struct kunit *test)
{
	struct riod_frame *f = new_frame(test, RIOD_FRAME_WELCOME,
					 sizeof(struct riod_wire_welcome));
	struct riod_wire_welcome *w = (void *)f->body;

	w->magic = cpu_to_le32(RIOD_WIRE_MAGIC);
	w->version = cpu_to_le16(RIOD_VERSION_1);
	w->nfuncs = RIOD_FUNCS_MAX;
	w->window = cpu_to_le32(~0u);
	w->max_frame = cpu_to_le32(~0u);
	w->session[15] = 1;
	w->keepalive_ms = cpu_to_le32(1000);
	w->lost_ms = cpu_to_le32(2000);
	return f;
}

static inline struct riod_frame *good_refuse(struct kunit *test)
{
	struct riod_frame *f = new_frame(test, RIOD_FRAME_REFUSE,
					 sizeof(struct riod_wire_refuse));
	struct riod_wire_refuse *r = (void *)f->body;

	r->magic = cpu_to_le32(RIOD_WIRE_MAGIC);
	r->version = cpu_to_le16(7);
	r->reason = cpu_to_le16(RIOD_REASON_BUSY);
	strscpy(r->text, "in use by 198.51.100.9:40000");
	return f;
}

static inline void fill_export(struct riod_wire_export *e, unsigned int n)
{
	memset(e, 0, sizeof(*e));
	snprintf(e->name, sizeof(e->name), "export-%u", n);
	e->vendor = cpu_to_le16(0x1b36);
	e->device = cpu_to_le16(n);
	e->class = cpu_to_le32(0x010802);
	e->nfuncs = 1;
	e->flags = n & 1 ? RIOD_EXPORT_F_BUSY : 0;
}

static inline struct riod_frame *good_exports(struct kunit *test)
{
	struct riod_wire_exports *x;
	struct riod_frame *f = new_frame(test, RIOD_FRAME_EXPORTS,
					 struct_size(x, exports, 2));

	x = (void *)f->body;
	x->magic = cpu_to_le32(RIOD_WIRE_MAGIC);
	x->count = cpu_to_le32(2);
	x->total = cpu_to_le32(3);
	fill_export(&x->exports[0], 0);
	fill_export(&x->exports[1], 1);
	return f;
}

#endif /* _RIOD_TESTS_PAPER_H */

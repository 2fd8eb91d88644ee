// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replies to a peer's requests
 */
#include "stub.h"

static struct riod_frame *reply_frame(struct riod_stub_func *fn, __le32 tag,
				      enum riod_status status, u64 value, u32 len)
{
	struct riod_wire_reply *r;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_REPLY, fn->index, struct_size(r, data, len),
			     GFP_KERNEL_ACCOUNT);
	if (!f)
		return NULL;
	r = (struct riod_wire_reply *)f->body;
	r->tag = tag;
	r->status = cpu_to_le32(status);
	r->value = cpu_to_le64(value);
	return f;
}

static int reply_post(struct riod_stub_func *fn, struct riod_frame *f)
{
	int ret = riod_link_post_reply(fn->link, f);

	return ret == -ENOTCONN ? 0 : ret;
}

/**
 * riod_stub_reply() - reply to a request
 * @fn: function of the request
 * @tag: tag of the request
 * @status: result
 * @value: value read; all-ones if @status is not OK
 *
 * Return: 0; -ENOMEM; -EPROTO if the peer exceeds the limit of outstanding requests.
 * 0 as well if the session is over, which the receive thread notices by itself.
 */
int riod_stub_reply(struct riod_stub_func *fn, __le32 tag,
		    enum riod_status status, u64 value)
{
	struct riod_frame *f = reply_frame(fn, tag, status, value, 0);

	return f ? reply_post(fn, f) : -ENOMEM;
}

/**
 * riod_stub_reply_rom() - reply to ROM_READ with a piece of the ROM
 * @fn: function
 * @tag: tag of the request
 * @offset: offset in the ROM; validated
 *
 * Each reply carries the size of the image; bytes beyond it are all-ones.  The limit of
 * outstanding requests also bounds the replies that wait to be sent.
 * Return: as riod_stub_reply().
 */
int riod_stub_reply_rom(struct riod_stub_func *fn, __le32 tag, u32 offset)
{
	struct riod_wire_reply *r;
	struct riod_frame *f;

	if (!fn->rom || READ_ONCE(fn->fenced)) {
		atomic64_inc(&fn->exp->stats.denied);
		return riod_stub_reply(fn, tag, RIOD_STATUS_DENIED, ~0ull);
	}
	atomic64_inc(&fn->exp->stats.reg_reads);
	f = reply_frame(fn, tag, RIOD_STATUS_OK, fn->rom_size, RIOD_ROM_PIECE);
	if (!f)
		return -ENOMEM;
	r = (struct riod_wire_reply *)f->body;
	memset(r->data, 0xff, RIOD_ROM_PIECE);
	if (offset < fn->rom_size)
		memcpy(r->data, fn->rom + offset,
		       min_t(size_t, RIOD_ROM_PIECE, fn->rom_size - offset));
	return reply_post(fn, f);
}

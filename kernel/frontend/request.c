// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames that the frontend sends to the stub for one function, and waits for
 */
#include "frontend.h"

/* ------------------------------------------------------------ operations */

/* an operation on the function; NULL: out of memory */
struct riod_frame *riod_fe_ctl_frame(struct riod_fe_func *fn, u16 op, u32 arg)
{
	struct riod_wire_ctl *c;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_CTL, fn->num, sizeof(*c), GFP_KERNEL);
	if (!f)
		return NULL;
	c = (void *)f->body;
	c->op = cpu_to_le16(op);
	c->arg = cpu_to_le32(arg);
	return f;
}

int riod_fe_ctl(struct riod_fe_func *fn, u16 op, u32 arg)
{
	struct riod_frame *f = riod_fe_ctl_frame(fn, op, arg);

	if (!f)
		return -ENOMEM;
	return riod_link_request(fn->att->link, f, NULL);
}

/*
 * For INTx.  A frame that is not sent would leave the line masked for good, so without
 * memory the session ends.  Must not wait: VFIO flushes the work item that calls this,
 * uninterruptibly, on a workqueue that all of its devices share.
 */
void riod_fe_ctl_post(struct riod_fe_func *fn, u16 op)
{
	struct riod_frame *f = riod_fe_ctl_frame(fn, op, 0);

	if (f)
		riod_link_post_nowait(fn->att->link, f);
	else
		riod_link_end(fn->att->link, RIOD_REASON_NO_MEMORY);
}

/* ------------------------------------------------------------ registers */

/* a register access; NULL: out of memory */
struct riod_frame *riod_fe_reg_frame(struct riod_fe_func *fn, u8 region, u64 offset,
				     u8 width, u8 op, u64 value)
{
	struct riod_wire_reg *r;
	struct riod_frame *f;

	f = riod_frame_alloc(RIOD_FRAME_REG, fn->num, sizeof(*r), GFP_KERNEL);
	if (!f)
		return NULL;
	r = (void *)f->body;
	r->region = region;
	r->width = width;
	r->op = op;
	r->offset = cpu_to_le64(offset);
	r->value = cpu_to_le64(value);
	return f;
}

/**
 * riod_fe_reg_request() - a register access that waits for its REPLY
 * @fn: function
 * @region: BAR, ROM or config
 * @offset: bytes into it
 * @width: 1, 2, 4 or 8
 * @write: it is a write
 * @value: value to write, or set to the value read; all-ones if nothing answers
 *
 * Return: 0 or -EINTR: as in hardware, an access that nothing answers is no error.
 */
int riod_fe_reg_request(struct riod_fe_func *fn, u8 region, u64 offset, u8 width,
			bool write, u64 *value)
{
	struct riod_frame *f;
	int ret = -ENOMEM;

	f = riod_fe_reg_frame(fn, region, offset, width,
			      write ? RIOD_REG_WRITE : RIOD_REG_READ, write ? *value : 0);
	*value = U64_MAX;
	if (f)
		ret = riod_link_request(fn->att->link, f, value);
	if (!ret)
		return 0;
	*value = U64_MAX;
	if (ret == -EACCES)
		atomic64_inc(&fn->att->stats.denied);
	return ret == -EINTR ? ret : 0;
}

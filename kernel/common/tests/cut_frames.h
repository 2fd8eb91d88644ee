/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cuts of the peer, built by hand
 */
#ifndef _RIOD_TESTS_CUT_FRAMES_H
#define _RIOD_TESTS_CUT_FRAMES_H

#include "ends.h"

static inline int commit(struct riod_sync *y, u64 cut, u64 applied, u32 nframes)
{
	struct riod_wire_cut_commit c = {
		.cut = cpu_to_le64(cut),
		.applied = cpu_to_le64(applied),
		.nframes = cpu_to_le32(nframes),
	};

	return riod_sync_apply(y, &c);
}

#define DELTA	24	/* bytes of a delta with a run of one byte */

/* a frame with @n deltas of one byte each, value 0x99 */
static inline struct riod_frame *byte_frame(struct ends *e, u64 cut, u64 page,
					    const u16 *offsets, u32 n)
{
	struct riod_wire_cut_data *body;
	struct riod_wire_delta *d;
	struct riod_wire_run *run;
	struct riod_frame *f;
	u32 i;

	f = riod_frame_alloc(RIOD_FRAME_CUT_DATA, 0, sizeof(*body) + n * DELTA, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(e->test, f);
	body = (void *)f->body;
	body->cut = cpu_to_le64(cut);
	for (i = 0; i < n; i++) {
		d = (void *)(body->deltas + i * DELTA);
		d->page = cpu_to_le64(page);
		d->nruns = cpu_to_le16(1);
		d->nbytes = cpu_to_le16(1);
		run = (void *)(d + 1);
		run->offset = cpu_to_le16(offsets[i]);
		run->len = cpu_to_le16(1);
		*(u8 *)(run + 1) = 0x99;
	}
	return f;
}

static inline struct riod_frame *data_frame(struct ends *e, u64 cut, u64 page)
{
	static const u16 offset = 8;

	return byte_frame(e, cut, page, &offset, 1);
}

#endif /* _RIOD_TESTS_CUT_FRAMES_H */

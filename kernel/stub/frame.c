// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dispatch of a session's frames
 *
 * The session's receive thread delivers frames in order, after validating the format of
 * each.  Handlers check only what depends on the export's state.
 */
#include "stub.h"

static int frame_map(struct riod_stub_att *att, const struct riod_frame *f)
{
	const struct riod_wire_map *m = (const void *)f->body;
	const void *end = f->body + f->len;
	int ret = 0;

	while (!ret && (const void *)m < end)
		ret = riod_stub_dma_map(&att->dma, m++);
	return ret;
}

static int frame_unmap(struct riod_stub_att *att, const struct riod_frame *f)
{
	const struct riod_wire_unmap *u = (const void *)f->body;
	const void *end = f->body + f->len;
	int ret = 0;

	while (!ret && (const void *)u < end)
		ret = riod_stub_dma_unmap(&att->dma, u++);
	return ret;
}

static int frame_expect(struct riod_stub_att *att, const struct riod_frame *f)
{
	const struct riod_wire_expect *e = (const void *)f->body;
	u64 first = RIOD_SYNC_KEY(f->hdr.func, le32_to_cpu(e->first));
	u64 last = RIOD_SYNC_KEY(f->hdr.func, le32_to_cpu(e->last));
	struct riod_sync *y = riod_link_sync(att->link);

	if (e->flags & RIOD_EXPECT_FORGET) {
		riod_sync_forget(y, first, last);
		return 0;
	}
	return riod_sync_expect(y, first, e->flags & RIOD_EXPECT_ALWAYS, e->extents,
				le16_to_cpu(e->nextents));
}

static int frame_irq_setup(struct riod_stub_func *fn, const struct riod_frame *f)
{
	const struct riod_wire_irq_setup *s = (const void *)f->body;
	enum riod_status status;

	mutex_lock(&fn->lock);
	status = riod_stub_irq_setup(fn, s);
	riod_stub_refence_func(fn);
	mutex_unlock(&fn->lock);
	return riod_stub_reply(fn, s->tag, status, status ? ~0ull : 0);
}

/* riod_link_ops.frame */
int riod_stub_frame(void *priv, struct riod_frame *f)
{
	struct riod_stub_att *att = priv;
	struct riod_stub_func *fn;

	if (!test_bit(RIOD_STUB_ATT_READY, &att->flags) || f->hdr.func >= att->exp->nfuncs)
		return -EPROTO;
	fn = att->exp->funcs[f->hdr.func];

	switch (f->hdr.type) {
	case RIOD_FRAME_REG:
		return riod_stub_reg(fn, (const void *)f->body);
	case RIOD_FRAME_CTL:
		return riod_stub_ctl(&att->dma, fn, (const void *)f->body);
	case RIOD_FRAME_IRQ_SETUP:
		return frame_irq_setup(fn, f);
	case RIOD_FRAME_MAP:
		return frame_map(att, f);
	case RIOD_FRAME_UNMAP:
		return frame_unmap(att, f);
	case RIOD_FRAME_EXPECT:
		return frame_expect(att, f);
	case RIOD_FRAME_BAR_MAP:
		return riod_stub_shadow_map(&att->dma, fn, (const void *)f->body);
	default:
		return -EPROTO;
	}
}

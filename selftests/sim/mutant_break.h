/* SPDX-License-Identifier: GPL-2.0-only */
/* Wrong ways through a break, for mutants.sh, which includes this in world_break.c. */
#include "sync_cut.h"

/* the half of a cut that has arrived is forgotten */
static void mutant_drop_staged(struct end *e)
{
	struct riod_sync *y = &e->y;
	struct riod_frame *f, *tmp;

	if (e->busy)
		return;
	list_for_each_entry_safe(f, tmp, &y->staged, list) {
		list_del(&f->list);
		riod_frame_free(f);
	}
	riod_budget_uncharge(&y->budget, y->staged_bytes);
	y->staged_bytes = 0;
	y->nstaged = 0;
}

/* it is applied */
static void mutant_apply_staged(struct end *e)
{
	const struct riod_wire_cut_commit c = {
		.cut = cpu_to_le64(e->y.rx_cut + 1),
		.applied = cpu_to_le64(e->y.told),
		.nframes = cpu_to_le32(e->y.nstaged),
	};

	if (!e->busy && e->y.nstaged)
		riod_sync_apply(&e->y, &c);
}

/* a retained frame is filled from memory as it is now */
static void mutant_rebuild(struct end *e, struct riod_frame *f)
{
	struct riod_wire_cut_data *body;
	u32 pos = 0, i;

	if (!f || f->hdr.type != RIOD_FRAME_CUT_DATA)
		return;
	body = (void *)f->body;
	while (pos < f->len - sizeof(*body)) {
		struct riod_wire_delta *d = (void *)(body->deltas + pos);
		struct riod_wire_run *run = (void *)(d + 1);
		u8 *data = (u8 *)(run + le16_to_cpu(d->nruns));
		struct riod_sync_page *page = sim_engine_page(e, le64_to_cpu(d->page));

		for (i = 0; page && i < le16_to_cpu(d->nruns); i++, run++) {
			memcpy(data, page->live + le16_to_cpu(run->offset), le16_to_cpu(run->len));
			data += le16_to_cpu(run->len);
		}
		pos += riod_sync_delta_size(le16_to_cpu(d->nruns), le16_to_cpu(d->nbytes));
	}
}

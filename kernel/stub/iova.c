// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which IOVAs a peer may map: what the domain translates, less what is reserved
 *
 * Plain arithmetic, no device and no IOMMU.  All ends are inclusive, so that the
 * last page below 2^64 is as good as any.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "stub.h"

/**
 * riod_stub_resv_add() - one more range that must not be mapped
 * @d: its aperture is known
 * @start: first address
 * @last: last address, not below @start
 *
 * What is outside the aperture is left out, and what overlaps or touches is joined.
 * Return: 0, or -E2BIG and nothing has changed.
 */
int riod_stub_resv_add(struct riod_stub_domain *d, u64 start, u64 last)
{
	unsigned int i = 0, j;

	start = max(start, d->aperture.start);
	last = min(last, d->aperture.last);
	if (start > last)
		return 0;
	while (i < d->nresv && d->resv[i].last < start && d->resv[i].last + 1 < start)
		i++;
	/* where @last + 1 is 0, the first test has said it all */
	for (j = i; j < d->nresv && (d->resv[j].start <= last ||
				     d->resv[j].start == last + 1); j++) {
		start = min(start, d->resv[j].start);
		last = max(last, d->resv[j].last);
	}
	if (d->nresv - (j - i) >= RIOD_RESV_MAX)
		return -E2BIG;
	memmove(&d->resv[i + 1], &d->resv[j], (d->nresv - j) * sizeof(d->resv[0]));
	d->nresv = d->nresv - (j - i) + 1;
	d->resv[i].start = start;
	d->resv[i].last = last;
	return 0;
}

/* is any of these addresses outside the aperture, or reserved? */
bool riod_stub_reserved(const struct riod_stub_domain *d, u64 start, u64 last)
{
	unsigned int i;

	if (start < d->aperture.start || last > d->aperture.last)
		return true;
	for (i = 0; i < d->nresv; i++) {
		if (start <= d->resv[i].last && last >= d->resv[i].start)
			return true;
	}
	return false;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOVAs that a peer may map: the domain's aperture without its reserved regions
 *
 * Plain arithmetic, without device or IOMMU.  Range ends are inclusive, so that a
 * range may end at 2^64 - 1.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "stub.h"

/**
 * riod_stub_resv_add() - add a reserved range
 * @d: domain; its aperture is set
 * @start: first address
 * @last: last address, not below @start
 *
 * Clips the range to the aperture and merges it with ranges that overlap or adjoin.
 * Return: 0; -E2BIG, and @d is unchanged.
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
	/* if @last + 1 wraps to 0, the first comparison is always true */
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

/* true if any address of the range is outside the aperture or reserved */
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

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fakes.h - an attachment with an IOMMU and without a device
 */
#ifndef _RIOD_STUB_TESTS_FAKES_H
#define _RIOD_STUB_TESTS_FAKES_H

#include <kunit/test.h>

#include "stub.h"

/**
 * struct fake_iommu - an IOMMU as a table
 * @domain: the stub's handle
 * @ptes: indexed by page of the IOVA: page frame number and IOMMU_* bits
 * @nptes: number of @ptes
 * @faults: invalid calls, and pages unmapped too late
 * @fail_in: map calls until one fails; 0: none fails
 * @lost_in: map calls until the session ends; 0: it does not
 * @lost: set when the session ends
 * @leaves: spans of 2 MiB and of 1 GiB that have a page table; like Intel's and AMD's
 *	IOMMUs, this one keeps tables until the domain is freed
 * @ntables: number of @leaves
 * @max_tables: highest @ntables
 * @ndomains: number of domains attached
 * @refuse: attaching a domain fails
 */
struct fake_iommu {
	struct iommu_domain domain;
	struct xarray ptes;
	u64 nptes;
	unsigned int faults;
	unsigned int fail_in;
	unsigned int lost_in;
	atomic64_t *lost;
	struct xarray leaves;
	u64 ntables;
	u64 max_tables;
	unsigned int ndomains;
	bool refuse;
};

/**
 * struct fake_att - an attachment whose link is only an engine
 * @exp: its export, without functions
 * @att: the attachment
 * @sync: the real engine
 * @iommu: the device's IOMMU
 */
struct fake_att {
	struct riod_stub_export exp;
	struct riod_stub_att att;
	struct riod_sync sync;
	struct fake_iommu iommu;
};

static inline struct riod_link *fake_link(struct riod_sync *sync)
{
	return (struct riod_link *)sync;
}

static inline struct riod_sync *fake_link_sync(struct riod_link *l)
{
	return (struct riod_sync *)l;
}

struct fake_att *fake_att_create(struct kunit *test);
/* unmaps everything, and checks that nothing is left */
void fake_att_destroy(struct kunit *test, struct fake_att *a);

#endif /* _RIOD_STUB_TESTS_FAKES_H */

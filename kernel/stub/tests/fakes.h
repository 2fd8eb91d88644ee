/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fakes.h - an attachment with an IOMMU and without a device
 */
#ifndef _RIOD_STUB_TESTS_FAKES_H
#define _RIOD_STUB_TESTS_FAKES_H

#include <kunit/test.h>

#include "stub.h"

/**
 * struct fake_iommu - remembers what is mapped
 * @domain: what the stub knows of it
 * @ptes: page number of an IOVA to frame number and IOMMU_* bits
 * @nptes: how many
 * @faults: calls that no honest caller makes, and pages unmapped too late
 * @fail_in: calls until one to map fails, 0 for none
 * @lost_in: calls until one to map finds the session over, 0 for none
 * @lost: set then
 * @leaves: spans of 2 MiB and of 1 GiB that have a page table: as Intel's and AMD's
 *	IOMMUs do, this one keeps them until the domain goes
 * @ntables: how many
 * @max_tables: most there ever were
 * @ndomains: domains that were attached
 * @refuse: the next domain cannot be had
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
 * struct fake_att - an attachment whose link is nothing but its engine
 * @exp: its export, without functions
 * @att: it
 * @sync: the real engine
 * @iommu: what the device would see
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
/* unmaps what is left, and expects that it was all */
void fake_att_destroy(struct kunit *test, struct fake_att *a);

#endif /* _RIOD_STUB_TESTS_FAKES_H */

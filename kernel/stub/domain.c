// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOVA space of an export
 *
 * The stub owns the DMA of every function while it is exported, and attaches a
 * paging domain to their IOMMU groups while a peer is attached.  Creating an export
 * fails, with advice to the user, if a device could reach memory outside the domain.
 * For these checks, and to read the geometry that the peer needs, it attaches a domain
 * and frees it again.
 */
#include <linux/iommu.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "stub.h"

static bool domain_has_device(const struct riod_stub_export *exp, struct device *dev)
{
	unsigned int i;

	for (i = 0; i < exp->nfuncs; i++) {
		if (&exp->funcs[i]->pdev->dev == dev)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------ checks */

struct group_check {
	const struct riod_stub_export *exp;
	struct netlink_ext_ack *extack;
	struct iommu_group *group;
};

/* called under the group's mutex, so the device stays a member until this returns */
static int group_check_member(struct device *dev, void *data)
{
	struct group_check *check = data;

	if (domain_has_device(check->exp, dev))
		return 0;
	/* a bridge makes no DMA of its own, and its driver permits DMA ownership of the group */
	if (dev_is_pci(dev) && pci_is_bridge(to_pci_dev(dev)))
		return 0;
	NL_SET_ERR_MSG_FMT(check->extack,
			   "%s is in the same IOMMU group (%d): bind and export it too",
			   dev_name(dev), iommu_group_id(check->group));
	return -EBUSY;
}

static int domain_check_ats(const struct riod_stub_func *fn, struct netlink_ext_ack *extack)
{
	struct pci_dev *pdev = fn->pdev;

	if (pdev->ats_enabled) {
		NL_SET_ERR_MSG_FMT(extack, "%s has ATS on, past the IOMMU: boot with pci=noats",
				   pci_name(pdev));
		return -EOPNOTSUPP;
	}
	if (pdev->pasid_enabled) {
		NL_SET_ERR_MSG_FMT(extack, "%s has PASID on: boot with intel_iommu=sm_off",
				   pci_name(pdev));
		return -EOPNOTSUPP;
	}
	return 0;
}

static int domain_check_func(const struct riod_stub_func *fn, struct netlink_ext_ack *extack)
{
	struct device *dev = &fn->pdev->dev;

	if (!msi_device_has_isolated_msi(dev)) {
		NL_SET_ERR_MSG_FMT(extack, "%s: no interrupt remapping; enable it in the firmware",
				   pci_name(fn->pdev));
		return -EOPNOTSUPP;
	}
	if (!device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY)) {
		NL_SET_ERR_MSG_FMT(extack, "%s: its IOMMU's DMA is not coherent with the caches",
				   pci_name(fn->pdev));
		return -EOPNOTSUPP;
	}
	return domain_check_ats(fn, extack);
}

/* ------------------------------------------------------------ groups */

static int domain_add_group(struct riod_stub_export *exp, struct riod_stub_func *fn,
			    struct netlink_ext_ack *extack)
{
	struct riod_stub_domain *d = &exp->domain;
	struct group_check check = { .exp = exp, .extack = extack };
	unsigned int i;
	int ret;

	check.group = iommu_group_get(&fn->pdev->dev);
	if (!check.group) {
		NL_SET_ERR_MSG_FMT(extack,
				   "%s has no IOMMU: boot with intel_iommu=on (firmware: VT-d)",
				   pci_name(fn->pdev));
		return -EOPNOTSUPP;
	}
	for (i = 0; i < d->ngroups; i++) {
		if (d->groups[i] == check.group) {
			iommu_group_put(check.group);
			return 0;
		}
	}
	ret = iommu_group_for_each_dev(check.group, &check, group_check_member);
	if (ret) {
		iommu_group_put(check.group);
		return ret;
	}
	d->groups[d->ngroups++] = check.group;
	return 0;
}

/* a device that joins a claimed group gets no driver that uses the DMA API */
static int domain_claim(struct riod_stub_export *exp, struct netlink_ext_ack *extack)
{
	struct riod_stub_domain *d = &exp->domain;
	struct pci_dev *pdev;
	int ret;

	while (d->nclaimed < exp->nfuncs) {
		pdev = exp->funcs[d->nclaimed]->pdev;
		ret = iommu_device_claim_dma_owner(&pdev->dev, exp);
		if (ret) {
			if (ret == -EINVAL)
				NL_SET_ERR_MSG_FMT(extack,
						   "%s: firmware wants a 1:1 DMA mapping for it (RMRR)",
						   pci_name(pdev));
			else
				NL_SET_ERR_MSG_FMT(extack,
						   "%s: another driver uses its IOMMU group for DMA",
						   pci_name(pdev));
			return ret;
		}
		d->nclaimed++;
	}
	return 0;
}

static int domain_attach_groups(struct riod_stub_export *exp,
				struct netlink_ext_ack *extack)
{
	struct riod_stub_domain *d = &exp->domain;
	struct pci_dev *pdev = exp->funcs[0]->pdev;
	struct iommu_domain *domain;
	int ret;

	domain = iommu_paging_domain_alloc(&pdev->dev);
	if (IS_ERR(domain)) {
		NL_SET_ERR_MSG_FMT(extack,
				   "%s: its IOMMU gives no domain: boot with intel_iommu=on",
				   pci_name(pdev));
		return PTR_ERR(domain);
	}
	d->domain = domain;
	while (d->nattached < d->ngroups) {
		ret = iommu_attach_group(domain, d->groups[d->nattached]);
		if (ret) {
			NL_SET_ERR_MSG(extack,
				       "the functions are behind IOMMUs that share no domain: export them one by one");
			return ret;
		}
		d->nattached++;
	}
	return 0;
}

/* before the first map, because enforcing coherency may affect later maps only */
static int domain_enforce(struct riod_stub_export *exp, struct netlink_ext_ack *extack)
{
	struct iommu_domain *domain = exp->domain.domain;
	unsigned int i;
	int ret;

	if (!(domain->pgsize_bitmap & SZ_4K)) {
		NL_SET_ERR_MSG(extack, "the IOMMU cannot map pages of 4 KiB");
		return -EOPNOTSUPP;
	}
	if (!domain->ops->enforce_cache_coherency ||
	    !domain->ops->enforce_cache_coherency(domain)) {
		NL_SET_ERR_MSG(extack,
			       "the IOMMU cannot enforce coherent DMA (no snoop control), so the device could go round the caches");
		return -EOPNOTSUPP;
	}
	/* some IOMMU drivers enable ATS when they attach a domain */
	for (i = 0; i < exp->nfuncs; i++) {
		ret = domain_check_ats(exp->funcs[i], extack);
		if (ret)
			return ret;
	}
	return 0;
}

/* ------------------------------------------------------------ geometry */

static int resv_add_list(struct riod_stub_domain *d, struct list_head *regions,
			 struct netlink_ext_ack *extack)
{
	struct iommu_resv_region *r;

	list_for_each_entry(r, regions, list) {
		/* firmware needs these only until a driver owns the device, as in VFIO */
		if (r->type == IOMMU_RESV_DIRECT_RELAXABLE)
			continue;
		if (r->type == IOMMU_RESV_SW_MSI) {
			NL_SET_ERR_MSG(extack,
				       "the IOMMU translates interrupt messages, which riod does not support");
			return -EOPNOTSUPP;
		}
		if (r->length &&
		    riod_stub_resv_add(d, r->start, r->start + r->length - 1)) {
			NL_SET_ERR_MSG(extack, "the IOMMU has too many reserved regions");
			return -E2BIG;
		}
	}
	return 0;
}

static int domain_geometry(struct riod_stub_domain *d, struct netlink_ext_ack *extack)
{
	struct iommu_resv_region *r, *next;
	LIST_HEAD(regions);
	unsigned int i;
	int ret = 0;

	d->aperture.start = d->domain->geometry.aperture_start;
	d->aperture.last = d->domain->geometry.aperture_end;
	d->nresv = 0;
	for (i = 0; i < d->ngroups && !ret; i++)
		ret = iommu_get_group_resv_regions(d->groups[i], &regions);
	if (!ret)
		ret = resv_add_list(d, &regions, extack);
	list_for_each_entry_safe(r, next, &regions, list)
		kfree(r);
	return ret;
}

/* ------------------------------------------------------------ life */

/**
 * riod_stub_domain_open() - take DMA ownership of an export's functions
 * @exp: export with all its functions, not yet published
 * @extack: error text for the user
 *
 * Return: 0, or a negative errno, and everything is undone.
 */
int riod_stub_domain_open(struct riod_stub_export *exp,
			  struct netlink_ext_ack *extack)
{
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&riod_stub_admin);
	for (i = 0; i < exp->nfuncs && !ret; i++)
		ret = domain_add_group(exp, exp->funcs[i], extack);
	for (i = 0; i < exp->nfuncs && !ret; i++)
		ret = domain_check_func(exp->funcs[i], extack);
	if (!ret)
		ret = domain_claim(exp, extack);
	if (!ret)
		ret = riod_stub_domain_attach(exp, extack);
	if (!ret) {
		ret = domain_geometry(&exp->domain, extack);
		riod_stub_domain_detach(exp);
	}
	if (ret)
		riod_stub_domain_close(exp);
	return ret;
}

/**
 * riod_stub_domain_attach() - attach the groups of an export to a new domain
 * @exp: export whose groups are in the blocking domain; no other thread attaches or
 *	detaches them
 * @extack: error text for the user; may be NULL
 *
 * The aperture is the same for each domain, because they come from the same IOMMUs.
 * Return: 0, or a negative errno, and the groups are in the blocking domain.
 */
int riod_stub_domain_attach(struct riod_stub_export *exp,
			    struct netlink_ext_ack *extack)
{
	int ret;

	ret = domain_attach_groups(exp, extack);
	if (!ret)
		ret = domain_enforce(exp, extack);
	if (ret)
		riod_stub_domain_detach(exp);
	return ret;
}

/*
 * The caller has unmapped everything; bus master may be set.  The groups move to the
 * blocking domain before the domain and its page tables are freed.  No effect if there
 * is no domain.
 */
void riod_stub_domain_detach(struct riod_stub_export *exp)
{
	struct riod_stub_domain *d = &exp->domain;

	while (d->nattached)
		iommu_detach_group(d->domain, d->groups[--d->nattached]);
	if (d->domain)
		iommu_domain_free(d->domain);
	d->domain = NULL;
}

/* no peer is attached; the functions are still bound to the stub, bus master is clear */
void riod_stub_domain_close(struct riod_stub_export *exp)
{
	struct riod_stub_domain *d = &exp->domain;

	lockdep_assert_held(&riod_stub_admin);
	WARN_ON_ONCE(d->domain);
	while (d->nclaimed)
		iommu_device_release_dma_owner(&exp->funcs[--d->nclaimed]->pdev->dev);
	while (d->ngroups)
		iommu_group_put(d->groups[--d->ngroups]);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOMMU of the virtual functions
 *
 * It translates nothing: through it VFIO passes to the frontend which guest pages the
 * device may access at which address.  The functions of an attachment share one IOVA
 * space at the server host, and so one group here.
 */
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat_iommu.h"
#include "frontend.h"

/* x86: writes to this range are interrupts; no guest may use it for DMA */
#define IOMMU_MSI_START		0xfee00000ull
#define IOMMU_MSI_LAST		0xfeefffffull

static struct iommu_device fe_iommu;

static struct riod_fe_domain *to_fe_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct riod_fe_domain, domain);
}

static struct riod_fe_att *dev_att(struct device *dev)
{
	struct riod_fe_func *fn = dev_iommu_priv_get(dev);

	return fn->att;
}

/* ------------------------------------------------------------ devices */

/* VFIO requires CACHE_COHERENCY.  Without ENFORCE, KVM lets the guest map uncached. */
static bool iommu_capable(struct device *dev, enum iommu_cap cap)
{
	return cap == IOMMU_CAP_CACHE_COHERENCY ||
	       cap == IOMMU_CAP_ENFORCE_CACHE_COHERENCY;
}

static struct iommu_device *iommu_probe_one(struct device *dev)
{
	struct riod_fe_func *fn;

	if (!dev_is_pci(dev))
		return ERR_PTR(-ENODEV);
	fn = riod_fe_bridge_func(to_pci_dev(dev));
	if (!fn)
		return ERR_PTR(-ENODEV);
	dev_iommu_priv_set(dev, fn);
	return &fe_iommu;
}

static struct iommu_group *iommu_group_of(struct device *dev)
{
	struct riod_fe_att *att = dev_att(dev);
	struct iommu_group *group;

	/* serialised by the IOMMU core's probe lock */
	if (att->group)
		return iommu_group_ref_get(att->group);
	group = iommu_group_alloc();
	if (!IS_ERR(group))
		att->group = iommu_group_ref_get(group);
	return group;
}

/* no driver of the host uses the function for DMA */
static int iommu_default_type(struct device *dev)
{
	return IOMMU_DOMAIN_IDENTITY;
}

static void resv_add(struct list_head *list, u64 start, u64 last,
		     enum iommu_resv_type type)
{
	struct iommu_resv_region *region;

	region = iommu_alloc_resv_region(start, last - start + 1, 0, type, GFP_KERNEL);
	if (region)
		list_add_tail(&region->list, list);
}

static void iommu_resv_regions(struct device *dev, struct list_head *list)
{
	struct riod_fe_att *att = dev_att(dev);
	unsigned int i;

	for (i = 0; i < att->nresv; i++)
		resv_add(list, att->resv[i].start, att->resv[i].last, IOMMU_RESV_RESERVED);
	resv_add(list, IOMMU_MSI_START, IOMMU_MSI_LAST, IOMMU_RESV_MSI);
}

/* ------------------------------------------------------------ domains */

/* blocked, identity: with both, no page is mapped for the device */
static int iommu_attach_none(RIOD_COMPAT_ATTACH_ARGS)
{
	riod_fe_dma_attach(dev_iommu_priv_get(dev), NULL);
	return 0;
}

static const struct iommu_domain_ops none_ops = {
	.attach_dev = iommu_attach_none,
};

static struct iommu_domain identity_domain = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &none_ops,
};

static struct iommu_domain blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &none_ops,
};

/*
 * On -EINVAL, type1 and iommufd allocate another domain: page numbers and addresses
 * of one attachment mean nothing to the stub of another.
 */
static int iommu_attach_paging(RIOD_COMPAT_ATTACH_ARGS)
{
	struct riod_fe_domain *d = to_fe_domain(domain);
	struct riod_fe_func *fn = dev_iommu_priv_get(dev);

	if (d->att != fn->att)
		return -EINVAL;
	riod_fe_dma_attach(fn, d);
	return 0;
}

static bool iova_allowed(const struct riod_fe_att *att, u64 iova, u64 last)
{
	unsigned int i;

	if (iova < att->aperture.start || last > att->aperture.last)
		return false;
	for (i = 0; i < att->nresv; i++) {
		if (iova <= att->resv[i].last && last >= att->resv[i].start)
			return false;
	}
	return iova > IOMMU_MSI_LAST || last < IOMMU_MSI_START;
}

static u32 iommu_prot(int prot)
{
	return (prot & IOMMU_READ ? RIOD_PROT_READ : 0) |
	       (prot & IOMMU_WRITE ? RIOD_PROT_WRITE : 0);
}

/* maps at most RIOD_MAP_PAGES_MAX pages; the core calls again for the rest */
static int iommu_map_pages(struct iommu_domain *domain, unsigned long iova,
			   phys_addr_t paddr, size_t pgsize, size_t pgcount,
			   int prot, gfp_t gfp, size_t *mapped)
{
	struct riod_fe_domain *d = to_fe_domain(domain);
	size_t size = min_t(size_t, pgsize * pgcount,
			    (size_t)RIOD_MAP_PAGES_MAX << PAGE_SHIFT);
	int ret;

	if (!iova_allowed(d->att, iova, iova + size - 1))
		return -EINVAL;
	ret = riod_fe_range_map(d, iova, paddr, size >> PAGE_SHIFT, iommu_prot(prot), gfp);
	if (ret)
		return ret;
	*mapped += size;
	return 0;
}

static size_t iommu_unmap_pages(struct iommu_domain *domain, unsigned long iova,
				size_t pgsize, size_t pgcount,
				struct iommu_iotlb_gather *gather)
{
	return riod_fe_range_unmap(to_fe_domain(domain), iova,
				   iova + pgsize * pgcount - 1);
}

static phys_addr_t iommu_lookup(struct iommu_domain *domain, dma_addr_t iova)
{
	return riod_fe_range_lookup(to_fe_domain(domain), iova);
}

/* always possible: the stub refuses an export for which it cannot enforce coherency */
static bool iommu_enforce_coherency(struct iommu_domain *domain)
{
	return true;
}

static void iommu_domain_done(struct iommu_domain *domain)
{
	struct riod_fe_domain *d = to_fe_domain(domain);

	riod_fe_range_free_all(d);
	riod_fe_att_put(d->att);
	kfree(d);
	/* riod_fe_exit() waits until this has returned */
	module_put(THIS_MODULE);
}

/* iotlb_sync is missing because an unmap is complete when it returns */
static const struct iommu_domain_ops paging_ops = {
	.attach_dev = iommu_attach_paging,
	.map_pages = iommu_map_pages,
	.unmap_pages = iommu_unmap_pages,
	.iova_to_phys = iommu_lookup,
	.enforce_cache_coherency = iommu_enforce_coherency,
	.free = iommu_domain_done,
};

/* a domain pins the module, because iommufd may keep it longer than the function exists */
static struct iommu_domain *iommu_domain_new(struct device *dev)
{
	struct riod_fe_domain *d;

	if (!dev)
		return ERR_PTR(-ENODEV);
	d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
	if (!d)
		return ERR_PTR(-ENOMEM);
	__module_get(THIS_MODULE);
	d->att = dev_att(dev);
	riod_fe_att_get(d->att);
	d->ranges = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&d->spares);
	d->domain.ops = &paging_ops;
	d->domain.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G;
	d->domain.geometry.aperture_start = d->att->aperture.start;
	d->domain.geometry.aperture_end = d->att->aperture.last;
	d->domain.geometry.force_aperture = true;
	return &d->domain;
}

static const struct iommu_ops fe_iommu_ops = {
	.owner = THIS_MODULE,
	.capable = iommu_capable,
	.probe_device = iommu_probe_one,
	.device_group = iommu_group_of,
	.def_domain_type = iommu_default_type,
	.get_resv_regions = iommu_resv_regions,
	.domain_alloc_paging = iommu_domain_new,
	.identity_domain = &identity_domain,
	.blocked_domain = &blocked_domain,
	.release_domain = &blocked_domain,
	.default_domain_ops = &paging_ops,
};

/**
 * riod_fe_iommu_init() - register an IOMMU driver for functions on our bridge
 * @parent: device whose firmware node identifies these functions
 */
int riod_fe_iommu_init(struct device *parent)
{
	int ret;

	/* without one, the core would call us for every device that has none */
	if (!dev_fwnode(parent))
		return -EINVAL;
	ret = iommu_device_sysfs_add(&fe_iommu, parent, NULL, RIOD_FE_DRIVER);
	if (ret)
		return ret;
	ret = iommu_device_register(&fe_iommu, &fe_iommu_ops, parent);
	if (ret)
		iommu_device_sysfs_remove(&fe_iommu);
	return ret;
}

void riod_fe_iommu_exit(void)
{
	iommu_device_unregister(&fe_iommu);
	iommu_device_sysfs_remove(&fe_iommu);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOMMU core: differences between kernels that concern the frontend
 *
 * Floor: 6.12.
 */
#ifndef _RIOD_COMPAT_IOMMU_H
#define _RIOD_COMPAT_IOMMU_H

#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/version.h>

/*
 * Parameters of attach_dev().  Since 6.19 it also gets the old domain, which is
 * not used.
 */
#if KERNEL_VERSION(6, 19, 0) <= LINUX_VERSION_CODE
#define RIOD_COMPAT_ATTACH_ARGS	struct iommu_domain *domain, struct device *dev, \
				struct iommu_domain *old
#else
#define RIOD_COMPAT_ATTACH_ARGS	struct iommu_domain *domain, struct device *dev
#endif

/**
 * riod_compat_fwspec_init() - associate a device with an IOMMU driver
 * @dev: device that is being added
 * @fwnode: firmware node that the driver was registered with
 *
 * iommu_fwspec_init() asserts iommu_probe_device_lock, which modules cannot
 * take.  The caller is a bus notifier that runs before the IOMMU core's, so no
 * other thread can have probed @dev or write its ->iommu.  Lockdep cannot know
 * that and is switched off around the call.
 *
 * Return: 0 or -errno.
 */
static inline int riod_compat_fwspec_init(struct device *dev,
					  struct fwnode_handle *fwnode)
{
	int ret;

	lockdep_off();
	ret = iommu_fwspec_init(dev, fwnode);
	lockdep_on();
	return ret;
}

#endif /* _RIOD_COMPAT_IOMMU_H */

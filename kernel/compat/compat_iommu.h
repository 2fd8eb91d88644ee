/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the frontend needs of the IOMMU core and differs between kernels
 *
 * Floor: 6.12.
 */
#ifndef _RIOD_COMPAT_IOMMU_H
#define _RIOD_COMPAT_IOMMU_H

#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/version.h>

/*
 * The arguments of attach_dev().  From 6.19 on it is handed the domain that is
 * replaced as well, which is not used.
 */
#if KERNEL_VERSION(6, 19, 0) <= LINUX_VERSION_CODE
#define RIOD_COMPAT_ATTACH_ARGS	struct iommu_domain *domain, struct device *dev, \
				struct iommu_domain *old
#else
#define RIOD_COMPAT_ATTACH_ARGS	struct iommu_domain *domain, struct device *dev
#endif

/**
 * riod_compat_fwspec_init() - make an IOMMU driver responsible for a device
 * @dev: device that is being added
 * @fwnode: firmware node that the driver was registered with
 *
 * iommu_fwspec_init() wants iommu_probe_device_lock, which modules cannot take.
 * Called from the bus notifier ahead of the IOMMU core's own, that is before
 * anybody can have probed @dev, whose ->iommu nobody else is writing; lockdep is
 * switched off around the call, because it cannot know that.
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

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO: differences between kernels that concern the frontend
 *
 * Floor: 6.12.
 */
#ifndef _RIOD_COMPAT_VFIO_H
#define _RIOD_COMPAT_VFIO_H

#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vfio.h>

/*
 * Entry for fe_region_info() in vfio_device_ops.  Before 6.19 there is no such
 * callback, and the driver handles the ioctl.
 */
#if KERNEL_VERSION(6, 19, 0) <= LINUX_VERSION_CODE
#define RIOD_COMPAT_REGION_INFO_OP	.get_region_info_caps = fe_region_info,
#else
#define RIOD_COMPAT_REGION_INFO_OP
#endif

/**
 * riod_compat_region_info() - VFIO_DEVICE_GET_REGION_INFO by a callback
 * @vdev: device
 * @arg: argument of the ioctl
 * @fill: fills in the region, as the callback of later kernels does; adds no
 *	capabilities
 *
 * For kernels without that callback; not called on others.
 */
static inline int riod_compat_region_info(struct vfio_device *vdev,
					  struct vfio_region_info __user *arg,
					  int (*fill)(struct vfio_device *vdev,
						      struct vfio_region_info *info,
						      struct vfio_info_cap *caps))
{
	unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info;
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	ret = fill(vdev, &info, NULL);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

#endif /* _RIOD_COMPAT_VFIO_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the frontend needs of VFIO and differs between kernels
 *
 * Floor: 6.12.
 */
#ifndef _RIOD_COMPAT_VFIO_H
#define _RIOD_COMPAT_VFIO_H

#include <linux/uaccess.h>
#include <linux/vfio.h>

/**
 * riod_compat_region_info() - VFIO_DEVICE_GET_REGION_INFO around a function
 * @vdev: device
 * @arg: the ioctl's argument
 * @fill: fills in what is known of the region
 *
 * In 6.12 the driver handles the ioctl; later kernels have a callback of its own
 * in vfio_device_ops, which is given the copied structure and could be @fill.
 */
static inline int riod_compat_region_info(struct vfio_device *vdev,
					  struct vfio_region_info __user *arg,
					  int (*fill)(struct vfio_device *vdev,
						      struct vfio_region_info *info))
{
	unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info;
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	ret = fill(vdev, &info);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

#endif /* _RIOD_COMPAT_VFIO_H */

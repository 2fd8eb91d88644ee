// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VFIO device of a function
 *
 * To VFIO users (QEMU, DPDK, the kernel's selftests) it looks like vfio-pci: the same
 * regions, interrupts and ioctls (include/uapi/linux/vfio.h).  Regions cannot be
 * mapped, because every access crosses the network, except BARs that the user has
 * declared to be memory (shadow.c).
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "compat_vfio.h"
#include "frontend.h"

static struct riod_fe_func *to_func(struct vfio_device *vdev)
{
	return container_of(vdev, struct riod_fe_vdev, vdev)->func;
}

/* ------------------------------------------------------------ lifetime */

/*
 * Called while our driver is probed, so the function cannot leave the bus.  The VFIO
 * device pins the module, because the last reference may be a file's, which is released
 * after the function was removed.
 */
static int fe_vfio_init(struct vfio_device *vdev)
{
	struct riod_fe_vdev *v = container_of(vdev, struct riod_fe_vdev, vdev);

	v->func = riod_fe_bridge_func(to_pci_dev(vdev->dev));
	if (!v->func)
		return -ENODEV;
	riod_fe_att_get(v->func->att);
	__module_get(THIS_MODULE);
	return 0;
}

static void fe_vfio_release(struct vfio_device *vdev)
{
	riod_fe_att_put(to_func(vdev)->att);
	/* riod_fe_exit() waits until this has returned */
	module_put(THIS_MODULE);
}

static int fe_vfio_open(struct vfio_device *vdev)
{
	struct riod_fe_func *fn = to_func(vdev);
	int ret;

	ret = riod_fe_att_open(fn->att);
	if (ret)
		return ret;
	ret = riod_fe_config_open(fn, vdev->inode->i_mapping);
	if (ret)
		riod_fe_att_close(fn->att);
	return ret;
}

static void fe_vfio_close(struct vfio_device *vdev)
{
	struct riod_fe_func *fn = to_func(vdev);

	riod_fe_config_close(fn);
	riod_fe_att_close(fn->att);
}

/* the driver is being unbound, and VFIO waits for the user to close the device */
static void fe_vfio_request(struct vfio_device *vdev, unsigned int count)
{
	if (!(count % 10))
		dev_notice_ratelimited(vdev->dev, "asking the user to release the device (#%u)\n",
				       count);
	riod_fe_irq_request(to_func(vdev));
}

/* ------------------------------------------------------------ regions */

static ssize_t fe_rw(struct riod_fe_func *fn, char __user *buf, size_t count,
		     loff_t *ppos, bool write)
{
	unsigned int index = *ppos >> RIOD_FE_OFFSET_SHIFT;
	u64 pos = *ppos & RIOD_FE_OFFSET_MASK;
	ssize_t done;

	if (!count)
		return 0;
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX ... VFIO_PCI_ROM_REGION_INDEX:
		done = riod_fe_region_rw(fn, index, buf, count, pos, write);
		break;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		done = riod_fe_config_rw(fn, buf, count, pos, write);
		break;
	default:
		return -EINVAL;
	}
	if (done > 0)
		*ppos += done;
	return done;
}

static ssize_t fe_vfio_read(struct vfio_device *vdev, char __user *buf, size_t count,
			    loff_t *ppos)
{
	return fe_rw(to_func(vdev), buf, count, ppos, false);
}

static ssize_t fe_vfio_write(struct vfio_device *vdev, const char __user *buf,
			     size_t count, loff_t *ppos)
{
	return fe_rw(to_func(vdev), (char __user *)buf, count, ppos, true);
}

static int fe_vfio_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	return riod_fe_shadow_mmap(to_func(vdev), vma);
}

static int fe_region_info(struct vfio_device *vdev, struct vfio_region_info *info,
			  struct vfio_info_cap *caps)
{
	struct riod_fe_func *fn = to_func(vdev);

	static_assert(VFIO_PCI_ROM_REGION_INDEX == RIOD_REGION_ROM);

	switch (info->index) {
	case VFIO_PCI_BAR0_REGION_INDEX ... VFIO_PCI_ROM_REGION_INDEX:
		info->size = fn->cfg.bars[info->index].size;
		break;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		info->size = fn->cfg.size;
		break;
	default:
		return -EINVAL;
	}
	info->offset = (u64)info->index << RIOD_FE_OFFSET_SHIFT;
	info->flags = 0;
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ;
	if (info->size && info->index != VFIO_PCI_ROM_REGION_INDEX)
		info->flags |= VFIO_REGION_INFO_FLAG_WRITE;
	if (fn->shadow.bars & BIT(info->index))
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	return 0;
}

/* ------------------------------------------------------------ ioctls */

static int fe_ioctl_info(struct riod_fe_func *fn, struct vfio_device_info __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info = {};

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	minsz = min_t(size_t, info.argsz, sizeof(info));
	info.flags = VFIO_DEVICE_FLAGS_PCI;
	if (fn->flags & RIOD_FUNC_F_RESET)
		info.flags |= VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	info.cap_offset = 0;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static int fe_ioctl_irq_info(struct riod_fe_func *fn, struct vfio_irq_info __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info.count = riod_fe_irq_count(fn, info.index);
	if (info.index == VFIO_PCI_ERR_IRQ_INDEX && !info.count)
		return -EINVAL;
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else if (info.index != VFIO_PCI_MSIX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static int fe_ioctl_set_irqs(struct riod_fe_func *fn, struct vfio_irq_set __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_set hdr;
	size_t size = 0;
	void *data = NULL;
	int ret;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;
	ret = vfio_set_irqs_validate_and_prepare(&hdr, riod_fe_irq_count(fn, hdr.index),
						 VFIO_PCI_NUM_IRQS, &size);
	if (ret)
		return ret;
	if (size) {
		data = memdup_user(&arg->data, size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}
	ret = riod_fe_irq_set(fn, &hdr, data);
	kfree(data);
	return ret;
}

/*
 * A hot reset resets a slot or a bus.  The frontend cannot reset those of the server
 * host, and resetting each function alone is not the same.  Fails like vfio-pci does
 * if neither slot nor bus can be reset.
 */
static int fe_ioctl_hot_reset(struct riod_fe_func *fn, u32 __user *argsz, size_t minsz)
{
	u32 size;

	if (get_user(size, argsz))
		return -EFAULT;
	return size < minsz ? -EINVAL : -ENODEV;
}

static long fe_vfio_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct riod_fe_func *fn = to_func(vdev);
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return fe_ioctl_info(fn, uarg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return riod_compat_region_info(vdev, uarg, fe_region_info);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return fe_ioctl_irq_info(fn, uarg);
	case VFIO_DEVICE_SET_IRQS:
		return fe_ioctl_set_irqs(fn, uarg);
	case VFIO_DEVICE_RESET:
		return riod_fe_config_reset(fn);
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		return fe_ioctl_hot_reset(fn, uarg,
					  sizeof(struct vfio_pci_hot_reset_info));
	case VFIO_DEVICE_PCI_HOT_RESET:
		return fe_ioctl_hot_reset(fn, uarg,
					  offsetofend(struct vfio_pci_hot_reset, count));
	default:
		return -ENOTTY;
	}
}

const struct vfio_device_ops riod_fe_vfio_ops = {
	.name = RIOD_FE_DRIVER,
	.init = fe_vfio_init,
	.release = fe_vfio_release,
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
	.open_device = fe_vfio_open,
	.close_device = fe_vfio_close,
	.read = fe_vfio_read,
	.write = fe_vfio_write,
	.mmap = fe_vfio_mmap,
	.ioctl = fe_vfio_ioctl,
	.request = fe_vfio_request,
	RIOD_COMPAT_REGION_INFO_OP
};

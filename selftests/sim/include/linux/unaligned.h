/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_UNALIGNED_H
#define _SIM_LINUX_UNALIGNED_H

#include <linux/types.h>
#include <string.h>

static inline u16 get_unaligned_le16(const void *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline u64 get_unaligned_le64(const void *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

#endif /* _SIM_LINUX_UNALIGNED_H */

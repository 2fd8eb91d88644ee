/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_LOCKDEP_H
#define _SIM_LINUX_LOCKDEP_H

#include <linux/mutex.h>

#endif /* _SIM_LINUX_LOCKDEP_H */

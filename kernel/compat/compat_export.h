/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbol namespaces: differences between kernels
 *
 * Floor: 6.12.
 */
#ifndef _RIOD_COMPAT_EXPORT_H
#define _RIOD_COMPAT_EXPORT_H

#include <linux/module.h>
#include <linux/version.h>

/* MODULE_IMPORT_NS() takes an identifier before 6.13, and a string since. */
#if KERNEL_VERSION(6, 13, 0) <= LINUX_VERSION_CODE
#define RIOD_COMPAT_IMPORT_NS(ns)	MODULE_IMPORT_NS(#ns)
#else
#define RIOD_COMPAT_IMPORT_NS(ns)	MODULE_IMPORT_NS(ns)
#endif

#endif /* _RIOD_COMPAT_EXPORT_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all modules need of symbol namespaces and differs between kernels
 *
 * Floor: 6.12.
 */
#ifndef _RIOD_COMPAT_EXPORT_H
#define _RIOD_COMPAT_EXPORT_H

#include <linux/module.h>
#include <linux/version.h>

/* The argument of MODULE_IMPORT_NS() is an identifier before 6.13, a string from there on. */
#if KERNEL_VERSION(6, 13, 0) <= LINUX_VERSION_CODE
#define RIOD_COMPAT_IMPORT_NS(ns)	MODULE_IMPORT_NS(#ns)
#else
#define RIOD_COMPAT_IMPORT_NS(ns)	MODULE_IMPORT_NS(ns)
#endif

#endif /* _RIOD_COMPAT_EXPORT_H */

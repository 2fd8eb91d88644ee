/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_KUNIT_VISIBILITY_H
#define _SIM_KUNIT_VISIBILITY_H

#define EXPORT_SYMBOL_IF_KUNIT(sym)	extern int sim_exported

#endif /* _SIM_KUNIT_VISIBILITY_H */

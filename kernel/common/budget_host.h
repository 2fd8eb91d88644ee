/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _RIOD_BUDGET_HOST_H
#define _RIOD_BUDGET_HOST_H

/* called by module init, before any session exists */
void riod_budget_host_init(void);

#endif /* _RIOD_BUDGET_HOST_H */

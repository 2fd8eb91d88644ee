/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _RIOD_BUDGET_HOST_H
#define _RIOD_BUDGET_HOST_H

/* module init, before there can be a session */
void riod_budget_host_init(void);

#endif /* _RIOD_BUDGET_HOST_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_SCHED_H
#define _SIM_LINUX_SCHED_H

/* callers hold no lock other than the gate, so tasks that need only @lock may run */
void cond_resched(void);

#endif /* _SIM_LINUX_SCHED_H */

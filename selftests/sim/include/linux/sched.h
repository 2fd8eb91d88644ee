/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_SCHED_H
#define _SIM_LINUX_SCHED_H

/* no lock but the gate is held: who takes only the other lock gets a turn */
void cond_resched(void);

#endif /* _SIM_LINUX_SCHED_H */

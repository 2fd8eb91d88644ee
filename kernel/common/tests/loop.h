/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * loop.c: two ends in one kernel's memory
 */
#ifndef _RIOD_TESTS_LOOP_H
#define _RIOD_TESTS_LOOP_H

#include "transport.h"

extern const struct riod_transport_ops riod_loop_ops;

/* frames of loop connections that were not freed, in flight or delivered */
int riod_loop_frames_out(void);

/*
 * Address of an RDMA device of this host, whose two ends the tests connect over the
 * transport "rdma"; 0: none
 */
__be32 riod_loop_rdma_addr(void);

#endif /* _RIOD_TESTS_LOOP_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP internals for the tests */
#ifndef _RIOD_TCP_H
#define _RIOD_TCP_H

#include <kunit/visibility.h>
#include <linux/kconfig.h>

#include "transport.h"

#if IS_ENABLED(CONFIG_KUNIT)
struct socket *riod_tcp_sock(struct riod_conn *conn);
#endif

#endif /* _RIOD_TCP_H */

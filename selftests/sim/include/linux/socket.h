/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SIM_LINUX_SOCKET_H
#define _SIM_LINUX_SOCKET_H

#include <sys/socket.h>

#endif /* _SIM_LINUX_SOCKET_H */

// SPDX-License-Identifier: GPL-2.0-only
// A received netlink message: its command, its attributes, the error it carries.
#pragma once

#include <netlink/msg.h>

#include "genl_attr.hpp"

namespace riodctl {

// Throws what an NLMSG_ERROR reports, unless it is an acknowledgement.
void check_error(const nlmsghdr *header);
// The end of a dump may carry an error, too.
void check_done(const nlmsghdr *header);

// Of a generic netlink message; none if it is too short.
Attrs attrs_of(const nlmsghdr *header);
// The command of a generic netlink message; 0 if it is too short.
int command_of(const nlmsghdr *header);

} // namespace riodctl

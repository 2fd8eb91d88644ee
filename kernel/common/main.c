// SPDX-License-Identifier: GPL-2.0-only
/* main.c - riod_core: init order, and exit in reverse */
#include <linux/init.h>
#include <linux/module.h>

#include "budget_host.h"
#include "netlink.h"
#include "transport.h"

static int __init riod_core_init(void)
{
	int err;

	riod_budget_host_init();
	err = riod_transport_register(&riod_tcp_ops);
	if (err)
		return err;
	err = riod_nl_discover_init();
	if (err)
		goto err_transport;
	/* last: commands run from here on */
	err = riod_nl_init();
	if (err)
		goto err_discover;
	return 0;

err_discover:
	riod_nl_discover_exit();
err_transport:
	riod_transport_unregister(&riod_tcp_ops);
	return err;
}

static void __exit riod_core_exit(void)
{
	riod_nl_exit();
	riod_nl_discover_exit();
	riod_transport_unregister(&riod_tcp_ops);
}

module_init(riod_core_init);
module_exit(riod_core_exit);

MODULE_DESCRIPTION("riod core: wire protocol, sessions, DMA coherence, control");
MODULE_AUTHOR("The riod authors");
MODULE_ALIAS_GENL_FAMILY(RIOD_FAMILY_NAME);
MODULE_LICENSE("GPL");

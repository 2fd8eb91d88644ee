// SPDX-License-Identifier: GPL-2.0-only
/*
 * riod_rdma: the transport "rdma", its counters, init and exit
 *
 * A module of its own, so that only hosts that use it load the InfiniBand core.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/wait_bit.h>

#include "compat_export.h"
#include "rdma.h"

struct riod_rdma_stats {
	u64 n[RIOD_RDMA_NSTATS];
};

static DEFINE_PER_CPU(struct riod_rdma_stats, riod_rdma_stats);
static struct dentry *riod_rdma_debugfs;
struct workqueue_struct *riod_rdma_wq;

const struct riod_transport_ops riod_rdma_ops = {
	.name		= "rdma",
	.owner		= THIS_MODULE,
	.connect	= riod_rdma_connect,
	.listen		= riod_rdma_listen,
	.unlisten	= riod_rdma_unlisten,
	.send		= riod_rdma_send,
	.recv		= riod_rdma_recv,
	.timeouts	= riod_rdma_timeouts,
	.shutdown	= riod_rdma_shutdown,
	.close		= riod_rdma_close,
	.peer		= riod_rdma_peer,
	.local		= riod_rdma_local,
};

void riod_rdma_count(enum riod_rdma_stat stat, u64 n)
{
	this_cpu_add(riod_rdma_stats.n[stat], n);
}

static int riod_rdma_stat_get(void *data, u64 *value)
{
	enum riod_rdma_stat stat = (uintptr_t)data;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(riod_rdma_stats, cpu).n[stat];
	*value = sum;
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(riod_rdma_stat_fops, riod_rdma_stat_get, NULL, "%llu\n");

static void __init riod_rdma_debugfs_init(void)
{
	static const char * const names[] = {
		[RIOD_RDMA_TX_MESSAGES] = "tx_messages",
		[RIOD_RDMA_TX_CREDITS] = "tx_credit_messages",
		[RIOD_RDMA_TX_SIGNALLED] = "tx_signalled",
		[RIOD_RDMA_TX_BYTES] = "tx_bytes",
		[RIOD_RDMA_RX_MESSAGES] = "rx_messages",
		[RIOD_RDMA_RX_CREDITS] = "rx_credit_messages",
		[RIOD_RDMA_RX_BYTES] = "rx_bytes",
		[RIOD_RDMA_RX_POSTED] = "rx_posted",
		[RIOD_RDMA_COMPLETIONS] = "completions",
		[RIOD_RDMA_MAPPINGS] = "mappings",
	};
	struct dentry *dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	uintptr_t stat;

	static_assert(ARRAY_SIZE(names) == RIOD_RDMA_NSTATS);
	for (stat = 0; stat < ARRAY_SIZE(names); stat++)
		debugfs_create_file_unsafe(names[stat], 0444, dir, (void *)stat,
					   &riod_rdma_stat_fops);
	debugfs_create_atomic_t("connections", 0444, dir, &riod_rdma_conns);
	riod_rdma_debugfs = dir;
}

static int __init riod_rdma_init(void)
{
	int err;

	/*
	 * Ends of connections wait for peers: unbound, so that they delay nobody else.  They
	 * free memory, and storage may depend on a session: with a rescuer.
	 */
	riod_rdma_wq = alloc_workqueue("riod_rdma", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!riod_rdma_wq)
		return -ENOMEM;
	riod_rdma_debugfs_init();
	/* last: connections may begin at once */
	err = riod_transport_register(&riod_rdma_ops);
	if (err) {
		debugfs_remove(riod_rdma_debugfs);
		destroy_workqueue(riod_rdma_wq);
	}
	return err;
}

static void __exit riod_rdma_exit(void)
{
	riod_transport_unregister(&riod_rdma_ops);
	/* those that were closed end within riod_rdma_linger_ms; no others are left */
	wait_var_event(&riod_rdma_conns, !atomic_read(&riod_rdma_conns));
	/* waits for the last lines of work items, which hold no module reference */
	destroy_workqueue(riod_rdma_wq);
	debugfs_remove(riod_rdma_debugfs);
}

module_init(riod_rdma_init);
module_exit(riod_rdma_exit);

MODULE_DESCRIPTION("riod's RDMA transport");
MODULE_LICENSE("GPL");
RIOD_COMPAT_IMPORT_NS(RIOD);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that all peers together make this host hold
 */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>

#include "budget.h"
#include "budget_host.h"

static struct riod_budget riod_host;
static unsigned int memory_max_mib;

/* of the first call, so that 0 always means the same */
static unsigned int memory_default_mib(void)
{
	static unsigned int mib;

	/* not of the RAM: pages of hugetlbfs, with guests in them, are part of that */
	if (!mib)
		mib = max(si_mem_available() >> (20 - PAGE_SHIFT) >> 1, 1L);
	return mib;
}

/* may run before riod_budget_host_init(), to parse parameters; users of the budget load later */
static void memory_max_apply(void)
{
	unsigned int mib = memory_default_mib();

	if (!memory_max_mib)
		memory_max_mib = mib;
	riod_budget_set_limit(&riod_host, (u64)memory_max_mib << 20);
}

/* under kernel_param_lock() */
static int memory_max_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_uint(val, kp);

	if (!err)
		memory_max_apply();
	return err;
}

static const struct kernel_param_ops memory_max_ops = {
	.set = memory_max_set,
	.get = param_get_uint,
};

module_param_cb(memory_max_mib, &memory_max_ops, &memory_max_mib, 0644);
MODULE_PARM_DESC(memory_max_mib,
		 "Memory that all sessions of this host may hold together, MiB (0, the default: half of what was available when the module was loaded)");

void riod_budget_host_init(void)
{
	memory_max_apply();
}

struct riod_budget *riod_budget_host(void)
{
	return &riod_host;
}
EXPORT_SYMBOL_IF_KUNIT(riod_budget_host);

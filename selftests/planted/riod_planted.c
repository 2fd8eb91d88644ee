// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deliberate bugs: they prove that the debug kernel and the harness would report such
 * bugs in riod's own modules. Load with bug=uaf, inversion or leak.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *bug = "";
module_param(bug, charp, 0444);
MODULE_PARM_DESC(bug, "uaf, inversion or leak");

static DEFINE_MUTEX(riod_planted_a);
static DEFINE_MUTEX(riod_planted_b);

struct riod_planted {
	u32 value;
	u8 pad[92];
};

static noinline int riod_planted_uaf(void)
{
	struct riod_planted *p = kzalloc(sizeof(*p), GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	kfree(p);
	pr_info("riod_planted: read %u\n", READ_ONCE(p->value));
	return 0;
}

/* Lockdep needs no second thread, because it records each lock order. */
static noinline int riod_planted_inversion(void)
{
	mutex_lock(&riod_planted_a);
	mutex_lock(&riod_planted_b);
	mutex_unlock(&riod_planted_b);
	mutex_unlock(&riod_planted_a);

	mutex_lock(&riod_planted_b);
	mutex_lock(&riod_planted_a);
	mutex_unlock(&riod_planted_a);
	mutex_unlock(&riod_planted_b);
	return 0;
}

static noinline void riod_planted_lose(void)
{
	struct riod_planted *p = kzalloc(sizeof(*p), GFP_KERNEL);

	/* Keeps the compiler from dropping an unused allocation. */
	OPTIMIZER_HIDE_VAR(p);
}

/* Leaks several objects, because a stale pointer on a stack may hide one of them. */
static noinline int riod_planted_leak(void)
{
	int i;

	for (i = 0; i < 16; i++)
		riod_planted_lose();
	return 0;
}

static int __init riod_planted_init(void)
{
	if (!strcmp(bug, "uaf"))
		return riod_planted_uaf();
	if (!strcmp(bug, "inversion"))
		return riod_planted_inversion();
	if (!strcmp(bug, "leak"))
		return riod_planted_leak();
	pr_err("riod_planted: no bug named \"%s\"\n", bug);
	return -EINVAL;
}

static void __exit riod_planted_exit(void)
{
}

module_init(riod_planted_init);
module_exit(riod_planted_exit);
MODULE_DESCRIPTION("riod: bugs on purpose, for testing the tests");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * config_kunit.c - the config space that the guest sees, and the CTL operations it causes
 *
 * Uses the real config.c and request.c.  The peer, DMA and interrupts are fakes; other suites test
 * DMA and interrupts.
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/pci_regs.h>
#include <linux/unaligned.h>
#include <linux/workqueue.h>

#include "frontend.h"

/**
 * struct office - a function, and a record of the CTL operations sent to its stub
 * @att: its attachment
 * @fn: the function
 * @nops: count of CTL operations, indexed by operation
 * @arg: argument of the last one
 * @answer: result of the next ones
 * @lost: the session is over
 * @allow: riod_fe_dma_enable() allows bus mastering
 * @no_memory: frames cannot be allocated
 * @nposted: frames posted
 * @ended: reason with which the session was ended
 */
struct office {
	struct riod_fe_att att;
	struct riod_fe_func fn;
	unsigned int nops[16];
	u32 arg;
	int answer;
	bool lost;
	bool allow;
	bool no_memory;
	unsigned int nposted;
	enum riod_reason ended;
};

static struct office *office;

static int fake_request(struct riod_link *l, struct riod_frame *f, u64 *value)
{
	const struct riod_wire_ctl *c = (const void *)f->body;

	office->nops[le16_to_cpu(c->op)]++;
	office->arg = le32_to_cpu(c->arg);
	riod_frame_free(f);
	return office->lost ? -ENOTCONN : office->answer;
}

static struct riod_frame *fake_frame_alloc(u8 type, u8 func, u32 len, gfp_t gfp)
{
	return office->no_memory ? NULL : riod_frame_alloc(type, func, len, gfp);
}

static void fake_end(struct riod_link *l, enum riod_reason reason)
{
	office->ended = reason;
}

static int fake_post_nowait(struct riod_link *l, struct riod_frame *f)
{
	office->nposted++;
	riod_frame_free(f);
	return 0;
}

static bool fake_is_lost(struct riod_link *l)
{
	return office->lost;
}

static bool fake_dma_enable(struct riod_fe_att *att, unsigned int func, bool access)
{
	return office->allow;
}

static void fake_dma_disable(struct riod_fe_att *att, unsigned int func)
{
}

static void fake_irq(struct riod_fe_func *fn)
{
}

static int fake_irq_resend(struct riod_fe_func *fn)
{
	return 0;
}

static void fake_irq_msi_mask(struct riod_fe_func *fn, u32 mask)
{
}

static u32 fake_irq_msi_pending(struct riod_fe_func *fn)
{
	return 0;
}

static int fake_shadow_hold(struct riod_fe_func *fn)
{
	return 0;
}

#define riod_frame_alloc		fake_frame_alloc
#define riod_link_end			fake_end
#define riod_link_request		fake_request
#define riod_link_post_nowait		fake_post_nowait
#define riod_link_is_lost		fake_is_lost
#define riod_fe_dma_enable		fake_dma_enable
#define riod_fe_dma_disable		fake_dma_disable
#define riod_fe_irq_intx_enabled	fake_irq
#define riod_fe_irq_msi_reset		fake_irq
#define riod_fe_irq_clear		fake_irq
#define riod_fe_irq_quiet		fake_irq
#define riod_fe_irq_resend		fake_irq_resend
#define riod_fe_irq_msi_mask		fake_irq_msi_mask
#define riod_fe_irq_msi_pending		fake_irq_msi_pending
#define riod_fe_shadow_hold		fake_shadow_hold
#define riod_fe_shadow_release		fake_irq

#undef pr_fmt
#include "../request.c"
#include "../config.c"

static int config_init(struct kunit *test)
{
	struct riod_cfg_bar bars[RIOD_BARS] = {};
	struct riod_fe_func *fn;
	u8 raw[256] = {};

	office = kunit_kzalloc(test, sizeof(*office), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, office);
	fn = &office->fn;
	fn->att = &office->att;
	fn->flags = RIOD_FUNC_F_RESET;
	fn->opened = true;
	fn->epoch = 7;
	mutex_init(&fn->cfg_lock);
	mutex_init(&office->att.dma.lock);
	INIT_WORK(&fn->close_work, riod_fe_config_close_work);
	put_unaligned_le32(0x00101b36, raw);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&fn->cfg, raw, sizeof(raw), bars), 0);
	return 0;
}

/* a reset that was not sent to the stub keeps the epoch, so interrupts stay valid */
static void epoch_of_resets(struct kunit *test)
{
	struct riod_fe_func *fn = &office->fn;

	KUNIT_EXPECT_EQ(test, riod_fe_config_reset(fn), 0);
	KUNIT_EXPECT_EQ(test, office->nops[RIOD_CTL_RESET], 1);
	KUNIT_EXPECT_EQ(test, fn->epoch, 8);

	office->answer = -ENOMEM;
	KUNIT_EXPECT_EQ(test, riod_fe_config_reset(fn), -EIO);
	KUNIT_EXPECT_EQ(test, fn->epoch, 8);

	/* a reset that failed at the stub has a new epoch */
	office->answer = -EIO;
	KUNIT_EXPECT_EQ(test, riod_fe_config_reset(fn), -EIO);
	KUNIT_EXPECT_EQ(test, fn->epoch, 9);
}

/* while bus mastering is not on at the device each access retries, until the session ends */
static void no_command_after_a_loss(struct kunit *test)
{
	struct riod_fe_func *fn = &office->fn;
	unsigned int before;

	riod_cfg_write(&fn->cfg, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	office->allow = true;
	office->answer = -EIO;
	KUNIT_EXPECT_EQ(test, riod_fe_config_accessed(fn), 0);
	KUNIT_EXPECT_EQ(test, riod_fe_config_accessed(fn), 0);
	before = office->nops[RIOD_CTL_COMMAND];
	KUNIT_EXPECT_EQ(test, before, 2);
	office->lost = true;
	KUNIT_EXPECT_EQ(test, riod_fe_config_accessed(fn), 0);
	KUNIT_EXPECT_EQ(test, office->nops[RIOD_CTL_COMMAND], before);
	riod_fe_config_revisit(fn);
	KUNIT_EXPECT_EQ(test, office->nops[RIOD_CTL_COMMAND], before);
}

static int revisit(void *data)
{
	riod_fe_config_revisit(data);
	return 0;
}

/* khungtaskd reports tasks uninterruptible for two minutes, and a reply may take as long */
static void waits_are_killable(struct kunit *test)
{
	struct riod_fe_func *fn = &office->fn;
	struct task_struct *task;
	unsigned int state;

	mutex_lock(&fn->cfg_lock);
	task = kthread_run(revisit, fn, "riod_revisit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	do {
		schedule_timeout_uninterruptible(1);
		state = READ_ONCE(task->__state);
	} while (!(state & TASK_UNINTERRUPTIBLE));
	mutex_unlock(&fn->cfg_lock);
	KUNIT_EXPECT_TRUE(test, state & TASK_WAKEKILL);
	kthread_stop(task);
	put_task_struct(task);
}

/* a line that stays masked for want of memory would look like a device that hangs */
static void unmask_without_memory(struct kunit *test)
{
	riod_fe_ctl_post(&office->fn, RIOD_CTL_INTX_UNMASK);
	KUNIT_EXPECT_EQ(test, office->nposted, 1);
	KUNIT_EXPECT_EQ(test, office->ended, RIOD_REASON_NONE);
	office->no_memory = true;
	riod_fe_ctl_post(&office->fn, RIOD_CTL_INTX_UNMASK);
	KUNIT_EXPECT_EQ(test, office->nposted, 1);
	KUNIT_EXPECT_EQ(test, office->ended, RIOD_REASON_NO_MEMORY);
}

static struct kunit_case config_cases[] = {
	KUNIT_CASE(epoch_of_resets),
	KUNIT_CASE(no_command_after_a_loss),
	KUNIT_CASE(waits_are_killable),
	KUNIT_CASE(unmask_without_memory),
	{}
};

static struct kunit_suite config_suite = {
	.name = "riod_fe_config",
	.init = config_init,
	.test_cases = config_cases,
};

kunit_test_suite(config_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * power_kunit.c - the host goes to sleep while functions are being removed
 *
 * Uses the real power.c.  Attachments are fakes, and no time passes: a wait for a
 * removal that is not complete times out at once.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/suspend.h>

#include "frontend.h"

#define NATTS	3

/**
 * struct stage - attachments of this host
 * @atts: the attachments
 * @fn: one function of each
 * @refs: references that are held
 * @ended: sessions were ended, and no new attachment is allowed
 * @waited: longest timeout of a wait
 * @killed: a wait is interrupted by a fatal signal
 */
struct stage {
	struct riod_fe_att atts[NATTS];
	struct riod_fe_func fn[NATTS];
	int refs;
	bool ended;
	unsigned long waited;
	bool killed;
};

static struct stage *stage;

void riod_fe_att_end_all(enum riod_reason reason)
{
	stage->ended = true;
}

void riod_fe_att_resume(void)
{
	stage->ended = false;
}

int riod_fe_att_for_each(u32 from,
			 int (*fn)(struct riod_fe_att *att, void *arg), void *arg)
{
	unsigned int i;
	int ret = 0;

	for (i = from; i < NATTS && !ret; i++)
		ret = fn(&stage->atts[i], arg);
	return ret;
}

void riod_fe_att_get(struct riod_fe_att *att)
{
	stage->refs++;
}

void riod_fe_att_put(struct riod_fe_att *att)
{
	stage->refs--;
}

bool riod_fe_att_is_leaving(struct riod_fe_att *att)
{
	return att->state == RIOD_FE_REMOVING || att->halted;
}

static long fake_wait(struct completion *done, unsigned long left)
{
	/* all waits share one deadline, so the longest timeout is the total */
	stage->waited = max(stage->waited, left);
	if (stage->killed)
		return -ERESTARTSYS;
	return completion_done(done) ? max(left, 1UL) : 0;
}

#define wait_for_completion_killable_timeout	fake_wait

#undef pr_fmt
#include "../power.c"

static int power_init(struct kunit *test)
{
	unsigned int i;

	stage = kunit_kzalloc(test, sizeof(*stage), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, stage);
	for (i = 0; i < NATTS; i++) {
		struct riod_fe_att *att = &stage->atts[i];

		spin_lock_init(&att->state_lock);
		init_completion(&att->removed);
		att->state = RIOD_FE_UP;
		att->nfuncs = 1;
		att->funcs[0] = &stage->fn[i];
	}
	return 0;
}

static int sleep_err(unsigned long action)
{
	return notifier_to_errno(power_sleep_nb.notifier_call(&power_sleep_nb, action, NULL));
}

/* an attachment with an open function stays, and does not delay sleep */
static void open_ones_stay(struct kunit *test)
{
	stage->atts[0].state = RIOD_FE_LOST;
	stage->atts[1].state = RIOD_FE_REMOVING;
	complete_all(&stage->atts[1].removed);
	stage->atts[2].state = RIOD_FE_LOST;
	KUNIT_EXPECT_EQ(test, sleep_err(PM_SUSPEND_PREPARE), 0);
	KUNIT_EXPECT_TRUE(test, stage->ended);
	KUNIT_EXPECT_EQ(test, stage->refs, 0);
}

/* sleep is refused, because the PM core would wait for the device lock for ever */
static void removal_is_stuck(struct kunit *test)
{
	static const unsigned long actions[] = {
		PM_SUSPEND_PREPARE, PM_HIBERNATION_PREPARE, PM_RESTORE_PREPARE,
	};
	unsigned int i;

	stage->atts[0].state = RIOD_FE_REMOVING;
	stage->atts[1].state = RIOD_FE_REMOVING;
	complete_all(&stage->atts[1].removed);
	stage->atts[2].state = RIOD_FE_REMOVING;
	complete_all(&stage->atts[2].removed);
	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		KUNIT_EXPECT_EQ(test, sleep_err(actions[i]), -EBUSY);
		KUNIT_EXPECT_FALSE(test, stage->ended);
	}
	KUNIT_EXPECT_LE(test, stage->waited, POWER_REMOVE_WAIT);
	KUNIT_EXPECT_EQ(test, stage->refs, 0);

	complete_all(&stage->atts[0].removed);
	KUNIT_EXPECT_EQ(test, sleep_err(PM_SUSPEND_PREPARE), 0);

	stage->killed = true;
	KUNIT_EXPECT_EQ(test, sleep_err(PM_SUSPEND_PREPARE), -EINTR);
	KUNIT_EXPECT_EQ(test, stage->refs, 0);
}

/* sleep waits for an attempt to attach that was ended but is still ATTACHING */
static void attempt_is_slow(struct kunit *test)
{
	stage->atts[0].state = RIOD_FE_ATTACHING;
	stage->atts[0].halted = true;
	KUNIT_EXPECT_EQ(test, sleep_err(PM_SUSPEND_PREPARE), -EBUSY);
	complete_all(&stage->atts[0].removed);
	KUNIT_EXPECT_EQ(test, sleep_err(PM_SUSPEND_PREPARE), 0);
	KUNIT_EXPECT_TRUE(test, stage->ended);
	KUNIT_EXPECT_EQ(test, stage->refs, 0);
}

/* after resume no session is ended and nothing is waited for */
static void awake(struct kunit *test)
{
	stage->atts[0].state = RIOD_FE_REMOVING;
	KUNIT_EXPECT_EQ(test, sleep_err(PM_POST_SUSPEND), 0);
	KUNIT_EXPECT_FALSE(test, stage->ended);
}

static struct kunit_case power_cases[] = {
	KUNIT_CASE(open_ones_stay),
	KUNIT_CASE(removal_is_stuck),
	KUNIT_CASE(attempt_is_slow),
	KUNIT_CASE(awake),
	{}
};

static struct kunit_suite power_suite = {
	.name = "riod_fe_power",
	.init = power_init,
	.test_cases = power_cases,
};

kunit_test_suite(power_suite);

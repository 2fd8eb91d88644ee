// SPDX-License-Identifier: GPL-2.0-only
/*
 * attachment_kunit.c - how attachments and attempts end, and what user space sees of it
 *
 * Uses the real attachment.c and netlink.c.  There are no functions on a bus and no peer:
 * the test ends sessions by calling the link's callback.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

/* power_kunit.c and main_kunit.c have fakes with these names */
#define riod_fe_wq		test_wq
#define riod_fe_att_get		test_att_get
#define riod_fe_att_put		test_att_put
#define riod_fe_att_is_leaving	test_att_is_leaving
#define riod_fe_att_for_each	test_att_for_each
#define riod_fe_att_end_all	test_att_end_all
#define riod_fe_att_resume	test_att_resume

#include "frontend.h"

/**
 * struct scene - an attachment, and a record of what was done to it
 * @att: the attachment; a reference
 * @fn: its function
 * @task: the thread that attaches it
 * @signals: SIGKILLs that it got
 * @over: the link is over
 * @ended: with this reason
 * @ends: times that the session was ended by this host
 * @events: netlink events
 * @requests: times that the user was asked to release the function
 * @losses: times that the user was notified of the loss
 * @own: the last time: this host wanted it
 */
struct scene {
	struct riod_fe_att *att;
	struct riod_fe_func fn;
	struct task_struct *task;
	unsigned int signals;
	bool over;
	enum riod_reason ended;
	unsigned int ends;
	unsigned int events;
	unsigned int requests;
	unsigned int losses;
	bool own;
};

/* a global, as the fakes get no pointer to it; tests run one at a time */
static struct scene *scene;

static int fake_send_sig(int sig, struct task_struct *task, int priv)
{
	scene->signals += sig == SIGKILL && task == scene->task;
	return 0;
}

static void fake_link_end(struct riod_link *l, enum riod_reason reason)
{
	scene->ended = reason;
	scene->ends++;
}

static bool fake_link_is_lost(struct riod_link *l)
{
	return scene->over;
}

static void fake_link(struct riod_link *l)
{
}

static struct riod_session *fake_session(struct riod_link *l)
{
	return NULL;
}

static bool fake_is_broken(struct riod_session *s)
{
	return false;
}

static void fake_event(struct net *net, u8 cmd, int (*fill)(struct sk_buff *skb, void *priv),
		       void *priv)
{
	scene->events++;
}

static void fake_irq_request(struct riod_fe_func *fn)
{
	scene->requests++;
}

static void fake_irq_lost(struct riod_fe_func *fn, enum riod_reason reason, bool own)
{
	scene->losses++;
	scene->own = own;
}

static void fake_att(struct riod_fe_att *att)
{
}

static void fake_func(struct riod_fe_func *fn)
{
}

static int fake_describe(struct riod_fe_att *att, const struct riod_frame *f)
{
	return -EPROTO;
}

static int fake_attach(struct net *net, const struct riod_attach_request *req,
		       int (*reply)(u32 id, void *priv), void *priv,
		       struct netlink_ext_ack *extack)
{
	return -EOPNOTSUPP;
}

static void fake_name(const struct riod_fe_func *fn, char *buf)
{
	*buf = '\0';
}

static unsigned long fake_wait(struct completion *done, unsigned long left)
{
	return 0;
}

#define send_sig		fake_send_sig
#define riod_link_end		fake_link_end
#define riod_link_is_lost	fake_link_is_lost
#define riod_link_stop		fake_link
#define riod_link_free		fake_link
#define riod_link_session	fake_session
#define riod_session_is_broken	fake_is_broken
#define riod_nl_event		fake_event
#define riod_fe_irq_request	fake_irq_request
#define riod_fe_irq_lost	fake_irq_lost
#define riod_fe_bridge_remove	fake_att
#define riod_fe_bridge_release	fake_att
#define riod_fe_bridge_hide	fake_att
#define riod_fe_bridge_name	fake_name
#define riod_fe_describe	fake_describe
#define riod_fe_describe_exit	fake_att
#define riod_fe_describe_free	fake_att
#define riod_fe_order_settle	fake_func
#define riod_fe_shadow_lost	fake_func
#define riod_fe_config_revisit	fake_func
#define riod_fe_attach		fake_attach
#define riod_fe_dma_lost	fake_att
#define riod_fe_dma_destroy	fake_att
#define wait_for_completion_killable_timeout	fake_wait

#undef pr_fmt
#include "../attachment.c"
#include "../netlink.c"

static int attachment_init(struct kunit *test)
{
	static const struct riod_attach_request req = { .export = "nvme0" };

	scene = kunit_kzalloc(test, sizeof(*scene), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, scene);
	scene->task = current;
	KUNIT_ASSERT_EQ(test, riod_fe_att_init(), 0);
	scene->att = riod_fe_att_new(&init_net, &req, scene->task, NULL);
	if (IS_ERR(scene->att)) {
		riod_fe_att_exit();
		scene = NULL;
		KUNIT_ASSERT_TRUE_MSG(test, false, "no attachment");
	}
	riod_fe_att_get(scene->att);
	return 0;
}

static void attachment_exit(struct kunit *test)
{
	struct riod_fe_att *att = scene ? scene->att : NULL;

	if (!att)
		return;
	if (!completion_done(&att->removed))
		riod_fe_att_teardown(att);
	riod_fe_att_put(att);
	riod_fe_att_exit();
	riod_fe_att_resume();
}

/* the attempt succeeds, and a process opens the function @nopen times */
static void bring_up(struct kunit *test, unsigned int nopen)
{
	struct riod_fe_att *att = scene->att;

	att->link = (struct riod_link *)scene;
	att->nfuncs = 1;
	att->funcs[0] = &scene->fn;
	scene->fn.att = att;
	INIT_WORK(&scene->fn.close_work, att_event_work);
	KUNIT_ASSERT_EQ(test, riod_fe_att_publish(att, NULL), 0);
	while (nopen--)
		KUNIT_ASSERT_EQ(test, riod_fe_att_open(att), 0);
}

static void lose(enum riod_reason reason)
{
	scene->over = true;
	riod_fe_att_link_ops.lost(scene->att, reason);
}

/* what riodctl sees */
static enum riod_state state(struct att_view *v)
{
	att_view(scene->att, v);
	return view_state(v);
}

static int detach(bool force, bool *open)
{
	*open = false;
	return riod_fe_att_detach(&init_net, scene->att->id, force, 0, open, NULL);
}

/* the work item tears it down, and must not do so before its result was looked at */
static void close_it(struct kunit *test)
{
	struct att_view v;

	riod_fe_att_close(scene->att);
	wait_for_completion(&scene->att->removed);
	state(&v);
	KUNIT_EXPECT_EQ(test, (int)v.state, (int)RIOD_FE_REMOVING);
}

static void detach_of_a_lost_one(struct kunit *test)
{
	struct att_view v;
	bool open;

	bring_up(test, 1);
	lose(RIOD_REASON_CLOSED);
	KUNIT_EXPECT_EQ(test, scene->losses, 1);
	KUNIT_EXPECT_FALSE(test, scene->own);
	KUNIT_EXPECT_EQ(test, (int)state(&v), (int)RIOD_STATE_LOST);
	KUNIT_EXPECT_EQ(test, detach(false, &open), -EBUSY);
	KUNIT_EXPECT_EQ(test, (int)state(&v), (int)RIOD_STATE_LOST);
	KUNIT_EXPECT_EQ(test, scene->events, 1);

	KUNIT_EXPECT_EQ(test, detach(true, &open), 0);
	KUNIT_EXPECT_TRUE(test, open);
	flush_work(&scene->att->event_work);
	KUNIT_EXPECT_EQ(test, scene->events, 2);
	KUNIT_EXPECT_EQ(test, (int)state(&v), (int)RIOD_STATE_DETACHED);
	KUNIT_EXPECT_EQ(test, (int)v.reason, (int)RIOD_REASON_CLOSED);
	KUNIT_EXPECT_EQ(test, scene->ends, 0);
	/* it stays while the function is open, and does not delay sleep */
	KUNIT_EXPECT_FALSE(test, riod_fe_att_is_leaving(scene->att));
	KUNIT_EXPECT_EQ(test, detach(false, &open), -EBUSY);
	KUNIT_EXPECT_EQ(test, detach(true, &open), 0);
	KUNIT_EXPECT_TRUE(test, open);
	close_it(test);
}

static void detach_by_force(struct kunit *test)
{
	struct att_view v;
	bool open;

	bring_up(test, 1);
	KUNIT_EXPECT_EQ(test, detach(false, &open), -EBUSY);
	KUNIT_EXPECT_EQ(test, detach(true, &open), 0);
	KUNIT_EXPECT_TRUE(test, open);
	KUNIT_EXPECT_EQ(test, scene->ends, 1);
	KUNIT_EXPECT_EQ(test, (int)scene->ended, (int)RIOD_REASON_DETACH);
	lose(RIOD_REASON_DETACH);
	KUNIT_EXPECT_TRUE(test, scene->own);
	KUNIT_EXPECT_EQ(test, (int)state(&v), (int)RIOD_STATE_DETACHED);
	KUNIT_EXPECT_EQ(test, scene->events, 1);
	close_it(test);
}

static void detach_of_an_idle_one(struct kunit *test)
{
	struct att_view v;
	bool open;

	bring_up(test, 0);
	KUNIT_EXPECT_EQ(test, detach(false, &open), 0);
	KUNIT_EXPECT_FALSE(test, open);
	KUNIT_EXPECT_EQ(test, (int)state(&v), (int)RIOD_STATE_DETACHED);
	wait_for_completion(&scene->att->removed);
}

/* while a function of a lost attachment is open, its user is asked again and again */
static void request_is_repeated(struct kunit *test)
{
	struct riod_fe_att *att;

	bring_up(test, 2);
	att = scene->att;
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&att->request_work));
	lose(RIOD_REASON_TIMEOUT);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&att->request_work));
	KUNIT_EXPECT_EQ(test, scene->requests, 0);
	flush_delayed_work(&att->request_work);
	KUNIT_EXPECT_EQ(test, scene->requests, 1);
	flush_delayed_work(&att->request_work);
	KUNIT_EXPECT_EQ(test, scene->requests, 2);
	riod_fe_att_close(att);
	flush_delayed_work(&att->request_work);
	KUNIT_EXPECT_EQ(test, scene->requests, 3);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&att->request_work));
	close_it(test);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&att->request_work));
	KUNIT_EXPECT_EQ(test, scene->requests, 3);
}

/* nobody has it open: it leaves, and nobody is asked */
static void no_request(struct kunit *test)
{
	bring_up(test, 0);
	lose(RIOD_REASON_TIMEOUT);
	wait_for_completion(&scene->att->removed);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&scene->att->request_work));
	KUNIT_EXPECT_EQ(test, scene->requests, 0);
}

/* the thread's wait was interrupted */
static void fail_attempt(void)
{
	riod_fe_att_fail(scene->att, -EINTR, "interrupted");
}

/* attach --persist repeats what a suspend ended, and nothing that a user ended */
static void attempt_and_suspend(struct kunit *test)
{
	struct att_view v;
	bool open;

	KUNIT_EXPECT_EQ(test, riod_fe_att_check(scene->att, NULL), 0);
	riod_fe_att_end_all(RIOD_REASON_SHUTDOWN);
	KUNIT_EXPECT_EQ(test, scene->signals, 1);
	KUNIT_EXPECT_TRUE(test, riod_fe_att_is_leaving(scene->att));
	KUNIT_ASSERT_EQ(test, riod_fe_att_check(scene->att, NULL), -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, riod_fe_att_publish(scene->att, NULL), -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, (int)state(&v), (int)RIOD_STATE_ATTACHING);
	KUNIT_EXPECT_EQ(test, detach(false, &open), -EALREADY);
	/* it was signalled once */
	riod_fe_att_end_all(RIOD_REASON_SHUTDOWN);
	KUNIT_EXPECT_EQ(test, scene->signals, 1);
	fail_attempt();
	KUNIT_EXPECT_EQ(test, (int)state(&v), (int)RIOD_STATE_FAILED);
	KUNIT_EXPECT_EQ(test, v.error, ESHUTDOWN);
	KUNIT_EXPECT_STREQ(test, v.text, "this host shuts down or suspends");
	KUNIT_EXPECT_EQ(test, scene->events, 0);
	riod_fe_att_teardown(scene->att);
	/* failed, and gone */
	KUNIT_EXPECT_EQ(test, scene->events, 2);
}

static void attempt_and_detach(struct kunit *test)
{
	struct att_view v;
	bool open;

	KUNIT_EXPECT_EQ(test, detach(false, &open), 0);
	KUNIT_EXPECT_FALSE(test, open);
	KUNIT_EXPECT_EQ(test, scene->signals, 1);
	KUNIT_EXPECT_EQ(test, riod_fe_att_check(scene->att, NULL), -EINTR);
	riod_fe_att_end_all(RIOD_REASON_SHUTDOWN);
	KUNIT_EXPECT_EQ(test, scene->signals, 1);
	fail_attempt();
	KUNIT_EXPECT_EQ(test, (int)state(&v), (int)RIOD_STATE_DETACHED);
}

static void suspend_while_open(struct kunit *test)
{
	struct att_view v;

	bring_up(test, 1);
	riod_fe_att_end_all(RIOD_REASON_SHUTDOWN);
	KUNIT_EXPECT_EQ(test, (int)scene->ended, (int)RIOD_REASON_SHUTDOWN);
	lose(RIOD_REASON_SHUTDOWN);
	KUNIT_EXPECT_TRUE(test, scene->own);
	KUNIT_EXPECT_FALSE(test, riod_fe_att_is_leaving(scene->att));
	KUNIT_EXPECT_EQ(test, (int)state(&v), (int)RIOD_STATE_LOST);
	close_it(test);
}

static struct kunit_case attachment_cases[] = {
	KUNIT_CASE(detach_of_a_lost_one),
	KUNIT_CASE(detach_by_force),
	KUNIT_CASE(detach_of_an_idle_one),
	KUNIT_CASE(request_is_repeated),
	KUNIT_CASE(no_request),
	KUNIT_CASE(attempt_and_suspend),
	KUNIT_CASE(attempt_and_detach),
	KUNIT_CASE(suspend_while_open),
	{}
};

static struct kunit_suite attachment_suite = {
	.name = "riod_fe_attachment",
	.init = attachment_init,
	.exit = attachment_exit,
	.test_cases = attachment_cases,
};

kunit_test_suite(attachment_suite);

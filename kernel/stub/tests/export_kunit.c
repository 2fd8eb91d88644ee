// SPDX-License-Identifier: GPL-2.0-only
/*
 * export_kunit.c - removal of an export, and the order of its events
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>

/* main_kunit.c has them for the other suites */
#define riod_stub_lock		export_test_lock
#define riod_stub_exports	export_test_list

#include "../stub.h"

#define RACE_MS	200

/**
 * struct scene - two threads that send events of one export
 * @exp: the export
 * @sdev: its function, as the driver has it
 * @fn: its function
 * @racer: changes the export while the first event is being sent
 * @done: @racer has returned
 * @states: riod_stub_news.state of the events, in order
 * @nevents: number of @states
 */
struct scene {
	struct riod_stub_export exp;
	struct riod_stub_dev sdev;
	struct riod_stub_func fn;
	int (*racer)(void *arg);
	struct completion done;
	int states[4];
	unsigned int nevents;
};

/* global, because the fakes get no pointer to it; tests run one at a time */
static struct scene *scene;

static void fake_news_take(struct riod_stub_news *news, const struct riod_stub_export *exp)
{
	news->state = exp->state;
}

/* the first event takes long: enough for the racer to send its own, unless it must wait */
static void fake_news_send(const struct riod_stub_export *exp, struct riod_stub_news *news)
{
	int (*racer)(void *arg) = scene->racer;

	scene->racer = NULL;
	if (racer) {
		kthread_run(racer, NULL, "racer");
		wait_for_completion_timeout(&scene->done, msecs_to_jiffies(RACE_MS));
	}
	if (scene->nevents < ARRAY_SIZE(scene->states))
		scene->states[scene->nevents++] = news->state;
}

static void fake_domain_close(struct riod_stub_export *exp)
{
}

static int fake_domain_open(struct riod_stub_export *exp, struct netlink_ext_ack *extack)
{
	return 0;
}

static struct riod_stub_listener *
fake_listener_get(struct net *net, const struct riod_transport_ops *ops, u16 port,
		  struct netlink_ext_ack *extack)
{
	return NULL;
}

static void fake_listener_put(struct riod_stub_listener *lst)
{
}

static struct riod_stub_func *fake_func_create(struct riod_stub_export *exp,
					       struct riod_stub_dev *sdev, u8 index,
					       struct netlink_ext_ack *extack)
{
	return ERR_PTR(-ENODEV);
}

static void fake_func(struct riod_stub_func *fn)
{
}

static struct riod_stub_dev *fake_dev_find(struct pci_dev *pdev)
{
	return NULL;
}

static void fake_link_end(struct riod_link *l, enum riod_reason reason)
{
}

static const struct riod_transport_ops *fake_find_transport(const char *name,
							    struct netlink_ext_ack *extack)
{
	return ERR_PTR(-ENOENT);
}

static void fake_transport_put(const struct riod_transport_ops *ops)
{
}

#define riod_stub_news_take	fake_news_take
#define riod_stub_news_send	fake_news_send
#define riod_stub_domain_open	fake_domain_open
#define riod_stub_domain_close	fake_domain_close
#define riod_stub_listener_get	fake_listener_get
#define riod_stub_listener_put	fake_listener_put
#define riod_stub_func_create	fake_func_create
#define riod_stub_func_destroy	fake_func
#define riod_stub_fence_func	fake_func
#define riod_stub_dev_find	fake_dev_find
#define riod_link_end		fake_link_end
#define riod_nl_find_transport	fake_find_transport
#define riod_transport_put	fake_transport_put

/* tests call riod_stub_exports_init() */
#undef __init
#define __init

#include "../export.c"

static int scene_init(struct kunit *test)
{
	struct riod_stub_export *exp;

	scene = kunit_kzalloc(test, sizeof(*scene), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, scene);
	exp = &scene->exp;
	kref_init(&exp->ref);
	/* the tests' own reference */
	kref_get(&exp->ref);
	INIT_LIST_HEAD(&exp->list);
	mutex_init(&exp->event_lock);
	init_waitqueue_head(&exp->wait);
	INIT_WORK(&exp->end_work, export_end_work);
	init_completion(&exp->gone);
	init_completion(&scene->done);
	exp->net = &init_net;
	strscpy(exp->name, "disk");
	exp->nfuncs = 1;
	exp->funcs[0] = &scene->fn;
	scene->fn.exp = exp;
	scene->fn.sdev = &scene->sdev;
	return riod_stub_exports_init();
}

static void scene_exit(struct kunit *test)
{
	if (scene)
		riod_stub_exports_exit();
}

/* an export that is published, in some state */
static struct riod_stub_export *published(enum riod_stub_state state)
{
	scene->sdev.fn = &scene->fn;
	scene->exp.state = state;
	list_add(&scene->exp.list, &riod_stub_exports);
	return &scene->exp;
}

static int del(bool force)
{
	struct netlink_ext_ack extack = {};

	return riod_stub_export_del(&init_net, "disk", force, &extack);
}

static bool is_gone(struct riod_stub_export *exp)
{
	return wait_for_completion_timeout(&exp->gone, 5 * HZ);
}

static int remover(void *arg)
{
	del(true);
	wait_for_completion(&scene->exp.gone);
	complete_all(&scene->done);
	return 0;
}

/* what remove() of the driver does */
static int leaver(void *arg)
{
	riod_stub_export_leave(&scene->sdev);
	complete_all(&scene->done);
	return 0;
}

static int attacher(void *arg)
{
	mutex_lock(&riod_stub_lock);
	export_set_state(&scene->exp, RIOD_STUB_ATTACHING);
	mutex_unlock(&riod_stub_lock);
	riod_stub_export_move(&scene->exp, RIOD_STUB_ATTACHED, NULL);
	complete_all(&scene->done);
	return 0;
}

/* ------------------------------------------------------------ tests */

/* the teardown has set IDLE, and its event is not sent yet when the export is removed */
static void removal_is_last(struct kunit *test)
{
	published(RIOD_STUB_FENCING);
	scene->racer = remover;
	riod_stub_export_move(&scene->exp, RIOD_STUB_IDLE, NULL);
	wait_for_completion(&scene->done);
	KUNIT_EXPECT_EQ(test, scene->nevents, 2);
	KUNIT_EXPECT_EQ(test, scene->states[0], (int)RIOD_STUB_IDLE);
	KUNIT_EXPECT_EQ(test, scene->states[1], -1);
	KUNIT_EXPECT_TRUE(test, list_empty(&riod_stub_exports));
}

/* a peer attaches a new export whose first event is not sent yet */
static void creation_is_first(struct kunit *test)
{
	scene->racer = attacher;
	mutex_lock(&riod_stub_admin);
	export_publish(&scene->exp);
	mutex_unlock(&riod_stub_admin);
	wait_for_completion(&scene->done);
	KUNIT_EXPECT_EQ(test, scene->nevents, 2);
	KUNIT_EXPECT_EQ(test, scene->states[0], (int)RIOD_STUB_IDLE);
	KUNIT_EXPECT_EQ(test, scene->states[1], (int)RIOD_STUB_ATTACHED);
	list_del(&scene->exp.list);
}

/* a command does not wait for the session's end, nor for the reset */
static void removal_waits_for_nothing(struct kunit *test)
{
	struct riod_stub_export *exp = published(RIOD_STUB_ATTACHED);
	struct netlink_ext_ack extack = {};
	struct riod_export_request *req;
	struct riod_stub_export *other;

	req = kunit_kzalloc(test, sizeof(*req), GFP_KERNEL);
	other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, req);
	KUNIT_ASSERT_NOT_NULL(test, other);
	other->net = exp->net;
	strscpy(req->name, exp->name);
	KUNIT_EXPECT_EQ(test, del(false), -EBUSY);
	KUNIT_EXPECT_EQ(test, (int)exp->going, (int)RIOD_REASON_NONE);
	KUNIT_EXPECT_EQ(test, del(true), 0);
	KUNIT_EXPECT_EQ(test, (int)exp->going, (int)RIOD_REASON_UNBIND);
	/* a second one has nothing to refuse */
	KUNIT_EXPECT_EQ(test, del(false), 0);

	/* until it is gone, its name and its functions are taken */
	riod_stub_export_move(exp, RIOD_STUB_FENCING, NULL);
	mutex_lock(&riod_stub_admin);
	KUNIT_EXPECT_EQ(test, export_set_name(other, req, &extack), -EEXIST);
	mutex_unlock(&riod_stub_admin);
	KUNIT_EXPECT_PTR_EQ(test, scene->sdev.fn, &scene->fn);
	KUNIT_EXPECT_FALSE(test, completion_done(&exp->gone));

	riod_stub_export_move(exp, RIOD_STUB_IDLE, NULL);
	KUNIT_EXPECT_TRUE(test, is_gone(exp));
	KUNIT_EXPECT_EQ(test, del(true), -ENOENT);
	KUNIT_EXPECT_NULL(test, scene->sdev.fn);
	KUNIT_EXPECT_EQ(test, scene->nevents, 3);
	KUNIT_EXPECT_EQ(test, scene->states[2], -1);
}

static void removal_while_idle(struct kunit *test)
{
	struct riod_stub_export *exp = published(RIOD_STUB_IDLE);

	KUNIT_EXPECT_EQ(test, del(false), 0);
	KUNIT_EXPECT_TRUE(test, is_gone(exp));
	KUNIT_EXPECT_EQ(test, scene->nevents, 1);
	KUNIT_EXPECT_EQ(test, scene->states[0], -1);
}

/* the driver is unbound while the reset of a removal is going on: it waits, commands do not */
static void driver_leaves_meanwhile(struct kunit *test)
{
	struct riod_stub_export *exp = published(RIOD_STUB_FENCING);

	KUNIT_EXPECT_EQ(test, del(false), 0);
	kthread_run(leaver, NULL, "leaver");
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&scene->done,
							  msecs_to_jiffies(RACE_MS)), 0);
	KUNIT_EXPECT_TRUE(test, mutex_trylock(&riod_stub_admin));
	mutex_unlock(&riod_stub_admin);
	KUNIT_EXPECT_EQ(test, (int)exp->going, (int)RIOD_REASON_UNBIND);
	riod_stub_export_move(exp, RIOD_STUB_IDLE, NULL);
	wait_for_completion(&scene->done);
	KUNIT_EXPECT_NULL(test, scene->sdev.fn);
	KUNIT_EXPECT_EQ(test, scene->nevents, 2);
}

static struct kunit_case export_cases[] = {
	KUNIT_CASE(removal_is_last),
	KUNIT_CASE(creation_is_first),
	KUNIT_CASE(removal_waits_for_nothing),
	KUNIT_CASE(removal_while_idle),
	KUNIT_CASE(driver_leaves_meanwhile),
	{}
};

static struct kunit_suite export_suite = {
	.name = "riod_stub_export",
	.init = scene_init,
	.exit = scene_exit,
	.test_cases = export_cases,
};

kunit_test_suite(export_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * export_kunit.c - order of the events of an export
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
 * @racer: changes the export while the first event is being sent
 * @done: @racer has returned
 * @states: riod_stub_news.state of the events, in order
 * @nevents: number of @states
 */
struct scene {
	struct riod_stub_export exp;
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

static const struct riod_transport_ops *fake_get_transport(const char *name,
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
#define riod_nl_get_transport	fake_get_transport
#define riod_transport_put	fake_transport_put

#include "../export.c"

static int scene_init(struct kunit *test)
{
	scene = kunit_kzalloc(test, sizeof(*scene), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, scene);
	kref_init(&scene->exp.ref);
	/* the tests' own reference */
	kref_get(&scene->exp.ref);
	INIT_LIST_HEAD(&scene->exp.list);
	mutex_init(&scene->exp.event_lock);
	init_waitqueue_head(&scene->exp.wait);
	init_completion(&scene->done);
	return 0;
}

static int remover(void *arg)
{
	mutex_lock(&riod_stub_admin);
	riod_stub_export_remove(&scene->exp, RIOD_REASON_UNBIND);
	mutex_unlock(&riod_stub_admin);
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
	scene->exp.state = RIOD_STUB_FENCING;
	list_add(&scene->exp.list, &riod_stub_exports);
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

static struct kunit_case export_cases[] = {
	KUNIT_CASE(removal_is_last),
	KUNIT_CASE(creation_is_first),
	{}
};

static struct kunit_suite export_suite = {
	.name = "riod_stub_export",
	.init = scene_init,
	.test_cases = export_cases,
};

kunit_test_suite(export_suite);

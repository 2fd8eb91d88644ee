// SPDX-License-Identifier: GPL-2.0-only
/*
 * export_kunit.c - creation and removal of an export, its listeners, and the order of its
 * events
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>

/* main_kunit.c has them for the other suites */
#define riod_stub_lock		export_test_lock
#define riod_stub_exports	export_test_list

#include "../stub.h"

#define RACE_MS	200

static const struct riod_transport_ops transports[] = {
	{ .name = "tcp" }, { .name = "rdma" }, { .name = "loop" },
};

/**
 * struct scene - two threads that send events of one export
 * @exp: the export
 * @pdev: its function
 * @sdev: its function, as the driver has it
 * @fn: its function
 * @racer: changes the export while the first event is being sent
 * @done: @racer has returned
 * @states: riod_stub_news.state of the events, in order
 * @nevents: number of @states
 * @held: references on each of transports[]
 * @open: listeners of each of transports[]
 * @nopened: listeners opened in all
 * @refused: transport whose listener cannot be opened
 * @early: a listener was opened when the export could already be found
 */
struct scene {
	struct riod_stub_export exp;
	struct pci_dev pdev;
	struct riod_stub_dev sdev;
	struct riod_stub_func fn;
	int (*racer)(void *arg);
	struct completion done;
	int states[4];
	unsigned int nevents;
	int held[ARRAY_SIZE(transports)];
	int open[ARRAY_SIZE(transports)];
	unsigned int nopened;
	const struct riod_transport_ops *refused;
	bool early;
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
	scene->early |= scene->nevents || !list_empty(&riod_stub_exports);
	if (ops == scene->refused)
		return ERR_PTR(-EADDRINUSE);
	scene->nopened++;
	scene->open[ops - transports]++;
	return (struct riod_stub_listener *)ops;
}

static void fake_listener_put(struct riod_stub_listener *lst)
{
	scene->open[(const struct riod_transport_ops *)lst - transports]--;
}

static struct riod_stub_func *fake_func_create(struct riod_stub_export *exp,
					       struct riod_stub_dev *sdev, u8 index,
					       struct netlink_ext_ack *extack)
{
	scene->fn.exp = exp;
	return &scene->fn;
}

static void fake_func(struct riod_stub_func *fn)
{
}

static struct riod_stub_dev *fake_dev_find(struct pci_dev *pdev)
{
	return &scene->sdev;
}

static struct pci_dev *fake_pci_find(int domain, unsigned int bus, unsigned int devfn)
{
	return &scene->pdev;
}

static void fake_pci_put(struct pci_dev *pdev)
{
}

static void fake_link_end(struct riod_link *l, enum riod_reason reason)
{
}

static const struct riod_transport_ops *fake_find_transport(const char *name,
							    struct netlink_ext_ack *extack)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(transports); i++) {
		if (strcmp(transports[i].name, name))
			continue;
		scene->held[i]++;
		return &transports[i];
	}
	return ERR_PTR(-EPROTONOSUPPORT);
}

static void fake_transport_put(const struct riod_transport_ops *ops)
{
	scene->held[ops - transports]--;
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
#define pci_get_domain_bus_and_slot	fake_pci_find
#define pci_dev_put		fake_pci_put

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
	scene->fn.pdev = &scene->pdev;
	scene->pdev.dev.init_name = "0000:03:00.0";
	scene->pdev.reset_methods[0] = 1;
	return riod_stub_exports_init();
}

static void scene_exit(struct kunit *test)
{
	if (!scene)
		return;
	riod_stub_exports_exit();
	/* a failed test leaves its export */
	INIT_LIST_HEAD(&riod_stub_exports);
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

/* export the function on some transports */
static int export_on(struct kunit *test, const char * const *names, unsigned int n)
{
	struct riod_export_request *req = kunit_kzalloc(test, sizeof(*req), GFP_KERNEL);
	struct netlink_ext_ack extack = {};
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, req);
	strscpy(req->name, "disk");
	req->ndevices = 1;
	for (; req->ntransports < n; req->ntransports++)
		strscpy(req->transports[req->ntransports], names[req->ntransports]);
	ret = riod_stub_export_new(&init_net, req, &extack);
	KUNIT_EXPECT_FALSE(test, scene->early);
	return ret;
}

static void expect_open(struct kunit *test, int tcp, int rdma, int loop)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, scene->open[0], tcp);
	KUNIT_EXPECT_EQ(test, scene->open[1], rdma);
	KUNIT_EXPECT_EQ(test, scene->open[2], loop);
	/* only listeners keep a reference, which the fakes do not count */
	for (i = 0; i < ARRAY_SIZE(transports); i++)
		KUNIT_EXPECT_EQ(test, scene->held[i], 0);
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

/* one port of each transport, opened before and closed after */
static void listens_on_each(struct kunit *test)
{
	static const char * const names[] = { "rdma", "tcp" };
	struct riod_stub_export *exp;

	KUNIT_ASSERT_EQ(test, export_on(test, names, 2), 0);
	expect_open(test, 1, 1, 0);
	KUNIT_ASSERT_EQ(test, scene->nevents, 1);
	KUNIT_EXPECT_EQ(test, scene->states[0], (int)RIOD_STUB_IDLE);
	exp = list_first_entry_or_null(&riod_stub_exports, struct riod_stub_export, list);
	KUNIT_ASSERT_NOT_NULL(test, exp);
	KUNIT_EXPECT_EQ(test, exp->ntransports, 2);
	KUNIT_EXPECT_PTR_EQ(test, exp->transports[0], &transports[1]);
	KUNIT_EXPECT_PTR_EQ(test, exp->transports[1], &transports[0]);

	kref_get(&exp->ref);
	KUNIT_EXPECT_EQ(test, del(false), 0);
	KUNIT_EXPECT_TRUE(test, is_gone(exp));
	riod_stub_export_put(exp);
	expect_open(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, scene->nevents, 2);
}

/* whichever it is: no other stays open, and nothing is exported */
static void one_cannot_listen(struct kunit *test)
{
	static const char * const names[] = { "tcp", "rdma", "loop" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(transports); i++) {
		scene->refused = &transports[i];
		scene->nopened = 0;
		KUNIT_EXPECT_EQ(test, export_on(test, names, 3), -EADDRINUSE);
		KUNIT_EXPECT_EQ(test, scene->nopened, i);
		expect_open(test, 0, 0, 0);
	}
	KUNIT_EXPECT_TRUE(test, list_empty(&riod_stub_exports));
	KUNIT_EXPECT_NULL(test, scene->sdev.fn);
	KUNIT_EXPECT_EQ(test, scene->nevents, 0);
}

static void one_is_unknown(struct kunit *test)
{
	static const char * const names[] = { "tcp", "rdma", "pigeon" };

	KUNIT_EXPECT_EQ(test, export_on(test, names, 3), -EPROTONOSUPPORT);
	KUNIT_EXPECT_EQ(test, scene->nopened, 0);
	expect_open(test, 0, 0, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&riod_stub_exports));
}

/* for one peer at a time, by whichever transport */
static void one_peer_of_all(struct kunit *test)
{
	struct riod_stub_export *exp = published(RIOD_STUB_IDLE);
	struct riod_stub_att *att = kunit_kcalloc(test, 2, sizeof(*att), GFP_KERNEL);
	enum riod_reason reason;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, att);
	exp->ntransports = 2;
	for (i = 0; i < 2; i++) {
		exp->transports[i] = &transports[i];
		att[i].net = &init_net;
		att[i].transport = &transports[i];
		att[i].peer.ss_family = AF_INET;
		((struct sockaddr_in *)&att[i].peer)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	KUNIT_ASSERT_PTR_EQ(test, riod_stub_export_claim(&att[0], "", &reason), exp);
	KUNIT_EXPECT_PTR_EQ(test, exp->peer_transport, &transports[0]);
	KUNIT_EXPECT_NULL(test, riod_stub_export_claim(&att[1], "", &reason));
	KUNIT_EXPECT_EQ(test, (int)reason, (int)RIOD_REASON_BUSY);
	KUNIT_EXPECT_PTR_EQ(test, exp->peer_transport, &transports[0]);
	riod_stub_export_move(exp, RIOD_STUB_IDLE, NULL);
	riod_stub_export_put(exp);
	KUNIT_ASSERT_PTR_EQ(test, riod_stub_export_claim(&att[1], "", &reason), exp);
	KUNIT_EXPECT_PTR_EQ(test, exp->peer_transport, &transports[1]);
	riod_stub_export_move(exp, RIOD_STUB_IDLE, NULL);
	riod_stub_export_put(exp);
	list_del(&exp->list);
}

static struct kunit_case export_cases[] = {
	KUNIT_CASE(removal_is_last),
	KUNIT_CASE(creation_is_first),
	KUNIT_CASE(removal_waits_for_nothing),
	KUNIT_CASE(removal_while_idle),
	KUNIT_CASE(driver_leaves_meanwhile),
	KUNIT_CASE(listens_on_each),
	KUNIT_CASE(one_cannot_listen),
	KUNIT_CASE(one_is_unknown),
	KUNIT_CASE(one_peer_of_all),
	{}
};

static struct kunit_suite export_suite = {
	.name = "riod_stub_export",
	.init = scene_init,
	.exit = scene_exit,
	.test_cases = export_cases,
};

kunit_test_suite(export_suite);

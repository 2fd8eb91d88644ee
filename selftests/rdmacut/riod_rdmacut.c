// SPDX-License-Identifier: GPL-2.0-only
/*
 * riod_rdmacut.c - cut RDMA connections of software RDMA devices (rdma_rxe)
 *
 * What selftests/host/cutproxy.c does for TCP. It comes between ib_post_send() and the
 * driver, for reliable connections, so riod_rdma is the module that users load. A cut moves
 * the queue pair to the error state ahead of a message, in alternation between two frames
 * and inside one, after a random number of messages: a message that fills its buffer is
 * followed by the rest of its frame.
 *
 * Parameters, in /sys/module/riod_rdmacut/parameters:
 *
 *   cuts       cuts to come; later connections stay
 *   messages   largest number of messages between two cuts
 *   frames     what the cuts go through: "any" (in alternation), "between"
 *   mode       "up"; "refuse": each connection is cut; "drop": no message is sent, without
 *              an error. A connection that has lost messages is cut as soon as "up".
 *   now        write: cut all connections
 *   inside, between   cuts that were made
 *
 * rdma_rxe allows modify_qp in atomic context; a driver of an adapter may not.
 */
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <rdma/ib_verbs.h>

/* RIOD_RDMA_BUF: bytes of a message that fills its buffer */
#define CUT_FULL	SZ_16K
#define CUT_QPS		16

enum cut_mode { CUT_UP, CUT_REFUSE, CUT_DROP };

/**
 * struct cut_qp - a queue pair that has sent something
 * @qp: queue pair; NULL: the entry is free
 * @inside: its last message was full
 * @lossy: messages were dropped
 */
struct cut_qp {
	struct ib_qp *qp;
	bool inside;
	bool lossy;
};

/* protects all that follows; taken with riod_rdma's locks held, and takes rdma_rxe's */
static DEFINE_SPINLOCK(cut_lock);
static struct cut_qp cut_qps[CUT_QPS];
static struct ib_device *cut_dev;
/* the driver's */
static struct {
	int (*post_send)(struct ib_qp *qp, const struct ib_send_wr *wr,
			 const struct ib_send_wr **bad);
	int (*modify_qp)(struct ib_qp *qp, struct ib_qp_attr *attr, int mask,
			 struct ib_udata *udata);
	int (*destroy_qp)(struct ib_qp *qp, struct ib_udata *udata);
} cut_driver;
static struct rnd_state cut_rnd;
static enum cut_mode cut_mode;
static unsigned int cut_left, cut_messages = 64, cut_next;
static unsigned int cut_inside, cut_between;
static bool cut_any = true;

static const char * const cut_modes[] = {
	[CUT_UP] = "up", [CUT_REFUSE] = "refuse", [CUT_DROP] = "drop",
};

static void cut_draw(void)
{
	cut_next = 1 + prandom_u32_state(&cut_rnd) % max(cut_messages, 1U);
}

static struct cut_qp *cut_find(struct ib_qp *qp)
{
	unsigned int n;

	for (n = 0; n < CUT_QPS; n++)
		if (cut_qps[n].qp == qp)
			return &cut_qps[n];
	return NULL;
}

static void cut_break(struct ib_qp *qp)
{
	struct ib_qp_attr attr = { .qp_state = IB_QPS_ERR };

	cut_driver.modify_qp(qp, &attr, IB_QP_STATE, NULL);
}

static void cut_all(void)
{
	unsigned int n;

	for (n = 0; n < CUT_QPS; n++)
		if (cut_qps[n].qp)
			cut_break(cut_qps[n].qp);
}

/* does the cut that is due come ahead of this message? */
static bool cut_is_due(struct cut_qp *c)
{
	bool inside = cut_any && cut_inside < cut_between;

	if (!cut_left || (cut_next && --cut_next) || c->inside != inside)
		return false;
	cut_left--;
	if (inside)
		cut_inside++;
	else
		cut_between++;
	cut_draw();
	return true;
}

static int cut_post_send(struct ib_qp *qp, const struct ib_send_wr *wr,
			 const struct ib_send_wr **bad)
{
	struct cut_qp *c = NULL;
	unsigned long flags;
	bool drop = false;

	/* not those of the connection manager, and not ib_drain_qp()'s */
	if (qp->qp_type == IB_QPT_RC && wr->opcode == IB_WR_SEND) {
		spin_lock_irqsave(&cut_lock, flags);
		c = cut_find(qp) ?: cut_find(NULL);
		if (c && !c->qp)
			*c = (struct cut_qp){ .qp = qp };
		if (c) {
			drop = cut_mode == CUT_DROP;
			c->lossy |= drop;
			if (cut_mode == CUT_REFUSE || (!drop && cut_is_due(c)))
				cut_break(qp);
			c->inside = wr->num_sge && wr->sg_list[0].length == CUT_FULL;
		}
		spin_unlock_irqrestore(&cut_lock, flags);
	}
	return drop ? 0 : cut_driver.post_send(qp, wr, bad);
}

static int cut_destroy_qp(struct ib_qp *qp, struct ib_udata *udata)
{
	struct cut_qp *c;
	unsigned long flags;

	spin_lock_irqsave(&cut_lock, flags);
	c = cut_find(qp);
	if (c)
		c->qp = NULL;
	spin_unlock_irqrestore(&cut_lock, flags);
	return cut_driver.destroy_qp(qp, udata);
}

/* ------------------------------------------------------------ parameters */

static int cut_mode_set(const char *val, const struct kernel_param *kp)
{
	int mode = sysfs_match_string(cut_modes, val);
	unsigned long flags;
	unsigned int n;

	if (mode < 0)
		return mode;
	spin_lock_irqsave(&cut_lock, flags);
	cut_mode = mode;
	if (mode == CUT_REFUSE)
		cut_all();
	for (n = 0; mode == CUT_UP && n < CUT_QPS; n++)
		if (cut_qps[n].qp && cut_qps[n].lossy)
			cut_break(cut_qps[n].qp);
	spin_unlock_irqrestore(&cut_lock, flags);
	return 0;
}

static int cut_mode_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", cut_modes[cut_mode]);
}

static const struct kernel_param_ops cut_mode_ops = { .set = cut_mode_set, .get = cut_mode_get };
module_param_cb(mode, &cut_mode_ops, NULL, 0644);

static int cut_frames_set(const char *val, const struct kernel_param *kp)
{
	cut_any = sysfs_streq(val, "any");
	return cut_any || sysfs_streq(val, "between") ? 0 : -EINVAL;
}

static const struct kernel_param_ops cut_frames_ops = { .set = cut_frames_set };
module_param_cb(frames, &cut_frames_ops, NULL, 0200);

static int cut_now_set(const char *val, const struct kernel_param *kp)
{
	unsigned long flags;

	spin_lock_irqsave(&cut_lock, flags);
	cut_all();
	spin_unlock_irqrestore(&cut_lock, flags);
	return 0;
}

static const struct kernel_param_ops cut_now_ops = { .set = cut_now_set };
module_param_cb(now, &cut_now_ops, NULL, 0200);

module_param_named(cuts, cut_left, uint, 0644);
module_param_named(messages, cut_messages, uint, 0644);
module_param_named(inside, cut_inside, uint, 0444);
module_param_named(between, cut_between, uint, 0444);

/* ------------------------------------------------------------ the device */

static int cut_add(struct ib_device *dev)
{
	if (cut_dev || dev->ops.driver_id != RDMA_DRIVER_RXE)
		return -EOPNOTSUPP;
	cut_driver.post_send = dev->ops.post_send;
	cut_driver.modify_qp = dev->ops.modify_qp;
	cut_driver.destroy_qp = dev->ops.destroy_qp;
	cut_dev = dev;
	WRITE_ONCE(dev->ops.destroy_qp, cut_destroy_qp);
	WRITE_ONCE(dev->ops.post_send, cut_post_send);
	return 0;
}

/* all queue pairs of the device that this module has seen may still be there */
static void cut_remove(struct ib_device *dev, void *data)
{
	WRITE_ONCE(dev->ops.post_send, cut_driver.post_send);
	WRITE_ONCE(dev->ops.destroy_qp, cut_driver.destroy_qp);
	/* callers of post_send have softirqs disabled */
	synchronize_rcu();
	memset(cut_qps, 0, sizeof(cut_qps));
	cut_dev = NULL;
}

static struct ib_client cut_client = {
	.name	= "riod_rdmacut",
	.add	= cut_add,
	.remove	= cut_remove,
};

static int __init cut_init(void)
{
	prandom_seed_state(&cut_rnd, get_random_u64());
	/* the first cut is late, so that there is a session to cut */
	cut_next = cut_messages;
	return ib_register_client(&cut_client);
}

static void __exit cut_exit(void)
{
	ib_unregister_client(&cut_client);
}

module_init(cut_init);
module_exit(cut_exit);

MODULE_DESCRIPTION("cuts RDMA connections, for riod's selftests");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * irq_kunit.c - interrupts as a VFIO user sets them up, without VFIO and without a peer
 *
 * Uses the real irq.c; eventfds are counters, and the test chooses the peer's answers.
 */
#include <kunit/test.h>
#include <linux/eventfd.h>
#include <linux/module.h>
#include <linux/unaligned.h>
#include <linux/vfio.h>

#include "frontend.h"

#define VECTORS		8

/**
 * struct desk - a function, and a record of its interrupts
 * @att: its attachment
 * @fn: the function
 * @signals: count of signals of each eventfd, indexed by its file descriptor
 * @room: most vectors that the stub can set up
 * @asked: number of vectors in the last IRQ_SETUP
 */
struct desk {
	struct riod_fe_att att;
	struct riod_fe_func fn;
	unsigned int signals[VECTORS];
	unsigned int room;
	unsigned int asked;
};

/* a global, as the fakes get no pointer to it; tests run one at a time */
static struct desk *desk;

static struct eventfd_ctx *fake_fdget(int fd)
{
	return (struct eventfd_ctx *)&desk->signals[fd];
}

static void fake_put(struct eventfd_ctx *ctx)
{
}

static void fake_signal(struct eventfd_ctx *ctx)
{
	++*(unsigned int *)ctx;
}

static int fake_virqfd_enable(void *opaque, int (*handler)(void *, void *),
			      void (*thread)(void *, void *), void *data,
			      struct virqfd **pvirqfd, int fd)
{
	return -EINVAL;
}

static void fake_virqfd_disable(struct virqfd **pvirqfd)
{
}

static int fake_request(struct riod_link *l, struct riod_frame *f, u64 *value)
{
	const struct riod_wire_irq_setup *s = (const void *)f->body;

	desk->asked = le16_to_cpu(s->count);
	riod_frame_free(f);
	return desk->asked > desk->room ? -EIO : 0;
}

static void fake_ctl_post(struct riod_fe_func *fn, u16 op)
{
}

#define eventfd_ctx_fdget	fake_fdget
#define eventfd_ctx_put		fake_put
#define eventfd_signal		fake_signal
#define vfio_virqfd_enable	fake_virqfd_enable
#define vfio_virqfd_disable	fake_virqfd_disable
#define riod_link_request	fake_request
#define riod_fe_ctl_post	fake_ctl_post

#include "../irq.c"

static int irq_test_init(struct kunit *test)
{
	desk = kunit_kzalloc(test, sizeof(*desk), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, desk);
	desk->room = VECTORS;
	desk->fn.att = &desk->att;
	desk->fn.cfg.msi_cap = 0x50;
	desk->fn.cfg.msix_cap = 0x70;
	desk->fn.cfg.exp_cap = 0x80;
	desk->fn.nintx = 1;
	desk->fn.nmsi = VECTORS;
	desk->fn.nmsix = VECTORS;
	riod_fe_irq_init(&desk->fn.irq);
	return 0;
}

static void irq_test_exit(struct kunit *test)
{
	if (desk)
		riod_fe_irq_clear(&desk->fn);
}

static int enable(u32 index, unsigned int count)
{
	struct vfio_irq_set hdr = {
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index, .count = count,
	};
	s32 fds[VECTORS] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	return riod_fe_irq_set(&desk->fn, &hdr, fds);
}

/* vectors 0 and 1 fire */
static void fire(u8 index)
{
	struct {
		struct riod_wire_irq irq;
		__le16 vectors[2];
	} w = {
		.irq = { .index = index, .count = cpu_to_le16(2) },
		.vectors = { cpu_to_le16(0), cpu_to_le16(1) },
	};

	riod_fe_irq_frame(&desk->fn, &w.irq);
}

static void msi_masked(struct kunit *test)
{
	struct riod_fe_func *fn = &desk->fn;

	KUNIT_ASSERT_EQ(test, enable(VFIO_PCI_MSI_IRQ_INDEX, 2), 0);
	riod_fe_irq_msi_mask(fn, 0x2);
	fire(RIOD_IRQ_MSI);
	fire(RIOD_IRQ_MSI);
	KUNIT_EXPECT_EQ(test, desk->signals[0], 2);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 0);
	KUNIT_EXPECT_EQ(test, riod_fe_irq_msi_pending(fn), 0x2);

	/* unmasking another vector has no effect; unmasking this one signals once */
	riod_fe_irq_msi_mask(fn, 0x3);
	riod_fe_irq_msi_mask(fn, 0x2);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 0);
	riod_fe_irq_msi_mask(fn, 0);
	KUNIT_EXPECT_EQ(test, desk->signals[0], 2);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 1);
	KUNIT_EXPECT_EQ(test, riod_fe_irq_msi_pending(fn), 0);
	fire(RIOD_IRQ_MSI);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 2);

	/* a reset clears mask and pending bits */
	riod_fe_irq_msi_mask(fn, 0x2);
	fire(RIOD_IRQ_MSI);
	riod_fe_irq_msi_reset(fn);
	KUNIT_EXPECT_EQ(test, riod_fe_irq_msi_pending(fn), 0);
	fire(RIOD_IRQ_MSI);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 3);
}

/* mask bits apply to MSI only; vectors without an eventfd are dropped */
static void msix_is_not_masked(struct kunit *test)
{
	struct riod_fe_func *fn = &desk->fn;

	riod_fe_irq_msi_mask(fn, ~0u);
	KUNIT_ASSERT_EQ(test, enable(VFIO_PCI_MSIX_IRQ_INDEX, 1), 0);
	fire(RIOD_IRQ_MSIX);
	KUNIT_EXPECT_EQ(test, desk->signals[0], 1);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 0);
	KUNIT_EXPECT_EQ(test, riod_fe_irq_msi_pending(fn), 0);
}

/* like QEMU, retries with the returned number of vectors */
static void msi_fewer(struct kunit *test)
{
	desk->room = 2;
	KUNIT_EXPECT_EQ(test, enable(VFIO_PCI_MSI_IRQ_INDEX, 8), 4);
	KUNIT_EXPECT_EQ(test, enable(VFIO_PCI_MSI_IRQ_INDEX, 4), 2);
	KUNIT_EXPECT_EQ(test, enable(VFIO_PCI_MSI_IRQ_INDEX, 2), 0);
	KUNIT_EXPECT_EQ(test, desk->asked, 2);
	fire(RIOD_IRQ_MSI);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 1);
}

static void none_left(struct kunit *test)
{
	desk->room = 0;
	KUNIT_EXPECT_EQ(test, enable(VFIO_PCI_MSI_IRQ_INDEX, 1), -EIO);
	KUNIT_EXPECT_EQ(test, enable(VFIO_PCI_MSIX_IRQ_INDEX, 4), -EIO);
	KUNIT_EXPECT_EQ(test, desk->fn.irq.index, RIOD_FE_IRQ_NONE);
}

static int set_intx(s32 fd)
{
	struct vfio_irq_set hdr = {
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_INTX_IRQ_INDEX, .count = 1,
	};

	return riod_fe_irq_set(&desk->fn, &hdr, &fd);
}

static int unmask_intx(void)
{
	struct vfio_irq_set hdr = {
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
		.index = VFIO_PCI_INTX_IRQ_INDEX, .count = 1,
	};

	return riod_fe_irq_set(&desk->fn, &hdr, NULL);
}

static void fire_intx(void)
{
	struct {
		struct riod_wire_irq irq;
		__le16 vector;
	} w = { .irq = { .index = RIOD_IRQ_INTX, .count = cpu_to_le16(1) } };

	riod_fe_irq_frame(&desk->fn, &w.irq);
}

/* QEMU removes the eventfd and sets another: an interrupt in between is not lost */
static void intx_without_eventfd(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, set_intx(0), 0);
	fire_intx();
	KUNIT_EXPECT_EQ(test, desk->signals[0], 1);
	KUNIT_EXPECT_EQ(test, unmask_intx(), 0);

	KUNIT_EXPECT_EQ(test, set_intx(-1), 0);
	fire_intx();
	KUNIT_EXPECT_EQ(test, set_intx(1), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[0], 1);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 1);
	/* signalled once, and the line is masked until the user unmasks it */
	KUNIT_EXPECT_EQ(test, set_intx(2), 0);
	fire_intx();
	KUNIT_EXPECT_EQ(test, desk->signals[2], 0);
	KUNIT_EXPECT_EQ(test, unmask_intx(), 0);
	fire_intx();
	KUNIT_EXPECT_EQ(test, desk->signals[2], 1);

	/* a delivered interrupt is not signalled again to a new eventfd */
	KUNIT_EXPECT_EQ(test, set_intx(-1), 0);
	KUNIT_EXPECT_EQ(test, set_intx(3), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[3], 0);
	/* nor is one that was unmasked since: the stub sends it again if it is asserted */
	KUNIT_EXPECT_EQ(test, set_intx(-1), 0);
	KUNIT_EXPECT_EQ(test, unmask_intx(), 0);
	fire_intx();
	KUNIT_EXPECT_EQ(test, unmask_intx(), 0);
	KUNIT_EXPECT_EQ(test, set_intx(3), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[3], 0);
}

static void raise(void)
{
	riod_fe_irq_raise(&desk->fn, 0);
}

static void set_command(u16 command)
{
	put_unaligned_le16(command, desk->fn.cfg.bytes + PCI_COMMAND);
}

/* as intx_without_eventfd, but a profile raised the interrupt: no peer sends it again */
static void intx_raised_without_eventfd(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, set_intx(0), 0);
	KUNIT_EXPECT_EQ(test, set_intx(-1), 0);
	raise();
	KUNIT_EXPECT_EQ(test, atomic64_read(&desk->att.stats.raised), 0);
	KUNIT_EXPECT_EQ(test, set_intx(1), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[0], 0);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&desk->att.stats.raised), 1);
	/* signalled once */
	KUNIT_EXPECT_EQ(test, unmask_intx(), 0);
	KUNIT_EXPECT_EQ(test, set_intx(2), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 1);
	KUNIT_EXPECT_EQ(test, desk->signals[2], 0);

	/* raised while masked, and unmasked while there is no eventfd */
	raise();
	KUNIT_EXPECT_EQ(test, desk->signals[2], 1);
	raise();
	KUNIT_EXPECT_EQ(test, desk->signals[2], 1);
	KUNIT_EXPECT_EQ(test, set_intx(-1), 0);
	KUNIT_EXPECT_EQ(test, unmask_intx(), 0);
	KUNIT_EXPECT_EQ(test, set_intx(3), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[3], 1);

	/* the line is masked: a new eventfd waits for the unmask */
	raise();
	KUNIT_EXPECT_EQ(test, set_intx(-1), 0);
	KUNIT_EXPECT_EQ(test, set_intx(4), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[4], 0);
	KUNIT_EXPECT_EQ(test, unmask_intx(), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[4], 1);
	KUNIT_EXPECT_EQ(test, unmask_intx(), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[4], 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&desk->att.stats.raised), 4);
}

/* the device's interrupt and a profile's, both without an eventfd: both are signalled */
static void intx_both_without_eventfd(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, set_intx(0), 0);
	KUNIT_EXPECT_EQ(test, set_intx(-1), 0);
	raise();
	fire_intx();
	KUNIT_EXPECT_EQ(test, set_intx(1), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 1);
	KUNIT_EXPECT_EQ(test, unmask_intx(), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 2);
	KUNIT_EXPECT_EQ(test, atomic64_read(&desk->att.stats.raised), 1);
}

/* while the guest has INTx disabled, nothing signals a profile's interrupt */
static void intx_raised_disabled(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, set_intx(0), 0);
	set_command(PCI_COMMAND_INTX_DISABLE);
	raise();
	KUNIT_EXPECT_EQ(test, unmask_intx(), 0);
	KUNIT_EXPECT_EQ(test, set_intx(-1), 0);
	KUNIT_EXPECT_EQ(test, set_intx(1), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[0], 0);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 0);
	set_command(0);
	riod_fe_irq_intx_enabled(&desk->fn);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 1);
}

/* ERR or REQ; -1 removes the eventfd */
static int set_single(u32 index, s32 fd)
{
	struct vfio_irq_set hdr = {
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index, .count = 1,
	};

	return riod_fe_irq_set(&desk->fn, &hdr, &fd);
}

static const struct {
	enum riod_on_loss policy;
	enum riod_reason reason;
	bool own;
	bool error;
} losses[] = {
	{ RIOD_ON_LOSS_STALL, RIOD_REASON_CLOSED },
	{ RIOD_ON_LOSS_STALL, RIOD_REASON_TIMEOUT },
	{ RIOD_ON_LOSS_STALL, RIOD_REASON_SHUTDOWN },
	{ RIOD_ON_LOSS_STALL, RIOD_REASON_DETACH, .own = true },
	{ RIOD_ON_LOSS_STALL, RIOD_REASON_ERROR, .error = true },
	{ RIOD_ON_LOSS_REMOVE, RIOD_REASON_CLOSED },
	{ RIOD_ON_LOSS_REMOVE, RIOD_REASON_DETACH, .own = true },
	{ RIOD_ON_LOSS_REMOVE, RIOD_REASON_ERROR, .error = true },
	{ RIOD_ON_LOSS_ERROR, RIOD_REASON_CLOSED, .error = true },
	{ RIOD_ON_LOSS_ERROR, RIOD_REASON_TIMEOUT, .error = true },
	{ RIOD_ON_LOSS_ERROR, RIOD_REASON_UNBIND, .error = true },
	{ RIOD_ON_LOSS_ERROR, RIOD_REASON_GONE, .error = true },
	/* of the server host */
	{ RIOD_ON_LOSS_ERROR, RIOD_REASON_SHUTDOWN, .error = true },
	{ RIOD_ON_LOSS_ERROR, RIOD_REASON_ERROR, .error = true },
	{ RIOD_ON_LOSS_ERROR, RIOD_REASON_NO_MEMORY, .error = true },
	/* of this host */
	{ RIOD_ON_LOSS_ERROR, RIOD_REASON_SHUTDOWN, .own = true },
	{ RIOD_ON_LOSS_ERROR, RIOD_REASON_DETACH, .own = true },
};

/* REQ always, ERR by policy, reason and whose wish it was; once for each eventfd */
static void lost(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(losses); i++) {
		struct riod_fe_func *fn = &desk->fn;

		memset(desk->signals, 0, sizeof(desk->signals));
		desk->att.on_loss = losses[i].policy;
		fn->irq.err_due = false;
		fn->irq.req_due = false;
		KUNIT_ASSERT_EQ(test, set_single(VFIO_PCI_ERR_IRQ_INDEX, 0), 0);
		KUNIT_ASSERT_EQ(test, set_single(VFIO_PCI_REQ_IRQ_INDEX, 1), 0);
		KUNIT_EXPECT_EQ(test, desk->signals[0] + desk->signals[1], 0);
		riod_fe_irq_lost(fn, losses[i].reason, losses[i].own);
		KUNIT_EXPECT_EQ_MSG(test, desk->signals[0], losses[i].error,
				    "policy %u, reason %u, own %d", losses[i].policy,
				    losses[i].reason, losses[i].own);
		KUNIT_EXPECT_EQ_MSG(test, desk->signals[1], 1,
				    "policy %u, reason %u, own %d", losses[i].policy,
				    losses[i].reason, losses[i].own);
		/* again, while the user has not released it; the error is over */
		riod_fe_irq_request(fn);
		KUNIT_EXPECT_EQ(test, desk->signals[0], losses[i].error);
		KUNIT_EXPECT_EQ(test, desk->signals[1], 2);
	}
}

/* QEMU sets the eventfds some time after it has opened the function */
static void lost_before_the_eventfd(struct kunit *test)
{
	struct riod_fe_func *fn = &desk->fn;

	desk->att.on_loss = RIOD_ON_LOSS_REMOVE;
	riod_fe_irq_lost(fn, RIOD_REASON_CLOSED, false);
	KUNIT_EXPECT_EQ(test, set_single(VFIO_PCI_ERR_IRQ_INDEX, 0), 0);
	KUNIT_EXPECT_EQ(test, set_single(VFIO_PCI_REQ_IRQ_INDEX, 1), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[0], 0);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 1);
	KUNIT_EXPECT_EQ(test, set_single(VFIO_PCI_REQ_IRQ_INDEX, -1), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[1], 1);

	desk->att.on_loss = RIOD_ON_LOSS_ERROR;
	riod_fe_irq_lost(fn, RIOD_REASON_CLOSED, false);
	KUNIT_EXPECT_EQ(test, set_single(VFIO_PCI_ERR_IRQ_INDEX, 2), 0);
	KUNIT_EXPECT_EQ(test, set_single(VFIO_PCI_REQ_IRQ_INDEX, 3), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[0], 1);
	KUNIT_EXPECT_EQ(test, desk->signals[2], 1);
	KUNIT_EXPECT_EQ(test, desk->signals[3], 1);
	/* not the interrupts of the device */
	KUNIT_EXPECT_EQ(test, enable(VFIO_PCI_MSIX_IRQ_INDEX, VECTORS), 0);
	KUNIT_EXPECT_EQ(test, desk->signals[4], 0);
}

static struct kunit_case irq_cases[] = {
	KUNIT_CASE(lost),
	KUNIT_CASE(lost_before_the_eventfd),
	KUNIT_CASE(intx_without_eventfd),
	KUNIT_CASE(intx_raised_without_eventfd),
	KUNIT_CASE(intx_both_without_eventfd),
	KUNIT_CASE(intx_raised_disabled),
	KUNIT_CASE(msi_masked),
	KUNIT_CASE(msix_is_not_masked),
	KUNIT_CASE(msi_fewer),
	KUNIT_CASE(none_left),
	{}
};

static struct kunit_suite irq_suite = {
	.name = "riod_fe_irq",
	.init = irq_test_init,
	.exit = irq_test_exit,
	.test_cases = irq_cases,
};

kunit_test_suite(irq_suite);

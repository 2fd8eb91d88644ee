// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio over PCI: publish order and kicks (rules 10 and 11).
 *
 * Driver and device of a virtqueue publish in memory what is available or used,
 * and whether they want to be notified: each stores its index and then loads
 * the other's wish.  Across a network each may see the other's store late, and
 * a wake-up is lost.  So the profile repeats both checks where the memory is
 * the guest's own.  After every cut with something that the guest has published
 * and not notified of, it notifies the queue.  After every cut of the device
 * that brought something for which the guest's memory asks for an interrupt, it
 * raises the interrupt.  Either may happen twice.
 *
 * The profile follows the common configuration structure to learn where queues
 * are.  It hides two features, NOTIFICATION_DATA and NOTIF_CONFIG_DATA, with
 * which a notification carries data that only the driver knows.
 *
 * Neither guest nor device is trusted: each call does a bounded amount of work,
 * and wrong values only harm those two.
 *
 * Sections are those of the Virtual I/O Device Specification, version 1.3.
 */
#define pr_fmt(fmt) "riod: virtio: " fmt

#include <kunit/visibility.h>
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "profile.h"

/* 4.1.2: vendor; devices 0x1000 (transitional) to 0x107f */
#define VIRTIO_VENDOR		0x1af4
#define VIRTIO_DEVICE_FIRST	0x1000
#define VIRTIO_DEVICE_LAST	0x107f

/* 4.1.4 the capability, in config space */
#define VIRTIO_CAP_LIST		0x34
#define VIRTIO_CAP_VENDOR	0x09
#define VIRTIO_CAP_TYPE		3
#define VIRTIO_CAP_BAR		4
#define VIRTIO_CAP_OFFSET	8
#define VIRTIO_CAP_LENGTH	12
#define VIRTIO_CAP_MULTIPLIER	16
#define VIRTIO_CAP_COMMON	1
#define VIRTIO_CAP_NOTIFY	2
#define VIRTIO_CAP_ISR		3
/* capabilities are multiples of 4 behind the header, so a list has no more */
#define VIRTIO_CAPS_MAX		48

/* 4.1.4.3 common configuration structure */
#define VIRTIO_FEATURE_SELECT	0
#define VIRTIO_FEATURE		4
#define VIRTIO_DRIVER_SELECT	8
#define VIRTIO_DRIVER_FEATURE	12
#define VIRTIO_STATUS		20
#define VIRTIO_QUEUE_SELECT	22
#define VIRTIO_QUEUE_SIZE	24
#define VIRTIO_QUEUE_VECTOR	26
#define VIRTIO_QUEUE_ENABLE	28
#define VIRTIO_QUEUE_NOTIFY_OFF	30
#define VIRTIO_QUEUE_AREAS	32
#define VIRTIO_QUEUE_RESET	58
#define VIRTIO_COMMON_SIZE	64

#define VIRTIO_STATUS_DRIVER_OK	4

/* 6: feature bits, in words of 32 */
#define VIRTIO_F_EVENT_IDX	BIT(29)
#define VIRTIO_F_ACCESS_PLATFORM	BIT(33 - 32)
#define VIRTIO_F_RING_PACKED	BIT(34 - 32)
#define VIRTIO_F_NOTIFICATION_DATA	BIT(38 - 32)
#define VIRTIO_F_NOTIF_CONFIG_DATA	BIT(39 - 32)
#define VIRTIO_HIDDEN	(VIRTIO_F_NOTIFICATION_DATA | VIRTIO_F_NOTIF_CONFIG_DATA)

/* 2.7 split: both rings begin with flags and index */
#define VIRTQ_IDX		2
#define VIRTQ_AVAIL_RING	4
#define VIRTQ_NO_INTERRUPT	BIT(0)

/* 2.7.6, 2.7.8; a packed queue has smaller areas */
#define VIRTQ_DRIVER_SIZE(n)	(6 + 2 * (n))
#define VIRTQ_DEVICE_SIZE(n)	(6 + 8 * (n))

/* 2.8 packed: flags of a descriptor; the driver's event suppression */
#define VIRTQ_DESC		16
#define VIRTQ_DESC_FLAGS	14
#define VIRTQ_DESC_NEXT		BIT(0)
#define VIRTQ_DESC_AVAIL	BIT(7)
#define VIRTQ_DESC_USED		BIT(15)
#define VIRTQ_EVENT_FLAGS	2
#define VIRTQ_EVENT_DISABLE	1
#define VIRTQ_EVENT_DESC	2
#define VIRTQ_EVENT_WRAP	BIT(15)

/* queues that are tracked, from the first; few devices have more than a dozen */
#define VIRTQ_MAX		128
#define VIRTQ_SIZE_MAX		32768
/* limit of descriptors that one callback looks at, over all packed queues */
#define VIRTQ_LOOKS_MAX		65536
/* set the order behind this many cuts after a queue changed */
#define VIRTIO_ORDER_CUTS	2

enum virtq_area { VIRTQ_DESCRIPTORS, VIRTQ_DRIVER, VIRTQ_DEVICE, VIRTQ_AREAS };

/**
 * struct riod_virtq - a virtqueue as set up by the guest
 * @enabled: the queue is enabled
 * @size: entries
 * @vector: MSI-X vector; 0xffff: none
 * @notify_off: queue_notify_off of the queue
 * @areas: addresses of descriptor area, driver area and device area
 * @avail: how far the guest has published.  Split: the index.  Packed:
 *	descriptors, counted modulo two laps.
 * @notified: value of @avail at the last notification
 * @used: split: the index that the device has published, as the guest sees it
 */
struct riod_virtq {
	bool enabled;
	u16 size;
	u16 vector;
	u16 notify_off;
	__le64 areas[VIRTQ_AREAS];
	u32 avail;
	u32 notified;
	u16 used;
};

/** struct riod_virtio_window - a structure in a BAR (4.1.4); @len 0: none */
struct riod_virtio_window {
	u8 bar;
	u32 offset;
	u32 len;
};

/**
 * struct riod_virtio - state of one attachment; serialised by the caller
 * @env: services of the frontend
 * @common: common configuration structure
 * @notify: notification structure
 * @isr: interrupt status
 * @multiplier: notify_off_multiplier
 * @regs: values that the guest wrote to @common, ahead of the fields of queues
 * @features: features that the guest accepted, in words of 32
 * @queues: virtqueues
 * @order_cuts: number of further cuts behind which the order is set
 * @looks: descriptors that this callback may still look at
 * @raised: an interrupt was raised that the device's interrupt status does not
 *	show
 * @spans: buffer for the order
 */
struct riod_virtio {
	struct riod_profile_env env;
	struct riod_virtio_window common;
	struct riod_virtio_window notify;
	struct riod_virtio_window isr;
	u32 multiplier;
	u8 regs[VIRTIO_QUEUE_SIZE];
	u32 features[2];
	struct riod_virtq queues[VIRTQ_MAX];
	u8 order_cuts;
	u32 looks;
	bool raised;
	struct riod_sync_span spans[2 * VIRTQ_MAX];
};

/* ------------------------------------------------------------ memory */

static u64 area(const struct riod_virtq *q, enum virtq_area which)
{
	return le64_to_cpu(q->areas[which]);
}

/* load 16 bits of a queue; false: not mapped, or not aligned */
static bool load16(struct riod_virtio *v, u64 iova, u16 *value)
{
	const __le16 *p = iova & 1 ? NULL : v->env.mem(v->env.priv, iova, 2, false);

	if (p)
		*value = le16_to_cpu(READ_ONCE(*p));
	return p;
}

static bool is_packed(const struct riod_virtio *v)
{
	return v->features[1] & VIRTIO_F_RING_PACKED;
}

static bool has_event_idx(const struct riod_virtio *v)
{
	return v->features[0] & VIRTIO_F_EVENT_IDX;
}

/* ------------------------------------------------------------ packed */

/* wrap counter with which descriptor @n of two laps is made available (2.8.1) */
static bool wrap_of(const struct riod_virtq *q, u32 n)
{
	return !(n / q->size & 1);
}

static u64 desc_of(const struct riod_virtq *q, u32 n)
{
	return area(q, VIRTQ_DESCRIPTORS) + n % q->size * VIRTQ_DESC;
}

/*
 * Advance @avail over the descriptors that the guest made available.  This runs
 * behind each cut before the cut is sent, so it passes a descriptor before the
 * device can use it and the guest can replace it.  Queues may share their
 * memory and their notification address, so one write of a guest could cost all
 * entries of all queues.  Beyond VIRTQ_LOOKS_MAX the rest follows behind the
 * next cut.
 */
static void packed_avail(struct riod_virtio *v, struct riod_virtq *q)
{
	u32 left = q->size;
	u16 flags;

	while (left-- && v->looks &&
	       load16(v, desc_of(q, q->avail) + VIRTQ_DESC_FLAGS, &flags) &&
	       !!(flags & VIRTQ_DESC_AVAIL) == wrap_of(q, q->avail)) {
		v->looks--;
		/* the wrap counters are the same after two laps */
		q->avail = (q->avail + 1) % (2 * q->size);
	}
}

/*
 * 2.8.10: the guest wants an interrupt for descriptor @desc.  May the device
 * have used it?  Not if it was not made available in the lap that @desc names,
 * or the guest has passed it.  A descriptor that is available but not marked
 * used may be inside a chain that was used.
 */
static bool packed_passed(struct riod_virtio *v, const struct riod_virtq *q, u16 desc)
{
	u32 n = desc & ~VIRTQ_EVENT_WRAP;
	u16 flags;

	if (n >= q->size || !load16(v, desc_of(q, n) + VIRTQ_DESC_FLAGS, &flags))
		return true;
	return !(flags & VIRTQ_DESC_AVAIL) == !(desc & VIRTQ_EVENT_WRAP);
}

/*
 * The device changed the ring.  Which descriptors it used is unknown: a polling
 * guest may have replaced them.  So this may return true too often, but only
 * for a cut that had something for the guest.
 */
static bool packed_wants(struct riod_virtio *v, const struct riod_virtq *q)
{
	u64 event = area(q, VIRTQ_DRIVER);
	u16 flags, desc;

	if (!v->env.changed(v->env.priv, area(q, VIRTQ_DESCRIPTORS), q->size * VIRTQ_DESC) ||
	    !load16(v, event + VIRTQ_EVENT_FLAGS, &flags) || !load16(v, event, &desc))
		return false;
	if (flags == VIRTQ_EVENT_DESC && has_event_idx(v))
		return packed_passed(v, q, desc);
	return flags != VIRTQ_EVENT_DISABLE;
}

/* rule 10: an entry publishes unless it belongs to a chain that begins ahead of it */
static bool packed_begins(struct riod_sync_entry *e)
{
	u16 flags;

	if (!riod_sync_entry_before(e))
		return true;
	flags = e->now[VIRTQ_DESC_FLAGS] | e->now[VIRTQ_DESC_FLAGS + 1] << 8;
	/* a used descriptor chains to nothing, whatever flags the device left */
	return !(flags & VIRTQ_DESC_NEXT) ||
	       !(flags & VIRTQ_DESC_AVAIL) == !(flags & VIRTQ_DESC_USED);
}

/* ------------------------------------------------------------ split */

static void split_avail(struct riod_virtio *v, struct riod_virtq *q)
{
	u16 idx;

	if (load16(v, area(q, VIRTQ_DRIVER) + VIRTQ_IDX, &idx))
		q->avail = idx;
}

/* 2.7.7: does the guest want an interrupt for what was used since the last cut? */
static bool split_wants(struct riod_virtio *v, struct riod_virtq *q)
{
	u64 avail = area(q, VIRTQ_DRIVER);
	u16 old = q->used, new, flags, event;

	if (!load16(v, area(q, VIRTQ_DEVICE) + VIRTQ_IDX, &new) || new == old)
		return false;
	q->used = new;
	if (has_event_idx(v))
		return load16(v, avail + VIRTQ_AVAIL_RING + 2 * q->size, &event) &&
		       (u16)(new - event - 1) < (u16)(new - old);
	return load16(v, avail, &flags) && !(flags & VIRTQ_NO_INTERRUPT);
}

/* ------------------------------------------------------------ kicks */

/* offset in the structure, or -1 */
static s64 window_at(const struct riod_virtio_window *w, u8 bar, u64 offset, u8 width)
{
	if (bar != w->bar || offset < w->offset || offset + width > (u64)w->offset + w->len)
		return -1;
	return offset - w->offset;
}

static void look_at_avail(struct riod_virtio *v, struct riod_virtq *q)
{
	if (is_packed(v))
		packed_avail(v, q);
	else
		split_avail(v, q);
}

static u64 notify_at(const struct riod_virtio *v, const struct riod_virtq *q)
{
	return v->notify.offset + (u64)q->notify_off * v->multiplier;
}

static bool is_running(const struct riod_virtio *v)
{
	return v->regs[VIRTIO_STATUS] & VIRTIO_STATUS_DRIVER_OK;
}

/*
 * Everything that the guest published and did not notify of is in the cut, or
 * in the cut ahead of this notification.  Out of memory: try again behind the
 * next cut.
 */
static void notify_device(struct riod_virtio *v, struct riod_virtq *q)
{
	u64 at = notify_at(v, q);

	look_at_avail(v, q);
	/* the device chose the address, so check that it is in the structure */
	if (q->avail != q->notified && window_at(&v->notify, v->notify.bar, at, 2) >= 0 &&
	    !v->env.kick(v->env.priv, v->notify.bar, at, 2, q - v->queues))
		q->notified = q->avail;
}

/* raise an interrupt if the cut brought something that the guest wants it for */
static void notify_guest(struct riod_virtio *v, struct riod_virtq *q)
{
	if (!(is_packed(v) ? packed_wants(v, q) : split_wants(v, q)))
		return;
	v->raised = true;
	v->env.raise(v->env.priv, q->vector);
}

static void virtio_after_apply(void *state)
{
	struct riod_virtio *v = state;
	struct riod_virtq *q;

	/* store used entries before loading event fields; the guest does the reverse */
	smp_mb();
	for (q = v->queues; is_running(v) && q < v->queues + VIRTQ_MAX; q++) {
		if (q->enabled)
			notify_guest(v, q);
	}
}

/* ------------------------------------------------------------ order */

static void add_span(struct riod_virtio *v, u32 *n, u64 iova, u32 len, bool by_guest)
{
	struct riod_sync_span *s = &v->spans[(*n)++];

	memset(s, 0, sizeof(*s));
	s->iova = iova;
	s->len = len;
	s->by_guest = by_guest;
}

static void add_queue(struct riod_virtio *v, u32 *n, const struct riod_virtq *q)
{
	struct riod_sync_span *s;

	if (!is_packed(v)) {
		add_span(v, n, area(q, VIRTQ_DRIVER) + VIRTQ_IDX, 2, true);
		add_span(v, n, area(q, VIRTQ_DEVICE) + VIRTQ_IDX, 2, false);
		return;
	}
	s = &v->spans[*n];
	add_span(v, n, area(q, VIRTQ_DESCRIPTORS), q->size * VIRTQ_DESC, true);
	s->ring = 1 + (q - v->queues);
	s->flag = packed_begins;
	add_span(v, n, area(q, VIRTQ_DESCRIPTORS), q->size * VIRTQ_DESC, false);
}

/*
 * The memory of a queue is mapped before the queue is enabled, and published
 * entries have no effect before DRIVER_OK.  So the cuts ahead of these two
 * writes have all of it.
 */
static void set_order(struct riod_virtio *v)
{
	const struct riod_virtq *q;
	u32 n = 0;
	int err;

	if (!v->order_cuts)
		return;
	for (q = v->queues; q < v->queues + VIRTQ_MAX; q++) {
		if (q->enabled)
			add_queue(v, &n, q);
	}
	err = v->env.order(v->env.priv, v->spans, n);
	if (err == -E2BIG)
		pr_warn_once("a guest has virtqueues that are too large to keep in order: what one side polls may show before what it speaks of\n");
	/* out of memory: try again behind the next cut */
	if (err != -ENOMEM)
		v->order_cuts--;
}

static void virtio_after_cut(void *state)
{
	struct riod_virtio *v = state;
	struct riod_virtq *q;

	set_order(v);
	v->looks = VIRTQ_LOOKS_MAX;
	for (q = v->queues; is_running(v) && q < v->queues + VIRTQ_MAX; q++) {
		if (q->enabled)
			notify_device(v, q);
	}
}

static void virtio_mapped(void *state)
{
	struct riod_virtio *v = state;

	v->order_cuts = VIRTIO_ORDER_CUTS;
}

/* ------------------------------------------------------------ registers */

/* keeps @notify_off: a driver need not read it again */
static void forget_queue(struct riod_virtio *v, struct riod_virtq *q)
{
	u16 notify_off = q->notify_off;

	memset(q, 0, sizeof(*q));
	q->vector = 0xffff;
	q->notify_off = notify_off;
	v->order_cuts = VIRTIO_ORDER_CUTS;
}

/* 2.4: the device is in its initial state */
static void virtio_reset(void *state)
{
	struct riod_virtio *v = state;
	u32 i;

	for (i = 0; i < VIRTQ_MAX; i++)
		forget_queue(v, &v->queues[i]);
	memset(v->regs, 0, sizeof(v->regs));
	memset(v->features, 0, sizeof(v->features));
	v->raised = false;
}

/* all areas, of either layout, must end below the last page, which no IOMMU maps */
static bool areas_fit(const struct riod_virtq *q)
{
	const u64 end = U64_MAX - RIOD_PAGE_SIZE;

	return area(q, VIRTQ_DESCRIPTORS) <= end - VIRTQ_DESC * q->size &&
	       area(q, VIRTQ_DRIVER) <= end - VIRTQ_DRIVER_SIZE(q->size) &&
	       area(q, VIRTQ_DEVICE) <= end - VIRTQ_DEVICE_SIZE(q->size);
}

static void enable_queue(struct riod_virtio *v, struct riod_virtq *q)
{
	if (q->enabled || !q->size || q->size > VIRTQ_SIZE_MAX || !areas_fit(q))
		return;
	q->enabled = true;
	q->avail = 0;
	q->notified = 0;
	q->used = 0;
	v->order_cuts = VIRTIO_ORDER_CUTS;
}

static u32 get_reg(const struct riod_virtio *v, u32 offset, u32 width)
{
	u32 value = 0;

	while (width--)
		value = value << 8 | v->regs[offset + width];
	return value;
}

static struct riod_virtq *selected(struct riod_virtio *v)
{
	u32 i = get_reg(v, VIRTIO_QUEUE_SELECT, 2);

	return i < VIRTQ_MAX ? &v->queues[i] : NULL;
}

/* a field of @common that each queue has */
static void write_queue(struct riod_virtio *v, u32 offset, u8 width, u64 value)
{
	struct riod_virtq *q = selected(v);
	u8 i;

	if (!q) {
		pr_warn_once("a guest has more than %u virtqueues: the rest is not kept in order and not notified\n",
			     VIRTQ_MAX);
		return;
	}
	if (offset >= VIRTIO_QUEUE_AREAS && offset + width <= VIRTIO_QUEUE_AREAS +
	    sizeof(q->areas)) {
		for (i = 0; i < width && !q->enabled; i++)
			((u8 *)q->areas)[offset - VIRTIO_QUEUE_AREAS + i] = value >> (i * 8);
		return;
	}
	switch (offset) {
	case VIRTIO_QUEUE_SIZE:
		if (!q->enabled)
			q->size = value;
		break;
	case VIRTIO_QUEUE_VECTOR:
		q->vector = value;
		break;
	case VIRTIO_QUEUE_ENABLE:
		if (value == 1)
			enable_queue(v, q);
		break;
	case VIRTIO_QUEUE_RESET:
		if (value == 1)
			forget_queue(v, q);
		break;
	}
}

static void write_common(struct riod_virtio *v, u32 offset, u8 width, u64 value)
{
	u32 word;
	u8 i;

	if (offset >= VIRTIO_QUEUE_SIZE) {
		write_queue(v, offset, width, value);
		return;
	}
	for (i = 0; i < width && offset + i < sizeof(v->regs); i++)
		v->regs[offset + i] = value >> (i * 8);
	word = get_reg(v, VIRTIO_DRIVER_SELECT, 4);
	if (offset == VIRTIO_DRIVER_FEATURE && word < ARRAY_SIZE(v->features))
		v->features[word] = value;
	else if (offset == VIRTIO_STATUS && !value)
		virtio_reset(v);
	else if (offset == VIRTIO_STATUS)
		v->order_cuts = VIRTIO_ORDER_CUTS;
}

/* everything published so far is in the cut ahead of this notification */
static void guest_notifies(struct riod_virtio *v, u64 offset)
{
	struct riod_virtq *q;

	v->looks = VIRTQ_LOOKS_MAX;
	for (q = v->queues; q < v->queues + VIRTQ_MAX; q++) {
		if (!q->enabled || notify_at(v, q) != offset)
			continue;
		look_at_avail(v, q);
		q->notified = q->avail;
	}
}

static bool virtio_bar_write(void *state, u8 bar, u64 offset, u8 width, u64 value)
{
	struct riod_virtio *v = state;
	s64 at = window_at(&v->common, bar, offset, width);

	if (at >= 0)
		write_common(v, at, width, value);
	/* multiplier 0: queues share one address, and each is notified again */
	else if (v->multiplier && window_at(&v->notify, bar, offset, width) >= 0)
		guest_notifies(v, offset);
	return false;
}

/* edit feature bits 32 to 63 */
static u64 offer_features(u64 value)
{
	/* 6.1: without it, a device uses physical addresses, as QEMU's do by default */
	if (!(value & VIRTIO_F_ACCESS_PLATFORM))
		pr_warn_ratelimited("the device does not offer VIRTIO_F_ACCESS_PLATFORM: it goes past the server host's IOMMU and cannot work for a guest; QEMU's devices need iommu_platform=on\n");
	return value & ~(u64)VIRTIO_HIDDEN;
}

static u64 read_common(struct riod_virtio *v, u32 offset, u64 value)
{
	struct riod_virtq *q = selected(v);

	if (offset == VIRTIO_FEATURE && get_reg(v, VIRTIO_FEATURE_SELECT, 4) == 1)
		return offer_features(value);
	if (q && offset == VIRTIO_QUEUE_NOTIFY_OFF)
		q->notify_off = value;
	/* the initial value, unless the guest lowers it */
	else if (q && offset == VIRTIO_QUEUE_SIZE && !q->enabled)
		q->size = value;
	return value;
}

static u64 virtio_bar_read(void *state, u8 bar, u64 offset, u8 width, u64 value)
{
	struct riod_virtio *v = state;
	s64 at = window_at(&v->common, bar, offset, width);

	if (at >= 0)
		return read_common(v, at, value);
	/* 4.1.4.5: without MSI-X, bit 0 shows an interrupt of a queue */
	if (window_at(&v->isr, bar, offset, width) == 0 && v->raised) {
		v->raised = false;
		value |= 1;
	}
	return value;
}

/* ------------------------------------------------------------ config space */

static u32 cfg_le32(const struct riod_cfg *cfg, u32 at)
{
	return cfg->bytes[at] | cfg->bytes[at + 1] << 8 | cfg->bytes[at + 2] << 16 |
	       (u32)cfg->bytes[at + 3] << 24;
}

static void learn_window(struct riod_virtio *v, const struct riod_cfg *cfg, u32 at)
{
	struct riod_virtio_window w = {
		.bar = cfg->bytes[at + VIRTIO_CAP_BAR],
		.offset = cfg_le32(cfg, at + VIRTIO_CAP_OFFSET),
		.len = cfg_le32(cfg, at + VIRTIO_CAP_LENGTH),
	};

	/* 4.1.4: the first usable one of each kind counts; other BARs are reserved */
	if (w.bar >= RIOD_BARS)
		return;
	switch (cfg->bytes[at + VIRTIO_CAP_TYPE]) {
	case VIRTIO_CAP_COMMON:
		w.len = min_t(u32, w.len, VIRTIO_COMMON_SIZE);
		if (!v->common.len)
			v->common = w;
		break;
	case VIRTIO_CAP_NOTIFY:
		if (v->notify.len)
			break;
		v->notify = w;
		v->multiplier = cfg_le32(cfg, at + VIRTIO_CAP_MULTIPLIER);
		break;
	case VIRTIO_CAP_ISR:
		if (!v->isr.len)
			v->isr = w;
		break;
	}
}

static void virtio_edit_config(void *state, struct riod_cfg *cfg)
{
	u32 left = VIRTIO_CAPS_MAX, at = cfg->bytes[VIRTIO_CAP_LIST] & ~3u;

	for (; at >= 64 && left; at = cfg->bytes[at + 1] & ~3u, left--) {
		/* everything that is read lies in the first 256 bytes */
		if (cfg->bytes[at] == VIRTIO_CAP_VENDOR && at + VIRTIO_CAP_MULTIPLIER + 4 <= 256)
			learn_window(state, cfg, at);
	}
}

/* ------------------------------------------------------------ life */

static int virtio_init(void **state, const struct riod_profile_env *env)
{
	struct riod_virtio *v = kvzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
	u32 i;

	if (!v)
		return -ENOMEM;
	v->env = *env;
	/* the usual values, if a driver does not read them */
	for (i = 0; i < VIRTQ_MAX; i++)
		v->queues[i].notify_off = i;
	virtio_reset(v);
	*state = v;
	return 0;
}

static void virtio_exit(void *state)
{
	kvfree(state);
}

static bool virtio_match(u16 vendor, u16 device, u32 class)
{
	return vendor == VIRTIO_VENDOR && device >= VIRTIO_DEVICE_FIRST &&
	       device <= VIRTIO_DEVICE_LAST;
}

const struct riod_profile riod_profile_virtio = {
	.name = "virtio",
	.match = virtio_match,
	.init = virtio_init,
	.exit = virtio_exit,
	.edit_config = virtio_edit_config,
	.bar_read = virtio_bar_read,
	.bar_write = virtio_bar_write,
	.mapped = virtio_mapped,
	.after_cut = virtio_after_cut,
	.after_apply = virtio_after_apply,
	.reset = virtio_reset,
};
EXPORT_SYMBOL_IF_KUNIT(riod_profile_virtio);

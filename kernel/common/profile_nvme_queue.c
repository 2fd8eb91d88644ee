// SPDX-License-Identifier: GPL-2.0-only
/*
 * NVMe: queues, and the commands in them
 *
 * A command is looked at when the guest rings for it, before the doorbell is sent, and its
 * completion before the guest can see it.  In between the memory that the command names is named
 * to the frontend (rule 20), and what moves is told (rule 21).  Where all memory is shared, only
 * admin commands matter: their completions are looked at before the guest is interrupted, and,
 * as a guest may poll, when it rings.
 *
 * If the memory cannot be named, the doorbell waits (@owed): the device must not see a
 * command whose memory it cannot reach.  Completions make room.
 */
#define pr_fmt(fmt) "riod: nvme: " fmt

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "profile_nvme.h"

/* 5.17.2.1 Identify Controller data */
#define NVME_ID_OACS_HIGH	257
#define NVME_ID_OACS_DBBUF	BIT(0)		/* OACS bit 8 */
#define NVME_ID_HMPRE		272		/* HMPRE and HMMIN, four bytes each */
#define NVME_ID_HMMIN_END	280
/* 4.1.5.1 of the NVM Command Set Specification: Identify Namespace data */
#define NVME_ID_NS_FLBAS	26
#define NVME_ID_NS_LBAF		128
#define NVME_ID_NS_LBAFS	64

/* 5.2: asynchronous event: notice, namespace attribute changed */
#define NVME_AER_NOTICE		2
#define NVME_AER_NS_CHANGED	0

/* 4.2.3: status code and its type; retry delay, "more" and "do not retry" are behind them */
#define NVME_STATUS_CODE	0x7ff

enum { ADMIN_QUEUE };

static void warn_unordered(void)
{
	pr_warn_once("a guest has a completion queue that is scattered, or more of them than are kept track of: whoever polls it may see completions ahead of their data\n");
}

static void warn_unbounded(void)
{
	pr_warn_once("a guest has sent a command whose memory cannot be told from its entry; its device cannot reach that memory\n");
}

/* ------------------------------------------------------------ requests */

static unsigned long request_index(u16 sqid, u16 cid)
{
	return (unsigned long)sqid << 16 | cid;
}

static int name(struct riod_nvme *n, u64 iova, u64 len, enum riod_profile_use use)
{
	return n->env.name ? n->env.name(n->env.priv, iova, len, use) : 0;
}

static void unname(struct riod_nvme *n, u64 iova, u64 len)
{
	if (n->env.name)
		n->env.unname(n->env.priv, iova, len);
}

static void unname_extents(struct riod_nvme *n, const struct riod_profile_extent *x, u32 count)
{
	while (count--)
		unname(n, x[count].iova, x[count].len);
}

static int name_extents(struct riod_nvme *n, const struct riod_profile_extent *x, u32 count,
			enum riod_profile_use use)
{
	u32 i;
	int err;

	for (i = 0; i < count; i++) {
		err = name(n, x[i].iova, x[i].len, use);
		if (err) {
			unname_extents(n, x, i);
			return err;
		}
	}
	return 0;
}

/* true if there was one */
static bool request_end(struct riod_nvme *n, unsigned long index)
{
	struct riod_nvme_request *r = xa_erase(&n->requests, index);

	if (!r)
		return false;
	n->nrequests--;
	n->nholding -= !!r->n;
	n->nheld -= r->n;
	unname_extents(n, r->extents, r->n);
	if (r->again)
		n->env.forget(n->env.priv, index, index);
	kvfree(r);
	return true;
}

/* they end without a completion */
static void requests_end(struct riod_nvme *n, unsigned long first, unsigned long last)
{
	bool any = false;
	unsigned long i;
	void *r;

	xa_for_each_range(&n->requests, i, r, first, last)
		any |= request_end(n, i);
	if (any && n->env.name)
		n->env.forget(n->env.priv, first, min(last, (unsigned long)U32_MAX));
}

/*
 * Nothing that ends later makes room, so it is left to the device to fail.  An asynchronous
 * event request is under way all the time, and holds nothing.
 */
static bool never_fits(const struct riod_nvme *n, int err)
{
	return err == -EDQUOT && !n->nholding;
}

/* tell what moves, and the entry of the command */
static int request_post(struct riod_nvme *n, u32 key, const struct riod_nvme_request *r, u32 count)
{
	if (!n->env.name)
		return 0;
	n->scratch[0] = (struct riod_profile_extent){ r->at, sizeof(r->sqe), RIOD_EXTENT_OUT };
	memcpy(n->scratch + 1, r->extents, count * sizeof(*r->extents));
	return n->env.request(n->env.priv, key, r->always, n->scratch, 1 + count);
}

/* in extents that are out extents, too: the device may have begun to write them */
static u32 extents_again(const struct riod_nvme_request *r)
{
	return r->use == RIOD_USE_EXACT && !r->always ? r->n : 0;
}

void nvme_requests_again(struct riod_nvme *n)
{
	struct riod_nvme_request *r;
	unsigned long i;

	n->again = false;
	xa_for_each(&n->requests, i, r) {
		r->again = !!n->env.name;
		n->again |= !!request_post(n, i, r, extents_again(r));
	}
}

/* 0; -ENOMEM, -EDQUOT or -EBUSY: later.  @at: where the entry is */
static int request_begin(struct riod_nvme *n, u16 sqid, u64 at, const struct riod_nvme_sqe *e)
{
	unsigned long index = request_index(sqid, le16_to_cpu(e->cid));
	struct riod_nvme_data data = {};
	struct riod_nvme_request *r;
	int err;

	/* one command for each identifier: the device has done with the earlier one */
	requests_end(n, index, index);
	if (nvme_data(n, e, sqid == ADMIN_QUEUE, &data)) {
		warn_unbounded();
		data.n = 0;
	}
	if (n->nrequests == NVME_REQUESTS_MAX || n->nheld + data.n > NVME_HELD_MAX)
		return -EDQUOT;
	r = kvzalloc(struct_size(r, extents, data.n), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	err = name_extents(n, n->scratch + 1, data.n, data.use);
	if (err == -EINVAL || never_fits(n, err)) {
		warn_unbounded();
		data.n = 0;
	} else if (err) {
		kvfree(r);
		return err;
	}
	r->sqe = *e;
	r->at = at;
	r->use = data.use;
	r->always = data.always;
	r->n = data.n;
	memcpy(r->extents, n->scratch + 1, data.n * sizeof(*n->scratch));
	err = xa_err(xa_store(&n->requests, index, r, GFP_KERNEL_ACCOUNT));
	if (!err) {
		err = request_post(n, index, r, r->use == RIOD_USE_EXACT ? r->n : 0);
		if (err)
			xa_erase(&n->requests, index);
	}
	if (err) {
		unname_extents(n, r->extents, r->n);
		kvfree(r);
	} else {
		n->nrequests++;
		n->nholding += !!r->n;
		n->nheld += r->n;
	}
	return err;
}

/* ------------------------------------------------------------ queues */

static u64 queue_bytes(const struct riod_nvme_queue *q, bool cq)
{
	return (u64)q->entries * (cq ? NVME_CQE_SIZE : NVME_SQE_SIZE);
}

/* the first, @min or later */
static struct riod_nvme_queue *queue_from(struct xarray *queues, unsigned long min,
					  unsigned long *at)
{
	*at = min;
	return xa_find(queues, at, U16_MAX, XA_PRESENT);
}

static int queue_make(struct riod_nvme *n, bool cq, const struct riod_nvme_queue *like)
{
	struct xarray *queues = cq ? &n->cqs : &n->sqs;
	u32 *count = cq ? &n->ncqs : &n->nsqs;
	struct riod_nvme_queue *q;
	int err;

	if (xa_load(queues, like->qid))
		return 0;	/* the device refuses it */
	if (*count == NVME_QUEUES_MAX) {
		warn_unbounded();
		return 0;
	}
	q = kmemdup(like, sizeof(*q), GFP_KERNEL_ACCOUNT);
	if (!q)
		return -ENOMEM;
	err = name(n, q->base, queue_bytes(q, cq), cq ? RIOD_USE_COMPLETIONS : RIOD_USE_EXACT);
	if (!err) {
		err = xa_err(xa_store(queues, q->qid, q, GFP_KERNEL_ACCOUNT));
		if (err)
			unname(n, q->base, queue_bytes(q, cq));
	}
	if (err) {
		kfree(q);
		/* it wraps, or never fits: the device cannot reach it */
		if (err == -EINVAL || never_fits(n, err)) {
			warn_unbounded();
			err = 0;
		}
		return err;
	}
	++*count;
	n->order_cuts = NVME_ORDER_CUTS;
	return 0;
}

static void queue_end(struct riod_nvme *n, bool cq, u16 qid)
{
	struct riod_nvme_queue *q = xa_erase(cq ? &n->cqs : &n->sqs, qid);

	if (!q)
		return;
	if (cq)
		n->ncqs--;
	else
		n->nsqs--;
	n->nowed -= q->owed;
	if (!cq)
		requests_end(n, request_index(qid, 0), request_index(qid, U16_MAX));
	unname(n, q->base, queue_bytes(q, cq));
	n->order_cuts = NVME_ORDER_CUTS;
	kfree(q);
}

static void queues_end(struct riod_nvme *n, bool cq)
{
	struct riod_nvme_queue *q;
	unsigned long i;

	while ((q = queue_from(cq ? &n->cqs : &n->sqs, 0, &i)))
		queue_end(n, cq, q->qid);
}

/* 3.1.3.9 to 3.1.3.11: addresses, whose low 12 bits are reserved, and sizes */
static struct riod_nvme_queue admin_queue(const struct riod_nvme *n, bool cq)
{
	const u8 *aqa = n->regs + NVME_REG_AQA + (cq ? 2 : 0);
	const u8 *base = n->regs + (cq ? NVME_REG_ACQ : NVME_REG_ASQ);

	return (struct riod_nvme_queue){
		.base = get_unaligned_le64(base) & ~(u64)0xfff,
		.entries = (get_unaligned_le16(aqa) & 0xfff) + 1,
		.maker = -1,
		.phase = 1,
	};
}

int nvme_queues_start(struct riod_nvme *n)
{
	struct riod_nvme_queue sq = admin_queue(n, false), cq = admin_queue(n, true);
	int err;

	nvme_queues_stop(n);
	err = queue_make(n, false, &sq) ?: queue_make(n, true, &cq);
	n->running = true;
	if (err)
		nvme_queues_stop(n);
	return err;
}

void nvme_queues_stop(struct riod_nvme *n)
{
	if (!n->running)
		return;
	n->running = false;
	queues_end(n, false);
	queues_end(n, true);
	requests_end(n, 0, ULONG_MAX);
	xa_destroy(&n->formats);
	n->nformats = 0;
	n->shadow = 0;
}

void nvme_queues_init(struct riod_nvme *n)
{
	xa_init(&n->sqs);
	xa_init(&n->cqs);
	xa_init(&n->requests);
	xa_init(&n->formats);
}

static void free_all(struct xarray *xa)
{
	unsigned long i;
	void *entry;

	xa_for_each(xa, i, entry)
		kvfree(entry);
	xa_destroy(xa);
}

void nvme_queues_free(struct riod_nvme *n)
{
	free_all(&n->sqs);
	free_all(&n->cqs);
	free_all(&n->requests);
	xa_destroy(&n->formats);
}

/*
 * 5.4, 5.5.  Done at the command, not at its completion, because the device may use the queue
 * right after that.  If the controller rejects the command, the completion undoes it.
 */
static int create_queue(struct riod_nvme *n, const struct riod_nvme_sqe *e, bool cq)
{
	u32 cdw10 = le32_to_cpu(e->cdw10);
	const struct riod_nvme_queue q = {
		.base = le64_to_cpu(e->prp1) & ~(u64)0xfff,
		.entries = (cdw10 >> 16) + 1,
		.qid = cdw10,
		.maker = le16_to_cpu(e->cid),
		.phase = 1,
	};

	/* the profile sets CAP.CQR, so a controller need not accept others */
	if (!(le32_to_cpu(e->cdw11) & NVME_CREATE_PC)) {
		warn_unordered();
		return 0;
	}
	return queue_make(n, cq, &q);
}

/* ------------------------------------------------------------ namespaces */

static void forget_formats(struct riod_nvme *n)
{
	xa_destroy(&n->formats);
	n->nformats = 0;
}

/* a byte of a data buffer that has two PRP entries (4.1.1) */
static u8 *data_byte(struct riod_nvme *n, const struct riod_nvme_sqe *e, u32 pos, bool write)
{
	u64 size = nvme_page_size(n), prp1 = le64_to_cpu(e->prp1), prp2 = le64_to_cpu(e->prp2);
	u64 first = size - (prp1 & (size - 1));
	u64 addr = pos < first ? prp1 + pos : (prp2 & ~(size - 1)) + pos - first;

	return n->env.mem(n->env.priv, addr, 1, write);
}

static u32 data_value(struct riod_nvme *n, const struct riod_nvme_sqe *e, u32 pos, u32 width)
{
	u32 value = 0;
	const u8 *p;

	while (width--) {
		p = data_byte(n, e, pos + width, false);
		value = value << 8 | (p ? READ_ONCE(*p) : 0);
	}
	return value;
}

/* the guest reads it now, and formats its commands accordingly */
static void learn_format(struct riod_nvme *n, const struct riod_nvme_sqe *e)
{
	u32 flbas = data_value(n, e, NVME_ID_NS_FLBAS, 1), lbaf;
	u32 at = (flbas & 0xf) | (flbas >> 5 & 3) << 4;
	unsigned long nsid = le32_to_cpu(e->nsid), format;
	bool known = xa_load(&n->formats, nsid);

	lbaf = data_value(n, e, NVME_ID_NS_LBAF + 4 * min_t(u32, at, NVME_ID_NS_LBAFS - 1), 4);
	format = NVME_FORMAT(lbaf >> 16 & 0xff, lbaf & 0xffff, flbas >> 4 & 1);
	/* an inactive namespace; nothing is that large */
	if ((lbaf >> 16 & 0xff) < 9 || (lbaf >> 16 & 0xff) > 24 ||
	    (!known && n->nformats == NVME_NAMESPACES_MAX)) {
		n->nformats -= !!xa_erase(&n->formats, nsid);
		return;
	}
	/* without memory its commands take longer to decode */
	if (!xa_err(xa_store(&n->formats, nsid, xa_mk_value(format), GFP_KERNEL_ACCOUNT)))
		n->nformats += !known;
}

/* ------------------------------------------------------------ admin commands */

static void clear_bits(struct riod_nvme *n, const struct riod_nvme_sqe *e, u32 pos, u8 bits)
{
	u8 *p = data_byte(n, e, pos, true);

	/* do not store into guest memory without need */
	if (p && *p & bits)
		WRITE_ONCE(*p, *p & ~bits);
}

static void edit_identify(struct riod_nvme *n, const struct riod_nvme_sqe *e)
{
	u32 pos;

	clear_bits(n, e, NVME_ID_OACS_HIGH, NVME_ID_OACS_DBBUF);
	for (pos = NVME_ID_HMPRE; pos < NVME_ID_HMMIN_END; pos++)
		clear_bits(n, e, pos, 0xff);
}

static void begin_shadow(struct riod_nvme *n, const struct riod_nvme_sqe *e)
{
	/* the device cannot reach them once this command is over, and does not see them rung */
	if (n->env.name)
		return;
	n->shadow = le64_to_cpu(e->prp1) & ~(u64)(NVME_SHADOW_SIZE - 1);
	memset(n->rung, 0, sizeof(n->rung));
	pr_warn_once("a guest has doorbells in memory although the controller does not offer them; they are rung after every cut, which is slow\n");
}

/* 0 or -ENOMEM, -EDQUOT */
static int admin_begins(struct riod_nvme *n, const struct riod_nvme_sqe *e)
{
	switch (e->opcode) {
	case NVME_ADMIN_CREATE_SQ:
		return create_queue(n, e, false);
	case NVME_ADMIN_CREATE_CQ:
		return create_queue(n, e, true);
	case NVME_ADMIN_FORMAT:
	case NVME_ADMIN_NS_MGMT:
		forget_formats(n);
		return 0;
	default:
		return 0;
	}
}

static void made(struct riod_nvme *n, const struct riod_nvme_sqe *e, bool cq, bool ok)
{
	struct riod_nvme_queue *q = xa_load(cq ? &n->cqs : &n->sqs, (u16)le32_to_cpu(e->cdw10));

	if (!q || q->maker != le16_to_cpu(e->cid))
		return;
	q->maker = -1;
	if (!ok)
		queue_end(n, cq, q->qid);
}

static void admin_ends(struct riod_nvme *n, const struct riod_nvme_sqe *e, bool ok, u32 dw0)
{
	u16 qid = le32_to_cpu(e->cdw10);

	switch (e->opcode) {
	case NVME_ADMIN_CREATE_SQ:
	case NVME_ADMIN_CREATE_CQ:
		made(n, e, e->opcode == NVME_ADMIN_CREATE_CQ, ok);
		break;
	case NVME_ADMIN_DELETE_SQ:
	case NVME_ADMIN_DELETE_CQ:
		if (ok && qid != ADMIN_QUEUE)
			queue_end(n, e->opcode == NVME_ADMIN_DELETE_CQ, qid);
		break;
	case NVME_ADMIN_IDENTIFY:
		if (ok && (qid & 0xff) == NVME_CNS_CONTROLLER)
			edit_identify(n, e);
		else if (ok && (qid & 0xff) == NVME_CNS_NAMESPACE)
			learn_format(n, e);
		break;
	case NVME_ADMIN_AER:
		if ((dw0 & 7) == NVME_AER_NOTICE && (dw0 >> 8 & 0xff) == NVME_AER_NS_CHANGED)
			forget_formats(n);
		break;
	case NVME_ADMIN_FORMAT:
	case NVME_ADMIN_NS_MGMT:
		forget_formats(n);
		break;
	case NVME_ADMIN_DBBUF:
		if (ok)
			begin_shadow(n, e);
		break;
	}
}

/* ------------------------------------------------------------ submissions */

/* nobody needs to know of the commands of other queues if all memory is shared */
static bool followed(const struct riod_nvme *n, u16 qid)
{
	return n->env.name || qid == ADMIN_QUEUE;
}

/* the commands that the guest has rung for; 0 or -ENOMEM, -EDQUOT: the rest later */
static int decode(struct riod_nvme *n, struct riod_nvme_queue *q)
{
	struct riod_nvme_sqe e;
	u64 at;
	int err;

	while (q->head != q->tail) {
		at = q->base + q->head * NVME_SQE_SIZE;
		/* the guest may change it meanwhile: decide on one copy */
		if (nvme_copy(n, &e, at, sizeof(e))) {
			err = q->qid == ADMIN_QUEUE ? admin_begins(n, &e) : 0;
			err = err ?: request_begin(n, q->qid, at, &e);
			if (err)
				return err;
		}
		q->head = (q->head + 1) % q->entries;
	}
	return 0;
}

static u64 doorbell(const struct riod_nvme *n, u16 qid)
{
	return NVME_REG_DOORBELL + 2 * (u64)qid * n->stride;
}

/* send the doorbell as far as the commands are decoded */
static void push(struct riod_nvme *n, struct riod_nvme_queue *q)
{
	bool owed = decode(n, q);

	if (q->head != q->rung) {
		if (n->env.kick(n->env.priv, 0, doorbell(n, q->qid), 4, q->head))
			owed = true;
		else
			q->rung = q->head;
	}
	n->nowed += owed - q->owed;
	q->owed = owed;
}

bool nvme_ring(struct riod_nvme *n, u16 qid, u32 value)
{
	struct riod_nvme_queue *q;

	if (!followed(n, qid))
		return false;
	/* a guest that polls may have seen that its queue exists; with names, this comes first */
	if (!n->env.name)
		nvme_completions(n);
	q = xa_load(&n->sqs, qid);
	if (!q || value >= q->entries)
		return false;
	q->tail = value;
	if (!q->owed && !decode(n, q)) {
		q->rung = value;
		return false;
	}
	push(n, q);
	return true;
}

void nvme_ring_owed(struct riod_nvme *n)
{
	struct riod_nvme_queue *q;
	unsigned long i = 0;

	while (n->nowed && (q = queue_from(&n->sqs, i, &i))) {
		if (q->owed)
			push(n, q);
		i++;
	}
}

/* ------------------------------------------------------------ completions */

/*
 * 4.2: the entry's second half: SQ head and number, cid, phase and status.  Admin commands
 * complete in the admin queue only (@cqid 0).  An entry elsewhere that names one is forged, and
 * may not end the queue that it is in, which the caller uses.
 */
static void completed(struct riod_nvme *n, u16 cqid, const __le32 *cqe)
{
	u32 dw2 = le32_to_cpu(cqe[2]), dw3 = le32_to_cpu(cqe[3]);
	unsigned long index = request_index(dw2 >> 16, dw3);
	const struct riod_nvme_request *r = xa_load(&n->requests, index);

	if (!r || (dw2 >> 16 == ADMIN_QUEUE && cqid != ADMIN_QUEUE))
		return;
	if (dw2 >> 16 == ADMIN_QUEUE)
		admin_ends(n, &r->sqe, !(dw3 >> 17 & NVME_STATUS_CODE), le32_to_cpu(cqe[0]));
	request_end(n, index);
}

/* the device writes the word with cid, phase and status last */
static bool read_cqe(struct riod_nvme *n, u64 at, __le32 *cqe)
{
	const __le32 *live;

	if (n->env.name)
		return n->env.completion(n->env.priv, at, (u8 *)cqe);
	live = n->env.mem(n->env.priv, at, NVME_CQE_SIZE, false);
	if (!live)
		return false;
	cqe[3] = READ_ONCE(live[3]);
	memcpy(cqe, live, 3 * sizeof(*cqe));
	return true;
}

/* at most all entries once */
static void follow(struct riod_nvme *n, struct riod_nvme_queue *q)
{
	u32 left = q->entries;
	__le32 cqe[4];

	while (left--) {
		if (!read_cqe(n, q->base + q->head * NVME_CQE_SIZE, cqe) ||
		    (le32_to_cpu(cqe[3]) >> 16 & 1) != q->phase)
			return;
		if (++q->head == q->entries) {
			q->head = 0;
			q->phase ^= 1;
		}
		completed(n, q->qid, cqe);
	}
}

/* the admin queue may end others, so each is looked up */
void nvme_completions(struct riod_nvme *n)
{
	struct riod_nvme_queue *q;
	unsigned long i = 0;

	while ((q = queue_from(&n->cqs, i, &i)) && followed(n, i)) {
		follow(n, q);
		i++;
	}
}

/* ------------------------------------------------------------ rule 10, publish order */

/*
 * The memory of a queue is named before the guest's doorbell for the command that creates it
 * is sent, so the engine knows its pages when it takes the cut ahead of the doorbell.  That is
 * this cut or, if the guest rang during the cut, the next one.
 */
void nvme_set_order(struct riod_nvme *n)
{
	struct riod_nvme_queue *q;
	unsigned long i = 0;
	u32 spans = 0;
	int err;

	if (!n->order_cuts)
		return;
	memset(n->spans, 0, sizeof(n->spans));
	while ((q = queue_from(&n->cqs, i, &i))) {
		i++;
		if (spans == NVME_ORDERED) {
			warn_unordered();
			break;
		}
		n->spans[spans].iova = q->base;
		n->spans[spans++].len = queue_bytes(q, true);
	}
	err = n->env.order(n->env.priv, n->spans, spans);
	if (err == -E2BIG)
		warn_unordered();
	/* out of memory: try again behind the next cut */
	if (err != -ENOMEM)
		n->order_cuts--;
}

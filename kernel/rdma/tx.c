// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending: messages, credits
 *
 * A message of data leaves the last credit unused; messages that only return
 * credits, and END, may use it.  So two sides that both wait for credits cannot
 * wait for each other: of the two, the one that last received credits has one
 * left, and returns what it owes once its reader has made room.
 *
 * Buffers are used in turn.  Completions come in order, so one signalled message
 * in RIOD_RDMA_SIGNAL frees the buffers of all messages before it, too.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "rdma.h"

/* a credit is returned at the latest when so many are owed */
#define RIOD_RDMA_OWED_MAX	(RIOD_RDMA_RX / 2)

static bool riod_rdma_tx_ok(struct riod_rdma_conn *rc, const struct ib_wc *wc)
{
	riod_rdma_count(RIOD_RDMA_COMPLETIONS, 1);
	if (wc->status == IB_WC_SUCCESS)
		return true;
	if (wc->status != IB_WC_WR_FLUSH_ERR)
		pr_notice_ratelimited("%pISpc: sending failed: %s\n", &rc->peer,
				      ib_wc_status_msg(wc->status));
	riod_rdma_conn_break(rc);
	return false;
}

static void riod_rdma_data_sent(struct ib_cq *cq, struct ib_wc *wc)
{
	struct riod_rdma_buf *buf = container_of(wc->wr_cqe, struct riod_rdma_buf, cqe);
	struct riod_rdma_conn *rc = cq->cq_context;

	if (!riod_rdma_tx_ok(rc, wc))
		return;
	spin_lock_bh(&rc->lock);
	rc->tx_done = buf->seq + 1;
	spin_unlock_bh(&rc->lock);
	wake_up_all(&rc->tx_wait);
}

static void riod_rdma_credit_sent(struct ib_cq *cq, struct ib_wc *wc)
{
	struct riod_rdma_conn *rc = cq->cq_context;

	if (!riod_rdma_tx_ok(rc, wc))
		return;
	spin_lock_bh(&rc->lock);
	rc->credit_busy = false;
	riod_rdma_return_credits(rc);
	spin_unlock_bh(&rc->lock);
}

static void riod_rdma_end_sent(struct ib_cq *cq, struct ib_wc *wc)
{
	struct riod_rdma_conn *rc = cq->cq_context;

	if (riod_rdma_tx_ok(rc, wc))
		riod_rdma_conn_end(rc, 0);
}

void riod_rdma_tx_init(struct riod_rdma_conn *rc)
{
	unsigned int n;

	init_waitqueue_head(&rc->tx_wait);
	rc->tx_timeo = MAX_SCHEDULE_TIMEOUT;
	for (n = 0; n < ARRAY_SIZE(rc->tx); n++)
		rc->tx[n].cqe.done = riod_rdma_data_sent;
	rc->credit.cqe.done = riod_rdma_credit_sent;
	rc->end.cqe.done = riod_rdma_end_sent;
}

/* post a message with @len bytes of the stream; the caller has checked the credits */
static void riod_rdma_post(struct riod_rdma_conn *rc, struct riod_rdma_buf *buf, u32 len,
			   u16 flags, bool signal)
{
	struct riod_rdma_msg *msg = buf->data;
	struct ib_sge sge = {
		.addr = buf->dma,
		.length = sizeof(*msg) + len,
		.lkey = rc->pd->local_dma_lkey,
	};
	struct ib_send_wr wr = {
		.wr_cqe = &buf->cqe,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IB_WR_SEND,
		.send_flags = signal ? IB_SEND_SIGNALED : 0,
	};
	int err;

	lockdep_assert_held(&rc->lock);
	msg->credits = cpu_to_le16(rc->rx_owed);
	msg->flags = cpu_to_le16(flags);
	msg->len = cpu_to_le32(len);
	rc->rx_owed = 0;
	rc->tx_credits--;
	ib_dma_sync_single_for_device(rc->id->device, buf->dma, sge.length, DMA_TO_DEVICE);
	riod_rdma_count(RIOD_RDMA_TX_MESSAGES, 1);
	riod_rdma_count(RIOD_RDMA_TX_BYTES, len);
	riod_rdma_count(RIOD_RDMA_TX_SIGNALLED, signal);
	err = ib_post_send(rc->id->qp, &wr, NULL);
	if (err)
		riod_rdma_conn_break_locked(rc);
}

/* called whenever there are more credits to use or to return */
void riod_rdma_return_credits(struct riod_rdma_conn *rc)
{
	lockdep_assert_held(&rc->lock);
	if (rc->rx_owed < RIOD_RDMA_OWED_MAX || !rc->tx_credits || rc->credit_busy)
		return;
	if (!rc->established || rc->broken || rc->shut)
		return;
	rc->credit_busy = true;
	riod_rdma_count(RIOD_RDMA_TX_CREDITS, 1);
	riod_rdma_post(rc, &rc->credit, 0, 0, true);
}

/* after shutdown, whenever there is a credit: END once */
void riod_rdma_send_end(struct riod_rdma_conn *rc)
{
	lockdep_assert_held(&rc->lock);
	if (!rc->shut || rc->end_sent || rc->broken || !rc->tx_credits)
		return;
	rc->end_sent = true;
	riod_rdma_post(rc, &rc->end, 0, RIOD_RDMA_MSG_END, true);
}

/*
 * 0: send can go on, or must wait; 1: discard; or the errno.
 *
 * What one call sends after the peer's END is discarded, because a peer that refuses
 * does not wait for what we say first, and recv has to report what it said.  The next
 * call fails: recv may be called late.  TCP does the same.  After a disconnect, END may
 * still be among the completions that are being drained.
 */
static int riod_rdma_tx_state(struct riod_rdma_conn *rc)
{
	lockdep_assert_held(&rc->lock);
	if (rc->shut)
		return -EPIPE;
	if (rc->peer_ended)
		return rc->tx_discarded ? -ECONNRESET : 1;
	return rc->broken && rc->rx_over ? -ECONNRESET : 0;
}

/* 1: the buffer of the next message is free, or not sent; 0: not yet */
static int riod_rdma_try_buf(struct riod_rdma_conn *rc)
{
	int ret;

	spin_lock_bh(&rc->lock);
	ret = riod_rdma_tx_state(rc);
	if (!ret && !rc->broken)
		ret = rc->tx_head - rc->tx_done < RIOD_RDMA_TX;
	spin_unlock_bh(&rc->lock);
	return ret;
}

/* 1: the message was posted or discarded; 0: no credit yet */
static int riod_rdma_try_post(struct riod_rdma_conn *rc)
{
	struct riod_rdma_buf *buf = &rc->tx[rc->tx_head % RIOD_RDMA_TX];
	int ret;

	spin_lock_bh(&rc->lock);
	ret = riod_rdma_tx_state(rc);
	if (!ret && !rc->broken && rc->tx_credits > 1) {
		buf->seq = rc->tx_head++;
		riod_rdma_post(rc, buf, rc->tx_fill, 0, !(rc->tx_head % RIOD_RDMA_SIGNAL));
		ret = 1;
	}
	spin_unlock_bh(&rc->lock);
	return ret;
}

/* each message has its own time limit, so it limits the time without progress */
static int riod_rdma_tx_wait(struct riod_rdma_conn *rc,
			     int (*try)(struct riod_rdma_conn *rc))
{
	int ret = 0;
	long left;

	left = wait_event_interruptible_timeout(rc->tx_wait, (ret = try(rc)), rc->tx_timeo);
	if (ret)
		return min(ret, 0);
	return left ? -EINTR : -ETIMEDOUT;
}

static int riod_rdma_flush(struct riod_rdma_conn *rc)
{
	int err;

	if (!rc->tx_fill)
		return 0;
	err = riod_rdma_tx_wait(rc, riod_rdma_try_post);
	rc->tx_fill = 0;
	return err;
}

/* append to the stream; a full message leaves at once */
static int riod_rdma_write(struct riod_rdma_conn *rc, const void *data, size_t len)
{
	u32 max = rc->tx_size - sizeof(struct riod_rdma_msg), n;
	struct riod_rdma_buf *buf;
	int err;

	while (len) {
		err = rc->tx_fill ? 0 : riod_rdma_tx_wait(rc, riod_rdma_try_buf);
		if (err)
			return err;
		buf = &rc->tx[rc->tx_head % RIOD_RDMA_TX];
		n = min_t(size_t, len, max - rc->tx_fill);
		memcpy(buf->data + sizeof(struct riod_rdma_msg) + rc->tx_fill, data, n);
		rc->tx_fill += n;
		data += n;
		len -= n;
		err = rc->tx_fill < max ? 0 : riod_rdma_flush(rc);
		if (err)
			return err;
	}
	return 0;
}

int riod_rdma_send(struct riod_conn *conn, struct list_head *frames)
{
	struct riod_rdma_conn *rc = to_rdma(conn);
	struct riod_frame *f;
	int err;

	list_for_each_entry(f, frames, list) {
		err = riod_rdma_write(rc, &f->hdr, sizeof(f->hdr)) ?:
		      riod_rdma_write(rc, f->body, f->len);
		if (err)
			return err;
	}
	err = riod_rdma_flush(rc);
	if (READ_ONCE(rc->peer_ended))
		rc->tx_discarded = true;
	return err;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving: completions queue the buffers, recv copies out of them
 *
 * A message that holds no bytes of the stream is handled by its completion, so
 * credits are counted even if nobody calls recv.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "rdma.h"

/* give @buf to the adapter; a credit for it may be announced afterwards */
int riod_rdma_rx_post(struct riod_rdma_conn *rc, struct riod_rdma_buf *buf)
{
	struct ib_sge sge = {
		.addr = buf->dma,
		.length = buf->size,
		.lkey = rc->pd->local_dma_lkey,
	};
	struct ib_recv_wr wr = {
		.wr_cqe = &buf->cqe,
		.sg_list = &sge,
		.num_sge = 1,
	};

	lockdep_assert_held(&rc->lock);
	ib_dma_sync_single_for_device(rc->id->device, buf->dma, buf->size, DMA_FROM_DEVICE);
	riod_rdma_count(RIOD_RDMA_RX_POSTED, 1);
	return ib_post_recv(rc->id->qp, &wr, NULL);
}

/* the bytes in @buf are not needed any more */
static void riod_rdma_rx_return(struct riod_rdma_conn *rc, struct riod_rdma_buf *buf)
{
	lockdep_assert_held(&rc->lock);
	if (rc->ending)
		return;
	if (riod_rdma_rx_post(rc, buf)) {
		riod_rdma_conn_break_locked(rc);
		return;
	}
	rc->rx_owed++;
	riod_rdma_return_credits(rc);
}

static void riod_rdma_rx_end_locked(struct riod_rdma_conn *rc, int err)
{
	lockdep_assert_held(&rc->lock);
	if (rc->rx_over)
		return;
	rc->rx_over = true;
	rc->rx_err = err;
	wake_up_all(&rc->rx_wait);
	wake_up_all(&rc->tx_wait);
}

/* nothing more will be received; recv returns @err when it has read the rest */
void riod_rdma_rx_end(struct riod_rdma_conn *rc, int err)
{
	spin_lock_bh(&rc->lock);
	riod_rdma_rx_end_locked(rc, err);
	spin_unlock_bh(&rc->lock);
}

static bool riod_rdma_msg_valid(struct riod_rdma_conn *rc, const struct riod_rdma_msg *msg,
				u32 bytes)
{
	return bytes >= sizeof(*msg) &&
	       le32_to_cpu(msg->len) == bytes - sizeof(*msg) &&
	       (msg->len || msg->credits || msg->flags) &&
	       !(le16_to_cpu(msg->flags) & ~RIOD_RDMA_MSG_END) &&
	       le16_to_cpu(msg->credits) <= rc->tx_credits_max - rc->tx_credits;
}

static void riod_rdma_rx_msg(struct riod_rdma_conn *rc, struct riod_rdma_buf *buf,
			     const struct riod_rdma_msg *msg)
{
	lockdep_assert_held(&rc->lock);
	rc->tx_credits += le16_to_cpu(msg->credits);
	buf->len = le32_to_cpu(msg->len);
	riod_rdma_count(RIOD_RDMA_RX_BYTES, buf->len);
	/* after shutdown recv reads what had arrived before, and no more */
	if (buf->len && !rc->shut) {
		list_add_tail(&buf->list, &rc->rx_ready);
		wake_up_all(&rc->rx_wait);
	}
	if (le16_to_cpu(msg->flags) & RIOD_RDMA_MSG_END) {
		WRITE_ONCE(rc->peer_ended, true);
		riod_rdma_rx_end_locked(rc, -ECONNRESET);
	}
	if (!buf->len) {
		riod_rdma_count(RIOD_RDMA_RX_CREDITS, 1);
		riod_rdma_rx_return(rc, buf);
	}
	if (msg->credits) {
		riod_rdma_return_credits(rc);
		riod_rdma_send_end(rc);
		wake_up_all(&rc->tx_wait);
	}
}

/* the layer above only sees that the stream has ended with -EPROTO: say why */
static void riod_rdma_rx_invalid(struct riod_rdma_conn *rc, const struct riod_rdma_msg *msg,
				 u32 bytes)
{
	lockdep_assert_held(&rc->lock);
	pr_notice_ratelimited("%pISpc broke the protocol: message of %u bytes: length %u, flags %#x, credits %u of %u\n",
			      &rc->peer, bytes, le32_to_cpu(msg->len), le16_to_cpu(msg->flags),
			      le16_to_cpu(msg->credits), rc->tx_credits_max - rc->tx_credits);
	riod_rdma_rx_end_locked(rc, -EPROTO);
}

static void riod_rdma_received(struct ib_cq *cq, struct ib_wc *wc)
{
	struct riod_rdma_buf *buf = container_of(wc->wr_cqe, struct riod_rdma_buf, cqe);
	struct riod_rdma_conn *rc = cq->cq_context;
	struct riod_rdma_msg msg = {};

	riod_rdma_count(RIOD_RDMA_COMPLETIONS, 1);
	if (wc->status != IB_WC_SUCCESS) {
		riod_rdma_conn_break(rc);
		riod_rdma_rx_end(rc, -ECONNRESET);
		return;
	}
	/* the RTU is late or lost, and not every adapter reports COMM_EST */
	if (rc->passive && !READ_ONCE(rc->established))
		queue_work(riod_rdma_wq, &rc->event_work);
	ib_dma_sync_single_for_cpu(rc->id->device, buf->dma, buf->size, DMA_FROM_DEVICE);
	riod_rdma_count(RIOD_RDMA_RX_MESSAGES, 1);
	/* a copy: once the buffer is posted again, the peer's next message may replace it */
	if (wc->byte_len >= sizeof(msg))
		memcpy(&msg, buf->data, sizeof(msg));
	spin_lock_bh(&rc->lock);
	/* nothing is read behind a fault or END, but answers may still be sent */
	if (rc->rx_over)
		;
	else if (riod_rdma_msg_valid(rc, &msg, wc->byte_len))
		riod_rdma_rx_msg(rc, buf, &msg);
	else
		riod_rdma_rx_invalid(rc, &msg, wc->byte_len);
	spin_unlock_bh(&rc->lock);
}

void riod_rdma_rx_init(struct riod_rdma_conn *rc)
{
	unsigned int n;

	init_waitqueue_head(&rc->rx_wait);
	INIT_LIST_HEAD(&rc->rx_ready);
	for (n = 0; n < ARRAY_SIZE(rc->rx); n++)
		rc->rx[n].cqe.done = riod_rdma_received;
}

/* 1: @rx_cur is the next buffer; 0: none yet; or the errno of the end */
static int riod_rdma_try_next(struct riod_rdma_conn *rc)
{
	int ret = 0;

	spin_lock_bh(&rc->lock);
	rc->rx_cur = list_first_entry_or_null(&rc->rx_ready, struct riod_rdma_buf, list);
	if (rc->rx_cur) {
		list_del(&rc->rx_cur->list);
		rc->rx_pos = 0;
		ret = 1;
	} else if (rc->shut) {
		ret = -ECONNRESET;
	} else if (rc->rx_over) {
		ret = rc->rx_err;
	}
	spin_unlock_bh(&rc->lock);
	return ret;
}

static int riod_rdma_rx_next(struct riod_rdma_conn *rc, unsigned long deadline)
{
	long left = MAX_SCHEDULE_TIMEOUT;
	int ret = 0;

	if (rc->rx_timeo) {
		left = (long)(deadline - jiffies);
		if (left <= 0)
			return -ETIMEDOUT;
	}
	left = wait_event_interruptible_timeout(rc->rx_wait, (ret = riod_rdma_try_next(rc)),
						left);
	if (ret)
		return min(ret, 0);
	return left ? -EINTR : -ETIMEDOUT;
}

static int riod_rdma_read(struct riod_rdma_conn *rc, void *to, u32 len, unsigned long deadline)
{
	int err;
	u32 n;

	while (len) {
		err = rc->rx_cur ? 0 : riod_rdma_rx_next(rc, deadline);
		if (err)
			return err;
		n = min(len, rc->rx_cur->len - rc->rx_pos);
		memcpy(to, rc->rx_cur->data + sizeof(struct riod_rdma_msg) + rc->rx_pos, n);
		to += n;
		len -= n;
		rc->rx_pos += n;
		if (rc->rx_pos < rc->rx_cur->len)
			continue;
		spin_lock_bh(&rc->lock);
		riod_rdma_rx_return(rc, rc->rx_cur);
		spin_unlock_bh(&rc->lock);
		rc->rx_cur = NULL;
	}
	return 0;
}

struct riod_frame *riod_rdma_recv(struct riod_conn *conn, u32 max_frame)
{
	struct riod_rdma_conn *rc = to_rdma(conn);
	unsigned long deadline = jiffies + rc->rx_timeo;
	struct riod_frame_hdr hdr;
	struct riod_frame *f;
	int err;

	err = riod_rdma_read(rc, &hdr, sizeof(hdr), deadline);
	if (err)
		return ERR_PTR(err);
	f = riod_frame_recv_alloc(&hdr, max_frame);
	if (IS_ERR(f))
		return f;
	err = riod_rdma_read(rc, f->body, f->len, deadline);
	if (err) {
		riod_frame_free(f);
		return ERR_PTR(err);
	}
	return f;
}

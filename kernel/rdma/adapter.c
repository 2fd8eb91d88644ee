// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a connection has of the adapter: queues and mapped buffers
 *
 * Buffers are mapped for DMA here, when a connection begins, and unmapped when
 * it ends.  They are used with the local key of the protection domain, so there
 * are no memory regions.  In between, ownership passes by
 * ib_dma_sync_single_for_*().
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/slab.h>

#include "rdma.h"

/* one more work request in each queue, for draining it */
#define RIOD_RDMA_SQ	(RIOD_RDMA_TX + 2 + 1)
#define RIOD_RDMA_RQ	(RIOD_RDMA_RX + 1)

/*
 * Adapters report events in any context, hard interrupts included.  Neither our lock nor
 * those of ib_cm (lockdep: its xarrays) may be taken there.
 */
static void riod_rdma_event_work(struct work_struct *work)
{
	struct riod_rdma_conn *rc = container_of(work, struct riod_rdma_conn, event_work);

	if (READ_ONCE(rc->qp_failed))
		riod_rdma_conn_break(rc);
	else	/* no effect if the RTU has come meanwhile */
		rdma_notify(rc->id, IB_EVENT_COMM_EST);
}

static void riod_rdma_qp_event(struct ib_event *ev, void *priv)
{
	struct riod_rdma_conn *rc = priv;

	switch (ev->event) {
	case IB_EVENT_QP_FATAL:
	case IB_EVENT_QP_REQ_ERR:
	case IB_EVENT_QP_ACCESS_ERR:
		/* not all adapters complete the receives then */
		pr_notice_ratelimited("%pISpc: queue pair: %s\n", &rc->peer,
				      ib_event_msg(ev->event));
		WRITE_ONCE(rc->qp_failed, true);
		queue_work(riod_rdma_wq, &rc->event_work);
		break;
	case IB_EVENT_COMM_EST:
		/* the CM may not have seen the RTU, but messages arrive */
		queue_work(riod_rdma_wq, &rc->event_work);
		break;
	default:
		break;
	}
}

void riod_rdma_adapter_init(struct riod_rdma_conn *rc)
{
	INIT_WORK(&rc->event_work, riod_rdma_event_work);
}

static int riod_rdma_buf_map(struct ib_device *dev, struct riod_rdma_buf *buf, u32 size,
			     enum dma_data_direction dir)
{
	buf->data = kzalloc(size, GFP_KERNEL);
	if (!buf->data)
		return -ENOMEM;
	buf->size = size;
	buf->dma = ib_dma_map_single(dev, buf->data, size, dir);
	if (ib_dma_mapping_error(dev, buf->dma))
		return -ENOMEM;
	buf->mapped = true;
	riod_rdma_count(RIOD_RDMA_MAPPINGS, 1);
	return 0;
}

static void riod_rdma_buf_unmap(struct ib_device *dev, struct riod_rdma_buf *buf,
				enum dma_data_direction dir)
{
	if (buf->mapped)
		ib_dma_unmap_single(dev, buf->dma, buf->size, dir);
	buf->mapped = false;
}

static int riod_rdma_bufs_map(struct riod_rdma_conn *rc)
{
	struct ib_device *dev = rc->id->device;
	unsigned int n;
	int err = 0;

	for (n = 0; !err && n < ARRAY_SIZE(rc->tx); n++)
		err = riod_rdma_buf_map(dev, &rc->tx[n], RIOD_RDMA_BUF, DMA_TO_DEVICE);
	for (n = 0; !err && n < ARRAY_SIZE(rc->rx); n++)
		err = riod_rdma_buf_map(dev, &rc->rx[n], RIOD_RDMA_BUF, DMA_FROM_DEVICE);
	if (!err)
		err = riod_rdma_buf_map(dev, &rc->credit, sizeof(struct riod_rdma_msg),
					DMA_TO_DEVICE);
	if (!err)
		err = riod_rdma_buf_map(dev, &rc->end, sizeof(struct riod_rdma_msg),
					DMA_TO_DEVICE);
	return err;
}

static void riod_rdma_bufs_unmap(struct riod_rdma_conn *rc)
{
	struct ib_device *dev = rc->id->device;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(rc->tx); n++)
		riod_rdma_buf_unmap(dev, &rc->tx[n], DMA_TO_DEVICE);
	for (n = 0; n < ARRAY_SIZE(rc->rx); n++)
		riod_rdma_buf_unmap(dev, &rc->rx[n], DMA_FROM_DEVICE);
	riod_rdma_buf_unmap(dev, &rc->credit, DMA_TO_DEVICE);
	riod_rdma_buf_unmap(dev, &rc->end, DMA_TO_DEVICE);
}

/* the buffers may hold guest memory, so zero them */
void riod_rdma_bufs_free(struct riod_rdma_conn *rc)
{
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(rc->tx); n++)
		kfree_sensitive(rc->tx[n].data);
	for (n = 0; n < ARRAY_SIZE(rc->rx); n++)
		kfree_sensitive(rc->rx[n].data);
	kfree(rc->credit.data);
	kfree(rc->end.data);
}

/* before the connection exists, so that the peer's first message finds a buffer */
static int riod_rdma_post_all(struct riod_rdma_conn *rc)
{
	unsigned int n;
	int err = 0;

	spin_lock_bh(&rc->lock);
	for (n = 0; !err && n < ARRAY_SIZE(rc->rx); n++)
		err = riod_rdma_rx_post(rc, &rc->rx[n]);
	spin_unlock_bh(&rc->lock);
	return err;
}

static int riod_rdma_queues_open(struct riod_rdma_conn *rc)
{
	struct ib_qp_init_attr attr = {
		.event_handler	= riod_rdma_qp_event,
		.qp_context	= rc,
		.cap = {
			.max_send_wr	= RIOD_RDMA_SQ,
			.max_recv_wr	= RIOD_RDMA_RQ,
			.max_send_sge	= 1,
			.max_recv_sge	= 1,
		},
		.sq_sig_type	= IB_SIGNAL_REQ_WR,
		.qp_type	= IB_QPT_RC,
	};
	struct ib_device *dev = rc->id->device;
	struct ib_pd *pd;
	struct ib_cq *cq;

	pd = ib_alloc_pd(dev, 0);
	if (IS_ERR(pd))
		return PTR_ERR(pd);
	rc->pd = pd;
	/*
	 * Softirqs, in batches: a completion only moves a buffer to a list and wakes
	 * a thread, so another context switch would take longer than the work.
	 */
	cq = ib_alloc_cq_any(dev, rc, RIOD_RDMA_SQ + RIOD_RDMA_RQ, IB_POLL_SOFTIRQ);
	if (IS_ERR(cq))
		return PTR_ERR(cq);
	rc->cq = cq;
	attr.send_cq = cq;
	attr.recv_cq = cq;
	return rdma_create_qp(rc->id, pd, &attr);
}

/* after an error, too, riod_rdma_adapter_close() must be called */
int riod_rdma_adapter_open(struct riod_rdma_conn *rc)
{
	int err;

	err = riod_rdma_queues_open(rc);
	if (!err)
		err = riod_rdma_bufs_map(rc);
	return err ?: riod_rdma_post_all(rc);
}

/*
 * The queue pair first: after that the adapter does not access the buffers and reports
 * no event.  The completion queue is next: after that no completion runs.
 */
void riod_rdma_adapter_close(struct riod_rdma_conn *rc)
{
	if (!rc->id->device)
		return;
	if (rc->id->qp)
		rdma_destroy_qp(rc->id);
	if (rc->cq)
		ib_free_cq(rc->cq);
	rc->cq = NULL;
	cancel_work_sync(&rc->event_work);
	riod_rdma_bufs_unmap(rc);
	if (rc->pd)
		ib_dealloc_pd(rc->pd);
	rc->pd = NULL;
}

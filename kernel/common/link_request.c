// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests of a frontend, and their replies
 *
 * A request is in @requests from before its frame is posted until its reply
 * arrives or the link is lost.  The thread that removes it from there releases
 * its tag.  The waiter owns its memory.  A waiter that is killed marks the
 * request @abandoned and leaves it to be freed by its remover, so the tag stays
 * reserved as long as a reply may arrive.
 *
 * No wait here is unbounded, whatever the peer does: the link ends if a reply
 * is overdue, or if no tag becomes free in time.  Where the session can be resumed
 * the limits are longer by lost_ms (riod_session_limit()), however often it breaks.
 */
#define pr_fmt(fmt) "riod: " fmt

#include <linux/completion.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "link_priv.h"

/**
 * struct riod_request - a request that waits for its reply
 * @done: completed when @status, @value and @data are final
 * @status: 0 or a negative errno
 * @value: value of the reply
 * @slow: the request may take the device long
 * @posted: jiffies when its frame was posted; only the waiter uses it
 * @abandoned: under &riod_link.lock: the waiter is gone
 * @room: bytes of @data: RIOD_ROM_PIECE where the reply has data, else 0
 * @data: data of the reply
 */
struct riod_request {
	struct completion done;
	int status;
	u64 value;
	bool slow;
	unsigned long posted;
	bool abandoned;
	u32 room;
	u8 data[] __counted_by(room);
};

static unsigned long riod_request_limit(struct riod_link *l)
{
	const struct riod_session_params *p = riod_session_params(l->session);

	return riod_session_limit(p, p->request_ms);
}

static unsigned long riod_stall_limit(struct riod_link *l)
{
	return msecs_to_jiffies(riod_session_params(l->session)->stall_ms);
}

static void riod_request_timed_out(struct riod_link *l, const char *what)
{
	pr_notice_ratelimited("%s: %s\n", l->name, what);
	riod_link_end(l, RIOD_REASON_TIMEOUT);
}

/* 1: a tag is reserved; 0: none is free; -ENOTCONN */
static int riod_request_try_reserve(struct riod_link *l)
{
	int ret = 0;

	spin_lock(&l->lock);
	if (l->lost) {
		ret = -ENOTCONN;
	} else if (l->nrequests < RIOD_REQUESTS_MAX) {
		l->nrequests++;
		ret = 1;
	}
	spin_unlock(&l->lock);
	return ret;
}

static int riod_request_reserve(struct riod_link *l)
{
	int ret = 0, err;

	err = wait_event_killable_timeout(l->tags, (ret = riod_request_try_reserve(l)),
					  riod_request_limit(l) + riod_stall_limit(l));
	if (err < 0)
		return -EINTR;
	if (!err) {
		riod_request_timed_out(l, "the peer answers none of its requests");
		return -ENOTCONN;
	}
	return min(ret, 0);
}

static void riod_request_release(struct riod_link *l, bool slow)
{
	spin_lock(&l->lock);
	l->nrequests--;
	/* later requests count from now, plus the time of slow ones left */
	if (slow)
		l->slow_until = jiffies + --l->nslow * riod_stall_limit(l);
	spin_unlock(&l->lock);
	wake_up(&l->tags);
}

/* the peer processes one frame after the other, so their times add up */
static void riod_request_set_slow(struct riod_link *l)
{
	spin_lock(&l->lock);
	if (time_before(l->slow_until, jiffies))
		l->slow_until = jiffies;
	l->slow_until += riod_stall_limit(l);
	l->nslow++;
	spin_unlock(&l->lock);
}

/* jiffies until the reply is overdue */
static long riod_request_left(struct riod_link *l, const struct riod_request *r)
{
	unsigned long from;

	spin_lock(&l->lock);
	from = time_after(l->slow_until, r->posted) ? l->slow_until : r->posted;
	spin_unlock(&l->lock);
	return (long)(from + riod_request_limit(l) - jiffies);
}

/* the caller has removed @r from @requests and must not access it afterwards */
static void riod_request_finish(struct riod_link *l, struct riod_request *r,
				int status, u64 value)
{
	bool abandoned, slow = r->slow;

	r->status = status;
	r->value = value;
	spin_lock(&l->lock);
	abandoned = r->abandoned;
	/* under the lock, or a killed waiter could free @r in between */
	if (!abandoned)
		complete(&r->done);
	spin_unlock(&l->lock);
	if (abandoned)
		kfree(r);
	riod_request_release(l, slow);
}

static int riod_request_errno(u32 status)
{
	switch (status) {
	case RIOD_STATUS_OK:
		return 0;
	case RIOD_STATUS_DENIED:
		return -EACCES;
	case RIOD_STATUS_INVALID:
		return -EINVAL;
	default:
		return -EIO;
	}
}

/*
 * Receive thread: a REPLY arrived.  -EPROTO: the tag is not in use, or the
 * reply has data that was not requested, or lacks data that was.
 */
int riod_link_reply(struct riod_link *l, const struct riod_frame *f)
{
	const struct riod_wire_reply *reply = (const void *)f->body;
	int status = riod_request_errno(le32_to_cpu(reply->status));
	u32 len = f->len - sizeof(*reply);
	struct riod_request *r;

	r = xa_erase(&l->requests, le32_to_cpu(reply->tag));
	if (!r)
		return -EPROTO;
	if (len != (status ? 0 : r->room)) {
		riod_request_finish(l, r, -ENOTCONN, U64_MAX);
		return -EPROTO;
	}
	memcpy(r->data, reply->data, len);
	riod_request_finish(l, r, status, le64_to_cpu(reply->value));
	return 0;
}

/* the link is lost: no reply will arrive */
void riod_link_end_requests(struct riod_link *l)
{
	struct riod_request *r;
	unsigned long tag;

	xa_for_each(&l->requests, tag, r) {
		/* riod_request_post() may have removed it after its post failed */
		r = xa_erase(&l->requests, tag);
		if (r)
			riod_request_finish(l, r, -ENOTCONN, U64_MAX);
	}
}

/* check before posting, which consumes the frame */
static bool riod_request_is_slow(const struct riod_frame *f)
{
	const struct riod_wire_ctl *c = (const void *)f->body;

	return f->hdr.type == RIOD_FRAME_CTL &&
	       (c->op == cpu_to_le16(RIOD_CTL_RESET) || c->op == cpu_to_le16(RIOD_CTL_POWER));
}

/* post @f with the tag of @r; after an error @r is not in @requests */
static int riod_request_post(struct riod_link *l, struct riod_request *r,
			     struct riod_frame *f)
{
	u32 tag;
	int err;

	r->slow = riod_request_is_slow(f);
	if (r->slow)
		riod_request_set_slow(l);
	err = xa_alloc(&l->requests, &tag, r, XA_LIMIT(1, RIOD_REQUESTS_MAX),
		       GFP_KERNEL);
	if (err) {
		riod_request_release(l, r->slow);
		riod_frame_free(f);
		return err;
	}
	*(__le32 *)f->body = cpu_to_le32(tag);
	err = riod_link_post(l, f);
	/* now, as riod_link_post() may have waited for room */
	r->posted = jiffies;
	if (!err)
		return 0;
	/* otherwise riod_link_end_requests() has removed it, and completes it */
	if (xa_erase(&l->requests, tag))
		riod_request_release(l, r->slow);
	else
		wait_for_completion(&r->done);
	return err;
}

/* true: @r is final; false: killed, the remover frees @r */
static bool riod_request_wait(struct riod_link *l, struct riod_request *r)
{
	long left, ret = 0;
	bool done;

	while (!ret && (left = riod_request_left(l, r)) > 0)
		ret = wait_for_completion_killable_timeout(&r->done, left);
	if (!ret) {
		riod_request_timed_out(l, "the peer does not answer a request");
		/* the end of the link completes @r without waiting for the peer */
		ret = wait_for_completion_killable(&r->done) ?: 1;
	}
	if (ret > 0)
		return true;
	spin_lock(&l->lock);
	done = completion_done(&r->done);
	r->abandoned = !done;
	spin_unlock(&l->lock);
	return done;
}

static int riod_request(struct riod_link *l, struct riod_frame *f, u64 *value,
			void *data, u32 room)
{
	struct riod_request *r = kzalloc(struct_size(r, data, room), GFP_KERNEL);
	int err = r ? riod_request_reserve(l) : -ENOMEM;

	if (err) {
		riod_frame_free(f);
		kfree(r);
		return err;
	}
	init_completion(&r->done);
	r->room = room;
	err = riod_request_post(l, r, f);
	if (!err && !riod_request_wait(l, r))
		return -EINTR;
	if (!err) {
		err = r->status;
		if (value)
			*value = r->value;
		if (!err && room)
			memcpy(data, r->data, room);
	}
	kfree(r);
	return err;
}

int riod_link_request(struct riod_link *l, struct riod_frame *f, u64 *value)
{
	return riod_request(l, f, value, NULL, 0);
}
EXPORT_SYMBOL_GPL(riod_link_request);

int riod_link_request_piece(struct riod_link *l, struct riod_frame *f, u64 *value,
			    void *piece)
{
	return riod_request(l, f, value, piece, RIOD_ROM_PIECE);
}
EXPORT_SYMBOL_GPL(riod_link_request_piece);

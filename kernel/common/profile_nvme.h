/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The NVMe profile: registers (profile_nvme.c), queues and the commands in them
 * (profile_nvme_queue.c), the memory that a command names (profile_nvme_data.c)
 *
 * Sections are those of the NVM Express Base Specification, revision 2.0c.
 */
#ifndef _RIOD_PROFILE_NVME_H
#define _RIOD_PROFILE_NVME_H

#include <linux/bits.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "profile.h"

/* 3.1.3 */
#define NVME_REG_CC		0x14
#define NVME_REG_AQA		0x24
#define NVME_REG_ASQ		0x28
#define NVME_REG_ACQ		0x30
#define NVME_REG_END		0x38	/* of the registers that are followed */
#define NVME_REG_DOORBELL	0x1000
/* set the order behind this many cuts after a queue was created or deleted */
#define NVME_ORDER_CUTS		2

#define NVME_SQE_SIZE		64
#define NVME_CQE_SIZE		16

/* 5.: admin commands that matter here */
#define NVME_ADMIN_DELETE_SQ	0x00
#define NVME_ADMIN_CREATE_SQ	0x01
#define NVME_ADMIN_GET_LOG	0x02
#define NVME_ADMIN_DELETE_CQ	0x04
#define NVME_ADMIN_CREATE_CQ	0x05
#define NVME_ADMIN_IDENTIFY	0x06
#define NVME_ADMIN_SET_FEATURES	0x09
#define NVME_ADMIN_GET_FEATURES	0x0a
#define NVME_ADMIN_AER		0x0c
#define NVME_ADMIN_NS_MGMT	0x0d
#define NVME_ADMIN_FW_DOWNLOAD	0x11
#define NVME_ADMIN_NS_ATTACH	0x15
#define NVME_ADMIN_DIRECTIVE_TX	0x19
#define NVME_ADMIN_DIRECTIVE_RX	0x1a
#define NVME_ADMIN_DBBUF	0x7c
#define NVME_ADMIN_FORMAT	0x80
#define NVME_ADMIN_SECURITY_TX	0x81
#define NVME_ADMIN_SECURITY_RX	0x82
#define NVME_CNS_NAMESPACE	0x00
#define NVME_CNS_CONTROLLER	0x01
#define NVME_CREATE_PC		BIT(0)	/* 5.4, 5.5: physically contiguous */

#define NVME_SHADOW_SIZE	4096u
/* pieces of memory that one command may name */
#define NVME_EXTENTS_MAX	4160
/* completion queues in the order, including the admin queue */
#define NVME_ORDERED		256
/* queues of each kind, and namespaces, that are kept track of */
#define NVME_QUEUES_MAX		1024
#define NVME_NAMESPACES_MAX	1024
/* commands under way; more wait, as if their memory could not be named */
#define NVME_REQUESTS_MAX	65536
/* pieces of memory of all of them */
#define NVME_HELD_MAX		BIT(20)

/**
 * struct riod_nvme_sqe - submission queue entry (3.3.3.1)
 * @opcode: command; bits 1:0 tell the direction of its data
 * @flags: fuse, and in bits 7:6 PSDT: PRP or SGL
 * @cid: command identifier
 * @nsid: namespace
 * @skip: unused here
 * @mptr: metadata pointer
 * @prp1: first PRP entry
 * @prp2: second PRP entry
 * @sgl: instead of them, the first SGL descriptor
 * @cdw10: of the command, like all that follows
 * @cdw11: likewise
 * @cdw12: likewise
 * @cdw13: likewise
 * @cdw14: likewise
 * @cdw15: likewise
 */
struct riod_nvme_sqe {
	u8 opcode;
	u8 flags;
	__le16 cid;
	__le32 nsid;
	__le32 skip[2];
	__le64 mptr;
	union {
		struct {
			__le64 prp1;
			__le64 prp2;
		};
		u8 sgl[16];
	};
	__le32 cdw10;
	__le32 cdw11;
	__le32 cdw12;
	__le32 cdw13;
	__le32 cdw14;
	__le32 cdw15;
};

static_assert(sizeof(struct riod_nvme_sqe) == NVME_SQE_SIZE);

/**
 * struct riod_nvme_request - a command under way, from its doorbell to its completion
 * @sqe: its entry, as it was when the guest rang
 * @at: address of the entry
 * @use: what is known of the memory
 * @always: as in struct riod_nvme_data
 * @again: what moves was told again, so the stub may know it after the completion
 * @n: number of @extents
 * @extents: memory that it names
 */
struct riod_nvme_request {
	struct riod_nvme_sqe sqe;
	u64 at;
	enum riod_profile_use use;
	bool always;
	bool again;
	u32 n;
	struct riod_profile_extent extents[] __counted_by(n);
};

/**
 * struct riod_nvme_queue - a submission or completion queue
 * @base: its address
 * @entries: number of entries
 * @qid: its number
 * @maker: cid of the command that creates it and has not completed, or -1
 * @head: next entry to look at
 * @tail: submission: value of the guest's last write to the doorbell
 * @rung: submission: value that was sent to the device
 * @owed: submission: the device has not been sent @tail yet, for lack of memory to name
 * @phase: completion: phase bit of the next entry
 */
struct riod_nvme_queue {
	u64 base;
	u32 entries;
	u16 qid;
	s32 maker;
	u16 head;
	u16 tail;
	u16 rung;
	bool owed;
	u8 phase;
};

/**
 * struct riod_nvme - state of one attachment; serialised by the caller
 * @env: services of the frontend
 * @regs: values that the guest wrote to the registers below NVME_REG_END
 * @stride: distance of doorbells in bytes
 * @enabled: CC.EN is set
 * @running: the queues exist: from CC.EN until the controller has stopped
 * @owed_cc: the write that sets CC.EN was not sent yet, for lack of memory to name
 * @nowed: number of queues with @owed
 * @sqs: submission queues by number; the first is the admin queue
 * @cqs: completion queues likewise
 * @nsqs: number of @sqs
 * @ncqs: number of @cqs
 * @requests: commands under way, by queue and cid
 * @nrequests: number of @requests
 * @nholding: those of them that name memory
 * @nheld: pieces of memory that they name
 * @again: what moves for them is to be told again
 * @formats: by namespace, how it is formatted (nvme_format_*())
 * @nformats: number of @formats
 * @order_cuts: number of further cuts behind which the order is set
 * @spans: buffer for the order
 * @shadow: address of the doorbells in memory, 0: none
 * @rung: values of them that were rung
 * @scratch: the memory of a command, behind its entry
 */
struct riod_nvme {
	struct riod_profile_env env;
	u8 regs[NVME_REG_END];
	u32 stride;
	bool enabled;
	bool running;
	bool owed_cc;
	u32 nowed;
	struct xarray sqs;
	struct xarray cqs;
	u32 nsqs;
	u32 ncqs;
	struct xarray requests;
	u32 nrequests;
	u32 nholding;
	u32 nheld;
	bool again;
	struct xarray formats;
	u32 nformats;
	u8 order_cuts;
	struct riod_sync_span spans[NVME_ORDERED];
	u64 shadow;
	u32 rung[NVME_SHADOW_SIZE / sizeof(u32)];
	struct riod_profile_extent scratch[1 + NVME_EXTENTS_MAX];
};

/* profile_nvme.c */
/* CC.MPS: the controller's page size */
u64 nvme_page_size(const struct riod_nvme *n);

/* profile_nvme_data.c */

/* a namespace's format: bytes of a block's data and metadata, and whether that follows the data */
#define NVME_FORMAT(shift, meta, extended) \
	((unsigned long)(shift) | (unsigned long)(extended) << 8 | (unsigned long)(meta) << 16)

/**
 * nvme_copy() - copy guest memory
 * @n: state
 * @to: where to
 * @iova: where from
 * @len: bytes
 *
 * Return: false: not all of it is mapped.
 */
bool nvme_copy(struct riod_nvme *n, void *to, u64 iova, u32 len);

/**
 * struct riod_nvme_data - the memory of a command
 * @n: number of extents, in &riod_nvme.scratch from the second place on
 * @use: RIOD_USE_EXACT: the in extents belong to the command, so nobody else writes them
 *	before it completes; RIOD_USE_COMPARED: they may be longer than what it has
 * @always: the device may write less than the in extents; they are out extents, too, so that
 *	the rest keeps its content
 */
struct riod_nvme_data {
	u32 n;
	enum riod_profile_use use;
	bool always;
};

/**
 * nvme_data() - what memory does a command name?
 * @n: state
 * @e: entry, a copy
 * @admin: of the admin queue
 * @data: result
 *
 * All that the device may access for the command, and perhaps more (rule 20).
 *
 * Return: 0; -E2BIG: it cannot be bounded.
 */
int nvme_data(struct riod_nvme *n, const struct riod_nvme_sqe *e, bool admin,
	      struct riod_nvme_data *data);

/* profile_nvme_queue.c */
void nvme_queues_init(struct riod_nvme *n);
/* CC.EN was set: 0, or -errno if the admin queues cannot be named */
int nvme_queues_start(struct riod_nvme *n);
/* the controller has stopped, or was reset; no effect if it has before */
void nvme_queues_stop(struct riod_nvme *n);
/* frees them; names end with the state */
void nvme_queues_free(struct riod_nvme *n);
/* the guest rings @value for a submission queue: true if the write must not be sent */
bool nvme_ring(struct riod_nvme *n, u16 qid, u32 value);
/* pages have new numbers: tell again what moves for the commands under way */
void nvme_requests_again(struct riod_nvme *n);
/* try again to send the doorbells that are owed */
void nvme_ring_owed(struct riod_nvme *n);
/* look at new completions */
void nvme_completions(struct riod_nvme *n);
void nvme_set_order(struct riod_nvme *n);

#endif /* _RIOD_PROFILE_NVME_H */

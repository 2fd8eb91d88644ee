/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/riod.yaml */
/* YNL-GEN uapi header */

#ifndef _UAPI_LINUX_RIOD_H
#define _UAPI_LINUX_RIOD_H

#define RIOD_FAMILY_NAME	"riod"
#define RIOD_FAMILY_VERSION	1

/**
 * enum riod_state - What an export or an attachment is doing.
 * @RIOD_STATE_IDLE: Export without an attachment.
 * @RIOD_STATE_CONNECTED: A session is up.
 * @RIOD_STATE_LOST: The session is over; the function answers all-ones.
 * @RIOD_STATE_DETACHED: The session was ended in order, or did not begin, or
 *   the user detached a lost attachment: it leaves when no process has a
 *   function open, or the export's device is put to rest.
 * @RIOD_STATE_ATTACHING: Attachment that waits for its server host. It has no
 *   functions yet.
 * @RIOD_STATE_FAILED: Attachment that did not come up, and is being removed.
 *   The reason and the error are set.
 * @RIOD_STATE_RESUMING: The connection broke. The session waits for a new
 *   connection; guest and device keep what they have.
 */
enum riod_state {
	RIOD_STATE_IDLE,
	RIOD_STATE_CONNECTED,
	RIOD_STATE_LOST,
	RIOD_STATE_DETACHED,
	RIOD_STATE_ATTACHING,
	RIOD_STATE_FAILED,
	RIOD_STATE_RESUMING,
};

/**
 * enum riod_on_loss - What happens when the connection of an attachment
 *   breaks.
 * @RIOD_ON_LOSS_STALL: The session is resumed, and accesses wait. If that does
 *   not succeed in time, as with remove.
 * @RIOD_ON_LOSS_REMOVE: The session is over at once: accesses are answered
 *   with all-ones, and VFIO's request interrupt asks the VMM to remove the
 *   function.
 * @RIOD_ON_LOSS_ERROR: As with remove; VFIO's error interrupt is signalled,
 *   too, and QEMU stops the VM.
 */
enum riod_on_loss {
	RIOD_ON_LOSS_STALL,
	RIOD_ON_LOSS_REMOVE,
	RIOD_ON_LOSS_ERROR,
};

/**
 * enum riod_bus_master - Whether the device may use DMA, and why not.
 * @RIOD_BUS_MASTER_OFF: The guest has not enabled it.
 * @RIOD_BUS_MASTER_ON: It is enabled.
 * @RIOD_BUS_MASTER_HELD_LIMIT: The guest enabled it, but has mapped more
 *   writable memory than the limit, or more than the server host shadows: it
 *   has no vIOMMU, or does not use it yet.
 * @RIOD_BUS_MASTER_HELD_LOST: The session is over.
 */
enum riod_bus_master {
	RIOD_BUS_MASTER_OFF,
	RIOD_BUS_MASTER_ON,
	RIOD_BUS_MASTER_HELD_LIMIT,
	RIOD_BUS_MASTER_HELD_LOST,
};

/**
 * enum riod_allow_op - How the networks of a request change an allow list.
 * @RIOD_ALLOW_OP_REPLACE: The list becomes these networks; with none, loopback
 *   peers only.
 * @RIOD_ALLOW_OP_ADD: These networks are added; those in the list already stay
 *   as they are.
 * @RIOD_ALLOW_OP_REMOVE: These networks are removed; each must be in the list,
 *   exactly as given.
 */
enum riod_allow_op {
	RIOD_ALLOW_OP_REPLACE,
	RIOD_ALLOW_OP_ADD,
	RIOD_ALLOW_OP_REMOVE,
};

enum {
	RIOD_A_EXPORT_NAME = 1,
	RIOD_A_EXPORT_DEVICE,
	RIOD_A_EXPORT_ALLOW,
	RIOD_A_EXPORT_NO_RESET,
	RIOD_A_EXPORT_PORT,
	RIOD_A_EXPORT_STATE,
	RIOD_A_EXPORT_PEER,
	RIOD_A_EXPORT_VENDOR,
	RIOD_A_EXPORT_DEVICE_ID,
	RIOD_A_EXPORT_CLASS,
	RIOD_A_EXPORT_RESET,
	RIOD_A_EXPORT_STATS,
	RIOD_A_EXPORT_FORCE,
	RIOD_A_EXPORT_FENCE_NS,
	RIOD_A_EXPORT_BUS_MASTER,
	RIOD_A_EXPORT_TRANSPORT,
	RIOD_A_EXPORT_ALLOW_OP,
	RIOD_A_EXPORT_PEER_TRANSPORT,

	__RIOD_A_EXPORT_MAX,
	RIOD_A_EXPORT_MAX = (__RIOD_A_EXPORT_MAX - 1)
};

enum {
	RIOD_A_ALLOW_FAMILY = 1,
	RIOD_A_ALLOW_ADDRESS,
	RIOD_A_ALLOW_PREFIX_LEN,

	__RIOD_A_ALLOW_MAX,
	RIOD_A_ALLOW_MAX = (__RIOD_A_ALLOW_MAX - 1)
};

enum {
	RIOD_A_ATTACHMENT_ID = 1,
	RIOD_A_ATTACHMENT_HOST,
	RIOD_A_ATTACHMENT_PORT,
	RIOD_A_ATTACHMENT_EXPORT,
	RIOD_A_ATTACHMENT_DEVICE,
	RIOD_A_ATTACHMENT_STATE,
	RIOD_A_ATTACHMENT_REASON,
	RIOD_A_ATTACHMENT_FORCE,
	RIOD_A_ATTACHMENT_IN_USE,
	RIOD_A_ATTACHMENT_BUS_MASTER,
	RIOD_A_ATTACHMENT_MAPPED_RO,
	RIOD_A_ATTACHMENT_MAPPED_RW,
	RIOD_A_ATTACHMENT_LIMIT,
	RIOD_A_ATTACHMENT_VENDOR,
	RIOD_A_ATTACHMENT_DEVICE_ID,
	RIOD_A_ATTACHMENT_CLASS,
	RIOD_A_ATTACHMENT_PROFILE,
	RIOD_A_ATTACHMENT_STATS,
	RIOD_A_ATTACHMENT_SHADOW_BARS,
	RIOD_A_ATTACHMENT_SHADOWED,
	RIOD_A_ATTACHMENT_PEER_LIMIT,
	RIOD_A_ATTACHMENT_IOVA_LAST,
	RIOD_A_ATTACHMENT_SYNC_WRITES,
	RIOD_A_ATTACHMENT_TRANSPORT,
	RIOD_A_ATTACHMENT_ERROR,
	RIOD_A_ATTACHMENT_OWN,
	RIOD_A_ATTACHMENT_ON_LOSS,
	RIOD_A_ATTACHMENT_LOST_MS,

	__RIOD_A_ATTACHMENT_MAX,
	RIOD_A_ATTACHMENT_MAX = (__RIOD_A_ATTACHMENT_MAX - 1)
};

enum {
	RIOD_A_STATS_TX_FRAMES = 1,
	RIOD_A_STATS_TX_BYTES,
	RIOD_A_STATS_RX_FRAMES,
	RIOD_A_STATS_RX_BYTES,
	RIOD_A_STATS_TX_ACKS,
	RIOD_A_STATS_RX_ACKS,
	RIOD_A_STATS_WINDOW_WAITS,
	RIOD_A_STATS_TX_RETAINED,
	RIOD_A_STATS_ROUNDS,
	RIOD_A_STATS_EVENTS,
	RIOD_A_STATS_THROTTLED,
	RIOD_A_STATS_CUTS_SENT,
	RIOD_A_STATS_CUTS_APPLIED,
	RIOD_A_STATS_PASSES,
	RIOD_A_STATS_SCANNED,
	RIOD_A_STATS_SEEDED,
	RIOD_A_STATS_REBASED,
	RIOD_A_STATS_SENT,
	RIOD_A_STATS_APPLIED,
	RIOD_A_STATS_DROPPED,
	RIOD_A_STATS_LATE,
	RIOD_A_STATS_HOLDBACKS,
	RIOD_A_STATS_FREE_RUNNING,
	RIOD_A_STATS_FORCED,
	RIOD_A_STATS_BACKGROUND,
	RIOD_A_STATS_REG_READS,
	RIOD_A_STATS_REG_WRITES,
	RIOD_A_STATS_CFG_READS,
	RIOD_A_STATS_CFG_WRITES,
	RIOD_A_STATS_IRQS,
	RIOD_A_STATS_DENIED,
	RIOD_A_STATS_MAPS,
	RIOD_A_STATS_UNMAPS,
	RIOD_A_STATS_KICKS,
	RIOD_A_STATS_RAISED,
	RIOD_A_STATS_FOLLOWED,
	RIOD_A_STATS_MEMORY_HELD,
	RIOD_A_STATS_MEMORY_MAX,
	RIOD_A_STATS_MEMORY_HOST_HELD,
	RIOD_A_STATS_MEMORY_HOST_MAX,
	RIOD_A_STATS_BREAKS,

	__RIOD_A_STATS_MAX,
	RIOD_A_STATS_MAX = (__RIOD_A_STATS_MAX - 1)
};

enum {
	RIOD_A_REMOTE_HOST = 1,
	RIOD_A_REMOTE_PORT,
	RIOD_A_REMOTE_OFFER,
	RIOD_A_REMOTE_TOTAL,
	RIOD_A_REMOTE_TRANSPORT,
	RIOD_A_REMOTE_ERROR,
	RIOD_A_REMOTE_REASON,

	__RIOD_A_REMOTE_MAX,
	RIOD_A_REMOTE_MAX = (__RIOD_A_REMOTE_MAX - 1)
};

enum {
	RIOD_A_OFFER_NAME = 1,
	RIOD_A_OFFER_VENDOR,
	RIOD_A_OFFER_DEVICE_ID,
	RIOD_A_OFFER_SUBVENDOR,
	RIOD_A_OFFER_SUBDEVICE,
	RIOD_A_OFFER_CLASS,
	RIOD_A_OFFER_FUNCTIONS,
	RIOD_A_OFFER_BUSY,

	__RIOD_A_OFFER_MAX,
	RIOD_A_OFFER_MAX = (__RIOD_A_OFFER_MAX - 1)
};

enum {
	RIOD_CMD_EXPORT_NEW = 1,
	RIOD_CMD_EXPORT_DEL,
	RIOD_CMD_EXPORT_GET,
	RIOD_CMD_ATTACH,
	RIOD_CMD_DETACH,
	RIOD_CMD_ATTACHMENT_GET,
	RIOD_CMD_DISCOVER,
	RIOD_CMD_EXPORT_NTF,
	RIOD_CMD_ATTACHMENT_NTF,
	RIOD_CMD_DISCOVER_NTF,
	RIOD_CMD_EXPORT_SET,

	__RIOD_CMD_MAX,
	RIOD_CMD_MAX = (__RIOD_CMD_MAX - 1)
};

#define RIOD_MCGRP_EVENTS	"events"

#endif /* _UAPI_LINUX_RIOD_H */

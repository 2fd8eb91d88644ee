/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire.h - the riod wire format, version 1
 *
 * Documentation/protocol.rst describes the protocol.  All integers are
 * little-endian.  A published structure never changes: a new version adds new
 * structures.
 *
 * This file also builds in userspace (fuzzers, the simulator).
 */
#ifndef _RIOD_WIRE_H
#define _RIOD_WIRE_H

#include <linux/types.h>
#include <linux/build_bug.h>

/** RIOD_PORT - default TCP port of a server host */
#define RIOD_PORT		7463

/** RIOD_WIRE_MAGIC - first bytes of every handshake body, "RIOD" */
#define RIOD_WIRE_MAGIC		0x444f4952u

#define RIOD_VERSION_1		1
#define RIOD_VERSIONS_MAX	8	/* most versions that a HELLO can offer */

/** RIOD_PAGE_SIZE - bytes of a page on the wire, on every host */
#define RIOD_PAGE_SHIFT		12
#define RIOD_PAGE_SIZE		4096u

/* Limits of everything whose size comes from the wire. */
#define RIOD_FRAME_MAX		(64u * 1024)	/* header and body, bytes */
#define RIOD_FRAME_MIN		(16u * 1024)	/* lowest valid max_frame */
#define RIOD_WINDOW_MIN		(256u * 1024)	/* unacknowledged bytes */
#define RIOD_WINDOW_DEFAULT	(4u * 1024 * 1024)
#define RIOD_WINDOW_MAX		(64u * 1024 * 1024)
#define RIOD_NAME_LEN		64	/* export name, NUL included */
#define RIOD_TEXT_LEN		120	/* reason text, NUL included */
#define RIOD_SESSION_ID_LEN	16
#define RIOD_FUNCS_MAX		8	/* functions in one export */
#define RIOD_BARS		7	/* six BARs and the expansion ROM */
#define RIOD_RESV_MAX		32	/* reserved IOVA regions */
#define RIOD_VECTORS_MAX	2048	/* PCIe 7.7.2: MSI-X table size */
#define RIOD_REQUESTS_MAX	256	/* requests outstanding at once */
#define RIOD_MAP_PAGES_MAX	0x40000u	/* pages of one MAP record */
#define RIOD_EXTENTS_MAX	512u	/* extents of one EXPECT; fits RIOD_FRAME_MIN */
#define RIOD_EXTENT_LEN_MAX	0x1000000u	/* bytes of one extent: 16 MiB */
#define RIOD_EXPORTS_MAX	200		/* entries of one EXPORTS; fits RIOD_FRAME_MIN */
#define RIOD_BAR_SIZE_MAX	0x10000000000ull /* of a 64-bit memory BAR: 1 TiB */
#define RIOD_KEEPALIVE_MIN_MS	10
#define RIOD_KEEPALIVE_MAX_MS	60000
#define RIOD_LOST_MAX_MS	600000		/* at least twice the keepalive */

/**
 * enum riod_frame_type - frame types
 *
 * Handshake frames and ACK have sequence number 0 and are never retained.  All
 * others are numbered consecutively from 1 in each direction.
 *
 * @RIOD_FRAME_HELLO: client to server, first frame of a connection
 * @RIOD_FRAME_WELCOME: server to client, the connection is accepted
 * @RIOD_FRAME_REFUSE: server to client, the connection is refused, and why; the
 *	server then closes it
 * @RIOD_FRAME_EXPORTS: server to client, answer to a HELLO with
 *	RIOD_INTENT_LIST
 * @RIOD_FRAME_ACK: both directions, only the header's acknowledgment
 * @RIOD_FRAME_BYE: both directions, orderly end of the session
 * @RIOD_FRAME_DESCRIBE: stub to frontend, describes one function of the export
 * @RIOD_FRAME_READY: stub to frontend, all functions are described
 * @RIOD_FRAME_REPLY: stub to frontend, answer to a request with a tag
 * @RIOD_FRAME_IRQ: stub to frontend, interrupts that fired
 * @RIOD_FRAME_REG: frontend to stub, one register or config access
 * @RIOD_FRAME_CTL: frontend to stub, one operation on the function
 * @RIOD_FRAME_IRQ_SETUP: frontend to stub, interrupts to enable
 * @RIOD_FRAME_MAP: frontend to stub, pages to map for the device
 * @RIOD_FRAME_UNMAP: frontend to stub, IOVAs to unmap
 * @RIOD_FRAME_BAR_MAP: frontend to stub, BAR memory to treat as pages
 * @RIOD_FRAME_EXPECT: frontend to stub, where the device writes for a request
 * @RIOD_FRAME_CUT_DATA: both directions, changed bytes of a cut; the receiver
 *	stages them
 * @RIOD_FRAME_CUT_COMMIT: both directions, the cut is complete; the receiver
 *	applies it
 */
enum riod_frame_type {
	RIOD_FRAME_HELLO	= 1,
	RIOD_FRAME_WELCOME	= 2,
	RIOD_FRAME_REFUSE	= 3,
	RIOD_FRAME_EXPORTS	= 4,
	RIOD_FRAME_ACK		= 8,
	RIOD_FRAME_BYE		= 9,
	RIOD_FRAME_DESCRIBE	= 16,
	RIOD_FRAME_READY	= 17,
	RIOD_FRAME_REPLY	= 18,
	RIOD_FRAME_IRQ		= 19,
	RIOD_FRAME_REG		= 32,
	RIOD_FRAME_CTL		= 33,
	RIOD_FRAME_IRQ_SETUP	= 34,
	RIOD_FRAME_MAP		= 35,
	RIOD_FRAME_UNMAP	= 36,
	RIOD_FRAME_BAR_MAP	= 37,
	RIOD_FRAME_EXPECT	= 38,
	RIOD_FRAME_CUT_DATA	= 48,
	RIOD_FRAME_CUT_COMMIT	= 49,
};

/* riod_frame_hdr.flags */
#define RIOD_FRAME_F_ACK_NOW	0x01	/* the receiver acknowledges at once (keepalive) */

/**
 * struct riod_frame_hdr - header of every frame
 * @len: bytes in the frame, this header included; at most the receiver's
 *	max_frame
 * @type: &enum riod_frame_type
 * @func: function of the export; 0 if the frame concerns none
 * @flags: RIOD_FRAME_F_*
 * @rsvd: 0
 * @seq: number of this frame, 0 for handshake frames and ACK
 * @ack: highest number that the sender has *processed*: a register access was
 *	made, a cut was applied.  Never goes backwards.
 */
struct riod_frame_hdr {
	__le32	len;
	__u8	type;
	__u8	func;
	__u8	flags;
	__u8	rsvd;
	__le64	seq;
	__le64	ack;
};

static_assert(sizeof(struct riod_frame_hdr) == 24);

/* ------------------------------------------------------------ handshake */

/* riod_wire_hello.intent */
enum riod_intent {
	RIOD_INTENT_LIST	= 1,	/* list the exports, then close */
	RIOD_INTENT_ATTACH	= 2,	/* create a session on an export */
	RIOD_INTENT_RESUME	= 3,	/* continue a session on a new connection */
};

/* riod_wire_hello.features, riod_wire_welcome.features */
#define RIOD_FEATURE_RESUME	1ull	/* bit 0: the session outlives its connections */
#define RIOD_FEATURE_EXACT	2ull	/* bit 1: RIOD_MAP_EXACT and _COMPLETIONS, EXPECT */

/**
 * struct riod_wire_hello - body of RIOD_FRAME_HELLO; the same in all versions
 * @magic: RIOD_WIRE_MAGIC
 * @nversions: entries used in @versions, 1 to RIOD_VERSIONS_MAX
 * @intent: &enum riod_intent
 * @rsvd: 0
 * @window: most unacknowledged bytes that the client supports
 * @max_frame: largest frame that the client accepts
 * @features: optional features of the client, RIOD_FEATURE_*
 * @rx_seq: RESUME: highest number that the client has processed
 * @lost_ms: ATTACH: the lost_ms that the client asks for, at most
 *	RIOD_LOST_MAX_MS; 0: the server's.
 *	LIST: 0
 * @session: RESUME: id of the session; else 0
 * @export: ATTACH: name of the export, NUL padded.  Empty: the only export.
 *	LIST, RESUME: empty.
 * @versions: versions of the client, newest first, 0 behind the last
 */
struct riod_wire_hello {
	__le32	magic;
	__le16	nversions;
	__u8	intent;
	__u8	rsvd;
	__le32	window;
	__le32	max_frame;
	__le64	features;
	union {
		__le64	rx_seq;
		__le64	lost_ms;
	};
	__u8	session[RIOD_SESSION_ID_LEN];
	char	export[RIOD_NAME_LEN];
	__le16	versions[RIOD_VERSIONS_MAX];
};

static_assert(sizeof(struct riod_wire_hello) == 128);

/**
 * struct riod_wire_welcome - body of RIOD_FRAME_WELCOME
 * @magic: RIOD_WIRE_MAGIC
 * @version: newest of the client's versions that the server supports
 * @nfuncs: number of functions, each of which a DESCRIBE will describe
 * @rsvd: 0
 * @window: most unacknowledged bytes that the server supports
 * @max_frame: largest frame that the server accepts
 * @features: features of the client that the server supports, too
 * @rx_seq: RESUME: highest number that the server has processed; else 0
 * @session: unguessable id of the session
 * @keepalive_ms: each side sends a frame at least this often
 * @lost_ms: silence after which a side declares the peer lost
 */
struct riod_wire_welcome {
	__le32	magic;
	__le16	version;
	__u8	nfuncs;
	__u8	rsvd;
	__le32	window;
	__le32	max_frame;
	__le64	features;
	__le64	rx_seq;
	__u8	session[RIOD_SESSION_ID_LEN];
	__le32	keepalive_ms;
	__le32	lost_ms;
};

static_assert(sizeof(struct riod_wire_welcome) == 56);

/** enum riod_reason - why a connection is refused or a session ended */
enum riod_reason {
	RIOD_REASON_NONE	= 0,
	RIOD_REASON_VERSION	= 1,	/* no common version */
	RIOD_REASON_NOT_ALLOWED	= 2,	/* not in the allow list */
	RIOD_REASON_NO_EXPORT	= 3,	/* no export of that name */
	RIOD_REASON_AMBIGUOUS	= 4,	/* several exports and no name given */
	RIOD_REASON_BUSY	= 5,	/* the export has an attachment */
	RIOD_REASON_PROTOCOL	= 6,	/* the peer violated the protocol */
	RIOD_REASON_LIMIT	= 7,	/* too many connections */
	RIOD_REASON_NO_MEMORY	= 8,
	RIOD_REASON_DEVICE	= 9,	/* the device failed, or somebody else reset it */
	RIOD_REASON_UNBIND	= 10,	/* the export was removed */
	RIOD_REASON_DETACH	= 11,	/* the VMM host detached */
	RIOD_REASON_TIMEOUT	= 12,	/* silence or no progress for too long */
	RIOD_REASON_CLOSED	= 13,	/* the connection failed */
	RIOD_REASON_SHUTDOWN	= 14,	/* the sender's host shuts down or suspends */
	RIOD_REASON_SHADOW_MAX	= 15,	/* more is mapped than READY allows */
	RIOD_REASON_GONE	= 16,	/* the device was removed, or unbound from the stub */
	RIOD_REASON_EVENTS	= 17,	/* too many events waited to be sent */
	RIOD_REASON_MEMORY_MAX	= 18,	/* more memory held than a host allows */
	RIOD_REASON_POISON	= 19,	/* a page of guest memory has a hardware error */
	RIOD_REASON_NO_SESSION	= 20,	/* there is no session to resume */
	RIOD_REASON_ERROR	= 21,	/* the device reported an uncorrectable error (AER) */
	RIOD_REASON_LAST	= RIOD_REASON_ERROR,
};

/**
 * struct riod_wire_refuse - body of RIOD_FRAME_REFUSE; the same in all versions
 * @magic: RIOD_WIRE_MAGIC
 * @version: newest version that the server supports
 * @reason: &enum riod_reason
 * @text: human-readable, ASCII, NUL padded
 */
struct riod_wire_refuse {
	__le32	magic;
	__le16	version;
	__le16	reason;
	char	text[RIOD_TEXT_LEN];
};

static_assert(sizeof(struct riod_wire_refuse) == 128);

/* riod_wire_export.flags */
#define RIOD_EXPORT_F_BUSY	0x01	/* has an attachment */

/**
 * struct riod_wire_export - one entry of an EXPORTS body
 * @name: name for a HELLO, NUL padded
 * @vendor: PCI vendor id of function 0; likewise the fields that follow
 * @device: PCI device id
 * @subvendor: PCI subsystem vendor id
 * @subdevice: PCI subsystem id
 * @class: PCI class code, base class in bits 23:16
 * @nfuncs: functions
 * @flags: RIOD_EXPORT_F_*
 * @rsvd: 0
 */
struct riod_wire_export {
	char	name[RIOD_NAME_LEN];
	__le16	vendor;
	__le16	device;
	__le16	subvendor;
	__le16	subdevice;
	__le32	class;
	__u8	nfuncs;
	__u8	flags;
	__u8	rsvd[2];
};

static_assert(sizeof(struct riod_wire_export) == 80);

/**
 * struct riod_wire_exports - body of RIOD_FRAME_EXPORTS
 * @magic: RIOD_WIRE_MAGIC
 * @count: entries that follow, at most RIOD_EXPORTS_MAX
 * @total: number of exports that this peer may see
 * @rsvd: 0
 * @exports: the entries
 */
struct riod_wire_exports {
	__le32	magic;
	__le32	count;
	__le32	total;
	__le32	rsvd;
	struct riod_wire_export exports[];
};

static_assert(sizeof(struct riod_wire_exports) == 16);
static_assert(sizeof(struct riod_frame_hdr) + sizeof(struct riod_wire_exports) +
	      RIOD_EXPORTS_MAX * sizeof(struct riod_wire_export) <= RIOD_FRAME_MIN);

/**
 * struct riod_wire_bye - body of RIOD_FRAME_BYE
 * @reason: &enum riod_reason
 * @rsvd: 0
 */
struct riod_wire_bye {
	__le32	reason;
	__le32	rsvd;
};

static_assert(sizeof(struct riod_wire_bye) == 8);

/* ------------------------------------------------------------ the function */

/* riod_wire_bar.flags */
#define RIOD_BAR_F_IO		0x01	/* I/O ports, not memory */
#define RIOD_BAR_F_64		0x02	/* occupies the next BAR's slot, too */
#define RIOD_BAR_F_PREFETCH	0x04

/**
 * struct riod_wire_bar - one BAR
 * @size: bytes, a power of two; 0: no BAR.  I/O: 4 to 64 KiB; memory: 16 to 2
 *	GiB, or to RIOD_BAR_SIZE_MAX with RIOD_BAR_F_64
 * @flags: RIOD_BAR_F_*
 * @rsvd: 0
 */
struct riod_wire_bar {
	__le64	size;
	__le32	flags;
	__le32	rsvd;
};

static_assert(sizeof(struct riod_wire_bar) == 16);

/**
 * struct riod_wire_range - a range of IOVAs
 * @start: first address
 * @last: last address, inclusive
 */
struct riod_wire_range {
	__le64	start;
	__le64	last;
};

static_assert(sizeof(struct riod_wire_range) == 16);

/* riod_wire_describe.flags */
#define RIOD_FUNC_F_RESET	0x01	/* the function can be reset */

/**
 * struct riod_wire_describe - body of RIOD_FRAME_DESCRIBE
 * @flags: RIOD_FUNC_F_*
 * @devfn: slot and function number on the server host (PCI_DEVFN())
 * @cfg_size: bytes of config space that follow, 256 or 4096
 * @nresv: reserved ranges that follow
 * @nintx: 1: the function has an interrupt pin
 * @nmsi: MSI vectors, 0 to 32
 * @nmsix: MSI-X vectors, 0 to RIOD_VECTORS_MAX
 * @rsvd: 0
 * @aperture: IOVAs that the remote IOMMU can translate
 * @bars: BAR 0 to 5 and, last, the expansion ROM
 * @data: @cfg_size bytes of config space as the guest shall first see it, then
 *	@nresv struct riod_wire_range inside @aperture that must not be mapped
 */
struct riod_wire_describe {
	__le32	flags;
	__le16	devfn;
	__le16	cfg_size;
	__le16	nresv;
	__le16	nintx;
	__le16	nmsi;
	__le16	nmsix;
	__le64	rsvd;
	struct riod_wire_range aperture;
	struct riod_wire_bar bars[RIOD_BARS];
	__u8	data[];
};

static_assert(sizeof(struct riod_wire_describe) == 152);

/**
 * struct riod_wire_ready - body of RIOD_FRAME_READY
 * @shadow_max: limit of bytes mapped at once, each page counted once; a
 *	multiple of the page size, not 0.  Exceeding it ends the session.
 * @rsvd: 0
 */
struct riod_wire_ready {
	__le64	shadow_max;
	__le64	rsvd;
};

static_assert(sizeof(struct riod_wire_ready) == 16);

/* riod_wire_reg.region: 0 to 5 are BARs, 6 is the expansion ROM */
#define RIOD_REGION_ROM		6
#define RIOD_REGION_CONFIG	7

/* riod_wire_reg.op */
#define RIOD_REG_READ		0
#define RIOD_REG_WRITE		1

/**
 * struct riod_wire_reg - body of RIOD_FRAME_REG, one naturally aligned access
 * @tag: the REPLY returns it; 0: a posted write, which has no REPLY
 * @region: BAR number or RIOD_REGION_*
 * @width: bytes, 1, 2, 4 or 8
 * @op: RIOD_REG_READ or RIOD_REG_WRITE
 * @rsvd: 0
 * @offset: bytes into the region, a multiple of @width
 * @value: value to write, in the low @width bytes; 0 for a read
 */
struct riod_wire_reg {
	__le32	tag;
	__u8	region;
	__u8	width;
	__u8	op;
	__u8	rsvd;
	__le64	offset;
	__le64	value;
};

static_assert(sizeof(struct riod_wire_reg) == 24);

/* riod_wire_reply.status */
enum riod_status {
	RIOD_STATUS_OK		= 0,
	RIOD_STATUS_DENIED	= 1,	/* dropped by the stub's filter */
	RIOD_STATUS_INVALID	= 2,	/* invalid region, range or alignment */
	RIOD_STATUS_FAILED	= 3,	/* the device or the kernel failed */
};

/**
 * struct riod_wire_reply - body of RIOD_FRAME_REPLY
 * @tag: tag of the request
 * @status: &enum riod_status
 * @value: value read; all-ones if @status is not OK
 * @data: RIOD_ROM_PIECE bytes in the reply to RIOD_CTL_ROM_READ; otherwise
 *	empty
 */
struct riod_wire_reply {
	__le32	tag;
	__le32	status;
	__le64	value;
	__u8	data[];
};

static_assert(sizeof(struct riod_wire_reply) == 16);

/* bytes that one RIOD_CTL_ROM_READ reads; fits the lowest max_frame */
#define RIOD_ROM_PIECE	8192u
#define RIOD_ROM_MAX	0x1000000u

/** enum riod_ctl_op - operations on a function */
enum riod_ctl_op {
	/* arg: PCI_COMMAND_IO, _MEMORY, _MASTER, _INTX_DISABLE bits that are set */
	RIOD_CTL_COMMAND	= 1,
	/* arg: the new reset epoch, which IRQ frames carry from now on */
	RIOD_CTL_RESET		= 2,
	/* arg: 0 for D0 to 3 for D3hot */
	RIOD_CTL_POWER		= 3,
	/* posted, tag 0: INTx may fire again */
	RIOD_CTL_INTX_UNMASK	= 4,
	/* posted, tag 0: INTx must not fire */
	RIOD_CTL_INTX_MASK	= 5,
	/* forget all pages of the function's BARs (RIOD_FRAME_BAR_MAP) */
	RIOD_CTL_BARS_FORGET	= 6,
	/* arg: RIOD_DEVCTL_BITS of the PCI Express Device Control register */
	RIOD_CTL_DEVCTL		= 7,
	/* arg: offset in the expansion ROM, a multiple of RIOD_ROM_PIECE */
	RIOD_CTL_ROM_READ	= 8,
};

/* PCIe 7.5.3.4: Enable Relaxed Ordering, Extended Tag Field Enable, Max_Read_Request_Size */
#define RIOD_DEVCTL_RELAX	0x0010
#define RIOD_DEVCTL_EXT_TAG	0x0100
#define RIOD_DEVCTL_READRQ	0x7000
#define RIOD_DEVCTL_BITS	(RIOD_DEVCTL_RELAX | RIOD_DEVCTL_EXT_TAG | \
				 RIOD_DEVCTL_READRQ)

/**
 * struct riod_wire_ctl - body of RIOD_FRAME_CTL
 * @tag: the REPLY returns it; 0: the operation is posted
 * @op: &enum riod_ctl_op
 * @rsvd: 0
 * @arg: see @op
 * @rsvd2: 0
 */
struct riod_wire_ctl {
	__le32	tag;
	__le16	op;
	__le16	rsvd;
	__le32	arg;
	__le32	rsvd2;
};

static_assert(sizeof(struct riod_wire_ctl) == 16);

/* riod_wire_irq_setup.index, riod_wire_irq.index: as VFIO_PCI_*_IRQ_INDEX */
#define RIOD_IRQ_INTX		0
#define RIOD_IRQ_MSI		1
#define RIOD_IRQ_MSIX		2

/**
 * struct riod_wire_irq_setup - body of RIOD_FRAME_IRQ_SETUP
 *
 * Replaces the previous setup, including that of another index.
 *
 * @tag: the REPLY returns it
 * @index: RIOD_IRQ_*
 * @rsvd: 0
 * @count: number of vectors to enable in the function; 0 disables interrupts of
 *	every kind
 * @bitmap: DIV_ROUND_UP(@count, 8) bytes; bit n % 8 of byte n / 8 is set if
 *	vector n shall be sent
 */
struct riod_wire_irq_setup {
	__le32	tag;
	__u8	index;
	__u8	rsvd;
	__le16	count;
	__u8	bitmap[];
};

static_assert(sizeof(struct riod_wire_irq_setup) == 8);

/**
 * struct riod_wire_irq - body of RIOD_FRAME_IRQ
 * @epoch: reset epoch in which the vectors fired; the frontend drops stale ones
 * @index: RIOD_IRQ_*
 * @rsvd: 0
 * @count: vectors that follow, at least 1
 * @vectors: each fired at least once since it was last sent
 */
struct riod_wire_irq {
	__le32	epoch;
	__u8	index;
	__u8	rsvd;
	__le16	count;
	__le16	vectors[];
};

static_assert(sizeof(struct riod_wire_irq) == 8);

/* ------------------------------------------------------------ DMA */

/* riod_wire_map.prot */
#define RIOD_PROT_READ		0x01	/* the device may read */
#define RIOD_PROT_WRITE		0x02	/* the device may write */

/*
 * riod_wire_map.prot.  EXACT: neither end compares the pages, and a cut carries bytes whatever
 * the receiver has.  COMPLETIONS: the device completes requests of a function in these pages,
 * by NVMe completion queue entries (NVM Express Base Specification 4.2); the stub alone compares
 * them, and entries cross whole.  The numbers of such pages must be new, and have no second map.
 */
#define RIOD_MAP_EXACT		0x100u
#define RIOD_MAP_COMPLETIONS	0x200u
#define RIOD_MAP_IN_USE		0x400u	/* COMPLETIONS: the next entry may be anywhere */
#define RIOD_MAP_CLASS		(RIOD_MAP_EXACT | RIOD_MAP_COMPLETIONS)
#define RIOD_MAP_FUNC_SHIFT	16	/* COMPLETIONS: the function; three bits */
#define RIOD_MAP_FUNC(prot)	((prot) >> RIOD_MAP_FUNC_SHIFT & 7)

/**
 * struct riod_wire_map - one record of a RIOD_FRAME_MAP body
 *
 * Maps page @page + n at @iova + n * RIOD_PAGE_SIZE.  A new page number creates
 * a shadow page of zeroes.  A page number in use adds a mapping of the same
 * shadow page (several IOVAs may refer to one guest page).  The frontend
 * chooses the numbers and never reuses one for another page.
 *
 * @iova: first address, a multiple of RIOD_PAGE_SIZE
 * @page: number of the first page
 * @npages: 1 to RIOD_MAP_PAGES_MAX
 * @prot: RIOD_PROT_*, and RIOD_MAP_EXACT, or RIOD_MAP_COMPLETIONS with its function and perhaps
 *	RIOD_MAP_IN_USE, or neither
 */
struct riod_wire_map {
	__le64	iova;
	__le64	page;
	__le32	npages;
	__le32	prot;
};

static_assert(sizeof(struct riod_wire_map) == 24);

/**
 * struct riod_wire_unmap - one record of a RIOD_FRAME_UNMAP body
 * @iova: first address; @iova and @npages cover whole MAP records, or the head
 *	or the tail of one
 * @npages: at least 1
 * @rsvd: 0
 */
struct riod_wire_unmap {
	__le64	iova;
	__le32	npages;
	__le32	rsvd;
};

static_assert(sizeof(struct riod_wire_unmap) == 16);

/* riod_wire_expect.flags */
#define RIOD_EXPECT_ALWAYS	0x01	/* also if the request fails */
#define RIOD_EXPECT_FORGET	0x02	/* requests @first to @last do not complete any more */

/**
 * struct riod_wire_extent - memory in which the device writes
 * @page: number of the first page; the next bytes are in pages with the numbers behind it
 * @offset: first byte in it, below RIOD_PAGE_SIZE
 * @len: 1 to RIOD_EXTENT_LEN_MAX bytes
 */
struct riod_wire_extent {
	__le64	page;
	__le32	offset;
	__le32	len;
};

static_assert(sizeof(struct riod_wire_extent) == 16);

/**
 * struct riod_wire_expect - body of RIOD_FRAME_EXPECT, about requests of one function
 *
 * The cut that has the completion of request @first carries all of the extents, if the request
 * succeeds; pages that are not mapped with RIOD_MAP_EXACT are left out.  Replaces what an
 * earlier frame said of the request.
 *
 * @first: the request, as its completion names it (NVMe: submission queue << 16 | command)
 * @last: the same; FORGET: the last request
 * @nextents: 1 to RIOD_EXTENTS_MAX; FORGET: 0
 * @flags: RIOD_EXPECT_*, one at most
 * @rsvd: 0
 * @extents: @nextents of them
 */
struct riod_wire_expect {
	__le32	first;
	__le32	last;
	__le16	nextents;
	__u8	flags;
	__u8	rsvd[5];
	struct riod_wire_extent extents[];
};

static_assert(sizeof(struct riod_wire_expect) == 16);
static_assert(sizeof(struct riod_frame_hdr) + sizeof(struct riod_wire_expect) +
	      RIOD_EXTENTS_MAX * sizeof(struct riod_wire_extent) <= RIOD_FRAME_MIN);

/* most pages of one BAR_MAP frame: 256 KiB */
#define RIOD_BAR_PAGES_MAX	64u

/**
 * struct riod_wire_bar_map - body of RIOD_FRAME_BAR_MAP
 *
 * Pages @page to @page + @npages - 1 become the memory of BAR @bar from page
 * @first on.  From now on both ends keep copies of it identical, as for any
 * page that the device may read and write.  As for a shadow page both begin
 * with zeroes; the cut ahead of the REPLY carries the content of the BAR.  Page
 * numbers are from the same space as those of RIOD_FRAME_MAP, and must be new.
 *
 * @tag: the REPLY returns it
 * @bar: 0 to 5
 * @rsvd: 0
 * @first: first page of the BAR, counted in RIOD_PAGE_SIZE
 * @npages: 1 to RIOD_BAR_PAGES_MAX
 * @rsvd2: 0
 * @page: number of the first page
 */
struct riod_wire_bar_map {
	__le32	tag;
	__u8	bar;
	__u8	rsvd[3];
	__le32	first;
	__le16	npages;
	__le16	rsvd2;
	__le64	page;
};

static_assert(sizeof(struct riod_wire_bar_map) == 24);

/**
 * struct riod_wire_run - consecutive changed bytes in a page
 * @offset: first byte in the page
 * @len: bytes, at least 1; @offset + @len is at most RIOD_PAGE_SIZE
 */
struct riod_wire_run {
	__le16	offset;
	__le16	len;
};

static_assert(sizeof(struct riod_wire_run) == 4);

/**
 * struct riod_wire_delta - changed bytes of one page
 *
 * Followed by @nruns struct riod_wire_run in ascending order, which do not
 * touch each other, then by @nbytes bytes of data, run after run, then by
 * zeroes up to a multiple of 8.
 *
 * @page: number of the page
 * @nruns: runs that follow, at least 1
 * @nbytes: sum of their lengths
 * @rsvd: 0
 */
struct riod_wire_delta {
	__le64	page;
	__le16	nruns;
	__le16	nbytes;
	__le32	rsvd;
};

static_assert(sizeof(struct riod_wire_delta) == 16);

/**
 * struct riod_wire_cut_data - body of RIOD_FRAME_CUT_DATA
 * @cut: number of the cut; cuts are numbered from 1 in each direction
 * @deltas: complete struct riod_wire_delta, up to the end of the frame, in the
 *	order in which the receiver applies them.  A page may have further
 *	deltas later in the cut.
 */
struct riod_wire_cut_data {
	__le64	cut;
	__u8	deltas[];
};

static_assert(sizeof(struct riod_wire_cut_data) == 8);

/**
 * struct riod_wire_cut_commit - body of RIOD_FRAME_CUT_COMMIT
 * @cut: number of the cut, one above the previous one
 * @applied: the peer's last cut that the sender had applied when it took this
 *	one.  In a commit of the frontend: bytes of later cuts of the stub take
 *	precedence over this cut.
 * @nframes: number of CUT_DATA frames in this cut, may be 0
 * @rsvd: 0
 */
struct riod_wire_cut_commit {
	__le64	cut;
	__le64	applied;
	__le32	nframes;
	__le32	rsvd;
};

static_assert(sizeof(struct riod_wire_cut_commit) == 24);

#endif /* _RIOD_WIRE_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * wire_reject_kunit.c - riod_wire_fault(): each reason to reject a frame
 */
#include <kunit/test.h>
#include <linux/sizes.h>

#include "shapes.h"

struct reject {
	const char *name;
	int base;
	const char *fault;
	struct patch patch[5];
	bool resize;		/* resize the body to @len bytes, padded with zeroes */
	u32 len;
};

#define LEN(n)			.resize = true, .len = (n)

/* offsets in the body of wire_kunit.c's build_cut() */
#define DELTA		8
#define RUN(n)		(DELTA + 16 + 4 * (n))
#define PADDING		(RUN(2) + 6)
#define SECOND		40
/* offset in the body of build_describe_min() */
#define RESV		(sizeof(struct riod_wire_describe) + 256)

static const struct reject rejects[] = {
	{ "type 0", ACK, "header: type", { HDR(type, 0) } },
	{ "hello in a session", ACK, "header: type", { HDR(type, RIOD_FRAME_HELLO) } },
	{ "welcome in a session", ACK, "header: type", { HDR(type, RIOD_FRAME_WELCOME) } },
	{ "refuse in a session", ACK, "header: type", { HDR(type, RIOD_FRAME_REFUSE) } },
	{ "exports in a session", ACK, "header: type", { HDR(type, RIOD_FRAME_EXPORTS) } },
	{ "type behind the last", ACK, "header: type", { HDR(type, 50) } },
	{ "type 255", ACK, "header: type", { HDR(type, 255) } },
	{ "length too small", BYE, "header: length", { HDR(len, 31) } },
	{ "length too large", BYE, "header: length", { HDR(len, 33) } },
	{ "length below the header", ACK, "header: length", { HDR(len, 0) } },
	{ "length wraps", BYE, "header: length", { HDR(len, ~0u) } },
	{ "longer than a frame", CUT, "header: length", {}, LEN(BODY_MAX + 8) },
	{ "unknown flag", ACK, "header: flags", { HDR(flags, 2) } },
	{ "header reserved", ACK, "header: reserved field", { HDR(rsvd, 1) } },
	{ "function 8", REG, "header: function", { HDR(func, 8) } },
	{ "ack of a function", ACK, "header: function", { HDR(func, 1) } },
	{ "bye of a function", BYE, "header: function", { HDR(func, 1) } },
	{ "map of a function", MAP, "header: function", { HDR(func, 1) } },
	{ "unmap of a function", UNMAP, "header: function", { HDR(func, 1) } },
	{ "cut of a function", CUT, "header: function", { HDR(func, 1) } },
	{ "commit of a function", COMMIT, "header: function", { HDR(func, 1) } },
	{ "numbered ack", ACK, "header: numbered ACK", { HDR(seq, 1) } },
	{ "ack with a body", ACK, "header: length for this type", {}, LEN(1) },
	{ "ready without a body", READY, "header: length for this type", {}, LEN(0) },
	{ "ready too long", READY, "header: length for this type", {}, LEN(24) },
	{ "bye cut short", BYE, "header: length for this type", {}, LEN(7) },
	{ "bye too long", BYE, "header: length for this type", {}, LEN(9) },
	{ "describe cut short", DESCRIBE, "header: length for this type", {}, LEN(151) },
	{ "map empty", MAP, "header: length for this type", {}, LEN(0) },
	{ "unmap empty", UNMAP, "header: length for this type", {}, LEN(0) },
	{ "cut without a delta", CUT, "header: length for this type", {}, LEN(8) },

	{ "bye, no reason", BYE, "BYE: reason", { BODY(bye, reason, 0) } },
	{ "bye, unknown reason", BYE, "BYE: reason", { BODY(bye, reason, RIOD_REASON_LAST + 1) } },
	{ "bye, reserved", BYE, "BYE: reserved field", { BODY(bye, rsvd, 1) } },
	{ "ready, nothing may be mapped", READY, "READY: limit of shadow memory",
		{ BODY(ready, shadow_max, 0) } },
	{ "ready, half a page", READY, "READY: limit of shadow memory",
		{ BODY(ready, shadow_max, RIOD_PAGE_SIZE + RIOD_PAGE_SIZE / 2) } },
	{ "ready, reserved", READY, "READY: reserved field", { BODY(ready, rsvd, 1) } },

	{ "describe, config of 0", DESCRIBE, "DESCRIBE: size of config space",
		{ BODY(describe, cfg_size, 0) } },
	{ "describe, config of 512", DESCRIBE, "DESCRIBE: size of config space",
		{ BODY(describe, cfg_size, 512) } },
	{ "describe, 33 ranges", DESCRIBE, "DESCRIBE: too many reserved ranges",
		{ BODY(describe, nresv, RIOD_RESV_MAX + 1) } },
	{ "describe, a range missing", DESCRIBE, "DESCRIBE: length",
		{ BODY(describe, nresv, 2) } },
	{ "describe, a range too many", DESCRIBE, "DESCRIBE: length",
		{ BODY(describe, nresv, 0) } },
	{ "describe, config missing", DESCRIBE, "DESCRIBE: length",
		{ BODY(describe, cfg_size, 4096) } },
	{ "describe, a byte missing", DESCRIBE, "DESCRIBE: length", {}, LEN(RESV + 15) },
	{ "describe, flags", DESCRIBE, "DESCRIBE: flags", { BODY(describe, flags, 2) } },
	{ "describe, devfn", DESCRIBE, "DESCRIBE: devfn", { BODY(describe, devfn, 256) } },
	{ "describe, two pins", DESCRIBE, "DESCRIBE: number of vectors",
		{ BODY(describe, nintx, 2) } },
	{ "describe, 33 msi", DESCRIBE, "DESCRIBE: number of vectors",
		{ BODY(describe, nmsi, 33) } },
	{ "describe, 2049 msix", DESCRIBE, "DESCRIBE: number of vectors",
		{ BODY(describe, nmsix, RIOD_VECTORS_MAX + 1) } },
	{ "describe, reserved", DESCRIBE, "DESCRIBE: reserved field",
		{ BODY(describe, rsvd, 1ull << 63) } },
	{ "bar, reserved", DESCRIBE, "DESCRIBE: reserved field of BAR",
		{ BODY(describe, bars[6].rsvd, 1) } },
	{ "bar, absent with flags", DESCRIBE, "DESCRIBE: flags of absent BAR",
		{ BODY(describe, bars[1].flags, RIOD_BAR_F_PREFETCH) } },
	{ "bar, unknown flag", DESCRIBE, "DESCRIBE: flags of BAR",
		{ BODY(describe, bars[0].flags, 8) } },
	{ "bar, three pages", DESCRIBE, "DESCRIBE: size of BAR is no power of two",
		{ BODY(describe, bars[0].size, 0x3000) } },
	{ "bar, rom of ports", DESCRIBE, "DESCRIBE: flags of ROM",
		{ BODY(describe, bars[6].flags, RIOD_BAR_F_IO) } },
	{ "bar, rom of 64 bits", DESCRIBE, "DESCRIBE: flags of ROM",
		{ BODY(describe, bars[6].flags, RIOD_BAR_F_64) } },
	{ "bar, 64-bit ports", DESCRIBE, "DESCRIBE: I/O BAR with memory flags",
		{ BODY(describe, bars[2].flags, RIOD_BAR_F_IO | RIOD_BAR_F_64) } },
	{ "bar, two ports", DESCRIBE, "DESCRIBE: size of I/O BAR",
		{ BODY(describe, bars[2].size, 2) } },
	{ "bar, too many ports", DESCRIBE, "DESCRIBE: size of I/O BAR",
		{ BODY(describe, bars[2].size, 0x20000) } },
	{ "bar, 8 bytes", DESCRIBE, "DESCRIBE: size of memory BAR",
		{ BODY(describe, bars[3].size, 8) } },
	{ "bar, 4 GiB in 32 bits", DESCRIBE, "DESCRIBE: size of memory BAR",
		{ BODY(describe, bars[3].size, 1ull << 32) } },
	{ "bar, 2 TiB", DESCRIBE, "DESCRIBE: size of memory BAR",
		{ BODY(describe, bars[0].size, 2 * RIOD_BAR_SIZE_MAX) } },
	{ "bar, 64 bits before another", DESCRIBE, "DESCRIBE: no slot for 64-bit BAR",
		{ BODY(describe, bars[3].flags, RIOD_BAR_F_64) } },
	{ "bar, 64 bits in the last", DESCRIBE, "DESCRIBE: no slot for 64-bit BAR",
		{ BODY(describe, bars[4].size, 0), BODY(describe, bars[4].flags, 0),
		  BODY(describe, bars[5].size, 0x1000),
		  BODY(describe, bars[5].flags, RIOD_BAR_F_64),
		  BODY(describe, bars[6].size, 0) } },
	{ "describe, aperture", DESCRIBE, "DESCRIBE: aperture",
		{ BODY(describe, aperture.last, 0) } },
	{ "describe, range reversed", DESCRIBE, "DESCRIBE: reserved range",
		{ AT(RESV + 8, 8, 0) } },
	{ "describe, range below", DESCRIBE, "DESCRIBE: reserved range outside aperture",
		{ AT(RESV, 8, RIOD_PAGE_SIZE - 1) } },
	{ "describe, range above", DESCRIBE, "DESCRIBE: reserved range outside aperture",
		{ AT(RESV + 8, 8, 1ull << 39) } },

	{ "reply, no tag", REPLY, "REPLY: no tag", { BODY(reply, tag, 0) } },
	{ "reply, data cut short", REPLY_DATA, "REPLY: length", {},
		LEN(sizeof(struct riod_wire_reply) + RIOD_ROM_PIECE - 1) },
	{ "reply, too much data", REPLY_DATA, "REPLY: length", {},
		LEN(sizeof(struct riod_wire_reply) + RIOD_ROM_PIECE + 1) },
	{ "reply, data of a failure", REPLY_DATA, "REPLY: data of a failure",
		{ BODY(reply, status, RIOD_STATUS_FAILED) } },
	{ "reply, status", REPLY, "REPLY: status", { BODY(reply, status, 4) } },

	{ "irq, index", IRQ, "IRQ: index", { BODY(irq, index, 3) } },
	{ "irq, reserved", IRQ, "IRQ: reserved field", { BODY(irq, rsvd, 1) } },
	{ "irq, none", IRQ, "IRQ: number of vectors", { BODY(irq, count, 0) } },
	{ "irq, two pins", IRQ, "IRQ: number of vectors", { BODY(irq, count, 2) } },
	{ "irq, 33 msi", IRQ_MSI, "IRQ: number of vectors", { BODY(irq, count, 33) } },
	{ "irq, 2049 msix", IRQ_MSI, "IRQ: number of vectors",
		{ BODY(irq, index, RIOD_IRQ_MSIX), BODY(irq, count, RIOD_VECTORS_MAX + 1) } },
	{ "irq, one missing", IRQ_MSI, "IRQ: length", {}, LEN(8 + 2 * 31) },
	{ "irq, half missing", IRQ_MSI, "IRQ: length", {}, LEN(8 + 2 * 32 - 1) },
	{ "irq, one too many", IRQ, "IRQ: length", {}, LEN(8 + 2 * 2) },
	{ "irq, msi vector 32", IRQ_MSI, "IRQ: vector", { BODY(irq, vectors[0], 32) } },
	{ "irq, msix vector 2048", IRQ, "IRQ: vector",
		{ BODY(irq, index, RIOD_IRQ_MSIX),
		  BODY(irq, vectors[0], RIOD_VECTORS_MAX) } },

	{ "reg, op", REG, "REG: op", { BODY(reg, op, 2) } },
	{ "reg, reserved", REG, "REG: reserved field", { BODY(reg, rsvd, 1) } },
	{ "reg, region", REG, "REG: region", { BODY(reg, region, 8) } },
	{ "reg, width 0", REG, "REG: width", { BODY(reg, width, 0) } },
	{ "reg, width 3", REG, "REG: width", { BODY(reg, width, 3) } },
	{ "reg, width 16", REG, "REG: width", { BODY(reg, width, 16) } },
	{ "config access of 8", CFG_WRITE, "REG: width of config access",
		{ BODY(reg, width, 8) } },
	{ "reg, 2 at odd", REG_READ, "REG: alignment", { BODY(reg, offset, 1) } },
	{ "reg, 4 at 2", REG, "REG: alignment", { BODY(reg, offset, 2) } },
	{ "reg, 8 at 4", REG, "REG: alignment",
		{ BODY(reg, width, 8), BODY(reg, offset, 4) } },
	{ "reg, behind any BAR", REG, "REG: offset",
		{ BODY(reg, offset, RIOD_BAR_SIZE_MAX) } },
	{ "reg, end wraps", REG, "REG: offset", { BODY(reg, offset, -4ull) } },
	{ "config, behind the end", CFG_WRITE, "REG: offset", { BODY(reg, offset, 4096) } },
	{ "read with a value", REG_READ, "REG: read with a value", { BODY(reg, value, 1) } },
	{ "value too wide", REG, "REG: value wider than the access",
		{ BODY(reg, value, 1ull << 32) } },
	{ "read, no tag", REG_READ, "REG: no tag", { BODY(reg, tag, 0) } },
	{ "config write, no tag", CFG_WRITE, "REG: no tag", { BODY(reg, tag, 0) } },

	{ "ctl, op 0", COMMAND, "CTL: op", { BODY(ctl, op, 0) } },
	{ "ctl, op 9", COMMAND, "CTL: op", { BODY(ctl, op, 9) } },
	{ "ctl, ROM offset", COMMAND, "CTL: ROM offset",
		{ BODY(ctl, op, RIOD_CTL_ROM_READ), BODY(ctl, arg, 0x1000) } },
	{ "ctl, behind any ROM", COMMAND, "CTL: ROM offset",
		{ BODY(ctl, op, RIOD_CTL_ROM_READ), BODY(ctl, arg, SZ_16M) } },
	{ "ctl, no-snoop", COMMAND, "CTL: device control bits",
		{ BODY(ctl, op, RIOD_CTL_DEVCTL), BODY(ctl, arg, 0x0800) } },
	{ "ctl, payload", COMMAND, "CTL: device control bits",
		{ BODY(ctl, op, RIOD_CTL_DEVCTL), BODY(ctl, arg, 0x0020) } },
	{ "ctl, forget what", POWER, "CTL: argument",
		{ BODY(ctl, op, RIOD_CTL_BARS_FORGET), BODY(ctl, arg, 1) } },
	{ "ctl, forget, no tag", POWER, "CTL: no tag",
		{ BODY(ctl, op, RIOD_CTL_BARS_FORGET), BODY(ctl, tag, 0) } },
	{ "ctl, reserved", COMMAND, "CTL: reserved field", { BODY(ctl, rsvd, 1) } },
	{ "ctl, reserved 2", COMMAND, "CTL: reserved field", { BODY(ctl, rsvd2, 1) } },
	{ "ctl, tag of posted", UNMASK, "CTL: tag of posted operation", { BODY(ctl, tag, 1) } },
	{ "ctl, no tag", POWER, "CTL: no tag", { BODY(ctl, tag, 0) } },
	{ "ctl, command bits", COMMAND, "CTL: command bits", { BODY(ctl, arg, 8) } },
	{ "ctl, D4", POWER, "CTL: power state", { BODY(ctl, arg, 4) } },
	{ "ctl, unmask what", UNMASK, "CTL: argument", { BODY(ctl, arg, 1) } },

	{ "irq setup, no tag", IRQ_SETUP, "IRQ_SETUP: no tag", { BODY(irq_setup, tag, 0) } },
	{ "irq setup, index", IRQ_SETUP, "IRQ_SETUP: index", { BODY(irq_setup, index, 3) } },
	{ "irq setup, reserved", IRQ_SETUP, "IRQ_SETUP: reserved field",
		{ BODY(irq_setup, rsvd, 1) } },
	{ "irq setup, ten pins", IRQ_SETUP, "IRQ_SETUP: number of vectors",
		{ BODY(irq_setup, index, RIOD_IRQ_INTX) } },
	{ "irq setup, 2049 msix", IRQ_SETUP, "IRQ_SETUP: number of vectors",
		{ BODY(irq_setup, count, RIOD_VECTORS_MAX + 1) } },
	{ "irq setup, a byte missing", IRQ_SETUP, "IRQ_SETUP: length", {}, LEN(9) },
	{ "irq setup, a byte too many", IRQ_SETUP, "IRQ_SETUP: length", {}, LEN(11) },
	{ "irq setup, vector 10 of 10", IRQ_SETUP, "IRQ_SETUP: bits behind the last vector",
		{ AT(9, 1, 4) } },

	{ "map, half a record", MAP, "MAP: length", {}, LEN(36) },
	{ "map, alignment", MAP, "MAP: alignment", { BODY(map, iova, 0x800) } },
	{ "map, no pages", MAP, "MAP: number of pages", { BODY(map, npages, 0) } },
	{ "map, too many pages", MAP, "MAP: number of pages",
		{ BODY(map, npages, RIOD_MAP_PAGES_MAX + 1) } },
	{ "map, address wraps", MAP, "MAP: addresses wrap",
		{ BODY(map, iova, -4096ull), BODY(map, npages, 2) } },
	{ "map, page number wraps", MAP, "MAP: page numbers wrap",
		{ BODY(map, page, ~0ull), BODY(map, npages, 2) } },
	{ "map, no access", MAP, "MAP: prot", { BODY(map, prot, 0) } },
	{ "map, unknown access", MAP, "MAP: prot", { BODY(map, prot, 5) } },
	{ "map, two classes", MAP, "MAP: two classes",
		{ BODY(map, prot, RIOD_PROT_READ | RIOD_MAP_CLASS) } },
	{ "map, a function", MAP, "MAP: function",
		{ BODY(map, prot, RIOD_PROT_READ | RIOD_MAP_EXACT | 1 << RIOD_MAP_FUNC_SHIFT) } },
	{ "map, in use", MAP, "MAP: in use",
		{ BODY(map, prot, RIOD_PROT_READ | RIOD_MAP_EXACT | RIOD_MAP_IN_USE) } },
	{ "map, function 8", MAP, "MAP: prot",
		{ BODY(map, prot, RIOD_PROT_READ | RIOD_MAP_COMPLETIONS |
		       RIOD_FUNCS_MAX << RIOD_MAP_FUNC_SHIFT) } },
	{ "map, in the second record", MAP, "MAP: number of pages", {}, LEN(48) },

	{ "unmap, half a record", UNMAP, "UNMAP: length", {}, LEN(24) },
	{ "unmap, alignment", UNMAP, "UNMAP: alignment", { BODY(unmap, iova, 1) } },
	{ "unmap, no pages", UNMAP, "UNMAP: number of pages", { BODY(unmap, npages, 0) } },
	{ "unmap, address wraps", UNMAP, "UNMAP: addresses wrap",
		{ BODY(unmap, iova, -4096ull), BODY(unmap, npages, 2) } },
	{ "unmap, reserved", UNMAP, "UNMAP: reserved field", { BODY(unmap, rsvd, 1) } },
	{ "unmap, in the third record", UNMAP, "UNMAP: number of pages", {}, LEN(48) },

	{ "expect, an extent missing", EXPECT, "EXPECT: length", {}, LEN(16) },
	{ "expect, half an extent", EXPECT, "EXPECT: length", {}, LEN(24) },
	{ "expect, too many", EXPECT, "EXPECT: length",
		{ BODY(expect, nextents, RIOD_EXTENTS_MAX + 1) } },
	{ "expect, flags", EXPECT, "EXPECT: flags", { BODY(expect, flags, 4) } },
	{ "expect, both flags", EXPECT, "EXPECT: flags", { BODY(expect, flags, 3) } },
	{ "expect, reserved", EXPECT, "EXPECT: reserved field", { AT(15, 1, 1) } },
	{ "expect, nothing", EXPECT, "EXPECT: number of extents",
		{ BODY(expect, nextents, 0) }, LEN(16) },
	{ "expect, forget an extent", EXPECT, "EXPECT: number of extents",
		{ BODY(expect, flags, RIOD_EXPECT_FORGET) } },
	{ "expect, two requests", EXPECT, "EXPECT: requests", { BODY(expect, last, 0x10003) } },
	{ "expect, forget backwards", EXPECT, "EXPECT: requests",
		{ BODY(expect, flags, RIOD_EXPECT_FORGET), BODY(expect, nextents, 0),
		  BODY(expect, last, 1) }, LEN(16) },
	{ "expect, offset", EXPECT, "EXPECT: offset", { AT(24, 4, RIOD_PAGE_SIZE) } },
	{ "expect, no bytes", EXPECT, "EXPECT: bytes of an extent", { AT(28, 4, 0) } },
	{ "expect, too long", EXPECT, "EXPECT: bytes of an extent",
		{ AT(28, 4, RIOD_EXTENT_LEN_MAX + 1) } },
	{ "expect, page number wraps", EXPECT, "EXPECT: page numbers wrap", { AT(16, 8, ~0ull) } },

	{ "bar map, no tag", BAR_MAP, "BAR_MAP: no tag", { BODY(bar_map, tag, 0) } },
	{ "bar map, of the rom", BAR_MAP, "BAR_MAP: BAR", { BODY(bar_map, bar, 6) } },
	{ "bar map, reserved", BAR_MAP, "BAR_MAP: reserved field", { AT(7, 1, 1) } },
	{ "bar map, reserved 2", BAR_MAP, "BAR_MAP: reserved field", { BODY(bar_map, rsvd2, 1) } },
	{ "bar map, no pages", BAR_MAP, "BAR_MAP: number of pages", { BODY(bar_map, npages, 0) } },
	{ "bar map, too many pages", BAR_MAP, "BAR_MAP: number of pages",
		{ BODY(bar_map, npages, RIOD_BAR_PAGES_MAX + 1) } },
	{ "bar map, far out", BAR_MAP, "BAR_MAP: pages outside of any BAR",
		{ BODY(bar_map, first,
		       (RIOD_BAR_SIZE_MAX >> RIOD_PAGE_SHIFT) - RIOD_BAR_PAGES_MAX + 1) } },
	{ "bar map, page 0", BAR_MAP, "BAR_MAP: page numbers", { BODY(bar_map, page, 0) } },
	{ "bar map, page number wraps", BAR_MAP, "BAR_MAP: page numbers",
		{ BODY(bar_map, page, ~0ull) } },
	{ "bar map, long", BAR_MAP, "header: length for this type", {}, LEN(32) },

	{ "cut 0", CUT, "CUT_DATA: cut number", { BODY(cut_data, cut, 0) } },
	{ "delta cut short", CUT, "CUT_DATA: delta cut short", {}, LEN(SECOND + 8) },
	{ "delta of 15 bytes", CUT, "CUT_DATA: delta cut short", {}, LEN(SECOND + 15) },
	{ "delta, no runs", CUT, "CUT_DATA: number of runs", { AT(DELTA + 8, 2, 0) } },
	{ "delta, 2049 runs", CUT, "CUT_DATA: number of runs", { AT(DELTA + 8, 2, 2049) } },
	{ "delta, no bytes", CUT, "CUT_DATA: number of bytes", { AT(DELTA + 10, 2, 0) } },
	{ "delta, 4097 bytes", CUT, "CUT_DATA: number of bytes", { AT(DELTA + 10, 2, 4097) } },
	{ "delta, reserved", CUT, "CUT_DATA: reserved field", { AT(DELTA + 12, 4, 1) } },
	{ "delta, runs behind the end", CUT, "CUT_DATA: delta longer than the frame",
		{ AT(SECOND + 8, 2, 2048) } },
	{ "delta, bytes behind the end", CUT, "CUT_DATA: delta longer than the frame",
		{ AT(SECOND + 10, 2, 5) } },
	{ "delta, padding missing", CUT, "CUT_DATA: delta longer than the frame", {},
		LEN(SECOND + 21) },
	{ "runs descend", CUT, "CUT_DATA: runs touch or descend", { AT(RUN(0), 2, 9) } },
	{ "runs overlap", CUT, "CUT_DATA: runs touch or descend", { AT(RUN(1), 2, 2) } },
	{ "runs touch", CUT, "CUT_DATA: runs touch or descend", { AT(RUN(1), 2, 3) } },
	{ "run of nothing", CUT, "CUT_DATA: run outside the page", { AT(RUN(1) + 2, 2, 0) } },
	{ "run behind the page", CUT, "CUT_DATA: run outside the page",
		{ AT(RUN(1), 2, 4094) } },
	{ "run wraps", CUT, "CUT_DATA: run outside the page",
		{ AT(RUN(1), 2, 0xfffe), AT(RUN(1) + 2, 2, 0xffff) } },
	{ "runs do not add up", CUT, "CUT_DATA: runs do not add up",
		{ AT(RUN(1) + 2, 2, 2) } },
	{ "padding", CUT, "CUT_DATA: padding", { AT(PADDING, 1, 1) } },
	{ "last byte of padding", CUT, "CUT_DATA: padding", { AT(PADDING + 1, 1, 0x80) } },
	{ "fault in the second delta", CUT, "CUT_DATA: padding", { AT(SECOND + 21, 1, 1) } },
	{ "bytes behind the last delta", CUT, "CUT_DATA: delta cut short", {}, LEN(SECOND + 32) },

	{ "commit 0", COMMIT, "CUT_COMMIT: cut number", { BODY(cut_commit, cut, 0) } },
	{ "commit, reserved", COMMIT, "CUT_COMMIT: reserved field",
		{ BODY(cut_commit, rsvd, 1) } },
};

static void reject_desc(const struct reject *r, char *desc)
{
	strscpy(desc, r->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(reject, rejects, reject_desc);

static void wire_rejects(struct kunit *test)
{
	const struct reject *r = test->param_value;
	const struct shape *s = &wire_shapes[r->base];
	struct riod_frame *base = build(test, s);
	struct riod_frame *f = new_frame(test, BODY_MAX + 8);
	unsigned int i;

	KUNIT_ASSERT_LT(test, r->base, LARGER);
	f->hdr = base->hdr;
	set_len(f, r->resize ? r->len : base->len);
	memcpy(f->body, base->body, min(f->len, base->len));
	for (i = 0; i < ARRAY_SIZE(r->patch); i++)
		apply_patch(f, &r->patch[i]);
	KUNIT_EXPECT_STREQ(test, fault_of(test, f, s->dir & TO_FRONTEND) ?: "", r->fault);
}

static const struct {
	enum riod_reason reason;
	bool from_stub;
	bool from_frontend;
} byes[] = {
	{ RIOD_REASON_VERSION, false, false },
	{ RIOD_REASON_NOT_ALLOWED, true, false },
	{ RIOD_REASON_NO_EXPORT, false, false },
	{ RIOD_REASON_AMBIGUOUS, false, false },
	{ RIOD_REASON_BUSY, false, false },
	{ RIOD_REASON_PROTOCOL, true, true },
	{ RIOD_REASON_LIMIT, false, false },
	{ RIOD_REASON_NO_MEMORY, true, true },
	{ RIOD_REASON_DEVICE, true, false },
	{ RIOD_REASON_UNBIND, true, false },
	{ RIOD_REASON_DETACH, false, true },
	{ RIOD_REASON_TIMEOUT, true, true },
	{ RIOD_REASON_CLOSED, true, true },
	{ RIOD_REASON_SHUTDOWN, true, true },
	{ RIOD_REASON_SHADOW_MAX, true, false },
	{ RIOD_REASON_GONE, true, false },
	{ RIOD_REASON_EVENTS, true, true },
	{ RIOD_REASON_MEMORY_MAX, true, true },
	{ RIOD_REASON_POISON, true, true },
	{ RIOD_REASON_NO_SESSION, false, false },
	{ RIOD_REASON_ERROR, true, false },
};

/* a server host cannot say that the user of this host detached */
static void bye_of_sender(struct kunit *test)
{
	static const char fault[] = "BYE: reason of this sender";
	struct riod_frame *f = build(test, &wire_shapes[BYE]);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(byes), RIOD_REASON_LAST);
	for (i = 0; i < ARRAY_SIZE(byes); i++) {
		((struct riod_wire_bye *)f->body)->reason = cpu_to_le32(byes[i].reason);
		KUNIT_EXPECT_STREQ_MSG(test, fault_of(test, f, true) ?: "",
				       byes[i].from_stub ? "" : fault, "%u", byes[i].reason);
		KUNIT_EXPECT_STREQ_MSG(test, fault_of(test, f, false) ?: "",
				       byes[i].from_frontend ? "" : fault, "%u", byes[i].reason);
	}
}

static struct kunit_case reject_cases[] = {
	KUNIT_CASE_PARAM(wire_rejects, reject_gen_params),
	KUNIT_CASE(bye_of_sender),
	{}
};

static struct kunit_suite reject_suite = {
	.name = "riod_wire_reject",
	.test_cases = reject_cases,
};

kunit_test_suite(reject_suite);

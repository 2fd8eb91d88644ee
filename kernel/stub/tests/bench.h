/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.h - functions without a device, and frames for them
 */
#ifndef _RIOD_STUB_TESTS_BENCH_H
#define _RIOD_STUB_TESTS_BENCH_H

#include <kunit/test.h>
#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "fakes.h"
#include "wire.h"

#define BAR_SIZE	SZ_4K
#define IO_SIZE		16
#define ROM_SIZE	0x600
#define ROM_WINDOW	SZ_2K
#define CFG_SIZE	256

#define MSI		0x50
#define MSIX		0x70
#define VPD		0xc8
#define VNDR		0xd0
#define TABLE		0x800
#define PBA		0xc00
#define VECTORS		4

/**
 * struct bench - an attachment of two functions, and a record of accesses
 * @a: the attachment
 * @fn: the first has everything, the second only config space
 * @pdev: device of both functions
 * @cfg: model of both functions
 * @bar: memory of BAR 0: registers, MSI-X table and pending bits
 * @io: BAR 2: I/O ports; BAR 4: the first 4 of them
 * @rom: copy of the ROM
 * @config: config space
 * @cfg_ret: result of accesses to @config
 * @nconfig: accesses that reached @config
 * @ungated: writes to @config that were not made under the gate
 * @nreplies: number of replies posted
 * @reply: the last reply
 * @piece: data of the last reply with data
 * @reply_func: function of the last reply
 * @reply_ret: result of posting a reply
 * @nvecs: number of allocated vectors
 * @had: the allocated vectors
 * @room: most vectors that can be allocated
 * @dyn: MSI-X vectors can be allocated one by one
 * @vecs: vectors that have a handler
 * @line: handler of the line
 * @intx_open: the device may assert it
 * @intx_kept: @intx_open as saved in D3hot
 * @master: bus master is set
 * @mastered: times that it was set
 * @devctl: Device Control, without the read request size
 * @readrq: read request size that was set last, in bytes
 * @nvpd: number of reads of VPD
 * @vpd_ret: result of reads of VPD
 * @vpd_gated: reads of VPD that were made under the gate
 * @asleep: times that vectors were allocated or freed while not in D0
 * @power_ret: result of changing the power state
 * @nresets: number of resets
 * @nrefences: calls of riod_stub_refence_func()
 */
struct bench {
	struct fake_att *a;
	struct riod_stub_func fn[2];
	struct pci_dev pdev;
	struct riod_cfg cfg;
	u8 bar[BAR_SIZE];
	u8 io[IO_SIZE];
	u8 rom[ROM_SIZE];
	u8 config[CFG_SIZE];
	int cfg_ret;
	unsigned int nconfig;
	unsigned int ungated;
	unsigned int nreplies;
	struct riod_wire_reply reply;
	u8 piece[RIOD_ROM_PIECE];
	u8 reply_func;
	int reply_ret;
	unsigned int nvecs;
	unsigned long had;
	unsigned int room;
	bool dyn;
	unsigned long vecs;
	irq_handler_t line;
	bool intx_open;
	bool intx_kept;
	bool master;
	unsigned int mastered;
	u16 devctl;
	int readrq;
	unsigned int asleep;
	int power_ret;
	unsigned int nvpd;
	int vpd_ret;
	unsigned int vpd_gated;
	unsigned int nresets;
	unsigned int nrefences;
};

#define OK	RIOD_STATUS_OK
#define DENIED	RIOD_STATUS_DENIED
#define INVALID	RIOD_STATUS_INVALID
#define FAILED	RIOD_STATUS_FAILED

#define IO	PCI_COMMAND_IO
#define MEMORY	PCI_COMMAND_MEMORY

/* init and exit of a suite */
int bench_init(struct kunit *test);
void bench_exit(struct kunit *test);

static inline struct riod_frame *frame(struct kunit *test, u8 type, u8 func, u32 len)
{
	struct riod_frame *f = kunit_kzalloc(test, struct_size(f, body, len), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->len = len;
	f->hdr.len = cpu_to_le32(sizeof(f->hdr) + len);
	f->hdr.type = type;
	f->hdr.func = func;
	return f;
}

/* the frame must be legal; hand it to the stub */
static inline int give(struct kunit *test, struct riod_frame *f)
{
	struct bench *b = test->priv;

	KUNIT_ASSERT_NULL(test, riod_wire_fault(f, false));
	return riod_stub_frame(&b->a->att, f);
}

static inline u32 status_of(const struct bench *b)
{
	return le32_to_cpu(b->reply.status);
}

#endif /* _RIOD_STUB_TESTS_BENCH_H */

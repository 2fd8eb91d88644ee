// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench.c - functions without a device
 *
 * Uses the real frame.c, reply.c, bar.c, vpd.c, ctl.c, irq.c and shadow.c.  BARs are
 * memory, config space is an array; interrupts, power states and resets are only
 * recorded.
 */
#include <kunit/test.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/pci.h>
#include <linux/unaligned.h>

#include "bench.h"

/* global, because the fakes get no pointer to it; tests run one at a time */
static struct bench *bench;

/* ------------------------------------------------------------ the device */

static u32 config_read(int pos, unsigned int width)
{
	u32 value = 0;

	bench->nconfig++;
	while (width--)
		value = value << 8 | bench->config[pos + width];
	return value;
}

static int config_write(int pos, unsigned int width, u32 value)
{
	bench->nconfig++;
	bench->ungated += !mutex_is_locked(&bench->a->sync.gate);
	for (; width--; value >>= 8)
		bench->config[pos++] = value;
	return bench->cfg_ret;
}

static int fake_read_byte(struct pci_dev *pdev, int pos, u8 *value)
{
	*value = config_read(pos, 1);
	return bench->cfg_ret;
}

static int fake_read_word(struct pci_dev *pdev, int pos, u16 *value)
{
	*value = config_read(pos, 2);
	return bench->cfg_ret;
}

static int fake_read_dword(struct pci_dev *pdev, int pos, u32 *value)
{
	*value = config_read(pos, 4);
	return bench->cfg_ret;
}

static int fake_write_byte(struct pci_dev *pdev, int pos, u8 value)
{
	return config_write(pos, 1, value);
}

static int fake_write_word(struct pci_dev *pdev, int pos, u16 value)
{
	return config_write(pos, 2, value);
}

static int fake_write_dword(struct pci_dev *pdev, int pos, u32 value)
{
	return config_write(pos, 4, value);
}

static int fake_post_reply(struct riod_link *l, struct riod_frame *f)
{
	bench->nreplies++;
	bench->reply = *(struct riod_wire_reply *)f->body;
	if (f->len > sizeof(bench->reply))
		memcpy(bench->piece, f->body + sizeof(bench->reply), RIOD_ROM_PIECE);
	bench->reply_func = f->hdr.func;
	riod_frame_free(f);
	return bench->reply_ret;
}

static void fake_kick(struct riod_link *l)
{
}

/* called where the PCI core would write the MSI-X table */
static void note_asleep(void)
{
	bench->asleep += bench->fn[0].power != 0;
}

/* interrupt number of vector 0; the line has number 0 */
#define FAKE_IRQ	1000

static int fake_alloc_vectors(struct pci_dev *pdev, unsigned int min, unsigned int max,
			      unsigned int flags)
{
	note_asleep();
	if (bench->nvecs || max > bench->room)
		return -ENOSPC;
	bench->nvecs = max;
	bench->had = GENMASK(max - 1, 0);
	return max;
}

static void fake_free_vectors(struct pci_dev *pdev)
{
	note_asleep();
	bench->nvecs = 0;
	bench->had = 0;
}

static bool fake_can_alloc_dyn(struct pci_dev *pdev)
{
	return bench->dyn;
}

static struct msi_map fake_alloc_at(struct pci_dev *pdev, unsigned int nr,
				    const struct irq_affinity_desc *desc)
{
	struct msi_map map = { .index = -ENOSPC };

	note_asleep();
	if (!bench->dyn || !bench->nvecs || bench->nvecs == bench->room ||
	    __test_and_set_bit(nr, &bench->had))
		return map;
	bench->nvecs++;
	map.index = nr;
	map.virq = FAKE_IRQ + nr;
	return map;
}

static void fake_free_at(struct pci_dev *pdev, struct msi_map map)
{
	note_asleep();
	bench->nvecs -= __test_and_clear_bit(map.index, &bench->had);
}

static int fake_vector(struct pci_dev *pdev, unsigned int nr)
{
	return test_bit(nr, &bench->had) ? FAKE_IRQ + nr : -EINVAL;
}

static int fake_request_irq(int irq, irq_handler_t handler, unsigned long flags,
			    const char *name, void *arg)
{
	if (irq < 0)
		return irq;
	note_asleep();
	if (irq < FAKE_IRQ)
		bench->line = handler;
	else
		__set_bit(irq - FAKE_IRQ, &bench->vecs);
	return 0;
}

static void fake_free_irq(int irq, void *arg)
{
	note_asleep();
	if (irq < FAKE_IRQ)
		bench->line = NULL;
	else
		__clear_bit(irq - FAKE_IRQ, &bench->vecs);
}

static void fake_intx(struct pci_dev *pdev, int enable)
{
	bench->intx_open = enable;
}

static bool fake_mask_supported(struct pci_dev *pdev)
{
	return true;
}

static bool fake_check_and_mask_intx(struct pci_dev *pdev)
{
	bench->intx_open = false;
	return true;
}

static int fake_clear_and_set(struct pci_dev *pdev, int pos, u16 clear, u16 set)
{
	bench->devctl = (bench->devctl & ~clear) | set;
	return 0;
}

static int fake_get_mps(struct pci_dev *pdev)
{
	return 256;
}

static int fake_set_readrq(struct pci_dev *pdev, int rq)
{
	bench->readrq = rq;
	return 0;
}

/* the value of each byte is its address */
static ssize_t fake_read_vpd(struct pci_dev *pdev, loff_t pos, size_t count, void *buf)
{
	u8 *p = buf;

	bench->nvpd++;
	bench->vpd_gated += mutex_is_locked(&bench->a->sync.gate);
	if (bench->vpd_ret)
		return bench->vpd_ret;
	while (p < (u8 *)buf + count)
		*p++ = pos++;
	return count;
}

/* replacements for func.c, reset.c and fence.c, which only drive the device */

int riod_stub_func_set_master(struct riod_stub_func *fn, bool on)
{
	if (on && fn->fenced)
		return -EPERM;
	bench->master = on;
	bench->mastered += on;
	return 0;
}

/* a device that loses its command register in D3hot */
int riod_stub_func_move(struct riod_stub_func *fn, u8 state)
{
	if (state == fn->power || bench->power_ret)
		return state == fn->power ? 0 : bench->power_ret;
	if (state == 3) {
		bench->master = false;
		riod_stub_intx_set_line(fn, false);
		bench->intx_kept = bench->intx_open;
	} else if (fn->power == 3) {
		bench->intx_open = bench->intx_kept;
		riod_stub_intx_set_line(fn, true);
	}
	fn->power = state;
	return 0;
}

int riod_stub_func_set_power(struct riod_stub_func *fn, u8 state)
{
	int ret = riod_stub_func_move(fn, state);

	if (fn->power != 3 && fn->command & PCI_COMMAND_MASTER)
		riod_stub_func_set_master(fn, true);
	return ret;
}

int riod_stub_func_reset(struct riod_stub_func *fn)
{
	bench->nresets++;
	return 0;
}

void riod_stub_refence_func(struct riod_stub_func *fn)
{
	lockdep_assert_held(&fn->lock);
	bench->nrefences++;
}

#define pci_read_config_byte	fake_read_byte
#define pci_read_config_word	fake_read_word
#define pci_read_config_dword	fake_read_dword
#define pci_write_config_byte	fake_write_byte
#define pci_write_config_word	fake_write_word
#define pci_write_config_dword	fake_write_dword
#define riod_link_sync		fake_link_sync
#define riod_link_post_reply	fake_post_reply
#define riod_link_kick		fake_kick
#define pci_alloc_irq_vectors	fake_alloc_vectors
#define pci_free_irq_vectors	fake_free_vectors
#define pci_irq_vector		fake_vector
#define pci_msix_can_alloc_dyn	fake_can_alloc_dyn
#define pci_msix_alloc_irq_at	fake_alloc_at
#define pci_msix_free_irq	fake_free_at
#define request_irq		fake_request_irq
#define free_irq		fake_free_irq
#define pci_intx		fake_intx
#define pci_intx_mask_supported	fake_mask_supported
#define pci_check_and_mask_intx	fake_check_and_mask_intx

#define pcie_capability_clear_and_set_word	fake_clear_and_set
#define pcie_get_mps		fake_get_mps
#define pcie_set_readrq		fake_set_readrq
#define pci_read_vpd		fake_read_vpd

#include "../frame.c"
#include "../reply.c"
#include "../bar.c"
#include "../vpd.c"
#include "../ctl.c"
#include "../irq.c"
#include "../shadow.c"

/* ------------------------------------------------------------ the bench */

/* a conventional function with MSI, MSI-X, VPD and a vendor-specific capability */
static void init_cfg(struct kunit *test, struct bench *b)
{
	struct riod_cfg_bar bars[RIOD_BARS] = {
		[0] = { BAR_SIZE, 0 },
		[2] = { IO_SIZE, RIOD_BAR_F_IO },
		[4] = { 4, RIOD_BAR_F_IO },
		[RIOD_REGION_ROM] = { ROM_WINDOW, 0 },
	};
	u8 *raw = kunit_kzalloc(test, CFG_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, raw);
	put_unaligned_le32(0x00101b36, raw + PCI_VENDOR_ID);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, raw + PCI_STATUS);
	raw[PCI_CAPABILITY_LIST] = MSI;
	put_unaligned_le16(PCI_CAP_ID_MSI | MSIX << 8, raw + MSI);
	put_unaligned_le16(PCI_MSI_FLAGS_64BIT, raw + MSI + PCI_MSI_FLAGS);
	put_unaligned_le16(PCI_CAP_ID_MSIX | VPD << 8, raw + MSIX);
	put_unaligned_le16(VECTORS - 1, raw + MSIX + PCI_MSIX_FLAGS);
	put_unaligned_le32(TABLE, raw + MSIX + PCI_MSIX_TABLE);
	put_unaligned_le32(PBA, raw + MSIX + PCI_MSIX_PBA);
	put_unaligned_le16(PCI_CAP_ID_VPD | VNDR << 8, raw + VPD);
	put_unaligned_le32(PCI_CAP_ID_VNDR | 0x10 << 16, raw + VNDR);
	KUNIT_ASSERT_EQ(test, riod_cfg_init(&b->cfg, raw, CFG_SIZE, bars), 0);
}

static void init_func(struct bench *b, u8 index)
{
	struct riod_stub_func *fn = &b->fn[index];

	fn->exp = &b->a->exp;
	fn->pdev = &b->pdev;
	fn->index = index;
	fn->cfg = &b->cfg;
	fn->link = fake_link(&b->a->sync);
	fn->command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
	mutex_init(&fn->lock);
	spin_lock_init(&fn->cmd_lock);
	riod_stub_irq_init(fn);
	b->a->exp.funcs[index] = fn;
	b->a->exp.nfuncs = index + 1;
}

int bench_init(struct kunit *test)
{
	struct bench *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	struct riod_stub_func *fn;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->pdev.dev.init_name = "test";
	b->pdev.cfg_size = CFG_SIZE;
	b->pdev.irq = 1;
	b->room = VECTORS;
	init_cfg(test, b);
	for (i = 0; i < BAR_SIZE; i++)
		b->bar[i] = 1 + i % 251;
	for (i = 0; i < IO_SIZE; i++)
		b->io[i] = 0x40 + i;
	for (i = 0; i < ROM_SIZE; i++)
		b->rom[i] = 1 + i % 241;
	for (i = 0; i < CFG_SIZE; i++)
		b->config[i] = 0xc0 ^ i;

	b->a = fake_att_create(test);
	set_bit(RIOD_STUB_ATT_READY, &b->a->att.flags);
	init_func(b, 0);
	init_func(b, 1);
	fn = &b->fn[0];
	fn->bars[0].map = (void __iomem __force *)b->bar;
	fn->bars[0].size = BAR_SIZE;
	fn->bars[2].map = (void __iomem __force *)b->io;
	fn->bars[2].size = IO_SIZE;
	fn->bars[2].flags = RIOD_BAR_F_IO;
	fn->bars[4] = fn->bars[2];
	fn->bars[4].size = 4;
	fn->bars[RIOD_REGION_ROM].size = ROM_WINDOW;
	fn->rom = b->rom;
	fn->rom_size = ROM_SIZE;
	fn->nintx = 1;
	fn->nmsi = VECTORS;
	fn->nmsix = VECTORS;
	test->priv = b;
	bench = b;
	return 0;
}

void bench_exit(struct kunit *test)
{
	struct bench *b = test->priv;
	unsigned int i;

	if (!b)
		return;
	for (i = 0; i < ARRAY_SIZE(b->fn); i++) {
		mutex_lock(&b->fn[i].lock);
		riod_stub_irq_off(&b->fn[i]);
		mutex_unlock(&b->fn[i].lock);
	}
	KUNIT_EXPECT_EQ(test, b->nvecs, 0);
	KUNIT_EXPECT_EQ(test, b->vecs, 0);
	KUNIT_EXPECT_NULL(test, b->line);
	KUNIT_EXPECT_EQ(test, b->ungated, 0);
	fake_att_destroy(test, b->a);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * cfgspace.c - model of a function's config space
 *
 * riod_cfg_init() walks untrusted bytes.  It first records where the
 * capabilities of a list begin, each once, so a loop ends the list.  A
 * capability then gets at most the bytes up to the start of the next one, so no
 * two share a byte; one that needs more is hidden.
 */
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <uapi/linux/pci_regs.h>

#include "cfgspace.h"

#define CFG_COMMAND_BITS	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | \
				 PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)
#define CFG_COMMAND_WMASK	(CFG_COMMAND_BITS | PCI_COMMAND_PARITY | \
				 PCI_COMMAND_SERR)

/* PCIe 7.5.3.4: error reporting, relaxed ordering, sizes; not No-Snoop */
#define CFG_DEVCTL_WMASK	(PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | \
				 PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE | \
				 PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_PAYLOAD | \
				 PCI_EXP_DEVCTL_EXT_TAG | PCI_EXP_DEVCTL_READRQ)
/* PCIe 7.5.3.15: hide AtomicOp, LTR, 10-bit tags and OBFF */
#define CFG_DEVCAP2_HIDDEN	(PCI_EXP_DEVCAP2_ATOMIC_ROUTE | \
				 PCI_EXP_DEVCAP2_ATOMIC_COMP32 | \
				 PCI_EXP_DEVCAP2_ATOMIC_COMP64 | \
				 PCI_EXP_DEVCAP2_ATOMIC_COMP128 | \
				 PCI_EXP_DEVCAP2_LTR | \
				 PCI_EXP_DEVCAP2_OBFF_MASK | 0x00030000)
#define CFG_DEVCTL2_WMASK	(PCI_EXP_DEVCTL2_COMP_TIMEOUT | \
				 PCI_EXP_DEVCTL2_COMP_TMOUT_DIS)

/* PCI 3.0 6.8.1.3: 32 vectors; larger encodings are reserved */
#define CFG_MSI_LOG2_MAX	5

/* capabilities begin at multiples of 4: one bit each */
#define CFG_STARTS		(RIOD_CFG_SIZE_MAX / 4)

#define PCI_X_CMD_VERSION_MASK	0x3000

static u16 cfg_get16(const struct riod_cfg *c, u16 pos)
{
	return get_unaligned_le16(c->bytes + pos);
}

static u32 cfg_get32(const struct riod_cfg *c, u16 pos)
{
	return get_unaligned_le32(c->bytes + pos);
}

static void cfg_class(struct riod_cfg *c, u16 pos, u16 len, enum riod_cfg_class class)
{
	memset(c->class + pos, class, len);
}

/* a register of the model: @value after a reset, @wmask: bits that the guest may write */
static void cfg_virt(struct riod_cfg *c, u16 pos, u8 width, u32 value, u32 wmask)
{
	u8 i;

	cfg_class(c, pos, width, RIOD_CFG_VIRT);
	for (i = 0; i < width; i++) {
		c->bytes[pos + i] = value >> (8 * i);
		c->wmask[pos + i] = wmask >> (8 * i);
	}
}

static void cfg_zero(struct riod_cfg *c, u16 pos, u16 len)
{
	memset(c->bytes + pos, 0, len);
	memset(c->wmask + pos, 0, len);
	cfg_class(c, pos, len, RIOD_CFG_CONST);
}

/* PCI 3.0 6.2.5.1: the writable bits of a BAR encode its size */
static int cfg_init_bar(struct riod_cfg *c, unsigned int n)
{
	const struct riod_cfg_bar *bar = &c->bars[n];
	u16 pos = PCI_BASE_ADDRESS_0 + 4 * n;
	u64 mask = ~(bar->size - 1);
	u32 low;

	if (!bar->size) {
		cfg_zero(c, pos, 4);
		return 0;
	}
	if (!is_power_of_2(bar->size))
		return -EINVAL;

	if (bar->flags & RIOD_BAR_F_IO) {
		if (bar->size < 4 || bar->size > SZ_64K || bar->flags & RIOD_BAR_F_64)
			return -EINVAL;
		cfg_virt(c, pos, 4, PCI_BASE_ADDRESS_SPACE_IO, mask & ~3u);
		return 0;
	}

	low = bar->flags & RIOD_BAR_F_PREFETCH ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0;
	if (bar->size < 16)
		return -EINVAL;
	if (!(bar->flags & RIOD_BAR_F_64)) {
		if (bar->size > SZ_2G)
			return -EINVAL;
		cfg_virt(c, pos, 4, low, mask & ~15u);
		return 0;
	}
	if (n == PCI_STD_NUM_BARS - 1 || c->bars[n + 1].size)
		return -EINVAL;
	cfg_virt(c, pos, 4, low | PCI_BASE_ADDRESS_MEM_TYPE_64, mask & ~15u);
	return 1;
}

static int cfg_init_bars(struct riod_cfg *c)
{
	const struct riod_cfg_bar *rom = &c->bars[RIOD_REGION_ROM];
	unsigned int n;
	int ret;

	for (n = 0; n < PCI_STD_NUM_BARS; n++) {
		ret = cfg_init_bar(c, n);
		if (ret < 0)
			return ret;
		if (!ret)
			continue;
		cfg_virt(c, PCI_BASE_ADDRESS_0 + 4 * (n + 1), 4, 0,
			 ~(c->bars[n].size - 1) >> 32);
		n++;
	}

	cfg_zero(c, PCI_ROM_ADDRESS, 4);
	if (!rom->size)
		return 0;
	if (!is_power_of_2(rom->size) || rom->size < SZ_2K || rom->size > SZ_16M)
		return -EINVAL;
	cfg_virt(c, PCI_ROM_ADDRESS, 4, 0, ~(rom->size - 1) | PCI_ROM_ADDRESS_ENABLE);
	return 0;
}

static int cfg_init_header(struct riod_cfg *c)
{
	if ((c->bytes[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MASK) != PCI_HEADER_TYPE_NORMAL)
		return -EINVAL;
	/* none, or INTA to INTD */
	if (c->bytes[PCI_INTERRUPT_PIN] > 4)
		return -EINVAL;

	cfg_class(c, 0, PCI_STD_HEADER_SIZEOF, RIOD_CFG_CONST);
	cfg_virt(c, PCI_COMMAND, 2, 0, CFG_COMMAND_WMASK);
	cfg_class(c, PCI_STATUS, 2, RIOD_CFG_LIVE_RO);
	cfg_virt(c, PCI_CACHE_LINE_SIZE, 1, 0, 0xff);
	cfg_zero(c, PCI_BIST, 1);
	cfg_virt(c, PCI_INTERRUPT_LINE, 1, 0, 0xff);
	return cfg_init_bars(c);
}

/* ------------------------------------------------------------ capabilities */

static void cfg_init_pm(struct riod_cfg *c, u16 pos)
{
	u16 pmc = cfg_get16(c, pos + PCI_PM_PMC);
	u16 ctrl = cfg_get16(c, pos + PCI_PM_CTRL);

	/* power management events would reach no one, so PME is not offered */
	pmc &= ~PCI_PM_CAP_PME_MASK;
	c->bytes[pos + PCI_PM_PMC] = pmc;
	c->bytes[pos + PCI_PM_PMC + 1] = pmc >> 8;
	cfg_virt(c, pos + PCI_PM_CTRL, 2, ctrl & PCI_PM_CTRL_NO_SOFT_RESET,
		 PCI_PM_CTRL_STATE_MASK);
	cfg_zero(c, pos + PCI_PM_PPB_EXTENSIONS, 2);
	c->pm_cap = pos;
}

/* Multiple Message Capable: log2 of the number of vectors */
static u16 cfg_msi_log2(u16 flags)
{
	return (flags & PCI_MSI_FLAGS_QMASK) >> 1;
}

static u16 cfg_msi_len(const struct riod_cfg *c, u16 pos)
{
	u16 flags = cfg_get16(c, pos + PCI_MSI_FLAGS);

	if (flags & PCI_MSI_FLAGS_MASKBIT)
		return flags & PCI_MSI_FLAGS_64BIT ? 0x18 : 0x14;
	return flags & PCI_MSI_FLAGS_64BIT ? 0x0e : 0x0a;
}

static void cfg_init_msi(struct riod_cfg *c, u16 pos, u16 len)
{
	u16 flags = cfg_get16(c, pos + PCI_MSI_FLAGS);
	u16 pending = len == 0x18 ? 0x14 : len == 0x14 ? 0x10 : len;
	u16 i;

	if (cfg_msi_log2(flags) > CFG_MSI_LOG2_MAX)
		flags = (flags & ~PCI_MSI_FLAGS_QMASK) | CFG_MSI_LOG2_MAX << 1;
	flags &= PCI_MSI_FLAGS_QMASK | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT;
	cfg_virt(c, pos + PCI_MSI_FLAGS, 2, flags,
		 PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	for (i = PCI_MSI_ADDRESS_LO; i < pending; i++)
		cfg_virt(c, pos + i, 1, 0, i == PCI_MSI_ADDRESS_LO ? 0xfc : 0xff);
	if (len > pending) {
		cfg_virt(c, pos + pending, 4, 0, 0);
		c->msi_mask = pos + pending - 4;
	}
	c->msi_cap = pos;
}

static int cfg_init_msix(struct riod_cfg *c, u16 pos)
{
	u16 flags = cfg_get16(c, pos + PCI_MSIX_FLAGS);
	u32 table = cfg_get32(c, pos + PCI_MSIX_TABLE);
	u32 pba = cfg_get32(c, pos + PCI_MSIX_PBA);
	u32 n = (flags & PCI_MSIX_FLAGS_QSIZE) + 1;
	u64 end;

	c->msix_table_bar = table & PCI_MSIX_TABLE_BIR;
	c->msix_table_offset = table & PCI_MSIX_TABLE_OFFSET;
	c->msix_table_size = n * PCI_MSIX_ENTRY_SIZE;
	c->msix_pba_bar = pba & PCI_MSIX_PBA_BIR;
	c->msix_pba_offset = pba & PCI_MSIX_PBA_OFFSET;
	c->msix_pba_size = ALIGN(n, 64) / 8;

	if (c->msix_table_bar >= PCI_STD_NUM_BARS || c->msix_pba_bar >= PCI_STD_NUM_BARS)
		return -EINVAL;
	end = (u64)c->msix_table_offset + c->msix_table_size;
	if (end > c->bars[c->msix_table_bar].size)
		return -EINVAL;
	end = (u64)c->msix_pba_offset + c->msix_pba_size;
	if (end > c->bars[c->msix_pba_bar].size)
		return -EINVAL;

	cfg_virt(c, pos + PCI_MSIX_FLAGS, 2, flags & PCI_MSIX_FLAGS_QSIZE,
		 PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	c->msix_cap = pos;
	return 0;
}

static u16 cfg_exp_len(const struct riod_cfg *c, u16 pos)
{
	u16 flags = cfg_get16(c, pos + PCI_EXP_FLAGS);
	u16 type = (flags & PCI_EXP_FLAGS_TYPE) >> 4;

	if ((flags & PCI_EXP_FLAGS_VERS) >= 2)
		return type == PCI_EXP_TYPE_RC_END ? PCI_CAP_EXP_RC_ENDPOINT_SIZEOF_V2 :
						     PCI_CAP_EXP_ENDPOINT_SIZEOF_V2;
	return type == PCI_EXP_TYPE_RC_END ? PCI_CAP_EXP_RC_ENDPOINT_SIZEOF_V1 :
					     PCI_CAP_EXP_ENDPOINT_SIZEOF_V1;
}

static void cfg_init_exp(struct riod_cfg *c, u16 pos, u16 len)
{
	u16 ctl = cfg_get16(c, pos + PCI_EXP_DEVCTL);
	u32 cap2;

	cfg_virt(c, pos + PCI_EXP_DEVCTL, 2, ctl & CFG_DEVCTL_WMASK, CFG_DEVCTL_WMASK);
	cfg_class(c, pos + PCI_EXP_DEVSTA, 2, RIOD_CFG_LIVE_RO);
	if (len > PCI_EXP_LNKCTL + 1)
		cfg_virt(c, pos + PCI_EXP_LNKCTL, 2, cfg_get16(c, pos + PCI_EXP_LNKCTL),
			 PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB |
			 PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES);
	if (len > PCI_EXP_DEVCTL2 + 1) {
		cap2 = cfg_get32(c, pos + PCI_EXP_DEVCAP2) & ~CFG_DEVCAP2_HIDDEN;
		put_unaligned_le32(cap2, c->bytes + pos + PCI_EXP_DEVCAP2);
		cfg_virt(c, pos + PCI_EXP_DEVCTL2, 2, 0, CFG_DEVCTL2_WMASK);
	}
	c->exp_cap = pos;
}

/* length of a capability that is shown; 0: hidden */
static u16 cfg_cap_len(const struct riod_cfg *c, u16 pos)
{
	switch (c->bytes[pos]) {
	case PCI_CAP_ID_PM:
		return PCI_PM_SIZEOF;
	case PCI_CAP_ID_VPD:
		return PCI_CAP_VPD_SIZEOF;
	case PCI_CAP_ID_MSI:
		return cfg_msi_len(c, pos);
	case PCI_CAP_ID_MSIX:
		return PCI_CAP_MSIX_SIZEOF;
	case PCI_CAP_ID_EXP:
		return cfg_exp_len(c, pos);
	case PCI_CAP_ID_AF:
		return PCI_CAP_AF_SIZEOF;
	case PCI_CAP_ID_SSVID:
		return 8;
	case PCI_CAP_ID_PCIX:
		return cfg_get16(c, pos + PCI_X_CMD) & PCI_X_CMD_VERSION_MASK ?
		       PCI_CAP_PCIX_SIZEOF_V2 : PCI_CAP_PCIX_SIZEOF_V0;
	case PCI_CAP_ID_SATA:
		return (c->bytes[pos + PCI_SATA_REGS] & PCI_SATA_REGS_MASK) ==
		       PCI_SATA_REGS_INLINE ? PCI_SATA_SIZEOF_LONG : PCI_SATA_SIZEOF_SHORT;
	case PCI_CAP_ID_VNDR:
		return max_t(u16, c->bytes[pos + PCI_CAP_FLAGS], 3);
	default:
		return 0;
	}
}

static int cfg_init_cap(struct riod_cfg *c, u16 pos, u16 len)
{
	u8 id = c->bytes[pos];

	cfg_class(c, pos, len, RIOD_CFG_CONST);
	switch (id) {
	case PCI_CAP_ID_PM:
		if (c->pm_cap)
			return -EINVAL;
		cfg_init_pm(c, pos);
		return 0;
	case PCI_CAP_ID_VPD:
		if (c->vpd_cap)
			return -EINVAL;
		c->vpd_cap = pos;
		/*
		 * the stub emulates the registers (vpd.c): the device's belong
		 * to its host
		 */
		memset(c->bytes + pos + PCI_VPD_ADDR, 0, PCI_CAP_VPD_SIZEOF - PCI_VPD_ADDR);
		cfg_class(c, pos + PCI_VPD_ADDR, 2, RIOD_CFG_LIVE);
		cfg_class(c, pos + PCI_VPD_DATA, 4, RIOD_CFG_LIVE_RO);
		return 0;
	case PCI_CAP_ID_MSI:
		if (c->msi_cap)
			return -EINVAL;
		cfg_init_msi(c, pos, len);
		return 0;
	case PCI_CAP_ID_MSIX:
		return c->msix_cap ? -EINVAL : cfg_init_msix(c, pos);
	case PCI_CAP_ID_EXP:
		if (c->exp_cap)
			return -EINVAL;
		cfg_init_exp(c, pos, len);
		return 0;
	case PCI_CAP_ID_AF:
		if (c->af_cap)
			return -EINVAL;
		c->af_cap = pos;
		cfg_zero(c, pos + PCI_AF_CTRL, 2);
		return 0;
	case PCI_CAP_ID_VNDR:
		cfg_class(c, pos + 3, len - 3, RIOD_CFG_LIVE);
		return 0;
	default:
		return 0;
	}
}

/* bytes from the capability at @pos to the next one or to @end */
static u16 cfg_room(const unsigned long *starts, u16 pos, u16 end)
{
	u16 at = pos + 4;

	while (at < end && !test_bit(at / 4, starts))
		at += 4;
	return min(at, end) - pos;
}

/* find where legacy capabilities begin; a loop ends the list */
static void cfg_find_caps(const struct riod_cfg *c, unsigned long *starts)
{
	u16 pos = c->bytes[PCI_CAPABILITY_LIST] & ~3;

	while (pos >= PCI_STD_HEADER_SIZEOF && !test_bit(pos / 4, starts)) {
		__set_bit(pos / 4, starts);
		pos = c->bytes[pos + PCI_CAP_LIST_NEXT] & ~3;
	}
}

/*
 * A shown capability must end before the next one begins.  One that does not,
 * or that is hidden or unknown, is unlinked, and everything up to the next
 * capability reads as zeroes.
 */
static int cfg_init_caps(struct riod_cfg *c)
{
	DECLARE_BITMAP(starts, CFG_STARTS) = {};
	DECLARE_BITMAP(done, CFG_STARTS) = {};
	u16 link = PCI_CAPABILITY_LIST;
	u16 pos, next, len, room;
	int ret;

	next = c->bytes[link];
	c->bytes[link] = 0;
	if (!(cfg_get16(c, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	c->bytes[link] = next;
	cfg_find_caps(c, starts);
	c->bytes[link] = 0;

	for (pos = next & ~3; pos >= PCI_STD_HEADER_SIZEOF && !test_bit(pos / 4, done);
	     pos = next & ~3) {
		__set_bit(pos / 4, done);
		next = c->bytes[pos + PCI_CAP_LIST_NEXT];
		room = cfg_room(starts, pos, PCI_CFG_SPACE_SIZE);
		len = cfg_cap_len(c, pos);
		if (!len || len > room) {
			cfg_zero(c, pos, room);
			continue;
		}
		ret = cfg_init_cap(c, pos, len);
		if (ret)
			return ret;
		c->bytes[link] = pos;
		link = pos + PCI_CAP_LIST_NEXT;
		c->bytes[link] = 0;
	}
	return 0;
}

/* length of an extended capability that is shown; 0: hidden */
static u16 cfg_ext_len(const u8 *bytes, u16 size, u16 pos)
{
	switch (PCI_EXT_CAP_ID(get_unaligned_le32(bytes + pos))) {
	case PCI_EXT_CAP_ID_DSN:
		return PCI_EXT_CAP_DSN_SIZEOF;
	case PCI_EXT_CAP_ID_PWR:
		return PCI_EXT_CAP_PWR_SIZEOF;
	case PCI_EXT_CAP_ID_LTR:
		return PCI_EXT_CAP_LTR_SIZEOF;
	case PCI_EXT_CAP_ID_VNDR:
		if (pos + PCI_VNDR_HEADER + 4 > size)
			return 0;
		return max_t(u16, get_unaligned_le32(bytes + pos + PCI_VNDR_HEADER) >> 20, 8);
	case PCI_EXT_CAP_ID_DVSEC:
		if (pos + PCI_DVSEC_HEADER1 + 4 > size)
			return 0;
		return max_t(u16, get_unaligned_le32(bytes + pos + PCI_DVSEC_HEADER1) >> 20, 10);
	default:
		return 0;
	}
}

static void cfg_set_next_ext(struct riod_cfg *c, u16 link, u16 next)
{
	u32 header = cfg_get32(c, link) & 0x000fffff;

	put_unaligned_le32(header | (u32)next << 20, c->bytes + link);
}

static void cfg_init_ext(struct riod_cfg *c, const u8 *raw, u16 pos, u16 len)
{
	memcpy(c->bytes + pos, raw + pos, len);
	switch (PCI_EXT_CAP_ID(get_unaligned_le32(raw + pos))) {
	case PCI_EXT_CAP_ID_PWR:
		cfg_class(c, pos + PCI_PWR_DSR, 1, RIOD_CFG_LIVE);
		cfg_class(c, pos + PCI_PWR_DATA, 4, RIOD_CFG_LIVE_RO);
		break;
	case PCI_EXT_CAP_ID_VNDR:
		cfg_class(c, pos + 8, len - 8, RIOD_CFG_LIVE);
		break;
	case PCI_EXT_CAP_ID_DVSEC:
		/* read-only: CXL's could enable a cache of the server's memory */
		cfg_class(c, pos + 10, len - 10, RIOD_CFG_LIVE_RO);
		break;
	}
}

/* position of the next extended capability; 0: none */
static u16 cfg_next_ext(const struct riod_cfg *c, u32 header)
{
	u16 pos = PCI_EXT_CAP_NEXT(header);

	return pos >= PCI_CFG_SPACE_SIZE && pos + 4 <= c->size ? pos : 0;
}

static void cfg_find_ext(const struct riod_cfg *c, const u8 *raw, unsigned long *starts)
{
	u16 pos = PCI_CFG_SPACE_SIZE;

	while (pos && !test_bit(pos / 4, starts)) {
		__set_bit(pos / 4, starts);
		pos = cfg_next_ext(c, get_unaligned_le32(raw + pos));
	}
}

/*
 * The extended space starts as zeroes, and capabilities that are shown are
 * copied into it.  The first header cannot be unlinked: it becomes a null
 * capability (PCIe 7.9.28).
 */
static void cfg_init_ext_caps(struct riod_cfg *c, const u8 *raw)
{
	DECLARE_BITMAP(starts, CFG_STARTS) = {};
	DECLARE_BITMAP(done, CFG_STARTS) = {};
	u16 pos = PCI_CFG_SPACE_SIZE, link = PCI_CFG_SPACE_SIZE, len;
	u32 header;

	cfg_zero(c, PCI_CFG_SPACE_SIZE, c->size - PCI_CFG_SPACE_SIZE);
	cfg_find_ext(c, raw, starts);
	for (; pos && !test_bit(pos / 4, done); pos = cfg_next_ext(c, header)) {
		__set_bit(pos / 4, done);
		header = get_unaligned_le32(raw + pos);
		if (!header || header == ~0u)
			break;
		len = cfg_ext_len(raw, c->size, pos);
		if (!len || len > cfg_room(starts, pos, c->size))
			continue;
		cfg_init_ext(c, raw, pos, len);
		cfg_set_next_ext(c, pos, 0);
		if (pos != link)
			cfg_set_next_ext(c, link, pos);
		link = pos;
	}
}

int riod_cfg_init(struct riod_cfg *c, const u8 *raw, u16 size,
		  const struct riod_cfg_bar *bars)
{
	int ret;

	if (size != PCI_CFG_SPACE_SIZE && size != PCI_CFG_SPACE_EXP_SIZE)
		return -EINVAL;

	memset(c, 0, sizeof(*c));
	c->size = size;
	memcpy(c->bytes, raw, size);
	memcpy(c->bars, bars, sizeof(c->bars));
	/* bytes outside of capabilities are not known to be harmless: read-only */
	cfg_class(c, 0, PCI_CFG_SPACE_SIZE, RIOD_CFG_LIVE_RO);

	ret = cfg_init_header(c);
	if (!ret)
		ret = cfg_init_caps(c);
	if (ret)
		return ret;
	if (size > PCI_CFG_SPACE_SIZE)
		cfg_init_ext_caps(c, raw);
	memcpy(c->initial, c->bytes, size);
	return 0;
}
EXPORT_SYMBOL_GPL(riod_cfg_init);

/* unlink a legacy capability */
static void cfg_hide_cap(struct riod_cfg *c, u8 id)
{
	u16 link = PCI_CAPABILITY_LIST;
	u16 pos, next, len;

	for (pos = c->bytes[link]; pos; pos = c->bytes[link]) {
		next = c->bytes[pos + PCI_CAP_LIST_NEXT];
		if (c->bytes[pos] != id) {
			link = pos + PCI_CAP_LIST_NEXT;
			continue;
		}
		len = cfg_cap_len(c, pos);
		cfg_zero(c, pos, len);
		c->bytes[link] = next;
		if (pos == c->pm_cap)
			c->pm_cap = 0;
		if (pos == c->exp_cap)
			c->exp_cap = 0;
		if (pos == c->msi_cap) {
			c->msi_cap = 0;
			c->msi_mask = 0;
		}
		if (pos == c->vpd_cap)
			c->vpd_cap = 0;
		if (pos == c->msix_cap)
			c->msix_cap = 0;
		if (pos == c->af_cap)
			c->af_cap = 0;
	}
	memcpy(c->initial, c->bytes, c->size);
}

static int cfg_limit_msi(struct riod_cfg *c, u16 nmsi)
{
	u16 flags, log2;

	if (!c->msi_cap)
		return nmsi ? -EINVAL : 0;
	if (!nmsi) {
		cfg_hide_cap(c, PCI_CAP_ID_MSI);
		return 0;
	}
	flags = cfg_get16(c, c->msi_cap + PCI_MSI_FLAGS);
	log2 = cfg_msi_log2(flags);
	if (nmsi > 1u << log2)
		return -EINVAL;
	while (1u << log2 > nmsi)
		log2--;
	flags = (flags & ~PCI_MSI_FLAGS_QMASK) | log2 << 1;
	put_unaligned_le16(flags, c->bytes + c->msi_cap + PCI_MSI_FLAGS);
	return 0;
}

static int cfg_limit_msix(struct riod_cfg *c, u16 nmsix)
{
	if (!c->msix_cap)
		return nmsix ? -EINVAL : 0;
	if (!nmsix) {
		cfg_hide_cap(c, PCI_CAP_ID_MSIX);
		return 0;
	}
	return nmsix * PCI_MSIX_ENTRY_SIZE == c->msix_table_size ? 0 : -EINVAL;
}

int riod_cfg_limit_irqs(struct riod_cfg *c, u16 nintx, u16 nmsi, u16 nmsix)
{
	int ret;

	if (nintx && !c->bytes[PCI_INTERRUPT_PIN])
		return -EINVAL;
	if (!nintx)
		c->bytes[PCI_INTERRUPT_PIN] = 0;
	ret = cfg_limit_msi(c, nmsi);
	if (!ret)
		ret = cfg_limit_msix(c, nmsix);
	memcpy(c->initial, c->bytes, c->size);
	return ret;
}
EXPORT_SYMBOL_GPL(riod_cfg_limit_irqs);

void riod_cfg_hide_flr(struct riod_cfg *c)
{
	if (c->exp_cap)
		c->bytes[c->exp_cap + PCI_EXP_DEVCAP + 3] &= ~(PCI_EXP_DEVCAP_FLR >> 24);
	if (c->af_cap)
		c->bytes[c->af_cap + PCI_AF_CAP] &= ~PCI_AF_CAP_FLR;
	memcpy(c->initial, c->bytes, c->size);
}
EXPORT_SYMBOL_GPL(riod_cfg_hide_flr);

/* ------------------------------------------------------------ accesses */

static bool cfg_is_live(u8 class)
{
	return class == RIOD_CFG_LIVE || class == RIOD_CFG_LIVE_RO;
}

static bool cfg_bounds(const struct riod_cfg *c, u16 offset, u8 width)
{
	return (width == 1 || width == 2 || width == 4) &&
	       IS_ALIGNED(offset, width) && offset + width <= c->size;
}

bool riod_cfg_read(const struct riod_cfg *c, u16 offset, u8 width, u32 *value)
{
	bool live = false;
	u8 i;

	*value = 0;
	if (!cfg_bounds(c, offset, width)) {
		*value = ~0u;
		return false;
	}
	for (i = 0; i < width; i++) {
		live |= cfg_is_live(c->class[offset + i]);
		*value |= (u32)c->bytes[offset + i] << (8 * i);
	}
	return live;
}
EXPORT_SYMBOL_GPL(riod_cfg_read);

u32 riod_cfg_merge(const struct riod_cfg *c, u16 offset, u8 width, u32 model, u32 live)
{
	u32 mask = 0;
	u8 i;

	if (!cfg_bounds(c, offset, width))
		return ~0u;
	for (i = 0; i < width; i++)
		if (cfg_is_live(c->class[offset + i]))
			mask |= 0xffu << (8 * i);
	return (model & ~mask) | (live & mask);
}
EXPORT_SYMBOL_GPL(riod_cfg_merge);

u32 riod_cfg_lost(const struct riod_cfg *c, u16 offset, u8 width)
{
	u32 value = ~0u;

	if (cfg_bounds(c, offset, width) && offset <= PCI_INTERRUPT_PIN &&
	    offset + width > PCI_INTERRUPT_PIN) {
		value &= ~(0xffu << (8 * (PCI_INTERRUPT_PIN - offset)));
		value |= (u32)c->bytes[PCI_INTERRUPT_PIN] << (8 * (PCI_INTERRUPT_PIN - offset));
	}
	return value;
}
EXPORT_SYMBOL_GPL(riod_cfg_lost);

/* PCIe 7.5.3.4 bit 15, and AF: initiates an FLR, always reads as zero */
static bool cfg_starts_flr(const struct riod_cfg *c, u16 at, u8 byte)
{
	if (c->exp_cap && at == c->exp_cap + PCI_EXP_DEVCTL + 1)
		return byte & (PCI_EXP_DEVCTL_BCR_FLR >> 8) &&
		       cfg_get32(c, c->exp_cap + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR;
	if (c->af_cap && at == c->af_cap + PCI_AF_CTRL)
		return byte & PCI_AF_CTRL_FLR &&
		       c->bytes[c->af_cap + PCI_AF_CAP] & PCI_AF_CAP_FLR;
	return false;
}

/* PCI PM 3.2.4: writing an unsupported state changes nothing */
static bool cfg_has_power(const struct riod_cfg *c, u8 state)
{
	u16 pmc = cfg_get16(c, c->pm_cap + PCI_PM_PMC);

	return !(state == 1 && !(pmc & PCI_PM_CAP_D1)) &&
	       !(state == 2 && !(pmc & PCI_PM_CAP_D2));
}

void riod_cfg_set_power(struct riod_cfg *c, u8 state)
{
	u8 *ctrl = c->bytes + c->pm_cap + PCI_PM_CTRL;

	if (c->pm_cap)
		*ctrl = (*ctrl & ~PCI_PM_CTRL_STATE_MASK) | state;
}
EXPORT_SYMBOL_GPL(riod_cfg_set_power);

/* PCI 3.0 6.8.1.3: software must not enable more vectors than are offered */
static void cfg_cap_msi_enable(struct riod_cfg *c)
{
	u16 flags = cfg_get16(c, c->msi_cap + PCI_MSI_FLAGS);
	u16 most = cfg_msi_log2(flags);

	if ((flags & PCI_MSI_FLAGS_QSIZE) >> 4 <= most)
		return;
	flags = (flags & ~PCI_MSI_FLAGS_QSIZE) | most << 4;
	put_unaligned_le16(flags, c->bytes + c->msi_cap + PCI_MSI_FLAGS);
}

u32 riod_cfg_write(struct riod_cfg *c, u16 offset, u8 width, u32 value)
{
	u16 command = riod_cfg_command(c);
	u32 msi_mask = riod_cfg_msi_mask(c);
	u16 devctl = riod_cfg_devctl(c);
	u8 power = riod_cfg_power(c);
	u32 effects = 0;
	u8 i, byte, mask;
	u16 at;

	if (!cfg_bounds(c, offset, width))
		return 0;

	for (i = 0; i < width; i++) {
		at = offset + i;
		byte = value >> (8 * i);
		mask = c->wmask[at];
		if (c->class[at] == RIOD_CFG_LIVE)
			effects |= RIOD_CFG_EFF_LIVE;
		if (c->class[at] == RIOD_CFG_VIRT)
			c->bytes[at] = (c->bytes[at] & ~mask) | (byte & mask);
		if (cfg_starts_flr(c, at, byte))
			effects |= RIOD_CFG_EFF_FLR;
	}

	if (c->msi_cap)
		cfg_cap_msi_enable(c);
	if (c->pm_cap && !cfg_has_power(c, riod_cfg_power(c)))
		riod_cfg_set_power(c, power);

	if (msi_mask != riod_cfg_msi_mask(c))
		effects |= RIOD_CFG_EFF_MSI_MASK;
	if (devctl != riod_cfg_devctl(c))
		effects |= RIOD_CFG_EFF_DEVCTL;
	if ((command ^ riod_cfg_command(c)) & CFG_COMMAND_BITS)
		effects |= RIOD_CFG_EFF_COMMAND;
	if (power != riod_cfg_power(c))
		effects |= RIOD_CFG_EFF_POWER;
	return effects;
}
EXPORT_SYMBOL_GPL(riod_cfg_write);

u16 riod_cfg_command(const struct riod_cfg *c)
{
	return cfg_get16(c, PCI_COMMAND);
}
EXPORT_SYMBOL_GPL(riod_cfg_command);

u8 riod_cfg_power(const struct riod_cfg *c)
{
	return c->pm_cap ? c->bytes[c->pm_cap + PCI_PM_CTRL] & PCI_PM_CTRL_STATE_MASK : 0;
}
EXPORT_SYMBOL_GPL(riod_cfg_power);

u16 riod_cfg_devctl(const struct riod_cfg *c)
{
	return c->exp_cap ? cfg_get16(c, c->exp_cap + PCI_EXP_DEVCTL) & RIOD_DEVCTL_BITS : 0;
}
EXPORT_SYMBOL_GPL(riod_cfg_devctl);

u32 riod_cfg_msi_mask(const struct riod_cfg *c)
{
	return c->msi_mask ? cfg_get32(c, c->msi_mask) : 0;
}
EXPORT_SYMBOL_GPL(riod_cfg_msi_mask);

void riod_cfg_set_msi_pending(struct riod_cfg *c, u32 pending)
{
	if (c->msi_mask)
		put_unaligned_le32(pending, c->bytes + c->msi_mask + 4);
}
EXPORT_SYMBOL_GPL(riod_cfg_set_msi_pending);

void riod_cfg_reset(struct riod_cfg *c)
{
	u16 i;

	for (i = 0; i < c->size; i++)
		if (c->class[i] == RIOD_CFG_VIRT)
			c->bytes[i] = c->initial[i];
}
EXPORT_SYMBOL_GPL(riod_cfg_reset);

bool riod_cfg_may_read(const struct riod_cfg *c, u16 offset, u8 width)
{
	u32 value;

	return cfg_bounds(c, offset, width) && riod_cfg_read(c, offset, width, &value);
}
EXPORT_SYMBOL_GPL(riod_cfg_may_read);

/* all bytes must be writable, or a write could include a neighbour that is not */
bool riod_cfg_may_write(const struct riod_cfg *c, u16 offset, u8 width)
{
	u8 i;

	if (!cfg_bounds(c, offset, width))
		return false;
	for (i = 0; i < width; i++)
		if (c->class[offset + i] != RIOD_CFG_LIVE)
			return false;
	return true;
}
EXPORT_SYMBOL_GPL(riod_cfg_may_write);

static bool cfg_overlaps(u64 a, u64 alen, u64 b, u64 blen)
{
	return a < b + blen && b < a + alen;
}

bool riod_cfg_is_msix(const struct riod_cfg *c, u8 bar, u64 offset, u32 width)
{
	if (!c->msix_cap)
		return false;
	return (bar == c->msix_table_bar &&
		cfg_overlaps(offset, width, c->msix_table_offset, c->msix_table_size)) ||
	       (bar == c->msix_pba_bar &&
		cfg_overlaps(offset, width, c->msix_pba_offset, c->msix_pba_size));
}
EXPORT_SYMBOL_GPL(riod_cfg_is_msix);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space as DESCRIBE shows it
 *
 * The frontend builds its own model of config space from these bytes, so they must
 * lead to the same one, and need be nothing more: a capability that the guest does
 * not see has a header of the null capability and no body.
 */
#include <linux/bitops.h>
#include <linux/pci_regs.h>
#include <linux/string.h>

#include "stub.h"

/* longest list of capabilities that fits behind the header, 4 bytes each */
#define CAPS_MAX	((PCI_CFG_SPACE_SIZE - PCI_STD_HEADER_SIZEOF) / 4)

/*
 * Links of all legacy capabilities: where one begins another one ends.  The ids are those of
 * the model, so one that it hides has 0 (PCI 3.0 appendix H: null capability).  With its own
 * id and no body the frontend might take it for a shorter one of the kind, and show it.
 */
static void redact_keep_links(u8 *out, const u8 *raw)
{
	u8 pos = raw[PCI_CAPABILITY_LIST] & ~3;
	unsigned int n;

	if (!(raw[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return;
	out[PCI_CAPABILITY_LIST] = raw[PCI_CAPABILITY_LIST];
	for (n = 0; n < CAPS_MAX && pos >= PCI_STD_HEADER_SIZEOF; n++) {
		out[pos + PCI_CAP_LIST_NEXT] = raw[pos + PCI_CAP_LIST_NEXT];
		pos = raw[pos + PCI_CAP_LIST_NEXT] & ~3;
	}
}

/**
 * riod_stub_redact() - what the peer may know of a function's config space
 * @cfg: model
 * @raw: @cfg->size bytes as the device gives them
 * @out: filled in, @cfg->size bytes
 *
 * The model's bytes, and the device's own where the guest may read them from the
 * device.  Not in it: what is in hidden capabilities, as addresses of virtual
 * functions, error logs and vital product data.
 */
void riod_stub_redact(const struct riod_cfg *cfg, const u8 *raw, u8 *out)
{
	unsigned int i;

	for (i = 0; i < cfg->size; i++) {
		bool live = cfg->class[i] == RIOD_CFG_LIVE ||
			    cfg->class[i] == RIOD_CFG_LIVE_RO;

		out[i] = live ? raw[i] : cfg->bytes[i];
	}
	/* vpd.c has the registers: those of the device are this host's */
	if (cfg->vpd_cap)
		memset(out + cfg->vpd_cap + PCI_VPD_ADDR, 0, PCI_CAP_VPD_SIZEOF - PCI_VPD_ADDR);
	redact_keep_links(out, raw);
}

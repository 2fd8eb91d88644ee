// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space as sent in DESCRIBE
 *
 * The frontend builds its model of config space from these bytes, and must arrive
 * at the same model as the stub.  It needs nothing else: a capability hidden from
 * the guest becomes a null capability without a body.
 */
#include <linux/bitops.h>
#include <linux/pci_regs.h>
#include <linux/string.h>

#include "stub.h"

/* most capabilities that fit after the header, at 4 bytes each */
#define CAPS_MAX	((PCI_CFG_SPACE_SIZE - PCI_STD_HEADER_SIZEOF) / 4)

/*
 * Keep the links of all legacy capabilities: a capability ends where the next one begins.
 * The IDs are the model's, so hidden ones have 0 (PCI 3.0 appendix H: null capability).
 * With its own ID and no body, the frontend might parse it as a shorter one, and show it.
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
 * riod_stub_redact() - build the config space that the peer may see
 * @cfg: model
 * @raw: @cfg->size bytes read from the device
 * @out: filled in, @cfg->size bytes
 *
 * Takes bytes from the device where the guest may read the device, otherwise from
 * the model.  Leaves out the contents of hidden capabilities: addresses of virtual
 * functions, error logs, vital product data.
 */
void riod_stub_redact(const struct riod_cfg *cfg, const u8 *raw, u8 *out)
{
	unsigned int i;

	for (i = 0; i < cfg->size; i++) {
		bool live = cfg->class[i] == RIOD_CFG_LIVE ||
			    cfg->class[i] == RIOD_CFG_LIVE_RO;

		out[i] = live ? raw[i] : cfg->bytes[i];
	}
	/* vpd.c emulates these registers; the device's values belong to this host */
	if (cfg->vpd_cap)
		memset(out + cfg->vpd_cap + PCI_VPD_ADDR, 0, PCI_CAP_VPD_SIZEOF - PCI_VPD_ADDR);
	redact_keep_links(out, raw);
}

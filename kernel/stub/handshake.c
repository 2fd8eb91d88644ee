// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection before it becomes an attachment
 *
 * accept() has checked that the peer may see at least one export, or has one.  LIST and
 * ATTACH check each export again, because exports may have changed since.
 */
#include <linux/pci.h>
#include <linux/slab.h>

#include "stub.h"

static void list_fill(struct riod_wire_export *e, const struct riod_stub_export *exp)
{
	const struct pci_dev *pdev = exp->funcs[0]->pdev;

	strscpy_pad(e->name, exp->name);
	e->vendor = cpu_to_le16(pdev->vendor);
	e->device = cpu_to_le16(pdev->device);
	e->subvendor = cpu_to_le16(pdev->subsystem_vendor);
	e->subdevice = cpu_to_le16(pdev->subsystem_device);
	e->class = cpu_to_le32(pdev->class & 0xffffff);
	e->nfuncs = exp->nfuncs;
	e->flags = exp->state == RIOD_STUB_IDLE ? 0 : RIOD_EXPORT_F_BUSY;
}

/* LIST: send the exports that this peer may see */
static void handshake_list(struct riod_stub_att *att)
{
	struct riod_wire_export *list;
	struct riod_stub_export *exp;
	u32 count = 0, total = 0;

	list = kvcalloc(RIOD_EXPORTS_MAX, sizeof(*list), GFP_KERNEL_ACCOUNT);
	if (!list) {
		riod_negotiate_refuse(att->conn, RIOD_REASON_NO_MEMORY, NULL);
		return;
	}
	mutex_lock(&riod_stub_lock);
	list_for_each_entry(exp, &riod_stub_exports, list) {
		if (!riod_stub_visible(exp, att->net, att->transport, att->port, &att->peer))
			continue;
		if (total++ < RIOD_EXPORTS_MAX)
			list_fill(&list[count++], exp);
	}
	mutex_unlock(&riod_stub_lock);
	riod_negotiate_exports(att->conn, list, count, total);
	kvfree(list);
}

/**
 * riod_stub_handshake() - first run of a connection's work item
 * @att: connection
 *
 * Return: true if it became an attachment, which the second run tears down; false
 * if the caller must free it.
 */
bool riod_stub_handshake(struct riod_stub_att *att)
{
	/* this has refused an invalid HELLO by itself */
	if (riod_negotiate_hello(att->conn, &att->hello))
		return false;
	switch (att->hello.intent) {
	case RIOD_INTENT_LIST:
		if (!riod_stub_refuse_stranger(att))
			handshake_list(att);
		return false;
	case RIOD_INTENT_ATTACH:
		return !riod_stub_refuse_stranger(att) && riod_stub_attach(att);
	case RIOD_INTENT_RESUME:
		riod_stub_resume(att);
		return false;
	default:
		/* riod_negotiate_hello() knows no other */
		return false;
	}
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Knowledge of one device family.
 *
 * The engine is right without any of this; a profile adds what cannot be known
 * from outside.  The same code runs at both ends and in the simulator.
 */
#ifndef _RIOD_PROFILE_H
#define _RIOD_PROFILE_H

#include "cfgspace.h"
#include "sync.h"

/**
 * struct riod_profile_env - what a profile may ask of the frontend it runs in
 * @kick: post a register write as if the guest had made it (rule 11); does not
 *	wait, as it is called from the pump
 * @raise: signal the guest an interrupt, as if the device had sent it (rule 11).  A
 *	vector of MSI-X; 0xffff: none, which without MSI-X is INTx.
 * @mem: guest memory behind @iova, at most to the end of the page; NULL where
 *	nothing is mapped, and for @write where no mapping lets the device write
 *	(rule 14: such a page may not even be the guest's alone).  Valid until the
 *	callback returns.
 * @changed: did the cut of the device's that was applied last change anything in the
 *	pages behind @len bytes from @iova on?  From @after_apply.  false where they wrap,
 *	or are more than RIOD_SYNC_AREAS_MAX pages.
 * @order: from @after_cut: from now on, this is all by which guest and device publish
 *	what they wrote elsewhere (rule 10), of what is mapped now.  0; -ENOMEM: all is as it was;
 *	-E2BIG: likewise, @spans are more than riod_sync_order_make() takes
 * @priv: first argument of all
 */
struct riod_profile_env {
	int (*kick)(void *priv, u8 bar, u64 offset, u8 width, u64 value);
	void (*raise)(void *priv, u16 vector);
	void *(*mem)(void *priv, u64 iova, size_t len, bool write);
	bool (*changed)(void *priv, u64 iova, u64 len);
	int (*order)(void *priv, const struct riod_sync_span *spans, u32 n);
	void *priv;
};

/**
 * struct riod_profile - one device family; all callbacks but @match may be NULL
 *
 * @name: as users write it
 * @match: this identity is of the family (class: base class in bits 23:16)
 * @init: allocate state for one attachment (*@state); process context
 * @exit: free it
 * @edit_config: edit what the guest sees of config space, once, before it looks
 * @bar_read: frontend: fix up what a register read returned, before the guest
 *	sees it (hide a capability bit); may not sleep
 * @bar_write: frontend: the guest writes a register; called before it is
 *	posted; may allocate.  Return true to swallow the write.
 * @after_cut: frontend: called by the pump after a cut was taken, with what the
 *	guest wrote before it visible in memory: the place for kicks
 * @mapped: frontend: bus mastering came on, so that all pages are known anew, as
 *	they are mapped now, when @after_cut is called next but one; that is the place
 *	for env->order()
 * @after_apply: frontend: called by the receive thread after a cut of the
 *	device's was applied and before any event behind it becomes visible: the
 *	place for editing what the device said in memory
 * @reset: the function was reset: forget all
 *
 * Callbacks of one state never run at the same time: the caller holds the lock
 * that also keeps what env->mem() returns mapped.  So a profile needs no lock.
 */
struct riod_profile {
	const char *name;
	bool (*match)(u16 vendor, u16 device, u32 class);
	int (*init)(void **state, const struct riod_profile_env *env);
	void (*exit)(void *state);
	void (*edit_config)(void *state, struct riod_cfg *cfg);
	u64 (*bar_read)(void *state, u8 bar, u64 offset, u8 width, u64 value);
	bool (*bar_write)(void *state, u8 bar, u64 offset, u8 width, u64 value);
	void (*mapped)(void *state);
	void (*after_cut)(void *state);
	void (*after_apply)(void *state);
	void (*reset)(void *state);
};

extern const struct riod_profile riod_profile_nvme;
extern const struct riod_profile riod_profile_virtio;
extern const struct riod_profile riod_profile_e1000;

/**
 * riod_profile_find() - the profile for a function
 * @name: what the user asked for; empty: by identity; "none": no profile
 * @vendor: PCI vendor id
 * @device: PCI device id
 * @class: PCI class code, base class in bits 23:16
 *
 * Return: the profile, NULL for none, ERR_PTR(-ENOENT) for an unknown name.
 */
const struct riod_profile *riod_profile_find(const char *name, u16 vendor,
					     u16 device, u32 class);

/* "nvme, virtio, ...": the names of all profiles, for messages; @size is not 0 */
void riod_profile_names(char *text, size_t size);

#endif /* _RIOD_PROFILE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Profiles: knowledge of one device family
 *
 * The engine is correct without a profile.  A profile adds what the engine
 * cannot observe.  The same code runs at both ends and in the simulator.
 */
#ifndef _RIOD_PROFILE_H
#define _RIOD_PROFILE_H

#include "cfgspace.h"
#include "sync.h"

/**
 * struct riod_profile_env - services of the frontend for a profile
 * @kick: post a register write as if the guest had made it (rule 11, kicks).
 *	Does not wait, because the pump calls it.
 * @raise: signal an interrupt to the guest as if the device had sent it
 *	(rule 11).  @vector is an MSI-X vector; 0xffff: none, or INTx without
 *	MSI-X.
 * @mem: guest memory at @iova, at most to the end of the page.  NULL if nothing
 *	is mapped or, for @write, if no mapping lets the device write (rule 14,
 *	direction: the page may be shared with others than the guest).  Valid
 *	until the callback returns.
 * @changed: did the last applied cut of the device change anything in the pages
 *	of @len bytes at @iova?  Only from @after_apply.  false if the range
 *	wraps or has more than RIOD_SYNC_AREAS_MAX pages.
 * @order: only from @after_cut: set the complete list of memory through which
 *	guest and device publish other writes (rule 10, publish order), as
 *	mapped now.  0; -ENOMEM or -E2BIG (as riod_sync_order_make()): the
 *	previous order stays
 * @name: the device may access @len bytes at @iova from now on (rule 20), until @unname;
 *	names of different requests may overlap.  Ahead of what is posted
 *	afterwards.  0; -EINVAL: wraps; -ENOMEM; -EDQUOT: the server host shadows
 *	no more.  After an error nothing is named.  NULL: all that is mapped is shared
 * @unname: with the arguments of a @name that returned 0.  Names end with the state of the
 *	profile, too
 * @priv: first argument of all functions
 */
struct riod_profile_env {
	int (*kick)(void *priv, u8 bar, u64 offset, u8 width, u64 value);
	void (*raise)(void *priv, u16 vector);
	void *(*mem)(void *priv, u64 iova, size_t len, bool write);
	bool (*changed)(void *priv, u64 iova, u64 len);
	int (*order)(void *priv, const struct riod_sync_span *spans, u32 n);
	int (*name)(void *priv, u64 iova, u64 len);
	void (*unname)(void *priv, u64 iova, u64 len);
	void *priv;
};

/**
 * struct riod_profile - one device family; all callbacks but @match may be NULL
 * @name: as users write it
 * @exact: names all memory that its devices access, so nothing else is entered (rule 20)
 * @match: do these ids belong to the family?  (class: base class in bits 23:16)
 * @init: allocates the state of one attachment (*@state); process context
 * @exit: frees it
 * @edit_config: edits the config space that the guest sees; once, before the
 *	guest reads it
 * @bar_read: frontend: returns the value that the guest gets for a register
 *	read, such as one without a capability bit; must not sleep
 * @bar_write: frontend: the guest writes a register; called before the write is
 *	posted; may allocate.  Return true to drop the write.
 * @after_cut: frontend: called by the pump after a cut was taken; the guest's
 *	writes before the cut are visible in memory.  Kicks belong here.
 * @mapped: frontend: bus mastering was enabled, so the pages get new numbers,
 *	valid from the second @after_cut on, which is the place for env->order()
 * @after_apply: frontend: called by the receive thread after a cut of the
 *	device was applied and before an event behind it becomes visible.  Edits
 *	of what the device wrote to memory belong here.
 * @reset: the function was reset: discard what was learnt
 *
 * The callbacks of one state are serialised by the lock that also keeps the
 * memory of env->mem() mapped, so a profile needs no lock.
 */
struct riod_profile {
	const char *name;
	bool exact;
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
 * riod_profile_find() - find the profile for a function
 * @name: from the user; empty: by PCI ids; "none": no profile
 * @vendor: PCI vendor id
 * @device: PCI device id
 * @class: PCI class code, base class in bits 23:16
 *
 * Return: the profile, NULL: none, ERR_PTR(-ENOENT): unknown name.
 */
const struct riod_profile *riod_profile_find(const char *name, u16 vendor,
					     u16 device, u32 class);

/* names of all profiles for messages, "nvme, virtio, ..."; @size must not be 0 */
void riod_profile_names(char *text, size_t size);

#endif /* _RIOD_PROFILE_H */

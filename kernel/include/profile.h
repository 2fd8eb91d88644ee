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
 * enum riod_profile_use - what a profile knows of memory that it names
 * @RIOD_USE_COMPARED: nothing: both ends compare it
 * @RIOD_USE_EXACT: what moves, by env->request() (rule 21)
 * @RIOD_USE_COMPLETIONS: the device completes requests in it
 */
enum riod_profile_use {
	RIOD_USE_COMPARED,
	RIOD_USE_EXACT,
	RIOD_USE_COMPLETIONS,
};

/* &riod_profile_extent.how: the device reads it; it writes all of it before it completes */
#define RIOD_EXTENT_OUT	1u
#define RIOD_EXTENT_IN	2u

/* pages that the in extents of one request may touch */
#define RIOD_EXTENT_PAGES_MAX	512u

/** struct riod_profile_extent - @len bytes at @iova; @how: RIOD_EXTENT_* */
struct riod_profile_extent {
	u64 iova;
	u32 len;
	u32 how;
};

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
 *	no more; -EBUSY: @use does not go with another name.  After an error nothing is
 *	named.  NULL: all that is mapped is shared
 * @unname: with the arguments of a @name that returned 0.  Names end with the state of the
 *	profile, too
 * @request: the bytes that move for a request whose memory is named: out extents are read
 *	before what is posted afterwards is sent; in extents are here before the completion
 *	that has @key, if that is a success or with @always.  Extents that are named as
 *	RIOD_USE_COMPARED, too, are compared instead.  The caller bounds @n.  0 or -ENOMEM
 * @completion: the entry of 16 bytes at @iova, which is named RIOD_USE_COMPLETIONS, as the
 *	device wrote it; the guest may have changed its copy.  false: it is not mapped
 * @forget: requests with keys @first to @last do not complete any more
 * @priv: first argument of all functions
 */
struct riod_profile_env {
	int (*kick)(void *priv, u8 bar, u64 offset, u8 width, u64 value);
	void (*raise)(void *priv, u16 vector);
	void *(*mem)(void *priv, u64 iova, size_t len, bool write);
	bool (*changed)(void *priv, u64 iova, u64 len);
	int (*order)(void *priv, const struct riod_sync_span *spans, u32 n);
	int (*name)(void *priv, u64 iova, u64 len, enum riod_profile_use use);
	void (*unname)(void *priv, u64 iova, u64 len);
	int (*request)(void *priv, u32 key, bool always, const struct riod_profile_extent *extents,
		       u32 n);
	void (*forget)(void *priv, u32 first, u32 last);
	bool (*completion)(void *priv, u64 iova, u8 entry[16]);
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
 *	valid from the second @after_cut on, which is the place for env->order().
 *	Called then, and again by the pump; also if pages were mapped again.  What moves
 *	for requests under way is told again here
 * @after_apply: frontend: called by the receive thread after a cut of the
 *	device was applied and before an event behind it becomes visible.  Edits
 *	of what the device wrote to memory belong here.
 * @completed: frontend: called by the receive thread while a cut of the device is being
 *	applied, if memory is named RIOD_USE_COMPLETIONS: the data is in the guest's memory,
 *	env->completion() has the new entries, and the guest cannot see these yet.  Must not
 *	kick.  Edits of what a request has written belong here
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
	void (*completed)(void *state);
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

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shapes.h - legal frames, and the result of riod_wire_fault() for a frame
 *
 * Every frame is checked in an allocation of exactly its size, so that KASAN detects
 * an out-of-bounds read of a single byte.
 */
#ifndef _RIOD_TESTS_SHAPES_H
#define _RIOD_TESTS_SHAPES_H

#include <kunit/test.h>
#include <linux/slab.h>

#include "patch.h"
#include "session.h"

#define TO_STUB		1
#define TO_FRONTEND	2

struct shape {
	const char *name;
	u8 type;
	u8 func;
	u8 dir;
	u32 (*build)(void *body);
};

enum {
	ACK, BYE, DESCRIBE, READY, REPLY, IRQ, IRQ_MSI, REG, REG_READ, CFG_WRITE,
	COMMAND, POWER, UNMASK, IRQ_SETUP, MAP, UNMAP, BAR_MAP, EXPECT, CUT, COMMIT, REPLY_DATA,
	LARGER,		/* these and later shapes have no rejected variants */
};

/* indexed by the numbers above, with more behind; defined in wire_kunit.c */
extern const struct shape wire_shapes[];

/*
 * A frame with @room bytes of body, freed with the test.  Not riod_frame_alloc(),
 * which may use vmalloc(): KASAN misses reads up to the end of a page there.
 */
static inline struct riod_frame *new_frame(struct kunit *test, u32 room)
{
	struct riod_frame *f;

	f = kunit_kzalloc(test, struct_size(f, body, room), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	return f;
}

/* the shape's frame, in an allocation of the largest size */
static inline struct riod_frame *build(struct kunit *test, const struct shape *s)
{
	struct riod_frame *f = new_frame(test, BODY_MAX);

	f->hdr.type = s->type;
	f->hdr.func = s->func;
	f->hdr.seq = cpu_to_le64(s->type == RIOD_FRAME_ACK ? 0 : 1);
	set_len(f, s->build(f->body));
	return f;
}

/* riod_wire_fault() of a copy in an allocation that ends with the body */
static inline const char *fault_of(struct kunit *test, const struct riod_frame *f,
				   bool to_frontend)
{
	const size_t size = struct_size(f, body, f->len);
	struct riod_frame *copy = kmemdup(f, size, GFP_KERNEL);
	const char *fault;

	KUNIT_ASSERT_NOT_NULL(test, copy);
	fault = riod_wire_fault(copy, to_frontend);
	KUNIT_EXPECT_MEMEQ(test, copy, f, size);
	kfree(copy);
	return fault;
}

#endif /* _RIOD_TESTS_SHAPES_H */

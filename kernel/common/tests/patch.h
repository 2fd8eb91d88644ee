/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * patch.h - legal frames with one or two changed fields
 */
#ifndef _RIOD_TESTS_PATCH_H
#define _RIOD_TESTS_PATCH_H

#include <linux/minmax.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "transport.h"

#define HDR_LEN		sizeof(struct riod_frame_hdr)
#define BODY_MAX	(RIOD_FRAME_MAX - HDR_LEN)

/**
 * struct patch - a new value for a field
 * @at: offset of the field from the start of the header
 * @size: size in bytes; only the first 8 are changed
 * @value: new value, stored little-endian
 */
struct patch {
	u16 at;
	u8 size;
	u64 value;
};

/* patch a field of the header, a field of a body, @size bytes at @off in any body */
#define PATCH(base, v, type, ...) \
	{ (base) + offsetof(type, __VA_ARGS__), sizeof_field(type, __VA_ARGS__), v }
#define HDR(field, v) \
	PATCH(0, v, struct riod_frame_hdr, field)
#define BODY(type, field, v) \
	PATCH(HDR_LEN, v, struct riod_wire_##type, field)
#define AT(off, size, v) \
	{ HDR_LEN + (off), size, v }

static inline u8 *frame_byte(struct riod_frame *f, u32 at)
{
	return at < HDR_LEN ? (u8 *)&f->hdr + at : f->body + at - HDR_LEN;
}

static inline void apply_patch(struct riod_frame *f, const struct patch *p)
{
	__le64 value = cpu_to_le64(p->value);

	memcpy(frame_byte(f, p->at), &value, min_t(size_t, p->size, sizeof(value)));
}

static inline void set_len(struct riod_frame *f, u32 len)
{
	f->len = len;
	f->hdr.len = cpu_to_le32(HDR_LEN + len);
}

#endif /* _RIOD_TESTS_PATCH_H */

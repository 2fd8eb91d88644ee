// SPDX-License-Identifier: GPL-2.0-only
/*
 * NVMe: the memory that a command names (4.1: PRP, SGL, metadata)
 *
 * Everything here is decoded from one copy of the entry, and from lists in guest memory that
 * the guest may change meanwhile.  If it does, the device meets memory that was not named,
 * which its IOMMU refuses: that guest has harmed itself.
 */
#include <linux/kernel.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "profile_nvme.h"

#define NVME_PSDT(flags)	((flags) >> 6)
#define NVME_PSDT_SGL		1	/* 2: and metadata by SGL, too */
#define NVME_PSDT_META_SGL	2

/* NVM Command Set Specification 3.2, and those of other command sets that use the opcode */
#define NVME_IO_WRITE		0x01
#define NVME_IO_READ		0x02
#define NVME_IO_COMPARE		0x05
#define NVME_IO_DSM		0x09
#define NVME_IO_RESV_REGISTER	0x0d
#define NVME_IO_RESV_REPORT	0x0e
#define NVME_IO_RESV_ACQUIRE	0x11
#define NVME_IO_MGMT_RX		0x12
#define NVME_IO_RESV_RELEASE	0x15
#define NVME_IO_COPY		0x19
#define NVME_IO_ZONE_MGMT_RX	0x7a
#define NVME_IO_ZONE_APPEND	0x7d
#define NVME_IO_PRACT		BIT(29)	/* cdw12: the controller handles protection information */

#define NVME_UNKNOWN		(-1)
/* longer data is left to the device to refuse: CAP and MDTS allow less */
#define NVME_DATA_MAX		(16u << 20)
#define NVME_NAMED_MAX		(2 * NVME_DATA_MAX)	/* data, metadata and lists */
#define NVME_LISTS_MAX		64
#define NVME_LIST_MAX		512u	/* entries of a PRP list that are looked at on suspicion */
#define NVME_SEGMENTS_MAX	64
#define NVME_SGL_SIZE		16

/* 4.1.2: SGL descriptor; the type is in bits 7:4 of @type */
struct nvme_sgl {
	__le64 addr;
	__le32 len;
	u8 skip[3];
	u8 type;
};

static_assert(sizeof(struct nvme_sgl) == NVME_SGL_SIZE);

enum { SGL_DATA, SGL_BUCKET, SGL_SEGMENT, SGL_LAST };

/**
 * struct decoder - the list that is being made
 * @n: state
 * @count: number of extents
 * @bytes: in them
 * @in: those of them that the device writes
 * @how: RIOD_EXTENT_* of the command's data
 * @bucket: some data of the device is discarded
 * @doubt: what is taken for a list does not look like one, so the length may be wrong
 */
struct decoder {
	struct riod_nvme *n;
	u32 count;
	u64 bytes;
	u64 in;
	u32 how;
	bool bucket;
	bool doubt;
};

bool nvme_copy(struct riod_nvme *n, void *to, u64 iova, u32 len)
{
	const void *p;
	u32 part;

	for (; len; len -= part, iova += part, to += part) {
		part = min_t(u32, len, RIOD_PAGE_SIZE - iova % RIOD_PAGE_SIZE);
		p = n->env.mem(n->env.priv, iova, part, false);
		if (!p)
			return false;
		memcpy(to, p, part);
	}
	return true;
}

/* pieces that follow each other become one */
static int add_piece(struct decoder *d, u64 iova, u64 len, u32 how)
{
	struct riod_profile_extent *last = d->n->scratch + d->count;

	if (!len)
		return 0;
	d->bytes += len;
	if (len > NVME_NAMED_MAX || d->bytes > NVME_NAMED_MAX)
		return -E2BIG;
	d->in += how & RIOD_EXTENT_IN ? len : 0;
	if (d->count && last->iova + last->len == iova && last->how == how) {
		last->len += len;
		return 0;
	}
	if (d->count == NVME_EXTENTS_MAX)
		return -E2BIG;
	d->n->scratch[++d->count] = (struct riod_profile_extent){ iova, len, how };
	return 0;
}

static int add(struct decoder *d, u64 iova, u64 len)
{
	return add_piece(d, iova, len, d->how);
}

/* the device reads it to find the data */
static int add_list(struct decoder *d, u64 iova, u64 len)
{
	return add_piece(d, iova, len, RIOD_EXTENT_OUT);
}

/* ------------------------------------------------------------ PRP (4.1.1) */

static u64 prp_page(const struct decoder *d, u64 prp)
{
	return prp & ~(nvme_page_size(d->n) - 1);
}

/* bytes from @prp to the end of its page */
static u64 prp_room(const struct decoder *d, u64 prp)
{
	return nvme_page_size(d->n) - (prp & (nvme_page_size(d->n) - 1));
}

/* all entries of a list but the first PRP are addresses of whole pages */
static bool is_data_page(const struct decoder *d, u64 prp)
{
	return prp_room(d, prp) == nvme_page_size(d->n) &&
	       d->n->env.mem(d->n->env.priv, prp, 1, false);
}

/* a list that names @left bytes; its last entry is the next list if there is more */
static int prp_list(struct decoder *d, u64 list, u64 left)
{
	const u64 size = nvme_page_size(d->n);
	u32 lists = 0;
	u64 entries, i;
	__le64 entry;
	int err;

	while (left) {
		if (lists++ == NVME_LISTS_MAX)
			return -E2BIG;
		list &= ~7ull;
		entries = min(prp_room(d, list) / sizeof(entry), DIV_ROUND_UP(left, size));
		err = add_list(d, list, entries * sizeof(entry));
		for (i = 0; !err && i < entries && left; i++) {
			if (!nvme_copy(d->n, &entry, list + i * sizeof(entry), sizeof(entry))) {
				d->doubt = true;
				return 0;
			}
			if (left > size && (i + 1) * sizeof(entry) == prp_room(d, list))
				break;
			d->doubt |= !is_data_page(d, le64_to_cpu(entry));
			err = add(d, prp_page(d, le64_to_cpu(entry)), min(left, size));
			left -= min(left, size);
		}
		if (err)
			return err;
		if (left)
			list = le64_to_cpu(entry);
	}
	return 0;
}

static int prp_known(struct decoder *d, u64 prp1, u64 prp2, u64 len)
{
	u64 first = min(len, prp_room(d, prp1));
	int err = add(d, prp1, first);

	len -= first;
	if (err || !len)
		return err;
	d->doubt |= !prp2;
	if (len <= nvme_page_size(d->n))
		return add(d, prp_page(d, prp2), len);
	return prp_list(d, prp2, len);
}

/*
 * The length is not known, so nor is whether @prp2 is memory or a list: both.  What is taken
 * for a list ends where an entry cannot be one.
 */
static int prp_unknown(struct decoder *d, u64 prp1, u64 prp2)
{
	const u64 size = nvme_page_size(d->n);
	int err = add(d, prp1, prp_room(d, prp1));
	__le64 entry;
	u32 i;

	if (!err && prp2)
		err = add(d, prp2, prp_room(d, prp2));
	prp2 &= ~7ull;
	for (i = 0; !err && prp2 && i < min_t(u32, NVME_LIST_MAX, prp_room(d, prp2) / 8); i++) {
		if (!nvme_copy(d->n, &entry, prp2 + 8 * i, sizeof(entry)) || !entry ||
		    le64_to_cpu(entry) & (size - 1) ||
		    !d->n->env.mem(d->n->env.priv, le64_to_cpu(entry), 1, false))
			break;
		err = add(d, le64_to_cpu(entry), size);
	}
	return err;
}

/* ------------------------------------------------------------ SGL (4.1.2) */

/* the descriptors of a segment; @next is set to the next segment, or to one without length */
static int sgl_segment(struct decoder *d, const struct nvme_sgl *segment, struct nvme_sgl *next)
{
	u32 len = le32_to_cpu(segment->len), at;
	u64 addr = le64_to_cpu(segment->addr);
	struct nvme_sgl s;
	int err;

	*next = (struct nvme_sgl){};
	/* a list longer than that is longer than any transfer */
	if (len / NVME_SGL_SIZE > NVME_EXTENTS_MAX)
		return -E2BIG;
	err = add_list(d, addr, len);
	for (at = 0; !err && at + NVME_SGL_SIZE <= len; at += NVME_SGL_SIZE) {
		if (!nvme_copy(d->n, &s, addr + at, sizeof(s)))
			return 0;
		d->bucket |= s.type >> 4 == SGL_BUCKET;
		if (s.type >> 4 == SGL_DATA)
			err = add(d, le64_to_cpu(s.addr), le32_to_cpu(s.len));
		else if (s.type >> 4 == SGL_SEGMENT || s.type >> 4 == SGL_LAST)
			*next = s;
	}
	return err;
}

static int sgl(struct decoder *d, struct nvme_sgl s)
{
	struct nvme_sgl next;
	int i, err;

	if (s.type >> 4 == SGL_DATA)
		return add(d, le64_to_cpu(s.addr), le32_to_cpu(s.len));
	for (i = 0; i < NVME_SEGMENTS_MAX; i++) {
		if (!s.len || (s.type >> 4 != SGL_SEGMENT && s.type >> 4 != SGL_LAST))
			return 0;
		err = sgl_segment(d, &s, &next);
		if (err)
			return err;
		s = next;
	}
	return -E2BIG;
}

/* ------------------------------------------------------------ commands */

static u64 dwords(u32 count)
{
	return (u64)count * sizeof(u32);
}

static s64 admin_len(const struct riod_nvme_sqe *e)
{
	u32 cdw10 = le32_to_cpu(e->cdw10), cdw11 = le32_to_cpu(e->cdw11);

	switch (e->opcode) {
	case NVME_ADMIN_CREATE_SQ:
	case NVME_ADMIN_CREATE_CQ:
		/* the queue is named as long as it exists */
		return 0;
	case NVME_ADMIN_GET_LOG:
		return dwords(1 + (cdw10 >> 16 | (cdw11 & 0xffff) << 16));
	case NVME_ADMIN_IDENTIFY:
	case NVME_ADMIN_NS_MGMT:
	case NVME_ADMIN_NS_ATTACH:
		return 4096;
	case NVME_ADMIN_SET_FEATURES:
	case NVME_ADMIN_GET_FEATURES:
		/* some have data, of at most this size */
		return e->prp1 ? 4096 : 0;
	case NVME_ADMIN_FW_DOWNLOAD:
	case NVME_ADMIN_DIRECTIVE_TX:
	case NVME_ADMIN_DIRECTIVE_RX:
		return dwords(1 + cdw10);
	case NVME_ADMIN_SECURITY_TX:
	case NVME_ADMIN_SECURITY_RX:
		return cdw11;
	default:
		return e->opcode & 3 ? NVME_UNKNOWN : 0;
	}
}

static s64 io_len(const struct riod_nvme_sqe *e, unsigned long format, bool known)
{
	u32 cdw10 = le32_to_cpu(e->cdw10), cdw12 = le32_to_cpu(e->cdw12);
	u64 blocks = (cdw12 & 0xffff) + 1;
	u32 copies = cdw12 >> 8 & 0xf;

	switch (e->opcode) {
	case NVME_IO_READ:
	case NVME_IO_WRITE:
	case NVME_IO_COMPARE:
	case NVME_IO_ZONE_APPEND:
		/* the controller may add and remove the metadata: then there is less to move */
		if (!known || (format >> 8 & 1 && cdw12 & NVME_IO_PRACT))
			return NVME_UNKNOWN;
		return blocks * ((1ull << (format & 0xff)) + (format >> 8 & 1 ? format >> 16 : 0));
	case NVME_IO_DSM:
		return 16 * ((cdw10 & 0xff) + 1);
	case NVME_IO_COPY:
		/* a length that is too long would take data for a list of PRP entries */
		if (copies > 3)
			return NVME_UNKNOWN;
		return (copies & 1 ? 40 : 32) * ((cdw12 & 0xff) + 1);
	case NVME_IO_RESV_REGISTER:
	case NVME_IO_RESV_ACQUIRE:
		return 16;
	case NVME_IO_RESV_RELEASE:
		return 8;
	case NVME_IO_RESV_REPORT:
		return dwords(1 + cdw10);
	case NVME_IO_MGMT_RX:
		return dwords(1 + le32_to_cpu(e->cdw11));
	case NVME_IO_ZONE_MGMT_RX:
		return dwords(1 + cdw12);
	default:
		return e->opcode & 3 ? NVME_UNKNOWN : 0;
	}
}

static u64 metadata_len(const struct riod_nvme_sqe *e, unsigned long format)
{
	return ((le32_to_cpu(e->cdw12) & 0xffff) + 1) * (u64)(format >> 16);
}

/* metadata in memory of its own (4.1.3) */
static int metadata(struct decoder *d, const struct riod_nvme_sqe *e, unsigned long format,
		    bool known)
{
	u64 blocks = (le32_to_cpu(e->cdw12) & 0xffff) + 1, mptr = le64_to_cpu(e->mptr);
	struct nvme_sgl s;
	int err;

	if (!mptr || !(e->opcode & 3) || (known && format >> 8 & 1))
		return 0;
	if (NVME_PSDT(e->flags) == NVME_PSDT_META_SGL) {
		err = add_list(d, mptr, sizeof(s));
		return err || !nvme_copy(d->n, &s, mptr, sizeof(s)) ? err : sgl(d, s);
	}
	/* without a format: common ones have 64 bytes at most */
	return add(d, mptr, known ? metadata_len(e, format) : 64 * blocks);
}

static int data(struct decoder *d, const struct riod_nvme_sqe *e, s64 len)
{
	u64 prp1 = le64_to_cpu(e->prp1), prp2 = le64_to_cpu(e->prp2);
	struct nvme_sgl s;

	if (NVME_PSDT(e->flags)) {
		memcpy(&s, e->sgl, sizeof(s));
		return sgl(d, s);
	}
	if (len > NVME_DATA_MAX)
		return -E2BIG;
	return len < 0 ? prp_unknown(d, prp1, prp2) : prp_known(d, prp1, prp2, len);
}

/* may the device move less than the length says, so that the rest is not the command's? */
static bool may_be_shorter(const struct riod_nvme_sqe *e, bool admin, unsigned long format)
{
	/* the controller removes protection information that is in memory of its own */
	if (!admin)
		return e->opcode == NVME_IO_READ && format >> 16 &&
		       le32_to_cpu(e->cdw12) & NVME_IO_PRACT;
	/* features have data of many lengths; doorbells in memory are used by others, too */
	return e->opcode == NVME_ADMIN_GET_FEATURES || e->opcode == NVME_ADMIN_SET_FEATURES ||
	       e->opcode == NVME_ADMIN_DBBUF;
}

/* does the device write all of the data if the command succeeds? */
static bool writes_all(const struct riod_nvme_sqe *e, bool admin)
{
	return e->opcode == (admin ? NVME_ADMIN_IDENTIFY : NVME_IO_READ);
}

/* pages that the in extents touch are what the stub has to know of */
static u64 in_pages(const struct decoder *d)
{
	const struct riod_profile_extent *x = d->n->scratch + 1, *end = x + d->count;
	u64 pages = 0;

	for (; x < end; x++) {
		if (x->how & RIOD_EXTENT_IN)
			pages += DIV_ROUND_UP(x->iova % RIOD_PAGE_SIZE + x->len, RIOD_PAGE_SIZE);
	}
	return pages;
}

/* what the device does not write keeps the bytes that the guest has there */
static void carry_all(struct decoder *d)
{
	u32 i;

	for (i = 1; i <= d->count; i++)
		d->n->scratch[i].how |= RIOD_EXTENT_OUT;
}

/* @meta: those of the in bytes that are metadata; @len: of the data, as the command says */
static void classify(struct decoder *d, const struct riod_nvme_sqe *e, bool admin, s64 len,
		     u64 meta, u64 meta_len, struct riod_nvme_data *data)
{
	data->n = d->count;
	/* What is not the command's must not be carried either: the device may be writing it. */
	if (len < 0 || d->doubt || in_pages(d) > RIOD_EXTENT_PAGES_MAX)
		data->use = RIOD_USE_COMPARED;
	data->always = d->in && (!writes_all(e, admin) || d->bucket ||
				 (s64)(d->in - meta) != len || (meta && meta != meta_len));
	if (data->always)
		carry_all(d);
}

int nvme_data(struct riod_nvme *n, const struct riod_nvme_sqe *e, bool admin,
	      struct riod_nvme_data *out)
{
	struct decoder d = { .n = n, .how = e->opcode & 2 ? RIOD_EXTENT_IN : RIOD_EXTENT_OUT };
	const void *entry = admin ? NULL : xa_load(&n->formats, le32_to_cpu(e->nsid));
	unsigned long format = entry ? xa_to_value(entry) : 0;
	s64 len = admin ? admin_len(e) : io_len(e, format, entry);
	u64 meta = 0;
	int err;

	out->use = may_be_shorter(e, admin, format) ? RIOD_USE_COMPARED : RIOD_USE_EXACT;
	if (admin && e->opcode == NVME_ADMIN_DBBUF) {
		err = add(&d, le64_to_cpu(e->prp1), NVME_SHADOW_SIZE) ?:
		      add(&d, le64_to_cpu(e->prp2), NVME_SHADOW_SIZE);
	} else {
		err = data(&d, e, len);
		meta = d.in;
		if (!err && !admin)
			err = metadata(&d, e, format, entry);
		meta = d.in - meta;
	}
	if (err)
		return err;
	classify(&d, e, admin, len, meta, metadata_len(e, format), out);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ends.h - two ends of the coherence engine in one kernel; the test carries the
 * cuts
 */
#ifndef _RIOD_TESTS_ENDS_H
#define _RIOD_TESTS_ENDS_H

#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/minmax.h>

#include "session.h"
#include "sync.h"

#define NPAGES	64
#define RW	(RIOD_PROT_READ | RIOD_PROT_WRITE)
#define R	RIOD_PROT_READ
#define W	RIOD_PROT_WRITE

/* guest memory, its shadow, and both engines; page i has number i + 1 */
struct ends {
	struct kunit *test;
	struct riod_sync fe;
	struct riod_sync st;
	u8 *l[NPAGES];
	u8 *s[NPAGES];
	u32 prot[NPAGES];
};

static inline u64 id_of(unsigned int page)
{
	return page + 1;
}

static inline u8 *new_memory(struct kunit *test)
{
	u8 *p = (u8 *)get_zeroed_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static inline int ends_init(struct kunit *test)
{
	struct ends *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, e);
	e->test = test;
	KUNIT_ASSERT_EQ(test, 0, riod_sync_init(&e->fe, RIOD_SYNC_FRONTEND, NULL));
	KUNIT_ASSERT_EQ(test, 0, riod_sync_init(&e->st, RIOD_SYNC_STUB, NULL));
	for (i = 0; i < NPAGES; i++) {
		e->l[i] = new_memory(test);
		e->s[i] = new_memory(test);
	}
	test->priv = e;
	return 0;
}

static inline void map_one(struct ends *e, unsigned int page, u32 prot)
{
	KUNIT_ASSERT_EQ(e->test, 0, riod_sync_map(&e->fe, id_of(page), e->l[page],
						  prot, e->l[page]));
	KUNIT_ASSERT_EQ(e->test, 0, riod_sync_map(&e->st, id_of(page), e->s[page],
						  prot, e->s[page]));
	e->prot[page] |= prot;
}

static inline void unmap_fe(struct ends *e, unsigned int page, u32 prot)
{
	void *priv;

	riod_sync_unmap(&e->fe, id_of(page), prot, &priv);
}

static inline void unmap_st(struct ends *e, unsigned int page, u32 prot)
{
	void *priv;

	riod_sync_unmap(&e->st, id_of(page), prot, &priv);
}

static inline void forget_pages(struct riod_sync *y)
{
	struct riod_sync_page *page, *tmp;
	void *priv;

	list_for_each_entry_safe(page, tmp, &y->pages, scan) {
		while (page->nread + page->nwrite > 0) {
			u32 prot = (page->nread ? R : 0) | (page->nwrite ? W : 0);

			if (page->nmaps > max(page->nread, page->nwrite))
				prot = page->nread ? R : W;
			if (riod_sync_unmap(y, page->id, prot, &priv))
				break;
		}
	}
}

static inline void ends_exit(struct kunit *test)
{
	struct ends *e = test->priv;
	unsigned int i;

	forget_pages(&e->fe);
	forget_pages(&e->st);
	KUNIT_EXPECT_EQ(test, 0, e->st.nsent);
	KUNIT_EXPECT_EQ(test, 0, e->fe.npages + e->st.npages);
	KUNIT_EXPECT_EQ(test, 0, e->fe.nwritable + e->st.nwritable);
	riod_sync_destroy(&e->fe);
	riod_sync_destroy(&e->st);
	for (i = 0; i < NPAGES; i++) {
		free_page((unsigned long)e->l[i]);
		free_page((unsigned long)e->s[i]);
	}
}

static inline struct riod_sync *other_end(struct ends *e, struct riod_sync *y)
{
	return y == &e->fe ? &e->st : &e->fe;
}

/* take a cut; the peer must accept every frame of it */
static inline s64 take(struct ends *e, struct riod_sync *y, struct list_head *frames)
{
	struct riod_frame *f;
	s64 bytes = riod_sync_collect(y, frames, RIOD_FRAME_MIN);

	KUNIT_EXPECT_GE(e->test, bytes, 0);
	list_for_each_entry(f, frames, list) {
		/* the session numbers frames when it sends them */
		f->hdr.seq = cpu_to_le64(1);
		KUNIT_EXPECT_NULL(e->test, riod_wire_fault(f, y == &e->st));
		KUNIT_EXPECT_LE(e->test, sizeof(f->hdr) + f->len, RIOD_FRAME_MIN);
		f->hdr.seq = 0;
	}
	return bytes;
}

/* a cut never arrives */
static inline void drop(struct list_head *frames)
{
	struct riod_frame *f, *tmp;

	list_for_each_entry_safe(f, tmp, frames, list) {
		list_del(&f->list);
		riod_frame_free(f);
	}
}

/* deliver a cut of @y; 1 if it had a commit */
static inline int deliver(struct ends *e, struct riod_sync *y, struct list_head *frames)
{
	struct riod_sync *to = other_end(e, y);
	struct riod_frame *f, *tmp;
	int committed = 0;

	list_for_each_entry_safe(f, tmp, frames, list) {
		list_del(&f->list);
		if (f->hdr.type == RIOD_FRAME_CUT_DATA) {
			KUNIT_EXPECT_EQ(e->test, 0, riod_sync_stage(to, f));
			continue;
		}
		KUNIT_EXPECT_EQ(e->test, 0, riod_sync_apply(to, (void *)f->body));
		riod_frame_free(f);
		committed++;
	}
	riod_sync_handed_over(y);
	return committed;
}

/* take a cut, deliver it, acknowledge it */
static inline s64 cross(struct ends *e, struct riod_sync *y)
{
	LIST_HEAD(frames);
	s64 bytes = take(e, y, &frames);

	if (deliver(e, y, &frames))
		riod_sync_acked(y, y->tx_cut);
	return bytes;
}

/* exchange cuts until nothing changes */
static inline void calm_down(struct ends *e)
{
	int i;

	for (i = 0; i < 10 && cross(e, &e->fe) + cross(e, &e->st); i++)
		;
	KUNIT_EXPECT_LT(e->test, i, 10);
}

static inline void expect_same(struct ends *e, unsigned int page)
{
	KUNIT_EXPECT_MEMEQ(e->test, e->l[page], e->s[page], RIOD_PAGE_SIZE);
}

#endif /* _RIOD_TESTS_ENDS_H */

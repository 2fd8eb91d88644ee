// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherence engine: what a cut applies last (rule 10, publish order).
 *
 * Profiles name the granules through which one side publishes what it wrote
 * elsewhere.  An order holds them by page.  It is made without any lock of the
 * engine, is added and removed as a whole, and never changes.  Page numbers are
 * not reused, so entries of a page that was unmapped have no effect.
 */
#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "sync.h"
#include "sync_cut.h"

static_assert(RIOD_SYNC_ENTRY == RIOD_GRANULE);

/**
 * struct riod_sync_area - publishing granules in one page
 * @page: number of the page
 * @first: first granule
 * @end: first granule behind the area
 * @step: distance between granules
 * @by_guest: as &riod_sync_span.by_guest
 * @before: of a ring: the last granule of the area ahead of this one
 * @before_page: page of @before; 0: not mapped
 * @flag: as &riod_sync_span.flag
 */
struct riod_sync_area {
	u64 page;
	u64 before_page;
	riod_sync_flag *flag;
	u16 first;
	u16 end;
	u16 step;
	u16 before;
	bool by_guest;
};

/**
 * struct riod_sync_order - publishing granules of one profile
 * @list: on &riod_sync.orders
 * @n: number of @areas
 * @areas: sorted by page
 */
struct riod_sync_order {
	struct list_head list;
	u32 n;
	struct riod_sync_area areas[] __counted_by(n);
};

/* ------------------------------------------------------------ making one */

static u32 span_pages(const struct riod_sync_span *s)
{
	u64 end = s->iova + s->len;

	/* spans come from the guest: the end may be beyond the last address */
	if (!s->len || end < s->len)
		return 0;
	return (end - 1) / RIOD_PAGE_SIZE - s->iova / RIOD_PAGE_SIZE + 1;
}

/* granules of page @i of the span; false: none */
static bool area_of(const struct riod_sync_span *s, u32 i, struct riod_sync_area *a)
{
	u64 begin = s->iova / RIOD_GRANULE;
	u64 end = DIV_ROUND_UP_ULL(s->iova + s->len, RIOD_GRANULE);
	u64 page = (s->iova / RIOD_PAGE_SIZE + i) * RIOD_GRANULES;
	u64 first = max(begin, page);

	a->step = max(s->step / RIOD_GRANULE, 1u);
	/* steps count from the start of the span */
	first = begin + DIV_ROUND_UP_ULL(first - begin, a->step) * a->step;
	end = min(end, page + RIOD_GRANULES);
	if (first >= end)
		return false;
	a->first = first - page;
	a->end = end - page;
	a->by_guest = s->by_guest;
	a->flag = s->flag;
	return true;
}

static u16 area_last(const struct riod_sync_area *a)
{
	return a->first + (a->end - 1 - a->first) / a->step * a->step;
}

/* link each of areas [@from, @to) to the one ahead of it; the first follows the last */
static void close_ring(struct riod_sync_area *areas, u32 from, u32 to)
{
	const struct riod_sync_area *before;
	u32 i;

	for (i = from; i < to; i++) {
		before = &areas[i > from ? i - 1 : to - 1];
		areas[i].before_page = before->page;
		areas[i].before = area_last(before);
	}
}

static u32 fill_areas(struct riod_sync_area *areas, const struct riod_sync_span *spans, u32 n,
		      u64 (*page_id)(void *priv, u64 iova), void *priv)
{
	u32 filled = 0, ring = 0, i, j, pages;

	for (i = 0; i < n; i++) {
		if (!i || !spans[i].ring || spans[i].ring != spans[i - 1].ring)
			ring = filled;
		pages = span_pages(&spans[i]);
		for (j = 0; j < pages; j++) {
			if (!area_of(&spans[i], j, &areas[filled]))
				continue;
			/* 0: not mapped; looking back in the ring ends at this area */
			areas[filled].page = page_id(priv, round_down(spans[i].iova,
								      RIOD_PAGE_SIZE) +
						     (u64)j * RIOD_PAGE_SIZE);
			filled++;
		}
		if (spans[i].ring)
			close_ring(areas, ring, filled);
	}
	return filled;
}

static int compare_areas(const void *a, const void *b)
{
	const struct riod_sync_area *x = a, *y = b;

	return x->page < y->page ? -1 : x->page > y->page;
}

/* do overlapping spans give a page more granules than a cut may look at? */
static bool is_crowded(const struct riod_sync_order *o)
{
	const struct riod_sync_area *a;
	u32 i, n = 0;

	for (i = 0; i < o->n; i++) {
		a = &o->areas[i];
		if (!i || a->page != a[-1].page)
			n = 0;
		n += DIV_ROUND_UP_ULL(a->end - a->first, a->step);
		/* areas of page 0 are never looked up */
		if (a->page && n > RIOD_SYNC_PAGE_MAX)
			return true;
	}
	return false;
}

struct riod_sync_order *riod_sync_order_make(const struct riod_sync_span *spans, u32 n,
					     u64 (*page_id)(void *priv, u64 iova),
					     void *priv)
{
	struct riod_sync_order *o;
	u64 areas = 0;
	u32 i;

	for (i = 0; i < n; i++)
		areas += span_pages(&spans[i]);
	if (areas > RIOD_SYNC_AREAS_MAX)
		return ERR_PTR(-E2BIG);
	o = kvzalloc(struct_size(o, areas, areas), RIOD_SYNC_GFP);
	if (!o)
		return ERR_PTR(-ENOMEM);
	o->n = areas;
	INIT_LIST_HEAD(&o->list);
	o->n = fill_areas(o->areas, spans, n, page_id, priv);
	sort(o->areas, o->n, sizeof(*o->areas), compare_areas, NULL);
	if (is_crowded(o)) {
		kvfree(o);
		return ERR_PTR(-E2BIG);
	}
	return o;
}
EXPORT_SYMBOL_GPL(riod_sync_order_make);

void riod_sync_order_free(struct riod_sync_order *o)
{
	kvfree(o);
}
EXPORT_SYMBOL_GPL(riod_sync_order_free);

void riod_sync_set_order(struct riod_sync *y, struct riod_sync_order *old,
			 struct riod_sync_order *new)
{
	/* the gate: an order must not change between the two turns of a cut */
	mutex_lock(&y->gate);
	mutex_lock(&y->lock);
	if (old)
		list_del(&old->list);
	if (new)
		list_add_tail(&new->list, &y->orders);
	mutex_unlock(&y->lock);
	mutex_unlock(&y->gate);
}
EXPORT_SYMBOL_GPL(riod_sync_set_order);

/* ------------------------------------------------------------ looking things up */

/* index of the first area of a page, or where it would be */
static u32 find_area(const struct riod_sync_order *o, u64 page)
{
	u32 low = 0, high = o->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (o->areas[mid].page < page)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/**
 * riod_sync_last_to_guest() - granules of a page that the frontend applies last
 * @y: engine; under both mutexes
 * @page: number
 * @last: bitmap of the granules, set only if there are any
 *
 * Return: number of granules; 0: @last is not initialised.
 */
u32 riod_sync_last_to_guest(struct riod_sync *y, u64 page, unsigned long *last)
{
	const struct riod_sync_order *o;
	u32 i, g, n = 0;

	lockdep_assert_held(&y->lock);
	list_for_each_entry(o, &y->orders, list) {
		for (i = find_area(o, page); i < o->n && o->areas[i].page == page; i++) {
			if (o->areas[i].by_guest)
				continue;
			if (!n)
				bitmap_zero(last, RIOD_GRANULES);
			for (g = o->areas[i].first; g < o->areas[i].end; g += o->areas[i].step) {
				__set_bit(g, last);
				n++;
			}
		}
	}
	return n;
}

/* read a granule's base and its value in the cut being taken */
static void read_entry(struct riod_sync_entry *e, const struct riod_sync_page *page)
{
	const u8 *base = riod_sync_base(page) + e->g * RIOD_GRANULE;

	memcpy(e->was, base, sizeof(e->was));
	memcpy(e->now, page->capture ? page->capture->snap + e->g * RIOD_GRANULE : base,
	       sizeof(e->now));
}

/* area of a ring in @o that contains granule @g of a page */
static const struct riod_sync_area *find_ring(const struct riod_sync_order *o, u64 page, u32 g)
{
	u32 i;

	for (i = find_area(o, page); i < o->n && o->areas[i].page == page; i++) {
		if (o->areas[i].flag && g >= o->areas[i].first && g < o->areas[i].end)
			return &o->areas[i];
	}
	return NULL;
}

bool riod_sync_entry_before(struct riod_sync_entry *e)
{
	const struct riod_sync_area *area = e->area;
	struct riod_sync_page *page;
	u32 g;

	lockdep_assert_held(&e->y->lock);
	if (!e->left)
		return false;
	e->left--;
	if (e->g > area->first) {
		g = e->g - area->step;
	} else {
		g = area->before;
		area = find_ring(e->order, area->before_page, g);
	}
	page = area ? xa_load(&e->y->index, area->page) : NULL;
	if (!page)
		return false;
	e->area = area;
	e->g = g;
	read_entry(e, page);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_entry_before);

static bool is_last(struct riod_sync *y, const struct riod_sync_order *o,
		    const struct riod_sync_area *a, const struct riod_sync_capture *cap, u32 g)
{
	struct riod_sync_entry e = {
		.y = y, .order = o, .area = a, .g = g, .left = RIOD_SYNC_BACK,
	};

	read_entry(&e, cap->page);
	if (!memcmp(e.was, e.now, sizeof(e.now)))
		return false;
	return !a->flag || a->flag(&e);
}

/**
 * riod_sync_last_to_device() - granules of a page that are sent last
 * @y: engine; under both mutexes
 * @cap: capture of the page; sets @cap->last and @cap->nlast
 */
void riod_sync_last_to_device(struct riod_sync *y, struct riod_sync_capture *cap)
{
	const struct riod_sync_area *a;
	const struct riod_sync_order *o;
	u32 i, g;

	lockdep_assert_held(&y->lock);
	cap->nlast = 0;
	list_for_each_entry(o, &y->orders, list) {
		for (i = find_area(o, cap->page->id); i < o->n; i++) {
			a = &o->areas[i];
			if (a->page != cap->page->id)
				break;
			if (!a->by_guest)
				continue;
			for (g = a->first; g < a->end; g += a->step) {
				if (!is_last(y, o, a, cap, g))
					continue;
				if (!cap->nlast++)
					bitmap_zero(cap->last, RIOD_GRANULES);
				__set_bit(g, cap->last);
			}
		}
	}
}

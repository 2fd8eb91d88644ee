/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM riod_stub

#if !defined(_RIOD_STUB_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _RIOD_STUB_TRACE_H

#include <linux/tracepoint.h>

/* riod_stub_lost: the session is over; the fence has not begun */
TRACE_EVENT(riod_stub_lost,
	TP_PROTO(const char *export, unsigned int reason),
	TP_ARGS(export, reason),
	TP_STRUCT__entry(
		__string(export, export)
		__field(unsigned int, reason)
	),
	TP_fast_assign(
		__assign_str(export);
		__entry->reason = reason;
	),
	TP_printk("export=%s reason=%u", __get_str(export), __entry->reason)
);

DECLARE_EVENT_CLASS(riod_stub_fence,
	TP_PROTO(const char *export, u64 ns),
	TP_ARGS(export, ns),
	TP_STRUCT__entry(
		__string(export, export)
		__field(u64, ns)
	),
	TP_fast_assign(
		__assign_str(export);
		__entry->ns = ns;
	),
	TP_printk("export=%s ns=%llu", __get_str(export), __entry->ns)
);

/* riod_stub_fence_begin: ns since riod_stub_lost */
DEFINE_EVENT(riod_stub_fence, riod_stub_fence_begin,
	TP_PROTO(const char *export, u64 ns),
	TP_ARGS(export, ns)
);

/*
 * riod_stub_fence_done: interrupts of all functions are off; ns as above.  Bus
 * master was cleared earlier, in a step of its own: see riod_stub_master.
 */
DEFINE_EVENT(riod_stub_fence, riod_stub_fence_done,
	TP_PROTO(const char *export, u64 ns),
	TP_ARGS(export, ns)
);

/* riod_stub_master: the bus master bit of a function was written */
TRACE_EVENT(riod_stub_master,
	TP_PROTO(const char *device, bool on),
	TP_ARGS(device, on),
	TP_STRUCT__entry(
		__string(device, device)
		__field(bool, on)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->on = on;
	),
	TP_printk("device=%s on=%d", __get_str(device), __entry->on)
);

/* riod_stub_reset: a function was reset; error: result */
TRACE_EVENT(riod_stub_reset,
	TP_PROTO(const char *device, int error),
	TP_ARGS(device, error),
	TP_STRUCT__entry(
		__string(device, device)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->error = error;
	),
	TP_printk("device=%s error=%d", __get_str(device), __entry->error)
);

/* riod_stub_freed: the IOMMU mappings were removed and the pages freed */
TRACE_EVENT(riod_stub_freed,
	TP_PROTO(const char *export, u64 pages),
	TP_ARGS(export, pages),
	TP_STRUCT__entry(
		__string(export, export)
		__field(u64, pages)
	),
	TP_fast_assign(
		__assign_str(export);
		__entry->pages = pages;
	),
	TP_printk("export=%s pages=%llu", __get_str(export), __entry->pages)
);

#endif /* _RIOD_STUB_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE stub_trace
#include <trace/define_trace.h>

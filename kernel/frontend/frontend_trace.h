/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of riod_frontend
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM riod_frontend

#if !defined(_RIOD_FRONTEND_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _RIOD_FRONTEND_TRACE_H

#include <linux/tracepoint.h>

/* the session is over and guest memory is released; users are not notified yet */
TRACE_EVENT(riod_fe_lost,
	    TP_PROTO(u32 id, u32 reason),
	    TP_ARGS(id, reason),
	    TP_STRUCT__entry(__field(u32, id)
			     __field(u32, reason)),
	    TP_fast_assign(__entry->id = id;
			   __entry->reason = reason;),
	    TP_printk("attachment=%u reason=%u", __entry->id, __entry->reason)
);

/* VFIO maps a range */
TRACE_EVENT(riod_fe_map,
	    TP_PROTO(u32 id, u64 iova, u64 last, u32 prot),
	    TP_ARGS(id, iova, last, prot),
	    TP_STRUCT__entry(__field(u32, id)
			     __field(u64, iova)
			     __field(u64, last)
			     __field(u32, prot)),
	    TP_fast_assign(__entry->id = id;
			   __entry->iova = iova;
			   __entry->last = last;
			   __entry->prot = prot;),
	    TP_printk("attachment=%u iova=%#llx-%#llx prot=%u",
		      __entry->id, __entry->iova, __entry->last, __entry->prot)
);

/* VFIO unmaps a range */
TRACE_EVENT(riod_fe_unmap,
	    TP_PROTO(u32 id, u64 iova, u64 last),
	    TP_ARGS(id, iova, last),
	    TP_STRUCT__entry(__field(u32, id)
			     __field(u64, iova)
			     __field(u64, last)),
	    TP_fast_assign(__entry->id = id;
			   __entry->iova = iova;
			   __entry->last = last;),
	    TP_printk("attachment=%u iova=%#llx-%#llx", __entry->id,
		      __entry->iova, __entry->last)
);

/* the guest enables bus mastering but is held off (rule 18, too much is an error) */
TRACE_EVENT(riod_fe_bus_master_held,
	    TP_PROTO(u32 id, u64 bytes, u64 limit),
	    TP_ARGS(id, bytes, limit),
	    TP_STRUCT__entry(__field(u32, id)
			     __field(u64, bytes)
			     __field(u64, limit)),
	    TP_fast_assign(__entry->id = id;
			   __entry->bytes = bytes;
			   __entry->limit = limit;),
	    TP_printk("attachment=%u writable=%llu limit=%llu", __entry->id,
		      __entry->bytes, __entry->limit)
);

#endif /* _RIOD_FRONTEND_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE frontend_trace
#include <trace/define_trace.h>

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of riod_core
 *
 * "session" is a local number, in the order of creation.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM riod

#if !defined(_RIOD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _RIOD_TRACE_H

#include <linux/tracepoint.h>

#include "wire.h"

DECLARE_EVENT_CLASS(riod_frame,
		    TP_PROTO(u32 session, const struct riod_frame_hdr *hdr),
		    TP_ARGS(session, hdr),
		    TP_STRUCT__entry(__field(u32, session)
				     __field(u32, len)
				     __field(u8, type)
				     __field(u8, func)
				     __field(u8, flags)
				     __field(u64, seq)
				     __field(u64, ack)),
		    TP_fast_assign(__entry->session = session;
				   __entry->len = le32_to_cpu(hdr->len);
				   __entry->type = hdr->type;
				   __entry->func = hdr->func;
				   __entry->flags = hdr->flags;
				   __entry->seq = le64_to_cpu(hdr->seq);
				   __entry->ack = le64_to_cpu(hdr->ack);),
		    TP_printk("session=%u type=%u func=%u len=%u flags=%#x seq=%llu ack=%llu",
			      __entry->session, __entry->type, __entry->func,
			      __entry->len, __entry->flags, __entry->seq,
			      __entry->ack)
);

/* a frame is passed to the transport */
DEFINE_EVENT(riod_frame, riod_frame_tx,
	     TP_PROTO(u32 session, const struct riod_frame_hdr *hdr),
	     TP_ARGS(session, hdr)
);

/* a frame arrived and is valid; it is not processed yet */
DEFINE_EVENT(riod_frame, riod_frame_rx,
	     TP_PROTO(u32 session, const struct riod_frame_hdr *hdr),
	     TP_ARGS(session, hdr)
);

/* the session is over; ops->lost() is called next */
TRACE_EVENT(riod_session_lost,
	    TP_PROTO(u32 session, u32 reason),
	    TP_ARGS(session, reason),
	    TP_STRUCT__entry(__field(u32, session)
			     __field(u32, reason)),
	    TP_fast_assign(__entry->session = session;
			   __entry->reason = reason;),
	    TP_printk("session=%u reason=%u", __entry->session, __entry->reason)
);

/* the connection broke, the session waits for another one */
TRACE_EVENT(riod_session_broken,
	    TP_PROTO(u32 session, int error),
	    TP_ARGS(session, error),
	    TP_STRUCT__entry(__field(u32, session)
			     __field(int, error)),
	    TP_fast_assign(__entry->session = session;
			   __entry->error = error;),
	    TP_printk("session=%u error=%d", __entry->session, __entry->error)
);

/* the session has a new connection; the peer has processed all frames up to @acked */
TRACE_EVENT(riod_session_resumed,
	    TP_PROTO(u32 session, u64 acked),
	    TP_ARGS(session, acked),
	    TP_STRUCT__entry(__field(u32, session)
			     __field(u64, acked)),
	    TP_fast_assign(__entry->session = session;
			   __entry->acked = acked;),
	    TP_printk("session=%u acked=%llu", __entry->session, __entry->acked)
);

/* a cut was taken; cut 0: no byte had changed, so there is no cut */
TRACE_EVENT(riod_cut_collected,
	    TP_PROTO(u32 session, u64 cut, u64 bytes),
	    TP_ARGS(session, cut, bytes),
	    TP_STRUCT__entry(__field(u32, session)
			     __field(u64, cut)
			     __field(u64, bytes)),
	    TP_fast_assign(__entry->session = session;
			   __entry->cut = cut;
			   __entry->bytes = bytes;),
	    TP_printk("session=%u cut=%llu bytes=%llu",
		      __entry->session, __entry->cut, __entry->bytes)
);

/* a cut of the peer was applied */
TRACE_EVENT(riod_cut_applied,
	    TP_PROTO(u32 session, u64 cut, u32 frames),
	    TP_ARGS(session, cut, frames),
	    TP_STRUCT__entry(__field(u32, session)
			     __field(u64, cut)
			     __field(u32, frames)),
	    TP_fast_assign(__entry->session = session;
			   __entry->cut = cut;
			   __entry->frames = frames;),
	    TP_printk("session=%u cut=%llu frames=%u",
		      __entry->session, __entry->cut, __entry->frames)
);

#endif /* _RIOD_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE riod_trace
#include <trace/define_trace.h>

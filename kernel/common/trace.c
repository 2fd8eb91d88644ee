// SPDX-License-Identifier: GPL-2.0-only
/* Tracepoints of riod_core */
#define CREATE_TRACE_POINTS
#include "riod_trace.h"

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Riod_core's tracepoints
 */
#define CREATE_TRACE_POINTS
#include "riod_trace.h"

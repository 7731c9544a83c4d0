/* SPDX-License-Identifier: MIT */
/* lookup_timing.h - where the time of a paid lookup went. Plain values. */
#ifndef MODEL_LOOKUP_TIMING_H
#define MODEL_LOOKUP_TIMING_H

#include <stdint.h>

/* Milliseconds in each phase since the lookup started: those that are over, and the current one so
 * far. If a phase repeats, its times add up. All 0 if there was no lookup. */
struct lookup_timing {
    int64_t queue_ms;    /* it waited for a batch and a submit slot */
    int64_t submit_ms;   /* the submit was in flight */
    int64_t upstream_ms; /* the upstream processed the batch */
    int64_t read_ms;     /* emailsd read the results */
};

#endif

/* SPDX-License-Identifier: MIT */
/* timing_text.h - writes where a lookup is, and where its time went: as the value of Server-Timing
 * (W3C), and as the member `timing`. Pure functions; any thread. */
#ifndef HTTP_ENDPOINTS_TIMING_TEXT_H
#define HTTP_ENDPOINTS_TIMING_TEXT_H

#include "base/buf.h"
#include "model/lookup_timing.h"
#include "model/task_phase.h"

#include <stdint.h>

#define SERVER_TIMING_TEXT 160

/* Writes "queue;dur=100, submit;dur=26000, upstream;dur=20300, read;dur=900". */
void timing_write_header(const struct lookup_timing *timing, char text[static SERVER_TIMING_TEXT]);

/* Appends ,"elapsed_s":31.2,"expected_s":48 - the members of a progress. */
void timing_write_progress(int64_t elapsed_ms, int64_t expected_ms, struct buf *out);

/* Appends {"queue_ms":100,"submit_ms":26000,"upstream_ms":20300,"read_ms":900}, without the members
 * of phases that a lookup in this phase has not reached yet; with TASK_ENDED, all of them. */
void timing_write_json(const struct lookup_timing *timing, enum task_phase phase, struct buf *out);

/* Returns the word for a phase: queued, submitting, processing or fetching. Static. */
const char *timing_phase_word(enum task_phase phase);

#endif

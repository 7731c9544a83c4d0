/* SPDX-License-Identifier: MIT */
/* progress_pace.h - says when the progress of a list is written to its stream: a change at most
 * once a second, and the same progress again every PROGRESS_EVERY_MS. A change that comes too soon
 * is not lost: it is due when its second is over. Worker thread of the stream. */
#ifndef HTTP_ENDPOINTS_PROGRESS_PACE_H
#define HTTP_ENDPOINTS_PROGRESS_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Begins with progress_pace_written(). Times are monotonic. */
struct progress_pace {
    int64_t written_ms; /* the last time */
    bool has_news;      /* since then */
};

void progress_pace_written(struct progress_pace *pace, int64_t now_ms);

/* A pull has returned: with a change, or because progress_pace_next_ms() is over. */
void progress_pace_changed(struct progress_pace *pace);

/* Returns whether to write now. */
bool progress_pace_is_due(const struct progress_pace *pace, int64_t now_ms);

/* Returns when the next pull returns at the latest. */
int64_t progress_pace_next_ms(const struct progress_pace *pace);

#endif

/* SPDX-License-Identifier: MIT */
/* progress.h - the line on standard error that shows what happens.
 *
 * It appears after half a second, only on a terminal that can redraw a line, and is cleared before
 * other output and at the end. Main thread only. */
#ifndef CLIENT_EMAILS_PROGRESS_H
#define CLIENT_EMAILS_PROGRESS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the line shows. Strings are borrowed. */
struct progress_state {
    const char *domain; /* of a single lookup; NULL = a list */
    const char *phase;
    int64_t elapsed_s, expected_s; /* -1 = not known yet */
    size_t total, done, failed;    /* of a list */
    int64_t credits;
    int64_t left_s;   /* -1 = not known yet; a list then shows how long it took so far */
    const char *note; /* why nothing happens now, instead of the rest; NULL = none */
};

/* Appends the line, at most `columns` wide, with escape sequences if `has_colours`. */
void progress_add_line(const struct progress_state *state, size_t columns, bool has_colours,
                       struct buf *out);

/* Appends a duration: "31 s", "2 min", "3 h". */
void progress_add_time(struct buf *out, int64_t seconds);

struct progress {
    bool is_on;
    bool has_colours;
    bool is_drawn;
    int64_t due_ms; /* monotonic; not drawn before */
};

void progress_init(struct progress *progress, bool is_quiet, int64_t now_ms);

/* Draws the line if it is time for it: at most four times per second. */
void progress_draw(struct progress *progress, const struct progress_state *state, int64_t now_ms);

/* Removes the line. Call this before anything else is written to the terminal. */
void progress_clear(struct progress *progress);

#endif

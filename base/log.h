/* SPDX-License-Identifier: MIT */
/* log.h - one line per event on stderr, as logfmt: ts=... level=info event=ready addr=...
 * or as JSON: {"ts":"...","level":"info","event":"ready","addr":"..."}
 *
 * Only the edges log (main, the HTTP edge, the engine), once per event. Library code returns an
 * error instead. Values are escaped, so no byte from outside can forge a line or reach a terminal
 * raw; secrets and found addresses are never passed in. A line is written with one write(2); when
 * stderr is full or gone, the line is dropped and counted. Any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* At any time. */
void log_set_level(enum log_level level);
void log_set_json(bool json); /* else logfmt */

/* Would a line of that level be written? Saves making one for nothing. */
bool log_enabled(enum log_level level);

/* Key and value pairs, closed by NULL: log_event(LOG_INFO, "ready", "addr", text, NULL). A NULL
 * value leaves its key out, and so does one that would make the line longer than 4 KiB.
 *
 * An event is a noun and a participle in snake case: loaded, applied, enabled, inherited, required,
 * rejected, started, finished, submitted, failed, reached, paused, resumed, withheld, reduced,
 * deferred, written. A bare participle is about the daemon; a noun alone is a condition or a
 * report. One name has one meaning and one place. */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* Lines that could not be written. */
uint64_t log_dropped(void);

#endif

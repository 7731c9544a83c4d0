/* SPDX-License-Identifier: MIT */
/* log.h - writes one line per event to stderr, as logfmt: ts=... level=info event=ready addr=...
 * or as JSON: {"ts":"...","level":"info","event":"ready","addr":"..."}
 *
 * Only the edges log (main, the HTTP edge, the engine), once per event; library code returns an
 * error instead. Values are escaped, so input from outside cannot forge a line or send control
 * bytes to a terminal. Callers never pass secrets or found addresses. A line is written with one
 * write(2). If stderr is full or closed, the line is dropped and counted. Any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* May be called at any time. */
void log_set_level(enum log_level level);
void log_set_json(bool json); /* false: logfmt */

/* Returns whether a line of that level would be written; avoids building one that would not. */
bool log_enabled(enum log_level level);

/* Logs an event with pairs of key and value, ended by NULL: log_event(LOG_INFO, "ready", "addr",
 * text, NULL). A pair is left out if its value is NULL or if it would make the line longer than 4
 * KiB.
 *
 * An event is a noun and a participle in snake case: loaded, applied, enabled, inherited, required,
 * rejected, started, finished, submitted, failed, reached, paused, resumed, withheld, reduced,
 * deferred, written. A bare participle describes the daemon; a noun alone is a condition or a
 * report. One name has one meaning and one place. */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* Returns the number of lines that could not be written. */
uint64_t log_dropped(void);

#endif

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
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* May be called at any time. */
void log_set_level(enum log_level level);
void log_set_json(bool json); /* false: logfmt */

/* Returns whether a line of that level would be written; avoids building one that would not. */
bool log_enabled(enum log_level level);

/* A key with a typed value. In JSON, integers and booleans are written as such. */
struct log_field {
    const char *key;
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_BOOL } type;
    union {
        const char *str;
        int64_t integer;
        bool boolean;
    };
};

/* The unary plus makes the compiler reject pointers. */
#define LOG_STR(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_STR, .str = (v)})
#define LOG_INT(k, v)                                                                              \
    ((struct log_field){.key = (k), .type = LOG_FIELD_INT, .integer = (int64_t)(+(v))})
#define LOG_BOOL(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_BOOL, .boolean = +(v)})

/* Logs an event with its fields: log_event(LOG_INFO, "ready", LOG_STR("addr", text),
 * LOG_INT("workers", n)). A field is left out if it is a NULL string or if it would make the line
 * longer than 4 KiB.
 *
 * An event is a noun and a participle in snake case: loaded, applied, enabled, inherited, required,
 * rejected, started, finished, submitted, failed, reached, paused, resumed, withheld, reduced,
 * deferred, written. A bare participle describes the daemon; a noun alone is a condition or a
 * report. One name has one meaning and one place. */
#define log_event(level, event, ...)                                                               \
    log_fields(level, event, (const struct log_field[]){__VA_ARGS__},                              \
               sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n);

/* Returns the number of lines that could not be written. */
uint64_t log_dropped(void);

#endif

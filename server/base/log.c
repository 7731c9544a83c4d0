/* SPDX-License-Identifier: MIT */
/* log.c - see log.h. A value is written bare when it holds only plain characters, else in quotes
 * with everything outside printable ASCII as \xNN. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static enum log_level lowest = LOG_INFO;
static atomic_uint_fast64_t dropped;

void log_set_level(enum log_level level)
{
    lowest = level;
}

uint64_t log_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

static int is_plain(const char *value)
{
    for (const char *c = value; *c; c++)
        if (*c <= 0x20 || *c >= 0x7f || strchr("\"\\=", *c))
            return 0;
    return *value != '\0';
}

static void add_value(struct buf *line, const char *value)
{
    if (is_plain(value)) {
        buf_add_str(line, value);
        return;
    }
    buf_add_str(line, "\"");
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_addf(line, "\\%c", *c);
        else if (*c < 0x20 || *c >= 0x7f)
            buf_addf(line, "\\x%02x", *c);
        else
            buf_add(line, c, 1);
    }
    buf_add_str(line, "\"");
}

void log_event(enum log_level level, const char *event, ...)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct buf autobuf line = BUF_INIT(LINE_MAX_BYTES - 1);
    struct clock now;
    char ts[CLOCK_TEXT];
    va_list args;

    if (level < lowest)
        return;
    now = clock_real();
    clock_rfc3339(now.wall_ms, ts);
    buf_addf(&line, "ts=%s level=%s event=%s", ts, levels[level], event);
    va_start(args, event);
    for (const char *key; (key = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        if (!value)
            continue;
        buf_addf(&line, " %s=", key);
        add_value(&line, value);
    }
    va_end(args);
    line.max++; /* the newline always fits */
    buf_add_str(&line, "\n");
    if (write(STDERR_FILENO, line.data, line.len) != (ssize_t)line.len)
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}

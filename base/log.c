/* SPDX-License-Identifier: MIT */
/* log.c - see log.h. In logfmt, a value of plain characters is written bare; any other is quoted,
 * with bytes outside printable ASCII as \xNN. A field that does not fit is left out as a whole,
 * because a truncated value could be mistaken for another one. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static atomic_int lowest = LOG_INFO;
static atomic_bool json;
static atomic_uint_fast64_t dropped;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&lowest, (int)level, memory_order_relaxed);
}

void log_set_json(bool wanted)
{
    atomic_store_explicit(&json, wanted, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&lowest, memory_order_relaxed);
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

static void add_str(struct buf *line, const char *value)
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

/* Escapes bytes outside ASCII one by one: input from outside need not be UTF-8. */
static void add_json_str(struct buf *line, const char *value)
{
    buf_add_str(line, "\"");
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_addf(line, "\\%c", *c);
        else if (*c < 0x20 || *c >= 0x7f)
            buf_addf(line, "\\u%04x", *c);
        else
            buf_add(line, c, 1);
    }
    buf_add_str(line, "\"");
}

static void add_field(struct buf *line, bool as_json, const struct log_field *field)
{
    size_t before = line->len;

    buf_addf(line, as_json ? ",\"%s\":" : " %s=", field->key);
    switch (field->type) {
    case LOG_FIELD_STR:
        (as_json ? add_json_str : add_str)(line, field->str);
        break;
    case LOG_FIELD_INT:
        buf_addf(line, "%" PRId64, field->integer);
        break;
    case LOG_FIELD_BOOL:
        buf_add_str(line, field->boolean ? "true" : "false");
        break;
    }
    if (buf_check(line)) {
        line->len = before;
        line->overflowed = false;
    }
}

/* Polls before writing: stderr is often a blocking pipe, and a slow reader must not stall the
 * engine. If two threads find the last free page at the same time, one of them can still block. A
 * non-blocking pipe would affect all processes that share it. */
static void put_line(const struct buf *line)
{
    struct pollfd err = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (poll(&err, 1, 0) != 1 || write(err.fd, line->data, line->len) != (ssize_t)line->len)
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    bool as_json = atomic_load_explicit(&json, memory_order_relaxed);
    const char *end = as_json ? "}\n" : "\n";
    struct buf autobuf line = BUF_INIT(LINE_MAX_BYTES - strlen(end));
    struct clock now;
    char ts[CLOCK_TEXT];

    if (!log_enabled(level))
        return;
    now = clock_real();
    clock_rfc3339(now.wall_ms, ts);
    buf_addf(&line,
             as_json ? "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":\"%s\""
                     : "ts=%s level=%s event=%s",
             ts, levels[level], event);
    for (size_t i = 0; i < n; i++)
        if (fields[i].type != LOG_FIELD_STR || fields[i].str)
            add_field(&line, as_json, &fields[i]);
    line.max = LINE_MAX_BYTES; /* the end always fits */
    buf_add_str(&line, end);
    put_line(&line);
}

/* SPDX-License-Identifier: MIT */
/* test_log.c - tests that an event is exactly one line, written completely or not at all, and
 * that a slow reader never blocks the logging thread.
 *
 * Each test reads its own stderr through a pipe. Check runs it in a process of its own, so no
 * other stderr is affected. */
#include "base/log.h"
#include "base/mem.h"

#include "tests/support/suite.h"
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static int reader;
static char line[2 * LINE_MAX_BYTES];

static void setup(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    reader = ends[0];
    ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
    signal(SIGPIPE, SIG_IGN); /* as main() does */
}

FIXTURE(setup, NULL);

/* Returns what was logged since the last call, "" for nothing. One write(2) writes a line, so
 * the line is there when log_event() has returned. */
static const char *logged(void)
{
    ssize_t len = read(reader, line, sizeof line - 1);

    line[len > 0 ? len : 0] = '\0';
    return line;
}

static const char *after(const char *text, const char *mark)
{
    const char *at = strstr(text, mark);

    ck_assert_msg(at != NULL, "no %s in: %s", mark, text);
    return at + strlen(mark);
}

TEST(log_event_is_one_line_of_logfmt)
{
    regex_t form;

    log_event(LOG_INFO, "ready", LOG_STR("addr", "127.0.0.1:8080"), LOG_INT("workers", 4));
    ck_assert_int_eq(regcomp(&form,
                             "^ts=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z "
                             "level=info event=ready addr=127\\.0\\.0\\.1:8080 workers=4\n$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    ck_assert_msg(regexec(&form, logged(), 0, NULL, 0) == 0, "%s", line);
    regfree(&form);
}

TEST(log_event_needs_no_fields)
{
    log_event(LOG_ERROR, "stopped");
    ck_assert_str_eq(after(logged(), "Z "), "level=error event=stopped\n");
}

TEST(log_missing_value_omits_its_key)
{
    log_event(LOG_INFO, "x", LOG_STR("a", "1"), LOG_STR("b", NULL), LOG_STR("c", "3"));
    ck_assert_str_eq(after(logged(), "event="), "x a=1 c=3\n");
}

static void log_one_of_each_type(void)
{
    log_event(LOG_INFO, "x", LOG_STR("digits", "4"), LOG_INT("size", sizeof(char)),
              LOG_INT("least", INT64_MIN), LOG_BOOL("yes", 1 < 2), LOG_BOOL("no", 1 > 2));
}

TEST(log_numbers_and_booleans_are_bare_in_logfmt)
{
    log_one_of_each_type();
    ck_assert_str_eq(after(logged(), "event="),
                     "x digits=4 size=1 least=-9223372036854775808 yes=true no=false\n");
}

TEST(log_numbers_and_booleans_keep_their_type_in_json)
{
    log_set_json(true);
    log_one_of_each_type();
    ck_assert_str_eq(after(logged(), "\"event\":"),
                     "\"x\",\"digits\":\"4\",\"size\":1,\"least\":-9223372036854775808,"
                     "\"yes\":true,\"no\":false}\n");
}

static const struct {
    const char *value, *written, *json;
} values[] = {
    {"plain", "plain", "plain"},
    {"/emails?x", "/emails?x", "/emails?x"},
    {"", "\"\"", ""},
    {"two words", "\"two words\"", "two words"},
    {"a=b", "\"a=b\"", "a=b"},
    {"say \"hi\"", "\"say \\\"hi\\\"\"", "say \\\"hi\\\""},
    {"back\\slash", "\"back\\\\slash\"", "back\\\\slash"},
    {"a\nlevel=error", "\"a\\x0alevel=error\"", "a\\u000alevel=error"},
    {"\r\t\x1b[31m", "\"\\x0d\\x09\\x1b[31m\"", "\\u000d\\u0009\\u001b[31m"},
    {"\x7f", "\"\\x7f\"", "\\u007f"},
    {"\x01", "\"\\x01\"", "\\u0001"},
    {"caf\xc3\xa9", "\"caf\\xc3\\xa9\"", "caf\\u00c3\\u00a9"},
    {"\xff\x80", "\"\\xff\\x80\"", "\\u00ff\\u0080"},
    {"~!", "~!", "~!"},
};

LOOP_TEST(log_value_cannot_forge_a_line, values)
{
    char expected[200];

    log_event(LOG_INFO, "x", LOG_STR("key", values[_i].value), LOG_STR("end", "1"));
    snprintf(expected, sizeof expected, "x key=%s end=1\n", values[_i].written);
    ck_assert_str_eq(after(logged(), "event="), expected);
    log_set_json(true);
    log_event(LOG_INFO, "x", LOG_STR("key", values[_i].value), LOG_STR("end", "1"));
    snprintf(expected, sizeof expected, "\"x\",\"key\":\"%s\",\"end\":\"1\"}\n", values[_i].json);
    ck_assert_str_eq(after(logged(), "\"event\":"), expected);
}

TEST(log_writes_from_the_lowest_level_up)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    for (int lowest = LOG_DEBUG; lowest <= LOG_ERROR; lowest++) {
        log_set_level((enum log_level)lowest);
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            log_event((enum log_level)level, "x");
            if (level < lowest)
                ck_assert_str_eq(logged(), "");
            else
                ck_assert(strncmp(after(logged(), "level="), names[level], strlen(names[level])) ==
                          0);
        }
    }
}

TEST(log_omits_debug_by_default)
{
    log_event(LOG_DEBUG, "x");
    ck_assert_str_eq(logged(), "");
    log_event(LOG_INFO, "x");
    ck_assert_str_ne(logged(), "");
}

/* ---- long lines ---- */

static char *letters(size_t n)
{
    char *text = xcalloc(n + 1, 1);

    memset(text, 'v', n);
    return text;
}

/* Returns the longest value that fits after " key=" in a line of event "x". */
static size_t room_of_value(void)
{
    log_event(LOG_INFO, "x", LOG_STR("key", "v"));
    return LINE_MAX_BYTES - strlen(logged()) + 1;
}

TEST(log_line_of_4_kib_is_written_completely)
{
    size_t room = room_of_value();
    autofree char *longest = letters(room);

    log_event(LOG_INFO, "x", LOG_STR("key", longest));
    ck_assert_uint_eq(strlen(logged()), LINE_MAX_BYTES);
    ck_assert_uint_eq(strspn(after(line, "key="), "v"), room);
    ck_assert_int_eq(line[LINE_MAX_BYTES - 1], '\n');
}

TEST(log_field_that_does_not_fit_is_omitted)
{
    autofree char *too_long = letters(room_of_value() + 1);

    log_event(LOG_INFO, "x", LOG_STR("a", "1"), LOG_STR("key", too_long), LOG_STR("b", "2"));
    ck_assert_str_eq(after(logged(), "event="), "x a=1 b=2\n");
    too_long[0] = '"'; /* quoted; every byte is escaped */
    log_event(LOG_INFO, "x", LOG_STR("a", "1"), LOG_STR("key", too_long), LOG_STR("b", "2"));
    ck_assert_str_eq(after(logged(), "event="), "x a=1 b=2\n");
}

TEST(log_json_line_is_complete_without_the_field_that_does_not_fit)
{
    autofree char *too_long = letters(LINE_MAX_BYTES);

    log_set_json(true);
    log_event(LOG_INFO, "x", LOG_INT("a", 1), LOG_STR("key", too_long), LOG_BOOL("b", true));
    ck_assert_str_eq(after(logged(), "\"event\":"), "\"x\",\"a\":1,\"b\":true}\n");
}

TEST(log_value_without_space_for_its_quote_is_omitted)
{
    autofree char *quoted = letters(room_of_value() - 1);

    quoted[0] = ' ';
    log_event(LOG_INFO, "x", LOG_STR("key", quoted));
    ck_assert_str_eq(after(logged(), "event="), "x\n");
    quoted[strlen(quoted) - 1] = '\0';
    log_event(LOG_INFO, "x", LOG_STR("key", quoted));
    ck_assert_uint_eq(strlen(logged()), LINE_MAX_BYTES);
}

/* ---- stderr that accepts no bytes ---- */

static void fill_the_pipe(void)
{
    static const char page[LINE_MAX_BYTES];
    int flags = fcntl(STDERR_FILENO, F_GETFL);

    fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    while (write(STDERR_FILENO, page, sizeof page) > 0)
        ;
    fcntl(STDERR_FILENO, F_SETFL, flags);
}

TEST(log_full_pipe_drops_the_line_without_waiting)
{
    fill_the_pipe();
    ck_assert_uint_eq(log_dropped(), 0);
    log_event(LOG_INFO, "lost"); /* would block indefinitely if it waited */
    log_event(LOG_INFO, "lost");
    ck_assert_uint_eq(log_dropped(), 2);
    while (read(reader, line, sizeof line) > 0)
        ;
    log_event(LOG_INFO, "received");
    ck_assert_uint_eq(log_dropped(), 2);
    ck_assert_str_eq(after(logged(), "event="), "received\n");
}

TEST(log_closed_pipe_drops_the_line_only)
{
    close(reader);
    log_event(LOG_INFO, "lost");
    ck_assert_uint_eq(log_dropped(), 1);
}

TEST(log_closed_stderr_drops_the_line_only)
{
    close(STDERR_FILENO);
    log_event(LOG_INFO, "lost");
    ck_assert_uint_eq(log_dropped(), 1);
}

TEST(log_D18_full_disk_drops_the_line_only)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    ck_assert_int_ge(full, 0);
    ck_assert_int_ge(dup2(full, STDERR_FILENO), 0);
    log_event(LOG_INFO, "lost");
    log_event(LOG_INFO, "lost");
    ck_assert_uint_eq(log_dropped(), 2);
    close(full);
}

TEST(log_line_below_the_level_is_not_counted_as_dropped)
{
    close(reader);
    log_event(LOG_DEBUG, "not wanted");
    ck_assert_uint_eq(log_dropped(), 0);
}

/* SPDX-License-Identifier: MIT */
/* test_event_stream.c - tests the writer of server-sent events with a reader of its own: what it
 * reads is what was written, whatever the data contains. */
#include "http/protocol/event_stream.h"

#include "tests/support/suite.h"
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct buf out;

static void setup(void)
{
    out = BUF_INIT(BUF_SMALL);
}

static void teardown(void)
{
    buf_done(&out);
}

FIXTURE(setup, teardown);

static void add(const char *id, const char *name, const char *data)
{
    event_stream_add(id, name, (struct slice){data, strlen(data)}, &out);
}

TEST(event_has_its_fields_and_ends_with_an_empty_line)
{
    add("end", "result", "{\"status\":200}");
    ck_assert_str_eq(buf_str(&out), "id: end\nevent: result\ndata: {\"status\":200}\n\n");
}

TEST(event_without_an_id_has_no_such_field)
{
    add(NULL, "progress", "{}\n");
    add(NULL, "progress", "");
    ck_assert_str_eq(buf_str(&out), "event: progress\ndata: {}\n\nevent: progress\ndata: \n\n");
}

TEST(event_stream_retry_is_a_block_of_its_own)
{
    event_stream_retry(&out);
    ck_assert_str_eq(buf_str(&out), "retry: 3000\n\n");
}

TEST(event_stream_heartbeat_is_a_comment)
{
    ck_assert_str_eq(event_stream_heartbeat, ": waiting\n\n");
}

/* Each contains what would be another field or event, if a line end got out. */
static const struct {
    const char *data, *read; /* `read` with LF for each line end */
} data[] = {
    {"a", "a"},
    {"a\nb", "a\nb"},
    {"a\rb", "a\nb"},
    {"a\r\nb", "a\nb"},
    {"a\n\nevent: result\ndata: {}\n\n", "a\n\nevent: result\ndata: {}\n"},
    {"a\r\n\r\nid: end", "a\n\nid: end"},
    {"a\n\rb", "a\n\nb"},
    {"\nretry: 1", "\nretry: 1"},
    {"\r", ""},
    {" leading blank", " leading blank"},
    {": comment", ": comment"},
};

/* Reads the stream by the rules of the HTML Standard, 9.2.6, for LF as the only line end. Expects
 * one event; its data goes to `text`. */
static void read_event(const char *stream, struct buf *text)
{
    bool is_first = true;

    ck_assert_ptr_null(strchr(stream, '\r'));
    ck_assert(strncmp(stream, "event: result\n", 14) == 0);
    for (stream += 14; *stream != '\n'; stream += strcspn(stream, "\n") + 1) {
        ck_assert(strncmp(stream, "data: ", 6) == 0);
        buf_add_str(text, is_first ? "" : "\n");
        buf_add(text, stream + 6, strcspn(stream + 6, "\n"));
        is_first = false;
    }
    ck_assert_str_eq(stream, "\n");
}

LOOP_TEST(event_data_is_read_as_it_was_written, data)
{
    struct buf autobuf text = BUF_INIT(BUF_SMALL);

    add(NULL, "result", data[_i].data);
    read_event(buf_str(&out), &text);
    ck_assert_str_eq(buf_str(&text), data[_i].read);
}

SIGNAL_TEST(event_id_with_a_line_end_aborts, SIGABRT)
{
    add("1\nevent: x", "result", "{}");
}

SIGNAL_TEST(event_name_with_a_line_end_aborts, SIGABRT)
{
    add(NULL, "result\r", "{}");
}

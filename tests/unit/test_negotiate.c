/* SPDX-License-Identifier: MIT */
/* test_negotiate.c - tests Accept, row by row, and the parameter that overrides it. */
#include "base/mem.h"
#include "http/protocol/negotiate.h"

#include "tests/support/suite.h"
#include <stdbool.h>
#include <string.h>

static const struct {
    const char *accept;
    enum err err;
    enum format format;
} accepts[] = {
    {NULL, ERR_OK, FORMAT_JSON},
    {"", ERR_OK, FORMAT_JSON},
    {"*/*", ERR_OK, FORMAT_JSON},
    {"application/json", ERR_OK, FORMAT_JSON},
    {"APPLICATION/JSON; charset=utf-8", ERR_OK, FORMAT_JSON},
    {"text/plain", ERR_OK, FORMAT_TEXT},
    {"text/csv", ERR_OK, FORMAT_CSV},
    {"text/*", ERR_OK, FORMAT_TEXT},
    {"application/x-ndjson", ERR_OK, FORMAT_NDJSON},
    {"Text/Event-Stream", ERR_OK, FORMAT_SSE},
    {"text/event-stream, */*;q=0.5", ERR_OK, FORMAT_SSE},
    {"application/json, text/event-stream", ERR_OK, FORMAT_JSON},
    {"application/x-ndjson, application/json;q=0.9", ERR_OK, FORMAT_NDJSON},
    {"application/*", ERR_OK, FORMAT_JSON},
    {"application/*, application/json;q=0.5", ERR_OK, FORMAT_NDJSON},
    {"text/*, text/plain;q=0, text/csv;q=0", ERR_OK, FORMAT_SSE},
    {"application/ndjson", ERR_NOT_ACCEPTABLE, FORMAT_JSON},
    {"text/csv, text/plain;q=0.5", ERR_OK, FORMAT_CSV},
    {"text/plain;q=0.5, text/csv;q=0.9", ERR_OK, FORMAT_CSV},
    {"text/html,application/xhtml+xml,*/*;q=0.8", ERR_OK, FORMAT_JSON},
    {"application/json;q=0, */*", ERR_OK, FORMAT_TEXT},
    {"application/json;q=0.1, text/plain;q=0.2", ERR_OK, FORMAT_TEXT},
    {"image/png", ERR_NOT_ACCEPTABLE, FORMAT_JSON},
    {"application/json;q=0", ERR_NOT_ACCEPTABLE, FORMAT_JSON},
    {"application/json;q=0.000", ERR_NOT_ACCEPTABLE, FORMAT_JSON},
    {"application/json;q=-1", ERR_NOT_ACCEPTABLE, FORMAT_JSON},
    {"*", ERR_OK, FORMAT_JSON},
    /* Weights outside the grammar: the nearest one, or 1. */
    {"application/json;q=2, text/csv", ERR_OK, FORMAT_JSON},
    {"text/csv;q=0.999, application/json;q=x", ERR_OK, FORMAT_JSON},
    {"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", ERR_OK, FORMAT_JSON},
    {"application/json;q=.2, text/csv;q=.3", ERR_OK, FORMAT_CSV},
    {"application/json;q=0.3333, text/csv;q=0.334", ERR_OK, FORMAT_CSV},
    {"application/json;q=0.3339, text/csv;q=0.333", ERR_OK, FORMAT_JSON},
    {"text/csv;q=0.999, application/json;q=1.0000", ERR_OK, FORMAT_JSON},
    {"application/json;q=1., text/csv;q=0.999", ERR_OK, FORMAT_JSON},
    {"application/json;q=00.5, text/csv;q=0.4", ERR_OK, FORMAT_JSON},
    {"text/plain;q=1.000, text/csv;q=0.999", ERR_OK, FORMAT_TEXT},
    {"text/plain; a=\"x,application/json;q=0\";q=0.5", ERR_OK, FORMAT_TEXT},
    {"text/plain;;Q=0.001", ERR_OK, FORMAT_TEXT},
    {"application/json;q=0.0001", ERR_OK, FORMAT_JSON},
    {"application/json;q=0.0001, text/csv;q=0.002", ERR_OK, FORMAT_CSV},
    {"application/json;q=1.001, text/csv", ERR_OK, FORMAT_JSON},
    {"text/csv;q=0.9, application/json;q=1e0", ERR_OK, FORMAT_JSON},
    {"text/csv;q=0.9, application/json;q=0x1", ERR_OK, FORMAT_JSON},
    {"text/csv;q=0.9, application/json;q=", ERR_OK, FORMAT_JSON},
    {"text/csv;q=0.9, application/json;q=.", ERR_OK, FORMAT_JSON},
    {",,;;,", ERR_NOT_ACCEPTABLE, FORMAT_JSON},
};

LOOP_TEST(negotiate_chooses_the_best_accepted_type, accepts)
{
    enum format format = FORMAT_JSON;
    enum err err = negotiate_format(FORMATS, accepts[_i].accept, FORMAT_JSON, &format);

    ck_assert_msg(err == accepts[_i].err && format == accepts[_i].format, "Accept: %s",
                  accepts[_i].accept ? accepts[_i].accept : "(none)");
}

static const struct {
    const char *accept;
    enum format preferred, format;
} preferences[] = {
    {NULL, FORMAT_NDJSON, FORMAT_NDJSON},
    {" ", FORMAT_CSV, FORMAT_CSV},
    {"*/*", FORMAT_CSV, FORMAT_CSV},
    {"*/*;q=0.5", FORMAT_NDJSON, FORMAT_NDJSON},
    {"text/*", FORMAT_CSV, FORMAT_CSV},
    {"text/*", FORMAT_NDJSON, FORMAT_TEXT},
    {"application/*", FORMAT_NDJSON, FORMAT_NDJSON},
    {"application/json, */*;q=0.9", FORMAT_NDJSON, FORMAT_JSON},
    {"application/json, text/csv", FORMAT_CSV, FORMAT_CSV},
    {"text/csv;q=0.9, application/json", FORMAT_CSV, FORMAT_JSON},
    {"text/csv;q=0, */*", FORMAT_CSV, FORMAT_JSON},
};

LOOP_TEST(negotiate_chooses_the_preferred_of_equal_types, preferences)
{
    enum format format = FORMATS;

    ck_assert_int_eq(
        negotiate_format(FORMATS, preferences[_i].accept, preferences[_i].preferred, &format),
        ERR_OK);
    ck_assert_int_eq(format, preferences[_i].format);
}

static const char *const any_accept[] = {NULL, "text/csv", "image/png", "application/json;q=0"};

LOOP_TEST(negotiate_parameter_overrides_accept, any_accept)
{
    for (int i = 0; i < FORMATS; i++) {
        enum format format = FORMATS;
        ck_assert_int_eq(negotiate_format((enum format)i, any_accept[_i], FORMAT_JSON, &format),
                         ERR_OK);
        ck_assert_int_eq(format, i);
    }
}

static const struct {
    const char *name, *content_type;
    enum format format;
    bool is_stream;
} names[] = {
    {"json", "application/json", FORMAT_JSON, false},
    {"text", "text/plain; charset=utf-8", FORMAT_TEXT, false},
    {"csv", "text/csv; charset=utf-8; header=present", FORMAT_CSV, false},
    {"ndjson", "application/x-ndjson", FORMAT_NDJSON, true},
    {"sse", "text/event-stream", FORMAT_SSE, true},
    {"", NULL, FORMATS, false},
    {"JSON", NULL, FORMATS, false},
    {"jso", NULL, FORMATS, false},
    {"xml", NULL, FORMATS, false},
};

LOOP_TEST(format_name_is_found_and_has_a_type, names)
{
    struct slice name = {names[_i].name, strlen(names[_i].name)};
    enum format format = FORMATS;

    ck_assert_int_eq(format_read(name, &format), names[_i].content_type != NULL);
    ck_assert_int_eq(format, names[_i].format);
    if (names[_i].content_type)
        ck_assert_str_eq(negotiate_content_type(format), names[_i].content_type);
    ck_assert_int_eq(format < FORMATS && format_is_stream(format), names[_i].is_stream);
}

TEST(negotiate_accepts_what_has_a_weight)
{
    static const char both[] = "application/json, text/event-stream";

    ck_assert(negotiate_accepts(NULL, FORMAT_SSE) && negotiate_accepts(" ", FORMAT_JSON));
    ck_assert(negotiate_accepts(both, FORMAT_SSE) && negotiate_accepts(both, FORMAT_JSON));
    ck_assert(!negotiate_accepts(both, FORMAT_CSV));
    ck_assert(negotiate_accepts("*/*;q=0.001", FORMAT_SSE));
    ck_assert(!negotiate_accepts("text/event-stream;q=0, */*", FORMAT_SSE));
}

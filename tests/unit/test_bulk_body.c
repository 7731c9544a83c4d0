/* SPDX-License-Identifier: MIT */
/* test_bulk_body.c - tests the body of a response with the results of a bulk, in each format. */
#include "base/mem.h"
#include "http/endpoints/bulk_body.h"

#include "tests/support/suite.h"
#include <string.h>

static const struct bulk_progress progress = {.id = "0123456789abcdef0123456789abcdef",
                                              .run = 1764486000000,
                                              .state = BULK_ENDED,
                                              .total = 2,
                                              .unique = 2,
                                              .done = 2,
                                              .ok = 0,
                                              .failed = 2,
                                              .charged_yes = 3,
                                              .charged_maybe = 1,
                                              .started_wall_ms = 1764486000000,
                                              .ended_wall_ms = 1764486061000,
                                              .elapsed_ms = 61549,
                                              .expected_ms = 169001,
                                              .timing = {100, 26000, 20300, 900}};

/* Writes a body of two results that failed, because they need no result. */
static char *written(enum format format)
{
    const struct bulk_result first = {.index = 1,
                                      .input = "a",
                                      .outcome = BULK_REJECTED,
                                      .charged = CHARGED_NO,
                                      .err = ERR_INVALID_DOMAIN};
    const struct bulk_result second = {.index = 0,
                                       .input = "b.com",
                                       .outcome = BULK_FAILED,
                                       .charged = CHARGED_MAYBE,
                                       .err = ERR_STILL_PROCESSING};
    struct bulk_body body = {.format = format, .n_read = 7};
    struct buf out = BUF_INIT(1 << 16);

    bulk_body_begin(&body, &progress, &out);
    bulk_body_add_result(&body, &first, &out);
    bulk_body_add_result(&body, &second, &out);
    bulk_body_end(&body, &progress, &out);
    ck_assert_uint_eq(body.n_read, 9);
    return buf_take(&out, NULL);
}

static const char progress_text[] =
    "{\"id\":\"0123456789abcdef0123456789abcdef\",\"state\":\"ended\",\"total\":2,\"unique\":2,"
    "\"done\":2,\"ok\":0,\"failed\":2,\"charged\":{\"yes\":3,\"maybe\":1},\"waiting_for\":null,"
    "\"elapsed_s\":61.5,\"expected_s\":170,\"timing\":{\"queue_ms\":100,\"submit_ms\":26000,"
    "\"upstream_ms\":20300,\"read_ms\":900}}\n";

TEST(bulk_progress_is_reported_in_seconds)
{
    struct buf autobuf out = BUF_INIT(BULK_PROGRESS_MAX);

    bulk_progress_write(&progress, &out);
    ck_assert_str_eq(buf_str(&out), progress_text);
}

TEST(bulk_progress_names_what_it_waits_for)
{
    struct bulk_progress waiting = progress;
    struct buf autobuf out = BUF_INIT(BULK_PROGRESS_MAX);

    waiting.state = BULK_RUNNING;
    waiting.waiting_for = ERR_CIRCUIT_OPEN;
    bulk_progress_write(&waiting, &out);
    ck_assert_ptr_nonnull(strstr(buf_str(&out), "\"state\":\"running\""));
    ck_assert_ptr_nonnull(strstr(buf_str(&out), "\"waiting_for\":\"circuit-open\""));
}

TEST(largest_bulk_progress_fits)
{
    struct bulk_progress most = {.state = BULK_CANCELLED,
                                 .total = SIZE_MAX,
                                 .unique = SIZE_MAX,
                                 .done = SIZE_MAX,
                                 .ok = SIZE_MAX,
                                 .failed = SIZE_MAX,
                                 .charged_yes = SIZE_MAX,
                                 .charged_maybe = SIZE_MAX,
                                 .waiting_for = ERR_UPSTREAM_INVALID_RESPONSE,
                                 .elapsed_ms = INT64_MAX,
                                 .expected_ms = INT64_MAX,
                                 .timing = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX}};
    struct buf autobuf out = BUF_INIT(BULK_PROGRESS_MAX);

    memset(most.id, 'f', ID_LEN);
    bulk_progress_write(&most, &out);
    ck_assert_int_eq(buf_check(&out), ERR_OK);
}

TEST(bulk_document_has_commas_between_its_results)
{
    autofree char *text = written(FORMAT_JSON);

    ck_assert_ptr_eq(
        strstr(text, "{\"id\":\"0123456789abcdef0123456789abcdef\",\"state\":\"ended\",\"total\":2,"
                     "\"unique\":2,\"ok\":0,\"failed\":2,\"charged\":{\"yes\":3,\"maybe\":1},"
                     "\"started_at\":\"2025-11-30T07:00:00Z\","
                     "\"ended_at\":\"2025-11-30T07:01:01Z\",\"results\":[\n{\"index\":1,"),
        text);
    ck_assert_ptr_nonnull(strstr(text, "}\n,{\"index\":0,"));
    ck_assert_str_eq(text + strlen(text) - 5, "}\n]}\n");
}

TEST(bulk_lines_have_nothing_around_them)
{
    autofree char *text = written(FORMAT_NDJSON);

    ck_assert_ptr_eq(strstr(text, "{\"index\":1,"), text);
    ck_assert_ptr_nonnull(strstr(text, "}\n{\"index\":0,"));
    ck_assert_str_eq(text + strlen(text) - 2, "}\n");
}

TEST(bulk_table_has_one_header_row)
{
    autofree char *text = written(FORMAT_CSV);

    ck_assert_ptr_eq(strstr(text, "index,input,"), text);
    ck_assert_ptr_nonnull(strstr(text, "\r\n1,a,"));
    ck_assert_ptr_nonnull(strstr(text, "\r\n0,b.com,"));
}

TEST(bulk_text_has_addresses_only)
{
    autofree char *text = written(FORMAT_TEXT);

    ck_assert_str_eq(text, "");
}

/* An entry that is open at the end of the wait has no result yet. */
TEST(bulk_events_count_from_what_the_client_has)
{
    autofree char *text = written(FORMAT_SSE);

    ck_assert_ptr_eq(strstr(text, "retry: 3000\n"), text);
    ck_assert_ptr_nonnull(strstr(text, "event: progress\ndata: {\"id\""));
    ck_assert_ptr_nonnull(strstr(text, "id: 1764486000000-8\nevent: result\ndata: {\"index\":1,"));
    ck_assert_ptr_nonnull(strstr(text, "\n\nevent: result\ndata: {\"index\":0,"));
    ck_assert_ptr_nonnull(strstr(text, "id: end\nevent: end\ndata: {\"id\""));
}

TEST(bulk_body_has_a_heartbeat_if_its_readers_skip_one)
{
    ck_assert_str_eq(bulk_body_heartbeat(FORMAT_NDJSON), "\n");
    ck_assert_str_eq(bulk_body_heartbeat(FORMAT_JSON), "\n");
    ck_assert_int_eq(*bulk_body_heartbeat(FORMAT_SSE), ':');
    ck_assert_ptr_null(bulk_body_heartbeat(FORMAT_CSV));
    ck_assert_ptr_null(bulk_body_heartbeat(FORMAT_TEXT));
}

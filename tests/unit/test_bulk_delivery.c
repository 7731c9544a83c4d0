/* SPDX-License-Identifier: MIT */
/* test_bulk_delivery.c - tests how the results of a list are pulled: no faster than the client
 * reads, and to the end if it leaves; and when its progress is reported. */
#include "bulk_request.h"

#include "tests/support/suite.h"
#include <stdio.h>

FIXTURE(set_up, tear_down);

/* ---- a stream ---- */

TEST(stream_pulls_only_what_its_client_reads)
{
    open_bulk(30, NULL, NULL);
    return_opened(30);
    ck_assert_int_eq(fake.status, 200);
    ck_assert_int_eq(posted_pull()->order, BULK_AS_ENDED);
    ck_assert_int_eq(posted_pull()->until_ms, INT64_MAX);
    return_results(10, false);
    ck_assert_uint_eq(posted_pull()->after, 10);
    fake.stream.unsent = 64 << 10;
    return_results(0, false);
    ck_assert_ptr_null(fake.posted);
    fake.stream.unsent = 0;
    fake.owner->drained(&fake.stream);
    ck_assert_uint_eq(posted_pull()->after, 10);
    fake.owner->drained(&fake.stream); /* a second pull would be one too many */
    return_results(20, true);
    ck_assert(fake.stream.is_ended);
    close_stream(true);
    ck_assert_ptr_eq(fake.closed, reader);
}

TEST(stream_writes_a_pull_no_faster_than_its_client_reads)
{
    open_bulk(30, NULL, NULL);
    return_opened(30);
    fake.stream.unsent = 64 << 10; /* not taken yet: the head of the body */
    return_results(10, false);
    ck_assert_uint_eq(fake.stream.body.len, 0);
    fake.stream.unsent = 0;
    fake.owner->drained(&fake.stream);
    ck_assert_uint_gt(fake.stream.body.len, 0);
    ck_assert_uint_eq(posted_pull()->after, 10);
    return_results(20, true);
    ck_assert(fake.stream.is_ended);
    close_stream(true);
}

TEST(stream_whose_client_leaves_ends_with_its_pull)
{
    open_bulk(30, NULL, NULL);
    return_opened(30);
    close_stream(false);
    ck_assert_ptr_eq(fake.closed, reader);
    ck_assert_int_eq(fake.n_held, 1);
    return_results(3, false);
}

TEST(stream_with_a_wait_closes_what_is_open)
{
    open_bulk(30, "wait", "5");
    return_opened(30);
    ck_assert(posted_pull()->closes_open);
    ck_assert_int_eq(posted_pull()->until_ms, fake.clock.now_ms + 5000);
    return_results(30, true);
    close_stream(true);
}

static size_t count_progress(void)
{
    size_t n = 0;

    for (const char *at = buf_str(&fake.stream.body); (at = strstr(at, "event: progress")); at++)
        n++;
    return n;
}

TEST(events_report_progress_at_most_once_a_second)
{
    open_bulk(30, "format", "sse");
    return_opened(30);
    ck_assert(posted_pull()->wants_progress);
    ck_assert_int_eq(posted_pull()->until_ms, fake.clock.now_ms + 5000);
    return_results(1, false);
    ck_assert_uint_eq(count_progress(), 1);
    clock_advance(&fake.clock, 1000);
    return_results(1, false);
    ck_assert_uint_eq(count_progress(), 2);
    ck_assert_int_eq(posted_pull()->until_ms, fake.clock.now_ms + 5000);
    return_results(0, true);
    close_stream(true);
}

TEST(events_report_a_change_that_came_too_soon_when_its_second_is_over)
{
    open_bulk(30, "format", "sse");
    return_opened(30);
    clock_advance(&fake.clock, 400);
    return_results(1, false);
    ck_assert_int_eq(posted_pull()->until_ms, fake.clock.now_ms + 600);
    ck_assert(!posted_pull()->closes_open);
    clock_advance(&fake.clock, 600);
    return_late();
    ck_assert_uint_eq(count_progress(), 2);
    ck_assert_int_eq(posted_pull()->until_ms, fake.clock.now_ms + 5000);
    return_results(0, true);
    close_stream(true);
}

TEST(events_do_not_repeat_progress_when_the_client_has_read)
{
    open_bulk(30, "format", "sse");
    return_opened(30);
    clock_advance(&fake.clock, 1000);
    fake.stream.unsent = 64 << 10;
    return_results(0, false);
    ck_assert_uint_eq(count_progress(), 2);
    clock_advance(&fake.clock, 1000);
    fake.stream.unsent = 0;
    fake.owner->drained(&fake.stream);
    ck_assert_uint_eq(count_progress(), 2);
    return_results(0, true);
    close_stream(true);
}

/* ---- a stream that continues ---- */

static const struct {
    const char *id;
    int64_t run;
    size_t after, returned; /* to the engine, and by it */
    const char *next_id;
} continued[] = {
    {"77-2", 77, 2, 2, "id: 77-3\n"}, {"76-2", 76, 2, 0, "id: 77-1\n"},
    {"2", 0, 2, 2, "id: 77-3\n"},     {"77-9", 77, 9, 0, "id: 77-1\n"},
    {"x", 0, 0, 0, "id: 77-1\n"},
};

LOOP_TEST(stream_of_events_continues_where_the_engine_says, continued)
{
    fake.request.last_event_id = continued[_i].id;
    open_bulk(30, "format", "sse");
    ck_assert_int_eq(posted_open()->run, continued[_i].run);
    ck_assert_uint_eq(posted_open()->after, continued[_i].after);
    posted_open()->after = continued[_i].returned;
    return_opened(30);
    ck_assert_uint_eq(posted_pull()->after, continued[_i].returned);
    return_results(1, true);
    ck_assert_ptr_nonnull(strstr(buf_str(&fake.stream.body), continued[_i].next_id));
    close_stream(true);
}

TEST(stream_of_lines_has_no_place_to_continue_from)
{
    fake.request.last_event_id = "77-2";
    open_bulk(30, NULL, NULL);
    ck_assert_int_eq(posted_open()->run, 0);
    ck_assert_uint_eq(posted_open()->after, 0);
    return_opened(30);
    return_results(30, true);
    close_stream(true);
}

/* ---- a document ---- */

TEST(document_waits_with_one_pull_for_the_end)
{
    open_bulk(30, "format", "json");
    return_opened(30);
    ck_assert_int_eq(fake.status, 0);
    ck_assert_int_eq(posted_pull()->order, BULK_AS_LISTED);
    ck_assert_int_eq(posted_pull()->until_ms, fake.clock.now_ms + 90000);
    ck_assert(posted_pull()->promises);
    return_results(10, false);
    ck_assert_int_eq(fake.status, 200);
    ck_assert_int_eq(posted_pull()->until_ms, INT64_MAX);
    return_results(20, true);
    close_stream(true);
}

TEST(document_is_promised_when_its_wait_is_over)
{
    open_bulk(30, "format", "json");
    return_opened(30);
    return_late();
    ck_assert_int_eq(fake.status, 504);
    ck_assert_ptr_eq(fake.closed, reader);
}

TEST(document_that_has_ended_is_no_late_one)
{
    open_bulk(30, "format", "json");
    return_opened(30);
    posted_pull()->is_late = true;
    return_results(30, true);
    ck_assert_int_eq(fake.status, 200);
    close_stream(true);
}

TEST(document_of_a_client_that_leaves_ends_with_its_pull)
{
    open_bulk(30, "format", "json");
    return_opened(30);
    fake.abandoned(&fake.request);
    ck_assert_ptr_eq(fake.closed, reader);
    return_call();
}

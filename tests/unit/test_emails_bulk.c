/* SPDX-License-Identifier: MIT */
/* test_emails_bulk.c - tests how a list is read in portions, what is checked before anything is
 * paid for, and what its client gets if the engine does not keep up. */
#include "bulk_request.h"

#include "tests/support/suite.h"
#include <stdio.h>

#define PORTION 256

FIXTURE(set_up, tear_down);

/* ---- reading the list ---- */

TEST(list_is_read_in_portions)
{
    autofree char *body = domains(4 * PORTION);

    fake.request.body = body;
    emails_post(&fake.request);
    ck_assert(fake.is_parked);
    ck_assert_ptr_null(fake.posted);
    ck_assert_int_eq(run_iterations(), 5);
    ck_assert_uint_eq(posted_open()->list->n, 4 * PORTION);
    ck_assert_str_eq(posted_open()->list->entries[PORTION].input, "company256.com");
    return_opened(4 * PORTION);
    return_results(0, true);
    close_stream(true);
}

TEST(list_of_a_client_that_leaves_is_dropped)
{
    autofree char *body = domains(2 * PORTION);

    fake.request.body = body;
    emails_post(&fake.request);
    inbox_run_all(fake.inbox);
    fake.abandoned(&fake.request);
    ck_assert_int_ne(fake.status, 0);
    fake.request.body = NULL; /* it ends with the request */
    ck_assert_int_eq(fake.n_held, 1);
    inbox_run_all(fake.inbox);
    ck_assert_ptr_null(fake.posted);
}

TEST(list_with_too_many_entries_is_rejected)
{
    autofree char *body = domains(PORTION + 1);

    fake.service.bulk_entries = PORTION;
    fake.request.body = body;
    emails_post(&fake.request);
    ck_assert_int_eq(run_iterations(), 2);
    ck_assert_int_eq(fake.status, 413);
}

TEST(list_without_entries_is_rejected)
{
    fake.request.body = "\n#\n";
    emails_post(&fake.request);
    run_iterations();
    ck_assert_int_eq(fake.status, 400);
}

TEST(list_takes_the_account_and_its_limits)
{
    fake.client.quota = 5;
    fake.client.weight = 3;
    fake.client.cached_only = true;
    open_bulk(1, "max_credits", "7");
    const struct bulk_list *list = posted_open()->list;
    ck_assert_str_eq(list->account, "account");
    ck_assert_int_eq(list->quota, 5);
    ck_assert_int_eq(list->weight, 3);
    ck_assert_int_eq(list->max_credits, 7);
    ck_assert(list->directives.only_cached);
    ck_assert_int_eq(list->not_cached, ERR_NOT_CACHED);
    return_opened(1);
    return_results(1, true);
    close_stream(true);
}

/* ---- before anything is paid for ---- */

static const struct {
    const char *format;
    int n_slots;
} slots[] = {{"json", 0}, {"csv", 0}, {"text", 0}, {"ndjson", 1}, {"sse", 1}};

/* A document is finite, and was paid for when it begins. */
LOOP_TEST(list_has_a_slot_for_its_stream_before_it_is_opened, slots)
{
    open_bulk(30, "format", slots[_i].format);
    ck_assert_int_eq(fake.n_reserved, slots[_i].n_slots);
    return_opened(30);
    return_results(30, true);
    ck_assert_int_eq(fake.status, 200);
    ck_assert_int_eq(fake.n_reserved, slots[_i].n_slots);
    close_stream(true);
}

TEST(list_beyond_the_limit_on_streams_is_not_opened)
{
    autofree char *body = domains(30);

    fake.has_no_slot = true;
    fake.request.body = body;
    emails_post(&fake.request);
    ck_assert_int_eq(fake.status, 503);
    ck_assert(!fake.is_parked);
    inbox_run_all(fake.inbox);
    ck_assert_ptr_null(fake.posted);
}

/* Its line in the access log is about money, although nothing is charged yet. */
TEST(list_that_may_spend_is_logged_as_one_that_started_lookups)
{
    fake.request.prefer = "respond-async";
    open_bulk(30, "format", "json");
    return_opened(30);
    return_late();
    ck_assert_int_eq(fake.status, 202);
    ck_assert(fake.has_started_lookup);
}

TEST(list_for_stored_results_is_not_logged_as_one_that_started_lookups)
{
    open_bulk(30, "cached", "1");
    return_opened(30);
    return_results(30, true);
    close_stream(true);
    ck_assert(!fake.has_started_lookup);
}

/* ---- an engine that hangs ---- */

static const char *const formats[] = {"json", "csv", "ndjson", "sse"};

static const char *const streams[] = {"ndjson", "sse"};

LOOP_TEST(request_is_answered_late_and_its_bulk_promised, formats)
{
    fake.request.prefer = "wait=5";
    open_bulk(30, "format", formats[_i]);
    ck_assert_int_eq(fake.late_ms, fake.clock.now_ms + 6000);
    clock_advance(&fake.clock, 6000);
    fake.late(&fake.request);
    ck_assert_int_eq(fake.status, 504);
    return_opened(30);
    ck_assert(posted_pull()->promises || posted_pull()->closes_open);
    ck_assert_int_lt(posted_pull()->until_ms, fake.clock.now_ms);
    ck_assert_ptr_null(fake.closed);
    return_late();
    ck_assert_ptr_eq(fake.closed, reader);
}

/* However long the stream may last: without a head, the client cannot know that the server lives.
 */
LOOP_TEST(stream_that_cannot_begin_within_the_default_wait_is_answered_late, streams)
{
    fake.limits.wait_ms = 3000;
    open_bulk(30, "format", streams[_i]);
    ck_assert_int_eq(fake.late_ms, fake.clock.now_ms + 4000);
    clock_advance(&fake.clock, 4000);
    fake.late(&fake.request);
    ck_assert_int_eq(fake.status, 504);
    ck_assert(fake.has_started_lookup);
    return_opened(30);
    ck_assert(posted_pull()->closes_open);
    ck_assert_int_le(posted_pull()->until_ms, fake.clock.now_ms);
    return_results(10, false);
    ck_assert_ptr_eq(fake.closed, reader);
}

TEST(stream_breaks_off_if_the_engine_hangs_at_its_deadline)
{
    open_bulk(30, "wait", "5");
    return_opened(30);
    clock_advance(&fake.clock, 6000);
    return_results(10, false);
    fake.stream.late(&fake.stream); /* the engine has just been called again */
    ck_assert(!fake.stream.is_aborted);
    ck_assert_int_eq(fake.stream.late_ms, fake.clock.now_ms + 1000);
    clock_advance(&fake.clock, 1000);
    fake.stream.late(&fake.stream);
    ck_assert(fake.stream.is_aborted);
    close_stream(false);
    return_results(0, true);
}

TEST(bulk_that_cannot_be_opened_is_answered_with_the_reason)
{
    open_bulk(30, NULL, NULL);
    bulk_list_free(TAKE(posted_open()->list));
    posted_open()->err = ERR_OVERLOADED;
    return_call();
    ck_assert_int_eq(fake.status, 503);
}

/* SPDX-License-Identifier: MIT */
/* test_batch.c - tests how batches are formed, and what the result of a submit means for their
 * tasks. */
#include "flow.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

TEST(batch_of_250_questions_takes_three_submits)
{
    flow_request_companies(0, 250);
    flow_advance(120000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 3);
    ck_assert_uint_eq(fake_upstream_largest_batch(flow.upstream), 100);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 250);
    for (size_t i = 0; i < flow.n_callers; i++) {
        char own[48];
        snprintf(own, sizeof own, "info@company%zu.com", i);
        ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
        ck_assert_ptr_nonnull(strstr(flow.callers[i]->body, own));
    }
}

TEST(batch_full_is_submitted_without_lingering)
{
    flow_request_companies(0, 100);
    flow_settle();
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
}

TEST(batch_takes_all_questions_within_the_linger)
{
    flow_request_companies(0, 1);
    flow_advance(99);
    flow_request_companies(1, 1);
    flow_settle();
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 0);
    flow_advance(1);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    flow_advance(60000);
    ck_assert_uint_eq(fake_upstream_largest_batch(flow.upstream), 2);
}

TEST(batch_without_a_free_slot_keeps_filling)
{
    for (int i = 0; i < 4; i++) {
        flow_request_companies(i, 1);
        flow_advance(200);
    }
    for (int i = 4; i < 10; i++) {
        flow_request_companies(i, 1);
        flow_advance(1000);
    }
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 4);
    flow_advance(60000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 5);
    ck_assert_uint_eq(fake_upstream_largest_batch(flow.upstream), 6);
}

TEST(submit_uses_a_connection_of_its_own)
{
    flow_request_companies(0, 201);
    flow_advance(60000);
    ck_assert(fake_upstream_submits_were_only_once(flow.upstream));
}

TEST(submit_not_sent_is_retried)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    const struct fake_fault refused = {.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT};

    fake_upstream_fault(flow.upstream, refused);
    fake_upstream_fault(flow.upstream, refused);
    flow_advance(60000);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 3);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(submit_to_unreachable_upstream_fails_after_three_tries)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    for (int i = 0; i < 3; i++)
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT});
    flow_advance(10000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_ERROR);
    ck_assert_int_eq(caller->charged, CHARGED_NO);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

/* The result of a submit, as its caller receives it, and the number of submits within two
 * minutes. */
static const struct end_row {
    const char *what;
    struct fake_fault fault;
    enum err err;
    enum charged charged;
    size_t submits;
} ends[] = {
    {"U3 closed without a response",
     {.end = TRANSPORT_BROKEN, .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U2 timed out",
     {.end = TRANSPORT_TIMEOUT, .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U32 an endless body",
     {.end = TRANSPORT_TOO_BIG, .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U14 not JSON",
     {.status = 200, .body = "<html>", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U15 no batch id",
     {.status = 200, .body = "{\"batch_id\":null}", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U16 a batch id with a line break",
     {.status = 200, .body = "{\"batch_id\":\"a\\nb\"}", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U20 400",
     {.status = 400, .body = "{\"detail\":\"Domain is required\"}"},
     ERR_UPSTREAM_REJECTED,
     CHARGED_NO,
     1},
    {"U21 401", {.status = 401, .body = "{\"detail\":\"no\"}"}, ERR_UPSTREAM_AUTH, CHARGED_NO, 1},
    {"U22 402",
     {.status = 402, .body = "{\"detail\":\"no\"}"},
     ERR_CREDITS_EXHAUSTED,
     CHARGED_NO,
     1},
    {"U23 403", {.status = 403, .body = "{\"detail\":\"no\"}"}, ERR_UPSTREAM_BANNED, CHARGED_NO, 1},
    {"U23 403 of a CDN", {.status = 403, .body = "<html>"}, ERR_UPSTREAM_ERROR, CHARGED_NO, 1},
    {"U24 404",
     {.status = 404, .body = "{\"detail\":\"no\"}", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U25 429", {.status = 429, .body = "{}"}, ERR_OK, CHARGED_YES, 2},
    {"U25 429 with a short wait",
     {.status = 429, .body = "{}", .retry_after_s = 20},
     ERR_OK,
     CHARGED_YES,
     2},
    {"U25 429 with a long wait",
     {.status = 429, .body = "{}", .retry_after_s = 600},
     ERR_UPSTREAM_ERROR,
     CHARGED_NO,
     1},
    {"U25 408",
     {.status = 408, .body = "{}", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U26 500",
     {.status = 500, .body = "{}", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U27 502",
     {.status = 502, .body = "<html>", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U27 503",
     {.status = 503, .body = "<html>", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U27 503 with Retry-After",
     {.status = 503, .body = "", .retry_after_s = 2, .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U28 302",
     {.status = 302, .body = "", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
};

LOOP_TEST(submit_result_decides_error_charge_and_retry, ends)
{
    const struct end_row *row = &ends[_i];
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fake_upstream_fault(flow.upstream, row->fault);
    flow_advance(120000);
    ck_assert_msg(caller->err == row->err, "%s: %s", row->what, err_words(caller->err));
    if (row->err)
        ck_assert_msg(caller->charged == row->charged, "%s: charged", row->what);
    ck_assert_msg(fake_upstream_calls(flow.upstream, FAKE_SUBMIT) == row->submits,
                  "%s: %zu submits", row->what, fake_upstream_calls(flow.upstream, FAKE_SUBMIT));
    ck_assert_msg(fake_upstream_ledger(flow.upstream) <= 1, "%s: paid twice", row->what);
}

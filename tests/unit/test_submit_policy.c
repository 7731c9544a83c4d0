/* SPDX-License-Identifier: MIT */
/* test_submit_policy.c - tests the decision after a submit, row by row. */
#include "base/mem.h"
#include "lookup/batching/submit_policy.h"

#include "tests/support/suite.h"

static const struct {
    const char *what;
    struct openmart_reply reply;
    struct submit_past past;
    enum submit_next next;
} rows[] = {
    {"taken", {.verdict = VERDICT_DONE, .retry_after_s = -1}, {100, 1, false}, SUBMIT_COLLECT},
    {"a hundred rejected with 400",
     {.verdict = VERDICT_REFUSED, .err = ERR_UPSTREAM_REJECTED, .retry_after_s = -1},
     {100, 1, false},
     SUBMIT_SPLIT},
    {"two rejected with 400",
     {.verdict = VERDICT_REFUSED, .err = ERR_UPSTREAM_REJECTED, .retry_after_s = -1},
     {2, 3, false},
     SUBMIT_SPLIT},
    {"one rejected with 400",
     {.verdict = VERDICT_REFUSED, .err = ERR_UPSTREAM_REJECTED, .retry_after_s = -1},
     {1, 1, false},
     SUBMIT_END},
    {"rejected with 401 is not split",
     {.verdict = VERDICT_REFUSED, .err = ERR_UPSTREAM_AUTH, .retry_after_s = -1},
     {100, 1, true},
     SUBMIT_END},
    {"never left, first try",
     {.verdict = VERDICT_RETRYABLE, .err = ERR_UPSTREAM_ERROR, .retry_after_s = -1},
     {1, 1, false},
     SUBMIT_RETRY},
    {"never left, last try",
     {.verdict = VERDICT_RETRYABLE, .err = ERR_UPSTREAM_ERROR, .retry_after_s = -1},
     {1, SUBMIT_TRIES, false},
     SUBMIT_END},
    {"a short Retry-After",
     {.verdict = VERDICT_RETRYABLE,
      .err = ERR_UPSTREAM_ERROR,
      .retry_after_s = SUBMIT_RETRY_AFTER_S},
     {1, 1, false},
     SUBMIT_RETRY},
    {"a long Retry-After",
     {.verdict = VERDICT_RETRYABLE,
      .err = ERR_UPSTREAM_ERROR,
      .retry_after_s = SUBMIT_RETRY_AFTER_S + 1},
     {1, 1, false},
     SUBMIT_END},
    {"429, whatever it asks to wait",
     {.verdict = VERDICT_RETRYABLE,
      .err = ERR_UPSTREAM_ERROR,
      .status = 429,
      .retry_after_s = SUBMIT_RETRY_AFTER_S + 1},
     {1, SUBMIT_TRIES, false},
     SUBMIT_WAIT},
    {"402 waits for the balance",
     {.verdict = VERDICT_REFUSED, .err = ERR_CREDITS_EXHAUSTED, .status = 402, .retry_after_s = -1},
     {100, 1, true},
     SUBMIT_UNPAID},
    {"unknown", {.verdict = VERDICT_UNKNOWN, .retry_after_s = -1}, {1, 1, false}, SUBMIT_END},
    {"unknown, with leave to risk it once",
     {.verdict = VERDICT_UNKNOWN, .retry_after_s = -1},
     {1, 1, true},
     SUBMIT_RISK},
    {"unknown, with leave to risk it, but a long Retry-After",
     {.verdict = VERDICT_UNKNOWN, .retry_after_s = SUBMIT_RETRY_AFTER_S + 1},
     {1, 1, true},
     SUBMIT_END},
};

LOOP_TEST(policy_decision_follows_the_result_of_the_submit, rows)
{
    ck_assert_msg(submit_next(&rows[_i].reply, &rows[_i].past) == rows[_i].next, "%s",
                  rows[_i].what);
}

TEST(policy_back_off_grows_and_has_jitter)
{
    const struct openmart_reply reply = {.retry_after_s = -1};

    for (int round = 0; round < 1000; round++)
        for (int tries = 1; tries <= SUBMIT_TRIES; tries++) {
            int64_t wait_ms = submit_wait_ms(&reply, tries), least_ms = 1000 << (tries - 1);
            ck_assert_int_ge(wait_ms, least_ms);
            ck_assert_int_lt(wait_ms, least_ms + least_ms / 4);
        }
}

TEST(policy_back_off_is_at_least_retry_after)
{
    const struct openmart_reply reply = {.retry_after_s = 17};

    ck_assert_int_eq(submit_wait_ms(&reply, 1), 17000);
}

/* SPDX-License-Identifier: MIT */
/* test_cooldowns.c - tests that the cooldown of a question outlives what becomes known of an older
 * lookup of it: each of them may have been paid for. */
#include "notify_flow.h"

#include "tests/support/suite.h"

/* Loses the submit of errored1.com, which has created the task. */
static struct caller *lose_again(void)
{
    lose_next_submit();
    struct caller *caller = flow_request("errored1.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    return caller;
}

/* The upstream notifies late: its question has been asked again since, and that outcome is unknown
 * too. The first task has failed, which would allow the next lookup after a minute. Notified of is
 * the task, or the batch, which is resumed then. */
RANGE_TEST(task_that_is_found_late_keeps_the_cooldown_of_a_later_one, 0, 2)
{
    char first_token[64], first_id[128];

    flow_start(options());
    lose_again();
    snprintf(first_token, sizeof first_token, "%s", token());
    snprintf(first_id, sizeof first_id, "%s",
             _i == 0 ? task_id("errored1.com") : batch_id("errored1.com"));
    flow_advance(flow.options.results.unknown_hold_ms);
    lose_again();
    int64_t hold_ends_ms = flow_now_ms() + flow.options.results.unknown_hold_ms - MINUTE_MS;
    notify(first_token, "%s", first_id);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    ck_assert_uint_eq(stored().tasks[STORE_FAILED], 1);
    while (flow_now_ms() < hold_ends_ms) {
        flow_request("errored1.com", 0);
        flow_advance(MINUTE_MS);
        ck_assert_uint_eq(submits(), 2);
    }
    flow_advance(MINUTE_MS);
    struct caller *later = flow_request("errored1.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_LOOKUP_FAILED);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
}

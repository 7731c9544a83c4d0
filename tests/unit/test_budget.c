/* SPDX-License-Identifier: MIT */
/* test_budget.c - tests the edge cases of a day's account. flow/test_money.c tests its purpose. */
#include "base/log.h"
#include "base/mem.h"
#include "lookup/money/budget.h"
#include "store/driver.h"

#include "tests/support/suite.h"
#include <stdio.h>

#define DAY_MS INT64_C(86400000)
#define MANY   100010 /* ten more than the maximum of accounts */

static const struct account_ref ann = {"ann", ACCOUNT_NO_QUOTA, 1};
static struct clock clock;
static struct budget *budget;

static void setup(void)
{
    log_set_level(LOG_ERROR);
    clock = clock_fake(20000 * DAY_MS + 1);
    budget = budget_new(0, &clock);
}

static void teardown(void)
{
    budget_free(budget);
}

FIXTURE(setup, teardown);

static struct credit reserve(const struct account_ref *payer)
{
    struct credit credit = {0};
    int retry_after_s = -1;

    ck_assert_int_eq(budget_reserve(budget, payer, &credit, &retry_after_s), ERR_OK);
    return credit;
}

TEST(budget_refunded_credit_is_available_again)
{
    struct credit credit = reserve(&ann);

    budget_stamp(budget, &credit);
    budget_refund(budget, &credit);
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 0);
    ck_assert_int_eq(budget_state(budget).spent, 0);
}

TEST(budget_credit_is_committed_or_refunded_once)
{
    struct credit spent = reserve(&ann), back = reserve(&ann);

    budget_commit(budget, &spent);
    budget_refund(budget, &spent);
    budget_refund(budget, &back);
    budget_refund(budget, &back);
    budget_commit(budget, &back);
    ck_assert_int_eq(budget_state(budget).spent, 1);
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 1);
}

TEST(budget_new_day_starts_with_pending_credits)
{
    struct credit spent = reserve(&ann), queued = reserve(&ann), out = reserve(&ann);

    budget_stamp(budget, &spent);
    budget_commit(budget, &spent);
    budget_stamp(budget, &out);
    clock.wall_ms += DAY_MS;
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 2);
    budget_stamp(budget, &queued);
    ck_assert_int_eq(queued.day, 20001);
    budget_commit(budget, &queued);
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 2);
    budget_commit(budget, &out); /* it was sent yesterday */
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 1);
    ck_assert_int_eq(budget_state(budget).spent, 1);
}

TEST(budget_refund_after_midnight_is_counted_on_no_day)
{
    struct credit queued = reserve(&ann), out = reserve(&ann);

    budget_stamp(budget, &out);
    clock.wall_ms += DAY_MS;
    budget_refund(budget, &queued);
    budget_refund(budget, &out);
    ck_assert_int_eq(budget_state(budget).spent, 0);
    clock.wall_ms += DAY_MS;
    ck_assert_int_eq(budget_state(budget).spent, 0);
}

TEST(budget_exhausted_returns_the_start_of_the_next_day)
{
    struct credit credit;
    int retry_after_s;

    budget_set_limit(budget, 1);
    reserve(&ann);
    ck_assert_int_eq(budget_reserve(budget, &ann, &credit, &retry_after_s), ERR_CREDITS_EXHAUSTED);
    ck_assert_int_eq(retry_after_s, 86400);
    clock.wall_ms += DAY_MS - 2; /* the last millisecond of the day */
    ck_assert_int_eq(budget_reserve(budget, &ann, &credit, &retry_after_s), ERR_CREDITS_EXHAUSTED);
    ck_assert_int_eq(retry_after_s, 1);
}

TEST(budget_quota_reached_advises_no_retry)
{
    const struct account_ref none = {"none", 0, 1};
    struct credit credit;
    int retry_after_s = -1;

    ck_assert_int_eq(budget_reserve(budget, &none, &credit, &retry_after_s), ERR_QUOTA_EXCEEDED);
    ck_assert_int_eq(retry_after_s, 0);
}

TEST(budget_unlimited_clients_share_an_account_and_count)
{
    char name[24];
    struct credit last = {0};

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "client-%d", i);
        last = reserve(&(struct account_ref){name, ACCOUNT_NO_QUOTA, 1});
    }
    ck_assert_int_eq(budget_state(budget).spent, MANY);
    ck_assert_int_eq(budget_spent_by(budget, "client-0"), 1);
    budget_refund(budget, &last);
    ck_assert_int_eq(budget_state(budget).spent, MANY - 1);
}

/* ---- credits that another process refunded ---- */

TEST(budget_refund_by_another_process_gives_back_a_credit_of_today)
{
    struct credit spent = reserve(&ann);

    budget_commit(budget, &spent);
    budget_note_refund(budget,
                       &(struct store_not_taken){.number = 1, .client = "ann", .day = 20000});
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 0);
    ck_assert_int_eq(budget_state(budget).spent, 0);
}

TEST(budget_refund_by_another_process_counts_once)
{
    const struct store_not_taken first = {.number = 7, .client = "ann", .day = 20000};
    struct credit spent[2] = {reserve(&ann), reserve(&ann)};

    for (int i = 0; i < 2; i++)
        budget_commit(budget, &spent[i]);
    for (int i = 0; i < 2; i++)
        budget_note_refund(budget, &first);
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 1);
}

/* ---- the accounts of the start ---- */

static enum err last_day(struct store *store, int64_t *ret_day)
{
    (void)store;
    *ret_day = 20000;
    return ERR_OK;
}

static enum err two_credits(struct store *store, int64_t day, store_account_fn *each, void *arg,
                            int64_t *ret_not_taken)
{
    (void)store;
    ck_assert_int_eq(day, 20000);
    each(arg, "ann", 2);
    *ret_not_taken = 7;
    return ERR_OK;
}

/* `emailsd resolve --not-taken` may run while the daemon starts. */
TEST(budget_refund_that_the_accounts_contain_is_not_counted_again)
{
    static const struct store_driver driver = {.last_day = last_day, .accounts = two_credits};
    struct store store = {&driver};

    ck_assert_int_eq(budget_load(budget, &store), ERR_OK);
    budget_note_refund(budget,
                       &(struct store_not_taken){.number = 7, .client = "ann", .day = 20000});
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 2);
    budget_note_refund(budget,
                       &(struct store_not_taken){.number = 8, .client = "ann", .day = 20000});
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 1);
}

/* Of a client without an account, of the day before, and when every credit is still pending. */
static const struct {
    const char *client;
    int64_t day;
    bool is_pending;
} not_refunded[] = {{"bob", 20000, false}, {"ann", 19999, false}, {"ann", 20000, true}};

LOOP_TEST(budget_refund_by_another_process_is_only_of_credits_counted_as_spent, not_refunded)
{
    struct credit credit = reserve(&ann);

    if (!not_refunded[_i].is_pending)
        budget_commit(budget, &credit);
    budget_note_refund(budget, &(struct store_not_taken){.number = 1,
                                                         .client = not_refunded[_i].client,
                                                         .day = not_refunded[_i].day});
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 1);
    ck_assert_int_eq(budget_state(budget).spent, 1);
}

static enum err fail_to_read(struct store *store, int64_t *ret_day)
{
    (void)store;
    (void)ret_day;
    return ERR_STORAGE_UNAVAILABLE;
}

TEST(budget_unreadable_account_is_not_treated_as_empty)
{
    static const struct store_driver driver = {.last_day = fail_to_read};
    struct store store = {&driver};

    reserve(&ann);
    ck_assert_int_eq(budget_load(budget, &store), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(budget_spent_by(budget, "ann"), 1);
}

/* Ann's remaining quota after 2 paid lookups of hers and 3 of Bob's. */
static const struct {
    int64_t all, quota; /* limits */
    bool is_limited;
    int64_t remaining;
} rests[] = {
    {0, ACCOUNT_NO_QUOTA, false, 0},
    {9, ACCOUNT_NO_QUOTA, true, 4},
    {4, ACCOUNT_NO_QUOTA, true, 0},
    {0, 5, true, 3}, /* the client's own quota */
    {9, 5, true, 3}, /* the client's own quota is smaller than the common rest */
    {6, 5, true, 1}, /* larger */
    {9, 2, true, 0}, /* the client's quota is exhausted */
    {5, 5, true, 0}, /* the daily budget is exhausted */
    {3, 1, true, 0}, /* both were lowered since */
};

LOOP_TEST(budget_remaining_is_the_smaller_of_own_and_common, rests)
{
    const struct account_ref bob = {"bob", ACCOUNT_NO_QUOTA, 1},
                             limited = {"ann", rests[_i].quota, 1};

    for (int i = 0; i < 5; i++)
        reserve(i < 2 ? &ann : &bob);
    budget_set_limit(budget, rests[_i].all);
    const struct budget_account account = budget_account(budget, &limited);
    ck_assert_int_eq(account.spent, 2);
    ck_assert_int_eq(account.is_limited, rests[_i].is_limited);
    ck_assert_int_eq(account.remaining, rests[_i].remaining);
    ck_assert_int_eq(account.day_ends_ms, 20001 * DAY_MS);
}

TEST(budget_free_of_null_is_a_no_op)
{
    budget_free(NULL);
}

/* SPDX-License-Identifier: MIT */
/* test_waiter_limit.c - tests which requests need a waiter slot. The limits themselves are tested
 * with the engine (tests/flow/test_waiters.c). */
#include "lookup/lookup_request.h"
#include "lookup/waiter_limit.h"

#include "tests/support/suite.h"

#define NOW_MS 1000

static struct waiter_limit limit;
static const char *detail;

static void setup(void)
{
    limit = (struct waiter_limit){.max = 1};
}

FIXTURE(setup, NULL);

static struct lookup_request request_until(int64_t wait_until_ms)
{
    return (struct lookup_request){.account = {"client", ACCOUNT_NO_QUOTA, 1},
                                   .wait_until_ms = wait_until_ms};
}

static enum err acquire(struct lookup_request *request)
{
    return waiter_limit_acquire(&limit, request, NOW_MS, &detail);
}

TEST(slot_is_taken_once_and_released)
{
    struct lookup_request request = request_until(NOW_MS + 1), other = request_until(NOW_MS + 1);

    ck_assert_int_eq(acquire(&request), ERR_OK);
    ck_assert_int_eq(acquire(&request), ERR_OK);
    ck_assert_uint_eq(limit.used, 1);
    ck_assert_int_eq(acquire(&other), ERR_OVERLOADED);
    waiter_limit_release(&limit, &request);
    waiter_limit_release(&limit, &request);
    ck_assert_uint_eq(limit.used, 0);
    ck_assert_ptr_null(limit.counts);
}

TEST(slot_is_not_taken_without_a_wait)
{
    struct lookup_request request = request_until(NOW_MS);

    ck_assert_int_eq(acquire(&request), ERR_OK);
    ck_assert_ptr_null(request.slot);
}

TEST(slot_is_not_taken_by_a_request_of_a_list)
{
    struct lookup_request single = request_until(NOW_MS + 1), listed = request_until(NOW_MS + 1);

    listed.is_listed = true;
    listed.max_waiters = 1;
    ck_assert_int_eq(acquire(&single), ERR_OK);
    ck_assert_int_eq(acquire(&listed), ERR_OK);
    ck_assert_ptr_null(listed.slot);
    ck_assert_uint_eq(limit.used, 1);
    waiter_limit_release(&limit, &listed);
    waiter_limit_release(&limit, &single);
    ck_assert_ptr_null(limit.counts);
}

/* SPDX-License-Identifier: MIT */
/* test_listed_reads.c - tests that results of lists are read after those of single lookups, with
 * one read per second. */
#include "listed_flow.h"

static void start_slow_reads(int slots, size_t size)
{
    struct engine_options options = flow_options();

    options.batch.slots = slots;
    options.batch.size = size;
    options.batch.reads_per_second = 1;
    flow_start(options);
}

/* Returns how many of the first `n` callers have an answer. */
static size_t answered(size_t n)
{
    size_t n_answered = 0;

    for (size_t i = 0; i < n; i++)
        n_answered += flow.callers[i]->answers > 0;
    return n_answered;
}

TEST(listed_results_are_read_after_those_of_a_later_single_lookup)
{
    start_slow_reads(4, 20);
    flow_list_companies("list", 0, 60);
    flow_advance(10000);
    struct caller *single = flow_request("single.com", WAIT_MS);
    flow_advance(35000);
    expect_result(single, 100);
    ck_assert_uint_lt(answered(60), 20);
    flow_advance(5 * MINUTE_MS);
    ck_assert_uint_eq(answered(61), 61);
}

TEST(listed_results_that_a_single_request_joins_are_read_next)
{
    start_slow_reads(3, 20);
    flow_list_companies("list", 0, 40);
    flow_advance(32000); /* the results of both batches can be read */
    struct caller *joins = flow_request_as("other", flow_company(39), WAIT_MS);
    for (int s = 0; s < 120 && !joins->answers; s++)
        flow_advance(1000);
    ck_assert_int_eq(joins->err, ERR_OK);
    ck_assert_uint_lt(answered(20), 10);
    flow_advance(5 * MINUTE_MS);
    ck_assert_uint_eq(answered(41), 41);
}

/* Listed tasks fill the batch of the first single lookup in the only slot. */
TEST(listed_results_wait_once_the_single_ones_of_their_batch_are_read)
{
    start_slow_reads(1, 50);
    struct caller *first = flow_request("first.com", WAIT_MS);
    flow_list_companies("list", 0, 49);
    flow_advance(40000);
    ck_assert_uint_eq(submits(), 1);
    ck_assert_int_eq(first->answers, 1);
    ck_assert_int_eq(first->err, ERR_OK);
    struct caller *second = flow_request("second.com", WAIT_MS);
    flow_advance(35000);
    expect_result(second, 100);
    ck_assert_uint_lt(answered(50), 50);
    flow_advance(5 * MINUTE_MS);
    ck_assert_uint_eq(answered(51), 51);
}

/* SPDX-License-Identifier: MIT */
/* test_result_reply.c - tests the headers that tell caches how long a result may be used, and what
 * a response says about the time of a lookup. */
#include "base/clock.h"
#include "base/mem.h"
#include "http/endpoints/result_reply.h"

#include "bare_request.h"
#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

/* ---- freshness ---- */

static const struct {
    int64_t age_ms;
    const char *age;
} ages[] = {
    {0, "0"},
    {1999, "1"},
    {16 * DAY_MS, "1382400"},
    {31 * DAY_MS, "2678400"}, /* expired: a cache sees an age beyond the lifetime */
    {-DAY_MS, "0"},           /* the clock was set back */
};

static const struct result *make_result(int64_t fetched_ms)
{
    static const unsigned char key[HASH_SIZE];
    static const struct result_email email = {"info@milvali.com", "VALID"};

    return result_new_answer(&(struct result_facts){
        .key = key,
        .domain = "milvali.com",
        .company_name = "Milvali",
        .emails = &email,
        .n_emails = 1,
        .fetched_ms = fetched_ms,
        .ttl_found_ms = 30 * DAY_MS,
    });
}

LOOP_TEST(result_lifetime_does_not_shrink_with_its_age, ages)
{
    const int64_t fetched_ms = 1000 * DAY_MS;
    const struct result *result = make_result(fetched_ms);
    struct request request = {.clock = clock_fake(fetched_ms + ages[_i].age_ms)};

    answer_result(&request, result, RESULT_JSON, &(struct answer_notes){0});
    ck_assert_int_eq(request.reply.status, 200);
    ck_assert_str_eq(header_of(&request.reply, "Cache-Control"), "private, max-age=2592000");
    ck_assert_str_eq(header_of(&request.reply, "Age"), ages[_i].age);
    request_done(&request);
    result_unref(result);
}

/* ---- timing ---- */

static const struct lookup_timing timing = {100, 26000, 20300, 900};
static const char server_timing[] =
    "queue;dur=100, submit;dur=26000, upstream;dur=20300, read;dur=900";

TEST(response_that_waited_says_where_the_time_went)
{
    const struct result *result = make_result(DAY_MS);
    const struct problem problem = problem_of(ERR_LOOKUP_FAILED, NULL);
    const struct answer_notes notes = {.timing = &timing};
    struct request found = {.clock = clock_fake(DAY_MS)}, failed = found;

    answer_result(&found, result, RESULT_CSV, &notes);
    ck_assert_str_eq(header_of(&found.reply, "Server-Timing"), server_timing);
    answer_problem(&failed, &problem, &notes);
    ck_assert_int_eq(failed.reply.status, 502);
    ck_assert_str_eq(header_of(&failed.reply, "Server-Timing"), server_timing);
    request_done(&found);
    request_done(&failed);
    result_unref(result);
}

TEST(response_without_a_lookup_has_no_timing)
{
    const struct result *result = make_result(DAY_MS);
    struct request request = {.clock = clock_fake(DAY_MS)};

    answer_result(&request, result, RESULT_JSON, &(struct answer_notes){0});
    ck_assert_ptr_null(header_of(&request.reply, "Server-Timing"));
    request_done(&request);
    result_unref(result);
}

TEST(progress_has_the_timing_of_the_phases_so_far)
{
    const struct progress progress = {"0123", "milvali.com", TASK_PROCESSING,
                                      26412,  47900,         {100, 26000, 312, 0}};
    struct request request = {.clock = clock_fake(DAY_MS)};

    answer_progress(&request, &progress, 22, &(struct answer_notes){0});
    ck_assert_int_eq(request.reply.status, 202);
    ck_assert_str_eq(request.reply.owned_body,
                     "{\"id\":\"0123\",\"domain\":\"milvali.com\",\"phase\":\"processing\","
                     "\"elapsed_s\":26.4,\"expected_s\":48,\"timing\":{\"queue_ms\":100,"
                     "\"submit_ms\":26000,\"upstream_ms\":312}}\n");
    request_done(&request);
}

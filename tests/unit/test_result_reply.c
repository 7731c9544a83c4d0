/* SPDX-License-Identifier: MIT */
/* test_result_reply.c - tests the headers that tell caches how long a result may be used. The test
 * implements the functions of request.h that result_reply.c calls, so no server is needed. */
#include "base/clock.h"
#include "base/mem.h"
#include "http/endpoints/result_reply.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

/* ---- a request without a server ---- */

struct request {
    struct clock clock;
    int status;
    char cache_control[64], age[32];
};

const struct clock *request_clock(const struct request *request)
{
    return &request->clock;
}

const char *request_header(const struct request *request, const char *name)
{
    (void)request;
    (void)name;
    return NULL;
}

const char *request_id(const struct request *request)
{
    (void)request;
    return "id-1";
}

void request_set_outcome(struct request *request, const char *outcome, const char *lookup_id,
                         enum charged charged)
{
    (void)request;
    (void)outcome;
    (void)lookup_id;
    (void)charged;
}

void request_reply(struct request *request, struct reply *reply)
{
    request->status = reply->status;
    for (size_t i = 0; i < reply->n_headers; i++) {
        const char *name = reply->headers[i].name;
        if (strcmp(name, "Cache-Control") == 0)
            snprintf(request->cache_control, sizeof request->cache_control, "%s",
                     reply_value(reply, i));
        else if (strcmp(name, "Age") == 0)
            snprintf(request->age, sizeof request->age, "%s", reply_value(reply, i));
    }
    result_unref(reply->keeper);
    free(reply->owned_body);
}

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

LOOP_TEST(result_lifetime_does_not_shrink_with_its_age, ages)
{
    static const unsigned char key[HASH_SIZE];
    static const struct result_email email = {"info@milvali.com", "VALID"};
    const int64_t fetched_ms = 1000 * DAY_MS;
    const struct result *result = result_new_answer(&(struct result_facts){
        .key = key,
        .domain = "milvali.com",
        .company_name = "Milvali",
        .emails = &email,
        .n_emails = 1,
        .fetched_ms = fetched_ms,
        .ttl_found_ms = 30 * DAY_MS,
    });
    struct request request = {.clock = clock_fake(fetched_ms + ages[_i].age_ms)};

    answer_result(&request, result, RESULT_JSON, &(struct answer_notes){0});
    ck_assert_int_eq(request.status, 200);
    ck_assert_str_eq(request.cache_control, "private, max-age=2592000");
    ck_assert_str_eq(request.age, ages[_i].age);
    result_unref(result);
}

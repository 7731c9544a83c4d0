/* SPDX-License-Identifier: MIT */
/* listed_flow.h - what the tests of lookups of lists share. */
#ifndef FLOW_LISTED_FLOW_H
#define FLOW_LISTED_FLOW_H

#include "flow.h"

#include "tests/support/suite.h"

static inline size_t submits(void)
{
    return fake_upstream_calls(flow.upstream, FAKE_SUBMIT);
}

static inline int64_t slots_used(void)
{
    return engine_status(flow.engine).submits;
}

static inline void start(int slots, size_t size)
{
    struct engine_options options = flow_options();

    options.batch.slots = slots;
    options.batch.size = size;
    flow_start(options);
}

static inline struct caller *request_listed(const char *domain)
{
    return flow_request_with(flow_listed("list", WAIT_MS), domain);
}

/* Checks that the caller has its result, and how long its lookup was queued. */
static inline void expect_result(const struct caller *caller, int64_t queue_ms)
{
    ck_assert_int_eq(caller->answers, 1);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_int_eq(caller->timing.queue_ms, queue_ms);
}

#endif

/* SPDX-License-Identifier: MIT */
/* store_flow.h - what the tests of a slow store share: requests whose calls are held, and what is
 * stored and sent meanwhile. A header, because each test program uses only a part. */
#ifndef FLOW_STORE_FLOW_H
#define FLOW_STORE_FLOW_H

#include "flow.h"
#include "held_calls.h"
#include "weak_store.h"

#include <check.h>

static inline size_t submits(void)
{
    return fake_upstream_calls(flow.upstream, FAKE_SUBMIT);
}

static inline struct store_stats stored(void)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    return stats;
}

static inline void count_credits(void *arg, const char *client, int64_t credits)
{
    (void)client;
    *(int64_t *)arg += credits;
}

/* Returns the credits that are charged in the store. */
static inline int64_t charged(void)
{
    int64_t credits = 0, day = engine_clock(flow.engine)->wall_ms / DAY_MS, unused;

    ck_assert_int_eq(store_accounts(flow.store, day, count_credits, &credits, &unused), ERR_OK);
    return credits;
}

/* Starts a caller, and returns once its lookup waits for a call of that kind. */
static inline struct caller *request_until(const char *kind, const char *domain, int64_t wait_ms)
{
    held_calls_set(HOLD_POSTED, kind);
    struct caller *caller = flow_request(domain, wait_ms);

    while (!held_calls_count())
        flow_advance(1000);
    return caller;
}

/* Lets all calls continue, and runs until nothing more happens at this instant. */
static inline void release(void)
{
    held_calls_release();
    flow_settle();
    inbox_run_all(flow.inbox);
}

#endif

/* SPDX-License-Identifier: MIT */
/* notify_flow.h - what the tests of notifications share: a submit that is lost, the upstream's
 * calls, and what must be true afterwards. A header, because each test program uses only a part. */
#ifndef FLOW_NOTIFY_FLOW_H
#define FLOW_NOTIFY_FLOW_H

#include "base/buf.h"
#include "store_flow.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static inline struct engine_options options(void)
{
    struct engine_options options = flow_options();

    options.batch.notify_url = "https://emailsd.example/notify";
    options.batch.lifetime_ms = DAY_MS;
    return options;
}

/* The token of the last submit; valid until the next call. */
static inline const char *token(void)
{
    static char copy[64];

    snprintf(copy, sizeof copy, "%s", fake_upstream_notify_token(flow.upstream));
    return copy;
}

/* Calls the notify URL with that token. In `body`, "%s" stands for `id`. */
static inline void notify(const char *of, const char *body, const char *id)
{
    struct buf text autobuf = BUF_INIT(4096);
    const char *place = strstr(body, "%s");
    size_t before = place ? (size_t)(place - body) : strlen(body);

    buf_add(&text, body, before);
    buf_add_str(&text, place ? id : "");
    buf_add_str(&text, place ? place + 2 : "");
    ck_assert(engine_notify(flow.engine, of, buf_str(&text), text.len));
    flow_settle();
}

static inline const char *task_id(const char *domain)
{
    return fake_upstream_task_id(flow.upstream, domain);
}

static inline const char *batch_id(const char *domain)
{
    return fake_upstream_batch_id(flow.upstream, domain);
}

static inline size_t reads(void)
{
    return fake_upstream_calls(flow.upstream, FAKE_TASK_IDS) +
           fake_upstream_calls(flow.upstream, FAKE_TASK) +
           fake_upstream_calls(flow.upstream, FAKE_STATUS);
}

/* Makes the next submit create its tasks and lose its response. */
static inline void lose_next_submit(void)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true});
}

/* Loses the submit of that domain; its outcome is unknown then. */
static inline void lose(const char *domain)
{
    lose_next_submit();
    struct caller *caller = flow_request(domain, WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
}

/* Checks that the question has its result, for which one task was paid. */
static inline void expect_answered(const char *domain)
{
    struct caller *later = flow_request(domain, 0);

    flow_settle();
    ck_assert_msg(later->err == ERR_OK, "%s: %s", domain, later->detail);
    ck_assert(later->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, domain), 1);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
}

static inline void expect_unknown(const char *domain)
{
    struct caller *later = flow_request(domain, 0);

    flow_settle();
    ck_assert_int_eq(later->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
}

#endif

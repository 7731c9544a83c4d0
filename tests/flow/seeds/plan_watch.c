/* SPDX-License-Identifier: MIT */
/* plan_watch.c - the step of a plan in which a caller watches a lookup, by a request or by its id.
 * Each watch returns once, in time, and before its time only because of a change. */
#include "books.h"
#include "plan_steps.h"
#include "tests/flow/flow.h"
#include "trace.h"

#include "base/mem.h"
#include "model/result.h"
#include <string.h>

#define STORE_MS 5000 /* the longest wait for the store */
#define RECENT   4    /* requests */

static struct watch {
    struct watch_lookup_call call;
    const struct caller *caller; /* whose request it follows; NULL = by its id */
    int64_t posted_ms, latest_ms;
} watches[PLAN_CALLS];

static bool has_outlived(const struct watch *watch)
{
    const struct caller *caller = watch->caller;

    return caller && caller->answers && caller->answered_ms >= watch->posted_ms &&
           caller->answered_ms < flow_now_ms();
}

static void check(const struct watch *watch)
{
    const struct watch_lookup_call *call = &watch->call;
    bool is_early = flow_now_ms() < call->until_ms;

    if (flow_now_ms() > watch->latest_ms)
        trace_fail("a watch returned late");
    if (has_outlived(watch))
        trace_fail("a watch returned after its request had ended");
    if (call->err && call->err != ERR_NOT_FOUND && call->err != ERR_STORAGE_UNAVAILABLE &&
        call->err != ERR_DRAINING)
        trace_fail("a watch returned: %s", err_words(call->err));
    if (!call->err && !call->result && is_early && call->progress.phase == call->seen)
        trace_fail("a watch returned without a change");
}

static void was_watched(struct engine_call *call)
{
    const struct watch *watch = call->arg;

    plan.n_calls_open--;
    check(watch);
    result_unref(watch->call.result);
}

/* Most of the others have their result. */
static const struct caller *any_recent_caller(void)
{
    size_t n = books.n_requests < RECENT ? books.n_requests : RECENT;

    return books.requests[books.n_requests - 1 - plan_below(n)].caller;
}

void plan_watch(void)
{
    static const int64_t waits_ms[] = {0, 100, 2000, 20000, 60000};
    size_t i = plan.n_watches;

    if (i == PLAN_CALLS || !books.n_tasks || !books.n_requests)
        return;
    plan.n_watches++;
    struct watch_lookup_call *call = &watches[i].call;
    *call = (struct watch_lookup_call){.call = {.run = engine_watch_lookup,
                                                .reply_to = flow.inbox,
                                                .done = was_watched,
                                                .arg = &watches[i]},
                                       .seen = (enum task_phase)plan_below(TASK_ENDED)};
    call->until_ms = flow_now_ms() + plan_choose(waits_ms, ARRAY_LEN(waits_ms));
    watches[i].posted_ms = flow_now_ms();
    watches[i].latest_ms = call->until_ms;
    watches[i].caller = NULL;
    if (plan_happens(50)) {
        watches[i].caller = any_recent_caller();
        call->ticket = watches[i].caller->request.ticket;
    } else {
        memcpy(call->id, books.tasks[plan_below(books.n_tasks)].lookup_id, ID_TEXT);
        if (watches[i].latest_ms < flow_now_ms() + STORE_MS)
            watches[i].latest_ms = flow_now_ms() + STORE_MS;
    }
    trace_add("a caller watches %s %.8s", call->ticket ? "its request" : "lookup", call->id);
    plan.n_calls_open++;
    engine_post(flow.engine, &call->call);
}

/* SPDX-License-Identifier: MIT */
/* held_calls.c - see held_calls.h. */
#include "held_calls.h"

#include "flow.h"
#include "lookup/engine_state.h"
#include "store/calls.h"

#include <string.h>
#include <utlist.h>

static void take(struct store_executor *executor, struct store_call *call);

static struct {
    struct store_executor executor;
    struct store_calls *calls; /* NULL = nothing is held */
    const char *kind;
    struct store_call *held;
} held = {.executor = {take}};

static bool must_hold(const struct store_call *call)
{
    const struct store_call *before;

    DL_FOREACH (held.held, before)
        if (store_call_class(before) == store_call_class(call))
            return true;
    return !held.kind || strcmp(held.kind, store_call_name(call)) == 0;
}

static void execute(struct store_call *call)
{
    store_calls_execute(held.calls, call);
    store_calls_return(held.calls, call);
}

static void take(struct store_executor *executor, struct store_call *call)
{
    (void)executor;
    if (must_hold(call))
        DL_APPEND(held.held, call);
    else
        execute(call);
}

void held_calls_hold(const char *kind)
{
    held.calls = flow.engine->calls;
    held.kind = kind;
    store_calls_set_executor(held.calls, &held.executor);
}

size_t held_calls_count(void)
{
    const struct store_call *call;
    size_t n = 0;

    DL_COUNT(held.held, call, n);
    return n;
}

void held_calls_release(void)
{
    struct store_call *call;

    if (!held.calls)
        return;
    while ((call = held.held)) {
        DL_DELETE(held.held, call);
        execute(call);
    }
    store_calls_set_executor(held.calls, NULL);
    held.calls = NULL;
}

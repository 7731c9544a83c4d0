/* SPDX-License-Identifier: MIT */
/* slow_store.c - see slow_store.h. */
#include "slow_store.h"

#include "flow.h"
#include "lookup/engine_state.h"

#include <check.h>

#define HELD_MAX 64

static enum store_class held_class;
static struct store_call *held[HELD_MAX];
static size_t n_held;

static void take(struct store_detour *detour, struct store_call *call)
{
    (void)detour;
    store_calls_execute(flow.engine->calls, call);
    enum store_class class = store_call_class(call);
    if (class == STORE_JOURNAL_ALONE)
        class = STORE_JOURNAL;
    if (class != held_class) {
        store_calls_return(flow.engine->calls, call);
        return;
    }
    ck_assert_uint_lt(n_held, HELD_MAX);
    held[n_held++] = call;
}

static struct store_detour detour = {take};

void slow_store_hold(enum store_class class)
{
    held_class = class;
    flow.before_free = slow_store_release;
    store_calls_set_detour(flow.engine->calls, &detour);
}

void slow_store_release(void)
{
    store_calls_set_detour(flow.engine->calls, NULL);
    for (size_t i = 0; i < n_held; i++)
        store_calls_return(flow.engine->calls, held[i]);
    n_held = 0;
}

size_t slow_store_held(void)
{
    return n_held;
}

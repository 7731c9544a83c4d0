/* SPDX-License-Identifier: MIT */
/* held_calls.c - see held_calls.h. */
#include "held_calls.h"

#include "flow.h"
#include "lookup/engine_state.h"
#include "store/calls.h"

#include <stdbool.h>
#include <string.h>
#include <utlist.h>

#define CLASSES (STORE_READ + 1)

static struct {
    struct store_detour detour;
    enum hold hold;
    const char *kind;
    struct store_call *waiting[CLASSES];
    size_t n_executed[CLASSES]; /* of those that wait, the first ones */
} held;

static bool is_held(const struct store_call *call, enum hold hold)
{
    return held.hold == hold && strcmp(store_call_name(call), held.kind) == 0;
}

static void execute_waiting(int class)
{
    struct store_call *call;
    size_t i = 0;

    DL_FOREACH (held.waiting[class], call) {
        if (i++ < held.n_executed[class])
            continue;
        if (is_held(call, HOLD_POSTED))
            return;
        store_calls_execute(flow.engine->calls, call);
        held.n_executed[class]++;
    }
}

static void return_executed(int class)
{
    struct store_call *call;

    while (held.n_executed[class] && !is_held((call = held.waiting[class]), HOLD_EXECUTED)) {
        DL_DELETE(held.waiting[class], call);
        held.n_executed[class]--;
        store_calls_return(flow.engine->calls, call);
    }
}

static void run(int class)
{
    execute_waiting(class);
    return_executed(class);
}

static void take(struct store_detour *detour, struct store_call *call)
{
    enum store_class of = store_call_class(call);
    int class = (int)(of == STORE_JOURNAL_ALONE ? STORE_JOURNAL : of);

    (void)detour;
    DL_APPEND(held.waiting[class], call);
    run(class);
}

void held_calls_set(enum hold hold, const char *kind)
{
    held.detour.take = take;
    held.hold = hold;
    held.kind = kind;
    store_calls_set_detour(flow.engine->calls, &held.detour);
    for (int i = 0; i < CLASSES; i++)
        run(i);
}

void held_calls_release(void)
{
    held_calls_set(HOLD_NOTHING, "");
}

size_t held_calls_count(void)
{
    const struct store_call *call;
    size_t n = 0;

    for (int i = 0; i < CLASSES; i++)
        DL_FOREACH (held.waiting[i], call)
            n++;
    return n;
}

void held_calls_end(void)
{
    if (!held.detour.take)
        return;
    held_calls_release();
    store_calls_set_detour(flow.engine->calls, NULL);
    memset(&held, 0, sizeof held);
}

/* SPDX-License-Identifier: MIT */
/* waiting_batches.c - see waiting_batches.h. A batch that fails may change others, so each search
 * starts at the head of the list. */
#include "lookup/batching/waiting_batches.h"

#include "base/mem.h"

#include <utlist.h>

static struct batch *first_in_state(const struct batch_tools *tools, enum batch_state state)
{
    struct batch *batch;

    DL_FOREACH (*tools->batches, batch)
        if (batch->state == state)
            return batch;
    return NULL;
}

struct batch *waiting_batches_first(const struct batch_tools *tools, bool is_listed)
{
    struct batch *batch;

    DL_FOREACH (*tools->batches, batch)
        if (batch->state == BATCH_PENDING && batch_is_listed(batch) == is_listed)
            return batch;
    return NULL;
}

struct batch *waiting_batches_oldest(const struct batch_tools *tools, bool is_listed)
{
    struct batch *batch, *oldest = NULL;

    DL_FOREACH (*tools->batches, batch)
        if (batch->state == BATCH_PENDING && batch->risk != RISK_DUE &&
            batch_is_listed(batch) == is_listed &&
            (!oldest || batch->oldest_ms < oldest->oldest_ms))
            oldest = batch;
    return oldest;
}

void waiting_batches_fail(const struct batch_tools *tools, struct task_end end)
{
    /* Parts that were rejected end first: the end of another part would split them. */
    static const enum batch_state waiting[] = {BATCH_REJECTED, BATCH_UNPAID, BATCH_BACKING_OFF,
                                               BATCH_PENDING};
    struct batch *batch;

    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        while ((batch = first_in_state(tools, waiting[i])))
            batch_fail(batch, end);
}

void waiting_batches_settle_unpaid(const struct batch_tools *tools)
{
    const struct task_end end = {
        .err = ERR_CREDITS_EXHAUSTED, .detail = UPSTREAM_CREDITS_DETAIL, .charged = CHARGED_NO};
    size_t left = circuit_credits_left(tools->breaker);
    struct batch *batch;

    if (circuit_is_checking(tools->breaker))
        return;
    while ((batch = first_in_state(tools, BATCH_UNPAID)))
        if (left && left < batch->n_tasks)
            batch_requeue(batch);
        else
            batch_fail(batch, end);
}

/* A batch whose second submit is being recorded is looked at when that has returned. */
static struct batch *first_risky(const struct batch_tools *tools)
{
    struct batch *batch;

    DL_FOREACH (*tools->batches, batch)
        if (batch->risk == RISK_DUE && batch_waits(batch))
            return batch;
    return NULL;
}

void waiting_batches_fail_risky(const struct batch_tools *tools)
{
    const struct task_end end = {.err = circuit_check(tools->breaker, NULL), .charged = CHARGED_NO};
    struct batch *batch;

    while (end.err && (batch = first_risky(tools)))
        batch_fail(batch, end);
}

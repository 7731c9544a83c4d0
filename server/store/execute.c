/* SPDX-License-Identifier: MIT */
/* execute.c - see execute.h. */
#include "store/execute.h"

static bool keeps_order(const struct store_call *call)
{
    return call->kind->class == STORE_JOURNAL || call->kind->class == STORE_JOURNAL_ALONE;
}

void store_execute(struct store_executor *executor, struct store_call *call)
{
    if (keeps_order(call) && call->era <= executor->failed_era) {
        call->err = ERR_STORAGE_UNAVAILABLE;
        return;
    }
    if (executor->one_by_one)
        executor->one_by_one--;
    call->err = call->kind->execute(executor->store, call);
    if (keeps_order(call) && call->err == ERR_STORAGE_UNAVAILABLE)
        executor->failed_era = call->era;
}

/* Returns how many of the first calls may share a transaction. */
static size_t group_size(const struct store_executor *executor, const struct store_call *calls)
{
    size_t n = 0;

    if (executor->one_by_one || !store_has_groups(executor->store))
        return 1;
    while (calls && n < STORE_GROUP_MAX && calls->kind->class == STORE_JOURNAL) {
        n++;
        calls = calls->next;
    }
    return n > 0 ? n : 1;
}

/* Eras only grow from call to call. */
static void fail_group(struct store_executor *executor, struct store_call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++, calls = calls->next) {
        calls->err = ERR_STORAGE_UNAVAILABLE;
        executor->failed_era = calls->era;
    }
    executor->one_by_one = n;
}

size_t store_execute_group(struct store_executor *executor, struct store_call *calls)
{
    size_t n = group_size(executor, calls);
    struct store_call *call = calls;

    if (n == 1 || calls->era <= executor->failed_era) {
        store_execute(executor, calls);
        return 1;
    }
    enum err err = store_group_begin(executor->store);
    for (size_t i = 0; i < n && !err; i++, call = call->next)
        store_execute(executor, call);
    if (!err)
        err = store_group_end(executor->store);
    if (err)
        fail_group(executor, calls, n);
    return n;
}

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

/* Returns whether a call may be in the group of the first one. */
static bool may_follow(const struct store_executor *executor, const struct store_call *first,
                       const struct store_call *call)
{
    if (store_has_groups(executor->store))
        return first->kind->class == STORE_JOURNAL && call->kind->class == STORE_JOURNAL;
    return first->kind->execute_many && call->kind == first->kind;
}

/* Returns how many of the first calls are a group. */
static size_t group_size(const struct store_executor *executor, const struct store_call *calls)
{
    const struct store_call *call = calls->next;
    size_t n = 1;

    if (executor->one_by_one)
        return 1;
    while (call && n < STORE_GROUP_MAX && may_follow(executor, calls, call)) {
        n++;
        call = call->next;
    }
    return n;
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

static size_t execute_transaction(struct store_executor *executor, struct store_call *calls,
                                  size_t n)
{
    struct store_call *call = calls;
    enum err err = store_group_begin(executor->store);

    for (size_t i = 0; i < n && !err; i++, call = call->next)
        store_execute(executor, call);
    if (!err)
        err = store_group_end(executor->store);
    if (err)
        fail_group(executor, calls, n);
    return n;
}

/* Executes calls of one kind. If one of them is not acceptable, the others are, one by one. */
static size_t execute_alike(struct store_executor *executor, struct store_call *calls, size_t n)
{
    size_t n_done = 0;
    enum err err = calls->kind->execute_many(executor->store, calls, n, &n_done);

    if (!err)
        return n_done;
    if (err == ERR_STORAGE_UNAVAILABLE) {
        fail_group(executor, calls, n);
        return n;
    }
    executor->one_by_one = n;
    store_execute(executor, calls);
    return 1;
}

size_t store_execute_group(struct store_executor *executor, struct store_call *calls)
{
    size_t n = group_size(executor, calls);

    if (n == 1 || calls->era <= executor->failed_era) {
        store_execute(executor, calls);
        return 1;
    }
    return store_has_groups(executor->store) ? execute_transaction(executor, calls, n)
                                             : execute_alike(executor, calls, n);
}

/* SPDX-License-Identifier: MIT */
/* calls.c - see calls.h. Each kind of call has a function that executes it by the synchronous
 * functions of store.h. */
#include "store/calls.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

struct store_kind {
    const char *name;
    enum store_class class;
    enum err (*execute)(struct store *store, struct store_call *call);
};

struct store_calls {
    struct store *store;
    struct store_call *executed; /* whose `done` has not run */
    uint64_t era;                /* counts store_calls_resume() */
    uint64_t failed_era;         /* the last one in which a call of the journal failed */
    store_failed_fn *failed;     /* may be NULL */
    void *failed_arg;
    struct store_executor *executor; /* NULL = none */
};

struct store_calls *store_calls_new(struct store *store)
{
    struct store_calls *calls = xcalloc(1, sizeof *calls);

    calls->store = store;
    calls->era = 1;
    return calls;
}

void store_calls_free(struct store_calls *calls)
{
    if (!calls)
        return;
    assert(!calls->executed);
    free(calls);
}

void store_calls_on_failure(struct store_calls *calls, store_failed_fn *failed, void *arg)
{
    calls->failed = failed;
    calls->failed_arg = arg;
}

void store_calls_resume(struct store_calls *calls)
{
    calls->era++;
}

void store_calls_run(struct store_calls *calls)
{
    struct store_call *call;

    while ((call = calls->executed)) {
        DL_DELETE(calls->executed, call);
        if (call->err == ERR_STORAGE_UNAVAILABLE && calls->failed)
            calls->failed(calls->failed_arg, call);
        call->done(call);
    }
}

void store_calls_execute(struct store_calls *calls, struct store_call *call)
{
    bool keeps_order = call->kind->class == STORE_JOURNAL;

    if (keeps_order && call->era <= calls->failed_era) {
        call->err = ERR_STORAGE_UNAVAILABLE;
        return;
    }
    call->err = call->kind->execute(calls->store, call);
    if (keeps_order && call->err == ERR_STORAGE_UNAVAILABLE)
        calls->failed_era = call->era;
}

void store_calls_return(struct store_calls *calls, struct store_call *call)
{
    DL_APPEND(calls->executed, call);
}

void store_calls_set_executor(struct store_calls *calls, struct store_executor *executor)
{
    calls->executor = executor;
}

enum store_class store_call_class(const struct store_call *call)
{
    return call->kind->class;
}

const char *store_call_name(const struct store_call *call)
{
    return call->kind->name;
}

static void post(struct store_calls *calls, const struct store_kind *kind, struct store_call *call)
{
    call->kind = kind;
    call->era = calls->era;
    if (calls->executor) {
        calls->executor->take(calls->executor, call);
        return;
    }
    store_calls_execute(calls, call);
    store_calls_return(calls, call);
}

/* ---- the kinds ---- */

static enum err execute_begin_batch(struct store *store, struct store_call *call)
{
    struct store_begin_batch_call *begin = container_of(call, struct store_begin_batch_call, call);

    return store_begin_batch(store, &begin->batch);
}

void store_post_begin_batch(struct store_calls *calls, struct store_begin_batch_call *begin)
{
    static const struct store_kind kind = {"begin_batch", STORE_JOURNAL, execute_begin_batch};

    post(calls, &kind, &begin->call);
}

static enum err execute_sending(struct store *store, struct store_call *call)
{
    struct store_sending_call *sending = container_of(call, struct store_sending_call, call);

    return store_sending(store, sending->batch, sending->day, sending->notify_token);
}

void store_post_sending(struct store_calls *calls, struct store_sending_call *sending)
{
    static const struct store_kind kind = {"sending", STORE_JOURNAL, execute_sending};

    post(calls, &kind, &sending->call);
}

static enum err execute_mark_resubmitted(struct store *store, struct store_call *call)
{
    struct store_mark_resubmitted_call *mark =
        container_of(call, struct store_mark_resubmitted_call, call);

    return store_mark_resubmitted(store, mark->batch, mark->day);
}

void store_post_mark_resubmitted(struct store_calls *calls,
                                 struct store_mark_resubmitted_call *mark)
{
    static const struct store_kind kind = {"mark_resubmitted", STORE_JOURNAL,
                                           execute_mark_resubmitted};

    post(calls, &kind, &mark->call);
}

static enum err execute_mark_not_sent(struct store *store, struct store_call *call)
{
    struct store_mark_not_sent_call *mark =
        container_of(call, struct store_mark_not_sent_call, call);

    return store_mark_not_sent(store, mark->batch);
}

void store_post_mark_not_sent(struct store_calls *calls, struct store_mark_not_sent_call *mark)
{
    static const struct store_kind kind = {"mark_not_sent", STORE_JOURNAL, execute_mark_not_sent};

    post(calls, &kind, &mark->call);
}

static enum err execute_submitted(struct store *store, struct store_call *call)
{
    struct store_submitted_call *submitted = container_of(call, struct store_submitted_call, call);

    return store_submitted(store, submitted->batch, submitted->batch_id, submitted->wall_ms);
}

void store_post_submitted(struct store_calls *calls, struct store_submitted_call *submitted)
{
    static const struct store_kind kind = {"submitted", STORE_JOURNAL, execute_submitted};

    post(calls, &kind, &submitted->call);
}

static enum err execute_split(struct store *store, struct store_call *call)
{
    struct store_split_call *split = container_of(call, struct store_split_call, call);

    return store_split(store, split->batch, split->half, split->tracking_ids, split->n,
                       split->wall_ms);
}

void store_post_split(struct store_calls *calls, struct store_split_call *split)
{
    static const struct store_kind kind = {"split", STORE_JOURNAL, execute_split};

    post(calls, &kind, &split->call);
}

static enum err execute_end_task(struct store *store, struct store_call *call)
{
    struct store_end_task_call *end = container_of(call, struct store_end_task_call, call);

    end->stored = false;
    return store_end_task(store, end->tracking_id, &end->end, end->keep, &end->stored);
}

void store_post_end_task(struct store_calls *calls, struct store_end_task_call *end)
{
    static const struct store_kind kind = {"end_task", STORE_JOURNAL, execute_end_task};

    post(calls, &kind, &end->call);
}

static enum err execute_end_batch(struct store *store, struct store_call *call)
{
    struct store_end_batch_call *end = container_of(call, struct store_end_batch_call, call);

    return store_end_batch(store, end->batch, &end->end);
}

void store_post_end_batch(struct store_calls *calls, struct store_end_batch_call *end)
{
    static const struct store_kind kind = {"end_batch", STORE_JOURNAL, execute_end_batch};

    post(calls, &kind, &end->call);
}

static enum err execute_forget_key(struct store *store, struct store_call *call)
{
    struct store_forget_key_call *forget = container_of(call, struct store_forget_key_call, call);

    return store_forget_key(store, forget->key);
}

void store_post_forget_key(struct store_calls *calls, struct store_forget_key_call *forget)
{
    static const struct store_kind kind = {"forget_key", STORE_JOURNAL, execute_forget_key};

    post(calls, &kind, &forget->call);
}

static enum err execute_try(struct store *store, struct store_call *call)
{
    struct store_try_call *attempt = container_of(call, struct store_try_call, call);

    return store_try(store, attempt->wall_ms);
}

void store_post_try(struct store_calls *calls, struct store_try_call *attempt)
{
    static const struct store_kind kind = {"try", STORE_JOURNAL, execute_try};

    post(calls, &kind, &attempt->call);
}

static enum err execute_find(struct store *store, struct store_call *call)
{
    struct store_find_call *find = container_of(call, struct store_find_call, call);

    find->result = NULL;
    return store_find(store, find->key, &find->result);
}

void store_post_find(struct store_calls *calls, struct store_find_call *find)
{
    static const struct store_kind kind = {"find", STORE_READ, execute_find};

    post(calls, &kind, &find->call);
}

static enum err execute_find_lookup(struct store *store, struct store_call *call)
{
    struct store_find_lookup_call *find = container_of(call, struct store_find_lookup_call, call);

    find->result = NULL;
    return store_find_lookup(store, find->lookup_id, &find->result);
}

void store_post_find_lookup(struct store_calls *calls, struct store_find_lookup_call *find)
{
    static const struct store_kind kind = {"find_lookup", STORE_READ, execute_find_lookup};

    post(calls, &kind, &find->call);
}

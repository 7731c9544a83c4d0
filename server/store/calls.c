/* SPDX-License-Identifier: MIT */
/* calls.c - see calls.h. Each kind of call has a function that executes it by the synchronous
 * functions of store.h. */
#include "store/calls.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define IDLE_JOIN_MS 1000

struct store_calls {
    struct store_detour *detour; /* NULL = none */
    uint64_t era;                /* counts store_calls_resume() */
    store_failed_fn *failed;     /* may be NULL */
    void *failed_arg;
    struct store_executor writes; /* inline, and if there is no reader, also of the reads */
    struct store_executor reads;
    struct store_call *executed; /* inline calls whose `done` has not run */
    bool has_threads;
    struct store *reader; /* NULL if `writes` executes the reads */
    struct store_thread write_thread, read_thread;
};

struct store_calls *store_calls_new(struct store *store)
{
    struct store_calls *calls = xcalloc(1, sizeof *calls);

    calls->writes.store = store;
    calls->era = 1;
    return calls;
}

void store_calls_free(struct store_calls *calls)
{
    if (!calls)
        return;
    assert(!calls->executed && !calls->has_threads);
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

static void finish(struct store_call *call)
{
    struct store_calls *calls = call->calls;

    if (call->err == ERR_STORAGE_UNAVAILABLE && calls->failed)
        calls->failed(calls->failed_arg, call);
    call->done(call);
}

void store_calls_run(struct store_calls *calls)
{
    struct store_call *call;

    while ((call = calls->executed)) {
        DL_DELETE(calls->executed, call);
        finish(call);
    }
}

void store_calls_execute(struct store_calls *calls, struct store_call *call)
{
    store_execute(&calls->writes, call);
}

void store_calls_return(struct store_calls *calls, struct store_call *call)
{
    DL_APPEND(calls->executed, call);
}

void store_calls_set_detour(struct store_calls *calls, struct store_detour *detour)
{
    calls->detour = detour;
}

enum store_class store_call_class(const struct store_call *call)
{
    return call->kind->class;
}

const char *store_call_name(const struct store_call *call)
{
    return call->kind->name;
}

void store_calls_post(struct store_calls *calls, const struct store_kind *kind,
                      struct store_call *call)
{
    call->kind = kind;
    call->era = calls->era;
    call->calls = calls;
    if (calls->has_threads) {
        bool is_read = kind->class == STORE_READ && calls->reader;
        store_thread_post(is_read ? &calls->read_thread : &calls->write_thread, call);
    } else if (calls->detour) {
        calls->detour->take(calls->detour, call);
    } else {
        store_calls_execute(calls, call);
        store_calls_return(calls, call);
    }
}

/* ---- threads ---- */

static void returned(struct message *message)
{
    finish(container_of(message, struct store_call, message));
}

static enum err start(struct store_thread *thread, const char *name,
                      struct store_executor *executor, struct inbox *completions)
{
    thread->executor = executor;
    thread->returns = completions;
    thread->returned = returned;
    return store_thread_start(thread, name);
}

static enum err start_threads(struct store_calls *calls, struct inbox *completions,
                              struct errmsg *why)
{
    enum err err = start(&calls->write_thread, "store", &calls->writes, completions);

    if (!err && calls->reader)
        err = start(&calls->read_thread, "store-read", &calls->reads, completions);
    if (err)
        errmsg_set(why, "cannot start the threads of the store: %s", strerror(errno));
    return err;
}

enum err store_calls_start(struct store_calls *calls, struct inbox *completions, struct errmsg *why)
{
    assert(!calls->executed && !calls->has_threads);
    enum err err = store_open_reader(calls->writes.store, &calls->reader, why);
    if (err)
        return err;
    calls->reads = (struct store_executor){.store = calls->reader};
    calls->has_threads = true;
    err = start_threads(calls, completions, why);
    while (err && !store_calls_stop(calls, IDLE_JOIN_MS)) /* the one that was started is idle */
        ;
    return err;
}

bool store_calls_stop(struct store_calls *calls, int64_t within_ms)
{
    int64_t until_ms = clock_real().now_ms + within_ms;

    if (!calls->has_threads)
        return true;
    store_thread_stop(&calls->write_thread);
    store_thread_stop(&calls->read_thread);
    if (!store_thread_join(&calls->write_thread, within_ms))
        return false;
    int64_t left_ms = until_ms - clock_real().now_ms;
    if (!store_thread_join(&calls->read_thread, left_ms > 0 ? left_ms : 0))
        return false;
    store_close(TAKE(calls->reader));
    calls->has_threads = false;
    return true;
}

struct store_health store_calls_health(const struct store_calls *calls, int64_t now_ms)
{
    return (struct store_health){store_thread_health(&calls->write_thread, now_ms),
                                 store_thread_health(&calls->read_thread, now_ms)};
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

    store_calls_post(calls, &kind, &begin->call);
}

static enum err execute_sending(struct store *store, struct store_call *call)
{
    struct store_sending_call *sending = container_of(call, struct store_sending_call, call);

    return store_sending(store, sending->batch, sending->day, sending->notify_token);
}

void store_post_sending(struct store_calls *calls, struct store_sending_call *sending)
{
    static const struct store_kind kind = {"sending", STORE_JOURNAL, execute_sending};

    store_calls_post(calls, &kind, &sending->call);
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

    store_calls_post(calls, &kind, &mark->call);
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

    store_calls_post(calls, &kind, &mark->call);
}

static enum err execute_submitted(struct store *store, struct store_call *call)
{
    struct store_submitted_call *submitted = container_of(call, struct store_submitted_call, call);

    return store_submitted(store, submitted->batch, submitted->batch_id, submitted->wall_ms);
}

void store_post_submitted(struct store_calls *calls, struct store_submitted_call *submitted)
{
    static const struct store_kind kind = {"submitted", STORE_JOURNAL, execute_submitted};

    store_calls_post(calls, &kind, &submitted->call);
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

    store_calls_post(calls, &kind, &split->call);
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

    store_calls_post(calls, &kind, &end->call);
}

static enum err execute_end_batch(struct store *store, struct store_call *call)
{
    struct store_end_batch_call *end = container_of(call, struct store_end_batch_call, call);

    return store_end_batch(store, end->batch, &end->end);
}

void store_post_end_batch(struct store_calls *calls, struct store_end_batch_call *end)
{
    static const struct store_kind kind = {"end_batch", STORE_JOURNAL, execute_end_batch};

    store_calls_post(calls, &kind, &end->call);
}

static enum err execute_forget_key(struct store *store, struct store_call *call)
{
    struct store_forget_key_call *forget = container_of(call, struct store_forget_key_call, call);

    return store_forget_key(store, forget->key);
}

void store_post_forget_key(struct store_calls *calls, struct store_forget_key_call *forget)
{
    static const struct store_kind kind = {"forget_key", STORE_JOURNAL, execute_forget_key};

    store_calls_post(calls, &kind, &forget->call);
}

static void add_key(void *arg, const unsigned char key[HASH_SIZE])
{
    struct store_forget_domain_call *forget = arg;

    forget->keys = xrealloc(forget->keys, (forget->n_keys + 1) * sizeof *forget->keys);
    memcpy(forget->keys[forget->n_keys++], key, HASH_SIZE);
}

static enum err execute_forget_domain(struct store *store, struct store_call *call)
{
    struct store_forget_domain_call *forget =
        container_of(call, struct store_forget_domain_call, call);

    forget->keys = NULL;
    forget->n_keys = 0;
    return store_forget_domain(store, forget->domain, add_key, forget, &forget->n);
}

void store_post_forget_domain(struct store_calls *calls, struct store_forget_domain_call *forget)
{
    static const struct store_kind kind = {"forget_domain", STORE_JOURNAL_ALONE,
                                           execute_forget_domain};

    store_calls_post(calls, &kind, &forget->call);
}

static enum err execute_try(struct store *store, struct store_call *call)
{
    struct store_try_call *attempt = container_of(call, struct store_try_call, call);

    return store_try(store, attempt->wall_ms);
}

void store_post_try(struct store_calls *calls, struct store_try_call *attempt)
{
    static const struct store_kind kind = {"try", STORE_JOURNAL, execute_try};

    store_calls_post(calls, &kind, &attempt->call);
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

    store_calls_post(calls, &kind, &find->call);
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

    store_calls_post(calls, &kind, &find->call);
}

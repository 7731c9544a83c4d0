/* SPDX-License-Identifier: MIT */
/* calls.c - see calls.h: the way of a call from its post to its `done`. call_kinds.c and
 * calls_upkeep.c have the kinds. */
#include "store/calls.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
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

bool store_call_is_current(const struct store_call *call)
{
    return call->era == call->calls->era;
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

static void not_busy(struct store_thread_health *health)
{
    health->is_busy = false;
    health->busy_ms = 0;
}

struct store_health store_calls_health(const struct store_calls *calls, int64_t now_ms)
{
    struct store_health health = {store_link(calls->writes.store),
                                  store_thread_health(&calls->write_thread, now_ms),
                                  store_thread_health(&calls->read_thread, now_ms)};

    if (health.link == STORE_DISCONNECTED)
        not_busy(&health.writes);
    if (calls->reader && store_link(calls->reader) == STORE_DISCONNECTED)
        not_busy(&health.reads);
    return health;
}

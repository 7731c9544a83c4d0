/* SPDX-License-Identifier: MIT */
/* thread.c - see thread.h. */
#include "store/thread.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <utlist.h>

/* ---- executing ---- */

/* Posts the first `n` calls back. They belong to the engine from then on. */
static void give_back(struct store_thread *thread, struct store_call **list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct store_call *call = *list;
        DL_DELETE(*list, call);
        atomic_store(&thread->has_failed, call->err == ERR_STORAGE_UNAVAILABLE);
        atomic_fetch_sub(&thread->waiting, 1);
        inbox_post(thread->returns, &call->message, thread->returned);
    }
}

/* Returns when. */
static int64_t begin(struct store_thread *thread)
{
    int64_t now_ms = clock_real().now_ms;

    heartbeat_busy(&thread->heartbeat, now_ms);
    return now_ms;
}

static void count(enum metrics_store what, int64_t begun_ms)
{
    metrics_duration(&metrics_mine()->store_durations[what], clock_real().now_ms - begun_ms);
}

static void execute_one(struct store_thread *thread, struct store_call **list,
                        enum metrics_store what)
{
    int64_t begun_ms = begin(thread);

    store_execute(thread->executor, *list);
    count(what, begun_ms);
    give_back(thread, list, 1);
}

static void execute_group(struct store_thread *thread)
{
    int64_t begun_ms = begin(thread);
    size_t n = store_execute_group(thread->executor, thread->journal);

    count(STORE_GROUP_OF_JOURNAL, begun_ms);
    metrics_size(&metrics_mine()->store_groups, n);
    give_back(thread, &thread->journal, n);
}

static void execute_round(struct store_thread *thread)
{
    while (thread->reads)
        execute_one(thread, &thread->reads, STORE_CALL_OF_READ);
    if (thread->journal)
        execute_group(thread);
    if (thread->upkeep)
        execute_one(thread, &thread->upkeep, STORE_CALL_OF_UPKEEP);
}

/* ---- the loop ---- */

static bool is_idle(const struct store_thread *thread)
{
    return !thread->reads && !thread->journal && !thread->upkeep;
}

static void wait_for_calls(struct store_thread *thread)
{
    struct pollfd fd = {.fd = inbox_fd(thread->inbox), .events = POLLIN};

    heartbeat_idle(&thread->heartbeat, clock_real().now_ms);
    poll(&fd, 1, -1);
}

static void *run(void *arg)
{
    struct store_thread *thread = arg;

    pthread_setname_np(pthread_self(), thread->name);
    while (!thread->is_stopping || !is_idle(thread)) {
        if (is_idle(thread))
            wait_for_calls(thread);
        inbox_run_all(thread->inbox);
        execute_round(thread);
    }
    heartbeat_stop(&thread->heartbeat);
    return NULL;
}

/* ---- what is posted to it ---- */

static struct store_call **list_of(struct store_thread *thread, enum store_class class)
{
    switch (class) {
    case STORE_JOURNAL:
    case STORE_JOURNAL_ALONE:
        return &thread->journal;
    case STORE_UPKEEP:
        return &thread->upkeep;
    case STORE_READ:
        break;
    }
    return &thread->reads;
}

static void arrived(struct message *message)
{
    struct store_call *call = container_of(message, struct store_call, message);
    struct store_call **list = list_of(call->thread, call->kind->class);

    DL_APPEND(*list, call);
}

void store_thread_post(struct store_thread *thread, struct store_call *call)
{
    assert(!thread->is_asked_to_stop);
    call->thread = thread;
    atomic_fetch_add(&thread->waiting, 1);
    inbox_post(thread->inbox, &call->message, arrived);
}

static void must_stop(struct message *message)
{
    container_of(message, struct store_thread, stop)->is_stopping = true;
}

void store_thread_stop(struct store_thread *thread)
{
    if (!thread->inbox || thread->is_asked_to_stop)
        return;
    thread->is_asked_to_stop = true;
    inbox_post(thread->inbox, &thread->stop, must_stop);
}

/* ---- start and end ---- */

enum err store_thread_start(struct store_thread *thread, const char *name)
{
    enum err err = inbox_new(&thread->inbox);

    if (err)
        return err;
    thread->name = name;
    heartbeat_idle(&thread->heartbeat, clock_real().now_ms);
    int reason = thread_create_without_signals(&thread->id, run, thread);
    if (!reason)
        return ERR_OK;
    inbox_free(TAKE(thread->inbox));
    errno = reason;
    return ERR_SYSTEM;
}

bool store_thread_join(struct store_thread *thread, int64_t within_ms)
{
    if (!thread->inbox)
        return true;
    if (!thread_join_within(thread->id, within_ms))
        return false;
    inbox_free(TAKE(thread->inbox));
    thread->is_asked_to_stop = thread->is_stopping = false;
    return true;
}

struct store_thread_health store_thread_health(const struct store_thread *thread, int64_t now_ms)
{
    return (struct store_thread_health){.is_busy = heartbeat_is_busy(&thread->heartbeat),
                                        .busy_ms = heartbeat_lag_ms(&thread->heartbeat, now_ms),
                                        .waiting = atomic_load(&thread->waiting),
                                        .has_failed = atomic_load(&thread->has_failed)};
}

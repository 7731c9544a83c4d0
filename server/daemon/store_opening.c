/* SPDX-License-Identifier: MIT */
/* store_opening.c - see store_opening.h. */
#include "daemon/store_opening.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS INT64_C(500)

struct store_opening {
    store_opening_fn *attempt;
    void *arg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Below `lock`: */
    bool has_failed, is_over, is_cancelled;
    /* The thread's until it is over: */
    enum err err;
    struct errmsg why;
};

/* Waits until one of the two is set, or for that time. Returns whether one is. */
static bool wait_for(struct store_opening *opening, const bool *one, const bool *other,
                     int64_t within_ms)
{
    const struct timespec until = thread_wait_end(within_ms);
    int reason = 0;

    pthread_mutex_lock(&opening->lock);
    while (!*one && !*other && !reason)
        reason = pthread_cond_timedwait(&opening->changed, &opening->lock, &until);
    bool is_set = *one || *other;
    pthread_mutex_unlock(&opening->lock);
    return is_set;
}

static void set(struct store_opening *opening, bool *flag)
{
    pthread_mutex_lock(&opening->lock);
    *flag = true;
    pthread_cond_broadcast(&opening->changed);
    pthread_mutex_unlock(&opening->lock);
}

/* ---- the thread ---- */

static void log_wait(struct errmsg *logged, const struct errmsg *why)
{
    if (strcmp(logged->text, why->text) == 0)
        return;
    *logged = *why;
    log_event(LOG_WARN, "store_awaited", LOG_STR("reason", why->text));
}

static void *run(void *arg)
{
    struct store_opening *opening = arg;
    struct errmsg logged = {""};

    pthread_setname_np(pthread_self(), "store-opening");
    for (;;) {
        opening->err = opening->attempt(opening->arg, &opening->why);
        if (opening->err != ERR_STORAGE_UNAVAILABLE)
            break;
        log_wait(&logged, &opening->why);
        set(opening, &opening->has_failed);
        if (wait_for(opening, &opening->is_cancelled, &opening->is_cancelled, RETRY_MS))
            break;
    }
    set(opening, &opening->is_over);
    return NULL;
}

/* ---- the main thread ---- */

static struct store_opening *new_opening(store_opening_fn *attempt, void *arg)
{
    struct store_opening *opening = xcalloc(1, sizeof *opening);

    opening->attempt = attempt;
    opening->arg = arg;
    pthread_mutex_init(&opening->lock, NULL);
    thread_condition_init(&opening->changed);
    return opening;
}

static void destroy(struct store_opening *opening)
{
    pthread_cond_destroy(&opening->changed);
    pthread_mutex_destroy(&opening->lock);
    free(opening);
}

enum err store_opening_start(store_opening_fn *attempt, void *arg,
                             struct store_opening **ret_opening)
{
    struct store_opening *opening = new_opening(attempt, arg);
    int reason = pthread_create(&opening->thread, NULL, run, opening);

    if (reason) {
        destroy(opening);
        errno = reason;
        return ERR_SYSTEM;
    }
    *ret_opening = opening;
    return ERR_OK;
}

void store_opening_await_first(struct store_opening *opening, int64_t within_ms)
{
    wait_for(opening, &opening->has_failed, &opening->is_over, within_ms);
}

bool store_opening_is_over(struct store_opening *opening)
{
    return wait_for(opening, &opening->is_over, &opening->is_over, 0);
}

enum err store_opening_end(struct store_opening *opening, struct errmsg *why)
{
    pthread_join(opening->thread, NULL);
    enum err err = opening->err;
    if (err)
        *why = opening->why;
    destroy(opening);
    return err;
}

bool store_opening_cancel(struct store_opening *opening, int64_t within_ms)
{
    set(opening, &opening->is_cancelled);
    if (!thread_join_within(opening->thread, within_ms))
        return false;
    destroy(opening);
    return true;
}

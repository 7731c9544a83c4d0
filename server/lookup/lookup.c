/* SPDX-License-Identifier: MIT */
/* lookup.c - the table of lookups in flight, by question.
 *
 * A lookup is in the table from the first join until its task ends (or is dropped); whoever asks
 * the same question meanwhile finds it there. At its end the waiters are moved to a local list, the
 * result goes to the cache and the lookup is freed; only then are the waiters told, so that one of
 * them may ask again from inside its callback. */
#include "lookup/lookup.h"

#include "base/id.h"
#include "base/mem.h"

#include "base/table.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define FIRST_GUESS_MS 30000 /* of a lookup's time: the vendor's submit takes about 26 s */

struct lookup {
    struct lookups *all;
    struct question *question; /* its key is the table's */
    struct task task;
    struct waiter *waiters;
    size_t n_waiters;
    int64_t started_ms;
    bool promised; /* somebody was told to ask again later: not to be dropped any more */
    UT_hash_handle hh;
};

struct lookups {
    struct lookup_options options;
    const struct clock *clock;
    struct timers *timers;
    struct cache *cache;
    struct batches *batches;
    struct lookup *table;
    size_t n_waiters;
    int64_t expected_ms; /* moving average of what lookups really took */
};

struct lookups *lookups_new(const struct lookup_options *options, const struct clock *clock,
                            struct timers *timers, struct cache *cache, struct batches *batches)
{
    struct lookups *all = xcalloc(1, sizeof *all);

    all->options = *options;
    all->clock = clock;
    all->timers = timers;
    all->cache = cache;
    all->batches = batches;
    all->expected_ms = FIRST_GUESS_MS;
    return all;
}

static void forget(struct lookup *lookup)
{
    HASH_DEL(lookup->all->table, lookup);
    question_free(lookup->question);
    free(lookup);
}

void lookups_free(struct lookups *all)
{
    struct lookup *lookup, *next;

    if (!all)
        return;
    assert(all->n_waiters == 0);
    HASH_ITER (hh, all->table, lookup, next)
        forget(lookup);
    free(all);
}

/* ---- waiters ---- */

static void detach(struct waiter *waiter)
{
    struct lookup *lookup = waiter->lookup;

    DL_DELETE(lookup->waiters, waiter);
    lookup->n_waiters--;
    lookup->all->n_waiters--;
    timer_disarm(lookup->all->timers, &waiter->deadline);
    waiter->lookup = NULL;
}

static int retry_after_s(const struct lookup *lookup)
{
    int64_t left_ms = lookup->all->expected_ms - (lookup->all->clock->now_ms - lookup->started_ms);
    int64_t left_s = (left_ms + 999) / 1000;

    return left_s < 1 ? 1 : left_s > 60 ? 60 : (int)left_s;
}

static void deadline_is_over(struct timer *timer)
{
    struct waiter *waiter = container_of(timer, struct waiter, deadline);
    struct lookup *lookup = waiter->lookup;
    const struct outcome outcome = {
        .err = ERR_STILL_PROCESSING,
        .charged = lookup->task.phase == TASK_QUEUED ? CHARGED_NO : CHARGED_MAYBE,
        .retry_after_s = retry_after_s(lookup),
        .collapsed = waiter->collapsed,
        .detail = "the lookup goes on; asking again joins it and costs nothing",
    };

    lookup->promised = true;
    detach(waiter);
    waiter->done(waiter, &outcome);
}

static void attach(struct lookup *lookup, struct waiter *waiter, int64_t deadline_ms,
                   waiter_done_fn *done)
{
    *waiter = (struct waiter){.lookup = lookup, .done = done};
    DL_APPEND(lookup->waiters, waiter);
    lookup->n_waiters++;
    lookup->all->n_waiters++;
    timer_arm(lookup->all->timers, &waiter->deadline, deadline_ms, deadline_is_over);
}

void lookup_leave(struct waiter *waiter)
{
    struct lookup *lookup = waiter->lookup;

    detach(waiter);
    if (!lookup->waiters && !lookup->promised && batch_drop(lookup->all->batches, &lookup->task))
        forget(lookup);
}

/* ---- the end of a lookup ---- */

static int64_t jittered(const struct lookups *all, int64_t ttl_ms)
{
    int64_t span = ttl_ms / 100 * all->options.ttl_jitter_percent;

    return ttl_ms - span + (int64_t)((double)span * 2.0 * id_random() / 4294967296.0);
}

static const struct result *answer_of(const struct lookup *lookup,
                                      const struct openmart_task *answer)
{
    const struct lookups *all = lookup->all;
    autofree struct result_email *emails = xcalloc(answer->n_emails, sizeof *emails);
    struct result_facts facts = {
        .key = lookup->question->key,
        .domain = lookup->question->domain.name,
        .company_name = lookup->question->company_name,
        .emails = emails,
        .n_emails = answer->n_emails,
        .fetched_ms = all->clock->wall_ms,
        .ttl_found_ms = jittered(all, all->options.ttl_found_ms),
        .ttl_empty_ms = jittered(all, all->options.ttl_empty_ms),
        .truncated = answer->truncated,
    };

    for (size_t i = 0; i < answer->n_emails; i++)
        emails[i] = (struct result_email){answer->emails[i].email, answer->emails[i].status};
    return result_new_answer(&facts);
}

/* What is worth remembering: answers, and for a short while that the vendor could not do it, so
 * that a crowd does not pay for the same failure again and again. */
static const struct result *result_of(const struct lookup *lookup, const struct task_end *end)
{
    const struct lookups *all = lookup->all;

    if (!end->err)
        return answer_of(lookup, end->answer);
    if (end->err != ERR_LOOKUP_FAILED)
        return NULL;
    return result_new_failure(lookup->question->key, end->err, end->detail, end->charged,
                              all->clock->wall_ms, jittered(all, all->options.ttl_failed_ms));
}

static void tell_all(struct waiter *waiters, struct outcome outcome)
{
    struct waiter *waiter, *next;

    DL_FOREACH_SAFE (waiters, waiter, next) {
        outcome.collapsed = waiter->collapsed;
        waiter->done(waiter, &outcome);
    }
}

/* All waiters of a lookup, detached from it but still linked to each other. */
static struct waiter *gather(struct lookup *lookup)
{
    struct waiter *gathered = NULL;

    while (lookup->waiters) {
        struct waiter *waiter = lookup->waiters;
        detach(waiter);
        DL_APPEND(gathered, waiter);
    }
    return gathered;
}

static void lookup_ended(struct task *task, const struct task_end *end)
{
    struct lookup *lookup = container_of(task, struct lookup, task);
    struct lookups *all = lookup->all;
    const struct result *result = result_of(lookup, end);
    const struct outcome outcome = {.err = end->err,
                                    .result = result,
                                    .detail = end->detail,
                                    .charged = end->charged,
                                    .retry_after_s = end->retry_after_s};

    if (result)
        cache_put(all->cache, result);
    if (!end->err)
        all->expected_ms += (all->clock->now_ms - lookup->started_ms - all->expected_ms) / 8;
    struct waiter *waiters = gather(lookup);
    forget(lookup);
    tell_all(waiters, outcome);
    result_unref(result);
}

/* ---- joining ---- */

/* Starts a lookup; takes the question over only when that succeeds. */
static enum err start(struct lookups *all, struct question *question, struct lookup **ret_lookup)
{
    struct lookup *lookup = xcalloc(1, sizeof *lookup);
    enum err err = batch_add(all->batches, &lookup->task, question, lookup_ended);

    if (err) {
        free(lookup);
        return err;
    }
    lookup->all = all;
    lookup->question = question;
    lookup->started_ms = all->clock->now_ms;
    HASH_ADD_KEYPTR(hh, all->table, question->key, HASH_SIZE, lookup);
    *ret_lookup = lookup;
    return ERR_OK;
}

enum err lookup_join(struct lookups *all, struct question *question, int64_t deadline_ms,
                     waiter_done_fn *done, struct waiter *waiter)
{
    struct lookup *lookup;
    enum err err = all->n_waiters < all->options.max_waiters ? ERR_OK : ERR_OVERLOADED;

    HASH_FIND(hh, all->table, question->key, HASH_SIZE, lookup);
    bool known = lookup != NULL;
    if (!err && !known)
        err = start(all, question, &lookup);
    if (err || known)
        question_free(question);
    if (err)
        return err;
    attach(lookup, waiter, deadline_ms, done);
    waiter->collapsed = known;
    return ERR_OK;
}

void lookups_drain(struct lookups *all, enum err err)
{
    struct waiter *everybody = NULL;
    struct lookup *lookup, *next;

    HASH_ITER (hh, all->table, lookup, next) {
        struct waiter *some = gather(lookup);
        DL_CONCAT(everybody, some);
        if (batch_drop(all->batches, &lookup->task))
            forget(lookup);
    }
    tell_all(everybody, (struct outcome){.err = err, .charged = err_row(err)->charged});
}

struct lookup_stats lookups_stats(const struct lookups *all)
{
    return (struct lookup_stats){.lookups = HASH_COUNT(all->table), .waiters = all->n_waiters};
}

/* SPDX-License-Identifier: MIT */
/* lookups.c - the table of lookups in flight, by question.
 *
 * A lookup is in the table from the first join until its task ends or is dropped. Until then,
 * requests for the same question find it there. When it ends, the result is stored, the waiters are
 * moved to a local list, and the lookup is freed. The callbacks of the waiters run last, so that
 * one of them may start a lookup for the same question. */
#include "lookup/lookups.h"

#include "base/hashtable.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/batching/batch.h"
#include "lookup/batching/fair_queue.h"
#include "lookup/lookup_log.h"
#include "lookup/records/cooldown.h"
#include "lookup/records/finished.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define OVERLOADED_S   5     /* Retry-After if there are too many waiters or cooldowns */
#define FIRST_GUESS_MS 30000 /* first estimate of a lookup's time: the submit takes about 26 s */

struct lookup {
    struct lookups *all;
    char id[ID_TEXT];
    char client[ACCOUNT_NAME_MAX + 1]; /* the account that started it, and pays */
    struct question *question;         /* its key is the key in the table */
    struct task task;
    struct waiter *waiters;
    size_t n_waiters;
    int64_t started_ms;
    bool promised; /* a client was asked to retry later: never drop it */
    bool wanted;   /* a waiter allows storing the result */
    UT_hash_handle hh, hh_id;
};

struct lookups {
    struct lookup_options options;
    const struct clock *clock;
    struct timers *timers;
    struct batcher *batcher;
    struct store *store;
    struct results results;
    struct cooldowns *cooldowns;
    struct history *history;
    struct lookup *table, *by_id;
    size_t n_waiters;
    uint64_t n_gone;
    int64_t expected_ms; /* moving average of the time that lookups took */
};

/* Two results arrived for one tracking id, and the first was already delivered. */
static void conflict(void *arg, const unsigned char key[HASH_SIZE])
{
    struct lookups *all = arg;

    results_invalidate(&all->results, key, "the upstream sent two results for this lookup");
    history_forget_key(all->history, key);
}

struct lookups *lookups_new(const struct lookup_options *options, const struct lookup_tools *tools)
{
    struct lookups *all = xcalloc(1, sizeof *all);

    all->options = *options;
    all->clock = tools->clock;
    all->timers = tools->timers;
    all->batcher = tools->batcher;
    all->store = tools->store;
    all->cooldowns = cooldowns_new(tools->timers);
    all->results = (struct results){.options = options->results,
                                    .clock = tools->clock,
                                    .cache = tools->cache,
                                    .store = tools->store,
                                    .journal = tools->journal,
                                    .cooldowns = all->cooldowns};
    all->history = history_new(options->max_history, options->max_history_bytes);
    all->expected_ms = FIRST_GUESS_MS;
    batcher_on_conflict(tools->batcher, conflict, all);
    return all;
}

static void forget(struct lookup *lookup)
{
    HASH_DEL(lookup->all->table, lookup);
    HASH_DELETE(hh_id, lookup->all->by_id, lookup);
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
    cooldowns_free(all->cooldowns);
    history_free(all->history);
    free(all);
}

struct outcome outcome_of(enum err err)
{
    return (struct outcome){.err = err, .charged = err_row(err)->charged};
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
    struct outcome outcome = outcome_of(ERR_STILL_PROCESSING);

    outcome.detail = "the lookup continues; repeat the request to join it at no cost";
    outcome.charged = lookup->task.phase == TASK_QUEUED ? CHARGED_NO : CHARGED_MAYBE;
    outcome.retry_after_s = retry_after_s(lookup);
    outcome.collapsed = waiter->collapsed;
    outcome.phase = batch_task_phase(&lookup->task);
    outcome.elapsed_ms = lookup->all->clock->now_ms - lookup->started_ms;
    outcome.expected_ms = lookup->all->expected_ms;
    memcpy(outcome.lookup_id, lookup->id, ID_TEXT);
    lookup->promised = lookup->wanted = true;
    detach(waiter);
    waiter->done(waiter, &outcome);
}

static void attach(struct lookup *lookup, struct waiter *waiter, bool collapsed)
{
    waiter->lookup = lookup;
    waiter->deadline = (struct timer){0};
    waiter->collapsed = collapsed;
    lookup->wanted = lookup->wanted || !waiter->no_store;
    DL_APPEND(lookup->waiters, waiter);
    lookup->n_waiters++;
    lookup->all->n_waiters++;
    timer_arm(lookup->all->timers, &waiter->deadline, waiter->deadline_ms, deadline_is_over);
}

void lookup_leave(struct waiter *waiter)
{
    struct lookup *lookup = waiter->lookup;

    lookup->all->n_gone++;
    metrics_add(&metrics_mine()->waiters_gone, 1);
    detach(waiter);
    if (!lookup->waiters && !lookup->promised &&
        batcher_remove(lookup->all->batcher, &lookup->task))
        forget(lookup);
}

/* ---- end of a lookup ---- */

static void tell_all(struct waiter *waiters, struct outcome outcome)
{
    struct waiter *waiter, *next;

    DL_FOREACH_SAFE (waiters, waiter, next) {
        outcome.collapsed = waiter->collapsed;
        waiter->done(waiter, &outcome);
    }
}

/* Detaches all waiters of a lookup and returns them as a list. */
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
    const struct result *result = result_of_task_end(&all->results, lookup->question, end);
    struct outcome outcome = {.err = end->err,
                              .result = result,
                              .detail = end->detail,
                              .charged = end->charged,
                              .retry_after_s = end->retry_after_s};

    outcome.stored = results_put(&all->results, task, end, result, lookup->wanted);
    if (end->err != ERR_DRAINING) /* a lookup that was not sent is unknown after the restart */
        memcpy(outcome.lookup_id, lookup->id, ID_TEXT);
    history_add(all->history, lookup->id, result);
    if (!end->err)
        all->expected_ms += (all->clock->now_ms - lookup->started_ms - all->expected_ms) / 8;
    ending_tell(task, end, result, all->clock->now_ms - lookup->started_ms, lookup->n_waiters);
    struct waiter *waiters = gather(lookup);
    forget(lookup);
    tell_all(waiters, outcome);
    result_unref(result);
}

/* ---- joining ---- */

static struct outcome refusal(enum err err, int retry_after_s)
{
    struct outcome outcome = outcome_of(err);

    outcome.retry_after_s = retry_after_s;
    return outcome;
}

/* Returns ERR_OK if this question may be paid for now; else fills *ret_refusal. */
static enum err check_hold(const struct lookups *all, const struct question *question,
                           struct outcome *ret_refusal)
{
    const char *detail;
    int64_t until_ms;
    enum err err = cooldown_check(all->cooldowns, question->key, &detail, &until_ms);

    if (err) {
        *ret_refusal = refusal(err, (int)((until_ms - all->clock->now_ms + 999) / 1000));
        ret_refusal->detail = detail;
        ret_refusal->charged = CHARGED_MAYBE;
    } else if (cooldowns_count(all->cooldowns) >= HOLDS_MAX) {
        err = ERR_OVERLOADED;
        *ret_refusal = refusal(err, OVERLOADED_S);
    }
    return err;
}

/* Creates a lookup and takes ownership of the question. Does not add it to the table. */
static struct lookup *new_lookup(struct lookups *all, struct question *question)
{
    struct lookup *lookup = xcalloc(1, sizeof *lookup);

    lookup->all = all;
    lookup->question = question;
    lookup->started_ms = all->clock->now_ms;
    lookup->task = (struct task){.question = question,
                                 .lookup_id = lookup->id,
                                 .payer = {lookup->client, ACCOUNT_NO_QUOTA, 1},
                                 .done = lookup_ended};
    return lookup;
}

static void put_in_table(struct lookup *lookup)
{
    struct lookups *all = lookup->all;

    HASH_ADD_KEYPTR(hh, all->table, lookup->question->key, HASH_SIZE, lookup);
    HASH_ADD_KEYPTR(hh_id, all->by_id, lookup->id, ID_LEN, lookup);
}

static enum err start(struct lookups *all, const struct question *question,
                      const struct account_ref *account, struct lookup **ret_lookup,
                      struct outcome *ret_refusal)
{
    enum err err = check_hold(all, question, ret_refusal);
    int retry_after_s = 0;

    if (err)
        return err;
    struct lookup *lookup = new_lookup(all, question_copy(question));
    id_new(lookup->id);
    snprintf(lookup->client, sizeof lookup->client, "%s", account->name);
    lookup->task.payer.quota = account->quota;
    lookup->task.payer.weight = account->weight;
    err = batcher_add(all->batcher, &lookup->task, &retry_after_s);
    if (err) {
        *ret_refusal = refusal(err, retry_after_s);
        question_free(lookup->question);
        free(lookup);
        return err;
    }
    put_in_table(lookup);
    *ret_lookup = lookup;
    return ERR_OK;
}

static struct lookup *find(const struct lookups *all, const unsigned char *key)
{
    struct lookup *lookup;

    HASH_FIND(hh, all->table, key, HASH_SIZE, lookup);
    return lookup;
}

enum err lookup_join(struct lookups *all, const struct question *question, struct waiter *waiter,
                     struct outcome *ret_refusal)
{
    struct lookup *lookup = find(all, question->key);
    bool collapsed = lookup != NULL;
    enum err err = ERR_OK;

    if (all->n_waiters >= all->options.max_waiters) {
        err = ERR_OVERLOADED;
        *ret_refusal = refusal(err, OVERLOADED_S);
    } else if (!lookup) {
        err = start(all, question, &waiter->account, &lookup, ret_refusal);
    }
    if (!err)
        attach(lookup, waiter, collapsed);
    if (!err && collapsed)
        metrics_add(&metrics_mine()->lookups_coalesced, 1);
    return err;
}

void lookups_drain(struct lookups *all, enum err err)
{
    struct outcome outcome = outcome_of(err);
    struct lookup *lookup, *next;

    outcome.detail =
        "the lookup continues after the restart; repeat the request to join it at no cost";
    outcome.charged = CHARGED_MAYBE;
    HASH_ITER (hh, all->table, lookup, next) {
        memcpy(outcome.lookup_id, lookup->id, ID_TEXT);
        tell_all(gather(lookup), outcome);
    }
}

/* ---- recovery ---- */

struct task *lookup_adopt(struct lookups *all, const struct store_task *stored, int64_t age_ms)
{
    if (find(all, stored->key))
        return NULL;
    struct lookup *lookup =
        new_lookup(all, question_restore(stored->key, stored->domain,
                                         (const char *[QUESTION_PARTS]){NULL, stored->company_name,
                                                                        stored->city, stored->state,
                                                                        stored->country}));
    snprintf(lookup->id, sizeof lookup->id, "%s", stored->lookup_id);
    snprintf(lookup->task.tracking_id, sizeof lookup->task.tracking_id, "%s", stored->tracking_id);
    lookup->started_ms -= age_ms;
    lookup->task.queued_ms = lookup->started_ms;
    lookup->promised = lookup->wanted = true;
    put_in_table(lookup);
    return &lookup->task;
}

void lookup_hold(struct lookups *all, const struct store_task *stored, int64_t hold_ms)
{
    cooldown_set(
        all->cooldowns, stored->key, stored->err ? stored->err : ERR_UPSTREAM_OUTCOME_UNKNOWN,
        *stored->detail ? stored->detail : "the server stopped while submitting the lookup",
        all->clock->now_ms + hold_ms);
}

/* ---- stored results and status ---- */

enum err lookup_recall(struct lookups *all, const unsigned char key[HASH_SIZE],
                       const struct result **ret_result)
{
    return results_find(&all->results, key, ret_result);
}

void lookup_forget_key(struct lookups *all, const unsigned char key[HASH_SIZE])
{
    cache_remove(all->results.cache, key);
    history_forget_key(all->history, key);
}

static void forgotten(void *arg, const unsigned char key[HASH_SIZE])
{
    lookup_forget_key(arg, key);
}

enum err lookup_forget_domain(struct lookups *all, const char *domain, size_t *ret_n)
{
    size_t on_disk;
    enum err err = store_forget_domain(all->store, domain, forgotten, all, &on_disk);

    if (err)
        return err;
    *ret_n = on_disk + cache_remove_domain(all->results.cache, domain);
    history_forget_domain(all->history, domain);
    return ERR_OK;
}

/* Returns the result of a lookup that is not in flight, from memory or from the store; borrowed. */
static const struct result *find_ended(struct lookups *all, const char *id)
{
    const struct result *result = history_find(all->history, id);

    if (!result && store_find_lookup(all->store, id, &result) == ERR_OK) {
        history_add(all->history, id, result);
        result_unref(result); /* the history holds a reference */
    }
    return result;
}

enum err lookup_find(struct lookups *all, const char *id, struct lookup_state *ret_state)
{
    struct lookup *lookup = NULL;
    struct lookup_state state = {.phase = TASK_ENDED, .expected_ms = all->expected_ms};

    if (strlen(id) == ID_LEN)
        HASH_FIND(hh_id, all->by_id, id, ID_LEN, lookup);
    if (lookup) {
        state.phase = batch_task_phase(&lookup->task);
        memcpy(state.domain, lookup->question->domain.name, sizeof state.domain);
        state.elapsed_ms = all->clock->now_ms - lookup->started_ms;
        state.retry_after_s = retry_after_s(lookup);
    } else {
        state.result = find_ended(all, id);
        if (!state.result)
            return ERR_NOT_FOUND;
    }
    *ret_state = state;
    return ERR_OK;
}

struct lookup_stats lookups_stats(const struct lookups *all)
{
    return (struct lookup_stats){.lookups = HASH_COUNT(all->table),
                                 .waiters = all->n_waiters,
                                 .held = cooldowns_count(all->cooldowns),
                                 .gone = all->n_gone};
}

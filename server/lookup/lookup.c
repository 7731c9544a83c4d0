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
#include "lookup/history.h"
#include "lookup/hold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define OVERLOADED_S   5     /* when it is worth asking again */
#define FIRST_GUESS_MS 30000 /* of a lookup's time: the vendor's submit takes about 26 s */

struct lookup {
    struct lookups *all;
    char id[ID_TEXT];
    struct question *question; /* its key is the table's */
    struct task task;
    struct waiter *waiters;
    size_t n_waiters;
    int64_t started_ms;
    bool promised; /* somebody was told to ask again later: not to be dropped any more */
    UT_hash_handle hh, hh_id;
};

struct lookups {
    struct lookup_options options;
    const struct clock *clock;
    struct timers *timers;
    struct cache *cache;
    struct batches *batches;
    struct holds *holds;
    struct history *history;
    struct lookup *table, *by_id;
    size_t n_waiters;
    uint64_t n_gone;
    int64_t expected_ms; /* moving average of what lookups really took */
};

/* Two results came for one tracking id, and the first of them is in the cache: out with it. It may
 * not be bought again at once, because it was paid for. */
static void doubt(void *arg, const unsigned char key[HASH_SIZE])
{
    struct lookups *all = arg;

    cache_remove(all->cache, key);
    hold_put(all->holds, key, ERR_UPSTREAM_INVALID_RESPONSE,
             "the upstream sent two results for this lookup",
             all->clock->now_ms + all->options.unknown_hold_ms);
}

struct lookups *lookups_new(const struct lookup_options *options, const struct clock *clock,
                            struct timers *timers, struct cache *cache, struct batches *batches)
{
    struct lookups *all = xcalloc(1, sizeof *all);

    all->options = *options;
    all->clock = clock;
    all->timers = timers;
    all->cache = cache;
    all->batches = batches;
    all->holds = holds_new(timers);
    all->history = history_new(options->max_history);
    all->expected_ms = FIRST_GUESS_MS;
    batches_on_doubt(batches, doubt, all);
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
    holds_free(all->holds);
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

    outcome.detail = "the lookup goes on; asking again joins it and costs nothing";
    outcome.charged = lookup->task.phase == TASK_QUEUED ? CHARGED_NO : CHARGED_MAYBE;
    outcome.retry_after_s = retry_after_s(lookup);
    outcome.collapsed = waiter->collapsed;
    outcome.phase = batch_phase(&lookup->task);
    outcome.elapsed_ms = lookup->all->clock->now_ms - lookup->started_ms;
    outcome.expected_ms = lookup->all->expected_ms;
    memcpy(outcome.lookup_id, lookup->id, ID_TEXT);
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

    lookup->all->n_gone++;
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

static const struct result *result_of(const struct lookup *lookup, const struct task_end *end)
{
    const struct lookups *all = lookup->all;

    if (!end->err)
        return answer_of(lookup, end->answer);
    return result_new_failure(lookup->question->key, end->err, end->detail, end->charged,
                              all->clock->wall_ms, jittered(all, all->options.ttl_failed_ms));
}

static bool has_answer(const struct lookup *lookup)
{
    const struct result *cached = cache_find(lookup->all->cache, lookup->question->key);
    bool is_answer = cached && !cached->err;

    result_unref(cached);
    return is_answer;
}

/* Answers are cached; and for a short while that the vendor could not do it, so that a crowd does
 * not pay for the same failure again and again. A failure does not push an older answer out, which
 * may still be served: then the question rests instead. True when the result is in the cache. */
static bool store(const struct lookup *lookup, const struct result *result)
{
    const struct lookups *all = lookup->all;

    if (result->err && result->err != ERR_LOOKUP_FAILED)
        return false;
    if (result->err && has_answer(lookup)) {
        hold_put(all->holds, result->key, result->err, result->detail,
                 all->clock->now_ms + result->expires_ms - result->fetched_ms);
        return false;
    }
    cache_put(all->cache, result);
    return true;
}

/* A task may exist, and may have been billed, of which nobody knows the result: the question rests
 * for a while. */
static void hold_if_unknown(const struct lookup *lookup, const struct task_end *end)
{
    const struct lookups *all = lookup->all;

    if (end->err == ERR_UPSTREAM_OUTCOME_UNKNOWN || end->err == ERR_UPSTREAM_INVALID_RESPONSE)
        hold_put(all->holds, lookup->question->key, end->err, end->detail,
                 all->clock->now_ms + all->options.unknown_hold_ms);
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
    struct outcome outcome = {.err = end->err,
                              .result = result,
                              .detail = end->detail,
                              .charged = end->charged,
                              .retry_after_s = end->retry_after_s};

    outcome.stored = store(lookup, result);
    memcpy(outcome.lookup_id, lookup->id, ID_TEXT);
    hold_if_unknown(lookup, end);
    history_add(all->history, lookup->id, result);
    if (!end->err)
        all->expected_ms += (all->clock->now_ms - lookup->started_ms - all->expected_ms) / 8;
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

/* May this question be paid for now? ERR_OK, or *ret_refusal is filled. */
static enum err check_hold(const struct lookups *all, const struct question *question,
                           struct outcome *ret_refusal)
{
    const char *detail;
    int64_t until_ms;
    enum err err = hold_find(all->holds, question->key, &detail, &until_ms);

    if (err) {
        *ret_refusal = refusal(err, (int)((until_ms - all->clock->now_ms + 999) / 1000));
        ret_refusal->detail = detail;
        ret_refusal->charged = CHARGED_MAYBE;
    } else if (holds_count(all->holds) >= HOLDS_MAX) {
        err = ERR_OVERLOADED;
        *ret_refusal = refusal(err, OVERLOADED_S);
    }
    return err;
}

/* Starts a lookup; takes the question over only when that succeeds. */
static enum err start(struct lookups *all, struct question *question, const char *client,
                      struct lookup **ret_lookup, struct outcome *ret_refusal)
{
    enum err err = check_hold(all, question, ret_refusal);
    int retry_after_s = 0;

    if (err)
        return err;
    struct lookup *lookup = xcalloc(1, sizeof *lookup);
    err = batch_add(all->batches, &lookup->task, question, client, lookup_ended, &retry_after_s);
    if (err) {
        *ret_refusal = refusal(err, retry_after_s);
        free(lookup);
        return err;
    }
    lookup->all = all;
    lookup->question = question;
    lookup->started_ms = all->clock->now_ms;
    id_new(lookup->id);
    HASH_ADD_KEYPTR(hh, all->table, question->key, HASH_SIZE, lookup);
    HASH_ADD_KEYPTR(hh_id, all->by_id, lookup->id, ID_LEN, lookup);
    *ret_lookup = lookup;
    return ERR_OK;
}

static enum err find_or_start(struct lookups *all, struct question *question, const char *client,
                              struct lookup **ret_lookup, bool *ret_collapsed,
                              struct outcome *ret_refusal)
{
    struct lookup *lookup;

    if (all->n_waiters >= all->options.max_waiters) {
        *ret_refusal = refusal(ERR_OVERLOADED, OVERLOADED_S);
        question_free(question);
        return ERR_OVERLOADED;
    }
    HASH_FIND(hh, all->table, question->key, HASH_SIZE, lookup);
    *ret_collapsed = lookup != NULL;
    enum err err = lookup ? ERR_OK : start(all, question, client, &lookup, ret_refusal);
    if (err || *ret_collapsed)
        question_free(question);
    if (!err)
        *ret_lookup = lookup;
    return err;
}

enum err lookup_join(struct lookups *all, struct question *question, const char *client,
                     int64_t deadline_ms, waiter_done_fn *done, struct waiter *waiter,
                     struct outcome *ret_refusal)
{
    struct lookup *lookup;
    bool collapsed;
    enum err err = find_or_start(all, question, client, &lookup, &collapsed, ret_refusal);

    if (err)
        return err;
    attach(lookup, waiter, deadline_ms, done);
    waiter->collapsed = collapsed;
    return ERR_OK;
}

void lookups_drain(struct lookups *all, enum err err)
{
    struct waiter *everybody = NULL;
    struct lookup *lookup, *next;

    batches_drain(all->batches);
    HASH_ITER (hh, all->table, lookup, next) {
        struct waiter *some = gather(lookup);
        DL_CONCAT(everybody, some);
    }
    tell_all(everybody, outcome_of(err));
}

/* ---- from outside ---- */

enum err lookup_find(const struct lookups *all, const char *id, struct lookup_state *ret_state)
{
    struct lookup *lookup = NULL;
    struct lookup_state state = {.phase = TASK_ENDED, .expected_ms = all->expected_ms};

    if (strlen(id) == ID_LEN)
        HASH_FIND(hh_id, all->by_id, id, ID_LEN, lookup);
    if (lookup) {
        state.phase = batch_phase(&lookup->task);
        memcpy(state.domain, lookup->question->domain.name, sizeof state.domain);
        state.elapsed_ms = all->clock->now_ms - lookup->started_ms;
    } else {
        state.result = history_find(all->history, id);
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
                                 .held = holds_count(all->holds),
                                 .gone = all->n_gone};
}

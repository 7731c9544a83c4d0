/* SPDX-License-Identifier: MIT */
/* results.c - see results.h. */
#include "lookup/records/results.h"

#include "base/buf.h"
#include "base/id.h"
#include "base/mem.h"
#include "model/freshness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define DETAIL_MAX 1024 /* bytes; the upstream's message has at most 200 */

static void written(void *arg, const unsigned char key[HASH_SIZE], bool is_deletion)
{
    if (is_deletion)
        reads_deleted(arg, key);
    else
        reads_stored(arg, key);
}

void results_init(struct results *results, struct timers *timers)
{
    results->cooldowns = cooldowns_new(timers);
    results->finished =
        finished_new(results->options.max_finished, results->options.max_finished_bytes);
    results->reads =
        reads_new(&(struct read_tools){results->calls, results->cache, results->journal});
    journal_on_written(results->journal, written, results->reads);
    results->puts = xcalloc(1, sizeof *results->puts);
}

void results_done(struct results *results)
{
    cooldowns_free(results->cooldowns);
    finished_free(results->finished);
    reads_free(results->reads);
    free(results->puts);
}

static int64_t jittered(const struct results *results, int64_t ttl_ms)
{
    int64_t span = ttl_ms / 100 * results->options.ttl_jitter_percent;

    return ttl_ms - span + (int64_t)((double)span * 2.0 * id_random() / 4294967296.0);
}

/* `facts` has what is known of the question, and when its result was fetched. */
static const struct result *answer_of(const struct results *results, struct result_facts facts,
                                      const struct openmart_task *answer)
{
    autofree struct result_email *emails = xcalloc(answer->n_emails, sizeof *emails);

    facts.emails = emails;
    facts.n_emails = answer->n_emails;
    facts.ttl_found_ms = jittered(results, results->options.ttl_found_ms);
    facts.ttl_empty_ms = jittered(results, results->options.ttl_empty_ms);
    facts.truncated = answer->truncated;
    for (size_t i = 0; i < answer->n_emails; i++)
        emails[i] = (struct result_email){answer->emails[i].email, answer->emails[i].status};
    return result_new_answer(&facts);
}

const struct result *result_of_task_end(const struct results *results,
                                        const struct question *question, const struct task_end *end)
{
    const struct result_facts facts = {.key = question->key,
                                       .domain = question->parts.domain,
                                       .company_name = question->parts.company_name,
                                       .fetched_ms = results->clock->wall_ms};

    if (!end->err)
        return answer_of(results, facts, end->answer);
    return result_new_failure(question->key, end->err, end->detail, end->charged,
                              results->clock->wall_ms,
                              jittered(results, results->options.ttl_failed_ms));
}

const struct result *result_of_raw(const struct results *results, const struct store_raw *raw,
                                   const struct openmart_task *answer)
{
    const struct result_facts facts = {.key = raw->key,
                                       .domain = raw->domain,
                                       .company_name = raw->company_name,
                                       .fetched_ms = raw->stored_ms};

    return answer_of(results, facts, answer);
}

/* ---- storing ---- */

int64_t results_hold_ms(const struct results *results, bool has_task_id)
{
    int64_t hold_ms = results->options.unknown_hold_ms;

    return has_task_id && hold_ms < RESULTS_RAW_HOLD_MS ? RESULTS_RAW_HOLD_MS : hold_ms;
}

void results_cool_down(const struct results *results, const unsigned char key[HASH_SIZE],
                       const struct cooldown_cause *cause, int64_t ms)
{
    const char *detail = cause->detail;
    struct buf autobuf text = BUF_INIT(DETAIL_MAX);
    char until[CLOCK_TEXT];

    if (ms <= 0)
        return;
    clock_rfc3339(results->clock->wall_ms + ms, until);
    buf_addf(&text, "%s%sthe question is in cooldown until %s", detail ? detail : "",
             detail ? "; " : "", until);
    const struct cooldown_cause said = {cause->lookup_id, cause->err,
                                        buf_check(&text) ? detail : buf_str(&text)};
    cooldown_set(results->cooldowns, key, &said, results->clock->now_ms + ms);
}

/* Makes the end available. A failure is cached only if it is in the store now: then there is no
 * successful result that it would hide. Else a cooldown prevents another paid lookup. */
static void make_available(struct results_put *put)
{
    const struct results *results = put->results;
    const struct result *result = put->result;
    bool has_failed = result->err == ERR_LOOKUP_FAILED;
    /* A task may exist and have been billed without a known result, so a retry might pay again. */
    bool is_unknown =
        result->err == ERR_UPSTREAM_OUTCOME_UNKNOWN || result->err == ERR_UPSTREAM_INVALID_RESPONSE;
    bool is_kept = !put->is_purged && (!result->err || (has_failed && put->receipt.has_stored));
    const struct cooldown_cause cause = {put->lookup_id, result->err, result->detail};

    if (is_unknown)
        results_cool_down(results, result->key, &cause, results_hold_ms(results, put->has_task_id));
    else if (has_failed && !is_kept)
        results_cool_down(results, result->key, &cause, freshness_life_ms(result));
    put->is_cached = is_kept && cache_put(results->cache, result);
    if (!put->is_purged)
        finished_add(results->finished, put->lookup_id, result);
}

static void is_recorded(struct journal_receipt *receipt)
{
    struct results_put *put = container_of(receipt, struct results_put, receipt);

    DL_DELETE(*put->results->puts, put);
    make_available(put);
    put->done(put);
}

static bool has_cached_answer(const struct results *results, const unsigned char *key)
{
    const struct result *cached = cache_find(results->cache, key);
    bool has = cached && !cached->err;

    result_unref(cached);
    return has;
}

/* Returns what the store shall store; NULL = nothing. It does not replace an answer by a failure,
 * but only the cache may have one. */
static const struct result *kept_of(const struct results *results, const struct result *result)
{
    bool may_keep = !result->err ||
                    (result->err == ERR_LOOKUP_FAILED && !has_cached_answer(results, result->key));

    return may_keep ? result : NULL;
}

bool results_put(const struct results *results, struct results_put *put, const struct task *task,
                 const struct task_end *end)
{
    put->results = results;
    put->lookup_id = task->lookup_id;
    put->has_task_id = end->task_id != NULL;
    put->is_purged = false;
    put->receipt = (struct journal_receipt){.done = is_recorded};
    if (end->task_id)
        journal_end_task(results->journal, task, end, kept_of(results, put->result));
    if (!end->is_recorded || !journal_wait(results->journal, &put->receipt)) {
        make_available(put);
        return false;
    }
    DL_APPEND(*results->puts, put);
    return true;
}

void results_cancel_put(struct results_put *put)
{
    journal_cancel_wait(put->results->journal, &put->receipt);
    DL_DELETE(*put->results->puts, put);
}

bool results_is_storing(const struct results *results, const unsigned char key[HASH_SIZE])
{
    const struct results_put *put;

    DL_FOREACH (*results->puts, put)
        if (memcmp(put->result->key, key, HASH_SIZE) == 0)
            return true;
    for (size_t i = 0; i < results->n_parsed; i++)
        if (results->parsed[i].result &&
            memcmp(results->parsed[i].result->key, key, HASH_SIZE) == 0)
            return true;
    return results->n_resolved > 0;
}

/* The result of that question is not available any more, so it must not become so. */
static void purge_puts(const struct results *results, const unsigned char key[HASH_SIZE])
{
    struct results_put *put;

    DL_FOREACH (*results->puts, put)
        if (memcmp(put->result->key, key, HASH_SIZE) == 0)
            put->is_purged = true;
}

void results_resolved(const struct results *results, const unsigned char key[HASH_SIZE],
                      const char *lookup_id)
{
    cooldown_end(results->cooldowns, key, lookup_id);
    results_forget_key(results, key);
}

/* The result of that question is not trusted any more, and is not returned. */
static void replace_answers(const struct results *results, const unsigned char *key,
                            const char *why)
{
    struct results_put *put;

    DL_FOREACH (*results->puts, put) {
        if (put->result->err || memcmp(put->result->key, key, HASH_SIZE) != 0)
            continue;
        result_unref(put->result);
        put->result = result_new_failure(key, ERR_UPSTREAM_INVALID_RESPONSE, why, CHARGED_YES,
                                         results->clock->wall_ms, 0);
        put->has_task_id = false; /* another lookup may well bring a result that is trusted */
    }
}

void results_invalidate(const struct results *results, const unsigned char key[HASH_SIZE],
                        const char *why)
{
    results_forget_key(results, key);
    replace_answers(results, key, why);
    journal_forget(results->journal, key);
    const struct cooldown_cause cause = {.err = ERR_UPSTREAM_INVALID_RESPONSE, .detail = why};
    results_cool_down(results, key, &cause, results->options.unknown_hold_ms);
}

/* ---- deleting ---- */

bool results_wait(const struct results *results)
{
    return journal_check(results->journal) || results->n_resolved > 0;
}

static void report_forgotten(const struct results *results, const unsigned char *key,
                             const char *domain)
{
    if (results->forgotten)
        results->forgotten(results->forgotten_arg, key, domain);
}

static void forget_available(const struct results *results, const unsigned char *key)
{
    reads_deleted(results->reads, key);
    cache_remove(results->cache, key);
    finished_forget_key(results->finished, key);
    report_forgotten(results, key, NULL);
}

void results_forget_key(const struct results *results, const unsigned char key[HASH_SIZE])
{
    purge_puts(results, key);
    forget_available(results, key);
}

/* What was recorded before the deletion is available; what still waits was recorded after it, and
 * stays. A failure in memory names no domain, so it is found by its key. */
static void forget_in_memory(struct results_deletion *deletion)
{
    const struct results *results = deletion->results;

    for (size_t i = 0; i < deletion->call.n_keys; i++)
        forget_available(results, deletion->call.keys[i]);
    reads_deleted_domain(results->reads, deletion->domain);
    deletion->n = deletion->call.n + cache_remove_domain(results->cache, deletion->domain);
    finished_forget_domain(results->finished, deletion->domain);
    report_forgotten(results, NULL, deletion->domain);
}

/* A resolved task that failed may have been stored before the deletion, and its repetition comes
 * after it: it would bring the result back, to the store or to memory. So another deletion is
 * needed after it. */
static void deleted(struct store_call *call)
{
    struct results_deletion *deletion = container_of(call, struct results_deletion, call.call);

    deletion->err = deletion->results->n_repeated ? ERR_STORAGE_UNAVAILABLE : call->err;
    if (!call->err)
        forget_in_memory(deletion);
    free(TAKE(deletion->call.keys));
    deletion->done(deletion);
}

void results_forget_domain(struct results *results, const char *domain,
                           struct results_deletion *deletion)
{
    deletion->results = results;
    snprintf(deletion->domain, sizeof deletion->domain, "%s", domain);
    deletion->n = 0;
    deletion->call.call.done = deleted;
    deletion->call.domain = deletion->domain;
    store_post_forget_domain(results->calls, &deletion->call);
}

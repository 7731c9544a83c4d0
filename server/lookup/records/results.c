/* SPDX-License-Identifier: MIT */
/* results.c - see results.h. */
#include "lookup/records/results.h"

#include "base/id.h"
#include "base/mem.h"

#include <stdlib.h>

static int64_t jittered(const struct keep *keep, int64_t ttl_ms)
{
    int64_t span = ttl_ms / 100 * keep->options.ttl_jitter_percent;

    return ttl_ms - span + (int64_t)((double)span * 2.0 * id_random() / 4294967296.0);
}

static const struct result *answer_of(const struct keep *keep, const struct question *question,
                                      const struct openmart_task *answer)
{
    autofree struct result_email *emails = xcalloc(answer->n_emails, sizeof *emails);
    struct result_facts facts = {
        .key = question->key,
        .domain = question->domain.name,
        .company_name = question->company_name,
        .emails = emails,
        .n_emails = answer->n_emails,
        .fetched_ms = keep->clock->wall_ms,
        .ttl_found_ms = jittered(keep, keep->options.ttl_found_ms),
        .ttl_empty_ms = jittered(keep, keep->options.ttl_empty_ms),
        .truncated = answer->truncated,
    };

    for (size_t i = 0; i < answer->n_emails; i++)
        emails[i] = (struct result_email){answer->emails[i].email, answer->emails[i].status};
    return result_new_answer(&facts);
}

const struct result *keep_result(const struct keep *keep, const struct question *question,
                                 const struct task_end *end)
{
    if (!end->err)
        return answer_of(keep, question, end->answer);
    return result_new_failure(question->key, end->err, end->detail, end->charged,
                              keep->clock->wall_ms, jittered(keep, keep->options.ttl_failed_ms));
}

/* ---- putting ---- */

static bool has_answer(const struct keep *keep, const unsigned char *key)
{
    const struct result *kept = NULL;
    bool is_answer = keep_find(keep, key, &kept) == ERR_OK && !kept->err;

    result_unref(kept);
    return is_answer;
}

static void hold(const struct keep *keep, const struct result *result, int64_t ms)
{
    hold_put(keep->holds, result->key, result->err, result->detail, keep->clock->now_ms + ms);
}

/* May it be kept? What may not is held, where asking again might pay again: a task may exist, and
 * may have been billed, of which nobody knows the result. */
static bool is_keepable(const struct keep *keep, const struct result *result)
{
    bool unknown =
        result->err == ERR_UPSTREAM_OUTCOME_UNKNOWN || result->err == ERR_UPSTREAM_INVALID_RESPONSE;
    bool failed = result->err == ERR_LOOKUP_FAILED;
    bool keepable = !result->err || (failed && !has_answer(keep, result->key));

    if (unknown)
        hold(keep, result, keep->options.unknown_hold_ms);
    else if (failed && !keepable)
        hold(keep, result, result->expires_ms - result->fetched_ms);
    return keepable;
}

bool keep_put(const struct keep *keep, const struct task *task, const struct task_end *end,
              const struct result *result, bool wanted)
{
    bool keepable = is_keepable(keep, result) && wanted;

    if (end->task_id)
        journal_end_task(keep->journal, task, end, keepable ? result : NULL);
    return keepable && cache_put(keep->cache, result);
}

/* ---- finding ---- */

enum err keep_find(const struct keep *keep, const unsigned char key[HASH_SIZE],
                   const struct result **ret_result)
{
    const struct result *result = cache_find(keep->cache, key);

    if (!result) {
        enum err err = store_find(keep->store, key, &result);
        if (err == ERR_STORAGE_UNAVAILABLE)
            journal_suspect(keep->journal);
        if (err)
            return err;
        cache_put(keep->cache, result);
    }
    *ret_result = result;
    return ERR_OK;
}

void keep_distrust(const struct keep *keep, const unsigned char key[HASH_SIZE], const char *why)
{
    cache_remove(keep->cache, key);
    /* When the store cannot do it now, the hold keeps the answer from being used for as long. */
    store_forget_key(keep->store, key);
    hold_put(keep->holds, key, ERR_UPSTREAM_INVALID_RESPONSE, why,
             keep->clock->now_ms + keep->options.unknown_hold_ms);
}

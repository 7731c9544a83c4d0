/* SPDX-License-Identifier: MIT */
/* results.h - stores a finished lookup: result to cache and store, or a cooldown.
 *
 * Successful results are stored. A lookup that failed upstream is stored for a short time, so that
 * many clients do not pay repeatedly for the same failure. It does not replace an older successful
 * result, which may still be served; the question enters a cooldown instead. It also does so if the
 * outcome is unknown. Engine thread only. */
#ifndef LOOKUP_RECORDS_RESULTS_H
#define LOOKUP_RECORDS_RESULTS_H

#include "base/clock.h"
#include "cache/cache.h"
#include "lookup/records/cooldown.h"
#include "lookup/records/journal.h"
#include "lookup/records/task.h"
#include "model/question.h"
#include "model/result.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct results_options {
    int64_t ttl_found_ms, ttl_empty_ms, ttl_failed_ms;
    int ttl_jitter_percent;  /* each TTL varies by up to this much, both ways */
    int64_t unknown_hold_ms; /* cooldown after an unknown outcome */
};

/* All pointers are borrowed. */
struct results {
    struct results_options options;
    const struct clock *clock;
    struct cache *cache;
    struct store *store;
    struct journal *journal;
    struct cooldowns *cooldowns;
};

/* Creates the result of an end. The caller owns the reference. */
const struct result *result_of_task_end(const struct results *results,
                                        const struct question *question,
                                        const struct task_end *end);

/* Journals the end of the task unless that is done already (end->task_id NULL), and stores the
 * result or starts a cooldown. `wanted` false: every waiter asked for no storage, so the result
 * goes neither to the cache nor to the store; journal entry and cooldown are unaffected. Returns
 * true if the result is in the cache now. There is no error: the journal retries a failed write. */
bool results_put(const struct results *results, const struct task *task, const struct task_end *end,
                 const struct result *result, bool wanted);

/* Finds the result of the question in the cache, or in the store (and then adds it to the cache).
 * A cooldown does not matter: it prevents a paid lookup, not the use of an earlier result.
 * Returns ERR_NO_ENTRY if there is no result, ERR_STORAGE_UNAVAILABLE if the store cannot be read.
 * The caller owns the reference. */
enum err results_find(const struct results *results, const unsigned char key[HASH_SIZE],
                      const struct result **ret_result);

/* Finds the outcome of a finished lookup in the store; as store_find_lookup(). */
enum err results_find_lookup(const struct results *results, const char *lookup_id,
                             const struct result **ret_result);

/* Removes an untrusted result from cache and store, and starts a cooldown, since the lookup was
 * paid. From now on it is not found, even if the store fails and is written later. */
void results_invalidate(const struct results *results, const unsigned char key[HASH_SIZE],
                        const char *why);

#endif

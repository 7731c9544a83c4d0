/* SPDX-License-Identifier: MIT */
/* results.h - what the end of a lookup leaves behind: a result in the cache and in the store, or a
 * hold on its question.
 *
 * Answers are kept; and for a short while that the vendor could not do it, so that a crowd does not
 * pay for the same failure again and again. A failure does not push an older answer out, which may
 * still be served: then the question rests instead. It rests too when its outcome is unknown.
 * Engine thread only. */
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
    int ttl_jitter_percent;  /* each time to live is moved by up to so much, both ways */
    int64_t unknown_hold_ms; /* how long a question whose outcome is unknown is not asked again */
};

/* All borrowed. */
struct results {
    struct results_options options;
    const struct clock *clock;
    struct cache *cache;
    struct store *store;
    struct journal *journal;
    struct cooldowns *cooldowns;
};

/* The result that the end amounts to. The reference is the caller's. */
const struct result *result_of_task_end(const struct results *results,
                                        const struct question *question,
                                        const struct task_end *end);

/* Writes the end into the journal, where that was not done, and puts the result where it belongs.
 * `wanted` false: the askers want it kept nowhere. True when it is in the cache now. */
bool results_put(const struct results *results, const struct task *task, const struct task_end *end,
                 const struct result *result, bool wanted);

/* What is kept for the question, from the cache or else from the store (then it is in the cache
 * afterwards). ERR_ABSENT when nothing is; ERR_STORAGE_UNAVAILABLE when that cannot be told. The
 * reference is the caller's. */
enum err results_find(const struct results *results, const unsigned char key[HASH_SIZE],
                      const struct result **ret_result);

/* The answer kept for that question cannot be trusted: out with it, and the question rests, because
 * it was paid for. */
void results_invalidate(const struct results *results, const unsigned char key[HASH_SIZE],
                        const char *why);

#endif

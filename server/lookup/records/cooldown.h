/* SPDX-License-Identifier: MIT */
/* cooldown.h - cooldowns: suppresses paid retries of a question.
 *
 * If the outcome of a submit is unknown, its tasks may have been created and billed. An immediate
 * retry might pay twice, so the same question fails with the same error until the cooldown is over.
 * Cooldowns are separate from the cache, which may evict any entry. Engine thread only. */
#ifndef LOOKUP_RECORDS_COOLDOWN_H
#define LOOKUP_RECORDS_COOLDOWN_H

#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/timer.h"

#include <stddef.h>
#include <stdint.h>

#define COOLDOWNS_MAX 100000 /* if full, new lookups are rejected: one might be paid twice */

struct cooldowns;

struct cooldowns *cooldowns_new(struct timers *timers);
/* NULL is a no-op. */
void cooldowns_free(struct cooldowns *cooldowns);

/* Why a question is in cooldown. */
struct cooldown_cause {
    const char *lookup_id; /* of the lookup that was or may have been paid for; NULL = none */
    enum err err;
    const char *detail; /* may be NULL */
};

/* Starts a cooldown until `until_ms` (monotonic); copies the cause. Replaces that of the same
 * lookup. If the question is in cooldown because of another lookup, the one that ends later stays:
 * each may have been paid for. */
void cooldown_set(struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE],
                  const struct cooldown_cause *cause, int64_t until_ms);

/* Returns ERR_OK if the question is not in cooldown; else the error, its detail (may be NULL; valid
 * until the cooldown ends) and the end of the cooldown (monotonic). */
enum err cooldown_check(const struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE],
                        const char **ret_detail, int64_t *ret_until_ms);

/* Ends the cooldown of a question now, unless there is none or another lookup is its cause. */
void cooldown_end(struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE],
                  const char *lookup_id);

size_t cooldowns_count(const struct cooldowns *cooldowns);

#endif

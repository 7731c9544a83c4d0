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

/* Starts a cooldown until `until_ms` (monotonic); replaces an earlier one of the question. `detail`
 * is copied and may be NULL. */
void cooldown_set(struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE], enum err err,
                  const char *detail, int64_t until_ms);

/* Says which lookup the cooldown of the question is about, until it is set again. No-op if there is
 * no cooldown. */
void cooldown_set_lookup(struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE],
                         const char *lookup_id);

/* Returns ERR_OK if the question is not in cooldown; else the error, its detail (may be NULL; valid
 * until the cooldown ends) and the end of the cooldown (monotonic). */
enum err cooldown_check(const struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE],
                        const char **ret_detail, int64_t *ret_until_ms);

/* Ends the cooldown of a question now; a no-op if there is none. */
void cooldown_end(struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE]);

/* The same, unless it is not about that lookup. */
void cooldown_end_lookup(struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE],
                         const char *lookup_id);

size_t cooldowns_count(const struct cooldowns *cooldowns);

#endif

/* SPDX-License-Identifier: MIT */
/* cooldown.h - questions that must not be paid for again for a while.
 *
 * When the outcome of a submit is unknown, its tasks may have been created and billed. Asking again
 * at once might pay twice, so the same question is answered with the same failure until the hold is
 * over. Holds are kept apart from the cache, because the cache may drop what it likes. Engine
 * thread only. */
#ifndef LOOKUP_RECORDS_COOLDOWN_H
#define LOOKUP_RECORDS_COOLDOWN_H

#include "base/err.h"
#include "base/hash.h"
#include "base/timer.h"

#include <stddef.h>
#include <stdint.h>

#define HOLDS_MAX 100000 /* past this no new lookup is started: money before service */

struct cooldowns;

struct cooldowns *cooldowns_new(struct timers *timers);
void cooldowns_free(struct cooldowns *cooldowns);

/* Holds the question until then; a second hold of the same question moves the time. `detail` is
 * copied and may be NULL. */
void cooldown_set(struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE], enum err err,
                  const char *detail, int64_t until_ms);

/* ERR_OK when the question is free; else the failure, its words (NULL = none; valid until the hold
 * ends) and its end. */
enum err cooldown_check(const struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE],
                        const char **ret_detail, int64_t *ret_until_ms);

size_t cooldowns_count(const struct cooldowns *cooldowns);

#endif

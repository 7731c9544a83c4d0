/* SPDX-License-Identifier: MIT */
/* finished.h - how the last lookups ended, by their ids, for those who ask for one later.
 *
 * A lookup in flight is found in the table of lookups; when it ends its end is kept here, the
 * oldest giving way to the newest. Engine thread only. */
#ifndef LOOKUP_RECORDS_FINISHED_H
#define LOOKUP_RECORDS_FINISHED_H

#include "base/err.h"
#include "base/id.h"
#include "model/result.h"

#include <stddef.h>

struct history;

/* At most `max` ends, and `max_bytes` of results. */
struct history *history_new(size_t max, size_t max_bytes);
void history_free(struct history *history);

/* `result` is how the lookup ended (an answer or a failure); a reference is taken. */
void history_add(struct history *history, const char *id, const struct result *result);

/* Borrowed until the next history_add(); NULL when unknown or forgotten. */
const struct result *history_find(const struct history *history, const char *id);

/* Forgets how lookups of that question, or about that domain, ended. */
void history_forget_key(struct history *history, const unsigned char key[HASH_SIZE]);
void history_forget_domain(struct history *history, const char *domain);

#endif

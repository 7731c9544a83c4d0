/* SPDX-License-Identifier: MIT */
/* finished.h - results of the last finished lookups, by lookup id.
 *
 * A lookup in flight is in the table of lookups. When it ends, its result is added here, and the
 * oldest results are evicted. Engine thread only. */
#ifndef LOOKUP_RECORDS_FINISHED_H
#define LOOKUP_RECORDS_FINISHED_H

#include "base/err.h"
#include "base/id.h"
#include "model/result.h"

#include <stddef.h>

struct history;

/* Holds at most `max` results, of `max_bytes` in total. */
struct history *history_new(size_t max, size_t max_bytes);
void history_free(struct history *history);

/* Adds the result of a lookup, successful or failed; takes a reference. */
void history_add(struct history *history, const char *id, const struct result *result);

/* Returns the result, borrowed until the next call that changes the history, or NULL if it is
 * unknown or evicted. */
const struct result *history_find(const struct history *history, const char *id);

/* Delete the results of that question, or about that domain. */
void history_forget_key(struct history *history, const unsigned char key[HASH_SIZE]);
void history_forget_domain(struct history *history, const char *domain);

#endif

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

struct finished;

/* Holds at most `max` results, of `max_bytes` in total. */
struct finished *finished_new(size_t max, size_t max_bytes);
void finished_free(struct finished *finished);

/* Adds the result of a lookup, successful or failed; takes a reference. Replaces an earlier one: an
 * unknown outcome may be resolved. */
void finished_add(struct finished *finished, const char *id, const struct result *result);

/* Returns the result, borrowed until the next call that changes the table, or NULL if it is
 * unknown or evicted. */
const struct result *finished_find(const struct finished *finished, const char *id);

/* Delete the results of that question, or about that domain. */
void finished_forget_key(struct finished *finished, const unsigned char key[HASH_SIZE]);
void finished_forget_domain(struct finished *finished, const char *domain);

#endif

/* SPDX-License-Identifier: MIT */
/* response_cache.h - per-worker cache of complete responses, keyed by the raw request.
 *
 * Parsing a query, mapping a name by UTS 46 and searching the Public Suffix List cost more than the
 * rest of a hit. So each worker remembers two things for the text of a plain request (target and
 * Accept, no header with other options). The key of the question is kept permanently. The complete
 * response is kept until the second ends, because then Age, max-age and Date change.
 *
 * A response is sent only while the shared cache still holds the result that it was made from and
 * that result is fresh. A lost entry only costs the slow path, so a newer entry replaces an older
 * one in its slot. The shared cache is read only if its change counter moved or the second changed.
 * That also keeps hit results from becoming the least recently used. One worker's thread only. */
#ifndef HTTP_CORE_RESPONSE_CACHE_H
#define HTTP_CORE_RESPONSE_CACHE_H

#include "base/clock.h"
#include "cache/cache.h"
#include "http/core/response.h"
#include "model/result.h"

#include <stddef.h>

struct hits;

#define HITS_TEXT 192 /* bytes; a longer request is not cached */

/* What makes two plain requests equal. */
struct hits_text {
    char bytes[HITS_TEXT];
    size_t len; /* 0 = not cacheable */
};

struct hits *hits_new(struct cache *cache);
void hits_free(struct hits *hits);

/* Drops all responses, because a new second has begun. */
void hits_new_second(struct hits *hits);

/* Returns the response to send, borrowed until the next call, or NULL. */
struct ready *hits_find(struct hits *hits, const struct hits_text *text, const struct clock *clock);

/* Finds the key and format of the question known for this text; false if unknown. *ret_key is
 * borrowed until hits_remember(). */
bool hits_question(const struct hits *hits, const struct hits_text *text,
                   const unsigned char **ret_key, enum result_format *ret_format);

/* Stores the question of this text and the response made from the fresh `result` in this second.
 * Takes its own references. */
void hits_remember(struct hits *hits, const struct hits_text *text, const struct result *result,
                   enum result_format format, struct ready *ready);

#endif

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

struct response_cache;

#define RESPONSE_CACHE_KEY_MAX 192 /* bytes; a longer request is not cached */

/* The text of a plain request. Requests with equal texts get equal responses. */
struct response_cache_key {
    char bytes[RESPONSE_CACHE_KEY_MAX];
    size_t len; /* 0 = not cacheable */
};

struct response_cache *response_cache_new(struct cache *results);
void response_cache_free(struct response_cache *cache);

/* Drops all responses, because a new second has begun. */
void response_cache_new_second(struct response_cache *cache);

/* Returns the response to send, borrowed until the next call, or NULL. */
struct response *response_cache_find(struct response_cache *cache,
                                     const struct response_cache_key *key,
                                     const struct clock *clock);

/* Finds the key and format of the question known for this text; false if unknown. *ret_key is
 * borrowed until response_cache_put(). */
bool response_cache_find_question(const struct response_cache *cache,
                                  const struct response_cache_key *key,
                                  const unsigned char **ret_key, enum result_format *ret_format);

/* Stores the question of this text and the response made from the fresh `result` in this second.
 * Takes its own references. */
void response_cache_put(struct response_cache *cache, const struct response_cache_key *key,
                        const struct result *result, enum result_format format,
                        struct response *response);

#endif

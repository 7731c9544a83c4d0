/* SPDX-License-Identifier: MIT */
/* response_cache.h - the fast path of a hit: a worker's memo of what it was asked and what it said.
 *
 * A question that is asked again and again need not be taken apart again and again: to parse a
 * query, map a name by UTS 46, walk the Public Suffix List and hash the question costs more than
 * the whole rest of a hit. So each worker remembers, by the raw text of plain requests (target and
 * Accept; no header that asks for something special), which question it was - for good - and which
 * response was sent - for the second in which it was made, because Age, max-age and Date change
 * with the next one.
 *
 * It never says what the cache would not say: a response is sent again only while the cache holds
 * the very result that it was made of, and while that is fresh. A lost entry only costs the slow
 * way, so the table is a plain array in which the newer takes the older's place. Nothing here is
 * shared with another thread; the cache's count of changes is read, and the cache itself only when
 * that moved or the second changed, which also keeps what is hit from being the least recently
 * used. One worker's thread only. */
#ifndef HTTP_CORE_RESPONSE_CACHE_H
#define HTTP_CORE_RESPONSE_CACHE_H

#include "base/clock.h"
#include "cache/cache.h"
#include "http/core/response.h"
#include "model/result.h"

#include <stddef.h>

struct hits;

#define HITS_TEXT 192 /* bytes of a request that is remembered; longer ones go the slow way */

/* What makes two plain requests the same. */
struct hits_text {
    char bytes[HITS_TEXT];
    size_t len; /* 0 = not to be remembered */
};

struct hits *hits_new(struct cache *cache);
void hits_free(struct hits *hits);

/* A new second has begun: what was said in the last one is let go. */
void hits_new_second(struct hits *hits);

/* The response to send, borrowed until the next call; NULL = the slow way. */
struct ready *hits_find(struct hits *hits, const struct hits_text *text, const struct clock *clock);

/* The key and format of the question that this text is known to ask; false when it is not known. */
bool hits_question(const struct hits *hits, const struct hits_text *text,
                   const unsigned char **ret_key, enum result_format *ret_format);

/* What this text asks, and what was said to it in this second, out of `result`, which is fresh. */
void hits_remember(struct hits *hits, const struct hits_text *text, const struct result *result,
                   enum result_format format, struct ready *ready);

#endif

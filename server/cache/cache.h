/* SPDX-License-Identifier: MIT */
/* cache.h - caches finished results in memory, by question, up to a limit in bytes.
 *
 * Workers read, the engine writes. The table is divided into shards by key, each with a lock that
 * is held for one lookup, so a hit never waits for the engine. At the limit, the least recently
 * used results are evicted. The cache does not judge freshness: it returns what it has, and the
 * reader compares expires_ms with its clock. Any thread. */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include "base/hash.h"
#include "model/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;

/* Creates a cache of at most `max_bytes`. The caller frees it with cache_free() (NULL is a no-op),
 * when no other thread uses it. */
struct cache *cache_new(size_t max_bytes);
void cache_free(struct cache *cache);

/* Returns a reference that the caller releases, or NULL. */
const struct result *cache_find(struct cache *cache, const unsigned char key[HASH_SIZE]);

/* Takes its own reference and replaces the previous result for the key. Returns false if the result
 * is larger than its shard's share of the limit; then nothing is cached for the key. */
bool cache_put(struct cache *cache, const struct result *result);

/* Removes the result for the key, if there is one. */
void cache_remove(struct cache *cache, const unsigned char key[HASH_SIZE]);

/* Removes all results for a domain and returns their number. Scans every result, shard by shard. */
size_t cache_remove_domain(struct cache *cache, const char *domain);

/* Returns a number that changes when a result is put, replaced, removed or evicted, before any
 * thread can observe the change. Never UINT64_MAX. */
uint64_t cache_changes(const struct cache *cache);

struct cache_stats {
    uint64_t n, bytes, max_bytes;
    uint64_t evicted; /* to make room, since the start */
};
/* Returns the current totals; locks one shard at a time. */
struct cache_stats cache_stats(struct cache *cache);

#endif

/* SPDX-License-Identifier: MIT */
/* cache.h - finished results in memory, by question, bounded in bytes.
 *
 * Workers read, the engine writes. The table is cut into shards by key, each with a lock of its own
 * held for one look-up, so a hit never waits for the engine. The least recently used results go
 * when the limit is reached. The cache does not judge freshness: it returns what it has, and the
 * reader compares expires_ms with its clock. Any thread. */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include "base/hash.h"
#include "model/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;

struct cache *cache_new(size_t max_bytes);
void cache_free(struct cache *cache);

/* A reference for the caller, or NULL. */
const struct result *cache_find(struct cache *cache, const unsigned char key[HASH_SIZE]);

/* Takes a reference of its own; replaces what was there for the key. A result larger than its
 * shard's share of the limit is not kept: false. */
bool cache_put(struct cache *cache, const struct result *result);

void cache_remove(struct cache *cache, const unsigned char key[HASH_SIZE]);

/* Removes all answers about a domain; how many there were. Looks at every result, shard by shard.
 */
size_t cache_remove_domain(struct cache *cache, const char *domain);

/* A number that moves whenever a result is put, replaced, removed or dropped, and before anybody
 * can see it gone. Never UINT64_MAX. */
uint64_t cache_changes(const struct cache *cache);

struct cache_stats {
    size_t n, bytes, max_bytes;
    uint64_t evicted; /* for want of memory, since the start */
};
struct cache_stats cache_stats(struct cache *cache);

#endif

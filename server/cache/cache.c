/* SPDX-License-Identifier: MIT */
/* cache.c - see cache.h. Sixteen shards, each a hash table in order of use with its own lock.
 *
 * uthash keeps its elements in insertion order. Deleting and adding an element again moves it to
 * the end, so the head is always the least recently used. Keys are SHA-256 digests, so their first
 * byte selects the shard. */
#include "cache/cache.h"

#include "base/mem.h"

#include "base/hashtable.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS 16

struct entry {
    const struct result *result; /* result->key is the key of the entry */
    UT_hash_handle hh;
};

/* Aligned to cache lines, so that workers in different shards do not contend. */
struct shard {
    _Alignas(64) pthread_mutex_t lock;
    struct entry *entries;
    size_t bytes;
    uint64_t evicted;
};

struct cache {
    size_t max_bytes;
    struct shard shards[SHARDS];
    /* On a separate cache line, which the hit path only reads. */
    _Alignas(64) atomic_uint_fast64_t changes;
};

struct cache *cache_new(size_t max_bytes)
{
    struct cache *cache = xcalloc_aligned(_Alignof(struct cache), sizeof *cache);

    cache->max_bytes = max_bytes;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&cache->shards[i].lock, NULL);
    return cache;
}

static size_t cost(const struct result *result)
{
    return result->bytes + sizeof(struct entry);
}

static void note_change(struct cache *cache)
{
    atomic_fetch_add_explicit(&cache->changes, 1, memory_order_release);
}

uint64_t cache_changes(const struct cache *cache)
{
    return atomic_load_explicit(&cache->changes, memory_order_acquire);
}

static void drop(struct shard *shard, struct entry *entry)
{
    HASH_DEL(shard->entries, entry);
    shard->bytes -= cost(entry->result);
    result_unref(entry->result);
    free(entry);
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    for (int i = 0; i < SHARDS; i++) {
        while (cache->shards[i].entries)
            drop(&cache->shards[i], cache->shards[i].entries);
        pthread_mutex_destroy(&cache->shards[i].lock);
    }
    free(cache);
}

static struct shard *shard_of(struct cache *cache, const unsigned char *key)
{
    return &cache->shards[key[0] % SHARDS];
}

static struct entry *find(struct shard *shard, const unsigned char *key)
{
    struct entry *entry;

    HASH_FIND(hh, shard->entries, key, HASH_SIZE, entry);
    return entry;
}

static void add(struct shard *shard, struct entry *entry)
{
    HASH_ADD_KEYPTR(hh, shard->entries, entry->result->key, HASH_SIZE, entry);
}

const struct result *cache_find(struct cache *cache, const unsigned char key[HASH_SIZE])
{
    struct shard *shard = shard_of(cache, key);
    const struct result *result = NULL;

    pthread_mutex_lock(&shard->lock);
    struct entry *entry = find(shard, key);
    if (entry) {
        if (entry->hh.next) { /* not already the most recent */
            HASH_DEL(shard->entries, entry);
            add(shard, entry);
        }
        result = result_ref(entry->result);
    }
    pthread_mutex_unlock(&shard->lock);
    return result;
}

bool cache_put(struct cache *cache, const struct result *result)
{
    struct shard *shard = shard_of(cache, result->key);
    size_t limit = cache->max_bytes / SHARDS;

    pthread_mutex_lock(&shard->lock);
    note_change(cache);
    struct entry *entry = find(shard, result->key);
    if (entry)
        drop(shard, entry);
    bool fits = cost(result) <= limit;
    while (fits && shard->bytes + cost(result) > limit) {
        drop(shard, shard->entries);
        shard->evicted++;
    }
    if (fits) {
        entry = xcalloc(1, sizeof *entry);
        entry->result = result_ref(result);
        shard->bytes += cost(result);
        add(shard, entry);
    }
    pthread_mutex_unlock(&shard->lock);
    return fits;
}

void cache_remove(struct cache *cache, const unsigned char key[HASH_SIZE])
{
    struct shard *shard = shard_of(cache, key);

    pthread_mutex_lock(&shard->lock);
    note_change(cache);
    struct entry *entry = find(shard, key);
    if (entry)
        drop(shard, entry);
    pthread_mutex_unlock(&shard->lock);
}

static size_t drop_domain(struct shard *shard, const char *domain)
{
    struct entry *entry, *next;
    size_t n = 0;

    HASH_ITER (hh, shard->entries, entry, next)
        if (entry->result->domain && strcmp(entry->result->domain, domain) == 0) {
            drop(shard, entry);
            n++;
        }
    return n;
}

size_t cache_remove_domain(struct cache *cache, const char *domain)
{
    size_t n = 0;

    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&cache->shards[i].lock);
        note_change(cache);
        n += drop_domain(&cache->shards[i], domain);
        pthread_mutex_unlock(&cache->shards[i].lock);
    }
    return n;
}

struct cache_stats cache_stats(struct cache *cache)
{
    struct cache_stats stats = {.max_bytes = cache->max_bytes};

    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        pthread_mutex_lock(&shard->lock);
        stats.n += HASH_COUNT(shard->entries);
        stats.bytes += shard->bytes;
        stats.evicted += shard->evicted;
        pthread_mutex_unlock(&shard->lock);
    }
    return stats;
}

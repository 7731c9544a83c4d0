/* SPDX-License-Identifier: MIT */
/* response_cache.c - see response_cache.h. */
#include "http/core/response_cache.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 2048 /* a power of two */

struct entry {
    struct response_cache_key key;
    unsigned char question_key[HASH_SIZE];
    enum result_format format;
    /* For the current second: */
    struct response *response; /* NULL = no response */
    const struct result *result;
    int64_t expires_ms;
    uint64_t changes; /* of the cache, when it was last seen to hold `result` */
};

struct response_cache {
    struct cache *results;
    struct entry *slots[SLOTS]; /* allocated on first use */
};

struct response_cache *response_cache_new(struct cache *results)
{
    struct response_cache *cache = xcalloc(1, sizeof *cache);

    cache->results = results;
    return cache;
}

static void drop_response(struct entry *entry)
{
    response_unref(entry->response);
    result_unref(entry->result);
    entry->response = NULL;
    entry->result = NULL;
}

void response_cache_free(struct response_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        if (cache->slots[i]) {
            drop_response(cache->slots[i]);
            free(cache->slots[i]);
        }
    free(cache);
}

void response_cache_new_second(struct response_cache *cache)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (cache->slots[i] && cache->slots[i]->response)
            drop_response(cache->slots[i]);
}

/* FNV-1a. A collision only costs the slow path. */
static size_t slot_of(const struct response_cache_key *key)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < key->len; i++)
        hash = (hash ^ (unsigned char)key->bytes[i]) * UINT64_C(1099511628211);
    return (hash ^ hash >> 32) % SLOTS;
}

static struct entry *find(const struct response_cache *cache, const struct response_cache_key *key)
{
    struct entry *entry = key->len ? cache->slots[slot_of(key)] : NULL;

    if (!entry || entry->key.len != key->len || memcmp(entry->key.bytes, key->bytes, key->len) != 0)
        return NULL;
    return entry;
}

/* Returns whether the cache still holds `entry->result`. */
static bool is_current(const struct response_cache *cache, struct entry *entry)
{
    uint64_t changes = cache_changes(cache->results);

    if (entry->changes == changes)
        return true;
    const struct result *now = cache_find(cache->results, entry->question_key);
    bool same = now == entry->result;
    result_unref(now);
    entry->changes = changes;
    return same;
}

struct response *response_cache_find(struct response_cache *cache,
                                     const struct response_cache_key *key,
                                     const struct clock *clock)
{
    struct entry *entry = find(cache, key);

    if (!entry || !entry->response)
        return NULL;
    if (clock->wall_ms < entry->expires_ms && is_current(cache, entry))
        return entry->response;
    drop_response(entry);
    return NULL;
}

bool response_cache_find_question(const struct response_cache *cache,
                                  const struct response_cache_key *key,
                                  const unsigned char **ret_key, enum result_format *ret_format)
{
    const struct entry *entry = find(cache, key);

    if (!entry)
        return false;
    *ret_key = entry->question_key;
    *ret_format = entry->format;
    return true;
}

void response_cache_put(struct response_cache *cache, const struct response_cache_key *key,
                        const struct result *result, enum result_format format,
                        struct response *response)
{
    struct entry **slot = &cache->slots[slot_of(key)];

    if (!*slot)
        *slot = xcalloc(1, sizeof **slot);
    drop_response(*slot);
    /* The cache may have changed since `result` was found. UINT64_MAX makes the next
     * response_cache_find() check it. */
    **slot = (struct entry){.key = *key,
                            .format = format,
                            .response = response_ref(response),
                            .result = result_ref(result),
                            .expires_ms = result->expires_ms,
                            .changes = UINT64_MAX};
    memcpy((*slot)->question_key, result->key, HASH_SIZE);
}
